//! What the server counts.
//!
//! Counting happens on the way of every request and must cost nothing there: a count is one
//! relaxed atomic addition to a field that is known at compile time, a latency is that plus a
//! search among twenty bounds. Whoever wants to see (`GET /metrics`, `helenus admin`) reads the
//! atomics and asks the engine for its own figures; nobody collects in between.
//!
//! ```text
//! connection ─┐ add, relaxed                      read ┌─ GET /metrics   (`exposition`)
//! dispatch  ──┼──────────────▶ Metrics ◀───────────────┤
//! http      ──┘              (plain atomics)           └─ helenus admin
//! ```
//!
//! Values of several atomics that are read one after the other may be a request apart; sums and
//! counts of a histogram are therefore made from the same reading of its buckets.

mod exposition;
mod histogram;

pub use exposition::{CONTENT_TYPE, Exposition};
pub use histogram::{BOUNDS_MICROS, Histogram, HistogramReading};

use crate::session::StatementClass;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// That many more.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// The present count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that grows and shrinks.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// That many more.
    pub fn add(&self, count: i64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// That many less.
    pub fn subtract(&self, count: i64) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }

    /// Replaces the number.
    pub fn set(&self, count: i64) {
        self.0.store(count, Ordering::Relaxed);
    }

    /// The present number.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// One more, until what is returned is dropped.
    pub fn hold(&self) -> Held<'_> {
        self.add(1);
        Held(self)
    }
}

/// One in a gauge, as long as it lives.
#[derive(Debug)]
#[must_use = "the gauge goes down when this is dropped"]
pub struct Held<'a>(&'a Gauge);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.subtract(1);
    }
}

/// What a request did, as the figures tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// SELECT.
    Select,
    /// INSERT.
    Insert,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
    /// BATCH, as a statement or as a message.
    Batch,
    /// The preparation of a statement.
    Prepare,
    /// CREATE, ALTER, DROP, TRUNCATE.
    Schema,
    /// DESCRIBE.
    Describe,
    /// Batch SQL, and EXPLAIN.
    Sql,
    /// All other statements.
    Other,
}

impl RequestKind {
    /// All kinds, in the order in which they are shown.
    pub const ALL: [Self; 10] = [
        Self::Select,
        Self::Insert,
        Self::Update,
        Self::Delete,
        Self::Batch,
        Self::Prepare,
        Self::Schema,
        Self::Describe,
        Self::Sql,
        Self::Other,
    ];

    /// The kind's name in figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Batch => "batch",
            Self::Prepare => "prepare",
            Self::Schema => "schema",
            Self::Describe => "describe",
            Self::Sql => "sql",
            Self::Other => "other",
        }
    }
}

