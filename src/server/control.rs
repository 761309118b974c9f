//! What administration may see of a running server, and do with it.

use crate::database::Database;
use crate::error::{Error, Result};
use crate::protocol::response::StatusChange;
use crate::server::events;
use crate::server::listener::Listener;
use crate::server::metrics::Metrics;
use crate::server::options::ServerOptions;
use crate::server::peer::{Ending, Peer};
use crate::server::state::State;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What administration may see of a running server, and do with it. Cheap to clone. The methods
/// that wait run on the server's own runtime.
#[derive(Clone, Debug)]
pub struct Control {
    state: Arc<State>,
    listener: Arc<tokio::sync::Mutex<Option<Listener>>>,
    drained: Arc<AtomicBool>,
}

impl Control {
    /// The control of the server that has this state.
    pub(super) fn new(state: Arc<State>) -> Self {
        Self {
            state,
            listener: Arc::default(),
            drained: Arc::default(),
        }
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.state.database
    }

    /// What the server counts.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.state.metrics
    }

    /// What the server was told.
    pub fn options(&self) -> &ServerOptions {
        &self.state.options
    }

    /// Where CQL is (or was last) served.
    pub fn cql_address(&self) -> Option<SocketAddr> {
        self.state.cql_address()
    }

    /// How long the server has been running.
    pub fn uptime(&self) -> Duration {
        let micros = self.state.clock.monotonic_micros() - self.state.started_at_micros;
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    /// The bytes of all requests that are accepted and not answered.
    pub fn in_flight_bytes(&self) -> usize {
        self.state.in_flight_bytes.load(Ordering::Relaxed)
    }

    /// The open connections, oldest first.
    pub fn connections(&self) -> Vec<Arc<Peer>> {
        self.state.peers.all()
    }

    /// Whether clients can connect.
    pub async fn is_binary_enabled(&self) -> bool {
        self.listener.lock().await.is_some()
    }

    /// Whether the server was drained: it takes no requests until it is started again.
    pub fn is_drained(&self) -> bool {
        self.drained.load(Ordering::SeqCst)
    }

    /// Closes the CQL port and all connections, once they have answered what they accepted.
    pub async fn disable_binary(&self) {
        let mut listener = self.listener.lock().await;
        if let Some(listener) = listener.take() {
            listener.close().await;
            self.tell_status(StatusChange::Down);
        }
        self.close_connections(self.state.options.drain_timeout)
            .await;
    }

    /// Opens the CQL port (again).
    pub async fn enable_binary(&self) -> Result<()> {
        if self.is_drained() {
            return Err(Error::invalid(
                "The server was drained; start it again to serve clients",
            ));
        }
        let mut listener = self.listener.lock().await;
        if listener.is_none() {
            // The port that was given out last is kept, also where any free one was asked for.
            let known = self.state.cql_address();
            let address = known.unwrap_or(self.state.options.listen);
            *listener = Some(Listener::open(address, &self.state)?);
            self.tell_status(StatusChange::Up);
        }
        Ok(())
    }

    /// Tells those who registered for it that this node answers, or does not any more.
    fn tell_status(&self, change: StatusChange) {
        let facts = self.state.database.virtual_tables().node_facts();
        let node = SocketAddr::new(facts.rpc_address, facts.rpc_port);
        let event = events::status(change, node);
        events::broadcast(&self.state.peers, &self.state.metrics, &event);
    }

    /// Stops serving clients and writes all memtables to disk, so that the next start has nothing
    /// to replay.
    pub async fn drain(&self) -> Result<()> {
        self.drained.store(true, Ordering::SeqCst);
        self.disable_binary().await;
        let engine = self.state.database.engine().clone();
        tokio::task::spawn_blocking(move || engine.flush(None))
            .await
            .map_err(|_| Error::internal("draining was interrupted"))?
    }

    /// Lets the connections finish, for so long, and ends those that have not by then.
    async fn close_connections(&self, patience: Duration) {
        let peers = &self.state.peers;
        for peer in peers.all() {
            peer.end(Ending::Graceful);
        }
        let all_gone = async {
            loop {
                let closed = peers.closed.notified();
                if peers.count() == 0 {
                    return;
                }
                closed.await;
            }
        };
        if tokio::time::timeout(patience, all_gone).await.is_err() {
            for peer in peers.all() {
                peer.end(Ending::Now);
            }
        }
    }
}
