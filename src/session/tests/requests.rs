//! Requests of clients: prepared by id, batches, timestamps, warnings.

use super::paging::{cells, page};
use super::shared;
use crate::cql::result::{BindValue, QueryResult};
use crate::error::ErrorKind;
use crate::limits;
use crate::session::{
    Answer, BatchKind, RequestOptions, Session, Shared, Slot, StatementClass, Values,
};
use crate::types::Type;
use bytes::{Bytes, BytesMut};

fn execute(shared: &Shared, cql: &str) {
    Session::with(shared.clone(), Some("k".to_owned()))
        .execute(cql, &[])
        .unwrap();
}

fn rows(answer: Answer) -> Vec<Vec<Option<Bytes>>> {
    let mut rows = answer.result.into_rows();
    let mut out = BytesMut::new();
    let page = rows.encode_page(&mut out).unwrap();
    cells(&rows.shared_columns(), page.rows, out.freeze())
}

fn read(shared: &Shared, cql: &str) -> Vec<Vec<Option<Bytes>>> {
    page(shared, cql, None, None).unwrap().0
}

fn int(value: i32) -> Slot {
    Slot::Bytes(Bytes::copy_from_slice(&value.to_be_bytes()))
}

fn wire(values: &[Slot]) -> RequestOptions {
    RequestOptions {
        values: Values::Wire(values.to_vec()),
        ..RequestOptions::default()
    }
}

fn big(value: i64) -> Option<Bytes> {
    Some(Bytes::copy_from_slice(&value.to_be_bytes()))
}

#[test]
fn a_statement_is_known_by_its_id_and_described() {
    let shared = shared();
    let insert = "INSERT INTO t (c, v, k) VALUES (?, ?, ?)";
    let prepared = shared.prepare(insert, Some("k")).unwrap();
    assert_eq!(prepared.kind(), StatementClass::Insert);
    assert!(prepared.is_quick());
    assert_eq!(*prepared.partition_key_indices(), [2]);
    assert!(prepared.result_columns().is_empty());
    let again = shared.prepared(&prepared.id()).unwrap();
    assert_eq!(again.query(), insert);
    let text = Slot::Bytes(Bytes::from_static(b"a"));
    shared.run(&again, wire(&[int(5), text, int(1)])).unwrap();
    let refused = shared.run(&again, wire(&[int(5)])).unwrap_err();
    assert_eq!(
        refused.message,
        "there were 3 markers(?) in CQL but 1 bound variables"
    );
    let select = shared
        .prepare("SELECT * FROM t WHERE k = ?", Some("k"))
        .unwrap();
    assert_eq!(*select.partition_key_indices(), [0]);
    assert_eq!(select.result_columns().len(), 3);
    assert_eq!(rows(shared.run(&select, wire(&[int(1)])).unwrap()).len(), 1);
    let quick = |cql: &str| shared.adhoc(cql, Some("k")).unwrap().is_quick();
    assert!(!quick("SELECT * FROM t"));
    assert!(!quick("SELECT * FROM t WHERE k IN (1, 2)"));
    assert!(!quick("SELECT count(*) FROM t WHERE k = 1"));
    assert!(!quick(
        "SELECT * FROM t WHERE k = 1 AND v = 'a' ALLOW FILTERING"
    ));
    assert!(quick("DELETE FROM t WHERE k = 1"));
    assert!(!quick("TRUNCATE t"));
}

