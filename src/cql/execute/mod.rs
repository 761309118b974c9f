//! Execution of bound plans against the engine.
//!
//! | file | does |
//! |---|---|
//! | `keys` | values → partition keys and slices of clusterings |
//! | `cells` | operations → cells |
//! | `json` | the columns of INSERT JSON |
//! | `write` | INSERT, UPDATE, DELETE → one mutation |
//! | [`batch`] | BATCH → one mutation, and what is said of large ones |
//! | `conditional`, `condition` | writes with IF |
//! | `levels` | consistency levels that make no sense |
//! | `encode` | columns written straight into a response |
//! | `view` | a row as selectors see it |
//! | `filter` | conditions checked row by row |
//! | `scan` | the rows that a SELECT is about |
//! | `items` | partitions and rows, from the engine or made up |
//! | [`paging`], `progress` | where a page ended, and how to go on there |
//! | `select`, `aggregate` | its results |
//! | `columnar` | aggregates over a whole table, by column |

mod aggregate;
pub mod batch;
mod cells;
mod columnar;
mod condition;
mod conditional;
mod encode;
mod filter;
mod indexed;
mod items;
mod json;
mod keys;
mod levels;
pub mod paging;
mod progress;
mod scan;
mod select;
mod view;
mod write;

use crate::cql::evaluate::Context;
use crate::cql::functions::Environment;
use crate::cql::plan::{Plan, Slot};
use crate::cql::result::QueryResult;
use crate::cql::trace::Trace;
use crate::cql::virtual_tables::{self, CatalogView};
use crate::error::Result;
use crate::protocol::Consistency;
use crate::random::Random;
use crate::storage::read::{ReadCommand, ScanFigures};
use crate::storage::{Engine, RowStream, Ticket};
use paging::PageRequest;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What one execution brings to a plan.
#[derive(Debug)]
pub struct Execution {
    /// The markers' values, in order.
    pub values: Vec<Slot>,
    /// The time, in microseconds since 1970.
    pub now_micros: i64,
    /// The moment that decides what has expired, in seconds since 1970.
    pub now_seconds: i64,
    /// The write timestamp where the statement says none; otherwise the engine's next.
    pub timestamp_micros: Option<i64>,
    /// Where uuids come from.
    pub random: Arc<Random>,
    /// The catalog with the system's keyspaces.
    pub catalog: Arc<CatalogView>,
    /// Stops the execution when set.
    pub interrupt: Arc<AtomicBool>,
    /// Which page of a result is wanted; none: all of it.
    pub page: Option<PageRequest>,
    /// Notes what happens.
    pub trace: Option<Arc<Trace>>,
    /// Counts what is read: for EXPLAIN ANALYZE.
    pub figures: Option<Arc<ScanFigures>>,
    /// Whether the caller waits by itself until a write is durable.
    pub defer: bool,
    /// The consistency level, where the client says one.
    pub consistency: Option<Consistency>,
    /// That of the reading half of conditional writes, where the client says one.
    pub serial_consistency: Option<Consistency>,
}

/// What came of a plan.
#[derive(Debug)]
pub struct Outcome {
    /// The result.
    pub result: QueryResult,
    /// What must be durable before the result may be made known.
    pub ticket: Option<Ticket>,
    /// What the client should be warned of.
    pub warnings: Vec<String>,
}

impl Outcome {
    fn of(result: QueryResult) -> Self {
        Self {
            result,
            ticket: None,
            warnings: Vec::new(),
        }
    }

    fn written(ticket: Option<Ticket>) -> Self {
        Self {
            ticket,
            ..Self::of(QueryResult::Void)
        }
    }
}

impl Execution {
    /// What terms are evaluated with.
    pub fn context(&self) -> Context<'_> {
        self.context_of(&self.values)
    }

    /// What the terms of one statement of a batch are evaluated with.
    pub fn context_of<'a>(&'a self, values: &'a [Slot]) -> Context<'a> {
        Context {
            values,
            env: Environment {
                now_micros: self.now_micros,
                random: &self.random,
            },
        }
    }

    /// Notes that something happens, if anybody wants to know.
    pub fn note<T: Into<String>>(&self, activity: impl FnOnce() -> T) {
        if let Some(trace) = &self.trace {
            trace.event(activity());
        }
    }
}

/// Starts a read, and has it counted where somebody wants to know.
fn read(
    engine: &Engine,
    figures: Option<&Arc<ScanFigures>>,
    command: ReadCommand,
) -> Result<RowStream> {
    match figures {
        None => engine.read(command),
        Some(figures) => engine.read_counted(command, figures),
    }
}

/// Executes a plan.
pub fn execute(engine: &Engine, plan: &Plan, mut execution: Execution) -> Result<Outcome> {
    match plan {
        Plan::Select(plan) => {
            levels::check_read(&execution)?;
            select::execute(engine, plan, execution)
        }
        Plan::Write(plan) => {
            if let Some(insert) = &plan.json {
                json::fill(insert, &mut execution.values).map_err(|error| {
                    write::timestamp_fault(plan, &execution.context()).unwrap_or(error)
                })?;
            }
            if plan.condition.is_some() {
                let statements = [(plan, execution.values.as_slice())];
                return conditional::execute(engine, &statements, false, &execution);
            }
            levels::check_write(plan, &execution)?;
            write::execute(engine, plan, &execution).map(Outcome::written)
        }
        Plan::Batch(plan) => {
            let statements: Vec<_> = plan
                .statements
                .iter()
                .map(|plan| (plan, execution.values.as_slice()))
                .collect();
            batch::execute(engine, plan.into(), &statements, &execution)
        }
        Plan::Truncate(table) => {
            execution.note(|| "Truncating the table");
            if !virtual_tables::truncate(&execution.catalog, *table)? {
                engine.truncate(*table)?;
            }
            Ok(Outcome::of(QueryResult::Void))
        }
        Plan::Use(keyspace) => Ok(Outcome::of(QueryResult::SetKeyspace(keyspace.clone()))),
    }
}
