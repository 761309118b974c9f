//! The room for answers that are being made.
//!
//! A large answer takes memory before anybody can know its size, and many worker threads may make
//! one at the same time. So each takes its room while it grows, from the same total that counts
//! answers that are not sent yet; where there is none, it fails with OVERLOADED.

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What of the room for answers one takes that is being made.
#[derive(Debug)]
pub struct AnswerRoom {
    total_bytes: Arc<AtomicUsize>,
    bytes: usize,
}

/// How much of the room is taken at once, and what needs none.
const ROOM_STEP_BYTES: usize = 256 << 10;

impl AnswerRoom {
    /// None yet.
    pub fn new(total_bytes: &Arc<AtomicUsize>) -> Self {
        Self {
            total_bytes: Arc::clone(total_bytes),
            bytes: 0,
        }
    }

    /// Takes what an answer of `length` bytes needs, which is copied once. One that is alone gets
    /// it in any case.
    pub fn grow(&mut self, length: usize) -> Result<()> {
        let needed = length.saturating_mul(2);
        if needed <= self.bytes.max(ROOM_STEP_BYTES) {
            return Ok(());
        }
        let more = needed - self.bytes + ROOM_STEP_BYTES;
        let before = self.total_bytes.fetch_add(more, Ordering::Relaxed);
        let others = before.saturating_sub(self.bytes);
        self.bytes += more;
        if others > 0 && others.saturating_add(self.bytes) > limits::OUTPUT_BYTES_MAX {
            return Err(Error::new(
                ErrorKind::Overloaded,
                "Too many large answers are made or wait to be read; try again later, or read \
                 smaller pages",
            ));
        }
        Ok(())
    }
}

impl Drop for AnswerRoom {
    fn drop(&mut self) {
        self.total_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alone_gets_room_and_others_share_what_there_is() {
        let total = Arc::default();
        let mut alone = AnswerRoom::new(&total);
        alone.grow(limits::OUTPUT_BYTES_MAX).unwrap();
        let mut other = AnswerRoom::new(&total);
        other.grow(ROOM_STEP_BYTES / 2).unwrap();
        let refused = other.grow(ROOM_STEP_BYTES).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Overloaded);
        drop((alone, other));
        assert_eq!(total.load(Ordering::Relaxed), 0);
    }
}
