//! The export: ranges are scanned and encoded by a few threads and written in token order.
//!
//! A table of this process is read as of one moment. A server is read page by page, and what is
//! written meanwhile may show.

use crate::cql::ddl::SYSTEM_KEYSPACES;
use crate::cql::describe::create_table;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Column, ColumnId, Table};
use crate::source::{StampColumn, TokenRange};
use crate::storage::Pinned;
use crate::storage::read::PartitionBound;
use crate::transfer::encode::{Encoder, Encoding, Fields, Files, Piece};
use crate::transfer::format::Format;
use crate::transfer::frame::{Columnar, Frames, Gathered};
use crate::transfer::progress::{Progress, Rate};
use crate::transfer::{ExportOptions, ExportSummary, Output, Selection, Site};
use crate::types::Type;
use crate::types::name::quote_identifier;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// How many parts the ring is scanned in, where it is read by token.
const PARTS: u32 = 64;
/// About how many bytes of files a part has.
const PART_BYTES: u64 = 1 << 20;
/// The most parts that a table's files are read in.
const PARTS_MAX: u64 = 1_024;
/// How many pieces may wait behind a scanner: about those of a part, so that one scanner works
/// ahead while the part of another is written.
const PIECES_WAITING: usize = 32;
/// How often a wait looks whether the export was stopped.
const PATIENCE: Duration = Duration::from_millis(100);

/// Exports a table or a query's rows.
pub fn export(site: &dyn Site, mut options: ExportOptions) -> Result<ExportSummary> {
    options.dialect.check()?;
    if options.rate_rows == Some(0) {
        return Err(Error::new(
            ErrorKind::Input,
            "a rate of 0 rows/s never ends",
        ));
    }
    let by_name = match &options.output {
        Output::Path(path) => Format::of_name(&path.to_string_lossy()),
        Output::Writer(_) => None,
    };
    let format = options.format.or(by_name).unwrap_or_default();
    format.check()?;
    match options.selection.clone() {
        Selection::Table {
            keyspace,
            table,
            columns,
        } if SYSTEM_KEYSPACES.contains(&keyspace.as_str()) => {
            let names = columns.iter().flatten().map(|name| quote_identifier(name));
            let mut names = names.collect::<Vec<_>>().join(", ");
            if columns.is_none() {
                names = "*".to_owned();
            }
            let (keyspace, table) = (quote_identifier(&keyspace), quote_identifier(&table));
            let text = format!("SELECT {names} FROM {keyspace}.{table}");
            export_query(site, None, &text, options, format)
        }
        Selection::Table {
            keyspace,
            table,
            columns,
        } => {
            let table = site.tables().table(&keyspace, &table)?;
            let mut columns = choose(&table, columns.as_deref())?;
            if let Some(mapping) = &options.mapping {
                columns.retain(|column| mapping.takes(&column.name));
            }
            options.preserve.sort_unstable();
            options.preserve.dedup();
            export_table(site, &table, &columns, options, format)
        }
        Selection::Query { keyspace, text } => {
            if !options.preserve.is_empty() {
                return Err(Error::invalid(
                    "timestamps and TTLs are kept of a table, not of a query: select writetime(…) \
                     and ttl(…)",
                ));
            }
            export_query(site, keyspace.as_deref(), &text, options, format)
        }
    }
}

fn choose(table: &Table, names: Option<&[String]>) -> Result<Vec<Column>> {
    let Some(names) = names else {
        return Ok(table.columns().cloned().collect());
    };
    names
        .iter()
        .map(|name| {
            table.column(name).cloned().ok_or_else(|| {
                let table = table.full_name();
                Error::invalid(format!("Undefined column name {name} in table {table}"))
            })
        })
        .collect()
}

/// The name that a column has in the file.
fn field_name(options: &ExportOptions, column: &str) -> String {
    let mapped = options
        .mapping
        .as_ref()
        .and_then(|mapping| mapping.field_of(column));
    mapped.unwrap_or(column).to_owned()
}

/// The files under way and what is told about them.
struct Writing<'a> {
    files: Files<'a>,
    progress: Progress,
    rate: Rate,
    rows: u64,
    source: String,
    cancel: Arc<std::sync::atomic::AtomicBool>,
}

impl<'a> Writing<'a> {
    fn start(
        site: &dyn Site,
        encoding: &'a Encoding,
        fields: &Fields,
        mut options: ExportOptions,
        source: String,
    ) -> Result<Self> {
        let files = Files::new(encoding, fields, &mut options)?;
        Ok(Self {
            files,
            progress: Progress::start(&source, None, options.progress, site.clock()),
            rate: Rate::new(options.rate_rows, site.clock()),
            rows: 0,
            source,
            cancel: options.cancel,
        })
    }

