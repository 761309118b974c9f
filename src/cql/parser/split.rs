//! Splitting a script into statements, without parsing them.
//!
//! A semicolon ends a statement, unless it stands in a string, a quoted name or a comment, or
//! inside `BEGIN … BATCH … APPLY BATCH`. What cannot be split (a string that never ends) is one
//! last piece, for the parser to complain about.

use crate::cql::lexer::{Lexer, Symbol, Token, TokenKind};

/// A piece of a script: one statement with its place in the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The statement's text without its semicolon, from its first token to its last.
    pub text: &'a str,
    /// The line on which it starts, from 1.
    pub line: u32,
    /// The column at which it starts, in characters from 0.
    pub column: u32,
    /// Where it starts in the script, in bytes.
    pub start: usize,
    /// Where the next one may start: behind the semicolon, or at the script's end.
    pub end: usize,
    /// Whether a semicolon ended it; what comes last in a script may go without.
    pub terminated: bool,
}

/// The statements of a script, in order; empty ones are left out.
pub fn split_statements(script: &str) -> impl Iterator<Item = Piece<'_>> {
    Splitter {
        script,
        lexer: Lexer::new(script),
    }
}

struct Splitter<'a> {
    script: &'a str,
    lexer: Lexer<'a>,
}

/// How far into `BEGIN … APPLY BATCH` a statement is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Batch {
    Outside,
    Inside,
    /// After APPLY.
    Applying,
}

impl<'a> Iterator for Splitter<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let mut first: Option<Token> = None;
        let mut last_end = 0;
        let mut batch = Batch::Outside;
        loop {
            let before = self.lexer;
            let token = match self.lexer.next() {
                Ok(token) => token,
                Err(_) => return self.unreadable(before, first),
            };
            match (token.kind, first) {
                (TokenKind::End, None) => return None,
                (TokenKind::End, Some(first)) => {
                    return Some(self.piece(&first, last_end, self.script.len(), false));
                }
                (TokenKind::Symbol(Symbol::Semicolon), None) => continue,
                (TokenKind::Symbol(Symbol::Semicolon), Some(first)) if batch != Batch::Inside => {
                    return Some(self.piece(&first, last_end, token.end, true));
                }
                (TokenKind::Word, None) if self.is(&token, "BEGIN") => batch = Batch::Inside,
                (TokenKind::Word, Some(_))
                    if batch == Batch::Inside && self.is(&token, "APPLY") =>
                {
                    batch = Batch::Applying;
                }
                _ => {}
            }
            first = first.or(Some(token));
            last_end = token.end;
        }
    }
}

impl<'a> Splitter<'a> {
    fn is(&self, token: &Token, word: &str) -> bool {
        self.lexer.slice(token).eq_ignore_ascii_case(word)
    }

    fn piece(&self, first: &Token, last_end: usize, end: usize, terminated: bool) -> Piece<'a> {
        Piece {
            text: self.script.get(first.start..last_end).unwrap_or_default(),
            line: first.position.line,
            column: first.position.column,
            start: first.start,
            end,
            terminated,
        }
    }

    /// The rest of a script in which something is no token.
    fn unreadable(&mut self, before: Lexer<'a>, first: Option<Token>) -> Option<Piece<'a>> {
        let (start, position) = match first {
            Some(first) => (first.start, first.position),
            None => before.here(),
        };
        self.lexer = Lexer::new("");
        Some(Piece {
            text: self.script.get(start..).unwrap_or_default(),
            line: position.line,
            column: position.column,
            start,
            end: self.script.len(),
            terminated: false,
        })
    }
}
