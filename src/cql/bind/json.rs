//! JSON in statements: INSERT JSON, SELECT JSON, `to_json` and `from_json`.

use crate::cql::ast::{Expr, ExprKind, FunctionCall, Literal};
use crate::cql::bind::literal::preferred_type;
use crate::cql::bind::relation::{Demand, Restriction};
use crate::cql::bind::restriction::Restrictions;
use crate::cql::bind::{Binder, Receiver, show};
use crate::cql::functions::Scalar;
use crate::cql::json::{self, Columns, JsonInsert};
use crate::cql::plan::{ColumnOperation, ColumnRef, Operation, Selected, Term};
use crate::cql::result::ColumnSpec;
use crate::error::{Error, Result};
use crate::schema::{ColumnKind, Table};
use crate::types::Type;
use bytes::Bytes;
use std::sync::Arc;

/// The name of SELECT JSON's column, and of INSERT JSON's marker.
const JSON: &str = "[json]";

fn is_to_json(call: &FunctionCall) -> bool {
    matches!(call.name.name.text.as_str(), "to_json" | "tojson")
}

fn is_from_json(call: &FunctionCall) -> bool {
    matches!(call.name.name.text.as_str(), "from_json" | "fromjson")
}

/// `to_json` among selectors, of an argument of this type; none where the call is of another
/// function.
pub(super) fn selected_to_json(call: &FunctionCall, ty: Option<&Type>) -> Result<Option<Scalar>> {
    if is_from_json(call) {
        return Err(Error::invalid(format!(
            "{}() cannot be used in the selection clause of a SELECT statement",
            call.name.name
        )));
    }
    if !is_to_json(call) {
        return Ok(None);
    }
    let argument = only_argument(call, "any")?;
    let ty = ty.ok_or_else(|| unknown_type(call, argument))?;
    Ok(Some(json::to_json(&call.name.name.text, ty.clone())))
}

/// The only argument of a call.
fn only_argument<'a>(call: &'a FunctionCall, parameter: &str) -> Result<&'a Expr> {
    match call.arguments.as_slice() {
        [only] => Ok(only),
        _ => Err(Error::invalid(format!(
            "Invalid number of arguments for function system.{}({parameter})",
            call.name.name
        ))),
    }
}

fn unknown_type(call: &FunctionCall, argument: &Expr) -> Error {
    Error::invalid(format!(
        "Cannot infer type of argument {} in call to function system.{}(any): use type casts to \
         disambiguate",
        match &argument.kind {
            ExprKind::Literal(Literal::Null) => "NULL".to_owned(),
            _ => show::expr(argument),
        },
        call.name.name
    ))
}

impl Binder<'_> {
    /// `to_json` or `from_json` among terms; none where the call is of another function.
    pub(super) fn json_function(
        &self,
        call: &FunctionCall,
        receiver: Option<&Type>,
    ) -> Result<Option<Scalar>> {
        let name = call.name.name.text.as_str();
        if is_to_json(call) {
            let argument = only_argument(call, "any")?;
            let ty = self
                .known_type(argument)
                .or_else(|| preferred_type(argument));
            let ty = ty.ok_or_else(|| unknown_type(call, argument))?;
            return Ok(Some(json::to_json(name, ty)));
        }
        if !is_from_json(call) {
            return Ok(None);
        }
        let argument = only_argument(call, "text")?;
        let known = self
            .known_type(argument)
            .or_else(|| preferred_type(argument));
        if let Some(known) = known.filter(|ty| !matches!(ty, Type::Text | Type::Ascii)) {
            return Err(Error::invalid(format!(
                "Function system.{name} requires an argument of type text, but found argument {} \
                 of type {known}",
                show::expr(argument)
            )));
        }
        let ty = receiver.ok_or_else(|| unknown_type(call, argument))?;
        Ok(Some(json::from_json(name, ty.clone())))
    }

    /// What INSERT JSON does to the columns; where the text is a marker, also how its columns are
    /// filled.
    pub(super) fn insert_json(
        &mut self,
        table: &Table,
        text: &Expr,
        default_unset: bool,
    ) -> Result<(Restrictions, Vec<ColumnOperation>, Option<Box<JsonInsert>>)> {
        let found: Vec<ColumnRef> = table.columns().map(ColumnRef::from).collect();
        let columns = Columns {
            columns: found
                .iter()
                .map(|it| (it.name.clone(), it.ty.clone()))
                .collect(),
            default_unset,
        };
        let mut insert = None;
        let terms: Vec<Option<Term>> = match &text.kind {
            ExprKind::Literal(Literal::String(text)) => {
                let values = columns.values(text)?;
                check_keys(&values, &found)?;
                values
                    .into_iter()
                    .map(|value| value.map(Term::Constant))
                    .collect()
            }
            ExprKind::Marker(marker) => {
                self.marker(*marker, &Receiver::new(table, JSON, &Type::Text));
                let markers = self.names.len();
                insert = Some(Box::new(JsonInsert {
                    marker: *marker,
                    markers,
                    columns,
                }));
                (0..found.len())
                    .map(|at| Some(Term::Marker(markers + at)))
                    .collect()
            }
            _ => return Err(Error::internal("INSERT JSON of something else than a text")),
        };
        let mut restrictions = Restrictions::default();
        let mut operations = Vec::new();
        for (column, term) in found.into_iter().zip(terms) {
            let Some(term) = term else { continue };
            match column.kind {
                ColumnKind::PartitionKey | ColumnKind::Clustering => {
                    let restriction = Restriction {
                        columns: vec![column],
                        tuple: false,
                        demand: Demand::Eq(term),
                    };
                    restrictions.add(restriction, true)?;
                }
                ColumnKind::Static | ColumnKind::Regular => operations.push(ColumnOperation {
                    column,
                    operation: Operation::Set(term),
                    place: 0,
                }),
            }
        }
        Ok((restrictions, operations, insert))
    }
}

/// Fails where a column of the key is not set. What is wrong with those before it is told first.
fn check_keys(values: &[Option<Option<Bytes>>], columns: &[ColumnRef]) -> Result<()> {
    let parts = columns
        .iter()
        .filter(|it| it.kind == ColumnKind::PartitionKey);
    let parts = parts.count();
    let (mut null, mut empty) = (None, false);
    for (value, column) in values.iter().zip(columns) {
        match (column.kind, value) {
            (ColumnKind::Static | ColumnKind::Regular, _) => {}
            (ColumnKind::PartitionKey, Some(Some(bytes))) if parts == 1 => {
                empty = bytes.is_empty();
            }
            (_, Some(Some(_))) => {}
            (_, Some(None)) => null = null.or(Some(&column.name)),
            (_, None) => {
                return Err(Error::invalid(match null {
                    _ if empty => "Key may not be empty".to_owned(),
                    Some(name) => format!("Invalid null value in condition for column {name}"),
                    None => format!("Invalid unset value for column {}", column.name),
                }));
            }
        }
    }
    Ok(())
}

/// The one column of SELECT JSON, made of those that were selected.
pub(super) fn as_json(
    table: &Table,
    columns: &[ColumnSpec],
    selected: Vec<Selected>,
) -> (Vec<ColumnSpec>, Vec<Selected>) {
    let parts: Vec<(&str, Type)> = columns
        .iter()
        .map(|column| (column.name.as_str(), column.ty.clone()))
        .collect();
    let function = Arc::new(json::row_as_json(&parts));
    let column = ColumnSpec {
        keyspace: table.keyspace.clone(),
        table: table.name.clone(),
        name: JSON.to_owned(),
        ty: Type::Text,
    };
    (vec![column], vec![Selected::Call(function, selected)])
}
