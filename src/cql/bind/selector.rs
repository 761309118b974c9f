//! What SELECT answers: each selector bound to a computation, with its type and its name.

use crate::cql::ast::{Expr, ExprKind, FunctionCall, Name};
use crate::cql::bind::literal::{preferred_type, same_type};
use crate::cql::bind::{Binder, Receiver, column, placed, show};
use crate::cql::functions::{self, Aggregate, Arguments, Fit};
use crate::cql::plan::{AggregatePlan, ColumnRef, Selected};
use crate::error::{Error, Result};
use crate::schema::Table;
use crate::types::Type;
use std::sync::Arc;

/// What the selectors of one SELECT have in common.
pub struct Selection<'t> {
    /// The table.
    pub table: &'t Table,
    /// The columns that are used, each once.
    pub used: Vec<ColumnRef>,
    /// The aggregates that are used.
    pub aggregates: Vec<AggregatePlan>,
    /// Whether an aggregate's arguments are being bound.
    in_aggregate: bool,
}

/// A bound selector.
pub(super) type Typed = (Selected, Type);

impl<'t> Selection<'t> {
    /// Nothing is selected yet.
    pub fn new(table: &'t Table) -> Self {
        Self {
            table,
            used: Vec::new(),
            aggregates: Vec::new(),
            in_aggregate: false,
        }
    }

    /// Notes that `column` is used.
    pub fn use_column(&mut self, column: &ColumnRef) {
        if !self.used.iter().any(|used| used.id == column.id) {
            self.used.push(column.clone());
        }
    }

    pub(super) fn column(&mut self, name: &Name) -> Result<ColumnRef> {
        let found = ColumnRef::from(column(self.table, name)?);
        self.use_column(&found);
        Ok(found)
    }
}

/// The name of a selector's column in the result.
pub fn column_name(expr: &Expr) -> String {
    let list = |arguments: &[Expr]| {
        let names: Vec<String> = arguments.iter().map(column_name).collect();
        names.join(", ")
    };
    match &expr.kind {
        ExprKind::Function(call) => {
            format!("system.{}({})", call.name.name, list(&call.arguments))
        }
        ExprKind::CountRows => "count".to_owned(),
        ExprKind::CellInfo(info, of) => format!("{}({})", show::cell_info(*info), column_name(of)),
        ExprKind::Cast(of, ty) => format!("cast({} as {})", column_name(of), ty),
        ExprKind::Element(of, key) => format!("{}[{}]", column_name(of), show::expr(key)),
        ExprKind::Field(of, field) => format!("{}.{field}", column_name(of)),
        ExprKind::Negate(of) => format!("-{}", column_name(of)),
        ExprKind::Arithmetic(op, left, right) => format!(
            "{} {} {}",
            column_name(left),
            show::sign(*op),
            column_name(right)
        ),
        ExprKind::TypeHint(ty, of) => format!("({}){}", ty, column_name(of)),
        _ => show::expr(expr),
    }
}

