//! Selectors, before they are bound: what type each has by itself, and which function a call means.
//!
//! ```text
//! abs(v + ?)          a call: its arguments are prepared first, then the function is found by
//!  └ v + ?            their types, and only then are they bound, to the types of its parameters
//!     ├ v     int     a column has a type,
//!     └ ?     none    a marker has none: it takes what stands for it, or the call is ambiguous
//! ```
//!
//! A node has an *exact* type where nothing from outside can change it, and a *likely* one where
//! it would be taken for something by itself: `5` is an `int`, if anything.

use crate::cql::ast::{ArithmeticOp, CellInfo, Expr, ExprKind, FunctionCall, Name, TypeExpr};
use crate::cql::bind::json::selected_to_json;
use crate::cql::bind::literal::{literal_fit, preferred_type};
use crate::cql::bind::naming::{column_name, is_constant};
use crate::cql::bind::{Binder, column, placed};
use crate::cql::functions::{self, Aggregate, Arguments, Fit, Scalar};
use crate::error::{Error, Result};
use crate::schema::Table;
use crate::types::Type;
use std::sync::Arc;

/// What a call means.
pub(super) enum Call {
    /// A function.
    Scalar(Arc<Scalar>),
    /// An aggregate; none is `count(*)`.
    Aggregate(Option<Aggregate>),
    /// `token(…)` of the table's own partition key.
    OwnToken,
}

/// A selector whose parts have been looked at.
pub(super) struct Node<'e> {
    /// What was written.
    pub(super) expr: &'e Expr,
    /// The type that it has by itself.
    pub(super) exact: Option<Type>,
    /// The type that it is taken for where nothing else is said.
    pub(super) likely: Option<Type>,
    /// What is called, if it is a call or an operation.
    pub(super) call: Option<Call>,
    /// Its parts.
    pub(super) parts: Vec<Node<'e>>,
}

impl<'e> Node<'e> {
    fn new(expr: &'e Expr, exact: Option<Type>, parts: Vec<Node<'e>>) -> Self {
        Self {
            expr,
            likely: exact.clone(),
            exact,
            call: None,
            parts,
        }
    }

    fn calling(expr: &'e Expr, call: Call, returns: Type, parts: Vec<Node<'e>>) -> Self {
        Self {
            call: Some(call),
            ..Self::new(expr, Some(returns), parts)
        }
    }

    /// Whether it may stand where `ty` is wanted.
    pub(super) fn fit(&self, ty: &Type) -> Fit {
        let weak_if = |fits: bool| if fits { Fit::Weak } else { Fit::No };
        let all = |parts: &[Node<'_>], ty: &Type| {
            let fits: Vec<Fit> = parts.iter().map(|part| part.fit(ty)).collect();
            together(&fits)
        };
        match (&self.expr.kind, ty) {
            (ExprKind::Literal(literal), _) => literal_fit(literal, ty),
            (ExprKind::Marker(_), _) => Fit::Weak,
            (ExprKind::List(_), Type::List { element, .. } | Type::Vector { element, .. })
            | (ExprKind::Set(_), Type::Set { element, .. }) => all(&self.parts, element),
            (ExprKind::Set(items), Type::Map { .. }) => weak_if(items.is_empty()),
            (ExprKind::Map(_), Type::Map { key, value, .. }) => {
                let fits = self.parts.iter().enumerate();
                let fits = fits.map(|(at, part)| part.fit(if at % 2 == 0 { key } else { value }));
                together(&fits.collect::<Vec<_>>())
            }
            // A single thing in parentheses is a tuple only where a tuple is wanted.
            (ExprKind::Tuple(_), Type::Tuple(types)) => {
                let fits = self.parts.iter().zip(types.iter());
                let fits: Vec<Fit> = fits.map(|(part, ty)| part.fit(ty)).collect();
                match self.parts.len() <= types.len() {
                    true => together(&fits),
                    false => Fit::No,
                }
            }
            (ExprKind::Tuple(_), _) => match self.parts.as_slice() {
                [inner] => inner.fit(ty),
                _ => Fit::No,
            },
            (ExprKind::Udt(given), Type::Udt { udt, .. }) => {
                let fits = given.iter().zip(&self.parts).map(|((name, _), part)| {
                    let field = udt.fields.iter().find(|(field, _)| *field == name.text);
                    // A field that is not there is refused where the value is made.
                    field.map_or(Fit::Weak, |(_, ty)| part.fit(ty))
                });
                together(&fits.collect::<Vec<_>>())
            }
            (ExprKind::Udt(_), Type::Map { value, .. }) => all(&self.parts, value),
            (ExprKind::List(_) | ExprKind::Set(_) | ExprKind::Map(_) | ExprKind::Udt(_), _) => {
                Fit::No
            }
            _ => match &self.exact {
                Some(exact) => functions::assignable(exact, ty),
                None => Fit::No,
            },
        }
    }

