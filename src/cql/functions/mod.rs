//! CQL's functions: scalar functions, casts, arithmetic and aggregates.
//!
//! A name and the types of its arguments are resolved once, when a statement is bound; what comes
//! out is a [`Scalar`] or [`Aggregate`] that works on wire bytes and needs nothing looked up.

mod aggregates;
mod arithmetic;
mod blob;
mod cast;
mod collections;
mod decimal;
mod floor;
mod math;
mod number;
mod overload;
mod resolve;
mod time;

use crate::cql::ast::ArithmeticOp;
use crate::error::Result;
use crate::random::Random;
use crate::types::Type;
use crate::types::key::compose_partition_key;
use crate::types::token::token_of;
use bytes::Bytes;
use overload::Overload;
use resolve::Signature;
use std::fmt;
use std::sync::Arc;

/// What a function may ask of the world.
#[derive(Debug)]
pub struct Environment<'a> {
    /// The time of the statement's execution, in microseconds since 1970.
    pub now_micros: i64,
    /// Where uuids come from.
    pub random: &'a Random,
}

/// How well an argument fits a parameter's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It is of this very type.
    Exact,
    /// It can be taken as this type (a literal, a marker, null).
    Weak,
    /// It cannot.
    No,
}

/// The arguments of a call, as far as they are known.
pub struct Arguments<'a> {
    /// What each would be taken for by itself; none where that cannot be known.
    pub types: &'a [Option<Type>],
    /// How well argument number `.0` fits the type.
    pub fits: &'a dyn Fn(usize, &Type) -> Fit,
    /// Argument number `.0`, as messages show it.
    pub shown: &'a dyn Fn(usize) -> String,
}

