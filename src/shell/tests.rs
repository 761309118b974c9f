//! The shell without CQL: rows that are there already, commands, scripts, the interrupt.

use super::*;
use crate::clock::VirtualClock;
use crate::config::Config;
use crate::cql::result::{ColumnSpec, Rows};
use crate::types::{Type, Value};
use bytes::Bytes;
use std::io::Read;

/// A shell over an empty database in memory, with both of its outputs.
struct Fixture {
    shell: Shell,
    clock: Arc<VirtualClock>,
    out: Collected,
    err: Collected,
}

fn fixture(format: Format) -> Fixture {
    let clock = VirtualClock::shared(1_000_000);
    let config = Config {
        background: false,
        seed: Some(1),
        ..Config::default()
    };
    let database = Database::in_memory(config, Arc::clone(&clock) as _).unwrap();
    let ((out, collected), (err, said)) = (Out::buffer(), Out::buffer());
    let settings = Settings {
        format,
        ..Settings::default()
    };
    let shell = Shell::new(&database, settings, out, err);
    Fixture {
        shell,
        clock,
        out: collected,
        err: said,
    }
}

impl Fixture {
    fn printed(&self) -> String {
        String::from_utf8(self.out.take()).unwrap()
    }

    fn said(&self) -> String {
        String::from_utf8(self.err.take()).unwrap()
    }

    fn run(&mut self, script: &str) -> Result<Flow> {
        self.shell.run_script("test", script.as_bytes())
    }
}

/// Rows of an int and a text column.
fn rows(values: &[(i32, Option<&str>)]) -> Rows {
    let column = |name: &str, ty| ColumnSpec {
        keyspace: "k".into(),
        table: "t".into(),
        name: name.into(),
        ty,
    };
    let columns = Arc::from([column("id", Type::Int), column("name", Type::Text)]);
    let encode = |ty: &Type, value: Value| Bytes::from(ty.encode(&value).unwrap());
    let rows = values.iter().map(|(id, name)| {
        vec![
            Some(encode(&Type::Int, Value::Int(*id))),
            name.map(|name| encode(&Type::Text, Value::Text(name.to_owned()))),
        ]
    });
    Rows::from_vec(columns, rows.collect())
}

#[test]
fn a_table_like_cqlshs() {
    let mut test = fixture(Format::Table);
    test.shell
        .print_rows(rows(&[(1, Some("漢字")), (23, None)]))
        .unwrap();
    assert_eq!(
        test.printed(),
        "\n id | name\n----+------\n  1 | 漢字\n 23 | null\n\n(2 rows)\n"
    );
    test.shell.print_rows(rows(&[])).unwrap();
    assert_eq!(test.printed(), "\n id | name\n----+------\n\n(0 rows)\n");
}

#[test]
fn records_when_expanded() {
    let mut test = fixture(Format::Table);
    test.run("EXPAND ON").unwrap();
    test.printed();
    test.shell.print_rows(rows(&[(1, Some("x"))])).unwrap();
    assert_eq!(
        test.printed(),
        "\n@ Row 1\n------+---\n id   | 1\n name | x\n\n(1 rows)\n"
    );
}

#[test]
fn data_for_programs_stands_alone() {
    let mut test = fixture(Format::Csv);
    test.run("SHOW VERSION").unwrap();
    test.shell
        .print_rows(rows(&[(1, Some("a,b")), (2, None)]))
        .unwrap();
    assert_eq!(test.printed(), "id,name\n1,\"a,b\"\n2,\n");
    assert!(test.said().starts_with("[helenus "));
    let mut test = fixture(Format::Json);
    test.shell
        .print_rows(rows(&[(1, Some("a\"")), (2, None)]))
        .unwrap();
    assert_eq!(
        test.printed(),
        "{\"id\": 1, \"name\": \"a\\\"\"}\n{\"id\": 2, \"name\": null}\n"
    );
}

#[test]
fn pages_repeat_the_header_and_can_be_left() {
    let mut test = fixture(Format::Table);
    let mut answers = vec![false, true];
    test.shell.more = Some(Box::new(move || answers.pop().unwrap()));
    test.run("PAGING 1").unwrap();
    test.printed();
    test.shell
        .print_rows(rows(&[(1, None), (2, Some("long name")), (3, None)]))
        .unwrap();
    assert_eq!(
        test.printed(),
        "\n id | name\n----+------\n  1 | null\n \
         id | name\n----+-----------\n  2 | long name\n\n(2 rows so far)\n"
    );
    test.run("PAGING OFF").unwrap();
    test.printed();
    test.shell
        .print_rows(rows(&[(1, None), (2, None)]))
        .unwrap();
    assert!(
        test.printed().ends_with("(2 rows)\n"),
        "a second page was asked for"
    );
}

