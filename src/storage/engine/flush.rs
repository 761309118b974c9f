//! Flush: memtables become SSTables, and the log gets shorter.
//!
//! 1. **Freeze**: with the gate shut, the memtables are set aside at a position P of the log:
//!    they hold everything up to P and nothing behind it.
//! 2. The log is synced through P, since a file must not hold what a crash could take back.
//! 3. One file a table is written, synced and named.
//! 4. One manifest edit adds it and says "complete through P": replay will skip that much.
//! 5. Readers get the file in place of the memtables; segments of the log that no table needs go.

use crate::error::{ErrorKind, Result};
use crate::schema::TableId;
use crate::storage::blocking;
use crate::storage::disk::Disk;
use crate::storage::engine::core::Inner;
use crate::storage::figures::add;
use crate::storage::manifest::{Edit, Manifest};
use crate::storage::memtable::{Memtable, MemtableSource};
use crate::storage::merge::{self, Merge};
use crate::storage::meta::FileMeta;
use crate::storage::read::{PartitionBound, Projection, Slice};
use crate::storage::reconcile;
use crate::storage::row::{PartitionKey, RangeDeletion, Row};
use crate::storage::source::{PartitionStart, Source, SourceRequest};
use crate::storage::sstable::Writer;
use crate::storage::table::{FileHandle, TableState, writer_options};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// How long the log may grow before idle tables are flushed for its sake, in segments.
const LOG_SEGMENTS_MAX: u64 = 8;

impl Inner {
    /// Flushes all tables.
    pub(super) fn flush_all(&self) -> Result<()> {
        let tables: Vec<TableId> = self.state().tables.keys().copied().collect();
        self.flush(&tables)
    }

    /// Takes no more writes, and flushes all that came.
    pub(super) fn drain(&self) -> Result<()> {
        blocking::may_block("a flush")?;
        {
            // Behind it no writer is between append and insertion.
            let _gate = self.shut_gate();
            self.drained.store(true, Ordering::SeqCst);
        }
        self.flush_all()
    }

    /// Flushes some tables, one file each.
    pub(super) fn flush(&self, tables: &[TableId]) -> Result<()> {
        if tables.is_empty() {
            return Ok(());
        }
        self.check_sound()?;
        blocking::may_block("a flush")?;
        let _flushing = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let result = self.flush_held(tables);
        match &result {
            Ok(()) => self.trouble.clear(),
            Err(error) => {
                add(&self.counters.flushes_failed, 1);
                self.trouble.note(error);
            }
        }
        result
    }

    fn flush_held(&self, tables: &[TableId]) -> Result<()> {
        if !self.manifest.is_sound() {
            // What the last try has left behind can only go once the manifest is certain again:
            // on a full disk each try would leave more.
            let _committing = self.commit();
            self.edit(&[])?;
        }
        self.collect_garbage();
        let position = self.freeze(tables);
        self.log.sync_through(position)?;
        let mut flushed = false;
        for id in tables {
            flushed |= self.flush_table(*id, position)?;
        }
        if flushed {
            self.reclaim()?;
            self.collect_garbage();
            self.compaction_bell.ring();
        }
        Ok(())
    }

    /// Sets the tables' memtables aside; answers the position through which they are complete.
    fn freeze(&self, tables: &[TableId]) -> u64 {
        let _gate = self.shut_gate();
        self.publish(|state| {
            for id in tables {
                let volatile = state
                    .tables
                    .get(id)
                    .is_some_and(|table| Self::is_volatile(state, table));
                if let Some(table) = state.tables.get_mut(id)
                    && !table.active.is_empty()
                {
                    Arc::make_mut(table).freeze(self.config.memtable_shards, volatile);
                }
            }
        });
        self.log.appended()
    }

