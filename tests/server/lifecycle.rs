//! Starting, stopping, and what survives it.

use crate::support::{SCHEMA, client, int, plain, rows, rows_of, run, start_with_rows, text, with};
use helenus::Database;
use helenus::protocol::Response;
use helenus::protocol::request::QueryParameters;
use helenus::server::Server;
use helenus::server::options::ServerOptions;
use std::net::TcpStream;

#[test]
fn paging_goes_on_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        let database = Database::open(directory.path()).unwrap();
        Server::start(database, ServerOptions::on_free_ports()).unwrap()
    };
    let server = open();
    let mut first = client(&server);
    for statement in SCHEMA {
        run(&mut first, statement);
    }
    let mut insert = first
        .prepare("INSERT INTO k.t (a, b, c) VALUES (1, ?, ?)")
        .unwrap();
    for b in 0..20 {
        first
            .execute(&mut insert, &with(vec![int(b), text("x")]))
            .unwrap();
    }
    let page = |paging_state| QueryParameters {
        page_size: Some(12),
        paging_state,
        ..plain()
    };
    let select = "SELECT b FROM k.t WHERE a = 1";
    let rows = rows_of(first.query(select, &page(None)).unwrap().result);
    assert_eq!(rows.count, 12);
    server.stop().unwrap();
    let server = open();
    let mut second = client(&server);
    let state = rows.metadata.paging_state;
    assert!(state.is_some());
    let rest = rows_of(second.query(select, &page(state)).unwrap().result);
    assert_eq!((rest.count, rest.metadata.paging_state.clone()), (8, None));
    let row = rest.rows().next().unwrap().unwrap();
    assert_eq!(row[0].as_deref(), Some(&12_i32.to_be_bytes()[..]));
    server.stop().unwrap();
}

#[test]
fn what_was_acknowledged_while_it_stopped_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(directory.path()).unwrap();
    let server = Server::start(database, ServerOptions::on_free_ports()).unwrap();
    let mut writer = client(&server);
    for statement in SCHEMA {
        run(&mut writer, statement);
    }
    let insert = writer
        .prepare("INSERT INTO k.t (a, b, c) VALUES (1, ?, ?)")
        .unwrap();
    let writing = std::thread::spawn(move || {
        let mut acknowledged = 0_i32;
        for round in 0.. {
            let mut numbers = std::collections::HashMap::new();
            for number in 0..50 {
                let values = with(vec![int(round * 50 + number), text("x")]);
                let request = writer.execute_request(&insert, &values);
                let Ok(stream) = writer.send(request) else {
                    return acknowledged;
                };
                numbers.insert(stream, round * 50 + number);
            }
            for _ in 0..50 {
                match writer.receive() {
                    Ok((stream, answer)) => {
                        assert!(matches!(answer.response, Response::Result(_)), "{answer:?}");
                        assert!(numbers.remove(&stream).is_some());
                        acknowledged += 1;
                    }
                    Err(_) => return acknowledged,
                }
            }
        }
        acknowledged
    });
    let metrics = server.control().metrics();
    while metrics
        .latency(helenus::server::metrics::RequestKind::Insert)
        .count()
        < 100
    {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    server.stop().unwrap();
    let acknowledged = writing.join().unwrap();
    assert!(acknowledged >= 100);
    let database = Database::open(directory.path()).unwrap();
    let mut held = database
        .execute("SELECT count(*) FROM k.t", &[])
        .unwrap()
        .into_rows();
    let count = held
        .next_row()
        .unwrap()
        .unwrap()
        .get::<i64>("count")
        .unwrap();
    assert!(
        count >= i64::from(acknowledged),
        "{count} of {acknowledged}"
    );
    database.close().unwrap();
}

#[test]
fn the_port_closes_and_opens_again() {
    let server = start_with_rows(ServerOptions::on_free_ports(), 1);
    let address = server.local_addr();
    let mut before = client(&server);
    server.block_on(server.control().disable_binary());
    assert!(
        before
            .query("SELECT key FROM system.local", &plain())
            .is_err()
    );
    assert!(TcpStream::connect(address).is_err());
    server.block_on(server.control().enable_binary()).unwrap();
    assert_eq!(server.local_addr(), address);
    let mut after = client(&server);
    assert_eq!(rows(&mut after, "SELECT * FROM k.t").count, 1);
    server.stop().unwrap();
}

#[test]
fn a_busy_http_port_is_an_error_only_if_it_was_asked_for() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let http = Some(taken.local_addr().unwrap());
    let start = |required| {
        let config = helenus::config::Config::default();
        let clock = helenus::clock::SystemClock::shared();
        let database = Database::in_memory(config, clock).unwrap();
        let options = ServerOptions {
            http_listen: http,
            http_required: required,
            ..ServerOptions::on_free_ports()
        };
        Server::start(database, options)
    };
    let refused = start(true).unwrap_err();
    assert!(
        refused
            .message
            .ends_with("is in use: another process listens there"),
        "{refused}"
    );
    let server = start(false).unwrap();
    assert_eq!(server.http_addr(), None);
    server.stop().unwrap();
}
