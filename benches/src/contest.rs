//! Queries over helenus tables, beside DataFusion over Parquet files of the same rows and DuckDB.
//!
//! Each query runs on each engine in turn, so that all of them meet the same noise; the best of the
//! rounds counts, parse and plan included. DuckDB is asked as the Python package `duckdb`, over
//! tables of its own with as many threads; where it is missing, its column is empty.

use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use helenus::Database;
use helenus::analytics::{Analytics, AnalyticsOptions, QueryOptions};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

type Times = BTreeMap<String, f64>;

/// What is asked, and of what.
pub struct Contest<'a> {
    /// The keyspace of the tables.
    pub keyspace: &'a str,
    /// Their names, and the Parquet file of each.
    pub tables: Vec<(String, PathBuf)>,
    /// Names and texts.
    pub queries: Vec<(String, String)>,
    pub rounds: usize,
}

impl Contest<'_> {
    /// Runs all and prints a table.
    pub fn run(&self, db: &Database) {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let analytics = Analytics::new(db.engine().clone(), AnalyticsOptions::default());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build()
            .expect("runtime");
        let config = SessionConfig::new().with_target_partitions(threads);
        let peer = SessionContext::new_with_config(config);
        for (table, path) in &self.tables {
            let options = ParquetReadOptions::default();
            let path = path.display().to_string();
            runtime
                .block_on(peer.register_parquet(table.as_str(), path, options))
                .expect("Parquet");
        }
        let (mut ours, mut datafusion) = (Times::new(), Times::new());
        for _ in 0..self.rounds {
            for (name, sql) in &self.queries {
                best(&mut ours, name, || here(&analytics, self.keyspace, sql));
                best(&mut datafusion, name, || {
                    let batches = runtime.block_on(async {
                        let frame = peer.sql(sql).await.expect(name);
                        frame.collect().await.expect(name)
                    });
                    batches.iter().map(|batch| batch.num_rows()).sum()
                });
            }
        }
        report(&self.queries, &ours, &datafusion, &self.duckdb(threads));
    }

    fn duckdb(&self, threads: usize) -> Times {
        use std::io::Write;
        let job = serde_json::json!({
            "rounds": self.rounds, "threads": threads,
            "tables": self.tables, "queries": self.queries,
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
        // Before its last line there may be bars of progress.
        let told = String::from_utf8_lossy(&output.stdout);
        let last = told.trim().rsplit(['\n', '\r']).next().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|_| {
            eprintln!("DuckDB was not asked: `pip install duckdb`, PYTHON names the interpreter");
            Times::new()
        })
    }
}

fn here(analytics: &Analytics, keyspace: &str, sql: &str) -> usize {
    let query = analytics.prepare(sql, Some(keyspace)).expect("prepare");
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
for t, path in job['tables']:
    c.execute(f\"CREATE TABLE {t} AS FROM '{path}'\")
out = {}
for _ in range(job['rounds']):
    for name, sql in job['queries']:
        s = time.monotonic(); c.execute(sql).fetchall(); s = time.monotonic() - s
        out[name] = min(out.get(name, 1e9), s)
print(json.dumps(out))
";

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
