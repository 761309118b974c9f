//! What `helenus inspect` and `helenus check` do with an SSTable.

use crate::error::{Error, Result};
use crate::storage::cache::Cache;
use crate::storage::disk::Disk;
use crate::storage::meta::FileMeta;
use crate::storage::read::{PartitionBound, Projection, Slice};
use crate::storage::row::{ColumnData, Row};
use crate::storage::source::{Source, SourceItem, SourceRequest};
use crate::storage::sstable::block::UnitFile;
use crate::storage::sstable::cells::CellMeta;
use crate::storage::sstable::cursor::Cursor;
use crate::storage::sstable::footer::{Properties, Trailer, check_header};
use crate::storage::sstable::reader::{BlockAt, Reader, read_properties};
use crate::storage::sstable::stats::Stats;
use std::fmt::Write;
use std::sync::Arc;

/// The digest is computed over pieces of this size.
const PIECE_BYTES: usize = 1 << 20;
/// So much of a key or value is printed.
const PRINTED_BYTES: usize = 32;

/// Everything but the rows, from the file's end.
struct Opened {
    reader: Arc<Reader>,
    properties: Properties,
    trailer: Trailer,
}

fn open(disk: &dyn Disk, path: &str) -> Result<Opened> {
    let disk_file = disk.open(path)?;
    let trailer = Trailer::read(disk_file.as_ref())?;
    check_header(disk_file.as_ref(), &trailer)?;
    let units = UnitFile {
        disk_file,
        file: trailer.file,
    };
    let properties = read_properties(&units, &trailer)?;
    let mut meta = properties.stats.meta.clone();
    meta.id = trailer.file;
    meta.bytes = trailer.length;
    let cache = Arc::new(Cache::new(0));
    let reader = Reader::open(disk, path, Arc::new(meta), cache)?;
    Ok(Opened {
        reader,
        properties,
        trailer,
    })
}

fn everything() -> SourceRequest {
    SourceRequest {
        start: PartitionBound::Open,
        end: PartitionBound::Open,
        slices: vec![Slice::all()],
        reversed: false,
        columns: Projection::All,
        statics: true,
    }
}

fn unwritable(_: std::fmt::Error) -> Error {
    Error::internal("cannot print")
}

fn hex(bytes: &[u8]) -> String {
    let shown = bytes.get(..PRINTED_BYTES).unwrap_or(bytes);
    let mut text = "0x".to_owned();
    for byte in shown {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    if shown.len() < bytes.len() {
        let _ = write!(text, "… ({} bytes)", bytes.len());
    }
    text
}

/// Prints what the file holds: header, columns, statistics, index, and its rows if asked for.
pub fn inspect(disk: &dyn Disk, path: &str, rows: bool, out: &mut dyn Write) -> Result<()> {
    let opened = open(disk, path)?;
    print_head(&opened, out).map_err(unwritable)?;
    print_index(&opened.reader, out)?;
    if rows {
        print_rows(&opened, out)?;
    }
    Ok(())
}

fn print_head(opened: &Opened, out: &mut dyn Write) -> std::fmt::Result {
    let Opened {
        properties,
        trailer,
        ..
    } = opened;
    let stats = &properties.stats;
    let meta = &stats.meta;
    writeln!(out, "SSTable, format version {}", trailer.version as u32)?;
    writeln!(
        out,
        "file {}, table {}, {} bytes",
        trailer.file, trailer.table.0, trailer.length
    )?;
    writeln!(
        out,
        "{} partitions, {} rows, {} static rows, {} cells, {} blocks",
        meta.partitions, meta.rows, stats.statics, stats.cells, properties.blocks
    )?;
    writeln!(
        out,
        "tokens {} to {}, keys {} to {}",
        meta.first.token,
        meta.last.token,
        hex(&meta.first.key),
        hex(&meta.last.key)
    )?;
    if let (Some(first), Some(last)) = (&meta.first_clustering, &meta.last_clustering) {
        writeln!(out, "clusterings {} to {}", hex(first), hex(last))?;
    }
    writeln!(
        out,
        "write timestamps {} to {}",
        meta.timestamp_min, meta.timestamp_max
    )?;
    writeln!(
        out,
        "tombstones and expiring cells {}, going at {} to {}",
        meta.droppable,
        time(meta.expiry_min),
        time(meta.expiry_max)
    )?;
    let histogram = &stats.histogram;
    for (bar, count) in histogram.bars() {
        let width = histogram.width_seconds();
        writeln!(out, "  from {bar} for {width} s: {count}")?;
    }
    writeln!(out, "columns:")?;
    for (place, column) in properties.columns.iter().enumerate() {
        write!(out, "  {} {:?} {}", column.id.0, column.kind, column.name)?;
        match properties.zones.get(&place) {
            Some((min, max)) => writeln!(out, ", zone {min} to {max}")?,
            None => writeln!(out)?,
        }
    }
    Ok(())
}

fn time(seconds: i64) -> String {
    if seconds == crate::storage::cell::NEVER {
        "never".to_owned()
    } else {
        seconds.to_string()
    }
}

fn print_index(reader: &Reader, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "index units: {}", reader.root()?.count()).map_err(unwritable)?;
    let mut next = Some(reader.first_block()?);
    let mut number = 0;
    while let Some(at) = next {
        let entry = reader.entry(&at)?;
        let (key, clustering) = reader.position(&at)?;
        writeln!(
            out,
            "block {number} at {}: {} bytes, {} rows, flags {:#x}, from token {} key {} \
             clustering {}",
            entry.offset,
            entry.length,
            entry.rows,
            entry.flags,
            key.token,
            hex(&key.key),
            hex(&clustering)
        )
        .map_err(unwritable)?;
        number += 1;
        next = reader.block_after(&at)?;
    }
    Ok(())
}

