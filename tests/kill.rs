//! `kill -9` at any moment: nothing acknowledged is lost, nothing is invented.
//!
//! The test starts its own executable again as a victim, which writes through the library and
//! tells each acknowledged write on its standard output; the parent kills it at a random moment,
//! opens the database itself, and compares. Each writer numbers its rows in order, so the check is
//! exact: a partition holds rows 0, 1, 2, … without a gap, all acknowledged ones, and at most the
//! one more that was under way.
#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

#[cfg(feature = "analytics")]
#[path = "kill/batch.rs"]
mod batch;
#[path = "kill/conditional.rs"]
mod conditional;
#[path = "support/served.rs"]
mod served;
#[path = "kill/server.rs"]
mod server;

use helenus::clock::SystemClock;
use helenus::config::Config;
use helenus::cql::result::BindValue;
use helenus::random::Random;
use helenus::transfer::{self, ImportOptions, Input};
use helenus::{Database, Result};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const VICTIM: &str = "HELENUS_KILL_VICTIM";
const WRITERS: i32 = 4;
const CYCLES: u64 = 200;
const IMPORT_CYCLES: i32 = 40;
const IMPORT_ROWS: i64 = 5_000;

/// Small memtables, so that the kill also hits flushes and compactions.
fn open(directory: &Path) -> Result<Database> {
    let config = Config {
        memtable_flush_bytes: 64 << 10,
        commitlog_segment_bytes: 128 << 10,
        ..Config::default()
    };
    let database = Database::open_with(directory, config, SystemClock::shared())?;
    database.execute(
        "CREATE KEYSPACE IF NOT EXISTS k WITH replication = \
         {'class': 'SimpleStrategy', 'replication_factor': 1}",
        &[],
    )?;
    database.execute(
        "CREATE TABLE IF NOT EXISTS k.t (writer int, n int, filler text, PRIMARY KEY (writer, n))",
        &[],
    )?;
    database.execute(
        "CREATE TABLE IF NOT EXISTS k.imported (run int, n bigint, filler text, \
         PRIMARY KEY (run, n))",
        &[],
    )?;
    Ok(database)
}

fn filler(writer: i32, n: i32) -> String {
    format!("{writer}/{n} ").repeat(50)
}

/// This test's executable again, with one test alone, as the victim.
fn victim(test: &str, directory: &Path, argument: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(VICTIM, format!("{}\n{argument}", directory.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// What the parent asked for, in a victim.
fn as_victim() -> Option<(String, String)> {
    let asked = std::env::var(VICTIM).ok()?;
    let (directory, argument) = asked.split_once('\n')?;
    Some((directory.to_owned(), argument.to_owned()))
}

/// Lets the victim live for `micros` after its first line, kills it, and answers its lines.
#[expect(
    clippy::disallowed_methods,
    reason = "reads the victim's lines beside; the moment of the kill is real time"
)]
fn kill_after(mut child: Child, micros: u64) -> Vec<String> {
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let (first, began) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut seen = Vec::new();
        for line in stdout.lines() {
            // A line cut off by the kill has no end; `lines` hands it out, so mark whole ones.
            let Ok(line) = line else { break };
            if line.ends_with('.') {
                seen.push(line);
                let _ = first.send(());
            }
        }
        seen
    });
    began
        .recv_timeout(Duration::from_secs(60))
        .expect("the victim begins");
    #[expect(
        clippy::disallowed_methods,
        reason = "the moment of the kill is real time"
    )]
    std::thread::sleep(Duration::from_micros(micros));
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

/// One write call a line, so that a kill cuts between lines.
fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}.\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

fn rows_of(database: &Database, writer: i32) -> Vec<(i32, String)> {
    let rows = database
        .execute(
            "SELECT n, filler FROM k.t WHERE writer = ?",
            &[writer.into()],
        )
        .unwrap()
        .into_rows();
    let rows = rows.collect().unwrap();
    rows.iter()
        .map(|row| (row.get("n").unwrap(), row.get("filler").unwrap()))
        .collect()
}

