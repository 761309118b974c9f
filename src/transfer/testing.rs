//! Helpers for the tests of this folder.

use crate::schema::{Column, ColumnId, ColumnKind, Table, TableId, TableOptions};
use crate::types::Type;

/// A table `ks.t` of `int` and `text` columns, given as CQL has them, the key last.
pub(super) fn table(columns: &str) -> Table {
    let (columns, key) = columns.split_once("primary key").unwrap();
    let keys: Vec<&str> = key
        .split(['(', ')', ','])
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    let mut table = Table {
        id: TableId(1),
        uuid: uuid::Uuid::nil(),
        keyspace: "ks".to_owned(),
        name: "t".to_owned(),
        partition_key: Vec::new(),
        clustering: Vec::new(),
        statics: Vec::new(),
        regulars: Vec::new(),
        dropped: std::collections::BTreeMap::new(),
        next_column_id: 0,
        options: TableOptions::default(),
        version: 0,
        indexes: Vec::new(),
    };
    for definition in columns
        .split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty())
    {
        let (name, ty) = definition.split_once(' ').unwrap();
        let position = keys.iter().position(|key| *key == name);
        let (kind, position) = match position {
            Some(0) => (ColumnKind::PartitionKey, 0),
            Some(at) => (ColumnKind::Clustering, at - 1),
            None => (ColumnKind::Regular, 0),
        };
        let column = Column {
            id: ColumnId(table.next_column_id),
            name: name.to_owned(),
            ty: if ty == "int" { Type::Int } else { Type::Text },
            kind,
            position,
            descending: false,
        };
        table.next_column_id += 1;
        match kind {
            ColumnKind::PartitionKey => table.partition_key.push(column),
            ColumnKind::Clustering => table.clustering.push(column),
            _ => table.regulars.push(column),
        }
    }
    table
}
