//! The tables of a run, its keys, and the engine's settings.

use bytes::Bytes;
use helenus::config::{CommitlogSync, Config};
use helenus::schema::{Column, ColumnId, ColumnKind, Table, TableId, TableOptions};
use helenus::storage::row::PartitionKey;
use helenus::types::Type;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The table that keeps tombstones, the one that does not, and the one of counters.
pub const KEEPING: u64 = 0;
pub const PURGING: u64 = 1;
pub const COUNTING: u64 = 2;
pub const TABLES: u64 = 3;

pub const STATIC: u32 = 3;
pub const SIMPLE: [u32; 2] = [4, 5];
pub const COLLECTION: u32 = 6;
pub const COUNTERS: [u32; 2] = [4, 5];

pub const PARTITIONS: u64 = 10;
pub const FIRST: u64 = 4;
pub const SECOND: u64 = 6;

fn column(id: u32, name: &str, ty: Type, kind: ColumnKind) -> Column {
    Column {
        id: ColumnId(id),
        name: name.to_owned(),
        ty,
        kind,
        position: usize::from(id == 2),
        descending: false,
    }
}

pub fn table(number: u64) -> Table {
    let map = Type::Map {
        key: Arc::new(Type::Int),
        value: Arc::new(Type::Text),
        frozen: false,
    };
    let (statics, regulars) = if number == COUNTING {
        let counter = |id, name| column(id, name, Type::Counter, ColumnKind::Regular);
        (Vec::new(), vec![counter(4, "n"), counter(5, "m")])
    } else {
        let regular = |id, name, ty| column(id, name, ty, ColumnKind::Regular);
        (
            vec![column(STATIC, "s", Type::Text, ColumnKind::Static)],
            vec![
                regular(4, "v", Type::Int),
                regular(5, "w", Type::Text),
                regular(6, "x", map),
            ],
        )
    };
    let options = TableOptions {
        // A counter stays deleted for as long as its tombstone does.
        gc_grace_seconds: if number == PURGING { 0 } else { 864_000 },
        ..TableOptions::default()
    };
    Table {
        id: TableId(number),
        uuid: uuid::Uuid::from_u128(u128::from(number)),
        keyspace: "k".to_owned(),
        name: format!("t{number}"),
        partition_key: vec![column(0, "p", Type::Int, ColumnKind::PartitionKey)],
        clustering: vec![
            column(1, "a", Type::TinyInt, ColumnKind::Clustering),
            column(2, "b", Type::TinyInt, ColumnKind::Clustering),
        ],
        statics,
        regulars,
        dropped: BTreeMap::new(),
        next_column_id: 7,
        options,
        version: 1,
        indexes: Vec::new(),
    }
}

pub fn config(seed: u64) -> Config {
    Config {
        commitlog_sync: CommitlogSync::Group,
        commitlog_segment_bytes: 64 << 10,
        memtable_flush_bytes: 256 << 10,
        memtable_shards: 3,
        block_bytes: if seed.is_multiple_of(2) { 256 } else { 4 << 10 },
        background: false,
        seed: Some(seed),
        ..Config::default()
    }
}

pub fn key(number: u64) -> PartitionKey {
    // Some partitions share a token, as in life.
    let token = [i64::MIN, -5, -5, 0, 7, 7, 7, 100, i64::MAX - 1, i64::MAX];
    PartitionKey {
        token: token[number as usize],
        key: Bytes::copy_from_slice(&(number as u32).to_be_bytes()),
    }
}

pub fn component(number: u64) -> u8 {
    // As the byte-comparable form of a tinyint: the sign flipped.
    number as u8 ^ 0x80
}

pub fn clustering(first: u64, second: u64) -> Bytes {
    Bytes::from(vec![0x40, component(first), 0x40, component(second), 0x38])
}
