//! How transfers go, and what they did.

use crate::source::{StampKind, TokenRange};
use crate::transfer::csv::{Dialect, ValueStyle};
use crate::transfer::format::{Compression, ErrorBound, Format};
use crate::transfer::mapping::Mapping;
use crate::transfer::progress;
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
    /// begin as gzip or Zstandard do are decompressed.
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
    /// A file, written under a temporary name and renamed; `.gz` and `.zst` are compressed; `-` is
    /// standard output.
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

/// Asks for a line: the prompt is shown, the answer given back.
pub type Ask = Box<dyn Fn(&str) -> crate::error::Result<String> + Send + Sync>;

/// The table is made from the first file's schema, if there is none.
pub struct Create {
    /// The primary key, as CQL has it between its parentheses: `(a, b), c` or `a`. None: it is
    /// asked for.
    pub primary_key: Option<String>,
    /// Asks the user, where there is one.
    pub ask: Option<Ask>,
}

impl fmt::Debug for Create {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Create({:?})", self.primary_key)
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
    /// What the inputs hold; none: what their names and first bytes say.
    pub format: Option<Format>,
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
    /// Which field goes into which column.
    pub mapping: Option<Mapping>,
    /// Makes the table, if there is none.
    pub create: Option<Create>,
    /// How many records are skipped first.
    pub skip_rows: u64,
    /// How many records are read at most.
    pub rows_max: Option<u64>,
    /// With more rejected rows than this nothing is imported.
    pub errors_max: ErrorBound,
    /// Where rejected rows go. None means beside the first input, with `.bad` added.
    pub bad_file: Option<PathBuf>,
    /// The time to live of every row, in seconds; 0 for none; absent means the table's default.
    pub ttl_seconds: Option<i32>,
    /// The write timestamp of the run, in microseconds; absent means now.
    pub timestamp_micros: Option<i64>,
    /// Reads and checks everything, and writes nothing.
    pub dry_run: bool,
    /// Goes on where a run that ended early had come to, and notes how far this one comes.
    pub resume: bool,
    /// How many rows a second at most.
    pub rate_rows: Option<u64>,
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
            format: None,
            dialect: Dialect::default(),
            style: ValueStyle::default(),
            header: true,
            columns: None,
            skip_columns: Vec::new(),
            mapping: None,
            create: None,
            skip_rows: 0,
            rows_max: None,
            errors_max: ErrorBound::Rows(100),
            bad_file: None,
            ttl_seconds: None,
            timestamp_micros: None,
            dry_run: false,
            resume: false,
            rate_rows: None,
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
    /// The write timestamp of the run, in microseconds, where it was fixed.
    pub timestamp_micros: Option<i64>,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// Whether all rows became visible at once.
    pub atomic: bool,
}

impl ImportSummary {
    /// The summary for programs.
    pub fn to_json(&self) -> String {
        serde_json::json!({
            "table": self.table,
            "rows": self.rows,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "bytes_read": self.bytes_read,
            "bytes_written": self.bytes_written,
            "seconds": self.seconds,
            "rows_per_second": progress::rate(self.rows + self.duplicates, self.seconds),
            "bad_file": self.bad_file,
            "timestamp_micros": self.timestamp_micros,
            "dry_run": self.dry_run,
            "atomic": self.atomic,
        })
        .to_string()
    }
}

impl fmt::Display for ImportSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} rows {} in {}, {} read, {} written, {} rejected",
            self.table,
            progress::grouped(self.rows),
            if self.dry_run {
                "checked (dry run, nothing is imported)"
            } else {
                "imported"
            },
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
    /// What is written; none: what the output's name says, else CSV.
    pub format: Option<Format>,
    /// How it is compressed; none: as the output's name says, and Parquet by Zstandard.
    pub compression: Option<Compression>,
    /// How records are written.
    pub dialect: Dialect,
    /// How values are written.
    pub style: ValueStyle,
    /// Whether the first record names the columns.
    pub header: bool,
    /// Which column goes into which field.
    pub mapping: Option<Mapping>,
    /// Timestamps and TTLs that are written beside the values.
    pub preserve: Vec<StampKind>,
    /// Which tokens, of a table.
    pub tokens: TokenRange,
    /// How many rows at most.
    pub rows_max: Option<u64>,
    /// About how large a file may become before the next one is begun, in bytes.
    pub file_bytes_max: Option<u64>,
    /// How many rows a second at most.
    pub rate_rows: Option<u64>,
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
            format: None,
            compression: None,
            dialect: Dialect::default(),
            style: ValueStyle::default(),
            header: true,
            mapping: None,
            preserve: Vec::new(),
            tokens: TokenRange::ALL,
            rows_max: None,
            file_bytes_max: None,
            rate_rows: None,
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
    /// Bytes written, before the compression of a whole file.
    pub bytes: u64,
    /// How many files.
    pub files: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
}

impl ExportSummary {
    /// The summary for programs.
    pub fn to_json(&self) -> String {
        serde_json::json!({
            "source": self.source,
            "rows": self.rows,
            "bytes": self.bytes,
            "files": self.files,
            "seconds": self.seconds,
            "rows_per_second": progress::rate(self.rows, self.seconds),
        })
        .to_string()
    }
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
        )?;
        if self.files > 1 {
            write!(f, " to {} files", self.files)?;
        }
        Ok(())
    }
}