/// The arguments' wire bytes; none for null.
pub type ArgumentBytes<'a> = &'a [Option<&'a [u8]>];

/// What a scalar function computes.
pub type Body =
    Arc<dyn Fn(ArgumentBytes<'_>, &Environment<'_>) -> Result<Option<Bytes>> + Send + Sync>;

/// A scalar function with its types settled.
#[derive(Clone)]
pub struct Scalar {
    /// Its name, as messages and column names show it (`system.token`).
    pub name: String,
    /// Its parameters' types.
    pub arguments: Vec<Type>,
    /// Its result's type.
    pub returns: Type,
    /// Whether the same arguments always give the same result.
    pub pure: bool,
    /// Whether a greater argument never gives a lesser result: what GROUP BY asks for.
    pub monotonic: bool,
    /// Whether there are others of its name.
    pub overloaded: bool,
    /// What it computes.
    pub body: Body,
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scalar")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Scalar {
    /// Calls it.
    pub fn call(
        &self,
        arguments: ArgumentBytes<'_>,
        env: &Environment<'_>,
    ) -> Result<Option<Bytes>> {
        (self.body)(arguments, env)
    }
}

/// The running state of an aggregate over one group.
pub trait Accumulator: Send {
    /// Takes one row's arguments.
    fn add(&mut self, arguments: ArgumentBytes<'_>) -> Result<()>;

    /// The result.
    fn finish(&mut self) -> Result<Option<Bytes>>;
}

/// Makes the state of a new group.
pub type MakeAccumulator = Arc<dyn Fn() -> Box<dyn Accumulator> + Send + Sync>;

/// An aggregate function with its types settled.
#[derive(Clone)]
pub struct Aggregate {
    /// Its name, as messages and column names show it (`system.min`).
    pub name: String,
    /// Its parameters' types.
    pub arguments: Vec<Type>,
    /// Its result's type.
    pub returns: Type,
    /// Makes the state of a new group.
    pub start: MakeAccumulator,
}

impl fmt::Debug for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aggregate")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Whether `name` is an aggregate function (`count(*)` aside).
pub fn is_aggregate(name: &str) -> bool {
    matches!(name, "count" | "min" | "max" | "sum" | "avg")
}

/// The aggregate function called `name` over these arguments.
pub fn aggregate(name: &str, arguments: &Arguments<'_>) -> Result<Aggregate> {
    aggregates::find(name, arguments)
}

/// How well a value of type `given` may stand where `wanted` is: without a change of its bytes.
pub fn assignable(given: &Type, wanted: &Type) -> Fit {
    resolve::assignable(given, wanted)
}

/// The scalar function called `name` over these arguments, whose result goes where `receiver` is
/// wanted; none where there is no function of that name. `token` is not among them, see [`token`]:
/// its arguments are the table's partition key.
pub fn scalar(
    name: &str,
    arguments: &Arguments<'_>,
    receiver: Option<&Type>,
) -> Result<Option<Scalar>> {
    let short_name = name.strip_prefix("system.").unwrap_or(name);
    let Some(mut overloads) = overloads(short_name, arguments)? else {
        return Ok(None);
    };
    let full_name = format!("system.{short_name}");
    let signatures: Vec<Signature> = overloads
        .iter()
        .map(|overload| overload.signature.clone())
        .collect();
    let chosen = resolve::choose(name, &signatures, arguments, receiver)?;
    let overloaded = overloads.len() > 1;
    let Overload {
        signature,
        pure,
        body,
    } = overloads.swap_remove(chosen);
    Ok(Some(Scalar {
        name: full_name,
        arguments: signature.arguments,
        returns: signature.returns,
        pure,
        monotonic: short_name == "floor" || time::is_conversion(short_name),
        overloaded,
        body,
    }))
}

fn overloads(name: &str, arguments: &Arguments<'_>) -> Result<Option<Vec<Overload>>> {
    if name == "uuid" {
        let random = Overload::of_world(Type::Uuid, |env| {
            uuid::Builder::from_random_bytes(env.random.bytes_16())
                .into_uuid()
                .as_bytes()
                .to_vec()
        });
        return Ok(Some(vec![random]));
    }
    let found = time::overloads(name)
        .or_else(|| floor::overloads(name))
        .or_else(|| math::overloads(name))
        .or_else(|| blob::overloads(name));
    match found {
        None => match math::similarities(name, arguments)? {
            None => collections::overloads(name, arguments),
            found => Ok(found),
        },
        found => Ok(found),
    }
}

/// `token(...)` over a table's partition key columns of these types.
pub fn token(partition_key: &[Type]) -> Scalar {
    let body = |arguments: ArgumentBytes<'_>, _: &Environment<'_>| {
        let Some(columns) = arguments.iter().copied().collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let token = token_of(&compose_partition_key(&columns));
        Ok(Some(Bytes::from(token.to_be_bytes().to_vec())))
    };
    Scalar {
        name: "system.token".to_string(),
        arguments: partition_key.to_vec(),
        returns: Type::BigInt,
        pure: true,
        monotonic: false,
        overloaded: false,
        body: Arc::new(body),
    }
}

/// `CAST(… AS to)` of a value; none where nothing can be cast to that type.
pub fn cast(to: &Type, of: &Arguments<'_>) -> Result<Option<Scalar>> {
    cast::find(to, of)
}

/// What `column = column + value` computes, where both are of this type: a number or a text.
pub fn sum_of(ty: &Type) -> Option<Scalar> {
    if !number::NUMERIC.contains(ty) && !matches!(ty, Type::Ascii | Type::Text) {
        return None;
    }
    let fits = |_, other: &Type| match other == ty {
        true => Fit::Exact,
        false => Fit::No,
    };
    let sides = Arguments {
        types: &[Some(ty.clone()), Some(ty.clone())],
        fits: &fits,
        shown: &|_| ty.to_string(),
    };
    arithmetic::find(ArithmeticOp::Add, &sides, None, false).ok()
}

/// `left op right`, whose result goes where `receiver` is wanted; `markers` says whether a marker
/// stands on a side.
pub fn arithmetic(
    op: ArithmeticOp,
    sides: &Arguments<'_>,
    receiver: Option<&Type>,
    markers: bool,
) -> Result<Scalar> {
    arithmetic::find(op, sides, receiver, markers)
}

/// `-operand`.
pub fn negate(operand: &Arguments<'_>, receiver: Option<&Type>) -> Result<Scalar> {
    arithmetic::negation(operand, receiver)
}

#[cfg(test)]
mod tests;
