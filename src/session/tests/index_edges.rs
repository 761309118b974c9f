//! Indexes at the edges: rows with many entries of one value, types that grow, and deletions that
//! overlap in one write.

use super::paging::page;
use super::shared;
use crate::session::{Session, Shared};

/// How many rows each page of a SELECT has.
fn pages(shared: &Shared, cql: &str, size: Option<usize>) -> Vec<usize> {
    let (mut all, mut state) = (Vec::new(), None);
    loop {
        let (rows, next) = page(shared, cql, size, state).unwrap();
        all.push(rows.len());
        match next {
            Some(next) => state = Some(next),
            None => return all,
        }
    }
}

fn is_sound(shared: &Shared) {
    let differences = shared.engine().check_indexes().unwrap();
    assert_eq!(differences, Vec::<String>::new());
}

#[test]
fn a_row_with_many_entries_of_a_value_is_found_once() {
    let shared = shared();
    let mut session = Session::with(shared.clone(), Some("k".to_owned()));
    let mut run = |cql: &str| drop(session.execute(cql, &[]).unwrap());
    run("CREATE TABLE m (k int, c int, l list<int>, s list<int> static, PRIMARY KEY (k, c))");
    run("CREATE INDEX ON m (l)");
    run("CREATE INDEX ON m (s)");
    let ones = vec!["1"; 300].join(", ");
    run(&format!("INSERT INTO m (k, c, l) VALUES (1, 1, [{ones}])"));
    run(&format!("INSERT INTO m (k, c, l) VALUES (1, 2, [{ones}])"));
    run(&format!("UPDATE m SET s = [{ones}] WHERE k = 1"));
    for select in [
        "SELECT c FROM m WHERE l CONTAINS 1",
        "SELECT c FROM m WHERE s CONTAINS 1",
        "SELECT c FROM m WHERE k = 1 AND l CONTAINS 1",
    ] {
        assert_eq!(pages(&shared, select, None), [2], "{select}");
        let rows: usize = pages(&shared, select, Some(1)).into_iter().sum();
        assert_eq!(rows, 2, "{select}");
    }
    is_sound(&shared);
}

#[test]
fn a_type_that_grows_keeps_the_entries_of_before() {
    let shared = shared();
    let mut session = Session::with(shared.clone(), Some("k".to_owned()));
    let mut run = |cql: &str| drop(session.execute(cql, &[]).unwrap());
    run("CREATE TYPE p (x int)");
    run(
        "CREATE TABLE g (k int, c frozen<p>, v frozen<p>, m map<frozen<p>, int>, \
         s set<frozen<p>>, PRIMARY KEY (k, c))",
    );
    for target in ["c", "v", "keys(m)", "entries(m)", "s"] {
        run(&format!("CREATE INDEX ON g ({target})"));
    }
    run("INSERT INTO g (k, c, v, m, s) VALUES (1, {x: 1}, {x: 1}, {{x: 1}: 1}, {{x: 1}})");
    run("ALTER TYPE p ADD y int");
    is_sound(&shared);
    run("INSERT INTO g (k, c, v, m, s) VALUES (2, {x: 1}, {x: 1}, {{x: 1}: 1}, {{x: 1}})");
    is_sound(&shared);
    for condition in [
        "c = {x: 1}",
        "v = {x: 1}",
        "m CONTAINS KEY {x: 1}",
        "m[{x: 1}] = 1",
        "s CONTAINS {x: 1}",
    ] {
        let select = format!("SELECT k FROM g WHERE {condition}");
        // As in Cassandra: what was written with the new field, null or not, is another value.
        assert_eq!(pages(&shared, &select, None), [1], "{select}");
    }
    run("INSERT INTO g (k, c, v, m, s) VALUES (1, {x: 1}, {x: 2}, {{x: 2}: 1}, {{x: 2}})");
    is_sound(&shared);
    shared.engine().flush(None).unwrap();
    run("UPDATE g SET m[{x: 2}] = 3, s = s - {{x: 2}} WHERE k = 1 AND c = {x: 1}");
    is_sound(&shared);
    run("DELETE FROM g WHERE k = 1 AND c = {x: 1}");
    is_sound(&shared);
}

