//! Rows of a query as rows of a table: keys, cells, tombstones.
//!
//! | | INSERT | UPDATE | DELETE |
//! |---|---|---|---|
//! | marker of the row | written | | |
//! | a value | a cell | a cell | |
//! | a null | nothing, or with USING NULLS a tombstone | a tombstone | |
//! | the row | | | a tombstone |
//! | a static row alone | static cells | static cells | static tombstones |

use crate::analytics::wire::{WireEncoder, located};
use crate::analytics::write::plan::{Action, WritePlan};
use crate::error::{Error, Result};
use crate::schema::{Column, ColumnId, ColumnKind, Table};
use crate::source::{FrozenBatch, RowCheck, ValueBatch, replace_collection};
use crate::storage::cell::{Cell, Deletion, Liveness, NEVER, NO_TTL};
use crate::storage::row::{ColumnData, PartitionKey, Row, RowColumn, RowDeletion};
use crate::types::{key, token};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;

/// What all rows of a run have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    pub timestamp: i64,
    ttl_seconds: i32,
    expiry_seconds: i64,
    now_seconds: i64,
}

impl Stamp {
    pub fn new(table: &Table, ttl_seconds: Option<i32>, timestamp: i64, now_seconds: i64) -> Self {
        let ttl_seconds = ttl_seconds.unwrap_or(table.options.default_time_to_live_seconds);
        let expiry_seconds = match ttl_seconds {
            NO_TTL => NEVER,
            ttl => now_seconds.saturating_add(i64::from(ttl)).min(NEVER - 1),
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

    fn deletion(&self) -> Deletion {
        Deletion {
            timestamp: self.timestamp,
            deleted_at_seconds: self.now_seconds,
        }
    }

    fn value(&self, column: &Column, value: Bytes) -> Result<ColumnData> {
        if !column.ty.is_multi_cell() {
            return Ok(ColumnData::Simple(self.cell(value)));
        }
        let model = self.cell(Bytes::new());
        replace_collection(&column.ty, &value, &model, self.now_seconds)
    }

    fn tombstone(&self, column: &Column) -> ColumnData {
        if column.ty.is_multi_cell() {
            return ColumnData::Complex {
                deletion: self.deletion(),
                cells: Vec::new(),
            };
        }
        ColumnData::Simple(Cell::tombstone(self.timestamp, self.now_seconds))
    }
}

/// A column and where its value stands in a row of the query.
#[derive(Clone, Debug)]
struct Given {
    column: Column,
    at: usize,
}

/// Makes rows of the table.
pub(super) struct RowBuilder {
    action: Action,
    /// Whether a null of an INSERT deletes what was there.
    nulls: bool,
    encoders: Vec<WireEncoder>,
    names: Vec<String>,
    check: RowCheck,
    key: Vec<Given>,
    clustering: Vec<Given>,
    statics: Vec<Given>,
    regulars: Vec<Given>,
    /// The static columns of the table, in the order of their ids.
    all_statics: Vec<Column>,
    /// How many rows came before the batch in hand.
    before: u64,
}

/// Up to two rows come of one of the query: the partition's static row, and the row itself.
pub(super) struct Built {
    pub key: PartitionKey,
    pub rows: Vec<Row>,
}

impl RowBuilder {
    /// A builder of rows of the plan's table from batches with this schema.
    pub fn new(plan: &WritePlan, schema: &SchemaRef) -> Result<Self> {
        plan.check_width(schema.fields().len())?;
        let encoders = plan
            .columns
            .iter()
            .zip(schema.fields())
            .map(|(column, field)| {
                WireEncoder::new(field.data_type(), &column.ty).map_err(|error| Error {
                    message: format!("column {}: {}", column.name, error.message),
                    ..error
                })
            });
        let of_kind = |kind: ColumnKind, by: fn(&Column) -> (usize, ColumnId)| {
            let mut found: Vec<Given> = plan
                .columns
                .iter()
                .cloned()
                .enumerate()
                .filter(|(_, column)| column.kind == kind)
                .map(|(at, column)| Given { column, at })
                .collect();
            found.sort_by_key(|given| by(&given.column));
            found
        };
        let place = |column: &Column| (column.position, column.id);
        let number = |column: &Column| (0, column.id);
        let mut all_statics = plan.table.statics.clone();
        all_statics.sort_by_key(|column| column.id);
        Ok(Self {
            action: plan.action,
            nulls: plan.action == Action::Update || plan.using.nulls,
            encoders: encoders.collect::<Result<_>>()?,
            names: plan.columns.iter().map(|it| it.name.clone()).collect(),
            check: RowCheck::new(&plan.table, &plan.columns),
            key: of_kind(ColumnKind::PartitionKey, place),
            clustering: of_kind(ColumnKind::Clustering, place),
            statics: of_kind(ColumnKind::Static, number),
            regulars: of_kind(ColumnKind::Regular, number),
            all_statics,
            before: 0,
        })
    }

    /// The wire values of a batch; a row without a valid key is an error that names it.
    pub fn encode(&mut self, batch: &RecordBatch) -> Result<FrozenBatch> {
        let mut values = ValueBatch::new(self.encoders.len());
        for row in 0..batch.num_rows() {
            let number = self.before + row as u64 + 1;
            for (at, (encoder, array)) in self.encoders.iter().zip(batch.columns()).enumerate() {
                let present = encoder.encode_into(array.as_ref(), row, values.data());
                match present.map_err(|error| self.located(error, at, number))? {
                    true => values.end_value(),
                    false => values.end_absent(),
                }
            }
            if let Some((column, reason)) = self.check.refuse(|at| values.open_length(at)) {
                return Err(located(Error::invalid(reason), column, number));
            }
            values.end_row();
        }
        self.before += batch.num_rows() as u64;
        Ok(values.freeze())
    }

    fn located(&self, error: Error, at: usize, number: u64) -> Error {
        let name = self.names.get(at).map_or("?", String::as_str);
        located(error, name, number)
    }

    /// The rows of the table that a row of the query makes.
    pub fn build(&self, values: &FrozenBatch, row: usize, stamp: &Stamp) -> Result<Built> {
        let key = self.partition_key(values, row)?;
        let absent = |given: &Given| values.slice(row, given.at).is_none();
        let alone = !self.clustering.is_empty() && self.clustering.iter().all(absent);
        let mut rows = Vec::new();
        let mut statics = Row::new(Bytes::new());
        match self.action {
            Action::Delete if alone => {
                let gone = self.all_statics.iter().map(|column| RowColumn {
                    id: column.id,
                    data: stamp.tombstone(column),
                });
                statics.columns = gone.collect();
            }
            Action::Delete => {}
            _ => statics.columns = self.columns(&self.statics, values, row, stamp)?,
        }
        if !statics.columns.is_empty() {
            rows.push(statics);
        }
        if alone {
            return Ok(Built { key, rows });
        }
        let (clustering, original) = self.encode_clustering(values, row)?;
        let mut built = Row {
            original,
            ..Row::new(clustering)
        };
        match self.action {
            Action::Insert => built.liveness = stamp.liveness(),
            Action::Update => {}
            Action::Delete => built.deletion = RowDeletion::plain(stamp.deletion()),
        }
        built.columns = self.columns(&self.regulars, values, row, stamp)?;
        if self.action != Action::Update || !built.columns.is_empty() {
            rows.push(built);
        }
        Ok(Built { key, rows })
    }

    fn columns(
        &self,
        given: &[Given],
        values: &FrozenBatch,
        row: usize,
        stamp: &Stamp,
    ) -> Result<Vec<RowColumn>> {
        let mut columns = Vec::with_capacity(given.len());
        for Given { column, at } in given {
            let data = match values.bytes(row, *at) {
                Some(value) => stamp.value(column, value)?,
                None if self.nulls => stamp.tombstone(column),
                None => continue,
            };
            let id = column.id;
            columns.push(RowColumn { id, data });
        }
        Ok(columns)
    }

    fn partition_key(&self, values: &FrozenBatch, row: usize) -> Result<PartitionKey> {
        let part = |given: &Given| values.slice(row, given.at).ok_or_else(|| no_key(given));
        let raw = if let [only] = self.key.as_slice() {
            values.bytes(row, only.at).ok_or_else(|| no_key(only))?
        } else {
            let parts: Vec<&[u8]> = self.key.iter().map(part).collect::<Result<_>>()?;
            Bytes::from(key::compose_partition_key(&parts))
        };
        Ok(PartitionKey {
            token: token::murmur3_token(&raw),
            key: raw,
        })
    }

    fn encode_clustering(
        &self,
        values: &FrozenBatch,
        row: usize,
    ) -> Result<(Bytes, Option<Bytes>)> {
        let mut lossy = false;
        let (mut clustering, mut original) = (Vec::new(), Vec::new());
        for given in &self.clustering {
            let value = values.slice(row, given.at).ok_or_else(|| no_key(given))?;
            let Column { ty, descending, .. } = &given.column;
            lossy |= key::encode_component(ty, *descending, Some(value), &mut clustering)?;
        }
        key::finish_clustering(&mut clustering);
        if !lossy {
            return Ok((Bytes::from(clustering), None));
        }
        for given in &self.clustering {
            let value = values.slice(row, given.at).unwrap_or_default();
            let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
            original.extend_from_slice(&length.to_be_bytes());
            original.extend_from_slice(value);
        }
        Ok((Bytes::from(clustering), Some(Bytes::from(original))))
    }
}

fn no_key(given: &Given) -> Error {
    Error::invalid(format!("the key column {} has no value", given.column.name))
}
