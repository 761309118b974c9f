//! The import: reading, parsing and writing, each on a thread of its own, in input order.

use crate::cql::ddl::check_modifiable;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::TTL_SECONDS_MAX;
use crate::schema::{Column, ColumnId, Table};
use crate::source::{RowSink, ValueBatch, WriteOptions};
use crate::storage::IngestSummary;
use crate::transfer::csv::{ChunkReader, Dialect, ValueStyle};
use crate::transfer::input::Inputs;
use crate::transfer::layout::Naming;
use crate::transfer::progress::Progress;
use crate::transfer::records::{ChunkParser, Job, Parsed};
use crate::transfer::rejects::Rejects;
use crate::transfer::{ImportOptions, ImportSummary, Input, Site};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::Scope;
use std::time::Duration;

/// How many chunks may wait in front of a thread.
const CHUNKS_WAITING: usize = 2;
/// The most threads that parse.
const PARSERS_MAX: usize = 4;
/// How often a wait looks whether the import was stopped.
const PATIENCE: Duration = Duration::from_millis(100);

/// What reading needs to know.
struct Reading {
    dialect: Dialect,
    naming: Naming,
    header: bool,
    skip_rows: u64,
    rows_max: u64,
}

/// What one pass over the inputs needs.
struct Pass<'a> {
    table: &'a Arc<Table>,
    columns: &'a [Column],
    dialect: &'a Dialect,
    style: &'a ValueStyle,
    cancel: &'a AtomicBool,
}

/// Imports files into a table: all rows or none, unless `site` is not atomic.
pub fn import(site: &dyn Site, options: ImportOptions) -> Result<ImportSummary> {
    options.dialect.check()?;
    check_stamp(&options)?;
    check_modifiable(&options.keyspace)?;
    let table = site.tables().table(&options.keyspace, &options.table)?;
    let naming = Naming::new(&table, options.columns.as_deref(), &options.skip_columns)?;
    let columns = naming.columns().to_vec();
    let again: Option<Vec<Input>> = options.inputs.iter().map(reopen).collect();
    let write = WriteOptions {
        timestamp_micros: options.timestamp_micros,
        ttl_seconds: options.ttl_seconds,
        stamps: Vec::new(),
        memory_bytes_max: options.memory_bytes_max,
    };
    let inputs = Inputs::resolve(options.inputs)?;
    let bad_file = options
        .bad_file
        .clone()
        .unwrap_or_else(|| inputs.bad_file(&table.full_name()));
    let reading = || Reading {
        dialect: options.dialect.clone(),
        naming: naming.clone(),
        header: options.header,
        skip_rows: options.skip_rows,
        rows_max: options.rows_max.unwrap_or(u64::MAX),
    };
    let pass = Pass {
        table: &table,
        columns: &columns,
        dialect: &options.dialect,
        style: &options.style,
        cancel: &options.cancel,
    };
    let label = table.full_name();
    let mut progress = Progress::start(&label, inputs.bytes, options.progress, site.clock());
    let all_or_none = site.is_atomic() && !table.is_counter() && table.indexes.is_empty();
    let mut rejects = Rejects::new(bad_file, options.errors_max, all_or_none);
    let mut inputs = inputs;
    let mut sink: Box<dyn RowSink> = if table.is_counter() {
        let sink = site.counters(&table, &columns, &write)?;
        // Increments cannot be taken back: look first whether all will be well.
        match again {
            Some(again) => {
                let mut trial = Rejects::new(rejects.path(), options.errors_max, true);
                let mut nothing = NoSink;
                pass.run(inputs, reading(), &mut nothing, &mut trial, &mut progress)?;
                inputs = Inputs::resolve(again)?;
            }
            None => progress.remark(&format!(
                "{label} has counters: rows are added as they come, and what was added before an \
                 error stays"
            )),
        }
        sink
    } else {
        rows_sink(site, &table, &columns, &write, &progress)?
    };
    let read = pass.run(inputs, reading(), &mut *sink, &mut rejects, &mut progress)?;
    let written = sink.finish()?;
    Ok(ImportSummary {
        table: label,
        rows: written.rows,
        duplicates: written.duplicates,
        rejected: rejects.count(),
        bytes_read: read,
        bytes_written: written.bytes,
        seconds: progress.seconds(),
        bad_file: rejects.file(),
    })
}

/// What takes the rows of a table without counters.
fn rows_sink(
    site: &dyn Site,
    table: &Arc<Table>,
    columns: &[Column],
    write: &WriteOptions,
    progress: &Progress,
) -> Result<Box<dyn RowSink>> {
    if !table.indexes.is_empty() {
        progress.remark(&format!(
            "{} has secondary indexes: rows are written as they come, and what was written before \
             an error stays",
            table.full_name()
        ));
    }
    let ids: Vec<ColumnId> = columns.iter().map(|column| column.id).collect();
    site.tables().write(table, &ids, write)
}

/// The same input once more, where that is possible.
fn reopen(input: &Input) -> Option<Input> {
    match input {
        Input::Path(path) if path != "-" => Some(Input::Path(path.clone())),
        _ => None,
    }
}

fn check_stamp(options: &ImportOptions) -> Result<()> {
    if let Some(ttl) = options.ttl_seconds {
        if ttl < 0 {
            let message = format!("A TTL must be greater or equal to 0, but was {ttl}");
            return Err(Error::invalid(message));
        }
        if ttl > TTL_SECONDS_MAX {
            return Err(Error::invalid(format!(
                "ttl is too large. requested ({ttl}) maximum ({TTL_SECONDS_MAX})"
            )));
        }
    }
    if options.timestamp_micros == Some(i64::MIN) {
        let message = format!(
            "Out of bound timestamp, must be in [{}, {}]",
            -i64::MAX,
            i64::MAX
        );
        return Err(Error::invalid(message));
    }
    Ok(())
}

