//! Sessions: keyspaces, prepared statements, values, interrupts.

mod altered_types;
mod explain;
mod index_edges;
mod indexes;
mod paging;
mod requests;

use super::*;
use crate::clock::VirtualClock;
use crate::config::Config;
use crate::error::ErrorKind;
use crate::limits;
use crate::types::Value;

pub(super) fn shared() -> Shared {
    let config = Config {
        background: false,
        seed: Some(1),
        ..Config::default()
    };
    let engine = Engine::in_memory(config, VirtualClock::shared(1_000_000)).unwrap();
    let shared = Shared::new(engine, Random::seeded(1));
    let mut session = Session::with(shared.clone(), None);
    for cql in [
        "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TABLE k.t (k int, c int, v text, PRIMARY KEY (k, c))",
    ] {
        session.execute(cql, &[]).unwrap();
    }
    shared
}

fn values(session: &mut Session, cql: &str, values: &[BindValue]) -> Vec<Vec<Value>> {
    let rows = session.execute(cql, values).unwrap().into_rows();
    let rows = rows.collect().unwrap();
    rows.iter()
        .map(|row| {
            let names = row.columns().iter().map(|column| column.name.clone());
            names.map(|name| row.value(&name).unwrap()).collect()
        })
        .collect()
}

#[test]
fn each_session_has_its_keyspace() {
    let shared = shared();
    let mut one = Session::with(shared.clone(), None);
    let mut two = Session::with(shared, Some("k".to_owned()));
    let refused = one.execute("SELECT * FROM t", &[]).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Invalid);
    assert!(
        refused
            .message
            .starts_with("No keyspace has been specified.")
    );
    two.execute("SELECT * FROM t", &[]).unwrap();
    one.execute("USE k", &[]).unwrap();
    assert_eq!(one.keyspace(), Some("k"));
    one.execute("SELECT * FROM t", &[]).unwrap();
}

#[test]
fn a_prepared_statement_follows_the_schema() {
    let shared = shared();
    let mut session = Session::with(shared.clone(), Some("k".to_owned()));
    let insert = session
        .prepare("INSERT INTO t (k, c, v) VALUES (?, ?, ?)")
        .unwrap();
    let select = session.prepare("SELECT * FROM t WHERE k = ?").unwrap();
    let names: Vec<String> = insert.variables().iter().map(|v| v.name.clone()).collect();
    assert_eq!(names, ["k", "c", "v"]);
    session
        .execute_prepared(&insert, &[1.into(), 1.into(), "a".into()])
        .unwrap();
    session.execute("ALTER TABLE t ADD w int", &[]).unwrap();
    session
        .execute("INSERT INTO t (k, c, w) VALUES (1, 1, 7)", &[])
        .unwrap();
    // Another session knows it by its id, and it answers the new column.
    let mut other = Session::with(shared, None);
    let select = other.prepared(&select.id()).unwrap();
    let rows = other
        .execute_prepared(&select, &[1.into()])
        .unwrap()
        .into_rows();
    assert_eq!(rows.columns().len(), 4);
    let row = rows.collect().unwrap().remove(0);
    assert_eq!(
        (
            row.get::<String>("v").unwrap(),
            row.get::<i32>("w").unwrap()
        ),
        ("a".into(), 7)
    );
    session.execute("ALTER TABLE t DROP v", &[]).unwrap();
    let refused = session
        .execute_prepared(&insert, &[1.into(), 1.into(), "a".into()])
        .unwrap_err();
    assert!(refused.message.contains("Undefined column name v"));
    assert_eq!(
        other.prepared(&[0; 16]).unwrap_err().kind,
        ErrorKind::Unprepared
    );
}

#[test]
fn values_by_position_and_by_name() {
    let mut session = Session::with(shared(), Some("k".to_owned()));
    let insert = "INSERT INTO t (k, c, v) VALUES (:key, :at, :text)";
    session
        .execute_named(
            insert,
            &[("text", "x".into()), ("key", 1.into()), ("at", 2.into())],
        )
        .unwrap();
    assert_eq!(
        values(&mut session, "SELECT * FROM t", &[]),
        [[Value::Int(1), Value::Int(2), Value::Text("x".to_owned())]]
    );
    let refused = session
        .execute_named(insert, &[("key", 1.into())])
        .unwrap_err();
    assert_eq!(refused.message, "Invalid amount of bind variables");
    let refused = session.execute("SELECT * FROM t WHERE k = ?", &["one".into()]);
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Invalid);
}

#[test]
fn an_interrupt_stops_a_stream_and_not_the_next_statement() {
    let mut session = Session::with(shared(), Some("k".to_owned()));
    for c in 0..3 {
        let insert = "INSERT INTO t (k, c) VALUES (1, ?)";
        session.execute(insert, &[c.into()]).unwrap();
    }
    let mut rows = session.execute("SELECT c FROM t", &[]).unwrap().into_rows();
    assert!(rows.next().unwrap().is_some());
    session.interrupt().store(true, Ordering::Relaxed);
    assert_eq!(rows.next().unwrap_err().kind, ErrorKind::Cancelled);
    let count = values(&mut session, "SELECT count(*) FROM t", &[]);
    assert_eq!(count, [[Value::BigInt(3)]]);
}

#[test]
fn limits_hold() {
    let mut session = Session::with(shared(), Some("k".to_owned()));
    let long = format!("SELECT * FROM t{}", " ".repeat(limits::STATEMENT_BYTES_MAX));
    assert_eq!(
        session.execute(&long, &[]).unwrap_err().kind,
        ErrorKind::Invalid
    );
    let keys = |count: usize| {
        let keys: Vec<String> = (0..count).map(|key| key.to_string()).collect();
        format!("SELECT * FROM t WHERE k IN ({})", keys.join(", "))
    };
    session
        .execute(&keys(limits::IN_COMBINATIONS_MAX), &[])
        .unwrap();
    let refused = session
        .execute(&keys(limits::IN_COMBINATIONS_MAX + 1), &[])
        .unwrap_err();
    assert!(refused.message.contains("cartesian product"));
}
