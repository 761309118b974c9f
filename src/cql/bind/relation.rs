//! One relation of WHERE: its columns found, its values bound to their types.

use crate::cql::ast::{
    Expr, ExprKind, Name, Operator, QualifiedName, Relation, RelationLeft, RelationRight,
};
use crate::cql::bind::{Binder, Receiver, column, placed, show};
use crate::cql::evaluate::constant;
use crate::cql::plan::{Bound, ColumnRef, Term};
use crate::error::{Error, Result};
use crate::schema::{ColumnKind, Table};
use crate::types::Type;
use std::sync::Arc;

/// What one or several merged relations say of the same columns.
#[derive(Clone, Debug)]
pub struct Restriction {
    /// The columns; more than one in tuple notation.
    pub columns: Vec<ColumnRef>,
    /// Whether tuple notation was used.
    pub tuple: bool,
    /// What is demanded of them.
    pub demand: Demand,
}

/// What is demanded of columns.
#[derive(Clone, Debug)]
pub enum Demand {
    /// To equal this.
    Eq(Term),
    /// To be one of these.
    In(Vec<Term>),
    /// To be in this list.
    InListed(Term),
    /// To lie between.
    Slice {
        /// The lower bound.
        lower: Option<Bound>,
        /// The upper bound.
        upper: Option<Bound>,
    },
    /// What a collection must hold: by CONTAINS (KEY), and by `m[key] = value`.
    Contains(Vec<(Operator, Term)>, Vec<(Term, Term)>),
}

impl Restriction {
    /// The first column's position.
    pub fn position(&self) -> usize {
        self.columns.first().map_or(0, |column| column.position)
    }

    /// Whether it bounds a slice.
    pub fn is_slice(&self) -> bool {
        matches!(self.demand, Demand::Slice { .. })
    }

    /// Whether it asks what a collection contains.
    pub fn is_contains(&self) -> bool {
        matches!(self.demand, Demand::Contains(..))
    }
}

/// A relation of the token.
#[derive(Clone, Debug)]
pub struct TokenRelation {
    /// How it compares.
    pub operator: Operator,
    /// With what.
    pub term: Term,
}

/// A bound relation.
#[derive(Clone, Debug)]
pub enum BoundRelation {
    /// Of columns.
    Columns(Restriction),
    /// Of the token.
    Token(TokenRelation),
}

