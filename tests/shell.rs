//! The shell as its users meet it: golden scripts, and the command with its exit codes.
//!
//! A golden script is a file `tests/scripts/shell/NAME.cql` with what the shell answers to it in
//! `NAME.out`. A line `-- next` ends one run and starts another on the same database, since a run
//! ends with its first error. `UPDATE_GOLDEN=1 cargo test --test shell` writes the answers anew.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests, with files of their own"
)]

#[path = "support/shell_scripts.rs"]
mod shell_scripts;

use helenus::Database;
use helenus::clock::VirtualClock;
use helenus::config::Config;
use helenus::shell::{Format, run_script};
use shell_scripts::shell_scripts;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// What one golden script answers.
fn answers(script: &str, format: Format) -> String {
    let config = Config {
        background: false,
        seed: Some(7),
        ..Config::default()
    };
    let clock = VirtualClock::shared(1_700_000_000_000_000);
    let database = Database::in_memory(config, clock).unwrap();
    let mut answers = String::new();
    for (run, part) in script.split("-- next\n").enumerate() {
        if run > 0 {
            answers.push_str("-- next\n");
        }
        let mut out = Vec::new();
        let done = run_script(&database, part, &mut out, format);
        answers.push_str(&String::from_utf8(out).unwrap());
        if let Err(error) = done {
            writeln!(answers, "{error}").unwrap();
            if let Some(hint) = error.hint {
                writeln!(answers, "Hint: {hint}").unwrap();
            }
        }
    }
    answers
}

#[test]
fn golden_scripts() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for (path, format) in shell_scripts() {
        let name = path.display();
        let found = answers(&std::fs::read_to_string(&path).unwrap(), format);
        let golden = path.with_extension("out");
        if update {
            std::fs::write(&golden, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(
            found, expected,
            "{name}: UPDATE_GOLDEN=1 writes the answers anew"
        );
    }
}

/// The command with its data in a directory of its own.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_helenus"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("NO_COLOR");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str]) -> Answer {
        Answer::of(self.command(args).output().unwrap())
    }

    /// Runs it with `input` on standard input.
    fn pipe(&self, args: &[&str], input: &[u8]) -> Answer {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        // A command that refuses its input early closes it: that is not the test's failure.
        let _ = child.stdin.take().unwrap().write_all(input);
        Answer::of(child.wait_with_output().unwrap())
    }

    /// A database with a few rows, whose tables lie in SSTables and in the log.
    fn filled() -> Self {
        let bench = Self::new();
        bench
            .run(&[
                "shell",
                "-e",
                "CREATE KEYSPACE k WITH replication = \
                 {'class': 'SimpleStrategy', 'replication_factor': 1}; \
                 CREATE TABLE k.t (id int PRIMARY KEY, name text)",
            ])
            .good();
        let rows: String = (0..100).map(|id| format!("{id},name {id}\n")).collect();
        let file = bench.write("rows.csv", &format!("id,name\n{rows}"));
        bench.run(&["import", "k.t", &file]).good();
        bench
            .run(&[
                "shell",
                "-e",
                "INSERT INTO k.t (id, name) VALUES (1000, 'log')",
            ])
            .good();
        bench
    }
}

