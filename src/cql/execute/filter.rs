//! Conditions that are checked row by row.

use crate::cql::ast::Operator;
use crate::cql::evaluate::{Context, term};
use crate::cql::execute::cells::path_value;
use crate::cql::execute::view::RowView;
use crate::cql::plan::{ColumnRef, Filter, FilterLeft, Slot};
use crate::error::{Error, Result};
use crate::types::{Type, collection};
use bytes::Bytes;
use std::cmp::Ordering;

/// A condition with the values of one execution.
#[derive(Debug)]
pub struct BoundFilter {
    left: Left,
    operator: Operator,
    values: Vec<Bytes>,
}

#[derive(Debug)]
enum Left {
    Column(ColumnRef),
    Entry(ColumnRef, Bytes),
    Tuple(Vec<ColumnRef>),
    Token,
}

impl Left {
    fn is_token(&self) -> bool {
        matches!(self, Self::Token)
    }
}

/// Leaves out the lowest token as an upper bound: as in Cassandra it means the end of the ring.
/// Beside the key that is so only where there is a higher lower bound.
pub fn open_ring(filters: &mut Vec<BoundFilter>) {
    let from = [Operator::Gt, Operator::GtEq];
    let is_low = |it: &BoundFilter| {
        from.contains(&it.operator) && it.token().is_some_and(|token| token > i64::MIN)
    };
    if filters.iter().any(is_low) {
        let to = [Operator::Lt, Operator::LtEq];
        let is_end = |it: &BoundFilter| to.contains(&it.operator) && it.token() == Some(i64::MIN);
        filters.retain(|it| !is_end(it));
    }
}

impl BoundFilter {
    /// `filter` with its values.
    pub fn new(filter: &Filter, context: &Context<'_>) -> Result<Self> {
        let name = name(&filter.left);
        let part = match &filter.left {
            FilterLeft::Entry(..) => "map value",
            _ => "value",
        };
        let mut values = Vec::with_capacity(filter.right.len());
        let mut ended = false;
        for of in &filter.right {
            match term(of, context)? {
                Slot::Bytes(list) if filter.listed => {
                    let elements = collection::elements(&list)?;
                    values.extend(elements.into_iter().map(|e| list.slice_ref(e)));
                }
                Slot::Bytes(value) if !ended => values.push(value),
                Slot::Bytes(_) => {}
                missing if filter.listed => {
                    return Err(refused_list(&filter.left, &missing, &name));
                }
                // Nothing is null, nor what is not set, nor what follows a null, as in Cassandra.
                missing if filter.operator == Operator::In => {
                    ended |= matches!(missing, Slot::Null);
                }
                missing => return Err(refused(&filter.left, &missing, part, &name)),
            }
        }
        if let (FilterLeft::Tuple(columns), [value]) = (&filter.left, values.as_slice())
            && matches!(filter.operator, Operator::Eq | Operator::In)
        {
            no_null(columns, value)?;
        }
        let left = match &filter.left {
            FilterLeft::Column(column) => Left::Column(column.clone()),
            FilterLeft::Entry(column, key) => {
                let key = match term(key, context)? {
                    Slot::Bytes(key) => key,
                    missing => return Err(refused(&filter.left, &missing, "map key", &name)),
                };
                Left::Entry(column.clone(), key)
            }
            FilterLeft::Tuple(columns) => Left::Tuple(columns.clone()),
            FilterLeft::Token => Left::Token,
        };
        Ok(Self {
            left,
            operator: filter.operator,
            values,
        })
    }

    /// Whether a value of its column, no collection's, meets it.
    pub fn holds_for(&self, value: &[u8]) -> bool {
        match &self.left {
            Left::Column(column) => self.holds(|wanted| column.ty.compare(value, wanted)),
            _ => false,
        }
    }

