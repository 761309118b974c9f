//! Reading a memtable as a source of the merge.
//!
//! A cursor holds no place inside a skiplist: it fetches rows in chunks, few at first and more as
//! it goes on, and seeks its way back by key.

use crate::error::Result;
use crate::storage::cell::Deletion;
use crate::storage::memtable::merged::Walk;
use crate::storage::memtable::{DeletionEntry, Entry, Memtable, Shard};
use crate::storage::read::{PartitionBound, Projection, Slice};
use crate::storage::reconcile;
use crate::storage::record;
use crate::storage::row::{PartitionKey, RangeDeletion, Row};
use crate::storage::source::{PartitionStart, Source, SourceItem, SourceRequest};
use bytes::Bytes;
use crossbeam_epoch as epoch;
use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::Arc;

/// Behind every clustering.
const BEHIND_ALL: &[u8] = &[0xFF];
const CHUNK_ROWS_FIRST: usize = 4;
const CHUNK_ROWS_MAX: usize = 128;

/// A cursor over what a memtable holds up to a position.
pub struct MemtableSource {
    memtable: Arc<Memtable>,
    counter: bool,
    position: u64,
    request: SourceRequest,
    started: bool,
    /// Whether one partition is all that was asked for.
    only: bool,
    partition: Option<PartitionKey>,
    /// Range deletions of the partition, by leading edge.
    ranges: VecDeque<RangeDeletion>,
    rows: VecDeque<Row>,
    /// The slice that is being read, in reading order, and how far it is read.
    slice: usize,
    last: Option<Bytes>,
    exhausted: bool,
    chunk_rows: usize,
}

impl std::fmt::Debug for MemtableSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemtableSource").finish_non_exhaustive()
    }
}

/// A row being put together from its versions.
struct Pending {
    row: Row,
    /// The first version, where the row is only that, and only in part.
    partial: Option<Entry>,
    walk: Walk,
}

fn is_version_of(pending: &Option<Pending>, version: &Entry) -> bool {
    match pending {
        Some(pending) => pending.row.clustering.as_ref() == version.clustering(),
        None => true,
    }
}

impl MemtableSource {
    /// A cursor over what was written up to `position`.
    pub fn new(
        memtable: Arc<Memtable>,
        counter: bool,
        position: u64,
        request: SourceRequest,
    ) -> Self {
        Self {
            memtable,
            counter,
            position,
            request,
            started: false,
            only: false,
            partition: None,
            ranges: VecDeque::new(),
            rows: VecDeque::new(),
            slice: 0,
            last: None,
            exhausted: true,
            chunk_rows: CHUNK_ROWS_FIRST,
        }
    }

    /// The first partition at or behind where the cursor stands.
    fn seek_partition(&self) -> Option<PartitionKey> {
        let from_token = |token| PartitionKey {
            token,
            key: Bytes::new(),
        };
        let (key, behind) = match (&self.partition, &self.request.start) {
            (Some(key), _) => (key.clone(), true),
            (None, PartitionBound::Open) => (from_token(i64::MIN), false),
            (None, PartitionBound::BeforeToken(token)) => (from_token(*token), false),
            (None, PartitionBound::AfterToken(token)) => (from_token(token.checked_add(1)?), false),
            (None, PartitionBound::Before(key)) => (key.clone(), false),
            (None, PartitionBound::After(key)) => (key.clone(), true),
        };
        let first = self.memtable.shard_of(key.token);
        let shards = self.memtable.shards.get(first..)?;
        shards
            .iter()
            .find_map(|shard| shard.first_behind(&key, behind))
    }

    fn start_partition(&mut self, key: PartitionKey) -> Result<PartitionStart> {
        self.ranges.clear();
        self.rows.clear();
        self.slice = 0;
        self.last = None;
        self.exhausted = self.request.slices.is_empty();
        self.chunk_rows = CHUNK_ROWS_FIRST;
        let deletion = self.load_deletions(&key);
        let static_row = if self.request.statics {
            self.load_static(&key)?
        } else {
            None
        };
        self.partition = Some(key.clone());
        Ok(PartitionStart {
            key,
            deletion,
            static_row,
        })
    }

    /// Collects the partition's deletions; answers the one of the whole partition.
    fn load_deletions(&mut self, key: &PartitionKey) -> Deletion {
        let memtable = Arc::clone(&self.memtable);
        let Some(shard) = memtable.shards.get(memtable.shard_of(key.token)) else {
            return Deletion::NONE;
        };
        let mut whole = Deletion::NONE;
        let mut ranges = Vec::new();
        let slices = &self.request.slices;
        shard.deletions_of(key, self.position, |entry| {
            let reaches = |slice: &Slice| entry.start < slice.end && slice.start < entry.end;
            if entry.start.is_empty() {
                whole = whole.max(entry.deletion);
            } else if slices.iter().any(reaches) {
                ranges.push(entry.range());
            }
        });
        ranges.retain(|range| range.deletion > whole);
        if self.request.reversed {
            ranges.sort_by(|a, b| b.end.cmp(&a.end));
        }
        self.ranges = ranges.into();
        whole
    }

