//! The one byte form of rows and mutations: encoded once, by the writer.
//!
//! A mutation's record goes into the commit log as it stands, and the memtable's entries are
//! slices of the same bytes; a read decodes from them the columns that it wants.
//!
//! ```text
//! record    count ‖ update…
//! update    table ‖ schema version ‖ token:8 ‖ lowest timestamp:8 ‖ key
//!           ‖ deletion ‖ count ‖ range… ‖ count ‖ row…
//! range     start ‖ end ‖ deletion
//! deletion  0, or 1 ‖ timestamp:8 ‖ deleted at
//! row       clustering ‖ length:4 ‖ body          the static row first, with empty clustering
//! body      flags:1 ‖ base:8 ‖ [ttl ‖ expiry] ‖ [deletion] ‖ [deletion] ‖ [original]
//!           ‖ count ‖ column…
//! column    id ‖ flags:1 ‖ cell | length:4 ‖ deletion ‖ count ‖ (path ‖ [original] ‖ flags:1 ‖ cell)…
//! cell      [timestamp:8] ‖ [ttl ‖ expiry | deleted at] ‖ [value]
//! ```
//!
//! Lengths, counts and numbers are LEB128 varints (signed ones zigzag), fixed integers are
//! little-endian, byte strings have their length before them. A row's base timestamp is its
//! marker's, or else its first cell's; cells at the base timestamp leave theirs out, and cells
//! that expire as the marker does leave out their expiry.

use crate::error::{Error, Result};
use crate::schema::{ColumnId, TableId};
use crate::storage::cell::{Cell, Deletion, Liveness, NEVER, NO_TIMESTAMP, NO_TTL};
use crate::storage::mutation::{Mutation, PartitionUpdate};
use crate::storage::read::Projection;
use crate::storage::row::{ColumnData, PathCell, RangeDeletion, Row, RowColumn, RowDeletion};
use bytes::Bytes;

// Flags of a row's body. Persisted in the commit log: never change them.
const MARKER: u8 = 1;
const MARKER_EXPIRES: u8 = 2;
const DELETION: u8 = 4;
const SHADOWABLE: u8 = 8;
const ORIGINAL: u8 = 16;

// Flags of a column or an element. Persisted in the commit log: never change them.
const PLAIN: u8 = 0;
const EXPIRING: u8 = 1;
const TOMBSTONE: u8 = 2;
const COMPLEX: u8 = 3;
const FORM: u8 = 3;
const AT_BASE: u8 = 4;
const AS_MARKER: u8 = 8;
const PATH_ORIGINAL: u8 = 16;

/// Where the parts of a row lie within its record.
#[derive(Clone, Copy, Debug)]
pub struct RowSpan {
    /// Where the clustering starts.
    pub clustering_at: u32,
    /// How long the clustering is.
    pub clustering_len: u32,
    /// Where the body starts.
    pub body_at: u32,
    /// How long the body is.
    pub body_len: u32,
}

/// One update within a record.
#[derive(Clone, Debug)]
pub struct UpdateSpan {
    /// The table.
    pub table: TableId,
    /// The version of the table's schema that the update was made for.
    pub schema_version: u32,
    /// The partition's token.
    pub token: i64,
    /// The lowest write timestamp in the update, in microseconds.
    pub lowest_timestamp: i64,
    /// Where the partition's raw key starts.
    pub key_at: u32,
    /// How long it is.
    pub key_len: u32,
    /// The deletion of the partition.
    pub deletion: Deletion,
    /// The range deletions.
    pub ranges: Vec<RangeDeletion>,
    /// The rows, the static one first.
    pub rows: Vec<RowSpan>,
}

/// A mutation's bytes and where its parts lie in them.
#[derive(Clone, Debug)]
pub struct Record {
    /// The bytes, as the commit log keeps them.
    pub bytes: Bytes,
    /// The updates.
    pub updates: Vec<UpdateSpan>,
}

impl Record {
    /// Encodes a mutation.
    pub fn encode(mutation: &Mutation) -> Result<Self> {
        let mut writer = Writer {
            out: Vec::with_capacity(256),
        };
        writer.varint(mutation.updates.len() as u64);
        let mut updates = Vec::with_capacity(mutation.updates.len());
        for update in &mutation.updates {
            updates.push(writer.update(update)?);
        }
        Ok(Self {
            bytes: Bytes::from(writer.out),
            updates,
        })
    }

