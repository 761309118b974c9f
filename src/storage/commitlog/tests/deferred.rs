//! Tests of those who wait for the log without a thread.

use super::*;

/// A log, its disk, and how often it called back.
fn watched(config: &Config) -> (SimulatedDisk, Arc<CommitLog>, Arc<AtomicU64>) {
    let disk = SimulatedDisk::new();
    let (_, log) = opened(&disk, config).unwrap();
    append(&log, true).unwrap();
    log.sync_through(1).unwrap();
    let calls = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&calls);
    log.serve().unwrap();
    log.on_sync(Arc::new(move || {
        counter.fetch_add(1, Ordering::SeqCst);
    }));
    (disk, Arc::new(log), calls)
}

fn called(calls: &AtomicU64) -> u64 {
    calls.load(Ordering::SeqCst)
}

fn append_wanted(log: &CommitLog) -> u64 {
    let sequence = append(log, false).unwrap();
    assert!(log.want(sequence));
    sequence
}

#[test]
fn those_who_came_together_share_a_write_and_a_sync() {
    let (disk, log, calls) = watched(&group(1 << 20));
    let sequences: Vec<u64> = (0..5).map(|_| append_wanted(&log)).collect();
    let before = disk.calls();
    assert!(sequences.iter().all(|it| !log.is_durable(*it).unwrap()));
    assert_eq!(called(&calls), 0);
    assert!(log.serve().unwrap());
    assert_eq!(disk.calls() - before, 2);
    assert_eq!(called(&calls), 1);
    assert!(sequences.iter().all(|it| log.is_durable(*it).unwrap()));
    assert!(!log.want(sequences[0]), "there is nothing left to wait for");
    assert!(!log.serve().unwrap());
    assert_eq!((disk.calls() - before, called(&calls)), (2, 1));
}

#[test]
fn what_comes_during_a_sync_is_the_next_group() {
    let (disk, log, calls) = watched(&group(1 << 20));
    append_wanted(&log);
    let before = disk.changes();
    let (late, told) = (Arc::clone(&log), Arc::clone(&calls));
    disk.set_observer(Some(Box::new(move |change| {
        // The second change is the sync of the first group.
        if change == before + 1 {
            append_wanted(&late);
            append_wanted(&late);
        }
        // By the second group's write the first one was told.
        if change > before + 1 {
            assert_eq!(called(&told), 1);
        }
    })));
    assert!(log.serve().unwrap());
    disk.set_observer(None);
    assert_eq!(disk.changes() - before, 4);
    assert_eq!((log.durable(), called(&calls)), (4, 2));
}

#[test]
fn a_turn_that_another_led_counts() {
    let (disk, log, calls) = watched(&group(1 << 20));
    let sequence = append_wanted(&log);
    log.wait_durable(sequence).unwrap();
    assert_eq!(called(&calls), 0);
    let before = disk.calls();
    assert!(!log.serve().unwrap());
    assert_eq!((disk.calls(), called(&calls)), (before, 1));
    assert!(log.is_durable(sequence).unwrap());
}

#[test]
fn a_full_disk_is_told_and_passes() {
    let (disk, log, calls) = watched(&group(1 << 20));
    let first = append_wanted(&log);
    disk.set_fault(Some(Fault {
        call: disk.calls() + 1,
        kind: FaultKind::DiskFull,
        persistent: true,
    }));
    let (late, changes) = (Arc::clone(&log), disk.changes());
    disk.set_observer(Some(Box::new(move |change| {
        if change == changes {
            append_wanted(&late);
        }
    })));
    assert_eq!(log.serve().unwrap_err().kind, ErrorKind::DiskFull);
    disk.set_observer(None);
    assert_eq!(called(&calls), 1);
    // What filled meanwhile can't be written either.
    for sequence in [first, first + 1] {
        let error = log.is_durable(sequence).unwrap_err();
        assert_eq!(error.kind, ErrorKind::DiskFull);
    }
    assert_eq!(log.serve().unwrap_err().kind, ErrorKind::DiskFull);
    disk.set_fault(None);
    assert!(log.serve().unwrap());
    assert!(log.is_durable(first + 1).unwrap());
    let last = append(&log, true).unwrap();
    let (records, _) = opened(&disk.crash_image(1), &group(1 << 20)).unwrap();
    assert_eq!(prefix_length(&records), last);
}

