//! A block that was read and verified; its pages are decompressed when somebody wants them.
//!
//! The cache holds blocks in this form, so a page is decompressed once while its block stays
//! there, and a value handed out is a share of its page's memory.

use crate::error::{Error, Result};
use crate::storage::cell::{Cell, Liveness, NEVER, NO_TTL};
use crate::storage::disk::ReadFile;
use crate::storage::row::{ColumnData, PathCell, Row, RowColumn};
use crate::storage::sstable::block_builder::{block_flags, column_flags};
use crate::storage::sstable::cells::{CellMeta, Cells};
use crate::storage::sstable::codec::{Damage, Input, Parsed, share};
use crate::storage::sstable::complex::Complex;
use crate::storage::sstable::footer::ColumnEntry;
use crate::storage::sstable::keys::Keys;
use crate::storage::sstable::rows::Rows;
use crate::storage::sstable::runs::{Pieces, Runs};
use crate::storage::sstable::unit::{BLOCK_ROWS_MAX, PageRef, read_unit};
use crate::storage::sstable::values::{OverflowRef, Place, Values};
use crate::types::physical::PhysicalKind;
use bytes::Bytes;
use std::sync::{Arc, OnceLock};

/// The file that units come from.
#[derive(Clone, Debug)]
pub struct UnitFile {
    /// The open file.
    pub disk_file: Arc<dyn ReadFile>,
    /// Its number.
    pub file: u64,
}

impl UnitFile {
    /// Reads a unit (`length` without its checksum) and checks it.
    pub fn unit(&self, offset: u64, length: usize) -> Result<Bytes> {
        read_unit(self.disk_file.as_ref(), self.file, offset, length)
    }

    /// Reads a large value.
    pub fn overflow(&self, place: &OverflowRef) -> Result<Bytes> {
        let stored = self.unit(place.offset, place.stored as usize)?;
        PageRef::of_overflow(place.codec, stored.len(), place.raw as usize)
            .and_then(|page| page.load(&stored))
            .map_err(|damage| self.damaged(place.offset, damage))
    }

    /// What was found wrong in the unit at `offset`.
    pub fn damaged(&self, offset: u64, damage: Damage) -> Error {
        Error::corrupt(self.disk_file.name(), offset, damage.0)
    }
}

/// Which columns of the file a reader wants.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// All.
    All,
    /// Those whose place in the column table holds true.
    Places(Vec<bool>),
}

impl Wanted {
    #[inline]
    fn has(&self, place: usize) -> bool {
        match self {
            Self::All => true,
            Self::Places(places) => places.get(place).copied().unwrap_or(false),
        }
    }
}

/// All of a block that is not a column.
#[derive(Debug)]
pub struct Frame {
    /// Its partitions.
    pub runs: Runs,
    /// Its clusterings.
    pub keys: Keys,
    /// Its rows' markers and deletions.
    pub rows: Rows,
    /// Its range deletions.
    pub pieces: Pieces,
}

#[derive(Debug)]
enum Shape {
    Simple(Cells),
    Complex(Box<Complex>),
}

impl Shape {
    fn cells(&self) -> &Cells {
        match self {
            Self::Simple(cells) => cells,
            Self::Complex(complex) => complex.cells(),
        }
    }
}

/// A column's page, decompressed.
#[derive(Debug)]
struct Loaded {
    page: Bytes,
    shape: Shape,
    /// The values, where it is plain where each one is: packed numbers are spelled out for it.
    direct: Option<Direct>,
    /// Whether each row has a cell like its base.
    plain: bool,
}

/// Values that are found by their number alone.
#[derive(Debug)]
enum Direct {
    /// Values of one length: the `i`-th starts at `at + i * step`.
    Strided {
        bytes: Bytes,
        at: usize,
        step: usize,
        length: usize,
    },
    /// Values one behind the other, with where each ends.
    Ends { bytes: Bytes, ends: Vec<u32> },
}

/// A column of a block.
#[derive(Debug)]
pub struct BlockColumn {
    /// Its place in the file's column table.
    pub place: usize,
    /// What it holds beside plain cells.
    pub flags: u8,
    /// Its page.
    pub page: PageRef,
    loaded: OnceLock<Box<Loaded>>,
}

/// A block.
#[derive(Debug)]
pub struct Block {
    offset: u64,
    payload: Bytes,
    rows: usize,
    flags: u64,
    runs: PageRef,
    keys: PageRef,
    row_page: PageRef,
    ranges: Option<PageRef>,
    columns: Vec<BlockColumn>,
    frame: OnceLock<Frame>,
}

