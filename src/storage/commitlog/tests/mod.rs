//! Tests of the commit log: modes, failures, crashes, and every byte cut and damaged in turn.

mod deferred;

use super::*;
use crate::clock::VirtualClock;
use crate::storage::disk::simulated::{Fault, FaultKind, SimulatedDisk};
use crate::storage::manifest::Manifest;

fn config(mode: CommitlogSync, segment_bytes: u64) -> Config {
    Config {
        commitlog_sync: mode,
        commitlog_segment_bytes: segment_bytes,
        ..Config::default()
    }
}

/// Opens the log of a disk: what was in it, and the log.
fn opened(disk: &SimulatedDisk, config: &Config) -> Result<(Vec<Record>, CommitLog)> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let (manifest, state) = Manifest::open(Arc::clone(&disk))?;
    let mut recovery = CommitLog::recover(disk, &state)?;
    let mut records = Vec::new();
    while let Some(record) = recovery.next()? {
        records.push(record);
    }
    let log = recovery.finish(config, VirtualClock::shared(0), Arc::new(manifest))?;
    Ok((records, log))
}

fn group(segment_bytes: u64) -> Config {
    config(CommitlogSync::Group, segment_bytes)
}

/// The payload that record `sequence` has in these tests.
fn payload(sequence: u64) -> Vec<u8> {
    let length = (sequence * 37 % 90) as usize;
    let mut bytes = format!("record {sequence} ").into_bytes();
    bytes.resize(bytes.len() + length, sequence as u8);
    bytes
}

fn append(log: &CommitLog, durable: bool) -> Result<u64> {
    let expected = log.appended() + 1;
    let bytes = payload(expected);
    let (head, tail) = bytes.split_at(3);
    let sequence = log.append(&[head, tail])?;
    assert_eq!(sequence, expected);
    if durable {
        log.wait_durable(sequence)?;
        assert!(log.durable() >= sequence || log.mode == CommitlogSync::Periodic);
    }
    Ok(sequence)
}

/// Checks that these are the records from 1 on, and answers how many.
fn prefix_length(records: &[Record]) -> u64 {
    for (number, record) in records.iter().enumerate() {
        assert_eq!(record.sequence, number as u64 + 1);
        assert_eq!(
            record.payload,
            payload(record.sequence),
            "{}",
            record.sequence
        );
    }
    records.len() as u64
}

/// A log of several groups in several segments; answers its disk and how many records it has.
fn filled() -> (SimulatedDisk, CommitLog, u64) {
    let disk = SimulatedDisk::new();
    let (_, log) = opened(&disk, &group(700)).unwrap();
    let mut last = 0;
    for number in 0..24 {
        last = append(&log, number % 3 == 2).unwrap();
    }
    (disk, log, last)
}

fn segments(disk: &SimulatedDisk) -> Vec<String> {
    let names = disk.list(DIRECTORY).unwrap();
    names
        .iter()
        .map(|name| format!("{DIRECTORY}/{name}"))
        .collect()
}

fn bytes_of(disk: &SimulatedDisk, path: &str) -> Vec<u8> {
    let file = disk.open(path).unwrap();
    let length = file.len().try_into().unwrap();
    file.read_at(0, length).unwrap().to_vec()
}

#[test]
fn records_come_back_in_every_mode() {
    for mode in [
        CommitlogSync::Group,
        CommitlogSync::Batch,
        CommitlogSync::Periodic,
    ] {
        let disk = SimulatedDisk::new();
        let mut expected = 0;
        for round in 0..4 {
            let (records, log) = opened(&disk, &config(mode, 2000)).unwrap();
            assert_eq!(prefix_length(&records), expected, "{mode:?} {round}");
            assert_eq!(log.appended(), expected);
            for _ in 0..50 {
                expected = append(&log, true).unwrap();
            }
            log.close().unwrap();
            assert_eq!(log.durable(), expected);
        }
        assert!(segments(&disk).len() >= 4);
    }
}

