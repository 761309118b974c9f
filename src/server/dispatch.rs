//! From a request to its outcome.
//!
//! ```text
//!             decode ──▶ statement: prepared, by its id, or from its text
//!                            │
//!           may not wait     ▼     may wait
//!        ┌───────────── perform ─────────────┐
//!  network thread                      worker thread
//!   quick statements from memory ── Later ──▶ everything else
//! ```
//!
//! The same function serves both threads. On the network's thread it runs under
//! [`storage::resident`](crate::storage::resident): a statement that is not bounded by nature, or
//! finds that it would have to wait, is left for a worker thread, and has changed nothing yet.

use crate::cql::result::{BindValue, QueryResult, Rows};
use crate::cql::trace::{Trace, TraceRequest};
use crate::error::{ErrorKind, Result};
use crate::protocol::primitive::Value;
use crate::protocol::request::{
    Batch, BatchKind as WireBatchKind, BatchStatement, QueryParameters, Values as WireValues,
};
use crate::protocol::response::Event;
use crate::protocol::{Consistency, Envelope, Request, RequestMessage};
use crate::server::events;
use crate::server::failure::{Asked, Failure};
use crate::server::metrics::RequestKind;
use crate::server::reply::{Outcome, RowsReply, What, give_back, scratch, wire_change};
use crate::server::room::AnswerRoom;
use crate::server::state::State;
use crate::session::{
    Answer, BatchKind, Prepared, RequestOptions, Shared, Slot, StatementClass, Values,
};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Statements with longer texts are left for a worker thread, to be parsed there; in bytes.
const QUICK_TEXT_BYTES_MAX: usize = 16 << 10;
/// Batches of more statements are left for a worker thread.
const QUICK_BATCH_MAX: usize = 32;

/// Where a request comes from, and how it may be run.
#[derive(Debug)]
pub struct Context<'a> {
    /// The server.
    pub state: &'a State,
    /// The keyspace of unqualified names.
    pub keyspace: Option<&'a str>,
    /// Stops the execution when set.
    pub interrupt: &'a Arc<AtomicBool>,
    /// Who asks.
    pub client: IpAddr,
    /// Whether it must not wait.
    pub quick: bool,
}

/// What came of a try.
#[derive(Debug)]
pub enum Attempt {
    /// It is done.
    Done(Outcome),
    /// It must be done where waiting is allowed.
    Later(Later),
}

/// What is known of a request that is left for a worker thread.
#[derive(Debug, Default)]
pub struct Later {
    /// Its statement.
    pub statement: Option<Prepared>,
    /// What it is about.
    pub asked: Asked,
}

/// Runs a request. `known` is its statement, where that was found already.
pub fn perform(context: &Context<'_>, envelope: &Envelope, known: Option<Prepared>) -> Attempt {
    let message = match RequestMessage::decode(envelope) {
        Ok(message) => message,
        Err(fault) => return failed(RequestKind::Other, fault.into()),
    };
    if !message.tracing {
        return run_request(context, message.request, known, None);
    }
    if context.quick {
        return Attempt::Later(Later::default());
    }
    let traces = context.state.database.virtual_tables().traces();
    let shared = &context.state.shared;
    let known = known.or_else(|| match &message.request {
        Request::Execute { id, .. } => shared.prepared(&statement_id(id)?),
        _ => None,
    });
    let trace = traces.begin(trace_request(
        &message.request,
        known.as_ref(),
        context.client,
    ));
    let attempt = run_request(context, message.request, known, Some(&trace));
    trace.event("Request complete");
    trace.finish();
    match attempt {
        Attempt::Done(outcome) => Attempt::Done(Outcome {
            trace: Some(trace.id()),
            ..outcome
        }),
        later @ Attempt::Later(_) => later,
    }
}

fn failed(kind: RequestKind, failure: Failure) -> Attempt {
    Attempt::Done(Outcome::failed(kind, failure))
}

