//! Numbers of any size in byte-comparable form.
//!
//! **varint**: a header byte with sign and length, then the digits (bytes). Positive numbers of n
//! bytes have the header `7F + n`, negative ones `80 - n`, so that longer ones stand further out;
//! for every 128 bytes a `FF` (`00`) goes before.
//!
//! **decimal**: normalised to `0.d1d2d3… × 100^exponent` with digits in base 100, the first not
//! zero. A byte tells the number's sign, the exponent's sign and its length; then come the
//! exponent, the digits each plus `80`, and `00`. Of negative numbers the exponent's sign is
//! turned, and the digits are those of the mantissa rounded down, so that every further digit adds.
//! The scale is lost: 1.0 and 1.00 are one. What is read back has the fewest digits, but whole
//! numbers below 10^30 are written out (100 rather than 1E+2), as most programs send them.

use super::part::Source;
use crate::error::{Error, Result};
use crate::types::key::damaged;
use crate::types::number::Decimal;
use num_bigint::{BigInt, Sign};

/// Appends a varint given by its minimal bytes.
pub(super) fn encode_varint(minimal: &[u8], out: &mut Vec<u8>) {
    let negative = minimal.first().is_some_and(|byte| byte & 0x80 != 0);
    let sign_byte = if negative { 0xFF } else { 0 };
    let digits = match minimal {
        [first, rest @ ..] if *first == sign_byte && !rest.is_empty() => rest,
        all => all,
    };
    let (outer, step) = if negative { (0, -1) } else { (0xFF, 1) };
    out.resize(out.len() + digits.len() / 128, outer);
    let rest = (digits.len() % 128) as i16 - 1;
    let base = if negative { 0x7F } else { 0x80 };
    out.push((base + step * rest) as u8);
    out.extend_from_slice(digits);
}

/// Reads a varint: its minimal bytes.
pub(super) fn decode_varint(source: &mut Source<'_>, out: &mut Vec<u8>) -> Result<()> {
    let mut header = source.next()?;
    let negative = header < 0x80;
    let outer = if negative { 0 } else { 0xFF };
    let mut length = 0;
    while header == outer {
        length += 128;
        header = source.next()?;
    }
    let rest = if negative {
        0x80 - i16::from(header)
    } else {
        i16::from(header) - 0x7F
    };
    length += usize::try_from(rest).map_err(|_| damaged())?;
    let start = out.len();
    source.take(length, out)?;
    let top = out.get(start).ok_or_else(damaged)? & 0x80 != 0;
    if top != negative {
        out.insert(start, if negative { 0xFF } else { 0 });
    }
    Ok(())
}

/// Appends a decimal given by its wire bytes.
pub(super) fn encode_decimal(bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let decimal = Decimal::from_bytes(bytes)
        .ok_or_else(|| Error::invalid("Expected 0 or at least 5 bytes for a decimal"))?;
    let negative = match decimal.unscaled.sign() {
        Sign::NoSign => {
            out.push(0x80);
            return Ok(());
        }
        sign => sign == Sign::Minus,
    };
    let (mut digits, exponent) = decimal.digits();
    if exponent.rem_euclid(2) == 1 {
        digits.insert(0, '0');
    }
    if digits.len() % 2 == 1 {
        digits.push('0');
    }
    let exponent = exponent.div_euclid(2) + exponent.rem_euclid(2);
    push_exponent(negative, if negative { -exponent } else { exponent }, out);
    let (pairs, _) = digits.as_bytes().as_chunks::<2>();
    let mut pairs: Vec<u8> = pairs
        .iter()
        .map(|[tens, ones]| (tens - b'0') * 10 + (ones - b'0'))
        .collect();
    while pairs.last() == Some(&0) {
        pairs.pop();
    }
    if negative {
        negate(&mut pairs, out);
    } else {
        out.extend(pairs.iter().map(|pair| 0x80 + pair));
    }
    out.push(0);
    Ok(())
}

