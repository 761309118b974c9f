//! `kill -9` of the server under a real driver's load.
//!
//! The `scylla` driver writes over the wire: single rows by three writers, logged batches of three
//! rows by a fourth. After each kill the server starts again over the same directory, and every
//! partition is read back: no gap, every acknowledged row, at most what one request more wrote,
//! and of a batch all or nothing.

use crate::served::Served;
use helenus::random::Random;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::statement::batch::{Batch, BatchType};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

const CYCLES: u64 = 200;
const WRITERS: usize = 4;
/// This writer's requests are batches.
const BATCHER: usize = 3;
const BATCH_ROWS: i32 = 3;

/// Small memtables and segments, so that the kill also hits flushes and compactions.
const CONFIG: &str = "\
commitlog_sync = \"group\"
commitlog_segment_size_bytes = 1048576
memtable_flush_bytes = 65536
";

fn filler(writer: i32, n: i32) -> String {
    format!("{writer}/{n} ").repeat(50)
}

async fn connect(server: &Served) -> Session {
    SessionBuilder::new()
        .known_node_addr(server.address)
        .connection_timeout(Duration::from_secs(10))
        .build()
        .await
        .unwrap()
}

async fn create(session: &Session) {
    for statement in [
        "CREATE KEYSPACE IF NOT EXISTS k WITH replication = \
         {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TABLE IF NOT EXISTS k.t (writer int, n int, filler text, \
         PRIMARY KEY (writer, n))",
    ] {
        session.query_unpaged(statement, &[]).await.unwrap();
    }
}

/// Writes until the server is gone; `next` is the number of the first row that is not
/// acknowledged.
async fn write(session: Arc<Session>, writer: usize, next: Arc<AtomicI32>) {
    let key = i32::try_from(writer).unwrap();
    let insert = "INSERT INTO k.t (writer, n, filler) VALUES (?, ?, ?)";
    let Ok(mut insert) = session.prepare(insert).await else {
        return;
    };
    // A retry would be a second write under the same acknowledgement.
    insert.set_is_idempotent(false);
    let rows = if writer == BATCHER { BATCH_ROWS } else { 1 };
    loop {
        let n = next.load(Ordering::SeqCst);
        let row = |n: i32| (key, n, filler(key, n));
        let done = if rows == 1 {
            session.execute_unpaged(&insert, row(n)).await.is_ok()
        } else {
            let mut batch = Batch::new(BatchType::Logged);
            (0..rows).for_each(|_| batch.append_statement(insert.clone()));
            let values: Vec<_> = (n..n + rows).map(row).collect();
            session.batch(&batch, values).await.is_ok()
        };
        if !done {
            return;
        }
        next.store(n + rows, Ordering::SeqCst);
    }
}

/// The rows of a partition: no gap, the values that were written.
async fn count(session: &Session, writer: usize, cycle: u64) -> i32 {
    let key = i32::try_from(writer).unwrap();
    let mut count = 0;
    let select = "SELECT n, filler FROM k.t WHERE writer = ?";
    let rows = session
        .query_unpaged(select, (key,))
        .await
        .unwrap()
        .into_rows_result()
        .unwrap();
    for row in rows.rows::<(i32, &str)>().unwrap() {
        let (n, text) = row.unwrap();
        assert_eq!(n, count, "cycle {cycle}, writer {writer}: a gap");
        assert_eq!(text, filler(key, n), "cycle {cycle}: another value");
        count += 1;
    }
    count
}

#[test]
fn the_server_loses_nothing_that_it_acknowledged() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let random = Random::seeded(0x7365_7276);
    let next: [Arc<AtomicI32>; WRITERS] = std::array::from_fn(|_| Arc::default());
    let mut server = Served::start(folder.path(), CONFIG);
    runtime.block_on(async { create(&connect(&server).await).await });
    for cycle in 0..CYCLES {
        runtime.block_on(async {
            let session = Arc::new(connect(&server).await);
            let writers: Vec<_> = (0..WRITERS)
                .map(|at| tokio::spawn(write(Arc::clone(&session), at, Arc::clone(&next[at]))))
                .collect();
            tokio::time::sleep(Duration::from_micros(random.below(60_000))).await;
            server.kill();
            for writer in writers {
                tokio::time::timeout(Duration::from_secs(60), writer)
                    .await
                    .expect("the driver notices")
                    .unwrap();
            }
        });
        server = Served::start(folder.path(), CONFIG);
        runtime.block_on(async {
            let session = connect(&server).await;
            for (writer, next) in next.iter().enumerate() {
                let rows = count(&session, writer, cycle).await;
                let acknowledged = next.load(Ordering::SeqCst);
                let more = if writer == BATCHER { BATCH_ROWS } else { 1 };
                assert!(
                    rows == acknowledged || rows == acknowledged + more,
                    "cycle {cycle}, writer {writer}: {rows} rows, {acknowledged} acknowledged"
                );
                next.store(rows, Ordering::SeqCst);
            }
        });
    }
    for (writer, next) in next.iter().enumerate() {
        let rows = next.load(Ordering::SeqCst);
        assert!(
            rows > 100,
            "writer {writer} wrote {rows} rows in all cycles"
        );
    }
}
