//! The rows in memory: one arena and an index that is sorted.
//!
//! An entry is kept as it will stand in a run, `length ‖ prefix length ‖ key length ‖ key ‖ body`;
//! the index has sixteen bytes for each: eight of its key and where it is. Sorting compares those
//! eight bytes and goes to the arena only for groups that they leave together: there it skips what
//! the whole group shares and takes the next eight bytes. Rows of one partition share the whole
//! partition key, so that comparing keys from their start would be slow.

use crate::storage::format::{put_varint, varint_bytes};
use crate::storage::ingest::entry::{Entry, EntrySource, Part, eight_bytes};
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;

const CHUNK_BYTES: usize = 1 << 20;
/// Groups up to this size are sorted by comparing whole keys.
const SMALL_GROUP: usize = 16;

/// An entry in the arena.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Eight bytes of its key, big-endian: which ones depends on the sorting's depth.
    prefix: u64,
    /// The chunk's number in the upper half, the place in it in the lower one. Rises in input
    /// order.
    place: u64,
}

impl Slot {
    fn chunk(self) -> usize {
        (self.place >> 32) as usize
    }

    fn at(self) -> usize {
        (self.place & u64::from(u32::MAX)) as usize
    }
}

/// Rows in memory, up to a bound.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes_max: usize,
    chunk_bytes: usize,
    chunks: Vec<Vec<u8>>,
    /// How many of `chunks` are in use; the others are kept for later.
    used: usize,
    index: Vec<Slot>,
    last_key: Vec<u8>,
    sorted: bool,
}

impl Buffer {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            chunk_bytes: (bytes_max / 8).clamp(4 << 10, CHUNK_BYTES),
            chunks: Vec::new(),
            used: 0,
            index: Vec::new(),
            last_key: Vec::new(),
            sorted: true,
        }
    }

    /// An empty one of the same size.
    pub(super) fn another(&self) -> Self {
        Self::new(self.bytes_max)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The memory that is spent, spare room included.
    fn bytes(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(Vec::capacity).sum();
        chunks + self.index.capacity() * size_of::<Slot>()
    }

    /// Whether an entry of about `length` bytes can come in; always true when empty.
    pub(super) fn has_room(&self, length: usize) -> bool {
        if self.is_empty() {
            return true;
        }
        let length = length + 3 * varint_bytes(length as u64);
        let in_chunk = self
            .chunks
            .get(self.used.wrapping_sub(1))
            .is_some_and(|chunk| chunk.capacity() - chunk.len() >= length);
        let spare = self
            .chunks
            .get(self.used)
            .is_some_and(|chunk| chunk.capacity() >= length);
        let in_index = self.index.len() < self.index.capacity();
        if (in_chunk || spare) && in_index {
            return true;
        }
        let more_arena = if in_chunk || spare {
            0
        } else {
            length.max(self.chunk_bytes)
        };
        // The index doubles; while it is copied the old one is there too.
        let more_index = if in_index {
            0
        } else {
            2 * self.index.capacity() * size_of::<Slot>()
        };
        self.bytes() + more_arena + more_index <= self.bytes_max
    }

    /// Adds an entry: a key of `key_bytes`, the first `prefix_bytes` of which are the
    /// partition's, and a body.
    pub(super) fn push(&mut self, key_and_body: &[u8], prefix_bytes: usize, key_bytes: usize) {
        let key = key_and_body.get(..key_bytes).unwrap_or_default();
        let prefix = eight_bytes(key, 0);
        if self.sorted {
            self.sorted = *self.last_key <= *key;
            self.last_key.clear();
            self.last_key.extend_from_slice(key);
        }
        let content =
            key_and_body.len() + varint_bytes(prefix_bytes as u64) + varint_bytes(key_bytes as u64);
        let number = self.chunk_for(content + varint_bytes(content as u64));
        if let Some(chunk) = self.chunks.get_mut(number) {
            let place = ((number as u64) << 32) | chunk.len() as u64;
            put_varint(chunk, content as u64);
            put_varint(chunk, prefix_bytes as u64);
            put_varint(chunk, key_bytes as u64);
            chunk.extend_from_slice(key_and_body);
            self.index.push(Slot { prefix, place });
        }
    }

    /// The number of a chunk that has room for `length` bytes, behind all that were filled.
    fn chunk_for(&mut self, length: usize) -> usize {
        let fits = |chunk: &Vec<u8>| chunk.capacity() - chunk.len() >= length;
        if let Some(current) = self.used.checked_sub(1)
            && self.chunks.get(current).is_some_and(fits)
        {
            return current;
        }
        match self.chunks.get_mut(self.used) {
            Some(spare) if fits(spare) => {}
            Some(spare) => *spare = Vec::with_capacity(length.max(self.chunk_bytes)),
            None => self
                .chunks
                .push(Vec::with_capacity(length.max(self.chunk_bytes))),
        }
        self.used += 1;
        self.used - 1
    }

    /// Forgets the entries and keeps the memory.
    pub(super) fn clear(&mut self) {
        for chunk in &mut self.chunks {
            chunk.clear();
        }
        self.used = 0;
        self.index.clear();
        self.last_key.clear();
        self.sorted = true;
    }

    /// Sorts by key; entries with the same key stay in input order.
    pub(super) fn sort(&mut self) {
        if self.sorted {
            return;
        }
        let chunks = &self.chunks;
        let key = |slot: &Slot| stored_key(chunks, *slot);
        self.index
            .sort_unstable_by_key(|slot| (slot.prefix, slot.place));
        let mut groups = Vec::new();
        push_groups(&self.index, 0..self.index.len(), 8, &mut groups);
        while let Some((range, depth)) = groups.pop() {
            if let Some(group) = self.index.get_mut(range.clone()) {
                let depth = sort_group(group, depth, &key);
                if let Some(depth) = depth {
                    push_groups(&self.index, range, depth + 8, &mut groups);
                }
            }
        }
        self.sorted = true;
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// How an entry's key begins.
    fn start(&self, slot: Slot) -> u64 {
        eight_bytes(stored_key(&self.chunks, slot), 0)
    }

    /// The entries in order, as runs keep them, and how their keys begin.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.index.iter().filter_map(|slot| {
            let rest = self.chunks.get(slot.chunk())?.get(slot.at()..)?;
            let (content, header) = read_varint(rest)?;
            Some((rest.get(..header + content)?, self.start(*slot)))
        })
    }

    /// The sorted entries in about `count` parts; their bytes are shared, not copied.
    pub(super) fn into_parts(mut self, count: usize) -> Vec<BufferEntries> {
        let mut parts = Vec::new();
        let step = (self.index.len() / 64).max(1);
        let starts: Vec<u64> = self
            .index
            .iter()
            .step_by(step)
            .map(|slot| self.start(*slot))
            .collect();
        for part in Part::split(&starts, count).iter().rev() {
            let low = self
                .index
                .partition_point(|slot| self.start(*slot) < part.low);
            parts.push(self.index.split_off(low));
        }
        let chunks: Arc<[Bytes]> = self.chunks.into_iter().map(Bytes::from).collect();
        let entries = |index: Vec<Slot>| BufferEntries {
            chunks: Arc::clone(&chunks),
            index: index.into_iter(),
        };
        parts.into_iter().rev().map(entries).collect()
    }
}

