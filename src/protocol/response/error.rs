//! ERROR: a code, a message, and what some codes tell besides.
//!
//! Not every version knows every code. Where the client's does not, the nearest that it knows is
//! written, as Cassandra does: a failure becomes a timeout in version 3, a write whose fate is
//! unknown becomes a write timeout before version 5.

use crate::error::{Error, ErrorKind};
use crate::protocol::consistency::Consistency;
use crate::protocol::fault::{Fault, ProtocolError, Result};
use crate::protocol::primitive::{
    Reader, put_address, put_consistency, put_short_bytes, put_string, put_string_list,
};
use crate::protocol::version::Version;
use bytes::{BufMut, Bytes, BytesMut};
use std::net::IpAddr;

/// The write type of a lightweight transaction, which may tell of contention.
const CAS: &str = "CAS";

/// Why a replica failed, in version 5; only their number in version 4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The replica.
    pub node: IpAddr,
    /// Its reason's number.
    pub reason: u16,
}

/// A failure's code, with what that code tells besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorBody {
    /// 0x0000: a defect of the server.
    Server,
    /// 0x000A: the client broke the protocol.
    Protocol,
    /// 0x0100: wrong name or password.
    BadCredentials,
    /// 0x1000: too few replicas live.
    Unavailable {
        /// What was asked for.
        consistency: Consistency,
        /// How many replicas that takes.
        required: i32,
        /// How many live.
        alive: i32,
    },
    /// 0x1001: too much at once.
    Overloaded,
    /// 0x1002: still starting.
    IsBootstrapping,
    /// 0x1003: a truncation failed.
    Truncate,
    /// 0x1100: a write was not acknowledged in time.
    WriteTimeout {
        /// What was asked for.
        consistency: Consistency,
        /// How many acknowledged.
        received: i32,
        /// How many should.
        block_for: i32,
        /// The kind of write: `SIMPLE`, `BATCH`, `UNLOGGED_BATCH`, `COUNTER`, `BATCH_LOG`, `CAS`…
        write_type: String,
        /// How often a lightweight transaction was beaten (version 5, `CAS` only).
        contentions: Option<u16>,
    },
    /// 0x1200: a read was not answered in time.
    ReadTimeout {
        /// What was asked for.
        consistency: Consistency,
        /// How many answered.
        received: i32,
        /// How many should.
        block_for: i32,
        /// Whether the replica that was asked for data answered.
        data_present: bool,
    },
    /// 0x1300: a read failed.
    ReadFailure {
        /// What was asked for.
        consistency: Consistency,
        /// How many answered.
        received: i32,
        /// How many should.
        block_for: i32,
        /// Who failed.
        failures: Vec<Failure>,
        /// Whether the replica that was asked for data answered.
        data_present: bool,
    },
    /// 0x1400: a user function failed.
    FunctionFailure {
        /// Its keyspace.
        keyspace: String,
        /// Its name.
        function: String,
        /// The types of its arguments.
        arguments: Vec<String>,
    },
    /// 0x1500: a write failed.
    WriteFailure {
        /// What was asked for.
        consistency: Consistency,
        /// How many acknowledged.
        received: i32,
        /// How many should.
        block_for: i32,
        /// Who failed.
        failures: Vec<Failure>,
        /// The kind of write.
        write_type: String,
    },
    /// 0x1600: change data capture has no room.
    CdcWriteFailure,
    /// 0x1700: nobody knows whether a lightweight transaction was applied.
    CasWriteUnknown {
        /// What was asked for.
        consistency: Consistency,
        /// How many acknowledged.
        received: i32,
        /// How many should.
        block_for: i32,
    },
    /// 0x2000: the text is no CQL.
    Syntax,
    /// 0x2100: the role may not do this.
    Unauthorized,
    /// 0x2200: the statement is not valid here.
    Invalid,
    /// 0x2300: a setting is wrong.
    Config,
    /// 0x2400: it is there already.
    AlreadyExists {
        /// Its keyspace, or itself.
        keyspace: String,
        /// Its name; empty where it is a keyspace.
        table: String,
    },
    /// 0x2500: the prepared statement is not known.
    Unprepared {
        /// Its id.
        id: Bytes,
    },
}

