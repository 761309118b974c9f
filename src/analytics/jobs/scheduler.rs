//! The thread that runs jobs when they are due.

use crate::analytics::jobs::{Executor, Jobs};
use crate::error::{Error, Result};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the thread sleeps between two looks.
const PERIOD: Duration = Duration::from_millis(500);

/// Runs jobs until it is dropped, which stops a run under way.
pub struct Scheduler {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Stop {
    stopped: Mutex<bool>,
    sound: Condvar,
    /// Stops the statement under way.
    interrupt: Arc<AtomicBool>,
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler").finish_non_exhaustive()
    }
}

impl Scheduler {
    /// Starts to run the jobs that are due, those first that were missed.
    pub fn start(jobs: Jobs, executor: Arc<dyn Executor>) -> Result<Self> {
        let stop = Arc::<Stop>::default();
        let shared = Arc::clone(&stop);
        let work = move || {
            while !shared.wait() {
                // An error is one of reading the tables of jobs: it is tried again.
                let _ = jobs.run_due(&*executor, &shared.interrupt);
            }
        };
        let thread = std::thread::Builder::new()
            .name("jobs".to_owned())
            .spawn(work)
            .map_err(|error| Error::io("jobs", "start a thread", &error))?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }

    /// Stops, the run under way included.
    pub fn stop(&mut self) {
        self.stop.interrupt.store(true, Ordering::Relaxed);
        *self.stop.stopped() = true;
        self.stop.sound.notify_all();
        if let Some(thread) = self.thread.take() {
            // A run that panicked has told so; there is nothing to add.
            let _ = thread.join();
        }
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Stop {
    fn stopped(&self) -> std::sync::MutexGuard<'_, bool> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps for a period; whether it is time to stop.
    fn wait(&self) -> bool {
        let (stopped, _) = self
            .sound
            .wait_timeout_while(self.stopped(), PERIOD, |stopped| !*stopped)
            .unwrap_or_else(PoisonError::into_inner);
        *stopped
    }
}
