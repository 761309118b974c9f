//! The shell: statements in, tables out.
//!
//! ```text
//!  terminal (interactive, complete) ─┐                      ┌─ words of its own: command, run
//!  file, pipe, -e                   ─┴► split ─► statement ─┴─ CQL: peer ─► rows ─► print
//!                                                                     └► error ─► report, hint
//! ```
//!
//! The same [`Shell`] serves a person at a terminal and a script. What differs is in its
//! [`Settings`]: a terminal gets colours, pages and a prompt; a script gets plain text, stops at
//! the first failing statement, and its errors name file, line and column. Whoever runs the
//! statements is a [`Peer`]: the database of this process, through a session as any other program
//! has it, or a server. Time passes by the peer's clock, so a test's `WAIT 3600` takes no time.

mod command;
mod complete;
mod data;
mod describe;
mod help;
mod hint;
mod interactive;
mod output;
mod password;
mod peer;
mod print;
mod report;
mod run;
mod split;
mod table;
mod trace;
mod value;
mod words;

pub use hint::nearest;
pub use interactive::run_interactive;
pub use output::{Collected, Out, is_closed as is_closed_output};
pub use password::read_password;
pub use peer::{Connected, Embedded, Levels, Manner, Names, Peer, Reply};
pub use value::Palette;

use crate::cql::result::{QueryResult, Rows};
use crate::database::Database;
use crate::error::{Error, ErrorKind, Result};
use command::Command;
use output::Captured;
use report::Place;
use split::{Splitter, Statement};
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How deep SOURCE may nest.
const SOURCE_DEPTH_MAX: usize = 16;

/// How many rows a page has unless told otherwise, as in cqlsh.
const PAGE_ROWS: usize = 100;

/// How many rows are fetched at once where no pages are shown.
const FETCH_ROWS: usize = 1_000;

/// The version of CQL that is spoken.
const CQL_VERSION: &str = "3.4.7";

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// Aligned tables, for people.
    #[default]
    Table,
    /// RFC 4180, with a header line.
    Csv,
    /// One object a line.
    Json,
}

/// What a shell starts with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How results are written.
    pub format: Format,
    /// Where colours go.
    pub palette: Palette,
    /// Whether a person sits at a terminal and results can be paged.
    pub terminal: bool,
    /// Whether progress goes to standard error.
    pub progress: bool,
    /// How wide the screen is, in columns.
    pub width: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            format: Format::Table,
            palette: Palette { color: false },
            terminal: false,
            progress: false,
            width: 80,
        }
    }
}

/// Asks the person whether the next page is wanted.
type More = Box<dyn FnMut() -> bool + Send>;

/// Whether to go on after a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// With the next one.
    Continue,
    /// No: `EXIT`.
    Exit,
}

/// A shell.
pub struct Shell {
    peer: Box<dyn Peer>,
    names: Arc<dyn Names>,
    interrupt: Arc<AtomicBool>,
    settings: Settings,
    out: Out,
    err: Out,
    capture: Option<Captured>,
    expand: bool,
    levels: Levels,
    tracing: bool,
    /// Rows a page, where paging is on.
    page: Option<usize>,
    more: Option<More>,
    /// What HISTORY shows.
    history: Vec<String>,
    source_depth: usize,
    /// Whether the script is read from standard input, so that COPY cannot.
    stdin_taken: bool,
}

impl std::fmt::Debug for Shell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shell")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// An error on its way up: told already (with its place), or not yet.
enum Failure {
    Raw(Error),
    Told(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Raw(error)
    }
}

impl Shell {
    /// A shell over `database` that writes results to `out` and all else to `err`.
    pub fn new(database: &Database, settings: Settings, out: Out, err: Out) -> Self {
        let peer = Embedded::new(database, "the embedded engine");
        Self::with(Box::new(peer), settings, out, err)
    }

    /// The same over any `peer`.
    pub fn with(peer: Box<dyn Peer>, settings: Settings, out: Out, err: Out) -> Self {
        Self {
            names: peer.names(),
            interrupt: peer.interrupt(),
            peer,
            levels: Levels::default(),
            tracing: false,
            page: Some(PAGE_ROWS),
            settings,
            out,
            err,
            capture: None,
            expand: false,
            more: None,
            history: Vec::new(),
            source_depth: 0,
            stdin_taken: false,
        }
    }

    /// What a person is told first: which shell this is, and to what it speaks.
    pub fn greeting(&self) -> String {
        format!("{}\n{}", self.peer.version(), self.peer.host())
    }

