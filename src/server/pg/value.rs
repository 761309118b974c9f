//! Values as PostgreSQL writes them: as text, and in the binary form that drivers ask for.

use crate::analytics::pg_catalog::oid;
use crate::error::{Error, Result};
use crate::server::pg::numeric;
use crate::types::number::Decimal;
use crate::types::temporal::{civil_from_days, format_time};
use crate::types::{Type, Value, collection, text};
use bytes::{BufMut, BytesMut};
use num_bigint::BigInt;
use std::fmt::Write;
use std::net::IpAddr;

/// Days from 1970 to 2000, where PostgreSQL counts from.
pub const EPOCH_DAYS: i64 = 10_957;
/// The same in microseconds.
pub const EPOCH_MICROS: i64 = EPOCH_DAYS * 86_400_000_000;

/// Appends a field of a row: its length and its value, in text or in binary.
pub fn put(ty: &Type, bytes: Option<&[u8]>, binary: bool, out: &mut BytesMut) -> Result<()> {
    let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty() || ty.empty_is_a_value()) else {
        out.put_i32(-1);
        return Ok(());
    };
    let start = out.len();
    out.put_i32(0);
    if binary {
        put_binary(ty, bytes, out)?;
    } else {
        out.put_slice(as_text(ty, bytes)?.as_bytes());
    }
    let length = i32::try_from(out.len() - start - 4)
        .map_err(|_| Error::invalid("a value is larger than 2 GiB"))?;
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

fn decimal(ty: &Type, bytes: &[u8]) -> Result<Decimal> {
    let read = match ty {
        Type::VarInt => Some(Decimal {
            unscaled: BigInt::from_signed_bytes_be(bytes),
            scale: 0,
        }),
        _ => Decimal::from_bytes(bytes),
    };
    read.ok_or_else(|| Error::internal("a stored decimal is too short"))
}

/// A value as text.
pub fn as_text(ty: &Type, bytes: &[u8]) -> Result<String> {
    if let Type::Decimal | Type::VarInt = ty {
        return numeric::text(&decimal(ty, bytes)?);
    }
    if let Some((element, _)) = oid::element(ty) {
        return array_text(element, &elements(ty, bytes)?);
    }
    Ok(match ty.decode(bytes)? {
        Value::Boolean(value) => (if value { "t" } else { "f" }).to_owned(),
        Value::Float(value) => float_text(f64::from(value), &format!("{value:?}")),
        Value::Double(value) => float_text(value, &format!("{value:?}")),
        Value::Blob(bytes) => hex(&bytes),
        Value::Date(days) => date_text(i64::from(days)),
        Value::Timestamp(millis) => timestamp_text(millis),
        Value::Time(nanos) => trimmed(format_time(nanos - nanos % 1_000)),
        Value::Duration {
            months,
            days,
            nanos,
        } => interval_text(months, days, nanos),
        value @ (Value::Map(_) | Value::Tuple(_) | Value::List(_) | Value::Set(_)) => {
            json(ty, &value).to_string()
        }
        _ => text::format(ty, bytes),
    })
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::from("\\x");
    for byte in bytes {
        // Writing to a text never fails.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn float_text(value: f64, shown: &str) -> String {
    match value {
        _ if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        _ => shown.strip_suffix(".0").unwrap_or(shown).to_owned(),
    }
}

/// Years before the first one have "BC" behind them, and there is no year 0.
fn era(year: i64) -> (i64, &'static str) {
    match year {
        1.. => (year, ""),
        _ => (1 - year, " BC"),
    }
}

fn date_text(days: i64) -> String {
    let (year, month, day) = civil_from_days(days);
    let (year, era) = era(year);
    format!("{year:04}-{month:02}-{day:02}{era}")
}

fn timestamp_text(millis: i64) -> String {
    let (days, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (year, month, day) = civil_from_days(days);
    let (year, era) = era(year);
    let time = trimmed(format_time(rest * 1_000_000));
    format!("{year:04}-{month:02}-{day:02} {time}+00{era}")
}

/// A time without the zeros that end its fraction.
fn trimmed(time: String) -> String {
    match time.contains('.') {
        true => time.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => time,
    }
}

fn interval_text(months: i32, days: i32, nanos: i64) -> String {
    let mut words = Vec::new();
    for (count, one, many) in [
        (months / 12, "year", "years"),
        (months % 12, "mon", "mons"),
        (days, "day", "days"),
    ] {
        if count != 0 {
            words.push(format!("{count} {}", if count == 1 { one } else { many }));
        }
    }
    let micros = nanos / 1_000;
    if micros != 0 || words.is_empty() {
        let sign = if micros < 0 { "-" } else { "" };
        let micros = micros.unsigned_abs();
        let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
        let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
        let time = format!("{hours:02}:{minutes:02}:{:02}.{fraction:06}", seconds % 60);
        words.push(format!("{sign}{}", trimmed(time)));
    }
    words.join(" ")
}

fn elements<'a>(ty: &Type, bytes: &'a [u8]) -> Result<Vec<&'a [u8]>> {
    match ty {
        Type::Set { .. } => collection::set_elements(bytes),
        Type::Vector {
            element,
            dimensions,
        } => collection::vector(element, *dimensions, bytes),
        _ => collection::elements(bytes),
    }
}