#[test]
fn new_columns_change_the_metadata_and_lost_meanings_ask_for_preparation() {
    let shared = shared();
    let select = shared
        .prepare("SELECT * FROM t WHERE k = ?", Some("k"))
        .unwrap();
    let update = shared
        .prepare("UPDATE t SET v = ? WHERE k = ? AND c = ?", Some("k"))
        .unwrap();
    let before = select.result_metadata_id();
    assert!(select.may_skip_metadata());
    execute(&shared, "ALTER TABLE t ADD w int");
    shared.run(&select, wire(&[int(1)])).unwrap();
    assert_ne!(select.result_metadata_id(), before);
    assert_eq!(select.result_columns().len(), 4);
    assert!(!select.may_skip_metadata());
    execute(&shared, "ALTER TABLE t DROP v");
    execute(&shared, "ALTER TABLE t ADD v text");
    let values = wire(&[Slot::Null, int(1), int(1)]);
    shared.run(&update, values.clone()).unwrap();
    execute(&shared, "DROP TABLE t");
    let refused = shared.run(&update, values).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unprepared);
    assert!(shared.prepared(&update.id()).is_none());
    let truth = shared.prepare(update.query(), Some("k")).unwrap_err();
    assert_eq!(truth.message, "table t does not exist");
    // The same name, other types: who encodes for the old ones must not go on.
    execute(
        &shared,
        "CREATE TABLE t (k text, c int, PRIMARY KEY (k, c))",
    );
    let refused = shared.run(&select, wire(&[int(1)])).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unprepared);
    let fresh = shared.prepare(select.query(), Some("k")).unwrap();
    assert_eq!(fresh.id(), select.id());
    assert_eq!(fresh.variables()[0].ty, Type::Text);
}

#[test]
fn many_statements_stay_within_the_bound() {
    let shared = shared();
    let kept = shared
        .prepare("SELECT v FROM t WHERE k = ?", Some("k"))
        .unwrap();
    let filler = " ".repeat(20_000);
    for number in 0..400 {
        let cql = format!("SELECT v FROM t WHERE k = ?{filler}AND c = {number}");
        shared.prepare(&cql, Some("k")).unwrap();
        assert!(shared.prepared(&kept.id()).is_some());
    }
    let figures = shared.statement_figures();
    assert!(figures.bytes <= limits::PREPARED_BYTES_MAX);
    assert!(figures.statements > 50);
    assert_eq!(figures.statements as u64 + figures.evictions, 401);
}

#[test]
fn the_timestamp_and_the_moment_are_the_requests() {
    let shared = shared();
    let at = |cql: &str, micros: i64, now: i64| {
        let statement = shared.adhoc(cql, Some("k")).unwrap();
        let options = RequestOptions {
            timestamp_micros: Some(micros),
            now_seconds: Some(now),
            ..RequestOptions::default()
        };
        shared.run(&statement, options)
    };
    at("INSERT INTO t (k, c, v) VALUES (1, 1, 'a')", 500, 1).unwrap();
    at("INSERT INTO t (k, c, v) VALUES (1, 1, 'b')", 400, 1).unwrap();
    let own = "INSERT INTO t (k, c, v) VALUES (1, 2, 'c') USING TIMESTAMP 7 AND TTL 100";
    at(own, 600, 1_000).unwrap();
    let query = "SELECT writetime(v), ttl(v) FROM t WHERE k = 1";
    let found = rows(at(query, 0, 1_040).unwrap());
    let ttl = Some(Bytes::copy_from_slice(&60_i32.to_be_bytes()));
    assert_eq!(found, [[big(500), None], [big(7), ttl]]);
    assert_eq!(rows(at(query, 0, 1_100).unwrap()).len(), 1);
    let refused = at("DELETE FROM t WHERE k = 1", i64::MIN, 1).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Protocol);
}

fn batch(
    shared: &Shared,
    kind: BatchKind,
    statements: &[(&str, Vec<BindValue>)],
) -> crate::error::Result<Answer> {
    let statements = statements
        .iter()
        .map(|(cql, values)| Ok((shared.adhoc(cql, Some("k"))?, values.clone().into())))
        .collect::<crate::error::Result<Vec<_>>>()?;
    let options = RequestOptions {
        timestamp_micros: Some(900),
        ..RequestOptions::default()
    };
    shared.run_batch(kind, statements, options)
}

