//! Items as wire bytes of a CQL type, without silent loss.

use crate::analytics::wire::item::{Item, field_order, read};
use crate::error::{Error, Result};
use crate::types::codec::{EPOCH_DAY, encode_duration};
use crate::types::number::Decimal;
use crate::types::{Type, collection, temporal, text};
use arrow::array::{Array, ArrayRef};
use num_bigint::BigInt;
use std::borrow::Cow;

/// The largest integer up to which every one is a double.
const DOUBLE_EXACT_MAX: i128 = 1 << f64::MANTISSA_DIGITS;
/// The same for a float.
const FLOAT_EXACT_MAX: i128 = 1 << f32::MANTISSA_DIGITS;
/// The most decimal places that a whole number may be written with.
const PLACES_MAX: u32 = 1_000;

/// Appends the wire bytes of an item as a value of `to`.
pub(super) fn write(item: &Item<'_>, to: &Type, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    match item {
        Item::Integer(value) => integer(*value, to, out)?,
        Item::Float(value) => float(f64::from(*value), Some(*value), to, out)?,
        Item::Double(value) => float(*value, None, to, out)?,
        Item::Decimal(unscaled, scale) => decimal(unscaled, *scale, to, out)?,
        Item::Text(value) => match to {
            Type::Text => out.extend_from_slice(value.as_bytes()),
            to => out.extend_from_slice(&text::parse(to, value)?),
        },
        Item::Bytes(value) => out.extend_from_slice(value),
        Item::Boolean(value) => match to {
            Type::Boolean => out.push(u8::from(*value)),
            _ => out.extend_from_slice(value.to_string().as_bytes()),
        },
        Item::Date(_) | Item::Time(_) | Item::Instant(_, _) | Item::Span(_, _, _) => {
            moment(item, to, out)?;
        }
        Item::List(values) => list(values, to, out)?,
        Item::Map(keys, values) => map(keys, values, to, out)?,
        Item::Struct(fields, row) => fields_of(fields, *row, to, out)?,
    }
    // What is valid by construction is not looked at again.
    let trusted = matches!(
        (item, to),
        (Item::Text(_), Type::Text)
            | (Item::Integer(_) | Item::Float(_) | Item::Double(_), _)
            | (_, Type::Blob | Type::Timestamp | Type::Date | Type::Boolean)
    ) && *to != Type::VarInt
        && *to != Type::Decimal;
    match (trusted, out.get(start..)) {
        (false, Some(written)) => to.validate(written),
        _ => Ok(()),
    }
}

fn no_cast(what: &str, to: &Type) -> Error {
    Error::invalid(format!("{what} cannot become a value of type {to}"))
}

fn out_of_range(value: impl std::fmt::Display, to: &Type) -> Error {
    Error::invalid(format!("{value} is out of range for a value of type {to}"))
}

fn inexact(value: impl std::fmt::Display, to: &Type) -> Error {
    Error::invalid(format!(
        "{value} is no value of type {to}: it would be rounded"
    ))
    .with_hint("round it in the query, or cast it to double or to another type of column")
}

fn integer(value: i128, to: &Type, out: &mut Vec<u8>) -> Result<()> {
    macro_rules! narrow {
        ($ty:ty) => {{
            let value = <$ty>::try_from(value).map_err(|_| out_of_range(value, to))?;
            out.extend_from_slice(&value.to_be_bytes());
        }};
    }
    match to {
        Type::TinyInt => narrow!(i8),
        Type::SmallInt => narrow!(i16),
        Type::Int => narrow!(i32),
        Type::BigInt | Type::Counter | Type::Timestamp => narrow!(i64),
        Type::Time if !(0..i128::from(temporal::DAY_NANOS)).contains(&value) => {
            return Err(out_of_range(value, to));
        }
        Type::Time => narrow!(i64),
        Type::Double if value.abs() <= DOUBLE_EXACT_MAX || (value as f64) as i128 == value => {
            out.extend_from_slice(&(value as f64).to_be_bytes());
        }
        Type::Float if value.abs() <= FLOAT_EXACT_MAX || (value as f32) as i128 == value => {
            out.extend_from_slice(&(value as f32).to_be_bytes());
        }
        Type::Double | Type::Float => return Err(inexact(value, to)),
        Type::VarInt => out.extend_from_slice(&BigInt::from(value).to_signed_bytes_be()),
        Type::Decimal => {
            let unscaled = BigInt::from(value);
            out.extend_from_slice(&Decimal { unscaled, scale: 0 }.to_bytes());
        }
        Type::Text | Type::Ascii => out.extend_from_slice(value.to_string().as_bytes()),
        _ => return Err(no_cast("an integer", to)),
    }
    Ok(())
}

