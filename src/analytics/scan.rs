//! The operator that reads a stored table.
//!
//! One stream a range of partitions; each pulls the engine's vectors and makes batches of them. It
//! reads on the planner's own threads: nobody else waits for those. Filters that become known while
//! the query runs (the least of a top-k so far, the keys of a join's other side) drop rows here,
//! before anything above touches them.

use super::build::{ColumnBuilder, array_of};
use super::errors::outward;
use super::sieve::Sieve;
use super::types;
use crate::error::{Error, ErrorKind, Result as OwnResult};
use crate::schema::{Column, ColumnKind, Table};
use crate::storage::read::{ColumnBatch, Partitions, ScanCommand, ScanFigures, Slice, ZoneTest};
use crate::storage::{ColumnStream, Pinned};
use crate::types::key;
use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, config::ConfigOptions};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column as PhysicalColumn;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation, PushedDown,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
    SortOrderPushdownResult,
};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is read.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub table: Arc<Table>,
    pub pinned: Pinned,
    pub parts: Vec<Partitions>,
    pub slices: Vec<Slice>,
    pub zones: Vec<ZoneTest>,
    /// About how many rows the table has.
    pub rows: u64,
    /// Whether rows come in reverse clustering order.
    pub reversed: bool,
    pub now_seconds: i64,
    pub interrupt: Arc<AtomicBool>,
}

/// A scan.
#[derive(Clone, Debug)]
pub(super) struct ScanExec {
    wish: Wish,
    projection: Vec<usize>,
    limit: Option<usize>,
    filters: Vec<Arc<dyn PhysicalExpr>>,
    figures: Arc<ScanFigures>,
    properties: Arc<PlanProperties>,
}

impl ScanExec {
    pub fn new(
        wish: Wish,
        schema: &SchemaRef,
        projection: Vec<usize>,
        limit: Option<usize>,
    ) -> Result<Self> {
        let schema = Arc::new(schema.project(&projection)?);
        let mut scan = Self {
            properties: properties(&schema, &wish, Vec::new()),
            wish,
            projection,
            limit,
            filters: Vec::new(),
            figures: Arc::default(),
        };
        scan.properties = properties(&schema, &scan.wish, scan.order(scan.wish.reversed));
        Ok(scan)
    }

    /// The order in which the rows of one partition come: that of the leading clustering columns,
    /// as far as they are read and SQL orders them as their keys are.
    fn order(&self, reversed: bool) -> Vec<PhysicalSortExpr> {
        let one = matches!(self.wish.parts.as_slice(), [Partitions::Keys(keys)] if keys.len() == 1);
        if !one || !self.wish.table.statics.is_empty() {
            return Vec::new();
        }
        let columns = self.columns();
        let order = self.wish.table.clustering.iter().map_while(|column| {
            let at = columns.iter().position(|it| it.id == column.id)?;
            let options = SortOptions {
                descending: column.descending != reversed,
                nulls_first: false,
            };
            let expr: Arc<dyn PhysicalExpr> = Arc::new(PhysicalColumn::new(&column.name, at));
            types::is_sorted_like_keys(&column.ty).then(|| PhysicalSortExpr::new(expr, options))
        });
        order.collect()
    }

    /// What was read, once it was run.
    pub fn figures(&self) -> &ScanFigures {
        &self.figures
    }

    /// The table's full name.
    pub fn table_name(&self) -> String {
        self.wish.table.full_name()
    }

    fn columns(&self) -> Vec<Column> {
        let all: Vec<&Column> = self.wish.table.columns().collect();
        let wanted = self.projection.iter();
        wanted
            .filter_map(|at| all.get(*at).map(|it| (*it).clone()))
            .collect()
    }

