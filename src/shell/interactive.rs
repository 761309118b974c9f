//! The shell at a terminal: prompt, history, completion, highlighting, Ctrl-C.
//!
//! A statement may take several lines: after each the splitter tells whether more must come, and
//! then the prompt becomes `   ... `. A statement runs as soon as it is complete; the whole input
//! goes to the history as one entry.
//!
//! While a line is edited the terminal is in raw mode and Ctrl-C is a key, which clears what was
//! typed. While a statement runs it is the signal SIGINT, whose handler sets the session's
//! interrupt flag; the statement fails soon after and the prompt is back.

use crate::error::{Error, Result};
use crate::shell::complete::{Offer, offer};
use crate::shell::report::Place;
use crate::shell::run::path;
use crate::shell::split::Splitter;
use crate::shell::value::{Palette, Tone};
use crate::shell::words::{COMMANDS, Kind, is_keyword, pieces};
use crate::shell::{Failure, Flow, Names, Shell, output};
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::config::{Behavior, CompletionType};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{Cmd, Config, Context, Editor, EventHandler, Helper, KeyEvent};
use std::borrow::Cow;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How many statements the history keeps.
const HISTORY_ENTRIES: usize = 10_000;

/// A longer statement (a pasted script, say) is not kept, in bytes.
const HISTORY_BYTES_MAX: usize = 64 << 10;

/// What the line editor asks about the text being typed.
struct Assistant {
    names: Arc<dyn Names>,
    keyspace: Option<String>,
    palette: Palette,
    /// The lines of the statement before the one being edited.
    before: String,
    files: FilenameCompleter,
}

impl Helper for Assistant {}
impl Validator for Assistant {}
impl Hinter for Assistant {
    type Hint = String;
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (left, right) = line.split_at_checked(pos).unwrap_or((line, ""));
        let before = format!("{}{left}", self.before);
        let catalog = self.names.present();
        match offer(&before, right, &catalog, self.keyspace.as_deref()) {
            Offer::Words(start, words) => {
                let pairs = words.into_iter().map(|word| {
                    let space = is_keyword(&word) && !right.starts_with(' ');
                    let replacement = if space {
                        format!("{word} ")
                    } else {
                        word.clone()
                    };
                    Pair {
                        display: word,
                        replacement,
                    }
                });
                Ok((start.saturating_sub(self.before.len()), pairs.collect()))
            }
            Offer::File(start) => {
                let start = start.saturating_sub(self.before.len());
                let typed = left.get(start..).unwrap_or_default();
                // The open quote tells the completer that spaces need no escape.
                let quoted = format!("'{typed}");
                let (at, pairs) = self.files.complete_path(&quoted, quoted.len())?;
                Ok((start + at.saturating_sub(1), pairs))
            }
        }
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if !self.palette.color {
            return Cow::Borrowed(line);
        }
        let whole = format!("{}{line}", self.before);
        let mut painted = String::new();
        for piece in pieces(&whole) {
            let skipped = self.before.len().saturating_sub(piece.start);
            let Some(text) = piece.text.get(skipped..).filter(|text| !text.is_empty()) else {
                continue;
            };
            let tone = match piece.kind {
                Kind::Word if is_keyword(piece.text) => Tone::Keyword,
                Kind::Text => Tone::Text,
                Kind::Number => Tone::Number,
                Kind::Comment => Tone::Faint,
                _ => Tone::Plain,
            };
            // A painted piece must not run over a line's end, or the editor's redraw loses it.
            for (index, part) in text.split('\n').enumerate() {
                if index > 0 {
                    painted.push('\n');
                }
                painted.push_str(&self.palette.paint(tone, part));
            }
        }
        Cow::Owned(painted)
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.palette.color && kind != CmdKind::MoveCursor
    }
}

type LineEditor = Editor<Assistant, DefaultHistory>;

/// Lets a person at a terminal work until EXIT or Ctrl-D.
pub fn run_interactive(shell: &mut Shell) -> Result<()> {
    let mut editor = editor(shell).map_err(|error| terminal_error(&error))?;
    let file = history_file();
    if let Some(file) = &file {
        // No history yet is the usual case; an unreadable one must not keep anyone out.
        let _ = editor.load_history(file);
    }
    shell.more = Some(pager()?);
    shell.history = editor.history().iter().cloned().collect();
    let done = converse(shell, &mut editor);
    if let Some(file) = &file
        && let Err(error) = save_history(&mut editor, file)
    {
        writeln!(
            shell.err,
            "The history could not be saved in {}: {error}",
            file.display()
        )
        .map_err(|error| output::closed(&error))?;
    }
    let ended = shell.end_capture();
    done.and(ended)
}

