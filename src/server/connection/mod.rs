//! One client's connection: a task that owns the socket and the buffers.
//!
//! ```text
//!  socket ─read─▶ input ─▶ Decoder ─▶ envelope ─▶ handshake, or
//!                                        │
//!                          quick ◀───────┴──────▶ worker thread (`requests`)
//!                            │                         │ mailbox
//!                            ▼                         ▼
//!            waits for the commit log (`durable`) ─▶ Encoder ─▶ output ─write─▶ socket
//! ```
//!
//! Each time that the task is woken it takes a *turn*: it empties its mailbox, sends what has
//! become durable, runs all requests that have arrived, and writes all answers with one call. Only
//! then it reads again. So a client that pipelines pays one read and one write for many requests,
//! and one that has nothing to say holds no buffer.
//!
//! What bounds it: while its answers, or its requests at worker threads, are over their limits,
//! nothing is decoded and nothing is read, and the client's own socket stalls. After so many
//! requests in one turn others get theirs.

mod durable;
mod handshake;
mod requests;

pub use requests::timed_out;

use crate::limits;
use crate::protocol::{
    Compression, Decoder, Encoder, Envelope, ErrorBody, Limits, Opcode, ProtocolError, Version,
};
use crate::server::events;
use crate::server::failure::Failure;
use crate::server::metrics::{Outcome as Counted, RequestKind};
use crate::server::peer::{Ending, Mail, Peer};
use crate::server::reply::Outcome;
use crate::server::state::State;
use bytes::{Buf, BytesMut};
use durable::Waiting;
use handshake::Phase;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// How many requests run before others get their turn.
const TURN_REQUESTS: usize = 128;
/// How long requests run before others get their turn, in microseconds.
const TURN_MICROS: i64 = 1_000;
/// How much is read at once: at first, and at most.
const READ_BYTES: [usize; 2] = [8 << 10, 64 << 10];
/// How long a client whose connection is closed may take to read the last answer.
const LINGER_PERIOD: Duration = Duration::from_secs(1);
/// How much of what such a client still sends is passed over, in bytes.
const LINGER_BYTES_MAX: usize = 16 << 20;

/// A connection.
struct Connection {
    stream: TcpStream,
    peer: Arc<Peer>,
    state: Arc<State>,
    decoder: Decoder,
    encoder: Encoder,
    /// Bytes that have arrived.
    input: BytesMut,
    /// Envelopes that are not wrapped into segments yet.
    collected: BytesMut,
    /// Bytes to send.
    output: BytesMut,
    read_bytes: usize,
    phase: Phase,
    version: Option<Version>,
    keyspace: Option<Arc<str>>,
    /// Stops what runs on the network's thread: never set, since that is quick.
    interrupt: Arc<AtomicBool>,
    /// Requests that worker threads have or shall have, and their bytes.
    working: usize,
    working_bytes: usize,
    /// Answers that wait for the commit log.
    waiting: VecDeque<Waiting>,
    /// A wrong login, and when it is answered; nothing is read until then.
    pause: Option<Pause>,
    /// Whether nothing more is decoded: the connection ends when all is answered.
    ending: bool,
    counted: CountedShares,
}

/// A wrong login that is answered later.
struct Pause {
    end: Pin<Box<Sleep>>,
    stream: i16,
    failure: Failure,
    /// Whether it was the last one.
    is_last: bool,
}

/// What of the server's totals is this connection's.
#[derive(Default)]
struct CountedShares {
    requests: i64,
    unsent_bytes: usize,
    input_bytes: usize,
}

/// Serves a client until it goes.
pub async fn serve(stream: TcpStream, peer: Arc<Peer>, state: Arc<State>) {
    state.metrics.connections.add(1);
    let mut connection = Connection::new(stream, peer, state);
    let clean = poll_fn(|context| connection.poll(context)).await;
    connection.leave();
    if clean {
        Box::pin(linger(&mut connection.stream)).await;
    }
    connection.state.peers.leave(&connection.peer);
    connection.state.metrics.connections.subtract(1);
}

