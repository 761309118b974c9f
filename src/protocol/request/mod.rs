//! What a client says: eight requests, each in a form that can be decoded and encoded.
//!
//! A decoded request holds slices of the envelope's body: neither the text of a statement nor a
//! value is copied. Bytes behind the end of a request are ignored, as Cassandra does.

mod batch;
mod parameters;

pub use batch::{Batch, BatchKind, BatchStatement};
pub use parameters::{QueryParameters, Values};

use crate::protocol::envelope::Envelope;
use crate::protocol::fault::{ProtocolError, Result};
use crate::protocol::primitive::{Payload, Reader, Text};
use crate::protocol::primitive::{
    put_bytes, put_long_string, put_payload, put_short_bytes, put_string, put_string_list,
    put_string_map,
};
use crate::protocol::version::{Opcode, Version, flag};
use bytes::{BufMut, Bytes, BytesMut};

/// The flag of PREPARE in version 5: a keyspace follows.
const PREPARE_KEYSPACE: u32 = 0x01;

/// A request with what comes before its body.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestMessage {
    /// The request.
    pub request: Request,
    /// Whether its sender wants it traced.
    pub tracing: bool,
    /// Custom payload.
    pub payload: Option<Payload>,
}

/// What a client says.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Opens the conversation.
    Startup {
        /// Names and values, as sent.
        options: Vec<(String, String)>,
    },
    /// Asks what is supported.
    Options,
    /// Runs a statement.
    Query {
        /// The statement.
        text: Text,
        /// How to run it.
        parameters: QueryParameters,
    },
    /// Prepares a statement.
    Prepare {
        /// The statement.
        text: Text,
        /// The keyspace that it is for (version 5); else that of the connection.
        keyspace: Option<String>,
    },
    /// Runs a prepared statement.
    Execute {
        /// Which one.
        id: Bytes,
        /// The description of its results that the client has (version 5).
        result_metadata_id: Option<Bytes>,
        /// How to run it.
        parameters: QueryParameters,
    },
    /// Runs several statements as one.
    Batch(Batch),
    /// Asks to be told of events.
    Register {
        /// The names of their kinds, as sent.
        events: Vec<String>,
    },
    /// Answers the authentication.
    AuthResponse {
        /// What it says.
        token: Option<Bytes>,
    },
}

impl RequestMessage {
    /// The request in an envelope. A failure knows the envelope's stream.
    pub fn decode(envelope: &Envelope) -> Result<Self> {
        Self::decode_body(envelope).map_err(|fault| fault.on(envelope.stream))
    }

    fn decode_body(envelope: &Envelope) -> Result<Self> {
        let mut reader = Reader::new(&envelope.body);
        let payload = if envelope.flags & flag::CUSTOM_PAYLOAD == 0 {
            None
        } else if envelope.version < Version::V4 {
            return Err(ProtocolError::malformed(
                "Received frame with CUSTOM_PAYLOAD flag for native protocol version < 4",
            ));
        } else {
            Some(reader.payload()?)
        };
        Ok(Self {
            request: Request::decode(envelope.opcode, envelope.version, &mut reader)?,
            tracing: envelope.flags & flag::TRACING != 0,
            payload,
        })
    }

    /// The envelope's flags that say what comes before the body.
    pub fn flags(&self) -> u8 {
        let payload = self.payload.as_ref().map_or(0, |_| flag::CUSTOM_PAYLOAD);
        payload | if self.tracing { flag::TRACING } else { 0 }
    }

    /// Appends the whole body.
    pub fn encode(&self, version: Version, out: &mut BytesMut) {
        if let Some(payload) = &self.payload {
            put_payload(out, payload);
        }
        self.request.encode(version, out);
    }
}

impl From<Request> for RequestMessage {
    fn from(request: Request) -> Self {
        Self {
            request,
            tracing: false,
            payload: None,
        }
    }
}

impl Request {
    /// Its opcode.
    pub fn opcode(&self) -> Opcode {
        match self {
            Self::Startup { .. } => Opcode::Startup,
            Self::Options => Opcode::Options,
            Self::Query { .. } => Opcode::Query,
            Self::Prepare { .. } => Opcode::Prepare,
            Self::Execute { .. } => Opcode::Execute,
            Self::Batch(_) => Opcode::Batch,
            Self::Register { .. } => Opcode::Register,
            Self::AuthResponse { .. } => Opcode::AuthResponse,
        }
    }

    /// The request of this opcode at the reader.
    pub fn decode(opcode: Opcode, version: Version, reader: &mut Reader<'_>) -> Result<Self> {
        Ok(match opcode {
            Opcode::Startup => Self::Startup {
                options: reader.string_map()?,
            },
            Opcode::Options => Self::Options,
            Opcode::Query => Self::Query {
                text: reader.long_text()?,
                parameters: QueryParameters::decode(version, reader)?,
            },
            Opcode::Prepare => decode_prepare(version, reader)?,
            Opcode::Execute => Self::Execute {
                id: reader.short_bytes()?,
                result_metadata_id: match version {
                    Version::V5 => Some(reader.short_bytes()?),
                    Version::V3 | Version::V4 => None,
                },
                parameters: QueryParameters::decode(version, reader)?,
            },
            Opcode::Batch => Self::Batch(Batch::decode(version, reader)?),
            Opcode::Register => Self::Register {
                events: reader.string_list()?,
            },
            Opcode::AuthResponse => Self::AuthResponse {
                token: reader.bytes()?,
            },
            response => {
                return Err(ProtocolError::malformed(format!(
                    "Wrong protocol direction: {} is no request",
                    response.name()
                )));
            }
        })
    }

    /// Appends the body.
    pub fn encode(&self, version: Version, out: &mut BytesMut) {
        match self {
            Self::Startup { options } => put_string_map(out, options),
            Self::Options => {}
            Self::Query { text, parameters } => {
                put_long_string(out, text.as_str());
                parameters.encode(version, out);
            }
            Self::Prepare { text, keyspace } => {
                put_long_string(out, text.as_str());
                if version >= Version::V5 {
                    match keyspace {
                        Some(keyspace) => {
                            out.put_u32(PREPARE_KEYSPACE);
                            put_string(out, keyspace);
                        }
                        None => out.put_u32(0),
                    }
                }
            }
            Self::Execute {
                id,
                result_metadata_id,
                parameters,
            } => {
                put_short_bytes(out, id);
                if version >= Version::V5 {
                    put_short_bytes(out, result_metadata_id.as_deref().unwrap_or_default());
                }
                parameters.encode(version, out);
            }
            Self::Batch(batch) => batch.encode(version, out),
            Self::Register { events } => put_string_list(out, events),
            Self::AuthResponse { token } => put_bytes(out, token.as_deref()),
        }
    }
}

fn decode_prepare(version: Version, reader: &mut Reader<'_>) -> Result<Request> {
    let text = reader.long_text()?;
    let mut keyspace = None;
    if version >= Version::V5 && reader.unsigned_int()? & PREPARE_KEYSPACE != 0 {
        keyspace = Some(reader.string()?);
    }
    Ok(Request::Prepare { text, keyspace })
}
