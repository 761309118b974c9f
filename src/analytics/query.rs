//! A prepared query, and what running it takes.

use super::cancel::Ended;
use super::context::Analytics;
use super::errors::inward;
use super::provider::{StoredTable, virtual_rows};
use super::stream::QueryStream;
use super::{files, guard, markers, prune, refused, types};
use crate::cql::result::ColumnSpec;
use crate::cql::virtual_tables;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Catalog, Table};
use crate::storage::read::{Partitions, Projection, ReadCommand, Slice};
use crate::types::Type;
use bytes::Bytes;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemTable, MemoryCatalogProvider,
    MemoryCatalogProviderList, MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::common::ParamValues;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::{SessionState, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The name of the one catalog, and of the schema for names without keyspace where none is in use.
pub(super) const CATALOG: &str = "helenus";
const NO_KEYSPACE: &str = "no_keyspace";

/// Which files a query may read.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum FileAccess {
    /// All that the process may.
    #[default]
    Any,
    /// Those below a directory.
    Below(PathBuf),
    /// None.
    None,
}

/// How a query is run.
#[derive(Clone, Debug, Default)]
pub struct QueryOptions {
    /// The values of its markers, as wire bytes.
    pub values: Vec<Option<Bytes>>,
    /// The moment that decides what has expired, in microseconds since 1970; 0 means now.
    pub now_micros: i64,
    /// Once true, the query ends with [`ErrorKind::Cancelled`].
    pub interrupt: Arc<AtomicBool>,
    /// Which files it may read.
    pub files: FileAccess,
}

/// A query that was read and understood.
#[derive(Clone, Debug)]
pub struct PreparedQuery {
    pub(super) text: String,
    pub(super) keyspace: Option<String>,
    columns: Vec<ColumnSpec>,
    markers: Vec<ColumnSpec>,
    tables: Vec<(String, String)>,
    files: bool,
}

impl PreparedQuery {
    /// The columns of its answer.
    pub fn columns(&self) -> &[ColumnSpec] {
        &self.columns
    }

    /// Its markers, with the types that their values must have.
    pub fn markers(&self) -> &[ColumnSpec] {
        &self.markers
    }

    /// The tables that it reads: keyspace and name.
    pub fn tables(&self) -> &[(String, String)] {
        &self.tables
    }

    /// Whether it reads files.
    pub fn files(&self) -> bool {
        self.files
    }
}

/// A query that can be run.
pub(super) struct Planned {
    pub physical: Arc<dyn ExecutionPlan>,
    pub context: Arc<TaskContext>,
    /// Who ends the query says it here.
    pub ended: Ended,
}

/// What a text's names stand for at one moment.
struct Resolved {
    state: SessionState,
    plan: LogicalPlan,
    tables: Vec<(String, String)>,
    files: bool,
}

/// A table or file that a text names.
enum Named {
    Table(Arc<Table>),
    File(String),
}

impl Analytics {
    /// Reads and checks a query; `keyspace` is that of names without one.
    pub fn prepare(&self, sql: &str, keyspace: Option<&str>) -> Result<PreparedQuery> {
        self.prepare_within(sql, keyspace, FileAccess::Any)
    }

    /// The same for who may read some files only: those that the query names are looked at.
    pub fn prepare_within(
        &self,
        sql: &str,
        keyspace: Option<&str>,
        files: FileAccess,
    ) -> Result<PreparedQuery> {
        guard::check(sql)?;
        let (text, found) = markers::number(sql)?;
        let options = QueryOptions {
            files,
            ..QueryOptions::default()
        };
        let resolved = self.resolve(&text, keyspace, &options)?;
        let fields = resolved.plan.get_parameter_fields().map_err(inward)?;
        let marker = |(at, marker): (usize, &markers::Marker)| {
            let field = fields.get(&format!("${}", at + 1)).cloned().flatten();
            let ty = match (field, &marker.hint) {
                (Some(field), _) => types::cql_of(&field),
                (None, Some(hint)) => hint.clone(),
                (None, None) => Type::Text,
            };
            spec("", "", &marker.name, ty)
        };
        let markers = found.iter().enumerate().map(marker).collect();
        let optimized = resolved.plan.schema();
        let column = |(from, field): (Option<&datafusion::common::TableReference>, &Arc<_>)| {
            let field: &arrow::datatypes::Field = field;
            let place = from.filter(|_| field.metadata().contains_key(types::CQL_TYPE));
            let schema = place
                .and_then(|it| it.schema())
                .or(keyspace)
                .unwrap_or_default();
            let table = place.map_or("", |it| it.table());
            spec(schema, table, field.name(), types::cql_of(field))
        };
        Ok(PreparedQuery {
            columns: optimized.iter().map(column).collect(),
            markers,
            tables: resolved.tables,
            files: resolved.files,
            text,
            keyspace: keyspace.map(str::to_owned),
        })
    }

