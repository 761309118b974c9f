//! Asking for a password: what is typed is not shown.

use crate::error::{Error, Result};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{ColorMode, Config, Editor, Helper};
use std::borrow::Cow;
use std::io::IsTerminal;

/// Paints the line being typed as nothing at all.
struct Hidden;

impl Helper for Hidden {}
impl Completer for Hidden {
    type Candidate = String;
}
impl Validator for Hidden {}
impl Hinter for Hidden {
    type Hint = String;
}

impl Highlighter for Hidden {
    fn highlight<'l>(&self, _: &'l str, _: usize) -> Cow<'l, str> {
        Cow::Borrowed("")
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        true
    }
}

/// Asks the person at the terminal for a password.
pub fn read_password(prompt: &str) -> Result<String> {
    if !std::io::stdin().is_terminal() {
        return Err(Error::invalid(
            "there is no terminal to ask for the password: give it on the command line, in \
             HELENUS_PASSWORD, or after the user of LOGIN",
        ));
    }
    let config = Config::builder()
        .auto_add_history(false)
        .color_mode(ColorMode::Forced)
        .build();
    let failed = |error: ReadlineError| match error {
        ReadlineError::Eof | ReadlineError::Interrupted => Error::invalid("no password was given"),
        error => Error::invalid(format!("the password cannot be read: {error}")),
    };
    let mut editor: Editor<Hidden, DefaultHistory> = Editor::with_config(config).map_err(failed)?;
    editor.set_helper(Some(Hidden));
    editor.readline(prompt).map_err(failed)
}
