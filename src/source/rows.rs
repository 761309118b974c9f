//! The engine's rows as wire values, and back.

use crate::clock::SharedClock;
use crate::error::{Error, Result};
use crate::limits::{CLUSTERING_BYTES_MAX, KEY_BYTES_MAX};
use crate::schema::{Column, ColumnKind, Table};
use crate::source::collections::{column_value, replace_collection};
use crate::source::writes::Writes;
use crate::source::{FrozenBatch, RowScan, RowSink, ValueBatch};
use crate::storage::cell::{Cell, Liveness, NEVER, NO_TTL};
use crate::storage::read::ReadItem;
use crate::storage::row::{ColumnData, PartitionKey, Row, RowColumn};
use crate::storage::{Ingest, IngestSummary, RowStream};
use crate::types::{Type, key, token};
use bytes::{BufMut, Bytes, BytesMut};

/// Where a wanted column's value is found in a row.
#[derive(Clone, Copy, Debug)]
enum Place {
    PartitionKey(usize),
    Clustering(usize),
    Static,
    Regular,
}

/// A scan of the engine's rows.
pub(super) struct EngineScan {
    wanted: Vec<(Column, Place)>,
    key_columns: usize,
    clustering: Vec<(Type, bool)>,
    stream: RowStream,
    key_values: Vec<Bytes>,
    static_row: Option<Row>,
    /// A static row that no row has been shown with yet.
    static_alone: bool,
    /// A partition that was come upon while looking for rows of the one before.
    ahead: Option<(PartitionKey, Option<Row>)>,
    ended: bool,
}

impl EngineScan {
    pub(super) fn new(table: &Table, wanted: &[Column], stream: RowStream) -> Self {
        let place = |column: &Column| match column.kind {
            ColumnKind::PartitionKey => Place::PartitionKey(column.position),
            ColumnKind::Clustering => Place::Clustering(column.position),
            ColumnKind::Static => Place::Static,
            ColumnKind::Regular => Place::Regular,
        };
        Self {
            wanted: wanted
                .iter()
                .map(|column| (column.clone(), place(column)))
                .collect(),
            key_columns: table.partition_key.len(),
            clustering: clustering_types(table),
            stream,
            key_values: Vec::new(),
            static_row: None,
            static_alone: false,
            ahead: None,
            ended: false,
        }
    }

    fn start_partition(&mut self, key: &PartitionKey, static_row: Option<Row>) -> Result<()> {
        self.key_values = key::split_partition_key(&key.key, self.key_columns)?
            .into_iter()
            .map(|part| key.key.slice_ref(part))
            .collect();
        self.static_alone = static_row.is_some();
        self.static_row = static_row;
        Ok(())
    }

    fn show(&self, row: Option<&Row>, out: &mut Vec<Option<Bytes>>) -> Result<()> {
        out.clear();
        let clustering = match row {
            Some(row) => clustering_values(row, &self.clustering)?,
            None => Vec::new(),
        };
        for (column, place) in &self.wanted {
            let cells = |row: Option<&Row>| match row.and_then(|row| row.column(column.id)) {
                Some(data) => column_value(column, data),
                None => Ok(None),
            };
            out.push(match place {
                Place::PartitionKey(at) => self.key_values.get(*at).cloned(),
                Place::Clustering(at) => clustering.get(*at).cloned().flatten(),
                Place::Static => cells(self.static_row.as_ref())?,
                Place::Regular => cells(row)?,
            });
        }
        Ok(())
    }
}

impl RowScan for EngineScan {
    fn next(&mut self, out: &mut Vec<Option<Bytes>>) -> Result<bool> {
        loop {
            if let Some((key, static_row)) = self.ahead.take() {
                self.start_partition(&key, static_row)?;
            }
            let item = if self.ended {
                None
            } else {
                self.stream.next()?
            };
            match item {
                Some(ReadItem::Row(row)) => {
                    self.static_alone = false;
                    self.show(Some(&row), out)?;
                    return Ok(true);
                }
                Some(ReadItem::Partition { key, static_row }) => {
                    self.ahead = Some((key, static_row));
                }
                None => self.ended = true,
            }
            if self.static_alone {
                self.static_alone = false;
                self.show(None, out)?;
                return Ok(true);
            }
            if self.ended {
                return Ok(false);
            }
        }
    }
}

fn clustering_types(table: &Table) -> Vec<(Type, bool)> {
    table
        .clustering
        .iter()
        .map(|column| (column.ty.clone(), column.descending))
        .collect()
}

fn clustering_values(row: &Row, types: &[(Type, bool)]) -> Result<Vec<Option<Bytes>>> {
    let Some(original) = &row.original else {
        let values = key::decode_clustering(types, &row.clustering)?;
        return Ok(values
            .into_iter()
            .map(|value| value.map(Bytes::from))
            .collect());
    };
    let mut rest = original.clone();
    let mut values = Vec::with_capacity(types.len());
    for _ in types {
        let length = rest
            .first_chunk::<2>()
            .map(|bytes| u16::from_be_bytes(*bytes));
        let length = length.ok_or_else(|| Error::internal("a clustering's original is short"))?;
        rest = rest.slice(2..);
        if length == u16::MAX {
            values.push(None);
        } else if rest.len() < usize::from(length) {
            return Err(Error::internal("a clustering's original is short"));
        } else {
            values.push(Some(rest.split_to(usize::from(length))));
        }
    }
    Ok(values)
}

