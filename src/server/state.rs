//! What all parts of a running server share.

use crate::clock::SharedClock;
use crate::database::Database;
use crate::server::metrics::Metrics;
use crate::server::options::ServerOptions;
use crate::server::peer::Peers;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// What all parts of a running server share.
#[derive(Debug)]
pub struct State {
    /// The database.
    pub database: Database,
    /// What it was told.
    pub options: ServerOptions,
    /// What it counts.
    pub metrics: Arc<Metrics>,
    /// The open connections.
    pub peers: Peers,
    /// Time.
    pub clock: SharedClock,
    /// When it started, in microseconds of the monotonic clock.
    pub started_at_micros: i64,
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
            started_at_micros: clock.monotonic_micros(),
            clock,
            database,
            options,
            metrics: Arc::default(),
            addresses: Mutex::default(),
        }
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

    fn lock(&self) -> std::sync::MutexGuard<'_, Addresses> {
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
