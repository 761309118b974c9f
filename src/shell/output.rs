//! Where the shell writes.
//!
//! A COPY to STDOUT writes from threads of its own, so the shell's output can be cloned and
//! shared. A reader that goes away (`helenus shell … | head`) is no failure worth a message.

use crate::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// A shared output.
#[derive(Clone)]
pub struct Out(Arc<Mutex<Box<dyn Write + Send>>>);

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Out")
    }
}

impl Out {
    /// Writes to `target`.
    pub fn new(target: Box<dyn Write + Send>) -> Self {
        Self(Arc::new(Mutex::new(target)))
    }

    /// The process's standard output, buffered.
    pub fn stdout() -> Self {
        Self::new(Box::new(BufWriter::with_capacity(64 << 10, io::stdout())))
    }

    /// The process's standard error.
    pub fn stderr() -> Self {
        Self::new(Box::new(io::stderr()))
    }

    /// An output in memory, and the other end of it.
    pub fn buffer() -> (Self, Collected) {
        let collected = Collected::default();
        (Self::new(Box::new(collected.clone())), collected)
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .flush()
    }
}

/// What was written to an output in memory.
#[derive(Clone, Debug, Default)]
pub struct Collected(Arc<Mutex<Vec<u8>>>);

impl Collected {
    /// Takes what was written so far.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Collected {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file that results go to (CAPTURE).
#[derive(Debug)]
pub struct Captured {
    /// Its name, as it was given.
    pub name: String,
    /// The file.
    pub file: BufWriter<File>,
}

/// The error for a failed write to the shell's output.
pub fn closed(error: &io::Error) -> Error {
    Error::io("standard output", "write", error)
}

/// Whether it says that nobody reads the output any more.
pub fn is_closed(error: &Error) -> bool {
    error.is_reader_gone()
}