    fn command(&self, part: usize) -> ScanCommand {
        let table = &self.wish.table;
        let mut command = ScanCommand::new(table.id, self.wish.now_seconds);
        if let Some(partitions) = self.wish.parts.get(part) {
            command.partitions = partitions.clone();
        }
        command.slices.clone_from(&self.wish.slices);
        command.reversed = self.wish.reversed;
        command.zones.clone_from(&self.wish.zones);
        let columns = self.columns();
        let has = |kind| columns.iter().any(|column| column.kind == kind);
        let regular = columns.iter().filter(|it| it.kind == ColumnKind::Regular);
        command.columns = regular.map(|column| column.id).collect();
        command.columns.sort();
        // A partition that has static cells only is a row, whatever is asked for.
        command.statics = table.statics.iter().map(|column| column.id).collect();
        command.statics.sort();
        command.keys = has(ColumnKind::PartitionKey) || !command.statics.is_empty();
        command.clusterings = has(ColumnKind::Clustering);
        command.compact = true;
        command.figures = Some(Arc::clone(&self.figures));
        command
    }
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.columns();
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let keys: usize = self.wish.parts.iter().map(key_count).sum();
        write!(
            f,
            "ScanExec: {}, columns=[{}]",
            self.wish.table.full_name(),
            names.join(", ")
        )?;
        if keys > 0 {
            write!(f, ", partitions={keys}")?;
        } else {
            write!(f, ", ranges={}", self.wish.parts.len())?;
        }
        if !self.wish.slices.iter().all(Slice::is_all) {
            write!(f, ", slices={}", self.wish.slices.len())?;
        }
        if !self.wish.zones.is_empty() {
            write!(f, ", zone tests={}", self.wish.zones.len())?;
        }
        if let Some(limit) = self.limit {
            write!(f, ", limit={limit}")?;
        }
        for filter in &self.filters {
            write!(f, ", filter={filter}")?;
        }
        Ok(())
    }
}

fn properties(
    schema: &SchemaRef,
    wish: &Wish,
    order: Vec<PhysicalSortExpr>,
) -> Arc<PlanProperties> {
    let schema = Arc::clone(schema);
    let equivalence = match order.is_empty() {
        true => EquivalenceProperties::new(schema),
        false => EquivalenceProperties::new_with_orderings(schema, [order]),
    };
    Arc::new(PlanProperties::new(
        equivalence,
        Partitioning::UnknownPartitioning(wish.parts.len()),
        EmissionType::Incremental,
        Boundedness::Bounded,
    ))
}

fn key_count(partitions: &Partitions) -> usize {
    match partitions {
        Partitions::Keys(keys) => keys.len(),
        Partitions::Range { .. } => 0,
    }
}

impl ExecutionPlan for ScanExec {
    fn name(&self) -> &str {
        "ScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for filter in &self.filters {
            if visit(filter)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        let mut limited = self.clone();
        limited.limit = limit;
        Some(Arc::new(limited))
    }

    fn fetch(&self) -> Option<usize> {
        self.limit
    }

    fn handle_child_pushdown_result(
        &self,
        phase: FilterPushdownPhase,
        result: ChildPushdownResult,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        let count = result.parent_filters.len();
        let answer =
            FilterPushdownPropagation::with_parent_pushdown_result(vec![PushedDown::No; count]);
        if !matches!(phase, FilterPushdownPhase::Post) || count == 0 || self.limit.is_some() {
            return Ok(answer);
        }
        let mut filtering = self.clone();
        let filters = result.parent_filters.into_iter().map(|it| it.filter);
        filtering.filters.extend(filters);
        let updated: Arc<dyn ExecutionPlan> = Arc::new(filtering);
        Ok(answer.with_updated_node(updated))
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        _: &datafusion::physical_plan::StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let mut known = Statistics::new_unknown(&self.schema());
        let keys: usize = self.wish.parts.iter().map(key_count).sum();
        let sliced = !self.wish.slices.iter().all(Slice::is_all);
        let rows = usize::try_from(self.wish.rows).unwrap_or(usize::MAX);
        // Of named partitions and slices nothing is known but that they are fewer.
        let rows = if keys > 0 || sliced {
            rows.min(1_000 * keys.max(1))
        } else {
            rows
        };
        known.num_rows = Precision::Inexact(rows.min(self.limit.unwrap_or(usize::MAX)));
        Ok(Arc::new(known))
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
    ) -> Result<SortOrderPushdownResult<Arc<dyn ExecutionPlan>>> {
        let there = self.order(!self.wish.reversed);
        let agrees = !order.is_empty()
            && order.len() <= there.len()
            && order.iter().zip(&there).all(|(wanted, there)| {
                wanted.expr.eq(&there.expr) && wanted.options.descending == there.options.descending
            });
        if !agrees || self.limit.is_some() {
            return Ok(SortOrderPushdownResult::Unsupported);
        }
        let mut turned = self.clone();
        turned.wish.reversed = !self.wish.reversed;
        turned.properties = properties(&self.schema(), &turned.wish, there);
        let inner: Arc<dyn ExecutionPlan> = Arc::new(turned);
        Ok(SortOrderPushdownResult::Exact { inner })
    }

