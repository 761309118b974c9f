//! How an index finds the rows of a SELECT.

use crate::cql::plan::Term;
use crate::schema::Index;
use std::sync::Arc;

/// A read through an index.
#[derive(Clone, Debug)]
pub struct IndexPlan {
    /// The index.
    pub index: Arc<Index>,
    /// Whether the indexed column is static: an entry stands for a whole partition then.
    pub is_static: bool,
    /// The value that is looked up.
    pub value: Term,
    /// Whether the value is a tuple's only field.
    pub in_tuple: bool,
    /// The key before it, of a map's entry.
    pub key: Option<Term>,
}