fn float(value: f64, narrow: Option<f32>, to: &Type, out: &mut Vec<u8>) -> Result<()> {
    let written = || match narrow {
        Some(narrow) => narrow.to_string(),
        None => value.to_string(),
    };
    match to {
        Type::Double => out.extend_from_slice(&value.to_be_bytes()),
        Type::Float => {
            let nearest = narrow.unwrap_or(value as f32);
            if nearest.is_infinite() && value.is_finite() {
                return Err(out_of_range(value, to));
            }
            out.extend_from_slice(&nearest.to_be_bytes());
        }
        Type::Text | Type::Ascii => {
            let bytes = match narrow {
                Some(narrow) => text::format(&Type::Float, &narrow.to_be_bytes()),
                None => text::format(&Type::Double, &value.to_be_bytes()),
            };
            out.extend_from_slice(bytes.as_bytes());
        }
        _ if !value.is_finite() => return Err(out_of_range(value, to)),
        Type::Decimal => {
            let parsed = Decimal::parse(&written()).ok_or_else(|| no_cast("a float", to))?;
            out.extend_from_slice(&parsed.to_bytes());
        }
        _ => {
            let parsed = Decimal::parse(&written()).ok_or_else(|| no_cast("a float", to))?;
            decimal(&parsed.unscaled, parsed.scale, to, out)?;
        }
    }
    Ok(())
}

fn decimal(unscaled: &BigInt, scale: i32, to: &Type, out: &mut Vec<u8>) -> Result<()> {
    let value = || Decimal {
        unscaled: unscaled.clone(),
        scale,
    };
    match to {
        Type::Decimal => out.extend_from_slice(&value().to_bytes()),
        Type::Double | Type::Float => {
            let written = value().to_string();
            let nearest: f64 = written.parse().map_err(|_| no_cast("a decimal", to))?;
            let narrow: f32 = written.parse().map_err(|_| no_cast("a decimal", to))?;
            let narrow = Some(narrow).filter(|_| *to == Type::Float);
            float(nearest, narrow, to, out)?;
            if nearest.is_infinite() {
                return Err(out_of_range(written, to));
            }
        }
        Type::Text | Type::Ascii => out.extend_from_slice(value().to_string().as_bytes()),
        _ => {
            let places = scale.unsigned_abs();
            if places > PLACES_MAX {
                return Err(out_of_range(value(), to));
            }
            let power = BigInt::from(10).pow(places);
            let whole = if scale < 0 {
                unscaled * power
            } else if (unscaled % &power) == BigInt::ZERO {
                unscaled / power
            } else {
                return Err(inexact(value(), to));
            };
            match to {
                Type::VarInt => out.extend_from_slice(&whole.to_signed_bytes_be()),
                _ => {
                    let small = i128::try_from(&whole).map_err(|_| out_of_range(&whole, to))?;
                    integer(small, to, out)?;
                }
            }
        }
    }
    Ok(())
}

/// Dates, times, instants and spans.
fn moment(item: &Item<'_>, to: &Type, out: &mut Vec<u8>) -> Result<()> {
    let (own, bytes): (Type, Cow<'static, [u8]>) = match *item {
        Item::Date(days) if *to == Type::Timestamp => {
            let millis = days.checked_mul(temporal::DAY_NANOS / 1_000_000);
            let millis = millis.ok_or_else(|| out_of_range(days, to))?;
            (Type::Timestamp, millis.to_be_bytes().to_vec().into())
        }
        Item::Date(days) => (Type::Date, date_bytes(days)?.into()),
        Item::Time(nanos) => (Type::Time, nanos.to_be_bytes().to_vec().into()),
        Item::Instant(units, per_second) => {
            let millis = millis_of(units, per_second)?;
            let day = temporal::DAY_NANOS / 1_000_000;
            match to {
                Type::Date if millis.rem_euclid(day) != 0 => {
                    let shown = temporal::format_timestamp(millis);
                    return Err(Error::invalid(format!("{shown} is no date: it has a time"))
                        .with_hint("cast it in the query: CAST(… AS DATE)"));
                }
                Type::Date => (Type::Date, date_bytes(millis.div_euclid(day))?.into()),
                _ => (Type::Timestamp, millis.to_be_bytes().to_vec().into()),
            }
        }
        Item::Span(months, days, nanos) => {
            let bytes = encode_duration(months, days, nanos);
            Type::Duration.validate(&bytes)?;
            (Type::Duration, bytes.into())
        }
        _ => return Err(no_cast("this", to)),
    };
    match to {
        Type::Text | Type::Ascii => {
            own.validate(&bytes)?;
            out.extend_from_slice(text::format(&own, &bytes).as_bytes());
        }
        _ => out.extend_from_slice(&bytes),
    }
    Ok(())
}

