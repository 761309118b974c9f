//! Rows by column: what a scan yields.

use crate::storage::cell::Cell;
use crate::storage::row::PartitionKey;
use bytes::Bytes;

/// Wanted cells of one column, in row order: the columnar form that batch queries read.
#[derive(Clone, Debug, Default)]
pub struct ColumnVector {
    /// One bit a row, lowest first: whether the row has a live value.
    pub present: Vec<u64>,
    /// The values of the present rows, one behind the other; see [`VectorValues`].
    pub values: VectorValues,
}

/// The values of a [`ColumnVector`]: one entry for each row, absent ones hold a zero.
#[derive(Clone, Debug)]
pub enum VectorValues {
    /// `tinyint`.
    Int8(Vec<i8>),
    /// `smallint`.
    Int16(Vec<i16>),
    /// `int`, and `date` as on the wire.
    Int32(Vec<i32>),
    /// `bigint`, `timestamp`, `time`, and a counter's count.
    Int64(Vec<i64>),
    /// `float`.
    Float32(Vec<f32>),
    /// `double`.
    Float64(Vec<f64>),
    /// `boolean`.
    Bool(Vec<bool>),
    /// Everything else: wire bytes; value `i` is `data[offsets[i]..offsets[i + 1]]`.
    Bytes {
        /// One more than there are rows.
        offsets: Vec<u32>,
        /// The bytes.
        data: Vec<u8>,
    },
    /// A multi-cell column: its live cells, row by row.
    Complex(Vec<Vec<(Bytes, Cell)>>),
}

impl ColumnVector {
    /// The rows in `ranges` alone, where row `first` is the vector's first.
    #[must_use]
    pub fn select(&self, ranges: &[(usize, usize)], first: usize) -> Self {
        let rows = || {
            let all = ranges.iter().flat_map(|(from, to)| *from..*to);
            all.map(move |row| row.saturating_sub(first))
        };
        let count = ranges.iter().map(|(from, to)| to - from).sum::<usize>();
        let mut present = vec![0; count.div_ceil(64)];
        for (number, row) in rows().enumerate() {
            let word = self.present.get(row / 64).copied().unwrap_or(0);
            if let Some(to) = present.get_mut(number / 64) {
                *to |= (word >> (row % 64) & 1) << (number % 64);
            }
        }
        Self {
            present,
            values: self.values.select(rows()),
        }
    }
}

impl VectorValues {
    fn select(&self, rows: impl Iterator<Item = usize>) -> Self {
        fn pick<T: Clone>(list: &[T], rows: impl Iterator<Item = usize>) -> Vec<T> {
            rows.filter_map(|row| list.get(row).cloned()).collect()
        }
        match self {
            Self::Int8(list) => Self::Int8(pick(list, rows)),
            Self::Int16(list) => Self::Int16(pick(list, rows)),
            Self::Int32(list) => Self::Int32(pick(list, rows)),
            Self::Int64(list) => Self::Int64(pick(list, rows)),
            Self::Float32(list) => Self::Float32(pick(list, rows)),
            Self::Float64(list) => Self::Float64(pick(list, rows)),
            Self::Bool(list) => Self::Bool(pick(list, rows)),
            Self::Complex(list) => Self::Complex(pick(list, rows)),
            Self::Bytes { offsets, data } => {
                let mut picked = (vec![0], Vec::new());
                for row in rows {
                    if let Some([from, to]) = offsets.get(row..row + 2)
                        && let Some(value) = data.get(*from as usize..*to as usize)
                    {
                        picked.1.extend_from_slice(value);
                    }
                    picked.0.push(picked.1.len() as u32);
                }
                Self::Bytes {
                    offsets: picked.0,
                    data: picked.1,
                }
            }
        }
    }
}

impl Default for VectorValues {
    fn default() -> Self {
        Self::Bytes {
            offsets: vec![0],
            data: Vec::new(),
        }
    }
}

/// The clusterings of rows, one behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clusterings {
    /// One more than there are rows: clustering `i` is `data[offsets[i]..offsets[i + 1]]`.
    pub offsets: Vec<u32>,
    /// The bytes.
    pub data: Vec<u8>,
}

impl Default for Clusterings {
    fn default() -> Self {
        Self {
            offsets: vec![0],
            data: Vec::new(),
        }
    }
}

impl Clusterings {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The clustering of a row; empty where the row stands for a partition with a static row only.
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        let start = usize::try_from(*self.offsets.get(row)?).ok()?;
        let end = usize::try_from(*self.offsets.get(row + 1)?).ok()?;
        self.data.get(start..end)
    }

    /// Adds one.
    pub fn push(&mut self, clustering: &[u8]) {
        self.data.extend_from_slice(clustering);
        self.end();
    }

    /// The bytes that were added to `data` last are a clustering.
    pub fn end(&mut self) {
        // Batches are bounded in rows and bytes, far below 4 GiB.
        let end = u32::try_from(self.data.len()).unwrap_or(u32::MAX);
        self.offsets.push(end);
    }
}

/// Rows by column.
#[derive(Clone, Debug, Default)]
pub struct ColumnBatch {
    /// How many rows.
    pub rows: usize,
    /// Where partitions start: the first row's number and the key. Only if keys or static columns
    /// were asked for.
    pub partitions: Vec<(usize, PartitionKey)>,
    /// Each row's clustering bytes, only if asked for.
    pub clustering: Clusterings,
    /// The rows of which the clustering bytes have lost something (the scale of a decimal, say),
    /// by rising number, with the clustering values' wire bytes as in
    /// [`Row::original`](crate::storage::row::Row::original). Only if clusterings were asked for.
    pub originals: Vec<(usize, Bytes)>,
    /// The wanted columns, in the order asked for.
    pub columns: Vec<ColumnVector>,
    /// The wanted static columns, in the order asked for: one entry for each of `partitions`.
    pub statics: Vec<ColumnVector>,
}
