//! Secondary indexes: what is indexed, and the hidden table that holds the entries.
//!
//! An index is a table of its own, kept by the engine and named by nobody. It stands in the
//! catalog by number only. Its partitions are the indexed values, and within each the entries come
//! in the order of the rows that they stand for:
//!
//! ```text
//! partition key   the indexed value (of ENTRIES: key and value, composed)
//! clustering      the base partition's token, its key,
//!                 the base row's clustering as it is compared (empty: the static row),
//!                 of VALUES the element's path, since several elements may be equal
//! ```
//!
//! What is written there, and when, is `storage::index`'s affair.

use crate::schema::{
    Catalog, Column, ColumnId, ColumnKind, Keyspace, SchemaChange, Table, TableId, TableOptions,
};
use crate::types::Type;
use crate::types::name::quote_identifier;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Which part of its column an index is made of. The order of the variants is persisted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IndexPart {
    /// The whole value of a column that is one cell, or of a key column.
    Column,
    /// The elements of a list or a set, the values of a map.
    Values,
    /// The keys of a map.
    Keys,
    /// The keys of a map with their values.
    Entries,
    /// A frozen collection as one value.
    Full,
}

/// A secondary index of a table. The order of the fields is persisted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Its name, which no other index of the keyspace has.
    pub name: String,
    /// The indexed column.
    pub column: ColumnId,
    /// Which part of it.
    pub part: IndexPart,
    /// Its options, as they were given.
    pub options: BTreeMap<String, String>,
    /// The class that was named with `USING`, if one was.
    pub custom: Option<String>,
    /// The table of its entries.
    pub entries: TableId,
    /// Whether every row that was there before it has its entries: only then may it be read.
    pub built: bool,
}

impl Index {
    /// What it indexes, as `system_schema` and DESCRIBE write it.
    pub fn target(&self, base: &Table) -> String {
        let column = base.column_by_id(self.column);
        let name = quote_identifier(column.map_or("", |column| &column.name));
        match self.part {
            IndexPart::Column => name,
            IndexPart::Values => format!("values({name})"),
            IndexPart::Keys => format!("keys({name})"),
            IndexPart::Entries => format!("entries({name})"),
            IndexPart::Full => format!("full({name})"),
        }
    }

    /// The definition of the table of its entries. `base` is the indexed table.
    pub fn entries_table(&self, base: &Table, uuid: Uuid) -> Table {
        let column = |id: u32, name: &str, ty: Type, kind: ColumnKind, position: usize| Column {
            id: ColumnId(id),
            name: name.to_owned(),
            ty,
            kind,
            position,
            descending: false,
        };
        let mut clustering = vec![
            column(1, "token", Type::BigInt, ColumnKind::Clustering, 0),
            column(2, "key", Type::Blob, ColumnKind::Clustering, 1),
            column(3, "clustering", Type::Blob, ColumnKind::Clustering, 2),
        ];
        if self.part == IndexPart::Values {
            clustering.push(column(4, "path", Type::Blob, ColumnKind::Clustering, 3));
        }
        Table {
            id: self.entries,
            uuid,
            keyspace: base.keyspace.clone(),
            name: format!("{}.{}", base.name, self.name),
            partition_key: vec![column(0, "value", Type::Blob, ColumnKind::PartitionKey, 0)],
            clustering,
            statics: Vec::new(),
            regulars: Vec::new(),
            dropped: BTreeMap::new(),
            next_column_id: 5,
            options: entries_options(base),
            version: 0,
            indexes: Vec::new(),
        }
    }
}

/// The options of the tables of a table's entries: its own, but for what is of its rows alone.
fn entries_options(base: &Table) -> TableOptions {
    TableOptions {
        comment: String::new(),
        default_time_to_live_seconds: 0,
        // An entry's writes are in the order of their timestamps: nothing late can come to life.
        gc_grace_seconds: 0,
        ..base.options.clone()
    }
}

impl Index {
    /// The change that creates it on `base`, not built yet, with its entries in a new table `id`.
    pub fn put(mut self, base: &Table, id: TableId) -> SchemaChange {
        self.entries = id;
        self.built = false;
        // Nobody sees it.
        let entries = self.entries_table(base, Uuid::from_u128(u128::from(id.0)));
        SchemaChange::PutIndex {
            keyspace: base.keyspace.clone(),
            table: base.name.clone(),
            index: self,
            entries: Box::new(entries),
        }
    }
}

impl Keyspace {
    /// The index called `name`, and its table.
    pub fn index(&self, name: &str) -> Option<(&Arc<Table>, &Arc<Index>)> {
        self.tables.values().find_map(|table| {
            let index = table.indexes.iter().find(|index| index.name == name)?;
            Some((table, index))
        })
    }
}

impl Table {
    /// Whether it holds the entries of an index: such a table is shown to nobody.
    pub fn is_entries(&self) -> bool {
        // No name of a user's table has a dot in it.
        self.name.contains('.')
    }
}

impl Catalog {
    /// Adds an index to its table, in place of the one that has its name.
    pub(super) fn put_index(&mut self, keyspace: &str, name: &str, index: &Index, entries: &Table) {
        let Some(mut table) = self.table(keyspace, name).map(|table| Table::clone(table)) else {
            return;
        };
        self.remove_index(&mut table, &index.name);
        let at = table
            .indexes
            .partition_point(|present| present.name < index.name);
        table.indexes.insert(at, Arc::new(index.clone()));
        self.next_table_id = self.next_table_id.max(entries.id.0 + 1);
        self.tables.insert(entries.id, Arc::new(entries.clone()));
        self.replace(table);
    }

    /// Drops an index.
    pub(super) fn drop_index(&mut self, keyspace: &str, name: &str) {
        let keyspace = self.keyspaces.get(keyspace);
        let found = keyspace.and_then(|keyspace| keyspace.index(name));
        if let Some(mut table) = found.map(|(table, _)| Table::clone(table)) {
            self.remove_index(&mut table, name);
            self.replace(table);
        }
    }

    /// Gives the tables of a table's entries the options that follow from its present ones.
    pub(super) fn follow_options(&mut self, base: &Table) {
        let options = entries_options(base);
        for index in &base.indexes {
            if let Some(entries) = self.tables.get_mut(&index.entries)
                && entries.options != options
            {
                Arc::make_mut(entries).options = options.clone();
            }
        }
    }

    /// Takes an index, if there is one called so, and its entries.
    fn remove_index(&mut self, table: &mut Table, name: &str) {
        for index in table.indexes.extract_if(.., |index| index.name == name) {
            self.tables.remove(&index.entries);
        }
    }

    /// Puts a new definition in place of a table's present one.
    fn replace(&mut self, table: Table) {
        if let Some(keyspace) = self.keyspaces.get_mut(&table.keyspace) {
            let table = Arc::new(table);
            Arc::make_mut(keyspace)
                .tables
                .insert(table.name.clone(), Arc::clone(&table));
            self.tables.insert(table.id, table);
        }
    }
}
