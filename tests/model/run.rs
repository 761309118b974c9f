//! One run: an engine, its models, and the operations that both get.

use crate::indexes;
use crate::oracle::{Model, Wanted};
use crate::setup::*;
use bytes::Bytes;
use helenus::clock::{Clock, VirtualClock};
use helenus::random::Random;
use helenus::schema::{ColumnId, SchemaChange, TableId};
use helenus::storage::Engine;
use helenus::storage::cell::{Cell, Deletion, Liveness};
use helenus::storage::disk::simulated::SimulatedDisk;
use helenus::storage::mutation::{Mutation, PartitionUpdate};
use helenus::storage::read::{
    PartitionBound, Partitions, Projection, ReadCommand, ReadItem, Slice,
};
use helenus::storage::row::{
    ColumnData, PartitionKey, PathCell, RangeDeletion, Row, RowColumn, RowDeletion,
};
use std::collections::BTreeMap;
use std::sync::Arc;

pub struct Run {
    pub seed: u64,
    /// Whether the tables have indexes.
    pub indexed: bool,
    random: Random,
    clock: Arc<VirtualClock>,
    disk: SimulatedDisk,
    pub engine: Engine,
    models: Vec<Model>,
    /// Timestamps of the purging table are above this one.
    floor: i64,
    highest: i64,
    counter_clock: i64,
    pub now_step: usize,
}

impl Run {
    pub fn new(seed: u64) -> Self {
        let clock = VirtualClock::shared(1_000_000_000_000_000);
        let disk = SimulatedDisk::new();
        let engine = Engine::open_on(Arc::new(disk.clone()), config(seed), clock.clone()).unwrap();
        let mut changes = vec![SchemaChange::PutKeyspace {
            name: "k".to_owned(),
            replication: BTreeMap::new(),
            durable_writes: true,
        }];
        for number in 0..TABLES {
            changes.push(SchemaChange::PutTable(Box::new(table(number))));
        }
        engine.change_schema(|_| Ok(changes)).unwrap();
        let indexed = seed.is_multiple_of(2);
        if indexed {
            (0..indexes::INDEXES.len()).for_each(|number| indexes::create(&engine, number));
        }
        Self {
            indexed,
            seed,
            random: Random::seeded(seed),
            clock,
            disk,
            engine,
            models: (0..TABLES)
                .map(|number| Model::new(number == COUNTING))
                .collect(),
            floor: 0,
            highest: 0,
            counter_clock: 0,
            now_step: 0,
        }
    }

