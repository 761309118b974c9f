//! The shell's own commands: what they do.

use crate::clock::SharedClock;
use crate::error::{Error, Result};
use crate::protocol::Consistency;
use crate::shell::command::{Capture, Command, Paging};
use crate::shell::output::Captured;
use crate::shell::password::read_password;
use crate::shell::words::meaning;
use crate::shell::{Failure, Flow, PAGE_ROWS, SOURCE_DEPTH_MAX, Shell, help};
use crate::transfer::copy::{self, CopyContext};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long WAIT sleeps before it looks again whether it was interrupted.
const WAIT_STEP: Duration = Duration::from_millis(50);

impl Shell {
    /// Runs a command that is no CQL; `text` is its whole text.
    pub(super) fn run_command(&mut self, command: Command, text: &str) -> Result<Flow, Failure> {
        match command {
            Command::Exit => return Ok(Flow::Exit),
            Command::Source(file) => return self.source(&file),
            Command::Help(topic) => self.help(&topic)?,
            Command::Expand(on) => self.expand(on)?,
            Command::Paging(paging) => self.paging(paging)?,
            Command::Capture(capture) => self.capture(capture)?,
            Command::Copy => self.copy(text)?,
            Command::Wait(duration) => self.wait(duration)?,
            Command::ShowVersion => {
                let version = self.peer.version();
                self.say(&version)?;
            }
            Command::ShowHost => {
                let host = self.peer.host();
                self.say(&host)?;
            }
            Command::ShowSession(session) => self.show_session(session)?,
            Command::Consistency(level) => self.consistency(level)?,
            Command::SerialConsistency(level) => self.serial_consistency(level)?,
            Command::Tracing(on) => self.set_tracing(on)?,
            Command::Login { user, password } => self.login(&user, password)?,
            Command::Clear => {
                if self.settings.terminal {
                    self.say("\x1b[H\x1b[2J\x1b[3J")?;
                }
            }
            Command::History(entries) => {
                let first = self.history.len().saturating_sub(entries.unwrap_or(50));
                for entry in self.history.get(first..).unwrap_or_default().to_vec() {
                    self.say(&entry)?;
                }
            }
            Command::Describe => return self.describe(text),
        }
        Ok(Flow::Continue)
    }

    fn help(&mut self, topic: &str) -> Result<()> {
        let text = help::text(topic)?;
        self.say(text.trim_end())
    }

    fn expand(&mut self, on: Option<bool>) -> Result<()> {
        if let Some(on) = on {
            self.expand = on;
        }
        let (state, other) = if self.expand {
            ("on", "OFF")
        } else {
            ("off", "ON")
        };
        let verb = if on.is_some() {
            "Expanded output is now"
        } else {
            "Expanded output is"
        };
        self.say(&format!("{verb} {state}. EXPAND {other} changes it."))
    }

    fn paging(&mut self, paging: Option<Paging>) -> Result<()> {
        match paging {
            None => {}
            Some(Paging::Off) => self.page = None,
            Some(Paging::On) => self.page = Some(self.page.unwrap_or(PAGE_ROWS)),
            Some(Paging::Rows(rows)) => self.page = Some(rows),
        }
        let line = match self.page {
            Some(rows) => format!("Paging is on, {rows} rows a page. PAGING OFF changes it."),
            None => "Paging is off. PAGING ON changes it.".to_owned(),
        };
        self.say(&line)
    }

    fn consistency(&mut self, level: Option<Consistency>) -> Result<()> {
        let Some(level) = level else {
            let level = self.levels.regular;
            return self.say(&format!("Current consistency level is {level}."));
        };
        self.levels.regular = level;
        self.say(&format!("Consistency level set to {level}."))
    }

    fn serial_consistency(&mut self, level: Option<Consistency>) -> Result<()> {
        let Some(level) = level else {
            let level = self.levels.serial;
            return self.say(&format!("Current serial consistency level is {level}."));
        };
        self.levels.serial = level;
        self.say(&format!("Serial consistency level set to {level}."))
    }

    fn set_tracing(&mut self, on: Option<bool>) -> Result<()> {
        let name = |on| if on { "ON" } else { "OFF" };
        let line = match on {
            None => format!("TRACING is {}", name(self.tracing)),
            Some(on) if on == self.tracing => format!("TRACING is already {}", name(on)),
            Some(on) => format!("TRACING set to {}", name(on)),
        };
        self.tracing = on.unwrap_or(self.tracing);
        self.say(&line)
    }

