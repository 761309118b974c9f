//! A generated CSV of about a gigabyte into a fresh table: how fast, and with how much memory.
//!
//! Run with `cargo run --release --manifest-path benches/Cargo.toml --bin import -- [ROWS]`
//! (9,400,000 rows unless told otherwise). The file is written first, in random order of
//! partitions; then this process imports it with the defaults and tells the summary and the peak
//! of its resident memory, which generating (one row at a time) does not raise.

#[expect(dead_code, reason = "the comparison with fjall uses the rest")]
mod rows;

use helenus::Database;
use helenus::transfer::{self, ImportOptions, Input};
use rows::{mix, row};
use std::io::{BufWriter, Write};
use std::path::Path;

const STATEMENTS: [&str; 2] = [
    "CREATE KEYSPACE b WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    "CREATE TABLE b.events (sensor text, moment bigint, count bigint, level int, value double, \
     drift double, valid boolean, state text, note text, seen timestamp, \
     PRIMARY KEY (sensor, moment))",
];

/// The most memory this process ever held, in KiB, as the kernel tells it.
fn resident_peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("runs on Linux");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .expect("is told");
    line.split_whitespace()
        .nth(1)
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

fn generate(path: &Path, count: u64) {
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

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|argument| argument.parse().expect("number"));
    let count: u64 = arguments.next().unwrap_or(9_400_000);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("events.csv");
    generate(&file, count);
    let bytes = std::fs::metadata(&file).expect("is there").len();
    println!("generated {count} rows, {:.2} GB", bytes as f64 / 1e9);

    let database = Database::open(folder.path().join("data")).expect("opens");
    for statement in STATEMENTS {
        database.execute(statement, &[]).expect("executes");
    }
    let input = Input::Path(file.display().to_string());
    let summary = transfer::import(&database, ImportOptions::new("b", "events", vec![input]))
        .expect("imports");
    assert_eq!(
        (summary.rows, summary.duplicates, summary.rejected),
        (count, 0, 0)
    );
    println!("{summary}");
    println!(
        "peak resident {:.0} MiB",
        resident_peak_kib() as f64 / 1024.0
    );
}
