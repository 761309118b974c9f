//! Jobs: statements that run again and again.

use crate::cql::ast::Name;

/// `CREATE JOB [IF NOT EXISTS] name EVERY '1h' [STARTING '…'] AS statement`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateJob {
    /// Its name.
    pub name: Name,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// The time between two runs, as a duration's text.
    pub every: String,
    /// When the first run is due, as a timestamp's text.
    pub starting: Option<String>,
    /// The statement, CQL or batch SQL.
    pub statement: String,
}

/// `DROP JOB [IF EXISTS] name`.
#[derive(Clone, Debug, PartialEq)]
pub struct DropJob {
    /// Its name.
    pub name: Name,
    /// `IF EXISTS`.
    pub if_exists: bool,
}

/// `RUN JOB name`.
#[derive(Clone, Debug, PartialEq)]
pub struct RunJob {
    /// Its name.
    pub name: Name,
}
