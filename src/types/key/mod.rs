//! The byte-comparable form of keys: unsigned byte order is CQL's order.
//!
//! Storage compares keys as bytes and knows nothing of types. The encoding is the one that
//! Cassandra publishes (`ByteComparable.md`), so that its proofs hold here too:
//!
//! ```text
//! row key    = token(8) ‖ escaped partition key ‖ 38 ‖ clustering
//! clustering = 40 value 40 value … 38          a row
//!              40 value … 20 / 60              a bound below / above all rows with that prefix
//! ```
//!
//! | before a component | means |
//! |---|---|
//! | `3E` | null |
//! | `3F`, descending `41` | empty, of a type for which zero bytes are no ordinary value |
//! | `40` | a value follows |
//!
//! | type | value |
//! |---|---|
//! | signed integers, timestamp | big-endian, sign bit flipped |
//! | float, double | sign bit flipped; negative ones inverted |
//! | date, time, boolean | as on the wire |
//! | uuid | version digit, then time or the other digits; timeuuid: time, then signed bytes |
//! | ascii, text, blob, inet, duration | escaped: `00` runs become `00 FE… FF`, `00` ends it |
//! | varint | sign and length, then digits ([`decimal`]) |
//! | decimal | sign and exponent, then digits in base 100 ([`decimal`]) |
//! | collections, tuples, user types, vectors | a component for each part, then `38` |
//!
//! No value's encoding followed by a byte from `10` to `EF` is a prefix of another's, so a
//! separator behind it decides in the right direction; with all bits flipped that still holds,
//! which is how descending columns are written. All of it can be read back. Where two different
//! values of a type are equal in CQL's order (1.0 and 1.00, padded varints, NaNs, a tuple's
//! trailing nulls) they share one encoding, and [`encode_component`] reports that the bytes it was
//! given are not those that [`decode_component`] will answer.

pub mod decimal;
mod part;

use crate::error::{Error, Result};
use crate::types::Type;
use crate::types::compare::{DOUBLE_NAN, FLOAT_NAN};
use crate::types::number::minimal;
use part::{Source, decode_value, decode_value_to, encode_value, escape, unescape};

/// Ends a row's clustering, and a sequence within a value.
pub const TERMINATOR: u8 = 0x38;
/// Ends a bound below all that starts with its prefix.
pub const BOUND_BEFORE: u8 = 0x20;
/// Ends a bound above all that starts with its prefix.
pub const BOUND_AFTER: u8 = 0x60;
/// The static row's position: below every bound.
pub const STATIC_POSITION: u8 = 0x18;

const NEXT_NULL: u8 = 0x3E;
const NEXT_EMPTY: u8 = 0x3F;
const NEXT: u8 = 0x40;
const NEXT_EMPTY_DESCENDING: u8 = 0x41;

fn damaged() -> Error {
    Error::invalid("bytes are no byte-comparable key")
}

/// The serialized partition key: one column's bytes as they are; of several columns each with a
/// u16 length before and a zero byte behind it. Every column must be shorter than 64 KiB.
pub fn compose_partition_key(columns: &[&[u8]]) -> Vec<u8> {
    if let [only] = columns {
        return only.to_vec();
    }
    let mut out = Vec::with_capacity(columns.iter().map(|column| column.len() + 3).sum());
    for column in columns {
        let length = u16::try_from(column.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(column);
        out.push(0);
    }
    out
}

/// The inverse of [`compose_partition_key`].
pub fn split_partition_key(key: &[u8], columns: usize) -> Result<Vec<&[u8]>> {
    if columns == 1 {
        return Ok(vec![key]);
    }
    let mut rest = key;
    let mut found = Vec::new();
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (column, tail) = tail.split_at_checked(length).ok_or_else(damaged)?;
        found.push(column);
        rest = match tail {
            [0, tail @ ..] => tail,
            _ => return Err(damaged()),
        };
    }
    if !rest.is_empty() || found.len() != columns {
        return Err(Error::invalid(format!(
            "a serialized partition key of {columns} columns was expected"
        )));
    }
    Ok(found)
}

/// Appends a partition's place: its token, then its serialized key.
pub fn partition_prefix(token: i64, raw_key: &[u8], out: &mut Vec<u8>) {
    out.reserve(raw_key.len() + 10);
    out.extend_from_slice(&(token ^ i64::MIN).to_be_bytes());
    escape(raw_key, out);
    out.push(TERMINATOR);
}

/// Reads what [`partition_prefix`] wrote: token, serialized key, and how many bytes they took.
pub fn decode_partition_prefix(bytes: &[u8]) -> Result<(i64, Vec<u8>, usize)> {
    let mut source = Source::new(bytes, false);
    let token = source.array::<8>()?;
    let mut key = Vec::new();
    unescape(&mut source, &mut key)?;
    if source.next()? != TERMINATOR {
        return Err(damaged());
    }
    Ok((i64::from_be_bytes(token) ^ i64::MIN, key, source.used()))
}