impl Block {
    /// Reads a block's head. `columns` is how many the file's column table has.
    pub fn parse(offset: u64, payload: Bytes, columns: usize) -> Parsed<Self> {
        let mut input = Input::new(&payload);
        if input.u8()? != 0 {
            return Err(Damage("an unknown encryption key"));
        }
        let rows = input.count(BLOCK_ROWS_MAX)?;
        let flags = input.varint()?;
        let mut runs = PageRef::parse(&mut input)?;
        let mut keys = PageRef::parse(&mut input)?;
        let mut row_page = PageRef::parse(&mut input)?;
        let mut ranges = match flags & block_flags::RANGES {
            0 => None,
            _ => Some(PageRef::parse(&mut input)?),
        };
        let count = input.count(columns)?;
        let mut list = Vec::with_capacity(count);
        let mut place = 0;
        for _ in 0..count {
            place += input.count(columns)?;
            if place >= columns {
                return Err(Damage("a column beyond the column table"));
            }
            list.push(BlockColumn {
                place,
                flags: input.u8()?,
                page: PageRef::parse(&mut input)?,
                loaded: OnceLock::new(),
            });
        }
        let mut end = input.at();
        for page in [&mut runs, &mut keys, &mut row_page] {
            end = page.place(end);
        }
        if let Some(ranges) = &mut ranges {
            end = ranges.place(end);
        }
        for column in &mut list {
            end = column.page.place(end);
        }
        if end != payload.len() {
            return Err(Damage("the length of a block"));
        }
        Ok(Self {
            offset,
            payload,
            rows,
            flags,
            runs,
            keys,
            row_page,
            ranges,
            columns: list,
            frame: OnceLock::new(),
        })
    }

    /// Where it stands in the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Its bytes.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// How many rows it has, static ones included.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// What it holds beside plain live rows.
    pub fn flags(&self) -> u64 {
        self.flags
    }

    /// Its columns.
    pub fn columns(&self) -> &[BlockColumn] {
        &self.columns
    }

    /// About how much memory it takes once all of it is decompressed.
    pub fn memory_bytes(&self) -> usize {
        let frame = [&self.runs, &self.keys, &self.row_page];
        let pages = frame
            .into_iter()
            .chain(self.columns.iter().map(|column| &column.page));
        let extra: usize = pages.map(PageRef::extra_bytes).sum();
        // Packed integers are spelled out for rows: about half as much again.
        self.payload.len() + extra + extra / 2 + 360 * self.columns.len() + 512
    }

    /// All of it that is not a column.
    pub fn frame(&self) -> Parsed<&Frame> {
        if let Some(frame) = self.frame.get() {
            return Ok(frame);
        }
        let runs = Runs::parse(self.runs.load(&self.payload)?, self.rows)?;
        let pieces = match &self.ranges {
            None => Pieces::default(),
            Some(page) => Pieces::parse(&page.load(&self.payload)?, runs.count())?,
        };
        let frame = Frame {
            runs,
            keys: Keys::parse(self.keys.load(&self.payload)?, self.rows)?,
            rows: Rows::parse(self.row_page.load(&self.payload)?, self.rows)?,
            pieces,
        };
        Ok(self.frame.get_or_init(|| frame))
    }

    /// The partitions alone, for who does not want the rest.
    pub fn load_runs(&self) -> Parsed<Runs> {
        Runs::parse(self.runs.load(&self.payload)?, self.rows)
    }

    /// The clusterings alone.
    pub fn load_keys(&self) -> Parsed<Keys> {
        Keys::parse(self.keys.load(&self.payload)?, self.rows)
    }

    /// The rows' markers and deletions alone.
    pub fn load_rows(&self) -> Parsed<Rows> {
        Rows::parse(self.row_page.load(&self.payload)?, self.rows)
    }

