//! `helenus admin` as an operator runs it: on a data directory, and against a server.
#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

use helenus::Database;
use helenus::clock::SystemClock;
use helenus::config::Config;
use helenus::server::Server;
use helenus::server::options::ServerOptions;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

const SCHEMA: [&str; 5] = [
    "CREATE KEYSPACE nyc WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    "CREATE TABLE nyc.flights (id int, leg int, dest text, PRIMARY KEY (id, leg))",
    "CREATE TABLE nyc.\"Plane\" (tail text PRIMARY KEY)",
    "INSERT INTO nyc.flights (id, leg, dest) VALUES (1, 1, 'IAH')",
    "INSERT INTO nyc.flights (id, leg, dest) VALUES (1, 2, 'MIA')",
];

fn fill(database: &Database) {
    for statement in SCHEMA {
        database.execute(statement, &[]).unwrap();
    }
}

fn admin(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_helenus"))
        .arg("admin")
        .args(words)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The output of a command that must succeed without a word on standard error.
fn done(place: &[&str], command: &str) -> String {
    let words: Vec<_> = place.iter().copied().chain(command.split(' ')).collect();
    let output = admin(&words);
    let (out, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{command}: {said}");
    assert_eq!(said, "", "{command}");
    out
}

/// What a command that must fail says.
fn failed(place: &[&str], command: &str, code: i32) -> String {
    let words: Vec<_> = place.iter().copied().chain(command.split(' ')).collect();
    let output = admin(&words);
    assert_eq!(output.status.code(), Some(code), "{command}");
    assert_eq!(text(&output.stdout), "", "{command}");
    text(&output.stderr)
}

/// The value behind a label of `tablestats`.
fn figure<'a>(stats: &'a str, table: &str, label: &str) -> &'a str {
    let title = format!("\t\tTable: {table}\n");
    let (_, own) = stats.split_once(&title).unwrap();
    let lines = own.lines().take_while(|line| !line.is_empty());
    let label = format!("\t\t{label}: ");
    lines
        .into_iter()
        .find_map(|line| line.strip_prefix(&label))
        .unwrap()
}

#[test]
fn on_a_data_directory() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(directory.path()).unwrap();
    fill(&database);
    let path = directory.path().to_str().unwrap();
    let place = ["--data-dir", path];
    let locked = failed(&place, "status", 1);
    assert!(locked.contains("leave out --data-dir"), "{locked}");
    database.close().unwrap();
    drop(database);

    assert_eq!(done(&place, "version"), "ReleaseVersion: 5.0.0\n");
    let before = done(&place, "tablestats nyc");
    assert!(before.starts_with("Total number of tables: 2\n----------------\nKeyspace: nyc\n"));
    assert_eq!(figure(&before, "flights", "SSTable count"), "0");
    assert_eq!(done(&place, "flush nyc flights"), "");
    let after = done(&place, "cfstats nyc.flights");
    assert!(after.starts_with("Total number of tables: 1\n"));
    assert_eq!(figure(&after, "flights", "SSTable count"), "1");
    assert_eq!(figure(&after, "flights", "Memtable data size"), "0");
    assert_ne!(figure(&after, "flights", "Space used (live)"), "0");
    assert_eq!(figure(&after, "flights", "Local read latency"), "NaN ms");
    assert_eq!(done(&place, "compact --flush-memtables nyc").len(), 0);
    sizes_agree(&place, &after);
    for (command, wanted) in [
        ("statusbinary", "not running\n"),
        ("statusautocompaction nyc", "running\n"),
        (
            "repair -pr --full nyc flights",
            "repair: nothing to do, one node is the whole cluster\n",
        ),
        (
            "getseeds",
            "Seed node list does not contain any remote node IPs\n",
        ),
        ("getendpoints nyc flights 1", "127.0.0.1\n"),
        ("drain", ""),
    ] {
        assert_eq!(done(&place, command), wanted, "{command}");
    }
    let status = done(&place, "status");
    assert!(status.contains("\n--  Address    Load"), "{status}");
    assert!(status.contains("\nDN  127.0.0.1  "), "{status}");
    let cluster = done(&place, "describecluster");
    let replication = "\tnyc -> Replication class: SimpleStrategy {replication_factor=1}\n";
    assert!(cluster.ends_with(replication), "{cluster}");
    what_fails(&place);
}