#[test]
fn prepared_statements_make_a_batch() {
    let shared = shared();
    execute(&shared, "CREATE TABLE n (k int PRIMARY KEY, n counter)");
    let insert = "INSERT INTO t (k, c, v) VALUES (?, ?, ?)";
    let timed = "UPDATE t USING TIMESTAMP 3 SET v = ? WHERE k = 1 AND c = 2";
    let answer = batch(
        &shared,
        BatchKind::Logged,
        &[
            (insert, vec![1.into(), 1.into(), "a".into()]),
            (timed, vec!["b".into()]),
        ],
    )
    .unwrap();
    assert!(matches!(answer.result, QueryResult::Void));
    assert_eq!(
        read(&shared, "SELECT writetime(v) FROM t WHERE k = 1"),
        [[big(900)], [big(3)]]
    );
    let count = ("UPDATE n SET n = n + 2 WHERE k = 1", Vec::new());
    batch(&shared, BatchKind::Counter, &[count.clone(), count.clone()]).unwrap();
    assert_eq!(read(&shared, "SELECT n FROM n"), [[big(4)]]);
    let plain = ("DELETE FROM t WHERE k = 1", Vec::new());
    let only_writes =
        "Invalid statement in batch: only UPDATE, INSERT and DELETE statements are allowed.";
    let nested = "BEGIN BATCH DELETE FROM t WHERE k = 1 APPLY BATCH";
    for (kind, statements, said) in [
        (
            BatchKind::Unlogged,
            vec![plain.clone(), count.clone()],
            "Counter and non-counter mutations cannot exist in the same batch",
        ),
        (
            BatchKind::Counter,
            vec![plain.clone()],
            "Cannot include non-counter statement in a counter batch",
        ),
        (
            BatchKind::Logged,
            vec![count],
            "Cannot include a counter statement in a logged batch",
        ),
        (
            BatchKind::Logged,
            vec![("SELECT * FROM t", Vec::new())],
            only_writes,
        ),
        (BatchKind::Logged, vec![(nested, Vec::new())], only_writes),
        (
            BatchKind::Logged,
            vec![(insert, vec![1.into()])],
            "There were 3 markers(?) in CQL but 1 bound variables",
        ),
    ] {
        let refused = batch(&shared, kind, &statements).unwrap_err();
        assert_eq!(refused.message, said);
    }
    batch(&shared, BatchKind::Logged, &[]).unwrap();
}

#[test]
fn large_batches_draw_warnings() {
    let shared = shared();
    execute(&shared, "CREATE TABLE p (k int PRIMARY KEY, v text)");
    execute(
        &shared,
        "CREATE TABLE g (k int PRIMARY KEY, v text) WITH gc_grace_seconds = 0",
    );
    let of = |table: &str, count: i32, bytes: usize| -> Vec<(String, Vec<BindValue>)> {
        let insert = format!("INSERT INTO {table} (k, v) VALUES (?, ?)");
        let values = |k: i32| vec![k.into(), "x".repeat(bytes).into()];
        (0..count).map(|k| (insert.clone(), values(k))).collect()
    };
    let run = |kind, statements: Vec<(String, Vec<BindValue>)>| {
        let borrowed: Vec<(&str, Vec<BindValue>)> = statements
            .iter()
            .map(|(cql, values)| (cql.as_str(), values.clone()))
            .collect();
        batch(&shared, kind, &borrowed).map(|answer| answer.warnings)
    };
    assert!(run(BatchKind::Logged, of("p", 2, 2000)).unwrap().is_empty());
    assert_eq!(
        run(BatchKind::Logged, of("p", 2, 3000)).unwrap(),
        ["Batch for [k.p] is of size 6140, exceeding specified threshold of 5120 by 1020."]
    );
    assert!(
        run(BatchKind::Logged, of("p", 1, 60_000))
            .unwrap()
            .is_empty()
    );
    let refused = run(BatchKind::Unlogged, of("p", 2, 26_000)).unwrap_err();
    assert_eq!(refused.message, "Batch too large");
    assert!(run(BatchKind::Unlogged, of("p", 10, 1)).unwrap().is_empty());
    let mut both = of("p", 12, 1);
    both.extend(of("g", 12, 1));
    assert_eq!(
        run(BatchKind::Unlogged, both).unwrap(),
        [
            "Unlogged batch covering 12 partitions detected against tables [k.g, k.p]. You should \
             use a logged batch for atomicity, or asynchronous writes for performance."
        ]
    );
    let careless = run(BatchKind::Logged, of("g", 2, 1)).unwrap();
    assert!(careless[0].starts_with("Executing a LOGGED BATCH on table [k.g], configured with"));
}

