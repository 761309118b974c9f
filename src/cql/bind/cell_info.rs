//! WRITETIME, MAXWRITETIME and TTL: of columns, and of their parts.
//!
//! | of | answer |
//! |---|---|
//! | a plain or frozen column, or a part of a frozen one | one value |
//! | a multi-cell column | a list with the value of each element, or of each field of the type |
//! | an element or a field of it | its value |
//! | a slice of it | a list with the values of the elements within |
//!
//! The newest of several is one value in any case.

use crate::cql::ast::{CellInfo, Expr, ExprKind, Name};
use crate::cql::bind::selector::{Selection, Typed, column_name, no_elements, no_field, part_name};
use crate::cql::bind::{Binder, Receiver, show};
use crate::cql::plan::{ColumnRef, Selected, Term};
use crate::error::{Error, Result};
use crate::schema::ColumnKind;
use crate::types::Type;
use std::sync::Arc;

/// The column, or which part of it.
enum Part {
    Whole,
    Path(Term),
    Slice(Option<Term>, Option<Term>),
}

fn no_cell_info(info: CellInfo, of: &Expr) -> Error {
    Error::invalid(format!(
        "Cannot use selection function {} on {}",
        show::cell_info(info),
        show::expr(of)
    ))
}

/// The column that is meant, and the rest of what is said of it.
fn column_of(of: &Expr) -> Option<&Name> {
    match &of.kind {
        ExprKind::Column(name) => Some(name),
        ExprKind::Element(inner, _) | ExprKind::Slice(inner, ..) | ExprKind::Field(inner, _) => {
            match &inner.kind {
                ExprKind::Column(name) => Some(name),
                _ => None,
            }
        }
        _ => None,
    }
}

impl Binder<'_> {
    /// `writetime(of)` and its like.
    pub(super) fn cell_info(
        &mut self,
        selection: &mut Selection<'_>,
        info: CellInfo,
        of: &Expr,
    ) -> Result<Typed> {
        let name = column_of(of).ok_or_else(|| no_cell_info(info, of))?;
        let column = selection.column(name)?;
        if matches!(
            column.kind,
            ColumnKind::PartitionKey | ColumnKind::Clustering
        ) {
            return Err(Error::invalid(format!(
                "Cannot use selection function {} on PRIMARY KEY part {name}",
                show::cell_info(info)
            )));
        }
        let single = match info {
            CellInfo::Ttl => Type::Int,
            CellInfo::WriteTime | CellInfo::MaxWriteTime => Type::BigInt,
        };
        let several = match info {
            CellInfo::MaxWriteTime => single.clone(),
            _ => Type::List {
                element: Arc::new(single.clone()),
                frozen: true,
            },
        };
        let part = self.info_part(selection, &column, of)?;
        if !column.ty.is_multi_cell() {
            return Ok((Selected::CellInfo(info, column), single));
        }
        Ok(match part {
            Part::Whole => (Selected::CellInfo(info, column), several),
            Part::Path(path) => (Selected::PathInfo(info, column, path), single),
            Part::Slice(from, to) => {
                let ends = Box::new((from, to));
                (Selected::SliceInfo(info, column, ends), several)
            }
        })
    }

    fn info_part(
        &mut self,
        selection: &Selection<'_>,
        column: &ColumnRef,
        of: &Expr,
    ) -> Result<Part> {
        let ty = &column.ty;
        let key_ty = |what: &str| match ty {
            Type::Map { key: ty, .. } | Type::Set { element: ty, .. } => Ok(Type::clone(ty)),
            _ => Err(no_elements(what, &column.name, ty)),
        };
        match &of.kind {
            ExprKind::Element(inner, key) => {
                let (key_ty, name) = (key_ty("Element")?, part_name(ty, inner));
                let receiver = Receiver::new(selection.table, &name, &key_ty);
                Ok(Part::Path(self.term(key, &receiver)?))
            }
            ExprKind::Slice(inner, from, to) => {
                let (key_ty, name) = (key_ty("Slice")?, part_name(ty, inner));
                let receiver = Receiver::new(selection.table, &name, &key_ty);
                let from = from.as_deref().map(|e| self.term(e, &receiver));
                let from = from.transpose()?;
                let to = to.as_deref().map(|e| self.term(e, &receiver));
                Ok(Part::Slice(from, to.transpose()?))
            }
            ExprKind::Field(inner, field) => {
                let Type::Udt { udt, .. } = ty else {
                    return Err(Error::invalid(format!(
                        "Invalid field selection: {} of type {ty} is not a user type",
                        column_name(inner)
                    )));
                };
                let at = udt.fields.iter().position(|(name, _)| *name == field.text);
                let number = at.and_then(|at| u16::try_from(at).ok());
                let number = number.ok_or_else(|| no_field(&column.name, ty, field))?;
                let path = bytes::Bytes::copy_from_slice(&number.to_be_bytes());
                Ok(Part::Path(Term::Constant(Some(path))))
            }
            _ => Ok(Part::Whole),
        }
    }
}
