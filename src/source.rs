//! The small trait that batch queries and bulk transfer speak to.
//!
//! A [`TableSource`] knows the schema of a table, scans it by token range and takes rows in bulk.
//! Rows pass as *wire values*, one for each column asked for, so that the same code can run over
//! the engine of this process and, later, over a remote cluster that speaks CQL.
//!
//! ```text
//! scan:   Row (cells, paths)  ──► one Option<Bytes> a column      split.. by TokenRange
//! write:  ValueBatch          ──► PartitionKey + Row ──► Ingest   all rows or none
//! ```
//!
//! A partition that has only a static row is one row whose clustering and regular values are
//! absent, in both directions, as SELECT shows it and as INSERT takes it.

mod check;
mod collections;
mod rows;
mod scan;
mod stamp;
pub mod stamps;
pub mod statement;
mod values;
mod writes;

pub use check::RowCheck;
pub use collections::{collection_value, column_value, replace_collection};
pub use stamps::{StampColumn, StampKind};
pub use values::{FrozenBatch, ValueBatch};
pub use writes::Writes;

use crate::error::{Error, Result};
use crate::schema::{Column, ColumnId, Table};
use crate::storage::read::{PartitionBound, Partitions, Projection, ReadCommand, Slice};
use crate::storage::{Engine, IngestOptions, IngestSummary};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A range of tokens, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenRange {
    /// The first token.
    pub first: i64,
    /// The last token.
    pub last: i64,
}

impl TokenRange {
    /// The whole ring.
    pub const ALL: Self = Self {
        first: i64::MIN,
        last: i64::MAX,
    };

    /// `parts` ranges of about the same width, in token order, that together are this one.
    pub fn split(self, parts: u32) -> Vec<Self> {
        let (first, last) = (i128::from(self.first), i128::from(self.last));
        let (width, parts) = (last - first + 1, i128::from(parts.max(1)));
        let token = |at: i128| i64::try_from(at).unwrap_or(i64::MAX);
        (0..parts)
            .map(|part| {
                (
                    first + width * part / parts,
                    first + width * (part + 1) / parts - 1,
                )
            })
            .filter(|(start, end)| start <= end)
            .map(|(start, end)| Self {
                first: token(start),
                last: token(end),
            })
            .collect()
    }
}

/// How rows are written in bulk.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// The write timestamp of the whole run, in microseconds; none means one from the server.
    pub timestamp_micros: Option<i64>,
    /// The time to live of every row, in seconds, 0 for none; absent means the table's default.
    pub ttl_seconds: Option<i32>,
    /// Stamps that rows bring themselves: their values stand behind those of the columns.
    pub stamps: Vec<StampColumn>,
    /// The memory for sorting, in bytes.
    pub memory_bytes_max: usize,
}

/// A place that has tables: the engine of this process, or a cluster.
pub trait TableSource: Send + Sync {
    /// The table `keyspace.name`; one that does not exist is an error in Cassandra's words.
    fn table(&self, keyspace: &str, name: &str) -> Result<Arc<Table>>;

    /// Starts a scan of `range`: each row's values of `columns`, in the order asked for, and behind
    /// them its stamps.
    fn scan(
        &self,
        table: &Arc<Table>,
        columns: &[ColumnId],
        stamps: &[StampColumn],
        range: TokenRange,
    ) -> Result<Box<dyn RowScan>>;

    /// Starts to write rows that give the values of `columns`, in that order.
    fn write(
        &self,
        table: &Arc<Table>,
        columns: &[ColumnId],
        options: &WriteOptions,
    ) -> Result<Box<dyn RowSink>>;
}

/// A scan under way.
pub trait RowScan: Send {
    /// Replaces `row` by the next row's values; false at the end.
    fn next(&mut self, row: &mut Vec<Option<Bytes>>) -> Result<bool>;
}

/// A bulk write under way. Dropped without [`RowSink::finish`], it leaves no trace, unless the
/// table has secondary indexes: then rows are written as they come.
pub trait RowSink: Send {
    /// Adds rows. Where a key was given before, the later row's values win.
    fn add(&mut self, batch: ValueBatch) -> Result<()>;

