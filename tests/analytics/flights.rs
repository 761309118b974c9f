//! Queries over flights that were deleted, overwritten and expired, spread over several SSTables
//! and a memtable, against DuckDB's answers over the rows that an export shows.
//!
//! `tools/answers record-flights` runs this test with HELENUS_EXPORT naming a directory: then the
//! tables are exported there instead of compared.

use crate::answers::{ask, assert_same, recorded};
use helenus::Database;
use helenus::analytics::{Analytics, AnalyticsOptions};
use helenus::clock::VirtualClock;
use helenus::config::Config;
use helenus::random::Random;
use helenus::transfer::{ExportOptions, ImportOptions, Input, Output, Selection, export, import};
use std::path::Path;

const TABLES: [&str; 5] = ["airlines", "airports", "planes", "weather", "flights"];
/// Three months.
const FLIGHTS_MAX: u64 = 83_000;

fn load(db: &Database) {
    let schema = include_str!("flights/schema.cql");
    for statement in schema.split(';').filter(|text| text.contains("CREATE")) {
        db.execute(statement, &[]).unwrap();
    }
    for table in TABLES {
        let plain = format!("sql/examples/data/{table}.csv");
        let at = if Path::new(&plain).exists() {
            plain
        } else {
            format!("{plain}.gz")
        };
        let mut options = ImportOptions::new("nyc", table, vec![Input::Path(at)]);
        options.dialect.null = "NA".to_owned();
        options.rows_max = Some(FLIGHTS_MAX);
        let summary = import(db, options).unwrap();
        assert_eq!(summary.rejected, 0, "{table}");
    }
    db.execute("USE nyc", &[]).unwrap();
}

/// Deletes, overwrites and adds, with a flush between the parts; the last one stays in memory.
fn disturb(db: &Database, clock: &VirtualClock) {
    let random = Random::seeded(2013);
    let run = |cql: &str| {
        db.execute(cql, &[])
            .unwrap_or_else(|error| panic!("{error}: {cql}"));
    };
    let origin = || ["JFK", "LGA", "EWR"][random.below(3) as usize];
    let month = || [1, 10, 11][random.below(3) as usize];
    for part in 0..4_u64 {
        run(&format!(
            "DELETE FROM flights WHERE origin = 'LGA' AND month = 1 AND day = {}",
            12 + part
        ));
        for _ in 0..20 {
            let (day, from) = (1 + random.below(30), 500 + random.below(1500));
            let (origin, month) = (origin(), month());
            run(&format!(
                "DELETE FROM flights WHERE origin = '{origin}' AND month = {month} AND day = {day} \
                 AND sched_dep_time >= {from} AND sched_dep_time < {}",
                from + 60
            ));
        }
        run(
            "DELETE FROM flights WHERE origin = 'EWR' AND month = 1 AND day = 5 \
             AND sched_dep_time < 900",
        );
        overwrite(db, &random);
        for number in 0..50 {
            let (origin, month, day) = (origin(), month(), 1 + random.below(30));
            let (carrier, using) = match number % 3 {
                0 => ("ZZ", "USING TTL 60"),
                1 => ("YY", "USING TTL 864000"),
                _ => ("MM", ""),
            };
            run(&format!(
                "INSERT INTO flights (origin, month, day, sched_dep_time, carrier, flight, year, \
                 distance, dest, time_hour) VALUES ('{origin}', {month}, {day}, {}, '{carrier}', \
                 {number}, 2013, {}, 'SFO', '2013-10-05 0{part}:00:00+0000') {using}",
                600 + number,
                1000 + part
            ));
        }
        clock.advance_micros(3_600_000_000);
        if part < 3 {
            db.engine().flush(None).unwrap();
        }
    }
}

/// New values and cells deleted one by one, in rows that exist.
fn overwrite(db: &Database, random: &Random) {
    let day = 1 + random.below(28);
    let cql = format!(
        "SELECT sched_dep_time, carrier, flight FROM flights WHERE origin = 'JFK' AND month = 10 \
         AND day = {day}"
    );
    let mut rows = db.execute(&cql, &[]).unwrap().into_rows();
    let mut keys = Vec::new();
    while let Some(row) = rows.next_row().unwrap() {
        let key: (i32, String, i32) = (
            row.get("sched_dep_time").unwrap(),
            row.get("carrier").unwrap(),
            row.get("flight").unwrap(),
        );
        keys.push(key);
    }
    for (time, carrier, flight) in keys {
        let at = format!(
            "WHERE origin = 'JFK' AND month = 10 AND day = {day} AND sched_dep_time = {time} \
             AND carrier = '{carrier}' AND flight = {flight}"
        );
        let cql = match random.below(5) {
            0 => format!("UPDATE flights SET dep_delay = 9999, tailnum = null {at}"),
            1 => format!("DELETE dep_time, arr_delay FROM flights {at}"),
            2 => format!("DELETE FROM flights {at}"),
            3 => format!("UPDATE flights USING TTL 30 SET arr_delay = 77 {at}"),
            _ => continue,
        };
        db.execute(&cql, &[]).unwrap();
    }
}

fn save(db: &Database, directory: &str) {
    for table in TABLES {
        let selection = Selection::Table {
            keyspace: "nyc".to_owned(),
            table: table.to_owned(),
            columns: None,
        };
        let output = Output::Path(Path::new(directory).join(format!("{table}.csv")));
        let mut options = ExportOptions::new(selection, output);
        options.dialect.null = "NA".to_owned();
        export(db, options).unwrap();
    }
}

#[test]
fn flights_queries_equal_duckdb() {
    let clock = VirtualClock::shared(1_700_000_000_000_000);
    let db = Database::in_memory(Config::default(), clock.clone()).unwrap();
    load(&db);
    disturb(&db, &clock);
    if let Ok(directory) = std::env::var("HELENUS_EXPORT") {
        save(&db, &directory);
        return;
    }
    let analytics = Analytics::new(db.engine().clone(), AnalyticsOptions::default());
    let text = include_str!("flights/queries.sql");
    let mut count = 0;
    for block in text.split("-- name: ").skip(1) {
        let (name, sql) = block.split_once('\n').unwrap();
        let ours = ask(&analytics, "nyc", sql.trim());
        let at = format!("tests/analytics/flights/{}.csv", name.trim());
        assert_same(name, &ours, &recorded(Path::new(&at)));
        count += 1;
    }
    assert!(count >= 60, "{count} queries");
}
