//! The way of a read: what the state names, up to a position, merged and filtered.

use crate::clock::SharedClock;
use crate::error::Result;
use crate::schema::{ColumnId, TableId};
use crate::storage::cell::{Deletion, NO_TIMESTAMP, NO_TTL};
use crate::storage::engine::core::Inner;
use crate::storage::live::{Filter, LiveRows, Reread};
use crate::storage::memtable::{Memtable, MemtableSource};
use crate::storage::merge::{Merge, MergedRow};
use crate::storage::read::{
    LevelFigures, PartitionBound, Partitions, Projection, ReadCommand, ReadItem, ScanFigures, Slice,
};
use crate::storage::reconcile;
use crate::storage::row::{ColumnData, PartitionKey, Row};
use crate::storage::source::{PartitionStart, Source, SourceItem, SourceRequest};
use crate::storage::sstable::Cursor;
use crate::storage::table::{FileHandle, TableState};
use bytes::Bytes;
use std::sync::Arc;

/// A table as of one position of the log.
#[derive(Clone)]
pub(super) struct Snapshot {
    pub table: Arc<TableState>,
    /// The position, of writes that went to the log.
    pub logged: u64,
    /// The position, of writes that did not.
    pub volatile: u64,
    /// Where to count what is read, if anybody wants to know.
    pub figures: Option<Arc<ScanFigures>>,
}

impl Snapshot {
    /// What the snapshot has of a memtable.
    pub fn memtable_source(
        &self,
        memtable: &Arc<Memtable>,
        request: &SourceRequest,
    ) -> MemtableSource {
        let counter = self.table.counter;
        let position = self.position_in(memtable);
        MemtableSource::new(Arc::clone(memtable), counter, position, request.clone())
    }

    /// Where to count what is read of a file, which is counted as taking part.
    pub fn figures_of(&self, file: &FileHandle) -> Option<Arc<LevelFigures>> {
        let figures = self.figures.as_ref()?.level(file.meta.level);
        figures.file(file.meta.id);
        Some(figures)
    }

    /// Up to where the snapshot sees a memtable.
    fn position_in(&self, memtable: &Memtable) -> u64 {
        if memtable.is_volatile() {
            self.volatile
        } else {
            self.logged
        }
    }

    /// A merge of everything that the snapshot has for `request`; `key` where that is one
    /// partition.
    pub fn merge(&self, request: &SourceRequest, key: Option<&PartitionKey>) -> Result<Merge> {
        self.merge_with(request, key, None)
    }

    /// The same with one more source.
    pub fn merge_with(
        &self,
        request: &SourceRequest,
        key: Option<&PartitionKey>,
        more: Option<Box<dyn Source>>,
    ) -> Result<Merge> {
        let mut sources: Vec<Box<dyn Source>> = Vec::from_iter(more);
        for memtable in self.table.memtables() {
            if memtable.is_empty() {
                continue;
            }
            let source = self.memtable_source(memtable, request);
            sources.push(match &self.figures {
                None => Box::new(source),
                Some(figures) => {
                    figures.memtables().file(sources.len() as u64);
                    Box::new(Counted::new(source, Arc::clone(figures.memtables())))
                }
            });
        }
        for file in self.table.files.iter() {
            if may_hold(file, request, key)? {
                let cursor = Cursor::new(file.reader()?, request.clone());
                sources.push(match self.figures_of(file) {
                    None => Box::new(cursor),
                    Some(figures) => {
                        let cursor = cursor.counted(Some(Arc::clone(&figures)));
                        Box::new(Counted::new(cursor, figures))
                    }
                });
            }
        }
        Ok(Merge::new(sources, self.table.counter, request.reversed))
    }
}

/// A source whose rows are counted.
struct Counted<S> {
    source: S,
    figures: Arc<LevelFigures>,
}

impl<S> Counted<S> {
    fn new(source: S, figures: Arc<LevelFigures>) -> Self {
        Self { source, figures }
    }
}

impl<S: Source> Source for Counted<S> {
    fn next_partition(&mut self) -> Result<Option<PartitionStart>> {
        self.source.next_partition()
    }

    fn next_item(&mut self) -> Result<Option<SourceItem>> {
        let item = self.source.next_item()?;
        if let Some(SourceItem::Row(_)) = item {
            self.figures.rows(1);
        }
        Ok(item)
    }
}