    fn execute(&self, part: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let reader = Reader {
            columns: self.columns(),
            clustering: self.wish.table.clustering.clone(),
            keys: self.wish.table.partition_key.len(),
            schema: self.schema(),
            command: Some(self.command(part)),
            pinned: self.wish.pinned.clone(),
            stream: None,
            left: self.limit,
            filters: self.filters.iter().map(Sieve::new).collect(),
            interrupt: Arc::clone(&self.wish.interrupt),
        };
        let batches = futures::stream::try_unfold(reader, |mut reader| async move {
            Ok(reader.next()?.map(|batch| (batch, reader)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema(),
            batches,
        )))
    }
}

/// Pulls one range of partitions.
struct Reader {
    columns: Vec<Column>,
    clustering: Vec<Column>,
    keys: usize,
    schema: SchemaRef,
    command: Option<ScanCommand>,
    pinned: Pinned,
    stream: Option<(ColumnStream, ScanCommand)>,
    left: Option<usize>,
    filters: Vec<Sieve>,
    interrupt: Arc<AtomicBool>,
}

impl Reader {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if self.interrupt.load(Ordering::Relaxed) {
                return Err(outward(Error::new(
                    ErrorKind::Cancelled,
                    "the query was cancelled",
                )));
            }
            if self.left == Some(0) {
                return Ok(None);
            }
            let Some(mut batch) = self.pull().map_err(outward)? else {
                return Ok(None);
            };
            for filter in &mut self.filters {
                batch = filter.apply(batch)?;
            }
            if let Some(left) = &mut self.left {
                batch = batch.slice(0, batch.num_rows().min(*left));
                *left -= batch.num_rows();
            }
            if batch.num_rows() > 0 {
                return Ok(Some(batch));
            }
        }
    }

    fn pull(&mut self) -> OwnResult<Option<RecordBatch>> {
        if let Some(command) = self.command.take() {
            self.stream = Some((self.pinned.scan(command.clone())?, command));
        }
        let Some((stream, command)) = &mut self.stream else {
            return Ok(None);
        };
        let Some(batch) = stream.next()? else {
            return Ok(None);
        };
        let command = command.clone();
        let rows = batch.rows;
        let arrays = self.arrays(&command, batch)?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .map(Some)
            .map_err(|error| Error::invalid(format!("rows of a table: {error}")))
    }

    fn arrays(&self, command: &ScanCommand, mut batch: ColumnBatch) -> OwnResult<Vec<ArrayRef>> {
        let keys = self.key_arrays(&batch)?;
        let clusterings = self.clustering_arrays(&batch)?;
        let runs = runs(&batch);
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (column, field) in self.columns.iter().zip(self.schema.fields()) {
            let to = field.data_type();
            let array = match column.kind {
                ColumnKind::PartitionKey => at(&keys, column)?,
                ColumnKind::Clustering => at(&clusterings, column)?,
                ColumnKind::Static => {
                    let at = command.statics.iter().position(|id| *id == column.id);
                    let vector = at
                        .and_then(|at| batch.statics.get_mut(at))
                        .map(std::mem::take);
                    let one = array_of(
                        &column.ty,
                        to,
                        vector.unwrap_or_default(),
                        batch.partitions.len(),
                    )?;
                    take(&one, &runs)?
                }
                ColumnKind::Regular => {
                    let at = command.columns.iter().position(|id| *id == column.id);
                    let vector = at
                        .and_then(|at| batch.columns.get_mut(at))
                        .map(std::mem::take);
                    array_of(&column.ty, to, vector.unwrap_or_default(), batch.rows)?
                }
            };
            arrays.push(array);
        }
        Ok(arrays)
    }

    fn key_arrays(&self, batch: &ColumnBatch) -> OwnResult<Vec<(usize, ArrayRef)>> {
        let mut builders = self.builders(ColumnKind::PartitionKey)?;
        if builders.is_empty() {
            return Ok(Vec::new());
        }
        for (_, key) in &batch.partitions {
            let parts = key::split_partition_key(&key.key, self.keys)?;
            for (position, builder) in &mut builders {
                builder.push(parts.get(*position).copied())?;
            }
        }
        let single = batch.partitions.len() == batch.rows;
        let runs = runs(batch);
        let finish = |(position, mut builder): (usize, ColumnBuilder)| {
            let array = builder.finish()?;
            Ok((position, if single { array } else { take(&array, &runs)? }))
        };
        builders.into_iter().map(finish).collect()
    }

    fn clustering_arrays(&self, batch: &ColumnBatch) -> OwnResult<Vec<(usize, ArrayRef)>> {
        let mut builders = self.builders(ColumnKind::Clustering)?;
        let Some(last) = builders.iter().map(|(position, _)| *position).max() else {
            return Ok(Vec::new());
        };
        let mut originals = batch.originals.iter().peekable();
        let mut value = Vec::new();
        for row in 0..batch.rows {
            let original = originals.next_if(|(number, _)| *number == row);
            let mut rest = batch.clustering.get(row).unwrap_or_default();
            let mut lossless = original.map(|(_, bytes)| bytes.as_ref());
            let mut wanted = builders.iter_mut().peekable();
            for (position, column) in self.clustering.iter().enumerate().take(last + 1) {
                value.clear();
                let mut present = false;
                if !rest.is_empty() {
                    let (is_there, used) =
                        key::decode_component_to(&column.ty, column.descending, rest, &mut value)?;
                    present = is_there;
                    rest = rest.get(used..).unwrap_or_default();
                }
                let whole = lossless.as_mut().and_then(take_original);
                if let Some((_, builder)) = wanted.next_if(|(at, _)| *at == position) {
                    let decoded = present.then_some(value.as_slice());
                    builder.push(whole.unwrap_or(decoded))?;
                }
            }
        }
        builders
            .into_iter()
            .map(|(position, mut builder)| Ok((position, builder.finish()?)))
            .collect()
    }

    /// Builders for the wanted columns of a key, with their positions in it.
    fn builders(&self, kind: ColumnKind) -> OwnResult<Vec<(usize, ColumnBuilder)>> {
        let pairs = self.columns.iter().zip(self.schema.fields());
        let mut builders = pairs
            .filter(|(column, _)| column.kind == kind)
            .map(|(column, field)| {
                let builder = ColumnBuilder::new(&column.ty, field.data_type())?;
                Ok((column.position, builder))
            })
            .collect::<OwnResult<Vec<_>>>()?;
        builders.sort_by_key(|(position, _)| *position);
        Ok(builders)
    }
}

