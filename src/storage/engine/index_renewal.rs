//! Indexes that must be built anew, with a fresh table of entries in place of the present one.
//!
//! | when | why |
//! |---|---|
//! | opened, and not built | a crash cut the build off: whatever it wrote is in no file yet |
//! | opened, and the keyspace does not log | a crash takes what was not flushed, rows or entries |
//! | such a keyspace begins to log | what it wrote before could still be lost by a crash |
//! | a column was dropped, the index is of a key column | a row may have lived by that column |
//!
//! One rule for all of them: the definition names another table, not built. So no entry of before
//! is ever to be thought of, and a crash on the way changes nothing.

use crate::schema::{Catalog, ColumnKind, Index, SchemaChange, Table, TableId};

/// An index by its keyspace and name.
pub(super) type IndexName = (String, String);

/// The indexes of a catalog with their tables.
pub(super) fn all(catalog: &Catalog) -> impl Iterator<Item = (&Table, &Index)> {
    let tables = catalog.tables.values();
    tables.flat_map(|table| table.indexes.iter().map(|index| (&**table, &**index)))
}

fn name(table: &Table, index: &Index) -> IndexName {
    (table.keyspace.clone(), index.name.clone())
}

fn is_durable(catalog: &Catalog, table: &Table) -> bool {
    let keyspace = catalog.keyspaces.get(&table.keyspace);
    keyspace.is_none_or(|keyspace| keyspace.durable_writes)
}

/// Those that a change of the schema leaves to be built anew.
pub(super) fn needed(before: &Catalog, after: &Catalog) -> Vec<IndexName> {
    let outdated = |(table, index): &(&Table, &Index)| {
        let Some(old) = before.tables.get(&table.id) else {
            return false;
        };
        if !old.indexes.iter().any(|old| old.entries == index.entries) {
            return false;
        }
        let column = table.column_by_id(index.column);
        let of_key = column.is_some_and(|column| {
            matches!(
                column.kind,
                ColumnKind::PartitionKey | ColumnKind::Clustering
            )
        });
        let dropped = old
            .columns()
            .any(|column| table.column_by_id(column.id).is_none());
        (of_key && dropped) || (!is_durable(before, old) && is_durable(after, table))
    };
    all(after)
        .filter(outdated)
        .map(|(table, index)| name(table, index))
        .collect()
}

/// Those that must be built anew when a database is opened.
pub(super) fn at_open(catalog: &Catalog) -> Vec<IndexName> {
    all(catalog)
        .filter(|(table, index)| !index.built || !is_durable(catalog, table))
        .map(|(table, index)| name(table, index))
        .collect()
}

/// Whether any of them is built.
pub(super) fn is_any_built(catalog: &Catalog, names: &[IndexName]) -> bool {
    let found = |(keyspace, name): &IndexName| catalog.keyspaces.get(keyspace)?.index(name);
    let mut indexes = names.iter().filter_map(found);
    indexes.any(|(_, index)| index.built)
}

/// The changes that have them built anew.
pub(super) fn changes(catalog: &Catalog, names: &[IndexName]) -> Vec<SchemaChange> {
    let mut next = catalog.next_table_id;
    let change = |(keyspace, name): &IndexName| {
        let (table, index) = catalog.keyspaces.get(keyspace)?.index(name)?;
        let id = TableId(next);
        next += 1;
        Some(index.as_ref().clone().put(table, id))
    };
    names.iter().filter_map(change).collect()
}
