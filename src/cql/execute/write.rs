//! INSERT, UPDATE and DELETE: from values to one mutation.
//!
//! A plan yields a [`PartitionUpdate`] for each partition that it names. What it writes to a column
//! is decided by [`cells`](crate::cql::execute::cells); what it must read first (counters, elements
//! of lists) it reads under the partitions' locks.

use crate::cql::evaluate::{Context, term};
use crate::cql::execute::Execution;
use crate::cql::execute::cells::{ColumnCells, Stamp};
use crate::cql::execute::keys::{self, Prefix};
use crate::cql::plan::{Bound, ClusteringPart, ColumnOperation, Slot, Term, WriteKind, WritePlan};
use crate::error::{Error, Result};
use crate::limits;
use crate::schema::{ColumnId, TableId};
use crate::storage::cell::{Deletion, Liveness, NEVER, NO_TTL};
use crate::storage::mutation::{Mutation, PartitionUpdate, merge_rows};
use crate::storage::read::{Partitions, Projection, ReadCommand, ReadItem, Slice};
use crate::storage::row::{PartitionKey, RangeDeletion, Row, RowDeletion};
use crate::storage::{AppendedView, Engine, Ticket};
use bytes::Bytes;

/// A statement, with the values of its markers.
pub type Statement<'a> = (&'a WritePlan, &'a [Slot]);

/// Executes an INSERT, UPDATE or DELETE.
pub fn execute(engine: &Engine, plan: &WritePlan, execution: &Execution) -> Result<Option<Ticket>> {
    let context = &execution.context();
    let stamp =
        stamp(engine, plan, execution.timestamp_micros, execution, context).map_err(|error| {
            match timestamp_fault(plan, context) {
                Some(first) => first,
                None => worse_key(plan, context).unwrap_or(error),
            }
        })?;
    let writer = Writer {
        plan,
        stamp,
        context,
    };
    if !plan.reads {
        let mut updates = Vec::with_capacity(1);
        writer.write(None, &mut updates)?;
        return apply(engine, Mutation { updates }, execution);
    }
    let keys = locked_keys(plan, context)?;
    read_modify_write(engine, &keys, execution, |view| {
        let mut updates = Vec::with_capacity(keys.len());
        writer.write(Some(view), &mut updates)?;
        Ok(Mutation { updates })
    })
}

/// What is wrong with a plan's own timestamp, which outside of batches is told first.
pub fn timestamp_fault(plan: &WritePlan, context: &Context<'_>) -> Option<Error> {
    let of = plan.timestamp.as_ref()?;
    timestamp(of, context).err()
}

/// What is wrong with the key, which is told before what is wrong with the time to live.
pub fn worse_key(plan: &WritePlan, context: &Context<'_>) -> Option<Error> {
    let partition = keys::partition_keys(&plan.table, &plan.partition, context).err();
    partition.or_else(|| keys::prefixes(&plan.table, &plan.clustering, context).err())
}

/// Has the engine take a mutation.
pub fn apply(engine: &Engine, mutation: Mutation, execution: &Execution) -> Result<Option<Ticket>> {
    if mutation.updates.is_empty() {
        return Ok(None);
    }
    execution.note(|| "Appending to commitlog and memtable");
    if execution.defer {
        return engine.submit(mutation);
    }
    engine.apply(mutation)?;
    execution.note(|| "The commitlog is synced");
    Ok(None)
}

