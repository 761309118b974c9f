//! Functions of collections: `map_keys`, `map_values`, and `collection_count`, `_min`, `_max`,
//! `_sum` and `_avg`, which are the aggregates over one value's elements.

use crate::cql::functions::number::NUMERIC;
use crate::cql::functions::overload::Overload;
use crate::cql::functions::resolve::inferred;
use crate::cql::functions::{Arguments, Fit, aggregate};
use crate::error::{Error, Result};
use crate::types::{Type, collection};
use std::sync::Arc;

/// The functions of that name, over the argument's type.
pub(super) fn overloads(name: &str, given: &Arguments<'_>) -> Result<Option<Vec<Overload>>> {
    if !matches!(
        name,
        "map_keys"
            | "map_values"
            | "collection_count"
            | "collection_min"
            | "collection_max"
            | "collection_sum"
            | "collection_avg"
    ) {
        return Ok(None);
    }
    let (parameter, wanted) = match name {
        "map_keys" | "map_values" => ("map", "a map"),
        "collection_count" => ("collection", "a collection"),
        "collection_min" | "collection_max" => ("numeric_set_or_list", "a set or list"),
        _ => ("numeric_set_or_list", "a numeric set/list"),
    };
    let types = inferred(name, &[parameter], given, None)?;
    let ty = types
        .first()
        .ok_or_else(|| Error::internal("no argument"))?;
    let refused = || {
        Error::invalid(format!(
            "Function system.{name} requires {wanted} argument, but found argument {} of type {ty}",
            (given.shown)(0)
        ))
    };
    let overload = match (name, ty) {
        ("map_keys", Type::Map { key, .. }) => map_keys(ty, key),
        ("map_values", Type::Map { value, .. }) => map_values(ty, value),
        ("map_keys" | "map_values", _) => return Err(refused()),
        ("collection_count", Type::Map { .. } | Type::List { .. } | Type::Set { .. }) => {
            let is_map = matches!(ty, Type::Map { .. });
            Overload::unary(ty.clone(), Type::Int, move |bytes| {
                let count = if is_map {
                    collection::entries(bytes)?.len()
                } else {
                    collection::elements(bytes)?.len()
                };
                Ok(Some((count as i32).to_be_bytes().to_vec()))
            })
        }
        ("collection_count", _) => return Err(refused()),
        (
            "collection_min" | "collection_max",
            Type::List { element, .. } | Type::Set { element, .. },
        ) => folded(name.trim_start_matches("collection_"), ty, element)?,
        (_, Type::List { element, .. } | Type::Set { element, .. })
            if NUMERIC.contains(element) =>
        {
            folded(name.trim_start_matches("collection_"), ty, element)?
        }
        _ => return Err(refused()),
    };
    Ok(Some(vec![overload]))
}

fn map_keys(ty: &Type, key: &Arc<Type>) -> Overload {
    let returns = Type::Set {
        element: Arc::clone(key),
        frozen: true,
    };
    Overload::unary(ty.clone(), returns, |bytes| {
        let entries = collection::entries(bytes)?;
        let keys: Vec<_> = entries.into_iter().map(|(key, _)| key).collect();
        Ok(Some(collection::pack_elements(&keys)))
    })
}

fn map_values(ty: &Type, value: &Arc<Type>) -> Overload {
    let returns = Type::List {
        element: Arc::clone(value),
        frozen: true,
    };
    Overload::unary(ty.clone(), returns, |bytes| {
        let entries = collection::entries(bytes)?;
        let values: Vec<_> = entries.into_iter().map(|(_, value)| value).collect();
        Ok(Some(collection::pack_elements(&values)))
    })
}

/// The aggregate `name` over the elements.
fn folded(name: &str, ty: &Type, element: &Arc<Type>) -> Result<Overload> {
    let exact = |_, wanted: &Type| {
        if *wanted == **element {
            Fit::Exact
        } else {
            Fit::No
        }
    };
    let over = aggregate(
        name,
        &Arguments {
            types: &[Some(Type::clone(element))],
            fits: &exact,
            shown: &|_| element.to_string(),
        },
    )?;
    let returns = over.returns.clone();
    Ok(Overload::unary(ty.clone(), returns, move |bytes| {
        let mut state = (over.start)();
        for part in collection::elements(bytes)? {
            state.add(&[Some(part)])?;
        }
        Ok(state.finish()?.map(Vec::from))
    }))
}
