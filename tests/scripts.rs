//! Golden scripts: CQL text with the expected answers beside it.
//!
//! `tests/scripts/cql/NAME.cql` are judged by Apache Cassandra: `NAME.out` is what it answered,
//! and helenus must answer the same. Nobody edits a recording: `tools/judge record NAME` makes it.
//! How they are written stands in [`judge::script`].
//!
//! `tests/scripts/own/NAME.cql` are about what is our own: places of errors, say. Each runs in
//! a database of its own, in memory and under a clock that stands still at 2013-01-01 until the
//! script moves it; what it answers must equal `NAME.out`. With `HELENUS_REWRITE=1` the answers
//! are written instead: read the difference. Beside CQL such a script may say
//! - `WAIT n;` — the clock moves by n seconds;
//! - `BIND (a, b);` — the next statement is prepared and executed with these values, each as text
//!   of its marker's type; `null`, `unset` and raw bytes (`raw 0x00`) stand for themselves.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]
#![expect(clippy::disallowed_methods, reason = "answers are rewritten here")]

mod judge;

use helenus::clock::VirtualClock;
use helenus::config::Config;
use helenus::cql::parser::split_statements;
use helenus::types::{Type, text};
use helenus::{BindValue, Error, QueryResult, Result, Session};
use judge::recorded;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

const START_MICROS: i64 = 1_356_998_400_000_000;

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.trim_start_matches("0x");
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

fn execute_bound(session: &mut Session, list: &str, statement: &str) -> Result<QueryResult> {
    let prepared = session.prepare(statement)?;
    let variables = prepared.variables();
    let mut values = Vec::new();
    for (at, value) in judge::script::split_values(list).iter().enumerate() {
        values.push(match value.as_str() {
            "null" => BindValue::Null,
            "unset" => BindValue::Unset,
            raw if raw.starts_with("raw ") => BindValue::Bytes(bytes(&raw[4..]).into()),
            shown => match variables.get(at) {
                Some(variable) => {
                    let unquoted = match variable.ty {
                        Type::Text => shown.trim_matches('\''),
                        _ => shown,
                    };
                    BindValue::Bytes(text::parse(&variable.ty, unquoted)?.into())
                }
                None => BindValue::Null,
            },
        });
    }
    session.execute_prepared(&prepared, &values)
}

fn show_error(error: &Error) -> String {
    // The words of a syntax error begin with the place.
    let place = match error.position {
        Some((line, column)) if !error.message.starts_with(&format!("line {line}:{column} ")) => {
            format!(" [line {line}:{column}]")
        }
        _ => String::new(),
    };
    format!("{:?}: {}{place}\n", error.kind, error.message)
}

fn show(result: QueryResult) -> Result<String> {
    let mut rows = match result {
        QueryResult::Void => return Ok(String::new()),
        QueryResult::SetKeyspace(_) | QueryResult::SchemaChange(_) => return Ok(String::new()),
        QueryResult::Rows(rows) => rows,
    };
    let columns = rows.columns().to_vec();
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let mut out = format!("{}\n", names.join(" | "));
    let mut count = 0;
    while let Some(values) = rows.next()? {
        let shown: Vec<String> = columns
            .iter()
            .zip(&values)
            .map(|(column, value)| column.ty.literal(value.as_deref()))
            .collect();
        writeln!(out, "{}", shown.join(" | ")).unwrap();
        count += 1;
    }
    writeln!(out, "({count} rows)").unwrap();
    Ok(out)
}

fn run(script: &str) -> String {
    let clock = VirtualClock::shared(START_MICROS);
    let config = Config {
        seed: Some(1),
        background: false,
        ..Config::default()
    };
    let shared: helenus::clock::SharedClock = Arc::clone(&clock) as _;
    let database = helenus::Database::in_memory(config, shared).unwrap();
    let mut session = database.session();
    session
        .execute(
            "CREATE KEYSPACE k WITH replication = \
             {'class': 'SimpleStrategy', 'replication_factor': 1}",
            &[],
        )
        .unwrap();
    session.execute("USE k", &[]).unwrap();
    let mut out = String::new();
    let mut values: Option<String> = None;
    for piece in split_statements(script) {
        writeln!(out, "> {}", piece.text).unwrap();
        if let Some(seconds) = piece.text.strip_prefix("WAIT ") {
            clock.advance_micros(seconds.trim().parse::<i64>().unwrap() * 1_000_000);
            continue;
        }
        if let Some(list) = piece.text.strip_prefix("BIND (") {
            values = Some(list.strip_suffix(')').expect("BIND (values);").to_owned());
            continue;
        }
        let result = match values.take() {
            Some(list) => execute_bound(&mut session, &list, piece.text),
            None => session.execute(piece.text, &[]),
        };
        out.push_str(
            &result
                .and_then(show)
                .unwrap_or_else(|error| show_error(&error)),
        );
    }
    out
}

