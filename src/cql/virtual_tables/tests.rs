//! Tests of the system's own tables.

use super::*;
use crate::clock::VirtualClock;
use crate::config::Config;
use crate::cql::ddl::execute;
use crate::cql::parser::parse_statement;
use crate::storage::read::PartitionBound;

const ALL: Partitions = Partitions::Range {
    start: PartitionBound::Open,
    end: PartitionBound::Open,
};

fn engine(statements: &[&str]) -> Engine {
    let config = Config {
        background: false,
        seed: Some(1),
        ..Config::default()
    };
    let engine = Engine::in_memory(config, VirtualClock::shared(1_000_000)).unwrap();
    for statement in statements {
        let kind = parse_statement(statement).unwrap().kind;
        execute(&engine, None, &kind).unwrap();
    }
    engine
}

/// The rows of a table, shown as CQL literals.
fn shown(engine: &Engine, keyspace: &str, table: &str, columns: &[&str]) -> Vec<String> {
    let view = CatalogView::default();
    let catalog = view.of(engine).unwrap();
    let table = catalog.table(keyspace, table).unwrap();
    assert!(is_virtual(table));
    let mut shown: Vec<String> = rows(engine, &view, table, &ALL)
        .unwrap()
        .iter()
        .map(|row| {
            let values = table.columns().zip(row);
            let cells = values.filter(|(column, _)| columns.contains(&column.name.as_str()));
            let cells = cells.map(|(column, value)| column.ty.literal(value.as_deref()));
            cells.collect::<Vec<_>>().join(" ")
        })
        .collect();
    shown.sort();
    shown
}

#[test]
fn all_declarations_are_read() {
    let engine = engine(&[]);
    let view = CatalogView::default();
    let catalog = view.of(&engine).unwrap();
    let names: Vec<&str> = catalog.keyspaces.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "system",
            "system_auth",
            "system_distributed",
            "system_schema",
            "system_traces",
            "system_views",
            "system_virtual_schema"
        ]
    );
    let local = catalog.table("system", "local").unwrap();
    let last = local.columns().last().unwrap();
    assert_eq!(last.name, "helenus_version");
    // Every one can be read, and tells itself apart.
    for table in catalog.tables.values() {
        assert!(is_virtual(table));
        for row in rows(&engine, &view, table, &ALL).unwrap() {
            assert_eq!(row.len(), table.columns().count());
            for (column, value) in table.columns().zip(&row) {
                if let Some(value) = value {
                    column.ty.validate(value).unwrap();
                }
            }
        }
    }
}

#[test]
fn the_view_follows_the_catalog() {
    let engine = engine(&[]);
    let view = CatalogView::default();
    let before = view.of(&engine).unwrap();
    assert!(Arc::ptr_eq(&before, &view.of(&engine).unwrap()));
    let create = "CREATE KEYSPACE ks WITH replication = \
                  {'class': 'SimpleStrategy', 'replication_factor': 1}";
    execute(&engine, None, &parse_statement(create).unwrap().kind).unwrap();
    let after = view.of(&engine).unwrap();
    assert!(!before.keyspaces.contains_key("ks") && after.keyspaces.contains_key("ks"));
}

#[test]
fn the_system_lists_itself() {
    let engine = engine(&[]);
    let keyspaces = shown(&engine, "system_schema", "keyspaces", &["keyspace_name"]);
    for keyspace in [
        "'system'",
        "'system_schema'",
        "'system_traces'",
        "'system_auth'",
    ] {
        assert!(
            keyspaces.iter().any(|listed| listed == keyspace),
            "{keyspace}"
        );
    }
    let keyspaces = shown(
        &engine,
        "system_virtual_schema",
        "keyspaces",
        &["keyspace_name"],
    );
    assert_eq!(keyspaces.len(), 2);
    let columns = shown(
        &engine,
        "system_schema",
        "columns",
        &["table_name", "column_name"],
    );
    assert!(columns.contains(&"'local' 'helenus_version'".to_owned()));
}

