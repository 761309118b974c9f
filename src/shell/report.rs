//! How an error is told: its class in cqlsh's words, its place, the line with a caret, a hint.
//!
//! At a terminal the person sees the statement just typed, so the message stands first and the
//! place is the statement's own. In a script the place comes first, as compilers have it
//! (`load.cql:12:8:`), counted in the script: a syntax error's own `line 1:7` is dropped then,
//! since it would count from the statement's start.

use crate::error::{Error, ErrorKind};
use crate::shell::value::printable;
use unicode_width::UnicodeWidthStr;

/// How much of a long line is shown on either side of the error, in characters.
const CONTEXT_CHARS: usize = 60;

/// Where a statement was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The script's name; none for what was typed at a terminal.
    pub script: Option<String>,
    /// The line on which the statement starts, from 1.
    pub line: usize,
    /// The character of that line at which it starts, from 1.
    pub column: usize,
}

/// An error's class, in the words of cqlsh where Cassandra has it.
pub fn class(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Syntax => "SyntaxException",
        ErrorKind::Invalid => "InvalidRequest",
        ErrorKind::Config => "ConfigurationException",
        ErrorKind::AlreadyExists => "AlreadyExists",
        ErrorKind::Unauthorized => "Unauthorized",
        ErrorKind::FunctionFailure => "FunctionFailure",
        ErrorKind::Unprepared => "Unprepared",
        ErrorKind::Protocol => "ProtocolException",
        ErrorKind::BadCredentials => "AuthenticationFailed",
        ErrorKind::Overloaded => "Overloaded",
        ErrorKind::Unavailable => "Unavailable",
        ErrorKind::IsBootstrapping => "IsBootstrapping",
        ErrorKind::TruncateFailed => "TruncateError",
        ErrorKind::WriteTimeout => "WriteTimeout",
        ErrorKind::ReadTimeout => "ReadTimeout",
        ErrorKind::WouldBlock => "WouldBlock",
        ErrorKind::DiskFull => "DiskFull",
        ErrorKind::Corrupt => "Corrupt",
        ErrorKind::NewerFormat => "NewerFormat",
        ErrorKind::Locked => "Locked",
        ErrorKind::Io => "IoError",
        ErrorKind::Cancelled => "Cancelled",
        ErrorKind::Input => "InvalidInput",
        ErrorKind::Internal => "ServerError",
    }
}

/// The whole report about `statement`, which was read at `place`; several lines, without a hint.
pub fn report(error: &Error, statement: &str, place: &Place) -> String {
    // Cassandra quotes the statement with its line ends; a report is easier to read without.
    let message = error
        .message
        .lines()
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" ");
    let (in_message, rest) = split_position(&message);
    let position = error
        .position
        .map(|(l, c)| (l as usize, c as usize))
        .or(in_message);
    let class = class(error.kind);
    let mut report = match &place.script {
        None => format!("{class}: {message}"),
        Some(script) => {
            let (line, column) = absolute(position.unwrap_or((1, 0)), place);
            format!("{script}:{line}:{column}: {class}: {rest}")
        }
    };
    if let Some(excerpt) = position.and_then(|position| excerpt(statement, position)) {
        report.push('\n');
        report.push_str(&excerpt);
    }
    report
}

/// Cassandra's `line 1:7 …` in front of a syntax error: the place (line from 1, character from
/// 0), and the message without it.
fn split_position(message: &str) -> (Option<(usize, usize)>, &str) {
    let split = || {
        let (place, rest) = message.strip_prefix("line ")?.split_once(' ')?;
        let (line, column) = place.split_once(':')?;
        Some(((line.parse().ok()?, column.parse().ok()?), rest))
    };
    match split() {
        Some((position, rest)) => (Some(position), rest),
        None => (None, message),
    }
}

