//! Batch SQL by example: each file of `tests/sql` is run over a fresh database in memory, in the
//! form of `sqllogictest`: statements, queries, and the answers that they must have.
//!
//! A statement goes in as a person writes it, so routing is tested as well: what is CQL is CQL.
//! Values are shown as the shell shows them; null is `NULL`, an empty text `(empty)`.
#![cfg(feature = "analytics")]
#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

use helenus::clock::SystemClock;
use helenus::config::Config;
use helenus::types::text;
use helenus::{Database, Error, QueryResult, Result};
use sqllogictest::{DB, DBOutput, DefaultColumnType, Runner};
use std::path::{Path, PathBuf};

/// The keyspace that every file starts in.
const KEYSPACE: &str = "CREATE KEYSPACE sql WITH replication = \
                        {'class': 'SimpleStrategy', 'replication_factor': 1}";

/// A database that a file talks to.
struct Talk(Database);

impl Talk {
    fn new() -> Result<Self> {
        let config = Config {
            seed: Some(5),
            ..Config::default()
        };
        let database = Database::in_memory(config, SystemClock::shared())?;
        database.execute(KEYSPACE, &[])?;
        database.execute("USE sql", &[])?;
        Ok(Self(database))
    }
}

impl DB for Talk {
    type Error = Error;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>> {
        if sql == "FLUSH" {
            self.0.engine().flush(None)?;
            return Ok(DBOutput::StatementComplete(0));
        }
        let QueryResult::Rows(mut rows) = self.0.execute(sql, &[])? else {
            return Ok(DBOutput::StatementComplete(0));
        };
        let columns = rows.shared_columns();
        let mut shown = Vec::new();
        while let Some(row) = rows.next()? {
            let values = columns.iter().zip(row).map(|(column, value)| match value {
                None => "NULL".to_owned(),
                Some(value) => match text::format(&column.ty, &value) {
                    empty if empty.is_empty() => "(empty)".to_owned(),
                    text => text,
                },
            });
            shown.push(values.collect());
        }
        Ok(DBOutput::Rows {
            types: vec![DefaultColumnType::Any; columns.len()],
            rows: shown,
        })
    }

    fn engine_name(&self) -> &str {
        "helenus"
    }
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|it| it == "slt"));
    files.sort();
    files
}

#[test]
fn every_file_is_answered_as_it_says() {
    let mut failures = Vec::new();
    let files = files();
    assert!(files.len() >= 8, "{files:?}");
    for file in files {
        let mut runner = Runner::new(|| async { Talk::new() });
        let run = runner.run_file(&file);
        if let Err(error) = run {
            failures.push(error.display(false).to_string());
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn a_wrong_answer_is_seen() {
    let mut runner = Runner::new(|| async { Talk::new() });
    let wrong = "query I\nSQL SELECT 1 + 1\n----\n3\n";
    assert!(runner.run_script(wrong).is_err());
    let right = "query I\nSQL SELECT 1 + 1\n----\n2\n";
    runner.run_script(right).unwrap();
}
