//! Varints and decimals: from and to wire bytes and text, and their order; floats as text.
//!
//! A varint is two's complement, big-endian, of any length; a decimal is an i32 scale and then an
//! unscaled varint: `unscaled × 10^-scale`. Scales reach from -2^31 to 2^31 - 1, so nothing here
//! ever writes a decimal out in full: text uses an exponent where Java's `BigDecimal.toString`
//! does, and the order is found from the digits.

use crate::error::{Error, Result};
use crate::limits::NUMBER_BYTES_MAX;
use num_bigint::{BigInt, Sign};
use std::cmp::Ordering;

/// The most decimal digits that [`NUMBER_BYTES_MAX`] bytes may need.
const DIGITS_MAX: usize = NUMBER_BYTES_MAX * 241 / 100;

/// A decimal number as it is stored: two of the same value may differ in scale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// The digits, with sign.
    pub unscaled: BigInt,
    /// How many of them are behind the point; negative for zeros before it.
    pub scale: i32,
}

impl Decimal {
    /// Reads wire bytes; none where they are too short to hold scale and digits.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (scale, unscaled) = bytes.split_first_chunk::<4>()?;
        if unscaled.is_empty() {
            return None;
        }
        Some(Self {
            unscaled: BigInt::from_signed_bytes_be(unscaled),
            scale: i32::from_be_bytes(*scale),
        })
    }

    /// The wire bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.scale.to_be_bytes().to_vec();
        out.extend_from_slice(&self.unscaled.to_signed_bytes_be());
        out
    }

    /// Reads text: digits with an optional sign, point and exponent.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let unsigned = whole.strip_prefix(['+', '-']).unwrap_or(whole);
        let digits = unsigned.len() + fraction.len();
        let all = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if digits == 0 || digits > DIGITS_MAX || !all(unsigned) || !all(fraction) {
            return None;
        }
        let mut unscaled: BigInt = format!("{unsigned}{fraction}").parse().ok()?;
        if whole.starts_with('-') {
            unscaled = -unscaled;
        }
        let scale = i64::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        Some(Self {
            unscaled,
            scale: i32::try_from(scale).ok()?,
        })
    }

    /// The digits without sign, and the power of ten of the first one plus one: the value is
    /// `0.digits × 10^exponent`. Zero has no meaning here.
    pub fn digits(&self) -> (String, i64) {
        let digits = self.unscaled.magnitude().to_string();
        let exponent = digits.len() as i64 - i64::from(self.scale);
        (digits, exponent)
    }

    /// The numeric order, without regard to scale.
    pub fn compare(&self, other: &Self) -> Ordering {
        let sign = self.unscaled.sign();
        let by_sign = sign.cmp(&other.unscaled.sign());
        if by_sign != Ordering::Equal || sign == Sign::NoSign {
            return by_sign;
        }
        if self.scale == other.scale {
            return self.unscaled.cmp(&other.unscaled);
        }
        let (left, left_exponent) = self.digits();
        let (right, right_exponent) = other.digits();
        let magnitude = left_exponent.cmp(&right_exponent).then_with(|| {
            let (left, right) = (left.trim_end_matches('0'), right.trim_end_matches('0'));
            left.cmp(right)
        });
        if sign == Sign::Minus {
            magnitude.reverse()
        } else {
            magnitude
        }
    }
}

impl std::fmt::Display for Decimal {
    /// As `BigDecimal.toString` of Java does (and Python's `Decimal`, which cqlsh shows): plain
    /// where the scale is not negative and the number not tiny, else with an exponent.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = self.unscaled.magnitude().to_string();
        if self.unscaled.sign() == Sign::Minus {
            f.write_str("-")?;
        }
        let adjusted = digits.len() as i64 - 1 - i64::from(self.scale);
        if self.scale == 0 {
            return f.write_str(&digits);
        }
        if self.scale > 0 && adjusted >= -6 {
            let scale = usize::try_from(self.scale).unwrap_or(usize::MAX);
            return if digits.len() > scale {
                let (whole, fraction) = digits.split_at(digits.len() - scale);
                write!(f, "{whole}.{fraction}")
            } else {
                write!(f, "0.{digits:0>scale$}")
            };
        }
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        write!(f, "{first}{point}{rest}E{adjusted:+}")
    }
}

