//! Types as written.

use crate::cql::ast::{Position, QualifiedName};
use crate::types::Type;
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

impl fmt::Display for TypeExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TypeExprKind::Native(ty) => write!(f, "{ty}"),
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
