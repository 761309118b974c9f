//! The laws of merging, walked exhaustively over small lattices.

use super::*;
use crate::schema::ColumnId;

const NOW: i64 = 100;

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for timestamp in [1, 2] {
        for value in [b"a", b"b"] {
            let value = Bytes::from_static(value);
            cells.push(Cell::plain(timestamp, value.clone()));
            cells.push(Cell::expiring(timestamp, 5, NOW, value.clone()));
            cells.push(Cell::expiring(timestamp, 6, NOW - 1, value.clone()));
            cells.push(Cell::expiring(timestamp, 7, NOW, value));
        }
        cells.push(Cell::tombstone(timestamp, NOW));
        cells.push(Cell::tombstone(timestamp, NOW + 1));
    }
    cells
}

fn counters() -> Vec<Cell> {
    let mut cells = vec![Cell::tombstone(1, NOW), Cell::tombstone(3, NOW)];
    for timestamp in [1, 2] {
        for (count, clock) in [(5_i64, 1_i64), (4, 2), (6, 2)] {
            let value = [count.to_be_bytes(), clock.to_be_bytes()].concat();
            cells.push(Cell::plain(timestamp, value.into()));
        }
    }
    cells
}

fn deletion(timestamp: i64) -> Deletion {
    Deletion {
        timestamp,
        deleted_at_seconds: NOW,
    }
}

/// Several contents of a row: a simple column, a collection with and without a deletion.
fn contents(counter: bool) -> Vec<Vec<RowColumn>> {
    let cell = |timestamp| match counter {
        true => Cell::plain(
            timestamp,
            [7_i64.to_be_bytes(), (4 - timestamp).to_be_bytes()]
                .concat()
                .into(),
        ),
        false => Cell::plain(timestamp, Bytes::from_static(b"v")),
    };
    let column = |id, data| RowColumn {
        id: ColumnId(id),
        data,
    };
    let element = |path: &'static [u8], timestamp| PathCell {
        path: Bytes::from_static(path),
        original: None,
        cell: cell(timestamp),
    };
    let complex = |deletion, cells| column(1, ColumnData::Complex { deletion, cells });
    let mut contents = vec![Vec::new()];
    for timestamp in [1, 3] {
        contents.push(vec![column(0, ColumnData::Simple(cell(timestamp)))]);
        contents.push(vec![complex(
            deletion(2),
            vec![element(b"p", timestamp + 2)],
        )]);
        let two = vec![element(b"p", timestamp), element(b"q", 2)];
        contents.push(vec![complex(Deletion::NONE, two)]);
    }
    contents
}

fn rows(counter: bool) -> Vec<Row> {
    let plain = |timestamp| Liveness {
        timestamp,
        ..Liveness::NONE
    };
    let expiring = Liveness {
        timestamp: 3,
        ttl_seconds: 5,
        expiry_seconds: NOW,
    };
    let shadowable = RowDeletion {
        deletion: Deletion::NONE,
        shadowable: deletion(2),
    };
    let deletions = [
        RowDeletion::NONE,
        RowDeletion::plain(deletion(1)),
        RowDeletion::plain(deletion(2)),
        shadowable,
    ];
    let mut rows = Vec::new();
    for (number, columns) in contents(counter).iter().enumerate() {
        for liveness in [Liveness::NONE, plain(2), expiring] {
            for deletion in deletions {
                let row = Row {
                    clustering: Bytes::from_static(b"8"),
                    original: (number % 3 == 0).then(|| Bytes::from(vec![number as u8])),
                    liveness,
                    deletion,
                    columns: columns.clone(),
                };
                // What a source holds has met its own deletions already.
                rows.push(merge_rows(counter, row.clone(), row));
            }
        }
    }
    rows
}

#[test]
fn cells_are_totally_ordered() {
    for (counter, cells) in [(false, cells()), (true, counters())] {
        for a in &cells {
            for b in &cells {
                let order = compare_cells(counter, a, b);
                assert_eq!(order.reverse(), compare_cells(counter, b, a));
                assert_eq!(order.is_eq(), a == b, "{a:?} {b:?}");
                for c in &cells {
                    if order.is_le() && compare_cells(counter, b, c).is_le() {
                        assert!(compare_cells(counter, a, c).is_le());
                    }
                }
            }
        }
    }
}

