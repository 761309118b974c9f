//! The bulk imports under way.

use crate::schema::TableId;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The bulk imports under way. Their rows are in no file and no memtable that a purge could look
/// into, so they count as a source by their lowest timestamp.
#[derive(Debug, Default)]
pub struct OpenImports {
    open: Mutex<BTreeMap<u64, (TableId, i64)>>,
}

impl OpenImports {
    /// The lowest write timestamp that an import under way may bring into a table; `i64::MAX`
    /// where there is none.
    pub fn timestamp_min(&self, table: TableId) -> i64 {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_table = open.values().filter(|(id, _)| *id == table);
        of_table
            .map(|(_, timestamp)| *timestamp)
            .min()
            .unwrap_or(i64::MAX)
    }

    /// Counts an import in until the answer is dropped.
    pub fn register(self: &Arc<Self>, table: TableId, timestamp_min: i64) -> Registration {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let number = open.last_key_value().map_or(0, |(number, _)| number + 1);
        open.insert(number, (table, timestamp_min));
        Registration {
            imports: Arc::clone(self),
            number,
        }
    }
}

/// An import's place among those under way; dropping it ends it.
#[derive(Debug)]
pub struct Registration {
    imports: Arc<OpenImports>,
    number: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut open = self
            .imports
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        open.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_timestamp_of_open_imports_counts() {
        let imports = Arc::new(OpenImports::default());
        assert_eq!(imports.timestamp_min(TableId(1)), i64::MAX);
        let first = imports.register(TableId(1), 50);
        let second = imports.register(TableId(1), 30);
        let _other = imports.register(TableId(2), 10);
        assert_eq!(imports.timestamp_min(TableId(1)), 30);
        drop(second);
        assert_eq!(imports.timestamp_min(TableId(1)), 50);
        drop(first);
        assert_eq!(imports.timestamp_min(TableId(1)), i64::MAX);
    }
}
