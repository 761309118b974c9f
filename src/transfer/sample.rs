//! A look at the first input before anything is read: the names of its fields.

use crate::error::Result;
use crate::transfer::ImportOptions;
use crate::transfer::csv::{ChunkReader, Dialect};
use crate::transfer::format::Format;
use crate::transfer::input::Inputs;
use crate::transfer::jsonl;
use crate::transfer::layout::header_names;

/// How much of a text is looked at, in bytes.
pub(super) const SAMPLE_BYTES: usize = 1 << 20;

/// The names of the first input's fields; none where it has no names, or where the columns are
/// listed.
pub(super) fn names(
    inputs: &mut Inputs,
    format: Format,
    options: &ImportOptions,
) -> Result<Vec<String>> {
    let Some(first) = inputs.list.first_mut() else {
        return Ok(Vec::new());
    };
    if options.columns.is_some() {
        return Ok(Vec::new());
    }
    match format {
        Format::Csv if !options.header => Ok(Vec::new()),
        Format::Csv => {
            let head = first.peek(SAMPLE_BYTES)?;
            let records = records(&head, &options.dialect, 1);
            // What is wrong with a header is told when it is read.
            Ok(records
                .first()
                .and_then(|header| header_names(&first.name, header, &options.dialect).ok())
                .unwrap_or_default())
        }
        Format::JsonLines => Ok(jsonl::names(&first.peek(SAMPLE_BYTES / 16)?)),
        #[cfg(feature = "analytics")]
        Format::Parquet | Format::Arrow => {
            let schema = crate::transfer::columnar::schema(first, format)?;
            let names = schema.fields().iter().map(|field| field.name().clone());
            Ok(names.collect())
        }
        #[cfg(not(feature = "analytics"))]
        Format::Parquet | Format::Arrow => format.check().map(|()| Vec::new()),
    }
}

/// The first records of a text, up to `most`; the last one is left out where the text may go on.
pub(super) fn records(head: &[u8], dialect: &Dialect, most: usize) -> Vec<Vec<u8>> {
    let whole = head.len() < SAMPLE_BYTES;
    let mut reader = ChunkReader::new(head, "sample", dialect);
    let mut found = Vec::new();
    while found.len() <= most {
        // A broken text is told of when it is read.
        let Ok(Some(chunk)) = reader.next_chunk() else {
            if !whole {
                found.pop();
            }
            break;
        };
        found.extend(chunk.records().map(|record| record.content().to_vec()));
    }
    found.truncate(most);
    found
}
