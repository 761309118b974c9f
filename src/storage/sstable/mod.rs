//! The SSTable: one immutable file of a table's rows, sorted by partition and clustering, stored
//! by column.
//!
//! A [`Writer`] is fed partitions and rows in order and leaves a file under its final name, synced,
//! with the [`FileMeta`](crate::storage::meta::FileMeta) for the manifest. A [`Reader`] serves
//! point reads ([`Reader::get`]), cursors over rows ([`Cursor`]) and scans by column
//! ([`BlockCursor`]).
//! The format's page in the manual draws the file byte by byte.

mod block;
mod block_builder;
mod cells;
mod codec;
mod complex;
mod cursor;
mod deletions;
mod filter;
mod footer;
mod index;
mod keys;
mod packed;
mod presence;
mod reader;
mod rows;
mod runs;
mod scan;
mod stats;
mod tools;
mod unit;
mod values;
mod values_builder;
mod vector;
mod writer;

pub use cursor::Cursor;
pub use footer::{ColumnEntry, Properties};
pub use reader::{BlockCache, Found, Reader};
pub use scan::{BlockCursor, BlockSpan, BlockWish, Position};
pub use tools::{inspect, verify};
pub use values_builder::{Zone, float_order};
pub use writer::{Writer, WriterOptions};

#[cfg(test)]
mod tests;
