//! What a statement writes: a mutation is atomic, and one record of the commit log.

use crate::schema::TableId;
use crate::storage::cell::Deletion;
use crate::storage::reconcile;
use crate::storage::row::{PartitionKey, RangeDeletion, Row};

/// Changes that take effect together or not at all (a logged BATCH is one mutation).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mutation {
    /// The changes, one entry a table and partition.
    pub updates: Vec<PartitionUpdate>,
}

/// Changes to one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionUpdate {
    /// The table.
    pub table: TableId,
    /// The version of the table's schema that the update was made for.
    pub schema_version: u32,
    /// The partition.
    pub key: PartitionKey,
    /// The deletion of the whole partition.
    pub deletion: Deletion,
    /// Deletions of ranges of rows.
    pub ranges: Vec<RangeDeletion>,
    /// The static row's changes.
    pub static_row: Option<Row>,
    /// The rows' changes, in clustering order, one entry a row.
    pub rows: Vec<Row>,
}

impl Mutation {
    /// Makes one update of all those of the same partition, and one row of all those with the same
    /// clustering. `counters`: whether its tables are tables of counters.
    pub fn merge(&mut self, counters: bool) {
        self.updates
            .sort_by(|a, b| (a.table, &a.key).cmp(&(b.table, &b.key)));
        let mut merged: Vec<PartitionUpdate> = Vec::with_capacity(self.updates.len());
        for update in self.updates.drain(..) {
            match merged.last_mut() {
                Some(last) if last.table == update.table && last.key == update.key => {
                    last.absorb(update, counters);
                }
                _ => merged.push(update),
            }
        }
        self.updates = merged;
    }
}

impl PartitionUpdate {
    /// Takes in the changes that `other` makes to the same partition.
    fn absorb(&mut self, other: Self, counters: bool) {
        self.deletion = self.deletion.max(other.deletion);
        self.ranges.extend(other.ranges);
        self.static_row = match (self.static_row.take(), other.static_row) {
            (Some(a), Some(b)) => Some(reconcile::merge_rows(counters, a, b)),
            (a, b) => a.or(b),
        };
        for row in other.rows {
            let at = self
                .rows
                .partition_point(|present| present.clustering < row.clustering);
            match self.rows.get_mut(at) {
                Some(same) if same.clustering == row.clustering => {
                    let old = std::mem::replace(same, Row::new(row.clustering.clone()));
                    *same = reconcile::merge_rows(counters, old, row);
                }
                _ => self.rows.insert(at, row),
            }
        }
    }
}

/// What is true of one row that two updates write. `counters`: whether its table is one of
/// counters.
pub fn merge_rows(counters: bool, a: Row, b: Row) -> Row {
    reconcile::merge_rows(counters, a, b)
}
