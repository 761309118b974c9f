//! INSERT JSON of a marker's value: from the text to the values of its columns.

use crate::cql::json::{JsonInsert, null_row};
use crate::cql::plan::Slot;
use crate::error::{Error, Result};
use bytes::Bytes;

/// Appends the columns' values to those of the markers.
pub fn fill(insert: &JsonInsert, values: &mut Vec<Slot>) -> Result<()> {
    let text = match values.get(insert.marker) {
        Some(Slot::Bytes(bytes)) => bytes.clone(),
        Some(Slot::Null) => return Err(null_row()),
        Some(Slot::Unset) | None => Bytes::new(),
    };
    let text = str::from_utf8(&text).map_err(|_| Error::invalid("Invalid UTF-8 bytes"))?;
    let columns = insert.columns.values(text)?;
    values.truncate(insert.markers);
    values.extend(columns.into_iter().map(|value| match value {
        Some(value) => Slot::from_option(value),
        None => Slot::Unset,
    }));
    Ok(())
}