    /// Waits until all rows given so far are durable; false where they only are at the end.
    fn checkpoint(&mut self) -> Result<bool> {
        Ok(false)
    }

    /// Makes all rows durable and visible at once. Once `stop` is true, rows that nobody sees yet
    /// are given up ([`crate::error::ErrorKind::Cancelled`]); what was written stays.
    fn finish(self: Box<Self>, stop: &AtomicBool) -> Result<IngestSummary>;
}

impl TableSource for Engine {
    fn table(&self, keyspace: &str, name: &str) -> Result<Arc<Table>> {
        let catalog = self.catalog();
        if !catalog.keyspaces.contains_key(keyspace) {
            return Err(Error::invalid(format!(
                "keyspace {keyspace} does not exist"
            )));
        }
        catalog
            .table(keyspace, name)
            .cloned()
            .ok_or_else(|| Error::invalid(format!("table {keyspace}.{name} does not exist")))
    }

    fn scan(
        &self,
        table: &Arc<Table>,
        columns: &[ColumnId],
        stamps: &[StampColumn],
        range: TokenRange,
    ) -> Result<Box<dyn RowScan>> {
        let wanted = columns_of(table, columns)?;
        let stamped = stamps.iter().filter_map(|stamp| stamp.of);
        let mut ids: Vec<ColumnId> = columns.iter().copied().chain(stamped).collect();
        ids.sort_unstable();
        ids.dedup();
        let stream = self.read(ReadCommand {
            table: table.id,
            partitions: Partitions::Range {
                start: PartitionBound::BeforeToken(range.first),
                end: PartitionBound::AfterToken(range.last),
            },
            slices: vec![Slice::all()],
            reversed: false,
            columns: Projection::Columns(ids),
            now_seconds: self.clock().now_seconds(),
        })?;
        Ok(Box::new(scan::EngineScan::new(
            table, &wanted, stamps, stream,
        )))
    }

    fn write(
        &self,
        table: &Arc<Table>,
        columns: &[ColumnId],
        options: &WriteOptions,
    ) -> Result<Box<dyn RowSink>> {
        if table.is_counter() {
            return Err(Error::invalid(format!(
                "{} has counters: they are added to one by one, not written in bulk",
                table.full_name()
            )));
        }
        let wanted = columns_of(table, columns)?;
        let timestamp = options
            .timestamp_micros
            .unwrap_or_else(|| self.next_timestamp());
        let ingest_options = IngestOptions {
            memory_bytes_max: options.memory_bytes_max,
            timestamp_min: if options.stamps.is_empty() {
                timestamp.saturating_sub(1)
            } else {
                i64::MIN
            },
        };
        let stamp = stamp::Stamp::new(table, options.ttl_seconds, timestamp, &self.clock());
        let target = if table.indexes.is_empty() {
            rows::Target::Files(Box::new(self.ingest(table.id, ingest_options)?))
        } else {
            let fixed = options.timestamp_micros.is_some();
            rows::Target::Writes(Writes::new(self, table, fixed))
        };
        Ok(Box::new(rows::EngineSink::new(
            table,
            &wanted,
            &options.stamps,
            stamp,
            target,
        )?))
    }
}

fn columns_of(table: &Table, ids: &[ColumnId]) -> Result<Vec<Column>> {
    ids.iter()
        .map(|id| {
            table.column_by_id(*id).cloned().ok_or_else(|| {
                Error::internal(format!("{} has no column {}", table.full_name(), id.0))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_range_covers_every_token_once() {
        for parts in [1, 2, 3, 7, 64, 1000] {
            let ranges = TokenRange::ALL.split(parts);
            assert_eq!(ranges.len(), parts as usize);
            assert_eq!(ranges[0].first, i64::MIN);
            assert_eq!(ranges[ranges.len() - 1].last, i64::MAX);
            for pair in ranges.windows(2) {
                assert_eq!(pair[0].last + 1, pair[1].first);
            }
        }
        assert_eq!(TokenRange { first: 5, last: 6 }.split(4).len(), 2);
    }
}