/// Sorts a group by the eight bytes behind what all its keys from `depth` on share; answers
/// where those were, or none where the group is sorted for good.
fn sort_group<'a>(
    group: &mut [Slot],
    depth: usize,
    key: &impl Fn(&Slot) -> &'a [u8],
) -> Option<usize> {
    let by_whole_key = |group: &mut [Slot]| {
        group.sort_unstable_by(|a, b| key(a).cmp(key(b)).then(a.place.cmp(&b.place)));
    };
    if group.len() <= SMALL_GROUP {
        by_whole_key(group);
        return None;
    }
    let first = group.first().map(key).unwrap_or_default();
    let mut shared = first.len();
    for slot in group.iter() {
        shared = depth + common(first.get(depth..shared), key(slot).get(depth..));
    }
    if shared >= first.len() {
        by_whole_key(group);
        return None;
    }
    for slot in group.iter_mut() {
        slot.prefix = eight_bytes(key(slot), shared);
    }
    group.sort_unstable_by_key(|slot| (slot.prefix, slot.place));
    Some(shared)
}

/// How many leading bytes are the same.
fn common(a: Option<&[u8]>, b: Option<&[u8]>) -> usize {
    let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
    a.iter()
        .zip(b)
        .position(|(a, b)| a != b)
        .unwrap_or(a.len().min(b.len()))
}

/// Notes the groups of equal prefixes within `range`, to be sorted from `depth` on.
fn push_groups(
    index: &[Slot],
    range: Range<usize>,
    depth: usize,
    groups: &mut Vec<(Range<usize>, usize)>,
) {
    let mut start = range.start;
    let slots = index.get(range).unwrap_or_default();
    for group in slots.chunk_by(|a, b| a.prefix == b.prefix) {
        if group.len() > 1 {
            groups.push((start..start + group.len(), depth));
        }
        start += group.len();
    }
}

/// A varint of our own memory, and how long it was.
fn read_varint(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0_usize;
    for (at, byte) in bytes.iter().take(9).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * at);
        if *byte < 0x80 {
            return Some((value, at + 1));
        }
    }
    None
}

