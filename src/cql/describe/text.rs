//! The CREATE statements, laid out as Cassandra 5.0 lays them out.

use crate::cql::virtual_tables::VIRTUAL_KEYSPACES;
use crate::schema::{
    Column, ColumnKind, DroppedColumn, Index, Keyspace, Table, TableOptions, java_double,
};
use crate::types::Udt;
use crate::types::literal::hex;
use crate::types::name::quote_identifier;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A string literal.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A map of strings as a literal.
fn map(entries: &BTreeMap<String, String>) -> String {
    let entries: Vec<String> = entries
        .iter()
        .map(|(key, value)| format!("{}: {}", literal(key), literal(value)))
        .collect();
    format!("{{{}}}", entries.join(", "))
}

fn qualified(keyspace: &str, name: &str) -> String {
    format!("{}.{}", quote_identifier(keyspace), quote_identifier(name))
}

/// `CREATE KEYSPACE`.
pub fn create_keyspace(keyspace: &Keyspace) -> String {
    let name = quote_identifier(&keyspace.name);
    if VIRTUAL_KEYSPACES.contains(&keyspace.name.as_str()) {
        return format!(
            "/*\nWarning: Keyspace {name} is a virtual keyspace and cannot be recreated with CQL.\n\
             Structure, for reference:\nVIRTUAL KEYSPACE {name};\n*/"
        );
    }
    // The class stands first, and by its short name.
    let class = keyspace.replication.get("class");
    let short = class.map_or("", |class| class.rsplit('.').next().unwrap_or(class));
    let mut replication = format!("'class': {}", literal(short));
    for (name, value) in &keyspace.replication {
        if name != "class" {
            let _ = write!(replication, ", {}: {}", literal(name), literal(value));
        }
    }
    format!(
        "CREATE KEYSPACE {name} WITH replication = {{{replication}}}  AND durable_writes = {};",
        keyspace.durable_writes
    )
}

/// `CREATE INDEX`.
pub fn create_index(table: &Table, index: &Index) -> String {
    format!(
        "CREATE INDEX {} ON {} ({});",
        quote_identifier(&index.name),
        qualified(&table.keyspace, &table.name),
        index.target(table)
    )
}

/// `CREATE TYPE`.
pub fn create_type(udt: &Udt) -> String {
    let fields: Vec<String> = udt
        .fields
        .iter()
        .map(|(name, ty)| format!("    {} {ty}", quote_identifier(name)))
        .collect();
    format!(
        "CREATE TYPE {} (\n{}\n);",
        qualified(&udt.keyspace, &udt.name),
        fields.join(",\n")
    )
}

fn names(columns: &[Column]) -> String {
    let names: Vec<String> = columns
        .iter()
        .map(|column| quote_identifier(&column.name))
        .collect();
    names.join(", ")
}

/// `CREATE TABLE`; with internals also its id, and what makes dropped columns stay dropped.
pub fn create_table(table: &Table, internals: bool) -> String {
    let full_name = qualified(&table.keyspace, &table.name);
    if VIRTUAL_KEYSPACES.contains(&table.keyspace.as_str()) {
        return format!(
            "/*\nWarning: Table {full_name} is a virtual table and cannot be recreated with CQL.\n\
             Structure, for reference:\nVIRTUAL TABLE {full_name} (\n{}\n) \
             WITH {}{}comment = {};\n*/",
            columns(table, false),
            id(table, internals),
            clustering_order(table),
            literal(&table.options.comment)
        );
    }
    let mut text = format!(
        "CREATE TABLE {full_name} (\n{}\n) WITH {}{}{};",
        columns(table, internals),
        id(table, internals),
        clustering_order(table),
        options(&table.options)
    );
    let dropped = in_table_of_hashes(table);
    for dropped in dropped.into_iter().filter(|_| internals) {
        let name = quote_identifier(&dropped.column.name);
        let time = dropped.dropped_at_micros;
        let _ = write!(
            text,
            "\nALTER TABLE {full_name} DROP {name} USING TIMESTAMP {time};"
        );
        if let Some(column) = table.column(&dropped.column.name) {
            let _ = write!(
                text,
                "\nALTER TABLE {full_name} ADD {};",
                definition(column)
            );
        }
    }
    text
}

/// The dropped columns in the order of Cassandra's table of hashes, which has no other.
fn in_table_of_hashes(table: &Table) -> Vec<&DroppedColumn> {
    let mut dropped: Vec<&DroppedColumn> = table.dropped.values().collect();
    let mut buckets: u32 = 16;
    while dropped.len() > buckets as usize * 3 / 4 {
        buckets *= 2;
    }
    dropped.sort_by_key(|dropped| {
        let bytes = dropped.column.name.bytes().rev();
        let hash = bytes.fold(1_u32, |hash, byte| {
            let signed = i32::from(byte.cast_signed()).cast_unsigned();
            hash.wrapping_mul(31).wrapping_add(signed)
        });
        (hash ^ (hash >> 16)) % buckets
    });
    dropped
}

