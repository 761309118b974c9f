//! The client: against a server of the house, and against scripted ones that do what no good
//! server does.

use bytes::BytesMut;
use helenus::access::OneUser;
use helenus::client::{Client, ClientOptions};
use helenus::clock::SystemClock;
use helenus::config::Config;
use helenus::protocol::primitive::Value;
use helenus::protocol::request::{QueryParameters, Request, Values};
use helenus::protocol::response::{self, Event, Response, ResultBody, SchemaTarget};
use helenus::protocol::{
    Compression, Decoder, Encoder, Envelope, ErrorBody, Limits, Opcode, Version,
};
use helenus::server::Server;
use helenus::server::options::ServerOptions;
use helenus::{Database, ErrorKind};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

pub fn serve(options: ServerOptions) -> Server {
    let database = Database::in_memory(Config::default(), SystemClock::shared()).unwrap();
    Server::start(database, options).unwrap()
}

fn run(client: &mut Client, text: &str) -> ResultBody {
    client
        .query(text, &QueryParameters::default())
        .unwrap()
        .result
}

fn int(value: i32) -> Value {
    Value::Bytes(value.to_be_bytes().to_vec().into())
}

fn bind(values: Vec<Value>) -> QueryParameters {
    QueryParameters {
        values: Values::Positional(values),
        ..QueryParameters::default()
    }
}

/// 251 rows in pages of 100, in the order of their clustering from −1.
fn reads_pages(client: &mut Client) {
    let parameters = QueryParameters {
        page_size: Some(100),
        ..QueryParameters::default()
    };
    let mut select = client.prepare("SELECT c, v FROM t WHERE k = 1").unwrap();
    let (mut pages, mut rows) = (0, 0);
    let mut paged = client.execute_pages(&mut select, parameters);
    while let Some(page) = paged.next_page().unwrap() {
        pages += 1;
        assert_eq!(page.metadata.columns.as_ref().unwrap()[1].name, "v");
        for row in page.rows() {
            let row = row.unwrap();
            assert_eq!(row[0].as_deref(), Some(&(rows - 1_i32).to_be_bytes()[..]));
            rows += 1;
        }
    }
    assert_eq!((pages, rows), (3, 251));
}

/// A whole conversation in one framing.
fn converse(address: &str, number: usize, version: Version, compression: Compression) {
    let options = ClientOptions {
        version,
        compression,
        ..ClientOptions::default()
    };
    let mut client = Client::connect(address, &options).unwrap();
    assert_eq!(client.version(), version);
    client.register(&["SCHEMA_CHANGE"]).unwrap();
    let (keyspace, replication) = (
        format!("k{number}"),
        "{'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    run(
        &mut client,
        &format!("CREATE KEYSPACE {keyspace} WITH replication = {replication}"),
    );
    run(&mut client, &format!("USE {keyspace}"));
    assert_eq!(client.keyspace(), Some(keyspace.as_str()));
    run(
        &mut client,
        "CREATE TABLE t (k int, c int, v text, PRIMARY KEY (k, c))",
    );

    let mut insert = client
        .prepare("INSERT INTO t (k, c, v) VALUES (1, ?, ?)")
        .unwrap();
    assert_eq!(insert.prepared.variables.len(), 2);
    let text = Value::Bytes("some text ".repeat(100).into());
    client
        .execute(&mut insert, &bind(vec![int(-1), text.clone()]))
        .unwrap();
    // Many at once: more than a segment holds.
    for c in 0..250 {
        let request = client.execute_request(&insert, &bind(vec![int(c), text.clone()]));
        client.send(request).unwrap();
    }
    assert_eq!(client.in_flight(), 250);
    while client.in_flight() > 0 {
        let (_, answer) = client.receive().unwrap();
        assert_eq!(answer.response, Response::Result(ResultBody::Void));
    }

    reads_pages(&mut client);

    let parameters = QueryParameters::default();
    let missing = client
        .query("SELECT * FROM nothing", &parameters)
        .unwrap_err();
    assert_eq!(missing.kind, ErrorKind::Invalid);
    let wrong = client.query("SELEKT", &parameters).unwrap_err();
    assert_eq!(wrong.kind, ErrorKind::Syntax);
    let again = client
        .query("CREATE TABLE t (k int PRIMARY KEY)", &parameters)
        .unwrap_err();
    assert_eq!(again.names.as_deref(), Some(&(keyspace, "t".to_owned())));

    let event = loop {
        // Others change their schemas at the same time.
        match client.next_event(Duration::from_secs(10)).unwrap().unwrap() {
            Event::Schema(change) if change.keyspace == format!("k{number}") => break change,
            _ => {}
        }
    };
    assert_eq!(event.target, SchemaTarget::Keyspace);
}

