//! `helenus export`: a table or a query into a file.

use crate::commands::place::Place;
use crate::commands::{delimiter, stop_on_interrupt, table_name};
use crate::error::{Error, Result};
use crate::transfer::csv::Dialect;
use crate::transfer::{ExportOptions, ExportSummary, Output, Selection, export};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// Write a table or the rows of a query to a CSV file
#[derive(Debug, clap::Args)]
#[command(override_usage = "helenus export [OPTIONS] <KEYSPACE.TABLE | --query CQL> <FILE>")]
#[command(after_help = "\
Examples:
  helenus export nyc.flights flights.csv.gz
  helenus export nyc.airlines - | head
  helenus export nyc.airlines airlines.csv --connect 127.0.0.1
  helenus export --query \"SELECT name FROM nyc.airlines WHERE carrier = 'AA'\" american.csv

The file is written under a temporary name and appears when it is complete.")]
pub struct Args {
    /// The table, with its keyspace; left out where --query is given
    #[arg(value_name = "KEYSPACE.TABLE", required = true)]
    first: String,

    /// The file: .gz is compressed, - is standard output
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

    /// What to write
    #[arg(long, value_name = "FORMAT", value_parser = ["csv"], default_value = "csv")]
    format: String,

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
    options.progress = true;
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

fn told(summary: &ExportSummary) -> Result<()> {
    writeln!(std::io::stderr(), "{summary}")
        .map_err(|error| Error::io("standard error", "write", &error))
}
