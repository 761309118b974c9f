//! Literals and types: what a literal may stand for, the bytes that it means, and which types stand
//! for each other.
//!
//! A literal has no type of its own; it takes the one that is wanted, if it is of the right kind
//! (`1` may be any number, a date or a duration, but no text). Only where nothing is wanted does it
//! have a preferred one. A type that is written in front of it, `(int) 1`, is compared with the
//! wanted one: they must be one, or values of the one must be values of the other byte for byte.

use crate::cql::ast::{Expr, ExprKind, Literal};
use crate::cql::bind::show;
use crate::cql::functions::{Fit, assignable};
use crate::error::{Error, Result};
use crate::types::number::Decimal;
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
        _ => {
            hinted == wanted
                || (!same_type(hinted, wanted) && assignable(hinted, wanted) != Fit::No)
        }
    }
}

/// How well a literal may stand for a value of `ty`.
pub fn literal_fit(literal: &Literal, ty: &Type) -> Fit {
    match literal_preferred(literal) {
        Some(preferred) if preferred == *ty => Fit::Exact,
        None if *ty == Type::Counter => Fit::No,
        _ if literal_fits(literal, ty) => Fit::Weak,
        _ => Fit::No,
    }
}

/// The type that a literal has where nothing says which.
pub fn preferred_type(expr: &Expr) -> Option<Type> {
    match &expr.kind {
        ExprKind::Literal(literal) => literal_preferred(literal),
        _ => None,
    }
}

fn literal_preferred(literal: &Literal) -> Option<Type> {
    Some(match literal {
        Literal::Null => return None,
        Literal::String(text) if text.is_ascii() => Type::Ascii,
        Literal::String(_) => Type::Text,
        Literal::Integer(text) if text.parse::<i32>().is_ok() => Type::Int,
        Literal::Integer(text) if text.parse::<i64>().is_ok() => Type::BigInt,
        Literal::Integer(_) => Type::VarInt,
        Literal::Float(text) => fraction_type(text),
        Literal::Boolean(_) => Type::Boolean,
        Literal::Uuid(id) if id.get_version_num() == 1 => Type::TimeUuid,
        Literal::Uuid(_) => Type::Uuid,
        Literal::Hex(_) => Type::Blob,
        Literal::Duration(_) => Type::Duration,
    })
}

/// A fraction is a double where that keeps its value, else a decimal.
fn fraction_type(text: &str) -> Type {
    let same = || {
        let value: f64 = text.parse().ok()?;
        let kept = Decimal::parse(&format!("{value:e}"))?;
        let exact = Decimal::parse(text)?;
        Some(kept.compare(&exact).is_eq())
    };
    match text.parse::<f64>() {
        Ok(value) if !value.is_finite() => Type::Double,
        _ if same().unwrap_or(true) => Type::Double,
        _ => Type::Decimal,
    }
}
