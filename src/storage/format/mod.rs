//! The bytes that all files of the engine are made of.
//!
//! Integers are little-endian, of fixed size or as a *varint* (seven bits a byte, lowest first, the
//! high bit says that more follow; signed ones zigzagged first). A file opens with a
//! [`FileHeader`]; what follows are units, each with a CRC32C that also covers the file's number
//! and the unit's offset ([`checksum`]), so that a block that was valid somewhere else is damage
//! here.
//!
//! ```text
//! header: "helenus" 7 │ kind 1 │ format version u32 │ file number u64 │ CRC32C u32
//! ```
//!
//! [`Reader`] takes bytes apart without ever reading past their end; its errors name file and
//! offset.

mod reader;

pub use reader::Reader;

use crate::error::{Error, ErrorKind, Result};

/// What every file starts with.
pub const MAGIC: &[u8; 7] = b"helenus";
/// The length of a [`FileHeader`], in bytes.
pub const HEADER_BYTES: usize = 24;

/// The versions of the file formats. Persisted: a number never changes its meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum FormatVersion {
    /// The first: log groups, manifest records and columnar SSTables with the whole cell model.
    V1 = 1,
    /// Values of SSTables may be scaled numbers.
    #[default]
    V2 = 2,
}

impl FormatVersion {
    /// The version that is written.
    pub const CURRENT: Self = Self::V2;

    /// The version of this number; a newer one is refused.
    pub fn of(number: u32, file: &str) -> Result<Self> {
        match number {
            1 => Ok(Self::V1),
            2 => Ok(Self::V2),
            0 => Err(Error::corrupt(file, 8, "format version 0")),
            newer => Err(Error::new(
                ErrorKind::NewerFormat,
                format!(
                    "{file}: has format version {newer}, this helenus knows versions up to {}",
                    Self::CURRENT as u32
                ),
            )
            .with_hint("open it with the newer helenus that wrote it, or a later one")),
        }
    }
}

/// The kinds of files. Persisted: a letter never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FileKind {
    /// A segment of the commit log.
    CommitLog = b'L',
    /// The manifest.
    Manifest = b'M',
    /// An SSTable.
    SsTable = b'S',
}

impl FileKind {
    /// The kind of a file that starts with `bytes`, if it is one of helenus.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes.strip_prefix(MAGIC)?.first()? {
            b'L' => Some(Self::CommitLog),
            b'M' => Some(Self::Manifest),
            b'S' => Some(Self::SsTable),
            _ => None,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::CommitLog => "commit-log segment",
            Self::Manifest => "manifest",
            Self::SsTable => "SSTable",
        }
    }
}

/// How a file opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHeader {
    /// What kind of file.
    pub kind: FileKind,
    /// The version of its format.
    pub version: FormatVersion,
    /// Its number.
    pub number: u64,
}

impl FileHeader {
    /// The header of a file that is written now.
    pub fn new(kind: FileKind, number: u64) -> Self {
        Self {
            kind,
            version: FormatVersion::CURRENT,
            number,
        }
    }

    /// Appends the header's [`HEADER_BYTES`] bytes.
    pub fn write(&self, to: &mut Vec<u8>) {
        let start = to.len();
        to.extend_from_slice(MAGIC);
        to.push(self.kind as u8);
        put_u32(to, self.version as u32);
        put_u64(to, self.number);
        let sum = crc32c::crc32c(to.get(start..).unwrap_or_default());
        put_u32(to, sum);
    }

    /// Reads the header at the start of `bytes`, of a file of `kind` called `file`.
    pub fn read(bytes: &[u8], kind: FileKind, file: &str) -> Result<Self> {
        let damaged = |what: &str| Error::corrupt(file, 0, what);
        let header = bytes
            .get(..HEADER_BYTES)
            .ok_or_else(|| damaged("the file is shorter than its header"))?;
        if !header.starts_with(MAGIC) {
            return Err(damaged("not a file of helenus"));
        }
        let mut reader = Reader::new(header, file, 0);
        reader.skip(8)?;
        let version = reader.u32()?;
        let number = reader.u64()?;
        let claimed = reader.u32()?;
        let covered = header.split_at(HEADER_BYTES - 4).0;
        if crc32c::crc32c(covered) != claimed {
            return Err(damaged("the header's checksum is wrong"));
        }
        if FileKind::of(header) != Some(kind) {
            return Err(damaged(&format!("not a {}", kind.words())));
        }
        Ok(Self {
            kind,
            version: FormatVersion::of(version, file)?,
            number,
        })
    }
}

/// The CRC32C of a unit: over the file's number, the unit's offset and its bytes.
pub fn checksum(file_number: u64, offset: u64, bytes: &[u8]) -> u32 {
    let sum = crc32c::crc32c(&file_number.to_le_bytes());
    let sum = crc32c::crc32c_append(sum, &offset.to_le_bytes());
    crc32c::crc32c_append(sum, bytes)
}

