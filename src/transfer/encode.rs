//! From frames to pieces of a file, and from pieces to files.
//!
//! Pieces are made side by side by the threads that scan, and written in order by one. A piece of a
//! text is some hundred kilobytes of it; one of a Parquet file is a row group, already encoded.

use crate::error::{Error, Result};
use crate::transfer::csv::RecordWriter;
use crate::transfer::format::{Compression, Format};
use crate::transfer::frame::{Frame, wire};
use crate::transfer::jsonl::LineWriter;
use crate::transfer::output::Sink;
use crate::transfer::{ExportOptions, Output};
use crate::types::Type;
use std::path::{Path, PathBuf};

/// How much text is handed over at once, in bytes.
const PIECE_BYTES: usize = 256 << 10;

/// The names and types of an export's fields.
pub(super) type Fields = Vec<(String, Type)>;

/// Part of a file.
pub(super) enum Body {
    Text(Vec<u8>),
    #[cfg(feature = "analytics")]
    Columns(crate::transfer::columnar::Group),
}

/// Part of a file, and how many rows it has.
pub(super) struct Piece {
    pub body: Body,
    pub rows: u64,
    /// Whether it is the last of its range.
    pub last: bool,
}

/// What all threads of an export encode by.
#[cfg_attr(
    feature = "analytics",
    expect(clippy::large_enum_variant, reason = "there is one of it")
)]
pub(super) enum Encoding {
    Csv(RecordWriter),
    Json(LineWriter),
    #[cfg(feature = "analytics")]
    Columns(crate::transfer::columnar::Shape),
}

impl Encoding {
    /// How `fields` are written; `about` is the table's CQL, where it is one.
    pub(super) fn new(
        format: Format,
        fields: &Fields,
        options: &ExportOptions,
        about: Option<&str>,
    ) -> Result<Self> {
        format.check()?;
        Ok(match format {
            Format::Csv => {
                let types = fields.iter().map(|(_, ty)| ty.clone()).collect();
                Self::Csv(RecordWriter::new(&options.dialect, &options.style, types))
            }
            Format::JsonLines => Self::Json(LineWriter::new(fields)),
            #[cfg(feature = "analytics")]
            Format::Parquet | Format::Arrow => {
                let compression = options.compression;
                let shape =
                    crate::transfer::columnar::Shape::new(format, fields, compression, about)?;
                Self::Columns(shape)
            }
            #[cfg(not(feature = "analytics"))]
            Format::Parquet | Format::Arrow => return Err(no_columns(about)),
        })
    }

    /// What stands at the start of each file.
    fn header(&self, fields: &Fields, wanted: bool) -> Vec<u8> {
        let mut text = Vec::new();
        if let (Self::Csv(writer), true) = (self, wanted) {
            writer.header(fields.iter().map(|(name, _)| name.as_str()), &mut text);
        }
        text
    }
}

#[cfg(not(feature = "analytics"))]
fn no_columns(_: Option<&str>) -> Error {
    Error::invalid("this build has no Parquet and no Arrow (feature analytics)")
}

/// Makes pieces of one range.
pub(super) struct Encoder<'a> {
    encoding: &'a Encoding,
    text: Vec<u8>,
    rows: u64,
    #[cfg(feature = "analytics")]
    group: Option<crate::transfer::columnar::GroupWriter>,
}

impl<'a> Encoder<'a> {
    pub(super) fn new(encoding: &'a Encoding) -> Self {
        Self {
            encoding,
            text: Vec::new(),
            rows: 0,
            #[cfg(feature = "analytics")]
            group: None,
        }
    }

