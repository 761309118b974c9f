//! The other end of the conversation.
//!
//! The shell reads, splits, prints and explains; a [`Peer`] runs the statements. There are two: the
//! database of this process ([`Embedded`]) and a server that is reached over the network
//! ([`Connected`]). What a shell does is the same with both, so all that differs stands here.

mod connected;
mod embedded;

pub use connected::Connected;
pub use embedded::Embedded;

use crate::clock::SharedClock;
use crate::cql::result::QueryResult;
use crate::error::Result;
use crate::protocol::Consistency;
use crate::schema::Catalog;
use crate::transfer::Site;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use uuid::Uuid;

/// How many copies of the data must answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    /// For reads and writes.
    pub regular: Consistency,
    /// For the condition of a conditional write.
    pub serial: Consistency,
}

impl Default for Levels {
    /// As in cqlsh.
    fn default() -> Self {
        Self {
            regular: Consistency::One,
            serial: Consistency::Serial,
        }
    }
}

/// How a statement is run.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// The consistency levels.
    pub levels: Levels,
    /// How many rows are fetched at once.
    pub page_rows: usize,
    /// Whether it is traced.
    pub traced: bool,
}

/// What a statement answered.
#[derive(Debug)]
pub struct Reply {
    /// The answer itself.
    pub result: QueryResult,
    /// What the other end has to say about it.
    pub warnings: Vec<String>,
    /// Where its trace will be found.
    pub trace: Option<Uuid>,
}

/// All names that statements may use, as of now. A help for people: it never fails.
pub trait Names: Send + Sync {
    /// The names.
    fn present(&self) -> Arc<Catalog>;
}

/// Whoever runs the statements.
pub trait Peer: Send {
    /// Runs a statement. Its rows are pulled as they are read.
    fn run(&mut self, statement: &str, manner: &Manner) -> Result<Reply>;

    /// No more rows of the last reply will be read.
    fn end(&mut self) {}

    /// The keyspace of unqualified names.
    fn keyspace(&self) -> Option<&str>;

    /// The names there.
    fn names(&self) -> Arc<dyn Names>;

    /// The flag that stops the running statement when set.
    fn interrupt(&self) -> Arc<AtomicBool>;

    /// The time there.
    fn clock(&self) -> SharedClock;

    /// Where COPY reads and writes.
    fn site(&self) -> Box<dyn Site + '_>;

    /// What SHOW VERSION tells.
    fn version(&self) -> String;

    /// What SHOW HOST tells.
    fn host(&self) -> String;

    /// Goes on as another role.
    fn login(&mut self, user: &str, password: &str) -> Result<()>;
}