    fn check_cancel(&self) -> Result<()> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Cancelled, "the export was stopped"));
        }
        Ok(())
    }

    fn put(&mut self, piece: Piece) -> Result<()> {
        self.check_cancel()?;
        self.rows += piece.rows;
        self.files.put(piece)?;
        self.progress.update(self.rows, self.files.bytes);
        while self.rate.pause(self.rows) {
            self.check_cancel()?;
        }
        Ok(())
    }

    /// The next piece of a scanner; none where it has ended.
    fn receive(&self, scanner: &Receiver<Result<Piece>>) -> Result<Option<Piece>> {
        loop {
            self.check_cancel()?;
            match scanner.recv_timeout(PATIENCE) {
                Ok(piece) => return piece.map(Some),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
            }
        }
    }

    fn finish(self) -> Result<ExportSummary> {
        self.check_cancel()?;
        let (bytes, files) = self.files.finish()?;
        Ok(ExportSummary {
            source: self.source,
            rows: self.rows,
            bytes,
            files,
            seconds: self.progress.seconds(),
        })
    }
}

/// How a table is read.
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
enum Reading<'a> {
    /// Column by column, as of one moment.
    Pinned(Pinned, Columnar, Vec<(PartitionBound, PartitionBound)>),
    /// Row by row.
    Rows(&'a dyn Site, Vec<TokenRange>),
}

impl Reading<'_> {
    fn parts(&self) -> usize {
        match self {
            Self::Pinned(_, _, parts) => parts.len(),
            Self::Rows(_, parts) => parts.len(),
        }
    }
}

/// What the scanners share.
struct Scan<'a> {
    reading: Reading<'a>,
    table: &'a Arc<Table>,
    ids: Vec<ColumnId>,
    stamps: Vec<StampColumn>,
    encoding: &'a Encoding,
    rows_max: u64,
}

/// How `columns` are read: by column where that is possible.
fn reading<'a>(
    site: &'a dyn Site,
    table: &Arc<Table>,
    columns: &[Column],
    options: &ExportOptions,
) -> Result<Reading<'a>> {
    let Some(engine) = site.engine() else {
        return Ok(Reading::Rows(site, options.tokens.split(PARTS)));
    };
    let now = engine.clock().now_seconds();
    let columnar = Columnar::new(table, columns, now).filter(|_| options.preserve.is_empty());
    let Some(columnar) = columnar else {
        // One stream sees one moment.
        return Ok(Reading::Rows(site, vec![options.tokens]));
    };
    let pinned = engine.pin(&[table.id])?;
    let parts = if options.tokens == TokenRange::ALL {
        let sizes = engine.tables_figures();
        let bytes = sizes
            .iter()
            .find(|figures| figures.table == table.id)
            .map_or(0, |figures| figures.disk_bytes);
        let parts = (bytes / PART_BYTES).clamp(1, PARTS_MAX);
        pinned.splits(table.id, usize::try_from(parts).unwrap_or(1))
    } else {
        let bounds = |range: TokenRange| {
            (
                PartitionBound::BeforeToken(range.first),
                PartitionBound::AfterToken(range.last),
            )
        };
        let ranges = options.tokens.split(PARTS);
        ranges.into_iter().map(bounds).collect()
    };
    Ok(Reading::Pinned(pinned, columnar, parts))
}

fn export_table(
    site: &dyn Site,
    table: &Arc<Table>,
    columns: &[Column],
    options: ExportOptions,
    format: Format,
) -> Result<ExportSummary> {
    let stamps = StampColumn::preserving(table, columns, &options.preserve);
    let mut fields: Fields = columns
        .iter()
        .map(|column| (field_name(&options, &column.name), column.ty.clone()))
        .collect();
    fields.extend(stamps.iter().map(|stamp| (stamp.name(table), stamp.ty())));
    let about = create_table(table, false);
    let encoding = Encoding::new(format, &fields, &options, Some(&about))?;
    let rows_max = options.rows_max;
    let scan = Scan {
        reading: reading(site, table, columns, &options)?,
        table,
        ids: columns.iter().map(|column| column.id).collect(),
        stamps,
        encoding: &encoding,
        rows_max: rows_max.unwrap_or(u64::MAX),
    };
    let parts = scan.reading.parts();
    let scanners = match rows_max {
        Some(_) => 1,
        None => site.scanners().min(parts).max(1),
    };
    if !site.is_atomic() && options.progress {
        eprintln!(
            "{}: through a server what is written meanwhile may show",
            table.full_name()
        );
    }
    let mut writing = Writing::start(site, &encoding, &fields, options, table.full_name())?;
    std::thread::scope(|scope| {
        let mut pieces = Vec::new();
        for number in 0..scanners {
            let (sender, receiver) = sync_channel(PIECES_WAITING);
            let scan = &scan;
            scope.spawn(move || scan.parts((number..parts).step_by(scanners), &sender));
            pieces.push(receiver);
        }
        collect(&pieces, parts, &mut writing)
    })?;
    writing.finish()
}