/// Lets the client read the last answer: a socket that is closed while something unread lies in
/// it throws away what it still has to send.
async fn linger(stream: &mut TcpStream) {
    let passed_over = async {
        stream.shutdown().await.ok()?;
        let mut scratch = vec![0; 4 << 10];
        let mut left = LINGER_BYTES_MAX;
        loop {
            let read = stream.read(&mut scratch).await.ok()?;
            left = left.checked_sub(read).filter(|_| read > 0)?;
        }
    };
    let _: Result<Option<()>, _> = tokio::time::timeout(LINGER_PERIOD, passed_over).await;
}

impl Connection {
    fn new(stream: TcpStream, peer: Arc<Peer>, state: Arc<State>) -> Self {
        let limits = Limits {
            body_bytes_max: limits::HANDSHAKE_FRAME_BYTES_MAX,
        };
        Self {
            stream,
            peer,
            state,
            decoder: Decoder::new(limits),
            encoder: Encoder::new(Version::NEWEST),
            input: BytesMut::new(),
            collected: BytesMut::new(),
            output: BytesMut::new(),
            read_bytes: READ_BYTES[0],
            phase: Phase::Startup,
            version: None,
            keyspace: None,
            interrupt: Arc::default(),
            working: 0,
            working_bytes: 0,
            waiting: VecDeque::new(),
            pause: None,
            ending: false,
            counted: CountedShares::default(),
        }
    }

