//! Opening and closing: the lock, the manifest, the replay of the log, and what crashes left over.

use crate::clock::SharedClock;
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::random::Random;
use crate::schema::TableId;
use crate::storage::background::Bell;
use crate::storage::cache::Cache;
use crate::storage::commitlog::{CommitLog, Record as LogRecord};
use crate::storage::disk::Disk;
use crate::storage::engine::applied::Applied;
use crate::storage::engine::budget::Budget;
use crate::storage::engine::core::{Inner, Trouble};
use crate::storage::engine::flush;
use crate::storage::engine::jobs::Compaction;
use crate::storage::engine::locks::Locks;
use crate::storage::engine::timestamps::Timestamps;
use crate::storage::figures::EngineCounters;
use crate::storage::manifest::{self, Edit, Manifest};
use crate::storage::meta::FileMeta;
use crate::storage::record;
use crate::storage::table::{FileHandle, FileShared, Garbage, State, TableState};
use bytes::{Buf, Bytes};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use uuid::Uuid;

/// Memtables larger than this are flushed when the engine is closed, so that it starts quickly.
const CLOSE_FLUSH_BYTES: usize = 1 << 20;

/// Before each record of the log: the newest server timestamp, 8 bytes, little-endian. The
/// timestamps after a restart are above all of them.
pub(super) fn split_payload(payload: &Bytes) -> Result<(i64, Bytes)> {
    let mut rest = payload.clone();
    if rest.len() < 8 {
        return Err(Error::new(
            ErrorKind::Corrupt,
            "a record of the commit log is too short",
        ));
    }
    let timestamp = rest.get_i64_le();
    Ok((timestamp, rest))
}

/// What the directory holds, while it is being put together.
struct Opening {
    config: Config,
    state: State,
    /// Where it may be flushed; none where nothing may be written.
    manifest: Option<Arc<Manifest>>,
    found: manifest::State,
    files: Arc<FileShared>,
    used: usize,
    timestamp_floor: i64,
}

impl Inner {
    pub(super) fn open(disk: Arc<dyn Disk>, config: Config, clock: SharedClock) -> Result<Self> {
        let directory = disk.lock()?;
        let (manifest, found) = Manifest::open(Arc::clone(&disk))?;
        remove_orphans(disk.as_ref(), &found)?;
        let manifest = Arc::new(manifest);
        let mut opening = Opening::new(&disk, config, found);
        opening.manifest = Some(Arc::clone(&manifest));
        let mut recovery = CommitLog::recover(Arc::clone(&disk), &opening.found)?;
        while let Some(record) = recovery.next()? {
            opening.replay(&record)?;
        }
        let host_id = match opening.found.host_id {
            Some(known) => known,
            None => new_host_id(&manifest, &opening.config)?,
        };
        let log = recovery.finish(&opening.config, Arc::clone(&clock), Arc::clone(&manifest))?;
        let budget = Budget::new(opening.config.memtable_bytes_max);
        budget.add(opening.used);
        Ok(Self {
            applied: Applied::new(log.appended()),
            log,
            clock,
            disk,
            directory: Mutex::new(Some(directory)),
            manifest,
            gate: RwLock::new(0),
            state: RwLock::new(Arc::new(opening.state)),
            building: Mutex::new(()),
            changing: Mutex::new(()),
            flushing: Mutex::new(()),
            committing: Mutex::new(()),
            volatile: Applied::new(0),
            volatile_next: AtomicU64::new(0),
            locks: Locks::new(),
            index_locks: Locks::new(),
            timestamps: Timestamps::new(opening.timestamp_floor),
            budget,
            imports: Arc::default(),
            files: opening.files,
            compaction: Compaction::default(),
            flush_bell: Bell::default(),
            compaction_bell: Bell::default(),
            trouble: Trouble::default(),
            counters: EngineCounters::default(),
            drained: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            host_id,
            config: opening.config,
        })
    }

    /// Flushes what would be slow to replay or is not in the log at all, syncs the log, and
    /// releases the directory.
    pub(super) fn close(&self) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Ok(());
        }
        let state = self.state();
        let due: Vec<TableId> = state
            .tables
            .iter()
            .filter(|(_, table)| {
                table.memtables().any(|memtable| {
                    memtable.bytes() > CLOSE_FLUSH_BYTES
                        || (memtable.is_volatile() && !memtable.is_empty())
                })
            })
            .map(|(id, _)| *id)
            .collect();
        let flushed = self.flush(&due);
        {
            let _gate = self.shut_gate();
            self.closed.store(true, Ordering::SeqCst);
        }
        self.abandon_compaction();
        self.collect_garbage();
        let synced = self.log.close();
        let written = {
            let _committing = self.commit();
            self.manifest.close()
        };
        let mut directory = self
            .directory
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        directory.take();
        // Without room, what is acknowledged stays where it is: in the log, to be replayed.
        let volatile = self.state().tables.values().any(|table| {
            table
                .memtables()
                .any(|memtable| memtable.is_volatile() && !memtable.is_empty())
        });
        match flushed.and(synced).and(written) {
            Err(error) if error.kind == ErrorKind::DiskFull && !volatile => Ok(()),
            done => done,
        }
    }
}

