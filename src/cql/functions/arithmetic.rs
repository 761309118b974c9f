//! `+ - * / %` and negation.
//!
//! Two numbers give one of the wider type: an integer with a float gives a float of the greater
//! size, anything with a decimal, and a varint with a float, a decimal. Integers wrap around.
//! Texts can be added, and durations added to and subtracted from dates and timestamps.

use crate::cql::ast::ArithmeticOp;
use crate::cql::functions::number::{NUMERIC, Number};
use crate::cql::functions::overload::{binary_body, unary_body};
use crate::cql::functions::resolve::{Signature, assignable, choose};
use crate::cql::functions::time::{date_bytes, date_days};
use crate::cql::functions::{Arguments, Body, Fit, Scalar, decimal};
use crate::error::{Error, ErrorKind, Result};
use crate::types::codec::decode_duration;
use crate::types::number::Decimal;
use crate::types::{Type, calendar};
use num_bigint::{BigInt, Sign};

fn symbol(op: ArithmeticOp) -> &'static str {
    match op {
        ArithmeticOp::Add => "+",
        ArithmeticOp::Subtract => "-",
        ArithmeticOp::Multiply => "*",
        ArithmeticOp::Divide => "/",
        ArithmeticOp::Modulo => "%",
    }
}

/// What may stand on the sides of an operator.
const SIDES: [Type; 14] = [
    Type::TinyInt,
    Type::SmallInt,
    Type::Int,
    Type::BigInt,
    Type::Float,
    Type::Double,
    Type::VarInt,
    Type::Decimal,
    Type::Counter,
    Type::Text,
    Type::Ascii,
    Type::Timestamp,
    Type::Date,
    Type::Duration,
];

/// `left op right`.
pub(super) fn find(
    op: ArithmeticOp,
    sides: &Arguments<'_>,
    receiver: Option<&Type>,
    markers: bool,
) -> Result<Scalar> {
    let fits = |at: usize| -> Vec<(&Type, Fit)> {
        let tested = SIDES.iter().map(|ty| (ty, (sides.fits)(at, ty)));
        tested.filter(|(_, fit)| *fit != Fit::No).collect()
    };
    let (lefts, rights) = (fits(0), fits(1));
    let mut weak: Vec<(&Type, &Type)> = Vec::new();
    let mut exact = None;
    for (left, left_fit) in &lefts {
        for (right, right_fit) in &rights {
            let Some(returns) = result_of(op, left, right) else {
                continue;
            };
            if receiver.is_some_and(|to| assignable(&returns, to) == Fit::No) {
                continue;
            }
            match (left_fit, right_fit) {
                (Fit::Exact, Fit::Exact) => exact = Some((*left, *right)),
                _ => weak.push((left, right)),
            }
        }
    }
    let same = |to: &Type| {
        weak.iter()
            .find(|(left, right)| *left == to && *right == to)
    };
    let wanted = receiver.filter(|_| !markers).and_then(same);
    let (left, right) = match (exact.or(wanted.copied()), weak.as_slice()) {
        (Some(found), _) => found,
        (None, [found]) => *found,
        (None, []) => {
            return Err(Error::invalid(format!(
                "the '{}' operation is not supported between {} and {}",
                symbol(op),
                (sides.shown)(0),
                (sides.shown)(1)
            )));
        }
        (None, _) => {
            return Err(Error::invalid(format!(
                "Ambiguous '{}' operation with args {} and {}: use type hint to disambiguate, \
                 example '(int) ?'",
                symbol(op),
                (sides.shown)(0),
                (sides.shown)(1)
            )));
        }
    };
    let returns = result_of(op, left, right).ok_or_else(|| Error::internal("no operation"))?;
    Ok(Scalar {
        name: format!("system._{}", format!("{op:?}").to_lowercase()),
        arguments: vec![left.clone(), right.clone()],
        pure: true,
        monotonic: false,
        overloaded: true,
        body: body(op, left, right, &returns),
        returns,
    })
}

/// `-operand`.
pub(super) fn negation(operand: &Arguments<'_>, receiver: Option<&Type>) -> Result<Scalar> {
    const NAME: &str = "system._negate";
    let signatures = NUMERIC.map(|ty| Signature::new(std::slice::from_ref(&ty), ty.clone()));
    let chosen = choose(NAME, &signatures, operand, receiver).map_err(|error| {
        match error.message.starts_with("Ambiguous call") {
            true => Error::invalid("Ambiguous negation: use type casts to disambiguate"),
            false => error,
        }
    })?;
    let ty = NUMERIC[chosen].clone();
    let of = ty.clone();
    let body = unary_body(move |bytes| {
        let Some(number) = Number::read(&of, bytes)? else {
            return Ok(None);
        };
        let negated = match number {
            Number::Integer(value) => Number::Integer(value.wrapping_neg()),
            Number::Float(value) => Number::Float(-value),
            Number::Double(value) => Number::Double(-value),
            Number::Varint(value) => Number::Varint(-value),
            Number::Decimal(value) => Number::Decimal(Decimal {
                unscaled: -value.unscaled,
                scale: value.scale,
            }),
        };
        negated.write(&of).map(Some)
    });
    Ok(Scalar {
        name: NAME.to_string(),
        arguments: vec![ty.clone()],
        returns: ty,
        pure: true,
        monotonic: false,
        overloaded: true,
        body,
    })
}

