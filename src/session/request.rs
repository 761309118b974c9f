//! What comes with a statement besides its text, and what goes back besides its rows.

use crate::cql::execute::Outcome;
use crate::cql::plan::Slot;
use crate::cql::result::{BindValue, QueryResult};
use crate::cql::trace::Trace;
use crate::protocol::Consistency;
use crate::storage::Ticket;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The values of a statement's markers.
#[derive(Clone, Debug)]
pub enum Values {
    /// In order.
    Positional(Vec<BindValue>),
    /// In order, as wire bytes: they are checked, and used as they are.
    Wire(Vec<Slot>),
    /// By name: the same value for every marker of that name.
    Named(Vec<(String, BindValue)>),
}

impl Default for Values {
    fn default() -> Self {
        Self::Wire(Vec::new())
    }
}

impl Values {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Positional(values) => values.len(),
            Self::Wire(values) => values.len(),
            Self::Named(values) => values.len(),
        }
    }
}

impl From<Vec<BindValue>> for Values {
    fn from(values: Vec<BindValue>) -> Self {
        Self::Positional(values)
    }
}

impl From<Vec<Slot>> for Values {
    fn from(values: Vec<Slot>) -> Self {
        Self::Wire(values)
    }
}

/// How a statement is to be executed.
#[derive(Clone, Debug, Default)]
pub struct RequestOptions {
    /// The markers' values; for a batch of several statements each has its own.
    pub values: Values,
    /// How many rows a page has; none (or 0) where the client does not page.
    pub page_size: Option<usize>,
    /// Where the page before ended, as [`crate::cql::result::Page`] told it.
    pub paging_state: Option<Bytes>,
    /// The write timestamp of statements that say none, in microseconds.
    pub timestamp_micros: Option<i64>,
    /// The moment that decides what has expired, in seconds since 1970; none: the clock's.
    pub now_seconds: Option<i64>,
    /// Stops the execution, the reading of its rows included, when set to true.
    pub interrupt: Arc<AtomicBool>,
    /// Notes what happens on the way.
    pub trace: Option<Arc<Trace>>,
    /// Whether the caller waits by itself until the write is durable: see [`Answer::ticket`].
    pub defer: bool,
    /// The consistency level; none where nobody says one.
    pub consistency: Option<Consistency>,
    /// That of the reading half of conditional writes; none means SERIAL.
    pub serial_consistency: Option<Consistency>,
}

/// What came of a statement.
#[derive(Debug)]
pub struct Answer {
    /// The result.
    pub result: QueryResult,
    /// With [`RequestOptions::defer`]: the place in the log that must be durable before the write
    /// may be acknowledged; none where there is nothing to wait for.
    pub ticket: Option<Ticket>,
    /// What the client should be warned of.
    pub warnings: Vec<String>,
}

impl Answer {
    /// A result and nothing else.
    pub(super) fn of(result: QueryResult) -> Self {
        Self {
            result,
            ticket: None,
            warnings: Vec::new(),
        }
    }
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        Self {
            result: outcome.result,
            ticket: outcome.ticket,
            warnings: outcome.warnings,
        }
    }
}
