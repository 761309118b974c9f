//! The library's front door.

use crate::clock::{SharedClock, SystemClock};
use crate::config::Config;
use crate::cql::result::{BindValue, QueryResult};
use crate::error::Result;
use crate::session::{Prepared, Session};
use crate::storage::Engine;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// A database: one data directory, or one kept in memory. Cheap to clone, shared by threads.
#[derive(Clone, Debug)]
pub struct Database {
    engine: Engine,
    session: Arc<Mutex<Session>>,
}

impl Database {
    /// Opens the database in `directory`, created if absent, with the default settings.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(directory, Config::default(), SystemClock::shared())
    }

    /// Opens the database in `directory`, created if absent.
    pub fn open_with(
        directory: impl AsRef<Path>,
        config: Config,
        clock: SharedClock,
    ) -> Result<Self> {
        Self::over(Engine::open(directory.as_ref(), config, clock)?)
    }

    /// A database that keeps everything in memory and forgets it when dropped.
    pub fn in_memory(config: Config, clock: SharedClock) -> Result<Self> {
        Self::over(Engine::in_memory(config, clock)?)
    }

    fn over(engine: Engine) -> Result<Self> {
        let session = Arc::new(Mutex::new(Session::new(engine.clone())));
        Ok(Self { engine, session })
    }

    /// The engine below.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// A new conversation, with its own keyspace.
    pub fn session(&self) -> Session {
        Session::new(self.engine.clone())
    }

    /// Executes one statement in the database's own conversation.
    pub fn execute(&self, cql: &str, values: &[BindValue]) -> Result<QueryResult> {
        self.own_session().execute(cql, values)
    }

    /// Prepares a statement in the database's own conversation.
    pub fn prepare(&self, cql: &str) -> Result<Prepared> {
        self.own_session().prepare(cql)
    }

    /// Executes a prepared statement.
    pub fn execute_prepared(
        &self,
        statement: &Prepared,
        values: &[BindValue],
    ) -> Result<QueryResult> {
        self.own_session().execute_prepared(statement, values)
    }

    /// Finishes background work, syncs, and releases the directory.
    pub fn close(&self) -> Result<()> {
        self.engine.close()
    }

    fn own_session(&self) -> std::sync::MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
