//! A server that is spoken to: what an upper layer has of it.
//!
//! [`crate::client`] speaks the protocol on one connection and knows nothing of what is said. A
//! [`Remote`] is a place to work at: it runs statements and answers rows that are pulled page by
//! page, knows what tables there are, reads and writes them in bulk, and makes its connections anew
//! when they are lost.
//!
//! ```text
//!  shell ──► run ─────┐                       ┌─► one connection, with the keyspace of USE
//!        ──► catalog ─┴─ Remote ──────────────┤
//!  transfer ─► scan, write (TableSource) ─────┴─► connections of their own, pipelined
//! ```
//!
//! | module | concept |
//! |---|---|
//! | `address` | where a server is |
//! | `line` | the connection of a conversation: made when needed, given up when broken |
//! | `pages` | rows of a statement, page by page |
//! | `catalog` | its keyspaces, tables and types, from its system tables |
//! | `patience` | what is tried again, and when |
//! | `scan` | a table by token range |
//! | `write` | rows in bulk, many requests in flight |

mod address;
mod catalog;
mod line;
mod pages;
mod patience;
mod scan;
mod write;

pub use address::Address;

use crate::client::{Answer, Client, ClientOptions};
use crate::clock::SharedClock;
use crate::cql::result::{QueryResult, ResultRow, SchemaAction, SchemaEvent, SchemaTarget};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::request::QueryParameters;
use crate::protocol::response::{self, ResultBody};
use crate::protocol::{Consistency, Version};
use crate::schema::{Catalog, Column, ColumnId, Table};
use crate::source::{RowScan, RowSink, StampColumn, TableSource, TokenRange, WriteOptions};
use crate::types::name::quote_identifier;
use line::Line;
use pages::Pages;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// How many rows are asked for at once where the caller does not say.
const PAGE_ROWS: i32 = 1_000;

/// How a server is reached.
#[derive(Clone)]
pub struct RemoteOptions {
    /// Where it is.
    pub address: Address,
    /// The role and its password.
    pub login: Option<(String, String)>,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long to wait for an answer.
    pub request_timeout: Duration,
}

impl std::fmt::Debug for RemoteOptions {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteOptions")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl RemoteOptions {
    /// The server at `address`, with the timeouts of cqlsh.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            login: None,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
        }
    }
}

/// How a statement is run.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// How many replicas must answer.
    pub consistency: Consistency,
    /// The same for the condition of a conditional write.
    pub serial_consistency: Consistency,
    /// How many rows a page has.
    pub page_rows: usize,
    /// Whether it is traced.
    pub traced: bool,
}

/// What a statement answered.
#[derive(Debug)]
pub struct Told {
    /// The result. Its rows are pulled from the server as they are read.
    pub result: QueryResult,
    /// What the server warned of.
    pub warnings: Vec<String>,
    /// The id of the trace, if one was asked for.
    pub trace: Option<Uuid>,
}

/// What a server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The cluster's name.
    pub cluster_name: String,
    /// The release of Cassandra that it is, or behaves as.
    pub release_version: String,
    /// Its version of CQL.
    pub cql_version: String,
    /// The version of helenus, if it is one.
    pub helenus_version: Option<String>,
    /// The version of the protocol that is spoken.
    pub protocol: Option<Version>,
}

/// A server. Clones share the connection of the conversation.
#[derive(Clone, Debug)]
pub struct Remote {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: Mutex<RemoteOptions>,
    clock: SharedClock,
    interrupt: Arc<AtomicBool>,
    line: Mutex<Line>,
    /// What the server had when it was last asked; none once it may have changed.
    catalog: Mutex<Option<Arc<Catalog>>>,
    /// Connections of scans that have ended.
    idle: Mutex<Vec<Client>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the connection cannot be used any more after `error`.
fn breaks(error: &Error) -> bool {
    matches!(
        error.kind,
        ErrorKind::Io | ErrorKind::Cancelled | ErrorKind::Protocol
    )
}

impl Remote {
    /// Connects to a server. `clock` tells how long to wait before something is tried again.
    pub fn connect(options: RemoteOptions, clock: SharedClock) -> Result<Self> {
        let remote = Self {
            shared: Arc::new(Shared {
                options: Mutex::new(options),
                clock,
                interrupt: Arc::default(),
                line: Mutex::default(),
                catalog: Mutex::default(),
                idle: Mutex::default(),
            }),
        };
        remote.with_client(|_| Ok(()))?;
        Ok(remote)
    }

    /// Where it is.
    pub fn address(&self) -> Address {
        lock(&self.shared.options).address.clone()
    }

    /// The clock on this side.
    pub fn clock(&self) -> SharedClock {
        Arc::clone(&self.shared.clock)
    }

