//! The manifest (signatures).

use crate::error::{Error, Result};
use crate::schema::{Catalog, SchemaChange, TableId};
use crate::storage::disk::Disk;
use crate::storage::meta::FileMeta;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One change of what the database consists of. The order of the variants and of their fields is
/// persisted: never change it, only append.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Edit {
    /// A table has one more file.
    AddFile {
        /// The table.
        table: TableId,
        /// The file.
        file: FileMeta,
    },
    /// A table has a file less.
    RemoveFile {
        /// The table.
        table: TableId,
        /// The file's number.
        id: u64,
    },
    /// All records of the log up to `sequence` that concern the table are in its files.
    TableFlushedThrough {
        /// The table.
        table: TableId,
        /// The position.
        sequence: u64,
    },
    /// The schema changes. A dropped table's files and positions go with it.
    Schema(Vec<SchemaChange>),
    /// A table was emptied: its files go with this edit, and replay skips its records up to
    /// `sequence`.
    Truncated {
        /// The table.
        table: TableId,
        /// The position.
        sequence: u64,
        /// When, in microseconds since 1970.
        timestamp: i64,
    },
    /// Sequence numbers start above this one.
    SequenceFloor(u64),
    /// Server timestamps start above this one, in microseconds.
    TimestampFloor(i64),
    /// A segment of the commit log ends at `length`: what lies behind was never acknowledged.
    SealedSegment {
        /// The segment.
        segment: u64,
        /// Its length, in bytes.
        length: u64,
    },
    /// Segments of the commit log may be missing, if their records are at or below `through`.
    LogReclaimed {
        /// The position.
        through: u64,
        /// Seals of segments below this number are forgotten.
        segment: u64,
    },
    /// File numbers start at this one.
    NextFileId(u64),
    /// Catalog versions and table numbers start here (written when the manifest is rewritten).
    CatalogFloor {
        /// The catalog's version.
        version: u64,
        /// The number that the next new table gets.
        next_table_id: u64,
    },
}

/// When and where a table was last emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncation {
    /// Records up to here are gone.
    pub sequence: u64,
    /// When, in microseconds since 1970.
    pub timestamp: i64,
}

/// What all edits together say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The catalog.
    pub catalog: Arc<Catalog>,
    /// Each table's files, by number. Tables without files may be absent.
    pub files: BTreeMap<TableId, BTreeMap<u64, FileMeta>>,
    /// The position through which each table is complete in its files.
    pub flushed_through: BTreeMap<TableId, u64>,
    /// Where tables were last emptied.
    pub truncated: BTreeMap<TableId, Truncation>,
    /// Sequence numbers start above this one.
    pub sequence_floor: u64,
    /// Server timestamps start above this one.
    pub timestamp_floor: i64,
    /// Where segments of the commit log end.
    pub sealed: BTreeMap<u64, u64>,
    /// Records up to here may be gone from the commit log.
    pub log_reclaimed_through: u64,
    /// The number that the next file gets.
    pub next_file_id: u64,
}

/// The manifest: what the database consists of, durably.
#[derive(Debug)]
pub struct Manifest {}

impl Manifest {
    /// Reads the manifest, or starts one in an empty directory.
    pub fn open(_disk: Arc<dyn Disk>) -> Result<(Self, State)> {
        Err(Error::internal("the manifest is being built"))
    }

    /// Makes `edits` durable, all or none. After an error it is unknown whether they are: no file
    /// may be deleted until a later edit has succeeded ([`Manifest::is_sound`]).
    pub fn edit(&self, _edits: &[Edit]) -> Result<()> {
        Err(Error::internal("the manifest is being built"))
    }

    /// Whether the last edit succeeded: only then may files be deleted.
    pub fn is_sound(&self) -> bool {
        false
    }

    /// A number for a new file.
    pub fn allocate_file_id(&self) -> u64 {
        0
    }

    /// What all edits together say now.
    pub fn state(&self) -> State {
        State::default()
    }
}
