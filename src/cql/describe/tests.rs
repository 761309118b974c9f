//! Tests of DESCRIBE.

use super::*;
use crate::clock::VirtualClock;
use crate::config::Config;
use crate::cql::ast::StatementKind;
use crate::cql::ddl::execute;
use crate::cql::parser::{parse_statement, split_statements};
use crate::cql::virtual_tables::{CatalogView, NodeFacts};
use crate::storage::Engine;

const SCHEMA: &str = "
CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1};
CREATE KEYSPACE \"Ks2\" WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 3}
    AND durable_writes = false;
CREATE TYPE ks.zip (code int);
CREATE TYPE ks.address (street text, zip frozen<zip>);
CREATE TABLE ks.t (a int, b text, \"C\" timestamp, s list<text> STATIC, v frozen<address>,
    w map<text, frozen<set<int>>>, x tuple<int, vector<float, 3>>, gone int, back int,
    PRIMARY KEY ((a, b), \"C\"))
    WITH CLUSTERING ORDER BY (\"C\" DESC) AND comment = 'it''s' AND gc_grace_seconds = 60
    AND compaction = {'class': 'LeveledCompactionStrategy'} AND compression = {'enabled': false}
    AND extensions = {'e': 0x0a};
CREATE TABLE ks.single (k int PRIMARY KEY, \"select\" text);
ALTER TABLE ks.t DROP (gone, back) USING TIMESTAMP 5;
ALTER TABLE ks.t ADD back int;
";

fn engine(schema: &str) -> Engine {
    let config = Config {
        background: false,
        seed: Some(1),
        ..Config::default()
    };
    let engine = Engine::in_memory(config, VirtualClock::shared(1_000_000)).unwrap();
    for piece in split_statements(schema) {
        let kind = parse_statement(piece.text).unwrap().kind;
        execute(&engine, None, &kind).unwrap_or_else(|error| panic!("{}: {error}", piece.text));
    }
    engine
}

/// The values of each row, as text.
fn described(engine: &Engine, keyspace: Option<&str>, text: &str) -> Result<Vec<Vec<String>>> {
    let StatementKind::Describe(target) = parse_statement(text)?.kind else {
        panic!("{text} is no DESCRIBE");
    };
    let catalog = CatalogView::default().of(engine)?;
    let facts = NodeFacts::default();
    let rows = describe(&catalog, &facts, keyspace, &target)?.collect()?;
    Ok(rows
        .iter()
        .map(|row| {
            let values = row.values.iter().flatten();
            values
                .map(|value| String::from_utf8_lossy(value).into_owned())
                .collect()
        })
        .collect())
}

#[test]
fn a_table_is_laid_out_as_in_cassandra() {
    let engine = engine(SCHEMA);
    let rows = described(&engine, None, "DESCRIBE TABLE ks.t").unwrap();
    assert_eq!(rows[0][..3], ["ks", "table", "t"]);
    assert_eq!(rows[0][3], include_str!("tests/table.cql").trim_end());
    let rows = described(&engine, Some("ks"), "DESC TABLE single").unwrap();
    assert!(rows[0][3].starts_with(
        "CREATE TABLE ks.single (\n    k int PRIMARY KEY,\n    \"select\" text\n) WITH \
         additional_write_policy = '99p'\n    AND allow_auto_snapshot = true\n"
    ));
}

#[test]
fn a_schema_makes_itself_anew() {
    let first = engine(SCHEMA);
    let script = |engine: &Engine| {
        let rows = described(engine, None, "DESCRIBE SCHEMA WITH INTERNALS").unwrap();
        let statements: Vec<String> = rows.into_iter().map(|row| row[3].clone()).collect();
        statements.join("\n\n")
    };
    let text = script(&first);
    assert!(text.contains("DROP gone USING TIMESTAMP 5;"), "{text}");
    let second = engine(&text);
    assert_eq!(script(&second), text);
    let column = |engine: &Engine| {
        let catalog = engine.catalog();
        catalog.table("ks", "t").unwrap().dropped["back"].dropped_at_micros
    };
    assert_eq!(column(&first), column(&second));
}

#[test]
fn a_keyspace_comes_with_types_in_an_order_that_can_be_replayed() {
    let engine = engine(SCHEMA);
    let rows = described(&engine, None, "DESCRIBE KEYSPACE ks").unwrap();
    let names: Vec<_> = rows
        .iter()
        .map(|row| format!("{} {}", row[1], row[2]))
        .collect();
    assert_eq!(
        names,
        [
            "keyspace ks",
            "type zip",
            "type address",
            "table single",
            "table t"
        ]
    );
    assert_eq!(
        rows[0][3],
        "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', \
         'replication_factor': '1'}  AND durable_writes = true;"
    );
    assert_eq!(
        rows[2][3],
        "CREATE TYPE ks.address (\n    street text,\n    zip frozen<zip>\n);"
    );
    let only = described(&engine, None, "DESCRIBE ONLY KEYSPACE \"Ks2\"").unwrap();
    assert_eq!(only.len(), 1);
    assert_eq!(only[0][..3], ["\"Ks2\"", "keyspace", "\"Ks2\""]);
}

#[test]
fn lists() {
    let engine = engine(SCHEMA);
    let of = |keyspace: Option<&str>, text: &str| described(&engine, keyspace, text).unwrap();
    assert_eq!(
        of(Some("ks"), "DESCRIBE TABLES"),
        [["ks", "table", "single"], ["ks", "table", "t"]]
    );
    assert_eq!(of(Some("ks"), "DESCRIBE TYPES").len(), 2);
    assert_eq!(of(None, "DESCRIBE KEYSPACES").len(), 9);
    assert!(of(None, "DESCRIBE TABLES").len() > 20);
    assert!(of(None, "DESCRIBE FUNCTIONS").is_empty());
    assert!(of(Some("ks"), "DESCRIBE AGGREGATES").is_empty());
    assert_eq!(
        of(None, "DESCRIBE CLUSTER"),
        [["helenus", "Murmur3Partitioner", "DynamicEndpointSnitch"]]
    );
    assert_eq!(of(Some("ks"), "DESCRIBE CLUSTER")[0].len(), 4);
}

#[test]
fn bare_names() {
    let engine = engine(SCHEMA);
    let of = |text: &str| described(&engine, Some("ks"), text);
    assert_eq!(of("DESCRIBE ks").unwrap().len(), 5);
    assert_eq!(of("DESCRIBE t").unwrap()[0][2], "t");
    assert!(of("DESCRIBE ks.address").is_err());
    assert_eq!(of("DESCRIBE system.local").unwrap()[0][2], "local");
    let virtual_table = of("DESCRIBE system_views.settings").unwrap();
    assert!(
        virtual_table[0][3].starts_with("/*\nWarning: Table system_views.settings is a virtual")
    );
}

#[test]
fn what_is_not_there() {
    let engine = engine(SCHEMA);
    for (keyspace, text, message) in [
        (
            None,
            "DESCRIBE TABLE t",
            "No keyspace specified and no current keyspace",
        ),
        (
            None,
            "DESCRIBE KEYSPACE nope",
            "'nope' not found in keyspaces",
        ),
        (
            Some("ks"),
            "DESCRIBE TABLE nope",
            "Table 'nope' not found in keyspace 'ks'",
        ),
        (
            Some("ks"),
            "DESCRIBE TYPE nope",
            "User defined type 'nope' not found in 'ks'",
        ),
        (
            Some("ks"),
            "DESCRIBE INDEX i",
            "Table for existing index 'i' not found in 'ks'",
        ),
        (
            Some("ks"),
            "DESCRIBE MATERIALIZED VIEW v",
            "Materialized view 'v' not found in 'ks'",
        ),
        (
            Some("ks"),
            "DESCRIBE FUNCTION f",
            "User defined function 'f' not found in 'ks'",
        ),
        (
            Some("ks"),
            "DESCRIBE nope",
            "'nope' not found in keyspace 'ks'",
        ),
        (None, "DESCRIBE nope", "'nope' not found in keyspaces"),
    ] {
        let error = described(&engine, keyspace, text).unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (crate::ErrorKind::Invalid, message)
        );
    }
}
