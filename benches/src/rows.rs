//! The rows that both sides store: events of sensors, 8 typed columns behind a composite key.

use std::io::{BufWriter, Write};
use std::path::Path;

/// The table of these rows.
pub const STATEMENTS: [&str; 2] = [
    "CREATE KEYSPACE b WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    "CREATE TABLE b.events (sensor text, moment bigint, count bigint, level int, value double, \
     drift double, valid boolean, state text, note text, seen timestamp, \
     PRIMARY KEY (sensor, moment))",
];

/// Rows a partition.
pub const ROWS_A_PARTITION: u64 = 200;

const WORDS: [&str; 8] = [
    "ok", "warning", "failed", "retrying", "idle", "starting", "stopping", "unknown",
];

/// One row.
#[derive(Clone, Debug)]
pub struct EventRow {
    pub sensor: String,
    pub moment: i64,
    pub count: i64,
    pub level: i32,
    pub value: f64,
    pub drift: f64,
    pub valid: bool,
    pub state: &'static str,
    pub note: String,
    pub seen: i64,
}

/// The `number`-th row of the data set.
pub fn row(number: u64) -> EventRow {
    let mixed = mix(number);
    EventRow {
        sensor: sensor(number / ROWS_A_PARTITION),
        moment: moment(number % ROWS_A_PARTITION),
        count: (mixed % 100_000) as i64,
        level: (mixed >> 20) as i32 % 1_000,
        value: (mixed % 10_007) as f64 / 16.0,
        drift: (mixed >> 33) as f64 / 1e9,
        valid: mixed & 4 == 0,
        state: WORDS[(mixed >> 8) as usize % WORDS.len()],
        note: format!("note {:010}", mixed % 10_000_000_000),
        seen: 1_356_998_400_000 + (number * 1_000) as i64,
    }
}

/// A sensor's name: the partition key.
pub fn sensor(partition: u64) -> String {
    format!("sensor-{partition:08}")
}

/// The clustering value of the `n`-th row of a partition.
pub fn moment(n: u64) -> i64 {
    1_000_000 + n as i64 * 10
}

/// A fixed permutation-like hash, so that the order of work is random but repeatable.
pub fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The numbers below `count` in a fixed random order.
pub fn shuffled(count: u64) -> Vec<u64> {
    let mut numbers: Vec<u64> = (0..count).collect();
    for at in (1..numbers.len()).rev() {
        numbers.swap(at, (mix(at as u64) % (at as u64 + 1)) as usize);
    }
    numbers
}

impl EventRow {
    /// What a reader adds up to show that it looked at every column.
    pub fn checksum(&self) -> u64 {
        (self.count as u64)
            .wrapping_add(self.level as u64)
            .wrapping_add(self.value.to_bits())
            .wrapping_add(self.drift.to_bits())
            .wrapping_add(u64::from(self.valid))
            .wrapping_add(self.state.len() as u64)
            .wrapping_add(self.note.len() as u64)
            .wrapping_add(self.seen as u64)
    }
}

/// Writes rows as CSV, in random order of partitions.
pub fn write_csv(path: &Path, count: u64) {
    let mut out = BufWriter::new(std::fs::File::create(path).expect("creates"));
    writeln!(
        out,
        "sensor,moment,count,level,value,drift,valid,state,note,seen"
    )
    .expect("writes");
    // An odd factor permutes the numbers below a power of two; those past the count are left out.
    let span = count.next_power_of_two();
    let factor = mix(count) | 1;
    for at in 0..span {
        let number = at.wrapping_mul(factor) & (span - 1);
        if number >= count {
            continue;
        }
        let row = row(number);
        writeln!(
            out,
            "{},{},{},{},{:.4},{:.6},{},{},{} and some more words,{}",
            row.sensor,
            row.moment,
            row.count,
            row.level,
            row.value,
            row.drift,
            row.valid,
            row.state,
            row.note,
            row.seen
        )
        .expect("writes");
    }
    out.flush().expect("writes");
}
