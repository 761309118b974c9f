//! Encoded rows that wait for their reader: the first of them in memory, the rest in a file.
//!
//! ```text
//!  sealed chunks:  [ memory ][ memory ][ file ][ file ]   open: rows of the next chunk
//!  place:               ^ chunk 1, byte 40
//! ```
//!
//! Rows are written once, one behind the other, into chunks. A sealed chunk does not change any
//! more: it stays in memory while all that is there is within the bound, and goes to the file
//! otherwise. A reader says its place by a chunk and a byte of it, so rows can be read again from
//! anywhere. The file has no name from the moment it is made, so that it is gone with the process,
//! however that ends.

use crate::error::{Error, Result};
use crate::limits;
use bytes::{BufMut, Bytes, BytesMut};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A chunk is sealed when it has this many bytes.
const CHUNK_BYTES: usize = 256 << 10;

/// A place between rows: a chunk, and a byte of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpoolPlace {
    /// The number of the chunk.
    pub chunk: u32,
    /// Where in it the next row starts.
    pub byte: u32,
}

#[derive(Debug)]
enum Chunk {
    Memory(Bytes),
    File { at: u64, length: usize },
}

/// See the module's text.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
    chunks: Vec<Chunk>,
    open: BytesMut,
    memory_bytes: usize,
    file: Option<File>,
    file_bytes: u64,
}

impl Spool {
    /// A spool whose file would lie in `directory`.
    pub fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_path_buf(),
            chunks: Vec::new(),
            open: BytesMut::new(),
            memory_bytes: 0,
            file: None,
            file_bytes: 0,
        }
    }

    /// Adds what `write` appends as one row.
    pub fn push(&mut self, write: impl FnOnce(&mut BytesMut) -> Result<bool>) -> Result<bool> {
        let start = self.open.len();
        self.open.put_u32(0);
        if !write(&mut self.open)? {
            self.open.truncate(start);
            return Ok(false);
        }
        let length = self.open.len() - start - 4;
        let framed = u32::try_from(length).ok();
        let framed = framed.filter(|_| length <= limits::RESULT_BYTES_MAX);
        let framed = framed.ok_or_else(|| {
            Error::invalid(format!(
                "a row of the result is larger than {} bytes",
                limits::RESULT_BYTES_MAX
            ))
        })?;
        if let Some(head) = self.open.get_mut(start..start + 4) {
            head.copy_from_slice(&framed.to_be_bytes());
        }
        if self.open.len() >= CHUNK_BYTES {
            self.seal()?;
        }
        Ok(true)
    }

    /// Makes the rows so far readable.
    pub fn seal(&mut self) -> Result<()> {
        if self.open.is_empty() {
            return Ok(());
        }
        let chunk = self.open.split().freeze();
        if self.memory_bytes + chunk.len() <= limits::CURSOR_MEMORY_BYTES_MAX {
            self.memory_bytes += chunk.len();
            self.chunks.push(Chunk::Memory(chunk));
            return Ok(());
        }
        let (at, length) = (self.file_bytes, chunk.len());
        if at + length as u64 > limits::CURSOR_FILE_BYTES_MAX {
            return Err(Error::invalid(format!(
                "the result is larger than {} bytes, which is the most that is kept for a reader \
                 of pages: select less, or export it to a file",
                limits::CURSOR_FILE_BYTES_MAX
            )));
        }
        let name = self.directory.display().to_string();
        if self.file.is_none() {
            self.file = Some(nameless(&self.directory)?);
        }
        if let Some(file) = &mut self.file {
            file.seek(SeekFrom::Start(at))
                .and_then(|_| file.write_all(&chunk))
                .map_err(|error| Error::io(&name, "write the rows of a result", &error))?;
        }
        self.file_bytes += length as u64;
        self.chunks.push(Chunk::File { at, length });
        Ok(())
    }

    /// How many chunks can be read.
    #[cfg(test)]
    fn chunks(&self) -> u32 {
        u32::try_from(self.chunks.len()).unwrap_or(u32::MAX)
    }

    /// The bytes of a chunk; none where it is not there (yet).
    pub fn chunk(&mut self, number: u32) -> Result<Option<Bytes>> {
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        let (start, length) = match self.chunks.get(at) {
            None => return Ok(None),
            Some(Chunk::Memory(bytes)) => return Ok(Some(bytes.clone())),
            Some(Chunk::File { at, length }) => (*at, *length),
        };
        let name = self.directory.display().to_string();
        let Some(file) = &mut self.file else {
            return Err(Error::internal("a spooled chunk has no file"));
        };
        let mut bytes = vec![0; length];
        file.seek(SeekFrom::Start(start))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|error| Error::io(&name, "read the rows of a result", &error))?;
        Ok(Some(Bytes::from(bytes)))
    }
}

/// A file in `directory` that has lost its name already.
#[expect(
    clippy::disallowed_methods,
    reason = "a temporary file is none of the database"
)]
fn nameless(directory: &Path) -> Result<File> {
    let shown = directory.display().to_string();
    let failed = |error: std::io::Error| Error::io(&shown, "make a temporary file", &error);
    std::fs::create_dir_all(directory).map_err(failed)?;
    let name = format!("helenus-{}.rows", uuid::Uuid::from_u128(noise()));
    let path = directory.join(name);
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(failed)?;
    std::fs::remove_file(&path).map_err(failed)?;
    Ok(file)
}

/// What no other process has as a name.
fn noise() -> u128 {
    u128::from_be_bytes(crate::random::Random::from_system().bytes_16())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_beyond_the_bound_go_to_a_file_without_a_name() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(directory.path());
        let row = vec![7_u8; 100_000];
        let rows = limits::CURSOR_MEMORY_BYTES_MAX / row.len() * 3;
        for _ in 0..rows {
            assert!(
                spool
                    .push(|out| {
                        out.put_slice(&row);
                        Ok(true)
                    })
                    .unwrap()
            );
        }
        assert!(!spool.push(|_| Ok(false)).unwrap());
        spool.seal().unwrap();
        assert!(spool.memory_bytes <= limits::CURSOR_MEMORY_BYTES_MAX && spool.file_bytes > 0);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        let mut read = 0;
        for number in 0..spool.chunks() {
            let chunk = spool.chunk(number).unwrap().unwrap();
            read += chunk.len() / (row.len() + 4);
            assert_eq!(chunk.len() % (row.len() + 4), 0);
        }
        assert_eq!(read, rows);
        assert!(spool.chunk(spool.chunks()).unwrap().is_none());
    }

    #[test]
    fn a_spool_larger_than_its_file_may_be_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(directory.path());
        spool.memory_bytes = limits::CURSOR_MEMORY_BYTES_MAX;
        spool.file_bytes = limits::CURSOR_FILE_BYTES_MAX - 5;
        let push = |spool: &mut Spool, bytes: usize| {
            spool.push(|out| {
                out.put_bytes(1, bytes);
                Ok(true)
            })?;
            spool.seal()
        };
        push(&mut spool, 1).unwrap();
        let error = push(&mut spool, 1).unwrap_err();
        assert!(error.message.contains("select less"), "{}", error.message);
    }
}
