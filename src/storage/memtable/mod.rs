//! The memtable: what was written since the last flush, sorted.
//!
//! ```text
//! memtable ── shard (a token range) ── rows:      skiplist of  (row key ‖ newest first) → bytes
//!                                   └─ deletions: skiplist of  (partition, start, end, position)
//! ```
//!
//! Entries are only ever inserted, under unique keys: a row key and the position of the commit log
//! at which it was written, inverted, so that a row's newest version comes first. A reader at
//! position P passes over what was written later; versions of the same row are reconciled as they
//! are read. The whole memtable is dropped after its flush.
//!
//! A row that is written again and again would make every read of it walk through all its versions.
//! A reader who walked far therefore leaves what it found as a *merged* entry, at the
//! position of the newest version in it: readers from there on end their walk at it, and earlier
//! ones pass over it as over any version that is too new for them.
//!
//! One skiplist takes about half a million inserts a second and does not scale to a second
//! thread, so there is one for each of several token ranges. An entry's bytes are those that went
//! to the commit log, copied into an arena of the shard: many small allocations that live as long
//! as the memtable would wear the allocator out.

mod arena;
mod get;
mod merged;
mod source;

pub use source::MemtableSource;

use crate::storage::cell::{Deletion, NO_TIMESTAMP};
use crate::storage::memtable::arena::Arena;
use crate::storage::record::{RowSpan, UpdateSpan};
use crate::storage::row::{PartitionKey, RangeDeletion};
use bytes::Bytes;
use crossbeam_epoch as epoch;
use crossbeam_skiplist::SkipList;
use std::cmp::Ordering;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering as Memory};

/// What an entry costs beside its bytes: the skiplist's node with its tower, and the entry.
const ENTRY_OVERHEAD_BYTES: usize = 128;

/// The rows and deletions of one table that are not in SSTables yet.
pub struct Memtable {
    shards: Box<[Shard]>,
    bytes: AtomicUsize,
    /// What merged entries hold beside: readers leave them, and wait for no room.
    merged_bytes: AtomicUsize,
    /// Rows and deletions.
    entries: AtomicU64,
    lowest_timestamp: AtomicI64,
    lowest_position: AtomicU64,
    highest_position: AtomicU64,
    /// Whether its positions are those of writes that skip the commit log.
    volatile: bool,
    retired: AtomicBool,
}

struct Shard {
    rows: SkipList<Entry, ()>,
    deletions: SkipList<DeletionEntry, ()>,
    arena: Arena,
}

impl Default for Shard {
    fn default() -> Self {
        Self {
            rows: SkipList::new(epoch::default_collector().clone()),
            deletions: SkipList::new(epoch::default_collector().clone()),
            arena: Arena::default(),
        }
    }
}

impl fmt::Debug for Memtable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memtable")
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

/// One version of a row. Most comparisons end at the token or the heads of key and clustering,
/// which stand in the list's node: bytes elsewhere would cost a cache miss each.
#[derive(Clone)]
struct Entry {
    token: i64,
    key_head: u64,
    clustering_head: u64,
    position: u64,
    /// Whether it stands for all versions up to its position.
    merged: bool,
    /// The partition's raw key, and what the spans name.
    record: Bytes,
    key_len: u32,
    row: RowSpan,
}

/// A deletion of rows or of a whole partition, ordered field by field.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct DeletionEntry {
    key: PartitionKey,
    /// Where the deleted range starts; empty for the whole partition.
    start: Bytes,
    end: Bytes,
    position: u64,
    deletion: Deletion,
}

fn part(record: &[u8], at: u32, length: u32) -> &[u8] {
    let start = at as usize;
    record
        .get(start..start + length as usize)
        .unwrap_or_default()
}

/// The first eight bytes, zeros behind them: where two heads differ, they order the whole.
fn head(bytes: &[u8]) -> u64 {
    match bytes.first_chunk::<8>() {
        Some(head) => u64::from_be_bytes(*head),
        None => {
            let mut head = [0; 8];
            for (to, from) in head.iter_mut().zip(bytes) {
                *to = *from;
            }
            u64::from_be_bytes(head)
        }
    }
}

impl Entry {
    fn new(token: i64, position: u64, record: Bytes, key_len: u32, row: RowSpan) -> Self {
        let key_head = head(part(&record, 0, key_len));
        let clustering_head = head(part(&record, row.clustering_at, row.clustering_len));
        Self {
            token,
            key_head,
            clustering_head,
            position,
            merged: false,
            record,
            key_len,
            row,
        }
    }

