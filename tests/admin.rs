//! `helenus admin` as an operator runs it: on a data directory, and against a server.
#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

use helenus::Database;
use helenus::client::{Client, ClientOptions};
use helenus::clock::SystemClock;
use helenus::config::Config;
use helenus::protocol::request::QueryParameters;
use helenus::server::Server;
use helenus::server::options::ServerOptions;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

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

/// The samples of the page of metrics, by their series.
fn metrics(port: u16) -> BTreeMap<String, f64> {
    let mut page = ureq::get(format!("http://127.0.0.1:{port}/metrics"))
        .call()
        .unwrap();
    let page = page.body_mut().read_to_string().unwrap();
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        (series.to_owned(), value.parse().unwrap())
    };
    lines.map(sample).collect()
}

#[test]
fn what_clients_do_is_counted() {
    let database = Database::in_memory(Config::default(), SystemClock::shared()).unwrap();
    fill(&database);
    let server = Server::start(database, ServerOptions::on_free_ports()).unwrap();
    let http = server.http_addr().unwrap().port();
    let address = server.local_addr().to_string();
    let mut client = Client::connect(&address, &ClientOptions::default()).unwrap();
    let plain = QueryParameters::default();
    for n in 0..5 {
        let insert = format!("INSERT INTO nyc.flights (id, leg) VALUES (7, {n})");
        client.query(&insert, &plain).unwrap();
    }
    client
        .query("SELECT * FROM nyc.flights WHERE id = 7", &plain)
        .unwrap();
    assert!(client.query("SELECT * FROM nyc.nosuch", &plain).is_err());
    client
        .prepare("SELECT dest FROM nyc.flights WHERE id = ?")
        .unwrap();
    let found = metrics(http);
    let value = |series: &str| *found.get(series).unwrap_or_else(|| panic!("{series}"));
    for (series, wanted) in [
        ("helenus_requests_total{kind=\"insert\"}", 5.0),
        (
            "helenus_request_duration_seconds_count{kind=\"insert\"}",
            5.0,
        ),
        ("helenus_requests_total{kind=\"prepare\"}", 1.0),
        (
            "helenus_request_errors_total{code=\"0x2200\",error=\"invalid\"}",
            1.0,
        ),
        ("helenus_connections", 1.0),
        ("helenus_connections_accepted_total", 1.0),
        ("helenus_prepared_statements", 1.0),
        ("helenus_requests_in_flight", 0.0),
        ("helenus_requests_in_flight_bytes", 0.0),
        (
            "helenus_table_writes_total{keyspace=\"nyc\",table=\"flights\"}",
            7.0,
        ),
    ] {
        assert_eq!(value(series), wanted, "{series}");
    }
    assert!(value("helenus_requests_total{kind=\"select\"}") >= 1.0);
    assert!(value("helenus_received_bytes_total") > 200.0);
    assert!(value("helenus_sent_bytes_total") > 100.0);
    assert!(value("helenus_commitlog_syncs_total") >= 1.0);
    let port = http.to_string();
    let clients = done(&["-p", &port], "clientstats --all");
    assert!(
        clients.contains("\nTotal connected clients: 1\n"),
        "{clients}"
    );
    assert!(
        clients.contains("\nUser      Connections\nanonymous 1"),
        "{clients}"
    );
    drop(client);
    server.stop().unwrap();
}

/// A `helenus serve` in memory, its HTTP port, and the lines that it says.
struct Served {
    child: Child,
    port: String,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Served {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_helenus"))
            .args(["serve", "--ephemeral", "--listen", "127.0.0.1:0"])
            .args(["--http-listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let port = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some((_, rest)) = line.split_once("http 127.0.0.1:") {
                break rest.split(',').next().unwrap().to_owned();
            }
        };
        Self { child, port, lines }
    }

    /// The next line that says `what`.
    fn line_with(&mut self, what: &str) -> String {
        let mut lines = self.lines.by_ref().map(Result::unwrap);
        lines.find(|line| line.contains(what)).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_log_is_steered() {
    let mut served = Served::start();
    let port = served.port.clone();
    let place = ["-p", &port];
    let title = format!("\n{:<50}{:>10}\n", "Logger Name", "Log Level");
    let level = |name: &str, level: &str| format!("{name:<50}{level:>10}\n");
    let initial = format!("{title}{}", level("ROOT", "INFO"));
    assert_eq!(done(&place, "getlogginglevels"), initial);
    assert_eq!(done(&place, "setlogginglevel server::http debug"), "");
    let changed = format!("{initial}{}", level("helenus::server::http", "DEBUG"));
    assert_eq!(done(&place, "getlogginglevels"), changed);
    let line = served.line_with("administration: SetLoggingLevel");
    assert!(line.contains("Z INFO  server::http: "), "{line}");
    assert!(!line.contains('\u{1b}'), "{line:?}");
    // The name of a keyspace may hold anything; the line holds its escape.
    let words: [&str; 4] = ["-p", &port, "flush", "x\n\u{1b}[2J"];
    assert_eq!(admin(&words).status.code(), Some(1));
    let line = served.line_with("administration: Flush");
    assert!(!line.contains('\u{1b}') && line.contains("[2J"), "{line:?}");
    assert_eq!(done(&place, "setlogginglevel"), "");
    assert_eq!(done(&place, "getlogginglevels"), initial);
    let foreign = failed(&place, "setlogginglevel org.apache.cassandra.db DEBUG", 1);
    assert!(foreign.contains("no part of helenus"), "{foreign}");
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
