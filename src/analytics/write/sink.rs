//! Where the rows of a batch statement go.
//!
//! Into files that one manifest edit makes part of the table: all rows or none, at once. Files know
//! nothing of the entries of secondary indexes, so a table with indexes takes rows as other writes
//! do, some at a time; the answer says so.

use crate::analytics::write::WriteOptions;
use crate::analytics::write::plan::WritePlan;
use crate::analytics::write::rows::{Built, RowBuilder, Stamp};
use crate::error::{Error, ErrorKind, Result};
use crate::source::Writes;
use crate::storage::row::{PartitionKey, Row};
use crate::storage::{Declare, Engine, Ingest, IngestOptions, IngestSummary};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How many rows are written between two looks at the interrupt.
const ROWS_BETWEEN_LOOKS: usize = 256;

/// Where rows go.
enum Target {
    /// Into files, all at once.
    Files(Box<Ingest>),
    /// Into the engine as other writes do.
    Writes(Box<Writes>),
}

/// Rows on their way into a table. Dropped without [`Sink::finish`], files leave no trace.
pub(super) struct Sink {
    builder: RowBuilder,
    stamp: Stamp,
    target: Target,
    interrupt: Arc<AtomicBool>,
    given: u64,
    /// The static row that was written last.
    statics: Option<(PartitionKey, Row)>,
}

impl Sink {
    /// Opens the plan's table for rows of batches with this schema. What the query reads was pinned
    /// before: the timestamp is later than all that it sees. Where it is given how the table is
    /// declared, the table is created at the end.
    pub fn open(
        engine: &Engine,
        plan: &WritePlan,
        declare: Option<Declare>,
        schema: &SchemaRef,
        how: &WriteOptions,
    ) -> Result<Self> {
        let table = &plan.table;
        if table.is_counter() {
            return Err(Error::invalid(format!(
                "{} has counters: they are added to one by one, not written in bulk",
                table.full_name()
            )));
        }
        let builder = RowBuilder::new(plan, schema)?;
        let given = plan.using.timestamp_micros;
        let timestamp = given.unwrap_or_else(|| engine.next_timestamp());
        let now_seconds = engine.clock().now_seconds();
        let stamp = Stamp::new(table, plan.using.ttl_seconds, timestamp, now_seconds);
        let target = if is_atomic(plan) {
            let options = IngestOptions {
                memory_bytes_max: how.memory_bytes_max,
                timestamp_min: timestamp.saturating_sub(1),
            };
            Target::Files(Box::new(match declare {
                Some(declare) => engine.ingest_created(table, declare, options)?,
                None => engine.ingest(table.id, options)?,
            }))
        } else {
            Target::Writes(Box::new(Writes::new(engine, table, given.is_some())))
        };
        Ok(Self {
            builder,
            stamp,
            target,
            interrupt: Arc::clone(&how.interrupt),
            given: 0,
            statics: None,
        })
    }

    /// The write timestamp of the rows, in microseconds.
    pub fn timestamp(&self) -> i64 {
        self.stamp.timestamp
    }

    /// How many rows of the query came.
    pub fn given(&self) -> u64 {
        self.given
    }

    /// Adds the rows of a batch. Where a key came before, the later row's values win.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut from = 0;
        while from < batch.num_rows() {
            check_interrupt(&self.interrupt)?;
            let rows = ROWS_BETWEEN_LOOKS.min(batch.num_rows() - from);
            let values = self.builder.encode(&batch.slice(from, rows))?;
            for row in 0..values.rows() {
                let mut built = self.builder.build(&values, row, &self.stamp)?;
                if self.make_way(&built)? {
                    built = self.builder.build(&values, row, &self.stamp)?;
                }
                self.put(built)?;
            }
            self.given += rows as u64;
            from += rows;
        }
        Ok(())
    }

    /// Writes what waits, where what comes next must not be written with it; whether the rows that
    /// follow have another timestamp.
    fn make_way(&mut self, built: &Built) -> Result<bool> {
        let Target::Writes(writes) = &mut self.target else {
            return Ok(false);
        };
        let news = built
            .rows
            .iter()
            .filter(|row| !is_known(&self.statics, &built.key, row));
        let mut due = false;
        for row in news {
            due |= writes.is_due(&built.key, &row.clustering);
        }
        if due && let Some(timestamp) = writes.flush()? {
            self.stamp.timestamp = timestamp;
            return Ok(true);
        }
        Ok(false)
    }

    fn put(&mut self, built: Built) -> Result<()> {
        let Built { key, rows } = built;
        for row in rows {
            if row.clustering.is_empty() {
                if is_known(&self.statics, &key, &row) {
                    continue;
                }
                self.statics = Some((key.clone(), row.clone()));
            }
            match &mut self.target {
                Target::Files(ingest) => ingest.add(&key, &row)?,
                Target::Writes(writes) => {
                    if let Some(timestamp) = writes.add(&key, &row)? {
                        self.stamp.timestamp = timestamp;
                    }
                }
            }
        }
        Ok(())
    }

    /// Makes all rows durable and visible.
    pub fn finish(self) -> Result<IngestSummary> {
        check_interrupt(&self.interrupt)?;
        match self.target {
            Target::Files(ingest) => ingest.finish_unless(&self.interrupt),
            Target::Writes(writes) => writes.finish(),
        }
    }
}

/// Whether a row is the static row that was written last: rows of a partition repeat it.
fn is_known(last: &Option<(PartitionKey, Row)>, key: &PartitionKey, row: &Row) -> bool {
    let Some((partition, statics)) = last else {
        return false;
    };
    row.clustering.is_empty() && partition == key && statics.columns == row.columns
}

/// Whether all rows of the plan become visible at once.
pub(super) fn is_atomic(plan: &WritePlan) -> bool {
    plan.table.indexes.is_empty() && !plan.table.is_counter()
}

/// Stops what its user no longer wants.
pub(super) fn check_interrupt(interrupt: &AtomicBool) -> Result<()> {
    if interrupt.load(Ordering::Relaxed) {
        return Err(Error::new(
            ErrorKind::Cancelled,
            "the statement was stopped",
        ));
    }
    Ok(())
}
