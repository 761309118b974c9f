//! `COPY`: cqlsh's way to move CSV, with cqlsh's options and defaults.
//!
//! ```text
//! COPY [ks.]table [(column, …)] FROM 'file' [, 'file' …] | STDIN   [WITH option = value [AND …]]
//! COPY [ks.]table [(column, …)] TO   'file' | STDOUT               [WITH option = value [AND …]]
//! COPY (SELECT …)               TO   'file' | STDOUT               [WITH option = value [AND …]]
//! ```
//!
//! The options of `helenus import` and `export` are options here too: FORMAT, COMPRESSION, MAPPING,
//! MAX_ERRORS, BAD_FILE, TIMESTAMP, DRY_RUN, RESUME, RATE, CREATE, PRIMARY_KEY, MAX_ROWS,
//! SKIP_ROWS, PRESERVE_TIMESTAMP, PRESERVE_TTL, BEGIN_TOKEN, END_TOKEN, MAX_FILE_SIZE.

mod options;
mod parse;

pub use options::CopyOptions;
pub use parse::{CopyStatement, Direction, is_copy, parse};

use crate::cql::ddl::SYSTEM_KEYSPACES;
use crate::error::{Error, Result};
use crate::schema::Table;
use crate::transfer::{
    Create, ExportOptions, ExportSummary, Format, ImportOptions, ImportSummary, Input, Output,
    Selection, Site, export, import,
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
pub fn run(site: &dyn Site, text: &str, context: CopyContext) -> Result<CopySummary> {
    let mut statement = parse(text)?;
    if let Some(text) = statement.query.take() {
        let options = CopyOptions::new(Direction::To, &statement.options)?;
        let keyspace = context.keyspace.clone();
        let selection = Selection::Query { keyspace, text };
        return copy_to(site, selection, statement.files, options, context);
    }
    let keyspace = statement
        .keyspace
        .take()
        .or_else(|| context.keyspace.clone());
    let keyspace = keyspace.ok_or_else(|| {
        Error::invalid(
            "No keyspace has been specified. USE a keyspace, or explicitly specify \
             keyspace.tablename",
        )
    })?;
    let options = CopyOptions::new(statement.direction, &statement.options)?;
    // With a header FROM finds the columns by name.
    let by_name = statement.direction == Direction::From
        && (options.header
            || options.create
            || options.mapping.is_some()
            || named(&statement, &options));
    let virtual_table = SYSTEM_KEYSPACES.contains(&keyspace.as_str());
    if statement.columns.is_none() && !by_name && !virtual_table {
        let table = site.tables().table(&keyspace, &statement.table)?;
        statement.columns = Some(columns(&table));
    }
    match statement.direction {
        Direction::From => copy_from(site, statement, keyspace, options, context),
        Direction::To => {
            let (table, columns) = (statement.table, statement.columns);
            let selection = Selection::Table {
                keyspace,
                table,
                columns,
            };
            copy_to(site, selection, statement.files, options, context)
        }
    }
}

/// Whether the files' rows name their columns: all but CSV's do.
fn named(statement: &CopyStatement, options: &CopyOptions) -> bool {
    let first = statement.files.first();
    let by_name = first.and_then(|name| Format::of_name(name));
    options.format.or(by_name).unwrap_or_default() != Format::Csv
}

/// The columns in cqlsh's order: the key, then the others by name, static or not.
fn columns(table: &Table) -> Vec<String> {
    let keys = table.partition_key.iter().chain(&table.clustering);
    let mut others: Vec<&String> = table
        .statics
        .iter()
        .chain(&table.regulars)
        .map(|column| &column.name)
        .collect();
    others.sort();
    keys.map(|column| &column.name)
        .chain(others)
        .cloned()
        .collect()
}

fn copy_from(
    site: &dyn Site,
    statement: CopyStatement,
    keyspace: String,
    options: CopyOptions,
    context: CopyContext,
) -> Result<CopySummary> {
    let inputs = match (statement.files.is_empty(), context.stdin) {
        (false, _) => statement.files.into_iter().map(Input::Path).collect(),
        (true, Some(stdin)) => vec![Input::Reader("STDIN".to_owned(), stdin)],
        (true, None) => vec![Input::Path("-".to_owned())],
    };
    let error_file = options
        .error_file
        .unwrap_or_else(|| PathBuf::from(format!("import_{keyspace}_{}.err", statement.table)));
    let import_options = ImportOptions {
        dialect: options.dialect,
        style: options.style,
        header: options.header,
        columns: statement.columns,
        skip_columns: options.skip_columns,
        skip_rows: options.skip_rows,
        rows_max: options.rows_max,
        errors_max: options.errors_max,
        bad_file: Some(error_file),
        ttl_seconds: options.ttl_seconds,
        format: options.format,
        mapping: options.mapping,
        timestamp_micros: options.timestamp_micros,
        dry_run: options.dry_run,
        resume: options.resume,
        rate_rows: options.rate_rows,
        create: options.create.then_some(Create {
            primary_key: options.primary_key,
            ask: None,
        }),
        progress: context.progress,
        cancel: context.cancel,
        ..ImportOptions::new(keyspace, statement.table, inputs)
    };
    import(site, import_options).map(CopySummary::Imported)
}

fn copy_to(
    site: &dyn Site,
    selection: Selection,
    mut files: Vec<String>,
    options: CopyOptions,
    context: CopyContext,
) -> Result<CopySummary> {
    let output = match (files.pop(), context.stdout) {
        (Some(file), _) => Output::Path(PathBuf::from(file)),
        (None, Some(stdout)) => Output::Writer(stdout),
        (None, None) => Output::Path(PathBuf::from("-")),
    };
    let export_options = ExportOptions {
        format: options.format,
        compression: options.compression,
        mapping: options.mapping,
        preserve: options.preserve,
        file_bytes_max: options.file_bytes_max,
        rate_rows: options.rate_rows,
        dialect: options.dialect,
        style: options.style,
        header: options.header,
        tokens: options.tokens,
        rows_max: options.rows_max,
        progress: context.progress,
        cancel: context.cancel,
        ..ExportOptions::new(selection, output)
    };
    export(site, export_options).map(CopySummary::Exported)
}
