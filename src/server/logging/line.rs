//! One event, one line.
//!
//! ```text
//! 2026-03-01T12:00:00.123Z INFO  server: listens address=127.0.0.1:9042
//! ```
//!
//! A line is built in memory and written by one call, so that lines of several threads do not mix.
//! Who can make the server log (by connections that are refused, say) shall not fill a disk with
//! it: a second has room for so many lines, and the next one that is written tells how many were
//! left out.

use crate::clock::{SharedClock, SystemClock};
use chrono::{DateTime, SecondsFormat};
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// What a line may hold, in bytes; a longer one is cut.
const LINE_BYTES_MAX: usize = 8 << 10;

/// How many lines a second has room for.
const LINES_PER_SECOND_MAX: u64 = 500;

/// Writes events to standard error.
#[derive(Debug)]
pub struct Lines {
    clock: SharedClock,
    color: bool,
    rate: Rate,
}

/// How many lines were written in this second, and how many left out.
#[derive(Debug, Default)]
struct Rate {
    second: AtomicI64,
    lines: AtomicU64,
}

impl Rate {
    /// Whether there is room for one more line, and how many were left out before it. Threads that
    /// meet at the turn of a second may write a line more or less.
    fn take(&self, second: i64) -> Option<u64> {
        if self.second.swap(second, Ordering::Relaxed) != second {
            let before = self.lines.swap(1, Ordering::Relaxed);
            return Some(before.saturating_sub(LINES_PER_SECOND_MAX));
        }
        let lines = self.lines.fetch_add(1, Ordering::Relaxed);
        (lines < LINES_PER_SECOND_MAX).then_some(0)
    }
}

impl Lines {
    /// Lines with or without colour.
    pub fn new(color: bool) -> Self {
        Self {
            clock: SystemClock::shared(),
            color,
            rate: Rate::default(),
        }
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let now_micros = self.clock.now_micros();
        let Some(left_out) = self.rate.take(now_micros.div_euclid(1_000_000)) else {
            return;
        };
        let mut fields = Fields::default();
        event.record(&mut fields);
        if left_out > 0 {
            let _ = write!(
                fields.others,
                " ({left_out} lines before this one were left out)"
            );
        }
        let line = line(now_micros, event.metadata(), &fields, self.color);
        // A log that cannot be written has nobody to tell.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

fn line(now_micros: i64, metadata: &Metadata<'_>, fields: &Fields, color: bool) -> String {
    let time = DateTime::from_timestamp_micros(now_micros)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true);
    let target = metadata.target();
    let target = target.strip_prefix("helenus::").unwrap_or(target);
    let level = metadata.level();
    let mut line = if color {
        let paint = match *level {
            Level::ERROR => "31",
            Level::WARN => "33",
            Level::INFO => "32",
            _ => "34",
        };
        format!("\x1b[2m{time}\x1b[0m \x1b[{paint}m{level:<5}\x1b[0m {target}: ")
    } else {
        format!("{time} {level:<5} {target}: ")
    };
    line.push_str(&fields.message);
    line.push_str(&fields.others);
    if fields.cut {
        line.push('…');
    }
    line.push('\n');
    line
}

/// The fields of an event as text, without control characters.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    others: String,
    cut: bool,
}

impl Fields {
    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let is_message = field.name() == "message";
        let text = if is_message {
            &mut self.message
        } else {
            self.others.push(' ');
            self.others.push_str(field.name());
            self.others.push('=');
            &mut self.others
        };
        let mut clean = Clean {
            room: LINE_BYTES_MAX.saturating_sub(text.len()),
            text,
            cut: false,
        };
        // Only a value whose own formatting fails can fail here; then the rest of it is missing.
        let _ = clean.write_fmt(value);
        self.cut |= clean.cut;
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if value.contains(' ') && field.name() != "message" {
            self.add(field, format_args!("{value:?}"));
        } else {
            self.add(field, format_args!("{value}"));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format_args!("{value:?}"));
    }
}

/// Passes text on with its control characters escaped, as far as there is room.
struct Clean<'a> {
    text: &'a mut String,
    room: usize,
    cut: bool,
}

impl fmt::Write for Clean<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            let bytes = self.text.len();
            if self.room < 10 {
                self.cut = true;
                return Ok(());
            }
            if c.is_control() || is_invisible(c) {
                self.text.extend(c.escape_default());
            } else {
                self.text.push(c);
            }
            self.room = self.room.saturating_sub(self.text.len() - bytes);
        }
        Ok(())
    }
}

/// Characters that turn or split a line without being control characters.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Kept {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let mut fields = Fields::default();
            event.record(&mut fields);
            let text = line(1_767_225_600_123_456, event.metadata(), &fields, false);
            self.0.lock().unwrap().push(text);
        }
    }

    fn logged(work: impl FnOnce()) -> Vec<String> {
        let kept = Kept::default();
        tracing::subscriber::with_default(Registry::default().with(kept.clone()), work);
        kept.0.lock().unwrap().clone()
    }

    #[test]
    fn an_event_is_a_line() {
        let lines = logged(|| {
            tracing::info!(target: "helenus::server", port = 9042, user = "a b", "listens");
        });
        let wanted = "2026-01-01T00:00:00.123Z INFO  server: listens port=9042 user=\"a b\"\n";
        assert_eq!(lines, [wanted]);
    }

    #[test]
    fn control_characters_are_escaped() {
        let hostile = "x\n2026 ERROR forged\r\u{1b}[2J\u{202e}\u{9b}";
        let lines = logged(|| tracing::warn!(%hostile, raw = hostile, "said {hostile}"));
        assert_eq!(lines.len(), 1);
        let body = lines[0].strip_suffix('\n').unwrap();
        assert!(!body.chars().any(|c| c.is_control() || is_invisible(c)));
        assert_eq!(body.matches("\\n2026 ERROR forged").count(), 3);
    }

    #[test]
    fn a_flood_is_dammed() {
        let rate = Rate::default();
        let written = (0..LINES_PER_SECOND_MAX + 70).filter(|_| rate.take(7).is_some());
        assert_eq!(written.count() as u64, LINES_PER_SECOND_MAX);
        assert_eq!(rate.take(8), Some(70));
        assert_eq!(rate.take(8), Some(0));
    }

    #[test]
    fn a_long_line_is_cut() {
        let long = "\u{1}".repeat(1 << 20);
        let lines = logged(|| tracing::warn!("{long}"));
        assert!(lines[0].len() < LINE_BYTES_MAX + 100 && lines[0].ends_with("…\n"));
    }
}
