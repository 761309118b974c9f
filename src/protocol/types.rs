//! CQL types as option ids.
//!
//! A type is a short, and behind it what the type is made of. What has no id, or none in the
//! version at hand, is sent as *custom*: id 0 and the name of its Java class ([`class_name`]).
//!
//! The wire does not tell frozen from multi-cell. A type that is read is taken as multi-cell at
//! the top and frozen inside.
//!
//! [`class_name`]: crate::protocol::class_name

use crate::limits;
use crate::protocol::class_name::{parse_class_name, write_class_name};
use crate::protocol::fault::{ProtocolError, Result};
use crate::protocol::primitive::{Reader, put_count, put_string};
use crate::protocol::version::Version;
use crate::types::{Type, Udt};
use bytes::{BufMut, BytesMut};
use std::sync::Arc;

const CUSTOM: u16 = 0x00;
const LIST: u16 = 0x20;
const MAP: u16 = 0x21;
const SET: u16 = 0x22;
const UDT: u16 = 0x30;
const TUPLE: u16 = 0x31;

/// The id of a type without parts, and the version that brought it.
fn scalar_id(ty: &Type) -> Option<(u16, Version)> {
    Some(match ty {
        Type::Ascii => (0x01, Version::V3),
        Type::BigInt => (0x02, Version::V3),
        Type::Blob => (0x03, Version::V3),
        Type::Boolean => (0x04, Version::V3),
        Type::Counter => (0x05, Version::V3),
        Type::Decimal => (0x06, Version::V3),
        Type::Double => (0x07, Version::V3),
        Type::Float => (0x08, Version::V3),
        Type::Int => (0x09, Version::V3),
        Type::Timestamp => (0x0B, Version::V3),
        Type::Uuid => (0x0C, Version::V3),
        Type::Text => (0x0D, Version::V3),
        Type::VarInt => (0x0E, Version::V3),
        Type::TimeUuid => (0x0F, Version::V3),
        Type::Inet => (0x10, Version::V3),
        Type::Date => (0x11, Version::V4),
        Type::Time => (0x12, Version::V4),
        Type::SmallInt => (0x13, Version::V4),
        Type::TinyInt => (0x14, Version::V4),
        Type::Duration => (0x15, Version::V5),
        _ => return None,
    })
}

fn scalar(id: u16) -> Option<Type> {
    Some(match id {
        0x01 => Type::Ascii,
        0x02 => Type::BigInt,
        0x03 => Type::Blob,
        0x04 => Type::Boolean,
        0x05 => Type::Counter,
        0x06 => Type::Decimal,
        0x07 => Type::Double,
        0x08 => Type::Float,
        0x09 => Type::Int,
        0x0B => Type::Timestamp,
        0x0C => Type::Uuid,
        0x0A | 0x0D => Type::Text,
        0x0E => Type::VarInt,
        0x0F => Type::TimeUuid,
        0x10 => Type::Inet,
        0x11 => Type::Date,
        0x12 => Type::Time,
        0x13 => Type::SmallInt,
        0x14 => Type::TinyInt,
        0x15 => Type::Duration,
        _ => return None,
    })
}

/// Appends a type.
pub fn encode_type(ty: &Type, version: Version, out: &mut BytesMut) {
    match ty {
        Type::List { element, .. } => {
            out.put_u16(LIST);
            encode_type(element, version, out);
        }
        Type::Set { element, .. } => {
            out.put_u16(SET);
            encode_type(element, version, out);
        }
        Type::Map { key, value, .. } => {
            out.put_u16(MAP);
            encode_type(key, version, out);
            encode_type(value, version, out);
        }
        Type::Tuple(types) => {
            out.put_u16(TUPLE);
            put_count(out, types.len());
            for ty in types.iter() {
                encode_type(ty, version, out);
            }
        }
        Type::Udt { udt, .. } => {
            out.put_u16(UDT);
            put_string(out, &udt.keyspace);
            put_string(out, &udt.name);
            put_count(out, udt.fields.len());
            for (name, ty) in &udt.fields {
                put_string(out, name);
                encode_type(ty, version, out);
            }
        }
        other => match scalar_id(other) {
            Some((id, since)) if since <= version => out.put_u16(id),
            _ => {
                out.put_u16(CUSTOM);
                let mut name = String::new();
                write_class_name(other, &mut name);
                put_string(out, &name);
            }
        },
    }
}

/// The type at the reader.
pub fn decode_type(reader: &mut Reader<'_>) -> Result<Type> {
    decode(reader, false, 0)
}

fn decode(reader: &mut Reader<'_>, frozen: bool, depth: usize) -> Result<Type> {
    if depth > limits::NESTING_MAX {
        return Err(ProtocolError::malformed("A type is nested too deeply"));
    }
    let inner = |reader: &mut Reader<'_>| decode(reader, true, depth + 1);
    Ok(match reader.short()? {
        CUSTOM => parse_class_name(reader.str()?)?,
        LIST => Type::List {
            element: Arc::new(inner(reader)?),
            frozen,
        },
        SET => Type::Set {
            element: Arc::new(inner(reader)?),
            frozen,
        },
        MAP => Type::Map {
            key: Arc::new(inner(reader)?),
            value: Arc::new(inner(reader)?),
            frozen,
        },
        TUPLE => {
            let count = reader.short()?;
            let types: Result<Vec<_>> = (0..count).map(|_| inner(reader)).collect();
            Type::Tuple(types?.into())
        }
        UDT => {
            let (keyspace, name) = (reader.string()?, reader.string()?);
            let count = reader.short()?;
            let fields: Result<Vec<_>> = (0..count)
                .map(|_| Ok((reader.string()?, inner(reader)?)))
                .collect();
            let udt = Udt {
                keyspace,
                name,
                fields: fields?,
            };
            Type::Udt {
                udt: Arc::new(udt),
                frozen,
            }
        }
        id => scalar(id)
            .ok_or_else(|| ProtocolError::malformed(format!("Unknown type id {id:#06x}")))?,
    })
}
