//! The lexer: from text to tokens, without copying and without looking twice.
//!
//! CQL's lexical rules have corners that general SQL tokenizers get wrong: a uuid stands bare
//! (`550e8400-e29b-…`), so does a duration (`1h30m`, `P1Y2M`), a range is `1..3`, `//` opens a
//! comment, and `>>` closes two types. A token is a slice of the text; what a string or a quoted
//! name says without its quotes is computed where somebody needs it. Keywords are no tokens of
//! their own: most of them may serve as names, so the parser decides what a word is.

use crate::cql::ast::Position;
use crate::error::{Error, Result};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A keyword or an unquoted name.
    Word,
    /// `"…"`.
    QuotedName,
    /// `'…'`.
    String,
    /// `$$…$$`.
    DollarString,
    /// Digits, without a sign.
    Integer,
    /// A number with a fraction or an exponent, without a sign.
    Float,
    /// A duration, without a sign.
    Duration,
    /// A uuid.
    Uuid,
    /// `0x…`.
    Hex,
    /// An operator or a punctuation mark.
    Symbol(Symbol),
    /// A character that CQL does not know.
    Unknown,
    /// The end of the text.
    End,
}

/// An operator or a punctuation mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see `text`")]
pub enum Symbol {
    LeftParen,
    RightParen,
    LeftBracket,
    RightBracket,
    LeftBrace,
    RightBrace,
    Comma,
    Semicolon,
    Colon,
    Dot,
    Range,
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
    Plus,
    PlusEq,
    Minus,
    MinusEq,
    Star,
    Slash,
    Percent,
    Question,
}

impl Symbol {
    /// As it is written.
    pub fn text(self) -> &'static str {
        match self {
            Self::LeftParen => "(",
            Self::RightParen => ")",
            Self::LeftBracket => "[",
            Self::RightBracket => "]",
            Self::LeftBrace => "{",
            Self::RightBrace => "}",
            Self::Comma => ",",
            Self::Semicolon => ";",
            Self::Colon => ":",
            Self::Dot => ".",
            Self::Range => "..",
            Self::Eq => "=",
            Self::NotEq => "!=",
            Self::Lt => "<",
            Self::LtEq => "<=",
            Self::Gt => ">",
            Self::GtEq => ">=",
            Self::Plus => "+",
            Self::PlusEq => "+=",
            Self::Minus => "-",
            Self::MinusEq => "-=",
            Self::Star => "*",
            Self::Slash => "/",
            Self::Percent => "%",
            Self::Question => "?",
        }
    }
}

/// A token: a slice of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it starts, in bytes.
    pub start: usize,
    /// Where it ends, in bytes.
    pub end: usize,
    /// Where it starts, for people.
    pub position: Position,
}

/// The lexer. A copy of it is a place to come back to.
#[derive(Clone, Copy, Debug)]
pub struct Lexer<'a> {
    text: &'a str,
    offset: usize,
    /// The place up to which `position` has counted.
    counted: usize,
    position: Position,
}

