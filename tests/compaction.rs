//! Compaction seen from outside: what goes, what must not come back, and when.

#![allow(clippy::unwrap_used, reason = "a test")]

use bytes::Bytes;
use helenus::clock::VirtualClock;
use helenus::config::Config;
use helenus::schema::{Column, ColumnId, ColumnKind, SchemaChange, Table, TableId, TableOptions};
use helenus::storage::Engine;
use helenus::storage::cell::{Cell, Deletion, Liveness};
use helenus::storage::disk::Disk;
use helenus::storage::disk::simulated::SimulatedDisk;
use helenus::storage::mutation::{Mutation, PartitionUpdate};
use helenus::storage::read::{
    PartitionBound, Partitions, Projection, ReadCommand, ReadItem, Slice,
};
use helenus::storage::row::{ColumnData, PartitionKey, Row, RowColumn, RowDeletion};
use helenus::types::Type;
use std::collections::BTreeMap;
use std::sync::Arc;

const START_SECONDS: i64 = 1_000_000;
const TABLE: TableId = TableId(1);

struct World {
    disk: SimulatedDisk,
    clock: Arc<VirtualClock>,
    engine: Engine,
}

fn column(id: u32, name: &str, kind: ColumnKind) -> Column {
    Column {
        id: ColumnId(id),
        name: name.to_owned(),
        ty: Type::Blob,
        kind,
        position: 0,
        descending: false,
    }
}

fn world(gc_grace_seconds: i32) -> World {
    let disk = SimulatedDisk::new();
    let clock = VirtualClock::shared(START_SECONDS * 1_000_000);
    let config = Config {
        background: false,
        seed: Some(1),
        ..Config::default()
    };
    let engine = Engine::open_on(Arc::new(disk.clone()), config, clock.clone()).unwrap();
    let table = Table {
        id: TABLE,
        uuid: uuid::Uuid::nil(),
        keyspace: "k".to_owned(),
        name: "t".to_owned(),
        partition_key: vec![column(0, "p", ColumnKind::PartitionKey)],
        clustering: vec![column(1, "c", ColumnKind::Clustering)],
        statics: Vec::new(),
        regulars: vec![column(2, "v", ColumnKind::Regular)],
        dropped: BTreeMap::new(),
        next_column_id: 3,
        options: TableOptions {
            gc_grace_seconds,
            ..TableOptions::default()
        },
        version: 0,
        indexes: Vec::new(),
    };
    let changes = vec![
        SchemaChange::PutKeyspace {
            name: "k".to_owned(),
            replication: BTreeMap::new(),
            durable_writes: true,
        },
        SchemaChange::PutTable(Box::new(table)),
    ];
    engine.change_schema(|_| Ok(changes)).unwrap();
    World {
        disk,
        clock,
        engine,
    }
}

impl World {
    fn now(&self) -> i64 {
        self.engine.clock().now_seconds()
    }

    fn pass(&self, seconds: i64) {
        self.clock.advance_micros(seconds * 1_000_000);
    }

    fn write(&self, row: Row) {
        let key = Bytes::from_static(b"p");
        let update = PartitionUpdate {
            table: TABLE,
            schema_version: 0,
            key: PartitionKey { token: 5, key },
            deletion: Deletion::NONE,
            ranges: Vec::new(),
            static_row: None,
            rows: vec![row],
        };
        let updates = vec![update];
        self.engine.apply(Mutation { updates }).unwrap();
    }

    fn put(&self, name: u8, timestamp: i64, ttl_seconds: i32) {
        let mut row = Row::new(Bytes::from(vec![0x40, name, 0x38]));
        let value = Bytes::from(vec![name]);
        let cell = match ttl_seconds {
            0 => Cell::plain(timestamp, value),
            ttl => Cell::expiring(timestamp, ttl, self.now(), value),
        };
        row.liveness = Liveness {
            timestamp,
            ttl_seconds,
            expiry_seconds: cell.expiry_seconds,
        };
        row.columns.push(RowColumn {
            id: ColumnId(2),
            data: ColumnData::Simple(cell),
        });
        self.write(row);
    }

    fn delete(&self, name: u8, timestamp: i64) {
        let mut row = Row::new(Bytes::from(vec![0x40, name, 0x38]));
        row.deletion = RowDeletion::plain(Deletion {
            timestamp,
            deleted_at_seconds: self.now(),
        });
        self.write(row);
    }

    fn flush(&self) {
        self.engine.flush(None).unwrap();
    }

    /// The names of the rows that a reader sees.
    fn rows(&self) -> Vec<u8> {
        let mut stream = self
            .engine
            .read(ReadCommand {
                table: TABLE,
                partitions: Partitions::Range {
                    start: PartitionBound::Open,
                    end: PartitionBound::Open,
                },
                slices: vec![Slice::all()],
                reversed: false,
                columns: Projection::All,
                now_seconds: self.now(),
            })
            .unwrap();
        let mut names = Vec::new();
        while let Some(item) = stream.next().unwrap() {
            if let ReadItem::Row(row) = item {
                names.push(row.clustering[1]);
            }
        }
        names
    }

