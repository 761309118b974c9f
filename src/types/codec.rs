//! Wire bytes to [`Value`] and back.
//!
//! Values are parsed only where something is computed or handed to a person or a program; on the
//! way to and from storage the bytes are left alone (see [`validate`](crate::types::validate)).

use crate::error::{Error, Result};
use crate::types::number::Decimal;
use crate::types::{Type, Value, collection, vint};
use bigdecimal::BigDecimal;
use num_bigint::BigInt;
use std::net::IpAddr;
use uuid::Uuid;

/// What shifts a day number so that 1970-01-01 stands in the middle of the unsigned range.
pub const EPOCH_DAY: u32 = 1 << 31;

impl Type {
    /// The wire bytes of a value of this type. Integers of any width are taken where
    /// they fit, for timestamps (milliseconds) and times (nanoseconds) too.
    pub fn encode(&self, value: &Value) -> Result<Vec<u8>> {
        if matches!(value, Value::Empty) && self.allows_empty() {
            return Ok(Vec::new());
        }
        if let Some(bytes) = self.encode_integer(value)? {
            return Ok(bytes);
        }
        let bytes = match (self, value) {
            (Self::Ascii | Self::Text, Value::Text(text)) => text.as_bytes().to_vec(),
            (Self::Blob, Value::Blob(bytes)) => bytes.clone(),
            (Self::Boolean, Value::Boolean(value)) => vec![u8::from(*value)],
            (Self::Date, Value::Date(days)) => {
                (days.cast_unsigned() ^ EPOCH_DAY).to_be_bytes().to_vec()
            }
            (Self::Decimal, Value::Decimal(value)) => encode_decimal(value)?,
            (Self::Double, Value::Double(value)) => value.to_be_bytes().to_vec(),
            (Self::Double, Value::Float(value)) => f64::from(*value).to_be_bytes().to_vec(),
            (Self::Float, Value::Float(value)) => value.to_be_bytes().to_vec(),
            (
                Self::Duration,
                Value::Duration {
                    months,
                    days,
                    nanos,
                },
            ) => encode_duration(*months, *days, *nanos),
            (Self::Inet, Value::Inet(IpAddr::V4(address))) => address.octets().to_vec(),
            (Self::Inet, Value::Inet(IpAddr::V6(address))) => address.octets().to_vec(),
            (Self::Time, Value::Time(value)) | (Self::Timestamp, Value::Timestamp(value)) => {
                value.to_be_bytes().to_vec()
            }
            (Self::Uuid | Self::TimeUuid, Value::Uuid(value)) => value.as_bytes().to_vec(),
            _ => return self.encode_compound(value),
        };
        self.validate(&bytes)?;
        Ok(bytes)
    }

    fn encode_integer(&self, value: &Value) -> Result<Option<Vec<u8>>> {
        let number = match value {
            Value::TinyInt(value) => i128::from(*value),
            Value::SmallInt(value) => i128::from(*value),
            Value::Int(value) => i128::from(*value),
            Value::BigInt(value) => i128::from(*value),
            Value::VarInt(value) if *self == Self::VarInt => {
                let bytes = value.to_signed_bytes_be();
                self.validate(&bytes)?;
                return Ok(Some(bytes));
            }
            Value::VarInt(value) => match i128::try_from(value) {
                Ok(value) => value,
                Err(_) => return Err(self.mismatch("varint")),
            },
            _ => return Ok(None),
        };
        let bytes = match self {
            Self::TinyInt => i8::try_from(number).map(|v| v.to_be_bytes().to_vec()),
            Self::SmallInt => i16::try_from(number).map(|v| v.to_be_bytes().to_vec()),
            Self::Int => i32::try_from(number).map(|v| v.to_be_bytes().to_vec()),
            Self::BigInt | Self::Counter | Self::Timestamp | Self::Time => {
                i64::try_from(number).map(|v| v.to_be_bytes().to_vec())
            }
            Self::VarInt => Ok(BigInt::from(number).to_signed_bytes_be()),
            Self::Decimal => Ok(Decimal {
                unscaled: BigInt::from(number),
                scale: 0,
            }
            .to_bytes()),
            _ => return Err(self.mismatch("integer")),
        };
        let bytes = bytes.map_err(|_| {
            Error::invalid(format!(
                "{number} is out of range for a value of type {self}"
            ))
        })?;
        self.validate(&bytes)?;
        Ok(Some(bytes))
    }

