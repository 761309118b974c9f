//! Writes an SSTable, front to back, in one pass.
//!
//! Rows are collected by column ([`BlockBuilder`]) until a block is full. A block may end anywhere:
//! between two partitions, between two rows of one, or between two range deletions. What was open
//! there is cut and goes on in the next block, so that each block says all there is to say about
//! its own rows.

use crate::error::{Error, Result};
use crate::limits::{COLUMNS_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX};
use crate::schema::TableId;
use crate::storage::cell::Deletion;
use crate::storage::disk::{Disk, WriteFile};
use crate::storage::format::FormatVersion;
use crate::storage::meta::FileMeta;
use crate::storage::row::{PartitionKey, RangeDeletion, Row};
use crate::storage::shapes::{DecimalColumns, Shapes};
use crate::storage::sstable::block_builder::{BlockBuilder, Encoded};
use crate::storage::sstable::footer::{ColumnEntry, Properties, Trailer, encode_header};
use crate::storage::sstable::index::{IndexBuilder, RootBuilder, UNIT_BLOCKS_MAX};
use crate::storage::sstable::runs::STATIC_BEFORE;
use crate::storage::sstable::stats::Stats;
use crate::storage::sstable::unit::{BLOCK_ROWS_MAX, Compressor, checksum};
use crate::storage::sstable::values::OverflowRef;
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Bytes are handed to the disk in pieces of about this size.
const BUFFER_BYTES: usize = 256 << 10;

/// What a [`Writer`] must know.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// The table.
    pub table: TableId,
    /// The file's number.
    pub file: u64,
    /// The table's static and regular columns, in rising order of id.
    pub columns: Vec<ColumnEntry>,
    /// The rows of a block, before compression, in bytes.
    pub block_bytes: usize,
    /// The share of absent keys that the filter lets through, in millionths; 1,000,000 or more
    /// means no filter.
    pub bloom_filter_fp_millionths: u32,
    /// Which columns hold decimals.
    pub decimals: Arc<DecimalColumns>,
    /// Whether pages are compressed where that saves something.
    pub compression: bool,
}

/// Appends checked units to a file.
#[derive(Debug)]
struct Units {
    to: Box<dyn WriteFile>,
    file: u64,
    buffer: Vec<u8>,
    flushed: u64,
    digest: u32,
}

