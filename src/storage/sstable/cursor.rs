//! A cursor over an SSTable's rows (signatures).

use crate::error::{Error, Result};
use crate::storage::source::{PartitionStart, Source, SourceItem, SourceRequest};
use crate::storage::sstable::reader::Reader;
use std::sync::Arc;

/// A cursor over an SSTable's rows; the contract is [`Source`]'s.
#[derive(Debug)]
pub struct Cursor {}

impl Cursor {
    /// A cursor for a read: what it reads stays in the cache.
    pub fn new(_reader: &Arc<Reader>, _request: SourceRequest) -> Self {
        Self {}
    }

    /// A cursor for a pass over much of the file (compaction, export): it uses what is in the
    /// cache but leaves nothing there.
    pub fn new_uncached(_reader: &Arc<Reader>, _request: SourceRequest) -> Self {
        Self {}
    }
}

impl Source for Cursor {
    fn next_partition(&mut self) -> Result<Option<PartitionStart>> {
        Err(Error::internal("the SSTable is being built"))
    }

    fn next_item(&mut self) -> Result<Option<SourceItem>> {
        Err(Error::internal("the SSTable is being built"))
    }
}