    fn encode_compound(&self, value: &Value) -> Result<Vec<u8>> {
        match (self, value) {
            (Self::List { element, .. }, Value::List(values)) => {
                Ok(collection::pack_elements(&element.encode_all(values)?))
            }
            (Self::Set { element, .. }, Value::Set(values) | Value::List(values)) => {
                let mut parts = element.encode_all(values)?;
                parts.sort_by(|left, right| element.compare(left, right));
                parts.dedup_by(|left, right| element.compare(left, right).is_eq());
                Ok(collection::pack_elements(&parts))
            }
            (Self::Map { key, value, .. }, Value::Map(entries)) => {
                let parts = entries
                    .iter()
                    .map(|(k, v)| Ok((key.encode_part(k)?, value.encode_part(v)?)))
                    .collect::<Result<Vec<_>>>()?;
                Ok(collection::pack_entries(&key.sort_entries(parts)))
            }
            (Self::Tuple(_) | Self::Udt { .. }, Value::Tuple(values)) => {
                let types = self.field_types();
                if values.len() > types.len() {
                    return Err(Error::invalid(format!(
                        "Expected at most {} elements for a value of type {self}, got {}",
                        types.len(),
                        values.len()
                    )));
                }
                let fields = types
                    .iter()
                    .zip(values)
                    .map(|(ty, value)| match value {
                        Value::Null => Ok(None),
                        value => ty.encode(value).map(Some),
                    })
                    .collect::<Result<Vec<_>>>()?;
                Ok(collection::pack_fields(&fields))
            }
            (
                Self::Vector {
                    element,
                    dimensions,
                },
                Value::List(values),
            ) => {
                if values.len() != usize::from(*dimensions) {
                    return Err(Error::invalid(format!(
                        "Invalid vector literal for {self}; expected {dimensions} elements, \
                         but given {}",
                        values.len()
                    )));
                }
                Ok(collection::pack_vector(
                    element,
                    &element.encode_all(values)?,
                ))
            }
            (_, Value::Null) => Err(Error::invalid("null has no bytes")),
            (_, other) => Err(self.mismatch(other.kind())),
        }
    }

    fn encode_all(&self, values: &[Value]) -> Result<Vec<Vec<u8>>> {
        values.iter().map(|value| self.encode_part(value)).collect()
    }

    fn encode_part(&self, value: &Value) -> Result<Vec<u8>> {
        match value {
            Value::Null => Err(Error::invalid("null is not supported inside collections")),
            value => self.encode(value),
        }
    }

    /// Brings a map's entries into the order of its keys (`self`); of equal keys the last stays.
    pub(crate) fn sort_entries<K: AsRef<[u8]>, V>(&self, mut entries: Vec<(K, V)>) -> Vec<(K, V)> {
        entries.reverse();
        entries.sort_by(|left, right| self.compare(left.0.as_ref(), right.0.as_ref()));
        entries.dedup_by(|left, right| self.compare(left.0.as_ref(), right.0.as_ref()).is_eq());
        entries
    }

    fn mismatch(&self, got: &str) -> Error {
        Error::invalid(format!("Expected a value of type {self}, got {got}"))
    }

    /// The value that wire bytes of this type mean.
    pub fn decode(&self, bytes: &[u8]) -> Result<Value> {
        self.validate(bytes)?;
        self.decode_valid(bytes)
            .ok_or_else(|| Error::internal(format!("validated bytes are no {self}")))
    }

