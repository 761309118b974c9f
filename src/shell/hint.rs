//! What may help after an error: the name that was probably meant, the clause that is missing.
//!
//! Cassandra's messages say what is wrong, and drivers match on their words, so a hint stands on
//! a line of its own, and only where it is likely to be right.

use crate::cql::parser::sql_hint;
use crate::error::{Error, ErrorKind};
use crate::schema::{Catalog, Table};
use crate::shell::words::{self, Kind, Piece, meaning};
use std::sync::Arc;

/// Words that no CQL has, and batch SQL has.
const BATCH_SQL: &[&str] = &[
    "JOIN",
    "OVER",
    "UNION",
    "INTERSECT",
    "EXCEPT",
    "HAVING",
    "EXPLAIN",
    "OFFSET",
    "BETWEEN",
    "CASE",
];

/// What other databases call the types.
const TYPE_SYNONYMS: &[(&str, &str)] = &[
    ("integer", "int"),
    ("long", "bigint"),
    ("string", "text"),
    ("char", "text"),
    ("datetime", "timestamp"),
    ("bool", "boolean"),
    ("real", "double"),
    ("numeric", "decimal"),
    ("bytea", "blob"),
    ("binary", "blob"),
    ("varchar2", "text"),
    ("number", "decimal"),
    ("json", "text"),
    ("array", "list"),
    ("serial", "uuid"),
];

/// A hint about `error`, which `statement` met in `keyspace`.
pub fn hint(
    error: &Error,
    statement: &str,
    catalog: &Catalog,
    keyspace: Option<&str>,
) -> Option<String> {
    let message = error.message.as_str();
    if error.kind == ErrorKind::Syntax {
        // What is known of the text goes before the word that there is another language.
        let told = syntax(message, statement).or_else(|| error.hint.clone());
        return told.or_else(|| sql_hint(statement));
    }
    if error.hint.is_some() {
        return error.hint.clone();
    }
    match error.kind {
        ErrorKind::Invalid | ErrorKind::Config => {
            about_names(message, statement, catalog, keyspace)
                .or_else(|| about_filtering(message, statement, catalog, keyspace))
                .or_else(|| about_types(message))
        }
        ErrorKind::DiskFull => Some("Make room: reads go on, writes resume then.".to_owned()),
        _ => None,
    }
}

fn syntax(message: &str, statement: &str) -> Option<String> {
    if let Some(open) = never_closed(statement) {
        return Some(open);
    }
    let pieces = meaning(statement);
    let first = pieces.first()?;
    if first.is("SQL") {
        return None;
    }
    let subquery = pieces
        .windows(2)
        .skip(1)
        .any(|pair| pair[0].text == "(" && (pair[1].is("SELECT") || pair[1].is("WITH")));
    let foreign = BATCH_SQL
        .iter()
        .find(|word| pieces.iter().any(|piece| piece.is(word)));
    if let Some(word) = foreign.copied().or(subquery.then_some("subquery")) {
        return Some(format!(
            "CQL has no {word}, batch SQL has: put SQL in front of the statement."
        ));
    }
    if let Some(line) = missing_semicolon(&pieces, statement) {
        return Some(format!(
            "Is a ; missing before line {line} of the statement?"
        ));
    }
    let known = [words::STATEMENTS, words::COMMANDS].concat();
    if first.kind == Kind::Word && !known.iter().any(|word| first.is(word)) {
        let meant = nearest(&first.text.to_uppercase(), known.iter().copied())?;
        return Some(format!("Did you mean {meant}?"));
    }
    let quoted_value = pieces.windows(2).any(|pair| {
        pair[1].kind == Kind::Name && matches!(pair[0].text, "=" | "," | "(" | "<" | ">")
    });
    let select = first.is("SELECT") || first.is("UPDATE") || first.is("DELETE");
    if quoted_value && (select || first.is("INSERT")) && message.contains('"') {
        return Some("Text goes in 'single quotes'; double quotes are for names.".to_owned());
    }
    None
}

/// Where the quote or comment was opened that swallowed the statement's end.
fn never_closed(statement: &str) -> Option<String> {
    let piece = words::pieces(statement).pop().filter(|piece| piece.open)?;
    let mark = match piece.kind {
        Kind::Comment => "comment /*",
        Kind::Name => "quote \"",
        _ if piece.text.starts_with('$') => "quote $$",
        _ => "quote '",
    };
    let before = &statement[..piece.start];
    let line = before.matches('\n').count() + 1;
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let column = before[line_start..].chars().count() + 1;
    Some(format!(
        "The {mark} at line {line}, column {column} of the statement is never closed."
    ))
}

