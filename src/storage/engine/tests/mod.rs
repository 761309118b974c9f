//! Tests of the engine's front.

mod admin;
mod durability;
mod indexes;
mod resident;
mod scans;

use super::*;
use crate::clock::VirtualClock;
use crate::config::Config;
use crate::schema::{Column, ColumnId, ColumnKind, SchemaChange, Table, TableId, TableOptions};
use crate::storage::cell::{Cell, Deletion, Liveness};
use crate::storage::mutation::{Mutation, PartitionUpdate};
use crate::storage::read::{PartitionBound, Partitions, Projection, ReadCommand, ReadItem, Slice};
use crate::storage::row::{
    ColumnData, PartitionKey, PathCell, RangeDeletion, Row, RowColumn, RowDeletion,
};
use crate::types::Type;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

const SECOND: i64 = 1_000_000;

fn column(id: u32, name: &str, kind: ColumnKind) -> Column {
    Column {
        id: ColumnId(id),
        name: name.to_owned(),
        ty: Type::Text,
        kind,
        position: 0,
        descending: false,
    }
}

fn table() -> Table {
    Table {
        id: TableId(1),
        uuid: uuid::Uuid::nil(),
        keyspace: "k".to_owned(),
        name: "t".to_owned(),
        partition_key: vec![column(0, "p", ColumnKind::PartitionKey)],
        clustering: vec![column(1, "c", ColumnKind::Clustering)],
        statics: vec![column(2, "s", ColumnKind::Static)],
        regulars: vec![
            column(3, "v", ColumnKind::Regular),
            column(4, "w", ColumnKind::Regular),
        ],
        dropped: BTreeMap::new(),
        next_column_id: 5,
        options: TableOptions::default(),
        version: 1,
        indexes: Vec::new(),
    }
}

fn config() -> Config {
    Config {
        background: false,
        seed: Some(1),
        ..Config::default()
    }
}

fn create(engine: &Engine, durable_writes: bool) {
    let changes = vec![
        SchemaChange::PutKeyspace {
            name: "k".to_owned(),
            replication: BTreeMap::new(),
            durable_writes,
        },
        SchemaChange::PutTable(Box::new(table())),
    ];
    engine.change_schema(|_| Ok(changes)).unwrap();
}

fn engine() -> (Engine, Arc<VirtualClock>) {
    let clock = VirtualClock::shared(1_000 * SECOND);
    let engine = Engine::in_memory(config(), clock.clone()).unwrap();
    create(&engine, true);
    (engine, clock)
}

fn key(token: i64) -> PartitionKey {
    PartitionKey {
        token,
        key: Bytes::copy_from_slice(&token.to_be_bytes()),
    }
}

fn row(name: u8) -> Row {
    Row::new(Bytes::from(vec![0x40, name, 0x38]))
}

fn with_cell(mut row: Row, id: u32, cell: Cell) -> Row {
    row.columns.push(RowColumn {
        id: ColumnId(id),
        data: ColumnData::Simple(cell),
    });
    row
}

fn text(timestamp: i64, text: &'static str) -> Cell {
    Cell::plain(timestamp, Bytes::from_static(text.as_bytes()))
}

fn update(token: i64, rows: Vec<Row>) -> PartitionUpdate {
    PartitionUpdate {
        table: TableId(1),
        schema_version: 1,
        key: key(token),
        deletion: Deletion::NONE,
        ranges: Vec::new(),
        static_row: None,
        rows,
    }
}

fn write(engine: &Engine, update: PartitionUpdate) {
    let mutation = Mutation {
        updates: vec![update],
    };
    engine.apply(mutation).unwrap();
}

fn command(columns: Projection, now_seconds: i64) -> ReadCommand {
    ReadCommand {
        table: TableId(1),
        partitions: Partitions::Range {
            start: PartitionBound::Open,
            end: PartitionBound::Open,
        },
        slices: vec![Slice::all()],
        reversed: false,
        columns,
        now_seconds,
    }
}

fn show(engine: &Engine, command: ReadCommand) -> String {
    let mut stream = engine.read(command).unwrap();
    let mut out = String::new();
    let cells = |row: &Row| -> String {
        let cell = |column: &RowColumn| match &column.data {
            ColumnData::Simple(cell) => {
                format!(" {}={}", column.id.0, String::from_utf8_lossy(&cell.value))
            }
            ColumnData::Complex { cells, .. } => format!(" {}={}", column.id.0, cells.len()),
        };
        row.columns.iter().map(cell).collect()
    };
    while let Some(item) = stream.next().unwrap() {
        match item {
            ReadItem::Partition { key, static_row } => {
                let shown = static_row.as_ref().map(cells).unwrap_or_default();
                out.push_str(&format!("[{}{shown}]", key.token));
            }
            ReadItem::Row(row) => {
                out.push_str(&format!(" {}{}", row.clustering[1] as char, cells(&row)));
            }
        }
    }
    out
}

