//! Reads the log back, and tells a torn end from damage.

use crate::clock::SharedClock;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::storage::commitlog::segment::{self, DIRECTORY, Prefix, Segment};
use crate::storage::commitlog::writer::{Closed, Writer};
use crate::storage::commitlog::{CommitLog, Record};
use crate::storage::disk::Disk;
use crate::storage::manifest::{Manifest, State};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The log as it was found: to be read to its end, then turned into the open log.
#[derive(Debug)]
pub struct Recovery {
    disk: Arc<dyn Disk>,
    /// Segments to read: prefix, and the length through which it is known to be synced.
    waiting: VecDeque<(Prefix, Option<u64>)>,
    reading: Option<Segment>,
    next_group: usize,
    records: VecDeque<(u64, Bytes)>,
    /// Segments whose creation was cut off.
    unused: Vec<u64>,
    /// Segments that were read.
    closed: Vec<Closed>,
    /// The newest segment, whose length stands nowhere yet.
    unsealed: Option<(u64, u64)>,
    /// The number of the newest segment file of any kind, or that was ever sealed.
    last_number: u64,
    last_sequence: u64,
    floor: u64,
    torn: u64,
}

impl Recovery {
    /// Finds the segments and checks that none is missing.
    pub(super) fn start(disk: Arc<dyn Disk>, state: &State) -> Result<Self> {
        let mut prefixes = BTreeMap::new();
        let mut unused = Vec::new();
        let mut last_number = state.sealed.keys().next_back().copied().unwrap_or(0);
        for name in disk.list(DIRECTORY)? {
            let Some(number) = segment::number_of(&name) else {
                continue;
            };
            last_number = last_number.max(number);
            if let Some(prefix) = read_prefix(disk.as_ref(), number)? {
                prefixes.insert(number, prefix);
            } else if state.sealed.contains_key(&number) {
                // Only a segment that was written to is ever sealed.
                return Err(Error::corrupt(
                    &disk.display(&segment::path(number)),
                    0,
                    "the segment's prefix cannot be read, though the segment was in use",
                ));
            } else {
                unused.push(number);
            }
        }
        check_chain(disk.as_ref(), &prefixes, state)?;
        let mut lengths = state.sealed.clone();
        for prefix in prefixes.values() {
            lengths.insert(prefix.previous, prefix.previous_length);
        }
        let waiting = prefixes
            .into_iter()
            .map(|(number, prefix)| (prefix, lengths.get(&number).copied()))
            .collect();
        Ok(Self {
            disk,
            waiting,
            reading: None,
            next_group: 0,
            records: VecDeque::new(),
            unused,
            closed: Vec::new(),
            unsealed: None,
            last_number,
            last_sequence: 0,
            floor: state.sequence_floor.max(state.log_reclaimed_through),
            torn: 0,
        })
    }

    /// The next record, or none at the end of the log.
    #[expect(clippy::should_implement_trait, reason = "it fails")]
    pub fn next(&mut self) -> Result<Option<Record>> {
        loop {
            if let Some((sequence, payload)) = self.records.pop_front() {
                return Ok(Some(Record { sequence, payload }));
            }
            if let Some(reading) = &self.reading
                && let Some(group) = reading.groups.get(self.next_group)
            {
                self.records = reading.records(group)?.into();
                self.next_group += 1;
            } else if !self.next_segment()? {
                return Ok(None);
            }
        }
    }

    fn next_segment(&mut self) -> Result<bool> {
        let Some((prefix, length)) = self.waiting.pop_front() else {
            self.reading = None;
            return Ok(false);
        };
        let path = segment::path(prefix.number);
        if length.is_none() {
            // A killed process may have left its end in the system's memory only. What is read
            // from it now will be built upon.
            self.disk.sync_file(&path)?;
        }
        let bytes = read_all(self.disk.as_ref(), &path)?;
        let segment = Segment::read(bytes, prefix, length, &self.disk.display(&path))?;
        self.closed.push(Closed {
            number: prefix.number,
            bytes: segment.end,
            last_sequence: segment.last_sequence(),
        });
        self.unsealed = length.is_none().then_some((prefix.number, segment.end));
        self.last_sequence = self.last_sequence.max(segment.last_sequence());
        self.torn += segment.torn;
        self.reading = Some(segment);
        self.next_group = 0;
        Ok(true)
    }

    /// How many segments are left to read.
    pub fn segments(&self) -> usize {
        self.waiting.len()
    }

    /// How many bytes at the end of segments were written and never acknowledged, so far.
    pub fn torn(&self) -> u64 {
        self.torn
    }

    /// Opens the log for appending behind what was read. Reads what `next` has not yet read. The
    /// newest segment's length is sealed in the manifest before the first append opens another.
    pub fn finish(
        mut self,
        config: &Config,
        clock: SharedClock,
        manifest: Arc<Manifest>,
    ) -> Result<CommitLog> {
        while self.next()?.is_some() {}
        self.disk.create_directory(DIRECTORY)?;
        self.disk.sync_directory("")?;
        for number in &self.unused {
            // The next start passes over it again should it stay.
            let _ = self.disk.remove(&segment::path(*number));
        }
        let last = self.last_sequence.max(self.floor);
        let writer = Writer::new(
            self.disk,
            manifest,
            config.commitlog_segment_bytes,
            self.last_number,
            self.closed.last().copied(),
            self.unsealed,
        );
        Ok(CommitLog::new(config, clock, writer, self.closed, last))
    }
}

/// The bytes of a file.
pub(super) fn read_all(disk: &dyn Disk, path: &str) -> Result<Bytes> {
    let file = disk.open(path)?;
    let length = usize::try_from(file.len())
        .map_err(|_| Error::corrupt(file.name(), 0, "longer than memory"))?;
    file.read_at(0, length)
}

/// The prefix of a segment, if it ever got so far as to be used.
fn read_prefix(disk: &dyn Disk, number: u64) -> Result<Option<Prefix>> {
    let path = segment::path(number);
    let file = disk.open(&path)?;
    let start = file.read_at(
        0,
        segment::PREFIX_BYTES.min(file.len().try_into().unwrap_or(0)),
    )?;
    let name = disk.display(&path);
    match Prefix::decode(&start, number, &name) {
        Ok(prefix) => Ok(Some(prefix)),
        Err(_) => segment::prefix_of(&read_all(disk, &path)?, number, &name),
    }
}

/// Every segment names the one before it, and the manifest those that were sealed, so a missing one
/// is noticed: only segments whose records are all in SSTables may be.
fn check_chain(disk: &dyn Disk, prefixes: &BTreeMap<u64, Prefix>, state: &State) -> Result<()> {
    let kept = state.sealed.range(state.log_first_segment..);
    for (sealed, length) in kept {
        if !prefixes.contains_key(sealed) {
            return Err(Error::corrupt(
                &disk.display(&segment::path(*sealed)),
                0,
                format!("the file is missing; it was sealed at {length} bytes and is still needed"),
            ));
        }
    }
    for prefix in prefixes.values() {
        let missing = prefix.previous != 0 && !prefixes.contains_key(&prefix.previous);
        if missing && prefix.previous_sequence > state.log_reclaimed_through {
            return Err(Error::corrupt(
                &disk.display(&segment::path(prefix.previous)),
                0,
                format!(
                    "the file is missing; it held records up to {}, only those up to {} may be \
                     gone",
                    prefix.previous_sequence, state.log_reclaimed_through
                ),
            ));
        }
    }
    Ok(())
}
