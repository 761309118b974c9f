//! Functions and operators of terms, and type hints: which function a call means, where it is known
//! what its result is for.
//!
//! Calls nest. What an argument is by itself is found once for each, from the inside out, and not
//! once for every function that it might be an argument of.

use crate::cql::ast::{ArithmeticOp, Expr, ExprKind, FunctionCall, TypeExpr};
use crate::cql::bind::literal::{preferred_type, same_type};
use crate::cql::bind::{Binder, Receiver, show};
use crate::cql::functions::{self, Arguments, Fit, Scalar};
use crate::cql::plan::Term;
use crate::error::{Error, Result};
use crate::types::Type;
use std::sync::Arc;

/// What is known of a term without a receiver.
pub(super) struct Known {
    ty: Option<Type>,
    /// Whether another receiver would make it another type.
    flexible: bool,
}

/// How well what is known of a term fits a type.
pub(super) fn fit_of(known: &Known, ty: &Type) -> Fit {
    match &known.ty {
        None => Fit::Weak,
        Some(found) if same_type(found, ty) => Fit::Exact,
        Some(_) if known.flexible => Fit::Weak,
        Some(found) => functions::assignable(found, ty),
    }
}

fn unknown() -> Known {
    Known {
        ty: None,
        flexible: true,
    }
}

impl Binder<'_> {
    /// What is known of a call, an operation or a hint.
    pub(super) fn known(&self, expr: &Expr) -> Known {
        let of = |function: Result<Scalar>| match function {
            Ok(function) => Known {
                ty: Some(function.returns),
                flexible: function.overloaded,
            },
            Err(_) => unknown(),
        };
        match &expr.kind {
            ExprKind::TypeHint(hint, _) => match self.resolve_type(hint) {
                Ok(ty) => Known {
                    ty: Some(ty),
                    flexible: false,
                },
                Err(_) => unknown(),
            },
            ExprKind::Function(call) => of(self.resolve_call(call, None)),
            ExprKind::Cast(inner, to) => of(self.casting(inner, to)),
            ExprKind::Negate(inner) => of(self.negation(inner, None)),
            ExprKind::Arithmetic(op, left, right) => of(self.operation(*op, left, right, None)),
            ExprKind::Tuple(items) => match items.as_slice() {
                [inner] => self.known(inner),
                _ => unknown(),
            },
            _ => unknown(),
        }
    }

    /// The type of a term that can be known without a receiver.
    pub(super) fn known_type(&self, expr: &Expr) -> Option<Type> {
        self.known(expr).ty
    }

    /// What a function is told of its arguments.
    fn given<T>(&self, exprs: &[&Expr], with: impl FnOnce(&Arguments<'_>) -> T) -> T {
        let known: Vec<Option<Known>> = exprs
            .iter()
            .map(|expr| is_computed(expr).then(|| self.known(expr)))
            .collect();
        let types: Vec<Option<Type>> = known
            .iter()
            .zip(exprs)
            .map(|(known, expr)| match known {
                Some(known) => known.ty.clone(),
                None => likely_type(expr),
            })
            .collect();
        with(&Arguments {
            types: &types,
            fits: &|at, ty| match (known.get(at), exprs.get(at)) {
                (Some(Some(known)), _) => fit_of(known, ty),
                (_, Some(expr)) => self.fit(expr, ty),
                _ => Fit::No,
            },
            shown: &|at| {
                exprs
                    .get(at)
                    .map_or_else(String::new, |expr| show::expr(expr))
            },
        })
    }

    pub(super) fn negation(&self, inner: &Expr, receiver: Option<&Type>) -> Result<Scalar> {
        self.given(&[inner], |it| functions::negate(it, receiver))
    }

    pub(super) fn operation(
        &self,
        op: ArithmeticOp,
        left: &Expr,
        right: &Expr,
        receiver: Option<&Type>,
    ) -> Result<Scalar> {
        let markers = has_marker(left) || has_marker(right);
        self.given(&[left, right], |it| {
            functions::arithmetic(op, it, receiver, markers)
        })
    }

    /// The argument at `at` of `function`.
    pub(super) fn operand(
        &mut self,
        expr: &Expr,
        function: &Scalar,
        at: usize,
        receiver: &Receiver<'_>,
    ) -> Result<Term> {
        let ty = function
            .arguments
            .get(at)
            .ok_or_else(|| Error::internal("an argument too many"))?;
        let name = format!("arg{at}({})", function.name);
        self.term(expr, &receiver.named(&name).of_type(ty))
    }

    pub(super) fn call(&mut self, call: &FunctionCall, receiver: &Receiver<'_>) -> Result<Term> {
        let function = self.resolve_call(call, Some(receiver.ty))?;
        check_result(&function, receiver)?;
        let mut arguments = Vec::with_capacity(call.arguments.len());
        for (at, argument) in call.arguments.iter().enumerate() {
            arguments.push(self.operand(argument, &function, at, receiver)?);
        }
        Ok(Term::Call(Arc::new(function), arguments))
    }

    /// The function that a call of terms means.
    fn resolve_call(&self, call: &FunctionCall, receiver: Option<&Type>) -> Result<Scalar> {
        let unknown = || Error::invalid(format!("Unknown function {} called", call.name));
        let written = call.name.to_string();
        let system = call.name.keyspace.as_ref();
        if system.is_some_and(|keyspace| keyspace.text != "system") {
            return Err(unknown());
        }
        let name = call.name.name.text.as_str();
        let arguments: Vec<&Expr> = call.arguments.iter().collect();
        if name == "token" {
            let function = self.token_function(call)?;
            for (at, (argument, ty)) in arguments.iter().zip(&function.arguments).enumerate() {
                if self.fit(argument, ty) == Fit::No {
                    return Err(Error::invalid(format!(
                        "Type error: {} cannot be passed as argument {at} of function \
                         system.token of type {ty}",
                        show::expr(argument)
                    )));
                }
            }
            return Ok(function);
        }
        if let Some(function) = self.json_function(call, receiver)? {
            return Ok(function);
        }
        if functions::is_aggregate(name) {
            self.given(&arguments, |it| functions::aggregate(&written, it))?;
            return Err(Error::invalid(
                "Aggregation function are not supported in the where clause",
            ));
        }
        self.given(&arguments, |it| functions::scalar(&written, it, receiver))?
            .ok_or_else(unknown)
    }

    fn casting(&self, inner: &Expr, to: &TypeExpr) -> Result<Scalar> {
        let ty = self.resolve_type(to)?;
        self.given(&[inner], |it| functions::cast(&ty, it))?
            .ok_or_else(|| Error::invalid(format!("Unknown function system.cast_as_{to} called")))
    }

    /// `CAST(inner AS to)`.
    pub(super) fn cast_term(
        &mut self,
        inner: &Expr,
        to: &TypeExpr,
        receiver: &Receiver<'_>,
    ) -> Result<Term> {
        let function = self.casting(inner, to)?;
        check_result(&function, receiver)?;
        let argument = self.operand(inner, &function, 0, receiver)?;
        Ok(Term::Call(Arc::new(function), vec![argument]))
    }
}

