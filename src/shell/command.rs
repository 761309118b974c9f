//! The shell's own commands: what they look like.
//!
//! They are no CQL, so the session never sees them. DESCRIBE is CQL, but its answer is printed in
//! a way of its own, and so it stands here too.

use crate::error::{Error, Result};
use crate::protocol::Consistency;
use std::time::Duration;
use uuid::Uuid;

/// The longest WAIT, in seconds.
const WAIT_SECONDS_MAX: f64 = 1e9;

/// A command of the shell.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// `HELP [topic]`
    Help(String),
    /// `EXIT`, `QUIT`
    Exit,
    /// `EXPAND [ON | OFF]`; without an argument it tells.
    Expand(Option<bool>),
    /// `PAGING [ON | OFF | rows]`; without an argument it tells.
    Paging(Option<Paging>),
    /// `SOURCE 'file'`
    Source(String),
    /// `CAPTURE ['file' | OFF]`; without an argument it tells.
    Capture(Option<Capture>),
    /// `COPY …`
    Copy,
    /// `WAIT seconds`
    Wait(Duration),
    /// `SHOW VERSION`
    ShowVersion,
    /// `SHOW HOST`
    ShowHost,
    /// `SHOW SESSION id`
    ShowSession(Uuid),
    /// `CONSISTENCY [level]`; without an argument it tells.
    Consistency(Option<Consistency>),
    /// `SERIAL CONSISTENCY [level]`; without an argument it tells.
    SerialConsistency(Option<Consistency>),
    /// `TRACING [ON | OFF]`; without an argument it tells.
    Tracing(Option<bool>),
    /// `LOGIN user [password]`; without a password it is asked for.
    Login {
        /// The role's name.
        user: String,
        /// Its password.
        password: Option<String>,
    },
    /// `CLEAR`, `CLS`
    Clear,
    /// `HISTORY [n]`
    History(Option<usize>),
    /// `DESCRIBE …`, `DESC …`
    Describe,
}

/// How many rows a page has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// All rows at once.
    Off,
    /// Pages of the size before, or 100 rows.
    On,
    /// Pages of this many rows.
    Rows(usize),
}

/// Where results go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capture {
    /// To the screen.
    Off,
    /// To the end of this file.
    File(String),
}

/// A piece of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
}

/// The command that `statement` is, or none where it is CQL.
pub fn parse(statement: &str) -> Result<Option<Command>> {
    let name: String = statement
        .chars()
        .take_while(|c| c.is_ascii_alphabetic() || *c == '?')
        .take(16)
        .collect::<String>()
        .to_ascii_uppercase();
    let parse: fn(&[Token]) -> Result<Command> = match name.as_str() {
        "COPY" => return Ok(Some(Command::Copy)),
        "DESCRIBE" | "DESC" => return Ok(Some(Command::Describe)),
        "HELP" | "?" => help,
        "EXIT" | "QUIT" => |rest| alone("EXIT", rest, Command::Exit),
        "CLEAR" | "CLS" => |rest| alone("CLEAR", rest, Command::Clear),
        "EXPAND" => expand,
        "PAGING" => paging,
        "SOURCE" => source,
        "CAPTURE" => capture,
        "WAIT" => wait,
        "SHOW" => show,
        "CONSISTENCY" => |rest| level(rest).map(Command::Consistency),
        "SERIAL" => serial,
        "TRACING" => tracing,
        "LOGIN" => login,
        "HISTORY" => history,
        _ => return Ok(None),
    };
    parse(&tokens(statement.get(name.len()..).unwrap_or_default())?).map(Some)
}

fn usage(text: &str) -> Error {
    Error::syntax(format!("expected {text}"))
}

fn alone(name: &str, rest: &[Token], command: Command) -> Result<Command> {
    if rest.is_empty() {
        Ok(command)
    } else {
        Err(usage(&format!("nothing after {name}")))
    }
}

fn help(rest: &[Token]) -> Result<Command> {
    let words = rest.iter().map(|token| match token {
        Token::Word(text) | Token::Quoted(text) => text.to_ascii_uppercase(),
    });
    Ok(Command::Help(words.collect::<Vec<_>>().join(" ")))
}

