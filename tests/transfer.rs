//! Bulk import and export, end to end: files in, rows, files out.

#![expect(clippy::disallowed_methods, reason = "a test's own files")]
#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

#[path = "transfer/by_statement.rs"]
mod by_statement;
#[path = "transfer/formats.rs"]
mod formats;
#[path = "transfer/out.rs"]
mod out;

use helenus::clock::VirtualClock;
use helenus::config::Config;
use helenus::database::Database;
use helenus::transfer::copy::{self, CopyContext, CopySummary};
use helenus::transfer::csv::Dialect;
use helenus::transfer::{
    ErrorBound, ExportOptions, ImportOptions, ImportSummary, Input, Output, Selection, export,
    import,
};
use helenus::{Error, ErrorKind};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// 2024-05-01 12:00:00 UTC.
const NOW_MICROS: i64 = 1_714_564_800_000_000;

struct Case {
    database: Database,
    clock: Arc<VirtualClock>,
    folder: tempfile::TempDir,
}

/// What an export wrote.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Case {
    fn new(script: &[&str]) -> Self {
        let clock = VirtualClock::shared(NOW_MICROS);
        let config = Config {
            seed: Some(1),
            ..Config::default()
        };
        let database = Database::in_memory(config, clock.clone()).unwrap();
        let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
        let case = Self {
            database,
            clock,
            folder: tempfile::tempdir().unwrap(),
        };
        case.run(&format!(
            "CREATE KEYSPACE ks WITH replication = {replication}"
        ));
        for statement in script {
            case.run(statement);
        }
        case
    }

    fn run(&self, cql: &str) {
        if let Err(error) = self.database.execute(cql, &[]) {
            panic!("{cql}\n{error}");
        }
    }

    /// The rows of a query, each as its columns' wire bytes in hexadecimal.
    fn rows(&self, cql: &str) -> Vec<String> {
        let mut rows = self.database.execute(cql, &[]).unwrap().into_rows();
        let mut found = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let values = row.iter().map(|value| match value {
                Some(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
                None => "null".to_owned(),
            });
            found.push(values.collect::<Vec<String>>().join(" "));
        }
        found
    }

    /// The one text or number of a query, as CSV shows it.
    fn shown(&self, cql: &str) -> Vec<String> {
        let mut rows = self.database.execute(cql, &[]).unwrap().into_rows();
        let types: Vec<_> = rows
            .columns()
            .iter()
            .map(|column| column.ty.clone())
            .collect();
        let mut found = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let values = row.iter().zip(&types).map(|(value, ty)| match value {
                Some(bytes) => helenus::types::text::format(ty, bytes),
                None => "null".to_owned(),
            });
            found.push(values.collect::<Vec<String>>().join(","));
        }
        found
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> Input {
        std::fs::write(self.path(name), bytes).unwrap();
        self.input(name)
    }

    fn input(&self, name: &str) -> Input {
        Input::Path(self.path(name).to_str().unwrap().to_owned())
    }

    fn options(&self, table: &str, inputs: Vec<Input>) -> ImportOptions {
        ImportOptions {
            bad_file: Some(self.path("rejected.bad")),
            ..ImportOptions::new("ks", table, inputs)
        }
    }

    fn import(&self, table: &str, text: &str) -> Result<ImportSummary, Error> {
        let input = self.file("input.csv", text);
        import(&self.database, self.options(table, vec![input]))
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn read_bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn export(&self, table: &str) -> String {
        let written = Written::default();
        let output = Output::Writer(Box::new(written.clone()));
        export(&self.database, ExportOptions::new(of_table(table), output)).unwrap();
        written.text()
    }

    fn copy(&self, text: &str, stdin: &str) -> Result<(CopySummary, String), Error> {
        let written = Written::default();
        let context = CopyContext {
            keyspace: Some("ks".to_owned()),
            stdin: Some(Box::new(std::io::Cursor::new(
                stdin.to_owned().into_bytes(),
            ))),
            stdout: Some(Box::new(written.clone())),
            progress: false,
            cancel: Arc::default(),
        };
        copy::run(&self.database, text, context).map(|summary| (summary, written.text()))
    }
}

fn of_table(table: &str) -> Selection {
    Selection::Table {
        keyspace: "ks".to_owned(),
        table: table.to_owned(),
        columns: None,
    }
}

