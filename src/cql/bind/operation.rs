//! What SET and DELETE do to a column.

use crate::cql::ast::{Assignment, AssignmentKind, Expr, ExprKind, Name, Target, TargetPart};
use crate::cql::bind::{Binder, Receiver, column, placed, show};
use crate::cql::functions;
use crate::cql::plan::{ColumnOperation, ColumnRef, Operation, Term};
use crate::error::{Error, Result};
use crate::schema::{ColumnKind, Table};
use crate::types::{Type, Udt};
use std::sync::Arc;

fn is_key(column: &ColumnRef) -> bool {
    matches!(
        column.kind,
        ColumnKind::PartitionKey | ColumnKind::Clustering
    )
}

/// An assignment as messages show it.
fn shown(assignment: &Assignment) -> String {
    let name = &assignment.column;
    match &assignment.kind {
        AssignmentKind::Set(value) => format!("{name} = {}", show::expr(value)),
        AssignmentKind::Add(value) => format!("{name} = {name} + {}", show::expr(value)),
        // The sign is Cassandra's.
        AssignmentKind::Prepend(value) => format!("{name} = {} - {name}", show::expr(value)),
        AssignmentKind::Subtract(value) => format!("{name} = {name} - {}", show::expr(value)),
        AssignmentKind::SetElement(key, value) => {
            format!("{name}[{}] = {}", show::expr(key), show::expr(value))
        }
        AssignmentKind::SetField(field, value) => {
            format!("{name}.{field} = {}", show::expr(value))
        }
    }
}

fn null_count() -> Error {
    Error::invalid("Invalid null value for counter increment/decrement")
}

fn invalid_for(what: &str, column: &ColumnRef, assignment: &Assignment) -> Error {
    Error::invalid(format!(
        "Invalid operation ({}) for {what} column {}",
        shown(assignment),
        column.name
    ))
}

/// What is said of anything wrong with what is added to a map, or taken away.
fn no_part_of_map(doing: &str, wanted: &str, value: &Expr) -> Error {
    Error::invalid(format!(
        "Value for a map {doing} has to be a {wanted}, but was: '{}'",
        show::expr(value)
    ))
}

fn field_number(udt: &Udt, column: &ColumnRef, field: &Name) -> Result<(u16, Type)> {
    let found = udt
        .fields
        .iter()
        .position(|(name, _)| *name == field.text)
        .and_then(|at| Some((u16::try_from(at).ok()?, udt.fields.get(at)?.1.clone())));
    found.ok_or_else(|| {
        Error::invalid(format!(
            "UDT column {} does not have a field named {field}",
            column.name
        ))
    })
}