fn print_rows(opened: &Opened, out: &mut dyn Write) -> Result<()> {
    let mut cursor = Cursor::new_uncached(&opened.reader, everything());
    while let Some(start) = cursor.next_partition()? {
        let key = &start.key;
        writeln!(out, "partition {} token {}", hex(&key.key), key.token).map_err(unwritable)?;
        if !start.deletion.is_none() {
            writeln!(out, "  deleted: {:?}", start.deletion).map_err(unwritable)?;
        }
        if let Some(row) = &start.static_row {
            print_row(&opened.reader, "static row", row, out).map_err(unwritable)?;
        }
        while let Some(item) = cursor.next_item()? {
            match item {
                SourceItem::Range(range) => writeln!(
                    out,
                    "  range {} to {} deleted: {:?}",
                    hex(&range.start),
                    hex(&range.end),
                    range.deletion
                ),
                SourceItem::Row(row) => print_row(&opened.reader, "row", &row, out),
            }
            .map_err(unwritable)?;
        }
    }
    Ok(())
}

fn print_row(reader: &Reader, what: &str, row: &Row, out: &mut dyn Write) -> std::fmt::Result {
    write!(out, "  {what} {}", hex(&row.clustering))?;
    if !row.liveness.is_none() {
        write!(out, " marker {}", row.liveness.timestamp)?;
        if row.liveness.ttl_seconds != 0 {
            let liveness = &row.liveness;
            write!(out, " ttl {}", liveness.ttl_seconds)?;
            write!(out, " until {}", liveness.expiry_seconds)?;
        }
    }
    if !row.deletion.is_none() {
        write!(out, " deleted {:?}", row.deletion)?;
    }
    writeln!(out)?;
    for column in &row.columns {
        let place = reader.place_of(column.id);
        let name = place
            .and_then(|place| reader.columns().get(place))
            .map_or("?", |column| column.name.as_str());
        match &column.data {
            ColumnData::Simple(cell) => {
                writeln!(
                    out,
                    "    {name}: {}",
                    describe(&CellMeta::of(cell), &cell.value)
                )?;
            }
            ColumnData::Complex { deletion, cells } => {
                write!(out, "    {name}:")?;
                if !deletion.is_none() {
                    write!(out, " deleted {deletion:?}")?;
                }
                writeln!(out)?;
                for element in cells {
                    let cell = &element.cell;
                    let text = describe(&CellMeta::of(cell), &cell.value);
                    writeln!(out, "      {}: {text}", hex(&element.path))?;
                }
            }
        }
    }
    Ok(())
}

fn describe(meta: &CellMeta, value: &[u8]) -> String {
    let at = meta.timestamp;
    if meta.is_tombstone() {
        format!("tombstone at {at}, written {}", meta.expiry_seconds)
    } else if meta.is_expiring() {
        let (ttl, until) = (meta.ttl_seconds, meta.expiry_seconds);
        format!("{} at {at}, ttl {ttl} until {until}", hex(value))
    } else {
        format!("{} at {at}", hex(value))
    }
}

/// Reads the whole file and checks every checksum, the order of all keys, and that index, filter
/// and statistics agree with the rows; with `expected`, also that it is the file that the
/// manifest means. Answers what the file says of itself.
pub fn verify(disk: &dyn Disk, path: &str, expected: Option<&FileMeta>) -> Result<FileMeta> {
    let opened = open(disk, path)?;
    let reader = &opened.reader;
    let file = &reader.units().disk_file;
    let wrong = |what: &str| Error::corrupt(file.name(), 0, what);
    verify_blocks(reader, opened.properties.blocks)?;
    let counted = count(reader)?;
    let stated = &opened.properties.stats;
    let mut meta = stated.meta.clone();
    meta.id = opened.trailer.file;
    meta.bytes = opened.trailer.length;
    if counted.meta.rows != meta.rows
        || counted.meta.partitions != meta.partitions
        || counted.cells != stated.cells
        || counted.statics != stated.statics
        || counted.meta.timestamp_min != meta.timestamp_min
        || counted.meta.timestamp_max != meta.timestamp_max
        || counted.meta.first != meta.first
        || counted.meta.last != meta.last
    {
        return Err(wrong("the statistics do not agree with the rows"));
    }
    meta.digest = digest(&opened)?;
    if let Some(expected) = expected {
        let same = FileMeta {
            level: meta.level,
            sequence_min: meta.sequence_min,
            sequence_max: meta.sequence_max,
            ..expected.clone()
        };
        if same != meta {
            return Err(wrong("the manifest describes another file"));
        }
    }
    Ok(meta)
}

