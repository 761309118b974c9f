//! Types as written.

use crate::cql::ast::{Position, QualifiedName};
use crate::types::Type;
use crate::types::name::quote_identifier;
use std::fmt;

/// A type as written.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeExpr {
    /// What it says.
    pub kind: TypeExprKind,
    /// Where it stands.
    pub position: Position,
}

/// What a type says.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeExprKind {
    /// A native type.
    Native(Type),
    /// `text` by its other name.
    Varchar,
    /// `'java.class.name'`.
    Custom(String),
    /// `list<…>`.
    List(Box<TypeExpr>),
    /// `set<…>`.
    Set(Box<TypeExpr>),
    /// `map<…, …>`.
    Map(Box<TypeExpr>, Box<TypeExpr>),
    /// `tuple<…>`.
    Tuple(Vec<TypeExpr>),
    /// `vector<…, n>`.
    Vector(Box<TypeExpr>, u64),
    /// `frozen<…>`.
    Frozen(Box<TypeExpr>),
    /// A user-defined type.
    User(QualifiedName),
}

impl TypeExpr {
    /// The type as written, with the names of user types in `keyspace` in full.
    pub fn in_keyspace(&self, keyspace: &str) -> String {
        let inner = |ty: &Self| ty.in_keyspace(keyspace);
        match &self.kind {
            TypeExprKind::List(element) => format!("list<{}>", inner(element)),
            TypeExprKind::Set(element) => format!("set<{}>", inner(element)),
            TypeExprKind::Map(key, value) => format!("map<{}, {}>", inner(key), inner(value)),
            TypeExprKind::Tuple(elements) => {
                let elements: Vec<String> = elements.iter().map(inner).collect();
                format!("tuple<{}>", elements.join(", "))
            }
            TypeExprKind::Vector(element, dimensions) => {
                format!("vector<{}, {dimensions}>", inner(element))
            }
            TypeExprKind::Frozen(of) => format!("frozen<{}>", inner(of)),
            TypeExprKind::User(name) if name.keyspace.is_none() => {
                format!("{}.{name}", quote_identifier(keyspace))
            }
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for TypeExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TypeExprKind::Native(ty) => write!(f, "{ty}"),
            TypeExprKind::Varchar => f.write_str("varchar"),
            TypeExprKind::Custom(class) => write!(f, "'{class}'"),
            TypeExprKind::List(element) => write!(f, "list<{element}>"),
            TypeExprKind::Set(element) => write!(f, "set<{element}>"),
            TypeExprKind::Map(key, value) => write!(f, "map<{key}, {value}>"),
            TypeExprKind::Tuple(elements) => {
                let elements: Vec<String> = elements.iter().map(Self::to_string).collect();
                write!(f, "tuple<{}>", elements.join(", "))
            }
            TypeExprKind::Vector(element, dimensions) => {
                write!(f, "vector<{element}, {dimensions}>")
            }
            TypeExprKind::Frozen(inner) => write!(f, "frozen<{inner}>"),
            TypeExprKind::User(name) => write!(f, "{name}"),
        }
    }
}
