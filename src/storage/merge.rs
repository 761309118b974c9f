//! Merging sources: memtables, SSTables, sorted runs.
//!
//! ```text
//! source ─┐
//! source ─┼─ Merge: partitions in key order; in each one, rows in clustering order, the versions
//! source ─┘         of a row reconciled, what deletions cover dropped
//! ```
//!
//! Range deletions stay open while they can cover what comes: each source hands them out before
//! the first row that they cover (`source`), so a row meets every deletion above it. The merge
//! itself is a [`Source`] again, as compaction wants it: nothing is dropped for its age, deletions
//! come out as they went in (less those that others hide). Reads pull [`Merge::next_row`] and
//! filter what is live (`live`).

use crate::error::Result;
use crate::storage::cell::{Deletion, NO_TTL};
use crate::storage::reconcile;
use crate::storage::row::{RangeDeletion, Row};
use crate::storage::source::{PartitionStart, Source, SourceItem};
use bytes::Bytes;
use std::cmp::Ordering;

/// A source and what it has handed out but not yet given away.
struct Cursor {
    source: Box<dyn Source>,
    /// The partition that it stands at.
    partition: Option<PartitionStart>,
    /// Its next item.
    item: Option<SourceItem>,
    /// Whether it has more items in this partition.
    open: bool,
    finished: bool,
}

/// A merge of sources.
pub struct Merge {
    counter: bool,
    reversed: bool,
    cursors: Vec<Cursor>,
    started: bool,
    /// Which cursors stand at the current partition.
    active: Vec<usize>,
    deletion: Deletion,
    ranges: Vec<RangeDeletion>,
}

impl std::fmt::Debug for Merge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Merge").finish_non_exhaustive()
    }
}

/// A reconciled row.
#[derive(Debug)]
pub struct MergedRow {
    /// The row, without what partition and range deletions cover (of counters, see
    /// [`reconcile`]).
    pub row: Row,
    /// The newest partition or range deletion that covers it.
    pub above: Deletion,
    /// Whether a marker that does not expire, and may have sheltered cells that were left out, has
    /// given way to one that does: then only a read of all columns tells whether the row lives.
    pub doubtful: bool,
}

impl MergedRow {
    /// Merges another source's version of the row into what there is. Deletions above are the
    /// caller's affair.
    pub fn add(merged: &mut Option<Self>, version: Option<Row>, counter: bool) {
        let Some(version) = version else {
            return;
        };
        *merged = Some(match merged.take() {
            None => Self {
                row: version,
                above: Deletion::NONE,
                doubtful: false,
            },
            Some(before) => {
                let sheltered = shelters(&before.row) || shelters(&version);
                let row = reconcile::merge_rows(counter, before.row, version);
                Self {
                    doubtful: before.doubtful || (sheltered && row.liveness.ttl_seconds != NO_TTL),
                    row,
                    above: Deletion::NONE,
                }
            }
        });
    }
}

/// Whether a marker does not expire, so that its source may have left cells out.
fn shelters(row: &Row) -> bool {
    !row.liveness.is_none() && row.liveness.ttl_seconds == NO_TTL
}

/// Where an item stands: its leading edge.
fn place(item: &SourceItem, reversed: bool) -> &Bytes {
    match item {
        SourceItem::Row(row) => &row.clustering,
        SourceItem::Range(range) if reversed => &range.end,
        SourceItem::Range(range) => &range.start,
    }
}

impl Merge {
    /// A merge of `sources`, all of which were asked for the same. `counter`: whether the table is
    /// one of counters.
    pub fn new(sources: Vec<Box<dyn Source>>, counter: bool, reversed: bool) -> Self {
        let cursor = |source| Cursor {
            source,
            partition: None,
            item: None,
            open: false,
            finished: false,
        };
        Self {
            counter,
            reversed,
            cursors: sources.into_iter().map(cursor).collect(),
            started: false,
            active: Vec::new(),
            deletion: Deletion::NONE,
            ranges: Vec::new(),
        }
    }

