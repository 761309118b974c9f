//! INSERT, UPDATE, DELETE and BATCH.

use crate::cql::ast::{
    Assignment, AssignmentKind, Delete, Expr, Insert, InsertSource, Name, Update, Using,
};
use crate::cql::bind::condition;
use crate::cql::bind::relation::{Demand, Restriction};
use crate::cql::bind::restriction::{Kind, Restrictions};
use crate::cql::bind::{Binder, Receiver, column, placed};
use crate::cql::plan::{
    ClusteringPart, ColumnOperation, ColumnRef, Condition, Operation, Term, WriteKind, WritePlan,
};
use crate::error::{Error, Result};
use crate::schema::{ColumnKind, Table};
use crate::types::Type;
use std::collections::HashSet;
use std::sync::Arc;

/// WHERE, SET or VALUES, and IF.
type Written = (Restrictions, Vec<ColumnOperation>, Option<Box<Condition>>);

fn is_static(operation: &ColumnOperation) -> bool {
    operation.column.kind == ColumnKind::Static
}

fn is_list(operation: &ColumnOperation) -> bool {
    matches!(operation.column.ty, Type::List { frozen: false, .. })
}

/// Whether the operation looks at what is there before it writes.
fn reads(operation: &ColumnOperation) -> bool {
    let list = matches!(operation.column.ty, Type::List { .. });
    match operation.operation {
        Operation::Count(..) | Operation::Sum(..) => true,
        Operation::SetElement(..) | Operation::DeleteElement(_) | Operation::Discard(_) => list,
        _ => false,
    }
}

/// Whether two operations on one column cannot stand in one statement.
fn are_incompatible(old: &AssignmentKind, new: &AssignmentKind) -> bool {
    match (old, new) {
        (AssignmentKind::Set(_), _) | (_, AssignmentKind::Set(_)) => true,
        (AssignmentKind::SetField(one, _), AssignmentKind::SetField(other, _)) => {
            one.text == other.text
        }
        _ => false,
    }
}

/// Refuses assignments that cannot stand beside each other, whatever the table is.
fn check_assignments(assignments: &[Assignment]) -> Result<()> {
    for (at, new) in assignments.iter().enumerate() {
        let clash = assignments.iter().take(at).any(|old| {
            old.column.text == new.column.text && are_incompatible(&old.kind, &new.kind)
        });
        if clash {
            let column = &new.column;
            let message = format!("Multiple incompatible setting of column {column}");
            return Err(placed(Error::syntax(message), column.position));
        }
    }
    Ok(())
}