    /// A place that readers seek: before a merged entry of the same position.
    fn probe(key: &PartitionKey, clustering: &[u8], position: u64) -> Self {
        let mut bytes = Vec::with_capacity(key.key.len() + clustering.len());
        bytes.extend_from_slice(&key.key);
        bytes.extend_from_slice(clustering);
        let key_len = key.key.len() as u32;
        let row = RowSpan {
            clustering_at: key_len,
            clustering_len: clustering.len() as u32,
            body_at: 0,
            body_len: 0,
        };
        let merged = true;
        Self {
            merged,
            ..Self::new(key.token, position, Bytes::from(bytes), key_len, row)
        }
    }

    fn key(&self) -> &[u8] {
        part(&self.record, 0, self.key_len)
    }

    fn clustering(&self) -> &[u8] {
        part(
            &self.record,
            self.row.clustering_at,
            self.row.clustering_len,
        )
    }

    fn compare_keys(&self, other: &Self) -> Ordering {
        self.key_head.cmp(&other.key_head).then_with(|| {
            if self.key_len <= 8 && other.key_len <= 8 {
                self.key_len.cmp(&other.key_len)
            } else {
                self.key().cmp(other.key())
            }
        })
    }

    fn compare_clusterings(&self, other: &Self) -> Ordering {
        self.clustering_head
            .cmp(&other.clustering_head)
            .then_with(|| {
                let (own, others) = (self.row.clustering_len, other.row.clustering_len);
                if own <= 8 && others <= 8 {
                    own.cmp(&others)
                } else {
                    self.clustering().cmp(other.clustering())
                }
            })
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.token
            .cmp(&other.token)
            .then_with(|| self.compare_keys(other))
            .then_with(|| self.compare_clusterings(other))
            .then_with(|| other.position.cmp(&self.position))
            .then_with(|| other.merged.cmp(&self.merged))
    }
}

impl Memtable {
    /// An empty memtable of `shards` token ranges.
    /// `volatile`: whether it takes writes that skip the commit log, with positions of their own.
    pub fn new(shards: usize, volatile: bool) -> Self {
        Self {
            shards: (0..shards.max(1)).map(|_| Shard::default()).collect(),
            bytes: AtomicUsize::new(0),
            merged_bytes: AtomicUsize::new(0),
            entries: AtomicU64::new(0),
            lowest_timestamp: AtomicI64::new(i64::MAX),
            lowest_position: AtomicU64::new(u64::MAX),
            highest_position: AtomicU64::new(0),
            volatile,
            retired: AtomicBool::new(false),
        }
    }

    /// Whether it takes writes that skip the commit log.
    pub fn is_volatile(&self) -> bool {
        self.volatile
    }

    /// Says that its contents no longer count against the bound on memory, though readers may
    /// still hold it; answers how many bytes that frees (nothing the second time).
    pub fn retire(&self) -> usize {
        if self.retired.swap(true, Memory::SeqCst) {
            0
        } else {
            self.bytes.load(Memory::Relaxed)
        }
    }

    /// All range deletions of a partition, sorted by start, and the partition's own deletion.
    pub fn deletions(&self, key: &PartitionKey) -> (Deletion, Vec<RangeDeletion>) {
        let mut whole = Deletion::NONE;
        let mut ranges = Vec::new();
        if let Some(shard) = self.shards.get(self.shard_of(key.token)) {
            shard.deletions_of(key, u64::MAX, |entry| {
                if entry.start.is_empty() {
                    whole = whole.max(entry.deletion);
                } else {
                    ranges.push(entry.range());
                }
            });
        }
        (whole, ranges)
    }

    /// Which shard holds `token`.
    fn shard_of(&self, token: i64) -> usize {
        let place = (token as u64) ^ (1 << 63);
        ((u128::from(place) * self.shards.len() as u128) >> 64) as usize
    }

    /// What an update will cost, in bytes.
    pub fn cost(update: &UpdateSpan) -> usize {
        let rows: usize = update
            .rows
            .iter()
            .map(|row| {
                ENTRY_OVERHEAD_BYTES
                    + update.key_len as usize
                    + row.clustering_len as usize
                    + row.body_len as usize
            })
            .sum();
        let deletions = update.ranges.len() + usize::from(!update.deletion.is_none());
        rows + deletions * (2 * ENTRY_OVERHEAD_BYTES + update.key_len as usize)
    }

