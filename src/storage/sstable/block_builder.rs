//! Collects the rows of a block by column, and encodes it.
//!
//! ```text
//! head:  key id u8 (0: not encrypted) │ rows varint │ flags varint
//!        page of runs │ page of keys │ page of rows │ page of range deletions (if flagged)
//!        columns varint, for each: its place in the file's column table (distance from the one
//!        before) varint, flags u8, page
//! pages: one behind the other, in that order
//! ```
//! where a page in the head is its codec u8, stored length varint and, if compressed, length
//! varint. A column that no row has takes no byte.

use crate::error::Result;
use crate::schema::ColumnId;
use crate::storage::cell::Deletion;
use crate::storage::row::{ColumnData, PartitionKey, Row};
use crate::storage::sstable::cells::{CellMeta, CellsBuilder};
use crate::storage::sstable::codec::put_count;
use crate::storage::sstable::complex::ComplexBuilder;
use crate::storage::sstable::keys::KeysBuilder;
use crate::storage::sstable::rows::RowsBuilder;
use crate::storage::sstable::runs::RunsBuilder;
use crate::storage::sstable::stats::Stats;
use crate::storage::sstable::unit::{Compressor, OVERFLOW_BYTES, put_page_ref};
use crate::storage::sstable::values::OverflowRef;
use crate::storage::sstable::values_builder::{ValuesBuilder, Zone, fixed_width};
use crate::types::physical::PhysicalKind;
use bytes::Bytes;

/// What a block holds beside plain live rows. Persisted: never change the numbers.
pub mod block_flags {
    /// Partitions are deleted.
    pub const PARTITION_DELETIONS: u64 = 1;
    /// Ranges of rows are deleted.
    pub const RANGES: u64 = 2;
    /// Rows are deleted.
    pub const ROW_DELETIONS: u64 = 4;
    /// There are static rows.
    pub const STATICS: u64 = 8;
    /// Markers expire.
    pub const EXPIRING_ROWS: u64 = 16;
    /// There are tombstones of cells or of whole multi-cell columns.
    pub const TOMBSTONES: u64 = 32;
    /// Cells expire.
    pub const EXPIRING_CELLS: u64 = 64;
    /// Some rows have no marker.
    pub const UNMARKED: u64 = 128;
    /// Some rows have neither a marker nor a cell with a value.
    pub const EMPTY_ROWS: u64 = 256;
    /// The first run goes on from the block before.
    pub const CONTINUES: u64 = 512;
}

/// What a column of a block holds beside plain cells like their rows. Persisted: never change the
/// numbers.
pub mod column_flags {
    /// Tombstones of cells, or of the whole column.
    pub const TOMBSTONES: u8 = 1;
    /// Expiring cells.
    pub const EXPIRING: u8 = 2;
    /// Cells that are not like their row's base.
    pub const EXCEPTIONS: u8 = 4;
    /// Values that have not the fixed width of their kind.
    pub const IRREGULAR: u8 = 8;
    /// Values in overflow units.
    pub const OVERFLOW: u8 = 16;
    /// A multi-cell column.
    pub const COMPLEX: u8 = 32;
}

#[derive(Debug)]
enum ColumnBuilder {
    Simple(CellsBuilder),
    Complex(Box<ComplexBuilder>),
}

impl ColumnBuilder {
    fn cells(&self) -> &CellsBuilder {
        match self {
            Self::Simple(cells) => cells,
            Self::Complex(complex) => complex.cells(),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Simple(cells) => cells.is_empty(),
            Self::Complex(complex) => complex.is_empty(),
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Simple(cells) => cells.clear(),
            Self::Complex(complex) => complex.clear(),
        }
    }

    fn flags(&self, kind: PhysicalKind) -> u8 {
        let cells = self.cells();
        let values: &ValuesBuilder = cells.values();
        let mut flags = 0;
        let mut set = |flag, on: bool| flags |= if on { flag } else { 0 };
        set(column_flags::TOMBSTONES, cells.tombstones() > 0);
        set(column_flags::EXPIRING, cells.expiring() > 0);
        set(column_flags::EXCEPTIONS, cells.has_exceptions());
        set(column_flags::OVERFLOW, !values.large().is_empty());
        match self {
            Self::Simple(_) => {
                let irregular = fixed_width(kind).is_some_and(|width| !values.is_uniform(width));
                set(column_flags::IRREGULAR, irregular);
            }
            Self::Complex(complex) => {
                set(column_flags::COMPLEX, true);
                if complex.deletions() > 0 {
                    set(column_flags::TOMBSTONES, true);
                    set(column_flags::EXCEPTIONS, true);
                }
            }
        }
        flags
    }
}

