//! Rows by column on their way out: what every format is written from.
//!
//! ```text
//! Pinned ─► ColumnBatch ─► keys decoded into vectors ─┐
//! RowScan (a server; stamps; collections) ─► gathered ─┼─► Frame ─► CSV, JSON, Parquet, Arrow
//! query's rows ────────────────────────────► gathered ─┘
//! ```
//!
//! A table of this process is read column by column from one pinned moment, so that most values
//! go from a block of a file to the output without a row in between.

use crate::error::{Error, Result};
use crate::schema::{Column, ColumnId, ColumnKind, Table};
use crate::storage::read::{
    ColumnBatch, ColumnVector, PartitionBound, Partitions, ScanCommand, VectorValues,
};
use crate::storage::{ColumnStream, Pinned};
use crate::types::{Type, key};
use bytes::Bytes;

/// How many rows are gathered at once.
const GATHERED_ROWS: usize = 4_096;
/// How many bytes are gathered at once, about.
const GATHERED_BYTES: usize = 1 << 20;

/// Rows by column.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub rows: usize,
    /// The fields in the order in which they are written.
    pub columns: Vec<ColumnVector>,
}

impl Frame {
    /// Leaves out all rows but the first `most`.
    pub(super) fn cut(&mut self, most: u64) {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if self.rows > most {
            self.rows = most;
            for column in &mut self.columns {
                *column = column.select(&[(0, most)], 0);
            }
        }
    }
}

/// Whether a row has a value.
pub(super) fn is_present(vector: &ColumnVector, row: usize) -> bool {
    let word = vector.present.get(row / 64).copied().unwrap_or(0);
    word >> (row % 64) & 1 == 1
}

/// A value's bytes where a vector holds bytes.
pub(super) fn bytes_at<'a>(offsets: &[u32], data: &'a [u8], row: usize) -> &'a [u8] {
    let start = offsets.get(row).copied().unwrap_or(0) as usize;
    let end = offsets.get(row + 1).copied().unwrap_or(0) as usize;
    data.get(start..end).unwrap_or_default()
}

/// The wire bytes of a value; `room` is lent for those that are made.
pub(super) fn wire<'a>(
    vector: &'a ColumnVector,
    row: usize,
    room: &'a mut [u8; 8],
) -> Option<&'a [u8]> {
    fn put<const N: usize>(bytes: [u8; N], room: &mut [u8; 8]) -> Option<&[u8]> {
        let to = room.get_mut(..N)?;
        to.copy_from_slice(&bytes);
        Some(to)
    }
    if !is_present(vector, row) {
        return None;
    }
    match &vector.values {
        VectorValues::Int8(list) => put(list.get(row)?.to_be_bytes(), room),
        VectorValues::Int16(list) => put(list.get(row)?.to_be_bytes(), room),
        VectorValues::Int32(list) => put(list.get(row)?.to_be_bytes(), room),
        VectorValues::Int64(list) => put(list.get(row)?.to_be_bytes(), room),
        VectorValues::Float32(list) => put(list.get(row)?.to_be_bytes(), room),
        VectorValues::Float64(list) => put(list.get(row)?.to_be_bytes(), room),
        VectorValues::Bool(list) => put([u8::from(*list.get(row)?)], room),
        VectorValues::Bytes { offsets, data } => Some(bytes_at(offsets, data, row)),
        // Multi-cell columns go another way, and compact forms are not asked for.
        VectorValues::Complex(_)
        | VectorValues::Dictionary { .. }
        | VectorValues::Scaled { .. } => None,
    }
}

/// A vector of bytes in the making.
#[derive(Debug)]
struct Building {
    present: Vec<u64>,
    rows: usize,
    offsets: Vec<u32>,
    data: Vec<u8>,
}

impl Building {
    fn new() -> Self {
        Self {
            present: Vec::new(),
            rows: 0,
            offsets: vec![0],
            data: Vec::new(),
        }
    }

    /// Ends a value whose bytes were appended to `data`.
    fn end(&mut self, present: bool) {
        if self.rows.is_multiple_of(64) {
            self.present.push(0);
        }
        if present && let Some(word) = self.present.last_mut() {
            *word |= 1 << (self.rows % 64);
        }
        self.rows += 1;
        // Batches are bounded in rows and bytes, far below 4 GiB.
        self.offsets
            .push(u32::try_from(self.data.len()).unwrap_or(u32::MAX));
    }

    fn push(&mut self, value: Option<&[u8]>) {
        self.data.extend_from_slice(value.unwrap_or_default());
        self.end(value.is_some());
    }