    fn decode_valid(&self, bytes: &[u8]) -> Option<Value> {
        if bytes.is_empty() && !self.empty_is_a_value() {
            return Some(Value::Empty);
        }
        Some(match self {
            Self::Ascii | Self::Text => Value::Text(str::from_utf8(bytes).ok()?.to_string()),
            Self::Blob => Value::Blob(bytes.to_vec()),
            Self::Boolean => Value::Boolean(*bytes.first()? != 0),
            Self::TinyInt => Value::TinyInt(i8::from_be_bytes(bytes.try_into().ok()?)),
            Self::SmallInt => Value::SmallInt(i16::from_be_bytes(bytes.try_into().ok()?)),
            Self::Int => Value::Int(i32::from_be_bytes(bytes.try_into().ok()?)),
            Self::BigInt | Self::Counter => {
                Value::BigInt(i64::from_be_bytes(bytes.try_into().ok()?))
            }
            Self::VarInt => Value::VarInt(BigInt::from_signed_bytes_be(bytes)),
            Self::Decimal => {
                let decimal = Decimal::from_bytes(bytes)?;
                Value::Decimal(BigDecimal::new(decimal.unscaled, i64::from(decimal.scale)))
            }
            Self::Double => Value::Double(f64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Float => Value::Float(f32::from_be_bytes(bytes.try_into().ok()?)),
            Self::Date => {
                let shifted = u32::from_be_bytes(bytes.try_into().ok()?);
                Value::Date((shifted ^ EPOCH_DAY).cast_signed())
            }
            Self::Time => Value::Time(i64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Timestamp => Value::Timestamp(i64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Uuid | Self::TimeUuid => Value::Uuid(Uuid::from_slice(bytes).ok()?),
            Self::Duration => {
                let (months, days, nanos) = decode_duration(bytes)?;
                Value::Duration {
                    months,
                    days,
                    nanos,
                }
            }
            Self::Inet => Value::Inet(decode_inet(bytes)?),
            _ => self.decode_compound(bytes)?,
        })
    }

    fn decode_compound(&self, bytes: &[u8]) -> Option<Value> {
        let all = |ty: &Self, parts: Vec<&[u8]>| -> Option<Vec<Value>> {
            parts
                .into_iter()
                .map(|part| ty.decode_valid(part))
                .collect()
        };
        Some(match self {
            Self::List { element, .. } => {
                Value::List(all(element, collection::elements(bytes).ok()?)?)
            }
            Self::Set { element, .. } => {
                Value::Set(all(element, collection::elements(bytes).ok()?)?)
            }
            Self::Map { key, value, .. } => Value::Map(
                collection::entries(bytes)
                    .ok()?
                    .into_iter()
                    .map(|(k, v)| Some((key.decode_valid(k)?, value.decode_valid(v)?)))
                    .collect::<Option<_>>()?,
            ),
            Self::Tuple(_) | Self::Udt { .. } => {
                let types = self.field_types();
                let fields = collection::fields(bytes, types.len()).ok()?;
                let values = fields
                    .into_iter()
                    .zip(types)
                    .map(|(field, ty)| match field {
                        Some(field) => ty.decode_valid(field),
                        None => Some(Value::Null),
                    });
                Value::Tuple(values.collect::<Option<_>>()?)
            }
            Self::Vector {
                element,
                dimensions,
            } => Value::List(all(
                element,
                collection::vector(element, *dimensions, bytes).ok()?,
            )?),
            _ => return None,
        })
    }
}

impl Value {
    /// What kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Empty => "an empty value",
            Self::Text(_) => "text",
            Self::BigInt(_) => "bigint",
            Self::Blob(_) => "blob",
            Self::Boolean(_) => "boolean",
            Self::Date(_) => "date",
            Self::Decimal(_) => "decimal",
            Self::Double(_) => "double",
            Self::Duration { .. } => "duration",
            Self::Float(_) => "float",
            Self::Inet(_) => "inet",
            Self::Int(_) => "int",
            Self::SmallInt(_) => "smallint",
            Self::Time(_) => "time",
            Self::Timestamp(_) => "timestamp",
            Self::TinyInt(_) => "tinyint",
            Self::Uuid(_) => "uuid",
            Self::VarInt(_) => "varint",
            Self::List(_) => "list",
            Self::Set(_) => "set",
            Self::Map(_) => "map",
            Self::Tuple(_) => "tuple",
        }
    }
}

fn encode_decimal(value: &BigDecimal) -> Result<Vec<u8>> {
    let (unscaled, scale) = value.as_bigint_and_exponent();
    let scale = i32::try_from(scale)
        .map_err(|_| Error::invalid(format!("The decimal scale {scale} is out of range")))?;
    Ok(Decimal { unscaled, scale }.to_bytes())
}

/// A duration's wire bytes: three signed vints.
pub fn encode_duration(months: i32, days: i32, nanos: i64) -> Vec<u8> {
    let mut out = Vec::new();
    vint::write_signed(i64::from(months), &mut out);
    vint::write_signed(i64::from(days), &mut out);
    vint::write_signed(nanos, &mut out);
    out
}

/// A duration's months, days and nanoseconds.
pub fn decode_duration(bytes: &[u8]) -> Option<(i32, i32, i64)> {
    let mut rest = bytes;
    let months = i32::try_from(vint::read_signed(&mut rest)?).ok()?;
    let days = i32::try_from(vint::read_signed(&mut rest)?).ok()?;
    let nanos = vint::read_signed(&mut rest)?;
    rest.is_empty().then_some((months, days, nanos))
}

/// An address of 4 or 16 bytes.
pub fn decode_inet(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Some(octets.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}
