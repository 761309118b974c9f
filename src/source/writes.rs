//! Rows that are written as statements write them, some at a time.
//!
//! For tables with secondary indexes: files of rows would know nothing of entries. What was written
//! before an error stays.

use crate::error::Result;
use crate::schema::{Table, TableId};
use crate::storage::cell::Deletion;
use crate::storage::mutation::{Mutation, PartitionUpdate};
use crate::storage::row::{ColumnData, PartitionKey, Row};
use crate::storage::{Engine, IngestSummary, Ticket};
use bytes::Bytes;
use std::collections::BTreeMap;

/// How many rows are written at once.
const ROWS_MAX: usize = 64;

/// How many bytes of rows are written at once: far less than a mutation may have, with what the
/// entries of indexes add.
const BYTES_MAX: usize = 1 << 20;

/// Rows on their way, in mutations of some of them.
pub struct Writes {
    engine: Engine,
    table: TableId,
    schema_version: u32,
    /// Whether all rows have one timestamp, given by the user.
    fixed: bool,
    pending: BTreeMap<(PartitionKey, Bytes), Row>,
    pending_bytes: usize,
    /// The last write's: when it is durable, so are all.
    ticket: Option<Ticket>,
    rows: u64,
}

impl Writes {
    /// Writes to a table; `fixed`: whether the user gave the timestamp.
    pub fn new(engine: &Engine, table: &Table, fixed: bool) -> Self {
        Self {
            engine: engine.clone(),
            table: table.id,
            schema_version: table.version,
            fixed,
            pending: BTreeMap::new(),
            pending_bytes: 0,
            ticket: None,
            rows: 0,
        }
    }

    /// Whether `key` and `clustering` wait to be written, or as much as is written at once: then
    /// it is to be flushed before more is added.
    pub fn is_due(&self, key: &PartitionKey, clustering: &Bytes) -> bool {
        self.pending.len() >= ROWS_MAX
            || self
                .pending
                .contains_key(&(key.clone(), clustering.clone()))
    }

    /// Adds a row, behind a flush where it would be too much beside what waits: then the answer is
    /// that of [`Writes::flush`]. The clustering of a static row is empty.
    pub fn add(&mut self, key: &PartitionKey, row: &Row) -> Result<Option<i64>> {
        let bytes = key.key.len() + bytes_of(row);
        let timestamp = match self.pending_bytes + bytes > BYTES_MAX {
            true => self.flush()?,
            false => None,
        };
        self.pending_bytes += bytes;
        let place = (key.clone(), row.clustering.clone());
        self.pending.insert(place, row.clone());
        Ok(timestamp)
    }

    /// Writes what waits; answers the timestamp of the rows that follow, where it is a new one: a
    /// row that comes again wins over the one before.
    pub fn flush(&mut self) -> Result<Option<i64>> {
        let mut mutation = Mutation::default();
        self.pending_bytes = 0;
        for ((key, _), row) in std::mem::take(&mut self.pending) {
            self.rows += 1;
            let mut update = PartitionUpdate {
                table: self.table,
                schema_version: self.schema_version,
                key,
                deletion: Deletion::NONE,
                ranges: Vec::new(),
                static_row: None,
                rows: Vec::new(),
            };
            if row.clustering.is_empty() {
                update.static_row = Some(row);
            } else {
                update.rows.push(row);
            }
            mutation.updates.push(update);
        }
        if !mutation.updates.is_empty() {
            self.ticket = self.engine.submit(mutation)?.or(self.ticket);
        }
        Ok((!self.fixed).then(|| self.engine.next_timestamp()))
    }

    /// Writes what is left, and waits until all of it is durable; answers as
    /// [`Writes::flush`] does.
    pub fn settle(&mut self) -> Result<Option<i64>> {
        let timestamp = self.flush()?;
        if let Some(ticket) = self.ticket {
            self.engine.wait(ticket)?;
        }
        Ok(timestamp)
    }

    /// Ends it: everything is durable then.
    pub fn finish(mut self) -> Result<IngestSummary> {
        self.settle()?;
        Ok(IngestSummary {
            rows: self.rows,
            ..IngestSummary::default()
        })
    }
}

/// How long a row's values are, about.
fn bytes_of(row: &Row) -> usize {
    let of_column = |data: &ColumnData| match data {
        ColumnData::Simple(cell) => cell.value.len(),
        ColumnData::Complex { cells, .. } => cells
            .iter()
            .map(|element| element.path.len() + element.cell.value.len())
            .sum(),
    };
    let columns = row.columns.iter().map(|column| of_column(&column.data));
    row.clustering.len() + columns.sum::<usize>()
}
