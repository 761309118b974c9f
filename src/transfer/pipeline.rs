//! Reading, parsing and writing, each on a thread of its own, in input order.

use crate::clock::SharedClock;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::Table;
use crate::source::RowSink;
use crate::transfer::csv::{Chunk, ChunkReader, Dialect, ValueStyle};
use crate::transfer::format::Format;
use crate::transfer::input::{Inputs, Named};
use crate::transfer::jsonl::Skipped;
use crate::transfer::layout::Naming;
use crate::transfer::manifest::Manifest;
use crate::transfer::progress::{Progress, Rate};
use crate::transfer::records::{ChunkParser, Job, Parsed, Payload};
use crate::transfer::rejects::Rejects;
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
pub(super) struct Reading {
    pub dialect: Dialect,
    pub format: Format,
    pub naming: Naming,
    pub header: bool,
    pub skip_rows: u64,
    pub rows_max: u64,
    /// How many records of each input an earlier run took.
    pub done: Vec<u64>,
}

/// What one pass over the inputs needs.
pub(super) struct Pass<'a> {
    pub table: &'a Arc<Table>,
    pub naming: &'a Naming,
    pub format: Format,
    pub dialect: &'a Dialect,
    pub style: &'a ValueStyle,
    pub cancel: &'a AtomicBool,
}

impl Pass<'_> {
    /// Reads all inputs; answers how many bytes that were.
    pub(super) fn run(
        &self,
        inputs: Inputs,
        reading: Reading,
        mut collected: Collected<'_>,
    ) -> Result<u64> {
        let bytes_read = Arc::new(AtomicU64::new(0));
        collected.records = reading.done.clone();
        collected.records.resize(inputs.list.len(), 0);
        let parsers = std::thread::available_parallelism().map_or(1, |cores| {
            cores.get().saturating_sub(1).clamp(1, PARSERS_MAX)
        });
        std::thread::scope(|scope| {
            let mut jobs = Vec::new();
            let mut results = Vec::new();
            let skipped = Skipped::default();
            for _ in 0..parsers {
                let (to_parser, from_reader) = sync_channel::<Job>(CHUNKS_WAITING);
                let (to_sink, from_parser) = sync_channel::<Parsed>(CHUNKS_WAITING);
                jobs.push(to_parser);
                results.push(from_parser);
                self.spawn_parser(scope, from_reader, to_sink, &skipped);
            }
            let counter = Arc::clone(&bytes_read);
            let reader = scope.spawn(move || {
                let mut reader = Reader::new(reading, jobs);
                reader.read_all(inputs, &counter)
            });
            let outcome = self.collect(&results, &bytes_read, &mut collected);
            // Without receivers the threads stop at their next chunk.
            drop(results);
            let read = reader
                .join()
                .map_err(|_| Error::internal("the import's reader failed"))?;
            outcome?;
            read
        })?;
        collected.end()?;
        Ok(bytes_read.load(Ordering::Relaxed))
    }

    fn spawn_parser<'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        jobs: Receiver<Job>,
        results: SyncSender<Parsed>,
        skipped: &Skipped,
    ) {
        let mut parser = ChunkParser::new(
            self.table,
            self.naming,
            self.format,
            self.dialect,
            self.style,
            skipped,
        );
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
                self.check_cancel(to)?;
                match turn.recv_timeout(PATIENCE) {
                    Ok(parsed) => break parsed,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return Ok(()),
                }
            };
            to.take(parsed)?;
            to.progress
                .update(to.rows, bytes_read.load(Ordering::Relaxed));
            while to.rate.pause(to.rows) {
                self.check_cancel(to)?;
            }
        }
        Ok(())
    }

    fn check_cancel(&self, to: &Collected<'_>) -> Result<()> {
        if self.cancel.load(Ordering::Relaxed) {
            let message = format!("the import was stopped: {}", to.rejects.outcome());
            return Err(Error::new(ErrorKind::Cancelled, message));
        }
        Ok(())
    }
}

/// Where parsed rows go.
pub(super) struct Collected<'a> {
    sink: &'a mut dyn RowSink,
    rejects: &'a mut Rejects,
    progress: &'a mut Progress,
    manifest: Option<&'a mut Manifest>,
    rate: Rate,
    rows: u64,
    /// Rows since the manifest was moved on.
    rows_since: u64,
    /// Records of each input that were taken.
    records: Vec<u64>,
}

impl<'a> Collected<'a> {
    pub(super) fn new(
        sink: &'a mut dyn RowSink,
        rejects: &'a mut Rejects,
        progress: &'a mut Progress,
        manifest: Option<&'a mut Manifest>,
        rate_rows: Option<u64>,
        clock: SharedClock,
    ) -> Self {
        Self {
            sink,
            rejects,
            progress,
            manifest,
            rate: Rate::new(rate_rows, clock),
            rows: 0,
            rows_since: 0,
            records: Vec::new(),
        }
    }

    fn take(&mut self, parsed: Parsed) -> Result<()> {
        if let Some(remark) = &parsed.remark {
            self.progress.remark(remark);
        }
        for reject in &parsed.rejects {
            self.rejects.add(&parsed.file, reject)?;
        }
        let (rows, rejected) = (parsed.batch.rows() as u64, parsed.rejects.len() as u64);
        self.rows += rows;
        self.rows_since += rows;
        self.rejects
            .check(self.rows + self.rejects.count(), false)?;
        self.sink.add(parsed.batch)?;
        if let Some(records) = self.records.get_mut(parsed.input) {
            *records += rows + rejected;
        }
        self.note()
    }

