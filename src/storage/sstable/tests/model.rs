//! A file as a plain list, and the comparison of a reader with it.

use crate::random::Random;
use crate::schema::ColumnId;
use crate::storage::cell::{Deletion, NEVER};
use crate::storage::meta::FileMeta;
use crate::storage::read::{ColumnVector, PartitionBound, Projection, Slice, VectorValues};
use crate::storage::row::{ColumnData, PartitionKey, RangeDeletion, Row};
use crate::storage::source::{Source, SourceItem, SourceRequest};
use crate::storage::sstable::{BlockCursor, BlockSpan, BlockWish, Cursor, Reader};
use crate::types::physical::PhysicalKind;
use bytes::Bytes;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq)]
pub struct Partition {
    pub key: PartitionKey,
    pub deletion: Deletion,
    pub ranges: Vec<RangeDeletion>,
    pub static_row: Option<Row>,
    pub rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub partitions: Vec<Partition>,
}

/// A request for everything.
pub fn everything() -> SourceRequest {
    SourceRequest {
        start: PartitionBound::Open,
        end: PartitionBound::Open,
        slices: vec![Slice::all()],
        reversed: false,
        columns: Projection::All,
        statics: true,
    }
}

/// Reads all that a cursor yields; range deletions that were cut are put together again.
pub fn collect(cursor: &mut Cursor) -> crate::error::Result<Vec<Partition>> {
    let mut partitions = Vec::new();
    while let Some(start) = cursor.next_partition()? {
        let mut partition = Partition {
            key: start.key,
            deletion: start.deletion,
            ranges: Vec::new(),
            static_row: start.static_row,
            rows: Vec::new(),
        };
        while let Some(item) = cursor.next_item()? {
            match item {
                SourceItem::Row(row) => partition.rows.push(row),
                SourceItem::Range(range) => add(&mut partition.ranges, range),
            }
        }
        partitions.push(partition);
    }
    Ok(partitions)
}

fn add(ranges: &mut Vec<RangeDeletion>, range: RangeDeletion) {
    if let Some(last) = ranges.last_mut()
        && last.deletion == range.deletion
    {
        if last.end == range.start {
            last.end = range.end;
            return;
        }
        if last.start == range.end {
            last.start = range.start;
            return;
        }
    }
    ranges.push(range);
}

fn key_is_in(key: &PartitionKey, start: &PartitionBound, end: &PartitionBound) -> bool {
    let behind = match start {
        PartitionBound::Open => true,
        PartitionBound::BeforeToken(token) => key.token >= *token,
        PartitionBound::AfterToken(token) => key.token > *token,
        PartitionBound::Before(other) => key >= other,
        PartitionBound::After(other) => key > other,
    };
    behind
        && match end {
            PartitionBound::Open => true,
            PartitionBound::BeforeToken(token) => key.token < *token,
            PartitionBound::AfterToken(token) => key.token <= *token,
            PartitionBound::Before(other) => key < other,
            PartitionBound::After(other) => key <= other,
        }
}

/// Checks that `got` is `wanted`, of which cells outside of the projection may be missing where
/// they cannot matter.
fn check_row(got: &Row, wanted: &Row, columns: &Projection) {
    assert_eq!(got.clustering, wanted.clustering);
    assert_eq!(got.original, wanted.original);
    assert_eq!(got.liveness, wanted.liveness);
    assert_eq!(got.deletion, wanted.deletion);
    let mut left = got.columns.as_slice();
    for column in &wanted.columns {
        if let Some((first, rest)) = left.split_first()
            && first.id == column.id
        {
            assert_eq!(first, column);
            left = rest;
            continue;
        }
        let asked = match columns {
            Projection::All => true,
            Projection::Columns(ids) => ids.contains(&column.id),
        };
        assert!(!asked, "{:?} is missing from {got:?}", column.id);
        let marker = &wanted.liveness;
        assert!(!marker.is_none() && marker.expiry_seconds == NEVER);
        match &column.data {
            ColumnData::Simple(cell) => assert!(cell.timestamp <= marker.timestamp),
            ColumnData::Complex { cells, .. } => {
                let mut cells = cells.iter();
                assert!(cells.all(|cell| cell.cell.timestamp <= marker.timestamp));
            }
        }
    }
    assert!(left.is_empty(), "{left:?}");
}

