//! The writing end of the log: one group at a time, into one segment at a time.
//!
//! What failed decides what follows. Where the disk was full, what has reached it of a group is cut
//! off again, and the group waits for room in the same segment. Any other write that failed leaves
//! bytes of unknown fate behind the last good group: the segment is left at that length, its seal
//! goes into the manifest, and the group waits for a new segment. Every later append tries again. A
//! *sync* that failed ends all writing: the system may have thrown the bytes away and called them
//! clean.

use crate::error::{Error, ErrorKind, Result};
use crate::storage::commitlog::segment::{self, DIRECTORY, PREFIX_BYTES, Prefix};
use crate::storage::disk::{Disk, WriteFile};
use crate::storage::manifest::{Edit, Manifest};
use std::sync::Arc;

/// A segment that takes no more groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Its number.
    pub number: u64,
    /// Its length, without what is torn, in bytes.
    pub bytes: u64,
    /// The last sequence number in it or before it.
    pub last_sequence: u64,
}

/// Records that will be written together. The bytes start with room for the group's header.
#[derive(Debug, Default)]
pub struct Filled {
    /// Header and body.
    pub bytes: Vec<u8>,
    /// The sequence number of the first record.
    pub first: u64,
    /// How many records.
    pub count: u32,
}

impl Filled {
    /// The sequence number of the last record.
    pub fn last(&self) -> u64 {
        self.first + u64::from(self.count).saturating_sub(1)
    }
}

#[derive(Debug)]
struct Open {
    file: Box<dyn WriteFile>,
    number: u64,
    /// The length of the whole groups.
    written: u64,
    synced: u64,
}

/// Why a group was not written.
#[derive(Debug)]
pub enum Failure {
    /// It may be tried again.
    Write(Error),
    /// Nothing may be written any more.
    Sync(Error),
}

/// What the failed sync of a segment that holds no group yet means: on a full disk no more than
/// that there is no such segment.
fn unless_full(error: Error) -> Failure {
    match error.kind {
        ErrorKind::DiskFull => Failure::Write(error),
        _ => Failure::Sync(error),
    }
}

/// The writing end of the log.
#[derive(Debug)]
pub struct Writer {
    disk: Arc<dyn Disk>,
    manifest: Arc<Manifest>,
    segment_bytes: u64,
    open: Option<Open>,
    /// The newest number that was ever used.
    last_number: u64,
    /// The segment before the next one.
    previous: Option<Closed>,
    /// A segment whose length must stand in the manifest before another is opened.
    unsealed: Option<(u64, u64)>,
    /// Segments closed since this was last taken.
    newly_closed: Vec<Closed>,
    /// A group that could not be written yet.
    pub pending: Option<Filled>,
    last_written: u64,
}

impl Writer {
    /// A writer that goes on behind `previous`.
    pub fn new(
        disk: Arc<dyn Disk>,
        manifest: Arc<Manifest>,
        segment_bytes: u64,
        last_number: u64,
        previous: Option<Closed>,
        unsealed: Option<(u64, u64)>,
    ) -> Self {
        Self {
            disk,
            manifest,
            segment_bytes,
            open: None,
            last_number,
            previous,
            unsealed,
            newly_closed: Vec::new(),
            pending: None,
            last_written: previous.map_or(0, |closed| closed.last_sequence),
        }
    }

    /// The manifest that the log is in.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The disk that the log is on.
    pub fn disk(&self) -> &dyn Disk {
        self.disk.as_ref()
    }

    /// The segments closed since the last call.
    pub fn take_closed(&mut self) -> Vec<Closed> {
        std::mem::take(&mut self.newly_closed)
    }

