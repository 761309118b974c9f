//! The machine's file system below one data directory.
//!
//! One process at a time: the lock is an advisory lock of the operating system on the file `LOCK`,
//! so it goes with the process however that ends. The file also names the process, for the message.

use crate::error::{Error, ErrorKind, Result};
use crate::storage::disk::{Disk, ReadFile, WriteFile};
use bytes::Bytes;
use std::fmt::Debug;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind as IoErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// The data directory's lock file.
const LOCK: &str = "LOCK";

/// The machine's file system below one data directory.
#[derive(Clone, Debug)]
pub struct RealDisk {
    root: PathBuf,
}

impl RealDisk {
    /// The file system below `root`, which is created if absent.
    #[expect(clippy::disallowed_methods, reason = "the data directory's own door")]
    pub fn open(root: &Path) -> Result<Self> {
        let shown = root.display().to_string();
        if root.is_file() {
            return Err(Error::invalid(format!(
                "{shown}: is a file, not a data directory"
            )));
        }
        std::fs::create_dir_all(root).map_err(|error| Error::io(&shown, "create", &error))?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// The whole path. Only plain names below the root are taken.
    fn full(&self, path: &str) -> Result<PathBuf> {
        let plain = Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if plain {
            Ok(self.root.join(path))
        } else {
            Err(Error::internal(format!(
                "{path}: not a name below the data directory"
            )))
        }
    }

    fn error(&self, path: &str, doing: &str, error: &std::io::Error) -> Error {
        Error::io(&self.display(path), doing, error)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the door to the database's files"
)]
impl Disk for RealDisk {
    fn create(&self, path: &str) -> Result<Box<dyn WriteFile>> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(self.full(path)?)
            .map_err(|error| self.error(path, "create", &error))?;
        Ok(Box::new(RealWriteFile {
            file,
            length: 0,
            name: self.display(path),
        }))
    }

    fn open(&self, path: &str) -> Result<Arc<dyn ReadFile>> {
        let file =
            File::open(self.full(path)?).map_err(|error| self.error(path, "open", &error))?;
        let length = file
            .metadata()
            .map_err(|error| self.error(path, "examine", &error))?
            .len();
        Ok(Arc::new(RealReadFile {
            file,
            length,
            name: self.display(path),
        }))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        std::fs::rename(self.full(from)?, self.full(to)?)
            .map_err(|error| self.error(from, &format!("rename to {}", self.display(to)), &error))
    }

    fn sync_file(&self, path: &str) -> Result<()> {
        File::open(self.full(path)?)
            .and_then(|file| file.sync_all())
            .map_err(|error| self.error(path, "sync", &error))
    }

    fn remove(&self, path: &str) -> Result<()> {
        std::fs::remove_file(self.full(path)?).map_err(|error| self.error(path, "remove", &error))
    }

    fn list(&self, directory: &str) -> Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.full(directory)?) {
            Ok(entries) => entries,
            Err(error) if error.kind() == IoErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.error(directory, "list", &error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| self.error(directory, "list", &error))?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn create_directory(&self, path: &str) -> Result<()> {
        std::fs::create_dir_all(self.full(path)?)
            .map_err(|error| self.error(path, "create", &error))
    }

    fn remove_directory(&self, path: &str) -> Result<()> {
        std::fs::remove_dir(self.full(path)?).map_err(|error| self.error(path, "remove", &error))
    }

    fn sync_directory(&self, path: &str) -> Result<()> {
        File::open(self.full(path)?)
            .and_then(|directory| directory.sync_all())
            .map_err(|error| self.error(path, "sync", &error))
    }

    fn lock(&self) -> Result<Box<dyn Send + Sync + Debug>> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.full(LOCK)?)
            .map_err(|error| self.error(LOCK, "open", &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The name of the holder is a courtesy: the refusal stands without it.
                let _ = Read::by_ref(&mut file).take(20).read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => "another process".to_owned(),
                    pid => format!("process {pid}"),
                };
                return Err(Error::new(
                    ErrorKind::Locked,
                    format!(
                        "data directory {} is in use by {holder}",
                        self.root.display()
                    ),
                ));
            }
            Err(TryLockError::Error(error)) => return Err(self.error(LOCK, "lock", &error)),
        }
        // The name is for the message only, so a full disk does not stop the start.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Box::new(file))
    }

    fn display(&self, path: &str) -> String {
        self.root.join(path).display().to_string()
    }
}

#[derive(Debug)]
struct RealWriteFile {
    file: File,
    length: u64,
    name: String,
}

impl WriteFile for RealWriteFile {
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .map_err(|error| Error::io(&self.name, "write", &error))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn cut(&mut self) -> Result<()> {
        let cut = self.file.set_len(self.length);
        cut.and_then(|()| self.file.seek(SeekFrom::Start(self.length)))
            .map_err(|error| Error::io(&self.name, "cut", &error))?;
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.file
            .sync_data()
            .map_err(|error| Error::io(&self.name, "sync", &error))
    }

    fn len(&self) -> u64 {
        self.length
    }
}

#[derive(Debug)]
struct RealReadFile {
    file: File,
    length: u64,
    name: String,
}

impl ReadFile for RealReadFile {
    fn read_at(&self, offset: u64, length: usize) -> Result<Bytes> {
        // The length is checked against the file before memory is spent on it.
        if offset.saturating_add(length as u64) > self.length {
            return Err(Error::corrupt(
                &self.name,
                offset,
                format!("the file ends at {}, {length} bytes expected", self.length),
            ));
        }
        let mut bytes = vec![0; length];
        self.file
            .read_exact_at(&mut bytes, offset)
            .map_err(|error| Error::io(&self.name, &format!("read at {offset}"), &error))?;
        Ok(Bytes::from(bytes))
    }

    fn len(&self) -> u64 {
        self.length
    }

    fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_and_go() {
        let directory = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(&directory.path().join("data")).unwrap();
        disk.create_directory("tables/1").unwrap();
        let mut file = disk.create("tables/1/a").unwrap();
        file.append(b"hello ").unwrap();
        file.append(b"world").unwrap();
        file.sync().unwrap();
        assert_eq!(file.len(), 11);
        file.cut().unwrap();
        assert_eq!(file.len(), 11);
        assert_eq!(
            disk.create("tables/1/a").map(|_| ()).unwrap_err().kind,
            ErrorKind::Io
        );
        disk.rename("tables/1/a", "tables/1/b").unwrap();
        disk.sync_directory("tables/1").unwrap();
        disk.sync_file("tables/1/b").unwrap();
        let read = disk.open("tables/1/b").unwrap();
        assert_eq!(&read.read_at(6, 5).unwrap()[..], b"world");
        let error = read.read_at(7, 5).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Corrupt);
        assert!(error.message.contains("tables/1/b"), "{error}");
        assert_eq!(disk.list("tables/1").unwrap(), ["b"]);
        assert_eq!(disk.list("nowhere").unwrap(), [""; 0]);
        disk.remove("tables/1/b").unwrap();
        assert_eq!(&read.read_at(0, 5).unwrap()[..], b"hello");
        disk.remove_directory("tables/1").unwrap();
        assert_eq!(disk.list("tables").unwrap(), [""; 0]);
        assert!(disk.open("../x").is_err());
    }

    #[test]
    fn a_directory_has_one_master() {
        let directory = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(directory.path()).unwrap();
        let guard = disk.lock().unwrap();
        let error = disk.lock().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Locked);
        let words = format!("is in use by process {}", std::process::id());
        assert!(error.message.contains(&words), "{error}");
        drop(guard);
        disk.lock().unwrap();
    }
}
