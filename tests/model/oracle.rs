//! The obviously correct model: it keeps every write and works out what is visible from first
//! principles, by looking at all of them.

use bytes::Bytes;
use helenus::schema::ColumnId;
use helenus::storage::cell::{Cell, Deletion, Liveness};
use helenus::storage::mutation::PartitionUpdate;
use helenus::storage::read::{Projection, ReadItem};
use helenus::storage::row::{ColumnData, PartitionKey, PathCell, Row, RowColumn, RowDeletion};
use std::collections::BTreeMap;

/// Every write to one row.
#[derive(Default)]
struct RowWrites {
    markers: Vec<Liveness>,
    deletions: Vec<i64>,
    /// By column and path; simple columns have no path.
    cells: BTreeMap<(ColumnId, Option<Bytes>), Vec<Cell>>,
    collection_deletions: BTreeMap<ColumnId, Vec<i64>>,
}

/// Every write to one partition.
#[derive(Default)]
struct Partition {
    deletions: Vec<i64>,
    ranges: Vec<(Bytes, Bytes, i64)>,
    statics: RowWrites,
    rows: BTreeMap<Bytes, RowWrites>,
}

/// Every write to one table.
#[derive(Default)]
pub struct Model {
    counter: bool,
    partitions: BTreeMap<PartitionKey, Partition>,
}

/// Whether `a` wins over `b`: newer; then tombstone, expiring, plain; then the later expiry; then
/// the lower TTL; then the greater bytes.
fn wins(counter: bool, a: &Cell, b: &Cell) -> bool {
    if counter {
        if a.is_tombstone() != b.is_tombstone() {
            return a.is_tombstone();
        }
        if !a.is_tombstone() {
            return a.value[8..] > b.value[8..];
        }
    }
    if a.timestamp != b.timestamp {
        return a.timestamp > b.timestamp;
    }
    if a.is_tombstone() != b.is_tombstone() {
        return a.is_tombstone();
    }
    if a.is_expiring() != b.is_expiring() {
        return a.is_expiring();
    }
    if a.expiry_seconds != b.expiry_seconds {
        return a.expiry_seconds > b.expiry_seconds;
    }
    if a.ttl_seconds != b.ttl_seconds {
        return a.ttl_seconds < b.ttl_seconds;
    }
    a.value > b.value
}

fn newest(timestamps: &[i64]) -> i64 {
    timestamps.iter().copied().max().unwrap_or(i64::MIN)
}

impl RowWrites {
    fn write(&mut self, row: &Row) {
        if !row.liveness.is_none() {
            self.markers.push(row.liveness);
        }
        if !row.deletion.is_none() {
            self.deletions.push(row.deletion.deletion.timestamp);
        }
        for column in &row.columns {
            match &column.data {
                ColumnData::Simple(cell) => {
                    let cells = self.cells.entry((column.id, None)).or_default();
                    cells.push(cell.clone());
                }
                ColumnData::Complex { deletion, cells } => {
                    if !deletion.is_none() {
                        let deletions = self.collection_deletions.entry(column.id).or_default();
                        deletions.push(deletion.timestamp);
                    }
                    for element in cells {
                        let place = (column.id, Some(element.path.clone()));
                        self.cells
                            .entry(place)
                            .or_default()
                            .push(element.cell.clone());
                    }
                }
            }
        }
    }