impl Binder<'_> {
    /// Binds a selector; `wanted` is the type it should have where it has none of its own.
    pub(super) fn selector(
        &mut self,
        selection: &mut Selection<'_>,
        expr: &Expr,
        wanted: Option<&Type>,
    ) -> Result<Typed> {
        self.selector_unplaced(selection, expr, wanted)
            .map_err(|error| placed(error, expr.position))
    }

    fn selector_unplaced(
        &mut self,
        selection: &mut Selection<'_>,
        expr: &Expr,
        wanted: Option<&Type>,
    ) -> Result<Typed> {
        match &expr.kind {
            ExprKind::Column(name) => {
                let column = selection.column(name)?;
                let ty = column.ty.clone();
                Ok((Selected::Column(column), ty))
            }
            ExprKind::Function(call) => self.selected_call(selection, call, wanted),
            ExprKind::CountRows => {
                let at = self.aggregate_number(selection, None, Vec::new())?;
                Ok((Selected::Aggregate(at), Type::BigInt))
            }
            ExprKind::CellInfo(info, of) => self.cell_info(selection, *info, of),
            ExprKind::Cast(of, ty) => self.cast(selection, of, ty),
            ExprKind::TypeHint(ty, inner) => self.hinted(selection, expr, ty, inner),
            ExprKind::Element(of, key) => self.element(selection, of, key),
            ExprKind::Slice(of, from, to) => {
                self.slice(selection, of, from.as_deref(), to.as_deref())
            }
            ExprKind::Field(of, field) => self.field(selection, of, field),
            ExprKind::Negate(inner) => self.negated(selection, inner, wanted),
            ExprKind::Arithmetic(op, left, right) => {
                self.operation(selection, *op, (left, right), wanted)
            }
            ExprKind::Tuple(items)
                if items.len() == 1 && !matches!(wanted, Some(Type::Tuple(_))) =>
            {
                match items.first() {
                    Some(inner) => self.selector(selection, inner, wanted),
                    None => Err(Error::internal("an empty tuple")),
                }
            }
            ExprKind::List(_) | ExprKind::Set(_) | ExprKind::Tuple(_) | ExprKind::Map(_)
                if wanted.is_none() || contains_column(expr) =>
            {
                self.literal_of_columns(selection, expr)
            }
            _ => self.selected_term(selection.table, expr, wanted),
        }
    }

    /// A literal or marker, which needs a type from outside.
    fn selected_term(
        &mut self,
        table: &Table,
        expr: &Expr,
        wanted: Option<&Type>,
    ) -> Result<Typed> {
        let Some(ty) = wanted else {
            return Err(Error::invalid(format!(
                "Cannot infer type for term {} in selection clause (try using a cast to force a \
                 type)",
                show::expr(expr)
            )));
        };
        let term = self.term(expr, &Receiver::new(table, "[selection]", ty))?;
        Ok((Selected::Term(term), ty.clone()))
    }

    fn aggregate_number(
        &mut self,
        selection: &mut Selection<'_>,
        function: Option<Aggregate>,
        arguments: Vec<Selected>,
    ) -> Result<usize> {
        if selection.in_aggregate {
            return Err(Error::invalid(
                "aggregate functions cannot be used as arguments of aggregate functions",
            ));
        }
        selection.aggregates.push(AggregatePlan {
            function,
            arguments,
        });
        Ok(selection.aggregates.len() - 1)
    }

    fn selected_call(
        &mut self,
        selection: &mut Selection<'_>,
        call: &FunctionCall,
        wanted: Option<&Type>,
    ) -> Result<Typed> {
        if let Some(keyspace) = &call.name.keyspace
            && keyspace.text != "system"
        {
            return Err(Error::invalid(format!(
                "Unknown function {} called",
                call.name
            )));
        }
        let name = call.name.name.text.as_str();
        if name == "token" && self.is_own_token(selection.table, call)? {
            return Ok((Selected::Token, Type::BigInt));
        }
        if let Some(found) = self.selected_to_json(selection, call)? {
            return Ok(found);
        }
        let aggregate = functions::is_aggregate(name);
        let outer = selection.in_aggregate;
        if aggregate && outer {
            return Err(Error::invalid(
                "aggregate functions cannot be used as arguments of aggregate functions",
            ));
        }
        selection.in_aggregate |= aggregate;
        let mut bound: Vec<Option<Typed>> = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            bound.push(match is_typed(argument) {
                true => Some(self.selector(selection, argument, None)?),
                false => None,
            });
        }
        let types: Vec<Option<Type>> = bound
            .iter()
            .map(|typed| typed.as_ref().map(|(_, ty)| ty.clone()))
            .collect();
        let arguments = Arguments {
            types: &types,
            fits: &|at, ty| match (types.get(at), call.arguments.get(at)) {
                (Some(Some(known)), _) if same_type(known, ty) => Fit::Exact,
                (Some(Some(known)), _) if widens(known, ty) => Fit::Weak,
                (Some(None), Some(argument)) => self.fit(argument, ty),
                _ => Fit::No,
            },
        };
        if aggregate {
            let function = functions::aggregate(name, &arguments)?;
            let parameters = function.arguments.clone();
            let selected = self.arguments(selection, call, bound, &parameters)?;
            selection.in_aggregate = outer;
            let returns = function.returns.clone();
            let at = self.aggregate_number(selection, Some(function), selected)?;
            return Ok((Selected::Aggregate(at), returns));
        }
        let function = if name == "token" {
            self.token_function(call)?
        } else {
            functions::scalar(name, &arguments, wanted)?
        };
        let parameters = function.arguments.clone();
        let selected = self.arguments(selection, call, bound, &parameters)?;
        let returns = function.returns.clone();
        Ok((Selected::Call(Arc::new(function), selected), returns))
    }

    fn arguments(
        &mut self,
        selection: &mut Selection<'_>,
        call: &FunctionCall,
        bound: Vec<Option<Typed>>,
        parameters: &[Type],
    ) -> Result<Vec<Selected>> {
        let mut selected = Vec::with_capacity(bound.len());
        for (at, (typed, argument)) in bound.into_iter().zip(&call.arguments).enumerate() {
            selected.push(match typed {
                Some((bound, _)) => bound,
                None => self.selector(selection, argument, parameters.get(at))?.0,
            });
        }
        Ok(selected)
    }

    /// Whether a call of `token` names the partition key's columns, in order.
    fn is_own_token(&self, table: &Table, call: &FunctionCall) -> Result<bool> {
        let mut names = Vec::new();
        for argument in &call.arguments {
            match &argument.kind {
                ExprKind::Column(name) => {
                    column(table, name)?;
                    names.push(name.text.as_str());
                }
                _ => return Ok(false),
            }
        }
        Ok(table
            .partition_key
            .iter()
            .map(|column| column.name.as_str())
            .eq(names))
    }

    fn element(&mut self, selection: &mut Selection<'_>, of: &Expr, key: &Expr) -> Result<Typed> {
        let (inner, ty) = self.selector(selection, of, None)?;
        let (key_ty, value_ty) = match &ty {
            Type::Map { key, value, .. } => (Type::clone(key), Type::clone(value)),
            Type::Set { element, .. } => (Type::clone(element), Type::clone(element)),
            _ => return Err(no_elements("Element", &column_name(of), &ty)),
        };
        let name = part_name(&ty, of);
        let term = self.term(key, &Receiver::new(selection.table, &name, &key_ty))?;
        Ok((Selected::Element(ty, Box::new(inner), term), value_ty))
    }

    fn slice(
        &mut self,
        selection: &mut Selection<'_>,
        of: &Expr,
        from: Option<&Expr>,
        to: Option<&Expr>,
    ) -> Result<Typed> {
        let (inner, ty) = self.selector(selection, of, None)?;
        let key_ty = match &ty {
            Type::Map { key, .. } => Type::clone(key),
            Type::Set { element, .. } => Type::clone(element),
            _ => return Err(no_elements("Slice", &column_name(of), &ty)),
        };
        let name = part_name(&ty, of);
        let receiver = Receiver::new(selection.table, &name, &key_ty);
        let from = from.map(|e| self.term(e, &receiver)).transpose()?;
        let to = to.map(|e| self.term(e, &receiver)).transpose()?;
        let selected = Selected::Slice(ty.clone(), Box::new(inner), from, to);
        Ok((selected, ty))
    }

    fn field(&mut self, selection: &mut Selection<'_>, of: &Expr, field: &Name) -> Result<Typed> {
        let (inner, ty) = self.selector(selection, of, None)?;
        let Type::Udt { udt, .. } = &ty else {
            return Err(Error::invalid(format!(
                "Invalid field selection: {} of type {ty} is not a user type",
                column_name(of)
            )));
        };
        let found = udt
            .fields
            .iter()
            .enumerate()
            .find(|(_, (name, _))| *name == field.text);
        match found {
            Some((at, (_, field_ty))) => {
                Ok((Selected::Field(at, Box::new(inner)), field_ty.clone()))
            }
            None => Err(no_field(&column_name(of), &ty, field)),
        }
    }

    /// A collection or tuple of selectors, whose type follows from its parts.
    fn literal_of_columns(&mut self, selection: &mut Selection<'_>, expr: &Expr) -> Result<Typed> {
        let (ExprKind::List(items) | ExprKind::Set(items) | ExprKind::Tuple(items)) = &expr.kind
        else {
            return self.selected_term(selection.table, expr, None);
        };
        let is_tuple = matches!(expr.kind, ExprKind::Tuple(_));
        let mut parts = Vec::with_capacity(items.len());
        let mut types = Vec::with_capacity(items.len());
        for item in items {
            let known: Option<Type> = if is_tuple {
                None
            } else {
                types.first().cloned()
            };
            let wanted = match is_typed(item) {
                true => None,
                false => known.or_else(|| preferred_type(item)),
            };
            let (part, ty) = self.selector(selection, item, wanted.as_ref())?;
            parts.push(part);
            types.push(ty.freeze());
        }
        let ty = match (&expr.kind, types.first()) {
            (ExprKind::Tuple(_), _) => Type::Tuple(types.into()),
            (_, None) => return self.selected_term(selection.table, expr, None),
            (ExprKind::List(_), Some(element)) => Type::List {
                element: Arc::new(element.clone()),
                frozen: true,
            },
            (_, Some(element)) => Type::Set {
                element: Arc::new(element.clone()),
                frozen: true,
            },
        };
        Ok((Selected::Literal(ty.clone(), parts), ty))
    }
}

