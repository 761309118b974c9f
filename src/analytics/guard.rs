//! Which texts may reach the planner's parser.
//!
//! The parser of batch SQL is recursive, and so are the planner's passes over what it makes: a text
//! of a hundred thousand chained operators would end the process by its stack. So each text is
//! measured first, by one pass over its characters that knows quotes and comments: its length, how
//! deep its brackets nest, and how many operators it has.

use crate::error::{Error, Result};

/// The longest text, in bytes.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// The deepest nesting of brackets and CASEs.
pub const NESTING_MAX: usize = 64;
/// The most operators and keywords that chain expressions or queries.
pub const OPERATORS_MAX: usize = 2_000;
/// The stack of a thread that plans, in bytes; what the bounds above allow fits into it.
pub const STACK_BYTES: usize = 64 << 20;

/// Words that make a tree deeper by one.
const CHAINS: &[&str] = &[
    "and",
    "or",
    "not",
    "case",
    "union",
    "except",
    "intersect",
    "join",
    "is",
    "between",
    "like",
    "ilike",
    "similar",
    "div",
    "xor",
    "in",
    "at",
    "collate",
];

/// Refuses a text that is too long, too deeply nested, or has too many operators.
pub fn check(text: &str) -> Result<()> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Error::invalid(format!(
            "the statement has {} bytes, and {TEXT_BYTES_MAX} are the most",
            text.len()
        )));
    }
    let (mut depth, mut operators) = (0_usize, 0_usize);
    for piece in pieces(text) {
        match piece {
            Piece::Mark(_, b'(' | b'[' | b'{') => depth += 1,
            Piece::Mark(_, b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            Piece::Mark(_, mark) if b"+-*/%<>=!~|&^:#@.".contains(&mark) => operators += 1,
            Piece::Word(word) => {
                operators += usize::from(CHAINS.iter().any(|it| word.eq_ignore_ascii_case(it)));
                if word.eq_ignore_ascii_case("case") {
                    depth += 1;
                } else if word.eq_ignore_ascii_case("end") {
                    depth = depth.saturating_sub(1);
                }
            }
            _ => {}
        }
        if depth > NESTING_MAX {
            return Err(Error::invalid(format!(
                "the statement nests deeper than {NESTING_MAX} levels"
            )));
        }
        if operators > OPERATORS_MAX {
            return Err(Error::invalid(format!(
                "the statement has more than {OPERATORS_MAX} operators; \
                 an IN list or a join with a table says the same"
            )));
        }
    }
    Ok(())
}

/// A piece of a text; white space and comments are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A name, keyword or number.
    Word(&'a str),
    /// A quoted name or text.
    Quoted,
    /// Any other character, with its place.
    Mark(usize, u8),
}

/// The pieces of a text.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let byte = *bytes.get(at)?;
            let rest = &text[at..];
            if byte.is_ascii_whitespace() {
                at += 1;
            } else if rest.starts_with("--") {
                at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                at += rest.find("*/").map_or(rest.len(), |end| end + 2);
            } else if byte == b'\'' || byte == b'"' || byte == b'`' {
                let end = bytes[at + 1..].iter().position(|it| *it == byte);
                at = end.map_or(bytes.len(), |end| at + end + 2);
                return Some(Piece::Quoted);
            } else if byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80 {
                let start = at;
                let inside = |it: &u8| it.is_ascii_alphanumeric() || *it == b'_' || *it >= 0x80;
                at += bytes[at..].iter().take_while(|it| inside(it)).count();
                return Some(Piece::Word(&text[start..at]));
            } else {
                at += 1;
                return Some(Piece::Mark(at - 1, byte));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_the_stack_is_refused() {
        assert!(check("SELECT a + 1 FROM t -- (((\n WHERE b = '((((' /* + */").is_ok());
        assert!(check(&format!("SELECT 1{}", " + 1".repeat(40_000))).is_err());
        assert!(check(&format!("SELECT {}1{}", "(".repeat(100), ")".repeat(100))).is_err());
        assert!(check(&format!("SELECT '{}'", "x".repeat(TEXT_BYTES_MAX))).is_err());
        assert!(check(&format!("SELECT {}", "NOT ".repeat(3000))).is_err());
    }
}