    /// The row as it is seen at `now` below deletions at `above`, if it lives.
    fn visible(&self, counter: bool, clustering: &Bytes, above: i64, now: i64) -> Option<Row> {
        let deleted = above.max(newest(&self.deletions));
        let mut row = Row::new(clustering.clone());
        let mut marker: Option<&Liveness> = None;
        for other in &self.markers {
            let better = marker.is_none_or(|held| {
                let key = |it: &Liveness| {
                    (
                        it.timestamp,
                        it.ttl_seconds > 0,
                        it.expiry_seconds,
                        -it.ttl_seconds,
                    )
                };
                key(other) > key(held)
            });
            if better {
                marker = Some(other);
            }
        }
        if let Some(marker) = marker
            && marker.timestamp > deleted
            && now < marker.expiry_seconds
        {
            row.liveness = *marker;
        }
        for ((id, path), versions) in &self.cells {
            let mut best = &versions[0];
            for version in versions {
                if wins(counter, version, best) {
                    best = version;
                }
            }
            let own = self.collection_deletions.get(id);
            let deleted = deleted.max(own.map_or(i64::MIN, |all| newest(all)));
            let alive = !best.is_tombstone() && now < best.expiry_seconds;
            if best.timestamp <= deleted || !alive {
                continue;
            }
            let Some(path) = path else {
                row.columns.push(RowColumn {
                    id: *id,
                    data: ColumnData::Simple(best.clone()),
                });
                continue;
            };
            let element = PathCell {
                path: path.clone(),
                original: None,
                cell: best.clone(),
            };
            match row.columns.last_mut() {
                Some(RowColumn {
                    id: last,
                    data: ColumnData::Complex { cells, .. },
                }) if last == id => cells.push(element),
                _ => row.columns.push(RowColumn {
                    id: *id,
                    data: ColumnData::Complex {
                        deletion: Deletion::NONE,
                        cells: vec![element],
                    },
                }),
            }
        }
        row.deletion = RowDeletion::NONE;
        (!row.liveness.is_none() || !row.columns.is_empty()).then_some(row)
    }
}

/// What a read wants of each partition.
pub struct Wanted<'a> {
    /// The slices, in clustering order.
    pub slices: &'a [(Bytes, Bytes)],
    /// Whether rows come in reverse.
    pub reversed: bool,
    /// The columns.
    pub columns: &'a Projection,
    /// The moment.
    pub now: i64,
}

fn project(mut row: Row, columns: &Projection) -> Row {
    if let Projection::Columns(wanted) = columns {
        row.columns.retain(|column| wanted.contains(&column.id));
    }
    row
}

impl Model {
    /// A table without writes.
    pub fn new(counter: bool) -> Self {
        Self {
            counter,
            partitions: BTreeMap::new(),
        }
    }

    /// Keeps a write.
    pub fn write(&mut self, update: &PartitionUpdate) {
        let partition = self.partitions.entry(update.key.clone()).or_default();
        if !update.deletion.is_none() {
            partition.deletions.push(update.deletion.timestamp);
        }
        for range in &update.ranges {
            let kept = (
                range.start.clone(),
                range.end.clone(),
                range.deletion.timestamp,
            );
            partition.ranges.push(kept);
        }
        if let Some(row) = &update.static_row {
            partition.statics.write(row);
        }
        for row in &update.rows {
            let writes = partition.rows.entry(row.clustering.clone()).or_default();
            writes.write(row);
        }
    }

    /// Forgets everything.
    pub fn truncate(&mut self) {
        self.partitions.clear();
    }

    /// All keys ever written.
    pub fn keys(&self) -> Vec<PartitionKey> {
        self.partitions.keys().cloned().collect()
    }

    /// What a read of one partition yields.
    pub fn read(&self, key: &PartitionKey, wanted: &Wanted<'_>) -> Vec<ReadItem> {
        let Some(partition) = self.partitions.get(key) else {
            return Vec::new();
        };
        let whole = newest(&partition.deletions);
        let nowhere = Bytes::new();
        let static_row = partition
            .statics
            .visible(self.counter, &nowhere, whole, wanted.now)
            .map(|row| project(row, wanted.columns));
        let mut rows = Vec::new();
        for (clustering, writes) in &partition.rows {
            let inside = |(start, end): &(Bytes, Bytes)| start <= clustering && clustering < end;
            if !wanted.slices.iter().any(inside) {
                continue;
            }
            let mut above = whole;
            for (start, end, timestamp) in &partition.ranges {
                if start <= clustering && clustering < end {
                    above = above.max(*timestamp);
                }
            }
            if let Some(row) = writes.visible(self.counter, clustering, above, wanted.now) {
                rows.push(ReadItem::Row(project(row, wanted.columns)));
            }
        }
        if rows.is_empty() && static_row.is_none() {
            return Vec::new();
        }
        if wanted.reversed {
            rows.reverse();
        }
        let start = ReadItem::Partition {
            key: key.clone(),
            static_row,
        };
        let mut items = vec![start];
        items.extend(rows);
        items
    }
}