/// The type that a constant is taken for by itself.
fn likely_type(expr: &Expr) -> Option<Type> {
    match &expr.kind {
        ExprKind::Set(items) => Some(Type::Set {
            element: Arc::new(items.first().and_then(preferred_type)?),
            frozen: false,
        }),
        _ => preferred_type(expr),
    }
}

fn is_computed(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Function(_)
        | ExprKind::Cast(..)
        | ExprKind::TypeHint(..)
        | ExprKind::Negate(_)
        | ExprKind::Arithmetic(..) => true,
        ExprKind::Tuple(items) => matches!(items.as_slice(), [inner] if is_computed(inner)),
        _ => false,
    }
}

fn has_marker(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Marker(_) => true,
        ExprKind::Arithmetic(_, left, right) => has_marker(left) || has_marker(right),
        ExprKind::Negate(inner) | ExprKind::TypeHint(_, inner) | ExprKind::Cast(inner, _) => {
            has_marker(inner)
        }
        ExprKind::Function(call) => call.arguments.iter().any(has_marker),
        ExprKind::Tuple(items) | ExprKind::List(items) | ExprKind::Set(items) => {
            items.iter().any(has_marker)
        }
        _ => false,
    }
}

fn fits_receiver(function: &Scalar, receiver: &Receiver<'_>) -> bool {
    // What a function makes of a collection is one value, not elements.
    if matches!(
        function.returns,
        Type::List { frozen: true, .. } | Type::Set { frozen: true, .. }
    ) && receiver.ty.is_multi_cell()
    {
        return false;
    }
    // What is added to a counter is a bigint.
    (function.returns == Type::BigInt && *receiver.ty == Type::Counter)
        || functions::assignable(&function.returns, receiver.ty) != Fit::No
}

pub(super) fn check_result(function: &Scalar, receiver: &Receiver<'_>) -> Result<()> {
    if fits_receiver(function, receiver) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "Type error: cannot assign result of function {} (type {}) to {} (type {})",
        function.name, function.returns, receiver.name, receiver.ty
    )))
}

pub(super) fn check_operation(
    op: ArithmeticOp,
    function: &Scalar,
    receiver: &Receiver<'_>,
) -> Result<()> {
    if fits_receiver(function, receiver) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "Type error: cannot assign result of operation {} (type {}) to {} (type {})",
        show::sign(op),
        function.returns,
        receiver.name,
        receiver.ty
    )))
}
