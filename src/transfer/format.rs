//! What a file holds, and how it is compressed: told by an option, or by its name.

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// What a file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Fields between delimiters.
    #[default]
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
    /// Arrow IPC: the file format, or the stream format where it begins so.
    Arrow,
}

impl Format {
    /// The words of the options.
    pub const WORDS: [&str; 5] = ["csv", "json", "jsonl", "parquet", "arrow"];

    /// What a file of this name holds, as far as its name says.
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let name = name.strip_suffix(".zst").unwrap_or(name);
        match name.rsplit_once('.')?.1 {
            "csv" | "tsv" => Some(Self::Csv),
            "json" | "jsonl" | "ndjson" => Some(Self::JsonLines),
            "parquet" | "pq" => Some(Self::Parquet),
            "arrow" | "arrows" | "feather" | "ipc" => Some(Self::Arrow),
            _ => None,
        }
    }

    /// Whether it consists of lines.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Csv | Self::JsonLines)
    }

    /// Refuses what this build cannot do.
    pub fn check(self) -> Result<()> {
        if self.is_text() || cfg!(feature = "analytics") {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "this build has no {self} (feature analytics)"
        )))
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word.to_ascii_lowercase().as_str() {
            "csv" => Ok(Self::Csv),
            "json" | "jsonl" | "ndjson" => Ok(Self::JsonLines),
            "parquet" => Ok(Self::Parquet),
            "arrow" | "ipc" | "feather" => Ok(Self::Arrow),
            _ => Err(format!("expected one of {}", Self::WORDS.join(", "))),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "CSV",
            Self::JsonLines => "JSON lines",
            Self::Parquet => "Parquet",
            Self::Arrow => "Arrow IPC",
        })
    }
}

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// LZ4, within Parquet and Arrow files.
    Lz4,
    /// Snappy, within Parquet files.
    Snappy,
}

impl Compression {
    /// The words of the options.
    pub const WORDS: [&str; 6] = ["auto", "none", "gzip", "zstd", "lz4", "snappy"];

    /// How a file of this name is compressed as a whole.
    pub fn of_name(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        if name.ends_with(".gz") {
            Self::Gzip
        } else if name.ends_with(".zst") {
            Self::Zstd
        } else {
            Self::None
        }
    }

    /// What an option says; none is `auto`, by the file's name.
    pub fn of_word(word: &str) -> Result<Option<Self>, String> {
        Ok(match word.to_ascii_lowercase().as_str() {
            "auto" | "" => None,
            "none" | "uncompressed" => Some(Self::None),
            "gzip" | "gz" => Some(Self::Gzip),
            "zstd" | "zst" => Some(Self::Zstd),
            "lz4" => Some(Self::Lz4),
            "snappy" => Some(Self::Snappy),
            _ => return Err(format!("expected one of {}", Self::WORDS.join(", "))),
        })
    }
}

/// A size in bytes: `512MB`, `2GiB`, `100000`.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err("expected a size like 512MB".to_owned()),
    };
    let size = digits.parse::<u64>().ok();
    let size = size.and_then(|size| size.checked_mul(factor));
    size.filter(|size| *size > 0)
        .ok_or_else(|| "expected a size like 512MB".to_owned())
}

/// How many rows may be rejected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ErrorBound {
    /// So many.
    Rows(u64),
    /// So many of a hundred.
    Percent(f64),
}

impl ErrorBound {
    /// Before a percentage means anything, so many rows must have been read.
    const SAMPLE_ROWS: u64 = 1_000;

    /// Whether `rejected` of `rows` are too many; `ended`: whether all rows were read.
    pub fn is_exceeded(self, rejected: u64, rows: u64, ended: bool) -> bool {
        match self {
            Self::Rows(most) => rejected > most,
            Self::Percent(most) => {
                (ended || rows >= Self::SAMPLE_ROWS) && rejected as f64 * 100.0 > most * rows as f64
            }
        }
    }
}

impl FromStr for ErrorBound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(share) = text.strip_suffix('%') {
            let share: f64 = share
                .trim()
                .parse()
                .map_err(|_| "expected a number before %".to_owned())?;
            if !(0.0..=100.0).contains(&share) {
                return Err("expected a share from 0% to 100%".to_owned());
            }
            return Ok(Self::Percent(share));
        }
        let rows = text.trim().parse();
        rows.map(Self::Rows)
            .map_err(|_| "expected a number of rows, or a share like 1%".to_owned())
    }
}

impl fmt::Display for ErrorBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(most) => write!(f, "{most}"),
            Self::Percent(most) => write!(f, "{most}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_files_hold() {
        assert_eq!(Format::of_name("a/b.CSV.gz"), Some(Format::Csv));
        assert_eq!(Format::of_name("x.jsonl.zst"), Some(Format::JsonLines));
        assert_eq!(Format::of_name("part-*.parquet"), Some(Format::Parquet));
        assert_eq!(Format::of_name("data"), None);
        assert_eq!(Compression::of_name("x.csv.zst"), Compression::Zstd);
    }

    #[test]
    fn bounds_of_errors() {
        let bound: ErrorBound = "1.5%".parse().unwrap();
        assert_eq!(bound.to_string(), "1.5%");
        assert!(!bound.is_exceeded(10, 500, false));
        assert!(bound.is_exceeded(10, 500, true));
        assert!(bound.is_exceeded(16, 1_000, false));
        assert!(!bound.is_exceeded(15, 1_000, false));
        let rows: ErrorBound = "3".parse().unwrap();
        assert!(rows.is_exceeded(4, 4, false) && !rows.is_exceeded(3, 3, true));
        assert!("101%".parse::<ErrorBound>().is_err() && "x".parse::<ErrorBound>().is_err());
    }
}
