//! Partitions' keys, rows and range deletions, as all of storage passes them about.
//!
//! ```text
//! partition ── key: token ‖ raw key bytes
//!   ├─ deletion of the whole partition
//!   ├─ range deletions  [start, end)          in clustering bytes
//!   ├─ static row                             at the static position
//!   └─ rows, in clustering order
//!        ├─ liveness, deletion (plain, shadowable)
//!        └─ columns, by id: one cell, or a deletion and cells with paths
//! ```
//!
//! Clustering is compared as bytes only. A row's clustering is the byte-comparable form of its
//! clustering values with its terminator (`types::key`); a bound is the form of a prefix
//! with a byte below or above every continuation, so no bound ever equals a row, and every range
//! is half-open by construction.

use crate::schema::ColumnId;
use crate::storage::cell::{Cell, Deletion, Liveness};
use bytes::Bytes;

/// A partition's key: ordered by token, then by the raw bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionKey {
    /// The Murmur3 token of `key`.
    pub token: i64,
    /// The serialized partition key (Cassandra's composite form for several columns).
    pub key: Bytes,
}

/// The deletion of a whole row. The two kinds stand side by side, since a shadowable one that is
/// lifted must not take an older plain one with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RowDeletion {
    /// What DELETE writes; nothing lifts it.
    pub deletion: Deletion,
    /// The kind that materialized views need: a newer liveness marker lifts it.
    pub shadowable: Deletion,
}

impl RowDeletion {
    /// Nothing is deleted.
    pub const NONE: Self = Self {
        deletion: Deletion::NONE,
        shadowable: Deletion::NONE,
    };

    /// A plain deletion.
    pub fn plain(deletion: Deletion) -> Self {
        Self {
            deletion,
            shadowable: Deletion::NONE,
        }
    }

    /// Whether nothing is deleted.
    pub fn is_none(&self) -> bool {
        self.deletion.is_none() && self.shadowable.is_none()
    }

    /// What it deletes in a row with this marker.
    pub fn effective(&self, liveness: &Liveness) -> Deletion {
        if liveness.timestamp > self.shadowable.timestamp {
            self.deletion
        } else {
            self.deletion.max(self.shadowable)
        }
    }
}

/// A row, or a partition's static row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Byte-comparable clustering with terminator; empty for a static row.
    pub clustering: Bytes,
    /// The clustering values' wire bytes (each with a u16 length before it, big-endian; an absent
    /// value has length 0xFFFF), only where the byte-comparable form loses something.
    pub original: Option<Bytes>,
    /// The row's marker.
    pub liveness: Liveness,
    /// The row's deletion.
    pub deletion: RowDeletion,
    /// Its columns, in rising order of id.
    pub columns: Vec<RowColumn>,
}

/// One column of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowColumn {
    /// Which column.
    pub id: ColumnId,
    /// What stands there.
    pub data: ColumnData,
}

/// What stands in a column of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnData {
    /// One cell.
    Simple(Cell),
    /// A multi-cell collection or user type.
    Complex {
        /// Deletes the elements written up to its timestamp.
        deletion: Deletion,
        /// The elements, in rising byte order of their paths.
        cells: Vec<PathCell>,
    },
}

/// An element of a multi-cell column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathCell {
    /// The byte-comparable path: a list's timeuuid, a set's or map's key, a field's number.
    pub path: Bytes,
    /// The path's wire bytes, only where the byte-comparable form loses something.
    pub original: Option<Bytes>,
    /// The element's cell. A set's elements have empty values.
    pub cell: Cell,
}

impl Row {
    /// An empty row at `clustering`.
    pub fn new(clustering: Bytes) -> Self {
        Self {
            clustering,
            original: None,
            liveness: Liveness::NONE,
            deletion: RowDeletion::NONE,
            columns: Vec::new(),
        }
    }

    /// What stands in column `id`.
    pub fn column(&self, id: ColumnId) -> Option<&ColumnData> {
        let at = self
            .columns
            .binary_search_by_key(&id, |column| column.id)
            .ok()?;
        self.columns.get(at).map(|column| &column.data)
    }
}

/// The deletion of a range of rows: those whose clustering is in `[start, end)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeDeletion {
    /// The first deleted bound.
    pub start: Bytes,
    /// The bound behind the last.
    pub end: Bytes,
    /// What it deletes.
    pub deletion: Deletion,
}