    /// Writes a table's frozen memtables; answers whether there were any.
    fn flush_table(&self, id: TableId, position: u64) -> Result<bool> {
        let Ok(table) = self.table(id) else {
            return Ok(false);
        };
        if table.frozen.is_empty() {
            return Ok(false);
        }
        let block_bytes = self.config.block_bytes;
        let written = write_file(&self.disk, &self.manifest, &table, block_bytes)?;
        let written = written.map(|meta| FileHandle::warmed(id, meta, &self.files));
        let _committing = self.commit();
        // Truncated or dropped meanwhile: what was written is of no use.
        let current = self.table(id).is_ok_and(|now| {
            now.frozen
                .first()
                .zip(table.frozen.first())
                .is_some_and(|(now, then)| Arc::ptr_eq(now, then))
        });
        if !current {
            if let Some(file) = written {
                self.files.garbage.put(id, file.meta.id);
            }
            return Ok(false);
        }
        let mut edits = vec![
            Edit::TableFlushedThrough {
                table: id,
                sequence: position,
            },
            Edit::TimestampFloor(self.timestamps.last()),
        ];
        edits.extend(written.iter().map(|file| Edit::AddFile {
            table: id,
            file: FileMeta::clone(&file.meta),
        }));
        if let Err(error) = self.edit(&edits) {
            if let Some(file) = written {
                self.files.garbage.put(id, file.meta.id);
            }
            return Err(error);
        }
        add(&self.counters.flushes, table.frozen.len() as u64);
        let bytes = written.as_ref().map_or(0, |file| file.meta.bytes);
        add(&self.counters.flushed_bytes, bytes);
        let added: Vec<_> = written.into_iter().collect();
        self.publish_table(id, |now| {
            now.frozen
                .retain(|memtable| !table.frozen.iter().any(|done| Arc::ptr_eq(memtable, done)));
            now.replace_files(&[], &added);
        });
        for memtable in &table.frozen {
            self.budget.release(memtable.retire());
        }
        Ok(true)
    }

    /// Deletes segments of the log whose records are all in files.
    pub(super) fn reclaim(&self) -> Result<()> {
        // Taken first: a mutation that is not in a memtable yet lies behind it.
        let mut through = self.applied.contiguous().min(self.log.durable());
        for table in self.state().tables.values() {
            for memtable in table.memtables().filter(|it| !it.is_volatile()) {
                through = through.min(memtable.lowest_position().saturating_sub(1));
            }
        }
        self.log.reclaim(through)
    }

    /// Flushes what is due; answers whether anything was.
    pub(super) fn flush_step(&self) -> Result<bool> {
        let due = self.flush_due();
        if due.is_empty() || self.check_sound().is_err() {
            return Ok(false);
        }
        self.flush(&due)?;
        Ok(true)
    }

    /// How many tables wait to be flushed.
    pub(super) fn flushes_pending(&self) -> usize {
        self.flush_due().len()
    }

    /// Which tables should be flushed now.
    fn flush_due(&self) -> Vec<TableId> {
        let state = self.state();
        let bytes = |table: &TableState| -> usize {
            table.memtables().map(|memtable| memtable.bytes()).sum()
        };
        let mut due: Vec<TableId> = state
            .tables
            .iter()
            .filter(|(_, table)| {
                !table.frozen.is_empty() || table.active.bytes() >= self.config.memtable_flush_bytes
            })
            .map(|(id, _)| *id)
            .collect();
        if due.is_empty() && self.budget.is_tight() {
            let largest = state.tables.iter().max_by_key(|(_, table)| bytes(table));
            due.extend(
                largest
                    .filter(|(_, table)| bytes(table) > 0)
                    .map(|it| *it.0),
            );
        }
        let log_bytes_max = self.config.commitlog_segment_bytes * LOG_SEGMENTS_MAX;
        if due.is_empty() && self.log.bytes() > log_bytes_max {
            let logged = |memtable: &&Arc<Memtable>| !memtable.is_volatile();
            let oldest = |table: &TableState| {
                let memtables = table.memtables().filter(logged);
                memtables.map(|it| it.lowest_position()).min()
            };
            let first = state
                .tables
                .iter()
                .filter_map(|(id, table)| oldest(table).map(|position| (position, *id)))
                .min();
            due.extend(first.filter(|(at, _)| *at != u64::MAX).map(|(_, id)| id));
        }
        due
    }

