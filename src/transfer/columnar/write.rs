//! Frames as Parquet and Arrow files.
//!
//! The threads that scan encode whole row groups, each on its own; the one that writes appends them
//! to the file.

use crate::error::{Error, ErrorKind, Result};
use crate::transfer::columnar::arrays::{array, data_type};
use crate::transfer::columnar::{CQL_TABLE, CQL_TYPE};
use crate::transfer::format::{Compression, Format};
use crate::transfer::frame::Frame;
use crate::transfer::output::Sink;
use crate::types::Type;
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriter,
    ArrowWriterOptions, compute_leaves,
};
use parquet::basic::{
    Compression as Codec, LogicalType, Repetition, Type as PhysicalType, ZstdLevel,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{SchemaDescriptor, Type as ParquetType};
use std::collections::HashMap;
use std::sync::Arc;

/// The most rows of a row group.
const GROUP_ROWS: usize = 512 << 10;

fn failed(error: &ParquetError) -> Error {
    let message = error.to_string().replace('\n', " ");
    Error::new(
        ErrorKind::Io,
        format!("the Parquet file cannot be written: {message}"),
    )
}

fn arrow_failed(error: &arrow::error::ArrowError) -> Error {
    let message = error.to_string().replace('\n', " ");
    Error::new(
        ErrorKind::Io,
        format!("the Arrow file cannot be written: {message}"),
    )
}

/// What all files of an export have in common.
pub(in crate::transfer) struct Shape {
    types: Vec<Type>,
    schema: SchemaRef,
    kind: Kind,
}

#[expect(clippy::large_enum_variant, reason = "there is one of it")]
enum Kind {
    Parquet {
        options: ArrowWriterOptions,
        /// Makes the writers of row groups.
        factory: ArrowRowGroupWriterFactory,
    },
    Arrow(Option<CompressionType>),
}

impl Shape {
    /// Files of `fields`; `about` is the table's CQL.
    pub(in crate::transfer) fn new(
        format: Format,
        fields: &[(String, Type)],
        compression: Option<Compression>,
        about: Option<&str>,
    ) -> Result<Self> {
        let field = |(name, ty): &(String, Type)| {
            let metadata = HashMap::from([(CQL_TYPE.to_owned(), ty.to_string())]);
            Field::new(name, data_type(ty), true).with_metadata(metadata)
        };
        let about = about.map(|cql| (CQL_TABLE.to_owned(), cql.to_owned()));
        let metadata = about.iter().cloned().collect();
        let list: Vec<Field> = fields.iter().map(field).collect();
        let schema: SchemaRef = Arc::new(Schema::new_with_metadata(list, metadata));
        let types: Vec<Type> = fields.iter().map(|(_, ty)| ty.clone()).collect();
        let kind = if format == Format::Arrow {
            Kind::Arrow(match compression {
                Some(Compression::None) => None,
                None | Some(Compression::Lz4) => Some(CompressionType::LZ4_FRAME),
                Some(Compression::Zstd) => Some(CompressionType::ZSTD),
                Some(_) => {
                    return Err(Error::invalid(
                        "an Arrow file is compressed by lz4, zstd or none",
                    ));
                }
            })
        } else {
            let codec = match compression {
                Some(Compression::None) => Codec::UNCOMPRESSED,
                None | Some(Compression::Zstd) => Codec::ZSTD(ZstdLevel::default()),
                Some(Compression::Lz4) => Codec::LZ4_RAW,
                Some(Compression::Snappy) => Codec::SNAPPY,
                Some(Compression::Gzip) => {
                    return Err(Error::invalid(
                        "a Parquet file is compressed by zstd, lz4, snappy or none",
                    ));
                }
            };
            parquet_kind(&schema, &types, codec, about)?
        };
        Ok(Self {
            types,
            schema,
            kind,
        })
    }

    /// Begins a row group.
    pub(in crate::transfer) fn group(&self) -> Result<GroupWriter> {
        let columns = match &self.kind {
            Kind::Parquet { factory, .. } => {
                factory.create_column_writers(0).map_err(|e| failed(&e))?
            }
            Kind::Arrow(_) => Vec::new(),
        };
        Ok(GroupWriter {
            types: self.types.clone(),
            schema: Arc::clone(&self.schema),
            batches: matches!(self.kind, Kind::Arrow(_)).then(Vec::new),
            columns,
            rows: 0,
        })
    }

    /// Begins a file.
    pub(in crate::transfer) fn begin(&self, sink: Sink) -> Result<File> {
        Ok(match &self.kind {
            Kind::Parquet { options, .. } => {
                let schema = Arc::clone(&self.schema);
                let writer = ArrowWriter::try_new_with_options(sink, schema, options.clone())
                    .map_err(|e| failed(&e))?;
                let (writer, _) = writer.into_serialized_writer().map_err(|e| failed(&e))?;
                File::Parquet(writer, 0)
            }
            Kind::Arrow(compression) => {
                let options = IpcWriteOptions::default()
                    .try_with_compression(*compression)
                    .map_err(|e| arrow_failed(&e))?;
                let writer = FileWriter::try_new_with_options(sink, &self.schema, options);
                File::Arrow(writer.map_err(|e| arrow_failed(&e))?)
            }
        })
    }
}

fn parquet_kind(
    schema: &SchemaRef,
    types: &[Type],
    codec: Codec,
    about: Option<(String, String)>,
) -> Result<Kind> {
    let metadata = about.map(|(key, cql)| vec![KeyValue::new(key, cql)]);
    let properties = WriterProperties::builder()
        .set_compression(codec)
        .set_created_by(format!("helenus {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(metadata)
        .build();
    let parquet = with_uuids(schema, types).map_err(|e| failed(&e))?;
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_parquet_schema(parquet);
    // A file that is never ended lends what makes the writers of row groups.
    let lender =
        ArrowWriter::try_new_with_options(std::io::sink(), Arc::clone(schema), options.clone());
    let (_, factory) = lender
        .and_then(ArrowWriter::into_serialized_writer)
        .map_err(|e| failed(&e))?;
    Ok(Kind::Parquet { options, factory })
}

/// The Parquet schema, in which columns of uuids say so.
fn with_uuids(
    schema: &SchemaRef,
    types: &[Type],
) -> std::result::Result<SchemaDescriptor, ParquetError> {
    let plain = ArrowSchemaConverter::new().convert(schema)?;
    let root = plain.root_schema();
    let mut fields = Vec::with_capacity(types.len());
    for (field, ty) in root.get_fields().iter().zip(types) {
        fields.push(match ty {
            Type::Uuid | Type::TimeUuid => Arc::new(
                ParquetType::primitive_type_builder(
                    field.name(),
                    PhysicalType::FIXED_LEN_BYTE_ARRAY,
                )
                .with_length(16)
                .with_logical_type(Some(LogicalType::Uuid))
                .with_repetition(Repetition::OPTIONAL)
                .build()?,
            ),
            _ => Arc::clone(field),
        });
    }
    let root = ParquetType::group_type_builder(root.name())
        .with_fields(fields)
        .build()?;
    Ok(SchemaDescriptor::new(Arc::new(root)))
}

/// A row group in the making.
pub(in crate::transfer) struct GroupWriter {
    types: Vec<Type>,
    schema: SchemaRef,
    /// Batches of an Arrow file.
    batches: Option<Vec<RecordBatch>>,
    columns: Vec<ArrowColumnWriter>,
    rows: usize,
}

impl GroupWriter {
    /// Adds rows.
    pub(in crate::transfer) fn add(&mut self, frame: Frame) -> Result<()> {
        let rows = frame.rows;
        let columns = frame.columns.into_iter().zip(&self.types);
        let arrays: Result<Vec<_>> = columns
            .map(|(vector, ty)| array(ty, vector, rows))
            .collect();
        let arrays = arrays?;
        self.rows += rows;
        if let Some(batches) = &mut self.batches {
            let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays);
            batches.push(batch.map_err(|e| arrow_failed(&e))?);
            return Ok(());
        }
        let mut writers = self.columns.iter_mut();
        for (array, field) in arrays.iter().zip(self.schema.fields()) {
            for leaf in compute_leaves(field, array).map_err(|e| failed(&e))? {
                let writer = writers.next();
                let writer = writer.ok_or_else(|| Error::internal("a column without a writer"))?;
                writer.write(&leaf).map_err(|e| failed(&e))?;
            }
        }
        Ok(())
    }

    /// Whether the next rows should go into another group.
    pub(in crate::transfer) fn is_full(&self) -> bool {
        self.rows >= GROUP_ROWS || (self.batches.is_some() && self.rows >= GROUP_ROWS / 8)
    }

    /// Ends it.
    pub(in crate::transfer) fn end(self) -> Result<Group> {
        if let Some(batches) = self.batches {
            return Ok(Group::Batches(batches));
        }
        let chunks: std::result::Result<Vec<_>, _> = self
            .columns
            .into_iter()
            .map(ArrowColumnWriter::close)
            .collect();
        Ok(Group::Chunks(chunks.map_err(|e| failed(&e))?))
    }
}

/// A row group, encoded.
pub(in crate::transfer) enum Group {
    Chunks(Vec<ArrowColumnChunk>),
    Batches(Vec<RecordBatch>),
}

/// A file under way.
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
pub(in crate::transfer) enum File {
    Parquet(SerializedFileWriter<Sink>, u64),
    Arrow(FileWriter<Sink>),
}

impl File {
    /// Appends a row group; answers how many bytes it took.
    pub(in crate::transfer) fn put(&mut self, group: Group) -> Result<u64> {
        match (self, group) {
            (Self::Parquet(writer, told), Group::Chunks(chunks)) => {
                let mut group = writer.next_row_group().map_err(|e| failed(&e))?;
                for chunk in chunks {
                    chunk
                        .append_to_row_group(&mut group)
                        .map_err(|e| failed(&e))?;
                }
                group.close().map_err(|e| failed(&e))?;
                let written = writer.bytes_written() as u64;
                let more = written.saturating_sub(*told);
                *told = written;
                Ok(more)
            }
            (Self::Arrow(writer), Group::Batches(batches)) => {
                let mut bytes = 0;
                for batch in batches {
                    bytes += batch.get_array_memory_size() as u64;
                    writer.write(&batch).map_err(|e| arrow_failed(&e))?;
                }
                Ok(bytes)
            }
            _ => Err(Error::internal("a row group of another format")),
        }
    }

    /// Ends it; answers what it was written to, and how many bytes its end took.
    pub(in crate::transfer) fn end(self) -> Result<(Sink, u64)> {
        match self {
            Self::Parquet(writer, told) => {
                let before = writer.bytes_written() as u64;
                let sink = writer.into_inner().map_err(|e| failed(&e))?;
                Ok((sink, before.saturating_sub(told)))
            }
            Self::Arrow(mut writer) => {
                writer.finish().map_err(|e| arrow_failed(&e))?;
                Ok((writer.into_inner().map_err(|e| arrow_failed(&e))?, 0))
            }
        }
    }
}
