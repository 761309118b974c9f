//! One of the two who answer.

use crate::judge::{START_SECONDS, show};
use helenus::client::{Answer, Client, ClientOptions};
use helenus::clock::{SharedClock, SystemClock, VirtualClock};
use helenus::config::{CommitlogSync, Config};
use helenus::protocol::Consistency;
use helenus::protocol::primitive::Value;
use helenus::protocol::request::{QueryParameters, Values};
use helenus::protocol::response::{Change, ResultBody, SchemaTarget};
use helenus::server::Server;
use helenus::server::options::ServerOptions;
use helenus::types::name::quote_identifier;
use helenus::types::{Type, text};
use helenus::{Database, Error, Result};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// No result has more pages: one that has goes round in circles.
const PAGES_MAX: usize = 20_000;

/// How often, and how long each time, an index is waited for that is being built.
const INDEX_BUILD_TRIES: usize = 3_000;
const INDEX_BUILD_PAUSE: Duration = Duration::from_millis(10);

/// How a statement is asked besides its text.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The values of its markers; with them it is prepared.
    pub values: Option<Vec<String>>,
    /// How many rows a page has; none: all come at once.
    pub page_rows: Option<i32>,
    /// Its default timestamp, in microseconds.
    pub timestamp: Option<i64>,
}

/// A server with a connection to it, in a keyspace that was made for a script.
pub struct Side {
    client: Client,
    keyspace: String,
    now_seconds: i64,
    /// The clock of our own server.
    clock: Option<Arc<VirtualClock>>,
    server: Option<Server>,
    /// Keyspaces that the script made.
    made: Vec<String>,
    /// How many replicas are to answer.
    pub consistency: Consistency,
    /// The same of a lightweight transaction's first half.
    pub serial_consistency: Option<Consistency>,
}

fn connect(address: &str) -> Client {
    let options = ClientOptions {
        connect_timeout: Duration::from_secs(30),
        request_timeout: Some(Duration::from_secs(300)),
        ..ClientOptions::default()
    };
    Client::connect(address, &options)
        .unwrap_or_else(|error| panic!("{address}: {}", error.message))
}

impl Side {
    /// A server of our own over an empty database in memory, with `keyspace` in it.
    pub fn ours(keyspace: &str) -> Self {
        let clock = VirtualClock::shared(START_SECONDS * 1_000_000);
        let config = Config {
            seed: Some(1),
            // Nobody syncs in the background, so nobody may wait for it.
            commitlog_sync: CommitlogSync::Periodic,
            background: false,
            ..Config::default()
        };
        let shared: SharedClock = Arc::clone(&clock) as _;
        let database = Database::in_memory(config, shared).unwrap();
        let options = ServerOptions {
            http_listen: None,
            network_threads: Some(1),
            ..ServerOptions::on_free_ports()
        };
        let server = Server::start(database, options).unwrap();
        let client = connect(&server.local_addr().to_string());
        let mut side = Self {
            client,
            keyspace: keyspace.to_owned(),
            now_seconds: START_SECONDS,
            clock: Some(clock),
            server: Some(server),
            made: Vec::new(),
            consistency: Consistency::One,
            serial_consistency: None,
        };
        side.create_keyspace();
        side
    }

    /// The server at `address`, with `keyspace` in it made anew.
    pub fn at(address: &str, keyspace: &str) -> Self {
        let mut side = Self {
            client: connect(address),
            keyspace: keyspace.to_owned(),
            now_seconds: START_SECONDS,
            clock: None,
            server: None,
            made: Vec::new(),
            consistency: Consistency::One,
            serial_consistency: None,
        };
        side.drop_keyspace();
        side.create_keyspace();
        side
    }

    /// Asked at the end: takes the keyspace away, and stops the server if it is our own.
    pub fn finish(mut self) {
        match self.server.take() {
            Some(server) => {
                // A server that stops waits for its clients to go.
                drop(self.client);
                let _ = server.stop();
            }
            None => {
                self.leave_keyspace();
                for made in std::mem::take(&mut self.made) {
                    self.must(&format!(
                        "DROP KEYSPACE IF EXISTS {}",
                        quote_identifier(&made)
                    ));
                }
            }
        }
    }

    fn must(&mut self, statement: &str) {
        let parameters = QueryParameters::default();
        if let Err(error) = self.client.query(statement, &parameters) {
            panic!("{statement}: {}", error.message);
        }
    }

    fn create_keyspace(&mut self) {
        let name = quote_identifier(&self.keyspace).to_string();
        self.must(&format!(
            "CREATE KEYSPACE {name} WITH replication = \
             {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
        ));
        self.must(&format!("USE {name}"));
    }

    fn drop_keyspace(&mut self) {
        let name = quote_identifier(&self.keyspace).to_string();
        self.must(&format!("DROP KEYSPACE IF EXISTS {name}"));
    }

