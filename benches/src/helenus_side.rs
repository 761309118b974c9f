//! The same rows in helenus: through the engine's own door, and through prepared statements.

use crate::rows::{EventRow, moment, sensor};
use crate::side::Side;
use bytes::Bytes;
use helenus::config::{CommitlogSync, Config};
use helenus::cql::result::{BindValue, QueryResult, Rows};
use helenus::schema::{ColumnId, Table};
use helenus::session::{Prepared, Session};
use helenus::storage::cell::{Cell, Deletion, Liveness, NEVER, NO_TTL};
use helenus::storage::mutation::{Mutation, PartitionUpdate};
use helenus::storage::read::{
    PartitionBound, Partitions, Projection, ReadCommand, ReadItem, ScanCommand, Slice, VectorValues,
};
use helenus::storage::row::{ColumnData, PartitionKey, Row, RowColumn};
use helenus::types::{Type, key, token};
use helenus::{Database, clock::SystemClock};
use std::path::Path;
use std::sync::{Arc, Mutex};

const NOW_SECONDS: i64 = 1_800_000_000;

const COLUMNS: [&str; 8] = [
    "count", "level", "value", "drift", "valid", "state", "note", "seen",
];

fn open(path: &Path, cache_bytes: u64) -> (Database, Arc<Table>) {
    let config = Config {
        commitlog_sync: CommitlogSync::Periodic,
        block_cache_bytes_max: cache_bytes as usize,
        ..Config::default()
    };
    let database = Database::open_with(path, config, SystemClock::shared()).expect("opens");
    database
        .execute(
            "CREATE KEYSPACE b WITH replication = \
             {'class': 'SimpleStrategy', 'replication_factor': 1}",
            &[],
        )
        .expect("keyspace");
    database
        .execute(
            "CREATE TABLE b.events (sensor text, moment bigint, count bigint, level int, \
             value double, drift double, valid boolean, state text, note text, seen timestamp, \
             PRIMARY KEY (sensor, moment))",
            &[],
        )
        .expect("table");
    let table = database
        .engine()
        .catalog()
        .table("b", "events")
        .expect("is there")
        .clone();
    (database, table)
}

/// What eight wire values add up to, in the order of [`COLUMNS`].
fn checksum<'a>(values: impl Iterator<Item = &'a Bytes>) -> u64 {
    let mut sum = 0u64;
    for (at, value) in values.enumerate() {
        sum = sum.wrapping_add(match at {
            0 | 2 | 3 | 7 => u64::from_be_bytes(value.as_ref().try_into().expect("8 bytes")),
            1 => i32::from_be_bytes(value.as_ref().try_into().expect("4 bytes")) as u64,
            4 => u64::from(value[0]),
            _ => value.len() as u64,
        });
    }
    sum
}

fn wire(row: &EventRow) -> [Bytes; 8] {
    [
        Bytes::copy_from_slice(&row.count.to_be_bytes()),
        Bytes::copy_from_slice(&row.level.to_be_bytes()),
        Bytes::copy_from_slice(&row.value.to_be_bytes()),
        Bytes::copy_from_slice(&row.drift.to_be_bytes()),
        Bytes::copy_from_slice(&[u8::from(row.valid)]),
        Bytes::from_static(row.state.as_bytes()),
        Bytes::copy_from_slice(row.note.as_bytes()),
        Bytes::copy_from_slice(&row.seen.to_be_bytes()),
    ]
}

/// Rows through `Engine`.
pub struct EngineSide {
    database: Database,
    table: Arc<Table>,
    /// The eight columns' ids in the order of [`COLUMNS`], and that order sorted by id.
    ids: Vec<ColumnId>,
    by_id: Vec<usize>,
}

impl EngineSide {
    pub fn open(path: &Path, cache_bytes: u64) -> Self {
        let (database, table) = open(path, cache_bytes);
        let ids: Vec<ColumnId> = COLUMNS
            .iter()
            .map(|name| table.column(name).expect("is there").id)
            .collect();
        let mut by_id: Vec<usize> = (0..ids.len()).collect();
        by_id.sort_by_key(|at| ids[*at]);
        Self {
            database,
            table,
            ids,
            by_id,
        }
    }

    fn key(&self, sensor: &str) -> PartitionKey {
        PartitionKey {
            token: token::murmur3_token(sensor.as_bytes()),
            key: Bytes::copy_from_slice(sensor.as_bytes()),
        }
    }

