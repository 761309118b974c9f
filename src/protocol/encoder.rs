//! [`Encoder`]: envelopes become bytes to send.
//!
//! A sender collects envelopes in a buffer with [`Encoder::frame`], as many as are ready, and
//! turns the buffer into what goes out with [`Encoder::seal`]. Up to the answer to STARTUP, and in
//! versions 3 and 4 for ever, sealing changes nothing; in version 5 it packs the envelopes into as
//! few segments as they fit.

use crate::protocol::compress::{Compression, compress_body};
use crate::protocol::envelope::HEADER_BYTES;
use crate::protocol::segment::{PAYLOAD_BYTES_MAX, Segment};
use crate::protocol::version::{Opcode, Version, flag};
use bytes::{BufMut, BytesMut};

/// Bodies that are shorter are not worth compressing.
const COMPRESSED_BYTES_MIN: usize = 512;

/// Turns envelopes into bytes.
#[derive(Clone, Debug)]
pub struct Encoder {
    /// The version that is spoken.
    pub version: Version,
    /// How bodies or segments are compressed.
    pub compression: Compression,
    /// Whether segments are spoken: version 5 behind the answer to STARTUP.
    pub segments: bool,
    /// Whether responses are written, or requests.
    response: bool,
}

impl Encoder {
    /// A server's encoder, as it is before STARTUP.
    pub fn new(version: Version) -> Self {
        Self {
            version,
            compression: Compression::None,
            segments: false,
            response: true,
        }
    }

    /// A client's encoder, as it is before STARTUP.
    pub fn client(version: Version) -> Self {
        Self {
            response: false,
            ..Self::new(version)
        }
    }

    /// What was agreed on at STARTUP; from now on. (The answer to STARTUP itself goes out before.)
    pub fn set_framing(&mut self, version: Version, compression: Compression) {
        self.version = version;
        self.compression = compression;
        self.segments = version >= Version::V5;
    }

    /// Appends one envelope, whose body `write_body` appends.
    pub fn frame(
        &self,
        out: &mut BytesMut,
        stream: i16,
        opcode: Opcode,
        flags: u8,
        write_body: impl FnOnce(&mut BytesMut),
    ) {
        let start = out.len();
        let direction = if self.response { 0x80 } else { 0 };
        out.put_u8(self.version.number() | direction);
        out.put_u8(flags);
        out.put_i16(stream);
        out.put_u8(opcode.number());
        out.put_i32(0);
        write_body(out);
        let body = start + HEADER_BYTES;
        if !self.segments
            && self.compression != Compression::None
            && opcode != Opcode::Startup
            && out.len().saturating_sub(body) >= COMPRESSED_BYTES_MIN
        {
            let raw = out.split_off(body);
            if compress_body(self.compression, &raw, out) {
                if let Some(flags) = out.get_mut(start + 1) {
                    *flags |= flag::COMPRESSED;
                }
            } else {
                out.unsplit(raw);
            }
        }
        let length = i32::try_from(out.len().saturating_sub(body)).unwrap_or(i32::MAX);
        if let Some(place) = out.get_mut(body - 4..body) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }

    /// Appends the collected envelopes to `out` as they are sent, and empties `payload`.
    pub fn seal(&mut self, payload: &mut BytesMut, out: &mut BytesMut) {
        if !self.segments {
            if out.is_empty() {
                std::mem::swap(payload, out);
            } else {
                out.extend_from_slice(payload);
                payload.clear();
            }
            return;
        }
        let compressed = self.compression != Compression::None;
        let mut rest: &[u8] = payload;
        while !rest.is_empty() {
            let (mut whole, first) = whole_envelopes(rest);
            let self_contained = whole > 0;
            if !self_contained {
                whole = first;
            }
            let (taken, left) = rest.split_at_checked(whole).unwrap_or((rest, &[]));
            for piece in taken.chunks(PAYLOAD_BYTES_MAX) {
                Segment::encode(piece, self_contained, compressed, out);
            }
            rest = left;
        }
        payload.clear();
    }
}

/// How many bytes of whole envelopes at the start fit into one segment, and how long the first
/// envelope is.
fn whole_envelopes(bytes: &[u8]) -> (usize, usize) {
    let mut end: usize = 0;
    let mut first = None;
    while let Some(length) = bytes
        .get(end..)
        .and_then(|rest| rest.get(HEADER_BYTES - 4..HEADER_BYTES))
        .and_then(<[u8]>::first_chunk)
        .and_then(|length| usize::try_from(i32::from_be_bytes(*length)).ok())
    {
        let next = end + HEADER_BYTES + length;
        first.get_or_insert(next);
        if next > PAYLOAD_BYTES_MAX {
            break;
        }
        end = next;
    }
    (end, first.unwrap_or(bytes.len()))
}
