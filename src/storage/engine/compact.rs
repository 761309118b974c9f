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

use crate::error::Result;
use crate::schema::TableId;
use crate::storage::compaction::{
    Choice, CompactionOptions, Job, JobOptions, Progress, Purge, SizeTiered, Strategy, View,
};
use crate::storage::engine::core::Inner;
use crate::storage::manifest::Edit;
use crate::storage::meta::FileMeta;
use crate::storage::row::PartitionKey;
use crate::storage::sstable::{Reader, Writer};
use crate::storage::table::{FileHandle, TableState, writer_options};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many rows a step merges.
const STEP_ROWS: usize = 4096;

/// What compaction is at.
#[derive(Debug, Default)]
pub struct Compaction {
    work: Mutex<Work>,
}

#[derive(Debug, Default)]
struct Work {
    running: Option<Running>,
    /// Tables whose compaction failed: they wait for the next round.
    failed: BTreeSet<TableId>,
}

/// A job under way.
#[derive(Debug)]
struct Running {
    table: TableId,
    inputs: Vec<Arc<FileHandle>>,
    job: Job,
}

impl Compaction {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// A round begins: tables whose compaction failed are tried again.
    pub(super) fn begin_compaction_round(&self) {
        self.compaction.lock().failed.clear();
    }

    /// One step of compaction; answers whether there was anything to do.
    pub(super) fn compaction_step(&self) -> Result<bool> {
        if self.check_writable().is_err() {
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
        for (id, table) in &self.state().tables {
            if !work.failed.contains(id) && !table.files.is_empty() {
                let started = self.start(&mut work, table);
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
        self.check_writable()?;
        self.table(id)?;
        self.flush(&[id])?;
        let mut work = self.compaction.lock();
        while let Some(running) = work.running.take() {
            self.advance(&mut work, running)?;
        }
        let table = self.table(id)?;
        let view_files: Vec<&FileMeta> = table.files.iter().map(|it| it.meta.as_ref()).collect();
        let expired = crate::storage::compaction::fully_expired(&self.view(&table, &view_files));
        if !expired.is_empty() {
            self.drop_files(&table, &expired)?;
        }
        let table = self.table(id)?;
        if table.files.is_empty() {
            return Ok(());
        }
        let all: Vec<u64> = table.files.iter().map(|file| file.meta.id).collect();
        work.running = Some(self.job(&table, &all)?);
        while let Some(running) = work.running.take() {
            self.advance(&mut work, running)?;
        }
        Ok(())
    }

    /// Leaves the job under way, if there is one, and what it has written.
    pub(super) fn abandon_compaction(&self) {
        if let Some(running) = self.compaction.lock().running.take() {
            self.discard(&running);
        }
    }

    fn discard(&self, running: &Running) {
        for output in running.job.outputs() {
            self.files.garbage.put(running.table, output.id);
        }
    }

    /// What a strategy sees of a table.
    fn view<'a>(&self, table: &TableState, files: &'a [&'a FileMeta]) -> View<'a> {
        View {
            files,
            busy: &[],
            timestamp_min_elsewhere: self.timestamp_min_in_memory(table),
            purge_before_seconds: self.purge_before(table),
        }
    }

    fn purge_before(&self, table: &TableState) -> i64 {
        let grace = i64::from(table.schema.options.gc_grace_seconds);
        self.clock.now_seconds().saturating_sub(grace)
    }

    fn timestamp_min_in_memory(&self, table: &TableState) -> i64 {
        let memtables = table.memtables().map(|it| it.lowest_timestamp()).min();
        let imports = self.imports.timestamp_min(table.schema.id);
        memtables.unwrap_or(i64::MAX).min(imports)
    }

    /// Starts what the table's strategy chooses; answers whether that is anything.
    fn start(&self, work: &mut Work, table: &TableState) -> Result<bool> {
        let options = CompactionOptions::of(&table.schema.options.compaction);
        if !options.enabled {
            return Ok(false);
        }
        let files: Vec<&FileMeta> = table.files.iter().map(|it| it.meta.as_ref()).collect();
        let strategy = SizeTiered { options };
        match strategy.choose(&self.view(table, &files)) {
            Choice::Nothing => return Ok(false),
            Choice::Drop(ids) => self.drop_files(table, &ids)?,
            Choice::Merge(ids) => work.running = Some(self.job(table, &ids)?),
        }
        Ok(true)
    }

    fn drop_files(&self, table: &TableState, ids: &[u64]) -> Result<()> {
        let (going, _) = split(table, ids);
        self.replace(table.schema.id, &going, &[]).map(|_| ())
    }

    fn job(&self, table: &TableState, ids: &[u64]) -> Result<Running> {
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
        let in_memory = self.timestamp_min_in_memory(table);
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
        Ok(Running {
            table: table.schema.id,
            job: Job::new(&readers, options),
            inputs,
        })
    }

    /// Takes the job a step further, and publishes what it has made when it is done.
    fn advance(&self, work: &mut Work, mut running: Running) -> Result<()> {
        let result = running.job.step(STEP_ROWS);
        match result {
            Ok(Progress::More) => {
                work.running = Some(running);
                return Ok(());
            }
            Ok(Progress::Done) => {}
            Err(error) => {
                self.discard(&running);
                return Err(error);
            }
        }
        let published = self.replace(running.table, &running.inputs, running.job.outputs());
        if !matches!(published, Ok(true)) {
            self.discard(&running);
        }
        let Running { inputs, job, .. } = running;
        drop((inputs, job));
        self.collect_garbage();
        published.map(|_| ())
    }

    /// Puts files in place of others; answers whether the table still had these.
    fn replace(&self, id: TableId, gone: &[Arc<FileHandle>], added: &[FileMeta]) -> Result<bool> {
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
        let handles: Vec<_> = added
            .iter()
            .map(|meta| FileHandle::new(id, meta.clone(), &self.files))
            .collect();
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
