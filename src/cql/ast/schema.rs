//! Statements that change the schema.

use crate::cql::ast::{Expr, Literal, Name, Position, QualifiedName, Relation, Selector, TypeExpr};

/// `name = value` after `WITH`.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// Its name.
    pub name: Name,
    /// Its value.
    pub value: PropertyValue,
}

/// The value of a property.
#[derive(Clone, Debug, PartialEq)]
pub enum PropertyValue {
    /// A constant, as text.
    Simple(String),
    /// A map of constants, as text, in the order written.
    Map(Vec<(String, String)>),
}

/// `CREATE KEYSPACE`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateKeyspace {
    /// Its name.
    pub name: Name,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// `WITH`.
    pub properties: Vec<Property>,
}

/// `ALTER KEYSPACE`.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterKeyspace {
    /// Its name.
    pub name: Name,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// `WITH`.
    pub properties: Vec<Property>,
}

/// `CREATE TABLE`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateTable {
    /// Its name.
    pub name: QualifiedName,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Its columns as declared.
    pub columns: Vec<ColumnDefinition>,
    /// Every PRIMARY KEY that was given: one, where the statement is right.
    pub primary_keys: Vec<PrimaryKey>,
    /// `CLUSTERING ORDER BY`: column and whether descending.
    pub clustering_order: Vec<(Name, bool)>,
    /// `COMPACT STORAGE`.
    pub compact_storage: bool,
    /// The other options of `WITH`.
    pub properties: Vec<Property>,
}

/// A column's declaration.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDefinition {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: TypeExpr,
    /// `STATIC`.
    pub is_static: bool,
    /// `MASKED WITH`.
    pub mask: Option<Mask>,
}

/// `MASKED WITH DEFAULT` or `MASKED WITH function(…)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Mask {
    /// The function.
    pub function: QualifiedName,
    /// Its further arguments.
    pub arguments: Vec<Expr>,
}

/// `PRIMARY KEY (…)`.
#[derive(Clone, Debug, PartialEq)]
pub struct PrimaryKey {
    /// The partition key's columns.
    pub partition: Vec<Name>,
    /// The clustering columns.
    pub clustering: Vec<Name>,
    /// Where it stands.
    pub position: Position,
}

/// `ALTER TABLE`.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterTable {
    /// Its name.
    pub name: QualifiedName,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// What to do.
    pub action: AlterTableAction,
}

/// What ALTER TABLE does.
#[derive(Clone, Debug, PartialEq)]
pub enum AlterTableAction {
    /// `ADD [IF NOT EXISTS] columns`.
    Add {
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// The columns.
        columns: Vec<ColumnDefinition>,
    },
    /// `DROP [IF EXISTS] columns [USING TIMESTAMP t]`.
    Drop {
        /// `IF EXISTS`.
        if_exists: bool,
        /// The columns.
        columns: Vec<Name>,
        /// The timestamp in microseconds, an integer as written.
        timestamp: Option<Literal>,
    },
    /// `RENAME [IF EXISTS] a TO b AND …`.
    Rename {
        /// `IF EXISTS`.
        if_exists: bool,
        /// The old and new names.
        renames: Vec<(Name, Name)>,
    },
    /// `ALTER column TYPE type`.
    Type {
        /// The column.
        column: Name,
        /// Its new type.
        ty: TypeExpr,
    },
    /// `ALTER column MASKED WITH …` or `DROP MASKED`.
    Mask {
        /// The column.
        column: Name,
        /// The mask, or none to drop it.
        mask: Option<Mask>,
    },
    /// `DROP COMPACT STORAGE`.
    DropCompactStorage,
    /// `WITH options`.
    With(Vec<Property>),
}

/// `CREATE TYPE`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateType {
    /// Its name.
    pub name: QualifiedName,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Its fields.
    pub fields: Vec<(Name, TypeExpr)>,
}

/// `ALTER TYPE`.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterType {
    /// Its name.
    pub name: QualifiedName,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// What to do.
    pub action: AlterTypeAction,
}

/// What ALTER TYPE does.
#[derive(Clone, Debug, PartialEq)]
pub enum AlterTypeAction {
    /// `ADD [IF NOT EXISTS] field type`.
    Add {
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
        /// The field.
        field: Name,
        /// Its type.
        ty: TypeExpr,
    },
    /// `RENAME [IF EXISTS] a TO b AND …`.
    Rename {
        /// `IF EXISTS`.
        if_exists: bool,
        /// The old and new names.
        renames: Vec<(Name, Name)>,
    },
    /// `ALTER field TYPE type`.
    Type {
        /// The field.
        field: Name,
        /// Its new type.
        ty: TypeExpr,
    },
}

