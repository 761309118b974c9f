//! Conformance of the Rust driver `scylla`.
//!
//! `tools/clients rust` runs this test like the scripts of the other clients, against the server
//! that its environment names, restart included. Without that environment the test starts a server
//! of its own.
#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

#[path = "clients/rust/log.rs"]
mod log;
#[path = "support/served.rs"]
mod served;
#[path = "clients/rust/types.rs"]
mod types;

use log::Log;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::client::{Compression, PoolSize};
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use scylla::response::{PagingState, PagingStateResponse};
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::{SerialConsistency, Statement};
use scylla::value::{Counter, CqlValue, MaybeUnset, Row};
use served::Served;
use std::env::var;
use std::num::NonZeroUsize;
use std::process::Command;
use std::time::Duration;

const KEYSPACE: &str = "conformance_rust";
const READ_PARTS: &str = "SELECT part, at FROM rows_of WHERE part IN (1000, 1001, 1002, 1003)";
const PART_ROWS: i32 = 23;
const PARTS: std::ops::Range<i32> = 1000..1004;

async fn connect(address: &str, compression: Option<Compression>) -> Session {
    SessionBuilder::new()
        .known_node(address)
        .compression(compression)
        .pool_size(PoolSize::PerHost(NonZeroUsize::MIN))
        .connection_timeout(Duration::from_secs(20))
        .build()
        .await
        .unwrap()
}

async fn run(session: &Session, text: &str) {
    session.query_unpaged(text, &[]).await.unwrap();
}

async fn rows(session: &Session, text: &str) -> Vec<Vec<Option<CqlValue>>> {
    let result = session.query_unpaged(text, &[]).await.unwrap();
    let result = result.into_rows_result().unwrap();
    let rows = result.rows::<Row>().unwrap();
    rows.map(|row| row.unwrap().columns).collect()
}

async fn one(session: &Session, text: &str) -> Vec<Option<CqlValue>> {
    let mut rows = rows(session, text).await;
    assert_eq!(rows.len(), 1, "{text}");
    rows.remove(0)
}

async fn refused(session: &Session, text: &str) -> (DbError, String) {
    match session.query_unpaged(text, &[]).await {
        Err(ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, message))) => {
            (error, message)
        }
        other => panic!("{text}: {other:?}"),
    }
}

async fn connected(session: &Session) {
    let state = session.get_cluster_state();
    assert_eq!(state.get_nodes_info().len(), 1);
    assert!(!state.cluster_name().is_empty());
    let local = one(session, "SELECT release_version FROM system.local").await;
    assert!(
        local[0]
            .as_ref()
            .unwrap()
            .as_text()
            .unwrap()
            .starts_with("5.0")
    );
    run(session, &format!("DROP KEYSPACE IF EXISTS {KEYSPACE}")).await;
    let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
    let create = format!("CREATE KEYSPACE {KEYSPACE} WITH replication = {replication}");
    run(session, &create).await;
    session.use_keyspace(KEYSPACE, false).await.unwrap();
}

async fn schema(session: &Session) {
    for statement in [
        "CREATE TYPE place (name text, at frozen<tuple<double, double>>)",
        "CREATE TABLE measured (station text, day date, at timestamp, value double, \
         note text static, tags set<text>, PRIMARY KEY ((station, day), at)) \
         WITH CLUSTERING ORDER BY (at DESC)",
        "CREATE TABLE rows_of (part int, at int, text text, PRIMARY KEY (part, at))",
        "CREATE TABLE counted (id int PRIMARY KEY, hits counter)",
    ] {
        run(session, statement).await;
    }
    session.await_schema_agreement().await.unwrap();
    session.refresh_metadata().await.unwrap();
    let state = session.get_cluster_state();
    let keyspace = state.get_keyspace(KEYSPACE).unwrap();
    let table = &keyspace.tables["measured"];
    assert_eq!(table.partition_key, ["station", "day"]);
    assert_eq!(table.clustering_key, ["at"]);
    assert_eq!(table.columns.len(), 6);
    assert!(keyspace.user_defined_types.contains_key("place"));
}

