//! What `helenus inspect` and `helenus check` do: files looked at from outside of an engine.
//!
//! A file is known by its first bytes, not by its name. A data directory is checked under its lock,
//! so that no engine writes meanwhile: first the manifest, then every file that it names, then the
//! commit log; what lies there beside them is told, since an engine removes it at its next start.

use crate::clock::SystemClock;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::disk::Disk;
use crate::storage::disk::real::RealDisk;
use crate::storage::format::FileKind;
use crate::storage::meta::FileMeta;
use crate::storage::{commitlog, engine, manifest, sstable};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// How many bytes tell a file's kind.
const KIND_BYTES: usize = 8;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckSummary {
    /// How many files were read.
    pub files: u64,
    /// How many of them are damaged or missing.
    pub damaged: u64,
    /// How many differences there are between entries of indexes and rows, as far as they are told.
    pub differences: u64,
    /// The rows of all SSTables.
    pub rows: u64,
    /// The bytes of all files.
    pub bytes: u64,
}

/// Prints what `file`, of any kind that the engine writes, holds; with its rows if asked for.
pub fn inspect_file(file: &Path, rows: bool, out: &mut dyn fmt::Write) -> Result<()> {
    let shown = file.display().to_string();
    if file.is_dir() {
        return Err(Error::new(
            ErrorKind::Io,
            format!("{shown}: is a directory; `helenus check` reads a whole one"),
        ));
    }
    if !file.is_file() {
        return Err(Error::new(
            ErrorKind::Io,
            format!("{shown}: there is no such file"),
        ));
    }
    let name = file
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = name.ok_or_else(|| Error::new(ErrorKind::Io, format!("{shown}: not a file")))?;
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let disk = RealDisk::open(folder.unwrap_or(Path::new(".")))?;
    match kind_of(&disk, &name)? {
        FileKind::Manifest => manifest::inspect(&disk, &name, out),
        FileKind::CommitLog => commitlog::inspect(&disk, &name, out),
        FileKind::SsTable => sstable::inspect(&disk, &name, rows, out),
    }
}

/// The kind of a file by its first bytes. A log segment that was never used has none yet.
fn kind_of(disk: &dyn Disk, path: &str) -> Result<FileKind> {
    let file = disk.open(path)?;
    let length = usize::try_from(file.len())
        .unwrap_or(KIND_BYTES)
        .min(KIND_BYTES);
    let first = file.read_at(0, length)?;
    match FileKind::of(&first) {
        Some(kind) => Ok(kind),
        None if first.iter().all(|byte| *byte == 0) && commitlog::number_of(path).is_some() => {
            Ok(FileKind::CommitLog)
        }
        None => Err(Error::corrupt(
            &disk.display(path),
            0,
            "it does not begin as a file of helenus does",
        )),
    }
}

/// Verifies every file of the data directory; `tell` gets a line for each. Damage is told and
/// counted; only what keeps the check from going on at all is an error.
pub fn check_directory(directory: &Path, tell: &mut dyn FnMut(&str)) -> Result<CheckSummary> {
    let shown = directory.display();
    if !directory.is_dir() {
        let words = if directory.exists() {
            "is a file, not a data directory; `helenus inspect` reads one file"
        } else {
            "there is no such directory"
        };
        return Err(Error::new(ErrorKind::Io, format!("{shown}: {words}")));
    }
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(directory)?);
    if manifest::current(disk.as_ref())?.is_none() {
        let data =
            !(disk.list("tables")?.is_empty() && disk.list(commitlog::DIRECTORY)?.is_empty());
        let (kind, words) = if data {
            (
                ErrorKind::Corrupt,
                "there are tables or commit-log segments, but the manifest that names them is gone",
            )
        } else {
            (ErrorKind::Io, "there is no database here")
        };
        return Err(Error::new(kind, format!("{shown}: {words}")));
    }
    let _lock = disk.lock()?;
    let mut check = Check {
        disk,
        tell,
        summary: CheckSummary::default(),
    };
    check.run()?;
    Ok(check.summary)
}

