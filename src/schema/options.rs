//! A table's options: what can stand in `WITH`, with Cassandra 5.0's defaults.
//!
//! Source: `org.apache.cassandra.schema.TableParams` of Cassandra 5.0, by way of its
//! documentation (ddl.adoc) and what `DESCRIBE TABLE` prints there.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The options of a table. All are stored and shown; those that mean something on one machine act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableOptions {
    /// `additional_write_policy`, e.g. `99p`.
    pub additional_write_policy: String,
    /// `allow_auto_snapshot`.
    pub allow_auto_snapshot: bool,
    /// `bloom_filter_fp_chance`, in millionths so that options can be compared.
    pub bloom_filter_fp_millionths: u32,
    /// `caching`: keys and rows_per_partition.
    pub caching: BTreeMap<String, String>,
    /// `cdc`.
    pub cdc: bool,
    /// `comment`.
    pub comment: String,
    /// `compaction`: class and its settings.
    pub compaction: BTreeMap<String, String>,
    /// `compression`: class and its settings; `enabled = false` alone where it is off.
    pub compression: BTreeMap<String, String>,
    /// `crc_check_chance`, in millionths. Stored only: every read is checked.
    pub crc_check_chance_millionths: u32,
    /// `default_time_to_live`, in seconds; 0 means rows don't expire by themselves.
    pub default_time_to_live_seconds: i32,
    /// `extensions`: name to bytes.
    pub extensions: BTreeMap<String, Vec<u8>>,
    /// `gc_grace_seconds`: how long a tombstone stays before it may be purged.
    pub gc_grace_seconds: i32,
    /// `incremental_backups`.
    pub incremental_backups: bool,
    /// `max_index_interval`. Stored only.
    pub max_index_interval: i32,
    /// `memtable`: the configuration's name.
    pub memtable: String,
    /// `memtable_flush_period_in_ms`; 0 means no periodic flush.
    pub memtable_flush_period_ms: i32,
    /// `min_index_interval`. Stored only.
    pub min_index_interval: i32,
    /// `read_repair`. Stored only.
    pub read_repair: String,
    /// `speculative_retry`, e.g. `99p`. Stored only.
    pub speculative_retry: String,
}

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

impl Default for TableOptions {
    fn default() -> Self {
        Self {
            additional_write_policy: "99p".to_owned(),
            allow_auto_snapshot: true,
            bloom_filter_fp_millionths: 10_000,
            caching: map(&[("keys", "ALL"), ("rows_per_partition", "NONE")]),
            cdc: false,
            comment: String::new(),
            compaction: map(&[
                (
                    "class",
                    "org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy",
                ),
                ("max_threshold", "32"),
                ("min_threshold", "4"),
            ]),
            compression: map(&[
                ("chunk_length_in_kb", "16"),
                ("class", "org.apache.cassandra.io.compress.LZ4Compressor"),
            ]),
            crc_check_chance_millionths: 1_000_000,
            default_time_to_live_seconds: 0,
            extensions: BTreeMap::new(),
            gc_grace_seconds: 864_000,
            incremental_backups: true,
            max_index_interval: 2_048,
            memtable: "default".to_owned(),
            memtable_flush_period_ms: 0,
            min_index_interval: 128,
            read_repair: "BLOCKING".to_owned(),
            speculative_retry: "99p".to_owned(),
        }
    }
}