    /// The flag that stops the waiting for an answer when set: it fails with
    /// [`ErrorKind::Cancelled`]. A new statement clears it.
    pub fn interrupt(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.shared.interrupt)
    }

    /// The keyspace of unqualified names, after `USE`.
    pub fn keyspace(&self) -> Option<String> {
        lock(&self.shared.line).keyspace.clone()
    }

    /// Runs a statement.
    pub fn run(&self, text: &str, asking: &Asking) -> Result<Told> {
        self.shared.interrupt.store(false, Ordering::Relaxed);
        let page = i32::try_from(asking.page_rows).unwrap_or(i32::MAX);
        let parameters = QueryParameters {
            consistency: asking.consistency,
            serial_consistency: Some(asking.serial_consistency),
            page_size: Some(page.max(1)),
            ..QueryParameters::default()
        };
        self.ask(text, parameters, asking.traced)
    }

    /// What the server says of itself.
    pub fn facts(&self) -> Result<Facts> {
        let rows = self.rows("SELECT * FROM system.local WHERE key = 'local'")?;
        let row = rows.first();
        let text = |name: &str| -> Option<String> { row?.get(name).ok() };
        Ok(Facts {
            cluster_name: text("cluster_name").unwrap_or_default(),
            release_version: text("release_version").unwrap_or_default(),
            cql_version: text("cql_version").unwrap_or_default(),
            helenus_version: text("helenus_version"),
            protocol: self.with_client(|client| Ok(client.version())).ok(),
        })
    }

    /// What tables there are, as of now as far as the server has told.
    pub fn catalog(&self) -> Result<Arc<Catalog>> {
        if lock(&self.shared.line).schema_has_changed() {
            lock(&self.shared.catalog).take();
        }
        if let Some(known) = lock(&self.shared.catalog).clone() {
            return Ok(known);
        }
        let read = Arc::new(catalog::read(&mut |text| self.rows(text))?);
        *lock(&self.shared.catalog) = Some(Arc::clone(&read));
        Ok(read)
    }

    /// Goes on as another role, or as before where that fails.
    pub fn login(&self, user: &str, password: &str) -> Result<()> {
        let mut options = lock(&self.shared.options).clone();
        options.login = Some((user.to_owned(), password.to_owned()));
        let mut line = lock(&self.shared.line);
        line.renew(&options, &self.shared.interrupt)?;
        *lock(&self.shared.options) = options;
        lock(&self.shared.idle).clear();
        Ok(())
    }

    /// Every row that `text` answers.
    fn rows(&self, text: &str) -> Result<Vec<ResultRow>> {
        let parameters = QueryParameters {
            page_size: Some(PAGE_ROWS),
            ..QueryParameters::default()
        };
        let told = self.ask(text, parameters, false)?;
        told.result.into_rows().collect()
    }

    fn ask(&self, text: &str, parameters: QueryParameters, traced: bool) -> Result<Told> {
        let answer = self.with_client(|client| client.query_traced(text, &parameters, traced))?;
        let (warnings, trace) = (answer.warnings, answer.tracing_id);
        let result = match answer.result {
            ResultBody::Void | ResultBody::Prepared(_) => QueryResult::Void,
            ResultBody::Rows(rows) => {
                QueryResult::Rows(Pages::start(self.clone(), text, parameters, rows)?)
            }
            ResultBody::SetKeyspace(keyspace) => {
                lock(&self.shared.line).keyspace = Some(keyspace.clone());
                QueryResult::SetKeyspace(keyspace)
            }
            ResultBody::SchemaChange(change) => {
                lock(&self.shared.catalog).take();
                QueryResult::SchemaChange(schema_event(&change))
            }
        };
        Ok(Told {
            result,
            warnings,
            trace,
        })
    }

    /// Works with the conversation's connection, which is made if there is none.
    fn with_client<T>(&self, work: impl FnOnce(&mut Client) -> Result<T>) -> Result<T> {
        let options = lock(&self.shared.options).clone();
        let mut line = lock(&self.shared.line);
        line.work(&options, &self.shared.interrupt, work)
    }

    /// A connection beside the conversation's: one that is idle, or a new one.
    fn other_client(&self) -> Result<Client> {
        if let Some(idle) = lock(&self.shared.idle).pop() {
            return Ok(idle);
        }
        let options = lock(&self.shared.options).clone();
        connect(&options, None, &self.shared.interrupt)
    }

    /// Gives such a connection back, which waits for nothing any more.
    fn give_back(&self, client: Client) {
        lock(&self.shared.idle).push(client);
    }

    fn columns_of(table: &Table, ids: &[ColumnId]) -> Result<Vec<Column>> {
        let column = |id: &ColumnId| {
            table.column_by_id(*id).cloned().ok_or_else(|| {
                Error::internal(format!("{} has no column {}", table.full_name(), id.0))
            })
        };
        ids.iter().map(column).collect()
    }

