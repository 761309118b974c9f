//! Terms: literals, markers and functions of them, bound to the type that is wanted.
//!
//! What is constant is encoded here, once; a collection of constants becomes one constant.

use crate::cql::ast::{Expr, ExprKind, Literal, TypeExpr};
use crate::cql::bind::call::{check_operation, check_result, fit_of};
use crate::cql::bind::literal::{
    encode_literal, literal_fit, literal_fits, literal_kind, literal_text, stands_for,
};
use crate::cql::bind::{Binder, Receiver, show};
use crate::cql::evaluate;
use crate::cql::functions::Fit;
use crate::cql::plan::Term;
use crate::cql::result::ColumnSpec;
use crate::error::{Error, Result};
use crate::types::Type;
use std::sync::Arc;

/// Refuses a marker within the literal of a collection.
fn check_no_marker(term: &Term, what: &str, receiver: &Receiver<'_>) -> Result<()> {
    if !has_marker(term) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "Invalid {what} literal for {}: bind variables are not supported inside collection \
         literals",
        receiver.name
    )))
}

fn has_marker(term: &Term) -> bool {
    match term {
        Term::Marker(_) => true,
        Term::Constant(_) => false,
        Term::List(items)
        | Term::Set(_, items)
        | Term::Tuple(items)
        | Term::Vector(_, items)
        | Term::Call(_, items) => items.iter().any(has_marker),
        Term::Map(_, entries) => entries
            .iter()
            .any(|(key, value)| has_marker(key) || has_marker(value)),
    }
}

