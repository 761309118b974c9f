//! How many distinct statements the recorded scripts have, taken and refused, by row.
//!
//! Statements are the same if they differ in literals only: strings, numbers, blobs and uuids count
//! as one, and so do blanks and the case of words. What is refused and what is taken is told by the
//! recording. One text may be both, with other values.
//!
//! The balance of taken and refused leaves setup aside: statements that are taken and answer
//! nothing to look at (`CREATE KEYSPACE/TYPE/TABLE`, `USE`, and INSERT, UPDATE, DELETE and batches
//! without conditions, whose effect is judged by the SELECTs behind them).

use crate::judge::recorded::{files, is_refusal, read, split, stem};
use helenus::cql::parser::split_statements;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Distinct statements, taken and refused.
#[derive(Debug, Default)]
pub struct Count {
    pub taken: BTreeSet<String>,
    pub refused: BTreeSet<String>,
    /// Those of the taken that are setup.
    pub setup: BTreeSet<String>,
}

impl Count {
    pub fn distinct(&self) -> usize {
        self.taken.union(&self.refused).count()
    }

    fn add(&mut self, text: &str, answer: &str) {
        let template = template(text);
        if is_refusal(answer) {
            self.refused.insert(template);
            return;
        }
        let is_setup = answer.is_empty() || answer.starts_with("USING ") || {
            let word = template.split(' ').nth(1).unwrap_or_default();
            answer.starts_with("CREATED ") && matches!(word, "keyspace" | "type" | "table")
        };
        if is_setup {
            self.setup.insert(template.clone());
        }
        self.taken.insert(template);
    }
}

/// A statement without its literals.
pub fn template(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = rest.next() {
        let is_word = before.is_alphanumeric() || before == '_' || before == '"';
        before = c;
        if c == '\'' {
            while let Some(inner) = rest.next() {
                if inner == '\'' && rest.next_if_eq(&'\'').is_none() {
                    break;
                }
            }
            out.push_str("'s'");
        } else if c.is_ascii_digit() && !is_word {
            // Numbers, blobs, uuids and durations begin with a digit, as a rule.
            while rest
                .next_if(|c| c.is_alphanumeric() || "._".contains(*c))
                .is_some()
            {}
            out.push('0');
        } else if c.is_whitespace() {
            if !out.ends_with(' ') {
                out.push(' ');
            }
        } else {
            out.extend(c.to_lowercase());
        }
    }
    out
}

/// The row that a script is about: `r19_x` is 19.
fn row(path: &Path) -> Option<u32> {
    stem(path)
        .strip_prefix('r')?
        .split('_')
        .next()?
        .parse()
        .ok()
}

fn is_directive(text: &str) -> bool {
    let words = [
        "BIND",
        "PAGE",
        "TIMESTAMP",
        "WAIT",
        "CONSISTENCY",
        "SERIAL",
        "DIFFERS",
    ];
    text.split_once(' ')
        .is_some_and(|(word, _)| words.contains(&word))
}

/// The counts of each row.
pub fn by_row() -> BTreeMap<u32, Count> {
    let mut counts: BTreeMap<u32, Count> = BTreeMap::new();
    for path in files("cql", "cql") {
        let Some(row) = row(&path) else {
            continue;
        };
        let script = read(&path);
        let texts: Vec<&str> = split_statements(&script).map(|piece| piece.text).collect();
        let recording = read(&path.with_extension("out"));
        let answers =
            split(&recording, &texts).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let count = counts.entry(row).or_default();
        for (text, answer) in texts.iter().zip(answers) {
            if !is_directive(text) {
                count.add(text, answer);
            }
        }
    }
    counts
}
