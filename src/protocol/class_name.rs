//! Types by the names of Cassandra's Java classes, which stand for types that have no option id.
//!
//! ```text
//! org.apache.cassandra.db.marshal.VectorType(org.apache.cassandra.db.marshal.FloatType , 3)
//! ```
//!
//! The name of a user type and of its fields are hexadecimal within.

use crate::limits;
use crate::protocol::fault::{ProtocolError, Result};
use crate::types::{Type, Udt};
use std::fmt::Write;
use std::sync::Arc;

const PACKAGE: &str = "org.apache.cassandra.db.marshal.";

/// The simple class of each type without parts.
const CLASSES: [(&str, Type); 20] = [
    ("AsciiType", Type::Ascii),
    ("LongType", Type::BigInt),
    ("BytesType", Type::Blob),
    ("BooleanType", Type::Boolean),
    ("CounterColumnType", Type::Counter),
    ("SimpleDateType", Type::Date),
    ("DecimalType", Type::Decimal),
    ("DoubleType", Type::Double),
    ("DurationType", Type::Duration),
    ("FloatType", Type::Float),
    ("InetAddressType", Type::Inet),
    ("Int32Type", Type::Int),
    ("ShortType", Type::SmallInt),
    ("UTF8Type", Type::Text),
    ("TimeType", Type::Time),
    ("TimestampType", Type::Timestamp),
    ("TimeUUIDType", Type::TimeUuid),
    ("ByteType", Type::TinyInt),
    ("UUIDType", Type::Uuid),
    ("IntegerType", Type::VarInt),
];

/// Appends the class name of a type.
pub fn write_class_name(ty: &Type, out: &mut String) {
    match ty {
        Type::List { element, frozen } => wrap(*frozen, out, |out| {
            write_parts("ListType", [&**element], out);
        }),
        Type::Set { element, frozen } => wrap(*frozen, out, |out| {
            write_parts("SetType", [&**element], out);
        }),
        Type::Map { key, value, frozen } => wrap(*frozen, out, |out| {
            write_parts("MapType", [&**key, &**value], out);
        }),
        Type::Tuple(types) => write_parts("TupleType", types.iter(), out),
        Type::Udt { udt, frozen } => wrap(*frozen, out, |out| write_udt(udt, out)),
        Type::Vector {
            element,
            dimensions,
        } => {
            out.push_str(PACKAGE);
            out.push_str("VectorType(");
            write_class_name(element, out);
            let _ = write!(out, " , {dimensions})");
        }
        scalar => {
            let class = CLASSES.iter().find(|(_, ty)| ty == scalar);
            out.push_str(PACKAGE);
            out.push_str(class.map_or("BytesType", |(class, _)| class));
        }
    }
}

fn wrap(frozen: bool, out: &mut String, inner: impl FnOnce(&mut String)) {
    if frozen {
        out.push_str(PACKAGE);
        out.push_str("FrozenType(");
        inner(out);
        out.push(')');
    } else {
        inner(out);
    }
}

fn write_parts<'a>(class: &str, parts: impl IntoIterator<Item = &'a Type>, out: &mut String) {
    out.push_str(PACKAGE);
    out.push_str(class);
    out.push('(');
    for (at, part) in parts.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_class_name(part, out);
    }
    out.push(')');
}

fn write_hex(text: &str, out: &mut String) {
    for byte in text.bytes() {
        let _ = write!(out, "{byte:02x}");
    }
}

fn write_udt(udt: &Udt, out: &mut String) {
    out.push_str(PACKAGE);
    out.push_str("UserType(");
    out.push_str(&udt.keyspace);
    out.push(',');
    write_hex(&udt.name, out);
    for (name, ty) in &udt.fields {
        out.push(',');
        write_hex(name, out);
        out.push(':');
        write_class_name(ty, out);
    }
    out.push(')');
}

/// The type of a class name; blanks between its parts do not matter.
pub fn parse_class_name(text: &str) -> Result<Type> {
    let mut parser = Parser { rest: text };
    let ty = parser.ty(false, 0)?;
    match parser.peek() {
        None => Ok(ty),
        Some(_) => Err(unknown(text)),
    }
}

fn unknown(text: &str) -> ProtocolError {
    ProtocolError::malformed(format!("Unknown class of a type: {text}"))
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.rest = self.rest.strip_prefix(wanted).unwrap_or(self.rest);
        }
        there
    }

    fn expect(&mut self, wanted: char) -> Result<()> {
        if self.eat(wanted) {
            Ok(())
        } else {
            Err(unknown(self.rest))
        }
    }

    fn word(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        let end = self
            .rest
            .find(|c: char| !(c.is_alphanumeric() || "._$".contains(c)))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn hex(&mut self) -> Result<String> {
        let word = self.word();
        let digits: Option<Vec<u32>> = word.chars().map(|c| c.to_digit(16)).collect();
        let digits = digits.ok_or_else(|| unknown(word))?;
        let bytes = digits
            .chunks_exact(2)
            .map(|pair| u8::try_from(pair.iter().fold(0, |byte, digit| byte << 4 | digit)))
            .collect::<std::result::Result<Vec<u8>, _>>();
        bytes
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| unknown(word))
    }

    fn ty(&mut self, frozen: bool, depth: usize) -> Result<Type> {
        if depth > limits::NESTING_MAX {
            return Err(ProtocolError::malformed("A type is nested too deeply"));
        }
        let word = self.word();
        let class = word.strip_prefix(PACKAGE).unwrap_or(word);
        if let Some((_, ty)) = CLASSES.iter().find(|(name, _)| *name == class) {
            return Ok(ty.clone());
        }
        self.expect('(')?;
        let ty = match class {
            "FrozenType" => self.ty(true, depth + 1)?,
            "ReversedType" => self.ty(frozen, depth + 1)?,
            "ListType" => Type::List {
                element: self.inner(depth)?,
                frozen,
            },
            "SetType" => Type::Set {
                element: self.inner(depth)?,
                frozen,
            },
            "MapType" => {
                let key = self.inner(depth)?;
                self.expect(',')?;
                let value = self.inner(depth)?;
                Type::Map { key, value, frozen }
            }
            "TupleType" => {
                let mut types = Vec::new();
                while self.peek() != Some(')') {
                    if !types.is_empty() {
                        self.expect(',')?;
                    }
                    types.push(self.ty(true, depth + 1)?);
                }
                Type::Tuple(types.into())
            }
            "UserType" => self.udt(frozen, depth)?,
            "VectorType" => {
                let element = self.inner(depth)?;
                self.expect(',')?;
                let word = self.word();
                let dimensions = word.parse().map_err(|_| unknown(word))?;
                Type::Vector {
                    element,
                    dimensions,
                }
            }
            _ => return Err(unknown(word)),
        };
        self.expect(')')?;
        Ok(ty)
    }

    fn inner(&mut self, depth: usize) -> Result<Arc<Type>> {
        self.ty(true, depth + 1).map(Arc::new)
    }

    fn udt(&mut self, frozen: bool, depth: usize) -> Result<Type> {
        let keyspace = self.word().to_owned();
        self.expect(',')?;
        let name = self.hex()?;
        let mut fields = Vec::new();
        while self.eat(',') {
            let field = self.hex()?;
            self.expect(':')?;
            fields.push((field, self.ty(true, depth + 1)?));
        }
        let udt = Udt {
            keyspace,
            name,
            fields,
        };
        Ok(Type::Udt {
            udt: Arc::new(udt),
            frozen,
        })
    }
}
