//! What clients ask of the system's tables: when they connect, and when they look at a schema.
//!
//! The queries are those that the drivers were seen to send. Each must be answered with the columns
//! that its client reads, and what is not there must be refused as Apache Cassandra 5.0 refuses it,
//! since clients go on only then.
#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

use bytes::{Bytes, BytesMut};
use helenus::clock::VirtualClock;
use helenus::config::Config;
use helenus::cql::trace::TraceRequest;
use helenus::session::{RequestOptions, Shared};
use helenus::types::Value;
use helenus::{Database, ErrorKind, QueryResult, ResultRow};
use std::collections::BTreeMap;

const START_MICROS: i64 = 1_356_998_400_000_000;

const SCHEMA: &[&str] = &[
    "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    "CREATE TYPE ks.zip (code int, city text)",
    "CREATE TYPE ks.address (street text, zip frozen<zip>)",
    "CREATE TABLE ks.t (k int, c timeuuid, s text static, a frozen<address>, v vector<float, 3>, \
     m map<text, frozen<list<int>>>, PRIMARY KEY (k, c)) WITH CLUSTERING ORDER BY (c DESC) \
     AND comment = 'it''s' AND default_time_to_live = 60",
    "CREATE TABLE ks.n (k int PRIMARY KEY, n counter)",
    "CREATE KEYSPACE \"Odd\" WITH replication = {'class': 'NetworkTopologyStrategy', \
     'datacenter1': 1} AND durable_writes = false",
    "CREATE TABLE \"Odd\".\"T\" (\"K\" int PRIMARY KEY, \"select\" text)",
];

fn empty() -> Database {
    let config = Config {
        background: false,
        seed: Some(1),
        ..Config::default()
    };
    Database::in_memory(config, VirtualClock::shared(START_MICROS)).unwrap()
}

fn database() -> Database {
    let database = empty();
    for statement in SCHEMA {
        database.execute(statement, &[]).unwrap();
    }
    database
}

fn rows(database: &Database, query: &str) -> Vec<ResultRow> {
    let result = database.execute(query, &[]);
    let result = result.unwrap_or_else(|error| panic!("{query}: {error}"));
    result.into_rows().collect().unwrap()
}

fn text(row: &ResultRow, column: &str) -> String {
    row.get::<String>(column).unwrap()
}

#[test]
fn the_node_is_known_to_every_driver() {
    let database = database();
    // Python and C#; Java, which has no WHERE; scylla-driver, which names what it wants.
    for query in [
        "SELECT * FROM system.local WHERE key='local'",
        "SELECT * FROM system.local WHERE key = 'local'",
        "SELECT * FROM system.local",
        "SELECT broadcast_address, cluster_name, data_center, host_id, listen_address, \
         partitioner, rack, release_version, rpc_address, schema_version, tokens \
         FROM system.local WHERE key='local'",
    ] {
        let found = rows(&database, query);
        assert_eq!(found.len(), 1, "{query}");
        let row = &found[0];
        assert_eq!(text(row, "release_version"), "5.0.0");
        assert_eq!(text(row, "data_center"), "datacenter1");
        assert_eq!(text(row, "rack"), "rack1");
        assert!(text(row, "partitioner").ends_with(".Murmur3Partitioner"));
        assert!(!text(row, "cluster_name").is_empty());
        for id in ["host_id", "schema_version"] {
            assert!(matches!(row.value(id).unwrap(), Value::Uuid(_)), "{id}");
        }
        for address in ["broadcast_address", "listen_address", "rpc_address"] {
            let Value::Inet(address) = row.value(address).unwrap() else {
                panic!("{address} is no address");
            };
            assert!(!address.is_unspecified());
        }
        let Value::Set(tokens) = row.value("tokens").unwrap() else {
            panic!("no tokens");
        };
        assert_eq!(tokens.len(), 1);
    }
    let whole = &rows(&database, "SELECT * FROM system.local")[0];
    let last = whole.columns().last().unwrap();
    assert_eq!(last.name, "helenus_version");
    assert_eq!(text(whole, "cql_version"), "3.4.7");
    assert_eq!(whole.get::<i32>("rpc_port").unwrap(), 9042);
    for dse in ["dse_version", "workload", "graph"] {
        assert!(whole.value(dse).is_err());
    }
    assert_eq!(rows(&database, "SELECT key from system.local").len(), 1);
    let alone = "SELECT schema_version FROM system.local WHERE key='local'";
    let before = rows(&database, alone)[0].value("schema_version").unwrap();
    database.execute("ALTER TABLE ks.t ADD w int", &[]).unwrap();
    let after = rows(&database, alone)[0].value("schema_version").unwrap();
    assert_ne!(before, after);
}

