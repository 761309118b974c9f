//! The manifest's bytes.
//!
//! ```text
//! file   = header 24 (storage::format) │ base length u64 │ CRC32C u32 │ record …
//! record = "edit" 4 │ payload length u32 │ CRC32C u32 │ payload: the edits, bincode
//! ```
//!
//! A record's checksum covers the manifest's number, the record's offset, its length and payload.
//! What lies below the base length was synced before the file got its name: damage there is damage.
//! Behind it each record was synced before the next was written. So a record that cannot be read is
//! the torn end of the file if no valid record follows, and damage if one does.

use crate::error::{Error, ErrorKind, Result};
use crate::storage::disk::Disk;
use crate::storage::format::{self, FileHeader, FileKind, HEADER_BYTES, Reader};
use crate::storage::manifest::Edit;

/// The longest payload of a record, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 64 << 20;
/// What a record starts with.
const RECORD_MAGIC: &[u8; 4] = b"edit";
/// The length of what stands before a record's payload, in bytes.
const RECORD_HEADER_BYTES: usize = 12;
/// The length of what stands before the first record, in bytes.
pub const PREFIX_BYTES: usize = HEADER_BYTES + 12;

/// How the records' payloads are serialized.
fn configuration() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<PAYLOAD_BYTES_MAX>()
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it starts.
    pub offset: u64,
    /// What it says, all or nothing.
    pub edits: Vec<Edit>,
}

/// A manifest as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its number.
    pub number: u64,
    /// The length of what was written before it got its name.
    pub base: u64,
    /// Its records.
    pub records: Vec<Record>,
    /// How many bytes at its end are a record that was never finished.
    pub torn: u64,
}

/// Appends the bytes that stand before the first record.
pub fn put_prefix(number: u64, base: u64, to: &mut Vec<u8>) {
    FileHeader::new(FileKind::Manifest, number).write(to);
    format::put_u64(to, base);
    let sum = format::checksum(number, HEADER_BYTES as u64, &base.to_le_bytes());
    format::put_u32(to, sum);
}

/// Appends a record that will stand at `offset` of manifest `number`.
pub fn put_record(number: u64, offset: u64, edits: &[Edit], to: &mut Vec<u8>) -> Result<()> {
    let payload = bincode::serde::encode_to_vec(edits, configuration())
        .map_err(|error| Error::internal(format!("manifest: cannot encode an edit: {error}")))?;
    let length = u32::try_from(payload.len())
        .ok()
        .filter(|_| payload.len() <= PAYLOAD_BYTES_MAX)
        .ok_or_else(|| {
            Error::invalid(format!(
                "a change of {} bytes, more than {PAYLOAD_BYTES_MAX}",
                payload.len()
            ))
        })?;
    to.extend_from_slice(RECORD_MAGIC);
    format::put_u32(to, length);
    format::put_u32(to, sum(number, offset, length, &payload));
    to.extend_from_slice(&payload);
    Ok(())
}

fn sum(number: u64, offset: u64, length: u32, payload: &[u8]) -> u32 {
    let sum = format::checksum(number, offset, &length.to_le_bytes());
    crc32c::crc32c_append(sum, payload)
}

/// The payload of the valid record at `offset`, if there is one.
fn valid_at(bytes: &[u8], number: u64, offset: usize) -> Option<&[u8]> {
    let record = bytes.get(offset..)?;
    let mut reader = Reader::new(record.strip_prefix(RECORD_MAGIC)?, "", 0);
    let length = reader.u32().ok()?;
    let claimed = reader.u32().ok()?;
    let payload = reader.bytes(usize::try_from(length).ok()?).ok()?;
    (sum(number, offset as u64, length, payload) == claimed).then_some(payload)
}

/// Reads a manifest from its `bytes`; `file` is its name.
pub fn read(bytes: &[u8], file: &str) -> Result<Content> {
    let header = FileHeader::read(bytes, FileKind::Manifest, file)?;
    let number = header.number;
    let mut reader = Reader::new(bytes, file, 0);
    reader.skip(HEADER_BYTES)?;
    let base = reader.u64()?;
    let claimed = reader.u32()?;
    if format::checksum(number, HEADER_BYTES as u64, &base.to_le_bytes()) != claimed {
        return Err(Error::corrupt(
            file,
            HEADER_BYTES as u64,
            "the base length's checksum is wrong",
        ));
    }
    let mut content = Content {
        number,
        base,
        records: Vec::new(),
        torn: 0,
    };
    let mut at = PREFIX_BYTES;
    while at < bytes.len() {
        let Some(payload) = valid_at(bytes, number, at) else {
            if (at as u64) < base || record_follows(bytes, number, at) {
                return Err(Error::corrupt(
                    file,
                    at as u64,
                    "a record's checksum is wrong",
                ));
            }
            content.torn = (bytes.len() - at) as u64;
            break;
        };
        content.records.push(Record {
            offset: at as u64,
            edits: decode(payload, file, at as u64)?,
        });
        at += RECORD_HEADER_BYTES + payload.len();
    }
    if (at as u64) < base {
        return Err(Error::corrupt(
            file,
            at as u64,
            format!("the file ends here, but was {base} bytes long when it got its name"),
        ));
    }
    Ok(content)
}

/// Whether there is a valid record anywhere behind `at`.
fn record_follows(bytes: &[u8], number: u64, at: usize) -> bool {
    (at + 1..bytes.len()).any(|offset| valid_at(bytes, number, offset).is_some())
}

fn decode(payload: &[u8], file: &str, offset: u64) -> Result<Vec<Edit>> {
    let decoded = bincode::serde::decode_from_slice(payload, configuration());
    match decoded {
        Ok((edits, used)) if used == payload.len() => Ok(edits),
        Ok(_) => Err(Error::corrupt(
            file,
            offset,
            "a record is longer than its edits",
        )),
        // The checksum is right, so this is what was written: by somebody who knows more edits.
        Err(error) => Err(Error::new(
            ErrorKind::NewerFormat,
            format!("{file}: the record at offset {offset} is of an unknown kind: {error}"),
        )
        .with_hint("open it with the newer helenus that wrote it")),
    }
}

/// Reads the manifest at `path`.
pub fn load(disk: &dyn Disk, path: &str) -> Result<Content> {
    let file = disk.open(path)?;
    let length = usize::try_from(file.len())
        .map_err(|_| Error::corrupt(file.name(), 0, "longer than memory"))?;
    read(&file.read_at(0, length)?, file.name())
}