impl Binder<'_> {
    /// Notes what marker `index` is for.
    pub fn marker(&mut self, index: usize, receiver: &Receiver<'_>) {
        let name = self.names.get(index).cloned().flatten();
        if let Some(spec) = self.markers.get_mut(index) {
            *spec = Some(ColumnSpec {
                keyspace: receiver.keyspace.to_owned(),
                table: receiver.table.to_owned(),
                name: name.unwrap_or_else(|| receiver.name.to_owned()),
                ty: receiver.ty.clone(),
            });
        }
    }

    /// Binds `expr` to what `receiver` wants.
    pub fn term(&mut self, expr: &Expr, receiver: &Receiver<'_>) -> Result<Term> {
        let bound = self.term_unplaced(expr, receiver);
        bound.map_err(|error| crate::cql::bind::placed(error, expr.position))
    }

    fn term_unplaced(&mut self, expr: &Expr, receiver: &Receiver<'_>) -> Result<Term> {
        let ty = receiver.ty;
        let term = match &expr.kind {
            ExprKind::Literal(Literal::Null) if *ty == Type::Counter => {
                return Err(Error::invalid(
                    "Invalid null value for counter increment/decrement",
                ));
            }
            ExprKind::Literal(literal) => {
                if !literal_fits(literal, ty) {
                    return Err(Error::invalid(format!(
                        "Invalid {} constant ({}) for \"{}\" of type {ty}",
                        literal_kind(literal),
                        literal_text(literal),
                        receiver.name,
                    )));
                }
                Term::Constant(encode_literal(literal, ty)?)
            }
            ExprKind::Marker(index) => {
                self.marker(*index, receiver);
                Term::Marker(*index)
            }
            ExprKind::List(items) => self.list(items, receiver)?,
            ExprKind::Set(items) => self.set(items, receiver)?,
            ExprKind::Map(entries) => self.map(entries, receiver)?,
            ExprKind::Udt(_) => self.user_type(expr, receiver)?,
            ExprKind::Tuple(items) => match (ty, items.as_slice()) {
                (Type::Tuple(_) | Type::Udt { frozen: true, .. }, _) => {
                    self.tuple(items, receiver)?
                }
                (_, [inner]) => self.term(inner, receiver)?,
                _ => {
                    return Err(Error::invalid(format!(
                        "Invalid tuple type literal for {} of type {ty}",
                        receiver.name
                    )));
                }
            },
            ExprKind::Function(call) => self.call(call, receiver)?,
            ExprKind::Cast(inner, to) => self.cast_term(inner, to, receiver)?,
            ExprKind::TypeHint(hint, inner) => self.hinted_term(hint, inner, receiver)?,
            ExprKind::Negate(inner) => {
                let function = self.negation(inner, Some(ty))?;
                check_result(&function, receiver)?;
                let argument = self.operand(inner, &function, 0, receiver)?;
                Term::Call(Arc::new(function), vec![argument])
            }
            ExprKind::Arithmetic(op, left, right) => {
                let function = self.operation(*op, left, right, Some(ty))?;
                check_operation(*op, &function, receiver)?;
                let left = self.operand(left, &function, 0, receiver)?;
                let right = self.operand(right, &function, 1, receiver)?;
                Term::Call(Arc::new(function), vec![left, right])
            }
            _ => {
                return Err(Error::syntax(format!(
                    "{} cannot stand where a value is wanted",
                    show::expr(expr)
                )));
            }
        };
        fold(term, ty)
    }

    /// `(hint)inner`: the hinted type takes the value, and may stand where `receiver` is.
    fn hinted_term(
        &mut self,
        hint: &TypeExpr,
        inner: &Expr,
        receiver: &Receiver<'_>,
    ) -> Result<Term> {
        let hinted = self.resolve_type(hint)?;
        if self.fit(inner, &hinted) == Fit::No {
            return Err(Error::invalid(format!(
                "Cannot cast value {} to type {}",
                show::expr(inner),
                self.written_type(hint)
            )));
        }
        if !stands_for(&hinted, receiver.ty) {
            return Err(Error::invalid(format!(
                "Cannot assign value ({}){} to {} of type {}",
                self.written_type(hint),
                show::expr(inner),
                receiver.name,
                receiver.ty
            )));
        }
        self.term(inner, receiver)
    }

    fn list(&mut self, items: &[Expr], receiver: &Receiver<'_>) -> Result<Term> {
        let (element, vector) = match receiver.ty {
            Type::List { element, .. } => (element, None),
            Type::Vector {
                element,
                dimensions,
            } => (element, Some(usize::from(*dimensions))),
            ty => {
                return Err(Error::invalid(format!(
                    "Unexpected receiver type '{ty}'; only list and vector are expected"
                )));
            }
        };
        if let Some(dimensions) = vector
            && dimensions != items.len()
        {
            return Err(Error::invalid(format!(
                "Invalid vector literal for {} of type {}; expected {dimensions} elements, but \
                 given {}",
                receiver.name,
                receiver.ty,
                items.len()
            )));
        }
        let name = format!("value({})", receiver.name);
        let inner = receiver.named(&name).of_type(element);
        let what = if vector.is_some() { "vector" } else { "list" };
        let terms = self.elements(items, &inner, what, receiver)?;
        Ok(match vector {
            Some(_) => Term::Vector(receiver.ty.clone(), terms),
            None => Term::List(terms),
        })
    }

    /// Binds elements, which must not be null.
    fn elements(
        &mut self,
        items: &[Expr],
        inner: &Receiver<'_>,
        what: &str,
        outer: &Receiver<'_>,
    ) -> Result<Vec<Term>> {
        let mut terms = Vec::with_capacity(items.len());
        for item in items {
            if self.fit_part(item, inner.ty)? == Fit::No {
                return Err(Error::invalid(format!(
                    "Invalid {what} literal for {}: value {} is not of type {}",
                    outer.name,
                    show::expr(item),
                    inner.ty
                )));
            }
            if matches!(item.kind, ExprKind::Literal(Literal::Null)) {
                let outside = if what == "vector" { what } else { "collection" };
                return Err(Error::invalid(format!(
                    "null is not supported inside {outside}s"
                )));
            }
            let term = self.term(item, inner)?;
            if what != "vector" {
                check_no_marker(&term, what, outer)?;
            }
            terms.push(term);
        }
        Ok(terms)
    }

    fn set(&mut self, items: &[Expr], receiver: &Receiver<'_>) -> Result<Term> {
        match receiver.ty {
            Type::Set { element, .. } => {
                let name = format!("value({})", receiver.name);
                let inner = receiver.named(&name).of_type(element);
                let terms = self.elements(items, &inner, "set", receiver)?;
                Ok(Term::Set(Type::clone(element), terms))
            }
            Type::Map { key, .. } if items.is_empty() => {
                Ok(Term::Map(Type::clone(key), Vec::new()))
            }
            ty => Err(Error::invalid(format!(
                "Invalid set literal for {} of type {ty}",
                receiver.name
            ))),
        }
    }

    fn map(&mut self, entries: &[(Expr, Expr)], receiver: &Receiver<'_>) -> Result<Term> {
        let Type::Map { key, value, .. } = receiver.ty else {
            return Err(Error::invalid(format!(
                "Invalid map literal for {} of type {}",
                receiver.name, receiver.ty
            )));
        };
        let (key_name, value_name) = (
            format!("key({})", receiver.name),
            format!("value({})", receiver.name),
        );
        let mut terms = Vec::with_capacity(entries.len());
        for (k, v) in entries {
            for (expr, part, ty) in [(k, "key", key), (v, "value", value)] {
                if self.fit_part(expr, ty)? == Fit::No {
                    return Err(Error::invalid(format!(
                        "Invalid map literal for {}: {part} {} is not of type {ty}",
                        receiver.name,
                        show::expr(expr)
                    )));
                }
                if matches!(expr.kind, ExprKind::Literal(Literal::Null)) {
                    return Err(Error::invalid("null is not supported inside collections"));
                }
            }
            let k = self.term(k, &receiver.named(&key_name).of_type(key))?;
            let v = self.term(v, &receiver.named(&value_name).of_type(value))?;
            check_no_marker(&k, "map", receiver)?;
            check_no_marker(&v, "map", receiver)?;
            terms.push((k, v));
        }
        Ok(Term::Map(Type::clone(key), terms))
    }

    fn user_type(&mut self, expr: &Expr, receiver: &Receiver<'_>) -> Result<Term> {
        let (ExprKind::Udt(given), Type::Udt { udt, .. }) = (&expr.kind, receiver.ty) else {
            return Err(Error::invalid(format!(
                "Invalid user type literal for {} of type {}",
                receiver.name, receiver.ty
            )));
        };
        for (field, ty) in &udt.fields {
            let value = given.iter().find(|(name, _)| name.text == *field);
            if let Some((_, value)) = value
                && self.fit(value, ty) == Fit::No
            {
                return Err(Error::invalid(format!(
                    "Invalid user type literal for {}: field {field} is not of type {ty}",
                    receiver.name
                )));
            }
        }
        for (name, _) in given {
            if !udt.fields.iter().any(|(field, _)| *field == name.text) {
                return Err(Error::invalid(format!(
                    "Unknown field '{name}' in value of user defined type {}",
                    udt.name
                )));
            }
        }
        let mut terms = Vec::with_capacity(udt.fields.len());
        for (field, ty) in &udt.fields {
            let Some((_, value)) = given.iter().find(|(name, _)| name.text == *field) else {
                terms.push(Term::Constant(None));
                continue;
            };
            let name = format!("{}.{field}", receiver.name);
            terms.push(self.term(value, &receiver.named(&name).of_type(ty))?);
        }
        Ok(Term::Tuple(terms))
    }

    fn tuple(&mut self, items: &[Expr], receiver: &Receiver<'_>) -> Result<Term> {
        let types = receiver.ty.field_types();
        if items.len() > types.len() {
            return Err(Error::invalid(format!(
                "Invalid tuple literal for {}: too many elements. Type {} expects {} but got {}",
                receiver.name,
                receiver.ty,
                types.len(),
                items.len()
            )));
        }
        let mut terms = Vec::with_capacity(items.len());
        for (at, (item, ty)) in items.iter().zip(types).enumerate() {
            // Of a tuple of columns each part is looked at alone.
            if !receiver.name.starts_with('(') && self.fit(item, ty) == Fit::No {
                return Err(Error::invalid(format!(
                    "Invalid tuple literal for {}: component {at} is not of type {ty}",
                    receiver.name
                )));
            }
            let name = component_name(receiver.name, at);
            terms.push(self.term(item, &receiver.named(&name).of_type(ty))?);
        }
        Ok(Term::Tuple(terms))
    }

    /// How well a part of a literal fits a type. A list literal is told where it cannot stand.
    fn fit_part(&self, expr: &Expr, ty: &Type) -> Result<Fit> {
        if matches!(expr.kind, ExprKind::List(_))
            && !matches!(ty, Type::List { .. } | Type::Vector { .. })
        {
            return Err(Error::invalid(format!(
                "Unexpected receiver type '{ty}'; only list and vector are expected"
            )));
        }
        Ok(self.fit(expr, ty))
    }

    /// How well a term fits a type.
    pub fn fit(&self, expr: &Expr, ty: &Type) -> Fit {
        let weak_if = |fits: bool| if fits { Fit::Weak } else { Fit::No };
        let all = |items: &[Expr], ty: &Type| {
            weak_if(items.iter().all(|item| self.fit(item, ty) != Fit::No))
        };
        match &expr.kind {
            ExprKind::Literal(literal) => literal_fit(literal, ty),
            ExprKind::Marker(_) => Fit::Weak,
            ExprKind::List(items) => match ty {
                Type::List { element, .. } => all(items, element),
                Type::Vector {
                    element,
                    dimensions,
                } if usize::from(*dimensions) == items.len() => all(items, element),
                _ => Fit::No,
            },
            ExprKind::Set(items) => match ty {
                Type::Set { element, .. } => all(items, element),
                Type::Map { .. } => weak_if(items.is_empty()),
                _ => Fit::No,
            },
            ExprKind::Map(entries) => {
                match ty {
                    Type::Map { key, value, .. } => weak_if(entries.iter().all(|(k, v)| {
                        self.fit(k, key) != Fit::No && self.fit(v, value) != Fit::No
                    })),
                    _ => Fit::No,
                }
            }
            ExprKind::Udt(given) => match ty {
                // Fields that are not there are told of by themselves.
                Type::Udt { udt, .. } => weak_if(given.iter().all(|(name, value)| {
                    let field = udt.fields.iter().find(|(field, _)| *field == name.text);
                    field.is_none_or(|(_, ty)| self.fit(value, ty) != Fit::No)
                })),
                _ => Fit::No,
            },
            ExprKind::Tuple(items) => match (ty, items.as_slice()) {
                (Type::Tuple(_) | Type::Udt { frozen: true, .. }, _) => {
                    let types = ty.field_types();
                    weak_if(
                        items.len() <= types.len()
                            && items
                                .iter()
                                .zip(types)
                                .all(|(item, ty)| self.fit(item, ty) != Fit::No),
                    )
                }
                (_, [inner]) => self.fit(inner, ty),
                _ => Fit::No,
            },
            ExprKind::TypeHint(hint, _) => match self.resolve_type(hint) {
                Ok(hinted) if hinted == *ty => Fit::Exact,
                Ok(hinted) => weak_if(stands_for(&hinted, ty)),
                Err(_) => Fit::No,
            },
            ExprKind::Function(_)
            | ExprKind::Cast(..)
            | ExprKind::Negate(_)
            | ExprKind::Arithmetic(..) => fit_of(&self.known(expr), ty),
            _ => Fit::No,
        }
    }
}

