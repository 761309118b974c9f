//! Bulk transfer: files in, files out.
//!
//! An import is all or nothing. Files are cut into records, records are parsed into wire values by
//! a few threads, and the values go in input order into a sorted bulk write that becomes visible
//! at once at its end:
//!
//! ```text
//! input ─► csv::reader ─► chunks of whole records ─► csv::parse ×n ─► source::RowSink ─► published
//! (file, gz, stdin)            │                         │
//!                              too long: refused         wrong: rejects (.bad, .bad.jsonl)
//! ```
//!
//! An export scans token ranges, formats them by a few threads, and writes them in token order to
//! a temporary name that is renamed at the end.
//!
//! | module | concept |
//! |---|---|
//! | [`mod@format`] | what a file holds and how it is compressed |
//! | [`csv`] | the dialect: cutting, parsing and writing records |
//! | `jsonl` | JSON lines: parsing and writing |
//! | [`mapping`], `layout` | which field goes into which column |
//! | `manifest` | how far a run came, for one that goes on |
//! | `create` | a table from a file's schema |
//! | [`copy`] | `COPY … FROM` and `COPY … TO`, with cqlsh's options |

#[cfg(feature = "analytics")]
mod columnar;
pub mod copy;
pub mod csv;

mod counters;
mod create;
mod encode;
mod export;
pub mod format;
mod frame;
mod glob;
mod import;
mod input;
mod jsonl;
mod layout;
mod manifest;
pub mod mapping;
mod options;
mod output;
mod pipeline;
mod progress;
mod records;
mod rejects;
mod sample;
mod site;

#[cfg(test)]
mod testing;

pub use export::export;
pub use format::{Compression, ErrorBound, Format, parse_size};
pub use import::import;
pub use mapping::Mapping;
pub use options::{
    Ask, Create, ExportOptions, ExportSummary, IMPORT_MEMORY_BYTES, ImportOptions, ImportSummary,
    Input, Output, Selection,
};
pub use site::Site;
