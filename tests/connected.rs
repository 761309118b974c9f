//! The shell, import and export through a server: what they answer is what they answer in a process
//! of their own, but for a list of differences that are meant.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests, with files of their own"
)]

#[path = "support/shell_scripts.rs"]
mod shell_scripts;

use helenus::Database;
use helenus::clock::{SharedClock, SystemClock, VirtualClock};
use helenus::config::Config;
use helenus::remote::{Remote, RemoteOptions};
use helenus::server::Server;
use helenus::server::options::ServerOptions;
use helenus::shell::{Connected, Format, run_script, run_script_with};
use helenus::transfer::{ExportOptions, ImportOptions, Input, Output, Selection, export, import};
use shell_scripts::shell_scripts;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a shell shows of an embedded database and not of a server, and what it shows instead.
///
/// The wire tells where in a statement an error is for syntax errors only. For statements that
/// read and write the shell finds the place by itself; for those that change the schema it does
/// not, and names the statement's start.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "[helenus 0.1.0 | CQL spec 3.4.7]\nConnected to the embedded engine.\n",
        "[helenus shell 0.1.0 | helenus 0.1.0 | CQL spec 3.4.7 | Native protocol v5]\n\
         Connected to helenus at ADDRESS.\n",
    ),
    (
        "script:1:25: InvalidRequest: Unknown type shop.integer\n  \
         CREATE TABLE shop.t (id integer PRIMARY KEY)\n                          ^\n",
        "script:1:1: InvalidRequest: Unknown type shop.integer\n",
    ),
    (
        "script:1:19: AlreadyExists: Cannot add already existing table \"orders\" to keyspace \
         \"shop\"\n  CREATE TABLE shop.orders (id int PRIMARY KEY)\n                    ^\n",
        "script:1:1: AlreadyExists: Cannot add already existing table \"orders\" to keyspace \
         \"shop\"\n",
    ),
];

fn database(clock: SharedClock) -> Database {
    let config = Config {
        background: false,
        seed: Some(7),
        ..Config::default()
    };
    Database::in_memory(config, clock).unwrap()
}

/// A server of a database in memory, by a clock of the test's own or the machine's.
struct Served {
    server: Option<Server>,
    database: Database,
    clock: SharedClock,
}

impl Served {
    fn new(clock: SharedClock, config: Config) -> Self {
        Self::with(clock, config, ServerOptions::on_free_ports())
    }

    fn with(clock: SharedClock, config: Config, options: ServerOptions) -> Self {
        let database = Database::in_memory(config, SharedClock::clone(&clock)).unwrap();
        let options = ServerOptions {
            http_listen: None,
            ..options
        };
        Self {
            server: Some(Server::start(database.clone(), options).unwrap()),
            database,
            clock,
        }
    }

    fn address(&self) -> String {
        self.server.as_ref().unwrap().local_addr().to_string()
    }

    fn remote(&self) -> Remote {
        let options = RemoteOptions::new(self.address().parse().unwrap());
        Remote::connect(options, SharedClock::clone(&self.clock)).unwrap()
    }

    fn run(&self, script: &str, format: Format) -> (String, helenus::Result<()>) {
        let mut out = Vec::new();
        let peer = Connected::new(self.remote());
        let done = run_script_with(Box::new(peer), script, &mut out, format);
        (String::from_utf8(out).unwrap(), done)
    }

    fn good(&self, script: &str) -> String {
        let (out, done) = self.run(script, Format::Csv);
        done.unwrap();
        out
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().unwrap();
        }
        self.database.close().unwrap();
    }
}

fn served() -> Served {
    Served::new(SystemClock::shared(), Config::default())
}

/// What one golden script answers through a server.
fn answers(script: &str, format: Format) -> String {
    let config = Config {
        seed: Some(7),
        ..Config::default()
    };
    let clock = VirtualClock::shared(1_700_000_000_000_000);
    let served = Served::new(clock, config);
    let mut answers = String::new();
    for (run, part) in script.split("-- next\n").enumerate() {
        if run > 0 {
            answers.push_str("-- next\n");
        }
        let (out, done) = served.run(part, format);
        answers.push_str(&out);
        if let Err(error) = done {
            writeln!(answers, "{error}").unwrap();
            if let Some(hint) = error.hint {
                writeln!(answers, "Hint: {hint}").unwrap();
            }
        }
    }
    answers.replace(&served.address(), "ADDRESS")
}

