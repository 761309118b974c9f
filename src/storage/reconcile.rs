//! The one function that reconciles: what is true where several writes met.
//!
//! Reads, flushes and compactions all merge rows here, in any order and as often as they like:
//! merging is commutative, associative and idempotent (`tests` walks a small lattice of rows
//! exhaustively). That holds because every rule takes the maximum of some total order:
//!
//! - **cells**: the newer timestamp; on equal ones tombstone, then expiring, then plain; then the
//!   later expiry or deletion time; then the lower TTL; then the greater wire bytes, unsigned;
//! - **counters**: a tombstone always wins; of two counts the one with the higher clock;
//! - **markers**: as cells without values; **deletions**: the newer, plain and shadowable apart;
//! - **original clusterings**: the one of the row with the newer write, then the greater bytes
//!   (of counters, whose newest write need not survive a merge, the greater bytes alone).
//!
//! and because a deletion covers everything up to its timestamp, so that dropping what it covers
//! before or after taking a maximum by timestamp comes to the same. Two things are therefore *not*
//! dropped here but only hidden from readers ([`visible`]): what a shadowable deletion covers
//! (a newer marker lifts it) and counters, whose maximum is by clock.
//!
//! Nothing here reads the time: an expired cell stays an expiring one, and purging is a separate
//! step of compaction.

use crate::storage::cell::{Cell, Deletion, Liveness};
use crate::storage::row::{ColumnData, PathCell, Row, RowColumn, RowDeletion};
use bytes::Bytes;
use std::cmp::{Ordering, Reverse};

/// Which of two cells at the same place holds: the greater.
pub fn compare_cells(counter: bool, a: &Cell, b: &Cell) -> Ordering {
    if counter {
        return counter_rank(a).cmp(&counter_rank(b));
    }
    a.timestamp
        .cmp(&b.timestamp)
        .then_with(|| form(a).cmp(&form(b)))
        .then_with(|| a.expiry_seconds.cmp(&b.expiry_seconds))
        .then_with(|| b.ttl_seconds.cmp(&a.ttl_seconds))
        .then_with(|| a.value.cmp(&b.value))
}

/// Tombstone over expiring over plain.
fn form(cell: &Cell) -> u8 {
    if cell.is_tombstone() {
        2
    } else {
        u8::from(cell.is_expiring())
    }
}

type CounterRank<'a> = (bool, i64, i64, i64, Reverse<i32>, &'a [u8]);

fn counter_rank(cell: &Cell) -> CounterRank<'_> {
    let tombstone = cell.is_tombstone();
    let clock = if tombstone { 0 } else { counter_clock(cell) };
    (
        tombstone,
        clock,
        cell.timestamp,
        cell.expiry_seconds,
        Reverse(cell.ttl_seconds),
        &cell.value,
    )
}

/// A counter's clock: the last 8 bytes of its value.
fn counter_clock(cell: &Cell) -> i64 {
    cell.value
        .get(8..16)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(i64::MIN, i64::from_be_bytes)
}

/// Which of two markers holds: the greater.
pub fn compare_liveness(a: &Liveness, b: &Liveness) -> Ordering {
    let rank = |marker: &Liveness| {
        (
            marker.timestamp,
            marker.ttl_seconds != 0,
            marker.expiry_seconds,
            Reverse(marker.ttl_seconds),
        )
    };
    rank(a).cmp(&rank(b))
}

/// When a row was last written, in microseconds.
fn newest(row: &Row) -> i64 {
    let columns = row.columns.iter().map(|column| match &column.data {
        ColumnData::Simple(cell) => cell.timestamp,
        ColumnData::Complex { deletion, cells } => cells
            .iter()
            .map(|element| element.cell.timestamp)
            .fold(deletion.timestamp, i64::max),
    });
    row.liveness
        .timestamp
        .max(row.deletion.deletion.timestamp)
        .max(row.deletion.shadowable.timestamp)
        .max(columns.max().unwrap_or(i64::MIN))
}

/// The original of two versions of one row.
fn merge_originals(counter: bool, a: &Row, b: &Row) -> Option<Bytes> {
    if counter || a.original == b.original {
        return a.original.clone().max(b.original.clone());
    }
    let rank_a = (newest(a), &a.original);
    let rank_b = (newest(b), &b.original);
    rank_a.max(rank_b).1.clone()
}

/// Merges two versions of one row. `counter`: whether the table is one of counters.
pub fn merge_rows(counter: bool, a: Row, b: Row) -> Row {
    let original = merge_originals(counter, &a, &b);
    let liveness = if compare_liveness(&a.liveness, &b.liveness).is_lt() {
        b.liveness
    } else {
        a.liveness
    };
    let deletion = RowDeletion {
        deletion: a.deletion.deletion.max(b.deletion.deletion),
        shadowable: a.deletion.shadowable.max(b.deletion.shadowable),
    };
    let mut row = Row {
        clustering: a.clustering,
        original,
        liveness,
        deletion,
        columns: merge_columns(counter, a.columns, b.columns),
    };
    if !deletion.is_none() {
        if row.deletion.shadowable.timestamp <= deletion.deletion.timestamp {
            row.deletion.shadowable = Deletion::NONE;
        }
        drop_covered(counter, &mut row, deletion.deletion);
    }
    row
}

