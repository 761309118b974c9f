//! SELECT through indexes answers what the same rows without an index answer by filtering, in the
//! same order, in pages of any size; and what is too long or too many is refused.

use super::paging::{Cells, page};
use super::shared;
use crate::error::ErrorKind;
use crate::random::Random;
use crate::session::{BindValue, Session, Shared};

const COLUMNS: &str = "a int, b int, c int, d int, v int, w int, l list<int>, st set<int>, \
                       m map<int, int>, f frozen<list<int>>, s int static, ss set<int> static, \
                       PRIMARY KEY ((a, b), c, d)";

/// Two tables with the same rows, the first of them indexed in every way. Some of the rows are
/// there before the indexes.
fn twins(random: &Random) -> Shared {
    let shared = shared();
    let mut session = Session::with(shared.clone(), Some("k".to_owned()));
    let mut run = |cql: &str| {
        session
            .execute(cql, &[])
            .unwrap_or_else(|error| panic!("{cql}: {error}"));
    };
    run(&format!("CREATE TABLE i ({COLUMNS})"));
    run(&format!("CREATE TABLE n ({COLUMNS})"));
    for write in 0..500 {
        if write == 200 {
            for target in [
                "a",
                "d",
                "v",
                "l",
                "st",
                "keys(m)",
                "values(m)",
                "entries(m)",
                "full(f)",
                "s",
                "ss",
            ] {
                run(&format!("CREATE INDEX ON i ({target})"));
            }
        }
        let n = |below: u64| random.below(below);
        let key = format!("a = {} AND b = {}", n(2), n(2));
        let row = format!("{key} AND c = {} AND d = {}", n(6), n(40));
        let write = match n(16) {
            0 => format!("UPDATE % SET s = {} WHERE {key}", n(3)),
            1 => format!("UPDATE % SET ss = ss + {{{}, {}}} WHERE {key}", n(3), n(3)),
            2 => format!("UPDATE % SET v = null WHERE {row}"),
            3 => format!("DELETE FROM % WHERE {row}"),
            4 if n(10) == 0 => format!("DELETE FROM % WHERE {key} AND c > {}", n(6)),
            5 => format!("UPDATE % SET m[{}] = {} WHERE {row}", n(3), n(3)),
            6 => format!("UPDATE % SET l = l + [{}, {}] WHERE {row}", n(3), n(3)),
            _ => format!(
                "UPDATE % SET v = {}, w = {}, l = [{}, {}], st = {{{}}}, m = {{{}: {}}}, \
                 f = [{}] WHERE {row}",
                n(3),
                n(3),
                n(3),
                n(3),
                n(3),
                n(3),
                n(3),
                n(2)
            ),
        };
        run(&write.replace('%', "i"));
        run(&write.replace('%', "n"));
    }
    shared
}

fn pages(shared: &Shared, cql: &str, size: usize) -> Vec<Cells> {
    let (mut all, mut state) = (Vec::new(), None);
    loop {
        let (rows, next) =
            page(shared, cql, Some(size), state).unwrap_or_else(|error| panic!("{cql}: {error}"));
        all.extend(rows);
        match next {
            Some(next) => state = Some(next),
            None => return all,
        }
    }
}

#[test]
fn an_index_finds_what_filtering_finds() {
    let random = Random::seeded(41);
    let shared = twins(&random);
    let indexed = [
        "a = 1",
        "d = 7",
        "v = 1",
        "l CONTAINS 1",
        "st CONTAINS 1",
        "m CONTAINS KEY 1",
        "m CONTAINS 1",
        "m[1] = 2",
        "f = [1]",
        "s = 1",
        "ss CONTAINS 1",
    ];
    let further = [
        "",
        " AND w = 1",
        " AND c > 2",
        " AND c = 2",
        " AND token(a, b) > 0",
        " AND a = 0 AND b = 1",
        " AND a = 0 AND b = 1 AND c >= 3",
    ];
    let mut found = 0;
    for condition in indexed {
        for more in further {
            if condition.starts_with('a') && more.contains("a = 0") {
                continue;
            }
            for end in ["", " PER PARTITION LIMIT 3 LIMIT 20"] {
                let select =
                    format!("SELECT * FROM % WHERE {condition}{more}{end} ALLOW FILTERING");
                let wanted = pages(&shared, &select.replace('%', "n"), 5000);
                found += wanted.len();
                for size in [1, 7, 100, 5000] {
                    let got = pages(&shared, &select.replace('%', "i"), size);
                    assert_eq!(got, wanted, "{select}, pages of {size}");
                }
            }
        }
    }
    assert!(found > 2000, "{found}");
    let differences = shared.engine().check_indexes().unwrap();
    assert!(differences.is_empty(), "{differences:?}");
}

#[test]
fn a_prepared_statement_follows_its_index() {
    let shared = shared();
    let mut session = Session::with(shared, Some("k".to_owned()));
    let mut run = |cql: &str| session.execute(cql, &[]).map(drop);
    run("CREATE INDEX tv ON t (v)").unwrap();
    run("INSERT INTO t (k, c, v) VALUES (1, 1, 'x')").unwrap();
    let select = session.prepare("SELECT k FROM t WHERE v = ?").unwrap();
    let filtering = session
        .prepare("SELECT k FROM t WHERE v = ? ALLOW FILTERING")
        .unwrap();
    let count = |session: &mut Session, statement| -> crate::error::Result<usize> {
        let rows = session.execute_prepared(statement, &["x".into()])?;
        Ok(rows.into_rows().collect()?.len())
    };
    assert_eq!(count(&mut session, &select).unwrap(), 1);
    session.execute("DROP INDEX tv", &[]).unwrap();
    let refused = count(&mut session, &select).unwrap_err();
    assert!(refused.message.contains("ALLOW FILTERING"), "{refused}");
    assert_eq!(count(&mut session, &filtering).unwrap(), 1);
    session.execute("CREATE INDEX tv ON t (v)", &[]).unwrap();
    assert_eq!(count(&mut session, &select).unwrap(), 1);
}

