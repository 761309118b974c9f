//! Jobs as a conversation has them: the three statements, and what runs a job's own statement.
//!
//! A job's statement is CQL if it parses as CQL, and batch SQL otherwise, by whatever door the job
//! came in: it runs later, when nobody is there to put `SQL` in front.

use crate::analytics::jobs::{Executor, Scheduler};
use crate::analytics::statement::Statement;
use crate::cql::ast::StatementKind;
use crate::cql::parser::parse_statement;
use crate::cql::result::{BindValue, ColumnSpec, QueryResult, Rows};
use crate::error::{Error, Result};
use crate::session::request::{Answer, RequestOptions};
use crate::session::{Prepared, Shared};
use crate::types::Type;
use bytes::Bytes;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The text with `SQL` in front, unless it is CQL.
fn routed(text: &str) -> Cow<'_, str> {
    match parse_statement(text) {
        Ok(_) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(format!("SQL {text}")),
    }
}

/// Refuses what only reads, and what would fail when it is run again.
fn check_kind(kind: &StatementKind) -> Result<()> {
    let refused = |what: &str| Err(Error::invalid(format!("a job cannot run {what}")));
    match kind {
        StatementKind::Select(_) => refused("a SELECT: nobody would see its rows"),
        StatementKind::Use(_) => refused("USE: it is over with the run"),
        StatementKind::Describe(_)
        | StatementKind::Explain(_)
        | StatementKind::ListRoles(_)
        | StatementKind::ListUsers
        | StatementKind::ListPermissions(_) => refused("what only shows something"),
        StatementKind::CreateJob(_) | StatementKind::DropJob(_) | StatementKind::RunJob(_) => {
            refused("a statement about jobs")
        }
        StatementKind::Sql(sql) => match Statement::parse(&sql.text)? {
            Statement::Query(_) => refused("a query: nobody would see its rows"),
            Statement::Explain(_) => refused("what only shows something"),
            Statement::CreateTableAs(create) if !create.if_not_exists => refused(
                "CREATE TABLE … AS: the table would be there at the second run",
            )
            .map_err(|error: Error| error.with_hint("create the table once, and INSERT into it")),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

impl Executor for Shared {
    fn check(&self, keyspace: Option<&str>, text: &str) -> Result<()> {
        let text = routed(text);
        check_kind(&parse_statement(&text)?.kind)?;
        let prepared = self.adhoc(&text, keyspace)?;
        if !prepared.variables().is_empty() {
            return Err(Error::invalid(
                "a job's statement has no markers: nobody would give them values",
            ));
        }
        Ok(())
    }

    fn execute(
        &self,
        keyspace: Option<&str>,
        text: &str,
        values: Vec<BindValue>,
        interrupt: &Arc<AtomicBool>,
    ) -> Result<QueryResult> {
        let prepared = self.adhoc(&routed(text), keyspace)?;
        let options = RequestOptions {
            values: values.into(),
            interrupt: Arc::clone(interrupt),
            ..RequestOptions::default()
        };
        self.run(&prepared, options).map(|answer| answer.result)
    }
}

/// Carries out a statement about jobs; none where it is no such statement.
pub(super) fn run(
    shared: &Shared,
    statement: &Prepared,
    options: &RequestOptions,
) -> Result<Option<Answer>> {
    let jobs = &shared.jobs;
    match &statement.statement().kind {
        StatementKind::CreateJob(create) => jobs.create(shared, statement.keyspace(), create)?,
        StatementKind::DropJob(drop) => jobs.drop_job(shared, drop)?,
        StatementKind::RunJob(run) => {
            let rows = jobs.run_now(shared, run, &options.interrupt)?;
            return Ok(Some(Answer::of(written(rows))));
        }
        _ => return Ok(None),
    }
    Ok(Some(Answer::of(QueryResult::Void)))
}

/// How many rows a run wrote; null where its statement does not say.
fn written(rows: Option<u64>) -> QueryResult {
    let columns = Arc::from([ColumnSpec {
        keyspace: String::new(),
        table: String::new(),
        name: "rows".to_owned(),
        ty: Type::BigInt,
    }]);
    let rows = rows.map(|rows| i64::try_from(rows).unwrap_or(i64::MAX));
    let value = rows.map(|rows| Bytes::copy_from_slice(&rows.to_be_bytes()));
    QueryResult::Rows(Rows::from_vec(columns, vec![vec![value]]))
}

impl Shared {
    /// Runs the jobs that are due, once; for who has a clock of its own. Answers how many ran.
    pub fn run_due_jobs(&self) -> Result<usize> {
        self.jobs.run_due(self, &Arc::default())
    }

    /// Starts to run jobs when they are due, until the answer is dropped.
    pub fn start_jobs(&self) -> Result<Scheduler> {
        Scheduler::start(self.jobs.clone(), Arc::new(self.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::VirtualClock;
    use crate::config::Config;
    use crate::session::Session;
    use crate::storage::Engine;

    fn session(clock: Arc<VirtualClock>) -> Session {
        let config = Config {
            background: false,
            seed: Some(1),
            ..Config::default()
        };
        let mut session = Session::new(Engine::in_memory(config, clock).unwrap());
        for text in [
            "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', \
             'replication_factor': 1}",
            "USE k",
            "CREATE TABLE t (k int PRIMARY KEY, v timestamp)",
        ] {
            session.execute(text, &[]).unwrap();
        }
        session
    }

    fn count(session: &mut Session, cql: &str) -> usize {
        let rows = session.execute(cql, &[]).unwrap().into_rows();
        rows.collect().unwrap().len()
    }

    #[test]
    fn jobs_run_cql_by_the_clock_and_by_hand() {
        let clock = VirtualClock::shared(1_000_000_000_000_000);
        let mut session = session(clock.clone());
        let create =
            "CREATE JOB j EVERY '10s' AS INSERT INTO t (k, v) VALUES (1, currentTimestamp())";
        session.execute(create, &[]).unwrap();
        let shared = session.shared.clone();
        assert_eq!(shared.run_due_jobs().unwrap(), 0);
        clock.advance_micros(10_000_000);
        assert_eq!(shared.run_due_jobs().unwrap(), 1);
        assert_eq!(count(&mut session, "SELECT * FROM t"), 1);
        session.execute("DELETE FROM t WHERE k = 1", &[]).unwrap();
        clock.advance_micros(1_000_000);
        session.execute("RUN JOB j", &[]).unwrap();
        assert_eq!(count(&mut session, "SELECT * FROM t"), 1);
        assert_eq!(count(&mut session, "SELECT * FROM system_jobs.jobs"), 1);
        assert_eq!(count(&mut session, "SELECT * FROM system_jobs.history"), 2);
        session.execute("DROP JOB j", &[]).unwrap();
        assert_eq!(count(&mut session, "SELECT * FROM system_jobs.jobs"), 0);
        assert!(session.execute("RUN JOB j", &[]).is_err());
    }

    #[test]
    fn what_a_job_cannot_run_is_refused_when_it_is_created() {
        let mut session = session(VirtualClock::shared(1_000_000_000_000_000));
        for (statement, words) in [
            ("SELECT * FROM t", "a SELECT"),
            ("SELECT 1 UNION SELECT 2", "a query"),
            ("USE k", "USE"),
            ("DESCRIBE TABLES", "only shows"),
            ("DROP JOB x", "about jobs"),
            ("INSERT INTO t (k) VALUES (?)", "no markers"),
            ("INSERT INTO none (k) VALUES (1)", "none"),
            (
                "CREATE TABLE u (PRIMARY KEY (k)) AS SELECT k FROM t",
                "at the second run",
            ),
            ("GRIND t", "GRIND is no statement"),
        ] {
            let text = format!("CREATE JOB j EVERY '1h' AS {statement}");
            let error = session.execute(&text, &[]).unwrap_err();
            assert!(error.message.contains(words), "{statement}: {error}");
        }
        assert!(
            session
                .execute("SELECT * FROM system_jobs.jobs", &[])
                .is_err()
        );
    }

    #[test]
    fn the_scheduler_runs_what_is_due_and_stops() {
        let clock = VirtualClock::shared(1_000_000_000_000_000);
        let mut session = session(clock.clone());
        let create = "CREATE JOB j EVERY '1s' AS INSERT INTO t (k) VALUES (1)";
        session.execute(create, &[]).unwrap();
        clock.advance_micros(5_000_000);
        let mut scheduler = session.shared.start_jobs().unwrap();
        let history = "SELECT * FROM system_jobs.history";
        let deadline = std::time::Duration::from_millis(20);
        let system = crate::clock::SystemClock::shared();
        for _ in 0..500 {
            if count(&mut session, history) > 0 {
                break;
            }
            system.sleep(deadline);
        }
        scheduler.stop();
        assert_eq!(count(&mut session, history), 1);
        assert_eq!(count(&mut session, "SELECT * FROM t"), 1);
    }
}
