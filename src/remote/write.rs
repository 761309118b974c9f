//! Rows in bulk, written by prepared statements with many requests in flight.
//!
//! ```text
//!  rows ─► EXECUTE ─► in flight (up to the window) ─► acknowledged
//!                          │
//!                          └─ refused for now: all that is in flight is awaited, a pause,
//!                             a smaller window, and what was refused goes out again
//! ```
//!
//! All rows have one timestamp, so that writing a row twice comes to the same, and whatever is
//! uncertain is simply written again. Two things are not so: a counter that may have been added to
//! must not be added to again; and a list that is written twice *with the same timestamp* would
//! have its elements twice, so that each further attempt at a row with lists is a microsecond
//! younger.
//!
//! It is not all or nothing: rows are there as soon as they are acknowledged.

use crate::client::{Client, PreparedStatement};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::primitive::Value;
use crate::protocol::request::{QueryParameters, Values};
use crate::protocol::response::{Response, ResponseMessage};
use crate::protocol::{Request, RequestMessage};
use crate::remote::patience::{Patience, is_passing};
use crate::remote::{Remote, breaks};
use crate::schema::{Column, ColumnKind, Table};
use crate::source::{
    FrozenBatch, RowSink, StampColumn, StampKind, ValueBatch, WriteOptions, stamps, statement,
};
use crate::storage::IngestSummary;
use crate::types::Type;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// How many requests are in flight at most.
const IN_FLIGHT_MAX: usize = 256;
/// How many are in flight at least, however often the server refuses.
const IN_FLIGHT_MIN: usize = 4;

/// What kind of statement writes a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Shape {
    /// An INSERT of all columns.
    Row,
    /// An INSERT of a partition's static columns alone.
    Static,
    /// An UPDATE that adds to the counters that are present.
    Counters(Vec<bool>),
}

/// A row that is not acknowledged yet.
struct Pending {
    batch: Arc<FrozenBatch>,
    row: usize,
    attempts: i64,
}

/// See the module's text.
pub struct RemoteSink {
    remote: Remote,
    client: Option<Client>,
    table: Arc<Table>,
    columns: Vec<Column>,
    counters: bool,
    /// Whether a repeated write must be younger.
    lists: bool,
    timestamp_micros: i64,
    ttl_seconds: Option<i32>,
    /// Stamps that rows bring themselves.
    stamps: Vec<StampColumn>,
    statements: HashMap<Shape, PreparedStatement>,
    in_flight: HashMap<i16, Pending>,
    /// Rows that must be written again.
    again: Vec<Pending>,
    window: usize,
    patience: Patience,
    rows: u64,
    bytes: u64,
}

impl RemoteSink {
    /// Starts to write rows of `columns`.
    pub fn new(
        remote: &Remote,
        table: &Arc<Table>,
        columns: &[Column],
        options: &WriteOptions,
    ) -> Result<Self> {
        if options.stamps.iter().any(|stamp| stamp.of.is_some()) {
            return Err(Error::invalid(
                "timestamps and TTLs of single columns cannot be written through a server: import \
                 into the data directory, or leave these columns out",
            ));
        }
        let clock = remote.clock();
        let lists = |column: &Column| matches!(column.ty, Type::List { frozen: false, .. });
        Ok(Self {
            client: Some(remote.other_client()?),
            remote: remote.clone(),
            table: Arc::clone(table),
            columns: columns.to_vec(),
            counters: table.is_counter(),
            lists: columns.iter().any(lists),
            timestamp_micros: options
                .timestamp_micros
                .unwrap_or_else(|| clock.now_micros()),
            ttl_seconds: options.ttl_seconds,
            stamps: options.stamps.clone(),
            statements: HashMap::new(),
            in_flight: HashMap::new(),
            again: Vec::new(),
            window: IN_FLIGHT_MAX,
            patience: Patience::default(),
            rows: 0,
            bytes: 0,
        })
    }

    /// What kind of statement writes the row, and its values; none where it writes nothing.
    fn request(&self, batch: &FrozenBatch, row: usize) -> Option<(Shape, Vec<Value>)> {
        let value = |at: usize| batch.bytes(row, at).map(Value::Bytes);
        if self.counters {
            let (present, values) = statement::counter_values(&self.columns, value)?;
            return Some((Shape::Counters(present), values));
        }
        let of = |kind| {
            let columns = self.columns.iter().enumerate();
            columns.filter(move |(_, column)| column.kind == kind)
        };
        let alone = !self.table.clustering.is_empty()
            && of(ColumnKind::Clustering).all(|(at, _)| batch.slice(row, at).is_none());
        let given = |at: usize| value(at).unwrap_or(Value::Unset);
        let ttl = match self.own_ttl(batch, row) {
            Ok(ttl) => ttl,
            // It has expired already.
            Err(()) => return None,
        };
        if !alone {
            let values = (0..self.columns.len()).map(given).chain(ttl).collect();
            return Some((Shape::Row, values));
        }
        if of(ColumnKind::Static).all(|(at, _)| batch.slice(row, at).is_none()) {
            return None;
        }
        let wanted = self.static_columns();
        let values = wanted.map(|(at, _)| given(at)).chain(ttl).collect();
        Some((Shape::Static, values))
    }

