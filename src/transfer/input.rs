//! What an import reads: files, globs, standard input, compressed or not.

use crate::error::{Error, ErrorKind, Result};
use crate::transfer::{Input, glob};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const BUFFER_BYTES: usize = 256 << 10;

/// An input by name, not opened yet.
pub(super) struct Named {
    /// What messages call it.
    pub name: String,
    kind: Kind,
}

enum Kind {
    File(PathBuf),
    Stdin,
    Reader(Box<dyn Read + Send>),
}

/// All inputs of an import.
pub(super) struct Inputs {
    /// In the order in which they are read.
    pub list: Vec<Named>,
    /// The files' sizes together, where all are files.
    pub bytes: Option<u64>,
}

impl Inputs {
    /// Expands names; a file that is not there is an error at once.
    pub(super) fn resolve(inputs: Vec<Input>) -> Result<Self> {
        let mut resolved = Self {
            list: Vec::new(),
            bytes: Some(0),
        };
        for input in inputs {
            match input {
                Input::Reader(name, reader) => resolved.add_stream(name, Kind::Reader(reader)),
                Input::Path(path) if path == "-" => {
                    resolved.add_stream("standard input".to_owned(), Kind::Stdin);
                }
                Input::Path(path) if glob::is_pattern(&path) => {
                    for found in glob::expand(&path)? {
                        resolved.add_file(found)?;
                    }
                }
                Input::Path(path) => resolved.add_file(PathBuf::from(path))?,
            }
        }
        if resolved.list.is_empty() {
            return Err(Error::new(ErrorKind::Input, "there is no file to import"));
        }
        Ok(resolved)
    }

    fn add_stream(&mut self, name: String, kind: Kind) {
        self.bytes = None;
        self.list.push(Named { name, kind });
    }

    fn add_file(&mut self, path: PathBuf) -> Result<()> {
        let name = path.to_string_lossy().into_owned();
        let about = std::fs::metadata(&path).map_err(|error| Error::io(&name, "open", &error))?;
        if about.is_dir() {
            let message = format!("{name}: is a directory, not a file");
            return Err(Error::new(ErrorKind::Input, message));
        }
        // A named pipe or a device has no size to speak of.
        self.bytes = self
            .bytes
            .filter(|_| about.is_file())
            .map(|sum| sum + about.len());
        self.list.push(Named {
            name,
            kind: Kind::File(path),
        });
        Ok(())
    }

    /// Where rejected rows go unless told: beside the first file, or in the working directory.
    pub(super) fn bad_file(&self, table: &str) -> PathBuf {
        match self.list.first().map(|named| &named.kind) {
            Some(Kind::File(path)) => {
                let mut name = path.clone().into_os_string();
                name.push(".bad");
                PathBuf::from(name)
            }
            _ => PathBuf::from(format!("{table}.bad")),
        }
    }
}

impl Named {
    /// Opens it; `read` counts the bytes that come from the file, before decompression.
    pub(super) fn open(self, read: &Arc<AtomicU64>) -> Result<Box<dyn Read + Send>> {
        let mut raw: Box<dyn Read + Send> = match self.kind {
            Kind::File(path) => Box::new(open(&path, &self.name)?),
            Kind::Stdin => Box::new(std::io::stdin()),
            Kind::Reader(reader) => reader,
        };
        let mut magic = [0; 2];
        let mut length = 0;
        while let Some(room) = magic.get_mut(length..).filter(|room| !room.is_empty()) {
            match raw.read(room) {
                Ok(0) => break,
                Ok(more) => length += more,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(&self.name, "read", &error)),
            }
        }
        let compressed = magic == [0x1F, 0x8B];
        let head = std::io::Cursor::new(magic.get(..length).unwrap_or_default().to_vec());
        let counted = Counted {
            input: head.chain(raw),
            read: Arc::clone(read),
        };
        if !compressed && self.name.ends_with(".gz") && length > 0 {
            let message = format!("{}: is called .gz but is not in gzip format", self.name);
            return Err(Error::new(ErrorKind::Input, message));
        }
        Ok(if compressed {
            let buffered = BufReader::with_capacity(BUFFER_BYTES, counted);
            Box::new(MultiGzDecoder::new(buffered))
        } else {
            Box::new(counted)
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the user's file, not the database's"
)]
fn open(path: &Path, name: &str) -> Result<File> {
    File::open(path).map_err(|error| Error::io(name, "open", &error))
}

/// Counts what is read.
struct Counted<R> {
    input: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.input.read(buffer)?;
        self.read.fetch_add(size as u64, Ordering::Relaxed);
        Ok(size)
    }
}
