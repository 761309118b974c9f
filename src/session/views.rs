//! The prepared statements as system tables: `system.prepared_statements` lists them, and
//! `system_views.cql_metrics` counts them.

use crate::cql::virtual_tables::{NamedValues, Registry};
use crate::error::Result;
use crate::schema::Table;
use crate::session::Prepared;
use crate::session::statements::Statements;
use crate::storage::Engine;
use crate::types::Value;
use std::sync::Arc;

/// Has `registry` ask `statements`.
pub fn register(registry: &Registry, statements: &Arc<Statements>) {
    let listed = Arc::clone(statements);
    let list = move |_: &Engine, _: &Table| -> Result<Vec<NamedValues>> { Ok(list(&listed)) };
    registry.register("system", "prepared_statements", Arc::new(list));
    let counted = Arc::clone(statements);
    let count = move |_: &Engine, _: &Table| -> Result<Vec<NamedValues>> { Ok(count(&counted)) };
    registry.register("system_views", "cql_metrics", Arc::new(count));
}

fn list(statements: &Statements) -> Vec<NamedValues> {
    let row = |statement: &Prepared| {
        let keyspace = statement.keyspace().map(str::to_owned);
        vec![
            ("prepared_id", Value::Blob(statement.id().to_vec())),
            ("logged_keyspace", keyspace.map_or(Value::Null, Value::Text)),
            ("query_string", Value::Text(statement.query().to_owned())),
        ]
    };
    statements.all().iter().map(row).collect()
}

fn count(statements: &Statements) -> Vec<NamedValues> {
    let figures = statements.figures();
    let row = |name: &str, count: f64| {
        vec![
            ("name", Value::Text(name.to_owned())),
            ("value", Value::Double(count)),
        ]
    };
    vec![
        row("prepared_statements_count", figures.statements as f64),
        row("prepared_statements_evicted", figures.evictions as f64),
    ]
}
