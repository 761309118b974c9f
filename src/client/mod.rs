//! A small blocking client of the native protocol, for the shell, the transfer of data and tests.
//!
//! It opens one connection, speaks version 5 and falls back to 4 and 3 where the server refuses,
//! and either asks and waits ([`Client::query`]) or sends many requests and takes the answers as
//! they come ([`Client::send`], [`Client::receive`]). Both may be mixed.
//!
//! A failure that the server tells is an [`Error`] of the kind that its code stands for, with the
//! server's message. After one of kind [`ErrorKind::Io`] or [`ErrorKind::Protocol`] from the
//! connection itself, the connection is of no use any more; [`Client::is_broken`] tells.

mod handshake;
mod pages;
mod wire;

pub use pages::Pages;

use crate::client::wire::Wire;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::protocol::request::{Batch, QueryParameters};
use crate::protocol::response::{Event, PreparedResult, ResultBody};
use crate::protocol::{Compression, Request, RequestMessage, Response, ResponseMessage, Version};
use crate::types::name::quote_identifier;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// The most events that are kept until somebody asks for them; the oldest go first.
const EVENTS_MAX: usize = 1_024;

/// How to connect.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// The newest version to speak; older ones are tried if the server refuses it.
    pub version: Version,
    /// How to compress.
    pub compression: Compression,
    /// The name and password, if the server asks.
    pub credentials: Option<(String, String)>,
    /// The keyspace to start in.
    pub keyspace: Option<String>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an answer may take; none: for ever.
    pub request_timeout: Option<Duration>,
    /// Set by somebody else to stop waiting: the request fails with [`ErrorKind::Cancelled`].
    pub interrupt: Option<Arc<AtomicBool>>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            version: Version::NEWEST,
            compression: Compression::None,
            credentials: None,
            keyspace: None,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Some(Duration::from_secs(120)),
            interrupt: None,
        }
    }
}

/// What a statement answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The result.
    pub result: ResultBody,
    /// What the server warned of.
    pub warnings: Vec<String>,
    /// The trace that was made, if one was asked for.
    pub tracing_id: Option<uuid::Uuid>,
}

/// A prepared statement of one connection.
#[derive(Clone, Debug, PartialEq)]
pub struct PreparedStatement {
    /// What the server told of it.
    pub prepared: PreparedResult,
    /// Its text, to prepare it again.
    pub text: String,
}

/// A connection.
pub struct Client {
    wire: Wire,
    request_timeout: Option<Duration>,
    keyspace: Option<String>,
    next_stream: i16,
    /// The streams whose answer is awaited.
    waiting: HashSet<i16>,
    /// The streams whose answer nobody wants any more.
    abandoned: HashSet<i16>,
    /// Answers that came while another was waited for.
    arrived: VecDeque<(i16, ResponseMessage)>,
    events: VecDeque<Event>,
    broken: bool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("address", &self.wire.address())
            .field("version", &self.wire.version())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Connects to `address` (`host:port`) and opens the conversation.
    pub fn connect(address: &str, options: &ClientOptions) -> Result<Self> {
        let mut client = Self {
            wire: handshake::open(address, options)?,
            request_timeout: options.request_timeout,
            keyspace: None,
            next_stream: 0,
            waiting: HashSet::new(),
            abandoned: HashSet::new(),
            arrived: VecDeque::new(),
            events: VecDeque::new(),
            broken: false,
        };
        if let Some(keyspace) = &options.keyspace {
            let text = format!("USE {}", quote_identifier(keyspace));
            client.query(&text, &QueryParameters::default())?;
        }
        Ok(client)
    }

    /// The version that is spoken.
    pub fn version(&self) -> Version {
        self.wire.version()
    }

    /// The server's address, as it was given.
    pub fn address(&self) -> &str {
        self.wire.address()
    }

    /// The connection's keyspace, if a `USE` was answered.
    pub fn keyspace(&self) -> Option<&str> {
        self.keyspace.as_deref()
    }

    /// Whether the connection is of no use any more.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Sets how long an answer may take; none: for ever.
    pub fn set_request_timeout(&mut self, timeout: Option<Duration>) {
        self.request_timeout = timeout;
    }

    /// Runs a statement.
    pub fn query(&mut self, text: &str, parameters: &QueryParameters) -> Result<Answer> {
        self.query_traced(text, parameters, false)
    }