    /// Whether a marker stands in it.
    fn has_marker(&self) -> bool {
        matches!(self.expr.kind, ExprKind::Marker(_)) || self.parts.iter().any(Self::has_marker)
    }

    /// The columns that it is made of, in order.
    pub(super) fn columns(&self) -> Vec<&'e Name> {
        match &self.expr.kind {
            ExprKind::Column(name) => vec![name],
            _ => self.parts.iter().flat_map(Node::columns).collect(),
        }
    }
}

/// How well a whole fits whose parts fit so: of nothing it cannot be said exactly.
fn together(fits: &[Fit]) -> Fit {
    match fits {
        [] => Fit::Weak,
        fits if fits.contains(&Fit::No) => Fit::No,
        fits if fits.iter().all(|fit| *fit == Fit::Exact) => Fit::Exact,
        _ => Fit::Weak,
    }
}

/// What a function is told of its arguments.
fn given<T>(table: &Table, nodes: &[Node<'_>], with: impl FnOnce(&Arguments<'_>) -> T) -> T {
    let types: Vec<Option<Type>> = nodes.iter().map(|node| node.likely.clone()).collect();
    with(&Arguments {
        types: &types,
        fits: &|at, ty| nodes.get(at).map_or(Fit::No, |node| node.fit(ty)),
        shown: &|at| {
            nodes
                .get(at)
                .map_or_else(String::new, |node| column_name(node.expr, &table.keyspace))
        },
    })
}

