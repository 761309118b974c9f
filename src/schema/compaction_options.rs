//! The option `compaction`: which strategy, and the settings of each.
//!
//! A strategy checks what it understands in an order of its own and with words of its own; what is
//! left over then is refused by name. A setting is kept as it was given.

use crate::error::{Error, Result};
use crate::schema::option_maps::full_class;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

type Map = BTreeMap<String, String>;

const PACKAGE: &str = "org.apache.cassandra.db.compaction";

/// Where a window's length, and the resolution of timestamps, are counted in.
const TIME_UNITS: &[&str] = &[
    "NANOSECONDS",
    "MICROSECONDS",
    "MILLISECONDS",
    "SECONDS",
    "MINUTES",
    "HOURS",
    "DAYS",
];

/// The settings as given, and which of them were looked at.
struct Given<'a> {
    map: &'a Map,
    understood: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Given<'a> {
    fn get(&self, name: &'static str) -> Option<&'a str> {
        self.understood.borrow_mut().insert(name);
        self.map.get(name).map(String::as_str)
    }

    /// An integer, or `default` where it is not given.
    fn integer(&self, name: &'static str, default: i64) -> Result<i64> {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        text.parse()
            .map_err(|_| Error::config(format!("{text} is not a parsable int (base10) for {name}")))
    }

    /// A number above zero, or `default`.
    fn positive(&self, name: &'static str, default: f64) -> Result<f64> {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        let number: f64 = text
            .parse()
            .map_err(|_| Error::config(format!("{text} is not a parsable float for {name}")))?;
        if !(number > 0.0 && number.is_finite()) {
            return Err(Error::config(format!(
                "{name} must be greater than 0, but was {number:.6}"
            )));
        }
        Ok(number)
    }

    /// True, false or nothing; something else is refused in `words`.
    fn boolean(&self, name: &'static str, words: impl Fn(&str) -> String) -> Result<()> {
        match self.get(name) {
            Some(text) if !is_boolean(text) => Err(Error::config(words(text))),
            _ => Ok(()),
        }
    }

    /// What nobody looked at.
    fn left_over(&self) -> Vec<&'a str> {
        let understood = self.understood.borrow();
        let names = self.map.keys().map(String::as_str);
        names
            .filter(|name| *name != "class" && !understood.contains(name))
            .collect()
    }
}

fn is_boolean(text: &str) -> bool {
    text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
}

/// Checks `compaction`, and completes it as it is stored and shown.
pub fn compaction(map: &Map) -> Result<Map> {
    let Some(class) = map.get("class") else {
        return Err(Error::config(
            "Missing sub-option 'class' for the 'compaction' option",
        ));
    };
    let full = full_class(PACKAGE, class);
    let short = full
        .strip_prefix(PACKAGE)
        .and_then(|rest| rest.strip_prefix('.'))
        .unwrap_or_default();
    let given = Given {
        map,
        understood: RefCell::default(),
    };
    let mut stored = map.clone();
    match short {
        "SizeTieredCompactionStrategy" => {
            common(&given)?;
            size_tiered(&given)?;
        }
        "LeveledCompactionStrategy" => {
            common(&given)?;
            leveled(&given)?;
            size_tiered(&given)?;
        }
        "TimeWindowCompactionStrategy" => {
            common(&given)?;
            time_window(&given)?;
            size_tiered(&given)?;
        }
        "UnifiedCompactionStrategy" => {
            common(&given)?;
            unified(&given)?;
        }
        _ => {
            return Err(Error::config(format!(
                "Unable to find compaction strategy class '{full}'"
            )));
        }
    }
    // The unified strategy has no thresholds.
    if short != "UnifiedCompactionStrategy" {
        thresholds(&given, &mut stored)?;
    }
    let unknown = given.left_over();
    if !unknown.is_empty() {
        return Err(Error::config(format!(
            "Properties specified [{}] are not understood by {short}",
            unknown.join(", ")
        )));
    }
    if let Some(text) = given.get("provide_overlapping_tombstones") {
        one_of(text, &["NONE", "ROW", "CELL"]).map_err(|upper| {
            Error::config(format!(
                "Invalid value {upper} for 'provide_overlapping_tombstones' compaction sub-option \
                 - must be one of the following [NONE, ROW, CELL]."
            ))
        })?;
    }
    stored.insert("class".to_owned(), full);
    Ok(stored)
}

