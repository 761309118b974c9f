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
//! | [`csv`] | the dialect: cutting, parsing and writing records |
//! | [`copy`] | `COPY … FROM` and `COPY … TO`, with cqlsh's options |

pub mod copy;
pub mod csv;

mod counters;
mod export;
mod glob;
mod import;
mod input;
mod layout;
mod output;
mod progress;
mod records;
mod rejects;
mod site;

#[cfg(test)]
mod testing;

pub use export::export;
pub use import::import;
pub use site::Site;

use crate::transfer::csv::{Dialect, ValueStyle};
use std::fmt;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The memory for sorting an import unless told otherwise, in bytes.
pub const IMPORT_MEMORY_BYTES: usize = 256 << 20;

/// Where an import reads.
pub enum Input {
    /// A file; `*`, `?` and `[…]` in the name match several, `-` is standard input. Files that
    /// end in `.gz` or begin as gzip does are decompressed.
    Path(String),
    /// Anything that can be read; its name is for messages.
    Reader(String, Box<dyn Read + Send>),
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(name) | Self::Reader(name, _) => write!(f, "Input({name})"),
        }
    }
}

/// Where an export writes.
pub enum Output {
    /// A file, written under a temporary name and renamed; `.gz` is compressed; `-` is standard
    /// output.
    Path(PathBuf),
    /// Anything that can be written.
    Writer(Box<dyn Write + Send>),
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "Output({})", path.display()),
            Self::Writer(_) => f.write_str("Output(writer)"),
        }
    }
}

/// How an import goes. [`ImportOptions::new`] has the defaults.
#[derive(Debug)]
pub struct ImportOptions {
    /// The keyspace.
    pub keyspace: String,
    /// The table.
    pub table: String,
    /// What is read, in this order: of rows with the same key the last wins.
    pub inputs: Vec<Input>,
    /// How records are written.
    pub dialect: Dialect,
    /// How values are written.
    pub style: ValueStyle,
    /// Whether each input's first record names the columns. Without, and without
    /// [`ImportOptions::columns`], the columns come in the table's order.
    pub header: bool,
    /// The fields' columns. With a header too, the header is skipped.
    pub columns: Option<Vec<String>>,
    /// Columns that are skipped without a word.
    pub skip_columns: Vec<String>,
    /// How many records are skipped first.
    pub skip_rows: u64,
    /// How many records are read at most.
    pub rows_max: Option<u64>,
    /// With more rejected rows than this nothing is imported.
    pub errors_max: u64,
    /// Where rejected rows go. None means beside the first input, with `.bad` added.
    pub bad_file: Option<PathBuf>,
    /// The time to live of every row, in seconds; 0 for none; absent means the table's default.
    pub ttl_seconds: Option<i32>,
    /// The write timestamp of the run, in microseconds; absent means now.
    pub timestamp_micros: Option<i64>,
    /// The memory for sorting, in bytes.
    pub memory_bytes_max: usize,
    /// Whether progress and remarks go to standard error.
    pub progress: bool,
    /// Stops the import when set; nothing is imported then.
    pub cancel: Arc<AtomicBool>,
}

impl ImportOptions {
    /// An import of `inputs` into `keyspace.table` with the defaults: a header, commas, empty
    /// fields absent, a hundred rejected rows.
    pub fn new(keyspace: impl Into<String>, table: impl Into<String>, inputs: Vec<Input>) -> Self {
        Self {
            keyspace: keyspace.into(),
            table: table.into(),
            inputs,
            dialect: Dialect::default(),
            style: ValueStyle::default(),
            header: true,
            columns: None,
            skip_columns: Vec::new(),
            skip_rows: 0,
            rows_max: None,
            errors_max: 100,
            bad_file: None,
            ttl_seconds: None,
            timestamp_micros: None,
            memory_bytes_max: IMPORT_MEMORY_BYTES,
            progress: false,
            cancel: Arc::default(),
        }
    }
}

/// What an import did. Its `Display` is the summary line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportSummary {
    /// `keyspace.table`.
    pub table: String,
    /// Rows imported, those with the same key counted once.
    pub rows: u64,
    /// Rows whose key had come before.
    pub duplicates: u64,
    /// Rows rejected.
    pub rejected: u64,
    /// Bytes read, as the files have them.
    pub bytes_read: u64,
    /// Bytes written to the database's files.
    pub bytes_written: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Where the rejected rows are, if there are any.
    pub bad_file: Option<PathBuf>,
}

impl fmt::Display for ImportSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} rows imported in {}, {} read, {} written, {} rejected",
            self.table,
            progress::grouped(self.rows),
            progress::pace(self.rows + self.duplicates, self.seconds),
            progress::bytes(self.bytes_read),
            progress::bytes(self.bytes_written),
            progress::grouped(self.rejected),
        )?;
        if let Some(file) = &self.bad_file {
            write!(f, " (rows in {0}, reasons in {0}.jsonl)", file.display())?;
        }
        if self.duplicates > 0 {
            let again = progress::grouped(self.duplicates);
            write!(f, ", {again} with a key that had come before")?;
        }
        Ok(())
    }
}

/// What an export reads.
#[derive(Clone, Debug)]
pub enum Selection {
    /// A table, all of it or these columns.
    Table {
        /// The keyspace.
        keyspace: String,
        /// The table.
        table: String,
        /// The columns in order; none means all, in the table's order.
        columns: Option<Vec<String>>,
    },
    /// The rows of a query.
    Query {
        /// The keyspace of unqualified names.
        keyspace: Option<String>,
        /// Its text.
        text: String,
    },
}

/// How an export goes. [`ExportOptions::new`] has the defaults.
#[derive(Debug)]
pub struct ExportOptions {
    /// What is read.
    pub selection: Selection,
    /// Where it is written.
    pub output: Output,
    /// How records are written.
    pub dialect: Dialect,
    /// How values are written.
    pub style: ValueStyle,
    /// Whether the first record names the columns.
    pub header: bool,
    /// Which tokens, of a table.
    pub tokens: crate::source::TokenRange,
    /// How many rows at most.
    pub rows_max: Option<u64>,
    /// Whether progress and remarks go to standard error.
    pub progress: bool,
    /// Stops the export when set; no file is left then.
    pub cancel: Arc<AtomicBool>,
}

impl ExportOptions {
    /// An export of `selection` to `output` with the defaults: a header, commas, null empty.
    pub fn new(selection: Selection, output: Output) -> Self {
        Self {
            selection,
            output,
            dialect: Dialect::default(),
            style: ValueStyle::default(),
            header: true,
            tokens: crate::source::TokenRange::ALL,
            rows_max: None,
            progress: false,
            cancel: Arc::default(),
        }
    }
}

/// What an export did. Its `Display` is the summary line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExportSummary {
    /// `keyspace.table`, or `query`.
    pub source: String,
    /// Rows written, the header not counted.
    pub rows: u64,
    /// Bytes of CSV, before compression.
    pub bytes: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
}

impl fmt::Display for ExportSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} rows exported in {}, {} written",
            self.source,
            progress::grouped(self.rows),
            progress::pace(self.rows, self.seconds),
            progress::bytes(self.bytes),
        )
    }
}
