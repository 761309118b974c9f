//! The HTTP port from outside: what it answers, and what hostile clients get.

use super::{BODY_BYTES_MAX, CONNECTIONS_MAX, converse};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::database::Database;
use crate::server::Server;
use crate::server::metrics::{Outcome, RequestKind};
use crate::server::options::ServerOptions;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

fn server() -> Server {
    let database = Database::in_memory(Config::default(), SystemClock::shared()).unwrap();
    let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
    let statements = [
        format!("CREATE KEYSPACE nyc WITH replication = {replication}"),
        "CREATE TABLE nyc.flights (id int PRIMARY KEY, dest text)".to_owned(),
        "INSERT INTO nyc.flights (id, dest) VALUES (1, 'IAH')".to_owned(),
    ];
    for statement in statements {
        database.execute(&statement, &[]).unwrap();
    }
    Server::start(database, ServerOptions::on_free_ports()).unwrap()
}

fn port(server: &Server) -> SocketAddr {
    server.http_addr().unwrap()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    let patience = Some(Duration::from_secs(30));
    stream.set_read_timeout(patience).unwrap();
    stream
}

/// Sends bytes and reads until the server closes. A connection that is reset has no more to say.
fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address);
    // The server may refuse before it has read everything.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status and the body of an answer.
fn ask(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
    let length = body.len();
    let text = raw(
        address,
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .as_bytes(),
    );
    let status = text
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status.unwrap_or(0), body.to_owned())
}

fn get(address: SocketAddr, path: &str) -> (u16, String) {
    ask(address, "GET", path, "", "")
}

fn post(address: SocketAddr, path: &str, body: &str) -> (u16, String) {
    ask(
        address,
        "POST",
        path,
        "Content-Type: application/json\r\n",
        body,
    )
}

/// The samples of a page in Prometheus' text format, which is checked on the way: each family is
/// declared once, before its samples, which stand together; names and labels are well formed.
fn samples(page: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut declared = BTreeSet::new();
    let mut family = (String::new(), String::new());
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').unwrap();
            assert!(declared.insert(name.to_owned()), "{name} stands twice");
            assert!(text.ends_with('.'), "{name}: {text}");
            family = (name.to_owned(), String::new());
            continue;
        }
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(name, family.0, "HELP and TYPE go together");
            assert!(["counter", "gauge", "histogram"].contains(&kind));
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
            family.1 = kind.to_owned();
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').unwrap()),
            None => (series, ""),
        };
        let suffixes: &[&str] = match family.1.as_str() {
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        let own = suffixes
            .iter()
            .any(|suffix| name == format!("{}{suffix}", family.0));
        assert!(own, "{name} stands in {}", family.0);
        assert!(
            name.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
            "{name}"
        );
        for label in labels.split("\",").filter(|label| !label.is_empty()) {
            let (label, _) = label.split_once("=\"").unwrap();
            assert!(label.chars().all(|c| c.is_ascii_lowercase()), "{label}");
        }
        let value: f64 = value.parse().unwrap();
        assert!(
            samples.insert(series.to_owned(), value).is_none(),
            "{series} twice"
        );
    }
    samples
}

#[test]
fn metrics_are_prometheus_text() {
    let server = server();
    let metrics = server.control().metrics();
    let took = Duration::from_micros(1_500);
    metrics.request(RequestKind::Insert, took, Outcome::Done);
    metrics.request(RequestKind::Select, took, Outcome::Failed(0x2200));
    let (status, page) = get(port(&server), "/metrics");
    assert_eq!(status, 200);
    let samples = samples(&page);
    let value = |series: &str| *samples.get(series).unwrap_or_else(|| panic!("{series}"));
    assert_eq!(value("helenus_requests_total{kind=\"insert\"}"), 1.0);
    let bucket = |le: &str| {
        format!("helenus_request_duration_seconds_bucket{{kind=\"insert\",le=\"{le}\"}}")
    };
    assert_eq!(value(&bucket("0.001")), 0.0);
    assert_eq!(value(&bucket("0.002")), 1.0);
    assert_eq!(value(&bucket("+Inf")), 1.0);
    assert_eq!(
        value("helenus_request_errors_total{code=\"0x2200\",error=\"invalid\"}"),
        1.0
    );
    assert_eq!(value("helenus_native_transport_up"), 1.0);
    assert_eq!(value("helenus_tables"), 1.0);
    assert!(value("helenus_memtable_bytes") > 0.0);
    assert!(value("helenus_commitlog_records_total") >= 1.0);
    let written = "helenus_table_writes_total{keyspace=\"nyc\",table=\"flights\"}";
    assert_eq!(value(written), 1.0);
    #[cfg(target_os = "linux")]
    assert!(value("process_resident_memory_bytes") > 1e6 && value("process_open_fds") > 3.0);
    server.stop().unwrap();
}

#[test]
fn a_drained_server_is_down() {
    let server = server();
    let http = port(&server);
    assert_eq!(get(http, "/health").0, 200);
    assert_eq!(post(http, "/admin/disablebinary", "").0, 200);
    assert_eq!(get(http, "/health").0, 503);
    assert_eq!(get(http, "/admin/statusbinary").1, "{\"binary\":false}\n");
    assert!(TcpStream::connect(server.local_addr()).is_err());
    assert_eq!(post(http, "/admin/enablebinary", "{}").0, 200);
    assert!(TcpStream::connect(server.local_addr()).is_ok());
    assert_eq!(post(http, "/admin/drain", "").0, 200);
    assert_eq!(get(http, "/health").0, 503);
    let (status, body) = post(http, "/admin/enablebinary", "");
    assert!(status == 400 && body.contains("drained"), "{status} {body}");
    server.stop().unwrap();
}

