//! The 22 queries of TPC-H over helenus tables at scale 0.1, against DuckDB's answers to the same
//! data (`tools/answers record-tpch`).

use crate::answers::{ask, assert_same, recorded};
use crate::tpch_data::{TABLES, csv};
use helenus::Database;
use helenus::analytics::{Analytics, AnalyticsOptions};
use helenus::transfer::{ImportOptions, Input, import};
use std::path::Path;

const SCALE: f64 = 0.1;

fn load() -> (tempfile::TempDir, Database) {
    let directory = tempfile::tempdir().unwrap();
    let db = Database::open(directory.path()).unwrap();
    let schema = std::fs::read_to_string("sql/workloads/tpch/schema.cql").unwrap();
    for statement in schema.split(';').filter(|text| text.contains("CREATE")) {
        db.execute(statement, &[]).unwrap();
    }
    for table in TABLES {
        let input = Input::Reader(table.to_owned(), csv(table, SCALE));
        let options = ImportOptions::new("tpch", table, vec![input]);
        let summary = import(&db, options).unwrap();
        assert_eq!(summary.rejected, 0, "{table}");
    }
    (directory, db)
}

#[test]
fn the_22_queries_equal_duckdb() {
    let (_directory, db) = load();
    let analytics = Analytics::new(db.engine().clone(), AnalyticsOptions::default());
    for number in 1..=22 {
        let name = format!("q{number:02}");
        let sql = std::fs::read_to_string(format!("sql/workloads/tpch/{name}.sql")).unwrap();
        let ours = ask(&analytics, "tpch", &sql);
        let at = format!("tests/analytics/tpch/{name}.csv");
        assert_same(&name, &ours, &recorded(Path::new(&at)));
    }
    db.close().unwrap();
}
