//! The connection of a conversation.
//!
//! It is made when something is to be said, and given up when it broke, when an answer took too
//! long or when the person did not want to wait for one: whatever comes late on it is nobody's.
//! The server drops the work of a client that is gone, so that giving up a connection is also how
//! a statement is stopped. The next statement finds a new one, in the same keyspace.

use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::response::Event;
use crate::remote::{RemoteOptions, breaks, connect};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How long an event that has arrived may take to be read.
const EVENT_WAIT: Duration = Duration::from_millis(2);

/// See the module's text.
#[derive(Debug, Default)]
pub struct Line {
    client: Option<Client>,
    /// The keyspace of `USE`, which a new connection starts in.
    pub keyspace: Option<String>,
    /// Whether the catalog was never read on this connection.
    renewed: bool,
}

impl Line {
    /// Works with the connection.
    pub fn work<T>(
        &mut self,
        options: &RemoteOptions,
        interrupt: &Arc<AtomicBool>,
        work: impl FnOnce(&mut Client) -> Result<T>,
    ) -> Result<T> {
        let client = match &mut self.client {
            Some(client) => client,
            None => {
                let made = match open(options, self.keyspace.as_deref(), interrupt) {
                    // The server has lost the keyspace, and nobody could work until it is back.
                    Err(error) if error.kind == ErrorKind::Invalid => {
                        self.keyspace = None;
                        return Err(error.with_hint("No keyspace is in use any more."));
                    }
                    made => made?,
                };
                self.renewed = true;
                self.client.insert(made)
            }
        };
        let done = work(client);
        match done {
            Err(error) if breaks(&error) => {
                self.client = None;
                Err(explained(error))
            }
            done => done,
        }
    }

    /// Makes a new connection, and keeps the old one where that fails.
    pub fn renew(&mut self, options: &RemoteOptions, interrupt: &Arc<AtomicBool>) -> Result<()> {
        self.client = Some(open(options, self.keyspace.as_deref(), interrupt)?);
        self.renewed = true;
        Ok(())
    }

    /// Whether the server may have another schema than when this was asked last.
    pub fn schema_has_changed(&mut self) -> bool {
        let mut changed = std::mem::take(&mut self.renewed);
        if let Some(client) = &mut self.client {
            while let Ok(Some(event)) = client.next_event(EVENT_WAIT) {
                changed |= matches!(event, Event::Schema(_));
            }
        }
        changed
    }
}

fn open(
    options: &RemoteOptions,
    keyspace: Option<&str>,
    interrupt: &Arc<AtomicBool>,
) -> Result<Client> {
    let mut client = connect(options, keyspace, interrupt)?;
    client.register(&["SCHEMA_CHANGE"])?;
    Ok(client)
}

/// What is to be known about a connection that is lost.
fn explained(error: Error) -> Error {
    match error.hint {
        Some(_) => error,
        None if error.kind == ErrorKind::Io => {
            error.with_hint("The next statement connects again.")
        }
        None => error,
    }
}
