//! Scans by column: blocks, by the index alone, and their columns as vectors.

use crate::error::Result;
use crate::schema::ColumnId;
use crate::storage::read::{
    Clusterings, ColumnBatch, ColumnVector, LevelFigures, PartitionBound, Slice, ZoneTest,
};
use crate::storage::row::PartitionKey;
use crate::storage::source::SourceRequest;
use crate::storage::sstable::block::Block;
use crate::storage::sstable::block_builder::{block_flags, column_flags};
use crate::storage::sstable::codec::Parsed;
use crate::storage::sstable::cursor::{Cursor, first_block, run_precedes};
use crate::storage::sstable::index::ColumnZones;
use crate::storage::sstable::reader::{Ahead, BEHIND_ALL, BlockAt, Reader};
use crate::storage::sstable::runs::Runs;
use crate::storage::sstable::values_builder::Zone;
use crate::storage::sstable::vector::{absent, decode};
use crate::types::physical::PhysicalKind;
use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A place in a table: in front of the row (or bound) `clustering` of a partition. Empty is in
/// front of the whole partition, `[0xFF]` behind it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The partition.
    pub key: PartitionKey,
    /// Where in it.
    pub clustering: Bytes,
}

/// Whether a position's partition stands before a bound.
fn key_precedes(key: &PartitionKey, bound: &PartitionBound) -> bool {
    match bound {
        PartitionBound::Open => false,
        PartitionBound::BeforeToken(token) => key.token < *token,
        PartitionBound::AfterToken(token) => key.token <= *token,
        PartitionBound::Before(other) => key < other,
        PartitionBound::After(other) => key <= other,
    }
}

/// What a scan wants of the blocks of a file.
#[derive(Clone, Debug)]
pub struct BlockWish {
    /// Where partitions start.
    pub start: PartitionBound,
    /// Where they stop.
    pub end: PartitionBound,
    /// Which rows of each, in clustering order and apart.
    pub slices: Vec<Slice>,
    /// The wanted columns.
    pub columns: Vec<(ColumnId, PhysicalKind)>,
    /// The wanted static columns.
    pub statics: Vec<(ColumnId, PhysicalKind)>,
    /// Whether the table has static rows, wanted or not.
    pub has_statics: bool,
    /// Whether partitions are wanted.
    pub partitions: bool,
    /// Whether clusterings are wanted.
    pub clusterings: bool,
    /// Whether some clusterings may have lost something, so that rows keep the original.
    pub originals: bool,
    /// Whether values may come as dictionaries and scaled numbers.
    pub compact: bool,
}

impl BlockWish {
    fn all_rows(&self) -> bool {
        self.slices.iter().any(Slice::is_all)
    }

    fn nothing(&self) -> bool {
        self.columns.is_empty() && !self.partitions && !self.clusterings
    }

    /// The partition, if one is all that is wanted.
    fn single(&self) -> Option<&PartitionKey> {
        match (&self.start, &self.end) {
            (PartitionBound::Before(one), PartitionBound::After(other)) if one == other => {
                Some(one)
            }
            _ => None,
        }
    }
}

#[derive(Debug)]
struct Scan {
    reader: Arc<Reader>,
    wish: Arc<BlockWish>,
    figures: Option<Arc<LevelFigures>>,
    room: Mutex<Room>,
}

/// Memory that goes from one block to the next.
#[derive(Debug, Default)]
struct Room {
    ahead: Ahead,
    page: Vec<u8>,
    /// The zones of an index unit, which is this one.
    zones: Option<(usize, Vec<ColumnZones>)>,
}

#[derive(Debug)]
enum Next {
    Start,
    At(BlockAt),
    End,
}

/// Walks a file's blocks in order, by the index alone, without reading them.
#[derive(Debug)]
pub struct BlockCursor {
    scan: Arc<Scan>,
    next: Next,
}

impl BlockCursor {
    /// The blocks that hold something that is wished for.
    pub fn new(
        reader: &Arc<Reader>,
        wish: &Arc<BlockWish>,
        figures: Option<Arc<LevelFigures>>,
    ) -> Self {
        let scan = Scan {
            reader: Arc::clone(reader),
            wish: Arc::clone(wish),
            figures,
            room: Mutex::default(),
        };
        Self {
            scan: Arc::new(scan),
            next: Next::Start,
        }
    }