impl Binder<'_> {
    /// Binds one relation.
    pub fn relation(&mut self, table: &Table, relation: &Relation) -> Result<BoundRelation> {
        self.relation_unplaced(table, relation)
            .map_err(|error| placed(error, relation.position))
    }

    fn relation_unplaced(&mut self, table: &Table, relation: &Relation) -> Result<BoundRelation> {
        match relation.operator {
            Operator::NotEq => {
                return Err(Error::invalid(format!(
                    "Unsupported \"!=\" relation: {}",
                    show::relation(relation)
                )));
            }
            Operator::IsNotNull => {
                return Err(Error::invalid(format!(
                    "Unsupported restriction: {}",
                    show::relation(relation)
                )));
            }
            _ => {}
        }
        match &relation.left {
            RelationLeft::Column(name) => {
                let column = ColumnRef::from(column(table, name)?);
                self.single(table, column, relation)
                    .map(BoundRelation::Columns)
            }
            RelationLeft::Element(name, key) => {
                let column = ColumnRef::from(column(table, name)?);
                self.entry(table, column, key, relation)
                    .map(BoundRelation::Columns)
            }
            RelationLeft::Tuple(names) => self
                .multi(table, names, relation)
                .map(BoundRelation::Columns),
            RelationLeft::Token(names) => {
                self.token(table, names, relation).map(BoundRelation::Token)
            }
            RelationLeft::Custom(name) => Err(custom_expression(table, name)),
        }
    }

    fn single(
        &mut self,
        table: &Table,
        column: ColumnRef,
        relation: &Relation,
    ) -> Result<Restriction> {
        check_operator(&column, relation)?;
        let receiver = Receiver::column(table, &column);
        let demand = match (relation.operator, &relation.right) {
            (Operator::In, RelationRight::List(items)) => {
                let mut terms = Vec::with_capacity(items.len());
                for item in items {
                    terms.push(self.term(item, &receiver)?);
                }
                match <[Term; 1]>::try_from(terms) {
                    Ok([only]) => Demand::Eq(only),
                    Err(terms) => Demand::In(terms),
                }
            }
            (Operator::In, RelationRight::Value(marker)) => {
                let name = format!("in({})", column.name);
                let list = list_of(&column.ty);
                let term = self.term(marker, &receiver.named(&name).of_type(&list))?;
                Demand::InListed(term)
            }
            (operator @ (Operator::Contains | Operator::ContainsKey), right) => {
                let (part, ty) = contained(&column.ty, &column.name, operator)?;
                let name = format!("{part}({})", column.name);
                let term = self.term(value(right)?, &receiver.named(&name).of_type(&ty))?;
                Demand::Contains(vec![(operator, term)], Vec::new())
            }
            (Operator::Like, right) => {
                self.term(value(right)?, &receiver)?;
                return Err(Error::invalid(format!(
                    "LIKE restriction is only supported on properly indexed columns. {} is not \
                     valid.",
                    show::relation(relation)
                )));
            }
            (operator, right) => {
                let term = self.term(value(right)?, &receiver)?;
                compare(operator, term, 1, false)
            }
        };
        Ok(Restriction {
            columns: vec![column],
            tuple: false,
            demand,
        })
    }

    fn entry(
        &mut self,
        table: &Table,
        column: ColumnRef,
        key: &Expr,
        relation: &Relation,
    ) -> Result<Restriction> {
        check_durations(&column, relation.operator)?;
        let name = &column.name;
        let (key_ty, value_ty) = match &column.ty {
            Type::List { .. } => {
                return Err(Error::invalid(format!(
                    "Indexes on list entries ({name}[index] = value) are not currently supported."
                )));
            }
            Type::Map { frozen: true, .. } => {
                return Err(Error::invalid(format!(
                    "Map-entry equality predicates on frozen map column {name} are not supported"
                )));
            }
            Type::Map { key, value, .. } => (Arc::clone(key), Arc::clone(value)),
            _ => {
                return Err(Error::invalid(format!(
                    "Column {name} cannot be used as a map"
                )));
            }
        };
        if relation.operator != Operator::Eq {
            return Err(Error::invalid(
                "Only EQ relations are supported on map entries",
            ));
        }
        let receiver = Receiver::column(table, &column);
        let (key_name, value_name) = (format!("key({name})"), format!("value({name})"));
        let key = self.term(key, &receiver.named(&key_name).of_type(&key_ty))?;
        let value = self.term(
            value(&relation.right)?,
            &receiver.named(&value_name).of_type(&value_ty),
        )?;
        Ok(Restriction {
            columns: vec![column],
            tuple: false,
            demand: Demand::Contains(Vec::new(), vec![(key, value)]),
        })
    }

    fn multi(&mut self, table: &Table, names: &[Name], relation: &Relation) -> Result<Restriction> {
        let columns = tuple_columns(table, names, relation)?;
        let ty = Type::Tuple(columns.iter().map(|column| column.ty.clone()).collect());
        let joined = names
            .iter()
            .map(|name| name.text.as_str())
            .collect::<Vec<_>>()
            .join(",");
        let name = format!("({joined})");
        let receiver = Receiver::new(table, &name, &ty);
        let demand = match (relation.operator, &relation.right) {
            (Operator::In, RelationRight::List(items)) => {
                let mut terms = Vec::with_capacity(items.len());
                for item in items {
                    terms.push(self.whole_tuple(table, item, &columns, &receiver)?);
                }
                match <[Term; 1]>::try_from(terms) {
                    Ok([only]) => Demand::Eq(only),
                    Err(terms) => Demand::In(terms),
                }
            }
            (Operator::In, RelationRight::Value(marker)) => {
                let name = format!("in({joined})");
                let list = list_of(&ty);
                let term = self.term(marker, &receiver.named(&name).of_type(&list))?;
                Demand::InListed(term)
            }
            (Operator::Contains | Operator::ContainsKey | Operator::Like, _) => {
                return Err(Error::invalid(format!(
                    "{} cannot be used for multi-column relations",
                    relation.operator
                )));
            }
            (operator, right) => {
                let term = self.whole_tuple(table, value(right)?, &columns, &receiver)?;
                for column in &columns {
                    check_durations(column, operator)?;
                }
                compare(operator, term, columns.len(), true)
            }
        };
        Ok(Restriction {
            columns,
            tuple: true,
            demand,
        })
    }

    /// A tuple with a value for each column.
    fn whole_tuple(
        &mut self,
        table: &Table,
        expr: &Expr,
        columns: &[ColumnRef],
        receiver: &Receiver<'_>,
    ) -> Result<Term> {
        let ExprKind::Tuple(items) = &expr.kind else {
            return self.term(expr, receiver);
        };
        if items.len() != columns.len() {
            return Err(Error::invalid(format!(
                "Expected {} elements in value tuple, but got {}: {}",
                columns.len(),
                items.len(),
                show::expr(expr)
            )));
        }
        let mut terms = Vec::with_capacity(items.len());
        for (item, column) in items.iter().zip(columns) {
            terms.push(self.term(item, &Receiver::column(table, column))?);
        }
        let tuple = Term::Tuple(terms);
        match &tuple {
            Term::Tuple(terms) if terms.iter().all(|it| matches!(it, Term::Constant(_))) => {
                constant(&tuple).map(Term::Constant)
            }
            _ => Ok(tuple),
        }
    }

    fn token(
        &mut self,
        table: &Table,
        names: &[Name],
        relation: &Relation,
    ) -> Result<TokenRelation> {
        for name in names {
            column(table, name)?;
        }
        let key: Vec<&str> = table
            .partition_key
            .iter()
            .map(|c| c.name.as_str())
            .collect();
        let given: Vec<&str> = names.iter().map(|name| name.text.as_str()).collect();
        if given != key {
            let message = if !key.iter().all(|column| given.contains(column)) {
                "The token() function must be applied to all partition key components or none of \
                 them"
                    .to_owned()
            } else if !given.iter().all(|column| key.contains(column)) {
                "The token() function must contains only partition key components".to_owned()
            } else if given.len() > key.len() {
                "The token() function contains duplicate partition key components".to_owned()
            } else {
                format!(
                    "The token function arguments must be in the partition key order: {}",
                    key.join(", ")
                )
            };
            return Err(Error::invalid(message));
        }
        if matches!(
            relation.operator,
            Operator::In | Operator::Contains | Operator::ContainsKey | Operator::Like
        ) {
            return Err(Error::invalid(format!(
                "{} cannot be used with the token function",
                relation.operator
            )));
        }
        let receiver = Receiver::new(table, "partition key token", &Type::BigInt);
        Ok(TokenRelation {
            operator: relation.operator,
            term: self.term(value(&relation.right)?, &receiver)?,
        })
    }
}

