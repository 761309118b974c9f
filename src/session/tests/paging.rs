//! Pages: whatever the schema, the data and the query, they make up the whole answer, each of them
//! asked for with nothing but the state that came with the one before.

use super::shared;
use crate::cql::result::{ColumnSpec, Rows};
use crate::error::{ErrorKind, Result};
use crate::random::Random;
use crate::session::{RequestOptions, Session, Shared, Values};
use bytes::{Buf, Bytes, BytesMut};
use std::fmt::Write;

/// A row's values as they stand in a response.
pub type Cells = Vec<Option<Bytes>>;

/// A page, taken apart.
pub fn cells(columns: &[ColumnSpec], rows: u32, mut page: Bytes) -> Vec<Cells> {
    let found = (0..rows)
        .map(|_| {
            columns
                .iter()
                .map(|_| {
                    let length = page.get_i32();
                    usize::try_from(length).ok().map(|it| page.split_to(it))
                })
                .collect()
        })
        .collect();
    assert!(page.is_empty());
    found
}

/// One page: its rows, and what the next is asked for with.
pub fn page(
    shared: &Shared,
    cql: &str,
    size: Option<usize>,
    state: Option<Bytes>,
) -> Result<(Vec<Cells>, Option<Bytes>)> {
    let statement = shared.adhoc(cql, Some("k"))?;
    let options = RequestOptions {
        page_size: size,
        paging_state: state,
        values: Values::default(),
        ..RequestOptions::default()
    };
    let mut rows: Rows = shared.run(&statement, options)?.result.into_rows();
    let mut out = BytesMut::new();
    let page = rows.encode_page(&mut out)?;
    assert!(size.is_none_or(|size| page.rows as usize <= size));
    let columns = rows.shared_columns();
    Ok((cells(&columns, page.rows, out.freeze()), page.paging_state))
}

/// All pages, each asked for as if by another process.
fn pages(shared: &Shared, cql: &str, size: usize) -> Vec<Cells> {
    let mut all = Vec::new();
    let mut state = None;
    for _ in 0..10_000 {
        let fresh = Shared::new(shared.engine().clone(), Random::seeded(9));
        let (rows, next) = page(&fresh, cql, Some(size), state).unwrap();
        all.extend(rows);
        match next {
            Some(next) => state = Some(next),
            None => return all,
        }
    }
    panic!("pages without end: {cql}");
}

/// A random table, and the data and queries that fit it.
struct Generator<'r> {
    random: &'r Random,
    keys: usize,
    clusterings: usize,
    statics: bool,
}

