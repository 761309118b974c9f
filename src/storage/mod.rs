//! The log-structured engine. Its one door is [`Engine`].
#![deny(clippy::indexing_slicing)]

pub mod cache;
pub mod cell;
pub mod commitlog;
pub mod disk;
pub mod format;
pub mod manifest;
pub mod meta;
pub mod mutation;
pub mod read;
pub mod row;
pub mod source;
pub mod sstable;

use crate::clock::SharedClock;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::schema::{Catalog, SchemaChange, TableId};
use mutation::Mutation;
use read::{ColumnBatch, ReadCommand, ReadItem, ScanCommand};
use row::{PartitionKey, Row};
use std::path::Path;
use std::sync::Arc;

fn absent<T>() -> Result<T> {
    Err(Error::internal("the engine is being built"))
}

/// The engine: all tables of one data directory. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {}

impl Engine {
    /// Opens `directory`, created if absent, and recovers what it holds.
    pub fn open(_directory: &Path, _config: Config, _clock: SharedClock) -> Result<Self> {
        absent()
    }

    /// An engine that keeps everything in memory.
    pub fn in_memory(_config: Config, _clock: SharedClock) -> Result<Self> {
        absent()
    }

    /// The present catalog.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::new(Catalog::default())
    }

    /// Changes the schema: `decide` sees the present catalog and answers the changes, which are
    /// written in one synced manifest edit before this returns. One change at a time.
    pub fn change_schema(
        &self,
        _decide: impl FnOnce(&Catalog) -> Result<Vec<SchemaChange>>,
    ) -> Result<Arc<Catalog>> {
        absent()
    }

    /// A server timestamp in microseconds: strictly rising, across restarts too.
    pub fn next_timestamp(&self) -> i64 {
        0
    }

    /// The engine's clock.
    pub fn clock(&self) -> SharedClock {
        crate::clock::SystemClock::shared()
    }

    /// Applies a mutation; returns once it is acknowledged under the configured sync mode.
    pub fn apply(&self, _mutation: Mutation) -> Result<()> {
        absent()
    }

    /// Runs `decide` under the locks of the partitions `keys` (taken in sorted order). Reads made
    /// through the given engine see what is appended, synced or not; the mutation that `decide`
    /// answers is applied before the locks go, and the call returns once all that it read and
    /// wrote is durable.
    pub fn read_modify_write<T>(
        &self,
        _keys: &[(TableId, PartitionKey)],
        _decide: impl FnOnce(&AppendedView<'_>) -> Result<(Option<Mutation>, T)>,
    ) -> Result<T> {
        absent()
    }

    /// Starts a read. It sees what is durable now, and nothing that comes later.
    pub fn read(&self, _command: ReadCommand) -> Result<RowStream> {
        absent()
    }

    /// Starts a scan by column.
    pub fn scan(&self, _command: ScanCommand) -> Result<ColumnStream> {
        absent()
    }

    /// Empties a table at once.
    pub fn truncate(&self, _table: TableId) -> Result<()> {
        absent()
    }

    /// Writes a table's memtable (all tables' where none is named) to SSTables.
    pub fn flush(&self, _table: Option<TableId>) -> Result<()> {
        absent()
    }

    /// Compacts all SSTables of a table into one.
    pub fn compact(&self, _table: TableId) -> Result<()> {
        absent()
    }

    /// Starts a bulk import into a table; see [`Ingest`].
    pub fn ingest(&self, _table: TableId, _options: IngestOptions) -> Result<Ingest> {
        absent()
    }

    /// Finishes background work, syncs, and releases the directory.
    pub fn close(&self) -> Result<()> {
        absent()
    }
}

/// What `read_modify_write` may read.
#[derive(Debug)]
pub struct AppendedView<'a> {
    _engine: &'a Engine,
}

impl AppendedView<'_> {
    /// Starts a read that sees what is appended.
    pub fn read(&self, _command: ReadCommand) -> Result<RowStream> {
        absent()
    }
}

/// A read under way.
#[derive(Debug)]
pub struct RowStream {}

impl RowStream {
    /// The next item, or none at the end.
    #[expect(clippy::should_implement_trait, reason = "it fails")]
    pub fn next(&mut self) -> Result<Option<ReadItem>> {
        absent()
    }
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