#[test]
fn administration_changes_the_engine() {
    let server = server();
    let http = port(&server);
    let flush = r#"{"keyspace": "nyc", "tables": ["flights"]}"#;
    assert_eq!(post(http, "/admin/flush", flush).0, 200);
    let (_, stats) = get(http, "/admin/tablestats");
    assert!(
        stats.contains(r#""table":"flights","sstables":1"#),
        "{stats}"
    );
    assert_eq!(post(http, "/admin/disableautocompaction", "{}").0, 200);
    let (_, switches) = get(http, "/admin/statusautocompaction");
    assert!(switches.contains(r#""on":false"#), "{switches}");
    let (status, body) = post(http, "/admin/flush", r#"{"keyspace": "nosuch"}"#);
    assert_eq!(status, 400);
    assert!(body.contains("Keyspace [nosuch] does not exist."), "{body}");
    let (_, node) = get(http, "/admin/node");
    let cql = server.local_addr().port();
    assert!(node.contains("\"binary\":true"), "{node} {cql}");
    server.stop().unwrap();
}

#[test]
fn who_may_not_is_refused() {
    let server = server();
    let http = port(&server);
    let json = "Content-Type: application/json\r\n";
    let refused = [
        (
            "POST",
            "/admin/drain",
            format!("{json}Origin: http://evil.example\r\n"),
            403,
        ),
        (
            "POST",
            "/admin/drain",
            format!("{json}Origin: null\r\n"),
            403,
        ),
        (
            "POST",
            "/admin/drain",
            "Content-Type: text/plain\r\n".to_owned(),
            403,
        ),
        (
            "POST",
            "/admin/drain",
            format!("{json}Host: evil.example\r\n"),
            403,
        ),
        (
            "GET",
            "/admin/info",
            "Sec-Fetch-Site: cross-site\r\n".to_owned(),
            403,
        ),
        ("GET", "/admin/drain", String::new(), 405),
        ("DELETE", "/admin/info", json.to_owned(), 405),
        ("POST", "/metrics", String::new(), 405),
        ("GET", "/admin/nosuch", String::new(), 404),
        ("GET", "/../../etc/passwd", String::new(), 404),
    ];
    for (method, path, headers, wanted) in refused {
        let (status, body) = ask(http, method, path, &headers, "");
        assert_eq!(status, wanted, "{method} {path} {headers}: {body}");
    }
    let rebound = "POST /admin/drain HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\
                   Content-Type: application/json\r\nContent-Length: 0\r\n\r\n";
    assert!(raw(http, rebound.as_bytes()).starts_with("HTTP/1.1 403 "));
    assert!(!server.control().is_drained());
    server.stop().unwrap();
}

#[test]
fn hostile_input_ends_its_own_connection() {
    let server = server();
    let http = port(&server);
    let line = |size: usize| {
        format!(
            "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "x".repeat(size)
        )
    };
    let headers = "A: b\r\n".repeat(10_000);
    let garbage: Vec<u8> = (0..=255_u8).cycle().take(100_000).collect();
    let hostile: [Vec<u8>; 6] = [
        garbage,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(),
        line(1 << 20).into_bytes(),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").into_bytes(),
        format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(1 << 20)).into_bytes(),
        b"POST /admin/flush HTTP/1.1\r\nContent-Length: -1\r\n\r\n".to_vec(),
    ];
    for bytes in hostile {
        let answer = raw(http, &bytes);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{answer:.100}"
        );
    }
    let (status, _) = post(http, "/admin/flush", &" ".repeat(BODY_BYTES_MAX + 1));
    assert!(status == 413 || status == 0, "{status}");
    let (status, _) = post(http, "/admin/flush", &"[".repeat(10_000));
    assert_eq!(status, 400);
    let chunked = "POST /admin/flush HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                   Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
                   ffffffffffffffff\r\n";
    let endless = format!("{chunked}{}", " ".repeat(BODY_BYTES_MAX * 4));
    let answer = raw(http, endless.as_bytes());
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
        "{answer:.100}"
    );
    assert_eq!(get(http, "/health").0, 200);
    server.stop().unwrap();
}

#[test]
fn a_client_that_says_nothing_is_let_go() {
    let server = server();
    let control = server.control().clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for sent in ["", "GET /health HTTP/1.1\r\nHos"] {
        let mut client = connect(address);
        client.write_all(sent.as_bytes()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        accepted.set_nonblocking(true).unwrap();
        runtime.block_on(async {
            let accepted = tokio::net::TcpStream::from_std(accepted).unwrap();
            let patience = Duration::from_millis(50);
            let talk = converse(accepted, control.clone(), patience);
            let ended = tokio::time::timeout(Duration::from_secs(20), talk).await;
            assert!(ended.is_ok(), "{sent:?} keeps the connection");
        });
    }
    server.stop().unwrap();
}

#[test]
fn connections_are_bounded() {
    let server = server();
    let http = port(&server);
    let mut held: Vec<_> = (0..CONNECTIONS_MAX).map(|_| connect(http)).collect();
    // All of them are taken in once the last one is answered.
    let last = held.last_mut().unwrap();
    last.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    assert!(last.read(&mut [0; 16]).unwrap() > 0);
    assert_eq!(raw(http, b""), "");
    drop(held);
    let back = (0..100).any(|_| {
        std::thread::yield_now();
        get(http, "/health").0 == 200
    });
    assert!(back, "places are given back");
    server.stop().unwrap();
}