fn array_text(element: &Type, elements: &[&[u8]]) -> Result<String> {
    let mut out = String::from("{");
    for (at, bytes) in elements.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        let text = as_text(element, bytes)?;
        let plain = !text.is_empty()
            && !text.eq_ignore_ascii_case("null")
            && !text.contains(|c: char| "{},\"\\".contains(c) || c.is_ascii_whitespace());
        if plain {
            out.push_str(&text);
            continue;
        }
        out.push('"');
        for c in text.chars() {
            if matches!(c, '"' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
        out.push('"');
    }
    out.push('}');
    Ok(out)
}

/// A compound value as JSON: what has no counterpart there is its text.
fn json(ty: &Type, value: &Value) -> serde_json::Value {
    use serde_json::Value as Json;
    let all = |ty: &Type, values: &[Value]| {
        Json::Array(values.iter().map(|value| json(ty, value)).collect())
    };
    match (ty, value) {
        (_, Value::Null) => Json::Null,
        (_, Value::Boolean(value)) => Json::Bool(*value),
        (_, Value::TinyInt(value)) => (*value).into(),
        (_, Value::SmallInt(value)) => (*value).into(),
        (_, Value::Int(value)) => (*value).into(),
        (_, Value::BigInt(value)) => (*value).into(),
        (_, Value::Float(value)) => f64::from(*value).into(),
        (_, Value::Double(value)) => (*value).into(),
        (_, Value::Text(value)) => Json::String(value.clone()),
        (
            Type::List { element, .. } | Type::Set { element, .. } | Type::Vector { element, .. },
            Value::List(values) | Value::Set(values),
        ) => all(element, values),
        (Type::Map { key, value: ty, .. }, Value::Map(entries)) => Json::Object(
            entries
                .iter()
                .map(|(name, value)| (word(key, name), json(ty, value)))
                .collect(),
        ),
        (Type::Tuple(types), Value::Tuple(values)) => Json::Array(
            types
                .iter()
                .zip(values)
                .map(|(ty, value)| json(ty, value))
                .collect(),
        ),
        (Type::Udt { udt, .. }, Value::Tuple(values)) => Json::Object(
            udt.fields
                .iter()
                .zip(values)
                .map(|((name, ty), value)| (name.clone(), json(ty, value)))
                .collect(),
        ),
        _ => Json::String(word(ty, value)),
    }
}

/// A value as a JSON key or text.
fn word(ty: &Type, value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        value if oid::scalar(ty).is_some() => ty
            .encode(value)
            .and_then(|bytes| as_text(ty, &bytes))
            .unwrap_or_default(),
        value => json(ty, value).to_string(),
    }
}

fn out_of_range(what: &str) -> Error {
    Error::invalid(format!("a {what} out of range: PostgreSQL cannot hold it"))
}

