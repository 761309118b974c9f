//! The way of a write: validate, append, insert, acknowledge.

use crate::error::{Error, Result};
use crate::limits;
use crate::storage::engine::{Inner, unknown_table};
use crate::storage::memtable::Memtable;
use crate::storage::mutation::{Mutation, PartitionUpdate};
use crate::storage::reconcile;
use crate::storage::record::Record;
use crate::storage::row::Row;
use crate::storage::table::State;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many mutations may be between append and insertion at once.
const FLIGHT: usize = 1 << 12;

/// Up to which position every mutation is in the memtables. Writers insert side by side and end in
/// any order; readers may only go by what is complete.
pub struct Applied {
    next: AtomicU64,
    contiguous: AtomicU64,
    /// For each position in flight, by its remainder: the last one that ended there.
    ended: Vec<AtomicU64>,
}

impl Applied {
    /// Everything up to `position` is applied.
    pub fn new(position: u64) -> Self {
        Self {
            next: AtomicU64::new(position),
            contiguous: AtomicU64::new(position),
            ended: (0..FLIGHT).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// The next position.
    fn begin(&self) -> u64 {
        self.next.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn slot(&self, position: u64) -> Option<&AtomicU64> {
        self.ended.get((position % FLIGHT as u64) as usize)
    }

    /// The mutation at `position` is inserted; returns when all before it are too.
    fn end(&self, position: u64) {
        while position - self.contiguous() > FLIGHT as u64 {
            std::thread::yield_now();
        }
        if let Some(slot) = self.slot(position) {
            slot.store(position, Ordering::SeqCst);
        }
        loop {
            let done = self.contiguous.load(Ordering::SeqCst);
            let next = done + 1;
            let ended = self
                .slot(next)
                .is_some_and(|slot| slot.load(Ordering::SeqCst) == next);
            if ended {
                let _ = self.contiguous.compare_exchange(
                    done,
                    next,
                    Ordering::SeqCst,
                    Ordering::SeqCst,
                );
            } else if done >= position {
                return;
            } else {
                std::thread::yield_now();
            }
        }
    }

    /// Everything up to here is in the memtables.
    pub fn contiguous(&self) -> u64 {
        self.contiguous.load(Ordering::SeqCst)
    }
}

fn is_rising(rows: &[Row]) -> bool {
    rows.windows(2)
        .all(|pair| matches!(pair, [a, b] if a.clustering < b.clustering))
}

/// One entry a table and partition, one entry a row, everything sorted.
fn normalize(mutation: &mut Mutation, state: &State) {
    if let [update] = mutation.updates.as_slice()
        && is_rising(&update.rows)
    {
        return;
    }
    let mut updates = std::mem::take(&mut mutation.updates);
    updates.sort_by(|a, b| (a.table, &a.key).cmp(&(b.table, &b.key)));
    for mut update in updates {
        let counter = state
            .tables
            .get(&update.table)
            .is_some_and(|table| table.counter);
        if !is_rising(&update.rows) {
            update.rows = merge_equal(counter, std::mem::take(&mut update.rows));
        }
        match mutation.updates.last_mut() {
            Some(last) if last.table == update.table && last.key == update.key => {
                join(counter, last, update);
            }
            _ => mutation.updates.push(update),
        }
    }
}

fn merge_equal(counter: bool, mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by(|a, b| a.clustering.cmp(&b.clustering));
    let mut merged: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        match merged.pop() {
            Some(last) if last.clustering == row.clustering => {
                merged.push(reconcile::merge_rows(counter, last, row));
            }
            Some(last) => merged.extend([last, row]),
            None => merged.push(row),
        }
    }
    merged
}

fn join(counter: bool, into: &mut PartitionUpdate, other: PartitionUpdate) {
    into.schema_version = into.schema_version.max(other.schema_version);
    into.deletion = into.deletion.max(other.deletion);
    into.ranges.extend(other.ranges);
    into.static_row = match (into.static_row.take(), other.static_row) {
        (Some(a), Some(b)) => Some(reconcile::merge_rows(counter, a, b)),
        (a, b) => a.or(b),
    };
    let mut rows = std::mem::take(&mut into.rows);
    rows.extend(other.rows);
    into.rows = merge_equal(counter, rows);
}

fn validate(mutation: &Mutation, state: &State) -> Result<()> {
    for update in &mutation.updates {
        if !state.tables.contains_key(&update.table) {
            return Err(unknown_table());
        }
        let length = update.key.key.len();
        if length > limits::KEY_BYTES_MAX {
            return Err(Error::invalid(format!(
                "Key length of {length} is longer than maximum of {}",
                limits::KEY_BYTES_MAX
            )));
        }
    }
    Ok(())
}

impl Inner {
    /// Appends a mutation and inserts it into the memtables; answers its position.
    pub(super) fn append(&self, mut mutation: Mutation) -> Result<u64> {
        let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let state = self.state();
        validate(&mutation, &state)?;
        normalize(&mut mutation, &state);
        let record = Record::encode(&mutation)?;
        let position = self.applied.begin();
        for update in &record.updates {
            if let Some(table) = state.tables.get(&update.table) {
                Memtable::insert(&table.active, position, &record, update);
            }
        }
        self.applied.end(position);
        Ok(position)
    }
}