const ALL_TYPES: &str = "(p1 text, p2 decimal, c1 timestamp, c2 timeuuid, st set<text> static,
    a ascii, b bigint, bl blob, bo boolean, d date, de decimal, dou double, du duration, f float,
    i inet, n int, sm smallint, t text, ti time, ts timestamp, tu timeuuid, tin tinyint, u uuid,
    vi varint, l list<int>, s set<decimal>, m map<text, frozen<list<double>>>,
    fl frozen<list<text>>, fm frozen<map<int, blob>>, tup tuple<int, text, inet>, ud person,
    fu frozen<person>, v vector<float, 3>, vt vector<text, 2>,
    PRIMARY KEY ((p1, p2), c1, c2)) WITH CLUSTERING ORDER BY (c1 DESC, c2 ASC)";

/// Rows that hold what is hard to write: nulls beside empty texts, quotes, line ends, delimiters,
/// negative zero, NaN, infinities, extremes, nested collections.
const HARD_ROWS: &[&str] = &[
    "INSERT INTO ks.a (p1, p2, c1, c2) VALUES ('', 1.0, 0, 50554d6e-29bb-11e5-b345-feff819cdc9f)",
    "INSERT INTO ks.a (p1, p2, c1, c2, a, t, bl, l, s, m, fl, tup, du, dou, f) VALUES
     ('quote \" here', 1.00, '1969-12-31 23:59:59.999Z', 50554d6e-29bb-11e5-b345-feff819cdc9f,
     '', '', 0x, [], {}, {}, [], (null, '', null), 0s, -0.0, NaN)",
    "INSERT INTO ks.a (p1, p2, c1, c2, st, a, b, bl, bo, d, de, dou, du, f, i, n, sm, t, ti, ts,
     tu, tin, u, vi, l, s, m, fl, fm, tup, ud, fu, v, vt) VALUES
     ('comma, line\nend', -0.001, '2024-02-29 12:34:56.789+0000',
     50554d6e-29bb-11e5-b345-feff819cdc9f, {'static', 'it''s', ''}, 'plain',
     -9223372036854775808, 0xdeadbeef00, true, '-0044-03-15',
     123456789012345678901234567890.12345, 1.7976931348623157E308, -1mo2d3h4us5ns, -Infinity,
     '2001:db8::1', -2147483648, -32768, ' text with blanks ', '23:59:59.999999999',
     '0001-01-01', 50554d6e-29bb-11e5-b345-feff819cdc9f, -128,
     00000000-0000-0000-0000-000000000000, -123456789012345678901234567890, [3, 1, 2, 1, -5],
     {1.0, 2.50, -7E+20}, {'k,1': [1.5, NaN], 'quote\"''': []}, ['', 'a,b', 'it''s', '\"'],
     {-1: 0x00, 1: 0x}, (1, 'it''s (a) {tuple}', '127.0.0.1'),
     {name: 'Ann, \"B\"', age: null, tags: {'x', ''}}, {name: null, age: 7, tags: {}},
     [1.5, -0.0, 3.4028235E38], ['', 'two, three'])",
    "INSERT INTO ks.a (p1, p2, c1, c2, t, ud) VALUES ('null', 7, 1, \
     50554d6e-29bb-11e5-b345-feff819cdc9f, 'NULL', {name: 'only'})",
    "INSERT INTO ks.a (p1, p2, st) VALUES ('static only', 0, {'alone'})",
];

#[test]
fn every_type_comes_back_as_it_went() {
    let case = Case::new(&["CREATE TYPE ks.person (name text, age int, tags frozen<set<text>>)"]);
    case.run("USE ks");
    case.run(&format!("CREATE TABLE ks.a {ALL_TYPES}"));
    case.run(&format!("CREATE TABLE ks.b {ALL_TYPES}"));
    for row in HARD_ROWS {
        case.run(row);
    }
    let text = case.export("a");
    let summary = case.import("b", &text).unwrap();
    assert_eq!(
        (summary.rows, summary.rejected, summary.duplicates),
        (4, 0, 0)
    );
    let rows = case.rows("SELECT * FROM ks.a");
    assert_eq!(rows.len(), HARD_ROWS.len());
    assert_eq!(case.rows("SELECT * FROM ks.b"), rows);
    assert_eq!(case.export("b"), text);

    // The same through cqlsh's dialect, compressed, and through a null text of some length.
    case.run(&format!("CREATE TABLE ks.c {ALL_TYPES}"));
    let file = case.path("a.csv.gz").to_str().unwrap().to_owned();
    case.copy(
        &format!("COPY ks.a TO '{file}' WITH HEADER = true AND NULL = 'NULL'"),
        "",
    )
    .unwrap();
    assert!(std::fs::read(&file).unwrap().starts_with(&[0x1F, 0x8B]));
    case.copy(
        &format!("COPY ks.c FROM '{file}' WITH HEADER = true AND NULL = 'NULL'"),
        "",
    )
    .unwrap();
    assert_eq!(case.rows("SELECT * FROM ks.c"), rows);
}

