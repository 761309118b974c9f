//! Writing records.

use crate::error::Result;
use crate::storage::cell::{Cell, Deletion, Liveness, NO_TIMESTAMP, NO_TTL};
use crate::storage::mutation::{Mutation, PartitionUpdate};
use crate::storage::record::{
    AS_MARKER, AT_BASE, COMPLEX, DELETION, EXPIRING, FORM, MARKER, MARKER_EXPIRES, ORIGINAL,
    PATH_ORIGINAL, RowSpan, SHADOWABLE, TOMBSTONE, UpdateSpan, position,
};
use crate::storage::row::{ColumnData, PathCell, Row};

/// Writes a mutation's record to `out`, which is emptied first; answers where its parts lie.
pub fn encode(mutation: &Mutation, out: &mut Vec<u8>) -> Result<Vec<UpdateSpan>> {
    let mut writer = Writer {
        out: std::mem::take(out),
    };
    writer.out.clear();
    writer.varint(mutation.updates.len() as u64);
    let updates = mutation
        .updates
        .iter()
        .map(|it| writer.update(it))
        .collect();
    *out = writer.out;
    updates
}

/// Appends a row's body.
pub fn row_body(row: &Row, out: &mut Vec<u8>) -> Result<()> {
    let mut writer = Writer {
        out: std::mem::take(out),
    };
    let result = writer.body(row);
    *out = writer.out;
    result
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
