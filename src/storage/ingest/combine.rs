//! Two rows of one import with the same key: what the later one gives wins.
//!
//! This is not reconciliation. All rows of a run have the same write timestamp, and where
//! timestamps are equal `storage::reconcile` decides by the values' bytes; a file of rows means
//! that a later line overwrites an earlier one. So the order of input decides what timestamps
//! leave open, before anything is written.

use crate::storage::cell::{Deletion, Liveness};
use crate::storage::row::{ColumnData, PathCell, Row, RowColumn, RowDeletion};

/// The row that `older` and then `newer`, written one after the other, leave.
pub(super) fn combine(mut older: Row, newer: Row) -> Row {
    if !newer.deletion.deletion.is_none() {
        forget(&mut older, newer.deletion.deletion);
    }
    step_back(&mut older.deletion.deletion, &newer);
    let newer_marker = newer.liveness.timestamp >= older.liveness.timestamp;
    let (liveness, original) = if newer_marker {
        (newer.liveness, newer.original)
    } else {
        (older.liveness, older.original)
    };
    let mut columns: Vec<RowColumn> = Vec::with_capacity(older.columns.len());
    let mut later = newer.columns.into_iter().peekable();
    for column in older.columns {
        while let Some(before) = later.next_if(|next| next.id < column.id) {
            columns.push(before);
        }
        match later.next_if(|next| next.id == column.id) {
            Some(next) => columns.push(RowColumn {
                id: column.id,
                data: combine_data(column.data, next.data),
            }),
            None => columns.push(column),
        }
    }
    columns.extend(later);
    Row {
        clustering: newer.clustering,
        original,
        liveness,
        deletion: RowDeletion {
            deletion: latest(older.deletion.deletion, newer.deletion.deletion),
            shadowable: latest(older.deletion.shadowable, newer.deletion.shadowable),
        },
        columns,
    }
}

/// Drops what a later deletion covers.
fn forget(row: &mut Row, deletion: Deletion) {
    let until = deletion.timestamp;
    if row.liveness.timestamp <= until {
        row.liveness = Liveness::NONE;
    }
    row.columns.retain_mut(|column| match &mut column.data {
        ColumnData::Simple(cell) => cell.timestamp > until,
        ColumnData::Complex { deletion, cells } => {
            cells.retain(|cell| cell.cell.timestamp > until);
            if deletion.timestamp <= until {
                *deletion = Deletion::NONE;
            }
            !cells.is_empty() || !deletion.is_none()
        }
    });
}

/// A deletion at the timestamp of what a later line writes goes before it.
fn step_back(deletion: &mut Deletion, newer: &Row) {
    let cells = newer.columns.iter().flat_map(|column| match &column.data {
        ColumnData::Simple(cell) => vec![cell.timestamp],
        ColumnData::Complex { cells, .. } => {
            let times = cells.iter().map(|cell| cell.cell.timestamp);
            times.collect::<Vec<_>>()
        }
    });
    let marker = (!newer.liveness.is_none()).then_some(newer.liveness.timestamp);
    let written = cells.chain(marker).min();
    if !deletion.is_none() && written == Some(deletion.timestamp) {
        deletion.timestamp -= 1;
    }
}

fn latest(older: Deletion, newer: Deletion) -> Deletion {
    if newer.timestamp >= older.timestamp {
        newer
    } else {
        older
    }
}

fn combine_data(older: ColumnData, newer: ColumnData) -> ColumnData {
    match (older, newer) {
        (ColumnData::Simple(a), ColumnData::Simple(b)) => {
            ColumnData::Simple(if b.timestamp >= a.timestamp { b } else { a })
        }
        (
            ColumnData::Complex {
                deletion: a,
                cells: before,
            },
            ColumnData::Complex {
                deletion: b,
                cells: after,
            },
        ) => ColumnData::Complex {
            cells: combine_cells(before, after, b),
            deletion: latest(a, b),
        },
        (_, newer) => newer,
    }
}

/// The elements that are left. A replacement at timestamp t deletes at t − 1, so that its own
/// elements survive; what came before it in the input goes up to t itself.
fn combine_cells(before: Vec<PathCell>, after: Vec<PathCell>, newer: Deletion) -> Vec<PathCell> {
    let replaced = |cell: &PathCell| {
        !newer.is_none() && cell.cell.timestamp <= newer.timestamp.saturating_add(1)
    };
    let mut cells = Vec::with_capacity(after.len());
    let mut later = after.into_iter().peekable();
    for cell in before.into_iter().filter(|cell| !replaced(cell)) {
        while let Some(next) = later.next_if(|next| next.path < cell.path) {
            cells.push(next);
        }
        match later.next_if(|next| next.path == cell.path) {
            Some(next) if next.cell.timestamp >= cell.cell.timestamp => cells.push(next),
            _ => cells.push(cell),
        }
    }
    cells.extend(later);
    cells
}
