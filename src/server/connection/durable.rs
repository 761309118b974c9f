//! Answers that wait for the commit log.
//!
//! A write is acknowledged, and seen by others, when the log is synced behind it. No thread waits
//! for that: the answer lies here with its ticket, in the order of tickets, and the log's thread
//! rings when it has synced. Most answers say nothing but that it is done, and take no memory
//! besides their place in the queue.

use crate::protocol::{Opcode, response};
use crate::server::connection::Connection;
use crate::server::failure::{Asked, Failure};
use crate::server::metrics::{Outcome as Counted, RequestKind};
use crate::server::reply::Outcome;
use crate::session::StatementClass;
use crate::storage::Ticket;
use bytes::Bytes;

/// An answer that waits.
#[derive(Debug)]
pub struct Waiting {
    /// For what.
    pub ticket: Ticket,
    /// Which request it answers.
    pub stream: i16,
    /// What sort of request it was.
    pub kind: RequestKind,
    /// When it came, in microseconds of the monotonic clock.
    pub started_at_micros: i64,
    /// The answer.
    pub what: Held,
}

/// The answer that waits.
#[derive(Debug)]
pub enum Held {
    /// A RESULT that says nothing.
    Void,
    /// Something else.
    Envelope(Box<HeldEnvelope>),
}

/// An envelope that waits.
#[derive(Debug)]
pub struct HeldEnvelope {
    /// Its opcode.
    pub opcode: Opcode,
    /// Its flags.
    pub flags: u8,
    /// Its body.
    pub body: Bytes,
    /// How the request ended.
    pub counted: Counted,
}

impl Connection {
    /// Keeps an answer until its ticket is durable.
    pub(super) fn hold(&mut self, waiting: Waiting) {
        // Tickets come in order, but for those of worker threads.
        let mut at = self.waiting.len();
        while at > 0
            && self
                .waiting
                .get(at - 1)
                .is_some_and(|before| before.ticket > waiting.ticket)
        {
            at -= 1;
        }
        self.waiting.insert(at, waiting);
    }

    /// Sends the answers whose tickets are durable.
    pub(super) fn send_durable(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        // First into the list, then the look: a sync in between wakes us again.
        self.state.sync_waiters.enlist(&self.peer);
        let now_micros = self.state.clock.monotonic_micros();
        let timeout = self.state.options.write_timeout.as_micros();
        let timeout_micros = i64::try_from(timeout).unwrap_or(i64::MAX);
        while let Some(first) = self.waiting.front() {
            let judged = self.state.database.engine().is_durable(first.ticket);
            let late = now_micros - first.started_at_micros > timeout_micros;
            if matches!(judged, Ok(false)) && !late {
                return;
            }
            let Some(first) = self.waiting.pop_front() else {
                return;
            };
            match judged {
                Ok(true) => self.release_answer(first, now_micros),
                Ok(false) => {
                    self.state.metrics.timeouts.increment();
                    self.fail_waiting(&first, now_micros, Failure::timeout(ASKED));
                }
                Err(error) => {
                    self.fail_waiting(&first, now_micros, Failure::of(error, ASKED, None));
                }
            }
        }
    }

    fn release_answer(&mut self, waiting: Waiting, now_micros: i64) {
        let Waiting { stream, kind, .. } = waiting;
        let mut counted = Counted::Done;
        match waiting.what {
            Held::Void => {
                self.encoder.frame(
                    &mut self.collected,
                    stream,
                    Opcode::Result,
                    0,
                    response::void,
                );
            }
            Held::Envelope(held) => {
                counted = held.counted;
                self.encoder.frame(
                    &mut self.collected,
                    stream,
                    held.opcode,
                    held.flags,
                    |out| {
                        out.extend_from_slice(&held.body);
                    },
                );
            }
        }
        self.count_request(kind, waiting.started_at_micros, now_micros, counted);
    }

    fn fail_waiting(&mut self, waiting: &Waiting, now_micros: i64, failure: Failure) {
        let counted = Counted::Failed(failure.body.code());
        self.put(waiting.stream, Outcome::failed(waiting.kind, failure));
        self.count_request(waiting.kind, waiting.started_at_micros, now_micros, counted);
    }
}

/// What is told of a write whose request is forgotten by now.
const ASKED: Asked = Asked {
    consistency: crate::protocol::Consistency::One,
    class: Some(StatementClass::Insert),
    write_type: "SIMPLE",
};
