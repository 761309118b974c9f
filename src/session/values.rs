//! The values that come with a statement, checked against its markers.
//!
//! Parsed values are encoded one behind the other into one buffer, of which each marker gets its
//! slice: a statement costs one allocation, however many values it has.

use crate::cql::plan::Slot;
use crate::cql::result::{BindValue, ColumnSpec};
use crate::error::{Error, Result};
use crate::types::{Type, Value};
use bytes::Bytes;

fn amount() -> Error {
    Error::invalid("Invalid amount of bind variables")
}

/// The markers' values, in order.
pub fn positional(variables: &[ColumnSpec], values: &[BindValue]) -> Result<Vec<Slot>> {
    if variables.len() != values.len() {
        return Err(amount());
    }
    slots(variables, values.iter())
}

/// The markers' values, by name: the same value for every marker of that name.
pub fn named(variables: &[ColumnSpec], values: &[(&str, BindValue)]) -> Result<Vec<Slot>> {
    let mut found = Vec::with_capacity(variables.len());
    for variable in variables {
        let value = values.iter().find(|(name, _)| *name == variable.name);
        let (_, value) = value.ok_or_else(amount)?;
        found.push(value);
    }
    slots(variables, found.into_iter())
}

fn slots<'v>(
    variables: &[ColumnSpec],
    values: impl Iterator<Item = &'v BindValue> + Clone,
) -> Result<Vec<Slot>> {
    let mut buffer = Vec::with_capacity(variables.len() * 16);
    let mut slots = Vec::with_capacity(variables.len());
    let mut ends = Vec::with_capacity(variables.len());
    for (variable, value) in variables.iter().zip(values) {
        let start = buffer.len();
        slots.push(match value {
            BindValue::Null | BindValue::Value(Value::Null) => Slot::Null,
            BindValue::Unset => Slot::Unset,
            BindValue::Bytes(bytes) => {
                variable.ty.validate(bytes)?;
                Slot::Bytes(bytes.clone())
            }
            BindValue::Value(value) => {
                encode(&variable.ty, value, &mut buffer)?;
                // Filled in below, once the buffer stays where it is.
                ends.push((slots.len(), start, buffer.len()));
                Slot::Null
            }
        });
    }
    let shared = Bytes::from(buffer);
    for (at, start, end) in ends {
        if let Some(slot) = slots.get_mut(at) {
            *slot = Slot::Bytes(shared.slice(start..end));
        }
    }
    Ok(slots)
}

fn encode(ty: &Type, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    match (ty, value) {
        (Type::Int, Value::Int(value)) => out.extend_from_slice(&value.to_be_bytes()),
        (Type::BigInt | Type::Counter, Value::BigInt(value))
        | (Type::Timestamp, Value::Timestamp(value)) => {
            out.extend_from_slice(&value.to_be_bytes());
        }
        (Type::Double, Value::Double(value)) => out.extend_from_slice(&value.to_be_bytes()),
        (Type::Text, Value::Text(value)) => out.extend_from_slice(value.as_bytes()),
        (Type::Blob, Value::Blob(value)) => out.extend_from_slice(value),
        (Type::Boolean, Value::Boolean(value)) => out.push(u8::from(*value)),
        (ty, value) => out.extend_from_slice(&ty.encode(value)?),
    }
    Ok(())
}