fn trace_request(request: &Request, known: Option<&Prepared>, client: IpAddr) -> TraceRequest {
    let mut facts = BTreeMap::new();
    let words = match request {
        Request::Query { text, .. } => {
            facts.insert("query".to_owned(), text.as_str().to_owned());
            "Execute CQL3 query"
        }
        Request::Prepare { text, .. } => {
            facts.insert("query".to_owned(), text.as_str().to_owned());
            "Preparing CQL3 query"
        }
        Request::Execute { .. } => {
            let query = known.map(|statement| statement.query().to_owned());
            facts.extend(query.map(|query| ("query".to_owned(), query)));
            "Execute CQL3 prepared query"
        }
        Request::Batch(_) => "Execute batch of CQL3 queries",
        _ => "Execute request",
    };
    if let Request::Query { parameters, .. } | Request::Execute { parameters, .. } = request {
        facts.insert(
            "consistency_level".to_owned(),
            parameters.consistency.to_string(),
        );
        if let Some(rows) = parameters.page_size {
            facts.insert("page_size".to_owned(), rows.to_string());
        }
        let serial = parameters.serial_consistency.unwrap_or(Consistency::Serial);
        facts.insert("serial_consistency_level".to_owned(), serial.to_string());
    }
    TraceRequest {
        request: words.to_owned(),
        command: "QUERY".to_owned(),
        client: Some(client),
        parameters: facts,
    }
}

fn run_request(
    context: &Context<'_>,
    request: Request,
    known: Option<Prepared>,
    trace: Option<&Arc<Trace>>,
) -> Attempt {
    let shared = &context.state.shared;
    match request {
        Request::Query { text, parameters } => {
            let text = text.as_str();
            if context.quick && text.len() > QUICK_TEXT_BYTES_MAX {
                return Attempt::Later(Later::default());
            }
            let keyspace = parameters.keyspace.as_deref().or(context.keyspace);
            if let Some(trace) = trace {
                trace.event("Parsing statement");
            }
            let statement = known.map_or_else(|| shared.adhoc(text, keyspace), Ok);
            match statement {
                Ok(statement) => Run::new(context, statement, trace).statement(parameters, None),
                Err(error) if context.quick && error.kind == ErrorKind::WouldBlock => {
                    Attempt::Later(Later::default())
                }
                Err(error) => failed(
                    RequestKind::Other,
                    Failure::of(error, Asked::default(), None),
                ),
            }
        }
        Request::Prepare { text, keyspace } => {
            let text = text.as_str();
            if context.quick && text.len() > QUICK_TEXT_BYTES_MAX {
                return Attempt::Later(Later::default());
            }
            let keyspace = keyspace.as_deref().or(context.keyspace);
            prepare(context, shared, text, keyspace)
        }
        Request::Execute {
            id,
            result_metadata_id,
            parameters,
        } => {
            let found = known.or_else(|| shared.prepared(&statement_id(&id)?));
            let Some(statement) = found else {
                context.state.metrics.unprepared.increment();
                return failed(RequestKind::Other, Failure::unprepared(&id));
            };
            let by_id = ById {
                id,
                result_metadata_id,
            };
            Run::new(context, statement, trace).statement(parameters, Some(&by_id))
        }
        Request::Batch(batch) => run_batch(context, batch, trace),
        other => failed(
            RequestKind::Other,
            Failure::protocol(format!("Unexpected message {}", other.opcode().name())),
        ),
    }
}

fn statement_id(id: &Bytes) -> Option<[u8; 16]> {
    <[u8; 16]>::try_from(id.as_ref()).ok()
}

fn prepare(context: &Context<'_>, shared: &Shared, text: &str, keyspace: Option<&str>) -> Attempt {
    match shared.prepare(text, keyspace) {
        Ok(statement) => Attempt::Done(Outcome {
            what: What::Prepared(statement),
            warnings: Vec::new(),
            trace: None,
            ticket: None,
            kind: RequestKind::Prepare,
        }),
        Err(error) if context.quick && error.kind == ErrorKind::WouldBlock => {
            Attempt::Later(Later::default())
        }
        Err(error) => failed(
            RequestKind::Prepare,
            Failure::of(error, Asked::default(), None),
        ),
    }
}

/// How an EXECUTE names its statement.
struct ById {
    id: Bytes,
    result_metadata_id: Option<Bytes>,
}

/// One statement's execution.
struct Run<'a> {
    context: &'a Context<'a>,
    statement: Prepared,
    trace: Option<&'a Arc<Trace>>,
}

impl<'a> Run<'a> {
    fn new(context: &'a Context<'a>, statement: Prepared, trace: Option<&'a Arc<Trace>>) -> Self {
        Self {
            context,
            statement,
            trace,
        }
    }

