//! `--create`: a table from a file's schema.
//!
//! A Parquet or Arrow file says which types its columns have. Of a text file the first megabyte is
//! read, and each column gets the first of these types that all its values are of: `bigint`,
//! `double`, `boolean`, `date`, `timestamp`, `uuid`, `text`. Names are folded as CQL folds them.
//! The primary key is given, or asked for.

use crate::cql::json::Json;
use crate::error::{Error, ErrorKind, Result};
use crate::source::StampKind;
use crate::transfer::csv::FieldSplitter;
use crate::transfer::format::Format;
use crate::transfer::input::Inputs;
use crate::transfer::layout::header_names;
use crate::transfer::{ImportOptions, Site, jsonl, sample};
use crate::types::name::quote_identifier;
use crate::types::{Type, text};

/// How many records of a text are looked at.
const SAMPLE_RECORDS: usize = 10_000;

/// The types that a column of text may have, the narrowest first.
const TYPES: [Type; 6] = [
    Type::BigInt,
    Type::Double,
    Type::Boolean,
    Type::Date,
    Type::Timestamp,
    Type::Uuid,
];

/// A column that a file would have as a table's.
type Found = (String, String);

/// Makes the table of an import, unless it is there; answers whether it was made.
pub(super) fn create(
    site: &dyn Site,
    inputs: &mut Inputs,
    format: Format,
    options: &ImportOptions,
) -> Result<bool> {
    let Some(create) = &options.create else {
        return Ok(false);
    };
    let (keyspace, name) = (&options.keyspace, &options.table);
    match site.tables().table(keyspace, name) {
        Ok(_) => return Ok(false),
        Err(error) if !error.message.ends_with("does not exist") => return Err(error),
        Err(error) if error.message.starts_with("keyspace") => {
            return Err(error.with_hint("create the keyspace first"));
        }
        Err(_) => {}
    }
    let columns = columns(inputs, format, options)?;
    let shown: Vec<String> = columns
        .iter()
        .map(|(name, ty)| format!("{} {ty}", quote_identifier(name)))
        .collect();
    let key = match (&create.primary_key, &create.ask) {
        (Some(key), _) => key.clone(),
        (None, Some(ask)) => ask(&format!(
            "Columns: {}\nPrimary key, as in (partition, …), clustering, …: ",
            shown.join(", ")
        ))?,
        (None, None) => {
            return Err(Error::new(
                ErrorKind::Input,
                "the new table needs a primary key: give --primary-key '(a), b'",
            ));
        }
    };
    let statement = format!(
        "CREATE TABLE {}.{} ({}, PRIMARY KEY ({}))",
        quote_identifier(keyspace),
        quote_identifier(name),
        shown.join(", "),
        key.trim()
    );
    if options.dry_run {
        return Err(Error::new(
            ErrorKind::Input,
            format!("{keyspace}.{name} does not exist, and a dry run makes no table"),
        )
        .with_hint(format!("the statement would be: {statement}")));
    }
    site.execute(&statement)
        .map_err(|error| error.with_hint(format!("the statement was: {statement}")))?;
    if options.progress {
        eprintln!("{statement}");
    }
    Ok(true)
}

/// The columns that the first input would have.
fn columns(inputs: &mut Inputs, format: Format, options: &ImportOptions) -> Result<Vec<Found>> {
    let Some(first) = inputs.list.first_mut() else {
        return Ok(Vec::new());
    };
    let found = match format {
        Format::Csv => {
            let head = first.peek(sample::SAMPLE_BYTES)?;
            of_csv(&first.name, &head, options)?
        }
        Format::JsonLines => of_json(&first.peek(sample::SAMPLE_BYTES)?),
        #[cfg(feature = "analytics")]
        Format::Parquet | Format::Arrow => {
            let schema = crate::transfer::columnar::schema(first, format)?;
            crate::transfer::columnar::cql_columns(&schema)
        }
        #[cfg(not(feature = "analytics"))]
        Format::Parquet | Format::Arrow => {
            format.check()?;
            Vec::new()
        }
    };
    let mut columns: Vec<Found> = Vec::new();
    for (field, ty) in found {
        let name = match &options.mapping {
            None => field.to_lowercase(),
            Some(mapping) => match mapping.pairs.iter().find(|(known, _)| *known == field) {
                Some((_, column)) => column.clone(),
                None if mapping.takes_by_name(&field.to_lowercase()) => field.to_lowercase(),
                None => continue,
            },
        };
        let stamp = StampKind::ALL
            .iter()
            .any(|kind| name == kind.name() || name.starts_with(&format!("{}(", kind.name())));
        if stamp || options.skip_columns.contains(&name) {
            continue;
        }
        if columns.iter().any(|(known, _)| *known == name) {
            let message = format!("{}: two fields are named {name}", first.name);
            return Err(Error::new(ErrorKind::Input, message));
        }
        columns.push((name, ty));
    }
    if columns.is_empty() {
        let message = format!("{}: has no columns to make a table of", first.name);
        return Err(Error::new(ErrorKind::Input, message));
    }
    Ok(columns)
}

/// What values of a text column have been so far.
#[derive(Clone, Debug, Default)]
struct Guess {
    /// Which of [`TYPES`] are ruled out.
    out: [bool; TYPES.len()],
    any: bool,
}

