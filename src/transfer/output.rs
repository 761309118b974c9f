//! What an export writes: a file that is there whole or not at all, or a stream.

use crate::error::{Error, Result};
use crate::transfer::Output;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// An output under way. Dropped before [`Sink::finish`], it removes its temporary file.
pub(super) struct Sink {
    name: String,
    stream: Stream,
    /// The temporary name and the final one.
    file: Option<(PathBuf, PathBuf)>,
}

enum Stream {
    File(BufWriter<File>),
    Compressed(Box<GzEncoder<BufWriter<File>>>),
    Writer(Box<dyn Write + Send>),
    Closed,
}

impl Sink {
    /// Starts to write.
    pub(super) fn open(output: Output) -> Result<Self> {
        match output {
            Output::Writer(writer) => Ok(Self {
                name: "output".to_owned(),
                stream: Stream::Writer(writer),
                file: None,
            }),
            Output::Path(path) if path.as_os_str() == "-" => Ok(Self {
                name: "standard output".to_owned(),
                stream: Stream::Writer(Box::new(std::io::stdout())),
                file: None,
            }),
            Output::Path(path) => Self::create(path),
        }
    }

    fn create(path: PathBuf) -> Result<Self> {
        let name = path.to_string_lossy().into_owned();
        let mut temporary = path.clone().into_os_string();
        temporary.push(format!(".{}.tmp", std::process::id()));
        let temporary = PathBuf::from(temporary);
        let writer = BufWriter::with_capacity(256 << 10, create(&temporary, &name)?);
        let stream = if path.extension().is_some_and(|extension| extension == "gz") {
            Stream::Compressed(Box::new(GzEncoder::new(writer, Compression::default())))
        } else {
            Stream::File(writer)
        };
        Ok(Self {
            name,
            stream,
            file: Some((temporary, path)),
        })
    }

    /// Appends bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = match &mut self.stream {
            Stream::File(file) => file.write_all(bytes),
            Stream::Compressed(file) => file.write_all(bytes),
            Stream::Writer(writer) => writer.write_all(bytes),
            Stream::Closed => Ok(()),
        };
        written.map_err(|error| Error::io(&self.name, "write", &error))
    }

    /// Makes what was written durable, and gives it its name.
    pub(super) fn finish(mut self) -> Result<()> {
        let failed = |error| Error::io(&self.name, "write", &error);
        let writer = match std::mem::replace(&mut self.stream, Stream::Closed) {
            Stream::File(writer) => writer,
            Stream::Compressed(encoder) => encoder.finish().map_err(failed)?,
            Stream::Writer(mut writer) => return writer.flush().map_err(failed),
            Stream::Closed => return Ok(()),
        };
        let file = writer
            .into_inner()
            .map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        if let Some((temporary, path)) = &self.file {
            rename(temporary, path).map_err(failed)?;
        }
        self.file = None;
        Ok(())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some((temporary, _)) = &self.file {
            remove(temporary);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the user's file, not the database's"
)]
fn create(path: &Path, name: &str) -> Result<File> {
    File::create(path).map_err(|error| Error::io(name, "create", &error))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the user's file, not the database's"
)]
fn rename(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::rename(from, to)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the user's file, not the database's"
)]
fn remove(path: &Path) {
    // It may be gone already; there is nobody left to tell.
    let _ = std::fs::remove_file(path);
}
