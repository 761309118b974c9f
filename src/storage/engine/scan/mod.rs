//! Scans by column.
//!
//! ```text
//! file A   ├── block ──┼── block ──┤
//! file B                     ├── block ──┼── block ──┤
//! memtable                                     ·  ·     ·
//!          ╰─ as it is ─╯╰────── row merge ──────────╯
//! ```
//!
//! Spans of all sources are taken in order of where they start (`lanes`): a file's blocks, by its
//! index alone; a memtable's rows and deletions, one by one. A block that overlaps no other span
//! becomes a batch straight from its pages, if it is simple enough (`sstable::BlockSpan::batch`);
//! it is not even read if its zones fail a test of the command. Whatever overlaps forms a *region*
//! (`region`), which is read as ordinary reads are and turned into columns (`columns`). A region
//! ends where nothing overlaps any more, or when it has become large: blocks that go on behind its
//! end then start there.
//!
//! Static rows stand at the start of their partitions, so in a table that can have some a block
//! is simple only where no partition goes on into it, and a region ends with a partition: what is
//! known of a static row is then known in one place, and whether the partition has rows beside it.
//!
//! Named keys are read row by row, unless the partition is wide; so are rows in reverse.

mod lanes;
mod region;

use crate::error::Result;
use crate::schema::{ColumnId, Table};
use crate::storage::columns::{Gather, GatherWish};
use crate::storage::engine::read::{Snapshot, may_hold};
use crate::storage::engine::scan::lanes::{Lane, Spans};
use crate::storage::live::{Filter, Hidden, LiveRows, Reread};
use crate::storage::merge::Merge;
use crate::storage::read::{
    ColumnBatch, PartitionBound, Partitions, Projection, ReadItem, ScanCommand, Slice, ZoneTest,
};
use crate::storage::row::PartitionKey;
use crate::storage::source::{Source, SourceRequest};
use crate::storage::sstable::{BlockCursor, BlockSpan, BlockWish};
use crate::types::key;
use crate::types::physical::PhysicalKind;
use std::collections::VecDeque;
use std::sync::Arc;

/// The first batch has about so many rows, so that who wants few waits for few, ...
const BATCH_ROWS_FIRST: usize = 128;
/// ... each next one four times as many, up to this, ...
const BATCH_ROWS_MAX: usize = 8_192;
/// ... and ends behind the row with which its values exceed this, in bytes.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// A scan under way.
pub struct ColumnStream {
    snapshot: Snapshot,
    /// What every read of rows asks for, but for its bounds and slices.
    model: SourceRequest,
    wish: Arc<BlockWish>,
    zones: Vec<ZoneTest>,
    filter: Filter,
    /// Keys that are still to be read.
    keys: std::vec::IntoIter<PartitionKey>,
    lanes: Vec<Lane>,
    /// What is left to read row by row before the lanes go on, in order.
    region: VecDeque<SourceRequest>,
    rows: Option<LiveRows>,
    gather: Gather,
    /// Rows that are ready, before those in `gather`.
    ready: Option<ColumnBatch>,
    /// With how many rows a batch is handed out.
    rows_wanted: usize,
    /// The last partition of which a block's rows were handed out, in a table with static rows.
    last: Option<PartitionKey>,
}

impl std::fmt::Debug for ColumnStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ColumnStream").finish_non_exhaustive()
    }
}

/// Columns with their kinds.
fn kinds(schema: &Table, ids: &[ColumnId]) -> Vec<(ColumnId, PhysicalKind)> {
    let kind = |id: &ColumnId| {
        let column = schema.column_by_id(*id);
        column.map_or(PhysicalKind::Bytes, |column| column.ty.physical())
    };
    ids.iter().map(|id| (*id, kind(id))).collect()
}

