//! Tests of whole files: against a plain list of rows, and with every byte damaged in turn.

mod damage;
mod model;
mod random_rows;

use super::*;
use crate::storage::cache::Cache;
use crate::storage::disk::Disk;
use crate::storage::disk::simulated::SimulatedDisk;
use crate::storage::meta::FileMeta;
use model::Model;
use std::sync::Arc;

const PATH: &str = "tables/7/0000000042.sst";

fn options(block_bytes: usize, compression: bool, fp_millionths: u32) -> WriterOptions {
    WriterOptions {
        table: crate::schema::TableId(7),
        file: 42,
        columns: random_rows::columns(),
        block_bytes,
        decimals: Arc::default(),
        bloom_filter_fp_millionths: fp_millionths,
        compression,
    }
}

fn disk() -> Arc<dyn Disk> {
    let disk = SimulatedDisk::new();
    disk.create_directory("tables/7").unwrap();
    Arc::new(disk)
}

fn write(disk: &Arc<dyn Disk>, model: &Model, options: WriterOptions) -> FileMeta {
    let mut writer = Writer::create(Arc::clone(disk), PATH, options).unwrap();
    for partition in &model.partitions {
        writer
            .partition(&partition.key, partition.deletion, &partition.ranges)
            .unwrap();
        if let Some(row) = &partition.static_row {
            writer.static_row(row).unwrap();
        }
        for row in &partition.rows {
            writer.row(row).unwrap();
        }
    }
    writer.finish().unwrap()
}

fn open(disk: &Arc<dyn Disk>, meta: &FileMeta) -> crate::error::Result<Arc<Reader>> {
    let cache = Arc::new(Cache::new(1 << 20));
    Reader::open(disk.as_ref(), PATH, Arc::new(meta.clone()), cache)
}

#[test]
fn random_rows_come_back_in_every_way() {
    for seed in 0..60 {
        let model = random_rows::model(seed);
        let block_bytes = [1, 60, 300, 2_000, 16 << 10][seed as usize % 5];
        let fp = [10_000, 1, 1_000_000][seed as usize % 3];
        let disk = disk();
        let meta = write(&disk, &model, options(block_bytes, seed % 2 == 0, fp));
        assert_eq!(verify(disk.as_ref(), PATH, Some(&meta)).unwrap(), meta);
        let reader = open(&disk, &meta).unwrap();
        model.check_meta(&meta);
        model.check_all(&reader, seed);
    }
}

#[test]
fn writing_is_deterministic_and_leaves_no_other_file() {
    let model = random_rows::model(5);
    let bytes = |disk: &Arc<dyn Disk>| {
        let meta = write(disk, &model, options(500, true, 10_000));
        let file = disk.open(PATH).unwrap();
        assert_eq!(file.len(), meta.bytes);
        let bytes = file
            .read_at(0, usize::try_from(file.len()).unwrap())
            .unwrap();
        assert_eq!(crc32c::crc32c(&bytes), meta.digest);
        assert_eq!(disk.list("tables/7").unwrap(), ["0000000042.sst"]);
        bytes
    };
    assert_eq!(bytes(&disk()), bytes(&disk()));
}

#[test]
fn a_dropped_writer_leaves_nothing() {
    let disk = disk();
    let model = random_rows::model(3);
    let mut writer = Writer::create(Arc::clone(&disk), PATH, options(100, true, 10_000)).unwrap();
    assert!(writer.is_empty());
    let first = &model.partitions[0];
    writer.partition(&first.key, first.deletion, &[]).unwrap();
    drop(writer);
    assert_eq!(disk.list("tables/7").unwrap(), Vec::<String>::new());
}

#[test]
fn disorder_is_refused() {
    let disk = disk();
    let model = random_rows::model(1);
    let partition = model
        .partitions
        .iter()
        .find(|partition| partition.rows.len() >= 2)
        .unwrap();
    let mut writer = Writer::create(disk, PATH, options(100, true, 10_000)).unwrap();
    assert!(writer.row(&partition.rows[0]).is_err());
    writer
        .partition(&partition.key, partition.deletion, &[])
        .unwrap();
    writer.row(&partition.rows[1]).unwrap();
    assert!(writer.row(&partition.rows[0]).is_err());
    assert!(writer.row(&partition.rows[1]).is_err());
    let same = writer.partition(&partition.key, partition.deletion, &[]);
    assert!(same.is_err());
    let mut strange = partition.rows[1].clone();
    strange.clustering = bytes::Bytes::from_static(&[0x5F]);
    strange.columns = vec![crate::storage::row::RowColumn {
        id: crate::schema::ColumnId(9_999),
        data: crate::storage::row::ColumnData::Simple(crate::storage::cell::Cell::tombstone(1, 1)),
    }];
    assert!(writer.row(&strange).is_err());
}

#[test]
fn large_values_go_to_units_of_their_own() {
    let mut model = random_rows::model(2);
    let row = model
        .partitions
        .iter_mut()
        .flat_map(|partition| &mut partition.rows)
        .next()
        .unwrap();
    let large: Vec<u8> = (0..100_000u32)
        .map(|i| (i.wrapping_mul(i) >> 7) as u8)
        .collect();
    row.columns.retain(|column| column.id.0 < 5);
    row.columns.push(crate::storage::row::RowColumn {
        id: crate::schema::ColumnId(5),
        data: crate::storage::row::ColumnData::Simple(crate::storage::cell::Cell::plain(
            77,
            bytes::Bytes::from(large),
        )),
    });
    let disk = disk();
    let meta = write(&disk, &model, options(400, true, 10_000));
    verify(disk.as_ref(), PATH, Some(&meta)).unwrap();
    model.check_all(&open(&disk, &meta).unwrap(), 2);
}

#[test]
fn many_blocks_need_several_index_units() {
    let model = random_rows::large();
    let disk = disk();
    let meta = write(&disk, &model, options(100, true, 10_000));
    verify(disk.as_ref(), PATH, Some(&meta)).unwrap();
    let reader = open(&disk, &meta).unwrap();
    assert!(reader.root().unwrap().count() > 3);
    model.check_meta(&meta);
    model.check_all(&reader, 11);
    let absent = (0..10_000)
        .map(|i| random_rows::partition_key(1_000_000 + i))
        .filter(|key| reader.may_contain(key).unwrap())
        .count();
    assert!(absent < 300, "{absent} of 10,000 at 1 %");
}

#[test]
fn inspect_tells_all() {
    let model = random_rows::model(4);
    let disk = disk();
    write(&disk, &model, options(300, true, 10_000));
    let mut text = String::new();
    inspect(disk.as_ref(), PATH, true, &mut text).unwrap();
    assert!(text.contains("format version 2"), "{text}");
    assert!(text.contains("Complex tags"), "{text}");
    let rows: usize = model.partitions.iter().map(|p| p.rows.len()).sum();
    assert_eq!(text.matches("\n  row 0x").count(), rows, "{text}");
    assert_eq!(
        text.matches("\npartition 0x").count(),
        model.partitions.len()
    );
}
