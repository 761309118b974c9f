//! CQL's functions: scalar functions, casts, arithmetic and aggregates.
//!
//! A name and the types of its arguments are resolved once, when a statement is bound; what comes
//! out is a [`Scalar`] or [`Aggregate`] that works on wire bytes and needs nothing looked up.

use crate::cql::ast::ArithmeticOp;
use crate::error::{Error, Result};
use crate::random::Random;
use crate::types::Type;
use bytes::Bytes;
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
    /// Their types; none for a literal, a marker or null.
    pub types: &'a [Option<Type>],
    /// How well argument number `.0` fits the type.
    pub fits: &'a dyn Fn(usize, &Type) -> Fit,
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

/// The aggregate function `name` over these arguments.
pub fn aggregate(name: &str, _arguments: &Arguments<'_>) -> Result<Aggregate> {
    Err(unknown(name))
}

/// The scalar function `name` over these arguments, whose result goes where `receiver` is wanted.
pub fn scalar(name: &str, _arguments: &Arguments<'_>, _receiver: Option<&Type>) -> Result<Scalar> {
    Err(unknown(name))
}

/// `CAST(… AS to)` of a `from`.
pub fn cast(from: &Type, _to: &Type) -> Result<Scalar> {
    let _ = from;
    Err(unknown("cast"))
}

/// `left op right`.
pub fn arithmetic(op: ArithmeticOp, _left: &Type, _right: &Type) -> Result<Scalar> {
    Err(unknown(&format!("{op:?}")))
}

/// `-operand`.
pub fn negate(_operand: &Type) -> Result<Scalar> {
    Err(unknown("-"))
}

fn unknown(name: &str) -> Error {
    Error::invalid(format!("Unknown function '{name}'"))
}
