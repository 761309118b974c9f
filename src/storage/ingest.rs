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
mod merge;
mod run;

use crate::error::Result;
use crate::schema::TableId;
use crate::storage::disk::Disk;
use crate::storage::ingest::buffer::Buffer;
use crate::storage::ingest::merge::{Entry, EntrySource, RunMerge};
use crate::storage::ingest::run::{RunReader, RunWriter};
use crate::storage::meta::FileMeta;
use crate::storage::record;
use crate::storage::row::{PartitionKey, Row};
use crate::storage::sstable::{Writer, WriterOptions};
use crate::types::key;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;

/// The byte at the place of the clustering in a static row's key: below every bound.
const STATIC_POSITION: u8 = 0x18;

/// How many runs are merged at once; each takes a block or two of memory.
const RUNS_MAX: usize = 64;

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
}

/// Makes the files of an import part of the table, all at once.
pub type Publish = Box<dyn FnOnce(Vec<FileMeta>) -> Result<()> + Send>;

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
    disk: Arc<dyn Disk>,
    table: TableId,
    writer: WriterOptions,
    file_bytes_max: u64,
    allocate: Arc<dyn Fn() -> u64 + Send + Sync>,
    publish: Option<Publish>,
    _registration: Box<dyn Send>,
    buffer: Buffer,
    scratch: Vec<u8>,
    /// Sorted runs in input order.
    runs: Vec<String>,
    /// SSTables that were written and are not published.
    unpublished: Vec<String>,
}

impl fmt::Debug for Ingest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ingest")
            .field("table", &self.table)
            .field("runs", &self.runs)
            .finish_non_exhaustive()
    }
}

impl Ingest {
    /// Starts an import.
    pub fn new(target: IngestTarget, options: &IngestOptions) -> Result<Self> {
        target
            .disk
            .create_directory(&FileMeta::directory(target.table))?;
        target.disk.sync_directory("tables")?;
        target.disk.sync_directory("")?;
        Ok(Self {
            disk: target.disk,
            table: target.table,
            writer: target.writer,
            file_bytes_max: target.file_bytes_max,
            allocate: target.allocate,
            publish: Some(target.publish),
            _registration: target.registration,
            buffer: Buffer::new(options.memory_bytes_max),
            scratch: Vec::new(),
            runs: Vec::new(),
            unpublished: Vec::new(),
        })
    }

    /// Adds a row; `row.clustering` is empty for a static row.
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

    /// Writes what is in memory to a run.
    fn spill(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.buffer.sort();
        let path = self.new_run();
        let mut writer = RunWriter::create(&*self.disk, &path)?;
        for entry in self.buffer.entries() {
            writer.push(entry)?;
        }
        writer.finish()?;
        self.buffer.clear();
        Ok(())
    }

    /// The path of a new run, which is removed when the import ends.
    fn new_run(&mut self) -> String {
        let number = (self.allocate)();
        let path = format!("{}/{number:010}.run", FileMeta::directory(self.table));
        self.runs.push(path.clone());
        path
    }

    /// Sorts what is left, writes SSTables, and publishes them all in one manifest edit.
    pub fn finish(mut self) -> Result<IngestSummary> {
        let mut summary = IngestSummary::default();
        let files = self.write_tables(&mut summary)?;
        self.remove_runs();
        let Some(publish) = self.publish.take().filter(|_| !files.is_empty()) else {
            return Ok(summary);
        };
        // From here on the manifest may name them, even where it answers an error.
        self.unpublished.clear();
        publish(files)?;
        Ok(summary)
    }

    fn write_tables(&mut self, summary: &mut IngestSummary) -> Result<Vec<FileMeta>> {
        if self.runs.is_empty() {
            self.buffer.sort();
            let mut entries = std::mem::replace(&mut self.buffer, Buffer::new(0)).into_entries();
            return self.write_sorted(&mut entries, summary);
        }
        self.spill()?;
        self.buffer = Buffer::new(0);
        while self.runs.len() > RUNS_MAX {
            self.merge_first_runs()?;
        }
        let mut merged = self.open_runs(self.runs.clone())?;
        self.write_sorted(&mut merged, summary)
    }

