//! The value of a term in one execution.

use crate::cql::functions::{Environment, Scalar};
use crate::cql::plan::{Slot, Term};
use crate::error::{Error, Result};
use crate::random::Random;
use crate::types::{Type, collection};
use bytes::Bytes;

/// What one execution brings: the markers' values, and the world.
#[derive(Debug)]
pub struct Context<'a> {
    /// The markers' values, in order.
    pub values: &'a [Slot],
    /// Time and randomness.
    pub env: Environment<'a>,
}

/// The value of `term`.
pub fn term(term: &Term, context: &Context<'_>) -> Result<Slot> {
    match term {
        Term::Constant(Some(bytes)) => Ok(Slot::Bytes(bytes.clone())),
        Term::Constant(None) => Ok(Slot::Null),
        Term::Marker(index) => context
            .values
            .get(*index)
            .cloned()
            .ok_or_else(|| Error::invalid("Invalid amount of bind variables")),
        composed => composed_term(composed, context),
    }
}

/// The value of `term`, for which not being set means null.
pub fn optional(of: &Term, context: &Context<'_>) -> Result<Option<Bytes>> {
    match term(of, context)? {
        Slot::Bytes(bytes) => Ok(Some(bytes)),
        Slot::Null | Slot::Unset => Ok(None),
    }
}

/// The value of a term without markers.
pub fn constant(of: &Term) -> Result<Option<Bytes>> {
    let random = Random::seeded(0);
    let context = Context {
        values: &[],
        env: Environment {
            now_micros: 0,
            random: &random,
        },
    };
    optional(of, &context)
}

fn composed_term(composed: &Term, context: &Context<'_>) -> Result<Slot> {
    let bytes = match composed {
        Term::List(items) => collection::pack_elements(&elements(items, context)?),
        Term::Set(ty, items) => {
            let mut found = elements(items, context)?;
            found.sort_by(|a, b| ty.compare(a, b));
            found.dedup_by(|a, b| ty.compare(a, b).is_eq());
            collection::pack_elements(&found)
        }
        Term::Map(ty, entries) => {
            let mut found = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                found.push((element(key, context)?, element(value, context)?));
            }
            collection::pack_entries(&in_key_order(ty, found))
        }
        Term::Tuple(items) => {
            let mut found = Vec::with_capacity(items.len());
            for (at, item) in items.iter().enumerate() {
                found.push(match term(item, context)? {
                    Slot::Bytes(bytes) => Some(bytes),
                    Slot::Null => None,
                    Slot::Unset => {
                        return Err(Error::invalid(format!(
                            "Invalid unset value for tuple field number {at}"
                        )));
                    }
                });
            }
            collection::pack_fields(&found)
        }
        Term::Vector(ty, items) => {
            let found = elements(items, context)?;
            match ty {
                Type::Vector { element, .. } => collection::pack_vector(element, &found),
                _ => return Err(Error::internal("a vector term of another type")),
            }
        }
        Term::Call(function, arguments) => {
            let mut found = Vec::with_capacity(arguments.len());
            for argument in arguments {
                found.push(match term(argument, context)? {
                    Slot::Bytes(bytes) => Some(bytes),
                    Slot::Null => None,
                    Slot::Unset => return Err(unset_argument(function)),
                });
            }
            let borrowed: Vec<Option<&[u8]>> = found.iter().map(Option::as_deref).collect();
            return Ok(Slot::from_option(function.call(&borrowed, &context.env)?));
        }
        Term::Constant(_) | Term::Marker(_) => return term(composed, context),
    };
    Ok(Slot::Bytes(Bytes::from(bytes)))
}

fn unset_argument(function: &Scalar) -> Error {
    let name = &function.name;
    Error::invalid(format!(
        "Invalid unset value for argument in call to function {}",
        name.strip_prefix("system.").unwrap_or(name)
    ))
}

/// Entries in the order of their keys; of equal keys the last wins.
fn in_key_order(ty: &Type, mut entries: Vec<(Bytes, Bytes)>) -> Vec<(Bytes, Bytes)> {
    entries.reverse();
    entries.sort_by(|a, b| ty.compare(&a.0, &b.0));
    entries.dedup_by(|a, b| ty.compare(&a.0, &b.0).is_eq());
    entries
}

fn elements(items: &[Term], context: &Context<'_>) -> Result<Vec<Bytes>> {
    items.iter().map(|item| element(item, context)).collect()
}

fn element(item: &Term, context: &Context<'_>) -> Result<Bytes> {
    match term(item, context)? {
        Slot::Bytes(bytes) => Ok(bytes),
        Slot::Null => Err(Error::invalid("null is not supported inside collections")),
        Slot::Unset => Err(Error::invalid(
            "unset value is not supported inside collections",
        )),
    }
}
