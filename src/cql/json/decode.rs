//! [`Json`] → wire bytes of a type.
//!
//! | type | takes |
//! |---|---|
//! | whole numbers | a whole number, or its text |
//! | `float`, `double` | a number, or its text |
//! | `decimal`, `varint` | what reads as such a number, text or not |
//! | `timestamp` | a whole number beyond 32 bits, or text |
//! | `boolean` | `true`, `false`, or their text |
//! | other plain types | text |
//! | collections, tuples, user types, vectors | an array or an object, or text that holds one |

use crate::cql::json::parse;
use crate::cql::json::value::{Entries, Json};
use crate::error::Error;
use crate::types::number::{Decimal, parse_varint};
use crate::types::{Type, Udt, collection, text};

/// Why a JSON value is none of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// It is of a wrong kind or form.
    Value(String),
    /// It is refused without regard to where it stands.
    Refused(Error),
}

type Decoded = Result<Vec<u8>, Mismatch>;

fn wrong<T>(message: impl Into<String>) -> Result<T, Mismatch> {
    Err(Mismatch::Value(message.into()))
}

fn expected<T>(what: &str, found: &Json) -> Result<T, Mismatch> {
    wrong(format!(
        "Expected {what}, but got a {}: {found}",
        found.short_class()
    ))
}

/// The wire bytes of a value that is not null.
pub fn decode(ty: &Type, json: &Json) -> Decoded {
    match ty {
        Type::Ascii => match json {
            Json::String(value) if value.is_ascii() => Ok(value.clone().into_bytes()),
            Json::String(_) => wrong(
                "Invalid ASCII character in string literal: \
                 java.nio.charset.UnmappableCharacterException: Input length = 1",
            ),
            json => expected("an ascii string", json),
        },
        Type::Text => match json {
            Json::String(value) => Ok(value.clone().into_bytes()),
            json => expected("a UTF-8 string", json),
        },
        Type::Int => match json {
            Json::Integer(value) if i32::try_from(*value).is_ok() => word(ty, &value.to_string()),
            json => text_or(ty, json, "an int value"),
        },
        Type::BigInt => match json {
            Json::Integer(value) => Ok(value.to_be_bytes().to_vec()),
            json => text_or(ty, json, "a bigint value"),
        },
        Type::SmallInt => number_text(ty, json, "a short value"),
        Type::TinyInt => number_text(ty, json, "a byte value"),
        Type::Float | Type::Double => float(ty, json),
        Type::Decimal => decimal(json),
        Type::VarInt => {
            let shown = json.to_string();
            match parse_varint(&shown) {
                Some(value) => Ok(value.to_signed_bytes_be()),
                None => not_a(&shown, "a varint"),
            }
        }
        Type::Boolean => match json {
            Json::Boolean(value) => Ok(vec![u8::from(*value)]),
            // An empty text is no empty value here.
            Json::String(value) if value.is_empty() => Ok(vec![0]),
            json => text_or(ty, json, "a boolean value"),
        },
        Type::Timestamp => match json {
            Json::Integer(value) if i32::try_from(*value).is_err() => {
                Ok(value.to_be_bytes().to_vec())
            }
            json => text_or(
                ty,
                json,
                "a long or a datestring representation of a timestamp value",
            ),
        },
        Type::Date => text_or(ty, json, "a string representation of a date value"),
        Type::Time => text_or(ty, json, "a string representation of a time value"),
        Type::Duration => match json {
            // The words of what is no duration don't say where it stood.
            Json::String(value) if value.is_empty() => Ok(Vec::new()),
            Json::String(value) => text::parse_word(ty, value).map_err(Mismatch::Refused),
            json => expected("a string representation of a duration", json),
        },
        Type::Inet => text_or(ty, json, "a string representation of an inet value"),
        Type::Uuid => text_or(ty, json, "a string representation of a uuid"),
        Type::TimeUuid => timeuuid(json),
        Type::Blob => blob(json),
        Type::Counter => Err(Mismatch::Refused(Error::invalid(
            "JSON values of type counter are not supported",
        ))),
        Type::List { .. }
        | Type::Set { .. }
        | Type::Map { .. }
        | Type::Tuple(_)
        | Type::Udt { .. }
        | Type::Vector { .. } => held(ty, json),
    }
}

