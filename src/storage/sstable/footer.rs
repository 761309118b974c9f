//! The file's two ends, and its properties: what a reader must know before it reads a block.
//!
//! ```text
//! header   that of every file of the engine (`storage::format`)                  24 bytes
//! trailer  root offset u64, length u32 │ properties offset u64, length u32
//!          file u64 │ table u64 │ file length u64 │ key id u32
//!          checksum u32 │ version u32 │ magic 8                                      68 bytes
//! ```
//! The trailer's checksum covers the trailer but itself. In every version, whatever else changes,
//! the last 16 bytes are checksum, version and magic, and the trailer is 68 bytes long: so a file
//! of a newer version is told from a damaged one.
//!
//! Properties are tagged records: tag u16 │ length u32 │ content. A reader skips tags that it does
//! not know unless their highest bit says that it must.

use crate::error::{Error, Result};
use crate::schema::{ColumnId, TableId};
use crate::storage::disk::ReadFile;
use crate::storage::format::{FileHeader, FileKind, FormatVersion, HEADER_BYTES};
use crate::storage::meta::FileMeta;
use crate::storage::row::PartitionKey;
use crate::storage::shapes::DecimalShape;
use crate::storage::sstable::codec::{Damage, Input, Parsed, put_count, put_sized, put_varint};
use crate::storage::sstable::stats::{Histogram, Stats};
use crate::storage::sstable::unit::{MAGIC, VERSION};
use crate::storage::sstable::values_builder::Zone;
use crate::types::physical::PhysicalKind;
use bytes::Bytes;
use std::collections::BTreeMap;

/// The trailer's length, in every version.
pub const TRAILER_BYTES: usize = 68;
/// The trailer's checksum stands before the version and the magic.
const SEAL_BYTES: usize = 16;

/// A reader that does not know a tag with this bit must refuse the file.
const REQUIRED: u16 = 0x8000;
// Tags are persisted: never change them.
const COLUMNS: u16 = REQUIRED | 1;
const META: u16 = REQUIRED | 2;
const HISTOGRAM: u16 = 3;
const ZONES: u16 = 4;
const DECIMALS: u16 = 5;
const PRESENT: u16 = 6;

/// A column of the table, as the file describes it to its readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnEntry {
    /// Its number.
    pub id: ColumnId,
    /// How its values look to storage.
    pub kind: PhysicalKind,
    /// Its name, for people who inspect the file.
    pub name: String,
}

/// What the properties say.
#[derive(Clone, Debug, Default)]
pub struct Properties {
    /// The column table.
    pub columns: Vec<ColumnEntry>,
    /// The counts. `meta.digest`, `bytes`, `level` and the sequences are not in the file.
    pub stats: Stats,
    /// How many blocks.
    pub blocks: u64,
    /// The least and greatest values of columns, by place in the column table.
    pub zones: BTreeMap<usize, Zone>,
    /// What the decimals of columns fit, key columns included; none in a file that was written
    /// before this was counted.
    pub decimals: Option<BTreeMap<ColumnId, DecimalShape>>,
    /// How many rows have a value, by place in the column table; none likewise.
    pub present: Option<BTreeMap<usize, u64>>,
}

/// What the trailer says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trailer {
    /// The root's offset and length without checksum.
    pub root: (u64, u32),
    /// The properties' offset and length without checksum.
    pub properties: (u64, u32),
    /// The file's number.
    pub file: u64,
    /// The table.
    pub table: TableId,
    /// The file's whole length.
    pub length: u64,
    /// The version of its format.
    pub version: FormatVersion,
}

/// The header of a file of this number.
pub fn encode_header(file: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES);
    FileHeader::new(FileKind::SsTable, file).write(&mut out);
    out
}

/// Checks the header of the file that has this trailer.
pub fn check_header(from: &dyn ReadFile, trailer: &Trailer) -> Result<()> {
    let bytes = from.read_at(0, HEADER_BYTES)?;
    let header = FileHeader::read(&bytes, FileKind::SsTable, from.name())?;
    if header.number == trailer.file {
        Ok(())
    } else {
        Err(Error::corrupt(
            from.name(),
            0,
            "the header does not match the trailer",
        ))
    }
}

