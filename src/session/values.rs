//! The values that come with a statement, checked against its markers.
//!
//! Parsed values are encoded one behind the other into one buffer, of which each marker gets its
//! slice: a statement costs one allocation, however many values it has.

use crate::cql::plan::Slot;
use crate::cql::result::{BindValue, ColumnSpec};
use crate::error::{Error, Result};
use crate::session::request::Values;
use crate::types::{Type, Value};
use bytes::Bytes;
use std::borrow::Cow;

fn amount() -> Error {
    Error::invalid("Invalid amount of bind variables")
}

/// Checks how many values there are, as it is checked of prepared statements; the sentence starts
/// with `there`.
pub fn check_count(variables: &[ColumnSpec], values: &Values, there: &str) -> Result<()> {
    // One named value may be several markers'.
    if matches!(values, Values::Named(_)) || variables.len() == values.count() {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{there} were {} markers(?) in CQL but {} bound variables",
        variables.len(),
        values.count()
    )))
}

/// The markers' values, as plans want them.
pub fn slots(variables: &[ColumnSpec], values: Values) -> Result<Vec<Slot>> {
    match values {
        Values::Wire(slots) => {
            if variables.len() != slots.len() {
                return Err(amount());
            }
            let mut slots = slots;
            for (variable, slot) in variables.iter().zip(&mut slots) {
                if let Slot::Bytes(bytes) = slot {
                    checked(&variable.ty, bytes)?;
                }
            }
            Ok(slots)
        }
        Values::Positional(values) => positional(variables, &values),
        Values::Named(values) => named(variables, &values),
    }
}

/// The values of markers, in order.
pub fn positional(variables: &[ColumnSpec], values: &[BindValue]) -> Result<Vec<Slot>> {
    if variables.len() != values.len() {
        return Err(amount());
    }
    encoded(variables, values.iter())
}

/// The values of markers, by name.
pub fn named<N: AsRef<str>>(
    variables: &[ColumnSpec],
    values: &[(N, BindValue)],
) -> Result<Vec<Slot>> {
    let mut found = Vec::with_capacity(variables.len());
    for variable in variables {
        let value = values
            .iter()
            .find(|(name, _)| name.as_ref() == variable.name);
        let (_, value) = value.ok_or_else(amount)?;
        found.push(value);
    }
    encoded(variables, found.into_iter())
}

fn encoded<'v>(
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
                let mut bytes = bytes.clone();
                checked(&variable.ty, &mut bytes)?;
                Slot::Bytes(bytes)
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

/// Checks wire bytes, and puts the sets and maps within them in order.
fn checked(ty: &Type, bytes: &mut Bytes) -> Result<()> {
    ty.validate(bytes)?;
    if let Cow::Owned(ordered) = ty.normalize(bytes)? {
        *bytes = Bytes::from(ordered);
    }
    Ok(())
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