#[test]
fn golden_scripts_answer_the_same_through_a_server() {
    let mut used = 0;
    for (path, format) in shell_scripts() {
        let name = path.display();
        let found = answers(&std::fs::read_to_string(&path).unwrap(), format);
        let mut expected = std::fs::read_to_string(path.with_extension("out")).unwrap();
        for (embedded, connected) in DIFFERENCES {
            used += expected.matches(embedded).count();
            expected = expected.replace(embedded, connected);
        }
        assert_eq!(found, expected, "{name}");
    }
    assert_eq!(used, DIFFERENCES.len(), "a difference that there is not");
}

const KEYSPACE: &str = "CREATE KEYSPACE k WITH replication = \
                        {'class': 'SimpleStrategy', 'replication_factor': 1};\n";

/// A table of everything, with rows that have all of it, some of it, and statics alone.
const EVERYTHING: &str = "\
CREATE TYPE k.home (street text, no int);
CREATE TABLE k.t (a int, b text, c timeuuid, s text static, l list<int>, st set<text>,
  m map<text, frozen<list<int>>>, u home, fu frozen<home>, tu tuple<int, text>,
  v vector<float, 2>, d duration, de decimal, vi varint, bl blob, i inet, dt date, ti time,
  ts timestamp, bo boolean, f float, db double, ty tinyint, sm smallint, bi bigint, uu uuid,
  ac ascii, PRIMARY KEY ((a, b), c)) WITH CLUSTERING ORDER BY (c DESC);
INSERT INTO k.t (a, b, c, s, l, st, m, u, fu, tu, v, d, de, vi, bl, i, dt, ti, ts, bo, f, db, ty,
  sm, bi, uu, ac) VALUES (1, 'x, \"y\"', 50554d6e-29bb-11e5-b345-feff819cdc9f, 's', [3, 1, 3],
  {'b', 'a'}, {'k': [1, 2]}, {street: 'S', no: 1}, {street: 'F'}, (1, null), [1.5, -2], 1mo2d3h,
  12.50, 123456789012345678901234567890, 0xcafe, '::1', '2024-02-29', '12:30:00.5',
  '2024-02-29 12:30:00.123+0000', true, 0.1, 1e300, -1, -2, -3,
  550e8400-e29b-41d4-a716-446655440000, 'ascii');
INSERT INTO k.t (a, b, c) VALUES (1, 'x, \"y\"', 50554d6f-29bb-11e5-b345-feff819cdc9f);
INSERT INTO k.t (a, b, s) VALUES (2, 'alone', 'static only');
";

fn export_csv(site: &dyn helenus::transfer::Site, table: &str, file: &Path) -> u64 {
    let selection = Selection::Table {
        keyspace: "k".to_owned(),
        table: table.to_owned(),
        columns: None,
    };
    let options = ExportOptions::new(selection, Output::Path(file.to_owned()));
    export(site, options).unwrap().rows
}

fn import_csv(
    site: &dyn helenus::transfer::Site,
    table: &str,
    file: &Path,
) -> helenus::Result<helenus::transfer::ImportSummary> {
    let input = Input::Path(file.display().to_string());
    let mut options = ImportOptions::new("k", table, vec![input]);
    options.bad_file = Some(file.with_extension("bad"));
    import(site, options)
}

#[test]
fn everything_goes_out_and_in_again_as_in_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let (near, far) = (
        folder.path().join("near.csv"),
        folder.path().join("far.csv"),
    );
    let script = format!("{KEYSPACE}{EVERYTHING}");
    let embedded = database(SystemClock::shared());
    run_script(&embedded, &script, &mut Vec::new(), Format::Csv).unwrap();
    assert_eq!(export_csv(&embedded, "t", &near), 3);

    let served = served();
    served.good(&script);
    assert_eq!(export_csv(&served.remote(), "t", &far), 3);
    let text = std::fs::read_to_string(&near).unwrap();
    assert_eq!(text, std::fs::read_to_string(&far).unwrap());

    // In again, into an emptied table: twice comes to the same.
    let remote = served.remote();
    served.good("TRUNCATE k.t");
    for _ in 0..2 {
        let summary = import_csv(&remote, "t", &near).unwrap();
        assert_eq!((summary.rows, summary.rejected), (3, 0));
        export_csv(&remote, "t", &far);
        assert_eq!(text, std::fs::read_to_string(&far).unwrap());
    }
}