    fn statement(self, parameters: QueryParameters, by_id: Option<&ById>) -> Attempt {
        let class = self.statement.kind();
        let asked = Asked {
            consistency: parameters.consistency,
            class: Some(class),
            write_type: match self.statement.is_conditional() {
                true => "CAS",
                false => "SIMPLE",
            },
        };
        if self.context.quick && !self.statement.is_quick() {
            return self.later(asked);
        }
        let kind = kind_of(class);
        let id = by_id.map(|by_id| &by_id.id);
        let skip_metadata = parameters.skip_metadata;
        let options = options(self.context, parameters, self.trace);
        let shared = &self.context.state.shared;
        let answer = shared.run(&self.statement, options);
        let mut described = Described::of(&self.statement, skip_metadata, by_id);
        if let Ok(Answer {
            result: QueryResult::Rows(rows),
            ..
        }) = &answer
            && !Arc::ptr_eq(&rows.shared_columns(), &self.statement.result_columns())
        {
            // The schema changed in between: only the rows' own columns describe them.
            described = Described::default();
        }
        match answer.and_then(|answer| outcome(self.context, answer, kind, described)) {
            Ok(outcome) => Attempt::Done(outcome),
            Err(error) if self.context.quick && error.kind == ErrorKind::WouldBlock => {
                self.later(asked)
            }
            Err(error) => failed(kind, Failure::of(error, asked, id)),
        }
    }

    fn later(self, asked: Asked) -> Attempt {
        Attempt::Later(Later {
            statement: Some(self.statement),
            asked,
        })
    }
}

/// Which description of its rows an answer carries.
#[derive(Clone, Copy, Default)]
struct Described {
    skip_metadata: bool,
    new_metadata_id: Option<[u8; 16]>,
}

impl Described {
    /// Version 5 clients name the description that they have; earlier ones may leave it out only
    /// while it is what they were told when they prepared the statement.
    fn of(statement: &Prepared, skip: bool, by_id: Option<&ById>) -> Self {
        let Some(by_id) = by_id else {
            return Self::default();
        };
        let Some(known) = &by_id.result_metadata_id else {
            return Self {
                skip_metadata: skip && statement.may_skip_metadata(),
                new_metadata_id: None,
            };
        };
        if statement.result_columns().is_empty() {
            return Self::default();
        }
        let present = statement.result_metadata_id();
        if known.as_ref() == present {
            return Self {
                skip_metadata: skip,
                new_metadata_id: None,
            };
        }
        Self {
            skip_metadata: false,
            new_metadata_id: Some(present),
        }
    }
}

fn options(
    context: &Context<'_>,
    parameters: QueryParameters,
    trace: Option<&Arc<Trace>>,
) -> RequestOptions {
    RequestOptions {
        values: match parameters.values {
            WireValues::Positional(values) => slots(values),
            WireValues::Named(values) => Values::Named(
                values
                    .into_iter()
                    .map(|(name, value)| (name.as_str().to_owned(), bind_value(value)))
                    .collect(),
            ),
        },
        page_size: parameters
            .page_size
            .and_then(|rows| usize::try_from(rows).ok()),
        paging_state: parameters.paging_state,
        timestamp_micros: parameters.timestamp,
        now_seconds: parameters.now_seconds,
        interrupt: Arc::clone(context.interrupt),
        trace: trace.cloned(),
        defer: true,
        consistency: Some(parameters.consistency),
        serial_consistency: parameters.serial_consistency,
    }
}

fn slots(values: Vec<Value>) -> Values {
    let slot = |value| match value {
        Value::Null => Slot::Null,
        Value::Unset => Slot::Unset,
        Value::Bytes(bytes) => Slot::Bytes(bytes),
    };
    Values::Wire(values.into_iter().map(slot).collect())
}

fn bind_value(value: Value) -> BindValue {
    match value {
        Value::Null => BindValue::Null,
        Value::Unset => BindValue::Unset,
        Value::Bytes(bytes) => BindValue::Bytes(bytes),
    }
}

fn outcome(
    context: &Context<'_>,
    answer: Answer,
    kind: RequestKind,
    described: Described,
) -> Result<Outcome> {
    let what = match answer.result {
        QueryResult::Void => What::Void,
        QueryResult::SetKeyspace(keyspace) => What::SetKeyspace(keyspace),
        QueryResult::SchemaChange(event) => {
            let change = Event::Schema(wire_change(event.clone()));
            events::broadcast(&context.state.peers, &context.state.metrics, &change);
            What::SchemaChange(event)
        }
        QueryResult::Rows(rows) => What::Rows(page(context, rows, described)?),
    };
    Ok(Outcome {
        what,
        warnings: answer.warnings,
        trace: None,
        ticket: answer.ticket,
        kind,
    })
}

