//! Aggregates over a whole table, by column.
//!
//! `SELECT count(*), sum(v) FROM t [WHERE w = … ALLOW FILTERING]` needs no row as such: the
//! engine's scan hands out the wanted columns alone, and each value goes straight to its
//! aggregate.

use crate::cql::ast::Operator;
use crate::cql::execute::Execution;
use crate::cql::execute::aggregate::State;
use crate::cql::execute::filter::BoundFilter;
use crate::cql::execute::keys;
use crate::cql::execute::view::{Clustering, RowView};
use crate::cql::plan::{ColumnRef, Filter, FilterLeft, PartitionPlan, SelectPlan, Selected};
use crate::cql::result::{RowSource, RowValues};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{ColumnId, ColumnKind};
use crate::storage::Engine;
use crate::storage::read::{ColumnBatch, ColumnVector, Partitions, ScanCommand, VectorValues};
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn is_plain(column: &ColumnRef) -> bool {
    column.kind == ColumnKind::Regular && !column.ty.is_multi_cell()
}

/// Whether a plan is all aggregates of regular columns, filtered by regular columns at most.
/// Tables with static columns go row by row: a partition of nothing else counts as a row.
pub fn suits(plan: &SelectPlan) -> bool {
    let one_column = |arguments: &[Selected]| match arguments {
        [] => true,
        [Selected::Column(column)] => is_plain(column),
        _ => false,
    };
    !plan.is_virtual
        && plan.index.is_none()
        && !plan.aggregates.is_empty()
        && plan.group.is_none()
        && plan.table.statics.is_empty()
        && !matches!(plan.partition, PartitionPlan::Keys(_))
        && plan.clustering.is_empty()
        && plan.partition_filters.is_empty()
        && plan.aggregates.iter().all(|it| one_column(&it.arguments))
        && plan.row_filters.iter().all(is_of_values)
        && plan
            .selected
            .iter()
            .all(|it| matches!(it, Selected::Aggregate(_)))
}

/// Whether a filter compares whole values of a plain column.
fn is_of_values(filter: &Filter) -> bool {
    let looks_inside = matches!(filter.operator, Operator::Contains | Operator::ContainsKey);
    !looks_inside && matches!(&filter.left, FilterLeft::Column(column) if is_plain(column))
}

/// The one row that such a plan answers.
pub struct Columnar {
    engine: Engine,
    plan: Arc<SelectPlan>,
    execution: Execution,
    ended: bool,
}

impl Columnar {
    /// The answer to a plan that [`suits`].
    pub fn new(engine: &Engine, plan: &Arc<SelectPlan>, execution: Execution) -> Self {
        Self {
            engine: engine.clone(),
            plan: Arc::clone(plan),
            execution,
            ended: false,
        }
    }

    fn gather(&self) -> Result<Vec<State>> {
        let plan = &self.plan;
        let context = self.execution.context();
        let mut filters = Vec::with_capacity(plan.row_filters.len());
        for filter in &plan.row_filters {
            let column = filter.columns().first();
            let at = column.and_then(|c| plan.read_columns.binary_search(&c.id).ok());
            filters.push((BoundFilter::new(filter, &context)?, at));
        }
        let mut states: Vec<State> = plan.aggregates.iter().map(State::new).collect();
        let Some((start, end)) = keys::token_bounds(&plan.partition, &context)? else {
            return Ok(states);
        };
        let mut stream = self.engine.scan(ScanCommand {
            partitions: Partitions::Range { start, end },
            columns: plan.read_columns.clone(),
            figures: self.execution.figures.clone(),
            ..ScanCommand::new(plan.table.id, self.execution.now_seconds)
        })?;
        while let Some(batch) = stream.next()? {
            if self.execution.interrupt.load(Ordering::Relaxed) {
                return Err(Error::new(
                    ErrorKind::Cancelled,
                    "The statement was stopped",
                ));
            }
            let wanted = passing(&batch, &filters)?;
            for (state, aggregate) in states.iter_mut().zip(&plan.aggregates) {
                let column = match aggregate.arguments.first() {
                    Some(Selected::Column(column)) => vector(&batch, &plan.read_columns, column),
                    _ => None,
                };
                add(state, column, batch.rows, wanted.as_deref())?;
            }
        }
        Ok(states)
    }
}

