//! Rows that could not be taken: verbatim in one file, the reasons in another.

use crate::error::{Error, ErrorKind, Result};
use crate::transfer::format::ErrorBound;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// The column that is to blame, and why.
pub(super) type Blame = (Option<String>, String);

/// A row that could not be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reject {
    /// The number of its first line in its file.
    pub line: u64,
    /// Where it starts in its (decompressed) file, in bytes, where it has such a place.
    pub offset: Option<u64>,
    /// The column that is to blame, where it is one.
    pub column: Option<String>,
    /// Why.
    pub reason: String,
    /// The record as it stood in the file.
    pub raw: Vec<u8>,
}

/// Collects rejected rows, up to a number.
pub(super) struct Rejects {
    path: PathBuf,
    errors_max: ErrorBound,
    /// Whether nothing is imported where there are too many.
    all_or_none: bool,
    count: u64,
    first: Option<String>,
    files: Option<(BufWriter<File>, BufWriter<File>)>,
    /// Whether the files of an earlier run are continued.
    appends: bool,
}

impl Rejects {
    /// Rejected rows go to `path`, their reasons beside it.
    pub(super) fn new(path: PathBuf, errors_max: ErrorBound, all_or_none: bool) -> Self {
        Self {
            path,
            errors_max,
            all_or_none,
            count: 0,
            first: None,
            files: None,
            appends: false,
        }
    }

    /// What is rejected now stands behind what was before.
    pub(super) fn append(&mut self) {
        self.appends = true;
    }

    /// Where they go.
    pub(super) fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Where they are, if there are any.
    pub(super) fn file(&self) -> Option<PathBuf> {
        (self.count > 0).then(|| self.path.clone())
    }

    /// Takes a row in; an error where there are too many now.
    pub(super) fn add(&mut self, file: &str, reject: &Reject) -> Result<()> {
        self.count += 1;
        if self.first.is_none() {
            let column = reject
                .column
                .as_deref()
                .map(|name| format!(", column {name}"));
            let column = column.unwrap_or_default();
            self.first = Some(format!(
                "{file} line {}{column}: {}",
                reject.line, reject.reason
            ));
        }
        if self.files.is_none() {
            self.files = Some((
                create(&self.path, self.appends)?,
                create(&self.reasons(), self.appends)?,
            ));
        }
        let mut line = format!("{{\"file\": {}, \"line\": {}", json(file), reject.line);
        if let Some(offset) = reject.offset {
            line.push_str(&format!(", \"offset\": {offset}"));
        }
        if let Some(column) = &reject.column {
            line.push_str(&format!(", \"column\": {}", json(column)));
        }
        line.push_str(&format!(", \"reason\": {}}}\n", json(&reject.reason)));
        if let Some((rows, reasons)) = &mut self.files {
            let written = rows.write_all(&reject.raw).and_then(|()| {
                if reject.raw.ends_with(b"\n") {
                    Ok(())
                } else {
                    rows.write_all(b"\n")
                }
            });
            written
                .and_then(|()| reasons.write_all(line.as_bytes()))
                .map_err(|error| Error::io(&self.path.to_string_lossy(), "write", &error))?;
        }
        if matches!(self.errors_max, ErrorBound::Rows(_)) {
            self.check(0, false)?;
        }
        Ok(())
    }

    /// An error where too many of `rows` were rejected; `ended`: whether these are all.
    pub(super) fn check(&mut self, rows: u64, ended: bool) -> Result<()> {
        if self.errors_max.is_exceeded(self.count, rows, ended) {
            self.flush()?;
            return Err(self.too_many());
        }
        Ok(())
    }

    fn reasons(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".jsonl");
        PathBuf::from(name)
    }

    /// What a run that ends early has done.
    pub(super) fn outcome(&self) -> &'static str {
        if self.all_or_none {
            "nothing was imported"
        } else {
            "rows that came before are written"
        }
    }

    fn too_many(&self) -> Error {
        let (rows, first) = (
            self.path.display(),
            self.first.as_deref().unwrap_or_default(),
        );
        let rejected = if self.count == 1 {
            "1 row was"
        } else {
            "more rows were"
        };
        let outcome = self.outcome();
        let message = format!(
            "{outcome}: {rejected} rejected than the {} allowed (--max-errors); the \
             first: {first}",
            self.errors_max
        );
        let message = match self.errors_max {
            ErrorBound::Rows(0) => {
                format!("{outcome}: a row was rejected (--max-errors 0): {first}")
            }
            _ => message,
        };
        Error::new(ErrorKind::Input, message).with_hint(format!(
            "the rows are in {rows}, the reasons in {rows}.jsonl"
        ))
    }

    /// Writes what is buffered.
    pub(super) fn flush(&mut self) -> Result<()> {
        if let Some((rows, reasons)) = &mut self.files {
            rows.flush()
                .and_then(|()| reasons.flush())
                .map_err(|error| Error::io(&self.path.to_string_lossy(), "write", &error))?;
        }
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the user's file, not the database's"
)]
fn create(path: &Path, appends: bool) -> Result<BufWriter<File>> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).write(true);
    options.append(appends).truncate(!appends);
    options.open(path).map(BufWriter::new).map_err(|error| {
        Error::io(
            &path.to_string_lossy(),
            "create the file for rejected rows",
            &error,
        )
        .with_hint("name another place with --bad-file")
    })
}

/// A JSON string.
fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_json() {
        assert_eq!(json("a\"b\\c\nd\u{1}é"), "\"a\\\"b\\\\c\\nd\\u0001é\"");
    }
}