impl Guess {
    fn take(&mut self, value: &str) {
        self.any = true;
        for (ty, out) in TYPES.iter().zip(&mut self.out) {
            *out |= text::parse(ty, value).is_err() || (*ty == Type::Boolean && value.len() < 4);
        }
    }

    fn ty(&self) -> Type {
        let mut types = TYPES.iter().zip(&self.out);
        let found = types.find(|(_, out)| self.any && !**out);
        found.map_or(Type::Text, |(ty, _)| ty.clone())
    }
}

fn of_csv(name: &str, head: &[u8], options: &ImportOptions) -> Result<Vec<Found>> {
    let dialect = &options.dialect;
    let records = sample::records(head, dialect, SAMPLE_RECORDS);
    let mut records = records.iter();
    let names = match (&options.columns, options.header) {
        (Some(names), header) => {
            if header {
                records.next();
            }
            names.clone()
        }
        (None, true) => match records.next() {
            Some(header) => header_names(name, header, dialect)?,
            None => Vec::new(),
        },
        (None, false) => {
            return Err(Error::new(
                ErrorKind::Input,
                format!("{name}: without a header --create needs --columns"),
            ));
        }
    };
    let mut guesses = vec![Guess::default(); names.len()];
    let mut splitter = FieldSplitter::new(dialect);
    for record in records {
        if !splitter.split(record) {
            continue;
        }
        for (field, guess) in splitter.fields(record).zip(&mut guesses) {
            if field.bytes == dialect.null.as_bytes() {
                continue;
            }
            guess.take(std::str::from_utf8(field.bytes).unwrap_or("\u{FFFD}"));
        }
    }
    let named = names.into_iter().zip(guesses);
    Ok(named
        .map(|(name, guess)| (name, guess.ty().to_string()))
        .collect())
}

fn of_json(head: &[u8]) -> Vec<Found> {
    let mut found: Vec<(String, Vec<Json>)> = Vec::new();
    for object in jsonl::samples(head).into_iter().take(SAMPLE_RECORDS) {
        for (name, value) in object {
            match found.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => values.push(value),
                None => found.push((name, vec![value])),
            }
        }
    }
    found
        .into_iter()
        .map(|(name, values)| (name, of_values(&values.iter().collect::<Vec<_>>())))
        .collect()
}

/// The CQL type that all of these are of.
fn of_values(values: &[&Json]) -> String {
    let values: Vec<&&Json> = values.iter().filter(|json| ***json != Json::Null).collect();
    let all = |test: fn(&Json) -> bool| !values.is_empty() && values.iter().all(|json| test(json));
    if all(|json| matches!(json, Json::Boolean(_))) {
        return "boolean".to_owned();
    }
    if all(|json| matches!(json, Json::Integer(_))) {
        return "bigint".to_owned();
    }
    if all(|json| matches!(json, Json::Integer(_) | Json::BigInteger(_))) {
        return "varint".to_owned();
    }
    if all(|json| {
        matches!(
            json,
            Json::Integer(_) | Json::BigInteger(_) | Json::Double(_)
        )
    }) {
        return "double".to_owned();
    }
    if all(|json| matches!(json, Json::Array(_))) {
        let elements: Vec<&Json> = values
            .iter()
            .filter_map(|json| match json {
                Json::Array(items) => Some(items),
                _ => None,
            })
            .flatten()
            .collect();
        return format!("frozen<list<{}>>", of_values(&elements));
    }
    if all(|json| matches!(json, Json::Object(_))) {
        let inner: Vec<&Json> = values
            .iter()
            .filter_map(|json| match json {
                Json::Object(members) => Some(members),
                _ => None,
            })
            .flatten()
            .map(|(_, value)| value)
            .collect();
        return format!("frozen<map<text, {}>>", of_values(&inner));
    }
    let mut guess = Guess::default();
    for json in &values {
        match json {
            // A number between quotes is meant as text.
            Json::String(value) if value.parse::<f64>().is_err() => guess.take(value),
            _ => return "text".to_owned(),
        }
    }
    guess.ty().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_found() {
        let options = ImportOptions::new("ks", "t", Vec::new());
        let head = b"Id,n,x,d,t,u,b\n1,2,1.5,2024-01-02,2024-01-02T03:04:05Z,\
            00000000-0000-0000-0000-000000000001,true\n2,,2,2024-01-03,2024-01-02T03:04:05Z,,x\n";
        let found = of_csv("f", head, &options).unwrap();
        let types: Vec<&str> = found.iter().map(|(_, ty)| ty.as_str()).collect();
        assert_eq!(
            types,
            [
                "bigint",
                "bigint",
                "double",
                "date",
                "timestamp",
                "uuid",
                "text"
            ]
        );
        let found = of_json(b"{\"a\": 1, \"b\": [1.5], \"c\": {\"x\": true}}\n{\"a\": null}\n");
        let types: Vec<&str> = found.iter().map(|(_, ty)| ty.as_str()).collect();
        assert_eq!(
            types,
            [
                "bigint",
                "frozen<list<double>>",
                "frozen<map<text, boolean>>"
            ]
        );
    }
}
