//! What a write changes of its table's entries.
//!
//! The affected rows are read twice in one walk: as they are, and as they will be, which is the
//! same read with the write itself as one more source. So whatever a write is (late, a deletion of
//! a range, a TTL) needs no rule of its own here: what a reader would see decides.
//!
//! ```text
//! memtables, files ───────────► rows before ─┐
//!                                             ├─► entries that go, entries that come
//! memtables, files, the write ─► rows after ─┘
//! ```
//!
//! Rows pass one by one; only what changes is kept.

use crate::error::{Error, Result};
use crate::limits::{KEY_BYTES_MAX, MUTATION_BYTES_MAX};
use crate::schema::{Table, TableId};
use crate::storage::cell::Deletion;
use crate::storage::index::{Entry, deciding_columns, element_value, entries_of, entry_key};
use crate::storage::live::LiveRows;
use crate::storage::mutation::PartitionUpdate;
use crate::storage::read::{Projection, ReadItem, Slice};
use crate::storage::row::{ColumnData, PartitionKey, RangeDeletion, Row, RowDeletion};
use crate::storage::source::{PartitionStart, Source, SourceItem};
use bytes::Bytes;
use std::collections::VecDeque;

/// What an entry takes in a record beside its own bytes, about.
const ENTRY_BYTES: usize = 24;

/// The writes to tables of entries that one mutation brings along.
#[derive(Debug)]
pub struct EntryWrites {
    /// The timestamp of all of them: later than any entry that they change.
    timestamp: i64,
    now_seconds: i64,
    bytes: usize,
    updates: Vec<PartitionUpdate>,
}

impl EntryWrites {
    /// None yet. `timestamp` must be a fresh server timestamp, taken under the locks of the
    /// partitions that are written.
    pub fn new(timestamp: i64, now_seconds: i64) -> Self {
        Self {
            timestamp,
            now_seconds,
            bytes: 0,
            updates: Vec::new(),
        }
    }

    /// The writes, in no order.
    pub fn into_updates(self) -> Vec<PartitionUpdate> {
        self.updates
    }

    fn push(&mut self, table: TableId, entry: &Entry, row: Row) -> Result<()> {
        self.bytes += entry.value.len() + entry.clustering.len() + ENTRY_BYTES;
        if self.bytes > MUTATION_BYTES_MAX {
            return Err(Error::invalid(format!(
                "This write changes more than {MUTATION_BYTES_MAX} bytes of index entries"
            ))
            .with_hint("delete or write fewer rows at once"));
        }
        self.updates.push(PartitionUpdate {
            table,
            schema_version: 0,
            key: entry_key(&entry.value),
            deletion: Deletion::NONE,
            ranges: Vec::new(),
            static_row: None,
            rows: vec![row],
        });
        Ok(())
    }

    fn put(&mut self, table: TableId, entry: &Entry) -> Result<()> {
        self.push(table, entry, entry.row(self.timestamp))
    }

    fn remove(&mut self, table: TableId, entry: &Entry) -> Result<()> {
        let mut row = Row::new(entry.clustering.clone());
        row.deletion = RowDeletion::plain(Deletion {
            timestamp: self.timestamp,
            deleted_at_seconds: self.now_seconds,
        });
        self.push(table, entry, row)
    }

    /// Adds what a row's change does to the entries of `table`'s indexes.
    fn row_changes(
        &mut self,
        table: &Table,
        partition: &PartitionKey,
        before: Option<&Row>,
        after: Option<&Row>,
    ) -> Result<()> {
        if before == after {
            return Ok(());
        }
        for index in &table.indexes {
            let entries = |row: Option<&Row>| -> Result<Vec<Entry>> {
                let mut entries = Vec::new();
                if let Some(row) = row {
                    entries_of(table, index, partition, row, &mut entries)?;
                }
                entries.sort_by(|a, b| place(a).cmp(&place(b)));
                Ok(entries)
            };
            let (old, new) = (entries(before)?, entries(after)?);
            let same = |entry: &Entry, among: &[Entry]| {
                let at = among.binary_search_by(|other| place(other).cmp(&place(entry)));
                at.ok().and_then(|at| among.get(at).cloned())
            };
            for entry in &old {
                if same(entry, &new).is_none() {
                    self.remove(index.entries, entry)?;
                }
            }
            for entry in &new {
                let old = same(entry, &old);
                if old.is_none_or(|old| old.expiry_seconds != entry.expiry_seconds) {
                    self.put(index.entries, entry)?;
                }
            }
        }
        Ok(())
    }

    /// Adds what the change from one state of a partition to another does.
    pub fn partition_changes(
        &mut self,
        table: &Table,
        partition: &PartitionKey,
        before: LiveRows,
        after: LiveRows,
    ) -> Result<()> {
        let (mut before, mut after) = (Side::new(before)?, Side::new(after)?);
        loop {
            let next = match (&before.next, &after.next) {
                (None, None) => return Ok(()),
                (Some(a), Some(b)) => a.clustering.cmp(&b.clustering),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
            };
            let old = if next.is_le() { before.take()? } else { None };
            let new = if next.is_ge() { after.take()? } else { None };
            self.row_changes(table, partition, old.as_ref(), new.as_ref())?;
        }
    }
}