    fn open_runs(&self, paths: Vec<String>) -> Result<RunMerge> {
        let readers = paths.iter().map(|path| RunReader::open(&*self.disk, path));
        RunMerge::new(readers.collect::<Result<_>>()?)
    }

    /// Merges the oldest runs into one that takes their place in input order.
    fn merge_first_runs(&mut self) -> Result<()> {
        let oldest: Vec<String> = self.runs.iter().take(RUNS_MAX).cloned().collect();
        let mut merged = self.open_runs(oldest.clone())?;
        let path = self.new_run();
        let mut writer = RunWriter::create(&*self.disk, &path)?;
        while let Some(entry) = merged.next()? {
            writer.push(entry.stored())?;
        }
        writer.finish()?;
        self.runs.pop();
        self.runs.insert(0, path);
        for path in oldest {
            self.runs.retain(|run| *run != path);
            self.disk.remove(&path)?;
        }
        Ok(())
    }

    fn write_sorted(
        &mut self,
        entries: &mut dyn EntrySource,
        summary: &mut IngestSummary,
    ) -> Result<Vec<FileMeta>> {
        let mut output = Output {
            ingest: self,
            writer: None,
            partition: None,
            files: Vec::new(),
        };
        let mut pending: Option<(Entry, Row)> = None;
        while let Some(entry) = entries.next()? {
            let row = entry.row()?;
            pending = match pending {
                Some((last, older)) if last.key() == entry.key() => {
                    summary.duplicates += u64::from(!entry.is_static());
                    Some((entry, combine::combine(older, row)))
                }
                Some((last, older)) => {
                    output.put(&last, &older, summary)?;
                    Some((entry, row))
                }
                None => Some((entry, row)),
            };
        }
        if let Some((last, row)) = pending {
            output.put(&last, &row, summary)?;
        }
        output.close()?;
        let files = output.files;
        summary.bytes = files.iter().map(|file| file.bytes).sum();
        Ok(files)
    }

    fn remove_runs(&mut self) {
        for path in self.runs.drain(..) {
            // What cannot be removed now is removed when the database is opened next.
            let _ = self.disk.remove(&path);
        }
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        self.remove_runs();
        for path in &self.unpublished {
            let _ = self.disk.remove(path);
        }
    }
}

/// The SSTables under way.
struct Output<'a> {
    ingest: &'a mut Ingest,
    writer: Option<(Writer, String)>,
    /// The encoded key of the partition under way.
    partition: Option<Bytes>,
    files: Vec<FileMeta>,
}

impl Output<'_> {
    fn put(&mut self, entry: &Entry, row: &Row, summary: &mut IngestSummary) -> Result<()> {
        let prefix = entry.prefix();
        if self.partition.as_ref() != Some(&prefix) {
            self.start_partition(prefix)?;
        }
        if let Some((writer, _)) = &mut self.writer {
            if entry.is_static() {
                writer.static_row(row)?;
            } else {
                summary.rows += 1;
                writer.row(row)?;
            }
        }
        Ok(())
    }

    fn start_partition(&mut self, prefix: Bytes) -> Result<()> {
        let full = |writer: &Writer| writer.bytes() >= self.ingest.file_bytes_max;
        if self.writer.as_ref().is_some_and(|(writer, _)| full(writer)) {
            self.close()?;
        }
        let (token, key, _) = key::decode_partition_prefix(&prefix)?;
        let key = PartitionKey {
            token,
            key: Bytes::from(key),
        };
        if self.writer.is_none() {
            let file = (self.ingest.allocate)();
            let path = FileMeta::path(self.ingest.table, file);
            let options = WriterOptions {
                file,
                ..self.ingest.writer.clone()
            };
            let writer = Writer::create(Arc::clone(&self.ingest.disk), &path, options)?;
            self.writer = Some((writer, path));
        }
        if let Some((writer, _)) = &mut self.writer {
            writer.partition(&key, crate::storage::cell::Deletion::NONE, &[])?;
        }
        self.partition = Some(prefix);
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        if let Some((writer, path)) = self.writer.take() {
            self.ingest.unpublished.push(path);
            self.files.push(writer.finish()?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
