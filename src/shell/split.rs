//! Splitting a script into statements while it is being read.
//!
//! A script may be a terminal, a pipe or a file of any size, so the splitter never asks for the
//! whole text: bytes are pushed as they come, and a statement is handed out as soon as its end was
//! seen. Three things end a statement:
//!
//! - a `;` outside of quotes, `$$ … $$` and comments;
//! - for a batch, the `;` after `APPLY BATCH` only;
//! - for the shell's own commands that fit on a line (`EXIT`, `EXPAND ON`, …), the line's end too.
//!
//! ```text
//!   bytes: … ; -- note \n SELECT 1 FROM t ; USE k ;
//!              ^ dropped  ^ start         ^ at
//! ```
//!
//! What stands between statements is dropped at once, and a statement longer than
//! [`STATEMENT_BYTES_MAX`] is refused while it is read, so memory stays bounded whatever comes.

use crate::error::{Error, Result};
use crate::limits::STATEMENT_BYTES_MAX;

/// The shell's own commands that end with their line, as cqlsh has it.
const LINE_COMMANDS: &[&str] = &[
    "HELP",
    "EXIT",
    "QUIT",
    "EXPAND",
    "PAGING",
    "SOURCE",
    "CAPTURE",
    "WAIT",
    "SHOW",
    "CLEAR",
    "CLS",
    "HISTORY",
    "DESCRIBE",
    "DESC",
    "CONSISTENCY",
    "SERIAL",
    "TRACING",
    "LOGIN",
];

/// No word that the splitter looks for is longer; the rest of a long word does not matter.
const WORD_BYTES_MAX: usize = 16;

/// What editors on Windows put in front of UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One statement of a script, without the `;` that ended it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its text, from its first word on.
    pub text: String,
    /// The line on which it starts, from 1.
    pub line: usize,
    /// The character of that line at which it starts, from 1.
    pub column: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Plain,
    /// Inside `'…'` or `"…"`. A doubled quote closes and opens again, which comes to the same.
    Quoted(u8),
    /// Inside `$$…$$`.
    Dollars,
    LineComment,
    BlockComment,
}

/// What the first words of the present statement say about where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Ends at the next `;`.
    Plain,
    /// Ends at the line's end too.
    Line,
    /// Began with BEGIN, which may yet become a batch.
    Begin,
    /// A batch before its APPLY BATCH.
    Batch,
    /// A batch that has just seen APPLY.
    Applying,
}

/// See the module's text.
#[derive(Debug)]
pub struct Splitter {
    bytes: Vec<u8>,
    /// Where the present statement starts, or, between statements, what is read next.
    start: usize,
    /// What is read next.
    at: usize,
    state: State,
    shape: Shape,
    /// How many words the present statement has so far.
    words: usize,
    word: Vec<u8>,
    inside: bool,
    line: usize,
    column: usize,
    start_line: usize,
    start_column: usize,
    /// Where the last comment started.
    comment_line: usize,
    /// Whether nothing was read yet.
    first: bool,
}

impl Default for Splitter {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            at: 0,
            state: State::Plain,
            shape: Shape::Plain,
            words: 0,
            word: Vec::new(),
            inside: false,
            line: 1,
            column: 1,
            start_line: 1,
            start_column: 1,
            comment_line: 1,
            first: true,
        }
    }
}

impl Splitter {
    /// Adds what was read next.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.at -= self.start;
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next statement whose end was seen.
    pub fn next(&mut self) -> Result<Option<Statement>> {
        self.advance(false)
    }

    /// The rest, once all was pushed: the last statement needs no `;`.
    pub fn finish(&mut self) -> Result<Option<Statement>> {
        self.advance(true)
    }

    /// Whether a statement has begun that has not ended (or a comment that is still open).
    pub fn is_inside(&self) -> bool {
        self.inside || self.state == State::BlockComment
    }

