//! The commit log (signatures).

use crate::clock::SharedClock;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::storage::disk::Disk;
use crate::storage::manifest::{Manifest, State};
use bytes::Bytes;
use std::sync::Arc;

fn absent<T>() -> Result<T> {
    Err(Error::internal("the commit log is being built"))
}

/// The commit log: the one place where a mutation gets its sequence number.
#[derive(Debug)]
pub struct CommitLog {}

/// A record read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its commit sequence number; rising without gaps.
    pub sequence: u64,
    /// What was appended.
    pub payload: Bytes,
}

/// The log as it was found: to be read to its end, then turned into the open log.
#[derive(Debug)]
pub struct Recovery {}

impl Recovery {
    /// The next record, or none at the end of the log.
    #[expect(clippy::should_implement_trait, reason = "it fails")]
    pub fn next(&mut self) -> Result<Option<Record>> {
        absent()
    }

    /// Opens the log for appending behind what was read: the torn tail, if any, is sealed off in
    /// the manifest first. Reads what `next` has not yet read.
    pub fn finish(
        self,
        _config: &Config,
        _clock: SharedClock,
        _manifest: Arc<Manifest>,
    ) -> Result<CommitLog> {
        absent()
    }
}

impl CommitLog {
    /// Starts recovery: finds the segments and checks that none is missing.
    pub fn recover(_disk: Arc<dyn Disk>, _state: &State) -> Result<Recovery> {
        absent()
    }

    /// Appends a record, whose bytes are `parts` one behind the other, and answers its sequence
    /// number. The single append point. Not durable before [`CommitLog::wait_durable`] returns.
    pub fn append(&self, _parts: &[&[u8]]) -> Result<u64> {
        absent()
    }

    /// Waits until the record is acknowledged under the configured mode: in group and batch mode
    /// until it is synced (the caller syncs by itself where nobody else does), in periodic mode
    /// not at all.
    pub fn wait_durable(&self, _sequence: u64) -> Result<()> {
        absent()
    }

    /// Syncs everything up to `sequence`, whatever the mode: a flush does so before it commits.
    pub fn sync_through(&self, _sequence: u64) -> Result<()> {
        absent()
    }

    /// Writes and syncs the group that has filled; answers whether there was one.
    pub fn sync_step(&self) -> Result<bool> {
        absent()
    }

    /// What periodic mode needs every few milliseconds: writes what is buffered, and syncs when
    /// the period is over. Does nothing in the other modes.
    pub fn periodic_step(&self) -> Result<()> {
        absent()
    }

    /// The last sequence number that is synced, with all before it.
    pub fn durable(&self) -> u64 {
        0
    }

    /// The last sequence number that was given out.
    pub fn appended(&self) -> u64 {
        0
    }

    /// The last sequence number that plain reads may see: the durable one, and in periodic mode
    /// the appended one.
    pub fn visible(&self) -> u64 {
        0
    }

    /// Deletes the segments all of whose records are at or below `through`.
    pub fn reclaim(&self, _through: u64) -> Result<()> {
        absent()
    }

    /// The bytes of all segments that still exist.
    pub fn bytes(&self) -> u64 {
        0
    }

    /// Syncs what is buffered.
    pub fn close(&self) -> Result<()> {
        absent()
    }
}
