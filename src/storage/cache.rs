//! The block cache: what was read from files and verified, bounded by bytes.
//!
//! It is split into shards by key, so that no lock is global, and a hit takes a read lock and sets
//! one counter. Eviction is S3-FIFO (Yang et al., SOSP 2023): a newcomer waits in a small queue;
//! only what is asked for again while it is there (or soon after) enters the main queue, where
//! entries go round as long as they are used. A scan that touches everything once therefore passes
//! through the small queue and leaves the main one alone.
//!
//! ```text
//!          used since? ── yes ─▶ main ─┐ used: round again
//! new ─▶ small (1/10) ─┤          ▲    └─▶ out
//!                      └─ no ─▶ out, its key ─▶ ghost ── asked for again ─▶ main
//! ```

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How many shards.
const SHARDS: usize = 16;
/// Uses are counted up to here.
const USES_MAX: u8 = 3;

/// The place of a unit: file number and offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    file: u64,
    offset: u64,
}

impl Key {
    /// A well-mixed hash (the finish of SplitMix64).
    fn hash64(self) -> u64 {
        let mut z = self.file.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ self.offset;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// Takes an already mixed hash as it is.
#[derive(Clone, Copy, Debug, Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31) ^ value;
        self.0 = self.0.wrapping_mul(0xBF58_476D_1CE4_E5B9);
        self.0 ^= self.0 >> 32;
    }
}

type Map<V> = HashMap<Key, Entry<V>, BuildHasherDefault<Mixed>>;

#[derive(Debug)]
struct Entry<V> {
    value: V,
    bytes: usize,
    uses: AtomicU8,
    /// Tells an entry from an earlier one of the same key that a queue still names.
    stamp: u64,
}

/// A queue of keys, oldest first. Names of entries that are gone stay until their turn.
#[derive(Debug, Default)]
struct Queue {
    names: VecDeque<(Key, u64)>,
    bytes: usize,
}

#[derive(Debug)]
struct Shard<V> {
    entries: Map<V>,
    small: Queue,
    main: Queue,
    ghost: VecDeque<Key>,
    ghosts: HashMap<Key, (), BuildHasherDefault<Mixed>>,
    bytes: usize,
    stamp: u64,
}

impl<V> Default for Shard<V> {
    fn default() -> Self {
        Self {
            entries: Map::default(),
            small: Queue::default(),
            main: Queue::default(),
            ghost: VecDeque::new(),
            ghosts: HashMap::default(),
            bytes: 0,
            stamp: 0,
        }
    }
}

/// How a cache is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Look-ups that found what they wanted.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
    /// What it holds, in bytes.
    pub bytes: usize,
    /// How many entries it holds.
    pub entries: usize,
}

/// A bounded cache of values that are cheap to clone (shared pointers). Any thread.
#[derive(Debug)]
pub struct Cache<V> {
    shards: Vec<RwLock<Shard<V>>>,
    shard_bytes_max: usize,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl<V: Clone> Cache<V> {
    /// An empty cache that holds up to `bytes_max`.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            shard_bytes_max: bytes_max / SHARDS,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    fn shard(&self, key: Key) -> Option<&RwLock<Shard<V>>> {
        let at = usize::try_from(key.hash64() >> 32).unwrap_or(0) % SHARDS;
        self.shards.get(at)
    }

    /// What stands at `offset` of `file`, if it is here.
    pub fn get(&self, file: u64, offset: u64) -> Option<V> {
        let key = Key { file, offset };
        let shard = read(self.shard(key)?);
        let Some(entry) = shard.entries.get(&key) else {
            self.misses.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        self.hits.fetch_add(1, Ordering::Relaxed);
        let uses = entry.uses.load(Ordering::Relaxed);
        if uses < USES_MAX {
            entry.uses.store(uses.saturating_add(1), Ordering::Relaxed);
        }
        Some(entry.value.clone())
    }

    /// Keeps a value that takes `bytes`. What is larger than its share of the cache is not kept.
    pub fn insert(&self, file: u64, offset: u64, value: V, bytes: usize) {
        let key = Key { file, offset };
        if bytes > self.shard_bytes_max {
            return;
        }
        if let Some(shard) = self.shard(key) {
            write(shard).insert(key, value, bytes, self.shard_bytes_max);
        }
    }

    /// Forgets everything of a file.
    pub fn remove_file(&self, file: u64) {
        for shard in &self.shards {
            write(shard).remove_file(file);
        }
    }

    /// How much it may hold, in bytes.
    pub fn bytes_max(&self) -> usize {
        self.shard_bytes_max.saturating_mul(SHARDS)
    }

    /// How the cache is doing.
    pub fn counts(&self) -> CacheCounts {
        let mut counts = CacheCounts {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            ..CacheCounts::default()
        };
        for shard in &self.shards {
            let shard = read(shard);
            counts.bytes = counts.bytes.saturating_add(shard.bytes);
            counts.entries = counts.entries.saturating_add(shard.entries.len());
        }
        counts
    }
}

impl<V> Shard<V> {
    fn insert(&mut self, key: Key, value: V, bytes: usize, bytes_max: usize) {
        if self.entries.contains_key(&key) {
            return;
        }
        while self.bytes.saturating_add(bytes) > bytes_max && self.evict(bytes_max) {}
        self.stamp = self.stamp.wrapping_add(1);
        let entry = Entry {
            value,
            bytes,
            uses: AtomicU8::new(0),
            stamp: self.stamp,
        };
        let queue = if self.ghosts.remove(&key).is_some() {
            &mut self.main
        } else {
            &mut self.small
        };
        queue.names.push_back((key, self.stamp));
        queue.bytes = queue.bytes.saturating_add(bytes);
        self.bytes = self.bytes.saturating_add(bytes);
        self.entries.insert(key, entry);
    }

