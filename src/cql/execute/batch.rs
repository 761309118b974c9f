//! BATCH: several statements as one mutation.
//!
//! Large batches, and batches over many partitions, are mostly mistakes; their clients are warned
//! as Cassandra warns, at its thresholds and by its measure of size: the values, and a fixed cost
//! for each partition, row and cell.

use crate::cql::ast::BatchKind;
use crate::cql::evaluate::Context;
use crate::cql::execute::json;
use crate::cql::execute::write::{self, Writer};
use crate::cql::execute::{Execution, Outcome, conditional};
use crate::cql::plan::{BatchPlan, Term};
use crate::error::{Error, Result};
use crate::limits;
use crate::storage::mutation::{Mutation, PartitionUpdate};
use crate::storage::row::{ColumnData, Row};
use crate::storage::{AppendedView, Engine};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What a batch is besides its statements.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Which kind.
    pub kind: BatchKind,
    /// The write timestamp of all statements.
    pub timestamp: Option<&'a Term>,
}

impl<'a> From<&'a BatchPlan> for Batch<'a> {
    fn from(plan: &'a BatchPlan) -> Self {
        Self {
            kind: plan.kind,
            timestamp: plan.timestamp.as_ref(),
        }
    }
}

pub use crate::cql::execute::write::Statement;