#[test]
fn wrong_rows_go_to_files_of_their_own() {
    let case = Case::new(&["CREATE TABLE ks.t (k int PRIMARY KEY, v int, w text)"]);
    let text = "k,v,w\n1,10,a\n2,x20,\"b\nc\"\r\n3,30\n,40,d\n5,50,e\n6,\"60,f\n";
    let summary = case.import("t", text).unwrap();
    assert_eq!((summary.rows, summary.rejected), (2, 4));
    assert_eq!(summary.bad_file, Some(case.path("rejected.bad")));
    assert_eq!(
        case.shown("SELECT v FROM ks.t WHERE k IN (1, 2, 3, 5, 6)"),
        ["10", "50"]
    );
    assert_eq!(
        case.read("rejected.bad"),
        "2,x20,\"b\nc\"\r\n3,30\n,40,d\n6,\"60,f\n"
    );
    let reasons = case.read("rejected.bad.jsonl");
    let lines: Vec<&str> = reasons.lines().collect();
    assert_eq!(lines.len(), 4);
    for (line, (number, column, reason)) in lines.iter().zip([
        (3, Some("v"), "Unable to make int from 'x20'"),
        (5, None, "3 fields were expected, 2 found"),
        (6, Some("k"), "the key column has no value"),
        (8, None, "a quoted field is not closed"),
    ]) {
        assert!(line.contains(&format!("\"line\": {number}, ")), "{line}");
        assert!(line.contains(reason), "{line}");
        assert_eq!(line.contains("\"column\""), column.is_some(), "{line}");
        assert!(column.is_none_or(|name| line.contains(&format!("\"column\": \"{name}\""))));
        assert!(line.contains("input.csv"), "{line}");
    }
}

#[test]
fn over_max_errors_nothing_is_imported() {
    let case = Case::new(&["CREATE TABLE ks.t (k int PRIMARY KEY, v int)"]);
    let mut text = "k,v\n".to_owned();
    for k in 0..20_000 {
        text.push_str(&if k % 2_000 == 1_999 {
            format!("{k},x\n")
        } else {
            format!("{k},1\n")
        });
    }
    let import = |errors_max| {
        let input = case.file("input.csv", &text);
        let options = ImportOptions {
            errors_max: ErrorBound::Rows(errors_max),
            ..case.options("t", vec![input])
        };
        import(&case.database, options)
    };
    let error = import(9).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Input);
    assert!(error.message.contains("nothing was imported"), "{error}");
    assert!(
        error.message.contains("than the 9 allowed (--max-errors)"),
        "{error}"
    );
    assert!(
        error
            .message
            .contains("line 2001, column v: Unable to make int from 'x'"),
        "{error}"
    );
    assert!(case.rows("SELECT * FROM ks.t").is_empty());
    assert_eq!(case.read("rejected.bad").lines().count(), 10);
    assert_eq!(import(0).unwrap_err().kind, ErrorKind::Input);
    assert!(case.rows("SELECT * FROM ks.t").is_empty());
    let summary = import(10).unwrap();
    assert_eq!((summary.rows, summary.rejected), (19_990, 10));
    assert_eq!(case.shown("SELECT count(*) FROM ks.t"), ["19990"]);
}

#[test]
fn columns_are_found_by_name() {
    let case = Case::new(&["CREATE TABLE ks.t (k int, c int, \"V\" text, PRIMARY KEY (k, c))"]);
    let summary = case
        .import("t", "\u{FEFF}V,more,C,k\r\none,x,1,1\r\n\r\ntwo,y,2,1\r\n")
        .unwrap();
    assert_eq!(summary.rows, 2);
    assert_eq!(case.shown("SELECT * FROM ks.t"), ["1,1,one", "1,2,two"]);
    let error = case.import("t", "k,V\n1,x\n").unwrap_err();
    assert!(
        error
            .message
            .contains("the key column c of ks.t is missing"),
        "{error}"
    );
    assert!(error.message.contains("input.csv"), "{error}");
    let error = case.import("t", "").unwrap_err();
    assert!(
        error.message.contains("is empty, a header was expected"),
        "{error}"
    );
    let error = case.import("nothing", "k\n1\n").unwrap_err();
    assert!(error.message.contains("nothing"), "{error}");
}

