//! From a field to wire bytes.

use crate::transfer::csv::{Dialect, Field, ValueStyle, numbers};
use crate::types::{Type, text};
use std::borrow::Cow;

/// How much of a wrong value a reason shows.
const SHOWN_CHARACTERS: usize = 60;
/// How a value without bytes is written where its type has no text for it. (Drivers may store
/// such values; they are not null.)
pub(super) const NO_BYTES: &str = "0x";

/// Parses fields of one dialect and style.
#[derive(Clone, Debug)]
pub struct FieldParser {
    null: Vec<u8>,
    style: ValueStyle,
    plain_style: bool,
}

impl FieldParser {
    /// A parser of fields.
    pub fn new(dialect: &Dialect, style: &ValueStyle) -> Self {
        Self {
            null: dialect.null.clone().into_bytes(),
            style: style.clone(),
            plain_style: *style == ValueStyle::default(),
        }
    }

    /// Appends the wire bytes of `field`; false where it says that there is no value. An error is
    /// the reason why it is no value of `ty`; bytes may have been appended then.
    pub fn parse(&self, ty: &Type, field: Field<'_>, out: &mut Vec<u8>) -> Result<bool, String> {
        let is_text = matches!(ty, Type::Text | Type::Ascii);
        if field.bytes == self.null && !(field.quoted && is_text) {
            // Quoted, it may still be a value that happens to look so.
            let is_value = field.quoted && !self.null.is_empty();
            let start = out.len();
            if is_value && self.value(ty, field, out).is_ok() {
                return Ok(true);
            }
            out.truncate(start);
            return Ok(false);
        }
        self.value(ty, field, out)?;
        Ok(true)
    }

    fn value(&self, ty: &Type, field: Field<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        let is_text = matches!(ty, Type::Text | Type::Ascii);
        if self.plain_style && numbers::parse(ty, field.bytes, out) {
            return Ok(());
        }
        let text = std::str::from_utf8(field.bytes)
            .map_err(|error| format!("byte {} is not UTF-8", error.valid_up_to() + 1))?;
        if is_text {
            if *ty == Type::Ascii && !text.is_ascii() {
                return Err(format!("'{}' is not ASCII", shorten(text)));
            }
            out.extend_from_slice(field.bytes);
            return Ok(());
        }
        if text == NO_BYTES && ty.allows_empty() {
            return Ok(());
        }
        if text.is_empty() {
            return Err(format!("an empty field is no {ty}"));
        }
        let styled = if self.plain_style {
            None
        } else {
            self.style.parse(ty, text)
        };
        let wire = match styled {
            Some(Styled::Wire(wire)) => wire,
            Some(Styled::Text(text)) => parse_text(ty, &text)?,
            None => parse_text(ty, text)?,
        };
        out.extend_from_slice(&wire);
        Ok(())
    }
}

fn parse_text(ty: &Type, text: &str) -> Result<Vec<u8>, String> {
    text::parse(ty, text.trim_ascii()).map_err(|error| error.message)
}

fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((at, _)) => Cow::Owned(format!("{}…", text.get(..at).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

enum Styled {
    Wire(Vec<u8>),
    Text(String),
}

impl ValueStyle {
    /// What a field means where this style has its own way.
    fn parse(&self, ty: &Type, field: &str) -> Option<Styled> {
        match ty {
            Type::Timestamp => {
                let pattern = self.datetime_format.as_ref()?;
                let millis = chrono::DateTime::parse_from_str(field, pattern)
                    .map(|time| time.timestamp_millis())
                    .or_else(|_| {
                        chrono::NaiveDateTime::parse_from_str(field, pattern)
                            .map(|time| time.and_utc().timestamp_millis())
                    })
                    .or_else(|_| {
                        chrono::NaiveDate::parse_from_str(field, pattern).map(|date| {
                            date.and_time(chrono::NaiveTime::MIN)
                                .and_utc()
                                .timestamp_millis()
                        })
                    })
                    .ok()?;
                Some(Styled::Wire(millis.to_be_bytes().to_vec()))
            }
            Type::Boolean => {
                let (yes, no) = self.booleans.as_ref()?;
                let field = field.trim_ascii();
                if field.eq_ignore_ascii_case(yes) {
                    Some(Styled::Wire(vec![1]))
                } else if field.eq_ignore_ascii_case(no) {
                    Some(Styled::Wire(vec![0]))
                } else {
                    None
                }
            }
            Type::TinyInt
            | Type::SmallInt
            | Type::Int
            | Type::BigInt
            | Type::Counter
            | Type::VarInt
            | Type::Decimal
            | Type::Float
            | Type::Double => {
                if self.decimal_separator.is_none() && self.thousands_separator.is_none() {
                    return None;
                }
                let number = field
                    .chars()
                    .filter(|c| Some(*c) != self.thousands_separator)
                    .map(|c| {
                        if Some(c) == self.decimal_separator {
                            '.'
                        } else {
                            c
                        }
                    })
                    .collect();
                Some(Styled::Text(number))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(null: &str, ty: &Type, bytes: &[u8], quoted: bool) -> Result<Option<Vec<u8>>, String> {
        let dialect = Dialect {
            null: null.to_owned(),
            ..Dialect::default()
        };
        let mut out = Vec::new();
        FieldParser::new(&dialect, &ValueStyle::default())
            .parse(ty, Field { bytes, quoted }, &mut out)
            .map(|present| present.then_some(out))
    }

    #[test]
    fn the_null_text_is_absent_unless_it_is_quoted_text() {
        assert_eq!(parse("", &Type::Text, b"", false), Ok(None));
        assert_eq!(parse("", &Type::Text, b"", true), Ok(Some(Vec::new())));
        assert_eq!(parse("", &Type::Int, b"", true), Ok(None));
        assert_eq!(parse("NA", &Type::Int, b"NA", false), Ok(None));
        assert_eq!(
            parse("NA", &Type::Text, b"NA", true),
            Ok(Some(b"NA".to_vec()))
        );
        assert_eq!(parse("NA", &Type::Text, b"", false), Ok(Some(Vec::new())));
        assert_eq!(parse("NA", &Type::Int, b"NA", true), Ok(None));
        assert_eq!(parse("7", &Type::Int, b"7", false), Ok(None));
        assert_eq!(
            parse("7", &Type::Int, b"7", true),
            Ok(Some(vec![0, 0, 0, 7]))
        );
        assert_eq!(parse("", &Type::Int, b"0x", false), Ok(Some(Vec::new())));
        assert!(parse("NA", &Type::Int, b"", false).is_err());
    }

    #[test]
    fn a_wrong_value_gets_its_reason() {
        let reason = parse("", &Type::Int, b"12x", false).unwrap_err();
        assert_eq!(reason, "Unable to make int from '12x'");
        assert!(parse("", &Type::Int, b"2147483648", false).is_err());
        assert_eq!(
            parse("", &Type::Int, b" 7 ", false),
            Ok(Some(vec![0, 0, 0, 7]))
        );
        assert_eq!(
            parse("", &Type::Text, b"a\xFF", false),
            Err("byte 2 is not UTF-8".to_owned())
        );
        let long = "y".repeat(1000);
        assert!(
            parse("", &Type::Int, long.as_bytes(), false)
                .unwrap_err()
                .len()
                < 500
        );
    }

    #[test]
    fn styles_change_how_values_read() {
        let style = ValueStyle {
            datetime_format: Some("%d.%m.%Y %H:%M".to_owned()),
            booleans: Some(("yes".to_owned(), "no".to_owned())),
            decimal_separator: Some(','),
            thousands_separator: Some('.'),
            ..ValueStyle::default()
        };
        let parser = FieldParser::new(&Dialect::default(), &style);
        let parse = |ty: &Type, text: &str| {
            let mut out = Vec::new();
            parser
                .parse(
                    ty,
                    Field {
                        bytes: text.as_bytes(),
                        quoted: false,
                    },
                    &mut out,
                )
                .unwrap();
            out
        };
        assert_eq!(parse(&Type::Double, "1.234,5"), 1234.5_f64.to_be_bytes());
        assert_eq!(parse(&Type::Boolean, "YES"), [1]);
        assert_eq!(
            parse(&Type::Timestamp, "02.01.1970 00:00"),
            86_400_000_i64.to_be_bytes()
        );
        assert_eq!(
            parse(&Type::Timestamp, "1970-01-02T00:00:00Z"),
            86_400_000_i64.to_be_bytes()
        );
    }
}
