//! One conversation with the database: its keyspace, its prepared statements, its interrupt.
//!
//! A statement's text is parsed, bound against the catalog, and executed; a prepared one is only
//! executed. Schema statements go to [`ddl`], everything else through
//! [`bind`] and [`execute`].

mod prepared;
mod values;

#[cfg(test)]
mod tests;

pub use prepared::{Prepared, StatementId};

use crate::cql::ast::{Statement, StatementKind};
use crate::cql::bind::{self, Bound};
use crate::cql::describe::describe;
use crate::cql::execute::{self, Execution};
use crate::cql::plan::Slot;
use crate::cql::result::{BindValue, QueryResult};
use crate::cql::virtual_tables::{CatalogView, Registry};
use crate::cql::{ddl, parser};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::random::Random;
use crate::storage::Engine;
use prepared::Statements;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What all sessions of a database share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shared {
    engine: Engine,
    statements: Arc<Statements>,
    random: Arc<Random>,
    catalog: Arc<CatalogView>,
}

impl Shared {
    /// What sessions with `engine` share; `random` is where `now()` and `uuid()` come from.
    pub fn new(engine: Engine, random: Random) -> Self {
        let random = Arc::new(random);
        let registry = Registry::new(engine.clock(), Arc::clone(&random));
        Self {
            engine,
            statements: Arc::default(),
            random,
            catalog: Arc::new(CatalogView::new(registry)),
        }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Who knows what of the system's tables: the layers above register there.
    pub fn virtual_tables(&self) -> &Registry {
        self.catalog.registry()
    }

    /// Executes a prepared statement that is stopped by `interrupt`.
    pub fn execute_prepared(
        &self,
        statement: &Prepared,
        values: &[BindValue],
        interrupt: &Arc<AtomicBool>,
    ) -> Result<QueryResult> {
        let version = self.engine.catalog().version;
        match statement.bound(version, || self.catalog.of(&self.engine))? {
            Some(bound) => {
                let slots = values::positional(&bound.variables, values)?;
                self.run(&bound, slots, interrupt)
            }
            None => self.unbound(statement.statement(), statement.keyspace()),
        }
    }

    fn run(
        &self,
        bound: &Bound,
        values: Vec<Slot>,
        interrupt: &Arc<AtomicBool>,
    ) -> Result<QueryResult> {
        let execution = Execution {
            values,
            now_micros: self.engine.clock().now_micros(),
            random: Arc::clone(&self.random),
            catalog: Arc::clone(&self.catalog),
            interrupt: Arc::clone(interrupt),
        };
        execute::execute(&self.engine, &bound.plan, execution)
    }

    /// Executes a statement that is not bound.
    fn unbound(&self, statement: &Statement, keyspace: Option<&str>) -> Result<QueryResult> {
        if let StatementKind::Describe(target) = &statement.kind {
            let catalog = self.catalog.of(&self.engine)?;
            let facts = self.catalog.registry().node_facts();
            return describe(&catalog, &facts, keyspace, target).map(QueryResult::Rows);
        }
        ddl::execute(&self.engine, keyspace, &statement.kind)
    }
}

/// A conversation.
#[derive(Debug)]
pub struct Session {
    shared: Shared,
    keyspace: Option<String>,
    interrupt: Arc<AtomicBool>,
}

impl Session {
    /// A conversation of a database of which nobody else speaks.
    pub fn new(engine: Engine) -> Self {
        Self::with(Shared::new(engine, Random::from_system()), None)
    }

    /// A conversation in `keyspace`.
    pub fn with(shared: Shared, keyspace: Option<String>) -> Self {
        Self {
            shared,
            keyspace,
            interrupt: Arc::default(),
        }
    }

    /// The engine that it speaks to.
    pub fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// The keyspace of unqualified names, after `USE`.
    pub fn keyspace(&self) -> Option<&str> {
        self.keyspace.as_deref()
    }

    /// The flag that stops a running statement, its row stream included, when set to true: it
    /// fails with [`crate::ErrorKind::Cancelled`]. A new statement clears it.
    pub fn interrupt(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupt)
    }

    /// Executes one statement with values for its markers, in order.
    pub fn execute(&mut self, cql: &str, values: &[BindValue]) -> Result<QueryResult> {
        self.execute_parsed(cql, |bound| values::positional(&bound.variables, values))
    }

    /// Executes one statement with values for its markers, by name.
    pub fn execute_named(
        &mut self,
        cql: &str,
        values: &[(&str, BindValue)],
    ) -> Result<QueryResult> {
        self.execute_parsed(cql, |bound| values::named(&bound.variables, values))
    }

    fn execute_parsed(
        &mut self,
        cql: &str,
        values: impl FnOnce(&Bound) -> Result<Vec<Slot>>,
    ) -> Result<QueryResult> {
        self.interrupt.store(false, Ordering::Relaxed);
        let statement = parse(cql)?;
        let result = if bind::is_bindable(&statement.kind) {
            let catalog = self.shared.catalog.of(&self.shared.engine)?;
            let bound = bind::bind(&catalog, self.keyspace(), &statement)?;
            let slots = values(&bound)?;
            self.shared.run(&bound, slots, &self.interrupt)?
        } else {
            self.shared.unbound(&statement, self.keyspace())?
        };
        self.follow(&result);
        Ok(result)
    }

    /// Prepares a statement.
    pub fn prepare(&mut self, cql: &str) -> Result<Prepared> {
        let statement = parse(cql)?;
        let catalog = self.shared.catalog.of(&self.shared.engine)?;
        let prepared = Prepared::new(cql, self.keyspace(), statement, &catalog)?;
        self.shared.statements.put(&prepared);
        Ok(prepared)
    }

    /// The prepared statement with this id, if it is still remembered.
    pub fn prepared(&self, id: &StatementId) -> Result<Prepared> {
        self.shared.statements.get(id).ok_or_else(|| {
            let shown: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
            Error::new(
                ErrorKind::Unprepared,
                format!("Prepared query with ID {shown} not found"),
            )
        })
    }

    /// Executes a prepared statement.
    pub fn execute_prepared(
        &mut self,
        statement: &Prepared,
        values: &[BindValue],
    ) -> Result<QueryResult> {
        self.interrupt.store(false, Ordering::Relaxed);
        let result = self
            .shared
            .execute_prepared(statement, values, &self.interrupt)?;
        self.follow(&result);
        Ok(result)
    }

    fn follow(&mut self, result: &QueryResult) {
        if let QueryResult::SetKeyspace(keyspace) = result {
            self.keyspace = Some(keyspace.clone());
        }
    }
}

fn parse(cql: &str) -> Result<Statement> {
    if cql.len() > limits::STATEMENT_BYTES_MAX {
        return Err(Error::invalid(format!(
            "The statement has {} bytes; at most {} are taken",
            cql.len(),
            limits::STATEMENT_BYTES_MAX
        )));
    }
    parser::parse_statement(cql)
}