impl Generator<'_> {
    fn chance(&self, of: u64) -> bool {
        self.random.below(of) == 0
    }

    fn create(&self) -> String {
        let mut columns = String::new();
        for at in 0..self.keys {
            let _ = write!(columns, "k{at} int, ");
        }
        for at in 0..self.clusterings {
            let ty = ["int", "text", "varint"][self.random.below(3) as usize];
            let _ = write!(columns, "c{at} {ty}, ");
        }
        if self.statics {
            columns.push_str("s int static, st set<int> static, ");
        }
        let names = |prefix: &str, count: usize| {
            let names: Vec<String> = (0..count).map(|at| format!("{prefix}{at}")).collect();
            names.join(", ")
        };
        let mut key = format!("({})", names("k", self.keys));
        let mut order = String::new();
        if self.clusterings > 0 {
            let _ = write!(key, ", {}", names("c", self.clusterings));
            let parts: Vec<String> = (0..self.clusterings)
                .map(|at| format!("c{at} {}", if self.chance(2) { "DESC" } else { "ASC" }))
                .collect();
            order = format!(" WITH CLUSTERING ORDER BY ({})", parts.join(", "));
        }
        format!(
            "CREATE TABLE k.p ({columns}v int, m map<int, text>, l list<int>, \
             PRIMARY KEY ({key})){order}"
        )
    }

    fn clustering_value(&self, at: usize, types: &[String]) -> String {
        let number = self.random.below(4);
        match types[at].as_str() {
            "text" => format!("'{}'", ["", "a", "b", "bb"][number as usize]),
            _ => (number as i64 - 1).to_string(),
        }
    }

    fn key(&self) -> String {
        (0..self.keys)
            .map(|at| format!("k{at} = {}", self.random.below(5)))
            .collect::<Vec<_>>()
            .join(" AND ")
    }

    fn write(&self, types: &[String]) -> String {
        let key = self.key();
        let row: Vec<String> = (0..self.clusterings)
            .map(|at| format!("c{at} = {}", self.clustering_value(at, types)))
            .collect();
        let row = match row.is_empty() {
            true => key.clone(),
            false => format!("{key} AND {}", row.join(" AND ")),
        };
        let number = self.random.below(9);
        match self.random.below(10) {
            0 if self.statics => {
                format!("UPDATE k.p SET s = {number}, st = {{1, {number}}} WHERE {key}")
            }
            1 => format!("DELETE FROM k.p WHERE {row}"),
            2 if self.chance(4) => format!("DELETE FROM k.p WHERE {key}"),
            3 => format!("UPDATE k.p SET v = null WHERE {row}"),
            4 => format!("UPDATE k.p SET m = {{1: 'x', {number}: 'y'}}, l = [3, 1] WHERE {row}"),
            _ => format!("UPDATE k.p SET v = {number} WHERE {row}"),
        }
    }

    fn query(&self, types: &[String]) -> String {
        let one = self.chance(2);
        let mut conditions: Vec<String> = Vec::new();
        let mut filtering = false;
        match self.random.below(4) {
            _ if one => conditions.push(self.key()),
            0 => {
                for at in 0..self.keys {
                    conditions.push(format!("k{at} IN (3, 0, 1, 0, 7)"));
                }
            }
            1 => {
                let names: Vec<String> = (0..self.keys).map(|at| format!("k{at}")).collect();
                let bound = self.random.next_u64().cast_signed();
                let sign = [">", "<="][self.random.below(2) as usize];
                conditions.push(format!("token({}) {sign} {bound}", names.join(", ")));
            }
            _ => {}
        }
        let keyed = conditions.first().is_some_and(|it| it.starts_with('k'));
        if self.clusterings == 0 || self.chance(2) {
        } else if keyed || self.chance(2) {
            let value = self.clustering_value(0, types);
            let other = self.clustering_value(0, types);
            conditions.push(match self.random.below(4) {
                0 => format!("c0 IN ({value}, {other})"),
                1 => format!("c0 > {value}"),
                2 => format!("c0 <= {value}"),
                _ => format!("c0 = {value}"),
            });
            filtering = !keyed;
        }
        if self.chance(6) {
            conditions.push(format!("v > {}", self.random.below(6)));
            filtering = true;
        }
        self.clauses(conditions, one, filtering)
    }

    fn clauses(&self, conditions: Vec<String>, one: bool, filtering: bool) -> String {
        let keys: Vec<String> = (0..self.keys).map(|at| format!("k{at}")).collect();
        let keys = keys.join(", ");
        let on_rows = conditions.iter().any(|it| !it.contains('k'));
        let (mut selected, mut group) = ("*".to_owned(), String::new());
        let distinct = !on_rows && self.chance(6);
        match self.random.below(6) {
            _ if distinct => {
                selected = format!("DISTINCT {keys}{}", if self.statics { ", s" } else { "" });
            }
            0 => selected = "v, m, l".to_owned(),
            1 => selected = format!("token({keys}), v, writetime(v)"),
            2 => {
                let deep = self.clusterings > 0 && self.chance(2);
                group = format!(" GROUP BY {keys}{}", if deep { ", c0" } else { "" });
                selected = format!("{keys}, count(*), max(v), v");
            }
            _ => {}
        }
        let mut query = format!("SELECT {selected} FROM k.p");
        if !conditions.is_empty() {
            let _ = write!(query, " WHERE {}", conditions.join(" AND "));
        }
        query.push_str(&group);
        if one && self.clusterings > 0 && group.is_empty() && !distinct && self.chance(2) {
            let direction = ["ASC", "DESC"][self.random.below(2) as usize];
            let _ = write!(query, " ORDER BY c0 {direction}");
        }
        if !distinct && self.chance(3) {
            let _ = write!(query, " PER PARTITION LIMIT {}", 1 + self.random.below(3));
        }
        if self.chance(3) {
            let _ = write!(query, " LIMIT {}", 1 + self.random.below(12));
        }
        if filtering {
            query.push_str(" ALLOW FILTERING");
        }
        query
    }
}

