//! [`Decoder`]: bytes that arrived become envelopes.
//!
//! It is given the buffer that the connection reads into, and takes whole envelopes off its start.
//! Their bodies are slices of that buffer, except for those that were compressed or came in
//! several segments.
//!
//! The version is looked at before anything else, so that a client of another version gets an
//! answer that it understands, whatever its message looks like. An envelope that is larger than
//! allowed is passed over as it arrives, without being kept, and told by its stream: the
//! connection goes on behind it, as it does in Cassandra.

use crate::limits;
use crate::protocol::compress::{Compression, decompress_body};
use crate::protocol::fault::{Fault, ProtocolError, Result};
use crate::protocol::segment::Segment;
use crate::protocol::version::{Opcode, Version, flag};
use bytes::{Buf, Bytes, BytesMut};

/// The length of an envelope's header.
pub const HEADER_BYTES: usize = 9;

/// The bit of the version that says: a response.
const RESPONSE: u8 = 0x80;

/// What the decoder takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest body, also once decompressed.
    pub body_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: limits::FRAME_BYTES_MAX,
        }
    }
}

/// A message with its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The version that it is written in.
    pub version: Version,
    /// The flags ([`flag`]); the body is decompressed already.
    pub flags: u8,
    /// Which request it is, or answers; −1 for events.
    pub stream: i16,
    /// What it is about.
    pub opcode: Opcode,
    /// The rest.
    pub body: Bytes,
}

/// Turns bytes into envelopes.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    /// Whether it reads responses, or requests.
    responses: bool,
    /// What was agreed on at STARTUP.
    version: Option<Version>,
    compression: Compression,
    segments: bool,
    /// How many bytes of an envelope that is too large are still to be passed over.
    skip: usize,
    /// The envelopes of the segment at hand that were not taken yet.
    payload: Bytes,
    /// The pieces so far of an envelope that comes in several segments.
    pieces: BytesMut,
}

/// A header that makes sense.
struct Header {
    version: Version,
    response: bool,
    flags: u8,
    stream: i16,
    opcode: u8,
    length: usize,
}