impl ErrorBody {
    /// Its code.
    pub fn code(&self) -> i32 {
        match self {
            Self::Server => 0x0000,
            Self::Protocol => 0x000A,
            Self::BadCredentials => 0x0100,
            Self::Unavailable { .. } => 0x1000,
            Self::Overloaded => 0x1001,
            Self::IsBootstrapping => 0x1002,
            Self::Truncate => 0x1003,
            Self::WriteTimeout { .. } => 0x1100,
            Self::ReadTimeout { .. } => 0x1200,
            Self::ReadFailure { .. } => 0x1300,
            Self::FunctionFailure { .. } => 0x1400,
            Self::WriteFailure { .. } => 0x1500,
            Self::CdcWriteFailure => 0x1600,
            Self::CasWriteUnknown { .. } => 0x1700,
            Self::Syntax => 0x2000,
            Self::Unauthorized => 0x2100,
            Self::Invalid => 0x2200,
            Self::Config => 0x2300,
            Self::AlreadyExists { .. } => 0x2400,
            Self::Unprepared { .. } => 0x2500,
        }
    }

    /// The same, as a client of this version knows it.
    fn known_to(&self, version: Version) -> Self {
        match self {
            Self::CasWriteUnknown {
                consistency,
                received,
                block_for,
            } if version < Version::V5 => Self::WriteTimeout {
                consistency: *consistency,
                received: *received,
                block_for: *block_for,
                write_type: CAS.to_owned(),
                contentions: None,
            },
            Self::CdcWriteFailure if version < Version::V5 => Self::Invalid,
            Self::FunctionFailure { .. } if version < Version::V4 => Self::Invalid,
            Self::ReadFailure {
                consistency,
                received,
                block_for,
                data_present,
                ..
            } if version < Version::V4 => Self::ReadTimeout {
                consistency: *consistency,
                received: *received,
                block_for: *block_for,
                data_present: *data_present,
            },
            Self::WriteFailure {
                consistency,
                received,
                block_for,
                write_type,
                ..
            } if version < Version::V4 => Self::WriteTimeout {
                consistency: *consistency,
                received: *received,
                block_for: *block_for,
                write_type: write_type.clone(),
                contentions: None,
            },
            known => known.clone(),
        }
    }

    /// What the codes that tell of replicas begin with: the consistency and two counts.
    fn replicas(&self) -> Option<(Consistency, i32, i32)> {
        match self {
            Self::Unavailable {
                consistency,
                required: first,
                alive: second,
            }
            | Self::WriteTimeout {
                consistency,
                received: first,
                block_for: second,
                ..
            }
            | Self::ReadTimeout {
                consistency,
                received: first,
                block_for: second,
                ..
            }
            | Self::ReadFailure {
                consistency,
                received: first,
                block_for: second,
                ..
            }
            | Self::WriteFailure {
                consistency,
                received: first,
                block_for: second,
                ..
            }
            | Self::CasWriteUnknown {
                consistency,
                received: first,
                block_for: second,
            } => Some((*consistency, *first, *second)),
            _ => None,
        }
    }

    fn encode(&self, version: Version, out: &mut BytesMut) {
        if let Some((consistency, first, second)) = self.replicas() {
            put_consistency(out, consistency);
            out.put_i32(first);
            out.put_i32(second);
        }
        match self {
            Self::WriteTimeout {
                write_type,
                contentions,
                ..
            } => {
                put_string(out, write_type);
                if version >= Version::V5 && write_type == CAS {
                    out.put_u16(contentions.unwrap_or(0));
                }
            }
            Self::ReadTimeout { data_present, .. } => out.put_u8(u8::from(*data_present)),
            Self::ReadFailure {
                failures,
                data_present,
                ..
            } => {
                put_failures(out, version, failures);
                out.put_u8(u8::from(*data_present));
            }
            Self::WriteFailure {
                failures,
                write_type,
                ..
            } => {
                put_failures(out, version, failures);
                put_string(out, write_type);
            }
            Self::FunctionFailure {
                keyspace,
                function,
                arguments,
            } => {
                put_string(out, keyspace);
                put_string(out, function);
                put_string_list(out, arguments);
            }
            Self::AlreadyExists { keyspace, table } => {
                put_string(out, keyspace);
                put_string(out, table);
            }
            Self::Unprepared { id } => put_short_bytes(out, id),
            _ => {}
        }
    }

