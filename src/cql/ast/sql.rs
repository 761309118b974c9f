//! What is no CQL, but comes in through the same door: batch SQL, and questions about plans.

use crate::cql::ast::Statement;

/// `SQL …`: a statement in another language, which somebody else reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sql {
    /// Its text, without the word in front.
    pub text: String,
}

/// `EXPLAIN [ANALYZE] …`.
#[derive(Clone, Debug, PartialEq)]
pub struct Explain {
    /// Whether the statement is run, and what it did is told.
    pub analyze: bool,
    /// The statement: CQL, or [`Sql`].
    pub statement: Box<Statement>,
}
