//! What cannot be understood, and what its receiver does about it.

use crate::protocol::version::Version;
use std::fmt;

/// What kind of fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The version is not spoken here; the answer goes out in the newest that is.
    Version {
        /// Its number.
        found: u8,
    },
    /// The envelope is larger than allowed.
    TooLarge,
    /// The segment's checksum does not match: nothing behind it can be trusted.
    Checksum,
    /// The bytes are no message.
    Malformed,
}

/// A breach of the protocol by the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolError {
    /// What kind of fault.
    pub fault: Fault,
    /// What was wrong; the text of the answer.
    pub message: String,
    /// The stream that the answer goes to, where that is known.
    pub stream: Option<i16>,
    /// Whether the connection must be closed (after the answer), since the place where the next
    /// envelope starts is unknown.
    pub fatal: bool,
}

impl ProtocolError {
    /// Bytes that are no message; the envelope after them can still be read.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self {
            fault: Fault::Malformed,
            message: message.into(),
            stream: None,
            fatal: false,
        }
    }

    /// A version that is not spoken here.
    pub fn version(found: u8, stream: Option<i16>) -> Self {
        let [v3, v4, v5] = Version::ALL.map(Version::label);
        Self {
            fault: Fault::Version { found },
            message: format!(
                "Invalid or unsupported protocol version ({found}); supported versions are \
                 ({v3}, {v4}, {v5})"
            ),
            stream,
            fatal: true,
        }
    }

    /// The same fault of another kind.
    #[must_use]
    pub fn of(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self
    }

    /// The same fault, in an envelope of this stream.
    #[must_use]
    pub fn on(mut self, stream: i16) -> Self {
        self.stream.get_or_insert(stream);
        self
    }

    /// The same fault, after which nothing can be read any more.
    #[must_use]
    pub fn fatal(mut self) -> Self {
        self.fatal = true;
        self
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ProtocolError {}

/// The result of reading what the other side sent.
pub type Result<T, E = ProtocolError> = std::result::Result<T, E>;
