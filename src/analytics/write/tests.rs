//! Rows written from batches: what is there afterwards, and what is not.

use super::*;
use crate::analytics::statement::Statement;
use crate::clock::VirtualClock;
use crate::config::Config;
use crate::cql::{ddl, parser::parse_statement};
use crate::error::Error;
use crate::error::ErrorKind;
use crate::source::{TableSource, TokenRange};
use crate::storage::read::{PartitionBound, Partitions, Projection, ReadCommand, ReadItem, Slice};
use crate::types::text;
use arrow::array::{ArrayRef, Int32Array, Int64Array, ListArray, StringArray};
use arrow::datatypes::{Field, Int32Type, Schema};
use std::sync::atomic::Ordering;

struct Given(SchemaRef, Vec<Result<RecordBatch>>);

impl Batches for Given {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>> {
        match self.1.is_empty() {
            true => Ok(None),
            false => self.1.remove(0).map(Some),
        }
    }
}

fn given(columns: Vec<ArrayRef>) -> Given {
    let fields = columns
        .iter()
        .enumerate()
        .map(|(at, array)| Field::new(format!("c{at}"), array.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    Given(schema, vec![Ok(batch)])
}

fn ints(values: &[Option<i32>]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn options() -> WriteOptions {
    WriteOptions {
        memory_bytes_max: 1 << 20,
        interrupt: Arc::default(),
    }
}

fn engine(tables: &[&str]) -> Engine {
    let config = Config {
        background: false,
        seed: Some(1),
        ..Config::default()
    };
    let engine = Engine::in_memory(config, VirtualClock::shared(1_000_000_000)).unwrap();
    let keyspace = "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', \
                    'replication_factor': 1}";
    for text in [keyspace].iter().chain(tables) {
        let statement = parse_statement(text).unwrap();
        ddl::execute(&engine, Some("k"), &statement.kind).unwrap();
    }
    engine
}

fn plan(engine: &Engine, text: &str) -> Result<WritePlan> {
    WritePlan::new(&engine.catalog(), Some("k"), &Statement::parse(text)?)
}

fn write(engine: &Engine, text: &str, columns: Vec<ArrayRef>) -> Result<WriteSummary> {
    run(
        engine,
        &plan(engine, text)?,
        &mut given(columns),
        &options(),
    )
}

/// All rows as text, one a line.
fn shown(engine: &Engine, name: &str) -> Vec<String> {
    let table = TableSource::table(engine, "k", name).unwrap();
    let columns: Vec<_> = table.columns().collect();
    let ids: Vec<_> = columns.iter().map(|column| column.id).collect();
    let mut scan = TableSource::scan(engine, &table, &ids, &[], TokenRange::ALL).unwrap();
    let (mut rows, mut row) = (Vec::new(), Vec::new());
    while scan.next(&mut row).unwrap() {
        let values = row.iter().zip(&columns).map(|(value, column)| match value {
            Some(value) => text::format(&column.ty, value),
            None => "null".to_owned(),
        });
        rows.push(values.collect::<Vec<_>>().join(" "));
    }
    rows.sort();
    rows
}

const TABLE: &str = "CREATE TABLE t (p int, c text, s int static, v int, l list<int>, \
                     PRIMARY KEY (p, c))";

#[test]
fn an_insert_fills_columns_by_position() {
    let engine = engine(&[TABLE]);
    let list =
        ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), Some(2)]), None]);
    let columns = vec![
        ints(&[Some(1), Some(1)]),
        texts(&[Some("a"), Some("b")]),
        ints(&[Some(9), Some(9)]),
        ints(&[Some(5), None]),
        Arc::new(list) as ArrayRef,
    ];
    let summary = write(&engine, "INSERT INTO t SELECT 1", columns).unwrap();
    assert_eq!((summary.rows, summary.duplicates), (2, 0));
    assert!(summary.warnings.is_empty() && summary.sequence > 0);
    assert_eq!(shown(&engine, "t"), ["1 a 9 [1, 2] 5", "1 b 9 null null"]);
}