#[test]
fn a_writer_alone_pays_one_write_and_one_sync() {
    let disk = SimulatedDisk::new();
    let (_, log) = opened(&disk, &group(1 << 20)).unwrap();
    append(&log, true).unwrap();
    let before = disk.calls();
    append(&log, true).unwrap();
    assert_eq!(disk.calls() - before, 2);
    append(&log, false).unwrap();
    append(&log, true).unwrap();
    assert_eq!(disk.calls() - before, 4);
    assert!(!log.sync_step().unwrap());
    assert_eq!(disk.calls() - before, 4);
}

#[test]
fn periodic_syncs_by_the_clock_and_on_demand() {
    let disk = SimulatedDisk::new();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let (manifest, state) = Manifest::open(Arc::clone(&shared)).unwrap();
    let clock = VirtualClock::shared(0);
    let config = config(CommitlogSync::Periodic, 1 << 20);
    let log = CommitLog::recover(shared, &state)
        .unwrap()
        .finish(&config, clock.clone(), Arc::new(manifest))
        .unwrap();
    append(&log, true).unwrap();
    log.periodic_step().unwrap();
    assert_eq!((log.durable(), log.visible()), (0, 1));
    clock.advance_micros(10_000_000);
    log.periodic_step().unwrap();
    assert_eq!(log.durable(), 1);
    append(&log, true).unwrap();
    log.sync_through(2).unwrap();
    assert_eq!(log.durable(), 2);
    let before = disk.bytes_used();
    let sequence = log.append(&[&[1; PERIODIC_BUFFER_BYTES]]).unwrap();
    assert!(disk.bytes_used() > before + PERIODIC_BUFFER_BYTES as u64);
    assert!(log.durable() < sequence);
}

#[test]
fn writers_on_many_threads_share_syncs() {
    let directory = tempfile::tempdir().unwrap();
    let disk = crate::storage::disk::real::RealDisk::open(directory.path()).unwrap();
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let (manifest, state) = Manifest::open(Arc::clone(&disk)).unwrap();
    let log = CommitLog::recover(Arc::clone(&disk), &state)
        .unwrap()
        .finish(&group(4096), VirtualClock::shared(0), Arc::new(manifest))
        .unwrap();
    let seen = Mutex::new(std::collections::BTreeMap::new());
    std::thread::scope(|scope| {
        for thread in 0..6u8 {
            let (log, seen) = (&log, &seen);
            scope.spawn(move || {
                for number in 0..40u8 {
                    let sequence = log.append(&[&[thread], &[number; 20]]).unwrap();
                    log.wait_durable(sequence).unwrap();
                    assert!(log.durable() >= sequence);
                    seen.lock().unwrap().insert(sequence, (thread, number));
                }
            });
        }
    });
    let (_, state) = Manifest::open(Arc::clone(&disk)).unwrap();
    let mut recovery = CommitLog::recover(disk, &state).unwrap();
    for (sequence, (thread, number)) in seen.into_inner().unwrap() {
        let record = recovery.next().unwrap().unwrap();
        assert_eq!(record.sequence, sequence);
        assert_eq!(record.payload[..2], [thread, number]);
    }
    assert_eq!(recovery.next().unwrap(), None);
}