/// The line on which a new statement seems to begin in the middle of this one.
fn missing_semicolon(pieces: &[Piece<'_>], statement: &str) -> Option<usize> {
    let starts = |piece: &&Piece<'_>| {
        let statement_word = [
            "SELECT", "INSERT", "CREATE", "DROP", "ALTER", "TRUNCATE", "USE",
        ]
        .iter()
        .chain(["DESCRIBE", "BEGIN", "EXIT", "COPY"].iter())
        .any(|word| piece.is(word));
        // Looking back for the line's start costs time, so the word comes first.
        statement_word && {
            let before = statement[..piece.start].trim_end_matches([' ', '\t', '\r']);
            before.is_empty() || before.ends_with('\n')
        }
    };
    if pieces.first().is_some_and(|piece| piece.is("BEGIN")) {
        return None;
    }
    let second = pieces.iter().skip(1).find(starts)?;
    Some(statement[..second.start].matches('\n').count() + 1)
}

fn about_names(
    message: &str,
    statement: &str,
    catalog: &Catalog,
    keyspace: Option<&str>,
) -> Option<String> {
    if message.starts_with("No keyspace has been specified") {
        let mut own = catalog.keyspaces.keys().filter(|name| !is_system(name));
        return Some(match own.next() {
            Some(name) => format!("Name one first: USE {name};"),
            None => "There is none yet: CREATE KEYSPACE, then USE it.".to_owned(),
        });
    }
    let unknown = [
        "Undefined column name ",
        "Unknown identifier ",
        "Undefined name ",
    ];
    if let Some(name) = word_after(message, &unknown) {
        let table = table_of(statement, catalog, keyspace)?;
        let meant = nearest(&name, table.columns().map(|column| column.name.as_str()))?;
        return Some(format!("Did you mean {meant}?"));
    }
    if let Some(name) = word_after(message, &["Keyspace ", "keyspace "])
        && !catalog.keyspaces.contains_key(&name)
    {
        let meant = nearest(&name, catalog.keyspaces.keys().map(String::as_str));
        return Some(match meant {
            Some(meant) => format!("Did you mean {meant}?"),
            None => "DESCRIBE KEYSPACES lists those that exist.".to_owned(),
        });
    }
    let missing = ["does not exist", "doesn't exist", "not found in keyspace"]
        .iter()
        .any(|words| message.contains(words));
    let marks: &[&str] = if missing {
        &["Table ", "table "]
    } else {
        &["unconfigured table "]
    };
    if let Some(name) = word_after(message, marks) {
        return about_table(&name, statement, catalog, keyspace);
    }
    None
}

fn about_table(
    name: &str,
    statement: &str,
    catalog: &Catalog,
    keyspace: Option<&str>,
) -> Option<String> {
    let (in_keyspace, name) = match name.split_once('.') {
        Some((keyspace, name)) => (Some(keyspace.to_owned()), name),
        None => (named_keyspace(statement, name), name),
    };
    let keyspace = in_keyspace.as_deref().or(keyspace);
    let tables = |keyspace: &str| {
        catalog
            .keyspaces
            .get(keyspace)
            .map(|found| found.tables.keys().map(String::as_str))
    };
    if let Some(mut tables) = keyspace.and_then(tables)
        && tables.any(|table| table == name)
    {
        return None;
    }
    let elsewhere = catalog
        .keyspaces
        .values()
        .find(|other| other.tables.contains_key(name));
    if let Some(other) = elsewhere {
        return Some(format!("There is {}.{name}.", other.name));
    }
    if let Some(meant) = keyspace
        .and_then(tables)
        .and_then(|tables| nearest(name, tables))
    {
        return Some(format!("Did you mean {meant}?"));
    }
    Some("DESCRIBE TABLES lists those that exist.".to_owned())
}

fn about_filtering(
    message: &str,
    statement: &str,
    catalog: &Catalog,
    keyspace: Option<&str>,
) -> Option<String> {
    if !message.contains("use ALLOW FILTERING") {
        return None;
    }
    let table = table_of(statement, catalog, keyspace)?;
    let key: Vec<&str> = table
        .partition_key
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    Some(format!(
        "Restrict the whole partition key ({}), or end the statement with ALLOW FILTERING to read \
         every row.",
        key.join(", ")
    ))
}

fn about_types(message: &str) -> Option<String> {
    let name = word_after(message, &["Unknown type "])?;
    let name = name.rsplit('.').next().unwrap_or(&name).to_lowercase();
    let synonym = TYPE_SYNONYMS
        .iter()
        .find(|(other, _)| *other == name)
        .map(|(_, ours)| *ours);
    let meant = synonym.or_else(|| nearest(&name, words::TYPES.iter().copied()))?;
    Some(format!("Did you mean {meant}?"))
}

