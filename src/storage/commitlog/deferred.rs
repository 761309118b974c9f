//! Waiting for the log without a thread that waits.
//!
//! A server has thousands of writes under way and no thread to spare for each. It appends, says
//! which position it waits for ([`CommitLog::want`]) and goes on; the log's own thread syncs for
//! all of them ([`CommitLog::serve`]) and calls back after each sync.
//!
//! ```text
//! network threads   append want ─ append want ──── append want ─────► acknowledge through P
//!                        │ bell      (next group fills)                      ▲
//! log thread             └─► write, sync ──────────► write, sync ──► ...  wake(P)
//! ```
//!
//! The log's thread takes turns with callers who wait by themselves ([`CommitLog::wait_durable`]):
//! whoever finds the turn free leads, and a turn that somebody else led counts as well. A bell that
//! has rung already is not pulled again, so a position wanted costs two atomic operations; who
//! brings many at once rings once at the end ([`CommitLog::gather`]), and they share one write.

use super::{CommitLog, lock};
use crate::config::CommitlogSync;
use crate::error::{Error, Result};
use crate::storage::background::Bell;
use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What is called after each sync.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Who waits for the log without a thread.
#[derive(Default)]
pub struct Deferred {
    /// The greatest position that somebody waits for.
    wanted: AtomicU64,
    /// The durable position of which the callbacks were told last.
    told: AtomicU64,
    wakes: Mutex<Vec<Wake>>,
    bell: Bell,
    /// Whether the log was closed: nothing becomes durable any more.
    closed: AtomicBool,
}

impl fmt::Debug for Deferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deferred")
            .field("wanted", &self.wanted)
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}

/// What this thread gathers for.
#[derive(Clone, Copy, Default)]
struct Gathering {
    /// The address of the log; 0 where the thread does not gather.
    log: usize,
    /// Whether something was wanted meanwhile.
    wanted: bool,
}

thread_local! {
    static GATHERING: Cell<Gathering> = const { Cell::new(Gathering { log: 0, wanted: false }) };
}

/// Ends a gathering, also when the closure panics.
struct Gathered<'a> {
    log: &'a CommitLog,
    before: Gathering,
}

impl Drop for Gathered<'_> {
    fn drop(&mut self) {
        if GATHERING.replace(self.before).wanted {
            self.log.deferred.bell.ring();
        }
    }
}

impl CommitLog {
    /// What wakes the thread that serves those who wait.
    pub fn bell(&self) -> &Bell {
        &self.deferred.bell
    }

    /// Says that somebody waits for `sequence`; answers whether it must be waited for at all.
    pub fn want(&self, sequence: u64) -> bool {
        if self.mode == CommitlogSync::Periodic || self.durable() >= sequence {
            return false;
        }
        self.deferred.wanted.fetch_max(sequence, Ordering::SeqCst);
        self.ring();
        true
    }

    /// Wakes the log's thread, at the end of what this thread gathers.
    pub(super) fn ring(&self) {
        let gathering = GATHERING.get();
        if gathering.log == std::ptr::from_ref(self).addr() {
            if !gathering.wanted {
                GATHERING.set(Gathering {
                    wanted: true,
                    ..gathering
                });
            }
        } else {
            self.deferred.bell.ring();
        }
    }

    /// Runs `work`; the log's thread is woken for what it wants at its end.
    pub fn gather<T>(&self, work: impl FnOnce() -> T) -> T {
        let own = std::ptr::from_ref(self).addr();
        if GATHERING.get().log == own {
            return work();
        }
        let gathering = Gathering {
            log: own,
            wanted: false,
        };
        let _gathered = Gathered {
            log: self,
            before: GATHERING.replace(gathering),
        };
        work()
    }

    /// Has `wake` called after every sync that somebody waited for, after every failure, and when
    /// the log is closed; then it is forgotten. It must not block.
    pub fn on_sync(&self, wake: Wake) {
        lock(&self.deferred.wakes).push(wake);
    }

    /// Whether everything up to `sequence` is acknowledged; an error where its write has failed.
    pub fn is_durable(&self, sequence: u64) -> Result<bool> {
        if self.mode == CommitlogSync::Periodic || self.durable() >= sequence {
            return Ok(true);
        }
        let turn = lock(&self.turn);
        // Looked at again: what was durable in between has not failed.
        if self.durable() >= sequence {
            return Ok(true);
        }
        if let Some(error) = &turn.stopped {
            return Err(error.clone());
        }
        if let Some((through, error)) = &turn.failure
            && sequence <= *through
        {
            return Err(error.clone());
        }
        if self.deferred.closed.load(Ordering::SeqCst) {
            return Err(Error::invalid("the database was closed before the write"));
        }
        Ok(false)
    }

    /// Syncs until nobody waits any more; answers whether somebody did.
    pub fn serve(&self) -> Result<bool> {
        let mut served = false;
        loop {
            let durable = self.durable();
            if durable >= self.deferred.wanted.load(Ordering::SeqCst) {
                break;
            }
            served = true;
            // One more than is durable: a turn that another leads may be enough for some.
            let result = self.sync_through(durable + 1);
            if result.is_err() {
                self.wake_all();
                return result.map(|()| served);
            }
            self.tell();
        }
        self.tell();
        Ok(served)
    }

    /// Calls back where the durable position has moved since the last time.
    fn tell(&self) {
        let durable = self.durable();
        if self.deferred.told.swap(durable, Ordering::SeqCst) != durable {
            self.wake_all();
        }
    }

    fn wake_all(&self) {
        let wakes = lock(&self.deferred.wakes).clone();
        for wake in wakes {
            wake();
        }
    }

    /// Nothing becomes durable any more: wakes all for the last time.
    pub(super) fn end_deferred(&self) {
        self.deferred.closed.store(true, Ordering::SeqCst);
        self.wake_all();
        lock(&self.deferred.wakes).clear();
    }
}
