//! Wire values as the engine's rows.

use crate::error::{Error, Result};
use crate::schema::{Column, Table};
use crate::source::collections::replace_collection;
use crate::source::stamp::{Places, Stamp, stamped};
use crate::source::stamps::{self, StampColumn, StampKind};
use crate::source::writes::Writes;
use crate::source::{FrozenBatch, RowSink, ValueBatch};
use crate::storage::cell::Liveness;
use crate::storage::row::{ColumnData, PartitionKey, Row, RowColumn};
use crate::storage::{Ingest, IngestSummary};
use crate::types::{key, token};
use bytes::{BufMut, Bytes, BytesMut};
use std::sync::atomic::AtomicBool;

/// A column of the table and where its value stands in a batch.
#[derive(Clone, Debug)]
struct Given {
    column: Column,
    at: usize,
    /// Where its own stamps stand.
    stamps: Places,
}

/// Where rows go.
pub(super) enum Target {
    /// Into files, all at once.
    Files(Box<Ingest>),
    /// Into the engine as other writes do.
    Writes(Writes),
}

/// Rows on their way into the engine, all with one stamp.
pub(super) struct EngineSink {
    key: Vec<Given>,
    clustering: Vec<Given>,
    statics: Vec<Given>,
    regulars: Vec<Given>,
    stamp: Stamp,
    /// Where a row's own stamps stand.
    row_stamps: Places,
    /// Whether columns have stamps of their own.
    exact: bool,
    target: Target,
    scratch: BytesMut,
    key_scratch: Vec<u8>,
    /// The last row's partition, which often is the next one's too.
    partition: Option<PartitionKey>,
    /// The last static row of that partition.
    static_row: Option<Row>,
}

impl EngineSink {
    pub(super) fn new(
        table: &Table,
        wanted: &[Column],
        stamps: &[StampColumn],
        stamp: Stamp,
        target: Target,
    ) -> Result<Self> {
        let given = |column: &Column| {
            let at = wanted.iter().position(|wanted| wanted.id == column.id)?;
            Some(Given {
                column: column.clone(),
                at,
                stamps: Places::new(stamps, Some(column.id), wanted.len()),
            })
        };
        let keys = |columns: &[Column]| -> Result<Vec<Given>> {
            let missing = |column: &Column| {
                Error::invalid(format!(
                    "Some primary key parts are missing: {}",
                    column.name
                ))
            };
            columns
                .iter()
                .map(|column| given(column).ok_or_else(|| missing(column)))
                .collect()
        };
        let cells = |columns: &[Column]| {
            let mut cells: Vec<Given> = columns.iter().filter_map(given).collect();
            cells.sort_by_key(|given| given.column.id);
            cells
        };
        Ok(Self {
            key: keys(&table.partition_key)?,
            clustering: keys(&table.clustering)?,
            statics: cells(&table.statics),
            regulars: cells(&table.regulars),
            stamp,
            row_stamps: Places::new(stamps, None, wanted.len()),
            exact: stamps.iter().any(|stamp| stamp.of.is_some()),
            target,
            scratch: BytesMut::new(),
            key_scratch: Vec::new(),
            partition: None,
            static_row: None,
        })
    }

    /// Writes what waits, where what comes next must not be written with it.
    fn make_way(&mut self, key: &PartitionKey, clustering: &Bytes) -> Result<()> {
        if let Target::Writes(writes) = &mut self.target
            && writes.is_due(key, clustering)
            && let Some(timestamp) = writes.flush()?
        {
            self.stamp.timestamp = timestamp;
        }
        Ok(())
    }

    fn put(&mut self, key: &PartitionKey, row: &Row) -> Result<()> {
        match &mut self.target {
            Target::Files(ingest) => ingest.add(key, row),
            Target::Writes(writes) => {
                if let Some(timestamp) = writes.add(key, row)? {
                    self.stamp.timestamp = timestamp;
                }
                Ok(())
            }
        }
    }

    fn add_row(&mut self, batch: &FrozenBatch, row: usize) -> Result<()> {
        let key = self.partition_key(batch, row)?;
        if self.partition.as_ref() != Some(&key) {
            self.static_row = None;
            self.partition = Some(key.clone());
        }
        if !self.statics.is_empty() {
            self.make_way(&key, &Bytes::new())?;
            let stamp = self.row_stamp(batch, row)?;
            let statics = self.row(&self.statics, batch, row, &stamp, Row::new(Bytes::new()))?;
            if !statics.columns.is_empty() && self.static_row.as_ref() != Some(&statics) {
                self.put(&key, &statics)?;
                self.static_row = Some(statics);
            }
        }
        let alone = !self.clustering.is_empty()
            && self
                .clustering
                .iter()
                .all(|given| batch.slice(row, given.at).is_none());
        if alone {
            return Ok(());
        }
        let (clustering, original) = self.encode_clustering(batch, row)?;
        self.make_way(&key, &clustering)?;
        let stamp = self.row_stamp(batch, row)?;
        let without_marker = self.exact
            && self.row_stamps.0.first().is_some_and(Option::is_some)
            && self
                .row_stamps
                .value(batch, row, StampKind::Timestamp)
                .is_none();
        let blank = Row {
            liveness: if without_marker {
                Liveness::NONE
            } else {
                stamp.liveness()
            },
            ..Row::new(clustering)
        };
        let mut built = self.row(&self.regulars, batch, row, &stamp, blank)?;
        built.original = original;
        self.put(&key, &built)
    }

