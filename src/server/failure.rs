//! Errors as clients are told: the code, and what that code tells besides.

use crate::error::{Error, ErrorKind};
use crate::protocol::{Consistency, ErrorBody, ProtocolError};
use crate::session::StatementClass;
use bytes::Bytes;

/// What an error's body may have to tell of the request.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The consistency that was asked for.
    pub consistency: Consistency,
    /// What sort of statement it was.
    pub class: Option<StatementClass>,
    /// The kind of write, as Cassandra names it.
    pub write_type: &'static str,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            consistency: Consistency::One,
            class: None,
            write_type: "SIMPLE",
        }
    }
}

/// A failure on its way to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What was wrong.
    pub message: String,
    /// Its code, and what that code tells besides.
    pub body: ErrorBody,
}

impl Failure {
    /// A failure without more to tell.
    pub fn new(body: ErrorBody, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { message, body }
    }

    /// A breach of the protocol.
    pub fn protocol(message: impl Into<String>) -> Self {
        Self::new(ErrorBody::Protocol, message)
    }

    /// Too much at once.
    pub fn overloaded(message: impl Into<String>) -> Self {
        Self::new(ErrorBody::Overloaded, message)
    }

    /// A prepared statement that is not known.
    pub fn unprepared(id: &Bytes) -> Self {
        let shown: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        Self::new(
            ErrorBody::Unprepared { id: id.clone() },
            format!(
                "Prepared query with ID {shown} not found (either the query was not prepared on \
                 this host (maybe the host has been restarted?) or you have prepared too many \
                 queries and it has been evicted from the internal cache)"
            ),
        )
    }

    /// An error of the database, about a request; `id` names the prepared statement, if any.
    pub fn of(error: Error, asked: Asked, id: Option<&Bytes>) -> Self {
        let body = match error.kind {
            ErrorKind::Syntax => ErrorBody::Syntax,
            ErrorKind::Invalid => ErrorBody::Invalid,
            ErrorKind::Config => ErrorBody::Config,
            ErrorKind::AlreadyExists => match error.names {
                Some(names) => ErrorBody::AlreadyExists {
                    keyspace: names.0,
                    table: names.1,
                },
                None => ErrorBody::Invalid,
            },
            ErrorKind::Unauthorized => ErrorBody::Unauthorized,
            ErrorKind::FunctionFailure => failed_operation(&error.message),
            ErrorKind::Unprepared => match id {
                Some(id) => ErrorBody::Unprepared { id: id.clone() },
                None => ErrorBody::Server,
            },
            ErrorKind::Protocol => ErrorBody::Protocol,
            ErrorKind::BadCredentials => ErrorBody::BadCredentials,
            ErrorKind::Overloaded => ErrorBody::Overloaded,
            ErrorKind::Unavailable => ErrorBody::Unavailable {
                consistency: asked.consistency,
                required: 1,
                alive: 0,
            },
            ErrorKind::IsBootstrapping => ErrorBody::IsBootstrapping,
            ErrorKind::TruncateFailed => ErrorBody::Truncate,
            ErrorKind::WriteTimeout | ErrorKind::ReadTimeout => return Self::timeout(asked),
            _ => return Self::of_storage(error, asked),
        };
        Self::new(body, error.message)
    }

    /// What the files or the machine refused: the request's only replica failed.
    fn of_storage(error: Error, asked: Asked) -> Self {
        let stored = matches!(
            error.kind,
            ErrorKind::DiskFull | ErrorKind::Corrupt | ErrorKind::Io
        );
        let node = std::net::Ipv4Addr::LOCALHOST.into();
        let failures = vec![crate::protocol::response::Failure { node, reason: 0 }];
        let body = match asked.class {
            Some(StatementClass::Select) if stored => ErrorBody::ReadFailure {
                consistency: asked.consistency,
                received: 0,
                block_for: 1,
                failures,
                data_present: false,
            },
            Some(class) if stored && is_write(class) => ErrorBody::WriteFailure {
                consistency: asked.consistency,
                received: 0,
                block_for: 1,
                failures,
                write_type: asked.write_type.to_owned(),
            },
            _ => ErrorBody::Server,
        };
        tracing::error!("a request failed: {}", error.message);
        Self::new(body, error.message)
    }

    /// It took too long.
    pub fn timeout(asked: Asked) -> Self {
        let message = "Operation timed out - received only 0 responses.";
        let body = match asked.class {
            Some(StatementClass::Truncate) => ErrorBody::Truncate,
            Some(class) if is_write(class) => ErrorBody::WriteTimeout {
                consistency: asked.consistency,
                received: 0,
                block_for: 1,
                write_type: asked.write_type.to_owned(),
                contentions: None,
            },
            _ => ErrorBody::ReadTimeout {
                consistency: asked.consistency,
                received: 0,
                block_for: 1,
                data_present: false,
            },
        };
        Self::new(body, message)
    }
}

impl From<ProtocolError> for Failure {
    fn from(fault: ProtocolError) -> Self {
        Self::protocol(fault.message)
    }
}

/// Whether statements of this sort write.
pub fn is_write(class: StatementClass) -> bool {
    matches!(
        class,
        StatementClass::Insert
            | StatementClass::Update
            | StatementClass::Delete
            | StatementClass::Batch
    )
}

/// Which function failed: operators say so, `the operation 'int / int' failed`; of others the
/// message tells.
fn failed_operation(message: &str) -> ErrorBody {
    let operation = message.strip_prefix("the operation '").unwrap_or_default();
    let operation = operation.split('\'').next().unwrap_or_default();
    let words: Vec<&str> = operation.split(' ').collect();
    let [left, sign, right] = words[..] else {
        return ErrorBody::FunctionFailure {
            keyspace: "system".to_owned(),
            function: String::new(),
            arguments: Vec::new(),
        };
    };
    let function = match sign {
        "+" => "_add",
        "-" => "_subtract",
        "*" => "_multiply",
        "/" => "_divide",
        _ => "_modulo",
    };
    ErrorBody::FunctionFailure {
        keyspace: "system".to_owned(),
        function: function.to_owned(),
        arguments: vec![left.to_owned(), right.to_owned()],
    }
}
