//! `numeric`: decimals in digits to the base of ten thousand.
//!
//! On the wire: how many digits there are, the power of 10,000 of the first one, a sign, how many
//! decimal places are shown, and the digits, 16 bits each. As text a number is written out in full,
//! so how far its point may lie from its digits is bounded.

use crate::error::{Error, Result};
use crate::server::pg::frame::{Fields, malformed};
use crate::types::number::Decimal;
use bytes::{BufMut, BytesMut};
use num_bigint::{BigInt, Sign};

/// The most digits before or behind the point.
const PLACES_MAX: usize = 16_383;
/// The sign of numbers below zero.
const NEGATIVE: u16 = 0x4000;

fn beyond() -> Error {
    Error::invalid(format!(
        "a decimal out of range: numeric has at most {PLACES_MAX} digits before and behind its \
         point"
    ))
}

/// The number of decimal digits before the point (at least one, with zeros) and behind it.
fn parts(decimal: &Decimal) -> Result<(String, String)> {
    let mut digits = decimal.unscaled.magnitude().to_string();
    let scale = i64::from(decimal.scale);
    let bound = PLACES_MAX as i64;
    if scale.abs() > bound || digits.len() > 2 * PLACES_MAX {
        return Err(beyond());
    }
    if scale <= 0 {
        let zeros = usize::try_from(-scale).map_err(|_| beyond())?;
        if decimal.unscaled.sign() != Sign::NoSign {
            digits.extend(std::iter::repeat_n('0', zeros));
        }
        return Ok((digits, String::new()));
    }
    let scale = usize::try_from(scale).map_err(|_| beyond())?;
    if digits.len() <= scale {
        let zeros = scale + 1 - digits.len();
        digits = format!("{}{digits}", "0".repeat(zeros));
    }
    let fraction = digits.split_off(digits.len() - scale);
    Ok((digits, fraction))
}

/// A number written out.
pub fn text(decimal: &Decimal) -> Result<String> {
    let (whole, fraction) = parts(decimal)?;
    let sign = match decimal.unscaled.sign() {
        Sign::Minus => "-",
        _ => "",
    };
    Ok(match fraction.is_empty() {
        true => format!("{sign}{whole}"),
        false => format!("{sign}{whole}.{fraction}"),
    })
}

/// Appends a number's binary form.
pub fn put(decimal: &Decimal, out: &mut BytesMut) -> Result<()> {
    let (mut whole, mut fraction) = parts(decimal)?;
    let shown = u16::try_from(fraction.len()).map_err(|_| beyond())?;
    let missing = (4 - whole.len() % 4) % 4;
    whole.insert_str(0, &"0".repeat(missing));
    fraction.push_str(&"0".repeat((4 - fraction.len() % 4) % 4));
    let mut weight = (whole.len() / 4) as i64 - 1;
    let all = format!("{whole}{fraction}");
    let mut groups: Vec<u16> = all
        .as_bytes()
        .chunks(4)
        .map(|group| {
            group
                .iter()
                .fold(0, |sum, c| sum * 10 + u16::from(c - b'0'))
        })
        .collect();
    let leading = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..leading);
    weight -= leading as i64;
    while groups.last() == Some(&0) {
        groups.pop();
    }
    if groups.is_empty() {
        weight = 0;
    }
    out.put_u16(u16::try_from(groups.len()).map_err(|_| beyond())?);
    out.put_i16(i16::try_from(weight).map_err(|_| beyond())?);
    out.put_u16(match decimal.unscaled.sign() {
        Sign::Minus => NEGATIVE,
        _ => 0,
    });
    out.put_u16(shown);
    for group in groups {
        out.put_u16(group);
    }
    Ok(())
}

/// Reads a number's binary form as text.
pub fn read(bytes: &[u8]) -> Result<String> {
    let mut fields = Fields::of(bytes);
    let count = i64::from(fields.short()?);
    let weight = i64::from(fields.short()?);
    let sign = fields.short()?.cast_unsigned();
    let shown = i64::from(fields.short()?);
    if sign != 0 && sign != NEGATIVE {
        return Err(Error::invalid("NaN and infinity are no decimal numbers"));
    }
    if !(0..=i64::from(PLACES_MAX as u16)).contains(&shown) || !(-4_096..=4_096).contains(&weight) {
        return Err(beyond());
    }
    let mut unscaled = BigInt::ZERO;
    for _ in 0..count {
        let digit = fields.short()?;
        if !(0..10_000).contains(&digit) {
            return Err(malformed("a numeric with an invalid digit"));
        }
        unscaled = unscaled * 10_000 + digit;
    }
    let mut scale = (count - 1 - weight) * 4;
    // Digits that are not shown are zeros that fill the last group.
    while scale > shown && &unscaled % 10 == BigInt::ZERO {
        unscaled /= 10;
        scale -= 1;
    }
    if sign == NEGATIVE {
        unscaled = -unscaled;
    }
    let scale = i32::try_from(scale).map_err(|_| beyond())?;
    text(&Decimal { unscaled, scale })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for number in [
            "0",
            "1",
            "-1",
            "0.5",
            "-0.05",
            "9999",
            "10000",
            "123456789.123456789",
            "100000000",
            "0.0001",
            "0.00012",
            "-99999999999999999999999999.00000000000001",
        ] {
            let decimal = Decimal::parse(number).unwrap();
            assert_eq!(text(&decimal).unwrap(), number);
            let mut out = BytesMut::new();
            put(&decimal, &mut out).unwrap();
            assert_eq!(read(&out).unwrap(), number);
        }
        let mut out = BytesMut::new();
        put(&Decimal::parse("12345.67").unwrap(), &mut out).unwrap();
        assert_eq!(&out[..], b"\0\x03\0\x01\0\0\0\x02\0\x01\x09\x29\x1a\x2c");
    }

    #[test]
    fn far_points_are_refused() {
        let far = Decimal::parse("1E1000000").unwrap();
        assert!(text(&far).is_err() && put(&far, &mut BytesMut::new()).is_err());
        for bad in [
            &b""[..],
            b"\0\x01\0\0\xc0\0\0\0\0\x01",
            b"\0\x01\0\0\0\0\0\0\x7f\xff",
        ] {
            assert!(read(bad).is_err());
        }
    }
}
