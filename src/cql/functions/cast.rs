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
use crate::cql::functions::resolve::{Signature, choose};
use crate::cql::functions::time::{day_of, millis_of};
use crate::cql::functions::{Arguments, Body, Scalar};
use crate::error::Result;
use crate::types::codec::EPOCH_DAY;
use crate::types::{Type, java, temporal, text};

/// The types that values can be cast from.
const SOURCES: [Type; 19] = [
    Type::Ascii,
    Type::BigInt,
    Type::Blob,
    Type::Boolean,
    Type::Counter,
    Type::Date,
    Type::Decimal,
    Type::Double,
    Type::Float,
    Type::Inet,
    Type::Int,
    Type::SmallInt,
    Type::Text,
    Type::Time,
    Type::Timestamp,
    Type::TimeUuid,
    Type::TinyInt,
    Type::Uuid,
    Type::VarInt,
];

/// The cast of a value to a type; none where there is none to that type.
pub(super) fn find(to: &Type, of: &Arguments<'_>) -> Result<Option<Scalar>> {
    let name = format!("system.cast_as_{to}");
    let mut found: Vec<(Signature, Body)> = SOURCES
        .iter()
        .filter(|from| *from != to)
        .filter_map(|from| {
            let signature = Signature::new(std::slice::from_ref(from), to.clone());
            Some((signature, body(from, to)?))
        })
        .collect();
    if found.is_empty() {
        return Ok(None);
    }
    let signatures: Vec<Signature> = found.iter().map(|(it, _)| it.clone()).collect();
    let (signature, body) = found.swap_remove(choose(&name, &signatures, of, None)?);
    Ok(Some(Scalar {
        name,
        arguments: signature.arguments,
        returns: signature.returns,
        pure: true,
        monotonic: false,
        overloaded: true,
        body,
    }))
}

fn body(from: &Type, to: &Type) -> Option<Body> {
    let (source, target) = (from.clone(), to.clone());
    let is_temporal = |ty: &Type| matches!(ty, Type::Timestamp | Type::Date | Type::TimeUuid);
    if NUMERIC.contains(from) && NUMERIC.contains(to) && *to != Type::Counter {
        return Some(unary_body(move |bytes| {
            match Number::read(&source, bytes)? {
                // What is whole in a decimal is cut off at 64 bits.
                Some(number @ Number::Decimal(_)) if target == Type::VarInt => {
                    Number::Integer(number.to_integer(64)?)
                        .write(&target)
                        .map(Some)
                }
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
            Ok(Some(day_of(millis)))
        }));
    }
    let has_text = NUMERIC.contains(from)
        || is_temporal(from)
        || matches!(
            from,
            Type::Ascii | Type::Text | Type::Boolean | Type::Inet | Type::Time | Type::Uuid
        );
    let same = matches!((from, to), (Type::Text, Type::Ascii));
    if !has_text || same || !matches!(to, Type::Text | Type::Ascii) {
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
        Type::Date => match <[u8; 4]>::try_from(bytes) {
            Ok(shifted) => {
                let days = u32::from_be_bytes(shifted) ^ EPOCH_DAY;
                temporal::format_date_json(days.cast_signed())
            }
            Err(_) => text::format(ty, bytes),
        },
        Type::Timestamp => {
            // 2011-02-03 04:05:06.789000+0000 becomes 2011-02-03T04:05:06.789Z.
            let shown = text::format(ty, bytes);
            match shown.split_once(' ') {
                Some((date, time)) => format!("{date}T{}Z", time.get(..12).unwrap_or(time)),
                None => shown,
            }
        }
        Type::Float | Type::Double => match Number::read(ty, bytes)? {
            Some(Number::Float(value)) => java::float_text(value),
            Some(Number::Double(value)) => java::double_text(value),
            _ => text::format(ty, bytes),
        },
        Type::Inet => match <[u8; 16]>::try_from(bytes) {
            // Java leaves no zeros out.
            Ok(octets) => {
                let segments = std::net::Ipv6Addr::from(octets).segments();
                segments.map(|segment| format!("{segment:x}")).join(":")
            }
            Err(_) => text::format(ty, bytes),
        },
        _ => text::format(ty, bytes),
    })
}