#[expect(clippy::disallowed_methods, reason = "the victim's writers")]
fn write_until_killed(directory: &str) {
    let database = open(Path::new(directory)).unwrap();
    let threads: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let database = database.clone();
            std::thread::spawn(move || {
                let first = rows_of(&database, writer).len() as i32;
                let mut session = database.session();
                let insert = session
                    .prepare("INSERT INTO k.t (writer, n, filler) VALUES (?, ?, ?)")
                    .unwrap();
                for n in first.. {
                    let values: [BindValue; 3] =
                        [writer.into(), n.into(), filler(writer, n).into()];
                    session.execute_prepared(&insert, &values).unwrap();
                    tell(&format!("ack {writer} {n}"));
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

#[test]
fn inserts_survive_kills() {
    if let Some((directory, _)) = as_victim() {
        write_until_killed(&directory);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let random = Random::seeded(0x6b69_6c6c);
    let mut acknowledged = [0i32; WRITERS as usize];
    for cycle in 0..CYCLES {
        let child = victim("inserts_survive_kills", folder.path(), "");
        for line in kill_after(child, random.below(40_000)) {
            // The harness writes the test's name before the first line, on the same line.
            if let Some((_, told)) = line.trim_end_matches('.').split_once("ack ") {
                let mut words = told.split(' ');
                let writer: usize = words.next().unwrap().parse().unwrap();
                acknowledged[writer] = words.next().unwrap().parse::<i32>().unwrap() + 1;
            }
        }
        let database = open(folder.path()).unwrap();
        for (writer, acknowledged) in (0..).zip(&mut acknowledged) {
            let rows = rows_of(&database, writer);
            let count = rows.len() as i32;
            assert!(
                count == *acknowledged || count == *acknowledged + 1,
                "cycle {cycle}, writer {writer}: {count} rows, {acknowledged} acknowledged"
            );
            for (expected, (n, text)) in (0..).zip(&rows) {
                assert_eq!(*n, expected, "cycle {cycle}, writer {writer}: a gap");
                assert_eq!(*text, filler(writer, *n), "cycle {cycle}: another value");
            }
            *acknowledged = count;
        }
        database.close().unwrap();
    }
    assert!(
        acknowledged.iter().all(|count| *count > 0),
        "every writer wrote: {acknowledged:?}"
    );
}

/// Imports a generated file as run `run`; answers how long it took, in seconds.
fn import(database: &Database, run: i32) -> f64 {
    let mut text = String::from("run,n,filler\n");
    for n in 0..IMPORT_ROWS {
        text.push_str(&format!("{run},{n},{}\n", filler(run, 7)));
    }
    let input = Input::Reader("generated".to_owned(), Box::new(std::io::Cursor::new(text)));
    let mut options = ImportOptions::new("k", "imported", vec![input]);
    // Little memory, so that sorted runs go to disk.
    options.memory_bytes_max = 1 << 20;
    transfer::import(database, options).unwrap().seconds
}

fn import_until_killed(directory: &str, run: i32) {
    let database = open(Path::new(directory)).unwrap();
    tell("begin");
    import(&database, run);
    tell("done");
    loop {
        std::thread::park();
    }
}

#[test]
fn imports_are_all_or_nothing() {
    if let Some((directory, run)) = as_victim() {
        import_until_killed(&directory, run.parse().unwrap());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let random = Random::seeded(0x696d_706f);
    // Kills fall before and after the end of an import alike, on any machine.
    let micros = (import(&open(folder.path()).unwrap(), -1) * 2e6) as u64;
    let (mut whole, mut none) = (0, 0);
    for run in 0..IMPORT_CYCLES {
        let child = victim(
            "imports_are_all_or_nothing",
            folder.path(),
            &run.to_string(),
        );
        let lines = kill_after(child, random.below(micros));
        let done = lines.iter().any(|line| line.contains("done."));
        let database = open(folder.path()).unwrap();
        let count = database
            .execute(
                "SELECT count(*) AS n FROM k.imported WHERE run = ?",
                &[run.into()],
            )
            .unwrap()
            .into_rows()
            .next_row()
            .unwrap()
            .unwrap()
            .get::<i64>("n")
            .unwrap();
        assert!(
            count == 0 || count == IMPORT_ROWS,
            "run {run}: {count} rows"
        );
        assert!(
            !done || count == IMPORT_ROWS,
            "run {run}: acknowledged, and lost"
        );
        whole += i32::from(count > 0);
        none += i32::from(count == 0);
        database.close().unwrap();
    }
    assert!(
        whole > 0 && none > 0,
        "kills before and after the end: {whole} whole, {none} none"
    );
}
