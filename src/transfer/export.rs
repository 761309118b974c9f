//! The export: token ranges are scanned and formatted by a few threads and written in order.

use crate::clock::SharedClock;
use crate::cql::ddl::SYSTEM_KEYSPACES;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Column, ColumnId, Table};
use crate::source::{TableSource, TokenRange};
use crate::transfer::csv::RecordWriter;
use crate::transfer::output::Sink;
use crate::transfer::progress::Progress;
use crate::transfer::{ExportOptions, ExportSummary, Selection, Site};
use crate::types::name::quote_identifier;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// How many parts the ring is scanned in.
const PARTS: u32 = 64;
/// How much text is handed over at once, in bytes.
const PIECE_BYTES: usize = 256 << 10;
/// How many pieces may wait behind a scanner.
const PIECES_WAITING: usize = 8;

/// Formatted rows.
struct Piece {
    text: Vec<u8>,
    rows: u64,
    /// Whether it is the last of its range.
    last: bool,
}

/// Exports a table or a query's rows.
pub fn export(site: &dyn Site, options: ExportOptions) -> Result<ExportSummary> {
    options.dialect.check()?;
    let clock = site.clock();
    match &options.selection {
        Selection::Table {
            keyspace,
            table,
            columns,
        } if SYSTEM_KEYSPACES.contains(&keyspace.as_str()) => {
            let names = columns.iter().flatten().map(|name| quote_identifier(name));
            let names = names.collect::<Vec<_>>().join(", ");
            let names = if columns.is_none() {
                "*".to_owned()
            } else {
                names
            };
            let (keyspace, table) = (quote_identifier(keyspace), quote_identifier(table));
            let text = format!("SELECT {names} FROM {keyspace}.{table}");
            export_query(site, None, &text, options, clock)
        }
        Selection::Table {
            keyspace,
            table,
            columns,
        } => {
            let table = site.tables().table(keyspace, table)?;
            let columns = choose(&table, columns.as_deref())?;
            export_table(site, &table, &columns, options, clock)
        }
        Selection::Query { keyspace, text } => {
            let (keyspace, text) = (keyspace.clone(), text.clone());
            export_query(site, keyspace.as_deref(), &text, options, clock)
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

/// The file under way and what is told about it.
struct Writing {
    sink: Sink,
    progress: Progress,
    summary: ExportSummary,
    cancel: Arc<AtomicBool>,
}

impl Writing {
    fn start(
        options: ExportOptions,
        source: String,
        writer: &RecordWriter,
        names: &[&str],
        clock: SharedClock,
    ) -> Result<Self> {
        let mut writing = Self {
            sink: Sink::open(options.output)?,
            progress: Progress::start(&source, None, options.progress, clock),
            summary: ExportSummary {
                source,
                ..ExportSummary::default()
            },
            cancel: options.cancel,
        };
        if options.header {
            let mut header = Vec::new();
            writer.header(names.iter().copied(), &mut header);
            writing.put(&header, 0)?;
        }
        Ok(writing)
    }

    fn put(&mut self, text: &[u8], rows: u64) -> Result<()> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Cancelled, "the export was stopped"));
        }
        self.sink.write(text)?;
        self.summary.rows += rows;
        self.summary.bytes += text.len() as u64;
        self.progress.update(self.summary.rows, self.summary.bytes);
        Ok(())
    }

    fn finish(mut self) -> Result<ExportSummary> {
        self.sink.finish()?;
        self.summary.seconds = self.progress.seconds();
        Ok(self.summary)
    }
}