/// Checks each block against the index, and the index against its filter.
fn verify_blocks(reader: &Reader, blocks: u64) -> Result<()> {
    let mut next = Some(reader.first_block()?);
    let mut before: Option<BlockAt> = None;
    let mut count = 0;
    while let Some(at) = next {
        let block = reader.block(&at)?;
        let damaged = |damage| reader.units().damaged(block.offset(), damage);
        let wrong =
            |what: &str| Error::corrupt(reader.units().disk_file.name(), block.offset(), what);
        let runs = &block.frame().map_err(damaged)?.runs;
        let (key, clustering) = reader.position(&at)?;
        if runs.key(0).map_err(damaged)? != key {
            return Err(wrong("a block does not start where the index says"));
        }
        if clustering.is_empty() == reader.continues(&at)? {
            return Err(wrong("the index contradicts itself"));
        }
        if let Some(before) = &before
            && reader.position(before)? >= (key, clustering)
        {
            return Err(wrong("the order of blocks"));
        }
        for run in 0..runs.count() {
            let key = runs.key(run).map_err(damaged)?;
            if !at.index().filter().may_contain(key.token) {
                return Err(wrong("the filter lacks a partition"));
            }
            if run > 0 && runs.key(run - 1).map_err(damaged)? >= key {
                return Err(wrong("the order of partitions"));
            }
        }
        reader.zones(&at)?;
        count += 1;
        next = reader.block_after(&at)?;
        before = Some(at);
    }
    if count == blocks {
        Ok(())
    } else {
        Err(Error::corrupt(
            reader.units().disk_file.name(),
            reader.trailer().root.0,
            "the index lacks blocks",
        ))
    }
}

/// Reads all rows; checks their order and counts them.
fn count(reader: &Arc<Reader>) -> Result<Stats> {
    let mut stats = Stats::default();
    let wrong = |what: &str| Error::corrupt(reader.units().disk_file.name(), 0, what);
    let mut cursor = Cursor::new_uncached(reader, everything());
    let mut last = None;
    while let Some(start) = cursor.next_partition()? {
        if last.as_ref().is_some_and(|last| *last >= start.key) {
            return Err(wrong("the order of partitions"));
        }
        if last.is_none() {
            stats.meta.first = start.key.clone();
        }
        stats.meta.last = start.key.clone();
        last = Some(start.key);
        stats.meta.partitions += 1;
        stats.deletion(&start.deletion);
        if let Some(row) = &start.static_row {
            stats.statics += 1;
            count_row(&mut stats, row);
        }
        let mut last_row = bytes::Bytes::new();
        while let Some(item) = cursor.next_item()? {
            match item {
                SourceItem::Range(range) => stats.deletion(&range.deletion),
                SourceItem::Row(row) => {
                    if last_row >= row.clustering {
                        return Err(wrong("the order of rows"));
                    }
                    stats.meta.rows += 1;
                    count_row(&mut stats, &row);
                    last_row = row.clustering;
                }
            }
        }
    }
    Ok(stats)
}

fn count_row(stats: &mut Stats, row: &Row) {
    stats.marker(&row.liveness);
    stats.deletion(&row.deletion.deletion);
    stats.deletion(&row.deletion.shadowable);
    for column in &row.columns {
        match &column.data {
            ColumnData::Simple(cell) => stats.cell(&CellMeta::of(cell)),
            ColumnData::Complex { deletion, cells } => {
                stats.deletion(deletion);
                for element in cells {
                    stats.cell(&CellMeta::of(&element.cell));
                }
            }
        }
    }
}

/// The CRC32C over the whole file.
fn digest(opened: &Opened) -> Result<u32> {
    let file = &opened.reader.units().disk_file;
    let mut digest = 0;
    let mut offset = 0;
    while offset < opened.trailer.length {
        let left = usize::try_from(opened.trailer.length - offset).unwrap_or(usize::MAX);
        let piece = file.read_at(offset, left.min(PIECE_BYTES))?;
        digest = crc32c::crc32c_append(digest, &piece);
        offset += piece.len() as u64;
    }
    Ok(digest)
}
