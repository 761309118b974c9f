//! Bulk imports: how they start, and how their files become part of a table, which may be created
//! with them.

use crate::error::{Error, Result};
use crate::schema::{Catalog, SchemaChange, Table, TableId};
use crate::storage::engine::core::{Inner, held};
use crate::storage::ingest::{Ingest, IngestOptions, IngestTarget, Publish};
use crate::storage::manifest::Edit;
use crate::storage::meta::FileMeta;
use crate::storage::table::{FileHandle, writer_options};
use std::sync::Arc;

/// About how large an imported SSTable may become, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// The most threads that one import uses.
const THREADS_MAX: usize = 4;

/// Declares a table once more, to be created in the catalog of that moment.
pub type Declare = Box<dyn FnOnce(&Catalog) -> Result<Table> + Send>;

/// How many threads an import may use.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(THREADS_MAX))
}

/// An import writes files, which know nothing of entries.
fn indexed() -> Error {
    Error::invalid("a table with secondary indexes takes no files of rows")
        .with_hint("write the rows, or create the indexes afterwards")
}

impl Inner {
    /// Starts a bulk import.
    pub(super) fn ingest(
        inner: &Arc<Self>,
        table: TableId,
        options: &IngestOptions,
    ) -> Result<Ingest> {
        inner.check_writable()?;
        let state = inner.table(table)?;
        if !state.schema.indexes.is_empty() {
            return Err(indexed());
        }
        let publisher = Arc::clone(inner);
        let publish = Box::new(move |files| publisher.publish_import(table, files));
        Self::ingest_into(inner, &state.schema, options, publish)
    }

    /// Starts a bulk import into a table that is created when it ends, by the same edit: there is
    /// never a table without its rows. The table's number must be a reserved one.
    pub(super) fn ingest_created(
        inner: &Arc<Self>,
        table: &Table,
        declare: Declare,
        options: &IngestOptions,
    ) -> Result<Ingest> {
        inner.check_writable()?;
        let publisher = Arc::clone(inner);
        let id = table.id;
        let publish = Box::new(move |files| publisher.publish_created(id, declare, files));
        Self::ingest_into(inner, table, options, publish)
    }

    /// A number that no other table gets, for one that is yet to be created. It is forgotten with
    /// the process.
    pub(super) fn reserve_table(&self) -> TableId {
        let _changing = held(&self.changing);
        let mut catalog = Catalog::clone(&self.state().catalog);
        let id = TableId(catalog.next_table_id);
        catalog.next_table_id += 1;
        self.publish(|state| state.catalog = Arc::new(catalog));
        id
    }

    fn ingest_into(
        inner: &Arc<Self>,
        table: &Table,
        options: &IngestOptions,
        publish: Publish,
    ) -> Result<Ingest> {
        let numbers = Arc::clone(inner);
        let target = IngestTarget {
            disk: Arc::clone(&inner.disk),
            table: table.id,
            writer: writer_options(table, 0, inner.config.block_bytes),
            file_bytes_max: FILE_BYTES_MAX,
            threads: if inner.config.background {
                threads()
            } else {
                1
            },
            allocate: Arc::new(move || numbers.manifest.allocate_file_id()),
            publish,
            registration: Box::new(inner.imports.register(table.id, options.timestamp_min)),
        };
        Ingest::new(target, options)
    }

    /// Makes an import's files part of its table, in one edit.
    ///
    /// An import has one commit sequence number, as a write has: it takes the place of an empty
    /// record in the log.
    fn publish_import(&self, id: TableId, mut files: Vec<FileMeta>) -> Result<u64> {
        if files.is_empty() {
            return Ok(0);
        }
        let sequence;
        let give_up = |files| self.give_up(id, files);
        {
            let _committing = self.commit();
            if let Err(error) = self.check_writable() {
                give_up(files);
                return Err(error);
            }
            let Ok(table) = self.table(id) else {
                give_up(files);
                return Err(Error::invalid(
                    "the table was dropped while rows were imported",
                ));
            };
            if !table.schema.indexes.is_empty() {
                give_up(files);
                return Err(indexed());
            }
            sequence = match self.append_empty() {
                Ok(sequence) => sequence,
                Err(error) => {
                    give_up(files);
                    return Err(error);
                }
            };
            let edits = self.additions(id, sequence, &mut files);
            if let Err(error) = self.edit(&edits) {
                give_up(files);
                return Err(error);
            }
            let added: Vec<_> = files
                .into_iter()
                .map(|file| FileHandle::new(id, file, &self.files))
                .collect();
            self.publish_table(id, |now| now.replace_files(&[], &added));
        }
        self.compaction_bell.ring();
        Ok(sequence)
    }

    /// Creates a table with the files of an import, in one edit.
    fn publish_created(
        &self,
        id: TableId,
        declare: Declare,
        mut files: Vec<FileMeta>,
    ) -> Result<u64> {
        let created = self.create_with(id, declare, &mut files);
        match created {
            Ok(sequence) => {
                self.compaction_bell.ring();
                Ok(sequence)
            }
            Err(error) => {
                self.give_up(id, files);
                Err(error)
            }
        }
    }

    fn create_with(&self, id: TableId, declare: Declare, files: &mut [FileMeta]) -> Result<u64> {
        let _changing = held(&self.changing);
        let before = self.state();
        let table = declare(&before.catalog)?;
        let changes = vec![SchemaChange::PutTable(Box::new(table))];
        let catalog = Arc::new(before.catalog.with(&changes));
        let _committing = self.commit();
        self.check_writable()?;
        let sequence = self.append_empty()?;
        let mut edits = vec![Edit::Schema(changes)];
        edits.extend(self.additions(id, sequence, files));
        self.edit(&edits)?;
        let added: Vec<_> = files
            .iter()
            .map(|file| FileHandle::new(id, file.clone(), &self.files))
            .collect();
        let mut gate = self.shut_gate();
        self.begin_epoch(&mut gate, |state| {
            self.adopt(state, &catalog);
            if let Some(table) = state.tables.get_mut(&id) {
                Arc::make_mut(table).replace_files(&[], &added);
            }
        });
        Ok(sequence)
    }

    /// The edits that add an import's files, under its commit sequence number.
    fn additions(&self, id: TableId, sequence: u64, files: &mut [FileMeta]) -> Vec<Edit> {
        let add = |file: &mut FileMeta| {
            (file.sequence_min, file.sequence_max) = (sequence, sequence);
            Edit::AddFile {
                table: id,
                file: file.clone(),
            }
        };
        let mut edits: Vec<Edit> = files.iter_mut().map(add).collect();
        edits.push(Edit::TimestampFloor(self.timestamps.last()));
        edits
    }

    /// Removes the files of an import that ends without them.
    fn give_up(&self, id: TableId, files: Vec<FileMeta>) {
        for file in files {
            self.files.garbage.put(id, file.id);
        }
        self.collect_garbage();
    }
}