impl Trailer {
    /// The trailer's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(TRAILER_BYTES);
        for (offset, length) in [self.root, self.properties] {
            out.extend_from_slice(&offset.to_le_bytes());
            out.extend_from_slice(&length.to_le_bytes());
        }
        for number in [self.file, self.table.0, self.length] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&0u32.to_le_bytes());
        let mut sealed = out.clone();
        sealed.extend_from_slice(&VERSION.to_le_bytes());
        sealed.extend_from_slice(&MAGIC);
        out.extend_from_slice(&crc32c::crc32c(&sealed).to_le_bytes());
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&MAGIC);
        out
    }

    /// Reads and checks a file's trailer.
    pub fn read(from: &dyn ReadFile) -> Result<Self> {
        let name = from.name();
        let length = from.len();
        let Some(at) = length
            .checked_sub(TRAILER_BYTES as u64)
            .filter(|at| *at >= HEADER_BYTES as u64)
        else {
            return Err(Error::corrupt(name, length, "too short for an SSTable"));
        };
        let bytes = from.read_at(at, TRAILER_BYTES)?;
        let damaged = |damage: Damage| Error::corrupt(name, at, damage.0);
        let (body, seal) = bytes.split_at(TRAILER_BYTES - SEAL_BYTES);
        let mut seal = Input::new(seal);
        let sum = seal.u32().map_err(damaged)?;
        let version = seal.u32().map_err(damaged)?;
        if seal.take(8).map_err(damaged)? != MAGIC {
            return Err(Error::corrupt(
                name,
                at,
                "an SSTable does not end like this",
            ));
        }
        let mut sealed = body.to_vec();
        sealed.extend_from_slice(&version.to_le_bytes());
        sealed.extend_from_slice(&MAGIC);
        if crc32c::crc32c(&sealed) != sum {
            return Err(Error::corrupt(
                name,
                at,
                "the trailer's checksum does not match",
            ));
        }
        let version = FormatVersion::of(version, name)?;
        let (trailer, key_id) = Self::parse(body, version).map_err(damaged)?;
        if key_id != 0 || trailer.length != length {
            return Err(Error::corrupt(
                name,
                at,
                "the trailer does not match the file",
            ));
        }
        Ok(trailer)
    }

    fn parse(body: &[u8], version: FormatVersion) -> Parsed<(Self, u32)> {
        let mut input = Input::new(body);
        let trailer = Self {
            version,
            root: (input.u64()?, input.u32()?),
            properties: (input.u64()?, input.u32()?),
            file: input.u64()?,
            table: TableId(input.u64()?),
            length: input.u64()?,
        };
        Ok((trailer, input.u32()?))
    }
}

fn put_record(out: &mut Vec<u8>, tag: u16, content: &[u8]) {
    out.extend_from_slice(&tag.to_le_bytes());
    out.extend_from_slice(&(content.len() as u32).to_le_bytes());
    out.extend_from_slice(content);
}

fn kind_of(number: u8) -> Parsed<PhysicalKind> {
    Ok(match number {
        1 => PhysicalKind::Int8,
        2 => PhysicalKind::Int16,
        3 => PhysicalKind::Int32,
        4 => PhysicalKind::Int64,
        5 => PhysicalKind::Float32,
        6 => PhysicalKind::Float64,
        7 => PhysicalKind::Bool,
        8 => PhysicalKind::Bytes,
        9 => PhysicalKind::Counter,
        10 => PhysicalKind::Complex,
        _ => return Err(Damage("an unknown kind of column")),
    })
}

