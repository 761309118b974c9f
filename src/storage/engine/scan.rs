//! Scans by column.
//!
//! ```text
//! file A   ├── block ──┼── block ──┤
//! file B                     ├── block ──┼── block ──┤
//! memtable                                     ·  ·     ·
//!          ╰─ as it is ─╯╰────── row merge ──────────╯
//! ```
//!
//! Spans of all sources are taken in order of where they start: a file's blocks, by its index
//! alone; a memtable's rows and deletions, one by one. A block that overlaps no other span becomes
//! a batch straight from its pages, if it is simple enough (`sstable::BlockSpan::batch`). Whatever
//! overlaps forms a *region*, which is read as ordinary reads are and turned into columns
//! (`columns`). A region ends where nothing overlaps any more, or when it has become large: blocks
//! that go on behind its end then start there.
//!
//! A scan flushes first what is worth it and then pins files, so that a long one does not hold
//! memtables.

use crate::error::Result;
use crate::schema::ColumnId;
use crate::storage::blocking;
use crate::storage::columns::Gather;
use crate::storage::engine::core::Inner;
use crate::storage::engine::read::Snapshot;
use crate::storage::figures::add;
use crate::storage::live::{Filter, Hidden, LiveRows, Reread};
use crate::storage::memtable::MemtableSource;
use crate::storage::merge::Merge;
use crate::storage::read::{ColumnBatch, PartitionBound, Projection, ReadItem, ScanCommand, Slice};
use crate::storage::row::PartitionKey;
use crate::storage::source::{Source, SourceItem, SourceRequest};
use crate::storage::sstable::{BlockCursor, BlockSpan, Position};
use crate::types::physical::PhysicalKind;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

/// A memtable larger than this is flushed before a scan, in bytes.
const FLUSH_BYTES: usize = 1 << 20;
/// A region takes this many spans at most.
const REGION_SPANS_MAX: usize = 512;
/// A batch that is gathered from rows has this many at most, ...
const BATCH_ROWS_MAX: usize = 4_096;
/// ... and ends behind the row with which its values exceed this, in bytes.
const BATCH_BYTES_MAX: usize = 16 << 20;
/// Behind every clustering.
const BEHIND_ALL: &[u8] = &[0xFF];

/// A scan under way.
pub struct ColumnStream {
    snapshot: Snapshot,
    command: ScanCommand,
    kinds: Vec<(ColumnId, PhysicalKind)>,
    filter: Filter,
    lanes: Vec<Lane>,
    /// What is left to read of the present region, in order.
    region: VecDeque<SourceRequest>,
    rows: Option<LiveRows>,
    gather: Gather,
}

impl std::fmt::Debug for ColumnStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ColumnStream").finish_non_exhaustive()
    }
}

/// One source's spans, in order.
struct Lane {
    spans: Spans,
    next: Option<Span>,
}

enum Spans {
    Blocks {
        cursor: BlockCursor,
        /// Whether its blocks may be taken as they are.
        plain: bool,
    },
    Rows {
        source: Box<MemtableSource>,
        key: Option<PartitionKey>,
    },
}

/// A stretch of a source.
struct Span {
    start: Position,
    end: Position,
    /// The block, where that is the whole of it.
    block: Option<BlockSpan>,
}

impl Lane {
    fn new(spans: Spans) -> Result<Self> {
        let mut lane = Self { spans, next: None };
        lane.advance()?;
        Ok(lane)
    }

    fn advance(&mut self) -> Result<()> {
        self.next = match &mut self.spans {
            Spans::Blocks { cursor, plain } => cursor.next()?.map(|block| Span {
                start: block.start.clone(),
                end: block.end.clone(),
                block: plain.then_some(block),
            }),
            Spans::Rows { source, key } => next_row_span(source, key)?,
        };
        Ok(())
    }

    fn is_memtable(&self) -> bool {
        matches!(self.spans, Spans::Rows { .. })
    }
}

/// The next row of a memtable, or the whole of a partition with deletions.
fn next_row_span(
    source: &mut MemtableSource,
    key: &mut Option<PartitionKey>,
) -> Result<Option<Span>> {
    loop {
        if let Some(at) = key {
            match source.next_item()? {
                Some(SourceItem::Row(row)) => {
                    let slice = Slice::row(row.clustering);
                    return Ok(Some(span(at, slice.start, slice.end)));
                }
                Some(SourceItem::Range(_)) => {
                    return Ok(key.take().map(|key| whole(&key)));
                }
                None => *key = None,
            }
        } else {
            match source.next_partition()? {
                None => return Ok(None),
                Some(start) if !start.deletion.is_none() => return Ok(Some(whole(&start.key))),
                Some(start) => *key = Some(start.key),
            }
        }
    }
}

fn span(key: &PartitionKey, start: Bytes, end: Bytes) -> Span {
    let position = |clustering| Position {
        key: key.clone(),
        clustering,
    };
    Span {
        start: position(start),
        end: position(end),
        block: None,
    }
}

