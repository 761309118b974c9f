//! Bulk imports: how they start, and how their files become part of a table.

use crate::error::{Error, Result};
use crate::schema::TableId;
use crate::storage::engine::core::Inner;
use crate::storage::ingest::{Ingest, IngestOptions, IngestTarget};
use crate::storage::manifest::Edit;
use crate::storage::meta::FileMeta;
use crate::storage::table::{FileHandle, writer_options};
use std::sync::Arc;

/// About how large an imported SSTable may become, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// The most threads that one import uses.
const THREADS_MAX: usize = 4;

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
        let (numbers, publisher) = (Arc::clone(inner), Arc::clone(inner));
        let target = IngestTarget {
            disk: Arc::clone(&inner.disk),
            table,
            writer: writer_options(&state.schema, 0, inner.config.block_bytes),
            file_bytes_max: FILE_BYTES_MAX,
            threads: if inner.config.background {
                threads()
            } else {
                1
            },
            allocate: Arc::new(move || numbers.manifest.allocate_file_id()),
            publish: Box::new(move |files| publisher.publish_import(table, files)),
            registration: Box::new(inner.imports.register(table, options.timestamp_min)),
        };
        Ingest::new(target, options)
    }

    /// Makes an import's files part of its table, in one edit.
    ///
    /// An import has one commit sequence number, as a write has: it takes the place of an empty
    /// record in the log.
    fn publish_import(&self, id: TableId, mut files: Vec<FileMeta>) -> Result<u64> {
        let sequence;
        let give_up = |files: Vec<FileMeta>| {
            for file in files {
                self.files.garbage.put(id, file.id);
            }
            self.collect_garbage();
        };
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
            for file in &mut files {
                (file.sequence_min, file.sequence_max) = (sequence, sequence);
            }
            let add = |file: &FileMeta| Edit::AddFile {
                table: id,
                file: file.clone(),
            };
            let mut edits: Vec<Edit> = files.iter().map(add).collect();
            edits.push(Edit::TimestampFloor(self.timestamps.last()));
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
}
