//! The place that an entry stands for, and how places lie in a table of entries.

use crate::error::{Error, Result};
use crate::schema::IndexPart;
use crate::storage::read::{PartitionBound, Slice};
use crate::storage::row::{PartitionKey, Row};
use crate::types::{Type, key};
use bytes::Bytes;

/// The place of a row in the indexed table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its partition.
    pub partition: PartitionKey,
    /// Its clustering; none of a static row, which comes before the others.
    pub clustering: Option<Bytes>,
}

/// Appends a component of an entry's clustering.
fn put(ty: &Type, value: &[u8], out: &mut Vec<u8>) {
    // A bigint of 8 bytes and a blob are always values of their types.
    let encoded = key::encode_component(ty, false, Some(value), out);
    debug_assert!(encoded.is_ok(), "{encoded:?}");
}

/// The beginning that the entries of a partition share.
fn prefix(partition: &PartitionKey) -> Vec<u8> {
    let mut out = Vec::with_capacity(partition.key.len() + 16);
    put(&Type::BigInt, &partition.token.to_be_bytes(), &mut out);
    put(&Type::Blob, &partition.key, &mut out);
    out
}

fn before(mut prefix: Vec<u8>) -> Bytes {
    key::bound_before(&mut prefix);
    Bytes::from(prefix)
}

fn after(mut prefix: Vec<u8>) -> Bytes {
    key::bound_after(&mut prefix);
    Bytes::from(prefix)
}

impl Place {
    /// The place that an entry stands for: `row` is a row of a table of entries.
    pub fn decode(row: &Row) -> Result<Self> {
        let mut rest = row.clustering.clone();
        let mut next = |ty: &Type| -> Result<Bytes> {
            let (value, used) = key::decode_component(ty, false, &rest)?;
            rest = rest.slice(used.min(rest.len())..);
            value.map(Bytes::from).ok_or_else(damaged)
        };
        let token = next(&Type::BigInt)?;
        let token = i64::from_be_bytes(token.as_ref().try_into().map_err(|_| damaged())?);
        let key = next(&Type::Blob)?;
        let clustering = next(&Type::Blob)?;
        Ok(Self {
            partition: PartitionKey { token, key },
            clustering: (!clustering.is_empty()).then_some(clustering),
        })
    }

    /// The beginning that the entries of the place share.
    fn prefix(&self) -> Vec<u8> {
        let mut out = prefix(&self.partition);
        let clustering = self.clustering.as_deref().unwrap_or_default();
        put(&Type::Blob, clustering, &mut out);
        out
    }

    /// The clustering of the place's entry; `path` is the element's, where it is part of it.
    pub fn entry_clustering(&self, part: IndexPart, path: &[u8]) -> Bytes {
        let mut out = self.prefix();
        if part == IndexPart::Values {
            put(&Type::Blob, path, &mut out);
        }
        key::finish_clustering(&mut out);
        Bytes::from(out)
    }
}

fn damaged() -> Error {
    Error::internal("an index entry stands for no place")
}

/// The entries of one partition of the indexed table.
pub fn entries_of_partition(partition: &PartitionKey) -> Slice {
    Slice {
        start: before(prefix(partition)),
        end: after(prefix(partition)),
    }
}

/// The bound before the entries of a place, or (`behind`) behind them: where a page goes on.
pub fn entries_from(place: &Place, behind: bool) -> Bytes {
    if behind {
        after(place.prefix())
    } else {
        before(place.prefix())
    }
}

/// The entries of a range of partitions of the indexed table.
pub fn entries_between(start: &PartitionBound, end: &PartitionBound) -> Slice {
    let all = Slice::all();
    let bound = |bound: &PartitionBound, open: Bytes| match bound {
        PartitionBound::Open => open,
        PartitionBound::BeforeToken(token) => before(token_prefix(*token)),
        PartitionBound::AfterToken(token) => after(token_prefix(*token)),
        PartitionBound::Before(key) => before(prefix(key)),
        PartitionBound::After(key) => after(prefix(key)),
    };
    Slice {
        start: bound(start, all.start),
        end: bound(end, all.end),
    }
}

fn token_prefix(token: i64) -> Vec<u8> {
    let mut out = Vec::new();
    put(&Type::BigInt, &token.to_be_bytes(), &mut out);
    out
}
