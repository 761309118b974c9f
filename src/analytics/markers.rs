//! Bind markers: `?`, `:name` and `$1` in one numbering.
//!
//! The planner knows `$1` only. So `?` and `:name` are numbered in the order in which they stand,
//! each occurrence on its own, as CQL does it; a text that has `$1` keeps its own numbers.

use super::guard::{self, Piece};
use crate::error::{Error, Result};
use crate::types::Type;

/// A marker of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    /// Its name, or its number as text.
    pub name: String,
    /// The type that its place asks for, where the planner can't know.
    pub hint: Option<Type>,
}

/// The text with numbered markers, and the markers by number.
pub(super) fn number(text: &str) -> Result<(String, Vec<Marker>)> {
    let (mut out, mut markers) = (String::with_capacity(text.len()), Vec::new());
    let (mut copied, mut before, mut last_word) = (0, None, "");
    let mut numbered = 0_usize;
    let mut pieces = guard::pieces(text).peekable();
    while let Some(piece) = pieces.next() {
        let hint = || {
            let counts = ["limit", "offset"]
                .iter()
                .any(|it| last_word.eq_ignore_ascii_case(it));
            counts.then_some(Type::BigInt)
        };
        match piece {
            Piece::Mark(at, b'?') => {
                out.push_str(&text[copied..at]);
                copied = at + 1;
                markers.push(Marker {
                    name: String::new(),
                    hint: hint(),
                });
                out.push_str(&format!("${}", markers.len()));
            }
            Piece::Mark(at, b':') if !matches!(before, Some(Piece::Mark(_, b':'))) => {
                let name = &text[at + 1..];
                if let Some(Piece::Word(word)) = pieces.peek()
                    && name.starts_with(*word)
                    && !word.starts_with(|it: char| it.is_ascii_digit())
                {
                    out.push_str(&text[copied..at]);
                    copied = at + 1 + word.len();
                    markers.push(Marker {
                        name: word.to_lowercase(),
                        hint: hint(),
                    });
                    out.push_str(&format!("${}", markers.len()));
                    pieces.next();
                }
            }
            Piece::Mark(at, b'$') => {
                if let Some(Piece::Word(word)) = pieces.peek()
                    && text[at + 1..].starts_with(*word)
                    && let Ok(number) = word.parse::<usize>()
                {
                    if !(1..=65_535).contains(&number) {
                        return Err(Error::invalid(format!("there is no marker ${number}")));
                    }
                    numbered = numbered.max(number);
                }
            }
            _ => {}
        }
        last_word = match piece {
            Piece::Word(word) => word,
            _ => "",
        };
        before = Some(piece);
    }
    out.push_str(&text[copied..]);
    if numbered > 0 && !markers.is_empty() {
        return Err(Error::invalid("markers are either ? and :name, or $1"));
    }
    markers.extend((1..=numbered).map(|number| Marker {
        name: format!("${number}"),
        hint: None,
    }));
    Ok((out, markers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_numbered_where_they_are_markers() {
        let (text, markers) =
            number("SELECT '?', a::int FROM t WHERE b = ? AND c=:N LIMIT ?").unwrap();
        assert_eq!(
            text,
            "SELECT '?', a::int FROM t WHERE b = $1 AND c=$2 LIMIT $3"
        );
        assert_eq!(markers[1].name, "n");
        assert_eq!(markers[2].hint, Some(Type::BigInt));
        assert_eq!(number("SELECT $2 + $1").unwrap().1.len(), 2);
        assert!(number("SELECT $1 + ?").is_err());
    }
}