impl Binder<'_> {
    /// Binds one assignment of UPDATE; a `conditional` one may add to what is there.
    pub(super) fn assignment(
        &mut self,
        table: &Table,
        assignment: &Assignment,
        conditional: bool,
    ) -> Result<ColumnOperation> {
        let found = ColumnRef::from(column(table, &assignment.column)?);
        if is_key(&found) {
            return Err(placed(
                Error::invalid(format!("PRIMARY KEY part {} found in SET part", found.name)),
                assignment.column.position,
            ));
        }
        let operation = self
            .assignment_kind(table, &found, assignment, conditional)
            .map_err(|error| placed(error, assignment.column.position))?;
        Ok(ColumnOperation {
            column: found,
            operation,
            place: 0,
        })
    }

    fn assignment_kind(
        &mut self,
        table: &Table,
        column: &ColumnRef,
        assignment: &Assignment,
        conditional: bool,
    ) -> Result<Operation> {
        let receiver = Receiver::column(table, column);
        match &assignment.kind {
            AssignmentKind::Set(value) => self.set_value(table, column, value),
            AssignmentKind::Add(value) => {
                if column.ty == Type::Counter {
                    return Ok(Operation::Count(self.count(value, &receiver)?, false));
                }
                if matches!(column.ty, Type::Tuple(_) | Type::Udt { .. }) {
                    return Err(invalid_for("tuple", column, assignment));
                }
                if conditional && !column.ty.is_collection() {
                    let sum = functions::sum_of(&column.ty).ok_or_else(|| {
                        Error::invalid(format!(
                            "Invalid operation ({}) for non-numeric and non-text type {}",
                            shown(assignment),
                            column.name
                        ))
                    })?;
                    return Ok(Operation::Sum(Arc::new(sum), self.term(value, &receiver)?));
                }
                check_collection(column, assignment)?;
                let term = self
                    .term(value, &receiver)
                    .map_err(|error| match column.ty {
                        Type::Map { .. } => no_part_of_map("addition", "map", value),
                        _ => error,
                    })?;
                Ok(Operation::Append(term))
            }
            AssignmentKind::Subtract(value) => {
                self.subtraction(column, assignment, value, &receiver)
            }
            AssignmentKind::Prepend(value) => {
                let term = self.term(value, &receiver)?;
                match &column.ty {
                    Type::List { frozen: false, .. } => {}
                    Type::List { .. } => {
                        return Err(invalid_for("frozen list", column, assignment));
                    }
                    _ => return Err(invalid_for("non list", column, assignment)),
                }
                Ok(Operation::Prepend(term))
            }
            AssignmentKind::SetElement(key, value) => {
                let (key_ty, value_ty) = element_types(column, assignment)?;
                let (key_name, value_name) = match column.ty {
                    Type::List { .. } => ("idx", "value"),
                    _ => ("key", "value"),
                };
                let key_name = format!("{key_name}({})", column.name);
                let value_name = format!("{value_name}({})", column.name);
                Ok(Operation::SetElement(
                    self.term(key, &receiver.named(&key_name).of_type(&key_ty))?,
                    self.term(value, &receiver.named(&value_name).of_type(&value_ty))?,
                ))
            }
            AssignmentKind::SetField(field, value) => {
                let Type::Udt { udt, frozen } = &column.ty else {
                    return Err(invalid_for("non-UDT", column, assignment));
                };
                if *frozen {
                    return Err(invalid_for("frozen UDT", column, assignment));
                }
                let (number, ty) = field_number(udt, column, field)?;
                let name = format!("{}.{field}", column.name);
                let term = self.term(value, &receiver.named(&name).of_type(&ty))?;
                Ok(Operation::SetField(number, term))
            }
        }
    }

    /// `column = column - value`.
    fn subtraction(
        &mut self,
        column: &ColumnRef,
        assignment: &Assignment,
        value: &Expr,
        receiver: &Receiver<'_>,
    ) -> Result<Operation> {
        if column.ty == Type::Counter {
            return Ok(Operation::Count(self.count(value, receiver)?, true));
        }
        check_collection(column, assignment)?;
        let keys = match &column.ty {
            Type::Map { key, .. } => Some(Type::Set {
                element: Arc::clone(key),
                frozen: false,
            }),
            _ => None,
        };
        let receiver = receiver.of_type(keys.as_ref().unwrap_or(&column.ty));
        let term = self.term(value, &receiver).map_err(|error| match keys {
            Some(_) => no_part_of_map("substraction", "set", value),
            None => error,
        })?;
        Ok(Operation::Discard(term))
    }

    /// By how much a counter is raised or lowered.
    fn count(&mut self, value: &Expr, receiver: &Receiver<'_>) -> Result<Term> {
        if let ExprKind::Arithmetic(operator, left, right) = &value.kind
            && self.known_type(left).is_none()
            && self.known_type(right).is_none()
        {
            return Err(Error::invalid(format!(
                "the '{}' operation is not supported between {} and {}",
                show::sign(*operator),
                show::expr(left),
                show::expr(right)
            )));
        }
        match self.term(value, receiver)? {
            Term::Constant(None) => Err(null_count()),
            term => Ok(term),
        }
    }

    /// `column = value`, in INSERT and UPDATE.
    pub(super) fn set_value(
        &mut self,
        table: &Table,
        column: &ColumnRef,
        value: &Expr,
    ) -> Result<Operation> {
        if column.ty == Type::Counter {
            // What is no count at all is refused as such.
            self.term(value, &Receiver::column(table, column))?;
            return Err(Error::invalid(format!(
                "Cannot set the value of counter column {} (counters can only be \
                 incremented/decremented, not set)",
                column.name
            )));
        }
        let term = self.term(value, &Receiver::column(table, column))?;
        Ok(Operation::Set(term))
    }

    /// Binds one target of DELETE.
    pub(super) fn deletion(&mut self, table: &Table, target: &Target) -> Result<ColumnOperation> {
        let found = ColumnRef::from(column(table, &target.column)?);
        if is_key(&found) {
            return Err(placed(
                Error::invalid(format!(
                    "Invalid identifier {} for deletion (should not be a PRIMARY KEY part)",
                    found.name
                )),
                target.column.position,
            ));
        }
        let operation = self
            .deletion_kind(table, &found, target)
            .map_err(|error| placed(error, target.column.position))?;
        Ok(ColumnOperation {
            column: found,
            operation,
            place: 0,
        })
    }

    fn deletion_kind(
        &mut self,
        table: &Table,
        column: &ColumnRef,
        target: &Target,
    ) -> Result<Operation> {
        let receiver = Receiver::column(table, column);
        let name = &column.name;
        match &target.part {
            TargetPart::Whole => Ok(Operation::Delete),
            TargetPart::Element(key) => {
                if !column.ty.is_collection() {
                    return Err(Error::invalid(format!(
                        "Invalid deletion operation for non collection column {name}"
                    )));
                }
                let (part, ty) = match &column.ty {
                    Type::Map {
                        key, frozen: false, ..
                    } => ("key", Type::clone(key)),
                    Type::Set {
                        element,
                        frozen: false,
                    } => ("value", Type::clone(element)),
                    Type::List { frozen: false, .. } => ("idx", Type::Int),
                    _ => {
                        return Err(Error::invalid(format!(
                            "Invalid deletion operation for frozen collection column {name}"
                        )));
                    }
                };
                let part_name = format!("{part}({name})");
                let term = self.term(key, &receiver.named(&part_name).of_type(&ty))?;
                Ok(Operation::DeleteElement(term))
            }
            TargetPart::Field(field) => match &column.ty {
                Type::Udt { udt, frozen: false } => {
                    Ok(Operation::DeleteField(field_number(udt, column, field)?.0))
                }
                Type::Udt { .. } => Err(Error::invalid(format!(
                    "Frozen UDT column {name} does not support field deletions"
                ))),
                _ => Err(Error::invalid(format!(
                    "Invalid field deletion operation for non-UDT column {name}"
                ))),
            },
        }
    }
}

fn check_collection(column: &ColumnRef, assignment: &Assignment) -> Result<()> {
    if !column.ty.is_collection() {
        return Err(invalid_for("non counter", column, assignment));
    }
    if !column.ty.is_multi_cell() {
        return Err(invalid_for("frozen collection", column, assignment));
    }
    Ok(())
}

/// The types of key and value in `column[key] = value`.
fn element_types(column: &ColumnRef, assignment: &Assignment) -> Result<(Type, Type)> {
    let why = match &column.ty {
        Type::List {
            element,
            frozen: false,
        } => return Ok((Type::Int, Type::clone(element))),
        Type::Map {
            key,
            value,
            frozen: false,
        } => return Ok((Type::clone(key), Type::clone(value))),
        Type::Set { frozen: false, .. } => "set",
        ty if ty.is_collection() => "frozen collection",
        _ => "non collection",
    };
    Err(invalid_for(why, column, assignment))
}
