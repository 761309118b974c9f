//! The main job on real input: the New York flights of 2013.
//!
//! The file is imported once; then what helenus answers is held against what a few lines over the
//! `csv` crate compute from the same file.

use helenus::Database;
use helenus::clock::SystemClock;
use helenus::config::Config;
use helenus::cql::result::{BindValue, ResultRow};
use helenus::transfer::{self, ImportOptions, Input};
use std::collections::BTreeMap;
use std::fs::File;

const FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/sql/examples/data/flights.csv.gz"
);
const EXAMPLE: &str = include_str!("../sql/examples/01_flights.cql");

/// What the file says, computed without helenus.
#[derive(Default)]
struct Expected {
    rows: u64,
    absent_dep_times: u64,
    /// Carrier to the number of flights and the sum of their distances.
    carriers: BTreeMap<String, (i64, i64)>,
    /// The flights of one day at one airport: the key, the destination and the delay.
    slice: Vec<(i32, String, i32, String, Option<i32>)>,
}

const ORIGIN: &str = "JFK";
const MONTH: i32 = 7;
const DAY: i32 = 4;

#[expect(clippy::disallowed_methods, reason = "a file of this package")]
fn from_the_file() -> Expected {
    let file = flate2::read::GzDecoder::new(File::open(FILE).unwrap());
    let mut reader = csv::Reader::from_reader(file);
    let headers = reader.headers().unwrap().clone();
    let at = |name: &str| headers.iter().position(|header| header == name).unwrap();
    let mut expected = Expected::default();
    for record in reader.records() {
        let record = record.unwrap();
        let text = |name: &str| record[at(name)].to_owned();
        let number = |name: &str| record[at(name)].parse::<i32>().ok();
        expected.rows += 1;
        expected.absent_dep_times += u64::from(number("dep_time").is_none());
        let carrier = expected.carriers.entry(text("carrier")).or_default();
        carrier.0 += 1;
        carrier.1 += i64::from(number("distance").unwrap());
        let day = (number("month"), number("day")) == (Some(MONTH), Some(DAY));
        if text("origin") == ORIGIN && day {
            expected.slice.push((
                number("sched_dep_time").unwrap(),
                text("carrier"),
                number("flight").unwrap(),
                text("dest"),
                number("dep_delay"),
            ));
        }
    }
    expected.slice.sort();
    expected
}

/// The statement of the example that starts with `start`, so that the table stands in one place.
fn statement(start: &str) -> &'static str {
    let from = EXAMPLE.find(start).unwrap();
    let length = EXAMPLE[from..].find(';').unwrap();
    &EXAMPLE[from..from + length]
}

fn rows(database: &Database, cql: &str, values: &[BindValue]) -> Vec<ResultRow> {
    database
        .execute(cql, values)
        .unwrap()
        .into_rows()
        .collect()
        .unwrap()
}

#[test]
fn answers_equal_those_of_the_csv_crate() {
    let folder = tempfile::tempdir().unwrap();
    let database =
        Database::open_with(folder.path(), Config::default(), SystemClock::shared()).unwrap();
    database.execute(statement("CREATE KEYSPACE"), &[]).unwrap();
    database.execute("USE nyc", &[]).unwrap();
    database
        .execute(statement("CREATE TABLE IF NOT EXISTS flights"), &[])
        .unwrap();
    let mut options = ImportOptions::new("nyc", "flights", vec![Input::Path(FILE.to_owned())]);
    options.dialect.null = "NA".to_owned();
    let summary = transfer::import(&database, options).unwrap();
    assert_eq!(
        (summary.rows, summary.duplicates, summary.rejected),
        (336_776, 0, 0)
    );

    let expected = from_the_file();
    assert_eq!(expected.rows, 336_776);
    let counted = rows(
        &database,
        "SELECT count(*) AS n, count(dep_time) AS left FROM flights",
        &[],
    );
    assert_eq!(counted[0].get::<i64>("n").unwrap(), expected.rows as i64);
    assert_eq!(expected.absent_dep_times, 8_255);
    let departed = (expected.rows - expected.absent_dep_times) as i64;
    assert_eq!(counted[0].get::<i64>("left").unwrap(), departed);

    for (carrier, sums) in &expected.carriers {
        let cql = "SELECT count(*) AS n, sum(distance) AS miles FROM flights \
                   WHERE carrier = ? ALLOW FILTERING";
        let row = &rows(&database, cql, &[carrier.as_str().into()])[0];
        // `sum` of an int column is an int, as in Cassandra.
        let answered = (
            row.get::<i64>("n").unwrap(),
            i64::from(row.get::<i32>("miles").unwrap()),
        );
        assert_eq!(answered, *sums, "{carrier}");
    }

    let cql = "SELECT sched_dep_time, carrier, flight, dest, dep_delay FROM flights \
               WHERE origin = ? AND month = ? AND day = ?";
    let slice: Vec<_> = rows(&database, cql, &[ORIGIN.into(), MONTH.into(), DAY.into()])
        .iter()
        .map(|row| {
            (
                row.get("sched_dep_time").unwrap(),
                row.get("carrier").unwrap(),
                row.get("flight").unwrap(),
                row.get("dest").unwrap(),
                row.get("dep_delay").unwrap(),
            )
        })
        .collect();
    assert!(!slice.is_empty());
    assert_eq!(slice, expected.slice);
}
