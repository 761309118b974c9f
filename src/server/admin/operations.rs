//! What needs the database alone: the same with a server and without.

use crate::database::Database;
use crate::error::{Error, Result};
use crate::schema::{Catalog, TableId};
use crate::server::admin::report::{
    Cache, Compaction, Compactions, Info, Node, Report, TableReport, TableSwitch, TablesReport,
};
use crate::server::admin::request::{Request, Tables};
use crate::server::admin::{Surroundings, process};
use crate::types::Value;
use crate::{QueryResult, ResultRow};

/// Answers a request; those that are about a running server are none of it.
pub fn run(database: &Database, surroundings: &Surroundings, request: &Request) -> Result<Report> {
    let engine = database.engine();
    match request {
        Request::Node(_) => Ok(Report::Node(Box::new(node(database, surroundings)?))),
        Request::Info(_) => Ok(Report::Info(Box::new(info(database, surroundings)?))),
        Request::Flush(tables) => {
            for table in named(&engine.catalog(), tables)? {
                engine.flush(Some(table))?;
            }
            Ok(Report::Done(None))
        }
        Request::Compact(compact) => {
            let tables = Tables {
                keyspace: compact.keyspace.clone(),
                tables: compact.tables.clone(),
            };
            for table in named(&engine.catalog(), &tables)? {
                if compact.flush_memtables {
                    engine.flush(Some(table))?;
                }
                engine.compact(table)?;
            }
            Ok(Report::Done(None))
        }
        Request::DisableAutocompaction(tables) => switch(database, tables, false),
        Request::EnableAutocompaction(tables) => switch(database, tables, true),
        Request::StatusAutocompaction(tables) => status(database, tables),
        Request::TableStats(_) => Ok(Report::TableStats(tables(database))),
        Request::CompactionStats(_) => Ok(Report::Compactions(compactions(database, surroundings))),
        // They are computed when they are asked for.
        Request::RefreshSizeEstimates(_) => Ok(Report::Done(Some(
            "Nothing to do: system.size_estimates is computed when it is read".to_owned(),
        ))),
        other => {
            let (name, _) = other.parts()?;
            Err(Error::internal(format!("{name} needs a server")))
        }
    }
}

/// The tables that an operator named, in Cassandra's words where there is none. The system's own
/// tables have no files: nothing is ever to be done to them.
fn named(catalog: &Catalog, wanted: &Tables) -> Result<Vec<TableId>> {
    let Some(name) = &wanted.keyspace else {
        return Ok(catalog.tables.keys().copied().collect());
    };
    let Some(keyspace) = catalog.keyspaces.get(name) else {
        if crate::cql::virtual_tables::is_system(name) {
            return Ok(Vec::new());
        }
        return Err(Error::invalid(format!("Keyspace [{name}] does not exist.")));
    };
    if wanted.tables.is_empty() {
        return Ok(keyspace.tables.values().map(|table| table.id).collect());
    }
    let id = |table: &String| {
        let found = keyspace.tables.get(table).map(|table| table.id);
        found.ok_or_else(|| Error::invalid(format!("Unknown keyspace/cf pair ({name}.{table})")))
    };
    wanted.tables.iter().map(id).collect()
}

fn switch(database: &Database, tables: &Tables, on: bool) -> Result<Report> {
    let engine = database.engine();
    for table in named(&engine.catalog(), tables)? {
        engine.set_autocompaction(Some(table), on)?;
    }
    Ok(Report::Done(None))
}

fn status(database: &Database, tables: &Tables) -> Result<Report> {
    let engine = database.engine();
    let catalog = engine.catalog();
    let ids = named(&catalog, tables)?;
    let tables = ids.iter().filter_map(|id| catalog.tables.get(id));
    let switch = |table: &crate::schema::Table| TableSwitch {
        keyspace: table.keyspace.clone(),
        table: table.name.clone(),
        on: engine.is_autocompacted(table.id),
    };
    let mut switches: Vec<_> = tables.map(|table| switch(table)).collect();
    switches.sort_by(|a, b| (&a.keyspace, &a.table).cmp(&(&b.keyspace, &b.table)));
    Ok(Report::Autocompaction(switches))
}

