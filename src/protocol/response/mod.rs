//! What a server says.
//!
//! A server writes bodies with the functions here, straight into the buffer that is sent: rows are
//! never an object. A client reads them with [`ResponseMessage::decode`].
//!
//! Before the body itself stand, each if its flag is set: the trace's id, warnings, custom
//! payload ([`Prefix`]).

mod error;
mod event;
mod result;
mod rows;

pub use error::{ErrorBody, Failure, error};
pub use event::{Change, Event, SchemaChange, SchemaTarget, StatusChange, TopologyChange};
pub use result::{
    PreparedMetadata, PreparedResult, ResultBody, prepared, schema_change, set_keyspace, void,
};
pub use rows::{Column, ColumnRef, Metadata, RowsBody, RowsOptions, rows_metadata};

use crate::protocol::envelope::Envelope;
use crate::protocol::fault::{ProtocolError, Result};
use crate::protocol::primitive::{
    Payload, Reader, put_bytes, put_payload, put_string, put_string_list, put_string_multimap,
    put_uuid,
};
use crate::protocol::version::{Opcode, Version, flag};
use bytes::{Bytes, BytesMut};
use uuid::Uuid;

/// What comes before the body of a response.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prefix {
    /// The trace that was made of the request.
    pub tracing_id: Option<Uuid>,
    /// What the client should know (version 4 and later).
    pub warnings: Vec<String>,
    /// Custom payload (version 4 and later).
    pub payload: Option<Payload>,
}

impl Prefix {
    /// The flags of the envelope.
    pub fn flags(&self, version: Version) -> u8 {
        let newer = version >= Version::V4;
        let mut flags = 0;
        let mut say = |flag, is: bool| flags |= if is { flag } else { 0 };
        say(flag::TRACING, self.tracing_id.is_some());
        say(flag::WARNING, newer && !self.warnings.is_empty());
        say(flag::CUSTOM_PAYLOAD, newer && self.payload.is_some());
        flags
    }

    /// Appends it. What the version cannot say is left out.
    pub fn write(&self, version: Version, out: &mut BytesMut) {
        if let Some(id) = self.tracing_id {
            put_uuid(out, id);
        }
        if version < Version::V4 {
            return;
        }
        if !self.warnings.is_empty() {
            put_string_list(out, &self.warnings);
        }
        if let Some(payload) = &self.payload {
            put_payload(out, payload);
        }
    }

    /// What the flags say that comes before the body.
    pub fn decode(flags: u8, reader: &mut Reader<'_>) -> Result<Self> {
        let has = |flag| flags & flag != 0;
        Ok(Self {
            tracing_id: has(flag::TRACING).then(|| reader.uuid()).transpose()?,
            warnings: match has(flag::WARNING) {
                true => reader.string_list()?,
                false => Vec::new(),
            },
            payload: has(flag::CUSTOM_PAYLOAD)
                .then(|| reader.payload())
                .transpose()?,
        })
    }
}

/// A response with what comes before its body.
#[derive(Clone, Debug, PartialEq)]
pub struct ResponseMessage {
    /// What comes before the body.
    pub prefix: Prefix,
    /// The response.
    pub response: Response,
}

/// What a server says.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// A failure.
    Error {
        /// What was wrong.
        message: String,
        /// Its code, and what that code tells besides.
        body: ErrorBody,
    },
    /// The conversation is open.
    Ready,
    /// Who are you?
    Authenticate {
        /// The Java class that asks.
        authenticator: String,
    },
    /// What is supported.
    Supported {
        /// Options and their possible values.
        options: Vec<(String, Vec<String>)>,
    },
    /// What a statement answers.
    Result(ResultBody),
    /// Something happened.
    Event(Event),
    /// A question of the authentication.
    AuthChallenge {
        /// The question.
        token: Option<Bytes>,
    },
    /// You are who you say.
    AuthSuccess {
        /// A last word.
        token: Option<Bytes>,
    },
}

impl ResponseMessage {
    /// The response in an envelope.
    pub fn decode(envelope: &Envelope) -> Result<Self> {
        let decode = || {
            let mut reader = Reader::new(&envelope.body);
            Ok(Self {
                prefix: Prefix::decode(envelope.flags, &mut reader)?,
                response: Response::decode(envelope.opcode, envelope.version, &mut reader)?,
            })
        };
        decode().map_err(|fault: ProtocolError| fault.on(envelope.stream))
    }
}

impl Response {
    /// The response of this opcode at the reader.
    pub fn decode(opcode: Opcode, version: Version, reader: &mut Reader<'_>) -> Result<Self> {
        Ok(match opcode {
            Opcode::Error => {
                let (message, body) = ErrorBody::decode(version, reader)?;
                Self::Error { message, body }
            }
            Opcode::Ready => Self::Ready,
            Opcode::Authenticate => Self::Authenticate {
                authenticator: reader.string()?,
            },
            Opcode::Supported => Self::Supported {
                options: reader.string_multimap()?,
            },
            Opcode::Result => Self::Result(ResultBody::decode(version, reader)?),
            Opcode::Event => Self::Event(Event::decode(reader)?),
            Opcode::AuthChallenge => Self::AuthChallenge {
                token: reader.bytes()?,
            },
            Opcode::AuthSuccess => Self::AuthSuccess {
                token: reader.bytes()?,
            },
            request => {
                return Err(ProtocolError::malformed(format!(
                    "Wrong protocol direction: {} is no response",
                    request.name()
                )));
            }
        })
    }

    /// Its opcode.
    pub fn opcode(&self) -> Opcode {
        match self {
            Self::Error { .. } => Opcode::Error,
            Self::Ready => Opcode::Ready,
            Self::Authenticate { .. } => Opcode::Authenticate,
            Self::Supported { .. } => Opcode::Supported,
            Self::Result(_) => Opcode::Result,
            Self::Event(_) => Opcode::Event,
            Self::AuthChallenge { .. } => Opcode::AuthChallenge,
            Self::AuthSuccess { .. } => Opcode::AuthSuccess,
        }
    }
}

/// Appends READY: nothing.
pub fn ready(_out: &mut BytesMut) {}

/// Appends AUTHENTICATE: the Java class that drivers know the mechanism by.
pub fn authenticate(out: &mut BytesMut, authenticator: &str) {
    put_string(out, authenticator);
}

/// Appends AUTH_SUCCESS.
pub fn auth_success(out: &mut BytesMut, token: Option<&[u8]>) {
    put_bytes(out, token);
}

/// Appends AUTH_CHALLENGE.
pub fn auth_challenge(out: &mut BytesMut, token: Option<&[u8]>) {
    put_bytes(out, token);
}

/// Appends SUPPORTED.
pub fn supported<S: AsRef<str>>(out: &mut BytesMut, options: &[(S, Vec<S>)]) {
    put_string_multimap(out, options);
}

/// Appends the body of an EVENT, whose stream is −1.
pub fn event(out: &mut BytesMut, event: &Event) {
    event.encode(out);
}
