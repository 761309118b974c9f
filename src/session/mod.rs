//! One conversation with the database: its keyspace, its prepared statements, its interrupt.

use crate::cql::result::{BindValue, ColumnSpec, QueryResult};
use crate::error::{Error, Result};
use crate::storage::Engine;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A conversation.
#[derive(Debug)]
pub struct Session {
    engine: Engine,
    keyspace: Option<String>,
    interrupt: Arc<AtomicBool>,
}

/// A prepared statement: parsed and bound once, executed many times, by any session of the same
/// database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Prepared {
    query: Arc<str>,
}

impl Prepared {
    /// Its text.
    pub fn query(&self) -> &str {
        &self.query
    }

    /// Its bind markers, in order.
    pub fn variables(&self) -> Arc<[ColumnSpec]> {
        Arc::from([])
    }
}

impl Session {
    /// A conversation with `engine`.
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            keyspace: None,
            interrupt: Arc::default(),
        }
    }

    /// The engine that it speaks to.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The keyspace of unqualified names, after `USE`.
    pub fn keyspace(&self) -> Option<&str> {
        self.keyspace.as_deref()
    }

    /// The flag that stops a running statement, its row stream included, when set to true: it
    /// fails with [`crate::ErrorKind::Cancelled`]. A new statement clears it.
    pub fn interrupt(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupt)
    }

    /// Executes one statement with values for its markers, in order.
    pub fn execute(&mut self, _cql: &str, _values: &[BindValue]) -> Result<QueryResult> {
        Err(Error::internal("the session is being built"))
    }

    /// Executes one statement with values for its markers, by name.
    pub fn execute_named(
        &mut self,
        _cql: &str,
        _values: &[(&str, BindValue)],
    ) -> Result<QueryResult> {
        Err(Error::internal("the session is being built"))
    }

    /// Prepares a statement.
    pub fn prepare(&mut self, _cql: &str) -> Result<Prepared> {
        Err(Error::internal("the session is being built"))
    }

    /// Executes a prepared statement.
    pub fn execute_prepared(
        &mut self,
        _statement: &Prepared,
        _values: &[BindValue],
    ) -> Result<QueryResult> {
        Err(Error::internal("the session is being built"))
    }
}
