//! What the node tells of itself: `system.local` and `system_views.settings`.

use crate::cql::result::RowValues;
use crate::cql::virtual_tables::row;
use crate::error::Result;
use crate::schema::{DATA_CENTER, Table};
use crate::storage::Engine;
use crate::types::Value;
use std::net::{IpAddr, Ipv4Addr};
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
const RACK: &str = "rack1";
const STORAGE_PORT: i32 = 7000;
const NATIVE_PORT: i32 = 9042;

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A uuid of our own making: a name and a number.
fn named_uuid(name: [u8; 8], number: u64) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&name);
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

pub fn local(engine: &Engine, table: &Table) -> Result<Vec<RowValues>> {
    let loopback = Value::Inet(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let schema_version = named_uuid(*b"helenus/", engine.catalog().version);
    let local = row(
        table,
        &[
            ("key", text("local")),
            ("bootstrapped", text("COMPLETED")),
            ("broadcast_address", loopback.clone()),
            ("broadcast_port", Value::Int(STORAGE_PORT)),
            ("cluster_name", text(CLUSTER_NAME)),
            ("cql_version", text(CQL_VERSION)),
            ("data_center", text(DATA_CENTER)),
            ("gossip_generation", Value::Int(0)),
            ("host_id", Value::Uuid(named_uuid(*b"helenus-", 0))),
            ("listen_address", loopback.clone()),
            ("listen_port", Value::Int(STORAGE_PORT)),
            ("native_protocol_version", text(NATIVE_PROTOCOL_VERSION)),
            ("partitioner", text(PARTITIONER)),
            ("rack", text(RACK)),
            ("release_version", text(RELEASE_VERSION)),
            ("rpc_address", loopback),
            ("rpc_port", Value::Int(NATIVE_PORT)),
            ("schema_version", Value::Uuid(schema_version)),
            ("tokens", Value::Set(vec![text(TOKEN)])),
            ("helenus_version", text(env!("CARGO_PKG_VERSION"))),
        ],
    )?;
    Ok(vec![local])
}

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
