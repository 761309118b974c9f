//! The library's front door.
//!
//! ```
//! # fn main() -> helenus::Result<()> {
//! use helenus::Database;
//! use helenus::clock::SystemClock;
//! use helenus::config::Config;
//!
//! // `Database::open("some/directory")` keeps its data; this one forgets.
//! let db = Database::in_memory(Config::default(), SystemClock::shared())?;
//! db.execute(
//!     "CREATE KEYSPACE shop WITH replication = \
//!      {'class': 'SimpleStrategy', 'replication_factor': 1}",
//!     &[],
//! )?;
//! db.execute("USE shop", &[])?;
//! db.execute(
//!     "CREATE TABLE orders (customer text, day date, n int, total decimal, \
//!      PRIMARY KEY (customer, day, n))",
//!     &[],
//! )?;
//!
//! // A statement that runs often is prepared once.
//! let insert = db.prepare(
//!     "INSERT INTO orders (customer, day, n, total) VALUES (?, '2013-01-01', ?, 9.99)",
//! )?;
//! for n in 0..3 {
//!     db.execute_prepared(&insert, &["ann".into(), n.into()])?;
//! }
//!
//! // Rows are streamed: each is read when it is asked for.
//! let mut rows = db
//!     .execute("SELECT n, total FROM orders WHERE customer = ? LIMIT 2", &["ann".into()])?
//!     .into_rows();
//! let mut seen = Vec::new();
//! while let Some(row) = rows.next_row()? {
//!     seen.push(row.get::<i32>("n")?);
//! }
//! assert_eq!(seen, [0, 1]);
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "analytics")]
use crate::analytics::jobs::Scheduler;
use crate::clock::{SharedClock, SystemClock};
use crate::config::Config;
use crate::cql::result::{BindValue, QueryResult, Rows};
use crate::cql::virtual_tables::Registry;
use crate::error::Result;
use crate::random::Random;
use crate::session::{Prepared, Session, Shared};
use crate::storage::Engine;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// A database: one data directory, or one kept in memory. Cheap to clone, shared by threads.
#[derive(Clone, Debug)]
pub struct Database {
    shared: Shared,
    /// The keyspace of the database's own conversation.
    keyspace: Arc<Mutex<Option<String>>>,
    /// Runs jobs, if it was asked for.
    #[cfg(feature = "analytics")]
    scheduler: Arc<Mutex<Option<Scheduler>>>,
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
        let random = random(&config);
        let engine = Engine::open(directory.as_ref(), config, clock)?;
        Ok(Self::over(engine, random))
    }

    /// A database that keeps everything in memory and forgets it when dropped.
    pub fn in_memory(config: Config, clock: SharedClock) -> Result<Self> {
        let random = random(&config);
        let engine = Engine::in_memory(config, clock)?;
        Ok(Self::over(engine, random))
    }

    fn over(engine: Engine, random: Random) -> Self {
        Self {
            shared: Shared::new(engine, random),
            keyspace: Arc::default(),
            #[cfg(feature = "analytics")]
            scheduler: Arc::default(),
        }
    }

    /// The engine below.
    pub fn engine(&self) -> &Engine {
        self.shared.engine()
    }

    /// Who knows what of the system's tables: the layers above register there.
    pub fn virtual_tables(&self) -> &Registry {
        self.shared.virtual_tables()
    }

    /// What all conversations share: the door for who serves many clients.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// A new conversation, with a keyspace of its own.
    pub fn session(&self) -> Session {
        Session::with(self.shared.clone(), None)
    }

    /// Executes one statement in the database's own conversation: `USE` holds for all that follow.
    pub fn execute(&self, cql: &str, values: &[BindValue]) -> Result<QueryResult> {
        let mut session = Session::with(self.shared.clone(), self.keyspace());
        let result = session.execute(cql, values)?;
        if let QueryResult::SetKeyspace(keyspace) = &result {
            *self.keyspace.lock().unwrap_or_else(PoisonError::into_inner) = Some(keyspace.clone());
        }
        Ok(result)
    }

    /// Runs a batch query (joins, windows, any GROUP BY; see [`crate::manual::batch_sql`]) in the
    /// database's own conversation. With markers in it, [`Database::execute`] takes the same text
    /// behind `SQL`, and values.
    pub fn query(&self, sql: &str) -> Result<Rows> {
        Ok(self.execute(&format!("SQL {sql}"), &[])?.into_rows())
    }

    /// Prepares a statement in the database's own conversation.
    pub fn prepare(&self, cql: &str) -> Result<Prepared> {
        Session::with(self.shared.clone(), self.keyspace()).prepare(cql)
    }

    /// Executes a prepared statement.
    pub fn execute_prepared(
        &self,
        statement: &Prepared,
        values: &[BindValue],
    ) -> Result<QueryResult> {
        Session::with(self.shared.clone(), None).execute_prepared(statement, values)
    }

    /// Starts to run jobs when they are due, those first that were missed, until the database is
    /// closed or dropped. Without it they run by `RUN JOB` only.
    #[cfg(feature = "analytics")]
    pub fn start_jobs(&self) -> Result<()> {
        let mut scheduler = self
            .scheduler
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if scheduler.is_none() {
            *scheduler = Some(self.shared.start_jobs()?);
        }
        Ok(())
    }

    /// Stops what runs jobs, and the job that runs.
    #[cfg(feature = "analytics")]
    fn stop_jobs(&self) {
        let scheduler = self
            .scheduler
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(scheduler);
    }

    /// Finishes background work, syncs, and releases the directory.
    pub fn close(&self) -> Result<()> {
        #[cfg(feature = "analytics")]
        self.stop_jobs();
        self.engine().close()
    }

    fn keyspace(&self) -> Option<String> {
        self.keyspace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn random(config: &Config) -> Random {
    match config.seed {
        Some(seed) => Random::seeded(seed),
        None => Random::from_system(),
    }
}
