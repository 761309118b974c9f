//! Bulk import: an external sort whose result is SSTables.
//!
//! Rows come in any order. Each is encoded once, as the row's key and its body, into a buffer of
//! bounded size; a full buffer is sorted and written to a temporary *run*. At the end the runs and
//! what is still in memory are merged, rows with the same key become one (the later value wins),
//! and the result is written straight into SSTables, which become visible in one manifest edit:
//!
//! ```text
//! add ─► buffer ─ full: sort ─► run 0, run 1, …      tables/<id>/<number>.run
//!          │                         │
//!          └── finish: sort ──► merge by key, then by input order ─► SSTables ─► publish
//! ```
//!
//! Nothing of it passes through the commit log or a memtable. An import that is dropped removes
//! its files; one that crashes leaves files that no manifest names, and opening removes those.

mod buffer;
mod combine;
mod entry;
mod merge;
mod run;

use crate::error::{Error, ErrorKind, Result};
use crate::schema::TableId;
use crate::storage::background::{Task, side_by_side};
use crate::storage::cell::Deletion;
use crate::storage::disk::Disk;
use crate::storage::ingest::buffer::Buffer;
use crate::storage::ingest::entry::{Entry, EntrySource, Part};
use crate::storage::ingest::merge::RunMerge;
use crate::storage::ingest::run::{Run, RunReader, RunWriter};
use crate::storage::meta::FileMeta;
use crate::storage::record;
use crate::storage::row::{PartitionKey, Row};
use crate::storage::sstable::{Writer, WriterOptions};
use crate::types::key;
use bytes::Bytes;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The byte at the place of the clustering in a static row's key: below every bound.
const STATIC_POSITION: u8 = 0x18;

/// How many runs are merged at once; each takes a block or two of memory.
const RUNS_MAX: usize = 64;

/// Fewer rows than this are written by one thread, into one file.
const ROWS_PER_THREAD: usize = 50_000;

/// How a bulk import goes.
#[derive(Clone, Debug)]
pub struct IngestOptions {
    /// The memory for sorting, in bytes; over it sorted runs go to disk.
    pub memory_bytes_max: usize,
    /// The least write timestamp of any row that will be added, in microseconds: while the import
    /// is under way no tombstone above it is purged.
    pub timestamp_min: i64,
}

/// What a bulk import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IngestSummary {
    /// Rows after duplicates were merged.
    pub rows: u64,
    /// Rows whose key had come before.
    pub duplicates: u64,
    /// Bytes of the SSTables written.
    pub bytes: u64,
    /// The commit sequence number under which they became part of the table: behind that of every
    /// write before; 0 where there was nothing to publish.
    pub sequence: u64,
}

/// Makes the files of an import part of the table, all at once; answers the commit sequence number,
/// or 0 where there are none and nothing was done.
pub type Publish = Box<dyn FnOnce(Vec<FileMeta>) -> Result<u64> + Send>;

/// What an import needs of the engine.
pub struct IngestTarget {
    /// The database's files.
    pub disk: Arc<dyn Disk>,
    /// The table.
    pub table: TableId,
    /// How its SSTables are written; the file's number is replaced.
    pub writer: WriterOptions,
    /// About how large an SSTable may become, in bytes. Files are split between partitions.
    pub file_bytes_max: u64,
    /// How many threads may work at once; with one, everything happens on the caller's.
    pub threads: usize,
    /// Answers a number for a new file.
    pub allocate: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Makes the files part of the table.
    pub publish: Publish,
    /// Kept until the import ends: the import counts as a source of old timestamps so long.
    pub registration: Box<dyn Send>,
}

/// A bulk import under way: rows in any order; for rows with the same key and timestamps the one
/// given last wins. Nothing is visible before [`Ingest::finish`]; dropping it leaves no trace.
pub struct Ingest {
    target: Target,
    publish: Option<Publish>,
    _registration: Box<dyn Send>,
    buffer: Buffer,
    scratch: Vec<u8>,
    /// Sorted runs in input order.
    runs: Vec<Run>,
    /// The run that is being written by another thread, behind all in `runs`.
    spilling: Option<Task<(Result<Run>, Buffer)>>,
}

