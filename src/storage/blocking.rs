//! Work that must not wait: reads and writes that refuse to touch the disk.
//!
//! A server's network thread serves many connections. A request that finds all it needs in memory
//! is done sooner than it could be handed to another thread; one that must read a file, or wait for
//! room in the memtables or for another thread's lock, would hold everybody else up. Nobody can
//! tell the two apart beforehand, so the thread tries: under [`resident`] whatever would have to
//! wait fails at once with [`ErrorKind::WouldBlock`], and has changed nothing by then. The request
//! is repeated on a thread that may wait.
//!
//! ```text
//! network thread   resident(request) ──► answer
//!                        │ would block
//! worker thread          └──► request ──► answer (and the blocks are in the cache now)
//! ```
//!
//! The flag belongs to the thread. It is looked at only where the slow way begins (a miss of the
//! block cache, a lock that is taken), so a request that is quick pays nothing for it.

use crate::error::{Error, ErrorKind, Result};
use std::cell::Cell;

thread_local! {
    static RESIDENT: Cell<bool> = const { Cell::new(false) };
}

/// Puts the flag back, also when the closure panics.
struct Reset(bool);

impl Drop for Reset {
    fn drop(&mut self) {
        RESIDENT.set(self.0);
    }
}

/// Runs `work`, in which whatever would have to wait fails at once instead.
pub fn resident<T>(work: impl FnOnce() -> T) -> T {
    let _reset = Reset(RESIDENT.replace(true));
    work()
}

/// Whether this thread must not wait.
pub fn is_resident() -> bool {
    RESIDENT.get()
}

/// To be called before anything that waits, and before anything was changed: fails where the
/// thread must not wait; `reason` says for what it would.
pub fn may_block(reason: &str) -> Result<()> {
    if RESIDENT.get() {
        return Err(would_block(reason));
    }
    Ok(())
}

/// What [`may_block`] fails with.
pub fn would_block(reason: &str) -> Error {
    Error::new(
        ErrorKind::WouldBlock,
        format!("this would have to wait for {reason}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_nests_and_ends_with_its_closure() {
        assert!(may_block("a file").is_ok());
        resident(|| {
            assert_eq!(may_block("a file").unwrap_err().kind, ErrorKind::WouldBlock);
            resident(|| assert!(is_resident()));
            assert!(is_resident());
        });
        assert!(!is_resident());
    }

    #[test]
    fn a_panic_takes_the_flag_away_too() {
        let panicked = std::panic::catch_unwind(|| resident(|| panic!("on purpose")));
        assert!(panicked.is_err());
        assert!(!is_resident());
    }
}
