//! Recorded answers, and whether ours agree.
//!
//! An answer is a CSV file without a header (`tools/answers` writes it). Numbers agree if they are
//! equal up to the last digit that the one with fewer digits shows: engines differ in how many
//! digits an average has. Everything else agrees as text.

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bigdecimal::{BigDecimal, FromPrimitive, One};
use helenus::analytics::{Analytics, QueryOptions};
use std::path::Path;
use std::str::FromStr;

/// A query's rows as text, NULL for no value.
pub fn ask(analytics: &Analytics, keyspace: &str, sql: &str) -> Vec<Vec<String>> {
    let query = analytics
        .prepare(sql, Some(keyspace))
        .unwrap_or_else(|error| panic!("{error}: {sql}"));
    let mut stream = analytics
        .run(&query, QueryOptions::default())
        .unwrap_or_else(|error| panic!("{error}: {sql}"));
    let mut rows = Vec::new();
    while let Some(batch) = stream.next().unwrap_or_else(|e| panic!("{e}: {sql}")) {
        print(&batch, &mut rows);
    }
    rows
}

fn print(batch: &RecordBatch, rows: &mut Vec<Vec<String>>) {
    let options = FormatOptions::new()
        .with_null("NULL")
        .with_timestamp_format(Some("%Y-%m-%dT%H:%M:%S"))
        .with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S"));
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
        .collect();
    for row in 0..batch.num_rows() {
        rows.push(columns.iter().map(|it| it.value(row).to_string()).collect());
    }
}

/// A recorded answer.
pub fn recorded(path: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_path(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let records = reader.records().map(|record| record.unwrap());
    records
        .map(|record| record.iter().map(str::to_owned).collect())
        .collect()
}

/// Panics with the first row that differs.
pub fn assert_same(name: &str, ours: &[Vec<String>], theirs: &[Vec<String>]) {
    for (number, (left, right)) in ours.iter().zip(theirs).enumerate() {
        let same = left.len() == right.len() && left.iter().zip(right).all(|(a, b)| agree(a, b));
        assert!(
            same,
            "{name}, row {number}: {left:?} here, {right:?} in DuckDB"
        );
    }
    assert_eq!(ours.len(), theirs.len(), "{name}: how many rows");
}

fn agree(left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    let (Ok(a), Ok(b)) = (BigDecimal::from_str(left), BigDecimal::from_str(right)) else {
        return false;
    };
    let digits = a.fractional_digit_count().min(b.fractional_digit_count());
    if a == b || digits <= 0 {
        return a == b;
    }
    let last_digit = BigDecimal::new(1.into(), digits);
    let rounding = b.abs() * BigDecimal::from_f64(1e-12).unwrap_or_else(BigDecimal::one);
    (a - b).abs() <= last_digit.max(rounding)
}

#[test]
fn numbers_agree_up_to_the_last_digit_shown() {
    assert!(agree("25.537587", "25.537587116854997"));
    assert!(agree("1.50", "1.5"));
    assert!(!agree("25.537587", "25.537590"));
    assert!(!agree("4", "5"));
    assert!(!agree("1.5", "NULL"));
}
