//! What a scan has read, level by level: the figures of EXPLAIN ANALYZE.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What was read of one level, or of the memtables.
#[derive(Debug, Default)]
pub struct LevelFigures {
    files: Mutex<BTreeSet<u64>>,
    /// Blocks that were read, from the cache or from the disk.
    pub blocks: AtomicU64,
    /// Blocks that were left out by what is known of them without reading them.
    pub blocks_pruned: AtomicU64,
    /// Rows that were handed to the scan, before those of several sources were merged.
    pub rows: AtomicU64,
    /// The blocks' bytes, as stored.
    pub bytes: AtomicU64,
}

impl LevelFigures {
    /// A file (or memtable) of this number takes part.
    pub fn file(&self, number: u64) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.insert(number);
    }

    /// How many files (or memtables) took part.
    pub fn files(&self) -> usize {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.len()
    }

    /// A block of so many bytes was read.
    pub fn block(&self, bytes: usize) {
        self.blocks.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A block was left out.
    pub fn pruned(&self) {
        self.blocks_pruned.fetch_add(1, Ordering::Relaxed);
    }

    /// So many rows were handed out.
    pub fn rows(&self, count: usize) {
        self.rows.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// What a scan, or several that belong together, have read.
#[derive(Debug, Default)]
pub struct ScanFigures {
    levels: Mutex<BTreeMap<u8, Arc<LevelFigures>>>,
    memtables: Arc<LevelFigures>,
}

impl ScanFigures {
    /// The figures of a level.
    pub fn level(&self, level: u8) -> Arc<LevelFigures> {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(levels.entry(level).or_default())
    }

    /// All levels that had a part, the lowest first.
    pub fn levels(&self) -> Vec<(u8, Arc<LevelFigures>)> {
        let levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = |(level, figures): (&u8, &Arc<LevelFigures>)| (*level, Arc::clone(figures));
        levels.iter().map(pair).collect()
    }

    /// The figures of the memtables.
    pub fn memtables(&self) -> &Arc<LevelFigures> {
        &self.memtables
    }
}
