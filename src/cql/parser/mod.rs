//! The parser: from text to a [`Statement`].

use crate::cql::ast::Statement;
use crate::error::{Error, Result};

/// Parses one statement; a semicolon may end it.
pub fn parse_statement(_text: &str) -> Result<Statement> {
    Err(Error::internal("the parser is being built"))
}

/// A piece of a script: one statement with its place in the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The statement's text without its semicolon.
    pub text: &'a str,
    /// The line on which it starts, from 1.
    pub line: u32,
    /// The column at which it starts, in characters from 0.
    pub column: u32,
    /// Whether a semicolon ended it; what comes last in a script may go without.
    pub terminated: bool,
}