    /// Moves the manifest on, where it is time and what was given is durable.
    fn note(&mut self) -> Result<()> {
        let Some(manifest) = self.manifest.as_mut().filter(|manifest| manifest.is_due()) else {
            return Ok(());
        };
        if !self.sink.checkpoint()? {
            manifest.put_off();
            return Ok(());
        }
        self.rejects.flush()?;
        manifest.advance(&self.records, self.rows_since)?;
        self.rows_since = 0;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.rejects.check(self.rows + self.rejects.count(), true)?;
        self.rejects.flush()
    }
}

/// Cuts the inputs into chunks and deals them out in turn.
struct Reader {
    reading: Reading,
    jobs: Vec<SyncSender<Job>>,
    turn: usize,
    skip: u64,
    left: u64,
}

impl Reader {
    fn new(reading: Reading, jobs: Vec<SyncSender<Job>>) -> Self {
        Self {
            skip: reading.skip_rows,
            left: reading.rows_max,
            reading,
            jobs,
            turn: 0,
        }
    }

    /// Hands a job over; false where nobody wants more.
    fn send(&mut self, job: Job) -> bool {
        let Some(to) = self.jobs.get(self.turn) else {
            return false;
        };
        self.turn = (self.turn + 1) % self.jobs.len();
        to.send(job).is_ok() && self.left > 0
    }

    fn read_all(&mut self, inputs: Inputs, bytes_read: &Arc<AtomicU64>) -> Result<()> {
        for (at, named) in inputs.list.into_iter().enumerate() {
            let done = self.reading.done.get(at).copied().unwrap_or(0);
            let wants_more = if self.reading.format.is_text() {
                self.text(named, at, done, bytes_read)?
            } else {
                self.columns(named, at, done, bytes_read)?
            };
            if !wants_more {
                break;
            }
        }
        Ok(())
    }

    fn text(
        &mut self,
        named: Named,
        input: usize,
        mut done: u64,
        bytes_read: &Arc<AtomicU64>,
    ) -> Result<bool> {
        let file: Arc<str> = Arc::from(named.name.as_str());
        let stream = named.open(bytes_read)?;
        let json = self.reading.format == Format::JsonLines;
        let dialect = if json {
            Dialect::lines()
        } else {
            self.reading.dialect.clone()
        };
        let header = self.reading.header && !json;
        let mut reader = ChunkReader::new(stream, &*file, &dialect);
        let mut first = true;
        let mut layout = Arc::new(self.reading.naming.by_position());
        let mut remark = None;
        while let Some(mut chunk) = reader.next_chunk()? {
            if first && header {
                let Some((head, _)) = chunk.take_first() else {
                    continue;
                };
                let (named, words) = self.reading.naming.by_header(&file, &head, &dialect)?;
                layout = Arc::new(named);
                remark = words;
            }
            first = false;
            self.keep(&mut chunk, &mut done);
            let job = Job {
                payload: Payload::Text(chunk),
                layout: Arc::clone(&layout),
                file: Arc::clone(&file),
                input,
                remark: remark.take(),
            };
            if !self.send(job) {
                return Ok(false);
            }
        }
        if first && header {
            let message = format!("{file}: is empty, a header was expected");
            return Err(Error::new(ErrorKind::Input, message));
        }
        Ok(true)
    }

    /// Leaves out what is skipped, what an earlier run took, and what is too much.
    fn keep(&mut self, chunk: &mut Chunk, done: &mut u64) {
        if self.skip > 0 {
            chunk.keep(&mut self.skip, &mut u64::MAX.clone());
        }
        if *done > 0 {
            let before = *done;
            chunk.keep(done, &mut u64::MAX.clone());
            self.left = self.left.saturating_sub(before - *done);
        }
        if self.left < u64::MAX {
            chunk.keep(&mut 0, &mut self.left);
        }
    }

    #[cfg(feature = "analytics")]
    fn columns(
        &mut self,
        named: Named,
        input: usize,
        done: u64,
        bytes_read: &Arc<AtomicU64>,
    ) -> Result<bool> {
        let file: Arc<str> = Arc::from(named.name.as_str());
        let mut reader =
            crate::transfer::columnar::Reader::open(named, self.reading.format, bytes_read)?;
        let (layout, mut remark) = self.reading.naming.by_names(&file, &reader.names())?;
        reader.check(self.reading.naming.columns(), &layout.sources)?;
        let layout = Arc::new(layout);
        self.left = self.left.saturating_sub(done);
        let mut skip = self.skip + done;
        while let Some(columns) = reader.next(&mut skip, &mut self.left)? {
            let job = Job {
                payload: Payload::Columns(columns),
                layout: Arc::clone(&layout),
                file: Arc::clone(&file),
                input,
                remark: remark.take(),
            };
            if !self.send(job) {
                return Ok(false);
            }
        }
        self.skip = skip;
        Ok(true)
    }

    #[cfg(not(feature = "analytics"))]
    fn columns(&mut self, _: Named, _: usize, _: u64, _: &Arc<AtomicU64>) -> Result<bool> {
        self.reading.format.check().map(|()| false)
    }
}
