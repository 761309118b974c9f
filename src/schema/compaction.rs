//! The `compaction` option of a table: which strategy, and its settings.
//!
//! Names, defaults, checks and the words of refusals are Cassandra 5.0's. All four strategies are
//! taken, checked and stored; storage carries them out as size-tiered compaction, with the
//! thresholds that are given, until each has an implementation of its own.

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

/// The package of Cassandra's own strategies.
const PACKAGE: &str = "org.apache.cassandra.db.compaction.";

/// The settings of size-tiered compaction, and those that every strategy has.
#[derive(Clone, Debug, PartialEq)]
pub struct CompactionOptions {
    /// `enabled`: whether tables are compacted without being asked to.
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

/// The settings that every strategy takes.
const COMMON: &[&str] = &[
    "class",
    "enabled",
    "log_all",
    "max_threshold",
    "min_threshold",
    "only_purge_repaired_tombstones",
    "provide_overlapping_tombstones",
    "tombstone_compaction_interval",
    "tombstone_threshold",
    "unchecked_tombstone_compaction",
];

/// What each strategy takes beside those.
const STRATEGIES: &[(&str, &[&str])] = &[
    ("SizeTieredCompactionStrategy", SIZE_TIERED),
    (
        "LeveledCompactionStrategy",
        &["fanout_size", "single_sstable_uplevel", "sstable_size_in_mb"],
    ),
    (
        "TimeWindowCompactionStrategy",
        &[
            "bucket_high",
            "bucket_low",
            "compaction_window_size",
            "compaction_window_unit",
            "expired_sstable_check_frequency_seconds",
            "min_sstable_size",
            "timestamp_resolution",
            "unsafe_aggressive_sstable_expiration",
        ],
    ),
    (
        "UnifiedCompactionStrategy",
        &[
            "base_shard_count",
            "expired_sstable_check_frequency_seconds",
            "flush_size_override",
            "max_sstables_to_compact",
            "min_sstable_size",
            "overlap_inclusion_method",
            "parallelize_output_shards",
            "scaling_parameters",
            "sstable_growth",
            "target_sstable_size",
            "unsafe_aggressive_sstable_expiration",
        ],
    ),
];

/// What size-tiered compaction takes beside the common settings.
const SIZE_TIERED: &[&str] = &["bucket_high", "bucket_low", "min_sstable_size"];

type Map = BTreeMap<String, String>;

/// Checks the value of the `compaction` option, and answers it as Cassandra stores it: with the
/// strategy's full name, and thresholds filled in where the strategy is size-tiered.
pub fn normalize_compaction(options: &Map) -> Result<Map> {
    let class = options.get("class").ok_or_else(|| {
        Error::config("Missing sub-option 'class' for the 'compaction' option")
    })?;
    let full = if class.contains('.') {
        class.clone()
    } else {
        format!("{PACKAGE}{class}")
    };
    let unknown = || Error::config(format!("Unable to find compaction strategy class '{full}'"));
    let name = full.strip_prefix(PACKAGE).ok_or_else(unknown)?;
    let (_, own) = STRATEGIES
        .iter()
        .find(|(strategy, _)| *strategy == name)
        .ok_or_else(unknown)?;
    let parsed = CompactionOptions::parse(options)?;
    check_strategy(name, options)?;
    let strange: Vec<&str> = options
        .keys()
        .map(String::as_str)
        .filter(|key| !COMMON.contains(key) && !own.contains(key))
        .collect();
    if !strange.is_empty() {
        return Err(Error::config(format!(
            "Properties specified [{}] are not understood by {name}",
            strange.join(", ")
        )));
    }
    let mut stored = options.clone();
    stored.insert("class".to_owned(), full);
    if name != "UnifiedCompactionStrategy" && name != "LeveledCompactionStrategy" {
        let (min, max) = (parsed.min_threshold, parsed.max_threshold);
        stored
            .entry("min_threshold".to_owned())
            .or_insert_with(|| min.to_string());
        stored
            .entry("max_threshold".to_owned())
            .or_insert_with(|| max.to_string());
    }
    Ok(stored)
}

/// A setting that is a number: `what` says in Cassandra's words what it should have been.
fn number<T: FromStr>(options: &Map, key: &str, what: &str) -> Result<Option<T>> {
    options
        .get(key)
        .map(|value| {
            let wrong = |_| Error::config(format!("{value} is not a parsable {what} for {key}"));
            value.trim().parse().map_err(wrong)
        })
        .transpose()
}

/// A setting that is true or false.
fn truth(options: &Map, key: &str) -> Result<Option<bool>> {
    let Some(value) = options.get(key) else {
        return Ok(None);
    };
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        _ => Err(Error::config(format!(
            "'{key}' should be either 'true' or 'false', not '{value}'"
        ))),
    }
}