/// A block that is ready to be written.
#[derive(Debug)]
pub struct Encoded {
    /// How many rows, static ones included.
    pub rows: usize,
    /// What it holds beside plain live rows.
    pub flags: u64,
    /// The least and greatest values of columns, by place in the column table.
    pub zones: Vec<(usize, Zone)>,
    /// How many rows have a value of a column of one cell, by place in the column table.
    pub present: Vec<(usize, u64)>,
}

/// Collects a block.
#[derive(Debug)]
pub struct BlockBuilder {
    table: Vec<(ColumnId, PhysicalKind)>,
    columns: Vec<ColumnBuilder>,
    runs: RunsBuilder,
    keys: KeysBuilder,
    rows: RowsBuilder,
    bytes: usize,
    continues: bool,
    empty_rows: bool,
    expiring_markers: bool,
    page: Vec<u8>,
    pages: Vec<u8>,
}

impl BlockBuilder {
    /// An empty block of a table with these columns.
    pub fn new(table: Vec<(ColumnId, PhysicalKind)>) -> Self {
        let columns = table
            .iter()
            .map(|(_, kind)| match kind {
                PhysicalKind::Complex => ColumnBuilder::Complex(Box::default()),
                _ => ColumnBuilder::Simple(CellsBuilder::default()),
            })
            .collect();
        Self {
            table,
            columns,
            runs: RunsBuilder::default(),
            keys: KeysBuilder::default(),
            rows: RowsBuilder::default(),
            bytes: 0,
            continues: false,
            empty_rows: false,
            expiring_markers: false,
            page: Vec::new(),
            pages: Vec::new(),
        }
    }

    /// About how much it holds, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many rows it holds.
    pub fn row_count(&self) -> usize {
        self.rows.count()
    }

    /// Starts a run; `continues` if the partition stands in the block before as well.
    pub fn push_run(
        &mut self,
        key: &PartitionKey,
        deletion: Deletion,
        flags: i64,
        continues: bool,
    ) {
        if self.runs.count() == 0 {
            self.continues = continues;
        }
        self.runs.push(self.rows.count(), key, deletion, flags);
        self.bytes += key.key.len() + 10;
    }

    /// Adds a range deletion, or a piece of one, to the last run.
    pub fn push_range(&mut self, start: Bytes, end: Bytes, deletion: Deletion) {
        self.bytes += start.len() + end.len() + 16;
        self.runs.push_range(start, end, deletion);
    }

    /// Adds a row to the last run; the first one may be a static row, whose clustering is empty.
    /// Answers false if it has columns that the table lacks, or of another shape.
    pub fn push_row(&mut self, row: &Row, stats: &mut Stats) -> bool {
        let slot = self.rows.count();
        let base = self.rows.push(row);
        self.keys.push(&row.clustering);
        self.bytes += row.clustering.len() + 4;
        stats.marker(&row.liveness);
        stats.deletion(&row.deletion.deletion);
        stats.deletion(&row.deletion.shadowable);
        if row.clustering.is_empty() {
            self.runs.set_static();
        }
        let marked = !row.liveness.is_none();
        self.expiring_markers |= marked && base.expiry_seconds != crate::storage::cell::NEVER;
        let mut valued = marked;
        let mut table = self.table.iter().zip(self.columns.iter_mut());
        for column in &row.columns {
            let Some((_, builder)) = table.find(|((id, _), _)| *id == column.id) else {
                return false;
            };
            match (&column.data, builder) {
                (ColumnData::Simple(cell), ColumnBuilder::Simple(cells)) => {
                    let meta = CellMeta::of(cell);
                    stats.cell(&meta);
                    valued |= !meta.is_tombstone();
                    self.bytes += cell.value.len().min(OVERFLOW_BYTES) + 1;
                    cells.push(slot, cell, &base);
                }
                (ColumnData::Complex { deletion, cells }, ColumnBuilder::Complex(complex)) => {
                    stats.deletion(deletion);
                    for cell in cells {
                        let meta = CellMeta::of(&cell.cell);
                        stats.cell(&meta);
                        valued |= !meta.is_tombstone();
                        let value = cell.cell.value.len().min(OVERFLOW_BYTES);
                        self.bytes += cell.path.len() + value + 1;
                    }
                    complex.push(slot, *deletion, cells, &base);
                }
                _ => return false,
            }
        }
        self.empty_rows |= !valued;
        true
    }

