//! Changes of the schema, and TRUNCATE.

use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Catalog, SchemaChange, TableId};
use crate::storage::blocking;
use crate::storage::engine::core::{Inner, held};
use crate::storage::engine::index_renewal::{self, IndexName};
use crate::storage::manifest::Edit;
use crate::storage::table::{State, TableState};
use std::sync::Arc;

impl Inner {
    /// Answers the new catalog, and the indexes that the change has left to be built anew.
    pub(super) fn change_schema(
        &self,
        decide: impl FnOnce(&Catalog) -> Result<Vec<SchemaChange>>,
    ) -> Result<(Arc<Catalog>, Vec<IndexName>)> {
        self.check_writable()?;
        blocking::may_block("a change of the schema")?;
        let _changing = held(&self.changing);
        let before = self.state();
        let mut changes = decide(&before.catalog)?;
        if changes.is_empty() {
            return Ok((Arc::clone(&before.catalog), Vec::new()));
        }
        self.check_imports(&before.catalog, &changes)?;
        let mut catalog = Arc::new(before.catalog.with(&changes));
        let renewed = index_renewal::needed(&before.catalog, &catalog);
        if !renewed.is_empty() {
            changes.extend(index_renewal::changes(&catalog, &renewed));
            catalog = Arc::new(before.catalog.with(&changes));
        }
        {
            let _committing = self.commit();
            self.edit(&[Edit::Schema(changes)])?;
            let mut gate = self.shut_gate();
            self.begin_epoch(&mut gate, |state| self.adopt(state, &catalog));
        }
        for (id, table) in &before.tables {
            if !catalog.tables.contains_key(id) {
                self.retire(table);
            }
        }
        drop(before);
        self.collect_garbage();
        self.flush_bell.ring();
        Ok((catalog, renewed))
    }

    /// Fails where an index would be created on a table into which rows are being imported: its
    /// files know nothing of entries.
    fn check_imports(&self, before: &Catalog, changes: &[SchemaChange]) -> Result<()> {
        for change in changes {
            let SchemaChange::PutIndex {
                keyspace, table, ..
            } = change
            else {
                continue;
            };
            let table = before.table(keyspace, table);
            if table.is_some_and(|table| self.imports.timestamp_min(table.id) != i64::MAX) {
                return Err(Error::invalid(
                    "rows are being imported into the table: create the index afterwards",
                ));
            }
        }
        Ok(())
    }

    /// Makes the tables those of `catalog`.
    pub(super) fn adopt(&self, state: &mut State, catalog: &Arc<Catalog>) {
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

    /// Empties a table, and the entries of its indexes with it.
    pub(super) fn truncate(&self, id: TableId) -> Result<()> {
        self.check_writable()?;
        blocking::may_block("the truncation of a table")?;
        let indexed = !self.table(id)?.schema.indexes.is_empty();
        // What a build has read must not come back.
        let _building = indexed.then(|| held(&self.building));
        let before = {
            let _committing = self.commit();
            let mut gate = self.shut_gate();
            let schema = Arc::clone(&self.table(id)?.schema);
            if !indexed && !schema.indexes.is_empty() {
                return Err(Error::invalid(
                    "an index was created while the table was to be emptied: try again",
                ));
            }
            let entries = schema.indexes.iter().map(|index| index.entries);
            let tables: Vec<Arc<TableState>> = std::iter::once(id)
                .chain(entries)
                .map(|id| self.table(id))
                .collect::<Result<_>>()?;
            self.empty(&mut gate, &tables)?;
            tables
        };
        for table in &before {
            self.retire(table);
        }
        drop(before);
        self.collect_garbage();
        Ok(())
    }

    /// Empties tables in one edit; the gate is shut.
    fn empty(&self, gate: &mut u64, tables: &[Arc<TableState>]) -> Result<()> {
        let position = self.log.appended();
        // A crash shall not take back what came before and leave this. But TRUNCATE makes room on
        // a full disk, where the log can't be written: then nothing that was acknowledged is at
        // stake (but in periodic mode, which promises less). The positions that a crash takes back
        // are not given out again: a truncation's position is a floor of them.
        match self.log.sync_through(position) {
            Err(error) if error.kind != ErrorKind::DiskFull => return Err(error),
            _ => {}
        }
        let now = self.clock.now_micros();
        let edit = |table: &Arc<TableState>| Edit::Truncated {
            table: table.schema.id,
            sequence: position,
            timestamp: now,
        };
        self.edit(&tables.iter().map(edit).collect::<Vec<_>>())?;
        let shards = self.config.memtable_shards;
        self.begin_epoch(gate, |state| {
            for before in tables {
                let volatile = before.active.is_volatile();
                let mut empty = TableState::new(&before.schema, shards, volatile);
                empty.counters = Arc::clone(&before.counters);
                state.tables.insert(before.schema.id, Arc::new(empty));
            }
        });
        Ok(())
    }
}
