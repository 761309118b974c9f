//! What compaction is at: the job under way.

use crate::schema::TableId;
use crate::storage::compaction::Job;
use crate::storage::figures::CompactionFigures;
use crate::storage::table::FileHandle;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What compaction is at.
#[derive(Debug, Default)]
pub struct Compaction {
    work: Mutex<Work>,
    /// Tables that are not compacted by themselves.
    manual: Mutex<BTreeSet<TableId>>,
    /// The job under way, for those who watch it.
    watched: Mutex<Option<CompactionFigures>>,
    started: AtomicU64,
    /// Whether the engine is about to close: long work ends early.
    stopping: AtomicBool,
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
    /// What is merged, in bytes, ...
    pub bytes: u64,
    /// ... and in rows, versions of the same row counted by themselves.
    pub rows: u64,
    /// What is merged.
    pub inputs: Vec<Arc<FileHandle>>,
    /// The merge.
    pub job: Job,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Compaction {
    /// Has tables compacted by themselves, or not.
    pub fn set_automatic(&self, tables: &[TableId], automatic: bool) {
        let mut manual = held(&self.manual);
        for table in tables {
            if automatic {
                manual.remove(table);
            } else {
                manual.insert(*table);
            }
        }
    }

    /// Whether a table is compacted by itself.
    pub fn is_automatic(&self, table: TableId) -> bool {
        !held(&self.manual).contains(&table)
    }

    /// A job begins.
    pub fn begin(&self, table: TableId, total_bytes: u64) {
        let id = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        *held(&self.watched) = Some(CompactionFigures {
            id,
            kind: "Compaction",
            table,
            done_bytes: 0,
            total_bytes,
        });
    }

    /// The job under way has come so far.
    pub fn progress(&self, done_bytes: u64) {
        if let Some(figures) = &mut *held(&self.watched) {
            figures.done_bytes = done_bytes.min(figures.total_bytes);
        }
    }

    /// The job under way has ended.
    pub fn end(&self) {
        held(&self.watched).take();
    }

    /// The job under way.
    pub fn under_way(&self) -> Option<CompactionFigures> {
        *held(&self.watched)
    }

    /// Says that the engine is about to close.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Whether the engine is about to close.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// To be held by whoever compacts.
    pub fn lock(&self) -> MutexGuard<'_, Work> {
        held(&self.work)
    }
}

impl Running {
    /// About how much is merged so far, in bytes.
    pub fn bytes_done(&self) -> u64 {
        let share = u128::from(self.bytes) * u128::from(self.job.rows_done());
        let done = share.checked_div(u128::from(self.rows)).unwrap_or(0);
        u64::try_from(done).unwrap_or(self.bytes).min(self.bytes)
    }
}
