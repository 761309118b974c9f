//! The cells of one simple column in a block, or the elements of a multi-cell one.
//!
//! A cell usually has its row's timestamp, and expires with its row or not at all: then nothing
//! but its value is stored. What differs stands in a list of exceptions, sorted by slot.
//!
//! ```text
//! presence of values │ exceptions │ values (those that are present)
//!
//! exceptions = 0                                            none
//!            │ count varint, 0, slots packed, metadata      some cells, tombstones among them
//!            │ count varint, 1, metadata                    each cell that has a value, in order
//! metadata   = timestamps packed │ TTLs packed │ expiries packed
//! ```
//! A tombstone has no value; its deletion time stands as its expiry.

use crate::storage::cell::{Cell, NEVER, NO_TTL};
use crate::storage::sstable::codec::{Damage, Input, Parsed, put_count};
use crate::storage::sstable::packed::{Packed, put_packed};
use crate::storage::sstable::presence::{Presence, PresenceBuilder};
use crate::storage::sstable::values::{OverflowRef, Values};
use crate::storage::sstable::values_builder::{ValuesBuilder, Zone};
use crate::types::physical::PhysicalKind;

/// What a cell is beside its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellMeta {
    /// The write timestamp.
    pub timestamp: i64,
    /// The time to live.
    pub ttl_seconds: i32,
    /// Expiry or deletion time.
    pub expiry_seconds: i64,
}

impl CellMeta {
    /// Of a cell.
    #[inline]
    pub fn of(cell: &Cell) -> Self {
        Self {
            timestamp: cell.timestamp,
            ttl_seconds: cell.ttl_seconds,
            expiry_seconds: cell.expiry_seconds,
        }
    }

    /// Whether it is that of a tombstone.
    #[inline]
    pub fn is_tombstone(&self) -> bool {
        self.ttl_seconds == NO_TTL && self.expiry_seconds != NEVER
    }

    /// Whether it is that of something that expires.
    #[inline]
    pub fn is_expiring(&self) -> bool {
        self.ttl_seconds != NO_TTL
    }
}

/// A time as it is packed: "never" is 0 rather than far away from all others.
pub fn time_code(seconds: i64) -> i64 {
    match seconds {
        NEVER => 0,
        0.. => seconds + 1,
        _ => seconds,
    }
}

/// The time of a code.
pub fn time_of(code: i64) -> i64 {
    match code {
        0 => NEVER,
        1.. => code - 1,
        _ => code,
    }
}

// Persisted: never change them.
const SOME: u8 = 0;
const EACH: u8 = 1;

/// Collects cells, in rising order of slot.
#[derive(Debug, Default)]
pub struct CellsBuilder {
    presence: PresenceBuilder,
    values: ValuesBuilder,
    exceptions: Vec<(u32, CellMeta)>,
    tombstones: usize,
    expiring: usize,
}

impl CellsBuilder {
    /// Adds a cell of a row whose cells usually are like `base`.
    #[inline]
    pub fn push(&mut self, slot: usize, cell: &Cell, base: &CellMeta) {
        let meta = CellMeta::of(cell);
        if meta.is_tombstone() {
            self.tombstones += 1;
            self.exceptions.push((slot as u32, meta));
            return;
        }
        if meta.is_expiring() {
            self.expiring += 1;
        }
        if meta != *base {
            self.exceptions.push((slot as u32, meta));
        }
        self.presence.set(slot);
        self.values.push_value(&cell.value);
    }

    /// Whether it has no cell.
    pub fn is_empty(&self) -> bool {
        self.presence.count() == 0 && self.exceptions.is_empty()
    }

    /// How many tombstones it has.
    pub fn tombstones(&self) -> usize {
        self.tombstones
    }

    /// How many expiring cells it has.
    pub fn expiring(&self) -> usize {
        self.expiring
    }

    /// Whether some cell is not like its row.
    pub fn has_exceptions(&self) -> bool {
        !self.exceptions.is_empty()
    }

    /// The values.
    pub fn values(&self) -> &ValuesBuilder {
        &self.values
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.presence.clear();
        self.values.clear();
        self.exceptions.clear();
        self.tombstones = 0;
        self.expiring = 0;
    }

    /// Appends the cells of a page of `slots`; answers the zone of a fixed kind.
    pub fn encode(
        &self,
        out: &mut Vec<u8>,
        slots: usize,
        kind: PhysicalKind,
        overflow: &[OverflowRef],
    ) -> Option<Zone> {
        self.presence.encode(out, slots);
        put_count(out, self.exceptions.len());
        if !self.exceptions.is_empty() {
            if self.tombstones == 0 && self.exceptions.len() == self.presence.count() {
                out.push(EACH);
            } else {
                out.push(SOME);
                self.put(out, |slot, _| i64::from(slot));
            }
            self.put(out, |_, meta| meta.timestamp);
            self.put(out, |_, meta| i64::from(meta.ttl_seconds));
            self.put(out, |_, meta| time_code(meta.expiry_seconds));
        }
        self.values.encode_cells(out, kind, overflow)
    }

    fn put(&self, out: &mut Vec<u8>, part: impl Fn(u32, &CellMeta) -> i64) {
        let parts: Vec<i64> = self
            .exceptions
            .iter()
            .map(|(slot, meta)| part(*slot, meta))
            .collect();
        put_packed(out, &parts);
    }
}

/// The cells that are not like their rows.
#[derive(Clone, Copy, Debug)]
struct Exceptions {
    count: usize,
    slots: Option<Packed>,
    timestamps: Packed,
    ttls: Packed,
    expiries: Packed,
}