#[test]
fn a_null_is_absent_unless_told() {
    let engine = engine(&[TABLE]);
    let row = |value| vec![ints(&[Some(1)]), texts(&[Some("a")]), ints(&[value])];
    let insert = "INSERT INTO t (p, c, v) SELECT 1";
    write(&engine, insert, row(Some(5))).unwrap();
    write(&engine, insert, row(None)).unwrap();
    assert_eq!(shown(&engine, "t"), ["1 a null null 5"]);
    write(
        &engine,
        "INSERT INTO t (p, c, v) USING NULLS SELECT 1",
        row(None),
    )
    .unwrap();
    assert_eq!(shown(&engine, "t"), ["1 a null null null"]);
}

#[test]
fn an_update_writes_values_and_no_rows_marker() {
    let engine = engine(&[TABLE]);
    let keys = |value| vec![ints(&[Some(1)]), texts(&[Some("a")]), ints(&[value])];
    let update = "UPDATE t SET v = v + 1 WHERE v > 3";
    assert_eq!(
        plan(&engine, update).unwrap().query,
        "SELECT \"t\".\"p\" AS \"__0\", \"t\".\"c\" AS \"__1\", v + 1 AS \"__2\" \
         FROM \"k\".\"t\" AS \"t\" WHERE (\nv > 3\n)"
    );
    write(&engine, update, keys(Some(7))).unwrap();
    assert_eq!(shown(&engine, "t"), ["1 a null null 7"]);
    write(&engine, update, keys(None)).unwrap();
    assert!(shown(&engine, "t").is_empty());
}

#[test]
fn a_delete_takes_rows_and_static_rows() {
    let engine = engine(&[TABLE]);
    let columns = vec![
        ints(&[Some(1), Some(1), Some(2)]),
        texts(&[Some("a"), Some("b"), None]),
        ints(&[Some(9), Some(9), Some(8)]),
    ];
    write(&engine, "INSERT INTO t (p, c, s) SELECT 1", columns).unwrap();
    assert_eq!(shown(&engine, "t").len(), 3);
    let keys = vec![ints(&[Some(1), Some(2)]), texts(&[Some("a"), None])];
    let summary = write(&engine, "DELETE FROM t WHERE p < 9", keys).unwrap();
    assert_eq!(summary.rows, 2);
    assert_eq!(shown(&engine, "t"), ["1 b 9 null null"]);
}

#[test]
fn ttl_and_timestamp() {
    let clock = VirtualClock::shared(1_000_000_000);
    let config = Config {
        background: false,
        ..Config::default()
    };
    let engine = Engine::in_memory(config, clock.clone()).unwrap();
    for text in [
        "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        TABLE,
    ] {
        ddl::execute(&engine, Some("k"), &parse_statement(text).unwrap().kind).unwrap();
    }
    let row = |value| vec![ints(&[Some(1)]), texts(&[Some("a")]), ints(&[Some(value)])];
    let insert = "INSERT INTO t (p, c, v) USING TTL 10 AND TIMESTAMP 500 SELECT 1";
    let summary = write(&engine, insert, row(5)).unwrap();
    assert_eq!(summary.timestamp_micros, Some(500));
    write(
        &engine,
        "INSERT INTO t (p, c, v) USING TIMESTAMP 400 SELECT 1",
        row(6),
    )
    .unwrap();
    assert_eq!(shown(&engine, "t"), ["1 a null null 5"]);
    clock.advance_micros(11_000_000);
    assert!(shown(&engine, "t").is_empty());
}

#[test]
fn the_later_of_two_rows_with_one_key_wins() {
    let indexed = "CREATE TABLE i (p int PRIMARY KEY, v int)";
    let engine = engine(&["CREATE TABLE u (p int PRIMARY KEY, v int)", indexed]);
    let index = parse_statement("CREATE INDEX ON i (v)").unwrap();
    ddl::execute(&engine, Some("k"), &index.kind).unwrap();
    for (table, warned) in [("u", 0), ("i", 1)] {
        let columns = vec![ints(&[Some(1), Some(1)]), ints(&[Some(9), Some(2)])];
        let text = format!("INSERT INTO {table} SELECT 1");
        let summary = write(&engine, &text, columns).unwrap();
        assert_eq!(shown(&engine, table), ["1 2"], "{table}");
        assert_eq!(summary.warnings.len(), warned, "{table}");
    }
    assert!(engine.check_indexes().unwrap().is_empty());
}

