//! Which texts are meant for somebody else: batch SQL behind `SQL`, or known by what no CQL has.
//!
//! The rule has one direction: **what parses as CQL is CQL** and keeps CQL's answers and errors,
//! whatever other meaning its words might have. Only a text that CQL's parser refuses is looked at
//! a second time, by [`sql_mark`], so that CQL pays nothing for the neighbour:
//!
//! ```text
//! text ─▶ CQL's parser ─┬─ statement ─────────────────────────────▶ CQL
//!                       ├─ SQL rest ──────────────────────────────▶ batch SQL: rest
//!                       └─ error ─▶ a mark? ─┬─ yes, where allowed ▶ batch SQL: text
//!                                            └─ no ───────────────▶ CQL's own error
//! ```
//!
//! The look is a rough one, over tokens: a mark inside a string, a quoted name or a comment is
//! none. Whether the text is good SQL is for SQL's parser to say.

use crate::cql::ast::{Explain, Sql, Statement, StatementKind};
use crate::cql::lexer::{Lexer, Symbol, Token, TokenKind};
use crate::cql::parser::{Parser, parse_statement};
use crate::error::{Error, ErrorKind, Result};

/// What is told with CQL's error about a text that looks like batch SQL.
pub const SQL_HINT: &str = "put SQL in front to run it as a batch query";

/// Words that stand in no CQL statement, other than as names.
const MARKS: [&str; 6] = ["JOIN", "OVER", "UNION", "INTERSECT", "EXCEPT", "HAVING"];

/// Parses one statement, CQL or not: what CQL's parser refuses is batch SQL where it has a mark of
/// it, and EXPLAIN where that stands in front.
pub fn parse_either(text: &str) -> Result<Statement> {
    let error = match parse_statement(text) {
        Ok(statement) => return Ok(statement),
        Err(error) => error,
    };
    if error.kind != ErrorKind::Syntax {
        return Err(error);
    }
    if let Some(explain) = explain(text, Language::Unsaid)? {
        return Ok(explain);
    }
    match sql_mark(text) {
        Some(_) => Ok(sql_statement(text)),
        None if starts_as_sql(text) => Err(hinted(error)),
        None => Err(error),
    }
}

fn hinted(error: Error) -> Error {
    match error.hint {
        Some(_) => error,
        None => error.with_hint(general_hint()),
    }
}

fn general_hint() -> String {
    format!("If it is meant as batch SQL (joins, windows, any GROUP BY), {SQL_HINT}.")
}

/// The hint about a text that is no CQL and may be batch SQL, for who got CQL's error from a
/// server, which sends no hints.
pub fn sql_hint(text: &str) -> Option<String> {
    starts_as_sql(text).then(general_hint)
}

/// Which language the statement behind EXPLAIN is written in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    /// Whatever it parses as.
    Unsaid,
    /// Batch SQL, unless CQL stands in front.
    Sql,
}

impl Parser<'_> {
    /// `SQL …`; the current token is the first word. What follows is not for this parser: not even
    /// its tokens need be CQL's.
    pub(super) fn sql(&mut self) -> Result<StatementKind> {
        let text = self.lexer.text();
        let rest = text.get(self.token.end..).unwrap_or_default();
        let statement = match explain(rest, Language::Sql)? {
            Some(explain) => explain,
            None if bare(rest).is_empty() => {
                return Err(Error::syntax(
                    "SQL stands alone: a batch query goes behind it, as in SQL SELECT …",
                ));
            }
            None => sql_statement(rest),
        };
        self.markers = statement.markers;
        self.token.kind = TokenKind::End;
        Ok(statement.kind)
    }
}

fn sql_statement(text: &str) -> Statement {
    let text = bare(text).to_owned();
    Statement {
        kind: StatementKind::Sql(Sql { text }),
        markers: Vec::new(),
    }
}

/// The text without blanks around it and without the semicolon at its end.
fn bare(text: &str) -> &str {
    text.trim()
        .trim_end_matches(|c: char| c == ';' || c.is_whitespace())
}

/// The statement behind EXPLAIN, if the text starts so.
fn explain(text: &str, language: Language) -> Result<Option<Statement>> {
    let mut lexer = Lexer::new(text);
    let Ok(first) = lexer.next() else {
        return Ok(None);
    };
    if !is(&lexer, &first, "EXPLAIN") {
        return Ok(None);
    }
    let mut end = first.end;
    let mut word = |word: &str| {
        let before = lexer;
        match lexer.next() {
            Ok(token) if is(&lexer, &token, word) => {
                end = token.end;
                true
            }
            _ => {
                lexer = before;
                false
            }
        }
    };
    let analyze = word("ANALYZE");
    let as_cql = word("CQL");
    let rest = text.get(end..).unwrap_or_default();
    if bare(rest).is_empty() {
        return Err(Error::syntax(
            "EXPLAIN stands alone: a statement goes behind it, as in EXPLAIN SELECT …",
        ));
    }
    let inner = match (as_cql, language) {
        (true, _) => parse_statement(rest)?,
        (false, Language::Sql) => sql_statement(rest),
        (false, Language::Unsaid) => match parse_statement(rest) {
            Ok(statement) => statement,
            // Whether it is SQL is seen by who reads that.
            Err(error) if sql_mark(rest).is_none() && !starts_as_sql(rest) => return Err(error),
            Err(_) => sql_statement(rest),
        },
    };
    let again = match &inner.kind {
        StatementKind::Sql(sql) => sql_mark(&sql.text) == Some("EXPLAIN"),
        kind => matches!(kind, StatementKind::Explain(_)),
    };
    if again {
        return Err(Error::syntax("EXPLAIN of EXPLAIN says nothing"));
    }
    let markers = inner.markers.clone();
    let statement = Box::new(inner);
    let kind = StatementKind::Explain(Explain { analyze, statement });
    Ok(Some(Statement { kind, markers }))
}

