//! The system's own tables: declared in CQL, never stored, computed when they are read.
//!
//! `sql/system/*.cql` declares them; the texts are compiled in and read by the parser that reads
//! everybody's statements. A [`CatalogView`] is the engine's catalog with these keyspaces in it, so
//! that binding, SELECT and DESCRIBE find them like any other. Only who reads the rows must tell
//! them apart ([`is_virtual`]), and asks [`rows`] instead of the engine.
//!
//! ```text
//! sql/system/system_schema.cql ── parser ── define_table ─┐
//!                                  engine's catalog ──────┴─► CatalogView ──► bind, DESCRIBE
//!                                                                  │
//!                          SELECT … FROM system_schema.tables ◄── rows(…)
//! ```

mod declare;
mod items;
mod node;
mod registry;
mod schema_rows;
mod tracing;

#[cfg(test)]
mod tests;

pub use declare::VIRTUAL_KEYSPACES;
pub use items::items;
pub use node::{CQL_VERSION, PARTITIONER, RELEASE_VERSION, TOKEN};
pub use registry::{NamedValues, NodeFacts, Registry, VirtualRows};

use crate::cql::result::RowValues;
use crate::error::{Error, Result};
use crate::schema::{Catalog, Column, Table, TableId};
use crate::storage::Engine;
use crate::types::Value;
use crate::types::key::compose_partition_key;
use crate::types::token::murmur3_token;
use bytes::Bytes;
use std::cmp::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

/// Stored tables have lower numbers.
const VIRTUAL_TABLE_ID_MIN: u64 = 1 << 63;

/// Whether `table` is one of the system's own, whose rows [`rows`] computes.
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
}

/// The rows of a virtual table, in the order of tokens and clustering: for each column of
/// [`Table::columns`], in that order, its wire bytes.
pub fn rows(engine: &Engine, view: &CatalogView, table: &Table) -> Result<Vec<RowValues>> {
    let registry = view.registry();
    let catalog = view.of(engine)?;
    let sources = Sources {
        engine,
        catalog: &catalog,
        registry,
    };
    let mut rows = match registry.provider(table) {
        Some(provider) => provider
            .rows(engine, table)?
            .iter()
            .map(|values| row(table, values))
            .collect::<Result<_>>()?,
        None => own_rows(&sources, table)?,
    };
    rows.sort_by(|a, b| compare_rows(table, a, b));
    Ok(rows)
}

/// The rows of a table for which nobody registered.
fn own_rows(sources: &Sources<'_>, table: &Table) -> Result<Vec<RowValues>> {
    match (table.keyspace.as_str(), table.name.as_str()) {
        ("system", "local") => node::local(sources, table),
        ("system_schema" | "system_virtual_schema", _) => schema_rows::rows(sources.catalog, table),
        ("system_views", "settings") => node::settings(table),
        ("system_traces", _) => tracing::rows(sources, table),
        _ => Ok(Vec::new()),
    }
}

/// Empties a virtual table, if that can be done.
pub fn truncate(view: &CatalogView, table: &str) {
    let traces = view.registry().traces();
    match table {
        "sessions" => traces.truncate_sessions(),
        "events" => traces.truncate_events(),
        _ => {}
    }
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

fn compare_rows(table: &Table, left: &RowValues, right: &RowValues) -> Ordering {
    let width = table.partition_key.len();
    let key = |row: &RowValues| {
        let values: Vec<&[u8]> = row
            .iter()
            .take(width)
            .map(|value| value.as_deref().unwrap_or_default())
            .collect();
        compose_partition_key(&values)
    };
    let (left_key, right_key) = (key(left), key(right));
    let tokens = murmur3_token(&left_key).cmp(&murmur3_token(&right_key));
    let clustering = || {
        let values = left.iter().zip(right).skip(width);
        for (column, (left, right)) in table.clustering.iter().zip(values) {
            let left = left.as_deref().unwrap_or_default();
            let order = column
                .ty
                .compare(left, right.as_deref().unwrap_or_default());
            if order != Ordering::Equal {
                return if column.descending {
                    order.reverse()
                } else {
                    order
                };
            }
        }
        Ordering::Equal
    };
    tokens
        .then_with(|| left_key.cmp(&right_key))
        .then_with(clustering)
}