#[test]
fn rows_and_statics_come_back_both_ways() {
    let (engine, _) = engine();
    let mut first = update(1, vec![]);
    first.rows = vec![
        with_cell(row(b'b'), 3, text(1, "x")),
        with_cell(row(b'a'), 3, text(1, "y")),
    ];
    first.static_row = Some(with_cell(Row::new(Bytes::new()), 2, text(1, "s")));
    write(&engine, first);
    write(
        &engine,
        update(2, vec![with_cell(row(b'c'), 4, text(1, "z"))]),
    );
    write(
        &engine,
        update(1, vec![with_cell(row(b'a'), 3, text(2, "new"))]),
    );
    let all = command(Projection::All, 1_000);
    assert_eq!(show(&engine, all.clone()), "[1 2=s] a 3=new b 3=x[2] c 4=z");
    let reversed = ReadCommand {
        reversed: true,
        partitions: Partitions::Keys(vec![key(2), key(9), key(1)]),
        ..all.clone()
    };
    assert_eq!(show(&engine, reversed), "[2] c 4=z[1 2=s] b 3=x a 3=new");
    let statics = ReadCommand {
        slices: Vec::new(),
        ..all.clone()
    };
    assert_eq!(show(&engine, statics), "[1 2=s]");
    let projected = command(Projection::Columns(vec![ColumnId(3)]), 1_000);
    assert_eq!(show(&engine, projected), "[1] a 3=new b 3=x[2] c");
    engine.truncate(TableId(1)).unwrap();
    assert_eq!(show(&engine, all), "");
}

#[test]
fn deletions_and_expiry_hide() {
    let (engine, _) = engine();
    for name in [b'a', b'b', b'c'] {
        let fresh = with_cell(row(name), 3, text(5, "v"));
        write(&engine, update(1, vec![fresh]));
    }
    let mut gone = row(b'b');
    gone.deletion = RowDeletion::plain(Deletion {
        timestamp: 5,
        deleted_at_seconds: 1_000,
    });
    write(&engine, update(1, vec![gone]));
    let brief = Cell::expiring(6, 10, 1_000, Bytes::from_static(b"brief"));
    write(&engine, update(1, vec![with_cell(row(b'c'), 3, brief)]));
    let at = |now| show(&engine, command(Projection::All, now));
    assert_eq!(at(1_009), "[1] a 3=v c 3=brief");
    assert_eq!(at(1_010), "[1] a 3=v");
    let mut whole = update(1, vec![]);
    whole.deletion = Deletion {
        timestamp: 5,
        deleted_at_seconds: 1_000,
    };
    write(&engine, whole);
    assert_eq!(at(1_009), "[1] c 3=brief");
}

#[test]
fn a_cell_that_nobody_asked_for_keeps_its_row_alive() {
    let (engine, _) = engine();
    let marked = |timestamp, ttl_seconds, expiry_seconds| {
        let mut row = row(b'a');
        row.liveness = Liveness {
            timestamp,
            ttl_seconds,
            expiry_seconds,
        };
        row
    };
    let plain = marked(5, 0, i64::MAX);
    write(&engine, update(1, vec![with_cell(plain, 3, text(5, "v"))]));
    write(&engine, update(1, vec![marked(6, 10, 1_010)]));
    let at = |now| {
        show(
            &engine,
            command(Projection::Columns(vec![ColumnId(4)]), now),
        )
    };
    assert_eq!(at(1_020), "[1] a");
    write(
        &engine,
        update(1, vec![with_cell(row(b'a'), 3, Cell::tombstone(7, 1_000))]),
    );
    assert_eq!(at(1_005), "[1] a");
    assert_eq!(at(1_020), "");
}

