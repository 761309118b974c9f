//! A table's options: what can stand in `WITH`, with Cassandra 5.0's defaults.
//!
//! Source: `org.apache.cassandra.schema.TableParams` of Cassandra 5.0, by way of its
//! documentation (ddl.adoc) and what `DESCRIBE TABLE` prints there.

use crate::error::{Error, Result};
use crate::limits::TTL_SECONDS_MAX;
use crate::schema::compaction_options::compaction;
use crate::schema::option_maps::{caching, compression};
use crate::schema::retry_policy::policy;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The value of an option as a statement gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// A constant, as text.
    Text(String),
    /// A map of constants, as text.
    Map(BTreeMap<String, String>),
}

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

/// One million: chances are kept as so many millionths.
const MILLION: f64 = 1_000_000.0;

/// The lowest chance of a false positive that a bloom filter can be built for (Cassandra:
/// `BloomCalculations.minSupportedBloomFilterFpChance`).
const BLOOM_FILTER_FP_CHANCE_MIN: f64 = 6.71e-5;

impl TableOptions {
    /// The options of a new table: the defaults with `given`, checked one by one and together.
    pub fn new(given: &[(&str, OptionValue)]) -> Result<Self> {
        let mut options = Self::default();
        options.set_all(given)?;
        let is_given = |name| given.iter().any(|(given, _)| *given == name);
        if !is_given("bloom_filter_fp_chance") {
            options.bloom_filter_fp_millionths =
                default_bloom_filter_fp_millionths(&options.compaction);
        }
        options.validate()?;
        Ok(options)
    }

    /// The options of a table after `given` have been altered. They are held against the defaults
    /// of those that are not given, not against what the table has, as Cassandra does.
    pub fn altered(mut self, given: &[(&str, OptionValue)]) -> Result<Self> {
        Self::new(given)?;
        self.set_all(given)?;
        Ok(self)
    }

    fn set_all(&mut self, given: &[(&str, OptionValue)]) -> Result<()> {
        let mut seen = Vec::new();
        for (name, value) in given {
            if seen.contains(name) {
                return Err(Error::syntax(format!(
                    "Multiple definitions for property '{name}'"
                )));
            }
            seen.push(*name);
            self.set(name, value)?;
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: &OptionValue) -> Result<()> {
        match name {
            "additional_write_policy" => self.additional_write_policy = policy(text(name, value)?)?,
            "allow_auto_snapshot" => self.allow_auto_snapshot = boolean(name, value)?,
            "bloom_filter_fp_chance" => {
                let chance = double(name, value)?;
                if !(chance > BLOOM_FILTER_FP_CHANCE_MIN && chance <= 1.0) {
                    return Err(Error::config(format!(
                        "{name} must be larger than {BLOOM_FILTER_FP_CHANCE_MIN:E} and less than \
                         or equal to 1.0 (got {})",
                        java_double(chance)
                    )));
                }
                self.bloom_filter_fp_millionths = millionths(chance);
            }
            "caching" => self.caching = caching(map_of(name, value)?)?,
            "cdc" => self.cdc = boolean(name, value)?,
            "comment" => self.comment = text(name, value)?.to_owned(),
            "compaction" => self.compaction = compaction(map_of(name, value)?)?,
            "compression" => self.compression = compression(map_of(name, value)?)?,
            "crc_check_chance" => {
                let chance = double(name, value)?;
                if !(0.0..=1.0).contains(&chance) {
                    return Err(Error::config(format!(
                        "{name} must be larger than or equal to 0 and smaller than or equal to \
                         1.0 (got {})",
                        java_double(chance)
                    )));
                }
                self.crc_check_chance_millionths = millionths(chance);
            }
            "default_time_to_live" => self.default_time_to_live_seconds = integer(name, value)?,
            "extensions" => self.extensions = extensions(map_of(name, value)?)?,
            "gc_grace_seconds" => self.gc_grace_seconds = integer(name, value)?,
            "incremental_backups" => self.incremental_backups = boolean(name, value)?,
            "max_index_interval" => self.max_index_interval = integer(name, value)?,
            "memtable" => self.memtable = memtable(text(name, value)?)?,
            "memtable_flush_period_in_ms" => {
                self.memtable_flush_period_ms = integer(name, value)?;
            }
            "min_index_interval" => self.min_index_interval = integer(name, value)?,
            "read_repair" => self.read_repair = read_repair(text(name, value)?)?,
            "speculative_retry" => self.speculative_retry = policy(text(name, value)?)?,
            _ => return Err(Error::syntax(format!("Unknown property '{name}'"))),
        }
        Ok(())
    }

    fn validate(&self) -> Result<()> {
        let ttl = self.default_time_to_live_seconds;
        if ttl > TTL_SECONDS_MAX {
            return Err(Error::config(format!(
                "default_time_to_live must be less than or equal to {TTL_SECONDS_MAX} (got {ttl})"
            )));
        }
        for (name, value, least) in [
            ("default_time_to_live", ttl, 0),
            ("gc_grace_seconds", self.gc_grace_seconds, 0),
            ("min_index_interval", self.min_index_interval, 1),
            (
                "memtable_flush_period_in_ms",
                self.memtable_flush_period_ms,
                0,
            ),
        ] {
            if value < least {
                return Err(Error::config(format!(
                    "{name} must be greater than or equal to {least} (got {value})"
                )));
            }
        }
        if self.max_index_interval < self.min_index_interval {
            return Err(Error::config(format!(
                "max_index_interval must be greater than or equal to min_index_interval ({}) \
                 (got {})",
                self.min_index_interval, self.max_index_interval
            )));
        }
        Ok(())
    }

    /// `bloom_filter_fp_chance` as a number.
    pub fn bloom_filter_fp_chance(&self) -> f64 {
        f64::from(self.bloom_filter_fp_millionths) / MILLION
    }

    /// `crc_check_chance` as a number.
    pub fn crc_check_chance(&self) -> f64 {
        f64::from(self.crc_check_chance_millionths) / MILLION
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and a million"
)]
fn millionths(chance: f64) -> u32 {
    (chance * MILLION).round() as u32
}

/// What `bloom_filter_fp_chance` is where nobody says it: levelled tables need smaller filters.
fn default_bloom_filter_fp_millionths(compaction: &BTreeMap<String, String>) -> u32 {
    let levelled = compaction
        .get("class")
        .is_some_and(|class| class.ends_with("LeveledCompactionStrategy"));
    if levelled { 100_000 } else { 10_000 }
}

fn text<'a>(name: &str, value: &'a OptionValue) -> Result<&'a str> {
    match value {
        OptionValue::Text(text) => Ok(text),
        OptionValue::Map(_) => Err(Error::syntax(format!(
            "Invalid value for property '{name}'. It should be a string"
        ))),
    }
}

