//! The rows that a SELECT is about: pulled from the engine one by one, and filtered.

use crate::cql::evaluate::{Context, term};
use crate::cql::execute::Execution;
use crate::cql::execute::filter::{BoundFilter, open_ring};
use crate::cql::execute::items::Items;
use crate::cql::execute::keys;
use crate::cql::execute::paging::Place;
use crate::cql::execute::view::{Clustering, PartitionValues, RowView};
use crate::cql::plan::{Choice, ClusteringPart, Filter, PartitionPlan, SelectPlan, Slot, Term};
use crate::cql::result::RowValues;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::ColumnKind;
use crate::storage::Engine;
use crate::storage::read::{Partitions, Projection, ReadCommand, ReadItem, Slice};
use crate::storage::row::{PartitionKey, Row};
use crate::types::Type;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What LIMIT says; as many as there may be where it says nothing.
pub fn limit(of: Option<&Term>, context: &Context<'_>) -> Result<u64> {
    let Some(of) = of else {
        return Ok(u64::MAX);
    };
    match term(of, context)? {
        Slot::Unset => Ok(u64::MAX),
        Slot::Null => Err(Error::invalid("Invalid null value of limit")),
        Slot::Bytes(bytes) => {
            let value = <[u8; 4]>::try_from(&*bytes).map(i32::from_be_bytes);
            match value.ok().and_then(|value| u64::try_from(value).ok()) {
                None | Some(0) => Err(Error::invalid("LIMIT must be strictly positive")),
                Some(value) => Ok(value),
            }
        }
    }
}

/// The partition that is being read.
struct Partition {
    key: PartitionKey,
    values: PartitionValues,
    static_row: Option<Row>,
    /// Whether its rows are wanted still.
    open: bool,
    rows: u64,
}

/// The rows that a SELECT is about, one after the other.
pub struct Scan {
    /// The plan.
    pub plan: Arc<SelectPlan>,
    /// The values of this execution.
    pub execution: Execution,
    items: Items,
    /// Whether the restrictions leave nothing to read.
    void: bool,
    /// Where the page before ended, until its partition has been entered again.
    resumed: Option<Place>,
    partition_filters: Vec<BoundFilter>,
    row_filters: Vec<BoundFilter>,
    per_partition_limit: u64,
    clustering_types: Vec<(Type, bool)>,
    partition: Option<Partition>,
    /// A partition that was seen before the static row of the one before it was handed out.
    ahead: Option<ReadItem>,
    row: Option<Row>,
    clustering: Clustering,
    now_seconds: i64,
    ended: bool,
}

impl Scan {
    /// Evaluates the restrictions of `plan` and starts its read, behind `place` if one is given.
    pub fn new(
        engine: &Engine,
        plan: &Arc<SelectPlan>,
        execution: Execution,
        place: Option<Place>,
    ) -> Result<Self> {
        let context = execution.context();
        let now_seconds = execution.now_seconds;
        let per_partition_limit = limit(plan.per_partition_limit.as_ref(), &context)?;
        let bound = |filters: &[Filter]| -> Result<Vec<BoundFilter>> {
            let bound = filters.iter().map(|it| BoundFilter::new(it, &context));
            let bound = bound.collect::<Result<_>>();
            bound.map_err(|error| first_fault(plan, &context).map_or(error, |(_, first)| first))
        };
        let mut partition_filters = bound(&plan.partition_filters)?;
        open_ring(&mut partition_filters);
        let row_filters = bound(&plan.row_filters)?;
        let command = command(plan, &partition_filters, &context, now_seconds)?;
        let void = command.is_none();
        let items = match command {
            None => Items::none(),
            Some(command) => Items::new(engine, plan, &execution, command, place.as_ref())?,
        };
        let clustering_types = match plan.needs_clustering {
            true => keys::clustering_types(&plan.table),
            false => Vec::new(),
        };
        Ok(Self {
            plan: Arc::clone(plan),
            items,
            void,
            resumed: place,
            partition_filters,
            row_filters,
            per_partition_limit,
            clustering_types,
            partition: None,
            ahead: None,
            row: None,
            clustering: Clustering::NONE,
            now_seconds,
            ended: false,
            execution,
        })
    }

    /// Whether the restrictions leave nothing to read.
    pub fn is_void(&self) -> bool {
        self.void
    }

