//! [`Engine`]: the door to storage.

use crate::clock::SharedClock;
use crate::config::{CommitlogSync, Config};
use crate::error::Result;
use crate::schema::{Catalog, SchemaChange, Table, TableId};
use crate::storage::background::Threads;
use crate::storage::disk::Disk;
use crate::storage::disk::real::RealDisk;
use crate::storage::disk::simulated::SimulatedDisk;
use crate::storage::engine::core::Inner;
use crate::storage::engine::ingest::Declare;
use crate::storage::engine::pinned::Pinned;
use crate::storage::engine::read::RowStream;
use crate::storage::engine::scan::ColumnStream;
use crate::storage::ingest::{Ingest, IngestOptions};
use crate::storage::mutation::Mutation;
use crate::storage::read::{ReadCommand, ScanCommand, ScanFigures};
use crate::storage::row::PartitionKey;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// How often the flusher looks around by itself.
const FLUSH_PERIOD: Duration = Duration::from_secs(1);
/// How often compaction looks around by itself.
const COMPACTION_PERIOD: Duration = Duration::from_secs(300);
/// How often a periodic log writes what it has buffered.
const LOG_PERIOD: Duration = Duration::from_millis(10);
/// How soon what could not be written to the log is tried again.
const LOG_RETRY_PERIOD: Duration = Duration::from_secs(1);

/// The engine: all tables of one data directory. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(super) inner: Arc<Inner>,
    threads: Arc<Mutex<Threads>>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens `directory`, created if absent, and recovers what it holds.
    pub fn open(directory: &Path, config: Config, clock: SharedClock) -> Result<Self> {
        Self::open_on(Arc::new(RealDisk::open(directory)?), config, clock)
    }

    /// An engine that keeps everything in memory.
    pub fn in_memory(config: Config, clock: SharedClock) -> Result<Self> {
        Self::open_on(Arc::new(SimulatedDisk::new()), config, clock)
    }

    /// Opens the data directory that `disk` is rooted at.
    pub fn open_on(disk: Arc<dyn Disk>, config: Config, clock: SharedClock) -> Result<Self> {
        let inner = Arc::new(Inner::open(disk, config, clock)?);
        let mut threads = Threads::default();
        if inner.config.background {
            start(&mut threads, &inner)?;
        }
        Inner::resume_builds(&inner)?;
        Ok(Self {
            inner,
            threads: Arc::new(Mutex::new(threads)),
        })
    }

    #[cfg(test)]
    pub(super) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// The present catalog.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.inner.state().catalog)
    }

    /// Who the database is among others: made once, and kept in the manifest.
    pub fn host_id(&self) -> Uuid {
        self.inner.host_id
    }

    /// Changes the schema: `decide` sees the present catalog and answers the changes, which are
    /// written in one synced manifest edit before this returns. One change at a time.
    pub fn change_schema(
        &self,
        decide: impl FnOnce(&Catalog) -> Result<Vec<SchemaChange>>,
    ) -> Result<Arc<Catalog>> {
        let (catalog, renewed) = self.inner.change_schema(decide)?;
        for (keyspace, name) in renewed {
            self.build_index(&keyspace, &name)?;
        }
        Ok(catalog)
    }

    /// Builds an index that a change of the schema has created: its entries of all rows that were
    /// there before. Writes go on meanwhile, and keep it up from its creation on.
    pub fn build_index(&self, keyspace: &str, name: &str) -> Result<()> {
        Inner::build_index(&self.inner, keyspace, name)
    }

    /// Compares the entries of every index with the rows of its table, as of one moment; answers a
    /// line for each difference, the first of them where there are many.
    pub fn check_indexes(&self) -> Result<Vec<String>> {
        self.inner.check_indexes()
    }

    /// A server timestamp in microseconds: strictly rising, across restarts too.
    pub fn next_timestamp(&self) -> i64 {
        self.inner.timestamps.next(&*self.inner.clock)
    }

    /// The settings that it was opened with.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The engine's clock.
    pub fn clock(&self) -> SharedClock {
        Arc::clone(&self.inner.clock)
    }

    /// Applies a mutation; returns once it is acknowledged under the configured sync mode.
    pub fn apply(&self, mutation: Mutation) -> Result<()> {
        self.inner.log.may_wait()?;
        match self.inner.append(mutation)? {
            Some(position) => self.inner.log.wait_durable(position),
            None => Ok(()),
        }
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
        self.inner.log.may_wait()?;
        let (answer, seen) = self.read_modify_append(keys, decide)?;
        self.inner.log.wait_durable(seen)?;
        Ok(answer)
    }

    /// The part of [`Engine::read_modify_write`] under the locks; answers the position of the log
    /// through which `decide` may have read, its own write included.
    pub(super) fn read_modify_append<T>(
        &self,
        keys: &[(TableId, PartitionKey)],
        decide: impl FnOnce(&AppendedView<'_>) -> Result<(Option<Mutation>, T)>,
    ) -> Result<(T, u64)> {
        let guards = self.inner.locks.take(keys)?;
        let (mutation, answer) = decide(&AppendedView { engine: self })?;
        if let Some(mutation) = mutation {
            self.inner.append(mutation)?;
        }
        let seen = self.inner.applied.contiguous();
        drop(guards);
        Ok((answer, seen))
    }

    /// Starts a read. It sees what is durable now, and nothing that comes later.
    pub fn read(&self, command: ReadCommand) -> Result<RowStream> {
        self.inner.read(command, false)
    }

    /// The same, and counts in `figures` what is read: for EXPLAIN ANALYZE.
    pub fn read_counted(
        &self,
        command: ReadCommand,
        figures: &Arc<ScanFigures>,
    ) -> Result<RowStream> {
        self.inner.read_counted(command, figures)
    }

    /// Some tables as of one moment, now: what is durable. Flushes first what is worth it.
    pub fn pin(&self, tables: &[TableId]) -> Result<Pinned> {
        self.inner.pin(tables)
    }

    /// Starts a scan by column. It sees what is durable now, and nothing that comes later.
    pub fn scan(&self, command: ScanCommand) -> Result<ColumnStream> {
        self.inner.scan(command)
    }

    /// Empties a table at once.
    pub fn truncate(&self, table: TableId) -> Result<()> {
        self.inner.truncate(table)
    }

    /// Writes a table's memtable (all tables' where none is named) to SSTables.
    pub fn flush(&self, table: Option<TableId>) -> Result<()> {
        match table {
            Some(table) => self.inner.flush(&[table]),
            None => self.inner.flush_all(),
        }
    }

    /// Compacts all SSTables of a table into one.
    pub fn compact(&self, table: TableId) -> Result<()> {
        self.inner.compact(table)
    }

    /// Compacts all SSTables of each of some tables into one.
    pub fn compact_tables(&self, tables: &[TableId]) -> Result<()> {
        tables.iter().try_for_each(|table| self.compact(*table))
    }

    /// Flushes everything and takes no more writes, nor changes of the schema; reads go on. Until
    /// the engine is opened again.
    pub fn drain(&self) -> Result<()> {
        self.inner.drain()
    }

    /// Starts a bulk import into a table; see [`Ingest`].
    pub fn ingest(&self, table: TableId, options: IngestOptions) -> Result<Ingest> {
        Inner::ingest(&self.inner, table, &options)
    }

    /// A number for a table that is yet to be created by [`Engine::ingest_created`].
    pub fn reserve_table(&self) -> TableId {
        self.inner.reserve_table()
    }

    /// Starts a bulk import into `table`, which is created with its rows at the end, in one
    /// manifest edit: until then, and after a failure, there is no such table. Its number is a
    /// reserved one; `declare` answers it once more as of the catalog at the end.
    pub fn ingest_created(
        &self,
        table: &Table,
        declare: Declare,
        options: IngestOptions,
    ) -> Result<Ingest> {
        Inner::ingest_created(&self.inner, table, declare, &options)
    }

    /// Does one piece of background work, if any is due; answers whether there was one. For
    /// engines without threads of their own.
    pub fn step(&self) -> Result<bool> {
        self.inner.step()
    }

    /// Does all background work that is due.
    pub fn run_until_idle(&self) -> Result<()> {
        while self.step()? {}
        Ok(())
    }

    /// Finishes background work, syncs, and releases the directory.
    pub fn close(&self) -> Result<()> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        self.inner.compaction.stop();
        threads.stop();
        self.inner.close()
    }
}