    /// The same at the end. Cassandra cannot flush, and so not drop, the table behind an index of
    /// a type that has since changed: such a keyspace stays.
    fn leave_keyspace(&mut self) {
        let name = quote_identifier(&self.keyspace).to_string();
        let statement = format!("DROP KEYSPACE IF EXISTS {name}");
        let parameters = QueryParameters::default();
        if let Err(error) = self.client.query(&statement, &parameters) {
            let is_slip = error.message.contains("Last written key DecoratedKey(");
            assert!(is_slip, "{statement}: {}", error.message);
        }
    }

    /// Moves time.
    pub fn wait(&mut self, seconds: i64) {
        self.now_seconds += seconds;
        if let Some(clock) = &self.clock {
            clock.advance_micros(seconds * 1_000_000);
        }
    }

    /// What a statement answers, as text.
    pub fn answer(&mut self, statement: &str, ask: &Ask) -> String {
        let answer = match self.ask(statement, ask) {
            Ok(answers) => {
                // Cassandra builds an index behind the answer to its statement.
                if self.clock.is_none() && statement.starts_with("CREATE") {
                    self.let_build(&answers);
                }
                show::answers(&answers)
            }
            Err(error) => show::error(&error),
        };
        if self.client.is_broken() {
            self.client = connect(self.client.address());
            let name = quote_identifier(&self.keyspace).to_string();
            self.must(&format!("USE {name}"));
        }
        answer
    }

    /// Waits until what `answers` made is built: Cassandra lists it among the built indexes.
    fn let_build(&mut self, answers: &[Answer]) {
        let Some(keyspace) = answers.iter().find_map(|answer| match &answer.result {
            ResultBody::SchemaChange(change) if change.change == Change::Updated => {
                Some(change.keyspace.replace('\'', "''"))
            }
            _ => None,
        }) else {
            return;
        };
        let all = format!(
            "SELECT index_name FROM system_schema.indexes WHERE keyspace_name = '{keyspace}'"
        );
        let built =
            format!("SELECT index_name FROM system.\"IndexInfo\" WHERE table_name = '{keyspace}'");
        for _ in 0..INDEX_BUILD_TRIES {
            let built = self.names(&built);
            if self.names(&all).is_subset(&built) {
                return;
            }
            SystemClock::shared().sleep(INDEX_BUILD_PAUSE);
        }
        panic!("an index of {keyspace} is not built");
    }

    /// The first column of a result.
    fn names(&mut self, statement: &str) -> BTreeSet<String> {
        let answer = self.client.query(statement, &QueryParameters::default());
        let Ok(Answer {
            result: ResultBody::Rows(rows),
            ..
        }) = answer
        else {
            panic!("{statement}: no rows");
        };
        rows.rows()
            .map(|row| {
                let first = row.unwrap()[0].clone().unwrap_or_default();
                String::from_utf8_lossy(&first).into_owned()
            })
            .collect()
    }

    fn ask(&mut self, statement: &str, ask: &Ask) -> Result<Vec<Answer>> {
        let mut parameters = QueryParameters {
            consistency: self.consistency,
            serial_consistency: self.serial_consistency,
            timestamp: ask.timestamp,
            now_seconds: Some(self.now_seconds),
            page_size: ask.page_rows,
            ..QueryParameters::default()
        };
        let mut prepared = match &ask.values {
            None => None,
            Some(values) => {
                let prepared = self.client.prepare(statement)?;
                let variables = &prepared.prepared.variables;
                let mut bound = Vec::new();
                for (at, value) in values.iter().enumerate() {
                    bound.push(bind(variables.get(at).map(|column| &column.ty), value)?);
                }
                parameters.values = Values::Positional(bound);
                Some(prepared)
            }
        };
        let mut answers = Vec::new();
        loop {
            let answer = match &mut prepared {
                Some(prepared) => self.client.execute(prepared, &parameters)?,
                None => self.client.query(statement, &parameters)?,
            };
            let state = match &answer.result {
                ResultBody::Rows(rows) => rows.metadata.paging_state.clone(),
                _ => None,
            };
            if let ResultBody::SchemaChange(change) = &answer.result
                && change.change == Change::Created
                && change.target == SchemaTarget::Keyspace
            {
                self.made.push(change.keyspace.clone());
            }
            answers.push(answer);
            if state.is_none() || ask.page_rows.is_none() {
                return Ok(answers);
            }
            if answers.len() > PAGES_MAX {
                return Err(Error::internal("the pages do not end"));
            }
            parameters.paging_state = state;
        }
    }
}

/// A marker's value from its text.
fn bind(ty: Option<&Type>, shown: &str) -> Result<Value> {
    let bytes = match (shown, ty) {
        ("null", _) => return Ok(Value::Null),
        ("unset", _) => return Ok(Value::Unset),
        (raw, _) if raw.starts_with("raw ") => from_hex(raw[4..].trim()),
        (_, None) => return Ok(Value::Null),
        (shown, Some(ty)) => {
            let bare = shown
                .strip_prefix('\'')
                .and_then(|it| it.strip_suffix('\''));
            match bare {
                Some(bare) => text::parse(ty, &bare.replace("''", "'"))?,
                None => text::parse(ty, shown)?,
            }
        }
    };
    Ok(Value::Bytes(bytes.into()))
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.trim_start_matches("0x");
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}