fn at_least<T: PartialOrd + Display>(
    value: Option<T>,
    least: &T,
    words: impl Fn(&T) -> String,
) -> Result<Option<T>> {
    match value {
        Some(value) if value < *least => Err(Error::config(words(&value))),
        value => Ok(value),
    }
}

fn threshold(options: &Map, key: &str, default: i32) -> Result<i32> {
    options.get(key).map_or(Ok(default), |value| {
        value.trim().parse().map_err(|_| {
            Error::config(format!(
                "Invalid value {value} for '{key}' compaction sub-option - must be an integer"
            ))
        })
    })
}

impl CompactionOptions {
    /// The settings in a table's `compaction` option; what is not given has its default.
    pub fn parse(options: &Map) -> Result<Self> {
        let default = Self::default();
        let (min_threshold, max_threshold) = thresholds(options)?;
        let positive = |key: &'static str| {
            move |value: &f64| format!("{key} must be greater than 0, but was {value:.6}")
        };
        let key = "tombstone_threshold";
        let tombstone_threshold =
            at_least(number(options, key, "int (base10)")?, &0.0, positive(key))?;
        let key = "tombstone_compaction_interval";
        let interval = at_least(number(options, key, "int (base10)")?, &0_i64, |value| {
            format!("{key} must be greater than 0, but was {value}")
        })?;
        truth(options, "unchecked_tombstone_compaction")?;
        truth(options, "only_purge_repaired_tombstones")?;
        truth(options, "log_all")?;
        let key = "min_sstable_size";
        let unified = options
            .get("class")
            .is_some_and(|class| class.ends_with("UnifiedCompactionStrategy"));
        // The unified strategy writes sizes with units here; they don't matter to size tiers.
        let min_sstable_bytes = if unified {
            None
        } else {
            at_least(number(options, key, "int (base10)")?, &0_i64, |value| {
                format!("{key} must be non negative: {value}")
            })?
        };
        let low = number(options, "bucket_low", "float")?.unwrap_or(default.bucket_low);
        let high = number(options, "bucket_high", "float")?.unwrap_or(default.bucket_high);
        if high <= low {
            return Err(Error::config(format!(
                "bucket_high value ({high:?}) is less than or equal to the bucket_low value \
                 ({low:?})"
            )));
        }
        Ok(Self {
            enabled: options
                .get("enabled")
                .is_none_or(|value| value.eq_ignore_ascii_case("true")),
            min_threshold,
            max_threshold,
            bucket_low: low,
            bucket_high: high,
            min_sstable_bytes: min_sstable_bytes
                .and_then(|bytes| u64::try_from(bytes).ok())
                .unwrap_or(default.min_sstable_bytes),
            tombstone_threshold: tombstone_threshold.unwrap_or(default.tombstone_threshold),
            tombstone_compaction_interval_seconds: interval
                .unwrap_or(default.tombstone_compaction_interval_seconds),
        })
    }
}

fn thresholds(options: &Map) -> Result<(usize, usize)> {
    let min = threshold(options, "min_threshold", 4)?;
    let max = threshold(options, "max_threshold", 32)?;
    if min <= 0 || max <= 0 {
        return Err(Error::config(
            "Disabling compaction by setting compaction thresholds to 0 has been removed, set the \
             compaction option 'enabled' to false instead.",
        ));
    }
    if min <= 1 {
        return Err(Error::config(format!(
            "Min compaction threshold cannot be less than 2 (got {min})"
        )));
    }
    if min > max {
        return Err(Error::config(format!(
            "Min compaction threshold (got {min}) cannot be greater than max compaction threshold \
             (got {max})"
        )));
    }
    let size = |number: i32| usize::try_from(number).unwrap_or(usize::MAX);
    Ok((size(min), size(max)))
}

/// Checks the settings of one strategy alone.
fn check_strategy(name: &str, options: &Map) -> Result<()> {
    match name {
        "LeveledCompactionStrategy" => {
            for key in ["sstable_size_in_mb", "fanout_size"] {
                at_least(number(options, key, "int (base10)")?, &1_i32, |value| {
                    format!("{key} must be larger than 0, but was {value}")
                })?;
            }
            truth(options, "single_sstable_uplevel").map(|_| ())
        }
        "TimeWindowCompactionStrategy" => check_windows(options),
        _ => Ok(()),
    }
}

