//! Jobs: statements that run again and again.
//!
//! ```text
//! CREATE JOB ─► system_jobs.jobs ─► Scheduler ─ due? ─► run ─► system_jobs.history
//! RUN JOB ───────────────────────────────────────────────┘
//! ```
//!
//! A job is a row, and what there is to know about it is in its row: so a restart needs no more
//! than to look. When it is due it runs, and only when it has ended its row says when it is due
//! next: a run that was missed while nobody was there, or that died, happens once, as soon as
//! somebody is. A name runs once at a time, by the clock or by hand.
//!
//! What runs a statement is above this layer: an [`Executor`].

mod executor;
mod scheduler;
mod store;
mod timing;

pub use executor::Executor;
pub use scheduler::Scheduler;
pub use store::{Job, KEYSPACE, RUNS_MAX};

use crate::analytics::jobs::store::{Run, Store};
use crate::analytics::jobs::timing::Interval;
use crate::cql::ast::{CreateJob, DropJob, RunJob};
use crate::cql::result::QueryResult;
use crate::error::{Error, ErrorKind, Result};
use crate::storage::Engine;
use crate::types::temporal;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

/// The jobs of a database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Jobs {
    engine: Engine,
    /// The names of those that run now.
    running: Arc<Mutex<BTreeSet<String>>>,
}

/// A name among those that run; dropping it takes it out.
struct Running<'a> {
    jobs: &'a Jobs,
    name: &'a str,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.jobs.running().remove(self.name);
    }
}

