//! What a server is told when it starts.

use crate::access::{AllowAll, Authenticator};
use crate::limits;
use crate::session::{Door, Files, Routing};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The port of the native protocol.
pub const CQL_PORT: u16 = 9042;
/// The port of metrics and administration.
pub const HTTP_PORT: u16 = 9180;

/// The settings of a server, with defaults that work.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Where CQL is served. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where metrics and administration are served; none leaves them out.
    pub http_listen: Option<SocketAddr>,
    /// Whether an HTTP address that is in use keeps the server from starting.
    pub http_required: bool,
    /// Where PostgreSQL's protocol is served; none leaves it out.
    pub pg_listen: Option<SocketAddr>,
    /// The cluster's name, as clients see it.
    pub cluster_name: Option<String>,
    /// Who may connect.
    pub authenticator: Arc<dyn Authenticator>,
    /// The threads that serve the network; none means one for each processor.
    pub network_threads: Option<usize>,
    /// The most threads that do what must wait: for the disk, for locks, for the schema.
    pub workers_max: usize,
    /// The most requests that wait for one of them; one more is answered OVERLOADED.
    pub queue_max: usize,
    /// The most connections.
    pub connections_max: usize,
    /// The most connections from one address.
    pub connections_per_address_max: usize,
    /// The largest frame, in bytes.
    pub frame_bytes_max: usize,
    /// How long a read of named partitions may take.
    pub read_timeout: Duration,
    /// How long a read of a range of partitions may take.
    pub range_timeout: Duration,
    /// How long a write may take.
    pub write_timeout: Duration,
    /// How long a truncation or a change of the schema may take.
    pub truncate_timeout: Duration,
    /// How long a client may take until it is ready to ask.
    pub handshake_timeout: Duration,
    /// How long a client may be silent within a large message, or leave a large answer unread that
    /// others need the room of.
    pub silence_timeout: Duration,
    /// How long a stopping server waits for what it accepted.
    pub drain_timeout: Duration,
    /// How batch SQL is told from CQL.
    pub sql_routing: Routing,
    /// Below which directory batch SQL may read files; none: nowhere.
    pub files_dir: Option<PathBuf>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            listen: loopback(CQL_PORT),
            http_listen: Some(loopback(HTTP_PORT)),
            http_required: false,
            pg_listen: None,
            cluster_name: None,
            authenticator: Arc::new(AllowAll),
            network_threads: None,
            workers_max: limits::WORKERS_MAX,
            queue_max: limits::QUEUED_REQUESTS_MAX,
            connections_max: limits::CONNECTIONS_MAX,
            connections_per_address_max: limits::CONNECTIONS_PER_ADDRESS_MAX,
            frame_bytes_max: limits::FRAME_BYTES_MAX,
            read_timeout: Duration::from_secs(5),
            range_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(2),
            truncate_timeout: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(15),
            silence_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(30),
            sql_routing: Routing::Explicit,
            files_dir: None,
        }
    }
}

impl ServerOptions {
    /// By which door clients come in.
    pub fn door(&self) -> Door {
        Door {
            routing: self.sql_routing,
            files: self.files_dir.clone().map_or(Files::None, Files::Below),
            shared: true,
        }
    }

    /// For tests: free ports on the loopback address.
    pub fn on_free_ports() -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            listen: free,
            http_listen: Some(free),
            ..Self::default()
        }
    }
}
