//! The wire form of collections, tuples, user types and vectors, taken apart and put together.
//!
//! | type | bytes |
//! |---|---|
//! | list, set | i32 count, then each element: i32 length, bytes |
//! | map | i32 count, then key, value, key, value: each i32 length, bytes |
//! | tuple, user type | each field: i32 length (-1: null), bytes; the last ones may be missing |
//! | vector | elements of fixed length: one after the other; others: unsigned vint length, bytes |
//!
//! The parts are slices of the whole: nothing is copied, and a count that is claimed is checked
//! against the bytes that are there before memory is taken for it.

use crate::error::{Error, Result};
use crate::types::{Type, vint};

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn take_i32(bytes: &mut &[u8]) -> Option<i32> {
    let taken = take(bytes, 4)?;
    Some(i32::from_be_bytes(taken.try_into().ok()?))
}

fn take_sized<'a>(bytes: &mut &'a [u8], kind: &str) -> Result<&'a [u8]> {
    let length = take_i32(bytes).ok_or_else(|| short(kind))?;
    let length =
        usize::try_from(length).map_err(|_| Error::invalid("Null value read when not allowed"))?;
    take(bytes, length).ok_or_else(|| short(kind))
}

fn short(kind: &str) -> Error {
    Error::invalid(format!("Not enough bytes to read a {kind}"))
}

fn counted<'a>(bytes: &'a [u8], parts: usize, kind: &str) -> Result<Vec<&'a [u8]>> {
    let mut rest = bytes;
    let count = take_i32(&mut rest).ok_or_else(|| short(kind))?;
    let count = usize::try_from(count)
        .map_err(|_| Error::invalid(format!("The data cannot be deserialized as a {kind}")))?;
    let count = count
        .checked_mul(parts)
        .filter(|count| *count <= rest.len() / 4)
        .ok_or_else(|| short(kind))?;
    let mut found = Vec::with_capacity(count);
    for _ in 0..count {
        found.push(take_sized(&mut rest, kind)?);
    }
    if !rest.is_empty() {
        return Err(Error::invalid(format!(
            "Unexpected extraneous bytes after {kind} value"
        )));
    }
    Ok(found)
}

/// The elements of a list, or of a set that is known to be one.
pub fn elements(bytes: &[u8]) -> Result<Vec<&[u8]>> {
    counted(bytes, 1, "list")
}

/// The elements of a set.
pub fn set_elements(bytes: &[u8]) -> Result<Vec<&[u8]>> {
    counted(bytes, 1, "set")
}

/// The elements of a list that an answer makes up, such as `ttl(c)`: those may be null.
pub fn elements_or_nulls(bytes: &[u8]) -> Result<Vec<Option<&[u8]>>> {
    let mut rest = bytes;
    let count = take_i32(&mut rest).ok_or_else(|| short("list"))?;
    let count = usize::try_from(count).map_err(|_| short("list"))?;
    let found = fields(rest, count)?;
    if found.len() != count {
        return Err(short("list"));
    }
    Ok(found)
}

/// The keys and values of a map.
pub fn entries(bytes: &[u8]) -> Result<Vec<(&[u8], &[u8])>> {
    let parts = counted(bytes, 2, "map")?;
    let (pairs, _) = parts.as_chunks::<2>();
    Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
}

/// The fields of a tuple or a user type: as many as are there, at most `count_max`.
pub fn fields(bytes: &[u8], count_max: usize) -> Result<Vec<Option<&[u8]>>> {
    let mut rest = bytes;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let at = found.len();
        if at == count_max {
            return Err(Error::invalid(
                "Invalid remaining data after end of tuple value",
            ));
        }
        let length = take_i32(&mut rest).ok_or_else(|| {
            Error::invalid(format!("Not enough bytes to read size of {at}th component"))
        })?;
        let Ok(length) = usize::try_from(length) else {
            found.push(None);
            continue;
        };
        let field = take(&mut rest, length)
            .ok_or_else(|| Error::invalid(format!("Not enough bytes to read {at}th component")))?;
        found.push(Some(field));
    }
    Ok(found)
}

