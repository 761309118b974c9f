//! What SELECT answers: each selector bound to a computation, with its type and its name.
//!
//! A selector is prepared first (see [`node`](crate::cql::bind::node)), then bound. Expressions
//! nest, so each form is bound by a function of its own: small frames, that a thread's stack holds
//! as many of as the limits allow.

use crate::cql::ast::{Expr, ExprKind, Name, TypeExpr};
use crate::cql::bind::literal::same_type;
use crate::cql::bind::naming::column_name;
use crate::cql::bind::node::{Call, Node, check_nesting};
use crate::cql::bind::{Binder, Receiver, column, placed};
use crate::cql::functions::{self, Aggregate, Arguments, Environment, Fit, Scalar};
use crate::cql::plan::{AggregatePlan, ColumnRef, Selected, Term};
use crate::error::{Error, Result};
use crate::random::Random;
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
    /// What is wrong with it once it is executed, whatever is read.
    pub fails: Option<Error>,
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
            fails: None,
        }
    }

    /// Notes that `column` is used.
    pub fn use_column(&mut self, column: &ColumnRef) {
        if !self.used.iter().any(|used| used.id == column.id) {
            self.used.push(column.clone());
        }
    }

    /// The column called `name`, which is used.
    pub(super) fn column(&mut self, name: &Name) -> Result<ColumnRef> {
        let found = ColumnRef::from(column(self.table, name)?);
        self.use_column(&found);
        Ok(found)
    }
}

