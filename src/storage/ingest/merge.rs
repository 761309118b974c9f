//! Runs merged: by key, then by input order.

use crate::error::{Error, ErrorKind, Result};
use crate::storage::ingest::entry::{Entry, EntrySource};
use crate::storage::ingest::run::RunReader;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A run's next entry. The heap's greatest is the one that comes first.
struct Head {
    entry: Entry,
    run: usize,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .entry
            .key()
            .cmp(self.entry.key())
            .then(other.run.cmp(&self.run))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

/// Merges runs: by key, then by input order, which is the runs' order.
pub(super) struct RunMerge {
    runs: Vec<RunReader>,
    heads: BinaryHeap<Head>,
}

impl RunMerge {
    pub(super) fn new(mut runs: Vec<RunReader>) -> Result<Self> {
        let mut heads = BinaryHeap::with_capacity(runs.len());
        for (run, reader) in runs.iter_mut().enumerate() {
            if let Some(entry) = reader.next()? {
                heads.push(Head { entry, run });
            }
        }
        Ok(Self { runs, heads })
    }
}

impl EntrySource for RunMerge {
    fn next(&mut self) -> Result<Option<Entry>> {
        let Some(mut top) = self.heads.peek_mut() else {
            return Ok(None);
        };
        let reader = self
            .runs
            .get_mut(top.run)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "a run of the import is gone"))?;
        match reader.next()? {
            Some(next) => Ok(Some(std::mem::replace(&mut top.entry, next))),
            None => Ok(Some(std::collections::binary_heap::PeekMut::pop(top).entry)),
        }
    }
}
