//! The PostgreSQL door, by a raw client.
#![cfg(feature = "analytics")]
#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

use helenus::Database;
use helenus::clock::SystemClock;
use helenus::config::Config;
use helenus::server::Server;
use helenus::server::options::ServerOptions;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

struct Client(TcpStream);

fn start() -> Server {
    let db = Database::in_memory(Config::default(), SystemClock::shared()).unwrap();
    for cql in [
        "CREATE KEYSPACE shop WITH replication = \
         {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TABLE shop.orders (customer text, day date, total decimal, \
         PRIMARY KEY (customer, day))",
    ] {
        db.execute(cql, &[]).unwrap();
    }
    let options = ServerOptions {
        pg_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        ..ServerOptions::on_free_ports()
    };
    Server::start(db, options).unwrap()
}

fn packet(kind: Option<u8>, body: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = kind.into_iter().collect();
    out.extend((u32::try_from(body.len()).unwrap() + 4).to_be_bytes());
    out.extend(body);
    out
}

impl Client {
    fn raw(server: &Server) -> Self {
        let stream = TcpStream::connect(server.pg_addr().unwrap()).unwrap();
        let patience = Some(Duration::from_secs(60));
        stream.set_read_timeout(patience).unwrap();
        Self(stream)
    }

    fn connect(server: &Server) -> Self {
        let mut client = Self::raw(server);
        client
            .0
            .write_all(&packet(None, &80_877_103_i32.to_be_bytes()))
            .unwrap();
        let mut answer = [0];
        client.0.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"N");
        let start = b"\0\x03\0\0user\0ann\0database\0shop\0\0";
        client.0.write_all(&packet(None, start)).unwrap();
        client.until_ready();
        client
    }

    fn message(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.0.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let mut body = vec![0; length - 4];
        self.0.read_exact(&mut body).ok()?;
        Some((head[0], body))
    }

    fn until_ready(&mut self) -> Vec<(u8, Vec<u8>)> {
        let mut all = Vec::new();
        loop {
            let message = self.message().expect("an answer");
            let ready = message.0 == b'Z';
            all.push(message);
            if ready {
                return all;
            }
        }
    }

    /// The rows of a text's statements, as texts; an error's state instead.
    fn ask(&mut self, text: &str) -> Vec<Vec<String>> {
        let mut body = text.as_bytes().to_vec();
        body.push(0);
        self.0.write_all(&packet(Some(b'Q'), &body)).unwrap();
        rows(&self.until_ready())
    }
}

fn rows(messages: &[(u8, Vec<u8>)]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (kind, body) in messages {
        match kind {
            b'D' => {
                let (mut row, mut at) = (Vec::new(), 2);
                while at < body.len() {
                    let length = i32::from_be_bytes(body[at..at + 4].try_into().unwrap());
                    at += 4;
                    let Ok(length) = usize::try_from(length) else {
                        row.push("null".to_owned());
                        continue;
                    };
                    row.push(String::from_utf8_lossy(&body[at..at + length]).into_owned());
                    at += length;
                }
                rows.push(row);
            }
            b'E' => {
                let fields: Vec<_> = body.split(|byte| *byte == 0).collect();
                let state = fields.iter().find(|field| field.first() == Some(&b'C'));
                rows.push(vec![String::from_utf8_lossy(state.unwrap()).into_owned()]);
            }
            _ => {}
        }
    }
    rows
}

#[test]
fn sessions_are_set_up() {
    let server = start();
    let mut client = Client::connect(&server);
    assert_eq!(client.ask("SELECT current_schema()"), [["shop"]]);
    assert_eq!(client.ask("SET a TO 'b'; SHOW a"), [["b"]]);
    assert_eq!(
        client.ask("BEGIN; COMMIT; DISCARD ALL; ; "),
        Vec::<Vec<String>>::new()
    );
    assert_eq!(client.ask("SHOW nothing"), [["C42000"]]);
    assert_eq!(client.ask("SELEC 1"), [["C42601"]]);
    server.stop().unwrap();
}