impl ColumnStream {
    pub(super) fn new(mut snapshot: Snapshot, command: ScanCommand) -> Result<Self> {
        snapshot.figures.clone_from(&command.figures);
        let schema = Arc::clone(&snapshot.table.schema);
        let (start, end, keys) = match command.partitions {
            Partitions::Range { start, end } => (start, end, None),
            Partitions::Keys(keys) => (PartitionBound::Open, PartitionBound::Open, Some(keys)),
        };
        let has_statics = !schema.statics.is_empty();
        let partitions = command.keys || !command.statics.is_empty();
        let wish = BlockWish {
            start: start.clone(),
            end: end.clone(),
            slices: command.slices.clone(),
            columns: kinds(&schema, &command.columns),
            statics: kinds(&schema, &command.statics),
            has_statics,
            partitions,
            clusterings: command.clusterings,
            originals: schema.clustering.iter().any(|it| key::may_lose(&it.ty)),
            compact: command.compact,
        };
        let gather = Gather::new(GatherWish {
            columns: wish.columns.clone(),
            statics: wish.statics.clone(),
            partitions,
            clusterings: command.clusterings,
            static_rows: command.slices.is_empty() || command.slices.iter().any(Slice::is_all),
        });
        let mut ids = command.columns;
        ids.extend(command.statics);
        ids.sort_unstable();
        let columns = Projection::Columns(ids);
        let by_rows = command.reversed || command.slices.is_empty();
        let mut stream = Self {
            gather,
            filter: Filter {
                hidden: Arc::clone(&snapshot.table.hidden),
                columns: Arc::new(columns.clone()),
                now_seconds: command.now_seconds,
            },
            model: SourceRequest {
                start,
                end,
                slices: command.slices,
                reversed: command.reversed,
                columns,
                statics: has_statics,
            },
            snapshot,
            wish: Arc::new(wish),
            zones: command.zones,
            keys: Vec::new().into_iter(),
            lanes: Vec::new(),
            region: VecDeque::new(),
            rows: None,
            ready: None,
            rows_wanted: BATCH_ROWS_FIRST,
            last: None,
        };
        match keys {
            Some(keys) => stream.keys = keys.into_iter(),
            None if by_rows => stream.region.push_back(stream.model.clone()),
            None => stream.open_lanes()?,
        }
        Ok(stream)
    }

    /// From now on rows may be left out that fail one of these, in place of the command's own
    /// tests.
    pub fn set_zones(&mut self, zones: Vec<ZoneTest>) {
        self.zones = zones;
    }

    /// Starts with the next key; answers whether there was one.
    fn next_key(&mut self) -> Result<bool> {
        let Some(key) = self.keys.next() else {
            return Ok(false);
        };
        self.model.start = PartitionBound::Before(key.clone());
        self.model.end = PartitionBound::After(key.clone());
        if self.model.reversed || self.model.slices.is_empty() || !self.is_wide(&key)? {
            self.region.push_back(self.model.clone());
            return Ok(true);
        }
        let wish = Arc::make_mut(&mut self.wish);
        wish.start = self.model.start.clone();
        wish.end = self.model.end.clone();
        self.open_lanes()?;
        Ok(true)
    }