#[test]
fn a_long_result_is_printed_in_pieces() {
    let mut test = fixture(Format::Table);
    let names: Vec<String> = (0..2_500).map(|i| format!("n{i}")).collect();
    let values: Vec<(i32, Option<&str>)> = names
        .iter()
        .zip(0..)
        .map(|(name, i)| (i, Some(name.as_str())))
        .collect();
    test.shell.print_rows(rows(&values)).unwrap();
    let printed = test.printed();
    assert_eq!(printed.matches("name").count(), 1, "one header");
    assert_eq!(printed.lines().count(), 2_500 + 5);
    assert!(printed.ends_with("(2500 rows)\n"));
}

#[test]
fn wait_goes_by_the_clock() {
    let mut test = fixture(Format::Table);
    test.run("WAIT 3600; WAIT 0.5\nWAIT 0").unwrap();
    assert_eq!(
        crate::clock::Clock::now_micros(test.clock.as_ref()),
        3_601_500_000
    );
}

#[test]
fn an_interrupt_stops_what_is_printed() {
    let mut test = fixture(Format::Table);
    test.shell.interrupt.store(true, Ordering::Relaxed);
    let error = test.shell.print_rows(rows(&[(1, None)])).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the files are the test's own")]
fn files_are_sourced_and_captured() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut test = fixture(Format::Table);
    std::fs::write(path("inner.cql"), "SHOW VERSION\nEXIT\nnonsense").unwrap();
    let flow = test
        .run(&format!("SOURCE '{}'; EXPAND", path("inner.cql")))
        .unwrap();
    assert_eq!(flow, Flow::Continue);
    let printed = test.printed();
    assert_eq!(printed.lines().count(), 2, "{printed}");
    test.run(&format!("CAPTURE '{}'", path("out"))).unwrap();
    test.shell.print_rows(rows(&[(7, None)])).unwrap();
    test.run("CAPTURE\nCAPTURE OFF").unwrap();
    assert!(
        std::fs::read_to_string(path("out"))
            .unwrap()
            .contains("  7 | null\n")
    );
    assert!(!test.printed().contains("null"));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the files are the test's own")]
fn a_file_that_sources_itself_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("loop.cql").display().to_string();
    std::fs::write(&name, format!("SHOW VERSION\n  SOURCE '{name}'")).unwrap();
    let error = fixture(Format::Table)
        .run(&format!("SOURCE '{name}'"))
        .unwrap_err();
    assert!(
        error.message.starts_with(&format!("{name}:2:3: ")),
        "{error}"
    );
    assert!(error.message.contains("16 files deep"), "{error}");
}

#[test]
fn errors_name_their_place_and_end_the_script() {
    let mut test = fixture(Format::Table);
    let error = test.run("EXPAND;\n  PAGING 0;\nEXPAND").unwrap_err();
    assert!(
        error
            .message
            .starts_with("test:2:3: SyntaxException: expected PAGING"),
        "{error}"
    );
    assert_eq!(test.printed().lines().count(), 1);
    let error = test.run("SOURCE '/no/such/file'").unwrap_err();
    assert!(
        error.message.contains("/no/such/file: cannot open"),
        "{error}"
    );
    let error = test.run("HELP nonsense").unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("HELP lists the topics."));
}

#[test]
fn a_reader_that_goes_away_is_no_message() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut test = fixture(Format::Table);
    test.shell.out = Out::new(Box::new(Closed));
    assert!(is_closed_output(&test.run("SHOW VERSION").unwrap_err()));
}

#[test]
fn input_that_fails_is_told_by_name() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("gone"))
        }
    }
    let error = fixture(Format::Table)
        .shell
        .run_script("tape", Broken)
        .unwrap_err();
    assert!(error.message.contains("tape: cannot read: gone"), "{error}");
}

#[test]
fn a_statement_over_the_limit_is_refused_in_words() {
    let line = std::io::repeat(b'x').take(100 << 20);
    let error = fixture(Format::Table)
        .shell
        .run_script("big", line)
        .unwrap_err();
    assert!(
        error.message.contains("longer than 16777216 bytes"),
        "{error}"
    );
}
