//! cqlsh's options of COPY.
//!
//! Names, meanings and defaults are those of cqlsh 6.2; options that steer its processes and
//! batches have no meaning here and are accepted. Numbers are written with all their digits unless
//! a precision is asked for (cqlsh cuts a float to 5 digits), so that what is copied out can be
//! copied in again.

use crate::error::{Error, Result};
use crate::source::{StampKind, TokenRange};
use crate::transfer::copy::Direction;
use crate::transfer::csv::{Dialect, ValueStyle};
use crate::transfer::format::{Compression, ErrorBound, Format, parse_size};
use crate::transfer::mapping::Mapping;
use std::path::PathBuf;

/// Options that both directions accept without meaning.
const IDLE: &[&str] = &[
    "CONFIGFILE",
    "MAXATTEMPTS",
    "NUMPROCESSES",
    "RATEFILE",
    "REPORTFREQUENCY",
];
/// Options that only COPY FROM accepts, without meaning.
const IDLE_FROM: &[&str] = &[
    "CHILDTIMEOUT",
    "CHUNKSIZE",
    "INGESTRATE",
    "MAXBACKOFFATTEMPTS",
    "MAXBATCHSIZE",
    "MAXINFLIGHTMESSAGES",
    "MAXINSERTERRORS",
    "MAXPENDINGCHUNKS",
    "MINBATCHSIZE",
    "PREPAREDSTATEMENTS",
];
/// Options that only COPY TO accepts, without meaning.
const IDLE_TO: &[&str] = &["MAXREQUESTS", "PAGESIZE", "PAGETIMEOUT"];

/// What the options of a COPY say.
#[derive(Clone, Debug, PartialEq)]
pub struct CopyOptions {
    /// HEADER: whether the first line names the columns.
    pub header: bool,
    /// DELIMITER, QUOTE, ESCAPE, NULL.
    pub dialect: Dialect,
    /// DATETIMEFORMAT, BOOLSTYLE, DECIMALSEP, THOUSANDSSEP and the precisions.
    pub style: ValueStyle,
    /// MAXROWS.
    pub rows_max: Option<u64>,
    /// SKIPROWS.
    pub skip_rows: u64,
    /// SKIPCOLS.
    pub skip_columns: Vec<String>,
    /// MAXPARSEERRORS: with more nothing is imported.
    pub errors_max: ErrorBound,
    /// ERRFILE: where rejected rows go.
    pub error_file: Option<PathBuf>,
    /// TTL, in seconds.
    pub ttl_seconds: Option<i32>,
    /// BEGINTOKEN and ENDTOKEN.
    pub tokens: TokenRange,
    /// FORMAT; by the file's name unless given, as COMPRESSION.
    pub format: Option<Format>,
    /// COMPRESSION.
    pub compression: Option<Compression>,
    /// MAPPING.
    pub mapping: Option<Mapping>,
    /// TIMESTAMP.
    pub timestamp_micros: Option<i64>,
    /// DRY_RUN.
    pub dry_run: bool,
    /// RESUME.
    pub resume: bool,
    /// RATE.
    pub rate_rows: Option<u64>,
    /// CREATE, and PRIMARY_KEY.
    pub create: bool,
    /// PRIMARY_KEY.
    pub primary_key: Option<String>,
    /// PRESERVE_TIMESTAMP and PRESERVE_TTL.
    pub preserve: Vec<StampKind>,
    /// MAX_FILE_SIZE.
    pub file_bytes_max: Option<u64>,
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self {
            header: false,
            dialect: Dialect {
                escape: b'\\',
                ..Dialect::default()
            },
            style: ValueStyle::default(),
            rows_max: None,
            skip_rows: 0,
            skip_columns: Vec::new(),
            errors_max: ErrorBound::Rows(u64::MAX),
            error_file: None,
            ttl_seconds: None,
            tokens: TokenRange::ALL,
            format: None,
            compression: None,
            mapping: None,
            timestamp_micros: None,
            dry_run: false,
            resume: false,
            rate_rows: None,
            create: false,
            primary_key: None,
            preserve: Vec::new(),
            file_bytes_max: None,
        }
    }
}

impl CopyOptions {
    /// Reads the options of a COPY; one that is unknown is refused by name.
    pub fn new(direction: Direction, given: &[(String, String)]) -> Result<Self> {
        let mut options = Self::default();
        if direction == Direction::To {
            options.style.booleans = Some(("True".to_owned(), "False".to_owned()));
        }
        for (name, value) in given {
            let name = synonym(name);
            let known = options.set_common(name, value)?
                || match direction {
                    Direction::From => options.set_from(name, value)?,
                    Direction::To => options.set_to(name, value)?,
                };
            if !known {
                return Err(Error::invalid(format!(
                    "Unrecognized COPY {} options: {}",
                    direction.word(),
                    name.to_lowercase()
                )));
            }
        }
        options.dialect.check()?;
        Ok(options)
    }