/// Makes one constant of a term all of whose parts are constant.
fn fold(term: Term, ty: &Type) -> Result<Term> {
    let constant = |terms: &[Term]| terms.iter().all(|term| matches!(term, Term::Constant(_)));
    let foldable = match &term {
        Term::List(items) | Term::Set(_, items) | Term::Tuple(items) | Term::Vector(_, items) => {
            constant(items)
        }
        Term::Map(_, entries) => entries
            .iter()
            .all(|(k, v)| matches!((k, v), (Term::Constant(_), Term::Constant(_)))),
        Term::Call(function, arguments) => function.pure && constant(arguments),
        Term::Constant(_) | Term::Marker(_) => false,
    };
    if !foldable {
        return Ok(term);
    }
    let bytes = evaluate::constant(&term)?;
    if let (Some(bytes), Term::Call(..)) = (&bytes, &term) {
        ty.validate(bytes)?;
    }
    Ok(Term::Constant(bytes))
}

/// What a tuple's component is called. A tuple of columns, `(c, d) > (?, ?)`, has their names.
fn component_name(tuple: &str, at: usize) -> String {
    let columns = tuple.strip_prefix('(').and_then(|it| it.strip_suffix(')'));
    match columns.and_then(|columns| columns.split(',').nth(at)) {
        Some(column) => column.to_owned(),
        None => format!("{tuple}[{at}]"),
    }
}