    /// Whether a row meets it. Null meets nothing.
    pub fn matches(&self, view: &RowView<'_>) -> Result<bool> {
        match &self.left {
            Left::Column(column) => match self.operator {
                Operator::Contains | Operator::ContainsKey => self.contains(view, column),
                _ => match view.simple(column) {
                    Some(value) if column.ty == Type::Counter => {
                        let count = value.get(..8).unwrap_or(value);
                        Ok(self.holds(|wanted| column.ty.compare(count, wanted)))
                    }
                    Some(value) => Ok(self.holds(|wanted| column.ty.compare(value, wanted))),
                    None => Ok(false),
                },
            },
            Left::Entry(column, key) => self.entry(view, column, key),
            Left::Tuple(columns) => self.tuple(view, columns),
            Left::Token => Ok(view
                .partition
                .is_some_and(|partition| self.admits(partition.token))),
        }
    }

    /// The token that it holds against, if that is what it is about.
    fn token(&self) -> Option<i64> {
        let bytes = self.values.first().filter(|_| self.left.is_token())?;
        Some(i64::from_be_bytes(<[u8; 8]>::try_from(&**bytes).ok()?))
    }

    /// Whether it has nothing against a partition with this token.
    pub fn admits(&self, token: i64) -> bool {
        let token = token.to_be_bytes();
        !self.left.is_token() || self.holds(|wanted| Type::BigInt.compare(&token, wanted))
    }

    fn holds(&self, compare: impl Fn(&[u8]) -> Ordering) -> bool {
        let mut values = self.values.iter();
        if self.operator == Operator::In {
            return values.any(|value| compare(value).is_eq());
        }
        values.all(|value| holds(self.operator, compare(value)))
    }

