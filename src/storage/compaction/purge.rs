//! What compaction may leave out of what it writes.
//!
//! A tombstone, or a cell or marker that has expired, hides what is older. It may go once two
//! things are sure:
//!
//! - its time is over: it was deleted or expired before now less `gc_grace_seconds`;
//! - it hides nothing any more: whatever else may hold the partition (memtables, files that are not
//!   part of this compaction, imports under way) holds only newer write timestamps.
//!
//! What it hides in the files that *are* part of the compaction is gone by then: they were merged
//! first. The second rule is the proof that reads never show again what was deleted.

use crate::storage::cell::{Cell, Deletion, Liveness};
use crate::storage::reconcile;
use crate::storage::row::{ColumnData, Row};

/// What may be purged of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purge {
    /// Deletions and expiries before this moment, in seconds since 1970, ...
    pub before_seconds: i64,
    /// ... written before everything that may hold the partition elsewhere.
    pub timestamp_min_elsewhere: i64,
}

impl Purge {
    /// Purges nothing.
    pub const NOTHING: Self = Self {
        before_seconds: i64::MIN,
        timestamp_min_elsewhere: i64::MIN,
    };

    fn takes(&self, timestamp: i64, seconds: i64) -> bool {
        seconds < self.before_seconds && timestamp < self.timestamp_min_elsewhere
    }

    /// Whether a deletion may go.
    pub fn takes_deletion(&self, deletion: &Deletion) -> bool {
        !deletion.is_none() && self.takes(deletion.timestamp, deletion.deleted_at_seconds)
    }

    /// Whether a tombstone or expired cell may go. What neither expires nor is one has an endless
    /// expiry.
    fn takes_cell(&self, cell: &Cell) -> bool {
        self.takes(cell.timestamp, cell.expiry_seconds)
    }

    fn takes_marker(&self, marker: &Liveness) -> bool {
        !marker.is_none() && self.takes(marker.timestamp, marker.expiry_seconds)
    }

    /// Purges a merged row in place; `above` is the newest deletion that covers it. Answers whether
    /// anything is left.
    pub fn row(&self, counter: bool, row: &mut Row, above: Deletion) -> bool {
        // The cells of counters stay beside the deletions that hide them, for as long as these do.
        for deletion in [above, row.deletion.deletion] {
            if counter && self.takes_deletion(&deletion) {
                reconcile::apply_deletion(false, row, deletion);
            }
        }
        if self.takes_deletion(&row.deletion.deletion) {
            row.deletion.deletion = Deletion::NONE;
        }
        if self.takes_deletion(&row.deletion.shadowable) {
            self.shadowed(row);
            row.deletion.shadowable = Deletion::NONE;
        }
        if self.takes_marker(&row.liveness) {
            row.liveness = Liveness::NONE;
        }
        row.columns.retain_mut(|column| match &mut column.data {
            ColumnData::Simple(cell) => !self.takes_cell(cell),
            ColumnData::Complex { deletion, cells } => {
                if self.takes_deletion(deletion) {
                    let hides = *deletion;
                    cells.retain(|element| !hides.covers(element.cell.timestamp));
                    *deletion = Deletion::NONE;
                }
                cells.retain(|element| !self.takes_cell(&element.cell));
                !cells.is_empty() || !deletion.is_none()
            }
        });
        !reconcile::is_empty(row)
    }

