//! Tests of the memtable and its source.

use super::*;
use crate::schema::TableId;
use crate::storage::cell::Liveness;
use crate::storage::mutation::{Mutation, PartitionUpdate};
use crate::storage::read::{PartitionBound, Projection, Slice};
use crate::storage::record;
use crate::storage::row::Row;
use crate::storage::source::{Source, SourceItem, SourceRequest};
use std::sync::Arc;

fn key(token: i64) -> PartitionKey {
    PartitionKey {
        token,
        key: Bytes::copy_from_slice(&token.to_be_bytes()),
    }
}

fn row(clustering: &'static [u8], timestamp: i64) -> Row {
    let mut row = Row::new(Bytes::from_static(clustering));
    row.liveness = Liveness {
        timestamp,
        ..Liveness::NONE
    };
    row
}

fn update(token: i64, rows: Vec<Row>, ranges: Vec<RangeDeletion>) -> PartitionUpdate {
    PartitionUpdate {
        table: TableId(1),
        schema_version: 0,
        key: key(token),
        deletion: Deletion::NONE,
        ranges,
        static_row: None,
        rows,
    }
}

fn range(start: &'static [u8], end: &'static [u8], timestamp: i64) -> RangeDeletion {
    RangeDeletion {
        start: Bytes::from_static(start),
        end: Bytes::from_static(end),
        deletion: Deletion {
            timestamp,
            deleted_at_seconds: 0,
        },
    }
}

fn filled() -> Arc<Memtable> {
    let memtable = Memtable::new(4, false);
    let writes = [
        (
            1,
            update(i64::MIN, vec![row(b"a", 1), row(b"b", 2)], vec![]),
        ),
        (2, update(7, vec![row(b"c", 3)], vec![range(b"a", b"z", 9)])),
        (
            3,
            update(i64::MIN, vec![row(b"a", 5)], vec![range(b"aa", b"c", 4)]),
        ),
        (4, update(i64::MAX, vec![], vec![range(b"a", b"b", 4)])),
    ];
    for (position, update) in writes {
        let mutation = Mutation {
            updates: vec![update],
        };
        let mut bytes = Vec::new();
        record::encode(&mutation, &mut bytes).unwrap();
        let updates = record::decode(&Bytes::from(bytes.clone())).unwrap();
        memtable.insert(position, &bytes, &updates[0]);
    }
    Arc::new(memtable)
}

fn walk(position: u64, reversed: bool, start: PartitionBound, end: PartitionBound) -> String {
    let request = SourceRequest {
        start,
        end,
        slices: vec![Slice {
            start: Bytes::from_static(b"a"),
            end: Bytes::from_static(b"x"),
        }],
        reversed,
        columns: Projection::All,
        statics: true,
    };
    let mut source = MemtableSource::new(filled(), false, position, request);
    let mut out = String::new();
    while let Some(partition) = source.next_partition().unwrap() {
        out.push_str(&format!("[{}]", partition.key.token.signum()));
        while let Some(item) = source.next_item().unwrap() {
            match item {
                SourceItem::Row(row) => {
                    let name = String::from_utf8_lossy(&row.clustering).into_owned();
                    out.push_str(&format!(" {name}@{}", row.liveness.timestamp));
                }
                SourceItem::Range(range) => {
                    let start = String::from_utf8_lossy(&range.start).into_owned();
                    let end = String::from_utf8_lossy(&range.end).into_owned();
                    out.push_str(&format!(" {start}..{end}@{}", range.deletion.timestamp));
                }
            }
        }
        out.push('\n');
    }
    out
}

#[test]
fn items_come_in_order_up_to_a_position() {
    let open = || PartitionBound::Open;
    assert_eq!(
        walk(4, false, open(), open()),
        "[-1] a@5 aa..c@4 b@2\n[1] a..z@9 c@3\n[1] a..b@4\n"
    );
    assert_eq!(
        walk(4, true, open(), open()),
        "[-1] aa..c@4 b@2 a@5\n[1] a..z@9 c@3\n[1] a..b@4\n"
    );
    assert!(walk(2, false, open(), open()).starts_with("[-1] a@1 b@2\n[1] a..z@9 c@3\n"));
}

#[test]
fn bounds_hold() {
    let one = |start, end| walk(4, false, start, end);
    let only = "[1] a..z@9 c@3\n";
    assert_eq!(
        one(
            PartitionBound::Before(key(7)),
            PartitionBound::After(key(7))
        ),
        only
    );
    assert_eq!(
        one(PartitionBound::AfterToken(6), PartitionBound::AfterToken(7)),
        only
    );
    assert_eq!(
        one(
            PartitionBound::BeforeToken(7),
            PartitionBound::BeforeToken(8)
        ),
        only
    );
    assert_eq!(
        one(
            PartitionBound::After(key(i64::MIN)),
            PartitionBound::Before(key(i64::MAX))
        ),
        only
    );
    assert_eq!(
        one(PartitionBound::AfterToken(i64::MAX), PartitionBound::Open),
        ""
    );
}

#[test]
fn heads_order_as_the_whole_bytes_do() {
    let random = crate::random::Random::seeded(3);
    let bytes = || -> Vec<u8> {
        let length = random.below(12);
        (0..length)
            .map(|_| [0, 1, 0xFF][random.below(3) as usize])
            .collect()
    };
    let entries: Vec<(Vec<u8>, Vec<u8>, u64)> = (0..400)
        .map(|_| (bytes(), bytes(), random.below(2)))
        .collect();
    let probe = |(key, clustering, position): &(Vec<u8>, Vec<u8>, u64)| {
        let key = PartitionKey {
            token: 5,
            key: Bytes::copy_from_slice(key),
        };
        Entry::probe(&key, clustering, *position)
    };
    for a in &entries {
        for b in &entries {
            let expected = (&a.0, &a.1, std::cmp::Reverse(a.2));
            let expected = expected.cmp(&(&b.0, &b.1, std::cmp::Reverse(b.2)));
            assert_eq!(probe(a).cmp(&probe(b)), expected, "{a:?} {b:?}");
        }
    }
}
