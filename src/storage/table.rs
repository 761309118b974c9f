//! A table as the engine holds it: its definition, its memtables, its files.
//!
//! A [`TableState`] never changes: a freeze, a flush, a compaction or a schema change puts a new
//! one into the engine's [`State`]. A reader keeps the state that it started with, and so what
//! that names.

use crate::schema::{Catalog, Table, TableId};
use crate::storage::live::Hidden;
use crate::storage::memtable::Memtable;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All tables at one moment.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// The catalog.
    pub catalog: Arc<Catalog>,
    /// The tables.
    pub tables: BTreeMap<TableId, Arc<TableState>>,
}

/// A table at one moment.
#[derive(Clone, Debug)]
pub struct TableState {
    /// Its definition.
    pub schema: Arc<Table>,
    /// Whether it is one of counters.
    pub counter: bool,
    /// What its dropped columns hide.
    pub hidden: Arc<Hidden>,
    /// What takes its writes.
    pub active: Arc<Memtable>,
}

impl TableState {
    /// A table without data.
    pub fn new(schema: &Arc<Table>, shards: usize) -> Self {
        Self {
            schema: Arc::clone(schema),
            counter: schema.is_counter(),
            hidden: Arc::new(Hidden::of(schema)),
            active: Arc::new(Memtable::new(shards)),
        }
    }

    /// The same data under a new definition.
    #[must_use]
    pub fn with_schema(&self, schema: &Arc<Table>) -> Self {
        Self {
            schema: Arc::clone(schema),
            counter: schema.is_counter(),
            hidden: Arc::new(Hidden::of(schema)),
            ..self.clone()
        }
    }
}