impl RowSource for Columnar {
    fn next(&mut self) -> Result<Option<RowValues>> {
        if std::mem::replace(&mut self.ended, true) {
            return Ok(None);
        }
        let mut aggregates = Vec::with_capacity(self.plan.aggregates.len());
        for mut state in self.gather()? {
            aggregates.push(state.finish()?);
        }
        let nothing = RowView {
            partition: None,
            static_row: None,
            row: None,
            clustering: &Clustering::NONE,
            now_seconds: 0,
        };
        let context = self.execution.context();
        let values: Result<RowValues> = self
            .plan
            .selected
            .iter()
            .map(|selected| nothing.select(selected, &aggregates, &context))
            .collect();
        values.map(Some)
    }
}

fn vector<'b>(
    batch: &'b ColumnBatch,
    read: &[ColumnId],
    column: &ColumnRef,
) -> Option<&'b ColumnVector> {
    batch.columns.get(read.binary_search(&column.id).ok()?)
}

/// Which rows of a batch meet all filters; none where there is no filter.
fn passing(
    batch: &ColumnBatch,
    filters: &[(BoundFilter, Option<usize>)],
) -> Result<Option<Vec<bool>>> {
    if filters.is_empty() {
        return Ok(None);
    }
    let mut wanted = vec![true; batch.rows];
    for (filter, at) in filters {
        let column = at.and_then(|at| batch.columns.get(at));
        let column = column.ok_or_else(|| Error::internal("a scan without its column"))?;
        for (row, wanted) in wanted.iter_mut().enumerate() {
            *wanted = *wanted
                && with_wire(column, row, |value| {
                    Ok(value.is_some_and(|value| filter.holds_for(value)))
                })?;
        }
    }
    Ok(Some(wanted))
}

/// Adds a batch's values to an aggregate; without a column it counts rows.
fn add(
    state: &mut State,
    column: Option<&ColumnVector>,
    rows: usize,
    wanted: Option<&[bool]>,
) -> Result<()> {
    let is_wanted = |row: usize| wanted.is_none_or(|it| it.get(row).copied().unwrap_or(false));
    match (state, column) {
        (State::Count(count), _) => {
            let found = match wanted {
                None => rows,
                Some(wanted) => wanted.iter().filter(|wanted| **wanted).count(),
            };
            *count = count.saturating_add(i64::try_from(found).unwrap_or(i64::MAX));
        }
        (State::Function(accumulator), Some(column)) => {
            for row in (0..rows).filter(|row| is_wanted(*row)) {
                with_wire(column, row, |value| accumulator.add(&[value]))?;
            }
        }
        (State::Function(accumulator), None) => {
            for _ in (0..rows).filter(|row| is_wanted(*row)) {
                accumulator.add(&[])?;
            }
        }
    }
    Ok(())
}

/// Hands a row's value to `use_value` as wire bytes, or none where it has none.
fn with_wire<T>(
    column: &ColumnVector,
    row: usize,
    use_value: impl FnOnce(Option<&[u8]>) -> Result<T>,
) -> Result<T> {
    let word = column.present.get(row / 64).copied().unwrap_or(0);
    if word >> (row % 64) & 1 == 0 {
        return use_value(None);
    }
    let short = || Error::internal("a column that is shorter than its batch");
    match &column.values {
        VectorValues::Int8(v) => use_value(Some(&v.get(row).ok_or_else(short)?.to_be_bytes())),
        VectorValues::Int16(v) => use_value(Some(&v.get(row).ok_or_else(short)?.to_be_bytes())),
        VectorValues::Int32(v) => use_value(Some(&v.get(row).ok_or_else(short)?.to_be_bytes())),
        VectorValues::Int64(v) => use_value(Some(&v.get(row).ok_or_else(short)?.to_be_bytes())),
        VectorValues::Float32(v) => use_value(Some(&v.get(row).ok_or_else(short)?.to_be_bytes())),
        VectorValues::Float64(v) => use_value(Some(&v.get(row).ok_or_else(short)?.to_be_bytes())),
        VectorValues::Bool(v) => use_value(Some(&[u8::from(*v.get(row).ok_or_else(short)?)])),
        VectorValues::Bytes { offsets, data } => {
            let (Some(from), Some(to)) = (offsets.get(row), offsets.get(row + 1)) else {
                return Err(short());
            };
            let range = usize::try_from(*from).ok().zip(usize::try_from(*to).ok());
            let value = range.and_then(|(from, to)| data.get(from..to));
            use_value(Some(value.ok_or_else(short)?))
        }
        VectorValues::Complex(_) => Err(Error::internal("a collection in a scan of plain columns")),
        VectorValues::Dictionary { .. } | VectorValues::Scaled { .. } => {
            Err(Error::internal("a compact column that was not asked for"))
        }
    }
}