    /// Forgets the statement that has begun.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn advance(&mut self, last: bool) -> Result<Option<Statement>> {
        if self.first {
            if self.bytes.len() < BYTE_ORDER_MARK.len()
                && BYTE_ORDER_MARK.starts_with(&self.bytes)
                && !last
            {
                return Ok(None);
            }
            if self.bytes.starts_with(BYTE_ORDER_MARK) {
                self.at = BYTE_ORDER_MARK.len();
                self.start = self.at;
            }
            self.first = false;
        }
        while let Some(&byte) = self.bytes.get(self.at) {
            let following = self.bytes.get(self.at + 1).copied();
            if following.is_none() && !last && matches!(byte, b'-' | b'/' | b'*' | b'$') {
                break;
            }
            if self.step(byte, following) {
                let statement = self.take(self.at - 1)?;
                if let Some(statement) = statement {
                    return Ok(Some(statement));
                }
            }
            if self.inside && self.at - self.start > STATEMENT_BYTES_MAX {
                return Err(Error::invalid(format!(
                    "the statement that starts on line {} is longer than {STATEMENT_BYTES_MAX} \
                     bytes, the limit for one statement",
                    self.start_line
                )));
            }
        }
        if last && self.inside {
            self.end_word();
            return self.take(self.at);
        }
        if last && self.state == State::BlockComment {
            self.state = State::Plain;
            return Err(Error::syntax(format!(
                "the comment that starts on line {} is never closed with */",
                self.comment_line
            )));
        }
        Ok(None)
    }

    /// Reads one unit (`byte`, or a two-byte mark). Answers whether it ended the statement.
    fn step(&mut self, byte: u8, following: Option<u8>) -> bool {
        let mark = following.map(|next| [byte, next]);
        match self.state {
            State::Plain => return self.step_plain(byte, mark),
            State::Quoted(quote) => {
                if byte == quote {
                    self.state = State::Plain;
                }
            }
            State::Dollars => {
                if mark == Some(*b"$$") {
                    self.state = State::Plain;
                    self.consume(b'$');
                }
            }
            State::LineComment => {
                if byte == b'\n' {
                    self.state = State::Plain;
                    return self.step_plain(byte, mark);
                }
            }
            State::BlockComment => {
                if mark == Some(*b"*/") {
                    self.state = State::Plain;
                    self.consume(b'*');
                }
            }
        }
        self.consume(byte);
        false
    }

    fn step_plain(&mut self, byte: u8, mark: Option<[u8; 2]>) -> bool {
        let word = byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
        if !word {
            self.end_word();
        }
        let comment = match mark {
            Some([b'-', b'-'] | [b'/', b'/']) => Some(State::LineComment),
            Some([b'/', b'*']) => Some(State::BlockComment),
            _ => None,
        };
        if let Some(comment) = comment {
            self.state = comment;
            self.comment_line = self.line;
            self.consume(byte);
            self.consume(byte);
            return false;
        }
        if byte == b';' || (byte == b'\n' && self.inside && self.shape == Shape::Line) {
            self.consume(byte);
            return byte == b'\n' || !matches!(self.shape, Shape::Batch | Shape::Applying);
        }
        if byte.is_ascii_whitespace() {
            self.consume(byte);
            return false;
        }
        if !self.inside {
            self.inside = true;
            self.start = self.at;
            self.start_line = self.line;
            self.start_column = self.column;
        }
        if word {
            if self.word.len() < WORD_BYTES_MAX {
                self.word.push(byte.to_ascii_uppercase());
            }
        } else if byte == b'\'' || byte == b'"' {
            self.state = State::Quoted(byte);
        } else if mark == Some(*b"$$") {
            self.state = State::Dollars;
            self.consume(byte);
        } else if byte == b'?' && self.words == 0 {
            self.shape = Shape::Line;
        }
        self.consume(byte);
        false
    }

    /// Passes one byte.
    fn consume(&mut self, byte: u8) {
        self.at += 1;
        if byte == b'\n' {
            self.line += 1;
            self.column = 1;
        } else if byte & 0xc0 != 0x80 {
            self.column += 1;
        }
        if !self.inside {
            self.start = self.at;
        }
    }

    fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        let word = std::mem::take(&mut self.word);
        self.words += 1;
        self.shape = match (self.shape, self.words, word.as_slice()) {
            (Shape::Plain, 1, b"BEGIN") => Shape::Begin,
            (Shape::Plain, 1, word) => {
                let is = |command: &&str| command.as_bytes() == word;
                if LINE_COMMANDS.iter().any(is) {
                    Shape::Line
                } else {
                    Shape::Plain
                }
            }
            (Shape::Begin, 2..=3, b"BATCH") => Shape::Batch,
            (Shape::Begin, 2, b"LOGGED" | b"UNLOGGED" | b"COUNTER") => Shape::Begin,
            (Shape::Begin, ..) => Shape::Plain,
            (Shape::Batch, _, b"APPLY") => Shape::Applying,
            (Shape::Applying, _, b"BATCH") => Shape::Plain,
            (Shape::Applying, ..) => Shape::Batch,
            (shape, ..) => shape,
        };
    }

    /// Hands out what lies between the start and `end`, unless that is nothing.
    fn take(&mut self, end: usize) -> Result<Option<Statement>> {
        let inside = std::mem::take(&mut self.inside);
        let bytes = self.bytes.get(self.start..end).unwrap_or_default();
        let text = std::str::from_utf8(bytes).map(|text| text.trim_end().to_owned());
        self.start = self.at;
        self.shape = Shape::Plain;
        self.words = 0;
        if !inside {
            return Ok(None);
        }
        let text = text.map_err(|_| {
            Error::syntax(format!(
                "the statement that starts on line {} is no valid UTF-8",
                self.start_line
            ))
        })?;
        Ok(Some(Statement {
            text,
            line: self.start_line,
            column: self.start_column,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All statements of `text`, pushed in pieces of `piece` bytes.
    fn split(text: &str, piece: usize) -> Vec<(String, usize, usize)> {
        let mut splitter = Splitter::default();
        let mut found = Vec::new();
        for bytes in text.as_bytes().chunks(piece) {
            splitter.push(bytes);
            while let Some(s) = splitter.next().unwrap() {
                found.push((s.text, s.line, s.column));
            }
        }
        if let Some(s) = splitter.finish().unwrap() {
            found.push((s.text, s.line, s.column));
        }
        found
    }

    fn texts(text: &str) -> Vec<String> {
        let whole = split(text, usize::MAX);
        for piece in [1, 2, 3, 7] {
            assert_eq!(split(text, piece), whole, "in pieces of {piece}");
        }
        whole.into_iter().map(|(text, ..)| text).collect()
    }

    #[test]
    fn quotes_dollars_and_comments_hide_semicolons() {
        assert_eq!(
            texts("a ';' \";\" $$;$$ /*;*/ b -- ;\n c // ;\n; 'it''s;' ;; d"),
            ["a ';' \";\" $$;$$ /*;*/ b -- ;\n c // ;", "'it''s;'", "d"]
        );
        assert_eq!(
            texts("a $$ 'x' $ ; $$; b - - / ;"),
            ["a $$ 'x' $ ; $$", "b - - /"]
        );
        assert_eq!(texts("/* ** ; **/ a; -- last"), ["a"]);
        assert_eq!(texts(" \n\t;; ; -- only\n /* this */ "), [] as [&str; 0]);
        assert_eq!(texts("\u{feff}USE k; a"), ["USE k", "a"]);
    }

    #[test]
    fn a_batch_ends_after_apply_batch() {
        let batch = "BEGIN UNLOGGED BATCH INSERT x; UPDATE y; apply /* ; */ batch";
        assert_eq!(texts(&format!("{batch}; SELECT 1;")), [batch, "SELECT 1"]);
        assert_eq!(
            texts("begin batch apply; batch apply batch; x"),
            ["begin batch apply; batch apply batch", "x"]
        );
        assert_eq!(texts("BEGIN nonsense; x"), ["BEGIN nonsense", "x"]);
    }

    #[test]
    fn commands_of_the_shell_end_with_their_line() {
        assert_eq!(
            texts("expand on\nSELECT\n 1; SOURCE 'a\nb' -- c\nEXIT; help\n?\nx"),
            [
                "expand on",
                "SELECT\n 1",
                "SOURCE 'a\nb' -- c",
                "EXIT",
                "help",
                "?",
                "x"
            ]
        );
    }

    #[test]
    fn positions_count_characters() {
        assert_eq!(
            split("a;\n é b ; c;", 1),
            [("a".into(), 1, 1), ("é b".into(), 2, 2), ("c".into(), 2, 8)]
        );
    }

    #[test]
    fn what_is_open_is_known() {
        let mut splitter = Splitter::default();
        splitter.push(b"SELECT 'a;\n");
        assert_eq!(splitter.next().unwrap(), None);
        assert!(splitter.is_inside());
        splitter.clear();
        splitter.push(b"/* open");
        assert_eq!(splitter.next().unwrap(), None);
        assert!(splitter.is_inside());
        splitter.clear();
        splitter.push(b"a; -- b\n");
        assert!(splitter.next().unwrap().is_some());
        assert_eq!(splitter.next().unwrap(), None);
        assert!(!splitter.is_inside());
    }

    #[test]
    fn a_statement_may_have_the_limit_and_no_byte_more() {
        for (length, good) in [
            (STATEMENT_BYTES_MAX, true),
            (STATEMENT_BYTES_MAX + 1, false),
        ] {
            let mut splitter = Splitter::default();
            splitter.push("x".repeat(length).as_bytes());
            let answer = splitter.next().and_then(|_| splitter.finish());
            assert_eq!(answer.is_ok(), good, "{length}");
        }
    }

    #[test]
    fn a_comment_that_is_never_closed_is_refused() {
        let mut splitter = Splitter::default();
        splitter.push(b"SELECT 1;\n\n/* half\nSELECT 2;\n");
        assert!(splitter.next().unwrap().is_some());
        assert!(splitter.next().unwrap().is_none());
        let error = splitter.finish().unwrap_err();
        assert!(error.message.contains("line 3"), "{}", error.message);
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        let mut splitter = Splitter::default();
        splitter.push(b"a;\nb \xff;");
        assert!(splitter.next().unwrap().is_some());
        assert!(splitter.next().unwrap_err().message.contains("line 2"));
    }
}