#[derive(Debug)]
struct Answer {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Answer {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// It failed with this code and says this on standard error.
    #[track_caller]
    fn failed(&self, code: i32, words: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.err.contains(words), "no {words:?} in {self:?}");
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let bench = Bench::new();
    let alone = bench.run(&[]);
    alone.failed(2, "Usage: helenus");
    assert!(alone.err.contains("Examples:"));
    bench
        .run(&["nonsense"])
        .failed(2, "unrecognized subcommand");
    bench.run(&["shell", "--format", "xml"]).failed(2, "xml");
    bench
        .run(&["import", "table-without-keyspace", "x.csv"])
        .failed(2, "KEYSPACE.TABLE");
    bench.run(&["import", "k.t"]).failed(2, "FILE");
    bench.run(&["export", "k.t"]).failed(2, "FILE");
    bench.run(&["check"]).failed(2, "DATA_DIR");
    assert!(
        !Path::new(&bench.path("helenus-data")).exists(),
        "nothing was opened"
    );
    assert!(bench.run(&["--version"]).good().starts_with("helenus 0."));
    assert!(bench.run(&["shell", "--help"]).good().contains("Examples:"));
}

#[test]
fn statements_come_from_everywhere_and_stop_at_the_first_failure() {
    let bench = Bench::filled();
    let count = "SELECT count(*) FROM k.t";
    let args = ["shell", "--format", "csv", "-e", count];
    assert_eq!(bench.run(&args).good(), "count\n101\n");
    let answer = bench.pipe(&["shell", "--format", "csv"], count.as_bytes());
    assert_eq!(answer.good(), "count\n101\n");
    let first = bench.write("a.cql", "USE k; SELECT name FROM t WHERE id = 1;");
    let second = bench.write(
        "b.cql",
        "SELECT name FROM k.t WHERE id = 2;\nSELECT;\nEXPAND",
    );
    let answer = bench.run(&[
        "shell",
        "--format",
        "json",
        "-f",
        &first,
        "-e",
        "SELECT id FROM t WHERE id = 3",
        "-f",
        &second,
        "-e",
        count,
    ]);
    answer.failed(1, &format!("{second}:2:"));
    assert_eq!(
        answer.out,
        "{\"name\": \"name 1\"}\n{\"id\": 3}\n{\"name\": \"name 2\"}\n"
    );
    bench.run(&["shell", "-e", "EXIT; nonsense"]).good();
    bench
        .run(&["shell", "-f", "absent.cql"])
        .failed(1, "absent.cql: cannot open");
    bench
        .run(&["shell", "-k", "kk", "-e", count])
        .failed(1, "Keyspace 'kk' does not exist");
    bench
        .run(&["shell", "-k", "K", "-e", "SELECT * FROM t LIMIT 1"])
        .good();
}

#[test]
fn nothing_but_text_where_no_terminal_is() {
    let bench = Bench::filled();
    let out = bench
        .run(&["shell", "-k", "k", "-e", "SELECT * FROM t"])
        .good();
    assert!(!out.contains('\x1b') && !out.contains("MORE"));
    assert!(out.ends_with("\n(101 rows)\n"), "{out}");
}

#[test]
fn input_that_is_too_much_is_refused_in_words() {
    let bench = Bench::filled();
    let deep = "(".repeat(100_000);
    let file = bench.write("deep.cql", &format!("SELECT * FROM k.t WHERE id = {deep}1"));
    let answer = bench.run(&["shell", "-f", &file]);
    answer.failed(1, &helenus::limits::NESTING_MAX.to_string());
    let mut long = b"SELECT * FROM k.t WHERE name = '".to_vec();
    long.resize(100 << 20, b'x');
    bench
        .pipe(&["shell"], &long)
        .failed(1, "longer than 16777216 bytes");
    bench
        .pipe(&["shell"], b"SELECT '\xff\xfe'")
        .failed(1, "UTF-8");
}

#[test]
fn a_second_process_is_refused_by_name() {
    let bench = Bench::filled();
    let mut first = bench
        .command(&["shell"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = first.stdin.take().unwrap();
    let mut out = std::io::BufReader::new(first.stdout.take().unwrap());
    writeln!(input, "SHOW VERSION").unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    let pid = first.id().to_string();
    for args in [
        &["shell", "-e", "SHOW HOST"][..],
        &["check", "helenus-data"],
        &["export", "k.t", "-"],
    ] {
        let answer = bench.run(args);
        answer.failed(1, "helenus-data is in use by process");
        assert!(
            answer.err.contains(&pid),
            "{pid} is not named in {answer:?}"
        );
    }
    drop(input);
    assert!(first.wait().unwrap().success());
    bench.run(&["check", "helenus-data"]).good();
}

#[test]
fn an_interrupt_ends_a_script_at_its_statement() {
    let bench = Bench::new();
    let script = "SHOW VERSION\nWAIT 60\nEXPAND";
    let mut child = bench.command(&["shell", "-e", script]).spawn().unwrap();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    let answer = Answer::of(child.wait_with_output().unwrap());
    answer.failed(1, "Cancelled: stopped");
}

/// All files below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.ends_with("LOCK") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn every_file_can_be_inspected_and_damage_is_found_by_name() {
    let bench = Bench::filled();
    let all = files(&bench.folder.path().join("helenus-data"));
    assert!(all.len() >= 3, "manifest, SSTable, log: {all:?}");
    for file in &all {
        let shown = file.display().to_string();
        let out = bench.run(&["inspect", &shown]).good();
        assert!(!out.trim().is_empty(), "{shown}");
    }
    let summary = bench.run(&["check", "helenus-data"]).good();
    assert!(
        summary.contains("100 rows in SSTables, 0 damaged"),
        "{summary}"
    );
    for file in &all {
        let sound = std::fs::read(file).unwrap();
        if sound.is_empty() {
            continue;
        }
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let mut damaged = sound.clone();
        damaged[10] ^= 0x40;
        std::fs::write(file, &damaged).unwrap();
        let answer = bench.run(&["check", "helenus-data"]);
        answer.failed(1, "damaged or missing");
        assert!(
            answer.out.contains(&name) && answer.out.contains("BAD"),
            "{answer:?}"
        );
        bench
            .run(&["inspect", &file.display().to_string()])
            .failed(1, &name);
        std::fs::write(file, &sound).unwrap();
    }
    bench.run(&["check", "helenus-data"]).good();
}

#[test]
fn check_and_inspect_say_what_is_not_there() {
    let bench = Bench::new();
    bench
        .run(&["check", "absent"])
        .failed(1, "absent: there is no such directory");
    bench
        .run(&["check", "."])
        .failed(1, "there is no database here");
    bench
        .run(&["inspect", "absent"])
        .failed(1, "absent: there is no such file");
    let other = bench.write("other", "hello");
    bench
        .run(&["inspect", &other])
        .failed(1, "does not begin as a file of helenus");
}

#[test]
fn export_then_import_by_command() {
    let bench = Bench::filled();
    let file = bench.path("t.csv.gz");
    assert_eq!(bench.run(&["export", "k.t", &file]).good(), "");
    bench.run(&["shell", "-e", "TRUNCATE k.t"]).good();
    bench.run(&["import", "k.t", &file]).good();
    let query = "SELECT name FROM k.t WHERE id = 1000";
    assert_eq!(
        bench.run(&["export", "--query", query, "-"]).good(),
        "name\nlog\n"
    );
    bench.run(&["export", "k.absent", "-"]).failed(1, "absent");
    bench
        .run(&["import", "k.absent", &file])
        .failed(1, "absent");
}