/// Has the engine take the mutation that `decide` makes under the locks of `keys`.
pub fn read_modify_write(
    engine: &Engine,
    keys: &[(TableId, PartitionKey)],
    execution: &Execution,
    decide: impl FnOnce(&AppendedView<'_>) -> Result<Mutation>,
) -> Result<Option<Ticket>> {
    execution.note(|| "Reading what is there under the locks of the partitions");
    let decide = |view: &AppendedView<'_>| Ok((Some(decide(view)?), ()));
    if execution.defer {
        let ((), ticket) = engine.read_modify_write_deferred(keys, decide)?;
        return Ok(ticket);
    }
    engine.read_modify_write(keys, decide)?;
    Ok(None)
}

/// The partitions that must not change while a plan reads and writes.
pub fn locked_keys(
    plan: &WritePlan,
    context: &Context<'_>,
) -> Result<Vec<(TableId, PartitionKey)>> {
    let keys = keys::partition_keys(&plan.table, &plan.partition, context)?;
    Ok(keys.into_iter().map(|key| (plan.table.id, key)).collect())
}

/// The write timestamp that a term gives; none where it is not set.
pub fn timestamp(of: &Term, context: &Context<'_>) -> Result<Option<i64>> {
    match term(of, context)? {
        Slot::Unset => Ok(None),
        Slot::Null => Err(Error::invalid("Invalid null value of timestamp")),
        Slot::Bytes(bytes) => match <[u8; 8]>::try_from(&*bytes).map(i64::from_be_bytes) {
            Ok(i64::MIN) => Err(Error::invalid(format!(
                "Out of bound timestamp, must be in [{}, {}]",
                i64::MIN + 1,
                i64::MAX
            ))),
            Err(_) => Err(Error::invalid("Invalid timestamp value")),
            Ok(micros) => Ok(Some(micros)),
        },
    }
}

/// The stamp of what a plan writes; `shared` is the timestamp where it says none itself.
pub fn stamp(
    engine: &Engine,
    plan: &WritePlan,
    shared: Option<i64>,
    execution: &Execution,
    context: &Context<'_>,
) -> Result<Stamp> {
    let own = match &plan.timestamp {
        Some(of) => timestamp(of, context)?,
        None => None,
    };
    let micros = match own.or(shared) {
        Some(micros) => micros,
        None => engine.next_timestamp(),
    };
    let default = plan.table.options.default_time_to_live_seconds;
    let ttl_seconds = match &plan.ttl {
        None if matches!(plan.kind, WriteKind::Delete) => NO_TTL,
        None => default,
        Some(of) => match term(of, context)? {
            Slot::Unset => default,
            Slot::Null => NO_TTL,
            Slot::Bytes(bytes) if bytes.is_empty() => NO_TTL,
            Slot::Bytes(bytes) => {
                let ttl = <[u8; 4]>::try_from(&*bytes).map(i32::from_be_bytes);
                let ttl = ttl.map_err(|_| Error::invalid("Invalid TTL value"))?;
                if ttl < 0 {
                    return Err(Error::invalid(format!(
                        "A TTL must be greater or equal to 0, but was {ttl}"
                    )));
                }
                if ttl > limits::TTL_SECONDS_MAX {
                    return Err(Error::invalid(format!(
                        "ttl is too large. requested ({ttl}) maximum ({})",
                        limits::TTL_SECONDS_MAX
                    )));
                }
                ttl
            }
        },
    };
    let list_micros = match plan.lists {
        true => engine.next_timestamp(),
        false => 0,
    };
    Ok(Stamp::new(
        micros,
        ttl_seconds,
        execution.now_seconds,
        list_micros,
    ))
}

/// One plan with what this execution brings.
pub struct Writer<'a> {
    /// The plan.
    pub plan: &'a WritePlan,
    /// Its stamp.
    pub stamp: Stamp,
    /// The values.
    pub context: &'a Context<'a>,
}