#[test]
fn aggregates_over_much_draw_warnings() {
    let shared = shared();
    let warnings = |cql: &str| {
        let statement = shared.adhoc(cql, Some("k")).unwrap();
        let answer = shared.run(&statement, RequestOptions::default()).unwrap();
        answer.warnings
    };
    let all = "Aggregation query used without partition key";
    assert_eq!(warnings("SELECT count(*) FROM t"), [all]);
    assert_eq!(warnings("SELECT k, max(c) FROM t GROUP BY k"), [all]);
    assert_eq!(
        warnings("SELECT count(*) FROM t WHERE k IN (1, 2)"),
        ["Aggregation query used on multiple partition keys (IN restriction)"]
    );
    for quiet in [
        "SELECT count(*) FROM t WHERE k = 1",
        "SELECT count(*) FROM t WHERE token(k) > 0",
        "SELECT * FROM t",
    ] {
        assert!(warnings(quiet).is_empty());
    }
}

#[test]
fn a_deferred_write_is_there_once_its_ticket_is_durable() {
    let shared = shared();
    let insert = shared
        .adhoc("INSERT INTO t (k, c) VALUES (1, 1)", Some("k"))
        .unwrap();
    let options = RequestOptions {
        defer: true,
        ..RequestOptions::default()
    };
    let answer = shared.run(&insert, options).unwrap();
    if let Some(ticket) = answer.ticket {
        shared.engine().wait(ticket).unwrap();
        assert!(shared.engine().is_durable(ticket).unwrap());
    }
    assert_eq!(read(&shared, "SELECT c FROM t").len(), 1);
}

#[test]
fn markers_are_named_as_cassandra_names_them() {
    let shared = shared();
    for (cql, names) in [
        ("SELECT * FROM t WHERE k = ? LIMIT ?", "k [limit]"),
        ("SELECT * FROM t WHERE k IN ? AND c IN ?", "in(k) in(c)"),
        (
            "SELECT * FROM t WHERE token(k) > ? AND token(k) <= ?",
            "partition key token partition key token",
        ),
        (
            "SELECT * FROM t WHERE k = ? AND (c) > (?) PER PARTITION LIMIT ?",
            "k c [per_partition_limit]",
        ),
        (
            "INSERT INTO t (k, c, v) VALUES (?, ?, ?) USING TTL ? AND TIMESTAMP ?",
            "k c v [ttl] [timestamp]",
        ),
        ("SELECT * FROM t WHERE k IN (?, ?) AND c = ?", "k k c"),
        ("SELECT * FROM t WHERE k = :key AND c = :key", "key key"),
        ("SELECT * FROM t WHERE k = ? AND (c) IN ?", "k in(c)"),
        ("SELECT * FROM t WHERE k = ? AND (c) IN (?, ?)", "k (c) (c)"),
        ("SELECT (int)? FROM t WHERE k = ?", "[selection] k"),
        ("DELETE FROM t WHERE k = ? AND c > ?", "k c"),
    ] {
        let variables = shared.adhoc(cql, Some("k")).unwrap().variables();
        let found: Vec<&str> = variables.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(found.join(" "), names, "{cql}");
        assert!(variables.iter().all(|it| it.table == "t"));
    }
    let batch = "BEGIN BATCH USING TIMESTAMP ? DELETE FROM t WHERE k = ? APPLY BATCH";
    let batch = shared.adhoc(batch, Some("k")).unwrap();
    let variables = batch.variables();
    assert_eq!(variables[0].keyspace, "[batch]");
    assert_eq!(variables[0].table, "[batch]");
    assert_eq!(*batch.partition_key_indices(), [1]);
}