    /// Whether a partition takes more than one block of some file.
    fn is_wide(&self, key: &PartitionKey) -> Result<bool> {
        for file in self.snapshot.table.files.iter() {
            if may_hold(file, &self.model, Some(key))? && file.reader()?.is_wide(key)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn open_lanes(&mut self) -> Result<()> {
        let key = region::single(&self.model);
        let hidden: &Hidden = &self.snapshot.table.hidden;
        for file in self.snapshot.table.files.iter() {
            if !may_hold(file, &self.model, key)? {
                continue;
            }
            let reader = file.reader()?;
            let figures = self.snapshot.figures_of(file);
            let lane = Lane::new(Spans::Blocks {
                cursor: BlockCursor::new(reader, &self.wish, figures),
                plain: !hidden.columns().any(|id| reader.place_of(id).is_some()),
            })?;
            self.lanes.push(lane);
        }
        let request = SourceRequest {
            columns: Projection::Columns(Vec::new()),
            ..self.model.clone()
        };
        for memtable in self.snapshot.table.memtables() {
            if memtable.is_empty() {
                continue;
            }
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
                self.read_region()?;
                if self.is_full() {
                    let gathered = self.gather.take();
                    if let Some(batch) = self.put(gathered) {
                        return Ok(Some(batch));
                    }
                }
                continue;
            }
            let Some(first) = region::first_lane(&self.lanes) else {
                self.lanes.clear();
                if self.next_key()? {
                    continue;
                }
                if self.gather.rows() > 0 {
                    let gathered = self.gather.take();
                    if let Some(batch) = self.put(gathered) {
                        return Ok(Some(batch));
                    }
                }
                return Ok(self.ready.take());
            };
            let Some(block) = self.lone_block(first) else {
                self.collect_region()?;
                continue;
            };
            if !self.zones.is_empty() && !block.may_pass(&self.zones)? {
                block.count_pruned();
                self.advance(first)?;
                continue;
            }
            if self.gather.rows() > 0 {
                let gathered = self.gather.take();
                if let Some(batch) = self.put(gathered) {
                    return Ok(Some(batch));
                }
            }
            if let Some(batch) = self.take_block(first, &block)? {
                return Ok(Some(batch));
            }
        }
    }

    /// Takes a block that nothing overlaps; answers a batch that is large enough.
    fn take_block(&mut self, lane: usize, block: &BlockSpan) -> Result<Option<ColumnBatch>> {
        match block.batch()? {
            Some(batch) => {
                self.advance(lane)?;
                if self.model.statics {
                    let goes_on = !block.end.clustering.is_empty();
                    self.last = goes_on.then(|| block.end.key.clone());
                }
                Ok(self.put(batch))
            }
            None if self.model.statics => {
                self.collect_region()?;
                Ok(None)
            }
            None => {
                self.advance(lane)?;
                self.rows = Some(self.rows_of(block));
                Ok(None)
            }
        }
    }

    /// Puts rows behind those that are ready; answers a batch that is large enough, or whose
    /// columns have another form than what follows.
    fn put(&mut self, batch: ColumnBatch) -> Option<ColumnBatch> {
        if batch.rows == 0 {
            return None;
        }
        let Some(ready) = &mut self.ready else {
            self.ready = Some(batch);
            return self.take_large();
        };
        match ready.append(batch) {
            Ok(()) => self.take_large(),
            Err(batch) => self.ready.replace(batch),
        }
    }

    fn take_large(&mut self) -> Option<ColumnBatch> {
        let ready = self.ready.as_ref()?;
        if ready.rows < self.rows_wanted && ready.data_bytes() < BATCH_BYTES_MAX {
            return None;
        }
        self.rows_wanted = (self.rows_wanted * 4).min(BATCH_ROWS_MAX);
        self.ready.take()
    }

    fn is_full(&self) -> bool {
        self.gather.rows() >= self.rows_wanted || self.gather.bytes() >= BATCH_BYTES_MAX
    }

    fn advance(&mut self, lane: usize) -> Result<()> {
        match self.lanes.get_mut(lane) {
            Some(lane) => lane.advance(),
            None => Ok(()),
        }
    }

    /// The lane's next block, if it overlaps no other span.
    fn lone_block(&self, first: usize) -> Option<BlockSpan> {
        let span = self.lanes.get(first)?.next.as_ref()?;
        let block = span.block.as_ref()?;
        region::stands_alone(&self.lanes, first, span).then(|| block.clone())
    }

    /// Takes spans for as long as they overlap, and plans to read what they cover.
    fn collect_region(&mut self) -> Result<()> {
        if let Some((start, end)) = region::collect(&mut self.lanes, self.model.statics)? {
            self.region = region::plan(&start, &end, &self.model);
        }
        Ok(())
    }

    /// Gathers rows of the region until it is read or the batch is full.
    fn read_region(&mut self) -> Result<()> {
        while !self.is_full() {
            let Some(rows) = &mut self.rows else {
                let Some(request) = self.region.pop_front() else {
                    return Ok(());
                };
                let merge = self.snapshot.merge(&request, region::single(&request))?;
                self.rows = Some(self.live(merge));
                continue;
            };
            match rows.next()? {
                None => {
                    self.gather.end_partition();
                    self.rows = None;
                }
                Some(ReadItem::Partition { key, static_row }) => {
                    let has_rows = self.last.as_ref() == Some(&key);
                    self.gather.partition(key, static_row, has_rows);
                }
                Some(ReadItem::Row(row)) => self.gather.row(row),
            }
        }
        Ok(())
    }

    fn live(&self, merge: Merge) -> LiveRows {
        let reread: Box<dyn Reread> = Box::new(self.snapshot.clone());
        LiveRows::new(merge, self.filter.clone(), Some(reread))
    }

    /// The rows of a block that nothing overlaps, in a table without static rows.
    fn rows_of(&self, block: &BlockSpan) -> LiveRows {
        let source: Box<dyn Source> = Box::new(block.cursor(self.model.clone()));
        self.live(Merge::new(vec![source], self.snapshot.table.counter, false))
    }
}
