//! Changes of the schema, and TRUNCATE.

use crate::error::Result;
use crate::schema::{Catalog, SchemaChange, TableId};
use crate::storage::engine::{Inner, unknown_table};
use crate::storage::table::{State, TableState};
use std::sync::{Arc, PoisonError};

impl Inner {
    pub(super) fn change_schema(
        &self,
        decide: impl FnOnce(&Catalog) -> Result<Vec<SchemaChange>>,
    ) -> Result<Arc<Catalog>> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.state();
        let changes = decide(&before.catalog)?;
        if changes.is_empty() {
            return Ok(Arc::clone(&before.catalog));
        }
        let catalog = Arc::new(before.catalog.with(&changes));
        self.publish(|state| self.adopt(state, &catalog));
        Ok(catalog)
    }

    /// Makes the tables those of `catalog`.
    fn adopt(&self, state: &mut State, catalog: &Arc<Catalog>) {
        state.catalog = Arc::clone(catalog);
        state.tables.retain(|id, _| catalog.tables.contains_key(id));
        for (id, schema) in &catalog.tables {
            match state.tables.get_mut(id) {
                None => {
                    let table = TableState::new(schema, self.config.memtable_shards);
                    state.tables.insert(*id, Arc::new(table));
                }
                Some(table) if table.schema != *schema => {
                    *table = Arc::new(table.with_schema(schema));
                }
                Some(_) => {}
            }
        }
    }

    pub(super) fn truncate(&self, id: TableId) -> Result<()> {
        let _gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        let table = self.table(id)?;
        let empty = TableState::new(&table.schema, self.config.memtable_shards);
        self.publish(|state| {
            state.tables.insert(id, Arc::new(empty));
        });
        if self.state().tables.contains_key(&id) {
            Ok(())
        } else {
            Err(unknown_table())
        }
    }
}
