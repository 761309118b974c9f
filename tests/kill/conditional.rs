//! `kill -9` under conditional writes: what was acknowledged took place, once.
//!
//! Several threads count one number up, each time by a conditional batch that also notes in a row
//! who did it. After a kill there is a row for each number from 1 to the one that stands there,
//! and every acknowledged one is its writer's.

use crate::{as_victim, kill_after, open, tell, victim};
use helenus::Database;
use helenus::cql::result::BindValue;
use helenus::random::Random;
use std::path::Path;

const CYCLES: u64 = 40;
const WRITERS: i32 = 4;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS k.cas (id int, at int, n int STATIC, writer int, \
                     PRIMARY KEY (id, at))";
const COUNT_UP: &str = "BEGIN BATCH \
                        UPDATE k.cas SET n = ? WHERE id = 1 IF n = ?; \
                        INSERT INTO k.cas (id, at, writer) VALUES (1, ?, ?); \
                        APPLY BATCH";

fn number(database: &Database) -> Option<i32> {
    let select = "SELECT DISTINCT id, n FROM k.cas WHERE id = 1";
    let mut rows = database.execute(select, &[]).unwrap().into_rows();
    let row = rows.next_row().unwrap()?;
    row.get("n").unwrap()
}

/// Counts up by one from `seen`; answers whether nobody else did.
fn count_up(database: &Database, writer: i32, seen: Option<i32>) -> bool {
    let next = seen.unwrap_or(0) + 1;
    let seen = seen.map_or(BindValue::Null, BindValue::from);
    let values = [next.into(), seen, next.into(), writer.into()];
    let mut rows = database.execute(COUNT_UP, &values).unwrap().into_rows();
    let row = rows.next_row().unwrap().unwrap();
    row.get("[applied]").unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the victim's writers")]
fn count_until_killed(directory: &str) {
    let database = open(Path::new(directory)).unwrap();
    database.execute(TABLE, &[]).unwrap();
    let threads: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let database = database.clone();
            std::thread::spawn(move || {
                loop {
                    let seen = number(&database);
                    if count_up(&database, writer, seen) {
                        tell(&format!("ack {writer} {}", seen.unwrap_or(0) + 1));
                    }
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

#[test]
fn conditional_writes_survive_kills() {
    if let Some((directory, _)) = as_victim() {
        count_until_killed(&directory);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let random = Random::seeded(0x0063_6173);
    let mut before = 0;
    for cycle in 0..CYCLES {
        let name = "conditional::conditional_writes_survive_kills";
        let child = victim(name, folder.path(), "");
        let mut told: Vec<(i32, i32)> = Vec::new();
        for line in kill_after(child, random.below(40_000)) {
            if let Some((_, ack)) = line.trim_end_matches('.').split_once("ack ") {
                let (writer, at) = ack.split_once(' ').unwrap();
                told.push((at.parse().unwrap(), writer.parse().unwrap()));
            }
        }
        let database = open(folder.path()).unwrap();
        let select = "SELECT at, writer FROM k.cas WHERE id = 1";
        let rows = database.execute(select, &[]).unwrap().into_rows();
        let rows = rows.collect().unwrap();
        let noted: Vec<(i32, i32)> = rows
            .iter()
            .map(|row| (row.get("at").unwrap(), row.get("writer").unwrap()))
            .collect();
        let last = number(&database).unwrap_or(0);
        let expected: Vec<i32> = (1..=last).collect();
        let found: Vec<i32> = noted.iter().map(|(at, _)| *at).collect();
        assert_eq!(found, expected, "cycle {cycle}: lost, or done twice");
        for ack in told {
            assert!(
                noted.binary_search(&ack).is_ok(),
                "cycle {cycle}: {ack:?} was acknowledged"
            );
        }
        assert!(last >= before, "cycle {cycle}: {last} after {before}");
        before = last;
        database.close().unwrap();
    }
    assert!(before > 0, "nothing was written");
}