    fn flags(&self) -> u64 {
        let mut flags = 0;
        let mut set = |flag, on: bool| flags |= if on { flag } else { 0 };
        set(block_flags::PARTITION_DELETIONS, self.runs.has_deletions());
        set(block_flags::RANGES, self.runs.has_ranges());
        set(block_flags::ROW_DELETIONS, self.rows.has_deletions());
        set(block_flags::STATICS, self.runs.has_statics());
        set(block_flags::EXPIRING_ROWS, self.expiring_markers);
        set(
            block_flags::UNMARKED,
            self.rows.markers() < self.rows.count(),
        );
        set(block_flags::EMPTY_ROWS, self.empty_rows);
        set(block_flags::CONTINUES, self.continues);
        for (column, (_, kind)) in self.columns.iter().zip(&self.table) {
            let of_column = column.flags(*kind);
            set(
                block_flags::TOMBSTONES,
                of_column & column_flags::TOMBSTONES != 0,
            );
            set(
                block_flags::EXPIRING_CELLS,
                of_column & column_flags::EXPIRING != 0,
            );
        }
        flags
    }

    /// Appends the encoded block to `out` and empties itself. Large values go to `overflow`,
    /// which writes them and answers where they stand.
    pub fn encode(
        &mut self,
        out: &mut Vec<u8>,
        compressor: &mut Compressor,
        overflow: &mut dyn FnMut(&Bytes, &mut Compressor) -> Result<OverflowRef>,
    ) -> Result<Encoded> {
        let rows = self.rows.count();
        let flags = self.flags();
        let (mut zones, mut present) = (Vec::new(), Vec::new());
        self.pages.clear();
        out.push(0);
        put_count(out, rows);
        put_count(out, flags as usize);
        self.page.clear();
        self.runs.encode(&mut self.page, rows);
        put_page(out, &mut self.pages, &self.page, compressor);
        self.page.clear();
        self.keys.encode(&mut self.page);
        put_page(out, &mut self.pages, &self.page, compressor);
        self.page.clear();
        self.rows.encode(&mut self.page);
        put_page(out, &mut self.pages, &self.page, compressor);
        if self.runs.has_ranges() {
            self.page.clear();
            self.runs.encode_ranges(&mut self.page);
            put_page(out, &mut self.pages, &self.page, compressor);
        }
        put_count(out, self.columns.iter().filter(|c| !c.is_empty()).count());
        let mut before = 0;
        for (at, column) in self.columns.iter().enumerate() {
            if column.is_empty() {
                continue;
            }
            let kind = self
                .table
                .get(at)
                .map_or(PhysicalKind::Bytes, |(_, kind)| *kind);
            let large = column.cells().values().large();
            let places = large
                .iter()
                .map(|(_, value)| overflow(value, compressor))
                .collect::<Result<Vec<_>>>()?;
            self.page.clear();
            let zone = match column {
                ColumnBuilder::Simple(cells) => {
                    present.push((at, cells.values().count() as u64));
                    cells.encode(&mut self.page, rows, kind, &places)
                }
                ColumnBuilder::Complex(complex) => {
                    complex.encode(&mut self.page, rows, &places);
                    None
                }
            };
            zones.extend(zone.map(|zone| (at, zone)));
            put_count(out, at - before);
            before = at;
            out.push(column.flags(kind));
            put_page(out, &mut self.pages, &self.page, compressor);
        }
        out.extend_from_slice(&self.pages);
        self.clear();
        Ok(Encoded {
            rows,
            flags,
            zones,
            present,
        })
    }

    fn clear(&mut self) {
        self.columns.iter_mut().for_each(ColumnBuilder::clear);
        self.runs.clear();
        self.keys.clear();
        self.rows.clear();
        self.bytes = 0;
        self.continues = false;
        self.empty_rows = false;
        self.expiring_markers = false;
    }
}

fn put_page(head: &mut Vec<u8>, pages: &mut Vec<u8>, page: &[u8], compressor: &mut Compressor) {
    let (codec, stored) = compressor.pack(page);
    put_page_ref(head, codec, stored.len(), page.len());
    pages.extend_from_slice(stored);
}