#[test]
fn a_bad_row_is_named_and_nothing_is_written() {
    let engine = engine(&[TABLE]);
    let insert = "INSERT INTO t (p, c, v) SELECT 1";
    for (columns, words) in [
        (
            vec![
                ints(&[Some(1), None]),
                texts(&[Some("a"), Some("b")]),
                ints(&[None, None]),
            ],
            "column p, row 2: the key column has no value",
        ),
        (
            vec![
                ints(&[Some(1), Some(2)]),
                texts(&[Some("a"), Some("b")]),
                Arc::new(Int64Array::from(vec![1, 1 << 40])) as ArrayRef,
            ],
            "column v, row 2: 1099511627776 is out of range for a value of type int",
        ),
        (
            vec![ints(&[Some(1)])],
            "the query has 1 columns, and 3 are to be filled: p, c, v",
        ),
    ] {
        let error = write(&engine, insert, columns).unwrap_err();
        assert_eq!(error.message, words);
        assert!(shown(&engine, "t").is_empty());
    }
    let mut failing = given(vec![
        ints(&[Some(1)]),
        texts(&[Some("a")]),
        ints(&[Some(1)]),
    ]);
    failing.1.push(Err(Error::invalid("it broke")));
    let plan = plan(&engine, insert).unwrap();
    assert!(run(&engine, &plan, &mut failing, &options()).is_err());
    assert!(shown(&engine, "t").is_empty());
}

#[test]
fn a_stopped_run_writes_nothing() {
    let engine = engine(&[TABLE]);
    let plan = plan(&engine, "INSERT INTO t (p, c, v) SELECT 1").unwrap();
    let options = options();
    options.interrupt.store(true, Ordering::Relaxed);
    let mut rows = given(vec![
        ints(&[Some(1)]),
        texts(&[Some("a")]),
        ints(&[Some(1)]),
    ]);
    let error = run(&engine, &plan, &mut rows, &options).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
    assert!(shown(&engine, "t").is_empty());
}

#[test]
fn what_the_schema_does_not_allow() {
    let engine = engine(&[TABLE, "CREATE TABLE n (p int PRIMARY KEY, c counter)"]);
    for (text, words) in [
        (
            "INSERT INTO t (p, v) SELECT 1",
            "Some primary key parts are missing: c",
        ),
        (
            "INSERT INTO t (p, c, x) SELECT 1",
            "Undefined column name x in table k.t",
        ),
        ("INSERT INTO t (p, c, c) SELECT 1", "c is given twice"),
        ("INSERT INTO none SELECT 1", "table k.none does not exist"),
        ("INSERT INTO system.local SELECT 1", "not user-modifiable"),
        (
            "UPDATE t SET c = 'x'",
            "PRIMARY KEY part c found in SET part",
        ),
        ("UPDATE t SET v = 1, v = 2", "v is set twice"),
    ] {
        let error = plan(&engine, text).unwrap_err();
        assert!(error.message.contains(words), "{text}: {error}");
    }
    let columns = vec![ints(&[Some(1)]), ints(&[Some(1)])];
    let error = write(&engine, "INSERT INTO n SELECT 1", columns).unwrap_err();
    assert!(error.message.contains("has counters"), "{error}");
}

fn column(name: &str, ty: crate::types::Type) -> ColumnSpec {
    ColumnSpec {
        keyspace: String::new(),
        table: String::new(),
        name: name.to_owned(),
        ty,
    }
}

#[test]
fn a_table_from_a_query() {
    use crate::types::Type;
    let engine = engine(&[]);
    let create = |text: &str, columns: Vec<ArrayRef>| {
        let Statement::CreateTableAs(create) = Statement::parse(text).unwrap() else {
            panic!("a CREATE TABLE")
        };
        let specs = [column("n", Type::Int), column("Name", Type::Text)];
        create_table_as(
            &engine,
            Some("k"),
            &create,
            &specs,
            || Ok(given(columns)),
            &options(),
        )
    };
    let rows = || vec![ints(&[Some(1), Some(2)]), texts(&[Some("a"), None])];
    let text = "CREATE TABLE a (PRIMARY KEY (n)) WITH comment = 'made' AS SELECT 1";
    assert_eq!(create(text, rows()).unwrap().rows, 2);
    assert_eq!(shown(&engine, "a"), ["1 a", "2 null"]);
    let made = TableSource::table(&engine, "k", "a").unwrap();
    assert_eq!(made.column("Name").unwrap().ty, Type::Text);
    assert_eq!(made.options.comment, "made");
    assert_eq!(
        create(text, rows()).unwrap_err().kind,
        ErrorKind::AlreadyExists
    );
    let again = "CREATE TABLE IF NOT EXISTS a (PRIMARY KEY (n)) AS SELECT 1";
    assert_eq!(create(again, rows()).unwrap(), WriteSummary::default());
    // The key is null in a row: no table is left.
    let text = "CREATE TABLE b (PRIMARY KEY (\"Name\", n)) AS SELECT 1";
    let error = create(text, rows()).unwrap_err();
    assert!(error.message.contains("column Name, row 2"), "{error}");
    assert!(TableSource::table(&engine, "k", "b").is_err());
    let error = create("CREATE TABLE b (PRIMARY KEY (x)) AS SELECT 1", rows()).unwrap_err();
    assert_eq!(
        error.message,
        "the key's column x is none of the query's: n, Name"
    );
}

