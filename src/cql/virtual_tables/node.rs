//! What the node tells of itself: `system.local`, and what others would hear by gossip.

use crate::cql::result::RowValues;
use crate::cql::virtual_tables::{Sources, row};
use crate::error::Result;
use crate::schema::Table;
use crate::storage::Engine;
use crate::types::Value;
use std::net::SocketAddr;
use uuid::Uuid;

/// The cluster's name.
pub const CLUSTER_NAME: &str = "helenus";
/// The partitioner's class.
pub const PARTITIONER: &str = "org.apache.cassandra.dht.Murmur3Partitioner";
/// The version of CQL that is spoken.
pub const CQL_VERSION: &str = "3.4.7";
/// The release of Cassandra whose behaviour clients may expect: they choose their queries by it.
pub const RELEASE_VERSION: &str = "5.0.0";
/// The newest version of the native protocol.
const NATIVE_PROTOCOL_VERSION: &str = "5";
/// The one token: a single node owns the whole ring whatever it is.
pub const TOKEN: &str = "0";
/// The rack's name.
pub const RACK: &str = "rack1";

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// The version of the schema: another one after each change, and of each database.
fn schema_version(engine: &Engine) -> Uuid {
    let mut bytes = *engine.host_id().as_bytes();
    bytes[8..].copy_from_slice(&engine.catalog().version.to_be_bytes());
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// `system.local`.
pub fn local(sources: &Sources<'_>, table: &Table) -> Result<Vec<RowValues>> {
    let facts = sources.registry.node_facts();
    let listen = Value::Inet(facts.listen_address);
    let storage_port = Value::Int(i32::from(facts.storage_port));
    let generation = i32::try_from(facts.started_at_seconds).unwrap_or(i32::MAX);
    let local = row(
        table,
        &[
            ("key", text("local")),
            ("bootstrapped", text("COMPLETED")),
            ("broadcast_address", listen.clone()),
            ("broadcast_port", storage_port.clone()),
            ("cluster_name", text(&facts.cluster_name)),
            ("cql_version", text(CQL_VERSION)),
            ("data_center", text(&facts.data_center)),
            ("gossip_generation", Value::Int(generation)),
            ("host_id", Value::Uuid(sources.engine.host_id())),
            ("listen_address", listen),
            ("listen_port", storage_port),
            ("native_protocol_version", text(NATIVE_PROTOCOL_VERSION)),
            ("partitioner", text(PARTITIONER)),
            ("rack", text(&facts.rack)),
            ("release_version", text(RELEASE_VERSION)),
            ("rpc_address", Value::Inet(facts.rpc_address)),
            ("rpc_port", Value::Int(i32::from(facts.rpc_port))),
            (
                "schema_version",
                Value::Uuid(schema_version(sources.engine)),
            ),
            ("tokens", Value::Set(vec![text(TOKEN)])),
            ("helenus_version", text(env!("CARGO_PKG_VERSION"))),
        ],
    )?;
    Ok(vec![local])
}

/// `system_views.gossip_info`: what the node would tell others of itself.
pub fn gossip_info(sources: &Sources<'_>, table: &Table) -> Result<Vec<RowValues>> {
    let facts = sources.registry.node_facts();
    let generation = i32::try_from(facts.started_at_seconds).unwrap_or(i32::MAX);
    let now_seconds = sources.engine.clock().now_seconds();
    let beats = now_seconds.saturating_sub(facts.started_at_seconds);
    let status = text(&format!("NORMAL,{TOKEN}"));
    let native = SocketAddr::new(facts.rpc_address, facts.rpc_port);
    let load = sources.engine.figures().disk_bytes;
    let info = row(
        table,
        &[
            ("address", Value::Inet(facts.listen_address)),
            ("port", Value::Int(i32::from(facts.storage_port))),
            ("dc", text(&facts.data_center)),
            ("generation", Value::Int(generation)),
            (
                "heartbeat",
                Value::Int(i32::try_from(beats).unwrap_or(i32::MAX)),
            ),
            ("host_id", text(&sources.engine.host_id().to_string())),
            ("load", text(&format!("{load}.0"))),
            ("native_address_and_port", text(&native.to_string())),
            ("rack", text(&facts.rack)),
            ("release_version", text(RELEASE_VERSION)),
            ("rpc_address", text(&facts.rpc_address.to_string())),
            ("rpc_ready", text("true")),
            ("schema", text(&schema_version(sources.engine).to_string())),
            ("status", status.clone()),
            ("status_with_port", status),
        ],
    )?;
    Ok(vec![info])
}

/// `system_views.system_properties`: of the program and its machine.
pub fn system_properties(table: &Table) -> Result<Vec<RowValues>> {
    [
        ("cassandra.version", RELEASE_VERSION),
        ("helenus.version", env!("CARGO_PKG_VERSION")),
        ("os.arch", std::env::consts::ARCH),
        ("os.name", std::env::consts::OS),
    ]
    .iter()
    .map(|(name, value)| row(table, &[("name", text(name)), ("value", text(value))]))
    .collect()
}
