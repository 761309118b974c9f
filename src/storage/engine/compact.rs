//! Compaction of the engine's tables: one job at a time, a bounded number of rows a step.
//!
//! 1. A table's strategy chooses (`compaction::strategy`); files that are over go at once.
//! 2. A job merges the chosen files; it keeps them alive, and the tables go on being read and
//!    written meanwhile.
//! 3. One manifest edit puts the new files in place of the old ones, unless the table was emptied
//!    or dropped meanwhile. The old ones go with their last reader.
//!
//! The proof that a purge needs is taken when the job starts: from the memtables, the imports under
//! way and the files that are not part of it. What is written later with an older timestamp than a
//! tombstone whose time is over was not hidden for sure before either.

use crate::error::{Error, ErrorKind, Result};
use crate::schema::TableId;
use crate::storage::blocking;
use crate::storage::compaction::{
    Choice, CompactionOptions, Job, JobOptions, Progress, Purge, SizeTiered, Strategy, View,
    fully_expired,
};
use crate::storage::engine::core::Inner;
use crate::storage::engine::jobs::{Running, Work};
use crate::storage::figures::add;
use crate::storage::manifest::Edit;
use crate::storage::meta::FileMeta;
use crate::storage::row::PartitionKey;
use crate::storage::sstable::{Reader, Writer};
use crate::storage::table::{FileHandle, TableState, writer_options};
use std::sync::Arc;

/// How many rows a step merges.
const STEP_ROWS: usize = 4096;

/// A table at one moment, and the least write timestamp of what it has in no file.
struct Seen {
    table: Arc<TableState>,
    timestamp_min_elsewhere: i64,
}

impl Inner {
    /// A round begins: tables whose compaction failed are tried again.
    pub(super) fn begin_compaction_round(&self) {
        self.compaction.lock().failed.clear();
    }

    /// One step of compaction; answers whether there was anything to do.
    pub(super) fn compaction_step(&self) -> Result<bool> {
        if self.check_sound().is_err() {
            return Ok(false);
        }
        let mut work = self.compaction.lock();
        if let Some(running) = work.running.take() {
            let table = running.table;
            return self
                .advance(&mut work, running)
                .map(|()| true)
                .inspect_err(|_| {
                    work.failed.insert(table);
                });
        }
        let tables: Vec<TableId> = self.state().tables.keys().copied().collect();
        for id in &tables {
            let Ok(seen) = self.look(*id) else {
                continue;
            };
            let idle = work.failed.contains(id) || !self.compaction.is_automatic(*id);
            if !idle && !seen.table.files.is_empty() {
                let started = self.start(&mut work, &seen);
                match started {
                    Ok(false) => {}
                    Ok(true) => return Ok(true),
                    Err(error) => {
                        work.failed.insert(*id);
                        return Err(error);
                    }
                }
            }
        }
        Ok(false)
    }

    /// Merges all of a table's files into one.
    pub(super) fn compact(&self, id: TableId) -> Result<()> {
        self.check_sound()?;
        blocking::may_block("a compaction")?;
        self.table(id)?;
        self.flush(&[id])?;
        let mut work = self.compaction.lock();
        self.run_to_end(&mut work)?;
        self.drop_expired(id)?;
        work.running = self.job_of_all(id)?;
        self.run_to_end(&mut work)?;
        self.collect_garbage();
        Ok(())
    }

    /// Takes the job under way to its end, unless the engine is about to close.
    fn run_to_end(&self, work: &mut Work) -> Result<()> {
        while let Some(running) = work.running.take() {
            if self.compaction.is_stopping() {
                work.running = Some(running);
                return Err(Error::new(
                    ErrorKind::Cancelled,
                    "the compaction was stopped: the database is being closed",
                ));
            }
            self.advance(work, running)?;
        }
        Ok(())
    }

    /// How many tables have something to compact by themselves, the one under way included.
    pub(super) fn compactions_pending(&self) -> u64 {
        let state = self.state();
        let under_way = self.compaction.under_way().map(|it| it.table);
        let is_pending = |id: &TableId| {
            under_way == Some(*id)
                || (self.compaction.is_automatic(*id)
                    && self
                        .look(*id)
                        .is_ok_and(|seen| self.choice(&seen) != Choice::Nothing))
        };
        state.tables.keys().filter(|id| is_pending(id)).count() as u64
    }