/// The tables of a data directory as recovery finds them, with nothing written. What the log has
/// more of than the files stays in memory.
pub(super) fn read_tables(disk: &Arc<dyn Disk>, found: &manifest::State) -> Result<State> {
    let mut opening = Opening::new(disk, Config::default(), found.clone());
    let mut recovery = CommitLog::recover(Arc::clone(disk), found)?;
    while let Some(record) = recovery.next()? {
        opening.replay(&record)?;
    }
    Ok(opening.state)
}

/// Makes the database's host id, once and for all.
fn new_host_id(manifest: &Manifest, config: &Config) -> Result<Uuid> {
    let random = config.seed.map_or_else(Random::from_system, Random::seeded);
    let id = uuid::Builder::from_random_bytes(random.bytes_16()).into_uuid();
    manifest.edit(&[Edit::HostId(id)])?;
    Ok(id)
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Who wants to know how it went calls close.
        let _ = self.close();
    }
}

impl Opening {
    fn new(disk: &Arc<dyn Disk>, config: Config, found: manifest::State) -> Self {
        let files = Arc::new(FileShared {
            disk: Arc::clone(disk),
            cache: Arc::new(Cache::new(config.block_cache_bytes_max)),
            garbage: Arc::new(Garbage::default()),
        });
        let mut state = State {
            catalog: Arc::clone(&found.catalog),
            ..State::default()
        };
        for (id, schema) in &found.catalog.tables {
            let mut table = TableState::new(schema, config.memtable_shards, false);
            let handles: Vec<_> = found
                .files
                .get(id)
                .into_iter()
                .flat_map(|files| files.values())
                .map(|meta| FileHandle::new(*id, meta.clone(), &files))
                .collect();
            table.replace_files(&[], &handles);
            if Inner::is_volatile(&state, &table) {
                table.freeze(config.memtable_shards, true);
            }
            state.tables.insert(*id, Arc::new(table));
        }
        Self {
            config,
            state,
            manifest: None,
            timestamp_floor: found.timestamp_floor,
            found,
            files,
            used: 0,
        }
    }

    /// Puts a record of the log into the memtables of those of its tables that lack it.
    fn replay(&mut self, logged: &LogRecord) -> Result<()> {
        let (timestamp, bytes) = split_payload(&logged.payload)?;
        self.timestamp_floor = self.timestamp_floor.max(timestamp);
        let updates = record::decode(&bytes)?;
        let sequence = logged.sequence;
        for update in &updates {
            let Some(table) = self.state.tables.get_mut(&update.table) else {
                continue;
            };
            let flushed = self.found.flushed_through.get(&update.table);
            let truncated = self.found.truncated.get(&update.table);
            if flushed.is_some_and(|through| sequence <= *through)
                || truncated.is_some_and(|truncation| sequence <= truncation.sequence)
            {
                continue;
            }
            if table.active.is_volatile() {
                // The keyspace logged its writes once: they keep a memtable of their own.
                let table = Arc::make_mut(table);
                table.freeze(self.config.memtable_shards, false);
            }
            self.used += table.active.insert(sequence, &bytes, update);
        }
        if self.used >= self.config.memtable_bytes_max / 2 {
            self.flush(sequence)?;
        }
        Ok(())
    }

    /// Flushes all memtables: everything up to `sequence` is replayed.
    fn flush(&mut self, sequence: u64) -> Result<()> {
        let Some(manifest) = self.manifest.clone() else {
            return Ok(());
        };
        for (id, table) in &mut self.state.tables {
            let table = Arc::make_mut(table);
            let volatile = table.active.is_volatile();
            table.freeze(self.config.memtable_shards, volatile);
            if table.frozen.is_empty() {
                continue;
            }
            let files = &self.files;
            let block_bytes = self.config.block_bytes;
            let written = flush::write_file(&files.disk, &manifest, table, block_bytes)?;
            let mut edits = vec![
                Edit::TableFlushedThrough {
                    table: *id,
                    sequence,
                },
                Edit::TimestampFloor(self.timestamp_floor),
            ];
            if let Some(meta) = written {
                edits.push(Edit::AddFile {
                    table: *id,
                    file: meta.clone(),
                });
                manifest.edit(&edits)?;
                table.replace_files(&[], &[FileHandle::new(*id, meta, files)]);
            } else {
                manifest.edit(&edits)?;
            }
            table.frozen.clear();
            self.found.flushed_through.insert(*id, sequence);
        }
        self.used = 0;
        Ok(())
    }
}

/// Removes files that the manifest does not name: what a crash left half done, or undeleted.
fn remove_orphans(disk: &dyn Disk, found: &manifest::State) -> Result<()> {
    for name in disk.list("tables")? {
        let Some(table) = name.parse().ok().map(TableId) else {
            continue;
        };
        let files = found.files.get(&table);
        let directory = FileMeta::directory(table);
        for file in disk.list(&directory)? {
            let path = format!("{directory}/{file}");
            let known = files
                .is_some_and(|files| files.keys().any(|id| FileMeta::path(table, *id) == path));
            if !known {
                disk.remove(&path)?;
            }
        }
        if !found.catalog.tables.contains_key(&table) {
            disk.remove_directory(&directory)?;
        }
    }
    Ok(())
}