#[test]
fn too_large_a_record_is_refused() {
    let disk = SimulatedDisk::new();
    let (_, log) = opened(&disk, &group(1 << 20)).unwrap();
    let bytes = vec![7; MUTATION_BYTES_MAX + 1];
    let error = log.append(&[&bytes]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    let sequence = log.append(&[&bytes[1..]]).unwrap();
    log.wait_durable(sequence).unwrap();
    let (records, _) = opened(&disk, &group(1 << 20)).unwrap();
    assert_eq!(records[0].payload.len(), MUTATION_BYTES_MAX);
}

#[test]
fn cut_anywhere_the_newest_segment_is_torn_and_older_ones_are_damaged() {
    let (disk, log, last) = filled();
    drop(log);
    let paths = segments(&disk);
    assert!(paths.len() >= 3, "{paths:?}");
    let newest = paths.last().unwrap();
    for path in &paths {
        let whole = bytes_of(&disk, path);
        let mut before = 0;
        for length in 0..whole.len() {
            disk.overwrite(path, &whole[..length]).unwrap();
            match opened(&disk.crash_image(1), &group(700)) {
                Ok((records, log)) => {
                    assert_eq!(path, newest);
                    let count = prefix_length(&records);
                    assert!(count >= before && count < last, "{count} at {length}");
                    before = count;
                    // It goes on behind what is left.
                    assert_eq!(append(&log, true).unwrap(), count + 1);
                }
                Err(error) => {
                    assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
                    assert_ne!(path, newest, "cut at {length}: {error}");
                }
            }
        }
        disk.overwrite(path, &whole).unwrap();
    }
}

#[test]
fn no_flipped_byte_goes_unseen() {
    let (disk, log, last) = filled();
    let paths = segments(&disk);
    let newest = paths.last().unwrap();
    let (records, _) = opened(&disk.crash_image(1), &group(700)).unwrap();
    assert_eq!(prefix_length(&records), last);
    for path in &paths {
        let whole = bytes_of(&disk, path);
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x24;
            disk.overwrite(path, &damaged).unwrap();
            match opened(&disk.crash_image(1), &group(700)) {
                // Only the last group of all cannot be told from one that was never finished.
                Ok((records, _)) => {
                    assert_eq!(path, newest);
                    assert_eq!(prefix_length(&records), last - 3, "flipped at {at}");
                }
                Err(error) => {
                    assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
                    assert!(error.message.contains(path.as_str()), "{error}");
                }
            }
        }
        disk.overwrite(path, &whole).unwrap();
    }
    // After a clean close nothing can be taken for a torn end.
    log.close().unwrap();
    for path in segments(&disk) {
        let whole = bytes_of(&disk, &path);
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x24;
            disk.overwrite(&path, &damaged).unwrap();
            let error = opened(&disk, &group(700)).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
        }
        disk.overwrite(&path, &whole).unwrap();
    }
}

#[test]
fn valid_records_behind_a_torn_one_are_not_taken() {
    let disk = SimulatedDisk::new();
    let (_, log) = opened(&disk, &config(CommitlogSync::Periodic, 1 << 20)).unwrap();
    append(&log, true).unwrap();
    log.sync_step().unwrap();
    let path = segments(&disk).remove(0);
    let synced = bytes_of(&disk, &path).len();
    for _ in 0..3 {
        append(&log, true).unwrap();
        log.periodic_step().unwrap();
    }
    let mut bytes = bytes_of(&disk, &path);
    bytes[synced + 50] ^= 1;
    disk.overwrite(&path, &bytes).unwrap();
    let (records, log) = opened(&disk, &group(1 << 20)).unwrap();
    assert_eq!(prefix_length(&records), 1);
    append(&log, true).unwrap();
    let (records, _) = opened(&disk, &group(1 << 20)).unwrap();
    assert_eq!(prefix_length(&records), 2);
    let state = Manifest::open(Arc::new(disk.clone())).unwrap().1;
    assert_eq!(state.sealed.values().next(), Some(&(synced as u64)));
    let summary = verify(Arc::new(disk), &state).unwrap();
    assert_eq!((summary.segments, summary.records), (2, 2));
    assert!(summary.torn > 0);
}

