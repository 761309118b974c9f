//! Takes bytes apart, never past their end.

use crate::error::{Error, Result};

/// A position in bytes that came from a file (or anything else that has a name).
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    file: &'a str,
    base: u64,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, which stand at offset `base` of `file`.
    pub fn new(bytes: &'a [u8], file: &'a str, base: u64) -> Self {
        Self {
            bytes,
            at: 0,
            file,
            base,
        }
    }

    /// The offset in the file of what comes next.
    pub fn offset(&self) -> u64 {
        self.base.saturating_add(self.at as u64)
    }

    /// How many bytes were read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// An error about what comes next.
    pub fn damaged(&self, what: impl std::fmt::Display) -> Error {
        Error::corrupt(self.file, self.offset(), what)
    }

    /// The next `length` bytes.
    #[inline]
    pub fn bytes(&mut self, length: usize) -> Result<&'a [u8]> {
        match self.rest().get(..length) {
            Some(bytes) => {
                self.at += length;
                Ok(bytes)
            }
            None => Err(self.damaged(format!(
                "{length} bytes expected, {} left",
                self.remaining()
            ))),
        }
    }

    /// Passes over `length` bytes.
    pub fn skip(&mut self, length: usize) -> Result<()> {
        self.bytes(length).map(|_| ())
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.rest().first_chunk::<N>() {
            Some(bytes) => {
                self.at += N;
                Ok(*bytes)
            }
            None => Err(self.damaged(format!("{N} bytes expected, {} left", self.remaining()))),
        }
    }

    /// A byte.
    #[inline]
    pub fn u8(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A fixed 16-bit number.
    pub fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// A fixed 32-bit number.
    #[inline]
    pub fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// A fixed 64-bit number.
    #[inline]
    pub fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A fixed 64-bit signed number.
    #[inline]
    pub fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// A varint.
    #[inline]
    pub fn varint(&mut self) -> Result<u64> {
        if let Some(byte) = self.bytes.get(self.at)
            && *byte < 0x80
        {
            self.at += 1;
            return Ok(u64::from(*byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for (number, byte) in self.rest().iter().take(10).enumerate() {
            let low = u64::from(byte & 0x7f);
            if number == 9 && *byte > 1 {
                break;
            }
            value |= low << (7 * number);
            if *byte < 0x80 {
                self.at += number + 1;
                return Ok(value);
            }
        }
        Err(self.damaged("a varint that does not end"))
    }

    /// A signed varint.
    #[inline]
    pub fn signed_varint(&mut self) -> Result<i64> {
        let value = self.varint()?;
        Ok(((value >> 1) as i64) ^ -((value & 1) as i64))
    }

    /// A varint that counts something of which there are at most `max`.
    pub fn length(&mut self, max: usize, what: &str) -> Result<usize> {
        let before = self.clone();
        let length = self.varint()?;
        match usize::try_from(length) {
            Ok(length) if length <= max => Ok(length),
            _ => Err(before.damaged(format!("{what}: {length}, more than {max}"))),
        }
    }

    /// Bytes with their length, a varint, before them.
    #[inline]
    pub fn length_and_bytes(&mut self) -> Result<&'a [u8]> {
        let length = self.varint()?;
        // What does not fit into memory is not there either.
        self.bytes(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// Makes sure that nothing is left.
    pub fn finish(&self) -> Result<()> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(self.damaged(format!("{left} bytes too many"))),
        }
    }
}
