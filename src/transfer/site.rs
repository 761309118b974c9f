//! Where a transfer works: the database of this process, or a server that is spoken to.
//!
//! Rows pass through a [`TableSource`] in both places. What is left are the few things that a
//! transfer asks beside it, and one promise that a server cannot keep: that all rows become
//! visible at once.

use crate::clock::SharedClock;
use crate::cql::result::Rows;
use crate::database::Database;
use crate::error::Result;
use crate::remote::Remote;
use crate::schema::{Column, Table};
use crate::source::{RowSink, TableSource, WriteOptions};
use crate::storage::Engine;
use crate::transfer::counters::CounterSink;
use crate::types::name::quote_identifier;
use std::sync::Arc;

/// The most threads that scan a table of this process.
const SCANNERS_MAX: usize = 4;

/// A place that a transfer reads or writes.
pub trait Site: Sync {
    /// Its tables.
    fn tables(&self) -> &dyn TableSource;

    /// The engine, where it is this process's.
    fn engine(&self) -> Option<&Engine>;

    /// The time there.
    fn clock(&self) -> SharedClock;

    /// Starts to add rows of counts.
    fn counters(
        &self,
        table: &Arc<Table>,
        columns: &[Column],
        options: &WriteOptions,
    ) -> Result<Box<dyn RowSink>>;

    /// The rows of a query with names in `keyspace`.
    fn query(&self, keyspace: Option<&str>, text: &str) -> Result<Rows>;

    /// Runs a statement that answers no rows.
    fn execute(&self, text: &str) -> Result<()>;

    /// How many scans are worth running side by side.
    fn scanners(&self) -> usize;

    /// Whether rows that were added become visible all at once, at the end.
    fn is_atomic(&self) -> bool;
}

impl Site for Database {
    fn tables(&self) -> &dyn TableSource {
        Database::engine(self)
    }

    fn engine(&self) -> Option<&Engine> {
        Some(Database::engine(self))
    }

    fn clock(&self) -> SharedClock {
        Database::engine(self).clock()
    }

    fn counters(
        &self,
        table: &Arc<Table>,
        columns: &[Column],
        options: &WriteOptions,
    ) -> Result<Box<dyn RowSink>> {
        Ok(Box::new(CounterSink::new(self, table, columns, options)?))
    }

    fn query(&self, keyspace: Option<&str>, text: &str) -> Result<Rows> {
        let mut session = self.session();
        if let Some(keyspace) = keyspace {
            session.execute(&format!("USE {}", quote_identifier(keyspace)), &[])?;
        }
        Ok(session.execute(text, &[])?.into_rows())
    }

    fn execute(&self, text: &str) -> Result<()> {
        Database::execute(self, text, &[]).map(|_| ())
    }

    fn scanners(&self) -> usize {
        std::thread::available_parallelism().map_or(1, |cores| cores.get().clamp(1, SCANNERS_MAX))
    }

    fn is_atomic(&self) -> bool {
        true
    }
}

/// How many scans of a server run side by side.
const REMOTE_SCANNERS: usize = 4;

impl Site for Remote {
    fn tables(&self) -> &dyn TableSource {
        self
    }

    fn engine(&self) -> Option<&Engine> {
        None
    }

    fn clock(&self) -> SharedClock {
        Remote::clock(self)
    }

    fn counters(
        &self,
        table: &Arc<Table>,
        columns: &[Column],
        options: &WriteOptions,
    ) -> Result<Box<dyn RowSink>> {
        Remote::counters(self, table, columns, options)
    }

    fn query(&self, keyspace: Option<&str>, text: &str) -> Result<Rows> {
        Remote::query(self, keyspace, text)
    }

    fn execute(&self, text: &str) -> Result<()> {
        Remote::execute(self, text)
    }

    fn scanners(&self) -> usize {
        REMOTE_SCANNERS
    }

    fn is_atomic(&self) -> bool {
        false
    }
}