    /// The first block that can hold something.
    fn first(&self) -> Result<BlockAt> {
        let wish = &self.scan.wish;
        match (wish.single(), wish.slices.first()) {
            (Some(key), Some(slice)) if !wish.has_statics => {
                self.scan.reader.locate(key, &slice.start)
            }
            _ => first_block(&self.scan.reader, &wish.start),
        }
    }

    /// The next block, or none at the end.
    #[expect(clippy::should_implement_trait, reason = "it fails")]
    pub fn next(&mut self) -> Result<Option<BlockSpan>> {
        loop {
            let at = match std::mem::replace(&mut self.next, Next::End) {
                Next::Start => self.first()?,
                Next::At(at) => at,
                Next::End => return Ok(None),
            };
            let (reader, wish) = (&self.scan.reader, &self.scan.wish);
            let (key, clustering) = reader.position(&at)?;
            let open = matches!(wish.end, PartitionBound::Open);
            if !open && !key_precedes(&key, &wish.end) {
                return Ok(None);
            }
            let after = reader.block_after(&at)?;
            let end = match &after {
                Some(after) => {
                    let (key, clustering) = reader.position(after)?;
                    Position { key, clustering }
                }
                None => Position {
                    key: reader.meta().last.clone(),
                    clustering: Bytes::from_static(BEHIND_ALL),
                },
            };
            if let Some(after) = after {
                self.next = Next::At(after);
            }
            if key_precedes(&end.key, &wish.start) {
                continue;
            }
            let span = BlockSpan {
                start: Position { key, clustering },
                end,
                rows: reader.entry(&at)?.rows,
                at,
                scan: Arc::clone(&self.scan),
            };
            if span.meets_slices() {
                return Ok(Some(span));
            }
            span.count_pruned();
        }
    }
}

/// A block, by what the index says of it.
#[derive(Clone, Debug)]
pub struct BlockSpan {
    /// Everything in the block is at or behind this.
    pub start: Position,
    /// Everything in the block is before this.
    pub end: Position,
    /// How many rows it holds, static ones included.
    pub rows: usize,
    at: BlockAt,
    scan: Arc<Scan>,
}

/// Which rows of a block are wanted, and where they stand.
#[derive(Debug, Default)]
struct Selected {
    /// Row numbers, in order and apart.
    ranges: Vec<(usize, usize)>,
    partitions: Vec<(usize, PartitionKey)>,
    clustering: Clusterings,
    originals: Vec<(usize, Bytes)>,
}

impl Selected {
    fn rows(&self) -> usize {
        self.ranges.iter().map(|(from, to)| to - from).sum()
    }

    /// From the first row to behind the last one.
    fn span(&self) -> (usize, usize) {
        match (self.ranges.first(), self.ranges.last()) {
            (Some(first), Some(last)) => (first.0, last.1),
            _ => (0, 0),
        }
    }

    fn push(&mut self, from: usize, to: usize) {
        match self.ranges.last_mut() {
            Some(last) if last.1 == from => last.1 = to,
            _ => self.ranges.push((from, to)),
        }
    }
}

impl BlockSpan {
    /// Whether the block can hold wanted rows, or a static row. Deletions in it are about its own
    /// rows alone.
    fn meets_slices(&self) -> bool {
        let wish = &self.scan.wish;
        if self.start.key != self.end.key {
            return true;
        }
        let (start, end) = (&self.start.clustering, &self.end.clustering);
        (wish.has_statics && start.is_empty())
            || wish
                .slices
                .iter()
                .any(|it| it.start < *end && it.end > *start)
    }

    /// Counts the block as left out.
    pub fn count_pruned(&self) {
        if let Some(figures) = &self.scan.figures {
            figures.pruned();
        }
    }

    /// Whether some row of the block may pass all tests, by the block's zones.
    pub fn may_pass(&self, tests: &[ZoneTest]) -> Result<bool> {
        let reader = &self.scan.reader;
        let mut room = self.scan.room();
        if !matches!(&room.zones, Some((unit, _)) if *unit == self.at.unit()) {
            room.zones = Some((self.at.unit(), reader.zone_unit(&self.at)?));
        }
        let zones = room.zones.as_ref().map_or(&[][..], |(_, zones)| zones);
        let fails = |test: &ZoneTest| {
            let place = reader.place_of(test.column);
            let column = zones.iter().find(|(at, _)| Some(*at) == place);
            let zone = column.and_then(|(_, list)| list.get(self.at.number()).copied().flatten());
            zone.is_some_and(|zone| !test.may_pass(zone))
        };
        Ok(!tests.iter().any(fails))
    }

