//! What survives, what is refused, and what waits.

use super::*;
use crate::error::ErrorKind;
use crate::storage::disk::Disk;
use crate::storage::disk::simulated::{Fault, FaultKind, SimulatedDisk};
use crate::storage::meta::FileMeta;

const DIRECTORY: &str = "tables/1";

pub(super) fn open(disk: &SimulatedDisk, config: Config) -> Engine {
    let clock = VirtualClock::shared(1_000 * SECOND);
    Engine::open_on(Arc::new(disk.clone()), config, clock).unwrap()
}

pub(super) fn fresh(config: Config) -> (Engine, SimulatedDisk) {
    let disk = SimulatedDisk::new();
    let engine = open(&disk, config);
    create(&engine, true);
    (engine, disk)
}

pub(super) fn put(engine: &Engine, partition: i64, bytes: usize) -> crate::Result<()> {
    let value = Cell::plain(1, Bytes::from(vec![b'v'; bytes]));
    engine.apply(Mutation {
        updates: vec![update(partition, vec![with_cell(row(b'a'), 3, value)])],
    })
}

/// How many partitions a full read finds.
pub(super) fn count(engine: &Engine) -> usize {
    let mut stream = engine.read(command(Projection::All, 1_000)).unwrap();
    let mut partitions = 0;
    while let Some(item) = stream.next().unwrap() {
        partitions += usize::from(matches!(item, ReadItem::Partition { .. }));
    }
    partitions
}

fn files(disk: &SimulatedDisk) -> usize {
    disk.list(DIRECTORY).unwrap().len()
}

#[test]
fn what_was_acknowledged_survives_a_crash() {
    let (engine, disk) = fresh(config());
    for partition in 0..20 {
        put(&engine, partition, 10).unwrap();
        if partition == 9 {
            engine.flush(None).unwrap();
        }
    }
    let stamp = engine.next_timestamp() + 5_000_000;
    while engine.next_timestamp() < stamp {
        engine.clock().sleep(std::time::Duration::from_secs(1));
    }
    put(&engine, 20, 10).unwrap();
    for seed in 0..10 {
        // The clock stands where it stood at first: before all timestamps that were given out.
        let again = open(&disk.crash_image(seed), config());
        assert_eq!(count(&again), 21);
        assert!(again.next_timestamp() > stamp);
        put(&again, 99, 10).unwrap();
        assert_eq!(count(&again), 22);
    }
}

#[test]
fn truncation_and_drop_hold_after_a_crash() {
    let (engine, disk) = fresh(config());
    put(&engine, 1, 10).unwrap();
    engine.flush(None).unwrap();
    put(&engine, 2, 10).unwrap();
    engine.truncate(TableId(1)).unwrap();
    assert_eq!(files(&disk), 0);
    put(&engine, 3, 10).unwrap();
    let again = open(&disk.crash_image(7), config());
    assert_eq!(count(&again), 1);
    again.flush(None).unwrap();
    let drop = SchemaChange::DropTable {
        keyspace: "k".to_owned(),
        name: "t".to_owned(),
    };
    again.change_schema(|_| Ok(vec![drop])).unwrap();
    assert_eq!(
        again.read(command(Projection::All, 0)).unwrap_err().message,
        "unconfigured table"
    );
    assert!(put(&again, 1, 10).is_err());
    again.close().unwrap();
    assert!(again.read(command(Projection::All, 0)).is_err());
}

#[test]
fn the_directory_is_free_after_close() {
    let (engine, disk) = fresh(config());
    let clock = VirtualClock::shared(0);
    let second = Engine::open_on(Arc::new(disk.clone()), config(), clock);
    assert_eq!(second.unwrap_err().kind, ErrorKind::Locked);
    put(&engine, 1, 10).unwrap();
    engine.close().unwrap();
    assert_eq!(count(&open(&disk, config())), 1);
}

