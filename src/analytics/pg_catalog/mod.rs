//! PostgreSQL's catalogs over our schema: what its tools ask before a person may.
//!
//! `psql`, drivers and GUI tools find out what there is by queries over `pg_class` and its
//! siblings, in a dialect of their own: operators and functions with a schema's name, casts to
//! names of tables, correlated subqueries. The rule: a query that names no table but these is
//! *catalog's*. Its syntax tree is rewritten into what DataFusion plans, and run over tables that
//! are made of the schema as it is at that moment.
//!
//! ```text
//! text ─► CatalogQuery ─► rewrite ─► DataFusion over relations(schema) ─► rows of CQL types
//!         (or: not ours)
//! ```
//!
//! | module | concept |
//! |---|---|
//! | [`oid`] | types and their numbers |
//! | `relations` | the tables, made of the schema |
//! | `functions` | the functions that tools call |
//! | `rewrite` | from PostgreSQL's dialect to DataFusion's |

mod functions;
pub mod oid;
mod relations;
mod rewrite;

use crate::analytics::guard;
use crate::analytics::wire::WireEncoder;
use crate::cql::result::{ColumnSpec, Rows};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::Catalog;
use crate::types::Type;
use arrow::datatypes::{DataType, Schema};
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider};
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement as Parsed;
use sqlparser::ast::Statement;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;

/// The longest question about the schema, in bytes.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// The memory of one question, in bytes, and how long it may take.
const MEMORY_BYTES_MAX: usize = 64 << 20;
const TIME_MAX: Duration = Duration::from_secs(60);
/// How often it is looked whether the client wants its question stopped.
const PATIENCE: Duration = Duration::from_millis(100);

/// What answers depend on besides the schema.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Who asks.
    pub user: String,
    /// The name of the database.
    pub database: String,
    /// The keyspace of unqualified names.
    pub keyspace: Option<String>,
    /// The settings of the session.
    pub settings: Vec<(String, String)>,
    /// The schema.
    pub catalog: Arc<Catalog>,
}

/// A question about the schema.
#[derive(Clone, Debug)]
pub struct CatalogQuery {
    statement: Box<Statement>,
    parameters: usize,
}

impl CatalogQuery {
    /// Reads a text; none where it is no question about the schema, or none that is understood.
    pub fn recognise(text: &str) -> Result<Option<Self>> {
        guard::check(text)?;
        if text.len() > TEXT_BYTES_MAX {
            return Ok(None);
        }
        let Ok(mut parsed) = Parser::parse_sql(&PostgreSqlDialect {}, text) else {
            return Ok(None);
        };
        let (Some(statement @ Statement::Query(_)), true) = (parsed.pop(), parsed.is_empty())
        else {
            return Ok(None);
        };
        if !rewrite::is_catalogs(&statement) {
            return Ok(None);
        }
        let parameters = rewrite::parameters(&statement)?;
        Ok(Some(Self {
            statement: Box::new(statement),
            parameters,
        }))
    }

    /// How many parameters it has.
    pub fn parameters(&self) -> usize {
        self.parameters
    }
}

/// What answers questions about the schema.
#[derive(Debug)]
pub struct PgCatalog {
    runtime: Runtime,
}

impl PgCatalog {
    /// One for a connection.
    pub fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| Error::io("the catalog's thread", "start", &error))?;
        Ok(Self { runtime })
    }

    /// The columns that a question is answered with.
    pub fn columns(&self, query: &CatalogQuery, facts: &Facts) -> Result<Arc<[ColumnSpec]>> {
        let nulls = vec![None; query.parameters];
        self.runtime.block_on(async {
            match plan(query, facts, &nulls).await? {
                Planned::Empty(names) => Ok(names.iter().map(|name| text_column(name)).collect()),
                Planned::Frame(frame) => Ok(columns(frame.schema().as_arrow())),
            }
        })
    }

    /// The answer to a question with these parameters, as texts.
    pub fn run(
        &self,
        query: &CatalogQuery,
        facts: &Facts,
        parameters: &[Option<String>],
        interrupt: &AtomicBool,
    ) -> Result<Rows> {
        let answer = async {
            let frame = match plan(query, facts, parameters).await? {
                Planned::Empty(names) => {
                    let columns = names.iter().map(|name| text_column(name)).collect();
                    return Ok(Rows::from_vec(columns, Vec::new()));
                }
                Planned::Frame(frame) => frame,
            };
            let columns = columns(frame.schema().as_arrow());
            let batches = frame.collect().await.map_err(failure)?;
            let mut rows = Vec::new();
            for batch in batches {
                let encoders: Result<Vec<_>> = columns
                    .iter()
                    .zip(batch.columns())
                    .map(|(column, array)| WireEncoder::new(array.data_type(), &column.ty))
                    .collect();
                let encoders = encoders?;
                for row in 0..batch.num_rows() {
                    let values: Result<Vec<_>> = encoders
                        .iter()
                        .zip(batch.columns())
                        .map(|(encoder, array)| encoder.encode(array, row))
                        .collect();
                    rows.push(values?);
                }
            }
            Ok(Rows::from_vec(columns, rows))
        };
        self.runtime.block_on(async {
            tokio::select! {
                answer = answer => answer,
                error = stopped(interrupt) => Err(error),
            }
        })
    }
}