fn covering(ranges: &[RangeDeletion], at: &Bytes) -> Deletion {
    let covers = |range: &&RangeDeletion| range.start <= *at && *at < range.end;
    let newest = ranges
        .iter()
        .filter(covers)
        .map(|range| range.deletion)
        .max();
    newest.unwrap_or(Deletion::NONE)
}

impl Model {
    pub fn check_meta(&self, meta: &FileMeta) {
        let rows = || self.partitions.iter().flat_map(|partition| &partition.rows);
        assert_eq!(meta.partitions, self.partitions.len() as u64);
        assert_eq!(meta.rows, rows().count() as u64);
        assert_eq!(meta.first, self.partitions[0].key);
        assert_eq!(meta.last, self.partitions.last().unwrap().key);
        let first = rows().map(|row| row.clustering.to_vec()).min();
        assert_eq!(meta.first_clustering, first);
        let last = rows().map(|row| row.clustering.to_vec()).max();
        assert_eq!(meta.last_clustering, last);
        let beyond = self.partitions.iter().any(|partition| {
            !partition.deletion.is_none()
                || !partition.ranges.is_empty()
                || partition.static_row.is_some()
        });
        assert_eq!(meta.beyond_rows, beyond);
    }

    /// Reads the file in every way that there is.
    pub fn check_all(&self, reader: &Arc<Reader>, seed: u64) {
        let got = collect(&mut Cursor::new(reader, everything())).unwrap();
        assert_eq!(got, self.joined().partitions);
        let got = collect(&mut Cursor::new_uncached(reader, everything())).unwrap();
        assert_eq!(got, self.joined().partitions);
        let random = Random::seeded(seed);
        for _ in 0..40 {
            self.check_request(reader, self.request(&random));
        }
        self.check_points(reader, &random);
        self.check_blocks(reader, &PartitionBound::Open, &PartitionBound::Open);
        for _ in 0..4 {
            let (start, end) = (self.bound(&random), self.bound(&random));
            self.check_blocks(reader, &start, &end);
        }
    }

    /// The model with range deletions that touch and are alike put together.
    fn joined(&self) -> Self {
        let mut joined = self.clone();
        for partition in &mut joined.partitions {
            let mut ranges = Vec::new();
            for range in partition.ranges.drain(..) {
                add(&mut ranges, range);
            }
            partition.ranges = ranges;
        }
        joined
    }

    fn bound(&self, random: &Random) -> PartitionBound {
        let at = random.below(self.partitions.len() as u64) as usize;
        let key = self.partitions[at].key.clone();
        match random.below(6) {
            0 => PartitionBound::Open,
            1 => PartitionBound::BeforeToken(key.token),
            2 => PartitionBound::AfterToken(key.token),
            3 => PartitionBound::Before(key),
            4 => PartitionBound::After(key),
            _ => PartitionBound::AfterToken(random.next_u64() as i64),
        }
    }

    fn clustering_bounds(&self, random: &Random) -> Vec<Bytes> {
        let mut rows = Vec::new();
        for partition in &self.partitions {
            rows.extend(partition.rows.iter().map(|row| row.clustering.clone()));
        }
        let mut bounds = vec![Bytes::from_static(&[0x20]), Bytes::from_static(&[0x60])];
        for _ in 0..random.below(8) {
            if rows.is_empty() {
                break;
            }
            let mut bound = rows[random.below(rows.len() as u64) as usize].to_vec();
            let last = bound.pop();
            match random.below(4) {
                0 => bound.push(0x20),
                1 => bound.push(0x60),
                2 => bound.extend(last),
                _ => bound.truncate(2),
            }
            bounds.push(Bytes::from(bound));
        }
        bounds.sort();
        bounds.dedup();
        bounds
    }

    fn request(&self, random: &Random) -> SourceRequest {
        let (start, end) = if random.below(2) == 0 {
            let at = random.below(self.partitions.len() as u64) as usize;
            let key = self.partitions[at].key.clone();
            (
                PartitionBound::Before(key.clone()),
                PartitionBound::After(key),
            )
        } else {
            (self.bound(random), self.bound(random))
        };
        let bounds = self.clustering_bounds(random);
        let mut slices = Vec::new();
        for pair in bounds.windows(2) {
            if random.below(3) > 0 {
                slices.push(Slice {
                    start: pair[0].clone(),
                    end: pair[1].clone(),
                });
            }
        }
        let columns = if random.below(2) == 0 {
            Projection::All
        } else {
            let ids = (0..17).filter(|_| random.below(4) == 0).map(ColumnId);
            Projection::Columns(ids.collect())
        };
        SourceRequest {
            start,
            end,
            slices,
            reversed: random.below(2) == 0,
            columns,
            statics: random.below(2) == 0,
        }
    }