#[test]
fn the_pages_of_random_queries_make_up_the_whole_answer() {
    let random = Random::seeded(0x9A6E);
    let (mut asked, mut refused) = (0, 0);
    for _ in 0..24 {
        let shared = shared();
        let mut session = Session::with(shared.clone(), None);
        let generator = Generator {
            random: &random,
            keys: 1 + random.below(2) as usize,
            clusterings: random.below(3) as usize,
            statics: random.below(2) == 0,
        };
        let statics = generator.statics && generator.clusterings > 0;
        let generator = Generator {
            statics,
            ..generator
        };
        let create = generator.create();
        session.execute(&create, &[]).unwrap();
        let types: Vec<String> = (0..generator.clusterings)
            .map(|at| {
                let rest = create.split(&format!("c{at} ")).nth(1).unwrap();
                rest.split(',').next().unwrap().to_owned()
            })
            .collect();
        for _ in 0..random.below(90) {
            session.execute(&generator.write(&types), &[]).unwrap();
            if random.below(40) == 0 {
                shared.engine().flush(None).unwrap();
            }
        }
        for _ in 0..24 {
            let query = generator.query(&types);
            let Ok((whole, state)) = page(&shared, &query, None, None) else {
                refused += 1;
                continue;
            };
            assert_eq!(state, None);
            let rows = session.execute(&query, &[]).unwrap().into_rows();
            let rows: Vec<Cells> = rows
                .collect()
                .unwrap()
                .into_iter()
                .map(|r| r.values)
                .collect();
            assert_eq!(whole, rows, "{create}: {query}");
            for size in 1..=7 {
                let paged = pages(&shared, &query, size);
                assert_eq!(paged, whole, "{create}: {query}: by {size}");
            }
            asked += 1;
        }
    }
    assert!(asked > 10 * refused, "{asked} asked, {refused} refused");
}

fn filled() -> Shared {
    let shared = shared();
    let mut session = Session::with(shared.clone(), Some("k".to_owned()));
    for row in 0..30 {
        let insert = format!("INSERT INTO t (k, c, v) VALUES ({}, {row}, 'x')", row % 3);
        session.execute(&insert, &[]).unwrap();
    }
    shared
}

#[test]
fn a_state_of_something_else_is_refused() {
    let shared = filled();
    let (rows, state) = page(&shared, "SELECT * FROM t", Some(4), None).unwrap();
    assert_eq!(rows.len(), 4);
    let state = state.unwrap();
    let mut damaged = state.to_vec();
    damaged[5] ^= 1;
    for (query, state) in [
        ("SELECT * FROM t", Bytes::from(damaged)),
        ("SELECT * FROM t", Bytes::from_static(b"never a state")),
        ("SELECT * FROM t", Bytes::new()),
        ("SELECT * FROM t", state.slice(1..)),
        ("SELECT k FROM t", state.clone()),
        ("SELECT * FROM k.t", state.clone()),
    ] {
        let refused = page(&shared, query, Some(4), Some(state)).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Protocol);
    }
    let (rows, _) = page(&shared, "SELECT * FROM t", Some(100), Some(state)).unwrap();
    assert_eq!(rows.len(), 26);
}

#[test]
fn a_damaged_state_is_refused_where_it_is_not_needed() {
    let shared = filled();
    for state in [&b""[..], b"nonsense"] {
        let state = Bytes::from_static(state);
        for size in [None, Some(0), Some(5)] {
            let error = page(&shared, "SELECT * FROM t", size, Some(state.clone())).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Protocol, "{size:?}");
        }
    }
}