fn export_table(
    site: &dyn Site,
    table: &Arc<Table>,
    columns: &[Column],
    options: ExportOptions,
    clock: SharedClock,
) -> Result<ExportSummary> {
    let types = columns.iter().map(|column| column.ty.clone()).collect();
    let writer = RecordWriter::new(&options.dialect, &options.style, types);
    let ids: Vec<ColumnId> = columns.iter().map(|column| column.id).collect();
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let ranges = options.tokens.split(PARTS);
    let rows_max = options.rows_max;
    let mut writing = Writing::start(options, table.full_name(), &writer, &names, clock)?;
    let scanners = match rows_max {
        Some(_) => 1,
        None => site.scanners(),
    };
    let scan = Scan {
        source: site.tables(),
        table,
        ids: &ids,
        writer: &writer,
        rows_max: rows_max.unwrap_or(u64::MAX),
    };
    std::thread::scope(|scope| {
        let mut pieces = Vec::new();
        for number in 0..scanners {
            let (sender, receiver) = sync_channel(PIECES_WAITING);
            let ranges: Vec<TokenRange> = ranges
                .iter()
                .skip(number)
                .step_by(scanners)
                .copied()
                .collect();
            let scan = &scan;
            scope.spawn(move || scan.ranges(&ranges, &sender));
            pieces.push(receiver);
        }
        collect(&pieces, ranges.len(), &mut writing)
    })?;
    writing.finish()
}

/// Writes what the scanners send, range by range in token order.
fn collect(pieces: &[Receiver<Result<Piece>>], ranges: usize, writing: &mut Writing) -> Result<()> {
    for scanner in pieces.iter().cycle().take(ranges) {
        loop {
            let Ok(piece) = scanner.recv() else {
                return Ok(());
            };
            let piece = piece?;
            writing.put(&piece.text, piece.rows)?;
            if piece.last {
                break;
            }
        }
    }
    Ok(())
}

/// What the scanners share.
struct Scan<'a> {
    source: &'a dyn TableSource,
    table: &'a Arc<Table>,
    ids: &'a [ColumnId],
    writer: &'a RecordWriter,
    rows_max: u64,
}

impl Scan<'_> {
    fn ranges(&self, ranges: &[TokenRange], out: &SyncSender<Result<Piece>>) {
        let mut left = self.rows_max;
        for range in ranges {
            match self.range(*range, &mut left, out) {
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

    fn range(
        &self,
        range: TokenRange,
        left: &mut u64,
        out: &SyncSender<Result<Piece>>,
    ) -> Result<bool> {
        let mut rows = self.source.scan(self.table, self.ids, &[], range)?;
        let mut values: Vec<Option<Bytes>> = Vec::new();
        let mut piece = Piece {
            text: Vec::new(),
            rows: 0,
            last: false,
        };
        while *left > 0 && rows.next(&mut values)? {
            self.writer.record(&values, &mut piece.text);
            piece.rows += 1;
            *left -= 1;
            if piece.text.len() >= PIECE_BYTES {
                let full = std::mem::replace(
                    &mut piece,
                    Piece {
                        text: Vec::new(),
                        rows: 0,
                        last: false,
                    },
                );
                if out.send(Ok(full)).is_err() {
                    return Ok(false);
                }
            }
        }
        piece.last = true;
        Ok(out.send(Ok(piece)).is_ok())
    }
}

fn export_query(
    site: &dyn Site,
    keyspace: Option<&str>,
    text: &str,
    options: ExportOptions,
    clock: SharedClock,
) -> Result<ExportSummary> {
    let mut rows = site.query(keyspace, text)?;
    if rows.columns().is_empty() {
        return Err(Error::invalid(
            "the query answers no rows: only a SELECT can be exported",
        ));
    }
    let types = rows
        .columns()
        .iter()
        .map(|column| column.ty.clone())
        .collect();
    let names: Vec<String> = rows
        .columns()
        .iter()
        .map(|column| column.name.clone())
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let writer = RecordWriter::new(&options.dialect, &options.style, types);
    let mut left = options.rows_max.unwrap_or(u64::MAX);
    let mut writing = Writing::start(options, "query".to_owned(), &writer, &names, clock)?;
    let (mut piece, mut count) = (Vec::new(), 0);
    while left > 0 {
        let Some(values) = rows.next()? else {
            break;
        };
        writer.record(&values, &mut piece);
        count += 1;
        left -= 1;
        if piece.len() >= PIECE_BYTES {
            writing.put(&piece, count)?;
            piece.clear();
            count = 0;
        }
    }
    writing.put(&piece, count)?;
    writing.finish()
}
