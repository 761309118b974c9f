//! The examples print what stands beside them, and the main job's answers are right: they are held
//! against what a few lines over the `csv` crate compute from the same file.
#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

use helenus::Database;
use helenus::clock::VirtualClock;
use helenus::config::Config;
use helenus::cql::result::{BindValue, ResultRow};
use helenus::shell::{Format, run_script};
use std::collections::BTreeMap;
use std::fs::File;

const FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/sql/examples/data/flights.csv.gz"
);
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sql/examples/01_flights.out");
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

fn rows(database: &Database, cql: &str, values: &[BindValue]) -> Vec<ResultRow> {
    database
        .execute(cql, values)
        .unwrap()
        .into_rows()
        .collect()
        .unwrap()
}

/// What the shell prints for an example.
fn transcript(database: &Database, script: &str) -> String {
    let mut printed = Vec::new();
    if let Err(error) = run_script(database, script, &mut printed, Format::Table) {
        panic!("{error}\n{}", String::from_utf8_lossy(&printed));
    }
    String::from_utf8(printed).unwrap()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a file of this package")]
fn the_main_job() {
    let clock = VirtualClock::shared(1_700_000_000_000_000);
    let config = Config {
        background: false,
        seed: Some(1),
        ..Config::default()
    };
    let database = Database::in_memory(config, clock).unwrap();
    let printed = transcript(&database, EXAMPLE);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &printed).unwrap();
    }
    let golden = std::fs::read_to_string(GOLDEN).unwrap();
    assert_eq!(printed, golden, "UPDATE_GOLDEN=1 writes it anew");
    answers_equal_those_of_the_csv_crate(&database);
    // A repeat changes nothing.
    assert_eq!(transcript(&database, EXAMPLE), golden);
}

/// Holds answers against what a few lines over the `csv` crate compute from the same file.
fn answers_equal_those_of_the_csv_crate(database: &Database) {
    database.execute("USE nyc", &[]).unwrap();
    let expected = from_the_file();
    assert_eq!(expected.rows, 336_776);
    let counted = rows(
        database,
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
        let row = &rows(database, cql, &[carrier.as_str().into()])[0];
        // `sum` of an int column is an int, as in Cassandra.
        let answered = (
            row.get::<i64>("n").unwrap(),
            i64::from(row.get::<i32>("miles").unwrap()),
        );
        assert_eq!(answered, *sums, "{carrier}");
    }

    let cql = "SELECT sched_dep_time, carrier, flight, dest, dep_delay FROM flights \
               WHERE origin = ? AND month = ? AND day = ?";
    let slice: Vec<_> = rows(database, cql, &[ORIGIN.into(), MONTH.into(), DAY.into()])
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