fn put_binary(ty: &Type, bytes: &[u8], out: &mut BytesMut) -> Result<()> {
    if let Some((element, pg)) = oid::element(ty) {
        let elements = elements(ty, bytes)?;
        out.put_i32(i32::from(!elements.is_empty()));
        out.put_i32(0);
        out.put_u32(pg.oid);
        if !elements.is_empty() {
            let count = i32::try_from(elements.len()).map_err(|_| out_of_range("list"))?;
            out.put_i32(count);
            out.put_i32(1);
        }
        for bytes in elements {
            put(element, Some(bytes), true, out)?;
        }
        return Ok(());
    }
    match ty {
        Type::Decimal | Type::VarInt => return numeric::put(&decimal(ty, bytes)?, out),
        Type::TinyInt => {}
        Type::BigInt | Type::Counter | Type::Int | Type::SmallInt | Type::Float => {
            out.put_slice(bytes);
            return Ok(());
        }
        Type::Double | Type::Boolean | Type::Uuid | Type::TimeUuid | Type::Blob => {
            out.put_slice(bytes);
            return Ok(());
        }
        _ => {}
    }
    match ty.decode(bytes)? {
        Value::TinyInt(value) => out.put_i16(i16::from(value)),
        Value::Date(days) => {
            let days = i64::from(days) - EPOCH_DAYS;
            out.put_i32(i32::try_from(days).map_err(|_| out_of_range("date"))?);
        }
        Value::Timestamp(millis) => {
            let micros = millis
                .checked_mul(1_000)
                .and_then(|micros| micros.checked_sub(EPOCH_MICROS));
            out.put_i64(micros.ok_or_else(|| out_of_range("timestamp"))?);
        }
        Value::Time(nanos) => out.put_i64(nanos / 1_000),
        Value::Duration {
            months,
            days,
            nanos,
        } => {
            out.put_i64(nanos / 1_000);
            out.put_i32(days);
            out.put_i32(months);
        }
        Value::Inet(address) => put_inet(address, out),
        _ => out.put_slice(as_text(ty, bytes)?.as_bytes()),
    }
    Ok(())
}

/// Family, bits of the mask, whether it is a network, length, address.
fn put_inet(address: IpAddr, out: &mut BytesMut) {
    match address {
        IpAddr::V4(address) => {
            out.put_slice(&[2, 32, 0, 4]);
            out.put_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            out.put_slice(&[3, 128, 0, 16]);
            out.put_slice(&address.octets());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(ty: &Type, cql: &str) -> String {
        as_text(ty, &text::parse(ty, cql).unwrap()).unwrap()
    }

    #[test]
    fn texts_are_those_of_postgresql() {
        assert_eq!(shown(&Type::Boolean, "true"), "t");
        assert_eq!(shown(&Type::Double, "2"), "2");
        assert_eq!(shown(&Type::Double, "1e300"), "1e300");
        assert_eq!(shown(&Type::Blob, "0xcafe"), "\\xcafe");
        assert_eq!(
            shown(&Type::Timestamp, "2013-01-01 05:06:07.5+0000"),
            "2013-01-01 05:06:07.5+00"
        );
        assert_eq!(shown(&Type::Date, "2013-01-02"), "2013-01-02");
        assert_eq!(
            shown(&Type::Duration, "14mo3d4h5s"),
            "1 year 2 mons 3 days 04:00:05"
        );
        assert_eq!(shown(&Type::Decimal, "1.50"), "1.50");
        let list = Type::List {
            element: Type::Text.into(),
            frozen: true,
        };
        assert_eq!(
            shown(&list, "['a', 'b c', '', 'x\"y']"),
            r#"{a,"b c","","x\"y"}"#
        );
        let map = Type::Map {
            key: Type::Int.into(),
            value: Type::Text.into(),
            frozen: true,
        };
        assert_eq!(shown(&map, "{1: 'a', 2: 'b'}"), r#"{"1":"a","2":"b"}"#);
    }

    #[test]
    fn binary_forms() {
        let binary = |ty: &Type, cql: &str| {
            let mut out = BytesMut::new();
            put(ty, Some(&text::parse(ty, cql).unwrap()), true, &mut out).unwrap();
            out.to_vec()
        };
        assert_eq!(binary(&Type::TinyInt, "-2"), b"\0\0\0\x02\xff\xfe");
        assert_eq!(binary(&Type::Date, "2000-01-03"), b"\0\0\0\x04\0\0\0\x02");
        assert_eq!(
            binary(&Type::Inet, "127.0.0.1"),
            b"\0\0\0\x08\x02\x20\0\x04\x7f\0\0\x01"
        );
        let far = Type::Timestamp.encode(&Value::Timestamp(i64::MAX)).unwrap();
        assert!(put(&Type::Timestamp, Some(&far), true, &mut BytesMut::new()).is_err());
    }
}
