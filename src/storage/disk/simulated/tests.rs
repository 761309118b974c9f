//! Tests of the simulated disk itself.

use super::*;

fn written(disk: &SimulatedDisk, path: &str, bytes: &[u8]) -> Box<dyn WriteFile> {
    let mut file = disk.create(path).unwrap();
    file.append(bytes).unwrap();
    file
}

fn all(disk: &SimulatedDisk, path: &str) -> Option<Vec<u8>> {
    let file = disk.open(path).ok()?;
    Some(
        file.read_at(0, file.len().try_into().unwrap())
            .unwrap()
            .to_vec(),
    )
}

#[test]
fn reads_cross_chunks() {
    let disk = SimulatedDisk::new();
    let bytes: Vec<u8> = (0..700_000_u32).map(|i| (i % 251) as u8).collect();
    let mut file = disk.create("a").unwrap();
    for part in bytes.chunks(70_001) {
        file.append(part).unwrap();
    }
    let check = |read: &Arc<dyn ReadFile>| {
        for (at, length) in [
            (0, 700_000),
            (262_143, 2),
            (262_144, 10),
            (524_000, 176_000),
        ] {
            assert_eq!(
                &read.read_at(at as u64, length).unwrap()[..],
                &bytes[at..at + length]
            );
        }
        assert!(read.read_at(1, 700_000).is_err());
    };
    let read = disk.open("a").unwrap();
    check(&read);
    drop(file);
    check(&read);
    assert_eq!(disk.bytes_used(), 700_000);
    disk.remove("a").unwrap();
    check(&read);
    drop(read);
    disk.sync_directory("").unwrap();
    assert_eq!(disk.bytes_used(), 0);
}

#[test]
fn a_crash_keeps_what_was_synced_and_no_more_for_certain() {
    let disk = SimulatedDisk::new();
    disk.create_directory("d").unwrap();
    disk.sync_directory("").unwrap();
    let mut file = written(&disk, "d/a", b"synced");
    file.sync().unwrap();
    disk.sync_directory("d").unwrap();
    file.append(&[7; 2000]).unwrap();
    written(&disk, "d/b", b"name not synced").sync().unwrap();
    disk.rename("d/a", "d/c").unwrap();
    let (mut kept, mut dropped, mut torn, mut renamed) = (0, 0, 0, 0);
    for seed in 0..200 {
        let image = disk.crash_image(seed);
        let a = all(&image, "d/a");
        let c = all(&image, "d/c");
        renamed += u32::from(c.is_some());
        let a = a.or(c).expect("the file has one of its two names");
        assert!(a.starts_with(b"synced"));
        match a.len() {
            2006 if a[6..].iter().all(|byte| *byte == 7) => kept += 1,
            2006 => torn += 1,
            6 => dropped += 1,
            _ => {}
        }
        if let Some(b) = all(&image, "d/b") {
            assert_eq!(b, b"name not synced");
        }
    }
    assert!(
        kept > 10 && dropped > 10 && torn > 10,
        "{kept} {dropped} {torn}"
    );
    assert!((20..180).contains(&renamed), "{renamed}");
}

#[test]
fn a_failed_sync_loses_its_bytes_for_good() {
    let disk = SimulatedDisk::new();
    let mut file = written(&disk, "a", b"xyz");
    disk.sync_directory("").unwrap();
    disk.set_fault(Some(Fault {
        call: disk.calls() + 1,
        kind: FaultKind::Io,
        persistent: false,
    }));
    assert_eq!(file.sync().unwrap_err().kind, ErrorKind::Io);
    file.sync().unwrap();
    let lengths: Vec<_> = (0..50)
        .map(|seed| all(&disk.crash_image(seed), "a").unwrap().len())
        .collect();
    assert!(lengths.contains(&0) && lengths.contains(&3));
}

#[test]
fn faults_hit_their_call() {
    let disk = SimulatedDisk::new();
    let mut file = written(&disk, "a", b"1234");
    let fault = |kind, persistent| {
        disk.set_fault(Some(Fault {
            call: disk.calls() + 1,
            kind,
            persistent,
        }));
    };
    fault(FaultKind::ShortWrite, false);
    assert_eq!(file.append(b"5678").unwrap_err().kind, ErrorKind::DiskFull);
    assert_eq!(all(&disk, "a").unwrap(), b"123456");
    fault(FaultKind::Io, true);
    assert_eq!(file.append(b"5678").unwrap_err().kind, ErrorKind::Io);
    assert_eq!(disk.remove("a").unwrap_err().kind, ErrorKind::Io);
    assert_eq!(all(&disk, "a").unwrap(), b"123456");
    fault(FaultKind::Crash, false);
    assert!(disk.open("a").is_err());
    assert!(disk.list("").is_err());
    disk.set_fault(None);
    disk.set_bytes_max(8);
    assert_eq!(file.append(b"5678").unwrap_err().kind, ErrorKind::DiskFull);
    assert_eq!(all(&disk, "a").unwrap(), b"12345656");
    disk.set_bytes_max(u64::MAX);
    file.cut().unwrap();
    assert_eq!(all(&disk, "a").unwrap().len() as u64, file.len());
    assert_eq!(disk.bytes_used(), file.len());
    file.append(b"5678").unwrap();
    assert!(all(&disk, "a").unwrap().ends_with(b"5678"));
}

#[test]
fn the_observer_sees_every_change() {
    let disk = SimulatedDisk::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (shared, images) = (disk.clone(), Arc::clone(&seen));
    disk.set_observer(Some(Box::new(move |number| {
        let image = shared.crash_image(number);
        images.lock().unwrap().push(image.list("").unwrap().len());
    })));
    let mut file = written(&disk, "a", b"1");
    file.sync().unwrap();
    disk.sync_directory("").unwrap();
    disk.remove("a").unwrap();
    disk.sync_directory("").unwrap();
    disk.create_directory("end").unwrap();
    disk.set_observer(None);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 6 + 1 - 1 + 1);
    assert_eq!((seen[0], seen[4], seen[6]), (0, 1, 0));
}
