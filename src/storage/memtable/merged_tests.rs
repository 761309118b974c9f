//! Merged entries change nothing that anybody reads.

use crate::random::Random;
use crate::schema::{ColumnId, TableId};
use crate::storage::cell::{Cell, Deletion, Liveness, NO_TIMESTAMP};
use crate::storage::memtable::{Memtable, MemtableSource};
use crate::storage::mutation::{Mutation, PartitionUpdate};
use crate::storage::read::{PartitionBound, Projection, Slice};
use crate::storage::row::{ColumnData, PartitionKey, Row, RowColumn};
use crate::storage::source::{Source, SourceItem, SourceRequest};
use crate::storage::{reconcile, record};
use bytes::Bytes;
use std::sync::Arc;

const CLUSTERINGS: [&[u8]; 3] = [b"a", b"b", b"c"];

fn key() -> PartitionKey {
    PartitionKey {
        token: 5,
        key: Bytes::from_static(b"hot"),
    }
}

fn version(random: &Random, clustering: &'static [u8]) -> Row {
    let mut row = Row::new(Bytes::from_static(clustering));
    let timestamp = random.below(400) as i64;
    if random.below(3) == 0 {
        row.liveness = Liveness {
            timestamp,
            ..Liveness::NONE
        };
    }
    for column in 0..3 {
        if random.below(2) == 0 {
            let value = Bytes::from(vec![random.below(256) as u8; 4]);
            let cell = Cell::plain(timestamp, value);
            row.columns.push(RowColumn {
                id: ColumnId(column),
                data: ColumnData::Simple(cell),
            });
        }
    }
    row
}

fn write(memtable: &Memtable, position: u64, row: Row) {
    let update = PartitionUpdate {
        table: TableId(1),
        schema_version: 0,
        key: key(),
        deletion: Deletion::NONE,
        ranges: vec![],
        static_row: None,
        rows: vec![row],
    };
    let mutation = Mutation {
        updates: vec![update],
    };
    let mut bytes = Vec::new();
    record::encode(&mutation, &mut bytes).unwrap();
    let updates = record::decode(&Bytes::from(bytes.clone())).unwrap();
    memtable.insert(position, &bytes, &updates[0]);
}

/// What the versions up to a position make.
fn expected(versions: &[(u64, Row)], clustering: &[u8], position: u64) -> Option<Row> {
    versions
        .iter()
        .filter(|(at, row)| *at <= position && row.clustering == clustering)
        .map(|(_, row)| row.clone())
        .reduce(|a, b| reconcile::merge_rows(false, a, b))
}

/// The rows that a source yields.
fn listed(memtable: &Arc<Memtable>, position: u64, reversed: bool) -> Vec<Row> {
    let request = SourceRequest {
        start: PartitionBound::Before(key()),
        end: PartitionBound::After(key()),
        slices: vec![Slice {
            start: Bytes::from_static(b"a"),
            end: Bytes::from_static(b"x"),
        }],
        reversed,
        columns: Projection::All,
        statics: false,
    };
    let mut source = MemtableSource::new(Arc::clone(memtable), false, position, request);
    let mut rows = Vec::new();
    while source.next_partition().unwrap().is_some() {
        while let Some(item) = source.next_item().unwrap() {
            if let SourceItem::Row(row) = item {
                rows.push(row);
            }
        }
    }
    rows
}

#[test]
fn merged_entries_change_no_answer() {
    for seed in 0..8 {
        let random = Random::seeded(seed);
        let memtable = Arc::new(Memtable::new(1, false));
        let mut versions = Vec::new();
        for position in 1..=300 {
            let clustering = CLUSTERINGS[random.below(3) as usize];
            let row = version(&random, clustering);
            versions.push((position, row.clone()));
            write(&memtable, position, row);
            let at = position - random.below(position.min(40));
            let clustering = CLUSTERINGS[random.below(3) as usize];
            let (_, found) = memtable
                .get(&key(), clustering, &Projection::All, false, at)
                .unwrap();
            assert_eq!(
                found,
                expected(&versions, clustering, at),
                "seed {seed} at {at}"
            );
            let reversed = random.below(2) == 0;
            let mut rows = listed(&memtable, at, reversed);
            if reversed {
                rows.reverse();
            }
            let all: Vec<Row> = CLUSTERINGS
                .iter()
                .filter_map(|clustering| expected(&versions, clustering, at))
                .collect();
            assert_eq!(rows, all, "seed {seed} at {at}, reversed: {reversed}");
        }
        let charged = memtable.retire();
        let beside = memtable.bytes() - charged;
        assert!(
            beside > 0 && beside <= charged,
            "{beside} bytes of merged entries beside {charged}"
        );
    }
}

#[test]
fn a_hot_row_is_read_in_a_short_walk() {
    let memtable = Memtable::new(1, false);
    let random = Random::seeded(1);
    let mut walks = Vec::new();
    for position in 1..=2_000 {
        let mut row = version(&random, b"a");
        if row.liveness.timestamp == NO_TIMESTAMP {
            row.liveness.timestamp = 1;
        }
        write(&memtable, position, row);
        memtable
            .get(&key(), b"a", &Projection::All, false, position)
            .unwrap();
        let shard = &memtable.shards[0];
        let guard = &crossbeam_epoch::pin();
        let plain = shard
            .rows
            .iter(guard)
            .take_while(|entry| !entry.key().merged);
        walks.push(plain.count());
    }
    assert!(
        walks.iter().max().unwrap() <= &9,
        "{:?}",
        walks.iter().max()
    );
}