    fn login(&mut self, user: &str, password: Option<String>) -> Result<()> {
        let password = match password {
            Some(password) => password,
            None => read_password("Password: ")?,
        };
        self.peer.login(user, &password)
    }

    fn source(&mut self, name: &str) -> Result<Flow, Failure> {
        if self.source_depth >= SOURCE_DEPTH_MAX {
            return Err(Error::invalid(format!(
                "SOURCE within SOURCE, {SOURCE_DEPTH_MAX} files deep: does a file read itself?"
            ))
            .into());
        }
        #[expect(clippy::disallowed_methods, reason = "a script is the person's file")]
        let file = File::open(path(name)).map_err(|error| Error::io(name, "open", &error))?;
        self.source_depth += 1;
        let flow = self.run_reader(name, file);
        self.source_depth -= 1;
        // EXIT ends the file that it stands in, not the shell, as in cqlsh.
        flow.map(|_| Flow::Continue)
    }

    fn capture(&mut self, capture: Option<Capture>) -> Result<()> {
        match capture {
            None => {
                let line = match &self.capture {
                    Some(captured) => format!("Results go to '{}'.", captured.name),
                    None => "Results go to the screen. CAPTURE 'file' changes it.".to_owned(),
                };
                self.say(&line)
            }
            Some(Capture::Off) => {
                self.end_capture()?;
                self.say("Results go to the screen.")
            }
            Some(Capture::File(name)) => {
                self.end_capture()?;
                #[expect(clippy::disallowed_methods, reason = "the file is the person's own")]
                let file = OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(path(&name))
                    .map_err(|error| Error::io(&name, "open", &error))?;
                self.say(&format!("Results go to '{name}'. CAPTURE OFF ends it."))?;
                self.capture = Some(Captured {
                    name,
                    file: BufWriter::new(file),
                });
                Ok(())
            }
        }
    }

    /// Finishes the captured file, so that a failure to write its last bytes is told.
    pub(super) fn end_capture(&mut self) -> Result<()> {
        match self.capture.take() {
            Some(mut captured) => captured
                .file
                .flush()
                .map_err(|error| Error::io(&captured.name, "write", &error)),
            None => Ok(()),
        }
    }

    fn copy(&mut self, text: &str) -> Result<()> {
        let words = meaning(text);
        let reads = words.iter().any(|word| word.is("STDIN"));
        let writes = words.iter().any(|word| word.is("STDOUT"));
        if reads && self.stdin_taken {
            return Err(Error::invalid(
                "COPY FROM STDIN cannot read the data where standard input holds the statements: \
                 give the statements with -e or -f",
            ));
        }
        if reads && self.settings.terminal {
            self.say("Type the rows; Ctrl-D at the start of a line ends them.")?;
        }
        self.out
            .flush()
            .map_err(|error| crate::shell::output::closed(&error))?;
        let context = CopyContext {
            keyspace: self.peer.keyspace().map(str::to_owned),
            stdin: None,
            stdout: writes.then(|| Box::new(self.out.clone()) as Box<dyn Write + Send>),
            progress: self.settings.progress,
            cancel: Arc::clone(&self.interrupt),
        };
        let site = self.peer.site();
        let summary = copy::run(&*site, text, context)?;
        drop(site);
        if writes {
            // The rows stand on standard output: nothing else may.
            writeln!(self.err, "{summary}")
                .map_err(|error| Error::io("standard error", "write", &error))
        } else {
            self.say(&summary.to_string())
        }
    }

    fn wait(&mut self, duration: Duration) -> Result<()> {
        self.out
            .flush()
            .map_err(|error| crate::shell::output::closed(&error))?;
        let clock: SharedClock = self.peer.clock();
        let mut left = duration;
        while !left.is_zero() {
            self.check_interrupt()?;
            let step = left.min(WAIT_STEP);
            clock.sleep(step);
            left -= step;
        }
        Ok(())
    }
}

/// A file name as a person writes it: `~/` is the home directory.
pub fn path(name: &str) -> PathBuf {
    match (name.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => Path::new(&home).join(rest),
        _ => PathBuf::from(name),
    }
}
