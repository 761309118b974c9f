//! What is known of a pinned table's contents without reading them: for plans and for the types of
//! decimals.
//!
//! Files say it in their properties. A file that was written before those held the shapes of
//! decimals is read through once, and a memtable each time; that is done for decimals alone.

use crate::error::Result;
use crate::schema::{ColumnId, TableId};
use crate::storage::engine::pinned::Pinned;
use crate::storage::engine::read::Snapshot;
use crate::storage::meta::FileMeta;
use crate::storage::read::{PartitionBound, Projection, Slice};
use crate::storage::shapes::{DecimalColumns, DecimalShape, Shapes};
use crate::storage::source::{Source, SourceItem, SourceRequest};
use crate::storage::sstable::{Cursor, Properties};
use crate::storage::table::FileHandle;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is known of a table's contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableStatistics {
    /// How many rows, each version of a row counted.
    pub rows: u64,
    /// How many partitions, each once in every file that it is in.
    pub partitions: u64,
    /// The files' bytes.
    pub bytes: u64,
    /// Whether all of this is exactly what a scan finds, at any time: there is one version of
    /// everything, nothing is deleted and nothing expires.
    pub exact: bool,
    /// Columns of which something is known.
    pub columns: BTreeMap<ColumnId, ColumnStatistics>,
}

/// What is known of a column's values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ColumnStatistics {
    /// The least value in a file, of a column of numbers; in the order of
    /// [`ZoneTest`](crate::storage::read::ZoneTest).
    pub min: Option<i64>,
    /// The greatest.
    pub max: Option<i64>,
    /// How many rows have a value, where all files say so.
    pub present: Option<u64>,
    /// What all decimals of the column fit; none where there is none.
    pub decimal: Option<DecimalShape>,
}

impl ColumnStatistics {
    fn add_shape(&mut self, shape: DecimalShape) {
        self.decimal = Some(self.decimal.map_or(shape, |found| found.max(shape)));
    }
}

impl Pinned {
    /// What is known of a table's contents.
    pub fn statistics(&self, id: TableId) -> Result<TableStatistics> {
        let snapshot = self.snapshot(id)?;
        let decimals = Arc::new(DecimalColumns::of(&snapshot.table.schema));
        let mut statistics = TableStatistics {
            exact: is_exact(snapshot),
            ..TableStatistics::default()
        };
        let regulars = snapshot.table.schema.regulars.iter();
        let simple = regulars.filter(|column| !column.ty.is_multi_cell());
        for column in simple {
            let found = statistics.columns.entry(column.id).or_default();
            found.present = Some(0);
        }
        for file in snapshot.table.files.iter() {
            let meta = &file.meta;
            statistics.rows += meta.rows;
            statistics.partitions += meta.partitions;
            statistics.bytes += meta.bytes;
            let properties = file.reader()?.properties()?;
            add_file(&mut statistics, &properties);
            match &properties.decimals {
                Some(shapes) => add_shapes(&mut statistics, shapes),
                None if decimals.is_empty() => {}
                None => add_shapes(&mut statistics, &*shapes_of_file(file, &decimals)?),
            }
        }
        add_memtables(&mut statistics, snapshot, &decimals)?;
        Ok(statistics)
    }
}

fn is_exact(snapshot: &Snapshot) -> bool {
    let table = &snapshot.table;
    let mut files: Vec<&Arc<FileMeta>> = table.files.iter().map(|file| &file.meta).collect();
    files.sort_by(|a, b| a.first.cmp(&b.first));
    let mut pairs = files.iter().zip(files.iter().skip(1));
    !table.counter
        && table.schema.statics.is_empty()
        && table.hidden.columns().next().is_none()
        && table.memtables().all(|memtable| memtable.is_empty())
        && files.iter().all(|file| file.droppable == 0)
        && pairs.all(|(before, after)| before.last < after.first)
}

/// Adds what a file says but for its decimals.
fn add_file(statistics: &mut TableStatistics, properties: &Properties) {
    for (place, column) in properties.columns.iter().enumerate() {
        let Some(found) = statistics.columns.get_mut(&column.id) else {
            continue;
        };
        if let Some((min, max)) = properties.zones.get(&place) {
            found.min = Some(found.min.map_or(*min, |it| it.min(*min)));
            found.max = Some(found.max.map_or(*max, |it| it.max(*max)));
        }
        let counts = properties.present.as_ref();
        let present = counts.map(|counts| counts.get(&place).copied().unwrap_or(0));
        found.present = found.present.zip(present).map(|(all, more)| all + more);
    }
}

fn add_shapes(statistics: &mut TableStatistics, shapes: &BTreeMap<ColumnId, DecimalShape>) {
    for (id, shape) in shapes {
        statistics.columns.entry(*id).or_default().add_shape(*shape);
    }
}

/// A request for everything that has to do with decimals.
fn everything(decimals: &DecimalColumns) -> SourceRequest {
    SourceRequest {
        start: PartitionBound::Open,
        end: PartitionBound::Open,
        slices: vec![Slice::all()],
        reversed: false,
        columns: Projection::Columns(decimals.cell_ids()),
        statics: true,
    }
}

/// The shapes in a file that does not say them: found once, and kept as long as it is open.
fn shapes_of_file(
    file: &FileHandle,
    decimals: &Arc<DecimalColumns>,
) -> Result<Arc<BTreeMap<ColumnId, DecimalShape>>> {
    if let Some(shapes) = file.shapes(decimals) {
        return Ok(shapes);
    }
    let mut cursor = Cursor::new_uncached(file.reader()?, everything(decimals));
    let mut shapes = Shapes::new(decimals);
    look(&mut cursor, &mut shapes)?;
    Ok(file.keep_shapes(decimals, shapes.found().clone()))
}

/// Looks at all of a source; answers how many partitions and rows it has.
fn look(source: &mut dyn Source, shapes: &mut Shapes) -> Result<(u64, u64)> {
    let (mut partitions, mut rows) = (0, 0);
    while let Some(start) = source.next_partition()? {
        partitions += 1;
        shapes.partition(&start.key);
        if let Some(row) = &start.static_row {
            shapes.row(row);
        }
        while let Some(item) = source.next_item()? {
            if let SourceItem::Row(row) = item {
                rows += 1;
                shapes.row(&row);
            }
        }
    }
    Ok((partitions, rows))
}

fn add_memtables(
    statistics: &mut TableStatistics,
    snapshot: &Snapshot,
    decimals: &Arc<DecimalColumns>,
) -> Result<()> {
    for memtable in snapshot.table.memtables() {
        if memtable.is_empty() {
            continue;
        }
        let mut shapes = Shapes::new(decimals);
        let mut source = snapshot.memtable_source(memtable, &everything(decimals));
        let (partitions, rows) = look(&mut source, &mut shapes)?;
        statistics.rows += rows;
        statistics.partitions += partitions;
        statistics.bytes += memtable.bytes() as u64;
        add_shapes(statistics, shapes.found());
        // How many of its rows have which column is not counted.
        for column in statistics.columns.values_mut() {
            column.present = None;
        }
    }
    Ok(())
}
