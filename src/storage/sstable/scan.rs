//! Scans by column (signatures).

use crate::error::{Error, Result};
use crate::schema::ColumnId;
use crate::storage::read::{ColumnBatch, PartitionBound};
use crate::storage::row::PartitionKey;
use crate::storage::source::SourceRequest;
use crate::storage::sstable::cursor::Cursor;
use crate::storage::sstable::reader::Reader;
use bytes::Bytes;
use std::sync::Arc;

/// A place in a table: in front of the row (or bound) `clustering` of a partition. Empty is in
/// front of the whole partition, `[0xFF]` behind it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The partition.
    pub key: PartitionKey,
    /// Where in it.
    pub clustering: Bytes,
}

/// Walks a file's blocks in order, by the index alone, without reading them.
#[derive(Debug)]
pub struct BlockCursor {}

impl BlockCursor {
    /// The blocks that hold something between two bounds.
    pub fn new(_reader: &Arc<Reader>, _start: PartitionBound, _end: PartitionBound) -> Self {
        Self {}
    }

    /// The next block, or none at the end.
    #[expect(clippy::should_implement_trait, reason = "it fails")]
    pub fn next(&mut self) -> Result<Option<BlockSpan>> {
        Err(Error::internal("the SSTable is being built"))
    }
}

/// A block, by what the index says of it.
#[derive(Clone, Debug)]
pub struct BlockSpan {
    /// Everything in the block is at or behind this.
    pub start: Position,
    /// Everything in the block is before this.
    pub end: Position,
    /// How many rows it holds, static ones included.
    pub rows: usize,
}

impl BlockSpan {
    /// The wanted columns of all its rows (those between the cursor's bounds), straight from the
    /// pages. None if the block is not *simple*: it holds deletions, tombstones, expiring cells
    /// or markers, static rows, or one of the wanted columns is multi-cell or has values that are
    /// not of its fixed width. Then read it by [`BlockSpan::cursor`]. Only right where no other
    /// source holds anything between `start` and `end`.
    pub fn batch(&self, _columns: &[ColumnId], _keys: bool) -> Result<Option<ColumnBatch>> {
        Err(Error::internal("the SSTable is being built"))
    }

    /// A cursor over this block alone: a partition that goes on in the next block starts again
    /// there, with the same deletion; range deletions are cut at the block's edges. The
    /// request's bounds and `reversed` do not count.
    pub fn cursor(&self, _request: SourceRequest) -> Cursor {
        unreachable!("no span can be made yet")
    }
}
