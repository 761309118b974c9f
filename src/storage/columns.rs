//! Rows turned into columns: what a scan yields where blocks can't be taken as they are.
//!
//! A value that has not the width of its column's kind (an empty `int`, say) turns the whole vector
//! into one of bytes, so that nothing is lost.

use crate::schema::ColumnId;
use crate::storage::cell::Cell;
use crate::storage::read::{Clusterings, ColumnBatch, ColumnVector, VectorValues};
use crate::storage::row::{ColumnData, PartitionKey, PathCell, Row, RowColumn};
use crate::types::physical::PhysicalKind;
use bytes::Bytes;

/// The columns of some rows, one entry a row.
#[derive(Debug)]
struct Collected {
    columns: Vec<(ColumnId, PhysicalKind)>,
    rows: usize,
    simple: Vec<Vec<Option<Cell>>>,
    complex: Vec<Vec<Vec<(Bytes, Cell)>>>,
}

/// What was gathered of one column: simple cells, or the elements of multi-cell values.
type Gathered<'a> = (&'a mut Vec<Option<Cell>>, &'a mut Vec<Vec<(Bytes, Cell)>>);

impl Collected {
    fn new(columns: &[(ColumnId, PhysicalKind)]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: 0,
            simple: vec![Vec::new(); columns.len()],
            complex: vec![Vec::new(); columns.len()],
        }
    }

    fn push(&mut self, columns: Vec<RowColumn>) {
        let mut given = columns.into_iter().peekable();
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

    fn take(&mut self) -> Vec<ColumnVector> {
        let rows = std::mem::take(&mut self.rows);
        let parts = self.simple.iter_mut().zip(&mut self.complex);
        let parts = self.columns.iter().zip(parts);
        let vector_of = |((_, kind), (simple, complex)): (&(ColumnId, PhysicalKind), Gathered)| {
            if *kind == PhysicalKind::Complex {
                let cells = std::mem::take(complex);
                return ColumnVector {
                    present: bits(rows, cells.iter().map(|cells| !cells.is_empty())),
                    values: VectorValues::Complex(cells),
                };
            }
            let vector = vector(*kind, simple);
            simple.clear();
            vector
        };
        parts.map(vector_of).collect()
    }
}

/// What a scan wants of rows.
#[derive(Clone, Debug)]
pub struct GatherWish {
    /// The wanted columns.
    pub columns: Vec<(ColumnId, PhysicalKind)>,
    /// The wanted static columns.
    pub statics: Vec<(ColumnId, PhysicalKind)>,
    /// Whether partitions are wanted.
    pub partitions: bool,
    /// Whether clusterings are wanted.
    pub clusterings: bool,
    /// Whether a partition that has a static row only makes a row.
    pub static_rows: bool,
}

/// The partition that the next rows belong to.
#[derive(Debug)]
struct Present {
    key: PartitionKey,
    static_row: Option<Row>,
    /// Whether it stands in the batch.
    listed: bool,
    /// Whether it has had a row in this batch or an earlier one.
    has_rows: bool,
}

/// Gathers live rows by column.
#[derive(Debug)]
pub struct Gather {
    wish: GatherWish,
    rows: Collected,
    statics: Collected,
    bytes: usize,
    partitions: Vec<(usize, PartitionKey)>,
    clustering: Clusterings,
    originals: Vec<(usize, Bytes)>,
    present: Option<Present>,
}

impl Gather {
    /// A gatherer without rows.
    pub fn new(wish: GatherWish) -> Self {
        Self {
            rows: Collected::new(&wish.columns),
            statics: Collected::new(&wish.statics),
            wish,
            bytes: 0,
            partitions: Vec::new(),
            clustering: Clusterings::default(),
            originals: Vec::new(),
            present: None,
        }
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows.rows
    }

    /// About how many bytes its values take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The following rows are of this partition, which has had rows already or not.
    pub fn partition(&mut self, key: PartitionKey, static_row: Option<Row>, has_rows: bool) {
        self.end_partition();
        self.present = Some(Present {
            key,
            static_row,
            listed: false,
            has_rows,
        });
    }

    /// No row of the present partition follows.
    pub fn end_partition(&mut self) {
        let alone = self
            .present
            .as_ref()
            .is_some_and(|it| !it.has_rows && it.static_row.is_some());
        if alone && self.wish.static_rows {
            self.row(Row::new(Bytes::new()));
        }
        self.present = None;
    }

    /// The next row.
    pub fn row(&mut self, row: Row) {
        if let Some(present) = &mut self.present {
            present.has_rows = true;
            if self.wish.partitions && !present.listed {
                present.listed = true;
                self.partitions.push((self.rows.rows, present.key.clone()));
                let columns = present.static_row.as_ref().map(|row| row.columns.clone());
                self.statics.push(columns.unwrap_or_default());
            }
        }
        if self.wish.clusterings {
            self.clustering.push(&row.clustering);
            let number = self.rows.rows;
            self.originals
                .extend(row.original.map(|original| (number, original)));
        }
        self.bytes += row
            .columns
            .iter()
            .map(|it| data_bytes(&it.data))
            .sum::<usize>();
        self.rows.push(row.columns);
    }

    /// The batch; the gatherer is empty again, and still in the same partition.
    pub fn take(&mut self) -> ColumnBatch {
        if let Some(present) = &mut self.present {
            present.listed = false;
        }
        self.bytes = 0;
        ColumnBatch {
            rows: self.rows.rows,
            partitions: std::mem::take(&mut self.partitions),
            clustering: std::mem::take(&mut self.clustering),
            originals: std::mem::take(&mut self.originals),
            columns: self.rows.take(),
            statics: self.statics.take(),
        }
    }
}

fn data_bytes(data: &ColumnData) -> usize {
    match data {
        ColumnData::Simple(cell) => cell.value.len(),
        ColumnData::Complex { cells, .. } => cells
            .iter()
            .map(|element| element.path.len() + element.cell.value.len())
            .sum(),
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