impl Binder<'_> {
    /// Binds a selector.
    pub(super) fn selector(&mut self, selection: &mut Selection<'_>, expr: &Expr) -> Result<Typed> {
        let node = self.node(selection.table, expr)?;
        check_nesting(&node, false)?;
        self.bound(selection, &node, None)
    }

    /// The name of a selector's column: a cast that changes nothing is not there.
    pub(super) fn result_name(&self, table: &Table, expr: &Expr) -> Result<String> {
        if let ExprKind::Cast(of, ty) = &expr.kind {
            let node = self.node(table, of)?;
            let from = node.exact.as_ref();
            let to = self.resolve_type(ty)?;
            // To Cassandra a column in descending order has a type of its own.
            let mut names = node.columns().into_iter();
            let reversed = names.any(|name| {
                let key = &mut table.clustering.iter();
                key.any(|column| column.descending && column.name == name.text)
            });
            return Ok(match from {
                Some(from) if *from == to && !reversed => self.result_name(table, of)?,
                _ => format!("cast({} as {ty})", self.result_name(table, of)?),
            });
        }
        Ok(column_name(expr, &table.keyspace))
    }

    /// Binds what was prepared; `wanted` is the type it should have where it has none of its own.
    pub(super) fn bound(
        &mut self,
        selection: &mut Selection<'_>,
        node: &Node<'_>,
        wanted: Option<&Type>,
    ) -> Result<Typed> {
        self.bound_unplaced(selection, node, wanted)
            .map_err(|error| placed(error, node.expr.position))
    }

    fn bound_unplaced(
        &mut self,
        selection: &mut Selection<'_>,
        node: &Node<'_>,
        wanted: Option<&Type>,
    ) -> Result<Typed> {
        if let Some(call) = &node.call {
            return self.bound_call(selection, node, call);
        }
        match &node.expr.kind {
            ExprKind::Column(name) => {
                let column = selection.column(name)?;
                let ty = column.ty.clone();
                Ok((Selected::Column(column), ty))
            }
            ExprKind::CellInfo(info, of) => self.cell_info(selection, *info, of),
            ExprKind::Cast(_, written) => self.cast(selection, node, written),
            ExprKind::TypeHint(..) => self.hinted(selection, node),
            ExprKind::Element(of, key) => self.element(selection, node, of, key),
            ExprKind::Slice(of, from, to) => {
                self.slice(selection, node, of, (from.as_deref(), to.as_deref()))
            }
            ExprKind::Field(of, field) => self.field(selection, node, of, field),
            ExprKind::Literal(_) | ExprKind::Marker(_) => {
                let ty = wanted.ok_or_else(|| untyped(selection, node.expr))?;
                let term = self.term(
                    node.expr,
                    &Receiver::new(selection.table, "[selection]", ty),
                )?;
                Ok((Selected::Term(term), ty.clone()))
            }
            _ => self.literal(selection, node, wanted),
        }
    }

    fn first(
        &mut self,
        selection: &mut Selection<'_>,
        node: &Node<'_>,
        wanted: Option<&Type>,
    ) -> Result<Typed> {
        match node.parts.first() {
            Some(part) => self.bound(selection, part, wanted),
            None => Err(Error::internal("a selector without its part")),
        }
    }

    fn bound_call(
        &mut self,
        selection: &mut Selection<'_>,
        node: &Node<'_>,
        call: &Call,
    ) -> Result<Typed> {
        let parameters = match call {
            Call::Scalar(function) => function.arguments.as_slice(),
            Call::Aggregate(Some(function)) => function.arguments.as_slice(),
            Call::Aggregate(None) | Call::OwnToken => &[],
        };
        let mut arguments = Vec::with_capacity(node.parts.len());
        for (at, part) in node.parts.iter().enumerate() {
            arguments.push(self.bound(selection, part, parameters.get(at))?.0);
        }
        Ok(match call {
            Call::Scalar(function) => {
                let call = folded(selection, function, arguments);
                (call, function.returns.clone())
            }
            Call::Aggregate(function) => {
                let returns = function
                    .as_ref()
                    .map_or(Type::BigInt, |it| it.returns.clone());
                (aggregate(selection, function.clone(), arguments), returns)
            }
            Call::OwnToken => (Selected::Token, Type::BigInt),
        })
    }

    /// `CAST(of AS ty)`.
    fn cast(
        &mut self,
        selection: &mut Selection<'_>,
        node: &Node<'_>,
        written: &TypeExpr,
    ) -> Result<Typed> {
        let to = self.resolve_type(written)?;
        let (inner, from) = self.first(selection, node, None)?;
        if same_type(&from, &to) {
            return Ok((inner, to));
        }
        let cannot = || {
            let first = selection
                .used
                .first()
                .map_or("", |column| column.name.as_str());
            Error::invalid(format!("{first} cannot be cast to {written}"))
        };
        if written.to_string() == "varchar" {
            return Err(cannot());
        }
        let given = Arguments {
            types: &[Some(from)],
            fits: &|_, ty| node.parts.first().map_or(Fit::No, |part| part.fit(ty)),
            shown: &|_| String::new(),
        };
        let function = functions::cast(&to, &given)?.ok_or_else(cannot)?;
        Ok((Selected::Call(Arc::new(function), vec![inner]), to))
    }

    /// `(ty) inner`.
    fn hinted(&mut self, selection: &mut Selection<'_>, node: &Node<'_>) -> Result<Typed> {
        let ty = node
            .exact
            .clone()
            .ok_or_else(|| untyped(selection, node.expr))?;
        if node.parts.iter().any(|part| part.fit(&ty) == Fit::No) {
            let shown = column_name(node.expr, &selection.table.keyspace);
            return Err(Error::invalid(format!(
                "Cannot assign value {shown} to {shown} of type {}",
                ty.freeze()
            )));
        }
        let (selected, _) = self.first(selection, node, Some(&ty))?;
        Ok((selected, ty))
    }

    fn element(
        &mut self,
        selection: &mut Selection<'_>,
        node: &Node<'_>,
        of: &Expr,
        key: &Expr,
    ) -> Result<Typed> {
        let (inner, ty) = self.first(selection, node, None)?;
        let shown = column_name(of, &selection.table.keyspace);
        let (key_ty, value_ty) = match &ty {
            Type::Map { key, value, .. } => (Type::clone(key), Type::clone(value)),
            Type::Set { element, .. } => (Type::clone(element), Type::clone(element)),
            Type::List { .. } => return Err(no_parts("Element", &shown)),
            _ => {
                return Err(Error::invalid(format!(
                    "Invalid element selection: {shown} is of type {ty} is not a collection"
                )));
            }
        };
        let name = part_name(&ty, &shown);
        let term = self.term(key, &Receiver::new(selection.table, &name, &key_ty))?;
        let selected = Selected::Element(ty, Box::new(inner), term, shown.into());
        Ok((selected, value_ty))
    }

    fn slice(
        &mut self,
        selection: &mut Selection<'_>,
        node: &Node<'_>,
        of: &Expr,
        (from, to): (Option<&Expr>, Option<&Expr>),
    ) -> Result<Typed> {
        let (inner, ty) = self.first(selection, node, None)?;
        let shown = column_name(of, &selection.table.keyspace);
        let key_ty = match &ty {
            Type::Map { key, .. } => Type::clone(key),
            Type::Set { element, .. } => Type::clone(element),
            Type::List { .. } => return Err(no_parts("Slice", &shown)),
            _ => {
                return Err(Error::invalid(format!(
                    "Invalid slice selection: {shown} of type {ty} is not a collection"
                )));
            }
        };
        let name = part_name(&ty, &shown);
        let receiver = Receiver::new(selection.table, &name, &key_ty);
        let from = from.map(|e| self.term(e, &receiver)).transpose()?;
        let to = to.map(|e| self.term(e, &receiver)).transpose()?;
        let selected = Selected::Slice(ty.clone(), Box::new(inner), from, to, shown.into());
        Ok((selected, ty))
    }

    fn field(
        &mut self,
        selection: &mut Selection<'_>,
        node: &Node<'_>,
        of: &Expr,
        field: &Name,
    ) -> Result<Typed> {
        let (inner, ty) = self.first(selection, node, None)?;
        let Type::Udt { udt, .. } = &ty else {
            return Err(Error::invalid(format!(
                "Invalid field selection: {} of type {ty} is not a user type",
                column_name(of, &selection.table.keyspace)
            )));
        };
        let mut fields = udt.fields.iter().enumerate();
        match fields.find(|(_, (name, _))| *name == field.text) {
            Some((at, (_, field_ty))) => {
                Ok((Selected::Field(at, Box::new(inner)), field_ty.clone()))
            }
            None => Err(no_field(
                &column_name(of, &selection.table.keyspace),
                &ty,
                field,
            )),
        }
    }

    /// A collection, tuple or user type of selectors, or something in parentheses.
    fn literal(
        &mut self,
        selection: &mut Selection<'_>,
        node: &Node<'_>,
        wanted: Option<&Type>,
    ) -> Result<Typed> {
        let ty = node.exact.as_ref().or(wanted);
        let ty = ty.ok_or_else(|| untyped(selection, node.expr))?.clone();
        if let (ExprKind::Tuple(_), [inner]) = (&node.expr.kind, node.parts.as_slice())
            && !matches!(ty, Type::Tuple(_))
        {
            return self.bound(selection, inner, Some(&ty));
        }
        let types = part_types(selection, node, &ty)?;
        let mut parts = Vec::with_capacity(node.parts.len());
        if let (ExprKind::Udt(fields), Type::Map { .. }) = (&node.expr.kind, &ty) {
            for ((name, _), part) in fields.iter().zip(&node.parts) {
                parts.push(Selected::Column(selection.column(name)?));
                parts.push(self.bound(selection, part, types.last())?.0);
            }
            return Ok((Selected::Literal(ty.clone(), parts), ty));
        }
        for (at, part) in node.parts.iter().enumerate() {
            let wanted = types.get(at % types.len().max(1));
            parts.push(self.bound(selection, part, wanted)?.0);
        }
        if let (ExprKind::Udt(fields), Type::Udt { udt, .. }) = (&node.expr.kind, &ty) {
            // In the type's order; fields that were left out are null.
            let mut given: Vec<Option<Selected>> = parts.into_iter().map(Some).collect();
            let places = udt.fields.iter().map(|(field, _)| {
                let at = fields.iter().position(|(name, _)| name.text == *field)?;
                given.get_mut(at)?.take()
            });
            let null = || Selected::Term(Term::Constant(None));
            parts = places.map(|part| part.unwrap_or_else(null)).collect();
        }
        Ok((Selected::Literal(ty.clone(), parts), ty))
    }
}

