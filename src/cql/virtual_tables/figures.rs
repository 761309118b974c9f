//! What the engine counts, as tables of `system_views`.

use crate::cql::result::RowValues;
use crate::cql::virtual_tables::registry::NamedValues;
use crate::cql::virtual_tables::{Sources, row};
use crate::error::Result;
use crate::schema::Table;
use crate::types::{Value, timeuuid};
use uuid::Uuid;

const MEBIBYTE: u64 = 1 << 20;

/// The rows of those tables of `system_views` that the engine can tell; none for others.
pub fn rows(sources: &Sources<'_>, table: &Table) -> Result<Vec<RowValues>> {
    let rows = match table.name.as_str() {
        "caches" => caches(sources),
        "thread_pools" => thread_pools(sources),
        "sstable_tasks" => sstable_tasks(sources),
        "disk_usage" => disk_usage(sources),
        "local_read_latency" | "coordinator_read_latency" => latency(sources, Operation::Read),
        "local_write_latency" | "coordinator_write_latency" => latency(sources, Operation::Write),
        _ => Vec::new(),
    };
    rows.iter().map(|values| row(table, values)).collect()
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn bigint(count: u64) -> Value {
    Value::BigInt(i64::try_from(count).unwrap_or(i64::MAX))
}

fn int(count: u64) -> Value {
    Value::Int(i32::try_from(count).unwrap_or(i32::MAX))
}

/// `chunks` is the cache of blocks; the others of Cassandra's caches are not there, and so empty.
fn caches(sources: &Sources<'_>) -> Vec<NamedValues> {
    let blocks = sources.engine.figures().block_cache;
    let row = |name, hits: u64, misses: u64| -> NamedValues {
        let requests = hits.saturating_add(misses);
        let ratio = match requests {
            0 => f64::NAN,
            _ => hits as f64 / requests as f64,
        };
        vec![
            ("name", text(name)),
            ("hit_count", bigint(hits)),
            ("hit_ratio", Value::Double(ratio)),
            ("request_count", bigint(requests)),
        ]
    };
    let mut chunks = row("chunks", blocks.hits, blocks.misses);
    chunks.extend([
        ("capacity_bytes", bigint(blocks.capacity_bytes)),
        ("entry_count", int(blocks.entries)),
        ("size_bytes", bigint(blocks.bytes)),
    ]);
    let absent = ["counters", "keys", "rows"].iter().map(|name| {
        let mut values = row(name, 0, 0);
        values.extend([
            ("capacity_bytes", bigint(0)),
            ("entry_count", int(0)),
            ("recent_hit_rate_per_second", bigint(0)),
            ("recent_request_rate_per_second", bigint(0)),
            ("size_bytes", bigint(0)),
        ]);
        values
    });
    std::iter::once(chunks).chain(absent).collect()
}

/// The engine's own threads, under the names that they have in Cassandra.
fn thread_pools(sources: &Sources<'_>) -> Vec<NamedValues> {
    let figures = sources.engine.figures();
    let active = sources.engine.compactions().len() as u64;
    let row = |name, active: u64, pending: u64, completed: u64| {
        vec![
            ("name", text(name)),
            ("active_tasks", int(active)),
            ("active_tasks_limit", int(1)),
            ("blocked_tasks", bigint(0)),
            ("blocked_tasks_all_time", bigint(0)),
            ("completed_tasks", bigint(completed)),
            ("pending_tasks", int(pending)),
        ]
    };
    let (flushes, compactions) = (figures.flushes, figures.compactions);
    vec![
        row(
            "CompactionExecutor",
            active,
            compactions.pending.saturating_sub(active),
            compactions.done.saturating_add(compactions.failed),
        ),
        row(
            "MemtableFlushWriter",
            0,
            flushes.pending,
            flushes.done.saturating_add(flushes.failed),
        ),
    ]
}

fn sstable_tasks(sources: &Sources<'_>) -> Vec<NamedValues> {
    let catalog = sources.engine.catalog();
    let mut rows = Vec::new();
    for job in sources.engine.compactions() {
        let Some(table) = catalog.tables.get(&job.table) else {
            continue;
        };
        let ratio = match job.total_bytes {
            0 => 1.0,
            total => job.done_bytes as f64 / total as f64,
        };
        let started_at_micros = sources.registry.node_facts().started_at_seconds * 1_000_000;
        let id = timeuuid::numbered(started_at_micros, job.id);
        rows.push(vec![
            ("keyspace_name", text(&table.keyspace)),
            ("table_name", text(&table.name)),
            ("task_id", Value::Uuid(Uuid::from_bytes(id))),
            ("completion_ratio", Value::Double(ratio)),
            ("kind", text(&job.kind.to_ascii_lowercase())),
            ("progress", bigint(job.done_bytes)),
            ("total", bigint(job.total_bytes)),
            ("unit", text("bytes")),
        ]);
    }
    rows
}

fn disk_usage(sources: &Sources<'_>) -> Vec<NamedValues> {
    let tables = sources.engine.tables_figures().into_iter();
    tables
        .map(|figures| {
            vec![
                ("keyspace_name", Value::Text(figures.keyspace)),
                ("table_name", Value::Text(figures.name)),
                (
                    "mebibytes",
                    bigint(figures.disk_bytes_total.div_ceil(MEBIBYTE)),
                ),
            ]
        })
        .collect()
}

#[derive(Clone, Copy)]
enum Operation {
    Read,
    Write,
}

/// How many operations there were. Their times are sampled and only their mean is kept, so the
/// percentiles are null rather than made up.
fn latency(sources: &Sources<'_>, operation: Operation) -> Vec<NamedValues> {
    let tables = sources.engine.tables_figures().into_iter();
    tables
        .map(|figures| {
            let latency = match operation {
                Operation::Read => figures.reads,
                Operation::Write => figures.writes,
            };
            vec![
                ("keyspace_name", Value::Text(figures.keyspace)),
                ("table_name", Value::Text(figures.name)),
                ("count", bigint(latency.count)),
            ]
        })
        .collect()
}