/// Where files are written.
struct Target {
    disk: Arc<dyn Disk>,
    table: TableId,
    writer: WriterOptions,
    file_bytes_max: u64,
    threads: usize,
    allocate: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Runs, and SSTables that are not published: removed when the import ends.
    temporary: Mutex<Vec<String>>,
}

impl fmt::Debug for Ingest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ingest")
            .field("table", &self.target.table)
            .field("runs", &self.runs.len())
            .finish_non_exhaustive()
    }
}

impl Target {
    /// Notes a file that is removed when the import ends.
    fn note(&self, path: &str) {
        let mut temporary = self
            .temporary
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        temporary.push(path.to_owned());
    }

    /// The path of a new run.
    fn new_run(&self) -> String {
        let number = (self.allocate)();
        let path = format!("{}/{number:010}.run", FileMeta::directory(self.table));
        self.note(&path);
        path
    }

    /// Removes a file, or all that were noted.
    fn remove(&self, only: Option<&str>) {
        let mut temporary = self
            .temporary
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        temporary.retain(|path| {
            let going = only.is_none_or(|only| only == path);
            if going {
                // What cannot be removed now is removed when the database is opened next.
                let _ = self.disk.remove(path);
            }
            !going
        });
    }
}

/// Sorts what is in memory and writes it to a run.
fn write_run(disk: &dyn Disk, path: &str, buffer: &mut Buffer) -> Result<Run> {
    buffer.sort();
    let mut writer = RunWriter::create(disk, path)?;
    for (entry, start) in buffer.entries() {
        writer.push(entry, start)?;
    }
    buffer.clear();
    writer.finish()
}

impl Ingest {
    /// Starts an import.
    pub fn new(target: IngestTarget, options: &IngestOptions) -> Result<Self> {
        target
            .disk
            .create_directory(&FileMeta::directory(target.table))?;
        target.disk.sync_directory("tables")?;
        target.disk.sync_directory("")?;
        // While one buffer is written by another thread the next one fills.
        let buffers = target.threads.clamp(1, 2);
        Ok(Self {
            target: Target {
                disk: target.disk,
                table: target.table,
                writer: target.writer,
                file_bytes_max: target.file_bytes_max,
                threads: target.threads.max(1),
                allocate: target.allocate,
                temporary: Mutex::default(),
            },
            publish: Some(target.publish),
            _registration: target.registration,
            buffer: Buffer::new(options.memory_bytes_max / buffers),
            scratch: Vec::new(),
            runs: Vec::new(),
            spilling: None,
        })
    }

    /// Adds a row, which may be or hold deletions; `row.clustering` is empty for a static row.
    pub fn add(&mut self, key: &PartitionKey, row: &Row) -> Result<()> {
        self.scratch.clear();
        key::partition_prefix(key.token, &key.key, &mut self.scratch);
        let prefix_bytes = self.scratch.len();
        if row.clustering.is_empty() {
            self.scratch.push(STATIC_POSITION);
        } else {
            self.scratch.extend_from_slice(&row.clustering);
        }
        let key_bytes = self.scratch.len();
        record::row_body(row, &mut self.scratch)?;
        if !self.buffer.has_room(self.scratch.len()) {
            self.spill()?;
        }
        self.buffer.push(&self.scratch, prefix_bytes, key_bytes);
        Ok(())
    }

