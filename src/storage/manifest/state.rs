//! What all edits together say, and the edits that say it again from nothing.

use crate::schema::{Catalog, SchemaChange, TableId};
use crate::storage::manifest::Edit;
use crate::storage::meta::FileMeta;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// When and where a table was last emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncation {
    /// Records up to here are gone.
    pub sequence: u64,
    /// When, in microseconds since 1970.
    pub timestamp: i64,
}

/// What all edits together say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The catalog.
    pub catalog: Arc<Catalog>,
    /// Each table's files, by number. Tables without files may be absent.
    pub files: BTreeMap<TableId, BTreeMap<u64, FileMeta>>,
    /// The position through which each table is complete in its files.
    pub flushed_through: BTreeMap<TableId, u64>,
    /// Where tables were last emptied.
    pub truncated: BTreeMap<TableId, Truncation>,
    /// Sequence numbers start above this one.
    pub sequence_floor: u64,
    /// Server timestamps start above this one.
    pub timestamp_floor: i64,
    /// Where segments of the commit log end.
    pub sealed: BTreeMap<u64, u64>,
    /// Records up to here may be gone from the commit log.
    pub log_reclaimed_through: u64,
    /// Segments of the commit log below this one may be gone.
    pub log_first_segment: u64,
    /// The number that the next file gets.
    pub next_file_id: u64,
    /// Who the database is among others.
    pub host_id: Option<Uuid>,
}

impl State {
    /// What is so after `edit`.
    pub fn apply(&mut self, edit: &Edit) {
        match edit {
            Edit::AddFile { table, file } => {
                self.next_file_id = self.next_file_id.max(file.id.saturating_add(1));
                if !self.was_dropped(*table) {
                    self.files
                        .entry(*table)
                        .or_default()
                        .insert(file.id, file.clone());
                }
            }
            Edit::RemoveFile { table, id } => {
                if let Some(files) = self.files.get_mut(table) {
                    files.remove(id);
                }
            }
            Edit::TableFlushedThrough { table, sequence } => {
                if !self.was_dropped(*table) {
                    let through = self.flushed_through.entry(*table).or_default();
                    *through = (*through).max(*sequence);
                }
                self.sequence_floor = self.sequence_floor.max(*sequence);
            }
            Edit::Schema(changes) => self.change_schema(changes),
            Edit::Truncated {
                table,
                sequence,
                timestamp,
            } => {
                self.files.remove(table);
                let truncation = Truncation {
                    sequence: *sequence,
                    timestamp: *timestamp,
                };
                self.truncated.insert(*table, truncation);
                self.sequence_floor = self.sequence_floor.max(*sequence);
            }
            Edit::SequenceFloor(floor) => self.sequence_floor = self.sequence_floor.max(*floor),
            Edit::TimestampFloor(floor) => self.timestamp_floor = self.timestamp_floor.max(*floor),
            Edit::SealedSegment { segment, length } => {
                self.sealed.insert(*segment, *length);
            }
            Edit::LogReclaimed { through, segment } => {
                self.log_reclaimed_through = self.log_reclaimed_through.max(*through);
                self.log_first_segment = self.log_first_segment.max(*segment);
                self.sequence_floor = self.sequence_floor.max(*through);
                // The last one stays, so that no number is ever used again.
                let last = self.sealed.last_key_value().map(|(last, _)| *last);
                self.sealed
                    .retain(|sealed, _| sealed >= segment || Some(*sealed) == last);
            }
            Edit::HostId(id) => self.host_id = Some(*id),
            Edit::NextFileId(id) => self.next_file_id = self.next_file_id.max(*id),
            Edit::CatalogFloor {
                version,
                next_table_id,
            } => {
                let catalog = Arc::make_mut(&mut self.catalog);
                catalog.version = catalog.version.max(*version);
                catalog.next_table_id = catalog.next_table_id.max(*next_table_id);
            }
        }
    }

    fn was_dropped(&self, table: TableId) -> bool {
        table.0 < self.catalog.next_table_id && !self.catalog.tables.contains_key(&table)
    }

    fn change_schema(&mut self, changes: &[SchemaChange]) {
        let before = Arc::clone(&self.catalog);
        self.catalog = Arc::new(before.with(changes));
        for table in before.tables.keys() {
            if !self.catalog.tables.contains_key(table) {
                self.files.remove(table);
                self.flushed_through.remove(table);
                self.truncated.remove(table);
            }
        }
    }

    /// Edits that make this state from an empty one.
    pub fn snapshot(&self) -> Vec<Edit> {
        let mut edits = Vec::new();
        let mut changes = Vec::new();
        for keyspace in self.catalog.keyspaces.values() {
            changes.push(SchemaChange::PutKeyspace {
                name: keyspace.name.clone(),
                replication: keyspace.replication.clone(),
                durable_writes: keyspace.durable_writes,
            });
            let types = keyspace.types.values();
            changes.extend(types.map(|udt| SchemaChange::PutType(udt.as_ref().clone())));
            let tables = keyspace.tables.values();
            changes.extend(
                tables.map(|table| SchemaChange::PutTable(Box::new(table.as_ref().clone()))),
            );
            for table in keyspace.tables.values() {
                changes.extend(table.indexes.iter().filter_map(|index| {
                    let entries = self.catalog.tables.get(&index.entries)?;
                    Some(SchemaChange::PutIndex {
                        keyspace: keyspace.name.clone(),
                        table: table.name.clone(),
                        index: index.as_ref().clone(),
                        entries: Box::new(entries.as_ref().clone()),
                    })
                }));
            }
        }
        if !changes.is_empty() {
            edits.push(Edit::Schema(changes));
        }
        edits.push(Edit::CatalogFloor {
            version: self.catalog.version,
            next_table_id: self.catalog.next_table_id,
        });
        for (table, truncation) in &self.truncated {
            edits.push(Edit::Truncated {
                table: *table,
                sequence: truncation.sequence,
                timestamp: truncation.timestamp,
            });
        }
        for (table, files) in &self.files {
            edits.extend(files.values().map(|file| Edit::AddFile {
                table: *table,
                file: file.clone(),
            }));
        }
        for (table, sequence) in &self.flushed_through {
            edits.push(Edit::TableFlushedThrough {
                table: *table,
                sequence: *sequence,
            });
        }
        for (segment, length) in &self.sealed {
            edits.push(Edit::SealedSegment {
                segment: *segment,
                length: *length,
            });
        }
        edits.push(Edit::LogReclaimed {
            through: self.log_reclaimed_through,
            segment: self.log_first_segment,
        });
        edits.push(Edit::SequenceFloor(self.sequence_floor));
        edits.push(Edit::TimestampFloor(self.timestamp_floor));
        edits.push(Edit::NextFileId(self.next_file_id));
        edits.extend(self.host_id.map(Edit::HostId));
        edits
    }
}
