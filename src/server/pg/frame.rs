//! Messages from the client: a kind, a length, a body.
//!
//! A length is checked against a bound before anything is kept for it, and what is kept grows only
//! as bytes arrive. The body is then read by [`Fields`], which never looks behind its end.

use crate::error::{Error, ErrorKind, Result};
use std::io::Read;

/// The largest message, in bytes: a statement's parameters may be large.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// The largest message before the client may do anything.
pub const STARTUP_BYTES_MAX: usize = 10_000;

/// A message of the client.
#[derive(Debug)]
pub struct Message {
    /// Its kind; 0 for the startup packet, which has none.
    pub kind: u8,
    /// Its body.
    pub body: Vec<u8>,
}

/// Bytes that are no message.
pub fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::Protocol, what)
}

/// Reads the packet that a connection starts with; none where the client has gone.
pub fn read_startup(input: &mut impl Read) -> Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    if !fill(input, &mut length)? {
        return Ok(None);
    }
    body(input, length, STARTUP_BYTES_MAX).map(Some)
}

/// Reads a message of at most `bytes_max`; none where the client has gone.
pub fn read(input: &mut impl Read, startup: bool) -> Result<Option<Message>> {
    let mut kind = [0; 1];
    if !fill(input, &mut kind)? {
        return Ok(None);
    }
    let mut length = [0; 4];
    if !fill(input, &mut length)? {
        return Ok(None);
    }
    let [kind] = kind;
    let bytes_max = if startup {
        STARTUP_BYTES_MAX
    } else {
        MESSAGE_BYTES_MAX
    };
    let body = body(input, length, bytes_max)?;
    Ok(Some(Message { kind, body }))
}

fn body(input: &mut impl Read, length: [u8; 4], bytes_max: usize) -> Result<Vec<u8>> {
    let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(0);
    let Some(rest) = length.checked_sub(4) else {
        return Err(malformed("invalid message length"));
    };
    if rest > bytes_max {
        return Err(malformed(&format!(
            "a message of {rest} bytes: at most {bytes_max} are taken"
        )));
    }
    let mut body = Vec::new();
    let read = input
        .by_ref()
        .take(rest as u64)
        .read_to_end(&mut body)
        .map_err(|error| Error::io("the connection", "be read", &error))?;
    if read < rest {
        return Err(malformed("the connection ended within a message"));
    }
    Ok(body)
}

/// Fills `bytes`; false where the client has gone before the first.
fn fill(input: &mut impl Read, bytes: &mut [u8]) -> Result<bool> {
    match input.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(Error::io("the connection", "be read", &error)),
    }
}

/// The fields of a body, in order.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of `body`.
    pub fn of(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// So many bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or_else(|| malformed("a message is shorter than it says"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8> {
        self.array().map(u8::from_be_bytes)
    }

    /// A 16-bit integer.
    pub fn short(&mut self) -> Result<i16> {
        self.array().map(i16::from_be_bytes)
    }

    /// A 32-bit integer.
    pub fn int(&mut self) -> Result<i32> {
        self.array().map(i32::from_be_bytes)
    }

    /// A 32-bit number without sign.
    pub fn unsigned(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A count of things of at least `bytes_least` each, which all must be there.
    pub fn count(&mut self, bytes_least: usize) -> Result<usize> {
        let count = usize::from(u16::from_be_bytes(self.array()?));
        if count.saturating_mul(bytes_least) > self.rest.len() {
            return Err(malformed("a message is shorter than its counts say"));
        }
        Ok(count)
    }

    /// A text that ends with a zero byte.
    pub fn text(&mut self) -> Result<&'a str> {
        let end = memchr::memchr(0, self.rest)
            .ok_or_else(|| malformed("a text without its end in a message"))?;
        let bytes = self.bytes(end)?;
        self.bytes(1)?;
        std::str::from_utf8(bytes).map_err(|_| {
            Error::new(
                ErrorKind::Invalid,
                "invalid byte sequence for encoding \"UTF8\"",
            )
        })
    }

    /// A value with its length before it; none where the length is -1.
    pub fn value(&mut self) -> Result<Option<&'a [u8]>> {
        let length = self.int()?;
        if length == -1 {
            return Ok(None);
        }
        let length = usize::try_from(length).map_err(|_| malformed("a negative length"))?;
        self.bytes(length).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_checked_before_anything_is_kept() {
        for (bytes, told) in [
            (&b"Q\x7f\xff\xff\xff"[..], "at most"),
            (b"Q\x00\x00\x00\x03", "invalid message length"),
            (b"Q\xff\xff\xff\xff", "invalid message length"),
            (b"Q\x00\x00\x00\x09ab", "within a message"),
        ] {
            let error = read(&mut &bytes[..], false).unwrap_err();
            assert!(error.message.contains(told), "{}", error.message);
        }
        assert!(read(&mut &b""[..], false).unwrap().is_none());
        let message = read(&mut &b"Q\x00\x00\x00\x06a\x00"[..], false).unwrap();
        assert_eq!(message.unwrap().body, b"a\0");
    }

    #[test]
    fn fields_end_where_the_body_ends() {
        let mut fields = Fields::of(b"\x00\x02ab\x00\xff\xff\xff\xff\x00\x00\x00\x09x");
        assert_eq!(fields.short(), Ok(2));
        assert_eq!(fields.text(), Ok("ab"));
        assert_eq!(fields.value(), Ok(None));
        assert!(fields.value().is_err());
        assert!(Fields::of(b"\xff\xff").count(1).is_err());
        assert!(Fields::of(b"no end").text().is_err());
        assert!(Fields::of(b"\xff\x00").text().is_err());
        assert!(Fields::of(b"\xff\xff\xff\xfe").value().is_err());
    }
}