    /// Whether the block says all there is to say about its partitions' static rows: there are
    /// none. Only right where no other source holds anything between `start` and `end`.
    fn lacks_statics(&self) -> Result<bool> {
        Ok(!self.scan.wish.has_statics || !self.scan.reader.continues(&self.at)?)
    }

    /// What is wanted of its rows, straight from the pages. None if the block is not *simple*: it
    /// holds deletions, static rows, expiring markers or rows without anything live; or among the
    /// wanted columns there are expiring cells, multi-cell columns or values that are not of their
    /// fixed width. Then read it by [`BlockSpan::cursor`]. Only right where no other source holds
    /// anything between `start` and `end`.
    pub fn batch(&self) -> Result<Option<ColumnBatch>> {
        let (reader, wish) = (&self.scan.reader, &self.scan.wish);
        let entry = reader.entry(&self.at)?;
        if !rows_all_live(entry.flags) || !self.lacks_statics()? {
            return Ok(None);
        }
        if wish.nothing() && wish.all_rows() && self.is_inside() {
            return Ok(Some(ColumnBatch {
                rows: entry.rows,
                ..ColumnBatch::default()
            }));
        }
        let mut room = self.scan.room();
        let Room { ahead, page, .. } = &mut *room;
        let block = reader.passing_block(&self.at, ahead)?;
        if let Some(figures) = &self.scan.figures {
            figures.block(entry.length);
        }
        let damaged = |damage| reader.units().damaged(block.offset(), damage);
        let selected = self.select(&block).map_err(damaged)?;
        let Some(columns) = self.vectors(&block, &selected, page)? else {
            return Ok(None);
        };
        let rows = selected.rows();
        if let Some(figures) = &self.scan.figures {
            figures.rows(rows);
        }
        let statics = wish.statics.iter();
        Ok(Some(ColumnBatch {
            rows,
            statics: statics
                .map(|(_, kind)| absent(*kind, selected.partitions.len()))
                .collect(),
            partitions: selected.partitions,
            clustering: selected.clustering,
            originals: selected.originals,
            columns,
        }))
    }

    fn vectors(
        &self,
        block: &Block,
        selected: &Selected,
        page: &mut Vec<u8>,
    ) -> Result<Option<Vec<ColumnVector>>> {
        let (reader, wish) = (&self.scan.reader, &self.scan.wish);
        let span = selected.span();
        let damaged = |damage| reader.units().damaged(block.offset(), damage);
        let mut vectors = Vec::with_capacity(wish.columns.len());
        for (id, kind) in &wish.columns {
            let place = reader.place_of(*id);
            let column = place.and_then(|place| {
                let at = block.columns().binary_search_by_key(&place, |c| c.place);
                at.ok().and_then(|at| block.columns().get(at))
            });
            let Some(column) = column else {
                vectors.push(absent(*kind, selected.rows()));
                continue;
            };
            const UNFIT: u8 =
                column_flags::EXPIRING | column_flags::IRREGULAR | column_flags::COMPLEX;
            if column.flags & UNFIT != 0 {
                return Ok(None);
            }
            let bytes = match column.loaded_page() {
                Some(page) => page,
                None => column
                    .page
                    .load_into(block.payload(), page)
                    .map_err(damaged)?,
            };
            let units = reader.units();
            let form = (*kind, wish.compact);
            match decode(bytes, block.rows(), form, span, units, block.offset())? {
                Some(vector) if selected.ranges.len() > 1 => {
                    vectors.push(vector.select(&selected.ranges, span.0));
                }
                Some(vector) => vectors.push(vector),
                None => return Ok(None),
            }
        }
        Ok(Some(vectors))
    }

    /// Whether all of its partitions lie between the wished bounds.
    fn is_inside(&self) -> bool {
        let wish = &self.scan.wish;
        !key_precedes(&self.start.key, &wish.start)
            && (matches!(wish.end, PartitionBound::Open) || key_precedes(&self.end.key, &wish.end))
    }

