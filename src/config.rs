//! The settings of an engine, with defaults that work.

/// When a write counts as acknowledged (Cassandra: `commitlog_sync`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CommitlogSync {
    /// Writes that wait together share one sync, and none is acknowledged before it.
    #[default]
    Group,
    /// Every write is synced by itself before it is acknowledged.
    Batch,
    /// Writes are acknowledged at once; the log is synced every `commitlog_sync_period_ms`.
    /// What was written since the last sync may be lost with the machine's power.
    Periodic,
}

/// The settings of an engine.
#[derive(Clone, Debug)]
pub struct Config {
    /// When a write counts as acknowledged.
    pub commitlog_sync: CommitlogSync,
    /// How often `Periodic` syncs, in milliseconds.
    pub commitlog_sync_period_ms: u64,
    /// The size of a commit-log segment, in bytes.
    pub commitlog_segment_bytes: u64,
    /// All memtables together, frozen ones included; over it writers wait. In bytes.
    pub memtable_bytes_max: usize,
    /// A table's memtable is flushed when it holds this much, in bytes.
    pub memtable_flush_bytes: usize,
    /// How many token ranges a memtable is split into.
    pub memtable_shards: usize,
    /// The block cache, in bytes.
    pub block_cache_bytes_max: usize,
    /// The rows of a data block, before compression, in bytes.
    pub block_bytes: usize,
    /// Whether the engine starts threads of its own. Tests that own the schedule say no, and
    /// drive the same core step by step.
    pub background: bool,
    /// The seed of the engine's randomness; none means the operating system's.
    pub seed: Option<u64>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            commitlog_sync: CommitlogSync::default(),
            commitlog_sync_period_ms: 10_000,
            commitlog_segment_bytes: 32 << 20,
            memtable_bytes_max: 128 << 20,
            memtable_flush_bytes: 32 << 20,
            memtable_shards: 8,
            block_cache_bytes_max: 64 << 20,
            block_bytes: 16 << 10,
            background: true,
            seed: None,
        }
    }
}
