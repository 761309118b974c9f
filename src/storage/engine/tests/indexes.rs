//! Indexes: what a crash, a switch of the log, threads and limits may not break. That entries
//! follow the rows through every kind of write is the model test's affair.

use super::*;
use crate::error::{ErrorKind, Result};
use crate::random::Random;
use crate::schema::{DroppedColumn, Index, IndexPart};
use crate::storage::blocking::resident;
use crate::storage::disk::simulated::SimulatedDisk;
use crate::storage::engine::core::Inner;
use crate::storage::index::{Place, entry_key};

/// A row whose clustering can be read back.
fn row(name: u8) -> Row {
    Row::new(Bytes::from(vec![0x40, name, 0x00, 0x38]))
}

/// The change that creates an index of a column of the table.
fn put(engine: &Engine, name: &str, column: u32) -> SchemaChange {
    let catalog = engine.catalog();
    let index = Index {
        name: name.to_owned(),
        column: ColumnId(column),
        part: IndexPart::Column,
        options: BTreeMap::new(),
        custom: None,
        entries: TableId(0),
        built: false,
    };
    let id = TableId(catalog.next_table_id);
    index.put(&catalog.tables[&TableId(1)], id)
}

fn create_index(engine: &Engine, name: &str, column: u32) {
    let change = put(engine, name, column);
    engine.change_schema(|_| Ok(vec![change])).unwrap();
    engine.build_index("k", name).unwrap();
}

fn entries(engine: &Engine, name: &str) -> TableId {
    let catalog = engine.catalog();
    let (_, index) = catalog.keyspaces["k"].index(name).unwrap();
    assert!(index.built);
    index.entries
}

/// The places that an index has for a value: partition and row.
fn seek(engine: &Engine, name: &str, value: &str) -> Vec<(i64, Option<u8>)> {
    let command = ReadCommand {
        table: entries(engine, name),
        partitions: Partitions::Keys(vec![entry_key(value.as_bytes())]),
        ..command(Projection::All, 1_000)
    };
    let mut stream = engine.read(command).unwrap();
    let mut found = Vec::new();
    while let Some(item) = stream.next().unwrap() {
        if let ReadItem::Row(row) = item {
            let place = Place::decode(&row).unwrap();
            let row = place.clustering.map(|clustering| clustering[1]);
            found.push((place.partition.token, row));
        }
    }
    found
}

fn is_sound(engine: &Engine) {
    assert_eq!(engine.check_indexes().unwrap(), Vec::<String>::new());
}

fn open(disk: &SimulatedDisk) -> Engine {
    let clock = VirtualClock::shared(1_000 * SECOND);
    Engine::open_on(Arc::new(disk.clone()), config(), clock).unwrap()
}

fn value(token: i64, name: u8, timestamp: i64, value: &'static str) -> PartitionUpdate {
    update(token, vec![with_cell(row(name), 3, text(timestamp, value))])
}

#[test]
fn an_index_is_built_over_rows_and_kept_up() {
    let (engine, _) = engine();
    write(&engine, value(2, b'a', 1, "x"));
    engine.flush(None).unwrap();
    write(&engine, value(1, b'b', 1, "x"));
    let mut statics = update(3, vec![]);
    statics.static_row = Some(with_cell(Row::new(Bytes::new()), 2, text(1, "s")));
    write(&engine, statics);
    create_index(&engine, "v", 3);
    create_index(&engine, "s", 2);
    create_index(&engine, "c", 1);
    assert_eq!(seek(&engine, "v", "x"), [(1, Some(b'b')), (2, Some(b'a'))]);
    assert_eq!(seek(&engine, "s", "s"), [(3, None)]);
    assert_eq!(seek(&engine, "c", "a"), [(2, Some(b'a'))]);
    write(&engine, value(2, b'a', 5, "y"));
    // Late: it changes nothing.
    write(&engine, value(2, b'a', 4, "x"));
    assert_eq!(seek(&engine, "v", "x"), [(1, Some(b'b'))]);
    assert_eq!(seek(&engine, "v", "y"), [(2, Some(b'a'))]);
    is_sound(&engine);
    engine.truncate(TableId(1)).unwrap();
    assert_eq!(seek(&engine, "v", "x"), []);
    assert_eq!(seek(&engine, "v", "y"), []);
    is_sound(&engine);
}