#[test]
fn a_sealed_segment_that_lost_its_start_is_damaged() {
    let disk = SimulatedDisk::new();
    let (_, log) = opened(&disk, &group(1 << 20)).unwrap();
    append(&log, true).unwrap();
    log.close().unwrap();
    drop(log);
    let path = segments(&disk).remove(0);
    let whole = bytes_of(&disk, &path);
    let zeros = vec![0; whole.len()];
    for damaged in [&zeros[..], &whole[..1], &whole[..40], &whole[1..]] {
        disk.overwrite(&path, damaged).unwrap();
        let error = opened(&disk, &group(1 << 20)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
        assert!(error.message.contains("0000000001.log"), "{error}");
    }
    disk.overwrite(&path, &whole).unwrap();
    let (records, _) = opened(&disk, &group(1 << 20)).unwrap();
    assert_eq!(prefix_length(&records), 1);
    disk.remove(&path).unwrap();
    let error = opened(&disk, &group(1 << 20)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
    assert!(
        error
            .message
            .contains("0000000001.log: damaged at offset 0: the file is missing")
    );
}

#[test]
fn a_missing_segment_is_noticed_unless_it_was_reclaimed() {
    let (disk, log, last) = filled();
    let image = disk.crash_image(1);
    image.remove(&segments(&image)[1]).unwrap();
    let error = opened(&image, &group(700)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);
    assert!(error.message.contains("is missing"), "{error}");

    let before = log.bytes();
    log.reclaim(10).unwrap();
    assert!(log.bytes() < before);
    let (records, _) = opened(&disk, &group(700)).unwrap();
    let first = records[0].sequence;
    assert!((2..=11).contains(&first), "{first}");
    assert_eq!(records.last().unwrap().sequence, last);
    log.close().unwrap();
    log.reclaim(last).unwrap();
    assert_eq!((log.bytes(), segments(&disk).len()), (0, 0));
    let (records, log) = opened(&disk, &group(700)).unwrap();
    assert_eq!(records, []);
    assert_eq!(append(&log, true).unwrap(), last + 1);
    assert!(!segments(&disk)[0].ends_with("0000000001.log"));
}

#[test]
fn a_full_disk_refuses_and_resumes() {
    for mode in [CommitlogSync::Group, CommitlogSync::Batch] {
        let disk = SimulatedDisk::new();
        let (_, log) = opened(&disk, &config(mode, 2000)).unwrap();
        append(&log, true).unwrap();
        for room in [0, 1, 30, 100, 200, 400] {
            let mut acknowledged = log.durable();
            disk.set_bytes_max(disk.bytes_used() + room);
            let error = loop {
                match append(&log, true) {
                    Ok(sequence) => acknowledged = sequence,
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind, ErrorKind::DiskFull, "{error}");
            assert_eq!(log.durable(), acknowledged);
            let tried = log.appended();
            for _ in 0..3 {
                let error = log.append(&[b"refused"]).unwrap_err();
                assert_eq!(error.kind, ErrorKind::DiskFull, "{error}");
            }
            assert_eq!(log.appended(), tried);
            for seed in 0..5 {
                let (records, _) = opened(&disk.crash_image(seed), &group(2000)).unwrap();
                assert!((acknowledged..=tried).contains(&prefix_length(&records)));
            }
            disk.set_bytes_max(u64::MAX);
            let sequence = append(&log, true).unwrap();
            let (records, _) = opened(&disk.crash_image(3), &group(2000)).unwrap();
            assert_eq!(prefix_length(&records), sequence);
        }
    }
}

#[test]
fn a_failed_sync_ends_all_writing() {
    let disk = SimulatedDisk::new();
    let (_, log) = opened(&disk, &group(1 << 20)).unwrap();
    append(&log, true).unwrap();
    append(&log, false).unwrap();
    disk.set_fault(Some(Fault {
        call: disk.calls() + 2,
        kind: FaultKind::Io,
        persistent: false,
    }));
    let error = log.wait_durable(2).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Io);
    assert!(error.message.contains("restart to recover"), "{error}");
    assert_eq!(log.durable(), 1);
    assert!(log.append(&[b"x"]).is_err());
    assert!(log.wait_durable(2).is_err());
    assert!(log.sync_step().is_err());
    assert!(log.close().is_err());
    let (records, _) = opened(&disk.crash_image(3), &group(1 << 20)).unwrap();
    assert!(prefix_length(&records) >= 1);
}

/// Appends until something fails, or to the end; answers the last acknowledged and the last tried.
fn work(disk: &SimulatedDisk, acknowledged: &AtomicU64, tried: &AtomicU64) -> Result<()> {
    let (_, log) = opened(disk, &group(500))?;
    for number in 0..12 {
        tried.store(log.appended() + 1, Ordering::SeqCst);
        if let Ok(sequence) = append(&log, number % 2 == 1)
            && number % 2 == 1
        {
            acknowledged.store(sequence, Ordering::SeqCst);
        }
        tried.store(log.appended(), Ordering::SeqCst);
    }
    Ok(())
}

#[test]
fn every_single_failure_keeps_what_was_acknowledged() {
    for kind in [FaultKind::Io, FaultKind::DiskFull, FaultKind::ShortWrite] {
        for persistent in [false, true] {
            for call in 1..80 {
                let disk = SimulatedDisk::new();
                disk.set_fault(Some(Fault {
                    call,
                    kind,
                    persistent,
                }));
                let (acknowledged, tried) = (AtomicU64::new(0), AtomicU64::new(0));
                let _ = work(&disk, &acknowledged, &tried);
                disk.set_fault(None);
                for seed in 0..3 {
                    let image = disk.crash_image(seed);
                    let (records, log) = opened(&image, &group(500)).unwrap();
                    let found = prefix_length(&records);
                    assert!(found >= acknowledged.load(Ordering::SeqCst), "call {call}");
                    assert!(found <= tried.load(Ordering::SeqCst), "call {call}");
                    append(&log, true).unwrap();
                }
            }
        }
    }
}

#[test]
fn every_crash_keeps_what_was_acknowledged() {
    let images = Arc::new(Mutex::new(Vec::new()));
    let (acknowledged, tried) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut disk = SimulatedDisk::new();
    for round in 0..3u64 {
        let (shared, taken) = (disk.clone(), Arc::clone(&images));
        let (low, high) = (Arc::clone(&acknowledged), Arc::clone(&tried));
        disk.set_observer(Some(Box::new(move |call| {
            for seed in 0..8 {
                let image = shared.crash_image(round << 32 | call << 8 | seed);
                let bounds = (low.load(Ordering::SeqCst), high.load(Ordering::SeqCst));
                taken.lock().unwrap().push((bounds, image));
            }
        })));
        work(&disk, &acknowledged, &tried).unwrap();
        disk.set_observer(None);
        // The next round starts from a crash.
        disk = disk.crash_image(round);
        let (records, _) = opened(&disk.crash_image(0), &group(500)).unwrap();
        let found = prefix_length(&records);
        acknowledged.store(found, Ordering::SeqCst);
        tried.store(found, Ordering::SeqCst);
    }
    let images = images.lock().unwrap();
    assert!(images.len() > 500, "{}", images.len());
    for ((low, high), image) in images.iter() {
        let (records, log) = opened(image, &group(500)).unwrap();
        let found = prefix_length(&records);
        assert!((low..=high).contains(&&found), "{low} {found} {high}");
        let next = append(&log, true).unwrap();
        assert_eq!(next, found + 1);
        let (records, _) = opened(&image.crash_image(7), &group(500)).unwrap();
        assert_eq!(prefix_length(&records), next);
    }
}

#[test]
fn inspection_shows_groups_and_torn_ends() {
    let (disk, _, _) = filled();
    let path = segments(&disk).pop().unwrap();
    let mut bytes = bytes_of(&disk, &path);
    bytes.extend_from_slice(b"torn");
    disk.overwrite(&path, &bytes).unwrap();
    let mut out = String::new();
    inspect(&disk, &path, &mut out).unwrap();
    assert!(out.contains("group of 3 records from 22 on"), "{out}");
    assert!(out.contains("4 bytes behind the last whole group"), "{out}");
}
