//! Opens an SSTable (signatures).

use crate::error::{Error, Result};
use crate::storage::cache::Cache;
use crate::storage::cell::Deletion;
use crate::storage::disk::Disk;
use crate::storage::meta::FileMeta;
use crate::storage::read::Projection;
use crate::storage::row::{PartitionKey, Row};
use std::sync::Arc;

/// What the block cache holds.
#[derive(Clone, Debug)]
pub enum Cached {}

/// The cache that all SSTables of an engine share.
pub type BlockCache = Cache<Cached>;

/// What one file has to say about one row.
#[derive(Clone, Debug)]
pub struct Found {
    /// The newest of the partition's deletion and the range deletions that cover the row.
    pub deletion: Deletion,
    /// The row, if the file has it.
    pub row: Option<Row>,
    /// The partition's static row, if it was asked for and the file has one.
    pub static_row: Option<Row>,
}

/// An open SSTable. Any thread; blocks come from the cache.
#[derive(Debug)]
pub struct Reader {}

impl Reader {
    /// Opens the file that `meta` describes.
    pub fn open(
        _disk: &dyn Disk,
        _path: &str,
        _meta: Arc<FileMeta>,
        _cache: Arc<BlockCache>,
    ) -> Result<Arc<Self>> {
        Err(Error::internal("the SSTable is being built"))
    }

    /// What the manifest says of the file.
    pub fn meta(&self) -> &Arc<FileMeta> {
        unreachable!("no reader can be made yet")
    }

    /// Whether the partition can be in the file: no is certain.
    pub fn may_contain(&self, _key: &PartitionKey) -> Result<bool> {
        Err(Error::internal("the SSTable is being built"))
    }

    /// The quick way to one row by its full key; `columns` as in a
    /// [`SourceRequest`](crate::storage::source::SourceRequest). None where the file has nothing
    /// to say of the partition.
    pub fn get(
        &self,
        _key: &PartitionKey,
        _clustering: &[u8],
        _columns: &Projection,
        _statics: bool,
    ) -> Result<Option<Found>> {
        Err(Error::internal("the SSTable is being built"))
    }
}
