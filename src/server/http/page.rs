//! The page that a monitoring system reads: all figures of the server, its engine and its process.
//!
//! Names are promises: dashboards and alarms are built on them. They begin with `helenus_`, but for
//! the `process_` ones, which Prometheus has names for. The manual lists them (`operations.md`).

use crate::server::admin::process;
use crate::server::control::Control;
use crate::server::metrics::{Exposition, Metrics, RequestKind};
use crate::storage::{Figures, TableFigures};

/// The page as of now.
pub fn metrics_page(control: &Control, binary: bool) -> String {
    let engine = control.database().engine();
    let figures = engine.figures();
    let mut page = Exposition::default();
    node(&mut page, control, binary);
    requests(&mut page, control.metrics(), control.in_flight_bytes());
    troubles(&mut page, control.metrics());
    connections(&mut page, control.metrics());
    prepared(&mut page, control);
    commit_log(&mut page, &figures);
    memtables(&mut page, &figures);
    compactions(&mut page, &figures, engine.compactions().len());
    storage(&mut page, &figures);
    tables(&mut page, &engine.tables_figures());
    own_process(&mut page);
    page.finish()
}

fn node(page: &mut Exposition, control: &Control, binary: bool) {
    let version = ("version", env!("CARGO_PKG_VERSION"));
    page.gauge("helenus_build_info", "The version that runs.")
        .labelled(&[version], 1);
    page.gauge(
        "helenus_uptime_seconds",
        "How long the server has been running.",
    )
    .value(control.uptime().as_secs_f64());
    page.gauge(
        "helenus_native_transport_up",
        "Whether clients may connect.",
    )
    .value(u8::from(binary));
}

fn requests(page: &mut Exposition, metrics: &Metrics, in_flight_bytes: usize) {
    let kinds = || {
        RequestKind::ALL
            .iter()
            .map(|kind| (kind.name(), metrics.latency(*kind)))
    };
    page.counter(
        "helenus_requests_total",
        "Requests that were answered, by what they did.",
    );
    for (kind, latency) in kinds() {
        page.labelled(&[("kind", kind)], latency.count());
    }
    page.histogram(
        "helenus_request_duration_seconds",
        "From a request's arrival to its answer, by what it did.",
    );
    for (kind, latency) in kinds() {
        page.latencies(("kind", kind), &latency);
    }
    page.counter(
        "helenus_request_errors_total",
        "ERROR messages that were sent, by code.",
    );
    for (code, name, count) in metrics.errors() {
        let code = format!("0x{code:04X}");
        page.labelled(&[("code", &code), ("error", name)], count);
    }
    page.gauge(
        "helenus_requests_in_flight",
        "Requests that are accepted and not answered.",
    )
    .value(metrics.requests_in_flight.get());
    page.gauge(
        "helenus_requests_in_flight_bytes",
        "The bytes of those requests.",
    )
    .value(in_flight_bytes);
    page.gauge(
        "helenus_requests_queued",
        "Requests that wait for a worker thread.",
    )
    .value(metrics.requests_queued.get());
    page.gauge(
        "helenus_requests_working",
        "Requests that a worker thread is at.",
    )
    .value(metrics.requests_working.get());
    page.counter(
        "helenus_requests_worked_total",
        "Requests that worker threads have done.",
    )
    .value(metrics.requests_worked.get());
}

fn troubles(page: &mut Exposition, metrics: &Metrics) {
    page.counter(
        "helenus_overloaded_total",
        "Requests refused for want of capacity.",
    )
    .value(metrics.overloaded.get());
    page.counter(
        "helenus_timeouts_total",
        "Requests that took longer than they may.",
    )
    .value(metrics.timeouts.get());
    page.counter(
        "helenus_abandoned_total",
        "Requests given up because their client had gone.",
    )
    .value(metrics.abandoned.get());
    page.counter(
        "helenus_unprepared_total",
        "Executions of statements that are not known.",
    )
    .value(metrics.unprepared.get());
    page.counter(
        "helenus_protocol_errors_total",
        "Frames that broke the protocol.",
    )
    .value(metrics.protocol_errors.get());
}

