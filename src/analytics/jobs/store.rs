//! Jobs and their history as rows of tables.
//!
//! | table | row |
//! |---|---|
//! | `system_jobs.jobs` | a job: what it runs, how often, when next |
//! | `system_jobs.history` | a run: when, what came of it; the newest first |
//!
//! The keyspace is made with the first job. It is an ordinary one, written and read by CQL, so that
//! anybody can ask what runs.

use crate::analytics::jobs::executor::Executor;
use crate::cql::result::{BindValue, ResultRow};
use crate::error::{Error, Result};
use crate::storage::Engine;
use crate::types::Value;

/// The keyspace of jobs.
pub const KEYSPACE: &str = "system_jobs";

/// How many runs of a job are remembered.
pub const RUNS_MAX: usize = 100;

const SCHEMA: [&str; 3] = [
    "CREATE KEYSPACE IF NOT EXISTS system_jobs \
     WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    "CREATE TABLE IF NOT EXISTS system_jobs.jobs (name text PRIMARY KEY, statement text, \
     keyspace_name text, every text, starting timestamp, next_run timestamp, created timestamp) \
     WITH comment = 'statements that run again and again'",
    "CREATE TABLE IF NOT EXISTS system_jobs.history (name text, started timestamp, run timeuuid, \
     ended timestamp, rows bigint, error text, by_hand boolean, \
     PRIMARY KEY (name, started, run)) WITH CLUSTERING ORDER BY (started DESC, run DESC) \
     AND comment = 'what came of the runs of jobs'",
];

/// A job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// What it runs.
    pub statement: String,
    /// The keyspace of the statement's unqualified names.
    pub keyspace: Option<String>,
    /// The time between two runs, as a duration's text.
    pub every: String,
    /// Where the grid of its runs starts, in milliseconds since 1970.
    pub starting_millis: i64,
    /// When it is due, in milliseconds since 1970.
    pub next_run_millis: i64,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub started_millis: i64,
    pub ended_millis: i64,
    pub rows: Option<u64>,
    pub error: Option<String>,
    pub by_hand: bool,
}

/// The tables of jobs.
pub(super) struct Store<'a> {
    pub executor: &'a dyn Executor,
    pub engine: &'a Engine,
}

fn text(value: &str) -> BindValue {
    Value::Text(value.to_owned()).into()
}

fn timestamp(millis: i64) -> BindValue {
    Value::Timestamp(millis).into()
}

fn millis(row: &ResultRow, column: &str) -> Result<i64> {
    match row.value(column)? {
        Value::Timestamp(millis) => Ok(millis),
        _ => Err(Error::invalid(format!(
            "{KEYSPACE}: {column} is no timestamp"
        ))),
    }
}

fn job(row: &ResultRow) -> Result<Job> {
    Ok(Job {
        name: row.get("name")?,
        statement: row.get("statement")?,
        keyspace: row.get("keyspace_name")?,
        every: row.get("every")?,
        starting_millis: millis(row, "starting")?,
        next_run_millis: millis(row, "next_run")?,
    })
}

impl Store<'_> {
    fn execute(&self, cql: &str, values: Vec<BindValue>) -> Result<Vec<ResultRow>> {
        let interrupt = Default::default();
        let result = self.executor.execute(None, cql, values, &interrupt)?;
        result.into_rows().collect()
    }

    /// Whether there may be jobs at all.
    pub fn exists(&self) -> bool {
        self.engine.catalog().table(KEYSPACE, "history").is_some()
    }

    /// Creates the tables, where they are not there.
    pub fn create(&self) -> Result<()> {
        if self.exists() {
            return Ok(());
        }
        for cql in SCHEMA {
            self.execute(cql, Vec::new())?;
        }
        Ok(())
    }

    /// All jobs, the one first due first. A row that is no job is left out: it is the fault of who
    /// wrote it by hand, and must not stop the others.
    pub fn jobs(&self) -> Result<Vec<Job>> {
        if !self.exists() {
            return Ok(Vec::new());
        }
        let rows = self.execute("SELECT * FROM system_jobs.jobs", Vec::new())?;
        let mut jobs: Vec<Job> = rows.iter().filter_map(|row| job(row).ok()).collect();
        jobs.sort_by(|a, b| (a.next_run_millis, &a.name).cmp(&(b.next_run_millis, &b.name)));
        Ok(jobs)
    }

    /// The job called `name`.
    pub fn job(&self, name: &str) -> Result<Option<Job>> {
        if !self.exists() {
            return Ok(None);
        }
        let cql = "SELECT * FROM system_jobs.jobs WHERE name = ?";
        let rows = self.execute(cql, vec![text(name)])?;
        rows.first().map(job).transpose()
    }

    /// Adds a job; false where there is one of this name.
    pub fn add(&self, job: &Job, created_millis: i64) -> Result<bool> {
        let cql = "INSERT INTO system_jobs.jobs (name, statement, keyspace_name, every, starting, \
                   next_run, created) VALUES (?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS";
        let values = vec![
            text(&job.name),
            text(&job.statement),
            job.keyspace.as_deref().map_or(BindValue::Null, text),
            text(&job.every),
            timestamp(job.starting_millis),
            timestamp(job.next_run_millis),
            timestamp(created_millis),
        ];
        let rows = self.execute(cql, values)?;
        let applied = rows.first().map(|row| row.get("[applied]")).transpose()?;
        Ok(applied.unwrap_or(false))
    }

    /// Removes a job and its history; false where there is none.
    pub fn remove(&self, name: &str) -> Result<bool> {
        if self.job(name)?.is_none() {
            return Ok(false);
        }
        for cql in [
            "DELETE FROM system_jobs.jobs WHERE name = ?",
            "DELETE FROM system_jobs.history WHERE name = ?",
        ] {
            self.execute(cql, vec![text(name)])?;
        }
        Ok(true)
    }

    /// Says when a job is due next; a job that was dropped meanwhile does not come back.
    pub fn put_next_run(&self, name: &str, next_run_millis: i64) -> Result<()> {
        let cql = "UPDATE system_jobs.jobs SET next_run = ? WHERE name = ? IF EXISTS";
        self.execute(cql, vec![timestamp(next_run_millis), text(name)])?;
        Ok(())
    }

    /// Remembers a run, and forgets the oldest beyond the bound.
    pub fn record(&self, name: &str, run: &Run) -> Result<()> {
        let cql = "INSERT INTO system_jobs.history (name, started, run, ended, rows, error, \
                   by_hand) VALUES (?, ?, now(), ?, ?, ?, ?)";
        let rows = run.rows.map(|rows| i64::try_from(rows).unwrap_or(i64::MAX));
        let values = vec![
            text(name),
            timestamp(run.started_millis),
            timestamp(run.ended_millis),
            rows.map_or(BindValue::Unset, BindValue::from),
            run.error.as_deref().map_or(BindValue::Unset, text),
            run.by_hand.into(),
        ];
        self.execute(cql, values)?;
        self.trim(name)
    }

    fn trim(&self, name: &str) -> Result<()> {
        let cql = "SELECT started FROM system_jobs.history WHERE name = ?";
        let rows = self.execute(cql, vec![text(name)])?;
        let Some(oldest) = rows.get(RUNS_MAX - 1).filter(|_| rows.len() > RUNS_MAX) else {
            return Ok(());
        };
        let cql = "DELETE FROM system_jobs.history WHERE name = ? AND started < ?";
        let oldest = timestamp(millis(oldest, "started")?);
        self.execute(cql, vec![text(name), oldest])?;
        Ok(())
    }
}