impl From<StatementClass> for RequestKind {
    fn from(class: StatementClass) -> Self {
        match class {
            StatementClass::Select => Self::Select,
            StatementClass::Insert => Self::Insert,
            StatementClass::Update => Self::Update,
            StatementClass::Delete => Self::Delete,
            StatementClass::Batch => Self::Batch,
            StatementClass::Truncate | StatementClass::Schema => Self::Schema,
            StatementClass::Describe => Self::Describe,
            StatementClass::Sql => Self::Sql,
            StatementClass::Use | StatementClass::Access => Self::Other,
        }
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered.
    Done,
    /// It was answered with an ERROR message of this code.
    Failed(i32),
}

/// The codes of ERROR messages and their names in figures (`native_protocol_v5.spec`, section 9).
pub const ERROR_CODES: [(i32, &str); 20] = [
    (0x0000, "server_error"),
    (0x000A, "protocol_error"),
    (0x0100, "bad_credentials"),
    (0x1000, "unavailable"),
    (0x1001, "overloaded"),
    (0x1002, "is_bootstrapping"),
    (0x1003, "truncate_error"),
    (0x1100, "write_timeout"),
    (0x1200, "read_timeout"),
    (0x1300, "read_failure"),
    (0x1400, "function_failure"),
    (0x1500, "write_failure"),
    (0x1600, "cdc_write_failure"),
    (0x1700, "cas_write_unknown"),
    (0x2000, "syntax_error"),
    (0x2100, "unauthorized"),
    (0x2200, "invalid"),
    (0x2300, "config_error"),
    (0x2400, "already_exists"),
    (0x2500, "unprepared"),
];

/// Everything that the server counts.
#[derive(Debug, Default)]
pub struct Metrics {
    latencies: [Histogram; RequestKind::ALL.len()],
    errors: [Counter; ERROR_CODES.len()],
    /// Client connections that are open.
    pub connections: Gauge,
    /// Client connections that were ever accepted.
    pub connections_accepted: Counter,
    /// Client connections that were refused: too many were open.
    pub connections_refused: Counter,
    /// Bytes that came from clients.
    pub received_bytes: Counter,
    /// Bytes that went to clients.
    pub sent_bytes: Counter,
    /// Requests that are decoded and not answered.
    pub requests_in_flight: Gauge,
    /// Requests that wait for a worker thread.
    pub requests_queued: Gauge,
    /// Requests that a worker thread is at.
    pub requests_working: Gauge,
    /// Requests that a worker thread has done.
    pub requests_worked: Counter,
    /// Requests that were refused because the server was over its capacity.
    pub overloaded: Counter,
    /// Connections or frames that broke the protocol.
    pub protocol_errors: Counter,
    /// Requests that took longer than they may.
    pub timeouts: Counter,
    /// Requests that were given up because their client had gone.
    pub abandoned: Counter,
    /// Executions of a statement that was not known (any more).
    pub unprepared: Counter,
    /// Logins that succeeded.
    pub logins: Counter,
    /// Logins that failed.
    pub logins_failed: Counter,
    /// Events that were pushed to clients.
    pub events: Counter,
    /// Requests to the HTTP port.
    pub http_requests: Counter,
}

impl Metrics {
    /// Counts a request that was answered after `took`.
    pub fn request(&self, kind: RequestKind, took: Duration, outcome: Outcome) {
        if let Some(latency) = self.latencies.get(kind as usize) {
            latency.record(took);
        }
        if let Outcome::Failed(code) = outcome {
            self.error(code);
        }
    }

    /// Counts an ERROR message that answers no statement (a login, a broken frame).
    pub fn error(&self, code: i32) {
        let at = ERROR_CODES.iter().position(|(known, _)| *known == code);
        if let Some(count) = self.errors.get(at.unwrap_or(0)) {
            count.increment();
        }
    }

    /// The latencies of one kind of requests.
    pub fn latency(&self, kind: RequestKind) -> HistogramReading {
        self.latencies
            .get(kind as usize)
            .map(Histogram::read)
            .unwrap_or_default()
    }

    /// How many ERROR messages of each code were sent, in the order of [`ERROR_CODES`].
    pub fn errors(&self) -> impl Iterator<Item = (i32, &'static str, u64)> {
        let counts = self.errors.iter().map(Counter::get);
        ERROR_CODES
            .iter()
            .zip(counts)
            .map(|((code, name), count)| (*code, *name, count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_kind_and_error() {
        let metrics = Metrics::default();
        metrics.request(RequestKind::Select, Duration::from_micros(7), Outcome::Done);
        let invalid = Outcome::Failed(0x2200);
        metrics.request(RequestKind::Other, Duration::from_secs(60), invalid);
        metrics.error(0x7777);
        assert_eq!(metrics.latency(RequestKind::Select).count(), 1);
        assert_eq!(metrics.latency(RequestKind::Other).count(), 1);
        assert_eq!(metrics.latency(RequestKind::Insert).count(), 0);
        let counted: Vec<_> = metrics
            .errors()
            .filter(|(_, _, count)| *count > 0)
            .collect();
        // A code that nobody knows is a defect of the server.
        assert_eq!(counted, [(0, "server_error", 1), (0x2200, "invalid", 1)]);
    }

    #[test]
    fn kinds_have_their_own_places() {
        for (at, kind) in RequestKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at);
        }
    }

    #[test]
    fn a_gauge_is_held() {
        let gauge = Gauge::default();
        let held = gauge.hold();
        assert_eq!(gauge.get(), 1);
        drop(held);
        assert_eq!(gauge.get(), 0);
    }
}
