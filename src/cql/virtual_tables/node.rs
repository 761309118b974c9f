//! What the node tells of itself: `system.local` and `system_views.settings`.

use crate::cql::result::RowValues;
use crate::cql::virtual_tables::{Sources, row};
use crate::error::Result;
use crate::schema::Table;
use crate::storage::Engine;
use crate::types::Value;
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

/// `system_views.settings`.
pub fn settings(table: &Table) -> Result<Vec<RowValues>> {
    [
        ("cluster_name", CLUSTER_NAME),
        ("partitioner", PARTITIONER),
        ("native_transport_port", "9042"),
    ]
    .iter()
    .map(|(name, value)| row(table, &[("name", text(name)), ("value", text(value))]))
    .collect()
}
