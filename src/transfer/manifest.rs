//! How far a run came: a small file beside the first input, so that the next run can go on.
//!
//! ```text
//! <first file>.import.json   { table, timestamp_micros, complete,
//!                              inputs: [ { name, bytes, modified_micros, records }, … ] }
//! ```
//!
//! The write timestamp is fixed when the run begins and kept by every run that goes on, so that a
//! row that is written twice comes to the same. `records` is moved on only when what was read
//! before is durable; a run that is all or nothing never moves it, and begins again.

use crate::clock::SharedClock;
use crate::error::{Error, ErrorKind, Result};
use crate::transfer::input::Inputs;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};

/// How often it is written, in microseconds.
const STEP_MICROS: i64 = 2_000_000;
/// The most that is read of such a file, in bytes.
const BYTES_MAX: u64 = 64 << 20;

/// An input and how much of it was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    name: String,
    bytes: u64,
    modified_micros: u64,
    /// Records that were read and are durable, rejected ones included.
    records: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    table: String,
    timestamp_micros: i64,
    complete: bool,
    /// Rows that earlier runs wrote.
    rows: u64,
    inputs: Vec<Progress>,
}

/// A run's manifest.
#[derive(Debug)]
pub(super) struct Manifest {
    path: PathBuf,
    content: Content,
    clock: SharedClock,
    written_micros: i64,
    /// Whether an earlier run is continued.
    pub continued: bool,
}

impl Manifest {
    /// Begins a run, or goes on with the one that the file tells of; `timestamp` is what the user
    /// asked for.
    pub(super) fn open(
        inputs: &Inputs,
        table: &str,
        timestamp: Option<i64>,
        fresh: i64,
        clock: &SharedClock,
    ) -> Result<Self> {
        let mut progress = Vec::new();
        for named in &inputs.list {
            let Some(path) = named.path().filter(|path| path.is_file()) else {
                let message = format!("{}: cannot be read again", named.name);
                return Err(Error::new(ErrorKind::Input, message)
                    .with_hint("--resume needs inputs that are files"));
            };
            progress.push(look(path, &named.name)?);
        }
        let first = progress.first().map(|first| first.name.clone());
        let mut path = first.unwrap_or_default();
        path.push_str(".import.json");
        let path = PathBuf::from(path);
        let new = Content {
            table: table.to_owned(),
            timestamp_micros: timestamp.unwrap_or(fresh),
            complete: false,
            rows: 0,
            inputs: progress,
        };
        let mut manifest = Self {
            content: new,
            clock: clock.clone(),
            written_micros: clock.monotonic_micros(),
            continued: false,
            path,
        };
        if let Some(old) = manifest.read()? {
            manifest.take_over(old, timestamp)?;
        }
        if !manifest.content.complete {
            manifest.write()?;
        }
        Ok(manifest)
    }

    fn take_over(&mut self, old: Content, timestamp: Option<i64>) -> Result<()> {
        let plain = |inputs: &[Progress]| -> Vec<Progress> {
            let blank = |input: &Progress| Progress {
                records: 0,
                ..input.clone()
            };
            inputs.iter().map(blank).collect()
        };
        let same =
            plain(&old.inputs) == plain(&self.content.inputs) && old.table == self.content.table;
        if same && timestamp.is_none_or(|timestamp| timestamp == old.timestamp_micros) {
            self.content = old;
            self.continued = true;
            return Ok(());
        }
        // A run that ended is no matter any more.
        if old.complete {
            return Ok(());
        }
        let message = format!(
            "{}: tells of an import into {} of other files, or of files that have changed since",
            self.path.display(),
            old.table
        );
        Err(Error::new(ErrorKind::Input, message)
            .with_hint("remove it to begin anew, or give the same files in the same order"))
    }

    /// The run's write timestamp, in microseconds.
    pub(super) fn timestamp_micros(&self) -> i64 {
        self.content.timestamp_micros
    }

    /// Whether everything was imported already.
    pub(super) fn is_complete(&self) -> bool {
        self.content.complete
    }

    /// Rows of earlier runs.
    pub(super) fn rows(&self) -> u64 {
        self.content.rows
    }

    /// How many records of each input are done.
    pub(super) fn records(&self) -> Vec<u64> {
        self.content
            .inputs
            .iter()
            .map(|input| input.records)
            .collect()
    }

    /// Whether it is time to note how far the run is.
    pub(super) fn is_due(&self) -> bool {
        self.clock.monotonic_micros() - self.written_micros >= STEP_MICROS
    }

    /// Puts the next note off: nothing is durable yet.
    pub(super) fn put_off(&mut self) {
        self.written_micros = self.clock.monotonic_micros();
    }

    /// Notes that so many records of each input, and so many rows more, are durable.
    pub(super) fn advance(&mut self, records: &[u64], rows: u64) -> Result<()> {
        for (input, records) in self.content.inputs.iter_mut().zip(records) {
            input.records = *records;
        }
        self.content.rows += rows;
        self.write()
    }

    /// Notes that everything is imported.
    pub(super) fn complete(&mut self, rows: u64) -> Result<()> {
        self.content.complete = true;
        self.content.rows = rows;
        self.write()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "beside the user's files, not the database's"
    )]
    fn read(&self) -> Result<Option<Content>> {
        let name = self.path.to_string_lossy();
        let about = match std::fs::metadata(&self.path) {
            Ok(about) => about,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io(&name, "read", &error)),
        };
        let wrong = |what: &str| {
            Error::new(ErrorKind::Input, format!("{name}: {what}"))
                .with_hint("remove the file to begin the import anew")
        };
        if about.len() > BYTES_MAX {
            return Err(wrong("is no manifest of an import: it is too large"));
        }
        let text = std::fs::read(&self.path).map_err(|error| Error::io(&name, "read", &error))?;
        let content = serde_json::from_slice(&text);
        content
            .map(Some)
            .map_err(|error| wrong(&format!("is no manifest of an import: {error}")))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "beside the user's files, not the database's"
    )]
    fn write(&mut self) -> Result<()> {
        self.put_off();
        let name = self.path.to_string_lossy().into_owned();
        let temporary = PathBuf::from(format!("{name}.tmp"));
        let text = serde_json::to_string_pretty(&self.content)
            .map_err(|error| Error::internal(format!("a manifest cannot be written: {error}")))?;
        let written = std::fs::File::create(&temporary).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&temporary, &self.path)
        });
        written.map_err(|error| Error::io(&name, "write", &error))
    }
}

fn look(path: &Path, name: &str) -> Result<Progress> {
    let about = std::fs::metadata(path).map_err(|error| Error::io(name, "open", &error))?;
    let modified = about
        .modified()
        .ok()
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    Ok(Progress {
        name: name.to_owned(),
        bytes: about.len(),
        modified_micros: modified
            .and_then(|since| u64::try_from(since.as_micros()).ok())
            .unwrap_or(0),
        records: 0,
    })
}
