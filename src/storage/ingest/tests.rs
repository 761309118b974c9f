//! Tests of bulk imports, through the engine.

use super::*;
use crate::clock::VirtualClock;
use crate::config::Config;
use crate::error::ErrorKind;
use crate::random::Random;
use crate::schema::{Column, ColumnId, ColumnKind, SchemaChange, Table, TableOptions};
use crate::storage::Engine;
use crate::storage::cell::{Cell, Deletion, Liveness};
use crate::storage::disk::simulated::{Fault, FaultKind, SimulatedDisk};
use crate::storage::read::{PartitionBound, Partitions, Projection, ReadCommand, ReadItem, Slice};
use crate::storage::row::{ColumnData, RowColumn, RowDeletion};
use crate::types::Type;
use std::collections::{BTreeMap, BTreeSet};

const STAMP: i64 = 5_000;

fn column(id: u32, name: &str, kind: ColumnKind) -> Column {
    Column {
        id: ColumnId(id),
        name: name.to_owned(),
        ty: Type::Text,
        kind,
        position: 0,
        descending: false,
    }
}

fn table() -> Table {
    Table {
        id: TableId(1),
        uuid: uuid::Uuid::nil(),
        keyspace: "k".to_owned(),
        name: "t".to_owned(),
        partition_key: vec![column(0, "p", ColumnKind::PartitionKey)],
        clustering: vec![column(1, "c", ColumnKind::Clustering)],
        statics: vec![column(2, "s", ColumnKind::Static)],
        regulars: vec![
            column(3, "v", ColumnKind::Regular),
            column(4, "w", ColumnKind::Regular),
        ],
        dropped: BTreeMap::new(),
        next_column_id: 5,
        options: TableOptions::default(),
        version: 1,
        indexes: Vec::new(),
    }
}

fn open(disk: &Arc<SimulatedDisk>) -> Result<Engine> {
    let config = Config {
        background: false,
        seed: Some(1),
        ..Config::default()
    };
    let clock = VirtualClock::shared(1_000_000_000);
    Engine::open_on(Arc::clone(disk) as Arc<dyn Disk>, config, clock)
}

fn create(disk: &Arc<SimulatedDisk>) -> Engine {
    let engine = open(disk).unwrap();
    let changes = vec![
        SchemaChange::PutKeyspace {
            name: "k".to_owned(),
            replication: BTreeMap::new(),
            durable_writes: true,
        },
        SchemaChange::PutTable(Box::new(table())),
    ];
    engine.change_schema(|_| Ok(changes)).unwrap();
    engine
}

fn key(number: u64) -> PartitionKey {
    let key = Bytes::from(number.to_be_bytes().to_vec());
    PartitionKey {
        token: crate::types::token::murmur3_token(&key),
        key,
    }
}

fn cell(id: u32, value: &str) -> RowColumn {
    let value = Bytes::copy_from_slice(value.as_bytes());
    RowColumn {
        id: ColumnId(id),
        data: ColumnData::Simple(Cell::plain(STAMP, value)),
    }
}

fn row(clustering: u64, columns: Vec<RowColumn>) -> Row {
    let mut bytes = vec![0x40];
    bytes.extend_from_slice(&(clustering ^ (1 << 63)).to_be_bytes());
    bytes.push(0x38);
    let liveness = Liveness {
        timestamp: STAMP,
        ..Liveness::NONE
    };
    Row {
        liveness,
        columns,
        ..Row::new(Bytes::from(bytes))
    }
}

fn read(engine: &Engine) -> Vec<ReadItem> {
    let mut stream = engine
        .read(ReadCommand {
            table: TableId(1),
            partitions: Partitions::Range {
                start: PartitionBound::Open,
                end: PartitionBound::Open,
            },
            slices: vec![Slice::all()],
            reversed: false,
            columns: Projection::All,
            now_seconds: 1_000,
        })
        .unwrap();
    let mut items = Vec::new();
    while let Some(item) = stream.next().unwrap() {
        items.push(item);
    }
    items
}

fn options(memory_bytes_max: usize) -> IngestOptions {
    IngestOptions {
        memory_bytes_max,
        timestamp_min: STAMP - 1,
    }
}