/// `ID = …` with an AND behind it, where internals are wanted.
fn id(table: &Table, internals: bool) -> String {
    match internals {
        true => format!("ID = {}\n    AND ", table.uuid),
        false => String::new(),
    }
}

/// `name type [static]`.
fn definition(column: &Column) -> String {
    let name = quote_identifier(&column.name);
    format!("{name} {}{}", column.ty, static_word(column))
}

/// The columns, with dropped ones where they are wanted, and the primary key.
fn columns(table: &Table, with_dropped: bool) -> String {
    let single = table.partition_key.len() == 1 && table.clustering.is_empty();
    // Columns of one cell stand before those of several, as in Cassandra.
    let is_listed = |column: &&Column| !with_dropped || !table.dropped.contains_key(&column.name);
    let mut columns: Vec<&Column> = table.columns().filter(is_listed).collect();
    let cells = |column: &&Column| {
        let place = match column.kind {
            ColumnKind::PartitionKey => 0,
            ColumnKind::Clustering => 1,
            ColumnKind::Static => 2,
            ColumnKind::Regular => 3,
        };
        (place, place >= 2 && column.ty.is_multi_cell())
    };
    columns.sort_by_key(cells);
    let mut lines: Vec<String> = columns
        .into_iter()
        .map(|column| match column.kind {
            ColumnKind::PartitionKey if single => format!("{} PRIMARY KEY", definition(column)),
            _ => definition(column),
        })
        .collect();
    let dropped = in_table_of_hashes(table)
        .into_iter()
        .filter(|_| with_dropped);
    // One that was added again is dropped and added once more by what follows.
    lines.extend(dropped.map(|dropped| definition(&dropped.column)));
    if !single {
        let partition = names(&table.partition_key);
        let partition = match table.partition_key.len() {
            1 => partition,
            _ => format!("({partition})"),
        };
        let comma = if table.clustering.is_empty() {
            ""
        } else {
            ", "
        };
        lines.push(format!(
            "PRIMARY KEY ({partition}{comma}{})",
            names(&table.clustering)
        ));
    }
    format!("    {}", lines.join(",\n    "))
}

/// `CLUSTERING ORDER BY (…)` with an AND behind it; nothing without clustering columns.
fn clustering_order(table: &Table) -> String {
    if table.clustering.is_empty() {
        return String::new();
    }
    let order: Vec<String> = table
        .clustering
        .iter()
        .map(|column| {
            let order = if column.descending { "DESC" } else { "ASC" };
            format!("{} {order}", quote_identifier(&column.name))
        })
        .collect();
    format!("CLUSTERING ORDER BY ({})\n    AND ", order.join(", "))
}

fn static_word(column: &Column) -> &'static str {
    match column.kind {
        ColumnKind::Static => " static",
        _ => "",
    }
}

/// The options, in Cassandra's order.
fn options(options: &TableOptions) -> String {
    let extensions: Vec<String> = options
        .extensions
        .iter()
        .map(|(name, bytes)| format!("{}: {}", literal(name), hex(bytes)))
        .collect();
    [
        (
            "additional_write_policy",
            literal(&options.additional_write_policy),
        ),
        (
            "allow_auto_snapshot",
            options.allow_auto_snapshot.to_string(),
        ),
        (
            "bloom_filter_fp_chance",
            java_double(options.bloom_filter_fp_chance()),
        ),
        ("caching", map(&options.caching)),
        ("cdc", options.cdc.to_string()),
        ("comment", literal(&options.comment)),
        ("compaction", map(&options.compaction)),
        ("compression", map(&options.compression)),
        ("memtable", literal(&options.memtable)),
        ("crc_check_chance", java_double(options.crc_check_chance())),
        (
            "default_time_to_live",
            options.default_time_to_live_seconds.to_string(),
        ),
        ("extensions", format!("{{{}}}", extensions.join(", "))),
        ("gc_grace_seconds", options.gc_grace_seconds.to_string()),
        (
            "incremental_backups",
            options.incremental_backups.to_string(),
        ),
        ("max_index_interval", options.max_index_interval.to_string()),
        (
            "memtable_flush_period_in_ms",
            options.memtable_flush_period_ms.to_string(),
        ),
        ("min_index_interval", options.min_index_interval.to_string()),
        ("read_repair", literal(&options.read_repair)),
        ("speculative_retry", literal(&options.speculative_retry)),
    ]
    .iter()
    .map(|(name, value)| format!("{name} = {value}"))
    .collect::<Vec<_>>()
    .join("\n    AND ")
}
