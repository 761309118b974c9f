//! One value in its byte-comparable form, ascending, and back; see [`key`](crate::types::key).

use super::{NEXT, NEXT_EMPTY, NEXT_NULL, TERMINATOR, damaged, decimal};
use crate::error::{Error, Result};
use crate::types::compare::{
    double_rank, float_rank, time_last, timeuuid_rank, uuid_high_from_rank, uuid_rank,
};
use crate::types::number::minimal;
use crate::types::{Type, collection};

/// Bytes being read, inverted where the column is descending.
pub(super) struct Source<'a> {
    bytes: &'a [u8],
    at: usize,
    mask: u8,
}

impl<'a> Source<'a> {
    pub(super) fn new(bytes: &'a [u8], inverted: bool) -> Self {
        Self {
            bytes,
            at: 0,
            mask: if inverted { 0xFF } else { 0 },
        }
    }

    /// How many bytes have been read.
    pub(super) fn used(&self) -> usize {
        self.at
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).map(|byte| byte ^ self.mask)
    }

    pub(super) fn next(&mut self) -> Result<u8> {
        let byte = self.peek().ok_or_else(damaged)?;
        self.at += 1;
        Ok(byte)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let mut taken = *rest.first_chunk::<N>().ok_or_else(damaged)?;
        taken.iter_mut().for_each(|byte| *byte ^= self.mask);
        self.at += N;
        Ok(taken)
    }

    pub(super) fn take(&mut self, count: usize, out: &mut Vec<u8>) -> Result<()> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..count).ok_or_else(damaged)?;
        out.extend(taken.iter().map(|byte| byte ^ self.mask));
        self.at += count;
        Ok(())
    }

    /// Takes all up to the next `00` (after inversion), and that byte too.
    fn take_until_zero(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == self.mask);
        self.take(length.ok_or_else(damaged)?, out)?;
        self.at += 1;
        Ok(())
    }
}

/// Appends bytes so that they end themselves: a run of n zeros becomes `00`, n - 1 times `FE`, and
/// `FF` where more follows or `FE` at the end; what does not end in zero ends in `00`.
pub(super) fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == 0) {
        let (head, tail) = rest.split_at(at);
        out.extend_from_slice(head);
        let zeros = tail.iter().take_while(|byte| **byte == 0).count();
        rest = &tail[zeros..];
        out.push(0);
        out.resize(out.len() + zeros - 1, 0xFE);
        if rest.is_empty() {
            out.push(0xFE);
            return;
        }
        out.push(0xFF);
    }
    out.extend_from_slice(rest);
    out.push(0);
}

/// Reads what [`escape`] wrote.
pub(super) fn unescape(source: &mut Source<'_>, out: &mut Vec<u8>) -> Result<()> {
    loop {
        source.take_until_zero(out)?;
        while source.peek() == Some(0xFE) {
            source.next()?;
            out.push(0);
        }
        if source.peek() != Some(0xFF) {
            return Ok(());
        }
        source.next()?;
        out.push(0);
    }
}

fn fixed<const N: usize>(ty: &Type, value: &[u8]) -> Result<[u8; N]> {
    value.try_into().map_err(|_| {
        Error::invalid(format!(
            "{} bytes are no value of type {ty}, which has {N}",
            value.len()
        ))
    })
}

/// Appends a value (not one of zero bytes, unless that is an ordinary value).
pub(super) fn encode_value(ty: &Type, value: &[u8], out: &mut Vec<u8>) -> Result<()> {
    match ty {
        Type::Ascii | Type::Text | Type::Blob | Type::Inet | Type::Duration => escape(value, out),
        Type::TinyInt => sign_flipped(fixed::<1>(ty, value)?, out),
        Type::SmallInt => sign_flipped(fixed::<2>(ty, value)?, out),
        Type::Int => sign_flipped(fixed::<4>(ty, value)?, out),
        Type::BigInt | Type::Counter | Type::Timestamp => {
            sign_flipped(fixed::<8>(ty, value)?, out);
        }
        Type::Date => out.extend_from_slice(&fixed::<4>(ty, value)?),
        Type::Time => out.extend_from_slice(&fixed::<8>(ty, value)?),
        Type::Boolean => out.push(u8::from(fixed::<1>(ty, value)? != [0])),
        Type::Float => {
            let rank = float_rank(f32::from_be_bytes(fixed(ty, value)?));
            out.extend_from_slice(&rank.to_be_bytes());
        }
        Type::Double => {
            let rank = double_rank(f64::from_be_bytes(fixed(ty, value)?));
            out.extend_from_slice(&rank.to_be_bytes());
        }
        Type::Uuid | Type::TimeUuid => {
            fixed::<16>(ty, value)?;
            let rank = if *ty == Type::Uuid {
                uuid_rank
            } else {
                timeuuid_rank
            };
            let rank = rank(value).ok_or_else(damaged)?;
            out.extend_from_slice(&rank.to_be_bytes());
        }
        Type::VarInt => decimal::encode_varint(minimal(value), out),
        Type::Decimal => decimal::encode_decimal(value, out)?,
        Type::List { element, .. } | Type::Set { element, .. } => {
            for part in collection::elements(value)? {
                encode_part(element, Some(part), out)?;
            }
            out.push(TERMINATOR);
        }
        Type::Vector {
            element,
            dimensions,
        } => {
            for part in collection::vector(element, *dimensions, value)? {
                encode_part(element, Some(part), out)?;
            }
            out.push(TERMINATOR);
        }
        Type::Map { key, value: of, .. } => {
            for (k, v) in collection::entries(value)? {
                encode_part(key, Some(k), out)?;
                encode_part(of, Some(v), out)?;
            }
            out.push(TERMINATOR);
        }
        Type::Tuple(_) | Type::Udt { .. } => {
            let types = ty.field_types();
            let fields = collection::fields(value, types.len())?;
            let length = fields
                .iter()
                .rposition(Option::is_some)
                .map_or(0, |at| at + 1);
            for (field, ty) in fields.into_iter().zip(types).take(length) {
                encode_part(ty, field, out)?;
            }
            out.push(TERMINATOR);
        }
    }
    Ok(())
}

