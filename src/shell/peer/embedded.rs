//! The database of this process.

use crate::clock::SharedClock;
use crate::cql::result::QueryResult;
use crate::cql::trace::{Trace, TraceRequest};
use crate::cql::virtual_tables::CatalogView;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::schema::Catalog;
use crate::session::RequestOptions;
use crate::shell::CQL_VERSION;
use crate::shell::peer::{Manner, Names, Peer, Reply};
use crate::storage::Engine;
use crate::transfer::Site;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A conversation with the database of this process.
pub struct Embedded {
    database: Database,
    keyspace: Option<String>,
    interrupt: Arc<AtomicBool>,
    names: Arc<EngineNames>,
    host: String,
    /// The trace of the statement whose rows are being read.
    trace: Option<Arc<Trace>>,
}

/// The names of an engine's catalog, and of the system's.
struct EngineNames {
    engine: Engine,
    view: CatalogView,
}

impl Names for EngineNames {
    fn present(&self) -> Arc<Catalog> {
        // Without the names of the system there are still the others.
        self.view
            .of(&self.engine)
            .unwrap_or_else(|_| self.engine.catalog())
    }
}

impl Embedded {
    /// A conversation with `database`, which SHOW HOST calls `host`.
    pub fn new(database: &Database, host: &str) -> Self {
        let names = EngineNames {
            engine: database.engine().clone(),
            view: CatalogView::default(),
        };
        Self {
            database: database.clone(),
            keyspace: None,
            interrupt: Arc::default(),
            names: Arc::new(names),
            host: host.to_owned(),
            trace: None,
        }
    }
}

impl Peer for Embedded {
    fn run(&mut self, statement: &str, manner: &Manner) -> Result<Reply> {
        self.end();
        if manner.traced {
            let parameters = [
                ("query", statement.to_owned()),
                ("consistency_level", manner.levels.regular.to_string()),
                ("serial_consistency_level", manner.levels.serial.to_string()),
            ];
            let request = TraceRequest {
                request: "Execute CQL3 query".to_owned(),
                command: "QUERY".to_owned(),
                client: None,
                parameters: BTreeMap::from(parameters.map(|(name, text)| (name.to_owned(), text))),
            };
            let trace = self.database.virtual_tables().traces().begin(request);
            trace.event(format!("Parsing {statement}"));
            self.trace = Some(trace);
        }
        self.interrupt.store(false, Ordering::Relaxed);
        let shared = self.database.shared();
        let prepared = shared.adhoc(statement, self.keyspace())?;
        let options = RequestOptions {
            interrupt: Arc::clone(&self.interrupt),
            trace: self.trace.clone(),
            consistency: Some(manner.levels.regular),
            serial_consistency: Some(manner.levels.serial),
            ..RequestOptions::default()
        };
        let answer = shared.run(&prepared, options)?;
        if let QueryResult::SetKeyspace(keyspace) = &answer.result {
            self.keyspace = Some(keyspace.clone());
        }
        Ok(Reply {
            result: answer.result,
            warnings: answer.warnings,
            trace: self.trace.as_ref().map(|trace| trace.id()),
        })
    }

    fn end(&mut self) {
        if let Some(trace) = self.trace.take() {
            trace.finish();
        }
    }

    fn keyspace(&self) -> Option<&str> {
        self.keyspace.as_deref()
    }

    fn names(&self) -> Arc<dyn Names> {
        Arc::clone(&self.names) as Arc<dyn Names>
    }

    fn interrupt(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.interrupt)
    }

    fn clock(&self) -> SharedClock {
        self.database.engine().clock()
    }

    fn site(&self) -> Box<dyn Site + '_> {
        Box::new(self.database.clone())
    }

    fn version(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        format!("[helenus {version} | CQL spec {CQL_VERSION}]")
    }

    fn host(&self) -> String {
        format!("Connected to {}.", self.host)
    }

    fn login(&mut self, _user: &str, _password: &str) -> Result<()> {
        Err(Error::invalid(
            "the database of this process has no roles: there is nobody to log in as",
        ))
    }
}
