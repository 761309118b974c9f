//! Changes of the schema, and TRUNCATE.

use crate::error::{ErrorKind, Result};
use crate::schema::{Catalog, SchemaChange, TableId};
use crate::storage::blocking;
use crate::storage::engine::core::Inner;
use crate::storage::manifest::Edit;
use crate::storage::table::{State, TableState};
use std::sync::{Arc, PoisonError};

impl Inner {
    pub(super) fn change_schema(
        &self,
        decide: impl FnOnce(&Catalog) -> Result<Vec<SchemaChange>>,
    ) -> Result<Arc<Catalog>> {
        self.check_writable()?;
        blocking::may_block("a change of the schema")?;
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.state();
        let changes = decide(&before.catalog)?;
        if changes.is_empty() {
            return Ok(Arc::clone(&before.catalog));
        }
        let catalog = Arc::new(before.catalog.with(&changes));
        {
            let _committing = self.commit();
            self.edit(&[Edit::Schema(changes)])?;
            let _gate = self.shut_gate();
            self.publish(|state| self.adopt(state, &catalog));
        }
        for (id, table) in &before.tables {
            if !catalog.tables.contains_key(id) {
                self.retire(table);
            }
        }
        drop(before);
        self.collect_garbage();
        self.flush_bell.ring();
        Ok(catalog)
    }

    /// Makes the tables those of `catalog`.
    fn adopt(&self, state: &mut State, catalog: &Arc<Catalog>) {
        let shards = self.config.memtable_shards;
        state.catalog = Arc::clone(catalog);
        state.tables.retain(|id, _| catalog.tables.contains_key(id));
        for (id, schema) in &catalog.tables {
            let fresh = TableState::new(schema, shards, false);
            let volatile = Self::is_volatile(state, &fresh);
            match state.tables.get_mut(id) {
                None => {
                    let table = TableState::new(schema, shards, volatile);
                    state.tables.insert(*id, Arc::new(table));
                }
                Some(table) => {
                    if table.schema != *schema {
                        *table = Arc::new(table.with_schema(schema));
                    }
                    if table.active.is_volatile() != volatile {
                        // A memtable's positions are all of one kind.
                        Arc::make_mut(table).freeze(shards, volatile);
                    }
                }
            }
        }
    }

    /// Lets go of a table's contents, which no manifest names any more.
    fn retire(&self, table: &TableState) {
        for memtable in table.memtables() {
            self.budget.release(memtable.retire());
        }
        for file in table.files.iter() {
            file.retire();
        }
    }

    pub(super) fn truncate(&self, id: TableId) -> Result<()> {
        self.check_writable()?;
        blocking::may_block("the truncation of a table")?;
        let now = self.clock.now_micros();
        let before = {
            let _committing = self.commit();
            let _gate = self.shut_gate();
            let before = self.table(id)?;
            let position = self.log.appended();
            // A crash shall not take back what came before and leave this. But TRUNCATE makes room
            // on a full disk, where the log can't be written: then nothing that was acknowledged
            // is at stake (but in periodic mode, which promises less). The positions that a crash
            // takes back are not given out again: a truncation's position is a floor of them.
            match self.log.sync_through(position) {
                Err(error) if error.kind != ErrorKind::DiskFull => return Err(error),
                _ => {}
            }
            self.edit(&[Edit::Truncated {
                table: id,
                sequence: position,
                timestamp: now,
            }])?;
            let volatile = before.active.is_volatile();
            let shards = self.config.memtable_shards;
            let mut empty = TableState::new(&before.schema, shards, volatile);
            empty.counters = Arc::clone(&before.counters);
            self.publish(|state| {
                state.tables.insert(id, Arc::new(empty));
            });
            before
        };
        self.retire(&before);
        drop(before);
        self.collect_garbage();
        Ok(())
    }
}