    fn check_request(&self, reader: &Arc<Reader>, request: SourceRequest) {
        let mut cursor = Cursor::new(reader, request.clone());
        let inside =
            |partition: &&Partition| key_is_in(&partition.key, &request.start, &request.end);
        for partition in self.partitions.iter().filter(inside) {
            let start = cursor.next_partition().unwrap().unwrap();
            assert_eq!(start.key, partition.key);
            assert_eq!(start.deletion, partition.deletion);
            match (&start.static_row, &partition.static_row) {
                (Some(got), Some(wanted)) if request.statics => {
                    check_row(got, wanted, &request.columns);
                }
                (None, Some(_)) => assert!(!request.statics),
                (got, _) => assert_eq!(*got, None),
            }
            partition.check_items(&mut cursor, &request);
        }
        assert!(cursor.next_partition().unwrap().is_none());
        assert!(cursor.next_partition().unwrap().is_none());
    }

    fn check_points(&self, reader: &Arc<Reader>, random: &Random) {
        for partition in &self.partitions {
            assert!(reader.may_contain(&partition.key).unwrap());
            let mut places: Vec<Bytes> = partition
                .rows
                .iter()
                .map(|row| row.clustering.clone())
                .collect();
            places.push(Bytes::from_static(&[0x40, 0x41, 0x38]));
            places.push(Bytes::from_static(&[0x38]));
            for place in places {
                let statics = random.below(2) == 0;
                let found = reader
                    .get(&partition.key, &place, &Projection::All, statics)
                    .unwrap()
                    .unwrap();
                let wanted = partition.rows.iter().find(|row| row.clustering == place);
                assert_eq!(found.row.as_ref(), wanted);
                let deletion = covering(&partition.ranges, &place).max(partition.deletion);
                assert_eq!(found.deletion, deletion);
                let wanted = partition.static_row.clone().filter(|_| statics);
                assert_eq!(found.static_row, wanted);
            }
        }
        let absent = PartitionKey {
            token: self.partitions[0].key.token,
            key: Bytes::from_static(b"zz"),
        };
        let place = Bytes::from_static(&[0x38]);
        let found = reader.get(&absent, &place, &Projection::All, true);
        assert!(found.unwrap().is_none());
    }

    /// Reads block by block, by column where that is possible.
    fn check_blocks(&self, reader: &Arc<Reader>, start: &PartitionBound, end: &PartitionBound) {
        let columns: Vec<(ColumnId, PhysicalKind)> =
            [(2, PhysicalKind::Int32), (5, PhysicalKind::Bytes)]
                .into_iter()
                .chain([(3, PhysicalKind::Int64), (4, PhysicalKind::Float64)])
                .chain([(8, PhysicalKind::Bool), (77, PhysicalKind::Int16)])
                .map(|(id, kind)| (ColumnId(id), kind))
                .collect();
        let inside = |partition: &&Partition| key_is_in(&partition.key, start, end);
        let wanted: Vec<(&PartitionKey, &Row)> = self
            .partitions
            .iter()
            .filter(inside)
            .flat_map(|partition| partition.rows.iter().map(|row| (&partition.key, row)))
            .collect();
        let mut wanted = wanted.as_slice();
        let mut blocks = BlockCursor::new(reader, &wish(start, end, &columns, true), None);
        let without = wish(start, end, &columns[..1], false);
        let mut without = BlockCursor::new(reader, &without, None);
        let mut last: Option<BlockSpan> = None;
        while let Some(span) = blocks.next().unwrap() {
            if let Some(last) = &last {
                assert_eq!(last.end, span.start);
            }
            span.zones().unwrap();
            let without = without.next().unwrap().unwrap();
            let took = match span.batch().unwrap() {
                Some(batch) => {
                    assert_eq!(batch.clustering.len(), batch.rows);
                    for row in 0..batch.rows {
                        let clustering = batch.clustering.get(row).unwrap();
                        let (key, wanted) = wanted[row];
                        assert_eq!(*clustering, wanted.clustering);
                        let run = batch.partitions.iter().rfind(|(first, _)| *first <= row);
                        assert_eq!(run.unwrap().1, *key);
                        for ((id, _), vector) in columns.iter().zip(&batch.columns) {
                            check_value(vector, row, wanted, *id);
                        }
                    }
                    let without = without.batch().unwrap().unwrap();
                    assert_eq!(without.rows, batch.rows);
                    batch.rows
                }
                None => {
                    let got = collect(&mut span.cursor(everything())).unwrap();
                    let rows = got
                        .iter()
                        .flat_map(|p| p.rows.iter().map(|row| (&p.key, row)));
                    let rows: Vec<_> = rows.collect();
                    assert_eq!(rows, wanted[..rows.len()]);
                    rows.len()
                }
            };
            wanted = &wanted[took..];
            last = Some(span);
        }
        assert!(wanted.is_empty());
    }
}

