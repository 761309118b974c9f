//! Values as people and CSV files write them, both ways.
//!
//! A scalar stands as it is, without quotes; collections, tuples and user types are CQL literals.
//! [`format()`] and then [`parse`] gives the same bytes for every value that is in the form in
//! which values are kept (sets sorted, varints without padding, one NaN). Zero bytes of a type that
//! has no such value are the empty text.

use crate::error::{Error, Result};
use crate::types::codec::encode_duration;
use crate::types::name::quote_identifier;
use crate::types::number::{Decimal, is_float_text, parse_varint};
use crate::types::{Type, collection, temporal};
use std::net::IpAddr;
use uuid::Uuid;

/// The text of a value's wire bytes, as the shell's tables and CSV files show it.
pub fn format(ty: &Type, bytes: &[u8]) -> String {
    ty.text(bytes)
}

/// The wire bytes that a text means as a value of type `ty`.
pub fn parse(ty: &Type, text: &str) -> Result<Vec<u8>> {
    if !is_compound(ty) {
        return parse_scalar(ty, text);
    }
    let mut parser = Parser { text, at: 0 };
    let bytes = parser
        .value(ty, false)?
        .ok_or_else(|| parser.expected(&format!("a value of type {ty}")))?;
    if parser.peek().is_some() {
        return Err(parser.expected("the end of the value"));
    }
    Ok(bytes)
}

fn is_compound(ty: &Type) -> bool {
    ty.is_collection() || matches!(ty, Type::Tuple(_) | Type::Udt { .. } | Type::Vector { .. })
}

/// Reads a scalar.
pub fn parse_scalar(ty: &Type, text: &str) -> Result<Vec<u8>> {
    let word = match ty {
        Type::Ascii | Type::Text => text,
        _ => text.trim_ascii(),
    };
    parse_word(ty, word)
}

/// Reads a scalar that must not have blanks around it.
pub fn parse_word(ty: &Type, word: &str) -> Result<Vec<u8>> {
    if word.is_empty() && ty.allows_empty() {
        return Ok(Vec::new());
    }
    let bytes = scalar_bytes(ty, word).ok_or_else(|| unreadable(ty, word))?;
    ty.validate(&bytes)?;
    Ok(bytes)
}

/// Reads what stands between the quotes of a literal, where blanks matter.
pub fn parse_literal(ty: &Type, text: &str) -> Result<Vec<u8>> {
    let blanks = text.trim_ascii().len() != text.len();
    let refused = match ty {
        Type::Inet | Type::Date | Type::Timestamp => blanks,
        Type::Time => blanks && temporal::is_integer(text.trim_ascii()),
        _ => false,
    };
    if refused {
        return Err(unreadable(ty, text));
    }
    if *ty == Type::Ascii
        && let Some(c) = text.chars().find(|c| !c.is_ascii())
    {
        return Err(Error::invalid(format!(
            "Invalid ASCII character in string literal: \
             java.nio.charset.UnmappableCharacterException: Input length = {}",
            c.len_utf16()
        )));
    }
    parse(ty, text)
}

fn scalar_bytes(ty: &Type, word: &str) -> Option<Vec<u8>> {
    fn number<T: std::str::FromStr>(word: &str) -> Option<T> {
        word.parse().ok()
    }
    Some(match ty {
        Type::Ascii | Type::Text => word.as_bytes().to_vec(),
        Type::Blob => parse_hex(
            word.strip_prefix("0x")
                .or_else(|| word.strip_prefix("0X"))?,
        )?,
        Type::Boolean if word.eq_ignore_ascii_case("true") => vec![1],
        Type::Boolean if word.eq_ignore_ascii_case("false") => vec![0],
        Type::TinyInt => number::<i8>(word)?.to_be_bytes().to_vec(),
        Type::SmallInt => number::<i16>(word)?.to_be_bytes().to_vec(),
        Type::Int => number::<i32>(word)?.to_be_bytes().to_vec(),
        Type::BigInt | Type::Counter => number::<i64>(word)?.to_be_bytes().to_vec(),
        Type::VarInt => parse_varint(word)?.to_signed_bytes_be(),
        Type::Decimal => Decimal::parse(word)?.to_bytes(),
        Type::Double if is_float_text(word) => number::<f64>(word)?.to_be_bytes().to_vec(),
        Type::Float if is_float_text(word) => number::<f32>(word)?.to_be_bytes().to_vec(),
        Type::Date => {
            let days = temporal::parse_date(word)?.cast_unsigned();
            (days ^ crate::types::codec::EPOCH_DAY)
                .to_be_bytes()
                .to_vec()
        }
        Type::Time => temporal::parse_time(word)?.to_be_bytes().to_vec(),
        Type::Timestamp => temporal::parse_timestamp(word)?.to_be_bytes().to_vec(),
        Type::Duration => {
            let (months, days, nanos) = temporal::parse_duration(word)?;
            encode_duration(months, days, nanos)
        }
        Type::Inet => match parse_inet(word)? {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        },
        Type::Uuid | Type::TimeUuid if word.len() == 36 => {
            Uuid::try_parse(word).ok()?.as_bytes().to_vec()
        }
        _ => return None,
    })
}

