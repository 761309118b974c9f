//! The prepared statements of a database, by id, within a bound of bytes.
//!
//! Over the bound those go that were not used for long: the statements stand in a queue, and each
//! has a mark that every use sets. The first in the queue leaves if its mark is not set;
//! otherwise it loses the mark and goes to the end. So a use costs no more than a shared lock and
//! one store, and making room costs the same however many statements there are.

use crate::error::{Error, Result};
use crate::limits;
use crate::session::prepared::{Prepared, StatementId};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

/// How the memory for prepared statements is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatementFigures {
    /// How many statements are remembered.
    pub statements: usize,
    /// About how much memory they take, in bytes.
    pub bytes: usize,
    /// How many were forgotten to make room for others.
    pub evictions: u64,
}

#[derive(Debug)]
struct Entry {
    statement: Prepared,
    bytes: usize,
    used: AtomicBool,
}

#[derive(Debug, Default)]
struct Held {
    by_id: HashMap<StatementId, Entry>,
    /// The ids in `by_id`, each once.
    queue: VecDeque<StatementId>,
    bytes: usize,
}

/// The prepared statements of a database.
#[derive(Debug, Default)]
pub struct Statements {
    held: RwLock<Held>,
    evictions: AtomicU64,
}

impl Held {
    fn take(&mut self, id: &StatementId) -> Option<Entry> {
        let entry = self.by_id.remove(id)?;
        self.bytes -= entry.bytes;
        Some(entry)
    }

    /// Forgets a statement to make room; false where there is none.
    fn evict(&mut self) -> bool {
        // Each turn through the queue takes marks away, so this ends.
        while let Some(id) = self.queue.pop_front() {
            let Some(entry) = self.by_id.get(&id) else {
                continue;
            };
            if entry.used.swap(false, Ordering::Relaxed) {
                self.queue.push_back(id);
                continue;
            }
            self.take(&id);
            return true;
        }
        false
    }
}

impl Statements {
    /// The statement with this id, if it is remembered.
    pub fn get(&self, id: &StatementId) -> Option<Prepared> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let entry = held.by_id.get(id)?;
        if !entry.used.load(Ordering::Relaxed) {
            entry.used.store(true, Ordering::Relaxed);
        }
        Some(entry.statement.clone())
    }

    /// Remembers a statement.
    pub fn put(&self, statement: &Prepared) -> Result<()> {
        let markers = statement.variables().len();
        if markers > limits::MARKERS_MAX {
            return Err(Error::invalid(format!(
                "Too many markers(?). {markers} markers exceed the allowed maximum of {}",
                limits::MARKERS_MAX
            )));
        }
        let bytes = statement.bytes();
        if bytes > limits::PREPARED_BYTES_MAX {
            return Err(Error::invalid(format!(
                "Prepared statement of size {bytes} bytes is larger than allowed maximum of {} \
                 bytes",
                limits::PREPARED_BYTES_MAX
            )));
        }
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let entry = Entry {
            statement: statement.clone(),
            bytes,
            used: AtomicBool::new(false),
        };
        held.bytes += bytes;
        match held.by_id.insert(statement.id(), entry) {
            Some(before) => held.bytes -= before.bytes,
            None => held.queue.push_back(statement.id()),
        }
        while held.bytes > limits::PREPARED_BYTES_MAX && held.evict() {
            self.evictions.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// All that are remembered.
    pub fn all(&self) -> Vec<Prepared> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let entries = held.by_id.values();
        entries.map(|entry| entry.statement.clone()).collect()
    }

    /// Forgets a statement.
    pub fn forget(&self, id: &StatementId) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.take(id).is_some() {
            held.queue.retain(|other| other != id);
        }
    }

    /// How the memory is used.
    pub fn figures(&self) -> StatementFigures {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        StatementFigures {
            statements: held.by_id.len(),
            bytes: held.bytes,
            evictions: self.evictions.load(Ordering::Relaxed),
        }
    }
}