    /// Moves every cursor that stands at the current partition to its next one.
    fn advance(&mut self) -> Result<()> {
        for (number, cursor) in self.cursors.iter_mut().enumerate() {
            let due = !self.started || self.active.contains(&number);
            if due && !cursor.finished {
                cursor.item = None;
                cursor.open = false;
                cursor.partition = cursor.source.next_partition()?;
                cursor.finished = cursor.partition.is_none();
            }
        }
        self.started = true;
        Ok(())
    }

    /// The cursor with the next item, and that item's place is the least (the greatest if
    /// reversed); a range deletion before a row.
    fn next_cursor(&mut self) -> Result<Option<usize>> {
        let mut best: Option<usize> = None;
        for &number in &self.active {
            let Some(cursor) = self.cursors.get_mut(number) else {
                continue;
            };
            if cursor.open && cursor.item.is_none() {
                cursor.item = cursor.source.next_item()?;
                cursor.open = cursor.item.is_some();
            }
            let Some(item) = self.cursors.get(number).and_then(|it| it.item.as_ref()) else {
                continue;
            };
            let held = best
                .and_then(|best| self.cursors.get(best))
                .and_then(|cursor| cursor.item.as_ref());
            let better = held.is_none_or(|held| self.compare(item, held).is_lt());
            if better {
                best = Some(number);
            }
        }
        Ok(best)
    }

    fn compare(&self, a: &SourceItem, b: &SourceItem) -> Ordering {
        let order = place(a, self.reversed).cmp(place(b, self.reversed));
        let order = if self.reversed {
            order.reverse()
        } else {
            order
        };
        let is_row = |item: &SourceItem| matches!(item, SourceItem::Row(_));
        order.then_with(|| is_row(a).cmp(&is_row(b)))
    }

    fn take(&mut self, number: usize) -> Option<SourceItem> {
        self.cursors.get_mut(number)?.item.take()
    }

    /// Opens a range deletion; answers it unless the partition's deletion hides it.
    fn open(&mut self, range: RangeDeletion) -> Option<RangeDeletion> {
        let hides = |open: &RangeDeletion| {
            open.start <= range.start && range.end <= open.end && range.deletion <= open.deletion
        };
        if range.deletion.timestamp <= self.deletion.timestamp || self.ranges.iter().any(hides) {
            return None;
        }
        self.ranges.push(range.clone());
        Some(range)
    }

    /// The newest deletion above a row.
    fn above(&mut self, clustering: &Bytes) -> Deletion {
        if self.ranges.is_empty() {
            return self.deletion;
        }
        let reversed = self.reversed;
        self.ranges.retain(|range| match reversed {
            false => range.end > *clustering,
            true => range.start <= *clustering,
        });
        let covering = self
            .ranges
            .iter()
            .filter(|range| range.start <= *clustering && *clustering < range.end);
        covering
            .map(|range| range.deletion)
            .fold(self.deletion, Deletion::max)
    }

    /// The row that starts with `row` of cursor `number`: with its versions in other cursors.
    fn gather(&mut self, number: usize, row: Row) -> Option<MergedRow> {
        let mut merged = Some(MergedRow {
            row,
            above: Deletion::NONE,
            doubtful: false,
        });
        if self.active.len() > 1 {
            for other in self.active.iter().filter(|other| **other != number) {
                let Some(cursor) = self.cursors.get_mut(*other) else {
                    continue;
                };
                let same = matches!((&cursor.item, &merged),
                    (Some(SourceItem::Row(version)), Some(merged))
                        if version.clustering == merged.row.clustering);
                if same && let Some(SourceItem::Row(version)) = cursor.item.take() {
                    MergedRow::add(&mut merged, Some(version), self.counter);
                }
            }
        }
        if let Some(merged) = &mut merged {
            merged.above = self.above(&merged.row.clustering);
            reconcile::apply_deletion(self.counter, &mut merged.row, merged.above);
        }
        merged
    }