#[test]
fn a_difference_is_told() {
    let (engine, _) = engine();
    create_index(&engine, "v", 3);
    write(&engine, value(1, b'a', 1, "x"));
    write(&engine, value(1, b'b', 1, "x"));
    // Somebody empties the entries, and makes one up.
    let table = entries(&engine, "v");
    let place = Place {
        partition: key(9),
        clustering: Some(row(b'z').clustering),
    };
    engine.truncate(table).unwrap();
    let mut stray = update(0, vec![]);
    stray.table = table;
    stray.key = entry_key(b"nothing");
    let mut entry = Row::new(place.entry_clustering(IndexPart::Column, b""));
    entry.liveness.timestamp = 5;
    stray.rows.push(entry);
    write(&engine, stray);
    let told = engine.check_indexes().unwrap();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told[0].contains("index k.v of t: the entry of 0x78 for row"),
        "{told:?}"
    );
    assert!(told[0].ends_with("is missing"), "{told:?}");
    assert!(told[2].ends_with("stands for nothing"), "{told:?}");
}

#[test]
fn an_unfinished_build_is_done_when_the_database_is_opened() {
    let disk = SimulatedDisk::new();
    let engine = open(&disk);
    create(&engine, true);
    write(&engine, value(1, b'a', 1, "x"));
    let change = put(&engine, "v", 3);
    engine.change_schema(|_| Ok(vec![change])).unwrap();
    write(&engine, value(1, b'b', 1, "x"));
    let image = disk.crash_image(1);
    let engine = open(&image);
    assert_eq!(seek(&engine, "v", "x"), [(1, Some(b'a')), (1, Some(b'b'))]);
    is_sound(&engine);
}

#[test]
fn a_full_disk_puts_a_build_off_and_lets_the_database_open() {
    let disk = SimulatedDisk::new();
    let engine = open(&disk);
    create(&engine, true);
    write(&engine, value(1, b'a', 1, "x"));
    let change = put(&engine, "v", 3);
    engine.change_schema(|_| Ok(vec![change])).unwrap();
    let image = disk.crash_image(1);
    let clock = || VirtualClock::shared(1_000 * SECOND);
    let mut opened = 0;
    // From no room at all to room for the build.
    for more in 0..100 {
        let full = |seed| {
            let full = image.crash_image(seed);
            full.set_bytes_max(full.bytes_used() + 32 * more);
            Arc::new(full)
        };
        let can_open = Inner::open(full(1), config(), clock()).is_ok();
        let full = full(1);
        let engine = Engine::open_on(full.clone(), config(), clock());
        assert_eq!(engine.is_ok(), can_open, "{more}: {engine:?}");
        opened += usize::from(can_open);
        drop(engine);
        full.set_bytes_max(u64::MAX);
        let engine = open(&full);
        assert_eq!(seek(&engine, "v", "x"), [(1, Some(b'a'))], "{more}");
        is_sound(&engine);
    }
    assert!(opened > 50, "{opened}");
}

#[test]
fn a_damaged_file_puts_a_build_off_and_lets_the_database_open() {
    let disk = SimulatedDisk::new();
    let engine = open(&disk);
    create(&engine, true);
    write(&engine, value(1, b'a', 1, "x"));
    engine.flush(None).unwrap();
    let change = put(&engine, "v", 3);
    engine.change_schema(|_| Ok(vec![change])).unwrap();
    let image = disk.crash_image(1);
    durability::damage_a_file(&image);
    let engine = open(&image);
    let catalog = engine.catalog();
    let (_, index) = catalog.keyspaces["k"].index("v").unwrap();
    assert!(!index.built);
}