    fn clustering(moment: i64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(10);
        key::encode_component(
            &Type::BigInt,
            false,
            Some(&moment.to_be_bytes()),
            &mut bytes,
        )
        .expect("encodes");
        bytes
    }

    fn update(&self, row: &EventRow) -> PartitionUpdate {
        let timestamp = self.database.engine().next_timestamp();
        let values = wire(row);
        let mut clustering = Self::clustering(row.moment);
        key::finish_clustering(&mut clustering);
        let mut written = Row::new(clustering.into());
        written.liveness = Liveness {
            timestamp,
            ttl_seconds: NO_TTL,
            expiry_seconds: NEVER,
        };
        written.columns = self
            .by_id
            .iter()
            .map(|at| RowColumn {
                id: self.ids[*at],
                data: ColumnData::Simple(Cell::plain(timestamp, values[*at].clone())),
            })
            .collect();
        PartitionUpdate {
            table: self.table.id,
            schema_version: self.table.version,
            key: self.key(&row.sensor),
            deletion: Deletion::NONE,
            ranges: Vec::new(),
            static_row: None,
            rows: vec![written],
        }
    }

    fn command(&self, partitions: Partitions, slice: Slice) -> ReadCommand {
        ReadCommand {
            table: self.table.id,
            partitions,
            slices: vec![slice],
            reversed: false,
            columns: Projection::All,
            now_seconds: NOW_SECONDS,
        }
    }

    fn row_checksum(&self, row: &Row) -> u64 {
        checksum(self.ids.iter().map(|id| match row.column(*id) {
            Some(ColumnData::Simple(cell)) => &cell.value,
            other => panic!("expected a cell, not {other:?}"),
        }))
    }

    fn read(&self, command: ReadCommand, rows: usize) -> (usize, u64) {
        let mut stream = self.database.engine().read(command).expect("reads");
        let mut sum = 0u64;
        let mut seen = 0;
        while seen < rows {
            match stream.next().expect("reads") {
                Some(ReadItem::Row(row)) => {
                    sum = sum.wrapping_add(self.row_checksum(&row));
                    seen += 1;
                }
                Some(ReadItem::Partition { .. }) => {}
                None => break,
            }
        }
        (seen, sum)
    }
}

impl Side for EngineSide {
    fn write(&mut self, row: &EventRow) {
        let mutation = Mutation {
            updates: vec![self.update(row)],
        };
        self.database.engine().apply(mutation).expect("writes");
    }

    fn write_batch(&mut self, rows: &[EventRow]) {
        let updates = rows.iter().map(|row| self.update(row)).collect();
        self.database
            .engine()
            .apply(Mutation { updates })
            .expect("writes");
    }

    fn settle(&mut self) {
        self.database
            .engine()
            .flush(Some(self.table.id))
            .expect("flushes");
        self.database
            .engine()
            .compact(self.table.id)
            .expect("compacts");
    }

    fn get(&self, partition: u64, n: u64) -> Option<u64> {
        let mut clustering = Self::clustering(moment(n));
        key::finish_clustering(&mut clustering);
        let slice = Slice::row(clustering.into());
        let keys = Partitions::Keys(vec![self.key(&sensor(partition))]);
        let (seen, sum) = self.read(self.command(keys, slice), usize::MAX);
        (seen == 1).then_some(sum)
    }

    fn slice(&self, partition: u64, from: u64, rows: usize) -> (usize, u64) {
        let mut start = Self::clustering(moment(from));
        key::bound_before(&mut start);
        let slice = Slice {
            start: start.into(),
            end: Slice::all().end,
        };
        let keys = Partitions::Keys(vec![self.key(&sensor(partition))]);
        self.read(self.command(keys, slice), rows)
    }

    fn scan(&self) -> (usize, u64) {
        let all = Partitions::Range {
            start: PartitionBound::Open,
            end: PartitionBound::Open,
        };
        self.read(self.command(all, Slice::all()), usize::MAX)
    }

    fn scan_column(&self) -> (usize, i64) {
        let command = ScanCommand {
            columns: vec![self.ids[0]],
            ..ScanCommand::new(self.table.id, NOW_SECONDS)
        };
        let mut stream = self.database.engine().scan(command).expect("scans");
        let (mut seen, mut sum) = (0, 0i64);
        while let Some(batch) = stream.next().expect("scans") {
            let VectorValues::Int64(values) = &batch.columns[0].values else {
                panic!("expected 64-bit integers");
            };
            sum += values.iter().sum::<i64>();
            seen += batch.rows;
        }
        (seen, sum)
    }
}

