//! `IF …` of INSERT, UPDATE and DELETE.

use crate::cql::ast::{
    Condition as Written, IfClause, Name, Operator, RelationRight, TargetPart, Using,
};
use crate::cql::bind::relation::{contained, list_of};
use crate::cql::bind::{Binder, Receiver, column, placed};
use crate::cql::plan::{
    ColumnCondition, ColumnConditions, ColumnRef, Condition, ConditionPart, Term, WritePlan,
};
use crate::error::{Error, Result};
use crate::schema::{ColumnKind, Table};
use crate::types::Type;

impl Binder<'_> {
    /// Binds the condition of UPDATE or DELETE.
    pub(super) fn condition(
        &mut self,
        table: &Table,
        clause: &IfClause,
        using: &Using,
    ) -> Result<Option<Box<Condition>>> {
        let condition = match clause {
            // Before anything is said of the conditions themselves.
            IfClause::Conditions(_) if using.timestamp.is_some() => {
                return Err(custom_timestamp());
            }
            IfClause::None => return Ok(None),
            IfClause::Exists => Condition::Exists,
            IfClause::Conditions(written) => {
                let mut found = ColumnConditions::default();
                for written in written {
                    let condition = self
                        .column_condition(table, written)
                        .map_err(|error| placed(error, written.target.column.position))?;
                    match condition.column.kind {
                        ColumnKind::Static => found.statics.push(condition),
                        _ => found.regulars.push(condition),
                    }
                }
                Condition::Columns(found)
            }
        };
        Ok(Some(Box::new(condition)))
    }

    fn column_condition(&mut self, table: &Table, written: &Written) -> Result<ColumnCondition> {
        let found = ColumnRef::from(column(table, &written.target.column)?);
        if found.ty == Type::Counter {
            return Err(Error::invalid("Conditions on counters are not supported"));
        }
        let receiver = Receiver::column(table, &found);
        let (part, name, ty) = match &written.target.part {
            TargetPart::Whole => (ConditionPart::Whole, found.name.clone(), found.ty.clone()),
            TargetPart::Element(key) => {
                let (key_part, key_ty, ty) = element_types(&found)?;
                let key_name = format!("{key_part}({})", found.name);
                let key = self.term(key, &receiver.named(&key_name).of_type(&key_ty))?;
                let name = format!("value({})", found.name);
                (ConditionPart::Element(key), name, ty)
            }
            TargetPart::Field(field) => {
                let (number, ty) = field_type(&found, field)?;
                let name = format!("{}.{field}", found.name);
                (ConditionPart::Field(number), name, ty)
            }
        };
        let operator = written.operator;
        check_durations(&ty, operator)?;
        let (right, listed) =
            self.condition_values(&receiver.named(&name).of_type(&ty), &found, written)?;
        if matches!(
            found.kind,
            ColumnKind::PartitionKey | ColumnKind::Clustering
        ) {
            return Err(Error::invalid(format!(
                "PRIMARY KEY column '{}' cannot have IF conditions",
                found.name
            )));
        }
        Ok(ColumnCondition {
            column: found,
            part,
            ty,
            operator,
            right,
            listed,
        })
    }

    /// What stands right of the operator, and whether it is one list for IN.
    fn condition_values(
        &mut self,
        receiver: &Receiver<'_>,
        column: &ColumnRef,
        written: &Written,
    ) -> Result<(Vec<Term>, bool)> {
        match (written.operator, &written.right) {
            (Operator::In, RelationRight::List(items)) => {
                let terms: Result<Vec<Term>> =
                    items.iter().map(|item| self.term(item, receiver)).collect();
                Ok((terms?, false))
            }
            (Operator::In, RelationRight::Value(marker)) => {
                let name = format!("in({})", receiver.name);
                let list = list_of(receiver.ty);
                let term = self.term(marker, &receiver.named(&name).of_type(&list))?;
                Ok((vec![term], true))
            }
            (operator, RelationRight::Value(value)) => {
                let term = if matches!(operator, Operator::Contains | Operator::ContainsKey) {
                    let (part, ty) = contained(&column.ty, &column.name, operator)?;
                    let name = format!("{part}({})", column.name);
                    self.term(value, &receiver.named(&name).of_type(&ty))?
                } else {
                    self.term(value, receiver)?
                };
                Ok((vec![term], false))
            }
            _ => Err(Error::internal("a condition without a value")),
        }
    }
}

/// What the index or key of an element is called; its type, and the element's.
fn element_types(column: &ColumnRef) -> Result<(&'static str, Type, Type)> {
    match &column.ty {
        Type::List { element, .. } => Ok(("idx", Type::Int, Type::clone(element))),
        Type::Map { key, value, .. } => Ok(("key", Type::clone(key), Type::clone(value))),
        Type::Set { .. } => Err(Error::invalid(format!(
            "Invalid element access syntax for set column {}",
            column.name
        ))),
        _ => Err(Error::invalid(format!(
            "Invalid element access syntax for non-collection column {}",
            column.name
        ))),
    }
}

fn field_type(column: &ColumnRef, field: &Name) -> Result<(u16, Type)> {
    let Type::Udt { udt, .. } = &column.ty else {
        return Err(Error::invalid(format!(
            "Invalid field access syntax for non-UDT column {}",
            column.name
        )));
    };
    let found = udt
        .fields
        .iter()
        .position(|(name, _)| *name == field.text)
        .and_then(|at| Some((u16::try_from(at).ok()?, udt.fields.get(at)?.1.clone())));
    found.ok_or_else(|| Error::invalid(format!("Unknown field {field} for column {}", column.name)))
}

fn check_durations(ty: &Type, operator: Operator) -> Result<()> {
    let slices = matches!(
        operator,
        Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq
    );
    if !slices || !ty.references_duration() {
        return Ok(());
    }
    let what = match ty {
        Type::Tuple(_) => "tuples containing durations",
        Type::Udt { .. } => "UDTs containing durations",
        Type::Duration => "durations",
        _ => "collections containing durations",
    };
    // The one that names the operator is Cassandra's way.
    let sign = match ty {
        Type::Duration => format!("( {operator} ) "),
        _ => String::new(),
    };
    Err(Error::invalid(format!(
        "Slice conditions {sign}are not supported on {what}"
    )))
}

/// What Cassandra says of a conditional statement's own timestamp.
pub(super) fn custom_timestamp() -> Error {
    Error::invalid("Cannot provide custom timestamp for conditional updates")
}

/// Refuses a conditional DELETE that does not name one row, unless it is about static columns
/// alone.
pub fn check_deletion(plan: &WritePlan, whole: bool) -> Result<()> {
    let Some(condition) = &plan.condition else {
        return Ok(());
    };
    if whole {
        return Ok(());
    }
    let why = if !plan.regulars.is_empty() || plan.statics.is_empty() {
        "delete non static columns"
    } else if matches!(&**condition, Condition::Columns(all) if !all.regulars.is_empty()) {
        "use IF condition on non static columns"
    } else {
        return Ok(());
    };
    Err(Error::invalid(format!(
        "DELETE statements must restrict all PRIMARY KEY columns with equality relations in order \
         to {why}"
    )))
}

/// Whether a condition is about the row that the statement names, so that it must name one.
pub fn is_on_row(condition: Option<&Condition>) -> bool {
    matches!(condition, Some(Condition::Columns(all)) if !all.regulars.is_empty())
}
