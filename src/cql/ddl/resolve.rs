//! Types as written, looked up in a keyspace and checked by Cassandra's rules of nesting.
//!
//! Below a column's top level everything is one value, so collections and user types there must be
//! `frozen`, or stand inside something that is. Tuples and vectors freeze what is in them.

use crate::cql::ast::{QualifiedName, TypeExpr, TypeExprKind};
use crate::error::{Error, Result};
use crate::limits::{NESTING_MAX, VECTOR_DIMENSIONS_MAX};
use crate::schema::Keyspace;
use crate::types::Type;
use std::sync::Arc;

/// The type that `expr` means in `keyspace`.
pub fn resolve_type(expr: &TypeExpr, keyspace: &Keyspace) -> Result<Type> {
    let resolved = resolve(expr, keyspace, false).and_then(|ty| {
        check_depth(&ty)?;
        Ok(ty)
    });
    resolved.map_err(|error| error.at(expr.position.line, expr.position.column))
}

/// Refuses a type that nests too deep, user types included: their text may each be short.
pub fn check_depth(ty: &Type) -> Result<()> {
    if depth(ty) > NESTING_MAX {
        return Err(Error::invalid(format!(
            "the type nests deeper than {NESTING_MAX} levels, which is the limit"
        )));
    }
    Ok(())
}

/// How deep `ty` nests. It ends: what a type is made of was checked before.
fn depth(ty: &Type) -> usize {
    let inner = match ty {
        Type::List { element, .. } | Type::Set { element, .. } | Type::Vector { element, .. } => {
            depth(element)
        }
        Type::Map { key, value, .. } => depth(key).max(depth(value)),
        Type::Tuple(types) => types.iter().map(depth).max().unwrap_or(0),
        Type::Udt { udt, .. } => {
            let fields = udt.fields.iter().map(|(_, ty)| depth(ty));
            fields.max().unwrap_or(0)
        }
        _ => 0,
    };
    inner + 1
}

fn resolve(expr: &TypeExpr, keyspace: &Keyspace, frozen: bool) -> Result<Type> {
    let inner = |inner: &TypeExpr| {
        check_inner(expr, inner, frozen)?;
        Ok(Arc::new(resolve(inner, keyspace, true)?.freeze()))
    };
    Ok(match &expr.kind {
        TypeExprKind::Native(ty) => ty.clone(),
        TypeExprKind::Varchar => Type::Text,
        TypeExprKind::Custom(class) => custom(class)?,
        TypeExprKind::List(element) => Type::List {
            element: inner(element)?,
            frozen,
        },
        TypeExprKind::Set(element) => {
            let element = inner(element)?;
            if *element == Type::Duration {
                return Err(Error::invalid(format!(
                    "Durations are not allowed inside sets: {expr}"
                )));
            }
            Type::Set { element, frozen }
        }
        TypeExprKind::Map(key, value) => {
            let key = inner(key)?;
            if *key == Type::Duration {
                return Err(Error::invalid(format!(
                    "Durations are not allowed as map keys: {expr}"
                )));
            }
            Type::Map {
                key,
                value: inner(value)?,
                frozen,
            }
        }
        TypeExprKind::Tuple(elements) => tuple(elements, keyspace)?,
        TypeExprKind::Vector(element, dimensions) => {
            if is_counter(element) {
                return Err(Error::invalid(format!(
                    "Counters are not allowed inside vectors: {expr}"
                )));
            }
            Type::Vector {
                element: Arc::new(resolve(element, keyspace, true)?.freeze()),
                dimensions: vector_dimensions(*dimensions)?,
            }
        }
        TypeExprKind::Frozen(inner) => frozen_type(inner, keyspace)?,
        TypeExprKind::User(name) => user_type(name, keyspace, frozen)?,
    })
}

fn tuple(elements: &[TypeExpr], keyspace: &Keyspace) -> Result<Type> {
    let elements: Result<Vec<Type>> = elements
        .iter()
        .map(|element| {
            if is_counter(element) {
                return Err(Error::invalid("Counters are not allowed inside tuples"));
            }
            Ok(resolve(element, keyspace, true)?.freeze())
        })
        .collect();
    Ok(Type::Tuple(elements?.into()))
}

