//! Batch SQL as a conversation has it: prepared once, run with values, read in pages.
//!
//! ```text
//! text ─▶ frame ─┬─ query ───────▶ plan ─▶ stream ─┬─ rows, pulled     (library, shell)
//!                │                                 └─ cursor, in pages (network)
//!                └─ INSERT, UPDATE, DELETE,  … ─▶ stream ─▶ sink ─▶ one row: how many
//! ```
//!
//! A statement is planned when it is prepared, so that its markers and columns are known, and
//! planned anew where the schema has changed since.

use crate::analytics::cursor::{Cursors, Reading};
use crate::analytics::statement::Statement;
use crate::analytics::write::{self, Batches, WriteOptions, WritePlan, WriteSummary};
use crate::analytics::{
    Analytics, AnalyticsOptions, FileAccess, PreparedQuery, QueryOptions, QueryStream,
};
use crate::cql::explain as words;
use crate::cql::plan::Slot;
use crate::cql::result::{ColumnSpec, QueryResult, Rows};
use crate::cql::virtual_tables::CatalogView;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::random::Random;
use crate::session::request::{Answer, RequestOptions};
use crate::session::{Door, Files};
use crate::storage::Engine;
use crate::types::Type;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// The memory for sorting the rows of a statement that writes, in bytes.
const SORT_BYTES_MAX: usize = 64 << 20;

/// Batch SQL over a database.
#[derive(Debug)]
pub struct Sql {
    engine: Engine,
    analytics: Analytics,
    cursors: Arc<Cursors>,
    /// How many statements run for those who share threads.
    running: AtomicUsize,
}

/// A statement that was read and planned.
#[derive(Debug)]
pub struct Compiled {
    statement: Statement,
    keyspace: Option<String>,
    /// Whether its plan is told instead, and whether it is run for that.
    explained: Option<bool>,
    planned: RwLock<Arc<Planned>>,
    variables: Arc<[ColumnSpec]>,
    columns: Arc<[ColumnSpec]>,
}

/// A plan under one version of the schema.
#[derive(Debug)]
struct Planned {
    version: u64,
    query: PreparedQuery,
    /// Where the rows go; none for queries and for tables that are yet to be made.
    write: Option<WritePlan>,
}

impl Compiled {
    /// Its markers.
    pub fn variables(&self) -> Arc<[ColumnSpec]> {
        Arc::clone(&self.variables)
    }

    /// The columns of its answer.
    pub fn columns(&self) -> Arc<[ColumnSpec]> {
        Arc::clone(&self.columns)
    }

    fn keyspace(&self) -> Option<&str> {
        self.keyspace.as_deref()
    }
}