fn page(context: &Context<'_>, mut rows: Rows, described: Described) -> Result<RowsReply> {
    let mut cells = scratch();
    let mut room = AnswerRoom::new(&context.state.unsent_bytes);
    match rows.encode_page_within(&mut cells, |length| room.grow(length)) {
        Ok(page) => Ok(RowsReply {
            columns: rows.shared_columns(),
            page,
            cells,
            room,
            skip_metadata: described.skip_metadata,
            new_metadata_id: described.new_metadata_id,
        }),
        Err(error) => {
            give_back(cells);
            Err(error)
        }
    }
}

fn run_batch(context: &Context<'_>, batch: Batch, trace: Option<&Arc<Trace>>) -> Attempt {
    let (kind, write_type) = match batch.kind {
        WireBatchKind::Logged => (BatchKind::Logged, "BATCH"),
        WireBatchKind::Unlogged => (BatchKind::Unlogged, "UNLOGGED_BATCH"),
        WireBatchKind::Counter => (BatchKind::Counter, "COUNTER"),
    };
    let asked = Asked {
        consistency: batch.parameters.consistency,
        class: Some(StatementClass::Batch),
        write_type,
    };
    let later = || {
        Attempt::Later(Later {
            statement: None,
            asked,
        })
    };
    if context.quick && batch.statements.len() > QUICK_BATCH_MAX {
        return later();
    }
    let mut statements = Vec::with_capacity(batch.statements.len());
    let mut ids = Vec::new();
    for (statement, values) in batch.statements {
        let keyspace = batch.parameters.keyspace.as_deref();
        if let BatchStatement::Prepared(id) = &statement {
            ids.push(id.clone());
        }
        match batch_statement(context, statement, keyspace) {
            Ok(statement) => {
                if context.quick && !statement.is_quick() {
                    return later();
                }
                statements.push((statement, slots(values)));
            }
            Err(failure) => return failed(RequestKind::Batch, failure),
        }
    }
    let options = options(context, batch.parameters, trace);
    let shared = &context.state.shared;
    let answer = shared.run_batch(kind, statements, options);
    let none = Described::default();
    match answer.and_then(|answer| outcome(context, answer, RequestKind::Batch, none)) {
        Ok(outcome) => Attempt::Done(outcome),
        Err(error) if context.quick && error.kind == ErrorKind::WouldBlock => later(),
        Err(error) => {
            // Which of the statements is not known (any more) is seen by looking again.
            let unknown = |id: &&Bytes| {
                statement_id(id)
                    .and_then(|id| shared.prepared(&id))
                    .is_none()
            };
            let id = ids.iter().find(unknown);
            failed(RequestKind::Batch, Failure::of(error, asked, id))
        }
    }
}

fn batch_statement(
    context: &Context<'_>,
    statement: BatchStatement,
    keyspace: Option<&str>,
) -> Result<Prepared, Failure> {
    let shared = &context.state.shared;
    match statement {
        BatchStatement::Text(text) => shared
            .adhoc(text.as_str(), keyspace.or(context.keyspace))
            .map_err(|error| Failure::of(error, Asked::default(), None)),
        BatchStatement::Prepared(id) => {
            let found = statement_id(&id).and_then(|id| shared.prepared(&id));
            found.ok_or_else(|| {
                context.state.metrics.unprepared.increment();
                Failure::unprepared(&id)
            })
        }
    }
}

fn kind_of(class: StatementClass) -> RequestKind {
    match class {
        StatementClass::Select => RequestKind::Select,
        StatementClass::Insert => RequestKind::Insert,
        StatementClass::Update => RequestKind::Update,
        StatementClass::Delete => RequestKind::Delete,
        StatementClass::Batch => RequestKind::Batch,
        StatementClass::Schema | StatementClass::Truncate => RequestKind::Schema,
        StatementClass::Describe => RequestKind::Describe,
        StatementClass::Sql => RequestKind::Sql,
        StatementClass::Use | StatementClass::Access => RequestKind::Other,
    }
}
