//! Where a run's time goes, by side and kind of statement.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::{Duration, Instant};

/// How often and how long each side was asked each kind of statement.
#[derive(Debug, Default)]
pub struct Times(BTreeMap<(String, &'static str), (u32, Duration)>);

impl Times {
    /// Does it and notes how long it took.
    pub fn measure<T>(&mut self, kind: &str, side: &'static str, ask: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let answer = ask();
        let (count, total) = self.0.entry((kind.to_owned(), side)).or_default();
        *count += 1;
        *total += start.elapsed();
        answer
    }

    /// Adds those of another run.
    pub fn merge(&mut self, other: Self) {
        for (kind, (count, took)) in other.0 {
            let of_kind = self.0.entry(kind).or_default();
            of_kind.0 += count;
            of_kind.1 += took;
        }
    }
}

impl Display for Times {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for ((kind, side), (count, total)) in &self.0 {
            // Seldom ones are words that nonsense begins with.
            if *count >= 10 {
                let mean = total.as_secs_f64() * 1000.0 / f64::from(*count);
                let total = total.as_secs_f64();
                writeln!(
                    f,
                    "{kind:<10} {side:<6} {count:>6} times {mean:>8.2} ms {total:>7.1} s"
                )?;
            }
        }
        Ok(())
    }
}