impl Binder<'_> {
    pub(super) fn insert(&mut self, insert: &Insert) -> Result<WritePlan> {
        let table = self.table_to_write(&insert.table)?;
        if table.is_counter() {
            return Err(Error::invalid(
                "INSERT statements are not allowed on counter tables, use UPDATE instead",
            ));
        }
        let condition = insert.if_not_exists.then(|| Box::new(Condition::NotExists));
        let (columns, values) = match &insert.source {
            InsertSource::Values { columns, values } => (columns, values),
            InsertSource::Json {
                text,
                default_unset,
            } => {
                let (restrictions, operations, json) =
                    self.insert_json(&table, text, *default_unset)?;
                let bound = (restrictions, operations, condition);
                let mut plan = self.write(table, Kind::Insert, bound, &insert.using, false)?;
                plan.json = json;
                plan.all_columns = true;
                return Ok(plan);
            }
        };
        check_names(columns, values)?;
        let mut restrictions = Restrictions::default();
        let mut operations = Vec::with_capacity(columns.len());
        for (name, value) in columns.iter().zip(values) {
            let found = ColumnRef::from(column(&table, name)?);
            match found.kind {
                ColumnKind::PartitionKey | ColumnKind::Clustering => {
                    let term = self.term(value, &Receiver::column(&table, &found))?;
                    let restriction = Restriction {
                        columns: vec![found],
                        tuple: false,
                        demand: Demand::Eq(term),
                    };
                    restrictions.add(restriction, true)?;
                }
                ColumnKind::Static | ColumnKind::Regular => {
                    let operation = self.set_value(&table, &found, value)?;
                    operations.push(ColumnOperation {
                        column: found,
                        operation,
                        place: 0,
                    });
                }
            }
        }
        let statics_only = !restrictions.has_clustering()
            && !operations.is_empty()
            && operations.iter().all(is_static);
        self.write(
            table,
            Kind::Insert,
            (restrictions, operations, condition),
            &insert.using,
            statics_only,
        )
    }

    pub(super) fn update(&mut self, update: &Update) -> Result<WritePlan> {
        check_assignments(&update.assignments)?;
        let table = self.table_to_write(&update.table)?;
        let condition = self.condition(&table, &update.condition, &update.using)?;
        let mut operations: Vec<ColumnOperation> = Vec::with_capacity(update.assignments.len());
        for assignment in &update.assignments {
            operations.push(self.assignment(&table, assignment, condition.is_some())?);
        }
        let restrictions = self.restrictions(&table, &update.relations, Kind::Update, false)?;
        let statics_only = operations.iter().all(is_static);
        self.write(
            table,
            Kind::Update,
            (restrictions, operations, condition),
            &update.using,
            statics_only,
        )
    }

    pub(super) fn delete(&mut self, delete: &Delete) -> Result<WritePlan> {
        let table = self.table_to_write(&delete.table)?;
        let condition = self.condition(&table, &delete.condition, &delete.using)?;
        let mut operations = Vec::with_capacity(delete.targets.len());
        for target in &delete.targets {
            operations.push(self.deletion(&table, target)?);
        }
        let restrictions = self.restrictions(&table, &delete.relations, Kind::Delete, false)?;
        let statics_only = !operations.is_empty() && operations.iter().all(is_static);
        self.write(
            table,
            Kind::Delete,
            (restrictions, operations, condition),
            &delete.using,
            statics_only,
        )
    }

    fn write(
        &mut self,
        table: Arc<Table>,
        kind: Kind,
        (restrictions, mut operations, condition): Written,
        using: &Using,
        statics_only: bool,
    ) -> Result<WritePlan> {
        let (timestamp, ttl) = self.using(&table, using)?;
        // A condition on the row wants to know which one, also where nothing is written to it.
        let rowless = statics_only && !condition::is_on_row(condition.as_deref());
        let (partition, clustering) = restrictions.for_write(&table, kind, rowless)?;
        if condition.is_some() && table.is_counter() {
            return Err(Error::invalid(
                "Conditional updates are not supported on counter tables",
            ));
        }
        if condition.is_some() && timestamp.is_some() {
            return Err(condition::custom_timestamp());
        }
        if table.is_counter() {
            let what = match (&timestamp, &ttl) {
                (Some(_), _) => Some("timestamp"),
                (None, Some(_)) => Some("TTL"),
                (None, None) => None,
            };
            if let Some(what) = what {
                return Err(Error::invalid(format!(
                    "Cannot provide custom {what} for counter updates"
                )));
            }
        }
        for (place, operation) in operations.iter_mut().enumerate() {
            operation.place = place;
        }
        let (mut statics, mut regulars): (Vec<_>, Vec<_>) =
            operations.into_iter().partition(is_static);
        statics.sort_by_key(|operation| operation.column.id);
        regulars.sort_by_key(|operation| operation.column.id);
        let whole = kind != Kind::Delete || is_whole(&table, &clustering);
        let plan = WritePlan {
            reads: statics.iter().chain(&regulars).any(reads),
            lists: statics.iter().chain(&regulars).any(is_list),
            kind: match kind {
                Kind::Insert => WriteKind::Insert,
                Kind::Delete => WriteKind::Delete,
                Kind::Update | Kind::Select => WriteKind::Update,
            },
            table,
            partition,
            clustering,
            rows: !statics_only,
            statics,
            regulars,
            timestamp,
            ttl,
            condition,
            json: None,
            all_columns: false,
        };
        condition::check_deletion(&plan, whole)?;
        Ok(plan)
    }

    fn using(&mut self, table: &Table, using: &Using) -> Result<(Option<Term>, Option<Term>)> {
        Ok((
            self.attribute(
                table,
                "[timestamp]",
                &Type::BigInt,
                using.timestamp.as_ref(),
            )?,
            self.attribute(table, "[ttl]", &Type::Int, using.ttl.as_ref())?,
        ))
    }
}

/// Whether the clustering is restricted to whole rows.
fn is_whole(table: &Table, parts: &[ClusteringPart]) -> bool {
    let mut width = 0;
    for part in parts {
        match part {
            ClusteringPart::Column(_) => width += 1,
            ClusteringPart::Tuple(columns, _) => width += columns,
            ClusteringPart::Slice { .. } => return false,
        }
    }
    width == table.clustering.len()
}

fn check_names(columns: &[Name], values: &[Expr]) -> Result<()> {
    if columns.len() != values.len() {
        return Err(Error::invalid("Unmatched column names/values"));
    }
    let mut seen = HashSet::new();
    for name in columns {
        if !seen.insert(name.text.as_str()) {
            return Err(placed(
                Error::invalid("The column names contains duplicates"),
                name.position,
            ));
        }
    }
    Ok(())
}
