//! Conditional writes: what is there is read, the conditions are checked, and all is written or
//! nothing, while the lock of the partition keeps others away.
//!
//! ```text
//! lock ─► read the rows that conditions are about ─► all hold? ─┬─ yes: write ─► [applied] true
//!                                                               └─ no: [applied] false │ the rows
//! ```
//! The write gets its timestamp under the lock: of two conditional writes the second one is the
//! newer one, whoever asked first. As in Cassandra that says nothing about a client's own
//! timestamps: what was written for the future stays until then.
//!
//! What an answer shows of a row is what was read to decide. A statement that names a row reads all
//! its regular columns, so as to know whether it is there; of static columns it reads those that it
//! is about, or all where it writes some. The rest is shown as null, also where it is not.

use crate::cql::evaluate::Context;
use crate::cql::execute::condition::BoundCondition;
use crate::cql::execute::view::{Clustering, PartitionValues, RowView};
use crate::cql::execute::write::{self, Statement, Writer};
use crate::cql::execute::{Execution, Outcome, keys, levels};
use crate::cql::plan::{
    Choice, ClusteringPart, ColumnCondition, ColumnConditions, ColumnRef, Condition, TupleChoice,
    WriteKind, WritePlan,
};
use crate::cql::result::{ColumnSpec, QueryResult, RowValues, Rows};
use crate::error::{Error, Result};
use crate::schema::{ColumnId, Table};
use crate::storage::cell::{Cell, Deletion};
use crate::storage::mutation::{Mutation, PartitionUpdate};
use crate::storage::read::{Partitions, Projection, ReadCommand, ReadItem, Slice};
use crate::storage::row::{ColumnData, PartitionKey, Row};
use crate::storage::{AppendedView, Engine};
use crate::types::Type;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// So many rows are passed over in search of one to show.
const ROWS_PASSED_MAX: usize = 1_000;

/// What is demanded of one row, or of the static row.
#[derive(Debug)]
enum Demand<'a> {
    NotExists,
    Exists,
    Columns(Vec<BoundCondition<'a>>),
}

/// What statements demand of their one partition.
#[derive(Debug)]
struct Demands<'a> {
    table: Arc<Table>,
    key: PartitionKey,
    /// Of each row by its clustering; of the static row by none.
    rows: BTreeMap<Option<Bytes>, Demand<'a>>,
    /// The columns that an answer shows; none: all.
    shown: Option<Vec<ColumnRef>>,
    /// The static and regular columns that are read, in rising order.
    read: Vec<ColumnId>,
}

/// What was read to decide.
#[derive(Debug)]
struct Seen {
    static_row: Option<Row>,
    rows: Vec<Row>,
}