#[test]
fn peers_have_their_columns_and_no_rows() {
    let database = database();
    for (query, columns) in [
        ("SELECT * FROM system.peers", 9),
        ("SELECT * FROM system.peers_v2", 12),
        (
            "SELECT peer, data_center, host_id, rack, release_version, rpc_address, \
             schema_version, tokens FROM system.peers",
            8,
        ),
        (
            "SELECT host_id, rpc_address, data_center, rack, tokens FROM system.peers \
             WHERE peer = '127.0.0.2'",
            5,
        ),
        (
            "SELECT host_id, native_address, native_port, peer_port FROM system.peers_v2",
            4,
        ),
    ] {
        let result = database.execute(query, &[]).unwrap().into_rows();
        assert_eq!(result.columns().len(), columns, "{query}");
        assert!(result.collect().unwrap().is_empty());
    }
}

#[test]
fn the_schema_is_read_whole_and_by_keyspace() {
    let database = database();
    for (table, mine, first) in [
        ("keyspaces", 1, "keyspace_name"),
        ("tables", 2, "table_name"),
        ("columns", 8, "column_name"),
        ("types", 2, "type_name"),
        ("functions", 0, "function_name"),
        ("aggregates", 0, "aggregate_name"),
        ("triggers", 0, "trigger_name"),
        ("indexes", 0, "index_name"),
        ("views", 0, "view_name"),
    ] {
        let all = format!("SELECT * FROM system_schema.{table}");
        let of_one = format!("{all} WHERE keyspace_name = 'ks'");
        let of_some = format!("{all} WHERE keyspace_name IN ('ks', 'nope')");
        for query in [&of_one, &of_some] {
            let result = database.execute(query, &[]).unwrap().into_rows();
            assert!(result.columns().iter().any(|column| column.name == first));
            assert_eq!(result.collect().unwrap().len(), mine, "{query}");
        }
        assert!(rows(&database, &all).len() >= mine);
    }
    for (table, least) in [("keyspaces", 2), ("tables", 46), ("columns", 456)] {
        let query = format!("SELECT * from system_virtual_schema.{table}");
        assert_eq!(rows(&database, &query).len(), least);
        let query = format!("SELECT keyspace_name FROM system_virtual_schema.{table}");
        assert_eq!(rows(&database, &query).len(), least);
    }
    // Node and gocql read one table at a time, and prepare.
    for query in [
        "SELECT * FROM system_schema.tables WHERE keyspace_name=? AND table_name=?",
        "SELECT * FROM system_schema.columns WHERE keyspace_name=? AND table_name=?",
    ] {
        let prepared = database.prepare(query).unwrap();
        let found = database.execute_prepared(&prepared, &["ks".into(), "t".into()]);
        assert!(!found.unwrap().into_rows().collect().unwrap().is_empty());
    }
    // Rust's scylla names the columns.
    for query in [
        "SELECT keyspace_name, type_name, field_names, field_types FROM system_schema.types",
        "SELECT keyspace_name, table_name, column_name, kind, position, type \
         FROM system_schema.columns",
        "SELECT keyspace_name, table_name FROM system_schema.tables",
        "SELECT keyspace_name, view_name, base_table_name FROM system_schema.views",
        "SELECT keyspace_name, replication FROM system_schema.keyspaces",
    ] {
        let prepared = database.prepare(query).unwrap();
        assert!(database.execute_prepared(&prepared, &[]).is_ok());
    }
}

