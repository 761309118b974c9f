//! The only source of time.
//!
//! Everything that depends on time takes a [`Clock`], so that tests own it: a TTL expires when a
//! test advances a [`VirtualClock`], and a run can be repeated exactly.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A source of time, shared between threads.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Wall-clock time in microseconds since 1970-01-01 UTC. May step back.
    fn now_micros(&self) -> i64;

    /// Time in microseconds that never steps back; only differences mean anything.
    fn monotonic_micros(&self) -> i64;

    /// Waits. A virtual clock advances itself by `duration` and returns at once.
    fn sleep(&self, duration: Duration);

    /// Wall-clock time in whole seconds since 1970-01-01 UTC.
    fn now_seconds(&self) -> i64 {
        self.now_micros().div_euclid(1_000_000)
    }
}

/// A clock that can be shared.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// The machine's clock, ready to share.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clock"
    )]
    pub fn shared() -> SharedClock {
        Arc::new(Self {
            started: Instant::now(),
        })
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clock"
    )]
    fn now_micros(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
        }
    }

    fn monotonic_micros(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that waits by the clock"
    )]
    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// A clock that stands still until it is told to move.
#[derive(Debug)]
pub struct VirtualClock {
    micros: AtomicI64,
}

impl VirtualClock {
    /// A clock that shows `micros` since 1970-01-01 UTC.
    pub fn shared(micros: i64) -> Arc<Self> {
        Arc::new(Self {
            micros: AtomicI64::new(micros),
        })
    }

    /// Moves the clock; a negative duration in microseconds steps it back.
    pub fn advance_micros(&self, micros: i64) {
        self.micros.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for VirtualClock {
    fn now_micros(&self) -> i64 {
        self.micros.load(Ordering::SeqCst)
    }

    fn monotonic_micros(&self) -> i64 {
        self.now_micros()
    }

    fn sleep(&self, duration: Duration) {
        self.advance_micros(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX));
    }
}