    /// Drops the files of a table that are over.
    fn drop_expired(&self, id: TableId) -> Result<()> {
        let seen = self.look(id)?;
        let files: Vec<&FileMeta> = seen.table.files.iter().map(|it| it.meta.as_ref()).collect();
        let expired = fully_expired(&self.view(&seen, &files));
        match expired.is_empty() {
            true => Ok(()),
            false => self.drop_files(&seen.table, &expired),
        }
    }

    /// A job that merges all of a table's files, if it has any.
    fn job_of_all(&self, id: TableId) -> Result<Option<Running>> {
        let seen = self.look(id)?;
        let all: Vec<u64> = seen.table.files.iter().map(|file| file.meta.id).collect();
        match all.is_empty() {
            true => Ok(None),
            false => self.job(&seen, &all).map(Some),
        }
    }

    /// Leaves the job under way, if there is one, and what it has written.
    pub(super) fn abandon_compaction(&self) {
        if let Some(running) = self.compaction.lock().running.take() {
            self.compaction.end();
            self.discard(&running);
        }
    }

    fn discard(&self, running: &Running) {
        for output in running.job.outputs() {
            self.files.garbage.put(running.table, output.id);
        }
    }

    fn look(&self, id: TableId) -> Result<Seen> {
        // The imports first: one that ends now has its files in the table's state then.
        let imported = self.imports.timestamp_min(id);
        let table = self.table(id)?;
        let memtables = table.memtables().map(|it| it.lowest_timestamp()).min();
        Ok(Seen {
            timestamp_min_elsewhere: memtables.unwrap_or(i64::MAX).min(imported),
            table,
        })
    }