    /// A row's stamp.
    fn stamp(&self, batch: &FrozenBatch, row: usize, kind: StampKind) -> Option<i64> {
        let at = self.stamps.iter().position(|stamp| stamp.kind == kind)?;
        stamps::number(batch.slice(row, self.columns.len() + at)?).ok()
    }

    /// Whether each row's time to live is bound.
    fn binds_ttl(&self) -> bool {
        self.stamps
            .iter()
            .any(|stamp| stamp.kind != StampKind::Timestamp)
    }

    /// The time to live to bind, where it is bound; an error where the row has expired.
    fn own_ttl(&self, batch: &FrozenBatch, row: usize) -> Result<Option<Value>, ()> {
        if !self.binds_ttl() {
            return Ok(None);
        }
        let left = self
            .stamp(batch, row, StampKind::Expires)
            .map(|moment| moment - self.remote.clock().now_seconds());
        if left.is_some_and(|left| left <= 0) {
            return Err(());
        }
        let ttl = left.or_else(|| self.stamp(batch, row, StampKind::Ttl));
        let seconds = ttl.and_then(|ttl| i32::try_from(ttl).ok());
        let value = seconds.or(self.ttl_seconds).map_or(Value::Unset, |ttl| {
            Value::Bytes(Bytes::copy_from_slice(&ttl.to_be_bytes()))
        });
        Ok(Some(value))
    }

    /// The columns of a partition without rows, and their places.
    fn static_columns(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns.iter().enumerate().filter(|(_, column)| {
            matches!(column.kind, ColumnKind::PartitionKey | ColumnKind::Static)
        })
    }

    fn text(&self, shape: &Shape) -> String {
        let ttl = match self.ttl_seconds {
            _ if self.binds_ttl() => Some("?".to_owned()),
            ttl => ttl.map(|ttl| ttl.to_string()),
        };
        let ttl = ttl.as_deref();
        match shape {
            Shape::Row => {
                let columns: Vec<&Column> = self.columns.iter().collect();
                statement::insert(&self.table, &columns, ttl)
            }
            Shape::Static => {
                let columns: Vec<&Column> = self.static_columns().map(|(_, c)| c).collect();
                statement::insert(&self.table, &columns, ttl)
            }
            Shape::Counters(present) => {
                statement::counter_update(&self.table, &self.columns, present)
            }
        }
    }

    /// The statement of this shape, prepared if it is not yet. Nothing may be in flight then, since
    /// the client waits for one answer alone.
    fn prepared(&mut self, shape: &Shape) -> Result<PreparedStatement> {
        if let Some(known) = self.statements.get(shape) {
            return Ok(known.clone());
        }
        self.await_all(None)?;
        let text = self.text(shape);
        let prepared = loop {
            match self.connection().and_then(|client| client.prepare(&text)) {
                Ok(prepared) => break prepared,
                Err(error) => self.pause(error)?,
            }
        };
        self.statements.insert(shape.clone(), prepared.clone());
        Ok(prepared)
    }

    fn connection(&mut self) -> Result<&mut Client> {
        let client = match self.client.take() {
            Some(client) => client,
            None => self.remote.other_client()?,
        };
        Ok(self.client.insert(client))
    }

    /// Sends a row; may wait for others to be acknowledged first.
    fn send(&mut self, pending: Pending) -> Result<()> {
        let Some((shape, values)) = self.request(&pending.batch, pending.row) else {
            return Ok(());
        };
        let statement = self.prepared(&shape)?;
        let bytes: usize = values
            .iter()
            .map(|value| match value {
                Value::Bytes(bytes) => bytes.len(),
                Value::Null | Value::Unset => 0,
            })
            .sum();
        let later = if self.lists { pending.attempts } else { 0 };
        let own = self.stamp(&pending.batch, pending.row, StampKind::Timestamp);
        let timestamp = own.unwrap_or(self.timestamp_micros).saturating_add(later);
        let request = Request::Execute {
            id: statement.prepared.id.clone(),
            result_metadata_id: statement.prepared.result_metadata_id.clone(),
            parameters: QueryParameters {
                values: Values::Positional(values),
                skip_metadata: true,
                timestamp: (!self.counters).then_some(timestamp),
                ..QueryParameters::default()
            },
        };
        let sent = self
            .connection()
            .and_then(|client| client.send(RequestMessage::from(request)));
        match sent {
            Ok(stream) => {
                self.bytes += bytes as u64;
                self.in_flight.insert(stream, pending);
                Ok(())
            }
            // Not the connection's fault: the request itself is too long, say.
            Err(error) if !is_passing(&error) && !breaks(&error) => Err(error),
            Err(error) => {
                self.again.push(pending);
                self.lose(error)
            }
        }
    }

