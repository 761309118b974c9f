//! What an export writes: a file that is there whole or not at all, or a stream.

use crate::error::{Error, ErrorKind, Result};
use crate::transfer::Output;
use crate::transfer::format::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// An output under way. Dropped before [`Sink::publish`], it removes its temporary file.
pub(super) struct Sink {
    name: String,
    stream: Stream,
    /// The temporary name and the final one.
    file: Option<(PathBuf, PathBuf)>,
}

enum Stream {
    File(BufWriter<File>),
    Compressed(Box<GzEncoder<BufWriter<File>>>),
    #[cfg(feature = "analytics")]
    Zstd(Box<zstd::stream::write::Encoder<'static, BufWriter<File>>>),
    Writer(Box<dyn Write + Send>),
    Closed,
}

impl Sink {
    /// Starts to write; a file is compressed as a whole.
    pub(super) fn open(output: Output, compression: Compression) -> Result<Self> {
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
            Output::Path(path) => {
                Self::create(std::fs::canonicalize(&path).unwrap_or(path), compression)
            }
        }
    }

    fn create(path: PathBuf, compression: Compression) -> Result<Self> {
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
        let mut sink = Self {
            name,
            stream: Stream::Closed,
            file: Some((temporary, path)),
        };
        sink.stream = match compression {
            Compression::Gzip => {
                let level = flate2::Compression::default();
                Stream::Compressed(Box::new(GzEncoder::new(writer, level)))
            }
            Compression::Zstd => zstd_stream(writer, &sink.name)?,
            _ => Stream::File(writer),
        };
        Ok(sink)
    }

    /// Appends bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes)
            .map_err(|error| Error::io(&self.name, "write", &error))
    }

    /// Makes what was written durable.
    pub(super) fn close(&mut self) -> Result<()> {
        let failed = |error| Error::io(&self.name, "write", &error);
        let writer = match std::mem::replace(&mut self.stream, Stream::Closed) {
            Stream::File(writer) => writer,
            Stream::Compressed(encoder) => encoder.finish().map_err(failed)?,
            #[cfg(feature = "analytics")]
            Stream::Zstd(encoder) => encoder.finish().map_err(failed)?,
            Stream::Writer(mut writer) => return writer.flush().map_err(failed),
            Stream::Closed => return Ok(()),
        };
        let file = writer
            .into_inner()
            .map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)
    }

    /// Gives it its name.
    pub(super) fn publish(mut self) -> Result<()> {
        if let Some((temporary, path)) = &self.file {
            let failed = |error| Error::io(&self.name, "write", &error);
            rename(temporary, path).map_err(failed)?;
        }
        self.file = None;
        Ok(())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match &mut self.stream {
            Stream::File(file) => file.write(bytes),
            Stream::Compressed(file) => file.write(bytes),
            #[cfg(feature = "analytics")]
            Stream::Zstd(file) => file.write(bytes),
            Stream::Writer(writer) => writer.write(bytes),
            Stream::Closed => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match &mut self.stream {
            Stream::File(file) => file.flush(),
            Stream::Compressed(file) => file.flush(),
            #[cfg(feature = "analytics")]
            Stream::Zstd(file) => file.flush(),
            Stream::Writer(writer) => writer.flush(),
            Stream::Closed => Ok(()),
        }
    }
}

#[cfg(feature = "analytics")]
fn zstd_stream(writer: BufWriter<File>, name: &str) -> Result<Stream> {
    let encoder = zstd::stream::write::Encoder::new(writer, 0);
    let encoder = encoder.map_err(|error| Error::io(name, "compress", &error))?;
    Ok(Stream::Zstd(Box::new(encoder)))
}

#[cfg(not(feature = "analytics"))]
fn zstd_stream(_: BufWriter<File>, name: &str) -> Result<Stream> {
    Err(Error::invalid(format!(
        "{name}: this build has no Zstandard (feature analytics)"
    )))
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
        let open = |path| Sink::open(Output::Path(path), Compression::None);
        let error = open(folder.path().to_owned()).err();
        assert!(error.unwrap().message.contains("is a directory"));

        let (target, link) = (
            folder.path().join("target.csv"),
            folder.path().join("link.csv"),
        );
        std::fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let mut sink = open(link.clone()).unwrap();
        sink.write(b"new").unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"old");
        sink.close().unwrap();
        sink.publish().unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());

        let mut sink = open(PathBuf::from("/dev/null")).unwrap();
        sink.write(b"nothing").unwrap();
        sink.close().unwrap();
        sink.publish().unwrap();
        assert!(!Path::new("/dev/null").is_file());
    }
}
