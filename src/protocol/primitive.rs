//! What bodies are made of: integers, strings, byte strings, lists, maps and addresses.
//!
//! [`Reader`] walks over a body and hands out slices of it; it checks every claimed length against
//! the bytes that are left before it does anything with it. The `put_` functions append the same
//! things to a buffer.

use crate::protocol::consistency::Consistency;
use crate::protocol::fault::{ProtocolError, Result};
use bytes::{BufMut, Bytes, BytesMut};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use uuid::Uuid;

/// A text that is a slice of a received body.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Text(Bytes);

impl Text {
    /// The text. (It was found to be UTF-8 when it was made.)
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Its bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }
}

impl TryFrom<Bytes> for Text {
    type Error = ProtocolError;

    fn try_from(bytes: Bytes) -> Result<Self> {
        match std::str::from_utf8(&bytes) {
            Ok(_) => Ok(Self(bytes)),
            Err(_) => Err(not_utf8()),
        }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A value for a bind marker, as a request carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Null.
    Null,
    /// Not set (version 4 and later).
    Unset,
    /// Wire bytes.
    Bytes(Bytes),
}

/// Custom payload: named bytes that mean something to the two sides only.
pub type Payload = Vec<(Text, Option<Bytes>)>;

fn not_utf8() -> ProtocolError {
    ProtocolError::malformed("Cannot decode string as UTF8")
}

fn too_short(wanted: usize, left: usize) -> ProtocolError {
    ProtocolError::malformed(format!(
        "Not enough bytes in the message: {wanted} are wanted and {left} are left"
    ))
}

fn short_text(length_bytes: u8) -> ProtocolError {
    ProtocolError::malformed(format!(
        "Not enough bytes to read an UTF8 serialized string preceded by its {length_bytes} bytes \
         length"
    ))
}

/// Walks over a body.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    body: &'a Bytes,
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `body`.
    pub fn new(body: &'a Bytes) -> Self {
        Self { body, at: 0 }
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.body.len().saturating_sub(self.at)
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let taken = self
            .at
            .checked_add(length)
            .and_then(|end| self.body.get(self.at..end))
            .ok_or_else(|| too_short(length, self.left()))?;
        self.at += length;
        Ok(taken)
    }

    /// The next `length` bytes as a slice that keeps the body alive.
    pub fn slice(&mut self, length: usize) -> Result<Bytes> {
        let start = self.at;
        self.take(length)?;
        Ok(self.body.slice(start..self.at))
    }

    /// All bytes that are left.
    pub fn rest(&mut self) -> Bytes {
        let rest = self.body.slice(self.at.min(self.body.len())..);
        self.at = self.body.len();
        rest
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let left = self.left();
        self.take(N)?
            .first_chunk()
            .copied()
            .ok_or_else(|| too_short(N, left))
    }