/// Reads a varint's text.
pub fn parse_varint(text: &str) -> Option<BigInt> {
    if text.len() > DIGITS_MAX {
        return None;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Refuses numbers whose digits would take too long to compute with.
pub fn check_size(bytes: &[u8]) -> Result<()> {
    if bytes.len() > NUMBER_BYTES_MAX + 4 {
        return Err(Error::invalid(format!(
            "A number of {} bytes is over the limit of {NUMBER_BYTES_MAX}",
            bytes.len()
        )));
    }
    Ok(())
}

/// A varint's bytes without needless leading ones (at least one byte is left).
pub fn minimal(bytes: &[u8]) -> &[u8] {
    let mut bytes = bytes;
    while let [first, rest @ ..] = bytes
        && let Some(next) = rest.first()
        && ((*first == 0 && next & 0x80 == 0) || (*first == 0xFF && next & 0x80 != 0))
    {
        bytes = rest;
    }
    bytes
}

/// The order of two varints' bytes, neither of them empty.
pub fn compare_varints(left: &[u8], right: &[u8]) -> Ordering {
    let (left, right) = (minimal(left), minimal(right));
    let negative = |bytes: &[u8]| bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    match (negative(left), negative(right)) {
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => left.len().cmp(&right.len()).then_with(|| left.cmp(right)),
        (true, true) => right.len().cmp(&left.len()).then_with(|| left.cmp(right)),
    }
}

/// A double's shortest text that reads back as the same number.
pub fn double_text(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        "NaN".to_string()
    } else if value.is_infinite() {
        (if value > 0.0 { "Infinity" } else { "-Infinity" }).to_string()
    } else if size == 0.0 || (1e-5..1e16).contains(&size) {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

/// A float's shortest text that reads back as the same number.
pub fn float_text(value: f32) -> String {
    let size = value.abs();
    if !value.is_finite() {
        double_text(f64::from(value))
    } else if size == 0.0 || (1e-5..1e16).contains(&size) {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

/// Whether text is a floating-point number as CQL has them (Rust's own parser takes more words).
pub fn is_float_text(text: &str) -> bool {
    let word = text.strip_prefix(['+', '-']).unwrap_or(text);
    word.eq_ignore_ascii_case("nan")
        || word.eq_ignore_ascii_case("infinity")
        || word.starts_with(|first: char| first.is_ascii_digit() || first == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_as_text() {
        for (text, unscaled, scale, shown) in [
            ("0", 0, 0, "0"),
            ("-1.50", -150, 2, "-1.50"),
            ("1E+3", 1, -3, "1E+3"),
            ("12e3", 12, -3, "1.2E+4"),
            ("0.000001", 1, 6, "0.000001"),
            ("1e-7", 1, 7, "1E-7"),
            (".5", 5, 1, "0.5"),
            ("1E2147483647", 1, -2_147_483_647, "1E+2147483647"),
        ] {
            let decimal = Decimal::parse(text).unwrap();
            assert_eq!(decimal.unscaled, BigInt::from(unscaled));
            assert_eq!(decimal.scale, scale);
            assert_eq!(decimal.to_string(), shown);
            assert_eq!(Decimal::parse(shown).unwrap(), decimal);
            assert_eq!(Decimal::from_bytes(&decimal.to_bytes()).unwrap(), decimal);
        }
        for text in [
            "",
            ".",
            "1e",
            "--1",
            "1.2.3",
            "e5",
            "1e99999999999",
            "0x1",
            "-",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        assert!(Decimal::parse(&"9".repeat(DIGITS_MAX)).is_some());
        assert!(Decimal::parse(&"9".repeat(DIGITS_MAX + 1)).is_none());
    }

    #[test]
    fn decimals_in_order() {
        let rising = [
            "-1e2000000000",
            "-100",
            "-99.9",
            "-99",
            "-1.1",
            "-1",
            "-0.01",
            "-1e-2000000000",
            "0",
            "1e-2000000000",
            "0.01",
            "1",
            "1.01",
            "1.1",
            "9.99",
            "10",
            "1e2000000000",
        ];
        for (at, left) in rising.iter().enumerate() {
            for (other, right) in rising.iter().enumerate() {
                let (left, right) = (Decimal::parse(left), Decimal::parse(right));
                let order = left.unwrap().compare(&right.unwrap());
                assert_eq!(order, at.cmp(&other), "{at} {other}");
            }
        }
        let (one, padded) = (Decimal::parse("1"), Decimal::parse("1.000"));
        assert_eq!(one.unwrap().compare(&padded.unwrap()), Ordering::Equal);
    }

    #[test]
    fn floats_as_text() {
        assert_eq!(double_text(1.0), "1");
        assert_eq!(double_text(0.1), "0.1");
        assert_eq!(double_text(-0.0), "-0");
        assert_eq!(double_text(1e300), "1e300");
        assert_eq!(float_text(0.1), "0.1");
        assert_eq!(float_text(f32::NEG_INFINITY), "-Infinity");
        assert!(!is_float_text("inf"));
    }
}
