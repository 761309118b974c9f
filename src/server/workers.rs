//! The threads that do what must wait: for the disk, for locks, for the schema.
//!
//! Requests that can be answered from memory never come here. The queue is bounded in number, and
//! [`State`](crate::server::state::State) bounds the bytes of what waits in it; one more is
//! refused, and its client told OVERLOADED. Connections take turns, so that who asks for much at
//! once makes nobody wait but itself; and who has nothing in a full queue still gets a place.
//! Threads are started when there is work for them, and end when there has been none for a while,
//! so that an idle server has none.

use crate::limits::TEXTS_AT_WORK_BYTES_MAX;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a thread without work stays.
const IDLE_PERIOD: Duration = Duration::from_secs(10);

/// A piece of work. Whoever drops it unworked has refused it.
pub type Job = Box<dyn FnOnce() + Send>;

/// What waits, by the connection whose it is.
#[derive(Default)]
struct Turns {
    /// Who has something, in the order of their turns.
    order: VecDeque<u64>,
    jobs: HashMap<u64, VecDeque<Job>>,
    count: usize,
}

impl Turns {
    fn push(&mut self, owner: u64, job: Job) {
        let own = self.jobs.entry(owner).or_default();
        if own.is_empty() {
            self.order.push_back(owner);
        }
        own.push_back(job);
        self.count += 1;
    }

    /// The first of whose turn it is.
    fn pop(&mut self) -> Option<Job> {
        let owner = self.order.pop_front()?;
        let own = self.jobs.get_mut(&owner)?;
        let job = own.pop_front()?;
        self.count -= 1;
        if own.is_empty() {
            self.jobs.remove(&owner);
        } else {
            self.order.push_back(owner);
        }
        Some(job)
    }

    /// Takes back what `owner` pushed last.
    fn take_back(&mut self, owner: u64) -> Option<Job> {
        let own = self.jobs.get_mut(&owner)?;
        let job = own.pop_back()?;
        self.count -= 1;
        if own.is_empty() {
            self.jobs.remove(&owner);
            self.order.retain(|other| *other != owner);
        }
        Some(job)
    }
}

#[derive(Default)]
struct Queue {
    jobs: Turns,
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

    /// Takes a piece of work of the connection `owner`, or gives it back where too much waits
    /// already.
    pub fn submit(self: &Arc<Self>, owner: u64, job: Job) -> Result<(), Job> {
        let mut queue = self.lock();
        let places = match queue.jobs.jobs.contains_key(&owner) {
            true => self.queued_max,
            false => self.queued_max.saturating_mul(2),
        };
        if queue.stopped || queue.jobs.count >= places {
            return Err(job);
        }
        queue.jobs.push(owner, job);
        if queue.idle >= queue.jobs.count || queue.threads >= self.threads_max {
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
            return self.without_thread(owner);
        }
        Ok(())
    }

    /// No thread could be started: the work waits for those that are there, if there are any.
    fn without_thread(&self, owner: u64) -> Result<(), Job> {
        let mut queue = self.lock();
        queue.threads -= 1;
        if queue.threads == 0
            && let Some(job) = queue.jobs.take_back(owner)
        {
            return Err(job);
        }
        Ok(())
    }

    fn work(&self) {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop() {
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
            if waited.timed_out() && queue.jobs.count == 0 {
                break;
            }
        }
        queue.threads -= 1;
    }

    /// How much waits for a thread.
    pub fn queued(&self) -> usize {
        self.lock().jobs.count
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
    fn connections_take_turns() {
        let workers = Workers::new(1, 4);
        let (release, gate) = channel::<()>();
        let (started, starts) = channel();
        let first = Box::new(move || {
            started.send(()).unwrap();
            gate.recv().unwrap();
        });
        assert!(workers.submit(0, first).is_ok());
        starts.recv().unwrap();
        let (done, dones) = channel();
        let job = |name: &'static str| {
            let done = done.clone();
            Box::new(move || done.send(name).unwrap())
        };
        for name in ["a1", "a2", "a3", "a4"] {
            assert!(workers.submit(1, job(name)).is_ok());
        }
        // The queue is full, but not for who has nothing in it.
        assert!(workers.submit(1, job("a5")).is_err());
        assert!(workers.submit(2, job("b1")).is_ok());
        assert!(workers.submit(2, job("b2")).is_err());
        assert!(workers.submit(3, job("c1")).is_ok());
        release.send(()).unwrap();
        let order: Vec<_> = dones.iter().take(6).collect();
        assert_eq!(order, ["a1", "b1", "c1", "a2", "a3", "a4"]);
        workers.stop();
    }

    #[test]
    fn long_texts_wait_for_each_other() {
        let texts = Arc::new(LongTexts::default());
        let half = TEXTS_AT_WORK_BYTES_MAX / 2;
        let (first, second) = (texts.enter(half), texts.enter(half));
        let (entered, entries) = channel();
        let others = Arc::clone(&texts);
        #[expect(clippy::disallowed_methods, reason = "one who waits")]
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
        assert!(workers.submit(1, first).is_ok());
        starts.recv().unwrap();
        for number in 0..2 {
            let done = done.clone();
            let job = Box::new(move || done.send(number).unwrap());
            assert!(workers.submit(1, job).is_ok());
        }
        assert!(workers.submit(1, Box::new(|| {})).is_err());
        assert_eq!(
            (workers.queued(), workers.busy(), workers.threads()),
            (2, 1, 1)
        );
        release.send(()).unwrap();
        assert_eq!((dones.recv().unwrap(), dones.recv().unwrap()), (0, 1));
        workers.stop();
        assert!(workers.submit(2, Box::new(|| {})).is_err());
    }
}
