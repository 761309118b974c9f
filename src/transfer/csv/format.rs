//! Writing records.

use crate::transfer::csv::parse::NO_BYTES;
use crate::transfer::csv::{Dialect, ValueStyle, numbers};
use crate::transfer::frame::{Frame, wire};
use crate::types::{Type, text};
use std::io::Write;

/// Appends records to a buffer.
#[derive(Debug)]
pub struct RecordWriter {
    dialect: Dialect,
    style: ValueStyle,
    types: Vec<Type>,
    plain_style: bool,
    /// For each byte whether it makes quotes necessary.
    special: Box<[bool; 256]>,
}

impl RecordWriter {
    /// A writer of records whose values have these types.
    pub fn new(dialect: &Dialect, style: &ValueStyle, types: Vec<Type>) -> Self {
        let mut special = Box::new([false; 256]);
        for byte in [
            dialect.delimiter,
            dialect.quote,
            dialect.escape,
            b'\n',
            b'\r',
        ] {
            if let Some(entry) = special.get_mut(usize::from(byte)) {
                *entry = true;
            }
        }
        Self {
            dialect: dialect.clone(),
            style: style.clone(),
            types,
            plain_style: *style == ValueStyle::default(),
            special,
        }
    }

    /// Appends a record of texts: the header.
    pub fn header<'a>(&self, names: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
        for (at, name) in names.enumerate() {
            if at > 0 {
                out.push(self.dialect.delimiter);
            }
            self.text(name.as_bytes(), out);
        }
        out.push(b'\n');
    }

    /// Appends a record of wire values.
    pub fn record<B: AsRef<[u8]>>(&self, values: &[Option<B>], out: &mut Vec<u8>) {
        let start = out.len();
        for (at, (value, ty)) in values.iter().zip(&self.types).enumerate() {
            if at > 0 {
                out.push(self.dialect.delimiter);
            }
            match value {
                Some(value) => self.value(ty, value.as_ref(), out),
                None => out.extend_from_slice(self.dialect.null.as_bytes()),
            }
        }
        if out.len() == start {
            // A blank line would be no record.
            out.extend_from_slice(&[self.dialect.quote, self.dialect.quote]);
        }
        out.push(b'\n');
    }

    /// Appends row `row` of a frame.
    pub(in crate::transfer) fn frame_row(&self, frame: &Frame, row: usize, out: &mut Vec<u8>) {
        let start = out.len();
        let mut room = [0; 8];
        for (at, (column, ty)) in frame.columns.iter().zip(&self.types).enumerate() {
            if at > 0 {
                out.push(self.dialect.delimiter);
            }
            match wire(column, row, &mut room) {
                Some(value) => self.value(ty, value, out),
                None => out.extend_from_slice(self.dialect.null.as_bytes()),
            }
        }
        if out.len() == start {
            // A blank line would be no record.
            out.extend_from_slice(&[self.dialect.quote, self.dialect.quote]);
        }
        out.push(b'\n');
    }

    fn value(&self, ty: &Type, value: &[u8], out: &mut Vec<u8>) {
        match ty {
            Type::Text | Type::Ascii => self.text(value, out),
            _ if value.is_empty() && !ty.empty_is_a_value() => {
                out.extend_from_slice(NO_BYTES.as_bytes());
            }
            _ if self.plain_style && numbers::format(ty, value, out) => {}
            _ => {
                let styled = if self.plain_style {
                    None
                } else {
                    self.style.format(ty, value)
                };
                let shown = styled.unwrap_or_else(|| text::format(ty, value));
                self.text(shown.as_bytes(), out);
            }
        }
    }

    /// Appends text; quoted where it must be, and where it would read as absent or begins or ends
    /// in white space.
    fn text(&self, value: &[u8], out: &mut Vec<u8>) {
        let needs = |byte: &u8| {
            self.special
                .get(usize::from(*byte))
                .copied()
                .unwrap_or(true)
        };
        let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
        let quoted = value == self.dialect.null.as_bytes()
            || edge(value.first())
            || edge(value.last())
            || value.iter().any(needs);
        if !quoted {
            out.extend_from_slice(value);
            return;
        }
        let Dialect { quote, escape, .. } = self.dialect;
        out.push(quote);
        let mut rest = value;
        while let Some(at) = memchr::memchr2(quote, escape, rest) {
            let (plain, from) = rest.split_at(at);
            out.extend_from_slice(plain);
            out.push(escape);
            out.extend(from.first());
            rest = from.get(1..).unwrap_or_default();
        }
        out.extend_from_slice(rest);
        out.push(quote);
    }
}