    fn contains(&self, view: &RowView<'_>, column: &ColumnRef) -> Result<bool> {
        let Some(wanted) = self.values.first() else {
            return Ok(false);
        };
        let by_key = self.operator == Operator::ContainsKey;
        if column.ty.is_multi_cell() {
            for cell in view.cells(column) {
                let found = match &column.ty {
                    Type::Map { key: ty, .. } if by_key => {
                        ty.compare(&path_value(ty, cell)?, wanted)
                    }
                    Type::Set { element: ty, .. } => ty.compare(&path_value(ty, cell)?, wanted),
                    Type::Map { value: ty, .. } | Type::List { element: ty, .. } => {
                        ty.compare(&cell.cell.value, wanted)
                    }
                    _ => return Ok(false),
                };
                if found.is_eq() {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        let Some(value) = view.simple(column) else {
            return Ok(false);
        };
        Ok(match &column.ty {
            Type::Map { key, value: ty, .. } => {
                collection::entries(value)?
                    .iter()
                    .any(|(k, v)| match by_key {
                        true => key.compare(k, wanted).is_eq(),
                        false => is_same(ty, v, wanted),
                    })
            }
            Type::List { element: ty, .. } | Type::Set { element: ty, .. } => {
                collection::elements(value)?
                    .iter()
                    .any(|element| is_same(ty, element, wanted))
            }
            _ => false,
        })
    }

    fn entry(&self, view: &RowView<'_>, column: &ColumnRef, key: &[u8]) -> Result<bool> {
        let Type::Map {
            key: key_ty, value, ..
        } = &column.ty
        else {
            return Ok(false);
        };
        for cell in view.cells(column) {
            if key_ty.compare(&path_value(key_ty, cell)?, key).is_eq() {
                return Ok(self.holds(|wanted| value.compare(&cell.cell.value, wanted)));
            }
        }
        Ok(false)
    }

    fn tuple(&self, view: &RowView<'_>, columns: &[ColumnRef]) -> Result<bool> {
        let mut orders = Vec::with_capacity(self.values.len());
        for wanted in &self.values {
            let fields = collection::fields(wanted, columns.len())?;
            // What follows a null in IN is not looked at, as in Cassandra.
            if self.operator == Operator::In && fields.contains(&None) {
                break;
            }
            let mut order = Ordering::Equal;
            for (column, field) in columns.iter().zip(fields) {
                let (Some(value), Some(field)) = (view.simple(column), field) else {
                    return Ok(false);
                };
                order = order.then_with(|| column.ty.compare(value, field));
            }
            orders.push(order);
        }
        if self.operator == Operator::In {
            return Ok(orders.iter().any(|order| order.is_eq()));
        }
        Ok(orders.iter().all(|order| holds(self.operator, *order)))
    }
}

/// What is compared, as messages name it.
fn name(left: &FilterLeft) -> String {
    match left {
        FilterLeft::Column(column) | FilterLeft::Entry(column, _) => column.name.clone(),
        FilterLeft::Tuple(columns) => {
            let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
            names.join(", ")
        }
        FilterLeft::Token => "partition key token".to_owned(),
    }
}

/// What is said where the list of an IN is null or not set.
fn refused_list(left: &FilterLeft, missing: &Slot, name: &str) -> Error {
    Error::invalid(match (left, missing) {
        (FilterLeft::Tuple(_), Slot::Unset) => format!("Invalid unset value for in({name})"),
        (FilterLeft::Tuple(_), _) => "Invalid null value for IN restriction".to_owned(),
        (_, Slot::Unset) => format!("Invalid unset value for column {name}"),
        _ => format!("Invalid null value for column {name}"),
    })
}

/// One tuple that rows are compared with has all its fields.
fn no_null(columns: &[ColumnRef], value: &[u8]) -> Result<()> {
    let fields = collection::fields(value, columns.len())?;
    let absent = columns.iter().zip(fields).find(|(_, it)| it.is_none());
    match absent {
        Some((column, _)) => Err(Error::invalid(format!(
            "Unsupported null value for column {}",
            column.name
        ))),
        None => Ok(()),
    }
}

/// What is said where a value is null or not set.
fn refused(left: &FilterLeft, missing: &Slot, part: &str, name: &str) -> Error {
    let how = match missing {
        Slot::Unset => "unset",
        _ => "null",
    };
    Error::invalid(match left {
        FilterLeft::Tuple(_) => format!("Invalid {how} value for tuple ({name})"),
        FilterLeft::Token => "Invalid null token value".to_owned(),
        _ => format!("Unsupported {how} {part} for column {name}"),
    })
}

fn holds(operator: Operator, order: Ordering) -> bool {
    match operator {
        Operator::Lt => order.is_lt(),
        Operator::LtEq => order.is_le(),
        Operator::Gt => order.is_gt(),
        Operator::GtEq => order.is_ge(),
        Operator::NotEq => order.is_ne(),
        _ => order.is_eq(),
    }
}

/// Whether two values are the same, as what a frozen collection contains is looked for: they are
/// equal, and decimals, tuples and user types in them are of one form.
fn is_same(ty: &Type, a: &[u8], b: &[u8]) -> bool {
    let all = |ty: &Type, a: Result<Vec<&[u8]>>, b: Result<Vec<&[u8]>>| match (a, b) {
        (Ok(a), Ok(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(ty, a, b)),
        _ => false,
    };
    if a == b {
        return true;
    }
    match ty {
        Type::Tuple(_) | Type::Udt { .. } => false,
        // The scale comes first.
        Type::Decimal => a.get(..4) == b.get(..4) && ty.compare(a, b).is_eq(),
        Type::List { element, .. } | Type::Set { element, .. } => {
            all(element, collection::elements(a), collection::elements(b))
        }
        Type::Map { key, value, .. } => match (collection::entries(a), collection::entries(b)) {
            (Ok(a), Ok(b)) => {
                let mut pairs = a.iter().zip(&b);
                let same = pairs.all(|(a, b)| is_same(key, a.0, b.0) && is_same(value, a.1, b.1));
                same && a.len() == b.len()
            }
            _ => false,
        },
        Type::Vector {
            element,
            dimensions,
        } => all(
            element,
            collection::vector(element, *dimensions, a),
            collection::vector(element, *dimensions, b),
        ),
        _ => ty.compare(a, b).is_eq(),
    }
}
