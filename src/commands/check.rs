//! `helenus check`: every byte of a data directory read and verified.

use crate::error::{Error, ErrorKind, Result};
use crate::storage::{CheckSummary, check_directory};
use std::io::Write;
use std::path::PathBuf;

/// Verify every file of a data directory; no other process may have it open
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  helenus check helenus-data

Tells each file, good or BAD with file, offset and reason, and each entry of a secondary index that
does not agree with its table's rows; nothing is changed. Exit code 1 where anything is damaged or
missing.")]
pub struct Args {
    /// The data directory
    #[arg(value_name = "DATA_DIR")]
    data_dir: PathBuf,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    let mut out = std::io::stdout();
    // Who closes the output early still wants the exit code.
    let summary = check_directory(&args.data_dir, &mut |line| {
        let _ = writeln!(out, "{line}");
    })?;
    let _ = writeln!(
        out,
        "{} files, {} bytes, {} rows in SSTables, {} damaged",
        summary.files, summary.bytes, summary.rows, summary.damaged
    );
    let mut wrong = Vec::new();
    if summary.damaged > 0 {
        let CheckSummary { damaged, files, .. } = summary;
        wrong.push(format!("{damaged} of {files} files are damaged or missing"));
    }
    if summary.differences > 0 {
        wrong.push(format!(
            "{} differences between indexes and their tables",
            summary.differences
        ));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let message = format!("{}: {}", args.data_dir.display(), wrong.join(", "));
    Err(Error::new(ErrorKind::Corrupt, message))
}
