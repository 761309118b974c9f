//! The batches of a running query.
//!
//! The query runs on the planner's threads and hands batches through a short channel; who reads
//! slowly slows it down. Dropping the stream ends it.

use super::cancel::Ended;
use super::context::Session;
use super::errors::inward;
use super::query::{Planned, PreparedQuery};
use super::types;
use super::wire::{WireEncoder, located};
use crate::cql::result::{ColumnSpec, RowSource, RowValues, Rows};
use crate::error::{Error, ErrorKind, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::physical_plan::execute_stream;
use futures::StreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// How often a waiting reader looks whether it was interrupted.
const LOOK: Duration = Duration::from_millis(50);
/// How many batches wait to be read.
const WAITING_MAX: usize = 2;

/// A running query.
#[derive(Debug)]
pub struct QueryStream {
    schema: SchemaRef,
    columns: Vec<ColumnSpec>,
    batches: Receiver<Result<RecordBatch>>,
    room: Arc<tokio::sync::Semaphore>,
    task: tokio::task::JoinHandle<()>,
    interrupt: Arc<AtomicBool>,
    ended: Ended,
    /// The planner's threads live as long as their queries.
    _session: Arc<Session>,
}

impl QueryStream {
    pub(super) fn start(
        session: Arc<Session>,
        planned: Planned,
        query: &PreparedQuery,
        interrupt: Arc<AtomicBool>,
    ) -> Result<Self> {
        let Planned {
            physical,
            context,
            ended,
        } = planned;
        let schema = physical.schema();
        let (sender, batches) = std::sync::mpsc::channel();
        let room = Arc::new(tokio::sync::Semaphore::new(WAITING_MAX));
        let permits = Arc::clone(&room);
        let task = session.spawn(async move {
            let mut stream = match execute_stream(physical, context) {
                Ok(stream) => stream,
                Err(error) => {
                    let _ = sender.send(Err(inward(error)));
                    return;
                }
            };
            while let Some(batch) = stream.next().await {
                let Ok(permit) = permits.acquire().await else {
                    return;
                };
                permit.forget();
                if sender.send(batch.map_err(inward)).is_err() {
                    return;
                }
            }
        });
        let computed = schema.fields().iter().zip(query.columns());
        let columns = computed.map(|(field, column)| ColumnSpec {
            ty: types::cql_of(field),
            ..column.clone()
        });
        Ok(Self {
            columns: columns.collect(),
            schema,
            batches,
            room,
            task,
            interrupt,
            ended,
            _session: session,
        })
    }

    /// The batches' schema.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The next batch, or none at the end; waits for it.
    #[expect(clippy::should_implement_trait, reason = "it fails")]
    pub fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if self.interrupt.load(Ordering::Relaxed) {
                self.end();
                return Err(Error::new(ErrorKind::Cancelled, "the query was cancelled"));
            }
            match self.batches.recv_timeout(LOOK) {
                Ok(batch) => {
                    self.room.add_permits(1);
                    return batch.map(Some);
                }
                Err(RecvTimeoutError::Timeout) if !self.task.is_finished() => {}
                Err(_) => match self.batches.try_recv() {
                    Ok(batch) => return batch.map(Some),
                    Err(_) => return self.ended(),
                },
            }
        }
    }

    /// Stops the query's threads.
    fn end(&self) {
        self.ended.set();
        self.room.close();
        self.task.abort();
    }

    /// The end: none, or an error where the query's thread has ended without a word.
    fn ended(&mut self) -> Result<Option<RecordBatch>> {
        let ended = futures::FutureExt::now_or_never(&mut self.task);
        match ended {
            Some(Err(error)) if error.is_panic() => Err(Error::internal(
                "the query failed by a defect of the planner",
            )),
            _ => Ok(None),
        }
    }

    /// The rows as wire values of CQL types.
    pub fn into_rows(self) -> Rows {
        let columns: Arc<[ColumnSpec]> = self.columns.clone().into();
        Rows::new(
            Arc::clone(&columns),
            Box::new(WireRows {
                stream: self,
                columns,
                encoders: Vec::new(),
                batch: None,
                row: 0,
                before: 0,
            }),
        )
    }
}

impl Drop for QueryStream {
    fn drop(&mut self) {
        self.end();
    }
}

struct WireRows {
    stream: QueryStream,
    columns: Arc<[ColumnSpec]>,
    encoders: Vec<WireEncoder>,
    batch: Option<RecordBatch>,
    row: usize,
    before: u64,
}

impl RowSource for WireRows {
    fn next(&mut self) -> Result<Option<RowValues>> {
        if self.encoders.is_empty() {
            let pairs = self.stream.schema.fields().iter().zip(self.columns.iter());
            self.encoders = pairs
                .map(|(field, column)| WireEncoder::new(field.data_type(), &column.ty))
                .collect::<Result<_>>()?;
        }
        loop {
            if let Some(batch) = &self.batch
                && self.row < batch.num_rows()
            {
                let number = self.before + self.row as u64 + 1;
                let columns = batch
                    .columns()
                    .iter()
                    .zip(&self.encoders)
                    .zip(self.columns.iter());
                let values = columns.map(|((array, encoder), column)| {
                    encoder
                        .encode(array, self.row)
                        .map_err(|error| located(error, &column.name, number))
                });
                let values = values.collect::<Result<RowValues>>()?;
                self.row += 1;
                return Ok(Some(values));
            }
            self.before += self.row as u64;
            self.row = 0;
            self.batch = self.stream.next()?;
            if self.batch.is_none() {
                return Ok(None);
            }
        }
    }
}
