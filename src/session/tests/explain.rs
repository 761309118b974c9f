//! Plans of CQL in words.

use crate::clock::VirtualClock;
use crate::config::Config;
use crate::session::Session;
use crate::storage::Engine;

fn database() -> Session {
    let config = Config {
        background: false,
        seed: Some(1),
        ..Config::default()
    };
    let engine = Engine::in_memory(config, VirtualClock::shared(1_000_000)).unwrap();
    let mut db = Session::new(engine);
    for statement in [
        "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "USE k",
        "CREATE TABLE t (p int, c int, v int, w text, PRIMARY KEY (p, c))",
        "CREATE INDEX by_v ON t (v)",
    ] {
        db.execute(statement, &[]).unwrap();
    }
    for p in 0..4 {
        for c in 0..10 {
            let insert = format!("INSERT INTO t (p, c, v, w) VALUES ({p}, {c}, {c}, 'w')");
            db.execute(&insert, &[]).unwrap();
        }
    }
    db.engine().flush(None).unwrap();
    db
}

fn plan(db: &mut Session, statement: &str) -> Vec<String> {
    let mut rows = db.execute(statement, &[]).unwrap().into_rows();
    let mut lines = Vec::new();
    while let Some(row) = rows.next_row().unwrap() {
        lines.push(row.get::<String>("plan").unwrap());
    }
    lines
}

#[test]
fn a_plan_says_how_rows_are_found() {
    let mut db = database();
    for (statement, expected) in [
        (
            "SELECT w FROM t WHERE p = 1 AND c = 2",
            "Read one row of k.t by its full key\n  key: p = 1\n  rows: c = 2\n  \
             pruned: SSTables by key range and bloom filter; blocks by the rows' range\n  \
             columns read: w (1 of 2)\n  estimated rows: 1 of 40",
        ),
        (
            "SELECT p FROM t WHERE p = 1",
            "Read one partition of k.t\n  key: p = 1\n  \
             pruned: SSTables by key range and bloom filter\n  \
             columns read: keys alone (0 of 2)\n  estimated rows: 10 of 40",
        ),
        (
            "SELECT * FROM t WHERE p = 1 AND c > 3 ORDER BY c DESC LIMIT 2",
            "Read a slice of one partition of k.t\n  key: p = 1\n  rows: c > 3\n  \
             pruned: SSTables by key range and bloom filter; blocks by the rows' range\n  \
             columns read: v, w (2 of 2)\n  order: reverse clustering order, read backwards\n  \
             limit: 2\n  estimated rows: 2 of 40",
        ),
        (
            "SELECT * FROM t WHERE v = 3",
            "Read rows of k.t by its index by_v\n  \
             index: by_v finds the rows with the value; each is then read by its key\n  \
             pruned: all rows without an entry in the index\n  \
             filter, row by row: v = 3\n  columns read: v, w (2 of 2)\n  estimated rows: 10 of 40",
        ),
        (
            "SELECT * FROM t WHERE w = 'x' ALLOW FILTERING",
            "Scan all of k.t\n  pruned: nothing: every partition is read\n  \
             filter, row by row: w = 'x'\n  columns read: v, w (2 of 2)\n  \
             estimated rows: 4 of 40",
        ),
        (
            "INSERT INTO t (p, c, v) VALUES (1, 1, 1) IF NOT EXISTS",
            "Insert into k.t: one partition, in one record of the commit log\n  \
             1 column written\n  \
             condition: the partition is locked, read and judged first\n  \
             1 index kept: the row's old values are read, entries go in the same record",
        ),
    ] {
        let told = plan(&mut db, &format!("EXPLAIN {statement}")).join("\n");
        assert_eq!(told, expected, "{statement}");
    }
    let told = plan(&mut db, "EXPLAIN SELECT * FROM t WHERE token(p) > 5");
    assert_eq!(
        told[..2],
        ["Scan a range of tokens of k.t", "  tokens: token > 5"]
    );
    let told = plan(&mut db, "EXPLAIN SELECT cluster_name FROM system.local");
    assert!(told[0].starts_with("Make up the rows"), "{told:?}");
}

#[test]
fn analyze_tells_what_was_read() {
    let mut db = database();
    let told = plan(
        &mut db,
        "EXPLAIN ANALYZE SELECT w FROM t WHERE p = 1 AND c < 4",
    );
    let at = told
        .iter()
        .position(|line| line == "Read by level:")
        .unwrap();
    assert!(told[at + 1].starts_with("  level 0: "), "{told:?}");
    assert!(told[at + 1].contains("1 file"), "{told:?}");
    assert!(
        told.iter().any(|line| line.starts_with("Rows answered: 4")),
        "{told:?}"
    );
    // It never changes anything.
    let refused = db.execute("EXPLAIN ANALYZE DELETE FROM t WHERE p = 1", &[]);
    assert!(refused.unwrap_err().message.contains("only SELECT"));
    let told = plan(&mut db, "EXPLAIN DELETE FROM t WHERE p = 1");
    assert!(told[0].starts_with("Delete from k.t"), "{told:?}");
    let rows = db.execute("SELECT * FROM t WHERE p = 1", &[]).unwrap();
    assert_eq!(rows.into_rows().collect().unwrap().len(), 10);
}