    /// A shadowable deletion that no newer marker lifts hides what a plain one would.
    fn shadowed(&self, row: &mut Row) {
        let shadowable = row.deletion.shadowable;
        if row.liveness.timestamp <= shadowable.timestamp {
            reconcile::apply_deletion(false, row, shadowable);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::ColumnId;
    use crate::storage::row::{PathCell, RowColumn, RowDeletion};
    use bytes::Bytes;

    const PURGE: Purge = Purge {
        before_seconds: 1000,
        timestamp_min_elsewhere: 50,
    };

    fn row(columns: Vec<ColumnData>) -> Row {
        let mut row = Row::new(Bytes::from_static(b"c"));
        let numbered = columns.into_iter().zip(0..);
        row.columns = numbered
            .map(|(data, id)| RowColumn {
                id: ColumnId(id),
                data,
            })
            .collect();
        row
    }

    fn deletion(timestamp: i64, deleted_at_seconds: i64) -> Deletion {
        Deletion {
            timestamp,
            deleted_at_seconds,
        }
    }

    fn left(row: &mut Row) -> usize {
        PURGE.row(false, row, Deletion::NONE);
        row.columns.len()
    }

    #[test]
    fn tombstones_go_when_old_and_proven() {
        let tombstone = |timestamp, seconds| {
            row(vec![ColumnData::Simple(Cell::tombstone(
                timestamp, seconds,
            ))])
        };
        assert_eq!(left(&mut tombstone(49, 999)), 0);
        assert_eq!(left(&mut tombstone(50, 999)), 1);
        assert_eq!(left(&mut tombstone(49, 1000)), 1);
        let mut nothing = tombstone(1, 1);
        assert!(Purge::NOTHING.row(false, &mut nothing, Deletion::NONE));
    }

    #[test]
    fn expired_cells_and_markers_go_and_live_ones_stay() {
        let value = Bytes::from_static(b"v");
        let mut cells = row(vec![
            ColumnData::Simple(Cell::plain(1, value.clone())),
            ColumnData::Simple(Cell::expiring(1, 10, 900, value.clone())),
            ColumnData::Simple(Cell::expiring(1, 10, 990, value)),
        ]);
        cells.liveness = Liveness {
            timestamp: 1,
            ttl_seconds: 5,
            expiry_seconds: 999,
        };
        assert!(PURGE.row(false, &mut cells, Deletion::NONE));
        let ids: Vec<u32> = cells.columns.iter().map(|column| column.id.0).collect();
        assert_eq!(ids, [0, 2]);
        assert!(cells.liveness.is_none());
    }

    #[test]
    fn collections_lose_their_deletion_and_dead_elements() {
        let element = |name: &'static [u8], cell| PathCell {
            path: Bytes::from_static(name),
            original: None,
            cell,
        };
        let mut row = row(vec![
            ColumnData::Complex {
                deletion: deletion(7, 10),
                cells: vec![
                    element(b"a", Cell::plain(8, Bytes::new())),
                    element(b"b", Cell::tombstone(8, 10)),
                ],
            },
            ColumnData::Complex {
                deletion: deletion(7, 10),
                cells: Vec::new(),
            },
        ]);
        assert!(PURGE.row(false, &mut row, Deletion::NONE));
        assert_eq!(row.columns.len(), 1);
        let ColumnData::Complex { deletion, cells } = &row.columns[0].data else {
            panic!("no collection");
        };
        assert!(deletion.is_none() && cells.len() == 1);
    }

    #[test]
    fn a_row_of_tombstones_alone_goes() {
        let mut dead = row(vec![]);
        dead.deletion = RowDeletion::plain(deletion(4, 4));
        assert!(!PURGE.row(false, &mut dead, Deletion::NONE));
        let mut young = row(vec![]);
        young.deletion = RowDeletion::plain(deletion(4, 1000));
        assert!(PURGE.row(false, &mut young, Deletion::NONE));
    }

    #[test]
    fn what_a_purged_deletion_hides_of_a_counter_goes_with_it() {
        let counter = || {
            row(vec![ColumnData::Simple(Cell::plain(
                3,
                Bytes::from(vec![0; 16]),
            ))])
        };
        assert!(!PURGE.row(true, &mut counter(), deletion(4, 4)));
        assert!(PURGE.row(true, &mut counter(), deletion(2, 4)));
        // The deletion stays, so what it hides stays hidden.
        assert!(PURGE.row(true, &mut counter(), deletion(4, 1000)));
        let mut own = counter();
        own.deletion = RowDeletion::plain(deletion(4, 4));
        assert!(!PURGE.row(true, &mut own, Deletion::NONE));
    }
}
