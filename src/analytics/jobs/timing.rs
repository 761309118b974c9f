//! When a job is due.
//!
//! Runs stand on a grid: the start, and every interval from it on. A run that is late does not move
//! the grid; whatever was missed meanwhile is one run, not many.

use crate::error::{Error, Result};
use crate::types::temporal;

/// The shortest interval, in microseconds.
const INTERVAL_MICROS_MIN: i64 = 1_000_000;
/// Microseconds of a day.
const DAY_MICROS: i64 = temporal::DAY_NANOS / 1_000;

/// The time between two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interval {
    /// Always the same.
    Micros(i64),
    /// By the calendar: on the same day of the month, or the month's last.
    Months(i64),
}

impl Interval {
    /// Reads the text behind EVERY: a duration such as `90s`, `1h`, `1d12h` or `1mo`.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::invalid(format!("EVERY '{text}' {why}"))
                .with_hint("a duration is written as '90s', '15m', '1h', '1d', '1w' or '1mo'")
        };
        let parsed = temporal::parse_duration(text.trim());
        let (months, days, nanos) = parsed.ok_or_else(|| wrong("is no duration"))?;
        if months > 0 {
            return match (days, nanos) {
                (0, 0) => Ok(Self::Months(i64::from(months))),
                _ => Err(wrong("mixes months with days or hours")),
            };
        }
        let micros = i64::from(days)
            .checked_mul(DAY_MICROS)
            .and_then(|micros| micros.checked_add(nanos / 1_000))
            .ok_or_else(|| wrong("is too long"))?;
        if micros < INTERVAL_MICROS_MIN || months < 0 {
            return Err(wrong("is shorter than a second"));
        }
        Ok(Self::Micros(micros))
    }

    /// The first moment of the grid behind `now`; all in microseconds since 1970.
    pub fn next(self, start_micros: i64, now_micros: i64) -> i64 {
        if start_micros > now_micros {
            return start_micros;
        }
        let elapsed = now_micros.saturating_sub(start_micros);
        match self {
            Self::Micros(interval) => {
                let steps = elapsed / interval + 1;
                start_micros.saturating_add(steps.saturating_mul(interval))
            }
            Self::Months(months) => {
                // No month is longer than 31 days, so this is not behind the answer.
                let mut steps = elapsed / (31 * DAY_MICROS).saturating_mul(months);
                loop {
                    let moment = add_months(start_micros, steps.saturating_mul(months));
                    if moment > now_micros {
                        return moment;
                    }
                    steps += 1;
                }
            }
        }
    }
}

fn add_months(micros: i64, months: i64) -> i64 {
    let days = temporal::add_months(micros.div_euclid(DAY_MICROS), months);
    days.saturating_mul(DAY_MICROS)
        .saturating_add(micros.rem_euclid(DAY_MICROS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn micros(text: &str) -> i64 {
        temporal::parse_timestamp(text).unwrap() * 1_000
    }

    #[test]
    fn a_late_run_does_not_move_the_grid() {
        let hourly = Interval::parse("1h").unwrap();
        assert_eq!(hourly, Interval::Micros(HOUR));
        assert_eq!(hourly.next(100, 5), 100);
        assert_eq!(hourly.next(100, 100), 100 + HOUR);
        assert_eq!(hourly.next(100, 99 + 7 * HOUR), 100 + 7 * HOUR);
        assert_eq!(hourly.next(100, 100 + 7 * HOUR), 100 + 8 * HOUR);
    }

    #[test]
    fn months_go_by_the_calendar() {
        let monthly = Interval::parse("1mo").unwrap();
        let start = micros("2026-01-31 10:00:00+0000");
        let next = |now: &str| monthly.next(start, micros(now));
        assert_eq!(
            next("2026-02-01 00:00:00+0000"),
            micros("2026-02-28 10:00:00+0000")
        );
        assert_eq!(
            next("2026-02-28 10:00:00+0000"),
            micros("2026-03-31 10:00:00+0000")
        );
        assert_eq!(
            next("2028-02-10 00:00:00+0000"),
            micros("2028-02-29 10:00:00+0000")
        );
    }

    #[test]
    fn what_is_no_interval() {
        for (text, words) in [
            ("often", "is no duration"),
            ("500ms", "shorter than a second"),
            ("-1h", "shorter than a second"),
            ("1mo1d", "mixes months"),
            ("0s", "shorter than a second"),
        ] {
            let error = Interval::parse(text).unwrap_err();
            assert!(error.message.contains(words), "{text}: {error}");
        }
    }
}
