//! An open SSTable: finds blocks, and answers point reads.

use crate::error::{Error, Result};
use crate::schema::{ColumnId, TableId};
use crate::storage::blocking;
use crate::storage::cache::Cache;
use crate::storage::cell::Deletion;
use crate::storage::disk::Disk;
use crate::storage::meta::FileMeta;
use crate::storage::read::Projection;
use crate::storage::row::{PartitionKey, Row};
use crate::storage::sstable::block::{Block, UnitFile, Wanted};
use crate::storage::sstable::block_builder::block_flags;
use crate::storage::sstable::codec::Damage;
use crate::storage::sstable::footer::{ColumnEntry, Properties, Trailer, check_header};
use crate::storage::sstable::index::{BlockEntry, ColumnZones, Index, Root, parse_zones};
use crate::storage::sstable::runs::{STATIC_BEFORE, STATIC_HERE};
use crate::storage::sstable::unit::{CHECKSUM_BYTES, check_unit};
use crate::storage::sstable::values_builder::Zone;
use bytes::Bytes;
use std::cmp::Ordering;
use std::sync::atomic::{AtomicU64, Ordering as Counting};
use std::sync::{Arc, OnceLock};

/// How much a pass over the file reads at once: below the size from which allocators go to the
/// operating system for each piece.
const AHEAD_BYTES: usize = 96 << 10;

/// Behind every clustering of a partition.
pub const BEHIND_ALL: &[u8] = &[0xFF];

/// The index of a new file takes one part in so many of the cache.
const WARM_SHARE: usize = 16;

/// What the block cache holds.
#[derive(Clone, Debug)]
pub struct Cached(Unit);

#[derive(Clone, Debug)]
enum Unit {
    Index(Arc<Index>),
    Block(Arc<Block>),
}

/// The cache that all SSTables of an engine share.
pub type BlockCache = Cache<Cached>;

/// What one file has to say about one row.
#[derive(Clone, Debug)]
pub struct Found {
    /// The newest of the partition's deletion and the range deletions that cover the row.
    pub deletion: Deletion,
    /// The row, if the file has it.
    pub row: Option<Row>,
    /// The partition's static row, if it was asked for and the file has one.
    pub static_row: Option<Row>,
}

/// An open SSTable. Any thread; blocks come from the cache.
#[derive(Debug)]
pub struct Reader {
    units: UnitFile,
    meta: Arc<FileMeta>,
    table: TableId,
    columns: Vec<ColumnEntry>,
    trailer: Trailer,
    root: OnceLock<Root>,
    cache: Arc<BlockCache>,
    /// Look-ups that the filter answered.
    filter_negatives: AtomicU64,
    /// Look-ups that the filter let pass and that found nothing.
    filter_false_positives: AtomicU64,
}

/// A block's place in the index.
#[derive(Clone, Debug)]
pub struct BlockAt {
    unit: usize,
    at: usize,
    index: Arc<Index>,
}

impl BlockAt {
    /// Whether both are the same block of the same file.
    pub fn is(&self, other: &Self) -> bool {
        self.unit == other.unit && self.at == other.at
    }

    /// The number of the index unit that describes it, ...
    pub fn unit(&self) -> usize {
        self.unit
    }

    /// ... and its own number in that.
    pub fn number(&self) -> usize {
        self.at
    }

    /// The index unit that describes it.
    pub fn index(&self) -> &Index {
        &self.index
    }
}

/// Bytes that were read beyond what was asked for.
#[derive(Debug, Default)]
pub struct Ahead {
    offset: u64,
    bytes: Bytes,
}

/// Reads the properties of a file.
pub fn read_properties(units: &UnitFile, trailer: &Trailer) -> Result<Properties> {
    let (offset, length) = trailer.properties;
    let unit = units.unit(offset, length as usize)?;
    Properties::parse(&unit).map_err(|damage| units.damaged(offset, damage))
}

impl Reader {
    /// Opens the file that `meta` describes.
    pub fn open(
        disk: &dyn Disk,
        path: &str,
        meta: Arc<FileMeta>,
        cache: Arc<BlockCache>,
    ) -> Result<Arc<Self>> {
        let disk_file = disk.open(path)?;
        let trailer = Trailer::read(disk_file.as_ref())?;
        check_header(disk_file.as_ref(), &trailer)?;
        if trailer.file != meta.id || trailer.length != meta.bytes {
            return Err(Error::corrupt(
                disk_file.name(),
                0,
                format_args!(
                    "this is file {} of {} bytes, not file {} of {} bytes",
                    trailer.file, trailer.length, meta.id, meta.bytes
                ),
            ));
        }
        let units = UnitFile {
            disk_file,
            file: trailer.file,
        };
        let columns = read_properties(&units, &trailer)?.columns;
        Ok(Arc::new(Self {
            units,
            meta,
            table: trailer.table,
            columns,
            trailer,
            root: OnceLock::new(),
            cache,
            filter_negatives: AtomicU64::new(0),
            filter_false_positives: AtomicU64::new(0),
        }))
    }

