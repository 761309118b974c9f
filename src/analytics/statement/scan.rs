//! The tokens of batch SQL, as far as a statement's frame needs them: words, names in quotes, what
//! is one piece (texts, comments), and single signs.

use crate::error::{Error, Result};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword, a name or a number.
    Word,
    /// A name in double quotes.
    Quoted,
    /// A text.
    Text,
    /// One sign.
    Sign(char),
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
    /// How many parentheses and brackets are open around it; they themselves count as outside.
    pub depth: u32,
}

/// All tokens of a text.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut found: Vec<Token> = Vec::new();
    let mut depth: u32 = 0;
    let mut at = 0;
    while let Some(first) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let start = at;
        let kind = if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        } else if let Some(end) = comment(text, at)? {
            at = end;
            continue;
        } else if first == '\'' || first == '"' {
            at = quoted(text, at, first)?;
            if first == '"' {
                Kind::Quoted
            } else {
                Kind::Text
            }
        } else if first.is_alphanumeric() || first == '_' {
            let rest = text.get(at..).unwrap_or_default();
            let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
            at += rest.find(|c: char| !inside(c)).unwrap_or(rest.len());
            Kind::Word
        } else if first == '$' && text.get(at..).is_some_and(|rest| rest.starts_with("$$")) {
            at = dollars(text, at)?;
            Kind::Text
        } else {
            at += first.len_utf8();
            Kind::Sign(first)
        };
        if matches!(kind, Kind::Sign(')' | ']' | '}')) {
            depth = depth.checked_sub(1).ok_or_else(|| {
                Error::syntax(format!("{} {first} closes nothing", place(text, start)))
            })?;
        }
        found.push(Token {
            kind,
            start,
            end: at,
            depth,
        });
        if matches!(kind, Kind::Sign('(' | '[' | '{')) {
            depth += 1;
        }
    }
    Ok(found)
}

/// The line and character of a place, in the words of CQL's errors.
pub(super) fn place(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count();
    format!("line {line}:{column}")
}

fn unended(text: &str, at: usize, what: &str) -> Error {
    Error::syntax(format!("{} {what} does not end", place(text, at)))
}

/// The end of the comment that starts here, if one does.
fn comment(text: &str, at: usize) -> Result<Option<usize>> {
    let rest = text.get(at..).unwrap_or_default();
    if rest.starts_with("--") {
        return Ok(Some(at + rest.find('\n').unwrap_or(rest.len())));
    }
    if !rest.starts_with("/*") {
        return Ok(None);
    }
    let end = rest.get(2..).and_then(|inside| inside.find("*/"));
    let end = end.ok_or_else(|| unended(text, at, "the comment"))?;
    Ok(Some(at + end + 4))
}

/// The end of what starts with a quote; a doubled quote inside stands for one.
fn quoted(text: &str, start: usize, quote: char) -> Result<usize> {
    let mut at = start + 1;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let Some(end) = rest.find(quote) else {
            return Err(unended(text, start, "what stands in quotes"));
        };
        at += end + 1;
        if !text.get(at..).unwrap_or_default().starts_with(quote) {
            return Ok(at);
        }
        at += 1;
    }
}

fn dollars(text: &str, start: usize) -> Result<usize> {
    let inside = text.get(start + 2..).unwrap_or_default();
    let end = inside.find("$$");
    end.map(|end| start + 2 + end + 2)
        .ok_or_else(|| unended(text, start, "the text between $$"))
}