    /// Takes one answer. A row that was refused for now is to be written again; answers why.
    fn take_one(&mut self) -> Result<Option<Error>> {
        let received = self.connection().and_then(Client::receive);
        let (stream, ResponseMessage { response, .. }) = match received {
            Ok(received) => received,
            Err(error) => {
                self.lose(error)?;
                return Ok(None);
            }
        };
        let Some(mut pending) = self.in_flight.remove(&stream) else {
            return Ok(None);
        };
        let error = match response {
            Response::Result(_) => {
                self.rows += 1;
                self.patience.restore();
                self.window = (self.window + 1).min(IN_FLIGHT_MAX);
                return Ok(None);
            }
            Response::Error { message, body } => body.to_error(message),
            _ => Error::new(
                ErrorKind::Protocol,
                "the server answered a write with something else",
            ),
        };
        if error.kind == ErrorKind::Unprepared {
            self.statements.clear();
        } else if !is_passing(&error) || (self.counters && may_be_done(&error)) {
            return Err(error);
        }
        pending.attempts += 1;
        self.again.push(pending);
        Ok(Some(error))
    }

    /// The connection is lost, and with it what was in flight on it.
    fn lose(&mut self, error: Error) -> Result<()> {
        self.client = None;
        if self.counters && !self.in_flight.is_empty() {
            return Err(error);
        }
        // What is prepared is the server's, but it may be another server's now.
        self.statements.clear();
        for (_, mut pending) in self.in_flight.drain() {
            pending.attempts += 1;
            self.again.push(pending);
        }
        self.pause(error)
    }

    fn pause(&mut self, error: Error) -> Result<()> {
        if breaks(&error) {
            self.client = None;
        }
        let clock = self.remote.clock();
        self.window = (self.window / 2).max(IN_FLIGHT_MIN);
        self.patience
            .wait(error, &clock, &self.remote.shared.interrupt)
    }

    /// Waits for everything that is in flight. After a refusal there is a pause at the end.
    fn await_all(&mut self, refused: Option<Error>) -> Result<()> {
        let mut refused = refused;
        while !self.in_flight.is_empty() {
            refused = self.take_one()?.or(refused);
        }
        match refused {
            Some(error) if error.kind != ErrorKind::Unprepared => self.pause(error),
            _ => Ok(()),
        }
    }

    /// Takes one answer, and backs off if it was a refusal.
    fn take_turn(&mut self) -> Result<()> {
        match self.take_one()? {
            None => Ok(()),
            refused => self.await_all(refused),
        }
    }

    /// Waits until one more request may be in flight and nothing is to be written again.
    fn make_room(&mut self) -> Result<()> {
        loop {
            while self.in_flight.len() >= self.window {
                self.take_turn()?;
            }
            match self.again.pop() {
                Some(pending) => self.send(pending)?,
                None => return Ok(()),
            }
        }
    }

    /// Waits until everything is acknowledged.
    fn settle(&mut self) -> Result<()> {
        loop {
            self.make_room()?;
            if self.in_flight.is_empty() {
                return Ok(());
            }
            self.take_turn()?;
        }
    }

    /// What has become of the run that ends with `error`.
    fn explained(&self, error: Error) -> Error {
        let (rows, timestamp) = (self.rows, self.timestamp_micros);
        let message = format!("{} ({rows} rows are written)", error.message);
        let hint = if self.counters {
            "What was added stays: the same import would add it again.".to_owned()
        } else {
            format!("The same import with --timestamp {timestamp} completes it.")
        };
        Error { message, ..error }.with_hint(hint)
    }
}

/// Whether a write that failed so may have been done.
fn may_be_done(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::WriteTimeout | ErrorKind::Io)
}

impl RowSink for RemoteSink {
    fn add(&mut self, batch: ValueBatch) -> Result<()> {
        let batch = Arc::new(batch.freeze());
        for row in 0..batch.rows() {
            let pending = Pending {
                batch: Arc::clone(&batch),
                row,
                attempts: 0,
            };
            self.make_room()
                .and_then(|()| self.send(pending))
                .map_err(|error| self.explained(error))?;
        }
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<bool> {
        self.settle().map_err(|error| self.explained(error))?;
        Ok(true)
    }

    fn finish(mut self: Box<Self>, _stop: &AtomicBool) -> Result<IngestSummary> {
        self.settle().map_err(|error| self.explained(error))?;
        if let Some(client) = self.client.take() {
            self.remote.give_back(client);
        }
        Ok(IngestSummary {
            rows: self.rows,
            duplicates: 0,
            bytes: self.bytes,
            ..IngestSummary::default()
        })
    }
}
