//! Tests of the job: real files in, real files out.

use super::*;
use crate::error::Result;
use crate::schema::{ColumnId, TableId};
use crate::storage::cache::Cache;
use crate::storage::cell::{Cell, Deletion};
use crate::storage::disk::Disk;
use crate::storage::disk::simulated::SimulatedDisk;
use crate::storage::live::Hidden;
use crate::storage::meta::FileMeta;
use crate::storage::read::{PartitionBound, Projection, Slice};
use crate::storage::row::{ColumnData, PartitionKey, RangeDeletion, Row, RowColumn};
use crate::storage::source::{Source, SourceItem, SourceRequest};
use crate::storage::sstable::{ColumnEntry, Cursor, Reader, Writer, WriterOptions};
use crate::types::physical::PhysicalKind;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const TABLE: TableId = TableId(1);

fn disk() -> Arc<dyn Disk> {
    let disk = SimulatedDisk::new();
    disk.create_directory(&FileMeta::directory(TABLE)).unwrap();
    Arc::new(disk)
}

fn writer(disk: &Arc<dyn Disk>, file: u64) -> Result<Writer> {
    let options = WriterOptions {
        table: TABLE,
        file,
        columns: vec![ColumnEntry {
            id: ColumnId(1),
            kind: PhysicalKind::Bytes,
            name: "v".to_owned(),
        }],
        block_bytes: 200,
        bloom_filter_fp_millionths: 10_000,
        decimals: Arc::default(),
        compression: true,
    };
    Writer::create(Arc::clone(disk), &FileMeta::path(TABLE, file), options)
}

fn key(token: i64) -> PartitionKey {
    PartitionKey {
        token,
        key: Bytes::copy_from_slice(&token.to_be_bytes()),
    }
}

fn row(name: u8, timestamp: i64) -> Row {
    let mut row = Row::new(Bytes::from(vec![0x40, name, 0x38]));
    row.columns.push(RowColumn {
        id: ColumnId(1),
        data: ColumnData::Simple(Cell::plain(timestamp, Bytes::from(vec![name; 20]))),
    });
    row
}

fn range(from: u8, to: u8, timestamp: i64) -> RangeDeletion {
    RangeDeletion {
        start: Bytes::from(vec![0x40, from, 0x20]),
        end: Bytes::from(vec![0x40, to, 0x20]),
        deletion: deletion(timestamp),
    }
}

fn deletion(timestamp: i64) -> Deletion {
    Deletion {
        timestamp,
        deleted_at_seconds: timestamp,
    }
}

/// A partition as these tests write it.
struct Partition {
    token: i64,
    deletion: Deletion,
    ranges: Vec<RangeDeletion>,
    rows: Vec<Row>,
}

fn rows(token: i64, rows: Vec<Row>) -> Partition {
    Partition {
        token,
        deletion: Deletion::NONE,
        ranges: Vec::new(),
        rows,
    }
}

fn opened(disk: &Arc<dyn Disk>, meta: FileMeta) -> Arc<Reader> {
    let path = FileMeta::path(TABLE, meta.id);
    let cache = Arc::new(Cache::new(1 << 20));
    Reader::open(disk.as_ref(), &path, Arc::new(meta), cache).unwrap()
}

fn file(disk: &Arc<dyn Disk>, id: u64, partitions: &[Partition]) -> Arc<Reader> {
    let mut writer = writer(disk, id).unwrap();
    for partition in partitions {
        writer
            .partition(&key(partition.token), partition.deletion, &partition.ranges)
            .unwrap();
        for row in &partition.rows {
            writer.row(row).unwrap();
        }
    }
    let mut meta = writer.finish().unwrap();
    meta.sequence_min = id * 10;
    meta.sequence_max = id * 10 + 9;
    opened(disk, meta)
}

fn job(disk: &Arc<dyn Disk>, inputs: &[Arc<Reader>], output_bytes_max: u64, purge: Purge) -> Job {
    let (disk, next) = (Arc::clone(disk), AtomicU64::new(100));
    let options = JobOptions {
        counter: false,
        hidden: Arc::new(Hidden::default()),
        output_bytes_max,
        level: 0,
        writer: Box::new(move || writer(&disk, next.fetch_add(1, Ordering::SeqCst))),
        purge: Box::new(move |_| Ok(purge)),
    };
    Job::new(inputs, options)
}