    /// Starts to add rows of counts.
    pub fn counters(
        &self,
        table: &Arc<Table>,
        columns: &[Column],
        options: &WriteOptions,
    ) -> Result<Box<dyn RowSink>> {
        crate::source::statement::check_counters(options)?;
        Ok(Box::new(write::RemoteSink::new(
            self, table, columns, options,
        )?))
    }

    /// Runs a statement whose answer does not matter.
    pub fn execute(&self, text: &str) -> Result<()> {
        self.ask(text, QueryParameters::default(), false)
            .map(|_| ())
    }

    /// The rows of a query with names in `keyspace`.
    pub fn query(&self, keyspace: Option<&str>, text: &str) -> Result<crate::cql::result::Rows> {
        if let Some(keyspace) = keyspace {
            self.rows(&format!("USE {}", quote_identifier(keyspace)))?;
        }
        let parameters = QueryParameters {
            page_size: Some(PAGE_ROWS),
            ..QueryParameters::default()
        };
        Ok(self.ask(text, parameters, false)?.result.into_rows())
    }
}

impl TableSource for Remote {
    fn table(&self, keyspace: &str, name: &str) -> Result<Arc<Table>> {
        let catalog = self.catalog()?;
        if !catalog.keyspaces.contains_key(keyspace) {
            return Err(Error::invalid(format!(
                "keyspace {keyspace} does not exist"
            )));
        }
        let table = catalog.table(keyspace, name).cloned();
        table.ok_or_else(|| Error::invalid(format!("table {keyspace}.{name} does not exist")))
    }

    fn scan(
        &self,
        table: &Arc<Table>,
        columns: &[ColumnId],
        stamps: &[StampColumn],
        range: TokenRange,
    ) -> Result<Box<dyn RowScan>> {
        if !stamps.is_empty() {
            return Err(Error::invalid(
                "timestamps and TTLs of every cell cannot be read through a server: export from \
                 the data directory",
            ));
        }
        let columns = Self::columns_of(table, columns)?;
        Ok(Box::new(scan::RemoteScan::start(
            self, table, &columns, range,
        )?))
    }

    fn write(
        &self,
        table: &Arc<Table>,
        columns: &[ColumnId],
        options: &WriteOptions,
    ) -> Result<Box<dyn RowSink>> {
        let columns = Self::columns_of(table, columns)?;
        Ok(Box::new(write::RemoteSink::new(
            self, table, &columns, options,
        )?))
    }
}

/// Opens a connection.
fn connect(
    options: &RemoteOptions,
    keyspace: Option<&str>,
    interrupt: &Arc<AtomicBool>,
) -> Result<Client> {
    let client_options = ClientOptions {
        credentials: options.login.clone(),
        keyspace: keyspace.map(str::to_owned),
        connect_timeout: options.connect_timeout,
        request_timeout: Some(options.request_timeout),
        interrupt: Some(Arc::clone(interrupt)),
        ..ClientOptions::default()
    };
    let address = options.address.to_string();
    Client::connect(&address, &client_options).map_err(|error| match (error.kind, &error.hint) {
        (ErrorKind::Protocol, None) => error.with_hint("Is it a server of CQL?"),
        (ErrorKind::BadCredentials, None) => error.with_hint(
            "Give a role with --user and its password in HELENUS_PASSWORD, or LOGIN as one.",
        ),
        // What took so long is a connection, not a statement.
        (ErrorKind::ReadTimeout, _) => Error {
            kind: ErrorKind::Io,
            ..error
        },
        _ => error,
    })
}

fn schema_event(change: &response::SchemaChange) -> SchemaEvent {
    let (target, name) = match &change.target {
        response::SchemaTarget::Keyspace => (SchemaTarget::Keyspace, String::new()),
        response::SchemaTarget::Type(name) => (SchemaTarget::Type, name.clone()),
        response::SchemaTarget::Table(name)
        | response::SchemaTarget::Function { name, .. }
        | response::SchemaTarget::Aggregate { name, .. } => (SchemaTarget::Table, name.clone()),
    };
    SchemaEvent {
        action: match change.change {
            response::Change::Created => SchemaAction::Created,
            response::Change::Updated => SchemaAction::Updated,
            response::Change::Dropped => SchemaAction::Dropped,
        },
        target,
        keyspace: change.keyspace.clone(),
        name,
    }
}

/// The rows of an answer that must have some.
fn rows_of(answer: Answer) -> Result<response::RowsBody> {
    match answer.result {
        ResultBody::Rows(rows) => Ok(rows),
        _ => Err(Error::new(
            ErrorKind::Protocol,
            "the server answered a query without rows",
        )),
    }
}
