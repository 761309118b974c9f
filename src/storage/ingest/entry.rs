//! Entries: rows as the import keeps them, and where they come from.

use crate::error::Result;
use crate::storage::ingest::STATIC_POSITION;
use crate::storage::read::Projection;
use crate::storage::record::{self, RowSpan};
use crate::storage::row::Row;
use bytes::Bytes;
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

    /// How the key begins.
    pub(super) fn start(&self) -> u64 {
        eight_bytes(self.key(), 0)
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

/// Eight bytes of a key as a number, from `at` on; zeros stand behind the key's end. Numbers and
/// keys have the same order.
pub(super) fn eight_bytes(key: &[u8], at: usize) -> u64 {
    let rest = key.get(at..).unwrap_or_default();
    if let Some(bytes) = rest.first_chunk::<8>() {
        return u64::from_be_bytes(*bytes);
    }
    let shift = 8 * (8 - rest.len() as u32);
    let number = rest
        .iter()
        .fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    number.checked_shl(shift).unwrap_or(0)
}

/// A part of all keys, by how they begin: with the partition's token, so that no partition lies
/// in two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The least beginning.
    pub low: u64,
    /// The beginning behind the greatest, if there is one.
    pub high: Option<u64>,
}

impl Part {
    /// All keys.
    pub(super) const ALL: Self = Self { low: 0, high: None };

    /// About `count` parts that hold the same share of `starts`, which are sorted.
    pub(super) fn split(starts: &[u64], count: usize) -> Vec<Self> {
        let mut lows = vec![0];
        for part in 1..count {
            let low = starts
                .get(starts.len() * part / count)
                .copied()
                .unwrap_or(0);
            if lows.last().is_some_and(|last| *last < low) {
                lows.push(low);
            }
        }
        let highs = lows.iter().skip(1).copied().map(Some).chain([None]);
        lows.iter()
            .zip(highs)
            .map(|(low, high)| Self { low: *low, high })
            .collect()
    }
}

/// Entries in key order.
pub(super) trait EntrySource {
    /// The next entry, or none at the end.
    fn next(&mut self) -> Result<Option<Entry>>;
}