/// Rows in no order: few partitions with many rows, many with one, some keys twice, statics.
fn rows(seed: u64, count: u64) -> Vec<(PartitionKey, Row)> {
    let random = Random::seeded(seed);
    (0..count)
        .map(|number| {
            let partition = match random.below(3) {
                0 => random.below(5),
                1 => random.below(40),
                _ => 1_000 + random.below(count),
            };
            if random.below(10) == 0 {
                let columns = vec![cell(2, &format!("static {number}"))];
                return (
                    key(partition),
                    Row {
                        columns,
                        ..Row::new(Bytes::new())
                    },
                );
            }
            let mut columns = Vec::new();
            if random.below(3) > 0 {
                columns.push(cell(3, &format!("value {number}")));
            }
            if random.below(3) > 0 {
                columns.push(cell(4, &"w".repeat(random.below(60) as usize)));
            }
            (key(partition), row(random.below(100), columns))
        })
        .collect()
}

/// What the rows leave, written one after the other: the expectation.
fn expected(rows: &[(PartitionKey, Row)]) -> (BTreeMap<(PartitionKey, Bytes), Row>, u64) {
    let mut table: BTreeMap<(PartitionKey, Bytes), Row> = BTreeMap::new();
    let mut again = 0;
    for (key, row) in rows {
        let place = (key.clone(), row.clustering.clone());
        match table.get_mut(&place) {
            Some(known) => {
                again += u64::from(!row.clustering.is_empty());
                for column in &row.columns {
                    known.columns.retain(|old| old.id != column.id);
                    known.columns.push(column.clone());
                }
                known.columns.sort_by_key(|column| column.id);
            }
            None => {
                table.insert(place, row.clone());
            }
        }
    }
    (table, again)
}

fn check(engine: &Engine, rows: &[(PartitionKey, Row)]) {
    let (table, _) = expected(rows);
    let mut found = BTreeMap::new();
    let mut partition = None;
    for item in read(engine) {
        match item {
            ReadItem::Partition { key, static_row } => {
                if let Some(row) = static_row {
                    found.insert((key.clone(), Bytes::new()), row);
                }
                partition = Some(key);
            }
            ReadItem::Row(row) => {
                found.insert((partition.clone().unwrap(), row.clustering.clone()), row);
            }
        }
    }
    assert_eq!(found.len(), table.len());
    for (place, row) in &table {
        assert_eq!(found.get(place), Some(row), "{place:?}");
    }
}

fn files(disk: &SimulatedDisk) -> Vec<String> {
    disk.list("tables/1").unwrap()
}

#[test]
fn runs_on_disk_and_memory_alone_give_the_same_rows() {
    let rows = rows(11, 4_000);
    let (table, again) = expected(&rows);
    let sizes = [8 << 10, 64 << 10, 64 << 20];
    for (memory, threads) in sizes
        .map(|memory| (memory, 1))
        .into_iter()
        .chain([(16 << 10, 3)])
    {
        let disk = Arc::new(SimulatedDisk::new());
        let engine = create(&disk);
        let mut ingest = engine.ingest(TableId(1), options(memory)).unwrap();
        ingest.target.threads = threads;
        for (key, row) in &rows {
            ingest.add(key, row).unwrap();
        }
        // With the least memory there are more runs than are merged at once.
        match memory {
            8_192 => assert!(ingest.runs.len() > RUNS_MAX, "{}", ingest.runs.len()),
            16_384 => assert!(ingest.runs.len() > 2 && ingest.spilling.is_some()),
            65_536 => assert!((2..RUNS_MAX).contains(&ingest.runs.len())),
            _ => assert!(ingest.runs.is_empty()),
        }
        assert!(read(&engine).is_empty());
        let summary = ingest.finish().unwrap();
        let regular = table
            .keys()
            .filter(|(_, clustering)| !clustering.is_empty())
            .count();
        assert_eq!(
            (summary.rows, summary.duplicates),
            (regular as u64, again),
            "{memory}"
        );
        assert!(summary.bytes > 0);
        assert_eq!(files(&disk).len(), threads);
        check(&engine, &rows);
        assert!(files(&disk).iter().all(|name| name.ends_with(".sst")));
        engine.close().unwrap();
        drop(engine);
        check(&open(&disk).unwrap(), &rows);
    }
}

