//! Traces of requests: what `system_traces` shows.
//!
//! A request that is traced gets a [`Trace`]; whoever works on it says what happens
//! ([`Trace::event`]), and its end is told by [`Trace::finish`]. Clients then read
//! `system_traces.sessions` until the session has a duration, and its events after that.
//!
//! [`Traces`] keeps them in memory, for 24 hours and within [`limits::TRACES_BYTES_MAX`]: over it
//! the oldest go. A trace that is dropped takes itself off the sum of bytes, so what counts is what
//! is held.

use crate::clock::{SharedClock, SystemClock};
use crate::limits;
use crate::random::Random;
use crate::types::timeuuid;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// How long a trace is kept.
const LIFETIME_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
/// What a session takes beside its texts, in bytes.
const SESSION_BYTES: usize = 256;
/// What an event takes beside its text, in bytes.
const EVENT_BYTES: usize = 96;

/// What is known of a request when its trace begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceRequest {
    /// What is done, in Cassandra's words: `Execute CQL3 query`, `Execute CQL3 prepared query`,
    /// `Execute batch of CQL3 queries`, `Preparing CQL3 query`.
    pub request: String,
    /// `QUERY` for all that clients ask.
    pub command: String,
    /// Who asked.
    pub client: Option<IpAddr>,
    /// Its parameters: `query`, `consistency_level`, `page_size`, `serial_consistency_level`.
    pub parameters: BTreeMap<String, String>,
}

/// Something that happened during a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceEvent {
    /// A timeuuid: events are shown in its order.
    pub id: Uuid,
    /// What happened.
    pub activity: String,
    /// Microseconds since the request began.
    pub elapsed_micros: i32,
    /// The thread that did it.
    pub thread: String,
}

/// One request's trace. Shared between those who work on the request and those who read it.
#[derive(Debug)]
pub struct Trace {
    id: Uuid,
    request: TraceRequest,
    started_at_micros: i64,
    started_monotonic_micros: i64,
    clock: SharedClock,
    progress: Mutex<Progress>,
    /// The bytes of all traces that are held.
    held_bytes: Arc<AtomicUsize>,
}

#[derive(Debug, Default)]
struct Progress {
    events: Vec<TraceEvent>,
    duration_micros: Option<i32>,
    bytes: usize,
}

/// At most this many bytes of `text`, cut between characters.
fn cut(text: String) -> String {
    if text.len() <= limits::TRACE_TEXT_BYTES_MAX {
        return text;
    }
    let mut end = limits::TRACE_TEXT_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &text[..end])
}

impl Trace {
    /// The session's id, as clients are told.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The request.
    pub fn request(&self) -> &TraceRequest {
        &self.request
    }

    /// When the request began, in microseconds since 1970.
    pub fn started_at_micros(&self) -> i64 {
        self.started_at_micros
    }

    /// How long the request took, in microseconds, once it has ended.
    pub fn duration_micros(&self) -> Option<i32> {
        self.progress().duration_micros
    }

    /// What has happened so far.
    pub fn events(&self) -> Vec<TraceEvent> {
        self.progress().events.clone()
    }