    /// The next row of the current partition, or none at its end. Range deletions are applied and
    /// not handed out.
    pub fn next_row(&mut self) -> Result<Option<MergedRow>> {
        while let Some(number) = self.next_cursor()? {
            match self.take(number) {
                Some(SourceItem::Range(range)) => {
                    self.open(range);
                }
                Some(SourceItem::Row(row)) => return Ok(self.gather(number, row)),
                None => {}
            }
        }
        Ok(None)
    }
}

impl Source for Merge {
    fn next_partition(&mut self) -> Result<Option<PartitionStart>> {
        self.advance()?;
        self.active.clear();
        self.ranges.clear();
        self.deletion = Deletion::NONE;
        let starts = self.cursors.iter().filter_map(|it| it.partition.as_ref());
        let Some(key) = starts.map(|start| &start.key).min().cloned() else {
            return Ok(None);
        };
        let mut static_row: Option<Row> = None;
        for (number, cursor) in self.cursors.iter_mut().enumerate() {
            if cursor
                .partition
                .as_ref()
                .is_none_or(|start| start.key != key)
            {
                continue;
            }
            cursor.open = true;
            self.active.push(number);
            if let Some(start) = cursor.partition.as_mut() {
                self.deletion = self.deletion.max(start.deletion);
                static_row = match (static_row, start.static_row.take()) {
                    (Some(a), Some(b)) => Some(reconcile::merge_rows(self.counter, a, b)),
                    (a, b) => a.or(b),
                };
            }
        }
        if let Some(row) = &mut static_row {
            reconcile::apply_deletion(self.counter, row, self.deletion);
        }
        Ok(Some(PartitionStart {
            key,
            deletion: self.deletion,
            static_row: static_row.filter(|row| !reconcile::is_empty(row)),
        }))
    }

    fn next_item(&mut self) -> Result<Option<SourceItem>> {
        while let Some(number) = self.next_cursor()? {
            match self.take(number) {
                Some(SourceItem::Range(range)) => {
                    if let Some(range) = self.open(range) {
                        return Ok(Some(SourceItem::Range(range)));
                    }
                }
                Some(SourceItem::Row(row)) => {
                    let merged = self.gather(number, row).map(|merged| merged.row);
                    if let Some(row) = merged.filter(|row| !reconcile::is_empty(row)) {
                        return Ok(Some(SourceItem::Row(row)));
                    }
                }
                None => {}
            }
        }
        Ok(None)
    }
}

/// The same deletions as sorted ranges that don't overlap, each with the newest deletion there.
pub fn disjoint(ranges: Vec<RangeDeletion>) -> Vec<RangeDeletion> {
    let mut sorted = ranges;
    sorted.sort_by(|a, b| a.start.cmp(&b.start));
    let neighbours = sorted.iter().zip(sorted.iter().skip(1));
    if !neighbours.into_iter().any(|(a, b)| b.start < a.end) {
        return sorted;
    }
    let mut edges: Vec<Bytes> = sorted
        .iter()
        .flat_map(|range| [range.start.clone(), range.end.clone()])
        .collect();
    edges.sort();
    edges.dedup();
    let mut waiting = sorted.into_iter().peekable();
    let mut open: Vec<RangeDeletion> = Vec::new();
    let mut pieces: Vec<RangeDeletion> = Vec::new();
    for (start, end) in edges.iter().zip(edges.iter().skip(1)) {
        open.retain(|range| range.end > *start);
        while let Some(range) = waiting.next_if(|range| range.start <= *start) {
            open.push(range);
        }
        let Some(deletion) = open.iter().map(|range| range.deletion).max() else {
            continue;
        };
        match pieces.last_mut() {
            Some(last) if last.end == *start && last.deletion == deletion => {
                last.end = end.clone();
            }
            _ => pieces.push(RangeDeletion {
                start: start.clone(),
                end: end.clone(),
                deletion,
            }),
        }
    }
    pieces
}
