//! Execution of bound plans against the engine.
//!
//! | file | does |
//! |---|---|
//! | `keys` | values → partition keys and slices of clusterings |
//! | `cells` | operations → cells |
//! | `write` | INSERT, UPDATE, DELETE, BATCH → one mutation |
//! | `view` | a row as selectors see it |
//! | `filter` | conditions checked row by row |
//! | `scan` | the rows that a SELECT is about |
//! | `select`, `aggregate` | its results |
//! | `columnar` | aggregates over a whole table, by column |

mod aggregate;
mod cells;
mod columnar;
mod filter;
mod keys;
mod scan;
mod select;
mod view;
mod write;

use crate::cql::evaluate::Context;
use crate::cql::functions::Environment;
use crate::cql::plan::{Plan, Slot};
use crate::cql::result::QueryResult;
use crate::cql::virtual_tables::CatalogView;
use crate::error::Result;
use crate::random::Random;
use crate::storage::Engine;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What one execution brings to a plan.
#[derive(Debug)]
pub struct Execution {
    /// The markers' values, in order.
    pub values: Vec<Slot>,
    /// The time, in microseconds since 1970.
    pub now_micros: i64,
    /// Where uuids come from.
    pub random: Arc<Random>,
    /// The catalog with the system's keyspaces.
    pub catalog: Arc<CatalogView>,
    /// Stops the execution when set.
    pub interrupt: Arc<AtomicBool>,
}

impl Execution {
    /// What terms are evaluated with.
    pub fn context(&self) -> Context<'_> {
        Context {
            values: &self.values,
            env: Environment {
                now_micros: self.now_micros,
                random: &self.random,
            },
        }
    }
}

/// Executes a plan.
pub fn execute(engine: &Engine, plan: &Plan, execution: Execution) -> Result<QueryResult> {
    match plan {
        Plan::Select(plan) => select::execute(engine, plan, execution).map(QueryResult::Rows),
        Plan::Write(plan) => {
            write::execute(engine, plan, &execution.context())?;
            Ok(QueryResult::Void)
        }
        Plan::Batch(plan) => {
            write::execute_batch(engine, plan, &execution.context())?;
            Ok(QueryResult::Void)
        }
        Plan::Truncate(table) => {
            engine.truncate(*table)?;
            Ok(QueryResult::Void)
        }
        Plan::Use(keyspace) => Ok(QueryResult::SetKeyspace(keyspace.clone())),
    }
}
