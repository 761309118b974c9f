//! `helenus check`: every byte of a data directory read and verified.

use crate::error::{Error, ErrorKind, Result};
use crate::storage::check_directory;
use std::io::Write;
use std::path::PathBuf;

/// Verify every file of a data directory; no other process may have it open
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  helenus check helenus-data

Tells each file, good or BAD with file, offset and reason; nothing is changed. Exit code 1 where
anything is damaged or missing.")]
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
    if summary.damaged > 0 {
        return Err(Error::new(
            ErrorKind::Corrupt,
            format!(
                "{}: {} of {} files are damaged or missing",
                args.data_dir.display(),
                summary.damaged,
                summary.files
            ),
        ));
    }
    Ok(())
}
