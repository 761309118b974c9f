//! Files of every released format version open forever.
//!
//! `tests/formats/vN` is a data directory as version N wrote it: SSTables with the whole cell model
//! (markers, times to live, tombstones of all kinds, collections, statics, counters), a manifest,
//! and a commit log with records that were not flushed. `vN.out` is what the shell must answer over
//! a copy of it. `vN_indexes` is the same with secondary indexes, whose entries must agree with the
//! rows. `v1_shapes` is `v1` written again by files that know the shapes of their decimals,
//! `v2_scaled` has decimals as packed numbers.
//! `HELENUS_MAKE_FORMAT=name cargo test --test formats` makes the directory that is called
//! so, once, when it is new; what is released is never made again.
#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]
#![expect(clippy::disallowed_methods, reason = "the files are the tests' own")]

use helenus::Database;
use helenus::clock::VirtualClock;
use helenus::config::Config;
use helenus::shell::{Format, run_script};
use helenus::storage::check_directory;
use std::path::{Path, PathBuf};

/// A directory of files as some version wrote them.
struct Fixture {
    name: &'static str,
    flushed: &'static str,
    logged: &'static str,
    read: &'static str,
}

/// What the versions that were ever released wrote.
const FIXTURES: &[Fixture] = &[
    Fixture {
        name: "v1",
        flushed: FLUSHED,
        logged: LOGGED,
        read: READ,
    },
    Fixture {
        name: "v1_indexes",
        flushed: FLUSHED_INDEXES,
        logged: LOGGED_INDEXES,
        read: READ_INDEXES,
    },
    Fixture {
        name: "v1_shapes",
        flushed: FLUSHED,
        logged: LOGGED,
        read: READ,
    },
    Fixture {
        name: "v2",
        flushed: FLUSHED,
        logged: LOGGED,
        read: READ,
    },
    Fixture {
        name: "v2_scaled",
        flushed: FLUSHED_SCALED,
        logged: LOGGED_SCALED,
        read: READ_SCALED,
    },
];

const NOW_MICROS: i64 = 1_700_000_000_000_000;

/// Written, then flushed into an SSTable.
const FLUSHED: &str = "
CREATE KEYSPACE old WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1};
USE old;
CREATE TYPE place (street text, number int);
CREATE TABLE things (
  p text, q int, c timestamp, d decimal, s text static, a ascii, b bigint, bl blob, bo boolean,
  da date, de decimal, dou double, du duration, f float, i inet, si smallint, t time,
  tu timeuuid, ti tinyint, u uuid, v varint, l list<int>, st set<text>, m map<text, bigint>,
  fl frozen<list<text>>, tup tuple<int, text>, pl place, fpl frozen<place>, ve vector<float, 3>,
  PRIMARY KEY ((p, q), c, d)
) WITH CLUSTERING ORDER BY (c DESC, d ASC);
INSERT INTO things (p, q, c, d, s, a, b, bl, bo, da, de, dou, du, f, i, si, t, tu, ti, u, v, l, st,
  m, fl, tup, pl, fpl, ve)
VALUES ('p', 1, '2023-01-02 03:04:05+0000', 1.00, 'static', 'ascii', 9223372036854775807, 0xcafe,
  true, '2023-05-06', -1.50, 2.5, 1mo2d3h, 1.25, '192.168.0.1', -3, '08:09:10.123456789',
  8f9c6d50-7a2b-11ee-b962-0242ac120002, 7, 550e8400-e29b-41d4-a716-446655440000,
  123456789012345678901234567890, [3, 1, 2], {'b', 'a'}, {'k': 1, 'j': 2}, ['x', 'y'], (1, 'one'),
  {street: 'Main', number: 5}, {street: 'Side', number: null}, [1.0, 2.0, 3.0]);
INSERT INTO things (p, q, c, d, b) VALUES ('p', 1, '2023-01-01 00:00:00+0000', 2, 2) USING TTL 100;
UPDATE things USING TTL 600000000 SET a = 'later' WHERE p = 'p' AND q = 1
  AND c = '2023-01-01 00:00:00+0000' AND d = 3;
