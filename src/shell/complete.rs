//! What Tab offers: the words that may stand at the cursor.
//!
//! The text before the cursor decides by its last few words: after FROM come tables, after USE
//! keyspaces, between SELECT and FROM columns (of the table that FROM names, where the cursor
//! stands before it), at the start statements. It is a help, not a grammar: what it does not offer
//! may still be right.

use crate::protocol::Consistency;
use crate::schema::{Catalog, Table};
use crate::shell::help;
use crate::shell::hint::{is_system, table_of};
use crate::shell::words::{self, Kind, Piece, meaning, pieces};

/// What may stand at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    /// These words, in place of what stands from the given byte on.
    Words(usize, Vec<String>),
    /// A file's name, of which the part from the given byte on is there.
    File(usize),
}

/// Functions that a selection may call.
const FUNCTIONS: &[&str] = &[
    "avg(",
    "cast(",
    "collection_avg(",
    "collection_count(",
    "collection_max(",
    "collection_min(",
    "collection_sum(",
    "count(",
    "floor(",
    "map_keys(",
    "map_values(",
    "max(",
    "maxwritetime(",
    "min(",
    "round(",
    "sum(",
    "to_date(",
    "to_json(",
    "to_timestamp(",
    "to_unix_timestamp(",
    "token(",
    "ttl(",
    "writetime(",
];

/// Keywords of a batch query, and what it may begin with behind SQL or EXPLAIN.
const SQL_WORDS: &str = "SELECT INSERT INTO UPDATE DELETE CREATE WITH EXPLAIN ANALYZE CQL SQL \
     FROM WHERE AND OR NOT IN EXISTS BETWEEN LIKE IS NULL AS ON USING JOIN INNER LEFT RIGHT FULL \
     OUTER CROSS NATURAL LATERAL GROUP BY HAVING ROLLUP CUBE GROUPING SETS ORDER ASC DESC NULLS \
     LIMIT OFFSET UNION INTERSECT EXCEPT ALL DISTINCT OVER PARTITION ROWS RANGE UNBOUNDED \
     PRECEDING FOLLOWING CURRENT CASE WHEN THEN ELSE END CAST INTERVAL UNNEST VALUES RECURSIVE";

/// Keywords that may stand inside of a statement.
const INSIDE: &[(&str, &str)] = &[
    (
        "SELECT",
        "FROM WHERE AND IN ORDER BY ASC DESC LIMIT PER PARTITION ALLOW FILTERING DISTINCT AS \
         CONTAINS GROUP JSON JOIN LEFT RIGHT FULL INNER CROSS ON USING UNION INTERSECT EXCEPT ALL \
         HAVING OVER",
    ),
    ("SQL", SQL_WORDS),
    ("EXPLAIN", SQL_WORDS),
    ("WITH", SQL_WORDS),
    ("INSERT", "VALUES USING TTL TIMESTAMP AND IF JSON DEFAULT"),
    ("UPDATE", "SET WHERE AND IN USING TTL TIMESTAMP IF"),
    ("DELETE", "FROM WHERE AND IN USING TIMESTAMP IF"),
    ("COPY", "FROM TO STDOUT WITH HEADER DELIMITER NULL AND"),
    (
        "BEGIN",
        "BATCH UNLOGGED COUNTER INSERT INTO UPDATE DELETE APPLY VALUES SET WHERE FROM AND USING IF",
    ),
    ("CREATE", "IF PRIMARY STATIC WITH VALUES KEYS ENTRIES FULL"),
    (
        "ALTER",
        "ADD DROP RENAME TO WITH IF AND STATIC USING TIMESTAMP",
    ),
    ("DROP", "IF"),
];

/// Table options.
const OPTIONS: &[&str] = &[
    "additional_write_policy",
    "bloom_filter_fp_chance",
    "caching",
    "cdc",
    "comment",
    "compaction",
    "compression",
    "crc_check_chance",
    "default_time_to_live",
    "extensions",
    "gc_grace_seconds",
    "max_index_interval",
    "memtable_flush_period_in_ms",
    "min_index_interval",
    "read_repair",
    "speculative_retry",
];