    /// What a strategy sees of a table.
    fn view<'a>(&self, seen: &Seen, files: &'a [&'a FileMeta]) -> View<'a> {
        View {
            files,
            busy: &[],
            timestamp_min_elsewhere: seen.timestamp_min_elsewhere,
            purge_before_seconds: self.purge_before(&seen.table),
        }
    }

    fn purge_before(&self, table: &TableState) -> i64 {
        let grace = i64::from(table.schema.options.gc_grace_seconds);
        self.clock.now_seconds().saturating_sub(grace)
    }

    /// What the table's strategy chooses.
    fn choice(&self, seen: &Seen) -> Choice {
        let table = &seen.table;
        let options = CompactionOptions::of(&table.schema.options.compaction);
        if !options.enabled {
            return Choice::Nothing;
        }
        let files: Vec<&FileMeta> = table.files.iter().map(|it| it.meta.as_ref()).collect();
        SizeTiered { options }.choose(&self.view(seen, &files))
    }

    /// Starts what the table's strategy chooses; answers whether that is anything.
    fn start(&self, work: &mut Work, seen: &Seen) -> Result<bool> {
        match self.choice(seen) {
            Choice::Nothing => return Ok(false),
            Choice::Drop(ids) => self.drop_files(&seen.table, &ids)?,
            Choice::Merge(ids) => work.running = Some(self.job(seen, &ids)?),
        }
        Ok(true)
    }

    fn drop_files(&self, table: &TableState, ids: &[u64]) -> Result<()> {
        let (going, _) = split(table, ids);
        self.replace(table.schema.id, &going, &[]).map(|_| ())
    }

    fn job(&self, seen: &Seen, ids: &[u64]) -> Result<Running> {
        let table = &seen.table;
        let (inputs, others) = split(table, ids);
        let readers = inputs
            .iter()
            .map(|file| file.reader().map(Arc::clone))
            .collect::<Result<Vec<Arc<Reader>>>>()?;
        let others = others
            .into_iter()
            .map(|file| {
                file.reader()
                    .map(|reader| (Arc::clone(&file), Arc::clone(reader)))
            })
            .collect::<Result<Vec<_>>>()?;
        let (disk, manifest) = (Arc::clone(&self.disk), Arc::clone(&self.manifest));
        let (schema, block_bytes) = (Arc::clone(&table.schema), self.config.block_bytes);
        let writer = move || {
            let id = manifest.allocate_file_id();
            let options = writer_options(&schema, id, block_bytes);
            Writer::create(Arc::clone(&disk), &FileMeta::path(schema.id, id), options)
        };
        let before_seconds = self.purge_before(table);
        let in_memory = seen.timestamp_min_elsewhere;
        let purge = move |key: &PartitionKey| {
            let mut timestamp_min_elsewhere = in_memory;
            for (file, reader) in &others {
                if file.meta.timestamp_min < timestamp_min_elsewhere
                    && file.meta.may_hold(key)
                    && reader.may_contain(key)?
                {
                    timestamp_min_elsewhere = file.meta.timestamp_min;
                }
            }
            Ok(Purge {
                before_seconds,
                timestamp_min_elsewhere,
            })
        };
        let options = JobOptions {
            counter: table.counter,
            hidden: Arc::clone(&table.hidden),
            output_bytes_max: u64::MAX,
            level: 0,
            writer: Box::new(writer),
            purge: Box::new(purge),
        };
        let bytes = inputs.iter().map(|file| file.meta.bytes).sum();
        self.compaction.begin(table.schema.id, bytes);
        Ok(Running {
            table: table.schema.id,
            bytes,
            rows: inputs.iter().map(|file| file.meta.rows).sum(),
            job: Job::new(&readers, options),
            inputs,
        })
    }

    /// Takes the job a step further, and publishes what it has made when it is done.
    fn advance(&self, work: &mut Work, mut running: Running) -> Result<()> {
        let result = running.job.step(STEP_ROWS);
        match result {
            Ok(Progress::More) => {
                self.compaction.progress(running.bytes_done());
                work.running = Some(running);
                return Ok(());
            }
            Ok(Progress::Done) => {}
            Err(error) => {
                self.compaction.end();
                add(&self.counters.compactions_failed, 1);
                tracing::warn!("a compaction failed, and is tried again later: {error}");
                self.discard(&running);
                return Err(error);
            }
        }
        let published = self.replace(running.table, &running.inputs, running.job.outputs());
        self.compaction.end();
        if matches!(published, Ok(true)) {
            let written = running.job.outputs().iter().map(|meta| meta.bytes).sum();
            add(&self.counters.compactions, 1);
            add(&self.counters.compacted_bytes, running.bytes);
            add(&self.counters.compaction_written_bytes, written);
        } else {
            add(
                &self.counters.compactions_failed,
                u64::from(published.is_err()),
            );
            self.discard(&running);
        }
        let Running { inputs, job, .. } = running;
        drop((inputs, job));
        self.collect_garbage();
        published.map(|_| ())
    }

    /// Puts files in place of others; answers whether the table still had these.
    fn replace(&self, id: TableId, gone: &[Arc<FileHandle>], added: &[FileMeta]) -> Result<bool> {
        let handles: Vec<_> = added
            .iter()
            .map(|meta| FileHandle::warmed(id, meta.clone(), &self.files))
            .collect();
        let _committing = self.commit();
        let still = self.table(id).is_ok_and(|now| {
            gone.iter()
                .all(|old| now.files.iter().any(|file| Arc::ptr_eq(file, old)))
        });
        if !still {
            return Ok(false);
        }
        let mut edits: Vec<Edit> = added
            .iter()
            .map(|file| Edit::AddFile {
                table: id,
                file: file.clone(),
            })
            .collect();
        edits.extend(gone.iter().map(|file| Edit::RemoveFile {
            table: id,
            id: file.meta.id,
        }));
        self.edit(&edits)?;
        let ids: Vec<u64> = gone.iter().map(|file| file.meta.id).collect();
        self.publish_table(id, |now| now.replace_files(&ids, &handles));
        for file in gone {
            file.retire();
        }
        Ok(true)
    }
}

/// The files of these numbers, and the others.
fn split(table: &TableState, ids: &[u64]) -> (Vec<Arc<FileHandle>>, Vec<Arc<FileHandle>>) {
    let files = table.files.iter().cloned();
    files.partition(|file| ids.contains(&file.meta.id))
}