fn connections(page: &mut Exposition, metrics: &Metrics) {
    page.gauge("helenus_connections", "Client connections that are open.")
        .value(metrics.connections.get());
    page.counter(
        "helenus_connections_accepted_total",
        "Client connections so far.",
    )
    .value(metrics.connections_accepted.get());
    page.counter(
        "helenus_connections_refused_total",
        "Connections refused: too many were open.",
    )
    .value(metrics.connections_refused.get());
    page.counter(
        "helenus_received_bytes_total",
        "Bytes that came from clients.",
    )
    .value(metrics.received_bytes.get());
    page.counter("helenus_sent_bytes_total", "Bytes that went to clients.")
        .value(metrics.sent_bytes.get());
    page.counter("helenus_logins_total", "Logins, by how they ended.")
        .labelled(&[("outcome", "done")], metrics.logins.get())
        .labelled(&[("outcome", "failed")], metrics.logins_failed.get());
    page.counter(
        "helenus_events_total",
        "Events that were pushed to clients.",
    )
    .value(metrics.events.get());
    page.counter("helenus_http_requests_total", "Requests to the HTTP port.")
        .value(metrics.http_requests.get());
}

fn prepared(page: &mut Exposition, control: &Control) {
    let figures = control.database().shared().statement_figures();
    page.gauge(
        "helenus_prepared_statements",
        "Prepared statements that are remembered.",
    )
    .value(figures.statements);
    page.gauge(
        "helenus_prepared_statements_bytes",
        "About the memory that they take.",
    )
    .value(figures.bytes);
    page.counter(
        "helenus_prepared_statements_evicted_total",
        "Prepared statements that were forgotten to make room for others.",
    )
    .value(figures.evictions);
}

fn commit_log(page: &mut Exposition, figures: &Figures) {
    let log = &figures.log;
    page.gauge("helenus_commitlog_bytes", "All segments of the commit log.")
        .value(log.bytes);
    page.gauge("helenus_commitlog_segments", "Segments of the commit log.")
        .value(log.segments);
    page.gauge(
        "helenus_commitlog_pending_records",
        "Records that are not synced yet.",
    )
    .value(log.pending);
    page.counter("helenus_commitlog_records_total", "Records appended.")
        .value(log.appended);
    page.counter(
        "helenus_commitlog_written_bytes_total",
        "Bytes written to the commit log.",
    )
    .value(log.written_bytes);
    page.counter(
        "helenus_commitlog_writes_total",
        "Writes of groups of records.",
    )
    .value(log.writes);
    page.counter("helenus_commitlog_syncs_total", "Syncs of the commit log.")
        .value(log.syncs);
}

fn memtables(page: &mut Exposition, figures: &Figures) {
    page.gauge("helenus_memtable_bytes", "What all memtables hold.")
        .value(figures.memtables.bytes);
    page.gauge(
        "helenus_memtable_bytes_max",
        "What they may hold; over it writers wait.",
    )
    .value(figures.memtables.bytes_max);
    let flushes = &figures.flushes;
    page.gauge("helenus_flushes_pending", "Tables that wait to be flushed.")
        .value(flushes.pending);
    page.counter("helenus_flushes_total", "Flushes, by how they ended.")
        .labelled(&[("outcome", "done")], flushes.done)
        .labelled(&[("outcome", "failed")], flushes.failed);
    page.counter("helenus_flushed_bytes_total", "Bytes that flushes wrote.")
        .value(flushes.written_bytes);
}

fn compactions(page: &mut Exposition, figures: &Figures, running: usize) {
    let compactions = &figures.compactions;
    page.gauge("helenus_compactions_running", "Compactions under way.")
        .value(running);
    page.gauge(
        "helenus_compactions_pending",
        "Tables that have something to compact.",
    )
    .value(compactions.pending);
    page.counter(
        "helenus_compactions_total",
        "Compactions, by how they ended.",
    )
    .labelled(&[("outcome", "done")], compactions.done)
    .labelled(&[("outcome", "failed")], compactions.failed);
    page.counter(
        "helenus_compaction_read_bytes_total",
        "Bytes that compactions read.",
    )
    .value(compactions.read_bytes);
    page.counter(
        "helenus_compaction_written_bytes_total",
        "Bytes that compactions wrote.",
    )
    .value(compactions.written_bytes);
}

