//! The commit log: the one place where a mutation gets its sequence number, and where it is made
//! durable before it is acknowledged.
//!
//! Writers append to a group in memory ([`CommitLog::append`], a short lock and a copy) and then
//! wait ([`CommitLog::wait_durable`]). Whoever waits while nobody writes writes: it takes the group
//! that has filled, writes it, syncs, and wakes those whose records were in it; meanwhile the next
//! group fills. So one writer alone pays one write and one sync and no change of threads, and many
//! share both.
//!
//! ```text
//! append ──► group that fills ──► segment commitlog/<number>.log ──► SSTables (flush)
//!            (memory)             write, sync: durable position      then reclaim
//! ```
//!
//! | `commitlog_sync` | a write returns | a power cut costs |
//! |---|---|---|
//! | `group` | when its group is synced | nothing acknowledged |
//! | `batch` | when it is synced, in a group of its own | nothing acknowledged |
//! | `periodic` | at once | what came since the last sync |
//!
//! Who has no thread to wait with has the log's own thread sync for it: see `deferred`.
//!
//! The bytes are described in `segment`, what failures do in `writer`, how the log is read back in
//! `recovery`. Sequence numbers have no gaps but where a segment's header says so.

mod deferred;
mod recovery;
mod segment;
mod tools;
mod writer;

pub use deferred::Wake;
pub use recovery::Recovery;
pub use segment::{DIRECTORY, number_of};
pub use tools::{Summary, inspect, verify};

use crate::clock::SharedClock;
use crate::config::{CommitlogSync, Config};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::MUTATION_BYTES_MAX;
use crate::storage::blocking;
use crate::storage::disk::Disk;
use crate::storage::figures::{LogFigures, add, get};
use crate::storage::format;
use crate::storage::manifest::{Edit, State};
use bytes::Bytes;
use deferred::Deferred;
use segment::GROUP_HEADER_BYTES;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use writer::{Closed, Failure, Filled, Writer};

/// A group that holds this much takes no more records until it is written, in bytes.
const GROUP_BYTES_MAX: usize = 8 << 20;
/// In periodic mode, a writer that finds this much buffered hands it to the system, in bytes.
const PERIODIC_BUFFER_BYTES: usize = 64 << 10;
/// A buffer that has grown beyond this is not kept, in bytes.
const SPARE_BYTES_MAX: usize = 2 << 20;

/// A record read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its commit sequence number.
    pub sequence: u64,
    /// What was appended.
    pub payload: Bytes,
}

/// The commit log.
#[derive(Debug)]
pub struct CommitLog {
    mode: CommitlogSync,
    sync_period_micros: i64,
    clock: SharedClock,
    filling: Mutex<Filled>,
    appended: AtomicU64,
    durable: AtomicU64,
    /// Whether the last write failed: appends are refused until one succeeds.
    troubled: AtomicBool,
    turn: Mutex<Turn>,
    turn_ends: Condvar,
    writing: Mutex<Writing>,
    closed: Mutex<VecDeque<Closed>>,
    open_bytes: AtomicU64,
    counted: Counted,
    deferred: Deferred,
}

/// Whose turn it is to write, and how the last turn went.
#[derive(Debug, Default)]
struct Turn {
    taken: bool,
    /// What failed, and through which record it concerns those who wait.
    failure: Option<(u64, Error)>,
    /// Set once a sync has failed: nothing is written any more.
    stopped: Option<Error>,
}

/// What only the one who has the turn touches.
#[derive(Debug)]
struct Writing {
    writer: Writer,
    spare: Vec<u8>,
    synced_at_micros: i64,
}

