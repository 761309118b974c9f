//! Values as CQL literals, and as people see them.
//!
//! | | CQL literal | text |
//! |---|---|---|
//! | text `it's` | `'it''s'` | `it's` |
//! | timestamp, date, time, inet | quoted | bare |
//! | double 1 | `1.0` | `1` |
//! | boolean | `true` | `True` |
//! | empty int | `blob_as_int(0x)` | nothing |
//!
//! Within a collection, a tuple or a user type text too has quotes around its parts, for else it
//! could not be read back; an empty int there is `''`.

use crate::types::codec::{EPOCH_DAY, decode_duration, decode_inet};
use crate::types::name::quote_identifier;
use crate::types::number::{Decimal, double_text, float_text};
use crate::types::{Type, collection, temporal};
use num_bigint::BigInt;
use std::fmt::Write;
use uuid::Uuid;

/// For whom a value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// For the CQL parser.
    Cql,
    /// For people and CSV files.
    Text,
}

impl Type {
    /// The CQL literal that means these wire bytes; `null` for none.
    pub fn literal(&self, bytes: Option<&[u8]>) -> String {
        let mut out = String::new();
        self.write_part(bytes, Style::Cql, &mut out);
        out
    }

    /// The text of a value, see [`text`](crate::types::text).
    pub(crate) fn text(&self, bytes: &[u8]) -> String {
        match self.scalar_text(bytes, Style::Text) {
            Some((text, _)) => text,
            None if bytes.is_empty() && !self.empty_is_a_value() => String::new(),
            None => {
                let mut out = String::new();
                self.write_part(Some(bytes), Style::Text, &mut out);
                out
            }
        }
    }

    fn write_part(&self, bytes: Option<&[u8]>, style: Style, out: &mut String) {
        let Some(bytes) = bytes else {
            out.push_str("null");
            return;
        };
        if bytes.is_empty() && !self.empty_is_a_value() {
            match style {
                Style::Cql => {
                    let _ = write!(out, "blob_as_{self}(0x)");
                }
                Style::Text => out.push_str("''"),
            }
            return;
        }
        match self.scalar_text(bytes, style) {
            Some((text, true)) => {
                out.push('\'');
                out.push_str(&text.replace('\'', "''"));
                out.push('\'');
            }
            Some((text, false)) => out.push_str(&text),
            None => {
                if self.write_compound(bytes, style, out).is_none() {
                    out.push_str(&hex(bytes));
                }
            }
        }
    }

    /// A scalar's text, and whether a literal has quotes around it; none for other types, and for
    /// bytes that are no such value.
    fn scalar_text(&self, bytes: &[u8], style: Style) -> Option<(String, bool)> {
        let cql = style == Style::Cql;
        let pointed = |text: String| {
            let whole = cql
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'-');
            if whole { format!("{text}.0") } else { text }
        };
        Some(match self {
            Self::Ascii | Self::Text => (str::from_utf8(bytes).ok()?.to_string(), true),
            Self::Blob => (hex(bytes), false),
            Self::Boolean => {
                let truth = *bytes.first()? != 0;
                let text = match (truth, cql) {
                    (true, true) => "true",
                    (true, false) => "True",
                    (false, true) => "false",
                    (false, false) => "False",
                };
                (text.to_string(), false)
            }
            Self::TinyInt => (i8::from_be_bytes(bytes.try_into().ok()?).to_string(), false),
            Self::SmallInt => (
                i16::from_be_bytes(bytes.try_into().ok()?).to_string(),
                false,
            ),
            Self::Int => (
                i32::from_be_bytes(bytes.try_into().ok()?).to_string(),
                false,
            ),
            Self::BigInt | Self::Counter => (
                i64::from_be_bytes(bytes.try_into().ok()?).to_string(),
                false,
            ),
            Self::VarInt if !bytes.is_empty() => {
                (BigInt::from_signed_bytes_be(bytes).to_string(), false)
            }
            Self::Decimal => (Decimal::from_bytes(bytes)?.to_string(), false),
            Self::Double => {
                let value = f64::from_be_bytes(bytes.try_into().ok()?);
                (pointed(double_text(value)), false)
            }
            Self::Float => {
                let value = f32::from_be_bytes(bytes.try_into().ok()?);
                (pointed(float_text(value)), false)
            }
            Self::Date => {
                let days = u32::from_be_bytes(bytes.try_into().ok()?) ^ EPOCH_DAY;
                (temporal::format_date(days.cast_signed()), true)
            }
            Self::Time => {
                let nanos = i64::from_be_bytes(bytes.try_into().ok()?);
                (temporal::format_time(nanos), true)
            }
            Self::Timestamp => {
                let millis = i64::from_be_bytes(bytes.try_into().ok()?);
                (temporal::format_timestamp(millis), true)
            }
            Self::Duration => {
                let (months, days, nanos) = decode_duration(bytes)?;
                (temporal::format_duration(months, days, nanos), false)
            }
            Self::Inet => (decode_inet(bytes)?.to_string(), true),
            Self::Uuid | Self::TimeUuid => (Uuid::from_slice(bytes).ok()?.to_string(), false),
            _ => return None,
        })
    }

    fn write_compound(&self, bytes: &[u8], style: Style, out: &mut String) -> Option<()> {
        match self {
            Self::List { element, .. } => {
                out.push('[');
                let parts = collection::elements_or_nulls(bytes).ok()?;
                for (at, part) in parts.into_iter().enumerate() {
                    comma(at, out);
                    element.write_part(part, style, out);
                }
                out.push(']');
            }
            Self::Set { element, .. } => {
                element.write_all(&collection::elements(bytes).ok()?, ["{", "}"], style, out);
            }
            Self::Vector {
                element,
                dimensions,
            } => {
                let parts = collection::vector(element, *dimensions, bytes).ok()?;
                element.write_all(&parts, ["[", "]"], style, out);
            }
            Self::Map { key, value, .. } => {
                out.push('{');
                for (at, (k, v)) in collection::entries(bytes).ok()?.into_iter().enumerate() {
                    comma(at, out);
                    key.write_part(Some(k), style, out);
                    out.push_str(": ");
                    value.write_part(Some(v), style, out);
                }
                out.push('}');
            }
            Self::Tuple(types) => {
                out.push('(');
                let fields = collection::fields(bytes, types.len()).ok()?;
                for (at, (field, ty)) in fields.into_iter().zip(types.iter()).enumerate() {
                    comma(at, out);
                    ty.write_part(field, style, out);
                }
                out.push(')');
            }
            Self::Udt { udt, .. } => {
                out.push('{');
                let fields = collection::fields(bytes, udt.fields.len()).ok()?;
                for (at, (field, (name, ty))) in fields.into_iter().zip(&udt.fields).enumerate() {
                    comma(at, out);
                    let _ = write!(out, "{}: ", quote_identifier(name));
                    ty.write_part(field, style, out);
                }
                out.push('}');
            }
            _ => return None,
        }
        Some(())
    }

    fn write_all(&self, parts: &[&[u8]], frame: [&str; 2], style: Style, out: &mut String) {
        out.push_str(frame[0]);
        for (at, part) in parts.iter().enumerate() {
            comma(at, out);
            self.write_part(Some(part), style, out);
        }
        out.push_str(frame[1]);
    }
}

fn comma(at: usize, out: &mut String) {
    if at > 0 {
        out.push_str(", ");
    }
}

/// `0x` and two digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(2 + 2 * bytes.len());
    out.push_str("0x");
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}