struct Check<'a> {
    disk: Arc<dyn Disk>,
    tell: &'a mut dyn FnMut(&str),
    summary: CheckSummary,
}

impl Check<'_> {
    fn run(&mut self) -> Result<()> {
        let disk = Arc::clone(&self.disk);
        let Some(path) = manifest::current(disk.as_ref())? else {
            return Ok(());
        };
        let Some(state) = self.file(&path, || {
            let state = manifest::verify(disk.as_ref(), &path)?;
            let files: usize = state
                .files
                .values()
                .map(std::collections::BTreeMap::len)
                .sum();
            let words = format!("{} tables, {files} SSTables", state.catalog.tables.len());
            Ok((state, words))
        }) else {
            // Which files belong to the database is only known from the manifest.
            return Ok(());
        };
        for (table, files) in &state.files {
            for meta in files.values() {
                let path = FileMeta::path(*table, meta.id);
                let found = self.file(&path, || {
                    let found = sstable::verify(disk.as_ref(), &path, Some(meta))?;
                    let words = format!("{} partitions, {} rows", found.partitions, found.rows);
                    Ok((found, words))
                });
                self.summary.rows += found.map_or(0, |found| found.rows);
            }
        }
        self.log(&state)?;
        self.entries(&state)?;
        self.strangers(&state)
    }

    /// Compares the entries of indexes with the rows that they stand for.
    fn entries(&mut self, state: &manifest::State) -> Result<()> {
        if self.summary.damaged > 0 {
            // What can't be read can't be compared.
            return Ok(());
        }
        let now_seconds = SystemClock::shared().now_seconds();
        for line in engine::check_entries(&self.disk, state, now_seconds)? {
            self.summary.differences += 1;
            (self.tell)(&format!("BAD: {line}"));
        }
        Ok(())
    }

    /// Verifies one file, and tells what came of it.
    fn file<T>(&mut self, path: &str, verify: impl FnOnce() -> Result<(T, String)>) -> Option<T> {
        self.summary.files += 1;
        self.summary.bytes += self.disk.open(path).map_or(0, |file| file.len());
        match verify() {
            Ok((found, words)) => {
                (self.tell)(&format!("{path}: good, {words}"));
                Some(found)
            }
            Err(error) => {
                self.summary.damaged += 1;
                (self.tell)(&format!("{path}: BAD: {error}"));
                None
            }
        }
    }

    /// Reads the commit log as recovery would.
    fn log(&mut self, state: &manifest::State) -> Result<()> {
        let segments = self.disk.list(commitlog::DIRECTORY)?;
        for segment in &segments {
            let path = format!("{}/{segment}", commitlog::DIRECTORY);
            self.summary.bytes += self.disk.open(&path).map_or(0, |file| file.len());
        }
        self.summary.files += segments.len() as u64;
        match commitlog::verify(Arc::clone(&self.disk), state) {
            Ok(log) => {
                let commitlog::Summary {
                    segments,
                    records,
                    torn,
                } = log;
                (self.tell)(&format!(
                    "commit log: good, {segments} segments, {records} records, {torn} bytes \
                     never acknowledged"
                ));
            }
            Err(error) => {
                self.summary.damaged += 1;
                (self.tell)(&format!("commit log: BAD: {error}"));
            }
        }
        Ok(())
    }

    /// Tells what lies in the tables' directories and is not in the manifest.
    fn strangers(&mut self, state: &manifest::State) -> Result<()> {
        for folder in self.disk.list("tables")? {
            for name in self.disk.list(&format!("tables/{folder}"))? {
                let path = format!("tables/{folder}/{name}");
                let known = state.files.iter().any(|(table, files)| {
                    files.keys().any(|id| FileMeta::path(*table, *id) == path)
                });
                if !known {
                    (self.tell)(&format!(
                        "{path}: not in the manifest; the next start removes it"
                    ));
                }
            }
        }
        Ok(())
    }
}
