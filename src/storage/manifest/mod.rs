//! The manifest: what the database consists of, durably.
//!
//! One file, `manifest-<number>`, holds the schema, every table's files, the positions through
//! which tables are complete, and the floors of all counters, as a sequence of [`Edit`]s. What is
//! not in the manifest does not exist: a file counts from the edit that adds it, a table from the
//! edit that creates it. Several edits in one call stand in one record: all of them or none.
//!
//! The rules that make it safe:
//!
//! - An edit is appended and synced before [`Manifest::edit`] returns.
//! - The file is replaced as a whole (written under another name, synced, renamed, directory
//!   synced) by the first edit after opening, when it has grown long, and after any failure:
//!   nothing
//!   is ever written behind bytes whose fate is unknown.
//! - After a failure no file may be deleted until an edit has succeeded ([`Manifest::is_sound`]):
//!   the failed record may have reached the disk, and a crash would find it.
//! - The highest number counts. A damaged manifest is an error, never a reason to take an older one
//!   or to start anew.

mod records;
mod state;
mod tools;

pub use state::{State, Truncation};
pub use tools::{inspect, verify};

use crate::error::{Error, Result};
use crate::schema::{SchemaChange, TableId};
use crate::storage::disk::{Disk, WriteFile};
use crate::storage::meta::FileMeta;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// What the manifest's name starts with.
pub const NAME_PREFIX: &str = "manifest-";
/// The end of the name of a manifest that is not finished.
const UNFINISHED: &str = ".new";
/// A manifest is rewritten when what was appended is longer than this and than its base, in bytes.
const APPENDED_BYTES_MAX: u64 = 256 << 10;

/// One change of what the database consists of. The order of the variants and of their fields is
/// persisted: never change it, only append.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "edits are few and short-lived")]
pub enum Edit {
    /// A table has one more file.
    AddFile {
        /// The table.
        table: TableId,
        /// The file.
        file: FileMeta,
    },
    /// A table has a file less.
    RemoveFile {
        /// The table.
        table: TableId,
        /// The file's number.
        id: u64,
    },
    /// All records of the log up to `sequence` that concern the table are in its files.
    TableFlushedThrough {
        /// The table.
        table: TableId,
        /// The position.
        sequence: u64,
    },
    /// The schema changes. A dropped table's files and positions go with it.
    Schema(Vec<SchemaChange>),
    /// A table was emptied: its files go with this edit, and replay skips its records up to
    /// `sequence`.
    Truncated {
        /// The table.
        table: TableId,
        /// The position.
        sequence: u64,
        /// When, in microseconds since 1970.
        timestamp: i64,
    },
    /// Sequence numbers start above this one.
    SequenceFloor(u64),
    /// Server timestamps start above this one, in microseconds.
    TimestampFloor(i64),
    /// A segment of the commit log ends at `length`: what lies behind was never acknowledged.
    SealedSegment {
        /// The segment.
        segment: u64,
        /// Its length, in bytes.
        length: u64,
    },
    /// Segments of the commit log may be missing, if their records are at or below `through`.
    LogReclaimed {
        /// The position.
        through: u64,
        /// Seals of segments below this number are forgotten.
        segment: u64,
    },
    /// File numbers start at this one.
    NextFileId(u64),
    /// Catalog versions and table numbers start here (written when the manifest is rewritten).
    CatalogFloor {
        /// The catalog's version.
        version: u64,
        /// The number that the next new table gets.
        next_table_id: u64,
    },
    /// Who the database is among others (`system.local.host_id`): made once.
    HostId(Uuid),
}

/// The manifest: what the database consists of, durably.
#[derive(Debug)]
pub struct Manifest {
    disk: Arc<dyn Disk>,
    inner: Mutex<Inner>,
    next_file_id: AtomicU64,
}

#[derive(Debug)]
struct Inner {
    state: State,
    /// The number of the newest manifest file that was ever tried.
    number: u64,
    /// The file that takes edits; none means that the next edit starts a new one.
    file: Option<Appending>,
    sound: bool,
    /// Whether there is a manifest at all, and whether all of it is below its base length.
    settled: bool,
}

#[derive(Debug)]
struct Appending {
    file: Box<dyn WriteFile>,
    base: u64,
}

fn name(number: u64) -> String {
    format!("{NAME_PREFIX}{number:06}")
}

impl Manifest {
    /// Reads the manifest, or starts one in an empty directory.
    pub fn open(disk: Arc<dyn Disk>) -> Result<(Self, State)> {
        let newest = newest(disk.as_ref())?;
        let mut state = State::default();
        let mut settled = false;
        if let Some(number) = newest {
            // A killed process may have left it in the system's memory only.
            disk.sync_file(&name(number))?;
            disk.sync_directory("")?;
            let content = records::load(disk.as_ref(), &name(number))?;
            if content.number != number {
                let file = disk.display(&name(number));
                let what = format!("the file says that it is manifest {}", content.number);
                return Err(Error::corrupt(&file, 0, what));
            }
            for edit in content.records.iter().flat_map(|record| &record.edits) {
                state.apply(edit);
            }
            let last = content.records.last().map_or(0, |record| record.offset);
            settled = content.torn == 0 && last < content.base;
        }
        let manifest = Self {
            disk,
            next_file_id: AtomicU64::new(state.next_file_id),
            inner: Mutex::new(Inner {
                state: state.clone(),
                number: newest.unwrap_or(0),
                file: None,
                sound: true,
                settled,
            }),
        };
        if newest.is_none() {
            manifest.edit(&[])?;
        }
        Ok((manifest, state))
    }