    /// The wanted rows of a block without static rows, and what is wanted of their keys.
    fn select(&self, block: &Block) -> Parsed<Selected> {
        let wish = &self.scan.wish;
        let mut selected = Selected::default();
        let all_rows = wish.all_rows();
        let inside = self.is_inside();
        if inside && all_rows && !wish.partitions && !wish.clusterings {
            selected.push(0, block.rows());
            return Ok(selected);
        }
        let runs = block.load_runs()?;
        let keys = if wish.clusterings || !all_rows {
            Some(block.load_keys()?)
        } else {
            None
        };
        let (first, last) = if inside {
            (0, runs.count())
        } else {
            self.runs(&runs)?
        };
        let mut rows = 0;
        for run in first..last {
            let (start, end) = runs.rows(run)?;
            let before = rows;
            match &keys {
                Some(keys) if !all_rows => {
                    let mut from = start;
                    for slice in &wish.slices {
                        from = keys.lower_bound(from, end, &slice.start)?;
                        let to = keys.lower_bound(from, end, &slice.end)?;
                        if from < to {
                            selected.push(from, to);
                            rows += to - from;
                        }
                        from = to;
                    }
                }
                _ => {
                    selected.push(start, end);
                    rows += end - start;
                }
            }
            if wish.partitions && rows > before {
                selected.partitions.push((before, runs.key(run)?));
            }
        }
        if wish.clusterings
            && let Some(keys) = &keys
        {
            for (from, to) in &selected.ranges {
                keys.append_to(*from, *to, &mut selected.clustering)?;
            }
            if wish.originals {
                selected.originals = originals(block, &selected.ranges)?;
            }
        }
        Ok(selected)
    }

    /// The runs between the cursor's bounds.
    fn runs(&self, runs: &Runs) -> Parsed<(usize, usize)> {
        let wish = &self.scan.wish;
        let first = runs.partition_point(|run| run_precedes(runs, run, &wish.start))?;
        let last = match &wish.end {
            PartitionBound::Open => runs.count(),
            end => runs.partition_point(|run| run_precedes(runs, run, end))?,
        };
        Ok((first, last.max(first)))
    }

    /// A cursor over this block alone, between the block cursor's bounds: a partition that goes on
    /// in the next block starts again there, with the same deletion but without its static row;
    /// range deletions are cut at the block's edges. The request's bounds and `reversed` do not
    /// count.
    pub fn cursor(&self, mut request: SourceRequest) -> Cursor {
        request.start = self.scan.wish.start.clone();
        request.end = self.scan.wish.end.clone();
        Cursor::of_block(&self.scan.reader, self.at.clone(), request)
            .counted(self.scan.figures.clone())
    }

    /// The least and greatest values in the block of the columns that have a zone: whole numbers
    /// as they are (`date` as its four bytes, signed), floats by their total order as
    /// [`float_order`](super::float_order) maps it. Values outside of a zone are not in the block.
    pub fn zones(&self) -> Result<Vec<(ColumnId, Zone)>> {
        let reader = &self.scan.reader;
        let zones = reader.zones(&self.at)?;
        let id = |place: usize| reader.columns().get(place).map(|column| column.id);
        Ok(zones
            .into_iter()
            .filter_map(|(place, zone)| Some((id(place)?, zone)))
            .collect())
    }
}

/// Whether all rows of a block with these flags are live at any time, and its partitions start
/// with rows.
fn rows_all_live(flags: u64) -> bool {
    use block_flags as f;
    const NEVER_SIMPLE: u64 = f::PARTITION_DELETIONS
        | f::RANGES
        | f::ROW_DELETIONS
        | f::STATICS
        | f::EXPIRING_ROWS
        | f::EMPTY_ROWS;
    // A row without a marker lives by its cells, and those might expire.
    let by_cells = flags & f::UNMARKED != 0 && flags & (f::EXPIRING_CELLS | f::TOMBSTONES) != 0;
    flags & NEVER_SIMPLE == 0 && !by_cells
}

/// The original clusterings of the rows in `ranges` that have one, numbered among those rows.
fn originals(block: &Block, ranges: &[(usize, usize)]) -> Parsed<Vec<(usize, Bytes)>> {
    let rows = block.load_rows()?;
    let mut found = Vec::new();
    if !rows.has_originals() {
        return Ok(found);
    }
    let wanted = ranges.iter().flat_map(|(from, to)| *from..*to);
    for (number, row) in wanted.enumerate() {
        found.extend(rows.original(row)?.map(|original| (number, original)));
    }
    Ok(found)
}

impl Scan {
    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