/// Executes statements of which at least one has a condition. `batch`: whether they are a batch's.
pub fn execute(
    engine: &Engine,
    statements: &[Statement<'_>],
    batch: bool,
    execution: &Execution,
) -> Result<Outcome> {
    let contexts: Vec<Context<'_>> = statements
        .iter()
        .map(|(_, values)| execution.context_of(values))
        .collect();
    let pairs: Vec<(&WritePlan, &Context<'_>)> = statements
        .iter()
        .map(|(plan, _)| *plan)
        .zip(&contexts)
        .collect();
    let demands = Demands::new(&pairs, batch)?;
    levels::check_conditional(engine, &demands.table.keyspace, execution)?;
    let decide = |view: &AppendedView<'_>| -> Result<(Option<Mutation>, Rows)> {
        let seen = demands.look(view, execution.now_seconds)?;
        if !demands.hold(&seen, execution.now_seconds)? {
            let seen = match demands.is_static() {
                true => demands.look_for_first(view, execution.now_seconds)?,
                false => seen,
            };
            return Ok((None, demands.refusal(&seen, execution.now_seconds)?));
        }
        let mutation = write_all(engine, &pairs, execution, view)?;
        let mutation = (!mutation.updates.is_empty()).then_some(mutation);
        Ok((mutation, applied(&demands.table)))
    };
    execution.note(|| "Reading what is there under the lock of the partition");
    let locked = [(demands.table.id, demands.key.clone())];
    let (rows, ticket) = match execution.defer {
        true => engine.read_modify_write_deferred(&locked, decide)?,
        false => (engine.read_modify_write(&locked, decide)?, None),
    };
    Ok(Outcome {
        ticket,
        ..Outcome::of(QueryResult::Rows(rows))
    })
}

fn write_all(
    engine: &Engine,
    statements: &[(&WritePlan, &Context<'_>)],
    execution: &Execution,
    view: &AppendedView<'_>,
) -> Result<Mutation> {
    let micros = engine.next_timestamp();
    let mut updates = Vec::with_capacity(statements.len());
    for (plan, context) in statements {
        let mut stamp = write::stamp(engine, plan, Some(micros), execution, context)?;
        // A statement's own timestamp means nothing here.
        stamp.timestamp = micros;
        let writer = Writer {
            plan,
            stamp,
            context,
        };
        writer.write(Some(view), &mut updates)?;
    }
    updates.iter_mut().for_each(age_deletions);
    let mut mutation = Mutation { updates };
    mutation.merge(false);
    let rows = mutation.updates.iter_mut();
    let rows = rows.flat_map(|update| update.static_row.iter_mut().chain(&mut update.rows));
    for row in rows {
        age(&mut row.deletion.deletion);
        for column in &mut row.columns {
            age_tombstones(&mut column.data, micros);
        }
    }
    Ok(mutation)
}

/// Makes a deletion a microsecond older than what is written beside it.
fn age(deletion: &mut Deletion) {
    if !deletion.is_none() {
        deletion.timestamp -= 1;
    }
}

/// Ages the deletions of partitions and ranges: what a conditional batch inserts is there, also
/// where it deletes all else. (Of one row's deletion and insertion the deletion wins.)
fn age_deletions(update: &mut PartitionUpdate) {
    age(&mut update.deletion);
    for range in &mut update.ranges {
        age(&mut range.deletion);
    }
}

/// The same for what is deleted of columns, once it is settled what wins.
fn age_tombstones(column: &mut ColumnData, micros: i64) {
    let age = |cell: &mut Cell| {
        if cell.is_tombstone() {
            cell.timestamp = micros - 1;
        }
    };
    match column {
        ColumnData::Simple(cell) => age(cell),
        ColumnData::Complex { deletion, cells } => {
            deletion.timestamp = deletion.timestamp.min(micros - 1);
            cells.iter_mut().for_each(|cell| age(&mut cell.cell));
        }
    }
}

/// Whether a plan is about rows rather than about the static row alone.
fn names_row(plan: &WritePlan) -> bool {
    plan.table.clustering.is_empty() || !plan.clustering.is_empty()
}

impl<'a> Demands<'a> {
    fn new(statements: &[(&'a WritePlan, &Context<'_>)], batch: bool) -> Result<Self> {
        let Some(((first, context), _)) = statements.split_first() else {
            return Err(Error::internal("conditions without statements"));
        };
        let mut demands = Self {
            table: Arc::clone(&first.table),
            key: only_key(first, context, batch)?,
            rows: BTreeMap::new(),
            shown: Some(Vec::new()),
            read: Vec::new(),
        };
        if batch {
            let keys = first
                .table
                .partition_key
                .iter()
                .chain(&first.table.clustering);
            demands.show(keys.map(ColumnRef::from));
        }
        for (plan, context) in statements {
            if batch && only_key(plan, context, batch)? != demands.key {
                return Err(Error::invalid(
                    "Batch with conditions cannot span multiple partitions",
                ));
            }
            check_clustering(plan)?;
            // A condition on the static row alone doesn't look at the row, which may be none.
            keys::prefixes(&plan.table, &plan.clustering, context)?;
            demands.add(plan, context)?;
        }
        demands.read = demands.columns_to_read(statements);
        Ok(demands)
    }

    fn show(&mut self, columns: impl IntoIterator<Item = ColumnRef>) {
        let Some(shown) = &mut self.shown else {
            return;
        };
        for column in columns {
            if shown.iter().all(|other| other.id != column.id) {
                shown.push(column);
            }
        }
    }

    /// Adds what a statement demands.
    fn add(&mut self, plan: &'a WritePlan, context: &Context<'_>) -> Result<()> {
        let Some(condition) = plan.condition.as_deref() else {
            return Ok(());
        };
        match condition {
            Condition::NotExists | Condition::Exists => {
                self.shown = None;
                let row = match plan.rows {
                    true => Some(clustering(plan, context)?),
                    false => None,
                };
                self.add_existence(row, matches!(condition, Condition::NotExists))
            }
            Condition::Columns(ColumnConditions { regulars, statics }) => {
                let columns = regulars.iter().chain(statics);
                self.show(columns.map(|condition| condition.column.clone()));
                if !regulars.is_empty() {
                    let row = clustering(plan, context)?;
                    self.add_columns(Some(row), bound(regulars, context)?)?;
                }
                if !statics.is_empty() {
                    self.add_columns(None, bound(statics, context)?)?;
                }
                Ok(())
            }
        }
    }

    fn add_existence(&mut self, row: Option<Bytes>, not: bool) -> Result<()> {
        let words = match (self.rows.get(&row), not) {
            (None, true) => {
                self.rows.insert(row, Demand::NotExists);
                return Ok(());
            }
            (None, false) => {
                self.rows.insert(row, Demand::Exists);
                return Ok(());
            }
            (Some(Demand::NotExists), true) | (Some(Demand::Exists), false) => return Ok(()),
            (Some(Demand::Columns(_)), true) => {
                "Cannot mix IF conditions and IF NOT EXISTS for the same row"
            }
            (Some(Demand::Columns(_)), false) => {
                "Cannot mix IF conditions and IF EXISTS for the same row"
            }
            _ => "Cannot mix IF EXISTS and IF NOT EXISTS conditions for the same row",
        };
        Err(Error::invalid(words))
    }

    fn add_columns(&mut self, row: Option<Bytes>, new: Vec<BoundCondition<'a>>) -> Result<()> {
        let demand = self
            .rows
            .entry(row)
            .or_insert_with(|| Demand::Columns(Vec::new()));
        match demand {
            Demand::Columns(conditions) => {
                conditions.extend(new);
                Ok(())
            }
            _ => Err(Error::invalid(
                "Cannot mix IF conditions and IF NOT EXISTS for the same row",
            )),
        }
    }

    fn columns_to_read(&self, statements: &[(&WritePlan, &Context<'_>)]) -> Vec<ColumnId> {
        let mut read = Vec::new();
        for (plan, _) in statements {
            if names_row(plan) {
                read.extend(self.table.regulars.iter().map(|column| column.id));
            }
            if !plan.statics.is_empty() || plan.all_columns {
                read.extend(self.table.statics.iter().map(|column| column.id));
            }
            if let Some(Condition::Columns(all)) = plan.condition.as_deref() {
                read.extend(all.iter().map(|condition| condition.column.id));
            }
        }
        read.sort_unstable();
        read.dedup();
        read
    }

    /// Reads the rows that conditions are about, and the static row.
    fn look(&self, view: &AppendedView<'_>, now_seconds: i64) -> Result<Seen> {
        let rows = self.rows.keys().flatten();
        let slices = rows.map(|row| Slice::row(row.clone())).collect();
        self.read(view, slices, now_seconds)
    }

    /// Where conditions are about the static row alone, the partition's first row is shown beside
    /// it.
    fn look_for_first(&self, view: &AppendedView<'_>, now_seconds: i64) -> Result<Seen> {
        self.read(view, vec![Slice::all()], now_seconds)
    }

    fn read(&self, view: &AppendedView<'_>, slices: Vec<Slice>, now_seconds: i64) -> Result<Seen> {
        let mut stream = view.read(ReadCommand {
            table: self.table.id,
            partitions: Partitions::Keys(vec![self.key.clone()]),
            slices,
            reversed: false,
            columns: Projection::Columns(self.read.clone()),
            now_seconds,
        })?;
        let first_only = self.is_static();
        let mut seen = Seen {
            static_row: None,
            rows: Vec::new(),
        };
        let mut passed = 0;
        while let Some(item) = stream.next()? {
            match item {
                ReadItem::Partition { static_row, .. } => {
                    seen.static_row = static_row.filter(|row| !row.columns.is_empty());
                }
                // A row is there if what is read of it is.
                ReadItem::Row(row)
                    if row.columns.is_empty() && !row.liveness.is_live(now_seconds) =>
                {
                    passed += 1;
                    if passed == ROWS_PASSED_MAX {
                        break;
                    }
                }
                ReadItem::Row(row) => {
                    seen.rows.push(row);
                    if first_only {
                        break;
                    }
                }
            }
        }
        Ok(seen)
    }

    /// Whether the conditions are about the static row alone.
    fn is_static(&self) -> bool {
        self.rows.keys().all(Option::is_none)
    }

    fn hold(&self, seen: &Seen, now_seconds: i64) -> Result<bool> {
        for (row, demand) in &self.rows {
            let found = match row {
                None => seen.static_row.as_ref(),
                Some(row) => seen.rows.iter().find(|found| found.clustering == *row),
            };
            let holds = match demand {
                Demand::NotExists => found.is_none(),
                Demand::Exists => found.is_some(),
                Demand::Columns(conditions) => {
                    let view = RowView {
                        partition: None,
                        static_row: seen.static_row.as_ref(),
                        row: found,
                        clustering: &Clustering::NONE,
                        now_seconds,
                    };
                    let mut all = true;
                    for condition in conditions {
                        all = all && condition.holds(&view)?;
                    }
                    all
                }
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What is answered where a condition does not hold.
    fn refusal(&self, seen: &Seen, now_seconds: i64) -> Result<Rows> {
        let table = &self.table;
        let columns: Vec<ColumnRef> = match &self.shown {
            Some(columns) => columns.clone(),
            None => table.columns().map(ColumnRef::from).collect(),
        };
        let partition = PartitionValues::new(table, &self.key)?;
        let types = keys::clustering_types(table);
        let mut clustering = Clustering::NONE;
        let mut rows: Vec<Option<&Row>> = seen.rows.iter().map(Some).collect();
        if rows.is_empty() && seen.static_row.is_some() {
            rows.push(None);
        }
        if rows.is_empty() {
            return Ok(answer(table, &[], vec![flag(false)]));
        }
        let mut shown: Vec<RowValues> = Vec::with_capacity(rows.len());
        for row in rows {
            match row {
                Some(row) => clustering.set(row, &types)?,
                None => clustering.clear(),
            }
            let view = RowView {
                partition: Some(&partition),
                static_row: seen.static_row.as_ref(),
                row,
                clustering: &clustering,
                now_seconds,
            };
            let mut values = flag(false);
            for column in &columns {
                values.push(view.value(column)?);
            }
            shown.push(values);
        }
        Ok(answer(table, &columns, shown))
    }
}

fn bound<'a>(
    conditions: &'a [ColumnCondition],
    context: &Context<'_>,
) -> Result<Vec<BoundCondition<'a>>> {
    conditions
        .iter()
        .map(|condition| BoundCondition::new(condition, context))
        .collect()
}

/// The one partition that a plan names. That it could name several is told after what is wrong
/// with their keys.
fn only_key(plan: &WritePlan, context: &Context<'_>, batch: bool) -> Result<PartitionKey> {
    let keys = keys::partition_keys(&plan.table, &plan.partition, context)?;
    let has_in = plan.partition.iter().any(Choice::is_in);
    match <[PartitionKey; 1]>::try_from(keys) {
        Ok([key]) if !has_in => Ok(key),
        _ if batch => Err(Error::invalid(
            "Batch with conditions cannot span multiple partitions (you cannot use IN on the \
             partition key)",
        )),
        _ => Err(Error::invalid(format!(
            "IN on the partition key is not supported with conditional {}",
            what(plan)
        ))),
    }
}

/// Refuses a plan that could name several rows.
fn check_clustering(plan: &WritePlan) -> Result<()> {
    let has_in = plan.clustering.iter().any(|part| match part {
        ClusteringPart::Column(choice) => choice.is_in(),
        ClusteringPart::Tuple(_, TupleChoice::Many(terms)) => terms.len() != 1,
        ClusteringPart::Tuple(_, TupleChoice::Listed(_)) => true,
        ClusteringPart::Slice { .. } => false,
    });
    if !has_in {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "IN on the clustering key columns is not supported with conditional {}",
        what(plan)
    )))
}

fn what(plan: &WritePlan) -> &'static str {
    match plan.kind {
        WriteKind::Delete => "deletions",
        _ => "updates",
    }
}

/// The one row that a plan names.
fn clustering(plan: &WritePlan, context: &Context<'_>) -> Result<Bytes> {
    let (prefixes, _) = keys::prefixes(&plan.table, &plan.clustering, context)?;
    let prefix = prefixes.into_iter().next();
    let prefix = prefix.ok_or_else(|| Error::internal("a condition on no row"))?;
    Ok(prefix.finish().0)
}

fn flag(applied: bool) -> RowValues {
    vec![Some(Bytes::copy_from_slice(&[u8::from(applied)]))]
}

fn applied(table: &Table) -> Rows {
    answer(table, &[], vec![flag(true)])
}

fn answer(table: &Table, columns: &[ColumnRef], rows: Vec<RowValues>) -> Rows {
    let spec = |name: &str, ty: Type| ColumnSpec {
        keyspace: table.keyspace.clone(),
        table: table.name.clone(),
        name: name.to_owned(),
        ty,
    };
    let mut specs = vec![spec("[applied]", Type::Boolean)];
    specs.extend(
        columns
            .iter()
            .map(|column| spec(&column.name, column.ty.clone())),
    );
    Rows::from_vec(specs.into(), rows)
}