    /// The flag that stops the running statement when set.
    pub fn interrupt(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupt)
    }

    /// Finishes what is still being written.
    pub fn finish(&mut self) -> Result<()> {
        self.end_capture()?;
        self.out.flush().map_err(|error| output::closed(&error))
    }

    /// Makes `keyspace` the one of unqualified names.
    pub fn use_keyspace(&mut self, keyspace: &str) -> Result<()> {
        let catalog = self.names.present();
        let folded = keyspace.to_lowercase();
        let name = [keyspace, &folded]
            .into_iter()
            .find(|name| catalog.keyspaces.contains_key(*name))
            .ok_or_else(|| {
                let error = Error::invalid(format!("Keyspace '{keyspace}' does not exist"));
                let hint = hint::hint(&error, "", &catalog, None);
                Error { hint, ..error }
            })?;
        let text = format!("USE \"{}\"", name.replace('"', "\"\""));
        self.ask(&text).map(|_| ())
    }

    /// Runs all statements of `script`, which `name` calls in messages, up to the first that
    /// fails. The error's message is the whole report.
    pub fn run_script(&mut self, name: &str, script: impl Read) -> Result<Flow> {
        self.run_reader(name, script)
            .map_err(|failure| match failure {
                Failure::Told(error) => error,
                Failure::Raw(error) => {
                    let message =
                        format!("{name}: {}: {}", report::class(error.kind), error.message);
                    Error { message, ..error }
                }
            })
    }

    /// The same with standard input as the script.
    pub fn run_stdin(&mut self) -> Result<Flow> {
        self.stdin_taken = true;
        let flow = self.run_script("stdin", std::io::stdin().lock());
        self.stdin_taken = false;
        flow
    }

    fn run_reader(&mut self, name: &str, mut script: impl Read) -> Result<Flow, Failure> {
        let mut splitter = Splitter::default();
        let mut chunk = vec![0; 64 << 10];
        loop {
            let length = match script.read(&mut chunk) {
                Ok(length) => length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::io(name, "read", &error).into()),
            };
            splitter.push(chunk.get(..length).unwrap_or_default());
            while let Some(statement) = splitter.next()? {
                if self.run_in_script(name, &statement)? == Flow::Exit {
                    return Ok(Flow::Exit);
                }
            }
            if length == 0 {
                break;
            }
        }
        match splitter.finish()? {
            Some(statement) => self.run_in_script(name, &statement),
            None => Ok(Flow::Continue),
        }
    }

    fn run_in_script(&mut self, name: &str, statement: &Statement) -> Result<Flow, Failure> {
        let place = Place {
            script: Some(name.to_owned()),
            line: statement.line,
            column: statement.column,
        };
        // A statement clears the flag, so an interrupt between two would be lost.
        self.check_interrupt()?;
        let flow = self.run_statement(&statement.text, &place);
        let flushed = self.out.flush().map_err(|error| output::closed(&error));
        let flow = flow?;
        flushed?;
        Ok(flow)
    }

    /// Runs one statement; an error is told with its place, but for its hint.
    fn run_statement(&mut self, statement: &str, place: &Place) -> Result<Flow, Failure> {
        let done = match command::parse(statement) {
            Ok(Some(Command::Describe)) => self.describe(statement),
            Ok(Some(command)) => self.run_command(command, statement),
            Ok(None) => self.run_cql(statement),
            Err(error) => Err(error.into()),
        };
        done.map_err(|failure| match failure {
            Failure::Told(error) => Failure::Told(error),
            Failure::Raw(error) if output::is_closed(&error) => Failure::Told(error),
            Failure::Raw(error) => {
                let message = report::report(&error, statement, place);
                let catalog = self.names.present();
                let hint = hint::hint(&error, statement, &catalog, self.peer.keyspace());
                Failure::Told(Error {
                    message,
                    hint,
                    ..error
                })
            }
        })
    }

    fn run_cql(&mut self, statement: &str) -> Result<Flow, Failure> {
        let reply = self.ask(statement)?;
        let trace = reply.trace;
        let printed = match reply.result {
            QueryResult::Rows(rows) => self.print_rows(rows),
            _ => Ok(()),
        };
        self.peer.end();
        printed?;
        if let Some(trace) = trace {
            self.show_trace(trace)?;
        }
        Ok(Flow::Continue)
    }

    /// How statements are run at present.
    fn manner(&self) -> Manner {
        let shown = self.page.filter(|_| self.more.is_some());
        Manner {
            levels: self.levels,
            page_rows: shown.unwrap_or(FETCH_ROWS),
            traced: self.tracing,
        }
    }

    /// Has a statement run, and passes on what the other end has to say about it.
    fn ask(&mut self, statement: &str) -> Result<Reply> {
        let manner = self.manner();
        let reply = self.peer.run(statement, &manner)?;
        for warning in &reply.warnings {
            writeln!(self.err, "Warning: {warning}").map_err(|error| output::closed(&error))?;
        }
        Ok(reply)
    }

    /// Has a statement run that answers rows of which nothing is traced.
    fn ask_rows(&mut self, statement: &str) -> Result<Rows> {
        let reply = self.ask(statement)?;
        Ok(reply.result.into_rows())
    }

    /// Fails if the person has pressed Ctrl-C.
    fn check_interrupt(&self) -> Result<()> {
        if self.interrupt.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Cancelled, "stopped"));
        }
        Ok(())
    }

    /// Tells the person something that is no result: on standard output beside tables, on
    /// standard error where standard output holds data for a program.
    fn say(&mut self, line: &str) -> Result<()> {
        let target = match self.settings.format {
            Format::Table => &mut self.out,
            Format::Csv | Format::Json => &mut self.err,
        };
        writeln!(target, "{line}").map_err(|error| output::closed(&error))
    }
}

/// Runs `script` over `database` and writes what a shell would, without colours and pages.
///
/// It is the shell for programs and tests: with a [`crate::clock::VirtualClock`] under the
/// database, `WAIT` takes no time. The error's message is the whole report, which names `script`
/// by line and column.
pub fn run_script(
    database: &Database,
    script: &str,
    out: &mut dyn Write,
    format: Format,
) -> Result<()> {
    let peer = Embedded::new(database, "the embedded engine");
    run_script_with(Box::new(peer), script, out, format)
}

/// The same over any `peer`.
pub fn run_script_with(
    peer: Box<dyn Peer>,
    script: &str,
    out: &mut dyn Write,
    format: Format,
) -> Result<()> {
    let (buffer, collected) = Out::buffer();
    let settings = Settings {
        format,
        ..Settings::default()
    };
    let nowhere = Out::new(Box::new(std::io::sink()));
    let mut shell = Shell::with(peer, settings, buffer, nowhere);
    let done = shell
        .run_script("script", script.as_bytes())
        .and_then(|_| shell.finish());
    out.write_all(&collected.take())
        .map_err(|error| output::closed(&error))?;
    done
}

#[cfg(test)]
mod tests;