impl Writer<'_> {
    /// Appends the updates, reading what is there through `view` where that is needed.
    pub fn write(
        &self,
        view: Option<&AppendedView<'_>>,
        updates: &mut Vec<PartitionUpdate>,
    ) -> Result<()> {
        let plan = self.plan;
        let keys = keys::partition_keys(&plan.table, &plan.partition, self.context)?;
        let last = keys.len().saturating_sub(1);
        let Some(template) = PartitionTemplate::new(self)? else {
            return Ok(());
        };
        let mut template = Some(template);
        for (at, key) in keys.into_iter().enumerate() {
            // The rows are the same in every partition; the last one takes them.
            let rows = match at == last {
                true => template.take(),
                false => template.clone(),
            };
            let rows = rows.ok_or_else(|| Error::internal("a partition without its rows"))?;
            updates.push(self.partition(key, rows, view, updates)?);
        }
        Ok(())
    }

    fn partition(
        &self,
        key: PartitionKey,
        template: PartitionTemplate,
        view: Option<&AppendedView<'_>>,
        earlier: &[PartitionUpdate],
    ) -> Result<PartitionUpdate> {
        let plan = self.plan;
        let mut update = PartitionUpdate {
            table: plan.table.id,
            schema_version: plan.table.version,
            key,
            deletion: template.deletion,
            ranges: template.ranges,
            static_row: None,
            rows: Vec::with_capacity(template.rows.len()),
        };
        // As in Cassandra the static columns come behind the first row: of several faults the first
        // is told.
        for (clustering, original) in template.rows {
            let current = match view {
                Some(view) if plan.reads => {
                    self.current(view, &update.key, Some(&clustering), earlier)?
                }
                _ => None,
            };
            let mut row = Row::new(clustering);
            row.original = original;
            row.liveness = template.liveness;
            row.deletion = template.row_deletion;
            row.columns = self.columns(&plan.regulars, current.as_ref())?;
            update.rows.push(row);
            if update.rows.len() == 1 {
                update.static_row = self.statics(&update.key, view, earlier)?;
            }
        }
        if update.rows.is_empty() {
            update.static_row = self.statics(&update.key, view, earlier)?;
        }
        Ok(update)
    }

    /// What happens to the static columns of a partition.
    fn statics(
        &self,
        key: &PartitionKey,
        view: Option<&AppendedView<'_>>,
        earlier: &[PartitionUpdate],
    ) -> Result<Option<Row>> {
        let plan = self.plan;
        if plan.statics.is_empty() {
            return Ok(None);
        }
        let current = match view {
            Some(view) if plan.reads => self.current(view, key, None, earlier)?,
            _ => None,
        };
        let mut row = Row::new(Bytes::new());
        row.columns = self.columns(&plan.statics, current.as_ref())?;
        Ok(Some(row))
    }

    fn columns(
        &self,
        operations: &[ColumnOperation],
        current: Option<&Row>,
    ) -> Result<Vec<crate::storage::row::RowColumn>> {
        let mut cells = ColumnCells::new(&self.stamp, operations.len());
        for operation in operations {
            let data = current.and_then(|row| row.column(operation.column.id));
            cells
                .add(operation, data, self.context)
                .map_err(|error| self.first_fault(operations, current).unwrap_or(error))?;
        }
        Ok(cells.finish())
    }

    /// What is wrong with the first operation, as they were written, that cannot be done.
    fn first_fault(&self, operations: &[ColumnOperation], current: Option<&Row>) -> Option<Error> {
        let mut written: Vec<&ColumnOperation> = operations.iter().collect();
        written.sort_by_key(|operation| operation.place);
        written.into_iter().find_map(|operation| {
            let data = current.and_then(|row| row.column(operation.column.id));
            let mut cells = ColumnCells::new(&self.stamp, 1);
            cells.add(operation, data, self.context).err()
        })
    }

    /// What stands in a row now, as the engine has it. Statements of a batch don't see what those
    /// before them write, except counters, which add up.
    fn current(
        &self,
        view: &AppendedView<'_>,
        key: &PartitionKey,
        clustering: Option<&Bytes>,
        earlier: &[PartitionUpdate],
    ) -> Result<Option<Row>> {
        let table = &self.plan.table;
        let operations = match clustering {
            Some(_) => &self.plan.regulars,
            None => &self.plan.statics,
        };
        let mut columns: Vec<ColumnId> = operations.iter().map(|op| op.column.id).collect();
        columns.dedup();
        let mut stream = view.read(ReadCommand {
            table: table.id,
            partitions: Partitions::Keys(vec![key.clone()]),
            slices: clustering.cloned().map(Slice::row).into_iter().collect(),
            reversed: false,
            columns: Projection::Columns(columns),
            now_seconds: self.stamp.now_seconds,
        })?;
        let mut found = None;
        while let Some(item) = stream.next()? {
            match item {
                ReadItem::Partition { static_row, .. } if clustering.is_none() => {
                    found = static_row;
                }
                ReadItem::Row(row) => found = Some(row),
                ReadItem::Partition { .. } => {}
            }
        }
        for update in earlier.iter().filter(|_| table.is_counter()) {
            if update.table != table.id || update.key != *key {
                continue;
            }
            let written = match clustering {
                None => update.static_row.as_ref(),
                Some(clustering) => update.rows.iter().find(|row| row.clustering == *clustering),
            };
            if let Some(written) = written {
                found = Some(match found {
                    None => written.clone(),
                    Some(row) => merge_rows(true, row, written.clone()),
                });
            }
        }
        Ok(found)
    }
}