fn whole(key: &PartitionKey) -> Span {
    span(key, Bytes::new(), Bytes::from_static(BEHIND_ALL))
}

impl Inner {
    pub(super) fn scan(&self, command: ScanCommand) -> Result<ColumnStream> {
        blocking::may_block("a scan")?;
        add(&self.counters.scans, 1);
        let before = self.table(command.table)?;
        if before.memtables().any(|it| it.bytes() > FLUSH_BYTES) {
            // Where that fails, the scan reads the memtables.
            let _ = self.flush(&[command.table]);
        }
        let snapshot = self.snapshot(command.table, false)?;
        ColumnStream::new(snapshot, command)
    }
}

impl ColumnStream {
    fn new(snapshot: Snapshot, command: ScanCommand) -> Result<Self> {
        let schema = &snapshot.table.schema;
        let kind = |id: &ColumnId| {
            let column = schema.column_by_id(*id);
            column.map_or(PhysicalKind::Bytes, |column| column.ty.physical())
        };
        let kinds: Vec<_> = command.columns.iter().map(|id| (*id, kind(id))).collect();
        let filter = Filter {
            hidden: Arc::clone(&snapshot.table.hidden),
            columns: Arc::new(Projection::Columns(command.columns.clone())),
            now_seconds: command.now_seconds,
        };
        let mut stream = Self {
            gather: Gather::new(&kinds, command.keys),
            kinds,
            filter,
            lanes: Vec::new(),
            region: VecDeque::new(),
            rows: None,
            snapshot,
            command,
        };
        stream.open_lanes()?;
        Ok(stream)
    }

    fn open_lanes(&mut self) -> Result<()> {
        let (start, end) = (&self.command.start, &self.command.end);
        let hidden: &Hidden = &self.snapshot.table.hidden;
        for file in self.snapshot.table.files.iter() {
            if start.starts_before(&file.meta.last) && end.ends_behind(&file.meta.first) {
                let reader = file.reader()?;
                let lane = Lane::new(Spans::Blocks {
                    cursor: BlockCursor::new(reader, start.clone(), end.clone()),
                    plain: !hidden.columns().any(|id| reader.place_of(id).is_some()),
                })?;
                self.lanes.push(lane);
            }
        }
        for memtable in self.snapshot.table.memtables() {
            if memtable.is_empty() {
                continue;
            }
            let request = SourceRequest {
                start: start.clone(),
                end: end.clone(),
                slices: vec![Slice::all()],
                reversed: false,
                columns: Projection::Columns(Vec::new()),
                statics: false,
            };
            let source = Box::new(self.snapshot.memtable_source(memtable, &request));
            self.lanes
                .push(Lane::new(Spans::Rows { source, key: None })?);
        }
        Ok(())
    }

    /// The next batch, or none at the end.
    #[expect(clippy::should_implement_trait, reason = "it fails")]
    pub fn next(&mut self) -> Result<Option<ColumnBatch>> {
        loop {
            if self.rows.is_some() || !self.region.is_empty() {
                if let Some(batch) = self.next_of_region()? {
                    return Ok(Some(batch));
                }
                continue;
            }
            let Some(first) = self.first_lane() else {
                return Ok(None);
            };
            let Some(block) = self.lone_block(first) else {
                self.collect_region()?;
                continue;
            };
            if let Some(lane) = self.lanes.get_mut(first) {
                lane.advance()?;
            }
            match block.batch(&self.kinds, self.command.keys)? {
                Some(batch) if batch.rows == 0 => {}
                Some(batch) => return Ok(Some(batch)),
                None => self.rows = Some(self.rows_of(&block)?),
            }
        }
    }

    /// The lane whose next span starts first.
    fn first_lane(&self) -> Option<usize> {
        let next = |lane: &Lane| lane.next.as_ref().map(|span| span.start.clone());
        let starts = self.lanes.iter().enumerate();
        let starts = starts.filter_map(|(number, lane)| next(lane).map(|start| (start, number)));
        starts.min().map(|(_, number)| number)
    }

    /// The lane's next block, if it overlaps no other span.
    fn lone_block(&self, first: usize) -> Option<BlockSpan> {
        let span = self.lanes.get(first)?.next.as_ref()?;
        let block = span.block.as_ref()?;
        let mut others = self.lanes.iter().enumerate();
        let alone = others.all(|(number, lane)| {
            number == first
                || lane
                    .next
                    .as_ref()
                    .is_none_or(|other| other.start >= span.end)
        });
        alone.then(|| block.clone())
    }

