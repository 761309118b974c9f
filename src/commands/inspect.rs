//! `helenus inspect`: what a file of the engine holds.

use crate::error::{Error, Result};
use crate::storage::inspect_file;
use std::fmt;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

/// Print what a file of the database holds: manifest, SSTable or commit-log segment
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  helenus inspect helenus-data/manifest-000001
  helenus inspect --rows helenus-data/tables/17/0000000004.sst")]
pub struct Args {
    /// The file; its kind is known from its first bytes
    file: PathBuf,

    /// Print the rows of an SSTable too
    #[arg(long)]
    rows: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let mut out = Text {
        to: BufWriter::new(io::stdout().lock()),
        failed: None,
    };
    let inspected = inspect_file(&args.file, args.rows, &mut out);
    let flushed = out.to.flush();
    if let Some(error) = out.failed.or(flushed.err()) {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Ok(());
        }
        return Err(Error::io("standard output", "write", &error));
    }
    inspected
}

/// Text on its way to standard output; keeps the reason of a failure, which `fmt` has no place for.
struct Text<W: Write> {
    to: W,
    failed: Option<io::Error>,
}

impl<W: Write> fmt::Write for Text<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.to.write_all(text.as_bytes()).map_err(|error| {
            self.failed = Some(error);
            fmt::Error
        })
    }
}
