//! What a statement answers.
//!
//! Rows are streamed: [`Rows::next`] pulls the next one from the engine, so that the first row of
//! a long result is there at once, and a reader who stops early costs nothing more.

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::storage;
use crate::types::{Type, Value};
use bytes::{BufMut, Bytes, BytesMut};
use std::fmt;
use std::sync::Arc;

/// The answer to a statement.
#[derive(Debug)]
pub enum QueryResult {
    /// Done; there is nothing to tell.
    Void,
    /// `USE`: the keyspace from now on.
    SetKeyspace(String),
    /// The schema was changed.
    SchemaChange(SchemaEvent),
    /// Rows to be pulled.
    Rows(Rows),
}

impl QueryResult {
    /// The rows; an empty stream without columns where the statement answers none.
    pub fn into_rows(self) -> Rows {
        match self {
            Self::Rows(rows) => rows,
            _ => Rows::from_vec(Arc::from([]), Vec::new()),
        }
    }
}

/// What happened to the schema, as drivers are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaEvent {
    /// What was done.
    pub action: SchemaAction,
    /// To what kind of thing.
    pub target: SchemaTarget,
    /// The keyspace (itself, or that of the thing).
    pub keyspace: String,
    /// The thing's name; empty for a keyspace.
    pub name: String,
}

/// What was done to a part of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaAction {
    /// It is new.
    Created,
    /// It was altered.
    Updated,
    /// It is gone.
    Dropped,
}

/// The parts of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaTarget {
    /// A keyspace.
    Keyspace,
    /// A table.
    Table,
    /// A user-defined type.
    Type,
}

/// A column of a result, or a bind marker of a prepared statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSpec {
    /// The keyspace that it comes from.
    pub keyspace: String,
    /// The table that it comes from.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// A row of a result: each column's wire bytes, or none for null.
pub type RowValues = Vec<Option<Bytes>>;

/// Where rows are pulled from.
pub trait RowSource: Send {
    /// The next row, or none at the end.
    fn next(&mut self) -> Result<Option<RowValues>>;

    /// Appends the next row's values as `[bytes]`; false at the end.
    fn encode(&mut self, out: &mut BytesMut) -> Result<bool> {
        let Some(values) = self.next()? else {
            return Ok(false);
        };
        for value in &values {
            put_value(value.as_deref(), out);
        }
        Ok(true)
    }

    /// A page of so many rows was read.
    fn page_read(&mut self, _rows: u32) {}

    /// Where to go on behind the last row handed out; none where nothing follows.
    fn paging_state(&mut self) -> Result<Option<Bytes>> {
        Ok(None)
    }
}

/// Appends a value as `[bytes]`.
pub fn put_value(value: Option<&[u8]>, out: &mut BytesMut) {
    match value {
        Some(value) => {
            // No value is longer than `limits::VALUE_BYTES_MAX`.
            out.put_i32(i32::try_from(value.len()).unwrap_or(i32::MAX));
            out.put_slice(value);
        }
        None => out.put_i32(-1),
    }
}

fn too_large() -> Error {
    Error::invalid(format!(
        "The result is larger than {} bytes: read it in pages, or select less",
        limits::RESULT_BYTES_MAX
    ))
}

/// A page of rows, as [`Rows::encode_page`] wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many rows it has.
    pub rows: u32,
    /// With what the next page is asked for; none behind the last.
    pub paging_state: Option<Bytes>,
}

/// A stream of rows.
pub struct Rows {
    columns: Arc<[ColumnSpec]>,
    source: Box<dyn RowSource>,
    page_size: Option<usize>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

struct Listed(std::vec::IntoIter<RowValues>);

impl RowSource for Listed {
    fn next(&mut self) -> Result<Option<RowValues>> {
        Ok(self.0.next())
    }
}

impl Rows {
    /// Rows pulled from `source`.
    pub fn new(columns: Arc<[ColumnSpec]>, source: Box<dyn RowSource>) -> Self {
        Self {
            columns,
            source,
            page_size: None,
        }
    }

    /// The same rows in pages of `page_size`, if `source` can be paged.
    #[must_use]
    pub fn paged(mut self, page_size: Option<usize>) -> Self {
        self.page_size = page_size;
        self
    }

    /// The columns, shared.
    pub fn shared_columns(&self) -> Arc<[ColumnSpec]> {
        Arc::clone(&self.columns)
    }

    /// Appends the next page's rows, each value as the native protocol's `[bytes]`: its length in
    /// four bytes and the value, -1 for null.
    pub fn encode_page(&mut self, out: &mut BytesMut) -> Result<Page> {
        self.encode_page_within(out, |_| Ok(()))
    }

    /// The same, where `room` is asked after each row whether so many bytes may be kept.
    pub fn encode_page_within(
        &mut self,
        out: &mut BytesMut,
        mut room: impl FnMut(usize) -> Result<()>,
    ) -> Result<Page> {
        let start = out.len();
        let rows_max = self.page_size.unwrap_or(usize::MAX);
        let mut rows = 0_u32;
        while (rows as usize) < rows_max && self.source.encode(out)? {
            rows += 1;
            let length = out.len() - start;
            room(length)?;
            if self.page_size.is_some() && length >= limits::RESULT_PAGE_BYTES {
                break;
            }
            if length > limits::RESULT_BYTES_MAX {
                return Err(too_large());
            }
            if length > limits::QUICK_RESULT_BYTES_MAX && storage::is_resident() {
                return Err(Error::new(
                    ErrorKind::WouldBlock,
                    "The answer is too large to be made while others wait",
                ));
            }
        }
        self.source.page_read(rows);
        let paging_state = match self.page_size {
            Some(_) => self.source.paging_state()?,
            None => None,
        };
        Ok(Page { rows, paging_state })
    }

