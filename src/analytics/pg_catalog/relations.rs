//! The tables of `pg_catalog` and `information_schema`, made of the schema.
//!
//! Numbers are stable: a table's comes from its id, a keyspace's from its name. A table has the
//! index of its primary key, which stands for how its rows are found, and its secondary indexes.

mod build;
mod columns;

use crate::analytics::pg_catalog::{Facts, oid};
use crate::schema::{Column, ColumnKind, Keyspace, Table};
pub(super) use build::{Datum, Relation, array};
use columns::{EMPTY, FILLED};
use std::collections::{BTreeMap, HashMap};

/// Types that no value of ours has, but their names: number, name, category, length.
pub(super) const OTHER_TYPES: [(u32, &str, &str, i64); 8] = [
    (18, "char", "Z", 1),
    (19, "name", "S", 64),
    (26, "oid", "N", 4),
    (705, "unknown", "X", -2),
    (1042, "bpchar", "S", -1),
    (1043, "varchar", "S", -1),
    (2205, "regclass", "N", 4),
    (3802, "jsonb", "U", -1),
];

/// The number of the schema that the catalogs are in.
const PG_CATALOG: i64 = 11;
const INFORMATION_SCHEMA: i64 = 13_000;
/// The number of the only owner.
const OWNER: i64 = 10;
/// The number of the relation that relations are in.
const PG_CLASS: i64 = 1_259;
/// From where the numbers of our own relations count.
const RELATIONS_FROM: i64 = 20_000;
const AMS: [(i64, &str, &str); 2] = [(2, "heap", "t"), (403, "btree", "i")];

/// Names and texts by number.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub relations: HashMap<i64, (String, String)>,
    pub schemas: HashMap<i64, String>,
    pub comments: HashMap<i64, String>,
    pub indexes: HashMap<i64, String>,
    pub constraints: HashMap<i64, String>,
}

type Schemas = BTreeMap<&'static str, BTreeMap<String, Relation>>;
type Row<'a> = &'a [(&'a str, Datum)];

fn text(text: impl Into<String>) -> Datum {
    Datum::Text(text.into())
}

/// A keyspace's number: a hash of its name, above all others.
fn schema_oid(name: &str) -> i64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    0x4000_0000 + i64::try_from(hash % 0x3fff_ffff).unwrap_or(0)
}

fn table_oid(id: u64) -> i64 {
    RELATIONS_FROM + i64::try_from(id % 0x1000_0000).unwrap_or(0) * 2
}

/// The number of the index of a table's primary key.
fn key_oid(id: u64) -> i64 {
    table_oid(id) + 1
}

fn key_name(table: &Table) -> String {
    format!("{}_pkey", table.name)
}

fn key_columns(table: &Table) -> Vec<&Column> {
    table
        .partition_key
        .iter()
        .chain(&table.clustering)
        .collect()
}

/// The columns in the order that `SELECT *` has, with their numbers from 1.
fn numbered(table: &Table) -> Vec<(i64, &Column)> {
    (1..).zip(table.columns()).collect()
}

fn number_of(table: &Table, column: &Column) -> i64 {
    let found = numbered(table)
        .into_iter()
        .find(|(_, it)| it.id == column.id);
    found.map_or(0, |(number, _)| number)
}

fn keyspaces(facts: &Facts) -> impl Iterator<Item = &Keyspace> {
    facts.catalog.keyspaces.values().map(|keyspace| &**keyspace)
}

fn tables(keyspace: &Keyspace) -> impl Iterator<Item = &Table> {
    let tables = keyspace.tables.values().map(|table| &**table);
    tables.filter(|table| !table.is_entries())
}

fn names_of(columns: &[&Column]) -> String {
    let names: Vec<&str> = columns.iter().map(|it| it.name.as_str()).collect();
    names.join(", ")
}

/// Whether a relation has no rows whatever the schema is.
pub(super) fn is_always_empty(schema: &str, name: &str) -> bool {
    EMPTY
        .iter()
        .any(|(its, known, _)| *its == schema && *known == name)
}

/// Names and texts that functions look up.
pub(super) fn names(facts: &Facts) -> Known {
    let mut known = Known::default();
    known.schemas.insert(PG_CATALOG, "pg_catalog".to_owned());
    known
        .schemas
        .insert(INFORMATION_SCHEMA, "information_schema".to_owned());
    for (number, (schema, name, _)) in (1..).zip(FILLED.iter().chain(&EMPTY)) {
        let number = if *name == "pg_class" {
            PG_CLASS
        } else {
            2_000 + number
        };
        let names = ((*schema).to_owned(), (*name).to_owned());
        known.relations.insert(number, names);
    }
    for keyspace in keyspaces(facts) {
        known
            .schemas
            .insert(schema_oid(&keyspace.name), keyspace.name.clone());
        for table in tables(keyspace) {
            name_table(&mut known, table);
        }
    }
    known
}

fn name_table(known: &mut Known, table: &Table) {
    let mut name = |oid: i64, name: &str| {
        let names = (table.keyspace.clone(), name.to_owned());
        known.relations.insert(oid, names);
    };
    name(table_oid(table.id.0), &table.name);
    name(key_oid(table.id.0), &key_name(table));
    for index in &table.indexes {
        name(table_oid(index.entries.0), &index.name);
    }
    if !table.options.comment.is_empty() {
        let comment = table.options.comment.clone();
        known.comments.insert(table_oid(table.id.0), comment);
    }
    let keys = names_of(&key_columns(table));
    let full = table.full_name();
    known.indexes.insert(
        key_oid(table.id.0),
        format!(
            "CREATE UNIQUE INDEX {} ON {full} USING btree ({keys})",
            key_name(table)
        ),
    );
    let constraint = format!("PRIMARY KEY ({keys})");
    known.constraints.insert(key_oid(table.id.0), constraint);
    for index in &table.indexes {
        let definition = format!(
            "CREATE INDEX {} ON {full} USING btree ({})",
            index.name,
            index.target(table)
        );
        known.indexes.insert(table_oid(index.entries.0), definition);
    }
}

/// All relations, by schema and name.
pub(super) fn all(facts: &Facts) -> Schemas {
    let mut schemas = Schemas::new();
    for (schema, name, columns) in FILLED.iter().chain(&EMPTY) {
        let relation = Relation::new(columns);
        schemas
            .entry(schema)
            .or_default()
            .insert((*name).to_owned(), relation);
    }
    let mut fill = |schema: &str, name: &str, row: Row<'_>| {
        let relation = schemas
            .get_mut(schema)
            .and_then(|relations| relations.get_mut(name));
        if let Some(relation) = relation {
            relation.push(row);
        }
    };
    fixed(facts, &mut fill);
    for keyspace in keyspaces(facts) {
        schema(facts, &keyspace.name, schema_oid(&keyspace.name), &mut fill);
        for table in tables(keyspace) {
            relation(table, &mut fill);
            primary_key(facts, table, &mut fill);
            secondary_indexes(table, &mut fill);
            for (number, column) in numbered(table) {
                attribute(facts, table, number, column, &mut fill);
            }
        }
    }
    schemas
}

