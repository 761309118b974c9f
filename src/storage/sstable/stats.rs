//! What the writer counts while rows go by, for the manifest and for the file's statistics.

use crate::storage::cell::{Deletion, Liveness, NEVER};
use crate::storage::meta::FileMeta;
use crate::storage::sstable::cells::CellMeta;
use std::collections::BTreeMap;

/// The most bars of a histogram.
const BARS_MAX: usize = 128;

/// How many things expire, or were deleted, when: bars of equal width in seconds, keyed by their
/// start. When there are too many bars, their width doubles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    width_seconds: i64,
    bars: BTreeMap<i64, u64>,
    last: Option<(i64, u64)>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            width_seconds: 1,
            bars: BTreeMap::new(),
            last: None,
        }
    }
}

impl Histogram {
    /// One of stored bars.
    pub fn new(width_seconds: i64, bars: BTreeMap<i64, u64>) -> Self {
        Self {
            width_seconds,
            bars,
            last: None,
        }
    }

    fn bar(&self, seconds: i64) -> i64 {
        seconds.saturating_sub(seconds.rem_euclid(self.width_seconds))
    }

    /// Counts something that goes at `seconds`.
    pub fn add(&mut self, seconds: i64) {
        let bar = self.bar(seconds);
        match &mut self.last {
            Some((last, count)) if *last == bar => *count += 1,
            _ => {
                self.settle();
                self.last = Some((bar, 1));
            }
        }
    }

    /// Takes in what was counted last.
    pub fn settle(&mut self) {
        if let Some((bar, count)) = self.last.take() {
            *self.bars.entry(bar).or_default() += count;
        }
        while self.bars.len() > BARS_MAX {
            self.width_seconds = self.width_seconds.saturating_mul(2);
            for (bar, count) in std::mem::take(&mut self.bars) {
                *self.bars.entry(self.bar(bar)).or_default() += count;
            }
        }
    }

    /// The width of the bars.
    pub fn width_seconds(&self) -> i64 {
        self.width_seconds
    }

    /// The bars.
    pub fn bars(&self) -> &BTreeMap<i64, u64> {
        &self.bars
    }

    /// About how many had gone before `seconds`: at least so many of whole bars.
    pub fn before(&self, seconds: i64) -> u64 {
        self.bars
            .range(..self.bar(seconds))
            .map(|(_, count)| *count)
            .sum()
    }
}

/// Counts what goes into a file.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// What the manifest keeps; the writer fills in the rest.
    pub meta: FileMeta,
    /// How many cells, tombstones among them.
    pub cells: u64,
    /// How many static rows.
    pub statics: u64,
    /// When what is in it goes.
    pub histogram: Histogram,
}

impl Stats {
    /// Something that stays.
    #[inline]
    pub fn live(&mut self, timestamp: i64) {
        self.timestamp(timestamp);
        self.meta.expiry_max = NEVER;
    }

    /// Something that expires or is a tombstone.
    pub fn going(&mut self, timestamp: i64, seconds: i64) {
        self.timestamp(timestamp);
        self.meta.droppable += 1;
        self.meta.expiry_min = self.meta.expiry_min.min(seconds);
        self.meta.expiry_max = self.meta.expiry_max.max(seconds);
        self.histogram.add(seconds);
    }

    #[inline]
    fn timestamp(&mut self, timestamp: i64) {
        self.meta.timestamp_min = self.meta.timestamp_min.min(timestamp);
        self.meta.timestamp_max = self.meta.timestamp_max.max(timestamp);
    }

    /// A cell.
    #[inline]
    pub fn cell(&mut self, meta: &CellMeta) {
        self.cells += 1;
        if meta.expiry_seconds == NEVER {
            self.live(meta.timestamp);
        } else {
            self.going(meta.timestamp, meta.expiry_seconds);
        }
    }

    /// A deletion, if it is one.
    pub fn deletion(&mut self, deletion: &Deletion) {
        if !deletion.is_none() {
            self.going(deletion.timestamp, deletion.deleted_at_seconds);
        }
    }

    /// A marker, if it is one.
    pub fn marker(&mut self, liveness: &Liveness) {
        if liveness.is_none() {
            return;
        }
        if liveness.expiry_seconds == NEVER {
            self.live(liveness.timestamp);
        } else {
            self.going(liveness.timestamp, liveness.expiry_seconds);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_widen_and_lose_nothing() {
        let mut histogram = Histogram::default();
        for seconds in 0..10_000 {
            histogram.add(seconds);
        }
        histogram.settle();
        assert!(histogram.bars().len() <= BARS_MAX);
        assert_eq!(histogram.bars().values().sum::<u64>(), 10_000);
        assert!(histogram.width_seconds() >= 10_000 / 128);
        let before = histogram.before(5_000);
        assert!((4_800..=5_000).contains(&before), "{before}");
    }

    #[test]
    fn a_file_of_tombstones_ends_some_day_and_a_live_cell_makes_it_stay() {
        let mut stats = Stats::default();
        stats.going(10, 1_000);
        stats.going(5, 3_000);
        assert_eq!(
            (stats.meta.expiry_min, stats.meta.expiry_max),
            (1_000, 3_000)
        );
        stats.live(7);
        assert_eq!(
            (stats.meta.expiry_min, stats.meta.expiry_max),
            (1_000, NEVER)
        );
        assert_eq!(
            (stats.meta.timestamp_min, stats.meta.timestamp_max),
            (5, 10)
        );
        assert_eq!(stats.meta.droppable, 2);
    }
}
