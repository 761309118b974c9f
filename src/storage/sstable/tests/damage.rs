//! Files that are not what was written: every byte changed, every length, a newer version.

use super::model::{Model, Partition, collect, everything, wish};
use super::*;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::read::{PartitionBound, Projection};
use bytes::Bytes;

fn written(model: &Model) -> (SimulatedDisk, FileMeta, Vec<u8>) {
    let simulated = SimulatedDisk::new();
    simulated.create_directory("tables/7").unwrap();
    let disk: Arc<dyn Disk> = Arc::new(simulated.clone());
    let meta = write(&disk, model, options(200, true, 10_000));
    let file = disk.open(PATH).unwrap();
    let bytes = file
        .read_at(0, usize::try_from(file.len()).unwrap())
        .unwrap();
    (simulated, meta, bytes.to_vec())
}

/// Everything that the file has to say, read by cursor, by point and by column.
fn read_all(disk: &SimulatedDisk, meta: &FileMeta, model: &Model) -> Result<Vec<Partition>> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let reader = open(&disk, meta)?;
    let got = collect(&mut Cursor::new(&reader, everything()))?;
    for partition in &model.partitions {
        assert!(reader.may_contain(&partition.key)?);
        for row in &partition.rows {
            let found = reader.get(&partition.key, &row.clustering, &Projection::All, false)?;
            assert_eq!(found.unwrap().row.as_ref(), Some(row));
        }
    }
    let reader = open(&disk, meta)?;
    let column = (
        crate::schema::ColumnId(3),
        crate::types::physical::PhysicalKind::Int64,
    );
    let open_wish = wish(
        &PartitionBound::Open,
        &PartitionBound::Open,
        &[column],
        true,
    );
    let mut blocks = BlockCursor::new(&reader, &open_wish, None);
    while let Some(span) = blocks.next()? {
        span.batch()?;
        span.zones()?;
    }
    Ok(got)
}

fn names_the_place(error: &Error) {
    assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
    assert!(error.message.contains("0000000042.sst"), "{error}");
    assert!(error.message.contains("offset"), "{error}");
}

#[test]
fn every_byte_changed_is_noticed() {
    let model = random_rows::model(6);
    let (disk, meta, bytes) = written(&model);
    let whole = read_all(&disk, &meta, &model).unwrap();
    assert!(bytes.len() < 20_000, "{}", bytes.len());
    for at in 0..bytes.len() {
        let flip = if at % 2 == 0 { 0xFF } else { 1 << (at / 2 % 8) };
        let mut damaged = bytes.clone();
        damaged[at] ^= flip;
        disk.overwrite(PATH, &damaged).unwrap();
        match read_all(&disk, &meta, &model) {
            Ok(got) => assert_eq!(got, whole, "byte {at}"),
            Err(error) => names_the_place(&error),
        }
        let error = verify(&disk, PATH, Some(&meta)).unwrap_err();
        names_the_place(&error);
    }
}

#[test]
fn every_length_is_noticed() {
    let model = random_rows::model(9);
    let (disk, meta, bytes) = written(&model);
    for length in 0..bytes.len() {
        disk.overwrite(PATH, &bytes[..length]).unwrap();
        names_the_place(&read_all(&disk, &meta, &model).unwrap_err());
    }
    let mut longer = bytes.clone();
    longer.push(0);
    disk.overwrite(PATH, &longer).unwrap();
    names_the_place(&read_all(&disk, &meta, &model).unwrap_err());
}

#[test]
fn swapped_units_are_noticed() {
    let model = random_rows::large();
    let (disk, meta, bytes) = written(&model);
    let whole = read_all(&disk, &meta, &model).unwrap();
    for from in (0..bytes.len() - 1_000).step_by(2_003) {
        let mut damaged = bytes.clone();
        damaged.copy_within(from + 500..from + 1_000, from);
        disk.overwrite(PATH, &damaged).unwrap();
        match read_all(&disk, &meta, &model) {
            Ok(got) => assert_eq!(got, whole),
            Err(error) => names_the_place(&error),
        }
    }
}

#[test]
fn another_file_of_the_same_name_is_noticed() {
    let model = random_rows::model(6);
    let (disk, mut meta, _) = written(&model);
    meta.id = 43;
    names_the_place(&read_all(&disk, &meta, &model).unwrap_err());
}

#[test]
fn a_newer_version_is_refused() {
    let model = random_rows::model(6);
    let (disk, meta, mut bytes) = written(&model);
    let end = bytes.len();
    bytes[end - 12..end - 8].copy_from_slice(&3u32.to_le_bytes());
    let start = end - 68;
    let sealed = [&bytes[start..end - 16], &bytes[end - 12..]].concat();
    let sum = crc32c::crc32c(&sealed).to_le_bytes();
    bytes[end - 16..end - 12].copy_from_slice(&sum);
    disk.overwrite(PATH, &bytes).unwrap();
    let error = read_all(&disk, &meta, &model).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NewerFormat, "{error}");
    assert!(error.message.contains("0000000042.sst"), "{error}");
}

#[test]
fn sound_checksums_over_nonsense_do_no_harm() {
    // A block whose bytes are random but whose checksum is right: an error, or rows, but no panic
    // and no memory without bound.
    let model = random_rows::model(6);
    let (disk, meta, bytes) = written(&model);
    let disk_again: Arc<dyn Disk> = Arc::new(disk.clone());
    let reader = open(&disk_again, &meta).unwrap();
    let random = crate::random::Random::seeded(3);
    let mut blocks = Vec::new();
    let mut next = Some(reader.first_block().unwrap());
    while let Some(at) = next {
        blocks.push(reader.entry(&at).unwrap());
        next = reader.block_after(&at).unwrap();
    }
    for _ in 0..3_000 {
        let entry = blocks[random.below(blocks.len() as u64) as usize];
        let start = usize::try_from(entry.offset).unwrap();
        let mut damaged = bytes.clone();
        for _ in 0..1 + random.below(4) {
            let at = start + random.below(entry.length as u64) as usize;
            damaged[at] = random.next_u64() as u8;
        }
        let payload = Bytes::copy_from_slice(&damaged[start..start + entry.length]);
        let sum = unit::checksum(42, entry.offset, &payload).to_le_bytes();
        damaged[start + entry.length..start + entry.length + 4].copy_from_slice(&sum);
        disk.overwrite(PATH, &damaged).unwrap();
        let reader = open(&disk_again, &meta).unwrap();
        if let Err(error) = collect(&mut Cursor::new(&reader, everything())) {
            assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
        }
        let column = (
            crate::schema::ColumnId(5),
            crate::types::physical::PhysicalKind::Bytes,
        );
        let open_wish = wish(
            &PartitionBound::Open,
            &PartitionBound::Open,
            &[column],
            true,
        );
        let mut blocks = BlockCursor::new(&reader, &open_wish, None);
        while let Ok(Some(span)) = blocks.next() {
            let _ = span.batch();
        }
    }
}