/// The digits of a negative mantissa: the first rounded down, the others what is missing to it.
fn negate(pairs: &mut [u8], out: &mut Vec<u8>) {
    let Some((first, rest)) = pairs.split_first_mut() else {
        return;
    };
    let Some((last, middle)) = rest.split_last() else {
        out.push(0x80 - *first);
        return;
    };
    out.push(0x80 - *first - 1);
    out.extend(middle.iter().map(|pair| 0x80 + 99 - pair));
    out.push(0x80 + 100 - last);
}

fn push_exponent(negative: bool, exponent: i64, out: &mut Vec<u8>) {
    let bytes = exponent.to_be_bytes();
    let header = if negative { 0x40 } else { 0xC0_u8 };
    let sign_byte = if exponent < 0 { 0xFF } else { 0 };
    let skipped = bytes.iter().take_while(|byte| **byte == sign_byte).count();
    if exponent >= 0 {
        out.push(header + (8 - skipped) as u8);
        out.extend_from_slice(&bytes[skipped..]);
    } else {
        let skipped = skipped.min(7);
        out.push(header - (8 - skipped) as u8);
        out.extend_from_slice(&bytes[skipped..]);
    }
}

/// Reads a decimal: the wire bytes of its canonical form.
pub(super) fn decode_decimal(source: &mut Source<'_>, out: &mut Vec<u8>) -> Result<()> {
    let header = source.next()?;
    if header == 0x80 {
        out.extend_from_slice(&[0, 0, 0, 0, 0]);
        return Ok(());
    }
    let negative = header < 0x80;
    let length = i16::from(header & 0x7F) - 0x40;
    let mut exponent = Vec::new();
    let size = usize::from(length.unsigned_abs());
    if size > 7 {
        return Err(damaged());
    }
    source.take(size, &mut exponent)?;
    let start: i64 = if length < 0 { -1 } else { 0 };
    let exponent = exponent
        .iter()
        .fold(start, |value, byte| (value << 8) | i64::from(*byte));
    let exponent = if negative { -exponent } else { exponent };
    let mut pairs = Vec::new();
    loop {
        match source.next()? {
            0 => break,
            byte => pairs.push(i16::from(byte) - 0x80),
        }
    }
    let decimal = canonical(negative, pairs, exponent)?;
    out.extend_from_slice(&decimal.to_bytes());
    Ok(())
}

fn canonical(negative: bool, mut pairs: Vec<i16>, exponent: i64) -> Result<Decimal> {
    if negative {
        let count = pairs.len();
        for (at, pair) in pairs.iter_mut().enumerate() {
            *pair = match at {
                0 if count == 1 => -*pair,
                0 => -*pair - 1,
                at if at + 1 == count => 100 - *pair,
                _ => 99 - *pair,
            };
        }
    }
    let mut text = String::with_capacity(2 * pairs.len() + 32);
    for pair in &pairs {
        if !(0..100).contains(pair) {
            return Err(damaged());
        }
        text.push(char::from(b'0' + (pair / 10) as u8));
        text.push(char::from(b'0' + (pair % 10) as u8));
    }
    let mut scale = text.len() as i64 - 2 * exponent;
    let kept = text.trim_end_matches('0').len();
    scale -= (text.len() - kept) as i64;
    text.truncate(kept);
    let whole = scale < 0 && text.trim_start_matches('0').len() as i64 - scale <= 30;
    while scale < i64::from(i32::MIN) || (whole && scale < 0) {
        text.push('0');
        scale += 1;
        if text.len() > 2 * pairs.len() + 64 {
            return Err(damaged());
        }
    }
    let unscaled: BigInt = text.parse().map_err(|_| damaged())?;
    Ok(Decimal {
        unscaled: if negative { -unscaled } else { unscaled },
        scale: i32::try_from(scale).map_err(|_| damaged())?,
    })
}
