//! Writes whose caller does not wait: it gets a ticket, and is told when the log is synced that
//! far.

use crate::error::Result;
use crate::schema::TableId;
use crate::storage::engine::front::{AppendedView, Engine};
use crate::storage::mutation::Mutation;
use crate::storage::row::PartitionKey;

/// A position of the commit log that must be durable before something is acknowledged. Tickets are
/// ordered: when one is durable, so are all that are less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

impl Engine {
    /// Appends a mutation as [`Engine::apply`] does. No ticket: it is acknowledged already.
    pub fn submit(&self, mutation: Mutation) -> Result<Option<Ticket>> {
        self.apply(mutation)?;
        Ok(None)
    }

    /// As [`Engine::read_modify_write`].
    pub fn read_modify_write_deferred<T>(
        &self,
        keys: &[(TableId, PartitionKey)],
        decide: impl FnOnce(&AppendedView<'_>) -> Result<(Option<Mutation>, T)>,
    ) -> Result<(T, Option<Ticket>)> {
        Ok((self.read_modify_write(keys, decide)?, None))
    }
}