INSERT INTO things (p, q, c, d, b, a) VALUES ('p', 1, '2022-01-01 00:00:00+0000', 4, 4, 'gone');
DELETE a FROM things WHERE p = 'p' AND q = 1 AND c = '2022-01-01 00:00:00+0000' AND d = 4;
INSERT INTO things (p, q, c, d, b) VALUES ('p', 1, '2021-01-01 00:00:00+0000', 5, 5);
DELETE FROM things WHERE p = 'p' AND q = 1 AND c = '2021-01-01 00:00:00+0000' AND d = 5;
INSERT INTO things (p, q, c, d, b) VALUES ('p', 1, '2020-01-01 00:00:00+0000', 6, 6);
DELETE FROM things WHERE p = 'p' AND q = 1 AND c < '2020-06-01 00:00:00+0000';
INSERT INTO things (p, q, c, d, b) VALUES ('deleted', 1, '2020-01-01 00:00:00+0000', 6, 6);
DELETE FROM things WHERE p = 'deleted' AND q = 1;
INSERT INTO things (p, q, s) VALUES ('only static', 2, 'alone');
CREATE TABLE hits (page text PRIMARY KEY, n counter);
UPDATE hits SET n = n + 5 WHERE page = 'home';
UPDATE hits SET n = n - 2 WHERE page = 'home';
";

/// Written, and left in the commit log.
const LOGGED: &str = "
USE old;
UPDATE things SET l = l + [9], m = m - {'j'} WHERE p = 'p' AND q = 1
  AND c = '2023-01-02 03:04:05+0000' AND d = 1.00;
INSERT INTO things (p, q, c, d, b) VALUES ('logged', 3, '2024-01-01 00:00:00+0000', 7, 7);
UPDATE hits SET n = n + 10 WHERE page = 'home';
BEGIN BATCH
  INSERT INTO things (p, q, c, d, b) VALUES ('batch', 4, '2024-01-01 00:00:00+0000', 8, 8);
  UPDATE things SET s = 'changed' WHERE p = 'p' AND q = 1;
APPLY BATCH;
";

const READ: &str = "
USE old;
EXPAND ON
SELECT * FROM things;
SELECT p, d, ttl(a), writetime(b) FROM things;
SELECT * FROM hits;
";

/// Written, then flushed: decimals of one scale and of several, varints, and texts like them.
const FLUSHED_SCALED: &str = "
CREATE KEYSPACE old WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1};
USE old;
CREATE TABLE prices (p int, c int, price decimal, mixed decimal, n varint, word text,
  PRIMARY KEY (p, c));
INSERT INTO prices (p, c, price, mixed, n, word) VALUES (1, 1, 19.99, 1, 0, 'abcd1');
INSERT INTO prices (p, c, price, mixed, n, word) VALUES (1, 2, -0.01, 1.0, -129, 'abcd22');
INSERT INTO prices (p, c, price, mixed, n, word) VALUES (1, 3, 1234567.89, 1.00, 128, 'abcd333');
INSERT INTO prices (p, c, n) VALUES (1, 4, 9223372036854775807);
INSERT INTO prices (p, c, price, mixed, n, word) VALUES (2, 1, 0.00, 5, 7, 'abcd4');
";

/// Written, and left in the commit log.
const LOGGED_SCALED: &str = "
USE old;
INSERT INTO prices (p, c, price, n) VALUES (2, 2, 99999999999999999999.99, -9223372036854775809);
DELETE price FROM prices WHERE p = 1 AND c = 1;
";

const READ_SCALED: &str = "
USE old;
SELECT * FROM prices;
SELECT sum(price), sum(mixed), sum(n) FROM prices;
";

/// Written, then flushed: rows from before and after their indexes.
const FLUSHED_INDEXES: &str = "
CREATE KEYSPACE old WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1};
USE old;
CREATE TABLE things (p int, q int, c int, s text static, v text, l list<int>, m map<text, int>,
  f frozen<set<int>>, PRIMARY KEY ((p, q), c)) WITH CLUSTERING ORDER BY (c DESC);
INSERT INTO things (p, q, c, s, v, l, m, f) VALUES (1, 1, 1, 's', 'v', [1, 1], {'a': 1}, {1, 2});
CREATE INDEX by_p ON things (p);
CREATE INDEX by_c ON things (c);
CREATE INDEX by_s ON things (s);
CREATE INDEX by_v ON things (v);
CREATE INDEX by_l ON things (l);
CREATE INDEX by_k ON things (KEYS(m));
CREATE INDEX by_e ON things (ENTRIES(m));
CREATE INDEX by_f ON things (FULL(f));
INSERT INTO things (p, q, c, v, m) VALUES (1, 1, 2, 'v', {'a': 2, 'b': 2});
INSERT INTO things (p, q, c, v) VALUES (1, 2, 1, 'expires') USING TTL 100;
INSERT INTO things (p, q, s) VALUES (3, 3, 's');
";

