//! Conditional writes over the wire: what drivers are told, and many clients at once.

use crate::support::{client, client_of, int, plain, rows_of, run, start, with};
use helenus::client::Client;
use helenus::protocol::primitive::Value;
use helenus::protocol::request::{Batch, BatchKind, BatchStatement, QueryParameters};
use helenus::protocol::response::RowsBody;
use helenus::protocol::{Compression, Consistency, Version};
use helenus::server::options::ServerOptions;

const SCHEMA: [&str; 2] = [
    "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    "CREATE TABLE k.n (k int, c int, v int, PRIMARY KEY (k, c))",
];

fn names(rows: &RowsBody) -> Vec<&str> {
    let columns = rows.metadata.columns.as_ref().unwrap();
    columns.iter().map(|column| column.name.as_str()).collect()
}

fn first(rows: &RowsBody) -> Vec<Option<Vec<u8>>> {
    let row = rows.rows().next().unwrap().unwrap();
    row.iter()
        .map(|value| value.as_ref().map(|value| value.to_vec()))
        .collect()
}

fn bytes(number: i32) -> Option<Vec<u8>> {
    Some(number.to_be_bytes().to_vec())
}

/// The columns of an answer depend on what came of it: no client can know them before, and every
/// answer describes them.
#[test]
fn every_answer_describes_its_columns() {
    let server = start(ServerOptions::on_free_ports());
    for text in SCHEMA {
        run(&mut client(&server), text);
    }
    for (k, version) in (1..).zip([Version::V3, Version::V4, Version::V5]) {
        let mut client = client_of(&server, version, Compression::None);
        let mut insert = client
            .prepare("INSERT INTO k.n (k, c, v) VALUES (?, 1, 1) IF NOT EXISTS")
            .unwrap();
        let told = &insert.prepared.result;
        assert_eq!(told.column_count, 0, "{version:?}");
        let values = with(vec![int(k)]);
        let applied = rows_of(client.execute(&mut insert, &values).unwrap().result);
        assert_eq!(names(&applied), ["[applied]"]);
        assert_eq!(first(&applied), [Some(vec![1])]);
        assert_eq!(applied.metadata.new_metadata_id, None);
        let refused = rows_of(client.execute(&mut insert, &values).unwrap().result);
        assert_eq!(names(&refused), ["[applied]", "k", "c", "v"]);
        assert_eq!(
            first(&refused),
            [Some(vec![0]), bytes(k), bytes(1), bytes(1)]
        );
        assert_eq!(refused.metadata.new_metadata_id, None);
    }
    server.stop().unwrap();
}

#[test]
fn batches_of_prepared_statements_have_conditions_and_levels() {
    let server = start(ServerOptions::on_free_ports());
    let mut client = client(&server);
    for text in SCHEMA {
        run(&mut client, text);
    }
    let update = client
        .prepare("UPDATE k.n SET v = ? WHERE k = 1 AND c = 1 IF v = ?")
        .unwrap();
    let batch = |old: Value, new: i32, parameters: QueryParameters| Batch {
        kind: BatchKind::Logged,
        statements: vec![
            (
                BatchStatement::Prepared(update.prepared.id.clone()),
                vec![int(new), old],
            ),
            (
                BatchStatement::Text("INSERT INTO k.n (k, c, v) VALUES (1, ?, 0)".into()),
                vec![int(new + 10)],
            ),
        ],
        parameters,
    };
    let applied = client.batch(batch(Value::Null, 1, plain())).unwrap();
    assert_eq!(first(&rows_of(applied.result)), [Some(vec![1])]);
    let refused = client.batch(batch(Value::Null, 2, plain())).unwrap();
    let refused = rows_of(refused.result);
    assert_eq!(names(&refused), ["[applied]", "k", "c", "v"]);
    assert_eq!(
        first(&refused),
        [Some(vec![0]), bytes(1), bytes(1), bytes(1)]
    );
    let serial = QueryParameters {
        serial_consistency: Some(Consistency::One),
        ..plain()
    };
    let error = client.batch(batch(int(1), 2, serial)).unwrap_err();
    let words = "Invalid consistency for conditional update. Must be one of SERIAL or LOCAL_SERIAL";
    assert_eq!(error.message, words);
    let count = rows_of(run(&mut client, "SELECT * FROM k.n")).count;
    assert_eq!(count, 2, "the batch that was applied, and no other");
    server.stop().unwrap();
}

const CLIENTS: usize = 6;
const STEPS: i32 = 60;

/// Counts up by `STEPS`, learning from refusals what stands there.
fn count_up(mut client: Client) {
    let text = "UPDATE k.n SET v = ? WHERE k = 1 AND c = 1 IF v = ?";
    let mut update = client.prepare(text).unwrap();
    let mut seen = 0;
    let mut done = 0;
    while done < STEPS {
        let values = with(vec![int(seen + 1), int(seen)]);
        let rows = rows_of(client.execute(&mut update, &values).unwrap().result);
        match first(&rows).as_slice() {
            [Some(applied)] => {
                assert_eq!(applied, &[1]);
                (seen, done) = (seen + 1, done + 1);
            }
            [Some(applied), Some(value)] => {
                assert_eq!(applied, &[0]);
                seen = i32::from_be_bytes(value.as_slice().try_into().unwrap());
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn nothing_is_lost_between_many_clients() {
    let server = start(ServerOptions::on_free_ports());
    let mut client = client(&server);
    for text in SCHEMA {
        run(&mut client, text);
    }
    run(&mut client, "INSERT INTO k.n (k, c, v) VALUES (1, 1, 0)");
    let threads: Vec<_> = (0..CLIENTS)
        .map(|_| crate::support::client(&server))
        .map(|client| std::thread::spawn(move || count_up(client)))
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let counted = rows_of(run(&mut client, "SELECT v FROM k.n"));
    let expected = i32::try_from(CLIENTS).unwrap() * STEPS;
    assert_eq!(first(&counted), [bytes(expected)]);
    server.stop().unwrap();
}