fn tables(database: &Database) -> TablesReport {
    let engine = database.engine();
    let report = |figures: crate::storage::TableFigures| TableReport {
        keyspace: figures.keyspace,
        table: figures.name,
        sstables: figures.sstables,
        disk_bytes: figures.disk_bytes,
        sstable_bytes_max: figures.sstable_bytes_max,
        disk_bytes_total: figures.disk_bytes_total,
        filter_bytes: figures.filter_bytes,
        filter_false_positives: figures.filter_false_positives,
        filter_negatives: figures.filter_negatives,
        partitions: figures.partitions,
        rows: figures.rows,
        partition_bytes_mean: figures.partition_bytes_mean,
        tombstones: figures.tombstones,
        memtable_entries: figures.memtable_entries,
        memtable_bytes: figures.memtable_bytes,
        memtable_switches: figures.memtable_switches,
        reads: figures.reads.count,
        read_micros_mean: figures.reads.mean_micros(),
        writes: figures.writes.count,
        write_micros_mean: figures.writes.mean_micros(),
        autocompaction: figures.autocompaction,
    };
    let mut tables: Vec<_> = engine.tables_figures().into_iter().map(report).collect();
    tables.sort_by(|a, b| (&a.keyspace, &a.table).cmp(&(&b.keyspace, &b.table)));
    TablesReport {
        tables,
        pending_flushes: engine.figures().flushes.pending,
    }
}

fn compactions(database: &Database, surroundings: &Surroundings) -> Compactions {
    let engine = database.engine();
    let figures = engine.figures().compactions;
    let catalog = engine.catalog();
    let running = engine.compactions().into_iter().map(|running| {
        let table = catalog.tables.get(&running.table);
        Compaction {
            id: running.id,
            kind: running.kind.to_owned(),
            keyspace: table.map(|it| it.keyspace.clone()).unwrap_or_default(),
            table: table.map(|it| it.name.clone()).unwrap_or_default(),
            done_bytes: running.done_bytes,
            total_bytes: running.total_bytes,
        }
    });
    Compactions {
        pending: figures.pending,
        done: figures.done,
        read_bytes: figures.read_bytes,
        written_bytes: figures.written_bytes,
        failed: figures.failed,
        uptime_seconds: surroundings.uptime_seconds,
        running: running.collect(),
    }
}

fn info(database: &Database, surroundings: &Surroundings) -> Result<Info> {
    let figures = database.engine().figures();
    Ok(Info {
        node: node(database, surroundings)?,
        process: process::read(),
        uptime_seconds: surroundings.uptime_seconds,
        memtable_bytes: figures.memtables.bytes,
        memtable_bytes_max: figures.memtables.bytes_max,
        block_cache: Cache {
            entries: figures.block_cache.entries,
            bytes: figures.block_cache.bytes,
            bytes_max: figures.block_cache.capacity_bytes,
            hits: figures.block_cache.hits,
            misses: figures.block_cache.misses,
        },
        exceptions: surroundings.exceptions,
    })
}

fn node(database: &Database, surroundings: &Surroundings) -> Result<Node> {
    let local = local_row(database)?;
    let text = |name: &str| Ok::<_, Error>(shown(&local.get::<Value>(name)?));
    let facts = database.virtual_tables().node_facts();
    let catalog = database.engine().catalog();
    let keyspaces = catalog.keyspaces.values();
    Ok(Node {
        cluster_name: facts.cluster_name.clone(),
        data_center: facts.data_center.clone(),
        rack: facts.rack.clone(),
        address: facts.rpc_address.to_string(),
        port: facts.rpc_port,
        host_id: text("host_id")?,
        token: text("tokens")?,
        schema_version: text("schema_version")?,
        release_version: text("release_version")?,
        helenus_version: env!("CARGO_PKG_VERSION").to_owned(),
        partitioner: text("partitioner")?,
        load_bytes: database.engine().figures().disk_bytes,
        keyspaces: keyspaces
            .map(|keyspace| (keyspace.name.clone(), keyspace.replication.clone()))
            .collect(),
        started_at_seconds: facts.started_at_seconds,
        binary: surroundings.binary,
        drained: surroundings.drained,
    })
}

/// What the node tells its clients of itself.
fn local_row(database: &Database) -> Result<ResultRow> {
    let mut session = database.session();
    let result = session.execute("SELECT * FROM system.local", &[])?;
    let row = match result {
        QueryResult::Rows(mut rows) => rows.next_row()?,
        _ => None,
    };
    row.ok_or_else(|| Error::internal("system.local has no row"))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Uuid(uuid) => uuid.to_string(),
        Value::Set(values) | Value::List(values) => {
            values.iter().map(shown).collect::<Vec<_>>().join(",")
        }
        other => format!("{other:?}"),
    }
}