impl Properties {
    /// The properties' bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut content = Vec::new();
        put_count(&mut content, self.columns.len());
        for column in &self.columns {
            content.extend_from_slice(&column.id.0.to_le_bytes());
            content.push(column.kind as u8);
            put_sized(&mut content, column.name.as_bytes());
        }
        put_record(&mut out, COLUMNS, &content);
        content.clear();
        self.encode_meta(&mut content);
        put_record(&mut out, META, &content);
        content.clear();
        let histogram = &self.stats.histogram;
        content.extend_from_slice(&histogram.width_seconds().to_le_bytes());
        put_count(&mut content, histogram.bars().len());
        for (bar, count) in histogram.bars() {
            content.extend_from_slice(&bar.to_le_bytes());
            put_varint(&mut content, *count);
        }
        put_record(&mut out, HISTOGRAM, &content);
        content.clear();
        put_count(&mut content, self.zones.len());
        for (place, (min, max)) in &self.zones {
            put_count(&mut content, *place);
            content.extend_from_slice(&min.to_le_bytes());
            content.extend_from_slice(&max.to_le_bytes());
        }
        put_record(&mut out, ZONES, &content);
        if let Some(decimals) = &self.decimals {
            content.clear();
            put_count(&mut content, decimals.len());
            for (id, shape) in decimals {
                content.extend_from_slice(&id.0.to_le_bytes());
                content.extend_from_slice(&shape.scale_max.to_le_bytes());
                content.extend_from_slice(&shape.integer_digits_max.to_le_bytes());
            }
            put_record(&mut out, DECIMALS, &content);
        }
        if let Some(present) = &self.present {
            content.clear();
            put_count(&mut content, present.len());
            for (place, count) in present {
                put_count(&mut content, *place);
                put_varint(&mut content, *count);
            }
            put_record(&mut out, PRESENT, &content);
        }
        out
    }

    fn encode_meta(&self, out: &mut Vec<u8>) {
        let meta = &self.stats.meta;
        for key in [&meta.first, &meta.last] {
            out.extend_from_slice(&key.token.to_le_bytes());
            put_sized(out, &key.key);
        }
        for clustering in [&meta.first_clustering, &meta.last_clustering] {
            out.push(u8::from(clustering.is_some()));
            put_sized(out, clustering.as_deref().unwrap_or_default());
        }
        for count in [
            meta.partitions,
            meta.rows,
            self.stats.statics,
            self.stats.cells,
            self.blocks,
            meta.droppable,
        ] {
            put_varint(out, count);
        }
        for number in [
            meta.timestamp_min,
            meta.timestamp_max,
            meta.expiry_min,
            meta.expiry_max,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.push(u8::from(meta.beyond_rows));
    }

    /// Reads properties.
    pub fn parse(bytes: &[u8]) -> Parsed<Self> {
        let mut found = Self::default();
        let mut input = Input::new(bytes);
        let (mut columns, mut meta) = (false, false);
        while input.left() > 0 {
            let tag = input.u16()?;
            let length = input.u32()? as usize;
            let mut content = Input::new(input.take(length)?);
            match tag {
                COLUMNS => {
                    found.columns = parse_columns(&mut content)?;
                    columns = true;
                }
                META => {
                    found.parse_meta(&mut content)?;
                    meta = true;
                }
                HISTOGRAM => found.stats.histogram = parse_histogram(&mut content)?,
                ZONES => {
                    for _ in 0..content.count(content.left())? {
                        let place = content.count(found.columns.len())?;
                        let zone = (content.i64()?, content.i64()?);
                        found.zones.insert(place, zone);
                    }
                }
                DECIMALS => found.decimals = Some(parse_decimals(&mut content)?),
                PRESENT => {
                    let mut present = BTreeMap::new();
                    for _ in 0..content.count(content.left())? {
                        let place = content.count(found.columns.len())?;
                        present.insert(place, content.varint()?);
                    }
                    found.present = Some(present);
                }
                _ if tag & REQUIRED != 0 => {
                    return Err(Damage("a property that this version does not know"));
                }
                _ => {}
            }
        }
        if columns && meta {
            Ok(found)
        } else {
            Err(Damage("a property is missing"))
        }
    }

    fn parse_meta(&mut self, input: &mut Input<'_>) -> Parsed<()> {
        let key = |input: &mut Input<'_>| -> Parsed<PartitionKey> {
            Ok(PartitionKey {
                token: input.i64()?,
                key: Bytes::copy_from_slice(input.sized()?),
            })
        };
        let clustering = |input: &mut Input<'_>| -> Parsed<Option<Vec<u8>>> {
            let there = input.u8()? != 0;
            let bytes = input.sized()?;
            Ok(there.then(|| bytes.to_vec()))
        };
        let meta: &mut FileMeta = &mut self.stats.meta;
        meta.first = key(input)?;
        meta.last = key(input)?;
        meta.first_clustering = clustering(input)?;
        meta.last_clustering = clustering(input)?;
        meta.partitions = input.varint()?;
        meta.rows = input.varint()?;
        self.stats.statics = input.varint()?;
        self.stats.cells = input.varint()?;
        self.blocks = input.varint()?;
        meta.droppable = input.varint()?;
        meta.timestamp_min = input.i64()?;
        meta.timestamp_max = input.i64()?;
        meta.expiry_min = input.i64()?;
        meta.expiry_max = input.i64()?;
        meta.beyond_rows = input.u8()? != 0;
        Ok(())
    }
}

