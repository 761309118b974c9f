//! Random predicates: what the engine leaves out by itself changes no answer.
//!
//! Each predicate is asked twice: as it is, so that keys, slices, token ranges, zones and the order
//! of clusterings reach the scan, and within a `coalesce`, which nothing sees through.

use crate::answers::ask;
use helenus::Database;
use helenus::analytics::{Analytics, AnalyticsOptions};
use helenus::clock::VirtualClock;
use helenus::config::Config;
use helenus::random::Random;

const COLUMNS: &str = "a, b, c, d, e, n, f, w, day, word, s";

const SCHEMA: [&str; 2] = [
    "CREATE KEYSPACE p WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    "CREATE TABLE p.t (a int, b text, c bigint, d timestamp, e text, s int static, n int, \
     f double, w decimal, day date, word text, PRIMARY KEY ((a, b), c, d, e)) \
     WITH CLUSTERING ORDER BY (c DESC, d ASC, e ASC)",
];

/// The key of a random row, as a WHERE of CQL, by how many of its clustering columns.
fn key(random: &Random, clusterings: usize) -> String {
    let parts = [
        format!("c = {}", random.below(8)),
        format!("d = '1970-01-0{}T00:00:00Z'", 1 + random.below(4)),
        format!("e = '{}'", word(random)),
    ];
    let partition = format!("a = {} AND b = '{}'", random.below(5), word(random));
    let rest = parts.iter().take(clusterings);
    rest.fold(partition, |all, part| format!("{all} AND {part}"))
}

fn word(random: &Random) -> &'static str {
    ["", "a", "ab", "b", "ß"][random.below(5) as usize]
}

fn fill(db: &Database, clock: &VirtualClock, random: &Random) {
    let run = |cql: String| {
        db.execute(&cql, &[])
            .unwrap_or_else(|error| panic!("{error}: {cql}"));
    };
    for part in 0..4 {
        for _ in 0..150 {
            let ttl = ["", "", "", "USING TTL 90"][random.below(4) as usize];
            let set = [
                format!("n = {}", random.below(40)),
                format!("f = {}.5", random.below(9)),
                format!("w = {}.{}", random.below(9), random.below(100)),
                format!("day = '1970-01-0{}'", 1 + random.below(9)),
                format!("word = '{}'", word(random)),
                "n = null".to_owned(),
            ];
            let first = random.below(3) as usize;
            let set = set[first..first + 1 + random.below(3) as usize].join(", ");
            match random.below(24) {
                0 => run(format!("DELETE FROM p.t WHERE {}", key(random, 0))),
                1 => run(format!("DELETE FROM p.t WHERE {}", key(random, 1))),
                2 => run(format!("DELETE n, f FROM p.t WHERE {}", key(random, 3))),
                3 => run(format!(
                    "DELETE FROM p.t WHERE {} AND c > {}",
                    key(random, 0),
                    random.below(8)
                )),
                4 => run(format!(
                    "UPDATE p.t {ttl} SET s = {} WHERE {}",
                    random.below(5),
                    key(random, 0)
                )),
                _ => run(format!(
                    "UPDATE p.t {ttl} SET {set} WHERE {}",
                    key(random, 3)
                )),
            }
        }
        clock.advance_micros(30_000_000);
        if part < 3 {
            db.engine().flush(None).unwrap();
        }
    }
}

/// A condition on one column, or on the token.
fn atom(random: &Random) -> String {
    let compare = ["=", "=", "=", "<", "<=", ">", ">=", "<>"][random.below(8) as usize];
    let number = |up_to: u64| random.below(up_to + 4) as i64 - 2;
    let stamp = || {
        let day = 1 + random.below(5);
        format!("TIMESTAMP '1970-01-0{day} 00:00:00'")
    };
    match random.below(16) {
        0 | 1 => format!("a {compare} {}", number(5)),
        2 => format!("a IN ({}, {}, {})", number(5), number(5), number(5)),
        3 => format!("b {compare} '{}'", word(random)),
        4 => format!("b IN ('{}', '{}')", word(random), word(random)),
        5 => format!("c {compare} {}", number(8)),
        6 => format!("c BETWEEN {} AND {}", number(8), number(8)),
        7 => format!("d {compare} {}", stamp()),
        8 => format!("(c = {} OR c = {})", number(8), number(8)),
        9 => format!("e {compare} '{}'", word(random)),
        10 => {
            let token = (random.next_u64() as i64).wrapping_add(number(9));
            format!("token(a, b) {compare} {token}")
        }
        11 => format!("n {compare} {}", number(40)),
        12 => format!("f {compare} {}.5", number(9)),
        13 => format!("w {compare} {}.{}", number(9), random.below(100)),
        14 => format!("day {compare} DATE '1970-01-0{}'", 1 + random.below(9)),
        _ => {
            let column = ["n", "s", "c", "word"][random.below(4) as usize];
            let is = ["IS NULL", "IS NOT NULL"][random.below(2) as usize];
            format!("{column} {is}")
        }
    }
}

fn predicate(random: &Random) -> String {
    let mut atoms: Vec<String> = (0..1 + random.below(4)).map(|_| atom(random)).collect();
    // Whole keys are rare among independent columns.
    if random.below(3) == 0 {
        let whole = format!("a = {} AND b = '{}'", random.below(5), word(random));
        atoms.push(whole);
    }
    let joint = [" AND ", " AND ", " AND ", " OR "][random.below(4) as usize];
    atoms.join(joint)
}

#[test]
fn predicates_that_reach_the_scan_change_no_answer() {
    let (mut rows, mut empty) = (0, 0);
    for seed in 0..4 {
        let random = Random::seeded(seed);
        let clock = VirtualClock::shared(1_700_000_000_000_000);
        let config = Config {
            block_bytes: [120, 700, 16 << 10][seed as usize % 3],
            ..Config::default()
        };
        let db = Database::in_memory(config, clock.clone()).unwrap();
        for statement in SCHEMA {
            db.execute(statement, &[]).unwrap();
        }
        fill(&db, &clock, &random);
        let analytics = Analytics::new(db.engine().clone(), AnalyticsOptions::default());
        for _ in 0..60 {
            let predicate = predicate(&random);
            let (order, sorted) = match random.below(4) {
                0 => ("ORDER BY a, b, c DESC, d, e", true),
                1 => ("ORDER BY a, b, c, d DESC, e DESC", true),
                _ => ("", false),
            };
            let text = format!("SELECT {COLUMNS} FROM t WHERE {predicate} {order}");
            let hidden =
                format!("SELECT {COLUMNS} FROM t WHERE coalesce({predicate}, false) {order}");
            let mut reached = ask(&analytics, "p", &text);
            let mut told_apart = ask(&analytics, "p", &hidden);
            if !sorted {
                reached.sort();
                told_apart.sort();
            }
            assert_eq!(reached, told_apart, "seed {seed}: {text}");
            let count = format!("SELECT count(*) FROM t WHERE {predicate}");
            let counted = ask(&analytics, "p", &count);
            assert_eq!(
                counted[0][0],
                reached.len().to_string(),
                "seed {seed}: {count}"
            );
            rows += reached.len();
            empty += usize::from(reached.is_empty());
        }
    }
    assert!(
        rows > 2_500 && empty < 150,
        "{rows} rows, {empty} empty answers"
    );
}
