//! The world of the simulation: tables, what is written to them, and what must be there.

use bytes::Bytes;
use helenus::clock::VirtualClock;
use helenus::config::{CommitlogSync, Config};
use helenus::random::Random;
use helenus::schema::{
    Catalog, Column, ColumnId, ColumnKind, Index, IndexPart, SchemaChange, Table, TableId,
    TableOptions,
};
use helenus::storage::Engine;
use helenus::storage::cell::{Cell, Deletion, Liveness};
use helenus::storage::disk::simulated::SimulatedDisk;
use helenus::storage::mutation::{Mutation, PartitionUpdate};
use helenus::storage::read::{
    PartitionBound, Partitions, Projection, ReadCommand, ReadItem, Slice,
};
use helenus::storage::row::{ColumnData, PartitionKey, RangeDeletion, Row, RowColumn, RowDeletion};
use helenus::types::Type;
use helenus::types::token::murmur3_token;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The moment at which the simulated clock stands, in seconds.
const NOW_SECONDS: i64 = 1_700_000_000;
const PARTITIONS: u64 = 4;
const ROWS: u64 = 12;

/// A settings file for engines that are small and do nothing by themselves.
fn config(mode: CommitlogSync) -> Config {
    Config {
        commitlog_sync: mode,
        commitlog_segment_bytes: 3000,
        memtable_shards: 2,
        block_bytes: 400,
        background: false,
        seed: Some(1),
        ..Config::default()
    }
}

/// Opens the database of a disk.
pub fn open(disk: &SimulatedDisk) -> helenus::Result<Engine> {
    open_as(disk, CommitlogSync::Group)
}

/// Opens the database of a disk, its log being in some mode.
pub fn open_as(disk: &SimulatedDisk, mode: CommitlogSync) -> helenus::Result<Engine> {
    let clock = VirtualClock::shared(NOW_SECONDS * 1_000_000);
    Engine::open_on(Arc::new(disk.clone()), config(mode), clock)
}

/// Where a value stands: table, partition, row.
pub type Place = (String, u32, u32);

/// What must be there: the tables with their comments, and the value of each row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Table to comment.
    pub tables: BTreeMap<String, String>,
    /// Values.
    pub rows: BTreeMap<Place, u64>,
}

/// A change of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Writes rows.
    Put(Vec<u32>),
    /// Deletes a row.
    DeleteRow(u32),
    /// Deletes the rows from one to before another.
    DeleteRange(u32, u32),
    /// Deletes the partition.
    DeletePartition,
}

/// Something that a client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// One atomic write: table, partition, change.
    Write(Vec<(String, u32, Change)>),
    /// Creates a table.
    Create(String),
    /// Drops a table.
    Drop(String),
    /// Drops one of a table's indexes, and creates and builds it again.
    Reindex(String),
    /// Sets a table's comment.
    Comment(String, String),
    /// Empties a table.
    Truncate(String),
    /// Writes memtables to files.
    Flush,
    /// Compacts a table.
    Compact(String),
    /// Does what background threads would do.
    Background,
}

fn column(id: u32, name: &str, ty: Type, kind: ColumnKind) -> Column {
    Column {
        id: ColumnId(id),
        name: name.to_owned(),
        ty,
        kind,
        position: 0,
        descending: false,
    }
}

fn table(id: u64, name: &str, comment: &str, version: u32) -> Table {
    let mut options = TableOptions {
        comment: comment.to_owned(),
        gc_grace_seconds: 0,
        ..TableOptions::default()
    };
    let small = ("min_threshold".to_owned(), "2".to_owned());
    options.compaction.extend([small]);
    Table {
        id: TableId(id),
        uuid: uuid::Uuid::from_u128(u128::from(id)),
        keyspace: "ks".to_owned(),
        name: name.to_owned(),
        partition_key: vec![column(0, "p", Type::Int, ColumnKind::PartitionKey)],
        clustering: vec![column(1, "c", Type::Int, ColumnKind::Clustering)],
        statics: Vec::new(),
        regulars: vec![
            column(2, "filler", Type::Blob, ColumnKind::Regular),
            column(3, "v", Type::BigInt, ColumnKind::Regular),
        ],
        dropped: BTreeMap::new(),
        next_column_id: 4,
        options,
        version,
        indexes: Vec::new(),
    }
}