/// The clustering columns that a relation in tuple notation is about.
fn tuple_columns(table: &Table, names: &[Name], relation: &Relation) -> Result<Vec<ColumnRef>> {
    let mut columns: Vec<ColumnRef> = Vec::with_capacity(names.len());
    for name in names {
        let column = ColumnRef::from(column(table, name)?);
        if column.kind != ColumnKind::Clustering {
            return Err(Error::invalid(format!(
                "Multi-column relations can only be applied to clustering columns but was \
                 applied to: {name}"
            )));
        }
        if columns.contains(&column) {
            return Err(Error::invalid(format!(
                "Column \"{name}\" appeared twice in a relation: {}",
                show::relation(relation)
            )));
        }
        if columns
            .last()
            .is_some_and(|last| column.position != last.position + 1)
        {
            return Err(Error::invalid(format!(
                "Clustering columns must appear in the PRIMARY KEY order in multi-column \
                 relations: {}",
                show::relation(relation)
            )));
        }
        columns.push(column);
    }
    Ok(columns)
}

/// `expr(index, …)` is for custom indexes only.
fn custom_expression(table: &Table, name: &QualifiedName) -> Error {
    let index = &name.name.text;
    Error::invalid(if table.indexes.iter().any(|it| it.name == *index) {
        format!("Only CUSTOM indexes may be used in custom index expressions, {index} is not valid")
    } else {
        format!(
            "Invalid index expression, index {index} not found for {}",
            table.full_name()
        )
    })
}

