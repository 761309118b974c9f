//! Types as written, looked up.

use crate::cql::ast::TypeExpr;
use crate::cql::bind::Binder;
use crate::cql::ddl::resolve;
use crate::error::Result;
use crate::schema::Keyspace;
use crate::types::Type;
use std::collections::BTreeMap;

impl Binder<'_> {
    /// A type as messages show it: user types with the statement's keyspace.
    pub fn written_type(&self, expr: &TypeExpr) -> String {
        match self.table_keyspace.as_deref().or(self.keyspace) {
            Some(keyspace) => expr.in_keyspace(keyspace),
            None => expr.to_string(),
        }
    }

    /// The type that `expr` means in the statement's keyspace.
    pub fn resolve_type(&self, expr: &TypeExpr) -> Result<Type> {
        let keyspace = self
            .table_keyspace
            .as_deref()
            .or(self.keyspace)
            .and_then(|name| self.catalog.keyspaces.get(name));
        match keyspace {
            Some(keyspace) => resolve::resolve_type(expr, keyspace),
            None => {
                let none = Keyspace {
                    name: String::new(),
                    replication: BTreeMap::new(),
                    durable_writes: true,
                    tables: BTreeMap::new(),
                    types: BTreeMap::new(),
                };
                resolve::resolve_type(expr, &none)
            }
        }
    }
}