#[test]
fn what_other_servers_have_is_refused_in_words_that_drivers_know() {
    let database = database();
    for (query, words) in [
        (
            "SELECT keyspace_name, table_name, partitioner FROM system_schema.scylla_tables",
            "table scylla_tables does not exist",
        ),
        (
            "SELECT * FROM system_schema.scylla_keyspaces WHERE keyspace_name = 'ks'",
            "table scylla_keyspaces does not exist",
        ),
        (
            "SELECT * FROM system.schema_keyspaces",
            "table schema_keyspaces does not exist",
        ),
        (
            "SELECT * FROM dse_system.nodes",
            "keyspace dse_system does not exist",
        ),
        (
            "SELECT dse_version FROM system.local",
            "Undefined column name dse_version in table system.local",
        ),
    ] {
        for error in [
            database.execute(query, &[]).unwrap_err(),
            database.prepare(query).unwrap_err(),
        ] {
            assert_eq!(error.kind, ErrorKind::Invalid, "{query}");
            assert_eq!(error.message, words);
        }
    }
}

#[test]
fn what_people_and_monitoring_read_is_there() {
    let database = database();
    for query in [
        "SELECT keyspace_name as table_schema, table_name FROM system_schema.tables",
        "SELECT count(*) FROM system_schema.columns",
        "SELECT range_start, range_end, partitions_count, mean_partition_size \
         FROM system.size_estimates WHERE keyspace_name='ks' AND table_name='t'",
        "SELECT * FROM system_views.caches WHERE name = 'chunks'",
        "SELECT * FROM system_views.settings WHERE name IN ('cluster_name', 'commitlog_sync')",
        "SELECT * FROM system_views.thread_pools",
        "SELECT * FROM system_views.disk_usage WHERE keyspace_name='ks' AND table_name='t'",
        "SELECT * FROM system_views.local_read_latency",
        "SELECT * FROM system_views.gossip_info",
        "SELECT * FROM system_views.system_properties",
        "SELECT * FROM system_views.cql_metrics",
    ] {
        assert!(!rows(&database, query).is_empty(), "{query}");
    }
    for table in [
        "system_views.clients",
        "system_views.sstable_tasks",
        "system_views.snapshots",
        "system_views.streaming",
        "system_views.pending_hints",
        "system_views.internode_inbound",
        "system_traces.sessions",
        "system_traces.events",
        "system_auth.roles",
        "system_distributed.repair_history",
    ] {
        let found = database.execute(&format!("SELECT * FROM {table}"), &[]);
        assert!(!found.unwrap().into_rows().columns().is_empty(), "{table}");
    }
}

/// All pages of a statement, each row's cells as they stand on the wire.
fn pages(shared: &Shared, query: &str, size: Option<usize>) -> Vec<BytesMut> {
    let mut pages = Vec::new();
    let mut state: Option<Bytes> = None;
    loop {
        let statement = shared.adhoc(query, None).unwrap();
        let options = RequestOptions {
            page_size: size,
            paging_state: state.take(),
            ..RequestOptions::default()
        };
        let QueryResult::Rows(mut rows) = shared.run(&statement, options).unwrap().result else {
            panic!("{query}: no rows");
        };
        let mut page = BytesMut::new();
        state = rows.encode_page(&mut page).unwrap().paging_state;
        pages.push(page);
        if state.is_none() {
            return pages;
        }
    }
}

#[test]
fn pages_of_system_tables_make_the_whole() {
    let database = database();
    for query in [
        "SELECT * FROM system_schema.columns",
        "SELECT * FROM system_virtual_schema.columns WHERE keyspace_name = 'system_views'",
        "SELECT table_name FROM system_schema.tables WHERE token(keyspace_name) > 0",
        "DESCRIBE KEYSPACES",
        "DESCRIBE SCHEMA",
    ] {
        let whole = pages(database.shared(), query, None).concat();
        for size in [20, 300] {
            let paged = pages(database.shared(), query, Some(size)).concat();
            assert!(whole == paged, "{query} in pages of {size}");
        }
    }
}

#[test]
fn described_schemas_make_the_same_schema() {
    let first = database();
    let described = |database: &Database| -> Vec<String> {
        let rows = rows(database, "DESCRIBE SCHEMA");
        rows.iter()
            .map(|row| text(row, "create_statement"))
            .collect()
    };
    let statements = described(&first);
    assert_eq!(statements.len(), 7);
    let second = empty();
    for statement in &statements {
        second.execute(statement, &[]).unwrap();
    }
    assert_eq!(described(&second), statements);
}

