//! What an import reads: files, globs, standard input, compressed or not.

use crate::error::{Error, ErrorKind, Result};
use crate::transfer::format::Format;
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
    /// Opened already: what was read of it, and the rest.
    Opened(Vec<u8>, Box<dyn Read + Send>),
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

    /// What the inputs hold: what was asked for, or what the first one's name or bytes say.
    pub(super) fn format(&mut self, given: Option<Format>) -> Result<Format> {
        let Some(first) = self.list.first_mut() else {
            return Ok(given.unwrap_or_default());
        };
        let format = match given.or_else(|| Format::of_name(&first.name)) {
            Some(format) => format,
            None => {
                let head = first.peek(8)?;
                if head.starts_with(b"PAR1") {
                    Format::Parquet
                } else if head.starts_with(b"ARROW1") {
                    Format::Arrow
                } else if head.starts_with(b"{") {
                    Format::JsonLines
                } else {
                    Format::Csv
                }
            }
        };
        format.check()?;
        Ok(format)
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
    /// The file, where it is one.
    pub(super) fn path(&self) -> Option<&Path> {
        match &self.kind {
            Kind::File(path) => Some(path),
            Kind::Stdin | Kind::Reader(_) | Kind::Opened(..) => None,
        }
    }

    /// The first bytes, decompressed: up to `most`, or all there are. What is read stays to be
    /// read.
    pub(super) fn peek(&mut self, most: usize) -> Result<Vec<u8>> {
        let kind = std::mem::replace(&mut self.kind, Kind::Stdin);
        // A file that can be opened again stays closed.
        let again = match &kind {
            Kind::File(path) if path.is_file() => Some(path.clone()),
            _ => None,
        };
        let (mut head, mut rest) = match kind {
            Kind::Opened(head, rest) => (head, rest),
            kind => (Vec::new(), open_kind(kind, &self.name, &Arc::default())?),
        };
        let wanted = most.saturating_sub(head.len()) as u64;
        let read = rest.by_ref().take(wanted).read_to_end(&mut head);
        self.kind = match again {
            Some(path) => Kind::File(path),
            None => Kind::Opened(head.clone(), rest),
        };
        read.map_err(|error| Error::io(&self.name, "read", &error))?;
        Ok(head)
    }

    /// Opens it; `read` counts the bytes that come from the file, before decompression.
    pub(super) fn open(self, read: &Arc<AtomicU64>) -> Result<Box<dyn Read + Send>> {
        open_kind(self.kind, &self.name, read)
    }
}

fn open_kind(kind: Kind, name: &str, read: &Arc<AtomicU64>) -> Result<Box<dyn Read + Send>> {
    let mut raw: Box<dyn Read + Send> = match kind {
        Kind::File(path) => Box::new(open(&path, name)?),
        Kind::Stdin => Box::new(std::io::stdin()),
        Kind::Reader(reader) => reader,
        Kind::Opened(head, rest) => {
            return Ok(Box::new(Counted {
                input: std::io::Cursor::new(head).chain(rest),
                read: Arc::clone(read),
            }));
        }
    };
    let mut magic = Vec::new();
    raw.by_ref()
        .take(4)
        .read_to_end(&mut magic)
        .map_err(|error| Error::io(name, "read", &error))?;
    let (gzip, zstd) = (
        magic.starts_with(&[0x1F, 0x8B]),
        magic.starts_with(&[0x28, 0xB5, 0x2F, 0xFD]),
    );
    let wrong = |suffix: &str, found: bool| name.ends_with(suffix) && !found && !magic.is_empty();
    for (suffix, found, format) in [(".gz", gzip, "gzip"), (".zst", zstd, "Zstandard")] {
        if wrong(suffix, found) {
            let message = format!("{name}: is called {suffix} but is not in {format} format");
            return Err(Error::new(ErrorKind::Input, message));
        }
    }
    let counted = Counted {
        input: std::io::Cursor::new(magic).chain(raw),
        read: Arc::clone(read),
    };
    if gzip {
        let buffered = BufReader::with_capacity(BUFFER_BYTES, counted);
        return Ok(Box::new(MultiGzDecoder::new(buffered)));
    }
    if zstd {
        return unpack_zstd(counted, name);
    }
    Ok(Box::new(counted))
}

#[cfg(feature = "analytics")]
fn unpack_zstd(input: impl Read + Send + 'static, name: &str) -> Result<Box<dyn Read + Send>> {
    let reader = zstd::stream::read::Decoder::new(input);
    let reader = reader.map_err(|error| Error::io(name, "decompress", &error))?;
    Ok(Box::new(reader))
}

#[cfg(not(feature = "analytics"))]
fn unpack_zstd(_: impl Read + Send + 'static, name: &str) -> Result<Box<dyn Read + Send>> {
    Err(Error::invalid(format!(
        "{name}: this build has no Zstandard (feature analytics)"
    )))
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