fn date_bytes(days: i64) -> Result<Vec<u8>> {
    let days = i32::try_from(days).map_err(|_| out_of_range(days, &Type::Date))?;
    Ok((days.cast_unsigned() ^ EPOCH_DAY).to_be_bytes().to_vec())
}

fn millis_of(units: i64, per_second: i64) -> Result<i64> {
    if per_second <= 1_000 {
        let millis = units.checked_mul(1_000 / per_second);
        return millis.ok_or_else(|| out_of_range(units, &Type::Timestamp));
    }
    let per_milli = per_second / 1_000;
    if units.rem_euclid(per_milli) != 0 {
        let shown = temporal::format_timestamp(units.div_euclid(per_milli));
        return Err(Error::invalid(format!(
            "a timestamp has milliseconds, and {shown} has more behind them"
        ))
        .with_hint("cut it in the query: date_trunc('millisecond', …)"));
    }
    Ok(units / per_milli)
}

/// The elements' wire bytes.
fn elements(values: &ArrayRef, to: &Type) -> Result<Vec<Vec<u8>>> {
    let mut parts = Vec::with_capacity(values.len());
    for row in 0..values.len() {
        let item = read(values.as_ref(), row)?
            .ok_or_else(|| Error::invalid("null is not supported inside collections"))?;
        let mut part = Vec::new();
        write(&item, to, &mut part)?;
        parts.push(part);
    }
    Ok(parts)
}

fn list(values: &ArrayRef, to: &Type, out: &mut Vec<u8>) -> Result<()> {
    let packed = match to {
        Type::List { element, .. } => collection::pack_elements(&elements(values, element)?),
        Type::Set { element, .. } => {
            let mut parts = elements(values, element)?;
            parts.sort_by(|left, right| element.compare(left, right));
            parts.dedup_by(|left, right| element.compare(left, right).is_eq());
            collection::pack_elements(&parts)
        }
        Type::Vector {
            element,
            dimensions,
        } => {
            if values.len() != usize::from(*dimensions) {
                return Err(Error::invalid(format!(
                    "a {to} has {dimensions} elements, and the list has {}",
                    values.len()
                )));
            }
            collection::pack_vector(element, &elements(values, element)?)
        }
        _ => return Err(no_cast("a list", to)),
    };
    out.extend_from_slice(&packed);
    Ok(())
}

fn map(keys: &ArrayRef, values: &ArrayRef, to: &Type, out: &mut Vec<u8>) -> Result<()> {
    let Type::Map { key, value, .. } = to else {
        return Err(no_cast("a map", to));
    };
    let entries = elements(keys, key)?
        .into_iter()
        .zip(elements(values, value)?);
    let sorted = key.sort_entries(entries.collect());
    out.extend_from_slice(&collection::pack_entries(&sorted));
    Ok(())
}

fn fields_of(fields: &[(&str, &ArrayRef)], row: usize, to: &Type, out: &mut Vec<u8>) -> Result<()> {
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let order = field_order(&names, to).ok_or_else(|| no_cast("a struct", to))?;
    let mut parts: Vec<Option<Vec<u8>>> = Vec::with_capacity(order.len());
    for (ty, at) in to.field_types().into_iter().zip(order) {
        let array = at.and_then(|at| fields.get(at)).map(|(_, array)| array);
        let item = match array {
            Some(array) => read(array.as_ref(), row)?,
            None => None,
        };
        parts.push(match item {
            Some(item) => {
                let mut part = Vec::new();
                write(&item, ty, &mut part)?;
                Some(part)
            }
            None => None,
        });
    }
    out.extend_from_slice(&collection::pack_fields(&parts));
    Ok(())
}
