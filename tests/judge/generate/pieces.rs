//! Statements in pieces, to ask them again without some of those.

use crate::judge::generate::Line;
use crate::judge::side::Ask;

/// A SELECT in pieces.
pub struct Select {
    /// Between `SELECT` and `FROM`.
    pub selection: String,
    pub table: String,
    pub relations: Vec<String>,
    /// What follows WHERE.
    pub tail: String,
    pub values: Option<Vec<String>>,
}

/// Where a word stands outside of quotes and brackets.
pub fn place(text: &str, word: &str) -> Option<usize> {
    let (mut quoted, mut depth) = (false, 0_usize);
    for (at, c) in text.char_indices() {
        if !quoted && depth == 0 && text[at..].starts_with(word) {
            return Some(at);
        }
        match c {
            '\'' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// The parts of a text between its `AND`.
pub fn conjuncts(mut text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    while let Some(at) = place(text, " AND ") {
        parts.push(text[..at].to_owned());
        text = &text[at + " AND ".len()..];
    }
    if !text.is_empty() {
        parts.push(text.to_owned());
    }
    parts
}

/// How many markers a text has.
pub fn markers(text: &str) -> usize {
    text.split('\'')
        .step_by(2)
        .map(|it| it.matches('?').count())
        .sum()
}

impl Select {
    pub fn read(line: &Line) -> Option<Self> {
        let text = line.text.strip_prefix("SELECT ")?;
        let (selection, rest) = text.split_at(place(text, " FROM ")?);
        let rest = rest.strip_prefix(" FROM ")?;
        let tails = [
            " GROUP BY ",
            " ORDER BY ",
            " PER PARTITION LIMIT ",
            " LIMIT ",
            " ALLOW FILTERING",
        ];
        let end = tails.iter().filter_map(|it| place(rest, it)).min();
        let (head, tail) = rest.split_at(end.unwrap_or(rest.len()));
        let (table, conditions) = match place(head, " WHERE ") {
            Some(at) => (&head[..at], &head[at + " WHERE ".len()..]),
            None => (head, ""),
        };
        Some(Self {
            selection: selection.to_owned(),
            table: table.to_owned(),
            relations: conjuncts(conditions),
            tail: tail.to_owned(),
            values: line.ask.values.clone(),
        })
    }

    /// The same with other things selected, without a relation, without the limits.
    pub fn instead(&self, selection: &str, without: Option<usize>) -> Line {
        self.with(selection, |at, _| Some(at) != without)
    }

    /// The same with other things selected, with some of the relations, without the limits.
    pub fn with(&self, selection: &str, keeps: impl Fn(usize, &str) -> bool) -> Line {
        let mut left = self.values.clone().unwrap_or_default().into_iter();
        let mut values = Vec::new();
        let mut take = |text: &str, kept: bool| {
            let some = left.by_ref().take(markers(text));
            values.extend(some.filter(|_| kept));
        };
        let is_same = selection == self.selection;
        take(&self.selection, is_same);
        let mut relations = Vec::new();
        for (at, relation) in self.relations.iter().enumerate() {
            let kept = keeps(at, relation);
            take(relation, kept);
            if kept {
                relations.push(relation.as_str());
            }
        }
        let limits = [" PER PARTITION LIMIT ", " LIMIT "];
        let limit = limits.iter().filter_map(|it| place(&self.tail, it)).min();
        let (tail, _) = self.tail.split_at(limit.unwrap_or(self.tail.len()));
        take(tail, true);
        let given = if relations.is_empty() { "" } else { " WHERE " };
        let tail = tail.trim_end_matches(" ALLOW FILTERING");
        let relations = relations.join(" AND ");
        let text = format!(
            "SELECT {selection} FROM {}{given}{relations}{tail} ALLOW FILTERING",
            self.table
        );
        let values = self.values.is_some().then_some(values);
        Line {
            text,
            ask: Ask {
                values,
                ..Ask::default()
            },
            table: None,
        }
    }
}
