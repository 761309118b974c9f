//! Tests of the schema statements: a script with what each statement answers.

use crate::clock::VirtualClock;
use crate::config::Config;
use crate::cql::ddl::execute;
use crate::cql::parser::parse_statement;
use crate::cql::result::QueryResult;
use crate::limits::NESTING_MAX;
use crate::storage::Engine;

fn answer(engine: &Engine, keyspace: Option<&str>, text: &str) -> String {
    let statement = match parse_statement(text) {
        Ok(statement) => statement,
        Err(error) => return format!("{:?}: {error}", error.kind),
    };
    match execute(engine, keyspace, &statement.kind).map(|(result, _)| result) {
        Ok(QueryResult::Void) => "nothing".to_owned(),
        Ok(QueryResult::SchemaChange(event)) => format!(
            "{:?} {:?} {} {}",
            event.action, event.target, event.keyspace, event.name
        )
        .trim_end()
        .to_owned(),
        Ok(other) => format!("{other:?}"),
        Err(error) => format!("{:?}: {error}", error.kind),
    }
}

fn engine() -> Engine {
    let config = Config {
        background: false,
        seed: Some(1),
        ..Config::default()
    };
    Engine::in_memory(config, VirtualClock::shared(1_000_000)).unwrap()
}

#[test]
fn statements_answer_as_cassandra_does() {
    let engine = engine();
    let script = include_str!("tests/schema.txt");
    let mut lines = script
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut wrong = Vec::new();
    while let (Some(statement), Some(expected)) = (lines.next(), lines.next()) {
        let got = answer(&engine, Some("ks"), statement);
        if got != expected.trim_start_matches("=> ") {
            wrong.push(format!("{statement}\n   got {got}\n  want {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_keyspace_must_be_named_or_used() {
    let engine = engine();
    let got = answer(&engine, None, "CREATE TABLE t (k int PRIMARY KEY)");
    assert_eq!(
        got,
        "Invalid: No keyspace has been specified. USE a keyspace, or explicitly specify \
         keyspace.tablename"
    );
}

fn define(engine: &Engine, statements: &[&str]) {
    for statement in statements {
        let got = answer(engine, Some("ks"), statement);
        assert!(!got.contains(':'), "{statement}: {got}");
    }
}

const KEYSPACE: &str =
    "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";

#[test]
fn a_dropped_column_comes_back_with_its_number_and_its_hidden_past() {
    let engine = engine();
    define(
        &engine,
        &[
            KEYSPACE,
            "CREATE TABLE t (k int PRIMARY KEY, a int, b int)",
            "ALTER TABLE t DROP a USING TIMESTAMP 77",
            "ALTER TABLE t ADD c int",
            "ALTER TABLE t ADD a int",
        ],
    );
    let table = engine.catalog().table("ks", "t").cloned().unwrap();
    let ids: Vec<_> = table
        .columns()
        .map(|column| (&*column.name, column.id.0))
        .collect();
    assert_eq!(ids, [("k", 0), ("a", 1), ("b", 2), ("c", 3)]);
    assert_eq!(table.dropped["a"].dropped_at_micros, 77);
    // A second drop never hides less than the first.
    define(&engine, &["ALTER TABLE t DROP a USING TIMESTAMP 5"]);
    let table = engine.catalog().table("ks", "t").cloned().unwrap();
    assert_eq!(table.dropped["a"].dropped_at_micros, 77);
    assert_eq!(table.version, 4);
}

#[test]
fn an_altered_type_is_new_wherever_it_is_used() {
    let engine = engine();
    define(
        &engine,
        &[
            KEYSPACE,
            "CREATE TYPE inner_type (a int)",
            "CREATE TYPE outer_type (i frozen<inner_type>)",
            "CREATE TABLE t (k int PRIMARY KEY, u frozen<outer_type>, l list<frozen<inner_type>>)",
            "ALTER TYPE inner_type ADD b text",
            "ALTER TYPE inner_type RENAME a TO x",
        ],
    );
    let catalog = engine.catalog();
    let table = catalog.table("ks", "t").unwrap();
    for column in ["u", "l"] {
        let shown = format!("{:?}", table.column(column).unwrap().ty);
        assert!(
            shown.contains("\"b\"") && shown.contains("\"x\""),
            "{shown}"
        );
        assert!(!shown.contains("\"a\""), "{shown}");
    }
    let outer = format!("{:?}", catalog.keyspaces["ks"].types["outer_type"]);
    assert!(outer.contains("\"b\""));
}

#[test]
fn types_nest_up_to_the_limit_through_user_types_too() {
    let engine = engine();
    define(&engine, &[KEYSPACE, "CREATE TYPE t1 (a int)"]);
    // A user type is one level above its field.
    for n in 2..NESTING_MAX {
        let inner = n - 1;
        define(
            &engine,
            &[&format!("CREATE TYPE t{n} (a frozen<t{inner}>)")],
        );
    }
    let top = NESTING_MAX - 1;
    define(
        &engine,
        &[&format!(
            "CREATE TABLE fits (k int PRIMARY KEY, v frozen<t{top}>)"
        )],
    );
    let deeper = format!("CREATE TABLE deeper (k int PRIMARY KEY, v list<frozen<t{top}>>)");
    let refusal = "Invalid: the type nests deeper than 64 levels, which is the limit";
    assert_eq!(answer(&engine, Some("ks"), &deeper), refusal);
    // Nor may a change at the bottom push the top over it.
    let push = "ALTER TYPE t1 ADD b list<int>";
    assert_eq!(answer(&engine, Some("ks"), push), refusal);
}