#[test]
fn tries_on_a_full_disk_take_no_room() {
    let (disk, log, _) = watched(&group(1 << 20));
    disk.set_bytes_max(disk.bytes_used() + 5);
    let sequence = append_wanted(&log);
    let (used, names) = (disk.bytes_used(), segments(&disk));
    for _ in 0..5 {
        assert_eq!(log.serve().unwrap_err().kind, ErrorKind::DiskFull);
        assert!(append(&log, false).is_err());
        assert_eq!((disk.bytes_used(), segments(&disk)), (used, names.clone()));
    }
    disk.set_bytes_max(u64::MAX);
    assert!(log.serve().unwrap());
    assert!(log.is_durable(sequence).unwrap());
    let last = append(&log, true).unwrap();
    assert_eq!(segments(&disk), names);
    for seed in 0..10 {
        let (records, _) = opened(&disk.crash_image(seed), &group(1 << 20)).unwrap();
        assert_eq!(prefix_length(&records), last);
    }
}

#[test]
fn a_failed_sync_is_told_for_good() {
    let (disk, log, calls) = watched(&group(1 << 20));
    let sequence = append_wanted(&log);
    disk.set_fault(Some(Fault {
        call: disk.calls() + 2,
        kind: FaultKind::Io,
        persistent: false,
    }));
    for _ in 0..2 {
        assert_eq!(log.serve().unwrap_err().kind, ErrorKind::Io);
        assert!(log.is_durable(sequence).is_err());
    }
    assert!(called(&calls) >= 1);
    assert!(log.is_durable(1).unwrap(), "what was durable still is");
}

#[test]
fn the_end_wakes_all() {
    let (_, log, calls) = watched(&group(1 << 20));
    let sequence = append_wanted(&log);
    log.close().unwrap();
    assert_eq!(called(&calls), 1);
    assert!(log.is_durable(sequence).unwrap());
    assert!(log.is_durable(sequence + 1).is_err());
}

#[test]
fn other_modes_have_nothing_to_wait_for() {
    for mode in [CommitlogSync::Batch, CommitlogSync::Periodic] {
        let (disk, log, _) = watched(&config(mode, 1 << 20));
        let sequence = append(&log, false).unwrap();
        let before = disk.calls();
        assert!(!log.want(sequence));
        assert!(log.is_durable(sequence).unwrap());
        assert!(!log.serve().unwrap());
        assert_eq!(disk.calls(), before);
    }
}

#[test]
fn the_bell_rings_at_the_end_of_what_is_gathered() {
    let (_, log, _) = watched(&group(1 << 20));
    let (_, other, _) = watched(&group(1 << 20));
    log.gather(|| {
        append_wanted(&log);
        log.gather(|| append_wanted(&log));
        assert!(!log.bell().is_rung());
        append_wanted(&other);
        assert!(other.bell().is_rung());
        other.gather(|| append_wanted(&other));
        assert!(!log.bell().is_rung());
    });
    assert!(log.bell().is_rung());
    let (_, quiet, _) = watched(&group(1 << 20));
    quiet.gather(|| append(&quiet, false)).unwrap();
    assert!(!quiet.bell().is_rung(), "nobody waits");
}

#[test]
fn a_thread_that_must_not_wait_does_not_write() {
    let (disk, log, _) = watched(&config(CommitlogSync::Batch, 1 << 20));
    let refused = blocking::resident(|| log.append(&[b"x"])).unwrap_err();
    assert_eq!((refused.kind, log.appended()), (ErrorKind::WouldBlock, 1));
    // A periodic log leaves the writing to its thread.
    let (periodic_disk, log, _) = watched(&config(CommitlogSync::Periodic, 1 << 20));
    let before = (disk.calls(), periodic_disk.calls());
    let large = vec![0; PERIODIC_BUFFER_BYTES];
    blocking::resident(|| log.append(&[&large])).unwrap();
    assert_eq!((disk.calls(), periodic_disk.calls()), before);
    assert!(log.bell().is_rung());
    // After a failure an append would have to try again.
    let (disk, log, _) = watched(&group(1 << 20));
    append_wanted(&log);
    disk.set_fault(Some(Fault {
        call: disk.calls() + 1,
        kind: FaultKind::DiskFull,
        persistent: false,
    }));
    assert!(log.serve().is_err());
    let refused = blocking::resident(|| log.append(&[b"x"])).unwrap_err();
    assert_eq!((refused.kind, log.appended()), (ErrorKind::WouldBlock, 2));
}