    /// Has what is in memory written to a run, here or by another thread.
    fn spill(&mut self) -> Result<()> {
        let path = self.target.new_run();
        if self.target.threads == 1 {
            let run = write_run(&*self.target.disk, &path, &mut self.buffer)?;
            self.runs.push(run);
            return Ok(());
        }
        let spare = self.end_spill()?.unwrap_or_else(|| self.buffer.another());
        let mut full = std::mem::replace(&mut self.buffer, spare);
        let disk = Arc::clone(&self.target.disk);
        self.spilling = Some(Task::start("import-spill", move || {
            let run = write_run(&*disk, &path, &mut full);
            (run, full)
        })?);
        Ok(())
    }

    /// Waits for the run that another thread writes; answers its buffer, which is empty now.
    fn end_spill(&mut self) -> Result<Option<Buffer>> {
        let Some(task) = self.spilling.take() else {
            return Ok(None);
        };
        let (run, buffer) = task.wait()?;
        self.runs.push(run?);
        Ok(Some(buffer))
    }

    /// Sorts what is left, writes SSTables, and publishes them all in one manifest edit.
    pub fn finish(self) -> Result<IngestSummary> {
        self.finish_unless(&AtomicBool::new(false))
    }

    /// The same, given up with [`ErrorKind::Cancelled`] once `stop` is true: a large import sorts
    /// and writes for long.
    pub fn finish_unless(mut self, stop: &AtomicBool) -> Result<IngestSummary> {
        let mut summary = IngestSummary::default();
        let mut files = Vec::new();
        for part in self.write_tables(stop)? {
            summary.rows += part.summary.rows;
            summary.duplicates += part.summary.duplicates;
            summary.bytes += part.summary.bytes;
            files.extend(part.files);
        }
        for run in &self.runs {
            self.target.remove(Some(&run.path));
        }
        let Some(publish) = self.publish.take() else {
            return Ok(summary);
        };
        // From here on the manifest may name them, even where it answers an error.
        let mut temporary = self
            .target
            .temporary
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        temporary.clear();
        drop(temporary);
        summary.sequence = publish(files)?;
        Ok(summary)
    }

    fn write_tables(&mut self, stop: &AtomicBool) -> Result<Vec<Written>> {
        if self.runs.is_empty() && self.spilling.is_none() {
            self.buffer.sort();
            let buffer = std::mem::replace(&mut self.buffer, Buffer::new(0));
            let parts = if buffer.len() < ROWS_PER_THREAD {
                1
            } else {
                self.target.threads
            };
            return write_parts(&self.target, buffer.into_parts(parts), stop);
        }
        if !self.buffer.is_empty() {
            self.spill()?;
        }
        self.end_spill()?;
        self.buffer = Buffer::new(0);
        while self.runs.len() > RUNS_MAX {
            self.merge_first_runs(stop)?;
        }
        let mut starts: Vec<u64> = self
            .runs
            .iter()
            .flat_map(|run| &run.blocks)
            .map(|(start, _)| *start)
            .collect();
        starts.sort_unstable();
        let parts = Part::split(&starts, self.target.threads);
        let parts = parts
            .into_iter()
            .map(|part| self.open_runs(&self.runs, part));
        write_parts(&self.target, parts.collect::<Result<_>>()?, stop)
    }

    fn open_runs(&self, runs: &[Run], part: Part) -> Result<RunMerge> {
        let readers = runs
            .iter()
            .map(|run| RunReader::open(&*self.target.disk, run, part));
        RunMerge::new(readers.collect::<Result<_>>()?)
    }

    /// Merges the oldest runs into one that takes their place in input order.
    fn merge_first_runs(&mut self, stop: &AtomicBool) -> Result<()> {
        let later = self.runs.split_off(RUNS_MAX.min(self.runs.len()));
        let oldest = std::mem::replace(&mut self.runs, later);
        let mut merged = self.open_runs(&oldest, Part::ALL)?;
        let path = self.target.new_run();
        let mut writer = RunWriter::create(&*self.target.disk, &path)?;
        while let Some(entry) = merged.next()? {
            check(stop)?;
            writer.push(entry.stored(), entry.start())?;
        }
        drop(merged);
        self.runs.insert(0, writer.finish()?);
        for run in oldest {
            self.target.remove(Some(&run.path));
        }
        Ok(())
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        // The thread must not write on when its file is removed; what it answers matters no more.
        let _ = self.end_spill();
        self.target.remove(None);
    }
}