fn parse_columns(input: &mut Input<'_>) -> Parsed<Vec<ColumnEntry>> {
    let count = input.count(crate::limits::COLUMNS_MAX.min(input.left()))?;
    let mut columns: Vec<ColumnEntry> = Vec::with_capacity(count);
    for _ in 0..count {
        let id = ColumnId(input.u32()?);
        if columns.last().is_some_and(|last| last.id >= id) {
            return Err(Damage("the order of columns"));
        }
        let kind = kind_of(input.u8()?)?;
        let name = String::from_utf8_lossy(input.sized()?).into_owned();
        columns.push(ColumnEntry { id, kind, name });
    }
    Ok(columns)
}

fn parse_decimals(input: &mut Input<'_>) -> Parsed<BTreeMap<ColumnId, DecimalShape>> {
    let mut decimals = BTreeMap::new();
    for _ in 0..input.count(input.left())? {
        let id = ColumnId(input.u32()?);
        let shape = DecimalShape {
            scale_max: input.u32()?.cast_signed(),
            integer_digits_max: input.u32()?,
        };
        decimals.insert(id, shape);
    }
    Ok(decimals)
}

fn parse_histogram(input: &mut Input<'_>) -> Parsed<Histogram> {
    let width = input.i64()?;
    if width < 1 {
        return Err(Damage("the width of a histogram"));
    }
    let mut bars = BTreeMap::new();
    for _ in 0..input.count(input.left())? {
        let bar = input.i64()?;
        bars.insert(bar, input.varint()?);
    }
    Ok(Histogram::new(width, bars))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_optional_properties_are_skipped_and_required_ones_refused() {
        let mut properties = Properties::default();
        properties.stats.meta.rows = 5;
        properties.columns.push(ColumnEntry {
            id: ColumnId(3),
            kind: PhysicalKind::Counter,
            name: "visits".to_owned(),
        });
        properties.zones.insert(0, (-1, 9));
        let shape = DecimalShape {
            scale_max: -2,
            integer_digits_max: 40,
        };
        properties.decimals = Some(BTreeMap::from([(ColumnId(9), shape)]));
        properties.present = Some(BTreeMap::from([(0, 5)]));
        let mut bytes = properties.encode();
        put_record(&mut bytes, 77, b"from the future");
        let found = Properties::parse(&bytes).unwrap();
        assert_eq!(found.columns, properties.columns);
        assert_eq!(found.stats.meta.rows, 5);
        assert_eq!(found.zones, properties.zones);
        assert_eq!(found.decimals, properties.decimals);
        assert_eq!(found.present, properties.present);
        put_record(&mut bytes, REQUIRED | 77, b"");
        assert!(Properties::parse(&bytes).is_err());
        assert!(Properties::parse(&[]).is_err());
    }
}
