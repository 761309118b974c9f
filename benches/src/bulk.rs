//! Bulk data in and out beside DuckDB, on the same file.
//!
//! ```text
//! cargo run --release --manifest-path benches/Cargo.toml --bin bulk -- [ROWS [ROUNDS]]
//! ```
//! In: a CSV in random order of partitions becomes a table, sorted by its key and durable (here the
//! import's files are synced; there a database file, with a checkpoint). Out: the table as CSV and
//! as Parquet compressed by LZ4. The best of the rounds counts; PYTHON names an interpreter that has
//! the package `duckdb`.

#[expect(dead_code, reason = "the comparison with fjall uses the rest")]
mod rows;

use helenus::Database;
use helenus::transfer::{
    self, Compression, ExportOptions, ImportOptions, Input, Output, Selection,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// The allocator of the database's own program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DUCKDB: &str = r#"
import duckdb, json, os, sys, time
folder, threads = sys.argv[1], int(sys.argv[2])
path = f"{folder}/peer.duckdb"
for end in ("", ".wal"):
    if os.path.exists(path + end): os.remove(path + end)
c = duckdb.connect(path, config={"threads": threads})
def timed(*statements):
    start = time.monotonic()
    for statement in statements: c.execute(statement)
    return time.monotonic() - start
out = {}
out["CSV in"] = timed(
    f"CREATE TABLE events AS FROM read_csv('{folder}/events.csv') ORDER BY sensor, moment",
    "CHECKPOINT")
out["CSV out"] = timed(f"COPY events TO '{folder}/peer.csv' (HEADER)")
out["Parquet out"] = timed(
    f"COPY events TO '{folder}/peer.parquet' (FORMAT parquet, COMPRESSION lz4_raw)")
print(json.dumps(out))
"#;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |otherwise: u64| {
        let text = arguments.next();
        text.map_or(otherwise, |text| text.parse().expect("a number"))
    };
    let (count, rounds) = (number(5_000_000), number(3));
    let folder = tempfile::tempdir().expect("a temporary folder");
    rows::write_csv(&folder.path().join("events.csv"), count);
    let (mut ours, mut theirs) = (BTreeMap::new(), BTreeMap::new());
    for _ in 0..rounds {
        keep_best(&mut ours, here(folder.path()));
        keep_best(&mut theirs, duckdb(folder.path()));
    }
    println!("{count} rows, rows/s");
    println!("| work | helenus | DuckDB | ratio |\n|---|---|---|---|");
    for (what, seconds) in &ours {
        let other = theirs.get(what).copied().unwrap_or(f64::NAN);
        println!(
            "| {what} | {:.0} | {:.0} | {:.2} |",
            count as f64 / seconds,
            count as f64 / other,
            other / seconds
        );
    }
}

fn keep_best(times: &mut BTreeMap<String, f64>, round: BTreeMap<String, f64>) {
    for (what, seconds) in round {
        let best = times.entry(what).or_insert(f64::MAX);
        *best = best.min(seconds);
    }
}

fn here(folder: &Path) -> BTreeMap<String, f64> {
    let data = folder.join("data");
    if data.exists() {
        std::fs::remove_dir_all(&data).expect("removes");
    }
    let db = Database::open(&data).expect("opens");
    for statement in rows::STATEMENTS {
        db.execute(statement, &[]).expect("executes");
    }
    let input = Input::Path(folder.join("events.csv").display().to_string());
    let options = ImportOptions::new("b", "events", vec![input]);
    let started = Instant::now();
    transfer::import(&db, options).expect("imports");
    let mut times = BTreeMap::from([("CSV in".to_owned(), started.elapsed().as_secs_f64())]);
    for (what, name, compression) in [
        ("CSV out", "ours.csv", None),
        ("Parquet out", "ours.parquet", Some(Compression::Lz4)),
    ] {
        let selection = Selection::Table {
            keyspace: "b".to_owned(),
            table: "events".to_owned(),
            columns: None,
        };
        let mut options = ExportOptions::new(selection, Output::Path(folder.join(name)));
        options.compression = compression;
        let started = Instant::now();
        transfer::export(&db, options).expect("exports");
        times.insert(what.to_owned(), started.elapsed().as_secs_f64());
    }
    times
}

fn duckdb(folder: &Path) -> BTreeMap<String, f64> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let output = Command::new(python)
        .args(["-c", DUCKDB])
        .arg(folder)
        .arg(threads.to_string())
        .output()
        .expect("python");
    // Before its last line there may be bars of progress.
    let told = String::from_utf8_lossy(&output.stdout);
    let last = told.trim().rsplit(['\n', '\r']).next().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|_| {
        eprintln!(
            "DuckDB was not asked: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        BTreeMap::new()
    })
}