/// Appends a fixed 16-bit number.
pub fn put_u16(to: &mut Vec<u8>, value: u16) {
    to.extend_from_slice(&value.to_le_bytes());
}

/// Appends a fixed 32-bit number.
pub fn put_u32(to: &mut Vec<u8>, value: u32) {
    to.extend_from_slice(&value.to_le_bytes());
}

/// Appends a fixed 64-bit number.
pub fn put_u64(to: &mut Vec<u8>, value: u64) {
    to.extend_from_slice(&value.to_le_bytes());
}

/// Appends a fixed 64-bit signed number.
pub fn put_i64(to: &mut Vec<u8>, value: i64) {
    to.extend_from_slice(&value.to_le_bytes());
}

/// Appends a varint.
pub fn put_varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push((value as u8) | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// How many bytes [`put_varint`] appends.
pub fn varint_bytes(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Appends a signed varint.
pub fn put_signed_varint(to: &mut Vec<u8>, value: i64) {
    put_varint(to, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends bytes with their length, a varint, before them.
pub fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let unsigned = [
            0,
            1,
            127,
            128,
            300,
            16_383,
            16_384,
            u64::from(u32::MAX),
            u64::MAX,
        ];
        let signed = [0, -1, 1, 63, 64, -64, -65, i64::MIN, i64::MAX];
        let mut bytes = Vec::new();
        for value in unsigned {
            let before = bytes.len();
            put_varint(&mut bytes, value);
            assert_eq!(bytes.len() - before, varint_bytes(value));
        }
        for value in signed {
            put_signed_varint(&mut bytes, value);
        }
        put_u16(&mut bytes, 513);
        put_u32(&mut bytes, 7);
        put_u64(&mut bytes, 8);
        put_i64(&mut bytes, -9);
        put_bytes(&mut bytes, b"abc");
        let mut reader = Reader::new(&bytes, "f", 0);
        for value in unsigned {
            assert_eq!(reader.varint().unwrap(), value);
        }
        for value in signed {
            assert_eq!(reader.signed_varint().unwrap(), value);
        }
        assert_eq!(reader.u16().unwrap(), 513);
        assert_eq!(reader.u32().unwrap(), 7);
        assert_eq!(reader.u64().unwrap(), 8);
        assert_eq!(reader.i64().unwrap(), -9);
        assert_eq!(reader.length_and_bytes().unwrap(), b"abc");
        reader.finish().unwrap();
    }

    #[test]
    fn a_reader_stops_at_the_end_and_says_where() {
        let mut reader = Reader::new(&[1, 2, 3], "data/x", 100);
        reader.u16().unwrap();
        let error = reader.u32().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Corrupt);
        assert!(error.message.contains("data/x"), "{error}");
        assert!(error.message.contains("102"), "{error}");
        assert!(Reader::new(&[0xff; 11], "f", 0).varint().is_err());
        assert!(Reader::new(&[0xff; 3], "f", 0).varint().is_err());
        // A length of 2^60 with nothing behind it takes no memory.
        let mut bytes = Vec::new();
        put_varint(&mut bytes, 1 << 60);
        assert!(Reader::new(&bytes, "f", 0).length_and_bytes().is_err());
        assert!(Reader::new(&[1], "f", 0).finish().is_err());
    }

    #[test]
    fn a_header_is_checked() {
        let mut bytes = Vec::new();
        FileHeader::new(FileKind::Manifest, 7).write(&mut bytes);
        assert_eq!(bytes.len(), HEADER_BYTES);
        let read = FileHeader::read(&bytes, FileKind::Manifest, "m").unwrap();
        assert_eq!(read.number, 7);
        assert_eq!(FileKind::of(&bytes), Some(FileKind::Manifest));
        assert!(FileHeader::read(&bytes, FileKind::CommitLog, "m").is_err());
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            let error = FileHeader::read(&damaged, FileKind::Manifest, "m").unwrap_err();
            assert_eq!(error.kind, ErrorKind::Corrupt);
            assert!(FileHeader::read(&bytes[..at], FileKind::Manifest, "m").is_err());
        }
    }

    #[test]
    fn a_newer_format_is_refused_by_name() {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(MAGIC);
        bytes.push(b'S');
        put_u32(&mut bytes, 3);
        put_u64(&mut bytes, 1);
        let sum = crc32c::crc32c(&bytes);
        put_u32(&mut bytes, sum);
        let error = FileHeader::read(&bytes, FileKind::SsTable, "t.sst").unwrap_err();
        assert_eq!(error.kind, ErrorKind::NewerFormat);
        assert_eq!(
            error.message,
            "t.sst: has format version 3, this helenus knows versions up to 2"
        );
    }

    #[test]
    fn a_checksum_knows_its_place() {
        let sum = checksum(1, 100, b"bytes");
        assert_ne!(sum, checksum(2, 100, b"bytes"));
        assert_ne!(sum, checksum(1, 101, b"bytes"));
        assert_ne!(sum, checksum(1, 100, b"bytez"));
    }
}
