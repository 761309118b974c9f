//! Which of several functions of one name a call means.
//!
//! One that fits exactly wins. Of those that fit weakly there must be only one, else the call is
//! ambiguous: a bind marker or a literal alone does not tell `int` from `bigint`. Where it is
//! known what the result is wanted for, functions whose result cannot go there don't count.

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

    fn show(&self, name: &str) -> String {
        format!("{name} : ({}) -> {}", join(&self.arguments), self.returns)
    }
}

fn join(types: &[Type]) -> String {
    let shown: Vec<String> = types.iter().map(Type::to_string).collect();
    shown.join(", ")
}

/// The position of the function that is meant; `name` is the full one, for messages.
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
        if receiver.is_some_and(|receiver| !is_assignable(&candidate.returns, receiver)) {
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
        [] => Err(Error::invalid(format!(
            "Invalid call to function {name}, none of its type signatures match \
             (known type signatures: {})",
            show_all(name, candidates.iter())
        ))),
        _ => Err(Error::invalid(format!(
            "Ambiguous call to function {name} (can be matched by following signatures: {}): \
             use type casts to disambiguate",
            show_all(name, weak.iter().map(|at| &candidates[*at]))
        ))),
    }
}

fn show_all<'a>(name: &str, signatures: impl Iterator<Item = &'a Signature>) -> String {
    let shown: Vec<String> = signatures.map(|signature| signature.show(name)).collect();
    shown.join(", ")
}

fn check_single(name: &str, only: &Signature, given: &Arguments<'_>) -> Result<()> {
    if given.types.len() != only.arguments.len() {
        return Err(Error::invalid(format!(
            "Invalid number of arguments in call to function {name}: {} required but {} provided",
            only.arguments.len(),
            given.types.len()
        )));
    }
    for (at, wanted) in only.arguments.iter().enumerate() {
        if (given.fits)(at, wanted) == Fit::No {
            let what = match &given.types[at] {
                Some(ty) => format!("a value of type {ty}"),
                None => "the value".to_string(),
            };
            return Err(Error::invalid(format!(
                "Type error: {what} cannot be passed as argument {at} of function {name} \
                 of type {wanted}"
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

/// Whether a value of type `from` can stand where one of type `to` is wanted.
pub(super) fn is_assignable(from: &Type, to: &Type) -> bool {
    from == to
        || from.freeze() == to.freeze()
        || matches!(
            (from, to),
            (_, Type::Blob)
                | (Type::Ascii, Type::Text)
                | (Type::TimeUuid, Type::Uuid)
                | (Type::Int | Type::BigInt, Type::VarInt)
                | (Type::BigInt, Type::Counter | Type::Timestamp)
                | (Type::Counter | Type::Timestamp, Type::BigInt)
        )
}
