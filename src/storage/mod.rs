//! The log-structured engine. Its one door is [`Engine`].
#![deny(clippy::indexing_slicing)]

pub mod background;
pub mod cache;
pub mod cell;
pub mod commitlog;
pub mod compaction;
pub mod disk;
pub mod engine;
pub mod format;
pub mod live;
pub mod manifest;
pub mod memtable;
pub mod merge;
pub mod meta;
pub mod mutation;
pub mod read;
pub mod reconcile;
pub mod record;
pub mod row;
pub mod source;
pub mod sstable;
pub mod table;
mod tools;

pub use engine::{AppendedView, Engine, RowStream};
pub use tools::{CheckSummary, check_directory, inspect_file};

use crate::error::{Error, Result};
use read::ColumnBatch;
use row::{PartitionKey, Row};

fn absent<T>() -> Result<T> {
    Err(Error::internal("the engine is being built"))
}

/// A scan under way.
#[derive(Debug)]
pub struct ColumnStream {}

impl ColumnStream {
    /// The next batch, or none at the end.
    #[expect(clippy::should_implement_trait, reason = "it fails")]
    pub fn next(&mut self) -> Result<Option<ColumnBatch>> {
        absent()
    }
}

/// How a bulk import goes.
#[derive(Clone, Debug)]
pub struct IngestOptions {
    /// The memory for sorting, in bytes; over it sorted runs go to disk.
    pub memory_bytes_max: usize,
    /// The least write timestamp of any row that will be added, in microseconds: while the import
    /// is under way no tombstone above it is purged.
    pub timestamp_min: i64,
}

/// A bulk import under way: rows in any order; for rows with the same key and timestamps the one
/// given last wins. Nothing is visible before [`Ingest::finish`]; dropping it leaves no trace.
#[derive(Debug)]
pub struct Ingest {}

/// What a bulk import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IngestSummary {
    /// Rows after duplicates were merged.
    pub rows: u64,
    /// Rows whose key had come before.
    pub duplicates: u64,
    /// Bytes of the SSTables written.
    pub bytes: u64,
}

impl Ingest {
    /// Adds a row; `row.clustering` is empty for a static row.
    pub fn add(&mut self, _key: &PartitionKey, _row: Row) -> Result<()> {
        absent()
    }

    /// Sorts what is left, writes SSTables, and publishes them all in one manifest edit.
    pub fn finish(self) -> Result<IngestSummary> {
        absent()
    }
}
