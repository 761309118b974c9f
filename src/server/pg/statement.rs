//! What a text is: a query, or one of the words of PostgreSQL's sessions that mean nothing here.
//!
//! Texts are looked at just as far as needed: where statements end, which word they start with,
//! where parameters stand. Quoted texts, names and comments are passed over.

use crate::error::{Error, Result};
use crate::limits;

/// What a statement asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Empty,
    /// `SET name = value`; no value means the default, as RESET does.
    Set(String, Option<String>),
    /// `SHOW name`.
    Show(String),
    /// `BEGIN`, `START TRANSACTION`.
    Begin,
    /// `COMMIT`, `END`.
    Commit,
    /// `ROLLBACK`, `ABORT`.
    Rollback,
    /// `ROLLBACK TO name`.
    RollbackTo,
    /// `DEALLOCATE name`; none means all.
    Deallocate(Option<String>),
    /// What changes nothing: the word that is answered.
    Nothing(&'static str),
    /// A statement that answers rows: SELECT, WITH, VALUES, TABLE, EXPLAIN.
    Query,
    /// Any other: the word that is answered when it is done.
    Command(String),
}

impl Kind {
    /// Whether it is taken also where a statement of the transaction has failed.
    pub fn ends_failure(&self) -> bool {
        matches!(
            self,
            Self::Commit | Self::Rollback | Self::RollbackTo | Self::Empty
        )
    }
}

/// The end of what starts at `at` and is passed over: a quoted text or name, or a comment.
fn opaque_end(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let to = |found: Option<usize>| Some(found.map_or(text.len(), |end| at + end));
    match rest.as_bytes().first()? {
        quote @ (b'\'' | b'"') => {
            let quote = *quote;
            let escapes = quote == b'\'' && is_escape_string(text, at);
            let bytes = rest.as_bytes();
            let mut place = 1;
            while let Some(byte) = bytes.get(place) {
                let doubled = *byte == quote && bytes.get(place + 1) == Some(&quote);
                if doubled || escapes && *byte == b'\\' {
                    place += 2;
                } else if *byte == quote {
                    return Some(at + place + 1);
                } else {
                    place += 1;
                }
            }
            Some(text.len())
        }
        b'-' if rest.starts_with("--") => to(rest.find('\n')),
        b'/' if rest.starts_with("/*") => to(rest.find("*/").map(|end| end + 2)),
        b'$' => {
            let tag_end = rest.get(1..)?.find('$')? + 2;
            let tag = rest.get(..tag_end)?;
            let named = tag.trim_matches('$');
            let is_tag = !named.starts_with(|c: char| c.is_ascii_digit())
                && named.chars().all(|c| c.is_alphanumeric() || c == '_');
            if !is_tag {
                return None;
            }
            let body = rest.get(tag_end..)?;
            to(body.find(tag).map(|end| end + 2 * tag_end))
        }
        _ => None,
    }
}

/// Whether the quote at `at` belongs to a text with backslashes: `E'…'`.
fn is_escape_string(text: &str, at: usize) -> bool {
    let mut before = text.get(..at).unwrap_or_default().chars().rev();
    matches!(before.next(), Some('e' | 'E'))
        && !before
            .next()
            .is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// Walks over what is not passed over: `visit` gets each place and its byte, and says where to go
/// on; none means behind it.
fn walk(text: &str, mut visit: impl FnMut(usize, u8) -> Result<Option<usize>>) -> Result<()> {
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        at = match opaque_end(text, at) {
            Some(end) => end,
            None => visit(at, *byte)?.unwrap_or(at + 1),
        };
    }
    Ok(())
}

/// The statements of a text.
pub fn split(text: &str) -> Result<Vec<&str>> {
    let mut statements = Vec::new();
    let mut start = 0;
    walk(text, |at, byte| {
        if byte == b';' {
            statements.extend(text.get(start..at));
            start = at + 1;
        }
        Ok(None)
    })?;
    statements.extend(text.get(start..));
    statements.retain(|statement| !bare(statement).is_empty());
    Ok(statements)
}

