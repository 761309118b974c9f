//! Rows of a query written to tables while the disk fails: all of them or none, and nothing is left
//! behind.

use arrow::array::{Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use helenus::analytics::statement::Statement;
use helenus::analytics::write::{self, Batches, WriteOptions, WritePlan, WriteSummary};
use helenus::clock::VirtualClock;
use helenus::config::Config;
use helenus::cql::result::ColumnSpec;
use helenus::storage::Engine;
use helenus::storage::disk::Disk;
use helenus::storage::disk::simulated::{Fault, FaultKind, SimulatedDisk};
use helenus::types::Type;
use helenus::{ErrorKind, Result, Session};
use std::sync::{Arc, Mutex};

/// Rows 0 to `rows`, in batches; the sort's memory holds fewer.
struct Numbers {
    next: i32,
    rows: i32,
    version: i32,
}

const BATCH: i32 = 50;
const ROWS: i32 = 200;

impl Batches for Numbers {
    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("k", DataType::Int32, true),
            Field::new("c", DataType::Int32, true),
            Field::new("v", DataType::Utf8, true),
        ]))
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        if self.next >= self.rows {
            return Ok(None);
        }
        let numbers = self.next..(self.next + BATCH).min(self.rows);
        self.next += BATCH;
        let keys = numbers.clone().map(|n| n % 7);
        let texts = numbers
            .clone()
            .map(|n| format!("version {} of {n}", self.version));
        let batch = RecordBatch::try_new(
            self.schema(),
            vec![
                Arc::new(Int32Array::from_iter_values(keys)),
                Arc::new(Int32Array::from_iter_values(numbers)),
                Arc::new(StringArray::from_iter_values(texts)),
            ],
        );
        Ok(Some(batch.unwrap()))
    }
}

fn open(disk: &SimulatedDisk) -> Result<Engine> {
    let config = Config {
        background: false,
        block_bytes: 4 << 10,
        seed: Some(1),
        ..Config::default()
    };
    let clock = VirtualClock::shared(1_700_000_000_000_000);
    Engine::open_on(Arc::new(disk.clone()), config, clock)
}

/// A database with the table and version 1 of its rows.
fn prepared(disk: &SimulatedDisk) -> Engine {
    let engine = open(disk).unwrap();
    let mut session = Session::new(engine.clone());
    for text in [
        "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TABLE k.t (k int, c int, v text, PRIMARY KEY (k, c))",
    ] {
        session.execute(text, &[]).unwrap();
    }
    put(&engine, 1).unwrap();
    engine
}

fn put(engine: &Engine, version: i32) -> Result<WriteSummary> {
    let statement = Statement::parse("INSERT INTO t SELECT 1")?;
    let plan = WritePlan::new(&engine.catalog(), Some("k"), &statement)?;
    let mut numbers = Numbers {
        next: 0,
        rows: ROWS,
        version,
    };
    let options = WriteOptions {
        memory_bytes_max: 64 << 10,
        interrupt: Arc::default(),
    };
    write::run(engine, &plan, &mut numbers, &options)
}

/// The files of the table.
fn files(disk: &SimulatedDisk, engine: &Engine) -> Vec<String> {
    let catalog = engine.catalog();
    let id = catalog.table("k", "t").unwrap().id;
    let files = disk.list(&format!("tables/{}", id.0)).unwrap();
    assert!(!files.is_empty(), "the files of the table are elsewhere");
    files
}

/// Which version all rows have.
fn version(engine: &Engine, place: &str) -> i32 {
    let mut session = Session::new(engine.clone());
    let rows = session
        .execute("SELECT c, v FROM k.t", &[])
        .unwrap()
        .into_rows();
    let rows = rows.collect().unwrap();
    assert_eq!(rows.len(), ROWS as usize, "{place}");
    let versions = rows.iter().map(|row| {
        let (c, v): (i32, String) = (row.get("c").unwrap(), row.get("v").unwrap());
        let version = v.strip_prefix("version ").unwrap();
        let (version, number) = version.split_once(" of ").unwrap();
        assert_eq!(number.parse(), Ok(c), "{place}");
        version.parse::<i32>().unwrap()
    });
    let versions: Vec<i32> = versions.collect();
    assert!(
        versions.iter().all(|it| *it == versions[0]),
        "{place}: a part of a run"
    );
    versions[0]
}

