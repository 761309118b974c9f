//! Tests of the manifest: edits, failures, crashes, and every byte damaged in turn.

use super::*;
use crate::error::ErrorKind;
use crate::schema::{Catalog, Column, ColumnId, ColumnKind, Table, TableOptions};
use crate::storage::disk::simulated::{Fault, FaultKind, SimulatedDisk};
use crate::types::{Type, Udt};
use std::collections::BTreeMap;

fn table(id: u64, name: &str) -> Table {
    Table {
        id: TableId(id),
        uuid: Uuid::from_u128(u128::from(id)),
        keyspace: "ks".to_owned(),
        name: name.to_owned(),
        partition_key: vec![Column {
            id: ColumnId(0),
            name: "k".to_owned(),
            ty: Type::Int,
            kind: ColumnKind::PartitionKey,
            position: 0,
            descending: false,
        }],
        clustering: Vec::new(),
        statics: Vec::new(),
        regulars: Vec::new(),
        dropped: BTreeMap::new(),
        next_column_id: 1,
        options: TableOptions::default(),
        version: 0,
        indexes: Vec::new(),
    }
}

fn keyspace() -> SchemaChange {
    SchemaChange::PutKeyspace {
        name: "ks".to_owned(),
        replication: BTreeMap::from([("class".to_owned(), "SimpleStrategy".to_owned())]),
        durable_writes: true,
    }
}

fn create(id: u64, name: &str) -> Edit {
    Edit::Schema(vec![SchemaChange::PutTable(Box::new(table(id, name)))])
}

fn add(table: u64, id: u64) -> Edit {
    let file = FileMeta {
        id,
        bytes: 1000 + id,
        ..FileMeta::default()
    };
    Edit::AddFile {
        table: TableId(table),
        file,
    }
}

/// The edits of a small life, one call each.
fn life() -> Vec<Vec<Edit>> {
    let udt = Udt {
        keyspace: "ks".to_owned(),
        name: "point".to_owned(),
        fields: vec![("x".to_owned(), Type::Double)],
    };
    vec![
        vec![Edit::Schema(vec![keyspace(), SchemaChange::PutType(udt)])],
        vec![create(1, "a")],
        vec![create(2, "b")],
        vec![
            add(1, 1),
            Edit::TableFlushedThrough {
                table: TableId(1),
                sequence: 70,
            },
        ],
        vec![add(2, 2), add(2, 3)],
        vec![
            Edit::RemoveFile {
                table: TableId(2),
                id: 2,
            },
            Edit::RemoveFile {
                table: TableId(2),
                id: 3,
            },
            add(2, 4),
        ],
        vec![Edit::SealedSegment {
            segment: 3,
            length: 999,
        }],
        vec![Edit::TimestampFloor(77), Edit::SequenceFloor(80)],
        vec![Edit::Truncated {
            table: TableId(1),
            sequence: 90,
            timestamp: 5,
        }],
        vec![Edit::Schema(vec![SchemaChange::DropTable {
            keyspace: "ks".to_owned(),
            name: "b".to_owned(),
        }])],
    ]
}

/// The state after each of the calls.
fn states(calls: &[Vec<Edit>]) -> Vec<State> {
    let mut state = State::default();
    let mut states = vec![state.clone()];
    for edits in calls {
        edits.iter().for_each(|edit| state.apply(edit));
        states.push(state.clone());
    }
    states
}

fn written(disk: &SimulatedDisk, calls: &[Vec<Edit>]) -> Manifest {
    let (manifest, state) = Manifest::open(Arc::new(disk.clone())).unwrap();
    assert_eq!(state, State::default());
    for edits in calls {
        manifest.edit(edits).unwrap();
    }
    manifest
}

fn reopened(disk: &SimulatedDisk) -> Result<State> {
    Manifest::open(Arc::new(disk.clone())).map(|(_, state)| state)
}

