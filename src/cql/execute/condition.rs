//! Whether a row meets a condition of IF.
//!
//! Null is a value here, unlike in WHERE: `v = null` holds where nothing is written, and a row that
//! is not there has nothing but nulls. A collection that is not frozen is null when it is empty. An
//! order knows no null: with one on the left side `<` does not hold, on the right it is refused.

use crate::cql::ast::Operator;
use crate::cql::evaluate::{Context, term};
use crate::cql::execute::cells::{field_path, path_value};
use crate::cql::execute::view::RowView;
use crate::cql::plan::{ColumnCondition, ConditionPart, Slot};
use crate::error::{Error, Result};
use crate::types::{Type, collection};
use bytes::Bytes;

/// A condition with the values of one execution.
#[derive(Debug)]
pub struct BoundCondition<'a> {
    condition: &'a ColumnCondition,
    element: Option<Element>,
    values: Vec<Option<Bytes>>,
}

/// Which element of a collection is compared.
#[derive(Debug)]
enum Element {
    /// Of a list.
    Index(usize),
    /// Of a map.
    Key(Bytes),
}

fn unset() -> Error {
    Error::invalid("Invalid 'unset' value in condition")
}

impl<'a> BoundCondition<'a> {
    /// `condition` with its values.
    pub fn new(condition: &'a ColumnCondition, context: &Context<'_>) -> Result<Self> {
        let element = match &condition.part {
            ConditionPart::Element(key) => Some(element(condition, term(key, context)?)?),
            _ => None,
        };
        let mut values = match (condition.listed, condition.right.as_slice()) {
            (true, [list]) => listed(term(list, context)?)?,
            (_, terms) => {
                let mut values = Vec::with_capacity(terms.len());
                for of in terms {
                    match term(of, context)? {
                        Slot::Bytes(bytes) => values.push(Some(bytes)),
                        Slot::Null => values.push(None),
                        Slot::Unset if condition.operator == Operator::In => {}
                        Slot::Unset => return Err(unset()),
                    }
                }
                values
            }
        };
        let operator = condition.operator;
        let of_null = matches!(operator, Operator::Eq | Operator::NotEq | Operator::In);
        let of_parts = matches!(operator, Operator::Contains | Operator::ContainsKey);
        if condition.is_of_cells() && !of_parts {
            for value in &mut values {
                if !value.as_deref().is_some_and(is_empty) {
                    continue;
                }
                if !of_null {
                    return Err(Error::invalid(format!(
                        "Invalid comparison with an empty {} for operator \"{operator}\"",
                        kind_name(&condition.ty)
                    )));
                }
                *value = None;
            }
        }
        if !of_null && values.iter().any(Option::is_none) {
            return Err(Error::invalid(format!(
                "Invalid comparison with null for operator \"{operator}\""
            )));
        }
        Ok(Self {
            condition,
            element,
            values,
        })
    }

    /// Whether a row meets it.
    pub fn holds(&self, view: &RowView<'_>) -> Result<bool> {
        let found = self.found(view)?;
        let found = found.as_deref();
        let ty = &self.condition.ty;
        let operator = self.condition.operator;
        let is = |wanted: &Option<Bytes>| match (found, wanted.as_deref()) {
            (None, None) => true,
            (Some(found), Some(wanted)) => ty.compare(found, wanted).is_eq(),
            _ => false,
        };
        match operator {
            Operator::In => return Ok(self.values.iter().any(is)),
            Operator::Eq => return Ok(self.values.iter().all(is)),
            Operator::NotEq => return Ok(!self.values.iter().any(is)),
            _ => {}
        }
        let (Some(found), [Some(wanted)]) = (found, self.values.as_slice()) else {
            return Ok(false);
        };
        let order = || ty.compare(found, wanted);
        Ok(match operator {
            Operator::Lt => order().is_lt(),
            Operator::LtEq => order().is_le(),
            Operator::Gt => order().is_gt(),
            Operator::GtEq => order().is_ge(),
            _ => contains(ty, found, operator, wanted)?,
        })
    }