#[test]
fn what_skips_the_log_loses_rows_and_entries_together() {
    let disk = SimulatedDisk::new();
    let engine = open(&disk);
    create(&engine, false);
    create_index(&engine, "v", 3);
    write(&engine, value(1, b'a', 1, "x"));
    engine.flush(Some(TableId(1))).unwrap();
    write(&engine, value(1, b'b', 1, "x"));
    engine.flush(Some(entries(&engine, "v"))).unwrap();
    is_sound(&engine);
    let engine = open(&disk.crash_image(1));
    assert_eq!(seek(&engine, "v", "x"), [(1, Some(b'a'))]);
    is_sound(&engine);

    // The keyspace begins to log: from then on a crash takes nothing any more.
    let disk = SimulatedDisk::new();
    let engine = open(&disk);
    create(&engine, false);
    create_index(&engine, "v", 3);
    write(&engine, value(1, b'a', 1, "x"));
    let change = SchemaChange::PutKeyspace {
        name: "k".to_owned(),
        replication: BTreeMap::new(),
        durable_writes: true,
    };
    engine.change_schema(|_| Ok(vec![change])).unwrap();
    write(&engine, value(1, b'b', 1, "x"));
    let engine = open(&disk.crash_image(1));
    assert_eq!(seek(&engine, "v", "x"), [(1, Some(b'a')), (1, Some(b'b'))]);
    is_sound(&engine);
}

#[test]
fn a_row_that_lived_by_a_dropped_column_leaves_no_entry() {
    let (engine, _) = engine();
    create_index(&engine, "c", 1);
    write(&engine, value(1, b'a', 1, "x"));
    write(
        &engine,
        update(1, vec![with_cell(row(b'b'), 4, text(1, "w"))]),
    );
    assert_eq!(seek(&engine, "c", "b"), [(1, Some(b'b'))]);
    engine
        .change_schema(|catalog| {
            let mut table = Table::clone(&catalog.tables[&TableId(1)]);
            let column = table.regulars.pop().unwrap();
            table.version += 1;
            let dropped = DroppedColumn {
                column: column.clone(),
                dropped_at_micros: 1_000 * SECOND,
            };
            table.dropped.insert(column.name, dropped);
            Ok(vec![SchemaChange::PutTable(Box::new(table))])
        })
        .unwrap();
    is_sound(&engine);
    assert_eq!(seek(&engine, "c", "a"), [(1, Some(b'a'))]);
    assert_eq!(seek(&engine, "c", "b"), []);
}

#[test]
fn what_is_too_large_is_refused_and_changes_nothing() {
    let (engine, _) = engine();
    create_index(&engine, "v", 3);
    let long = Cell::plain(1, Bytes::from(vec![b'x'; 65_535]));
    let mutation = Mutation {
        updates: vec![update(1, vec![with_cell(row(b'a'), 3, long)])],
    };
    let error = engine.apply(mutation).unwrap_err();
    assert_eq!(
        error.message,
        "Cannot index value of size 65535 for index v on k.t(v) (maximum allowed size=65535)"
    );
    let long = |byte| Bytes::from(vec![byte; 60_000]);
    for token in 0..2 {
        for name in 0..150 {
            let cell = Cell::plain(1, long(name));
            write(&engine, update(token, vec![with_cell(row(name), 3, cell)]));
        }
    }
    let delete = |token| {
        let mut update = update(token, vec![]);
        update.ranges.push(RangeDeletion {
            start: Slice::all().start,
            end: Slice::all().end,
            deletion: Deletion {
                timestamp: 5,
                deleted_at_seconds: 1_000,
            },
        });
        update
    };
    let both = Mutation {
        updates: vec![delete(0), delete(1)],
    };
    let error = engine.apply(both).unwrap_err();
    assert!(error.message.contains("bytes of index entries"), "{error}");
    is_sound(&engine);
    write(&engine, delete(0));
    write(&engine, delete(1));
    is_sound(&engine);
    assert_eq!(show(&engine, command(Projection::All, 1_000)), "");
}

