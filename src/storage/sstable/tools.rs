//! What `helenus inspect` and `helenus check` do with an SSTable (signatures).

use crate::error::{Error, Result};
use crate::storage::disk::Disk;
use crate::storage::meta::FileMeta;
use std::fmt::Write;

/// Prints what the file holds: header, columns, statistics, index, and its rows if asked for.
pub fn inspect(_disk: &dyn Disk, _path: &str, _rows: bool, _out: &mut dyn Write) -> Result<()> {
    Err(Error::internal("the SSTable is being built"))
}

/// Reads the whole file and checks every checksum, the order of all keys, and that index, filter
/// and statistics agree with the rows; with `expected`, also that it is the file that the
/// manifest means. Answers what the file says of itself.
pub fn verify(_disk: &dyn Disk, _path: &str, _expected: Option<&FileMeta>) -> Result<FileMeta> {
    Err(Error::internal("the SSTable is being built"))
}
