//! Parquet and Arrow files as rows of wire values.

use crate::analytics::wire::WireEncoder;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::Column;
use crate::source::ValueBatch;
use crate::transfer::columnar::CQL_TYPE;
use crate::transfer::format::Format;
use crate::transfer::input::Named;
use crate::transfer::rejects::{Blame, Reject};
use arrow::array::{Array, RecordBatch, RecordBatchReader};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::ipc::reader::{FileReader, StreamReader};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many rows are read at once.
const BATCH_ROWS: usize = 8_192;

fn wrong(name: &str, what: &str) -> Error {
    let what = what.replace('\n', " ");
    Error::new(ErrorKind::Input, format!("{name}: {what}"))
}

/// A file's rows.
pub(in crate::transfer) struct Reader {
    name: String,
    format: Format,
    batches: Box<dyn RecordBatchReader + Send>,
    /// How many rows were read.
    row: u64,
    rows: Option<u64>,
    bytes: u64,
    told: u64,
    read: Arc<AtomicU64>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the user's file, not the database's"
)]
fn open(path: &Path, name: &str) -> Result<std::fs::File> {
    std::fs::File::open(path).map_err(|error| Error::io(name, "open", &error))
}

impl Reader {
    /// Opens an input; `read` counts its bytes.
    pub(in crate::transfer) fn open(
        named: Named,
        format: Format,
        read: &Arc<AtomicU64>,
    ) -> Result<Self> {
        let name = named.name.clone();
        let path = named.path().map(Path::to_owned);
        let bytes = path
            .as_ref()
            .and_then(|path| std::fs::metadata(path).ok())
            .map_or(0, |about| about.len());
        let mut rows = None;
        let batches: Box<dyn RecordBatchReader + Send> = match (format, path) {
            (Format::Parquet, Some(path)) => {
                let builder = parquet(&path, &name)?;
                rows = u64::try_from(builder.metadata().file_metadata().num_rows()).ok();
                let reader = builder.with_batch_size(BATCH_ROWS).build();
                Box::new(reader.map_err(|error| wrong(&name, &error.to_string()))?)
            }
            (Format::Parquet, None) => {
                return Err(wrong(&name, "Parquet is read from its end: give a file"));
            }
            (_, path) => arrow_reader(named, path.as_deref(), &name)?,
        };
        Ok(Self {
            name,
            format,
            batches,
            row: 0,
            rows,
            bytes,
            told: 0,
            read: Arc::clone(read),
        })
    }

    /// The names of the fields.
    pub(in crate::transfer) fn names(&self) -> Vec<String> {
        let schema = self.batches.schema();
        let names = schema.fields().iter().map(|field| field.name().clone());
        names.collect()
    }

    /// Refuses a file of which a column cannot become the table's.
    pub(in crate::transfer) fn check(
        &self,
        columns: &[Column],
        sources: &[Option<usize>],
    ) -> Result<()> {
        let schema = self.batches.schema();
        for (column, source) in columns.iter().zip(sources) {
            let Some(field) = source.and_then(|at| schema.fields().get(at)) else {
                continue;
            };
            WireEncoder::new(field.data_type(), &column.ty).map_err(|error| {
                wrong(
                    &self.name,
                    &format!("column {}: {}", field.name(), error.message),
                )
            })?;
        }
        Ok(())
    }

    /// The next rows, without the first `skip` and those over `most`; both are counted down.
    pub(in crate::transfer) fn next(
        &mut self,
        skip: &mut u64,
        most: &mut u64,
    ) -> Result<Option<Columns>> {
        loop {
            let Some(batch) = self.batches.next() else {
                self.tell(self.bytes);
                return Ok(None);
            };
            let row = self.row;
            let batch = batch.map_err(|error| {
                let what = format!("row {} and after it cannot be read: {error}", row + 1);
                wrong(&self.name, &what)
            })?;
            let rows = batch.num_rows() as u64;
            self.row += rows;
            if let Some(all) = self.rows.filter(|all| *all > 0) {
                let share = u128::from(self.bytes) * u128::from(self.row) / u128::from(all);
                self.tell(u64::try_from(share).unwrap_or(self.bytes));
            }
            let front = rows.min(*skip);
            *skip -= front;
            let kept = (rows - front).min(*most);
            if *most < u64::MAX {
                *most -= kept;
            }
            if kept == 0 && *most > 0 {
                continue;
            }
            return Ok(Some(Columns {
                batch: batch.slice(
                    usize::try_from(front).unwrap_or(0),
                    usize::try_from(kept).unwrap_or(0),
                ),
                first_row: row + front + 1,
                format: self.format,
            }));
        }
    }