/// What the parts of a literal of type `ty` are, in turn.
fn part_types(selection: &Selection<'_>, node: &Node<'_>, ty: &Type) -> Result<Vec<Type>> {
    let shown = || column_name(node.expr, &selection.table.keyspace);
    Ok(match (&node.expr.kind, ty) {
        (
            ExprKind::List(items),
            Type::Vector {
                element,
                dimensions,
            },
        ) => {
            if usize::from(*dimensions) != items.len() {
                return Err(Error::invalid(format!(
                    "Unable to create a vector selector of type {ty} from {} elements",
                    items.len()
                )));
            }
            vec![Type::clone(element)]
        }
        (ExprKind::List(_), Type::List { element, .. })
        | (ExprKind::Set(_), Type::Set { element, .. }) => vec![Type::clone(element)],
        (ExprKind::Set(items), Type::Map { .. }) if items.is_empty() => Vec::new(),
        (ExprKind::Map(_) | ExprKind::Udt(_), Type::Map { key, value, .. }) => {
            vec![Type::clone(key), Type::clone(value)]
        }
        (ExprKind::Tuple(_), Type::Tuple(types)) => types.to_vec(),
        (ExprKind::Udt(fields), Type::Udt { udt, .. }) => {
            let types = fields.iter().map(|(name, _)| {
                let found = udt.fields.iter().find(|(field, _)| *field == name.text);
                found.map(|(_, ty)| ty.clone()).ok_or_else(|| {
                    Error::invalid(format!(
                        "Unknown field '{name}' in value of user defined type {}",
                        udt.name
                    ))
                })
            });
            types.collect::<Result<_>>()?
        }
        _ => return Err(Error::invalid(format!("{} is not of type {ty}", shown()))),
    })
}