    /// Adds rows; hands over what is full.
    pub(super) fn add(&mut self, frame: Frame, out: &mut dyn FnMut(Piece) -> bool) -> Result<bool> {
        match self.encoding {
            Encoding::Csv(writer) => {
                for row in 0..frame.rows {
                    writer.frame_row(&frame, row, &mut self.text);
                    self.rows += 1;
                    if self.text.len() >= PIECE_BYTES && !out(self.piece(false)) {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Encoding::Json(writer) => {
                let mut rooms = vec![[0; 8]; frame.columns.len()];
                for row in 0..frame.rows {
                    let values: Vec<Option<&[u8]>> = frame
                        .columns
                        .iter()
                        .zip(&mut rooms)
                        .map(|(column, room)| wire(column, row, room))
                        .collect();
                    writer.record(&values, &mut self.text)?;
                    self.rows += 1;
                    if self.text.len() >= PIECE_BYTES && !out(self.piece(false)) {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            #[cfg(feature = "analytics")]
            Encoding::Columns(shape) => {
                let rows = frame.rows as u64;
                let group = match &mut self.group {
                    Some(group) => group,
                    None => self.group.insert(shape.group()?),
                };
                group.add(frame)?;
                self.rows += rows;
                if group.is_full() {
                    return self.end_group(false, out);
                }
                Ok(true)
            }
        }
    }

    fn piece(&mut self, last: bool) -> Piece {
        Piece {
            body: Body::Text(std::mem::take(&mut self.text)),
            rows: std::mem::take(&mut self.rows),
            last,
        }
    }

    #[cfg(feature = "analytics")]
    fn end_group(&mut self, last: bool, out: &mut dyn FnMut(Piece) -> bool) -> Result<bool> {
        let Some(group) = self.group.take() else {
            return Ok(out(self.piece(last)));
        };
        Ok(out(Piece {
            body: Body::Columns(group.end()?),
            rows: std::mem::take(&mut self.rows),
            last,
        }))
    }

    /// Ends the range.
    pub(super) fn end(mut self, out: &mut dyn FnMut(Piece) -> bool) -> Result<bool> {
        #[cfg(feature = "analytics")]
        if matches!(self.encoding, Encoding::Columns(_)) {
            return self.end_group(true, out);
        }
        Ok(out(self.piece(true)))
    }
}

/// The file under way.
enum Open {
    Text(Sink),
    #[cfg(feature = "analytics")]
    Columns(Box<crate::transfer::columnar::File>),
}

/// The files of an export: one, or several of a bounded size. All get their names at the end.
pub(super) struct Files<'a> {
    encoding: &'a Encoding,
    header: Vec<u8>,
    compression: Compression,
    file_bytes_max: Option<u64>,
    /// Where a stream goes, or the name of the files.
    output: Option<Output>,
    path: Option<PathBuf>,
    open: Option<Open>,
    open_bytes: u64,
    done: Vec<Sink>,
    /// How many files were begun.
    pub count: u64,
    /// How many bytes were written.
    pub bytes: u64,
}

impl<'a> Files<'a> {
    pub(super) fn new(
        encoding: &'a Encoding,
        fields: &Fields,
        options: &mut ExportOptions,
    ) -> Result<Self> {
        let output = std::mem::replace(&mut options.output, Output::Path(PathBuf::from("-")));
        let path = match &output {
            Output::Path(path) if path.as_os_str() != "-" => Some(path.clone()),
            _ => None,
        };
        if options.file_bytes_max.is_some() && path.is_none() {
            return Err(Error::invalid("only files can be split by size"));
        }
        let text = matches!(encoding, Encoding::Csv(_) | Encoding::Json(_));
        let by_name = path.as_ref().map_or(Compression::None, |path| {
            Compression::of_name(&path.to_string_lossy())
        });
        let compression = match options.compression {
            Some(Compression::Lz4 | Compression::Snappy) if text => {
                return Err(Error::invalid(
                    "text is compressed by gzip or zstd; lz4 and snappy are for Parquet and Arrow",
                ));
            }
            Some(compression) if text => compression,
            _ => by_name,
        };
        let mut files = Self {
            encoding,
            header: encoding.header(fields, options.header),
            compression: if text { compression } else { Compression::None },
            file_bytes_max: options.file_bytes_max,
            output: Some(output),
            path,
            open: None,
            open_bytes: 0,
            done: Vec::new(),
            count: 0,
            bytes: 0,
        };
        files.begin()?;
        Ok(files)
    }

    /// Begins the next file.
    fn begin(&mut self) -> Result<()> {
        self.count += 1;
        let output = match (&self.path, self.file_bytes_max) {
            (Some(path), Some(_)) => Output::Path(numbered(path, self.count)),
            _ => self
                .output
                .take()
                .ok_or_else(|| Error::internal("an output was opened twice"))?,
        };
        let mut sink = Sink::open(output, self.compression)?;
        self.open_bytes = 0;
        self.open = Some(match self.encoding {
            Encoding::Csv(_) | Encoding::Json(_) => {
                sink.write(&self.header)?;
                self.bytes += self.header.len() as u64;
                self.open_bytes = self.header.len() as u64;
                Open::Text(sink)
            }
            #[cfg(feature = "analytics")]
            Encoding::Columns(shape) => Open::Columns(Box::new(shape.begin(sink)?)),
        });
        Ok(())
    }

    /// Appends a piece.
    pub(super) fn put(&mut self, piece: Piece) -> Result<()> {
        if piece.rows == 0 {
            return Ok(());
        }
        if let Some(most) = self.file_bytes_max
            && self.open_bytes > self.header.len() as u64
            && self.open_bytes >= most
        {
            self.end()?;
            self.begin()?;
        }
        let bytes = match (&mut self.open, piece.body) {
            (Some(Open::Text(sink)), Body::Text(text)) => {
                sink.write(&text)?;
                text.len() as u64
            }
            #[cfg(feature = "analytics")]
            (Some(Open::Columns(file)), Body::Columns(group)) => file.put(group)?,
            _ => return Err(Error::internal("a piece of another format")),
        };
        self.bytes += bytes;
        self.open_bytes += bytes;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let mut sink = match self.open.take() {
            None => return Ok(()),
            Some(Open::Text(sink)) => sink,
            #[cfg(feature = "analytics")]
            Some(Open::Columns(file)) => {
                let (sink, bytes) = file.end()?;
                self.bytes += bytes;
                sink
            }
        };
        sink.close()?;
        self.done.push(sink);
        Ok(())
    }

    /// Makes everything durable and gives the files their names.
    pub(super) fn finish(mut self) -> Result<(u64, u64)> {
        self.end()?;
        for sink in self.done {
            sink.publish()?;
        }
        Ok((self.bytes, self.count))
    }
}

/// `a/b.csv.gz` as `a/b-0001.csv.gz`.
fn numbered(path: &Path, number: u64) -> PathBuf {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let (stem, suffix) = match name.split_once('.') {
        Some((stem, suffix)) if !stem.is_empty() => (stem.to_owned(), format!(".{suffix}")),
        _ => (name, String::new()),
    };
    path.with_file_name(format!("{stem}-{number:04}{suffix}"))
}