/// Appends a clustering value with the separator before it. Answers whether something was lost,
/// so that the original bytes must be kept beside the key.
pub fn encode_component(
    ty: &Type,
    descending: bool,
    value: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Result<bool> {
    let Some(value) = value else {
        out.push(NEXT_NULL);
        return Ok(false);
    };
    if value.is_empty() && !ty.empty_is_a_value() {
        if !ty.allows_empty() {
            ty.validate(value)?;
        }
        out.push(if descending {
            NEXT_EMPTY_DESCENDING
        } else {
            NEXT_EMPTY
        });
        return Ok(false);
    }
    out.push(NEXT);
    let start = out.len();
    encode_value(ty, value, out)?;
    let lossy = match ty {
        Type::Boolean => value != [0] && value != [1],
        Type::Float => value.try_into().is_ok_and(|bytes| {
            let float = f32::from_be_bytes(bytes);
            float.is_nan() && float.to_bits() != FLOAT_NAN
        }),
        Type::Double => value.try_into().is_ok_and(|bytes| {
            let double = f64::from_be_bytes(bytes);
            double.is_nan() && double.to_bits() != DOUBLE_NAN
        }),
        Type::VarInt => minimal(value).len() != value.len(),
        ty => may_lose(ty) && decode_value(ty, &mut Source::new(&out[start..], false))? != value,
    };
    if descending {
        out[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
    Ok(lossy)
}

/// Reads what [`encode_component`] appended: the value, and how many bytes it took.
pub fn decode_component(
    ty: &Type,
    descending: bool,
    bytes: &[u8],
) -> Result<(Option<Vec<u8>>, usize)> {
    let mut value = Vec::new();
    let (present, used) = decode_component_to(ty, descending, bytes, &mut value)?;
    Ok((present.then_some(value), used))
}

/// Reads what [`encode_component`] appended, and appends the value to `out`: whether there is one
/// (it is null otherwise), and how many bytes it took.
pub fn decode_component_to(
    ty: &Type,
    descending: bool,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<(bool, usize)> {
    match bytes.split_first() {
        Some((&NEXT_NULL, _)) => Ok((false, 1)),
        Some((&(NEXT_EMPTY | NEXT_EMPTY_DESCENDING), _)) => Ok((true, 1)),
        Some((&NEXT, rest)) => {
            let mut source = Source::new(rest, descending);
            decode_value_to(ty, &mut source, out)?;
            Ok((true, 1 + source.used()))
        }
        _ => Err(damaged()),
    }
}

/// Ends a row's clustering.
pub fn finish_clustering(clustering: &mut Vec<u8>) {
    clustering.push(TERMINATOR);
}

/// Turns the encoding of the first clustering components into a bound below every row with them.
pub fn bound_before(prefix: &mut Vec<u8>) {
    prefix.push(BOUND_BEFORE);
}

/// Turns the encoding of the first clustering components into a bound above every row with them.
pub fn bound_after(prefix: &mut Vec<u8>) {
    prefix.push(BOUND_AFTER);
}

/// Reads a row's clustering: `columns` are the clustering columns' types and whether they are
/// descending.
pub fn decode_clustering(columns: &[(Type, bool)], bytes: &[u8]) -> Result<Vec<Option<Vec<u8>>>> {
    let (values, end) = decode_prefix(columns, bytes)?;
    if end != TERMINATOR || values.len() != columns.len() {
        return Err(damaged());
    }
    Ok(values)
}

/// Reads a row's clustering or a bound: as many values as there are, and the byte that ends them
/// ([`TERMINATOR`], [`BOUND_BEFORE`] or [`BOUND_AFTER`]).
pub fn decode_prefix(columns: &[(Type, bool)], bytes: &[u8]) -> Result<(Vec<Option<Vec<u8>>>, u8)> {
    let mut values = Vec::with_capacity(columns.len());
    let mut rest = bytes;
    loop {
        if let [end @ (TERMINATOR | BOUND_BEFORE | BOUND_AFTER)] = rest {
            return Ok((values, *end));
        }
        let (ty, descending) = columns.get(values.len()).ok_or_else(damaged)?;
        let (value, used) = decode_component(ty, *descending, rest)?;
        values.push(value);
        rest = rest.get(used..).ok_or_else(damaged)?;
    }
}

/// The byte-comparable form of a cell path (a set's element, a map's key, a list's timeuuid), and
/// whether something was lost.
pub fn encode_path(ty: &Type, value: &[u8]) -> Result<(Vec<u8>, bool)> {
    let mut out = Vec::with_capacity(value.len() + 2);
    let lossy = encode_component(ty, false, Some(value), &mut out)?;
    Ok((out, lossy))
}

/// Reads what [`encode_path`] wrote.
pub fn decode_path(ty: &Type, path: &[u8]) -> Result<Vec<u8>> {
    match decode_component(ty, false, path)? {
        (Some(value), used) if used == path.len() => Ok(value),
        _ => Err(damaged()),
    }
}

/// Whether different bytes of this type may share an encoding.
pub fn may_lose(ty: &Type) -> bool {
    match ty {
        Type::Decimal
        | Type::VarInt
        | Type::Float
        | Type::Double
        | Type::Boolean
        | Type::Tuple(_)
        | Type::Udt { .. } => true,
        Type::List { element, .. } | Type::Set { element, .. } | Type::Vector { element, .. } => {
            may_lose(element)
        }
        Type::Map { key, value, .. } => may_lose(key) || may_lose(value),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