/// The type of an operation's result; none where there is no such operation.
fn result_of(op: ArithmeticOp, left: &Type, right: &Type) -> Option<Type> {
    match (left, right) {
        (Type::Ascii, Type::Ascii) if op == ArithmeticOp::Add => Some(Type::Ascii),
        (Type::Ascii | Type::Text, Type::Ascii | Type::Text) if op == ArithmeticOp::Add => {
            Some(Type::Text)
        }
        (Type::Date | Type::Timestamp, Type::Duration)
            if matches!(op, ArithmeticOp::Add | ArithmeticOp::Subtract) =>
        {
            Some(left.clone())
        }
        _ if NUMERIC.contains(left) && NUMERIC.contains(right) => Some(result_type(left, right)),
        _ => None,
    }
}

fn body(op: ArithmeticOp, left: &Type, right: &Type, returns: &Type) -> Body {
    let sign = if op == ArithmeticOp::Subtract { -1 } else { 1 };
    match returns {
        Type::Ascii | Type::Text => binary_body(|left, right| Ok(Some([left, right].concat()))),
        Type::Date => binary_body(move |date, duration| add_to_date(date, duration, sign)),
        Type::Timestamp => {
            binary_body(move |time, duration| add_to_timestamp(time, duration, sign))
        }
        _ => numeric_body(op, left, right, returns),
    }
}

fn numeric_body(op: ArithmeticOp, left: &Type, right: &Type, returns: &Type) -> Body {
    let (left, right, to) = (left.clone(), right.clone(), returns.clone());
    binary_body(move |left_bytes, right_bytes| {
        let numbers = (
            Number::read(&left, left_bytes)?,
            Number::read(&right, right_bytes)?,
        );
        let (Some(left_number), Some(right_number)) = numbers else {
            return Ok(None);
        };
        compute(op, &left_number, &right_number, &to)
            .and_then(|result| result.write(&to))
            .map(Some)
            .map_err(|error| {
                let message = format!(
                    "the operation '{left} {} {right}' failed: {}",
                    symbol(op),
                    error.message
                );
                Error::new(ErrorKind::FunctionFailure, message)
            })
    })
}

/// Bytes of a value, as the result's type is found by; those of any size count as endless.
fn size(ty: &Type) -> u8 {
    match ty {
        Type::TinyInt => 1,
        Type::SmallInt => 2,
        Type::Int | Type::Float => 4,
        Type::BigInt | Type::Counter | Type::Double => 8,
        _ => u8::MAX,
    }
}

fn result_type(left: &Type, right: &Type) -> Type {
    let is_fractional = |ty: &Type| matches!(ty, Type::Float | Type::Double | Type::Decimal);
    let size = size(left).max(size(right));
    match (is_fractional(left) || is_fractional(right), size) {
        (true, ..=4) => Type::Float,
        (true, 8) => Type::Double,
        (true, _) => Type::Decimal,
        (false, 1) => Type::TinyInt,
        (false, 2) => Type::SmallInt,
        (false, 4) => Type::Int,
        (false, 8) => Type::BigInt,
        (false, _) => Type::VarInt,
    }
}

fn compute(op: ArithmeticOp, left: &Number, right: &Number, to: &Type) -> Result<Number> {
    match to {
        Type::Float => {
            let result = float(op, left.to_f64() as f32, right.to_f64() as f32);
            Ok(Number::Float(result))
        }
        Type::Double => Ok(Number::Double(float(op, left.to_f64(), right.to_f64()))),
        Type::Decimal => {
            let (left, right) = (left.to_decimal_operand()?, right.to_decimal_operand()?);
            Ok(Number::Decimal(match op {
                ArithmeticOp::Add => decimal::add(&left, &right)?,
                ArithmeticOp::Subtract => decimal::subtract(&left, &right)?,
                ArithmeticOp::Multiply => decimal::multiply(&left, &right)?,
                ArithmeticOp::Divide => decimal::divide(&left, &right)?,
                ArithmeticOp::Modulo => decimal::remainder(&left, &right)?,
            }))
        }
        Type::VarInt => {
            let (left, right) = (left.to_varint()?, right.to_varint()?);
            varint(op, &left, &right).map(Number::Varint)
        }
        _ => match (left, right) {
            (Number::Integer(left), Number::Integer(right)) => {
                integer(op, *left, *right).map(Number::Integer)
            }
            _ => Err(Error::internal("no integers")),
        },
    }
}

