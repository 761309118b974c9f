//! A JSON value, and how messages show it: as Java shows the object that stands for it.

use crate::types::java;
use num_bigint::BigInt;
use std::collections::HashMap;
use std::fmt;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number of 64 bits.
    Integer(i64),
    /// A longer whole number.
    BigInteger(BigInt),
    /// A number with a point or an exponent.
    Double(f64),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object; no name stands twice.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The Java class that stands for it.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "java.lang.Boolean",
            Self::Integer(value) if i32::try_from(*value).is_ok() => "java.lang.Integer",
            Self::Integer(_) => "java.lang.Long",
            Self::BigInteger(_) => "java.math.BigInteger",
            Self::Double(_) => "java.lang.Double",
            Self::String(_) => "java.lang.String",
            Self::Array(_) => "java.util.ArrayList",
            Self::Object(_) => "java.util.LinkedHashMap",
        }
    }

    /// That class without its package.
    pub fn short_class(&self) -> &'static str {
        let class = self.class();
        class.rsplit('.').next().unwrap_or(class)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::BigInteger(value) => write!(f, "{value}"),
            Self::Double(value) => f.write_str(&java::double_text(*value)),
            Self::String(value) => f.write_str(value),
            Self::Array(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { ", " })?;
                    write!(f, "{item}")?;
                }
                f.write_str("]")
            }
            Self::Object(entries) => {
                f.write_str("{")?;
                for (at, (name, value)) in entries.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { ", " })?;
                    write!(f, "{name}={value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

/// The entries of an object while they are gathered or renamed: in the order in which their names
/// first came, with the value that came last.
#[derive(Debug, Default)]
pub struct Entries {
    list: Vec<Option<(String, Json)>>,
    places: HashMap<String, usize>,
}

impl Entries {
    /// Sets what stands under `name`.
    pub fn put(&mut self, name: String, value: Json) {
        if let Some(Some((_, old))) = self.places.get(&name).map(|at| &mut self.list[*at]) {
            *old = value;
            return;
        }
        self.places.insert(name.clone(), self.list.len());
        self.list.push(Some((name, value)));
    }

    /// Takes away what stands under `name`.
    pub fn remove(&mut self, name: &str) -> Option<Json> {
        let at = self.places.remove(name)?;
        Some(self.list[at].take()?.1)
    }

    /// The first name.
    pub fn first(&self) -> Option<&str> {
        self.iter().next().map(|(name, _)| name.as_str())
    }

    /// What is there, in order.
    pub fn iter(&self) -> impl Iterator<Item = &(String, Json)> {
        self.list.iter().flatten()
    }

    /// What stands under `name`.
    pub fn get(&self, name: &str) -> Option<&Json> {
        let (_, value) = self.list[*self.places.get(name)?].as_ref()?;
        Some(value)
    }

    /// What is there, in order.
    pub fn into_vec(self) -> Vec<(String, Json)> {
        self.list.into_iter().flatten().collect()
    }

    /// Names as CQL knows them: without their quotes, or else in lower case.
    pub fn identifiers(object: Vec<(String, Json)>) -> Self {
        let names: Vec<String> = object.iter().map(|(name, _)| name.clone()).collect();
        let mut entries = Self::default();
        for (name, value) in object {
            entries.put(name, value);
        }
        for name in names {
            let quoted = name.len() > 1 && name.starts_with('"') && name.ends_with('"');
            let wanted = match name.get(1..name.len().saturating_sub(1)) {
                Some(inner) if quoted => inner.to_owned(),
                _ => name.to_lowercase(),
            };
            if wanted != name
                && let Some(value) = entries.remove(&name)
            {
                entries.put(wanted, value);
            }
        }
        entries
    }
}