/// Whether a file can have something to say, by what is known without reading its blocks.
pub(super) fn may_hold(
    file: &FileHandle,
    request: &SourceRequest,
    key: Option<&PartitionKey>,
) -> Result<bool> {
    let meta = &file.meta;
    let in_range = match key {
        Some(key) => meta.may_hold(key),
        None => request.start.starts_before(&meta.last) && request.end.ends_behind(&meta.first),
    };
    if !in_range {
        return Ok(false);
    }
    if !meta.beyond_rows
        && let (Some(first), Some(last)) = (&meta.first_clustering, &meta.last_clustering)
    {
        let meets = |slice: &Slice| {
            slice.start.as_ref() <= last.as_slice() && slice.end.as_ref() > first.as_slice()
        };
        if !request.slices.iter().any(meets) {
            return Ok(false);
        }
    }
    match key {
        Some(key) => file.reader()?.may_contain(key),
        None => Ok(true),
    }
}

impl Snapshot {
    /// One row of a table without static columns, the quick way.
    fn row(
        &self,
        key: &PartitionKey,
        clustering: &Bytes,
        columns: &Projection,
    ) -> Result<Option<MergedRow>> {
        let counter = self.table.counter;
        let mut above = Deletion::NONE;
        let mut merged: Option<MergedRow> = None;
        for memtable in self.table.memtables().filter(|it| !it.is_empty()) {
            let position = self.position_in(memtable);
            let (deletion, row) = memtable.get(key, clustering, columns, counter, position)?;
            above = above.max(deletion);
            MergedRow::add(&mut merged, row, counter);
        }
        // The newest file first: what it says may settle what older ones could say.
        let mut settled = self.settled_since(merged.as_ref(), columns);
        for file in self.table.files.iter().rev() {
            let meta = &file.meta;
            if !meta.may_hold(key) || settled.is_some_and(|since| meta.timestamp_max < since) {
                continue;
            }
            let reader = file.reader()?;
            if let Some(found) = reader.get(key, clustering, columns, false)? {
                above = above.max(found.deletion);
                MergedRow::add(&mut merged, found.row, counter);
                settled = self.settled_since(merged.as_ref(), columns);
            }
        }
        if let Some(merged) = &mut merged {
            merged.above = above;
            reconcile::apply_deletion(counter, &mut merged.row, above);
        }
        Ok(merged)
    }

    /// The write timestamp that anything must reach to change the answer; none where anything may.
    ///
    /// A marker that does not expire lets the row live whatever else it has, and where every wanted
    /// column has a single cell, only a newer cell or deletion can make a difference: files whose
    /// newest write is older need not be asked, as in Cassandra's reads by timestamp.
    fn settled_since(&self, merged: Option<&MergedRow>, columns: &Projection) -> Option<i64> {
        let row = &merged?.row;
        let marker = &row.liveness;
        if self.table.counter || marker.timestamp == NO_TIMESTAMP || marker.ttl_seconds != NO_TTL {
            return None;
        }
        let written_at = |id: ColumnId| {
            let at = row.columns.binary_search_by_key(&id, |column| column.id);
            match &row.columns.get(at.ok()?)?.data {
                ColumnData::Simple(cell) => Some(cell.timestamp),
                ColumnData::Complex { .. } => None,
            }
        };
        let mut since = marker.timestamp;
        match columns {
            Projection::Columns(ids) => {
                for id in ids {
                    since = since.min(written_at(*id)?);
                }
            }
            Projection::All => {
                for column in &self.table.schema.regulars {
                    since = since.min(written_at(column.id)?);
                }
            }
        }
        Some(since)
    }
}

impl Reread for Snapshot {
    fn whole(&self, key: &PartitionKey, clustering: &Bytes) -> Result<Option<MergedRow>> {
        self.row(key, clustering, &Projection::All)
    }
}

/// A read under way.
pub struct RowStream {
    snapshot: Snapshot,
    request: SourceRequest,
    filter: Filter,
    keys: std::vec::IntoIter<PartitionKey>,
    current: Option<LiveRows>,
    /// A row that was found the quick way, behind its partition.
    row: Option<Row>,
    /// How many partitions (or ranges) were begun, and whether one failed.
    begun: u64,
    failed: bool,
    /// When it started, if it is timed.
    timed: Option<(SharedClock, i64)>,
}

impl Drop for RowStream {
    fn drop(&mut self) {
        // A read that must be repeated elsewhere is counted there.
        if self.failed {
            return;
        }
        let reads = &self.snapshot.table.counters.reads;
        reads.count(self.begun);
        if let Some((clock, start)) = &self.timed {
            reads.time(clock.monotonic_micros() - start);
        }
    }
}

impl std::fmt::Debug for RowStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowStream").finish_non_exhaustive()
    }
}