/// A value of several parts: as it is, or as text that holds JSON.
fn held(ty: &Type, json: &Json) -> Decoded {
    let Json::String(held) = json else {
        return compound(ty, json);
    };
    let inner = parse(held).map_err(|malformed| {
        Mismatch::Value(format!("Error decoding JSON string: {}", malformed.message))
    })?;
    compound(ty, &inner)
}

fn word(ty: &Type, word: &str) -> Decoded {
    if word.is_empty() && matches!(ty, Type::SmallInt | Type::TinyInt) {
        return Ok(Vec::new());
    }
    if word.starts_with(char::is_whitespace) || word.ends_with(char::is_whitespace) {
        let bare = text::parse_word(ty, &format!("'{word}'"));
        let message = bare.err().map(|error| error.message).unwrap_or_default();
        return wrong(message.replace("''", "'"));
    }
    text::parse_word(ty, word).map_err(|error| Mismatch::Value(error.message))
}

/// A type that takes text, and has taken what else it takes.
fn text_or(ty: &Type, json: &Json, what: &str) -> Decoded {
    match json {
        Json::String(value) => word(ty, value),
        json => expected(what, json),
    }
}

/// A type that reads numbers as it reads text.
fn number_text(ty: &Type, json: &Json, what: &str) -> Decoded {
    match json {
        Json::String(value) => word(ty, value),
        Json::Integer(_) | Json::BigInteger(_) | Json::Double(_) => word(ty, &json.to_string()),
        json => expected(what, json),
    }
}

fn float(ty: &Type, json: &Json) -> Decoded {
    let value = match json {
        Json::Integer(value) => *value as f64,
        Json::BigInteger(value) => value.to_string().parse().unwrap_or(f64::NAN),
        Json::Double(value) => *value,
        Json::String(value) => return float_text(ty, value),
        json if *ty == Type::Float => return expected("a float value", json),
        json => return expected("a double value", json),
    };
    Ok(match (ty, json) {
        (Type::Float, Json::Integer(whole)) => (*whole as f32).to_be_bytes().to_vec(),
        (Type::Float, Json::BigInteger(whole)) => {
            let value: f32 = whole.to_string().parse().unwrap_or(f32::NAN);
            value.to_be_bytes().to_vec()
        }
        (Type::Float, _) => (value as f32).to_be_bytes().to_vec(),
        _ => value.to_be_bytes().to_vec(),
    })
}

/// A floating-point number's text: with blanks around it, and with a suffix, as in Java.
fn float_text(ty: &Type, value: &str) -> Decoded {
    let bare = value.trim();
    let number = match bare.strip_suffix(['d', 'D', 'f', 'F']) {
        Some(number) if number.ends_with(|c: char| c.is_ascii_digit() || c == '.') => number,
        _ => bare,
    };
    let is_word = number.eq_ignore_ascii_case("nan") || number.eq_ignore_ascii_case("infinity");
    let right = !is_word || matches!(number, "NaN" | "Infinity");
    match text::parse_word(ty, number) {
        Ok(bytes) if right => Ok(bytes),
        _ => wrong(format!("Unable to make {ty} from '{value}'")),
    }
}

fn not_a<T>(shown: &str, what: &str) -> Result<T, Mismatch> {
    wrong(format!(
        "Value '{shown}' is not a valid representation of {what} value"
    ))
}

fn decimal(json: &Json) -> Decoded {
    let shown = json.to_string();
    if shown.is_empty() {
        return Ok(Vec::new());
    }
    match Decimal::parse(&shown) {
        Some(value) => Ok(value.to_bytes()),
        None => not_a(&shown, "a decimal"),
    }
}

fn timeuuid(json: &Json) -> Decoded {
    let Json::String(value) = json else {
        return expected("a string representation of a timeuuid", json);
    };
    if value.is_empty() {
        return Ok(Vec::new());
    }
    let Ok(bytes) = text::parse_word(&Type::Uuid, value) else {
        return wrong(format!("Unknown timeuuid representation: {value}"));
    };
    match Type::TimeUuid.validate(&bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => wrong("TimeUUID supports only version 1 UUIDs"),
    }
}