/// A statement without the blanks and comments before it.
fn bare(text: &str) -> &str {
    let mut rest = text.trim_start();
    while rest.starts_with("--") || rest.starts_with("/*") {
        let end = opaque_end(rest, 0).unwrap_or(rest.len());
        rest = rest.get(end..).unwrap_or_default().trim_start();
    }
    rest.trim_end_matches(|c: char| c == ';' || c.is_whitespace())
}

/// What a statement asks for.
pub fn kind(text: &str) -> Kind {
    let text = bare(text);
    let rest = text.trim_start_matches('(');
    let words: Vec<&str> = rest
        .split(|c: char| c.is_whitespace() || c == '(')
        .filter(|word| !word.is_empty())
        .take(4)
        .collect();
    let upper: Vec<String> = words.iter().map(|word| word.to_ascii_uppercase()).collect();
    let word = |at: usize| upper.get(at).map_or("", String::as_str);
    match word(0) {
        "" => Kind::Empty,
        "SELECT" | "WITH" | "VALUES" | "TABLE" | "EXPLAIN" => Kind::Query,
        "SET" if word(1) == "CONSTRAINTS" => Kind::Nothing("SET CONSTRAINTS"),
        "SET" => setting(text),
        "RESET" => Kind::Set(name_of(words.get(1).copied().unwrap_or("all")), None),
        "SHOW" => Kind::Show(match word(1) {
            "TRANSACTION" => "transaction_isolation".to_owned(),
            "TIME" => "timezone".to_owned(),
            _ => name_of(words.get(1).copied().unwrap_or("all")),
        }),
        "BEGIN" | "START" => Kind::Begin,
        "COMMIT" | "END" => Kind::Commit,
        "ROLLBACK" if word(1) == "TO" || word(2) == "TO" => Kind::RollbackTo,
        "ROLLBACK" | "ABORT" => Kind::Rollback,
        "SAVEPOINT" => Kind::Nothing("SAVEPOINT"),
        "RELEASE" => Kind::Nothing("RELEASE"),
        "DISCARD" => Kind::Nothing("DISCARD ALL"),
        "LISTEN" => Kind::Nothing("LISTEN"),
        "UNLISTEN" => Kind::Nothing("UNLISTEN"),
        "DEALLOCATE" => {
            let at = if word(1) == "PREPARE" { 2 } else { 1 };
            match word(at) {
                "ALL" | "" => Kind::Deallocate(None),
                _ => Kind::Deallocate(words.get(at).map(|name| name_of(name))),
            }
        }
        "CREATE" | "DROP" | "ALTER" => Kind::Command(format!("{} {}", word(0), word(1))),
        "TRUNCATE" => Kind::Command("TRUNCATE TABLE".to_owned()),
        first => Kind::Command(first.to_owned()),
    }
}

fn name_of(word: &str) -> String {
    let word = word.trim_end_matches([';', ',']);
    match word
        .strip_prefix('"')
        .and_then(|word| word.strip_suffix('"'))
    {
        Some(quoted) => quoted.to_owned(),
        None => word.to_ascii_lowercase(),
    }
}

/// `SET [SESSION | LOCAL] name {TO | =} value`.
fn setting(text: &str) -> Kind {
    let mut rest = text.get(3..).unwrap_or_default().trim_start();
    for scope in ["SESSION CHARACTERISTICS", "TRANSACTION"] {
        if starts(rest, scope) {
            return Kind::Nothing("SET");
        }
    }
    for scope in ["SESSION ", "LOCAL "] {
        if starts(rest, scope) {
            rest = rest.get(scope.len()..).unwrap_or_default().trim_start();
        }
    }
    if starts(rest, "TRANSACTION") {
        return Kind::Nothing("SET");
    }
    if starts(rest, "TIME ZONE") {
        let value = rest.get(9..).unwrap_or_default();
        return Kind::Set("timezone".to_owned(), Some(value_of(value)));
    }
    let end = rest
        .find(|c: char| c == '=' || c.is_whitespace())
        .unwrap_or(rest.len());
    let (name, value) = rest.split_at(end);
    let value = value.trim_start();
    let value = match value.strip_prefix('=') {
        Some(value) => value,
        None if starts(value, "TO") => value.get(2..).unwrap_or_default(),
        None => value,
    };
    match value.trim().eq_ignore_ascii_case("default") {
        true => Kind::Set(name_of(name), None),
        false => Kind::Set(name_of(name), Some(value_of(value))),
    }
}

