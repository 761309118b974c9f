//! What a long transfer tells while it runs: a bar on a terminal, a line now and then elsewhere.

use crate::clock::SharedClock;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// How often a line is written where there is no terminal, in microseconds.
const LINE_MICROS: i64 = 10_000_000;
/// How long a transfer that is too fast waits before it looks again, in microseconds.
const PAUSE_MICROS_MAX: u64 = 100_000;

/// Progress on standard error, or none.
pub(super) struct Progress {
    clock: SharedClock,
    started: i64,
    last_line: i64,
    label: String,
    total_bytes: Option<u64>,
    shown: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Starts to measure; `total_bytes` is what there is to do, where it is known.
    pub(super) fn start(
        label: &str,
        total_bytes: Option<u64>,
        shown: bool,
        clock: SharedClock,
    ) -> Self {
        let started = clock.monotonic_micros();
        let bar = (shown && std::io::stderr().is_terminal()).then(|| bar(label, total_bytes));
        Self {
            clock,
            started,
            last_line: started,
            label: label.to_owned(),
            total_bytes,
            shown,
            bar,
        }
    }

    /// Shows how far it is.
    pub(super) fn update(&mut self, rows: u64, done_bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done_bytes);
            let speed = grouped(rate(rows, self.seconds()));
            bar.set_message(format!("{} rows {speed} rows/s", grouped(rows)));
            return;
        }
        let now = self.clock.monotonic_micros();
        if self.shown && now - self.last_line >= LINE_MICROS {
            self.last_line = now;
            let seconds = self.seconds();
            let share = match self.total_bytes {
                Some(total) if total > 0 && done_bytes > 0 => {
                    let done = done_bytes.min(total);
                    let left = (total - done) as f64 * seconds / done as f64;
                    format!(", {} %, about {left:.0} s left", done * 100 / total)
                }
                _ => String::new(),
            };
            eprintln!(
                "{}: {} rows, {} rows/s, {}{share}",
                self.label,
                grouped(rows),
                grouped(rate(rows, seconds)),
                bytes(done_bytes)
            );
        }
    }

    /// Writes a line for the user.
    pub(super) fn remark(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None if self.shown => eprintln!("{line}"),
            None => {}
        }
    }

    /// Seconds since the start.
    pub(super) fn seconds(&self) -> f64 {
        (self.clock.monotonic_micros() - self.started) as f64 / 1e6
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(label: &str, total_bytes: Option<u64>) -> ProgressBar {
    let (bar, template) = match total_bytes {
        Some(total) => (
            ProgressBar::new(total),
            "{prefix} [{bar:30}] {percent:>3} % {bytes}/{total_bytes} {msg}, {eta} left",
        ),
        None => (
            ProgressBar::new_spinner(),
            "{prefix} {spinner} {bytes} {msg}",
        ),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(label.to_owned());
    bar
}

/// A number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// Keeps a transfer from going faster than it should.
pub(super) struct Rate {
    clock: SharedClock,
    started: i64,
    rows_per_second: Option<u64>,
}

impl Rate {
    /// Not more than so many rows a second.
    pub(super) fn new(rows_per_second: Option<u64>, clock: SharedClock) -> Self {
        Self {
            started: clock.monotonic_micros(),
            clock,
            rows_per_second,
        }
    }

    /// Waits a moment where `rows` are too many by now; true where it did.
    pub(super) fn pause(&self, rows: u64) -> bool {
        let Some(rate) = self.rows_per_second else {
            return false;
        };
        let due = u128::from(rows) * 1_000_000 / u128::from(rate.max(1));
        let passed = self.clock.monotonic_micros() - self.started;
        let early = i64::try_from(due).unwrap_or(i64::MAX) - passed;
        if early <= 0 {
            return false;
        }
        let moment = u64::try_from(early).unwrap_or(0).min(PAUSE_MICROS_MAX);
        self.clock.sleep(Duration::from_micros(moment));
        true
    }
}

/// Rows a second.
pub(super) fn rate(rows: u64, seconds: f64) -> u64 {
    if seconds > 0.0 {
        (rows as f64 / seconds).round() as u64
    } else {
        0
    }
}

/// How long it took and how fast it went: `2.54 s (132,451 rows/s)`. Below a hundredth of a second
/// a rate means nothing and is left out.
pub(super) fn pace(rows: u64, seconds: f64) -> String {
    if seconds < 0.01 {
        return format!("{seconds:.2} s");
    }
    let rate = grouped((rows as f64 / seconds).round() as u64);
    format!("{seconds:.2} s ({rate} rows/s)")
}

/// A size for people.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if count < 1_000 {
        return format!("{count} B");
    }
    let mut size = count as f64;
    let mut shown = String::new();
    for unit in UNITS {
        size /= 1_000.0;
        shown = format!("{size:.1} {unit}");
        if size < 1_000.0 {
            break;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_for_people() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(336_776), "336,776");
        assert_eq!(grouped(1_000_000), "1,000,000");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(31_053_850), "31.1 MB");
        assert_eq!(bytes(2_500_000_000_000_000), "2500.0 TB");
        assert_eq!(pace(100, 0.5), "0.50 s (200 rows/s)");
        assert_eq!(pace(100, 0.001), "0.00 s");
    }
}