    /// What stands in the compared part.
    fn found(&self, view: &RowView<'_>) -> Result<Option<Bytes>> {
        let column = &self.condition.column;
        let cells = view.cells(column);
        match (&self.condition.part, &self.element) {
            (ConditionPart::Field(number), _) if column.ty.is_multi_cell() => {
                let (path, _) = field_path(*number);
                let cell = cells.iter().find(|cell| cell.path == path);
                Ok(cell.map(|cell| cell.cell.value.clone()))
            }
            (ConditionPart::Field(number), _) => {
                let Some(value) = view.value(column)? else {
                    return Ok(None);
                };
                let fields = collection::fields(&value, usize::from(u16::MAX))?;
                let field = fields.get(usize::from(*number)).copied().flatten();
                Ok(field.map(|field| value.slice_ref(field)))
            }
            (_, Some(Element::Index(at))) if column.ty.is_multi_cell() => {
                Ok(cells.get(*at).map(|cell| cell.cell.value.clone()))
            }
            (_, Some(Element::Key(key))) if column.ty.is_multi_cell() => {
                let Type::Map { key: ty, .. } = &column.ty else {
                    return Ok(None);
                };
                for cell in cells {
                    if ty.compare(&path_value(ty, cell)?, key).is_eq() {
                        return Ok(Some(cell.cell.value.clone()));
                    }
                }
                Ok(None)
            }
            (_, None) => view.value(column),
            (_, Some(element)) => {
                let Some(value) = view.value(column)? else {
                    return Ok(None);
                };
                let found = match element {
                    Element::Index(at) => collection::elements(&value)?.get(*at).copied(),
                    Element::Key(wanted) => {
                        let Type::Map { key: ty, .. } = &column.ty else {
                            return Ok(None);
                        };
                        let mut entries = collection::entries(&value)?.into_iter();
                        let found = entries.find(|(key, _)| ty.compare(key, wanted).is_eq());
                        found.map(|(_, value)| value)
                    }
                };
                Ok(found.map(|found| value.slice_ref(found)))
            }
        }
    }
}

impl ColumnCondition {
    /// Whether a whole collection is compared that is stored element by element.
    fn is_of_cells(&self) -> bool {
        matches!(self.part, ConditionPart::Whole)
            && self.column.ty.is_collection()
            && self.column.ty.is_multi_cell()
    }
}

fn kind_name(ty: &Type) -> &'static str {
    match ty {
        Type::List { .. } => "list",
        Type::Set { .. } => "set",
        _ => "map",
    }
}

/// Whether a collection has no elements.
fn is_empty(value: &[u8]) -> bool {
    matches!(value, [0, 0, 0, 0])
}

fn element(condition: &ColumnCondition, at: Slot) -> Result<Element> {
    let is_list = matches!(condition.column.ty, Type::List { .. });
    let bytes = match at {
        Slot::Bytes(bytes) => bytes,
        other => {
            let what = match other {
                Slot::Unset => "unset",
                _ => "null",
            };
            let kind = if is_list { "list" } else { "map" };
            return Err(Error::invalid(format!(
                "Invalid {what} value for {kind} element access"
            )));
        }
    };
    if !is_list {
        return Ok(Element::Key(bytes));
    }
    let index = <[u8; 4]>::try_from(&*bytes).map(i32::from_be_bytes);
    let index = index.map_err(|_| Error::invalid("Invalid list index"))?;
    usize::try_from(index)
        .map(Element::Index)
        .map_err(|_| Error::invalid(format!("Invalid negative list index {index}")))
}

/// The values of `IN ?`.
fn listed(list: Slot) -> Result<Vec<Option<Bytes>>> {
    match list {
        Slot::Bytes(list) => {
            let elements = collection::elements(&list)?;
            Ok(elements
                .into_iter()
                .map(|element| Some(list.slice_ref(element)))
                .collect())
        }
        Slot::Null => Err(Error::invalid("Invalid null list in IN condition")),
        Slot::Unset => Err(unset()),
    }
}

fn contains(ty: &Type, value: &[u8], operator: Operator, wanted: &[u8]) -> Result<bool> {
    Ok(match ty {
        Type::Map { key, value: ty, .. } => {
            let entries = collection::entries(value)?;
            entries.iter().any(|(k, v)| match operator {
                Operator::ContainsKey => key.compare(k, wanted).is_eq(),
                _ => ty.compare(v, wanted).is_eq(),
            })
        }
        Type::List { element: ty, .. } | Type::Set { element: ty, .. } => {
            let elements = collection::elements(value)?;
            elements
                .iter()
                .any(|other| ty.compare(other, wanted).is_eq())
        }
        _ => false,
    })
}
