//! What a scan by column yields, put back into rows, beside what the model says.

use crate::run::Run;
use crate::setup::*;
use bytes::Bytes;
use helenus::schema::{ColumnId, TableId};
use helenus::storage::Pinned;
use helenus::storage::cell::Cell;
use helenus::storage::read::{
    ColumnBatch, ColumnVector, Partitions, Projection, ReadCommand, ReadItem, ScanCommand, Slice,
    VectorValues, ZoneTest,
};
use helenus::storage::row::{ColumnData, PartitionKey, Row};
use std::sync::Arc;

/// A value as both sides show it.
#[derive(Debug, PartialEq)]
pub enum Value {
    Absent,
    Simple(Bytes),
    Elements(Vec<(Bytes, Cell)>),
}

/// A row as both sides show it: partition, clustering, static columns, columns.
pub type FlatRow = (PartitionKey, Bytes, Vec<Value>, Vec<Value>);

fn value(values: &VectorValues, at: usize) -> Value {
    Value::Simple(match values {
        VectorValues::Int32(all) => Bytes::copy_from_slice(&all[at].to_be_bytes()),
        VectorValues::Int64(all) => Bytes::copy_from_slice(&all[at].to_be_bytes()),
        VectorValues::Bytes { offsets, data } => {
            let range = offsets[at] as usize..offsets[at + 1] as usize;
            Bytes::copy_from_slice(&data[range])
        }
        VectorValues::Complex(all) => return Value::Elements(all[at].clone()),
        other => panic!("no column here has these values: {other:?}"),
    })
}

fn values(columns: &[ColumnVector], at: usize) -> Vec<Value> {
    let one = |column: &ColumnVector| {
        if column.present[at / 64] >> (at % 64) & 1 == 1 {
            value(&column.values, at)
        } else {
            Value::Absent
        }
    };
    columns.iter().map(one).collect()
}

fn flatten(batch: &ColumnBatch, rows: &mut Vec<FlatRow>) {
    assert!(batch.partitions.first().is_some_and(|(at, _)| *at == 0));
    assert!(batch.partitions.is_sorted_by(|a, b| a.0 < b.0));
    assert_eq!(batch.clustering.len(), batch.rows);
    for at in 0..batch.rows {
        let partition = batch.partitions.partition_point(|(start, _)| *start <= at) - 1;
        rows.push((
            batch.partitions[partition].1.clone(),
            Bytes::copy_from_slice(batch.clustering.get(at).unwrap()),
            values(&batch.statics, partition),
            values(&batch.columns, at),
        ));
    }
}

/// What a scan yields.
fn scan(pinned: &Pinned, command: ScanCommand) -> Vec<FlatRow> {
    let mut stream = pinned.scan(command).unwrap();
    let mut rows = Vec::new();
    while let Some(batch) = stream.next().unwrap() {
        assert!(batch.rows > 0, "an empty batch");
        flatten(&batch, &mut rows);
    }
    rows
}

/// How many rows a scan finds that wants nothing of them.
fn count(pinned: &Pinned, command: ScanCommand) -> usize {
    let mut stream = pinned.scan(command).unwrap();
    let mut rows = 0;
    while let Some(batch) = stream.next().unwrap() {
        rows += batch.rows;
    }
    rows
}

fn expected_value(row: &Row, id: ColumnId, counter: bool) -> Value {
    match row.column(id) {
        None => Value::Absent,
        Some(ColumnData::Simple(cell)) if counter => Value::Simple(cell.value.slice(..8)),
        Some(ColumnData::Simple(cell)) => Value::Simple(cell.value.clone()),
        Some(ColumnData::Complex { cells, .. }) => {
            let pair = |element: &helenus::storage::row::PathCell| {
                (element.path.clone(), element.cell.clone())
            };
            Value::Elements(cells.iter().map(pair).collect())
        }
    }
}

/// The rows of the model's answer to the same. A partition that has a static row only makes a row
/// where all clusterings are wanted, or none.
fn expected(items: &[ReadItem], scan: &ScanCommand, counter: bool) -> Vec<FlatRow> {
    let alone = scan.slices.is_empty() || scan.slices == [Slice::all()];
    let nothing = Row::new(Bytes::new());
    let flat = |key: &PartitionKey, fixed: &Option<Row>, row: &Row| {
        let fixed = fixed.as_ref().unwrap_or(&nothing);
        let statics = scan.statics.iter();
        let columns = scan.columns.iter();
        (
            key.clone(),
            row.clustering.clone(),
            statics
                .map(|id| expected_value(fixed, *id, false))
                .collect(),
            columns
                .map(|id| expected_value(row, *id, counter))
                .collect(),
        )
    };
    let mut at = None;
    let mut rows = Vec::new();
    for (number, item) in items.iter().enumerate() {
        match item {
            ReadItem::Partition { key, static_row } => {
                if alone && !matches!(items.get(number + 1), Some(ReadItem::Row(_))) {
                    rows.push(flat(key, static_row, &nothing));
                }
                at = Some((key, static_row));
            }
            ReadItem::Row(row) => {
                let (key, static_row) = at.expect("a partition comes before its rows");
                rows.push(flat(key, static_row, row));
            }
        }
    }
    rows
}

