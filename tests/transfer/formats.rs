//! Formats, mappings, stamps, resumed runs.

use super::*;
use helenus::source::StampKind;
use helenus::transfer::{Create, Format, Mapping};

const EVERYTHING: &str = "CREATE TABLE ks.t (p int, c text, s text static, v double, l list<int>, \
    m map<text, int>, u uuid, d date, ts timestamp, n decimal, PRIMARY KEY (p, c))";

fn filled() -> Case {
    let case = Case::new(&[EVERYTHING]);
    for p in 0..20 {
        case.run(&format!(
            "INSERT INTO ks.t (p, c, s, v, l, m, u, d, ts, n) VALUES ({p}, 'c{p}', 's', {p}.5, \
             [1, {p}], {{'a': {p}}}, 00000000-0000-0000-0000-0000000000{p:02}, '2024-01-02', \
             '2024-01-02T03:04:05.006Z', {p}.125) USING TIMESTAMP {}",
            1_000 + p
        ));
    }
    case.run("INSERT INTO ks.t (p, c, v) VALUES (1, 'ttl', 1.0) USING TTL 1000 AND TIMESTAMP 77");
    case.run("UPDATE ks.t USING TIMESTAMP 78 SET m['b'] = 5, v = 2.0 WHERE p = 2 AND c = 'c2'");
    case.run("UPDATE ks.t USING TIMESTAMP 79 SET v = 3.0 WHERE p = 3 AND c = 'no marker'");
    case.run("INSERT INTO ks.t (p, s) VALUES (99, 'alone')");
    case
}

fn out(case: &Case, name: &str, change: impl FnOnce(&mut ExportOptions)) {
    let mut options = ExportOptions::new(of_table("t"), Output::Path(case.path(name)));
    change(&mut options);
    export(&case.database, options).unwrap();
}

#[test]
fn formats_come_back_as_they_went() {
    let mut names = vec!["t.csv", "t.jsonl", "t.jsonl.gz"];
    if cfg!(feature = "analytics") {
        names.extend(["t.csv.zst", "t.parquet", "t.arrow"]);
    }
    for name in names {
        let case = filled();
        let before = case.rows("SELECT * FROM ks.t");
        out(&case, name, |_| {});
        case.run("TRUNCATE ks.t");
        let input = case.input(name);
        let summary = import(&case.database, case.options("t", vec![input])).unwrap();
        assert_eq!(summary.rejected, 0, "{name}");
        assert_eq!(case.rows("SELECT * FROM ks.t"), before, "{name}");
    }
}

#[test]
fn stamps_come_back_as_they_went() {
    for name in ["t.csv", "t.jsonl"] {
        let case = filled();
        let stamps = "SELECT p, c, v, writetime(v), ttl(v), writetime(s), writetime(ts) FROM ks.t";
        let before = case.rows(stamps);
        out(&case, name, |options| {
            options.preserve = StampKind::ALL.to_vec()
        });
        let first = case.read_bytes(name);
        case.run("DROP TABLE ks.t");
        case.run(EVERYTHING);
        let input = case.input(name);
        import(&case.database, case.options("t", vec![input])).unwrap();
        assert_eq!(case.rows(stamps), before, "{name}");
        out(&case, name, |options| {
            options.preserve = StampKind::ALL.to_vec()
        });
        assert_eq!(case.read_bytes(name), first, "{name}");
        // A row without a marker goes with its last value.
        case.run("DELETE v FROM ks.t WHERE p = 3 AND c = 'no marker'");
        assert!(
            case.rows("SELECT p FROM ks.t WHERE p = 3 AND c = 'no marker'")
                .is_empty()
        );
    }
}

#[test]
fn fields_are_mapped() {
    let case = Case::new(&["CREATE TABLE ks.t (k int PRIMARY KEY, a text, b text)"]);
    let input = case.file("in.csv", "id,a,x,ts,exp\n1,A,X,55,1000\n");
    let mapping = Mapping::parse("id=k, *=-b, x=b, ts=__timestamp, exp=__ttl").unwrap();
    let options = ImportOptions {
        mapping: Some(mapping),
        ..case.options("t", vec![input])
    };
    import(&case.database, options).unwrap();
    assert_eq!(
        case.shown("SELECT k, a, b, writetime(a), ttl(a) FROM ks.t"),
        ["1,A,X,55,1000"]
    );
    out(&case, "out.jsonl", |options| {
        options.mapping = Some(Mapping::parse("id=k, *=-b").unwrap());
    });
    assert_eq!(case.read("out.jsonl"), "{\"id\": 1, \"a\": \"A\"}\n");
}