impl Binder<'_> {
    /// Prepares a selector.
    pub(super) fn node<'e>(&self, table: &Table, expr: &'e Expr) -> Result<Node<'e>> {
        self.node_unplaced(table, expr)
            .map_err(|error| placed(error, expr.position))
    }

    fn nodes<'e>(
        &self,
        table: &Table,
        exprs: impl IntoIterator<Item = &'e Expr>,
    ) -> Result<Vec<Node<'e>>> {
        exprs.into_iter().map(|it| self.node(table, it)).collect()
    }

    fn node_unplaced<'e>(&self, table: &Table, expr: &'e Expr) -> Result<Node<'e>> {
        Ok(match &expr.kind {
            ExprKind::Column(name) => {
                Node::new(expr, Some(column(table, name)?.ty.clone()), Vec::new())
            }
            ExprKind::Literal(_) | ExprKind::Marker(_) => Node {
                likely: preferred_type(expr),
                ..Node::new(expr, None, Vec::new())
            },
            ExprKind::CountRows => {
                Node::calling(expr, Call::Aggregate(None), Type::BigInt, Vec::new())
            }
            ExprKind::Function(call) => self.call_node(table, expr, call)?,
            ExprKind::Arithmetic(op, left, right) => {
                self.operation_node(table, expr, *op, [left, right])?
            }
            ExprKind::Negate(inner) => {
                let parts = self.nodes(table, [&**inner])?;
                let function = given(table, &parts, |it| functions::negate(it, None))?;
                let returns = function.returns.clone();
                Node::calling(expr, Call::Scalar(Arc::new(function)), returns, parts)
            }
            ExprKind::Cast(of, ty) => {
                let to = self.resolve_type(ty)?;
                Node::new(expr, Some(to), self.nodes(table, [&**of])?)
            }
            ExprKind::TypeHint(ty, inner) => {
                let ty = self.hint(ty)?;
                Node::new(expr, Some(ty), self.nodes(table, [&**inner])?)
            }
            ExprKind::CellInfo(info, of) => {
                let parts = self.nodes(table, [&**of])?;
                let column = parts.first().map(Node::columns).unwrap_or_default();
                let is_multi_cell = match column.first() {
                    Some(name) => column_of(table, name)?,
                    None => false,
                };
                Node::new(expr, Some(info_type(*info, is_multi_cell)), parts)
            }
            ExprKind::Element(of, _) | ExprKind::Slice(of, ..) | ExprKind::Field(of, _) => {
                self.part_node(table, expr, of)?
            }
            _ => self.literal_node(table, expr)?,
        })
    }

    /// The type that a hint means; one that cannot be frozen is a slip of the pen.
    pub(super) fn hint(&self, ty: &TypeExpr) -> Result<Type> {
        self.resolve_type(ty).map_err(|error| {
            match error.message.starts_with("frozen<> is only allowed") {
                true => Error::syntax(error.message),
                false => error,
            }
        })
    }

    fn call_node<'e>(
        &self,
        table: &Table,
        expr: &'e Expr,
        call: &'e FunctionCall,
    ) -> Result<Node<'e>> {
        let parts = self.nodes(table, &call.arguments)?;
        let written = call.name.to_string();
        let system = call
            .name
            .keyspace
            .as_ref()
            .is_none_or(|it| it.text == "system");
        let name = call.name.name.text.as_str();
        let unknown = || Error::invalid(format!("Unknown function '{written}'"));
        if !system {
            return Err(unknown());
        }
        if name == "token" {
            return self.token_node(table, expr, call, parts);
        }
        let only = parts.first().and_then(|part| part.likely.as_ref());
        if let Some(function) = selected_to_json(call, only)? {
            let call = Call::Scalar(Arc::new(function));
            return Ok(Node::calling(expr, call, Type::Text, parts));
        }
        if functions::is_aggregate(name) {
            if name == "count"
                && let [argument] = call.arguments.as_slice()
                && is_constant(argument)
            {
                return Ok(Node::calling(
                    expr,
                    Call::Aggregate(None),
                    Type::BigInt,
                    Vec::new(),
                ));
            }
            let function = given(table, &parts, |it| functions::aggregate(&written, it))?;
            let returns = function.returns.clone();
            let call = Call::Aggregate(Some(function));
            return Ok(Node::calling(expr, call, returns, parts));
        }
        let mut parts = parts;
        if name.starts_with("similarity_") {
            parts.iter_mut().for_each(take_for_vector);
        }
        let function = given(table, &parts, |it| functions::scalar(&written, it, None))?;
        let function = function.ok_or_else(unknown)?;
        let returns = function.returns.clone();
        let call = Call::Scalar(Arc::new(function));
        Ok(Node::calling(expr, call, returns, parts))
    }

    fn token_node<'e>(
        &self,
        table: &Table,
        expr: &'e Expr,
        call: &FunctionCall,
        parts: Vec<Node<'e>>,
    ) -> Result<Node<'e>> {
        let names = call.arguments.iter().map(|argument| match &argument.kind {
            ExprKind::Column(name) => Some(name.text.as_str()),
            _ => None,
        });
        let key = table.partition_key.iter().map(|it| Some(it.name.as_str()));
        if key.eq(names) {
            return Ok(Node::calling(expr, Call::OwnToken, Type::BigInt, parts));
        }
        let function = self.token_function(call)?;
        for (at, (part, ty)) in parts.iter().zip(&function.arguments).enumerate() {
            if part.fit(ty) == Fit::No {
                return Err(Error::invalid(format!(
                    "Type error: {} cannot be passed as argument {at} of function system.token of \
                     type {ty}",
                    column_name(part.expr, &table.keyspace)
                )));
            }
        }
        let call = Call::Scalar(Arc::new(function));
        Ok(Node::calling(expr, call, Type::BigInt, parts))
    }

    fn operation_node<'e>(
        &self,
        table: &Table,
        expr: &'e Expr,
        op: ArithmeticOp,
        sides: [&'e Expr; 2],
    ) -> Result<Node<'e>> {
        let parts = self.nodes(table, sides)?;
        let markers = parts.iter().any(Node::has_marker);
        let function = given(table, &parts, |it| {
            functions::arithmetic(op, it, None, markers)
        })?;
        let returns = function.returns.clone();
        let call = Call::Scalar(Arc::new(function));
        Ok(Node::calling(expr, call, returns, parts))
    }

    /// An element, a slice or a field of something.
    fn part_node<'e>(&self, table: &Table, expr: &'e Expr, of: &'e Expr) -> Result<Node<'e>> {
        let parts = self.nodes(table, [of])?;
        let outer = parts.first().and_then(|part| part.exact.as_ref());
        let exact = match (&expr.kind, outer) {
            (ExprKind::Slice(..), Some(ty)) => Some(ty.clone()),
            (ExprKind::Element(..), Some(Type::Map { value, .. })) => Some(Type::clone(value)),
            (ExprKind::Element(..), Some(Type::Set { element, .. })) => Some(Type::clone(element)),
            (ExprKind::Field(_, field), Some(Type::Udt { udt, .. })) => {
                let found = udt.fields.iter().find(|(name, _)| *name == field.text);
                found.map(|(_, ty)| ty.clone())
            }
            _ => None,
        };
        Ok(Node::new(expr, exact, parts))
    }

    /// A collection, tuple or user type of selectors.
    fn literal_node<'e>(&self, table: &Table, expr: &'e Expr) -> Result<Node<'e>> {
        let list = |ty: Type| Type::List {
            element: Arc::new(ty.freeze()),
            frozen: false,
        };
        let set = |ty: Type| Type::Set {
            element: Arc::new(ty.freeze()),
            frozen: false,
        };
        Ok(match &expr.kind {
            ExprKind::List(items) | ExprKind::Set(items) => {
                let parts = self.nodes(table, items)?;
                let known = parts.iter().find_map(|part| part.exact.clone());
                let likely = known.clone().or_else(|| common(&parts));
                let made: &dyn Fn(Type) -> Type = match &expr.kind {
                    ExprKind::List(_) => &list,
                    _ => &set,
                };
                Node {
                    likely: likely.map(made),
                    ..Node::new(expr, known.map(made), parts)
                }
            }
            ExprKind::Tuple(items) => {
                let parts = self.nodes(table, items)?;
                let of = |types: Option<Vec<Type>>| match parts.len() {
                    1 => None,
                    _ => types.map(|types| Type::Tuple(types.iter().map(Type::freeze).collect())),
                };
                let exact = of(parts.iter().map(|part| part.exact.clone()).collect());
                let likely = of(parts.iter().map(|part| part.likely.clone()).collect());
                Node {
                    likely,
                    ..Node::new(expr, exact, parts)
                }
            }
            ExprKind::Map(entries) => {
                let both = entries.iter().flat_map(|(key, value)| [key, value]);
                Node::new(expr, None, self.nodes(table, both)?)
            }
            ExprKind::Udt(fields) => {
                let values = fields.iter().map(|(_, value)| value);
                Node::new(expr, None, self.nodes(table, values)?)
            }
            _ => return Err(Error::internal("a selector of no known form")),
        })
    }
}