impl Decoder {
    /// A server's decoder, as it is before STARTUP.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            responses: false,
            version: None,
            compression: Compression::None,
            segments: false,
            skip: 0,
            payload: Bytes::new(),
            pieces: BytesMut::new(),
        }
    }

    /// A client's decoder, as it is before STARTUP.
    pub fn client(limits: Limits) -> Self {
        Self {
            responses: true,
            ..Self::new(limits)
        }
    }

    /// What was agreed on at STARTUP; from the next byte on.
    pub fn set_framing(&mut self, version: Version, compression: Compression) {
        self.version = Some(version);
        self.compression = compression;
        self.segments = version >= Version::V5;
    }

    /// Takes other limits from the next envelope on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// How many bytes it keeps besides the caller's buffer.
    pub fn held_bytes(&self) -> usize {
        self.payload.len() + self.pieces.capacity()
    }

    /// Forgets what has come of an envelope that is not whole: nothing can be decoded afterwards.
    pub fn give_up(&mut self) {
        self.payload = Bytes::new();
        self.pieces = BytesMut::new();
    }

    /// Takes the next envelope off `input`; none while it is not whole.
    ///
    /// After an error that is not fatal it can be called again, and goes on behind the envelope
    /// that was at fault.
    pub fn next(&mut self, input: &mut BytesMut) -> Result<Option<Envelope>> {
        if self.segments {
            self.next_in_segments(input)
        } else {
            self.next_in(input)
        }
    }

    /// The next envelope of bytes without segments.
    fn next_in(&mut self, input: &mut BytesMut) -> Result<Option<Envelope>> {
        if self.skip > 0 {
            let passed = self.skip.min(input.len());
            input.advance(passed);
            self.skip -= passed;
            if self.skip > 0 {
                return Ok(None);
            }
        }
        let Some(header) = self.header(input)? else {
            return Ok(None);
        };
        if header.length > self.limits.body_bytes_max {
            input.advance(HEADER_BYTES);
            self.skip = header.length;
            return Err(self.too_large(&header));
        }
        let whole = HEADER_BYTES + header.length;
        if input.len() < whole {
            return Ok(None);
        }
        let mut body = input.split_to(whole).freeze();
        body.advance(HEADER_BYTES);
        self.envelope(&header, body).map(Some)
    }

    fn too_large(&self, header: &Header) -> ProtocolError {
        // The words of Cassandra, which are others for versions 3 and 4.
        let (length, most) = (header.length, self.limits.body_bytes_max);
        ProtocolError::malformed(if self.segments {
            let whole = HEADER_BYTES + length;
            format!("CQL Message of size {whole} bytes exceeds allowed maximum of {most} bytes")
        } else {
            format!("Request is too big: length {length} exceeds maximum allowed length {most}.")
        })
        .of(Fault::TooLarge)
        .on(header.stream)
    }

    /// The header at the start of `input`; none while it is not whole.
    fn header(&self, input: &[u8]) -> Result<Option<Header>> {
        let Some(first) = input.first() else {
            return Ok(None);
        };
        let number = first & !RESPONSE;
        let stream = input
            .get(2..4)
            .and_then(<[u8]>::first_chunk)
            .map(|bytes| i16::from_be_bytes(*bytes));
        let Some(version) = Version::from_number(number) else {
            // Its header may be shorter than ours, but its stream is at the same place.
            return match stream {
                Some(_) => Err(ProtocolError::version(number, stream)),
                None => Ok(None),
            };
        };
        let (Some(stream), Some(flags), Some(opcode), Some(length)) = (
            stream,
            input.get(1),
            input.get(4),
            input.get(5..HEADER_BYTES).and_then(<[u8]>::first_chunk),
        ) else {
            return Ok(None);
        };
        let claimed = i32::from_be_bytes(*length);
        let length = usize::try_from(claimed)
            .ok()
            .filter(|length| *length <= limits::RESPONSE_BYTES_MAX)
            .ok_or_else(|| {
                ProtocolError::malformed(format!("Invalid length {claimed} of an envelope"))
                    .of(Fault::TooLarge)
                    .on(stream)
                    .fatal()
            })?;
        Ok(Some(Header {
            version,
            response: first & RESPONSE != 0,
            flags: *flags,
            stream,
            opcode: *opcode,
            length,
        }))
    }

    /// The opcode, if the envelope goes our way in our version. The words are Cassandra's.
    fn opcode(&self, header: &Header) -> Result<Opcode, String> {
        if let Some(agreed) = self.version.filter(|agreed| *agreed != header.version) {
            return Err(format!(
                "Invalid message version. Got {} but previous messages on this connection had \
                 version {}",
                header.version.label(),
                agreed.label()
            ));
        }
        let number = header.opcode;
        let Some(opcode) = Opcode::from_number(number) else {
            return Err(format!("Unknown opcode {number}"));
        };
        let direction = |response| if response { "RESPONSE" } else { "REQUEST" };
        let expected = !opcode.is_request();
        if expected != header.response || expected != self.responses {
            return Err(format!(
                "Wrong protocol direction (expected {}, got {}) for opcode {number} ({})",
                direction(expected),
                direction(header.response),
                opcode.name()
            ));
        }
        Ok(opcode)
    }

    fn envelope(&self, header: &Header, body: Bytes) -> Result<Envelope> {
        let opcode = self
            .opcode(header)
            .map_err(|message| ProtocolError::malformed(message).on(header.stream))?;
        // A flag that nothing was agreed on for is ignored, as Cassandra does.
        let compressed = header.flags & flag::COMPRESSED != 0
            && self.compression != Compression::None
            && !self.segments;
        let body = if compressed {
            decompress_body(self.compression, &body, self.limits.body_bytes_max)
                .map_err(|fault| fault.on(header.stream))?
        } else {
            body
        };
        Ok(Envelope {
            version: header.version,
            flags: header.flags & !flag::COMPRESSED,
            stream: header.stream,
            opcode,
            body,
        })
    }

    /// The next envelope of a stream of segments.
    fn next_in_segments(&mut self, input: &mut BytesMut) -> Result<Option<Envelope>> {
        loop {
            if !self.payload.is_empty() {
                return self.next_in_payload().map(Some);
            }
            let compressed = self.compression != Compression::None;
            let Some(segment) = Segment::decode(input, compressed)? else {
                return Ok(None);
            };
            if segment.self_contained {
                if self.skip > 0 || !self.pieces.is_empty() {
                    return Err(ProtocolError::malformed(
                        "A large envelope ended before all of its segments came",
                    )
                    .fatal());
                }
                self.payload = segment.payload;
            } else if let Some(envelope) = self.next_piece(segment.payload)? {
                return Ok(Some(envelope));
            }
        }
    }

    /// The next envelope of a self-contained segment, which must be in it as a whole.
    fn next_in_payload(&mut self) -> Result<Envelope> {
        let payload = std::mem::take(&mut self.payload);
        let cut_short =
            || ProtocolError::malformed("A self-contained segment ends within an envelope").fatal();
        let header = self.header(&payload)?.ok_or_else(cut_short)?;
        let whole = HEADER_BYTES + header.length;
        let body = match payload.get(HEADER_BYTES..whole) {
            Some(_) => payload.slice(HEADER_BYTES..whole),
            None => return Err(cut_short().on(header.stream)),
        };
        self.payload = payload.slice(whole..);
        if header.length > self.limits.body_bytes_max {
            return Err(self.too_large(&header));
        }
        self.envelope(&header, body)
    }

    /// Takes a piece of a large envelope, which may be its last.
    fn next_piece(&mut self, piece: Bytes) -> Result<Option<Envelope>> {
        let too_long = || {
            ProtocolError::malformed("The segments of a large envelope are longer than it is")
                .fatal()
        };
        if self.skip > 0 {
            self.skip = self.skip.checked_sub(piece.len()).ok_or_else(too_long)?;
            return Ok(None);
        }
        self.pieces.extend_from_slice(&piece);
        let Some(header) = self.header(&self.pieces)? else {
            return Ok(None);
        };
        let whole = HEADER_BYTES + header.length;
        if header.length > self.limits.body_bytes_max {
            let here = self.pieces.len();
            self.pieces = BytesMut::new();
            self.skip = whole.checked_sub(here).ok_or_else(too_long)?;
            return Err(self.too_large(&header));
        }
        if self.pieces.len() < whole {
            return Ok(None);
        }
        let mut body = std::mem::take(&mut self.pieces).freeze();
        if body.len() > whole {
            return Err(too_long().on(header.stream));
        }
        body.advance(HEADER_BYTES);
        self.envelope(&header, body).map(Some)
    }
}
