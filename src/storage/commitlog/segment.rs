//! The bytes of a segment.
//!
//! ```text
//! segment = header 24 (storage::format; its number is the segment's)
//!           previous segment u64 │ its length u64 │ its last sequence u64
//!           first sequence u64 │ CRC32C u32
//!           group …
//! group   = "grup" 4 │ synced u64 │ first sequence u64 │ count u32 │ body length u32
//!           body CRC32C u32 │ header CRC32C u32 │ body
//! body    = (payload length varint │ payload) × count
//! ```
//!
//! Both checksums cover the segment's number and the group's offset, so bytes that were a group
//! somewhere else are none here. `synced` is the length through which the segment was synced when
//! the group was written: whatever cannot be read below it is damage; above it, it is the torn end
//! of a write that nobody was told of. The segment's own header is synced before its first group is
//! written, and so was all of the previous segment: its length in the header is a claim of the same
//! kind.

use crate::error::{Error, ErrorKind, Result};
use crate::storage::format::{self, FileHeader, FileKind, HEADER_BYTES, Reader};
use bytes::Bytes;

/// The length of what stands before the first group, in bytes.
pub const PREFIX_BYTES: usize = HEADER_BYTES + 36;
/// The length of what stands before a group's body, in bytes.
pub const GROUP_HEADER_BYTES: usize = 36;
/// What a group starts with.
const GROUP_MAGIC: &[u8; 4] = b"grup";

/// The directory of the segments.
pub const DIRECTORY: &str = "commitlog";

/// The path of a segment.
pub fn path(number: u64) -> String {
    format!("{DIRECTORY}/{number:010}.log")
}

/// The number in a segment's name.
pub fn number_of(name: &str) -> Option<u64> {
    name.strip_suffix(".log")?.parse().ok()
}

/// What a segment says of itself and of the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The segment's number.
    pub number: u64,
    /// The number of the segment before; 0 where there was none.
    pub previous: u64,
    /// The length of the segment before.
    pub previous_length: u64,
    /// The last sequence number before this segment.
    pub previous_sequence: u64,
    /// The sequence number of this segment's first record.
    pub first_sequence: u64,
}

impl Prefix {
    /// The segment's first [`PREFIX_BYTES`] bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(PREFIX_BYTES);
        FileHeader::new(FileKind::CommitLog, self.number).write(&mut to);
        format::put_u64(&mut to, self.previous);
        format::put_u64(&mut to, self.previous_length);
        format::put_u64(&mut to, self.previous_sequence);
        format::put_u64(&mut to, self.first_sequence);
        let covered = to.split_at(HEADER_BYTES).1;
        let sum = format::checksum(self.number, HEADER_BYTES as u64, covered);
        format::put_u32(&mut to, sum);
        to
    }

    /// Reads the prefix of the segment `number` from its first bytes.
    pub fn decode(bytes: &[u8], number: u64, file: &str) -> Result<Self> {
        let header = FileHeader::read(bytes, FileKind::CommitLog, file)?;
        let mut reader = Reader::new(bytes, file, 0);
        reader.skip(HEADER_BYTES)?;
        let covered = reader.clone().bytes(32)?;
        let prefix = Self {
            number: header.number,
            previous: reader.u64()?,
            previous_length: reader.u64()?,
            previous_sequence: reader.u64()?,
            first_sequence: reader.u64()?,
        };
        if reader.u32()? != format::checksum(header.number, HEADER_BYTES as u64, covered) {
            return Err(Error::corrupt(
                file,
                HEADER_BYTES as u64,
                "the segment header's checksum is wrong",
            ));
        }
        if header.number != number {
            let what = format!("the file says that it is segment {}", header.number);
            return Err(Error::corrupt(file, 0, what));
        }
        Ok(prefix)
    }
}

/// Fills in the header of a group whose first [`GROUP_HEADER_BYTES`] bytes are left free for it.
pub fn seal_group(
    group: &mut [u8],
    number: u64,
    offset: u64,
    synced: u64,
    first: u64,
    count: u32,
) -> Result<()> {
    let too_short = || Error::internal("a log group shorter than its header");
    let (header, body) = group
        .split_at_mut_checked(GROUP_HEADER_BYTES)
        .ok_or_else(too_short)?;
    let length =
        u32::try_from(body.len()).map_err(|_| Error::internal("a log group of more than 4 GiB"))?;
    let mut to = Vec::with_capacity(GROUP_HEADER_BYTES);
    to.extend_from_slice(GROUP_MAGIC);
    format::put_u64(&mut to, synced);
    format::put_u64(&mut to, first);
    format::put_u32(&mut to, count);
    format::put_u32(&mut to, length);
    format::put_u32(&mut to, format::checksum(number, offset, body));
    let sum = format::checksum(number, offset, &to);
    format::put_u32(&mut to, sum);
    header.copy_from_slice(&to);
    Ok(())
}

/// A group's header, as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Where the group starts.
    pub offset: u64,
    /// The length through which the segment was synced before.
    pub synced: u64,
    /// The sequence number of its first record.
    pub first: u64,
    /// How many records it has.
    pub count: u32,
    /// The length of its body, in bytes.
    pub length: u32,
    body_sum: u32,
}

impl Group {
    /// The offset behind the group.
    pub fn end(&self) -> u64 {
        self.offset + (GROUP_HEADER_BYTES as u64) + u64::from(self.length)
    }