#[test]
fn memory_is_bounded() {
    for background in [false, true] {
        let tight = Config {
            memtable_bytes_max: 64 << 10,
            memtable_flush_bytes: 16 << 10,
            commitlog_segment_bytes: 64 << 10,
            background,
            ..config()
        };
        let (engine, disk) = fresh(tight);
        let mut reader = engine.read(command(Projection::All, 0)).unwrap();
        for partition in 0..2_000 {
            put(&engine, partition, 100).unwrap();
            assert!(engine.inner().budget.used() < 80 << 10);
        }
        assert!(reader.next().unwrap().is_none());
        assert_eq!(count(&engine), 2_000);
        assert!(files(&disk) > 0);
        engine.flush(None).unwrap();
        assert!(engine.inner().log.bytes() < 200 << 10);
        engine.close().unwrap();
    }
}

#[test]
fn writes_that_skip_the_log_are_seen_at_once_and_kept_by_a_clean_end() {
    let disk = SimulatedDisk::new();
    let engine = open(&disk, config());
    create(&engine, false);
    let before = engine.inner().log.appended();
    put(&engine, 1, 10).unwrap();
    put(&engine, 2, 10).unwrap();
    assert_eq!(engine.inner().log.appended(), before);
    assert_eq!(count(&engine), 2);
    assert_eq!(count(&open(&disk.crash_image(1), config())), 0);
    // From now on they are logged.
    create(&engine, true);
    put(&engine, 3, 10).unwrap();
    assert_eq!(count(&engine), 3);
    engine.close().unwrap();
    assert_eq!(count(&open(&disk, config())), 3);
}

#[test]
fn a_full_disk_refuses_writes_until_there_is_room() {
    let tight = Config {
        memtable_bytes_max: 256 << 10,
        memtable_flush_bytes: 64 << 10,
        ..config()
    };
    let (engine, disk) = fresh(tight);
    disk.set_bytes_max(disk.bytes_used() + (200 << 10));
    let mut written = 0;
    let error = loop {
        match put(&engine, written, 2_000) {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 1_000);
    };
    assert_eq!(error.kind, ErrorKind::DiskFull, "{error}");
    // What was refused may still come to be: it was not acknowledged, and not undone.
    assert!(count(&engine) >= written as usize);
    assert_eq!(
        put(&engine, 5_000, 2_000).unwrap_err().kind,
        ErrorKind::DiskFull
    );
    disk.set_bytes_max(u64::MAX);
    for more in 6_000..6_200 {
        put(&engine, more, 2_000).unwrap();
    }
    assert!(count(&engine) >= written as usize + 200);
    let again = open(&disk.crash_image(3), config());
    assert!(count(&again) >= written as usize + 200);
}

/// Writes partitions of bytes that don't compress.
fn put_noise(engine: &Engine, partitions: std::ops::Range<i64>) {
    let random = crate::random::Random::seeded(5);
    for partition in partitions {
        let noise: Vec<u8> = (0..2_000).map(|_| random.next_u64() as u8).collect();
        let value = Cell::plain(1, Bytes::from(noise));
        let updates = vec![update(partition, vec![with_cell(row(b'a'), 3, value)])];
        engine.apply(Mutation { updates }).unwrap();
    }
}

#[test]
fn a_flush_that_finds_the_disk_full_at_any_call_is_tried_again() {
    for call in 1.. {
        let (engine, disk) = fresh(config());
        put_noise(&engine, 0..30);
        disk.set_fault(Some(Fault {
            call: disk.calls() + call,
            kind: FaultKind::DiskFull,
            persistent: false,
        }));
        let result = engine.flush(None);
        disk.set_fault(None);
        if let Err(error) = &result {
            assert_eq!(error.kind, ErrorKind::DiskFull, "{error}");
            assert_eq!(engine.figures().flushes.failed, 1);
        }
        put(&engine, 100, 10).unwrap();
        engine.flush(None).unwrap();
        engine.run_until_idle().unwrap();
        assert_eq!(files(&disk), engine.figures().sstables as usize, "{call}");
        assert_eq!(count(&engine), 31);
        assert_eq!(count(&open(&disk.crash_image(call), config())), 31);
        if result.is_ok() {
            assert!(call > 5);
            break;
        }
    }
}

