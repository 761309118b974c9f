//! `to_json`, `from_json`, and the one column of SELECT JSON, as scalar functions.

use crate::cql::functions::Scalar;
use crate::cql::json::print::{name_text, print};
use crate::cql::json::{Json, Mismatch, decode, parse};
use crate::error::{Error, ErrorKind};
use crate::types::Type;
use bytes::Bytes;
use std::sync::Arc;

fn failure(message: String) -> Error {
    Error::new(ErrorKind::FunctionFailure, message)
}

/// `to_json` of a value of type `ty`; `name` is how it was called.
pub fn to_json(name: &str, ty: Type) -> Scalar {
    Scalar {
        name: format!("system.{name}"),
        arguments: vec![ty.clone()],
        returns: Type::Text,
        pure: true,
        monotonic: false,
        overloaded: false,
        body: Arc::new(move |arguments, _| {
            let mut out = String::new();
            print(&ty, arguments.first().copied().flatten(), &mut out)?;
            Ok(Some(Bytes::from(out)))
        }),
    }
}

/// `from_json` where a value of type `ty` is wanted; `name` is how it was called.
pub fn from_json(name: &str, ty: Type) -> Scalar {
    let full_name = format!("system.{name}");
    let called = full_name.clone();
    Scalar {
        name: full_name,
        arguments: vec![Type::Text],
        returns: ty.clone(),
        pure: true,
        monotonic: false,
        overloaded: false,
        body: Arc::new(move |arguments, _| {
            let Some(Some(bytes)) = arguments.first() else {
                return Ok(None);
            };
            let text = str::from_utf8(bytes).map_err(|_| Error::invalid("Invalid UTF-8 bytes"))?;
            let json = parse(text).map_err(|malformed| {
                failure(format!(
                    "execution of '{called}[text]' failed: Could not decode JSON string '{text}': \
                     {}",
                    malformed.full()
                ))
            })?;
            if json == Json::Null {
                return Ok(None);
            }
            match decode(&ty, &json) {
                Ok(bytes) => Ok(Some(Bytes::from(bytes))),
                Err(Mismatch::Value(message)) => Err(failure(format!(
                    "org.apache.cassandra.serializers.MarshalException: {message}"
                ))),
                Err(Mismatch::Refused(error)) => Err(error),
            }
        }),
    }
}

/// What SELECT JSON makes of a row with these columns.
pub fn row_as_json(columns: &[(&str, Type)]) -> Scalar {
    let types: Vec<Type> = columns.iter().map(|(_, ty)| ty.clone()).collect();
    let parts: Vec<(String, Type)> = columns
        .iter()
        .map(|(name, ty)| (format!("{}: ", name_text(name)), ty.clone()))
        .collect();
    Scalar {
        name: "[json]".to_owned(),
        arguments: types,
        returns: Type::Text,
        pure: true,
        monotonic: false,
        overloaded: false,
        body: Arc::new(move |arguments, _| {
            let mut out = String::from("{");
            for (at, ((name, ty), value)) in parts.iter().zip(arguments).enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                out.push_str(name);
                print(ty, *value, &mut out)?;
            }
            out.push('}');
            Ok(Some(Bytes::from(out)))
        }),
    }
}
