//! Random partitions with everything that the cell model has.

use super::model::{Model, Partition};
use crate::random::Random;
use crate::schema::ColumnId;
use crate::storage::cell::{Cell, Deletion, Liveness, NEVER, NO_TTL};
use crate::storage::row::{
    ColumnData, PartitionKey, PathCell, RangeDeletion, Row, RowColumn, RowDeletion,
};
use crate::storage::sstable::footer::ColumnEntry;
use crate::types::physical::PhysicalKind;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

const KINDS: [(u32, PhysicalKind, &str); 12] = [
    (1, PhysicalKind::Bytes, "about"),
    (2, PhysicalKind::Int32, "count"),
    (3, PhysicalKind::Int64, "moment"),
    (4, PhysicalKind::Float64, "price"),
    (5, PhysicalKind::Bytes, "text"),
    (6, PhysicalKind::Complex, "tags"),
    (7, PhysicalKind::Counter, "visits"),
    (8, PhysicalKind::Bool, "ok"),
    (9, PhysicalKind::Int16, "short"),
    (10, PhysicalKind::Int8, "tiny"),
    (12, PhysicalKind::Float32, "real"),
    (15, PhysicalKind::Bytes, "colour"),
];

pub fn columns() -> Vec<ColumnEntry> {
    KINDS
        .iter()
        .map(|(id, kind, name)| ColumnEntry {
            id: ColumnId(*id),
            kind: *kind,
            name: (*name).to_owned(),
        })
        .collect()
}

pub fn partition_key(number: u64) -> PartitionKey {
    let key = Bytes::copy_from_slice(format!("key{number}").as_bytes());
    let token = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) as i64;
    PartitionKey { token, key }
}

struct Maker {
    random: Random,
    /// How odd things are, in percent: 0 is plain INSERTs.
    odd: u64,
}