#[test]
fn traces_are_rows_that_can_be_selected_and_removed() {
    let database = empty();
    let parameters = [("query", "SELECT 1"), ("consistency_level", "ONE")];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let trace = database.virtual_tables().traces().begin(TraceRequest {
        request: "Execute CQL3 query".to_owned(),
        command: "QUERY".to_owned(),
        client: Some("127.0.0.1".parse().unwrap()),
        parameters: BTreeMap::from(parameters),
    });
    let sessions = format!(
        "SELECT * FROM system_traces.sessions WHERE session_id = {}",
        trace.id()
    );
    let events = format!(
        "SELECT event_id, activity, source_elapsed FROM system_traces.events \
         WHERE session_id = {}",
        trace.id()
    );
    trace.event("Parsing");
    trace.event("Reading");
    // Clients ask until there is a duration.
    let session = &rows(&database, &sessions)[0];
    assert_eq!(session.value("duration").unwrap(), Value::Null);
    trace.finish();
    let session = &rows(&database, &sessions)[0];
    assert_eq!(session.get::<i32>("duration").unwrap(), 0);
    assert_eq!(text(session, "command"), "QUERY");
    assert_eq!(text(session, "request"), "Execute CQL3 query");
    assert_eq!(
        session.get::<i64>("started_at").unwrap(),
        START_MICROS / 1000
    );
    let activities = |database: &Database| -> Vec<String> {
        let rows = rows(database, &events);
        rows.iter().map(|row| text(row, "activity")).collect()
    };
    assert_eq!(activities(&database), ["Parsing", "Reading"]);
    database
        .execute("TRUNCATE system_traces.events", &[])
        .unwrap();
    assert!(activities(&database).is_empty());
    assert_eq!(rows(&database, &sessions).len(), 1);
    database
        .execute("TRUNCATE system_traces.sessions", &[])
        .unwrap();
    assert!(rows(&database, &sessions).is_empty());
    let refused = database
        .execute("TRUNCATE system_views.clients", &[])
        .unwrap_err();
    assert_eq!(
        refused.message,
        "Truncation is not supported by table system_views.clients"
    );
    let refused = database.execute("TRUNCATE system.local", &[]).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unauthorized);
}

#[test]
fn estimates_follow_what_is_on_disk() {
    let database = database();
    for k in 0..200 {
        let values = [k.into(), format!("{k}").into()];
        let insert = "INSERT INTO \"Odd\".\"T\" (\"K\", \"select\") VALUES (?, ?)";
        database.execute(insert, &values).unwrap();
    }
    database.engine().flush(None).unwrap();
    for (table, kind) in [
        ("size_estimates", ""),
        ("table_estimates", "AND range_type = 'primary'"),
    ] {
        let query = format!(
            "SELECT range_start, range_end, partitions_count, mean_partition_size \
             FROM system.{table} WHERE keyspace_name = 'Odd' AND table_name = 'T' {kind}"
        );
        let found = rows(&database, &query);
        assert_eq!(found.len(), 2);
        let sum: i64 = found
            .iter()
            .map(|row| row.get::<i64>("partitions_count").unwrap())
            .sum();
        assert_eq!(sum, 200);
        for row in &found {
            assert!(row.get::<i64>("partitions_count").unwrap() > 50);
            assert!(row.get::<i64>("mean_partition_size").unwrap() > 0);
        }
    }
    let used = "SELECT mebibytes FROM system_views.disk_usage \
                WHERE keyspace_name = 'Odd' AND table_name = 'T'";
    assert_eq!(rows(&database, used)[0].get::<i64>("mebibytes").unwrap(), 1);
}

#[test]
fn the_host_id_stays() {
    let directory = tempfile::tempdir().unwrap();
    let host_id = || {
        let database = Database::open(directory.path()).unwrap();
        let id = rows(&database, "SELECT host_id FROM system.local")[0].value("host_id");
        database.close().unwrap();
        id.unwrap()
    };
    let first = host_id();
    assert_eq!(host_id(), first);
    let other = tempfile::tempdir().unwrap();
    let database = Database::open(other.path()).unwrap();
    let other = rows(&database, "SELECT host_id FROM system.local")[0].value("host_id");
    assert_ne!(other.unwrap(), first);
}