#[test]
fn own() {
    let rewrite = std::env::var_os("HELENUS_REWRITE").is_some();
    let mut wrong = Vec::new();
    for path in recorded::files("own", "cql") {
        let answered = run(&std::fs::read_to_string(&path).unwrap());
        let beside = path.with_extension("out");
        if rewrite {
            std::fs::write(&beside, answered).unwrap();
            continue;
        }
        let expected = std::fs::read_to_string(&beside).unwrap_or_default();
        if answered == expected {
            continue;
        }
        let at = answered
            .lines()
            .zip(expected.lines())
            .position(|(a, b)| a != b)
            .unwrap_or(answered.lines().count().min(expected.lines().count()));
        wrong.push(format!(
            "{}: line {}\n  answered: {:?}\n  expected: {:?}",
            path.display(),
            at + 1,
            answered.lines().nth(at),
            expected.lines().nth(at)
        ));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// With `HELENUS_JUDGE=host:port` the scripts are recorded on that server instead.
#[test]
fn cassandra() {
    let paths = recorded::files("cql", "cql");
    if let Ok(address) = std::env::var("HELENUS_JUDGE") {
        for path in paths {
            recorded::record(&path, &address);
        }
        return;
    }
    let rewrite = std::env::var_os("HELENUS_REWRITE").is_some();
    let known = recorded::known_differences();
    let mut wrong = Vec::new();
    for path in paths {
        let (differences, reasons) = recorded::compare(&path, rewrite);
        wrong.extend(differences);
        for slug in reasons {
            if !known.contains(&slug) {
                let stem = recorded::stem(&path);
                wrong.push(format!("{stem}: the manual knows no difference `{slug}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each script has a recording, and each recording a script.
#[test]
fn files_belong_together() {
    for folder in ["cql", "own"] {
        let stems = |extension| -> BTreeSet<String> {
            let files = recorded::files(folder, extension);
            files.iter().map(|path| recorded::stem(path)).collect()
        };
        assert_eq!(stems("cql"), stems("out"), "{folder}: .cql and .out");
        let lone: Vec<String> = stems("ours").difference(&stems("cql")).cloned().collect();
        assert!(lone.is_empty(), "{folder}: .ours without .cql: {lone:?}");
    }
}

/// With `HELENUS_JUDGE=host:port` helenus is held against that server, else against itself.
#[test]
fn generated() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let judge = std::env::var("HELENUS_JUDGE").ok();
    let is_judged = judge.is_some();
    let options = judge::generate::Options {
        seed: number("HELENUS_SEED", 1),
        statements: number("HELENUS_STATEMENTS", if is_judged { 10_000 } else { 2_400 }) as usize,
        judge,
        shrinks: number("HELENUS_SHRINKS", 60) as usize,
        threads: if is_judged { 3 } else { 1 },
    };
    let report = judge::generate::run(&options);
    println!("{}", report.clauses());
    println!("{}", report.times);
    println!("{}", report.shown_differences());
    let failures = report.failures.join("\n");
    assert!(report.failures.is_empty(), "{failures}");
    let missing = report.missing(options.statements >= 10_000);
    assert!(
        missing.is_empty(),
        "clauses that are not tested: {missing:?}"
    );
    let differences = report.differences.len();
    assert!(
        report.differences.is_empty(),
        "{differences} sorts of differences"
    );
}

/// The rows of the list of features that the scripts are about.
const ROWS: &[u32] = &[
    1, 2, 3, 4, 5, 6, 8, 9, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 29, 30, 31, 32, 33, 37, 60,
];

#[test]
fn enough_statements() {
    if std::env::var_os("HELENUS_SCRIPTS").is_some() {
        return;
    }
    let counts = judge::count::by_row();
    let mut all = judge::count::Count::default();
    println!("row distinct taken refused setup");
    let known: BTreeSet<u32> = counts.keys().copied().collect();
    let mut few: Vec<u32> = ROWS
        .iter()
        .copied()
        .filter(|it| !known.contains(it))
        .collect();
    for (row, count) in counts {
        let [taken, refused] = [count.taken.len(), count.refused.len()];
        let distinct = count.distinct();
        println!(
            "{row:>3} {distinct:>8} {taken:>5} {refused:>7} {:>5}",
            count.setup.len()
        );
        all.taken.extend(count.taken);
        all.refused.extend(count.refused);
        all.setup.extend(count.setup);
        if ROWS.contains(&row) && distinct < 40 {
            few.push(row);
        }
    }
    let judged = all.taken.difference(&all.setup).count();
    let refused = all.refused.len();
    println!(
        "{} distinct, {judged} taken besides setup, {refused} refused",
        all.distinct()
    );
    assert!(few.is_empty(), "rows with few statements: {few:?}");
    assert!(
        refused * 10 >= judged * 9,
        "{refused} refused, {judged} taken"
    );
    assert!(all.distinct() >= 2_000, "{} statements", all.distinct());
}