/// The index of one of a table's columns.
fn index(table: &str, column: u32) -> Index {
    Index {
        name: format!("{table}_{column}"),
        column: ColumnId(column),
        part: IndexPart::Column,
        options: BTreeMap::new(),
        custom: None,
        entries: TableId(0),
        built: false,
    }
}

fn partition_key(partition: u32) -> PartitionKey {
    let key = Bytes::copy_from_slice(&partition.to_be_bytes());
    PartitionKey {
        token: murmur3_token(&key),
        key,
    }
}

fn bound(row: u32) -> Bytes {
    let [a, b, c, d] = row.to_be_bytes();
    Bytes::copy_from_slice(&[0x40, a, b, c, d, 0x20])
}

fn put(row: u32, value: u64, timestamp: i64) -> Row {
    let [a, b, c, d] = row.to_be_bytes();
    let mut written = Row::new(Bytes::copy_from_slice(&[0x40, a, b, c, d, 0x38]));
    let cell = |id, bytes| RowColumn {
        id: ColumnId(id),
        data: ColumnData::Simple(Cell::plain(timestamp, bytes)),
    };
    let filler = vec![value as u8; (value % 90) as usize];
    written.liveness = Liveness {
        timestamp,
        ..Liveness::NONE
    };
    written.columns = vec![
        cell(2, Bytes::from(filler)),
        cell(3, Bytes::copy_from_slice(&value.to_be_bytes())),
    ];
    written
}

/// The row and value that a row read back stands for; it must be exactly as it was written.
fn got(row: &Row) -> (u32, u64) {
    let place: [u8; 4] = row.clustering[1..5].try_into().unwrap();
    let value = |id| match row.column(ColumnId(id)) {
        Some(ColumnData::Simple(cell)) => cell.value.clone(),
        other => panic!("a cell was expected, not {other:?}"),
    };
    let number = u64::from_be_bytes(value(3)[..].try_into().unwrap());
    let filler = vec![number as u8; (number % 90) as usize];
    assert_eq!(value(2), filler, "the two cells of a row are of one write");
    (u32::from_be_bytes(place), number)
}

impl Change {
    fn update(&self, table: &Table, partition: u32, number: u64) -> PartitionUpdate {
        let timestamp = 1000 + number as i64;
        // Written long enough ago that its tombstones may be purged at once.
        let deletion = Deletion {
            timestamp,
            deleted_at_seconds: NOW_SECONDS - 100,
        };
        let mut update = PartitionUpdate {
            table: table.id,
            schema_version: table.version,
            key: partition_key(partition),
            deletion: Deletion::NONE,
            ranges: Vec::new(),
            static_row: None,
            rows: Vec::new(),
        };
        match self {
            Self::Put(rows) => {
                update.rows = rows
                    .iter()
                    .map(|row| put(*row, number, timestamp))
                    .collect();
            }
            Self::DeleteRow(row) => {
                let mut deleted = put(*row, 0, timestamp);
                deleted.columns.clear();
                deleted.liveness = Liveness::NONE;
                deleted.deletion = RowDeletion::plain(deletion);
                update.rows.push(deleted);
            }
            Self::DeleteRange(start, end) => update.ranges.push(RangeDeletion {
                start: bound(*start),
                end: bound(*end),
                deletion,
            }),
            Self::DeletePartition => update.deletion = deletion,
        }
        update
    }
}