    fn tell(&mut self, done: u64) {
        let more = done.saturating_sub(self.told);
        self.read.fetch_add(more, Ordering::Relaxed);
        self.told += more;
    }
}

fn parquet(path: &Path, name: &str) -> Result<ParquetRecordBatchReaderBuilder<std::fs::File>> {
    let mut file = open(path, name)?;
    let bytes = file.metadata().map_or(0, |about| about.len());
    let mut magic = [0; 4];
    if file.read_exact(&mut magic).is_err() || magic != *b"PAR1" {
        return Err(wrong(
            name,
            "is not a Parquet file: it does not begin with PAR1 (offset 0)",
        ));
    }
    ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| {
        let what = format!(
            "is a damaged or truncated Parquet file of {bytes} bytes: its end (offset {}) cannot \
             be read: {error}",
            bytes.saturating_sub(8)
        );
        wrong(name, &what)
    })
}

fn arrow_reader(
    mut named: Named,
    path: Option<&Path>,
    name: &str,
) -> Result<Box<dyn RecordBatchReader + Send>> {
    let head = named.peek(8)?;
    let failed = |error: arrow::error::ArrowError| {
        wrong(
            name,
            &format!("is a damaged or truncated Arrow file: {error}"),
        )
    };
    if let (true, Some(path)) = (head.starts_with(b"ARROW1"), path) {
        let reader = FileReader::try_new(BufReader::new(open(path, name)?), None);
        return Ok(Box::new(reader.map_err(failed)?));
    }
    if head.starts_with(b"ARROW1") {
        return Err(wrong(
            name,
            "Arrow's file format is read from its end: give a file, or its stream format",
        ));
    }
    let stream = named.open(&Arc::default())?;
    let reader = StreamReader::try_new(BufReader::new(stream), None).map_err(|error| {
        wrong(
            name,
            &format!("is neither an Arrow file nor an Arrow stream (offset 0): {error}"),
        )
    })?;
    Ok(Box::new(reader))
}

/// The schema of an input, which stays to be read.
pub(in crate::transfer) fn schema(named: &mut Named, format: Format) -> Result<SchemaRef> {
    let name = named.name.clone();
    let path = named.path().map(Path::to_owned);
    match (format, path) {
        (Format::Parquet, Some(path)) => Ok(Arc::clone(parquet(&path, &name)?.schema())),
        (Format::Parquet, None) => Err(wrong(&name, "Parquet is read from its end: give a file")),
        (_, path) => {
            let head = named.peek(1 << 20)?;
            if let (true, Some(path)) = (head.starts_with(b"ARROW1"), &path) {
                let reader = FileReader::try_new(BufReader::new(open(path, &name)?), None);
                let reader = reader.map_err(|error| {
                    wrong(
                        &name,
                        &format!("is a damaged or truncated Arrow file: {error}"),
                    )
                })?;
                return Ok(reader.schema());
            }
            let reader = StreamReader::try_new(head.as_slice(), None).map_err(|error| {
                let what =
                    format!("is neither an Arrow file nor an Arrow stream (offset 0): {error}");
                wrong(&name, &what)
            })?;
            Ok(reader.schema())
        }
    }
}

/// The columns that a table of this schema would have.
pub(in crate::transfer) fn cql_columns(schema: &SchemaRef) -> Vec<(String, String)> {
    let column = |field: &Arc<arrow::datatypes::Field>| {
        let told = field.metadata().get(CQL_TYPE).cloned();
        let ty = told.unwrap_or_else(|| cql_type(field.data_type()));
        (field.name().clone(), ty)
    };
    schema.fields().iter().map(column).collect()
}

