//! `CAST(value AS type)`.
//!
//! | from | to |
//! |---|---|
//! | a numeric type | every other one but counter, text, ascii |
//! | timeuuid | timestamp, date, text, ascii |
//! | timestamp | date, text, ascii |
//! | date | timestamp, text, ascii |
//! | ascii, boolean, inet, time, uuid, text | text, ascii |

use crate::cql::functions::number::{NUMERIC, Number};
use crate::cql::functions::overload::unary_body;
use crate::cql::functions::time::{date_bytes, millis_of};
use crate::cql::functions::{Body, Scalar};
use crate::error::{Error, Result};
use crate::types::number::{java_double_text, java_float_text};
use crate::types::{Type, text};

/// The cast from a type to another.
pub(super) fn find(from: &Type, to: &Type) -> Result<Scalar> {
    let body =
        body(from, to).ok_or_else(|| Error::invalid(format!("{from} cannot be cast to {to}")))?;
    Ok(Scalar {
        name: format!("cast_as_{to}"),
        arguments: vec![from.clone()],
        returns: to.clone(),
        pure: true,
        body,
    })
}

fn body(from: &Type, to: &Type) -> Option<Body> {
    let (source, target) = (from.clone(), to.clone());
    let is_temporal = |ty: &Type| matches!(ty, Type::Timestamp | Type::Date | Type::TimeUuid);
    if from == to {
        return Some(unary_body(|bytes| Ok(Some(bytes.to_vec()))));
    }
    if NUMERIC.contains(from) && NUMERIC.contains(to) && *to != Type::Counter {
        return Some(unary_body(move |bytes| {
            match Number::read(&source, bytes)? {
                Some(number) => number.write(&target).map(Some),
                None => Ok(None),
            }
        }));
    }
    if is_temporal(from) && matches!(to, Type::Timestamp | Type::Date) {
        return Some(unary_body(move |bytes| {
            let Some(millis) = millis_of(&source, bytes) else {
                return Ok(None);
            };
            if target == Type::Timestamp {
                return Ok(Some(millis.to_be_bytes().to_vec()));
            }
            let days = i32::try_from(millis.div_euclid(86_400_000));
            let days = days.map_err(|_| Error::invalid("the timestamp is no date"))?;
            Ok(Some(date_bytes(days)))
        }));
    }
    let has_text = NUMERIC.contains(from)
        || is_temporal(from)
        || matches!(
            from,
            Type::Ascii | Type::Text | Type::Boolean | Type::Inet | Type::Time | Type::Uuid
        );
    if !has_text || !matches!(to, Type::Text | Type::Ascii) {
        return None;
    }
    Some(unary_body(move |bytes| {
        let text = as_text(&source, bytes)?.into_bytes();
        target.validate(&text)?;
        Ok(Some(text))
    }))
}

/// A value's text as Java writes it.
fn as_text(ty: &Type, bytes: &[u8]) -> Result<String> {
    Ok(match ty {
        Type::Boolean => text::format(ty, bytes).to_lowercase(),
        Type::Timestamp => {
            // 2011-02-03 04:05:06.789000+0000 becomes 2011-02-03T04:05:06.789Z.
            let shown = text::format(ty, bytes);
            match shown.split_once(' ') {
                Some((date, time)) => format!("{date}T{}Z", time.get(..12).unwrap_or(time)),
                None => shown,
            }
        }
        Type::Float | Type::Double => match Number::read(ty, bytes)? {
            Some(Number::Float(value)) => java_float_text(value),
            Some(Number::Double(value)) => java_double_text(value),
            _ => text::format(ty, bytes),
        },
        _ => text::format(ty, bytes),
    })
}