    /// What the manifest says of the file.
    pub fn meta(&self) -> &Arc<FileMeta> {
        &self.meta
    }

    /// The table that the file belongs to.
    pub fn table(&self) -> TableId {
        self.table
    }

    /// About how many tombstones and expiring cells of the file had gone before `seconds`.
    pub fn droppable_before(&self, seconds: i64) -> Result<u64> {
        let properties = read_properties(&self.units, &self.trailer)?;
        Ok(properties.stats.histogram.before(seconds))
    }

    /// What the file says of itself.
    pub fn properties(&self) -> Result<Properties> {
        read_properties(&self.units, &self.trailer)
    }

    /// The column table.
    pub fn columns(&self) -> &[ColumnEntry] {
        &self.columns
    }

    /// The file that its units come from.
    pub fn units(&self) -> &UnitFile {
        &self.units
    }

    /// What the trailer says.
    pub fn trailer(&self) -> &Trailer {
        &self.trailer
    }

    /// The place of a column in the column table.
    pub fn place_of(&self, id: ColumnId) -> Option<usize> {
        self.columns
            .binary_search_by_key(&id, |column| column.id)
            .ok()
    }

    /// Which columns a projection means.
    pub fn wanted(&self, columns: &Projection) -> Wanted {
        match columns {
            Projection::All => Wanted::All,
            Projection::Columns(ids) => {
                let is_wanted = |column: &ColumnEntry| ids.binary_search(&column.id).is_ok();
                Wanted::Places(self.columns.iter().map(is_wanted).collect())
            }
        }
    }

    /// Whether the partition can be in the file: no is certain.
    pub fn may_contain(&self, key: &PartitionKey) -> Result<bool> {
        if !self.meta.may_hold(key) {
            return Ok(false);
        }
        let at = self.locate(key, &[])?;
        let may = at.index.filter().may_contain(key.token);
        if !may {
            self.filter_negatives.fetch_add(1, Counting::Relaxed);
        }
        Ok(may)
    }

    /// How many look-ups the filter answered, and how many it should have.
    pub fn filter_counts(&self) -> (u64, u64) {
        (
            self.filter_negatives.load(Counting::Relaxed),
            self.filter_false_positives.load(Counting::Relaxed),
        )
    }

    /// The quick way to one row by its full key; `columns` as in a
    /// [`SourceRequest`](crate::storage::source::SourceRequest). None where the file has nothing
    /// to say of the partition.
    pub fn get(
        &self,
        key: &PartitionKey,
        clustering: &Bytes,
        columns: &Projection,
        statics: bool,
    ) -> Result<Option<Found>> {
        if !self.meta.may_hold(key) {
            return Ok(None);
        }
        let at = self.locate(key, clustering)?;
        if !at.index.filter().may_contain(key.token) {
            self.filter_negatives.fetch_add(1, Counting::Relaxed);
            return Ok(None);
        }
        let block = self.block(&at)?;
        let damaged = |damage| self.units.damaged(block.offset(), damage);
        let frame = block.frame().map_err(damaged)?;
        let Some(run) = frame.runs.find(key).map_err(damaged)? else {
            self.filter_false_positives.fetch_add(1, Counting::Relaxed);
            return Ok(None);
        };
        let mut deletion = frame.runs.deletion(run).map_err(damaged)?;
        for (_, piece) in frame.pieces.of_run(run) {
            if piece.start <= *clustering && *clustering < piece.end {
                deletion = deletion.max(piece.deletion);
            }
        }
        let wanted = self.wanted(columns);
        let row_at = |row, clustering| {
            block
                .row(&self.units, &self.columns, &wanted, row, clustering)
                .map(Some)
        };
        let flags = frame.runs.flags(run).map_err(damaged)?;
        let (mut start, end) = frame.runs.rows(run).map_err(damaged)?;
        let mut static_row = None;
        if flags & STATIC_HERE != 0 {
            if statics {
                static_row = row_at(start, Bytes::new())?;
            }
            start += 1;
        } else if statics && flags & STATIC_BEFORE != 0 {
            static_row = self.static_row(key, &wanted)?;
        }
        let row = frame
            .keys
            .lower_bound(start, end, clustering)
            .map_err(damaged)?;
        let is_it =
            row < end && frame.keys.compare(row, clustering).map_err(damaged)? == Ordering::Equal;
        let row = if is_it {
            row_at(row, clustering.clone())?
        } else {
            None
        };
        Ok(Some(Found {
            deletion,
            row,
            static_row,
        }))
    }