/// Whether `text` in upper case is one of `words`; if not, it in upper case.
fn one_of(text: &str, words: &[&str]) -> std::result::Result<(), String> {
    let upper = text.to_ascii_uppercase();
    match words.contains(&upper.as_str()) {
        true => Ok(()),
        false => Err(upper),
    }
}

/// What all strategies know.
fn common(given: &Given<'_>) -> Result<()> {
    if let Some(text) = given.get("tombstone_threshold") {
        let number: f64 = text.parse().map_err(|_| {
            Error::config(format!(
                "{text} is not a parsable int (base10) for tombstone_threshold"
            ))
        })?;
        if number < 0.0 {
            return Err(Error::config(format!(
                "tombstone_threshold must be greater than 0, but was {number:.6}"
            )));
        }
    }
    let interval = given.integer("tombstone_compaction_interval", 0)?;
    if interval < 0 {
        return Err(Error::config(format!(
            "tombstone_compaction_interval must be greater than 0, but was {interval}"
        )));
    }
    given.boolean("unchecked_tombstone_compaction", |text| {
        format!("'unchecked_tombstone_compaction' should be either 'true' or 'false', not '{text}'")
    })?;
    given.boolean("log_all", |text| {
        format!("'log_all' should either be 'true' or 'false', not {text}")
    })?;
    given.boolean("enabled", |text| {
        format!("enabled should either be 'true' or 'false', not {text}")
    })?;
    given.get("only_purge_repaired_tombstones");
    given.get("provide_overlapping_tombstones");
    Ok(())
}

fn size_tiered(given: &Given<'_>) -> Result<()> {
    let least = given.integer("min_sstable_size", 0)?;
    if least < 0 {
        return Err(Error::config(format!(
            "min_sstable_size must be non negative: {least}"
        )));
    }
    let low = given.positive("bucket_low", 0.5)?;
    let high = given.positive("bucket_high", 1.5)?;
    if high <= low {
        return Err(Error::config(format!(
            "bucket_high value ({high:?}) is less than or equal to the bucket_low value ({low:?})"
        )));
    }
    Ok(())
}

/// How many files are compacted at once, completed by the defaults.
fn thresholds(given: &Given<'_>, stored: &mut Map) -> Result<()> {
    let mut threshold = |name: &'static str, default: &str| -> Result<i32> {
        let text = given.get(name).unwrap_or(default);
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits).ok_or_else(|| {
            Error::config(format!(
                "Invalid value {text} for '{name}' compaction sub-option - must be an integer"
            ))
        })?;
        stored.insert(name.to_owned(), text.to_owned());
        Ok(number)
    };
    let most = threshold("max_threshold", "32")?;
    let least = threshold("min_threshold", "4")?;
    if least == 0 || most == 0 {
        return Err(Error::config(
            "Disabling compaction by setting compaction thresholds to 0 has been removed, set the \
             compaction option 'enabled' to false instead.",
        ));
    }
    if least < 2 {
        return Err(Error::config(format!(
            "Min compaction threshold cannot be less than 2 (got {least})"
        )));
    }
    if least > most {
        return Err(Error::config(format!(
            "Min compaction threshold (got {least}) cannot be greater than max compaction \
             threshold (got {most})"
        )));
    }
    Ok(())
}

fn leveled(given: &Given<'_>) -> Result<()> {
    let size = given.integer("sstable_size_in_mb", 160)?;
    if size < 1 {
        return Err(Error::config(format!(
            "sstable_size_in_mb must be larger than 0, but was {size}"
        )));
    }
    if let Some(text) = given.get("fanout_size") {
        let fanout: i64 = text.parse().map_err(|_| {
            // The size stands here in Cassandra's message as well.
            let size = given.get("sstable_size_in_mb").unwrap_or("1");
            Error::config(format!(
                "{size} is not a parsable int (base10) for fanout_size"
            ))
        })?;
        if fanout < 1 {
            return Err(Error::config(format!(
                "fanout_size must be larger than 0, but was {fanout}"
            )));
        }
    }
    given.get("single_sstable_uplevel");
    Ok(())
}