async fn all_types(session: &Session) {
    let types = types::every_type();
    let columns: Vec<String> = (types.iter().enumerate())
        .map(|(at, (name, _))| format!("c{at} {name}"))
        .collect();
    let table = format!(
        "CREATE TABLE types (id int PRIMARY KEY, {})",
        columns.join(", ")
    );
    run(session, &table).await;
    for (at, (name, values)) in types.into_iter().enumerate() {
        let insert = format!("INSERT INTO types (id, c{at}) VALUES (1, ?)");
        let insert = session.prepare(insert).await.unwrap();
        let select = format!("SELECT c{at} FROM types WHERE id = 1");
        for value in values {
            session.execute_unpaged(&insert, (&value,)).await.unwrap();
            assert_eq!(one(session, &select).await, [Some(value)], "{name}");
        }
        let unset: MaybeUnset<CqlValue> = MaybeUnset::Unset;
        session.execute_unpaged(&insert, (unset,)).await.unwrap();
        assert!(
            one(session, &select).await[0].is_some(),
            "{name}: unset keeps it"
        );
        let null: Option<CqlValue> = None;
        session.execute_unpaged(&insert, (null,)).await.unwrap();
        assert_eq!(one(session, &select).await, [None], "{name}");
    }
    let add = "UPDATE counted SET hits = hits + ? WHERE id = 1";
    let add = session.prepare(add).await.unwrap();
    for amount in [5, i64::MAX - 5] {
        session
            .execute_unpaged(&add, (Counter(amount),))
            .await
            .unwrap();
    }
    let hits = one(session, "SELECT hits FROM counted WHERE id = 1").await;
    assert_eq!(hits, [Some(CqlValue::Counter(Counter(i64::MAX)))]);
}

async fn batches(session: &Session) {
    let write = "INSERT INTO rows_of (part, at, text) VALUES (?, ?, ?)";
    let prepared = session.prepare(write).await.unwrap();
    for kind in [BatchType::Logged, BatchType::Unlogged] {
        let mut batch = Batch::new(kind);
        batch.append_statement(prepared.clone());
        batch.append_statement(write);
        let values = ((20, 1, "prepared"), (20, 2, "plain"));
        session.batch(&batch, values).await.unwrap();
    }
    assert_eq!(
        rows(session, "SELECT at FROM rows_of WHERE part = 20")
            .await
            .len(),
        2
    );
    let mut batch = Batch::new(BatchType::Counter);
    batch.append_statement("UPDATE counted SET hits = hits + 1 WHERE id = 2");
    session.batch(&batch, ((),)).await.unwrap();
    let mut batch = Batch::new(BatchType::Logged);
    batch.set_timestamp(Some(77));
    batch.append_statement(write);
    session.batch(&batch, ((21, 1, "x"),)).await.unwrap();
    let written = one(
        session,
        "SELECT writetime(text) FROM rows_of WHERE part = 21",
    )
    .await;
    assert_eq!(written, [Some(CqlValue::BigInt(77))]);
}

async fn conditional(session: &Session) {
    run(
        session,
        "CREATE TABLE accounts (id int PRIMARY KEY, owner text, credit int)",
    )
    .await;
    let int = |n| Some(CqlValue::Int(n));
    let text = |t: &str| Some(CqlValue::Text(t.to_owned()));
    let applied = |yes| Some(CqlValue::Boolean(yes));
    let insert = "INSERT INTO accounts (id, owner, credit) VALUES (1, 'ann', 10) IF NOT EXISTS";
    assert_eq!(one(session, insert).await[0], applied(true));
    let stood = one(session, insert).await;
    assert_eq!(stood, [applied(false), int(1), int(10), text("ann")]);
    let mut update = Statement::from("UPDATE accounts SET credit = ? WHERE id = 1 IF credit = ?");
    update.set_serial_consistency(Some(SerialConsistency::LocalSerial));
    let update = session.prepare(update).await.unwrap();
    for (expected, credit) in [(false, 9), (true, 10)] {
        let answer = session.execute_unpaged(&update, (11, credit)).await;
        let answer = answer.unwrap().into_rows_result().unwrap();
        let row = answer.first_row::<Row>().unwrap();
        assert_eq!(row.columns[0], applied(expected), "{:?}", row.columns);
    }
}

/// One page: its rows, and where the next one begins.
async fn page(
    session: &Session,
    size: i32,
    state: PagingState,
) -> (Vec<(i32, i32)>, PagingStateResponse) {
    let mut select = session.prepare(READ_PARTS).await.unwrap();
    select.set_page_size(size);
    let (result, next) = session
        .execute_single_page(&select, &[], state)
        .await
        .unwrap();
    let result = result.into_rows_result().unwrap();
    let rows = result
        .rows::<(i32, i32)>()
        .unwrap()
        .map(Result::unwrap)
        .collect();
    (rows, next)
}

