//! A small blocking client of the native protocol, for the shell, the transfer of data and tests.
//!
//! It opens one connection, speaks version 5 and falls back to 4 and 3 where the server refuses,
//! and either asks and waits ([`Client::query`]) or sends many requests and takes the answers as
//! they come ([`Client::send`], [`Client::receive`]).
//!
//! A failure that the server tells is an [`Error`] of the kind that its code stands for, with the
//! server's message.

use crate::error::{Error, Result};
use crate::protocol::request::{Batch, QueryParameters};
use crate::protocol::response::{Event, PreparedResult, ResponseMessage, ResultBody};
use crate::protocol::{Compression, RequestMessage, Version};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

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
    /// When set to true (by Ctrl-C), a wait for an answer ends within a tenth of a second with
    /// [`crate::ErrorKind::Cancelled`]. The connection is then given up by its user.
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
#[derive(Debug)]
pub struct Client {
    version: Version,
}

fn not_yet() -> Error {
    Error::internal("the client is not written yet")
}

impl Client {
    /// Connects to `address` (`host:port`) and opens the conversation.
    pub fn connect(address: &str, options: &ClientOptions) -> Result<Self> {
        let _ = (address, options);
        Err(not_yet())
    }

    /// The version that is spoken.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Runs a statement.
    pub fn query(&mut self, text: &str, parameters: &QueryParameters) -> Result<Answer> {
        let _ = (text, parameters);
        Err(not_yet())
    }

    /// Runs a statement, with tracing if wanted.
    pub fn query_traced(
        &mut self,
        text: &str,
        parameters: &QueryParameters,
        tracing: bool,
    ) -> Result<Answer> {
        let _ = (text, parameters, tracing);
        Err(not_yet())
    }

    /// Prepares a statement.
    pub fn prepare(&mut self, text: &str) -> Result<PreparedStatement> {
        let _ = text;
        Err(not_yet())
    }

    /// Runs a prepared statement; one that the server has forgotten is prepared again.
    pub fn execute(
        &mut self,
        statement: &mut PreparedStatement,
        parameters: &QueryParameters,
    ) -> Result<Answer> {
        let _ = (statement, parameters);
        Err(not_yet())
    }

    /// Runs a batch.
    pub fn batch(&mut self, batch: Batch) -> Result<Answer> {
        let _ = batch;
        Err(not_yet())
    }

    /// Asks to be told of events: `SCHEMA_CHANGE`, `STATUS_CHANGE`, `TOPOLOGY_CHANGE`.
    pub fn register(&mut self, events: &[&str]) -> Result<()> {
        let _ = events;
        Err(not_yet())
    }

    /// The next event, or none within `timeout`.
    pub fn next_event(&mut self, timeout: Duration) -> Result<Option<Event>> {
        let _ = timeout;
        Err(not_yet())
    }

    /// Sends a request without waiting; answers the stream that its answer will have. Fails where
    /// all 32,768 streams are in use.
    pub fn send(&mut self, request: RequestMessage) -> Result<i16> {
        let _ = request;
        Err(not_yet())
    }

    /// Waits for the next answer to what was sent, whichever it is. Errors of the server are in
    /// the message.
    pub fn receive(&mut self) -> Result<(i16, ResponseMessage)> {
        Err(not_yet())
    }
}