fn editor(shell: &Shell) -> rustyline::Result<LineEditor> {
    let color = shell.settings.palette.color;
    let config = Config::builder()
        .max_history_size(HISTORY_ENTRIES)?
        .history_ignore_dups(true)?
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        .auto_add_history(false)
        .bracketed_paste(true)
        .behavior(if shell.settings.terminal {
            Behavior::Stdio
        } else {
            Behavior::PreferTerm
        })
        .color_mode(if color {
            rustyline::ColorMode::Enabled
        } else {
            rustyline::ColorMode::Disabled
        })
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(Assistant {
        names: Arc::clone(&shell.names),
        keyspace: None,
        palette: shell.settings.palette,
        before: String::new(),
        files: FilenameCompleter::new(),
    }));
    editor.bind_sequence(KeyEvent::ctrl('O'), EventHandler::Simple(Cmd::Newline));
    Ok(editor)
}

/// Reads and runs until the person leaves.
fn converse(shell: &mut Shell, editor: &mut LineEditor) -> Result<()> {
    let mut splitter = Splitter::default();
    let mut typed = String::new();
    loop {
        if let Some(columns) = screen_width(editor) {
            shell.settings.width = columns;
        }
        if let Some(assistant) = editor.helper_mut() {
            assistant.keyspace = shell.peer.keyspace().map(str::to_owned);
            assistant.before.clone_from(&typed);
        }
        let prompt = prompt(shell, !typed.is_empty());
        let line = match editor.readline(&prompt) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => {
                splitter.clear();
                typed.clear();
                continue;
            }
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(terminal_error(&error)),
        };
        typed.push_str(&line);
        typed.push('\n');
        splitter.push(line.as_bytes());
        splitter.push(b"\n");
        let flow = run_typed(shell, &mut splitter)?;
        if splitter.is_inside() && flow == Flow::Continue {
            if waits_for_nothing(&line) && typed.trim() != line.trim() {
                writeln!(shell.err, "A ; runs the statement, Ctrl-C forgets it.")
                    .map_err(|error| output::closed(&error))?;
            }
            continue;
        }
        remember(shell, editor, typed.trim());
        typed.clear();
        splitter.clear();
        if flow == Flow::Exit {
            return Ok(());
        }
    }
}

/// Whether a line within a statement looks as if its writer did not know that one has begun.
fn waits_for_nothing(line: &str) -> bool {
    let line = line.trim();
    line.is_empty()
        || COMMANDS
            .iter()
            .any(|command| line.eq_ignore_ascii_case(command))
}

/// Runs the statements that are complete. Errors are told here.
fn run_typed(shell: &mut Shell, splitter: &mut Splitter) -> Result<Flow> {
    loop {
        let statement = match splitter.next() {
            Ok(Some(statement)) => statement,
            Ok(None) => return Ok(Flow::Continue),
            Err(error) => {
                shell.tell(&error)?;
                splitter.clear();
                return Ok(Flow::Continue);
            }
        };
        let place = Place {
            script: None,
            line: statement.line,
            column: statement.column,
        };
        shell.interrupt.store(false, Ordering::Relaxed);
        match shell.run_statement(&statement.text, &place) {
            Ok(Flow::Continue) => {}
            Ok(Flow::Exit) => return Ok(Flow::Exit),
            Err(Failure::Raw(error) | Failure::Told(error)) => {
                if output::is_closed(&error) {
                    return Err(error);
                }
                if shell.interrupt.swap(false, Ordering::Relaxed) {
                    // The terminal has shown ^C where the cursor was.
                    writeln!(shell.err).map_err(|error| output::closed(&error))?;
                    splitter.clear();
                }
                shell.tell(&error)?;
            }
        }
        shell.out.flush().map_err(|error| output::closed(&error))?;
    }
}

impl Shell {
    /// Shows an error and its hint.
    fn tell(&mut self, error: &Error) -> Result<()> {
        self.out.flush().map_err(|error| output::closed(&error))?;
        let palette = self.settings.palette;
        let (first, rest) = error
            .message
            .split_once('\n')
            .unwrap_or((&error.message, ""));
        let mut text = palette.paint(Tone::Error, first).into_owned();
        for line in rest.lines() {
            text.push('\n');
            text.push_str(line);
        }
        if let Some(hint) = &error.hint {
            text.push_str("\nHint: ");
            text.push_str(hint);
        }
        writeln!(self.err, "{text}").map_err(|error| output::closed(&error))
    }
}