impl<'a> Lexer<'a> {
    /// A lexer at the start of `text`.
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            offset: 0,
            counted: 0,
            position: Position { line: 1, column: 0 },
        }
    }

    /// The whole text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The place of the next character.
    pub fn here(mut self) -> (usize, Position) {
        let offset = self.offset;
        (offset, self.count_to(offset))
    }

    /// The slice that `token` covers.
    pub fn slice(&self, token: &Token) -> &'a str {
        self.text.get(token.start..token.end).unwrap_or_default()
    }

    /// The next token.
    #[expect(clippy::should_implement_trait, reason = "it fails")]
    pub fn next(&mut self) -> Result<Token> {
        self.skip_blanks()?;
        let start = self.offset;
        let position = self.count_to(start);
        let bytes = self.text.as_bytes();
        let Some(&first) = bytes.get(start) else {
            return Ok(Token {
                kind: TokenKind::End,
                start,
                end: start,
                position,
            });
        };
        let rest = bytes.get(start..).unwrap_or_default();
        let (kind, length) = match first {
            b'a'..=b'z' | b'A'..=b'Z' => word(rest),
            b'0'..=b'9' => number(rest),
            b'\'' => (TokenKind::String, self.quoted(rest, b'\'')?),
            b'"' => (TokenKind::QuotedName, self.quoted(rest, b'"')?),
            b'$' if rest.get(1) == Some(&b'$') => (TokenKind::DollarString, self.dollars(start)?),
            _ => match symbol(rest) {
                Some((symbol, length)) => (TokenKind::Symbol(symbol), length),
                None => (TokenKind::Unknown, self.character_length()),
            },
        };
        self.offset = start + length;
        Ok(Token {
            kind,
            start,
            end: self.offset,
            position,
        })
    }

    /// Moves the position on to `offset`, which is never before the last one.
    fn count_to(&mut self, offset: usize) -> Position {
        let bytes = self.text.as_bytes();
        for &byte in bytes.get(self.counted..offset).unwrap_or_default() {
            if byte == b'\n' {
                self.position.line += 1;
                self.position.column = 0;
            } else if byte & 0xc0 != 0x80 {
                self.position.column += 1;
            }
        }
        self.counted = offset;
        self.position
    }

    /// Skips blanks and comments.
    fn skip_blanks(&mut self) -> Result<()> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.offset) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.offset += 1,
                Some(b'-') if bytes.get(self.offset + 1) == Some(&b'-') => self.skip_line(),
                Some(b'/') => match bytes.get(self.offset + 1) {
                    Some(b'/') => self.skip_line(),
                    Some(b'*') => self.skip_block_comment()?,
                    _ => return Ok(()),
                },
                // A byte order mark, as some editors leave it at the start of a script.
                Some(0xef) if self.offset == 0 && self.text.starts_with('\u{feff}') => {
                    self.offset = 3;
                }
                _ => return Ok(()),
            }
        }
    }

    fn skip_line(&mut self) {
        let rest = self.text.as_bytes().get(self.offset..).unwrap_or_default();
        self.offset += rest
            .iter()
            .position(|byte| matches!(byte, b'\n' | b'\r'))
            .unwrap_or(rest.len());
    }

    fn skip_block_comment(&mut self) -> Result<()> {
        let rest = self.text.get(self.offset + 2..).unwrap_or_default();
        match rest.find("*/") {
            Some(at) => self.offset += 2 + at + 2,
            None => return Err(self.unterminated("*")),
        }
        Ok(())
    }

    /// The length of a quoted token, whose quote is doubled inside.
    fn quoted(&mut self, rest: &[u8], quote: u8) -> Result<usize> {
        let mut at = 1;
        loop {
            match rest
                .get(at..)
                .unwrap_or_default()
                .iter()
                .position(|&byte| byte == quote)
            {
                None => return Err(self.unterminated(if quote == b'"' { "\"" } else { "'" })),
                Some(found) if rest.get(at + found + 1) == Some(&quote) => at += found + 2,
                Some(found) => return Ok(at + found + 1),
            }
        }
    }

    /// The length of a string in doubled dollars.
    fn dollars(&mut self, start: usize) -> Result<usize> {
        let inside = self.text.get(start + 2..).unwrap_or_default();
        match inside.find("$$") {
            Some(at) => Ok(2 + at + 2),
            None => Err(self.unterminated("$")),
        }
    }

    fn unterminated(&mut self, expected: &str) -> Error {
        let position = self.count_to(self.text.len());
        Error::syntax(format!(
            "{position} mismatched character '<EOF>' expecting '{expected}'"
        ))
    }

    fn character_length(&self) -> usize {
        let rest = self.text.get(self.offset..).unwrap_or_default();
        rest.chars().next().map_or(1, char::len_utf8)
    }
}

/// What a quoted token says: its quotes stripped, doubled ones halved.
pub fn unquote(slice: &str, quote: char) -> String {
    let inside = slice
        .strip_prefix(quote)
        .and_then(|rest| rest.strip_suffix(quote))
        .unwrap_or(slice);
    if inside.contains(quote) {
        let quote = quote.to_string();
        inside.replace(&quote.repeat(2), &quote)
    } else {
        inside.to_owned()
    }
}

fn symbol(rest: &[u8]) -> Option<(Symbol, usize)> {
    let first = *rest.first()?;
    let second = rest.get(1).copied();
    let pair = |yes: Symbol, no: Symbol| {
        if second == Some(b'=') {
            (yes, 2)
        } else {
            (no, 1)
        }
    };
    Some(match first {
        b'(' => (Symbol::LeftParen, 1),
        b')' => (Symbol::RightParen, 1),
        b'[' => (Symbol::LeftBracket, 1),
        b']' => (Symbol::RightBracket, 1),
        b'{' => (Symbol::LeftBrace, 1),
        b'}' => (Symbol::RightBrace, 1),
        b',' => (Symbol::Comma, 1),
        b';' => (Symbol::Semicolon, 1),
        b':' => (Symbol::Colon, 1),
        b'.' if second == Some(b'.') => (Symbol::Range, 2),
        b'.' => (Symbol::Dot, 1),
        b'=' => (Symbol::Eq, 1),
        b'!' if second == Some(b'=') => (Symbol::NotEq, 2),
        b'<' => pair(Symbol::LtEq, Symbol::Lt),
        b'>' => pair(Symbol::GtEq, Symbol::Gt),
        b'+' => pair(Symbol::PlusEq, Symbol::Plus),
        b'-' => pair(Symbol::MinusEq, Symbol::Minus),
        b'*' => (Symbol::Star, 1),
        b'/' => (Symbol::Slash, 1),
        b'%' => (Symbol::Percent, 1),
        b'?' => (Symbol::Question, 1),
        _ => return None,
    })
}