#[test]
fn many_rows_are_pipelined_and_bad_ones_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.csv");
    let mut text = "id,n,name\n".to_owned();
    for id in 0..5_000 {
        writeln!(text, "{},{id},name {id}", id % 50).unwrap();
    }
    text.push_str("51,wrong,x\n");
    std::fs::write(&file, text).unwrap();
    let served = served();
    served.good(&format!(
        "{KEYSPACE}CREATE TABLE k.t (id int, n int, name text, PRIMARY KEY (id, n));"
    ));
    let remote = served.remote();
    let summary = import_csv(&remote, "t", &file).unwrap();
    assert_eq!((summary.rows, summary.rejected), (5_000, 1));
    let bad = std::fs::read_to_string(file.with_extension("bad")).unwrap();
    assert_eq!(bad, "51,wrong,x\n");
    let out = folder.path().join("out.csv");
    assert_eq!(export_csv(&remote, "t", &out), 5_000);
    // More pages than one, and every row once.
    let counted = served.good("SELECT id, n FROM k.t");
    let mut lines: Vec<&str> = counted.lines().skip(1).collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 5_000);
    // All have the run's one timestamp.
    let stamps = served.good("SELECT writetime(name) FROM k.t");
    let mut stamps: Vec<&str> = stamps.lines().skip(1).collect();
    stamps.dedup();
    assert_eq!(stamps.len(), 1);
}

#[test]
fn counters_are_added_to_and_copy_works_in_the_shell() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hits.csv");
    std::fs::write(&file, "page,n\n/,2\n/a,5\n").unwrap();
    let name = file.display().to_string();
    let served = served();
    let script = format!(
        "{KEYSPACE}CREATE TABLE k.t (page text PRIMARY KEY, n counter);\n\
         USE k;\n\
         COPY t FROM '{name}' WITH HEADER = true;\n\
         COPY k.t (page, n) FROM '{name}' WITH HEADER = true;\n\
         SELECT page, n FROM t WHERE page IN ('/', '/a');"
    );
    assert_eq!(served.good(&script), "page,n\n/,4\n/a,10\n");
    let (out, done) = served.run("COPY k.t TO STDOUT", Format::Csv);
    done.unwrap();
    let mut lines: Vec<&str> = out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["/,4", "/a,10"]);
}

#[test]
fn what_an_overloaded_server_refused_is_written_again_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hits.csv");
    let rows: String = (0..200).map(|n| format!("{},{n}\n", n % 3)).collect();
    std::fs::write(&file, format!("page,n\n{rows}")).unwrap();
    // Counters are work for a thread of their own: one, with hardly anybody waiting for it.
    let options = ServerOptions {
        workers_max: 1,
        queue_max: 2,
        ..ServerOptions::on_free_ports()
    };
    let served = Served::with(SystemClock::shared(), Config::default(), options);
    served.good(&format!(
        "{KEYSPACE}CREATE TABLE k.t (page int PRIMARY KEY, n counter)"
    ));
    let summary = import_csv(&served.remote(), "t", &file).unwrap();
    assert_eq!(summary.rows, 200);
    let counts = served.good("SELECT n FROM k.t WHERE page IN (0, 1, 2)");
    assert_eq!(counts, "n\n6633\n6700\n6567\n");
    let control = served.server.as_ref().unwrap().control();
    assert!(
        control.metrics().overloaded.get() > 0,
        "nothing was refused"
    );
}

