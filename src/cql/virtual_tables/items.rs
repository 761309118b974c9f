//! The rows of a virtual table as the engine would hand them out.

use crate::cql::result::RowValues;
use crate::error::Result;
use crate::schema::{ColumnKind, Table};
use crate::storage::cell::{Cell, Liveness};
use crate::storage::read::{PartitionBound, Partitions, ReadCommand, ReadItem};
use crate::storage::row::{ColumnData, PartitionKey, Row, RowColumn};
use crate::types::{key, token};
use bytes::Bytes;
use std::collections::BTreeMap;

/// What the engine would answer `command`, if `rows` were stored in `table`.
pub fn items(table: &Table, rows: Vec<RowValues>, command: &ReadCommand) -> Result<Vec<ReadItem>> {
    let mut partitions: BTreeMap<PartitionKey, BTreeMap<Bytes, Row>> = BTreeMap::new();
    for values in rows {
        let (key, row) = stored(table, values)?;
        partitions
            .entry(key)
            .or_default()
            .insert(row.clustering.clone(), row);
    }
    let wanted: Vec<PartitionKey> = match &command.partitions {
        Partitions::Keys(keys) => keys.clone(),
        Partitions::Range { .. } => partitions
            .keys()
            .filter(|key| is_wanted(key, &command.partitions))
            .cloned()
            .collect(),
    };
    let mut items = Vec::new();
    for key in wanted {
        let Some(rows) = partitions.get(&key) else {
            continue;
        };
        let inside = |row: &&Row| {
            command
                .slices
                .iter()
                .any(|slice| slice.start <= row.clustering && row.clustering < slice.end)
        };
        let mut found: Vec<Row> = rows.values().filter(inside).cloned().collect();
        if command.reversed {
            found.reverse();
        }
        if !found.is_empty() {
            items.push(ReadItem::Partition {
                key,
                static_row: None,
            });
            items.extend(found.into_iter().map(ReadItem::Row));
        }
    }
    Ok(items)
}

/// Whether a read of `partitions` is about the partition `key`.
pub fn is_wanted(key: &PartitionKey, partitions: &Partitions) -> bool {
    match partitions {
        Partitions::Keys(keys) => keys.contains(key),
        Partitions::Range { start, end } => {
            (*start == PartitionBound::Open || !is_before(key, start)) && is_before(key, end)
        }
    }
}

/// Whether a partition lies before a bound that ends a range (and so, not within one that starts
/// at it).
fn is_before(key: &PartitionKey, bound: &PartitionBound) -> bool {
    match bound {
        PartitionBound::Open => true,
        PartitionBound::BeforeToken(token) => key.token < *token,
        PartitionBound::AfterToken(token) => key.token <= *token,
        PartitionBound::Before(other) => key < other,
        PartitionBound::After(other) => key <= other,
    }
}

/// A row as the engine stores it.
fn stored(table: &Table, values: RowValues) -> Result<(PartitionKey, Row)> {
    let mut parts: Vec<Bytes> = Vec::new();
    let mut clustering = Vec::new();
    let mut columns = Vec::new();
    for (column, value) in table.columns().zip(values) {
        match column.kind {
            ColumnKind::PartitionKey => parts.push(value.unwrap_or_default()),
            ColumnKind::Clustering => {
                let (ty, descending) = (&column.ty, column.descending);
                key::encode_component(ty, descending, value.as_deref(), &mut clustering)?;
            }
            ColumnKind::Static | ColumnKind::Regular => {
                if let Some(value) = value {
                    columns.push(RowColumn {
                        id: column.id,
                        data: ColumnData::Simple(Cell::plain(0, value)),
                    });
                }
            }
        }
    }
    key::finish_clustering(&mut clustering);
    columns.sort_by_key(|column| column.id);
    let borrowed: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
    let key = Bytes::from(key::compose_partition_key(&borrowed));
    let mut row = Row::new(Bytes::from(clustering));
    row.liveness = Liveness {
        timestamp: 0,
        ..Liveness::NONE
    };
    row.columns = columns;
    let key = PartitionKey {
        token: token::murmur3_token(&key),
        key,
    };
    Ok((key, row))
}
