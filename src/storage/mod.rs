//! The log-structured engine. Its one door is [`Engine`].
#![deny(clippy::indexing_slicing)]

pub mod background;
pub mod cache;
pub mod cell;
pub mod columns;
pub mod commitlog;
pub mod compaction;
pub mod disk;
pub mod engine;
pub mod format;
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
pub mod source;
pub mod sstable;
pub mod table;
mod tools;

pub use engine::{AppendedView, ColumnStream, Engine, RowStream};
pub use ingest::{Ingest, IngestOptions, IngestSummary};
pub use tools::{CheckSummary, check_directory, inspect_file};