/// Takes rows and keeps none.
struct NoSink;

impl RowSink for NoSink {
    fn add(&mut self, _batch: ValueBatch) -> Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<IngestSummary> {
        Ok(IngestSummary::default())
    }
}

impl Pass<'_> {
    /// Reads all inputs into `sink`; answers how many bytes were read.
    fn run(
        &self,
        inputs: Inputs,
        reading: Reading,
        sink: &mut dyn RowSink,
        rejects: &mut Rejects,
        progress: &mut Progress,
    ) -> Result<u64> {
        let bytes_read = Arc::new(AtomicU64::new(0));
        let parsers = std::thread::available_parallelism().map_or(1, |cores| {
            cores.get().saturating_sub(1).clamp(1, PARSERS_MAX)
        });
        std::thread::scope(|scope| {
            let mut jobs = Vec::new();
            let mut results = Vec::new();
            for _ in 0..parsers {
                let (to_parser, from_reader) = sync_channel::<Job>(CHUNKS_WAITING);
                let (to_sink, from_parser) = sync_channel::<Parsed>(CHUNKS_WAITING);
                jobs.push(to_parser);
                results.push(from_parser);
                self.spawn_parser(scope, from_reader, to_sink);
            }
            let counter = Arc::clone(&bytes_read);
            let reader = scope.spawn(move || read_inputs(inputs, &reading, &jobs, &counter));
            let mut collected = Collected {
                sink,
                rejects,
                progress,
                rows: 0,
            };
            let outcome = self.collect(&results, &bytes_read, &mut collected);
            // Without receivers the threads stop at their next chunk.
            drop(results);
            let read = reader
                .join()
                .map_err(|_| Error::internal("the import's reader failed"))?;
            outcome?;
            read
        })?;
        rejects.flush()?;
        Ok(bytes_read.load(Ordering::Relaxed))
    }

    fn spawn_parser<'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        jobs: Receiver<Job>,
        results: SyncSender<Parsed>,
    ) {
        let mut parser = ChunkParser::new(self.table, self.columns, self.dialect, self.style);
        scope.spawn(move || {
            for job in jobs {
                if results.send(parser.parse(job)).is_err() {
                    break;
                }
            }
        });
    }

    /// Takes what the parsers answer, in the order of the input.
    fn collect(
        &self,
        results: &[Receiver<Parsed>],
        bytes_read: &AtomicU64,
        to: &mut Collected<'_>,
    ) -> Result<()> {
        for turn in results.iter().cycle() {
            let parsed = loop {
                if self.cancel.load(Ordering::Relaxed) {
                    let message = format!("the import was stopped: {}", to.rejects.outcome());
                    return Err(Error::new(ErrorKind::Cancelled, message));
                }
                match turn.recv_timeout(PATIENCE) {
                    Ok(parsed) => break parsed,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                }
            };
            to.take(parsed)?;
            to.progress
                .update(to.rows, bytes_read.load(Ordering::Relaxed));
        }
        Ok(())
    }
}

/// Where parsed rows go.
struct Collected<'a> {
    sink: &'a mut dyn RowSink,
    rejects: &'a mut Rejects,
    progress: &'a mut Progress,
    rows: u64,
}

impl Collected<'_> {
    fn take(&mut self, parsed: Parsed) -> Result<()> {
        if let Some(remark) = &parsed.remark {
            self.progress.remark(remark);
        }
        for reject in &parsed.rejects {
            self.rejects.add(&parsed.file, reject)?;
        }
        self.rows += parsed.batch.rows() as u64;
        self.sink.add(parsed.batch)
    }
}

/// Cuts the inputs into chunks and deals them out in turn.
fn read_inputs(
    inputs: Inputs,
    reading: &Reading,
    jobs: &[SyncSender<Job>],
    bytes_read: &Arc<AtomicU64>,
) -> Result<()> {
    let mut turns = jobs.iter().cycle();
    let (mut skip, mut left) = (reading.skip_rows, reading.rows_max);
    for named in inputs.list {
        let file: Arc<str> = Arc::from(named.name.as_str());
        let input = named.open(bytes_read)?;
        let mut reader = ChunkReader::new(input, &*file, &reading.dialect);
        let mut first = true;
        let mut layout = Arc::new(reading.naming.by_position());
        let mut remark = None;
        while let Some(mut chunk) = reader.next_chunk()? {
            if first && reading.header {
                let Some((header, _)) = chunk.take_first() else {
                    continue;
                };
                let (named, words) = reading.naming.by_header(&file, &header, &reading.dialect)?;
                layout = Arc::new(named);
                remark = words;
            }
            first = false;
            if skip > 0 || left < u64::MAX {
                chunk.keep(&mut skip, &mut left);
            }
            let job = Job {
                chunk,
                layout: Arc::clone(&layout),
                file: Arc::clone(&file),
                remark: remark.take(),
            };
            let Some(turn) = turns.next() else {
                return Ok(());
            };
            if turn.send(job).is_err() || left == 0 {
                return Ok(());
            }
        }
        if first && reading.header {
            let message = format!("{file}: is empty, a header was expected");
            return Err(Error::new(ErrorKind::Input, message));
        }
    }
    Ok(())
}