#[test]
fn files_are_split_between_partitions() {
    let disk = Arc::new(SimulatedDisk::new());
    let engine = create(&disk);
    let rows = rows(12, 3_000);
    let mut ingest = engine.ingest(TableId(1), options(1 << 20)).unwrap();
    ingest.target.file_bytes_max = 8 << 10;
    for (key, row) in &rows {
        ingest.add(key, row).unwrap();
    }
    ingest.finish().unwrap();
    assert!(files(&disk).len() > 3);
    check(&engine, &rows);
}

#[test]
fn an_import_that_is_dropped_leaves_no_trace() {
    let disk = Arc::new(SimulatedDisk::new());
    let engine = create(&disk);
    let before = files(&disk);
    let mut ingest = engine.ingest(TableId(1), options(8 << 10)).unwrap();
    for (key, row) in rows(13, 1_000) {
        ingest.add(&key, &row).unwrap();
    }
    assert!(files(&disk).len() > before.len());
    drop(ingest);
    assert_eq!(files(&disk), before);
    assert!(read(&engine).is_empty());
    // Nothing added: nothing published.
    let ingest = engine.ingest(TableId(1), options(8 << 10)).unwrap();
    assert_eq!(ingest.finish().unwrap(), IngestSummary::default());
    assert_eq!(files(&disk), before);
}

#[test]
fn a_table_that_is_dropped_meanwhile_gets_nothing() {
    let disk = Arc::new(SimulatedDisk::new());
    let engine = create(&disk);
    let mut ingest = engine.ingest(TableId(1), options(1 << 20)).unwrap();
    ingest.add(&key(1), &row(1, vec![cell(3, "x")])).unwrap();
    let drop_table = SchemaChange::DropTable {
        keyspace: "k".to_owned(),
        name: "t".to_owned(),
    };
    engine.change_schema(|_| Ok(vec![drop_table])).unwrap();
    let error = ingest.finish().unwrap_err();
    assert!(error.message.contains("dropped"), "{error}");
    assert!(files(&disk).is_empty());
}

#[test]
fn a_full_disk_stops_the_import_and_nothing_else() {
    let disk = Arc::new(SimulatedDisk::new());
    let engine = create(&disk);
    disk.set_bytes_max(disk.bytes_used() + (16 << 10));
    let mut ingest = engine.ingest(TableId(1), options(8 << 10)).unwrap();
    let rows = rows(14, 4_000);
    let added: Result<()> = rows.iter().try_for_each(|(key, row)| ingest.add(key, row));
    let error = added
        .and_then(|()| ingest.finish().map(|_| ()))
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::DiskFull);
    disk.set_bytes_max(u64::MAX);
    let mut ingest = engine.ingest(TableId(1), options(8 << 10)).unwrap();
    for (key, row) in &rows {
        ingest.add(key, row).unwrap();
    }
    ingest.finish().unwrap();
    check(&engine, &rows);
}

/// A call that finds the disk full, whichever it is: nothing is published, nothing left behind, and
/// what was there is served.
#[test]
fn a_disk_that_is_full_at_any_call_gets_no_part_of_an_import() {
    let rows = rows(16, 60);
    for call in 1.. {
        let disk = Arc::new(SimulatedDisk::new());
        let engine = create(&disk);
        let mut ingest = engine.ingest(TableId(1), options(1 << 20)).unwrap();
        ingest
            .add(&key(9_999), &row(7, vec![cell(3, "old")]))
            .unwrap();
        let first = ingest.finish().unwrap();
        let before = (files(&disk), read(&engine));
        disk.set_fault(Some(Fault {
            call: disk.calls() + call,
            kind: FaultKind::DiskFull,
            persistent: false,
        }));
        let result = engine
            .ingest(TableId(1), options(4 << 10))
            .and_then(|mut ingest| {
                rows.iter()
                    .try_for_each(|(key, row)| ingest.add(key, row))?;
                ingest.finish()
            });
        disk.set_fault(None);
        match result {
            Ok(second) => {
                assert!(second.sequence > first.sequence && call > 10);
                return;
            }
            Err(error) => assert_eq!(error.kind, ErrorKind::DiskFull, "{error}"),
        }
        assert_eq!(read(&engine), before.1);
        engine.run_until_idle().unwrap();
        let again = open(&Arc::new(disk.crash_image(call))).unwrap();
        assert_eq!(read(&again), before.1);
        drop(again);
        engine.close().unwrap();
        drop(engine);
        let engine = open(&disk).unwrap();
        assert_eq!((files(&disk), read(&engine)), before, "{call}");
    }
}

