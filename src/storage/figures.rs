//! What storage counts: figures for people and for metrics.
//!
//! Counters on the way of a read or a write are relaxed atomics of the table; times are taken of
//! one operation in [`SAMPLE`]. Everything else is gathered when somebody asks.

use crate::schema::TableId;
use std::sync::atomic::{AtomicU64, Ordering};

/// One operation in so many is timed.
pub const SAMPLE: u64 = 16;

/// The commit log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogFigures {
    /// All segments, in bytes.
    pub bytes: u64,
    /// How many segments.
    pub segments: u64,
    /// Records appended since the engine was opened.
    pub appended: u64,
    /// Records that are not synced yet.
    pub pending: u64,
    /// Bytes written since the engine was opened.
    pub written_bytes: u64,
    /// Writes of groups of records.
    pub writes: u64,
    /// Syncs.
    pub syncs: u64,
}

/// All memtables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemtablesFigures {
    /// What they hold, in bytes.
    pub bytes: u64,
    /// Their bound, in bytes.
    pub bytes_max: u64,
}

/// Flushes since the engine was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlushFigures {
    /// Memtables written to SSTables.
    pub done: u64,
    /// Tables that wait to be flushed.
    pub pending: u64,
    /// Flushes that failed.
    pub failed: u64,
    /// What they wrote, in bytes.
    pub written_bytes: u64,
}

/// Compactions since the engine was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompactionsFigures {
    /// Those that ended well.
    pub done: u64,
    /// Tables that have something to compact, those under way included.
    pub pending: u64,
    /// Those that failed.
    pub failed: u64,
    /// What they read, in bytes.
    pub read_bytes: u64,
    /// What they wrote, in bytes.
    pub written_bytes: u64,
}

/// A cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheFigures {
    /// Look-ups that found what they wanted.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
    /// How many entries it holds.
    pub entries: u64,
    /// What it holds, in bytes.
    pub bytes: u64,
    /// Its bound, in bytes.
    pub capacity_bytes: u64,
}

/// The engine as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The commit log.
    pub log: LogFigures,
    /// The memtables.
    pub memtables: MemtablesFigures,
    /// Flushes.
    pub flushes: FlushFigures,
    /// Compactions.
    pub compactions: CompactionsFigures,
    /// The cache of blocks and indexes.
    pub block_cache: CacheFigures,
    /// How many tables.
    pub tables: u64,
    /// How many SSTables.
    pub sstables: u64,
    /// The SSTables, in bytes.
    pub disk_bytes: u64,
    /// Partitions (or ranges) read since the engine was opened.
    pub reads: u64,
    /// Partitions written since the engine was opened.
    pub writes: u64,
    /// Scans by column since the engine was opened.
    pub scans: u64,
}

/// How long operations of a kind took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// How many operations.
    pub count: u64,
    /// How many of them were timed.
    pub timed: u64,
    /// What the timed ones took together, in microseconds.
    pub timed_micros: u64,
}

impl Latency {
    /// The mean, in microseconds; none where nothing was timed.
    pub fn mean_micros(&self) -> Option<f64> {
        (self.timed > 0).then(|| self.timed_micros as f64 / self.timed as f64)
    }
}

/// One table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableFigures {
    /// The table.
    pub table: TableId,
    /// Its keyspace.
    pub keyspace: String,
    /// Its name.
    pub name: String,
    /// How many SSTables.
    pub sstables: u64,
    /// The SSTables, in bytes.
    pub disk_bytes: u64,
    /// The largest SSTable, in bytes.
    pub sstable_bytes_max: u64,
    /// The SSTables and those that are still there for readers, in bytes.
    pub disk_bytes_total: u64,
    /// Rows and deletions in the memtables: versions, not merged.
    pub memtable_entries: u64,
    /// The memtables, in bytes.
    pub memtable_bytes: u64,
    /// How often a memtable was set aside.
    pub memtable_switches: u64,
    /// Reads of it since the engine was opened.
    pub reads: Latency,
    /// Writes to it since the engine was opened.
    pub writes: Latency,
    /// About how many partitions, each SSTable's counted by themselves.
    pub partitions: u64,
    /// About how many rows, each SSTable's counted by themselves.
    pub rows: u64,
    /// Tombstones of all kinds and expiring cells in the SSTables.
    pub tombstones: u64,
    /// The mean size of a partition in the SSTables, in bytes; 0 where there is none.
    pub partition_bytes_mean: u64,
    /// About how much the filters of the SSTables take, in bytes.
    pub filter_bytes: u64,
    /// Reads of SSTables that a filter let pass and that found nothing.
    pub filter_false_positives: u64,
    /// Reads of SSTables that a filter spared.
    pub filter_negatives: u64,
    /// Whether the table is compacted by itself.
    pub autocompaction: bool,
}

/// A compaction under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompactionFigures {
    /// Its number since the engine was opened.
    pub id: u64,
    /// What it does: `Compaction`, as nodetool calls it.
    pub kind: &'static str,
    /// The table.
    pub table: TableId,
    /// What was merged so far, in bytes.
    pub done_bytes: u64,
    /// What is to be merged, in bytes.
    pub total_bytes: u64,
}

/// About what a range of tokens holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SizeEstimate {
    /// Partitions.
    pub partitions: u64,
    /// The mean size of one, in bytes.
    pub partition_bytes_mean: u64,
}

/// Counts operations and times some of them. Any thread.
#[derive(Debug, Default)]
pub struct Meter {
    count: AtomicU64,
    timed: AtomicU64,
    timed_micros: AtomicU64,
}

impl Meter {
    /// Counts operations that went well.
    pub fn count(&self, operations: u64) {
        self.count.fetch_add(operations, Ordering::Relaxed);
    }

    /// Whether the next operation should be timed.
    pub fn is_due(&self) -> bool {
        self.count.load(Ordering::Relaxed).is_multiple_of(SAMPLE)
    }

    /// Takes in the time of an operation.
    pub fn time(&self, micros: i64) {
        self.timed.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(micros).unwrap_or(0);
        self.timed_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// What it has counted.
    pub fn latency(&self) -> Latency {
        Latency {
            count: self.count.load(Ordering::Relaxed),
            timed: self.timed.load(Ordering::Relaxed),
            timed_micros: self.timed_micros.load(Ordering::Relaxed),
        }
    }
}

/// What is counted of a table while it is used. It outlives the table's changing states.
#[derive(Debug, Default)]
pub struct TableCounters {
    /// Reads.
    pub reads: Meter,
    /// Writes.
    pub writes: Meter,
    /// How often a memtable was set aside.
    pub switches: AtomicU64,
}

/// What is counted of the engine as a whole.
#[derive(Debug, Default)]
pub struct EngineCounters {
    /// Memtables flushed.
    pub flushes: AtomicU64,
    /// Flushes that failed.
    pub flushes_failed: AtomicU64,
    /// What flushes wrote, in bytes.
    pub flushed_bytes: AtomicU64,
    /// Compactions.
    pub compactions: AtomicU64,
    /// Compactions that failed.
    pub compactions_failed: AtomicU64,
    /// What compactions read, in bytes.
    pub compacted_bytes: AtomicU64,
    /// What compactions wrote, in bytes.
    pub compaction_written_bytes: AtomicU64,
    /// Scans by column.
    pub scans: AtomicU64,
}

/// Adds to a counter.
pub fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

/// What a counter says.
pub fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
