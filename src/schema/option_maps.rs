//! Options that are maps: `compaction`, `compression` and `caching`.
//!
//! Each function takes the map as a statement gives it and answers it as it is stored and shown:
//! classes by their full names, defaults filled in where Cassandra fills them in.

use crate::error::{Error, Result};
use std::collections::BTreeMap;

type Map = BTreeMap<String, String>;

pub(super) fn full_class(package: &str, class: &str) -> String {
    if class.contains('.') {
        class.to_owned()
    } else {
        format!("{package}.{class}")
    }
}

// ---- compaction

const COMPACTION_PACKAGE: &str = "org.apache.cassandra.db.compaction";

/// What a sub-option of `compaction` may be.
#[derive(Clone, Copy, PartialEq)]
enum Rule {
    Boolean,
    /// A number above zero.
    Positive,
    /// A number, zero included.
    NotNegative,
    /// An integer of at least so much.
    Integer(i64),
    /// One of these words.
    Words(&'static [&'static str]),
    /// Anything: stored and shown.
    Text,
}

const COMMON: &[(&str, Rule)] = &[
    ("enabled", Rule::Boolean),
    ("log_all", Rule::Boolean),
    ("max_threshold", Rule::Integer(0)),
    ("min_threshold", Rule::Integer(0)),
    ("only_purge_repaired_tombstones", Rule::Boolean),
    (
        "provide_overlapping_tombstones",
        Rule::Words(&["NONE", "ROW", "CELL"]),
    ),
    ("tombstone_compaction_interval", Rule::Integer(1)),
    ("tombstone_threshold", Rule::Positive),
    ("unchecked_tombstone_compaction", Rule::Boolean),
];

const SIZE_TIERED: &[(&str, Rule)] = &[
    ("bucket_high", Rule::Positive),
    ("bucket_low", Rule::Positive),
    ("min_sstable_size", Rule::Integer(0)),
];

const LEVELED: &[(&str, Rule)] = &[
    ("fanout_size", Rule::Integer(1)),
    ("single_sstable_uplevel", Rule::Boolean),
    ("sstable_size_in_mb", Rule::Integer(1)),
];

const TIME_WINDOW: &[(&str, Rule)] = &[
    ("compaction_window_size", Rule::Integer(1)),
    (
        "compaction_window_unit",
        Rule::Words(&["MINUTES", "HOURS", "DAYS"]),
    ),
    ("expired_sstable_check_frequency_seconds", Rule::Integer(0)),
    (
        "timestamp_resolution",
        Rule::Words(&["SECONDS", "MILLISECONDS", "MICROSECONDS"]),
    ),
    ("unsafe_aggressive_sstable_expiration", Rule::Boolean),
];

const UNIFIED: &[(&str, Rule)] = &[
    ("base_shard_count", Rule::Integer(1)),
    ("expired_sstable_check_frequency_seconds", Rule::Integer(1)),
    ("flush_size_override", Rule::Text),
    ("max_sstables_to_compact", Rule::Integer(0)),
    ("min_sstable_size", Rule::Text),
    (
        "overlap_inclusion_method",
        Rule::Words(&["NONE", "SINGLE", "TRANSITIVE"]),
    ),
    ("scaling_parameters", Rule::Text),
    ("sstable_growth", Rule::NotNegative),
    ("target_sstable_size", Rule::Text),
    ("unsafe_aggressive_sstable_expiration", Rule::Boolean),
];