#[test]
fn the_catalog_is_shown_as_it_is() {
    let engine = engine(&[
        "CREATE KEYSPACE ks WITH replication = \
         {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TYPE ks.address (street text, tags frozen<list<text>>)",
        "CREATE TABLE ks.t (k int, c text, s int STATIC, a frozen<address>, d int, \
         PRIMARY KEY (k, c)) WITH CLUSTERING ORDER BY (c DESC) AND comment = 'it''s'",
        "ALTER TABLE ks.t DROP d USING TIMESTAMP 5000",
    ]);
    let of_t = |keyspace: &str, table: &str, columns: &[&str]| {
        let mut columns = columns.to_vec();
        columns.push("keyspace_name");
        let rows = shown(&engine, keyspace, table, &columns);
        rows.into_iter()
            .filter_map(|row| row.strip_prefix("'ks' ").map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let columns = [
        "column_name",
        "clustering_order",
        "kind",
        "position",
        "type",
    ];
    assert_eq!(
        of_t("system_schema", "columns", &columns),
        [
            "'a' 'none' 'regular' -1 'frozen<address>'",
            "'c' 'desc' 'clustering' 0 'text'",
            "'k' 'none' 'partition_key' 0 'int'",
            "'s' 'none' 'static' -1 'int'",
        ]
    );
    assert_eq!(
        of_t(
            "system_schema",
            "types",
            &["type_name", "field_names", "field_types"]
        ),
        ["'address' ['street', 'tags'] ['text', 'frozen<list<text>>']"]
    );
    let tables = of_t(
        "system_schema",
        "tables",
        &["comment", "flags", "gc_grace_seconds"],
    );
    assert_eq!(tables, ["'it''s' {'compound'} 864000"]);
    assert_eq!(
        of_t(
            "system_schema",
            "dropped_columns",
            &["column_name", "kind", "type"]
        ),
        ["'d' 'regular' 'int'"]
    );
}

#[test]
fn who_registers_is_asked() {
    let engine = engine(&[]);
    let view = CatalogView::default();
    let catalog = view.of(&engine).unwrap();
    let settings = catalog.table("system_views", "settings").unwrap();
    let before = rows(&engine, &view, settings, &ALL).unwrap().len();
    let text = |text: &str| Value::Text(text.to_owned());
    let told = move |_: &Engine, _: &Table| -> Result<Vec<NamedValues>> {
        Ok(vec![
            vec![("name", text("cluster_name")), ("value", text("other"))],
            vec![("name", text("of_the_server")), ("value", text("on"))],
        ])
    };
    view.registry()
        .register("system_views", "settings", Arc::new(told));
    let shown: Vec<RowValues> = rows(&engine, &view, settings, &ALL).unwrap();
    assert_eq!(shown.len(), before + 1);
    let cluster: Vec<&RowValues> = shown
        .iter()
        .filter(|row| row[0].as_deref() == Some(b"cluster_name"))
        .collect();
    assert_eq!(cluster.len(), 1);
    assert_eq!(cluster[0][1].as_deref(), Some(&b"other"[..]));
    view.registry().unregister("system_views", "settings");
    assert_eq!(rows(&engine, &view, settings, &ALL).unwrap().len(), before);
    // Who tells a column that is not there is in error, and nobody else.
    let wrong = |_: &Engine, _: &Table| -> Result<Vec<NamedValues>> {
        Ok(vec![vec![("nome", Value::Int(1))]])
    };
    view.registry()
        .register("system_views", "settings", Arc::new(wrong));
    assert!(rows(&engine, &view, settings, &ALL).is_err());
}

#[test]
fn the_node_tells_its_facts() {
    let engine = engine(&[]);
    let view = CatalogView::default();
    view.registry().set_node_facts(NodeFacts {
        cluster_name: "here".to_owned(),
        rpc_address: "192.0.2.7".parse().unwrap(),
        rpc_port: 19_042,
        ..NodeFacts::default()
    });
    let catalog = view.of(&engine).unwrap();
    let local = catalog.table("system", "local").unwrap();
    let row = rows(&engine, &view, local, &ALL).unwrap().remove(0);
    let value = |name: &str| {
        let at = local.columns().position(|column| column.name == name);
        let at = at.unwrap();
        let column = local.columns().nth(at).unwrap();
        column.ty.literal(row[at].as_deref())
    };
    assert_eq!(value("cluster_name"), "'here'");
    assert_eq!(value("rpc_address"), "'192.0.2.7'");
    assert_eq!(value("rpc_port"), "19042");
    assert_eq!(value("host_id"), engine.host_id().to_string());
    assert_ne!(value("schema_version"), value("host_id"));
}

#[test]
fn estimates_cover_the_ring() {
    let engine = engine(&[
        "CREATE KEYSPACE ks WITH replication = \
         {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TABLE ks.t (k int PRIMARY KEY)",
    ]);
    let columns = ["keyspace_name", "range_start", "range_end"];
    assert_eq!(
        shown(&engine, "system", "size_estimates", &columns),
        [
            "'ks' '-9223372036854775808' '0'",
            "'ks' '0' '-9223372036854775808'"
        ]
    );
    let columns = ["range_type"];
    assert_eq!(
        shown(&engine, "system", "table_estimates", &columns),
        [
            "'local_primary'",
            "'local_primary'",
            "'primary'",
            "'primary'"
        ]
    );
}