#[test]
fn flushes_on_a_full_disk_leave_nothing_behind() {
    for room in (0..80).map(|kib| kib << 10) {
        let (engine, disk) = fresh(config());
        put_noise(&engine, 0..30);
        let before = disk.bytes_used();
        disk.set_bytes_max(before + room);
        for _ in 0..5 {
            if let Err(error) = engine.flush(None) {
                assert_eq!(error.kind, ErrorKind::DiskFull, "{error}");
                // The simulated disk counts a name's bytes until a crash could not bring it back.
                disk.sync_directory(DIRECTORY).unwrap();
                assert!(disk.bytes_used() <= before + (1 << 10), "{room}");
            }
            assert_eq!(count(&engine), 30);
        }
        disk.set_bytes_max(u64::MAX);
        put(&engine, 100, 10).unwrap();
        engine.flush(None).unwrap();
        assert_eq!(count(&open(&disk.crash_image(room), config())), 31);
    }
}

#[test]
fn a_table_can_be_emptied_on_a_full_disk() {
    let (engine, disk) = fresh(config());
    put_noise(&engine, 100..200);
    engine.flush(None).unwrap();
    // Room for an edit of the manifest, not for the group that waits.
    disk.set_bytes_max(disk.bytes_used() + (8 << 10));
    for partition in 2..5 {
        let refused = put(&engine, partition, 50_000).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::DiskFull);
    }
    engine.truncate(TableId(1)).unwrap();
    assert_eq!(count(&engine), 0);
    // The simulated disk counts a name's bytes until a crash could not bring it back.
    disk.sync_directory(DIRECTORY).unwrap();
    put(&engine, 9, 20_000).unwrap();
    assert_eq!(count(&engine), 1);
    for seed in 0..10 {
        let again = open(&disk.crash_image(seed), config());
        assert_eq!(count(&again), 1);
        put(&again, 10, 10).unwrap();
        assert_eq!(count(&open(&disk.crash_image(seed), config())), 1);
        assert_eq!(count(&again), 2);
    }
}

#[test]
fn what_a_truncation_and_a_crash_take_back_is_not_given_out_again() {
    let (engine, disk) = fresh(config());
    put(&engine, 1, 10).unwrap();
    let row = with_cell(row(b'a'), 3, text(1, "lost"));
    for partition in 2..20 {
        let updates = vec![update(partition, vec![row.clone()])];
        engine.submit(Mutation { updates }).unwrap();
    }
    engine.truncate(TableId(1)).unwrap();
    let again = open(&disk.crash_image(1), config());
    assert_eq!(count(&again), 0);
    put(&again, 30, 10).unwrap();
    let disk = disk.crash_image(1);
    let again = open(&disk, config());
    put(&again, 30, 10).unwrap();
    assert_eq!(count(&again), 1);
    assert_eq!(count(&open(&disk.crash_image(2), config())), 1);
}

/// Fails the `call`-th call to the disk that a write makes: first it writes, then it syncs.
fn put_with_fault(engine: &Engine, disk: &SimulatedDisk, call: u64) {
    disk.set_fault(Some(Fault {
        call: disk.calls() + call,
        kind: FaultKind::Io,
        persistent: false,
    }));
    assert_eq!(put(engine, 2, 10).unwrap_err().kind, ErrorKind::Io);
    disk.set_fault(None);
}

#[test]
fn a_failed_sync_stops_all_writing() {
    let (engine, disk) = fresh(config());
    put(&engine, 1, 10).unwrap();
    put_with_fault(&engine, &disk, 2);
    for _ in 0..3 {
        assert!(put(&engine, 3, 10).is_err());
    }
    assert!(engine.flush(None).is_err());
    assert_eq!(count(&engine), 1);
    for seed in 0..5 {
        let again = open(&disk.crash_image(seed), config());
        assert!((1..=2).contains(&count(&again)));
        put(&again, 3, 10).unwrap();
    }
}

#[test]
fn a_failed_write_is_tried_again() {
    let (engine, disk) = fresh(config());
    put(&engine, 1, 10).unwrap();
    put_with_fault(&engine, &disk, 1);
    put(&engine, 3, 10).unwrap();
    assert!(count(&engine) >= 2);
    assert!(count(&open(&disk.crash_image(1), config())) >= 2);
}