#[test]
fn options_of_the_dialect_hold() {
    let case = Case::new(&["CREATE TABLE ks.t (k int PRIMARY KEY, v int, w text)"]);
    case.run("INSERT INTO ks.t (k, v, w) VALUES (1, 11, 'stays')");
    let input = case.file("input.csv", "1;NA;NA\n2;7;\"NA\"\n3;NA;\n");
    let options = ImportOptions {
        header: false,
        dialect: Dialect {
            delimiter: b';',
            null: "NA".to_owned(),
            ..Dialect::default()
        },
        ..case.options("t", vec![input])
    };
    assert_eq!(import(&case.database, options).unwrap().rows, 3);
    // Null text is absent: no tombstone hides what was there.
    let rows = case.shown("SELECT k, v, w FROM ks.t WHERE k IN (1, 2, 3)");
    assert_eq!(rows, ["1,11,stays", "2,7,NA", "3,null,"]);
}

#[test]
fn inputs_may_be_many_compressed_or_streams() {
    let case = Case::new(&["CREATE TABLE ks.t (k int PRIMARY KEY, v int)"]);
    let packed = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    case.file("part-2.csv", "v,k\n2,2\n20,9\n");
    case.file(
        "part-1.csv.gz",
        [packed("k,v\n1,1\n"), packed("9,10\n")].concat(),
    );
    case.file("disguised", packed("k,v\n3,3\n"));
    let inputs = vec![
        case.input("part-*"),
        case.input("disguised"),
        Input::Reader(
            "stream".to_owned(),
            Box::new(std::io::Cursor::new("k,v\n4,4\n")),
        ),
    ];
    let summary = import(&case.database, case.options("t", inputs)).unwrap();
    assert_eq!((summary.rows, summary.duplicates), (5, 1));
    // Files of a glob come by name: of the rows with key 9 the one of part-2 is the later one.
    let rows = case.shown("SELECT k, v FROM ks.t WHERE k IN (1, 2, 3, 4, 9)");
    assert_eq!(rows, ["1,1", "2,2", "3,3", "4,4", "9,20"]);
    case.file("broken.gz", "k,v\n5,5\n");
    let error = import(
        &case.database,
        case.options("t", vec![case.input("broken.gz")]),
    );
    assert!(error.unwrap_err().message.contains("is not in gzip format"));
    let mut cut = packed("k,v\n6,6\n");
    cut.truncate(cut.len() - 9);
    case.file("cut.gz", cut);
    let error = import(
        &case.database,
        case.options("t", vec![case.input("cut.gz")]),
    );
    assert!(error.unwrap_err().message.contains("cut.gz: cannot read"));
    let error = import(
        &case.database,
        case.options("t", vec![case.input("absent.csv")]),
    );
    assert!(
        error
            .unwrap_err()
            .message
            .contains("absent.csv: cannot open")
    );
    assert_eq!(case.shown("SELECT count(*) FROM ks.t"), ["5"]);
}

#[test]
fn later_rows_win_column_by_column() {
    let case = Case::new(&[
        "CREATE TABLE ks.t (k int, c int, v text, w text, l list<int>, PRIMARY KEY (k, c))",
    ]);
    let text = "k,c,v,w,l\n1,1,zzz,first,\"[1, 2, 3]\"\n1,2,x,,\n1,1,aaa,,\"[9]\"\n1,1,bbb,,\n";
    for memory_bytes_max in [4 << 10, 64 << 20] {
        let input = case.file("input.csv", text);
        let options = ImportOptions {
            memory_bytes_max,
            ..case.options("t", vec![input])
        };
        let summary = import(&case.database, options).unwrap();
        assert_eq!((summary.rows, summary.duplicates), (2, 2));
        let rows = case.shown("SELECT * FROM ks.t");
        assert_eq!(rows, ["1,1,[9],bbb,first", "1,2,null,x,null"]);
    }
}

#[test]
fn little_memory_gives_the_same_rows() {
    let case = Case::new(&[
        "CREATE TABLE ks.a (k int, c int, s text static, v text, PRIMARY KEY (k, c))",
        "CREATE TABLE ks.b (k int, c int, s text static, v text, PRIMARY KEY (k, c))",
    ]);
    let mut text = "k,c,s,v\n".to_owned();
    let random = helenus::random::Random::seeded(3);
    for number in 0..20_000 {
        let (k, c) = (random.below(500), random.below(100));
        text.push_str(&format!("{k},{c},static {},value {number}\n", number / 100));
    }
    let import = |table: &str, memory_bytes_max| {
        let input = case.file("input.csv", &text);
        let options = ImportOptions {
            memory_bytes_max,
            ..case.options(table, vec![input])
        };
        import(&case.database, options).unwrap()
    };
    let (small, large) = (import("a", 16 << 10), import("b", 256 << 20));
    assert_eq!(
        (small.rows, small.duplicates),
        (large.rows, large.duplicates)
    );
    assert_eq!(large.rows + large.duplicates, 20_000);
    let rows = case.rows("SELECT * FROM ks.a");
    assert_eq!(rows.len() as u64, large.rows);
    assert_eq!(case.rows("SELECT * FROM ks.b"), rows);
}

