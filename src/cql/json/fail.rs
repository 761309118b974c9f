//! What is said of text that is no JSON.
//!
//! Cassandra passes on what its JSON library says, which is known from countless logs: the class
//! of a Java exception, what was unexpected, and the place, with the beginning of the text.

use std::fmt::Write;

/// How much of the text a message shows, in UTF-16 units as Java counts.
const SHOWN_UNITS_MAX: usize = 500;

/// What text that is no JSON does wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The Java class that says so.
    pub class: &'static str,
    /// What it says.
    pub message: String,
}

/// Where in a text something is: the line from 1, the column in UTF-16 units from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    line: usize,
    column: usize,
}

impl Place {
    /// The place of nothing.
    pub const NONE: Self = Self { line: 1, column: 0 };

    /// The place of the byte `at`, a character's first or the text's end.
    pub fn of(text: &str, at: usize) -> Self {
        let mut place = Self { line: 1, column: 1 };
        let mut after_return = false;
        for c in text.get(..at).unwrap_or(text).chars() {
            match c {
                '\n' if after_return => {}
                '\n' | '\r' => {
                    place.line += 1;
                    place.column = 1;
                }
                c => place.column += c.len_utf16(),
            }
            after_return = c == '\r';
        }
        place
    }

    /// The place one unit further.
    pub fn next(self) -> Self {
        Self {
            column: self.column + 1,
            ..self
        }
    }

    /// As messages show it.
    pub fn show(self, text: &str) -> String {
        let mut out = String::from("[Source: (String)\"");
        let mut units = 0;
        for c in text.chars() {
            units += c.len_utf16();
            if units > SHOWN_UNITS_MAX {
                break;
            }
            match c {
                '\n' | '\r' => out.push(c),
                c if c.is_control() => {
                    let _ = write!(out, "\\u{:04X}", u32::from(c));
                }
                c => out.push(c),
            }
        }
        out.push('"');
        if units > SHOWN_UNITS_MAX {
            let all = text.chars().map(char::len_utf16).sum::<usize>();
            let _ = write!(out, "[truncated {} chars]", all - SHOWN_UNITS_MAX);
        }
        let _ = write!(out, "; line: {}, column: {}]", self.line, self.column);
        out
    }
}

impl Malformed {
    fn new(class: &'static str, what: &str, text: &str, place: Place) -> Self {
        Self {
            class,
            message: format!("{what}\n at {}", place.show(text)),
        }
    }

    /// Text that breaks JSON's grammar.
    pub fn grammar(what: &str, text: &str, place: Place) -> Self {
        Self::new(
            "com.fasterxml.jackson.core.JsonParseException",
            what,
            text,
            place,
        )
    }

    /// Text that ends too early.
    pub fn end(what: &str, text: &str) -> Self {
        Self::new(
            "com.fasterxml.jackson.core.io.JsonEOFException",
            &format!("Unexpected end-of-input{what}"),
            text,
            Place::of(text, text.len()),
        )
    }

    /// JSON that is not what is wanted.
    pub fn mismatch(what: &str, text: &str, place: Place) -> Self {
        Self::new(
            "com.fasterxml.jackson.databind.exc.MismatchedInputException",
            what,
            text,
            place,
        )
    }

    /// A string without content where an object is wanted.
    pub fn blank(what: &str, text: &str, place: Place) -> Self {
        Self::new(
            "com.fasterxml.jackson.databind.exc.InvalidFormatException",
            what,
            text,
            place,
        )
    }

    /// JSON that is too large for this server.
    pub fn limit(what: &str, text: &str, place: Place) -> Self {
        Self::new("JsonLimit", what, text, place)
    }

    /// Class and words.
    pub fn full(&self) -> String {
        format!("{}: {}", self.class, self.message)
    }
}

/// A character as messages show it. Java sees the halves of one beyond 16 bits.
pub fn describe(c: char) -> String {
    let mut units = [0; 2];
    let code = c.encode_utf16(&mut units).first().copied().unwrap_or(0);
    if c.is_control() {
        return format!("(CTRL-CHAR, code {code})");
    }
    let shown = if c.len_utf16() > 1 { '?' } else { c };
    if code > 255 {
        return format!("'{shown}' (code {code} / 0x{code:x})");
    }
    format!("'{shown}' (code {code})")
}
