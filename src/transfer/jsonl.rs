//! JSON lines: one object a line, its members named as the columns.
//!
//! What JSON has no form for stands as text: numbers that are none (`"NaN"`) and decimals of more
//! digits than a reader of doubles keeps. Both are read back as they were.

use crate::cql::json::{self, Json, Mismatch};
use crate::error::Result;
use crate::source::ValueBatch;
use crate::transfer::layout::Naming;
use crate::transfer::rejects::Blame;
use crate::types::Type;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// How many digits every reader of JSON keeps.
const DIGITS_KEPT: usize = 15;
/// How many names of skipped members are remembered, and so told only once.
const NAMES_MAX: usize = 1_000;

/// Names of members that were skipped, by all parsers of an import.
pub(super) type Skipped = Arc<Mutex<BTreeSet<String>>>;

/// Parses lines into rows.
pub(super) struct LineParser {
    naming: Naming,
    /// Where members go.
    places: HashMap<String, Vec<usize>>,
    row: Vec<Option<Vec<u8>>>,
    skipped: Skipped,
    /// Names that were skipped for the first time.
    pub news: Vec<String>,
}

impl LineParser {
    pub(super) fn new(naming: &Naming, skipped: &Skipped) -> Self {
        Self {
            naming: naming.clone(),
            places: HashMap::new(),
            row: Vec::new(),
            skipped: Arc::clone(skipped),
            news: Vec::new(),
        }
    }

    /// Adds the values of a line to `batch`, the row not ended.
    pub(super) fn row(&mut self, line: &[u8], batch: &mut ValueBatch) -> Result<(), Blame> {
        let text = std::str::from_utf8(line).map_err(|error| {
            (
                None,
                format!("byte {} is not UTF-8", error.valid_up_to() + 1),
            )
        })?;
        let object = json::parse_object(text)
            .map_err(|malformed| (None, malformed.full()))?
            .ok_or_else(|| (None, "null is no row".to_owned()))?;
        self.row.clear();
        self.row.resize(self.naming.columns().len(), None);
        for (name, value) in &object {
            if !self.places.contains_key(name) {
                let places = self.naming.places(name);
                if places.is_empty() {
                    self.skip(name);
                }
                if self.places.len() < NAMES_MAX {
                    self.places.insert(name.clone(), places);
                }
            }
            let places = self.places.get(name).map_or(&[][..], Vec::as_slice);
            if *value == Json::Null {
                continue;
            }
            for at in places {
                let Some(column) = self.naming.columns().get(*at) else {
                    continue;
                };
                let bytes = decode(&column.ty, value)
                    .map_err(|reason| (Some(column.name.clone()), reason))?;
                if let Some(place) = self.row.get_mut(*at) {
                    *place = Some(bytes);
                }
            }
        }
        for value in &self.row {
            match value {
                Some(bytes) => {
                    batch.data().extend_from_slice(bytes);
                    batch.end_value();
                }
                None => batch.end_absent(),
            }
        }
        Ok(())
    }

    fn skip(&mut self, name: &str) {
        if self.naming.is_skipped(name) {
            return;
        }
        let mut known = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < NAMES_MAX && known.insert(name.to_owned()) {
            self.news.push(name.to_owned());
        }
    }
}

fn decode(ty: &Type, value: &Json) -> Result<Vec<u8>, String> {
    match (ty, value) {
        (Type::Timestamp, Json::Integer(millis)) => Ok(millis.to_be_bytes().to_vec()),
        _ => json::decode(ty, value).map_err(|mismatch| match mismatch {
            Mismatch::Value(reason) => reason,
            Mismatch::Refused(error) => error.message,
        }),
    }
}

/// The names of the members of the lines of `head`, in the order in which they are met.
pub(super) fn names(head: &[u8]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for line in head.split(|byte| *byte == b'\n') {
        let object = std::str::from_utf8(line).ok().map(json::parse_object);
        let Some(Ok(Some(object))) = object else {
            continue;
        };
        for (name, _) in object {
            if names.len() < NAMES_MAX && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// Writes rows as lines.
#[derive(Clone, Debug)]
pub(super) struct LineWriter {
    /// What stands before each value: a comma and the name.
    names: Vec<String>,
    types: Vec<Type>,
}

impl LineWriter {
    pub(super) fn new(columns: &[(String, Type)]) -> Self {
        let before = |(at, (name, _)): (usize, &(String, Type))| {
            let comma = if at == 0 { "{" } else { ", " };
            format!("{comma}{}: ", serde_json::Value::from(name.as_str()))
        };
        Self {
            names: columns.iter().enumerate().map(before).collect(),
            types: columns.iter().map(|(_, ty)| ty.clone()).collect(),
        }
    }

    /// Appends a row.
    pub(super) fn record<B: AsRef<[u8]>>(
        &self,
        values: &[Option<B>],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let mut text = String::new();
        for ((name, ty), value) in self.names.iter().zip(&self.types).zip(values) {
            text.push_str(name);
            let start = text.len();
            json::print(ty, value.as_ref().map(AsRef::as_ref), &mut text)?;
            let printed = text.get(start..).unwrap_or_default();
            match (ty, value) {
                (Type::Float | Type::Double, Some(value)) if printed == "null" => {
                    text.truncate(start);
                    let shown = crate::types::text::format(ty, value.as_ref());
                    text.push_str(&format!("\"{shown}\""));
                }
                (Type::Decimal | Type::VarInt, Some(_)) if printed.len() > DIGITS_KEPT => {
                    text.insert(start, '"');
                    text.push('"');
                }
                _ => {}
            }
        }
        if self.names.is_empty() {
            text.push('{');
        }
        text.push_str("}\n");
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// The kinds of values that members of `head`'s lines have: what a table is made from.
pub(super) fn samples(head: &[u8]) -> Vec<Vec<(String, Json)>> {
    head.split(|byte| *byte == b'\n')
        .filter_map(|line| json::parse_object(std::str::from_utf8(line).ok()?).ok()?)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::layout::Wanted;
    use crate::transfer::testing::table;

    #[test]
    fn lines_are_rows() {
        let table = table("k int, v text, primary key (k)");
        let naming = Naming::new(&table, Wanted::default()).unwrap();
        let skipped = Skipped::default();
        let mut parser = LineParser::new(&naming, &skipped);
        let mut batch = ValueBatch::new(2);
        parser
            .row(b"{\"V\": \"a\\n\", \"k\": 7, \"x\": [1]}", &mut batch)
            .unwrap();
        batch.end_row();
        assert_eq!(parser.news, ["x"]);
        let error = parser.row(b"{\"k\": \"y\"}", &mut batch).unwrap_err();
        assert_eq!(error.0.as_deref(), Some("k"));
        batch.undo_row();
        assert!(parser.row(b"{\"k\": ", &mut batch).is_err());
        batch.undo_row();
        let frozen = batch.freeze();
        assert_eq!(frozen.slice(0, 0), Some(&[0, 0, 0, 7][..]));
        assert_eq!(frozen.slice(0, 1), Some(&b"a\n"[..]));
    }

    #[test]
    fn rows_are_lines() {
        let columns = [
            ("k".to_owned(), Type::Int),
            ("a b".to_owned(), Type::Double),
            ("d".to_owned(), Type::Text),
        ];
        let writer = LineWriter::new(&columns);
        let mut out = Vec::new();
        let nan = f64::NAN.to_be_bytes();
        writer
            .record(&[Some(&[0, 0, 0, 1][..]), Some(&nan), None], &mut out)
            .unwrap();
        assert_eq!(out, b"{\"k\": 1, \"a b\": \"NaN\", \"d\": null}\n");
    }
}