impl Jobs {
    /// The jobs of the database of `engine`.
    pub fn new(engine: &Engine) -> Self {
        Self {
            engine: engine.clone(),
            running: Arc::default(),
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store<'a>(&'a self, executor: &'a dyn Executor) -> Store<'a> {
        let engine = &self.engine;
        Store { executor, engine }
    }

    fn now_millis(&self) -> i64 {
        self.engine.clock().now_micros().div_euclid(1_000)
    }

    /// `CREATE JOB`; `keyspace` is that of the statement's unqualified names.
    pub fn create(
        &self,
        executor: &dyn Executor,
        keyspace: Option<&str>,
        create: &CreateJob,
    ) -> Result<()> {
        let name = &create.name.text;
        let interval = Interval::parse(&create.every)?;
        let now_millis = self.now_millis();
        let starting_millis = match &create.starting {
            Some(text) => temporal::parse_timestamp(text.trim()).ok_or_else(|| {
                Error::invalid(format!("STARTING '{text}' is no timestamp"))
                    .with_hint("write it as '2026-01-31 06:00:00+0000'")
            })?,
            None => now_millis,
        };
        let store = self.store(executor);
        let exists = store.job(name)?.is_some();
        if exists && create.if_not_exists {
            return Ok(());
        }
        let there = || {
            let message = format!("Job '{name}' exists already");
            Error::already_exists(message, KEYSPACE, name)
        };
        if exists {
            return Err(there());
        }
        executor.check(keyspace, &create.statement)?;
        store.create()?;
        let job = Job {
            name: name.clone(),
            statement: create.statement.clone(),
            keyspace: keyspace.map(str::to_owned),
            every: create.every.clone(),
            starting_millis,
            next_run_millis: next_run(interval, starting_millis, now_millis),
        };
        if !store.add(&job, now_millis)? && !create.if_not_exists {
            return Err(there());
        }
        Ok(())
    }

    /// `DROP JOB`, with its history. A run that is under way ends as it would.
    pub fn drop_job(&self, executor: &dyn Executor, drop: &DropJob) -> Result<()> {
        let name = &drop.name.text;
        match self.store(executor).remove(name)? || drop.if_exists {
            true => Ok(()),
            false => Err(missing(name)),
        }
    }

    /// `RUN JOB`: runs it now, whenever it is due. Answers how many rows it wrote, where that is
    /// known.
    pub fn run_now(
        &self,
        executor: &dyn Executor,
        run: &RunJob,
        interrupt: &Arc<AtomicBool>,
    ) -> Result<Option<u64>> {
        let name = &run.name.text;
        let job = self
            .store(executor)
            .job(name)?
            .ok_or_else(|| missing(name))?;
        let _running = self.start(name).ok_or_else(|| {
            Error::new(
                ErrorKind::Overloaded,
                format!("Job '{name}' is running; it runs once at a time"),
            )
        })?;
        self.run(executor, &job, true, interrupt)
    }

    /// Takes a name among those that run; none where it is there.
    fn start<'a>(&'a self, name: &'a str) -> Option<Running<'a>> {
        // Only who has put the name there may take it out.
        let is_new = self.running().insert(name.to_owned());
        is_new.then(|| Running { jobs: self, name })
    }

    /// Runs all jobs that are due, one after the other; answers how many ran. What a job's run
    /// failed with is in its history; an error here is one of the tables of jobs.
    pub fn run_due(&self, executor: &dyn Executor, interrupt: &Arc<AtomicBool>) -> Result<usize> {
        use std::sync::atomic::Ordering;
        let store = self.store(executor);
        let mut ran = 0;
        for due in store.jobs()? {
            if due.next_run_millis > self.now_millis() || interrupt.load(Ordering::Relaxed) {
                break;
            }
            let Some(_running) = self.start(&due.name) else {
                continue;
            };
            // Others may have dropped it, or made it anew, since the list was read.
            let present = store.job(&due.name)?;
            let Some(job) = present.filter(|job| job.next_run_millis <= self.now_millis()) else {
                continue;
            };
            let result = self.run(executor, &job, false, interrupt);
            ran += 1;
            if matches!(&result, Err(error) if error.kind == ErrorKind::Cancelled) {
                // The database is closing: the run is as good as missed, and happens again.
                break;
            }
            let interval = Interval::parse(&job.every);
            let next = match interval {
                Ok(interval) => next_run(interval, job.starting_millis, self.now_millis()),
                // Written by hand, and wrong: it would be due for ever.
                Err(_) => i64::MAX / 1_000,
            };
            store.put_next_run(&job.name, next)?;
        }
        Ok(ran)
    }

    /// Runs a job and remembers what came of it.
    fn run(
        &self,
        executor: &dyn Executor,
        job: &Job,
        by_hand: bool,
        interrupt: &Arc<AtomicBool>,
    ) -> Result<Option<u64>> {
        let started_millis = self.now_millis();
        let keyspace = job.keyspace.as_deref();
        let result = executor
            .execute(keyspace, &job.statement, Vec::new(), interrupt)
            .and_then(rows_of);
        let (rows, error) = match &result {
            Ok(rows) => (*rows, None),
            Err(error) => (None, Some(error.message.clone())),
        };
        let run = Run {
            started_millis,
            ended_millis: self.now_millis(),
            rows,
            error,
            by_hand,
        };
        let store = self.store(executor);
        if store.job(&job.name)?.is_some() {
            store.record(&job.name, &run)?;
        }
        result
    }
}

fn next_run(interval: Interval, starting_millis: i64, now_millis: i64) -> i64 {
    let micros = |millis: i64| millis.saturating_mul(1_000);
    interval
        .next(micros(starting_millis), micros(now_millis))
        .div_euclid(1_000)
}

fn missing(name: &str) -> Error {
    Error::invalid(format!("Job '{name}' doesn't exist"))
}

/// How many rows a statement says it wrote: what batch SQL answers in its column `rows`.
fn rows_of(result: QueryResult) -> Result<Option<u64>> {
    let QueryResult::Rows(mut rows) = result else {
        return Ok(None);
    };
    if !rows.columns().iter().any(|column| column.name == "rows") {
        return Ok(None);
    }
    let Some(row) = rows.next_row()? else {
        return Ok(None);
    };
    let written: Option<i64> = row.get("rows")?;
    Ok(written.and_then(|rows| u64::try_from(rows).ok()))
}

#[cfg(test)]
mod tests;