impl Units {
    fn offset(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.to.append(&self.buffer)?;
        self.digest = crc32c::crc32c_append(self.digest, &self.buffer);
        self.flushed += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Appends a unit; answers its offset.
    fn unit(&mut self, payload: &[u8]) -> Result<u64> {
        if u32::try_from(payload.len()).is_err() {
            return Err(Error::internal("a unit of an SSTable over 4 GiB"));
        }
        let offset = self.offset();
        let sum = checksum(self.file, offset, payload);
        self.buffer.extend_from_slice(payload);
        self.raw(&sum.to_le_bytes())?;
        Ok(offset)
    }

    fn overflow(&mut self, value: &Bytes, compressor: &mut Compressor) -> Result<OverflowRef> {
        let (codec, stored) = compressor.pack(value);
        Ok(OverflowRef {
            offset: self.unit(stored)?,
            stored: stored.len() as u32,
            codec,
            raw: value.len() as u32,
        })
    }
}

/// The partition being written.
#[derive(Debug)]
struct Current {
    key: PartitionKey,
    deletion: Deletion,
    /// Range deletions that start behind what was written.
    ranges: VecDeque<RangeDeletion>,
    /// The range deletion that covers what is written now.
    open: Option<RangeDeletion>,
    has_static: bool,
    has_rows: bool,
    /// Whether its run in the block being collected holds anything yet.
    run_used: bool,
    last_row: Vec<u8>,
}

/// Writes one SSTable: partitions in key order; within each its ranges, its static row, its rows
/// in clustering order. Written under `<path>.tmp`; dropped before [`Writer::finish`], it removes
/// that.
#[derive(Debug)]
pub struct Writer {
    disk: Arc<dyn Disk>,
    path: String,
    options: WriterOptions,
    units: Units,
    compressor: Compressor,
    block: BlockBuilder,
    payload: Vec<u8>,
    /// Where the block being collected starts.
    position: Option<(PartitionKey, Bytes)>,
    current: Option<Current>,
    index: IndexBuilder,
    root: RootBuilder,
    properties: Properties,
    /// The shapes of decimals, if there may be some.
    shapes: Option<Shapes>,
    finished: bool,
    /// Whether the file has its name already.
    renamed: bool,
}

fn temporary(path: &str) -> String {
    format!("{path}.tmp")
}

fn misused(what: &str) -> Error {
    Error::internal(format!("an SSTable is written wrongly: {what}"))
}

impl Writer {
    /// Starts the file; its directory must be there.
    pub fn create(disk: Arc<dyn Disk>, path: &str, options: WriterOptions) -> Result<Self> {
        let sorted = options.columns.is_sorted_by(|one, other| one.id < other.id);
        if !sorted || options.columns.len() > COLUMNS_MAX {
            return Err(misused("the column table"));
        }
        let to = disk.create(&temporary(path))?;
        let table = options.columns.iter().map(|c| (c.id, c.kind)).collect();
        let mut writer = Self {
            disk,
            path: path.to_owned(),
            units: Units {
                to,
                file: options.file,
                buffer: Vec::with_capacity(BUFFER_BYTES + (BUFFER_BYTES >> 2)),
                flushed: 0,
                digest: 0,
            },
            compressor: Compressor::new(options.compression),
            block: BlockBuilder::new(table),
            payload: Vec::new(),
            position: None,
            current: None,
            index: IndexBuilder::default(),
            root: RootBuilder::default(),
            properties: Properties {
                columns: options.columns.clone(),
                stats: Stats::default(),
                ..Properties::default()
            },
            shapes: (!options.decimals.is_empty()).then(|| Shapes::new(&options.decimals)),
            options,
            finished: false,
            renamed: false,
        };
        let header = encode_header(writer.options.file);
        writer.units.raw(&header)?;
        Ok(writer)
    }

    /// Starts the next partition. `ranges` are sorted and disjoint.
    pub fn partition(
        &mut self,
        key: &PartitionKey,
        deletion: Deletion,
        ranges: &[RangeDeletion],
    ) -> Result<()> {
        self.end_partition()?;
        let sound = ranges.iter().all(|range| range.start < range.end)
            && ranges.is_sorted_by(|one, other| one.end <= other.start);
        let stats = &mut self.properties.stats;
        if stats.meta.partitions > 0 && stats.meta.last >= *key {
            return Err(misused("the order of partitions"));
        }
        if !sound || key.key.len() > KEY_BYTES_MAX {
            return Err(misused("a partition's key or range deletions"));
        }
        if stats.meta.partitions == 0 {
            stats.meta.first = key.clone();
        }
        stats.meta.last = key.clone();
        if let Some(shapes) = &mut self.shapes {
            shapes.partition(key);
        }
        stats.meta.partitions += 1;
        stats.meta.beyond_rows |= !deletion.is_none() || !ranges.is_empty();
        stats.deletion(&deletion);
        for range in ranges {
            stats.deletion(&range.deletion);
        }
        if self.block_is_full() {
            self.end_block()?;
        }
        self.current = Some(Current {
            key: key.clone(),
            deletion,
            ranges: ranges.iter().cloned().collect(),
            open: None,
            has_static: false,
            has_rows: false,
            run_used: false,
            last_row: Vec::new(),
        });
        self.start_run(Bytes::new());
        Ok(())
    }

    /// The partition's static row, before its other rows.
    pub fn static_row(&mut self, row: &Row) -> Result<()> {
        match &mut self.current {
            Some(current)
                if !current.has_rows && !current.has_static && row.clustering.is_empty() =>
            {
                current.has_static = true;
            }
            _ => return Err(misused("a static row")),
        }
        let stats = &mut self.properties.stats;
        stats.statics += 1;
        stats.meta.beyond_rows = true;
        self.push_row(row)
    }

