//! Figures, and what an administrator asks for.

use super::durability::{count, fresh, open, put};
use super::*;
use crate::error::ErrorKind;
use crate::storage::disk::Disk;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

#[test]
fn the_figures_follow_what_is_done() {
    let (engine, disk) = fresh(config());
    assert_eq!(engine.figures().reads, 0);
    for partition in 0..40 {
        put(&engine, partition, 100).unwrap();
        if partition % 10 == 9 {
            engine.flush(None).unwrap();
        }
    }
    put(&engine, 40, 100).unwrap();
    let figures = engine.figures();
    assert_eq!(
        (figures.writes, figures.tables, figures.sstables),
        (41, 1, 4)
    );
    assert_eq!((figures.log.appended, figures.log.pending), (41, 0));
    assert_eq!((figures.log.writes, figures.log.syncs), (41, 41));
    assert!(figures.log.written_bytes > 4_100);
    assert_eq!((figures.flushes.done, figures.flushes.failed), (4, 0));
    assert!(figures.flushes.written_bytes >= figures.disk_bytes);
    assert!(figures.memtables.bytes > 100);
    assert_eq!(figures.compactions.pending, 1);
    assert_eq!(count(&engine), 41);
    assert_eq!(count(&engine), 41);
    let table = &engine.tables_figures()[0];
    assert_eq!((table.keyspace.as_str(), table.name.as_str()), ("k", "t"));
    assert_eq!((table.partitions, table.rows), (40, 40));
    assert_eq!((table.reads.count, table.writes.count), (2, 41));
    assert_eq!(table.writes.timed, 3);
    assert_eq!((table.memtable_entries, table.memtable_switches), (1, 4));
    assert!(table.partition_bytes_mean > 0);
    assert!(table.filter_bytes > 0);
    let cache = engine.figures().block_cache;
    assert!(cache.hits > 0 && cache.misses > 0 && cache.entries > 0);
    assert!(cache.bytes > 0 && cache.bytes < cache.capacity_bytes);
    // A compaction: the old files count until the last reader is gone.
    let mut reader = engine.read(command(Projection::All, 0)).unwrap();
    reader.next().unwrap();
    engine.compact(TableId(1)).unwrap();
    let table = &engine.tables_figures()[0];
    assert_eq!((table.sstables, table.partitions), (1, 41));
    assert!(table.disk_bytes_total > table.disk_bytes);
    drop(reader);
    engine.run_until_idle().unwrap();
    let table = &engine.tables_figures()[0];
    assert_eq!(table.disk_bytes_total, table.disk_bytes);
    assert_eq!(disk.list("tables/1").unwrap().len(), 1);
    let done = engine.figures().compactions;
    assert_eq!((done.done, done.pending, done.failed), (1, 0, 0));
    assert!(done.read_bytes > done.written_bytes && done.written_bytes > 0);
}

#[test]
fn a_running_compaction_tells_how_far_it_is() {
    let (engine, _) = fresh(config());
    for file in 0..4 {
        let updates = (0..3_000).map(|partition| {
            let value = Cell::plain(file, Bytes::from(vec![b'v'; 10]));
            update(partition, vec![with_cell(row(b'a'), 3, value)])
        });
        let updates = updates.collect();
        engine.apply(Mutation { updates }).unwrap();
        engine.flush(None).unwrap();
    }
    assert!(engine.compactions().is_empty());
    engine.step().unwrap();
    let mut last = 0;
    let mut steps = 0;
    while let [running] = engine.compactions()[..] {
        assert_eq!((running.id, running.table), (1, TableId(1)));
        assert!(running.done_bytes >= last && running.done_bytes <= running.total_bytes);
        last = running.done_bytes;
        steps += 1;
        engine.step().unwrap();
    }
    assert!(steps > 2 && last > 0);
    assert_eq!(engine.figures().sstables, 1);
}

#[test]
fn autocompaction_can_be_switched_off_and_on() {
    let (engine, _) = fresh(config());
    engine.set_autocompaction(None, false).unwrap();
    assert!(!engine.is_autocompacted(TableId(1)));
    for partition in 0..4 {
        put(&engine, partition, 100).unwrap();
        engine.flush(None).unwrap();
    }
    engine.run_until_idle().unwrap();
    assert_eq!(engine.figures().sstables, 4);
    assert_eq!(engine.figures().compactions.pending, 0);
    engine.set_autocompaction(Some(TableId(1)), true).unwrap();
    assert!(engine.set_autocompaction(Some(TableId(9)), true).is_err());
    engine.run_until_idle().unwrap();
    assert_eq!(engine.figures().sstables, 1);
    // By hand it goes in any case.
    engine.set_autocompaction(Some(TableId(1)), false).unwrap();
    put(&engine, 9, 100).unwrap();
    engine.compact_tables(&[TableId(1)]).unwrap();
    assert_eq!(engine.figures().sstables, 1);
    assert_eq!(count(&engine), 5);
}

