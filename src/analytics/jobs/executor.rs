//! What runs the statements of jobs: something above this layer.

use crate::cql::result::{BindValue, QueryResult};
use crate::error::Result;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What runs statements, CQL and batch SQL.
pub trait Executor: Send + Sync {
    /// Refuses a statement that cannot be a job's: that is wrong, has markers, or reads only.
    fn check(&self, keyspace: Option<&str>, text: &str) -> Result<()>;

    /// Runs a statement with values for its markers.
    fn execute(
        &self,
        keyspace: Option<&str>,
        text: &str,
        values: Vec<BindValue>,
        interrupt: &Arc<AtomicBool>,
    ) -> Result<QueryResult>;
}
