//! What clients do all day.

use crate::support::{
    SCHEMA, client, client_of, int, plain, rows, rows_of, run, start, start_with_rows, text, with,
};
use helenus::ErrorKind;
use helenus::client::{Client, ClientOptions};
use helenus::protocol::primitive::Value;
use helenus::protocol::request::{Batch, BatchKind, BatchStatement, QueryParameters, Values};
use helenus::protocol::response::{Change, Event, SchemaTarget};
use helenus::protocol::{Compression, Request, Response, Version};
use helenus::server::options::ServerOptions;
use std::sync::Arc;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

#[test]
fn every_version_and_compression() {
    let server = start(ServerOptions::on_free_ports());
    for (at, (version, compression)) in [
        (Version::V3, Compression::None),
        (Version::V3, Compression::Snappy),
        (Version::V4, Compression::Lz4),
        (Version::V4, Compression::Snappy),
        (Version::V5, Compression::None),
        (Version::V5, Compression::Lz4),
    ]
    .into_iter()
    .enumerate()
    {
        let mut client = client_of(&server, version, compression);
        assert_eq!(client.version(), version);
        let keyspace = format!("k{at}");
        run(
            &mut client,
            &format!(
                "CREATE KEYSPACE {keyspace} WITH replication = \
                 {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
            ),
        );
        run(&mut client, &format!("USE {keyspace}"));
        assert_eq!(client.keyspace(), Some(keyspace.as_str()));
        run(
            &mut client,
            "CREATE TABLE t (a int, b int, c text, PRIMARY KEY (a, b))",
        );
        let mut insert = client
            .prepare("INSERT INTO t (a, b, c) VALUES (?, ?, ?)")
            .unwrap();
        if version >= Version::V4 {
            assert_eq!(insert.prepared.partition_key_indices, [0]);
        }
        // Compressible, and larger than a segment of version 5.
        let long = "abcdefgh".repeat(30_000);
        for b in 0..10 {
            let values = with(vec![int(1), int(b), text(&long)]);
            client.execute(&mut insert, &values).unwrap();
        }
        let mut select = client.prepare("SELECT b, c FROM t WHERE a = ?").unwrap();
        let mut seen = 0_i32;
        let page = QueryParameters {
            page_size: Some(3),
            ..with(vec![int(1)])
        };
        let mut pages = client.execute_pages(&mut select, page);
        while let Some(page) = pages.next_page().unwrap() {
            for row in page.rows() {
                let row = row.unwrap();
                assert_eq!(row[0].as_deref(), Some(&seen.to_be_bytes()[..]));
                assert_eq!(row[1].as_deref(), Some(long.as_bytes()));
                seen += 1;
            }
        }
        assert_eq!(seen, 10);
    }
    server.stop().unwrap();
}

#[test]
fn values_by_name_and_unset_and_null() {
    let server = start_with_rows(ServerOptions::on_free_ports(), 0);
    let mut client = client(&server);
    let named = QueryParameters {
        values: Values::Named(vec![
            ("c".into(), text("x")),
            ("b".into(), int(2)),
            ("a".into(), int(1)),
        ]),
        ..plain()
    };
    client
        .query("INSERT INTO k.t (a, b, c) VALUES (:a, :b, :c)", &named)
        .unwrap();
    let mut insert = client
        .prepare("INSERT INTO k.t (a, b, c) VALUES (?, ?, ?)")
        .unwrap();
    let unset = with(vec![int(1), int(2), Value::Unset]);
    client.execute(&mut insert, &unset).unwrap();
    let held = rows(&mut client, "SELECT c FROM k.t WHERE a = 1 AND b = 2");
    let row = held.rows().next().unwrap().unwrap();
    assert_eq!(row[0].as_deref(), Some(&b"x"[..]));
    let null = with(vec![int(1), int(2), Value::Null]);
    client.execute(&mut insert, &null).unwrap();
    let held = rows(&mut client, "SELECT c FROM k.t WHERE a = 1 AND b = 2");
    assert_eq!(held.rows().next().unwrap().unwrap()[0], None);
    server.stop().unwrap();
}

