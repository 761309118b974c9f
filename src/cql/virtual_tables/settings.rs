//! `system_views.settings`: what the node was started with, under Cassandra's names where the
//! meaning is the same, and with `helenus_` before them where it is our own.

use crate::config::CommitlogSync;
use crate::cql::result::RowValues;
use crate::cql::virtual_tables::{PARTITIONER, Sources, row};
use crate::error::Result;
use crate::limits;
use crate::schema::Table;
use crate::types::Value;

/// A size as Cassandra writes it: in the largest unit that divides it.
fn size(bytes: u64) -> String {
    match bytes {
        0 => "0B".to_owned(),
        _ if bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{}KiB", bytes >> 10),
        _ => format!("{bytes}B"),
    }
}

/// The rows of `settings`, of what this layer knows.
pub fn rows(sources: &Sources<'_>, table: &Table) -> Result<Vec<RowValues>> {
    let config = sources.engine.config();
    let facts = sources.registry.node_facts();
    let sync = match config.commitlog_sync {
        CommitlogSync::Group => "group",
        CommitlogSync::Batch => "batch",
        CommitlogSync::Periodic => "periodic",
    };
    let bytes = |bytes: usize| size(bytes as u64);
    let settings = [
        ("cluster_name", facts.cluster_name.clone()),
        (
            "commitlog_segment_size",
            size(config.commitlog_segment_bytes),
        ),
        ("commitlog_sync", sync.to_owned()),
        (
            "commitlog_sync_period",
            format!("{}ms", config.commitlog_sync_period_ms),
        ),
        ("concurrent_compactors", "1".to_owned()),
        ("endpoint_snitch", "SimpleSnitch".to_owned()),
        ("file_cache_size", bytes(config.block_cache_bytes_max)),
        ("helenus_block_size", bytes(config.block_bytes)),
        (
            "helenus_memtable_flush_size",
            bytes(config.memtable_flush_bytes),
        ),
        (
            "helenus_memtable_shards",
            config.memtable_shards.to_string(),
        ),
        ("listen_address", facts.listen_address.to_string()),
        ("max_value_size", bytes(limits::VALUE_BYTES_MAX)),
        ("memtable_flush_writers", "1".to_owned()),
        ("memtable_heap_space", bytes(config.memtable_bytes_max)),
        ("native_transport_port", facts.rpc_port.to_string()),
        ("num_tokens", "1".to_owned()),
        ("partitioner", PARTITIONER.to_owned()),
        ("rpc_address", facts.rpc_address.to_string()),
        ("storage_port", facts.storage_port.to_string()),
    ];
    settings
        .into_iter()
        .map(|(name, value)| {
            let name = Value::Text(name.to_owned());
            row(table, &[("name", name), ("value", Value::Text(value))])
        })
        .collect()
}