fn expand(rest: &[Token]) -> Result<Command> {
    match rest {
        [] => Ok(Command::Expand(None)),
        [Token::Word(word)] if word.eq_ignore_ascii_case("ON") => Ok(Command::Expand(Some(true))),
        [Token::Word(word)] if word.eq_ignore_ascii_case("OFF") => Ok(Command::Expand(Some(false))),
        _ => Err(usage("EXPAND, EXPAND ON or EXPAND OFF")),
    }
}

fn paging(rest: &[Token]) -> Result<Command> {
    let wrong = || usage("PAGING, PAGING ON, PAGING OFF or PAGING with a number of rows");
    let paging = match rest {
        [] => None,
        [Token::Word(word)] if word.eq_ignore_ascii_case("ON") => Some(Paging::On),
        [Token::Word(word)] if word.eq_ignore_ascii_case("OFF") => Some(Paging::Off),
        [Token::Word(word)] => match word.parse() {
            Ok(rows) if rows > 0 => Some(Paging::Rows(rows)),
            _ => return Err(wrong()),
        },
        _ => return Err(wrong()),
    };
    Ok(Command::Paging(paging))
}

fn source(rest: &[Token]) -> Result<Command> {
    match rest {
        [Token::Quoted(file)] => Ok(Command::Source(file.clone())),
        _ => Err(usage(
            "SOURCE with a file name in quotes: SOURCE 'file.cql'",
        )),
    }
}

fn capture(rest: &[Token]) -> Result<Command> {
    match rest {
        [] => Ok(Command::Capture(None)),
        [Token::Word(word)] if word.eq_ignore_ascii_case("OFF") => {
            Ok(Command::Capture(Some(Capture::Off)))
        }
        [Token::Quoted(file)] => Ok(Command::Capture(Some(Capture::File(file.clone())))),
        _ => Err(usage(
            "CAPTURE, CAPTURE OFF or CAPTURE with a file name in quotes",
        )),
    }
}

fn wait(rest: &[Token]) -> Result<Command> {
    let seconds = match rest {
        [Token::Word(word)] => word.parse::<f64>().ok(),
        _ => None,
    };
    match seconds {
        Some(seconds) if (0.0..=WAIT_SECONDS_MAX).contains(&seconds) => {
            Ok(Command::Wait(Duration::from_secs_f64(seconds)))
        }
        _ => Err(usage("WAIT with a number of seconds: WAIT 1.5")),
    }
}

fn show(rest: &[Token]) -> Result<Command> {
    match rest {
        [Token::Word(word)] if word.eq_ignore_ascii_case("VERSION") => Ok(Command::ShowVersion),
        [Token::Word(word)] if word.eq_ignore_ascii_case("HOST") => Ok(Command::ShowHost),
        [Token::Word(word), Token::Word(id)] if word.eq_ignore_ascii_case("SESSION") => {
            let wrong = || usage("SHOW SESSION with the id of a trace");
            id.parse().map(Command::ShowSession).map_err(|_| wrong())
        }
        _ => Err(usage("SHOW VERSION, SHOW HOST or SHOW SESSION with an id")),
    }
}

/// The level that is named, or none where none is.
fn level(rest: &[Token]) -> Result<Option<Consistency>> {
    let named = match rest {
        [] => return Ok(None),
        [Token::Word(word)] => word.parse().ok(),
        _ => None,
    };
    let levels = || Consistency::ALL.map(Consistency::name).join(", ");
    let level = named.ok_or_else(|| usage(&format!("one of the levels {}", levels())))?;
    Ok(Some(level))
}

fn serial(rest: &[Token]) -> Result<Command> {
    let wrong = || {
        usage("SERIAL CONSISTENCY, SERIAL CONSISTENCY SERIAL or SERIAL CONSISTENCY LOCAL_SERIAL")
    };
    match rest {
        [Token::Word(word), rest @ ..] if word.eq_ignore_ascii_case("CONSISTENCY") => {
            let level = level(rest).map_err(|_| wrong())?;
            if level.is_some_and(|level| !level.is_serial()) {
                return Err(wrong());
            }
            Ok(Command::SerialConsistency(level))
        }
        _ => Err(wrong()),
    }
}

fn tracing(rest: &[Token]) -> Result<Command> {
    match rest {
        [] => Ok(Command::Tracing(None)),
        [Token::Word(word)] if word.eq_ignore_ascii_case("ON") => Ok(Command::Tracing(Some(true))),
        [Token::Word(word)] if word.eq_ignore_ascii_case("OFF") => {
            Ok(Command::Tracing(Some(false)))
        }
        _ => Err(usage("TRACING, TRACING ON or TRACING OFF")),
    }
}

