//! How a statement is to be run: what QUERY, EXECUTE and BATCH have in common.
//!
//! ```text
//! consistency | flags | values | page size | paging state | serial consistency | timestamp
//!             | keyspace | now in seconds
//! ```
//!
//! Everything behind the flags is there only if its flag is. The flags are a byte in versions 3
//! and 4 and an int in version 5. Flags that nobody knows are ignored, as Cassandra does.

use crate::protocol::consistency::Consistency;
use crate::protocol::fault::{ProtocolError, Result};
use crate::protocol::primitive::{
    Reader, Text, Value, put_bytes, put_consistency, put_count, put_string, put_value,
};
use crate::protocol::version::Version;
use bytes::{BufMut, Bytes, BytesMut};

const VALUES: u32 = 0x01;
const SKIP_METADATA: u32 = 0x02;
const PAGE_SIZE: u32 = 0x04;
const PAGING_STATE: u32 = 0x08;
const SERIAL_CONSISTENCY: u32 = 0x10;
const TIMESTAMP: u32 = 0x20;
const NAMES: u32 = 0x40;
const KEYSPACE: u32 = 0x80;
const NOW_IN_SECONDS: u32 = 0x100;

/// How a statement is to be run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueryParameters {
    /// How many replicas must answer.
    pub consistency: Consistency,
    /// The values of the bind markers.
    pub values: Values,
    /// Whether the answer may leave out the description of its columns.
    pub skip_metadata: bool,
    /// How many rows a page may have; positive.
    pub page_size: Option<i32>,
    /// Where the next page starts, as told with the page before.
    pub paging_state: Option<Bytes>,
    /// The consistency of a lightweight transaction's first half.
    pub serial_consistency: Option<Consistency>,
    /// The write's default timestamp, in microseconds.
    pub timestamp: Option<i64>,
    /// The keyspace that the statement is for (version 5).
    pub keyspace: Option<String>,
    /// What time it is for this statement (version 5), in seconds.
    pub now_seconds: Option<i64>,
}

/// The values of bind markers.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// In the order of the markers.
    Positional(Vec<Value>),
    /// By the markers' names.
    Named(Vec<(Text, Value)>),
}

impl Default for Values {
    fn default() -> Self {
        Self::Positional(Vec::new())
    }
}

impl Values {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Positional(values) => values.len(),
            Self::Named(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Reads a counted list of values.
pub(crate) fn decode_values(version: Version, reader: &mut Reader<'_>) -> Result<Vec<Value>> {
    let count = usize::from(reader.short()?);
    // Each value takes four bytes at least, so a false count reserves nothing.
    let mut values = Vec::with_capacity(count.min(reader.left() / 4));
    for _ in 0..count {
        values.push(reader.value(version >= Version::V4)?);
    }
    Ok(values)
}

/// Appends a counted list of values.
pub(crate) fn encode_values(values: &[Value], out: &mut BytesMut) {
    put_count(out, values.len());
    for value in values {
        put_value(out, value);
    }
}

fn decode_named(version: Version, reader: &mut Reader<'_>) -> Result<Vec<(Text, Value)>> {
    let count = usize::from(reader.short()?);
    let mut values = Vec::with_capacity(count.min(reader.left() / 6));
    for _ in 0..count {
        values.push((reader.text()?, reader.value(version >= Version::V4)?));
    }
    Ok(values)
}

impl QueryParameters {
    /// The parameters at the reader.
    pub fn decode(version: Version, reader: &mut Reader<'_>) -> Result<Self> {
        let consistency = reader.consistency()?;
        let flags = match version {
            Version::V5 => reader.unsigned_int()?,
            Version::V3 | Version::V4 => u32::from(reader.byte()?),
        };
        let has = |flag| flags & flag != 0;
        let mut parameters = Self {
            consistency,
            skip_metadata: has(SKIP_METADATA),
            ..Self::default()
        };
        if has(VALUES) {
            parameters.values = if has(NAMES) {
                Values::Named(decode_named(version, reader)?)
            } else {
                Values::Positional(decode_values(version, reader)?)
            };
        }
        if has(PAGE_SIZE) {
            parameters.page_size = Some(reader.int()?).filter(|rows| *rows > 0);
        }
        if has(PAGING_STATE) {
            parameters.paging_state = reader.bytes()?;
        }
        if has(SERIAL_CONSISTENCY) {
            parameters.serial_consistency = Some(reader.consistency()?);
        }
        if has(TIMESTAMP) {
            parameters.timestamp = Some(decode_timestamp(reader)?);
        }
        if has(KEYSPACE) {
            parameters.keyspace = Some(reader.string()?);
        }
        if has(NOW_IN_SECONDS) {
            parameters.now_seconds = Some(i64::from(reader.unsigned_int()?));
        }
        Ok(parameters)
    }

    fn flags(&self, version: Version) -> u32 {
        let mut flags = 0;
        let mut say = |flag, is: bool| flags |= if is { flag } else { 0 };
        say(VALUES, !self.values.is_empty());
        say(
            NAMES,
            matches!(&self.values, Values::Named(named) if !named.is_empty()),
        );
        say(SKIP_METADATA, self.skip_metadata);
        say(PAGE_SIZE, self.page_size.is_some());
        say(PAGING_STATE, self.paging_state.is_some());
        say(SERIAL_CONSISTENCY, self.serial_consistency.is_some());
        say(TIMESTAMP, self.timestamp.is_some());
        let newest = version >= Version::V5;
        say(KEYSPACE, newest && self.keyspace.is_some());
        say(NOW_IN_SECONDS, newest && self.now_seconds.is_some());
        flags
    }

    /// Appends the parameters. What the version cannot say is left out.
    pub fn encode(&self, version: Version, out: &mut BytesMut) {
        put_consistency(out, self.consistency);
        let flags = self.flags(version);
        match version {
            Version::V5 => out.put_u32(flags),
            Version::V3 | Version::V4 => out.put_u8(u8::try_from(flags & 0xFF).unwrap_or(0)),
        }
        match &self.values {
            values if values.is_empty() => {}
            Values::Positional(values) => encode_values(values, out),
            Values::Named(values) => {
                put_count(out, values.len());
                for (name, value) in values {
                    put_string(out, name.as_str());
                    put_value(out, value);
                }
            }
        }
        if let Some(rows) = self.page_size {
            out.put_i32(rows);
        }
        if let Some(state) = &self.paging_state {
            put_bytes(out, Some(state));
        }
        if let Some(consistency) = self.serial_consistency {
            put_consistency(out, consistency);
        }
        if let Some(timestamp) = self.timestamp {
            out.put_i64(timestamp);
        }
        if version >= Version::V5 {
            if let Some(keyspace) = &self.keyspace {
                put_string(out, keyspace);
            }
            if let Some(seconds) = self.now_seconds {
                out.put_u32(u32::try_from(seconds).unwrap_or(u32::MAX));
            }
        }
    }
}

fn decode_timestamp(reader: &mut Reader<'_>) -> Result<i64> {
    match reader.long()? {
        i64::MIN => Err(ProtocolError::malformed(format!(
            "Out of bound timestamp, must be in [{}, {}] (got {})",
            i64::MIN + 1,
            i64::MAX,
            i64::MIN
        ))),
        timestamp => Ok(timestamp),
    }
}
