//! Secondary indexes: which entries a row has, and how an entry is written and read.
//!
//! An index is a hidden table of entries (`schema::index` draws it). The rule that everything rests
//! on: **the entries of a row are a function of the row**, [`entries_of`], and of nothing else. A
//! write, a build and a check all go by it, so they cannot disagree.
//!
//! An entry lives exactly as long as what it stands for: that of a cell expires with the cell, that
//! of a key column with the longest-living part of its row. Nothing here asks for the time: an
//! expired cell still has its entry, which has expired too.
//!
//! | part | a row's entries |
//! |---|---|
//! | partition-key column | one for each row, one for a static row |
//! | clustering column | one for each row |
//! | static or regular column, one cell | its value |
//! | values | each element of a list or set, each value of a map |
//! | keys | each key of a map |
//! | entries | each key of a map with its value |
//!
//! A write finds out what it changes by reading ([`change`]): the affected rows as they are, and
//! as they will be. The difference of their entries goes into the same mutation.

pub mod change;
mod place;

pub use place::{Place, entries_between, entries_from, entries_of_partition};

use crate::error::{Error, Result};
use crate::limits::KEY_BYTES_MAX;
use crate::schema::{ColumnId, ColumnKind, Index, IndexPart, Table};
use crate::storage::cell::{Cell, Liveness, NEVER, NO_TTL};
use crate::storage::row::{ColumnData, PartitionKey, PathCell, Row};
use crate::types::{Type, key, token};
use bytes::Bytes;

/// An entry of an index: a row of its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The indexed value: its partition's key.
    pub value: Bytes,
    /// Its place among those of the same value.
    pub clustering: Bytes,
    /// How long it was to live, in seconds.
    pub ttl_seconds: i32,
    /// When it expires, in seconds since 1970.
    pub expiry_seconds: i64,
}

/// How long something lives: when it expires, and how long it was to live.
type Life = (i64, i32);

/// The key of the partition where the entries of `value` stand. A value that is too long for a
/// key has no entries, and is refused when written.
pub fn entry_key(value: &[u8]) -> PartitionKey {
    PartitionKey {
        token: token::murmur3_token(value),
        key: Bytes::copy_from_slice(value),
    }
}

/// The indexed value of a map's key with its value.
pub fn pair_value(key: &[u8], value: &[u8]) -> Vec<u8> {
    key::compose_partition_key(&[key, value])
}

/// How long a row lives: as long as the longest-living of its parts.
fn life_of_row(row: &Row) -> Option<Life> {
    let of_cell =
        |cell: &Cell| (!cell.is_tombstone()).then_some((cell.expiry_seconds, cell.ttl_seconds));
    let marker = &row.liveness;
    let marker = (!marker.is_none()).then_some((marker.expiry_seconds, marker.ttl_seconds));
    let cells = row.columns.iter().flat_map(|column| {
        let (simple, elements) = match &column.data {
            ColumnData::Simple(cell) => (Some(cell), &[][..]),
            ColumnData::Complex { cells, .. } => (None, cells.as_slice()),
        };
        simple
            .into_iter()
            .chain(elements.iter().map(|element| &element.cell))
    });
    marker.into_iter().chain(cells.filter_map(of_cell)).max()
}

/// The entries of one row of `table` in `index`, appended to `out`. The row must be reconciled,
/// with all that deletions take from it gone (a read at the beginning of time gives it); a static
/// row has no clustering.
pub fn entries_of(
    table: &Table,
    index: &Index,
    partition: &PartitionKey,
    row: &Row,
    out: &mut Vec<Entry>,
) -> Result<()> {
    let Some(column) = table.column_by_id(index.column) else {
        return Ok(());
    };
    let is_static = row.clustering.is_empty();
    let place = Place {
        partition: partition.clone(),
        clustering: (!is_static).then(|| row.clustering.clone()),
    };
    let mut put = |value: Bytes, path: &[u8], life: Life| {
        if value.len() < KEY_BYTES_MAX {
            out.push(Entry {
                value,
                clustering: place.entry_clustering(index.part, path),
                expiry_seconds: life.0,
                ttl_seconds: life.1,
            });
        }
    };
    match column.kind {
        ColumnKind::PartitionKey => {
            let parts = key::split_partition_key(&partition.key, table.partition_key.len())?;
            if let (Some(part), Some(life)) = (parts.get(column.position), life_of_row(row)) {
                put(partition.key.slice_ref(part), &[], life);
            }
        }
        ColumnKind::Clustering if !is_static => {
            if let (Some(value), Some(life)) = (
                clustering_value(table, row, column.position)?,
                life_of_row(row),
            ) {
                put(value, &[], life);
            }
        }
        ColumnKind::Static if is_static => cells(index, &column.ty, row, &mut put)?,
        ColumnKind::Regular if !is_static => cells(index, &column.ty, row, &mut put)?,
        _ => {}
    }
    Ok(())
}