#[test]
fn the_catalogs_show_the_schema() {
    let server = start();
    let mut client = Client::connect(&server);
    let columns = client.ask(
        "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull \
         FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
         WHERE c.relname OPERATOR(pg_catalog.~) '^(orders)$' COLLATE pg_catalog.default \
         AND a.attnum > 0 ORDER BY a.attnum",
    );
    assert_eq!(
        columns,
        [
            ["customer", "text", "t"],
            ["day", "date", "t"],
            ["total", "numeric", "f"]
        ]
    );
    let keys = client.ask(
        "SELECT column_name FROM information_schema.key_column_usage \
         WHERE table_schema = 'shop' ORDER BY ordinal_position",
    );
    assert_eq!(keys, [["customer"], ["day"]]);
    server.stop().unwrap();
}

#[test]
fn the_extended_protocol_has_parameters_and_portals() {
    let server = start();
    let mut client = Client::connect(&server);
    let text = b"s\0SELECT column_name FROM information_schema.columns \
                 WHERE table_name = $1 ORDER BY ordinal_position\0\0\0";
    let mut all = packet(Some(b'P'), text);
    all.extend(packet(Some(b'B'), b"p\0s\0\0\0\0\x01\0\0\0\x06orders\0\0"));
    all.extend(packet(Some(b'D'), b"Pp\0"));
    all.extend(packet(Some(b'E'), b"p\0\0\0\0\x02"));
    all.extend(packet(Some(b'E'), b"p\0\0\0\0\0"));
    all.extend(packet(Some(b'S'), b""));
    client.0.write_all(&all).unwrap();
    let messages = client.until_ready();
    let kinds: String = messages.iter().map(|(kind, _)| char::from(*kind)).collect();
    assert_eq!(kinds, "12TDDsDCZ");
    assert_eq!(rows(&messages), [["customer"], ["day"], ["total"]]);
    server.stop().unwrap();
}

#[test]
fn errors_tell_the_place_in_what_the_client_sent() {
    let server = start();
    let mut client = Client::connect(&server);
    let mut place = |text: &str| {
        let body = [text.as_bytes(), b"\0"].concat();
        client.0.write_all(&packet(Some(b'Q'), &body)).unwrap();
        let messages = client.until_ready();
        let (_, body) = messages.iter().find(|(kind, _)| *kind == b'E').unwrap();
        let mut fields = body.split(|byte| *byte == 0);
        let field = fields.find(|field| field.first() == Some(&b'P'));
        field.map(|field| String::from_utf8_lossy(&field[1..]).into_owned())
    };
    let places = [
        ("SELECT day FRUM orders x y", "17"),
        ("\n  SELECT day FRUM orders x y", "20"),
        ("SELECT day\nFRUM orders x y", "17"),
        ("CREATE TABEL x", "8"),
    ];
    for (text, expected) in places {
        assert_eq!(place(text).as_deref(), Some(expected), "{text}");
    }
    drop(client);
    server.stop().unwrap();
}

#[test]
fn an_index_tells_its_columns_one_by_one() {
    let server = start();
    let mut client = Client::connect(&server);
    let columns = client.ask(
        "SELECT pg_catalog.pg_get_indexdef(oid, 1, false), \
                pg_catalog.pg_get_indexdef(oid, 2, false), \
                pg_catalog.pg_get_indexdef(oid, 3, false) \
         FROM pg_class WHERE relname = 'orders_pkey'",
    );
    assert_eq!(columns, [["customer", "day", "null"]]);
    server.stop().unwrap();
}

#[test]
fn hostile_bytes_end_their_connection_alone() {
    let server = start();
    for bytes in [
        &b"\xff\xff\xff\xff"[..],
        b"\0\0\0\x04",
        b"\0\0\0\x08\0\x02\0\0",
        b"\0\0\0\x09\0\x03\0\0x",
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let mut client = Client::raw(&server);
        client.0.write_all(bytes).unwrap();
        let _ = client.0.shutdown(std::net::Shutdown::Write);
        let mut rest = Vec::new();
        let _ = client.0.read_to_end(&mut rest);
        assert!(rest.is_empty() || rest[0] == b'E', "{rest:?}");
    }
    for bytes in [&b"Q\x7f\xff\xff\xff"[..], b"Q\0\0\0\x03", b"?\0\0\0\x04"] {
        let mut client = Client::connect(&server);
        client.0.write_all(bytes).unwrap();
        assert_eq!(client.message().map(|(kind, _)| kind), Some(b'E'));
        assert_eq!(client.message(), None);
    }
    let mut client = Client::connect(&server);
    client
        .0
        .write_all(&packet(Some(b'B'), b"\0\0\xff\xff\xff\xff"))
        .unwrap();
    client.0.write_all(&packet(Some(b'S'), b"")).unwrap();
    let kinds: Vec<u8> = client.until_ready().iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, b"EZ");
    assert_eq!(client.ask("SELECT 1"), [["1"]]);
    server.stop().unwrap();
}

