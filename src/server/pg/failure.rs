//! Errors as PostgreSQL's clients get them: severity, SQLSTATE, message, hint, position.

use crate::error::{Error, ErrorKind};
use pgwire::messages::response::ErrorResponse;

/// The five characters by which clients tell errors apart.
pub fn sqlstate(error: &Error) -> &'static str {
    let message = error.message.to_ascii_lowercase();
    let says = |what: &str| message.contains(what);
    match error.kind {
        ErrorKind::Syntax => "42601",
        ErrorKind::Invalid if says("table") && (says("not found") || says("not exist")) => "42P01",
        ErrorKind::Invalid if says("unconfigured table") => "42P01",
        ErrorKind::Invalid if says("keyspace") && says("not exist") => "3F000",
        ErrorKind::Invalid if says("no field named") || says("undefined column") => "42703",
        ErrorKind::Invalid if says("invalid function") => "42883",
        ErrorKind::Invalid if says("division by zero") || says("divide by zero") => "22012",
        ErrorKind::Invalid if says("overflow") || says("out of range") => "22003",
        ErrorKind::Invalid if says("transaction is aborted") => "25P02",
        ErrorKind::Invalid => "42000",
        ErrorKind::AlreadyExists => "42P07",
        ErrorKind::Unauthorized => "42501",
        ErrorKind::FunctionFailure => "38000",
        ErrorKind::Unprepared => "26000",
        ErrorKind::Protocol => "08P01",
        ErrorKind::BadCredentials => "28P01",
        ErrorKind::Overloaded => "53000",
        ErrorKind::Unavailable | ErrorKind::IsBootstrapping => "57P03",
        ErrorKind::Cancelled => "57014",
        ErrorKind::WriteTimeout | ErrorKind::ReadTimeout => "57014",
        ErrorKind::DiskFull => "53100",
        ErrorKind::Corrupt | ErrorKind::NewerFormat => "XX001",
        ErrorKind::Io | ErrorKind::Locked => "58030",
        ErrorKind::Input => "22000",
        ErrorKind::Config => "0A000",
        _ => "XX000",
    }
}

/// The error of a statement, `text` being what the client sent.
pub fn response(error: &Error, text: &str) -> ErrorResponse {
    with_state("ERROR", sqlstate(error), error, text)
}

/// An error after which the connection ends.
pub fn fatal(state: &str, error: &Error) -> ErrorResponse {
    with_state("FATAL", state, error, "")
}

fn with_state(severity: &str, state: &str, error: &Error, text: &str) -> ErrorResponse {
    let mut fields = vec![
        (b'S', severity.to_owned()),
        (b'V', severity.to_owned()),
        (b'C', state.to_owned()),
        (b'M', clean(&error.message)),
    ];
    if let Some(hint) = &error.hint {
        fields.push((b'H', clean(hint)));
    }
    if let Some(position) = error.position.and_then(|place| position(text, place)) {
        fields.push((b'P', position.to_string()));
    }
    ErrorResponse::new(fields)
}

/// A message has no zero byte within.
fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A place as a number of characters, from 1.
fn position(text: &str, (line, column): (u32, u32)) -> Option<usize> {
    let before = text
        .split_inclusive('\n')
        .take(usize::try_from(line).ok()?.checked_sub(1)?)
        .map(|line| line.chars().count())
        .sum::<usize>();
    let place = before + usize::try_from(column).ok()? + 1;
    (place <= text.chars().count() + 1).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_their_state_and_place() {
        let error = Error::syntax("no").at(2, 3).with_hint("yes");
        let told = response(&error, "SELECT\n1 +* 2");
        let field = |kind: u8| {
            let found = told.fields.iter().find(|(key, _)| *key == kind);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(field(b'C'), Some("42601"));
        assert_eq!(field(b'P'), Some("11"));
        assert_eq!(field(b'H'), Some("yes"));
        assert_eq!(position("abc", (9, 9)), None);
        assert_eq!(sqlstate(&Error::invalid("table t does not exist")), "42P01");
        let aborted = "current transaction is aborted, commands ignored";
        assert_eq!(sqlstate(&Error::invalid(aborted)), "25P02");
    }
}