fn place(entry: &Entry) -> (&Bytes, &Bytes) {
    (&entry.value, &entry.clustering)
}

/// The rows of one partition, the static one first.
struct Side {
    rows: LiveRows,
    next: Option<Row>,
}

impl Side {
    fn new(rows: LiveRows) -> Result<Self> {
        let mut side = Self { rows, next: None };
        side.take()?;
        Ok(side)
    }

    /// Takes the next row, and looks for the one behind it.
    fn take(&mut self) -> Result<Option<Row>> {
        let row = self.next.take();
        while self.next.is_none() {
            match self.rows.next()? {
                Some(ReadItem::Row(row)) => self.next = Some(row),
                Some(ReadItem::Partition { static_row, .. }) => self.next = static_row,
                None => break,
            }
        }
        Ok(row)
    }
}

/// Which columns must be read to know the entries of `table`.
pub fn projection(table: &Table) -> Projection {
    deciding_columns(table).map_or(Projection::All, Projection::Columns)
}

/// Whether an update may change entries, as far as that is seen without reading.
pub fn may_change(projection: &Projection, update: &PartitionUpdate) -> bool {
    let Projection::Columns(deciding) = projection else {
        return true;
    };
    let row_may = |row: &Row| {
        let decides = |id| deciding.binary_search(id).is_ok();
        !row.deletion.is_none() || row.columns.iter().any(|column| decides(&column.id))
    };
    !update.deletion.is_none()
        || !update.ranges.is_empty()
        || update.static_row.iter().chain(&update.rows).any(row_may)
}

/// Fails where an update writes a value that is too long for an index.
pub fn check_values(table: &Table, update: &PartitionUpdate) -> Result<()> {
    for index in &table.indexes {
        let Some(column) = table.column_by_id(index.column) else {
            continue;
        };
        let check = |value: &[u8]| {
            if value.len() < KEY_BYTES_MAX {
                return Ok(());
            }
            Err(Error::invalid(format!(
                "Cannot index value of size {} for index {} on {}({}) (maximum allowed \
                 size={KEY_BYTES_MAX})",
                value.len(),
                index.name,
                table.full_name(),
                column.name
            )))
        };
        for row in update.static_row.iter().chain(&update.rows) {
            match row.column(column.id) {
                Some(ColumnData::Simple(cell)) => check(&cell.value)?,
                Some(ColumnData::Complex { cells, .. }) => {
                    for element in cells.iter().filter(|it| !it.cell.is_tombstone()) {
                        check(&element_value(index.part, &column.ty, element)?)?;
                    }
                }
                None => {}
            }
        }
    }
    Ok(())
}

/// The rows that an update may change, as slices in order and apart.
pub fn affected(update: &PartitionUpdate) -> Vec<Slice> {
    if !update.deletion.is_none() {
        return vec![Slice::all()];
    }
    let ranges = update.ranges.iter().map(|range| Slice {
        start: range.start.clone(),
        end: range.end.clone(),
    });
    let rows = update.rows.iter();
    let mut slices: Vec<Slice> = rows
        .map(|row| Slice::row(row.clustering.clone()))
        .chain(ranges)
        .filter(|slice| slice.start < slice.end)
        .collect();
    slices.sort_by(|a, b| a.start.cmp(&b.start));
    let mut apart: Vec<Slice> = Vec::with_capacity(slices.len());
    for slice in slices {
        match apart.last_mut() {
            Some(last) if slice.start < last.end => {
                last.end = std::mem::take(&mut last.end).max(slice.end);
            }
            _ => apart.push(slice),
        }
    }
    apart
}

/// An update as a source of a merge. It must be normalized: one entry a row, in order.
#[derive(Debug)]
pub struct UpdateSource {
    start: Option<PartitionStart>,
    ranges: VecDeque<RangeDeletion>,
    rows: VecDeque<Row>,
}

impl UpdateSource {
    /// The source of an update.
    pub fn new(update: &PartitionUpdate) -> Self {
        let mut ranges = update.ranges.clone();
        ranges.sort_by(|a, b| a.start.cmp(&b.start));
        Self {
            start: Some(PartitionStart {
                key: update.key.clone(),
                deletion: update.deletion,
                static_row: update.static_row.clone(),
            }),
            ranges: ranges.into(),
            rows: update.rows.clone().into(),
        }
    }
}

impl Source for UpdateSource {
    fn next_partition(&mut self) -> Result<Option<PartitionStart>> {
        Ok(self.start.take())
    }

    fn next_item(&mut self) -> Result<Option<SourceItem>> {
        let range_first = match (self.ranges.front(), self.rows.front()) {
            (Some(range), Some(row)) => range.start <= row.clustering,
            (range, _) => range.is_some(),
        };
        Ok(if range_first {
            self.ranges.pop_front().map(SourceItem::Range)
        } else {
            self.rows.pop_front().map(SourceItem::Row)
        })
    }
}