    /// The row that [`Scan::advance`] found.
    pub fn view(&self) -> RowView<'_> {
        let partition = self.partition.as_ref();
        RowView {
            partition: partition.map(|partition| &partition.values),
            static_row: partition.and_then(|partition| partition.static_row.as_ref()),
            row: self.row.as_ref(),
            clustering: &self.clustering,
            now_seconds: self.now_seconds,
        }
    }

    /// How many rows of the present partition have been found.
    pub fn rows_of_partition(&self) -> u64 {
        self.partition
            .as_ref()
            .map_or(0, |partition| partition.rows)
    }

    /// Leaves out what is left of the present partition.
    pub fn skip_partition(&mut self) {
        if let Some(partition) = &mut self.partition {
            partition.open = false;
        }
    }

    fn pull(&mut self) -> Result<Option<ReadItem>> {
        if let Some(item) = self.ahead.take() {
            return Ok(Some(item));
        }
        self.items.next()
    }

    /// The place of the row that [`Scan::advance`] found.
    pub fn place(&self) -> Option<Place> {
        let partition = self.partition.as_ref()?;
        let row = self.row.as_ref().filter(|_| partition.open);
        Some(Place {
            partition: partition.key.clone(),
            row: row.map(|row| row.clustering.clone()),
            rows: partition.rows,
        })
    }

    /// Whether there may be rows behind the one that was found last.
    pub fn may_go_on(&mut self) -> Result<bool> {
        let open = self.partition.as_ref().is_none_or(|it| it.open);
        if self.ended || (!open && self.items.is_single()) {
            return Ok(false);
        }
        if self.ahead.is_none() {
            self.ahead = self.items.next()?;
            self.ended = self.ahead.is_none();
        }
        Ok(!self.ended)
    }

    /// Moves to the next row that meets the conditions; false at the end.
    pub fn advance(&mut self) -> Result<bool> {
        while !self.ended {
            if self.execution.interrupt.load(Ordering::Relaxed) {
                self.ended = true;
                return Err(Error::new(
                    ErrorKind::Cancelled,
                    "The statement was stopped",
                ));
            }
            let found = match self.pull()? {
                Some(ReadItem::Row(row)) => self.take_row(row)?,
                item if self.is_static_only() => {
                    self.ended = item.is_none();
                    self.ahead = item;
                    self.leave_row();
                    self.count_row(u64::MAX);
                    true
                }
                Some(ReadItem::Partition { key, static_row }) => {
                    self.start_partition(key, static_row)?
                }
                None => {
                    self.ended = true;
                    false
                }
            };
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the partition's next row is wanted.
    fn take_row(&mut self, row: Row) -> Result<bool> {
        if !self
            .partition
            .as_ref()
            .is_some_and(|partition| partition.open)
        {
            return Ok(false);
        }
        if self.plan.needs_clustering {
            self.clustering.set(&row, &self.clustering_types)?;
        }
        self.row = Some(row);
        if !self.passes(&self.row_filters)? {
            return Ok(false);
        }
        // With GROUP BY the limit is one of groups, and theirs to keep.
        let grouped = self.plan.group.is_some();
        self.count_row(if grouped {
            u64::MAX
        } else {
            self.per_partition_limit
        });
        Ok(true)
    }

    /// Enters a partition; true where it is a result by itself.
    fn start_partition(&mut self, key: PartitionKey, static_row: Option<Row>) -> Result<bool> {
        self.leave_row();
        let resumed = self.resumed.take();
        let resumed = resumed.filter(|place| place.partition == key);
        self.partition = Some(Partition {
            values: PartitionValues::new(&self.plan.table, &key)?,
            key,
            static_row,
            open: true,
            rows: resumed.map_or(0, |place| place.rows),
        });
        if !self.passes(&self.partition_filters)? {
            self.skip_partition();
            return Ok(false);
        }
        if self.plan.distinct {
            self.count_row(1);
        }
        Ok(self.plan.distinct)
    }

    fn leave_row(&mut self) {
        self.row = None;
        self.clustering.clear();
    }

    /// Counts a row of the partition, of which at most `limit` are wanted.
    fn count_row(&mut self, limit: u64) {
        if let Some(partition) = &mut self.partition {
            partition.rows += 1;
            partition.open = partition.rows < limit;
        }
    }

    /// Whether the present partition is at its end, without a row, and its static content counts.
    fn is_static_only(&self) -> bool {
        self.plan.static_only_rows
            && self.partition.as_ref().is_some_and(|partition| {
                partition.open && partition.rows == 0 && partition.static_row.is_some()
            })
    }

    fn passes(&self, filters: &[BoundFilter]) -> Result<bool> {
        if filters.is_empty() {
            return Ok(true);
        }
        let view = self.view();
        for filter in filters {
            if !filter.matches(&view)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The PER PARTITION LIMIT.
    pub fn per_partition_limit(&self) -> u64 {
        self.per_partition_limit
    }

    /// The present row's results.
    pub fn results(&self) -> Result<RowValues> {
        let context = self.execution.context();
        let view = self.view();
        let mut values = Vec::with_capacity(self.plan.selected.len());
        for selected in &self.plan.selected {
            values.push(view.select(selected, &[], &context)?);
        }
        Ok(values)
    }
}

/// What is wrong with the values of filters, by the order of the columns: those of keys, static
/// columns and others.
fn first_fault(plan: &SelectPlan, context: &Context<'_>) -> Option<(u8, Error)> {
    let mut filters: Vec<&Filter> = plan.partition_filters.iter().collect();
    filters.extend(&plan.row_filters);
    let rank = |filter: &Filter| match filter.columns().first().map(|column| column.kind) {
        None | Some(ColumnKind::PartitionKey) => 0,
        Some(ColumnKind::Clustering) => 1,
        Some(ColumnKind::Static) => 2,
        Some(ColumnKind::Regular) => 3,
    };
    filters.sort_by_key(|filter| rank(filter));
    let fault = |filter: &&Filter| Some((rank(filter), BoundFilter::new(filter, context).err()?));
    let first = filters.iter().find_map(fault);
    match first {
        Some((1.., _)) => unsliced(plan, context).or(first),
        _ => first,
    }
}

/// What is wrong with the values of the clustering, where they are checked as those of filters.
fn unsliced(plan: &SelectPlan, context: &Context<'_>) -> Option<(u8, Error)> {
    let first = plan.clustering_indexed?;
    let error = keys::prefixes_from(&plan.table, &plan.clustering, first, context).err()?;
    let words = error
        .message
        .replace("null value in condition for", "null value for");
    Some((1, Error::invalid(words.replace("Invalid ", "Unsupported "))))
}

/// What the engine is to read; none where the restrictions leave nothing.
fn command(
    plan: &SelectPlan,
    filters: &[BoundFilter],
    context: &Context<'_>,
    now_seconds: i64,
) -> Result<Option<ReadCommand>> {
    let partitions = match &plan.partition {
        PartitionPlan::Keys(choices) => {
            let mut keys = match keys::partition_keys(&plan.table, choices, context) {
                Ok(keys) => keys,
                Err(error) => {
                    let none = unnamed(plan, choices, context, error);
                    return none.or_else(|error| beside(choices, filters, error));
                }
            };
            if !filters.is_empty() {
                keys.retain(|key| filters.iter().all(|filter| filter.admits(key.token)));
            }
            if keys.is_empty() {
                return Ok(None);
            }
            Partitions::Keys(keys)
        }
        ranged => match keys::token_bounds(ranged, context) {
            Ok(Some((start, end))) => Partitions::Range { start, end },
            bounds => {
                // What is wrong with the clustering is told before what is wrong with tokens.
                slices(plan, context)?;
                return bounds.map(|_| None);
            }
        },
    };
    let slices = slices(plan, context)?;
    if slices.is_empty() {
        return Ok(None);
    }
    Ok(Some(ReadCommand {
        table: plan.table.id,
        partitions,
        slices,
        reversed: plan.reversed,
        columns: Projection::Columns(plan.read_columns.clone()),
        now_seconds,
    }))
}

/// The slices that restrict the rows.
fn slices(plan: &SelectPlan, context: &Context<'_>) -> Result<Vec<Slice>> {
    keys::slices(&plan.table, &plan.clustering, context).map_err(|error| {
        match unsliced(plan, context) {
            Some((_, error)) => error,
            None => unset_slice(plan, context, error),
        }
    })
}

/// The same of `error` where it is a slice's, behind what an index has a say in.
fn unset_slice(plan: &SelectPlan, context: &Context<'_>, error: Error) -> Error {
    let unset = error.message.strip_prefix("Invalid unset value");
    let of_slice = keys::prefixes(&plan.table, &plan.clustering, context).is_ok();
    match unset.filter(|_| of_slice && plan.clustering_indexed.is_some()) {
        Some(of) => Error::invalid(format!("Unsupported unset value{of}")),
        None => error,
    }
}

/// An empty key, which is none, is no offence either where the tokens that are asked for leave out
/// that of no bytes, the least of all.
fn beside(
    choices: &[Choice],
    filters: &[BoundFilter],
    error: Error,
) -> Result<Option<ReadCommand>> {
    let admitted = filters.iter().all(|filter| filter.admits(i64::MIN));
    match choices {
        [Choice::One(_)] if !admitted && error.message == keys::EMPTY => Ok(None),
        _ => Err(error),
    }
}

/// Whether a slice of several columns restricts the clustering.
fn slices_tuples(plan: &SelectPlan) -> bool {
    plan.clustering.iter().any(|part| match part {
        ClusteringPart::Slice { lower, upper, .. } => {
            lower.iter().chain(upper).any(|bound| bound.tuple)
        }
        _ => false,
    })
}

/// What is said where values make no key, `error` being why: that comes last, behind what is wrong
/// with the values of the key and of the clustering. Where the clustering leaves nothing to read
/// it is no offence.
fn unnamed(
    plan: &SelectPlan,
    choices: &[Choice],
    context: &Context<'_>,
    error: Error,
) -> Result<Option<ReadCommand>> {
    keys::check_partition_values(&plan.table, choices, context)?;
    keys::prefixes(&plan.table, &plan.clustering, context)?;
    match keys::slices(&plan.table, &plan.clustering, context) {
        Ok(slices) if slices.is_empty() => Ok(None),
        // A null that a slice of one column begins or ends with is no fault to Cassandra.
        Err(fault) if slices_tuples(plan) || fault.message.contains("unset") => Err(fault),
        _ => Err(error),
    }
}
