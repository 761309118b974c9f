//! Options that are maps: `compression` and `caching`; `compaction` has a file of its own.
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
            name if options.contains(&name) => check_of_compressor(name, value)?,
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

/// What only one compressor knows.
fn check_of_compressor(name: &str, value: &str) -> Result<()> {
    let within = |least: i32, most: i32| {
        let number = value.parse::<i32>();
        number.map(|number| (least..=most).contains(&number))
    };
    match name {
        "lz4_compressor_type" if value != "high" && value != "fast" => Err(Error::config(format!(
            "Invalid compressor type '{value}' specified for LZ4 parameter \
                 'lz4_compressor_type'. Valid options are [high, fast]."
        ))),
        "lz4_high_compressor_level" if within(1, 17) != Ok(true) => Err(Error::config(format!(
            "Invalid value [{value}] for parameter 'lz4_high_compressor_level'. Value must be \
             between 1 and 17."
        ))),
        "compression_level" => match within(-131_072, 22) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::config(format!(
                "ZstdCompressor.create() threw an error: java.lang.IllegalArgumentException \
                 compression_level={value} is invalid"
            ))),
            Err(_) => Err(Error::config(format!(
                "ZstdCompressor.create() threw an error: java.lang.NumberFormatException For \
                 input string: \"{value}\""
            ))),
        },
        _ => Ok(()),
    }
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
    if ratio < 0.0 {
        return Err(Error::config("Invalid negative min_compress_ratio"));
    }
    if ratio != 0.0 && ratio < 1.0 {
        return Err(Error::config(
            "min_compress_ratio can either be 0 or greater than or equal to 1",
        ));
    }
    Ok(())
}

// ---- caching

/// Checks `caching`. What a map doesn't name is not cached.
pub fn caching(given: &Map) -> Result<Map> {
    let unknown: Vec<&str> = given
        .keys()
        .map(String::as_str)
        .filter(|name| !["keys", "rows_per_partition"].contains(name))
        .collect();
    if !unknown.is_empty() {
        return Err(Error::config(format!(
            "Invalid caching sub-options [{}]: only 'keys' and 'rows_per_partition' are allowed",
            unknown.join(", ")
        )));
    }
    let mut stored = Map::from([
        ("keys".to_owned(), "NONE".to_owned()),
        ("rows_per_partition".to_owned(), "NONE".to_owned()),
    ]);
    for (name, value) in given {
        let upper = value.to_ascii_uppercase();
        let kept = match upper.as_str() {
            "ALL" | "NONE" => Some(upper),
            _ if name == "keys" => None,
            _ => rows(value),
        };
        let Some(kept) = kept else {
            let allowed = match name.as_str() {
                "keys" => "only 'ALL' and 'NONE' are allowed",
                _ => "only 'ALL', 'NONE', and integer values are allowed",
            };
            return Err(Error::config(format!(
                "Invalid value '{value}' for caching sub-option '{name}': {allowed}"
            )));
        };
        stored.insert(name.clone(), kept);
    }
    Ok(stored)
}

/// A number of rows as it is kept: none and the largest have words.
fn rows(text: &str) -> Option<String> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(match text.parse::<i32>().ok()? {
        0 => "NONE".to_owned(),
        i32::MAX => "ALL".to_owned(),
        number => number.to_string(),
    })
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
            map(&[("keys", "NONE"), ("rows_per_partition", "10")])
        );
        assert!(message(caching(&map(&[("keys", "5")]))).contains("only 'ALL' and 'NONE'"));
        assert!(message(caching(&map(&[("x", "5")]))).contains("Invalid caching sub-options"));
    }
}