impl RowStream {
    pub(super) fn new(snapshot: Snapshot, command: ReadCommand) -> Result<Self> {
        let (start, end, keys) = match command.partitions {
            Partitions::Keys(keys) => (PartitionBound::Open, PartitionBound::Open, Some(keys)),
            Partitions::Range { start, end } => (start, end, None),
        };
        let filter = Filter {
            hidden: Arc::clone(&snapshot.table.hidden),
            columns: Arc::new(command.columns.clone()),
            now_seconds: command.now_seconds,
        };
        let mut stream = Self {
            request: SourceRequest {
                start,
                end,
                slices: command.slices,
                reversed: command.reversed,
                columns: command.columns,
                statics: !snapshot.table.schema.statics.is_empty(),
            },
            snapshot,
            filter,
            keys: Vec::new().into_iter(),
            current: None,
            row: None,
            begun: 0,
            failed: false,
            timed: None,
        };
        match keys {
            Some(keys) => stream.keys = keys.into_iter(),
            None => {
                stream.begun = 1;
                stream.start(None).inspect_err(|_| stream.failed = true)?;
            }
        }
        Ok(stream)
    }

    /// Starts reading what the request names.
    fn start(&mut self, key: Option<&PartitionKey>) -> Result<()> {
        let reread: Option<Box<dyn Reread>> = match self.request.columns {
            Projection::All => None,
            Projection::Columns(_) => Some(Box::new(self.snapshot.clone())),
        };
        let merge = self.snapshot.merge(&self.request, key)?;
        self.current = Some(LiveRows::new(merge, self.filter.clone(), reread));
        Ok(())
    }

    /// Reads one row the quick way, if it can be; answers the partition's start, if the row lives.
    fn quick(&mut self, key: &PartitionKey) -> Result<Option<Option<ReadItem>>> {
        let [slice] = self.request.slices.as_slice() else {
            return Ok(None);
        };
        let clustering = match slice.as_row() {
            // What is counted goes the ordinary way.
            Some(clustering) if !self.request.statics && self.snapshot.figures.is_none() => {
                clustering
            }
            _ => return Ok(None),
        };
        let columns = &self.request.columns;
        let mut merged = self.snapshot.row(key, clustering, columns)?;
        let doubtful =
            |it: &MergedRow| it.doubtful && !it.row.liveness.is_live(self.filter.now_seconds);
        if merged.as_ref().is_some_and(doubtful) && *columns != Projection::All {
            merged = self.snapshot.row(key, clustering, &Projection::All)?;
        }
        let Some(MergedRow { mut row, above, .. }) = merged else {
            return Ok(Some(None));
        };
        if !self.filter.apply(&mut row, above) {
            return Ok(Some(None));
        }
        self.row = Some(row);
        Ok(Some(Some(ReadItem::Partition {
            key: key.clone(),
            static_row: None,
        })))
    }

    /// The next item, or none at the end.
    #[expect(clippy::should_implement_trait, reason = "it fails")]
    pub fn next(&mut self) -> Result<Option<ReadItem>> {
        let item = self.next_item();
        self.failed |= item.is_err();
        item
    }

    fn next_item(&mut self) -> Result<Option<ReadItem>> {
        loop {
            if let Some(current) = &mut self.current {
                if let Some(item) = current.next()? {
                    return Ok(Some(item));
                }
                self.current = None;
            }
            if let Some(row) = self.row.take() {
                return Ok(Some(ReadItem::Row(row)));
            }
            let Some(key) = self.keys.next() else {
                return Ok(None);
            };
            self.begun += 1;
            if let Some(item) = self.quick(&key)? {
                if item.is_some() {
                    return Ok(item);
                }
                continue;
            }
            self.request.start = PartitionBound::Before(key.clone());
            self.request.end = PartitionBound::After(key.clone());
            self.start(Some(&key))?;
        }
    }
}

impl Inner {
    /// A table as of now: what is durable, or (`appended`) all that was written.
    pub(super) fn snapshot(&self, table: TableId, appended: bool) -> Result<Snapshot> {
        self.check_open()?;
        // The state first: what its files hold is never behind the position.
        let table = self.table(table)?;
        let complete = self.applied.contiguous();
        let logged = if appended {
            complete
        } else {
            complete.min(self.log.visible())
        };
        Ok(Snapshot {
            table,
            logged,
            volatile: self.volatile.contiguous(),
            figures: None,
        })
    }

    pub(super) fn read(&self, command: ReadCommand, appended: bool) -> Result<RowStream> {
        let snapshot = self.snapshot(command.table, appended)?;
        let due = snapshot.table.counters.reads.is_due();
        let timed = due.then(|| (Arc::clone(&self.clock), self.clock.monotonic_micros()));
        let mut stream = RowStream::new(snapshot, command)?;
        stream.timed = timed;
        Ok(stream)
    }

    /// A read of what is durable that counts what it reads.
    pub(super) fn read_counted(
        &self,
        command: ReadCommand,
        figures: &Arc<ScanFigures>,
    ) -> Result<RowStream> {
        let mut snapshot = self.snapshot(command.table, false)?;
        snapshot.figures = Some(Arc::clone(figures));
        RowStream::new(snapshot, command)
    }
}