#[test]
fn the_schema_and_the_data_may_change_between_pages() {
    let shared = filled();
    let mut session = Session::with(shared.clone(), Some("k".to_owned()));
    let query = "SELECT * FROM t";
    let (_, state) = page(&shared, query, Some(4), None).unwrap();
    session.execute("ALTER TABLE t ADD w int", &[]).unwrap();
    let (rows, _) = page(&shared, query, Some(50), state.clone()).unwrap();
    assert_eq!((rows.len(), rows[0].len()), (26, 4));
    session.execute("ALTER TABLE t DROP v", &[]).unwrap();
    let (rows, _) = page(&shared, query, Some(50), state.clone()).unwrap();
    assert_eq!((rows.len(), rows[0].len()), (26, 3));
    session.execute("TRUNCATE t", &[]).unwrap();
    let (rows, next) = page(&shared, query, Some(50), state.clone()).unwrap();
    assert_eq!((rows.len(), next), (0, None));
    session.execute("DROP TABLE t", &[]).unwrap();
    let gone = page(&shared, query, Some(50), state.clone()).unwrap_err();
    assert_eq!(gone.message, "table t does not exist");
    session
        .execute("CREATE TABLE t (k text PRIMARY KEY)", &[])
        .unwrap();
    let other = page(&shared, query, Some(50), state).unwrap_err();
    assert_eq!(other.kind, ErrorKind::Protocol);
}

#[test]
fn what_cannot_be_paged_is_whole_or_refused() {
    let shared = filled();
    let sorted = "SELECT * FROM t WHERE k IN (0, 1) ORDER BY c DESC";
    let refused = page(&shared, sorted, Some(4), None).unwrap_err();
    assert!(
        refused
            .message
            .starts_with("Cannot page queries with both ORDER BY and a IN")
    );
    assert_eq!(page(&shared, sorted, None, None).unwrap().0.len(), 20);
    for query in [
        "SELECT count(*) FROM t",
        "SELECT count(*), max(c) FROM t WHERE k = 1",
    ] {
        let (rows, next) = page(&shared, query, Some(1), None).unwrap();
        assert_eq!((rows.len(), next), (1, None));
    }
    // The last row is known to be the last.
    let (rows, next) = page(&shared, "SELECT * FROM t", Some(30), None).unwrap();
    assert_eq!((rows.len(), next), (30, None));
}

#[test]
fn virtual_tables_are_paged_as_others() {
    let shared = filled();
    for query in [
        "SELECT keyspace_name, table_name FROM system_schema.tables",
        "SELECT keyspace_name, table_name FROM system_schema.tables \
         WHERE keyspace_name IN ('k', 'system', 'system_schema')",
        "SELECT DISTINCT keyspace_name FROM system_schema.tables",
    ] {
        let (whole, _) = page(&shared, query, None, None).unwrap();
        assert!(whole.len() > 2);
        for size in [1, 3] {
            assert_eq!(pages(&shared, query, size), whole);
        }
    }
}

#[test]
fn pages_and_answers_are_bounded_by_bytes() {
    let shared = shared();
    let mut session = Session::with(shared.clone(), Some("k".to_owned()));
    let long = "x".repeat(1 << 20);
    for c in 0..9 {
        let insert = "INSERT INTO t (k, c, v) VALUES (1, ?, ?)";
        session
            .execute(insert, &[c.into(), long.as_str().into()])
            .unwrap();
    }
    let (rows, next) = page(&shared, "SELECT * FROM t", Some(5000), None).unwrap();
    assert_eq!((rows.len(), next.is_some()), (4, true));
    // The same column again and again makes a large answer of few rows.
    let wide = format!("SELECT {} FROM t", ["v"; 12].join(", "));
    let refused = page(&shared, &wide, None, None).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Invalid);
    assert!(refused.message.contains("read it in pages"));
    assert_eq!(page(&shared, &wide, Some(5000), None).unwrap().0.len(), 1);
}