/// Written, and left in the commit log.
const LOGGED_INDEXES: &str = "
USE old;
UPDATE things SET v = 'w' WHERE p = 1 AND q = 1 AND c = 1;
DELETE l[0] FROM things WHERE p = 1 AND q = 1 AND c = 1;
DELETE FROM things WHERE p = 1 AND q = 1 AND c = 2;
";

const READ_INDEXES: &str = "
USE old;
EXPAND ON
SELECT * FROM things;
SELECT index_name, kind FROM system_schema.indexes WHERE keyspace_name = 'old';
";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats")
}

fn open(directory: &Path) -> Database {
    let config = Config {
        background: false,
        seed: Some(1),
        ..Config::default()
    };
    Database::open_with(directory, config, VirtualClock::shared(NOW_MICROS)).unwrap()
}

fn run(database: &Database, script: &str) -> String {
    let mut printed = Vec::new();
    run_script(database, script, &mut printed, Format::Table).unwrap();
    String::from_utf8(printed).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// A process that ends without closing, so that the log keeps what was not flushed.
fn make(fixture: &Fixture, directory: &Path) {
    let working = tempfile::tempdir().unwrap();
    let database = open(working.path());
    run(&database, fixture.flushed);
    database.engine().flush(None).unwrap();
    run(&database, fixture.logged);
    copy(working.path(), directory);
    std::fs::remove_file(directory.join("LOCK")).unwrap();
}

#[test]
fn old_files_open() {
    for fixture in FIXTURES {
        let Fixture { name, read, .. } = fixture;
        if std::env::var("HELENUS_MAKE_FORMAT").is_ok_and(|made| made == *name) {
            make(fixture, &folder().join(name));
        }
        let working = tempfile::tempdir().unwrap();
        copy(&folder().join(name), working.path());
        let checked = check_directory(working.path(), &mut |_| {}).unwrap();
        assert_eq!((checked.damaged, checked.differences), (0, 0), "{name}");
        let database = open(working.path());
        let printed = run(&database, read);
        let golden = folder().join(format!("{name}.out"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &printed).unwrap();
        }
        assert_eq!(printed, std::fs::read_to_string(&golden).unwrap(), "{name}");
        let differences = database.engine().check_indexes().unwrap();
        assert!(differences.is_empty(), "{name}: {}", differences.join("\n"));
    }
}

/// What the decimals of `things` fit is the same whether the file says it or must be looked
/// through.
#[test]
fn decimals_of_old_files_are_known() {
    let shapes = |name: &str| {
        let working = tempfile::tempdir().unwrap();
        copy(&folder().join(name), working.path());
        let database = open(working.path());
        let catalog = database.engine().catalog();
        let table = catalog.table("old", "things").unwrap();
        let pinned = database.engine().pin(&[table.id]).unwrap();
        let columns = pinned.statistics(table.id).unwrap().columns;
        let shape_of = |column: &helenus::schema::Column| {
            let found = columns.get(&column.id)?.decimal?;
            Some((
                column.name.clone(),
                found.scale_max,
                found.integer_digits_max,
            ))
        };
        table.columns().filter_map(shape_of).collect::<Vec<_>>()
    };
    let old = shapes("v1");
    assert!(old.contains(&("de".to_owned(), 2, 1)), "{old:?}");
    assert!(
        old.iter()
            .any(|(name, scale, _)| name == "d" && *scale == 2)
    );
    assert_eq!(shapes("v1_shapes"), old);
}

#[test]
fn a_check_tells_entries_that_differ_from_rows() {
    let working = tempfile::tempdir().unwrap();
    copy(&folder().join("v1_indexes"), working.path());
    let database = open(working.path());
    let engine = database.engine();
    let entries = |name: &str| {
        let catalog = engine.catalog();
        catalog.keyspaces["old"].index(name).unwrap().1.entries
    };
    // Somebody takes the entries away behind the engine's back.
    engine.truncate(entries("by_c")).unwrap();
    engine.truncate(entries("by_s")).unwrap();
    drop(database);
    let mut told = Vec::new();
    let checked = check_directory(working.path(), &mut |line| told.push(line.to_owned())).unwrap();
    told.retain(|line| line.starts_with("BAD"));
    // By the time of the check one more row has expired.
    assert_eq!((checked.damaged, checked.differences), (0, 3), "{told:?}");
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told.iter()
            .any(|line| line.contains("index old.by_c of things"))
    );
    assert!(told.iter().any(|line| line.contains("the static row")));
}
