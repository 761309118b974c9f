//! Carries a choice out: merges files into new ones, a bounded number of rows at a time.
//!
//! The writer of an SSTable wants a partition's range deletions before its first row, the merge
//! hands them out among the rows. So, where the files have any, a second merge that reads keys only
//! walks ahead through each partition and collects them.
//!
//! The new files count only once the engine has put them into the manifest, together with the end
//! of the old ones; whatever a job leaves behind when it is dropped halfway, the next start
//! removes.

use crate::error::Result;
use crate::storage::cell::Deletion;
use crate::storage::compaction::Purge;
use crate::storage::live::Hidden;
use crate::storage::merge::{self, Merge};
use crate::storage::meta::FileMeta;
use crate::storage::read::{PartitionBound, Projection, Slice};
use crate::storage::reconcile;
use crate::storage::row::{PartitionKey, RangeDeletion};
use crate::storage::source::{PartitionStart, Source, SourceItem, SourceRequest};
use crate::storage::sstable::{Cursor, Reader, Writer};
use std::sync::Arc;

/// What may be purged of a partition, once all files of the job are merged.
pub type Proof = Box<dyn FnMut(&PartitionKey) -> Result<Purge> + Send>;

/// How a job goes.
pub struct JobOptions {
    /// Whether the table is one of counters.
    pub counter: bool,
    /// What dropped columns hide: it is left out.
    pub hidden: Arc<Hidden>,
    /// A new file is begun, at the next partition, when one has this much, in bytes.
    pub output_bytes_max: u64,
    /// The level of the new files.
    pub level: u8,
    /// Starts the next new file.
    pub writer: Box<dyn FnMut() -> Result<Writer> + Send>,
    /// What may be purged.
    pub purge: Proof,
}

impl std::fmt::Debug for JobOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobOptions")
            .field("counter", &self.counter)
            .field("output_bytes_max", &self.output_bytes_max)
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to do.
    More,
    /// The new files are complete and synced: [`Job::outputs`].
    Done,
}

/// A partition under way.
#[derive(Debug)]
struct Partition {
    key: PartitionKey,
    purge: Purge,
    /// Whether the writer knows of it: a partition of which nothing is left is not written.
    written: bool,
}

/// A merge of files into new ones.
#[derive(Debug)]
pub struct Job {
    options: JobOptions,
    rows: Merge,
    /// The same partitions with keys only, where the files have range deletions.
    ranges: Option<Merge>,
    ranges_at: Option<PartitionKey>,
    partition: Option<Partition>,
    writer: Option<Writer>,
    outputs: Vec<FileMeta>,
    sequence_min: u64,
    sequence_max: u64,
    rows_done: u64,
}

fn request(columns: Projection) -> SourceRequest {
    SourceRequest {
        start: PartitionBound::Open,
        end: PartitionBound::Open,
        slices: vec![Slice::all()],
        reversed: false,
        columns,
        statics: true,
    }
}

fn merge_of(inputs: &[Arc<Reader>], columns: &Projection, counter: bool) -> Merge {
    let cursor = |reader: &Arc<Reader>| -> Box<dyn Source> {
        Box::new(Cursor::new_uncached(reader, request(columns.clone())))
    };
    Merge::new(inputs.iter().map(cursor).collect(), counter, false)
}

impl Job {
    /// A merge of `inputs`.
    pub fn new(inputs: &[Arc<Reader>], options: JobOptions) -> Self {
        let counter = options.counter;
        let metas = || inputs.iter().map(|reader| reader.meta());
        let keys_only = Projection::Columns(Vec::new());
        Self {
            rows: merge_of(inputs, &Projection::All, counter),
            ranges: metas()
                .any(|meta| meta.beyond_rows)
                .then(|| merge_of(inputs, &keys_only, counter)),
            ranges_at: None,
            partition: None,
            writer: None,
            outputs: Vec::new(),
            sequence_min: metas().map(|meta| meta.sequence_min).min().unwrap_or(0),
            sequence_max: metas().map(|meta| meta.sequence_max).max().unwrap_or(0),
            rows_done: 0,
            options,
        }
    }

    /// How many rows were merged so far.
    pub fn rows_done(&self) -> u64 {
        self.rows_done
    }

