//! A table as the planner sees it.
//!
//! Conditions are taken as hints for where to look; the planner applies them itself to what comes.

use super::build::ColumnBuilder;
use super::errors::outward;
use super::prune;
use super::scan::{ScanExec, Wish};
use crate::error::Result as OwnResult;
use crate::schema::Table;
use crate::storage::Pinned;
use crate::storage::read::{Partitions, ReadItem};
use crate::storage::row::ColumnData;
use crate::types::key;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A stored table as of the query's moment.
#[derive(Debug)]
pub(super) struct StoredTable {
    pub table: Arc<Table>,
    pub schema: SchemaRef,
    pub pinned: Pinned,
    /// About how many rows it has.
    pub rows: u64,
    pub now_seconds: i64,
    pub interrupt: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl TableProvider for StoredTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let answer = |filter: &&Expr| {
            if prune::is_useful(&self.table, filter) {
                TableProviderFilterPushDown::Inexact
            } else {
                TableProviderFilterPushDown::Unsupported
            }
        };
        Ok(filters.iter().map(answer).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let projection = match projection {
            Some(projection) => projection.clone(),
            None => (0..self.schema.fields().len()).collect(),
        };
        let place = prune::place(&self.table, filters);
        let parts = self.parts(&place.partitions, state.config().target_partitions());
        let wish = Wish {
            table: Arc::clone(&self.table),
            pinned: self.pinned.clone(),
            parts,
            slices: place.slices,
            zones: place.zones,
            rows: self.rows,
            reversed: false,
            now_seconds: self.now_seconds,
            interrupt: Arc::clone(&self.interrupt),
        };
        Ok(Arc::new(ScanExec::new(
            wish,
            &self.schema,
            projection,
            limit,
        )?))
    }
}

impl StoredTable {
    /// The partitions for each of the threads that scan.
    fn parts(&self, partitions: &Partitions, threads: usize) -> Vec<Partitions> {
        match partitions {
            Partitions::Range { .. } if *partitions == Partitions::all() => {
                let splits = self.pinned.splits(self.table.id, threads.max(1));
                let range = |(start, end)| Partitions::Range { start, end };
                splits.into_iter().map(range).collect()
            }
            Partitions::Keys(keys) if keys.len() > threads * 8 => {
                let chunk = keys.len().div_ceil(threads.max(1));
                let part = |keys: &[_]| Partitions::Keys(keys.to_vec());
                keys.chunks(chunk).map(part).collect()
            }
            other => vec![other.clone()],
        }
    }
}

/// The rows of one of the system's own tables.
pub(super) fn virtual_rows(
    table: &Table,
    schema: &SchemaRef,
    items: Vec<ReadItem>,
) -> OwnResult<RecordBatch> {
    let mut builders = table
        .columns()
        .zip(schema.fields())
        .map(|(column, field)| ColumnBuilder::new(&column.ty, field.data_type()))
        .collect::<OwnResult<Vec<_>>>()?;
    let clustering: Vec<_> = table
        .clustering
        .iter()
        .map(|it| (it.ty.clone(), it.descending))
        .collect();
    let mut partition = None;
    for item in items {
        let row = match item {
            ReadItem::Partition { key, .. } => {
                partition = Some(key);
                continue;
            }
            ReadItem::Row(row) => row,
        };
        let mut values: Vec<Option<Bytes>> = Vec::new();
        if let Some(key) = &partition {
            let parts = key::split_partition_key(&key.key, table.partition_key.len())?;
            values.extend(parts.into_iter().map(|it| Some(Bytes::copy_from_slice(it))));
        }
        let parts = key::decode_clustering(&clustering, &row.clustering)?;
        values.extend(parts.into_iter().map(|it| it.map(Bytes::from)));
        for column in table.statics.iter().chain(&table.regulars) {
            let data = row.columns.iter().find(|it| it.id == column.id);
            values.push(match data.map(|it| &it.data) {
                Some(ColumnData::Simple(cell)) => Some(cell.value.clone()),
                _ => None,
            });
        }
        for (builder, value) in builders.iter_mut().zip(&values) {
            builder.push(value.as_deref())?;
        }
    }
    let arrays = builders
        .iter_mut()
        .map(ColumnBuilder::finish)
        .collect::<OwnResult<_>>()?;
    RecordBatch::try_new(Arc::clone(schema), arrays)
        .map_err(|error| super::errors::inward(outward_arrow(error)))
}

fn outward_arrow(error: arrow::error::ArrowError) -> datafusion::error::DataFusionError {
    outward(crate::error::Error::internal(format!(
        "rows of a system table: {error}"
    )))
}
