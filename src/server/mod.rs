//! The network server: Cassandra's native protocol for clients, HTTP for those who run it.
//!
//! | module | concept |
//! |---|---|
//! | [`options`], [`settings`] | what a server is told, and the file that tells it |
//! | [`state`] | what all parts share |
//! | [`listener`] | the CQL port |
//! | [`connection`] | one client's task: handshake, requests, answers that wait for the log |
//! | `pg` | the PostgreSQL door |
//! | [`dispatch`] | from a request to its outcome, on whichever thread |
//! | [`reply`], [`failure`] | the outcome as it is written |
//! | [`workers`] | the threads that may wait |
//! | [`peer`] | a connection as others see it: its mailbox |
//! | [`events`], [`timer`] | what clients are told unasked; who has taken too long |
//! | [`views`] | what the system's tables show of the server |
//! | [`control`], [`admin`], [`http`], [`metrics`], [`logging`] | administration |
//!
//! How they work together is drawn in [`crate::manual::server`].

pub mod admin;
pub mod connection;
pub mod control;
pub mod dispatch;
pub mod events;
pub mod failure;
pub mod http;
pub mod listener;
pub mod logging;
pub mod metrics;
pub mod options;
pub mod peer;
#[cfg(feature = "analytics")]
pub mod pg;
pub mod reply;
pub mod room;
pub mod settings;
pub mod state;
pub mod timer;
pub mod views;
pub mod workers;

use crate::database::Database;
use crate::error::{Error, Result};
use crate::server::control::Control;
use crate::server::options::ServerOptions;
use crate::server::state::State;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// A running server.
#[derive(Debug)]
pub struct Server {
    runtime: Runtime,
    control: Control,
    state: Arc<State>,
    #[cfg(feature = "analytics")]
    pg: Option<pg::Door>,
}

impl Server {
    /// Starts to serve `database`.
    pub fn start(database: Database, options: ServerOptions) -> Result<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        if let Some(threads) = options.network_threads {
            builder.worker_threads(threads.max(1));
        }
        let runtime = builder
            .thread_name("network")
            .enable_all()
            .build()
            .map_err(|error| Error::io("the network's threads", "start", &error))?;
        let state = Arc::new(State::new(database, options));
        let control = Control::new(Arc::clone(&state));
        runtime.block_on(open_http(&control, &state))?;
        let waiters = Arc::clone(&state.sync_waiters);
        state
            .database
            .engine()
            .on_sync(Arc::new(move || waiters.wake()));
        runtime.spawn(timer::run(Arc::downgrade(&state)));
        views::register(&state);
        #[cfg(feature = "analytics")]
        let pg = match state.options.pg_listen {
            Some(address) => Some(pg::Door::open(address, &state)?),
            None => None,
        };
        #[cfg(not(feature = "analytics"))]
        if state.options.pg_listen.is_some() {
            return Err(Error::config(
                "this build has no PostgreSQL door (feature analytics)",
            ));
        }
        let started = runtime.block_on(control.enable_binary());
        #[cfg(feature = "analytics")]
        let pg = match (started, pg) {
            (Ok(_), pg) => pg,
            (Err(error), pg) => {
                if let Some(pg) = pg {
                    pg.close();
                }
                return Err(error);
            }
        };
        #[cfg(not(feature = "analytics"))]
        started?;
        Ok(Self {
            runtime,
            control,
            state,
            #[cfg(feature = "analytics")]
            pg,
        })
    }

    /// Where CQL is served.
    pub fn local_addr(&self) -> SocketAddr {
        let address = self.state.cql_address();
        address.unwrap_or(self.state.options.listen)
    }

    /// Where metrics and administration are served, if they are.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.state.http_address()
    }

    /// Where the PostgreSQL door is, if it is open.
    #[cfg(feature = "analytics")]
    pub fn pg_addr(&self) -> Option<SocketAddr> {
        self.pg.as_ref().map(pg::Door::address)
    }

    /// Where the PostgreSQL door is: this build has none.
    #[cfg(not(feature = "analytics"))]
    pub fn pg_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// What administration may see and do.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Runs something of the control's that waits, on the server's own runtime.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Finishes what was accepted, and closes the ports and the database.
    pub fn stop(self) -> Result<()> {
        #[cfg(feature = "analytics")]
        if let Some(pg) = self.pg {
            pg.close();
        }
        self.runtime.block_on(self.control.disable_binary());
        self.state.workers.stop();
        views::unregister(&self.state);
        self.runtime.shutdown_background();
        self.state.database.close()
    }
}

/// Opens the port of metrics and administration, if one is wanted. Where it is the default one, a
/// server without it is better than none.
async fn open_http(control: &Control, state: &State) -> Result<()> {
    let Some(address) = state.options.http_listen else {
        return Ok(());
    };
    let listener = match listener::bind(address) {
        Ok(listener) => listener,
        Err(error) if state.options.http_required => return Err(error),
        Err(error) => {
            tracing::warn!("no metrics, no administration: {error}");
            return Ok(());
        }
    };
    let bound = listener
        .local_addr()
        .map_err(|error| Error::io(&address.to_string(), "listen", &error))?;
    state.set_http_address(bound);
    tokio::spawn(http::serve(listener, control.clone()));
    Ok(())
}
