//! The one byte form of rows and mutations: encoded once, by the writer.
//!
//! A mutation's record goes into the commit log as it stands, and the memtables get a copy of the
//! same bytes; a read decodes from them the columns that it wants.
//!
//! ```text
//! record    count ‖ update…
//! update    table ‖ schema version ‖ token:8 ‖ lowest timestamp:8 ‖ key
//!           ‖ deletion ‖ count ‖ range… ‖ count ‖ row…
//! range     start ‖ end ‖ deletion
//! deletion  0, or 1 ‖ timestamp:8 ‖ deleted at
//! row       clustering ‖ length:4 ‖ body          the static row first, with empty clustering
//! body      flags:1 ‖ base:8 ‖ [ttl ‖ expiry] ‖ [deletion] ‖ [deletion] ‖ [original]
//!           ‖ count ‖ column…
//! column    id ‖ flags:1 ‖ cell | length:4 ‖ deletion ‖ count ‖ element…
//! element   path ‖ [original] ‖ flags:1 ‖ cell
//! cell      [timestamp:8] ‖ [ttl ‖ expiry | deleted at] ‖ [value]
//! ```
//!
//! Lengths, counts and numbers are LEB128 varints (signed ones zigzag), fixed integers are
//! little-endian, byte strings have their length before them. A row's base timestamp is its
//! marker's, or else its first cell's; cells at the base timestamp leave theirs out, and cells
//! that expire as the marker does leave out their expiry.

mod decode;
mod encode;

pub use decode::{decode, decode_row};
pub use encode::{encode, row_body};

use crate::error::{Error, Result};
use crate::schema::TableId;
use crate::storage::cell::Deletion;
use crate::storage::row::RangeDeletion;
use std::ops::Range;

// Flags of a row's body. Persisted in the commit log: never change them.
const MARKER: u8 = 1;
const MARKER_EXPIRES: u8 = 2;
const DELETION: u8 = 4;
const SHADOWABLE: u8 = 8;
const ORIGINAL: u8 = 16;

// Flags of a column or an element. Persisted in the commit log: never change them.
const PLAIN: u8 = 0;
const EXPIRING: u8 = 1;
const TOMBSTONE: u8 = 2;
const COMPLEX: u8 = 3;
const FORM: u8 = 3;
const AT_BASE: u8 = 4;
const AS_MARKER: u8 = 8;
const PATH_ORIGINAL: u8 = 16;

/// Where the parts of a row lie within its record.
#[derive(Clone, Copy, Debug)]
pub struct RowSpan {
    /// Where the clustering starts.
    pub clustering_at: u32,
    /// How long the clustering is.
    pub clustering_len: u32,
    /// Where the body starts.
    pub body_at: u32,
    /// How long the body is.
    pub body_len: u32,
}

/// One update within a record.
#[derive(Clone, Debug)]
pub struct UpdateSpan {
    /// The table.
    pub table: TableId,
    /// The version of the table's schema that the update was made for.
    pub schema_version: u32,
    /// The partition's token.
    pub token: i64,
    /// The lowest write timestamp in the update, in microseconds.
    pub lowest_timestamp: i64,
    /// Where the partition's raw key starts.
    pub key_at: u32,
    /// How long it is.
    pub key_len: u32,
    /// The deletion of the partition.
    pub deletion: Deletion,
    /// The range deletions.
    pub ranges: Vec<RangeDeletion>,
    /// The rows, the static one first.
    pub rows: Vec<RowSpan>,
}

impl UpdateSpan {
    /// Where the bytes of its key and rows lie: from the key on.
    pub fn extent(&self) -> Range<usize> {
        let last = self.rows.last().map(|row| row.body_at + row.body_len);
        let end = last.unwrap_or(self.key_at + self.key_len);
        self.key_at as usize..end as usize
    }
}

fn malformed() -> Error {
    Error::new(
        crate::ErrorKind::Corrupt,
        "a record of the commit log is malformed",
    )
}

fn position(at: usize) -> Result<u32> {
    u32::try_from(at).map_err(|_| Error::invalid("Mutation of more than 4 GiB"))
}
