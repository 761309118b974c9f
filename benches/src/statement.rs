//! What one simple prepared statement costs, in instructions: the way of a request through the
//! session, CQL and the engine over the simulated disk, without a network and without a clock.
//!
//! Run under callgrind twice with different counts; the difference divided by the difference of
//! the counts is the cost of one statement, free of what starting up costs:
//!
//! ```text
//! cargo build --release --manifest-path benches/Cargo.toml --bin statement
//! benches/instructions        # all of them
//! ```
//!
//! | name | what |
//! |---|---|
//! | `insert` | INSERT of a row of five columns by full key |
//! | `select` | SELECT of that row by full key, encoded as the protocol wants it |
//! | `update` | UPDATE of one column |
//! | `slice` | SELECT of the first ten rows of a partition |

use bytes::{Bytes, BytesMut};
use helenus::Database;
use helenus::clock::VirtualClock;
use helenus::config::Config;
use helenus::cql::result::QueryResult;
use helenus::session::{Prepared, RequestOptions, Slot, Values};

/// Rows that are there before anything is counted.
const ROWS: i64 = 2_000;
/// Clustering rows of one partition.
const PER_PARTITION: i64 = 20;

fn key(n: i64) -> [Slot; 2] {
    [
        Slot::Bytes(Bytes::copy_from_slice(&(n / PER_PARTITION).to_be_bytes())),
        Slot::Bytes(Bytes::copy_from_slice(
            &((n % PER_PARTITION) as i32).to_be_bytes(),
        )),
    ]
}

fn row(n: i64) -> Vec<Slot> {
    let mut values = key(n).to_vec();
    values.push(Slot::Bytes(Bytes::copy_from_slice(&n.to_be_bytes())));
    values.push(Slot::Bytes(Bytes::copy_from_slice(
        &(n as f64).to_be_bytes(),
    )));
    values.push(Slot::Bytes(Bytes::from_static(
        b"a text of middling length",
    )));
    values
}

fn run(database: &Database, statement: &Prepared, values: Vec<Slot>, out: &mut BytesMut) -> usize {
    let options = RequestOptions {
        values: Values::Wire(values),
        page_size: Some(5_000),
        ..RequestOptions::default()
    };
    let answer = database.shared().run(statement, options).expect("runs");
    out.clear();
    match answer.result {
        QueryResult::Rows(mut rows) => rows.encode_page(out).expect("encodes").rows as usize,
        _ => 0,
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(name), Some(count)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: statement insert|select|update|slice COUNT");
        std::process::exit(2);
    };
    let count: i64 = count.parse().expect("a count");
    let config = Config {
        seed: Some(1),
        background: false,
        ..Config::default()
    };
    let database =
        Database::in_memory(config, VirtualClock::shared(1_800_000_000_000_000)).expect("opens");
    for text in [
        "CREATE KEYSPACE b WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TABLE b.t (k bigint, c int, n bigint, d double, v text, PRIMARY KEY (k, c))",
    ] {
        database.execute(text, &[]).expect("makes the table");
    }
    let insert = database
        .prepare("INSERT INTO b.t (k, c, n, d, v) VALUES (?, ?, ?, ?, ?)")
        .expect("prepares");
    let mut out = BytesMut::new();
    for n in 0..ROWS {
        run(&database, &insert, row(n), &mut out);
    }
    let (text, rows_each) = match name.as_str() {
        "insert" => ("INSERT INTO b.t (k, c, n, d, v) VALUES (?, ?, ?, ?, ?)", 0),
        "select" => ("SELECT n, d, v FROM b.t WHERE k = ? AND c = ?", 1),
        "update" => ("UPDATE b.t SET n = ? WHERE k = ? AND c = ?", 0),
        "slice" => ("SELECT c, n, d, v FROM b.t WHERE k = ? LIMIT 10", 10),
        _ => panic!("insert, select, update or slice, not {name}"),
    };
    let statement = database.prepare(text).expect("prepares");
    let mut rows = 0;
    for n in 0..count {
        // Spread over the rows, each in turn.
        let n = n * 7 % ROWS;
        let values = match name.as_str() {
            "insert" => row(ROWS + n),
            "select" => key(n).to_vec(),
            "update" => {
                let [k, c] = key(n);
                vec![Slot::Bytes(Bytes::copy_from_slice(&n.to_be_bytes())), k, c]
            }
            _ => key(n)[..1].to_vec(),
        };
        rows += run(&database, &statement, values, &mut out);
    }
    assert_eq!(rows, rows_each * count as usize, "rows that were read");
}