fn time_window(given: &Given<'_>) -> Result<()> {
    for (name, units) in [
        ("timestamp_resolution", TIME_UNITS),
        ("compaction_window_unit", &["MINUTES", "HOURS", "DAYS"]),
    ] {
        if let Some(text) = given.get(name)
            && !units.contains(&text)
        {
            return Err(Error::config(format!("{text} is not valid for {name}"))
                .with_hint(format!("It must be one of {}.", units.join(", "))));
        }
    }
    let size = given.integer("compaction_window_size", 1)?;
    if size < 1 {
        return Err(Error::config(format!(
            "{size} must be greater than 1 for compaction_window_size"
        )));
    }
    let check = given.integer("expired_sstable_check_frequency_seconds", 0)?;
    if check < 0 {
        return Err(Error::config(format!(
            "expired_sstable_check_frequency_seconds must not be negative, but was {check}"
        )));
    }
    given.boolean("unsafe_aggressive_sstable_expiration", |text| {
        format!("unsafe_aggressive_sstable_expiration is not 'true' or 'false' ({text})")
    })
}

const MEBIBYTE: f64 = 1_048_576.0;

fn unified(given: &Given<'_>) -> Result<()> {
    for parameter in given
        .get("scaling_parameters")
        .unwrap_or("T4")
        .split(',')
        .map(str::trim)
    {
        scaling_parameter(parameter)?;
    }
    let shards = given.integer("base_shard_count", 4)?;
    if shards <= 0 {
        return Err(Error::config(format!(
            "Invalid configuration, base_shard_count should be positive: {shards}"
        )));
    }
    let size_of = |name| -> Result<Option<f64>> {
        let Some(text) = given.get(name) else {
            return Ok(None);
        };
        let size = size_in_bytes(text).map_err(|why| {
            Error::config(format!("{name} {text} is not a valid size in bytes: {why}"))
        })?;
        if size < MEBIBYTE {
            return Err(Error::config(format!(
                "{name} {text} is not acceptable, size must be at least {}",
                pretty_size(MEBIBYTE)
            )));
        }
        Ok(Some(size))
    };
    let target = size_of("target_sstable_size")?.unwrap_or(1024.0 * MEBIBYTE);
    size_of("flush_size_override")?;
    if let Some(text) = given.get("expired_sstable_check_frequency_seconds") {
        let seconds: i64 = text.parse().map_err(|_| {
            Error::config(format!(
                "{text} is not a parsable long (base10) for expired_sstable_check_frequency_seconds"
            ))
        })?;
        if seconds <= 0 {
            return Err(Error::config(format!(
                "Invalid configuration, expired_sstable_check_frequency_seconds should be \
                 positive: {seconds}"
            )));
        }
    }
    given.boolean("unsafe_aggressive_sstable_expiration", |text| {
        format!(
            "unsafe_aggressive_sstable_expiration should either be 'true' or 'false', not {text}"
        )
    })?;
    growth_and_overlap(given)?;
    least_size(given, target)
}

/// `sstable_growth`, `overlap_inclusion_method` and `max_sstables_to_compact`.
fn growth_and_overlap(given: &Given<'_>) -> Result<()> {
    given.integer("max_sstables_to_compact", 0)?;
    if let Some(text) = given.get("sstable_growth") {
        let growth: f64 = text.parse().map_err(|_| {
            Error::config(format!(
                "sstable_growth is not a valid number between 0 and 1: For input string: \"{text}\""
            ))
        })?;
        if !(0.0..=1.0).contains(&growth) {
            return Err(Error::config(format!(
                "sstable_growth {text} must be between 0 and 1"
            )));
        }
    }
    if let Some(text) = given.get("overlap_inclusion_method")
        && one_of(text, &["NONE", "SINGLE", "TRANSITIVE"]).is_err()
    {
        return Err(Error::config(format!(
            "Invalid overlap inclusion method {text}. The valid options are [NONE, SINGLE, \
             TRANSITIVE]."
        )));
    }
    Ok(())
}

/// `min_sstable_size`, which is held against the size that is aimed at.
fn least_size(given: &Given<'_>, target: f64) -> Result<()> {
    let Some(text) = given.get("min_sstable_size") else {
        return Ok(());
    };
    let size = size_in_bytes(text).map_err(|_| {
        Error::config(format!(
            "{text} is not a valid size in bytes for min_sstable_size"
        ))
    })?;
    if size < 0.0 {
        return Err(Error::config(
            "Invalid configuration, min_sstable_size should be greater than or equal to 0 (zero)",
        ));
    }
    if size > target * 0.7 {
        return Err(Error::config(format!(
            "Invalid configuration, min_sstable_size ({}) should be less than 70% of the \
             targetSSTableSize ({})",
            pretty_size(size),
            pretty_size(target)
        )));
    }
    Ok(())
}

