//! `writetime`, `maxwritetime` and `ttl`: of a column, an element, a slice or a field of it.
//!
//! What a frozen value, or a part of one, was written with is what its one cell was written with.

use crate::cql::ast::{CellInfo, Expr, ExprKind, Name};
use crate::cql::bind::naming::column_name;
use crate::cql::bind::node::info_type;
use crate::cql::bind::selector::{Selection, Typed, no_field, part_name};
use crate::cql::bind::{Binder, Receiver, show};
use crate::cql::plan::{ColumnRef, Selected, Term};
use crate::error::{Error, Result};
use crate::schema::ColumnKind;
use crate::types::Type;
use bytes::Bytes;

impl Binder<'_> {
    /// What is told about the cells of `of`.
    pub(super) fn cell_info(
        &mut self,
        selection: &mut Selection<'_>,
        info: CellInfo,
        of: &Expr,
    ) -> Result<Typed> {
        let (name, part) = outermost(of, None).ok_or_else(|| {
            Error::invalid(format!(
                "Cannot use selection function {} on {}",
                show::cell_info(info),
                column_name(of, &selection.table.keyspace)
            ))
        })?;
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
        // Its parts are bound for what is wrong with them.
        let node = self.node(selection.table, of)?;
        self.bound(selection, &node, None)?;
        let Some(part) = part.filter(|_| column.ty.is_multi_cell()) else {
            let ty = info_type(info, column.ty.is_multi_cell());
            return Ok((Selected::CellInfo(info, column), ty));
        };
        let key_ty = match &column.ty {
            Type::Map { key: ty, .. } | Type::Set { element: ty, .. } => Type::clone(ty),
            _ => Type::Blob,
        };
        let key_name = part_name(&column.ty, &column.name);
        let receiver = Receiver::new(selection.table, &key_name, &key_ty);
        if let ExprKind::Slice(_, from, to) = &part.kind {
            let mut end =
                |e: &Option<Box<Expr>>| e.as_deref().map(|e| self.term(e, &receiver)).transpose();
            let (from, to) = (end(from)?, end(to)?);
            let selected = Selected::SliceInfo(info, column, Box::new((from, to)));
            return Ok((selected, info_type(info, true)));
        }
        let path = match &part.kind {
            ExprKind::Element(_, key) => self.term(key, &receiver)?,
            ExprKind::Field(_, field) => field_path(&column, field)?,
            _ => return Err(Error::internal("no part of a column")),
        };
        Ok((
            Selected::PathInfo(info, column, path),
            info_type(info, false),
        ))
    }
}

/// The column that is looked into, and the part of it that is nearest to it.
fn outermost<'e>(of: &'e Expr, part: Option<&'e Expr>) -> Option<(&'e Name, Option<&'e Expr>)> {
    match &of.kind {
        ExprKind::Column(name) => Some((name, part)),
        ExprKind::Element(inner, _) | ExprKind::Slice(inner, ..) | ExprKind::Field(inner, _) => {
            outermost(inner, Some(of))
        }
        _ => None,
    }
}

/// The path of a field's cell: its number.
fn field_path(column: &ColumnRef, field: &Name) -> Result<Term> {
    let at = match &column.ty {
        Type::Udt { udt, .. } => udt.fields.iter().position(|(name, _)| *name == field.text),
        _ => None,
    };
    let number = at.and_then(|at| u16::try_from(at).ok());
    let number = number.ok_or_else(|| no_field(&column.name, &column.ty, field))?;
    Ok(Term::Constant(Some(Bytes::copy_from_slice(
        &number.to_be_bytes(),
    ))))
}