/// What was written of one part of the keys.
struct Written {
    files: Vec<FileMeta>,
    summary: IngestSummary,
}

/// Writes the parts into SSTables, side by side.
fn write_parts<S: EntrySource + Send>(
    target: &Target,
    parts: Vec<S>,
    stop: &AtomicBool,
) -> Result<Vec<Written>> {
    let job = |mut entries: S| move || write_sorted(target, &mut entries, stop);
    side_by_side(parts.into_iter().map(job).collect())?
        .into_iter()
        .collect()
}

/// Fails once the import is wanted no more.
fn check(stop: &AtomicBool) -> Result<()> {
    if stop.load(Ordering::Relaxed) {
        let message = "the import was stopped: nothing was written";
        return Err(Error::new(ErrorKind::Cancelled, message));
    }
    Ok(())
}

fn write_sorted(
    target: &Target,
    entries: &mut dyn EntrySource,
    stop: &AtomicBool,
) -> Result<Written> {
    let mut output = Output {
        target,
        writer: None,
        partition: None,
        files: Vec::new(),
        summary: IngestSummary::default(),
    };
    let mut pending: Option<(Entry, Row)> = None;
    while let Some(entry) = entries.next()? {
        check(stop)?;
        let row = entry.row()?;
        pending = match pending {
            Some((last, older)) if last.key() == entry.key() => {
                output.summary.duplicates += u64::from(!entry.is_static());
                Some((entry, combine::combine(older, row)))
            }
            Some((last, older)) => {
                output.put(&last, &older)?;
                Some((entry, row))
            }
            None => Some((entry, row)),
        };
    }
    if let Some((last, row)) = pending {
        output.put(&last, &row)?;
    }
    output.close()?;
    output.summary.bytes = output.files.iter().map(|file| file.bytes).sum();
    Ok(Written {
        files: output.files,
        summary: output.summary,
    })
}

/// The SSTables under way.
struct Output<'a> {
    target: &'a Target,
    writer: Option<(Writer, String)>,
    /// The encoded key of the partition under way.
    partition: Option<Bytes>,
    files: Vec<FileMeta>,
    summary: IngestSummary,
}

impl Output<'_> {
    fn put(&mut self, entry: &Entry, row: &Row) -> Result<()> {
        let prefix = entry.prefix();
        if self.partition.as_ref() != Some(&prefix) {
            self.start_partition(prefix)?;
        }
        let Some((writer, _)) = &mut self.writer else {
            return Err(Error::internal("a partition without a file"));
        };
        if entry.is_static() {
            writer.static_row(row)
        } else {
            self.summary.rows += 1;
            writer.row(row)
        }
    }

    fn start_partition(&mut self, prefix: Bytes) -> Result<()> {
        let full = |writer: &Writer| writer.bytes() >= self.target.file_bytes_max;
        if self.writer.as_ref().is_some_and(|(writer, _)| full(writer)) {
            self.close()?;
        }
        let (token, key, _) = key::decode_partition_prefix(&prefix)?;
        let key = PartitionKey {
            token,
            key: Bytes::from(key),
        };
        if self.writer.is_none() {
            let file = (self.target.allocate)();
            let path = FileMeta::path(self.target.table, file);
            let options = WriterOptions {
                file,
                ..self.target.writer.clone()
            };
            let writer = Writer::create(Arc::clone(&self.target.disk), &path, options)?;
            self.writer = Some((writer, path));
        }
        if let Some((writer, _)) = &mut self.writer {
            writer.partition(&key, Deletion::NONE, &[])?;
        }
        self.partition = Some(prefix);
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        if let Some((writer, path)) = self.writer.take() {
            self.target.note(&path);
            self.files.push(writer.finish()?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