    /// Finds the parts of a record that the commit log gave back.
    pub fn decode(bytes: Bytes) -> Result<Self> {
        let mut reader = Reader::new(&bytes);
        let count = reader.count()?;
        let mut updates = Vec::new();
        for _ in 0..count {
            updates.push(reader.update()?);
        }
        if !reader.rest.is_empty() {
            return Err(malformed());
        }
        Ok(Self { bytes, updates })
    }
}

fn malformed() -> Error {
    Error::new(
        crate::ErrorKind::Corrupt,
        "a record of the commit log is malformed",
    )
}

fn position(at: usize) -> Result<u32> {
    u32::try_from(at).map_err(|_| Error::invalid("Mutation of more than 4 GiB"))
}

struct Writer {
    out: Vec<u8>,
}

impl Writer {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    fn signed(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)) as u64);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    fn fixed(&mut self, value: i64) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    /// Leaves room for a length; [`Writer::patch`] fills it in.
    fn gap(&mut self) -> usize {
        self.out.extend_from_slice(&[0; 4]);
        self.out.len()
    }

    fn patch(&mut self, start: usize) -> Result<u32> {
        let length = position(self.out.len() - start)?;
        if let Some(gap) = self.out.get_mut(start - 4..start) {
            gap.copy_from_slice(&length.to_le_bytes());
        }
        Ok(length)
    }

    fn deletion(&mut self, deletion: &Deletion) {
        if deletion.is_none() {
            self.out.push(0);
        } else {
            self.out.push(1);
            self.fixed(deletion.timestamp);
            self.signed(deletion.deleted_at_seconds);
        }
    }

    fn update(&mut self, update: &PartitionUpdate) -> Result<UpdateSpan> {
        self.varint(update.table.0);
        self.varint(u64::from(update.schema_version));
        let lowest_timestamp = lowest_timestamp(update);
        self.fixed(update.key.token);
        self.fixed(lowest_timestamp);
        self.varint(update.key.key.len() as u64);
        let key_at = position(self.out.len())?;
        self.out.extend_from_slice(&update.key.key);
        self.deletion(&update.deletion);
        self.varint(update.ranges.len() as u64);
        for range in &update.ranges {
            self.bytes(&range.start);
            self.bytes(&range.end);
            self.deletion(&range.deletion);
        }
        let all = update.static_row.iter().chain(&update.rows);
        let count = update.rows.len() + usize::from(update.static_row.is_some());
        self.varint(count as u64);
        let mut rows = Vec::with_capacity(count);
        for row in all {
            rows.push(self.row(row)?);
        }
        Ok(UpdateSpan {
            table: update.table,
            schema_version: update.schema_version,
            token: update.key.token,
            lowest_timestamp,
            key_at,
            key_len: position(update.key.key.len())?,
            deletion: update.deletion,
            ranges: update.ranges.clone(),
            rows,
        })
    }

    fn row(&mut self, row: &Row) -> Result<RowSpan> {
        self.varint(row.clustering.len() as u64);
        let clustering_at = position(self.out.len())?;
        self.out.extend_from_slice(&row.clustering);
        let start = self.gap();
        self.body(row)?;
        Ok(RowSpan {
            clustering_at,
            clustering_len: position(row.clustering.len())?,
            body_at: position(start)?,
            body_len: self.patch(start)?,
        })
    }

    fn body(&mut self, row: &Row) -> Result<()> {
        let marker = &row.liveness;
        let base = if marker.is_none() {
            first_timestamp(row)
        } else {
            marker.timestamp
        };
        let mut flags = 0;
        if !marker.is_none() {
            flags |= MARKER;
        }
        if marker.ttl_seconds != NO_TTL {
            flags |= MARKER_EXPIRES;
        }
        if !row.deletion.deletion.is_none() {
            flags |= DELETION;
        }
        if !row.deletion.shadowable.is_none() {
            flags |= SHADOWABLE;
        }
        if row.original.is_some() {
            flags |= ORIGINAL;
        }
        self.out.push(flags);
        self.fixed(base);
        if flags & MARKER_EXPIRES != 0 {
            self.signed(i64::from(marker.ttl_seconds));
            self.signed(marker.expiry_seconds);
        }
        if flags & DELETION != 0 {
            self.deletion(&row.deletion.deletion);
        }
        if flags & SHADOWABLE != 0 {
            self.deletion(&row.deletion.shadowable);
        }
        if let Some(original) = &row.original {
            self.bytes(original);
        }
        self.varint(row.columns.len() as u64);
        for column in &row.columns {
            self.varint(u64::from(column.id.0));
            match &column.data {
                ColumnData::Simple(cell) => self.cell(cell, base, marker, 0, |_| {}),
                ColumnData::Complex { deletion, cells } => {
                    self.out.push(COMPLEX);
                    let start = self.gap();
                    self.deletion(deletion);
                    self.varint(cells.len() as u64);
                    for element in cells {
                        self.element(element, base, marker);
                    }
                    self.patch(start)?;
                }
            }
        }
        Ok(())
    }

    fn element(&mut self, element: &PathCell, base: i64, marker: &Liveness) {
        self.bytes(&element.path);
        let extra = if element.original.is_some() {
            PATH_ORIGINAL
        } else {
            0
        };
        self.cell(&element.cell, base, marker, extra, |writer| {
            if let Some(original) = &element.original {
                writer.bytes(original);
            }
        });
    }

    fn cell(
        &mut self,
        cell: &Cell,
        base: i64,
        marker: &Liveness,
        extra: u8,
        between: impl FnOnce(&mut Self),
    ) {
        let mut flags = extra;
        if cell.is_expiring() {
            flags |= EXPIRING;
            if cell.ttl_seconds == marker.ttl_seconds
                && cell.expiry_seconds == marker.expiry_seconds
            {
                flags |= AS_MARKER;
            }
        } else if cell.is_tombstone() {
            flags |= TOMBSTONE;
        }
        if cell.timestamp == base {
            flags |= AT_BASE;
        }
        self.out.push(flags);
        between(self);
        if flags & AT_BASE == 0 {
            self.fixed(cell.timestamp);
        }
        match flags & (FORM | AS_MARKER) {
            EXPIRING => {
                self.signed(i64::from(cell.ttl_seconds));
                self.signed(cell.expiry_seconds);
            }
            TOMBSTONE => self.signed(cell.expiry_seconds),
            _ => {}
        }
        if flags & FORM != TOMBSTONE {
            self.bytes(&cell.value);
        }
    }
}

