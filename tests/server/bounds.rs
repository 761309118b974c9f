//! What happens to those who want too much: they are told so, or wait; and nobody else does.

use crate::support::{client, client_of, plain, rows, run, start, start_with_rows};
use helenus::client::Client;
use helenus::protocol::request::QueryParameters;
use helenus::protocol::{Compression, ErrorBody, Request, RequestMessage, Response, Version};
use helenus::server::Server;
use helenus::server::options::ServerOptions;
use std::io::{ErrorKind as IoErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const SCAN: &str = "SELECT * FROM k.t";

fn query(text: &str) -> RequestMessage {
    Request::Query {
        text: text.into(),
        parameters: plain(),
    }
    .into()
}

/// Waits until `done`; panics after a while.
fn wait_until(what: &str, done: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("in vain: {what}");
}

/// Sends `count` scans at once and counts the answers: rows, OVERLOADED, timeouts.
fn scans(client: &mut Client, count: usize) -> [usize; 3] {
    for _ in 0..count {
        client.send(query(SCAN)).unwrap();
    }
    let mut seen = [0; 3];
    for _ in 0..count {
        let (_, answer) = client.receive().unwrap();
        match answer.response {
            Response::Result(_) => seen[0] += 1,
            Response::Error {
                body: ErrorBody::Overloaded,
                ..
            } => seen[1] += 1,
            Response::Error {
                body: ErrorBody::ReadTimeout { .. },
                ..
            } => seen[2] += 1,
            other => panic!("{other:?}"),
        }
    }
    seen
}

#[test]
fn over_capacity_is_told() {
    let server = start_with_rows(
        ServerOptions {
            workers_max: 1,
            queue_max: 2,
            ..ServerOptions::on_free_ports()
        },
        500,
    );
    let mut client = client(&server);
    let [answered, overloaded, late] = scans(&mut client, 200);
    assert_eq!((answered + overloaded, late), (200, 0));
    assert!(answered >= 3 && overloaded > 0, "{answered} {overloaded}");
    assert_eq!(
        server.control().metrics().overloaded.get(),
        overloaded as u64
    );
    // It goes on afterwards, and what needs no worker thread never noticed.
    assert_eq!(rows(&mut client, SCAN).count, 500);
    assert_eq!(server.control().metrics().requests_queued.get(), 0);
    server.stop().unwrap();
}

#[test]
fn what_takes_too_long_is_told() {
    let server = start_with_rows(
        ServerOptions {
            workers_max: 1,
            range_timeout: Duration::from_millis(1),
            ..ServerOptions::on_free_ports()
        },
        2_000,
    );
    let mut client = client(&server);
    let [answered, overloaded, late] = scans(&mut client, 1_000);
    assert_eq!((answered + late, overloaded), (1_000, 0));
    assert!(late > 0, "{answered}");
    assert_eq!(server.control().metrics().timeouts.get(), late as u64);
    assert_eq!(
        rows(&mut client, "SELECT b FROM k.t WHERE a = 1 AND b = 7").count,
        1
    );
    server.stop().unwrap();
}

#[test]
fn work_of_a_client_that_has_gone_is_dropped() {
    let server = start_with_rows(
        ServerOptions {
            workers_max: 1,
            ..ServerOptions::on_free_ports()
        },
        2_000,
    );
    let mut gone = client(&server);
    for _ in 0..200 {
        gone.send(query(SCAN)).unwrap();
    }
    gone.flush().unwrap();
    let metrics = server.control().metrics();
    wait_until("work", || metrics.requests_queued.get() > 0);
    drop(gone);
    wait_until("nothing queued", || metrics.requests_queued.get() == 0);
    assert!(metrics.abandoned.get() > 0);
    wait_until("nobody connected", || metrics.connections.get() == 0);
    assert_eq!(metrics.requests_in_flight.get(), 0);
    let mut client = client(&server);
    assert_eq!(rows(&mut client, SCAN).count, 2_000);
    server.stop().unwrap();
}

#[test]
fn a_slow_reader_stalls_alone() {
    let server = start_with_rows(ServerOptions::on_free_ports(), 8);
    let mut other = client(&server);
    for b in 0..3 {
        let large = "x".repeat(20 << 10);
        run(
            &mut other,
            &format!("INSERT INTO k.t (a, b, c) VALUES (2, {b}, '{large}')"),
        );
    }
    let mut slow = TcpStream::connect(server.local_addr()).unwrap();
    slow.set_write_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let startup = b"\x04\0\0\0\x01\0\0\0\x16\0\x01\0\x0bCQL_VERSION\0\x053.0.0";
    slow.write_all(startup).unwrap();
    let mut ready = [0; 9];
    slow.read_exact(&mut ready).unwrap();
    assert_eq!(ready[4], 0x02);
    // 60 kB for each of these.
    let text = "SELECT b, c FROM k.t WHERE a = 2";
    let length = i32::try_from(text.len()).unwrap().to_be_bytes();
    let body = [&length[..], text.as_bytes(), &[0, 1, 0]].concat();
    let mut one = vec![4, 0, 0, 1, 7];
    one.extend(i32::try_from(body.len()).unwrap().to_be_bytes());
    one.extend(&body);
    let many = one.repeat(1_000);
    let mut sent = 0;
    // Until the server does not read any more: so many answers would not fit anywhere.
    let stalled = loop {
        match slow.write(&many[sent % many.len()..]) {
            Ok(written) => sent += written,
            Err(error) => break error.kind(),
        }
        assert!(sent < 64 << 20, "the server takes everything");
    };
    assert!(matches!(
        stalled,
        IoErrorKind::WouldBlock | IoErrorKind::TimedOut
    ));
    for _ in 0..100 {
        let found = rows(&mut other, "SELECT b FROM k.t WHERE a = 1 AND b = 7");
        assert_eq!(found.count, 1);
    }
    // It gets all that it asked for once it reads.
    let whole = sent / one.len();
    slow.set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    for _ in 0..whole.min(500) {
        let mut header = [0; 9];
        slow.read_exact(&mut header).unwrap();
        assert_eq!(header[4], 0x08);
        let length = i32::from_be_bytes([header[5], header[6], header[7], header[8]]);
        let mut body = vec![0; usize::try_from(length).unwrap()];
        slow.read_exact(&mut body).unwrap();
    }
    drop(slow);
    server.stop().unwrap();
}

#[test]
fn connections_are_bounded() {
    let server = start(ServerOptions {
        connections_max: 2,
        ..ServerOptions::on_free_ports()
    });
    let (mut first, second) = (client(&server), client(&server));
    let refused = |server: &Server| {
        let mut stream = TcpStream::connect(server.local_addr()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let end = stream.read(&mut [0; 1]);
        !matches!(end, Ok(1..))
    };
    assert!(refused(&server));
    assert_eq!(server.control().metrics().connections_refused.get(), 1);
    drop(second);
    let metrics = server.control().metrics();
    wait_until("room", || metrics.connections.get() == 1);
    wait_until("room in the list", || {
        server.control().connections().len() == 1
    });
    let mut third = client(&server);
    for client in [&mut first, &mut third] {
        assert_eq!(rows(client, "SELECT key FROM system.local").count, 1);
    }
    server.stop().unwrap();
}

#[test]
fn ten_thousand_statements_are_not_all_remembered() {
    let server = start_with_rows(ServerOptions::on_free_ports(), 1);
    let mut client = client_of(&server, Version::V4, Compression::None);
    let first = client.prepare("SELECT b FROM k.t WHERE a = 0").unwrap();
    let statements = 3_000;
    let padding = "x".repeat(4 << 10);
    for number in 0..statements {
        let text = format!("SELECT b FROM k.t WHERE a = {number} AND b = 1 // {padding}\n");
        let request = Request::Prepare {
            text: text.as_str().into(),
            keyspace: None,
        };
        client.send(request.into()).unwrap();
    }
    for _ in 0..statements {
        assert!(matches!(
            client.receive().unwrap().1.response,
            Response::Result(_)
        ));
    }
    let held = server.control().database().shared().statement_figures();
    assert!(
        held.bytes <= helenus::limits::PREPARED_BYTES_MAX,
        "{held:?}"
    );
    // The first one has been forgotten, and is prepared again when it is asked for.
    let again = client.call(client.execute_request(&first, &QueryParameters::default()));
    assert_eq!(again.unwrap_err().kind, helenus::ErrorKind::Unprepared);
    server.stop().unwrap();
}

/// Large answers that nobody reads are in others' way for a while only.
#[test]
fn large_answers_that_nobody_reads_are_given_up() {
    let server = start(ServerOptions {
        silence_timeout: Duration::from_millis(300),
        ..ServerOptions::on_free_ports()
    });
    let mut writer = client(&server);
    run(
        &mut writer,
        "CREATE KEYSPACE k WITH replication = \
         {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    run(
        &mut writer,
        "CREATE TABLE k.t (k int, c int, v blob, PRIMARY KEY (k, c))",
    );
    let zeros = "00".repeat(4 << 20);
    for row in 0..6 {
        run(
            &mut writer,
            &format!("INSERT INTO k.t (k, c, v) VALUES (1, {row}, 0x{zeros})"),
        );
    }
    // Each answer has 24 MiB.
    let mut idlers: Vec<Client> = (0..4).map(|_| client(&server)).collect();
    for idler in &mut idlers {
        idler.send(query(SCAN)).unwrap();
        idler.send(query(SCAN)).unwrap();
        idler.send(query(SCAN)).unwrap();
    }
    std::thread::sleep(Duration::from_millis(100));
    wait_until("the room is given back", || {
        let mut client = client(&server);
        client.query("SELECT k FROM k.t LIMIT 1", &plain()).is_ok()
    });
    server.stop().unwrap();
}
