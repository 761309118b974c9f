//! `COPY`: cqlsh's way to move CSV, with cqlsh's options and defaults.
//!
//! ```text
//! COPY [ks.]table [(column, …)] FROM 'file' [, 'file' …] | STDIN   [WITH option = value [AND …]]
//! COPY [ks.]table [(column, …)] TO   'file' | STDOUT               [WITH option = value [AND …]]
//! ```

mod options;
mod parse;

pub use options::CopyOptions;
pub use parse::{CopyStatement, Direction, is_copy, parse};

use crate::database::Database;
use crate::error::{Error, Result};
use crate::transfer::{
    ExportOptions, ExportSummary, ImportOptions, ImportSummary, Input, Output, Selection, export,
    import,
};
use std::fmt;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What the shell lends to a COPY.
pub struct CopyContext {
    /// The keyspace of an unqualified table, after `USE`.
    pub keyspace: Option<String>,
    /// What `STDIN` is.
    pub stdin: Option<Box<dyn Read + Send>>,
    /// What `STDOUT` is.
    pub stdout: Option<Box<dyn Write + Send>>,
    /// Whether progress and remarks go to standard error.
    pub progress: bool,
    /// Stops it when set.
    pub cancel: Arc<AtomicBool>,
}

impl fmt::Debug for CopyContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyContext")
            .field("keyspace", &self.keyspace)
            .finish_non_exhaustive()
    }
}

/// What a COPY did. Its `Display` is the summary line.
#[derive(Clone, Debug, PartialEq)]
pub enum CopySummary {
    /// `FROM`.
    Imported(ImportSummary),
    /// `TO`.
    Exported(ExportSummary),
}

impl fmt::Display for CopySummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Imported(summary) => summary.fmt(f),
            Self::Exported(summary) => summary.fmt(f),
        }
    }
}

/// Runs a COPY given as text, with or without its semicolon.
pub fn run(database: &Database, text: &str, context: CopyContext) -> Result<CopySummary> {
    let statement = parse(text)?;
    let keyspace = statement
        .keyspace
        .clone()
        .or_else(|| context.keyspace.clone())
        .ok_or_else(|| {
            Error::invalid(
                "No keyspace has been specified. USE a keyspace, or explicitly specify \
                 keyspace.tablename",
            )
        })?;
    let options = CopyOptions::new(statement.direction, &statement.options)?;
    match statement.direction {
        Direction::From => copy_from(database, statement, keyspace, &options, context),
        Direction::To => copy_to(database, statement, keyspace, &options, context),
    }
}

fn copy_from(
    database: &Database,
    statement: CopyStatement,
    keyspace: String,
    options: &CopyOptions,
    context: CopyContext,
) -> Result<CopySummary> {
    let inputs = match (statement.files.is_empty(), context.stdin) {
        (false, _) => statement.files.into_iter().map(Input::Path).collect(),
        (true, Some(stdin)) => vec![Input::Reader("STDIN".to_owned(), stdin)],
        (true, None) => vec![Input::Path("-".to_owned())],
    };
    let error_file = options
        .error_file
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("import_{}_{}.err", keyspace, statement.table)));
    let mut import_options = ImportOptions::new(keyspace, statement.table, inputs);
    import_options.dialect = options.dialect.clone();
    import_options.style = options.style.clone();
    import_options.header = options.header;
    import_options.columns = statement.columns;
    import_options
        .skip_columns
        .clone_from(&options.skip_columns);
    import_options.skip_rows = options.skip_rows;
    import_options.rows_max = options.rows_max;
    import_options.errors_max = options.errors_max;
    import_options.bad_file = Some(error_file);
    import_options.ttl_seconds = options.ttl_seconds;
    import_options.timestamp_micros = None;
    import_options.progress = context.progress;
    import_options.cancel = context.cancel;
    // cqlsh takes the columns in the table's order, header or not, unless they are listed.
    import(database, import_options).map(CopySummary::Imported)
}

fn copy_to(
    database: &Database,
    mut statement: CopyStatement,
    keyspace: String,
    options: &CopyOptions,
    context: CopyContext,
) -> Result<CopySummary> {
    if statement.files.len() > 1 {
        return Err(Error::syntax("COPY TO takes one file"));
    }
    let output = match (statement.files.pop(), context.stdout) {
        (Some(file), _) => Output::Path(PathBuf::from(file)),
        (None, Some(stdout)) => Output::Writer(stdout),
        (None, None) => Output::Path(PathBuf::from("-")),
    };
    let selection = Selection::Table {
        keyspace,
        table: statement.table,
        columns: statement.columns,
    };
    let mut export_options = ExportOptions::new(selection, output);
    export_options.dialect = options.dialect.clone();
    export_options.style = options.style.clone();
    export_options.header = options.header;
    export_options.tokens = options.tokens;
    export_options.rows_max = options.rows_max;
    export_options.progress = context.progress;
    export_options.cancel = context.cancel;
    export(database, export_options).map(CopySummary::Exported)
}
