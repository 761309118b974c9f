//! A file system in memory: the in-memory mode of the database, and the tests' adversary.
//!
//! It keeps, beside what a running process sees, what a power cut would leave: each file knows how
//! much of it was synced, each directory which changes of its names were.
//! [`SimulatedDisk::crash_image`] makes a new disk of that: everything synced stands, and of the
//! rest each change of a name is kept or dropped, and each unsynced tail kept, cut, or torn (its
//! length there, some of its sectors not), by a seed. [`Fault`]s make the n-th call fail; a byte
//! budget makes the disk full.
//!
//! After a failed sync the bytes it was about are never durable, even if a later sync succeeds:
//! that is how real systems behave, and why an fsync error must stop the writer.
//!
//! Files are chunks of 256 KiB; a read within one chunk of a finished file copies nothing.

mod file;
mod names;

use crate::error::{Error, ErrorKind, Result};
use crate::random::Random;
use crate::storage::disk::{Disk, ReadFile, WriteFile};
use bytes::Bytes;
use file::{FileData, Space};
use names::{Change, Directory, Entry, Tree, split};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A file system in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct SimulatedDisk {
    shared: Arc<Shared>,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The call fails with an input/output error and does nothing.
    Io,
    /// The call fails because the disk is full, and does nothing.
    DiskFull,
    /// Half of a write reaches the file, then the disk is full. Other calls do nothing.
    ShortWrite,
    /// The machine stops before the call: it and all later calls fail.
    Crash,
}

/// A failure to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The number of the call that fails; see [`SimulatedDisk::calls`].
    pub call: u64,
    /// How it fails.
    pub kind: FaultKind,
    /// Whether all later calls that change something fail in the same way.
    pub persistent: bool,
}

/// Called before each call that changes something, with the number of such calls so far.
type Observer = Box<dyn FnMut(u64) + Send>;

struct Shared {
    tree: Mutex<Tree>,
    locked: AtomicBool,
    /// All calls so far, reads included.
    calls: AtomicU64,
    /// Calls so far that change something.
    changes: AtomicU64,
    fault: Mutex<Option<Fault>>,
    /// Whether there is a fault or an observer to look at.
    watched: AtomicBool,
    observer: Mutex<Option<Observer>>,
    space: Arc<Space>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            tree: Mutex::default(),
            locked: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            fault: Mutex::new(None),
            watched: AtomicBool::new(false),
            observer: Mutex::new(None),
            space: Arc::default(),
        }
    }
}

impl Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