/// Rows that delete, in one import and over another's; of what one import says of a row the later
/// holds, though the timestamps are the same.
#[test]
fn imports_delete_rows() {
    let disk = Arc::new(SimulatedDisk::new());
    let engine = create(&disk);
    let deleted = |clustering| Row {
        liveness: Liveness::NONE,
        deletion: RowDeletion::plain(Deletion {
            timestamp: STAMP,
            deleted_at_seconds: 900,
        }),
        ..row(clustering, Vec::new())
    };
    let import = |rows: &[Row]| {
        let mut ingest = engine.ingest(TableId(1), options(1 << 20)).unwrap();
        for row in rows {
            ingest.add(&key(1), row).unwrap();
        }
        ingest.finish().unwrap()
    };
    let full = |clustering, value| row(clustering, vec![cell(3, value), cell(4, "w")]);
    let one = import(&[full(1, "a"), full(2, "a"), full(3, "a")]);
    // Written and deleted; deleted and written; deleted and written in part.
    let part = row(6, vec![cell(3, "part")]);
    let two = import(&[
        full(4, "b"),
        deleted(4),
        deleted(5),
        full(5, "b"),
        full(6, "b"),
        deleted(6),
        part,
    ]);
    let three = import(&[deleted(2)]);
    assert!(0 < one.sequence && one.sequence < two.sequence && two.sequence < three.sequence);
    let seen = |engine: &Engine| -> Vec<(Bytes, usize)> {
        let rows = read(engine).into_iter().filter_map(|item| match item {
            ReadItem::Row(row) => Some((row.clustering, row.columns.len())),
            ReadItem::Partition { .. } => None,
        });
        rows.collect()
    };
    let place = |clustering| row(clustering, Vec::new()).clustering;
    let expected = [(place(1), 2), (place(3), 2), (place(5), 2), (place(6), 1)];
    assert_eq!(seen(&engine), expected);
    engine.compact(TableId(1)).unwrap();
    assert_eq!(seen(&engine), expected);
    engine.close().unwrap();
    drop(engine);
    assert_eq!(seen(&open(&disk).unwrap()), expected);
}

/// A power cut before any change that the import makes to the disk: all rows or none, and no file
/// left over.
#[test]
fn a_crash_leaves_all_rows_or_none() {
    let rows = rows(15, 300);
    let disk = Arc::new(SimulatedDisk::new());
    let engine = create(&disk);
    let images = Arc::new(Mutex::new(Vec::new()));
    let (seen, source) = (Arc::clone(&images), Arc::clone(&disk));
    let mut ingest = engine.ingest(TableId(1), options(8 << 10)).unwrap();
    ingest.target.file_bytes_max = 4 << 10;
    disk.set_observer(Some(Box::new(move |change| {
        for seed in 0..2 {
            seen.lock()
                .unwrap()
                .push(source.crash_image(change * 31 + seed));
        }
    })));
    for (key, row) in &rows {
        ingest.add(key, row).unwrap();
    }
    ingest.finish().unwrap();
    disk.set_observer(None);
    images.lock().unwrap().push(disk.crash_image(9));
    let mut outcomes = BTreeSet::new();
    let images = std::mem::take(&mut *images.lock().unwrap());
    assert!(images.len() > 50);
    for image in images {
        let image = Arc::new(image);
        let engine = open(&image).unwrap();
        let whole = !read(&engine).is_empty();
        if whole {
            check(&engine, &rows);
        } else {
            assert!(image.list("tables/1").unwrap().is_empty());
        }
        outcomes.insert(whole);
    }
    assert_eq!(outcomes.len(), 2);
}
