//! Jobs by a clock that the test owns, over statements that a stand-in runs.

use super::*;
use crate::clock::VirtualClock;
use crate::config::Config;
use crate::cql::ast::Name;
use crate::cql::execute::{self, Execution};
use crate::cql::plan::Slot;
use crate::cql::result::{BindValue, ColumnSpec, Rows};
use crate::cql::virtual_tables::{CatalogView, Registry};
use crate::cql::{bind, ddl, parser};
use crate::random::Random;
use crate::types::{Type, Value};
use std::sync::atomic::{AtomicUsize, Ordering};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
/// 2001-09-09 01:46:40 UTC.
const START: i64 = 1_000_000_000 * SECOND;

/// Runs CQL itself, and `BATCH n` as a batch statement that writes n rows.
struct Stand {
    engine: Engine,
    random: Arc<Random>,
    catalog: Arc<CatalogView>,
    runs: AtomicUsize,
    /// What is done while a batch statement runs.
    inside: Mutex<Option<Box<dyn Fn() + Send>>>,
}

impl Stand {
    fn new(engine: &Engine) -> Self {
        let random = Arc::new(Random::seeded(3));
        let registry = Registry::new(engine.clock(), Arc::clone(&random));
        Self {
            engine: engine.clone(),
            random,
            catalog: Arc::new(CatalogView::new(registry)),
            runs: AtomicUsize::new(0),
            inside: Mutex::default(),
        }
    }

    fn batch(&self, rows: &str) -> Result<QueryResult> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        if let Some(inside) = &*self.inside.lock().unwrap() {
            inside();
        }
        let rows: i64 = rows.parse().map_err(|_| Error::invalid("it broke"))?;
        let columns = Arc::from([ColumnSpec {
            keyspace: String::new(),
            table: String::new(),
            name: "rows".to_owned(),
            ty: Type::BigInt,
        }]);
        let value = rows.to_be_bytes().to_vec().into();
        Ok(QueryResult::Rows(Rows::from_vec(
            columns,
            vec![vec![Some(value)]],
        )))
    }
}

impl Executor for Stand {
    fn check(&self, _: Option<&str>, text: &str) -> Result<()> {
        match text.starts_with("BATCH") {
            true => Ok(()),
            false => Err(Error::invalid("no statement of a job")),
        }
    }

    fn execute(
        &self,
        keyspace: Option<&str>,
        text: &str,
        values: Vec<BindValue>,
        interrupt: &Arc<AtomicBool>,
    ) -> Result<QueryResult> {
        if let Some(rows) = text.strip_prefix("BATCH ") {
            return self.batch(rows);
        }
        let statement = parser::parse_statement(text)?;
        if !bind::is_bindable(&statement.kind) {
            return ddl::execute(&self.engine, keyspace, &statement.kind).map(|it| it.0);
        }
        let catalog = self.catalog.of(&self.engine)?;
        let bound = bind::bind(&catalog, keyspace, &statement)?;
        let slots = values
            .into_iter()
            .zip(&*bound.variables)
            .map(|(value, marker)| match value {
                BindValue::Value(value) => Slot::Bytes(marker.ty.encode(&value).unwrap().into()),
                BindValue::Bytes(bytes) => Slot::Bytes(bytes),
                BindValue::Null => Slot::Null,
                BindValue::Unset => Slot::Unset,
            });
        let now_micros = self.engine.clock().now_micros();
        let execution = Execution {
            values: slots.collect(),
            now_micros,
            now_seconds: now_micros.div_euclid(SECOND),
            timestamp_micros: None,
            random: Arc::clone(&self.random),
            catalog: Arc::clone(&self.catalog),
            interrupt: Arc::clone(interrupt),
            page: None,
            trace: None,
            figures: None,
            defer: false,
            consistency: None,
            serial_consistency: None,
        };
        execute::execute(&self.engine, &bound.plan, execution).map(|outcome| outcome.result)
    }
}

struct Bench {
    clock: Arc<VirtualClock>,
    jobs: Jobs,
    stand: Stand,
    interrupt: Arc<AtomicBool>,
}

