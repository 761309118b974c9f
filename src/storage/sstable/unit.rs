//! Units: the checked pieces of a file, and the pages inside of them.
//!
//! A unit is a payload and its CRC32C. The checksum covers the file's number, the unit's offset
//! and the payload's length too, so that bytes which are sound but stand in the wrong place are
//! found as well. A page is a part of a unit, compressed by itself where that saves an eighth.

use crate::error::{Error, Result};
use crate::limits::{PAGE_BYTES_MAX, VALUE_BYTES_MAX};
use crate::storage::blocking;
use crate::storage::disk::ReadFile;
use crate::storage::format::{self, FormatVersion};
use crate::storage::sstable::codec::{Damage, Input, Parsed, put_count, share};
use bytes::Bytes;
use lz4_flex::block::{
    CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size,
};

/// The last bytes of every SSTable: the first ones once more. Never change them.
pub const MAGIC: [u8; 8] = *b"helenusS";
/// The format's version; see the manual's page.
pub const VERSION: u32 = FormatVersion::CURRENT as u32;
/// The length of a unit's checksum.
pub const CHECKSUM_BYTES: usize = 4;
/// Values longer than this go to overflow units.
pub const OVERFLOW_BYTES: usize = 4 << 10;
/// The most rows of a block.
pub const BLOCK_ROWS_MAX: usize = 4_096;
/// Pages shorter than this are not worth compressing.
const COMPRESS_BYTES_MIN: usize = 32;
/// No LZ4 sequence yields more than 255 bytes for one.
const LZ4_RATIO_MAX: usize = 255;

/// The page is stored as it is. Never change the number.
pub const CODEC_NONE: u8 = 0;
/// The page is one LZ4 block. Never change the number.
pub const CODEC_LZ4: u8 = 1;

/// The checksum of a unit's payload at its place.
pub fn checksum(file: u64, offset: u64, payload: &[u8]) -> u32 {
    let length = (payload.len() as u64).to_le_bytes();
    crc32c::crc32c_append(format::checksum(file, offset, &length), payload)
}

/// Reads a unit (`length` without its checksum) and checks it.
pub fn read_unit(disk_file: &dyn ReadFile, file: u64, offset: u64, length: usize) -> Result<Bytes> {
    let fits = (length as u64)
        .checked_add(CHECKSUM_BYTES as u64)
        .and_then(|whole| offset.checked_add(whole))
        .is_some_and(|end| end <= disk_file.len());
    if !fits {
        return Err(Error::corrupt(
            disk_file.name(),
            offset,
            "a unit reaches beyond the file's end",
        ));
    }
    blocking::may_block("a read of an SSTable")?;
    let whole = disk_file.read_at(offset, length + CHECKSUM_BYTES)?;
    check_unit(disk_file.name(), file, offset, &whole)
}

/// Checks a unit with its checksum; answers its payload.
pub fn check_unit(name: &str, file: u64, offset: u64, whole: &Bytes) -> Result<Bytes> {
    let split = whole.len().saturating_sub(CHECKSUM_BYTES);
    let (payload, stored) = whole.split_at(split);
    if checksum(file, offset, payload).to_le_bytes() != *stored {
        return Err(Error::corrupt(name, offset, "the checksum does not match"));
    }
    Ok(whole.slice(..split))
}

/// Compresses pages; keeps its tables from one to the next.
#[derive(Default)]
pub struct Compressor {
    table: CompressTable,
    room: Vec<u8>,
    enabled: bool,
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor")
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

impl Compressor {
    /// A compressor, or one that leaves all pages as they are.
    pub fn new(enabled: bool) -> Self {
        Self {
            enabled,
            ..Self::default()
        }
    }

    /// The page as it is to be stored, and its codec.
    pub fn pack<'a>(&'a mut self, page: &'a [u8]) -> (u8, &'a [u8]) {
        if !self.enabled || page.len() < COMPRESS_BYTES_MIN {
            return (CODEC_NONE, page);
        }
        let room = get_maximum_output_size(page.len());
        if self.room.len() < room {
            self.room.resize(room, 0);
        }
        let packed = compress_into_with_table(page, &mut self.room, &mut self.table)
            .ok()
            .and_then(|length| self.room.get(..length));
        match packed {
            Some(packed) if packed.len() <= page.len() - page.len() / 8 => (CODEC_LZ4, packed),
            _ => (CODEC_NONE, page),
        }
    }
}

/// Where a page stands in a unit's payload and how.
#[derive(Clone, Copy, Debug)]
pub struct PageRef {
    codec: u8,
    at: usize,
    stored: usize,
    raw: usize,
}