fn fixed(facts: &Facts, fill: &mut impl FnMut(&str, &str, Row<'_>)) {
    schema(facts, "pg_catalog", PG_CATALOG, fill);
    schema(facts, "information_schema", INFORMATION_SCHEMA, fill);
    for (oid, name, kind) in AMS {
        let row = [
            ("oid", Datum::Int(oid)),
            ("amname", text(name)),
            ("amtype", text(kind)),
        ];
        fill("pg_catalog", "pg_am", &row);
    }
    let database = [
        ("oid", Datum::Int(1)),
        ("datname", text(&facts.database)),
        ("datdba", Datum::Int(OWNER)),
        ("encoding", Datum::Int(6)),
        ("datcollate", text("C")),
        ("datctype", text("C")),
        ("datlocprovider", text("c")),
        ("datallowconn", Datum::Bool(true)),
        ("datconnlimit", Datum::Int(-1)),
        ("dattablespace", Datum::Int(1_663)),
    ];
    fill("pg_catalog", "pg_database", &database);
    let role = [
        ("oid", Datum::Int(OWNER)),
        ("usesysid", Datum::Int(OWNER)),
        ("rolname", text(&facts.user)),
        ("usename", text(&facts.user)),
        ("rolsuper", Datum::Bool(true)),
        ("usesuper", Datum::Bool(true)),
        ("rolinherit", Datum::Bool(true)),
        ("rolcanlogin", Datum::Bool(true)),
        ("rolconnlimit", Datum::Int(-1)),
    ];
    fill("pg_catalog", "pg_roles", &role);
    fill("pg_catalog", "pg_user", &role);
    let space = [("oid", Datum::Int(1_663)), ("spcname", text("pg_default"))];
    fill("pg_catalog", "pg_tablespace", &space);
    for (name, value) in &facts.settings {
        let row = [("name", text(name)), ("setting", text(value))];
        fill("pg_catalog", "pg_settings", &row);
    }
    types(fill);
}

fn types(fill: &mut impl FnMut(&str, &str, Row<'_>)) {
    let mut add = |oid: u32, name: &str, category: &str, size: i64, array: u32, element: u32| {
        let row = [
            ("oid", Datum::Int(i64::from(oid))),
            ("typname", text(name)),
            ("typnamespace", Datum::Int(PG_CATALOG)),
            ("typowner", Datum::Int(OWNER)),
            ("typlen", Datum::Int(size)),
            ("typbyval", Datum::Bool((1..=8).contains(&size))),
            ("typtype", text("b")),
            ("typcategory", text(category)),
            ("typisdefined", Datum::Bool(true)),
            ("typdelim", text(",")),
            ("typelem", Datum::Int(i64::from(element))),
            ("typarray", Datum::Int(i64::from(array))),
            (
                "typinput",
                text(if element == 0 {
                    format!("{name}in")
                } else {
                    "array_in".into()
                }),
            ),
            ("typtypmod", Datum::Int(-1)),
        ];
        fill("pg_catalog", "pg_type", &row);
    };
    for pg in oid::ALL {
        let category = match pg.name {
            "bool" => "B",
            "text" => "S",
            "date" | "time" | "timestamp" | "timestamptz" => "D",
            "interval" => "T",
            "inet" => "I",
            "bytea" | "json" | "uuid" => "U",
            _ => "N",
        };
        add(pg.oid, pg.name, category, i64::from(pg.size), pg.array, 0);
        add(pg.array, &format!("_{}", pg.name), "A", -1, 0, pg.oid);
    }
    for (oid, name, category, size) in OTHER_TYPES {
        add(oid, name, category, size, 0, 0);
    }
}

fn schema(facts: &Facts, name: &str, oid: i64, fill: &mut impl FnMut(&str, &str, Row<'_>)) {
    let row = [
        ("oid", Datum::Int(oid)),
        ("nspname", text(name)),
        ("nspowner", Datum::Int(OWNER)),
        ("catalog_name", text(&facts.database)),
        ("schema_name", text(name)),
        ("schema_owner", text(&facts.user)),
    ];
    fill("pg_catalog", "pg_namespace", &row);
    fill("information_schema", "schemata", &row);
}

fn relation(table: &Table, fill: &mut impl FnMut(&str, &str, Row<'_>)) {
    let oid = table_oid(table.id.0);
    let count = i64::try_from(numbered(table).len()).unwrap_or(i64::MAX);
    let row = [
        ("oid", Datum::Int(oid)),
        ("relname", text(&table.name)),
        ("relnamespace", Datum::Int(schema_oid(&table.keyspace))),
        ("relowner", Datum::Int(OWNER)),
        ("relam", Datum::Int(2)),
        ("reltuples", Datum::Int(-1)),
        ("relhasindex", Datum::Bool(true)),
        ("relpersistence", text("p")),
        ("relkind", text("r")),
        ("relnatts", Datum::Int(count)),
        ("relreplident", text("d")),
    ];
    fill("pg_catalog", "pg_class", &row);
    let row = [
        ("schemaname", text(&table.keyspace)),
        ("tablename", text(&table.name)),
        ("hasindexes", Datum::Bool(true)),
    ];
    fill("pg_catalog", "pg_tables", &row);
    if !table.options.comment.is_empty() {
        let row = [
            ("objoid", Datum::Int(oid)),
            ("classoid", Datum::Int(PG_CLASS)),
            ("description", text(&table.options.comment)),
        ];
        fill("pg_catalog", "pg_description", &row);
    }
}

/// An index as a relation, and what it indexes.
fn index(
    table: &Table,
    (oid, name): (i64, &str),
    is_key: bool,
    columns: &[&Column],
    fill: &mut impl FnMut(&str, &str, Row<'_>),
) {
    let row = [
        ("oid", Datum::Int(oid)),
        ("relname", text(name)),
        ("relnamespace", Datum::Int(schema_oid(&table.keyspace))),
        ("relowner", Datum::Int(OWNER)),
        ("relam", Datum::Int(403)),
        ("relpersistence", text("p")),
        ("relkind", text("i")),
        ("relreplident", text("n")),
    ];
    fill("pg_catalog", "pg_class", &row);
    let numbers: Vec<i64> = columns.iter().map(|it| number_of(table, it)).collect();
    let count = i64::try_from(numbers.len()).unwrap_or(i64::MAX);
    let options = columns
        .iter()
        .map(|column| if column.descending { 3 } else { 0 })
        .collect();
    let row = [
        ("indexrelid", Datum::Int(oid)),
        ("indrelid", Datum::Int(table_oid(table.id.0))),
        ("indnatts", Datum::Int(count)),
        ("indnkeyatts", Datum::Int(count)),
        ("indisunique", Datum::Bool(is_key)),
        ("indisprimary", Datum::Bool(is_key)),
        ("indimmediate", Datum::Bool(true)),
        ("indisvalid", Datum::Bool(true)),
        ("indisready", Datum::Bool(true)),
        ("indislive", Datum::Bool(true)),
        ("indkey", Datum::Ints(numbers)),
        ("indoption", Datum::Ints(options)),
    ];
    fill("pg_catalog", "pg_index", &row);
    for (number, column) in (1..).zip(columns) {
        let row = attribute_row(oid, number, column, false);
        fill("pg_catalog", "pg_attribute", &row);
    }
}

fn primary_key(facts: &Facts, table: &Table, fill: &mut impl FnMut(&str, &str, Row<'_>)) {
    let (oid, name, columns) = (key_oid(table.id.0), key_name(table), key_columns(table));
    index(table, (oid, &name), true, &columns, fill);
    let numbers = columns.iter().map(|it| number_of(table, it)).collect();
    let row = [
        ("oid", Datum::Int(oid)),
        ("conname", text(&name)),
        ("connamespace", Datum::Int(schema_oid(&table.keyspace))),
        ("contype", text("p")),
        ("convalidated", Datum::Bool(true)),
        ("conrelid", Datum::Int(table_oid(table.id.0))),
        ("conindid", Datum::Int(oid)),
        ("conkey", Datum::Ints(numbers)),
    ];
    fill("pg_catalog", "pg_constraint", &row);
    let row = [
        ("constraint_catalog", text(&facts.database)),
        ("constraint_schema", text(&table.keyspace)),
        ("constraint_name", text(&name)),
        ("table_catalog", text(&facts.database)),
        ("table_schema", text(&table.keyspace)),
        ("table_name", text(&table.name)),
        ("table_type", text("BASE TABLE")),
        ("is_insertable_into", text("YES")),
        ("constraint_type", text("PRIMARY KEY")),
        ("is_deferrable", text("NO")),
        ("initially_deferred", text("NO")),
    ];
    fill("information_schema", "tables", &row);
    fill("information_schema", "table_constraints", &row);
    for (number, column) in (1..).zip(columns) {
        let mut row = row.to_vec();
        row.push(("column_name", text(&column.name)));
        row.push(("ordinal_position", Datum::Int(number)));
        fill("information_schema", "key_column_usage", &row);
    }
}

fn secondary_indexes(table: &Table, fill: &mut impl FnMut(&str, &str, Row<'_>)) {
    for own in &table.indexes {
        let columns: Vec<&Column> = table.column_by_id(own.column).into_iter().collect();
        let oid = table_oid(own.entries.0);
        index(table, (oid, &own.name), false, &columns, fill);
    }
}

fn attribute_row(
    relation: i64,
    number: i64,
    column: &Column,
    is_required: bool,
) -> [(&'static str, Datum); 9] {
    let (oid, size) = oid::of(&column.ty);
    [
        ("attrelid", Datum::Int(relation)),
        ("attname", text(&column.name)),
        ("atttypid", Datum::Int(i64::from(oid))),
        ("attlen", Datum::Int(i64::from(size))),
        ("attnum", Datum::Int(number)),
        ("atttypmod", Datum::Int(-1)),
        ("attnotnull", Datum::Bool(is_required)),
        ("attislocal", Datum::Bool(true)),
        ("attstorage", text("p")),
    ]
}

fn attribute(
    facts: &Facts,
    table: &Table,
    number: i64,
    column: &Column,
    fill: &mut impl FnMut(&str, &str, Row<'_>),
) {
    let is_key = matches!(
        column.kind,
        ColumnKind::PartitionKey | ColumnKind::Clustering
    );
    let row = attribute_row(table_oid(table.id.0), number, column, is_key);
    fill("pg_catalog", "pg_attribute", &row);
    let (oid, _) = oid::of(&column.ty);
    let (name, array) = oid::by_oid(oid).map_or(("text", false), |(pg, array)| (pg.name, array));
    let row = [
        ("table_catalog", text(&facts.database)),
        ("table_schema", text(&table.keyspace)),
        ("table_name", text(&table.name)),
        ("column_name", text(&column.name)),
        ("ordinal_position", Datum::Int(number)),
        ("is_nullable", text(if is_key { "NO" } else { "YES" })),
        ("data_type", text(if array { "ARRAY" } else { name })),
        ("udt_catalog", text(&facts.database)),
        ("udt_schema", text("pg_catalog")),
        (
            "udt_name",
            text(if array {
                format!("_{name}")
            } else {
                name.to_owned()
            }),
        ),
        ("is_identity", text("NO")),
        ("is_generated", text("NEVER")),
        ("is_updatable", text("YES")),
    ];
    fill("information_schema", "columns", &row);
}
