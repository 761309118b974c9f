//! The contract of everything that can be merged: a memtable, an SSTable, a sorted run.
//!
//! A [`Source`] walks partitions in key order and, within the current one, *items* in clustering
//! order (or its reverse). An item's position is a row's clustering, or a range deletion's leading
//! edge: its `start`, or its `end` when reversed. Items come in order of position, a range deletion
//! before a row at the same position. So once a source's next item lies behind position *k*, every
//! range deletion of that source that covers *k* has been handed out.
//!
//! Nothing is reconciled across sources and nothing is dropped for age: tombstones and expired
//! cells come out as they are. Within one source a row appears once, reconciled. A range deletion
//! may come out in pieces (cut at block edges), with the same deletion.

use crate::error::Result;
use crate::storage::cell::Deletion;
use crate::storage::read::{PartitionBound, Projection, Slice};
use crate::storage::row::{PartitionKey, RangeDeletion, Row};

/// What a merge wants of each source. Sources may read less than asked only where the rows left
/// out lie outside of the slices; partition deletions, static rows (if wanted) and range deletions
/// that reach into a slice always come.
#[derive(Clone, Debug)]
pub struct SourceRequest {
    /// Where partitions start.
    pub start: PartitionBound,
    /// Where they stop.
    pub end: PartitionBound,
    /// Which rows of each partition, in clustering order and apart.
    pub slices: Vec<Slice>,
    /// Whether items come in reverse clustering order.
    pub reversed: bool,
    /// Which columns; cells of others may be left out.
    pub columns: Projection,
    /// Whether static rows are wanted.
    pub statics: bool,
}

/// The start of a partition in one source.
#[derive(Clone, Debug)]
pub struct PartitionStart {
    /// The partition.
    pub key: PartitionKey,
    /// Its deletion.
    pub deletion: Deletion,
    /// Its static row, where it has one and it is wanted.
    pub static_row: Option<Row>,
}

/// A row or a range deletion.
#[derive(Clone, Debug)]
pub enum SourceItem {
    /// A range deletion.
    Range(RangeDeletion),
    /// A row.
    Row(Row),
}

/// A cursor over one source.
pub trait Source: Send {
    /// Leaves the current partition and moves to the next, if there is one.
    fn next_partition(&mut self) -> Result<Option<PartitionStart>>;

    /// The next item of the current partition, or none at its end.
    fn next_item(&mut self) -> Result<Option<SourceItem>>;
}
