//! The settings in a table's `compaction` option, as numbers.
//!
//! They were checked when the table was created or altered; here, what is missing or strange has
//! its default, so that a table never becomes one that cannot be compacted.

use std::collections::BTreeMap;
use std::str::FromStr;

/// The settings of size-tiered compaction, and those that every strategy has. The defaults are
/// Cassandra's.
#[derive(Clone, Debug, PartialEq)]
pub struct CompactionOptions {
    /// `enabled`: whether the table is compacted without being asked to.
    pub enabled: bool,
    /// `min_threshold`: how many files of like size are merged at least.
    pub min_threshold: usize,
    /// `max_threshold`: how many files are merged at most.
    pub max_threshold: usize,
    /// `bucket_low`: files are of like size from this share of their mean on.
    pub bucket_low: f64,
    /// `bucket_high`: files are of like size up to this share of their mean.
    pub bucket_high: f64,
    /// `min_sstable_size`: all files below it are of like size, in bytes.
    pub min_sstable_bytes: u64,
    /// `tombstone_threshold`: the share of droppable things that makes one file worth rewriting.
    pub tombstone_threshold: f64,
    /// `tombstone_compaction_interval`: how long what is droppable waits for that, in seconds.
    pub tombstone_compaction_interval_seconds: i64,
}

impl Default for CompactionOptions {
    fn default() -> Self {
        Self {
            enabled: true,
            min_threshold: 4,
            max_threshold: 32,
            bucket_low: 0.5,
            bucket_high: 1.5,
            min_sstable_bytes: 50 << 20,
            tombstone_threshold: 0.2,
            tombstone_compaction_interval_seconds: 86_400,
        }
    }
}

impl CompactionOptions {
    /// The settings of a table whose `compaction` option is `map`.
    pub fn of(map: &BTreeMap<String, String>) -> Self {
        let default = Self::default();
        let min_threshold = number(map, "min_threshold", default.min_threshold).max(2);
        Self {
            enabled: map
                .get("enabled")
                .is_none_or(|value| value.eq_ignore_ascii_case("true")),
            min_threshold,
            max_threshold: number(map, "max_threshold", default.max_threshold).max(min_threshold),
            bucket_low: number(map, "bucket_low", default.bucket_low),
            bucket_high: number(map, "bucket_high", default.bucket_high),
            min_sstable_bytes: number(map, "min_sstable_size", default.min_sstable_bytes),
            tombstone_threshold: number(map, "tombstone_threshold", default.tombstone_threshold),
            tombstone_compaction_interval_seconds: number(
                map,
                "tombstone_compaction_interval",
                default.tombstone_compaction_interval_seconds,
            ),
        }
    }
}

fn number<T: FromStr>(map: &BTreeMap<String, String>, key: &str, default: T) -> T {
    map.get(key)
        .and_then(|value| value.trim().parse().ok())
        .unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_defaults_filled_in() {
        let map = |entries: &[(&str, &str)]| {
            let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            entries.iter().map(owned).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(
            CompactionOptions::of(&map(&[])),
            CompactionOptions::default()
        );
        let options = CompactionOptions::of(&map(&[
            ("class", "SizeTieredCompactionStrategy"),
            ("enabled", "false"),
            ("min_threshold", "2"),
            ("max_threshold", "8"),
            ("bucket_low", "0.1"),
            ("bucket_high", "3"),
            ("min_sstable_size", "100MiB"),
            ("tombstone_threshold", "0.5"),
            ("tombstone_compaction_interval", "60"),
        ]));
        let expected = CompactionOptions {
            enabled: false,
            min_threshold: 2,
            max_threshold: 8,
            bucket_low: 0.1,
            bucket_high: 3.0,
            min_sstable_bytes: 50 << 20,
            tombstone_threshold: 0.5,
            tombstone_compaction_interval_seconds: 60,
        };
        assert_eq!(options, expected);
    }
}
