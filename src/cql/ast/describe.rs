//! DESCRIBE.

use crate::cql::ast::{Name, QualifiedName};

/// `DESCRIBE …`.
#[derive(Clone, Debug, PartialEq)]
pub struct Describe {
    /// What to describe.
    pub target: DescribeTarget,
    /// `WITH INTERNALS`.
    pub internals: bool,
}

/// What to describe.
#[derive(Clone, Debug, PartialEq)]
pub enum DescribeTarget {
    /// `CLUSTER`.
    Cluster,
    /// `[FULL] SCHEMA`.
    Schema {
        /// With the system keyspaces.
        full: bool,
    },
    /// `KEYSPACES`.
    Keyspaces,
    /// `[ONLY] KEYSPACE [name]`; without a name the session's.
    Keyspace {
        /// Its name.
        name: Option<Name>,
        /// Without what is in it.
        only: bool,
    },
    /// `TABLES`.
    Tables,
    /// `TABLE name`.
    Table(QualifiedName),
    /// `INDEX name`.
    Index(QualifiedName),
    /// `MATERIALIZED VIEW name`.
    View(QualifiedName),
    /// `TYPES`.
    Types,
    /// `TYPE name`.
    Type(QualifiedName),
    /// `FUNCTIONS`.
    Functions,
    /// `FUNCTION name`.
    Function(QualifiedName),
    /// `AGGREGATES`.
    Aggregates,
    /// `AGGREGATE name`.
    Aggregate(QualifiedName),
    /// Just a name: a keyspace, table, index, view, type, function or aggregate.
    Any(QualifiedName),
}