impl Contents {
    /// What is there after operation `number`.
    pub fn apply(&mut self, number: u64, operation: &Operation) {
        match operation {
            Operation::Write(changes) => {
                for (table, partition, change) in changes {
                    self.change(number, table, *partition, change);
                }
            }
            Operation::Create(table) => {
                self.tables.insert(table.clone(), String::new());
            }
            Operation::Drop(table) => {
                self.tables.remove(table);
                self.rows.retain(|(of, ..), _| of != table);
            }
            Operation::Comment(table, comment) => {
                self.tables.insert(table.clone(), comment.clone());
            }
            Operation::Truncate(table) => self.rows.retain(|(of, ..), _| of != table),
            Operation::Flush
            | Operation::Compact(_)
            | Operation::Background
            | Operation::Reindex(_) => {}
        }
    }

    fn change(&mut self, number: u64, table: &str, partition: u32, change: &Change) {
        let within = |from: u32, to: u32| {
            move |(of, at, row): &Place| of == table && *at == partition && (from..to).contains(row)
        };
        match change {
            Change::Put(rows) => {
                for row in rows {
                    self.rows
                        .insert((table.to_owned(), partition, *row), number);
                }
            }
            Change::DeleteRow(row) => self.rows.retain(|at, _| !within(*row, row + 1)(at)),
            Change::DeleteRange(from, to) => self.rows.retain(|at, _| !within(*from, *to)(at)),
            Change::DeletePartition => self.rows.retain(|at, _| !within(0, u32::MAX)(at)),
        }
    }

    /// What an engine has; the entries of its indexes must agree with it.
    pub fn of(engine: &Engine) -> helenus::Result<Self> {
        let differences = engine.check_indexes()?;
        assert!(differences.is_empty(), "{}", differences.join("\n"));
        let mut contents = Self::default();
        let catalog = engine.catalog();
        for table in tables(&catalog) {
            let comment = table.options.comment.clone();
            contents.tables.insert(table.name.clone(), comment);
            let mut rows = engine.read(ReadCommand {
                table: table.id,
                partitions: Partitions::Range {
                    start: PartitionBound::Open,
                    end: PartitionBound::Open,
                },
                slices: vec![Slice::all()],
                reversed: false,
                columns: Projection::All,
                now_seconds: NOW_SECONDS,
            })?;
            let mut partition = 0;
            while let Some(item) = rows.next()? {
                match item {
                    ReadItem::Partition { key, .. } => {
                        partition = u32::from_be_bytes(key.key[..].try_into().unwrap());
                    }
                    ReadItem::Row(row) => {
                        let (row, value) = got(&row);
                        let place = (table.name.clone(), partition, row);
                        assert_eq!(contents.rows.insert(place, value), None, "a row came twice");
                    }
                }
            }
        }
        Ok(contents)
    }
}

/// Whether every index of every table is built.
pub fn all_built(engine: &Engine) -> bool {
    let catalog = engine.catalog();
    let mut tables = tables(&catalog);
    tables.all(|table| table.indexes.len() == 2 && table.indexes.iter().all(|it| it.built))
}

fn tables(catalog: &Catalog) -> impl Iterator<Item = &Table> {
    let keyspace = catalog.keyspaces.get("ks");
    keyspace
        .into_iter()
        .flat_map(|keyspace| keyspace.tables.values().map(|table| table.as_ref()))
}

