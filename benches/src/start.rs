//! How long a database takes to answer its first query, and what it holds in memory when idle.
//!
//! Run with `cargo run --release --manifest-path benches/Cargo.toml --bin start -- [DATA_DIR]`;
//! without a directory an empty database is made in a temporary one. The process opens the
//! database, counts the tables that the catalog lists, and tells its resident memory.

use helenus::Database;
use std::time::Instant;

/// The resident memory of this process, in KiB, as the kernel tells it.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("runs on Linux");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("is told");
    line.split_whitespace()
        .nth(1)
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

fn main() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let directory = std::env::args()
        .nth(1)
        .map_or(temporary.path().join("empty"), Into::into);
    let before = resident_kib();
    let began = Instant::now();
    let database = Database::open(&directory).expect("opens");
    let opened = began.elapsed();
    let tables = database
        .execute("SELECT table_name FROM system_schema.tables", &[])
        .expect("answers")
        .into_rows()
        .collect()
        .expect("reads")
        .len();
    let answered = began.elapsed();
    std::thread::sleep(std::time::Duration::from_secs(2));
    println!(
        "open {:.2} ms, first answer {:.2} ms ({tables} tables), resident {:.1} MiB idle \
         ({:.1} MiB before opening)",
        opened.as_secs_f64() * 1e3,
        answered.as_secs_f64() * 1e3,
        resident_kib() as f64 / 1024.0,
        before as f64 / 1024.0,
    );
}
