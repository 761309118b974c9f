//! The native protocol's variable-length integers.
//!
//! The number of leading one bits of the first byte says how many bytes follow; the value's bits
//! come after them, big-endian. (LEB128, which most libraries call "varint", is something else.)
//!
//! ```text
//! 0xxxxxxx                      7 bits
//! 10xxxxxx xxxxxxxx            14 bits
//! ...
//! 11111111 followed by 8 bytes 64 bits
//! ```
//!
//! Signed integers are zigzagged first: 0, -1, 1, -2 become 0, 1, 2, 3.

/// Appends an unsigned integer.
pub fn write_unsigned(value: u64, out: &mut Vec<u8>) {
    let size = unsigned_size(value);
    let bytes = value.to_be_bytes();
    if size == 9 {
        out.push(0xFF);
        out.extend_from_slice(&bytes);
        return;
    }
    let start = out.len();
    out.extend_from_slice(&bytes[8 - size..]);
    let ones = !(0xFF_u16 >> (size - 1));
    out[start] |= (ones & 0xFF) as u8;
}

/// Appends a signed integer.
pub fn write_signed(value: i64, out: &mut Vec<u8>) {
    write_unsigned(((value << 1) ^ (value >> 63)).cast_unsigned(), out);
}

/// How many bytes an unsigned integer takes.
pub fn unsigned_size(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    if bits > 56 { 9 } else { bits.div_ceil(7) }
}

/// Takes an unsigned integer from the front of `bytes`; none where they end too early.
pub fn read_unsigned(bytes: &mut &[u8]) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    let extra = first.leading_ones() as usize;
    let (body, rest) = rest.split_at_checked(extra)?;
    let top = if extra >= 8 {
        0
    } else {
        first & (0xFF >> extra)
    };
    let value = body.iter().fold(u64::from(top), |value, byte| {
        (value << 8) | u64::from(*byte)
    });
    *bytes = rest;
    Some(value)
}

/// Takes a signed integer from the front of `bytes`; none where they end too early.
pub fn read_signed(bytes: &mut &[u8]) -> Option<i64> {
    let value = read_unsigned(bytes)?;
    Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsigned_by_the_bits() {
        for (value, bytes) in [
            (0, &[0][..]),
            (127, &[0x7F]),
            (128, &[0x80, 0x80]),
            (16_383, &[0xBF, 0xFF]),
            (16_384, &[0xC0, 0x40, 0x00]),
            (
                (1 << 56) - 1,
                &[0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
            ),
            (1 << 56, &[0xFF, 1, 0, 0, 0, 0, 0, 0, 0]),
            (u64::MAX, &[0xFF; 9]),
        ] {
            let mut out = Vec::new();
            write_unsigned(value, &mut out);
            assert_eq!(out, bytes, "{value}");
            let mut rest = bytes;
            assert_eq!(read_unsigned(&mut rest), Some(value));
            assert!(rest.is_empty());
            assert_eq!(read_unsigned(&mut &bytes[..bytes.len() - 1]), None);
        }
    }

    #[test]
    fn signed_there_and_back() {
        for value in [0, -1, 1, 63, -64, 64, 8191, i64::MIN, i64::MAX] {
            let mut out = vec![7];
            write_signed(value, &mut out);
            assert_eq!(read_signed(&mut &out[1..]), Some(value));
        }
    }
}