/// A session with a table `q` that has indexes of columns, keys and entries.
fn indexed() -> Session {
    let mut session = Session::with(shared(), Some("k".to_owned()));
    for cql in [
        "CREATE TABLE q (k text, c text, v text, l list<text>, m map<text, text>, \
         e map<text, text>, PRIMARY KEY (k, c))",
        "CREATE INDEX ON q (entries(e))",
        "CREATE INDEX ON q (v)",
        "CREATE INDEX ON q (l)",
        "CREATE INDEX ON q (keys(m))",
    ] {
        session.execute(cql, &[]).unwrap();
    }
    session
}

#[test]
fn values_that_are_too_long_are_refused() {
    let mut session = indexed();
    let long = "x".repeat(65_536);
    let mut refusal = |cql: &str| {
        let values: &[BindValue] = match cql.contains('?') {
            true => &[long.as_str().into()],
            false => &[],
        };
        let written = cql.replace('%', &long);
        let refused = session.execute(&written, values).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Invalid, "{cql}");
        refused.message
    };
    let key = "Key length of 65536 is longer than maximum of 65535";
    for cql in [
        "SELECT * FROM q WHERE k = ?",
        "SELECT * FROM q WHERE k IN (?, 'a')",
        "INSERT INTO q (k, c) VALUES (?, 'a')",
        "INSERT INTO q (k, c) VALUES ('a', ?)",
        "UPDATE q SET v = 'a' WHERE k = ? AND c = 'a'",
        "DELETE FROM q WHERE k = ?",
        "DELETE FROM q WHERE k = 'a' AND c = ?",
    ] {
        assert_eq!(refusal(cql), key, "{cql}");
    }
    let too_long = |index: &str, column: &str| {
        format!(
            "Cannot index value of size 65536 for index {index} on k.q({column}) (maximum \
             allowed size=65535)"
        )
    };
    for (cql, wanted) in [
        (
            "INSERT INTO q (k, c, v) VALUES ('a', 'b', ?)",
            too_long("q_v_idx", "v"),
        ),
        (
            "UPDATE q SET l = l + ['%'] WHERE k = 'a' AND c = 'b'",
            too_long("q_l_idx", "l"),
        ),
        (
            "UPDATE q SET m[?] = 'a' WHERE k = 'a' AND c = 'b'",
            too_long("q_m_idx", "m"),
        ),
        (
            "SELECT * FROM q WHERE v = ?",
            "Index expression values may not be larger than 64K".to_owned(),
        ),
    ] {
        assert_eq!(refusal(cql), wanted, "{cql}");
    }
    // The values of the map are not indexed.
    let value: BindValue = long.as_str().into();
    let update = "UPDATE q SET m['a'] = ? WHERE k = 'a' AND c = 'b'";
    session.execute(update, &[value]).unwrap();
}

/// It is composed as a key of two parts is: six bytes more than they have.
#[test]
fn a_pair_that_is_too_long_is_refused() {
    let mut session = indexed();
    let most = "x".repeat(65_527);
    let update = "UPDATE q SET e['a'] = ? WHERE k = 'a' AND c = 'b'";
    session.execute(update, &[most.as_str().into()]).unwrap();
    let select = "SELECT k FROM q WHERE e['a'] = ?";
    let rows = session.execute(select, &[most.as_str().into()]).unwrap();
    assert_eq!(rows.into_rows().collect().unwrap().len(), 1);
    let most = format!("{most}x");
    let refused = session
        .execute(update, &[most.as_str().into()])
        .unwrap_err();
    assert!(refused.message.contains("value of size 65535"), "{refused}");
}

#[test]
fn too_many_combinations_are_refused_before_memory_is_spent() {
    let shared = shared();
    let mut session = Session::with(shared, Some("k".to_owned()));
    let create = "CREATE TABLE w (a int, b int, c int, d int, e int, v int, \
                  PRIMARY KEY ((a, b), c, d, e))";
    session.execute(create, &[]).unwrap();
    let thousand: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
    let list = thousand.join(", ");
    let clustering = format!("c IN ({list}) AND d IN ({list}) AND e IN ({list})");
    for cql in [
        format!("SELECT * FROM w WHERE a = 1 AND b = 1 AND {clustering}"),
        format!("SELECT * FROM w WHERE a IN ({list}) AND b IN ({list}) AND c = 1"),
        format!("DELETE FROM w WHERE a = 1 AND b = 1 AND {clustering}"),
        format!("UPDATE w SET v = 1 WHERE a = 1 AND b = 1 AND {clustering}"),
        format!("DELETE FROM w WHERE a IN ({list}) AND b IN ({list}) AND {clustering}"),
    ] {
        let refused = session.execute(&cql, &[]).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Invalid);
        assert!(refused.message.contains("cartesian product"), "{refused}");
    }
}