/// The type that all parts can be taken for.
fn common(parts: &[Node<'_>]) -> Option<Type> {
    let types: Vec<&Type> = parts
        .iter()
        .filter_map(|part| part.likely.as_ref())
        .collect();
    let fits = |ty: &&&Type| {
        let assignable = |from: &&Type| functions::assignable(from, ty) != Fit::No;
        types.iter().all(assignable)
    };
    types.iter().find(fits).map(|ty| Type::clone(ty))
}

/// Among vectors, a list is a vector of floats.
fn take_for_vector(node: &mut Node<'_>) {
    if let ExprKind::List(items) = &node.expr.kind
        && let Ok(dimensions) = u16::try_from(items.len())
        && dimensions > 0
    {
        node.likely = Some(Type::Vector {
            element: Arc::new(Type::Float),
            dimensions,
        });
    }
}

/// Whether a column is stored in several cells.
fn column_of(table: &Table, name: &Name) -> Result<bool> {
    Ok(column(table, name)?.ty.is_multi_cell())
}

/// The type of what is told about a cell, or about several.
pub(super) fn info_type(info: CellInfo, is_multi_cell: bool) -> Type {
    let single = match info {
        CellInfo::Ttl => Type::Int,
        CellInfo::WriteTime | CellInfo::MaxWriteTime => Type::BigInt,
    };
    match is_multi_cell && info != CellInfo::MaxWriteTime {
        true => Type::List {
            element: Arc::new(single),
            frozen: true,
        },
        false => single,
    }
}

/// Refuses an aggregate among the arguments of another.
pub(super) fn check_nesting(node: &Node<'_>, inside: bool) -> Result<()> {
    let aggregate = matches!(node.call, Some(Call::Aggregate(_)));
    if aggregate && inside {
        return Err(placed(aggregates_nested(), node.expr.position));
    }
    node.parts
        .iter()
        .try_for_each(|part| check_nesting(part, inside || aggregate))
}

/// An aggregate among the arguments of another.
fn aggregates_nested() -> Error {
    Error::invalid("aggregate functions cannot be used as arguments of aggregate functions")
}