/// What is left to read from a place on.
async fn rest(session: &Session, size: i32, mut next: PagingStateResponse) -> Vec<(i32, i32)> {
    let mut rows = Vec::new();
    while let PagingStateResponse::HasMorePages { state } = next {
        let more;
        (more, next) = page(session, size, state).await;
        rows.extend(more);
    }
    rows
}

fn all_parts() -> Vec<(i32, i32)> {
    PARTS
        .flat_map(|part| (0..PART_ROWS).map(move |at| (part, at)))
        .collect()
}

async fn paging(session: &Session) {
    let write = "INSERT INTO rows_of (part, at, text) VALUES (?, ?, 'row')";
    let write = session.prepare(write).await.unwrap();
    for key in all_parts() {
        session.execute_unpaged(&write, key).await.unwrap();
    }
    for size in [1, 7, 23, 91, 92, 93] {
        let (mut rows, next) = page(session, size, PagingState::start()).await;
        rows.extend(rest(session, size, next).await);
        rows.sort_unstable();
        assert_eq!(rows, all_parts(), "pages of {size}");
    }
}

async fn routing(session: &Session) {
    let select = "SELECT token(part) FROM rows_of WHERE part = ? LIMIT 1";
    let select = session.prepare(select).await.unwrap();
    assert!(select.is_token_aware());
    let token = select.calculate_token(&(1000,)).unwrap().unwrap();
    let result = session.execute_unpaged(&select, (1000,)).await.unwrap();
    let result = result.into_rows_result().unwrap();
    assert_eq!(result.single_row::<(i64,)>().unwrap().0, token.value());
    let state = session.get_cluster_state();
    let replicas = state.get_endpoints(KEYSPACE, "rows_of", &(1000,)).unwrap();
    assert_eq!(replicas.len(), 1);
}

async fn errors(session: &Session) {
    let (error, message) = refused(session, "SELEKT 1").await;
    assert_eq!(error, DbError::SyntaxError);
    assert!(message.contains("line 1:0"), "{message}");
    let (error, message) = refused(session, "SELECT * FROM absent").await;
    assert_eq!(error, DbError::Invalid);
    assert!(message.contains("absent"), "{message}");
    let (error, _) = refused(session, "CREATE TABLE rows_of (a int PRIMARY KEY)").await;
    let there = DbError::AlreadyExists {
        keyspace: KEYSPACE.to_owned(),
        table: "rows_of".to_owned(),
    };
    assert_eq!(error, there);
    let create = "CREATE KEYSPACE k WITH replication = {'class': 'NoSuchStrategy'}";
    assert_eq!(refused(session, create).await.0, DbError::ConfigError);
    let result = session
        .query_unpaged("SELECT count(*) FROM rows_of", &[])
        .await
        .unwrap();
    let warnings: Vec<&str> = result.warnings().collect();
    assert!(
        warnings[0].contains("without partition key"),
        "{warnings:?}"
    );
}

async fn tracing_of_a_request(session: &Session) {
    let mut select = Statement::new("SELECT * FROM rows_of WHERE part = 1000");
    select.set_tracing(true);
    let result = session.query_unpaged(select, &[]).await.unwrap();
    let id = result.tracing_id().unwrap();
    let trace = session.get_tracing_info(&id).await.unwrap();
    assert!(!trace.events.is_empty() && trace.duration.is_some());
}

async fn prepared_again(session: &Session) {
    run(session, "CREATE TABLE changing (id int PRIMARY KEY, a int)").await;
    let write = session
        .prepare("INSERT INTO changing (id, a) VALUES (?, ?)")
        .await
        .unwrap();
    let select = session
        .prepare("SELECT * FROM changing WHERE id = 1")
        .await
        .unwrap();
    session.execute_unpaged(&write, (1, 2)).await.unwrap();
    run(session, "ALTER TABLE changing ADD b text").await;
    run(session, "UPDATE changing SET b = 'new' WHERE id = 1").await;
    session.execute_unpaged(&write, (2, 3)).await.unwrap();
    let result = session.execute_unpaged(&select, &[]).await.unwrap();
    let result = result.into_rows_result().unwrap();
    let (_, _, b) = result.single_row::<(i32, i32, String)>().unwrap();
    assert_eq!(b, "new");
}