/// Damages the first file of rows; answers its name.
pub(super) fn damage_a_file(disk: &SimulatedDisk) -> String {
    let name = disk.list(DIRECTORY).unwrap().remove(0);
    let path = format!("{DIRECTORY}/{name}");
    let file = disk.open(&path).unwrap();
    let length = file.len() as usize;
    let mut bytes = file.read_at(0, length).unwrap().to_vec();
    for byte in bytes.iter_mut().skip(40).take(20) {
        *byte ^= 0xFF;
    }
    disk.overwrite(&path, &bytes).unwrap();
    name
}

#[test]
fn a_damaged_file_fails_the_reads_that_meet_it_and_no_others() {
    let (engine, disk) = fresh(config());
    put(&engine, 1, 10).unwrap();
    engine.flush(None).unwrap();
    put(&engine, 2, 10).unwrap();
    engine.flush(None).unwrap();
    engine.close().unwrap();
    let name = damage_a_file(&disk);
    let again = open(&disk, config());
    let one = |partition| {
        let keys = ReadCommand {
            partitions: Partitions::Keys(vec![key(partition)]),
            ..command(Projection::All, 0)
        };
        again.read(keys).and_then(|mut stream| stream.next())
    };
    let error = one(1).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);
    assert!(error.message.contains(&name), "{error}");
    assert!(error.message.contains("offset"), "{error}");
    assert!(one(2).unwrap().is_some());
    assert_eq!(
        again.compact(TableId(1)).unwrap_err().kind,
        ErrorKind::Corrupt
    );
    assert!(one(2).unwrap().is_some());
}

#[test]
fn a_file_stays_for_as_long_as_somebody_reads_it() {
    let (engine, disk) = fresh(config());
    for partition in 0..4 {
        put(&engine, partition, 10).unwrap();
        engine.flush(None).unwrap();
    }
    assert_eq!(files(&disk), 4);
    let mut stream = engine.read(command(Projection::All, 0)).unwrap();
    stream.next().unwrap();
    engine.compact(TableId(1)).unwrap();
    assert_eq!(files(&disk), 5);
    let mut rest = 0;
    while stream.next().unwrap().is_some() {
        rest += 1;
    }
    assert_eq!(rest, 7);
    drop(stream);
    engine.run_until_idle().unwrap();
    assert_eq!(files(&disk), 1);
    assert_eq!(count(&engine), 4);
}

#[test]
fn leftovers_of_a_crash_are_removed() {
    let (engine, disk) = fresh(config());
    put(&engine, 1, 10).unwrap();
    engine.flush(None).unwrap();
    engine.close().unwrap();
    for name in ["0000000099.sst", "0000000098.run", "0000000097.sst.tmp"] {
        disk.create(&format!("{DIRECTORY}/{name}")).unwrap();
    }
    disk.create_directory("tables/77").unwrap();
    disk.create(&FileMeta::path(TableId(77), 5)).unwrap();
    let again = open(&disk, config());
    assert_eq!(files(&disk), 1);
    assert_eq!(disk.list("tables").unwrap(), ["1"]);
    assert_eq!(count(&again), 1);
}

#[test]
fn many_writers_lose_nothing() {
    let busy = Config {
        memtable_bytes_max: 128 << 10,
        memtable_flush_bytes: 32 << 10,
        commitlog_segment_bytes: 64 << 10,
        background: true,
        ..config()
    };
    let (engine, disk) = fresh(busy);
    std::thread::scope(|scope| {
        for writer in 0..4_i64 {
            let engine = &engine;
            scope.spawn(move || {
                for number in 0..300 {
                    let partition = writer * 1_000 + number;
                    put(engine, partition, 100).unwrap();
                    let keys = ReadCommand {
                        partitions: Partitions::Keys(vec![key(partition)]),
                        ..command(Projection::All, 0)
                    };
                    let first = engine.read(keys).unwrap().next().unwrap();
                    assert!(first.is_some(), "an acknowledged write is seen");
                }
            });
        }
    });
    assert_eq!(count(&engine), 1_200);
    let image = disk.crash_image(5);
    engine.close().unwrap();
    assert_eq!(count(&open(&disk, config())), 1_200);
    assert_eq!(count(&open(&image, config())), 1_200);
}