    /// The partition's next row.
    pub fn row(&mut self, row: &Row) -> Result<()> {
        let clustering = &row.clustering;
        let Some(current) = &mut self.current else {
            return Err(misused("a row outside of a partition"));
        };
        if clustering.is_empty() || current.last_row.as_slice() >= clustering.as_ref() {
            return Err(misused("the order of rows"));
        }
        current.last_row.clear();
        current.last_row.extend_from_slice(clustering);
        current.has_rows = true;
        if current.open.is_some() || !current.ranges.is_empty() {
            self.push_ranges(Some(clustering))?;
        }
        if self.may_cut() {
            self.cut(clustering)?;
        }
        let meta = &mut self.properties.stats.meta;
        meta.rows += 1;
        if meta
            .first_clustering
            .as_ref()
            .is_none_or(|first| clustering.as_ref() < first.as_slice())
        {
            meta.first_clustering = Some(clustering.to_vec());
        }
        match &mut meta.last_clustering {
            Some(last) if last.as_slice() >= clustering.as_ref() => {}
            Some(last) => {
                last.clear();
                last.extend_from_slice(clustering);
            }
            none => *none = Some(clustering.to_vec()),
        }
        self.push_row(row)
    }

    /// About how long the file is by now, in bytes.
    pub fn bytes(&self) -> u64 {
        self.units.offset() + self.block.bytes() as u64
    }

    /// Whether no partition has been given to it.
    pub fn is_empty(&self) -> bool {
        self.properties.stats.meta.partitions == 0
    }

    /// Writes what is left, syncs the file, gives it its name and makes the name durable. The
    /// caller sets `sequence_min`, `sequence_max` and `level` of the answer. An empty file is an
    /// error: drop the writer instead.
    pub fn finish(mut self) -> Result<FileMeta> {
        if self.is_empty() {
            return Err(misused("it is empty"));
        }
        self.end_partition()?;
        self.end_block()?;
        self.end_index()?;
        let root = self.root.encode(&mut self.compressor);
        let root_offset = self.units.unit(&root)?;
        self.properties.decimals = Some(match &self.shapes {
            Some(shapes) => shapes.found().clone(),
            None => BTreeMap::new(),
        });
        let stats = &mut self.properties.stats;
        stats.histogram.settle();
        stats.meta.id = self.options.file;
        let properties = self.properties.encode();
        let properties_offset = self.units.unit(&properties)?;
        let mut trailer = Trailer {
            version: FormatVersion::CURRENT,
            root: (root_offset, root.len() as u32),
            properties: (properties_offset, properties.len() as u32),
            file: self.options.file,
            table: self.options.table,
            length: 0,
        };
        trailer.length = self.units.offset() + trailer.encode().len() as u64;
        self.units.raw(&trailer.encode())?;
        self.units.flush()?;
        self.units.to.sync()?;
        let temporary = temporary(&self.path);
        self.disk.rename(&temporary, &self.path)?;
        self.renamed = true;
        let directory = self
            .path
            .rsplit_once('/')
            .map_or("", |(directory, _)| directory);
        self.disk.sync_directory(directory)?;
        self.finished = true;
        let mut meta = std::mem::take(&mut self.properties.stats.meta);
        meta.bytes = trailer.length;
        meta.digest = self.units.digest;
        Ok(meta)
    }

    fn block_is_full(&self) -> bool {
        self.block.bytes() >= self.options.block_bytes || self.block.row_count() >= BLOCK_ROWS_MAX
    }

    /// Whether the block is full and the current partition has something in it, so that cutting
    /// here leaves no empty run behind.
    fn may_cut(&self) -> bool {
        self.current.as_ref().is_some_and(|c| c.run_used) && self.block_is_full()
    }

    fn push_row(&mut self, row: &Row) -> Result<()> {
        if let Some(current) = &mut self.current {
            current.run_used = true;
        }
        let too_long = row.columns.iter().any(|column| match &column.data {
            crate::storage::row::ColumnData::Simple(cell) => cell.value.len() > VALUE_BYTES_MAX,
            crate::storage::row::ColumnData::Complex { cells, .. } => cells
                .iter()
                .any(|cell| cell.cell.value.len() > VALUE_BYTES_MAX),
        });
        if too_long {
            return Err(misused("a value over the limit"));
        }
        if let Some(shapes) = &mut self.shapes {
            shapes.row(row);
        }
        if self.block.push_row(row, &mut self.properties.stats) {
            Ok(())
        } else {
            Err(misused("a row has columns that the table lacks"))
        }
    }

