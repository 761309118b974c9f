//! Several tables as of one moment.
//!
//! A batch query reads more than one table, in more than one stream, for as long as it takes. It
//! *pins* its tables first: what is worth it is flushed, so that a long query holds files rather
//! than memtables, and then the tables' states and the positions of the log are taken together,
//! while no memtable can be set aside. Nothing that is written later shows, a batch over several
//! tables shows in all of them or in none.

use crate::error::Result;
use crate::schema::{Table, TableId};
use crate::storage::blocking;
use crate::storage::engine::core::{Inner, unknown_table};
use crate::storage::engine::read::Snapshot;
use crate::storage::engine::scan::ColumnStream;
use crate::storage::figures::add;
use crate::storage::read::{PartitionBound, ScanCommand};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

/// A memtable larger than this is flushed before it is pinned, in bytes.
const FLUSH_BYTES: usize = 1 << 20;
/// Ranges are cut by index units where each gets so many of them, and by blocks otherwise.
const UNITS_MIN: usize = 16;

/// Tables as of one moment, for as long as it lives.
#[derive(Clone)]
pub struct Pinned {
    tables: Arc<BTreeMap<TableId, Snapshot>>,
}

impl std::fmt::Debug for Pinned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.tables.keys()).finish()
    }
}

impl Inner {
    pub(super) fn pin(&self, tables: &[TableId]) -> Result<Pinned> {
        blocking::may_block("a scan")?;
        self.check_open()?;
        let mut due = Vec::new();
        for id in tables {
            if self
                .table(*id)?
                .memtables()
                .any(|it| it.bytes() > FLUSH_BYTES)
            {
                due.push(*id);
            }
        }
        if !due.is_empty() {
            // Where that fails, the memtables are read.
            let _ = self.flush(&due);
        }
        // No memtable is set aside while the gate is held: what the log has up to the position is
        // in the states.
        let gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let state = self.state();
        let logged = self.applied.contiguous().min(self.log.visible());
        let volatile = self.volatile.contiguous();
        drop(gate);
        let mut pinned = BTreeMap::new();
        for id in tables {
            let table = state.tables.get(id).ok_or_else(unknown_table)?;
            let snapshot = Snapshot {
                table: Arc::clone(table),
                logged,
                volatile,
                figures: None,
            };
            pinned.insert(*id, snapshot);
        }
        Ok(Pinned {
            tables: Arc::new(pinned),
        })
    }

    pub(super) fn scan(&self, command: ScanCommand) -> Result<ColumnStream> {
        add(&self.counters.scans, 1);
        self.pin(&[command.table])?.scan(command)
    }
}

impl Pinned {
    pub(super) fn snapshot(&self, table: TableId) -> Result<&Snapshot> {
        self.tables.get(&table).ok_or_else(unknown_table)
    }

    /// A table's definition at that moment.
    pub fn table(&self, id: TableId) -> Result<Arc<Table>> {
        Ok(Arc::clone(&self.snapshot(id)?.table.schema))
    }

    /// Starts a scan of one of the tables.
    pub fn scan(&self, command: ScanCommand) -> Result<ColumnStream> {
        blocking::may_block("a scan")?;
        let snapshot = self.snapshot(command.table)?.clone();
        ColumnStream::new(snapshot, command)
    }

    /// Cuts a table into at most so many ranges of partitions of about the same size in bytes, by
    /// what the files' indexes say. At least one; together they are the whole table.
    pub fn splits(&self, id: TableId, parts: usize) -> Vec<(PartitionBound, PartitionBound)> {
        let weights = self.snapshot(id).and_then(|it| weights(it, parts));
        // Where an index can't be read, the scan says so.
        let tokens = cuts(weights.unwrap_or_default(), parts);
        let bound = |token: Option<&i64>| match token {
            Some(token) => PartitionBound::BeforeToken(*token),
            None => PartitionBound::Open,
        };
        (0..=tokens.len())
            .map(|part| {
                let start = part.checked_sub(1).and_then(|before| tokens.get(before));
                (bound(start), bound(tokens.get(part)))
            })
            .collect()
    }
}

/// The tokens at which pieces of files start, with the pieces' bytes.
fn weights(snapshot: &Snapshot, parts: usize) -> Result<Vec<(i64, u64)>> {
    let mut weights = Vec::new();
    for file in snapshot.table.files.iter() {
        file.reader()?.weights(parts * UNITS_MIN, &mut weights)?;
    }
    weights.sort_unstable();
    Ok(weights)
}

/// The tokens between `parts` stretches of about the same weight, rising strictly.
fn cuts(weights: Vec<(i64, u64)>, parts: usize) -> Vec<i64> {
    let total: u128 = weights.iter().map(|(_, bytes)| u128::from(*bytes)).sum();
    let mut cuts = Vec::new();
    let (mut before, mut part) = (0, 1);
    for (token, bytes) in weights {
        if part < parts as u128 && before * parts as u128 >= total * part {
            part = before * parts as u128 / total.max(1) + 1;
            if cuts.last() != Some(&token) {
                cuts.push(token);
            }
        }
        before += u128::from(bytes);
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_about_even_and_in_order() {
        let weights = |list: &[(i64, u64)]| list.to_vec();
        assert!(cuts(Vec::new(), 4).is_empty());
        assert!(cuts(weights(&[(1, 10)]), 4).is_empty());
        assert!(cuts(weights(&[(1, 10), (2, 10), (3, 10)]), 1).is_empty());
        let even: Vec<(i64, u64)> = (0..100).map(|token| (token, 7)).collect();
        assert_eq!(cuts(even, 4), [25, 50, 75]);
        // A heavy one takes the place of several.
        assert_eq!(cuts(weights(&[(1, 1), (2, 90), (3, 1), (4, 8)]), 4), [3]);
        assert_eq!(cuts(weights(&[(5, 50), (5, 50), (5, 1)]), 4), [5]);
    }
}
