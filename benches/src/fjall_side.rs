//! The same rows in fjall 3: key = sensor, zero byte, big-endian moment; value = the whole row.

use crate::rows::{EventRow, moment, sensor};
use crate::side::Side;
use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use std::path::Path;

pub struct FjallSide {
    database: Database,
    items: Keyspace,
}

impl FjallSide {
    pub fn open(path: &Path, cache_bytes: u64) -> Self {
        let database = Database::builder(path)
            .cache_size(cache_bytes)
            .open()
            .expect("opens");
        let items = database
            .keyspace("events", KeyspaceCreateOptions::default)
            .expect("keyspace opens");
        Self { database, items }
    }
}

fn key(sensor: &str, moment: i64) -> Vec<u8> {
    let mut key = Vec::with_capacity(sensor.len() + 9);
    key.extend_from_slice(sensor.as_bytes());
    key.push(0);
    key.extend_from_slice(&((moment as u64) ^ (1 << 63)).to_be_bytes());
    key
}

fn encode(row: &EventRow) -> Vec<u8> {
    let mut value = Vec::with_capacity(80);
    value.extend_from_slice(&row.count.to_le_bytes());
    value.extend_from_slice(&row.level.to_le_bytes());
    value.extend_from_slice(&row.value.to_le_bytes());
    value.extend_from_slice(&row.drift.to_le_bytes());
    value.push(u8::from(row.valid));
    value.extend_from_slice(&row.seen.to_le_bytes());
    for text in [row.state, &row.note] {
        value.extend_from_slice(&(text.len() as u32).to_le_bytes());
        value.extend_from_slice(text.as_bytes());
    }
    value
}

fn fixed<const N: usize>(value: &[u8], at: usize) -> [u8; N] {
    value[at..at + N].try_into().expect("long enough")
}

fn count(value: &[u8]) -> i64 {
    i64::from_le_bytes(fixed(value, 0))
}

/// Reads every column, as a caller that asked for the row would.
fn checksum(value: &[u8]) -> u64 {
    let state_length = u32::from_le_bytes(fixed(value, 37)) as usize;
    let note_at = 41 + state_length;
    let note_length = u32::from_le_bytes(fixed(value, note_at)) as usize;
    assert_eq!(value.len(), note_at + 4 + note_length);
    (count(value) as u64)
        .wrapping_add(i32::from_le_bytes(fixed(value, 8)) as u64)
        .wrapping_add(u64::from_le_bytes(fixed(value, 12)))
        .wrapping_add(u64::from_le_bytes(fixed(value, 20)))
        .wrapping_add(u64::from(value[28]))
        .wrapping_add(state_length as u64)
        .wrapping_add(note_length as u64)
        .wrapping_add(u64::from_le_bytes(fixed(value, 29)))
}

impl Side for FjallSide {
    fn write(&mut self, row: &EventRow) {
        self.items
            .insert(key(&row.sensor, row.moment), encode(row))
            .expect("inserts");
    }

    fn write_batch(&mut self, rows: &[EventRow]) {
        let mut batch = self.database.batch();
        for row in rows {
            batch.insert(&self.items, key(&row.sensor, row.moment), encode(row));
        }
        batch.commit().expect("commits");
    }

    fn settle(&mut self) {
        self.items.rotate_memtable_and_wait().expect("flushes");
        self.items.major_compact().expect("compacts");
    }

    fn get(&self, partition: u64, n: u64) -> Option<u64> {
        let value = self
            .items
            .get(key(&sensor(partition), moment(n)))
            .expect("reads")?;
        Some(checksum(&value))
    }

    fn slice(&self, partition: u64, from: u64, rows: usize) -> (usize, u64) {
        let sensor = sensor(partition);
        let range = key(&sensor, moment(from))..key(&sensor, i64::MAX);
        let mut sum = 0u64;
        let mut seen = 0;
        for guard in self.items.range(range).take(rows) {
            let (_, value) = guard.into_inner().expect("reads");
            sum = sum.wrapping_add(checksum(&value));
            seen += 1;
        }
        (seen, sum)
    }

    fn scan(&self) -> (usize, u64) {
        let mut sum = 0u64;
        let mut seen = 0;
        for guard in self.items.iter() {
            let (_, value) = guard.into_inner().expect("reads");
            sum = sum.wrapping_add(checksum(&value));
            seen += 1;
        }
        (seen, sum)
    }

    fn scan_column(&self) -> (usize, i64) {
        let mut sum = 0i64;
        let mut seen = 0;
        for guard in self.items.iter() {
            let (_, value) = guard.into_inner().expect("reads");
            sum += count(&value);
            seen += 1;
        }
        (seen, sum)
    }
}