impl Exceptions {
    fn parse(input: &mut Input<'_>, slots: usize, present: usize) -> Parsed<Option<Box<Self>>> {
        let count = input.count(slots)?;
        if count == 0 {
            return Ok(None);
        }
        let slots = match input.u8()? {
            SOME => Some(Packed::parse(input, count)?),
            EACH if count == present => None,
            _ => return Err(Damage("an unknown form of exceptions")),
        };
        Ok(Some(Box::new(Self {
            count,
            slots,
            timestamps: Packed::parse(input, count)?,
            ttls: Packed::parse(input, count)?,
            expiries: Packed::parse(input, count)?,
        })))
    }

    #[inline]
    fn find(&self, page: &[u8], slot: usize, rank: Option<usize>) -> Parsed<Option<CellMeta>> {
        let at = match &self.slots {
            None => match rank {
                Some(rank) => rank,
                None => return Ok(None),
            },
            Some(slots) => {
                let wanted = slot as i64;
                let at = slots.lower_bound(page, 0, self.count, wanted)?;
                if at == self.count || slots.get(page, at)? != wanted {
                    return Ok(None);
                }
                at
            }
        };
        let ttl = self.ttls.get(page, at)?;
        Ok(Some(CellMeta {
            timestamp: self.timestamps.get(page, at)?,
            ttl_seconds: i32::try_from(ttl).map_err(|_| Damage("a time to live"))?,
            expiry_seconds: time_of(self.expiries.get(page, at)?),
        }))
    }
}

/// Where cells stand in a page.
#[derive(Clone, Debug)]
pub struct Cells {
    presence: Presence,
    exceptions: Option<Box<Exceptions>>,
    values: Values,
}

impl Cells {
    /// Reads the head of the cells of `slots` and steps over them.
    pub fn parse(input: &mut Input<'_>, slots: usize) -> Parsed<Self> {
        let presence = Presence::parse(input, slots)?;
        let exceptions = Exceptions::parse(input, slots, presence.count())?;
        let values = Values::parse(input, presence.count())?;
        Ok(Self {
            presence,
            exceptions,
            values,
        })
    }

    /// Which slots have a value.
    pub fn presence(&self) -> &Presence {
        &self.presence
    }

    /// Whether each slot has a cell like its base.
    pub fn is_plain(&self) -> bool {
        self.exceptions.is_none() && matches!(self.presence, Presence::All(_))
    }

    /// The values of those.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// What the cell at `slot` is, and the number of its value unless it is a tombstone; none if
    /// there is no cell.
    #[inline]
    pub fn find(
        &self,
        page: &[u8],
        slot: usize,
        base: &CellMeta,
    ) -> Parsed<Option<(CellMeta, Option<usize>)>> {
        let rank = self.presence.rank(slot);
        if let Some(exceptions) = &self.exceptions
            && let Some(meta) = exceptions.find(page, slot, rank)?
        {
            return match rank {
                Some(_) if !meta.is_tombstone() => Ok(Some((meta, rank))),
                None if meta.is_tombstone() => Ok(Some((meta, None))),
                _ => Err(Damage("a cell that contradicts itself")),
            };
        }
        Ok(rank.map(|rank| (*base, Some(rank))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn times_and_their_codes() {
        for seconds in [NEVER, NEVER - 1, 0, 1, -1, i64::MIN, 1_700_000_000] {
            assert_eq!(time_of(time_code(seconds)), seconds);
        }
        assert_eq!(time_code(NEVER), 0);
    }

    #[test]
    fn cells_come_back() {
        let base = CellMeta {
            timestamp: 100,
            ttl_seconds: NO_TTL,
            expiry_seconds: NEVER,
        };
        let value = |i: i64| Bytes::copy_from_slice(&i.to_be_bytes());
        let lists: [Vec<(usize, Cell)>; 4] = [
            (0..9)
                .map(|i| (i, Cell::plain(100, value(i as i64))))
                .collect(),
            (0..9)
                .step_by(2)
                .map(|i| (i, Cell::plain(7, value(1))))
                .collect(),
            vec![
                (1, Cell::tombstone(5, 6)),
                (3, Cell::plain(100, value(4))),
                (4, Cell::expiring(101, 60, 1_000, value(9))),
                (8, Cell::tombstone(i64::MAX, 0)),
            ],
            vec![],
        ];
        for cells in lists {
            let mut builder = CellsBuilder::default();
            for (slot, cell) in &cells {
                builder.push(*slot, cell, &base);
            }
            let mut page = Vec::new();
            builder.encode(&mut page, 9, PhysicalKind::Bytes, &[]);
            let mut input = Input::new(&page);
            let found = Cells::parse(&mut input, 9).unwrap();
            assert_eq!(input.left(), 0);
            for slot in 0..9 {
                let wanted = cells.iter().find(|(s, _)| *s == slot).map(|(_, cell)| cell);
                let got = found
                    .find(&page, slot, &base)
                    .unwrap()
                    .map(|(meta, rank)| Cell {
                        timestamp: meta.timestamp,
                        ttl_seconds: meta.ttl_seconds,
                        expiry_seconds: meta.expiry_seconds,
                        value: rank.map_or_else(Bytes::new, |rank| {
                            Bytes::copy_from_slice(found.values.bytes(&page, rank).unwrap())
                        }),
                    });
                assert_eq!(got.as_ref(), wanted);
            }
        }
    }
}