#[test]
fn speaks_with_the_server() {
    let server = serve(ServerOptions::on_free_ports());
    let address = server.local_addr().to_string();
    let framings = [
        (Version::V3, Compression::Snappy),
        (Version::V4, Compression::None),
        (Version::V4, Compression::Lz4),
        (Version::V5, Compression::None),
        (Version::V5, Compression::Lz4),
    ];
    for (number, (version, compression)) in framings.into_iter().enumerate() {
        converse(&address, number, version, compression);
    }
    server.stop().unwrap();
}

#[test]
fn says_who_it_is() {
    let server = serve(ServerOptions {
        authenticator: Arc::new(OneUser::new("ann", "secret").unwrap()),
        ..ServerOptions::on_free_ports()
    });
    let address = server.local_addr().to_string();
    for version in Version::ALL {
        let with = |credentials: Option<(&str, &str)>| ClientOptions {
            version,
            credentials: credentials.map(|(user, word)| (user.to_owned(), word.to_owned())),
            ..ClientOptions::default()
        };
        let mut client = Client::connect(&address, &with(Some(("ann", "secret")))).unwrap();
        run(&mut client, "SELECT key FROM system.local");
        for credentials in [None, Some(("ann", "wrong"))] {
            let refused = Client::connect(&address, &with(credentials)).unwrap_err();
            assert_eq!(refused.kind, ErrorKind::BadCredentials);
        }
    }
    server.stop().unwrap();
}

#[test]
fn prepares_again_what_the_server_forgot() {
    let server = serve(ServerOptions::on_free_ports());
    let address = server.local_addr().to_string();
    let mut client = Client::connect(&address, &ClientOptions::default()).unwrap();
    let mut statement = client.prepare("SELECT key FROM system.local").unwrap();
    statement.prepared.id = vec![7; 16].into();
    let answer = client
        .execute(&mut statement, &QueryParameters::default())
        .unwrap();
    assert!(matches!(answer.result, ResultBody::Rows(rows) if rows.count == 1));
    assert_ne!(statement.prepared.id, vec![7; 16]);
    server.stop().unwrap();
}

/// A server for as many connections as there are scripts. A script gets each request and answers
/// the bytes to send; none ends the connection.
fn scripted<F>(scripts: Vec<F>) -> (String, JoinHandle<()>)
where
    F: FnMut(&Envelope) -> Option<Vec<u8>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    #[expect(clippy::disallowed_methods, reason = "a server beside the client")]
    let thread = std::thread::spawn(move || {
        for script in scripts {
            let (socket, _) = listener.accept().unwrap();
            follow(socket, script);
        }
    });
    (address, thread)
}

fn follow(mut socket: TcpStream, mut script: impl FnMut(&Envelope) -> Option<Vec<u8>>) {
    let mut decoder = Decoder::new(Limits::default());
    let (mut input, mut piece) = (BytesMut::new(), [0; 4_096]);
    loop {
        while let Some(envelope) = decoder.next(&mut input).unwrap() {
            match script(&envelope) {
                Some(bytes) => socket.write_all(&bytes).unwrap(),
                None => return,
            }
        }
        match socket.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(read) => input.extend_from_slice(&piece[..read]),
        }
    }
}

fn answer(version: Version, stream: i16, opcode: Opcode, body: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    Encoder::new(version).frame(&mut out, stream, opcode, 0, |out| {
        out.extend_from_slice(body)
    });
    out.to_vec()
}

fn refusal(spoken: Version) -> Vec<u8> {
    let mut body = BytesMut::new();
    let text = "Invalid or unsupported protocol version (5)";
    response::error(&mut body, spoken, text, &ErrorBody::Protocol);
    answer(spoken, 0, Opcode::Error, &body)
}