    /// The files written so far.
    pub fn outputs(&self) -> &[FileMeta] {
        &self.outputs
    }

    /// Goes on for about `rows_max` rows.
    pub fn step(&mut self, rows_max: usize) -> Result<Progress> {
        for _ in 0..rows_max {
            let Some(partition) = self.partition.take() else {
                match self.rows.next_partition()? {
                    Some(start) => self.begin(start)?,
                    None => {
                        self.finish_file()?;
                        return Ok(Progress::Done);
                    }
                }
                continue;
            };
            self.row(partition)?;
        }
        Ok(Progress::More)
    }

    /// Starts a partition: its deletion, its range deletions, its static row.
    fn begin(&mut self, start: PartitionStart) -> Result<()> {
        let full = self
            .writer
            .as_ref()
            .is_some_and(|writer| writer.bytes() >= self.options.output_bytes_max);
        if full {
            self.finish_file()?;
        }
        let purge = (self.options.purge)(&start.key)?;
        let above = start.deletion;
        let mut deletion = above;
        if purge.takes_deletion(&deletion) {
            deletion = Deletion::NONE;
        }
        let mut ranges = self.ranges_of(&start.key)?;
        ranges.retain(|range| !purge.takes_deletion(&range.deletion));
        let static_row = start.static_row.and_then(|mut row| {
            self.options.hidden.apply(&mut row);
            let left = purge.row(self.options.counter, &mut row, above);
            left.then_some(row)
        });
        let mut partition = Partition {
            key: start.key,
            purge,
            written: false,
        };
        if !deletion.is_none() || !ranges.is_empty() || static_row.is_some() {
            let ranges = merge::disjoint(ranges);
            let writer = self.open(&mut partition, deletion, &ranges)?;
            if let Some(row) = &static_row {
                writer.static_row(row)?;
            }
        }
        self.partition = Some(partition);
        Ok(())
    }

    /// The writer, with the partition begun.
    fn open(
        &mut self,
        partition: &mut Partition,
        deletion: Deletion,
        ranges: &[RangeDeletion],
    ) -> Result<&mut Writer> {
        let writer = match self.writer.take() {
            Some(writer) => self.writer.insert(writer),
            None => {
                let writer = (self.options.writer)()?;
                self.writer.insert(writer)
            }
        };
        if !partition.written {
            writer.partition(&partition.key, deletion, ranges)?;
            partition.written = true;
        }
        Ok(writer)
    }

    /// The range deletions of a partition that its own deletion does not hide.
    fn ranges_of(&mut self, key: &PartitionKey) -> Result<Vec<RangeDeletion>> {
        let Some(ranges) = &mut self.ranges else {
            return Ok(Vec::new());
        };
        while self.ranges_at.as_ref().is_none_or(|at| at < key) {
            match ranges.next_partition()? {
                Some(start) => self.ranges_at = Some(start.key),
                None => return Ok(Vec::new()),
            }
        }
        let mut found = Vec::new();
        if self.ranges_at.as_ref() == Some(key) {
            while let Some(item) = ranges.next_item()? {
                if let SourceItem::Range(range) = item {
                    found.push(range);
                }
            }
        }
        Ok(found)
    }

    /// Copies the next row of the partition, or ends it.
    fn row(&mut self, mut partition: Partition) -> Result<()> {
        let Some(merged) = self.rows.next_row()? else {
            return Ok(());
        };
        self.rows_done += 1;
        let mut row = merged.row;
        self.options.hidden.apply(&mut row);
        let left = !reconcile::is_empty(&row)
            && partition
                .purge
                .row(self.options.counter, &mut row, merged.above);
        if left {
            let none = Deletion::NONE;
            self.open(&mut partition, none, &[])?.row(&row)?;
        }
        self.partition = Some(partition);
        Ok(())
    }

    fn finish_file(&mut self) -> Result<()> {
        if let Some(writer) = self.writer.take() {
            let mut meta = writer.finish()?;
            meta.level = self.options.level;
            meta.sequence_min = self.sequence_min;
            meta.sequence_max = self.sequence_max;
            self.outputs.push(meta);
        }
        Ok(())
    }
}
