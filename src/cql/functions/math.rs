//! `abs`, `exp`, `log`, `log10`, `round` over every numeric type, and the similarity of vectors.
//!
//! The result has the argument's type. Integers go by way of a double and are cut off again, so
//! `exp` of an `int` is whole; decimals and varints are computed to at least 32 digits.

use crate::cql::functions::number::{NUMERIC, Number};
use crate::cql::functions::overload::Overload;
use crate::cql::functions::resolve::inferred;
use crate::cql::functions::{Arguments, decimal};
use crate::error::{Error, Result};
use crate::types::number::Decimal;
use crate::types::{Type, collection};
use num_bigint::{BigInt, Sign};

#[derive(Clone, Copy)]
enum Operation {
    Abs,
    Exp,
    Log,
    Log10,
    Round,
}

/// The functions of that name.
pub(super) fn overloads(name: &str) -> Option<Vec<Overload>> {
    let operation = match name {
        "abs" => Operation::Abs,
        "exp" => Operation::Exp,
        "log" => Operation::Log,
        "log10" => Operation::Log10,
        "round" => Operation::Round,
        _ => return None,
    };
    let overload = |ty: &Type| {
        let of = ty.clone();
        Overload::unary(ty.clone(), ty.clone(), move |bytes| {
            match Number::read(&of, bytes)? {
                Some(number) => Ok(Some(compute(operation, &number)?.write(&of)?)),
                None => Ok(None),
            }
        })
    };
    Some(NUMERIC.iter().map(overload).collect())
}

fn compute(operation: Operation, number: &Number) -> Result<Number> {
    Ok(match (operation, number) {
        (Operation::Abs, Number::Integer(value)) => Number::Integer(value.wrapping_abs()),
        (Operation::Abs, Number::Float(value)) => Number::Float(value.abs()),
        (Operation::Abs, Number::Double(value)) => Number::Double(value.abs()),
        (Operation::Abs, Number::Varint(value)) => Number::Varint(magnitude(value)),
        (Operation::Abs, Number::Decimal(value)) => Number::Decimal(Decimal {
            unscaled: magnitude(&value.unscaled),
            scale: value.scale,
        }),
        (Operation::Round, Number::Float(value)) => {
            Number::Float(round_up(f64::from(*value)) as i32 as f32)
        }
        (Operation::Round, Number::Double(value)) => Number::Double(round_up(*value) as i64 as f64),
        (Operation::Round, Number::Decimal(value)) => Number::Decimal(decimal::round(value)?),
        (Operation::Round, whole) => whole.clone(),
        (operation, Number::Varint(_) | Number::Decimal(_)) => {
            let exact = number.to_decimal()?;
            Number::Decimal(match operation {
                Operation::Exp => decimal::exp(&exact)?,
                Operation::Log => decimal::ln(&exact)?,
                _ => decimal::log10(&exact)?,
            })
        }
        (operation, number) => {
            let value = number.to_f64();
            Number::Double(match operation {
                Operation::Exp => value.exp(),
                Operation::Log => value.ln(),
                _ => value.log10(),
            })
        }
    })
}

fn magnitude(number: &BigInt) -> BigInt {
    if number.sign() == Sign::Minus {
        -number
    } else {
        number.clone()
    }
}

/// Java's `Math.round`: ties upwards.
fn round_up(value: f64) -> f64 {
    let floor = value.floor();
    if value - floor >= 0.5 {
        floor + 1.0
    } else {
        floor
    }
}

/// How alike two vectors of floats are, by the function's name.
pub(super) fn similarities(name: &str, given: &Arguments<'_>) -> Result<Option<Vec<Overload>>> {
    let measure: fn(&[f32], &[f32]) -> f32 = match name {
        "similarity_cosine" => |left, right| {
            let norms = (dot(left, left) * dot(right, right)).sqrt();
            (1.0 + dot(left, right) / norms) / 2.0
        },
        "similarity_euclidean" => |left, right| {
            let square = |(l, r): (&f32, &f32)| (l - r) * (l - r);
            1.0 / (1.0 + left.iter().zip(right).map(square).sum::<f32>())
        },
        "similarity_dot_product" => |left, right| (1.0 + dot(left, right)) / 2.0,
        _ => return Ok(None),
    };
    let ty = vector_type(name, given)?;
    let of = ty.clone();
    Ok(Some(vec![Overload::binary(
        [ty.clone(), ty],
        Type::Float,
        move |left, right| {
            let similarity = measure(&floats(&of, left)?, &floats(&of, right)?);
            Ok(Some(similarity.to_be_bytes().to_vec()))
        },
    )]))
}

/// The one type of both vectors: a marker takes the other's.
fn vector_type(name: &str, given: &Arguments<'_>) -> Result<Type> {
    let known = given.types.iter().flatten().find(|ty| is_float_vector(ty));
    let types = inferred(name, &["vector<float, n>"; 2], given, known)?;
    let wrong = types.iter().position(|ty| !is_float_vector(ty));
    if let Some((at, ty)) = wrong.and_then(|at| Some((at, types.get(at)?))) {
        return Err(Error::invalid(format!(
            "Function system.{name} requires a float vector argument, but found argument {} of \
             type {ty}",
            (given.shown)(at)
        )));
    }
    match types.as_slice() {
        [left, right] if left == right => Ok(left.clone()),
        _ => Err(Error::invalid(
            "All arguments must have the same vector dimensions",
        )),
    }
}

fn is_float_vector(ty: &Type) -> bool {
    matches!(ty, Type::Vector { element, .. } if **element == Type::Float)
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(l, r)| l * r).sum()
}

fn floats(ty: &Type, bytes: &[u8]) -> Result<Vec<f32>> {
    let Type::Vector {
        element,
        dimensions,
    } = ty
    else {
        return Err(Error::internal("no vector"));
    };
    if **element != Type::Float {
        return Err(Error::invalid(format!(
            "Function requires a float vector argument, but found argument of type {ty}"
        )));
    }
    let parts = collection::vector(element, *dimensions, bytes)?;
    let float = |part: &[u8]| part.try_into().map(f32::from_be_bytes);
    let floats = parts.into_iter().map(float).collect::<Result<Vec<_>, _>>();
    floats.map_err(|_| Error::invalid("a vector's element has no value"))
}
