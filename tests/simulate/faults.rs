//! Each single call fails once, or from then on; and the disk fills up.
//!
//! The workload only adds rows, each operation its own and all of them atomic, since an operation
//! that answered an error may have been carried out or not, now or later.

use crate::world::{Change, Contents, Operation, open, perform};
use helenus::ErrorKind;
use helenus::storage::Engine;
use helenus::storage::disk::simulated::{Fault, FaultKind, SimulatedDisk};
use std::collections::BTreeSet;

const OPERATIONS: u64 = 24;

fn operation(number: u64) -> Operation {
    match number {
        1 => Operation::Create("a".to_owned()),
        2 => Operation::Create("b".to_owned()),
        number if number % 7 == 0 => Operation::Flush,
        16 => Operation::Compact("a".to_owned()),
        20 => Operation::Background,
        11 => Operation::Reindex("a".to_owned()),
        number => Operation::Write(vec![
            ("a".to_owned(), 1, Change::Put(vec![number as u32])),
            (
                "b".to_owned(),
                2,
                Change::Put(vec![number as u32, 100 + number as u32]),
            ),
        ]),
    }
}

/// What the client knows: which operations were acknowledged.
#[derive(Default)]
struct Known {
    acknowledged: BTreeSet<u64>,
}

impl Known {
    fn run(&mut self, engine: &Engine, from: u64) {
        for number in from..=OPERATIONS {
            if perform(engine, number, &operation(number)).is_ok() {
                self.acknowledged.insert(number);
            }
        }
    }

    /// Every acknowledged write is there, every other one wholly or not at all, and no more.
    fn check(&self, engine: &Engine, place: &str) {
        let found = Contents::of(engine).unwrap_or_else(|error| panic!("{place}: {error}"));
        let mut expected = Contents::default();
        for number in 1..=OPERATIONS {
            let mut with = expected.clone();
            with.apply(number, &operation(number));
            let new = |place: &&crate::world::Place| !expected.rows.contains_key(*place);
            let rows = with.rows.keys().filter(new);
            let there = rows
                .clone()
                .filter(|row| found.rows.contains_key(*row))
                .count();
            let sure = self.acknowledged.contains(&number);
            let all = rows.count();
            assert!(
                there == all || (there == 0 && !sure),
                "{place}: operation {number}"
            );
            let table_there = with
                .tables
                .keys()
                .all(|table| found.tables.contains_key(table));
            if there > 0 || sure || table_there {
                with.rows.retain(|place, _| found.rows.contains_key(place));
                with.tables
                    .retain(|table, _| found.tables.contains_key(table));
                expected = with;
            }
            if sure && number <= 2 {
                assert!(table_there, "{place}: operation {number}");
            }
        }
        assert!(
            found == expected,
            "{place}: found {found:?}\nexpected {expected:?}"
        );
    }
}

fn sweep(kind: FaultKind, persistent: bool) -> u64 {
    let mut call = 0;
    loop {
        call += 1;
        let place = format!("{kind:?} at call {call}, persistent: {persistent}");
        let disk = SimulatedDisk::new();
        disk.set_fault(Some(Fault {
            call,
            kind,
            persistent,
        }));
        let mut known = Known::default();
        if let Ok(engine) = open(&disk) {
            known.run(&engine, 1);
            if disk.calls() < call {
                return call;
            }
            disk.set_fault(None);
            known.check(&engine, &place);
        }
        disk.set_fault(None);
        let image = disk.crash_image(call);
        let engine = open(&image).unwrap_or_else(|error| panic!("{place}, crash: {error}"));
        known.check(&engine, &format!("{place}, crash"));
        let engine = open(&disk).unwrap_or_else(|error| panic!("{place}, restart: {error}"));
        known.check(&engine, &format!("{place}, restart"));
        // After the restart everything works again.
        known.run(&engine, OPERATIONS - 1);
        for number in [OPERATIONS - 1, OPERATIONS] {
            let tables = known.acknowledged.contains(&1) && known.acknowledged.contains(&2);
            assert!(known.acknowledged.contains(&number) || !tables, "{place}");
        }
    }
}

#[test]
fn any_call_may_fail_once() {
    for kind in [FaultKind::Io, FaultKind::DiskFull, FaultKind::ShortWrite] {
        let calls = sweep(kind, false);
        assert!(calls > 100, "only {calls} calls");
    }
}

#[test]
fn from_any_call_on_all_changes_may_fail() {
    for kind in [FaultKind::Io, FaultKind::DiskFull] {
        let calls = sweep(kind, true);
        assert!(calls > 100, "only {calls} calls");
    }
}

#[test]
fn on_a_full_disk_reads_go_on_and_writes_resume() {
    let disk = SimulatedDisk::new();
    let engine = open(&disk).unwrap();
    let create = Operation::Create("a".to_owned());
    perform(&engine, 1, &create).unwrap();
    let mut expected = Contents::default();
    expected.apply(1, &create);
    let mut number = 1;
    let mut write = |engine: &Engine, expected: &mut Contents| {
        number += 1;
        let rows = (0..20).collect();
        let write = Operation::Write(vec![("a".to_owned(), number as u32, Change::Put(rows))]);
        perform(engine, number, &write).map(|()| expected.apply(number, &write))
    };
    for room in [0, 100, 3000, 9000, 20_000] {
        disk.set_bytes_max(disk.bytes_used() + room);
        let mut refused = Vec::new();
        for _ in 0..40 {
            match write(&engine, &mut expected) {
                Ok(()) => assert!(refused.is_empty(), "a write went through on a full disk"),
                Err(error) => {
                    assert_eq!(error.kind, ErrorKind::DiskFull, "{error}");
                    refused.push(error);
                }
            }
            // The files that a flush needs don't fit either; that harms nobody.
            if refused.len() == 3 {
                let _ = engine.flush(None);
            }
        }
        assert!(!refused.is_empty(), "room for {room} bytes was enough");
        assert!(Contents::of(&engine).unwrap() == expected);
        disk.set_bytes_max(u64::MAX);
        // Those that were under way when the disk was full are carried out now, or not at all.
        let before = expected.clone();
        write(&engine, &mut expected).unwrap();
        let found = Contents::of(&engine).unwrap();
        for place in expected.rows.keys() {
            assert!(found.rows.contains_key(place));
        }
        assert!(found.rows.len() - expected.rows.len() <= 20);
        assert!(before.rows.len() < expected.rows.len());
        expected = found;
        engine.flush(None).unwrap();
        let image = open(&disk.crash_image(room)).unwrap();
        assert!(Contents::of(&image).unwrap() == expected);
    }
}