fn strategy_options(class: &str) -> Option<&'static [&'static [(&'static str, Rule)]]> {
    match class {
        "SizeTieredCompactionStrategy" => Some(&[COMMON, SIZE_TIERED]),
        "LeveledCompactionStrategy" => Some(&[COMMON, LEVELED, SIZE_TIERED]),
        "TimeWindowCompactionStrategy" => Some(&[COMMON, TIME_WINDOW, SIZE_TIERED]),
        "UnifiedCompactionStrategy" => Some(&[COMMON, UNIFIED]),
        _ => None,
    }
}

/// Checks `compaction`.
pub fn compaction(given: &Map) -> Result<Map> {
    let Some(class) = given.get("class") else {
        return Err(Error::config(
            "Missing sub-option 'class' for the 'compaction' option",
        ));
    };
    let full = full_class(COMPACTION_PACKAGE, class);
    let short = full
        .strip_prefix(COMPACTION_PACKAGE)
        .and_then(|rest| rest.strip_prefix('.'))
        .unwrap_or_default();
    let Some(options) = strategy_options(short) else {
        return Err(Error::config(format!(
            "Unable to find compaction strategy class '{full}'"
        )));
    };
    let mut unknown = Vec::new();
    for (name, value) in given.iter().filter(|(name, _)| *name != "class") {
        let rule = options
            .iter()
            .copied()
            .flatten()
            .find(|(known, _)| known == name);
        match rule {
            Some((_, rule)) => check(name, value, *rule)?,
            None => unknown.push(name.as_str()),
        }
    }
    if !unknown.is_empty() {
        return Err(Error::config(format!(
            "Properties specified [{}] are not understood by {short}",
            unknown.join(", ")
        )));
    }
    // The unified strategy has no thresholds.
    let unified = short == "UnifiedCompactionStrategy";
    let mut stored = given.clone();
    stored.insert("class".to_owned(), full);
    let thresholds = [("max_threshold", "32"), ("min_threshold", "4")];
    for (name, value) in thresholds.into_iter().filter(|_| !unified) {
        stored
            .entry(name.to_owned())
            .or_insert_with(|| value.to_owned());
    }
    check_together(&stored)?;
    Ok(stored)
}

fn check(name: &str, value: &str, rule: Rule) -> Result<()> {
    let number = || {
        value
            .parse::<f64>()
            .map_err(|_| Error::config(format!("{value} is not a parsable float for {name}")))
    };
    match rule {
        Rule::Text => {}
        Rule::Boolean => {
            let known = value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false");
            if !known {
                return Err(Error::config(format!(
                    "'{name}' should be either 'true' or 'false', not '{value}'"
                )));
            }
        }
        Rule::Positive => {
            let number = number()?;
            if !(number > 0.0 && number.is_finite()) {
                return Err(Error::config(format!(
                    "{name} must be greater than 0, but was {number:.6}"
                )));
            }
        }
        Rule::NotNegative => {
            let number = number()?;
            if !(number >= 0.0 && number.is_finite()) {
                return Err(Error::config(format!(
                    "{name} must be non negative, but was {number:?}"
                )));
            }
        }
        Rule::Integer(least) => {
            let number: i64 = value.parse().map_err(|_| {
                Error::config(match name {
                    "min_threshold" | "max_threshold" => format!(
                        "Invalid value {value} for '{name}' compaction sub-option - must be an \
                         integer"
                    ),
                    _ => format!("{value} is not a parsable int (base10) for {name}"),
                })
            })?;
            if number < least {
                return Err(Error::config(match least {
                    0 => format!("{name} must be non negative: {number}"),
                    _ => match name {
                        "compaction_window_size" => {
                            format!("{number} must be greater than 1 for {name}")
                        }
                        "sstable_size_in_mb" => {
                            format!("{name} must be larger than 0, but was {number}")
                        }
                        _ => format!("{name} must be greater than 0, but was {number}"),
                    },
                }));
            }
        }
        Rule::Words(words) => {
            if !words.iter().any(|word| word.eq_ignore_ascii_case(value)) {
                return Err(Error::config(format!("{value} is not valid for {name}"))
                    .with_hint(format!("It must be one of {}.", words.join(", "))));
            }
        }
    }
    Ok(())
}

/// Rules on several sub-options of `compaction` at once.
fn check_together(stored: &Map) -> Result<()> {
    let number = |name: &str, default: f64| {
        stored
            .get(name)
            .and_then(|value| value.parse::<f64>().ok())
            .unwrap_or(default)
    };
    let (low, high) = (number("bucket_low", 0.5), number("bucket_high", 1.5));
    if high <= low {
        return Err(Error::config(format!(
            "bucket_high value ({high:?}) is less than or equal to the bucket_low value ({low:?})"
        )));
    }
    let (min, max) = (number("min_threshold", 4.0), number("max_threshold", 32.0));
    if min <= 0.0 || max <= 0.0 {
        return Err(Error::config(
            "Disabling compaction by setting compaction thresholds to 0 has been removed, set the \
             compaction option 'enabled' to false instead.",
        ));
    }
    if min < 2.0 {
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
    Ok(())
}

// ---- compression

const COMPRESSION_PACKAGE: &str = "org.apache.cassandra.io.compress";

const COMPRESSORS: &[(&str, &[&str])] = &[
    (
        "LZ4Compressor",
        &["lz4_compressor_type", "lz4_high_compressor_level"],
    ),
    ("SnappyCompressor", &[]),
    ("DeflateCompressor", &[]),
    ("ZstdCompressor", &["compression_level"]),
    ("NoopCompressor", &[]),
];

/// Checks `compression`.
pub fn compression(given: &Map) -> Result<Map> {
    let enabled = given
        .get("enabled")
        .is_none_or(|enabled| enabled.eq_ignore_ascii_case("true"));
    if !enabled {
        if given.len() > 1 {
            return Err(Error::config(
                "If the 'enabled' option is set to false no other options must be specified",
            ));
        }
        return Ok(Map::from([("enabled".to_owned(), "false".to_owned())]));
    }
    let class = match given.get("class") {
        Some(class) if !class.is_empty() => class,
        Some(_) => {
            return Err(Error::config(
                "The 'class' option must not be empty. To disable compression use 'enabled' : \
                 false",
            ));
        }
        None if given.is_empty() => {
            return Ok(Map::from([("enabled".to_owned(), "false".to_owned())]));
        }
        None => {
            return Err(Error::config(
                "Missing sub-option 'class' for the 'compression' option.",
            ));
        }
    };
    let full = full_class(COMPRESSION_PACKAGE, class);
    let known = COMPRESSORS
        .iter()
        .find(|(name, _)| full == format!("{COMPRESSION_PACKAGE}.{name}"));
    let Some((_, options)) = known else {
        return Err(Error::config(format!(
            "Could not create Compression for type {full}"
        )));
    };
    let mut stored = Map::new();
    for (name, value) in given {
        match name.as_str() {
            "enabled" | "class" => {}
            "chunk_length_in_kb" => check_chunk_length(value)?,
            "min_compress_ratio" => check_ratio(value)?,
            name if options.contains(&name) => {}
            name => {
                return Err(Error::config(format!("Unknown compression options {name}")));
            }
        }
        if name != "enabled" {
            stored.insert(name.clone(), value.clone());
        }
    }
    stored.insert("class".to_owned(), full);
    stored
        .entry("chunk_length_in_kb".to_owned())
        .or_insert_with(|| "16".to_owned());
    Ok(stored)
}

fn check_chunk_length(value: &str) -> Result<()> {
    let kib: i64 = value
        .parse()
        .map_err(|_| Error::config("Invalid value for chunk_length_in_kb"))?;
    if kib <= 0 {
        return Err(Error::config("Invalid negative or null chunk_length_in_kb"));
    }
    if kib > i64::from(i32::MAX) / 1024 {
        return Err(Error::config(format!(
            "Value of chunk_length_in_kb is too large ({kib})"
        )));
    }
    if kib.count_ones() != 1 {
        return Err(Error::config("chunk_length_in_kb must be a power of 2"));
    }
    Ok(())
}

fn check_ratio(value: &str) -> Result<()> {
    let ratio: f64 = value
        .parse()
        .map_err(|_| Error::config("Invalid value for min_compress_ratio"))?;
    if ratio != 0.0 && ratio < 1.0 {
        return Err(Error::config(
            "min_compress_ratio can either be 0 or greater than or equal to 1",
        ));
    }
    Ok(())
}

// ---- caching

/// Checks `caching`.
pub fn caching(given: &Map) -> Result<Map> {
    let mut stored = Map::from([
        ("keys".to_owned(), "ALL".to_owned()),
        ("rows_per_partition".to_owned(), "NONE".to_owned()),
    ]);
    for (name, value) in given {
        let upper = value.to_ascii_uppercase();
        let word = upper == "ALL" || upper == "NONE";
        let fine = match name.as_str() {
            "keys" => word,
            "rows_per_partition" => word || value.parse::<u32>().is_ok(),
            _ => {
                return Err(Error::config(format!(
                    "Invalid caching sub-options [{name}]: only 'keys' and 'rows_per_partition' \
                     are allowed"
                )));
            }
        };
        if !fine {
            let allowed = match name.as_str() {
                "keys" => "only 'ALL' and 'NONE' are allowed",
                _ => "only 'ALL', 'NONE', and integer values are allowed",
            };
            return Err(Error::config(format!(
                "Invalid value '{value}' for caching sub-option '{name}': {allowed}"
            )));
        }
        stored.insert(name.clone(), upper);
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> Map {
        entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn message(result: Result<Map>) -> String {
        let error = result.unwrap_err();
        assert_eq!(error.kind, crate::ErrorKind::Config);
        error.message
    }

    #[test]
    fn compaction_is_completed_and_checked() {
        let stored = compaction(&map(&[("class", "SizeTieredCompactionStrategy")])).unwrap();
        assert_eq!(
            stored,
            map(&[
                (
                    "class",
                    "org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy"
                ),
                ("max_threshold", "32"),
                ("min_threshold", "4"),
            ])
        );
        let with = |name: &str, value: &str| {
            compaction(&map(&[
                ("class", "TimeWindowCompactionStrategy"),
                (name, value),
            ]))
        };
        assert!(with("compaction_window_unit", "HOURS").is_ok());
        assert!(message(with("fanout_size", "1")).contains("[fanout_size] are not understood"));
        assert!(message(with("min_threshold", "1")).contains("cannot be less than 2"));
        assert!(message(with("min_threshold", "33")).contains("cannot be greater than max"));
        assert!(message(with("bucket_low", "2")).contains("less than or equal to the bucket_low"));
        assert!(message(with("tombstone_threshold", "-1")).contains("must be greater than 0"));
        assert!(message(with("enabled", "maybe")).contains("either 'true' or 'false'"));
        assert!(message(compaction(&map(&[]))).contains("Missing sub-option 'class'"));
        assert!(
            message(compaction(&map(&[("class", "Foo")])))
                .contains("Unable to find compaction strategy class")
        );
    }

    #[test]
    fn compression_is_completed_and_checked() {
        let off = map(&[("enabled", "false")]);
        assert_eq!(compression(&off).unwrap(), off);
        assert_eq!(compression(&map(&[])).unwrap(), off);
        let stored = compression(&map(&[("class", "ZstdCompressor")])).unwrap();
        assert_eq!(
            stored,
            map(&[
                ("chunk_length_in_kb", "16"),
                ("class", "org.apache.cassandra.io.compress.ZstdCompressor"),
            ])
        );
        let lz4 = |name: &str, value: &str| {
            compression(&map(&[("class", "LZ4Compressor"), (name, value)]))
        };
        assert!(message(lz4("chunk_length_in_kb", "3")).contains("power of 2"));
        assert!(message(lz4("nope", "3")).contains("Unknown compression options nope"));
        assert!(message(lz4("enabled", "false")).contains("no other options"));
        assert!(message(compression(&map(&[("class", "Foo")]))).contains("Could not create"));
    }

    #[test]
    fn caching_is_completed_and_checked() {
        let stored = caching(&map(&[("rows_per_partition", "10")])).unwrap();
        assert_eq!(
            stored,
            map(&[("keys", "ALL"), ("rows_per_partition", "10")])
        );
        assert!(message(caching(&map(&[("keys", "5")]))).contains("only 'ALL' and 'NONE'"));
        assert!(message(caching(&map(&[("x", "5")]))).contains("Invalid caching sub-options"));
    }
}