    fn load_static(&self, key: &PartitionKey) -> Result<Option<Row>> {
        let Some(shard) = self.memtable.shards.get(self.memtable.shard_of(key.token)) else {
            return Ok(None);
        };
        let probe = Entry::probe(key, &[], self.position);
        let mut merged: Option<Pending> = None;
        let guard = &epoch::pin();
        let mut next = shard.rows.lower_bound(Bound::Included(&probe), guard);
        while let Some(entry) = next {
            let version = entry.key();
            if !version.is_in(key) || version.row.clustering_len != 0 {
                break;
            }
            self.merge_version(&mut merged, version)?;
            if version.merged {
                break;
            }
            next = entry.next();
        }
        if let Some(Pending { row, walk, .. }) = &merged {
            self.memtable.leave_merged(shard, key, row, *walk)?;
        }
        Ok(merged.map(|pending| pending.row))
    }

    /// Merges a version into the row being put together. The first is decoded as the projection
    /// has it; a second one may bring a marker that no longer shelters what that leaves out, so
    /// several are merged whole.
    fn merge_version(&self, pending: &mut Option<Pending>, version: &Entry) -> Result<()> {
        let columns = &self.request.columns;
        *pending = Some(match pending.take() {
            None => Pending {
                row: version.decode(columns)?,
                partial: matches!(columns, Projection::Columns(_)).then(|| version.clone()),
                walk: Walk::from(version),
            },
            Some(Pending {
                row,
                partial,
                mut walk,
            }) => {
                let newer = match partial {
                    Some(first) => first.decode(&Projection::All)?,
                    None => row,
                };
                let older = version.decode(&Projection::All)?;
                if !version.merged {
                    walk.pass(version);
                }
                Pending {
                    row: reconcile::merge_rows(self.counter, newer, older),
                    partial: None,
                    walk,
                }
            }
        });
        Ok(())
    }

    /// Hands a finished row out; answers whether the chunk is full.
    fn push(&mut self, pending: &mut Option<Pending>) -> bool {
        if let Some(Pending { row, .. }) = pending.take() {
            self.last = Some(row.clustering.clone());
            self.rows.push_back(row);
        }
        self.rows.len() >= self.chunk_rows
    }

    /// Fetches the next rows of the partition.
    fn fill(&mut self) -> Result<()> {
        let memtable = Arc::clone(&self.memtable);
        let Some(key) = self.partition.clone() else {
            self.exhausted = true;
            return Ok(());
        };
        let Some(shard) = memtable.shards.get(memtable.shard_of(key.token)) else {
            self.exhausted = true;
            return Ok(());
        };
        while self.rows.is_empty() && !self.exhausted {
            let slices = &self.request.slices;
            let at = if self.request.reversed {
                slices.len().checked_sub(self.slice + 1)
            } else {
                Some(self.slice)
            };
            let Some(slice) = at.and_then(|at| slices.get(at)).cloned() else {
                self.exhausted = true;
                return Ok(());
            };
            let done = if self.request.reversed {
                self.fill_backward(shard, &key, &slice)?
            } else {
                self.fill_forward(shard, &key, &slice)?
            };
            if done {
                self.slice += 1;
                self.last = None;
            }
        }
        self.chunk_rows = (self.chunk_rows * 4).min(CHUNK_ROWS_MAX);
        Ok(())
    }

    /// Fetches a chunk of a slice; answers whether the slice is done.
    fn fill_forward(&mut self, shard: &Shard, key: &PartitionKey, slice: &Slice) -> Result<bool> {
        let probe = match &self.last {
            Some(last) => Entry::probe(key, last, 0),
            None => Entry::probe(key, &slice.start, u64::MAX),
        };
        let guard = &epoch::pin();
        let mut next = shard.rows.lower_bound(Bound::Included(&probe), guard);
        let mut pending: Option<Pending> = None;
        while let Some(entry) = next {
            let version = entry.key();
            if !version.is_in(key) || version.clustering() >= slice.end.as_ref() {
                break;
            }
            if version.position <= self.position {
                if !is_version_of(&pending, version) {
                    self.leave_merged(shard, key, &pending)?;
                    if self.push(&mut pending) {
                        return Ok(false);
                    }
                }
                self.merge_version(&mut pending, version)?;
                if version.merged {
                    let behind = Entry::probe(key, version.clustering(), 0);
                    next = shard.rows.lower_bound(Bound::Excluded(&behind), guard);
                    continue;
                }
            }
            next = entry.next();
        }
        self.leave_merged(shard, key, &pending)?;
        self.push(&mut pending);
        Ok(true)
    }

