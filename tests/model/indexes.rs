//! The indexes of a run, and what reading through them must yield.
//!
//! The model knows the rows; which of them an index finds by a value is worked out here from what
//! a reader sees of them, and so without the engine's own derivation.

use crate::setup::{COLLECTION, KEEPING, PURGING, SIMPLE, STATIC};
use bytes::Bytes;
use helenus::schema::{ColumnId, Index, IndexPart, SchemaChange, TableId};
use helenus::storage::cell::Cell;
use helenus::storage::read::{Partitions, Projection, ReadCommand, ReadItem, Slice};
use helenus::storage::row::{ColumnData, PartitionKey, Row};
use helenus::storage::{Engine, Place, entry_key, pair_value};
use std::collections::{BTreeMap, BTreeSet};

/// Table, name, column, part.
pub const INDEXES: [(u64, &str, u32, IndexPart); 9] = [
    (KEEPING, "kv", SIMPLE[0], IndexPart::Column),
    (KEEPING, "ks", STATIC, IndexPart::Column),
    (KEEPING, "kx", COLLECTION, IndexPart::Values),
    (PURGING, "pp", 0, IndexPart::Column),
    (PURGING, "pa", 1, IndexPart::Column),
    (PURGING, "pb", 2, IndexPart::Column),
    (PURGING, "pw", SIMPLE[1], IndexPart::Column),
    (PURGING, "pk", COLLECTION, IndexPart::Keys),
    (PURGING, "pe", COLLECTION, IndexPart::Entries),
];

/// Creates an index and builds it.
pub fn create(engine: &Engine, number: usize) {
    let (table, name, column, part) = INDEXES[number];
    engine
        .change_schema(|catalog| {
            let index = Index {
                name: name.to_owned(),
                column: ColumnId(column),
                part,
                options: BTreeMap::new(),
                custom: None,
                entries: TableId(0),
                built: false,
            };
            let base = &catalog.tables[&TableId(table)];
            Ok(vec![index.put(base, TableId(catalog.next_table_id))])
        })
        .unwrap();
    engine.build_index("k", name).unwrap();
}

/// Drops an index.
pub fn drop(engine: &Engine, number: usize) {
    let change = SchemaChange::DropIndex {
        keyspace: "k".to_owned(),
        name: INDEXES[number].1.to_owned(),
    };
    engine.change_schema(|_| Ok(vec![change])).unwrap();
}

/// What an index yields for a value, at a moment.
pub fn seek(engine: &Engine, number: usize, value: &[u8], now_seconds: i64) -> Vec<Place> {
    let catalog = engine.catalog();
    let (_, index) = catalog.keyspaces["k"].index(INDEXES[number].1).unwrap();
    assert!(index.built);
    let mut stream = engine
        .read(ReadCommand {
            table: index.entries,
            partitions: Partitions::Keys(vec![entry_key(value)]),
            slices: vec![Slice::all()],
            reversed: false,
            columns: Projection::All,
            now_seconds,
        })
        .unwrap();
    let mut places = Vec::new();
    while let Some(item) = stream.next().unwrap() {
        if let ReadItem::Row(row) = item {
            places.push(Place::decode(&row).unwrap());
        }
    }
    assert!(
        places.is_sorted(),
        "entries come in the order of their rows"
    );
    places
}

fn cells(row: &Row, id: u32) -> Vec<(Bytes, &Cell)> {
    match row.column(ColumnId(id)) {
        None => Vec::new(),
        Some(ColumnData::Simple(cell)) => vec![(Bytes::new(), cell)],
        Some(ColumnData::Complex { cells, .. }) => {
            let element = cells.iter().map(|it| (it.path.clone(), &it.cell));
            element.collect()
        }
    }
}

/// The values that a row has for an index.
fn values(number: usize, key: &PartitionKey, row: &Row, is_static: bool) -> Vec<Vec<u8>> {
    let (_, _, column, part) = INDEXES[number];
    // A key of the map is an int: behind a byte, with its sign flipped.
    let map_key = |path: &Bytes| vec![path[1] ^ 0x80, path[2], path[3], path[4]];
    match column {
        0 => vec![key.key.to_vec()],
        1 | 2 if is_static => Vec::new(),
        1 => vec![vec![row.clustering[1] ^ 0x80]],
        2 => vec![vec![row.clustering[3] ^ 0x80]],
        STATIC if !is_static => Vec::new(),
        _ if is_static && column != STATIC => Vec::new(),
        _ => cells(row, column)
            .iter()
            .map(|(path, cell)| match part {
                IndexPart::Keys => map_key(path),
                IndexPart::Entries => pair_value(&map_key(path), &cell.value),
                _ => cell.value.to_vec(),
            })
            .collect(),
    }
}

/// The places that an index must yield, by value; `items` are all rows.
pub fn expected(number: usize, items: &[ReadItem]) -> BTreeMap<Vec<u8>, Vec<Place>> {
    let mut found: BTreeMap<Vec<u8>, Vec<Place>> = BTreeMap::new();
    let mut at = None;
    let mut add = |key: &PartitionKey, row: &Row, is_static: bool| {
        for value in values(number, key, row, is_static) {
            found.entry(value).or_default().push(Place {
                partition: key.clone(),
                clustering: (!is_static).then(|| row.clustering.clone()),
            });
        }
    };
    for item in items {
        match item {
            ReadItem::Partition { key, static_row } => {
                if let Some(row) = static_row {
                    add(key, row, true);
                }
                at = Some(key.clone());
            }
            ReadItem::Row(row) => add(at.as_ref().unwrap(), row, false),
        }
    }
    found
}

/// Compares what all indexes yield with what they must; `rows` gives a table's.
pub fn compare(engine: &Engine, now_seconds: i64, rows: impl Fn(u64) -> Vec<ReadItem>) {
    let differences = engine.check_indexes().unwrap();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let tables: BTreeMap<u64, Vec<ReadItem>> =
        [KEEPING, PURGING].map(|table| (table, rows(table))).into();
    for (number, (table, name, ..)) in INDEXES.iter().enumerate() {
        let expected = expected(number, &tables[table]);
        for (value, places) in &expected {
            let found = seek(engine, number, value, now_seconds);
            assert_eq!(found, *places, "{name}: {value:?}");
        }
        // What is not there is not found.
        let absent = [&b""[..], b"absent", &[0, 0, 0, 99]];
        let known: BTreeSet<&[u8]> = expected.keys().map(Vec::as_slice).collect();
        for value in absent.into_iter().filter(|value| !known.contains(value)) {
            assert_eq!(seek(engine, number, value, now_seconds), [], "{name}");
        }
    }
}