/// Whether an expression has a type of its own, without being told.
pub(super) fn is_typed(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Literal(_) | ExprKind::Marker(_) => false,
        ExprKind::Negate(inner) => is_typed(inner),
        ExprKind::Tuple(items) | ExprKind::List(items) | ExprKind::Set(items) => {
            !items.is_empty() && items.iter().all(is_typed)
        }
        ExprKind::Map(_) | ExprKind::Udt(_) => false,
        _ => true,
    }
}

fn contains_column(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Tuple(items) | ExprKind::List(items) | ExprKind::Set(items) => {
            items.iter().any(contains_column)
        }
        ExprKind::Literal(_) | ExprKind::Marker(_) | ExprKind::Map(_) | ExprKind::Udt(_) => false,
        _ => true,
    }
}

/// Whether a value of one type may stand where the other is wanted, without a change of bytes.
fn widens(known: &Type, wanted: &Type) -> bool {
    matches!(
        (known, wanted),
        (Type::Ascii, Type::Text) | (Type::TimeUuid, Type::Uuid) | (Type::Counter, Type::BigInt)
    )
}

/// What is said of a thing that has no elements to select.
pub(super) fn no_elements(what: &str, name: &str, ty: &Type) -> Error {
    Error::invalid(match ty {
        Type::List { .. } => {
            format!("{what} selection is only allowed on sets and maps, but {name} is a list")
        }
        ty if what == "Slice" => {
            format!("Invalid slice selection: {name} of type {ty} is not a collection")
        }
        ty => format!("Invalid element selection: {name} is of type {ty} is not a collection"),
    })
}

pub(super) fn no_field(column: &str, ty: &Type, field: &Name) -> Error {
    Error::invalid(format!("{column} of type {ty} has no field {field}"))
}

/// What a key of a map, or an element of a set, is called.
pub(super) fn part_name(ty: &Type, of: &Expr) -> String {
    match ty {
        Type::Map { .. } => format!("key({})", column_name(of)),
        _ => format!("value({})", column_name(of)),
    }
}