    /// Notes that something happened. Past the limit of one trace nothing more is noted.
    pub fn event(&self, activity: impl Into<String>) {
        let activity = cut(activity.into());
        let elapsed_micros = self.elapsed_micros();
        let thread = std::thread::current().name().unwrap_or("main").to_owned();
        let bytes = EVENT_BYTES + activity.len() + thread.len();
        let mut progress = self.progress();
        if progress.bytes.saturating_add(bytes) > limits::TRACE_BYTES_MAX {
            return;
        }
        // One after the other in their ids as well, whatever the clock says.
        let number = u64::try_from(progress.events.len()).unwrap_or(u64::MAX);
        let micros = self.started_at_micros + i64::from(elapsed_micros);
        let id = timeuuid::numbered(micros, number);
        progress.events.push(TraceEvent {
            id: Uuid::from_bytes(id),
            activity,
            elapsed_micros,
            thread,
        });
        progress.bytes += bytes;
        self.held_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Ends the request: its duration is known from now on.
    pub fn finish(&self) {
        let elapsed = self.elapsed_micros();
        self.progress().duration_micros.get_or_insert(elapsed);
    }

    fn elapsed_micros(&self) -> i32 {
        let since = self.clock.monotonic_micros() - self.started_monotonic_micros;
        i32::try_from(since.max(0)).unwrap_or(i32::MAX)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let bytes = self.progress().bytes;
        self.held_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The traces that are kept.
#[derive(Debug)]
pub struct Traces {
    clock: SharedClock,
    random: Arc<Random>,
    kept: Mutex<Kept>,
    held_bytes: Arc<AtomicUsize>,
}

/// What is kept: oldest first. `TRUNCATE` of one table leaves the other as it is.
#[derive(Debug, Default)]
struct Kept {
    sessions: VecDeque<Arc<Trace>>,
    events: VecDeque<Arc<Trace>>,
}

impl Default for Traces {
    fn default() -> Self {
        Self::new(SystemClock::shared(), Arc::new(Random::from_system()))
    }
}

impl Traces {
    /// A store that takes times from `clock` and ids from `random`.
    pub fn new(clock: SharedClock, random: Arc<Random>) -> Self {
        Self {
            clock,
            random,
            kept: Mutex::default(),
            held_bytes: Arc::default(),
        }
    }

    /// Begins the trace of a request. It can be read at once; it has no duration yet.
    pub fn begin(&self, mut request: TraceRequest) -> Arc<Trace> {
        request.request = cut(request.request);
        request.command = cut(request.command);
        let mut bytes = SESSION_BYTES + request.request.len() + request.command.len();
        let mut parameters = BTreeMap::new();
        for (name, value) in std::mem::take(&mut request.parameters) {
            let value = cut(value);
            let more = name.len() + value.len() + EVENT_BYTES;
            if bytes.saturating_add(more) <= limits::TRACE_BYTES_MAX {
                bytes += more;
                parameters.insert(name, value);
            }
        }
        request.parameters = parameters;
        let now_micros = self.clock.now_micros();
        self.held_bytes.fetch_add(bytes, Ordering::Relaxed);
        let trace = Arc::new(Trace {
            id: Uuid::from_bytes(timeuuid::fresh(now_micros, &self.random)),
            request,
            started_at_micros: now_micros,
            started_monotonic_micros: self.clock.monotonic_micros(),
            clock: Arc::clone(&self.clock),
            progress: Mutex::new(Progress {
                bytes,
                ..Progress::default()
            }),
            held_bytes: Arc::clone(&self.held_bytes),
        });
        let mut kept = self.kept();
        kept.sessions.push_back(Arc::clone(&trace));
        kept.events.push_back(Arc::clone(&trace));
        self.forget(&mut kept);
        trace
    }

    /// The sessions that `system_traces.sessions` shows.
    pub fn sessions(&self) -> Vec<Arc<Trace>> {
        let mut kept = self.kept();
        self.forget(&mut kept);
        kept.sessions.iter().cloned().collect()
    }

    /// The sessions whose events `system_traces.events` shows.
    pub fn with_events(&self) -> Vec<Arc<Trace>> {
        let mut kept = self.kept();
        self.forget(&mut kept);
        kept.events.iter().cloned().collect()
    }

    /// Forgets all sessions.
    pub fn truncate_sessions(&self) {
        self.kept().sessions.clear();
    }

    /// Forgets all events.
    pub fn truncate_events(&self) {
        self.kept().events.clear();
    }

    /// The bytes of the traces that are held.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes.load(Ordering::Relaxed)
    }

    /// Lets go of what is too old, and of the oldest while there is too much.
    fn forget(&self, kept: &mut Kept) {
        let oldest_micros = self.clock.now_micros().saturating_sub(LIFETIME_MICROS);
        let Kept { sessions, events } = kept;
        for queue in [&mut *sessions, &mut *events] {
            while queue
                .front()
                .is_some_and(|trace| trace.started_at_micros <= oldest_micros)
            {
                queue.pop_front();
            }
        }
        while self.held_bytes() > limits::TRACES_BYTES_MAX {
            let session = sessions.front().map(|trace| trace.started_at_micros);
            let event = events.front().map(|trace| trace.started_at_micros);
            match (session, event) {
                (None, None) => break,
                (Some(session), Some(event)) if session == event => {
                    sessions.pop_front();
                    events.pop_front();
                }
                (Some(session), Some(event)) if session > event => drop(events.pop_front()),
                (Some(_), _) => drop(sessions.pop_front()),
                (None, Some(_)) => drop(events.pop_front()),
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::VirtualClock;

    fn request(query: &str) -> TraceRequest {
        TraceRequest {
            request: "Execute CQL3 query".to_owned(),
            command: "QUERY".to_owned(),
            client: None,
            parameters: BTreeMap::from([("query".to_owned(), query.to_owned())]),
        }
    }

    fn traces() -> (Arc<VirtualClock>, Traces) {
        let clock = VirtualClock::shared(1_000_000);
        let traces = Traces::new(clock.clone(), Arc::new(Random::seeded(1)));
        (clock, traces)
    }

    #[test]
    fn a_trace_tells_what_happened_and_how_long_it_took() {
        let (clock, traces) = traces();
        let trace = traces.begin(request("SELECT 1"));
        assert_eq!(trace.duration_micros(), None);
        trace.event("Parsing");
        clock.advance_micros(250);
        trace.event("Reading");
        trace.event("Reading more");
        clock.advance_micros(50);
        trace.finish();
        clock.advance_micros(50);
        trace.finish();
        assert_eq!(trace.duration_micros(), Some(300));
        let events = trace.events();
        let told: Vec<(&str, i32)> = events
            .iter()
            .map(|event| (event.activity.as_str(), event.elapsed_micros))
            .collect();
        assert_eq!(
            told,
            [("Parsing", 0), ("Reading", 250), ("Reading more", 250)]
        );
        assert_eq!(trace.started_at_micros(), 1_000_000);
        for event in &events {
            assert_eq!(event.id.get_version_num(), 1);
        }
        assert_eq!(traces.sessions()[0].id(), trace.id());
    }

    #[test]
    fn traces_are_gone_after_a_day() {
        let (clock, traces) = traces();
        traces.begin(request("old"));
        clock.advance_micros(LIFETIME_MICROS - 1);
        let young = traces.begin(request("young"));
        assert_eq!(traces.sessions().len(), 2);
        clock.advance_micros(1);
        assert_eq!(traces.sessions().len(), 1);
        assert_eq!(traces.with_events()[0].id(), young.id());
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let (_, traces) = traces();
        let text = "x".repeat(limits::TRACE_TEXT_BYTES_MAX);
        let mut last = None;
        for _ in 0..2 * limits::TRACES_BYTES_MAX / limits::TRACE_TEXT_BYTES_MAX {
            let trace = traces.begin(request(&text));
            trace.event("something");
            last = Some(trace.id());
        }
        assert!(traces.held_bytes() <= limits::TRACES_BYTES_MAX + limits::TRACE_BYTES_MAX);
        let sessions = traces.sessions();
        assert_eq!(sessions.last().map(|trace| trace.id()), last);
        assert!(sessions.len() > limits::TRACES_BYTES_MAX / limits::TRACE_TEXT_BYTES_MAX / 2);
        drop(sessions);
        traces.truncate_sessions();
        assert!(!traces.with_events().is_empty());
        traces.truncate_events();
        assert_eq!(traces.held_bytes(), 0);
    }

    #[test]
    fn one_trace_is_bounded() {
        let (_, traces) = traces();
        // At the limit a text stays whole, above it is cut between characters.
        let whole = "x".repeat(limits::TRACE_TEXT_BYTES_MAX);
        let long = format!("{}é", "x".repeat(limits::TRACE_TEXT_BYTES_MAX - 1));
        let trace = traces.begin(request(&whole));
        assert_eq!(trace.request().parameters["query"], whole);
        let trace = traces.begin(request(&long));
        assert!(trace.request().parameters["query"].ends_with("xx..."));
        for _ in 0..limits::TRACE_BYTES_MAX {
            trace.event("again");
        }
        let held = trace.events().len() * EVENT_BYTES;
        assert!(held <= limits::TRACE_BYTES_MAX);
        assert!(held > limits::TRACE_BYTES_MAX / 2);
    }
}
