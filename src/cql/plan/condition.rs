//! What must hold for a write to take place.

use crate::cql::ast::Operator;
use crate::cql::plan::{ColumnRef, Term};
use crate::types::Type;

/// The condition of a write.
#[derive(Clone, Debug)]
pub enum Condition {
    /// `IF NOT EXISTS`.
    NotExists,
    /// `IF EXISTS`.
    Exists,
    /// `IF a = … AND …`.
    Columns(ColumnConditions),
}

/// Conditions on columns: all must hold.
#[derive(Clone, Debug, Default)]
pub struct ColumnConditions {
    /// On columns of the row.
    pub regulars: Vec<ColumnCondition>,
    /// On static columns of its partition.
    pub statics: Vec<ColumnCondition>,
}

impl ColumnConditions {
    /// All of them, those on the row first.
    pub fn iter(&self) -> impl Iterator<Item = &ColumnCondition> {
        self.regulars.iter().chain(&self.statics)
    }
}

/// A condition on a column.
#[derive(Clone, Debug)]
pub struct ColumnCondition {
    /// The column.
    pub column: ColumnRef,
    /// Which part of it.
    pub part: ConditionPart,
    /// The type of that part.
    pub ty: Type,
    /// How it is compared.
    pub operator: Operator,
    /// With what: one term, several for IN.
    pub right: Vec<Term>,
    /// Whether `right` is one list of values (`IN ?`).
    pub listed: bool,
}

/// Which part of a column is compared.
#[derive(Clone, Debug)]
pub enum ConditionPart {
    /// All of it.
    Whole,
    /// The element at an index or key.
    Element(Term),
    /// A user type's field, by its number.
    Field(u16),
}
