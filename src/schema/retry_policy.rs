//! `speculative_retry` and `additional_write_policy`: when to ask another replica.
//!
//! On one machine there is none to ask. The policy is checked, and kept in its canonical form:
//!
//! | given | kept |
//! |---|---|
//! | `99PERCENTILE`, `99.90p` | `99p`, `99.9p` |
//! | `10.5MS` | `10ms` |
//! | `always`, `none`, `never` | `ALWAYS`, `NEVER`, `NEVER` |
//! | `min(50ms, 99p)`, `MAX(…)` | `MIN(99p,50ms)`: one of each kind, the percentile first |

use crate::error::{Error, Result};

/// A policy that is no combination.
enum Simple {
    Percentile(f64),
    Fixed(i32),
}

impl Simple {
    fn kind(&self) -> &'static str {
        match self {
            Self::Percentile(_) => "PERCENTILE",
            Self::Fixed(_) => "FIXED",
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Percentile(percentile) => {
                format!("{}p", (percentile * 10_000.0).round() / 10_000.0)
            }
            Self::Fixed(millis) => format!("{millis}ms"),
        }
    }
}

/// The policy `given` in its canonical form. Refusals name `speculative_retry` whichever of the two
/// options it is for, as Cassandra's do.
pub(super) fn policy(given: &str) -> Result<String> {
    let upper = given.to_ascii_uppercase();
    match upper.as_str() {
        "ALWAYS" => return Ok("ALWAYS".to_owned()),
        "NONE" | "NEVER" => return Ok("NEVER".to_owned()),
        _ => {}
    }
    if let Some(combined) = combination(given, &upper)? {
        return Ok(combined);
    }
    match simple(&upper) {
        Some(Simple::Percentile(percentile)) if !(percentile > 0.0 && percentile < 100.0) => {
            Err(Error::config(format!(
                "Invalid value {given} for PERCENTILE option 'speculative_retry': must be between \
                 (0.0 and 100.0)"
            )))
        }
        Some(simple) => Ok(simple.text()),
        None => Err(invalid(given)),
    }
}

fn invalid(given: &str) -> Error {
    Error::config(format!(
        "Invalid value {given} for option 'speculative_retry'"
    ))
}

/// `MIN(…, …)` or `MAX(…, …)`; none if it is neither.
fn combination(given: &str, upper: &str) -> Result<Option<String>> {
    let Some(hybrid) = ["MIN", "MAX"].into_iter().find(|h| upper.starts_with(h)) else {
        return Ok(None);
    };
    let inside = upper
        .get(3..)
        .and_then(|rest| rest.trim().strip_prefix('('))
        .and_then(|rest| rest.strip_suffix(')'));
    let Some((left, right)) = inside.and_then(|inside| inside.split_once(',')) else {
        return Err(invalid(given));
    };
    let part = |text: &str| {
        let part = simple(text.trim());
        part.filter(|part| {
            !matches!(part, Simple::Percentile(percentile)
                if !(*percentile > 0.0 && *percentile < 100.0))
        })
        .ok_or_else(|| invalid(given))
    };
    let (left, right) = (part(left)?, part(right)?);
    let (first, second) = match (&left, &right) {
        (Simple::Percentile(_), Simple::Fixed(_)) => (left, right),
        (Simple::Fixed(_), Simple::Percentile(_)) => (right, left),
        _ => {
            return Err(Error::config(format!(
                "Invalid value {given} for option 'speculative_retry': MIN()/MAX() arguments \
                 should be of different types, but both are of type {}",
                left.kind()
            )));
        }
    };
    let (first, second) = (first.text(), second.text());
    Ok(Some(format!("{hybrid}({first},{second})")))
}

fn simple(upper: &str) -> Option<Simple> {
    // Digits with or without a point, and no sign or exponent.
    let number = |text: &str| -> Option<f64> {
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        text.parse().ok().filter(|_| plain)
    };
    if let Some(millis) = upper.strip_suffix("MS") {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it saturates, as it should"
        )]
        return number(millis).map(|millis| Simple::Fixed(millis as i32));
    }
    let percentile = upper
        .strip_suffix("PERCENTILE")
        .or_else(|| upper.strip_suffix('P'))?;
    number(percentile).map(Simple::Percentile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_kept_in_their_canonical_form() {
        for (given, kept) in [
            ("99PERCENTILE", "99p"),
            ("99.90p", "99.9p"),
            ("50ms", "50ms"),
            ("10.5MS", "10ms"),
            ("99999999999ms", "2147483647ms"),
            ("none", "NEVER"),
            ("Always", "ALWAYS"),
            ("min(50ms, 99p)", "MIN(99p,50ms)"),
            ("max ( 99.5percentile , 7ms )", "MAX(99.5p,7ms)"),
        ] {
            assert_eq!(policy(given).unwrap(), kept);
        }
        for given in [
            "", "p", "0p", "100p", "-1ms", "min(99p)", "99", "1e1p", "MIN", "MINé",
        ] {
            assert!(policy(given).is_err(), "{given}");
        }
        let same = policy("min(1p,2p)").unwrap_err().message;
        assert!(same.contains("both are of type PERCENTILE"), "{same}");
    }
}
