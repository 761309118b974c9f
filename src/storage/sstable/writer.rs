//! Writes an SSTable (signatures).

use crate::error::{Error, Result};
use crate::schema::{ColumnId, TableId};
use crate::storage::cell::Deletion;
use crate::storage::disk::Disk;
use crate::storage::meta::FileMeta;
use crate::storage::row::{PartitionKey, RangeDeletion, Row};
use crate::types::physical::PhysicalKind;
use std::sync::Arc;

/// A column of the table, as the file describes it to its readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnEntry {
    /// Its number.
    pub id: ColumnId,
    /// How its values look to storage.
    pub kind: PhysicalKind,
    /// Its name, for people who inspect the file.
    pub name: String,
}

/// What a [`Writer`] must know.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// The table.
    pub table: TableId,
    /// The file's number.
    pub file: u64,
    /// The table's static and regular columns, in rising order of id.
    pub columns: Vec<ColumnEntry>,
    /// The rows of a block, before compression, in bytes.
    pub block_bytes: usize,
    /// The share of absent keys that the filter lets through, in millionths; 1,000,000 or more
    /// means no filter.
    pub bloom_filter_fp_millionths: u32,
    /// Whether pages are compressed where that saves something.
    pub compression: bool,
}

/// Writes one SSTable: partitions in key order; within each its ranges, its static row, its rows
/// in clustering order. Written under `<path>.tmp`; dropped before [`Writer::finish`], it removes
/// that.
#[derive(Debug)]
pub struct Writer {}

impl Writer {
    /// Starts the file; its directory must be there.
    pub fn create(_disk: Arc<dyn Disk>, _path: &str, _options: WriterOptions) -> Result<Self> {
        Err(Error::internal("the SSTable is being built"))
    }

    /// Starts the next partition. `ranges` are sorted and disjoint.
    pub fn partition(
        &mut self,
        _key: &PartitionKey,
        _deletion: Deletion,
        _ranges: &[RangeDeletion],
    ) -> Result<()> {
        Err(Error::internal("the SSTable is being built"))
    }

    /// The partition's static row, before its other rows.
    pub fn static_row(&mut self, _row: &Row) -> Result<()> {
        Err(Error::internal("the SSTable is being built"))
    }

    /// The partition's next row.
    pub fn row(&mut self, _row: &Row) -> Result<()> {
        Err(Error::internal("the SSTable is being built"))
    }

    /// About how long the file is by now, in bytes.
    pub fn bytes(&self) -> u64 {
        0
    }

    /// Whether no partition has been given to it.
    pub fn is_empty(&self) -> bool {
        true
    }

    /// Writes what is left, syncs the file, gives it its name and makes the name durable. The
    /// caller sets `sequence_min`, `sequence_max` and `level` of the answer. An empty file is an
    /// error: drop the writer instead.
    pub fn finish(self) -> Result<FileMeta> {
        Err(Error::internal("the SSTable is being built"))
    }
}