/// What was counted since the log was opened.
#[derive(Debug, Default)]
struct Counted {
    opened_at: u64,
    writes: AtomicU64,
    written_bytes: AtomicU64,
    syncs: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl CommitLog {
    /// Starts recovery: finds the segments and checks that none is missing.
    pub fn recover(disk: Arc<dyn Disk>, state: &State) -> Result<Recovery> {
        Recovery::start(disk, state)
    }

    fn new(
        config: &Config,
        clock: SharedClock,
        writer: Writer,
        closed: Vec<Closed>,
        last: u64,
    ) -> Self {
        let synced_at_micros = clock.monotonic_micros();
        let period = config.commitlog_sync_period_ms.saturating_mul(1000);
        Self {
            mode: config.commitlog_sync,
            sync_period_micros: i64::try_from(period).unwrap_or(i64::MAX),
            clock,
            filling: Mutex::default(),
            appended: AtomicU64::new(last),
            durable: AtomicU64::new(last),
            troubled: AtomicBool::new(false),
            turn: Mutex::default(),
            turn_ends: Condvar::new(),
            writing: Mutex::new(Writing {
                writer,
                spare: Vec::new(),
                synced_at_micros,
            }),
            closed: Mutex::new(closed.into()),
            open_bytes: AtomicU64::new(0),
            counted: Counted {
                opened_at: last,
                ..Counted::default()
            },
            deferred: Deferred::default(),
        }
    }

    /// Appends a record, whose bytes are `parts` one behind the other, and answers its sequence
    /// number. The single append point. Not durable before [`CommitLog::wait_durable`] returns.
    ///
    /// An error means that the record was not taken; only in batch mode, and where the write of
    /// it failed, may it still come to be written by a later append.
    pub fn append(&self, parts: &[&[u8]]) -> Result<u64> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length > MUTATION_BYTES_MAX {
            return Err(Error::invalid(format!(
                "Mutation of {length} bytes is too large for the maximum size of \
                 {MUTATION_BYTES_MAX}"
            )));
        }
        if self.mode == CommitlogSync::Batch {
            blocking::may_block("the commit log")?;
        }
        if self.troubled.load(Ordering::Acquire) {
            blocking::may_block("the commit log")?;
            self.with_turn(|writing| {
                self.write_group(writing, self.mode != CommitlogSync::Periodic)
            })?;
        }
        if self.mode == CommitlogSync::Batch {
            return self.with_turn(|writing| {
                let (sequence, _) = self.fill(&mut lock(&self.filling), parts, length);
                self.write_group(writing, true).map(|_| sequence)
            });
        }
        loop {
            let mut filling = lock(&self.filling);
            if filling.bytes.len() >= GROUP_BYTES_MAX {
                drop(filling);
                blocking::may_block("the commit log")?;
                self.sync_step()?;
                continue;
            }
            let (sequence, buffered) = self.fill(&mut filling, parts, length);
            drop(filling);
            if self.mode == CommitlogSync::Periodic && buffered >= PERIODIC_BUFFER_BYTES {
                if blocking::is_resident() {
                    self.ring();
                } else {
                    self.write_if_free();
                }
            }
            return Ok(sequence);
        }
    }

    /// Puts a record into the group; answers its number and how much the group holds now.
    fn fill(&self, filling: &mut Filled, parts: &[&[u8]], length: usize) -> (u64, usize) {
        let sequence = self.appended.load(Ordering::Relaxed) + 1;
        if filling.count == 0 {
            filling.first = sequence;
            filling.bytes.resize(GROUP_HEADER_BYTES, 0);
        }
        filling.bytes.reserve(length + 10);
        format::put_varint(&mut filling.bytes, length as u64);
        for part in parts {
            filling.bytes.extend_from_slice(part);
        }
        filling.count += 1;
        self.appended.store(sequence, Ordering::Release);
        (sequence, filling.bytes.len())
    }

    /// Waits until the record is acknowledged under the configured mode: in group and batch mode
    /// until it is synced (the caller syncs by itself where nobody else does), in periodic mode
    /// not at all.
    pub fn wait_durable(&self, sequence: u64) -> Result<()> {
        if self.mode == CommitlogSync::Periodic {
            return Ok(());
        }
        self.sync_through(sequence)
    }

    /// Syncs everything up to `sequence`, whatever the mode: a flush does so before it commits.
    pub fn sync_through(&self, sequence: u64) -> Result<()> {
        if self.durable() >= sequence {
            return Ok(());
        }
        let mut turn = lock(&self.turn);
        loop {
            if self.durable() >= sequence {
                return Ok(());
            }
            if let Some(error) = &turn.stopped {
                return Err(error.clone());
            }
            if turn.taken {
                turn = self
                    .turn_ends
                    .wait(turn)
                    .unwrap_or_else(PoisonError::into_inner);
                if let Some((through, error)) = &turn.failure
                    && sequence <= *through
                {
                    return Err(error.clone());
                }
            } else {
                turn.taken = true;
                drop(turn);
                let result = self.in_turn(|writing| self.write_group(writing, true));
                if !result? && self.durable() < sequence {
                    return Err(Error::internal(format!(
                        "record {sequence} was never appended"
                    )));
                }
                turn = lock(&self.turn);
            }
        }
    }