#[test]
fn a_huge_record_is_refused_in_words() {
    struct Endless(u64);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let size = buffer.len().min(usize::try_from(self.0).unwrap());
            buffer[..size].fill(b'7');
            self.0 -= size as u64;
            Ok(size)
        }
    }
    let case = Case::new(&["CREATE TABLE ks.t (k int PRIMARY KEY, v text)"]);
    let stream = std::io::Cursor::new("k,v\n1,a\n2,").chain(Endless(100 << 20));
    let input = Input::Reader("huge.csv".to_owned(), Box::new(stream));
    let error = import(&case.database, case.options("t", vec![input])).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Input);
    assert!(
        error
            .message
            .contains("huge.csv: the record that starts in line 3"),
        "{error}"
    );
    assert!(error.message.contains("longer than 16 MiB"), "{error}");
    assert!(case.rows("SELECT * FROM ks.t").is_empty());
}

#[test]
fn rows_expire_by_the_runs_ttl_or_the_tables() {
    let case = Case::new(&[
        "CREATE TABLE ks.t (k int PRIMARY KEY, v int) WITH default_time_to_live = 100",
    ]);
    let import = |text: &str, ttl_seconds| {
        let input = case.file("input.csv", text);
        let options = ImportOptions {
            ttl_seconds,
            ..case.options("t", vec![input])
        };
        import(&case.database, options)
    };
    import("k,v\n1,1\n", None).unwrap();
    import("k,v\n2,2\n", Some(1_000)).unwrap();
    import("k,v\n3,3\n", Some(0)).unwrap();
    assert_eq!(
        case.shown("SELECT ttl(v) FROM ks.t WHERE k IN (1, 2, 3)"),
        ["100", "1000", "null"]
    );
    case.clock.advance_micros(101_000_000);
    assert_eq!(
        case.shown("SELECT k FROM ks.t WHERE k IN (1, 2, 3)"),
        ["2", "3"]
    );
    case.clock.advance_micros(1_000_000_000);
    assert_eq!(case.shown("SELECT k FROM ks.t WHERE k IN (1, 2, 3)"), ["3"]);
    assert!(
        import("k,v\n4,4\n", Some(-1))
            .unwrap_err()
            .message
            .contains("A TTL must be")
    );
    let long = helenus::limits::TTL_SECONDS_MAX;
    assert!(import("k,v\n4,4\n", Some(long)).is_ok());
    assert!(
        import("k,v\n4,4\n", Some(long + 1))
            .unwrap_err()
            .message
            .contains("too large")
    );
}

#[test]
fn a_run_has_one_timestamp() {
    let case = Case::new(&["CREATE TABLE ks.t (k int PRIMARY KEY, v int)"]);
    case.run("INSERT INTO ks.t (k, v) VALUES (1, 100) USING TIMESTAMP 500");
    let import = |timestamp| {
        let input = case.file("input.csv", "k,v\n1,1\n2,2\n");
        let timestamp_micros = Some(timestamp);
        let options = ImportOptions {
            timestamp_micros,
            ..case.options("t", vec![input])
        };
        import(&case.database, options)
    };
    import(499).unwrap();
    let rows = case.shown("SELECT k, v, writetime(v) FROM ks.t WHERE k IN (1, 2)");
    assert_eq!(rows, ["1,100,500", "2,2,499"]);
    import(501).unwrap();
    import(501).unwrap();
    let rows = case.shown("SELECT k, v, writetime(v) FROM ks.t WHERE k IN (1, 2)");
    assert_eq!(rows, ["1,1,501", "2,2,501"]);
    assert!(import(i64::MIN).is_err());
    // An import beats what was written before it, and loses to what comes later.
    case.run("INSERT INTO ks.t (k, v) VALUES (3, 1)");
    case.import("t", "k,v\n3,2\n").unwrap();
    assert_eq!(case.shown("SELECT v FROM ks.t WHERE k = 3"), ["2"]);
    case.run("UPDATE ks.t SET v = 3 WHERE k = 3");
    assert_eq!(case.shown("SELECT v FROM ks.t WHERE k = 3"), ["3"]);
}