/// Two sorted lists as one; `combine` decides where both have an entry.
fn merge_sorted<T>(
    a: Vec<T>,
    b: Vec<T>,
    compare: impl Fn(&T, &T) -> Ordering,
    combine: impl Fn(T, T) -> T,
) -> Vec<T> {
    let mut merged = Vec::with_capacity(a.len().max(b.len()));
    let mut left = a.into_iter().peekable();
    let mut right = b.into_iter().peekable();
    loop {
        let order = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) => compare(a, b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return merged,
        };
        match order {
            Ordering::Less => merged.extend(left.next()),
            Ordering::Greater => merged.extend(right.next()),
            Ordering::Equal => {
                if let (Some(a), Some(b)) = (left.next(), right.next()) {
                    merged.push(combine(a, b));
                }
            }
        }
    }
}

fn merge_columns(counter: bool, a: Vec<RowColumn>, b: Vec<RowColumn>) -> Vec<RowColumn> {
    merge_sorted(
        a,
        b,
        |a, b| a.id.cmp(&b.id),
        |a, b| RowColumn {
            id: a.id,
            data: merge_data(counter, a.data, b.data),
        },
    )
}

fn merge_data(counter: bool, a: ColumnData, b: ColumnData) -> ColumnData {
    match (a, b) {
        (ColumnData::Simple(a), ColumnData::Simple(b)) => {
            if compare_cells(counter, &a, &b).is_lt() {
                ColumnData::Simple(b)
            } else {
                ColumnData::Simple(a)
            }
        }
        (
            ColumnData::Complex { deletion, cells },
            ColumnData::Complex {
                deletion: other_deletion,
                cells: other_cells,
            },
        ) => {
            let deletion = deletion.max(other_deletion);
            let mut cells = merge_paths(counter, cells, other_cells);
            cells.retain(|element| counter || !deletion.covers(element.cell.timestamp));
            ColumnData::Complex { deletion, cells }
        }
        // A column never changes its kind; whatever wrote this, order does not matter.
        (complex @ ColumnData::Complex { .. }, _) | (_, complex) => complex,
    }
}

fn merge_paths(counter: bool, a: Vec<PathCell>, b: Vec<PathCell>) -> Vec<PathCell> {
    merge_sorted(
        a,
        b,
        |a, b| a.path.cmp(&b.path),
        |a, b| {
            let order =
                compare_cells(counter, &a.cell, &b.cell).then_with(|| a.original.cmp(&b.original));
            if order.is_lt() { b } else { a }
        },
    )
}

/// Drops from a row what a deletion above it, or its own plain one, covers. The row's own deletion
/// stays unless `deletion` supersedes it.
pub fn apply_deletion(counter: bool, row: &mut Row, deletion: Deletion) {
    if deletion.is_none() {
        return;
    }
    if row.deletion.deletion.timestamp <= deletion.timestamp {
        row.deletion.deletion = Deletion::NONE;
    }
    if row.deletion.shadowable.timestamp <= deletion.timestamp {
        row.deletion.shadowable = Deletion::NONE;
    }
    drop_covered(counter, row, deletion);
}

fn drop_covered(counter: bool, row: &mut Row, deletion: Deletion) {
    if deletion.is_none() {
        return;
    }
    if deletion.covers(row.liveness.timestamp) {
        row.liveness = Liveness::NONE;
    }
    row.columns.retain_mut(|column| match &mut column.data {
        ColumnData::Simple(cell) => counter || !deletion.covers(cell.timestamp),
        ColumnData::Complex {
            deletion: own,
            cells,
        } => {
            cells.retain(|element| counter || !deletion.covers(element.cell.timestamp));
            if own.timestamp <= deletion.timestamp {
                *own = Deletion::NONE;
            }
            !cells.is_empty() || !own.is_none()
        }
    });
}

/// Whether a row says nothing at all, not even a deletion.
pub fn is_empty(row: &Row) -> bool {
    row.liveness.is_none() && row.deletion.is_none() && row.columns.is_empty()
}

/// Turns a reconciled row into what a reader sees at `now_seconds`: deletions (of its own and
/// `above`) take what they cover, tombstones and expired cells go. Answers whether the row lives.
pub fn visible(row: &mut Row, above: Deletion, now_seconds: i64) -> bool {
    let deletion = above.max(row.deletion.effective(&row.liveness));
    row.deletion = RowDeletion::NONE;
    if deletion.covers(row.liveness.timestamp) || !row.liveness.is_live(now_seconds) {
        row.liveness = Liveness::NONE;
    }
    let lives = |cell: &Cell| cell.is_live(now_seconds) && !deletion.covers(cell.timestamp);
    row.columns.retain_mut(|column| match &mut column.data {
        ColumnData::Simple(cell) => lives(cell),
        ColumnData::Complex {
            deletion: own,
            cells,
        } => {
            cells.retain(|element| lives(&element.cell) && !own.covers(element.cell.timestamp));
            *own = Deletion::NONE;
            !cells.is_empty()
        }
    });
    !row.liveness.is_none() || !row.columns.is_empty()
}

#[cfg(test)]
mod tests;