/// Waits until a question is to be stopped.
async fn stopped(interrupt: &AtomicBool) -> Error {
    let mut waited = Duration::ZERO;
    while waited < TIME_MAX {
        tokio::time::sleep(PATIENCE).await;
        waited += PATIENCE;
        if interrupt.load(Ordering::Relaxed) {
            return Error::new(
                ErrorKind::Cancelled,
                "canceling statement due to user request",
            );
        }
    }
    let seconds = TIME_MAX.as_secs();
    Error::new(
        ErrorKind::Cancelled,
        format!("a question about the schema took longer than {seconds} s"),
    )
}

enum Planned {
    /// It is known to have no rows.
    Empty(Vec<String>),
    Frame(DataFrame),
}

async fn plan(
    query: &CatalogQuery,
    facts: &Facts,
    parameters: &[Option<String>],
) -> Result<Planned> {
    let mut statement = Statement::clone(&query.statement);
    if let Some(names) = rewrite::known_empty(&statement) {
        return Ok(Planned::Empty(names));
    }
    rewrite::rewrite(&mut statement, parameters)?;
    let context = context(facts)?;
    let parsed = Parsed::Statement(Box::new(statement));
    let plan = context.state().statement_to_plan(parsed).await;
    let frame = context.execute_logical_plan(plan.map_err(failure)?).await;
    frame.map(Planned::Frame).map_err(failure)
}

/// A DataFusion session that knows the relations and functions.
fn context(facts: &Facts) -> Result<SessionContext> {
    let config = SessionConfig::new()
        .with_target_partitions(1)
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema("db", "pg_catalog");
    let environment = RuntimeEnvBuilder::new()
        .with_memory_limit(MEMORY_BYTES_MAX, 1.0)
        .build_arc()
        .map_err(failure)?;
    let context = SessionContext::new_with_config_rt(config, environment);
    let catalog = MemoryCatalogProvider::new();
    for (schema, relations) in relations::all(facts) {
        let provider = MemorySchemaProvider::new();
        for (name, relation) in relations {
            let table = relation.into_table().map_err(failure)?;
            datafusion::catalog::SchemaProvider::register_table(&provider, name, Arc::new(table))
                .map_err(failure)?;
        }
        catalog
            .register_schema(schema, Arc::new(provider))
            .map_err(failure)?;
    }
    context.register_catalog("db", Arc::new(catalog));
    functions::register(&context, facts);
    Ok(context)
}

fn failure(error: DataFusionError) -> Error {
    let message = error.strip_backtrace();
    let kind = match error.find_root() {
        DataFusionError::Internal(_) => ErrorKind::Internal,
        DataFusionError::NotImplemented(_) => ErrorKind::Config,
        _ => ErrorKind::Invalid,
    };
    Error::new(kind, message)
}

fn text_column(name: &str) -> ColumnSpec {
    column(name, Type::Text)
}

fn column(name: &str, ty: Type) -> ColumnSpec {
    ColumnSpec {
        keyspace: String::new(),
        table: String::new(),
        name: name.to_owned(),
        ty,
    }
}

fn columns(schema: &Schema) -> Arc<[ColumnSpec]> {
    let fields = schema.fields().iter();
    fields
        .map(|field| {
            column(
                rewrite::shown_name(field.name()),
                cql_type(field.data_type()),
            )
        })
        .collect()
}

/// The CQL type of what comes out of a question.
fn cql_type(ty: &DataType) -> Type {
    match ty {
        DataType::Boolean => Type::Boolean,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => Type::SmallInt,
        DataType::Int32 | DataType::UInt16 => Type::Int,
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => Type::BigInt,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Type::Double,
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => Type::Decimal,
        DataType::Date32 | DataType::Date64 => Type::Date,
        DataType::Timestamp(..) => Type::Timestamp,
        DataType::Time32(_) | DataType::Time64(_) => Type::Time,
        DataType::Interval(_) => Type::Duration,
        DataType::Binary | DataType::BinaryView | DataType::LargeBinary => Type::Blob,
        DataType::List(field) | DataType::LargeList(field) => Type::List {
            element: Arc::new(cql_type(field.data_type())),
            frozen: true,
        },
        _ => Type::Text,
    }
}
