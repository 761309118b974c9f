//! CSV: records of fields, and how a field says "no value".
//!
//! RFC 4180 with what is met in the wild: a byte-order mark, lines that end in LF or CRLF, blank
//! lines, any one-byte delimiter, an escape character (cqlsh's dialect). The `csv` crate is not
//! used here because it tells neither whether an empty field was quoted, nor what a record looked
//! like before it was cut, nor does it bound a record; a test compares the two.
//!
//! **Null and empty.** A field that equals the null text is absent. Where the column is text, a
//! *quoted* field is always a value, so that an absent text (`,,`) and an empty one (`,"",`)
//! remain two things; an export quotes accordingly.

mod chunk;
mod fields;
mod format;
mod numbers;
mod parse;

pub use chunk::{Chunk, ChunkReader, RawRecord};
pub use fields::{Field, FieldSplitter};
pub use format::RecordWriter;
pub use parse::FieldParser;

use crate::error::{Error, Result};

/// How records are cut into fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// What stands between fields; one byte.
    pub delimiter: u8,
    /// What stands around a field that holds a delimiter, a quote or a line end.
    pub quote: u8,
    /// What stands before a quote inside of a quoted field. The quote itself means doubling.
    pub escape: u8,
    /// The text of an absent value.
    pub null: String,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            delimiter: b',',
            quote: b'"',
            escape: b'"',
            null: String::new(),
        }
    }
}

impl Dialect {
    /// Refuses characters that would make a record ambiguous.
    pub fn check(&self) -> Result<()> {
        let plain = |byte: u8| byte.is_ascii() && byte != b'\n' && byte != b'\r' && byte != 0;
        if !plain(self.delimiter) || !plain(self.quote) || !plain(self.escape) {
            return Err(Error::invalid(
                "delimiter, quote and escape must each be one ASCII character other than a line \
                 end",
            ));
        }
        if self.delimiter == self.quote || self.delimiter == self.escape {
            return Err(Error::invalid(format!(
                "the delimiter {:?} is also the quote or the escape",
                char::from(self.delimiter)
            )));
        }
        if self.null.bytes().any(|byte| {
            byte == self.delimiter || byte == self.quote || byte == b'\n' || byte == b'\r'
        }) {
            return Err(Error::invalid(format!(
                "the null text {:?} holds a delimiter, a quote or a line end",
                self.null
            )));
        }
        Ok(())
    }

    /// Lines and nothing else: bytes that no UTF-8 text has stand for quote and delimiter.
    pub fn lines() -> Self {
        Self {
            delimiter: 0xFE,
            quote: 0xFF,
            escape: 0xFF,
            null: String::new(),
        }
    }

    /// Whether a backslash or the like escapes, rather than doubling.
    pub fn escapes(&self) -> bool {
        self.escape != self.quote
    }
}

/// How values are written where that differs from CQL's own text forms. The defaults change
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValueStyle {
    /// A strftime pattern for timestamps.
    pub datetime_format: Option<String>,
    /// The words for true and false.
    pub booleans: Option<(String, String)>,
    /// The decimal separator of numbers.
    pub decimal_separator: Option<char>,
    /// The separator between thousands of numbers.
    pub thousands_separator: Option<char>,
    /// How many significant digits a float is written with.
    pub float_precision: Option<usize>,
    /// How many significant digits a double is written with.
    pub double_precision: Option<usize>,
}
