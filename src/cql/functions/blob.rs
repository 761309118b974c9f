//! `int_as_blob`, `blob_as_int` and so on: a value's wire bytes as a blob, and back.

use crate::cql::functions::overload::Overload;
use crate::error::Error;
use crate::types::literal::hex;
use crate::types::{Type, name};

/// The functions of that name, in today's spelling or the old one (`intasblob`).
pub(super) fn overloads(function: &str) -> Option<Vec<Overload>> {
    let convertible = |word: &str| match name::native_type(word) {
        Some(Type::Blob) | None => None,
        ty => ty,
    };
    let of = |suffix: &str| function.strip_suffix(suffix).and_then(convertible);
    if let Some(ty) = of("_as_blob").or_else(|| of("asblob")) {
        return Some(vec![Overload::unary(ty, Type::Blob, |bytes| {
            Ok(Some(bytes.to_vec()))
        })]);
    }
    let word = function
        .strip_prefix("blob_as_")
        .or_else(|| function.strip_prefix("blobas"))?;
    let ty = convertible(word)?;
    let (full_name, to) = (format!("system.{function}"), ty.clone());
    Some(vec![Overload::unary(
        Type::Blob,
        ty,
        move |bytes| match to.validate(bytes) {
            Ok(()) => Ok(Some(bytes.to_vec())),
            Err(_) => Err(Error::invalid(format!(
                "In call to function {full_name}, value {} is not a valid binary representation \
                 for type {to}",
                hex(bytes)
            ))),
        },
    )])
}