    /// Leaves a merged entry where a row had many versions.
    fn leave_merged(
        &self,
        shard: &Shard,
        key: &PartitionKey,
        pending: &Option<Pending>,
    ) -> Result<()> {
        match pending {
            Some(Pending { row, walk, .. }) if walk.is_long() => {
                self.memtable.leave_merged(shard, key, row, *walk)
            }
            _ => Ok(()),
        }
    }

    /// As [`Self::fill_forward`], from the slice's end.
    fn fill_backward(&mut self, shard: &Shard, key: &PartitionKey, slice: &Slice) -> Result<bool> {
        let last = self.last.as_ref().unwrap_or(&slice.end);
        let probe = Entry::probe(key, last, u64::MAX);
        let guard = &epoch::pin();
        let mut next = shard.rows.upper_bound(Bound::Excluded(&probe), guard);
        let mut pending: Option<Pending> = None;
        while let Some(entry) = next {
            let version = entry.key();
            if !version.is_in(key) || version.clustering() < slice.start.as_ref() {
                break;
            }
            if version.position <= self.position {
                if !is_version_of(&pending, version) && self.push(&mut pending) {
                    return Ok(false);
                }
                self.merge_version(&mut pending, version)?;
            }
            next = entry.prev();
        }
        self.push(&mut pending);
        Ok(true)
    }
}

impl Source for MemtableSource {
    fn next_partition(&mut self) -> Result<Option<PartitionStart>> {
        if self.started && self.partition.is_none() {
            return Ok(None);
        }
        if !self.started
            && let (PartitionBound::Before(first), PartitionBound::After(last)) =
                (&self.request.start, &self.request.end)
            && first == last
        {
            // No need to look whether it is there: nothing will come of it if not.
            self.started = true;
            self.only = true;
            return self.start_partition(first.clone()).map(Some);
        }
        self.started = true;
        let next = if self.only {
            None
        } else {
            self.seek_partition()
        };
        match next {
            Some(key) if self.request.end.ends_behind(&key) => self.start_partition(key).map(Some),
            _ => {
                self.partition = None;
                self.rows.clear();
                self.ranges.clear();
                self.exhausted = true;
                Ok(None)
            }
        }
    }

    fn next_item(&mut self) -> Result<Option<SourceItem>> {
        if self.rows.is_empty() && !self.exhausted {
            self.fill()?;
        }
        let range_first = match (self.ranges.front(), self.rows.front()) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(range), Some(row)) if self.request.reversed => range.end >= row.clustering,
            (Some(range), Some(row)) => range.start <= row.clustering,
        };
        Ok(if range_first {
            self.ranges.pop_front().map(SourceItem::Range)
        } else {
            self.rows.pop_front().map(SourceItem::Row)
        })
    }
}

impl Entry {
    pub(super) fn is_in(&self, key: &PartitionKey) -> bool {
        self.token == key.token && self.key() == key.key.as_ref()
    }

    fn partition(&self) -> PartitionKey {
        PartitionKey {
            token: self.token,
            key: self.record.slice_ref(self.key()),
        }
    }

    pub(super) fn decode(&self, columns: &Projection) -> Result<Row> {
        let clustering = match self.clustering() {
            [] => Bytes::new(),
            bytes => self.record.slice_ref(bytes),
        };
        record::decode_row(&self.record, &self.row, clustering, columns)
    }
}

impl Shard {
    /// The first partition with anything that is not before `key`, or (`behind`) that is behind it.
    fn first_behind(&self, key: &PartitionKey, behind: bool) -> Option<PartitionKey> {
        let probe = if behind {
            Entry::probe(key, BEHIND_ALL, 0)
        } else {
            Entry::probe(key, &[], u64::MAX)
        };
        let guard = &epoch::pin();
        let row = self
            .rows
            .lower_bound(Bound::Included(&probe), guard)
            .map(|entry| entry.key().partition());
        if self.deletions.is_empty() {
            return row;
        }
        let mut from = DeletionEntry::first_of(key);
        if behind {
            from.start = Bytes::from_static(BEHIND_ALL);
        }
        let deletion = self
            .deletions
            .lower_bound(Bound::Included(&from), guard)
            .map(|entry| entry.key().key.clone());
        match (row, deletion) {
            (Some(row), Some(deletion)) => Some(row.min(deletion)),
            (row, deletion) => row.or(deletion),
        }
    }
}
