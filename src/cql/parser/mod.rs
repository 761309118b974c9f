//! The parser: from text to a [`Statement`], by recursive descent.
//!
//! One file a group of statements; this one holds what they share: the current token, the tests
//! and expectations, names, and errors in the words of Cassandra's parser. The parser looks one
//! token ahead; where the grammar needs more it remembers its place, tries, and comes back.
//!
//! What nests (terms, types, parentheses) counts its depth against [`NESTING_MAX`], so that no
//! text can exhaust the stack.

mod access;
mod describe;
mod expr;
mod foreign;
mod job;
mod keywords;
mod modify;
mod names;
mod relation;
mod schema;
mod select;
mod split;
mod table;
mod types;

#[cfg(test)]
mod tests;

pub use foreign::{SQL_HINT, parse_either, sql_hint, sql_mark};
pub use split::{Piece, split_statements};

use crate::cql::ast::{Name, Position, Statement, StatementKind};
use crate::cql::lexer::{Lexer, Symbol, Token, TokenKind};
use crate::error::{Error, Result};
use crate::limits::{NESTING_MAX, STATEMENT_BYTES_MAX, STATEMENT_TOKENS_MAX};

/// Parses one statement; a semicolon may end it.
pub fn parse_statement(text: &str) -> Result<Statement> {
    let mut parser = Parser::new(text)?;
    let kind = parser.statement()?;
    parser.eat_symbol(Symbol::Semicolon)?;
    if parser.token.kind != TokenKind::End {
        return Err(parser.mismatched("EOF"));
    }
    Ok(Statement {
        kind,
        markers: parser.markers,
    })
}

/// The parser's state.
struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token,
    depth: usize,
    /// Operators seen in the expression under way: each makes its tree one level deeper.
    operators: usize,
    markers: Vec<Option<String>>,
    recent: Recent,
}

/// How many tokens before the wrong one an error message quotes. What separates two tokens is one
/// too, as in Cassandra.
const TOKENS_QUOTED: usize = 10;

/// Where the last few tokens started: what an error message quotes must not cost a second look at
/// the whole text, since some errors are only attempts.
#[derive(Clone, Copy, Default)]
struct Recent {
    starts: [usize; TOKENS_QUOTED],
    tokens: usize,
}

impl Recent {
    fn push(&mut self, start: usize) {
        self.starts[self.tokens % TOKENS_QUOTED] = start;
        self.tokens += 1;
    }

    /// The start of the oldest that is remembered, and whether others came before it.
    fn oldest(&self) -> (Option<usize>, bool) {
        match self.tokens {
            0 => (None, false),
            tokens if tokens <= TOKENS_QUOTED => (Some(self.starts[0]), false),
            tokens => (Some(self.starts[tokens % TOKENS_QUOTED]), true),
        }
    }
}