    /// Starts a query.
    pub fn run(&self, query: &PreparedQuery, options: QueryOptions) -> Result<QueryStream> {
        let planned = self.plan(query, &options)?;
        QueryStream::start(self.session()?, planned, query, options.interrupt)
    }

    /// The plan as it is run, with values for markers.
    pub(super) fn plan(&self, query: &PreparedQuery, options: &QueryOptions) -> Result<Planned> {
        let (state, plan) = self.bound(query, options)?;
        let ended = Ended::default();
        let state = ended.within(&state);
        let session = self.session()?;
        let physical = session.block_on(async { state.create_physical_plan(&plan).await });
        Ok(Planned {
            physical: physical.map_err(inward)?,
            context: state.task_ctx(),
            ended,
        })
    }

    fn bound(
        &self,
        query: &PreparedQuery,
        options: &QueryOptions,
    ) -> Result<(SessionState, LogicalPlan)> {
        if options.values.len() != query.markers.len() {
            return Err(Error::invalid(format!(
                "the query has {} markers, and {} values were given",
                query.markers.len(),
                options.values.len()
            )));
        }
        let resolved = self.resolve(&query.text, query.keyspace.as_deref(), options)?;
        let mut values = Vec::with_capacity(options.values.len());
        for (value, marker) in options.values.iter().zip(&query.markers) {
            values.push(prune::scalar(&marker.ty, value.as_deref())?);
        }
        let mut plan = resolved.plan;
        if !values.is_empty() {
            plan = plan
                .with_param_values(ParamValues::from(values))
                .map_err(inward)?;
        }
        Ok((resolved.state, plan))
    }