    pub fn below(&self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    pub fn chance(&self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn now(&self) -> i64 {
        self.clock.now_seconds()
    }

    pub fn step(&mut self, number: usize) {
        self.now_step = number;
        match self.below(1_000) {
            0..=619 => self.write(),
            620..=919 => self.read(),
            920..=949 => self.scan(),
            950..=969 => self.clock.advance_micros(self.below(3_000_000) as i64),
            970..=987 => self.flush(),
            988..=994 => self.compact(),
            995..=996 => self.catch_up(),
            997..=998 => self.restart(),
            _ => self.rare(),
        }
        if number % 5_000 == 4_999 {
            self.read_everything();
        }
    }

    pub fn finish(&mut self) {
        self.read_everything();
        self.engine.close().unwrap();
    }

    fn restart(&mut self) {
        if self.chance(50) {
            self.engine.close().unwrap();
        } else {
            self.disk = self.disk.crash_image(self.below(u64::MAX));
        }
        let disk = Arc::new(self.disk.clone());
        // Compactions that are due may run and purge.
        self.raise_floor();
        self.engine = Engine::open_on(disk, config(self.seed), self.clock.clone()).unwrap();
        self.check_indexes();
    }

    /// A table of any kind, those of entries included.
    fn any_table(&self) -> TableId {
        let tables: Vec<TableId> = self.engine.catalog().tables.keys().copied().collect();
        tables[self.below(tables.len() as u64) as usize]
    }

    /// Creates an index anew over what there is.
    fn reindex(&mut self) {
        let number = self.below(indexes::INDEXES.len() as u64) as usize;
        indexes::drop(&self.engine, number);
        indexes::create(&self.engine, number);
        self.check_indexes();
    }

    fn check_indexes(&self) {
        if self.indexed {
            let rows = |table| self.expect(table, &everything(table, self.now()));
            indexes::compare(&self.engine, self.now(), rows);
        }
    }

    fn raise_floor(&mut self) {
        self.floor = self.highest;
    }

    fn flush(&mut self) {
        let table = self.chance(70).then(|| self.any_table());
        self.engine.flush(table).unwrap();
    }

    fn compact(&mut self) {
        self.raise_floor();
        self.engine.compact(self.any_table()).unwrap();
    }

    fn catch_up(&mut self) {
        self.raise_floor();
        self.engine.run_until_idle().unwrap();
    }

    fn rare(&mut self) {
        if self.indexed && self.chance(40) {
            self.reindex();
        } else if self.chance(10) {
            let table = self.below(TABLES);
            self.engine.truncate(TableId(table)).unwrap();
            self.models[table as usize].truncate();
        }
    }

    fn timestamp(&mut self, table: u64) -> i64 {
        let timestamp = match table {
            KEEPING => 1_000 + self.below(200) as i64,
            _ => self.floor + 1 + self.below(20) as i64,
        };
        self.highest = self.highest.max(timestamp);
        timestamp
    }

    fn deletion(&mut self, table: u64) -> Deletion {
        Deletion {
            timestamp: self.timestamp(table),
            deleted_at_seconds: self.now(),
        }
    }

    fn cell(&mut self, table: u64, wide: bool) -> Cell {
        let timestamp = self.timestamp(table);
        let value = if wide {
            let length = if self.chance(3) {
                900
            } else {
                self.below(9) as usize
            };
            Bytes::from(vec![b'a' + self.below(26) as u8; length])
        } else {
            Bytes::copy_from_slice(&(self.below(50) as i32).to_be_bytes())
        };
        match self.below(10) {
            0..=5 => Cell::plain(timestamp, value),
            6..=7 => Cell::expiring(timestamp, 1 + self.below(12) as i32, self.now(), value),
            _ => Cell::tombstone(timestamp, self.now()),
        }
    }

    fn elements(&mut self, table: u64) -> ColumnData {
        let deletion = if self.chance(30) {
            self.deletion(table)
        } else {
            Deletion::NONE
        };
        let mut cells = Vec::new();
        for number in 0..5_u8 {
            if self.chance(30) {
                cells.push(PathCell {
                    path: Bytes::from(vec![0x40, 0x80, 0, 0, number]),
                    original: None,
                    cell: self.cell(table, true),
                });
            }
        }
        if cells.is_empty() && deletion.is_none() {
            cells.push(PathCell {
                path: Bytes::from(vec![0x40, 0x80, 0, 0, 9]),
                original: None,
                cell: self.cell(table, true),
            });
        }
        ColumnData::Complex { deletion, cells }
    }

    fn row(&mut self, table: u64) -> Row {
        let mut row = Row::new(clustering(self.below(FIRST), self.below(SECOND)));
        if self.chance(8) {
            row.deletion = RowDeletion::plain(self.deletion(table));
            return row;
        }
        if self.chance(50) {
            row.liveness.timestamp = self.timestamp(table);
            if self.chance(30) {
                let ttl_seconds = 1 + self.below(12) as i32;
                row.liveness = Liveness {
                    ttl_seconds,
                    expiry_seconds: self.now() + i64::from(ttl_seconds),
                    ..row.liveness
                };
            }
        }
        for id in SIMPLE {
            if self.chance(50) {
                let data = ColumnData::Simple(self.cell(table, id == SIMPLE[1]));
                row.columns.push(RowColumn {
                    id: ColumnId(id),
                    data,
                });
            }
        }
        if self.chance(25) || (row.columns.is_empty() && row.liveness.is_none()) {
            let data = self.elements(table);
            row.columns.push(RowColumn {
                id: ColumnId(COLLECTION),
                data,
            });
        }
        row
    }

    fn counter_row(&mut self) -> Row {
        let mut row = Row::new(clustering(self.below(FIRST), self.below(SECOND)));
        for id in COUNTERS {
            if self.chance(60) {
                self.counter_clock += 1;
                let timestamp = self.floor + self.counter_clock;
                self.highest = self.highest.max(timestamp);
                let cell = if self.chance(2) {
                    Cell::tombstone(timestamp, self.now())
                } else {
                    let count = self.below(1_000) as i64;
                    let value = [count.to_be_bytes(), timestamp.to_be_bytes()].concat();
                    Cell::plain(timestamp, value.into())
                };
                row.columns.push(RowColumn {
                    id: ColumnId(id),
                    data: ColumnData::Simple(cell),
                });
            }
        }
        row
    }

    /// A bound: in front of or behind a prefix of clustering values.
    fn bound(&self) -> Bytes {
        let edge = if self.chance(50) { 0x20 } else { 0x60 };
        let mut bytes = Vec::new();
        let components = self.below(3);
        if components > 0 {
            bytes.extend([0x40, component(self.below(FIRST))]);
        }
        if components > 1 {
            bytes.extend([0x40, component(self.below(SECOND))]);
        }
        bytes.push(edge);
        Bytes::from(bytes)
    }

    fn range(&self) -> (Bytes, Bytes) {
        loop {
            let (a, b) = (self.bound(), self.bound());
            if a < b {
                return (a, b);
            }
        }
    }

    fn update(&mut self, table: u64, partition: u64) -> PartitionUpdate {
        let mut update = PartitionUpdate {
            table: TableId(table),
            schema_version: 1,
            key: key(partition),
            deletion: Deletion::NONE,
            ranges: Vec::new(),
            static_row: None,
            rows: Vec::new(),
        };
        if table == COUNTING {
            update.rows.push(self.counter_row());
            return update;
        }
        match self.below(100) {
            0..=1 => update.deletion = self.deletion(table),
            2..=9 => {
                for _ in 0..1 + self.below(2) {
                    let (start, end) = self.range();
                    let deletion = self.deletion(table);
                    update.ranges.push(RangeDeletion {
                        start,
                        end,
                        deletion,
                    });
                }
            }
            10..=19 => {
                let mut row = Row::new(Bytes::new());
                row.columns.push(RowColumn {
                    id: ColumnId(STATIC),
                    data: ColumnData::Simple(self.cell(table, true)),
                });
                update.static_row = Some(row);
            }
            20..=24 => {
                for _ in 0..3 + self.below(6) {
                    update.rows.push(self.row(table));
                }
            }
            _ => update.rows.push(self.row(table)),
        }
        update
    }

    pub fn write(&mut self) {
        let mut mutation = Mutation::default();
        let table = self.below(TABLES);
        let count = if self.chance(5) { 1 + self.below(4) } else { 1 };
        for _ in 0..count {
            let partition = self.below(PARTITIONS);
            mutation.updates.push(self.update(table, partition));
        }
        for update in &mutation.updates {
            self.models[table as usize].write(update);
        }
        self.engine.apply(mutation).unwrap();
    }

    pub fn slices(&self) -> Vec<Slice> {
        let slice = |(start, end)| Slice { start, end };
        match self.below(10) {
            0..=3 => vec![Slice::all()],
            4..=5 => vec![slice(self.range())],
            6 => vec![Slice::row(clustering(
                self.below(FIRST),
                self.below(SECOND),
            ))],
            7..=8 => {
                let mut bounds: Vec<Bytes> = (0..6).map(|_| self.bound()).collect();
                bounds.sort();
                bounds.dedup();
                let pairs = bounds.chunks_exact(2);
                pairs
                    .map(|pair| slice((pair[0].clone(), pair[1].clone())))
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    pub fn partition_bound(&self) -> PartitionBound {
        let some = key(self.below(PARTITIONS));
        match self.below(6) {
            0..=1 => PartitionBound::Open,
            2 => PartitionBound::BeforeToken(some.token),
            3 => PartitionBound::AfterToken(some.token),
            4 => PartitionBound::Before(some),
            _ => PartitionBound::After(some),
        }
    }

    fn read(&mut self) {
        let table = self.below(TABLES);
        let partitions = if self.chance(75) {
            let count = if self.chance(80) { 1 } else { 3 };
            Partitions::Keys((0..count).map(|_| key(self.below(PARTITIONS))).collect())
        } else {
            Partitions::Range {
                start: self.partition_bound(),
                end: self.partition_bound(),
            }
        };
        let columns = if self.chance(40) {
            let ids = [STATIC, SIMPLE[0], SIMPLE[1], COLLECTION];
            let wanted = ids.into_iter().filter(|_| self.chance(40)).map(ColumnId);
            Projection::Columns(wanted.collect())
        } else {
            Projection::All
        };
        let command = ReadCommand {
            table: TableId(table),
            partitions,
            slices: self.slices(),
            reversed: self.chance(40),
            columns,
            now_seconds: self.now(),
        };
        let expected = self.expect(table, &command);
        self.compare(&command, &expected);
    }

    fn read_everything(&mut self) {
        for table in 0..TABLES {
            let command = everything(table, self.now());
            let expected = self.expect(table, &command);
            self.compare(&command, &expected);
        }
        self.check_indexes();
    }

    pub fn expect(&self, table: u64, command: &ReadCommand) -> Vec<ReadItem> {
        let model = &self.models[table as usize];
        let slices: Vec<_> = command
            .slices
            .iter()
            .map(|slice| (slice.start.clone(), slice.end.clone()))
            .collect();
        let wanted = Wanted {
            slices: &slices,
            reversed: command.reversed,
            columns: &command.columns,
            now: command.now_seconds,
        };
        let keys = match &command.partitions {
            Partitions::Keys(keys) => keys.clone(),
            Partitions::Range { start, end } => {
                let inside = |key: &PartitionKey| is_behind(key, start) && !is_behind(key, end);
                let keys = model.keys().into_iter();
                keys.filter(|key| match end {
                    PartitionBound::Open => is_behind(key, start),
                    _ => inside(key),
                })
                .collect()
            }
        };
        keys.iter()
            .flat_map(|key| model.read(key, &wanted))
            .collect()
    }

    fn compare(&self, command: &ReadCommand, expected: &[ReadItem]) {
        let mut stream = self.engine.read(command.clone()).unwrap();
        let mut items = Vec::new();
        while let Some(item) = stream.next().unwrap() {
            items.push(item);
        }
        if items != expected {
            let at = items
                .iter()
                .zip(expected)
                .take_while(|(a, b)| a == b)
                .count();
            panic!(
                "seed {} operation {}: {command:?}\nitem {at}: engine {:#?}\nmodel {:#?}",
                self.seed,
                self.now_step,
                items.get(at),
                expected.get(at)
            );
        }
    }
}

/// All rows of a table.
fn everything(table: u64, now_seconds: i64) -> ReadCommand {
    ReadCommand {
        table: TableId(table),
        partitions: Partitions::Range {
            start: PartitionBound::Open,
            end: PartitionBound::Open,
        },
        slices: vec![Slice::all()],
        reversed: false,
        columns: Projection::All,
        now_seconds,
    }
}

/// Whether a key lies behind a bound (an open one lies before all).
fn is_behind(key: &PartitionKey, bound: &PartitionBound) -> bool {
    match bound {
        PartitionBound::Open => true,
        PartitionBound::BeforeToken(token) => key.token >= *token,
        PartitionBound::AfterToken(token) => key.token > *token,
        PartitionBound::Before(other) => key >= other,
        PartitionBound::After(other) => key > other,
    }
}
