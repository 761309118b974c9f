//! The engine's own threads: the only place in storage that spawns, blocks or waits for time.
//!
//! Each thread runs one job whenever its [`Bell`] rings or its period is over, until it is told to
//! stop. The job itself is a function of the engine that tests call step by step.

use crate::error::{Error, Result};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Work that can wait while requests cannot: it gets a third of a core that both want, and the rest
/// of the time all that is left.
const YIELDING: [&str; 2] = ["flush", "compaction"];
/// How much the priority of such threads is lowered.
const BACKGROUND_NICE: i32 = 5;

#[derive(Default)]
struct Rope {
    asleep: bool,
    stopped: bool,
}

/// What wakes a thread. To ring it again before the thread has come costs one look.
#[derive(Clone, Default)]
pub struct Bell {
    shared: Arc<Tower>,
}

#[derive(Default)]
struct Tower {
    rung: AtomicBool,
    rope: Mutex<Rope>,
    sound: Condvar,
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bell").finish_non_exhaustive()
    }
}

impl Bell {
    /// Wakes the thread, now or as soon as it waits.
    pub fn ring(&self) {
        let tower = &*self.shared;
        if tower.rung.load(Ordering::SeqCst) || tower.rung.swap(true, Ordering::SeqCst) {
            return;
        }
        // The thread looks at `rung` under this lock before it sleeps.
        let asleep = tower.rope().asleep;
        if asleep {
            tower.sound.notify_all();
        }
    }

    /// Whether it has rung and the thread has not come yet.
    #[cfg(test)]
    pub fn is_rung(&self) -> bool {
        self.shared.rung.load(Ordering::SeqCst)
    }

    fn stop(&self) {
        self.shared.rope().stopped = true;
        self.shared.sound.notify_all();
    }

    /// Waits for the bell or for the period to end; answers whether to go on.
    fn wait(&self, period: Duration) -> bool {
        let tower = &*self.shared;
        let mut rope = tower.rope();
        rope.asleep = true;
        let quiet = |rope: &mut Rope| !tower.rung.load(Ordering::SeqCst) && !rope.stopped;
        let (mut rope, _) = tower
            .sound
            .wait_timeout_while(rope, period, quiet)
            .unwrap_or_else(PoisonError::into_inner);
        rope.asleep = false;
        tower.rung.store(false, Ordering::SeqCst);
        !rope.stopped
    }
}

impl Tower {
    fn rope(&self) -> MutexGuard<'_, Rope> {
        self.rope.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Running threads; dropping it stops and joins them.
#[derive(Default)]
pub struct Threads {
    running: Vec<(Bell, JoinHandle<()>)>,
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads")
            .field("running", &self.running.len())
            .finish()
    }
}

/// Something that is being worked out on a thread of its own.
pub struct Task<T> {
    thread: JoinHandle<T>,
}

impl<T: Send + 'static> Task<T> {
    /// Starts `work`.
    pub fn start(name: &str, work: impl FnOnce() -> T + Send + 'static) -> Result<Self> {
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)
            .map_err(|error| Error::io(name, "start a thread", &error))?;
        Ok(Self { thread })
    }

    /// Waits for the answer.
    pub fn wait(self) -> Result<T> {
        self.thread
            .join()
            .map_err(|_| Error::internal("a thread of the engine failed"))
    }
}

/// Does all of `jobs` at the same time, each on a thread of its own but the last, and answers
/// their results in order.
pub fn side_by_side<T: Send, J: FnOnce() -> T + Send>(mut jobs: Vec<J>) -> Result<Vec<T>> {
    let Some(last) = jobs.pop() else {
        return Ok(Vec::new());
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = jobs.into_iter().map(|job| scope.spawn(job)).collect();
        let last = last();
        let mut answers = Vec::with_capacity(threads.len() + 1);
        for thread in threads {
            let answer = thread.join();
            answers.push(answer.map_err(|_| Error::internal("a thread of the engine failed"))?);
        }
        answers.push(last);
        Ok(answers)
    })
}

impl Threads {
    /// Starts a thread that runs `job` whenever `bell` rings, and every `period`.
    pub fn spawn(
        &mut self,
        name: &str,
        bell: &Bell,
        period: Duration,
        mut job: impl FnMut() + Send + 'static,
    ) -> Result<()> {
        let own = bell.clone();
        let yields = YIELDING.contains(&name);
        let work = move || {
            if yields {
                // Where it is not allowed, the work is done at the priority that there is.
                let _ = rustix::process::nice(BACKGROUND_NICE);
            }
            while own.wait(period) {
                job();
            }
        };
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)
            .map_err(|error| Error::io(name, "start a thread", &error))?;
        self.running.push((bell.clone(), thread));
        Ok(())
    }

    /// Stops all threads and waits for what they are doing.
    pub fn stop(&mut self) {
        for (bell, _) in &self.running {
            bell.stop();
        }
        let own = std::thread::current().id();
        for (_, thread) in self.running.drain(..) {
            if thread.thread().id() != own {
                // A thread that panicked has nothing more to say.
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;
    use std::sync::mpsc;

    #[test]
    fn no_ring_is_lost_and_those_before_the_thread_comes_are_one() {
        let bell = Bell::default();
        bell.ring();
        bell.ring();
        let mut threads = Threads::default();
        let (came, comes) = mpsc::channel();
        let seen = Arc::new(AtomicU64::new(0));
        let wanted = Arc::new(AtomicU64::new(0));
        let (own, goal) = (Arc::clone(&seen), Arc::clone(&wanted));
        threads
            .spawn("test", &bell, Duration::from_secs(3_600), move || {
                own.store(goal.load(Ordering::SeqCst), Ordering::SeqCst);
                let _ = came.send(());
            })
            .unwrap();
        comes.recv_timeout(Duration::from_secs(30)).unwrap();
        for round in 1..=1_000 {
            wanted.store(round, Ordering::SeqCst);
            bell.ring();
            while seen.load(Ordering::SeqCst) < round {
                comes.recv_timeout(Duration::from_secs(30)).unwrap();
            }
        }
        threads.stop();
        assert!(!bell.is_rung());
    }
}