impl ValueStyle {
    /// The text of a value where this style has its own, or none.
    pub fn format(&self, ty: &Type, value: &[u8]) -> Option<String> {
        match ty {
            Type::Boolean => {
                let (yes, no) = self.booleans.as_ref()?;
                match value {
                    [0] => Some(no.clone()),
                    [_] => Some(yes.clone()),
                    _ => None,
                }
            }
            Type::Timestamp => {
                let pattern = self.datetime_format.as_ref()?;
                let millis = i64::from_be_bytes(value.try_into().ok()?);
                let time = chrono::DateTime::from_timestamp_millis(millis)?;
                let mut shown = Vec::new();
                write!(shown, "{}", time.format(pattern)).ok()?;
                String::from_utf8(shown).ok()
            }
            Type::Float => {
                let float = f32::from_be_bytes(value.try_into().ok()?);
                let shown = match self.float_precision {
                    Some(digits) => significant(f64::from(float), digits),
                    None => text::format(ty, value),
                };
                Some(self.separate(&shown))
            }
            Type::Double => {
                let float = f64::from_be_bytes(value.try_into().ok()?);
                let shown = match self.double_precision {
                    Some(digits) => significant(float, digits),
                    None => text::format(ty, value),
                };
                Some(self.separate(&shown))
            }
            Type::TinyInt | Type::SmallInt | Type::Int | Type::BigInt | Type::Counter => {
                Some(self.separate(&text::format(ty, value)))
            }
            Type::VarInt | Type::Decimal => Some(self.separate(&text::format(ty, value))),
            _ => None,
        }
    }

    /// A number with this style's separators.
    fn separate(&self, number: &str) -> String {
        let (sign, digits) = match number.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", number),
        };
        let whole_end = digits
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(digits.len());
        let (whole, fraction) = digits.split_at(whole_end);
        let mut shown = sign.to_owned();
        for (at, digit) in whole.chars().enumerate() {
            if let Some(separator) = self.thousands_separator
                && at > 0
                && (whole.len() - at).is_multiple_of(3)
            {
                shown.push(separator);
            }
            shown.push(digit);
        }
        match (fraction.strip_prefix('.'), self.decimal_separator) {
            (Some(rest), Some(separator)) => {
                shown.push(separator);
                shown.push_str(rest);
            }
            _ => shown.push_str(fraction),
        }
        shown
    }
}

/// A number with so many significant digits, as C's `%g` has it.
fn significant(number: f64, digits: usize) -> String {
    if !number.is_finite() || number == 0.0 {
        return if number.is_nan() {
            "NaN".to_owned()
        } else if number.is_infinite() {
            if number > 0.0 {
                "Infinity".to_owned()
            } else {
                "-Infinity".to_owned()
            }
        } else {
            "0".to_owned()
        };
    }
    let digits = digits.clamp(1, 17);
    let scientific = format!("{number:.*e}", digits - 1);
    let exponent = scientific
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse::<i32>().ok())
        .unwrap_or_default();
    let width = i32::try_from(digits).unwrap_or(i32::MAX);
    if exponent < -4 || exponent >= width {
        let (mantissa, _) = scientific.split_once('e').unwrap_or((&scientific, ""));
        let mantissa = trim_zeros(mantissa);
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs());
    }
    let decimals = usize::try_from(width - 1 - exponent).unwrap_or(0);
    trim_zeros(&format!("{number:.decimals$}")).to_owned()
}

fn trim_zeros(number: &str) -> &str {
    if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_empty_text_are_two_things() {
        let writer = RecordWriter::new(
            &Dialect::default(),
            &ValueStyle::default(),
            vec![Type::Text, Type::Text, Type::Text, Type::Int],
        );
        let mut out = Vec::new();
        let values = [None, Some(&b""[..]), Some(b"a,\"b\""), Some(&[0, 0, 1, 0])];
        writer.record(&values, &mut out);
        writer.header(["a", "b c", "d,e"].into_iter(), &mut out);
        let expected = ",\"\",\"a,\"\"b\"\"\",256\na,b c,\"d,e\"\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn numbers_take_separators_and_precision() {
        let style = ValueStyle {
            decimal_separator: Some(','),
            thousands_separator: Some('.'),
            double_precision: Some(7),
            ..ValueStyle::default()
        };
        let shown = style.format(&Type::Double, &(-1_234_567.25_f64).to_be_bytes());
        assert_eq!(shown.as_deref(), Some("-1.234.567"));
        let shown = style.format(&Type::Double, &1234.5_f64.to_be_bytes());
        assert_eq!(shown.as_deref(), Some("1.234,5"));
        assert_eq!(significant(0.000_012_345, 3), "1.23e-05");
        assert_eq!(significant(f64::NAN, 3), "NaN");
        assert_eq!(significant(123_456.0, 3), "1.23e+05");
    }
}
