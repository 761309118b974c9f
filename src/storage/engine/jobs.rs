//! What compaction is at: the job under way.

use crate::schema::TableId;
use crate::storage::compaction::Job;
use crate::storage::table::FileHandle;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What compaction is at.
#[derive(Debug, Default)]
pub struct Compaction {
    work: Mutex<Work>,
}

/// The job under way, if there is one, and what waits.
#[derive(Debug, Default)]
pub struct Work {
    /// The job under way.
    pub running: Option<Running>,
    /// Tables whose compaction failed: they wait for the next round.
    pub failed: BTreeSet<TableId>,
}

/// A job under way.
#[derive(Debug)]
pub struct Running {
    /// The table.
    pub table: TableId,
    /// What is merged.
    pub inputs: Vec<Arc<FileHandle>>,
    /// The merge.
    pub job: Job,
}

impl Compaction {
    /// To be held by whoever compacts.
    pub fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