/// What all rows of a run have in common.
#[derive(Clone, Debug)]
pub(super) struct Stamp {
    timestamp: i64,
    ttl_seconds: i32,
    expiry_seconds: i64,
    now_seconds: i64,
}

impl Stamp {
    pub(super) fn new(
        table: &Table,
        ttl_seconds: Option<i32>,
        timestamp: i64,
        clock: &SharedClock,
    ) -> Self {
        let ttl_seconds = ttl_seconds.unwrap_or(table.options.default_time_to_live_seconds);
        let now_seconds = clock.now_seconds();
        let (ttl_seconds, expiry_seconds) = if ttl_seconds > 0 {
            (
                ttl_seconds,
                now_seconds
                    .saturating_add(i64::from(ttl_seconds))
                    .min(NEVER - 1),
            )
        } else {
            (NO_TTL, NEVER)
        };
        Self {
            timestamp,
            ttl_seconds,
            expiry_seconds,
            now_seconds,
        }
    }

    fn cell(&self, value: Bytes) -> Cell {
        Cell {
            timestamp: self.timestamp,
            ttl_seconds: self.ttl_seconds,
            expiry_seconds: self.expiry_seconds,
            value,
        }
    }

    fn liveness(&self) -> Liveness {
        Liveness {
            timestamp: self.timestamp,
            ttl_seconds: self.ttl_seconds,
            expiry_seconds: self.expiry_seconds,
        }
    }
}

/// A column of the table and where its value stands in a batch.
#[derive(Clone, Debug)]
struct Given {
    column: Column,
    at: usize,
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
        stamp: Stamp,
        target: Target,
    ) -> Result<Self> {
        let given = |column: &Column| {
            let at = wanted.iter().position(|wanted| wanted.id == column.id)?;
            Some(Given {
                column: column.clone(),
                at,
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
            let statics = self.row(&self.statics, batch, row, Bytes::new(), Liveness::NONE)?;
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
        let mut built = self.row(
            &self.regulars,
            batch,
            row,
            clustering,
            self.stamp.liveness(),
        )?;
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

    fn row(
        &self,
        columns: &[Given],
        batch: &FrozenBatch,
        row: usize,
        clustering: Bytes,
        liveness: Liveness,
    ) -> Result<Row> {
        let mut built = Row {
            liveness,
            ..Row::new(clustering)
        };
        built.columns.reserve(columns.len());
        for Given { column, at } in columns {
            let Some(value) = batch.bytes(row, *at) else {
                continue;
            };
            let data = if column.ty.is_multi_cell() {
                let model = self.stamp.cell(Bytes::new());
                replace_collection(&column.ty, &value, &model, self.stamp.now_seconds)?
            } else {
                ColumnData::Simple(self.stamp.cell(value))
            };
            built.columns.push(RowColumn {
                id: column.id,
                data,
            });
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

    fn finish(self: Box<Self>) -> Result<IngestSummary> {
        match self.target {
            Target::Files(ingest) => ingest.finish(),
            Target::Writes(writes) => writes.finish(),
        }
    }
}

/// Why a row cannot be written, told before it is tried: what its key lacks, or has too much of.
#[derive(Clone, Debug)]
pub struct RowCheck {
    key: Vec<(String, usize)>,
    clustering: Vec<(String, usize)>,
    statics: bool,
}

impl RowCheck {
    /// A check of rows that give the values of `columns`, in that order.
    pub fn new(table: &Table, columns: &[Column]) -> Self {
        let places = |keys: &[Column]| {
            keys.iter()
                .filter_map(|key| {
                    let at = columns.iter().position(|column| column.id == key.id)?;
                    Some((key.name.clone(), at))
                })
                .collect()
        };
        Self {
            key: places(&table.partition_key),
            clustering: places(&table.clustering),
            statics: !table.statics.is_empty(),
        }
    }

    /// The column and the reason, where the row in the making (`length` of each value, or none
    /// where it is absent) has no valid key.
    pub fn refuse(&self, length: impl Fn(usize) -> Option<usize>) -> Option<(&str, String)> {
        let alone = !self.clustering.is_empty()
            && self.statics
            && self.clustering.iter().all(|(_, at)| length(*at).is_none());
        let clustering: &[(String, usize)] = if alone { &[] } else { &self.clustering };
        for (name, at) in self.key.iter().chain(clustering) {
            if length(*at).is_none() {
                return Some((name, "the key column has no value".to_owned()));
            }
        }
        for (name, at) in clustering {
            if length(*at).is_some_and(|bytes| bytes >= CLUSTERING_BYTES_MAX) {
                let most = CLUSTERING_BYTES_MAX - 1;
                return Some((
                    name,
                    format!("a clustering value of more than {most} bytes"),
                ));
            }
        }
        let lengths = self.key.iter().filter_map(|(_, at)| length(*at));
        let bytes: usize = match self.key.len() {
            1 => lengths.sum(),
            _ => lengths.map(|bytes| bytes + 3).sum(),
        };
        let (name, _) = self.key.first()?;
        if bytes == 0 {
            return Some((name, "Key may not be empty".to_owned()));
        }
        (bytes > KEY_BYTES_MAX).then(|| {
            let message =
                format!("Key length of {bytes} is longer than maximum of {KEY_BYTES_MAX}");
            (name.as_str(), message)
        })
    }
}