    fn done(self) -> ColumnVector {
        ColumnVector {
            present: self.present,
            values: VectorValues::Bytes {
                offsets: self.offsets,
                data: self.data,
            },
        }
    }
}

/// Where frames come from.
pub(super) trait Frames {
    /// The next rows, or none at the end.
    fn next(&mut self) -> Result<Option<Frame>>;
}

/// Rows of wire values, gathered into frames.
pub(super) struct Gathered<R> {
    columns: usize,
    rows: R,
    ended: bool,
}

impl<R: FnMut(&mut Vec<Option<Bytes>>) -> Result<bool>> Gathered<R> {
    /// `rows` replaces a row by the next one; false at the end.
    pub(super) fn new(columns: usize, rows: R) -> Self {
        Self {
            columns,
            rows,
            ended: false,
        }
    }
}

impl<R: FnMut(&mut Vec<Option<Bytes>>) -> Result<bool>> Frames for Gathered<R> {
    fn next(&mut self) -> Result<Option<Frame>> {
        let mut columns: Vec<Building> = (0..self.columns).map(|_| Building::new()).collect();
        let (mut row, mut rows, mut bytes) = (Vec::new(), 0, 0);
        while !self.ended && rows < GATHERED_ROWS && bytes < GATHERED_BYTES {
            if !(self.rows)(&mut row)? {
                self.ended = true;
                break;
            }
            rows += 1;
            for (value, column) in row.iter().zip(&mut columns) {
                bytes += value.as_ref().map_or(0, Bytes::len);
                column.push(value.as_deref());
            }
        }
        Ok((rows > 0).then(|| Frame {
            rows,
            columns: columns.into_iter().map(Building::done).collect(),
        }))
    }
}

/// Where a field's values are in a batch.
#[derive(Clone, Copy, Debug)]
enum Place {
    PartitionKey(usize),
    Clustering(usize),
    Static(usize),
    Regular(usize),
}

/// How a table of this process is read.
#[derive(Debug)]
pub(super) struct Columnar {
    command: ScanCommand,
    places: Vec<Place>,
    key_columns: usize,
    clustering: Vec<(Type, bool)>,
}

impl Columnar {
    /// How `wanted` is read; none where one of them is kept in several cells.
    pub(super) fn new(table: &Table, wanted: &[Column], now_seconds: i64) -> Option<Self> {
        if wanted.iter().any(|column| column.ty.is_multi_cell()) || table.is_counter() {
            return None;
        }
        let of = |kind| -> Vec<ColumnId> {
            let columns = wanted.iter().filter(|column| column.kind == kind);
            let mut ids: Vec<ColumnId> = columns.map(|column| column.id).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        let (regulars, mut statics) = (of(ColumnKind::Regular), of(ColumnKind::Static));
        if statics.is_empty() {
            // A partition that has nothing but static values is a row all the same.
            statics.extend(
                table
                    .statics
                    .iter()
                    .filter(|column| !column.ty.is_multi_cell())
                    .map(|column| column.id),
            );
            if statics.is_empty() && !table.statics.is_empty() {
                return None;
            }
            statics.sort_unstable();
        }
        let place = |column: &Column| {
            Some(match column.kind {
                ColumnKind::PartitionKey => Place::PartitionKey(column.position),
                ColumnKind::Clustering => Place::Clustering(column.position),
                ColumnKind::Static => Place::Static(statics.binary_search(&column.id).ok()?),
                ColumnKind::Regular => Place::Regular(regulars.binary_search(&column.id).ok()?),
            })
        };
        let places = wanted.iter().map(place).collect::<Option<Vec<_>>>()?;
        let mut command = ScanCommand::new(table.id, now_seconds);
        command.keys = true;
        command.clusterings = !table.clustering.is_empty();
        command.columns = regulars;
        command.statics = statics;
        Some(Self {
            command,
            places,
            key_columns: table.partition_key.len(),
            clustering: table
                .clustering
                .iter()
                .map(|column| (column.ty.clone(), column.descending))
                .collect(),
        })
    }

    /// Starts to read a range.
    pub(super) fn open(
        &self,
        pinned: &Pinned,
        (start, end): (PartitionBound, PartitionBound),
    ) -> Result<ColumnarFrames<'_>> {
        let command = ScanCommand {
            partitions: Partitions::Range { start, end },
            ..self.command.clone()
        };
        Ok(ColumnarFrames {
            plan: self,
            stream: pinned.scan(command)?,
        })
    }