fn prompt(shell: &Shell, continued: bool) -> String {
    let name = match shell.peer.keyspace() {
        Some(keyspace) => format!("helenus:{keyspace}"),
        None => "helenus".to_owned(),
    };
    if continued {
        format!("{:>1$} ", "...", name.len() + 1)
    } else {
        format!("{name}> ")
    }
}

/// Keeps a statement, unless it may hold a password.
fn remember(shell: &mut Shell, editor: &mut LineEditor, text: &str) {
    let kept = !text.is_empty()
        && text.len() <= HISTORY_BYTES_MAX
        && !text.to_ascii_lowercase().contains("password");
    if !kept {
        return;
    }
    if editor.add_history_entry(text).unwrap_or(false) {
        shell.history.push(text.to_owned());
    }
}

fn screen_width(editor: &mut LineEditor) -> Option<usize> {
    let (columns, _) = editor.dimensions()?;
    Some(usize::from(columns)).filter(|columns| *columns > 0)
}

fn terminal_error(error: &ReadlineError) -> Error {
    Error::new(
        crate::error::ErrorKind::Io,
        format!("the terminal cannot be read: {error}"),
    )
}

/// Asks between two pages. The line editor reads the answer too, so that Ctrl-C and Ctrl-D work.
fn pager() -> Result<Box<dyn FnMut() -> bool + Send>> {
    let config = Config::builder().auto_add_history(false).build();
    let mut editor: Editor<(), DefaultHistory> =
        Editor::with_config(config).map_err(|error| terminal_error(&error))?;
    Ok(Box::new(move || {
        match editor.readline("---MORE--- (Enter for more, q and Enter to stop) ") {
            Ok(answer) => !answer.trim_start().starts_with(['q', 'Q', 'n', 'N']),
            Err(_) => false,
        }
    }))
}

/// Where the history is kept: a person's own state, never the data directory.
fn history_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").filter(|value| !value.is_empty());
    let state = match state {
        Some(state) => PathBuf::from(state),
        None => {
            std::env::var_os("HOME")?;
            path("~/.local/state")
        }
    };
    Some(state.join("helenus").join("history"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the history is the person's file"
)]
fn save_history(editor: &mut LineEditor, file: &PathBuf) -> rustyline::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    editor.append_history(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::VirtualClock;
    use crate::database::Database;
    use crate::shell::{Embedded, Peer};

    fn assistant(before: &str) -> Assistant {
        let config = crate::config::Config {
            background: false,
            ..Default::default()
        };
        let database = Database::in_memory(config, VirtualClock::shared(0)).unwrap();
        Assistant {
            names: Embedded::new(&database, "").names(),
            keyspace: None,
            palette: Palette { color: true },
            before: before.to_owned(),
            files: FilenameCompleter::new(),
        }
    }

    #[test]
    fn highlighting_knows_the_lines_before() {
        let painted = assistant("SELECT 'open\n")
            .highlight("still' FROM\nt", 0)
            .into_owned();
        assert_eq!(painted, "\x1b[33mstill'\x1b[0m \x1b[1;34mFROM\x1b[0m\nt");
        let painted = assistant("").highlight("-- a\n1", 0).into_owned();
        assert_eq!(painted, "\x1b[2m-- a\x1b[0m\n\x1b[32m1\x1b[0m");
    }

    #[test]
    fn completion_replaces_what_was_typed_on_this_line() {
        let history = DefaultHistory::new();
        let complete = |before: &str, line: &str| {
            let (start, pairs) = assistant(before)
                .complete(line, line.len(), &Context::new(&history))
                .unwrap();
            (
                start,
                pairs
                    .into_iter()
                    .map(|pair| pair.replacement)
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(complete("", "sel"), (0, vec!["select ".to_owned()]));
        assert_eq!(
            complete("SELECT *\n", "  fro"),
            (2, vec!["from ".to_owned()])
        );
        let (start, files) = complete("", "SOURCE 'src/ma");
        assert_eq!(
            (start, files),
            (8, vec!["src/main.rs".to_owned(), "src/manual/".to_owned()])
        );
    }

    #[test]
    fn who_waits_is_told() {
        assert!(waits_for_nothing("") && waits_for_nothing(" exit "));
        assert!(!waits_for_nothing("FROM t"));
    }
}
