//! `kill -9` in the middle of a batch statement that writes: all its rows, or none.

use crate::{as_victim, kill_after, open, tell, victim};
use arrow::array::{Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use helenus::analytics::statement::Statement;
use helenus::analytics::write::{self, Batches, WriteOptions, WritePlan};
use helenus::random::Random;
use helenus::{Database, Result};
use std::path::Path;
use std::sync::Arc;

const CYCLES: i32 = 20;
const ROWS: i64 = 20_000;
const BATCH: i64 = 1_000;

/// The rows of a run.
struct Rows {
    run: i32,
    next: i64,
}

impl Batches for Rows {
    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("run", DataType::Int32, true),
            Field::new("n", DataType::Int64, true),
            Field::new("filler", DataType::Utf8, true),
        ]))
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        if self.next >= ROWS {
            return Ok(None);
        }
        let numbers = self.next..self.next + BATCH;
        self.next += BATCH;
        let runs = numbers.clone().map(|_| self.run);
        let texts = numbers.clone().map(|n| format!("row {n}"));
        let batch = RecordBatch::try_new(
            self.schema(),
            vec![
                Arc::new(Int32Array::from_iter_values(runs)),
                Arc::new(Int64Array::from_iter_values(numbers)),
                Arc::new(StringArray::from_iter_values(texts)),
            ],
        );
        Ok(Some(batch.unwrap()))
    }
}

fn write(database: &Database, run: i32) {
    let engine = database.engine();
    let statement = Statement::parse("INSERT INTO k.imported SELECT 1").unwrap();
    // Positional: the table's columns are run, n, filler.
    let plan = WritePlan::new(&engine.catalog(), None, &statement).unwrap();
    let options = WriteOptions {
        memory_bytes_max: 256 << 10,
        interrupt: Arc::default(),
    };
    write::run(engine, &plan, &mut Rows { run, next: 0 }, &options).unwrap();
}

fn write_until_killed(directory: &str, run: i32) {
    let database = open(Path::new(directory)).unwrap();
    tell("begun");
    write(&database, run);
    tell("done");
    loop {
        std::thread::park();
    }
}

#[test]
fn batch_writes_are_all_or_nothing() {
    if let Some((directory, run)) = as_victim() {
        write_until_killed(&directory, run.parse().unwrap());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let random = Random::seeded(0x6261_7463);
    // Kills fall before and after the end of a run alike, on any machine.
    let database = open(folder.path()).unwrap();
    let clock = database.engine().clock();
    let began = clock.monotonic_micros();
    write(&database, -1);
    let micros = u64::try_from((clock.monotonic_micros() - began) * 2).unwrap();
    drop(clock);
    database.close().unwrap();
    drop(database);
    let (mut whole, mut none) = (0, 0);
    for run in 0..CYCLES {
        let child = victim(
            "batch::batch_writes_are_all_or_nothing",
            folder.path(),
            &run.to_string(),
        );
        let lines = kill_after(child, random.below(micros));
        let done = lines.iter().any(|line| line.contains("done."));
        let database = open(folder.path()).unwrap();
        let counted = "SELECT count(*) AS n FROM k.imported WHERE run = ?";
        let counted = database
            .execute(counted, &[run.into()])
            .unwrap()
            .into_rows();
        let count: i64 = counted.collect().unwrap()[0].get("n").unwrap();
        assert!(count == 0 || count == ROWS, "run {run}: {count} rows");
        assert!(!done || count == ROWS, "run {run}: acknowledged, and lost");
        whole += i32::from(count > 0);
        none += i32::from(count == 0);
        database.close().unwrap();
    }
    assert!(
        whole > 0 && none > 0,
        "kills before and after the end: {whole} whole, {none} none"
    );
}
