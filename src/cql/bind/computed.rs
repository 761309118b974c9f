//! Selectors that compute: casts, type hints, negation, arithmetic.
//!
//! Expressions nest, so each form is bound by a function of its own: small frames, that a thread's
//! stack holds as many of as the limits allow.

use crate::cql::ast::{ArithmeticOp, Expr, TypeExpr};
use crate::cql::bind::literal::{preferred_type, same_type};
use crate::cql::bind::selector::{Selection, Typed, is_typed};
use crate::cql::bind::{Binder, show};
use crate::cql::functions::{self, Fit};
use crate::cql::plan::Selected;
use crate::error::{Error, Result};
use crate::types::Type;
use std::sync::Arc;

impl Binder<'_> {
    /// `CAST(of AS ty)`.
    pub(super) fn cast(
        &mut self,
        selection: &mut Selection<'_>,
        of: &Expr,
        ty: &TypeExpr,
    ) -> Result<Typed> {
        let to = self.resolve_type(ty)?;
        let (inner, from) = self.selector(selection, of, None)?;
        if same_type(&from, &to) {
            return Ok((inner, to));
        }
        let function = functions::cast(&from, &to)?;
        Ok((Selected::Call(Arc::new(function), vec![inner]), to))
    }

    /// `(ty) inner`.
    pub(super) fn hinted(
        &mut self,
        selection: &mut Selection<'_>,
        expr: &Expr,
        ty: &TypeExpr,
        inner: &Expr,
    ) -> Result<Typed> {
        let ty = self.resolve_type(ty)?;
        let (selected, found) = self.selector(selection, inner, Some(&ty))?;
        if !same_type(&found, &ty) {
            let shown = show::expr(expr);
            return Err(Error::invalid(format!(
                "Cannot assign value {shown} to {shown} of type {ty}"
            )));
        }
        Ok((selected, ty))
    }

    /// `-inner`.
    pub(super) fn negated(
        &mut self,
        selection: &mut Selection<'_>,
        inner: &Expr,
        wanted: Option<&Type>,
    ) -> Result<Typed> {
        let (inner, ty) = self.selector(selection, inner, wanted)?;
        let function = functions::negate(&ty)?;
        let returns = function.returns.clone();
        Ok((Selected::Call(Arc::new(function), vec![inner]), returns))
    }

    /// `left op right`.
    pub(super) fn operation(
        &mut self,
        selection: &mut Selection<'_>,
        op: ArithmeticOp,
        (left, right): (&Expr, &Expr),
        wanted: Option<&Type>,
    ) -> Result<Typed> {
        let ((left, left_ty), (right, right_ty)) = self.pair(selection, left, right, wanted)?;
        let function = functions::arithmetic(op, &left_ty, &right_ty)?;
        let returns = function.returns.clone();
        Ok((
            Selected::Call(Arc::new(function), vec![left, right]),
            returns,
        ))
    }

    /// Both sides of an operation; a literal takes the other side's type where it fits.
    fn pair(
        &mut self,
        selection: &mut Selection<'_>,
        left: &Expr,
        right: &Expr,
        wanted: Option<&Type>,
    ) -> Result<(Typed, Typed)> {
        match (is_typed(left), is_typed(right)) {
            (true, true) => Ok((
                self.selector(selection, left, None)?,
                self.selector(selection, right, None)?,
            )),
            (true, false) => {
                let left = self.selector(selection, left, None)?;
                let ty = self.side_type(right, &left.1);
                let right = self.selector(selection, right, Some(&ty))?;
                Ok((left, right))
            }
            (false, true) => {
                let right = self.selector(selection, right, None)?;
                let ty = self.side_type(left, &right.1);
                let left = self.selector(selection, left, Some(&ty))?;
                Ok((left, right))
            }
            (false, false) => {
                let own = preferred_type(left);
                let left_ty = wanted.cloned().or(own);
                let left = self.selector(selection, left, left_ty.as_ref())?;
                let ty = self.side_type(right, &left.1);
                let right = self.selector(selection, right, Some(&ty))?;
                Ok((left, right))
            }
        }
    }

    fn side_type(&self, expr: &Expr, other: &Type) -> Type {
        if matches!(other, Type::Date | Type::Timestamp | Type::Time) {
            return Type::Duration;
        }
        let preferred = preferred_type(expr);
        match preferred {
            // A number constant is an int, or what holds it, and the result widens: smallint + 1
            // is an int, float + 0.5 a double.
            Some(number @ (Type::Int | Type::BigInt | Type::VarInt | Type::Double))
                if functions::is_numeric(other) =>
            {
                number
            }
            _ if self.fit(expr, other) != Fit::No => other.clone(),
            Some(preferred) => preferred,
            None => other.clone(),
        }
    }
}