/// `N`, `T4`, `L10`, or a number with or without its sign.
fn scaling_parameter(text: &str) -> Result<()> {
    let number = |digits: &str| -> Option<i32> {
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| plain)
    };
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let fan = text.strip_prefix(['T', 'L']).map(number);
    match (text, fan) {
        ("N", _) => Ok(()),
        (_, Some(Some(fan))) if fan < 2 => Err(Error::config(format!(
            "Fan factor cannot be lower than 2 in {text}"
        ))),
        (_, Some(Some(_))) => Ok(()),
        _ if number(unsigned).is_some() => Ok(()),
        _ => Err(Error::config(format!(
            "Scaling parameter {text} must match N|L[0-9]+|T[0-9]+|[+-]?[0-9]+"
        ))),
    }
}

/// `100MiB`, `1.5 GiB`, `5MB` or `1000B` in bytes; why not, if it is none.
fn size_in_bytes(text: &str) -> std::result::Result<f64, String> {
    let Some(rest) = text.strip_suffix('B') else {
        return Err(format!("{text} does not end in unit B"));
    };
    let (digits, binary) = match rest.strip_suffix('i') {
        Some(digits) => (digits, true),
        None => (rest, false),
    };
    let prefixes = ["k", "M", "G", "T", "P", "E"];
    let letter = digits.chars().last().unwrap_or_default();
    let power = prefixes
        .iter()
        .position(|prefix| prefix.eq_ignore_ascii_case(&letter.to_string()));
    let (number, power) = match power {
        Some(at) => (&digits[..digits.len() - 1], at + 1),
        None => (digits, 0),
    };
    let end = number
        .find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c))
        .unwrap_or(number.len());
    let (number, behind) = number.split_at(end);
    let Ok(value) = number.parse::<f64>() else {
        return Err("null".to_owned());
    };
    if !behind.trim().is_empty() || (binary && power == 0) {
        let unit = match power {
            0 => text.len() - 1,
            _ => digits.len() - 1,
        };
        return Err(format!(
            "Unexpected characters between pos {end} and {unit} in {text}"
        ));
    }
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    let power = i32::try_from(power).unwrap_or(0);
    Ok(value * base.powi(power))
}

/// Bytes with three decimals of their largest unit.
fn pretty_size(bytes: f64) -> String {
    let (mut size, mut unit) = (bytes, "");
    for larger in ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] {
        if size < 1024.0 {
            break;
        }
        (size, unit) = (size / 1024.0, larger);
    }
    format!("{size:.3}{unit}B")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> Map {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        entries.iter().map(owned).collect()
    }

    fn message(result: Result<Map>) -> String {
        let error = result.unwrap_err();
        assert_eq!(error.kind, crate::ErrorKind::Config);
        error.message
    }

    #[test]
    fn compaction_is_completed_and_checked() {
        let stored = compaction(&map(&[("class", "SizeTieredCompactionStrategy")])).unwrap();
        let class = "org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy";
        let thresholds = [("max_threshold", "32"), ("min_threshold", "4")];
        let expected = [&[("class", class)][..], &thresholds].concat();
        assert_eq!(stored, map(&expected));
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
        assert!(message(with("enabled", "maybe")).contains("either be 'true' or 'false'"));
        assert!(message(compaction(&map(&[]))).contains("Missing sub-option 'class'"));
        let unknown = compaction(&map(&[("class", "Foo")]));
        assert!(message(unknown).contains("Unable to find compaction strategy class"));
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(size_in_bytes("1000B"), Ok(1000.0));
        assert_eq!(size_in_bytes("1.5 GiB"), Ok(1536.0 * MEBIBYTE));
        assert_eq!(size_in_bytes("5MB"), Ok(5_000_000.0));
        for text in ["", "B", "xB", "5mib", "5XiB", "5 5MiB", "iB"] {
            assert!(size_in_bytes(text).is_err(), "{text}");
        }
        assert_eq!(pretty_size(MEBIBYTE * 2048.0), "2.000GiB");
    }
}