#[test]
fn falls_back_to_an_older_version() {
    for spoken in [Version::V4, Version::V3] {
        // The first connection is refused in the version that the server speaks.
        let script = move |envelope: &Envelope| {
            Some(if envelope.version > spoken {
                refusal(spoken)
            } else {
                answer(spoken, envelope.stream, Opcode::Ready, &[])
            })
        };
        let (address, thread) = scripted(vec![script; 2]);
        let client = Client::connect(&address, &ClientOptions::default()).unwrap();
        assert_eq!(client.version(), spoken);
        drop(client);
        thread.join().unwrap();
    }
}

fn v4() -> ClientOptions {
    ClientOptions {
        version: Version::V4,
        request_timeout: Some(Duration::from_millis(200)),
        ..ClientOptions::default()
    }
}

/// An answer that comes too late is no answer to the next question.
#[test]
fn a_late_answer_is_dropped() {
    let mut late = None;
    let script = move |envelope: &Envelope| {
        if envelope.opcode == Opcode::Startup {
            return Some(answer(Version::V4, envelope.stream, Opcode::Ready, &[]));
        }
        let mut body = BytesMut::new();
        let Some(first) = late.replace(envelope.stream) else {
            return Some(Vec::new());
        };
        response::set_keyspace(&mut body, "late");
        let mut both = answer(Version::V4, first, Opcode::Result, &body);
        body.clear();
        response::set_keyspace(&mut body, "right");
        both.extend(answer(Version::V4, envelope.stream, Opcode::Result, &body));
        Some(both)
    };
    let (address, thread) = scripted(vec![script]);
    let mut client = Client::connect(&address, &v4()).unwrap();
    let first = client
        .query("USE late", &QueryParameters::default())
        .unwrap_err();
    assert_eq!(first.kind, ErrorKind::ReadTimeout);
    run(&mut client, "USE right");
    assert_eq!(client.keyspace(), Some("right"));
    drop(client);
    thread.join().unwrap();
}

/// What no server should say: each is an error that tells so, and none a hang or a panic.
#[test]
fn bad_answers_are_errors() {
    let void = 1_i32.to_be_bytes();
    let rows: Vec<u8> = [2, 4, 1, i32::MAX]
        .into_iter()
        .flat_map(i32::to_be_bytes)
        .collect();
    let answers: Vec<Option<Vec<u8>>> = vec![
        None,
        Some(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        Some(answer(Version::V4, 77, Opcode::Result, &void)),
        Some(answer(Version::V4, 0, Opcode::Result, &[0, 0])),
        Some(answer(Version::V4, 0, Opcode::Result, &rows)),
        Some(answer(Version::V4, 0, Opcode::Supported, &[0, 0])),
        Some(answer(Version::V5, 0, Opcode::Result, &void)),
    ];
    for bad in answers {
        let told = bad.clone();
        let script = move |envelope: &Envelope| match envelope.opcode {
            Opcode::Startup => Some(answer(Version::V4, envelope.stream, Opcode::Ready, &[])),
            _ => bad.clone(),
        };
        let (address, thread) = scripted(vec![script]);
        let mut client = Client::connect(&address, &v4()).unwrap();
        let error = client
            .query("SELECT", &QueryParameters::default())
            .unwrap_err();
        assert!(
            matches!(error.kind, ErrorKind::Io | ErrorKind::Protocol),
            "{told:?}: {error}"
        );
        drop(client);
        thread.join().unwrap();
    }
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = Client::connect(&nobody.to_string(), &v4()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Io);
    assert!(error.hint.is_some());
}

/// More requests than any socket buffers, to a server that answers each at once: neither side
/// waits for the other.
#[test]
fn sends_more_than_the_sockets_take() {
    let script = |envelope: &Envelope| {
        let opcode = match envelope.opcode {
            Opcode::Startup => Opcode::Ready,
            _ => Opcode::Result,
        };
        let mut body = BytesMut::new();
        if opcode == Opcode::Result {
            response::set_keyspace(&mut body, &"x".repeat(2_000));
        }
        Some(answer(Version::V4, envelope.stream, opcode, &body))
    };
    let (address, thread) = scripted(vec![script]);
    let options = ClientOptions {
        request_timeout: Some(Duration::from_secs(60)),
        ..v4()
    };
    let mut client = Client::connect(&address, &options).unwrap();
    for _ in 0..10_000 {
        let request = Request::Query {
            text: "y".repeat(2_000).into(),
            parameters: QueryParameters::default(),
        };
        client.send(request.into()).unwrap();
    }
    for _ in 0..10_000 {
        client.receive().unwrap();
    }
    drop(client);
    thread.join().unwrap();
}
