//! Arrow values as CQL wire values.
//!
//! A [`WireEncoder`] stands for one column: from an Arrow type to a CQL type. Whether the pair
//! makes sense is decided once; each value is then read as an `item::Item` (one of a dozen kinds,
//! borrowed from the array) and written as wire bytes of the CQL type.
//!
//! The rule of every cast: **nothing is lost silently**. A number out of range, a fraction on its
//! way to an integer, a part of a millisecond, a text that is no value of the type, a list of
//! the wrong length for a vector, a null inside of a collection are errors. One exception, the
//! same that CQL's own literals make: what becomes a `float` or a `double` from a decimal or a
//! wider float is the nearest one.
//!
//! | from | to |
//! |---|---|
//! | integers | integers, `varint`, `decimal`; floats where exact; 64 bits: `timestamp`, `time` |
//! | floats | floats, `decimal`; integers, `varint` where whole |
//! | decimals | `decimal` with the scale they have, floats; integers, `varint` where whole |
//! | text | every type, in the form that CSV files have |
//! | bytes | `blob`, `text` where it is UTF-8, `uuid`, `timeuuid` (16 bytes), `inet` (4 or 16) |
//! | dates, times, timestamps | themselves; a date as `timestamp` and back at midnight |
//! | intervals, durations | `duration` |
//! | lists | `list`, `set`, `vector` |
//! | maps | `map` |
//! | structs | `tuple` by position; user types by the fields' names, else by position |
//! | every scalar | `text` |

mod cast;
mod item;

use crate::error::{Error, Result};
use crate::types::Type;
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use bytes::Bytes;

/// How the values of one Arrow column become wire values of a CQL type.
#[derive(Clone, Debug)]
pub struct WireEncoder {
    to: Type,
}

impl WireEncoder {
    /// An encoder from `from` to `to`; a pair that makes no sense is an error.
    pub fn new(from: &DataType, to: &Type) -> Result<Self> {
        if item::fits(from, to) {
            return Ok(Self { to: to.clone() });
        }
        Err(Error::invalid(format!(
            "a value of type {} cannot become one of type {to}",
            item::name_of(from)
        )))
    }

    /// The wire bytes of the value at `row`; none where it is null.
    pub fn encode(&self, array: &ArrayRef, row: usize) -> Result<Option<Bytes>> {
        let mut out = Vec::new();
        let present = self.encode_into(array, row, &mut out)?;
        Ok(present.then(|| Bytes::from(out)))
    }

    /// Appends the wire bytes of the value at `row` to `out`; false, and nothing appended, where it
    /// is null. After an error `out` may have some bytes more.
    pub fn encode_into(&self, array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<bool> {
        match item::read(array, row)? {
            Some(item) => cast::write(&item, &self.to, out).map(|()| true),
            None => Ok(false),
        }
    }
}

/// The error about a value, with the place where it stands: the column's name and the row's number
/// in its stream, from 1.
pub fn located(error: Error, column: &str, row: u64) -> Error {
    Error {
        message: format!("column {column}, row {row}: {}", error.message),
        ..error
    }
}

#[cfg(test)]
mod tests;