    /// The length of the open segment, in bytes.
    pub fn open_bytes(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.written)
    }

    /// The last sequence number that was handed to the system.
    pub fn last_written(&self) -> u64 {
        self.last_written
    }

    /// Whether something was written and not synced.
    pub fn is_dirty(&self) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| open.synced < open.written)
    }

    /// Writes a group. Where that fails it is kept in `pending`.
    pub fn write(&mut self, mut group: Filled) -> Result<Filled, Failure> {
        match self.try_write(&mut group) {
            Ok(()) => Ok(group),
            Err(failure) => {
                self.pending = Some(group);
                Err(failure)
            }
        }
    }

    fn try_write(&mut self, group: &mut Filled) -> Result<(), Failure> {
        let full = self.open.as_ref().is_some_and(|open| {
            open.written > PREFIX_BYTES as u64
                && open.written + group.bytes.len() as u64 > self.segment_bytes
        });
        if full {
            self.sync()?;
            self.leave();
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.open_segment(group.first)?,
        };
        let sealed = segment::seal_group(
            &mut group.bytes,
            open.number,
            open.written,
            open.synced,
            group.first,
            group.count,
        );
        let result = sealed.and_then(|()| open.file.append(&group.bytes));
        if result.is_ok() {
            open.written += group.bytes.len() as u64;
            self.last_written = group.last();
        }
        self.open = Some(open);
        if let Err(error) = result {
            if error.kind == ErrorKind::DiskFull && self.cut() {
                return Err(Failure::Write(error));
            }
            // The good part of the segment must be durable before another segment claims so.
            self.sync()?;
            self.unsealed = self.open.as_ref().map(|open| (open.number, open.written));
            self.leave();
            return Err(Failure::Write(error));
        }
        Ok(())
    }

    /// Takes what has reached a full disk of a group away again, so that the segment can go on
    /// when there is room and the disk is not filled by tries; answers whether that went well.
    fn cut(&mut self) -> bool {
        let file = self.open.as_mut().map(|open| &mut open.file);
        file.is_some_and(|file| file.cut().is_ok())
    }

    /// Syncs what was written.
    pub fn sync(&mut self) -> Result<(), Failure> {
        if let Some(open) = &mut self.open
            && open.synced < open.written
        {
            open.file.sync().map_err(Failure::Sync)?;
            open.synced = open.written;
        }
        Ok(())
    }

    /// Lets the open segment be as it is.
    fn leave(&mut self) {
        if let Some(open) = self.open.take() {
            let closed = Closed {
                number: open.number,
                bytes: open.written,
                last_sequence: self.last_written,
            };
            self.previous = Some(closed);
            self.newly_closed.push(closed);
        }
    }

    /// Seals the open segment: after this, damage anywhere in it can be told from a torn end.
    pub fn seal(&mut self) -> Result<()> {
        let Some(open) = &self.open else {
            return Ok(());
        };
        self.unsealed = Some((open.number, open.written));
        self.leave();
        self.write_seal()
    }

    fn write_seal(&mut self) -> Result<()> {
        if let Some((segment, length)) = self.unsealed {
            self.manifest
                .edit(&[Edit::SealedSegment { segment, length }])?;
            self.unsealed = None;
        }
        Ok(())
    }

    fn open_segment(&mut self, first_sequence: u64) -> Result<Open, Failure> {
        self.write_seal().map_err(Failure::Write)?;
        self.last_number += 1;
        let number = self.last_number;
        let prefix = Prefix {
            number,
            previous: self.previous.map_or(0, |closed| closed.number),
            previous_length: self.previous.map_or(0, |closed| closed.bytes),
            previous_sequence: self.previous.map_or(0, |closed| closed.last_sequence),
            first_sequence,
        };
        let path = segment::path(number);
        let mut file = self.disk.create(&path).map_err(Failure::Write)?;
        let begun = file
            .append(&prefix.encode())
            .map_err(Failure::Write)
            .and_then(|()| file.sync().map_err(unless_full))
            .and_then(|()| self.disk.sync_directory(DIRECTORY).map_err(unless_full));
        if let Err(failure) = begun {
            // Nothing counts on it; a next start passes over it should it stay.
            drop(file);
            let _ = self.disk.remove(&path);
            return Err(failure);
        }
        Ok(Open {
            file,
            number,
            written: PREFIX_BYTES as u64,
            synced: PREFIX_BYTES as u64,
        })
    }
}