/// One that runs, until it is dropped.
struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Sql {
    /// Batch SQL over `engine`; the system's own tables tell what `view` knows. Nothing is started
    /// before the first statement.
    pub fn new(engine: &Engine, view: &Arc<CatalogView>) -> Self {
        let options = AnalyticsOptions::default();
        let spill = options.spill_dir.clone().unwrap_or_else(std::env::temp_dir);
        Self {
            analytics: Analytics::with_view(engine.clone(), Arc::clone(view), options),
            cursors: Cursors::new(engine.clock(), Random::from_system(), spill),
            running: AtomicUsize::new(0),
            engine: engine.clone(),
        }
    }

    /// Reads and plans a statement; `explained`: whether its plan is told instead, and whether it
    /// is run for that.
    pub fn compile(
        &self,
        text: &str,
        keyspace: Option<&str>,
        explained: Option<bool>,
        door: &Door,
    ) -> Result<Compiled> {
        let statement = Statement::parse(text)?;
        if explained == Some(true) && !matches!(statement, Statement::Query(_)) {
            return Err(Error::invalid(
                "EXPLAIN ANALYZE runs the statement, and only SELECT may be run for its figures",
            ));
        }
        let planned = self.plan(&statement, keyspace, door)?;
        let columns = match (&statement, explained) {
            (_, Some(_)) => words::columns(),
            (Statement::Query(_), None) => Arc::from(planned.query.columns()),
            _ => written_columns(),
        };
        Ok(Compiled {
            statement,
            keyspace: keyspace.map(str::to_owned),
            explained,
            variables: Arc::from(planned.query.markers()),
            columns,
            planned: RwLock::new(Arc::new(planned)),
        })
    }

    fn plan(&self, statement: &Statement, keyspace: Option<&str>, door: &Door) -> Result<Planned> {
        let catalog = self.engine.catalog();
        let write = match statement {
            Statement::Query(_) | Statement::CreateTableAs(_) => None,
            Statement::Explain(_) => {
                return Err(Error::syntax("EXPLAIN of EXPLAIN says nothing"));
            }
            _ => Some(WritePlan::new(&catalog, keyspace, statement)?),
        };
        let query = match (statement, &write) {
            (Statement::Query(query), _) => query,
            (Statement::CreateTableAs(create), _) => &create.query,
            (_, Some(write)) => &write.query,
            (_, None) => return Err(Error::internal("a statement without a query")),
        };
        let query = self
            .analytics
            .prepare_within(query, keyspace, files(door))?;
        if let Some(write) = &write {
            write.check_width(query.columns().len())?;
        }
        Ok(Planned {
            version: catalog.version,
            query,
            write,
        })
    }

    /// The plan under the present schema.
    fn present(&self, compiled: &Compiled, door: &Door) -> Result<Arc<Planned>> {
        let held = compiled.planned.read();
        let held = Arc::clone(&held.unwrap_or_else(PoisonError::into_inner));
        if held.version == self.engine.catalog().version {
            return Ok(held);
        }
        let fresh = Arc::new(self.plan(&compiled.statement, compiled.keyspace(), door)?);
        if fresh.query.markers().len() != compiled.variables.len() {
            return Err(Error::invalid(
                "The schema has changed since the statement was prepared: prepare it again",
            ));
        }
        let place = compiled.planned.write();
        *place.unwrap_or_else(PoisonError::into_inner) = Arc::clone(&fresh);
        Ok(fresh)
    }

    /// Runs a statement; `hash` tells it from others.
    pub fn run(
        &self,
        compiled: &Compiled,
        slots: Vec<Slot>,
        door: &Door,
        hash: u64,
        options: RequestOptions,
    ) -> Result<Answer> {
        let page_size = options.page_size.filter(|size| *size > 0);
        let reading = page_size.map(|page_size| Reading {
            page_size,
            statement: hash,
            interrupt: Arc::clone(&options.interrupt),
        });
        if let (Some(state), Some(reading)) = (&options.paging_state, &reading) {
            let rows = self.cursors.next_page(state, reading)?;
            return Ok(Answer::of(QueryResult::Rows(rows)));
        }
        let _running = self.enter(door)?;
        let planned = self.present(compiled, door)?;
        let query = self.query_options(slots, door, &options)?;
        if let Some(analyze) = compiled.explained {
            return self.explain(&planned, query, analyze);
        }
        match &compiled.statement {
            Statement::Query(_) => {
                let rows = self.analytics.run(&planned.query, query)?.into_rows();
                let rows = match &reading {
                    Some(reading) => self.cursors.first_page(rows, reading)?,
                    None => rows,
                };
                Ok(Answer::of(QueryResult::Rows(rows)))
            }
            statement => {
                let keyspace = compiled.keyspace();
                self.write(statement, keyspace, &planned, query, &options)
            }
        }
    }

    fn enter(&self, door: &Door) -> Result<Option<Running<'_>>> {
        if !door.shared {
            return Ok(None);
        }
        let running = Running(&self.running);
        if self.running.fetch_add(1, Ordering::Relaxed) >= limits::BATCH_QUERIES_MAX {
            return Err(Error::new(
                ErrorKind::Overloaded,
                format!(
                    "{} batch queries run already, the most at the same time; try again later",
                    limits::BATCH_QUERIES_MAX
                ),
            ));
        }
        Ok(Some(running))
    }

    fn query_options(
        &self,
        slots: Vec<Slot>,
        door: &Door,
        options: &RequestOptions,
    ) -> Result<QueryOptions> {
        let value = |slot: Slot| -> Result<Option<Bytes>> {
            match slot {
                Slot::Null => Ok(None),
                Slot::Bytes(bytes) => Ok(Some(bytes)),
                Slot::Unset => Err(Error::invalid("A batch query takes no unset value")),
            }
        };
        let clock = self.engine.clock();
        let now_micros = match options.now_seconds {
            Some(seconds) => seconds.saturating_mul(1_000_000),
            None => clock.now_micros(),
        };
        Ok(QueryOptions {
            values: slots.into_iter().map(value).collect::<Result<_>>()?,
            now_micros,
            interrupt: Arc::clone(&options.interrupt),
            files: files(door),
        })
    }

    fn explain(&self, planned: &Planned, query: QueryOptions, analyze: bool) -> Result<Answer> {
        let mut lines = Vec::new();
        if let Some(write) = &planned.write {
            lines.push(format!(
                "Write to {}: what follows",
                write.table.full_name()
            ));
        }
        let told = match analyze {
            false => self.analytics.explain(&planned.query, query)?,
            true => self.analytics.explain_analyze(&planned.query, query)?,
        };
        lines.extend(told);
        Ok(Answer::of(QueryResult::Rows(words::rows(lines))))
    }

    fn write(
        &self,
        statement: &Statement,
        keyspace: Option<&str>,
        planned: &Planned,
        query: QueryOptions,
        options: &RequestOptions,
    ) -> Result<Answer> {
        let how = WriteOptions {
            memory_bytes_max: SORT_BYTES_MAX,
            interrupt: Arc::clone(&options.interrupt),
        };
        let open = || Ok(Stream(self.analytics.run(&planned.query, query)?));
        let summary = match (statement, &planned.write) {
            (Statement::CreateTableAs(create), _) => {
                let columns = planned.query.columns();
                write::create_table_as(&self.engine, keyspace, create, columns, open, &how)?
            }
            (_, Some(plan)) => write::run(&self.engine, plan, &mut open()?, &how)?,
            (_, None) => return Err(Error::internal("a statement that writes nowhere")),
        };
        Ok(written(summary))
    }
}

/// Which files a query that came by this door may name.
fn files(door: &Door) -> FileAccess {
    match &door.files {
        Files::Any => FileAccess::Any,
        Files::Below(directory) => FileAccess::Below(directory.clone()),
        Files::None => FileAccess::None,
    }
}

/// A query's batches, as what writes wants them.
struct Stream(QueryStream);

impl Batches for Stream {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        self.0.next()
    }
}

/// The columns of the answer of a statement that writes.
fn written_columns() -> Arc<[ColumnSpec]> {
    Arc::from([ColumnSpec {
        keyspace: String::new(),
        table: String::new(),
        name: "rows".to_owned(),
        ty: Type::BigInt,
    }])
}

fn written(summary: WriteSummary) -> Answer {
    let rows = i64::try_from(summary.rows).unwrap_or(i64::MAX);
    let row = vec![Some(Bytes::copy_from_slice(&rows.to_be_bytes()))];
    Answer {
        warnings: summary.warnings,
        ..Answer::of(QueryResult::Rows(Rows::from_vec(
            written_columns(),
            vec![row],
        )))
    }
}
