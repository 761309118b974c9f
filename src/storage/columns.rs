//! Rows turned into columns: what a scan yields where blocks can't be taken as they are.
//!
//! A value that has not the width of its column's kind (an empty `int`, say) turns the whole vector
//! into one of bytes, so that nothing is lost.

use crate::schema::ColumnId;
use crate::storage::cell::Cell;
use crate::storage::read::{ColumnBatch, ColumnVector, VectorValues};
use crate::storage::row::{ColumnData, PartitionKey, PathCell, Row};
use crate::types::physical::PhysicalKind;
use bytes::Bytes;

/// Gathers live rows by column.
#[derive(Debug)]
pub struct Gather {
    columns: Vec<(ColumnId, PhysicalKind)>,
    keys: bool,
    rows: usize,
    partitions: Vec<(usize, PartitionKey)>,
    clustering: Vec<Bytes>,
    /// By column, one entry a row.
    simple: Vec<Vec<Option<Cell>>>,
    complex: Vec<Vec<Vec<(Bytes, Cell)>>>,
}

impl Gather {
    /// Gathers these columns; with `keys` partitions and clusterings too.
    pub fn new(columns: &[(ColumnId, PhysicalKind)], keys: bool) -> Self {
        let count = columns.len();
        Self {
            columns: columns.to_vec(),
            keys,
            rows: 0,
            partitions: Vec::new(),
            clustering: Vec::new(),
            simple: vec![Vec::new(); count],
            complex: vec![Vec::new(); count],
        }
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The following rows are of this partition.
    pub fn partition(&mut self, key: &PartitionKey) {
        if !self.keys {
            return;
        }
        if self
            .partitions
            .last()
            .is_some_and(|(at, _)| *at == self.rows)
        {
            self.partitions.pop();
        }
        self.partitions.push((self.rows, key.clone()));
    }

    /// The next row.
    pub fn row(&mut self, row: Row) {
        if self.keys {
            self.clustering.push(row.clustering);
        }
        let mut given = row.columns.into_iter().peekable();
        let wanted = self.columns.iter();
        for ((id, kind), (simple, complex)) in
            wanted.zip(self.simple.iter_mut().zip(&mut self.complex))
        {
            while given.next_if(|column| column.id < *id).is_some() {}
            let data = given.next_if(|column| column.id == *id).map(|it| it.data);
            if *kind == PhysicalKind::Complex {
                complex.push(elements(data));
            } else {
                simple.push(match data {
                    Some(ColumnData::Simple(cell)) => Some(cell),
                    _ => None,
                });
            }
        }
        self.rows += 1;
    }

    /// The batch; the gatherer is empty again.
    pub fn take(&mut self) -> ColumnBatch {
        let mut vectors = Vec::with_capacity(self.columns.len());
        let rows = self.rows;
        for ((_, kind), (simple, complex)) in self
            .columns
            .iter()
            .zip(self.simple.iter_mut().zip(&mut self.complex))
        {
            if *kind == PhysicalKind::Complex {
                let cells = std::mem::take(complex);
                vectors.push(ColumnVector {
                    present: bits(rows, cells.iter().map(|cells| !cells.is_empty())),
                    values: VectorValues::Complex(cells),
                });
            } else {
                vectors.push(vector(*kind, simple));
                simple.clear();
            }
        }
        // A partition without rows of its own behind the last row is none.
        self.partitions.retain(|(at, _)| *at < rows);
        self.rows = 0;
        ColumnBatch {
            rows,
            partitions: std::mem::take(&mut self.partitions),
            clustering: std::mem::take(&mut self.clustering),
            columns: vectors,
        }
    }
}

fn elements(data: Option<ColumnData>) -> Vec<(Bytes, Cell)> {
    let Some(ColumnData::Complex { cells, .. }) = data else {
        return Vec::new();
    };
    let pair = |PathCell {
                    path,
                    original,
                    cell,
                }| (original.unwrap_or(path), cell);
    cells.into_iter().map(pair).collect()
}

/// One bit a row.
fn bits(rows: usize, present: impl Iterator<Item = bool>) -> Vec<u64> {
    let mut words = vec![0_u64; rows.div_ceil(64)];
    for (row, present) in present.enumerate() {
        if present && let Some(word) = words.get_mut(row / 64) {
            *word |= 1 << (row % 64);
        }
    }
    words
}

/// All values as `T`, absent ones as its default; none where one has not the right width.
fn fixed<const N: usize, T: Default>(
    cells: &[Option<Cell>],
    from: impl Fn([u8; N]) -> T,
) -> Option<Vec<T>> {
    let value = |cell: &Option<Cell>| match cell {
        None => Some(T::default()),
        Some(cell) => Some(from(cell.value.as_ref().try_into().ok()?)),
    };
    cells.iter().map(value).collect()
}

fn count(value: [u8; 16]) -> i64 {
    (i128::from_be_bytes(value) >> 64) as i64
}

fn vector(kind: PhysicalKind, cells: &[Option<Cell>]) -> ColumnVector {
    let values = match kind {
        PhysicalKind::Int8 => fixed(cells, i8::from_be_bytes).map(VectorValues::Int8),
        PhysicalKind::Int16 => fixed(cells, i16::from_be_bytes).map(VectorValues::Int16),
        PhysicalKind::Int32 => fixed(cells, i32::from_be_bytes).map(VectorValues::Int32),
        PhysicalKind::Int64 => fixed(cells, i64::from_be_bytes).map(VectorValues::Int64),
        PhysicalKind::Counter => fixed(cells, count).map(VectorValues::Int64),
        PhysicalKind::Float32 => fixed(cells, f32::from_be_bytes).map(VectorValues::Float32),
        PhysicalKind::Float64 => fixed(cells, f64::from_be_bytes).map(VectorValues::Float64),
        PhysicalKind::Bool => fixed(cells, |[byte]: [u8; 1]| byte != 0).map(VectorValues::Bool),
        PhysicalKind::Bytes | PhysicalKind::Complex => None,
    };
    ColumnVector {
        present: bits(cells.len(), cells.iter().map(Option::is_some)),
        values: values.unwrap_or_else(|| strings(cells)),
    }
}

fn strings(cells: &[Option<Cell>]) -> VectorValues {
    let mut data = Vec::new();
    let mut offsets = Vec::with_capacity(cells.len() + 1);
    offsets.push(0);
    for cell in cells {
        if let Some(cell) = cell {
            data.extend_from_slice(&cell.value);
        }
        // Batches are bounded in bytes, far below 4 GiB.
        offsets.push(u32::try_from(data.len()).unwrap_or(u32::MAX));
    }
    VectorValues::Bytes { offsets, data }
}
