//! Statements: at once, where that does not hold up others, or by a worker thread.

use crate::protocol::{Envelope, Opcode};
use crate::server::connection::Connection;
use crate::server::connection::durable::{Held, HeldEnvelope, Waiting};
use crate::server::dispatch::{self, Attempt, Later};
use crate::server::failure::{Asked, Failure, is_write};
use crate::server::metrics::{Outcome as Counted, RequestKind};
use crate::server::peer::{Peer, Task};
use crate::server::reply::{Outcome, Reply, What};
use crate::server::state::State;
use crate::session::{Prepared, StatementClass};
use crate::storage::resident;
use bytes::{Bytes, BytesMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

/// Shorter messages are copied when they have to wait: they would keep all that was read with them.
const COPIED_BYTES_MAX: usize = 16 << 10;

/// Runs a request; a panic fails this request alone.
fn guarded(work: impl FnOnce() -> Attempt) -> Attempt {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let words = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no words");
        tracing::error!("a request met a defect of the server: {words}");
        let failure = Failure::new(
            crate::protocol::ErrorBody::Server,
            format!("The request met a defect of the server: {words}"),
        );
        Attempt::Done(Outcome::failed(RequestKind::Other, failure))
    })
}

impl Connection {
    /// Answers a statement, or has a worker thread do so; answers what time it is afterwards.
    pub(super) fn handle_request(&mut self, envelope: Envelope, now_micros: i64) -> i64 {
        let context = dispatch::Context {
            state: &self.state,
            keyspace: self.keyspace.as_deref(),
            interrupt: &self.interrupt,
            client: self.peer.address.ip(),
            quick: true,
        };
        let attempt = guarded(|| resident(|| dispatch::perform(&context, &envelope, None)));
        let stream = envelope.stream;
        match attempt {
            Attempt::Later(later) => {
                if let Err(failure) = self.postpone(envelope, later, now_micros) {
                    self.state.metrics.overloaded.increment();
                    self.fail(stream, failure);
                }
                now_micros
            }
            Attempt::Done(outcome) => {
                drop(envelope);
                let (kind, counted) = (outcome.kind, outcome.counted());
                if let What::SetKeyspace(keyspace) = &outcome.what {
                    self.set_keyspace(keyspace);
                }
                if let Some(ticket) = outcome.ticket {
                    let what = self.held(outcome);
                    self.hold(Waiting {
                        ticket,
                        stream,
                        kind,
                        started_at_micros: now_micros,
                        what,
                    });
                    return now_micros;
                }
                self.put(stream, outcome);
                let then_micros = self.state.clock.monotonic_micros();
                self.count_request(kind, now_micros, then_micros, counted);
                then_micros
            }
        }
    }

    fn held(&self, outcome: Outcome) -> Held {
        if outcome.is_bare_void() {
            return Held::Void;
        }
        let version = self.encoder.version;
        let counted = outcome.counted();
        let (opcode, flags) = outcome.header(version);
        let mut body = BytesMut::new();
        outcome.write(version, &mut body);
        Held::Envelope(Box::new(HeldEnvelope {
            opcode,
            flags,
            body: body.freeze(),
            counted,
        }))
    }

    fn set_keyspace(&mut self, keyspace: &str) {
        let keyspace: Arc<str> = keyspace.into();
        self.keyspace = Some(Arc::clone(&keyspace));
        self.peer
            .update_facts(|facts| facts.keyspace = Some(keyspace));
    }

    /// Hands a request to a worker thread.
    fn postpone(
        &mut self,
        mut envelope: Envelope,
        later: Later,
        now_micros: i64,
    ) -> Result<(), Failure> {
        let bytes = envelope.body.len();
        if !self.state.has_room(bytes) {
            return Err(Failure::overloaded(
                "The server holds too many bytes of requests or answers; try again later",
            ));
        }
        if bytes <= COPIED_BYTES_MAX {
            envelope.body = Bytes::copy_from_slice(&envelope.body);
        }
        let task = Arc::new(Task {
            id: self.state.next_task(),
            stream: envelope.stream,
            asked: later.asked,
            interrupt: Arc::new(AtomicBool::new(false)),
            answered: AtomicBool::new(false),
            deadline_micros: AtomicI64::new(deadline(&self.state, &later, now_micros)),
            started_at_micros: now_micros,
            bytes,
        });
        let job = Job {
            state: Arc::clone(&self.state),
            peer: Arc::clone(&self.peer),
            task: Arc::clone(&task),
            keyspace: self.keyspace.clone(),
            envelope,
            statement: later.statement,
        };
        self.peer.begin(&task);
        self.state.metrics.requests_queued.add(1);
        self.state
            .in_flight_bytes
            .fetch_add(bytes, Ordering::Relaxed);
        let own_state = Arc::clone(&self.state);
        if self
            .state
            .workers
            .submit(self.peer.id, Box::new(move || job.run()))
            .is_err()
        {
            self.peer.finish(&task);
            own_state.metrics.requests_queued.subtract(1);
            own_state
                .in_flight_bytes
                .fetch_sub(bytes, Ordering::Relaxed);
            return Err(Failure::overloaded(
                "Too many requests wait already; try again later",
            ));
        }
        self.working += 1;
        self.working_bytes += bytes;
        Ok(())
    }

