//! One conversation with the database: its keyspace, its prepared statements, its interrupt.
//!
//! A statement's text is parsed, bound against the catalog, and executed; a prepared one is only
//! executed. Schema statements go to [`ddl`], everything else through
//! [`bind`](crate::cql::bind) and [`execute`].
//!
//! Who serves many clients holds a [`Shared`] and no session: [`Shared::prepare`] and
//! [`Shared::adhoc`] make a [`Prepared`], [`Shared::run`] executes it with [`RequestOptions`].
//!
//! What is no CQL (`SQL …`, EXPLAIN) takes a way of its own (`apart`, `sql`); which texts that are
//! depends on the [`Door`] by which they come in.

mod apart;
mod batch;
mod class;
mod door;
#[cfg(feature = "analytics")]
mod jobs;
mod prepared;
mod request;
#[cfg(feature = "analytics")]
mod sql;
#[cfg(not(feature = "analytics"))]
#[path = "sql_absent.rs"]
mod sql;
mod statements;
mod values;
mod views;

#[cfg(test)]
mod tests;

pub use crate::cql::ast::BatchKind;
pub use crate::cql::plan::Slot;
pub use class::StatementClass;
pub use door::{Door, Files, Routing};
pub use prepared::{Prepared, StatementId};
pub use request::{Answer, RequestOptions, Values};
pub use statements::StatementFigures;

#[cfg(feature = "analytics")]
use crate::analytics::jobs::Jobs;
use crate::cql::ast::StatementKind;
use crate::cql::execute::paging::{PageRequest, PagingState};
use crate::cql::execute::{self, Execution};
use crate::cql::result::{BindValue, ColumnSpec, QueryResult};
use crate::cql::virtual_tables::{CatalogView, Registry};
use crate::cql::{ddl, describe};
use crate::error::{Error, ErrorKind, Result};
use crate::random::Random;
use crate::storage::Engine;
use prepared::Ready;
use statements::Statements;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What all sessions of a database share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shared {
    engine: Engine,
    statements: Arc<Statements>,
    random: Arc<Random>,
    catalog: Arc<CatalogView>,
    batch: Arc<sql::Sql>,
    door: Door,
    #[cfg(feature = "analytics")]
    jobs: Jobs,
}

impl Shared {
    /// What sessions with `engine` share; `random` is where `now()` and `uuid()` come from.
    pub fn new(engine: Engine, random: Random) -> Self {
        let random = Arc::new(random);
        let registry = Registry::new(engine.clock(), Arc::clone(&random));
        let statements = Arc::<Statements>::default();
        views::register(&registry, &statements);
        let catalog = Arc::new(CatalogView::new(registry));
        Self {
            batch: Arc::new(sql::Sql::new(&engine, &catalog)),
            door: Door::default(),
            #[cfg(feature = "analytics")]
            jobs: Jobs::new(&engine),
            engine,
            statements,
            random,
            catalog,
        }
    }