    /// A `[byte]`.
    pub fn byte(&mut self) -> Result<u8> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    /// A `[short]`.
    pub fn short(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// An `[int]`.
    pub fn int(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    /// An `[int]` that is taken as unsigned.
    pub fn unsigned_int(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// A `[long]`.
    pub fn long(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// An `[int]` that counts things of at least `bytes_min` bytes each: more than can be there
    /// are refused, so that room may be reserved for what it says.
    pub fn count(&mut self, bytes_min: usize) -> Result<usize> {
        let claimed = self.int()?;
        usize::try_from(claimed)
            .ok()
            .filter(|count| *count <= self.left() / bytes_min.max(1))
            .ok_or_else(|| ProtocolError::malformed(format!("Invalid count {claimed}")))
    }

    /// A `[string]`.
    pub fn str(&mut self) -> Result<&'a str> {
        let length = usize::from(self.short()?);
        let bytes = self.take(length).map_err(|_| short_text(2))?;
        std::str::from_utf8(bytes).map_err(|_| not_utf8())
    }

    /// A `[string]` that keeps the body alive.
    pub fn text(&mut self) -> Result<Text> {
        let length = usize::from(self.short()?);
        Text::try_from(self.slice(length).map_err(|_| short_text(2))?)
    }

    /// A `[string]` of one's own.
    pub fn string(&mut self) -> Result<String> {
        self.str().map(ToOwned::to_owned)
    }

    /// A `[long string]`.
    pub fn long_text(&mut self) -> Result<Text> {
        let length = usize::try_from(self.int()?).map_err(|_| short_text(4))?;
        Text::try_from(self.slice(length).map_err(|_| short_text(4))?)
    }

    /// A `[bytes]`: none for any negative length.
    pub fn bytes(&mut self) -> Result<Option<Bytes>> {
        match usize::try_from(self.int()?) {
            Ok(length) => self.slice(length).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// A `[value]`; `unset` says whether the version knows values that are not set.
    pub fn value(&mut self, unset: bool) -> Result<Value> {
        match self.int()? {
            -1 => Ok(Value::Null),
            -2 if unset => Ok(Value::Unset),
            claimed => {
                let length = usize::try_from(claimed).map_err(|_| invalid_length(claimed))?;
                self.slice(length).map(Value::Bytes)
            }
        }
    }

    /// A `[short bytes]`.
    pub fn short_bytes(&mut self) -> Result<Bytes> {
        let length = usize::from(self.short()?);
        self.slice(length)
    }

    /// A `[uuid]`.
    pub fn uuid(&mut self) -> Result<Uuid> {
        Ok(Uuid::from_bytes(self.array()?))
    }

    /// A `[consistency]`.
    pub fn consistency(&mut self) -> Result<Consistency> {
        let number = self.short()?;
        Consistency::from_number(number).ok_or_else(|| {
            ProtocolError::malformed(format!("Unknown code {number} for a consistency level"))
        })
    }

    /// An `[inetaddr]`.
    pub fn address(&mut self) -> Result<IpAddr> {
        match self.byte()? {
            4 => Ok(Ipv4Addr::from(self.array::<4>()?).into()),
            16 => Ok(Ipv6Addr::from(self.array::<16>()?).into()),
            length => Err(ProtocolError::malformed(format!(
                "Invalid length {length} of an address: it is 4 or 16"
            ))),
        }
    }

    /// An `[inet]`.
    pub fn inet(&mut self) -> Result<SocketAddr> {
        let address = self.address()?;
        let claimed = self.int()?;
        let port = u16::try_from(claimed)
            .map_err(|_| ProtocolError::malformed(format!("Invalid port {claimed}")))?;
        Ok(SocketAddr::new(address, port))
    }

    /// A `[string list]`.
    pub fn string_list(&mut self) -> Result<Vec<String>> {
        let count = self.short()?;
        (0..count).map(|_| self.string()).collect()
    }

    /// A `[string map]`.
    pub fn string_map(&mut self) -> Result<Vec<(String, String)>> {
        let count = self.short()?;
        (0..count)
            .map(|_| Ok((self.string()?, self.string()?)))
            .collect()
    }

    /// A `[string multimap]`.
    pub fn string_multimap(&mut self) -> Result<Vec<(String, Vec<String>)>> {
        let count = self.short()?;
        (0..count)
            .map(|_| Ok((self.string()?, self.string_list()?)))
            .collect()
    }

    /// A `[bytes map]`.
    pub fn payload(&mut self) -> Result<Payload> {
        let count = self.short()?;
        (0..count)
            .map(|_| Ok((self.text()?, self.bytes()?)))
            .collect()
    }
}

fn invalid_length(claimed: i32) -> ProtocolError {
    ProtocolError::malformed(format!("Invalid ByteBuf length {claimed}"))
}

/// A length as the protocol's `[int]`. Longer things than it can say are not made here: bodies are
/// bounded far below.
fn int_of(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

fn short_of(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

/// Appends a `[string]`. What is longer than one can be (65,535 bytes) is cut, between characters:
/// names are far shorter, so only messages are.
pub fn put_string(out: &mut BytesMut, text: &str) {
    let cut = text.floor_char_boundary(usize::from(u16::MAX));
    let text = text.get(..cut).unwrap_or_default();
    out.put_u16(short_of(text.len()));
    out.put_slice(text.as_bytes());
}

/// Appends a `[long string]`.
pub fn put_long_string(out: &mut BytesMut, text: &str) {
    out.put_i32(int_of(text.len()));
    out.put_slice(text.as_bytes());
}

/// Appends a `[bytes]`: this is how a cell of a row looks.
#[inline]
pub fn put_bytes(out: &mut BytesMut, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            out.put_i32(int_of(bytes.len()));
            out.put_slice(bytes);
        }
        None => out.put_i32(-1),
    }
}

/// Appends a `[value]`.
pub fn put_value(out: &mut BytesMut, value: &Value) {
    match value {
        Value::Null => out.put_i32(-1),
        Value::Unset => out.put_i32(-2),
        Value::Bytes(bytes) => put_bytes(out, Some(bytes)),
    }
}

/// Appends a `[short bytes]`.
pub fn put_short_bytes(out: &mut BytesMut, bytes: &[u8]) {
    let bytes = bytes.get(..usize::from(u16::MAX)).unwrap_or(bytes);
    out.put_u16(short_of(bytes.len()));
    out.put_slice(bytes);
}

/// Appends a `[uuid]`.
pub fn put_uuid(out: &mut BytesMut, uuid: Uuid) {
    out.put_slice(uuid.as_bytes());
}

/// Appends a `[consistency]`.
pub fn put_consistency(out: &mut BytesMut, consistency: Consistency) {
    out.put_u16(consistency.number());
}

/// Appends an `[inetaddr]`.
pub fn put_address(out: &mut BytesMut, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            out.put_u8(4);
            out.put_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            out.put_u8(16);
            out.put_slice(&address.octets());
        }
    }
}

/// Appends an `[inet]`.
pub fn put_inet(out: &mut BytesMut, address: SocketAddr) {
    put_address(out, address.ip());
    out.put_i32(i32::from(address.port()));
}

/// Appends a `[string list]`.
pub fn put_string_list<S: AsRef<str>>(out: &mut BytesMut, list: &[S]) {
    out.put_u16(short_of(list.len()));
    for text in list.iter().take(usize::from(u16::MAX)) {
        put_string(out, text.as_ref());
    }
}

/// Appends a `[string map]`.
pub fn put_string_map<S: AsRef<str>>(out: &mut BytesMut, map: &[(S, S)]) {
    out.put_u16(short_of(map.len()));
    for (key, value) in map.iter().take(usize::from(u16::MAX)) {
        put_string(out, key.as_ref());
        put_string(out, value.as_ref());
    }
}

/// Appends a `[string multimap]`.
pub fn put_string_multimap<S: AsRef<str>>(out: &mut BytesMut, map: &[(S, Vec<S>)]) {
    out.put_u16(short_of(map.len()));
    for (key, values) in map.iter().take(usize::from(u16::MAX)) {
        put_string(out, key.as_ref());
        put_string_list(out, values);
    }
}

/// Appends a `[bytes map]`.
pub fn put_payload(out: &mut BytesMut, payload: &Payload) {
    out.put_u16(short_of(payload.len()));
    for (key, value) in payload.iter().take(usize::from(u16::MAX)) {
        put_string(out, key.as_str());
        put_bytes(out, value.as_deref());
    }
}

/// Appends a `[short]` count of things that follow.
pub fn put_count(out: &mut BytesMut, count: usize) {
    out.put_u16(short_of(count));
}
