//! Ways out and ways around: exports, COPY, interruption, summaries.

use super::*;

#[test]
fn an_export_is_whole_or_not_there() {
    let case = Case::new(&["CREATE TABLE ks.t (k int PRIMARY KEY, v text)"]);
    for k in 0..100 {
        case.run(&format!("INSERT INTO ks.t (k, v) VALUES ({k}, 'v{k}')"));
    }
    let names = || {
        let mut names: Vec<_> = std::fs::read_dir(case.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let path = case.path("out.csv");
    let options = || ExportOptions::new(of_table("t"), Output::Path(path.clone()));
    let summary = export(&case.database, options()).unwrap();
    assert_eq!(summary.rows, 100);
    assert_eq!(names(), ["out.csv"]);
    let text = case.read("out.csv");
    assert_eq!(summary.bytes, text.len() as u64);
    assert_eq!(text.lines().next(), Some("k,v"));
    // Rows come in token order, as SELECT has them.
    let lines: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(lines, case.shown("SELECT k, v FROM ks.t"));
    // One that is stopped leaves the old file as it was.
    let stopped = ExportOptions {
        cancel: Arc::new(AtomicBool::new(true)),
        ..options()
    };
    assert_eq!(
        export(&case.database, stopped).unwrap_err().kind,
        ErrorKind::Cancelled
    );
    assert_eq!(
        (names(), case.read("out.csv")),
        (vec!["out.csv".to_owned()], text)
    );
    let limited = ExportOptions {
        rows_max: Some(7),
        header: false,
        ..options()
    };
    assert_eq!(export(&case.database, limited).unwrap().rows, 7);
    assert_eq!(case.read("out.csv").lines().count(), 7);
    let nowhere = Output::Path(Path::new("/nonexistent/out.csv").to_owned());
    let error = export(&case.database, ExportOptions::new(of_table("t"), nowhere)).unwrap_err();
    assert!(
        error
            .message
            .contains("/nonexistent/out.csv: cannot create"),
        "{error}"
    );
}

#[test]
fn the_rows_of_a_query_can_be_exported() {
    let case = Case::new(&["CREATE TABLE ks.t (k int, c int, v text, PRIMARY KEY (k, c))"]);
    for c in 0..10 {
        case.run(&format!(
            "INSERT INTO ks.t (k, c, v) VALUES (1, {c}, 'v{c}')"
        ));
    }
    let query = |text: &str| {
        let written = Written::default();
        let selection = Selection::Query {
            keyspace: Some("ks".to_owned()),
            text: text.to_owned(),
        };
        let output = Output::Writer(Box::new(written.clone()));
        export(&case.database, ExportOptions::new(selection, output)).map(|_| written.text())
    };
    let text = query("SELECT v AS name, c FROM t WHERE k = 1 AND c > 6 ORDER BY c DESC").unwrap();
    assert_eq!(text, "name,c\nv9,9\nv8,8\nv7,7\n");
    assert_eq!(query("SELECT count(*) FROM t").unwrap(), "count\n10\n");
    assert!(query("SELECT nothing FROM t").is_err());
}

#[test]
fn a_stopped_import_leaves_nothing() {
    /// Never ends, and stops the import once a good deal was read.
    struct Stopping(Arc<AtomicBool>, u64);
    impl Read for Stopping {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.1 > 1_000_000 {
                self.0.store(true, Ordering::SeqCst);
            }
            for byte in buffer.iter_mut() {
                *byte = b"1,1\n"[(self.1 % 4) as usize];
                self.1 += 1;
            }
            Ok(buffer.len())
        }
    }
    let case = Case::new(&["CREATE TABLE ks.t (k int PRIMARY KEY, v int)"]);
    let cancel = Arc::new(AtomicBool::new(false));
    let stream = std::io::Cursor::new("k,v\n").chain(Stopping(Arc::clone(&cancel), 0));
    let input = Input::Reader("endless".to_owned(), Box::new(stream));
    let options = ImportOptions {
        cancel,
        ..case.options("t", vec![input])
    };
    let error = import(&case.database, options).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
    assert!(error.message.contains("nothing was imported"), "{error}");
    assert!(case.rows("SELECT * FROM ks.t").is_empty());
}

#[test]
fn copy_takes_cqlshs_defaults() {
    let case = Case::new(&[
        "CREATE TABLE ks.t (k int, c int, z text static, b boolean, t timestamp, d double, \
         PRIMARY KEY (k, c))",
    ]);
    // No header, the key first, then all others by name.
    let stdin =
        "1,1,True,1.5,2024-01-02 03:04:05+0000,\"say \\\"hi\\\", z\"\n1,2,no,x,,\n1,3,,,,\n";
    let error_file = case.path("copy.err").to_str().unwrap().to_owned();
    let (summary, _) = case
        .copy(
            &format!("COPY t FROM STDIN WITH ERRFILE = '{error_file}'"),
            stdin,
        )
        .unwrap();
    let CopySummary::Imported(summary) = summary else {
        panic!("{summary}")
    };
    assert_eq!((summary.rows, summary.rejected), (2, 1));
    assert_eq!(case.read("copy.err"), "1,2,no,x,,\n");
    let (summary, text) = case.copy("COPY t TO STDOUT", "").unwrap();
    assert!(matches!(summary, CopySummary::Exported(_)));
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with("1,1,True,1.5,2024-01-02 03:04:05"),
        "{text}"
    );
    assert!(lines[0].ends_with(",\"say \\\"hi\\\", z\""), "{text}");
    assert_eq!(lines[1], "1,3,,,,\"say \\\"hi\\\", z\"");
    let (_, text) = case
        .copy(
            "COPY ks.t (c, d, t, b) TO STDOUT WITH HEADER = TRUE AND DELIMITER = '|' AND \
             DATETIMEFORMAT = '%d.%m.%Y' AND BOOLSTYLE = 'yes,no' AND DECIMALSEP = ',' AND \
             NULLVAL = '-' AND PAGESIZE = 10",
            "",
        )
        .unwrap();
    assert_eq!(text, "c|d|t|b\n1|1,5|02.01.2024|yes\n3|-|-|-\n");
    let error = case
        .copy("COPY t TO STDOUT WITH SPEED = 11", "")
        .unwrap_err();
    assert_eq!(error.message, "Unrecognized COPY TO options: speed");
    assert!(case.copy("COPY nothing TO STDOUT", "").is_err());
    let skip = "COPY t (k, c, d) FROM STDIN WITH SKIPROWS = 1 AND MAXROWS = 2 AND SKIPCOLS = 'd'";
    case.copy(skip, "5,0,1\n5,1,1\n5,2,1\n5,3,1\n").unwrap();
    assert_eq!(
        case.shown("SELECT c, d FROM ks.t WHERE k = 5"),
        ["1,null", "2,null"]
    );
}

#[test]
fn the_systems_tables_can_be_read_and_not_written() {
    let case = Case::new(&["CREATE TABLE ks.t (k int PRIMARY KEY)"]);
    let text = "COPY system_schema.tables (keyspace_name, table_name) TO STDOUT";
    let (_, text) = case.copy(text, "").unwrap();
    assert!(text.lines().any(|line| line == "ks,t"), "{text}");
    let error = case
        .copy("COPY system.local FROM STDIN", "x\n")
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert_eq!(error.message, "system keyspace is not user-modifiable.");
}

#[test]
fn summaries_are_for_people() {
    let case = Case::new(&["CREATE TABLE ks.t (k int PRIMARY KEY)"]);
    let summary = case.import("t", "k\n1\nx\n1\n").unwrap();
    let line = summary.to_string();
    assert!(line.starts_with("ks.t: 1 rows imported in "), "{line}");
    assert!(line.contains("1 rejected (rows in "), "{line}");
    assert!(
        line.ends_with(", 1 with a key that had come before"),
        "{line}"
    );
}