    /// Row `row`, whose clustering is known already. Columns that are not wanted are left out
    /// where they cannot matter for whether the row lives.
    pub fn row(
        &self,
        file: &UnitFile,
        table: &[ColumnEntry],
        wanted: &Wanted,
        row: usize,
        clustering: Bytes,
    ) -> Result<Row> {
        let damaged = |damage| file.damaged(self.offset, damage);
        let frame = self.frame().map_err(damaged)?;
        let (base, marked) = frame.rows.base(row).map_err(damaged)?;
        let lives = marked && base.ttl_seconds == NO_TTL && base.expiry_seconds == NEVER;
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let optional = lives && !wanted.has(column.place);
            if optional && column.flags & column_flags::EXCEPTIONS == 0 {
                continue;
            }
            let Some(entry) = table.get(column.place) else {
                return Err(damaged(Damage("a column beyond the column table")));
            };
            let id = entry.id;
            let loaded = column
                .load(&self.payload, self.rows, entry.kind)
                .map_err(damaged)?;
            if loaded.plain
                && let Some(direct) = &loaded.direct
            {
                let value = direct.get(row).map_err(damaged)?;
                let data = ColumnData::Simple(cell_of(&base, value));
                columns.push(RowColumn { id, data });
                continue;
            }
            match &loaded.shape {
                Shape::Simple(cells) => {
                    let found = cells.find(&loaded.page, row, &base).map_err(damaged)?;
                    let Some((meta, rank)) = found else {
                        continue;
                    };
                    if optional && meta.timestamp <= base.timestamp {
                        continue;
                    }
                    let value = self.value(file, loaded, rank)?;
                    let data = ColumnData::Simple(cell_of(&meta, value));
                    columns.push(RowColumn { id, data });
                }
                Shape::Complex(complex) => {
                    let data = self.complex(file, loaded, complex, row, &base)?;
                    columns.extend(data.map(|data| RowColumn { id, data }));
                }
            }
        }
        Ok(Row {
            clustering,
            original: frame.rows.original(row).map_err(damaged)?,
            liveness: if marked {
                Rows::marker(&base)
            } else {
                Liveness::NONE
            },
            deletion: frame.rows.deletion(row).map_err(damaged)?,
            columns,
        })
    }

    #[inline]
    fn value(&self, file: &UnitFile, loaded: &Loaded, rank: Option<usize>) -> Result<Bytes> {
        let damaged = |damage| file.damaged(self.offset, damage);
        let Some(rank) = rank else {
            return Ok(Bytes::new());
        };
        if let Some(direct) = &loaded.direct {
            return direct.get(rank).map_err(damaged);
        }
        let values = loaded.shape.cells().values();
        match values.place(&loaded.page, rank).map_err(damaged)? {
            Place::Inside(start, end) => share(&loaded.page, start, end).map_err(damaged),
            Place::Overflow(place) => file.overflow(&place),
        }
    }

    fn complex(
        &self,
        file: &UnitFile,
        loaded: &Loaded,
        complex: &Complex,
        row: usize,
        base: &CellMeta,
    ) -> Result<Option<ColumnData>> {
        let damaged = |damage| file.damaged(self.offset, damage);
        let page = &loaded.page;
        let Some((deletion, start, end)) = complex.find(page, row).map_err(damaged)? else {
            return Ok(None);
        };
        let mut cells = Vec::new();
        for i in start..end {
            let found = complex
                .cells()
                .find(page, i, base)
                .and_then(|found| found.ok_or(Damage("an element without a cell")))
                .map_err(damaged)?;
            let (path, original) = complex.path(page, i).map_err(damaged)?;
            let (meta, rank) = found;
            cells.push(PathCell {
                path,
                original,
                cell: cell_of(&meta, self.value(file, loaded, rank)?),
            });
        }
        Ok(Some(ColumnData::Complex { deletion, cells }))
    }
}

impl Direct {
    /// Of the values of a page.
    fn of(page: &Bytes, values: &Values) -> Parsed<Option<Self>> {
        if let Some(length) = values.packed_length() {
            return Ok(Some(Self::Strided {
                bytes: Bytes::from(values.unpack(page)?),
                at: 0,
                step: length,
                length,
            }));
        }
        let (mut ends, mut wire) = (Vec::new(), Vec::new());
        if values.append_scaled(page, (0, values.count()), &mut ends, &mut wire)? {
            let bytes = Bytes::from(wire);
            return Ok(Some(Self::Ends { bytes, ends }));
        }
        Ok(values.stride().map(|(at, step, length)| Self::Strided {
            bytes: page.clone(),
            at,
            step,
            length,
        }))
    }

    #[inline]
    fn get(&self, i: usize) -> Parsed<Bytes> {
        match self {
            Self::Strided {
                bytes,
                at,
                step,
                length,
            } => {
                let start = at + i * step;
                share(bytes, start, start + length)
            }
            Self::Ends { bytes, ends } => {
                let end = |i: usize| ends.get(i).map(|end| *end as usize);
                let start = i.checked_sub(1).map_or(Some(0), end);
                match (start, end(i)) {
                    (Some(start), Some(end)) => share(bytes, start, end),
                    _ => Err(Damage("a value that is not there")),
                }
            }
        }
    }
}

#[inline]
fn cell_of(meta: &CellMeta, value: Bytes) -> Cell {
    Cell {
        timestamp: meta.timestamp,
        ttl_seconds: meta.ttl_seconds,
        expiry_seconds: meta.expiry_seconds,
        value,
    }
}

impl BlockColumn {
    #[inline]
    fn load(&self, payload: &Bytes, rows: usize, kind: PhysicalKind) -> Parsed<&Loaded> {
        match self.loaded.get() {
            Some(loaded) => Ok(loaded),
            None => self.load_now(payload, rows, kind),
        }
    }

    #[cold]
    fn load_now(&self, payload: &Bytes, rows: usize, kind: PhysicalKind) -> Parsed<&Loaded> {
        let page = self.page.load(payload)?;
        let mut input = Input::new(&page);
        let is_complex = self.flags & column_flags::COMPLEX != 0;
        if is_complex != (kind == PhysicalKind::Complex) {
            return Err(Damage("the kind of a column"));
        }
        let shape = if is_complex {
            Shape::Complex(Box::new(Complex::parse(&mut input, rows)?))
        } else {
            Shape::Simple(Cells::parse(&mut input, rows)?)
        };
        let cells = shape.cells();
        let loaded = Loaded {
            direct: Direct::of(&page, cells.values())?,
            plain: !is_complex && cells.is_plain(),
            page,
            shape,
        };
        Ok(self.loaded.get_or_init(|| Box::new(loaded)))
    }

    /// The page, if it is decompressed already.
    pub fn loaded_page(&self) -> Option<&Bytes> {
        self.loaded.get().map(|loaded| &loaded.page)
    }
}