    /// The static row of a partition that spans blocks: it stands in the first one.
    pub fn static_row(&self, key: &PartitionKey, wanted: &Wanted) -> Result<Option<Row>> {
        let block = self.block(&self.locate(key, &[])?)?;
        let damaged = |damage| self.units.damaged(block.offset(), damage);
        let runs = &block.frame().map_err(damaged)?.runs;
        let Some(run) = runs.find(key).map_err(damaged)? else {
            return Err(damaged(Damage("a partition's static row is missing")));
        };
        if runs.flags(run).map_err(damaged)? & STATIC_HERE == 0 {
            return Err(damaged(Damage("a partition's static row is missing")));
        }
        let (row, _) = runs.rows(run).map_err(damaged)?;
        block
            .row(&self.units, &self.columns, wanted, row, Bytes::new())
            .map(Some)
    }

    /// The root of the index.
    pub fn root(&self) -> Result<&Root> {
        if let Some(root) = self.root.get() {
            return Ok(root);
        }
        let (offset, length) = self.trailer.root;
        let unit = self.units.unit(offset, length as usize)?;
        let root = Root::parse(&unit).map_err(|damage| self.units.damaged(offset, damage))?;
        Ok(self.root.get_or_init(|| root))
    }

    /// Reads the index into the cache, but for a part of an index that is large beside the cache.
    pub fn warm(&self) -> Result<()> {
        let mut left = self.cache.bytes_max() / WARM_SHARE;
        for unit in 0..self.root()?.count() {
            let bytes = self.index(unit)?.bytes();
            left = match left.checked_sub(bytes) {
                Some(left) => left,
                None => break,
            };
        }
        Ok(())
    }

    fn in_root(&self, damage: Damage) -> Error {
        self.units.damaged(self.trailer.root.0, damage)
    }

    /// An index unit.
    fn index(&self, unit: usize) -> Result<Arc<Index>> {
        let entry = self.root()?.entry(unit).map_err(|d| self.in_root(d))?;
        let (offset, length) = entry.index;
        if let Some(Cached(Unit::Index(index))) = self.cache.get(self.units.file, offset) {
            return Ok(index);
        }
        let bytes = self.units.unit(offset, length)?;
        let index = Index::parse(&bytes).map_err(|damage| self.units.damaged(offset, damage))?;
        let index = Arc::new(index);
        let cached = Cached(Unit::Index(Arc::clone(&index)));
        self.cache
            .insert(self.units.file, offset, cached, index.bytes());
        Ok(index)
    }

    /// The zones of all blocks of a block's index unit, by column.
    pub fn zone_unit(&self, at: &BlockAt) -> Result<Vec<ColumnZones>> {
        let entry = self.root()?.entry(at.unit).map_err(|d| self.in_root(d))?;
        let (offset, length) = entry.zones;
        let unit = self.units.unit(offset, length)?;
        parse_zones(&unit, at.index.count()).map_err(|damage| self.units.damaged(offset, damage))
    }

    /// The zones of a block: for each column (by place in the column table) that has one.
    pub fn zones(&self, at: &BlockAt) -> Result<Vec<(usize, Zone)>> {
        let zones = self.zone_unit(at)?;
        let of_block = |(place, list): (usize, Vec<Option<Zone>>)| {
            list.get(at.at).copied().flatten().map(|zone| (place, zone))
        };
        Ok(zones.into_iter().filter_map(of_block).collect())
    }

    /// The block in which a position is, if it is anywhere.
    pub fn locate(&self, key: &PartitionKey, clustering: &[u8]) -> Result<BlockAt> {
        let root = self.root()?;
        let unit = root.floor(key, clustering).map_err(|d| self.in_root(d))?;
        let index = self.index(unit)?;
        let at = index
            .floor(key, clustering)
            .map_err(|damage| self.in_root(damage))?;
        Ok(BlockAt { unit, at, index })
    }

    /// The first block.
    pub fn first_block(&self) -> Result<BlockAt> {
        Ok(BlockAt {
            unit: 0,
            at: 0,
            index: self.index(0)?,
        })
    }

    /// Whether a partition, if it is in the file, may take more than one block.
    pub fn is_wide(&self, key: &PartitionKey) -> Result<bool> {
        let first = self.locate(key, &[])?;
        Ok(!first.is(&self.locate(key, BEHIND_ALL)?))
    }

    /// Appends where pieces of the file start, as tokens, with the pieces' bytes: at least
    /// `pieces_min` of them, where there are so many blocks.
    pub fn weights(&self, pieces_min: usize, out: &mut Vec<(i64, u64)>) -> Result<()> {
        let root = self.root()?;
        let units = root.count();
        for unit in 0..units {
            if units < pieces_min {
                let index = self.index(unit)?;
                for at in 0..index.count() {
                    let (key, _) = index.position(at).map_err(|d| self.in_root(d))?;
                    let entry = index.entry(at).map_err(|d| self.in_root(d))?;
                    out.push((key.token, entry.length as u64));
                }
            } else {
                let (key, _) = root.position(unit).map_err(|d| self.in_root(d))?;
                out.push((key.token, self.meta.bytes / units as u64));
            }
        }
        Ok(())
    }

