//! BATCH: several statements, each as text or prepared, run as one.

use crate::protocol::fault::{ProtocolError, Result};
use crate::protocol::primitive::{
    Reader, Text, Value, put_count, put_long_string, put_short_bytes,
};
use crate::protocol::request::parameters::{QueryParameters, decode_values, encode_values};
use crate::protocol::version::Version;
use bytes::{BufMut, Bytes, BytesMut};

/// Several statements as one.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// What kind of batch.
    pub kind: BatchKind,
    /// The statements, each with the values of its markers in their order.
    pub statements: Vec<(BatchStatement, Vec<Value>)>,
    /// How to run it. It has no values of its own.
    pub parameters: QueryParameters,
}

/// What kind of batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchKind {
    /// All or nothing.
    Logged,
    /// Sent together.
    Unlogged,
    /// Of counter updates.
    Counter,
}

/// A statement of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchStatement {
    /// As text.
    Text(Text),
    /// By the id of a prepared one.
    Prepared(Bytes),
}

impl Batch {
    /// The batch at the reader.
    pub fn decode(version: Version, reader: &mut Reader<'_>) -> Result<Self> {
        let kind = match reader.byte()? {
            0 => BatchKind::Logged,
            1 => BatchKind::Unlogged,
            2 => BatchKind::Counter,
            other => {
                return Err(ProtocolError::malformed(format!(
                    "Invalid BATCH message type {other}"
                )));
            }
        };
        let count = usize::from(reader.short()?);
        // Each takes five bytes at least: its kind, its id's length, its values' count.
        let mut statements = Vec::with_capacity(count.min(reader.left() / 5));
        for _ in 0..count {
            let statement = match reader.byte()? {
                0 => BatchStatement::Text(reader.long_text()?),
                1 => BatchStatement::Prepared(reader.short_bytes()?),
                other => {
                    return Err(ProtocolError::malformed(format!(
                        "Invalid query kind in BATCH messages. Must be 0 or 1 but got {other}"
                    )));
                }
            };
            statements.push((statement, decode_values(version, reader)?));
        }
        Ok(Self {
            kind,
            statements,
            parameters: QueryParameters::decode(version, reader)?,
        })
    }

    /// Appends the body.
    pub fn encode(&self, version: Version, out: &mut BytesMut) {
        out.put_u8(match self.kind {
            BatchKind::Logged => 0,
            BatchKind::Unlogged => 1,
            BatchKind::Counter => 2,
        });
        put_count(out, self.statements.len());
        for (statement, values) in &self.statements {
            match statement {
                BatchStatement::Text(text) => {
                    out.put_u8(0);
                    put_long_string(out, text.as_str());
                }
                BatchStatement::Prepared(id) => {
                    out.put_u8(1);
                    put_short_bytes(out, id);
                }
            }
            encode_values(values, out);
        }
        self.parameters.encode(version, out);
    }
}