    /// Writes and syncs the group that has filled; answers whether there was one.
    pub fn sync_step(&self) -> Result<bool> {
        self.with_turn(|writing| self.write_group(writing, true))
    }

    /// What periodic mode needs every few milliseconds: writes what is buffered, and syncs when
    /// the period is over. Does nothing in the other modes.
    pub fn periodic_step(&self) -> Result<()> {
        if self.mode != CommitlogSync::Periodic || self.durable() == self.appended() {
            return Ok(());
        }
        self.with_turn(|writing| {
            let since = self.clock.monotonic_micros() - writing.synced_at_micros;
            self.write_group(writing, since >= self.sync_period_micros)
        })
        .map(|_| ())
    }

    /// Waits for the turn, and does `work` in it.
    fn with_turn<T>(&self, work: impl FnOnce(&mut Writing) -> Result<T>) -> Result<T> {
        let mut turn = lock(&self.turn);
        while turn.taken {
            turn = self
                .turn_ends
                .wait(turn)
                .unwrap_or_else(PoisonError::into_inner);
        }
        turn.taken = true;
        drop(turn);
        self.in_turn(work)
    }

    /// Does `work`, the turn being taken, and ends the turn.
    fn in_turn<T>(&self, work: impl FnOnce(&mut Writing) -> Result<T>) -> Result<T> {
        let result = work(&mut lock(&self.writing));
        lock(&self.turn).taken = false;
        self.turn_ends.notify_all();
        result
    }

    /// In periodic mode: writes the group unless somebody else is writing. What fails stays in
    /// memory, and the next append says so.
    fn write_if_free(&self) {
        let mut turn = lock(&self.turn);
        if turn.taken {
            return;
        }
        turn.taken = true;
        drop(turn);
        let _ = self.in_turn(|writing| self.write_group(writing, false));
    }

    /// Writes the group that waits or else the one that has filled; answers whether there was one.
    fn write_group(&self, writing: &mut Writing, sync: bool) -> Result<bool> {
        if let Some(error) = &lock(&self.turn).stopped {
            return Err(error.clone());
        }
        let group = writing.writer.pending.take().or_else(|| {
            let mut filling = lock(&self.filling);
            (filling.count > 0).then(|| {
                let spare = Filled {
                    bytes: std::mem::take(&mut writing.spare),
                    ..Filled::default()
                };
                std::mem::replace(&mut *filling, spare)
            })
        });
        let wrote = group.is_some();
        let result = self.write_and_sync(writing, group, sync);
        lock(&self.closed).extend(writing.writer.take_closed());
        self.open_bytes
            .store(writing.writer.open_bytes(), Ordering::Relaxed);
        match result {
            Ok(()) => {
                if self.troubled.swap(false, Ordering::AcqRel) {
                    lock(&self.turn).failure = None;
                }
                Ok(wrote)
            }
            Err(failure) => Err(self.failed(failure)),
        }
    }

    fn write_and_sync(
        &self,
        writing: &mut Writing,
        group: Option<Filled>,
        sync: bool,
    ) -> Result<(), Failure> {
        if let Some(group) = group {
            let mut bytes = writing.writer.write(group)?.bytes;
            add(&self.counted.writes, 1);
            add(&self.counted.written_bytes, bytes.len() as u64);
            if bytes.capacity() <= SPARE_BYTES_MAX {
                bytes.clear();
                writing.spare = bytes;
            }
        }
        if sync {
            if writing.writer.is_dirty() {
                writing.writer.sync()?;
                add(&self.counted.syncs, 1);
            }
            writing.synced_at_micros = self.clock.monotonic_micros();
        }
        if !writing.writer.is_dirty() {
            self.durable
                .fetch_max(writing.writer.last_written(), Ordering::AcqRel);
        }
        Ok(())
    }