/// Whether the first of the wanted columns, an `int`, has a value from 0 to `greatest`.
fn passes(row: &FlatRow, greatest: i32) -> bool {
    match &row.3[0] {
        Value::Simple(bytes) => {
            let number = <[u8; 4]>::try_from(&bytes[..]).map(i32::from_be_bytes);
            number.is_ok_and(|number| (0..=greatest).contains(&number))
        }
        _ => false,
    }
}

impl Run {
    fn scan_command(&mut self, table: u64) -> ScanCommand {
        let ids: &[u32] = match table {
            COUNTING => &COUNTERS,
            _ => &[SIMPLE[0], SIMPLE[1], COLLECTION],
        };
        let chosen = ids.iter().filter(|_| self.chance(60));
        let columns = chosen.map(|id| ColumnId(*id)).collect();
        let partitions = match self.below(10) {
            0 => Partitions::Keys(vec![key(self.below(PARTITIONS))]),
            1 => Partitions::Keys((0..5).map(|at| key(at * 2)).collect()),
            _ => Partitions::Range {
                start: self.partition_bound(),
                end: self.partition_bound(),
            },
        };
        let statics = table != COUNTING && self.chance(50);
        ScanCommand {
            partitions,
            slices: self.slices(),
            reversed: self.chance(20),
            columns,
            statics: statics.then_some(ColumnId(STATIC)).into_iter().collect(),
            keys: true,
            clusterings: true,
            figures: self.chance(30).then(Arc::default),
            ..ScanCommand::new(TableId(table), self.now())
        }
    }

    /// Scans a table, all of them pinned, after some more was written.
    pub fn scan(&mut self) {
        let table = self.below(TABLES);
        let scan = self.scan_command(table);
        let command = ReadCommand {
            table: scan.table,
            partitions: scan.partitions.clone(),
            slices: scan.slices.clone(),
            reversed: scan.reversed,
            columns: Projection::All,
            now_seconds: scan.now_seconds,
        };
        let expected = expected(&self.expect(table, &command), &scan, table == COUNTING);
        let tables: Vec<TableId> = (0..TABLES).map(TableId).collect();
        let pinned = self.engine.pin(&tables).unwrap();
        (0..self.below(4)).for_each(|_| self.write());
        let rows = self::scan(&pinned, scan.clone());
        self.same_rows(&scan, &rows, &expected);
        let nothing = ScanCommand {
            columns: Vec::new(),
            statics: Vec::new(),
            keys: false,
            clusterings: false,
            ..scan.clone()
        };
        assert_eq!(count(&pinned, nothing), expected.len(), "{scan:?}");
        let statistics = pinned.statistics(scan.table).unwrap();
        if statistics.exact {
            let all = ScanCommand::new(scan.table, scan.now_seconds);
            assert_eq!(count(&pinned, all) as u64, statistics.rows);
        }
        self.scan_in_parts(&pinned, &scan, &expected);
        if scan.columns.first() == Some(&ColumnId(SIMPLE[0])) && table != COUNTING {
            let greatest = self.below(4) as i32;
            let zones = ZoneTest::integers(ColumnId(SIMPLE[0]), 0, i64::from(greatest));
            let scan = ScanCommand {
                zones: vec![zones],
                ..scan
            };
            let passing = |rows: Vec<FlatRow>| -> Vec<FlatRow> {
                let rows = rows.into_iter();
                rows.filter(|row| passes(row, greatest)).collect()
            };
            let rows = passing(self::scan(&pinned, scan.clone()));
            self.same_rows(&scan, &rows, &passing(expected));
        }
    }

    /// Ranges that together are the table yield what one scan does.
    fn scan_in_parts(&self, pinned: &Pinned, scan: &ScanCommand, expected: &[FlatRow]) {
        if scan.partitions != Partitions::all() {
            return;
        }
        let splits = pinned.splits(scan.table, 3);
        assert!((1..=3).contains(&splits.len()));
        let part = |(start, end)| ScanCommand {
            partitions: Partitions::Range { start, end },
            ..scan.clone()
        };
        let parts = splits.into_iter().map(part);
        let rows: Vec<FlatRow> = parts.flat_map(|it| self::scan(pinned, it)).collect();
        self.same_rows(scan, &rows, expected);
    }

    fn same_rows(&self, scan: &ScanCommand, rows: &[FlatRow], expected: &[FlatRow]) {
        if rows != expected {
            let pairs = rows.iter().zip(expected);
            let at = pairs.take_while(|(a, b)| a == b).count();
            panic!(
                "seed {} operation {}: {scan:?}\nrow {at}: engine {:#?}\nmodel {:#?}",
                self.seed,
                self.now_step,
                rows.get(at),
                expected.get(at)
            );
        }
    }
}