impl SimulatedDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many calls were made so far, reads included. The next call has this number plus one.
    pub fn calls(&self) -> u64 {
        self.shared.calls.load(Ordering::SeqCst)
    }

    /// How many calls were made so far that change something.
    pub fn changes(&self) -> u64 {
        self.shared.changes.load(Ordering::SeqCst)
    }

    /// Plans a failure, in place of any planned before; none heals the disk.
    pub fn set_fault(&self, fault: Option<Fault>) {
        *lock(&self.shared.fault) = fault;
        self.watch();
    }

    /// Has `observer` called before every call that changes something, with the number of such
    /// calls so far; it may take a crash image.
    pub fn set_observer(&self, observer: Option<Box<dyn FnMut(u64) + Send>>) {
        *lock(&self.shared.observer) = observer;
        self.watch();
    }

    fn watch(&self) {
        let watched = lock(&self.shared.fault).is_some() || lock(&self.shared.observer).is_some();
        self.shared.watched.store(watched, Ordering::SeqCst);
    }

    /// Sets how many bytes fit on the disk.
    pub fn set_bytes_max(&self, bytes: u64) {
        self.shared.space.set_budget(bytes);
    }

    /// How many bytes are in use.
    pub fn bytes_used(&self) -> u64 {
        self.shared.space.used()
    }

    /// The disk that a power cut at this moment would leave, by `seed`.
    pub fn crash_image(&self, seed: u64) -> Self {
        let random = Random::seeded(seed);
        let image = Self::new();
        let tree = lock(&self.shared.tree);
        let mut left = lock(&image.shared.tree);
        let mut paths = vec![String::new()];
        while let Some(path) = paths.pop() {
            // A directory whose removal did not last is back, and as empty as it was then.
            let directory = tree.directories.get(&path);
            let after = directory.map(|directory| directory.after_crash(&random));
            let mut names = BTreeMap::new();
            for (name, entry) in after.unwrap_or_default() {
                let entry = match entry {
                    Entry::File(file) => {
                        Entry::File(Arc::new(file.after_crash(&random, &image.shared.space)))
                    }
                    Entry::Directory => {
                        let below = if path.is_empty() {
                            name.clone()
                        } else {
                            format!("{path}/{name}")
                        };
                        paths.push(below);
                        Entry::Directory
                    }
                };
                names.insert(name, entry);
            }
            left.directories.insert(path, Directory::durable(names));
        }
        drop(left);
        image
    }

    /// Replaces the bytes of a file, as damage does: durable at once.
    pub fn overwrite(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let file = lock(&self.shared.tree)
            .file(path)
            .map_err(|error| Error::io(path, "open", &error))?;
        file.replace(bytes);
        Ok(())
    }

    /// Counts a call; the fault that hits it, if one does.
    fn call(&self, changes: bool) -> Option<FaultKind> {
        let shared = &self.shared;
        let number = shared.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let change = changes.then(|| shared.changes.fetch_add(1, Ordering::Relaxed));
        if !shared.watched.load(Ordering::Relaxed) {
            return None;
        }
        if let Some(change) = change
            && let Some(observer) = lock(&shared.observer).as_mut()
        {
            observer(change);
        }
        let fault = (*lock(&shared.fault))?;
        let crashed = fault.kind == FaultKind::Crash && number >= fault.call;
        let again = fault.persistent && changes && number >= fault.call;
        (crashed || again || number == fault.call).then_some(fault.kind)
    }

    /// Counts a call and fails it where a fault hits it.
    fn enter(&self, path: &str, doing: &str, changes: bool) -> Result<()> {
        match self.call(changes) {
            None => Ok(()),
            Some(kind) => Err(refusal(path, doing, kind)),
        }
    }

    fn in_tree<T>(
        &self,
        path: &str,
        doing: &str,
        work: impl FnOnce(&mut Tree) -> io::Result<T>,
    ) -> Result<T> {
        work(&mut lock(&self.shared.tree)).map_err(|error| Error::io(path, doing, &error))
    }
}