impl Maker {
    fn below(&self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    fn oddly(&self) -> bool {
        self.below(100) < self.odd
    }

    fn timestamp(&self) -> i64 {
        match self.below(20) {
            0 if self.odd > 0 => i64::MIN + 1 + self.below(5) as i64,
            1 if self.odd > 0 => i64::MAX - self.below(5) as i64,
            _ => 1_700_000_000_000_000 + self.below(1_000_000) as i64,
        }
    }

    fn seconds(&self) -> i64 {
        1_700_000_000 + self.below(10_000) as i64
    }

    fn deletion(&self) -> Deletion {
        Deletion {
            timestamp: self.timestamp(),
            deleted_at_seconds: self.seconds(),
        }
    }

    fn value(&self, kind: PhysicalKind) -> Bytes {
        let number = self.below(1_000) as i64 - 500;
        let far = self.random.next_u64() as i64;
        let any = if self.oddly() { far } else { number };
        let bytes: Vec<u8> = match kind {
            PhysicalKind::Int8 => (any as i8).to_be_bytes().to_vec(),
            PhysicalKind::Int16 => (any as i16).to_be_bytes().to_vec(),
            PhysicalKind::Int32 => (any as i32).to_be_bytes().to_vec(),
            PhysicalKind::Int64 => any.to_be_bytes().to_vec(),
            PhysicalKind::Float32 => (any as f32 / 8.0).to_be_bytes().to_vec(),
            PhysicalKind::Float64 => (any as f64 / 8.0).to_be_bytes().to_vec(),
            PhysicalKind::Bool => vec![(any & 1) as u8],
            PhysicalKind::Counter => [any.to_be_bytes(), far.to_be_bytes()].concat(),
            PhysicalKind::Bytes | PhysicalKind::Complex => match self.below(40) {
                0 if self.odd > 0 => vec![7; 4_097 + self.below(3_000) as usize],
                1 => Vec::new(),
                _ => format!("value {}", self.below(12)).into_bytes(),
            },
        };
        if self.oddly() && self.below(10) == 0 {
            return Bytes::new();
        }
        Bytes::from(bytes)
    }

    fn cell(&self, kind: PhysicalKind, liveness: &Liveness) -> Cell {
        if self.oddly() || liveness.is_none() {
            return match self.below(3) {
                0 => Cell::plain(self.timestamp(), self.value(kind)),
                1 if self.odd > 0 => Cell::tombstone(self.timestamp(), self.seconds()),
                _ if self.odd > 0 => {
                    Cell::expiring(self.timestamp(), 60, self.seconds(), self.value(kind))
                }
                _ => Cell::plain(self.timestamp(), self.value(kind)),
            };
        }
        Cell {
            timestamp: liveness.timestamp,
            ttl_seconds: liveness.ttl_seconds,
            expiry_seconds: liveness.expiry_seconds,
            value: self.value(kind),
        }
    }

    fn complex(&self, liveness: &Liveness) -> ColumnData {
        let mut paths = BTreeSet::new();
        for _ in 0..self.below(4) {
            paths.insert(vec![self.below(200) as u8; 1 + self.below(3) as usize]);
        }
        let cells: Vec<PathCell> = paths
            .into_iter()
            .map(|path| PathCell {
                path: Bytes::from(path),
                original: self.oddly().then(|| Bytes::from_static(b"as it was")),
                cell: self.cell(PhysicalKind::Bytes, liveness),
            })
            .collect();
        let deletion = if self.oddly() || cells.is_empty() {
            self.deletion()
        } else {
            Deletion::NONE
        };
        ColumnData::Complex { deletion, cells }
    }

    fn row(&self, clustering: Bytes, is_static: bool) -> Row {
        let mut row = Row::new(clustering);
        if !self.oddly() && !is_static {
            row.liveness = Liveness {
                timestamp: self.timestamp(),
                ttl_seconds: NO_TTL,
                expiry_seconds: NEVER,
            };
            if self.oddly() {
                row.liveness.ttl_seconds = 1 + self.below(100) as i32;
                row.liveness.expiry_seconds = self.seconds();
            }
        }
        if self.oddly() {
            row.deletion = RowDeletion::plain(self.deletion());
        }
        if self.oddly() {
            row.deletion.shadowable = self.deletion();
        }
        if self.oddly() && !is_static {
            row.original = Some(Bytes::from_static(b"\x00\x011"));
        }
        for (id, kind, _) in KINDS {
            if (id == 1) != is_static || self.below(4) == 0 {
                continue;
            }
            let data = match kind {
                PhysicalKind::Complex if self.odd == 0 => continue,
                PhysicalKind::Complex => self.complex(&row.liveness),
                _ => ColumnData::Simple(self.cell(kind, &row.liveness)),
            };
            let id = ColumnId(id);
            row.columns.push(RowColumn { id, data });
        }
        row
    }

    fn clusterings(&self, count: u64) -> Vec<Bytes> {
        let shared = self.below(3);
        let list: BTreeSet<Vec<u8>> = (0..count)
            .map(|_| {
                let mut key = vec![0x40; 1 + shared as usize];
                key.extend_from_slice(&(self.below(500) as u16).to_be_bytes());
                if self.oddly() {
                    key.push(0x33);
                }
                key.push(0x38);
                key
            })
            .collect();
        list.into_iter().map(Bytes::from).collect()
    }

    fn ranges(&self, clusterings: &[Bytes]) -> Vec<RangeDeletion> {
        let mut bounds = BTreeSet::new();
        for _ in 0..self.below(6) {
            let mut bound = match clusterings.len() {
                0 => vec![0x40, self.below(250) as u8],
                some => clusterings[self.below(some as u64) as usize].to_vec(),
            };
            bound.pop();
            bound.push([0x20, 0x60][self.below(2) as usize]);
            bounds.insert(bound);
        }
        if self.below(4) == 0 {
            bounds.insert(vec![0x20]);
            bounds.insert(vec![0x60]);
        }
        let bounds: Vec<Bytes> = bounds.into_iter().map(Bytes::from).collect();
        bounds
            .windows(2)
            .filter(|_| self.below(3) > 0)
            .map(|pair| RangeDeletion {
                start: pair[0].clone(),
                end: pair[1].clone(),
                deletion: self.deletion(),
            })
            .collect()
    }

    fn partition(&self, key: PartitionKey, rows: u64) -> Partition {
        let clusterings = self.clusterings(rows);
        let ranges = if self.oddly() || (self.odd > 0 && rows == 0) {
            self.ranges(&clusterings)
        } else {
            Vec::new()
        };
        Partition {
            key,
            deletion: if self.oddly() {
                self.deletion()
            } else {
                Deletion::NONE
            },
            static_row: self.oddly().then(|| self.row(Bytes::new(), true)),
            rows: clusterings
                .into_iter()
                .map(|clustering| self.row(clustering, false))
                .collect(),
            ranges,
        }
    }

    fn model(&self, partitions: u64, rows: u64) -> Model {
        let keys: BTreeMap<PartitionKey, ()> = (0..partitions)
            .map(|_| (partition_key(self.below(100_000)), ()))
            .collect();
        Model {
            partitions: keys
                .into_keys()
                .map(|key| self.partition(key, self.below(rows + 1)))
                .collect(),
        }
    }
}

/// A small model; how odd it is depends on the seed.
pub fn model(seed: u64) -> Model {
    let maker = Maker {
        random: Random::seeded(seed),
        odd: [0, 3, 30, 60][seed as usize % 4],
    };
    let partitions = 1 + maker.below(12);
    let rows = [0, 1, 5, 60][maker.below(4) as usize];
    maker.model(partitions, rows.max(1))
}

/// A model of many rows.
pub fn large() -> Model {
    let maker = Maker {
        random: Random::seeded(99),
        odd: 2,
    };
    let mut model = maker.model(300, 4);
    model.partitions[40] = maker.partition(model.partitions[40].key.clone(), 900);
    model
}
