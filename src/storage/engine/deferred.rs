//! Writes whose caller does not wait: it gets a ticket, and is told when the log is synced that
//! far. See `commitlog::deferred` for how the log's thread serves them.

use crate::error::Result;
use crate::schema::TableId;
use crate::storage::commitlog::Wake;
use crate::storage::engine::core::Inner;
use crate::storage::engine::front::{AppendedView, Engine};
use crate::storage::mutation::Mutation;
use crate::storage::row::PartitionKey;

/// A position of the commit log that must be durable before something is acknowledged. Tickets are
/// ordered: when one is durable, so are all that are less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

impl Inner {
    /// What is left to wait for, if anything.
    fn ticket(&self, position: Option<u64>) -> Option<Ticket> {
        position.filter(|at| self.log.want(*at)).map(Ticket)
    }
}

impl Engine {
    /// Appends a mutation as [`Engine::apply`] does, and does not wait for the log: reads see it,
    /// and it may be acknowledged, once the ticket is durable. No ticket: it is acknowledged
    /// already.
    pub fn submit(&self, mutation: Mutation) -> Result<Option<Ticket>> {
        let position = self.inner.append(mutation)?;
        Ok(self.inner.ticket(position))
    }

    /// As [`Engine::read_modify_write`], without waiting for the log: neither the answer nor the
    /// write may be made known before the ticket is durable.
    pub fn read_modify_write_deferred<T>(
        &self,
        keys: &[(TableId, PartitionKey)],
        decide: impl FnOnce(&AppendedView<'_>) -> Result<(Option<Mutation>, T)>,
    ) -> Result<(T, Option<Ticket>)> {
        let (answer, seen) = self.read_modify_append(keys, decide)?;
        Ok((answer, self.inner.ticket(Some(seen))))
    }

    /// Whether a ticket is durable. Fails where it never will be, or not before the disk has room
    /// again: its write may have taken place all the same.
    pub fn is_durable(&self, ticket: Ticket) -> Result<bool> {
        self.inner.log.is_durable(ticket.0)
    }

    /// Waits until a ticket is durable.
    pub fn wait(&self, ticket: Ticket) -> Result<()> {
        if self.inner.log.is_durable(ticket.0)? {
            return Ok(());
        }
        self.inner.log.may_wait()?;
        self.inner.log.wait_durable(ticket.0)
    }

    /// Has `wake` called after every sync that a ticket waits for, after every failure of the log,
    /// and when the engine is closed; mostly on the log's thread. It must not block.
    pub fn on_sync(&self, wake: Wake) {
        self.inner.log.on_sync(wake);
    }

    /// Runs `work`, whose tickets are synced for together: the log's thread is woken at its end,
    /// not at the first of them. For whoever has many requests at hand at once.
    pub fn gather<T>(&self, work: impl FnOnce() -> T) -> T {
        self.inner.log.gather(work)
    }
}