#[test]
fn errors_have_their_codes_and_bodies() {
    let server = start_with_rows(ServerOptions::on_free_ports(), 0);
    let mut client = client(&server);
    for (statement, kind) in [
        ("SELEC 1", ErrorKind::Syntax),
        ("SELECT nope FROM k.t", ErrorKind::Invalid),
        ("SELECT * FROM nope.t", ErrorKind::Invalid),
        (
            "CREATE TABLE k.t (a int PRIMARY KEY)",
            ErrorKind::AlreadyExists,
        ),
        ("SELECT * FROM k.t WHERE c = 'x'", ErrorKind::Invalid),
    ] {
        let error = client.query(statement, &plain()).unwrap_err();
        assert_eq!(error.kind, kind, "{statement}: {error}");
        if kind == ErrorKind::AlreadyExists {
            assert_eq!(
                error.names,
                Some(Box::new(("k".to_owned(), "t".to_owned())))
            );
        }
    }
    let foreign = QueryParameters {
        page_size: Some(5),
        paging_state: Some(b"nonsense".to_vec().into()),
        ..plain()
    };
    let error = client.query("SELECT * FROM k.t", &foreign).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol);
    let errors = server.control().metrics().errors();
    let invalid: u64 = errors
        .filter(|(code, ..)| *code == 0x2200)
        .map(|it| it.2)
        .sum();
    assert_eq!(invalid, 3);
    server.stop().unwrap();
}

#[test]
fn batches_of_texts_and_prepared_statements() {
    let server = start_with_rows(ServerOptions::on_free_ports(), 0);
    let mut client = client(&server);
    let insert = client
        .prepare("INSERT INTO k.t (a, b, c) VALUES (?, ?, ?)")
        .unwrap();
    let batch = |id: bytes::Bytes| Batch {
        kind: BatchKind::Logged,
        statements: vec![
            (
                BatchStatement::Prepared(id),
                vec![int(1), int(1), text("x")],
            ),
            (
                BatchStatement::Text("INSERT INTO k.t (a, b) VALUES (2, ?)".into()),
                vec![int(2)],
            ),
        ],
        parameters: plain(),
    };
    client.batch(batch(insert.prepared.id.clone())).unwrap();
    assert_eq!(rows(&mut client, "SELECT * FROM k.t").count, 2);
    let unknown = client.batch(batch(vec![7; 16].into())).unwrap_err();
    assert_eq!(unknown.kind, ErrorKind::Unprepared);
    server.stop().unwrap();
}

#[test]
fn a_changed_schema_is_noticed_by_prepared_statements() {
    let server = start_with_rows(ServerOptions::on_free_ports(), 1);
    let mut client = client(&server);
    let mut select = client.prepare("SELECT * FROM k.t WHERE a = ?").unwrap();
    let first = client.execute(&mut select, &with(vec![int(1)])).unwrap();
    assert_eq!(rows_of(first.result).metadata.column_count, 3);
    run(&mut client, "ALTER TABLE k.t ADD d int");
    // The answer carries the new columns and their new id, and the next one needs neither.
    let request = client.execute_request(&select, &with(vec![int(1)]));
    let answer = client.call(request).unwrap();
    let Response::Result(result) = answer.response else {
        panic!("no result: {answer:?}");
    };
    let changed = rows_of(result);
    assert!(changed.metadata.new_metadata_id.is_some());
    assert_eq!(
        changed.metadata.columns.map(|columns| columns.len()),
        Some(4)
    );
    client.execute(&mut select, &with(vec![int(1)])).unwrap();
    let request = client.execute_request(&select, &with(vec![int(1)]));
    let Response::Result(result) = client.call(request).unwrap().response else {
        panic!("no result");
    };
    let known = rows_of(result);
    assert_eq!(
        (known.metadata.columns, known.metadata.new_metadata_id),
        (None, None)
    );
    // What means something else now is to be prepared again.
    run(&mut client, "DROP TABLE k.t");
    let request = client.execute_request(&select, &with(vec![int(1)]));
    assert_eq!(
        client.call(request).unwrap_err().kind,
        ErrorKind::Unprepared
    );
    run(&mut client, "CREATE TABLE k.t (a int PRIMARY KEY, e text)");
    let again = client.execute(&mut select, &with(vec![int(1)])).unwrap();
    assert_eq!(rows_of(again.result).metadata.column_count, 2);
    server.stop().unwrap();
}

