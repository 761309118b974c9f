//! Parameters as clients send them: in text or in binary, of the type that they say.
//!
//! Whatever comes is first made the text of its value, which is then read as a value of the type
//! that the statement wants, by the same reader that CSV files have.

use crate::analytics::pg_catalog::oid::{self, PgType};
use crate::error::{Error, Result};
use crate::server::pg::frame::{Fields, malformed};
use crate::server::pg::numeric;
use crate::server::pg::value::{EPOCH_DAYS, EPOCH_MICROS};
use crate::types::temporal::{format_date, format_duration, format_time};
use crate::types::{Type, collection, text};
use std::net::IpAddr;

/// The wire bytes that a parameter means as a value of type `ty`.
///
/// `declared` is the type that the client said it would send, 0 for none.
pub fn wire(ty: &Type, declared: u32, binary: bool, bytes: &[u8]) -> Result<Vec<u8>> {
    if !binary {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Error::invalid("invalid byte sequence for encoding \"UTF8\""))?;
        return from_text(ty, text);
    }
    let declared = match declared {
        0 => oid::of(ty).0,
        declared => declared,
    };
    match oid::by_oid(declared) {
        Some((pg, false)) => from_text(ty, &binary_text(pg, bytes)?),
        Some((pg, true)) => array(ty, pg, bytes),
        // Names, unknown ones and varchar are texts in binary as well.
        None => wire(ty, declared, false, bytes),
    }
}

fn from_text(ty: &Type, given: &str) -> Result<Vec<u8>> {
    if let Some((element, _)) = oid::element(ty)
        && let Some(inner) = given.trim().strip_prefix('{')
        && !matches!(ty, Type::Set { .. } if text::parse(ty, given).is_ok())
    {
        let inner = inner
            .strip_suffix('}')
            .ok_or_else(|| Error::invalid("an array without its closing brace"))?;
        let elements: Result<Vec<_>> = array_words(inner)?
            .iter()
            .map(|word| from_text(element, word))
            .collect();
        return pack(ty, elements?);
    }
    match ty {
        Type::Boolean => match given.trim().to_ascii_lowercase().as_str() {
            "t" | "true" | "1" | "on" | "yes" | "y" => Ok(vec![1]),
            "f" | "false" | "0" | "off" | "no" | "n" => Ok(vec![0]),
            _ => text::parse(ty, given),
        },
        Type::Blob => match given.strip_prefix("\\x") {
            Some(digits) => text::parse_hex(digits)
                .ok_or_else(|| Error::invalid("invalid hexadecimal digits in a bytea")),
            None if given.starts_with("0x") => text::parse(ty, given),
            None => Ok(given.as_bytes().to_vec()),
        },
        Type::Timestamp => text::parse(ty, &milliseconds(given)),
        Type::Date => text::parse(ty, given.split([' ', 'T']).next().unwrap_or(given)),
        Type::Inet => text::parse(ty, given.split('/').next().unwrap_or(given)),
        _ => text::parse(ty, given),
    }
}

/// A timestamp with at most three places behind its point, and a zone: UTC where none is told.
fn milliseconds(given: &str) -> String {
    let given = given.trim();
    let Some((date, time)) = given.split_once([' ', 'T']) else {
        return given.to_owned();
    };
    let zone_at = time.find(['+', '-', 'Z', 'z']).unwrap_or(time.len());
    let (time, zone) = time.split_at(zone_at);
    let time = match time.split_once('.') {
        Some((whole, fraction)) => {
            let places: String = fraction.chars().take(3).collect();
            format!("{whole}.{places}")
        }
        None => time.to_owned(),
    };
    let zone = match zone {
        "" | "Z" | "z" => "+0000".to_owned(),
        _ => {
            let digits = zone.replace(':', "");
            format!("{digits}{}", if digits.len() == 3 { "00" } else { "" })
        }
    };
    format!("{date} {time}{zone}")
}

/// The words of an array's text, between its braces.
fn array_words(inner: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    if inner.trim().is_empty() {
        return Ok(words);
    }
    let (mut word, mut quoted, mut was_quoted) = (String::new(), false, false);
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => word.extend(chars.next()),
            '"' => {
                quoted = !quoted;
                was_quoted = true;
            }
            ',' if !quoted => {
                words.push(finished(&word, was_quoted)?);
                word.clear();
                was_quoted = false;
            }
            _ => word.push(c),
        }
    }
    words.push(finished(&word, was_quoted)?);
    Ok(words)
}

fn finished(word: &str, quoted: bool) -> Result<String> {
    if quoted {
        return Ok(word.to_owned());
    }
    if word.trim().eq_ignore_ascii_case("null") {
        return Err(Error::invalid("null is not allowed inside of a collection"));
    }
    Ok(word.trim().to_owned())
}

fn pack(ty: &Type, elements: Vec<Vec<u8>>) -> Result<Vec<u8>> {
    let bytes = match ty {
        Type::Vector { element, .. } => collection::pack_vector(element, &elements),
        _ => collection::pack_elements(&elements),
    };
    // The form in which sets are kept is found by decoding and encoding.
    ty.decode(&bytes).and_then(|value| ty.encode(&value))
}

