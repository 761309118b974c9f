//! The names of a simulated disk: which there are, and which a power cut would leave.

use crate::random::Random;
use crate::storage::disk::simulated::file::FileData;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// What a name stands for.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A file.
    File(Arc<FileData>),
    /// A directory.
    Directory,
}

/// A change of a directory's names.
#[derive(Debug)]
pub enum Change {
    /// A name appears.
    Put(String, Entry),
    /// A name goes.
    Remove(String),
    /// A name is replaced by another, in one.
    Rename(String, String, Entry),
}

/// A directory: its names now, its names as last synced, and what happened between.
#[derive(Debug, Default)]
pub struct Directory {
    /// The names that a running process sees.
    pub entries: BTreeMap<String, Entry>,
    durable: BTreeMap<String, Entry>,
    pending: Vec<Change>,
}

fn apply(names: &mut BTreeMap<String, Entry>, change: &Change) {
    match change {
        Change::Put(name, entry) => {
            names.insert(name.clone(), entry.clone());
        }
        Change::Remove(name) => {
            names.remove(name);
        }
        Change::Rename(from, to, entry) => {
            names.remove(from);
            names.insert(to.clone(), entry.clone());
        }
    }
}

impl Directory {
    /// A directory whose names are all durable.
    pub fn durable(names: BTreeMap<String, Entry>) -> Self {
        Self {
            durable: names.clone(),
            entries: names,
            pending: Vec::new(),
        }
    }

    /// Makes the names durable.
    pub fn sync(&mut self) {
        self.durable = self.entries.clone();
        self.pending.clear();
    }

    /// Changes the names.
    pub fn change(&mut self, change: Change) {
        apply(&mut self.entries, &change);
        self.pending.push(change);
    }

    /// The names that a crash leaves: the durable ones, and of the later changes either a prefix
    /// or any selection.
    pub fn after_crash(&self, random: &Random) -> BTreeMap<String, Entry> {
        let mut names = self.durable.clone();
        let in_order = random.below(2) == 0;
        let kept = random.below(self.pending.len() as u64 + 1);
        for (number, change) in self.pending.iter().enumerate() {
            if (in_order && (number as u64) < kept) || (!in_order && random.below(2) == 0) {
                apply(&mut names, change);
            }
        }
        names
    }
}

/// All directories by path; the root is "".
#[derive(Debug)]
pub struct Tree {
    /// By path.
    pub directories: BTreeMap<String, Directory>,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            directories: BTreeMap::from([(String::new(), Directory::default())]),
        }
    }
}

/// A path's directory and name.
pub fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn not_found() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl Tree {
    /// The directory at `path`.
    pub fn directory(&mut self, path: &str) -> io::Result<&mut Directory> {
        self.directories.get_mut(path).ok_or_else(not_found)
    }

    /// The file at `path`.
    pub fn file(&self, path: &str) -> io::Result<Arc<FileData>> {
        let (directory, name) = split(path);
        match self
            .directories
            .get(directory)
            .and_then(|directory| directory.entries.get(name))
        {
            Some(Entry::File(file)) => Ok(Arc::clone(file)),
            Some(Entry::Directory) => Err(io::Error::from(io::ErrorKind::IsADirectory)),
            None => Err(not_found()),
        }
    }

    /// Creates a directory and those above it.
    pub fn create_directory(&mut self, path: &str) {
        if self.directories.contains_key(path) {
            return;
        }
        let (parent, name) = split(path);
        self.create_directory(parent);
        if let Some(parent) = self.directories.get_mut(parent) {
            parent.change(Change::Put(name.to_owned(), Entry::Directory));
        }
        self.directories
            .insert(path.to_owned(), Directory::default());
    }
}
