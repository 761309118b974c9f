//! What all parts of the engine share.

use crate::clock::SharedClock;
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::TableId;
use crate::storage::background::Bell;
use crate::storage::commitlog::CommitLog;
use crate::storage::disk::Disk;
use crate::storage::engine::applied::Applied;
use crate::storage::engine::budget::Budget;
use crate::storage::engine::imports::OpenImports;
use crate::storage::engine::jobs::Compaction;
use crate::storage::engine::locks::Locks;
use crate::storage::engine::timestamps::Timestamps;
use crate::storage::figures::EngineCounters;
use crate::storage::manifest::{Edit, Manifest};
use crate::storage::meta::FileMeta;
use crate::storage::table::{FileShared, State, TableState};
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockWriteGuard};
use uuid::Uuid;

/// What all parts of the engine share.
pub struct Inner {
    pub config: Config,
    pub clock: SharedClock,
    pub disk: Arc<dyn Disk>,
    /// The lock of the data directory, until the engine is closed.
    pub directory: Mutex<Option<Box<dyn Send + Sync + Debug>>>,
    pub manifest: Arc<Manifest>,
    pub log: CommitLog,
    /// Writers hold it for reading from the append to the insertion; a freeze holds it for
    /// writing, so that everything up to some position, and nothing else, is in the memtables.
    /// It holds the epoch of the present state.
    pub gate: RwLock<u64>,
    pub state: RwLock<Arc<State>>,
    /// Held by whoever builds an index.
    pub building: Mutex<()>,
    /// Held by whoever changes the schema.
    pub changing: Mutex<()>,
    /// Held by whoever flushes.
    pub flushing: Mutex<()>,
    /// Held by whoever edits the manifest, from the edit to the new state.
    pub committing: Mutex<()>,
    /// Positions of the log.
    pub applied: Applied,
    /// Positions of writes that skip the log.
    pub volatile: Applied,
    pub volatile_next: AtomicU64,
    pub locks: Locks,
    /// The locks of partitions of tables with indexes, from reading what a write changes to its
    /// insertion; taken behind `locks`.
    pub index_locks: Locks,
    pub timestamps: Timestamps,
    pub budget: Budget,
    /// The bulk imports under way.
    pub imports: Arc<OpenImports>,
    pub files: Arc<FileShared>,
    pub compaction: Compaction,
    pub flush_bell: Bell,
    pub compaction_bell: Bell,
    pub trouble: Trouble,
    pub counters: EngineCounters,
    /// Whether writes are refused for good.
    pub drained: AtomicBool,
    pub closed: AtomicBool,
    /// Who the database is among others.
    pub host_id: Uuid,
}

/// What keeps the engine from taking writes.
#[derive(Default)]
pub struct Trouble {
    /// A failure after which only a restart helps: what is on disk is no longer certain.
    fatal: OnceLock<Error>,
    /// The last failure of a flush, cleared by the next success.
    passing: Mutex<Option<Error>>,
}

pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Trouble {
    /// Takes note of a failure while writing files.
    pub fn note(&self, error: &Error) {
        if error.kind == ErrorKind::Io {
            self.fatal.get_or_init(|| {
                tracing::error!("no more writes until the database is opened again: {error}");
                error.clone()
            });
        } else {
            held(&self.passing).get_or_insert_with(|| {
                tracing::warn!("cannot write files, and tries again: {error}");
                error.clone()
            });
        }
    }

    /// The last try succeeded.
    pub fn clear(&self) {
        if held(&self.passing).take().is_some() {
            tracing::info!("files can be written again");
        }
    }

    /// The failure after which only a restart helps.
    pub fn fatal(&self) -> Option<Error> {
        self.fatal.get().cloned()
    }

    /// The failure that may pass.
    pub fn passing(&self) -> Option<Error> {
        held(&self.passing).clone()
    }
}

impl Inner {
    /// The present state.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A table's present state.
    pub fn table(&self, id: TableId) -> Result<Arc<TableState>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let table = state.tables.get(&id).map(Arc::clone);
        table.ok_or_else(unknown_table)
    }

    /// Puts a new state in place of the present one.
    pub fn publish(&self, change: impl FnOnce(&mut State)) {
        let mut held = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = State::clone(&held);
        change(&mut next);
        let before = std::mem::replace(&mut *held, Arc::new(next));
        drop(held);
        drop(before);
    }

    /// Puts a new state in place of the present one, in an epoch of its own: no write that was
    /// prepared before lands behind it. The gate must be shut.
    pub fn begin_epoch(&self, gate: &mut u64, change: impl FnOnce(&mut State)) {
        *gate += 1;
        let epoch = *gate;
        self.publish(|state| {
            state.epoch = epoch;
            change(state);
        });
    }

    /// Puts a new state of one table in place, if there still is such a table.
    pub fn publish_table(&self, id: TableId, change: impl FnOnce(&mut TableState)) {
        self.publish(|state| {
            if let Some(table) = state.tables.get_mut(&id) {
                change(Arc::make_mut(table));
            }
        });
    }

    /// Waits until no writer is between append and insertion, and holds new ones back.
    pub fn shut_gate(&self) -> RwLockWriteGuard<'_, u64> {
        self.gate.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds back everybody else who edits the manifest.
    pub fn commit(&self) -> MutexGuard<'_, ()> {
        held(&self.committing)
    }

    /// Edits the manifest; a failure to sync it is fatal. To be called under [`Self::commit`].
    pub fn edit(&self, edits: &[Edit]) -> Result<()> {
        self.manifest
            .edit(edits)
            .inspect_err(|error| self.trouble.note(error))
    }

    /// Whether the table's keyspace keeps its writes out of the log.
    pub fn is_volatile(state: &State, table: &TableState) -> bool {
        let keyspace = state.catalog.keyspaces.get(&table.schema.keyspace);
        keyspace.is_some_and(|keyspace| !keyspace.durable_writes)
    }

    /// Fails where the engine is closed.
    pub fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::invalid("the database is closed"));
        }
        Ok(())
    }

    /// Fails where writes of users can't be taken.
    pub fn check_writable(&self) -> Result<()> {
        self.check_undrained()?;
        self.check_sound()
    }

    /// Fails where the engine was drained.
    pub fn check_undrained(&self) -> Result<()> {
        if self.drained.load(Ordering::SeqCst) {
            return Err(Error::invalid(
                "the database is drained: it takes no writes until it is restarted",
            ));
        }
        Ok(())
    }

    /// Fails where files can't be written.
    pub fn check_sound(&self) -> Result<()> {
        self.check_open()?;
        match self.trouble.fatal() {
            Some(error) => Err(error.with_hint("the disk failed: restart to recover")),
            None => Ok(()),
        }
    }

    /// Deletes files that nobody names any more, unless the manifest's last edit failed: a crash
    /// could bring back a manifest that names them.
    pub fn collect_garbage(&self) {
        if !self.manifest.is_sound() {
            return;
        }
        for (table, id) in self.files.garbage.take() {
            self.files.cache.remove_file(id);
            // A file that can't be deleted now is an orphan, which the next start removes.
            let _ = self.disk.remove(&FileMeta::path(table, id));
        }
    }
}

/// There is no such table.
pub fn unknown_table() -> Error {
    Error::invalid("unconfigured table")
}