    fn set_common(&mut self, name: &str, value: &str) -> Result<bool> {
        match name {
            "HEADER" => self.header = boolean(name, value)?,
            "DELIMITER" => self.dialect.delimiter = character(name, value)?,
            "QUOTE" => self.dialect.quote = character(name, value)?,
            "ESCAPE" => self.dialect.escape = character(name, value)?,
            "NULL" | "NULLVAL" => value.clone_into(&mut self.dialect.null),
            "DATETIMEFORMAT" => self.style.datetime_format = Some(pattern(name, value)?),
            "BOOLSTYLE" => {
                let words = value.split_once(',').filter(|(yes, no)| {
                    let (yes, no) = (yes.trim(), no.trim());
                    !yes.is_empty() && !no.is_empty() && !yes.eq_ignore_ascii_case(no)
                });
                let (yes, no) = words
                    .ok_or_else(|| wrong(name, value, "two different words, as 'True,False'"))?;
                self.style.booleans = Some((yes.trim().to_owned(), no.trim().to_owned()));
            }
            "DECIMALSEP" => {
                self.style.decimal_separator =
                    Some(char::from(character(name, value)?)).filter(|c| *c != '.');
            }
            "THOUSANDSSEP" => {
                self.style.thousands_separator = match value {
                    "" => None,
                    _ => Some(char::from(character(name, value)?)),
                };
            }
            "FORMAT" => {
                let format = value
                    .parse()
                    .map_err(|words: String| wrong(name, value, &words))?;
                self.format = Some(format);
            }
            "MAPPING" => self.mapping = Some(Mapping::parse(value)?),
            "MAXROWS" => self.rows_max = u64::try_from(number(name, value)?).ok(),
            "RATE" => self.rate_rows = u64::try_from(number(name, value)?).ok(),
            "ENCODING" => {
                let plain = value.to_lowercase().replace(['-', '_'], "");
                if plain != "utf8" && plain != "ascii" && plain != "usascii" {
                    return Err(wrong(
                        name,
                        value,
                        "UTF8, the only encoding that is supported",
                    ));
                }
            }
            _ => return Ok(IDLE.contains(&name)),
        }
        Ok(true)
    }

    fn set_from(&mut self, name: &str, value: &str) -> Result<bool> {
        match name {
            "MAX_ERRORS" => {
                let words = "a number of rows, or a share like '1%'";
                self.errors_max = value.parse().map_err(|_| wrong(name, value, words))?;
            }
            "TIMESTAMP" => self.timestamp_micros = Some(number(name, value)?),
            "DRY_RUN" => self.dry_run = boolean(name, value)?,
            "RESUME" => self.resume = boolean(name, value)?,
            "CREATE" => self.create = boolean(name, value)?,
            "PRIMARY_KEY" => self.primary_key = Some(value.to_owned()),
            // Files tell it themselves.
            "COMPRESSION" => {
                Compression::of_word(value).map_err(|words| wrong(name, value, &words))?;
            }
            "SKIPROWS" => {
                let rows = number(name, value)?;
                self.skip_rows =
                    u64::try_from(rows).map_err(|_| wrong(name, value, "0 or more"))?;
            }
            "SKIPCOLS" => {
                let names = value.split(',').map(|name| name.trim().to_owned());
                self.skip_columns = names.filter(|name| !name.is_empty()).collect();
            }
            "MAXPARSEERRORS" => {
                self.errors_max =
                    ErrorBound::Rows(u64::try_from(number(name, value)?).unwrap_or(u64::MAX));
            }
            "ERRFILE" => {
                self.error_file = (!value.is_empty()).then(|| PathBuf::from(value));
            }
            "TTL" => {
                let seconds = i32::try_from(number(name, value)?)
                    .map_err(|_| wrong(name, value, "a number of seconds"))?;
                self.ttl_seconds = (seconds >= 0).then_some(seconds);
            }
            _ => return Ok(IDLE_FROM.contains(&name)),
        }
        Ok(true)
    }

