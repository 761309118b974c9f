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
use rows::STATEMENTS;

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

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|argument| argument.parse().expect("number"));
    let count: u64 = arguments.next().unwrap_or(9_400_000);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("events.csv");
    rows::write_csv(&file, count);
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
