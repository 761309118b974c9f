//! What DESCRIBE says of a schema makes the same schema anew.
//!
//! The schemas are those that the recorded scripts leave behind: types, orders, statics, counters,
//! dropped columns, options, names of all kinds.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

use helenus::clock::VirtualClock;
use helenus::config::Config;
use helenus::cql::parser::split_statements;
use helenus::{Database, QueryResult, Session};
use std::path::Path;

/// An empty database of a time of its own, so that ids don't meet, and a conversation with it.
fn session(year: i64) -> (Database, Session) {
    let config = Config {
        background: false,
        seed: Some(1),
        ..Config::default()
    };
    let clock = VirtualClock::shared((year - 1970) * 31_556_952_000_000);
    let database = Database::in_memory(config, clock).unwrap();
    let session = database.session();
    (database, session)
}

/// The statements that DESCRIBE gives for everything, ids and dropped columns included.
fn described(session: &mut Session) -> Vec<String> {
    let answer = session.execute("DESCRIBE SCHEMA WITH INTERNALS", &[]);
    let QueryResult::Rows(rows) = answer.unwrap() else {
        panic!("DESCRIBE answers rows");
    };
    let rows = rows.collect().unwrap();
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    rows.iter()
        .map(|row| text(row.values[3].as_deref().unwrap()))
        .collect()
}

/// Runs what can be run of a script, in a keyspace of its own.
fn run(session: &mut Session, keyspace: &str, script: &str) {
    let create = format!(
        "CREATE KEYSPACE {keyspace} WITH replication = {{'class': 'SimpleStrategy', \
         'replication_factor': 1}}"
    );
    session.execute(&create, &[]).unwrap();
    session.execute(&format!("USE {keyspace}"), &[]).unwrap();
    for piece in split_statements(script) {
        let word = piece.text.split_whitespace().next().unwrap_or_default();
        let changes_schema = ["CREATE", "ALTER", "DROP"].contains(&word);
        // Cassandra describes a type of this name so that it cannot be read back, and so do we.
        let is_native = piece.text.starts_with("CREATE TYPE \"int\"");
        // Much of it is refused, and data doesn't matter here.
        if changes_schema && !is_native && !piece.text.starts_with("DROP KEYSPACE") {
            let _ = session.execute(piece.text, &[]);
        }
    }
}

#[test]
fn a_described_schema_makes_itself_anew() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts/cql");
    let mut tables = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let is_schema = [
            "r01", "r02", "r04", "r05", "r06", "r08", "r09", "r37", "r60",
        ]
        .iter()
        .any(|row| stem.starts_with(row));
        if !is_schema || path.extension().is_none_or(|extension| extension != "cql") {
            continue;
        }
        let (_database, mut first) = session(2013);
        run(&mut first, &stem, &std::fs::read_to_string(&path).unwrap());
        let text = described(&mut first);
        tables += text
            .iter()
            .filter(|text| text.starts_with("CREATE TABLE"))
            .count();
        let (_database, mut second) = session(2014);
        for statements in &text {
            for piece in split_statements(statements) {
                let answer = second.execute(piece.text, &[]);
                answer.unwrap_or_else(|error| panic!("{stem}: {}: {error}", piece.text));
            }
        }
        assert_eq!(described(&mut second), text, "{stem}");
    }
    assert!(tables > 200, "{tables}");
}
