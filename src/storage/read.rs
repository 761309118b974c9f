//! What a reader asks for, and what it gets.
//!
//! A read is pulled, row by row: who needs three rows pulls three, and a LIMIT is the caller's
//! affair. What comes out is reconciled and live at the command's `now_seconds`: no tombstones, no
//! expired cells, no row without a live cell or marker.

use crate::schema::{ColumnId, TableId};
use crate::storage::cell::Cell;
use crate::storage::row::{PartitionKey, Row};
use bytes::Bytes;

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

/// Wanted cells of one column, in row order: the columnar form that batch queries read.
#[derive(Clone, Debug, Default)]
pub struct ColumnVector {
    /// One bit a row, lowest first: whether the row has a live value.
    pub present: Vec<u64>,
    /// The values of the present rows, one behind the other; see [`VectorValues`].
    pub values: VectorValues,
}

/// The values of a [`ColumnVector`]: one entry for each row, absent ones hold a zero.
#[derive(Clone, Debug)]
pub enum VectorValues {
    /// `tinyint`.
    Int8(Vec<i8>),
    /// `smallint`.
    Int16(Vec<i16>),
    /// `int`, and `date` as on the wire.
    Int32(Vec<i32>),
    /// `bigint`, `timestamp`, `time`, and a counter's count.
    Int64(Vec<i64>),
    /// `float`.
    Float32(Vec<f32>),
    /// `double`.
    Float64(Vec<f64>),
    /// `boolean`.
    Bool(Vec<bool>),
    /// Everything else: wire bytes; value `i` is `data[offsets[i]..offsets[i + 1]]`.
    Bytes {
        /// One more than there are rows.
        offsets: Vec<u32>,
        /// The bytes.
        data: Vec<u8>,
    },
    /// A multi-cell column: its live cells, row by row.
    Complex(Vec<Vec<(Bytes, Cell)>>),
}

impl Default for VectorValues {
    fn default() -> Self {
        Self::Bytes {
            offsets: vec![0],
            data: Vec::new(),
        }
    }
}

/// Rows by column.
#[derive(Clone, Debug, Default)]
pub struct ColumnBatch {
    /// How many rows.
    pub rows: usize,
    /// Where partitions start: the first row's number and the key.
    pub partitions: Vec<(usize, PartitionKey)>,
    /// Each row's clustering bytes, only if asked for.
    pub clustering: Vec<Bytes>,
    /// The wanted columns, in the order asked for.
    pub columns: Vec<ColumnVector>,
}

/// A scan by column over a range of partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanCommand {
    /// The table.
    pub table: TableId,
    /// Where partitions start.
    pub start: PartitionBound,
    /// Where they stop.
    pub end: PartitionBound,
    /// The wanted columns (regular ones), in rising order of id.
    pub columns: Vec<ColumnId>,
    /// Whether keys are wanted too.
    pub keys: bool,
    /// The moment that decides what has expired, in seconds since 1970.
    pub now_seconds: i64,
}