fn bench() -> Bench {
    let clock = VirtualClock::shared(START);
    let config = Config {
        background: false,
        seed: Some(1),
        ..Config::default()
    };
    let engine = Engine::in_memory(config, clock.clone()).unwrap();
    Bench {
        clock,
        jobs: Jobs::new(&engine),
        stand: Stand::new(&engine),
        interrupt: Arc::default(),
    }
}

fn named(text: &str) -> Name {
    let statement = parser::parse_statement(&format!("DROP JOB {text}")).unwrap();
    match statement.kind {
        crate::cql::ast::StatementKind::DropJob(job) => job.name,
        other => panic!("{other:?}"),
    }
}

impl Bench {
    fn create(&self, text: &str) -> Result<()> {
        match parser::parse_statement(text)?.kind {
            crate::cql::ast::StatementKind::CreateJob(job) => {
                self.jobs.create(&self.stand, Some("k"), &job)
            }
            other => panic!("{other:?}"),
        }
    }

    fn step(&self) -> usize {
        self.jobs.run_due(&self.stand, &self.interrupt).unwrap()
    }

    fn by_hand(&self, name: &str) -> Result<Option<u64>> {
        let name = named(name);
        self.jobs
            .run_now(&self.stand, &RunJob { name }, &self.interrupt)
    }

    /// Rows, error, by hand: of each run, the newest first.
    fn history(&self, name: &str) -> Vec<(Option<i64>, Option<String>, bool)> {
        let cql = "SELECT * FROM system_jobs.history WHERE name = ?";
        let values = vec![Value::Text(name.to_owned()).into()];
        let rows = self
            .stand
            .execute(None, cql, values, &self.interrupt)
            .unwrap();
        let rows = rows.into_rows().collect().unwrap();
        rows.iter()
            .map(|row| {
                (
                    row.get("rows").unwrap(),
                    row.get("error").unwrap(),
                    row.get("by_hand").unwrap(),
                )
            })
            .collect()
    }
}

#[test]
fn a_job_runs_when_it_is_due() {
    let bench = bench();
    assert_eq!(bench.step(), 0);
    bench.create("CREATE JOB j EVERY '1h' AS BATCH 7").unwrap();
    bench.clock.advance_micros(HOUR - SECOND);
    assert_eq!(bench.step(), 0);
    bench.clock.advance_micros(SECOND);
    assert_eq!((bench.step(), bench.step()), (1, 0));
    bench.clock.advance_micros(HOUR);
    assert_eq!(bench.step(), 1);
    assert_eq!(bench.history("j"), vec![(Some(7), None, false); 2]);
}

#[test]
fn what_was_missed_runs_once() {
    let bench = bench();
    bench
        .create("CREATE JOB j EVERY '1h' STARTING '2001-09-09 02:00:00+0000' AS BATCH 1")
        .unwrap();
    bench.clock.advance_micros(50 * HOUR);
    // Another process: it knows what the rows say.
    let jobs = Jobs::new(&bench.stand.engine);
    assert_eq!(jobs.run_due(&bench.stand, &bench.interrupt).unwrap(), 1);
    assert_eq!(jobs.run_due(&bench.stand, &bench.interrupt).unwrap(), 0);
    // The grid stays: it is 03:46:40, and the next run is due at 04:00.
    bench.clock.advance_micros(13 * 60 * SECOND);
    assert_eq!(bench.step(), 0);
    bench.clock.advance_micros(20 * SECOND);
    assert_eq!(bench.step(), 1);
}

#[test]
fn a_name_never_runs_twice_at_a_time() {
    let bench = Arc::new(bench());
    bench.create("CREATE JOB j EVERY '1h' AS BATCH 1").unwrap();
    bench.clock.advance_micros(HOUR);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (within, told) = (Arc::downgrade(&bench), Arc::clone(&seen));
    *bench.stand.inside.lock().unwrap() = Some(Box::new(move || {
        let bench = within.upgrade().unwrap();
        let by_hand = bench.jobs.run_now(
            &Stand::new(&bench.stand.engine),
            &RunJob { name: named("j") },
            &bench.interrupt,
        );
        let due = bench
            .jobs
            .run_due(&Stand::new(&bench.stand.engine), &bench.interrupt);
        told.lock()
            .unwrap()
            .push((by_hand.unwrap_err().message, due.unwrap()));
    }));
    assert_eq!(bench.step(), 1);
    bench.by_hand("j").unwrap();
    let message = "Job 'j' is running; it runs once at a time".to_owned();
    assert_eq!(*seen.lock().unwrap(), vec![(message, 0); 2]);
    *bench.stand.inside.lock().unwrap() = None;
}

