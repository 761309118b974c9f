//! Short cuts for the values that bulk data is made of.
//!
//! Each takes the plain spelling of its type only and answers "not me" for everything else, which
//! then goes the long way through `types::text`: the two never disagree, the short cut is merely
//! earlier. A test holds one against the other.

use crate::types::Type;

/// Appends the wire bytes of `field` if it is plainly a value of `ty`.
pub(super) fn parse(ty: &Type, field: &[u8], out: &mut Vec<u8>) -> bool {
    match ty {
        Type::Int => integer(field)
            .and_then(|n| i32::try_from(n).ok())
            .is_some_and(|n| {
                out.extend_from_slice(&n.to_be_bytes());
                true
            }),
        Type::SmallInt => integer(field)
            .and_then(|n| i16::try_from(n).ok())
            .is_some_and(|n| {
                out.extend_from_slice(&n.to_be_bytes());
                true
            }),
        Type::TinyInt => integer(field)
            .and_then(|n| i8::try_from(n).ok())
            .is_some_and(|n| {
                out.extend_from_slice(&n.to_be_bytes());
                true
            }),
        Type::BigInt => append_long(integer(field), out),
        Type::Timestamp => append_long(timestamp(field), out),
        Type::Date => date(field)
            .and_then(|days| i32::try_from(days).ok())
            .is_some_and(|days| {
                out.extend_from_slice(&days.wrapping_add(i32::MIN).to_be_bytes());
                true
            }),
        Type::Double => decimal_text(field)
            .and_then(|text| text.parse::<f64>().ok())
            .is_some_and(|number| {
                out.extend_from_slice(&number.to_be_bytes());
                true
            }),
        Type::Float => decimal_text(field)
            .and_then(|text| text.parse::<f32>().ok())
            .is_some_and(|number| {
                out.extend_from_slice(&number.to_be_bytes());
                true
            }),
        Type::Boolean => {
            let byte = match field {
                b"true" | b"True" => 1,
                b"false" | b"False" => 0,
                _ => return false,
            };
            out.push(byte);
            true
        }
        _ => false,
    }
}

fn append_long(number: Option<i64>, out: &mut Vec<u8>) -> bool {
    number.is_some_and(|number| {
        out.extend_from_slice(&number.to_be_bytes());
        true
    })
}

/// A sign and up to 18 digits, which cannot overflow.
fn integer(field: &[u8]) -> Option<i64> {
    let (negative, digits) = match field.split_first() {
        Some((b'-', digits)) => (true, digits),
        _ => (false, field),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut number: i64 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + i64::from(digit - b'0');
    }
    Some(if negative { -number } else { number })
}

/// The field as text if it is digits, a sign, a point and an exponent, in any order: what is not
/// a number then fails in `parse`, and words such as `inf` never come there.
fn decimal_text(field: &[u8]) -> Option<&str> {
    let first = field.iter().find(|byte| !matches!(byte, b'-'))?;
    let plain = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'.' | b'e' | b'E' | b'+');
    if !first.is_ascii_digit() || !field.iter().all(plain) {
        return None;
    }
    std::str::from_utf8(field).ok()
}

/// Two digits' number.
fn pair(field: &[u8], at: usize) -> Option<i64> {
    match field.get(at..at + 2)? {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            Some(i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
        }
        _ => None,
    }
}