    /// Makes `edits` durable, all or none. After an error it is unknown whether they are: no file
    /// may be deleted until a later edit has succeeded ([`Manifest::is_sound`]).
    pub fn edit(&self, edits: &[Edit]) -> Result<()> {
        let mut inner = self.lock();
        let result = match inner.file.take() {
            Some(file) if !file.is_long() => self.append(&mut inner, file, edits),
            _ => self.rewrite(&mut inner, edits),
        };
        inner.sound = result.is_ok();
        result
    }

    /// Whether the last edit succeeded: only then may files be deleted.
    pub fn is_sound(&self) -> bool {
        self.lock().sound
    }

    /// A number for a new file.
    pub fn allocate_file_id(&self) -> u64 {
        self.next_file_id.fetch_add(1, Ordering::Relaxed)
    }

    /// What all edits together say now.
    pub fn state(&self) -> State {
        self.lock().state.clone()
    }

    /// Rewrites the manifest where edits were appended, so that damage anywhere in it can be told
    /// from a torn end.
    pub fn close(&self) -> Result<()> {
        let mut inner = self.lock();
        if inner.settled {
            return Ok(());
        }
        inner.file = None;
        let result = self.rewrite(&mut inner, &[]);
        inner.sound = result.is_ok();
        result
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends one record. The file is given back only where nothing failed.
    fn append(&self, inner: &mut Inner, mut to: Appending, edits: &[Edit]) -> Result<()> {
        let mut bytes = Vec::new();
        inner.settled = false;
        records::put_record(inner.number, to.file.len(), edits, &mut bytes)?;
        to.file.append(&bytes)?;
        to.file.sync()?;
        for edit in edits {
            inner.state.apply(edit);
        }
        inner.file = Some(to);
        Ok(())
    }

    /// Writes a new manifest that says what the present one does, and `edits`.
    fn rewrite(&self, inner: &mut Inner, edits: &[Edit]) -> Result<()> {
        let mut state = inner.state.clone();
        for edit in edits {
            state.apply(edit);
        }
        inner.number += 1;
        inner.settled = false;
        let number = inner.number;
        let bytes = whole(number, &state)?;
        let unfinished = format!("{}{UNFINISHED}", name(number));
        let mut file = self.disk.create(&unfinished)?;
        if let Err(error) = file.append(&bytes).and_then(|()| file.sync()) {
            // On a full disk every attempt would leave a piece. Should it stay: it never counts.
            drop(file);
            let _ = self.disk.remove(&unfinished);
            return Err(error);
        }
        self.disk.rename(&unfinished, &name(number))?;
        self.disk.sync_directory("")?;
        inner.state = state;
        inner.settled = true;
        inner.file = Some(Appending {
            file,
            base: bytes.len() as u64,
        });
        remove_others(self.disk.as_ref(), number);
        Ok(())
    }
}

impl Appending {
    fn is_long(&self) -> bool {
        self.file.len() - self.base > APPENDED_BYTES_MAX.max(self.base)
    }
}

/// The bytes of a new manifest.
fn whole(number: u64, state: &State) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    // Records of moderate size: a reader holds one at a time beside the state.
    for edits in state.snapshot().chunks(256) {
        let offset = (records::PREFIX_BYTES + body.len()) as u64;
        records::put_record(number, offset, edits, &mut body)?;
    }
    let mut bytes = Vec::with_capacity(records::PREFIX_BYTES + body.len());
    let base = (records::PREFIX_BYTES + body.len()) as u64;
    records::put_prefix(number, base, &mut bytes);
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// The number in a manifest's name.
fn number_of(name: &str) -> Option<u64> {
    name.strip_prefix(NAME_PREFIX)?.parse().ok()
}

/// The number of the newest manifest. Leftovers of unfinished ones go.
fn newest(disk: &dyn Disk) -> Result<Option<u64>> {
    let mut newest = None;
    for entry in disk.list("")? {
        if entry.starts_with(NAME_PREFIX) && entry.ends_with(UNFINISHED) {
            disk.remove(&entry)?;
        }
        newest = newest.max(number_of(&entry));
    }
    if newest.is_none() && !(disk.list("commitlog")?.is_empty() && disk.list("tables")?.is_empty())
    {
        let directory = disk.display("");
        return Err(Error::corrupt(
            &directory,
            0,
            "there are tables or commit-log segments, but no manifest that names them",
        ));
    }
    Ok(newest)
}

/// Removes all manifests but one. They no longer count, so a failure does no harm.
fn remove_others(disk: &dyn Disk, kept: u64) {
    for entry in disk.list("").unwrap_or_default() {
        let other = entry.starts_with(NAME_PREFIX) && number_of(&entry) != Some(kept);
        if other {
            let _ = disk.remove(&entry);
        }
    }
}

/// The path of the manifest that counts, if there is one.
pub fn current(disk: &dyn Disk) -> Result<Option<String>> {
    let names = disk.list("")?;
    let newest = names.iter().filter_map(|name| number_of(name)).max();
    Ok(newest.map(name))
}

#[cfg(test)]
mod tests;
