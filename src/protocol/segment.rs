//! Segments: the frames of version 5, once STARTUP is answered.
//!
//! ```text
//!  without compression (all integers are little-endian)
//!  | 17 bits: payload length | 1: self-contained | 6: zero | CRC24 | payload | CRC32 of payload |
//!  |<------------------ 3 bytes ------------------------->|  3 B  |         |       4 B        |
//!
//!  with LZ4
//!  | 17 bits: compressed | 17: uncompressed | 1: self-contained | 5: zero | CRC24 | … | CRC32 |
//!  |<---------------------------- 5 bytes ------------------------------->|  3 B  |   |  4 B  |
//! ```
//!
//! A self-contained segment holds whole envelopes, any number of them. An envelope that does not
//! fit into one (131,071 bytes) is cut into pieces, each in a segment that is not self-contained.
//! With LZ4 an uncompressed length of zero says that the payload is stored as it is, because
//! compressing won nothing; the length of the payload then stands in the compressed length.
//!
//! A checksum that does not match is the end of the connection: where the next segment starts
//! cannot be known any more.

use crate::protocol::checksum::{crc24, crc32};
use crate::protocol::compress::{append_block, decompress_block};
use crate::protocol::fault::{Fault, ProtocolError, Result};
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The longest payload of a segment.
pub const PAYLOAD_BYTES_MAX: usize = (1 << 17) - 1;

/// The checksum behind the header, and that behind the payload.
const CRC24_BYTES: usize = 3;
const CRC32_BYTES: usize = 4;

/// How long the header is, without its checksum.
fn header_bytes(compressed: bool) -> usize {
    if compressed { 5 } else { 3 }
}

/// A segment's payload, decompressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Whether it holds whole envelopes; otherwise it is a piece of one.
    pub self_contained: bool,
    /// The envelopes or the piece.
    pub payload: Bytes,
}

struct Header {
    /// How many bytes follow the header.
    stored: usize,
    /// How many they become; zero where they are not compressed.
    raw: usize,
    self_contained: bool,
}

fn mismatch(what: &str, expected: u32, found: u32) -> ProtocolError {
    ProtocolError::malformed(format!(
        "Corrupt {what} of a segment: its checksum is {found:#x} and should be {expected:#x}"
    ))
    .of(Fault::Checksum)
    .fatal()
}

/// The little-endian number of these few bytes.
fn little_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn field(number: u64, shift: u32) -> usize {
    usize::try_from(number >> shift & PAYLOAD_BYTES_MAX as u64).unwrap_or(0)
}

impl Header {
    /// The header at the start of `input`; none while it is not whole.
    fn decode(input: &[u8], compressed: bool) -> Result<Option<Self>> {
        let bytes = header_bytes(compressed);
        let (Some(header), Some(checksum)) =
            (input.get(..bytes), input.get(bytes..bytes + CRC24_BYTES))
        else {
            return Ok(None);
        };
        let expected = u32::try_from(little_endian(checksum)).unwrap_or(0);
        let found = crc24(header);
        if expected != found {
            return Err(mismatch("header", expected, found));
        }
        let number = little_endian(header);
        Ok(Some(if compressed {
            Self {
                stored: field(number, 0),
                raw: field(number, 17),
                self_contained: number >> 34 & 1 == 1,
            }
        } else {
            Self {
                stored: field(number, 0),
                raw: 0,
                self_contained: number >> 17 & 1 == 1,
            }
        }))
    }

    fn encode(&self, compressed: bool, out: &mut BytesMut) {
        let (stored, raw) = (self.stored as u64, self.raw as u64);
        let self_contained = u64::from(self.self_contained);
        let number = if compressed {
            stored | raw << 17 | self_contained << 34
        } else {
            stored | self_contained << 17
        };
        let bytes = number.to_le_bytes();
        let header = bytes.get(..header_bytes(compressed)).unwrap_or_default();
        out.put_slice(header);
        out.put_uint_le(u64::from(crc24(header)), CRC24_BYTES);
    }
}

impl Segment {
    /// Takes the next segment off `input`; none while it is not whole. `compressed` is whether
    /// LZ4 was agreed on.
    pub fn decode(input: &mut BytesMut, compressed: bool) -> Result<Option<Self>> {
        let Some(header) = Header::decode(input, compressed)? else {
            return Ok(None);
        };
        let before = header_bytes(compressed) + CRC24_BYTES;
        let whole = before + header.stored + CRC32_BYTES;
        if input.len() < whole {
            // Nothing is reserved for what is only claimed.
            return Ok(None);
        }
        let mut bytes = input.split_to(whole).freeze();
        bytes.advance(before);
        let stored = bytes.split_to(header.stored);
        let expected = bytes.get_u32_le();
        let found = crc32(&stored);
        if expected != found {
            return Err(mismatch("payload", expected, found));
        }
        let payload = if header.raw == 0 {
            stored
        } else {
            decompress_block(&stored, header.raw).ok_or_else(|| {
                ProtocolError::malformed("Cannot decompress the payload of a segment")
                    .of(Fault::Checksum)
                    .fatal()
            })?
        };
        Ok(Some(Self {
            self_contained: header.self_contained,
            payload,
        }))
    }

    /// Appends a segment with this payload of at most [`PAYLOAD_BYTES_MAX`] bytes.
    pub fn encode(payload: &[u8], self_contained: bool, compressed: bool, out: &mut BytesMut) {
        let start = out.len();
        let before = header_bytes(compressed) + CRC24_BYTES;
        out.reserve(before + payload.len() + CRC32_BYTES);
        let mut header = Header {
            stored: payload.len(),
            raw: 0,
            self_contained,
        };
        if compressed && !payload.is_empty() {
            // The block first: only its length tells the header.
            out.put_bytes(0, before);
            let block = start + before;
            if append_block(payload, out) && out.len() - block < payload.len() {
                header.raw = payload.len();
                header.stored = out.len() - block;
                let mut written = BytesMut::with_capacity(before);
                header.encode(compressed, &mut written);
                if let Some(place) = out.get_mut(start..block) {
                    place.copy_from_slice(&written);
                }
                let checksum = crc32(out.get(block..).unwrap_or_default());
                out.put_u32_le(checksum);
                return;
            }
            out.truncate(start);
        }
        header.encode(compressed, out);
        out.put_slice(payload);
        out.put_u32_le(crc32(payload));
    }
}