    /// The message and the code at the reader.
    pub fn decode(version: Version, reader: &mut Reader<'_>) -> Result<(String, Self)> {
        let code = reader.int()?;
        let message = reader.string()?;
        Ok((message, Self::decode_body(code, version, reader)?))
    }

    fn decode_body(code: i32, version: Version, reader: &mut Reader<'_>) -> Result<Self> {
        Ok(match code {
            0x0000 => Self::Server,
            0x000A => Self::Protocol,
            0x0100 => Self::BadCredentials,
            0x1001 => Self::Overloaded,
            0x1002 => Self::IsBootstrapping,
            0x1003 => Self::Truncate,
            0x1000 | 0x1100 | 0x1200 | 0x1300 | 0x1500 | 0x1700 => {
                Self::decode_counts(code, version, reader)?
            }
            0x1400 => Self::FunctionFailure {
                keyspace: reader.string()?,
                function: reader.string()?,
                arguments: reader.string_list()?,
            },
            0x1600 => Self::CdcWriteFailure,
            0x2000 => Self::Syntax,
            0x2100 => Self::Unauthorized,
            0x2200 => Self::Invalid,
            0x2300 => Self::Config,
            0x2400 => Self::AlreadyExists {
                keyspace: reader.string()?,
                table: reader.string()?,
            },
            0x2500 => Self::Unprepared {
                id: reader.short_bytes()?,
            },
            other => {
                return Err(ProtocolError::malformed(format!(
                    "Unknown error code {other:#06x}"
                )));
            }
        })
    }

    /// The codes that tell of replicas: consistency and two counts first.
    fn decode_counts(code: i32, version: Version, reader: &mut Reader<'_>) -> Result<Self> {
        let consistency = reader.consistency()?;
        let (received, block_for) = (reader.int()?, reader.int()?);
        Ok(match code {
            0x1000 => Self::Unavailable {
                consistency,
                required: received,
                alive: block_for,
            },
            0x1100 => {
                let write_type = reader.string()?;
                let contentions = (version >= Version::V5 && write_type == CAS)
                    .then(|| reader.short())
                    .transpose()?;
                Self::WriteTimeout {
                    consistency,
                    received,
                    block_for,
                    write_type,
                    contentions,
                }
            }
            0x1200 => Self::ReadTimeout {
                consistency,
                received,
                block_for,
                data_present: reader.byte()? != 0,
            },
            0x1300 => Self::ReadFailure {
                consistency,
                received,
                block_for,
                failures: decode_failures(version, reader)?,
                data_present: reader.byte()? != 0,
            },
            0x1500 => Self::WriteFailure {
                consistency,
                received,
                block_for,
                failures: decode_failures(version, reader)?,
                write_type: reader.string()?,
            },
            _ => Self::CasWriteUnknown {
                consistency,
                received,
                block_for,
            },
        })
    }
}

fn put_failures(out: &mut BytesMut, version: Version, failures: &[Failure]) {
    out.put_i32(i32::try_from(failures.len()).unwrap_or(i32::MAX));
    if version >= Version::V5 {
        for failure in failures {
            put_address(out, failure.node);
            out.put_u16(failure.reason);
        }
    }
}

/// Who failed. Version 4 only tells how many did: they get no address.
fn decode_failures(version: Version, reader: &mut Reader<'_>) -> Result<Vec<Failure>> {
    if version < Version::V5 {
        let count = reader.int()?.clamp(0, i32::from(u16::MAX));
        let unknown = Failure {
            node: std::net::Ipv4Addr::UNSPECIFIED.into(),
            reason: 0,
        };
        return Ok(vec![unknown; usize::try_from(count).unwrap_or(0)]);
    }
    let count = reader.count(7)?;
    (0..count)
        .map(|_| {
            Ok(Failure {
                node: reader.address()?,
                reason: reader.short()?,
            })
        })
        .collect()
}

/// Appends the body of an ERROR.
pub fn error(out: &mut BytesMut, version: Version, message: &str, body: &ErrorBody) {
    let body = body.known_to(version);
    out.put_i32(body.code());
    put_string(out, message);
    body.encode(version, out);
}