/// All rows between two bounds, their keys if wanted, and some columns.
pub fn wish(
    start: &PartitionBound,
    end: &PartitionBound,
    columns: &[(ColumnId, PhysicalKind)],
    keys: bool,
) -> Arc<BlockWish> {
    Arc::new(BlockWish {
        start: start.clone(),
        end: end.clone(),
        slices: vec![Slice::all()],
        columns: columns.to_vec(),
        statics: Vec::new(),
        has_statics: false,
        partitions: keys,
        clusterings: keys,
        originals: keys,
        compact: columns.len().is_multiple_of(2),
    })
}

fn check_value(vector: &ColumnVector, row: usize, wanted: &Row, id: ColumnId) {
    let present = vector.present[row / 64] >> (row % 64) & 1 == 1;
    let cell = match wanted.column(id) {
        Some(ColumnData::Simple(cell)) if !cell.is_tombstone() => Some(cell),
        _ => None,
    };
    assert_eq!(present, cell.is_some());
    let Some(cell) = cell else {
        return;
    };
    let bytes = match &vector.values {
        VectorValues::Int32(list) => list[row].to_be_bytes().to_vec(),
        VectorValues::Int64(list) => list[row].to_be_bytes().to_vec(),
        VectorValues::Float64(list) => list[row].to_be_bytes().to_vec(),
        VectorValues::Bool(list) => vec![u8::from(list[row])],
        VectorValues::Bytes { offsets, data } => {
            data[offsets[row] as usize..offsets[row + 1] as usize].to_vec()
        }
        other => other.compact_wire(row).unwrap(),
    };
    assert_eq!(cell.value, bytes);
}

impl Partition {
    fn check_items(&self, cursor: &mut Cursor, request: &SourceRequest) {
        let in_slices = |at: &Bytes| {
            let mut slices = request.slices.iter();
            slices.any(|slice| slice.start <= *at && *at < slice.end)
        };
        let mut rows: Vec<&Row> = self
            .rows
            .iter()
            .filter(|row| in_slices(&row.clustering))
            .collect();
        if request.reversed {
            rows.reverse();
        }
        let mut rows = rows.into_iter();
        let mut seen: Vec<RangeDeletion> = Vec::new();
        let mut last: Option<Bytes> = None;
        while let Some(item) = cursor.next_item().unwrap() {
            let position = match item {
                SourceItem::Row(row) => {
                    check_row(&row, rows.next().unwrap(), &request.columns);
                    let before = covering(&seen, &row.clustering);
                    assert_eq!(before, covering(&self.ranges, &row.clustering));
                    row.clustering
                }
                SourceItem::Range(range) => {
                    assert!(range.start < range.end);
                    let whole = self.ranges.iter().any(|whole| {
                        whole.deletion == range.deletion
                            && whole.start <= range.start
                            && range.end <= whole.end
                    });
                    assert!(whole, "{range:?} is no part of {:?}", self.ranges);
                    let edge = if request.reversed {
                        range.end.clone()
                    } else {
                        range.start.clone()
                    };
                    seen.push(range);
                    edge
                }
            };
            if let Some(last) = last {
                let in_order = if request.reversed {
                    position <= last
                } else {
                    last <= position
                };
                assert!(in_order, "{position:?} after {last:?}");
            }
            last = Some(position);
        }
        assert_eq!(rows.next(), None);
        // Everything that is deleted within the slices was told.
        let edges = self
            .ranges
            .iter()
            .flat_map(|range| [&range.start, &range.end]);
        let edges = edges.chain(request.slices.iter().map(|slice| &slice.start));
        for edge in edges.filter(|edge| in_slices(edge)) {
            assert_eq!(covering(&seen, edge), covering(&self.ranges, edge));
        }
    }
}
