//! Rows, and the description of their columns.
//!
//! ```text
//! 2 | flags | columns | paging state? | new id? | (keyspace, table)? | name, type …
//!   |<----------------------------- rows_metadata -------------------------------->|
//!   | rows | cells …
//! ```
//!
//! Behind the metadata the server writes the number of rows as an int, and each row's cells as
//! `[bytes]` ([`crate::protocol::primitive::put_bytes`]).

use crate::protocol::fault::{ProtocolError, Result};
use crate::protocol::primitive::{Reader, put_bytes, put_short_bytes, put_string};
use crate::protocol::types::{decode_type, encode_type};
use crate::protocol::version::Version;
use crate::types::Type;
use bytes::{BufMut, Bytes, BytesMut};

/// The kind of a RESULT that has rows.
pub(super) const ROWS: i32 = 2;

/// The flag of metadata: all columns are of one table, which is named once.
pub(super) const GLOBAL_TABLE: i32 = 0x01;
const MORE_PAGES: i32 = 0x02;
const NO_METADATA: i32 = 0x04;
const METADATA_CHANGED: i32 = 0x08;

/// A column as it is written.
#[derive(Clone, Copy, Debug)]
pub struct ColumnRef<'a> {
    /// The keyspace that it comes from.
    pub keyspace: &'a str,
    /// The table that it comes from.
    pub table: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub ty: &'a Type,
}

/// A column as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The keyspace that it comes from.
    pub keyspace: String,
    /// The table that it comes from.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

impl Column {
    /// The same to write.
    pub fn as_ref(&self) -> ColumnRef<'_> {
        ColumnRef {
            keyspace: &self.keyspace,
            table: &self.table,
            name: &self.name,
            ty: &self.ty,
        }
    }
}

/// What the metadata of rows tells besides the columns.
#[derive(Clone, Copy, Debug, Default)]
pub struct RowsOptions<'a> {
    /// Leave the columns out: the client knows them.
    pub skip_metadata: bool,
    /// There are more rows, and this is where they start.
    pub paging_state: Option<&'a [u8]>,
    /// The columns are not those that the client knows: here they are, with their new id
    /// (version 5). They are then written even where they could be skipped.
    pub new_metadata_id: Option<&'a [u8]>,
}

/// The table of the columns, if it is the same for all.
pub(super) fn global_table<'a>(
    mut columns: impl Iterator<Item = ColumnRef<'a>>,
) -> Option<(&'a str, &'a str)> {
    let first = columns.next()?;
    let global = (first.keyspace, first.table);
    columns
        .all(|column| (column.keyspace, column.table) == global)
        .then_some(global)
}

/// Appends the table, if there is one for all columns, and the columns.
pub(super) fn put_columns<'a>(
    out: &mut BytesMut,
    version: Version,
    global: Option<(&str, &str)>,
    columns: impl Iterator<Item = ColumnRef<'a>>,
) {
    if let Some((keyspace, table)) = global {
        put_string(out, keyspace);
        put_string(out, table);
    }
    for column in columns {
        if global.is_none() {
            put_string(out, column.keyspace);
            put_string(out, column.table);
        }
        put_string(out, column.name);
        encode_type(column.ty, version, out);
    }
}

/// Appends the start of a RESULT of rows, up to the number of rows.
pub fn rows_metadata<'a>(
    out: &mut BytesMut,
    version: Version,
    columns: impl ExactSizeIterator<Item = ColumnRef<'a>> + Clone,
    options: RowsOptions<'_>,
) {
    out.put_i32(ROWS);
    metadata(out, version, columns, options);
}

/// Appends metadata.
pub(super) fn metadata<'a>(
    out: &mut BytesMut,
    version: Version,
    columns: impl ExactSizeIterator<Item = ColumnRef<'a>> + Clone,
    options: RowsOptions<'_>,
) {
    let new_id = options.new_metadata_id.filter(|_| version >= Version::V5);
    let skip = options.skip_metadata && new_id.is_none();
    let global = if skip {
        None
    } else {
        global_table(columns.clone())
    };
    let mut flags = 0;
    let mut say = |flag, is: bool| flags |= if is { flag } else { 0 };
    say(GLOBAL_TABLE, global.is_some());
    say(MORE_PAGES, options.paging_state.is_some());
    say(NO_METADATA, skip);
    say(METADATA_CHANGED, new_id.is_some());
    out.put_i32(flags);
    out.put_i32(i32::try_from(columns.len()).unwrap_or(i32::MAX));
    if let Some(state) = options.paging_state {
        put_bytes(out, Some(state));
    }
    if let Some(id) = new_id {
        put_short_bytes(out, id);
    }
    if !skip {
        put_columns(out, version, global, columns);
    }
}

/// The description of rows, as a client reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// How many columns each row has.
    pub column_count: usize,
    /// The columns; none where the server left them out.
    pub columns: Option<Vec<Column>>,
    /// Where the next page starts, if there is one.
    pub paging_state: Option<Bytes>,
    /// The new id of this description, if it is not the one that the client knows.
    pub new_metadata_id: Option<Bytes>,
}

/// The columns at the reader.
pub(super) fn decode_columns(
    global: bool,
    count: usize,
    reader: &mut Reader<'_>,
) -> Result<Vec<Column>> {
    let table = if global && count > 0 {
        Some((reader.str()?, reader.str()?))
    } else {
        None
    };
    // Each takes four bytes at least: its name's length and its type.
    let mut columns = Vec::with_capacity(count.min(reader.left() / 4));
    for _ in 0..count {
        let (keyspace, table) = match table {
            Some(table) => table,
            None => (reader.str()?, reader.str()?),
        };
        columns.push(Column {
            keyspace: keyspace.to_owned(),
            table: table.to_owned(),
            name: reader.string()?,
            ty: decode_type(reader)?,
        });
    }
    Ok(columns)
}

impl Metadata {
    /// The metadata at the reader.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        let flags = reader.int()?;
        let claimed = reader.int()?;
        let column_count = usize::try_from(claimed)
            .ok()
            .filter(|count| *count <= usize::from(u16::MAX))
            .ok_or_else(|| {
                ProtocolError::malformed(format!("Invalid number of columns {claimed}"))
            })?;
        let has = |flag| flags & flag != 0;
        Ok(Self {
            column_count,
            paging_state: match has(MORE_PAGES) {
                true => reader.bytes()?,
                false => None,
            },
            new_metadata_id: has(METADATA_CHANGED)
                .then(|| reader.short_bytes())
                .transpose()?,
            columns: match has(NO_METADATA) {
                true => None,
                false => Some(decode_columns(has(GLOBAL_TABLE), column_count, reader)?),
            },
        })
    }
}

/// A page of rows, as a client reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowsBody {
    /// Their description.
    pub metadata: Metadata,
    /// How many rows there are.
    pub count: usize,
    /// Their cells; [`RowsBody::rows`] walks over them.
    pub cells: Bytes,
}

impl RowsBody {
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        let metadata = Metadata::decode(reader)?;
        // Each cell takes four bytes at least.
        let count = reader.count(metadata.column_count.saturating_mul(4))?;
        Ok(Self {
            metadata,
            count,
            cells: reader.rest(),
        })
    }

    /// The rows, each as its columns' wire bytes.
    pub fn rows(&self) -> impl Iterator<Item = Result<Vec<Option<Bytes>>>> {
        let mut reader = Reader::new(&self.cells);
        (0..self.count).map(move |_| {
            (0..self.metadata.column_count)
                .map(|_| reader.bytes())
                .collect()
        })
    }
}