#[test]
fn events_reach_all_who_registered() {
    let server = start(ServerOptions::on_free_ports());
    let (mut own, mut other) = (
        client(&server),
        client_of(&server, Version::V4, Compression::Lz4),
    );
    let mut deaf = client(&server);
    own.register(&["SCHEMA_CHANGE"]).unwrap();
    other
        .register(&["SCHEMA_CHANGE", "STATUS_CHANGE", "TOPOLOGY_CHANGE"])
        .unwrap();
    for text in SCHEMA {
        run(&mut own, text);
    }
    for client in [&mut own, &mut other] {
        let mut next = || match client.next_event(SOON).unwrap() {
            Some(Event::Schema(change)) => change,
            event => panic!("{event:?}"),
        };
        let (keyspace, table) = (next(), next());
        assert_eq!(
            (keyspace.change, keyspace.target),
            (Change::Created, SchemaTarget::Keyspace)
        );
        assert_eq!(table.target, SchemaTarget::Table("t".to_owned()));
        assert_eq!(
            (keyspace.keyspace, table.keyspace),
            ("k".to_owned(), "k".to_owned())
        );
    }
    assert_eq!(deaf.next_event(Duration::from_millis(50)).unwrap(), None);
    server.stop().unwrap();
    // The last thing that is heard of a node is that it goes.
    assert!(matches!(
        other.next_event(SOON),
        Ok(Some(Event::Status { .. }))
    ));
}

#[test]
fn requests_are_pipelined() {
    let server = start_with_rows(ServerOptions::on_free_ports(), 100);
    let mut client = client(&server);
    let select = client
        .prepare("SELECT b FROM k.t WHERE a = 1 AND b = ?")
        .unwrap();
    let mut asked = std::collections::HashMap::new();
    for number in 0..2_000 {
        // Every hundredth is a scan, for a worker thread; the others overtake it.
        let request = match number % 100 {
            0 => Request::Query {
                text: "SELECT b FROM k.t".into(),
                parameters: plain(),
            }
            .into(),
            b => client.execute_request(&select, &with(vec![int(b)])),
        };
        asked.insert(client.send(request).unwrap(), number % 100);
    }
    for _ in 0..2_000 {
        let (stream, answer) = client.receive().unwrap();
        let b = asked.remove(&stream).unwrap();
        let Response::Result(result) = answer.response else {
            panic!("{answer:?}");
        };
        let rows = rows_of(result);
        if b == 0 {
            assert_eq!(rows.count, 100);
        } else {
            let row = rows.rows().next().unwrap().unwrap();
            assert_eq!(row[0].as_deref(), Some(&b.to_be_bytes()[..]));
        }
    }
    assert!(asked.is_empty());
    server.stop().unwrap();
}

#[test]
fn a_trace_can_be_read() {
    let server = start_with_rows(ServerOptions::on_free_ports(), 3);
    let mut client = client(&server);
    let answer = client
        .query_traced("SELECT * FROM k.t WHERE a = 1", &plain(), true)
        .unwrap();
    let id = answer.tracing_id.unwrap();
    let session = rows(
        &mut client,
        &format!("SELECT duration FROM system_traces.sessions WHERE session_id = {id}"),
    );
    assert!(session.rows().next().unwrap().unwrap()[0].is_some());
    let events = rows(
        &mut client,
        &format!("SELECT activity FROM system_traces.events WHERE session_id = {id}"),
    );
    assert!(events.count >= 2);
    server.stop().unwrap();
}

