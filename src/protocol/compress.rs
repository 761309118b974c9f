//! Compression of bodies (versions 3 and 4) and of segments (version 5).
//!
//! | | LZ4 | Snappy |
//! |---|---|---|
//! | body, versions 3 and 4 | length (big-endian int), block | a raw block knows its length |
//! | segment, version 5 | block; the header has the length | not spoken |
//!
//! The length that a compressed body claims is held against the limit before memory is spent.

use crate::protocol::fault::{Fault, ProtocolError, Result};
use bytes::{BufMut, Bytes, BytesMut};

/// How bodies or segments are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// LZ4 blocks.
    Lz4,
    /// Snappy blocks (versions 3 and 4).
    Snappy,
}

impl Compression {
    /// By the name that STARTUP gives, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "lz4" => Some(Self::Lz4),
            "snappy" => Some(Self::Snappy),
            _ => None,
        }
    }

    /// The name that STARTUP gives it.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Lz4 => Some("lz4"),
            Self::Snappy => Some("snappy"),
        }
    }
}

fn damaged(what: &str) -> ProtocolError {
    ProtocolError::malformed(format!("Cannot decompress the {what} body"))
}

fn too_large(claimed: u64, bytes_max: usize) -> ProtocolError {
    ProtocolError::malformed(format!(
        "Request is too big: length {claimed} exceeds maximum allowed length {bytes_max}."
    ))
    .of(Fault::TooLarge)
}

fn bounded(claimed: u64, bytes_max: usize) -> Result<usize> {
    usize::try_from(claimed)
        .ok()
        .filter(|length| *length <= bytes_max)
        .ok_or_else(|| too_large(claimed, bytes_max))
}

/// The body that was compressed for itself, of at most `bytes_max` bytes.
pub fn decompress_body(
    compression: Compression,
    compressed: &Bytes,
    bytes_max: usize,
) -> Result<Bytes> {
    match compression {
        Compression::None => Err(ProtocolError::malformed(
            "The body is compressed, but no compression was agreed on at STARTUP",
        )),
        Compression::Lz4 => {
            let (claimed, block) = compressed
                .split_first_chunk::<4>()
                .ok_or_else(|| damaged("LZ4"))?;
            let length = bounded(u64::from(u32::from_be_bytes(*claimed)), bytes_max)?;
            decompress_block(block, length).ok_or_else(|| damaged("LZ4"))
        }
        Compression::Snappy => {
            let claimed = snap::raw::decompress_len(compressed).map_err(|_| damaged("Snappy"))?;
            let length = bounded(claimed as u64, bytes_max)?;
            if !plausible(length, compressed.len(), SNAPPY_RATIO_MAX) {
                return Err(damaged("Snappy"));
            }
            let mut raw = vec![0; length];
            let written = snap::raw::Decoder::new()
                .decompress(compressed, &mut raw)
                .map_err(|_| damaged("Snappy"))?;
            if written != length {
                return Err(damaged("Snappy"));
            }
            Ok(Bytes::from(raw))
        }
    }
}

/// What one byte of an LZ4 block can become at most: a length is continued in steps of 255.
const LZ4_RATIO_MAX: usize = 255;

/// What a few bytes of Snappy can become at most: a copy of 64 bytes takes two.
const SNAPPY_RATIO_MAX: usize = 64;

/// Whether so few bytes can have been so many. A claim that they cannot gets no memory.
fn plausible(length: usize, compressed: usize, ratio_max: usize) -> bool {
    length
        <= compressed
            .saturating_mul(ratio_max)
            .saturating_add(ratio_max)
}

/// The `length` bytes that an LZ4 block holds, if it holds so many.
pub(crate) fn decompress_block(block: &[u8], length: usize) -> Option<Bytes> {
    if length == 0 {
        return Some(Bytes::new());
    }
    if !plausible(length, block.len(), LZ4_RATIO_MAX) {
        return None;
    }
    let mut raw = vec![0; length];
    let written = lz4_flex::block::decompress_into(block, &mut raw).ok()?;
    (written == length).then(|| Bytes::from(raw))
}

/// Appends `raw` as a compressed body; false, and nothing appended, where nothing is won.
pub(crate) fn compress_body(compression: Compression, raw: &[u8], out: &mut BytesMut) -> bool {
    let start = out.len();
    let won = match compression {
        Compression::None => false,
        Compression::Lz4 => {
            out.put_u32(u32::try_from(raw.len()).unwrap_or(u32::MAX));
            append_block(raw, out)
        }
        Compression::Snappy => {
            let room = snap::raw::max_compress_len(raw.len());
            out.resize(start + room, 0);
            let written = out
                .get_mut(start..)
                .and_then(|room| snap::raw::Encoder::new().compress(raw, room).ok());
            out.truncate(start + written.unwrap_or(0));
            written.is_some()
        }
    };
    let won = won && out.len() - start < raw.len();
    if !won {
        out.truncate(start);
    }
    won
}

/// Appends `raw` as an LZ4 block.
pub(crate) fn append_block(raw: &[u8], out: &mut BytesMut) -> bool {
    let start = out.len();
    out.resize(
        start + lz4_flex::block::get_maximum_output_size(raw.len()),
        0,
    );
    let written = out
        .get_mut(start..)
        .and_then(|room| lz4_flex::block::compress_into(raw, room).ok());
    out.truncate(start + written.unwrap_or(0));
    written.is_some()
}
