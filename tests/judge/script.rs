//! A script: CQL statements, and directives for the one who runs them.
//!
//! Statements end with `;`. A directive is written like a statement:
//!
//! | directive | meaning |
//! |---|---|
//! | `BIND (a, b)` | the next statement is prepared and executed with these values |
//! | `PAGE n` | the next statement's rows are read in pages of n |
//! | `TIMESTAMP n` | the next statement comes with this default timestamp |
//! | `CONSISTENCY x`, `SERIAL CONSISTENCY x` | what is asked for from here on |
//! | `WAIT n` | time moves by n seconds |
//! | `DIFFERS slug` | the next statement is answered differently here; the manual says why |
//!
//! A value of BIND is a literal of its marker's type, `null`, `unset`, or bytes as they are
//! (`raw 0x00`).

use crate::judge::side::{Ask, Side};
use helenus::cql::parser::split_statements;
use helenus::protocol::Consistency;

/// A statement of a script with its answer. Directives answer nothing.
pub struct Answered {
    /// The statement, without its semicolon.
    pub text: String,
    /// What was answered: lines, or nothing.
    pub answer: String,
    /// The reason why the answer differs here, if it does.
    pub differs: Option<String>,
    /// Whether it is a directive.
    pub is_directive: bool,
}

/// Runs a script on a side; `Err` where a directive makes no sense.
pub fn run(script: &str, side: &mut Side) -> Result<Vec<Answered>, String> {
    let mut answered = Vec::new();
    let mut ask = Ask::default();
    let mut differs = None;
    for piece in split_statements(script) {
        let is_directive = match directive(piece.text, side, &mut ask, &mut differs) {
            Some(Ok(())) => true,
            Some(Err(why)) => return Err(format!("line {}: {}: {why}", piece.line, piece.text)),
            None => false,
        };
        let mut answer = String::new();
        let mut reason = None;
        if !is_directive {
            answer = side.answer(piece.text, &std::mem::take(&mut ask));
            reason = differs.take();
        }
        answered.push(Answered {
            text: piece.text.to_owned(),
            answer,
            differs: reason,
            is_directive,
        });
    }
    Ok(answered)
}

/// Follows a directive; none where the text is a statement.
fn directive(
    text: &str,
    side: &mut Side,
    ask: &mut Ask,
    differs: &mut Option<String>,
) -> Option<Result<(), String>> {
    let (word, rest) = text.split_once(' ')?;
    let rest = rest.trim();
    let number = || rest.parse::<i64>().map_err(|error| error.to_string());
    let level = |name: &str| {
        name.parse::<Consistency>()
            .map_err(|()| "no level of consistency".to_owned())
    };
    Some(match word {
        "BIND" => match rest
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
        {
            Some(list) => {
                ask.values = Some(split_values(list));
                Ok(())
            }
            None => Err("BIND (values) expected".to_owned()),
        },
        "PAGE" => match rest.parse() {
            Ok(rows) => {
                ask.page_rows = Some(rows);
                Ok(())
            }
            Err(_) => Err("PAGE n expected".to_owned()),
        },
        "TIMESTAMP" => number().map(|micros| ask.timestamp = Some(micros)),
        "WAIT" => number().map(|seconds| side.wait(seconds)),
        "CONSISTENCY" => level(rest).map(|level| side.consistency = level),
        "SERIAL" => match rest.strip_prefix("CONSISTENCY ") {
            Some(name) => level(name.trim()).map(|level| side.serial_consistency = Some(level)),
            None => Err("SERIAL CONSISTENCY x expected".to_owned()),
        },
        "DIFFERS" => {
            *differs = Some(rest.to_owned());
            Ok(())
        }
        _ => return None,
    })
}

/// Splits `a, 'b, c', [1, 2]` at the commas outside of quotes and brackets.
pub fn split_values(list: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let (mut depth, mut quote) = (0, None);
    for c in list.chars() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('[' | '{' | '(', None) => depth += 1,
            (']' | '}' | ')', None) => depth -= 1,
            _ => {}
        }
        if c == ',' && depth == 0 && quote.is_none() {
            values.push(String::new());
        } else if let Some(last) = values.last_mut() {
            last.push(c);
        }
    }
    values
        .iter()
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
        .collect()
}