fn bytes_of(disk: &SimulatedDisk) -> (String, Vec<u8>) {
    let path = current(disk).unwrap().unwrap();
    let file = disk.open(&path).unwrap();
    let length = file.len().try_into().unwrap();
    (path, file.read_at(0, length).unwrap().to_vec())
}

#[test]
fn edits_come_back() {
    let disk = SimulatedDisk::new();
    let manifest = written(&disk, &life());
    let expected = states(&life()).pop().unwrap();
    assert_eq!(manifest.state(), expected);
    assert_eq!(reopened(&disk).unwrap(), expected);
    // Through a rewrite too: the first edit after opening is one.
    let (again, _) = Manifest::open(Arc::new(disk.clone())).unwrap();
    assert_eq!(again.allocate_file_id(), 5);
    again.edit(&[Edit::NextFileId(6)]).unwrap();
    let mut expected = expected;
    expected.next_file_id = 6;
    assert_eq!(reopened(&disk).unwrap(), expected);
    assert_eq!(disk.list("").unwrap(), ["manifest-000002"]);
    again.close().unwrap();
    assert_eq!(reopened(&disk).unwrap(), expected);
}

#[test]
fn a_dropped_table_takes_its_files_along() {
    let expected = states(&life()).pop().unwrap();
    assert!(!expected.files.contains_key(&TableId(2)));
    assert_eq!(expected.catalog.next_table_id, 3);
    let mut later = expected.clone();
    later.apply(&add(2, 9));
    assert_eq!(later.files, expected.files);
    assert_eq!(later.next_file_id, 10);
    assert_ne!(*expected.catalog, Catalog::default());
}

#[test]
fn a_long_manifest_is_rewritten() {
    let disk = SimulatedDisk::new();
    let manifest = written(&disk, &[vec![Edit::Schema(vec![keyspace()])]]);
    let comment = "x".repeat(1000);
    let mut long = table(1, "a");
    long.options.comment = comment;
    for _ in 0..400 {
        let change = SchemaChange::PutTable(Box::new(long.clone()));
        manifest.edit(&[Edit::Schema(vec![change])]).unwrap();
    }
    let (path, bytes) = bytes_of(&disk);
    assert_ne!(path, "manifest-000001");
    assert!(bytes.len() < 300 << 10, "{}", bytes.len());
    assert_eq!(reopened(&disk).unwrap(), manifest.state());
    assert_eq!(manifest.state().catalog.version, 401);
}

#[test]
fn cut_anywhere_it_opens_with_a_prefix_or_not_at_all() {
    let disk = SimulatedDisk::new();
    let _ = written(&disk, &life());
    let (path, bytes) = bytes_of(&disk);
    let content = records::read(&bytes, "m").unwrap();
    let states = states(&life());
    for length in 0..bytes.len() {
        disk.overwrite(&path, &bytes[..length]).unwrap();
        match reopened(&disk) {
            Ok(state) => {
                assert!(length as u64 >= content.base);
                assert!(states.contains(&state), "cut at {length}");
            }
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::Corrupt, "cut at {length}: {error}");
                assert!((length as u64) < content.base);
            }
        }
    }
}

#[test]
fn no_flipped_byte_goes_unseen() {
    let disk = SimulatedDisk::new();
    let manifest = written(&disk, &life());
    let all = states(&life());
    let (path, bytes) = bytes_of(&disk);
    let last = records::read(&bytes, "m").unwrap().records.pop().unwrap();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x41;
        disk.overwrite(&path, &damaged).unwrap();
        let opened = reopened(&disk);
        if (at as u64) < last.offset {
            let error = opened.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Corrupt, "flipped at {at}");
            assert!(error.message.contains(&path), "{error}");
        } else {
            // The last record cannot be told from one that was never finished ...
            assert!(opened.unwrap() == all[all.len() - 2], "flipped at {at}");
        }
    }
    // ... but after a clean close there is no such record.
    disk.overwrite(&path, &bytes).unwrap();
    manifest.close().unwrap();
    let (path, bytes) = bytes_of(&disk);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x41;
        disk.overwrite(&path, &damaged).unwrap();
        assert_eq!(reopened(&disk).unwrap_err().kind, ErrorKind::Corrupt);
        let mut out = String::new();
        assert!(inspect(&disk, &path, &mut out).is_err());
    }
}

