//! The command line: one file a command.
//!
//! Every command ends in the same way: 0 when the work is done, 1 when it failed (the message
//! stands on standard error), 2 when the command line itself was wrong. Results go to standard
//! output, everything said about them to standard error.

mod admin;
mod check;
mod export;
mod import;
mod inspect;
mod place;
mod serve;
mod shell;

use crate::database::Database;
use crate::error::{Error, ErrorKind, Result};
use clap::error::ErrorKind as UsageError;
use clap::{Args as _, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Where the database lies unless told otherwise.
const DATA_DIR: &str = "./helenus-data";

/// Cassandra's twin in one binary: a wide-column, log-structured database that speaks CQL.
#[derive(Debug, Parser)]
#[command(
    name = "helenus",
    version,
    arg_required_else_help = true,
    max_term_width = 100
)]
#[command(after_help = "\
Examples:
  helenus shell                                      type statements
  helenus shell -f schema.cql                        run a file
  helenus shell -k nyc -e 'SELECT * FROM airlines'   run a statement
  helenus shell --connect 127.0.0.1                  the same through a server
  helenus import nyc.flights flights.csv.gz          load CSV
  helenus export nyc.flights flights.csv             write CSV
  helenus admin status                               ask a running server
  helenus serve                                      serve CQL on 127.0.0.1:9042

Exit codes: 0 done, 1 the work failed, 2 wrong usage.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Shell(shell::Args),
    Serve(serve::Args),
    Import(import::Args),
    Export(export::Args),
    Admin(admin::Args),
    Inspect(inspect::Args),
    Check(check::Args),
}

/// The database that a command works on.
#[derive(Debug, clap::Args)]
struct DataDir {
    /// The directory of the database; the shell creates it if absent
    #[arg(long, value_name = "DIR", default_value = DATA_DIR)]
    data_dir: PathBuf,
}

impl DataDir {
    /// Opens a database that has to be there: an empty one has no table to work on.
    fn open_existing(&self) -> Result<Database> {
        let empty = match std::fs::read_dir(&self.data_dir) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        if empty {
            let message = format!("{}: there is no database here", self.data_dir.display());
            return Err(Error::invalid(message).with_hint(
                "Name its directory with --data-dir, or make it with `helenus shell`.",
            ));
        }
        self.open()
    }

    /// Opens the database of the directory, which is created if absent.
    fn open(&self) -> Result<Database> {
        Database::open(&self.data_dir).map_err(|error| match error.kind {
            ErrorKind::Locked => error.with_hint(
                "If a server has it open, work through it with --connect; otherwise stop the \
                 other process, or name another directory with --data-dir.",
            ),
            _ => error,
        })
    }
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let matches = Cli::command().try_get_matches();
    let parsed = matches.and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches)?;
        Ok((cli, matches))
    });
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(usage) => return wrong_usage(&usage),
    };
    let own = matches.subcommand().map(|(_, own)| own);
    let done = match &cli.command {
        Command::Shell(args) => shell::run(args, own),
        Command::Serve(args) => serve::run(args),
        Command::Import(args) => import::run(args),
        Command::Export(args) => match args.work() {
            Ok(work) => export::run(args, work),
            Err(words) => {
                let mut command = export::Args::augment_args(clap::Command::new("export"));
                return wrong_usage(&command.error(UsageError::WrongNumberOfValues, words));
            }
        },
        Command::Admin(args) => match args.words() {
            Ok(words) => admin::run(&words),
            Err(wrong) => {
                tell(&Error::invalid(wrong));
                return ExitCode::from(2);
            }
        },
        Command::Inspect(args) => inspect::run(args),
        Command::Check(args) => check::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error);
            ExitCode::from(1)
        }
    }
}

/// Shows clap's text: help and version are answers, all else is wrong usage.
fn wrong_usage(usage: &clap::Error) -> ExitCode {
    // Nothing is left to be done if not even this can be written.
    let _ = usage.print();
    match usage.kind() {
        UsageError::DisplayHelp | UsageError::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(2),
    }
}

/// Lets Ctrl-C set `cancel`; a second one ends the process.
fn stop_on_interrupt(cancel: Arc<AtomicBool>) -> Result<()> {
    use signal_hook::{consts::SIGINT, flag};
    flag::register_conditional_shutdown(SIGINT, 1, Arc::clone(&cancel))
        .and_then(|_| flag::register(SIGINT, cancel))
        .map(|_| ())
        .map_err(|error| Error::io("SIGINT", "be handled", &error))
}

/// Shows why the work failed.
fn tell(error: &Error) {
    if crate::shell::is_closed_output(error) {
        return;
    }
    let mut text = error.message.clone();
    if let Some(hint) = &error.hint {
        text.push_str("\nHint: ");
        text.push_str(hint);
    }
    // Nothing is left to be done if not even this can be written.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Whether a person watches standard error, so that progress is worth showing.
fn shows_progress() -> bool {
    std::io::stderr().is_terminal()
}

/// Whether colours may go to standard output. `NO_COLOR` is respected as <https://no-color.org>
/// has it: any value but the empty one turns them off.
fn shows_color() -> bool {
    let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    std::io::stdout().is_terminal() && !forbidden && !dumb
}

/// Splits `keyspace.table`; either may be quoted.
fn table_name(text: &str) -> Result<(String, String), String> {
    let wrong = || format!("expected KEYSPACE.TABLE, got {text}");
    let (keyspace, rest) = name_part(text).ok_or_else(wrong)?;
    let (table, rest) = rest
        .strip_prefix('.')
        .and_then(name_part)
        .ok_or_else(wrong)?;
    if rest.is_empty() {
        Ok((keyspace, table))
    } else {
        Err(wrong())
    }
}

/// The name at the start of `text` (as CQL reads it: folded unless quoted), and what follows it.
fn name_part(text: &str) -> Option<(String, &str)> {
    let (name, rest) = match text.strip_prefix('"') {
        Some(inside) => {
            let mut end = inside.find('"')?;
            while inside.get(end + 1..)?.starts_with('"') {
                end += 2 + inside.get(end + 2..)?.find('"')?;
            }
            (
                inside.get(..end)?.replace("\"\"", "\""),
                inside.get(end + 1..)?,
            )
        }
        None => {
            let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
            let (name, rest) = text.split_at(end.unwrap_or(text.len()));
            (name.to_lowercase(), rest)
        }
    };
    (!name.is_empty()).then_some((name, rest))
}

/// A delimiter: one ASCII character, or `\t`.
fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" | b"tab" => Ok(b'\t'),
        b"\"" | b"\n" | b"\r" | b"\0" => {
            Err("a quote or a line's end cannot stand between fields".to_owned())
        }
        [one] if one.is_ascii() => Ok(*one),
        _ => Err("expected one ASCII character, or \\t".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn names_are_read_as_cql_reads_them() {
        let name = |keyspace: &str, table: &str| Ok((keyspace.to_owned(), table.to_owned()));
        assert_eq!(table_name("Nyc.Flights"), name("nyc", "flights"));
        assert_eq!(table_name("\"A.b\".\"x\"\"y\""), name("A.b", "x\"y"));
        for wrong in ["", "t", "a.", ".b", "a.b.c", "\"a.b", "a b.c", "a.\"\""] {
            assert!(table_name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn delimiters_are_one_character() {
        assert_eq!(delimiter(";"), Ok(b';'));
        assert_eq!(delimiter("\\t"), Ok(b'\t'));
        assert!(delimiter("").is_err() && delimiter(";;").is_err() && delimiter("é").is_err());
        assert!(delimiter("\"").is_err() && delimiter("\n").is_err());
    }
}