    /// Notes a failure for those who wait and those who come.
    fn failed(&self, failure: Failure) -> Error {
        let mut turn = lock(&self.turn);
        let is_news = !self.troubled.swap(true, Ordering::AcqRel);
        let error = match failure {
            Failure::Write(error) => {
                // What has filled meanwhile can't be written before what failed.
                let through = self.appended();
                turn.failure = Some((through, error.clone()));
                error
            }
            Failure::Sync(error) => {
                let error = Error::new(
                    ErrorKind::Io,
                    format!("{error}; nothing is written any more, restart to recover"),
                );
                turn.stopped = Some(error.clone());
                error
            }
        };
        if is_news {
            tracing::error!("the commit log cannot be written: {error}");
        }
        error
    }

    /// The last sequence number that is synced, with all before it.
    pub fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// The last sequence number that was given out.
    pub fn appended(&self) -> u64 {
        self.appended.load(Ordering::Acquire)
    }

    /// The last sequence number that plain reads may see: the durable one, and in periodic mode
    /// the appended one.
    pub fn visible(&self) -> u64 {
        match self.mode {
            CommitlogSync::Periodic => self.appended(),
            _ => self.durable(),
        }
    }

    /// Deletes the segments all of whose records are at or below `through`.
    pub fn reclaim(&self, through: u64) -> Result<()> {
        let goes = |closed: &Closed| closed.last_sequence <= through;
        if !lock(&self.closed).front().is_some_and(goes) {
            return Ok(());
        }
        // The turn keeps two of these, and the writer's own edits, apart.
        self.with_turn(|writing| {
            let mut gone = Vec::new();
            let mut closed = lock(&self.closed);
            while closed.front().is_some_and(goes) {
                gone.extend(closed.pop_front());
            }
            let next = closed.front().map(|closed| closed.number);
            drop(closed);
            let Some(last) = gone.last() else {
                return Ok(());
            };
            let edit = Edit::LogReclaimed {
                through: last.last_sequence,
                segment: next.unwrap_or(last.number + 1),
            };
            if let Err(error) = writing.writer.manifest().edit(&[edit]) {
                let mut closed = lock(&self.closed);
                gone.into_iter()
                    .rev()
                    .for_each(|one| closed.push_front(one));
                return Err(error);
            }
            let disk = writing.writer.disk();
            for closed in gone {
                disk.remove(&segment::path(closed.number))?;
            }
            disk.sync_directory(DIRECTORY)
        })
    }

    /// The bytes of all segments that still exist.
    pub fn bytes(&self) -> u64 {
        let closed: u64 = lock(&self.closed).iter().map(|closed| closed.bytes).sum();
        closed + self.open_bytes.load(Ordering::Relaxed)
    }

    /// The log's figures.
    pub fn figures(&self) -> LogFigures {
        let open_bytes = self.open_bytes.load(Ordering::Relaxed);
        let closed = lock(&self.closed);
        let segments = closed.len() as u64 + u64::from(open_bytes > 0);
        drop(closed);
        let durable = self.durable();
        let appended = self.appended();
        LogFigures {
            bytes: self.bytes(),
            segments,
            appended: appended.saturating_sub(self.counted.opened_at),
            pending: appended.saturating_sub(durable),
            written_bytes: get(&self.counted.written_bytes),
            writes: get(&self.counted.writes),
            syncs: get(&self.counted.syncs),
        }
    }

    /// Writes and syncs what is buffered, and seals the segment.
    pub fn close(&self) -> Result<()> {
        let synced = self.sync_through(self.appended());
        self.end_deferred();
        synced?;
        self.with_turn(|writing| {
            let result = writing.writer.seal();
            lock(&self.closed).extend(writing.writer.take_closed());
            self.open_bytes.store(0, Ordering::Relaxed);
            result
        })
    }

    /// Fails where a caller must not wait and would have to.
    pub fn may_wait(&self) -> Result<()> {
        match self.mode {
            CommitlogSync::Periodic => Ok(()),
            _ => blocking::may_block("the commit log"),
        }
    }
}

#[cfg(test)]
mod tests;
