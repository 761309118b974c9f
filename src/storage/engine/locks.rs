//! The locks of partitions, for what must read before it writes.
//!
//! Partitions share a fixed number of locks by the hash of their keys. A caller takes all that it
//! needs at once and in rising order, so callers never wait for each other in a circle.

use crate::error::Result;
use crate::schema::TableId;
use crate::storage::blocking;
use crate::storage::row::PartitionKey;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

const STRIPES: usize = 1_024;

/// The locks.
pub struct Locks {
    stripes: Vec<Mutex<()>>,
}

impl Locks {
    /// Locks that nobody holds.
    pub fn new() -> Self {
        Self {
            stripes: (0..STRIPES).map(|_| Mutex::new(())).collect(),
        }
    }

    /// Takes the locks of all `keys`.
    pub fn take(&self, keys: &[(TableId, PartitionKey)]) -> Result<Vec<MutexGuard<'_, ()>>> {
        let mut wanted: Vec<usize> = keys
            .iter()
            .map(|key| {
                let mut hasher = DefaultHasher::new();
                key.hash(&mut hasher);
                (hasher.finish() % STRIPES as u64) as usize
            })
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted
            .into_iter()
            .filter_map(|stripe| self.stripes.get(stripe))
            .map(|stripe| match stripe.try_lock() {
                Ok(guard) => Ok(guard),
                Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {
                    blocking::may_block("the lock of a partition")?;
                    Ok(stripe.lock().unwrap_or_else(PoisonError::into_inner))
                }
            })
            .collect()
    }
}