#[test]
fn ties_go_as_cassandra_has_them() {
    let value = |text: &'static str| Bytes::from_static(text.as_bytes());
    let rising = [
        Cell::plain(1, value("z")),
        Cell::plain(2, value("a")),
        Cell::plain(2, value("b")),
        Cell::expiring(2, 9, NOW, value("z")),
        Cell::expiring(2, 8, NOW + 1, value("a")),
        Cell::expiring(2, 8, NOW + 1, value("b")),
        Cell::expiring(2, 8, NOW + 2, value("a")),
        Cell::tombstone(2, NOW - 50),
        Cell::tombstone(2, NOW),
        Cell::plain(3, value("a")),
    ];
    for pair in rising.windows(2) {
        assert!(compare_cells(false, &pair[0], &pair[1]).is_lt(), "{pair:?}");
    }
    let count = |timestamp, clock: i64| {
        Cell::plain(
            timestamp,
            [9_i64.to_be_bytes(), clock.to_be_bytes()].concat().into(),
        )
    };
    assert!(compare_cells(true, &count(5, 1), &count(4, 2)).is_lt());
    assert!(compare_cells(true, &count(5, 3), &Cell::tombstone(1, NOW)).is_lt());
}

#[test]
fn merging_rows_is_commutative_associative_and_idempotent() {
    for counter in [false, true] {
        let rows = rows(counter);
        for a in &rows {
            assert_eq!(&merge_rows(counter, a.clone(), a.clone()), a);
            for b in &rows {
                let ab = merge_rows(counter, a.clone(), b.clone());
                assert_eq!(
                    ab,
                    merge_rows(counter, b.clone(), a.clone()),
                    "{a:?}\n{b:?}"
                );
                for c in rows
                    .iter()
                    .step_by(if cfg!(debug_assertions) { 3 } else { 1 })
                {
                    let left = merge_rows(counter, ab.clone(), c.clone());
                    let bc = merge_rows(counter, b.clone(), c.clone());
                    let right = merge_rows(counter, a.clone(), bc);
                    assert_eq!(left, right, "\n{a:?}\n{b:?}\n{c:?}");
                }
            }
        }
    }
}

#[test]
fn a_deletion_may_come_before_or_after_merging() {
    let rows = rows(false);
    for a in &rows {
        for b in &rows {
            for timestamp in 1..4 {
                let mut late = merge_rows(false, a.clone(), b.clone());
                apply_deletion(false, &mut late, deletion(timestamp));
                let (mut a, mut b) = (a.clone(), b.clone());
                apply_deletion(false, &mut a, deletion(timestamp));
                apply_deletion(false, &mut b, deletion(timestamp));
                let mut early = merge_rows(false, a, b);
                apply_deletion(false, &mut early, deletion(timestamp));
                early.original = late.original.clone();
                assert_eq!(early, late);
            }
        }
    }
}

#[test]
fn a_shadowable_deletion_is_lifted_by_a_newer_marker_and_a_plain_one_is_not() {
    let rows = rows(false);
    let mut row = rows[0].clone();
    row.columns = vec![RowColumn {
        id: ColumnId(0),
        data: ColumnData::Simple(Cell::plain(1, Bytes::from_static(b"v"))),
    }];
    row.deletion.shadowable = deletion(2);
    let merged = merge_rows(false, row.clone(), row.clone());
    assert!(!visible(&mut merged.clone(), Deletion::NONE, NOW));
    let mut marker = rows[0].clone();
    marker.liveness.timestamp = 3;
    let mut lifted = merge_rows(false, merged.clone(), marker.clone());
    assert!(visible(&mut lifted, Deletion::NONE, NOW));
    assert_eq!(lifted.columns.len(), 1);
    let mut plain = rows[0].clone();
    plain.deletion = RowDeletion::plain(deletion(1));
    let mut hidden = merge_rows(false, merge_rows(false, merged, plain), marker);
    assert!(visible(&mut hidden, Deletion::NONE, NOW));
    assert!(hidden.columns.is_empty());
}
