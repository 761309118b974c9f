//! Rows by column: what a scan yields.

use crate::storage::cell::Cell;
use crate::storage::row::PartitionKey;
use bytes::Bytes;
use num_bigint::BigInt;

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
    /// The same where few values are distinct, if the scan allows it.
    Dictionary {
        /// For each row the number of its entry.
        codes: Vec<u16>,
        /// One more than there are entries; entry `i` is `data[offsets[i]..offsets[i + 1]]`.
        offsets: Vec<u32>,
        /// The entries' wire bytes.
        data: Vec<u8>,
    },
    /// `decimal` of one scale, if the scan allows it.
    Scaled {
        /// The scale.
        scale: i32,
        /// The unscaled values.
        list: Vec<i64>,
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

/// A list of values of a batch has no more bytes than this if it has come together from several.
const DATA_BYTES_MAX: usize = 64 << 20;

/// Appends `count` bits behind the first `before` ones; the bits behind either are zero.
fn append_bits(bits: &mut Vec<u64>, before: usize, more: &[u64], count: usize) {
    let shift = before % 64;
    if shift == 0 {
        bits.extend_from_slice(more);
    } else {
        for word in more {
            if let Some(last) = bits.last_mut() {
                *last |= word << shift;
            }
            bits.push(word >> (64 - shift));
        }
    }
    bits.truncate((before + count).div_ceil(64));
}

/// Appends a list of byte strings.
fn append_strings(offsets: &mut Vec<u32>, data: &mut Vec<u8>, more: (&[u32], &[u8])) {
    // Lists that are put together are far below 4 GiB.
    let base = data.len() as u32;
    offsets.extend(more.0.iter().skip(1).map(|end| base + end));
    data.extend_from_slice(more.1);
}

impl ColumnVector {
    /// Appends another vector's `count` rows behind the first `before` ones.
    fn append(&mut self, before: usize, other: Self, count: usize) {
        append_bits(&mut self.present, before, &other.present, count);
        self.values.append(other.values);
    }
}

impl VectorValues {
    /// The wire bytes of a row's value, if the values are in one of the compact forms.
    pub fn compact_wire(&self, row: usize) -> Option<Vec<u8>> {
        match self {
            Self::Dictionary {
                codes,
                offsets,
                data,
            } => {
                let entry = usize::from(*codes.get(row)?);
                let [start, end] = offsets.get(entry..entry + 2)? else {
                    return None;
                };
                Some(data.get(*start as usize..*end as usize)?.to_vec())
            }
            Self::Scaled { scale, list } => {
                let number = BigInt::from(*list.get(row)?).to_signed_bytes_be();
                Some([&scale.to_be_bytes()[..], &number].concat())
            }
            _ => None,
        }
    }

    /// Whether values of the other form go behind these.
    fn takes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bytes { data, .. }, Self::Bytes { data: more, .. }) => {
                data.len() + more.len() <= DATA_BYTES_MAX
            }
            (Self::Scaled { scale, .. }, Self::Scaled { scale: other, .. }) => scale == other,
            (Self::Dictionary { offsets, .. }, Self::Dictionary { offsets: more, .. }) => {
                offsets.len() + more.len() <= usize::from(u16::MAX)
            }
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    fn append(&mut self, other: Self) {
        match (self, other) {
            (Self::Int8(list), Self::Int8(more)) => list.extend_from_slice(&more),
            (Self::Int16(list), Self::Int16(more)) => list.extend_from_slice(&more),
            (Self::Int32(list), Self::Int32(more)) => list.extend_from_slice(&more),
            (Self::Int64(list), Self::Int64(more)) => list.extend_from_slice(&more),
            (Self::Float32(list), Self::Float32(more)) => list.extend_from_slice(&more),
            (Self::Float64(list), Self::Float64(more)) => list.extend_from_slice(&more),
            (Self::Bool(list), Self::Bool(more)) => list.extend_from_slice(&more),
            (Self::Complex(list), Self::Complex(more)) => list.extend(more),
            (Self::Scaled { list, .. }, Self::Scaled { list: more, .. }) => {
                list.extend_from_slice(&more);
            }
            (
                Self::Dictionary {
                    codes,
                    offsets,
                    data,
                },
                Self::Dictionary {
                    codes: more,
                    offsets: ends,
                    data: entries,
                },
            ) => {
                // One dictionary behind the other. `takes` has looked that codes suffice.
                let base = (offsets.len() - 1) as u16;
                codes.extend(more.iter().map(|code| base + code));
                append_strings(offsets, data, (&ends, &entries));
            }
            (
                Self::Bytes { offsets, data },
                Self::Bytes {
                    offsets: ends,
                    data: more,
                },
            ) => append_strings(offsets, data, (&ends, &more)),
            // `takes` has refused the others.
            _ => {}
        }
    }

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
            Self::Scaled { scale, list } => Self::Scaled {
                scale: *scale,
                list: pick(list, rows),
            },
            Self::Dictionary {
                codes,
                offsets,
                data,
            } => Self::Dictionary {
                codes: pick(codes, rows),
                offsets: offsets.clone(),
                data: data.clone(),
            },
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

impl ColumnBatch {
    /// How many bytes its values of variable length take.
    pub fn data_bytes(&self) -> usize {
        let bytes = |column: &ColumnVector| match &column.values {
            VectorValues::Bytes { data, .. } | VectorValues::Dictionary { data, .. } => data.len(),
            _ => 0,
        };
        self.columns.iter().map(bytes).sum::<usize>() + self.clustering.data.len()
    }

    /// Appends the rows of another batch of the same scan, if its columns have the same form;
    /// answers it otherwise.
    #[expect(clippy::result_large_err, reason = "it is given back, not told")]
    pub fn append(&mut self, mut other: Self) -> Result<(), Self> {
        let pairs = self.columns.iter().zip(&other.columns);
        let pairs = pairs.chain(self.statics.iter().zip(&other.statics));
        if !pairs
            .clone()
            .all(|(one, more)| one.values.takes(&more.values))
        {
            return Err(other);
        }
        let goes_on = match (self.partitions.last(), other.partitions.first()) {
            (Some((_, last)), Some((0, first))) => last == first,
            _ => false,
        };
        if goes_on {
            let rest = [(1, other.partitions.len())];
            other.statics = other.statics.iter().map(|it| it.select(&rest, 0)).collect();
            other.partitions.remove(0);
        }
        let before = self.partitions.len();
        let statics = self.statics.iter_mut().zip(other.statics);
        for (column, more) in statics {
            column.append(before, more, other.partitions.len());
        }
        let rows = self.rows;
        for (column, more) in self.columns.iter_mut().zip(other.columns) {
            column.append(rows, more, other.rows);
        }
        append_strings(
            &mut self.clustering.offsets,
            &mut self.clustering.data,
            (&other.clustering.offsets, &other.clustering.data),
        );
        let behind = |(row, original)| (rows + row, original);
        self.originals
            .extend(other.originals.into_iter().map(behind));
        let behind = |(row, key)| (rows + row, key);
        self.partitions
            .extend(other.partitions.into_iter().map(behind));
        self.rows += other.rows;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_put_together_are_what_they_were() {
        let present = |row: usize| !row.is_multiple_of(3);
        let batch = |from: usize, to: usize| {
            let key = |number: usize| PartitionKey {
                token: number as i64,
                key: Bytes::new(),
            };
            let mut batch = ColumnBatch {
                rows: to - from,
                ..ColumnBatch::default()
            };
            let mut column = ColumnVector {
                present: vec![0; (to - from).div_ceil(64)],
                ..ColumnVector::default()
            };
            let mut fixed = column.clone();
            fixed.present = vec![0; (to / 50 - from / 50 + 1).div_ceil(64)];
            let (mut offsets, mut data) = (vec![0], Vec::new());
            let mut numbers = Vec::new();
            for row in from..to {
                let at = row - from;
                if at == 0 || row.is_multiple_of(50) {
                    let partition = batch.partitions.len();
                    fixed.present[partition / 64] |= 1 << (partition % 64);
                    numbers.push((row / 50) as i64);
                    batch.partitions.push((at, key(row / 50)));
                }
                column.present[at / 64] |= u64::from(present(row)) << (at % 64);
                data.extend_from_slice(row.to_string().as_bytes());
                offsets.push(data.len() as u32);
                batch.clustering.push(&row.to_be_bytes());
                if row.is_multiple_of(7) {
                    batch.originals.push((at, Bytes::from(row.to_string())));
                }
            }
            column.values = VectorValues::Bytes { offsets, data };
            fixed.values = VectorValues::Int64(numbers);
            fixed.present.truncate(batch.partitions.len().div_ceil(64));
            batch.columns = vec![column];
            batch.statics = vec![fixed];
            batch
        };
        for cuts in [&[0, 64, 128, 300][..], &[0, 1, 2, 70, 75, 149, 150, 300]] {
            let mut whole = batch(cuts[0], cuts[1]);
            for pair in cuts[1..].windows(2) {
                whole.append(batch(pair[0], pair[1])).unwrap();
            }
            assert_eq!(format!("{whole:?}"), format!("{:?}", batch(0, 300)));
        }
        let mut one = batch(0, 5);
        let mut other = batch(5, 9);
        other.columns[0].values = VectorValues::Int8(vec![0; 4]);
        assert!(one.append(other).is_err() && one.rows == 5);
    }
}
