//! The system's own tables: declared in CQL, never stored, computed when they are read.
//!
//! `sql/system/*.cql` declares them; the texts are compiled in and read by the parser that reads
//! everybody's statements. A [`CatalogView`] is the engine's catalog with these keyspaces in it, so
//! that binding, SELECT and DESCRIBE find them like any other. Only who reads the rows must tell
//! them apart ([`is_virtual`]), and asks [`read`] instead of the engine.
//!
//! ```text
//! sql/system/system_schema.cql ── parser ── define_table ─┐
//!                                  engine's catalog ──────┴─► CatalogView ──► bind, DESCRIBE
//!                                                                  │
//!                          SELECT … FROM system_schema.tables ◄── read(…)
//! ```

mod declare;
mod estimates;
mod figures;
mod items;
mod node;
mod registry;
mod schema_rows;
mod settings;
mod tracing;

#[cfg(test)]
mod tests;

pub use declare::VIRTUAL_KEYSPACES;
pub use node::{CQL_VERSION, PARTITIONER, RELEASE_VERSION, TOKEN};
pub use registry::{NamedValues, NodeFacts, Registry, VirtualRows};

use crate::cql::result::RowValues;
use crate::error::{Error, Result};
use crate::schema::{Catalog, Column, Table, TableId};
use crate::storage::Engine;
use crate::storage::read::{Partitions, ReadCommand, ReadItem};
use crate::types::Value;
use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};

/// Stored tables have lower numbers.
const VIRTUAL_TABLE_ID_MIN: u64 = 1 << 63;

/// Whether `table` is one of the system's own, whose rows are computed.
pub fn is_virtual(table: &Table) -> bool {
    table.id >= TableId(VIRTUAL_TABLE_ID_MIN)
}

/// Whether `keyspace` is one of the system's own.
pub fn is_system(keyspace: &str) -> bool {
    declare::keyspaces().is_ok_and(|all| all.iter().any(|own| own.name == keyspace))
}

/// Whether `table` may be filtered without ALLOW FILTERING.
pub fn filters_freely(table: &Table) -> bool {
    VIRTUAL_KEYSPACES.contains(&table.keyspace.as_str())
}

/// The engine's catalog together with the system's keyspaces; made anew when the former changes.
#[derive(Debug, Default)]
pub struct CatalogView {
    cached: Mutex<Option<Pair>>,
    registry: Registry,
}

/// A catalog of the engine, and the same with the system's keyspaces.
#[derive(Debug)]
struct Pair {
    stored: Arc<Catalog>,
    whole: Arc<Catalog>,
}

impl CatalogView {
    /// A view whose tables' rows are told by `registry`.
    pub fn new(registry: Registry) -> Self {
        Self {
            cached: Mutex::default(),
            registry,
        }
    }

    /// Who knows what of the system's tables.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The present catalog of `engine` with the system's keyspaces.
    pub fn of(&self, engine: &Engine) -> Result<Arc<Catalog>> {
        let stored = engine.catalog();
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pair) = &*cached
            && Arc::ptr_eq(&pair.stored, &stored)
        {
            return Ok(Arc::clone(&pair.whole));
        }
        let whole = Arc::new(with_system(&stored)?);
        *cached = Some(Pair {
            stored,
            whole: Arc::clone(&whole),
        });
        Ok(whole)
    }
}

/// `stored` with the system's keyspaces.
fn with_system(stored: &Catalog) -> Result<Catalog> {
    let mut whole = stored.clone();
    for keyspace in declare::keyspaces()? {
        for table in keyspace.tables.values() {
            whole.tables.insert(table.id, Arc::clone(table));
        }
        whole
            .keyspaces
            .insert(keyspace.name.clone(), Arc::clone(keyspace));
    }
    Ok(whole)
}

/// What computing the rows of a table needs.
struct Sources<'a> {
    engine: &'a Engine,
    catalog: &'a Catalog,
    registry: &'a Registry,
    /// Which partitions are wanted; rows of others may be left out.
    partitions: &'a Partitions,
}