fn float<T>(op: ArithmeticOp, left: T, right: T) -> T
where
    T: std::ops::Add<Output = T>
        + std::ops::Sub<Output = T>
        + std::ops::Mul<Output = T>
        + std::ops::Div<Output = T>
        + std::ops::Rem<Output = T>,
{
    match op {
        ArithmeticOp::Add => left + right,
        ArithmeticOp::Subtract => left - right,
        ArithmeticOp::Multiply => left * right,
        ArithmeticOp::Divide => left / right,
        ArithmeticOp::Modulo => left % right,
    }
}

fn by_zero() -> Error {
    Error::new(ErrorKind::FunctionFailure, "/ by zero")
}

fn integer(op: ArithmeticOp, left: i64, right: i64) -> Result<i64> {
    Ok(match op {
        ArithmeticOp::Add => left.wrapping_add(right),
        ArithmeticOp::Subtract => left.wrapping_sub(right),
        ArithmeticOp::Multiply => left.wrapping_mul(right),
        _ if right == 0 => return Err(by_zero()),
        ArithmeticOp::Divide => left.wrapping_div(right),
        ArithmeticOp::Modulo => left.wrapping_rem(right),
    })
}

fn varint(op: ArithmeticOp, left: &BigInt, right: &BigInt) -> Result<BigInt> {
    Ok(match op {
        ArithmeticOp::Add => left + right,
        ArithmeticOp::Subtract => left - right,
        ArithmeticOp::Multiply => left * right,
        _ if right.sign() == Sign::NoSign => return Err(by_zero_varint()),
        ArithmeticOp::Divide => left / right,
        ArithmeticOp::Modulo => left % right,
    })
}

fn by_zero_varint() -> Error {
    Error::new(ErrorKind::FunctionFailure, "BigInteger divide by zero")
}

/// A duration with its sign turned where it is subtracted.
fn signed_duration(bytes: &[u8], sign: i64) -> Result<(i64, i64, i64)> {
    let (months, days, nanos) =
        decode_duration(bytes).ok_or_else(|| Error::invalid("no duration"))?;
    Ok((
        sign * i64::from(months),
        sign * i64::from(days),
        nanos.saturating_mul(sign),
    ))
}

/// A duration is finer than what it is added to.
fn imprecise(ty: &str, sign: i64, precision: &str, duration: &[u8]) -> Error {
    let text = crate::types::text::format(&Type::Duration, duration);
    let sign = if sign < 0 { '-' } else { '+' };
    Error::new(
        ErrorKind::FunctionFailure,
        format!(
            "the operation '{ty} {sign} duration' failed: The duration must have a {precision} \
             precision. Was: {text}"
        ),
    )
}

fn add_to_date(date: &[u8], duration: &[u8], sign: i64) -> Result<Option<Vec<u8>>> {
    let Some(days) = date_days(date) else {
        return Ok(None);
    };
    let (months, more_days, nanos) = signed_duration(duration, sign)?;
    if nanos != 0 {
        return Err(imprecise("date", sign, "day", duration));
    }
    let days = calendar::add_months(i64::from(days), months) + more_days;
    // Beyond the last date comes the first one, as in Cassandra.
    let [.., a, b, c, d] = days.to_be_bytes();
    Ok(Some(date_bytes(i32::from_be_bytes([a, b, c, d]))))
}

fn add_to_timestamp(time: &[u8], duration: &[u8], sign: i64) -> Result<Option<Vec<u8>>> {
    const DAY_MILLIS: i64 = 86_400_000;
    let Ok(millis) = <[u8; 8]>::try_from(time).map(i64::from_be_bytes) else {
        return Ok(None);
    };
    let (months, more_days, nanos) = signed_duration(duration, sign)?;
    if nanos % 1_000_000 != 0 {
        return Err(imprecise("timestamp", sign, "millisecond", duration));
    }
    let days = calendar::add_months(millis.div_euclid(DAY_MILLIS), months) + more_days;
    // Beyond the last time comes the first one, as in Cassandra.
    let millis = days
        .wrapping_mul(DAY_MILLIS)
        .wrapping_add(millis.rem_euclid(DAY_MILLIS))
        .wrapping_add(nanos / 1_000_000);
    Ok(Some(millis.to_be_bytes().to_vec()))
}