/// Days since 1970-01-01 of `YYYY-MM-DD`.
fn date(field: &[u8]) -> Option<i64> {
    if field.len() != 10 || field.get(4) != Some(&b'-') || field.get(7) != Some(&b'-') {
        return None;
    }
    let year = pair(field, 0)? * 100 + pair(field, 2)?;
    let (month, day) = (pair(field, 5)?, pair(field, 8)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1 || day < 1 || day > length {
        return None;
    }
    // Counted in years that begin in March, so that the leap day is a year's last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days_in_year = (153 * month + 2) / 5 + day - 1;
    Some(year * 365 + year / 4 - year / 100 + year / 400 + days_in_year - 719_468)
}

/// Milliseconds since 1970 of `YYYY-MM-DD[T ]HH:MM:SS[.mmm](Z|+0000)`.
fn timestamp(field: &[u8]) -> Option<i64> {
    let days = date(field.get(..10)?)?;
    if !matches!(field.get(10), Some(b'T' | b' '))
        || field.get(13) != Some(&b':')
        || field.get(16) != Some(&b':')
    {
        return None;
    }
    let (hour, minute, second) = (pair(field, 11)?, pair(field, 14)?, pair(field, 17)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let rest = field.get(19..)?;
    let (millis, zone) = match rest.split_first() {
        Some((b'.', fraction)) => {
            let (digits, zone) = fraction.split_at_checked(3)?;
            (integer(digits).filter(|millis| *millis >= 0)?, zone)
        }
        _ => (0, rest),
    };
    if !matches!(zone, b"Z" | b"+0000") {
        return None;
    }
    Some((days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000 + millis)
}

/// Appends the text of a wire value of `ty` if it is a plain integer.
pub(super) fn format(ty: &Type, value: &[u8], out: &mut Vec<u8>) -> bool {
    let number = match (ty, value) {
        (Type::TinyInt, [a]) => i64::from(i8::from_be_bytes([*a])),
        (Type::SmallInt, [a, b]) => i64::from(i16::from_be_bytes([*a, *b])),
        (Type::Int, [a, b, c, d]) => i64::from(i32::from_be_bytes([*a, *b, *c, *d])),
        (Type::BigInt | Type::Counter, _) => match value.try_into() {
            Ok(bytes) => i64::from_be_bytes(bytes),
            Err(_) => return false,
        },
        _ => return false,
    };
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut left = number.unsigned_abs();
    for digit in digits.iter_mut().rev() {
        at -= 1;
        *digit = b'0' + u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::text;
    use proptest::prelude::*;

    const TYPES: [Type; 10] = [
        Type::TinyInt,
        Type::SmallInt,
        Type::Int,
        Type::BigInt,
        Type::Float,
        Type::Double,
        Type::Boolean,
        Type::Date,
        Type::Timestamp,
        Type::Text,
    ];

    /// Where the short cut answers, `types::text` answers the same.
    fn agrees(field: &str) {
        for ty in &TYPES {
            let mut out = Vec::new();
            if parse(ty, field.as_bytes(), &mut out) {
                assert_eq!(
                    text::parse(ty, field).as_ref(),
                    Ok(&out),
                    "{ty:?} {field:?}"
                );
                let mut shown = Vec::new();
                if format(ty, &out, &mut shown) {
                    assert_eq!(text::format(ty, &out).as_bytes(), shown, "{ty:?} {field:?}");
                }
            }
        }
    }

    #[test]
    fn short_cuts_agree_with_the_long_way_on_edges() {
        let edges = [
            "0",
            "-0",
            "-1",
            "127",
            "128",
            "-128",
            "-129",
            "32767",
            "-32769",
            "2147483647",
            "2147483648",
            "-9223372036854775808",
            "999999999999999999",
            "1.5",
            "-1e300",
            "1e400",
            "00",
            "-",
            "",
            ".",
            "1.",
            "true",
            "False",
            "2013-01-01",
            "2012-02-29",
            "1900-02-28",
            "1900-02-29",
            "0001-01-01",
            "9999-12-31",
            "2013-01-01T10:00:00Z",
            "1969-12-31 23:59:59.999+0000",
            "2013-13-01",
            "2013-01-01 24:00:00Z",
            "2013-01-01T10:00:00.5Z",
            "2013-01-01T10:00:00.+12Z",
            "2000-02-29T00:00:00.001Z",
        ];
        for edge in edges {
            agrees(edge);
        }
        let mut out = Vec::new();
        assert!(parse(&Type::Timestamp, b"2013-01-01T10:00:00Z", &mut out));
        assert_eq!(out, 1_357_034_400_000_i64.to_be_bytes());
    }

    proptest! {
        #[test]
        fn short_cuts_agree_with_the_long_way(
            number in any::<i64>(),
            float in any::<f64>(),
            (year, month, day) in (1..=9999, 1..=12, 1..=31),
            millis in 0..86_400_000,
        ) {
            agrees(&number.to_string());
            agrees(&(number >> 33).to_string());
            agrees(&float.to_string());
            let seconds = millis / 1000;
            let (second, minute, hour) = (seconds % 60, seconds / 60 % 60, seconds / 3600);
            agrees(&format!("{year:04}-{month:02}-{day:02}"));
            agrees(&format!(
                "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{:03}+0000",
                millis % 1000
            ));
        }
    }
}
