//! The threads that do what must wait: for the disk, for locks, for the schema.
//!
//! Requests that can be answered from memory never come here. The queue is bounded in number, and
//! [`State`](crate::server::state::State) bounds the bytes of what waits in it; one more is
//! refused, and its client told OVERLOADED. Threads are started when there is work for them, and
//! end when there has been none for a while, so that an idle server has none.

use crate::limits::TEXTS_AT_WORK_BYTES_MAX;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a thread without work stays.
const IDLE_PERIOD: Duration = Duration::from_secs(10);

/// A piece of work. Whoever drops it unworked has refused it.
pub type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    stopped: bool,
}

/// The threads and what waits for them.
pub struct Workers {
    queue: Mutex<Queue>,
    bell: Condvar,
    threads_max: usize,
    queued_max: usize,
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers")
            .field("threads_max", &self.threads_max)
            .finish_non_exhaustive()
    }
}

impl Workers {
    /// At most so many threads, and so much work that waits for one.
    pub fn new(threads_max: usize, queued_max: usize) -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::default(),
            bell: Condvar::new(),
            threads_max: threads_max.max(1),
            queued_max,
        })
    }

    /// Takes a piece of work, or gives it back where too much waits already.
    pub fn submit(self: &Arc<Self>, job: Job) -> Result<(), Job> {
        let mut queue = self.lock();
        if queue.stopped || queue.jobs.len() >= self.queued_max {
            return Err(job);
        }
        queue.jobs.push_back(job);
        if queue.idle >= queue.jobs.len() || queue.threads >= self.threads_max {
            drop(queue);
            self.bell.notify_one();
            return Ok(());
        }
        queue.threads += 1;
        drop(queue);
        let own = Arc::clone(self);
        let started = std::thread::Builder::new()
            .name("worker".to_owned())
            .spawn(move || own.work());
        if let Err(error) = started {
            tracing::error!("cannot start a worker thread: {error}");
            return self.without_thread();
        }
        Ok(())
    }

    /// No thread could be started: the work waits for those that are there, if there are any.
    fn without_thread(&self) -> Result<(), Job> {
        let mut queue = self.lock();
        queue.threads -= 1;
        if queue.threads == 0
            && let Some(job) = queue.jobs.pop_back()
        {
            return Err(job);
        }
        Ok(())
    }

    fn work(&self) {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                drop(queue);
                job();
                queue = self.lock();
                continue;
            }
            if queue.stopped {
                break;
            }
            queue.idle += 1;
            let (woken, waited) = self
                .bell
                .wait_timeout(queue, IDLE_PERIOD)
                .unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            queue.idle -= 1;
            if waited.timed_out() && queue.jobs.is_empty() {
                break;
            }
        }
        queue.threads -= 1;
    }

    /// How much waits for a thread.
    pub fn queued(&self) -> usize {
        self.lock().jobs.len()
    }

    /// How many threads there are.
    pub fn threads(&self) -> usize {
        self.lock().threads
    }

    /// How many threads are at work.
    pub fn busy(&self) -> usize {
        let queue = self.lock();
        queue.threads.saturating_sub(queue.idle)
    }

    /// The most threads that there can be.
    pub fn threads_max(&self) -> usize {
        self.threads_max
    }

    /// Takes nothing more; the threads end when nothing waits.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.bell.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many bytes of long texts are at work: their trees are many times as large as they.
#[derive(Debug, Default)]
pub struct LongTexts {
    at_work_bytes: Mutex<usize>,
    bell: Condvar,
}

/// The right to work on a text, until it is dropped.
#[derive(Debug)]
pub struct TextAtWork<'a> {
    texts: &'a LongTexts,
    bytes: usize,
}

impl LongTexts {
    /// Waits until a text of so many bytes may be worked on.
    pub fn enter(&self, bytes: usize) -> TextAtWork<'_> {
        let bytes = bytes.min(TEXTS_AT_WORK_BYTES_MAX);
        let mut at_work = self.lock();
        while *at_work + bytes > TEXTS_AT_WORK_BYTES_MAX {
            at_work = self
                .bell
                .wait(at_work)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *at_work += bytes;
        TextAtWork { texts: self, bytes }
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.at_work_bytes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TextAtWork<'_> {
    fn drop(&mut self) {
        *self.texts.lock() -= self.bytes;
        self.texts.bell.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn long_texts_wait_for_each_other() {
        let texts = Arc::new(LongTexts::default());
        let half = TEXTS_AT_WORK_BYTES_MAX / 2;
        let (first, second) = (texts.enter(half), texts.enter(half));
        let (entered, entries) = channel();
        let others = Arc::clone(&texts);
        let longest = std::thread::spawn(move || {
            let _whole = others.enter(usize::MAX);
            entered.send(()).unwrap();
        });
        drop(first);
        assert!(entries.recv_timeout(Duration::from_millis(20)).is_err());
        drop(second);
        entries.recv().unwrap();
        longest.join().unwrap();
        drop(texts.enter(half));
    }

    #[test]
    fn what_is_too_much_is_given_back() {
        let workers = Workers::new(1, 2);
        let (release, gate) = channel::<()>();
        let (done, dones) = channel();
        let (started, starts) = channel();
        let first = Box::new(move || {
            started.send(()).unwrap();
            gate.recv().unwrap();
        });
        assert!(workers.submit(first).is_ok());
        starts.recv().unwrap();
        for number in 0..2 {
            let done = done.clone();
            let job = Box::new(move || done.send(number).unwrap());
            assert!(workers.submit(job).is_ok());
        }
        assert!(workers.submit(Box::new(|| {})).is_err());
        assert_eq!(
            (workers.queued(), workers.busy(), workers.threads()),
            (2, 1, 1)
        );
        release.send(()).unwrap();
        assert_eq!((dones.recv().unwrap(), dones.recv().unwrap()), (0, 1));
        workers.stop();
        assert!(workers.submit(Box::new(|| {})).is_err());
    }
}
