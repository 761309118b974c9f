//! The columns that INSERT JSON fills: all of the table's, from one text.
//!
//! A column that the text does not name is null, or not set with DEFAULT UNSET. Where the text is a
//! marker's value, the columns' values stand behind those of the statement's markers, and its terms
//! are markers with these numbers: so what executes a write need not know of JSON.

use crate::cql::json::value::{Entries, Json};
use crate::cql::json::{Mismatch, decode, parse_object};
use crate::error::{Error, Result};
use crate::types::Type;
use bytes::Bytes;

/// A table's columns in the order in which a statement takes them.
#[derive(Clone, Debug)]
pub struct Columns {
    /// Their names and types.
    pub columns: Vec<(String, Type)>,
    /// Whether those that the text does not name stay as they are.
    pub default_unset: bool,
}

impl Columns {
    /// The value of each column: none where it is not set, an inner none where it is null.
    pub fn values(&self, text: &str) -> Result<Vec<Option<Option<Bytes>>>> {
        let object = parse_object(text).map_err(|malformed| {
            Error::invalid(format!(
                "Could not decode JSON string as a map: {}. (String was: {text})",
                malformed.full()
            ))
        })?;
        let object = object.ok_or_else(null_row)?;
        let mut entries = Entries::identifiers(object);
        let mut values = Vec::with_capacity(self.columns.len());
        for (name, ty) in &self.columns {
            values.push(match entries.remove(name) {
                None if self.default_unset => None,
                None | Some(Json::Null) => Some(None),
                Some(json) => match decode(ty, &json) {
                    Ok(bytes) => Some(Some(Bytes::from(bytes))),
                    Err(Mismatch::Refused(error)) => return Err(error),
                    Err(Mismatch::Value(message)) => {
                        return Err(Error::invalid(format!(
                            "Error decoding JSON value for {name}: {message}"
                        )));
                    }
                },
            });
        }
        if let Some(name) = entries.first() {
            return Err(Error::invalid(format!(
                "JSON values map contains unrecognized column: {name}"
            )));
        }
        Ok(values)
    }
}

/// What is said of a row that is null.
pub fn null_row() -> Error {
    Error::invalid("Got null for INSERT JSON values")
}

/// An INSERT JSON of a marker's value.
#[derive(Clone, Debug)]
pub struct JsonInsert {
    /// The marker.
    pub marker: usize,
    /// How many markers the whole statement has.
    pub markers: usize,
    /// The columns.
    pub columns: Columns,
}