/// A table that another session makes. (The driver asks by itself once a minute only.)
async fn schema_of_another_session(session: &Session, address: &str) {
    let other = connect(address, None).await;
    run(
        &other,
        &format!("CREATE TABLE {KEYSPACE}.seen (id int PRIMARY KEY)"),
    )
    .await;
    session.refresh_metadata().await.unwrap();
    let state = session.get_cluster_state();
    assert!(
        state
            .get_keyspace(KEYSPACE)
            .unwrap()
            .tables
            .contains_key("seen")
    );
}

async fn compressions(address: &str) {
    let text = "compress me ".repeat(5_000);
    for compression in [Compression::Lz4, Compression::Snappy] {
        let other = connect(address, Some(compression)).await;
        other.use_keyspace(KEYSPACE, false).await.unwrap();
        let write = "INSERT INTO rows_of (part, at, text) VALUES (3000, 1, ?)";
        other.query_unpaged(write, (&text,)).await.unwrap();
        let found = one(&other, "SELECT text FROM rows_of WHERE part = 3000").await;
        assert_eq!(found, [Some(CqlValue::Text(text.clone()))]);
    }
}

async fn restart(session: &Session, log: &Log, program: &str) {
    let write = "INSERT INTO rows_of (part, at, text) VALUES (4000, ?, 'row')";
    let write = session.prepare(write).await.unwrap();
    session.execute_unpaged(&write, (1,)).await.unwrap();
    let (mut rows, next) = page(session, 10, PagingState::start()).await;
    log.fault(true);
    let mut program = Command::new(program);
    let restarted = tokio::task::spawn_blocking(move || program.status().unwrap().success());
    assert!(restarted.await.unwrap());
    eventually("the session's recovery", async || {
        let read = "SELECT at FROM rows_of WHERE part = 4000";
        session.query_unpaged(read, &[]).await.is_ok() && session.refresh_metadata().await.is_ok()
    })
    .await;
    log.fault(false);
    rows.extend(rest(session, 10, next).await);
    rows.sort_unstable();
    assert_eq!(rows, all_parts());
    // Unknown to the new process: prepared again without anyone's doing.
    session.execute_unpaged(&write, (2,)).await.unwrap();
    let read = "SELECT count(*) FROM rows_of WHERE part = 4000";
    assert_eq!(one(session, read).await, [Some(CqlValue::BigInt(2))]);
}

/// Waits for something that the driver does by itself.
async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    for _ in 0..600 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{what}: not within a minute");
}

async fn step(name: &str, work: impl Future<Output = ()>) {
    work.await;
    println!("ok {name}");
}

async fn conformance(address: &str, log: &Log) {
    let session = &connect(address, None).await;
    step("connected", connected(session)).await;
    step("schema", schema(session)).await;
    step("types", all_types(session)).await;
    step("batches", batches(session)).await;
    step("conditional", conditional(session)).await;
    step("paging", paging(session)).await;
    step("routing", routing(session)).await;
    step("errors", errors(session)).await;
    step("tracing", tracing_of_a_request(session)).await;
    step("prepared_again", prepared_again(session)).await;
    let seen = schema_of_another_session(session, address);
    step("schema_of_another_session", seen).await;
    step("compressions", compressions(address)).await;
    if let Some(program) = var("CLIENT_RESTART")
        .ok()
        .filter(|program| !program.is_empty())
    {
        step("restart", restart(session, log, &program)).await;
    }
    step("leave", run(session, &format!("DROP KEYSPACE {KEYSPACE}"))).await;
}

#[test]
fn the_driver_scylla_works_unchanged() {
    let log = Log::begin();
    let directory = tempfile::tempdir().unwrap();
    let own = var("CLIENT_HOST")
        .is_err()
        .then(|| Served::start(directory.path(), ""));
    let address = match &own {
        Some(served) => served.address.to_string(),
        None => format!(
            "{}:{}",
            var("CLIENT_HOST").unwrap(),
            var("CLIENT_PORT").unwrap()
        ),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(conformance(&address, &log));
    drop(runtime);
    if let Some(mut served) = own {
        served.kill();
    }
    let lines = log.lines();
    if let Ok(path) = var("CLIENT_LOG") {
        #[expect(clippy::disallowed_methods, reason = "the harness reads it")]
        std::fs::write(path, lines.join("\n") + "\n").unwrap();
    }
    let complaint = lines.iter().find(|line| line.starts_with("run ERROR"));
    assert_eq!(complaint, None);
}
