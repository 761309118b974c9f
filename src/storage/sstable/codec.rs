//! Bytes to numbers and back, without trust.
//!
//! Everything that is read here may be damaged in ways that a checksum misses, or be made by
//! somebody: each read checks what is left, and a failure is a [`Damage`] that the caller turns
//! into an error with file and offset.

use bytes::Bytes;

/// Bytes that do not mean what they should; says which part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage(pub &'static str);

/// The result of reading what may be damaged.
pub type Parsed<T> = Result<T, Damage>;

/// Bytes being read from front to back.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    /// Starts at the front.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Where it stands.
    pub fn at(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Parsed<&'a [u8]> {
        let end = self.at.checked_add(length).ok_or(Damage("a length"))?;
        let taken = self
            .bytes
            .get(self.at..end)
            .ok_or(Damage("a length beyond the end"))?;
        self.at = end;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        self.take(N)?
            .try_into()
            .map_err(|_| Damage("a length beyond the end"))
    }

    /// One byte.
    pub fn u8(&mut self) -> Parsed<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// Two bytes, little-endian.
    pub fn u16(&mut self) -> Parsed<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// Four bytes, little-endian.
    pub fn u32(&mut self) -> Parsed<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Eight bytes, little-endian.
    pub fn u64(&mut self) -> Parsed<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Eight bytes, little-endian, signed.
    pub fn i64(&mut self) -> Parsed<i64> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// A number in groups of seven bits, lowest first.
    pub fn varint(&mut self) -> Parsed<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                return Err(Damage("a number over 64 bits"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Damage("a number over 64 bits"))
    }

    /// A varint that counts things of which each takes part in something of `max` at most.
    pub fn count(&mut self, max: usize) -> Parsed<usize> {
        let value = self.varint()?;
        usize::try_from(value)
            .ok()
            .filter(|count| *count <= max)
            .ok_or(Damage("a count beyond what there can be"))
    }

    /// A varint length and that many bytes.
    pub fn sized(&mut self) -> Parsed<&'a [u8]> {
        let length = self.count(self.left())?;
        self.take(length)
    }
}

/// Appends a number in groups of seven bits, lowest first.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a length or count as a varint.
pub fn put_count(out: &mut Vec<u8>, count: usize) {
    put_varint(out, count as u64);
}

/// Appends a varint length and the bytes.
pub fn put_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    put_count(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// `bytes[start..end]`, shared rather than copied.
#[inline]
pub fn share(bytes: &Bytes, start: usize, end: usize) -> Parsed<Bytes> {
    if start <= end && end <= bytes.len() {
        Ok(bytes.slice(start..end))
    } else {
        Err(Damage("a value beyond its page"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_come_back() {
        let mut out = Vec::new();
        let values = [0, 1, 127, 128, 300, 1 << 35, u64::MAX - 1, u64::MAX];
        for value in values {
            put_varint(&mut out, value);
        }
        let mut input = Input::new(&out);
        for value in values {
            assert_eq!(input.varint(), Ok(value));
        }
        assert_eq!(input.left(), 0);
        assert!(input.varint().is_err());
        assert!(Input::new(&[0xFF; 10]).varint().is_err());
        assert!(Input::new(&[5, 0]).count(4).is_err());
        assert!(Input::new(&[2, 0]).sized().is_err());
    }
}
