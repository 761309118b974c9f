//! The catalog: keyspaces, tables, columns, options, and the changes between two catalogs.
//!
//! A [`Catalog`] never changes: a DDL statement computes a list of [`SchemaChange`]s from the
//! present one, the engine writes them in one synced manifest edit, and publishes the catalog that
//! follows from them. Names are for people; storage knows a table by its [`TableId`] and a column
//! by its [`ColumnId`], neither of which is ever used again for something else.

mod compaction_options;
mod index;
mod option_maps;
mod options;
mod replication;
mod retry_policy;

pub use index::{Index, IndexPart};
pub use options::{OptionValue, TableOptions, java_double};
pub use replication::{DATA_CENTER, replication, replication_warnings};

use crate::types::{Type, Udt};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// A table's number in this database; never reused.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub struct TableId(pub u64);

/// A column's number in its table. A column added again under its old name keeps its number.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub struct ColumnId(pub u32);

/// The part that a column plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ColumnKind {
    /// Part of the partition key.
    PartitionKey,
    /// Part of the clustering key.
    Clustering,
    /// One value for a whole partition.
    Static,
    /// One value a row.
    Regular,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its number.
    pub id: ColumnId,
    /// Its name, as stored (unquoted).
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// The part that it plays.
    pub kind: ColumnKind,
    /// Its position among the columns of the same key part; 0 for others.
    pub position: usize,
    /// Whether its clustering order is descending.
    pub descending: bool,
}

/// A column that was dropped: its data up to then stays hidden, even after it is added again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedColumn {
    /// The column as it was.
    pub column: Column,
    /// Cells with a timestamp up to this one, in microseconds, are hidden.
    pub dropped_at_micros: i64,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its number in this database.
    pub id: TableId,
    /// Its id for clients (`system_schema.tables.id`).
    pub uuid: Uuid,
    /// The keyspace it belongs to.
    pub keyspace: String,
    /// Its name.
    pub name: String,
    /// The partition key's columns in order; at least one.
    pub partition_key: Vec<Column>,
    /// The clustering columns in order.
    pub clustering: Vec<Column>,
    /// Static columns, by name.
    pub statics: Vec<Column>,
    /// Regular columns, by name.
    pub regulars: Vec<Column>,
    /// Columns that were dropped, by name.
    pub dropped: BTreeMap<String, DroppedColumn>,
    /// The number that the next new column gets.
    pub next_column_id: u32,
    /// Its options.
    pub options: TableOptions,
    /// Rises with each change of this table; log records carry it.
    pub version: u32,
    /// Its secondary indexes, by name. They come and go with changes of their own: neither is a
    /// table stored with them, nor does replacing its definition change them.
    #[serde(skip)]
    pub indexes: Vec<Arc<Index>>,
}

impl Table {
    /// All live columns: partition key, clustering, then statics and regulars by name.
    pub fn columns(&self) -> impl Iterator<Item = &Column> {
        self.partition_key
            .iter()
            .chain(&self.clustering)
            .chain(&self.statics)
            .chain(&self.regulars)
    }

    /// The live column called `name`.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns().find(|column| column.name == name)
    }

    /// The live column with number `id`.
    pub fn column_by_id(&self, id: ColumnId) -> Option<&Column> {
        self.columns().find(|column| column.id == id)
    }

    /// Whether its regular columns are counters, or were: without columns it stays what it was.
    pub fn is_counter(&self) -> bool {
        let dropped = self.dropped.values().map(|it| &it.column);
        self.statics
            .iter()
            .chain(&self.regulars)
            .chain(dropped)
            .any(|column| column.ty == Type::Counter)
    }

    /// `keyspace.name`, as messages show it.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.keyspace, self.name)
    }
}

/// A keyspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyspace {
    /// Its name.
    pub name: String,
    /// Its replication settings, stored and echoed (`class` and the factors).
    pub replication: BTreeMap<String, String>,
    /// Whether its writes go to the commit log.
    pub durable_writes: bool,
    /// Its tables, by name.
    pub tables: BTreeMap<String, Arc<Table>>,
    /// Its user-defined types, by name.
    pub types: BTreeMap<String, Arc<Udt>>,
}

/// All keyspaces at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// The keyspaces, by name.
    pub keyspaces: BTreeMap<String, Arc<Keyspace>>,
    /// The tables, by number.
    pub tables: BTreeMap<TableId, Arc<Table>>,
    /// Rises with each change.
    pub version: u64,
    /// The number that the next new table gets.
    pub next_table_id: u64,
}

