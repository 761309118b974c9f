//! A user type in a clustering key grows: rows from before and after, in memory and in files.

use super::shared;
use crate::session::Session;

fn rows(session: &mut Session, query: &str) -> Vec<String> {
    let rows = session.execute(query, &[]).unwrap().into_rows();
    let columns = rows.columns().to_vec();
    let shown = |values: &[Option<bytes::Bytes>]| -> String {
        let pairs = columns.iter().zip(values);
        let shown: Vec<String> = pairs
            .map(|(column, value)| column.ty.literal(value.as_deref()))
            .collect();
        shown.join(" ")
    };
    let rows = rows.collect().unwrap();
    rows.iter().map(|row| shown(&row.values)).collect()
}

#[test]
fn a_type_in_a_clustering_key_grows() {
    for order in ["ASC", "DESC"] {
        let shared = shared();
        let mut session = Session::with(shared.clone(), None);
        let mut run = |statement: &str| drop(session.execute(statement, &[]).unwrap());
        run("CREATE TYPE k.p (x int)");
        run(&format!(
            "CREATE TABLE k.u (k int, c frozen<list<frozen<p>>>, v int, PRIMARY KEY (k, c)) \
             WITH CLUSTERING ORDER BY (c {order})"
        ));
        for x in [2, 1, 3] {
            run(&format!(
                "INSERT INTO k.u (k, c, v) VALUES (1, [{{x: {x}}}], {x})"
            ));
        }
        shared.engine().flush(None).unwrap();
        run("ALTER TYPE k.p ADD y int");
        run("INSERT INTO k.u (k, c, v) VALUES (1, [{x: 2, y: 5}], 25)");
        run("INSERT INTO k.u (k, c, v) VALUES (1, [{x: 2, y: -5}], 20)");
        run("UPDATE k.u SET v = 10 WHERE k = 1 AND c = [{x: 1}]");
        run("DELETE FROM k.u WHERE k = 1 AND c = [{x: 3, y: null}]");
        let mut expected = vec!["10", "2", "20", "25"];
        if order == "DESC" {
            expected.reverse();
        }
        let query = "SELECT v FROM k.u WHERE k = 1";
        assert_eq!(rows(&mut session, query), expected, "{order}");
        shared.engine().flush(None).unwrap();
        assert_eq!(rows(&mut session, query), expected, "{order}: flushed");
        let query = "SELECT v FROM k.u WHERE k = 1 AND c > [{x: 2}] AND c <= [{x: 2, y: 5}]";
        let mut expected = vec!["20", "25"];
        if order == "DESC" {
            expected.reverse();
        }
        assert_eq!(rows(&mut session, query), expected, "{order}: a slice");
    }
}
