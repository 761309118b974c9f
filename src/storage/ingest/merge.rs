//! Entries in key order, from one source or many.

use crate::error::{Error, ErrorKind, Result};
use crate::storage::ingest::STATIC_POSITION;
use crate::storage::ingest::run::RunReader;
use crate::storage::read::Projection;
use crate::storage::record::{self, RowSpan};
use crate::storage::row::Row;
use bytes::Bytes;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

/// A row as the import keeps it: `length ‖ prefix length ‖ key length ‖ key ‖ body`.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    block: Bytes,
    start: usize,
    prefix_bytes: usize,
    key: Range<usize>,
    end: usize,
}

impl Entry {
    /// The entry at `at`, and where the next one starts.
    pub(super) fn parse(block: &Bytes, at: usize) -> Option<(Self, usize)> {
        let mut reader = crate::storage::format::Reader::new(block.get(at..)?, "", 0);
        let content = usize::try_from(reader.varint().ok()?).ok()?;
        let end = at.checked_add(reader.position())?.checked_add(content)?;
        let prefix_bytes = usize::try_from(reader.varint().ok()?).ok()?;
        let key_bytes = usize::try_from(reader.varint().ok()?).ok()?;
        let key_at = at + reader.position();
        let key = key_at..key_at.checked_add(key_bytes)?;
        let sound = key.end <= end && end <= block.len() && prefix_bytes < key_bytes;
        let entry = Self {
            block: block.clone(),
            start: at,
            prefix_bytes,
            key,
            end,
        };
        sound.then_some((entry, end))
    }

    /// The whole entry, as a run keeps it.
    pub(super) fn stored(&self) -> &[u8] {
        self.block.get(self.start..self.end).unwrap_or_default()
    }

    /// The row's key: the partition's, then the clustering.
    pub(super) fn key(&self) -> &[u8] {
        self.block.get(self.key.clone()).unwrap_or_default()
    }

    /// The partition's part of the key.
    pub(super) fn prefix(&self) -> Bytes {
        self.block
            .slice(self.key.start..self.key.start + self.prefix_bytes)
    }

    /// The row's encoded body.
    #[cfg(test)]
    pub(super) fn body(&self) -> &[u8] {
        self.block.get(self.key.end..self.end).unwrap_or_default()
    }

    fn clustering(&self) -> Bytes {
        self.block
            .slice(self.key.start + self.prefix_bytes..self.key.end)
    }

    /// Whether it is a static row.
    pub(super) fn is_static(&self) -> bool {
        *self.clustering() == [STATIC_POSITION]
    }

    /// The row.
    pub(super) fn row(&self) -> Result<Row> {
        let clustering = if self.is_static() {
            Bytes::new()
        } else {
            self.clustering()
        };
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let span = RowSpan {
            clustering_at: place(self.key.start + self.prefix_bytes),
            clustering_len: place(clustering.len()),
            body_at: place(self.key.end),
            body_len: place(self.end - self.key.end),
        };
        record::decode_row(&self.block, &span, clustering, &Projection::All)
    }
}

/// Entries in key order.
pub(super) trait EntrySource {
    /// The next entry, or none at the end.
    fn next(&mut self) -> Result<Option<Entry>>;
}

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
