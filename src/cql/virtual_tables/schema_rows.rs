//! The catalog as rows: `system_schema` and `system_virtual_schema`.

use crate::cql::result::RowValues;
use crate::cql::virtual_tables::declare::VIRTUAL_KEYSPACES;
use crate::cql::virtual_tables::items::is_wanted;
use crate::cql::virtual_tables::{Sources, row};
use crate::error::Result;
use crate::schema::{Column, ColumnKind, Index, Keyspace, Table};
use crate::storage::row::PartitionKey;
use crate::types::token::murmur3_token;
use crate::types::{Type, Udt, Value};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn text_map(map: &BTreeMap<String, String>) -> Value {
    Value::Map(
        map.iter()
            .map(|(key, value)| (text(key), text(value)))
            .collect(),
    )
}

/// The rows of the schema table `table`.
pub fn rows(sources: &Sources<'_>, table: &Table) -> Result<Vec<RowValues>> {
    let in_virtual_schema = table.keyspace == "system_virtual_schema";
    let keyspaces = sources.catalog.keyspaces.values().filter(|keyspace| {
        VIRTUAL_KEYSPACES.contains(&keyspace.name.as_str()) == in_virtual_schema
            && is_wanted(&partition_of(&keyspace.name), sources.partitions)
    });
    let mut rows = Vec::new();
    for keyspace in keyspaces {
        match table.name.as_str() {
            "keyspaces" => rows.push(keyspace_row(table, keyspace)?),
            "types" => {
                for udt in keyspace.types.values() {
                    rows.push(type_row(table, udt)?);
                }
            }
            _ => {
                for described in keyspace.tables.values() {
                    table_rows(table, described, &mut rows)?;
                }
            }
        }
    }
    Ok(rows)
}

/// The partition that a keyspace is in each of these tables.
fn partition_of(keyspace: &str) -> PartitionKey {
    PartitionKey {
        token: murmur3_token(keyspace.as_bytes()),
        key: Bytes::copy_from_slice(keyspace.as_bytes()),
    }
}

fn keyspace_row(table: &Table, keyspace: &Keyspace) -> Result<RowValues> {
    let mut values = vec![("keyspace_name", text(&keyspace.name))];
    if table.column("replication").is_some() {
        values.push(("durable_writes", Value::Boolean(keyspace.durable_writes)));
        values.push(("replication", text_map(&keyspace.replication)));
    }
    row(table, &values)
}

fn type_row(table: &Table, udt: &Udt) -> Result<RowValues> {
    let (names, types) = udt
        .fields
        .iter()
        .map(|(name, ty)| (text(name), text(&type_name(ty))))
        .unzip();
    row(
        table,
        &[
            ("keyspace_name", text(&udt.keyspace)),
            ("type_name", text(&udt.name)),
            ("field_names", Value::List(names)),
            ("field_types", Value::List(types)),
        ],
    )
}

/// A type as `system_schema` writes it.
fn type_name(ty: &Type) -> String {
    ty.to_string()
}

/// What the schema table `table` tells of the table `described`.
fn table_rows(table: &Table, described: &Arc<Table>, rows: &mut Vec<RowValues>) -> Result<()> {
    match table.name.as_str() {
        "tables" if table.keyspace == "system_schema" => rows.push(table_row(table, described)?),
        "tables" => rows.push(row(
            table,
            &[
                ("keyspace_name", text(&described.keyspace)),
                ("table_name", text(&described.name)),
                ("comment", text(&described.options.comment)),
            ],
        )?),
        "columns" => {
            for column in described.columns() {
                rows.push(column_row(table, described, column)?);
            }
        }
        "dropped_columns" => {
            for (name, dropped) in &described.dropped {
                let millis = dropped.dropped_at_micros.div_euclid(1000);
                rows.push(row(
                    table,
                    &[
                        ("keyspace_name", text(&described.keyspace)),
                        ("table_name", text(&described.name)),
                        ("column_name", text(name)),
                        ("dropped_time", Value::Timestamp(millis)),
                        ("kind", text(kind_name(dropped.column.kind))),
                        ("type", text(&type_name(&dropped.column.ty))),
                    ],
                )?);
            }
        }
        "indexes" => {
            for index in &described.indexes {
                rows.push(index_row(table, described, index)?);
            }
        }
        // Views, triggers, functions, aggregates and masks: there are none.
        _ => {}
    }
    Ok(())
}