/// `CREATE TABLE a … AS` of these columns, which are n and v.
fn created(engine: &Engine, open: impl FnOnce() -> Result<Given>) -> Result<WriteSummary> {
    use crate::types::Type;
    let text = "CREATE TABLE IF NOT EXISTS a (PRIMARY KEY (n)) AS SELECT 1";
    let Statement::CreateTableAs(create) = Statement::parse(text).unwrap() else {
        panic!("a CREATE TABLE")
    };
    let columns = [column("n", Type::Int), column("v", Type::Text)];
    create_table_as(engine, Some("k"), &create, &columns, open, &options())
}

#[test]
fn a_table_from_a_query_waits_for_nobody() {
    let engine = engine(&[]);
    let run = |text: &str| {
        let statement = parse_statement(text).unwrap();
        ddl::execute(&engine, Some("k"), &statement.kind).unwrap();
    };
    // A table that is created while the query runs has a number of its own; one of the same name
    // wins, and the query's is not created.
    let rows = || given(vec![ints(&[Some(1)]), texts(&[Some("a")])]);
    let summary = created(&engine, || {
        run("CREATE TABLE b (p int PRIMARY KEY)");
        Ok(rows())
    });
    assert_eq!(summary.unwrap().rows, 1);
    assert_eq!(shown(&engine, "a"), ["1 a"]);
    assert!(shown(&engine, "b").is_empty());
    run("DROP TABLE a");
    let error = created(&engine, || {
        run("CREATE TABLE a (p int PRIMARY KEY)");
        Ok(rows())
    });
    assert_eq!(error.unwrap_err().kind, ErrorKind::AlreadyExists);
    assert!(shown(&engine, "a").is_empty());
    run("DROP TABLE a");
    // No rows make a table too.
    let summary = created(&engine, || Ok(given(vec![ints(&[]), texts(&[])]))).unwrap();
    assert_eq!(summary.rows, 0);
    assert!(shown(&engine, "a").is_empty());
}

#[test]
fn a_repeat_with_the_same_timestamp_changes_nothing() {
    let engine = engine(&[TABLE]);
    let rows = || {
        vec![
            ints(&[Some(1), Some(2)]),
            texts(&[Some("a"), Some("b")]),
            ints(&[Some(5), Some(6)]),
        ]
    };
    let insert = "INSERT INTO t (p, c, v) USING TIMESTAMP 77 SELECT 1";
    let all = |engine: &Engine| {
        let table = TableSource::table(engine, "k", "t").unwrap();
        let mut stream = engine
            .read(ReadCommand {
                table: table.id,
                partitions: Partitions::Range {
                    start: PartitionBound::BeforeToken(i64::MIN),
                    end: PartitionBound::AfterToken(i64::MAX),
                },
                slices: vec![Slice::all()],
                reversed: false,
                columns: Projection::All,
                now_seconds: engine.clock().now_seconds(),
            })
            .unwrap();
        let mut items = Vec::new();
        while let Some(item) = stream.next().unwrap() {
            if let ReadItem::Row(row) = item {
                items.push(row);
            }
        }
        items
    };
    write(&engine, insert, rows()).unwrap();
    let first = all(&engine);
    write(&engine, insert, rows()).unwrap();
    assert_eq!(all(&engine), first);
    assert!(first.iter().all(|row| row.liveness.timestamp == 77));
}