fn value(right: &RelationRight) -> Result<&Expr> {
    match right {
        RelationRight::Value(expr) => Ok(expr),
        _ => Err(Error::internal("a relation without its value")),
    }
}

pub(super) fn list_of(element: &Type) -> Type {
    Type::List {
        element: Arc::new(element.freeze()),
        frozen: true,
    }
}

/// What `=`, `<` and the like demand.
fn compare(operator: Operator, term: Term, width: usize, tuple: bool) -> Demand {
    let bound = |term, inclusive| {
        Some(Bound {
            term,
            inclusive,
            width,
            tuple,
        })
    };
    let (lower, upper) = match operator {
        Operator::Lt => (None, bound(term, false)),
        Operator::LtEq => (None, bound(term, true)),
        Operator::Gt => (bound(term, false), None),
        Operator::GtEq => (bound(term, true), None),
        _ => return Demand::Eq(term),
    };
    Demand::Slice { lower, upper }
}

/// The part that CONTAINS [KEY] looks at, and its type.
pub(super) fn contained(ty: &Type, name: &str, operator: Operator) -> Result<(&'static str, Type)> {
    let key = operator == Operator::ContainsKey;
    match ty {
        Type::Map { key: ty, .. } if key => Ok(("key", Type::clone(ty))),
        Type::Map { value, .. } if !key => Ok(("value", Type::clone(value))),
        Type::List { element, .. } | Type::Set { element, .. } if !key => {
            Ok(("value", Type::clone(element)))
        }
        _ if key => Err(Error::invalid(format!(
            "Cannot use CONTAINS KEY on non-map column {name}"
        ))),
        _ => Err(Error::invalid(format!(
            "Cannot use CONTAINS on non-collection column {name}"
        ))),
    }
}

fn check_operator(column: &ColumnRef, relation: &Relation) -> Result<()> {
    let (name, ty, operator) = (&column.name, &column.ty, relation.operator);
    let contains = matches!(operator, Operator::Contains | Operator::ContainsKey);
    if contains {
        // What lies in descending order is no collection to Cassandra.
        let ty = if column.descending { &Type::Int } else { ty };
        contained(ty, name, operator)?;
    }
    check_durations(column, operator)?;
    if ty.is_multi_cell() && matches!(ty, Type::Udt { .. }) {
        return Err(Error::invalid(format!(
            "Non-frozen UDT column '{name}' ({ty}) cannot be restricted by any relation"
        )));
    }
    if ty.is_multi_cell() && !contains {
        return Err(Error::invalid(format!(
            "Collection column '{name}' ({ty}) cannot be restricted by a '{operator}' relation"
        )));
    }
    Ok(())
}

/// What is as long as the month is has no order.
fn check_durations(column: &ColumnRef, operator: Operator) -> Result<()> {
    let slices = matches!(
        operator,
        Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq
    );
    if !slices || !column.ty.references_duration() {
        return Ok(());
    }
    let what = match &column.ty {
        Type::Tuple(_) => "tuples containing durations",
        Type::Udt { .. } => "UDTs containing durations",
        Type::Duration => "duration columns",
        _ => "collections containing durations",
    };
    Err(Error::invalid(format!(
        "Slice restrictions are not supported on {what}"
    )))
}