    /// Takes one step towards room; answers whether there was anything to take.
    fn evict(&mut self, bytes_max: usize) -> bool {
        if self.small.bytes >= bytes_max / 10 || self.main.names.is_empty() {
            self.evict_small()
        } else {
            self.evict_main()
        }
    }

    fn evict_small(&mut self) -> bool {
        let Some((key, stamp)) = self.small.names.pop_front() else {
            return false;
        };
        let Some((bytes, uses)) = self.entry(key, stamp) else {
            return true;
        };
        self.small.bytes = self.small.bytes.saturating_sub(bytes);
        if uses > 0 {
            self.main.names.push_back((key, stamp));
            self.main.bytes = self.main.bytes.saturating_add(bytes);
        } else {
            self.drop_entry(key, bytes);
            self.ghost.push_back(key);
            self.ghosts.insert(key, ());
            while self.ghost.len() > self.entries.len().saturating_add(16) {
                if let Some(old) = self.ghost.pop_front() {
                    self.ghosts.remove(&old);
                }
            }
        }
        true
    }

    fn evict_main(&mut self) -> bool {
        let Some((key, stamp)) = self.main.names.pop_front() else {
            return false;
        };
        let Some((bytes, uses)) = self.entry(key, stamp) else {
            return true;
        };
        if uses > 0 {
            if let Some(entry) = self.entries.get(&key) {
                entry.uses.store(uses.saturating_sub(1), Ordering::Relaxed);
            }
            self.main.names.push_back((key, stamp));
        } else {
            self.main.bytes = self.main.bytes.saturating_sub(bytes);
            self.drop_entry(key, bytes);
        }
        true
    }

    /// The size and uses of the entry that a queue names, if it is still that one.
    fn entry(&self, key: Key, stamp: u64) -> Option<(usize, u8)> {
        let entry = self.entries.get(&key)?;
        (entry.stamp == stamp).then(|| (entry.bytes, entry.uses.load(Ordering::Relaxed)))
    }

    fn drop_entry(&mut self, key: Key, bytes: usize) {
        self.entries.remove(&key);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    fn remove_file(&mut self, file: u64) {
        self.entries.retain(|key, _| key.file != file);
        let entries = &self.entries;
        for queue in [&mut self.small, &mut self.main] {
            queue.names.retain(|(key, _)| key.file != file);
            queue.bytes = queue
                .names
                .iter()
                .filter_map(|(key, _)| entries.get(key))
                .map(|entry| entry.bytes)
                .sum();
        }
        self.bytes = self.small.bytes.saturating_add(self.main.bytes);
    }
}

// A panic of another thread leaves a shard whole: every step above ends in a sound state.
fn read<V>(shard: &RwLock<Shard<V>>) -> RwLockReadGuard<'_, Shard<V>> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<V>(shard: &RwLock<Shard<V>>) -> RwLockWriteGuard<'_, Shard<V>> {
    shard.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_no_more_than_its_bound() {
        let cache = Cache::new(16 * 1_000);
        for offset in 0..10_000 {
            cache.insert(1, offset, offset, 100);
        }
        let counts = cache.counts();
        assert!(counts.bytes <= 16_000, "{counts:?}");
        assert!(counts.bytes >= 14_000, "{counts:?}");
        assert_eq!(counts.bytes, counts.entries * 100);
    }

    #[test]
    fn a_scan_does_not_push_out_what_is_used() {
        let cache = Cache::new(16 * 10_000);
        for round in 0..4 {
            for offset in 0..200 {
                if cache.get(1, offset).is_none() {
                    assert_eq!(round, 0);
                    cache.insert(1, offset, offset, 100);
                }
            }
        }
        for offset in 0..100_000 {
            cache.insert(2, offset, offset, 100);
        }
        let kept = (0..200)
            .filter(|offset| cache.get(1, *offset).is_some())
            .count();
        assert!(kept > 180, "{kept}");
    }

    #[test]
    fn forgets_a_file_and_nothing_else() {
        let cache = Cache::new(1 << 20);
        for offset in 0..100 {
            cache.insert(1, offset, 1, 10);
            cache.insert(2, offset, 2, 10);
        }
        cache.remove_file(1);
        assert!((0..100).all(|offset| cache.get(1, offset).is_none()));
        assert!((0..100).all(|offset| cache.get(2, offset) == Some(2)));
        assert_eq!(cache.counts().bytes, 1_000);
        assert_eq!(cache.counts().entries, 100);
    }

    #[test]
    fn what_is_too_large_is_not_kept() {
        let cache = Cache::new(1_600);
        cache.insert(1, 0, (), 101);
        assert_eq!(cache.get(1, 0), None);
        cache.insert(1, 0, (), 100);
        assert_eq!(cache.get(1, 0), Some(()));
        assert_eq!((cache.counts().hits, cache.counts().misses), (1, 1));
    }
}
