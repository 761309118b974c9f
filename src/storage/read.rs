//! What a reader asks for, and what it gets.
//!
//! A read is pulled, row by row: who needs three rows pulls three, and a LIMIT is the caller's
//! affair. What comes out is reconciled and live at the command's `now_seconds`: no tombstones, no
//! expired cells, no row without a live cell or marker.

mod batch;
mod figures;
mod zones;

pub use batch::{Clusterings, ColumnBatch, ColumnVector, VectorValues};
pub use figures::{LevelFigures, ScanFigures};
pub use zones::{ZoneTest, zone_of_double, zone_of_float};

use crate::schema::{ColumnId, TableId};
use crate::storage::row::{PartitionKey, Row};
use bytes::Bytes;
use std::sync::Arc;

/// A range of clusterings, `[start, end)` in clustering bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The first bound.
    pub start: Bytes,
    /// The bound behind the last.
    pub end: Bytes,
}

impl Slice {
    /// Every row (no static row).
    pub fn all() -> Self {
        Self {
            start: Bytes::from_static(&[0x20]),
            end: Bytes::from_static(&[0x60]),
        }
    }

    /// Whether the slice holds every row.
    pub fn is_all(&self) -> bool {
        self.start.as_ref() <= [0x20].as_slice() && self.end.as_ref() >= [0x60].as_slice()
    }

    /// One row, by its whole clustering with terminator: the quickest read there is.
    pub fn row(clustering: Bytes) -> Self {
        let mut end = Vec::with_capacity(clustering.len() + 1);
        end.extend_from_slice(&clustering);
        end.push(0);
        Self {
            start: clustering,
            end: Bytes::from(end),
        }
    }

    /// The clustering, where the slice is one row's.
    pub fn as_row(&self) -> Option<&Bytes> {
        match self.end.split_last() {
            Some((0, rest)) if rest == self.start.as_ref() => Some(&self.start),
            _ => None,
        }
    }
}

/// Where partitions stop or start: a position between keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartitionBound {
    /// Before the first or behind the last partition.
    Open,
    /// Before every partition with this token.
    BeforeToken(i64),
    /// Behind every partition with this token.
    AfterToken(i64),
    /// Before this partition.
    Before(PartitionKey),
    /// Behind this partition.
    After(PartitionKey),
}

impl PartitionBound {
    /// Whether a partition lies behind this bound, taken as a start.
    pub fn starts_before(&self, key: &PartitionKey) -> bool {
        match self {
            Self::Open => true,
            Self::BeforeToken(token) => key.token >= *token,
            Self::AfterToken(token) => key.token > *token,
            Self::Before(other) => key >= other,
            Self::After(other) => key > other,
        }
    }

    /// Whether a partition lies before this bound, taken as an end.
    pub fn ends_behind(&self, key: &PartitionKey) -> bool {
        match self {
            Self::Open => true,
            Self::BeforeToken(token) => key.token < *token,
            Self::AfterToken(token) => key.token <= *token,
            Self::Before(other) => key < other,
            Self::After(other) => key <= other,
        }
    }
}

/// Which partitions a read wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Partitions {
    /// These, in this order.
    Keys(Vec<PartitionKey>),
    /// All from one bound to another, in token order.
    Range {
        /// Where they start.
        start: PartitionBound,
        /// Where they stop.
        end: PartitionBound,
    },
}

impl Partitions {
    /// Every partition.
    pub fn all() -> Self {
        Self::Range {
            start: PartitionBound::Open,
            end: PartitionBound::Open,
        }
    }
}

/// Which columns a read wants. Keys, liveness and deletions are always read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Projection {
    /// All.
    All,
    /// These, in rising order of id.
    Columns(Vec<ColumnId>),
}

/// A read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadCommand {
    /// The table.
    pub table: TableId,
    /// Which partitions.
    pub partitions: Partitions,
    /// Which rows of each, in clustering order and apart; none means static rows only.
    pub slices: Vec<Slice>,
    /// Whether the rows of each partition come in reverse clustering order.
    pub reversed: bool,
    /// Which columns.
    pub columns: Projection,
    /// The moment that decides what has expired, in seconds since 1970.
    pub now_seconds: i64,
}

/// What a read yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadItem {
    /// A partition that has a live static row or a live row within the slices starts. Its rows
    /// follow.
    Partition {
        /// Its key.
        key: PartitionKey,
        /// Its static row, if any of it is live.
        static_row: Option<Row>,
    },
    /// The next live row of the partition. A row lives if its marker or one of its cells lives,
    /// also where the projection leaves that cell out.
    Row(Row),
}

/// A scan by column. Where neither columns nor keys are wanted it counts rows, and decodes nothing.
#[derive(Clone, Debug)]
pub struct ScanCommand {
    /// The table.
    pub table: TableId,
    /// Which partitions.
    pub partitions: Partitions,
    /// Which rows of each, in clustering order and apart; none means partitions with a static row
    /// only.
    pub slices: Vec<Slice>,
    /// Whether the rows of each partition come in reverse clustering order.
    pub reversed: bool,
    /// The wanted regular columns, in rising order of id.
    pub columns: Vec<ColumnId>,
    /// The wanted static columns, in rising order of id.
    pub statics: Vec<ColumnId>,
    /// Whether partition keys are wanted too.
    pub keys: bool,
    /// Whether clusterings are wanted too.
    pub clusterings: bool,
    /// Whether values may come as [`VectorValues::Dictionary`] and [`VectorValues::Scaled`].
    pub compact: bool,
    /// Rows that fail one of these may be left out.
    pub zones: Vec<ZoneTest>,
    /// Where to count what is read.
    pub figures: Option<Arc<ScanFigures>>,
    /// The moment that decides what has expired, in seconds since 1970.
    pub now_seconds: i64,
}

impl ScanCommand {
    /// Every row of a table, of which nothing is wanted but that it is there.
    pub fn new(table: TableId, now_seconds: i64) -> Self {
        Self {
            table,
            partitions: Partitions::all(),
            slices: vec![Slice::all()],
            reversed: false,
            columns: Vec::new(),
            statics: Vec::new(),
            keys: false,
            clusterings: false,
            compact: false,
            zones: Vec::new(),
            figures: None,
            now_seconds,
        }
    }
}
