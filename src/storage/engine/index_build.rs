//! Building an index over rows that are there already, while writes go on.
//!
//! Writers keep an index up from the moment it is in the catalog. The build adds what they don't:
//! the entries of rows that nobody has touched since. It takes no locks of partitions; timestamps
//! settle what comes first:
//!
//! ```text
//! created ── epoch begins: timestamp T ── rows are read ── entries, all written at T ── built
//! writers: ...◄── before T: landed ──►│◄── after T: their entries' writes are newer ──► ...
//! ```
//!
//! 1. An epoch begins at T. Writers who prepared a write before it prepare it again, so whatever
//!    lands later has entries with timestamps above T, and whatever landed before is there to read.
//! 2. The rows are read as they then are, and sorted into files outside of memory, as an import
//!    does. An entry that a writer takes away meanwhile goes by a deletion newer than T, which is
//!    not purged as long as the import is open.
//! 3. What was read is made durable, then the files become part of the table of entries; then the
//!    manifest says that the index is built.

use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Index, SchemaChange, Table};
use crate::storage::blocking;
use crate::storage::engine::core::{Inner, held};
use crate::storage::engine::index::BEFORE_ALL_SECONDS;
use crate::storage::engine::index_renewal;
use crate::storage::index::{change, entries_of, entry_key};
use crate::storage::ingest::{Ingest, IngestOptions};
use crate::storage::read::{PartitionBound, Partitions, ReadCommand, ReadItem, Slice};
use crate::storage::row::{PartitionKey, Row};
use std::sync::Arc;

/// The memory for sorting entries, in bytes.
const MEMORY_BYTES_MAX: usize = 32 << 20;

/// Every row of a table, with everything that is not deleted.
pub(super) fn all_rows(table: &Table) -> ReadCommand {
    ReadCommand {
        table: table.id,
        partitions: Partitions::Range {
            start: PartitionBound::Open,
            end: PartitionBound::Open,
        },
        slices: vec![Slice::all()],
        reversed: false,
        columns: change::projection(table),
        now_seconds: BEFORE_ALL_SECONDS,
    }
}

/// Hands out the rows of a read, the static ones included, each with its partition.
pub(super) fn for_each_row(
    mut next: impl FnMut() -> Result<Option<ReadItem>>,
    mut each: impl FnMut(&PartitionKey, &Row) -> Result<()>,
) -> Result<()> {
    let mut partition = None;
    while let Some(item) = next()? {
        match item {
            ReadItem::Partition { key, static_row } => {
                if let Some(row) = &static_row {
                    each(&key, row)?;
                }
                partition = Some(key);
            }
            ReadItem::Row(row) => {
                if let Some(key) = &partition {
                    each(key, &row)?;
                }
            }
        }
    }
    Ok(())
}

impl Inner {
    pub(super) fn build_index(inner: &Arc<Self>, keyspace: &str, name: &str) -> Result<()> {
        blocking::may_block("the build of an index")?;
        let _building = held(&inner.building);
        let catalog = Arc::clone(&inner.state().catalog);
        let found = catalog
            .keyspaces
            .get(keyspace)
            .and_then(|it| it.index(name));
        let (table, index) = found
            .ok_or_else(|| Error::invalid(format!("Index '{keyspace}.{name}' doesn't exist")))?;
        if index.built {
            return Ok(());
        }
        // Counted in before the epoch begins: no deletion above its timestamp may be purged.
        let options = IngestOptions {
            memory_bytes_max: MEMORY_BYTES_MAX,
            timestamp_min: inner.timestamps.last(),
        };
        let mut ingest = Self::ingest(inner, index.entries, &options)?;
        inner.read_entries(table, index, &mut ingest)?;
        // What was read and could still be lost must not leave entries behind.
        inner.log.sync_through(inner.log.appended())?;
        if inner
            .table(table.id)?
            .memtables()
            .any(|it| it.is_volatile())
        {
            inner.flush(&[table.id])?;
        }
        ingest.finish()?;
        inner.mark_built(keyspace, index)
    }

    /// Adds the entries of all rows there are.
    fn read_entries(&self, table: &Table, index: &Index, ingest: &mut Ingest) -> Result<()> {
        let (timestamp, position) = self.begin_build();
        // So that a plain read sees all that landed before.
        self.log.sync_through(position)?;
        let mut rows = self.read(all_rows(table), false)?;
        let mut entries = Vec::new();
        for_each_row(
            || {
                self.check_open()?;
                rows.next()
            },
            |partition, row| {
                entries.clear();
                entries_of(table, index, partition, row, &mut entries)?;
                for entry in &entries {
                    ingest.add(&entry_key(&entry.value), &entry.row(timestamp))?;
                }
                Ok(())
            },
        )
    }

    /// Begins an epoch; answers its timestamp, and the position of the log through which writes of
    /// the one before are in the memtables.
    fn begin_build(&self) -> (i64, u64) {
        let _committing = self.commit();
        let mut gate = self.shut_gate();
        let timestamp = self.timestamps.next(&*self.clock);
        self.begin_epoch(&mut gate, |_| {});
        (timestamp, self.log.appended())
    }

    /// Says that an index is built, unless it is gone.
    fn mark_built(&self, keyspace: &str, index: &Index) -> Result<()> {
        self.change_schema(|catalog| {
            let found = catalog.keyspaces.get(keyspace);
            let found = found.and_then(|keyspace| keyspace.index(&index.name));
            let same = found.filter(|(_, present)| present.entries == index.entries);
            let entries = catalog.tables.get(&index.entries);
            let (Some((table, present)), Some(entries)) = (same, entries) else {
                return Err(Error::invalid(format!(
                    "Index '{keyspace}.{}' was dropped while it was built",
                    index.name
                )));
            };
            let built = Index {
                built: true,
                ..present.as_ref().clone()
            };
            Ok(vec![SchemaChange::PutIndex {
                keyspace: keyspace.to_owned(),
                table: table.name.clone(),
                index: built,
                entries: Box::new(entries.as_ref().clone()),
            }])
        })?;
        Ok(())
    }

    /// Builds what a crash has left unbuilt, or may have left wrong. What cannot be built (the disk
    /// is full, a file of the table is damaged) must not keep the database from being opened: such
    /// an index waits for the next start.
    pub(super) fn resume_builds(inner: &Arc<Self>) -> Result<()> {
        let catalog = Arc::clone(&inner.state().catalog);
        let names = index_renewal::at_open(&catalog);
        if names.is_empty() {
            return Ok(());
        }
        match inner.change_schema(|catalog| Ok(index_renewal::changes(catalog, &names))) {
            // Nobody reads an index that is not built. One that is may be wrong now.
            Err(error)
                if error.kind == ErrorKind::DiskFull
                    && !index_renewal::is_any_built(&catalog, &names) =>
            {
                tracing::error!("indexes cannot be built: {error}");
                return Ok(());
            }
            changed => drop(changed?),
        }
        for (keyspace, name) in names {
            if let Err(error) = Self::build_index(inner, &keyspace, &name) {
                tracing::error!("index {keyspace}.{name} cannot be built: {error}");
            }
        }
        Ok(())
    }
}