/// The lowest write timestamp in an update, in microseconds; `i64::MAX` where it writes nothing.
fn lowest_timestamp(update: &PartitionUpdate) -> i64 {
    let known = |timestamp: i64| match timestamp {
        NO_TIMESTAMP => i64::MAX,
        timestamp => timestamp,
    };
    let mut lowest = known(update.deletion.timestamp);
    for range in &update.ranges {
        lowest = lowest.min(known(range.deletion.timestamp));
    }
    for row in update.static_row.iter().chain(&update.rows) {
        lowest = lowest
            .min(known(row.liveness.timestamp))
            .min(known(row.deletion.deletion.timestamp))
            .min(known(row.deletion.shadowable.timestamp));
        for column in &row.columns {
            match &column.data {
                ColumnData::Simple(cell) => lowest = lowest.min(cell.timestamp),
                ColumnData::Complex { deletion, cells } => {
                    lowest = lowest.min(known(deletion.timestamp));
                    for element in cells {
                        lowest = lowest.min(element.cell.timestamp);
                    }
                }
            }
        }
    }
    lowest
}

fn first_timestamp(row: &Row) -> i64 {
    match row.columns.first().map(|column| &column.data) {
        Some(ColumnData::Simple(cell)) => cell.timestamp,
        Some(ColumnData::Complex { cells, .. }) => {
            cells.first().map_or(0, |element| element.cell.timestamp)
        }
        None => 0,
    }
}

