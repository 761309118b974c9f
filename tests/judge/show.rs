//! Answers as text.
//!
//! Nothing for a statement that answers nothing; `CREATED TABLE k.t`; `USING k`;
//! `Invalid: message`; or a line of names and types, the rows as CQL literals, and `(n rows)`.

use helenus::Error;
use helenus::client::Answer;
use helenus::protocol::response::{Change, ResultBody, RowsBody, SchemaChange, SchemaTarget};
use helenus::types::Type;
use std::fmt::Write;

/// An error: its class and its message.
pub fn error(error: &Error) -> String {
    readable(&format!("{:?}: {}\n", error.kind, error.message))
}

/// The answers to a statement: one, or its pages, whose rows are shown as one result.
pub fn answers(answers: &[Answer]) -> String {
    let mut out = String::new();
    let mut warnings: Vec<&String> = Vec::new();
    let mut count = 0;
    for (at, answer) in answers.iter().enumerate() {
        match &answer.result {
            ResultBody::Rows(page) => {
                rows(page, at == 0, &mut out);
                count += page.count;
            }
            ResultBody::SchemaChange(change) => schema_change(change, &mut out),
            ResultBody::SetKeyspace(keyspace) => writeln!(out, "USING {keyspace}").unwrap(),
            ResultBody::Void | ResultBody::Prepared(_) => {}
        }
        for warning in &answer.warnings {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    if let Some(ResultBody::Rows(_)) = answers.first().map(|answer| &answer.result) {
        writeln!(out, "({count} rows)").unwrap();
    }
    for warning in warnings {
        writeln!(out, "warning: {warning}").unwrap();
    }
    readable(&out)
}

fn rows(page: &RowsBody, with_header: bool, out: &mut String) {
    let columns = page.metadata.columns.as_deref().unwrap_or_default();
    if with_header {
        let header: Vec<String> = columns
            .iter()
            .map(|column| format!("{} {}", column.name, type_name(&column.ty)))
            .collect();
        writeln!(out, "{}", header.join(" | ")).unwrap();
    }
    for row in page.rows() {
        let shown: Vec<String> = match row {
            Ok(row) => columns
                .iter()
                .zip(&row)
                .map(|(column, value)| column.ty.literal(value.as_deref()))
                .collect(),
            Err(fault) => vec![format!("unreadable: {fault}")],
        };
        writeln!(out, "{}", shown.join(" | ")).unwrap();
    }
}

/// A type as the protocol tells it, which knows nothing of `frozen`.
pub fn type_name(ty: &Type) -> String {
    match ty {
        Type::List { element, .. } => format!("list<{}>", type_name(element)),
        Type::Set { element, .. } => format!("set<{}>", type_name(element)),
        Type::Map { key, value, .. } => format!("map<{}, {}>", type_name(key), type_name(value)),
        Type::Tuple(types) => {
            let parts: Vec<String> = types.iter().map(type_name).collect();
            format!("tuple<{}>", parts.join(", "))
        }
        Type::Udt { udt, .. } => udt.name.clone(),
        other => other.to_string(),
    }
}

fn schema_change(change: &SchemaChange, out: &mut String) {
    let done = match change.change {
        Change::Created => "CREATED",
        Change::Updated => "UPDATED",
        Change::Dropped => "DROPPED",
    };
    let keyspace = &change.keyspace;
    let (kind, name) = match &change.target {
        SchemaTarget::Keyspace => ("KEYSPACE", keyspace.clone()),
        SchemaTarget::Table(name) => ("TABLE", format!("{keyspace}.{name}")),
        SchemaTarget::Type(name) => ("TYPE", format!("{keyspace}.{name}")),
        SchemaTarget::Function { name, arguments } => (
            "FUNCTION",
            format!("{keyspace}.{name}({})", arguments.join(", ")),
        ),
        SchemaTarget::Aggregate { name, arguments } => (
            "AGGREGATE",
            format!("{keyspace}.{name}({})", arguments.join(", ")),
        ),
    };
    writeln!(out, "{done} {kind} {name}").unwrap();
}

/// Control characters would make the file one that no editor shows.
fn readable(text: &str) -> String {
    let plain = |c: char| c == '\n' || !c.is_control();
    if text.chars().all(plain) {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        if plain(c) {
            out.push(c);
        } else {
            write!(out, "\\u{{{:x}}}", u32::from(c)).unwrap();
        }
    }
    out
}
