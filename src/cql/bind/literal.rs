//! Literals and types: what a literal may stand for, the bytes that it means, and which types stand
//! for each other.
//!
//! A literal has no type of its own; it takes the one that is wanted, if it is of the right kind
//! (`1` may be any number, a date or a duration, but no text). Only where nothing is wanted does it
//! have a preferred one. A type that is written in front of it, `(int) 1`, is compared with the
//! wanted one: they must be one, or values of the one must be values of the other byte for byte.

use crate::cql::ast::{Expr, ExprKind, Literal};
use crate::cql::bind::show;
use crate::error::{Error, Result};
use crate::types::{Type, text};
use bytes::Bytes;

/// The kind of a literal, as Cassandra's messages call it.
pub fn literal_kind(literal: &Literal) -> &'static str {
    match literal {
        Literal::Null => "NULL",
        Literal::String(_) => "STRING",
        Literal::Integer(_) => "INTEGER",
        Literal::Float(_) => "FLOAT",
        Literal::Boolean(_) => "BOOLEAN",
        Literal::Uuid(_) => "UUID",
        Literal::Hex(_) => "HEX",
        Literal::Duration(_) => "DURATION",
    }
}

/// Whether a literal may stand for a value of `ty`.
pub fn literal_fits(literal: &Literal, ty: &Type) -> bool {
    match literal {
        Literal::Null => true,
        Literal::String(_) => matches!(
            ty,
            Type::Ascii | Type::Text | Type::Inet | Type::Timestamp | Type::Date | Type::Time
        ),
        Literal::Integer(_) => matches!(
            ty,
            Type::BigInt
                | Type::Counter
                | Type::Date
                | Type::Decimal
                | Type::Double
                | Type::Duration
                | Type::Float
                | Type::Int
                | Type::SmallInt
                | Type::Time
                | Type::Timestamp
                | Type::TinyInt
                | Type::VarInt
        ),
        Literal::Float(_) => matches!(ty, Type::Decimal | Type::Double | Type::Float),
        Literal::Boolean(_) => *ty == Type::Boolean,
        Literal::Uuid(_) => matches!(ty, Type::Uuid | Type::TimeUuid),
        Literal::Hex(_) => *ty == Type::Blob,
        Literal::Duration(_) => *ty == Type::Duration,
    }
}

/// A literal's text without quotes.
pub fn literal_text(literal: &Literal) -> String {
    match literal {
        Literal::String(text) => text.clone(),
        other => show::literal(other),
    }
}

/// The wire bytes of a literal that fits `ty`.
pub fn encode_literal(literal: &Literal, ty: &Type) -> Result<Option<Bytes>> {
    let bytes = match literal {
        Literal::Null => return Ok(None),
        Literal::String(value) if *ty == Type::Text => value.as_bytes().to_vec(),
        Literal::String(value) => text::parse_literal(ty, value)?,
        Literal::Uuid(value) if *ty == Type::TimeUuid && value.get_version_num() != 1 => {
            return Err(Error::invalid("TimeUUID supports only version 1 UUIDs"));
        }
        Literal::Uuid(value) => value.as_bytes().to_vec(),
        Literal::Boolean(value) => vec![u8::from(*value)],
        Literal::Hex(digits) => text::parse_hex(digits)
            .ok_or_else(|| Error::invalid(format!("cannot parse '{digits}' as hex bytes")))?,
        other => text::parse(ty, &literal_text(other))?,
    };
    Ok(Some(Bytes::from(bytes)))
}

/// Whether two types are one as far as assignment goes: frozen or not makes no difference.
pub fn same_type(left: &Type, right: &Type) -> bool {
    left == right || left.freeze() == right.freeze()
}

/// Whether a value that is hinted to be of one type may be given where another is wanted.
pub fn stands_for(hinted: &Type, wanted: &Type) -> bool {
    match (hinted, wanted) {
        (Type::Tuple(given), Type::Tuple(types)) => {
            given.len() <= types.len() && given.iter().zip(types.iter()).all(|(a, b)| a == b)
        }
        (Type::Counter, Type::BigInt) | (Type::BigInt, Type::Counter) => hinted == wanted,
        (Type::Int, Type::Date) | (Type::BigInt, Type::Time) => true,
        _ => hinted == wanted || is_value_compatible(hinted, wanted),
    }
}

/// Whether values of `given` may be taken as `wanted` without a change of bytes.
pub fn is_value_compatible(given: &Type, wanted: &Type) -> bool {
    matches!(
        (given, wanted),
        (Type::Ascii, Type::Text)
            | (Type::TimeUuid, Type::Uuid)
            | (_, Type::Blob)
            | (Type::BigInt, Type::Timestamp)
            | (Type::Timestamp, Type::BigInt)
            | (Type::Counter, Type::BigInt)
            | (Type::BigInt, Type::Counter)
            | (Type::Int | Type::BigInt, Type::VarInt)
    )
}

/// The type that a literal has where nothing says which.
pub fn preferred_type(expr: &Expr) -> Option<Type> {
    match &expr.kind {
        ExprKind::Literal(Literal::String(_)) => Some(Type::Text),
        ExprKind::Literal(Literal::Integer(text)) => Some(if text.parse::<i32>().is_ok() {
            Type::Int
        } else if text.parse::<i64>().is_ok() {
            Type::BigInt
        } else {
            Type::VarInt
        }),
        ExprKind::Literal(Literal::Float(_)) => Some(Type::Double),
        ExprKind::Literal(Literal::Boolean(_)) => Some(Type::Boolean),
        ExprKind::Literal(Literal::Uuid(id)) => Some(match id.get_version_num() {
            1 => Type::TimeUuid,
            _ => Type::Uuid,
        }),
        ExprKind::Literal(Literal::Hex(_)) => Some(Type::Blob),
        ExprKind::Literal(Literal::Duration(_)) => Some(Type::Duration),
        ExprKind::Negate(inner) => preferred_type(inner),
        _ => None,
    }
}