    /// Looks up a text's names and makes a plan of it.
    fn resolve(
        &self,
        text: &str,
        keyspace: Option<&str>,
        options: &QueryOptions,
    ) -> Result<Resolved> {
        let session = self.session()?;
        let mut state = session.state.clone();
        let config = state.config_mut().options_mut();
        config.catalog.default_schema = keyspace.unwrap_or(NO_KEYSPACE).to_owned();
        let dialect = config.sql_parser.dialect;
        let statement = state.sql_to_statement(text, &dialect).map_err(inward)?;
        refused::check(&statement)?;
        let references = state.resolve_table_references(&statement).map_err(inward)?;
        let catalog = self.view().of(self.engine())?;
        let mut named = Vec::new();
        for reference in references {
            let is_function = state.table_functions().contains_key(reference.table());
            let has_table =
                keyspace.is_some_and(|it| catalog.table(it, reference.table()).is_some());
            if is_function && reference.schema().is_none() && !has_table {
                // generate_series(…) and range(…) stand where a table would.
                continue;
            }
            let from = reference.schema().or(keyspace);
            let found = name(&catalog, from, &reference, keyspace.is_some())?;
            let key = (
                from.unwrap_or(NO_KEYSPACE).to_owned(),
                reference.table().to_owned(),
            );
            named.push((key, found));
        }
        let stored: Vec<_> = named
            .iter()
            .filter_map(|(_, it)| match it {
                Named::Table(table) if !virtual_tables::is_virtual(table) => Some(table.id),
                _ => None,
            })
            .collect();
        let pinned = self.engine().pin(&stored)?;
        let list = MemoryCatalogProviderList::new();
        let provider = MemoryCatalogProvider::new();
        let (mut tables, mut files) = (Vec::new(), false);
        for ((schema, name), named) in named {
            let table: Arc<dyn TableProvider> = match named {
                Named::Table(table) => {
                    tables.push((table.keyspace.clone(), table.name.clone()));
                    self.provider(table, &pinned, options)?
                }
                Named::File(path) => {
                    files = true;
                    session.block_on(files::open(&path, &options.files, &state))?
                }
            };
            register(&provider, &schema, name, table)?;
        }
        list.register_catalog(CATALOG.to_owned(), Arc::new(provider));
        state.register_catalog_list(Arc::new(list));
        let plan = session.block_on(async { state.statement_to_plan(statement).await });
        let plan = plan.map_err(inward)?;
        SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&plan)
            .map_err(inward)?;
        Ok(Resolved {
            state,
            plan,
            tables,
            files,
        })
    }

    /// A table as the planner sees it.
    fn provider(
        &self,
        table: Arc<Table>,
        pinned: &crate::storage::Pinned,
        options: &QueryOptions,
    ) -> Result<Arc<dyn TableProvider>> {
        let now_micros = match options.now_micros {
            0 => self.engine().clock().now_micros(),
            now => now,
        };
        let now_seconds = now_micros.div_euclid(1_000_000);
        if virtual_tables::is_virtual(&table) {
            let schema = types::schema_of(&table, &|_| None);
            let command = ReadCommand {
                table: table.id,
                partitions: Partitions::all(),
                slices: vec![Slice::all()],
                reversed: false,
                columns: Projection::All,
                now_seconds,
            };
            let items = virtual_tables::read(self.engine(), self.view(), &table, &command)?;
            let batch = virtual_rows(&table, &schema, items)?;
            let rows = MemTable::try_new(schema, vec![vec![batch]]).map_err(inward)?;
            return Ok(Arc::new(rows));
        }
        let table = pinned.table(table.id)?;
        let known = pinned.statistics(table.id)?;
        let schema = self.schema_of(&table, &known);
        Ok(Arc::new(StoredTable {
            table,
            schema,
            rows: known.rows,
            pinned: pinned.clone(),
            now_seconds,
            interrupt: Arc::clone(&options.interrupt),
        }))
    }
}

/// Makes a table known by its name.
fn register(
    catalog: &MemoryCatalogProvider,
    schema: &str,
    name: String,
    table: Arc<dyn TableProvider>,
) -> Result<()> {
    let place = match catalog.schema(schema) {
        Some(place) => place,
        None => {
            let place: Arc<dyn SchemaProvider> = Arc::new(MemorySchemaProvider::new());
            catalog
                .register_schema(schema, Arc::clone(&place))
                .map_err(inward)?;
            place
        }
    };
    place.register_table(name, table).map_err(inward)?;
    Ok(())
}

fn spec(keyspace: &str, table: &str, name: &str, ty: Type) -> ColumnSpec {
    ColumnSpec {
        keyspace: keyspace.to_owned(),
        table: table.to_owned(),
        name: name.to_owned(),
        ty,
    }
}

fn name(
    catalog: &Catalog,
    keyspace: Option<&str>,
    reference: &datafusion::common::TableReference,
    in_use: bool,
) -> Result<Named> {
    let table = keyspace.and_then(|keyspace| catalog.table(keyspace, reference.table()));
    if let Some(table) = table {
        return Ok(Named::Table(Arc::clone(table)));
    }
    if reference.schema().is_none() && files::is_file(reference.table()) {
        return Ok(Named::File(reference.table().to_owned()));
    }
    let message = match keyspace {
        None => "No keyspace has been specified. USE a keyspace, or explicitly specify \
                 keyspace.tablename"
            .to_owned(),
        Some(keyspace) if !catalog.keyspaces.contains_key(keyspace) => {
            format!("keyspace {keyspace} does not exist")
        }
        Some(_) => format!("table {} does not exist", reference.table()),
    };
    let error = Error::new(ErrorKind::Invalid, message);
    Err(if in_use || keyspace.is_some() {
        error
    } else {
        error.with_hint("a file in FROM has one of the endings .parquet .csv .jsonl .json .arrow")
    })
}