fn cql_type(ty: &DataType) -> String {
    match ty {
        DataType::Boolean => "boolean",
        DataType::Int8 => "tinyint",
        DataType::Int16 | DataType::UInt8 => "smallint",
        DataType::Int32 | DataType::UInt16 => "int",
        DataType::Int64 | DataType::UInt32 => "bigint",
        DataType::UInt64 => "varint",
        DataType::Float16 | DataType::Float32 => "float",
        DataType::Float64 => "double",
        ty if ty.is_decimal() => "decimal",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Time32(_) | DataType::Time64(_) => "time",
        DataType::Timestamp(..) => "timestamp",
        DataType::Interval(_) | DataType::Duration(_) => "duration",
        DataType::FixedSizeBinary(16) => "uuid",
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => "blob",
        DataType::Dictionary(_, value) => return cql_type(value),
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) => {
            return format!("frozen<list<{}>>", cql_type(item.data_type()));
        }
        DataType::FixedSizeList(item, size) => {
            return format!("vector<{}, {size}>", cql_type(item.data_type()));
        }
        DataType::Map(entries, _) => {
            if let DataType::Struct(fields) = entries.data_type()
                && let [key, value] = &fields[..]
            {
                let (key, value) = (cql_type(key.data_type()), cql_type(value.data_type()));
                return format!("frozen<map<{key}, {value}>>");
            }
            "text"
        }
        DataType::Struct(fields) => {
            let types = fields.iter().map(|field| cql_type(field.data_type()));
            return format!("frozen<tuple<{}>>", types.collect::<Vec<_>>().join(", "));
        }
        _ => "text",
    }
    .to_owned()
}

/// Rows of a file on their way to a parser.
pub(in crate::transfer) struct Columns {
    batch: RecordBatch,
    /// The number of the first row in its file, from 1.
    first_row: u64,
    format: Format,
}

impl Columns {
    /// The rows' wire values, and those that cannot be taken.
    pub(in crate::transfer) fn rows(
        &self,
        columns: &[Column],
        sources: &[Option<usize>],
        check: &dyn Fn(&ValueBatch) -> std::result::Result<(), Blame>,
    ) -> (ValueBatch, Vec<Reject>) {
        let bytes = self.batch.get_array_memory_size();
        let mut out = ValueBatch::with_capacity(columns.len(), bytes.min(16 << 20));
        let mut rejects = Vec::new();
        let encoders: Vec<Option<(&dyn Array, WireEncoder)>> = columns
            .iter()
            .zip(sources)
            .map(|(column, source)| {
                let array = self.batch.columns().get((*source)?)?;
                let encoder = WireEncoder::new(array.data_type(), &column.ty).ok()?;
                Some((&**array, encoder))
            })
            .collect();
        for row in 0..self.batch.num_rows() {
            let taken = values(columns, &encoders, row, &mut out).and_then(|()| check(&out));
            match taken {
                Ok(()) => out.end_row(),
                Err((column, reason)) => {
                    out.undo_row();
                    rejects.push(Reject {
                        line: self.first_row + row as u64,
                        offset: None,
                        column,
                        reason: format!("{} row: {reason}", self.format),
                        raw: self.raw(row),
                    });
                }
            }
        }
        (out, rejects)
    }

    /// A row as a JSON object of texts.
    fn raw(&self, row: usize) -> Vec<u8> {
        let options = FormatOptions::default();
        let mut object = serde_json::Map::new();
        let schema = self.batch.schema();
        for (field, array) in schema.fields().iter().zip(self.batch.columns()) {
            let shown = match ArrayFormatter::try_new(&**array, &options) {
                _ if array.is_null(row) => serde_json::Value::Null,
                Ok(formatter) => formatter.value(row).to_string().into(),
                Err(_) => serde_json::Value::Null,
            };
            object.insert(field.name().clone(), shown);
        }
        serde_json::Value::Object(object).to_string().into_bytes()
    }
}

fn values(
    columns: &[Column],
    encoders: &[Option<(&dyn Array, WireEncoder)>],
    row: usize,
    out: &mut ValueBatch,
) -> std::result::Result<(), Blame> {
    for (column, encoder) in columns.iter().zip(encoders) {
        let Some((array, encoder)) = encoder else {
            out.end_absent();
            continue;
        };
        match encoder.encode_into(*array, row, out.data()) {
            Ok(true) => out.end_value(),
            Ok(false) => out.end_absent(),
            Err(error) => return Err((Some(column.name.clone()), error.message)),
        }
    }
    Ok(())
}