/// Executes the statements of a batch, as one mutation.
pub fn execute(
    engine: &Engine,
    batch: Batch<'_>,
    statements: &[Statement<'_>],
    execution: &Execution,
) -> Result<Outcome> {
    if statements.iter().all(|(plan, _)| plan.json.is_none()) {
        return execute_filled(engine, batch, statements, execution);
    }
    let mut filled = Vec::with_capacity(statements.len());
    for (plan, values) in statements {
        let mut values = Cow::Borrowed(*values);
        if let Some(insert) = &plan.json {
            json::fill(insert, values.to_mut())?;
        }
        filled.push((*plan, values));
    }
    let statements: Vec<Statement<'_>> = filled
        .iter()
        .map(|(plan, values)| (*plan, &**values))
        .collect();
    execute_filled(engine, batch, &statements, execution)
}

/// The same, where all values are known.
fn execute_filled(
    engine: &Engine,
    batch: Batch<'_>,
    statements: &[Statement<'_>],
    execution: &Execution,
) -> Result<Outcome> {
    if statements.iter().any(|(plan, _)| plan.condition.is_some()) {
        return conditional::execute(engine, statements, true, execution);
    }
    let own = match batch.timestamp {
        Some(of) => write::timestamp(of, &execution.context())?,
        None => None,
    };
    let shared = own.or(execution.timestamp_micros);
    let shared = Some(shared.unwrap_or_else(|| engine.next_timestamp()));
    let contexts: Vec<Context<'_>> = statements
        .iter()
        .map(|(_, values)| execution.context_of(values))
        .collect();
    let mut writers = Vec::with_capacity(statements.len());
    let mut locked = Vec::new();
    for (at, ((plan, _), context)) in statements.iter().zip(&contexts).enumerate() {
        // What is wrong with a key so far is told before what is wrong with a stamp.
        let stamp = write::stamp(engine, plan, shared, execution, context).map_err(|error| {
            let mut so_far = statements.iter().zip(&contexts).take(at + 1);
            so_far
                .find_map(|((plan, _), context)| write::worse_key(plan, context))
                .unwrap_or(error)
        })?;
        writers.push(Writer {
            plan,
            stamp,
            context,
        });
        if plan.reads {
            locked.extend(write::locked_keys(plan, context)?);
        }
    }
    let mut warnings = Vec::new();
    let mut write_all = |view: Option<&AppendedView<'_>>| -> Result<Mutation> {
        let mut updates = Vec::with_capacity(writers.len());
        for writer in &writers {
            writer.write(view, &mut updates)?;
        }
        let mut mutation = Mutation { updates };
        let counters = writers.iter().any(|writer| writer.plan.table.is_counter());
        mutation.merge(counters);
        warnings = judge(batch.kind, statements, &mutation)?;
        Ok(mutation)
    };
    let ticket = if locked.is_empty() {
        let mutation = write_all(None)?;
        write::apply(engine, mutation, execution)?
    } else {
        locked.sort();
        locked.dedup();
        write::read_modify_write(engine, &locked, execution, |view| write_all(Some(view)))?
    };
    Ok(Outcome {
        warnings,
        ..Outcome::written(ticket)
    })
}

/// What is to be said of a batch; refuses one that is too large.
fn judge(
    kind: BatchKind,
    statements: &[Statement<'_>],
    mutation: &Mutation,
) -> Result<Vec<String>> {
    if mutation.updates.len() < 2 {
        return Ok(Vec::new());
    }
    let tables: BTreeMap<_, _> = statements
        .iter()
        .map(|(plan, _)| (plan.table.id, &plan.table))
        .collect();
    let keyspace = |update: &PartitionUpdate| tables.get(&update.table).map(|it| &it.keyspace);
    let partitions: BTreeSet<_> = mutation
        .updates
        .iter()
        .map(|update| (keyspace(update), &update.key))
        .collect();
    if partitions.len() < 2 {
        return Ok(Vec::new());
    }
    let mut warnings = Vec::new();
    let names: BTreeSet<String> = tables.values().map(|table| table.full_name()).collect();
    let listed = |names: &BTreeSet<String>| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let plural = if names.len() > 1 { "s" } else { "" };
        (plural, names.join(", "))
    };
    let (plural, named) = listed(&names);
    let bytes: usize = mutation.updates.iter().map(data_bytes).sum();
    if bytes > limits::BATCH_FAIL_BYTES {
        return Err(Error::invalid("Batch too large"));
    }
    if bytes > limits::BATCH_WARN_BYTES {
        warnings.push(format!(
            "Batch for [{named}] is of size {bytes}, exceeding specified threshold of {} by {}.",
            limits::BATCH_WARN_BYTES,
            bytes - limits::BATCH_WARN_BYTES
        ));
    }
    let careless: BTreeSet<String> = tables
        .values()
        .filter(|table| table.options.gc_grace_seconds == 0)
        .map(|table| table.full_name())
        .collect();
    if kind == BatchKind::Logged && !careless.is_empty() {
        let (plural, named) = listed(&careless);
        warnings.push(format!(
            "Executing a LOGGED BATCH on table{plural} [{named}], configured with a \
             gc_grace_seconds of 0. The gc_grace_seconds is used to TTL batchlog entries, so \
             setting gc_grace_seconds too low on tables involved in an atomic batch might cause \
             batchlog entries to expire before being replayed."
        ));
    }
    let keys: BTreeSet<_> = partitions.iter().map(|(_, key)| key).collect();
    if kind == BatchKind::Unlogged && keys.len() > limits::UNLOGGED_BATCH_WARN_PARTITIONS {
        warnings.push(format!(
            "Unlogged batch covering {} partitions detected against table{plural} [{named}]. You \
             should use a logged batch for atomicity, or asynchronous writes for performance.",
            keys.len()
        ));
    }
    Ok(warnings)
}

/// What a partition costs besides its rows, in bytes.
const PARTITION_BYTES: usize = 29;
/// What the deletion of a range costs, in bytes.
const RANGE_BYTES: usize = 20;
/// What a row costs besides its values, in bytes.
const ROW_BYTES: usize = 21;
/// What it costs more if it expires, in bytes.
const EXPIRING_BYTES: usize = 12;
/// What a cell costs besides its value, in bytes.
const CELL_BYTES: usize = 20;
/// What a multi-cell column costs besides its cells, in bytes.
const COMPLEX_BYTES: usize = 12;

/// How large an update is, by Cassandra's measure.
fn data_bytes(update: &PartitionUpdate) -> usize {
    let row = |row: &Row| {
        let expiring = match row.liveness.ttl_seconds {
            0 => 0,
            _ => EXPIRING_BYTES,
        };
        ROW_BYTES + row.clustering.len().saturating_sub(2) + expiring + columns_bytes(row)
    };
    PARTITION_BYTES
        + update.ranges.len() * RANGE_BYTES
        + update.static_row.as_ref().map_or(0, columns_bytes)
        + update.rows.iter().map(row).sum::<usize>()
}

fn columns_bytes(row: &Row) -> usize {
    row.columns
        .iter()
        .map(|column| match &column.data {
            ColumnData::Simple(cell) => CELL_BYTES + cell.value.len(),
            ColumnData::Complex { cells, .. } => {
                let element =
                    |path: usize, value: usize| CELL_BYTES + path.saturating_sub(1) + value;
                let cells = cells
                    .iter()
                    .map(|cell| element(cell.path.len(), cell.cell.value.len()));
                COMPLEX_BYTES + cells.sum::<usize>()
            }
        })
        .sum()
}