#[test]
fn deletions_that_overlap_take_the_entries_of_their_rows() {
    let shared = shared();
    let mut session = Session::with(shared.clone(), Some("k".to_owned()));
    let mut run = |cql: &str| drop(session.execute(cql, &[]).unwrap());
    run("CREATE TABLE o (k int, c decimal, v int, s int static, PRIMARY KEY (k, c))");
    for target in ["c", "v", "s"] {
        run(&format!("CREATE INDEX ON o ({target})"));
    }
    for c in 0..20 {
        run(&format!(
            "INSERT INTO o (k, c, v) VALUES (1, {c}.0, 1) USING TIMESTAMP 10"
        ));
    }
    run(
        "BEGIN BATCH DELETE FROM o USING TIMESTAMP 5 WHERE k = 1 AND c > 2 AND c < 18; \
         DELETE FROM o USING TIMESTAMP 20 WHERE k = 1 AND c >= 4 AND c < 6; \
         DELETE FROM o USING TIMESTAMP 30 WHERE k = 1 AND c >= 5 AND c <= 9; \
         DELETE v FROM o USING TIMESTAMP 11 WHERE k = 1 AND c = 12; \
         INSERT INTO o (k, c, v) VALUES (1, 7.00, 1) USING TIMESTAMP 25; \
         INSERT INTO o (k, c, v) VALUES (1, 8.00, 1) USING TIMESTAMP 35; \
         INSERT INTO o (k, c, v) VALUES (1, 15.00, 1) USING TIMESTAMP 15; \
         UPDATE o USING TIMESTAMP 15 SET s = 1 WHERE k = 1; APPLY BATCH",
    );
    is_sound(&shared);
    // 20 rows but for 4 to 9, with 8 again; 12 has no value any more.
    assert_eq!(pages(&shared, "SELECT c FROM o WHERE v = 1", None), [14]);
    assert_eq!(pages(&shared, "SELECT c FROM o WHERE s = 1", None), [15]);
    shared.engine().flush(None).unwrap();
    is_sound(&shared);
    run("INSERT INTO o (k, c, v) VALUES (1, 15.000, 1) USING TIMESTAMP 15");
    is_sound(&shared);
    run("INSERT INTO o (k, c) VALUES (1, 15.0) USING TIMESTAMP 1");
    is_sound(&shared);
    shared.engine().flush(None).unwrap();
    let table = shared.engine().catalog().table("k", "o").unwrap().id;
    shared.engine().compact(table).unwrap();
    is_sound(&shared);
    run("BEGIN BATCH DELETE FROM o USING TIMESTAMP 40 WHERE k = 1; \
         INSERT INTO o (k, c, v) VALUES (1, 3, 1) USING TIMESTAMP 41; \
         INSERT INTO o (k, c, v) VALUES (1, 4, 1) USING TIMESTAMP 39; APPLY BATCH");
    assert_eq!(pages(&shared, "SELECT c FROM o WHERE v = 1", None), [1]);
    assert_eq!(pages(&shared, "SELECT c FROM o WHERE s = 1", None), [0]);
    is_sound(&shared);
}

#[test]
fn entries_are_kept_as_their_tables_options_say() {
    let shared = shared();
    let mut session = Session::with(shared.clone(), Some("k".to_owned()));
    let mut run = |cql: &str| drop(session.execute(cql, &[]).unwrap());
    run("CREATE TABLE o (k int PRIMARY KEY, v int)");
    run("CREATE INDEX ON o (v)");
    run("ALTER TABLE o WITH compression = {'enabled': false} AND default_time_to_live = 60");
    let catalog = shared.engine().catalog();
    let base = catalog.table("k", "o").unwrap();
    let entries = &catalog.tables[&base.indexes[0].entries];
    assert_eq!(entries.options.compression, base.options.compression);
    assert_eq!(entries.options.default_time_to_live_seconds, 0);
}