    /// Makes room for a write: waits for the flusher, or is the flusher.
    pub(super) fn wait_for_room(&self) -> Result<()> {
        while !self.budget.has_room() {
            blocking::may_block("room in the memtables")?;
            self.check_sound()?;
            if self.config.background {
                self.flush_bell.ring();
                self.budget.wait();
                if !self.budget.has_room()
                    && let Some(error) = self.trouble.passing()
                {
                    return Err(refusal(error));
                }
            } else if !self.flush_step().map_err(refusal)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// One piece of background work; answers whether there was one.
    pub(super) fn step(&self) -> Result<bool> {
        self.check_open()?;
        self.log.periodic_step()?;
        if self.log.serve()? {
            return Ok(true);
        }
        if self.flush_step()? {
            return Ok(true);
        }
        if self.compaction_step()? {
            return Ok(true);
        }
        self.begin_compaction_round();
        self.collect_garbage();
        Ok(false)
    }
}

fn refusal(error: crate::Error) -> crate::Error {
    match error.kind {
        ErrorKind::DiskFull => error.with_hint("writes resume when there is room on the disk"),
        _ => error,
    }
}

/// Everything in a table.
pub(super) fn everything() -> SourceRequest {
    SourceRequest {
        start: PartitionBound::Open,
        end: PartitionBound::Open,
        slices: vec![Slice::all()],
        reversed: false,
        columns: Projection::All,
        statics: true,
    }
}

/// Writes a table's frozen memtables to one file; none where nothing is left of them.
pub(super) fn write_file(
    disk: &Arc<dyn Disk>,
    manifest: &Manifest,
    table: &TableState,
    block_bytes: usize,
) -> Result<Option<FileMeta>> {
    let directory = FileMeta::directory(table.schema.id);
    disk.create_directory(&directory)?;
    disk.sync_directory("tables")?;
    disk.sync_directory("")?;
    let file = manifest.allocate_file_id();
    let path = FileMeta::path(table.schema.id, file);
    let options = writer_options(&table.schema, file, block_bytes);
    let mut writer = Writer::create(Arc::clone(disk), &path, options)?;
    let source = |memtable: &Arc<Memtable>| -> Box<dyn Source> {
        let memtable = Arc::clone(memtable);
        Box::new(MemtableSource::new(
            memtable,
            table.counter,
            u64::MAX,
            everything(),
        ))
    };
    let sources = table.frozen.iter().map(source).collect();
    let mut merge = Merge::new(sources, table.counter, false);
    while let Some(start) = merge.next_partition()? {
        write_partition(&mut writer, &mut merge, table, start)?;
    }
    if writer.is_empty() {
        return Ok(None);
    }
    let mut meta = writer.finish()?;
    let logged = || table.frozen.iter().filter(|it| !it.is_volatile());
    meta.sequence_min = logged().map(|it| it.lowest_position()).min().unwrap_or(0);
    meta.sequence_max = logged().map(|it| it.highest_position()).max().unwrap_or(0);
    Ok(Some(meta))
}

fn write_partition(
    writer: &mut Writer,
    merge: &mut Merge,
    table: &TableState,
    start: PartitionStart,
) -> Result<()> {
    let PartitionStart {
        key,
        deletion,
        static_row,
    } = start;
    let ranges = range_deletions(&table.frozen, &key, deletion.timestamp);
    let static_row = static_row.and_then(|row| kept(table, row));
    let mut begun = false;
    if !deletion.is_none() || !ranges.is_empty() || static_row.is_some() {
        writer.partition(&key, deletion, &ranges)?;
        begun = true;
    }
    if let Some(row) = &static_row {
        writer.static_row(row)?;
    }
    while let Some(merged) = merge.next_row()? {
        let Some(row) = kept(table, merged.row) else {
            continue;
        };
        if !begun {
            writer.partition(&key, deletion, &ranges)?;
            begun = true;
        }
        writer.row(&row)?;
    }
    Ok(())
}

/// What is left of a row without the cells of dropped columns.
fn kept(table: &TableState, mut row: Row) -> Option<Row> {
    table.hidden.apply(&mut row);
    (!reconcile::is_empty(&row)).then_some(row)
}

fn range_deletions(
    memtables: &[Arc<Memtable>],
    key: &PartitionKey,
    above: i64,
) -> Vec<RangeDeletion> {
    let all = memtables.iter().flat_map(|it| it.deletions(key).1);
    merge::disjoint(
        all.filter(|range| range.deletion.timestamp > above)
            .collect(),
    )
}
