//! The way of a write: validate, append to the log, insert into the memtables.
//!
//! The log's append gives the position; the insertion may then happen beside others. The caller
//! acknowledges once the log says that the position is durable.

use crate::error::{Error, Result};
use crate::limits;
use crate::storage::blocking;
use crate::storage::engine::core::{Inner, unknown_table};
use crate::storage::figures::TableCounters;
use crate::storage::mutation::{Mutation, PartitionUpdate};
use crate::storage::reconcile;
use crate::storage::record::{self, UpdateSpan};
use crate::storage::row::Row;
use crate::storage::table::State;
use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::sync::{PoisonError, RwLockReadGuard, TryLockError};

/// In the log a record has the newest server timestamp before it, in bytes.
const CLOCK_BYTES: usize = 8;

/// A record's buffer that is larger is not kept, in bytes.
const SCRATCH_BYTES_MAX: usize = 1 << 20;

thread_local! {
    /// Where this thread's records are encoded.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

fn is_rising(rows: &[Row]) -> bool {
    rows.windows(2)
        .all(|pair| matches!(pair, [a, b] if a.clustering < b.clustering))
}

/// One entry a table and partition, one entry a row, everything sorted.
pub(super) fn normalize(mutation: &mut Mutation, state: &State) {
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

/// Fails where a mutation cannot be written; answers whether any of its tables has an index.
pub(super) fn validate(mutation: &Mutation, state: &State) -> Result<bool> {
    let mut indexed = false;
    for update in &mutation.updates {
        let table = state.tables.get(&update.table).ok_or_else(unknown_table)?;
        indexed |= !table.schema.indexes.is_empty();
        let length = update.key.key.len();
        if length > limits::KEY_BYTES_MAX {
            return Err(Error::invalid(format!(
                "Key length of {length} is longer than maximum of {}",
                limits::KEY_BYTES_MAX
            )));
        }
    }
    Ok(indexed)
}

/// Fails where a record is longer than the log takes.
fn check_size(record: &[u8]) -> Result<()> {
    let length = record.len() + CLOCK_BYTES;
    if length > limits::MUTATION_BYTES_MAX {
        return Err(Error::invalid(format!(
            "Mutation of {length} bytes is too large for the maximum size of {}",
            limits::MUTATION_BYTES_MAX
        )));
    }
    Ok(())
}

/// Takes the updates of tables whose writes skip the log out of a mutation.
fn take_volatile(mutation: &mut Mutation, state: &State) -> Mutation {
    let skips = |update: &PartitionUpdate| {
        let table = state.tables.get(&update.table);
        table.is_some_and(|table| table.active.is_volatile())
    };
    if !mutation.updates.iter().any(skips) {
        return Mutation::default();
    }
    let (volatile, logged) = std::mem::take(&mut mutation.updates)
        .into_iter()
        .partition(skips);
    mutation.updates = logged;
    Mutation { updates: volatile }
}

/// What became of a mutation.
pub(super) enum Appended {
    /// It was appended at this position of the log, if it went there.
    At(Option<u64>),
    /// What it was prepared by has changed meanwhile: it was not appended.
    Outdated(Mutation),
}

impl Inner {
    /// Appends a mutation and inserts it into the memtables; answers its position in the log, if
    /// it went there.
    pub(super) fn append(&self, mut mutation: Mutation) -> Result<Option<u64>> {
        self.check_writable()?;
        self.wait_for_room()?;
        let state = self.state();
        let indexed = validate(&mutation, &state)?;
        normalize(&mut mutation, &state);
        if !indexed {
            match self.append_as_of(&state, mutation)? {
                Appended::At(position) => return Ok(position),
                Appended::Outdated(again) => mutation = again,
            }
        }
        self.append_indexed(&mutation)
    }

    /// Appends a normalized mutation, unless a new epoch has begun since `state`.
    pub(super) fn append_as_of(&self, state: &State, mut mutation: Mutation) -> Result<Appended> {
        let volatile = take_volatile(&mut mutation, state);
        let mut record = SCRATCH.take();
        let timed = self.timed_write(state, [&mutation, &volatile]);
        let result = self.append_encoded(state.epoch, &mutation, &volatile, &mut record);
        if let Some((counters, start)) = timed {
            counters.writes.time(self.clock.monotonic_micros() - start);
        }
        if record.capacity() <= SCRATCH_BYTES_MAX {
            SCRATCH.set(record);
        }
        Ok(match result? {
            Some(position) => Appended::At(position),
            None => {
                mutation.updates.extend(volatile.updates);
                Appended::Outdated(mutation)
            }
        })
    }

    /// The counters of a write that is to be timed, and the time.
    fn timed_write<'a>(
        &self,
        state: &'a State,
        mutations: [&Mutation; 2],
    ) -> Option<(&'a TableCounters, i64)> {
        let first = mutations.into_iter().flat_map(|it| &it.updates).next()?;
        let counters = &*state.tables.get(&first.table)?.counters;
        let due = counters.writes.is_due();
        due.then(|| (counters, self.clock.monotonic_micros()))
    }

    /// The position in the log, if it went there; nothing where another epoch has begun.
    fn append_encoded(
        &self,
        epoch: u64,
        logged: &Mutation,
        volatile: &Mutation,
        record: &mut Vec<u8>,
    ) -> Result<Option<Option<u64>>> {
        // Once for both halves: a thread that must not wait finds out before either is written.
        let gate = self.enter_gate()?;
        if *gate != epoch {
            return Ok(None);
        }
        let mut position = None;
        if !logged.updates.is_empty() {
            let updates = record::encode(logged, record)?;
            position = Some(self.append_logged(record, &updates)?);
        }
        if !volatile.updates.is_empty() {
            let updates = record::encode(volatile, record)?;
            self.append_volatile(record, &updates)?;
        }
        Ok(Some(position))
    }

    /// Goes in between freezes.
    fn enter_gate(&self) -> Result<RwLockReadGuard<'_, u64>> {
        let gate = match self.gate.try_read() {
            Ok(gate) => gate,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                blocking::may_block("the memtables")?;
                self.gate.read().unwrap_or_else(PoisonError::into_inner)
            }
        };
        self.check_open()?;
        self.check_undrained()?;
        Ok(gate)
    }

    fn append_logged(&self, record: &[u8], updates: &[UpdateSpan]) -> Result<u64> {
        check_size(record)?;
        let clock = self.timestamps.last().to_le_bytes();
        let position = self.log.append(&[&clock, record])?;
        self.insert(position, record, updates);
        self.applied.end(position);
        Ok(position)
    }

    /// Appends a record of nothing, for its position alone; returns once that is durable.
    pub(super) fn append_empty(&self) -> Result<u64> {
        let gate = self.enter_gate()?;
        let mut record = Vec::new();
        let updates = record::encode(&Mutation::default(), &mut record)?;
        let position = self.append_logged(&record, &updates)?;
        drop(gate);
        self.log.wait_durable(position)?;
        Ok(position)
    }

    fn append_volatile(&self, record: &[u8], updates: &[UpdateSpan]) -> Result<()> {
        check_size(record)?;
        let position = self.volatile_next.fetch_add(1, Ordering::SeqCst) + 1;
        self.insert(position, record, updates);
        self.volatile.end(position);
        Ok(())
    }

    /// Inserts a record into the memtables of its tables; of those that are gone by now, nobody
    /// will ask.
    fn insert(&self, position: u64, record: &[u8], updates: &[UpdateSpan]) {
        let state = self.state();
        for update in updates {
            if let Some(table) = state.tables.get(&update.table) {
                let cost = table.active.insert(position, record, update);
                self.budget.add(cost);
                table.counters.writes.count(1);
                if table.active.bytes() >= self.config.memtable_flush_bytes {
                    self.flush_bell.ring();
                }
            }
        }
        if self.budget.is_tight() {
            self.flush_bell.ring();
        }
    }
}