#[test]
fn every_crash_leaves_all_acknowledged_edits_whole() {
    let disk = SimulatedDisk::new();
    let images = Arc::new(Mutex::new(Vec::new()));
    let acknowledged = Arc::new(AtomicU64::new(0));
    let (shared, taken, done) = (disk.clone(), Arc::clone(&images), Arc::clone(&acknowledged));
    disk.set_observer(Some(Box::new(move |call| {
        for seed in 0..20 {
            let image = shared.crash_image(call * 100 + seed);
            taken
                .lock()
                .unwrap()
                .push((done.load(Ordering::SeqCst) as usize, image));
        }
    })));
    let (manifest, _) = Manifest::open(Arc::new(disk.clone())).unwrap();
    for (number, edits) in life().iter().enumerate() {
        if number % 4 == 3 {
            manifest.close().unwrap();
        }
        manifest.edit(edits).unwrap();
        acknowledged.fetch_add(1, Ordering::SeqCst);
    }
    disk.set_observer(None);
    let states = states(&life());
    for (done, image) in images.lock().unwrap().iter() {
        let state = reopened(image).unwrap();
        let next = states.get(done + 1);
        assert!(
            state == states[*done] || Some(&state) == next,
            "after {done}"
        );
    }
}

#[test]
fn after_any_failure_the_next_edit_is_sound() {
    let all = life();
    let expected = states(&all);
    for kind in [FaultKind::Io, FaultKind::DiskFull, FaultKind::ShortWrite] {
        for call in 1..60 {
            let disk = SimulatedDisk::new();
            disk.set_fault(Some(Fault {
                call,
                kind,
                persistent: false,
            }));
            let Ok((manifest, _)) = Manifest::open(Arc::new(disk.clone())) else {
                continue;
            };
            for edits in &all {
                if manifest.edit(edits).is_err() {
                    assert!(!manifest.is_sound());
                    manifest.edit(edits).unwrap();
                }
                assert!(manifest.is_sound());
            }
            assert_eq!(manifest.state(), *expected.last().unwrap());
            for seed in 0..3 {
                let image = disk.crash_image(seed);
                assert_eq!(reopened(&image).unwrap(), manifest.state());
            }
        }
    }
}

#[test]
fn unknown_edits_and_lost_manifests_are_refused() {
    let disk = SimulatedDisk::new();
    let mut bytes = Vec::new();
    let payload = [1u8, 200];
    let base = (records::PREFIX_BYTES + 14) as u64;
    records::put_prefix(1, base, &mut bytes);
    bytes.extend_from_slice(b"edit");
    bytes.extend_from_slice(&2u32.to_le_bytes());
    let sum = crate::storage::format::checksum(1, 36, &2u32.to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c_append(sum, &payload).to_le_bytes());
    bytes.extend_from_slice(&payload);
    drop(disk.create("manifest-000001").unwrap());
    disk.overwrite("manifest-000001", &bytes).unwrap();
    assert_eq!(reopened(&disk).unwrap_err().kind, ErrorKind::NewerFormat);

    let disk = SimulatedDisk::new();
    disk.create_directory("tables/1").unwrap();
    assert_eq!(reopened(&disk).unwrap_err().kind, ErrorKind::Corrupt);
}

#[test]
fn inspection_names_what_there_is() {
    let disk = SimulatedDisk::new();
    let _ = written(&disk, &life());
    let path = current(&disk).unwrap().unwrap();
    let mut out = String::new();
    inspect(&disk, &path, &mut out).unwrap();
    assert!(out.contains("table 2: add file 4 (1004 bytes"), "{out}");
    assert!(out.contains("1 keyspaces, 1 tables, 0 files"), "{out}");
    assert_eq!(
        verify(&disk, &path).unwrap(),
        *states(&life()).last().unwrap()
    );
}
