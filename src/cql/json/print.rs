//! Wire bytes → JSON text, with Cassandra's spacing.
//!
//! Numbers stand bare and everything else in quotes. What JSON has no word for (`NaN`, the
//! infinities) is `null`; an empty value of a type that has none is the empty text. Names that are
//! not all in lower case have CQL's quotes within JSON's, and so come back as they are.

use crate::error::{Error, Result};
use crate::types::codec::{EPOCH_DAY, decode_duration, decode_inet};
use crate::types::java;
use crate::types::literal::hex;
use crate::types::number::Decimal;
use crate::types::{Type, collection, temporal};
use num_bigint::BigInt;
use std::fmt::Write;
use std::net::IpAddr;
use uuid::Uuid;

/// Appends the JSON text of a value; none is `null`.
pub fn print(ty: &Type, bytes: Option<&[u8]>, out: &mut String) -> Result<()> {
    let Some(bytes) = bytes else {
        out.push_str("null");
        return Ok(());
    };
    if bytes.is_empty() && !ty.empty_is_a_value() && !is_compound(ty) {
        out.push_str("\"\"");
        return Ok(());
    }
    let whole = match ty {
        Type::Ascii | Type::Text => {
            quote(str::from_utf8(bytes).map_err(|_| broken(ty))?, out);
            Some(())
        }
        ty if is_compound(ty) => return compound(ty, bytes, out),
        ty => scalar(ty, bytes, out),
    };
    whole.ok_or_else(|| broken(ty))
}

fn is_compound(ty: &Type) -> bool {
    ty.is_collection() || matches!(ty, Type::Tuple(_) | Type::Udt { .. } | Type::Vector { .. })
}

fn broken(ty: &Type) -> Error {
    Error::internal(format!("bytes that are no value of type {ty}"))
}

/// Appends a scalar; none where the bytes are no such value.
fn scalar(ty: &Type, bytes: &[u8], out: &mut String) -> Option<()> {
    let bare = match ty {
        Type::Boolean => (*bytes.first()? != 0).to_string(),
        Type::TinyInt => i8::from_be_bytes(bytes.try_into().ok()?).to_string(),
        Type::SmallInt => i16::from_be_bytes(bytes.try_into().ok()?).to_string(),
        Type::Int => i32::from_be_bytes(bytes.try_into().ok()?).to_string(),
        Type::BigInt | Type::Counter => i64::from_be_bytes(bytes.try_into().ok()?).to_string(),
        Type::VarInt => BigInt::from_signed_bytes_be(bytes).to_string(),
        Type::Decimal => Decimal::from_bytes(bytes)?.to_string(),
        Type::Double => match f64::from_be_bytes(bytes.try_into().ok()?) {
            value if value.is_finite() => java::double_text(value),
            _ => "null".to_owned(),
        },
        Type::Float => match f32::from_be_bytes(bytes.try_into().ok()?) {
            value if value.is_finite() => java::float_text(value),
            _ => "null".to_owned(),
        },
        ty => {
            let text = quoted_text(ty, bytes)?;
            let _ = write!(out, "\"{text}\"");
            return Some(());
        }
    };
    out.push_str(&bare);
    Some(())
}

/// The text of a scalar that stands in quotes, and has nothing that needs an escape.
fn quoted_text(ty: &Type, bytes: &[u8]) -> Option<String> {
    Some(match ty {
        Type::Blob => hex(bytes),
        Type::Date => {
            let days = u32::from_be_bytes(bytes.try_into().ok()?) ^ EPOCH_DAY;
            temporal::format_date_json(days.cast_signed())
        }
        Type::Time => temporal::format_time(i64::from_be_bytes(bytes.try_into().ok()?)),
        Type::Timestamp => {
            temporal::format_timestamp_json(i64::from_be_bytes(bytes.try_into().ok()?))
        }
        Type::Duration => {
            let (months, days, nanos) = decode_duration(bytes)?;
            temporal::format_duration(months, days, nanos)
        }
        Type::Inet => match decode_inet(bytes)? {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let parts: Vec<String> = address
                    .segments()
                    .iter()
                    .map(|part| format!("{part:x}"))
                    .collect();
                parts.join(":")
            }
        },
        Type::Uuid | Type::TimeUuid => Uuid::from_slice(bytes).ok()?.to_string(),
        _ => return None,
    })
}

fn compound(ty: &Type, bytes: &[u8], out: &mut String) -> Result<()> {
    match ty {
        Type::List { element, .. } => {
            // A list that an answer makes up may hold nulls.
            let parts = collection::elements_or_nulls(bytes)?;
            array(parts.into_iter().map(|part| (&**element, part)), out)
        }
        Type::Set { element, .. } => {
            let parts = collection::elements(bytes)?;
            array(parts.into_iter().map(|part| (&**element, Some(part))), out)
        }
        Type::Vector {
            element,
            dimensions,
        } => {
            let parts = collection::vector(element, *dimensions, bytes)?;
            array(parts.into_iter().map(|part| (&**element, Some(part))), out)
        }
        Type::Tuple(types) => {
            let mut fields = collection::fields(bytes, types.len())?;
            fields.resize(types.len(), None);
            array(types.iter().zip(fields), out)
        }
        Type::Map { key, value, .. } => {
            out.push('{');
            for (at, (k, v)) in collection::entries(bytes)?.into_iter().enumerate() {
                comma(at, out);
                let mut name = String::new();
                print(key, Some(k), &mut name)?;
                match name.starts_with('"') {
                    true => out.push_str(&name),
                    false => quote(&name, out),
                }
                out.push_str(": ");
                print(value, Some(v), out)?;
            }
            out.push('}');
            Ok(())
        }
        Type::Udt { udt, .. } => {
            let mut fields = collection::fields(bytes, udt.fields.len())?;
            fields.resize(udt.fields.len(), None);
            out.push('{');
            for (at, ((name, ty), field)) in udt.fields.iter().zip(fields).enumerate() {
                comma(at, out);
                out.push_str(&name_text(name));
                out.push_str(": ");
                print(ty, field, out)?;
            }
            out.push('}');
            Ok(())
        }
        ty => Err(broken(ty)),
    }
}

fn array<'a>(
    parts: impl Iterator<Item = (&'a Type, Option<&'a [u8]>)>,
    out: &mut String,
) -> Result<()> {
    out.push('[');
    for (at, (ty, part)) in parts.enumerate() {
        comma(at, out);
        print(ty, part, out)?;
    }
    out.push(']');
    Ok(())
}

fn comma(at: usize, out: &mut String) {
    if at > 0 {
        out.push_str(", ");
    }
}

/// The name of a column or field, as JSON.
pub fn name_text(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    match name.to_lowercase() == name {
        true => quote(name, &mut out),
        false => quote(&format!("\"{name}\""), &mut out),
    }
    out
}

/// Appends a text in quotes.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|c| matches!(c, '"' | '\\') || c < ' ') {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = special.chars();
        match chars.next() {
            Some('\u{8}') => out.push_str("\\b"),
            Some('\t') => out.push_str("\\t"),
            Some('\n') => out.push_str("\\n"),
            Some('\u{C}') => out.push_str("\\f"),
            Some('\r') => out.push_str("\\r"),
            Some(c @ ('"' | '\\')) => {
                out.push('\\');
                out.push(c);
            }
            Some(c) => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}
