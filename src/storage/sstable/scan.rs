//! Scans by column: blocks, by the index alone, and their columns as vectors.

use crate::error::Result;
use crate::schema::ColumnId;
use crate::storage::read::{ColumnBatch, PartitionBound};
use crate::storage::row::PartitionKey;
use crate::storage::source::SourceRequest;
use crate::storage::sstable::block::Block;
use crate::storage::sstable::block_builder::{block_flags, column_flags};
use crate::storage::sstable::codec::Parsed;
use crate::storage::sstable::cursor::{BEHIND_ALL, Cursor, first_block, run_precedes};
use crate::storage::sstable::keys::Keys;
use crate::storage::sstable::reader::{Ahead, BlockAt, Reader};
use crate::storage::sstable::runs::Runs;
use crate::storage::sstable::values_builder::Zone;
use crate::storage::sstable::vector::{absent, decode};
use crate::types::physical::PhysicalKind;
use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};

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

#[derive(Debug)]
struct Scan {
    reader: Arc<Reader>,
    start: PartitionBound,
    end: PartitionBound,
    room: Mutex<Room>,
}

/// Memory that goes from one block to the next.
#[derive(Debug, Default)]
struct Room {
    ahead: Ahead,
    page: Vec<u8>,
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
    /// The blocks that hold something between two bounds.
    pub fn new(reader: &Arc<Reader>, start: PartitionBound, end: PartitionBound) -> Self {
        let scan = Scan {
            reader: Arc::clone(reader),
            start,
            end,
            room: Mutex::default(),
        };
        Self {
            scan: Arc::new(scan),
            next: Next::Start,
        }
    }

    /// The next block, or none at the end.
    #[expect(clippy::should_implement_trait, reason = "it fails")]
    pub fn next(&mut self) -> Result<Option<BlockSpan>> {
        let reader = &self.scan.reader;
        loop {
            let at = match std::mem::replace(&mut self.next, Next::End) {
                Next::Start => first_block(reader, &self.scan.start)?,
                Next::At(at) => at,
                Next::End => return Ok(None),
            };
            let (key, clustering) = reader.position(&at)?;
            let open = matches!(self.scan.end, PartitionBound::Open);
            if !open && !key_precedes(&key, &self.scan.end) {
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
            if key_precedes(&end.key, &self.scan.start) {
                continue;
            }
            return Ok(Some(BlockSpan {
                start: Position { key, clustering },
                end,
                rows: reader.entry(&at)?.rows,
                at,
                scan: Arc::clone(&self.scan),
            }));
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

impl BlockSpan {
    /// The wanted columns of all its rows (those between the cursor's bounds), straight from the
    /// pages. None if the block is not *simple*: it holds deletions, static rows, expiring markers
    /// or rows without anything live; or among the wanted columns there are expiring cells,
    /// multi-cell columns or values that are not of their fixed width. Then read it by
    /// [`BlockSpan::cursor`]. Only right where no other source holds anything between `start` and
    /// `end`.
    pub fn batch(
        &self,
        columns: &[(ColumnId, PhysicalKind)],
        keys: bool,
    ) -> Result<Option<ColumnBatch>> {
        let reader = &self.scan.reader;
        if !rows_all_live(reader.entry(&self.at)?.flags) {
            return Ok(None);
        }
        let mut room = self
            .scan
            .room
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Room { ahead, page } = &mut *room;
        let block = reader.passing_block(&self.at, ahead)?;
        let damaged = |damage| reader.units().damaged(block.offset(), damage);
        let (span, partitions, clustering) = self.frame(&block, keys).map_err(damaged)?;
        let rows = span.1 - span.0;
        let mut vectors = Vec::with_capacity(columns.len());
        for (id, kind) in columns {
            let place = reader.place_of(*id);
            let column = place.and_then(|place| {
                let at = block.columns().binary_search_by_key(&place, |c| c.place);
                at.ok().and_then(|at| block.columns().get(at))
            });
            let Some(column) = column else {
                vectors.push(absent(*kind, rows));
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
            match decode(bytes, block.rows(), *kind, span, units, block.offset())? {
                Some(vector) => vectors.push(vector),
                None => return Ok(None),
            }
        }
        Ok(Some(ColumnBatch {
            rows,
            partitions,
            clustering,
            columns: vectors,
        }))
    }

    /// The rows between the cursor's bounds; with `keys` their partitions and clusterings.
    #[expect(clippy::type_complexity, reason = "three parts of one answer")]
    fn frame(
        &self,
        block: &Block,
        keys: bool,
    ) -> Parsed<((usize, usize), Vec<(usize, PartitionKey)>, Vec<Bytes>)> {
        let inside = !key_precedes(&self.start.key, &self.scan.start)
            && (matches!(self.scan.end, PartitionBound::Open)
                || key_precedes(&self.end.key, &self.scan.end));
        if inside && !keys {
            return Ok(((0, block.rows()), Vec::new(), Vec::new()));
        }
        let (runs, clusterings) = block.load_keys()?;
        let (first, last) = self.runs(&runs)?;
        let start = if first < runs.count() {
            runs.rows(first)?.0
        } else {
            block.rows()
        };
        let end = match last.checked_sub(1) {
            Some(last) if first <= last => runs.rows(last)?.1,
            _ => start,
        };
        if !keys {
            return Ok(((start, end), Vec::new(), Vec::new()));
        }
        let mut partitions = Vec::with_capacity(last.saturating_sub(first));
        for run in first..last {
            partitions.push((runs.rows(run)?.0 - start, runs.key(run)?));
        }
        let list = all_clusterings(&clusterings, start, end)?;
        Ok(((start, end), partitions, list))
    }

    /// The runs between the cursor's bounds.
    fn runs(&self, runs: &Runs) -> Parsed<(usize, usize)> {
        let first = runs.partition_point(|run| run_precedes(runs, run, &self.scan.start))?;
        let last = match &self.scan.end {
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
        request.start = self.scan.start.clone();
        request.end = self.scan.end.clone();
        Cursor::of_block(&self.scan.reader, self.at.clone(), request)
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

fn all_clusterings(keys: &Keys, start: usize, end: usize) -> Parsed<Vec<Bytes>> {
    let together = keys.clusterings(start, end)?;
    (start..end)
        .map(|row| match together.get(row) {
            Some(clustering) => Ok(clustering),
            None => keys.clustering(row),
        })
        .collect()
}