/// What may stand at the end of `before`, which `after` follows.
pub fn offer(before: &str, after: &str, catalog: &Catalog, keyspace: Option<&str>) -> Offer {
    let all = pieces(before);
    let mut start = before.len();
    let mut typed = "";
    if let Some(last) = all.last() {
        if last.kind == Kind::Text && last.open {
            return file_or_nothing(before, last);
        }
        if last.kind == Kind::Comment {
            return Offer::Words(start, Vec::new());
        }
        if last.kind == Kind::Word || (last.kind == Kind::Name && last.open) {
            start = last.start;
            typed = last.text;
        }
    }
    let statement = statement_before(before, start);
    let rest = after.split(';').next().unwrap_or_default();
    let context = Context {
        words: meaning(statement),
        whole: format!("{statement} {typed} {rest}"),
        catalog,
        keyspace,
    };
    let mut found: Vec<String> = context
        .candidates()
        .into_iter()
        .filter_map(|candidate| candidate.matching(typed))
        .collect();
    found.sort_unstable();
    found.dedup();
    Offer::Words(start, found)
}

/// The text of the present statement up to `end`.
fn statement_before(before: &str, end: usize) -> &str {
    let before = before.get(..end).unwrap_or_default();
    let semicolon = pieces(before)
        .iter()
        .rev()
        .find(|piece| piece.text == ";")
        .map(|p| p.start);
    semicolon.map_or(before, |at| &before[at + 1..])
}

fn file_or_nothing(before: &str, text: &Piece<'_>) -> Offer {
    let statement = meaning(statement_before(before, text.start));
    let takes_file = statement.first().is_some_and(|word| {
        ["SOURCE", "CAPTURE", "COPY"]
            .iter()
            .any(|name| word.is(name))
    });
    if takes_file && text.text.starts_with('\'') {
        Offer::File(text.start + 1)
    } else {
        Offer::Words(before.len(), Vec::new())
    }
}

/// A word that may stand at the cursor.
enum Candidate {
    /// Follows the case of what was typed.
    Keyword(String),
    /// A name of the schema; quoted where it must be.
    Name(String),
    /// A keyspace in front of a table's name.
    Keyspace(String),
}

impl Candidate {
    fn matching(self, typed: &str) -> Option<String> {
        match self {
            Self::Keyspace(name) => Self::Name(name).matching(typed).map(|name| name + "."),
            Self::Keyword(word) => {
                let begins = word.get(..typed.len())?.eq_ignore_ascii_case(typed);
                let lower = typed.chars().any(char::is_lowercase);
                begins.then(|| if lower { word.to_lowercase() } else { word })
            }
            Self::Name(name) => {
                let shown = quoted(&name);
                let begins = match typed.strip_prefix('"') {
                    Some(inside) => name.starts_with(inside),
                    None => shown.starts_with(&typed.to_lowercase()),
                };
                let quote = typed.starts_with('"') && !shown.starts_with('"');
                begins.then(|| if quote { format!("\"{shown}\"") } else { shown })
            }
        }
    }
}

/// A name as CQL needs it.
fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

struct Context<'a> {
    /// The words of the statement before the one at the cursor.
    words: Vec<Piece<'a>>,
    /// The statement on both sides of the cursor.
    whole: String,
    catalog: &'a Catalog,
    keyspace: Option<&'a str>,
}