/// What the engine would answer `command`, if the rows of the virtual table were stored in it.
pub fn read(
    engine: &Engine,
    view: &CatalogView,
    table: &Table,
    command: &ReadCommand,
) -> Result<Vec<ReadItem>> {
    let rows = rows(engine, view, table, &command.partitions)?;
    items::items(table, rows, command)
}

/// The rows of a virtual table, in any order: for each column of [`Table::columns`], in that order,
/// its wire bytes. Rows of other partitions than those wanted may be among them.
fn rows(
    engine: &Engine,
    view: &CatalogView,
    table: &Table,
    partitions: &Partitions,
) -> Result<Vec<RowValues>> {
    let registry = view.registry();
    let catalog = view.of(engine)?;
    let sources = Sources {
        engine,
        catalog: &catalog,
        registry,
        partitions,
    };
    let mut rows = own_rows(&sources, table)?;
    if let Some(provider) = registry.provider(table) {
        let told = provider.rows(engine, table)?;
        let told: Vec<RowValues> = told
            .iter()
            .map(|values| row(table, values))
            .collect::<Result<_>>()?;
        rows.retain(|own| !told.iter().any(|other| is_same_row(table, own, other)));
        rows.extend(told);
    }
    Ok(rows)
}

/// The rows that this layer knows of.
fn own_rows(sources: &Sources<'_>, table: &Table) -> Result<Vec<RowValues>> {
    match (table.keyspace.as_str(), table.name.as_str()) {
        ("system", "local") => node::local(sources, table),
        ("system", "IndexInfo") => schema_rows::built_indexes(sources, table),
        ("system", "size_estimates" | "table_estimates") => estimates::rows(sources, table),
        ("system_schema" | "system_virtual_schema", _) => schema_rows::rows(sources, table),
        ("system_traces", _) => tracing::rows(sources, table),
        ("system_views", "settings") => settings::rows(sources, table),
        ("system_views", "gossip_info") => node::gossip_info(sources, table),
        ("system_views", "system_properties") => node::system_properties(table),
        ("system_views", _) => figures::rows(sources, table),
        _ => Ok(Vec::new()),
    }
}

/// Whether two rows have the same primary key.
fn is_same_row(table: &Table, left: &RowValues, right: &RowValues) -> bool {
    let width = table.partition_key.len() + table.clustering.len();
    left.iter().take(width).eq(right.iter().take(width))
}

/// Whether the rows of `table` may be removed, though it is the system's.
pub fn may_be_emptied(table: &Table) -> bool {
    table.keyspace == "system_traces"
}

/// Removes the rows of the table with number `id`, if it is one of the system's that can be
/// emptied; answers whether it is.
pub fn truncate(view: &CatalogView, id: TableId) -> Result<bool> {
    if id < TableId(VIRTUAL_TABLE_ID_MIN) {
        return Ok(false);
    }
    let traces = view.registry().traces();
    for keyspace in declare::keyspaces()? {
        let mut tables = keyspace.tables.values();
        if let Some(table) = tables.find(|table| table.id == id) {
            match (table.keyspace.as_str(), table.name.as_str()) {
                ("system_traces", "sessions") => traces.truncate_sessions(),
                ("system_traces", "events") => traces.truncate_events(),
                _ => return Ok(false),
            }
        }
    }
    Ok(true)
}

/// A row of `table` with these values by column name; the other columns are null.
fn row(table: &Table, values: &[(&str, Value)]) -> Result<RowValues> {
    if let Some((name, _)) = values.iter().find(|(name, _)| table.column(name).is_none()) {
        return Err(Error::internal(format!(
            "{} has no column {name}",
            table.full_name()
        )));
    }
    let value_of = |column: &Column| {
        let found = values.iter().find(|(name, _)| *name == column.name);
        match found {
            None | Some((_, Value::Null)) => Ok(None),
            Some((_, value)) => Ok(Some(Bytes::from(column.ty.encode(value)?))),
        }
    };
    table.columns().map(value_of).collect()
}