fn blob(json: &Json) -> Decoded {
    let why = match json {
        Json::String(value) => match value.strip_prefix("0x") {
            None => format!("String representation of blob is missing 0x prefix: {value}"),
            Some(digits) => match text::parse_hex(digits) {
                Some(bytes) => return Ok(bytes),
                None => format!("cannot parse '{digits}' as hex bytes"),
            },
        },
        json => {
            let class = json.class();
            format!(
                "class {class} cannot be cast to class java.lang.String ({class} and \
                 java.lang.String are in module java.base of loader 'bootstrap')"
            )
        }
    };
    wrong(format!(
        "Value '{json}' is not a valid blob representation: {why}"
    ))
}

fn compound(ty: &Type, json: &Json) -> Decoded {
    if *json == Json::Null {
        return wrong(format!("null is no value of type {ty}"));
    }
    match ty {
        Type::List { element, .. } => Ok(collection::pack_elements(&elements(
            element,
            json,
            ["a list", "list"],
        )?)),
        Type::Set { element, .. } => {
            let words = ["a list (representing a set)", "set"];
            let mut found = elements(element, json, words)?;
            found.sort_by(|a, b| element.compare(a, b));
            found.dedup_by(|a, b| element.compare(a, b).is_eq());
            Ok(collection::pack_elements(&found))
        }
        Type::Vector {
            element,
            dimensions,
        } => {
            if let Json::Array(items) = json
                && items.len() != usize::from(*dimensions)
            {
                return wrong(format!(
                    "List had incorrect size: expected {dimensions} but given {}; {json}",
                    items.len()
                ));
            }
            let found = elements(element, json, ["a list", "list"])?;
            let length = element.fixed_length();
            if found
                .iter()
                .any(|part| length.is_some_and(|it| it != part.len()))
            {
                let message = "null is not supported inside vectors";
                return Err(Mismatch::Refused(Error::invalid(message)));
            }
            Ok(collection::pack_vector(element, &found))
        }
        Type::Map { key, value, .. } => map(key, value, json),
        Type::Tuple(types) => tuple(types, json),
        Type::Udt { udt, .. } => user_type(udt, json),
        ty => wrong(format!("{ty} has no parts")),
    }
}

fn elements(ty: &Type, json: &Json, [what, kind]: [&str; 2]) -> Result<Vec<Vec<u8>>, Mismatch> {
    let Json::Array(items) = json else {
        return expected(what, json);
    };
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        if *item == Json::Null {
            return wrong(format!("Invalid null element in {kind}"));
        }
        found.push(decode(ty, item)?);
    }
    Ok(found)
}

fn map(key_type: &Type, value_type: &Type, json: &Json) -> Decoded {
    let Json::Object(entries) = json else {
        return expected("a map", json);
    };
    let mut found = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        if *value == Json::Null {
            return wrong("Invalid null value in map");
        }
        found.push((
            decode(key_type, &Json::String(name.clone()))?,
            decode(value_type, value)?,
        ));
    }
    found.sort_by(|a, b| key_type.compare(&a.0, &b.0));
    found.dedup_by(|a, b| key_type.compare(&a.0, &b.0).is_eq());
    Ok(collection::pack_entries(&found))
}

fn tuple(types: &[Type], json: &Json) -> Decoded {
    let Json::Array(items) = json else {
        return expected("a list representation of a tuple", json);
    };
    if items.len() != types.len() {
        let how = match items.len() < types.len() {
            true => "is missing items",
            false => "contains extra items",
        };
        return wrong(format!("Tuple {how} (expected {}): {json}", types.len()));
    }
    let mut fields = Vec::with_capacity(types.len());
    for (ty, item) in types.iter().zip(items) {
        fields.push(field(ty, item)?);
    }
    Ok(collection::pack_fields(&fields))
}

fn field(ty: &Type, json: &Json) -> Result<Option<Vec<u8>>, Mismatch> {
    match json {
        Json::Null => Ok(None),
        json => decode(ty, json).map(Some),
    }
}

fn user_type(udt: &Udt, json: &Json) -> Decoded {
    let Json::Object(entries) = json else {
        return expected("a map", json);
    };
    let entries = Entries::identifiers(entries.clone());
    let mut fields = Vec::with_capacity(udt.fields.len());
    for (name, ty) in &udt.fields {
        fields.push(match entries.get(name) {
            Some(value) => field(ty, value)?,
            None => None,
        });
    }
    for (name, _) in entries.iter() {
        if !udt.fields.iter().any(|(field, _)| field == name) {
            return wrong(format!(
                "Unknown field '{name}' in value of user defined type {}",
                udt.name
            ));
        }
    }
    Ok(collection::pack_fields(&fields))
}