#[test]
fn whatever_call_fails_all_rows_are_written_or_none() {
    for kind in [
        FaultKind::DiskFull,
        FaultKind::ShortWrite,
        FaultKind::Io,
        FaultKind::Crash,
    ] {
        let mut step = 0;
        loop {
            step += 1;
            let disk = SimulatedDisk::new();
            let engine = prepared(&disk);
            let call = disk.calls() + step;
            let place = format!("{kind:?} at call {step}");
            disk.set_fault(Some(Fault {
                call,
                kind,
                persistent: true,
            }));
            let result = put(&engine, 2);
            let hit = disk.calls() >= call;
            disk.set_fault(None);
            if kind != FaultKind::Crash {
                let found = version(&engine, &place);
                assert!(result.is_err() || found == 2, "{place}");
            }
            drop(engine);
            let image = open(&disk.crash_image(step)).unwrap();
            let found = version(&image, &format!("{place}, crash"));
            assert!(
                result.is_err() || found == 2,
                "{place}, crash: acknowledged, and lost"
            );
            assert!(put(&image, 3).is_ok());
            assert_eq!(version(&image, &place), 3);
            if !hit {
                assert!(step > 5, "only {step} calls");
                break;
            }
        }
    }
}

#[test]
fn a_full_disk_leaves_nothing_behind() {
    for room in [0, 500, 1_000, 2_000] {
        let disk = SimulatedDisk::new();
        let engine = prepared(&disk);
        let before = files(&disk, &engine);
        disk.set_bytes_max(disk.bytes_used() + room);
        let error = put(&engine, 2).unwrap_err();
        assert_eq!(
            error.kind,
            ErrorKind::DiskFull,
            "room for {room} bytes: {error}"
        );
        let after = files(&disk, &engine);
        assert_eq!(after, before, "room for {room} bytes");
        assert_eq!(version(&engine, "full"), 1);
        disk.set_bytes_max(u64::MAX);
        put(&engine, 2).unwrap();
        assert_eq!(version(&engine, "room again"), 2);
    }
}

#[test]
fn a_stopped_run_leaves_nothing_behind() {
    let disk = SimulatedDisk::new();
    let engine = prepared(&disk);
    let before = files(&disk, &engine);
    let statement = Statement::parse("INSERT INTO t SELECT 1").unwrap();
    let plan = WritePlan::new(&engine.catalog(), Some("k"), &statement).unwrap();
    let options = WriteOptions {
        memory_bytes_max: 64 << 10,
        interrupt: Arc::default(),
    };
    /// Stops the run in its middle.
    struct Stopping(Numbers, WriteOptions);
    impl Batches for Stopping {
        fn schema(&self) -> SchemaRef {
            self.0.schema()
        }
        fn next(&mut self) -> Result<Option<RecordBatch>> {
            let stop = self.0.next > ROWS / 2;
            self.1
                .interrupt
                .store(stop, std::sync::atomic::Ordering::Relaxed);
            self.0.next()
        }
    }
    let numbers = Numbers {
        next: 0,
        rows: ROWS,
        version: 2,
    };
    let mut stopping = Stopping(numbers, options.clone());
    let error = write::run(&engine, &plan, &mut stopping, &options).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
    assert_eq!(files(&disk, &engine), before);
    assert_eq!(version(&engine, "stopped"), 1);
}

