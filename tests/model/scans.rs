//! What a scan by column yields, put back into rows, beside what the model says.

use bytes::Bytes;
use helenus::schema::ColumnId;
use helenus::storage::Engine;
use helenus::storage::cell::Cell;
use helenus::storage::read::{ColumnBatch, ReadItem, ScanCommand, VectorValues};
use helenus::storage::row::{ColumnData, PartitionKey, Row};

/// A value as both sides show it.
#[derive(Debug, PartialEq)]
pub enum Value {
    Absent,
    Simple(Bytes),
    Elements(Vec<(Bytes, Cell)>),
}

/// A row as both sides show it.
pub type FlatRow = (PartitionKey, Bytes, Vec<Value>);

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

fn flatten(batch: &ColumnBatch, rows: &mut Vec<FlatRow>) {
    let mut partitions = batch.partitions.iter().peekable();
    let mut key = None;
    for at in 0..batch.rows {
        while let Some((_, next)) = partitions.next_if(|(start, _)| *start <= at) {
            key = Some(next.clone());
        }
        let values = batch.columns.iter().map(|column| {
            let present = column.present[at / 64] >> (at % 64) & 1 == 1;
            if present {
                value(&column.values, at)
            } else {
                Value::Absent
            }
        });
        let key = key.clone().expect("a partition starts at the first row");
        rows.push((
            key,
            Bytes::copy_from_slice(batch.clustering.get(at).unwrap()),
            values.collect(),
        ));
    }
}

/// What the engine's scan yields, and how many batches it took.
pub fn scan(engine: &Engine, command: ScanCommand) -> Vec<FlatRow> {
    let mut stream = engine.scan(command).unwrap();
    let mut rows = Vec::new();
    while let Some(batch) = stream.next().unwrap() {
        assert!(batch.rows > 0, "an empty batch");
        flatten(&batch, &mut rows);
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

/// The rows of the model's answer to the same.
pub fn expected(items: &[ReadItem], columns: &[ColumnId], counter: bool) -> Vec<FlatRow> {
    let mut at = None;
    let mut rows = Vec::new();
    for item in items {
        match item {
            ReadItem::Partition { key, .. } => at = Some(key.clone()),
            ReadItem::Row(row) => {
                let values = columns.iter().map(|id| expected_value(row, *id, counter));
                let key = at.clone().expect("a partition comes before its rows");
                rows.push((key, row.clustering.clone(), values.collect()));
            }
        }
    }
    rows
}
