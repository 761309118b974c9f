//! Compaction: fewer files, less garbage.
//!
//! A [`Strategy`] looks at what there is and chooses; it is a pure function, so that a test can ask
//! it about any table. A [`Job`] carries the choice out, step by step, and leaves new files; the
//! engine publishes them, and the end of the old ones, in one edit of the manifest.
//!
//! | module | concept |
//! |---|---|
//! | `options` | the settings in a table's `compaction` option |
//! | `strategy` | what to merge, what to drop whole, when to do nothing |
//! | `purge` | what a merge may leave out, and the proof that it must bring |
//! | `job` | merges files into new ones |
//!
//! All strategies that Cassandra has are accepted for a table; all are carried out as size-tiered
//! compaction for now.

mod job;
mod options;
mod purge;
mod strategy;

pub use job::{Job, JobOptions, Progress};
pub use options::CompactionOptions;
pub use purge::Purge;
pub use strategy::{Choice, SizeTiered, Strategy, View, fully_expired};

#[cfg(test)]
mod tests;
