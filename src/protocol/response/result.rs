//! RESULT: what a statement answers, in five kinds.

use crate::protocol::fault::{ProtocolError, Result};
use crate::protocol::primitive::{Reader, put_short_bytes, put_string};
use crate::protocol::response::event::SchemaChange;
use crate::protocol::response::rows::{
    Column, ColumnRef, GLOBAL_TABLE, Metadata, ROWS, RowsBody, RowsOptions, decode_columns,
    global_table, metadata, put_columns,
};
use crate::protocol::version::Version;
use bytes::{BufMut, Bytes, BytesMut};

const VOID: i32 = 1;
const SET_KEYSPACE: i32 = 3;
const PREPARED: i32 = 4;
const SCHEMA_CHANGE: i32 = 5;

/// What a statement answers.
#[derive(Clone, Debug, PartialEq)]
pub enum ResultBody {
    /// Nothing.
    Void,
    /// Rows.
    Rows(RowsBody),
    /// The connection's keyspace from now on.
    SetKeyspace(String),
    /// A prepared statement.
    Prepared(PreparedResult),
    /// The schema was changed.
    SchemaChange(SchemaChange),
}

/// A prepared statement, as its client is told.
#[derive(Clone, Debug, PartialEq)]
pub struct PreparedResult {
    /// Its id.
    pub id: Bytes,
    /// The id of the description of its results (version 5).
    pub result_metadata_id: Option<Bytes>,
    /// Its bind markers.
    pub variables: Vec<Column>,
    /// Which markers make the partition key, in the key's order (version 4 and later).
    pub partition_key_indices: Vec<u16>,
    /// The columns of its results.
    pub result: Metadata,
}

/// What the answer to PREPARE is written from.
#[derive(Clone, Copy, Debug)]
pub struct PreparedMetadata<'a> {
    /// The statement's id.
    pub id: &'a [u8],
    /// The id of the description of its results (version 5).
    pub result_metadata_id: &'a [u8],
    /// Which markers make the partition key, in the key's order; empty unless all of it is.
    pub partition_key_indices: &'a [u16],
}

/// Appends a RESULT that says nothing.
pub fn void(out: &mut BytesMut) {
    out.put_i32(VOID);
}

/// Appends the answer to `USE`.
pub fn set_keyspace(out: &mut BytesMut, keyspace: &str) {
    out.put_i32(SET_KEYSPACE);
    put_string(out, keyspace);
}

/// Appends the answer to a change of the schema.
pub fn schema_change(out: &mut BytesMut, change: &SchemaChange) {
    out.put_i32(SCHEMA_CHANGE);
    change.encode(out);
}

/// Appends the answer to PREPARE. `result` are the columns of its rows, none where it has none.
pub fn prepared<'a, V, R>(
    out: &mut BytesMut,
    version: Version,
    statement: PreparedMetadata<'_>,
    variables: V,
    result: R,
) where
    V: ExactSizeIterator<Item = ColumnRef<'a>> + Clone,
    R: ExactSizeIterator<Item = ColumnRef<'a>> + Clone,
{
    out.put_i32(PREPARED);
    put_short_bytes(out, statement.id);
    if version >= Version::V5 {
        put_short_bytes(out, statement.result_metadata_id);
    }
    let global = global_table(variables.clone());
    out.put_i32(if global.is_some() { GLOBAL_TABLE } else { 0 });
    out.put_i32(i32::try_from(variables.len()).unwrap_or(i32::MAX));
    if version >= Version::V4 {
        out.put_i32(i32::try_from(statement.partition_key_indices.len()).unwrap_or(i32::MAX));
        for index in statement.partition_key_indices {
            out.put_u16(*index);
        }
    }
    put_columns(out, version, global, variables);
    let nothing = result.len() == 0;
    metadata(
        out,
        version,
        result,
        RowsOptions {
            skip_metadata: nothing,
            ..RowsOptions::default()
        },
    );
}

impl ResultBody {
    /// The result at the reader.
    pub fn decode(version: Version, reader: &mut Reader<'_>) -> Result<Self> {
        Ok(match reader.int()? {
            VOID => Self::Void,
            ROWS => Self::Rows(RowsBody::decode(reader)?),
            SET_KEYSPACE => Self::SetKeyspace(reader.string()?),
            PREPARED => Self::Prepared(PreparedResult::decode(version, reader)?),
            SCHEMA_CHANGE => Self::SchemaChange(SchemaChange::decode(reader)?),
            other => {
                return Err(ProtocolError::malformed(format!(
                    "Unknown kind {other} of a result"
                )));
            }
        })
    }
}

impl PreparedResult {
    fn decode(version: Version, reader: &mut Reader<'_>) -> Result<Self> {
        let id = reader.short_bytes()?;
        let result_metadata_id = match version {
            Version::V5 => Some(reader.short_bytes()?),
            Version::V3 | Version::V4 => None,
        };
        let flags = reader.int()?;
        let columns = reader.count(0)?;
        let mut partition_key_indices = Vec::new();
        if version >= Version::V4 {
            for _ in 0..reader.count(2)? {
                partition_key_indices.push(reader.short()?);
            }
        }
        let variables = decode_columns(flags & GLOBAL_TABLE != 0, columns, reader)?;
        Ok(Self {
            id,
            result_metadata_id,
            variables,
            partition_key_indices,
            result: Metadata::decode(reader)?,
        })
    }
}