/// The elements of a vector: exactly `dimensions`.
pub fn vector<'a>(element: &Type, dimensions: u16, bytes: &'a [u8]) -> Result<Vec<&'a [u8]>> {
    let mut rest = bytes;
    let mut found = Vec::with_capacity(usize::from(dimensions).min(bytes.len()));
    for _ in 0..dimensions {
        let length = match element.fixed_length() {
            Some(length) => Some(length),
            None => vint::read_unsigned(&mut rest).and_then(|length| usize::try_from(length).ok()),
        };
        let part = length.and_then(|length| take(&mut rest, length));
        found.push(part.ok_or_else(|| {
            Error::invalid(format!(
                "Not enough bytes to read a vector<{element}, {dimensions}>"
            ))
        })?);
    }
    if !rest.is_empty() {
        return Err(Error::invalid(format!(
            "Unexpected {} extraneous bytes after vector<{element}, {dimensions}> value",
            rest.len()
        )));
    }
    Ok(found)
}

fn put_count(count: usize, out: &mut Vec<u8>) {
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    out.extend_from_slice(&count.to_be_bytes());
}

fn put_sized(bytes: &[u8], out: &mut Vec<u8>) {
    put_count(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// Puts a list or a set together.
pub fn pack_elements<T: AsRef<[u8]>>(elements: &[T]) -> Vec<u8> {
    let mut out = Vec::new();
    put_count(elements.len(), &mut out);
    for element in elements {
        put_sized(element.as_ref(), &mut out);
    }
    out
}

/// Puts a map together.
pub fn pack_entries<K: AsRef<[u8]>, V: AsRef<[u8]>>(entries: &[(K, V)]) -> Vec<u8> {
    let mut out = Vec::new();
    put_count(entries.len(), &mut out);
    for (key, value) in entries {
        put_sized(key.as_ref(), &mut out);
        put_sized(value.as_ref(), &mut out);
    }
    out
}

/// Puts a tuple or a user type together.
pub fn pack_fields<T: AsRef<[u8]>>(fields: &[Option<T>]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        match field {
            Some(bytes) => put_sized(bytes.as_ref(), &mut out),
            None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
        }
    }
    out
}

/// Puts a vector together.
pub fn pack_vector<T: AsRef<[u8]>>(element: &Type, elements: &[T]) -> Vec<u8> {
    let mut out = Vec::new();
    for bytes in elements {
        if element.fixed_length().is_none() {
            vint::write_unsigned(bytes.as_ref().len() as u64, &mut out);
        }
        out.extend_from_slice(bytes.as_ref());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_checked() {
        assert!(elements(&[0x7F, 0xFF, 0xFF, 0xFF]).is_err());
        assert!(elements(&[0xFF, 0xFF, 0xFF, 0xFF]).is_err());
        assert!(elements(&[0, 0, 0, 1, 0x7F, 0xFF, 0xFF, 0xFF, 1]).is_err());
        assert!(elements(&[0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF]).is_err());
        assert!(elements(&[0, 0, 0, 0, 1]).is_err());
        assert!(entries(&[0x40, 0, 0, 0, 0, 0, 0, 0]).is_err());
        assert!(fields(&[0, 0, 0, 0, 0, 0, 0, 0], 1).is_err());
        assert!(vector(&Type::Text, 8192, &[0xFF; 9]).is_err());
        assert!(vector(&Type::Int, 2, &[0; 9]).is_err());
    }

    #[test]
    fn there_and_back() {
        let list = [&b"a"[..], b"", b"bcd"];
        assert_eq!(elements(&pack_elements(&list)).unwrap(), list);
        let map = [(&b"a"[..], &b"1"[..]), (b"b", b"")];
        assert_eq!(entries(&pack_entries(&map)).unwrap(), map);
        let tuple = [Some(&b"a"[..]), None, Some(b"")];
        assert_eq!(fields(&pack_fields(&tuple), 3).unwrap(), tuple);
        let packed = pack_vector(&Type::Text, &list);
        assert_eq!(vector(&Type::Text, 3, &packed).unwrap(), list);
    }
}
