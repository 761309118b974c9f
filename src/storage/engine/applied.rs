//! Up to which position every mutation is in the memtables.
//!
//! Writers append one after the other but insert side by side, and end in any order; readers may
//! only go by what is complete.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many mutations may be between append and insertion at once.
const FLIGHT: usize = 1 << 12;

/// The positions that are complete.
pub struct Applied {
    contiguous: AtomicU64,
    /// For each position in flight, by its remainder: the last one that ended there.
    ended: Vec<AtomicU64>,
}

impl Applied {
    /// Everything up to `position` is applied.
    pub fn new(position: u64) -> Self {
        Self {
            contiguous: AtomicU64::new(position),
            ended: (0..FLIGHT).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    fn slot(&self, position: u64) -> Option<&AtomicU64> {
        self.ended.get((position % FLIGHT as u64) as usize)
    }

    /// The mutation at `position` is inserted; returns when all before it are too.
    pub fn end(&self, position: u64) {
        let before = position.saturating_sub(1);
        let alone =
            self.contiguous
                .compare_exchange(before, position, Ordering::SeqCst, Ordering::SeqCst);
        if alone.is_ok() {
            self.advance();
            return;
        }
        while position.saturating_sub(self.contiguous()) > FLIGHT as u64 {
            std::thread::yield_now();
        }
        if let Some(slot) = self.slot(position) {
            slot.store(position, Ordering::SeqCst);
        }
        while self.advance() < position {
            std::thread::yield_now();
        }
    }

    /// Counts what has ended; answers up to where everything has.
    fn advance(&self) -> u64 {
        loop {
            let done = self.contiguous();
            let next = done + 1;
            let ended = self
                .slot(next)
                .is_some_and(|slot| slot.load(Ordering::SeqCst) == next);
            if !ended {
                return done;
            }
            // Whoever loses the race finds the same done by another.
            let _ =
                self.contiguous
                    .compare_exchange(done, next, Ordering::SeqCst, Ordering::SeqCst);
        }
    }

    /// Everything up to here is in the memtables.
    pub fn contiguous(&self) -> u64 {
        self.contiguous.load(Ordering::SeqCst)
    }
}