fn sizes_agree(place: &[&str], stats: &str) {
    let json = done(place, "tablestats -F json nyc.flights");
    let json: Value = serde_json::from_str(&json).unwrap();
    let table = json.pointer("/nyc/tables/flights").unwrap();
    assert_eq!(table.get("sstable_count"), Some(&Value::from(1)));
    let size = figure(stats, "flights", "Space used (live)");
    assert_eq!(table.get("space_used_live"), Some(&Value::from(size)));
    let yaml = done(place, "tablestats --format=yaml -H -i nyc.flights");
    assert!(
        yaml.contains("\n    Plane:\n") && !yaml.contains("flights"),
        "{yaml}"
    );
    let sorted = done(place, "tablestats -s space_used_live -t 1");
    assert!(
        sorted.contains("\tTable: nyc.flights\n") && !sorted.contains("Plane"),
        "{sorted}"
    );
}

fn what_fails(place: &[&str]) {
    for (command, code, wanted) in [
        ("flush nosuch", 1, "Keyspace [nosuch] does not exist."),
        (
            "flush nyc nosuch",
            1,
            "Unknown keyspace/cf pair (nyc.nosuch)",
        ),
        ("tablestats nosuch", 1, "Unknown keyspace: nosuch"),
        (
            "tablestats nyc.nosuch",
            1,
            "Unknown tables: [nosuch] in keyspace: nyc",
        ),
        ("tablestats -F xml", 1, "yaml and json only"),
        ("snapshot", 1, "snapshot is not supported"),
        ("enablebinary", 1, "about a running server"),
        ("tablestat", 2, "did you mean tablestats?"),
        ("flush -x", 2, "flush has no option -x"),
        ("status a b", 2, "expected: helenus admin status [KEYSPACE]"),
    ] {
        let said = failed(place, command, code);
        assert!(said.contains(wanted), "{command}: {said}");
    }
}

#[test]
fn a_directory_without_a_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty");
    let place = ["--data-dir", empty.to_str().unwrap()];
    assert!(failed(&place, "status", 1).contains("there is no database here"));
    assert!(!Path::new(&empty).exists());
}

#[test]
fn against_a_server() {
    let database = Database::in_memory(Config::default(), SystemClock::shared()).unwrap();
    fill(&database);
    let server = Server::start(database, ServerOptions::on_free_ports()).unwrap();
    let port = server.http_addr().unwrap().port().to_string();
    let place = ["-h", "localhost", "-p", &port];
    assert!(done(&place, "status").contains("\nUN  127.0.0.1  "));
    assert!(done(&place, "info").contains("Native Transport active: true\n"));
    assert_eq!(done(&place, "flush"), "");
    let stats = done(&place, "tablestats nyc.flights");
    assert_eq!(figure(&stats, "flights", "SSTable count"), "1");
    assert_eq!(figure(&stats, "flights", "Local write count"), "2");
    assert_eq!(done(&place, "compact nyc flights"), "");
    assert!(done(&place, "compactionstats").starts_with("concurrent compactors"));
    assert_eq!(done(&place, "disableautocompaction nyc flights"), "");
    assert_eq!(
        done(&place, "statusautocompaction nyc"),
        "partially running\n"
    );
    assert_eq!(done(&place, "enableautocompaction"), "");
    assert_eq!(done(&place, "statusautocompaction"), "running\n");
    let levels = done(&place, "getlogginglevels");
    assert!(levels.starts_with(&format!("\n{:<50}{:>10}\nROOT", "Logger Name", "Log Level")));
    assert!(failed(&place, "setlogginglevel helenus loud", 1).contains("no logging level"));
    assert_eq!(
        done(&place, "gettimeout write"),
        "Current timeout for type write: 2000 ms\n"
    );
    assert!(done(&place, "tpstats").contains("\nNative-Transport-Requests"));
    assert!(done(&place, "proxyhistograms").contains("\n99%                      0.00"));
    assert!(done(&place, "clientstats --all").starts_with("Total connected clients: 0\n"));
    assert_eq!(done(&place, "statusbinary"), "running\n");
    assert_eq!(done(&place, "disablebinary"), "");
    assert_eq!(done(&place, "statusbinary"), "not running\n");
    assert_eq!(done(&place, "enablebinary"), "");
    assert_eq!(done(&place, "drain"), "");
    assert!(done(&place, "netstats").starts_with("Mode: DRAINED\n"));
    assert!(failed(&place, "enablebinary", 1).contains("drained"));
    let cql = server.local_addr().port();
    server.stop().unwrap();
    let gone = failed(&place, "status", 1);
    assert!(
        gone.contains("no server listens here") && gone.lines().count() == 1,
        "{gone}"
    );
    assert!(cql != 0);
}

#[test]
fn what_listens_may_be_no_helenus() {
    let stranger = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = stranger.local_addr().unwrap().port().to_string();
    let talk = std::thread::Builder::new().spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = stranger.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            .unwrap();
    });
    let talk = talk.unwrap();
    let said = failed(&["-p", &port], "status", 1);
    assert!(said.contains("does not answer as helenus does"), "{said}");
    talk.join().unwrap();
}