fn starts(text: &str, word: &str) -> bool {
    let start = text.get(..word.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn value_of(text: &str) -> String {
    let text = text.trim();
    let unquoted = |quote: char| {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        let doubled = [quote, quote].iter().collect::<String>();
        (!inner.replace(&doubled, "").contains(quote))
            .then(|| inner.replace(&doubled, &quote.to_string()))
    };
    unquoted('\'')
        .or_else(|| unquoted('"'))
        .unwrap_or_else(|| text.to_owned())
}

/// The text with `?` for each `$n`, and each marker's n, from 0.
pub fn markers(text: &str) -> Result<(String, Vec<usize>)> {
    let (mut out, mut order, mut copied) = (String::new(), Vec::new(), 0);
    let mut before = None;
    walk(text, |at, byte| {
        let in_name = matches!(before, Some((place, byte)) if place + 1 == at && is_name(byte));
        before = Some((at, byte));
        if byte != b'$' || in_name {
            return Ok(None);
        }
        let digits = text.get(at + 1..).unwrap_or_default();
        let length = digits.bytes().take_while(u8::is_ascii_digit).count();
        if length == 0 {
            return Ok(None);
        }
        let number = digits
            .get(..length)
            .and_then(|digits| digits.parse::<usize>().ok())
            .filter(|number| (1..=limits::MARKERS_MAX).contains(number))
            .ok_or_else(|| Error::syntax("there is no parameter with this number"))?;
        order.push(number - 1);
        out.push_str(text.get(copied..at).unwrap_or_default());
        out.push('?');
        copied = at + 1 + length;
        Ok(Some(copied))
    })?;
    out.push_str(text.get(copied..).unwrap_or_default());
    Ok((out, order))
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_at_semicolons_outside_of_quotes() {
        let texts = split("a ';' b; -- c;\n /* ; */ ; \"d;\" ; $x$ ; $x$ e; E'\\';'").unwrap();
        let shown: Vec<_> = texts.iter().map(|text| text.trim()).collect();
        assert_eq!(shown, ["a ';' b", "\"d;\"", "$x$ ; $x$ e", "E'\\';'"]);
        assert!(split(" ; ;; -- x").unwrap().is_empty());
    }

    #[test]
    fn words_of_sessions_are_known() {
        let set = |name: &str, value: &str| Kind::Set(name.into(), Some(value.into()));
        assert_eq!(kind("SET a = 'b'"), set("a", "b"));
        assert_eq!(
            kind("set session DateStyle to ISO"),
            set("datestyle", "ISO")
        );
        assert_eq!(kind("SET TIME ZONE 'UTC'"), set("timezone", "UTC"));
        assert_eq!(kind("SET x TO DEFAULT"), Kind::Set("x".into(), None));
        assert_eq!(kind("RESET ALL"), Kind::Set("all".into(), None));
        assert_eq!(kind("show TimeZone;"), Kind::Show("timezone".into()));
        assert_eq!(kind("BEGIN READ ONLY"), Kind::Begin);
        assert_eq!(kind("-- x\n(SELECT 1)"), Kind::Query);
        assert_eq!(kind("DEALLOCATE ALL"), Kind::Deallocate(None));
        assert_eq!(kind("create table x"), Kind::Command("CREATE TABLE".into()));
        assert_eq!(
            kind("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"),
            Kind::Nothing("SET")
        );
        assert_eq!(kind(" /* */ "), Kind::Empty);
    }

    #[test]
    fn markers_keep_their_numbers() {
        let (text, order) = markers("a $2, '$1', x$3 $1 $$ $9 $$ $2").unwrap();
        assert_eq!(text, "a ?, '$1', x$3 ? $$ $9 $$ ?");
        assert_eq!(order, [1, 0, 1]);
        assert!(markers("$0").is_err() && markers("$99999999999999999999").is_err());
    }
}