    /// The valid header at `offset`, if there is one.
    fn header_at(bytes: &[u8], number: u64, offset: usize) -> Option<Self> {
        let header = bytes.get(offset..)?.get(..GROUP_HEADER_BYTES)?;
        let mut reader = Reader::new(header.strip_prefix(GROUP_MAGIC)?, "", 0);
        let group = Self {
            offset: offset as u64,
            synced: reader.u64().ok()?,
            first: reader.u64().ok()?,
            count: reader.u32().ok()?,
            length: reader.u32().ok()?,
            body_sum: reader.u32().ok()?,
        };
        let covered = header.split_at(GROUP_HEADER_BYTES - 4).0;
        let valid = reader.u32().ok()? == format::checksum(number, offset as u64, covered);
        valid.then_some(group)
    }

    /// The whole valid group at `offset`, if there is one.
    fn whole_at(bytes: &[u8], number: u64, offset: usize) -> Option<Self> {
        let group = Self::header_at(bytes, number, offset)?;
        let body = bytes.get(offset + GROUP_HEADER_BYTES..usize::try_from(group.end()).ok()?)?;
        (format::checksum(number, group.offset, body) == group.body_sum).then_some(group)
    }
}

/// A segment as it was read.
#[derive(Clone, Debug)]
pub struct Segment {
    /// What it says of itself.
    pub prefix: Prefix,
    /// Its groups.
    pub groups: Vec<Group>,
    /// Where its last whole group ends.
    pub end: u64,
    /// How many bytes lie behind that, never acknowledged.
    pub torn: u64,
    bytes: Bytes,
    name: String,
}

impl Segment {
    /// Reads the segment `number`, which starts with `prefix` and whose first `length` bytes, if
    /// that is known, were synced.
    pub fn read(bytes: Bytes, prefix: Prefix, length: Option<u64>, file: &str) -> Result<Self> {
        let there = bytes.len() as u64;
        if let Some(length) = length
            && there < length
        {
            let what = format!("the file ends here, but {length} bytes of it were synced");
            return Err(Error::corrupt(file, there, what));
        }
        let mut segment = Self {
            prefix,
            groups: Vec::new(),
            end: PREFIX_BYTES as u64,
            torn: 0,
            bytes: bytes.clone(),
            name: file.to_owned(),
        };
        let known = usize::try_from(length.unwrap_or(there)).unwrap_or(usize::MAX);
        let bytes = bytes.get(..known).unwrap_or(&bytes);
        let mut at = PREFIX_BYTES;
        let mut expected = prefix.first_sequence;
        while at < bytes.len() {
            let Some(group) = Group::whole_at(bytes, prefix.number, at) else {
                if length.is_some() || claimed_later(bytes, prefix.number, at) {
                    return Err(Error::corrupt(
                        file,
                        at as u64,
                        "the checksum of a group that was synced is wrong",
                    ));
                }
                break;
            };
            if group.first != expected {
                let what = format!("record {} where {expected} was expected", group.first);
                return Err(Error::corrupt(file, at as u64, what));
            }
            expected = expected.saturating_add(u64::from(group.count));
            segment.groups.push(group);
            at = usize::try_from(group.end()).unwrap_or(usize::MAX);
        }
        segment.end = at as u64;
        segment.torn = there.saturating_sub(segment.end);
        Ok(segment)
    }

    /// The last sequence number in it, or before it where it has none.
    pub fn last_sequence(&self) -> u64 {
        match self.groups.last() {
            Some(group) => group.first + u64::from(group.count) - 1,
            None => self.prefix.previous_sequence,
        }
    }

    /// The records of a group: sequence number and payload.
    pub fn records(&self, group: &Group) -> Result<Vec<(u64, Bytes)>> {
        let start = group.offset + GROUP_HEADER_BYTES as u64;
        let body = usize::try_from(start)
            .ok()
            .zip(usize::try_from(group.end()).ok())
            .filter(|(_, end)| *end <= self.bytes.len())
            .map(|(start, end)| self.bytes.slice(start..end))
            .ok_or_else(|| Error::corrupt(&self.name, group.offset, "a group without its body"))?;
        let mut reader = Reader::new(&body, &self.name, start);
        let mut records = Vec::new();
        for number in 0..u64::from(group.count) {
            let payload = reader.length_and_bytes()?;
            records.push((group.first + number, body.slice_ref(payload)));
        }
        reader.finish()?;
        Ok(records)
    }
}

/// Whether a valid group header behind `at` claims that the byte at `at` was synced.
fn claimed_later(bytes: &[u8], number: u64, at: usize) -> bool {
    headers_from(bytes, number, at + 1).any(|group| group.synced > at as u64)
}

fn headers_from(bytes: &[u8], number: u64, from: usize) -> impl Iterator<Item = Group> {
    (from..bytes.len()).filter_map(move |offset| Group::header_at(bytes, number, offset))
}

/// Reads the prefix of segment `number`, all of whose bytes are given. None where the segment was
/// never used: its creation was cut off before the first group was written.
pub fn prefix_of(bytes: &[u8], number: u64, file: &str) -> Result<Option<Prefix>> {
    match Prefix::decode(bytes, number, file) {
        Ok(prefix) => Ok(Some(prefix)),
        Err(error) if error.kind == ErrorKind::NewerFormat => Err(error),
        // A group is written only once the prefix is synced.
        Err(error) if headers_from(bytes, number, 0).next().is_some() => Err(error),
        Err(_) => Ok(None),
    }
}
