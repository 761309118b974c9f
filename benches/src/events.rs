//! Five million events: scans, groups and windows beside DataFusion over Parquet and DuckDB; the
//! files beside Parquet's; point reads beside a batch query.
//!
//! ```text
//! cargo run --release --manifest-path benches/Cargo.toml --bin events -- [ROWS [ROUNDS]]
//! ```
//! The rows go in by an import of CSV, and out again to a Parquet file compressed by LZ4, which the
//! peers read.
//!
//! Point reads are an open loop: one is due each millisecond, and its latency counts from when it
//! was due, so that a stall is felt by all reads that wait behind it.

mod contest;
#[expect(dead_code, reason = "the comparison with fjall uses the rest")]
mod rows;

use contest::Contest;
use helenus::Database;
use helenus::analytics::{Analytics, AnalyticsOptions, QueryOptions};
use helenus::transfer::{
    self, Compression, ExportOptions, ImportOptions, Input, Output, Selection,
};
use rows::{ROWS_A_PARTITION, mix, moment, sensor};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The allocator of the database's own program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const QUERIES: [(&str, &str); 8] = [
    ("count", "SELECT count(*) FROM events"),
    (
        "scan",
        "SELECT sum(value), max(drift), sum(count), min(seen) FROM events",
    ),
    (
        "filter",
        "SELECT count(*), sum(value) FROM events WHERE level = 7 AND valid",
    ),
    (
        "group, 8",
        "SELECT state, count(*), avg(value), max(drift) FROM events GROUP BY state",
    ),
    (
        "group, 8,000",
        "SELECT state, level, sum(count) FROM events GROUP BY state, level",
    ),
    (
        "group by key",
        "SELECT sensor, min(moment), avg(value) FROM events GROUP BY sensor",
    ),
    (
        "window",
        "SELECT count(*), avg(d), max(r) FROM (SELECT value - lag(value) OVER w AS d, \
         row_number() OVER w AS r FROM events WINDOW w AS (PARTITION BY sensor ORDER BY moment)) t",
    ),
    (
        "top",
        "SELECT sensor, moment, value, note FROM events ORDER BY value DESC, sensor LIMIT 10",
    ),
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |otherwise: u64| {
        let text = arguments.next();
        text.map_or(otherwise, |text| text.parse().expect("a number"))
    };
    let (count, rounds) = (number(5_000_000), number(3) as usize);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let csv = folder.path().join("events.csv");
    rows::write_csv(&csv, count);
    let data = folder.path().join("data");
    let db = Database::open(&data).expect("opens");
    for statement in rows::STATEMENTS {
        db.execute(statement, &[]).expect("executes");
    }
    let input = Input::Path(csv.display().to_string());
    let summary = transfer::import(&db, ImportOptions::new("b", "events", vec![input]));
    println!("{}", summary.expect("imports"));
    let parquet = folder.path().join("events.parquet");
    let selection = Selection::Table {
        keyspace: "b".to_owned(),
        table: "events".to_owned(),
        columns: None,
    };
    let mut options = ExportOptions::new(selection, Output::Path(parquet.clone()));
    options.compression = Some(Compression::Lz4);
    println!("{}", transfer::export(&db, options).expect("exports"));
    let (ours, theirs) = (tree_bytes(&data.join("tables")), tree_bytes(&parquet));
    println!(
        "on disk {:.1} MB, Parquet with LZ4 {:.1} MB: {:.2}",
        ours as f64 / 1e6,
        theirs as f64 / 1e6,
        ours as f64 / theirs as f64
    );
    let contest = Contest {
        keyspace: "b",
        tables: vec![("events".to_owned(), parquet)],
        queries: QUERIES
            .iter()
            .map(|(name, text)| (name.to_string(), text.to_string()))
            .collect(),
        rounds,
    };
    contest.run(&db);
    kept(&db, count);
}

fn tree_bytes(path: &Path) -> u64 {
    let about = std::fs::metadata(path).expect("is there");
    if about.is_file() {
        return about.len();
    }
    let entries = std::fs::read_dir(path).expect("a folder");
    entries
        .map(|entry| tree_bytes(&entry.expect("an entry").path()))
        .sum()
}

/// Point reads alone, then beside a query that reads the whole table again and again.
fn kept(db: &Database, count: u64) {
    let alone = point_reads(db, count);
    let done = AtomicBool::new(false);
    let mut queries = 0;
    let beside = std::thread::scope(|scope| {
        let batch = scope.spawn(|| {
            let analytics = Analytics::new(db.engine().clone(), AnalyticsOptions::default());
            let text = "SELECT level, note, count(*), avg(value) FROM events GROUP BY level, note";
            let mut queries = 0;
            while !done.load(Ordering::Relaxed) {
                let query = analytics.prepare(text, Some("b")).expect("prepare");
                let mut stream = analytics.run(&query, QueryOptions::default()).expect("run");
                while let Some(batch) = stream.next().expect("batch") {
                    std::hint::black_box(batch.num_rows());
                }
                queries += 1;
            }
            queries
        });
        std::thread::sleep(Duration::from_millis(200));
        let beside = point_reads(db, count);
        done.store(true, Ordering::Relaxed);
        queries = batch.join().expect("the batch query");
        beside
    });
    println!("1,000 point reads/s, p50 / p99 / p99.9 in ms:");
    for (what, times) in [("alone", alone), ("beside a batch query", beside)] {
        let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize] * 1e3;
        println!(
            "  {what}: {:.3} / {:.3} / {:.3}",
            at(0.5),
            at(0.99),
            at(0.999)
        );
    }
    println!("  ({queries} batch queries in that time)");
}

/// The sorted latencies of ten seconds of reads, in seconds.
fn point_reads(db: &Database, count: u64) -> Vec<f64> {
    const READS: u64 = 10_000;
    let statement = db
        .prepare("SELECT value, note FROM b.events WHERE sensor = ? AND moment = ?")
        .expect("prepares");
    let started = Instant::now();
    let mut times: Vec<f64> = (0..READS)
        .map(|read| {
            let due = Duration::from_millis(read);
            if let Some(early) = due.checked_sub(started.elapsed()) {
                std::thread::sleep(early);
            }
            let number = mix(read) % count;
            let values = [
                sensor(number / ROWS_A_PARTITION).into(),
                moment(number % ROWS_A_PARTITION).into(),
            ];
            let rows = db.execute_prepared(&statement, &values).expect("reads");
            std::hint::black_box(&rows);
            (started.elapsed() - due).as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}
