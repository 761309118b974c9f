//! What each side of the comparison must be able to do.

use crate::rows::EventRow;

pub trait Side {
    /// Writes one row.
    fn write(&mut self, row: &EventRow);
    /// Writes rows as one batch.
    fn write_batch(&mut self, rows: &[EventRow]);
    /// Flushes and compacts everything into one sorted run.
    fn settle(&mut self);
    /// Reads all columns of one row; answers their checksum.
    fn get(&self, partition: u64, n: u64) -> Option<u64>;
    /// Reads rows of a partition from the `from`-th on; answers how many, and their checksum.
    fn slice(&self, partition: u64, from: u64, rows: usize) -> (usize, u64);
    /// Reads all columns of all rows.
    fn scan(&self) -> (usize, u64);
    /// Reads the column `count` of all rows; answers how many, and their sum.
    fn scan_column(&self) -> (usize, i64);
}
