//! Entries compared with rows, both ways, as of one moment.
//!
//! Every entry that a row should have is looked up, and for every entry that there is the row is
//! read again: nothing is held in memory but one row and its entries. What has expired does not
//! count: compaction takes it from rows and entries each in its own time.

use crate::error::Result;
use crate::schema::{Index, Table, TableId};
use crate::storage::disk::Disk;
use crate::storage::engine::core::{Inner, unknown_table};
use crate::storage::engine::index::BEFORE_ALL_SECONDS;
use crate::storage::engine::index_build::{all_rows, for_each_row};
use crate::storage::engine::index_renewal;
use crate::storage::engine::read::{RowStream, Snapshot};
use crate::storage::engine::recover::read_tables;
use crate::storage::index::{Entry, Place, change, entries_of, entry_key};
use crate::storage::manifest;
use crate::storage::read::{Partitions, Projection, ReadCommand, ReadItem, Slice};
use crate::storage::row::{PartitionKey, Row};
use crate::storage::table::State;
use crate::types::{Type, text};
use std::sync::Arc;

/// How many differences of one index are told, each way.
const TOLD_MAX: usize = 20;

/// The tables as of one moment.
struct Moment {
    state: Arc<State>,
    logged: u64,
    volatile: u64,
    now_seconds: i64,
}

impl Inner {
    /// The differences of all indexes, as of now.
    pub(super) fn check_indexes(&self) -> Result<Vec<String>> {
        let moment = {
            let _gate = self.shut_gate();
            Moment {
                state: self.state(),
                logged: self.applied.contiguous(),
                volatile: self.volatile.contiguous(),
                now_seconds: self.clock.now_seconds(),
            }
        };
        moment.differences(&[])
    }
}

/// The differences of all indexes of a data directory that nobody has open, with nothing written;
/// not of those that are built anew when it is opened next.
pub fn check_entries(
    disk: &Arc<dyn Disk>,
    found: &manifest::State,
    now_seconds: i64,
) -> Result<Vec<String>> {
    if index_renewal::all(&found.catalog).next().is_none() {
        return Ok(Vec::new());
    }
    let moment = Moment {
        state: Arc::new(read_tables(disk, found)?),
        logged: u64::MAX,
        volatile: u64::MAX,
        now_seconds,
    };
    moment.differences(&index_renewal::at_open(&found.catalog))
}

impl Moment {
    /// A line for each difference of the built indexes, but for those `left_out`.
    fn differences(&self, left_out: &[(String, String)]) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for (table, index) in index_renewal::all(&self.state.catalog) {
            let is_left_out = left_out
                .iter()
                .any(|(keyspace, name)| *keyspace == table.keyspace && *name == index.name);
            if index.built && !is_left_out {
                self.missing(table, index, &mut lines)?;
                self.stray(table, index, &mut lines)?;
            }
        }
        Ok(lines)
    }

    fn read(&self, command: ReadCommand) -> Result<RowStream> {
        let table = self.state.tables.get(&command.table);
        let table = table.ok_or_else(unknown_table)?;
        let snapshot = Snapshot {
            table: Arc::clone(table),
            logged: self.logged,
            volatile: self.volatile,
            figures: None,
        };
        RowStream::new(snapshot, command)
    }

    fn is_live(&self, entry: &Entry) -> bool {
        self.now_seconds < entry.expiry_seconds
    }

    /// What a table has at one place: the row, or the static row where there is no clustering.
    fn row_at(
        &self,
        table: TableId,
        partition: &PartitionKey,
        clustering: Option<&bytes::Bytes>,
        columns: Projection,
    ) -> Result<Option<Row>> {
        let mut rows = self.read(ReadCommand {
            table,
            partitions: Partitions::Keys(vec![partition.clone()]),
            slices: clustering.cloned().map(Slice::row).into_iter().collect(),
            reversed: false,
            columns,
            now_seconds: BEFORE_ALL_SECONDS,
        })?;
        while let Some(item) = rows.next()? {
            match item {
                ReadItem::Row(row) => return Ok(Some(row)),
                ReadItem::Partition { static_row, .. } if clustering.is_none() => {
                    return Ok(static_row);
                }
                ReadItem::Partition { .. } => {}
            }
        }
        Ok(None)
    }

    /// Tells entries that should be there and are not.
    fn missing(&self, table: &Table, index: &Index, lines: &mut Vec<String>) -> Result<()> {
        let mut told = Told::new(table, index, lines);
        let mut rows = self.read(all_rows(table))?;
        let mut entries = Vec::new();
        for_each_row(
            || rows.next(),
            |partition, row| {
                entries.clear();
                entries_of(table, index, partition, row, &mut entries)?;
                for entry in entries.iter().filter(|entry| self.is_live(entry)) {
                    let key = entry_key(&entry.value);
                    let clustering = Some(&entry.clustering);
                    let found = self.row_at(index.entries, &key, clustering, Projection::All)?;
                    match found.map(|row| Entry::of(&key, &row)) {
                        None => told.tell("is missing", entry)?,
                        Some(found) if found.expiry_seconds != entry.expiry_seconds => {
                            told.tell("expires at another time than what it stands for", entry)?;
                        }
                        Some(_) => {}
                    }
                }
                Ok(())
            },
        )
    }

    /// Tells entries that stand for nothing.
    fn stray(&self, table: &Table, index: &Index, lines: &mut Vec<String>) -> Result<()> {
        let mut told = Told::new(table, index, lines);
        let Some(entries) = self.state.catalog.tables.get(&index.entries) else {
            lines.push(format!("index {}: its entries are gone", index.name));
            return Ok(());
        };
        let mut rows = self.read(all_rows(entries))?;
        let mut expected = Vec::new();
        for_each_row(
            || rows.next(),
            |value, row| {
                let entry = Entry::of(value, row);
                if !self.is_live(&entry) {
                    return Ok(());
                }
                let place = Place::decode(row)?;
                expected.clear();
                let clustering = place.clustering.as_ref();
                let columns = change::projection(table);
                if let Some(row) = self.row_at(table.id, &place.partition, clustering, columns)? {
                    entries_of(table, index, &place.partition, &row, &mut expected)?;
                }
                let stands = expected.iter().any(|expected| {
                    expected.value == entry.value
                        && expected.clustering == entry.clustering
                        && self.is_live(expected)
                });
                if !stands {
                    told.tell("stands for nothing", &entry)?;
                }
                Ok(())
            },
        )
    }
}

/// What is told of an index: the first differences, and that there are more.
struct Told<'a> {
    name: String,
    lines: &'a mut Vec<String>,
    count: usize,
}

impl<'a> Told<'a> {
    fn new(table: &Table, index: &Index, lines: &'a mut Vec<String>) -> Self {
        Self {
            name: format!("index {}.{} of {}", table.keyspace, index.name, table.name),
            lines,
            count: 0,
        }
    }

    fn tell(&mut self, what: &str, entry: &Entry) -> Result<()> {
        self.count += 1;
        let blob = |bytes: &[u8]| text::format(&Type::Blob, bytes);
        if self.count > TOLD_MAX {
            if self.count == TOLD_MAX + 1 {
                self.lines.push(format!("{}: and more", self.name));
            }
            return Ok(());
        }
        let place = Place::decode(&Row::new(entry.clustering.clone()))?;
        let row = match &place.clustering {
            Some(clustering) => format!("row {}", blob(clustering)),
            None => "the static row".to_owned(),
        };
        self.lines.push(format!(
            "{}: the entry of {} for {row} of partition {} {what}",
            self.name,
            blob(&entry.value),
            blob(&place.partition.key)
        ));
        Ok(())
    }
}