/// `CREATE TABLE IF NOT EXISTS k.made … AS`, with rows of this version.
fn made(engine: &Engine, version: i32) -> Result<WriteSummary> {
    let text = "CREATE TABLE IF NOT EXISTS made (PRIMARY KEY (k, c)) AS SELECT 1";
    let Statement::CreateTableAs(create) = Statement::parse(text)? else {
        panic!("{text}")
    };
    let column = |name: &str, ty| ColumnSpec {
        keyspace: String::new(),
        table: String::new(),
        name: name.to_owned(),
        ty,
    };
    let columns = [("k", Type::Int), ("c", Type::Int), ("v", Type::Text)];
    let columns = columns.map(|(name, ty)| column(name, ty));
    let options = WriteOptions {
        memory_bytes_max: 64 << 10,
        interrupt: Arc::default(),
    };
    let open = || {
        Ok(Numbers {
            next: 0,
            rows: ROWS,
            version,
        })
    };
    write::create_table_as(engine, Some("k"), &create, &columns, open, &options)
}

/// How many rows there are in the table; none where there is no table.
fn rows_of(engine: &Engine, table: &str) -> Option<usize> {
    engine.catalog().table("k", table)?;
    let mut session = Session::new(engine.clone());
    let rows = session.execute(&format!("SELECT * FROM k.{table}"), &[]);
    Some(rows.unwrap().into_rows().collect().unwrap().len())
}

#[test]
fn a_table_comes_with_its_rows_wherever_the_machine_stops() {
    let disk = SimulatedDisk::new();
    let engine = prepared(&disk);
    let images: Arc<Mutex<Vec<SimulatedDisk>>> = Arc::default();
    let (taken, observed) = (Arc::clone(&images), disk.clone());
    disk.set_observer(Some(Box::new(move |change| {
        for seed in [change, change + 1_000_000] {
            taken.lock().unwrap().push(observed.crash_image(seed));
        }
    })));
    assert_eq!(made(&engine, 2).unwrap().rows, ROWS as u64);
    disk.set_observer(None);
    let mut images = std::mem::take(&mut *images.lock().unwrap());
    images.push(disk.crash_image(7));
    let (mut absent, mut full) = (0, 0);
    for (at, image) in images.into_iter().enumerate() {
        let engine = open(&image).unwrap();
        match rows_of(&engine, "made") {
            None => absent += 1,
            Some(rows) => {
                full += 1;
                assert_eq!(rows, ROWS as usize, "image {at}");
            }
        }
        // Run again it gives the same table, and another one gets a number of its own.
        made(&engine, 2).unwrap();
        let mut session = Session::new(engine.clone());
        let more = "CREATE TABLE k.more (k int PRIMARY KEY)";
        session.execute(more, &[]).unwrap();
        assert_eq!(rows_of(&engine, "made"), Some(ROWS as usize), "image {at}");
        assert_eq!(rows_of(&engine, "more"), Some(0), "image {at}");
        assert_eq!(version(&engine, "behind an image"), 1);
    }
    assert!(absent > 10 && full > 0, "{absent} absent, {full} full");
}

#[test]
fn whatever_call_fails_a_table_is_made_with_its_rows_or_not() {
    for kind in [FaultKind::DiskFull, FaultKind::Io] {
        for step in 1.. {
            let disk = SimulatedDisk::new();
            let engine = prepared(&disk);
            let call = disk.calls() + step;
            disk.set_fault(Some(Fault {
                call,
                kind,
                persistent: true,
            }));
            let outcome = made(&engine, 2);
            let over = disk.calls() < call;
            disk.set_fault(None);
            drop(engine);
            let engine = open(&disk.crash_image(step)).unwrap();
            let rows = rows_of(&engine, "made");
            match outcome {
                Ok(_) => assert_eq!(rows, Some(ROWS as usize), "{kind:?} at {step}"),
                Err(_) => assert!(
                    rows.is_none_or(|rows| rows == ROWS as usize),
                    "{kind:?} at {step}: {rows:?} rows"
                ),
            }
            if over {
                break;
            }
        }
    }
}