/// A call; what it makes of constants is one.
fn folded(
    selection: &mut Selection<'_>,
    function: &Arc<Scalar>,
    arguments: Vec<Selected>,
) -> Selected {
    let constants = arguments.iter().map(|argument| match argument {
        Selected::Term(Term::Constant(bytes)) if function.pure => Some(bytes.as_deref()),
        _ => None,
    });
    let Some(constants) = constants.collect::<Option<Vec<_>>>() else {
        return Selected::Call(Arc::clone(function), arguments);
    };
    let random = Random::seeded(0);
    let env = Environment {
        now_micros: 0,
        random: &random,
    };
    match function.call(&constants, &env) {
        Ok(value) => Selected::Term(Term::Constant(value)),
        Err(error) => {
            selection.fails.get_or_insert(error);
            Selected::Call(Arc::clone(function), arguments)
        }
    }
}

fn aggregate(
    selection: &mut Selection<'_>,
    function: Option<Aggregate>,
    arguments: Vec<Selected>,
) -> Selected {
    selection.aggregates.push(AggregatePlan {
        function,
        arguments,
    });
    Selected::Aggregate(selection.aggregates.len() - 1)
}

fn untyped(selection: &Selection<'_>, expr: &Expr) -> Error {
    Error::invalid(format!(
        "Cannot infer type for term {} in selection clause (try using a cast to force a type)",
        column_name(expr, &selection.table.keyspace)
    ))
}

/// Of a list no parts are selected.
fn no_parts(what: &str, shown: &str) -> Error {
    Error::invalid(format!(
        "{what} selection is only allowed on sets and maps, but {shown} is a list"
    ))
}

pub(super) fn no_field(column: &str, ty: &Type, field: &Name) -> Error {
    Error::invalid(format!("{column} of type {ty} has no field {field}"))
}

/// What a key of a map, or an element of a set, is called.
pub(super) fn part_name(ty: &Type, shown: &str) -> String {
    match ty {
        Type::Map { .. } => format!("key({shown})"),
        _ => format!("value({shown})"),
    }
}