fn login(rest: &[Token]) -> Result<Command> {
    let text = |token: &Token| match token {
        Token::Word(text) | Token::Quoted(text) => text.clone(),
    };
    match rest {
        [user] => Ok(Command::Login {
            user: text(user),
            password: None,
        }),
        [user, password] => Ok(Command::Login {
            user: text(user),
            password: Some(text(password)),
        }),
        _ => Err(usage("LOGIN with a user and, if you like, a password")),
    }
}

fn history(rest: &[Token]) -> Result<Command> {
    match rest {
        [] => Ok(Command::History(None)),
        [Token::Word(word)] => match word.parse() {
            Ok(entries) => Ok(Command::History(Some(entries))),
            Err(_) => Err(usage("HISTORY or HISTORY with a number")),
        },
        _ => Err(usage("HISTORY or HISTORY with a number")),
    }
}

/// Words and quoted strings; comments are passed over.
fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("--") || rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.find("*/").map_or("", |end| &comment[end + 2..]);
        } else if first == '\'' || first == '"' {
            let (text, after) = quoted(&rest[1..], first)
                .ok_or_else(|| Error::syntax(format!("the quote {first} is not closed")))?;
            found.push(Token::Quoted(text));
            rest = after;
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || c == '\'' || c == '"');
            let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
            found.push(Token::Word(word.to_owned()));
            rest = after;
        }
        rest = rest.trim_start();
    }
    Ok(found)
}

/// The text up to the closing `quote` (a doubled one stands for itself), and what follows it.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let end = rest.find(quote)?;
        value.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(quote) {
            Some(after) => {
                value.push(quote);
                rest = after;
            }
            None => return Some((value, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(text: &str) -> Command {
        parse(text).unwrap().unwrap()
    }

    #[test]
    fn commands_are_known_in_any_case() {
        assert_eq!(good("exit"), Command::Exit);
        assert_eq!(good("Quit -- bye"), Command::Exit);
        assert_eq!(
            good("help create table"),
            Command::Help("CREATE TABLE".into())
        );
        assert_eq!(good("?"), Command::Help(String::new()));
        assert_eq!(good("EXPAND"), Command::Expand(None));
        assert_eq!(good("expand /* now */ on"), Command::Expand(Some(true)));
        assert_eq!(good("PAGING 20"), Command::Paging(Some(Paging::Rows(20))));
        assert_eq!(
            good("SOURCE 'it''s.cql'"),
            Command::Source("it's.cql".into())
        );
        assert_eq!(good("CAPTURE off"), Command::Capture(Some(Capture::Off)));
        assert_eq!(good("WAIT 1.5"), Command::Wait(Duration::from_millis(1500)));
        assert_eq!(
            good("consistency quorum"),
            Command::Consistency(Some(Consistency::Quorum))
        );
        assert_eq!(
            good("SERIAL CONSISTENCY local_serial"),
            Command::SerialConsistency(Some(Consistency::LocalSerial))
        );
        assert_eq!(good("TRACING ON"), Command::Tracing(Some(true)));
        let login = Command::Login {
            user: "Fred".into(),
            password: Some("it's".into()),
        };
        assert_eq!(good("LOGIN Fred 'it''s'"), login);
        assert_eq!(good("DESC TABLES"), Command::Describe);
        assert_eq!(good("copy t TO 'x'"), Command::Copy);
    }

    #[test]
    fn cql_is_none_of_them() {
        for text in ["SELECT 1", "", "exits", "'EXIT'", "é", "WAITFOR 1"] {
            assert_eq!(parse(text).unwrap(), None, "{text}");
        }
    }

    #[test]
    fn wrong_use_says_what_was_expected() {
        for text in [
            "EXIT now",
            "EXPAND maybe",
            "PAGING 0",
            "PAGING x",
            "SOURCE a.cql",
            "SOURCE",
            "SOURCE 'a",
            "CAPTURE x",
            "WAIT",
            "WAIT -1",
            "WAIT NaN",
            "WAIT inf",
            "WAIT 1e300",
            "SHOW",
            "SHOW ALL",
            "HISTORY x",
            "CONSISTENCY SOME",
            "SERIAL",
            "SERIAL CONSISTENCY ONE",
            "TRACING maybe",
            "LOGIN",
            "SHOW SESSION x",
            "EXPAND ON OFF",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