impl Context<'_> {
    fn candidates(&self) -> Vec<Candidate> {
        let Some(first) = self.words.first() else {
            return keywords([words::STATEMENTS, words::COMMANDS].concat());
        };
        let last = self.words.last().unwrap_or(first);
        let before_last = self
            .words
            .len()
            .checked_sub(2)
            .and_then(|at| self.words.get(at));
        if last.text == "." {
            return before_last
                .and_then(Piece::name)
                .map_or_else(Vec::new, |keyspace| self.tables(&keyspace));
        }
        let shell = |word: &str, offered: &[&str]| {
            (first.is(word) && self.words.len() == 1).then(|| keywords(offered.to_vec()))
        };
        let of_shell = shell("EXPAND", &["ON", "OFF"])
            .or_else(|| shell("PAGING", &["ON", "OFF"]))
            .or_else(|| shell("CAPTURE", &["OFF"]))
            .or_else(|| shell("TRACING", &["ON", "OFF"]))
            .or_else(|| shell("SHOW", &["VERSION", "HOST", "SESSION"]))
            .or_else(|| shell("CONSISTENCY", &Consistency::ALL.map(Consistency::name)))
            .or_else(|| shell("SERIAL", &["CONSISTENCY"]));
        if let Some(offered) = of_shell {
            return offered;
        }
        if first.is("SERIAL") && last.is("CONSISTENCY") {
            return keywords(vec!["SERIAL", "LOCAL_SERIAL"]);
        }
        if first.is("HELP") {
            return self.help();
        }
        if words::COMMANDS.iter().any(|command| first.is(command)) {
            return Vec::new();
        }
        if self.is_after(&["USE", "KEYSPACE"]) && !first.is("CREATE") {
            let names = self.catalog.keyspaces.keys();
            return names.map(|name| Candidate::Name(name.clone())).collect();
        }
        let makes = first.is("CREATE");
        if self.is_after(&["INDEX"]) && !makes {
            return self.indexes();
        }
        if makes && last.is("ON") && self.words.iter().any(|word| word.is("INDEX")) {
            return self.tables_and_keyspaces();
        }
        let table_words = [
            "FROM", "INTO", "UPDATE", "TRUNCATE", "COPY", "TABLE", "JOIN",
        ];
        if self.is_after(&table_words) && !(makes && last.is("TABLE")) {
            let copies = first.is("COPY") && last.is("FROM");
            return if copies {
                keywords(vec!["STDIN"])
            } else {
                self.tables_and_keyspaces()
            };
        }
        self.by_statement(first, last)
    }

    fn by_statement(&self, first: &Piece<'_>, last: &Piece<'_>) -> Vec<Candidate> {
        let things = vec!["KEYSPACE", "TABLE", "TYPE"];
        let is = |word: &str| first.is(word);
        if self.words.len() == 1 && (is("CREATE") || is("DROP")) {
            return keywords([things, vec!["INDEX"]].concat());
        }
        if self.words.len() == 1 && is("ALTER") {
            return keywords(things);
        }
        if self.words.len() == 1 && is("INSERT") {
            return keywords(vec!["INTO"]);
        }
        if self.words.len() == 1 && (is("DESCRIBE") || is("DESC")) {
            let mut offered = self.tables_and_keyspaces();
            offered.extend(keywords(vec![
                "CLUSTER",
                "INDEX",
                "KEYSPACE",
                "KEYSPACES",
                "SCHEMA",
                "TABLE",
                "TABLES",
                "TYPE",
                "TYPES",
            ]));
            return offered;
        }
        if last.is("IF") && (is("UPDATE") || is("DELETE")) {
            let mut offered = self.columns();
            offered.extend(keywords(vec!["EXISTS"]));
            return offered;
        }
        let follow: &[&str] = if last.is("IF") {
            &["EXISTS", "NOT EXISTS"]
        } else if last.is("CONTAINS") {
            &["KEY"]
        } else if last.is("DEFAULT") {
            &["NULL", "UNSET"]
        } else if last.is("ORDER") || last.is("GROUP") {
            &["BY"]
        } else if last.is("ALLOW") {
            &["FILTERING"]
        } else if last.is("PRIMARY") {
            &["KEY"]
        } else if last.is("APPLY") {
            &["BATCH"]
        } else {
            &[]
        };
        if !follow.is_empty() {
            return keywords(follow.to_vec());
        }
        self.inside(first)
    }

    fn inside(&self, first: &Piece<'_>) -> Vec<Candidate> {
        let with = self.words.iter().any(|word| word.is("WITH"));
        let makes = first.is("CREATE") || first.is("ALTER");
        let mut offered = self.columns();
        if makes && with {
            if self.words.get(1).is_some_and(|word| word.is("KEYSPACE")) {
                offered.extend(keywords(vec!["REPLICATION", "DURABLE_WRITES", "AND"]));
            } else {
                let options = OPTIONS.iter().map(|option| (*option).to_owned());
                offered.extend(options.map(Candidate::Name));
                offered.extend(keywords(vec!["AND", "CLUSTERING ORDER BY", "DESC", "ASC"]));
            }
            return offered;
        }
        if makes {
            offered.extend(
                words::TYPES
                    .iter()
                    .map(|name| Candidate::Name((*name).to_owned())),
            );
        }
        if makes || first.is("DROP") {
            offered.extend(self.types());
        }
        let asks = ["SELECT", "SQL", "EXPLAIN", "WITH"];
        if asks.iter().any(|word| first.is(word)) {
            offered.extend(keywords(FUNCTIONS.to_vec()));
        }
        if let Some((_, inside)) = INSIDE.iter().find(|(statement, _)| first.is(statement)) {
            offered.extend(keywords(inside.split(' ').collect()));
        }
        offered
    }

    /// Whether the cursor stands right after one of `marks`, `IF [NOT] EXISTS` aside.
    fn is_after(&self, marks: &[&str]) -> bool {
        let mut words = self.words.iter().rev().peekable();
        let conditions = ["EXISTS", "NOT", "IF"];
        while words
            .next_if(|word| conditions.iter().any(|name| word.is(name)))
            .is_some()
        {}
        words
            .next()
            .is_some_and(|word| marks.iter().any(|mark| word.is(mark)))
    }

    fn help(&self) -> Vec<Candidate> {
        let said: Vec<String> = self
            .words
            .iter()
            .skip(1)
            .map(|w| w.text.to_uppercase())
            .collect();
        let prefix = if said.is_empty() {
            String::new()
        } else {
            said.join(" ") + " "
        };
        let rest = help::topics()
            .into_iter()
            .filter_map(|topic| topic.strip_prefix(prefix.as_str()).map(str::to_owned));
        rest.map(Candidate::Keyword).collect()
    }

    fn tables(&self, keyspace: &str) -> Vec<Candidate> {
        let keyspace = self.catalog.keyspaces.get(keyspace);
        let names = keyspace
            .into_iter()
            .flat_map(|keyspace| keyspace.tables.keys());
        names.map(|name| Candidate::Name(name.clone())).collect()
    }

    fn tables_and_keyspaces(&self) -> Vec<Candidate> {
        let mut offered = self
            .keyspace
            .map_or_else(Vec::new, |keyspace| self.tables(keyspace));
        offered.extend(
            self.catalog
                .keyspaces
                .keys()
                .cloned()
                .map(Candidate::Keyspace),
        );
        offered
    }

    /// The indexes of the session's keyspace.
    fn indexes(&self) -> Vec<Candidate> {
        let keyspace = self
            .keyspace
            .and_then(|name| self.catalog.keyspaces.get(name));
        let tables = keyspace
            .into_iter()
            .flat_map(|keyspace| keyspace.tables.values());
        let indexes = tables.flat_map(|table| &table.indexes);
        indexes
            .map(|index| Candidate::Name(index.name.clone()))
            .collect()
    }

    fn types(&self) -> impl Iterator<Item = Candidate> {
        let keyspace = self
            .keyspace
            .and_then(|name| self.catalog.keyspaces.get(name));
        let names = keyspace
            .into_iter()
            .flat_map(|keyspace| keyspace.types.keys());
        names.map(|name| Candidate::Name(name.clone()))
    }

    /// The columns of the table that the statement names; where it names none yet, those of all
    /// tables of the keyspace.
    fn columns(&self) -> Vec<Candidate> {
        let names = |table: &Table| {
            table
                .columns()
                .map(|column| Candidate::Name(column.name.clone()))
                .collect::<Vec<_>>()
        };
        if let Some(table) = table_of(&self.whole, self.catalog, self.keyspace) {
            return names(&table);
        }
        let first = self.words.first();
        if !first.is_some_and(|word| {
            ["SELECT", "DELETE", "SQL", "EXPLAIN", "WITH"]
                .iter()
                .any(|it| word.is(it))
        }) {
            return Vec::new();
        }
        let keyspace = self.keyspace.filter(|name| !is_system(name));
        let keyspace = keyspace.and_then(|name| self.catalog.keyspaces.get(name));
        let tables = keyspace
            .into_iter()
            .flat_map(|keyspace| keyspace.tables.values());
        tables.flat_map(|table| names(table)).collect()
    }
}

fn keywords(words: Vec<&str>) -> Vec<Candidate> {
    words
        .into_iter()
        .map(|word| Candidate::Keyword(word.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests;