/// A place in a statement (line from 1, character from 0) as one in its script (both from 1).
fn absolute((line, column): (usize, usize), place: &Place) -> (usize, usize) {
    if line <= 1 {
        (place.line, place.column + column)
    } else {
        (place.line + line - 1, column + 1)
    }
}

/// The line with the error, and a caret below its place; a long line is cut around it.
fn excerpt(statement: &str, (line, column): (usize, usize)) -> Option<String> {
    let text = statement.lines().nth(line.checked_sub(1)?)?;
    let first = column.saturating_sub(CONTEXT_CHARS);
    let mut shown: String = text.chars().skip(first).take(2 * CONTEXT_CHARS).collect();
    let before: String = shown
        .chars()
        .take(column - first)
        .map(tab_as_space)
        .collect();
    shown = shown.chars().map(tab_as_space).collect();
    let shown = printable_line(&shown);
    if shown.trim().is_empty() {
        return None;
    }
    let left = if first > 0 { "… " } else { "" };
    let right = if text.chars().nth(first + 2 * CONTEXT_CHARS).is_some() {
        " …"
    } else {
        ""
    };
    let indent = left.width() + printable_line(&before).width();
    Some(format!("  {left}{shown}{right}\n  {}^", " ".repeat(indent)))
}

fn tab_as_space(c: char) -> char {
    if c == '\t' { ' ' } else { c }
}

/// A line of a statement, safe to print; its backslashes are the person's own and stay single.
fn printable_line(text: &str) -> String {
    text.split('\\')
        .map(printable)
        .collect::<Vec<_>>()
        .join("\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(script: Option<&str>, line: usize, column: usize) -> Place {
        Place {
            script: script.map(str::to_owned),
            line,
            column,
        }
    }

    #[test]
    fn a_script_is_told_by_its_own_lines() {
        let error = Error::syntax("line 1:9 no viable alternative at input 'FORM'");
        let statement = "SELECT * FORM t";
        assert_eq!(
            report(&error, statement, &place(Some("a.cql"), 12, 5)),
            "a.cql:12:14: SyntaxException: no viable alternative at input 'FORM'\n\
             \x20 SELECT * FORM t\n\
             \x20          ^"
        );
        let error = Error::syntax("line 2:1 no");
        assert_eq!(
            report(&error, "SELECT *\n\tFORM t", &place(Some("a.cql"), 12, 5)),
            "a.cql:13:2: SyntaxException: no\n   FORM t\n   ^"
        );
        let error = Error::invalid("unconfigured table t");
        assert_eq!(
            report(&error, statement, &place(Some("-e"), 1, 1)),
            "-e:1:1: InvalidRequest: unconfigured table t"
        );
        assert_eq!(
            report(&error.at(1, 14), statement, &place(Some("-e"), 1, 1)),
            "-e:1:15: InvalidRequest: unconfigured table t\n  \
             SELECT * FORM t\n                ^"
        );
    }

    #[test]
    fn a_terminal_keeps_cassandras_words() {
        let error = Error::syntax("line 1:4 nothing like '漢'");
        assert_eq!(
            report(&error, "'漢' 漢", &place(None, 1, 1)),
            "SyntaxException: line 1:4 nothing like '漢'\n  '漢' 漢\n       ^"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_error() {
        let statement = format!("{}!{}", "a".repeat(1000), "b".repeat(1000));
        let told = report(
            &Error::invalid("x").at(1, 1000),
            &statement,
            &place(None, 1, 1),
        );
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines[1].chars().count(), 2 + 2 + 120 + 2);
        assert_eq!(lines[1].chars().position(|c| c == '!'), lines[2].find('^'));
    }

    #[test]
    fn a_place_outside_of_the_statement_is_no_trouble() {
        for position in [(0, 0), (1, 500), (9, 9), (u32::MAX, u32::MAX)] {
            let error = Error::invalid("x").at(position.0, position.1);
            assert!(report(&error, "ab\nc", &place(None, 1, 1)).starts_with("InvalidRequest: x"));
        }
    }
}