    /// Appends the next row's values as `[bytes]`; false at the end.
    pub fn encode_row(&mut self, out: &mut BytesMut) -> Result<bool> {
        self.source.encode(out)
    }

    /// Rows that are there already.
    pub fn from_vec(columns: Arc<[ColumnSpec]>, rows: Vec<RowValues>) -> Self {
        Self::new(columns, Box::new(Listed(rows.into_iter())))
    }

    /// The columns, in the order of each row's values.
    pub fn columns(&self) -> &[ColumnSpec] {
        &self.columns
    }

    /// The next row's wire bytes, or none at the end.
    #[expect(clippy::should_implement_trait, reason = "it fails")]
    pub fn next(&mut self) -> Result<Option<RowValues>> {
        self.source.next()
    }

    /// The next row, whose values can be had by column name.
    pub fn next_row(&mut self) -> Result<Option<ResultRow>> {
        Ok(self.source.next()?.map(|values| ResultRow {
            columns: Arc::clone(&self.columns),
            values,
        }))
    }

    /// Pulls all rows that are left.
    pub fn collect(mut self) -> Result<Vec<ResultRow>> {
        let mut rows = Vec::new();
        while let Some(row) = self.next_row()? {
            rows.push(row);
        }
        Ok(rows)
    }
}

/// A row of a result with its columns' names and types.
#[derive(Clone, Debug)]
pub struct ResultRow {
    columns: Arc<[ColumnSpec]>,
    /// Each column's wire bytes, or none for null.
    pub values: RowValues,
}

impl ResultRow {
    /// The columns.
    pub fn columns(&self) -> &[ColumnSpec] {
        &self.columns
    }

    /// The value of the column called `name`; [`Value::Null`] where it is null.
    pub fn value(&self, name: &str) -> Result<Value> {
        let at = self.columns.iter().position(|column| column.name == name);
        let Some((at, column)) = at.and_then(|at| Some((at, self.columns.get(at)?))) else {
            return Err(Error::invalid(format!("The result has no column {name}")));
        };
        match self.values.get(at) {
            Some(Some(bytes)) => column.ty.decode(bytes),
            _ => Ok(Value::Null),
        }
    }

    /// The value of the column called `name` as a Rust type; `Option<T>` takes nulls.
    pub fn get<T: FromValue>(&self, name: &str) -> Result<T> {
        let value = self.value(name)?;
        T::from_value(value).ok_or_else(|| {
            Error::invalid(format!(
                "Column {name} is null or not of the Rust type asked for"
            ))
        })
    }
}

/// A Rust type that a CQL value may be turned into.
pub trait FromValue: Sized {
    /// The value, if it is of this type.
    fn from_value(value: Value) -> Option<Self>;
}

macro_rules! from_value {
    ($($rust:ty => $($variant:ident)|+),+ $(,)?) => {
        $(impl FromValue for $rust {
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    $(Value::$variant(inner) => Some(inner),)+
                    _ => None,
                }
            }
        })+
    };
}

from_value! {
    bool => Boolean,
    i8 => TinyInt,
    i16 => SmallInt,
    i32 => Int | Date,
    i64 => BigInt | Timestamp | Time,
    f32 => Float,
    f64 => Double,
    String => Text,
    Vec<u8> => Blob,
    uuid::Uuid => Uuid,
    std::net::IpAddr => Inet,
    num_bigint::BigInt => VarInt,
    bigdecimal::BigDecimal => Decimal,
}

impl FromValue for Value {
    fn from_value(value: Value) -> Option<Self> {
        Some(value)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// A value for a bind marker.
#[derive(Clone, Debug, PartialEq)]
pub enum BindValue {
    /// A parsed value; encoded as the marker's type. [`Value::Null`] is null.
    Value(Value),
    /// Wire bytes of the marker's type.
    Bytes(Bytes),
    /// Null.
    Null,
    /// Not set: the column is left as it is.
    Unset,
}

macro_rules! bind_value {
    ($($rust:ty => |$value:ident| $made:expr),+ $(,)?) => {
        $(impl From<$rust> for BindValue {
            fn from($value: $rust) -> Self {
                Self::Value($made)
            }
        })+
    };
}

bind_value! {
    bool => |value| Value::Boolean(value),
    i8 => |value| Value::TinyInt(value),
    i16 => |value| Value::SmallInt(value),
    i32 => |value| Value::Int(value),
    i64 => |value| Value::BigInt(value),
    f32 => |value| Value::Float(value),
    f64 => |value| Value::Double(value),
    &str => |value| Value::Text(value.to_owned()),
    String => |value| Value::Text(value),
    Vec<u8> => |value| Value::Blob(value),
    uuid::Uuid => |value| Value::Uuid(value),
    std::net::IpAddr => |value| Value::Inet(value),
    Value => |value| value,
}

impl From<Bytes> for BindValue {
    fn from(value: Bytes) -> Self {
        Self::Bytes(value)
    }
}

impl<T: Into<BindValue>> From<Option<T>> for BindValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
