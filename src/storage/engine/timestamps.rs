//! Server timestamps: microseconds that rise strictly, whatever the clock does.

use crate::clock::Clock;
use std::sync::atomic::{AtomicI64, Ordering};

/// The source of server timestamps.
pub struct Timestamps {
    last: AtomicI64,
}

impl Timestamps {
    /// Timestamps above `floor`.
    pub fn new(floor: i64) -> Self {
        Self {
            last: AtomicI64::new(floor),
        }
    }

    /// The next timestamp: the clock's time, or one more than the last where that is not above it.
    pub fn next(&self, clock: &dyn Clock) -> i64 {
        let now = clock.now_micros();
        let step = |last: i64| Some(now.max(last.saturating_add(1)));
        let last = self
            .last
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, step)
            .unwrap_or_default();
        now.max(last.saturating_add(1))
    }

    /// The last timestamp that was given out.
    pub fn last(&self) -> i64 {
        self.last.load(Ordering::SeqCst)
    }
}