/// One change of the catalog, as the manifest stores it. The order of the variants is persisted:
/// never change it, only append.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SchemaChange {
    /// Creates a keyspace, or replaces its settings (tables and types stay).
    PutKeyspace {
        /// Its name.
        name: String,
        /// Its replication settings.
        replication: BTreeMap<String, String>,
        /// Whether its writes go to the commit log.
        durable_writes: bool,
    },
    /// Drops a keyspace with all that is in it.
    DropKeyspace {
        /// Its name.
        name: String,
    },
    /// Creates a table, or replaces its definition (same id: the data stays).
    PutTable(Box<Table>),
    /// Drops a table and its data.
    DropTable {
        /// The keyspace's name.
        keyspace: String,
        /// The table's name.
        name: String,
    },
    /// Creates a user-defined type, or replaces its definition.
    PutType(Udt),
    /// Drops a user-defined type.
    DropType {
        /// The keyspace's name.
        keyspace: String,
        /// The type's name.
        name: String,
    },
    /// Creates an index, or replaces its definition (same entries: what is built stays).
    PutIndex {
        /// The keyspace's name.
        keyspace: String,
        /// The indexed table's name.
        table: String,
        /// The index.
        index: Index,
        /// The table of its entries.
        entries: Box<Table>,
    },
    /// Drops an index and its entries.
    DropIndex {
        /// The keyspace's name.
        keyspace: String,
        /// The index's name.
        name: String,
    },
}

impl Catalog {
    /// The table `keyspace.name`.
    pub fn table(&self, keyspace: &str, name: &str) -> Option<&Arc<Table>> {
        self.keyspaces.get(keyspace)?.tables.get(name)
    }

    /// The catalog that follows from this one by `changes`, one version on.
    #[must_use]
    pub fn with(&self, changes: &[SchemaChange]) -> Self {
        let mut next = self.clone();
        for change in changes {
            next.apply(change);
        }
        next.version += 1;
        next
    }

    fn apply(&mut self, change: &SchemaChange) {
        match change {
            SchemaChange::PutKeyspace {
                name,
                replication,
                durable_writes,
            } => {
                let keyspace = self.keyspaces.entry(name.clone()).or_insert_with(|| {
                    Arc::new(Keyspace {
                        name: name.clone(),
                        replication: BTreeMap::new(),
                        durable_writes: true,
                        tables: BTreeMap::new(),
                        types: BTreeMap::new(),
                    })
                });
                let keyspace = Arc::make_mut(keyspace);
                keyspace.replication.clone_from(replication);
                keyspace.durable_writes = *durable_writes;
            }
            SchemaChange::DropKeyspace { name } => {
                if let Some(keyspace) = self.keyspaces.remove(name) {
                    for table in keyspace.tables.values() {
                        self.forget(table);
                    }
                }
            }
            SchemaChange::PutTable(table) => {
                let before = self.tables.get(&table.id);
                let indexes = before.map(|before| before.indexes.clone());
                if let Some(keyspace) = self.keyspaces.get_mut(&table.keyspace) {
                    let table = Arc::new(Table {
                        indexes: indexes.unwrap_or_default(),
                        ..Table::clone(table)
                    });
                    Arc::make_mut(keyspace)
                        .tables
                        .insert(table.name.clone(), Arc::clone(&table));
                    self.next_table_id = self.next_table_id.max(table.id.0 + 1);
                    self.tables.insert(table.id, Arc::clone(&table));
                    self.follow_options(&table);
                }
            }
            SchemaChange::DropTable { keyspace, name } => {
                if let Some(keyspace) = self.keyspaces.get_mut(keyspace)
                    && let Some(table) = Arc::make_mut(keyspace).tables.remove(name)
                {
                    self.forget(&table);
                }
            }
            SchemaChange::PutType(udt) => {
                if let Some(keyspace) = self.keyspaces.get_mut(&udt.keyspace) {
                    Arc::make_mut(keyspace)
                        .types
                        .insert(udt.name.clone(), Arc::new(udt.clone()));
                }
            }
            SchemaChange::DropType { keyspace, name } => {
                if let Some(keyspace) = self.keyspaces.get_mut(keyspace) {
                    Arc::make_mut(keyspace).types.remove(name);
                }
            }
            SchemaChange::PutIndex {
                keyspace,
                table,
                index,
                entries,
            } => self.put_index(keyspace, table, index, entries),
            SchemaChange::DropIndex { keyspace, name } => self.drop_index(keyspace, name),
        }
    }

    /// Takes a table that no keyspace names any more out of the tables, and its indexes.
    fn forget(&mut self, table: &Table) {
        self.tables.remove(&table.id);
        for index in &table.indexes {
            self.tables.remove(&index.entries);
        }
    }
}