/// An address, in the forms that Java reads: an IPv4 address may have leading zeros and fewer than
/// four parts, the last of which then fills the rest; one within IPv6 is taken out of it.
fn parse_inet(word: &str) -> Option<IpAddr> {
    if let Ok(address) = word.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let parts: Vec<u64> = word
        .split('.')
        .map(
            |part| match part.bytes().all(|byte| byte.is_ascii_digit()) {
                true => part.parse().ok(),
                false => None,
            },
        )
        .collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3 || first.iter().any(|part| *part > 255) {
        return None;
    }
    let rest_bits = 32 - 8 * first.len() as u32;
    if last >> rest_bits != 0 {
        return None;
    }
    let high = first.iter().fold(0, |high, part| high << 8 | part);
    let bits = u32::try_from(high << rest_bits | last).ok()?;
    Some(IpAddr::V4(bits.into()))
}

fn unreadable(ty: &Type, word: &str) -> Error {
    let shown: String = word.chars().take(100).collect();
    Error::invalid(match ty {
        Type::Blob => format!("Unable to make blob from '{shown}': 0x and hex digits expected"),
        Type::Date | Type::Time | Type::Timestamp if temporal::is_integer(word) => {
            let (number, what) = match ty {
                Type::Date => ("unsigned int", "date"),
                Type::Time => ("long", "time"),
                _ => ("long", "date"),
            };
            format!("Unable to make {number} (for {what}) from: '{shown}'")
        }
        Type::Date => format!("Unable to coerce '{shown}' to a formatted date (long)"),
        Type::Timestamp => format!("Unable to parse a date/time from '{shown}'"),
        Type::Time => format!("(TimeType) Unable to coerce '{shown}' to a formatted time (long)"),
        Type::Duration => temporal::duration_fault(word)
            .unwrap_or_else(|| format!("Unable to convert '{shown}' to a duration")),
        Type::Inet => format!("Unable to make inet address from '{shown}'"),
        Type::Uuid | Type::TimeUuid => format!("Unable to make UUID from '{shown}'"),
        Type::BigInt | Type::Counter => format!("Unable to make long from '{shown}'"),
        Type::SmallInt => format!("Unable to make short from '{shown}'"),
        Type::TinyInt => format!("Unable to make byte from '{shown}'"),
        Type::Decimal => format!("unable to make BigDecimal from '{shown}'"),
        ty => format!("Unable to make {ty} from '{shown}'"),
    })
}

/// Reads hexadecimal digits, two a byte.
pub fn parse_hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, odd) = digits.as_bytes().as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8))
        .collect()
}

