//! Batch statements: what frames a query and says where its rows go.
//!
//! DataFusion plans queries; what writes is ours. So only the frame of a statement is read here,
//! and what lies inside (a query, an expression, a condition) stays text, passed on as it is:
//!
//! ```text
//! INSERT INTO t (a, b) USING TTL 60 SELECT … FROM …        ─► columns, TTL │ query
//! CREATE TABLE t (PRIMARY KEY (a)) WITH … AS  SELECT …      ─► name, key    │ query
//! UPDATE t SET a = ‹expression› FROM ‹tables› WHERE ‹condition›
//! DELETE FROM t USING ‹tables› WHERE ‹condition›
//! EXPLAIN [ANALYZE] ‹statement›
//! ```
//!
//! An UPDATE's or DELETE's parts stand in the same order in the query that is made of them, so
//! that bind markers keep their numbers.

mod parse;
mod scan;

use crate::error::Result;

/// A batch statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// A query alone: SELECT, WITH, VALUES.
    Query(String),
    /// `INSERT INTO … SELECT`.
    Insert(Insert),
    /// `CREATE TABLE … AS`.
    CreateTableAs(CreateTableAs),
    /// `UPDATE … SET`.
    Update(Update),
    /// `DELETE FROM`.
    Delete(Delete),
    /// `EXPLAIN [ANALYZE]`.
    Explain(Explain),
}

/// A table's name as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    /// The keyspace, where one is named.
    pub keyspace: Option<String>,
    /// The table.
    pub name: String,
}

/// What USING says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Using {
    /// The time to live in seconds; 0 for none.
    pub ttl_seconds: Option<i32>,
    /// The write timestamp, in microseconds.
    pub timestamp_micros: Option<i64>,
    /// Whether a null deletes the value that was there, as CQL's INSERT does; else it is absent.
    pub nulls: bool,
}

/// `INSERT INTO table [(columns)] [USING …] query`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insert {
    /// Where the rows go.
    pub table: TableName,
    /// The columns that the query's columns fill; absent: all of the table, in DESCRIBE's order.
    pub columns: Option<Vec<String>>,
    /// TTL and timestamp.
    pub using: Using,
    /// The query.
    pub query: String,
}

/// `CREATE TABLE [IF NOT EXISTS] name (PRIMARY KEY (…)) [WITH …] AS query`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTableAs {
    /// The new table.
    pub table: TableName,
    /// Whether nothing is done where the table is there.
    pub if_not_exists: bool,
    /// The partition key's columns.
    pub partition_key: Vec<String>,
    /// The clustering columns.
    pub clustering: Vec<String>,
    /// What stands behind WITH, as CQL.
    pub options: Option<String>,
    /// The query.
    pub query: String,
}

/// `UPDATE table [alias] [USING …] SET … [FROM …] [WHERE …]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The table.
    pub table: TableName,
    /// What the statement calls it.
    pub alias: Option<String>,
    /// TTL and timestamp.
    pub using: Using,
    /// Columns, and the expressions that give their values.
    pub assignments: Vec<(String, String)>,
    /// Other tables, as in a query's FROM.
    pub from: Option<String>,
    /// Which rows.
    pub condition: Option<String>,
}

/// `DELETE FROM table [alias] [USING TIMESTAMP n] [USING …] [WHERE …]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// The table.
    pub table: TableName,
    /// What the statement calls it.
    pub alias: Option<String>,
    /// The timestamp.
    pub using: Using,
    /// Other tables, as in a query's FROM.
    pub from: Option<String>,
    /// Which rows.
    pub condition: Option<String>,
}

/// `EXPLAIN [ANALYZE] statement`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explain {
    /// Whether it is run, and what it did is told.
    pub analyze: bool,
    /// What is explained; never an EXPLAIN.
    pub inner: Box<Statement>,
}

impl Statement {
    /// Reads a statement; a semicolon may end it. Statements that batch SQL does not have are
    /// refused by name.
    pub fn parse(text: &str) -> Result<Self> {
        parse::statement(text)
    }

    /// The table that it writes to, if it writes.
    pub fn target(&self) -> Option<&TableName> {
        match self {
            Self::Query(_) | Self::Explain(_) => None,
            Self::Insert(insert) => Some(&insert.table),
            Self::CreateTableAs(create) => Some(&create.table),
            Self::Update(update) => Some(&update.table),
            Self::Delete(delete) => Some(&delete.table),
        }
    }
}

#[cfg(test)]
mod tests;