/// The word that follows one of `marks` in `message`, without quotes.
fn word_after(message: &str, marks: &[&str]) -> Option<String> {
    let rest = marks
        .iter()
        .find_map(|mark| Some(message.split_once(mark)?.1))?;
    let word = rest.split([' ', ',', ';', ':', ')']).next()?;
    let word = word
        .trim_matches(['\'', '"', '[', ']'])
        .trim_end_matches('.');
    (!word.is_empty()).then(|| word.to_owned())
}

/// The keyspace that stands before `.name` in the statement.
fn named_keyspace(statement: &str, name: &str) -> Option<String> {
    let pieces = meaning(statement);
    let triple = pieces
        .windows(3)
        .find(|three| three[1].text == "." && three[2].name().as_deref() == Some(name))?;
    triple[0].name()
}

/// The table that a statement is about, if it exists.
pub fn table_of(statement: &str, catalog: &Catalog, keyspace: Option<&str>) -> Option<Arc<Table>> {
    let pieces = meaning(statement);
    let at = pieces.iter().position(|piece| {
        ["FROM", "INTO", "UPDATE", "TABLE", "COPY", "TRUNCATE"]
            .iter()
            .any(|word| piece.is(word))
    })?;
    let first = pieces.get(at + 1)?.name()?;
    if pieces.get(at + 2).is_some_and(|piece| piece.text == ".") {
        return catalog.table(&first, &pieces.get(at + 3)?.name()?).cloned();
    }
    catalog.table(keyspace?, &first).cloned()
}

/// Whether it is one of the keyspaces that every database has.
pub fn is_system(keyspace: &str) -> bool {
    keyspace == "system" || keyspace.starts_with("system_")
}

/// The candidate that is written most like `name`, if any is close.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name: Vec<char> = name.to_lowercase().chars().take(64).collect();
    // A single letter is like every other one.
    let bound = (name.len() / 3).clamp(usize::from(name.len() > 1), 3);
    candidates
        .map(|candidate| {
            let other: Vec<char> = candidate.to_lowercase().chars().take(64).collect();
            (distance(&name, &other), candidate)
        })
        .filter(|(distance, _)| *distance <= bound)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters must be changed, added, left out or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hinted(error: Error, statement: &str) -> String {
        hint(&error, statement, &Catalog::default(), None).unwrap_or_default()
    }

    #[test]
    fn names_that_are_near() {
        let names = ["flights", "airlines", "weather"];
        assert_eq!(nearest("fligths", names.into_iter()), Some("flights"));
        assert_eq!(nearest("Airline", names.into_iter()), Some("airlines"));
        assert_eq!(nearest("planes", names.into_iter()), None);
        assert_eq!(nearest("", names.into_iter()), None);
        assert_eq!(nearest("x", ["a", "b"].into_iter()), None);
    }

    #[test]
    fn distance_counts_a_swap_once() {
        let distance = |a: &str, b: &str| {
            distance(
                &a.chars().collect::<Vec<_>>(),
                &b.chars().collect::<Vec<_>>(),
            )
        };
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn syntax_hints() {
        let error = || Error::syntax("line 1:0 no viable alternative at input 'x'");
        assert_eq!(hinted(error(), "SELCT * FROM t"), "Did you mean SELECT?");
        assert!(hinted(error(), "SELECT * FROM a JOIN b").contains("no JOIN"));
        assert!(hinted(error(), "SELECT * FROM (SELECT 1)").contains("no subquery"));
        assert!(hinted(error(), "SELECT * FROM t\nSELECT * FROM u").contains("before line 2"));
        assert!(hinted(error(), "SELECT * FROM t WHERE").contains("put SQL in front"));
        assert_eq!(hinted(error(), "BEGIN BATCH\nINSERT x\nAPPLY BATCH"), "");
        let open = hinted(error(), "SELECT *\nFROM t WHERE a = 'it''s\n");
        assert!(
            open.contains("quote ' at line 2, column 18"),
            "not so: {open}"
        );
        assert!(hinted(error(), "SELECT \"a FROM t").contains("quote \" at line 1, column 8"));
        assert!(hinted(error(), "SELECT a /* FROM t").contains("comment /* at line 1"));
    }

    #[test]
    fn a_type_by_another_name() {
        let error = |name: &str| Error::invalid(format!("Unknown type {name}"));
        assert_eq!(hinted(error("k.integer"), ""), "Did you mean int?");
        assert_eq!(hinted(error("k.bigit"), ""), "Did you mean bigint?");
        assert_eq!(hinted(error("k.person"), ""), "");
    }

    #[test]
    fn no_keyspace_yet() {
        let error = Error::invalid("No keyspace has been specified. USE a keyspace");
        assert!(hinted(error, "SELECT").contains("CREATE KEYSPACE"));
    }
}