/// Reads the literals of collections, tuples, user types and vectors.
struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn expected(&self, what: &str) -> Error {
        let rest: String = self.text[self.at..].chars().take(20).collect();
        let found = if rest.is_empty() {
            "the end".to_string()
        } else {
            format!("'{rest}'")
        };
        Error::invalid(format!(
            "expected {what} at character {}, found {found}",
            self.at + 1
        ))
    }

    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_ascii_start().len();
        self.text[self.at..].chars().next()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn need(&mut self, wanted: char) -> Result<()> {
        if self.eat(wanted) {
            Ok(())
        } else {
            Err(self.expected(&format!("'{wanted}'")))
        }
    }

    /// A value, or null. A map's key ends at a colon.
    fn value(&mut self, ty: &Type, is_key: bool) -> Result<Option<Vec<u8>>> {
        if let Some(quote @ '\'') = self.peek() {
            let text = self.quoted(quote)?;
            return parse(ty, &text).map(Some);
        }
        if self.eat_null(is_key) {
            return Ok(None);
        }
        let bytes = match ty {
            Type::List { element, .. } => {
                let parts = self.sequence(element, '[', ']')?;
                collection::pack_elements(&parts)
            }
            Type::Set { element, .. } => {
                let parts = self.sequence(element, '{', '}')?;
                ty.normalize(&collection::pack_elements(&parts))?
                    .into_owned()
            }
            Type::Vector {
                element,
                dimensions,
            } => {
                let parts = self.sequence(element, '[', ']')?;
                if parts.len() != usize::from(*dimensions) {
                    return Err(Error::invalid(format!(
                        "Invalid vector literal; expected {dimensions} elements, but given {}",
                        parts.len()
                    )));
                }
                collection::pack_vector(element, &parts)
            }
            Type::Map { key, value, .. } => self.map(ty, key, value)?,
            Type::Tuple(types) => self.tuple(types)?,
            Type::Udt { udt, .. } => self.user_type(udt)?,
            scalar => {
                let word = self.word(is_key);
                parse_scalar(scalar, word)?
            }
        };
        Ok(Some(bytes))
    }

    /// The text between quotes, which stand doubled within it.
    fn quoted(&mut self, quote: char) -> Result<String> {
        let mut out = String::new();
        self.at += quote.len_utf8();
        loop {
            let rest = &self.text[self.at..];
            let Some(end) = rest.find(quote) else {
                return Err(self.expected("a closing quote"));
            };
            out.push_str(&rest[..end]);
            self.at += end + quote.len_utf8();
            if !self.text[self.at..].starts_with(quote) {
                return Ok(out);
            }
            out.push(quote);
            self.at += quote.len_utf8();
        }
    }

    fn word_end(&mut self, is_key: bool) -> usize {
        self.peek();
        let rest = &self.text[self.at..];
        let ends = |c| matches!(c, ',' | ']' | '}' | ')') || (is_key && c == ':');
        rest.find(ends).map_or(self.text.len(), |end| self.at + end)
    }

    fn word(&mut self, is_key: bool) -> &str {
        let end = self.word_end(is_key);
        let word = &self.text[self.at..end];
        self.at = end;
        word.trim_ascii_end()
    }

    fn eat_null(&mut self, is_key: bool) -> bool {
        let end = self.word_end(is_key);
        let null = self.text[self.at..end]
            .trim_ascii_end()
            .eq_ignore_ascii_case("null");
        if null {
            self.at = end;
        }
        null
    }

    fn part(&mut self, ty: &Type, is_key: bool) -> Result<Vec<u8>> {
        self.value(ty, is_key)?
            .ok_or_else(|| Error::invalid("null is not supported inside collections"))
    }

    fn sequence(&mut self, element: &Type, open: char, close: char) -> Result<Vec<Vec<u8>>> {
        let mut parts = Vec::new();
        self.need(open)?;
        while !self.eat(close) {
            if !parts.is_empty() {
                self.need(',')?;
            }
            parts.push(self.part(element, false)?);
        }
        Ok(parts)
    }

    fn map(&mut self, ty: &Type, key: &Type, value: &Type) -> Result<Vec<u8>> {
        let mut parts = Vec::new();
        self.need('{')?;
        while !self.eat('}') {
            if !parts.is_empty() {
                self.need(',')?;
            }
            let k = self.part(key, true)?;
            self.need(':')?;
            parts.push((k, self.part(value, false)?));
        }
        Ok(ty
            .normalize(&collection::pack_entries(&parts))?
            .into_owned())
    }

    fn tuple(&mut self, types: &[Type]) -> Result<Vec<u8>> {
        let mut fields = Vec::new();
        self.need('(')?;
        while !self.eat(')') {
            if !fields.is_empty() {
                self.need(',')?;
            }
            let Some(ty) = types.get(fields.len()) else {
                return Err(Error::invalid(format!(
                    "Invalid tuple literal: too many elements. Expected {}",
                    types.len()
                )));
            };
            fields.push(self.value(ty, false)?);
        }
        Ok(collection::pack_fields(&fields))
    }

    fn user_type(&mut self, udt: &crate::types::Udt) -> Result<Vec<u8>> {
        let mut fields = Vec::new();
        let mut first = true;
        self.need('{')?;
        while !self.eat('}') {
            if !std::mem::take(&mut first) {
                self.need(',')?;
            }
            let name = match self.peek() {
                Some(quote @ '"') => self.quoted(quote)?,
                _ => self.word(true).to_ascii_lowercase(),
            };
            self.need(':')?;
            let Some(at) = udt.fields.iter().position(|(field, _)| *field == name) else {
                return Err(Error::invalid(format!(
                    "Unknown field '{name}' in value of user defined type {}",
                    quote_identifier(&udt.name)
                )));
            };
            let value = self.value(&udt.fields[at].1, false)?;
            if fields.len() <= at {
                fields.resize(at + 1, None);
            }
            fields[at] = value;
        }
        Ok(collection::pack_fields(&fields))
    }
}

#[cfg(test)]
mod tests;
