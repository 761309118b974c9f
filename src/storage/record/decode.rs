//! Reading records.

use crate::error::Result;
use crate::schema::{ColumnId, TableId};
use crate::storage::cell::{Cell, Deletion, Liveness, NEVER, NO_TTL};
use crate::storage::read::Projection;
use crate::storage::record::{
    AS_MARKER, AT_BASE, COMPLEX, DELETION, EXPIRING, FORM, MARKER, MARKER_EXPIRES, ORIGINAL,
    PATH_ORIGINAL, PLAIN, RowSpan, SHADOWABLE, TOMBSTONE, UpdateSpan, malformed, position,
};
use crate::storage::row::{ColumnData, PathCell, RangeDeletion, Row, RowColumn, RowDeletion};
use bytes::Bytes;

/// Where the parts of a record that the commit log gave back lie.
pub fn decode(record: &Bytes) -> Result<Vec<UpdateSpan>> {
    let mut reader = Reader::new(record);
    let count = reader.count()?;
    let mut updates = Vec::new();
    for _ in 0..count {
        updates.push(reader.update()?);
    }
    if !reader.rest.is_empty() {
        return Err(malformed());
    }
    Ok(updates)
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
        // A deletion newer than the marker may hide what would outlive it.
        let covered = shelter.is_some_and(|marker| deletion.timestamp <= marker);
        let left_out = covered && cells.is_empty();
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