    /// Inserts one update of a record, written at `position` of the commit log. Answers its cost in
    /// bytes.
    pub fn insert(&self, position: u64, record: &[u8], update: &UpdateSpan) -> usize {
        let Some(shard) = self.shards.get(self.shard_of(update.token)) else {
            return 0;
        };
        if update.lowest_timestamp < self.lowest_timestamp.load(Memory::Relaxed) {
            self.lowest_timestamp
                .fetch_min(update.lowest_timestamp, Memory::SeqCst);
        }
        self.lowest_position.fetch_min(position, Memory::SeqCst);
        self.highest_position.fetch_max(position, Memory::SeqCst);
        if !update.deletion.is_none() || !update.ranges.is_empty() {
            shard.insert_deletions(position, record, update);
        }
        if !update.rows.is_empty() {
            let base = update.key_at;
            let guard = &epoch::pin();
            let bytes = shard
                .arena
                .copy(record.get(update.extent()).unwrap_or_default());
            for row in &update.rows {
                let row = RowSpan {
                    clustering_at: row.clustering_at - base,
                    body_at: row.body_at - base,
                    ..*row
                };
                let record = bytes.clone();
                let entry = Entry::new(update.token, position, record, update.key_len, row);
                shard.rows.insert(entry, (), guard).release(guard);
            }
        }
        let cost = Self::cost(update);
        self.bytes.fetch_add(cost, Memory::Relaxed);
        let deletions = update.ranges.len() + usize::from(!update.deletion.is_none());
        let entries = (update.rows.len() + deletions) as u64;
        self.entries.fetch_add(entries, Memory::Relaxed);
        cost
    }

    /// How many versions of rows and deletions it holds.
    pub fn entries(&self) -> u64 {
        self.entries.load(Memory::Relaxed)
    }

    /// About how much memory it holds.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Memory::Relaxed) + self.merged_bytes.load(Memory::Relaxed)
    }

    /// Whether nothing was ever inserted.
    pub fn is_empty(&self) -> bool {
        self.highest_position.load(Memory::SeqCst) == 0
    }

    /// The lowest write timestamp in it, in microseconds; `i64::MAX` where it is empty.
    pub fn lowest_timestamp(&self) -> i64 {
        self.lowest_timestamp.load(Memory::SeqCst)
    }

    /// The lowest position of which it holds something; `u64::MAX` where it is empty.
    pub fn lowest_position(&self) -> u64 {
        self.lowest_position.load(Memory::SeqCst)
    }

    /// The highest position of which it holds something; 0 where it is empty.
    pub fn highest_position(&self) -> u64 {
        self.highest_position.load(Memory::SeqCst)
    }
}

impl DeletionEntry {
    /// The place before everything of a partition.
    fn first_of(key: &PartitionKey) -> Self {
        Self {
            key: key.clone(),
            start: Bytes::new(),
            end: Bytes::new(),
            position: 0,
            deletion: Deletion {
                timestamp: i64::MIN,
                deleted_at_seconds: i64::MIN,
            },
        }
    }

    fn range(&self) -> RangeDeletion {
        RangeDeletion {
            start: self.start.clone(),
            end: self.end.clone(),
            deletion: self.deletion,
        }
    }
}

impl Shard {
    /// Looks at a partition's deletions up to a position, by start.
    fn deletions_of(
        &self,
        key: &PartitionKey,
        position: u64,
        mut look: impl FnMut(&DeletionEntry),
    ) {
        if self.deletions.is_empty() {
            return;
        }
        let guard = &epoch::pin();
        for entry in self.deletions.range(DeletionEntry::first_of(key).., guard) {
            let entry = entry.key();
            if entry.key != *key {
                return;
            }
            if entry.position <= position {
                look(entry);
            }
        }
    }

    fn insert_deletions(&self, position: u64, record: &[u8], update: &UpdateSpan) {
        let key = PartitionKey {
            token: update.token,
            key: Bytes::copy_from_slice(part(record, update.key_at, update.key_len)),
        };
        let guard = &epoch::pin();
        if !update.deletion.is_none() {
            let entry = DeletionEntry {
                key: key.clone(),
                start: Bytes::new(),
                end: Bytes::new(),
                position,
                deletion: update.deletion,
            };
            self.deletions.insert(entry, (), guard).release(guard);
        }
        for range in &update.ranges {
            if range.start >= range.end || range.deletion.timestamp == NO_TIMESTAMP {
                continue;
            }
            let entry = DeletionEntry {
                key: key.clone(),
                start: range.start.clone(),
                end: range.end.clone(),
                position,
                deletion: range.deletion,
            };
            self.deletions.insert(entry, (), guard).release(guard);
        }
    }
}

#[cfg(test)]
mod merged_tests;
#[cfg(test)]
mod tests;
