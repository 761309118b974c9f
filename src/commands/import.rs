//! `helenus import`: files into a table.

use crate::commands::place::Place;
use crate::commands::{delimiter, stop_on_interrupt, table_name};
use crate::error::{Error, Result};
use crate::transfer::csv::Dialect;
use crate::transfer::{
    Create, ErrorBound, Format, ImportOptions, ImportSummary, Input, Mapping, import,
};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Load files into a table; the rows become visible at once, at the end
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  helenus import nyc.airlines airlines.csv
  helenus import nyc.flights 'flights-*.csv.gz' --null NA
  helenus import nyc.trips trips.parquet --create --primary-key '(vendor), pickup'
  helenus import nyc.events events.jsonl.zst --mapping 'id=event, *=*, at=__timestamp'
  generate | helenus import nyc.flights - --no-header
  helenus import nyc.airlines airlines.csv --connect 127.0.0.1

CSV, JSON lines, Parquet and Arrow IPC are told apart by the file's name, or by --format. The header
line names the columns; one that the table lacks is skipped, a missing key column is refused. Rows
that cannot be read go to the bad file, with their reasons in FILE.bad.jsonl.

Through a server (--connect) rows become visible as they are written. All have one timestamp: a
run that failed is completed by the same command with --resume, or with the --timestamp it tells.")]
pub struct Args {
    /// The table, with its keyspace
    #[arg(value_name = "KEYSPACE.TABLE", value_parser = table_name)]
    table: (String, String),

    /// What to read: files, patterns like 'part-*.csv', .gz, .zst, or - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,

    #[command(flatten)]
    place: Place,

    /// What the files hold: csv, jsonl, parquet or arrow; by the first one's name unless given
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,

    /// The text of an absent value; none is written for it
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        allow_hyphen_values = true
    )]
    null: String,

    /// What stands between fields: one character, or \t
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter, default_value = ",")]
    delimiter: u8,

    /// The first line is data; fields come in the table's column order, or that of --columns
    #[arg(long)]
    no_header: bool,

    /// The fields' columns, in order
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    columns: Option<Vec<String>>,

    /// Which field is which column: 'a=c1, *=-c2, ts=__timestamp, exp=__ttl'
    #[arg(long, value_name = "FIELD=COLUMN,…", value_parser = mapping)]
    mapping: Option<Mapping>,

    /// Make the table from the file's schema, if there is none
    #[arg(long)]
    create: bool,

    /// The new table's primary key: 'a' or '(a, b), c'; asked for unless given
    #[arg(long, value_name = "KEY", requires = "create")]
    primary_key: Option<String>,

    /// With more bad rows than this, or a larger share of them, nothing is imported
    #[arg(long, value_name = "N|N%", default_value = "100")]
    max_errors: ErrorBound,

    /// Where bad rows go; beside the first file, with .bad added, unless given; for standard input
    /// KEYSPACE.TABLE.bad in the working directory
    #[arg(long, value_name = "FILE")]
    bad_file: Option<PathBuf>,

    /// Leave out the first rows
    #[arg(long, value_name = "N", default_value_t = 0)]
    skip_rows: u64,

    /// Read this many rows at most
    #[arg(long, value_name = "N")]
    max_rows: Option<u64>,

    /// Let the rows expire after so long
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<i32>,

    /// The write timestamp of the rows, in microseconds since 1970; now unless given
    #[arg(long, value_name = "MICROSECONDS", allow_hyphen_values = true)]
    timestamp: Option<i64>,

    /// Read and check everything, write nothing
    #[arg(long)]
    dry_run: bool,

    /// Go on where an earlier run of the same files ended; how far a run is, is noted in
    /// FILE.import.json
    #[arg(long, conflicts_with = "dry_run")]
    resume: bool,

    /// Take this many rows a second at most
    #[arg(long, value_name = "ROWS")]
    rate: Option<u64>,

    /// Tell the summary as JSON, on standard output
    #[arg(long)]
    json: bool,
}

/// A mapping, as a command's value.
pub(super) fn mapping(text: &str) -> std::result::Result<Mapping, String> {
    Mapping::parse(text).map_err(|error| error.message)
}

impl Args {
    fn options(&self) -> ImportOptions {
        let inputs = self.files.iter().cloned().map(Input::Path).collect();
        let (keyspace, table) = self.table.clone();
        let mut options = ImportOptions::new(keyspace, table, inputs);
        options.format = self.format;
        options.dialect = Dialect {
            delimiter: self.delimiter,
            null: self.null.clone(),
            ..Dialect::default()
        };
        options.header = !self.no_header;
        options.columns.clone_from(&self.columns);
        options.mapping.clone_from(&self.mapping);
        options.create = self.create.then(|| Create {
            primary_key: self.primary_key.clone(),
            ask: std::io::stdin().is_terminal().then(|| Box::new(ask) as _),
        });
        options.errors_max = self.max_errors;
        options.bad_file.clone_from(&self.bad_file);
        options.skip_rows = self.skip_rows;
        options.rows_max = self.max_rows;
        options.ttl_seconds = self.ttl;
        options.timestamp_micros = self.timestamp;
        options.dry_run = self.dry_run;
        options.resume = self.resume;
        options.rate_rows = self.rate;
        options.progress = true;
        options
    }
}

/// Asks on the terminal.
fn ask(prompt: &str) -> Result<String> {
    let failed = |error| Error::io("the terminal", "be asked", &error);
    let mut err = std::io::stderr();
    write!(err, "{prompt}")
        .and_then(|()| err.flush())
        .map_err(failed)?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(failed)?;
    Ok(line.trim().to_owned())
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let mut options = args.options();
    let server = args.place.server()?;
    if let Some(remote) = &server {
        // What waits for the server's answer stops as well.
        options.cancel = remote.interrupt();
    }
    stop_on_interrupt(Arc::clone(&options.cancel))?;
    match server {
        Some(remote) => told(&import(&remote, options)?, args.json),
        None => {
            let database = args.place.data.open_existing()?;
            told(&import(&database, options)?, args.json)?;
            database.close()
        }
    }
}

fn told(summary: &ImportSummary, json: bool) -> Result<()> {
    if json {
        return writeln!(std::io::stdout(), "{}", summary.to_json())
            .map_err(|error| Error::io("standard output", "write", &error));
    }
    writeln!(std::io::stderr(), "{summary}")
        .map_err(|error| Error::io("standard error", "write", &error))
}