/// What a file says, line by line: partitions, range deletions, rows with their timestamps.
fn told(reader: &Arc<Reader>) -> Vec<String> {
    let request = SourceRequest {
        start: PartitionBound::Open,
        end: PartitionBound::Open,
        slices: vec![Slice::all()],
        reversed: false,
        columns: Projection::All,
        statics: true,
    };
    let mut cursor = Cursor::new(reader, request);
    let mut lines = Vec::new();
    while let Some(start) = cursor.next_partition().unwrap() {
        let deleted = match start.deletion {
            Deletion::NONE => String::new(),
            deletion => format!(" deleted {}", deletion.timestamp),
        };
        lines.push(format!("partition {}{deleted}", start.key.token));
        while let Some(item) = cursor.next_item().unwrap() {
            lines.push(match item {
                SourceItem::Range(range) => format!(
                    "range {}-{} {}",
                    range.start[1], range.end[1], range.deletion.timestamp
                ),
                SourceItem::Row(row) => {
                    let Some(ColumnData::Simple(cell)) = row.column(ColumnId(1)) else {
                        panic!("a row without its cell");
                    };
                    assert_eq!(cell.value, vec![row.clustering[1]; 20]);
                    format!("row {} {}", row.clustering[1], cell.timestamp)
                }
            });
        }
    }
    lines
}

fn finished(mut job: Job, rows_a_step: usize) -> Vec<FileMeta> {
    while job.step(rows_a_step).unwrap() == Progress::More {}
    job.outputs().to_vec()
}

#[test]
fn files_are_merged_and_deletions_take_what_they_cover() {
    let disk = disk();
    let inputs = [
        file(
            &disk,
            1,
            &[
                rows(1, vec![row(1, 10), row(2, 10), row(9, 10)]),
                rows(5, vec![row(1, 10)]),
            ],
        ),
        file(
            &disk,
            2,
            &[
                Partition {
                    ranges: vec![range(2, 4, 20), range(8, 10, 5)],
                    ..rows(1, vec![row(1, 30), row(3, 25)])
                },
                Partition {
                    deletion: deletion(15),
                    ..rows(5, vec![row(2, 20)])
                },
                rows(7, vec![row(7, 1)]),
            ],
        ),
    ];
    for rows_a_step in [1, 3, 1000] {
        let outputs = finished(job(&disk, &inputs, u64::MAX, Purge::NOTHING), rows_a_step);
        let [meta] = &outputs[..] else {
            panic!("{} files", outputs.len());
        };
        assert_eq!((meta.sequence_min, meta.sequence_max), (10, 29));
        let lines = told(&opened(&disk, meta.clone()));
        let expected = [
            "partition 1",
            "row 1 30",
            "range 2-4 20",
            "row 3 25",
            "range 8-10 5",
            "row 9 10",
            "partition 5 deleted 15",
            "row 2 20",
            "partition 7",
            "row 7 1",
        ];
        assert_eq!(lines, expected);
        assert_eq!((meta.partitions, meta.rows), (3, 5));
        disk.remove(&FileMeta::path(TABLE, meta.id)).unwrap();
    }
}

#[test]
fn what_may_be_purged_is_not_written_nor_are_partitions_left_empty() {
    let disk = disk();
    let inputs = [
        file(
            &disk,
            1,
            &[
                rows(1, vec![row(1, 10), row(3, 10)]),
                rows(2, vec![row(1, 10)]),
            ],
        ),
        file(
            &disk,
            2,
            &[
                Partition {
                    ranges: vec![range(1, 2, 20), range(5, 6, 90)],
                    ..rows(1, vec![])
                },
                Partition {
                    deletion: deletion(20),
                    ..rows(2, vec![])
                },
            ],
        ),
    ];
    let purge = Purge {
        before_seconds: 50,
        timestamp_min_elsewhere: 1000,
    };
    let outputs = finished(job(&disk, &inputs, u64::MAX, purge), 2);
    let lines = told(&opened(&disk, outputs[0].clone()));
    assert_eq!(lines, ["partition 1", "row 3 10", "range 5-6 90"]);
    // Where nothing at all is left, there is no file.
    let purge = Purge {
        before_seconds: 100,
        timestamp_min_elsewhere: 1000,
    };
    let gone = file(
        &disk,
        3,
        &[Partition {
            deletion: deletion(20),
            ..rows(2, vec![])
        }],
    );
    assert_eq!(finished(job(&disk, &[gone], u64::MAX, purge), 10), []);
}

#[test]
fn outputs_are_split_between_partitions_only() {
    let disk = disk();
    let many = |timestamp| -> Vec<Partition> {
        let partition = |token| rows(token, (0..40).map(|name| row(name, timestamp)).collect());
        (0..20).map(partition).collect()
    };
    let inputs = [file(&disk, 1, &many(1)), file(&disk, 2, &many(2))];
    let outputs = finished(job(&disk, &inputs, 2000, Purge::NOTHING), 7);
    assert!(outputs.len() > 2, "{}", outputs.len());
    for pair in outputs.windows(2) {
        assert!(pair[0].last < pair[1].first);
    }
    let lines: Vec<String> = outputs
        .iter()
        .flat_map(|meta| told(&opened(&disk, meta.clone())))
        .collect();
    assert_eq!(lines.len(), 20 * 41);
    let newest = |line: &&String| line.starts_with("row") && line.ends_with(" 2");
    assert_eq!(lines.iter().filter(newest).count(), 20 * 40);
}