/// `CREATE [CUSTOM] INDEX`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateIndex {
    /// Its name, where given.
    pub name: Option<QualifiedName>,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// `CUSTOM`.
    pub custom: bool,
    /// The table.
    pub table: QualifiedName,
    /// What it indexes.
    pub targets: Vec<IndexTarget>,
    /// `USING 'class'`.
    pub class: Option<String>,
    /// `WITH`.
    pub properties: Vec<Property>,
}

/// What an index indexes.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexTarget {
    /// The column.
    pub column: Name,
    /// Which part of it.
    pub kind: IndexTargetKind,
}

/// Which part of a column an index is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexTargetKind {
    /// Just the column.
    Simple,
    /// `VALUES(c)`.
    Values,
    /// `KEYS(c)`.
    Keys,
    /// `ENTRIES(c)`.
    Entries,
    /// `FULL(c)`.
    Full,
}

/// `CREATE MATERIALIZED VIEW`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateView {
    /// Its name.
    pub name: QualifiedName,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// What it selects; empty means `*`.
    pub selectors: Vec<Selector>,
    /// From which table.
    pub table: QualifiedName,
    /// `WHERE`.
    pub relations: Vec<Relation>,
    /// `PRIMARY KEY`.
    pub primary_key: PrimaryKey,
    /// `CLUSTERING ORDER BY`.
    pub clustering_order: Vec<(Name, bool)>,
    /// The other options of `WITH`.
    pub properties: Vec<Property>,
}

/// `ALTER MATERIALIZED VIEW`.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterView {
    /// Its name.
    pub name: QualifiedName,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// `WITH`.
    pub properties: Vec<Property>,
}

/// `CREATE FUNCTION`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateFunction {
    /// Its name.
    pub name: QualifiedName,
    /// `OR REPLACE`.
    pub or_replace: bool,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Its arguments.
    pub arguments: Vec<(Name, TypeExpr)>,
    /// `CALLED ON NULL INPUT`, rather than `RETURNS NULL ON NULL INPUT`.
    pub called_on_null_input: bool,
    /// `RETURNS`.
    pub returns: TypeExpr,
    /// `LANGUAGE`.
    pub language: Name,
    /// `AS`.
    pub body: String,
}

/// `DROP FUNCTION` or `DROP AGGREGATE`.
#[derive(Clone, Debug, PartialEq)]
pub struct DropFunction {
    /// Its name.
    pub name: QualifiedName,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// The arguments' types, where given.
    pub arguments: Option<Vec<TypeExpr>>,
}

/// `CREATE AGGREGATE`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateAggregate {
    /// Its name.
    pub name: QualifiedName,
    /// `OR REPLACE`.
    pub or_replace: bool,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// The arguments' types.
    pub arguments: Vec<TypeExpr>,
    /// `SFUNC`.
    pub state_function: Name,
    /// `STYPE`.
    pub state_type: TypeExpr,
    /// `FINALFUNC`.
    pub final_function: Option<Name>,
    /// `INITCOND`.
    pub initial: Option<Expr>,
}

/// `CREATE TRIGGER`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateTrigger {
    /// Its name.
    pub name: Name,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// The table.
    pub table: QualifiedName,
    /// The Java class.
    pub class: String,
}

/// `DROP TRIGGER`.
#[derive(Clone, Debug, PartialEq)]
pub struct DropTrigger {
    /// Its name.
    pub name: Name,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// The table.
    pub table: QualifiedName,
}

/// `DROP KEYSPACE`, `TABLE`, `TYPE`, `INDEX` or `MATERIALIZED VIEW`.
#[derive(Clone, Debug, PartialEq)]
pub struct Drop {
    /// What kind of thing.
    pub kind: DropKind,
    /// Its name; for a keyspace without a qualifier.
    pub name: QualifiedName,
    /// `IF EXISTS`.
    pub if_exists: bool,
}

/// What DROP drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in CQL")]
pub enum DropKind {
    Keyspace,
    Table,
    Type,
    Index,
    View,
}
