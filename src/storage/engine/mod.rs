//! The engine: what holds the parts of storage together.
//!
//! | file | concept |
//! |---|---|
//! | `front` | [`Engine`], the door: what callers may ask for |
//! | `core` | what all of it shares: state, log, manifest, locks |
//! | `recover` | opening: manifest, replay, leftovers |
//! | `write` | validate → log → memtable → acknowledge |
//! | `deferred` | writes whose caller waits without a thread |
//! | `figures` | counters and gauges, and what nodetool asks for |
//! | `applied` | up to which position the memtables are complete |
//! | `budget` | the bound on memory that makes writers wait |
//! | `read` | snapshots, merges, streams of rows |
//! | `pinned` | several tables as of one moment |
//! | `scan` | streams of columns |
//! | `statistics` | what is known of a table without reading it |
//! | `flush` | freeze → SSTable → manifest → reclaim of the log |
//! | `compact` | runs compaction jobs and publishes what they make |
//! | `jobs` | the compaction job under way |
//! | `imports` | the bulk imports under way |
//! | `index` | a write brings its index entries along |
//! | `index_build` | entries of the rows that were there before an index |
//! | `index_check` | entries compared with rows |
//! | `index_renewal` | indexes that must be built anew |
//! | `ingest` | a bulk import's start and publication |
//! | `schema` | DDL and TRUNCATE |
//! | `locks` | locks of partitions, for what reads before it writes |
//! | `timestamps` | server timestamps |
//!
//! Locks are taken in this order, and each may be left out: partition locks (`locks`, then
//! `index_locks`), `building`, `changing`, `flushing`, `compaction`, `committing`, `gate`, `state`.
//! Nobody waits for room in memory while holding any but partition locks.

mod applied;
mod budget;
mod compact;
mod core;
mod deferred;
mod figures;
mod flush;
mod front;
mod imports;
mod index;
mod index_build;
mod index_check;
mod index_renewal;
mod ingest;
mod jobs;
mod locks;
mod pinned;
mod read;
mod recover;
mod scan;
mod schema;
mod statistics;
mod timestamps;
mod write;

pub use deferred::Ticket;
pub use front::{AppendedView, Engine};
pub use index_check::check_entries;
pub use ingest::Declare;
pub use pinned::Pinned;
pub use read::RowStream;
pub use scan::ColumnStream;
pub use statistics::{ColumnStatistics, TableStatistics};

#[cfg(test)]
mod tests;
