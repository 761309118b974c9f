//! `helenus import`: files into a table.

use crate::commands::place::Place;
use crate::commands::{delimiter, stop_on_interrupt, table_name};
use crate::error::{Error, Result};
use crate::transfer::csv::Dialect;
use crate::transfer::{ImportOptions, ImportSummary, Input, import};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// Load CSV files into a table; the rows become visible at once, at the end
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  helenus import nyc.airlines airlines.csv
  helenus import nyc.flights 'flights-*.csv.gz' --null NA
  generate | helenus import nyc.flights - --no-header
  helenus import nyc.airlines airlines.csv --connect 127.0.0.1

The header line names the columns; one that the table lacks is skipped, a missing key column is
refused. Rows that cannot be read go to the bad file, with their reasons in FILE.bad.jsonl.

Through a server (--connect) rows become visible as they are written. All have one timestamp: a
run that failed is completed by the same command with the --timestamp that it tells.")]
pub struct Args {
    /// The table, with its keyspace
    #[arg(value_name = "KEYSPACE.TABLE", value_parser = table_name)]
    table: (String, String),

    /// What to read: files, patterns like 'part-*.csv', .gz, or - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,

    #[command(flatten)]
    place: Place,

    /// What the files hold
    #[arg(long, value_name = "FORMAT", value_parser = ["csv"], default_value = "csv")]
    format: String,

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

    /// With more bad rows than this nothing is imported
    #[arg(long, value_name = "N", default_value_t = 100)]
    max_errors: u64,

    /// Where bad rows go; beside the first file, with .bad added, unless given; for standard input
    /// KEYSPACE.TABLE.bad in the working directory
    #[arg(long, value_name = "FILE")]
    bad_file: Option<PathBuf>,

    /// Let the rows expire after so long
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<i32>,

    /// The write timestamp of the rows, in microseconds since 1970; now unless given
    #[arg(long, value_name = "MICROSECONDS", allow_hyphen_values = true)]
    timestamp: Option<i64>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let inputs = args.files.iter().cloned().map(Input::Path).collect();
    let (keyspace, table) = args.table.clone();
    let mut options = ImportOptions::new(keyspace, table, inputs);
    options.dialect = Dialect {
        delimiter: args.delimiter,
        null: args.null.clone(),
        ..Dialect::default()
    };
    options.header = !args.no_header;
    options.columns.clone_from(&args.columns);
    options.errors_max = args.max_errors;
    options.bad_file.clone_from(&args.bad_file);
    options.ttl_seconds = args.ttl;
    options.timestamp_micros = args.timestamp;
    options.progress = true;
    let server = args.place.server()?;
    if let Some(remote) = &server {
        // What waits for the server's answer stops as well.
        options.cancel = remote.interrupt();
    }
    stop_on_interrupt(Arc::clone(&options.cancel))?;
    match server {
        Some(remote) => told(&import(&remote, options)?),
        None => {
            let database = args.place.data.open_existing()?;
            told(&import(&database, options)?)?;
            database.close()
        }
    }
}

fn told(summary: &ImportSummary) -> Result<()> {
    writeln!(std::io::stderr(), "{summary}")
        .map_err(|error| Error::io("standard error", "write", &error))
}
