//! Work that must not wait: what is refused, and that nothing has changed by then.

use super::durability::{count, fresh, open, put};
use super::*;
use crate::error::{ErrorKind, Result};
use crate::storage::blocking::resident;
use crate::storage::read::ScanCommand;

fn one(engine: &Engine, partition: i64) -> Result<bool> {
    let keys = ReadCommand {
        partitions: Partitions::Keys(vec![key(partition)]),
        ..command(Projection::All, 0)
    };
    let mut stream = engine.read(keys)?;
    let found = stream.next()?.is_some();
    while stream.next()?.is_some() {}
    Ok(found)
}

fn mutation(partition: i64, bytes: usize) -> Mutation {
    let value = Cell::plain(1, Bytes::from(vec![b'v'; bytes]));
    Mutation {
        updates: vec![update(partition, vec![with_cell(row(b'a'), 3, value)])],
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T>) {
    assert_eq!(result.unwrap_err().kind, ErrorKind::WouldBlock);
}

#[test]
fn a_read_is_refused_until_its_blocks_are_in_the_cache() {
    let (engine, disk) = fresh(config());
    for partition in 0..50 {
        put(&engine, partition, 10).unwrap();
    }
    engine.flush(None).unwrap();
    engine.close().unwrap();
    let engine = open(&disk, config());
    let calls = disk.calls();
    refused(resident(|| one(&engine, 7)));
    refused(resident(|| one(&engine, 7)));
    assert_eq!(disk.calls(), calls);
    assert!(one(&engine, 7).unwrap());
    assert!(resident(|| one(&engine, 7)).unwrap());
    assert!(resident(|| one(&engine, 8)).unwrap(), "the same block");
    // By range, too; and what is in a memtable needs no file.
    put(&engine, 1_000, 10).unwrap();
    assert!(resident(|| one(&engine, 1_000)).unwrap());
    assert_eq!(resident(|| count(&engine)), 51);
    // Those that were refused are counted where they are repeated.
    assert_eq!(engine.tables_figures()[0].reads.count, 5);
}

#[test]
fn a_new_file_needs_no_disk_to_say_that_it_has_nothing() {
    let (engine, disk) = fresh(config());
    for round in 0..2 {
        for partition in 0..50 {
            put(&engine, partition * 10, 10).unwrap();
        }
        engine.flush(None).unwrap();
        if round == 1 {
            engine.compact(TableId(1)).unwrap();
        }
        let calls = disk.calls();
        let found =
            (0..50).filter(|it| !matches!(resident(|| one(&engine, it * 10 + 5)), Ok(false)));
        assert!(found.count() < 5, "but for what a filter lets through");
        assert_eq!(disk.calls(), calls);
        refused(resident(|| one(&engine, 10)));
    }
}

#[test]
fn without_a_cache_reads_of_files_are_always_refused() {
    let bare = Config {
        block_cache_bytes_max: 0,
        ..config()
    };
    let (engine, _) = fresh(bare);
    put(&engine, 1, 10).unwrap();
    assert!(resident(|| one(&engine, 1)).unwrap());
    engine.flush(None).unwrap();
    for _ in 0..2 {
        assert!(one(&engine, 1).unwrap());
        refused(resident(|| one(&engine, 1)));
    }
}

#[test]
fn values_on_pages_of_their_own_are_read_each_time() {
    let (engine, _) = fresh(config());
    put(&engine, 1, 20_000).unwrap();
    engine.flush(None).unwrap();
    assert!(one(&engine, 1).unwrap());
    refused(resident(|| one(&engine, 1)));
}

#[test]
fn a_write_that_would_wait_for_room_changes_nothing() {
    let tight = Config {
        memtable_bytes_max: 16 << 10,
        ..config()
    };
    let (engine, _) = fresh(tight);
    let mut written = 0;
    let error = loop {
        match resident(|| engine.submit(mutation(written, 1_000))) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind, ErrorKind::WouldBlock);
    assert_eq!(engine.inner().log.appended(), written as u64);
    assert_eq!(engine.tables_figures()[0].writes.count, written as u64);
    engine.run_until_idle().unwrap();
    assert_eq!(count(&engine), written as usize);
    resident(|| engine.submit(mutation(written, 1_000))).unwrap();
}

#[test]
fn whoever_must_not_wait_submits() {
    let (engine, _) = fresh(config());
    refused(resident(|| engine.apply(mutation(1, 10))));
    let keys = [(TableId(1), key(1))];
    refused(resident(|| {
        engine.read_modify_write(&keys, |_| Ok((Some(mutation(1, 10)), ())))
    }));
    assert_eq!(engine.inner().log.appended(), 0);
    let ticket = resident(|| engine.submit(mutation(1, 10)))
        .unwrap()
        .unwrap();
    assert_eq!(count(&engine), 0);
    assert!(!engine.is_durable(ticket).unwrap());
    refused(resident(|| engine.wait(ticket)));
    assert!(engine.step().unwrap());
    assert!(engine.is_durable(ticket).unwrap());
    assert_eq!(count(&engine), 1);
    // What is decided is decided on what was appended, and must wait for that.
    let unseen = resident(|| engine.submit(mutation(2, 10)))
        .unwrap()
        .unwrap();
    let (found, later) = resident(|| {
        engine.read_modify_write_deferred(&[(TableId(1), key(2))], |view| {
            let keys = ReadCommand {
                partitions: Partitions::Keys(vec![key(2)]),
                ..command(Projection::All, 0)
            };
            Ok((None, view.read(keys)?.next()?.is_some()))
        })
    })
    .unwrap();
    assert!(found);
    assert_eq!(later, Some(unseen));
    engine.wait(unseen).unwrap();
    assert_eq!(count(&engine), 2);
}

#[test]
fn a_lock_that_another_holds_is_not_waited_for() {
    let (engine, _) = fresh(config());
    let keys = [(TableId(1), key(1))];
    let none = || Ok((None, ()));
    let inner = engine
        .read_modify_write(&keys, |_| {
            let inner = resident(|| engine.read_modify_write_deferred(&keys, |_| none()));
            Ok((None, inner))
        })
        .unwrap();
    refused(inner);
    resident(|| engine.read_modify_write_deferred(&keys, |_| none())).unwrap();
    // Writers are held back while memtables are set aside.
    let gate = engine.inner().shut_gate();
    refused(resident(|| engine.submit(mutation(1, 10))));
    drop(gate);
    resident(|| engine.submit(mutation(1, 10))).unwrap();
}

#[test]
fn long_work_is_refused() {
    let (engine, _) = fresh(config());
    put(&engine, 1, 10).unwrap();
    let id = TableId(1);
    let scan = ScanCommand {
        columns: vec![ColumnId(3)],
        ..ScanCommand::new(id, 0)
    };
    resident(|| {
        refused(engine.flush(None));
        refused(engine.compact(id));
        refused(engine.truncate(id));
        refused(engine.drain());
        refused(engine.change_schema(|_| Ok(Vec::new())));
        refused(engine.scan(scan));
    });
    assert_eq!(count(&engine), 1);
}