#[test]
fn markers_within_terms_are_named_as_cassandra_names_them() {
    let shared = shared();
    execute(&shared, "CREATE TYPE u (a int, b text)");
    execute(
        &shared,
        "CREATE TABLE w (k int, c int, d text, l list<int>, m map<int, text>, se set<int>, \
         tu tuple<int, text>, fu frozen<u>, uu u, v vector<float, 2>, PRIMARY KEY (k, c, d))",
    );
    for (cql, names) in [
        ("SELECT * FROM w WHERE k = ? AND (c, d) > (?, ?)", "k c d"),
        ("SELECT * FROM w WHERE k = ? AND (c, d) = ?", "k (c,d)"),
        ("SELECT * FROM w WHERE k = 1 AND c = 1 AND (d) > (?)", "d"),
        (
            "UPDATE w SET l[?] = ?, m[?] = ?, uu.a = ? WHERE k = 1 AND c = 1 AND d = ''",
            "idx(l) value(l) key(m) value(m) uu.a",
        ),
        (
            "UPDATE w SET l = l + ?, m = m + ?, se = se - ? WHERE k = 1 AND c = 1 AND d = ''",
            "l m se",
        ),
        (
            "UPDATE w SET l = ? + l, m = m - ? WHERE k = 1 AND c = 1 AND d = ''",
            "l m",
        ),
        (
            "DELETE l[?], m[?] FROM w WHERE k = 1 AND c = 1 AND d = ''",
            "idx(l) key(m)",
        ),
        (
            "SELECT * FROM w WHERE l CONTAINS ? AND m CONTAINS KEY ? AND m[?] = ? ALLOW FILTERING",
            "value(l) key(m) key(m) value(m)",
        ),
        ("SELECT m[?], se[?..?] FROM w", "key(m) value(se) value(se)"),
        ("SELECT token(?) FROM w", "[selection]"),
        (
            "SELECT * FROM w WHERE token(k) = token(?)",
            "arg0(system.token)",
        ),
        ("INSERT INTO w (k, c, d) VALUES (1, :a, :\"B\")", "a B"),
        ("SELECT * FROM w WHERE k = ? LIMIT :lim", "k lim"),
        ("SELECT * FROM w WHERE k = abs(?)", "arg0(system.abs)"),
    ] {
        let variables = shared.adhoc(cql, Some("k")).unwrap().variables();
        let found: Vec<&str> = variables.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(found.join(" "), names, "{cql}");
    }
}

#[test]
fn sets_and_maps_from_clients_are_kept_in_order() {
    let shared = shared();
    execute(
        &shared,
        "CREATE TABLE f (k int PRIMARY KEY, s frozen<set<int>>)",
    );
    let set = |items: &[i32]| {
        let mut bytes = (items.len() as i32).to_be_bytes().to_vec();
        for item in items {
            bytes.extend(4_i32.to_be_bytes());
            bytes.extend(item.to_be_bytes());
        }
        Slot::Bytes(Bytes::from(bytes))
    };
    let insert = shared
        .prepare("INSERT INTO f (k, s) VALUES (?, ?)", Some("k"))
        .unwrap();
    shared
        .run(&insert, wire(&[int(1), set(&[3, 1, 3])]))
        .unwrap();
    let Slot::Bytes(kept) = set(&[1, 3]) else {
        panic!("bytes");
    };
    assert_eq!(read(&shared, "SELECT s FROM f"), [[Some(kept)]]);
}

#[test]
fn a_large_read_is_left_to_who_may_take_long() {
    let shared = shared();
    let long = "x".repeat(4096);
    for c in 0..100 {
        let insert = format!("INSERT INTO t (k, c, v) VALUES (1, {c}, '{long}')");
        execute(&shared, &insert);
    }
    let quickly = |cql: &str| crate::storage::resident(|| page(&shared, cql, None, None));
    assert_eq!(quickly("SELECT c FROM t WHERE k = 1").unwrap().0.len(), 100);
    let refused = quickly("SELECT * FROM t WHERE k = 1").unwrap_err();
    assert_eq!(refused.kind, ErrorKind::WouldBlock);
    assert_eq!(read(&shared, "SELECT * FROM t WHERE k = 1").len(), 100);
}