    /// The same for those who come in by another door.
    #[must_use]
    pub fn through(&self, door: Door) -> Self {
        Self {
            door,
            ..self.clone()
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

    /// Prepares a statement and remembers it, so that [`Shared::prepared`] finds it by its id.
    pub fn prepare(&self, text: &str, keyspace: Option<&str>) -> Result<Prepared> {
        let id = prepared::statement_id(text, keyspace);
        if let Some(known) = self.statements.get(&id)
            && known.is_of(text, keyspace)
            && self.ready(&known).is_ok()
        {
            return Ok(known);
        }
        let prepared = self.compile(text, keyspace, true)?;
        self.statements.put(&prepared)?;
        Ok(prepared)
    }

    /// Prepares a statement to be executed once.
    pub fn adhoc(&self, text: &str, keyspace: Option<&str>) -> Result<Prepared> {
        self.compile(text, keyspace, false)
    }

    fn compile(&self, text: &str, keyspace: Option<&str>, remembered: bool) -> Result<Prepared> {
        let statement = door::parse(text, self.door.routing)?;
        if door::is_apart(&statement.kind) {
            let apart = apart::compile(self, keyspace, &statement)?;
            return Ok(Prepared::apart(
                text, keyspace, statement, apart, remembered,
            ));
        }
        let catalog = self.catalog.of(&self.engine)?;
        Prepared::new(text, keyspace, statement, &catalog, remembered)
    }

    /// The prepared statement with this id, if it is still remembered.
    pub fn prepared(&self, id: &StatementId) -> Option<Prepared> {
        self.statements.get(id)
    }

    /// How the memory for prepared statements is used.
    pub fn statement_figures(&self) -> StatementFigures {
        self.statements.figures()
    }

    /// Executes a statement.
    pub fn run(&self, statement: &Prepared, options: RequestOptions) -> Result<Answer> {
        let Some(ready) = self.ready_to_run(statement)? else {
            return match statement.is_apart() {
                true => apart::run(self, statement, options),
                false => self.unbound(statement, &options),
            };
        };
        let mut options = options;
        let values = std::mem::take(&mut options.values);
        let markers = &ready.bound.variables;
        if statement.is_remembered() {
            values::check_count(markers, &values, "there")?;
        }
        let slots = values::slots(markers, values)?;
        self.run_ready(statement, &ready, slots, &options)
    }

    /// Executes several statements as one batch, each with its values.
    pub fn run_batch(
        &self,
        kind: BatchKind,
        statements: Vec<(Prepared, Values)>,
        options: RequestOptions,
    ) -> Result<Answer> {
        batch::run(self, kind, statements, &options)
    }

    /// The plan of a statement under the present schema.
    fn ready(&self, statement: &Prepared) -> Result<Option<Arc<Ready>>> {
        let version = self.engine.catalog().version;
        statement.ready(version, || self.catalog.of(&self.engine))
    }

    /// The same for a client that may know the statement by its id alone: where the statement
    /// means nothing any more, the client is to prepare it again, and gets to know why then.
    fn ready_to_run(&self, statement: &Prepared) -> Result<Option<Arc<Ready>>> {
        self.ready(statement).map_err(|error| {
            if !statement.is_remembered() {
                return error;
            }
            self.statements.forget(&statement.id());
            prepared::unprepared(&statement.id())
        })
    }

    fn run_ready(
        &self,
        statement: &Prepared,
        ready: &Ready,
        values: Vec<Slot>,
        options: &RequestOptions,
    ) -> Result<Answer> {
        let mut execution = self.execution(values, options)?;
        if let Some(state) = &options.paging_state {
            // Also where it is not needed: who sends a damaged one should know.
            PagingState::check(state)?;
        }
        let size = options.page_size.filter(|size| *size > 0);
        execution.page = size.map(|size| PageRequest {
            size,
            state: options.paging_state.clone(),
            statement: statement.text_hash(),
        });
        let outcome = execute::execute(&self.engine, &ready.bound.plan, execution)?;
        Ok(outcome.into())
    }

    /// What an execution of this request brings to a plan.
    fn execution(&self, values: Vec<Slot>, options: &RequestOptions) -> Result<Execution> {
        if options.timestamp_micros == Some(i64::MIN) {
            return Err(Error::new(
                ErrorKind::Protocol,
                format!(
                    "Out of bound timestamp, must be in [{}, {}] (got {})",
                    i64::MIN + 1,
                    i64::MAX,
                    i64::MIN
                ),
            ));
        }
        let now_micros = self.engine.clock().now_micros();
        Ok(Execution {
            values,
            now_micros,
            now_seconds: options
                .now_seconds
                .unwrap_or_else(|| now_micros.div_euclid(1_000_000)),
            timestamp_micros: options.timestamp_micros,
            random: Arc::clone(&self.random),
            catalog: Arc::clone(&self.catalog),
            interrupt: Arc::clone(&options.interrupt),
            page: None,
            trace: options.trace.clone(),
            figures: None,
            defer: options.defer,
            consistency: options.consistency,
            serial_consistency: options.serial_consistency,
        })
    }

    /// Executes a statement that is not bound.
    fn unbound(&self, statement: &Prepared, options: &RequestOptions) -> Result<Answer> {
        #[cfg(feature = "analytics")]
        if let Some(answer) = jobs::run(self, statement, options)? {
            return Ok(answer);
        }
        let keyspace = statement.keyspace();
        let StatementKind::Describe(target) = &statement.statement().kind else {
            let kind = &statement.statement().kind;
            let (result, warnings) = ddl::execute(&self.engine, keyspace, kind)?;
            return Ok(Answer {
                warnings,
                ..Answer::of(result)
            });
        };
        let catalog = self.catalog.of(&self.engine)?;
        let facts = self.catalog.registry().node_facts();
        let rows = describe::describe(&catalog, &facts, keyspace, target)?;
        let rows = match options.page_size {
            None => rows,
            Some(size) => {
                let state = options.paging_state.as_ref();
                describe::paged(
                    rows,
                    size.max(1),
                    state,
                    statement.text_hash(),
                    catalog.version,
                )?
            }
        };
        Ok(Answer::of(QueryResult::Rows(rows)))
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
        let statement = self.shared.adhoc(cql, self.keyspace())?;
        self.run(&statement, |markers| values::positional(markers, values))
    }

    /// Executes one statement with values for its markers, by name.
    pub fn execute_named(
        &mut self,
        cql: &str,
        values: &[(&str, BindValue)],
    ) -> Result<QueryResult> {
        let statement = self.shared.adhoc(cql, self.keyspace())?;
        self.run(&statement, |markers| values::named(markers, values))
    }

    /// Prepares a statement.
    pub fn prepare(&mut self, cql: &str) -> Result<Prepared> {
        self.shared.prepare(cql, self.keyspace())
    }

    /// The prepared statement with this id, if it is still remembered.
    pub fn prepared(&self, id: &StatementId) -> Result<Prepared> {
        let found = self.shared.prepared(id);
        found.ok_or_else(|| prepared::unprepared(id))
    }

    /// Executes a prepared statement.
    pub fn execute_prepared(
        &mut self,
        statement: &Prepared,
        values: &[BindValue],
    ) -> Result<QueryResult> {
        self.run(statement, |markers| values::positional(markers, values))
    }

    fn run(
        &mut self,
        statement: &Prepared,
        values: impl FnOnce(&[ColumnSpec]) -> Result<Vec<Slot>>,
    ) -> Result<QueryResult> {
        self.interrupt.store(false, Ordering::Relaxed);
        let options = RequestOptions {
            interrupt: Arc::clone(&self.interrupt),
            ..RequestOptions::default()
        };
        let answer = match self.shared.ready(statement)? {
            Some(ready) => {
                let slots = values(&ready.bound.variables)?;
                self.shared.run_ready(statement, &ready, slots, &options)?
            }
            None if statement.is_apart() => {
                let values = values(&statement.variables())?.into();
                self.shared
                    .run(statement, RequestOptions { values, ..options })?
            }
            None => self.shared.run(statement, options)?,
        };
        self.follow(&answer.result);
        Ok(answer.result)
    }

    fn follow(&mut self, result: &QueryResult) {
        if let QueryResult::SetKeyspace(keyspace) = result {
            self.keyspace = Some(keyspace.clone());
        }
    }
}
