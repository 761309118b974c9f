//! Frames of statements: what is taken out, and what is refused.

use super::*;
use crate::error::ErrorKind;

fn name(keyspace: Option<&str>, name: &str) -> TableName {
    TableName {
        keyspace: keyspace.map(str::to_owned),
        name: name.to_owned(),
    }
}

fn owned(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn queries_stay_text() {
    for text in [
        "SELECT 1",
        "with a as (select 1) select * from a",
        "(VALUES (1))",
    ] {
        let parsed = Statement::parse(&format!(" {text} ; ")).unwrap();
        assert_eq!(parsed, Statement::Query(text.to_owned()));
        assert_eq!(parsed.target(), None);
    }
}

#[test]
fn inserts() {
    let text =
        "INSERT INTO Shop.\"Orders\" (a, \"B\"\"x\") USING TIMESTAMP -5 AND ttl 60\nSELECT 1, ')'";
    let Statement::Insert(insert) = Statement::parse(text).unwrap() else {
        panic!("an INSERT")
    };
    assert_eq!(insert.table, name(Some("shop"), "Orders"));
    assert_eq!(
        insert.columns,
        Some(vec!["a".to_owned(), "B\"x".to_owned()])
    );
    assert_eq!(insert.using.ttl_seconds, Some(60));
    assert_eq!(insert.using.timestamp_micros, Some(-5));
    assert_eq!(insert.query, "SELECT 1, ')'");
    let Statement::Insert(insert) = Statement::parse("insert into t (select 1)").unwrap() else {
        panic!("an INSERT")
    };
    assert_eq!(
        (insert.columns, insert.query.as_str()),
        (None, "(select 1)")
    );
    assert_eq!(insert.using, Using::default());
}

#[test]
fn tables_from_queries() {
    let text = "CREATE TABLE IF NOT EXISTS t (PRIMARY KEY ((a, b), c)) WITH comment = 'as AS' AND \
                gc_grace_seconds = 5 AS WITH x AS (SELECT 1) SELECT * FROM x;";
    let Statement::CreateTableAs(create) = Statement::parse(text).unwrap() else {
        panic!("a CREATE TABLE")
    };
    assert!(create.if_not_exists);
    assert_eq!(create.partition_key, ["a", "b"]);
    assert_eq!(create.clustering, ["c"]);
    assert_eq!(
        create.options,
        owned("comment = 'as AS' AND gc_grace_seconds = 5")
    );
    assert_eq!(create.query, "WITH x AS (SELECT 1) SELECT * FROM x");
    let plain = Statement::parse("CREATE TABLE t (PRIMARY KEY (a)) AS SELECT 1 AS a").unwrap();
    assert_eq!(plain.target(), Some(&name(None, "t")));
}

#[test]
fn updates_and_deletes() {
    let text = "UPDATE t AS x USING TTL 5 SET a = f(b, 1) + ?, b = CASE WHEN c IS DISTINCT FROM 1 \
                THEN 'FROM' END FROM u, (SELECT 1 WHERE true) v WHERE u.k = x.k AND a > ?";
    let Statement::Update(update) = Statement::parse(text).unwrap() else {
        panic!("an UPDATE")
    };
    assert_eq!(update.alias, owned("x"));
    assert_eq!(update.using.ttl_seconds, Some(5));
    assert_eq!(
        update.assignments[0],
        ("a".to_owned(), "f(b, 1) + ?".to_owned())
    );
    assert_eq!(
        update.assignments[1].1,
        "CASE WHEN c IS DISTINCT FROM 1 THEN 'FROM' END"
    );
    assert_eq!(update.from, owned("u, (SELECT 1 WHERE true) v"));
    assert_eq!(update.condition, owned("u.k = x.k AND a > ?"));
    let text = "DELETE FROM k.t x USING TIMESTAMP 7 USING u WHERE u.k = x.k -- gone";
    let Statement::Delete(delete) = Statement::parse(text).unwrap() else {
        panic!("a DELETE")
    };
    assert_eq!(delete.table, name(Some("k"), "t"));
    assert_eq!(delete.alias, owned("x"));
    assert_eq!(delete.using.timestamp_micros, Some(7));
    assert_eq!(delete.from, owned("u"));
    assert_eq!(delete.condition, owned("u.k = x.k"));
    let Statement::Delete(delete) = Statement::parse("DELETE FROM t").unwrap() else {
        panic!("a DELETE")
    };
    assert_eq!((delete.from, delete.condition), (None, None));
}

#[test]
fn explained() {
    let Statement::Explain(explain) = Statement::parse("EXPLAIN ANALYZE DELETE FROM t").unwrap()
    else {
        panic!("an EXPLAIN")
    };
    assert!(explain.analyze && matches!(*explain.inner, Statement::Delete(_)));
    assert!(Statement::parse("EXPLAIN EXPLAIN SELECT 1").is_err());
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (text, words) in [
        ("", "no statement"),
        ("COPY t TO 'x'", "COPY is no statement of batch SQL"),
        ("SET x = 1", "SET is no statement"),
        ("INSERT INTO t VALUE (1)", "line 1:14 expected a query"),
        ("INSERT INTO t (a) DEFAULT", "expected a query"),
        (
            "INSERT INTO t\n(a,) SELECT 1",
            "line 2:3 expected a name, found ')'",
        ),
        ("INSERT INTO t USING TTL x SELECT 1", "a whole number"),
        ("INSERT INTO t USING TTL 999999999 SELECT 1", "seconds"),
        ("CREATE TABLE t AS SELECT 1", "PRIMARY KEY"),
        (
            "CREATE TABLE t (a int PRIMARY KEY) AS SELECT 1",
            "expected PRIMARY",
        ),
        ("UPDATE t SET WHERE a = 1", "expected ="),
        ("UPDATE t SET a = WHERE b = 1", "expected an expression"),
        ("DELETE a FROM t", "UPDATE … SET c = NULL"),
        ("DELETE FROM t WHERE", "expected a condition, found the end"),
        ("SELECT 'x", "does not end"),
        ("SELECT 1 /* x", "the comment does not end"),
        ("SELECT 1)", "closes nothing"),
    ] {
        let error = Statement::parse(text).unwrap_err();
        let kind = matches!(error.kind, ErrorKind::Syntax | ErrorKind::Invalid);
        assert!(kind && error.message.contains(words), "{text}: {error}");
    }
}

#[test]
fn no_text_makes_it_panic() {
    let random = crate::random::Random::seeded(5);
    let parts = [
        "INSERT", "INTO", "t", "(", ")", "SELECT", "USING", "TTL", "1", "UPDATE", "SET", "a", "=",
        ",", "FROM", "WHERE", "DELETE", "CREATE", "TABLE", "PRIMARY", "KEY", "AS", "WITH", "'",
        "\"", "$$", "--", "/*", "ä", ";", "EXPLAIN", "[", "]", ".", "-",
    ];
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..random.below(12) {
            let at = usize::try_from(random.below(parts.len() as u64)).unwrap();
            text.push_str(parts[at]);
            text.push(' ');
        }
        let _ = Statement::parse(&text);
    }
}