    /// The block behind `at`.
    pub fn block_after(&self, at: &BlockAt) -> Result<Option<BlockAt>> {
        if at.at + 1 < at.index.count() {
            return Ok(Some(BlockAt {
                unit: at.unit,
                at: at.at + 1,
                index: Arc::clone(&at.index),
            }));
        }
        if at.unit + 1 < self.root()?.count() {
            return Ok(Some(BlockAt {
                unit: at.unit + 1,
                at: 0,
                index: self.index(at.unit + 1)?,
            }));
        }
        Ok(None)
    }

    /// The block before `at`.
    pub fn block_before(&self, at: &BlockAt) -> Result<Option<BlockAt>> {
        if let Some(before) = at.at.checked_sub(1) {
            return Ok(Some(BlockAt {
                unit: at.unit,
                at: before,
                index: Arc::clone(&at.index),
            }));
        }
        let Some(unit) = at.unit.checked_sub(1) else {
            return Ok(None);
        };
        let index = self.index(unit)?;
        Ok(Some(BlockAt {
            unit,
            at: index.count().saturating_sub(1),
            index,
        }))
    }

    /// What the index says of a block.
    pub fn entry(&self, at: &BlockAt) -> Result<BlockEntry> {
        at.index.entry(at.at).map_err(|d| self.in_root(d))
    }

    /// Where a block starts in the table.
    pub fn position(&self, at: &BlockAt) -> Result<(PartitionKey, Bytes)> {
        at.index.position(at.at).map_err(|d| self.in_root(d))
    }

    /// Whether the block's first partition goes on from the block before.
    pub fn continues(&self, at: &BlockAt) -> Result<bool> {
        Ok(self.entry(at)?.flags & block_flags::CONTINUES != 0)
    }

    /// A block, from the cache or into it.
    pub fn block(&self, at: &BlockAt) -> Result<Arc<Block>> {
        let entry = self.entry(at)?;
        if let Some(block) = self.cached_block(&entry) {
            return Ok(block);
        }
        let payload = self.units.unit(entry.offset, entry.length)?;
        let block = Arc::new(self.parse_block(&entry, payload)?);
        let cached = Cached(Unit::Block(Arc::clone(&block)));
        self.cache
            .insert(self.units.file, entry.offset, cached, block.memory_bytes());
        Ok(block)
    }

    /// A block for somebody who passes by once: from the cache, but not into it.
    pub fn passing_block(&self, at: &BlockAt, ahead: &mut Ahead) -> Result<Arc<Block>> {
        let entry = self.entry(at)?;
        if let Some(block) = self.cached_block(&entry) {
            return Ok(block);
        }
        let whole = entry.length.saturating_add(CHECKSUM_BYTES);
        let end = entry.offset.saturating_add(whole as u64);
        let file_bytes = self.units.disk_file.len();
        if end > file_bytes {
            return Err(self.in_root(Damage("a block beyond the file's end")));
        }
        let ahead_end = ahead.offset + ahead.bytes.len() as u64;
        if entry.offset < ahead.offset || end > ahead_end {
            let left = usize::try_from(file_bytes - entry.offset).unwrap_or(usize::MAX);
            let length = AHEAD_BYTES.max(whole).min(left);
            blocking::may_block("a read of an SSTable")?;
            ahead.bytes = self.units.disk_file.read_at(entry.offset, length)?;
            ahead.offset = entry.offset;
        }
        let from = usize::try_from(entry.offset - ahead.offset).unwrap_or(usize::MAX);
        let unit = ahead.bytes.slice(from..from + whole);
        let name = self.units.disk_file.name();
        let payload = check_unit(name, self.units.file, entry.offset, &unit)?;
        Ok(Arc::new(self.parse_block(&entry, payload)?))
    }

    fn cached_block(&self, entry: &BlockEntry) -> Option<Arc<Block>> {
        match self.cache.get(self.units.file, entry.offset) {
            Some(Cached(Unit::Block(block))) => Some(block),
            _ => None,
        }
    }

    fn parse_block(&self, entry: &BlockEntry, payload: Bytes) -> Result<Block> {
        let block = Block::parse(entry.offset, payload, self.columns.len())
            .map_err(|damage| self.units.damaged(entry.offset, damage))?;
        if block.rows() != entry.rows || block.flags() != entry.flags {
            let damage = Damage("a block that is not the one of the index");
            return Err(self.units.damaged(entry.offset, damage));
        }
        Ok(block)
    }
}