#[test]
fn errors_are_recorded_and_the_next_run_comes() {
    let bench = bench();
    bench.create("CREATE JOB j EVERY '1h' AS BATCH x").unwrap();
    bench.clock.advance_micros(HOUR);
    assert_eq!((bench.step(), bench.step()), (1, 0));
    assert_eq!(bench.by_hand("j").unwrap_err().message, "it broke");
    bench.clock.advance_micros(HOUR);
    assert_eq!(bench.step(), 1);
    let history = bench.history("j");
    assert!(
        history
            .iter()
            .all(|(rows, error, _)| { rows.is_none() && error.as_deref() == Some("it broke") })
    );
    assert_eq!(history.iter().filter(|(_, _, by_hand)| *by_hand).count(), 1);
    assert_eq!(history.len(), 3);
}

#[test]
fn the_history_is_bounded() {
    let bench = bench();
    bench.create("CREATE JOB j EVERY '1h' AS BATCH 1").unwrap();
    for _ in 0..RUNS_MAX + 20 {
        bench.clock.advance_micros(SECOND);
        bench.by_hand("j").unwrap();
    }
    assert_eq!(bench.history("j").len(), RUNS_MAX);
}

#[test]
fn a_stopped_run_happens_again() {
    let bench = bench();
    bench.create("CREATE JOB j EVERY '1h' AS BATCH 1").unwrap();
    bench.clock.advance_micros(HOUR);
    bench.interrupt.store(true, Ordering::Relaxed);
    assert_eq!(bench.step(), 0);
    bench.interrupt.store(false, Ordering::Relaxed);
    assert_eq!(bench.step(), 1);
}

#[test]
fn jobs_come_and_go_by_name() {
    let bench = bench();
    let name = named("j");
    assert!(
        bench
            .by_hand("j")
            .unwrap_err()
            .message
            .contains("doesn't exist")
    );
    bench.create("CREATE JOB j EVERY '1h' AS BATCH 1").unwrap();
    let error = bench
        .create("CREATE JOB j EVERY '2h' AS BATCH 1")
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::AlreadyExists);
    bench
        .create("CREATE JOB IF NOT EXISTS j EVERY '2h' AS BATCH 1")
        .unwrap();
    bench.by_hand("j").unwrap();
    let drop = |if_exists| DropJob {
        name: name.clone(),
        if_exists,
    };
    bench.jobs.drop_job(&bench.stand, &drop(false)).unwrap();
    assert!(bench.history("j").is_empty());
    assert!(bench.jobs.drop_job(&bench.stand, &drop(false)).is_err());
    bench.jobs.drop_job(&bench.stand, &drop(true)).unwrap();
    for (text, words) in [
        ("CREATE JOB j EVERY 'x' AS BATCH 1", "is no duration"),
        (
            "CREATE JOB j EVERY '1h' STARTING 'x' AS BATCH 1",
            "is no timestamp",
        ),
        (
            "CREATE JOB j EVERY '1h' AS SELECT 1",
            "no statement of a job",
        ),
    ] {
        let error = bench.create(text).unwrap_err();
        assert!(error.message.contains(words), "{text}: {error}");
    }
}

#[test]
fn a_job_dropped_while_it_runs_leaves_nothing() {
    let bench = Arc::new(bench());
    bench.create("CREATE JOB j EVERY '1h' AS BATCH 1").unwrap();
    let within = Arc::downgrade(&bench);
    *bench.stand.inside.lock().unwrap() = Some(Box::new(move || {
        let bench = within.upgrade().unwrap();
        let drop = DropJob {
            name: named("j"),
            if_exists: false,
        };
        bench
            .jobs
            .drop_job(&Stand::new(&bench.stand.engine), &drop)
            .unwrap();
    }));
    bench.clock.advance_micros(HOUR);
    assert_eq!(bench.step(), 1);
    assert!(bench.history("j").is_empty());
    assert_eq!(bench.step(), 0);
    *bench.stand.inside.lock().unwrap() = None;
    assert_eq!(bench.stand.runs.load(Ordering::SeqCst), 1);
}
