//! TPC-H over helenus tables, beside DataFusion over Parquet files of the same rows and DuckDB.
//!
//! ```text
//! tools/answers compare-tpch --scale 1 --keep DIR      makes DIR/parquet and DIR/data once
//! cargo run --release --manifest-path benches/Cargo.toml --bin tpch -- DIR [rounds]
//! ```

mod contest;

use contest::Contest;
use helenus::Database;
use std::path::Path;

/// The allocator of the database's own program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TABLES: [&str; 8] = [
    "region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem",
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments
        .next()
        .expect("a directory of tools/answers compare-tpch --keep");
    let directory = Path::new(&directory);
    let rounds = arguments
        .next()
        .map_or(3, |text| text.parse().expect("rounds"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sql/workloads/tpch");
    let query = |number: usize| {
        let name = format!("q{number:02}");
        let text = std::fs::read_to_string(root.join(format!("{name}.sql"))).expect("query");
        (name, text.trim().trim_end_matches(';').to_owned())
    };
    let parquet = |table: &&str| directory.join(format!("parquet/{table}.parquet"));
    let contest = Contest {
        keyspace: "tpch",
        tables: TABLES
            .iter()
            .map(|it| (it.to_string(), parquet(it)))
            .collect(),
        queries: (1..=22).map(query).collect(),
        rounds,
    };
    let db = Database::open(directory.join("data")).expect("DIR/data");
    contest.run(&db);
}