    fn set_to(&mut self, name: &str, value: &str) -> Result<bool> {
        let precision = |value| -> Result<Option<usize>> {
            let digits = usize::try_from(number(name, value)?)
                .ok()
                .filter(|digits| *digits > 0);
            digits
                .map(Some)
                .ok_or_else(|| wrong(name, value, "1 or more"))
        };
        match name {
            "FLOATPRECISION" => self.style.float_precision = precision(value)?,
            "DOUBLEPRECISION" => self.style.double_precision = precision(value)?,
            "BEGINTOKEN" if !value.is_empty() => self.tokens.first = number(name, value)?,
            "ENDTOKEN" if !value.is_empty() => self.tokens.last = number(name, value)?,
            "BEGINTOKEN" | "ENDTOKEN" => {}
            "COMPRESSION" => {
                self.compression =
                    Compression::of_word(value).map_err(|words| wrong(name, value, &words))?;
            }
            "PRESERVE_TIMESTAMP" | "PRESERVE_TTL" if !boolean(name, value)? => {}
            "PRESERVE_TIMESTAMP" => self.preserve.push(StampKind::Timestamp),
            "PRESERVE_TTL" => self.preserve.extend([StampKind::Ttl, StampKind::Expires]),
            "MAX_FILE_SIZE" => {
                let size = parse_size(value).map_err(|words| wrong(name, value, &words))?;
                self.file_bytes_max = Some(size);
            }
            "MAXOUTPUTSIZE" => {
                if number(name, value)? >= 0 {
                    return Err(wrong(name, value, "-1: the output is one file"));
                }
            }
            _ => return Ok(IDLE_TO.contains(&name)),
        }
        Ok(true)
    }
}

/// Our name of what cqlsh calls otherwise, and the other way round.
fn synonym(name: &str) -> &str {
    match name {
        "BAD_FILE" => "ERRFILE",
        "MAX_ROWS" => "MAXROWS",
        "SKIP_ROWS" => "SKIPROWS",
        "SKIP_COLUMNS" => "SKIPCOLS",
        "BEGIN_TOKEN" => "BEGINTOKEN",
        "END_TOKEN" => "ENDTOKEN",
        name => name,
    }
}

fn wrong(name: &str, value: &str, expected: &str) -> Error {
    Error::invalid(format!(
        "Invalid value '{value}' for option {name}: expected {expected}"
    ))
}

fn boolean(name: &str, value: &str) -> Result<bool> {
    match value.to_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(wrong(name, value, "true or false")),
    }
}

fn number(name: &str, value: &str) -> Result<i64> {
    value
        .trim()
        .parse()
        .map_err(|_| wrong(name, value, "a number"))
}

fn character(name: &str, value: &str) -> Result<u8> {
    match value.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err(wrong(name, value, "one ASCII character")),
    }
}

/// A strftime pattern that chrono can follow.
fn pattern(name: &str, value: &str) -> Result<String> {
    let sound = chrono::format::StrftimeItems::new(value)
        .all(|item| !matches!(item, chrono::format::Item::Error));
    if sound {
        Ok(value.to_owned())
    } else {
        Err(wrong(name, value, "a strftime pattern"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(direction: Direction, given: &[(&str, &str)]) -> Result<CopyOptions> {
        let given: Vec<(String, String)> = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        CopyOptions::new(direction, &given)
    }

    #[test]
    fn options_are_read() {
        let read = options(
            Direction::From,
            &[
                ("HEADER", "True"),
                ("DELIMITER", "\\t"),
                ("NULLVAL", "NA"),
                ("MAXROWS", "10"),
                ("SKIPCOLS", "a, b"),
                ("MAXPARSEERRORS", "5"),
                ("CHUNKSIZE", "1"),
                ("TTL", "60"),
            ],
        )
        .unwrap();
        assert!(read.header);
        assert_eq!(
            (read.dialect.delimiter, read.dialect.null.as_str()),
            (b'\t', "NA")
        );
        assert_eq!(
            (read.rows_max, read.errors_max),
            (Some(10), ErrorBound::Rows(5))
        );
        assert_eq!(read.skip_columns, ["a", "b"]);
        assert_eq!(read.ttl_seconds, Some(60));
        let read = options(Direction::From, &[("MAXROWS", "-1"), ("TTL", "-1")]).unwrap();
        assert_eq!((read.rows_max, read.ttl_seconds), (None, None));
    }

    #[test]
    fn unknown_and_wrong_ones_are_refused_by_name() {
        for (direction, name, value, words) in [
            (
                Direction::From,
                "NONSENSE",
                "1",
                "Unrecognized COPY FROM options: nonsense",
            ),
            (
                Direction::From,
                "PAGESIZE",
                "1",
                "Unrecognized COPY FROM options: pagesize",
            ),
            (
                Direction::To,
                "SKIPROWS",
                "1",
                "Unrecognized COPY TO options: skiprows",
            ),
            (
                Direction::To,
                "HEADER",
                "maybe",
                "option HEADER: expected true or false",
            ),
            (
                Direction::To,
                "DELIMITER",
                "ab",
                "option DELIMITER: expected one ASCII",
            ),
            (Direction::To, "DELIMITER", "\"", "is also the quote"),
            (Direction::To, "ENCODING", "latin1", "option ENCODING"),
            (Direction::To, "MAXOUTPUTSIZE", "5", "option MAXOUTPUTSIZE"),
            (
                Direction::To,
                "DATETIMEFORMAT",
                "%Q!",
                "option DATETIMEFORMAT",
            ),
        ] {
            let error = options(direction, &[(name, value)]).unwrap_err();
            assert!(error.message.contains(words), "{name}: {error}");
        }
    }
}