fn is(lexer: &Lexer<'_>, token: &Token, word: &str) -> bool {
    token.kind == TokenKind::Word && lexer.slice(token).eq_ignore_ascii_case(word)
}

/// Whether a text starts like a statement that batch SQL knows too.
fn starts_as_sql(text: &str) -> bool {
    let mut lexer = Lexer::new(text);
    let first = lexer.next();
    first.is_ok_and(|first| ["SELECT", "WITH"].iter().any(|it| is(&lexer, &first, it)))
}

/// What in a text that is no CQL tells that batch SQL is meant: `JOIN`, a leading `WITH`, a
/// subquery, `OVER`, `UNION`, `INTERSECT`, `EXCEPT`, `HAVING`, `INSERT … SELECT`, `CREATE TABLE …
/// AS`, `EXPLAIN`, or a quoted file in `FROM`.
pub fn sql_mark(text: &str) -> Option<&'static str> {
    let mut lexer = Lexer::new(text);
    let first = lexer.next().ok()?;
    let at = |word| is(&lexer, &first, word);
    if at("EXPLAIN") {
        return Some("EXPLAIN");
    }
    if at("WITH") {
        return Some("WITH");
    }
    let opens = first.kind == TokenKind::Symbol(Symbol::LeftParen);
    let (inserts, creates) = (at("INSERT"), at("CREATE"));
    if !(opens || inserts || creates || at("SELECT") || at("UPDATE") || at("DELETE")) {
        return None;
    }
    let mut before = first;
    let mut is_table = false;
    loop {
        // What is no token for CQL may still be SQL, but then it needs the word in front.
        let token = lexer.next().ok()?;
        let query = is(&lexer, &token, "SELECT") || is(&lexer, &token, "WITH");
        match token.kind {
            TokenKind::End => return None,
            TokenKind::Word if creates => {
                is_table |= is(&lexer, &token, "TABLE");
                if is_table && query && is(&lexer, &before, "AS") {
                    return Some("CREATE TABLE … AS");
                }
            }
            TokenKind::Word => {
                let found = MARKS.iter().find(|mark| is(&lexer, &token, mark));
                if let Some(mark) = found {
                    return Some(mark);
                }
                if query && before.kind == TokenKind::Symbol(Symbol::LeftParen) {
                    return Some("a subquery");
                }
                if query && inserts {
                    return Some("INSERT … SELECT");
                }
            }
            TokenKind::String if is(&lexer, &before, "FROM") && !creates => {
                return Some("a file in FROM");
            }
            TokenKind::Symbol(Symbol::LeftParen) if is_table && is(&lexer, &before, "AS") => {
                return Some("CREATE TABLE … AS");
            }
            _ => {}
        }
        before = token;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(text: &str) -> String {
        match parse_either(text) {
            Ok(statement) => shown(&statement),
            Err(error) => format!("{:?}", error.kind),
        }
    }

    fn shown(statement: &Statement) -> String {
        match &statement.kind {
            StatementKind::Sql(sql) => format!("sql: {}", sql.text),
            StatementKind::Explain(explain) => {
                let analyze = if explain.analyze { " analyze" } else { "" };
                format!("explain{analyze} {}", shown(&explain.statement))
            }
            _ => "cql".to_owned(),
        }
    }

    #[test]
    fn what_is_cql_stays_cql() {
        for text in [
            "SELECT * FROM t",
            "SELECT join, over, having FROM t WHERE union = 1",
            "SELECT except FROM intersect;",
            "INSERT INTO t (a) VALUES ('SELECT 1 UNION')",
            "SELECT a FROM k.t WHERE a IN (1, 2) -- JOIN",
            "CREATE TABLE t (a int PRIMARY KEY) WITH comment = 'AS SELECT'",
            "SELECT sql FROM t",
        ] {
            assert_eq!(route(text), "cql", "{text}");
        }
    }

    #[test]
    fn marks_of_sql_are_known() {
        for (text, mark) in [
            ("SELECT * FROM a JOIN b ON a.x = b.x", "JOIN"),
            ("with x as (select 1) select * from x", "WITH"),
            ("SELECT * FROM (SELECT a FROM t)", "a subquery"),
            (
                "SELECT a FROM t WHERE a = (WITH x AS (SELECT 1) TABLE x)",
                "a subquery",
            ),
            ("SELECT sum(a) OVER (ORDER BY b) FROM t", "OVER"),
            ("SELECT a FROM t UNION ALL SELECT b FROM u", "UNION"),
            ("SELECT a FROM t INTERSECT SELECT b FROM u", "INTERSECT"),
            ("SELECT a FROM t EXCEPT SELECT b FROM u", "EXCEPT"),
            (
                "SELECT a, count(*) FROM t GROUP BY a HAVING count(*) > 1",
                "HAVING",
            ),
            ("INSERT INTO t SELECT * FROM u", "INSERT … SELECT"),
            (
                "INSERT INTO t (a) USING TTL 5 SELECT * FROM u",
                "INSERT … SELECT",
            ),
            (
                "CREATE TABLE t (PRIMARY KEY (a)) AS SELECT a FROM u",
                "CREATE TABLE … AS",
            ),
            (
                "CREATE TABLE IF NOT EXISTS t (PRIMARY KEY (a)) AS (SELECT 1)",
                "CREATE TABLE … AS",
            ),
            ("SELECT * FROM 'x.parquet'", "a file in FROM"),
            ("(SELECT 1) UNION (SELECT 2)", "a subquery"),
            ("UPDATE t SET a = (SELECT max(b) FROM u)", "a subquery"),
            ("DELETE FROM t WHERE a IN (SELECT b FROM u)", "a subquery"),
            ("EXPLAIN SELECT 1", "EXPLAIN"),
        ] {
            assert_eq!(sql_mark(text), Some(mark), "{text}");
            assert!(route(text).contains("sql: ") || mark == "EXPLAIN", "{text}");
        }
    }

    #[test]
    fn all_else_gets_the_error_of_cql() {
        for text in [
            "SELEC * FROM a JOIN b",
            "SELECT a + FROM t",
            "SELECT 'JOIN' FRM t",
            "SELECT \"OVER\" FRM t -- UNION\n",
            "GRANT JOIN OVER HAVING",
            "CREATE FUNCTION f AS SELECT 1",
            "INSERT INTO t (a) VALUES (",
            "SELECT * FROM a, b",
            "",
        ] {
            assert_eq!(sql_mark(text), None, "{text}");
            let own = parse_statement(text).unwrap_err();
            let error = parse_either(text).unwrap_err();
            assert_eq!(
                (error.kind, &error.message),
                (own.kind, &own.message),
                "{text}"
            );
            let hinted = text.starts_with("SELECT");
            assert_eq!(error.hint.is_some(), hinted, "{text}");
        }
    }

    #[test]
    fn sql_in_front_is_sql_whatever_follows() {
        for (text, expected) in [
            ("SQL SELECT 1", "sql: SELECT 1"),
            (
                " sql\n select a || 'x' from t ; ",
                "sql: select a || 'x' from t",
            ),
            ("SQL SELECT 'unended", "sql: SELECT 'unended"),
            ("SQL SELEC * FROM t", "sql: SELEC * FROM t"),
            ("/* x */ SQL EXPLAIN SELECT 1", "explain sql: SELECT 1"),
            (
                "SQL EXPLAIN ANALYZE SELECT 1",
                "explain analyze sql: SELECT 1",
            ),
            ("SQL EXPLAIN CQL SELECT * FROM t", "explain cql"),
        ] {
            assert_eq!(route(text), expected);
            assert_eq!(shown(&parse_statement(text).unwrap()), expected);
        }
        assert_eq!(route("SQL"), "Syntax");
        assert_eq!(route("SQL ;"), "Syntax");
        assert_eq!(route("SQLX SELECT 1"), "Syntax");
    }

    #[test]
    fn explain_takes_either_language() {
        assert_eq!(route("EXPLAIN SELECT * FROM t"), "explain cql");
        assert_eq!(
            route("explain analyze select * from t;"),
            "explain analyze cql"
        );
        assert_eq!(
            route("EXPLAIN SELECT * FROM t JOIN u ON 1 = 1"),
            "explain sql: SELECT * FROM t JOIN u ON 1 = 1"
        );
        assert_eq!(
            route("EXPLAIN SQL SELECT * FROM t"),
            "explain sql: SELECT * FROM t"
        );
        for text in [
            "EXPLAIN",
            "EXPLAIN ANALYZE;",
            "EXPLAIN SELEC",
            "EXPLAIN EXPLAIN SELECT 1",
        ] {
            assert_eq!(route(text), "Syntax", "{text}");
        }
        // CQL alone knows no EXPLAIN.
        assert!(parse_statement("EXPLAIN SELECT * FROM t").is_err());
        let markers = parse_either("EXPLAIN SELECT * FROM t WHERE a = ?")
            .unwrap()
            .markers;
        assert_eq!(markers, [None]);
    }
}