#[test]
fn read_modify_write_sees_what_was_appended() {
    let (engine, _) = engine();
    for number in 0..10 {
        let seen = engine
            .read_modify_write(&[(TableId(1), key(1))], |view| {
                let mut stream = view.read(command(Projection::All, 1_000))?;
                let mut rows = 0;
                while let Some(item) = stream.next()? {
                    rows += usize::from(matches!(item, ReadItem::Row(_)));
                }
                let next = with_cell(row(b'a' + rows as u8), 3, text(1, "v"));
                let mutation = Mutation {
                    updates: vec![update(1, vec![next])],
                };
                Ok((Some(mutation), rows))
            })
            .unwrap();
        assert_eq!(seen, number);
    }
}

#[test]
fn a_batch_may_name_a_row_twice() {
    let (engine, _) = engine();
    let mutation = Mutation {
        updates: vec![
            update(2, vec![with_cell(row(b'a'), 3, text(1, "old"))]),
            update(1, vec![with_cell(row(b'a'), 4, text(1, "w"))]),
            update(2, vec![with_cell(row(b'a'), 3, text(2, "new"))]),
        ],
    };
    engine.apply(mutation).unwrap();
    assert_eq!(
        show(&engine, command(Projection::All, 0)),
        "[1] a 4=w[2] a 3=new"
    );
}

#[test]
fn server_timestamps_rise_when_the_clock_does_not() {
    let (engine, clock) = engine();
    let first = engine.next_timestamp();
    assert_eq!(first, 1_000 * SECOND);
    assert_eq!(engine.next_timestamp(), first + 1);
    clock.advance_micros(-50 * SECOND);
    assert_eq!(engine.next_timestamp(), first + 2);
    clock.advance_micros(100 * SECOND);
    assert_eq!(engine.next_timestamp(), first + 50 * SECOND);
}

#[test]
fn dropped_columns_stay_hidden() {
    let (engine, _) = engine();
    let cells = with_cell(with_cell(row(b'a'), 3, text(5, "v")), 4, text(5, "w"));
    write(&engine, update(1, vec![cells]));
    let put = |table: Table| {
        engine
            .change_schema(|_| Ok(vec![SchemaChange::PutTable(Box::new(table))]))
            .unwrap()
    };
    let mut changed = table();
    let gone = changed.regulars.remove(1);
    let dropped = crate::schema::DroppedColumn {
        column: gone.clone(),
        dropped_at_micros: 6,
    };
    changed.dropped.insert("w".to_owned(), dropped);
    put(changed.clone());
    let all = || show(&engine, command(Projection::All, 0));
    assert_eq!(all(), "[1] a 3=v");
    changed.regulars.push(gone);
    put(changed);
    assert_eq!(all(), "[1] a 3=v");
    write(
        &engine,
        update(1, vec![with_cell(row(b'a'), 4, text(7, "again"))]),
    );
    assert_eq!(all(), "[1] a 3=v 4=again");
}

#[test]
fn a_projection_sees_what_a_newer_deletion_of_a_collection_hides() {
    let (engine, _) = engine();
    let mut collections = table();
    collections.regulars[1].ty = Type::List {
        element: Arc::new(Type::Text),
        frozen: false,
    };
    let change = SchemaChange::PutTable(Box::new(collections));
    engine.change_schema(|_| Ok(vec![change])).unwrap();
    let collection = |deleted_at: i64, cells: Vec<PathCell>| {
        let mut row = row(b'a');
        let deletion = Deletion {
            timestamp: deleted_at,
            deleted_at_seconds: 1_000,
        };
        row.columns.push(RowColumn {
            id: ColumnId(4),
            data: ColumnData::Complex { deletion, cells },
        });
        row
    };
    let element = PathCell {
        path: Bytes::from_static(b"e"),
        original: None,
        cell: text(25, "element"),
    };
    let mut marked = collection(30, Vec::new());
    marked.liveness.timestamp = 10;
    write(&engine, update(1, vec![collection(1, vec![element])]));
    engine.flush(None).unwrap();
    write(&engine, update(1, vec![marked]));
    let mut deleted = update(1, vec![]);
    deleted.ranges.push(RangeDeletion {
        start: Slice::all().start,
        end: Slice::all().end,
        deletion: Deletion {
            timestamp: 20,
            deleted_at_seconds: 1_000,
        },
    });
    write(&engine, deleted);
    // The marker is deleted, the element by the other deletion: in the memtable, and in a file.
    for _ in 0..2 {
        let projected = command(Projection::Columns(vec![ColumnId(3)]), 1_000);
        assert_eq!(show(&engine, projected), "");
        assert_eq!(show(&engine, command(Projection::All, 1_000)), "");
        engine.flush(None).unwrap();
    }
}