/// Does operation `number`.
pub fn perform(engine: &Engine, number: u64, operation: &Operation) -> helenus::Result<()> {
    let catalog = engine.catalog();
    let named = |name: &str| {
        let table = catalog.table("ks", name).cloned();
        table.ok_or_else(|| helenus::Error::invalid(format!("no table {name}")))
    };
    match operation {
        Operation::Write(changes) => {
            let mut mutation = Mutation::default();
            for (table, partition, change) in changes {
                let table = named(table)?;
                mutation
                    .updates
                    .push(change.update(&table, *partition, number));
            }
            engine.apply(mutation)
        }
        Operation::Create(name) => change_schema(engine, |catalog| {
            let id = catalog.next_table_id.max(1);
            let table = table(id, name, "", 0);
            let mut changes = vec![SchemaChange::PutTable(Box::new(table.clone()))];
            for (number, column) in (1..).zip([1, 3]) {
                let mut put = index(name, column).put(&table, TableId(id + number));
                // There is nothing to build.
                if let SchemaChange::PutIndex { index, .. } = &mut put {
                    index.built = true;
                }
                changes.push(put);
            }
            changes
        }),
        Operation::Reindex(name) => {
            let base = named(name)?;
            let index = index(name, if number.is_multiple_of(2) { 1 } else { 3 });
            let full_name = index.name.clone();
            change_schema(engine, |catalog| {
                let drop = SchemaChange::DropIndex {
                    keyspace: "ks".to_owned(),
                    name: full_name.clone(),
                };
                vec![drop, index.put(&base, TableId(catalog.next_table_id))]
            })?;
            engine.build_index("ks", &full_name)
        }
        Operation::Drop(name) => {
            named(name)?;
            change_schema(engine, |_| {
                vec![SchemaChange::DropTable {
                    keyspace: "ks".to_owned(),
                    name: name.clone(),
                }]
            })
        }
        Operation::Comment(name, comment) => {
            let before = named(name)?;
            change_schema(engine, |_| {
                let version = before.version + 1;
                let after = table(before.id.0, name, comment, version);
                vec![SchemaChange::PutTable(Box::new(after))]
            })
        }
        Operation::Truncate(name) => engine.truncate(named(name)?.id),
        Operation::Flush => engine.flush(None),
        Operation::Compact(name) => engine.compact(named(name)?.id),
        Operation::Background => engine.run_until_idle(),
    }
}

fn change_schema(
    engine: &Engine,
    changed: impl FnOnce(&Catalog) -> Vec<SchemaChange>,
) -> helenus::Result<()> {
    engine
        .change_schema(|catalog| {
            let mut changes = Vec::new();
            if !catalog.keyspaces.contains_key("ks") {
                changes.push(SchemaChange::PutKeyspace {
                    name: "ks".to_owned(),
                    replication: BTreeMap::new(),
                    durable_writes: true,
                });
            }
            changes.extend(changed(catalog));
            Ok(changes)
        })
        .map(|_| ())
}

/// The next operation of a workload, `contents` being what there is.
pub fn next_operation(random: &Random, contents: &Contents) -> Operation {
    let names: Vec<&String> = contents.tables.keys().collect();
    let any = || names[random.below(names.len() as u64) as usize].clone();
    let fresh = || {
        let numbers = std::iter::repeat_with(|| random.below(1000));
        let mut unused = numbers.map(|number| format!("t{number}"));
        unused
            .find(|name| !contents.tables.contains_key(name))
            .unwrap()
    };
    if names.len() < 2 {
        return Operation::Create(fresh());
    }
    match random.below(100) {
        0..4 if names.len() < 4 => Operation::Create(fresh()),
        4..6 if names.len() > 2 => Operation::Drop(any()),
        6..8 => Operation::Comment(any(), format!("comment {}", random.below(1000))),
        8..10 => Operation::Truncate(any()),
        10..19 => Operation::Flush,
        19..22 => Operation::Compact(any()),
        22..25 => Operation::Background,
        25..28 => Operation::Reindex(any()),
        _ => {
            let changes = 1 + random.below(3);
            let mut written: Vec<(String, u32, Change)> = Vec::new();
            for _ in 0..changes {
                let (table, partition) = (any(), random.below(PARTITIONS) as u32);
                if !written
                    .iter()
                    .any(|(of, at, _)| *of == table && *at == partition)
                {
                    written.push((table, partition, next_change(random)));
                }
            }
            Operation::Write(written)
        }
    }
}

fn next_change(random: &Random) -> Change {
    let row = || random.below(ROWS) as u32;
    match random.below(10) {
        0 => Change::DeleteRow(row()),
        1 => {
            let start = row();
            Change::DeleteRange(start, start + 1 + random.below(5) as u32)
        }
        2 if random.below(3) == 0 => Change::DeletePartition,
        _ => {
            let mut rows: Vec<u32> = (0..1 + random.below(4)).map(|_| row()).collect();
            rows.sort_unstable();
            rows.dedup();
            Change::Put(rows)
        }
    }
}