#[test]
fn a_table_is_made_from_a_file() {
    let case = Case::new(&[]);
    let input = case.file("in.csv", "K,day,x\n1,2024-01-02,1.5\n2,2024-01-03,\n");
    let options = |input, dry_run| ImportOptions {
        create: Some(Create {
            primary_key: Some("(k), day".to_owned()),
            ask: None,
        }),
        dry_run,
        ..case.options("made", vec![input])
    };
    let error = import(&case.database, options(case.input("in.csv"), true)).unwrap_err();
    assert!(
        error.message.contains("a dry run makes no table"),
        "{error}"
    );
    import(&case.database, options(input, false)).unwrap();
    assert_eq!(
        case.shown("SELECT k, day, x FROM ks.made WHERE k = 1"),
        ["1,2024-01-02,1.5"]
    );
    // One that fails leaves no table behind.
    let bad = case.file("bad.jsonl", "{\"k\": 1, \"day\": 2}\n{\"k\": \"x\"}\n");
    let failing = ImportOptions {
        table: "other".to_owned(),
        errors_max: ErrorBound::Rows(0),
        ..options(bad, false)
    };
    assert!(import(&case.database, failing).is_err());
    assert!(
        case.database
            .execute("SELECT * FROM ks.other", &[])
            .is_err()
    );
}

#[test]
fn a_run_is_not_repeated_and_a_dry_one_writes_nothing() {
    let case = Case::new(&["CREATE TABLE ks.t (k int PRIMARY KEY, v int)"]);
    let input = || case.input("in.csv");
    case.file("in.csv", "k,v\n1,1\n2,2\n");
    let dry = ImportOptions {
        dry_run: true,
        ..case.options("t", vec![input()])
    };
    assert_eq!(import(&case.database, dry).unwrap().rows, 2);
    assert!(case.rows("SELECT * FROM ks.t").is_empty());
    let resumed = || ImportOptions {
        resume: true,
        ..case.options("t", vec![input()])
    };
    let first = import(&case.database, resumed()).unwrap();
    case.run("DELETE FROM ks.t WHERE k = 1");
    let again = import(&case.database, resumed()).unwrap();
    assert_eq!((first.rows, again.rows), (2, 2));
    assert_eq!(first.timestamp_micros, again.timestamp_micros);
    assert_eq!(case.rows("SELECT * FROM ks.t").len(), 1);
}

#[test]
fn shares_of_errors_and_numbers_of_files_are_bounded() {
    let case = Case::new(&["CREATE TABLE ks.t (k int PRIMARY KEY, v text)"]);
    let text: String = (0..200).map(|k| format!("{k},v\n")).collect();
    let bounded = |share: f64| {
        let input = case.file("in.csv", format!("k,v\n{text}x,1\ny,2\n"));
        let options = ImportOptions {
            errors_max: ErrorBound::Percent(share),
            ..case.options("t", vec![input])
        };
        import(&case.database, options)
    };
    assert!(bounded(0.5).is_err());
    assert_eq!(bounded(1.5).unwrap().rejected, 2);
    let query = Selection::Query {
        keyspace: None,
        text: "SELECT k FROM ks.t".to_owned(),
    };
    let output = Output::Path(case.path("q.out"));
    let options = ExportOptions {
        format: Some(Format::JsonLines),
        rows_max: Some(3),
        ..ExportOptions::new(query, output)
    };
    assert_eq!(export(&case.database, options).unwrap().rows, 3);
    assert!(case.read("q.out").starts_with("{\"k\": "));
}

#[test]
fn what_is_no_file_of_columns_is_told() {
    if cfg!(not(feature = "analytics")) {
        return;
    }
    let case = filled();
    let tell = |name: &str, bytes: &[u8]| {
        let input = case.file(name, bytes);
        import(&case.database, case.options("t", vec![input]))
            .unwrap_err()
            .message
    };
    assert!(tell("x.parquet", b"k,v\n").contains("is not a Parquet file"));
    out(&case, "t.parquet", |_| {});
    let whole = case.read_bytes("t.parquet");
    let cut = tell("y.parquet", &whole[..whole.len() / 2]);
    assert!(
        cut.contains("damaged or truncated") && cut.contains("offset"),
        "{cut}"
    );
    case.run("CREATE TABLE ks.w (p int, c text, v uuid, PRIMARY KEY (p, c))");
    let input = case.input("t.parquet");
    let error = import(&case.database, case.options("w", vec![input])).unwrap_err();
    assert!(error.message.contains("column v"), "{error}");
}