    /// How many files the table has on disk.
    fn files(&self) -> usize {
        self.disk.list("tables/1").unwrap().len()
    }

    fn settle(&self) {
        self.engine.run_until_idle().unwrap();
    }
}

#[test]
fn four_flushes_become_one_file_by_themselves() {
    let world = world(0);
    for round in 0..4u8 {
        assert_eq!(world.files(), usize::from(round));
        world.put(round, i64::from(round), 0);
        world.flush();
    }
    world.settle();
    assert_eq!(world.files(), 1);
    assert_eq!(world.rows(), [0, 1, 2, 3]);
}

#[test]
fn expired_files_go_whole_after_the_grace() {
    let world = world(100);
    world.put(1, 10, 60);
    world.put(2, 11, 60);
    world.flush();
    world.put(3, 20, 0);
    world.flush();
    world.pass(61);
    world.settle();
    assert_eq!((world.rows(), world.files()), (vec![3], 2));
    world.pass(100);
    world.settle();
    assert_eq!((world.rows(), world.files()), (vec![3], 1));
    assert!(world.disk.bytes_used() > 0);
}

#[test]
fn an_expired_file_stays_while_it_hides_an_older_row() {
    let world = world(0);
    // The older write arrives later, with its own timestamp, and lies in memory.
    world.put(1, 10, 60);
    world.flush();
    world.put(1, 5, 0);
    world.pass(1000);
    world.settle();
    assert_eq!((world.rows(), world.files()), (vec![], 1));
    // In a file of its own, too.
    world.flush();
    world.settle();
    assert_eq!((world.rows(), world.files()), (vec![], 2));
    // Merged with it, both go.
    world.engine.compact(TABLE).unwrap();
    assert_eq!((world.rows(), world.files()), (vec![], 0));
}

#[test]
fn a_tombstone_stays_while_older_data_lives_in_memory() {
    let world = world(0);
    world.delete(1, 10);
    world.put(2, 11, 0);
    world.flush();
    world.put(2, 12, 0);
    world.flush();
    world.put(1, 5, 0);
    world.pass(10);
    // The files are merged, the memtable is not part of it, unless it is flushed first.
    world.settle();
    world.engine.compact(TABLE).unwrap();
    assert_eq!(world.rows(), [2]);
    world.flush();
    world.engine.compact(TABLE).unwrap();
    assert_eq!(world.rows(), [2]);
}

#[test]
fn a_tombstone_outlives_compactions_within_the_grace() {
    let world = world(100);
    world.put(1, 5, 0);
    world.put(2, 5, 0);
    world.flush();
    world.delete(1, 10);
    world.engine.compact(TABLE).unwrap();
    assert_eq!((world.rows(), world.files()), (vec![2], 1));
    // What it hid is gone for good, but it still hides what comes late.
    world.put(1, 6, 0);
    assert_eq!(world.rows(), [2]);
    world.engine.compact(TABLE).unwrap();
    world.pass(101);
    world.engine.compact(TABLE).unwrap();
    assert_eq!(world.rows(), [2]);
    // After the grace it is purged: a write as old as that shows again, as in Cassandra.
    world.put(1, 7, 0);
    assert_eq!(world.rows(), [1, 2]);
}

#[test]
fn a_table_emptied_or_dropped_while_it_is_compacted_stays_so() {
    let world = world(0);
    let fill = || {
        for round in 0..4u8 {
            for name in 0..200 {
                world.put(name, i64::from(round), 0);
            }
            world.flush();
        }
        // One step: the job has begun and is not done.
        assert!(world.engine.step().unwrap());
    };
    fill();
    world.engine.truncate(TABLE).unwrap();
    world.settle();
    assert_eq!((world.rows(), world.files()), (vec![], 0));
    world.put(9, 50, 0);
    assert_eq!(world.rows(), [9]);
    fill();
    let drop = SchemaChange::DropTable {
        keyspace: "k".to_owned(),
        name: "t".to_owned(),
    };
    world.engine.change_schema(|_| Ok(vec![drop])).unwrap();
    world.settle();
    assert_eq!(world.files(), 0);
}

#[test]
fn readers_keep_the_files_that_they_started_with() {
    let world = world(0);
    for name in 0..200 {
        world.put(name, 1, 0);
    }
    world.flush();
    world.put(200, 1, 0);
    world.flush();
    let mut stream = world
        .engine
        .read(ReadCommand {
            table: TABLE,
            partitions: Partitions::Range {
                start: PartitionBound::Open,
                end: PartitionBound::Open,
            },
            slices: vec![Slice::all()],
            reversed: false,
            columns: Projection::All,
            now_seconds: world.now(),
        })
        .unwrap();
    stream.next().unwrap();
    world.engine.compact(TABLE).unwrap();
    assert_eq!(world.files(), 3);
    let mut rows = 0;
    while stream.next().unwrap().is_some() {
        rows += 1;
    }
    assert_eq!(rows, 201);
    drop(stream);
    world.settle();
    assert_eq!(world.files(), 1);
}
