//! Which of several functions of one name a call means.
//!
//! One that fits exactly wins. Of those that fit weakly there must be only one, else the call is
//! ambiguous: a bind marker alone does not tell `int` from `bigint`. Where it is known what the
//! result is wanted for, functions whose result cannot go there don't count.
//!
//! Some functions are made to measure for the types of their arguments (`max`, `map_keys`); those
//! types must then be known without the function's help.

use crate::cql::functions::{Arguments, Fit};
use crate::error::{Error, Result};
use crate::types::Type;

/// A function's types.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    pub(super) arguments: Vec<Type>,
    pub(super) returns: Type,
}

impl Signature {
    pub(super) fn new(arguments: &[Type], returns: Type) -> Self {
        Self {
            arguments: arguments.to_vec(),
            returns,
        }
    }

    /// As messages show it.
    pub(super) fn show(&self, name: &str) -> String {
        let short_name = name.strip_prefix("system.").unwrap_or(name);
        let quote = if short_name.starts_with('_') {
            "\""
        } else {
            ""
        };
        format!(
            "system.{quote}{short_name}{quote} : ({}) -> {}",
            join(&self.arguments),
            self.returns
        )
    }
}

fn join(types: &[Type]) -> String {
    let shown: Vec<String> = types.iter().map(Type::to_string).collect();
    shown.join(", ")
}

/// The position of the function that is meant; `name` is as it was written.
pub(super) fn choose(
    name: &str,
    candidates: &[Signature],
    given: &Arguments<'_>,
    receiver: Option<&Type>,
) -> Result<usize> {
    if let [only] = candidates {
        check_single(name, only, given)?;
        return Ok(0);
    }
    let mut weak = Vec::new();
    for (at, candidate) in candidates.iter().enumerate() {
        if receiver.is_some_and(|to| assignable(&candidate.returns, to) == Fit::No) {
            continue;
        }
        match fit(candidate, given) {
            Fit::Exact => return Ok(at),
            Fit::Weak => weak.push(at),
            Fit::No => {}
        }
    }
    match weak[..] {
        [only] => Ok(only),
        [] => Err(none_matches(name, candidates)),
        _ => Err(Error::invalid(format!(
            "Ambiguous call to function {name} (can be matched by following signatures: {}): \
             use type casts to disambiguate",
            show_all(name, weak.iter().map(|at| &candidates[*at]))
        ))),
    }
}

/// None of these functions can be called so.
pub(super) fn none_matches(name: &str, candidates: &[Signature]) -> Error {
    Error::invalid(format!(
        "Invalid call to function {name}, none of its type signatures match (known type \
         signatures: {})",
        show_all(name, candidates.iter())
    ))
}

fn show_all<'a>(name: &str, signatures: impl Iterator<Item = &'a Signature>) -> String {
    let shown: Vec<String> = signatures.map(|signature| signature.show(name)).collect();
    shown.join(", ")
}

fn full(name: &str) -> String {
    format!("system.{}", name.strip_prefix("system.").unwrap_or(name))
}

fn check_single(name: &str, only: &Signature, given: &Arguments<'_>) -> Result<()> {
    if given.types.len() != only.arguments.len() {
        return Err(Error::invalid(format!(
            "Invalid number of arguments in call to function {}: {} required but {} provided",
            full(name),
            only.arguments.len(),
            given.types.len()
        )));
    }
    for (at, wanted) in only.arguments.iter().enumerate() {
        if (given.fits)(at, wanted) == Fit::No {
            return Err(Error::invalid(format!(
                "Type error: {} cannot be passed as argument {at} of function {} of type {wanted}",
                (given.shown)(at),
                full(name)
            )));
        }
    }
    Ok(())
}

fn fit(candidate: &Signature, given: &Arguments<'_>) -> Fit {
    if candidate.arguments.len() != given.types.len() {
        return Fit::No;
    }
    let mut all = Fit::Exact;
    for (at, wanted) in candidate.arguments.iter().enumerate() {
        match (given.fits)(at, wanted) {
            Fit::No => return Fit::No,
            Fit::Weak => all = Fit::Weak,
            Fit::Exact => {}
        }
    }
    all
}

/// The types of the arguments of a function that is made to measure; `parameters` are what its
/// messages call them.
pub(super) fn inferred(
    name: &str,
    parameters: &[&str],
    given: &Arguments<'_>,
    receiver: Option<&Type>,
) -> Result<Vec<Type>> {
    let shown = || format!("{}({})", full(name), parameters.join(", "));
    if given.types.len() != parameters.len() {
        return Err(Error::invalid(format!(
            "Invalid number of arguments for function {}",
            shown()
        )));
    }
    let known = given.types.iter().enumerate().map(|(at, ty)| {
        ty.clone().or_else(|| receiver.cloned()).ok_or_else(|| {
            Error::invalid(format!(
                "Cannot infer type of argument {} in call to function {}: use type casts to \
                 disambiguate",
                (given.shown)(at),
                shown()
            ))
        })
    });
    known.collect()
}

/// How well a value of type `given` may stand where `wanted` is. Frozen or not makes no difference.
pub(super) fn assignable(given: &Type, wanted: &Type) -> Fit {
    if given == wanted || given.freeze() == wanted.freeze() {
        return Fit::Exact;
    }
    let weak = matches!(
        (given, wanted),
        (_, Type::Blob)
            | (Type::Ascii, Type::Text)
            | (Type::TimeUuid, Type::Uuid)
            | (Type::Int | Type::BigInt | Type::Timestamp, Type::VarInt)
            | (Type::BigInt, Type::Timestamp | Type::Time)
            | (Type::Timestamp, Type::BigInt)
            | (Type::Int, Type::Date)
    );
    if weak { Fit::Weak } else { Fit::No }
}
