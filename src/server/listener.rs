//! The CQL port: takes in connections.

use crate::error::{Error, Result};
use crate::server::connection;
use crate::server::state::State;
use crate::server::views;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How long to wait when the process has no more file descriptors.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// An open port.
#[derive(Debug)]
pub struct Listener {
    task: JoinHandle<()>,
}

/// Opens a port, without waiting for those of an earlier process to be forgotten.
pub fn bind(address: SocketAddr) -> Result<TcpListener> {
    let opened = std::net::TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    });
    opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => Error::config(format!(
            "{address} is in use: another process listens there"
        )),
        _ => Error::io(&address.to_string(), "listen", &error),
    })
}

impl Listener {
    /// Opens the port and takes in connections from now on.
    pub fn open(address: SocketAddr, state: &Arc<State>) -> Result<Self> {
        let listener = bind(address)?;
        let bound = listener
            .local_addr()
            .map_err(|error| Error::io(&address.to_string(), "listen", &error))?;
        state.set_cql_address(bound);
        let name = state.options.cluster_name.as_deref();
        views::announce(state.database.virtual_tables(), bound, name);
        let task = tokio::spawn(accept(listener, Arc::clone(state)));
        Ok(Self { task })
    }

    /// Closes the port; the connections that it took in stay.
    pub async fn close(self) {
        self.task.abort();
        // That it was cancelled is what we asked for.
        let _ = self.task.await;
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Either the client has gone again, or there are no descriptors left.
                tracing::warn!("cannot take in a connection: {error}");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
                continue;
            }
        };
        let now_micros = state.clock.monotonic_micros();
        let local_address = match stream.local_addr() {
            Ok(local_address) => local_address,
            Err(_) => continue,
        };
        if state.options.listen.ip().is_unspecified() {
            views::reached_at(state.database.virtual_tables(), local_address.ip());
        }
        state.metrics.connections_accepted.increment();
        match state.peers.admit(address, local_address, now_micros) {
            Ok(peer) => {
                // Answers are collected before they are written: to wait for more gains nothing.
                let _ = stream.set_nodelay(true);
                tokio::spawn(connection::serve(stream, peer, Arc::clone(&state)));
            }
            Err(error) => {
                state.metrics.connections_refused.increment();
                tracing::warn!("refused {address}: {error}");
            }
        }
    }
}
