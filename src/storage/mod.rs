//! The log-structured engine. Its one door is [`Engine`].
//!
//! **A write** is a [`Mutation`](mutation::Mutation). [`Engine::apply`] validates it, merges what
//! it says twice, and encodes it once (`record`). The commit log appends the record and so gives
//! it its position (`commitlog`); the memtables get a copy (`memtable`); the call returns when the
//! log is synced that far ([`Engine::submit`] returns at once, with a ticket for that position).
//! What must read before it writes does so in [`Engine::read_modify_write`], under the locks of its
//! partitions, and sees what is appended.
//!
//! **A flush** sets memtables aside at a position, writes an SSTable a table (`sstable`), and adds
//! them in one edit of the manifest (`manifest`), which also says how far replay may skip.
//! Segments of the log that no table needs any more go. **Compaction** merges SSTables and purges
//! what has been dead for long enough, with proof (`compaction`). **Bulk import** sorts outside of
//! memory and writes SSTables straight (`ingest`).
//!
//! **A read** takes the table's state (its memtables and files, pinned for as long as it reads) and
//! a position, merges all sources that may know something (`source`, `merge`), reconciles versions
//! (`reconcile`: the one function that decides what is true), and hands out what lives (`live`).
//! [`Engine::scan`] does the same by column, and takes blocks as they are where nothing overlaps.
//! [`Engine::pin`] takes several tables as of one moment, for queries that scan more than one.
//!
//! ```text
//! apply ─► commit log ─► memtable ══ flush ══► SSTable ══ compaction ══► SSTable
//!              │             │                    │                         │
//!              └─ recovery   └────────┬───────────┴─────────────────────────┘
//!                                   merge ─► reconcile ─► live ─► rows or columns
//! ```
//!
//! Everything is driven from outside: threads exist in `background` only, and an engine opened with
//! `background = false` does the same work in [`Engine::step`]. Files come through `disk` only,
//! whose simulated kind is the in-memory mode and the tests' adversary.
#![deny(clippy::indexing_slicing)]

pub mod background;
pub mod blocking;
pub mod cache;
pub mod cell;
pub mod columns;
pub mod commitlog;
pub mod compaction;
pub mod disk;
pub mod engine;
pub mod figures;
pub mod format;
pub mod index;
pub mod ingest;
pub mod live;
pub mod manifest;
pub mod memtable;
pub mod merge;
pub mod meta;
pub mod mutation;
pub mod read;
pub mod reconcile;
pub mod record;
pub mod row;
pub mod shapes;
pub mod source;
pub mod sstable;
pub mod table;
mod tools;

pub use blocking::{is_resident, resident};
pub use engine::{
    AppendedView, ColumnStatistics, ColumnStream, Declare, Engine, Pinned, RowStream,
    TableStatistics, Ticket,
};
pub use figures::{
    CacheFigures, CompactionFigures, CompactionsFigures, Figures, FlushFigures, Latency,
    LogFigures, MemtablesFigures, SizeEstimate, TableFigures,
};
pub use index::{
    Place, entries_between, entries_from, entries_of_partition, entry_key, pair_value,
};
pub use ingest::{Ingest, IngestOptions, IngestSummary};
pub use shapes::DecimalShape;
pub use tools::{CheckSummary, check_directory, inspect_file};
