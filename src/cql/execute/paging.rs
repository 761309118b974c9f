//! Where a page of a result ended, and how to go on there.
//!
//! A paging state is the place of the last row that was handed out, and what LIMIT and PER
//! PARTITION LIMIT have counted until then. Nothing is kept for it anywhere: it can be used after
//! a restart, and by another server of the same data. Whoever brings one is not to be trusted, so
//! it says what it belongs to and ends with a checksum; a place that is not there any more is no
//! fault, reading goes on behind where it was.
//!
//! ```text
//! version(1) statement(8) table(8) returned(8) rows(8) row? key-length(4) key clustering crc32c(4)
//! ```

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::schema::TableId;
use crate::storage::read::{PartitionBound, Partitions, ReadCommand, Slice};
use crate::storage::row::PartitionKey;
use crate::types::token;
use bytes::{Buf, BufMut, Bytes, BytesMut};

const VERSION: u8 = 1;
/// What a state has besides the keys: everything up to the key's length, and the checksum.
const FIXED_BYTES: usize = 1 + 8 + 8 + 8 + 8 + 1 + 4 + 4;
/// The longest state: the longest key, and clusterings that are longer than the values they have.
const STATE_BYTES_MAX: usize = 16 << 20;

/// Which page of a result is wanted.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// How many rows a page has.
    pub size: usize,
    /// Where the page before ended.
    pub state: Option<Bytes>,
    /// What tells the statement from others.
    pub statement: u64,
}

/// A place in the rows of a SELECT: behind a row that was handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The partition.
    pub partition: PartitionKey,
    /// The row's clustering; none: nothing more of the partition is wanted.
    pub row: Option<Bytes>,
    /// How many rows (with GROUP BY: groups) of the partition were handed out.
    pub rows: u64,
}

/// What a paging state says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagingState {
    /// What tells the statement from others.
    pub statement: u64,
    /// The table.
    pub table: TableId,
    /// How many rows were handed out.
    pub returned: u64,
    /// The place of the last of them.
    pub place: Place,
}

fn invalid() -> Error {
    Error::new(ErrorKind::Protocol, "Invalid value for the paging state")
        .with_hint("It is damaged, or another statement's.")
}

impl PagingState {
    /// Its bytes.
    pub fn encode(&self) -> Bytes {
        let place = &self.place;
        let row = place.row.as_deref().unwrap_or_default();
        let mut out = BytesMut::with_capacity(FIXED_BYTES + place.partition.key.len() + row.len());
        out.put_u8(VERSION);
        out.put_u64(self.statement);
        out.put_u64(self.table.0);
        out.put_u64(self.returned);
        out.put_u64(place.rows);
        out.put_u8(u8::from(place.row.is_some()));
        // At most `limits::KEY_BYTES_MAX`.
        out.put_u32(u32::try_from(place.partition.key.len()).unwrap_or(u32::MAX));
        out.put_slice(&place.partition.key);
        out.put_slice(row);
        let checksum = crc32c::crc32c(&out);
        out.put_u32(checksum);
        out.freeze()
    }

    /// Reads the state of the same statement on the same table.
    pub fn decode(bytes: &Bytes, statement: u64, table: TableId) -> Result<Self> {
        let state = Self::decode_any(bytes).ok_or_else(invalid)?;
        if state.statement != statement || state.table != table {
            return Err(invalid());
        }
        Ok(state)
    }

    /// Whether `bytes` are a paging state at all, be it another statement's.
    pub fn check(bytes: &Bytes) -> Result<()> {
        Self::decode_any(bytes).map(drop).ok_or_else(invalid)
    }

    fn decode_any(bytes: &Bytes) -> Option<Self> {
        if bytes.len() < FIXED_BYTES || bytes.len() > STATE_BYTES_MAX {
            return None;
        }
        let mut rest = bytes.clone();
        let checksum = rest.split_off(rest.len() - 4).get_u32();
        if crc32c::crc32c(&rest) != checksum || rest.get_u8() != VERSION {
            return None;
        }
        let statement = rest.get_u64();
        let table = TableId(rest.get_u64());
        let returned = rest.get_u64();
        let rows = rest.get_u64();
        let has_row = rest.get_u8() == 1;
        let length = usize::try_from(rest.get_u32()).ok()?;
        if length == 0 || length > limits::KEY_BYTES_MAX || length > rest.len() {
            return None;
        }
        let key = rest.split_to(length);
        let partition = PartitionKey {
            token: token::murmur3_token(&key),
            key,
        };
        Some(Self {
            statement,
            table,
            returned,
            place: Place {
                partition,
                row: has_row.then_some(rest),
                rows,
            },
        })
    }
}

