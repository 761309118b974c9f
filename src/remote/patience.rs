//! What is tried again, and when.
//!
//! A server that has too much to do says so; asking it again at once makes it worse. Each attempt
//! waits twice as long as the one before, up to a bound, and after some attempts it is enough.

use crate::clock::SharedClock;
use crate::error::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often something is tried in all.
const ATTEMPTS_MAX: u32 = 12;
/// How long the first pause is.
const PAUSE_MIN: Duration = Duration::from_millis(25);
/// How long a pause is at most.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long before an interrupt is looked for.
const STEP: Duration = Duration::from_millis(50);

/// Whether the server may do later what it refused now.
pub fn is_passing(error: &Error) -> bool {
    matches!(
        error.kind,
        ErrorKind::Overloaded
            | ErrorKind::Unavailable
            | ErrorKind::IsBootstrapping
            | ErrorKind::ReadTimeout
            | ErrorKind::WriteTimeout
            | ErrorKind::Io
    )
}

/// The attempts at one piece of work.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patience {
    attempts: u32,
}

impl Patience {
    /// Something went well: the next failure is a first one again.
    pub fn restore(&mut self) {
        self.attempts = 0;
    }

    /// Waits before the next attempt after `error`; fails with it where there is none.
    pub fn wait(&mut self, error: Error, clock: &SharedClock, stop: &AtomicBool) -> Result<()> {
        self.attempts += 1;
        if !is_passing(&error) || self.attempts >= ATTEMPTS_MAX {
            return Err(error);
        }
        let mut left = PAUSE_MIN
            .saturating_mul(1 << (self.attempts - 1).min(16))
            .min(PAUSE_MAX);
        while !left.is_zero() {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::new(ErrorKind::Cancelled, "stopped"));
            }
            let step = left.min(STEP);
            clock.sleep(step);
            left -= step;
        }
        Ok(())
    }
}