#[test]
fn a_drained_engine_reads_and_takes_no_writes() {
    let (engine, disk) = fresh(config());
    put(&engine, 1, 100).unwrap();
    engine.drain().unwrap();
    assert_eq!(engine.figures().sstables, 1);
    for error in [
        put(&engine, 2, 100).unwrap_err(),
        engine.truncate(TableId(1)).unwrap_err(),
        engine.change_schema(|_| Ok(Vec::new())).unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(error.message.contains("drained"), "{error}");
    }
    assert_eq!(count(&engine), 1);
    engine.drain().unwrap();
    engine.close().unwrap();
    let again = open(&disk, config());
    put(&again, 2, 100).unwrap();
    assert_eq!(count(&again), 2);
}

#[test]
fn estimates_are_those_of_the_files() {
    let (engine, _) = fresh(config());
    for partition in 0..100 {
        put(&engine, partition * 1_000, 100).unwrap();
    }
    engine.flush(None).unwrap();
    let ranges = [i64::MIN..=49_500, 49_501..=i64::MAX, i64::MIN..=-1];
    let estimates = engine.size_estimates(TableId(1), &ranges).unwrap();
    let partitions: Vec<u64> = estimates.iter().map(|it| it.partitions).collect();
    assert_eq!(partitions, [50, 50, 0]);
    assert!(estimates[0].partition_bytes_mean > 0);
    assert_eq!(estimates[2].partition_bytes_mean, 0);
}

#[test]
fn tickets_of_many_threads_all_become_durable() {
    let busy = Config {
        background: true,
        memtable_flush_bytes: 64 << 10,
        ..config()
    };
    let (engine, disk) = fresh(busy);
    let synced = Arc::new((Mutex::new(0_u64), Condvar::new()));
    let own = Arc::clone(&synced);
    engine.on_sync(Arc::new(move || {
        *own.0.lock().unwrap() += 1;
        own.1.notify_all();
    }));
    let submit = |partition| {
        let row = with_cell(row(b'a'), 3, text(1, "value"));
        let updates = vec![update(partition, vec![row])];
        engine.submit(Mutation { updates }).unwrap()
    };
    std::thread::scope(|scope| {
        for writer in 0..4_i64 {
            let (engine, synced, submit) = (&engine, &synced, &submit);
            scope.spawn(move || {
                for number in 0..100 {
                    let first = writer * 10_000 + number * 10;
                    if writer == 0 {
                        // One who waits by itself, beside those who don't.
                        put(engine, first, 10).unwrap();
                        continue;
                    }
                    let tickets = engine.gather(|| (first..first + 5).map(submit).max());
                    let Some(ticket) = tickets.flatten() else {
                        continue;
                    };
                    let guard = synced.0.lock().unwrap();
                    let pending = |_: &mut u64| !engine.is_durable(ticket).unwrap();
                    let (guard, late) = synced
                        .1
                        .wait_timeout_while(guard, Duration::from_secs(30), pending)
                        .unwrap();
                    drop(guard);
                    assert!(!late.timed_out(), "a wake-up was lost");
                }
            });
        }
    });
    assert_eq!(count(&engine), 1_600);
    let log = engine.figures().log;
    assert!(log.syncs < log.appended, "{log:?}");
    let image = disk.crash_image(5);
    engine.close().unwrap();
    assert_eq!(count(&open(&image, config())), 1_600);
}

#[test]
fn closing_wakes_whoever_waits() {
    let (engine, _) = fresh(config());
    let row = with_cell(row(b'a'), 3, text(1, "value"));
    let updates = vec![update(1, vec![row])];
    let ticket = engine.submit(Mutation { updates }).unwrap().unwrap();
    let calls = Arc::new(Mutex::new(0));
    let own = Arc::clone(&calls);
    engine.on_sync(Arc::new(move || *own.lock().unwrap() += 1));
    engine.close().unwrap();
    assert_eq!(*calls.lock().unwrap(), 1);
    assert!(engine.is_durable(ticket).unwrap());
}