/// The bytes at the start of `rest` that satisfy `test`.
fn run(rest: &[u8], test: impl Fn(u8) -> bool) -> usize {
    rest.iter()
        .position(|&byte| !test(byte))
        .unwrap_or(rest.len())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn digits(rest: &[u8]) -> usize {
    run(rest, |byte| byte.is_ascii_digit())
}

fn word(rest: &[u8]) -> (TokenKind, usize) {
    if let Some(length) = uuid(rest) {
        return (TokenKind::Uuid, length);
    }
    let length = run(rest, is_word);
    if rest.first() == Some(&b'P')
        && let Some(duration) = iso_duration(rest)
        && duration >= length
    {
        return (TokenKind::Duration, duration);
    }
    (TokenKind::Word, length)
}

const UUID_LENGTH: usize = 36;

fn uuid(rest: &[u8]) -> Option<usize> {
    if rest.get(8) != Some(&b'-') {
        return None;
    }
    let candidate = rest.get(..UUID_LENGTH)?;
    let fits = candidate.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    fits.then_some(UUID_LENGTH)
}

fn number(rest: &[u8]) -> (TokenKind, usize) {
    if let Some(length) = uuid(rest) {
        return (TokenKind::Uuid, length);
    }
    if rest.first() == Some(&b'0') && matches!(rest.get(1), Some(b'x' | b'X')) {
        let tail = rest.get(2..).unwrap_or_default();
        return (
            TokenKind::Hex,
            2 + run(tail, |byte| byte.is_ascii_hexdigit()),
        );
    }
    let whole = digits(rest);
    if let Some(length) = unit_duration(rest) {
        return (TokenKind::Duration, length);
    }
    let mut length = whole;
    let mut kind = TokenKind::Integer;
    if rest.get(length) == Some(&b'.') && rest.get(length + 1) != Some(&b'.') {
        kind = TokenKind::Float;
        length += 1;
        length += digits(rest.get(length..).unwrap_or_default());
    }
    if matches!(rest.get(length), Some(b'e' | b'E')) {
        let signed = usize::from(matches!(rest.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(rest.get(length + 1 + signed..).unwrap_or_default());
        if exponent > 0 {
            kind = TokenKind::Float;
            length += 1 + signed + exponent;
        }
    }
    (kind, length)
}

/// The length of a duration's unit.
fn unit(rest: &[u8]) -> Option<usize> {
    let first = rest.first()?.to_ascii_lowercase();
    let second = rest.get(1).map(u8::to_ascii_lowercase);
    let length = match (first, second) {
        (b'm', Some(b'o' | b's')) | (b'u' | b'n', Some(b's')) => 2,
        (b'y' | b'w' | b'd' | b'h' | b'm' | b's', _) => 1,
        // µ (U+00B5) and s.
        (0xc2, Some(0xb5)) if matches!(rest.get(2), Some(b's' | b'S')) => 3,
        _ => return None,
    };
    Some(length)
}

/// The length of a duration of numbers with units.
fn unit_duration(rest: &[u8]) -> Option<usize> {
    let mut length = 0;
    loop {
        let tail = rest.get(length..).unwrap_or_default();
        let number = digits(tail);
        let unit = match number {
            0 => None,
            _ => unit(tail.get(number..).unwrap_or_default()),
        };
        match unit {
            Some(unit) => length += number + unit,
            None => return (length > 0).then_some(length),
        }
    }
}

/// The length of an ISO 8601 duration, `P` included.
fn iso_duration(rest: &[u8]) -> Option<usize> {
    if let Some(length) = iso_alternative(rest) {
        return Some(length);
    }
    let designators = |from: usize, letters: &[u8]| {
        let mut at = from;
        for letter in letters {
            let number = digits(rest.get(at..).unwrap_or_default());
            if number > 0 && rest.get(at + number) == Some(letter) {
                at += number + 1;
            }
        }
        at
    };
    let week = designators(1, b"W");
    if week > 1 {
        return Some(week);
    }
    let date = designators(1, b"YMD");
    if rest.get(date) == Some(&b'T') {
        let time = designators(date + 1, b"HMS");
        if time > date + 1 {
            return Some(time);
        }
    }
    (date > 1).then_some(date)
}

/// The length of `PYYYY-MM-DDThh:mm:ss`.
fn iso_alternative(rest: &[u8]) -> Option<usize> {
    const SHAPE: &[u8] = b"P0000-00-00T00:00:00";
    let candidate = rest.get(..SHAPE.len())?;
    let fits = candidate
        .iter()
        .zip(SHAPE)
        .all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            _ => byte == shape,
        });
    fits.then_some(SHAPE.len())
}