    /// Starts a run of the current partition, at `clustering` if it goes on from the last block.
    fn start_run(&mut self, clustering: Bytes) {
        let Some(current) = &mut self.current else {
            return;
        };
        current.run_used = false;
        let continues = !clustering.is_empty();
        let flags = if continues && current.has_static {
            STATIC_BEFORE
        } else {
            0
        };
        if self.position.is_none() {
            self.position = Some((current.key.clone(), clustering));
        }
        self.index.push_partition(current.key.token);
        self.block
            .push_run(&current.key, current.deletion, flags, continues);
    }

    /// Ends the block within the current partition, in front of `clustering`.
    fn cut(&mut self, clustering: &Bytes) -> Result<()> {
        if let Some(open) = self.current.as_mut().and_then(|c| c.open.as_mut())
            && open.start < *clustering
        {
            self.block
                .push_range(open.start.clone(), clustering.clone(), open.deletion);
            open.start = clustering.clone();
        }
        self.end_block()?;
        self.start_run(clustering.clone());
        Ok(())
    }

    /// Writes the range deletions that start before or at `up_to` (all without one).
    fn push_ranges(&mut self, up_to: Option<&Bytes>) -> Result<()> {
        let behind = |at: &Bytes| up_to.is_some_and(|up_to| at > up_to);
        loop {
            let Some(current) = &mut self.current else {
                return Ok(());
            };
            if let Some(open) = &current.open {
                if behind(&open.end) {
                    return Ok(());
                }
                let open = open.clone();
                current.open = None;
                if open.start < open.end {
                    current.run_used = true;
                    self.block.push_range(open.start, open.end, open.deletion);
                }
                continue;
            }
            match current.ranges.pop_front() {
                None => return Ok(()),
                Some(range) if behind(&range.start) => {
                    current.ranges.push_front(range);
                    return Ok(());
                }
                Some(range) => {
                    let start = range.start.clone();
                    if self.may_cut() {
                        self.cut(&start)?;
                    }
                    if let Some(current) = &mut self.current {
                        current.open = Some(range);
                    }
                }
            }
        }
    }

    fn end_partition(&mut self) -> Result<()> {
        if self.current.is_some() {
            self.push_ranges(None)?;
            self.current = None;
        }
        Ok(())
    }

    fn end_block(&mut self) -> Result<()> {
        let Some((key, clustering)) = self.position.take() else {
            return Ok(());
        };
        self.payload.clear();
        let units = &mut self.units;
        let Encoded {
            rows,
            flags,
            zones,
            present,
        } = self.block.encode(
            &mut self.payload,
            &mut self.compressor,
            &mut |value, compressor| units.overflow(value, compressor),
        )?;
        let offset = self.units.unit(&self.payload)?;
        for (column, (min, max)) in &zones {
            let zone = self.properties.zones.entry(*column).or_insert((*min, *max));
            *zone = (zone.0.min(*min), zone.1.max(*max));
        }
        let counts = self.properties.present.get_or_insert_default();
        for (column, count) in present {
            *counts.entry(column).or_default() += count;
        }
        self.properties.blocks += 1;
        let place = (offset, self.payload.len());
        self.index
            .push_block((&key, &clustering), place, rows, flags, zones);
        if self.index.count() >= UNIT_BLOCKS_MAX {
            self.end_index()?;
        }
        Ok(())
    }

    fn end_index(&mut self) -> Result<()> {
        let Some((key, clustering)) = self.index.first() else {
            return Ok(());
        };
        let share = self.options.bloom_filter_fp_millionths;
        let [index, zones] = self.index.encode(share, &mut self.compressor);
        let index_place = (self.units.unit(&index)?, index.len());
        let zones_place = (self.units.unit(&zones)?, zones.len());
        self.root
            .push((&key, &clustering), index_place, zones_place);
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.finished {
            // Nobody waits for an answer; recovery removes what no manifest names.
            let _ = if self.renamed {
                self.disk.remove(&self.path)
            } else {
                self.disk.remove(&temporary(&self.path))
            };
        }
    }
}