impl ErrorBody {
    /// The kind of our own error type that it is, for those who read answers.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Server | Self::CdcWriteFailure => ErrorKind::Internal,
            Self::Protocol => ErrorKind::Protocol,
            Self::BadCredentials => ErrorKind::BadCredentials,
            Self::Unavailable { .. } => ErrorKind::Unavailable,
            Self::Overloaded => ErrorKind::Overloaded,
            Self::IsBootstrapping => ErrorKind::IsBootstrapping,
            Self::Truncate => ErrorKind::TruncateFailed,
            Self::WriteTimeout { .. } | Self::WriteFailure { .. } => ErrorKind::WriteTimeout,
            Self::CasWriteUnknown { .. } => ErrorKind::WriteTimeout,
            Self::ReadTimeout { .. } | Self::ReadFailure { .. } => ErrorKind::ReadTimeout,
            Self::FunctionFailure { .. } => ErrorKind::FunctionFailure,
            Self::Syntax => ErrorKind::Syntax,
            Self::Unauthorized => ErrorKind::Unauthorized,
            Self::Invalid => ErrorKind::Invalid,
            Self::Config => ErrorKind::Config,
            Self::AlreadyExists { .. } => ErrorKind::AlreadyExists,
            Self::Unprepared { .. } => ErrorKind::Unprepared,
        }
    }

    /// Our own error with this message.
    pub fn to_error(&self, message: impl Into<String>) -> Error {
        match self {
            Self::AlreadyExists { keyspace, table } => {
                Error::already_exists(message, keyspace, table)
            }
            _ => Error::new(self.kind(), message),
        }
    }

    /// The code of a breach of the protocol: a message that is too large is told as an invalid
    /// one, as Cassandra does.
    pub fn of_fault(fault: &ProtocolError) -> Self {
        match fault.fault {
            Fault::TooLarge => Self::Invalid,
            Fault::Version { .. } | Fault::Checksum | Fault::Malformed => Self::Protocol,
        }
    }

    /// The code of our own error. `consistency` is what the request asked for, and `write_type`
    /// what kind of write it was. Of the kinds that the protocol does not know, those that pass
    /// with time are OVERLOADED, those of the statement's own making INVALID, and the rest are the
    /// server's.
    pub fn of(error: &Error, consistency: Consistency, write_type: &str) -> Self {
        match error.kind {
            ErrorKind::Syntax => Self::Syntax,
            ErrorKind::Invalid | ErrorKind::Input => Self::Invalid,
            ErrorKind::Config => Self::Config,
            ErrorKind::AlreadyExists => {
                let (keyspace, table) = error.names.as_deref().cloned().unwrap_or_default();
                Self::AlreadyExists { keyspace, table }
            }
            ErrorKind::Unauthorized => Self::Unauthorized,
            ErrorKind::Protocol => Self::Protocol,
            ErrorKind::BadCredentials => Self::BadCredentials,
            ErrorKind::Overloaded | ErrorKind::WouldBlock | ErrorKind::DiskFull => Self::Overloaded,
            ErrorKind::IsBootstrapping => Self::IsBootstrapping,
            ErrorKind::TruncateFailed => Self::Truncate,
            ErrorKind::Unavailable => Self::Unavailable {
                consistency,
                required: 1,
                alive: 0,
            },
            ErrorKind::WriteTimeout => Self::WriteTimeout {
                consistency,
                received: 0,
                block_for: 1,
                write_type: write_type.to_owned(),
                contentions: None,
            },
            ErrorKind::ReadTimeout => Self::ReadTimeout {
                consistency,
                received: 0,
                block_for: 1,
                data_present: false,
            },
            // An UNPREPARED needs the statement's id, a failed function its name: without them
            // a driver could do nothing with the code.
            ErrorKind::Unprepared | ErrorKind::FunctionFailure => Self::Invalid,
            ErrorKind::Corrupt
            | ErrorKind::NewerFormat
            | ErrorKind::Locked
            | ErrorKind::Io
            | ErrorKind::Cancelled
            | ErrorKind::Internal => Self::Server,
        }
    }
}