fn start(threads: &mut Threads, inner: &Arc<Inner>) -> Result<()> {
    let own = Arc::clone(inner);
    threads.spawn("flush", &inner.flush_bell, FLUSH_PERIOD, move || {
        // A failure is noted, and writers who wait for it see it.
        while own.flush_step().unwrap_or(false) {}
        own.collect_garbage();
    })?;
    let own = Arc::clone(inner);
    let period = match inner.config.commitlog_sync {
        CommitlogSync::Periodic => LOG_PERIOD,
        _ => LOG_RETRY_PERIOD,
    };
    threads.spawn("log", inner.log.bell(), period, move || {
        if let Err(error) = own.log.periodic_step() {
            own.trouble.note(&error);
        }
        // A failure is noted in the log, and those who wait are told.
        let _ = own.log.serve();
    })?;
    let own = Arc::clone(inner);
    threads.spawn(
        "compaction",
        &inner.compaction_bell,
        COMPACTION_PERIOD,
        move || {
            // One step a ring, so that closing need not wait for the end of a job. A table whose
            // compaction failed waits for the next round; the others go on.
            match own.compaction_step() {
                Ok(false) => own.begin_compaction_round(),
                Ok(true) | Err(_) => own.compaction_bell.ring(),
            }
        },
    )
}

/// What `read_modify_write` may read.
#[derive(Debug)]
pub struct AppendedView<'a> {
    engine: &'a Engine,
}

impl AppendedView<'_> {
    /// Starts a read that sees what is appended.
    pub fn read(&self, command: ReadCommand) -> Result<RowStream> {
        self.engine.inner.read(command, true)
    }
}
