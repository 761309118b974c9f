//! What a node answers an operator: plain figures, which the command line lays out as text.

use crate::server::metrics::HistogramReading;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The answer to a [`Request`](super::Request).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// Done; a line for the operator where there is something to say.
    Done(Option<String>),
    /// The node.
    Node(Box<Node>),
    /// How the process is doing.
    Info(Box<Info>),
    /// Whether each table compacts by itself.
    Autocompaction(Vec<TableSwitch>),
    /// Statistics on tables.
    TableStats(TablesReport),
    /// What compaction does and has done.
    Compactions(Compactions),
    /// Whether clients may connect.
    Binary(bool),
    /// Who is connected.
    Clients(Vec<Client>),
    /// The levels of the log, under the part that they are for.
    LoggingLevels(Vec<(String, String)>),
    /// Latencies of requests.
    Histograms(Histograms),
    /// How long requests may take, by what they do.
    Timeouts(Timeouts),
}

/// What a node is, and whether it is up.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Node {
    /// The cluster's name.
    pub cluster_name: String,
    /// The data center's name.
    pub data_center: String,
    /// The rack's name.
    pub rack: String,
    /// The address that clients reach it at.
    pub address: String,
    /// The port that clients reach it at.
    pub port: u16,
    /// The node's id.
    pub host_id: String,
    /// Its token.
    pub token: String,
    /// The identity of its schema.
    pub schema_version: String,
    /// The version of Cassandra that it speaks like.
    pub release_version: String,
    /// Its own version.
    pub helenus_version: String,
    /// The partitioner's class.
    pub partitioner: String,
    /// What its files take on disk, in bytes.
    pub load_bytes: u64,
    /// Each keyspace with its replication, class first.
    pub keyspaces: Vec<(String, BTreeMap<String, String>)>,
    /// When the process was started, in seconds since 1970.
    pub started_at_seconds: i64,
    /// Whether clients may connect.
    pub binary: bool,
    /// Whether it takes work: not once it is drained.
    pub drained: bool,
}

/// How the process is doing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Info {
    /// The node.
    pub node: Node,
    /// The process.
    pub process: Process,
    /// Since when the process has been up, in seconds.
    pub uptime_seconds: u64,
    /// What memtables hold, in bytes.
    pub memtable_bytes: u64,
    /// What memtables may hold, in bytes.
    pub memtable_bytes_max: u64,
    /// The block cache.
    pub block_cache: Cache,
    /// Client requests that failed by a defect of the server.
    pub exceptions: u64,
}

/// A cache.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Cache {
    /// How many entries it holds.
    pub entries: u64,
    /// What they take, in bytes.
    pub bytes: u64,
    /// What they may take, in bytes.
    pub bytes_max: u64,
    /// Look-ups that found what they wanted.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
}

/// The process as the operating system sees it. Zeros where it does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// Memory that is resident, in bytes.
    pub resident_bytes: u64,
    /// Address space, in bytes.
    pub virtual_bytes: u64,
    /// Processor time, user and system, in seconds.
    pub cpu_seconds: f64,
    /// Open files, sockets included.
    pub open_files: u64,
    /// How many it may open.
    pub open_files_max: u64,
    /// Its threads.
    pub threads: u64,
    /// When it was started, in seconds since 1970.
    pub started_at_seconds: f64,
    /// The memory of the machine, in bytes.
    pub machine_bytes: u64,
}

/// A table and whether something is on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSwitch {
    /// The keyspace.
    pub keyspace: String,
    /// The table.
    pub table: String,
    /// Whether it is on.
    pub on: bool,
}

/// Statistics on one table.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TableReport {
    /// The keyspace.
    pub keyspace: String,
    /// The table.
    pub table: String,
    /// How many SSTables.
    pub sstables: u64,
    /// The SSTables, in bytes.
    pub disk_bytes: u64,
    /// The largest SSTable, in bytes.
    pub sstable_bytes_max: u64,
    /// The SSTables and those that are still there for readers, in bytes.
    pub disk_bytes_total: u64,
    /// Filters of SSTables that are in memory, in bytes.
    pub filter_bytes: u64,
    /// Reads of SSTables that a filter let pass and that found nothing.
    pub filter_false_positives: u64,
    /// Reads of SSTables that a filter spared.
    pub filter_negatives: u64,
    /// Partitions, those of several SSTables counted several times.
    pub partitions: u64,
    /// Rows, those of several SSTables counted several times.
    pub rows: u64,
    /// The mean size of a partition in the SSTables, in bytes.
    pub partition_bytes_mean: u64,
    /// Tombstones and expiring cells in the SSTables.
    pub tombstones: u64,
    /// Rows and deletions in memtables.
    pub memtable_entries: u64,
    /// The memtables, in bytes.
    pub memtable_bytes: u64,
    /// How often a memtable was set aside.
    pub memtable_switches: u64,
    /// Reads since the engine was opened.
    pub reads: u64,
    /// What one took on average, in microseconds; where known.
    pub read_micros_mean: Option<f64>,
    /// Writes since the engine was opened.
    pub writes: u64,
    /// What one took on average, in microseconds; where known.
    pub write_micros_mean: Option<f64>,
    /// Whether the table is compacted by itself.
    pub autocompaction: bool,
}

/// Statistics on all tables.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TablesReport {
    /// The tables, by keyspace and name.
    pub tables: Vec<TableReport>,
    /// Tables that wait to be flushed.
    pub pending_flushes: u64,
}

/// What compaction does and has done.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Compactions {
    /// Tables that have something to compact, those under way included.
    pub pending: u64,
    /// Jobs that ended well.
    pub done: u64,
    /// What they read, in bytes.
    pub read_bytes: u64,
    /// What they wrote, in bytes.
    pub written_bytes: u64,
    /// Jobs that failed.
    pub failed: u64,
    /// Since when that is counted, in seconds.
    pub uptime_seconds: u64,
    /// Jobs under way.
    pub running: Vec<Compaction>,
}

/// A compaction under way.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Compaction {
    /// Its number since the engine was opened.
    pub id: u64,
    /// What kind of work.
    pub kind: String,
    /// The keyspace.
    pub keyspace: String,
    /// The table.
    pub table: String,
    /// What is done of it, in bytes.
    pub done_bytes: u64,
    /// All of it, in bytes.
    pub total_bytes: u64,
}

/// A connected client.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Client {
    /// Its address.
    pub address: String,
    /// The version of the protocol that it speaks.
    pub protocol_version: u8,
    /// Who it logged in as.
    pub user: String,
    /// The keyspace that it chose.
    pub keyspace: String,
    /// Requests that it sent.
    pub requests: u64,
    /// The driver's name.
    pub driver_name: String,
    /// The driver's version.
    pub driver_version: String,
    /// What it said of itself when it started.
    pub options: BTreeMap<String, String>,
}

/// Latencies of requests, and who waits for what.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Histograms {
    /// Latencies by kind of request.
    pub requests: Vec<(String, HistogramReading)>,
    /// Who waits for what.
    pub stages: Vec<Stage>,
}

/// A kind of work that others wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// Pieces under way.
    pub active: u64,
    /// Pieces that wait.
    pub pending: u64,
    /// Pieces that are done.
    pub completed: u64,
    /// Pieces that were refused.
    pub refused: u64,
}

/// How long requests may take, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    /// Reads of named partitions.
    pub read: u64,
    /// Reads of ranges of partitions.
    pub range: u64,
    /// Writes.
    pub write: u64,
    /// Truncations and changes of the schema.
    pub truncate: u64,
}
