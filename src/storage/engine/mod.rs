//! The engine: what holds the parts of storage together.

mod locks;
mod read;
mod schema;
mod timestamps;
mod write;

pub use read::RowStream;

use crate::clock::SharedClock;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::schema::{Catalog, SchemaChange, TableId};
use crate::storage::engine::locks::Locks;
use crate::storage::engine::timestamps::Timestamps;
use crate::storage::engine::write::Applied;
use crate::storage::mutation::Mutation;
use crate::storage::read::{ReadCommand, ScanCommand};
use crate::storage::row::PartitionKey;
use crate::storage::table::{State, TableState};
use crate::storage::{ColumnStream, Ingest, IngestOptions};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The engine: all tables of one data directory. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    clock: SharedClock,
    /// Writers hold it for reading from the append to the insertion; a freeze holds it for
    /// writing, so that everything up to some position, and nothing else, is in the memtables.
    gate: RwLock<()>,
    state: RwLock<Arc<State>>,
    /// Held by whoever changes the schema.
    changing: Mutex<()>,
    applied: Applied,
    locks: Locks,
    timestamps: Timestamps,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens `directory`, created if absent, and recovers what it holds.
    pub fn open(_directory: &Path, _config: Config, _clock: SharedClock) -> Result<Self> {
        Err(Error::internal(
            "this build keeps everything in memory: use Engine::in_memory",
        ))
    }

    /// An engine that keeps everything in memory.
    pub fn in_memory(config: Config, clock: SharedClock) -> Result<Self> {
        Ok(Self {
            inner: Arc::new(Inner {
                config,
                clock,
                gate: RwLock::new(()),
                state: RwLock::default(),
                changing: Mutex::new(()),
                applied: Applied::new(0),
                locks: Locks::new(),
                timestamps: Timestamps::new(0),
            }),
        })
    }

    /// The present catalog.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.inner.state().catalog)
    }

    /// Changes the schema: `decide` sees the present catalog and answers the changes, which are
    /// written in one synced manifest edit before this returns. One change at a time.
    pub fn change_schema(
        &self,
        decide: impl FnOnce(&Catalog) -> Result<Vec<SchemaChange>>,
    ) -> Result<Arc<Catalog>> {
        self.inner.change_schema(decide)
    }

    /// A server timestamp in microseconds: strictly rising, across restarts too.
    pub fn next_timestamp(&self) -> i64 {
        self.inner.timestamps.next(&*self.inner.clock)
    }

    /// The engine's clock.
    pub fn clock(&self) -> SharedClock {
        Arc::clone(&self.inner.clock)
    }

    /// Applies a mutation; returns once it is acknowledged under the configured sync mode.
    pub fn apply(&self, mutation: Mutation) -> Result<()> {
        self.inner.append(mutation)?;
        Ok(())
    }

    /// Runs `decide` under the locks of the partitions `keys` (taken in sorted order). Reads made
    /// through the given engine see what is appended, synced or not; the mutation that `decide`
    /// answers is applied before the locks go, and the call returns once all that it read and
    /// wrote is durable.
    pub fn read_modify_write<T>(
        &self,
        keys: &[(TableId, PartitionKey)],
        decide: impl FnOnce(&AppendedView<'_>) -> Result<(Option<Mutation>, T)>,
    ) -> Result<T> {
        let guards = self.inner.locks.take(keys);
        let (mutation, answer) = decide(&AppendedView { engine: self })?;
        if let Some(mutation) = mutation {
            self.inner.append(mutation)?;
        }
        drop(guards);
        Ok(answer)
    }

    /// Starts a read. It sees what is durable now, and nothing that comes later.
    pub fn read(&self, command: ReadCommand) -> Result<RowStream> {
        self.inner.read(command)
    }

    /// Starts a scan by column.
    pub fn scan(&self, _command: ScanCommand) -> Result<ColumnStream> {
        Err(Error::internal("this build has no scan yet"))
    }

    /// Empties a table at once.
    pub fn truncate(&self, table: TableId) -> Result<()> {
        self.inner.truncate(table)
    }

    /// Writes a table's memtable (all tables' where none is named) to SSTables.
    pub fn flush(&self, _table: Option<TableId>) -> Result<()> {
        Ok(())
    }

    /// Compacts all SSTables of a table into one.
    pub fn compact(&self, _table: TableId) -> Result<()> {
        Ok(())
    }

    /// Starts a bulk import into a table; see [`Ingest`].
    pub fn ingest(&self, _table: TableId, _options: IngestOptions) -> Result<Ingest> {
        Err(Error::internal("this build has no bulk import yet"))
    }

    /// Finishes background work, syncs, and releases the directory.
    pub fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// What `read_modify_write` may read.
#[derive(Debug)]
pub struct AppendedView<'a> {
    engine: &'a Engine,
}

impl AppendedView<'_> {
    /// Starts a read that sees what is appended.
    pub fn read(&self, command: ReadCommand) -> Result<RowStream> {
        self.engine.inner.read(command)
    }
}

impl Inner {
    fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn table(&self, id: TableId) -> Result<Arc<TableState>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state
            .tables
            .get(&id)
            .map(Arc::clone)
            .ok_or_else(unknown_table)
    }

    /// Puts a new state in place of the present one.
    fn publish(&self, change: impl FnOnce(&mut State)) {
        let mut held = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = State::clone(&held);
        change(&mut next);
        *held = Arc::new(next);
    }
}

fn unknown_table() -> Error {
    Error::invalid("unconfigured table")
}

#[cfg(test)]
mod tests;
