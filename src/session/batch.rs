//! A batch of statements that were prepared one by one.

use crate::cql::bind::check_batch;
use crate::cql::execute::batch::{self, Batch};
use crate::cql::plan::{Plan, Slot, WritePlan};
use crate::error::{Error, Result};
use crate::session::prepared::Ready;
use crate::session::request::{Answer, RequestOptions, Values};
use crate::session::{BatchKind, Prepared, Shared, values};
use std::sync::Arc;

fn write_plan(ready: &Ready) -> Result<&WritePlan> {
    match &ready.bound.plan {
        Plan::Write(plan) => Ok(plan),
        _ => Err(refused()),
    }
}

fn refused() -> Error {
    Error::invalid(
        "Invalid statement in batch: only UPDATE, INSERT and DELETE statements are allowed.",
    )
}

/// Executes `statements` as one batch.
pub fn run(
    shared: &Shared,
    kind: BatchKind,
    statements: Vec<(Prepared, Values)>,
    options: &RequestOptions,
) -> Result<Answer> {
    let mut bound: Vec<(Arc<Ready>, Vec<Slot>)> = Vec::with_capacity(statements.len());
    for (statement, values) in statements {
        let ready = shared.ready_to_run(&statement)?.ok_or_else(refused)?;
        write_plan(&ready)?;
        values::check_count(&ready.bound.variables, &values, "There")?;
        let slots = values::slots(&ready.bound.variables, values)?;
        bound.push((ready, slots));
    }
    let mut plans: Vec<batch::Statement<'_>> = Vec::with_capacity(bound.len());
    for (ready, slots) in &bound {
        plans.push((write_plan(ready)?, slots.as_slice()));
    }
    check_batch(kind, false, plans.iter().map(|(plan, _)| *plan))?;
    let execution = shared.execution(Vec::new(), options)?;
    let batch = Batch {
        kind,
        timestamp: None,
    };
    batch::execute(shared.engine(), batch, &plans, &execution).map(Answer::from)
}