fn map_of<'a>(name: &str, value: &'a OptionValue) -> Result<&'a BTreeMap<String, String>> {
    match value {
        OptionValue::Map(map) => Ok(map),
        OptionValue::Text(_) => Err(Error::syntax(format!(
            "Invalid value for property '{name}'. It should be a map."
        ))),
    }
}

fn integer(name: &str, value: &OptionValue) -> Result<i32> {
    let text = text(name, value)?;
    text.parse()
        .map_err(|_| Error::syntax(format!("Invalid integer value {text} for '{name}'")))
}

fn double(name: &str, value: &OptionValue) -> Result<f64> {
    let text = text(name, value)?;
    text.parse()
        .map_err(|_| Error::syntax(format!("Invalid double value {text} for '{name}'")))
}

impl OptionValue {
    /// The value of the option called `name` as true or false.
    pub fn boolean(&self, name: &str) -> Result<bool> {
        boolean(name, self)
    }
}

fn boolean(name: &str, value: &OptionValue) -> Result<bool> {
    let text = text(name, value)?;
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" => Ok(true),
        "0" | "false" | "no" => Ok(false),
        _ => Err(Error::syntax(format!(
            "Invalid boolean value {text} for '{name}'. Positive values can be '1', 'true' or \
             'yes'. Negative values can be '0', 'false' or 'no'."
        ))),
    }
}

/// The name of a memtable's configuration: there is one.
fn memtable(text: &str) -> Result<String> {
    match text {
        "default" => Ok(text.to_owned()),
        _ => Err(Error::config(format!(
            "Memtable configuration \"{text}\" not found."
        ))),
    }
}

/// A double as Java writes it: `1.0`, `5.0E-4`.
pub fn java_double(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) || !size.is_finite() {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

fn read_repair(text: &str) -> Result<String> {
    match text.to_ascii_uppercase() {
        known if known == "BLOCKING" || known == "NONE" => Ok(known),
        _ => Err(Error::config(format!(
            "read_repair must be 'BLOCKING' or 'NONE' (got {text})"
        ))),
    }
}

fn extensions(given: &BTreeMap<String, String>) -> Result<BTreeMap<String, Vec<u8>>> {
    given
        .iter()
        .map(|(key, value)| {
            let bytes = value
                .strip_prefix("0x")
                .and_then(crate::types::text::parse_hex)
                .ok_or_else(|| {
                    Error::config(format!("Invalid value for extension '{key}': not a blob"))
                })?;
            Ok((key.clone(), bytes))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Result<TableOptions> {
        TableOptions::new(&[(name, OptionValue::Text(value.to_owned()))])
    }

    #[test]
    fn bounds_hold_at_their_values_and_not_one_beyond() {
        let fine = |name, value| assert!(with(name, value).is_ok(), "{name} {value}");
        let wrong = |name, value| assert!(with(name, value).is_err(), "{name} {value}");
        fine("default_time_to_live", "630720000");
        wrong("default_time_to_live", "630720001");
        fine("bloom_filter_fp_chance", "1.0");
        wrong("bloom_filter_fp_chance", "1.01");
        fine("bloom_filter_fp_chance", "0.0001");
        wrong("bloom_filter_fp_chance", "0.00001");
        wrong("bloom_filter_fp_chance", "NaN");
        fine("crc_check_chance", "0");
        wrong("crc_check_chance", "-0.1");
        fine("min_index_interval", "1");
        wrong("min_index_interval", "0");
        wrong("min_index_interval", "2049");
        wrong("max_index_interval", "127");
        wrong("gc_grace_seconds", "99999999999");
        wrong("cdc", "perhaps");
        wrong("memtable", "nope");
        wrong("read_repair", "nope");
    }

    #[test]
    fn the_filter_of_a_new_levelled_table_is_smaller_unless_said_otherwise() {
        let levelled = OptionValue::Map(map(&[("class", "LeveledCompactionStrategy")]));
        let tiered = OptionValue::Map(map(&[("class", "SizeTieredCompactionStrategy")]));
        let chance = |options: &TableOptions| options.bloom_filter_fp_millionths;
        let created = TableOptions::new(&[("compaction", levelled.clone())]).unwrap();
        assert_eq!(chance(&created), 100_000);
        // An altered table keeps what it has.
        let back = created.altered(&[("compaction", tiered)]).unwrap();
        assert_eq!(chance(&back), 100_000);
        let given = with("bloom_filter_fp_chance", "0.05").unwrap();
        let altered = given.altered(&[("compaction", levelled)]).unwrap();
        assert_eq!(chance(&altered), 50_000);
    }
}
