//! Types as written, looked up.

use crate::cql::ast::{TypeExpr, TypeExprKind};
use crate::cql::bind::{Binder, placed};
use crate::error::{Error, Result};
use crate::limits;
use crate::types::Type;
use std::sync::Arc;

impl Binder<'_> {
    /// The type that `expr` means here.
    pub fn resolve_type(&self, expr: &TypeExpr) -> Result<Type> {
        self.resolve_unplaced(expr)
            .map_err(|error| placed(error, expr.position))
    }

    fn resolve_unplaced(&self, expr: &TypeExpr) -> Result<Type> {
        let inner = |e: &TypeExpr| self.resolve_type(e).map(|ty| Arc::new(ty.freeze()));
        Ok(match &expr.kind {
            TypeExprKind::Native(ty) => ty.clone(),
            TypeExprKind::Custom(name) => {
                return Err(Error::invalid(format!("Unknown type {name}")));
            }
            TypeExprKind::List(element) => Type::List {
                element: inner(element)?,
                frozen: false,
            },
            TypeExprKind::Set(element) => Type::Set {
                element: inner(element)?,
                frozen: false,
            },
            TypeExprKind::Map(key, value) => Type::Map {
                key: inner(key)?,
                value: inner(value)?,
                frozen: false,
            },
            TypeExprKind::Tuple(elements) => {
                let elements: Result<Vec<Type>> = elements
                    .iter()
                    .map(|e| self.resolve_type(e).map(|ty| ty.freeze()))
                    .collect();
                Type::Tuple(elements?.into())
            }
            TypeExprKind::Vector(element, dimensions) => Type::Vector {
                element: inner(element)?,
                dimensions: u16::try_from(*dimensions)
                    .ok()
                    .filter(|n| (1..=limits::VECTOR_DIMENSIONS_MAX).contains(&usize::from(*n)))
                    .ok_or_else(|| {
                        Error::invalid(format!(
                            "vectors may only have 1 to {} dimensions, but {dimensions} was asked \
                             for",
                            limits::VECTOR_DIMENSIONS_MAX
                        ))
                    })?,
            },
            TypeExprKind::Frozen(inner) => self.resolve_type(inner)?.freeze(),
            TypeExprKind::User(name) => {
                let keyspace = match name.keyspace_or(self.keyspace) {
                    Some(keyspace) => keyspace,
                    None => return Err(Error::invalid(format!("Unknown type {name}"))),
                };
                let udt = self
                    .catalog
                    .keyspaces
                    .get(keyspace)
                    .and_then(|keyspace| keyspace.types.get(&name.name.text))
                    .ok_or_else(|| Error::invalid(format!("Unknown type {keyspace}.{}", name.name)))?;
                Type::Udt {
                    udt: Arc::clone(udt),
                    frozen: false,
                }
            }
        })
    }
}