impl Place {
    /// What is left of `command` behind this place: of the partition itself, if anything, and of
    /// those that follow, if there are any.
    pub fn rest_of(
        &self,
        command: ReadCommand,
    ) -> Result<(Option<ReadCommand>, Option<ReadCommand>)> {
        let following = match &command.partitions {
            Partitions::Keys(keys) => {
                let at = keys.iter().position(|key| *key == self.partition);
                let (_, rest) = keys.split_at(at.ok_or_else(invalid)? + 1);
                (!rest.is_empty()).then(|| Partitions::Keys(rest.to_vec()))
            }
            Partitions::Range { start, end } => {
                if !start.starts_before(&self.partition) || !end.ends_behind(&self.partition) {
                    return Err(invalid());
                }
                Some(Partitions::Range {
                    start: PartitionBound::After(self.partition.clone()),
                    end: end.clone(),
                })
            }
        };
        let slices = match &self.row {
            Some(row) => behind(&command.slices, row, command.reversed),
            None => Vec::new(),
        };
        let own = (!slices.is_empty()).then(|| ReadCommand {
            partitions: Partitions::Keys(vec![self.partition.clone()]),
            slices,
            ..command.clone()
        });
        let following = following.map(|partitions| ReadCommand {
            partitions,
            ..command
        });
        Ok((own, following))
    }
}

/// What is left of `slices` behind the row `row`.
pub fn behind(slices: &[Slice], row: &Bytes, reversed: bool) -> Vec<Slice> {
    // Nothing lies between a row and itself with a zero byte.
    let mut after = Vec::with_capacity(row.len() + 1);
    after.extend_from_slice(row);
    after.push(0);
    let after = Bytes::from(after);
    let mut left: Vec<Slice> = slices.to_vec();
    for slice in &mut left {
        if reversed {
            slice.end = slice.end.clone().min(row.clone());
        } else {
            slice.start = slice.start.clone().max(after.clone());
        }
    }
    left.retain(|slice| slice.start < slice.end);
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> PagingState {
        let key = Bytes::from_static(b"some key");
        PagingState {
            statement: 7,
            table: TableId(3),
            returned: 12,
            place: Place {
                partition: PartitionKey {
                    token: token::murmur3_token(&key),
                    key,
                },
                row: Some(Bytes::from_static(&[0x40, 1, 2, 0x38])),
                rows: 5,
            },
        }
    }

    #[test]
    fn a_state_is_read_back_and_no_damage_goes_unseen() {
        let mut state = state();
        let bytes = state.encode();
        assert_eq!(PagingState::decode(&bytes, 7, TableId(3)).unwrap(), state);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.to_vec();
                damaged[at] ^= 1 << bit;
                let refused = PagingState::decode(&Bytes::from(damaged), 7, TableId(3));
                assert_eq!(refused.unwrap_err().kind, ErrorKind::Protocol);
            }
            assert!(PagingState::decode(&bytes.slice(..at), 7, TableId(3)).is_err());
        }
        assert!(PagingState::decode(&bytes, 8, TableId(3)).is_err());
        assert!(PagingState::decode(&bytes, 7, TableId(4)).is_err());
        state.place.row = None;
        let bytes = state.encode();
        assert_eq!(PagingState::decode(&bytes, 7, TableId(3)).unwrap(), state);
    }

    #[test]
    fn a_key_that_the_statement_does_not_name_is_refused() {
        let command = ReadCommand {
            table: TableId(3),
            partitions: Partitions::Keys(Vec::new()),
            slices: vec![Slice::all()],
            reversed: false,
            columns: crate::storage::read::Projection::All,
            now_seconds: 0,
        };
        let refused = state().place.rest_of(command).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Protocol);
    }
}
