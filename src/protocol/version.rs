//! The versions of the protocol, its opcodes and the flags of an envelope.

use std::fmt;

/// A version of the protocol that is spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// Version 3.
    V3,
    /// Version 4: unset values, more types and errors, custom payloads, warnings.
    V4,
    /// Version 5: segments, keyspace and clock per request, result metadata ids.
    V5,
}

impl Version {
    /// All versions, the oldest first.
    pub const ALL: [Self; 3] = [Self::V3, Self::V4, Self::V5];

    /// The newest version.
    pub const NEWEST: Self = Self::V5;

    /// The version of this number.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            3 => Some(Self::V3),
            4 => Some(Self::V4),
            5 => Some(Self::V5),
            _ => None,
        }
    }

    /// Its number on the wire.
    pub fn number(self) -> u8 {
        match self {
            Self::V3 => 3,
            Self::V4 => 4,
            Self::V5 => 5,
        }
    }

    /// How SUPPORTED and the refusal of others write it: `5/v5`.
    pub fn label(self) -> &'static str {
        match self {
            Self::V3 => "3/v3",
            Self::V4 => "4/v4",
            Self::V5 => "5/v5",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.number())
    }
}

/// The flags of an envelope.
pub mod flag {
    /// The body is compressed (versions 3 and 4).
    pub const COMPRESSED: u8 = 0x01;
    /// Request: trace it. Response: the body starts with the trace's id.
    pub const TRACING: u8 = 0x02;
    /// The body has a custom payload.
    pub const CUSTOM_PAYLOAD: u8 = 0x04;
    /// Response: the body has warnings.
    pub const WARNING: u8 = 0x08;
    /// The sender wants a version that is not final yet.
    pub const BETA: u8 = 0x10;
}

/// What an envelope is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// Response: a failure.
    Error,
    /// Request: opens the conversation.
    Startup,
    /// Response: the conversation is open.
    Ready,
    /// Response: who are you?
    Authenticate,
    /// Request: what do you support?
    Options,
    /// Response: what is supported.
    Supported,
    /// Request: a statement as text.
    Query,
    /// Response: what a statement answers.
    Result,
    /// Request: prepare a statement.
    Prepare,
    /// Request: run a prepared statement.
    Execute,
    /// Request: tell me of events.
    Register,
    /// Response that nobody asked for: something happened.
    Event,
    /// Request: several statements as one.
    Batch,
    /// Response: a question of the authentication.
    AuthChallenge,
    /// Request: an answer of the authentication.
    AuthResponse,
    /// Response: you are who you say.
    AuthSuccess,
}

impl Opcode {
    /// The opcode of this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0x00 => Self::Error,
            0x01 => Self::Startup,
            0x02 => Self::Ready,
            0x03 => Self::Authenticate,
            0x05 => Self::Options,
            0x06 => Self::Supported,
            0x07 => Self::Query,
            0x08 => Self::Result,
            0x09 => Self::Prepare,
            0x0A => Self::Execute,
            0x0B => Self::Register,
            0x0C => Self::Event,
            0x0D => Self::Batch,
            0x0E => Self::AuthChallenge,
            0x0F => Self::AuthResponse,
            0x10 => Self::AuthSuccess,
            _ => return None,
        })
    }

    /// Its number on the wire.
    pub fn number(self) -> u8 {
        match self {
            Self::Error => 0x00,
            Self::Startup => 0x01,
            Self::Ready => 0x02,
            Self::Authenticate => 0x03,
            Self::Options => 0x05,
            Self::Supported => 0x06,
            Self::Query => 0x07,
            Self::Result => 0x08,
            Self::Prepare => 0x09,
            Self::Execute => 0x0A,
            Self::Register => 0x0B,
            Self::Event => 0x0C,
            Self::Batch => 0x0D,
            Self::AuthChallenge => 0x0E,
            Self::AuthResponse => 0x0F,
            Self::AuthSuccess => 0x10,
        }
    }

    /// Its name, as Cassandra prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Startup => "STARTUP",
            Self::Ready => "READY",
            Self::Authenticate => "AUTHENTICATE",
            Self::Options => "OPTIONS",
            Self::Supported => "SUPPORTED",
            Self::Query => "QUERY",
            Self::Result => "RESULT",
            Self::Prepare => "PREPARE",
            Self::Execute => "EXECUTE",
            Self::Register => "REGISTER",
            Self::Event => "EVENT",
            Self::Batch => "BATCH",
            Self::AuthChallenge => "AUTH_CHALLENGE",
            Self::AuthResponse => "AUTH_RESPONSE",
            Self::AuthSuccess => "AUTH_SUCCESS",
        }
    }

    /// Whether a client says it.
    pub fn is_request(self) -> bool {
        matches!(
            self,
            Self::Startup
                | Self::Options
                | Self::Query
                | Self::Prepare
                | Self::Execute
                | Self::Register
                | Self::Batch
                | Self::AuthResponse
        )
    }
}