#[test]
fn who_is_connected_can_be_read() {
    let server = start(ServerOptions::on_free_ports());
    let mut client = client(&server);
    let _second = client_of(&server, Version::V4, Compression::None);
    let clients = rows(
        &mut client,
        "SELECT protocol_version, connection_stage FROM system_views.clients",
    );
    let mut versions: Vec<_> = clients
        .rows()
        .map(|row| row.unwrap()[0].clone().unwrap()[3])
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, [4, 5]);
    let port = rows(&mut client, "SELECT rpc_port FROM system.local");
    let told = port.rows().next().unwrap().unwrap()[0].clone().unwrap();
    assert_eq!(
        told[..],
        i32::from(server.local_addr().port()).to_be_bytes()[..]
    );
    server.stop().unwrap();
}

#[test]
fn a_password_is_asked_for() {
    let one = helenus::access::OneUser::new("ann", "secret").unwrap();
    let server = start(ServerOptions {
        authenticator: Arc::new(one),
        ..ServerOptions::on_free_ports()
    });
    let address = server.local_addr().to_string();
    for version in Version::ALL {
        let connect = |password: &str| {
            let options = ClientOptions {
                version,
                credentials: Some(("ann".to_owned(), password.to_owned())),
                ..ClientOptions::default()
            };
            Client::connect(&address, &options)
        };
        let mut known = connect("secret").unwrap();
        assert_eq!(rows(&mut known, "SELECT key FROM system.local").count, 1);
        let refused = connect("wrong").unwrap_err();
        assert_eq!(refused.kind, ErrorKind::BadCredentials, "{refused}");
    }
    assert!(Client::connect(&address, &ClientOptions::default()).is_err());
    assert_eq!(server.control().metrics().logins_failed.get(), 3);
    server.stop().unwrap();
}

#[test]
fn the_scylla_crate_works() {
    use scylla::client::session_builder::SessionBuilder;
    use scylla::response::PagingState;
    use scylla::statement::batch::Batch as ScyllaBatch;
    use std::ops::ControlFlow;
    let server = start(ServerOptions::on_free_ports());
    let address = server.local_addr().to_string();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let session = SessionBuilder::new()
            .known_node(address)
            .build()
            .await
            .unwrap();
        for text in SCHEMA {
            session.query_unpaged(text, &[]).await.unwrap();
        }
        let insert = session
            .prepare("INSERT INTO k.t (a, b, c) VALUES (?, ?, ?)")
            .await
            .unwrap();
        for b in 0..50 {
            session
                .execute_unpaged(&insert, (b % 2, b, "x"))
                .await
                .unwrap();
        }
        let mut batch = ScyllaBatch::default();
        batch.append_statement(insert.clone());
        batch.append_statement("INSERT INTO k.t (a, b, c) VALUES (9, 9, 'y')");
        session.batch(&batch, ((1, 100, "z"), ())).await.unwrap();
        let mut select = session
            .prepare("SELECT b, c FROM k.t WHERE a = ?")
            .await
            .unwrap();
        select.set_page_size(7);
        let mut seen = Vec::new();
        let mut state = PagingState::start();
        loop {
            let page = session.execute_single_page(&select, (1,), state).await;
            let (page, next) = page.unwrap();
            let rows = page.into_rows_result().unwrap();
            for row in rows.rows::<(i32, String)>().unwrap() {
                seen.push(row.unwrap().0);
            }
            match next.into_paging_control_flow() {
                ControlFlow::Continue(next) => state = next,
                ControlFlow::Break(()) => break,
            }
        }
        let expected: Vec<i32> = (0..50).filter(|b| b % 2 == 1).chain([100]).collect();
        assert_eq!(seen, expected);
        let wrong = session.query_unpaged("SELECT nope FROM k.t", &[]).await;
        assert!(
            wrong
                .unwrap_err()
                .to_string()
                .contains("Undefined column name nope")
        );
    });
    server.stop().unwrap();
}