#[test]
fn levels_traces_and_roles() {
    let served = served();
    let (out, done) = served.run(
        "CONSISTENCY; CONSISTENCY QUORUM\nCONSISTENCY\nSERIAL CONSISTENCY LOCAL_SERIAL\n\
         SELECT key FROM system.local;\nTRACING ON\nSELECT key FROM system.local;\nTRACING OFF\n\
         SHOW VERSION\n",
        Format::Table,
    );
    done.unwrap();
    for words in [
        "Current consistency level is ONE.",
        "Consistency level set to QUORUM.",
        "Serial consistency level set to LOCAL_SERIAL.",
        "TRACING set to ON",
        "Tracing session: ",
        "Execute CQL3 query",
        "Request complete",
        "Native protocol v5]",
    ] {
        assert!(out.contains(words), "{words} is not in:\n{out}");
    }
    let session = out.split("Tracing session: ").nth(1).unwrap();
    let session = session.lines().next().unwrap();
    let (out, done) = served.run(&format!("SHOW SESSION {session}"), Format::Table);
    done.unwrap();
    assert!(out.contains("Request complete"), "{out}");
    let (_, done) = served.run("CONSISTENCY SOME", Format::Table);
    assert!(done.unwrap_err().message.contains("LOCAL_QUORUM"));
}

#[test]
fn names_follow_the_schema_whoever_changes_it() {
    let served = served();
    let remote = served.remote();
    assert!(!remote.catalog().unwrap().keyspaces.contains_key("k"));
    served.good(KEYSPACE);
    served.good("CREATE TABLE k.t (a int PRIMARY KEY)");
    let deadline = served.clock.monotonic_micros() + 10_000_000;
    while remote.catalog().unwrap().table("k", "t").is_none() {
        assert!(
            served.clock.monotonic_micros() < deadline,
            "nobody was told"
        );
        served.clock.sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn a_connection_that_is_lost_is_told_and_made_again() {
    let mut served = served();
    served.good(KEYSPACE);
    let address = served.address();
    let mut peer = Connected::new(served.remote());
    let ask = |peer: &mut Connected, text: &str| {
        let manner = helenus::shell::Manner {
            levels: helenus::shell::Levels::default(),
            page_rows: 10,
            traced: false,
        };
        helenus::shell::Peer::run(peer, text, &manner).map(|_| ())
    };
    ask(&mut peer, "USE k").unwrap();
    served.server.take().unwrap().stop().unwrap();
    let lost = ask(&mut peer, "SELECT key FROM system.local").unwrap_err();
    assert_eq!(lost.kind, helenus::ErrorKind::Io, "{lost}");
    let refused = ask(&mut peer, "SELECT key FROM system.local").unwrap_err();
    assert!(refused.message.contains("cannot connect"), "{refused}");
    let options = ServerOptions {
        listen: address.parse().unwrap(),
        http_listen: None,
        ..ServerOptions::on_free_ports()
    };
    served.database = database(SystemClock::shared());
    served
        .database
        .execute(KEYSPACE.trim_end().trim_end_matches(';'), &[])
        .unwrap();
    served.server = Some(Server::start(served.database.clone(), options).unwrap());
    // The keyspace is what it was.
    ask(&mut peer, "CREATE TABLE t (a int PRIMARY KEY)").unwrap();
    assert!(served.database.engine().catalog().table("k", "t").is_some());
}

#[test]
fn the_commands_take_a_server_instead_of_a_directory() {
    let served = served();
    let address = served.address();
    let folder = tempfile::tempdir().unwrap();
    let helenus = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_helenus"))
            .args(args)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), out, said)
    };
    let script = format!("{KEYSPACE}CREATE TABLE k.t (a int PRIMARY KEY, b text)");
    let (code, _, said) = helenus(&["shell", "--connect", &address, "-e", &script]);
    assert_eq!((code, said.as_str()), (0, ""));
    std::fs::write(folder.path().join("t.csv"), "a,b\n1,one\n2,\n").unwrap();
    let (code, _, said) = helenus(&["import", "k.t", "t.csv", "--connect", &address]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("k.t: 2 rows imported"), "{said}");
    let (code, out, said) = helenus(&["export", "k.t", "-", "--connect", &address]);
    assert_eq!((code, out.as_str()), (0, "a,b\n1,one\n2,\n"), "{said}");
    // Nothing was made in the working directory.
    assert!(!folder.path().join("helenus-data").exists());

    let (code, _, said) = helenus(&["shell", "--connect", "x", "--data-dir", "y", "-e", ""]);
    assert_eq!(code, 2, "{said}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = closed.local_addr().unwrap().to_string();
    drop(closed);
    let (code, _, said) = helenus(&["shell", "--connect", &nobody, "-e", "SHOW HOST"]);
    assert_eq!(code, 1);
    assert!(said.contains("cannot connect"), "{said}");
}