/// Appends a page's description: its codec, its stored length, and if it is compressed its own.
pub fn put_page_ref(out: &mut Vec<u8>, codec: u8, stored: usize, raw: usize) {
    out.push(codec);
    put_count(out, stored);
    if codec != CODEC_NONE {
        put_count(out, raw);
    }
}

impl PageRef {
    /// Reads a page's description. Where it stands is told by [`PageRef::place`].
    pub fn parse(input: &mut Input<'_>) -> Parsed<Self> {
        let codec = input.u8()?;
        let stored = input.count(PAGE_BYTES_MAX)?;
        let raw = match codec {
            CODEC_NONE => stored,
            CODEC_LZ4 => input.count(PAGE_BYTES_MAX.min(stored.saturating_mul(LZ4_RATIO_MAX)))?,
            _ => return Err(Damage("an unknown page codec")),
        };
        Ok(Self {
            codec,
            at: 0,
            stored,
            raw,
        })
    }

    /// The page that is all of an overflow unit.
    pub fn of_overflow(codec: u8, stored: usize, raw: usize) -> Parsed<Self> {
        let raw_max = match codec {
            CODEC_NONE => stored,
            CODEC_LZ4 => stored.saturating_mul(LZ4_RATIO_MAX).min(VALUE_BYTES_MAX),
            _ => return Err(Damage("an unknown page codec")),
        };
        if raw > raw_max || (codec == CODEC_NONE && raw != stored) {
            return Err(Damage("the length of a large value"));
        }
        Ok(Self {
            codec,
            at: 0,
            stored,
            raw,
        })
    }

    /// Sets where the page starts; answers where it ends.
    pub fn place(&mut self, at: usize) -> usize {
        self.at = at;
        at.saturating_add(self.stored)
    }

    /// The memory that it takes beside its unit once it is decompressed.
    pub fn extra_bytes(&self) -> usize {
        if self.codec == CODEC_NONE {
            0
        } else {
            self.raw
        }
    }

    /// The page's length once it is decompressed.
    pub fn raw_bytes(&self) -> usize {
        self.raw
    }

    /// The page itself.
    pub fn load(&self, payload: &Bytes) -> Parsed<Bytes> {
        let stored = share(payload, self.at, self.at.saturating_add(self.stored))?;
        if self.codec == CODEC_NONE {
            return Ok(stored);
        }
        let mut raw = vec![0; self.raw];
        match decompress_into(&stored, &mut raw) {
            Ok(length) if length == self.raw => Ok(Bytes::from(raw)),
            _ => Err(Damage("a page that cannot be decompressed")),
        }
    }

    /// The page itself, in `room` if it has to be decompressed.
    pub fn load_into<'a>(&self, payload: &'a [u8], room: &'a mut Vec<u8>) -> Parsed<&'a [u8]> {
        let stored = payload
            .get(self.at..self.at.saturating_add(self.stored))
            .ok_or(Damage("a page beyond its unit"))?;
        if self.codec == CODEC_NONE {
            return Ok(stored);
        }
        room.resize(self.raw, 0);
        match decompress_into(stored, room) {
            Ok(length) if length == self.raw => Ok(room.as_slice()),
            _ => Err(Damage("a page that cannot be decompressed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_covers_the_place() {
        let one = checksum(1, 2, b"abc");
        assert_ne!(one, checksum(2, 2, b"abc"));
        assert_ne!(one, checksum(1, 3, b"abc"));
        assert_ne!(one, checksum(1, 2, b"abcd"));
        assert_eq!(one, checksum(1, 2, b"abc"));
    }

    #[test]
    fn pages_come_back_and_lies_are_found() {
        let page = b"to be or not to be ".repeat(50);
        let mut compressor = Compressor::new(true);
        let (codec, stored) = compressor.pack(&page);
        assert_eq!(codec, CODEC_LZ4);
        let mut head = Vec::new();
        put_page_ref(&mut head, codec, stored.len(), page.len());
        let payload = Bytes::copy_from_slice(stored);
        let mut found = PageRef::parse(&mut Input::new(&head)).unwrap();
        assert_eq!(found.place(0), stored.len());
        assert_eq!(found.load(&payload).unwrap(), page);
        let mut room = Vec::new();
        assert_eq!(found.load_into(&payload, &mut room).unwrap(), page);
        found.raw += 1;
        assert!(found.load(&payload).is_err());
        let mut lie = Vec::new();
        put_page_ref(&mut lie, CODEC_LZ4, 10, 10_000);
        assert!(PageRef::parse(&mut Input::new(&lie)).is_err());
        assert_eq!(Compressor::new(false).pack(&page).0, CODEC_NONE);
    }
}