fn check_windows(options: &Map) -> Result<()> {
    let one_of = |key: &str, words: &[&str]| match options.get(key) {
        Some(value) if !words.contains(&value.to_ascii_uppercase().as_str()) => Err(
            Error::config(format!("{value} is not valid for {key}")),
        ),
        _ => Ok(()),
    };
    one_of("compaction_window_unit", &["MINUTES", "HOURS", "DAYS"])?;
    let resolutions = ["MICROSECONDS", "MILLISECONDS", "SECONDS", "NANOSECONDS"];
    one_of("timestamp_resolution", &resolutions)?;
    let key = "compaction_window_size";
    at_least(number(options, key, "int (base10)")?, &1_i32, |value| {
        format!("{value} must be greater than 1 for {key}")
    })?;
    let key = "expired_sstable_check_frequency_seconds";
    at_least(number(options, key, "int (base10)")?, &0_i64, |value| {
        format!("{key} must not be negative, but was {value}")
    })?;
    let key = "unsafe_aggressive_sstable_expiration";
    match options.get(key) {
        Some(value) if !["true", "false"].contains(&value.to_ascii_lowercase().as_str()) => {
            Err(Error::config(format!("{value} is not 'true' or 'false' ({key})")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> Map {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        entries.iter().map(owned).collect()
    }

    fn refusal(entries: &[(&str, &str)]) -> String {
        let mut all = vec![("class", "SizeTieredCompactionStrategy")];
        all.extend_from_slice(entries);
        normalize_compaction(&map(&all)).unwrap_err().message
    }

    #[test]
    fn the_class_gets_its_full_name_and_thresholds_their_defaults() {
        let stored = normalize_compaction(&map(&[
            ("class", "SizeTieredCompactionStrategy"),
            ("min_threshold", "3"),
        ]));
        let expected = map(&[
            ("class", "org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy"),
            ("max_threshold", "32"),
            ("min_threshold", "3"),
        ]);
        assert_eq!(stored.unwrap(), expected);
        assert_eq!(normalize_compaction(&expected).unwrap(), expected);
        for (name, own) in STRATEGIES {
            normalize_compaction(&map(&[("class", name)])).unwrap();
            assert!(own.is_sorted());
        }
    }

    #[test]
    fn settings_are_read() {
        let options = CompactionOptions::parse(&map(&[
            ("class", "SizeTieredCompactionStrategy"),
            ("enabled", "false"),
            ("min_threshold", "2"),
            ("max_threshold", "8"),
            ("bucket_low", "0.1"),
            ("bucket_high", "3"),
            ("min_sstable_size", "1024"),
            ("tombstone_threshold", "0.5"),
            ("tombstone_compaction_interval", "60"),
        ]));
        let expected = CompactionOptions {
            enabled: false,
            min_threshold: 2,
            max_threshold: 8,
            bucket_low: 0.1,
            bucket_high: 3.0,
            min_sstable_bytes: 1024,
            tombstone_threshold: 0.5,
            tombstone_compaction_interval_seconds: 60,
        };
        assert_eq!(options.unwrap(), expected);
        let default = CompactionOptions::parse(&Map::new()).unwrap();
        assert_eq!(default, CompactionOptions::default());
    }

    #[test]
    fn what_is_wrong_is_refused_in_cassandras_words() {
        let missing = normalize_compaction(&Map::new()).unwrap_err();
        assert_eq!(
            missing.message,
            "Missing sub-option 'class' for the 'compaction' option"
        );
        let unknown = normalize_compaction(&map(&[("class", "Foo")])).unwrap_err();
        assert_eq!(
            unknown.message,
            "Unable to find compaction strategy class 'org.apache.cassandra.db.compaction.Foo'"
        );
        assert_eq!(
            refusal(&[("foo", "1")]),
            "Properties specified [foo] are not understood by SizeTieredCompactionStrategy"
        );
        assert_eq!(
            refusal(&[("min_threshold", "1")]),
            "Min compaction threshold cannot be less than 2 (got 1)"
        );
        assert_eq!(
            refusal(&[("min_threshold", "9"), ("max_threshold", "8")]),
            "Min compaction threshold (got 9) cannot be greater than max compaction threshold \
             (got 8)"
        );
        assert!(refusal(&[("max_threshold", "0")]).starts_with("Disabling compaction by"));
        assert_eq!(
            refusal(&[("min_threshold", "x")]),
            "Invalid value x for 'min_threshold' compaction sub-option - must be an integer"
        );
        assert_eq!(
            refusal(&[("bucket_low", "2")]),
            "bucket_high value (1.5) is less than or equal to the bucket_low value (2.0)"
        );
        assert_eq!(
            refusal(&[("bucket_low", "x")]),
            "x is not a parsable float for bucket_low"
        );
        assert_eq!(
            refusal(&[("min_sstable_size", "-1")]),
            "min_sstable_size must be non negative: -1"
        );
        assert_eq!(
            refusal(&[("unchecked_tombstone_compaction", "maybe")]),
            "'unchecked_tombstone_compaction' should be either 'true' or 'false', not 'maybe'"
        );
        let windows = normalize_compaction(&map(&[
            ("class", "TimeWindowCompactionStrategy"),
            ("compaction_window_unit", "weeks"),
        ]));
        let error = windows.unwrap_err();
        assert_eq!(error.message, "weeks is not valid for compaction_window_unit");
        assert_eq!(error.kind, crate::ErrorKind::Config);
    }
}