    /// Runs a statement, with tracing if wanted.
    pub fn query_traced(
        &mut self,
        text: &str,
        parameters: &QueryParameters,
        tracing: bool,
    ) -> Result<Answer> {
        let mut message = RequestMessage::from(Request::Query {
            text: text.into(),
            parameters: parameters.clone(),
        });
        message.tracing = tracing;
        self.ask(message)
    }

    /// Prepares a statement.
    pub fn prepare(&mut self, text: &str) -> Result<PreparedStatement> {
        let request = Request::Prepare {
            text: text.into(),
            keyspace: None,
        };
        match self.ask(request.into())?.result {
            ResultBody::Prepared(prepared) => Ok(PreparedStatement {
                prepared,
                text: text.to_owned(),
            }),
            _ => Err(self.unexpected("PREPARE")),
        }
    }

    /// The request that runs a prepared statement, for [`Client::send`].
    pub fn execute_request(
        &self,
        statement: &PreparedStatement,
        parameters: &QueryParameters,
    ) -> RequestMessage {
        let mut parameters = parameters.clone();
        // Only version 5 tells when the columns are no longer those that we know.
        let known = self.version() >= Version::V5;
        parameters.skip_metadata = known && statement.prepared.result.columns.is_some();
        Request::Execute {
            id: statement.prepared.id.clone(),
            result_metadata_id: statement.prepared.result_metadata_id.clone(),
            parameters,
        }
        .into()
    }

    /// Runs a prepared statement; one that the server has forgotten is prepared again.
    pub fn execute(
        &mut self,
        statement: &mut PreparedStatement,
        parameters: &QueryParameters,
    ) -> Result<Answer> {
        let first = self.ask(self.execute_request(statement, parameters));
        let mut answer = match first {
            Err(error) if error.kind == ErrorKind::Unprepared => {
                *statement = self.prepare(&statement.text)?;
                self.ask(self.execute_request(statement, parameters))?
            }
            other => other?,
        };
        if let ResultBody::Rows(rows) = &mut answer.result {
            match (&rows.metadata.columns, &rows.metadata.new_metadata_id) {
                (Some(columns), Some(id)) => {
                    statement.prepared.result_metadata_id = Some(id.clone());
                    statement.prepared.result.column_count = columns.len();
                    statement.prepared.result.columns = Some(columns.clone());
                }
                (None, _) => rows.metadata.columns = statement.prepared.result.columns.clone(),
                _ => {}
            }
        }
        Ok(answer)
    }

    /// Runs a batch.
    pub fn batch(&mut self, batch: Batch) -> Result<Answer> {
        self.ask(Request::Batch(batch).into())
    }

    /// Asks what the server supports.
    pub fn supported(&mut self) -> Result<Vec<(String, Vec<String>)>> {
        match self.call(Request::Options.into())?.response {
            Response::Supported { options } => Ok(options),
            _ => Err(self.unexpected("OPTIONS")),
        }
    }

    /// Asks to be told of events: `SCHEMA_CHANGE`, `STATUS_CHANGE`, `TOPOLOGY_CHANGE`.
    pub fn register(&mut self, events: &[&str]) -> Result<()> {
        let events = events.iter().map(|&event| event.to_owned()).collect();
        match self.call(Request::Register { events }.into())?.response {
            Response::Ready => Ok(()),
            _ => Err(self.unexpected("REGISTER")),
        }
    }