fn storage(page: &mut Exposition, figures: &Figures) {
    let cache = &figures.block_cache;
    page.counter(
        "helenus_block_cache_requests_total",
        "Look-ups in the block cache.",
    )
    .labelled(&[("result", "hit")], cache.hits)
    .labelled(&[("result", "miss")], cache.misses);
    page.gauge("helenus_block_cache_bytes", "What the block cache holds.")
        .value(cache.bytes);
    page.gauge(
        "helenus_block_cache_bytes_max",
        "What the block cache may hold.",
    )
    .value(cache.capacity_bytes);
    page.gauge("helenus_block_cache_entries", "Entries of the block cache.")
        .value(cache.entries);
    page.gauge("helenus_tables", "Tables.")
        .value(figures.tables);
    page.gauge("helenus_sstables", "SSTables of all tables.")
        .value(figures.sstables);
    page.gauge("helenus_disk_bytes", "The SSTables of all tables.")
        .value(figures.disk_bytes);
    page.counter(
        "helenus_reads_total",
        "Partitions and ranges read from the engine.",
    )
    .value(figures.reads);
    page.counter("helenus_writes_total", "Partitions written to the engine.")
        .value(figures.writes);
    page.counter("helenus_scans_total", "Scans by column.")
        .value(figures.scans);
}

/// A figure of a table: the kind of its family, its name, what it is, and how it is read.
type Column = (
    &'static str,
    &'static str,
    &'static str,
    fn(&TableFigures) -> u64,
);

const TABLE_COLUMNS: [Column; 9] = [
    ("gauge", "helenus_table_sstables", "SSTables.", |it| {
        it.sstables
    }),
    (
        "gauge",
        "helenus_table_disk_bytes",
        "The table's SSTables.",
        |it| it.disk_bytes,
    ),
    (
        "gauge",
        "helenus_table_memtable_bytes",
        "The table's memtables.",
        |it| it.memtable_bytes,
    ),
    (
        "gauge",
        "helenus_table_rows",
        "Rows in SSTables, each counted by itself.",
        |it| it.rows,
    ),
    (
        "gauge",
        "helenus_table_tombstones",
        "Tombstones and expiring cells in SSTables.",
        |it| it.tombstones,
    ),
    (
        "counter",
        "helenus_table_reads_total",
        "Reads of the table.",
        |it| it.reads.count,
    ),
    (
        "counter",
        "helenus_table_writes_total",
        "Writes to the table.",
        |it| it.writes.count,
    ),
    (
        "counter",
        "helenus_table_filter_negatives_total",
        "Reads of SSTables that a filter spared.",
        |it| it.filter_negatives,
    ),
    (
        "counter",
        "helenus_table_filter_false_positives_total",
        "Reads of SSTables that a filter let pass in vain.",
        |it| it.filter_false_positives,
    ),
];

fn tables(page: &mut Exposition, all: &[TableFigures]) {
    for (kind, name, help, figure) in TABLE_COLUMNS {
        match kind {
            "counter" => page.counter(name, help),
            _ => page.gauge(name, help),
        };
        for table in all {
            let labels = [
                ("keyspace", table.keyspace.as_str()),
                ("table", &table.name),
            ];
            page.labelled(&labels, figure(table));
        }
    }
}

fn own_process(page: &mut Exposition) {
    let process = process::read();
    page.counter(
        "process_cpu_seconds_total",
        "Processor time, user and system.",
    )
    .value(process.cpu_seconds);
    page.gauge("process_resident_memory_bytes", "Memory that is resident.")
        .value(process.resident_bytes);
    page.gauge("process_virtual_memory_bytes", "Address space.")
        .value(process.virtual_bytes);
    page.gauge("process_open_fds", "Open files, sockets included.")
        .value(process.open_files);
    page.gauge("process_max_fds", "How many files may be open.")
        .value(process.open_files_max);
    page.gauge("process_threads", "Threads.")
        .value(process.threads);
    page.gauge(
        "process_start_time_seconds",
        "When the process was started, since 1970.",
    )
    .value(process.started_at_seconds);
}
