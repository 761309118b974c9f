//! What the server tells the system's tables: who is connected, how busy it is, how it is set.

use crate::cql::virtual_tables::{NamedValues, Registry};
use crate::error::Result;
use crate::server::peer::Peer;
use crate::server::state::State;
use crate::types::Value;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

/// Rows of a table, made from the server's state.
type Provider = fn(&State) -> Vec<NamedValues>;

const PROVIDERS: [(&str, Provider); 3] = [
    ("clients", clients),
    ("thread_pools", thread_pools),
    ("settings", settings),
];

/// From now on the tables show this server. (They hold it weakly: it holds them, in the end.)
pub fn register(state: &Arc<State>) {
    let registry = state.database.virtual_tables();
    for (table, provider) in PROVIDERS {
        let state: Weak<State> = Arc::downgrade(state);
        let rows = move |_: &_, _: &_| -> Result<Vec<NamedValues>> {
            Ok(state
                .upgrade()
                .map_or_else(Vec::new, |state| provider(&state)))
        };
        registry.register("system_views", table, Arc::new(rows));
    }
}

/// The tables show no server any more.
pub fn unregister(state: &State) {
    for (table, _) in PROVIDERS {
        let registry = state.database.virtual_tables();
        registry.unregister("system_views", table);
    }
}

/// Tells clients where the server is reached: at `bound`, or where that is every address of the
/// machine, at the loopback address until somebody has connected to another.
pub fn announce(registry: &Registry, bound: SocketAddr, cluster_name: Option<&str>) {
    let mut facts = (*registry.node_facts()).clone();
    if let Some(name) = cluster_name {
        name.clone_into(&mut facts.cluster_name);
    }
    facts.rpc_port = bound.port();
    facts.rpc_address = match bound.ip() {
        ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        ip => ip,
    };
    facts.listen_address = facts.rpc_address;
    registry.set_node_facts(facts);
}

/// A client has reached the server at `ip`: that is what clients are told from now on.
pub fn reached_at(registry: &Registry, ip: IpAddr) {
    let ip = ip.to_canonical();
    let facts = registry.node_facts();
    if facts.rpc_address != ip {
        let mut facts = (*facts).clone();
        facts.rpc_address = ip;
        facts.listen_address = ip;
        registry.set_node_facts(facts);
    }
}

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

fn int(number: usize) -> Value {
    Value::Int(i32::try_from(number).unwrap_or(i32::MAX))
}

fn bigint(number: u64) -> Value {
    Value::BigInt(i64::try_from(number).unwrap_or(i64::MAX))
}

fn clients(state: &State) -> Vec<NamedValues> {
    state.peers.all().iter().map(|peer| client(peer)).collect()
}

fn client(peer: &Peer) -> NamedValues {
    let mut facts = peer.facts();
    facts.options.sort();
    let option = |name: &str| facts.option(name).map_or(Value::Null, text);
    let options: Vec<(Value, Value)> = facts
        .options
        .iter()
        .map(|(name, value)| (text(name), text(value)))
        .collect();
    let ready = peer.ready.load(Ordering::Relaxed);
    let address = peer.address.ip().to_canonical();
    vec![
        ("address", Value::Inet(address)),
        ("port", int(usize::from(peer.address.port()))),
        (
            "connection_stage",
            text(if ready { "ready" } else { "established" }),
        ),
        ("driver_name", option("DRIVER_NAME")),
        ("driver_version", option("DRIVER_VERSION")),
        ("client_options", Value::Map(options)),
        // No name service is asked.
        ("hostname", text(address.to_string())),
        (
            "keyspace_name",
            facts.keyspace.as_deref().map_or(Value::Null, text),
        ),
        ("protocol_version", int(usize::from(facts.protocol_version))),
        (
            "request_count",
            bigint(peer.requests.load(Ordering::Relaxed)),
        ),
        ("ssl_enabled", Value::Boolean(false)),
        (
            "username",
            text(facts.user.unwrap_or_else(|| "anonymous".to_owned())),
        ),
    ]
}

fn thread_pools(state: &State) -> Vec<NamedValues> {
    let metrics = &state.metrics;
    vec![vec![
        ("name", text("Native-Transport-Requests")),
        ("active_tasks", int(state.workers.busy())),
        ("active_tasks_limit", int(state.workers.threads_max())),
        ("pending_tasks", int(state.workers.queued())),
        ("blocked_tasks", bigint(0)),
        ("blocked_tasks_all_time", bigint(metrics.overloaded.get())),
        ("completed_tasks", bigint(metrics.requests_worked.get())),
    ]]
}

fn settings(state: &State) -> Vec<NamedValues> {
    let options = &state.options;
    let config = state.database.engine().config();
    let address = state.cql_address().unwrap_or(options.listen);
    let authenticator = options
        .authenticator
        .class_name()
        .and_then(|class| class.rsplit('.').next())
        .unwrap_or("AllowAllAuthenticator");
    let millis = |duration: std::time::Duration| format!("{}ms", duration.as_millis());
    let rows = [
        ("rpc_address", address.ip().to_string()),
        ("native_transport_port", address.port().to_string()),
        ("authenticator", authenticator.to_owned()),
        (
            "commitlog_sync",
            format!("{:?}", config.commitlog_sync).to_lowercase(),
        ),
        (
            "commitlog_sync_period",
            format!("{}ms", config.commitlog_sync_period_ms),
        ),
        ("read_request_timeout", millis(options.read_timeout)),
        ("range_request_timeout", millis(options.range_timeout)),
        ("write_request_timeout", millis(options.write_timeout)),
        ("truncate_request_timeout", millis(options.truncate_timeout)),
        (
            "native_transport_max_frame_size",
            format!("{}B", options.frame_bytes_max),
        ),
        (
            "native_transport_max_threads",
            options.workers_max.to_string(),
        ),
        (
            "native_transport_max_concurrent_connections",
            options.connections_max.to_string(),
        ),
        (
            "native_transport_max_concurrent_connections_per_ip",
            options.connections_per_address_max.to_string(),
        ),
    ];
    rows.into_iter()
        .map(|(name, value)| vec![("name", text(name)), ("value", text(value))])
        .collect()
}
