//! `helenus export`: a table or a query into a file.

use crate::commands::import::mapping;
use crate::commands::place::Place;
use crate::commands::{delimiter, stop_on_interrupt, table_name};
use crate::error::{Error, Result};
use crate::source::{StampKind, TokenRange};
use crate::transfer::csv::Dialect;
use crate::transfer::{
    Compression, ExportOptions, ExportSummary, Format, Mapping, Output, Selection, export,
    parse_size as size,
};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// Write a table or the rows of a query to a file
#[derive(Debug, clap::Args)]
#[command(override_usage = "helenus export [OPTIONS] <KEYSPACE.TABLE | --query CQL> <FILE>")]
#[command(after_help = "\
Examples:
  helenus export nyc.flights flights.csv.gz
  helenus export nyc.airlines - | head
  helenus export nyc.flights flights.parquet
  helenus export nyc.flights backup.jsonl.zst --preserve-timestamp --preserve-ttl
  helenus export nyc.airlines airlines.csv --connect 127.0.0.1
  helenus export --query \"SELECT name FROM nyc.airlines WHERE carrier = 'AA'\" american.csv

CSV, JSON lines, Parquet and Arrow IPC are told apart by the file's name, or by --format. The
file is written under a temporary name and appears when it is complete.")]
pub struct Args {
    /// The table, with its keyspace; left out where --query is given
    #[arg(value_name = "KEYSPACE.TABLE", required = true)]
    first: String,

    /// The file: .gz and .zst are compressed, - is standard output
    #[arg(value_name = "FILE")]
    second: Option<String>,

    #[command(flatten)]
    place: Place,

    /// Write the rows of this query rather than a table
    #[arg(long, value_name = "CQL")]
    query: Option<String>,

    /// The keyspace of names without one in the query
    #[arg(short, long, value_name = "KEYSPACE", requires = "query")]
    keyspace: Option<String>,

    /// The columns of the table to write, in order; all unless given
    #[arg(
        long,
        value_name = "COLUMN,…",
        value_delimiter = ',',
        conflicts_with = "query"
    )]
    columns: Option<Vec<String>>,

    /// What to write: csv, jsonl, parquet or arrow; by the file's name unless given
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,

    /// How to compress: none, gzip, zstd; within Parquet and Arrow files none, zstd, lz4, snappy;
    /// by the file's name unless given, and Parquet by zstd
    #[arg(long, value_name = "METHOD", value_parser = compression)]
    compression: Option<Compression>,

    /// Which column is which field: 'a=c1, *=-c2'
    #[arg(long, value_name = "FIELD=COLUMN,…", value_parser = mapping)]
    mapping: Option<Mapping>,

    /// Write each cell's timestamp too, for an exact copy
    #[arg(long, conflicts_with = "query")]
    preserve_timestamp: bool,

    /// Write each cell's time to live and expiry too
    #[arg(long, conflicts_with = "query")]
    preserve_ttl: bool,

    /// Begin at this token
    #[arg(
        long,
        value_name = "TOKEN",
        allow_hyphen_values = true,
        conflicts_with = "query"
    )]
    begin_token: Option<i64>,

    /// End at this token
    #[arg(
        long,
        value_name = "TOKEN",
        allow_hyphen_values = true,
        conflicts_with = "query"
    )]
    end_token: Option<i64>,

    /// Write this many rows at most
    #[arg(long, value_name = "N")]
    max_rows: Option<u64>,

    /// Begin another file where one is about this large: 512MB, 2GiB; they are numbered
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_file_size: Option<u64>,

    /// Write this many rows a second at most
    #[arg(long, value_name = "ROWS")]
    rate: Option<u64>,

    /// Tell the summary as JSON: on standard output, or on standard error where the rows go there
    #[arg(long)]
    json: bool,

    /// The text of an absent value
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

    /// Leave out the line with the columns' names
    #[arg(long)]
    no_header: bool,
}

impl Args {
    /// What is read and where it goes; wrong operands are told in words.
    pub fn work(&self) -> std::result::Result<(Selection, Output), String> {
        let (selection, file) = match (&self.query, &self.second) {
            (Some(text), None) => {
                let (keyspace, text) = (self.keyspace.clone(), text.clone());
                (Selection::Query { keyspace, text }, &self.first)
            }
            (Some(_), Some(_)) => {
                return Err("--query takes the place of KEYSPACE.TABLE".to_owned());
            }
            (None, Some(file)) => {
                let (keyspace, table) = table_name(&self.first)?;
                let columns = self.columns.clone();
                (
                    Selection::Table {
                        keyspace,
                        table,
                        columns,
                    },
                    file,
                )
            }
            (None, None) => return Err("the FILE is missing".to_owned()),
        };
        Ok((selection, Output::Path(PathBuf::from(file))))
    }
}

/// Runs the command: writes what `work` has found.
pub fn run(args: &Args, (selection, output): (Selection, Output)) -> Result<()> {
    let mut options = ExportOptions::new(selection, output);
    options.dialect = Dialect {
        delimiter: args.delimiter,
        null: args.null.clone(),
        ..Dialect::default()
    };
    options.header = !args.no_header;
    options.format = args.format;
    options.compression = args.compression;
    options.mapping.clone_from(&args.mapping);
    if args.preserve_timestamp {
        options.preserve.push(StampKind::Timestamp);
    }
    if args.preserve_ttl {
        options
            .preserve
            .extend([StampKind::Ttl, StampKind::Expires]);
    }
    options.tokens = TokenRange {
        first: args.begin_token.unwrap_or(i64::MIN),
        last: args.end_token.unwrap_or(i64::MAX),
    };
    options.rows_max = args.max_rows;
    options.file_bytes_max = args.max_file_size;
    options.rate_rows = args.rate;
    options.progress = true;
    let stdout = matches!(&options.output, Output::Path(path) if path.as_os_str() == "-");
    let told = |summary: &ExportSummary| told(summary, args.json, stdout);
    let server = args.place.server()?;
    if let Some(remote) = &server {
        // What waits for the server's answer stops as well.
        options.cancel = remote.interrupt();
    }
    stop_on_interrupt(Arc::clone(&options.cancel))?;
    match server {
        Some(remote) => told(&export(&remote, options)?),
        None => {
            let database = args.place.data.open_existing()?;
            told(&export(&database, options)?)?;
            database.close()
        }
    }
}

fn told(summary: &ExportSummary, json: bool, rows_on_stdout: bool) -> Result<()> {
    if json && !rows_on_stdout {
        return writeln!(std::io::stdout(), "{}", summary.to_json())
            .map_err(|error| Error::io("standard output", "write", &error));
    }
    let line = if json {
        summary.to_json()
    } else {
        summary.to_string()
    };
    writeln!(std::io::stderr(), "{line}")
        .map_err(|error| Error::io("standard error", "write", &error))
}

fn compression(text: &str) -> std::result::Result<Compression, String> {
    Compression::of_word(text)?.ok_or_else(|| "leave the option out for auto".to_owned())
}
