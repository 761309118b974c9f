//! How a value looks on the screen: its text, the cells of the terminal that it takes, its colour.
//!
//! The text is the one that `COPY` and CSV use ([`text::format`]): strings as they are at the top
//! level and quoted inside collections. On a screen that is not enough, since data may hold what a
//! terminal would obey: control characters, direction marks and line ends are shown as escapes
//! (`\n`, `\u202e`), and so that these are not mistaken for data, a backslash is doubled.

use crate::types::{Type, text};
use std::borrow::Cow;
use unicode_width::UnicodeWidthStr;

/// What a piece of output is, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// No colour.
    Plain,
    /// Text.
    Text,
    /// A number, date, uuid, …
    Number,
    /// No value.
    Null,
    /// A partition key column's name.
    PartitionKey,
    /// A clustering column's name.
    Clustering,
    /// A static column's name.
    Static,
    /// Another column's name.
    Column,
    /// A keyword of a statement.
    Keyword,
    /// What went wrong.
    Error,
    /// Of less importance.
    Faint,
}

/// Paints, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Whether it paints.
    pub color: bool,
}

impl Palette {
    /// `text` in the colour of `tone`.
    pub fn paint<'a>(self, tone: Tone, text: &'a str) -> Cow<'a, str> {
        let code = match tone {
            Tone::Plain => "",
            Tone::Text => "33",
            Tone::Number => "32",
            Tone::Null => "31",
            Tone::PartitionKey => "1;31",
            Tone::Clustering => "1;36",
            Tone::Static => "1;37",
            Tone::Column => "1;35",
            Tone::Keyword => "1;34",
            Tone::Error => "1;31",
            Tone::Faint => "2",
        };
        if !self.color || code.is_empty() || text.is_empty() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(format!("\x1b[{code}m{text}\x1b[0m"))
    }
}

/// A piece of text with its place in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The text; safe to print.
    pub text: String,
    /// How many columns of the terminal it takes.
    pub width: usize,
    /// What it is.
    pub tone: Tone,
}

impl Cell {
    /// `text`, made safe to print.
    pub fn new(text: &str, tone: Tone) -> Self {
        let text = printable(text).into_owned();
        let width = text.width();
        Self { text, width, tone }
    }

    /// A value's wire bytes, or null.
    pub fn value(ty: &Type, bytes: Option<&[u8]>) -> Self {
        let Some(bytes) = bytes else {
            return Self::new("null", Tone::Null);
        };
        let tone = match ty {
            Type::Ascii | Type::Text => Tone::Text,
            Type::List { .. }
            | Type::Set { .. }
            | Type::Map { .. }
            | Type::Tuple(_)
            | Type::Udt { .. }
            | Type::Vector { .. } => Tone::Plain,
            _ => Tone::Number,
        };
        Self::new(&text::format(ty, bytes), tone)
    }
}

/// Whether a terminal may obey `c` rather than show it, or show it so that a reader is misled.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{feff}')
}

/// `text` with everything escaped that a terminal would not simply show.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c == '\\' || is_hidden(c)) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\\' => safe.push_str("\\\\"),
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if is_hidden(c) && u32::from(c) < 0x100 => {
                safe.push_str(&format!("\\x{:02x}", u32::from(c)));
            }
            c if is_hidden(c) => safe.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_nothing_to_obey() {
        assert_eq!(
            printable("a\u{1b}[2J\n\t\u{202e}\\é"),
            "a\\x1b[2J\\n\\t\\u202e\\\\é"
        );
        assert_eq!(printable("plain 漢字 👩‍👩‍👧"), "plain 漢字 👩‍👩‍👧");
    }

    #[test]
    fn widths_are_those_of_a_terminal() {
        for (text, width) in [
            ("abc", 3),
            ("漢字", 4),
            ("e\u{301}", 1),
            ("👍", 2),
            ("\n", 2),
        ] {
            assert_eq!(Cell::new(text, Tone::Text).width, width, "{text}");
        }
    }

    #[test]
    fn colour_is_only_where_it_is_wanted() {
        assert_eq!(Palette { color: false }.paint(Tone::Null, "null"), "null");
        assert_eq!(
            Palette { color: true }.paint(Tone::Null, "null"),
            "\x1b[31mnull\x1b[0m"
        );
        assert_eq!(Palette { color: true }.paint(Tone::Null, ""), "");
    }
}
