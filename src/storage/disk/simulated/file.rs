//! The bytes of a simulated disk's files: what there is, what is durable, how much fits.

use crate::random::Random;
use bytes::Bytes;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Files grow by chunks of this size, in bytes.
const CHUNK_BYTES: usize = 256 << 10;
/// The unit in which a torn write may or may not have reached the disk, in bytes.
const SECTOR_BYTES: usize = 512;

/// Bytes in use, and how many may be.
#[derive(Debug)]
pub struct Space {
    used: AtomicU64,
    budget: AtomicU64,
}

impl Default for Space {
    fn default() -> Self {
        Self {
            used: AtomicU64::new(0),
            budget: AtomicU64::new(u64::MAX),
        }
    }
}

impl Space {
    /// Sets how many bytes fit.
    pub fn set_budget(&self, bytes: u64) {
        self.budget.store(bytes, Ordering::SeqCst);
    }

    /// How many bytes are in use.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::SeqCst)
    }

    /// Takes up to `wanted` bytes and answers how many there were.
    fn take(&self, wanted: usize) -> usize {
        let budget = self.budget.load(Ordering::Relaxed);
        let before = self.used.fetch_add(wanted as u64, Ordering::Relaxed);
        let room = usize::try_from(budget.saturating_sub(before)).unwrap_or(usize::MAX);
        if room >= wanted {
            return wanted;
        }
        self.used
            .fetch_sub((wanted - room) as u64, Ordering::Relaxed);
        room
    }
}

/// The bytes of a file.
#[derive(Debug)]
pub struct FileData {
    content: RwLock<Content>,
    space: Arc<Space>,
}

#[derive(Debug, Default)]
struct Content {
    /// Full chunks, and behind them, once the file is finished, a shorter one.
    chunks: Vec<Bytes>,
    /// What comes behind the full chunks while the file is written.
    tail: Vec<u8>,
    length: u64,
    synced: u64,
    /// Set by a failed sync: nothing from here on is ever durable.
    lost_from: Option<u64>,
}

impl Drop for FileData {
    fn drop(&mut self) {
        let length = self
            .content
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .length;
        self.space.used.fetch_sub(length, Ordering::Relaxed);
    }
}

impl FileData {
    /// An empty file on a disk with `space`.
    pub fn new(space: &Arc<Space>) -> Self {
        Self {
            content: RwLock::default(),
            space: Arc::clone(space),
        }
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Content> {
        self.content.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Content> {
        self.content.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends what fits on the disk, and answers whether all did.
    pub fn append(&self, bytes: &[u8]) -> bool {
        let room = self.space.take(bytes.len());
        self.write().append(bytes.get(..room).unwrap_or(bytes));
        room == bytes.len()
    }

    /// Takes the bytes behind `length` away.
    pub fn cut(&self, length: u64) {
        let mut content = self.write();
        let kept = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(bytes) = content.read(0, kept) else {
            return;
        };
        let gone = content.length - length;
        let (synced, lost_from) = (content.synced, content.lost_from);
        *content = Content {
            synced: synced.min(length),
            lost_from,
            ..Content::default()
        };
        content.append(&bytes);
        self.space.used.fetch_sub(gone, Ordering::Relaxed);
    }

    /// Replaces the bytes, durably, whatever the budget says.
    pub fn replace(&self, bytes: &[u8]) {
        let mut content = self.write();
        let (before, after) = (content.length, bytes.len() as u64);
        *content = Content::default();
        content.append(bytes);
        content.finish();
        content.sync();
        self.space.used.fetch_add(after, Ordering::Relaxed);
        self.space.used.fetch_sub(before, Ordering::Relaxed);
    }

    /// Makes the bytes durable; a sync that fails makes sure that they never will be.
    pub fn sync(&self, succeeds: bool) {
        let mut content = self.write();
        if succeeds {
            content.sync();
        } else {
            content.lost_from = content.lost_from.or(Some(content.synced));
        }
    }

    /// Nothing will be appended any more: reads need not copy.
    pub fn finish(&self) {
        self.write().finish();
    }

    /// The length, in bytes.
    pub fn len(&self) -> u64 {
        self.read().length
    }

    /// `length` bytes from `offset` on, if they are there.
    pub fn read_at(&self, offset: u64, length: usize) -> Option<Bytes> {
        self.read().read(offset, length)
    }

    /// The file that a crash leaves.
    pub fn after_crash(&self, random: &Random, space: &Arc<Space>) -> Self {
        let content = self.read();
        let image = Self::new(space);
        let synced = content.synced;
        let kept = match random.below(4) {
            0 => synced,
            1 => synced + random.below(content.length - synced + 1),
            _ => content.length,
        };
        let mut left = Content {
            length: kept,
            synced: kept,
            ..Content::default()
        };
        let torn = kept > synced && random.below(2) == 0;
        for chunk in content.chunks.iter().chain([&content.tail_bytes()]) {
            let start = left.chunks.len() * CHUNK_BYTES;
            let room = usize::try_from(kept.saturating_sub(start as u64)).unwrap_or(usize::MAX);
            let mut chunk = chunk.slice(..chunk.len().min(room));
            if torn && (start + chunk.len()) as u64 > synced {
                let mut bytes = chunk.to_vec();
                tear(&mut bytes, start, synced, random);
                chunk = Bytes::from(bytes);
            }
            if !chunk.is_empty() {
                left.chunks.push(chunk);
            }
        }
        space.take(usize::try_from(kept).unwrap_or(usize::MAX));
        *image.write() = left;
        image
    }
}

/// Zeroes some of the sectors of a chunk that starts at `start`, behind the first `synced` bytes
/// of its file.
fn tear(bytes: &mut [u8], start: usize, synced: u64, random: &Random) {
    let safe = usize::try_from(synced)
        .unwrap_or(usize::MAX)
        .saturating_sub(start);
    let mut at = safe;
    while at < bytes.len() {
        let end = ((at / SECTOR_BYTES + 1) * SECTOR_BYTES).min(bytes.len());
        if random.below(2) == 0
            && let Some(sector) = bytes.get_mut(at..end)
        {
            sector.fill(0);
        }
        at = end;
    }
}

impl Content {
    fn append(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.tail.len()));
            self.tail.extend_from_slice(now);
            bytes = later;
            if self.tail.len() == CHUNK_BYTES {
                self.chunks
                    .push(Bytes::from(std::mem::take(&mut self.tail)));
            }
        }
    }

    fn finish(&mut self) {
        if !self.tail.is_empty() {
            self.tail.shrink_to_fit();
            self.chunks
                .push(Bytes::from(std::mem::take(&mut self.tail)));
        }
    }

    fn sync(&mut self) {
        self.synced = self.lost_from.unwrap_or(self.length);
    }

    fn tail_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(&self.tail)
    }

    fn read(&self, offset: u64, length: usize) -> Option<Bytes> {
        if offset.checked_add(length as u64)? > self.length {
            return None;
        }
        let offset = usize::try_from(offset).ok()?;
        let (mut number, mut within) = (offset / CHUNK_BYTES, offset % CHUNK_BYTES);
        if let Some(chunk) = self.chunks.get(number)
            && within + length <= chunk.len()
        {
            return Some(chunk.slice(within..within + length));
        }
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let chunk = self.chunks.get(number).map_or(&self.tail[..], |c| &c[..]);
            let part = chunk.get(within..)?;
            bytes.extend_from_slice(part.get(..length - bytes.len()).unwrap_or(part));
            (number, within) = (number + 1, 0);
        }
        Some(Bytes::from(bytes))
    }
}
