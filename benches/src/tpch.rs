//! TPC-H over helenus tables, beside DataFusion over Parquet files of the same rows and DuckDB.
//!
//! ```text
//! tools/answers compare-tpch --scale 1 --keep DIR      makes DIR/parquet and DIR/data once
//! cargo run --release --manifest-path benches/Cargo.toml --bin tpch -- DIR [rounds]
//! ```
//!
//! Each query runs on each engine in turn, so that all of them meet the same noise; the best of the
//! rounds counts, parse and plan included. DuckDB is asked as the Python package `duckdb`, over
//! tables of its own with as many threads; where it is missing, its column is empty.

use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use helenus::Database;
use helenus::analytics::{Analytics, AnalyticsOptions, QueryOptions};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const TABLES: [&str; 8] = [
    "region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem",
];

type Times = BTreeMap<String, f64>;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments
        .next()
        .expect("a directory of tools/answers compare-tpch --keep");
    let rounds: usize = arguments
        .next()
        .map_or(3, |text| text.parse().expect("rounds"));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sql/workloads/tpch");
    let queries: Vec<(String, String)> = (1..=22)
        .map(|number| {
            let name = format!("q{number:02}");
            let text = std::fs::read_to_string(root.join(format!("{name}.sql"))).expect("query");
            (name, text.trim().trim_end_matches(';').to_owned())
        })
        .collect();

    let db = Database::open(Path::new(&directory).join("data")).expect("DIR/data");
    let analytics = Analytics::new(db.engine().clone(), AnalyticsOptions::default());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .expect("runtime");
    let peer =
        SessionContext::new_with_config(SessionConfig::new().with_target_partitions(threads));
    for table in TABLES {
        let path = format!("{directory}/parquet/{table}.parquet");
        let options = ParquetReadOptions::default();
        runtime
            .block_on(peer.register_parquet(table, path, options))
            .expect("Parquet");
    }

    let (mut ours, mut datafusion) = (Times::new(), Times::new());
    for _ in 0..rounds {
        for (name, sql) in &queries {
            best(&mut ours, name, || here(&analytics, sql));
            best(&mut datafusion, name, || {
                let batches = runtime.block_on(async {
                    peer.sql(sql)
                        .await
                        .expect(name)
                        .collect()
                        .await
                        .expect(name)
                });
                batches.iter().map(|batch| batch.num_rows()).sum()
            });
        }
    }
    let duckdb = duckdb(&directory, rounds, threads, &queries);
    report(&queries, &ours, &datafusion, &duckdb);
}

fn here(analytics: &Analytics, sql: &str) -> usize {
    let query = analytics.prepare(sql, Some("tpch")).expect("prepare");
    let mut stream = analytics.run(&query, QueryOptions::default()).expect("run");
    let mut rows = 0;
    while let Some(batch) = stream.next().expect("batch") {
        rows += batch.num_rows();
    }
    rows
}

fn best(times: &mut Times, name: &str, work: impl FnOnce() -> usize) {
    let started = Instant::now();
    std::hint::black_box(work());
    let seconds = started.elapsed().as_secs_f64();
    let entry = times.entry(name.to_owned()).or_insert(f64::MAX);
    *entry = entry.min(seconds);
}

const DUCKDB: &str = "
import duckdb, json, sys, time
job = json.load(sys.stdin)
c = duckdb.connect(config={'threads': job['threads']})
for t in job['tables']:
    c.execute(f\"CREATE TABLE {t} AS FROM '{job['directory']}/parquet/{t}.parquet'\")
out = {}
for _ in range(job['rounds']):
    for name, sql in job['queries']:
        s = time.monotonic(); c.execute(sql).fetchall(); s = time.monotonic() - s
        out[name] = min(out.get(name, 1e9), s)
print(json.dumps(out))
";

fn duckdb(directory: &str, rounds: usize, threads: usize, queries: &[(String, String)]) -> Times {
    use std::io::Write;
    let job = serde_json::json!({
        "directory": directory, "rounds": rounds, "threads": threads,
        "tables": TABLES, "queries": queries,
    });
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let child = Command::new(python)
        .args(["-c", DUCKDB])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        return Times::new();
    };
    if let Some(mut input) = child.stdin.take() {
        let _ = input.write_all(job.to_string().as_bytes());
    }
    let output = child.wait_with_output().expect("python");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        eprintln!("DuckDB was not asked: `pip install duckdb`, PYTHON names the interpreter");
        Times::new()
    })
}

fn report(queries: &[(String, String)], ours: &Times, datafusion: &Times, duckdb: &Times) {
    println!("| query | helenus, s | DataFusion on Parquet, s | ratio | DuckDB, s | ratio |");
    println!("|---|---|---|---|---|---|");
    let (mut sums, mut logs) = ([0.0; 3], [0.0; 2]);
    for (name, _) in queries {
        let (a, b) = (ours[name], datafusion[name]);
        let c = duckdb.get(name).copied().unwrap_or(f64::NAN);
        println!(
            "| {name} | {a:.3} | {b:.3} | {:.2} | {c:.3} | {:.2} |",
            a / b,
            a / c
        );
        for (sum, value) in sums.iter_mut().zip([a, b, c]) {
            *sum += value;
        }
        logs[0] += (a / b).ln();
        logs[1] += (a / c).ln();
    }
    let [a, b, c] = sums;
    println!(
        "| total | {a:.2} | {b:.2} | {:.2} | {c:.2} | {:.2} |",
        a / b,
        a / c
    );
    let count = queries.len() as f64;
    println!(
        "geometric mean of the ratios: {:.2} to DataFusion, {:.2} to DuckDB",
        (logs[0] / count).exp(),
        (logs[1] / count).exp()
    );
}
