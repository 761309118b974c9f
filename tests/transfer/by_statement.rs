//! Imports whose rows go the way of statements: into tables with indexes or counters.

use super::*;

#[test]
fn a_table_with_indexes_takes_rows_as_statements_write_them() {
    let case = Case::new(&[
        "CREATE TABLE ks.t (k int, c int, v text, w text, l list<int>, PRIMARY KEY (k, c))",
        "CREATE INDEX by_v ON ks.t (v)",
        "CREATE INDEX by_l ON ks.t (l)",
    ]);
    let mut text =
        "k,c,v,w,l\n1,1,zzz,first,\"[1, 2, 3]\"\n1,1,aaa,,\"[9]\"\n1,1,bbb,,\n".to_owned();
    for number in 2..300 {
        text.push_str(&format!("{number},1,x,,\n"));
    }
    let options = case.options("t", vec![case.file("input.csv", text)]);
    import(&case.database, options).unwrap();
    assert_eq!(
        case.shown("SELECT * FROM ks.t WHERE k = 1"),
        ["1,1,[9],bbb,first"]
    );
    assert_eq!(case.shown("SELECT count(*) FROM ks.t"), ["299"]);
    let differences = case.database.engine().check_indexes().unwrap();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn rows_that_are_large_together_are_written_apart() {
    let case = Case::new(&[
        "CREATE TABLE ks.t (k int, c int, v text, w text, s text STATIC, PRIMARY KEY (k, c))",
        "CREATE INDEX by_v ON ks.t (v)",
    ]);
    let long = "x".repeat(400_000);
    let mut text = "k,c,v,w,s\n".to_owned();
    for number in 0..50 {
        // The last of a place wins, also where it is of the same write.
        text.push_str(&format!("1,{},v{number},{long},s{number}\n", number % 45));
    }
    let options = case.options("t", vec![case.file("input.csv", text)]);
    import(&case.database, options).unwrap();
    assert_eq!(case.shown("SELECT count(*) FROM ks.t"), ["45"]);
    assert_eq!(
        case.shown("SELECT c, v, s FROM ks.t WHERE k = 1 AND c < 6"),
        [
            "0,v45,s49",
            "1,v46,s49",
            "2,v47,s49",
            "3,v48,s49",
            "4,v49,s49",
            "5,v5,s49"
        ]
    );
    let differences = case.database.engine().check_indexes().unwrap();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn counters_are_added_to() {
    let case = Case::new(&[
        "CREATE TABLE ks.t (k int, c text, hits counter, misses counter, PRIMARY KEY (k, c))",
    ]);
    case.run("UPDATE ks.t SET hits = hits + 5 WHERE k = 1 AND c = 'a'");
    let text = "k,c,hits,misses\n1,a,2,\n1,b,,-7\n2,a,1,1\n1,a,10,3\n";
    assert_eq!(case.import("t", text).unwrap().rows, 4);
    let rows = case.shown("SELECT * FROM ks.t WHERE k IN (1, 2)");
    assert_eq!(rows, ["1,a,17,3", "1,b,null,-7", "2,a,1,1"]);
    // Increments cannot be taken back, so all rows are looked at before the first is added.
    let input = case.file("input.csv", "k,c,hits\n1,a,1\n1,b,one\n");
    let options = ImportOptions {
        errors_max: ErrorBound::Rows(0),
        ..case.options("t", vec![input])
    };
    assert!(import(&case.database, options).is_err());
    assert_eq!(
        case.shown("SELECT hits FROM ks.t WHERE k = 1 AND c = 'a'"),
        ["17"]
    );
    assert_eq!(case.export("t").lines().count(), 4);
}
