//! What a reader sees of a merge: partitions and rows that live at its moment.
//!
//! The order of steps for each row: reconcile its versions (`merge`), hide cells of dropped
//! columns, apply deletions and expiry ([`reconcile::visible`]), and only then leave out columns
//! that were not asked for, since a cell that nobody asked for keeps its row alive too.

use crate::error::Result;
use crate::schema::{ColumnId, Table};
use crate::storage::cell::Deletion;
use crate::storage::merge::{Merge, MergedRow};
use crate::storage::read::{Projection, ReadItem};
use crate::storage::reconcile;
use crate::storage::row::{ColumnData, PartitionKey, Row};
use crate::storage::source::Source;
use bytes::Bytes;
use std::sync::Arc;

/// Cells that no reader may see because their column was dropped: by column, up to which
/// timestamp.
#[derive(Debug, Default)]
pub struct Hidden {
    columns: Vec<(ColumnId, i64)>,
}

impl Hidden {
    /// The hidden cells of a table.
    pub fn of(table: &Table) -> Self {
        let mut columns: Vec<_> = table
            .dropped
            .values()
            .map(|dropped| {
                let id = dropped.column.id;
                let until = match table.column_by_id(id) {
                    Some(_) => dropped.dropped_at_micros,
                    None => i64::MAX,
                };
                (id, until)
            })
            .collect();
        columns.sort_unstable();
        Self { columns }
    }

    /// The columns of which something is hidden.
    pub fn columns(&self) -> impl Iterator<Item = ColumnId> {
        self.columns.iter().map(|(id, _)| *id)
    }

    /// Drops what is hidden from a row.
    pub fn apply(&self, row: &mut Row) {
        if self.columns.is_empty() {
            return;
        }
        row.columns.retain_mut(|column| {
            let hidden = self.columns.iter().filter(|(id, _)| *id == column.id);
            let Some(until) = hidden.map(|(_, until)| *until).max() else {
                return true;
            };
            match &mut column.data {
                ColumnData::Simple(cell) => cell.timestamp > until,
                ColumnData::Complex { deletion, cells } => {
                    cells.retain(|element| element.cell.timestamp > until);
                    if deletion.timestamp <= until {
                        *deletion = Deletion::NONE;
                    }
                    !cells.is_empty() || !deletion.is_none()
                }
            }
        });
    }
}

/// How a row of doubtful liveness is read again with all its columns.
pub trait Reread: Send {
    /// The merged row with all columns.
    fn whole(&self, key: &PartitionKey, clustering: &Bytes) -> Result<Option<MergedRow>>;
}

/// What rows are filtered by.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Dropped columns.
    pub hidden: Arc<Hidden>,
    /// The wanted columns.
    pub columns: Arc<Projection>,
    /// The moment that decides what has expired, in seconds since 1970.
    pub now_seconds: i64,
}

impl Filter {
    /// Turns a reconciled row into what the reader sees; answers whether it lives.
    pub fn apply(&self, row: &mut Row, above: Deletion) -> bool {
        self.hidden.apply(row);
        let lives = reconcile::visible(row, above, self.now_seconds);
        if lives && let Projection::Columns(wanted) = &*self.columns {
            row.columns
                .retain(|column| wanted.binary_search(&column.id).is_ok());
        }
        lives
    }
}

/// The live rows of a merge.
pub struct LiveRows {
    merge: Merge,
    filter: Filter,
    reread: Option<Box<dyn Reread>>,
    /// Where the merge stands, once that partition was handed out.
    key: Option<PartitionKey>,
    within: bool,
    /// The first row of a partition that was just handed out.
    first: Option<Row>,
}

impl std::fmt::Debug for LiveRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveRows").finish_non_exhaustive()
    }
}

impl LiveRows {
    /// The live rows of `merge`. `reread` is needed where the merge was asked for some columns
    /// only.
    pub fn new(merge: Merge, filter: Filter, reread: Option<Box<dyn Reread>>) -> Self {
        Self {
            merge,
            filter,
            reread,
            key: None,
            within: false,
            first: None,
        }
    }

    /// The partition that the last item belongs to.
    pub fn key(&self) -> Option<&PartitionKey> {
        self.key.as_ref()
    }

    /// The next item, or none at the end.
    #[expect(clippy::should_implement_trait, reason = "it fails")]
    pub fn next(&mut self) -> Result<Option<ReadItem>> {
        if let Some(row) = self.first.take() {
            return Ok(Some(ReadItem::Row(row)));
        }
        if self.within {
            if let Some(row) = self.next_row()? {
                return Ok(Some(ReadItem::Row(row)));
            }
            self.within = false;
        }
        while let Some(start) = self.merge.next_partition()? {
            self.key = Some(start.key.clone());
            let static_row = start.static_row.and_then(|mut row| {
                let lives = self.filter.apply(&mut row, start.deletion);
                lives.then_some(row)
            });
            self.first = self.next_row()?;
            if static_row.is_some() || self.first.is_some() {
                self.within = self.first.is_some();
                return Ok(Some(ReadItem::Partition {
                    key: start.key,
                    static_row,
                }));
            }
        }
        Ok(None)
    }

    fn next_row(&mut self) -> Result<Option<Row>> {
        while let Some(MergedRow {
            mut row,
            mut above,
            doubtful,
        }) = self.merge.next_row()?
        {
            if doubtful
                && !row.liveness.is_live(self.filter.now_seconds)
                && let (Some(reread), Some(key)) = (&self.reread, &self.key)
            {
                match reread.whole(key, &row.clustering)? {
                    Some(whole) => (row, above) = (whole.row, whole.above),
                    None => continue,
                }
            }
            if self.filter.apply(&mut row, above) {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }
}
