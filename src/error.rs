//! The one error type of the crate.
//!
//! An error is classified by what its receiver must do next, in the classes that Cassandra's
//! native protocol knows (`native_protocol_v5.spec`, section 9) plus those of an embedded engine
//! (a damaged file, a full disk, a locked directory). The message says what was wrong, where, and
//! what to do; drivers and people match on the words, so for CQL they are Cassandra's own.

use std::fmt;

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it was: what the receiver should do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The text is no CQL. Mend the text. (Cassandra: SyntaxException, 0x2000.)
    Syntax,
    /// The statement is CQL but not valid here. (Cassandra: InvalidRequestException, 0x2200.)
    Invalid,
    /// A schema or option setting is wrong. (Cassandra: ConfigurationException, 0x2300.)
    Config,
    /// What is to be created is there already. (Cassandra: AlreadyExistsException, 0x2400.)
    AlreadyExists,
    /// The role may not do this. (Cassandra: UnauthorizedException, 0x2100.)
    Unauthorized,
    /// A user function failed. (Cassandra: FunctionExecutionException, 0x1400.)
    FunctionFailure,
    /// A prepared statement is not known (any more): prepare it again. (Cassandra: 0x2500.)
    Unprepared,
    /// Bytes that are no message, or not allowed now. (Cassandra: ProtocolException, 0x000A.)
    Protocol,
    /// Name or password are wrong. (Cassandra: AuthenticationException, 0x0100.)
    BadCredentials,
    /// Too much at once: try again later. (Cassandra: OverloadedException, 0x1001.)
    Overloaded,
    /// There is no node that could answer: a server's word. (Cassandra: 0x1000.)
    Unavailable,
    /// The server starts still, or stops already. (Cassandra: IsBootstrappingException, 0x1002.)
    IsBootstrapping,
    /// A table could not be emptied. (Cassandra: TruncateException, 0x1003.)
    TruncateFailed,
    /// A write took too long; it may be done or not. (Cassandra: WriteTimeoutException, 0x1100.)
    WriteTimeout,
    /// A read took too long. (Cassandra: ReadTimeoutException, 0x1200.)
    ReadTimeout,
    /// It would have to wait, for a file or for others, where that is not allowed. Nothing has
    /// been changed: do it again where waiting is.
    WouldBlock,
    /// The disk is full: reads go on, writes resume when there is room.
    DiskFull,
    /// Bytes on disk are not those that were written. Names file and offset.
    Corrupt,
    /// A file was written by a newer helenus than this one.
    NewerFormat,
    /// Another process has the data directory open.
    Locked,
    /// The operating system refused an input or output. Names the file.
    Io,
    /// The statement was stopped by its user.
    Cancelled,
    /// Input data (a CSV file, say) cannot be taken as it is.
    Input,
    /// A defect of helenus itself. (Cassandra: ServerError, 0x0000.)
    Internal,
}

/// A failure: its kind, its message, and where known the place and a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of failure.
    pub kind: ErrorKind,
    /// What was wrong, and where.
    pub message: String,
    /// One line on what to try, where something helps.
    pub hint: Option<String>,
    /// Where in the statement, where that is known: the line from 1, the character from 0. The
    /// message does not repeat it, except in a syntax error, where Cassandra's words do.
    pub position: Option<(u32, u32)>,
    /// What is there already ([`ErrorKind::AlreadyExists`]): keyspace and table; the latter is
    /// empty where it is the keyspace.
    pub names: Option<Box<(String, String)>>,
}

/// How the error of an output that was closed ends.
const READER_GONE: &str = ": was closed by its reader";

impl Error {
    /// An error of `kind` with its message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            position: None,
            names: None,
        }
    }

    /// A keyspace or table that is to be created is there already.
    pub fn already_exists(message: impl Into<String>, keyspace: &str, table: &str) -> Self {
        let mut error = Self::new(ErrorKind::AlreadyExists, message);
        error.names = Some(Box::new((keyspace.to_owned(), table.to_owned())));
        error
    }

    /// A syntax error.
    pub fn syntax(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Syntax, message)
    }

    /// An invalid request.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// A wrong schema or option setting.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// Damaged bytes: `file` and the `offset` at which the damaged unit starts.
    pub fn corrupt(file: &str, offset: u64, what: impl fmt::Display) -> Self {
        Self::new(
            ErrorKind::Corrupt,
            format!("{file}: damaged at offset {offset}: {what}"),
        )
    }

    /// A refusal by the operating system, about `file`.
    pub fn io(file: &str, doing: &str, error: &std::io::Error) -> Self {
        let full = matches!(
            error.kind(),
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
        );
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::new(ErrorKind::Io, format!("{file}{READER_GONE}"));
        }
        let kind = if full {
            ErrorKind::DiskFull
        } else {
            ErrorKind::Io
        };
        Self::new(kind, format!("{file}: cannot {doing}: {error}"))
    }

    /// Whether it says that nobody reads the output any more: `helenus export … | head` is no
    /// failure that a person wants to hear of.
    pub fn is_reader_gone(&self) -> bool {
        self.kind == ErrorKind::Io && self.message.ends_with(READER_GONE)
    }

    /// A defect of helenus itself.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// The same error with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error about this place in the statement: the line from 1, the character from 0.
    /// An error that knows its place already keeps it, since it knows better.
    #[must_use]
    pub fn at(mut self, line: u32, column: u32) -> Self {
        self.position.get_or_insert((line, column));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
