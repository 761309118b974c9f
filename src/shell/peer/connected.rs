//! A server.

use crate::clock::SharedClock;
use crate::cql::bind;
use crate::cql::parser::parse_statement;
use crate::error::{Error, ErrorKind, Result};
use crate::remote::{Asking, Facts, Remote};
use crate::schema::Catalog;
use crate::shell::CQL_VERSION;
use crate::shell::peer::{Manner, Names, Peer, Reply};
use crate::transfer::Site;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A conversation with a server.
pub struct Connected {
    remote: Remote,
    /// The keyspace of unqualified names, after `USE`.
    keyspace: Option<String>,
}

impl Connected {
    /// A conversation with the server `remote`.
    pub fn new(remote: Remote) -> Self {
        let keyspace = remote.keyspace();
        Self { remote, keyspace }
    }

    /// The wire tells where in a statement an error is for syntax errors alone. Bound on this side,
    /// against the same names, the statement fails in the same words, and that failure knows.
    fn located(&self, error: Error, statement: &str) -> Error {
        if error.kind != ErrorKind::Invalid || error.position.is_some() {
            return error;
        }
        let bound = parse_statement(statement).and_then(|parsed| {
            if bind::is_bindable(&parsed.kind) {
                let catalog = self.remote.catalog()?;
                bind::bind(&catalog, self.keyspace(), &parsed)?;
            }
            Ok(())
        });
        match bound {
            Err(own) if own.message == error.message => Error {
                position: own.position,
                ..error
            },
            _ => error,
        }
    }

    fn facts(&self) -> Facts {
        // What a server does not tell is left out of what the shell tells.
        self.remote.facts().unwrap_or_default()
    }
}

impl Names for Remote {
    fn present(&self) -> Arc<Catalog> {
        // Names are a help: where the server cannot be asked there are none.
        self.catalog().unwrap_or_default()
    }
}

impl Peer for Connected {
    fn run(&mut self, statement: &str, manner: &Manner) -> Result<Reply> {
        let asking = Asking {
            consistency: manner.levels.regular,
            serial_consistency: manner.levels.serial,
            page_rows: manner.page_rows,
            traced: manner.traced,
        };
        let told = self.remote.run(statement, &asking);
        self.keyspace = self.remote.keyspace();
        let told = told.map_err(|error| self.located(error, statement))?;
        Ok(Reply {
            result: told.result,
            warnings: told.warnings,
            trace: told.trace,
        })
    }

    fn keyspace(&self) -> Option<&str> {
        self.keyspace.as_deref()
    }

    fn names(&self) -> Arc<dyn Names> {
        Arc::new(self.remote.clone())
    }

    fn interrupt(&self) -> Arc<AtomicBool> {
        self.remote.interrupt()
    }

    fn clock(&self) -> SharedClock {
        self.remote.clock()
    }

    fn site(&self) -> Box<dyn Site + '_> {
        Box::new(self.remote.clone())
    }

    fn version(&self) -> String {
        let facts = self.facts();
        let version = env!("CARGO_PKG_VERSION");
        let server = match &facts.helenus_version {
            Some(theirs) => format!("helenus {theirs}"),
            None => format!("Cassandra {}", facts.release_version),
        };
        let cql = match facts.cql_version.as_str() {
            "" => CQL_VERSION,
            cql => cql,
        };
        let protocol = facts.protocol.map_or_else(String::new, |version| {
            format!(" | Native protocol v{}", version.number())
        });
        format!("[helenus shell {version} | {server} | CQL spec {cql}{protocol}]")
    }

    fn host(&self) -> String {
        let (cluster, address) = (self.facts().cluster_name, self.remote.address());
        format!("Connected to {cluster} at {address}.")
    }

    fn login(&mut self, user: &str, password: &str) -> Result<()> {
        self.remote.login(user, password)
    }
}