fn sign_flipped<const N: usize>(mut value: [u8; N], out: &mut Vec<u8>) {
    value[0] ^= 0x80;
    out.extend_from_slice(&value);
}

/// Appends a part of a value with its separator.
fn encode_part(ty: &Type, part: Option<&[u8]>, out: &mut Vec<u8>) -> Result<()> {
    match part {
        None => out.push(NEXT_NULL),
        Some([]) if !ty.empty_is_a_value() => out.push(NEXT_EMPTY),
        Some(part) => {
            out.push(NEXT);
            encode_value(ty, part, out)?;
        }
    }
    Ok(())
}

/// Reads a value that [`encode_value`] wrote.
pub(super) fn decode_value(ty: &Type, source: &mut Source<'_>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    decode_value_to(ty, source, &mut out)?;
    Ok(out)
}

/// Reads a value that [`encode_value`] wrote, and appends it.
pub(super) fn decode_value_to(ty: &Type, source: &mut Source<'_>, out: &mut Vec<u8>) -> Result<()> {
    match ty {
        Type::Ascii | Type::Text | Type::Blob | Type::Inet | Type::Duration => {
            unescape(source, out)?;
        }
        Type::TinyInt => sign_flipped(source.array::<1>()?, out),
        Type::SmallInt => sign_flipped(source.array::<2>()?, out),
        Type::Int => sign_flipped(source.array::<4>()?, out),
        Type::BigInt | Type::Counter | Type::Timestamp => {
            sign_flipped(source.array::<8>()?, out);
        }
        Type::Boolean => source.take(1, out)?,
        Type::Date => source.take(4, out)?,
        Type::Time => source.take(8, out)?,
        Type::Float => {
            let rank = u32::from_be_bytes(source.array()?);
            let bits = if rank >> 31 == 1 {
                rank ^ (1 << 31)
            } else {
                !rank
            };
            out.extend_from_slice(&bits.to_be_bytes());
        }
        Type::Double => {
            let rank = u64::from_be_bytes(source.array()?);
            let bits = if rank >> 63 == 1 {
                rank ^ (1 << 63)
            } else {
                !rank
            };
            out.extend_from_slice(&bits.to_be_bytes());
        }
        Type::Uuid => {
            let high = uuid_high_from_rank(u64::from_be_bytes(source.array()?));
            out.extend_from_slice(&high.to_be_bytes());
            source.take(8, out)?;
        }
        Type::TimeUuid => {
            let high = time_last(u64::from_be_bytes(source.array()?));
            out.extend_from_slice(&high.to_be_bytes());
            let low = u64::from_be_bytes(source.array()?) ^ 0x8080_8080_8080_8080;
            out.extend_from_slice(&low.to_be_bytes());
        }
        Type::VarInt => decimal::decode_varint(source, out)?,
        Type::Decimal => decimal::decode_decimal(source, out)?,
        _ => out.extend_from_slice(&decode_compound(ty, source)?),
    }
    Ok(())
}

fn decode_compound(ty: &Type, source: &mut Source<'_>) -> Result<Vec<u8>> {
    match ty {
        Type::List { element, .. } | Type::Set { element, .. } => {
            Ok(collection::pack_elements(&decode_parts(element, source)?))
        }
        Type::Vector { element, .. } => {
            let parts = decode_parts(element, source)?;
            Ok(collection::pack_vector(element, &parts))
        }
        Type::Map { key, value, .. } => {
            let mut entries = Vec::new();
            while let Some(k) = decode_part(key, source)? {
                let v = decode_part(value, source)?.flatten();
                entries.push((k.ok_or_else(damaged)?, v.ok_or_else(damaged)?));
            }
            Ok(collection::pack_entries(&entries))
        }
        _ => {
            let mut fields = Vec::new();
            for ty in ty.field_types() {
                match decode_part(ty, source)? {
                    Some(field) => fields.push(field),
                    None => return Ok(collection::pack_fields(&fields)),
                }
            }
            if source.next()? != TERMINATOR {
                return Err(damaged());
            }
            Ok(collection::pack_fields(&fields))
        }
    }
}

fn decode_parts(element: &Type, source: &mut Source<'_>) -> Result<Vec<Vec<u8>>> {
    let mut parts = Vec::new();
    while let Some(part) = decode_part(element, source)? {
        parts.push(part.ok_or_else(damaged)?);
    }
    Ok(parts)
}

/// A part: none at the end of the sequence, an inner none for null.
#[expect(clippy::option_option, reason = "the end and null are two things")]
fn decode_part(ty: &Type, source: &mut Source<'_>) -> Result<Option<Option<Vec<u8>>>> {
    match source.next()? {
        TERMINATOR => Ok(None),
        NEXT_NULL => Ok(Some(None)),
        NEXT_EMPTY => Ok(Some(Some(Vec::new()))),
        NEXT => Ok(Some(Some(decode_value(ty, source)?))),
        _ => Err(damaged()),
    }
}