    /// Takes turns until the connection ends; answers whether its end is an orderly one.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        loop {
            while let Some(mail) = self.peer.take_mail(context) {
                self.receive(mail);
            }
            match self.peer.ending() {
                Ending::Open => {}
                Ending::Graceful => self.ending = true,
                Ending::Now => return Poll::Ready(false),
            }
            let mut more = self.run_requests();
            more |= self.poll_pause(context) && !self.input.is_empty();
            // What has just been written waits from now on, and may be durable already.
            let waiting = self.waiting.len();
            self.send_durable();
            more |= self.waiting.len() < waiting && !self.input.is_empty();
            self.encoder.seal(&mut self.collected, &mut self.output);
            if self.poll_write(context).is_err() {
                return Poll::Ready(false);
            }
            self.count();
            // Small requests that it may not run yet are no large message: they wait.
            if !more && self.may_run() && self.refuse_large_input() {
                // What it is told is yet to be written.
                continue;
            }
            if self.is_finished() {
                return Poll::Ready(true);
            }
            if more {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if !self.may_read() {
                // The mailbox, the log or the socket wakes us.
                return Poll::Pending;
            }
            match ready!(self.poll_read(context)) {
                Ok(0) | Err(_) => return Poll::Ready(false),
                Ok(_) => {}
            }
        }
    }

    /// Takes up what others had for it.
    fn receive(&mut self, mail: Mail) {
        for reply in mail.replies {
            self.receive_reply(reply);
        }
        for body in mail.events {
            self.encoder.frame(
                &mut self.collected,
                events::STREAM,
                events::OPCODE,
                0,
                |out| {
                    out.extend_from_slice(&body);
                },
            );
        }
    }

    /// Answers a wrong login when it is time to; tells whether it was.
    fn poll_pause(&mut self, context: &mut Context<'_>) -> bool {
        let elapsed = |pause: &mut Pause| pause.end.as_mut().poll(context).is_ready();
        if let Some(pause) = self.pause.take_if(elapsed) {
            self.ending |= pause.is_last;
            self.fail(pause.stream, pause.failure);
            return true;
        }
        false
    }

    /// Runs the requests that have arrived; answers whether there may be more.
    fn run_requests(&mut self) -> bool {
        if self.input.is_empty() && self.decoder.held_bytes() == 0 {
            return false;
        }
        let state = Arc::clone(&self.state);
        state.database.engine().gather(|| {
            let mut now_micros = state.clock.monotonic_micros();
            let end_micros = now_micros.saturating_add(TURN_MICROS);
            for _ in 0..TURN_REQUESTS {
                if !self.may_run() {
                    return false;
                }
                if now_micros > end_micros {
                    break;
                }
                match self.decoder.next(&mut self.input) {
                    Ok(Some(envelope)) => now_micros = self.handle(envelope, now_micros),
                    Ok(None) => return false,
                    Err(fault) => self.refuse(fault),
                }
            }
            true
        })
    }

    /// Handles a message that came at `now_micros`; answers what time it is afterwards.
    fn handle(&mut self, envelope: Envelope, now_micros: i64) -> i64 {
        self.peer.requests.fetch_add(1, Ordering::Relaxed);
        match (self.phase, envelope.opcode) {
            (Phase::Ready, Opcode::Query | Opcode::Prepare | Opcode::Execute | Opcode::Batch) => {
                self.handle_request(envelope, now_micros)
            }
            _ => {
                self.shake_hands(&envelope);
                now_micros
            }
        }
    }

    /// Answers what could not be understood.
    fn refuse(&mut self, fault: ProtocolError) {
        self.state.metrics.protocol_errors.increment();
        if self.version.is_none() {
            self.encoder = Encoder::new(Version::NEWEST);
        }
        let stream = fault.stream.unwrap_or(0);
        self.ending |= fault.fatal;
        self.fail(stream, fault.into());
    }

    /// Answers with an ERROR that no statement caused.
    fn fail(&mut self, stream: i16, failure: Failure) {
        self.state.metrics.error(failure.body.code());
        self.put(stream, Outcome::failed(RequestKind::Other, failure));
    }

    /// Appends an answer.
    fn put(&mut self, stream: i16, outcome: Outcome) {
        let version = self.encoder.version;
        let (opcode, flags) = outcome.header(version);
        self.encoder
            .frame(&mut self.collected, stream, opcode, flags, |out| {
                outcome.write(version, out);
            });
    }

    /// Speaks `version` from now on, in frames (or segments) that are compressed so.
    fn set_framing(&mut self, version: Version, compression: Compression) {
        self.encoder.seal(&mut self.collected, &mut self.output);
        self.decoder = Decoder::new(Limits {
            body_bytes_max: self.state.options.frame_bytes_max,
        });
        self.decoder.set_framing(version, compression);
        self.encoder.set_framing(version, compression);
        self.version = Some(version);
    }

    /// How much there is to send.
    fn unsent(&self) -> usize {
        self.output.len() + self.collected.len()
    }

    /// Whether another request may be taken up.
    fn may_run(&self) -> bool {
        !self.ending
            && self.pause.is_none()
            && self.unsent() < limits::OUTPUT_BYTES_PER_CONNECTION_MAX
            && self.working < limits::WORKING_PER_CONNECTION_MAX
            && self.working_bytes < limits::IN_FLIGHT_BYTES_PER_CONNECTION_MAX
            && self.waiting.len() + self.working < limits::STREAMS_MAX
    }

    fn may_read(&self) -> bool {
        // Who logs in slowly is still watched for going away.
        self.may_run() || (self.pause.is_some() && self.input.is_empty() && !self.ending)
    }

    /// Whether all is said and done.
    fn is_finished(&self) -> bool {
        self.ending && self.working == 0 && self.waiting.is_empty() && self.unsent() == 0
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> std::io::Result<()> {
        let before = self.output.len();
        let written = self.poll_write_all(context);
        let stalled = self.output.len() > READ_BYTES[1];
        let since_micros = &self.peer.unread_since_micros;
        if !stalled {
            since_micros.store(0, Ordering::Relaxed);
        } else if self.output.len() < before || since_micros.load(Ordering::Relaxed) == 0 {
            let now_micros = self.state.clock.monotonic_micros().max(1);
            since_micros.store(now_micros, Ordering::Relaxed);
        }
        written
    }

    fn poll_write_all(&mut self, context: &mut Context<'_>) -> std::io::Result<()> {
        while !self.output.is_empty() {
            match Pin::new(&mut self.stream).poll_write(context, &self.output) {
                Poll::Ready(Ok(0)) => return Err(std::io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(written)) => {
                    self.output.advance(written);
                    self.state.metrics.sent_bytes.add(written as u64);
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => return Ok(()),
            }
        }
        Ok(())
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        if self.input.capacity() - self.input.len() < self.read_bytes / 2 {
            // What is large comes in pieces: each piece doubles the room, so that little is copied.
            self.input.reserve(self.read_bytes.max(self.input.len()));
        }
        let room = self.input.capacity() - self.input.len();
        let read = pin!(self.stream.read_buf(&mut self.input)).poll(context);
        let Poll::Ready(read) = read else {
            self.release();
            return Poll::Pending;
        };
        if let Ok(count) = read {
            self.state.metrics.received_bytes.add(count as u64);
            let [least, most] = READ_BYTES;
            self.read_bytes = match count {
                full if full >= room => (self.read_bytes * 2).min(most),
                little if little < self.read_bytes / 8 => (self.read_bytes / 2).max(least),
                _ => self.read_bytes,
            };
        }
        Poll::Ready(read)
    }

    /// Gives up the buffers that hold nothing: it may be long until they are needed again.
    fn release(&mut self) {
        for buffer in [&mut self.input, &mut self.output, &mut self.collected] {
            if buffer.is_empty() {
                *buffer = BytesMut::new();
            }
        }
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
    }

    /// Brings this connection's share of the server's totals up to date.
    fn count(&mut self) {
        let requests = i64::try_from(self.working + self.waiting.len()).unwrap_or(i64::MAX);
        let change = requests - self.counted.requests;
        if change != 0 {
            self.state.metrics.requests_in_flight.add(change);
            self.counted.requests = requests;
        }
        let waiting: usize = self.output.len();
        recount(
            &self.state.unsent_bytes,
            &mut self.counted.unsent_bytes,
            waiting,
        );
        let held = self.input.len() + self.decoder.held_bytes();
        // What small messages take is bounded by the number of connections.
        let large = if held > READ_BYTES[1] { held } else { 0 };
        recount(
            &self.state.in_flight_bytes,
            &mut self.counted.input_bytes,
            large,
        );
        let since_micros = match large {
            0 => 0,
            // The client cannot help it.
            _ if !self.may_read() => 0,
            _ => self.state.clock.monotonic_micros().max(1),
        };
        self.peer
            .large_input_since_micros
            .store(since_micros, Ordering::Relaxed);
    }

    /// Sends the client away, with what it has sent of a large message, where all together have
    /// sent too much; answers whether it did.
    fn refuse_large_input(&mut self) -> bool {
        if self.counted.input_bytes == 0 || self.state.has_room(0) {
            return false;
        }
        self.state.metrics.overloaded.increment();
        self.ending = true;
        self.input = BytesMut::new();
        self.decoder.give_up();
        let words = "The server holds too many bytes of requests; try again later";
        self.fail(0, Failure::new(ErrorBody::Overloaded, words));
        true
    }

    /// The client has gone, or was sent away: nobody wants what is still at work.
    fn leave(&mut self) {
        let (mail, tasks) = self.peer.close_mailbox();
        let posted = mail.replies.iter().map(|reply| reply.body.len()).sum();
        self.state.unsent_bytes.fetch_sub(posted, Ordering::Relaxed);
        for task in tasks {
            if task.claim() {
                self.state.metrics.abandoned.increment();
            }
            task.interrupt.store(true, Ordering::SeqCst);
        }
        (self.working, self.ending) = (0, true);
        self.waiting.clear();
        for buffer in [&mut self.input, &mut self.output, &mut self.collected] {
            *buffer = BytesMut::new();
        }
        self.decoder = Decoder::new(Limits::default());
        self.count();
        if !self.peer.ready.swap(true, Ordering::SeqCst) {
            self.state.peers.handshakes.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Counts a request that was answered.
    fn count_request(&self, kind: RequestKind, since_micros: i64, now_micros: i64, ended: Counted) {
        let took = u64::try_from(now_micros - since_micros).unwrap_or(0);
        self.state
            .metrics
            .request(kind, Duration::from_micros(took), ended);
    }
}

/// Replaces a share of a total.
fn recount(total: &AtomicUsize, share: &mut usize, now: usize) {
    match now.cmp(share) {
        std::cmp::Ordering::Equal => return,
        std::cmp::Ordering::Greater => total.fetch_add(now - *share, Ordering::Relaxed),
        std::cmp::Ordering::Less => total.fetch_sub(*share - now, Ordering::Relaxed),
    };
    *share = now;
}
