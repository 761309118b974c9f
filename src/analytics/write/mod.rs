//! Rows of a query written to tables: INSERT … SELECT, CREATE TABLE … AS, UPDATE, DELETE.
//!
//! ```text
//! statement ─► plan ─► query ─► batches ─► rows ─► sink ══ one manifest edit ══► table
//!              columns, key      (pinned)   cells, tombstones      or ordinary writes
//! ```
//!
//! The query's snapshot is pinned before the run gets its write timestamp, and nothing of the run
//! is visible before its end: so the source may be the target, and a run that fails, is stopped
//! or dies leaves nothing. All rows of a run have one timestamp, so that a repeat of it
//! changes nothing. What cannot be written so (tables with secondary indexes) is written as other
//! statements write, and the answer says that it was not atomic.

mod create;
mod plan;
mod rows;
mod sink;

pub use plan::{Action, WritePlan};

use crate::analytics::statement::CreateTableAs;
use crate::cql::result::ColumnSpec;
use crate::error::Result;
use crate::storage::{Declare, Engine};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What a batch statement did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteSummary {
    /// How many rows the query yielded, each of which was written.
    pub rows: u64,
    /// How many of them had a key that had come before.
    pub duplicates: u64,
    /// Their write timestamp, in microseconds; none where nothing was run.
    pub timestamp_micros: Option<i64>,
    /// The commit sequence number under which all rows became visible; 0 where nothing was
    /// written, or not all at once.
    pub sequence: u64,
    /// What the user should be told.
    pub warnings: Vec<String>,
}

/// Where batches come from.
pub trait Batches {
    /// Their schema.
    fn schema(&self) -> SchemaRef;
    /// The next batch; none at the end.
    fn next(&mut self) -> Result<Option<RecordBatch>>;
}

/// How a run goes.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// The memory for sorting, in bytes.
    pub memory_bytes_max: usize,
    /// Stops the run when set to true.
    pub interrupt: Arc<AtomicBool>,
}

/// Writes the rows of `batches` as the plan says.
pub fn run(
    engine: &Engine,
    plan: &WritePlan,
    batches: &mut dyn Batches,
    options: &WriteOptions,
) -> Result<WriteSummary> {
    fill(engine, plan, None, batches, options)
}

/// The same; a table that is yet to be created is, with the rows.
fn fill(
    engine: &Engine,
    plan: &WritePlan,
    declare: Option<Declare>,
    batches: &mut dyn Batches,
    options: &WriteOptions,
) -> Result<WriteSummary> {
    let schema = batches.schema();
    let mut sink = sink::Sink::open(engine, plan, declare, &schema, options)?;
    while let Some(batch) = batches.next()? {
        sink.add(&batch)?;
    }
    let (rows, timestamp) = (sink.given(), sink.timestamp());
    let summary = sink.finish()?;
    let mut warnings = Vec::new();
    if !sink::is_atomic(plan) && rows > 0 {
        warnings.push(format!(
            "{} has secondary indexes: its rows were written one after the other, not all at once",
            plan.table.full_name()
        ));
    }
    Ok(WriteSummary {
        rows,
        duplicates: summary.duplicates,
        timestamp_micros: Some(timestamp),
        sequence: summary.sequence,
        warnings,
    })
}

/// Creates the table of a `CREATE TABLE … AS` whose query has `columns`, with what `open` answers:
/// table and rows come into being by one edit, so that whatever happens before leaves nothing.
pub fn create_table_as<B: Batches>(
    engine: &Engine,
    keyspace: Option<&str>,
    create: &CreateTableAs,
    columns: &[ColumnSpec],
    open: impl FnOnce() -> Result<B>,
    options: &WriteOptions,
) -> Result<WriteSummary> {
    let Some(creation) = create::prepare(engine, keyspace, create, columns)? else {
        return Ok(WriteSummary::default());
    };
    let (plan, declare) = (creation.plan, Some(creation.declare));
    let mut summary = fill(engine, &plan, declare, &mut open()?, options)?;
    summary.warnings.splice(0..0, creation.warnings);
    Ok(summary)
}

#[cfg(test)]
mod tests;
