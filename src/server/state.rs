//! What all parts of a running server share.

use crate::clock::SharedClock;
use crate::database::Database;
use crate::limits;
use crate::server::metrics::Metrics;
use crate::server::options::ServerOptions;
use crate::server::peer::{Peer, Peers};
use crate::server::workers::{LongTexts, Workers};
use crate::session::Shared;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What all parts of a running server share.
#[derive(Debug)]
pub struct State {
    /// The database.
    pub database: Database,
    /// How it speaks to the database.
    pub shared: Shared,
    /// What it was told.
    pub options: ServerOptions,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// The open connections.
    pub peers: Peers,
    /// The threads that may wait.
    pub workers: Arc<Workers>,
    /// The long texts that they work on.
    pub long_texts: LongTexts,
    /// The connections that wait for the commit log.
    pub sync_waiters: Arc<SyncWaiters>,
    /// The bytes of the requests that worker threads have or shall have.
    pub in_flight_bytes: AtomicUsize,
    /// The bytes of answers that are not sent yet.
    pub unsent_bytes: Arc<AtomicUsize>,
    /// Time.
    pub clock: SharedClock,
    /// When it started, in microseconds of the monotonic clock.
    pub started_at_micros: i64,
    next_task: AtomicU64,
    addresses: Mutex<Addresses>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Addresses {
    cql: Option<SocketAddr>,
    http: Option<SocketAddr>,
}

impl State {
    /// The state of a server that is about to start.
    pub fn new(database: Database, options: ServerOptions) -> Self {
        let clock = database.engine().clock();
        Self {
            peers: Peers::new(options.connections_max, options.connections_per_address_max),
            workers: Workers::new(options.workers_max, options.queue_max),
            long_texts: LongTexts::default(),
            sync_waiters: Arc::default(),
            in_flight_bytes: AtomicUsize::new(0),
            unsent_bytes: Arc::default(),
            started_at_micros: clock.monotonic_micros(),
            clock,
            shared: database.shared().through(options.door()),
            database,
            options,
            metrics: Arc::default(),
            next_task: AtomicU64::new(0),
            addresses: Mutex::default(),
        }
    }

    /// A number for a task.
    pub fn next_task(&self) -> u64 {
        self.next_task.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether a request of so many bytes can be kept for a worker thread.
    pub fn has_room(&self, bytes: usize) -> bool {
        let held = self.in_flight_bytes.load(Ordering::Relaxed);
        held.saturating_add(bytes) <= limits::IN_FLIGHT_BYTES_MAX && self.may_answer()
    }

    /// Whether there is room for more answers.
    pub fn may_answer(&self) -> bool {
        self.unsent_bytes.load(Ordering::Relaxed) <= limits::OUTPUT_BYTES_MAX
    }

    /// Where CQL is served, once it is.
    pub fn cql_address(&self) -> Option<SocketAddr> {
        self.lock().cql
    }

    /// Where metrics and administration are served, if they are.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.lock().http
    }

    /// Notes where CQL is served.
    pub fn set_cql_address(&self, address: SocketAddr) {
        self.lock().cql = Some(address);
    }

    /// Notes where metrics and administration are served.
    pub fn set_http_address(&self, address: SocketAddr) {
        self.lock().http = Some(address);
    }

    fn lock(&self) -> MutexGuard<'_, Addresses> {
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connections that wait until the commit log is synced. Each sync wakes those that wait, and
/// nobody else.
#[derive(Debug, Default)]
pub struct SyncWaiters {
    waiting: Mutex<Vec<Arc<Peer>>>,
}

impl SyncWaiters {
    /// Has `peer` woken at the next sync. It must look afterwards whether that was already.
    pub fn enlist(&self, peer: &Arc<Peer>) {
        if !peer.awaits_sync.swap(true, Ordering::SeqCst) {
            self.lock().push(Arc::clone(peer));
        }
    }

    /// The log was synced, or has failed: wakes all who wait.
    pub fn wake(&self) {
        let waiting = std::mem::take(&mut *self.lock());
        for peer in waiting {
            peer.awaits_sync.store(false, Ordering::SeqCst);
            peer.ring();
        }
    }

    /// Whether anybody waits.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Peer>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