#[test]
fn only_loopback_is_opened() {
    let db = Database::in_memory(Config::default(), SystemClock::shared()).unwrap();
    let options = ServerOptions {
        pg_listen: Some(SocketAddr::from(([0, 0, 0, 0], 0))),
        ..ServerOptions::on_free_ports()
    };
    let error = Server::start(db, options).unwrap_err();
    assert!(error.message.contains("loopback"), "{}", error.message);
}

#[test]
fn tables_are_asked_and_written() {
    let server = start();
    let mut client = Client::connect(&server);
    client.ask(
        "CREATE TABLE customers (name text PRIMARY KEY, age int); \
         INSERT INTO customers (name, age) VALUES ('ann', 30); \
         INSERT INTO customers (name, age) VALUES ('bob', 40); \
         INSERT INTO orders (customer, day, total) VALUES ('ann', '2024-01-02', 1.50); \
         INSERT INTO orders (customer, day, total) VALUES ('ann', '2024-01-03', 2.25);",
    );
    let joined = "SELECT c.name, o.day, o.total FROM customers c \
                  LEFT JOIN shop.orders o ON o.customer = c.name ORDER BY 1, 2";
    assert_eq!(
        client.ask(joined),
        [
            ["ann", "2024-01-02", "1.50"],
            ["ann", "2024-01-03", "2.25"],
            ["bob", "null", "null"]
        ]
    );
    let text = b"s\0SELECT sum(age) AS years FROM customers WHERE age > $1 AND name <> $2\0\0\0";
    let mut all = packet(Some(b'P'), text);
    all.extend(packet(Some(b'D'), b"Ss\0"));
    let values = b"\0s\0\0\0\0\x02\0\0\0\x0230\0\0\0\x03zoe\0\0";
    all.extend(packet(Some(b'B'), values));
    all.extend(packet(Some(b'E'), b"\0\0\0\0\0"));
    all.extend(packet(Some(b'S'), b""));
    client.0.write_all(&all).unwrap();
    let messages = client.until_ready();
    let kinds: String = messages.iter().map(|(kind, _)| char::from(*kind)).collect();
    assert_eq!(kinds, "1tT2DCZ");
    assert_eq!(rows(&messages), [["40"]]);
    let written = client.ask(
        "INSERT INTO orders (customer, day, total) \
         SELECT name, CAST('2024-02-01' AS date), 7 FROM customers; \
         SELECT count(*) FROM orders",
    );
    assert_eq!(written, [["4"]]);
    assert_eq!(client.ask("SELECT * FROM nowhere"), [["C42P01"]]);
    assert_eq!(client.ask("SELECT nothing FROM orders"), [["C42703"]]);
    assert_eq!(client.ask("SELECT * FROM 'Cargo.toml.csv'"), [["C42501"]]);
    server.stop().unwrap();
}

#[test]
fn texts_that_would_end_the_stack_are_refused() {
    let server = start();
    let mut client = Client::connect(&server);
    for text in [
        format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000)),
        format!(
            "SELECT oid FROM pg_class WHERE true{}",
            " OR oid = 1".repeat(3_000)
        ),
        format!("SELECT 1{} FROM pg_class", " UNION SELECT 1".repeat(3_000)),
    ] {
        let answer = client.ask(&text);
        assert!(answer[0][0].starts_with('C'), "{answer:?}");
    }
    let long = format!(
        "SELECT oid FROM pg_class WHERE false{}",
        " OR oid = 1".repeat(900)
    );
    assert!(client.ask(&long).is_empty());
    server.stop().unwrap();
}