fn sync(data: &FileData, fault: Option<FaultKind>, name: &str) -> Result<()> {
    data.sync(fault.is_none());
    fault.map_or(Ok(()), |kind| Err(refusal(name, "sync", kind)))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refusal(path: &str, doing: &str, kind: FaultKind) -> Error {
    let error = match kind {
        FaultKind::Io => io::Error::other("Input/output error (simulated)"),
        FaultKind::Crash => io::Error::other("the machine has stopped (simulated)"),
        FaultKind::DiskFull | FaultKind::ShortWrite => io::Error::new(
            io::ErrorKind::StorageFull,
            "No space left on device (simulated)",
        ),
    };
    Error::io(path, doing, &error)
}

#[derive(Debug)]
struct Locked(Arc<Shared>);

impl Drop for Locked {
    fn drop(&mut self) {
        self.0.locked.store(false, Ordering::SeqCst);
    }
}

impl Disk for SimulatedDisk {
    fn create(&self, path: &str) -> Result<Box<dyn WriteFile>> {
        self.enter(path, "create", true)?;
        let data = Arc::new(FileData::new(&self.shared.space));
        self.in_tree(path, "create", |tree| {
            let (directory, name) = split(path);
            let directory = tree.directory(directory)?;
            if directory.entries.contains_key(name) {
                return Err(io::Error::from(io::ErrorKind::AlreadyExists));
            }
            directory.change(Change::Put(name.to_owned(), Entry::File(Arc::clone(&data))));
            Ok(())
        })?;
        Ok(Box::new(SimulatedWriteFile {
            disk: self.clone(),
            data,
            length: 0,
            name: path.to_owned(),
        }))
    }

    fn open(&self, path: &str) -> Result<Arc<dyn ReadFile>> {
        self.enter(path, "open", false)?;
        let data = self.in_tree(path, "open", |tree| tree.file(path))?;
        let length = data.len();
        Ok(Arc::new(SimulatedReadFile {
            disk: self.clone(),
            data,
            length,
            name: path.to_owned(),
        }))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.enter(from, "rename", true)?;
        self.in_tree(from, "rename", |tree| {
            let entry = Entry::File(tree.file(from)?);
            let ((from, old), (to, new)) = (split(from), split(to));
            if from == to {
                let change = Change::Rename(old.to_owned(), new.to_owned(), entry);
                tree.directory(from)?.change(change);
            } else {
                tree.directory(to)?
                    .change(Change::Put(new.to_owned(), entry));
                tree.directory(from)?.change(Change::Remove(old.to_owned()));
            }
            Ok(())
        })
    }

    fn sync_file(&self, path: &str) -> Result<()> {
        let fault = self.call(true);
        let data = self.in_tree(path, "sync", |tree| tree.file(path))?;
        sync(&data, fault, path)
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.enter(path, "remove", true)?;
        self.in_tree(path, "remove", |tree| {
            tree.file(path)?;
            let (directory, name) = split(path);
            tree.directory(directory)?
                .change(Change::Remove(name.to_owned()));
            Ok(())
        })
    }

    fn list(&self, directory: &str) -> Result<Vec<String>> {
        self.enter(directory, "list", false)?;
        let tree = lock(&self.shared.tree);
        Ok(tree
            .directories
            .get(directory)
            .map(|directory| directory.entries.keys().cloned().collect())
            .unwrap_or_default())
    }

    fn create_directory(&self, path: &str) -> Result<()> {
        self.enter(path, "create", true)?;
        lock(&self.shared.tree).create_directory(path);
        Ok(())
    }

    fn remove_directory(&self, path: &str) -> Result<()> {
        self.enter(path, "remove", true)?;
        self.in_tree(path, "remove", |tree| {
            if !tree.directory(path)?.entries.is_empty() {
                return Err(io::Error::from(io::ErrorKind::DirectoryNotEmpty));
            }
            let (parent, name) = split(path);
            tree.directory(parent)?
                .change(Change::Remove(name.to_owned()));
            tree.directories.remove(path);
            Ok(())
        })
    }

    fn sync_directory(&self, path: &str) -> Result<()> {
        self.enter(path, "sync", true)?;
        self.in_tree(path, "sync", |tree| {
            tree.directory(path)?.sync();
            Ok(())
        })
    }

    fn lock(&self) -> Result<Box<dyn Send + Sync + Debug>> {
        if self.shared.locked.swap(true, Ordering::SeqCst) {
            return Err(Error::new(
                ErrorKind::Locked,
                format!(
                    "data directory (memory) is in use by process {}",
                    std::process::id()
                ),
            ));
        }
        Ok(Box::new(Locked(Arc::clone(&self.shared))))
    }

    fn display(&self, path: &str) -> String {
        path.to_owned()
    }
}

#[derive(Debug)]
struct SimulatedWriteFile {
    disk: SimulatedDisk,
    data: Arc<FileData>,
    length: u64,
    name: String,
}

impl WriteFile for SimulatedWriteFile {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(kind) = self.disk.call(true) {
            if kind == FaultKind::ShortWrite {
                self.data.append(bytes.split_at(bytes.len() / 2).0);
            }
            return Err(refusal(&self.name, "write", kind));
        }
        if !self.data.append(bytes) {
            return Err(refusal(&self.name, "write", FaultKind::DiskFull));
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn cut(&mut self) -> Result<()> {
        self.disk.enter(&self.name, "cut", true)?;
        self.data.cut(self.length);
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        let fault = self.disk.call(true);
        sync(&self.data, fault, &self.name)
    }

    fn len(&self) -> u64 {
        self.length
    }
}

impl Drop for SimulatedWriteFile {
    fn drop(&mut self) {
        self.data.finish();
    }
}

#[derive(Debug)]
struct SimulatedReadFile {
    disk: SimulatedDisk,
    data: Arc<FileData>,
    length: u64,
    name: String,
}

impl ReadFile for SimulatedReadFile {
    fn read_at(&self, offset: u64, length: usize) -> Result<Bytes> {
        self.disk.enter(&self.name, "read", false)?;
        self.data.read_at(offset, length).ok_or_else(|| {
            Error::corrupt(
                &self.name,
                offset,
                format!("the file ends at {}, {length} bytes expected", self.length),
            )
        })
    }

    fn len(&self) -> u64 {
        self.length
    }

    fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests;