fn array(ty: &Type, pg: PgType, bytes: &[u8]) -> Result<Vec<u8>> {
    let Some((element, _)) = oid::element(ty) else {
        return Err(Error::invalid(format!("an array is no value of type {ty}")));
    };
    let mut fields = Fields::of(bytes);
    let dimensions = fields.int()?;
    fields.int()?;
    fields.unsigned()?;
    if dimensions == 0 {
        return pack(ty, Vec::new());
    }
    if dimensions != 1 {
        return Err(Error::invalid("arrays of one dimension are taken"));
    }
    let count = fields.int()?;
    fields.int()?;
    let mut elements = Vec::new();
    for _ in 0..count {
        let bytes = fields
            .value()?
            .ok_or_else(|| Error::invalid("null is not allowed inside of a collection"))?;
        elements.push(wire(element, pg.oid, true, bytes)?);
    }
    pack(ty, elements)
}

/// The text of a binary value.
fn binary_text(pg: PgType, bytes: &[u8]) -> Result<String> {
    let mut fields = Fields::of(bytes);
    let text = match pg {
        oid::BOOL => (if fields.byte()? == 0 { "false" } else { "true" }).to_owned(),
        oid::INT2 => fields.short()?.to_string(),
        oid::INT4 => fields.int()?.to_string(),
        oid::INT8 => long(&mut fields)?.to_string(),
        oid::FLOAT4 => f32::from_bits(fields.unsigned()?).to_string(),
        oid::FLOAT8 => f64::from_bits(long(&mut fields)?.cast_unsigned()).to_string(),
        oid::NUMERIC => return numeric::read(bytes),
        oid::BYTEA => {
            let digits = fields.bytes(bytes.len())?;
            return Ok(format!("\\x{}", hex(digits)));
        }
        oid::UUID => {
            let bytes = <[u8; 16]>::try_from(fields.bytes(16)?)
                .map_err(|_| malformed("a uuid has 16 bytes"))?;
            uuid::Uuid::from_bytes(bytes).to_string()
        }
        oid::DATE => {
            let days = i64::from(fields.int()?) + EPOCH_DAYS;
            format_date(i32::try_from(days).map_err(|_| Error::invalid("a date out of range"))?)
        }
        oid::TIME => format_time(long(&mut fields)?.saturating_mul(1_000)),
        oid::TIMESTAMP | oid::TIMESTAMPTZ => {
            let micros = long(&mut fields)?.saturating_add(EPOCH_MICROS);
            micros.div_euclid(1_000).to_string()
        }
        oid::INTERVAL => {
            let micros = long(&mut fields)?;
            let days = fields.int()?;
            let months = fields.int()?;
            format_duration(months, days, micros.saturating_mul(1_000))
        }
        oid::INET => return inet(&mut fields),
        _ => {
            let all = fields.bytes(bytes.len())?;
            return String::from_utf8(all.to_vec())
                .map_err(|_| Error::invalid("invalid byte sequence for encoding \"UTF8\""));
        }
    };
    match fields.is_empty() {
        true => Ok(text),
        false => Err(malformed("incorrect binary data format in a parameter")),
    }
}

fn long(fields: &mut Fields<'_>) -> Result<i64> {
    let high = i64::from(fields.int()?);
    let low = i64::from(fields.unsigned()?);
    Ok((high << 32) | low)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn inet(fields: &mut Fields<'_>) -> Result<String> {
    fields.bytes(3)?;
    let length = usize::from(fields.byte()?);
    let bytes = fields.bytes(length)?;
    let address = match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(four), _) => IpAddr::from(four),
        (_, Ok(sixteen)) => IpAddr::from(sixteen),
        _ => return Err(malformed("an address has 4 or 16 bytes")),
    };
    Ok(address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_bytes_mean_the_same() {
        let int = wire(&Type::Int, 0, false, b"7").unwrap();
        assert_eq!(
            int,
            wire(&Type::Int, oid::INT8.oid, true, b"\0\0\0\0\0\0\0\x07").unwrap()
        );
        assert_eq!(
            int,
            wire(&Type::Int, oid::INT2.oid, true, b"\0\x07").unwrap()
        );
        let when = wire(&Type::Timestamp, 0, false, b"2000-01-01 00:00:01.5+00").unwrap();
        let micros = 1_500_000_i64.to_be_bytes();
        assert_eq!(
            when,
            wire(&Type::Timestamp, oid::TIMESTAMP.oid, true, &micros).unwrap()
        );
        let list = Type::List {
            element: Type::Int.into(),
            frozen: true,
        };
        let array = b"\0\0\0\x01\0\0\0\0\0\0\0\x17\0\0\0\x02\0\0\0\x01\
            \0\0\0\x04\0\0\0\x01\0\0\0\x04\0\0\0\x02";
        assert_eq!(
            wire(&list, 0, false, b"{1,2}").unwrap(),
            wire(&list, oid::INT4.array, true, array).unwrap()
        );
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for (ty, declared, binary, bytes) in [
            (Type::Int, 0, false, &b"x"[..]),
            (Type::Int, 0, true, b"\0"),
            (Type::Int, oid::INT4.oid, true, b"\0\0\0\0\0"),
            (Type::Uuid, 0, true, b"short"),
            (Type::Text, 0, false, b"\xff"),
            (Type::Inet, 0, true, b"\x02\x20\0\xff"),
            (Type::Int, oid::INT4.array, true, b"\0\0\0\x01"),
        ] {
            assert!(
                wire(&ty, declared, binary, bytes).is_err(),
                "{ty} {bytes:?}"
            );
        }
    }
}