/// Writes what the scanners send, range by range in token order.
fn collect(
    pieces: &[Receiver<Result<Piece>>],
    parts: usize,
    writing: &mut Writing<'_>,
) -> Result<()> {
    for scanner in pieces.iter().cycle().take(parts) {
        while let Some(piece) = writing.receive(scanner)? {
            let last = piece.last;
            writing.put(piece)?;
            if last {
                break;
            }
        }
    }
    Ok(())
}

impl Scan<'_> {
    fn parts(&self, parts: impl Iterator<Item = usize>, out: &SyncSender<Result<Piece>>) {
        let mut left = self.rows_max;
        for part in parts {
            match self.part(part, &mut left, out) {
                Ok(true) => {}
                // The writer is gone: it has its error.
                Ok(false) => return,
                Err(error) => {
                    // Nobody listens any more only if the writer has an error of its own.
                    let _ = out.send(Err(error));
                    return;
                }
            }
        }
    }

    fn part(&self, part: usize, left: &mut u64, out: &SyncSender<Result<Piece>>) -> Result<bool> {
        match &self.reading {
            Reading::Pinned(pinned, columnar, parts) => {
                let Some(bounds) = parts.get(part) else {
                    return Ok(true);
                };
                let mut frames = columnar.open(pinned, bounds.clone())?;
                self.encode(&mut frames, left, out)
            }
            Reading::Rows(site, parts) => {
                let Some(range) = parts.get(part) else {
                    return Ok(true);
                };
                let source = site.tables();
                let mut scan = source.scan(self.table, &self.ids, &self.stamps, *range)?;
                let columns = self.ids.len() + self.stamps.len();
                let mut frames = Gathered::new(columns, |row: &mut Vec<_>| scan.next(row));
                self.encode(&mut frames, left, out)
            }
        }
    }

    fn encode(
        &self,
        frames: &mut dyn Frames,
        left: &mut u64,
        out: &SyncSender<Result<Piece>>,
    ) -> Result<bool> {
        let mut encoder = Encoder::new(self.encoding);
        let mut send = |piece: Piece| out.send(Ok(piece)).is_ok();
        while *left > 0 {
            let Some(mut frame) = frames.next()? else {
                break;
            };
            frame.cut(*left);
            *left -= frame.rows as u64;
            if !encoder.add(frame, &mut send)? {
                return Ok(false);
            }
        }
        encoder.end(&mut send)
    }
}

fn export_query(
    site: &dyn Site,
    keyspace: Option<&str>,
    text: &str,
    options: ExportOptions,
    format: Format,
) -> Result<ExportSummary> {
    let mut rows = site.query(keyspace, text)?;
    let columns: Vec<(String, Type)> = rows
        .columns()
        .iter()
        .map(|column| (column.name.clone(), column.ty.clone()))
        .collect();
    if columns.is_empty() {
        return Err(Error::invalid(
            "the query answers no rows: only a SELECT can be exported",
        ));
    }
    let takes = |name: &str| {
        let mapping = options.mapping.as_ref();
        mapping.is_none_or(|mapping| mapping.takes(name))
    };
    let kept: Vec<bool> = columns.iter().map(|(name, _)| takes(name)).collect();
    let fields: Fields = columns
        .into_iter()
        .filter(|(name, _)| takes(name))
        .map(|(name, ty)| (field_name(&options, &name), ty))
        .collect();
    let encoding = Encoding::new(format, &fields, &options, None)?;
    let mut left = options.rows_max.unwrap_or(u64::MAX);
    let mut writing = Writing::start(site, &encoding, &fields, options, "query".to_owned())?;
    let mut frames = Gathered::new(fields.len(), |row: &mut Vec<_>| {
        let Some(values) = rows.next()? else {
            return Ok(false);
        };
        row.clear();
        let values = values.into_iter().zip(&kept);
        row.extend(values.filter(|(_, kept)| **kept).map(|(value, _)| value));
        Ok(true)
    });
    let mut encoder = Encoder::new(&encoding);
    let mut failed = None;
    let mut put = |piece: Piece| match writing.put(piece) {
        Ok(()) => true,
        Err(error) => {
            failed = Some(error);
            false
        }
    };
    let mut going = true;
    while going && left > 0 {
        let Some(mut frame) = frames.next()? else {
            break;
        };
        frame.cut(left);
        left -= frame.rows as u64;
        going = encoder.add(frame, &mut put)?;
    }
    if going {
        encoder.end(&mut put)?;
    }
    if let Some(error) = failed {
        return Err(error);
    }
    writing.finish()
}