    /// Takes up the answer of a worker thread.
    pub(super) fn receive_reply(&mut self, reply: Reply) {
        self.working = self.working.saturating_sub(1);
        self.working_bytes = self.working_bytes.saturating_sub(reply.request_bytes);
        self.state
            .unsent_bytes
            .fetch_sub(reply.body.len(), Ordering::Relaxed);
        if let Some(keyspace) = &reply.keyspace {
            self.set_keyspace(keyspace);
        }
        if let Some(ticket) = reply.ticket {
            let what = Held::Envelope(Box::new(HeldEnvelope {
                opcode: reply.opcode,
                flags: reply.flags,
                body: reply.body,
                counted: reply.counted,
            }));
            self.hold(Waiting {
                ticket,
                stream: reply.stream,
                kind: reply.kind,
                started_at_micros: reply.started_at_micros,
                what,
            });
            return;
        }
        self.encoder.frame(
            &mut self.collected,
            reply.stream,
            reply.opcode,
            reply.flags,
            |out| out.extend_from_slice(&reply.body),
        );
        let now_micros = self.state.clock.monotonic_micros();
        self.count_request(
            reply.kind,
            reply.started_at_micros,
            now_micros,
            reply.counted,
        );
    }
}

/// When a request has taken too long. Changes of the schema take as long as they take.
fn deadline(state: &State, later: &Later, now_micros: i64) -> i64 {
    let options = &state.options;
    let quick = later.statement.as_ref().is_some_and(Prepared::is_quick);
    let timeout = match later.asked.class {
        Some(StatementClass::Select) if quick => options.read_timeout,
        Some(StatementClass::Select) => options.range_timeout,
        Some(StatementClass::Truncate) => options.truncate_timeout,
        Some(class) if is_write(class) => options.write_timeout,
        _ => Duration::MAX,
    };
    let micros = i64::try_from(timeout.as_micros()).unwrap_or(i64::MAX);
    now_micros.saturating_add(micros)
}

/// A request for a worker thread.
struct Job {
    state: Arc<State>,
    peer: Arc<Peer>,
    task: Arc<Task>,
    keyspace: Option<Arc<str>>,
    envelope: Envelope,
    statement: Option<Prepared>,
}

impl Job {
    fn run(self) {
        let metrics = &self.state.metrics;
        metrics.requests_queued.subtract(1);
        if !self.task.is_over() {
            metrics.requests_working.add(1);
            let outcome = self.outcome();
            if self.task.claim() {
                let reply = reply(&self.task, &self.envelope, outcome);
                self.peer.post(reply, &self.state.unsent_bytes);
            }
            metrics.requests_working.subtract(1);
            metrics.requests_worked.increment();
        }
        self.peer.finish(&self.task);
        self.state
            .in_flight_bytes
            .fetch_sub(self.task.bytes, Ordering::Relaxed);
    }

    fn outcome(&self) -> Outcome {
        if !self.state.may_answer() {
            self.state.metrics.overloaded.increment();
            let words = "Too many answers wait to be read; try again later";
            return Outcome::failed(RequestKind::Other, Failure::overloaded(words));
        }
        let context = dispatch::Context {
            state: &self.state,
            keyspace: self.keyspace.as_deref(),
            interrupt: &self.task.interrupt,
            client: self.peer.address.ip(),
            quick: false,
        };
        let statement = self.statement.clone();
        let bytes = self.envelope.body.len();
        let has_text = self.envelope.opcode != Opcode::Execute;
        let _turn =
            (has_text && bytes > COPIED_BYTES_MAX).then(|| self.state.long_texts.enter(bytes));
        match guarded(|| dispatch::perform(&context, &self.envelope, statement)) {
            Attempt::Done(outcome) => outcome,
            // Where waiting is allowed nothing is left for later.
            Attempt::Later(_) => Outcome::failed(
                RequestKind::Other,
                Failure::new(
                    crate::protocol::ErrorBody::Server,
                    "The request was not run",
                ),
            ),
        }
    }
}

fn reply(task: &Task, envelope: &Envelope, outcome: Outcome) -> Reply {
    let version = envelope.version;
    let (opcode, flags) = outcome.header(version);
    let (kind, counted, ticket) = (outcome.kind, outcome.counted(), outcome.ticket);
    let keyspace = match &outcome.what {
        What::SetKeyspace(keyspace) => Some(keyspace.clone()),
        _ => None,
    };
    let mut body = BytesMut::new();
    outcome.write(version, &mut body);
    Reply {
        stream: envelope.stream,
        opcode,
        flags,
        body: body.freeze(),
        ticket,
        keyspace,
        kind,
        counted,
        started_at_micros: task.started_at_micros,
        request_bytes: task.bytes,
    }
}

/// The answer to a request that has taken too long.
pub fn timed_out(task: &Task, version: crate::protocol::Version) -> Reply {
    let asked: Asked = task.asked;
    let kind = match asked.class {
        Some(StatementClass::Select) => RequestKind::Select,
        Some(StatementClass::Insert) => RequestKind::Insert,
        Some(StatementClass::Update) => RequestKind::Update,
        Some(StatementClass::Delete) => RequestKind::Delete,
        Some(StatementClass::Batch) => RequestKind::Batch,
        _ => RequestKind::Other,
    };
    let outcome = Outcome::failed(kind, Failure::timeout(asked));
    let counted: Counted = outcome.counted();
    let (opcode, flags) = outcome.header(version);
    let mut body = BytesMut::new();
    outcome.write(version, &mut body);
    Reply {
        stream: task.stream,
        opcode,
        flags,
        body: body.freeze(),
        ticket: None,
        keyspace: None,
        kind,
        counted,
        started_at_micros: task.started_at_micros,
        request_bytes: task.bytes,
    }
}