    fn partition_key(&mut self, batch: &FrozenBatch, row: usize) -> Result<PartitionKey> {
        let raw = if let [only] = self.key.as_slice() {
            batch
                .bytes(row, only.at)
                .ok_or_else(|| absent(&only.column))?
        } else {
            let parts = self.key.iter().map(|given| {
                batch
                    .slice(row, given.at)
                    .ok_or_else(|| absent(&given.column))
            });
            let parts: Vec<&[u8]> = parts.collect::<Result<_>>()?;
            Bytes::from(key::compose_partition_key(&parts))
        };
        match &self.partition {
            Some(last) if last.key == raw => Ok(last.clone()),
            _ => Ok(PartitionKey {
                token: token::murmur3_token(&raw),
                key: raw,
            }),
        }
    }

    fn encode_clustering(
        &mut self,
        batch: &FrozenBatch,
        row: usize,
    ) -> Result<(Bytes, Option<Bytes>)> {
        let mut lossy = false;
        self.key_scratch.clear();
        for given in &self.clustering {
            let value = batch
                .slice(row, given.at)
                .ok_or_else(|| absent(&given.column))?;
            lossy |= key::encode_component(
                &given.column.ty,
                given.column.descending,
                Some(value),
                &mut self.key_scratch,
            )?;
        }
        key::finish_clustering(&mut self.key_scratch);
        self.scratch.put_slice(&self.key_scratch);
        let clustering = self.scratch.split().freeze();
        if !lossy {
            return Ok((clustering, None));
        }
        for given in &self.clustering {
            let value = batch.slice(row, given.at).unwrap_or_default();
            self.scratch
                .put_u16(u16::try_from(value.len()).unwrap_or(u16::MAX));
            self.scratch.put_slice(value);
        }
        Ok((clustering, Some(self.scratch.split().freeze())))
    }

    /// The stamp of a row: the run's, unless the row has its own.
    fn row_stamp(&self, batch: &FrozenBatch, row: usize) -> Result<Stamp> {
        let mut stamp = self.stamp.clone();
        if self.row_stamps.is_empty() {
            return Ok(stamp);
        }
        let value = |kind| {
            let value = self.row_stamps.value(batch, row, kind);
            value.map(stamps::number).transpose()
        };
        if let Some(timestamp) = value(StampKind::Timestamp)? {
            stamp.timestamp = timestamp;
        }
        stamp.expire(value(StampKind::Ttl)?, value(StampKind::Expires)?);
        Ok(stamp)
    }

    /// Adds a row's values to `built`.
    fn row(
        &self,
        columns: &[Given],
        batch: &FrozenBatch,
        row: usize,
        stamp: &Stamp,
        mut built: Row,
    ) -> Result<Row> {
        built.columns.reserve(columns.len());
        for given in columns {
            let Some(value) = batch.bytes(row, given.at) else {
                continue;
            };
            let (id, ty) = (given.column.id, &given.column.ty);
            let data = if !given.stamps.is_empty() {
                stamped(&given.column, given.stamps, batch, row, stamp, value)?
            } else if ty.is_multi_cell() {
                let model = stamp.cell(Bytes::new());
                replace_collection(ty, &value, &model, stamp.now_seconds)?
            } else {
                ColumnData::Simple(stamp.cell(value))
            };
            built.columns.push(RowColumn { id, data });
        }
        Ok(built)
    }
}

fn absent(column: &Column) -> Error {
    Error::invalid(format!(
        "Invalid null value in condition for column {}",
        column.name
    ))
}

impl RowSink for EngineSink {
    fn add(&mut self, batch: ValueBatch) -> Result<()> {
        let batch = batch.freeze();
        for row in 0..batch.rows() {
            self.add_row(&batch, row)?;
        }
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<bool> {
        match &mut self.target {
            Target::Files(_) => Ok(false),
            Target::Writes(writes) => {
                if let Some(timestamp) = writes.settle()? {
                    self.stamp.timestamp = timestamp;
                }
                Ok(true)
            }
        }
    }

    fn finish(self: Box<Self>, stop: &AtomicBool) -> Result<IngestSummary> {
        match self.target {
            Target::Files(ingest) => ingest.finish_unless(stop),
            Target::Writes(writes) => writes.finish(),
        }
    }
}