/// A place to come back to.
#[derive(Clone, Copy)]
struct Place<'a> {
    lexer: Lexer<'a>,
    token: Token,
    markers: usize,
    recent: Recent,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self> {
        if text.len() > STATEMENT_BYTES_MAX {
            return Err(Error::syntax(format!(
                "the statement has {} bytes; the limit is {STATEMENT_BYTES_MAX}",
                text.len()
            )));
        }
        let mut lexer = Lexer::new(text);
        let token = lexer.next()?;
        Ok(Self {
            lexer,
            token,
            depth: 0,
            operators: 0,
            markers: Vec::new(),
            recent: Recent::default(),
        })
    }

    fn statement(&mut self) -> Result<StatementKind> {
        if self.token.kind != TokenKind::Word {
            return Err(self.no_viable());
        }
        let first = self.slice().as_bytes().first().copied().unwrap_or_default();
        match first.to_ascii_uppercase() {
            b'S' if self.eat("SELECT")? => self.select(),
            b'I' if self.eat("INSERT")? => self.insert(),
            b'U' if self.eat("UPDATE")? => self.update(),
            b'U' if self.eat("USE")? => Ok(StatementKind::Use(self.name()?)),
            b'D' if self.eat("DELETE")? => self.delete(),
            b'D' if self.eat("DROP")? => self.drop(),
            b'D' if self.eat("DESCRIBE")? || self.eat("DESC")? => self.describe(),
            b'B' if self.eat("BEGIN")? => self.batch(),
            b'T' if self.eat("TRUNCATE")? => self.truncate(),
            b'C' if self.eat("CREATE")? => self.create(),
            b'A' if self.eat("ALTER")? => self.alter(),
            b'A' if self.eat("ADD")? => self.add_identity(),
            b'G' if self.eat("GRANT")? => self.grant(),
            b'R' if self.eat("REVOKE")? => self.revoke(),
            b'R' if self.eat("RUN")? => self.run_job(),
            b'L' if self.eat("LIST")? => self.list(),
            b'S' if self.at("SQL") => self.sql(),
            _ => Err(self.no_viable()),
        }
    }

    // ---- tokens

    fn slice(&self) -> &'a str {
        self.lexer.slice(&self.token)
    }

    fn advance(&mut self) -> Result<Token> {
        let next = self.lexer.next()?;
        self.recent.push(self.token.start);
        if next.start > self.token.end {
            self.recent.push(self.token.end);
        }
        if self.recent.tokens > STATEMENT_TOKENS_MAX {
            return Err(Error::syntax(format!(
                "the statement has more than {STATEMENT_TOKENS_MAX} words and signs, which is the \
                 limit; bind large values, and split large batches"
            )));
        }
        Ok(std::mem::replace(&mut self.token, next))
    }

    /// The token after the current one.
    fn peek(&self) -> Result<Token> {
        let mut lexer = self.lexer;
        lexer.next()
    }

    fn place(&self) -> Place<'a> {
        Place {
            lexer: self.lexer,
            token: self.token,
            markers: self.markers.len(),
            recent: self.recent,
        }
    }

    fn return_to(&mut self, place: Place<'a>) {
        self.lexer = place.lexer;
        self.token = place.token;
        self.recent = place.recent;
        self.markers.truncate(place.markers);
    }

    fn position(&self) -> Position {
        self.token.position
    }

    /// Whether the current token is the keyword `word`, given in capitals.
    fn at(&self, word: &str) -> bool {
        self.token.kind == TokenKind::Word && self.slice().eq_ignore_ascii_case(word)
    }

    /// Whether the token after the current one is the keyword `word`.
    fn peek_at(&self, word: &str) -> Result<bool> {
        let token = self.peek()?;
        Ok(token.kind == TokenKind::Word && self.lexer.slice(&token).eq_ignore_ascii_case(word))
    }

    fn at_symbol(&self, symbol: Symbol) -> bool {
        self.token.kind == TokenKind::Symbol(symbol)
    }

    fn peek_symbol(&self, symbol: Symbol) -> Result<bool> {
        Ok(self.peek()?.kind == TokenKind::Symbol(symbol))
    }

    fn eat(&mut self, word: &str) -> Result<bool> {
        let found = self.at(word);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn eat_symbol(&mut self, symbol: Symbol) -> Result<bool> {
        let found = self.at_symbol(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, word: &str) -> Result<()> {
        if self.eat(word)? {
            return Ok(());
        }
        Err(self.mismatched(&format!("K_{word}")))
    }

    fn expect_symbol(&mut self, symbol: Symbol) -> Result<()> {
        if self.eat_symbol(symbol)? {
            return Ok(());
        }
        Err(self.mismatched(&format!("'{}'", symbol.text())))
    }

    /// Items between parentheses or the like, separated by commas, at least one.
    fn comma_list<T>(&mut self, item: impl Fn(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat_symbol(Symbol::Comma)? {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn if_exists(&mut self) -> Result<bool> {
        if !(self.at("IF") && self.peek_at("EXISTS")?) {
            return Ok(false);
        }
        self.advance()?;
        self.advance()?;
        Ok(true)
    }

    fn if_not_exists(&mut self) -> Result<bool> {
        if !(self.at("IF") && self.peek_at("NOT")?) {
            return Ok(false);
        }
        self.advance()?;
        self.advance()?;
        self.expect("EXISTS")?;
        Ok(true)
    }

    /// Runs `parse` one level deeper.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= NESTING_MAX {
            return Err(Error::syntax(format!(
                "{} nesting is deeper than {NESTING_MAX} levels, which is the limit",
                self.position()
            )));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    // ---- errors

    /// The current token is the start of nothing that may stand here.
    fn no_viable(&self) -> Error {
        self.error_at("no viable alternative at input")
    }

    fn mismatched(&self, expected: &str) -> Error {
        self.error_with("mismatched input", &format!(" expecting {expected}"))
    }

    fn error_at(&self, what: &str) -> Error {
        self.error_with(what, "")
    }

    fn error_with(&self, what: &str, suffix: &str) -> Error {
        let position = self.position();
        if self.token.kind == TokenKind::End {
            // Cassandra's parser knows no place for the end of the text; people do.
            return Error::syntax(format!("line 0:-1 {what} '<EOF>'{suffix}"))
                .at(position.line, position.column);
        }
        let slice = self.slice();
        if self.token.kind == TokenKind::Unknown {
            let text = format!("{position} no viable alternative at character '{slice}'");
            return Error::syntax(text).at(position.line, position.column);
        }
        let found = match self.token.kind {
            TokenKind::QuotedName if slice.len() > 2 => names::unquoted(slice, '"'),
            TokenKind::String => names::unquoted(slice, '\''),
            _ => slice.to_owned(),
        };
        Error::syntax(format!(
            "{position} {what} '{}'{suffix}{}",
            shorten(&found),
            self.context()
        ))
        .at(position.line, position.column)
    }

    /// The neighbourhood of the current token: ` (…FROM t [x]…)`.
    fn context(&self) -> String {
        let text = self.lexer.text();
        let (oldest, cut) = self.recent.oldest();
        let start = oldest.unwrap_or(self.token.start);
        let before = text.get(start..self.token.start).unwrap_or_default();
        let dots = if cut { "..." } else { "" };
        let more = if self.token.end < text.trim_end().len() {
            "..."
        } else {
            ""
        };
        let (before, token) = (shorten_front(before), shorten(self.slice()));
        format!(" ({dots}{before}[{token}]{more})")
    }
}

/// The longest piece of a statement that an error message quotes, in characters.
const QUOTED_CHARS_MAX: usize = 60;

fn shorten(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((at, _)) => format!("{}...", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn shorten_front(text: &str) -> String {
    match text.char_indices().rev().nth(QUOTED_CHARS_MAX) {
        Some((at, _)) => format!("...{}", text.get(at..).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The name that a word or quoted name stands for.
fn name_of(text: String, position: Position) -> Name {
    Name { text, position }
}