/// Rows through prepared statements.
pub struct PreparedSide {
    side: EngineSide,
    session: Mutex<Session>,
    insert: Prepared,
    batch: Prepared,
    get: Prepared,
    slice: Prepared,
    scan: Prepared,
    scan_column: Prepared,
}

const INSERT: &str = "INSERT INTO b.events (sensor, moment, count, level, value, drift, valid, \
                      state, note, seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

impl PreparedSide {
    pub fn open(path: &Path, cache_bytes: u64) -> Self {
        let side = EngineSide::open(path, cache_bytes);
        let mut session = side.database.session();
        let mut prepare = |cql: &str| session.prepare(cql).expect("prepares");
        let columns = COLUMNS.join(", ");
        let batch = format!(
            "BEGIN UNLOGGED BATCH {}APPLY BATCH",
            format!("{INSERT}; ").repeat(100)
        );
        Self {
            insert: prepare(INSERT),
            batch: prepare(&batch),
            get: prepare(&format!(
                "SELECT {columns} FROM b.events WHERE sensor = ? AND moment = ?"
            )),
            slice: prepare(&format!(
                "SELECT {columns} FROM b.events WHERE sensor = ? AND moment >= ? LIMIT 100"
            )),
            scan: prepare(&format!("SELECT {columns} FROM b.events")),
            scan_column: prepare("SELECT count(count), sum(count) FROM b.events"),
            session: Mutex::new(session),
            side,
        }
    }

    fn rows(&self, statement: &Prepared, values: &[BindValue]) -> Rows {
        let mut session = self.session.lock().expect("not poisoned");
        match session
            .execute_prepared(statement, values)
            .expect("executes")
        {
            QueryResult::Rows(rows) => rows,
            other => panic!("expected rows, not {other:?}"),
        }
    }

    fn sum(mut rows: Rows) -> (usize, u64) {
        let (mut seen, mut sum) = (0, 0u64);
        while let Some(row) = rows.next().expect("reads") {
            sum = sum.wrapping_add(checksum(
                row.iter()
                    .map(|value| value.as_ref().expect("no nulls here")),
            ));
            seen += 1;
        }
        (seen, sum)
    }
}

fn bound(row: &EventRow) -> impl Iterator<Item = BindValue> {
    [
        Bytes::copy_from_slice(row.sensor.as_bytes()),
        Bytes::copy_from_slice(&row.moment.to_be_bytes()),
    ]
    .into_iter()
    .chain(wire(row))
    .map(BindValue::Bytes)
}

impl Side for PreparedSide {
    fn write(&mut self, row: &EventRow) {
        let values: Vec<BindValue> = bound(row).collect();
        let session = self.session.get_mut().expect("not poisoned");
        session
            .execute_prepared(&self.insert, &values)
            .expect("writes");
    }

    fn write_batch(&mut self, rows: &[EventRow]) {
        let values: Vec<BindValue> = rows.iter().flat_map(bound).collect();
        let session = self.session.get_mut().expect("not poisoned");
        session
            .execute_prepared(&self.batch, &values)
            .expect("writes");
    }

    fn settle(&mut self) {
        self.side.settle();
    }

    fn get(&self, partition: u64, n: u64) -> Option<u64> {
        let key = Bytes::from(sensor(partition));
        let values = [
            BindValue::Bytes(key),
            BindValue::Bytes(Bytes::copy_from_slice(&moment(n).to_be_bytes())),
        ];
        let (seen, sum) = Self::sum(self.rows(&self.get, &values));
        (seen == 1).then_some(sum)
    }

    fn slice(&self, partition: u64, from: u64, _rows: usize) -> (usize, u64) {
        let values: [BindValue; 2] = [sensor(partition).into(), moment(from).into()];
        Self::sum(self.rows(&self.slice, &values))
    }

    fn scan(&self) -> (usize, u64) {
        Self::sum(self.rows(&self.scan, &[]))
    }

    fn scan_column(&self) -> (usize, i64) {
        let mut rows = self.rows(&self.scan_column, &[]);
        let row = rows.next().expect("reads").expect("one row");
        let (count, sum) = (
            row[0].as_ref().expect("a count"),
            row[1].as_ref().expect("a sum"),
        );
        let integer = |bytes: &Bytes| i64::from_be_bytes(bytes.as_ref().try_into().expect("8"));
        (integer(count) as usize, integer(sum))
    }
}