/// Decodes a row's body. Cells of columns that are not wanted are left out where the row's marker
/// does not expire and is at least as new as they are (they then can't matter for whether the row
/// lives, as long as that marker holds).
pub fn decode_row(
    record: &Bytes,
    span: &RowSpan,
    clustering: Bytes,
    columns: &Projection,
) -> Result<Row> {
    let body = usize::try_from(span.body_at)
        .ok()
        .and_then(|at| record.get(at..at.checked_add(span.body_len as usize)?))
        .ok_or_else(malformed)?;
    let mut reader = Reader { record, rest: body };
    reader.body(clustering, columns)
}

struct Reader<'a> {
    record: &'a Bytes,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn new(record: &'a Bytes) -> Self {
        Self {
            record,
            rest: record,
        }
    }

    fn at(&self) -> Result<u32> {
        let start = self.record.as_ptr() as usize;
        position(self.rest.as_ptr() as usize - start)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(length).ok_or_else(malformed)?;
        self.rest = tail;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8> {
        let (&head, tail) = self.rest.split_first().ok_or_else(malformed)?;
        self.rest = tail;
        Ok(head)
    }

    fn varint(&mut self) -> Result<u64> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut value = u64::from(first & 0x7F);
        let mut shift = 7;
        loop {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(malformed());
            }
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
            shift += 7;
            if shift > 63 {
                return Err(malformed());
            }
        }
    }

    fn signed(&mut self) -> Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn small(&mut self) -> Result<i32> {
        i32::try_from(self.signed()?).map_err(|_| malformed())
    }

    /// A number of things of at least one byte each.
    fn count(&mut self) -> Result<usize> {
        let count = usize::try_from(self.varint()?).map_err(|_| malformed())?;
        if count > self.rest.len() {
            return Err(malformed());
        }
        Ok(count)
    }

    fn fixed(&mut self) -> Result<i64> {
        let bytes = self.take(8)?.try_into().map_err(|_| malformed())?;
        Ok(i64::from_le_bytes(bytes))
    }

    fn length(&mut self) -> Result<usize> {
        let bytes = self.take(4)?.try_into().map_err(|_| malformed())?;
        Ok(u32::from_le_bytes(bytes) as usize)
    }

    fn bytes(&mut self) -> Result<Bytes> {
        let length = self.count()?;
        let bytes = self.take(length)?;
        Ok(if bytes.is_empty() {
            Bytes::new()
        } else {
            self.record.slice_ref(bytes)
        })
    }

    fn deletion(&mut self) -> Result<Deletion> {
        match self.byte()? {
            0 => Ok(Deletion::NONE),
            1 => Ok(Deletion {
                timestamp: self.fixed()?,
                deleted_at_seconds: self.signed()?,
            }),
            _ => Err(malformed()),
        }
    }

    fn update(&mut self) -> Result<UpdateSpan> {
        let table = TableId(self.varint()?);
        let schema_version = u32::try_from(self.varint()?).map_err(|_| malformed())?;
        let token = self.fixed()?;
        let lowest_timestamp = self.fixed()?;
        let key_len = self.count()?;
        let key_at = self.at()?;
        self.take(key_len)?;
        let deletion = self.deletion()?;
        let mut ranges = Vec::new();
        for _ in 0..self.count()? {
            ranges.push(RangeDeletion {
                start: self.bytes()?,
                end: self.bytes()?,
                deletion: self.deletion()?,
            });
        }
        let mut rows = Vec::new();
        for _ in 0..self.count()? {
            let clustering_len = self.count()?;
            let clustering_at = self.at()?;
            self.take(clustering_len)?;
            let body_len = self.length()?;
            let body_at = self.at()?;
            self.take(body_len)?;
            rows.push(RowSpan {
                clustering_at,
                clustering_len: position(clustering_len)?,
                body_at,
                body_len: position(body_len)?,
            });
        }
        Ok(UpdateSpan {
            table,
            schema_version,
            token,
            lowest_timestamp,
            key_at,
            key_len: position(key_len)?,
            deletion,
            ranges,
            rows,
        })
    }

    fn body(&mut self, clustering: Bytes, wanted: &Projection) -> Result<Row> {
        let flags = self.byte()?;
        let base = self.fixed()?;
        let mut liveness = Liveness::NONE;
        if flags & MARKER != 0 {
            liveness.timestamp = base;
        }
        if flags & MARKER_EXPIRES != 0 {
            liveness.ttl_seconds = self.small()?;
            liveness.expiry_seconds = self.signed()?;
        }
        let mut deletion = RowDeletion::NONE;
        if flags & DELETION != 0 {
            deletion.deletion = self.deletion()?;
        }
        if flags & SHADOWABLE != 0 {
            deletion.shadowable = self.deletion()?;
        }
        let original = match flags & ORIGINAL {
            0 => None,
            _ => Some(self.bytes()?),
        };
        let count = self.count()?;
        let mut row = Row {
            clustering,
            original,
            liveness,
            deletion,
            columns: Vec::with_capacity(match wanted {
                Projection::All => count,
                Projection::Columns(columns) => count.min(columns.len()),
            }),
        };
        let sheltered = flags & (MARKER | MARKER_EXPIRES) == MARKER;
        let mut filter = Filter::new(wanted);
        for _ in 0..count {
            let id = ColumnId(u32::try_from(self.varint()?).map_err(|_| malformed())?);
            let shelter = if sheltered && !filter.wants(id) {
                Some(liveness.timestamp)
            } else {
                None
            };
            if let Some(data) = self.column(base, &liveness, shelter)? {
                row.columns.push(RowColumn { id, data });
            }
        }
        Ok(row)
    }

    /// A column; none where it is sheltered by a marker at least as new.
    fn column(
        &mut self,
        base: i64,
        marker: &Liveness,
        shelter: Option<i64>,
    ) -> Result<Option<ColumnData>> {
        let flags = self.byte()?;
        if flags & FORM != COMPLEX {
            let cell = self.cell(flags, base, marker, shelter)?;
            return Ok(cell.map(ColumnData::Simple));
        }
        let length = self.length()?;
        let mut inner = Reader {
            record: self.record,
            rest: self.take(length)?,
        };
        let deletion = inner.deletion()?;
        let count = inner.count()?;
        let mut cells = Vec::with_capacity(if shelter.is_some() { 0 } else { count });
        for _ in 0..count {
            let path = inner.bytes()?;
            let flags = inner.byte()?;
            let original = match flags & PATH_ORIGINAL {
                0 => None,
                _ => Some(inner.bytes()?),
            };
            if let Some(cell) = inner.cell(flags, base, marker, shelter)? {
                cells.push(PathCell {
                    path,
                    original,
                    cell,
                });
            }
        }
        let left_out = shelter.is_some() && cells.is_empty();
        Ok((!left_out).then_some(ColumnData::Complex { deletion, cells }))
    }

    fn cell(
        &mut self,
        flags: u8,
        base: i64,
        marker: &Liveness,
        shelter: Option<i64>,
    ) -> Result<Option<Cell>> {
        let timestamp = if flags & AT_BASE != 0 {
            base
        } else {
            self.fixed()?
        };
        let (ttl_seconds, expiry_seconds) = match flags & (FORM | AS_MARKER) {
            PLAIN => (NO_TTL, NEVER),
            EXPIRING => (self.small()?, self.signed()?),
            TOMBSTONE => (NO_TTL, self.signed()?),
            _ => (marker.ttl_seconds, marker.expiry_seconds),
        };
        if shelter.is_some_and(|marker| timestamp <= marker) {
            if flags & FORM != TOMBSTONE {
                let length = self.count()?;
                self.take(length)?;
            }
            return Ok(None);
        }
        let value = if flags & FORM == TOMBSTONE {
            Bytes::new()
        } else {
            self.bytes()?
        };
        Ok(Some(Cell {
            timestamp,
            ttl_seconds,
            expiry_seconds,
            value,
        }))
    }
}

/// Walks a projection beside a row's columns: both rise.
struct Filter<'a> {
    wanted: Option<&'a [ColumnId]>,
}

impl<'a> Filter<'a> {
    fn new(projection: &'a Projection) -> Self {
        Self {
            wanted: match projection {
                Projection::All => None,
                Projection::Columns(columns) => Some(columns),
            },
        }
    }

    fn wants(&mut self, id: ColumnId) -> bool {
        let Some(mut wanted) = self.wanted else {
            return true;
        };
        while let Some((first, rest)) = wanted.split_first()
            && *first < id
        {
            wanted = rest;
        }
        self.wanted = Some(wanted);
        wanted.first() == Some(&id)
    }
}
