//! A server in this process, and short ways to speak to it.

use helenus::Database;
use helenus::client::{Client, ClientOptions};
use helenus::clock::SystemClock;
use helenus::config::Config;
use helenus::protocol::primitive::Value;
use helenus::protocol::request::{QueryParameters, Values};
use helenus::protocol::response::{ResultBody, RowsBody};
use helenus::protocol::{Compression, Version};
use helenus::server::Server;
use helenus::server::options::ServerOptions;

pub const SCHEMA: [&str; 2] = [
    "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    "CREATE TABLE k.t (a int, b int, c text, PRIMARY KEY (a, b))",
];

/// A server over a database in memory.
pub fn start(options: ServerOptions) -> Server {
    let database = Database::in_memory(Config::default(), SystemClock::shared()).unwrap();
    Server::start(database, options).unwrap()
}

/// The same with a table `k.t` and these many rows in its partition 1.
pub fn start_with_rows(options: ServerOptions, rows: i32) -> Server {
    let server = start(options);
    let database = server.control().database();
    for text in SCHEMA {
        database.execute(text, &[]).unwrap();
    }
    let insert = database
        .prepare("INSERT INTO k.t (a, b, c) VALUES (1, ?, ?)")
        .unwrap();
    for row in 0..rows {
        let text = format!("value number {row}");
        database
            .execute_prepared(&insert, &[row.into(), text.into()])
            .unwrap();
    }
    server
}

pub fn client(server: &Server) -> Client {
    client_of(server, Version::V5, Compression::None)
}

pub fn client_of(server: &Server, version: Version, compression: Compression) -> Client {
    let options = ClientOptions {
        version,
        compression,
        ..ClientOptions::default()
    };
    Client::connect(&server.local_addr().to_string(), &options).unwrap()
}

pub fn plain() -> QueryParameters {
    QueryParameters::default()
}

pub fn with(values: Vec<Value>) -> QueryParameters {
    QueryParameters {
        values: Values::Positional(values),
        ..QueryParameters::default()
    }
}

pub fn int(number: i32) -> Value {
    Value::Bytes(number.to_be_bytes().to_vec().into())
}

pub fn text(text: &str) -> Value {
    Value::Bytes(text.as_bytes().to_vec().into())
}

/// Runs a statement that answers no rows.
pub fn run(client: &mut Client, text: &str) -> ResultBody {
    client.query(text, &plain()).unwrap().result
}

/// Runs a statement that answers rows.
pub fn rows(client: &mut Client, text: &str) -> RowsBody {
    rows_of(run(client, text))
}

pub fn rows_of(result: ResultBody) -> RowsBody {
    match result {
        ResultBody::Rows(rows) => rows,
        other => panic!("no rows: {other:?}"),
    }
}