    /// Takes spans for as long as they overlap, and plans to read what they cover.
    fn collect_region(&mut self) -> Result<()> {
        let mut bounds: Option<(Position, Position)> = None;
        for _ in 0..REGION_SPANS_MAX {
            let Some(first) = self.first_lane() else {
                break;
            };
            let Some(lane) = self.lanes.get_mut(first) else {
                break;
            };
            let joins = match (&bounds, &lane.next) {
                (Some((_, end)), Some(span)) => span.start < *end || lane.is_memtable(),
                _ => true,
            };
            if !joins {
                break;
            }
            if let Some(span) = lane.next.take() {
                bounds = Some(match bounds {
                    None => (span.start, span.end),
                    Some((start, end)) => (start, end.max(span.end)),
                });
            }
            lane.advance()?;
        }
        let Some((start, end)) = bounds else {
            return Ok(());
        };
        for lane in &mut self.lanes {
            // What goes on behind the region starts there, and is not a whole block any more.
            while let Some(span) = &mut lane.next
                && span.start < end
            {
                if span.end <= end {
                    lane.advance()?;
                } else {
                    span.start = end.clone();
                    span.block = None;
                }
            }
        }
        self.plan(&start, &end);
        Ok(())
    }

    /// Turns a region into reads: of a partition's part, of whole partitions, of a part again.
    fn plan(&mut self, start: &Position, end: &Position) {
        let all = Slice::all();
        let part = |from: &Bytes, to: &Bytes| Slice {
            start: from.max(&all.start).clone(),
            end: to.min(&all.end).clone(),
        };
        let columns = Projection::Columns(self.command.columns.clone());
        let request = |start, end, slice: Slice| SourceRequest {
            start,
            end,
            slices: vec![slice],
            reversed: false,
            columns: columns.clone(),
            statics: false,
        };
        let one = |key: &PartitionKey, slice: Slice| {
            let (before, after) = (key.clone(), key.clone());
            request(
                PartitionBound::Before(before),
                PartitionBound::After(after),
                slice,
            )
        };
        if start.key == end.key {
            let slice = part(&start.clustering, &end.clustering);
            self.region.push_back(one(&start.key, slice));
        } else {
            self.region
                .push_back(one(&start.key, part(&start.clustering, &all.end)));
            self.region.push_back(request(
                PartitionBound::After(start.key.clone()),
                PartitionBound::Before(end.key.clone()),
                all.clone(),
            ));
            self.region
                .push_back(one(&end.key, part(&all.start, &end.clustering)));
        }
        let (first, last) = (&self.command.start, &self.command.end);
        self.region.retain_mut(|request| {
            clip(request, first, last) && request.slices.iter().all(|it| it.start < it.end)
        });
    }

    /// The next batch of the region, or none where it is read.
    fn next_of_region(&mut self) -> Result<Option<ColumnBatch>> {
        let mut bytes = 0;
        loop {
            let Some(rows) = &mut self.rows else {
                let Some(request) = self.region.pop_front() else {
                    return Ok((self.gather.rows() > 0).then(|| self.gather.take()));
                };
                let merge = self.snapshot.merge(&request, None)?;
                self.rows = Some(self.live(merge));
                continue;
            };
            match rows.next()? {
                None => self.rows = None,
                Some(ReadItem::Partition { key, .. }) => self.gather.partition(&key),
                Some(ReadItem::Row(row)) => {
                    bytes += row_bytes(&row);
                    self.gather.row(row);
                    if self.gather.rows() >= BATCH_ROWS_MAX || bytes >= BATCH_BYTES_MAX {
                        let batch = self.gather.take();
                        if let Some(key) = self.rows.as_ref().and_then(LiveRows::key) {
                            self.gather.partition(key);
                        }
                        return Ok(Some(batch));
                    }
                }
            }
        }
    }

    fn live(&self, merge: Merge) -> LiveRows {
        let reread: Box<dyn Reread> = Box::new(self.snapshot.clone());
        LiveRows::new(merge, self.filter.clone(), Some(reread))
    }

    /// The rows of a block that nothing overlaps.
    fn rows_of(&self, block: &BlockSpan) -> Result<LiveRows> {
        let request = SourceRequest {
            start: PartitionBound::Open,
            end: PartitionBound::Open,
            slices: vec![Slice::all()],
            reversed: false,
            columns: Projection::Columns(self.command.columns.clone()),
            statics: false,
        };
        let source: Box<dyn Source> = Box::new(block.cursor(request));
        Ok(self.live(Merge::new(vec![source], self.snapshot.table.counter, false)))
    }
}

fn row_bytes(row: &crate::storage::row::Row) -> usize {
    use crate::storage::row::ColumnData;
    let column = |data: &ColumnData| match data {
        ColumnData::Simple(cell) => cell.value.len(),
        ColumnData::Complex { cells, .. } => cells
            .iter()
            .map(|element| element.path.len() + element.cell.value.len())
            .sum(),
    };
    row.columns.iter().map(|it| column(&it.data)).sum()
}

/// Cuts a request to the scan's own bounds; answers whether anything is left.
fn clip(request: &mut SourceRequest, first: &PartitionBound, last: &PartitionBound) -> bool {
    if let (PartitionBound::Before(key), PartitionBound::After(_)) = (&request.start, &request.end)
    {
        return first.starts_before(key) && last.ends_behind(key);
    }
    if let PartitionBound::After(key) = &request.start
        && !first.starts_before(key)
    {
        request.start = first.clone();
    }
    if let PartitionBound::Before(key) = &request.end
        && !last.ends_behind(key)
    {
        request.end = last.clone();
    }
    true
}