fn stored_key(chunks: &[Vec<u8>], slot: Slot) -> &[u8] {
    let find = || {
        let rest = chunks.get(slot.chunk())?.get(slot.at()..)?;
        let (_, used) = read_varint(rest)?;
        let rest = rest.get(used..)?;
        let (_, used) = read_varint(rest)?;
        let rest = rest.get(used..)?;
        let (length, used) = read_varint(rest)?;
        rest.get(used..used + length)
    };
    find().unwrap_or_default()
}

/// The entries of a buffer in order.
#[derive(Debug)]
pub(super) struct BufferEntries {
    chunks: Arc<[Bytes]>,
    index: std::vec::IntoIter<Slot>,
}

impl EntrySource for BufferEntries {
    fn next(&mut self) -> crate::error::Result<Option<Entry>> {
        let Some(slot) = self.index.next() else {
            return Ok(None);
        };
        let chunk = self.chunks.get(slot.chunk());
        let entry = chunk.and_then(|chunk| Entry::parse(chunk, slot.at()));
        entry
            .map(|(entry, _)| Some(entry))
            .ok_or_else(|| crate::Error::internal("the import's buffer lost an entry"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn key(random: &Random) -> Vec<u8> {
        // Few first bytes and a long shared middle, ended so that no key begins another.
        let mut key = vec![random.below(3) as u8; 8];
        key.extend_from_slice(&vec![b'm'; 20 * random.below(2) as usize]);
        for _ in 0..random.below(12) {
            key.push(1 + random.below(2) as u8);
        }
        key.push(0);
        key
    }

    #[test]
    fn sorts_by_key_and_then_by_input_order() {
        let random = Random::seeded(7);
        for count in [0, 1, 2, 15, 40, 3_000] {
            let mut buffer = Buffer::new(64 << 10);
            let mut expected = Vec::new();
            for number in 0..count {
                let key = key(&random);
                let mut entry = key.clone();
                entry.extend_from_slice(&u32::to_be_bytes(number));
                buffer.push(&entry, 8, key.len());
                expected.push((key, number));
            }
            expected.sort();
            buffer.sort();
            let mut entries = buffer.into_parts(1).pop().unwrap();
            for (key, number) in expected {
                let entry = entries.next().unwrap().unwrap();
                assert_eq!(entry.key(), key);
                assert_eq!(entry.body(), u32::to_be_bytes(number));
            }
            assert!(entries.next().unwrap().is_none());
        }
    }

    #[test]
    fn parts_split_between_tokens() {
        let random = Random::seeded(8);
        for (tokens, most) in [(1_000, 4), (2, 2), (1, 1)] {
            let mut buffer = Buffer::new(1 << 20);
            for _ in 0..2_000 {
                let mut key = random.below(tokens).to_be_bytes().to_vec();
                key.push(random.below(200) as u8);
                buffer.push(&key, 8, 9);
            }
            buffer.sort();
            let parts = buffer.into_parts(4);
            assert_eq!(parts.len(), most);
            let (mut last, mut count) = (None::<Vec<u8>>, 0);
            for mut part in parts {
                let mut first = true;
                while let Some(entry) = part.next().unwrap() {
                    let key = entry.key().to_vec();
                    assert!(last.as_ref().is_none_or(|last| *last <= key));
                    let same = last.as_ref().is_some_and(|last| last[..8] == key[..8]);
                    assert!(!(first && same), "a token in two parts");
                    (last, first, count) = (Some(key), false, count + 1);
                }
            }
            assert_eq!(count, 2_000);
        }
    }

    #[test]
    fn memory_is_bounded_and_counted() {
        let mut buffer = Buffer::new(256 << 10);
        for round in 0..3 {
            let mut pushed = 0;
            while buffer.has_room(100) {
                buffer.push(&[7; 100], 8, 20);
                pushed += 1;
            }
            assert!(pushed > 1_000, "{round} {pushed}");
            assert!(buffer.bytes() <= 256 << 10);
            buffer.clear();
        }
        // A row larger than the bound still comes in, alone.
        assert!(buffer.has_room(1 << 20));
        buffer.push(&vec![7; 1 << 20], 8, 20);
        assert!(!buffer.has_room(1 << 20));
        assert_eq!(buffer.entries().count(), 1);
    }

    #[test]
    fn what_comes_sorted_is_not_sorted_again() {
        let mut buffer = Buffer::new(1 << 20);
        buffer.push(b"aaaaaaaa1", 8, 9);
        buffer.push(b"aaaaaaaa1", 8, 9);
        buffer.push(b"aaaaaaaa2", 8, 9);
        assert!(buffer.sorted);
        buffer.push(b"aaaaaaaa1", 8, 9);
        assert!(!buffer.sorted);
    }
}
