//! Indexes kept up: a write to a table that has any brings its entries' writes along.
//!
//! 1. The locks of the partitions are taken. They are apart from those of
//!    `Engine::read_modify_write`, whose holder may come here, and always taken behind them.
//! 2. The affected rows are read as they are appended, and as the write will leave them
//!    (`index::change`); the difference of their entries joins the mutation: one record of the log.
//! 3. The entries' timestamp is the server's, taken under the locks. It rises strictly, so the
//!    entries of a row follow each other as its changes do, whatever timestamps clients choose.
//! 4. If a new epoch has begun meanwhile (an index was created, a table was emptied), all of it is
//!    done again.

use crate::error::Result;
use crate::schema::{Table, TableId};
use crate::storage::engine::core::Inner;
use crate::storage::engine::read::Snapshot;
use crate::storage::engine::write::{Appended, normalize, validate};
use crate::storage::index::change::{self, EntryWrites, UpdateSource};
use crate::storage::live::{Filter, LiveRows};
use crate::storage::merge::Merge;
use crate::storage::mutation::{Mutation, PartitionUpdate};
use crate::storage::read::{PartitionBound, Projection};
use crate::storage::row::PartitionKey;
use crate::storage::source::{Source, SourceRequest};
use crate::storage::table::State;
use std::sync::Arc;

/// Before all expiries: a read as of then leaves out what is deleted, and nothing else.
pub(super) const BEFORE_ALL_SECONDS: i64 = i64::MIN;

impl Inner {
    /// Appends a normalized mutation, some of whose tables may have indexes.
    pub(super) fn append_indexed(&self, mutation: &Mutation) -> Result<Option<u64>> {
        loop {
            let state = self.state();
            validate(mutation, &state)?;
            let indexed = indexed(mutation, &state);
            let keys: Vec<(TableId, PartitionKey)> = indexed
                .iter()
                .map(|(_, update)| (update.table, update.key.clone()))
                .collect();
            let _locked = self.index_locks.take(&keys)?;
            let timestamp = self.timestamps.next(&*self.clock);
            let mut writes = EntryWrites::new(timestamp, self.clock.now_seconds());
            for (table, update) in indexed {
                self.add_changes(table, update, &mut writes)?;
            }
            let mut whole = mutation.clone();
            whole.updates.extend(writes.into_updates());
            normalize(&mut whole, &state);
            if let Appended::At(position) = self.append_as_of(&state, whole)? {
                return Ok(position);
            }
        }
    }

    /// Adds what an update changes of its table's entries.
    fn add_changes(
        &self,
        table: &Table,
        update: &PartitionUpdate,
        writes: &mut EntryWrites,
    ) -> Result<()> {
        change::check_values(table, update)?;
        let columns = change::projection(table);
        if !change::may_change(&columns, update) {
            return Ok(());
        }
        let snapshot = self.snapshot(table.id, true)?;
        let request = SourceRequest {
            start: PartitionBound::Before(update.key.clone()),
            end: PartitionBound::After(update.key.clone()),
            slices: change::affected(update),
            reversed: false,
            columns: columns.clone(),
            statics: update.static_row.is_some() || !update.deletion.is_none(),
        };
        let side = |more: Option<Box<dyn Source>>| -> Result<LiveRows> {
            let merge = snapshot.merge_with(&request, Some(&update.key), more)?;
            Ok(whole_rows(&snapshot, merge, columns.clone()))
        };
        let before = side(None)?;
        let after = side(Some(Box::new(UpdateSource::new(update))))?;
        writes.partition_changes(table, &update.key, before, after)
    }
}

/// The updates of tables that have indexes.
fn indexed<'a>(mutation: &'a Mutation, state: &'a State) -> Vec<(&'a Table, &'a PartitionUpdate)> {
    let with_table = |update: &'a PartitionUpdate| {
        let table = state.tables.get(&update.table)?;
        (!table.schema.indexes.is_empty()).then_some((&*table.schema, update))
    };
    mutation.updates.iter().filter_map(with_table).collect()
}

/// The rows of a merge with everything that is not deleted, expired or not.
pub(super) fn whole_rows(snapshot: &Snapshot, merge: Merge, columns: Projection) -> LiveRows {
    let filter = Filter {
        hidden: Arc::clone(&snapshot.table.hidden),
        columns: Arc::new(columns),
        now_seconds: BEFORE_ALL_SECONDS,
    };
    // A row whose wanted columns show nothing has no entries: it need not be looked at again.
    LiveRows::new(merge, filter, None)
}