/// A clustering column's value, as it was written.
fn clustering_value(table: &Table, row: &Row, position: usize) -> Result<Option<Bytes>> {
    let mut rest = row
        .original
        .clone()
        .unwrap_or_else(|| row.clustering.clone());
    for column in &table.clustering {
        let value = if row.original.is_some() {
            take_original(&mut rest)?
        } else {
            let (value, used) = key::decode_component(&column.ty, column.descending, &rest)?;
            rest = rest.slice(used.min(rest.len())..);
            value.map(Bytes::from)
        };
        if column.position == position {
            return Ok(value);
        }
    }
    Ok(None)
}

/// Takes the first value off a clustering's original.
fn take_original(rest: &mut Bytes) -> Result<Option<Bytes>> {
    let short = || Error::internal("a clustering's original is short");
    let length = rest.first_chunk::<2>().ok_or_else(short)?;
    let length = u16::from_be_bytes(*length);
    *rest = rest.slice(2..);
    if length == u16::MAX {
        return Ok(None);
    }
    if rest.len() < usize::from(length) {
        return Err(short());
    }
    Ok(Some(rest.split_to(usize::from(length))))
}

/// The entries that stand for cells.
fn cells(
    index: &Index,
    ty: &Type,
    row: &Row,
    put: &mut impl FnMut(Bytes, &[u8], Life),
) -> Result<()> {
    match row.column(index.column) {
        Some(ColumnData::Simple(cell)) if !cell.is_tombstone() => {
            put(cell.value.clone(), &[], life_of(cell));
        }
        Some(ColumnData::Complex { cells, .. }) => {
            for element in cells.iter().filter(|element| !element.cell.is_tombstone()) {
                let value = element_value(index.part, ty, element)?;
                let path: &[u8] = match ty {
                    // An element of a set is its path already.
                    Type::Set { .. } => &[],
                    _ => &element.path,
                };
                put(value, path, life_of(&element.cell));
            }
        }
        _ => {}
    }
    Ok(())
}

fn life_of(cell: &Cell) -> Life {
    (cell.expiry_seconds, cell.ttl_seconds)
}

/// The indexed value of an element of a multi-cell column.
fn element_value(part: IndexPart, ty: &Type, element: &PathCell) -> Result<Bytes> {
    let path = |ty: &Type| match &element.original {
        Some(original) => Ok(original.clone()),
        None => key::decode_path(ty, &element.path).map(Bytes::from),
    };
    match (part, ty) {
        (IndexPart::Keys, Type::Map { key, .. }) => path(key),
        (IndexPart::Entries, Type::Map { key, .. }) => {
            Ok(Bytes::from(pair_value(&path(key)?, &element.cell.value)))
        }
        (_, Type::Set { element: ty, .. }) => path(ty),
        _ => Ok(element.cell.value.clone()),
    }
}

impl Entry {
    /// The row that is written for it at `timestamp`.
    pub fn row(&self, timestamp: i64) -> Row {
        Row {
            liveness: Liveness {
                timestamp,
                ttl_seconds: self.ttl_seconds,
                expiry_seconds: self.expiry_seconds,
            },
            ..Row::new(self.clustering.clone())
        }
    }

    /// The entry that a row of the entries' table is.
    pub fn of(value: &PartitionKey, row: &Row) -> Self {
        Self {
            value: value.key.clone(),
            clustering: row.clustering.clone(),
            ttl_seconds: row.liveness.ttl_seconds,
            expiry_seconds: row.liveness.expiry_seconds,
        }
    }

    /// Whether it never expires.
    pub fn is_lasting(&self) -> bool {
        self.expiry_seconds == NEVER && self.ttl_seconds == NO_TTL
    }
}

/// The columns that decide about the entries of some indexes: those that are indexed, or none
/// where it is all of them, since a row's life decides about a key column's entries.
pub fn deciding_columns(table: &Table) -> Option<Vec<ColumnId>> {
    let mut columns = Vec::new();
    for index in &table.indexes {
        let column = table.column_by_id(index.column)?;
        match column.kind {
            ColumnKind::Static | ColumnKind::Regular => columns.push(column.id),
            ColumnKind::PartitionKey | ColumnKind::Clustering => return None,
        }
    }
    columns.sort_unstable();
    columns.dedup();
    Some(columns)
}

#[cfg(test)]
mod tests;
