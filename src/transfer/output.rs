//! What an export writes: a file that is there whole or not at all, or a stream.

use crate::error::{Error, ErrorKind, Result};
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
            Output::Path(path) => Self::create(std::fs::canonicalize(&path).unwrap_or(path)),
        }
    }

    fn create(path: PathBuf) -> Result<Self> {
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            return Err(Error::new(
                ErrorKind::Io,
                format!("{name}: is a directory, not a file"),
            ));
        }
        if path.exists() && !path.is_file() {
            // A device or a pipe keeps its place: it is written to and not replaced.
            return Ok(Self {
                stream: Stream::Writer(Box::new(append(&path, &name)?)),
                name,
                file: None,
            });
        }
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
fn append(path: &Path, name: &str) -> Result<File> {
    let file = std::fs::OpenOptions::new().append(true).open(path);
    file.map_err(|error| Error::io(name, "open", &error))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "looks at what an export wrote")]
    fn what_is_no_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let error = Sink::open(Output::Path(folder.path().to_owned())).err();
        assert!(error.unwrap().message.contains("is a directory"));

        let (target, link) = (
            folder.path().join("target.csv"),
            folder.path().join("link.csv"),
        );
        std::fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let mut sink = Sink::open(Output::Path(link.clone())).unwrap();
        sink.write(b"new").unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"old");
        sink.finish().unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());

        let mut sink = Sink::open(Output::Path(PathBuf::from("/dev/null"))).unwrap();
        sink.write(b"nothing").unwrap();
        sink.finish().unwrap();
        assert!(!Path::new("/dev/null").is_file());
    }
}
