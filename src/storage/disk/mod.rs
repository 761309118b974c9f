//! The only way to the database's files.
//!
//! Paths are relative to the data directory, with `/` between parts. [`real`] is the machine's
//! file system; [`simulated`] keeps files in memory, can crash at any call and lose what was not
//! synced, and serves as the in-memory mode.
//!
//! What is promised after a crash: the bytes of a file up to its last [`WriteFile::sync`], and the
//! names in a directory as of its last [`Disk::sync_directory`]. Nothing else.

pub mod real;
pub mod simulated;

use crate::error::Result;
use bytes::Bytes;
use std::fmt::Debug;
use std::sync::Arc;

/// A file system, rooted at one data directory.
pub trait Disk: Send + Sync + Debug {
    /// Creates an empty file for appending; one that is there already is an error.
    fn create(&self, path: &str) -> Result<Box<dyn WriteFile>>;

    /// Opens a file for reading.
    fn open(&self, path: &str) -> Result<Arc<dyn ReadFile>>;

    /// Renames a file, replacing what was at `to`.
    fn rename(&self, from: &str, to: &str) -> Result<()>;

    /// Makes the bytes of a file durable, as [`WriteFile::sync`] does, without a writer: recovery
    /// does so with what a killed process left in the system's memory, before it builds on it.
    fn sync_file(&self, path: &str) -> Result<()>;

    /// Removes a file. Open readers keep reading it.
    fn remove(&self, path: &str) -> Result<()>;

    /// The names in a directory, sorted; none where it is absent.
    fn list(&self, directory: &str) -> Result<Vec<String>>;

    /// Creates a directory and those above it.
    fn create_directory(&self, path: &str) -> Result<()>;

    /// Removes an empty directory.
    fn remove_directory(&self, path: &str) -> Result<()>;

    /// Makes the names in a directory durable.
    fn sync_directory(&self, path: &str) -> Result<()>;

    /// Takes the exclusive lock of the data directory until the guard is dropped; fails with
    /// [`crate::ErrorKind::Locked`] where another process has it.
    fn lock(&self) -> Result<Box<dyn Send + Sync + Debug>>;

    /// `path` as messages show it.
    fn display(&self, path: &str) -> String;
}

/// A file being written, at its end only.
pub trait WriteFile: Send + Debug {
    /// Appends all of `bytes`. Where that fails, a part of them may be in the file, and nothing may
    /// be appended before [`WriteFile::cut`] has succeeded.
    fn append(&mut self, bytes: &[u8]) -> Result<()>;

    /// Takes what an append that failed has left in the file away, and so gives its room back.
    fn cut(&mut self) -> Result<()>;

    /// Makes what was appended durable. After a failure the file must not be written again.
    fn sync(&mut self) -> Result<()>;

    /// How many bytes were appended.
    fn len(&self) -> u64;

    /// Whether nothing was appended.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A file open for reading. Any thread, any position.
pub trait ReadFile: Send + Sync + Debug {
    /// Exactly `length` bytes from `offset` on; fewer is an error that names the file.
    fn read_at(&self, offset: u64, length: usize) -> Result<Bytes>;

    /// The file's length.
    fn len(&self) -> u64;

    /// Whether the file is empty.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The file's name, as messages show it.
    fn name(&self) -> &str;
}
