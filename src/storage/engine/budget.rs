//! The bound on the memory of all memtables.
//!
//! What counts is what is not in SSTables yet: a flushed memtable that a reader still holds does
//! not, or a reader that also writes could wait for itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The memory of all memtables, against its bound.
pub struct Budget {
    used: AtomicUsize,
    bytes_max: usize,
    waiting: Mutex<()>,
    freed: Condvar,
}

impl Budget {
    /// Nothing used of `bytes_max`.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            bytes_max,
            waiting: Mutex::new(()),
            freed: Condvar::new(),
        }
    }

    /// How much is used, in bytes.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::SeqCst)
    }

    /// Whether a writer may go on.
    pub fn has_room(&self) -> bool {
        self.used() < self.bytes_max
    }

    /// Whether it is time to flush something before writers must wait.
    pub fn is_tight(&self) -> bool {
        self.used() >= self.bytes_max / 2
    }

    /// Counts what was inserted.
    pub fn add(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::SeqCst);
    }

    /// Gives memory back and wakes who waits for it.
    pub fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::SeqCst);
        let _waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.freed.notify_all();
    }

    /// Waits a while for room.
    pub fn wait(&self) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.has_room() {
            let patience = Duration::from_millis(50);
            let _ = self.freed.wait_timeout(waiting, patience);
        }
    }
}
