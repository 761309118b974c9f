//! What a statement writes: a mutation is atomic, and one record of the commit log.

use crate::schema::TableId;
use crate::storage::cell::Deletion;
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