/// Whether a plan's range ends in values of one column.
fn ends_in_column(plan: &WritePlan) -> bool {
    let of_column = |bound: &Option<Bound>| bound.as_ref().is_none_or(|bound| !bound.tuple);
    match plan.clustering.last() {
        Some(ClusteringPart::Slice { lower, upper }) => of_column(lower) && of_column(upper),
        _ => false,
    }
}

/// What a plan does in each of its partitions, columns aside.
#[derive(Clone)]
struct PartitionTemplate {
    deletion: Deletion,
    ranges: Vec<RangeDeletion>,
    liveness: Liveness,
    row_deletion: RowDeletion,
    rows: Vec<(Bytes, Option<Bytes>)>,
}

impl PartitionTemplate {
    /// None where the plan does nothing.
    fn new(writer: &Writer<'_>) -> Result<Option<Self>> {
        let (plan, stamp) = (writer.plan, &writer.stamp);
        let mut template = Self {
            deletion: Deletion::NONE,
            ranges: Vec::new(),
            liveness: Liveness::NONE,
            row_deletion: RowDeletion::NONE,
            rows: Vec::new(),
        };
        if !plan.rows {
            return Ok(Some(template));
        }
        match plan.kind {
            WriteKind::Insert => {
                template.liveness = Liveness {
                    timestamp: stamp.timestamp,
                    ttl_seconds: stamp.ttl_seconds,
                    expiry_seconds: stamp.expiry_seconds,
                };
                if stamp.ttl_seconds == NO_TTL {
                    template.liveness.expiry_seconds = NEVER;
                }
            }
            WriteKind::Update => {}
            WriteKind::Delete if plan.statics.is_empty() && plan.regulars.is_empty() => {
                return template.deletions(writer).map(Some);
            }
            WriteKind::Delete => {}
        }
        let (prefixes, width) = keys::prefixes(&plan.table, &plan.clustering, writer.context)?;
        if width < plan.table.clustering.len() {
            // A range that holds nothing is no offence.
            let slices = keys::slices(&plan.table, &plan.clustering, writer.context);
            return match slices {
                Ok(slices) if slices.is_empty() => Ok(None),
                // Whatever null the end of a range is, there must be none.
                Err(error) if !ends_in_column(plan) || error.message.contains("unset") => {
                    Err(error)
                }
                _ => Err(Error::invalid(
                    "Range deletions are not supported for specific columns",
                )),
            };
        }
        template.rows = rows(prefixes);
        Ok(Some(template))
    }

    /// DELETE of whole rows, ranges or partitions.
    fn deletions(mut self, writer: &Writer<'_>) -> Result<Self> {
        let (plan, context) = (writer.plan, writer.context);
        let deletion = writer.stamp.deletion();
        if plan.clustering.is_empty() {
            self.deletion = deletion;
            return Ok(self);
        }
        let slice = matches!(plan.clustering.last(), Some(ClusteringPart::Slice { .. }));
        if !slice {
            let (prefixes, width) = keys::prefixes(&plan.table, &plan.clustering, context)?;
            if width == plan.table.clustering.len() {
                self.row_deletion = RowDeletion::plain(deletion);
                self.rows = rows(prefixes);
                return Ok(self);
            }
        }
        self.ranges = keys::slices(&plan.table, &plan.clustering, context)?
            .into_iter()
            .map(|slice| RangeDeletion {
                start: slice.start,
                end: slice.end,
                deletion,
            })
            .collect();
        Ok(self)
    }
}

/// Whole clusterings, in order and each once.
fn rows(prefixes: Vec<Prefix>) -> Vec<(Bytes, Option<Bytes>)> {
    let mut rows: Vec<_> = prefixes.into_iter().map(Prefix::finish).collect();
    if rows.len() > 1 {
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        rows.dedup_by(|a, b| a.0 == b.0);
    }
    rows
}