fn index_row(table: &Table, described: &Table, index: &Index) -> Result<RowValues> {
    let mut options = index.options.clone();
    options.insert("target".to_owned(), index.target(described));
    let kind = match &index.custom {
        None => "COMPOSITES",
        Some(class) => {
            options.insert("class_name".to_owned(), class.clone());
            "CUSTOM"
        }
    };
    row(
        table,
        &[
            ("keyspace_name", text(&described.keyspace)),
            ("table_name", text(&described.name)),
            ("index_name", text(&index.name)),
            ("kind", text(kind)),
            ("options", text_map(&options)),
        ],
    )
}

/// The rows of `system."IndexInfo"`: the indexes that are built. What is called the table there is
/// the keyspace.
pub fn built_indexes(sources: &Sources<'_>, table: &Table) -> Result<Vec<RowValues>> {
    let mut rows = Vec::new();
    for keyspace in sources.catalog.keyspaces.values() {
        let indexes = keyspace.tables.values().flat_map(|table| &table.indexes);
        let mut names: Vec<&str> = indexes
            .filter(|index| index.built)
            .map(|index| index.name.as_str())
            .collect();
        names.sort_unstable();
        for name in names {
            rows.push(row(
                table,
                &[
                    ("table_name", text(&keyspace.name)),
                    ("index_name", text(name)),
                ],
            )?);
        }
    }
    Ok(rows)
}

fn kind_name(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::PartitionKey => "partition_key",
        ColumnKind::Clustering => "clustering",
        ColumnKind::Static => "static",
        ColumnKind::Regular => "regular",
    }
}

fn column_row(table: &Table, described: &Table, column: &Column) -> Result<RowValues> {
    let order = match (column.kind, column.descending) {
        (ColumnKind::Clustering, false) => "asc",
        (ColumnKind::Clustering, true) => "desc",
        _ => "none",
    };
    let position = match column.kind {
        ColumnKind::PartitionKey | ColumnKind::Clustering => {
            i32::try_from(column.position).unwrap_or(i32::MAX)
        }
        ColumnKind::Static | ColumnKind::Regular => -1,
    };
    row(
        table,
        &[
            ("keyspace_name", text(&described.keyspace)),
            ("table_name", text(&described.name)),
            ("column_name", text(&column.name)),
            ("clustering_order", text(order)),
            (
                "column_name_bytes",
                Value::Blob(column.name.clone().into_bytes()),
            ),
            ("kind", text(kind_name(column.kind))),
            ("position", Value::Int(position)),
            ("type", text(&type_name(&column.ty))),
        ],
    )
}

/// A setting that is null where it is as it is by default.
fn unless(value: bool, default: bool) -> Value {
    if value == default {
        return Value::Null;
    }
    Value::Boolean(value)
}

fn table_row(table: &Table, described: &Table) -> Result<RowValues> {
    let options = &described.options;
    let mut flags = vec![text("compound")];
    if described.is_counter() {
        flags.push(text("counter"));
    }
    let extensions = options
        .extensions
        .iter()
        .map(|(name, bytes)| (text(name), Value::Blob(bytes.clone())))
        .collect();
    row(
        table,
        &[
            ("keyspace_name", text(&described.keyspace)),
            ("table_name", text(&described.name)),
            (
                "additional_write_policy",
                text(&options.additional_write_policy),
            ),
            (
                "allow_auto_snapshot",
                unless(options.allow_auto_snapshot, true),
            ),
            (
                "bloom_filter_fp_chance",
                Value::Double(options.bloom_filter_fp_chance()),
            ),
            ("caching", text_map(&options.caching)),
            ("comment", text(&options.comment)),
            ("compaction", text_map(&options.compaction)),
            ("compression", text_map(&options.compression)),
            (
                "crc_check_chance",
                Value::Double(options.crc_check_chance()),
            ),
            // These two mean nothing any more; drivers still ask for them.
            ("dclocal_read_repair_chance", Value::Double(0.0)),
            ("read_repair_chance", Value::Double(0.0)),
            (
                "default_time_to_live",
                Value::Int(options.default_time_to_live_seconds),
            ),
            ("extensions", Value::Map(extensions)),
            ("flags", Value::Set(flags)),
            ("gc_grace_seconds", Value::Int(options.gc_grace_seconds)),
            ("id", Value::Uuid(described.uuid)),
            (
                "incremental_backups",
                unless(options.incremental_backups, true),
            ),
            ("max_index_interval", Value::Int(options.max_index_interval)),
            (
                "memtable",
                match options.memtable.as_str() {
                    "default" => Value::Null,
                    other => text(other),
                },
            ),
            (
                "memtable_flush_period_in_ms",
                Value::Int(options.memtable_flush_period_ms),
            ),
            ("min_index_interval", Value::Int(options.min_index_interval)),
            ("read_repair", text(&options.read_repair)),
            ("speculative_retry", text(&options.speculative_retry)),
        ],
    )
}
