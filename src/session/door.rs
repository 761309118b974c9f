//! By which door a statement comes in, and what that allows.
//!
//! The shell and the library say what they mean to the database of their own process: batch SQL
//! needs no word in front where it shows what it is, and reads any file that the process may. What
//! comes over the network is somebody else's: unless told otherwise it must say `SQL`, and finds no
//! files.

use crate::cql::ast::{Statement, StatementKind};
use crate::cql::parser;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use std::path::PathBuf;

/// How batch SQL is told from CQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Routing {
    /// By the word `SQL` in front.
    Explicit,
    /// Also by what no CQL has: JOIN, a leading WITH, a subquery and the like.
    #[default]
    Auto,
}

/// Which files a batch query may read in place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Files {
    /// All that the process may.
    #[default]
    Any,
    /// Those below this directory.
    Below(PathBuf),
    /// None.
    None,
}

/// What those who come in by a door may do. The default is the library's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Door {
    /// How batch SQL is told from CQL.
    pub routing: Routing,
    /// Which files it may read.
    pub files: Files,
    /// Whether others wait for the same threads, so that only so many batch queries may run at
    /// the same time.
    pub shared: bool,
}

/// Reads a statement.
pub(super) fn parse(text: &str, routing: Routing) -> Result<Statement> {
    if text.len() > limits::STATEMENT_BYTES_MAX {
        return Err(Error::invalid(format!(
            "The statement has {} bytes; at most {} are taken",
            text.len(),
            limits::STATEMENT_BYTES_MAX
        )));
    }
    match routing {
        Routing::Auto => parser::parse_either(text),
        Routing::Explicit => parser::parse_statement(text).map_err(|error| told(error, text)),
    }
}

/// CQL's own error; where the text looks like batch SQL its message ends with what to do, since no
/// hint goes over the wire.
fn told(error: Error, text: &str) -> Error {
    if error.kind != ErrorKind::Syntax || parser::sql_mark(text).is_none() {
        return error;
    }
    Error {
        message: format!("{} ({})", error.message, parser::SQL_HINT),
        ..error
    }
}

/// Whether a statement is no CQL.
pub(super) fn is_apart(kind: &StatementKind) -> bool {
    matches!(kind, StatementKind::Sql(_) | StatementKind::Explain(_))
}