    fn frame(&self, batch: ColumnBatch) -> Result<Frame> {
        let mut clusterings = self.clusterings(&batch)?;
        let mut regulars: Vec<Option<ColumnVector>> = batch.columns.into_iter().map(Some).collect();
        let mut columns = Vec::with_capacity(self.places.len());
        for (at, place) in self.places.iter().enumerate() {
            // A column that is asked for again is needed again.
            let again = self.places.get(at + 1..).unwrap_or_default();
            columns.push(match place {
                Place::PartitionKey(key) => self.key_column(&batch.partitions, batch.rows, *key)?,
                Place::Clustering(key) => take(&mut clusterings, *key, |place| {
                    again
                        .iter()
                        .any(|it| matches!(it, Place::Clustering(k) if k == place))
                }),
                Place::Static(column) => {
                    spread(batch.statics.get(*column), &batch.partitions, batch.rows)
                }
                Place::Regular(column) => take(&mut regulars, *column, |place| {
                    again
                        .iter()
                        .any(|it| matches!(it, Place::Regular(k) if k == place))
                }),
            });
        }
        Ok(Frame {
            rows: batch.rows,
            columns,
        })
    }

    fn key_column(
        &self,
        partitions: &[(usize, crate::storage::row::PartitionKey)],
        rows: usize,
        column: usize,
    ) -> Result<ColumnVector> {
        let mut built = Building::new();
        for (at, (first, key)) in partitions.iter().enumerate() {
            let end = partitions.get(at + 1).map_or(rows, |(next, _)| *next);
            let parts = key::split_partition_key(&key.key, self.key_columns)?;
            let value = parts.get(column).copied();
            for _ in *first..end {
                built.push(value);
            }
        }
        Ok(built.done())
    }

    /// The clustering columns' values.
    fn clusterings(&self, batch: &ColumnBatch) -> Result<Vec<Option<ColumnVector>>> {
        let mut built: Vec<Building> = self.clustering.iter().map(|_| Building::new()).collect();
        if built.is_empty() {
            return Ok(Vec::new());
        }
        let mut originals = batch.originals.iter().peekable();
        for row in 0..batch.rows {
            let mut rest = batch.clustering.get(row).unwrap_or_default();
            if let Some((_, original)) = originals.next_if(|(at, _)| *at == row) {
                original_values(original, &mut built)?;
                continue;
            }
            for (column, (ty, descending)) in built.iter_mut().zip(&self.clustering) {
                if rest.is_empty() {
                    column.end(false);
                    continue;
                }
                let (present, used) =
                    key::decode_component_to(ty, *descending, rest, &mut column.data)?;
                column.end(present);
                rest = rest.get(used..).unwrap_or_default();
            }
        }
        Ok(built.into_iter().map(|built| Some(built.done())).collect())
    }
}

/// A vector, taken out unless it is needed again.
fn take(
    vectors: &mut [Option<ColumnVector>],
    at: usize,
    again: impl Fn(&usize) -> bool,
) -> ColumnVector {
    let Some(vector) = vectors.get_mut(at) else {
        return ColumnVector::default();
    };
    let found = if again(&at) {
        vector.clone()
    } else {
        vector.take()
    };
    found.unwrap_or_default()
}

/// Values as they were given, where the key does not keep all of them: each with its length
/// before it.
fn original_values(original: &Bytes, built: &mut [Building]) -> Result<()> {
    let mut rest: &[u8] = original;
    let short = || Error::internal("a clustering's original is short");
    for column in built {
        let (length, behind) = rest.split_first_chunk::<2>().ok_or_else(short)?;
        let length = u16::from_be_bytes(*length);
        rest = behind;
        if length == u16::MAX {
            column.push(None);
            continue;
        }
        let (value, behind) = rest
            .split_at_checked(usize::from(length))
            .ok_or_else(short)?;
        column.push(Some(value));
        rest = behind;
    }
    Ok(())
}

/// A static column's values, repeated for each row of their partitions.
fn spread(
    vector: Option<&ColumnVector>,
    partitions: &[(usize, crate::storage::row::PartitionKey)],
    rows: usize,
) -> ColumnVector {
    let mut built = Building::new();
    let mut room = [0; 8];
    for (at, (first, _)) in partitions.iter().enumerate() {
        let end = partitions.get(at + 1).map_or(rows, |(next, _)| *next);
        let value = vector.and_then(|vector| wire(vector, at, &mut room));
        for _ in *first..end {
            built.push(value);
        }
    }
    built.done()
}

/// A range of a table of this process.
pub(super) struct ColumnarFrames<'a> {
    plan: &'a Columnar,
    stream: ColumnStream,
}

impl Frames for ColumnarFrames<'_> {
    fn next(&mut self) -> Result<Option<Frame>> {
        let batch = self.stream.next()?;
        batch.map(|batch| self.plan.frame(batch)).transpose()
    }
}