fn frozen_type(inner: &TypeExpr, keyspace: &Keyspace) -> Result<Type> {
    match resolve(inner, keyspace, true)? {
        ty @ (Type::List { .. }
        | Type::Set { .. }
        | Type::Map { .. }
        | Type::Tuple(_)
        | Type::Udt { .. }
        | Type::Vector { .. }) => Ok(ty.freeze()),
        _ => Err(Error::syntax(format!(
            "frozen<> is only allowed on collections, tuples, and user-defined types (got {inner})"
        ))),
    }
}

fn user_type(name: &QualifiedName, keyspace: &Keyspace, frozen: bool) -> Result<Type> {
    if let Some(other) = &name.keyspace
        && other.text != keyspace.name
    {
        return Err(Error::invalid(format!(
            "Statement on keyspace {} cannot refer to a user type in keyspace {other}; user types \
             can only be used in the keyspace they are defined in",
            keyspace.name
        )));
    }
    let Some(udt) = keyspace.types.get(&name.name.text) else {
        return Err(Error::invalid(format!(
            "Unknown type {}.{}",
            keyspace.name, name.name
        )));
    };
    Ok(Type::Udt {
        udt: Arc::clone(udt),
        frozen,
    })
}

/// A vector's dimensions, if they are within the limit.
fn vector_dimensions(dimensions: u64) -> Result<u16> {
    if dimensions == 0 {
        return Err(Error::invalid(
            "vectors may only have positive dimensions; given 0",
        ));
    }
    match u16::try_from(dimensions) {
        Ok(fitting) if usize::from(fitting) <= VECTOR_DIMENSIONS_MAX => Ok(fitting),
        _ => Err(Error::invalid(format!(
            "vectors may have at most {VECTOR_DIMENSIONS_MAX} dimensions; given {dimensions}"
        ))),
    }
}

fn is_counter(expr: &TypeExpr) -> bool {
    matches!(expr.kind, TypeExprKind::Native(Type::Counter))
}

/// Checks what stands in a collection that is `frozen` or not.
fn check_inner(collection: &TypeExpr, inner: &TypeExpr, frozen: bool) -> Result<()> {
    if is_counter(inner) {
        let shown = match frozen {
            true => format!("frozen<{collection}>"),
            false => collection.to_string(),
        };
        return Err(Error::invalid(format!(
            "Counters are not allowed inside collections: {shown}"
        )));
    }
    if frozen {
        return Ok(());
    }
    match inner.kind {
        TypeExprKind::List(_) | TypeExprKind::Set(_) | TypeExprKind::Map(..) => {
            Err(Error::invalid(format!(
                "Non-frozen collections are not allowed inside collections: {collection}"
            )))
        }
        TypeExprKind::User(_) => Err(Error::invalid(format!(
            "Non-frozen UDTs are not allowed inside collections: {collection}"
        ))),
        _ => Ok(()),
    }
}

/// The native type that a class of Cassandra's stands for.
fn custom(class: &str) -> Result<Type> {
    let short = class
        .strip_prefix("org.apache.cassandra.db.marshal.")
        .unwrap_or(class);
    Ok(match short {
        "AsciiType" => Type::Ascii,
        "BooleanType" => Type::Boolean,
        "ByteType" => Type::TinyInt,
        "BytesType" => Type::Blob,
        "CounterColumnType" => Type::Counter,
        "DecimalType" => Type::Decimal,
        "DoubleType" => Type::Double,
        "DurationType" => Type::Duration,
        "FloatType" => Type::Float,
        "InetAddressType" => Type::Inet,
        "Int32Type" => Type::Int,
        "IntegerType" => Type::VarInt,
        "LongType" => Type::BigInt,
        "ShortType" => Type::SmallInt,
        "SimpleDateType" => Type::Date,
        "TimeType" => Type::Time,
        "TimeUUIDType" => Type::TimeUuid,
        "TimestampType" | "DateType" => Type::Timestamp,
        "UTF8Type" => Type::Text,
        "UUIDType" => Type::Uuid,
        _ => {
            return Err(Error::syntax(format!(
                "Error setting type {class}: Unable to find abstract-type class \
                 'org.apache.cassandra.db.marshal.{class}'"
            )));
        }
    })
}