    /// The next event, or none within `timeout`. Answers that come meanwhile are kept.
    pub fn next_event(&mut self, timeout: Duration) -> Result<Option<Event>> {
        let deadline = self.wire.deadline(Some(timeout));
        while self.events.is_empty() {
            match self.pull(deadline) {
                Ok(Some(answer)) => self.arrived.push_back(answer),
                Ok(None) => {}
                Err(error) if error.kind == ErrorKind::ReadTimeout => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(self.events.pop_front())
    }

    /// Sends a request without waiting; answers the stream that its answer will have. Fails where
    /// all streams are in use. Requests are collected and written together, at the latest when an
    /// answer is asked for.
    pub fn send(&mut self, message: RequestMessage) -> Result<i16> {
        if self.waiting.len() + self.abandoned.len() >= limits::STREAMS_MAX {
            return Err(Error::new(
                ErrorKind::Overloaded,
                "All streams of the connection are in use: take answers first",
            ));
        }
        let in_use =
            |stream: i16| self.waiting.contains(&stream) || self.abandoned.contains(&stream);
        let mut stream = self.next_stream;
        while in_use(stream) {
            stream = stream.checked_add(1).unwrap_or(0);
        }
        self.next_stream = stream.checked_add(1).unwrap_or(0);
        let deadline = self.wire.deadline(self.request_timeout);
        let written = self.wire.write(stream, &message, deadline);
        self.note(written)?;
        self.waiting.insert(stream);
        Ok(stream)
    }

    /// Writes what was collected, so that the server can begin before an answer is asked for.
    pub fn flush(&mut self) -> Result<()> {
        let deadline = self.wire.deadline(self.request_timeout);
        let flushed = self.wire.flush(deadline);
        self.note(flushed)
    }

    /// How many requests were sent whose answers were not taken.
    pub fn in_flight(&self) -> usize {
        self.waiting.len() + self.arrived.len()
    }

    /// Waits for the next answer to what was sent, whichever it is. Errors of the server are in
    /// the message.
    pub fn receive(&mut self) -> Result<(i16, ResponseMessage)> {
        if let Some(answer) = self.arrived.pop_front() {
            return Ok(answer);
        }
        if self.waiting.is_empty() {
            return Err(Error::internal(
                "no request was sent that an answer could be for",
            ));
        }
        let deadline = self.wire.deadline(self.request_timeout);
        loop {
            if let Some(answer) = self.pull(deadline)? {
                return Ok(answer);
            }
        }
    }

    /// Sends a request and waits for its answer. An error of the server is an error.
    pub fn call(&mut self, message: RequestMessage) -> Result<ResponseMessage> {
        let stream = self.send(message)?;
        let deadline = self.wire.deadline(self.request_timeout);
        let answer = loop {
            match self.pull(deadline) {
                Ok(Some((found, answer))) if found == stream => break answer,
                Ok(Some(other)) => self.arrived.push_back(other),
                Ok(None) => {}
                Err(error) => {
                    if self.waiting.remove(&stream) {
                        self.abandoned.insert(stream);
                    }
                    return Err(error);
                }
            }
        };
        match answer.response {
            Response::Error { message, body } => Err(body.to_error(message)),
            _ => Ok(answer),
        }
    }

    /// Sends a statement and waits for its result.
    fn ask(&mut self, message: RequestMessage) -> Result<Answer> {
        let ResponseMessage { prefix, response } = self.call(message)?;
        let Response::Result(result) = response else {
            return Err(self.unexpected("a statement"));
        };
        if let ResultBody::SetKeyspace(keyspace) = &result {
            self.keyspace = Some(keyspace.clone());
        }
        Ok(Answer {
            result,
            warnings: prefix.warnings,
            tracing_id: prefix.tracing_id,
        })
    }

    fn unexpected(&self, request: &str) -> Error {
        Error::new(
            ErrorKind::Protocol,
            format!(
                "{}: the server's answer to {request} is of another kind",
                self.address()
            ),
        )
    }

    /// Remembers a failure after which the connection is of no use.
    fn note<T>(&mut self, outcome: Result<T>) -> Result<T> {
        if let Err(error) = &outcome {
            self.broken |= matches!(error.kind, ErrorKind::Io | ErrorKind::Protocol);
        }
        outcome
    }

    /// The next thing that the server says: an answer, or none where it was an event or an answer
    /// that nobody wants any more.
    fn pull(&mut self, deadline: wire::Deadline) -> Result<Option<(i16, ResponseMessage)>> {
        let read = self.wire.read(deadline);
        let envelope = self.note(read)?;
        let decoded = ResponseMessage::decode(&envelope)
            .map_err(|fault| wire::broken(self.wire.address(), &fault));
        let message = self.note(decoded)?;
        let stream = envelope.stream;
        if let (-1, Response::Event(event)) = (stream, &message.response) {
            if self.events.len() >= EVENTS_MAX {
                self.events.pop_front();
            }
            self.events.push_back(event.clone());
            return Ok(None);
        }
        if self.abandoned.remove(&stream) {
            return Ok(None);
        }
        if self.waiting.remove(&stream) {
            return Ok(Some((stream, message)));
        }
        let stray = match message.response {
            Response::Error { message, body } => body.to_error(message),
            _ => self.unexpected("nothing that was asked"),
        };
        self.broken = true;
        Err(stray)
    }
}