#[test]
fn a_thread_that_must_not_wait_changes_nothing_and_is_told() {
    let disk = SimulatedDisk::new();
    let engine = open(&disk);
    create(&engine, true);
    create_index(&engine, "v", 3);
    write(&engine, value(1, b'a', 1, "x"));
    engine.close().unwrap();
    let engine = open(&disk);
    engine.flush(None).unwrap();
    drop(engine);
    // The file is not open yet.
    let engine = open(&disk);
    let change = || Mutation {
        updates: vec![value(1, b'a', 2, "y")],
    };
    let error = resident(|| engine.submit(change())).unwrap_err();
    assert_eq!(error.kind, ErrorKind::WouldBlock);
    assert_eq!(seek(&engine, "v", "x"), [(1, Some(b'a'))]);
    engine.apply(change()).unwrap();
    assert_eq!(seek(&engine, "v", "y"), [(1, Some(b'a'))]);
    // All of it is in memory now.
    resident(|| {
        engine.submit(Mutation {
            updates: vec![value(1, b'a', 3, "z")],
        })
    })
    .unwrap();
    is_sound(&engine);
}

#[test]
fn no_files_are_imported_beside_an_index() {
    use crate::storage::ingest::IngestOptions;
    let options = IngestOptions {
        memory_bytes_max: 1 << 20,
        timestamp_min: 1,
    };
    let (engine, _) = engine();
    let import = engine.ingest(TableId(1), options.clone()).unwrap();
    let change = put(&engine, "v", 3);
    let refused = engine.change_schema(|_| Ok(vec![change.clone()]));
    assert!(refused.unwrap_err().message.contains("being imported"));
    drop(import);
    engine.change_schema(|_| Ok(vec![change])).unwrap();
    engine.build_index("k", "v").unwrap();
    assert!(engine.ingest(TableId(1), options).is_err());
}

/// One thread's share of the writes.
fn writes(engine: &Engine, seed: u64) -> Result<()> {
    const VALUES: [&str; 3] = ["x", "y", "z"];
    let random = Random::seeded(seed);
    let below = |bound: u64| random.below(bound);
    for _ in 0..150 {
        let token = below(3) as i64;
        let name = b'a' + below(4) as u8;
        let timestamp = 1 + below(1_000) as i64;
        let mut change = value(token, name, timestamp, VALUES[below(3) as usize]);
        match below(8) {
            0 => {
                change.rows.clear();
                change.deletion = Deletion {
                    timestamp,
                    deleted_at_seconds: 1_000,
                };
            }
            1 => change.rows = vec![with_cell(row(name), 3, Cell::tombstone(timestamp, 1_000))],
            _ => {}
        }
        let other = value((token + 1) % 3, name, timestamp, "x");
        let mutation = Mutation {
            updates: vec![change, other],
        };
        match below(3) {
            0 => engine.apply(mutation)?,
            1 => drop(engine.submit(mutation)?),
            _ => {
                // The locks are those of one partition, the write goes to two.
                let keys = [(TableId(1), key(token))];
                engine.read_modify_write(&keys, |_| Ok((Some(mutation), ())))?;
            }
        }
    }
    Ok(())
}

#[test]
fn writers_side_by_side_leave_entries_as_rows_say() {
    for seed in 1..=3 {
        let disk = SimulatedDisk::new();
        let engine = open(&disk);
        create(&engine, true);
        create_index(&engine, "v", 3);
        std::thread::scope(|scope| {
            let engine = &engine;
            let writers: Vec<_> = (0..4)
                .map(|number| scope.spawn(move || writes(engine, 100 * seed + number)))
                .collect();
            let mut rounds = 0;
            while writers.iter().any(|writer| !writer.is_finished()) {
                rounds += 1;
                let drop = SchemaChange::DropIndex {
                    keyspace: "k".to_owned(),
                    name: "c".to_owned(),
                };
                create_index(engine, "c", 1);
                is_sound(engine);
                engine.change_schema(|_| Ok(vec![drop])).unwrap();
                match rounds % 3 {
                    0 => engine.truncate(TableId(1)).unwrap(),
                    1 => engine.flush(None).unwrap(),
                    _ => engine.run_until_idle().unwrap(),
                }
            }
            for writer in writers {
                writer.join().unwrap().unwrap();
            }
        });
        is_sound(&engine);
        let engine = open(&disk.crash_image(seed));
        is_sound(&engine);
    }
}