/// The next of the values that a row's key bytes have lost something of.
fn take_original<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let (length, tail) = rest.split_first_chunk::<2>()?;
    let length = u16::from_be_bytes(*length);
    if length == u16::MAX {
        *rest = tail;
        return Some(None);
    }
    let (value, tail) = tail.split_at_checked(usize::from(length))?;
    *rest = tail;
    Some(Some(value))
}

fn at(arrays: &[(usize, ArrayRef)], column: &Column) -> OwnResult<ArrayRef> {
    let found = arrays
        .iter()
        .find(|(position, _)| *position == column.position);
    let none = || Error::internal(format!("no values of the key column {}", column.name));
    found.map(|(_, array)| Arc::clone(array)).ok_or_else(none)
}

/// For each row the number of its partition in the batch.
fn runs(batch: &ColumnBatch) -> UInt32Array {
    let starts = batch.partitions.iter().map(|(start, _)| *start);
    let ends = starts.clone().skip(1).chain([batch.rows]);
    let spans = starts.zip(ends).zip(0_u32..);
    let rows = spans
        .flat_map(|((start, end), number)| std::iter::repeat_n(number, end.saturating_sub(start)));
    UInt32Array::from_iter_values(rows)
}

fn take(array: &dyn Array, rows: &UInt32Array) -> OwnResult<ArrayRef> {
    arrow::compute::take(array, rows, None)
        .map_err(|error| Error::internal(format!("values of a partition's rows: {error}")))
}
