//! Rows for programs: `--format csv` and `--format json`.
//!
//! CSV is RFC 4180 with `\n` as line end: a header line, then a line a row. Null is an empty field
//! and an empty text is `""`, so that the two can be told apart. JSON is one object a line, with
//! JSON's own types where CQL's value has one: numbers of any size are numbers, collections are
//! arrays and objects, and the rest are strings in the form that CQL reads. As in Cassandra's
//! `SELECT JSON`, a float that is no number is null.

use crate::cql::result::{ColumnSpec, RowValues};
use crate::error::Result;
use crate::types::{Type, Value, text};

/// Appends the CSV header.
pub fn csv_header(columns: &[ColumnSpec], line: &mut String) {
    for (index, column) in columns.iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        csv_field(&column.name, line);
    }
    line.push('\n');
}

/// Appends a row of CSV.
pub fn csv_row(columns: &[ColumnSpec], row: &RowValues, line: &mut String) {
    for (index, (column, value)) in columns.iter().zip(row).enumerate() {
        if index > 0 {
            line.push(',');
        }
        if let Some(bytes) = value {
            csv_field(&text::format(&column.ty, bytes), line);
        }
    }
    line.push('\n');
}

fn csv_field(field: &str, line: &mut String) {
    let plain = !field.is_empty()
        && !field.contains(['"', ',', '\n', '\r'])
        && !field.starts_with(' ')
        && !field.ends_with(' ');
    if plain {
        line.push_str(field);
    } else {
        line.push('"');
        line.push_str(&field.replace('"', "\"\""));
        line.push('"');
    }
}

/// Appends a row as a JSON object.
pub fn json_row(columns: &[ColumnSpec], row: &RowValues, line: &mut String) -> Result<()> {
    line.push('{');
    for (index, (column, value)) in columns.iter().zip(row).enumerate() {
        if index > 0 {
            line.push_str(", ");
        }
        json_string(&column.name, line);
        line.push_str(": ");
        match value {
            None => line.push_str("null"),
            Some(bytes) => json_value(&column.ty, &column.ty.decode(bytes)?, line)?,
        }
    }
    line.push_str("}\n");
    Ok(())
}

fn json_value(ty: &Type, value: &Value, line: &mut String) -> Result<()> {
    match (ty, value) {
        (_, Value::Null) => line.push_str("null"),
        (_, Value::Empty) => line.push_str("\"\""),
        (_, Value::Boolean(value)) => line.push_str(if *value { "true" } else { "false" }),
        (_, Value::Text(value)) => json_string(value, line),
        (_, Value::Float(value)) if !value.is_finite() => line.push_str("null"),
        (_, Value::Double(value)) if !value.is_finite() => line.push_str("null"),
        (
            Type::List { element, .. } | Type::Set { element, .. } | Type::Vector { element, .. },
            Value::List(items) | Value::Set(items),
        ) => {
            let items = items.iter().map(|item| (&**element, item));
            json_array(items, line)?;
        }
        (Type::Tuple(types), Value::Tuple(items)) => json_array(types.iter().zip(items), line)?,
        (Type::Udt { udt, .. }, Value::Tuple(items)) => {
            line.push('{');
            for (index, (name, ty)) in udt.fields.iter().enumerate() {
                if index > 0 {
                    line.push_str(", ");
                }
                json_string(name, line);
                line.push_str(": ");
                json_value(ty, items.get(index).unwrap_or(&Value::Null), line)?;
            }
            line.push('}');
        }
        (Type::Map { key, value, .. }, Value::Map(entries)) => {
            line.push('{');
            for (index, (k, v)) in entries.iter().enumerate() {
                if index > 0 {
                    line.push_str(", ");
                }
                json_string(&text::format(key, &key.encode(k)?), line);
                line.push_str(": ");
                json_value(value, v, line)?;
            }
            line.push('}');
        }
        (ty, value) => {
            let text = text::format(ty, &ty.encode(value)?);
            if is_number(value) {
                line.push_str(&text)
            } else {
                json_string(&text, line)
            }
        }
    }
    Ok(())
}

fn is_number(value: &Value) -> bool {
    matches!(
        value,
        Value::BigInt(_)
            | Value::Decimal(_)
            | Value::Double(_)
            | Value::Float(_)
            | Value::Int(_)
            | Value::SmallInt(_)
            | Value::TinyInt(_)
            | Value::VarInt(_)
    )
}

fn json_array<'a>(
    items: impl Iterator<Item = (&'a Type, &'a Value)>,
    line: &mut String,
) -> Result<()> {
    line.push('[');
    for (index, (ty, item)) in items.enumerate() {
        if index > 0 {
            line.push_str(", ");
        }
        json_value(ty, item, line)?;
    }
    line.push(']');
    Ok(())
}

fn json_string(text: &str, line: &mut String) {
    line.push('"');
    for c in text.chars() {
        match c {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if c.is_control() => line.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => line.push(c),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Udt;
    use bytes::Bytes;
    use std::sync::Arc;

    fn row(values: Vec<(&str, Type, Value)>) -> (Vec<ColumnSpec>, RowValues) {
        let mut columns = Vec::new();
        let mut row = Vec::new();
        for (name, ty, value) in values {
            row.push(match value {
                Value::Null => None,
                value => Some(Bytes::from(ty.encode(&value).unwrap())),
            });
            let (keyspace, table) = ("k".to_owned(), "t".to_owned());
            columns.push(ColumnSpec {
                keyspace,
                table,
                name: name.to_owned(),
                ty,
            });
        }
        (columns, row)
    }

    fn json(values: Vec<(&str, Type, Value)>) -> String {
        let (columns, row) = row(values);
        let mut line = String::new();
        json_row(&columns, &row, &mut line).unwrap();
        line
    }

    #[test]
    fn csv_tells_null_from_empty_text_and_quotes_what_it_must() {
        let text = |value: &str| Value::Text(value.to_owned());
        let (columns, row) = row(vec![
            ("a,b", Type::Text, Value::Null),
            ("b", Type::Text, text("")),
            ("c", Type::Text, text("say \"hi\"")),
            ("d", Type::Text, text("x\ny")),
            ("e", Type::Int, Value::Int(-7)),
            ("f", Type::Text, text(" x")),
        ]);
        let mut out = String::new();
        csv_header(&columns, &mut out);
        csv_row(&columns, &row, &mut out);
        assert_eq!(
            out,
            "\"a,b\",b,c,d,e,f\n,\"\",\"say \"\"hi\"\"\",\"x\ny\",-7,\" x\"\n"
        );
    }

    #[test]
    fn json_has_json_types() {
        let ints: Arc<Type> = Arc::new(Type::Int);
        let udt = Arc::new(Udt {
            keyspace: "k".into(),
            name: "u".into(),
            fields: vec![("x".into(), Type::Int), ("y".into(), Type::Text)],
        });
        assert_eq!(
            json(vec![
                ("t", Type::Text, Value::Text("q\"\\\n\u{1}é".into())),
                ("n", Type::Int, Value::Null),
                ("i", Type::BigInt, Value::BigInt(i64::MIN)),
                ("b", Type::Boolean, Value::Boolean(true)),
                ("d", Type::Double, Value::Double(f64::NAN)),
                ("x", Type::Blob, Value::Blob(vec![0, 255])),
            ]),
            "{\"t\": \"q\\\"\\\\\\n\\u0001é\", \"n\": null, \"i\": -9223372036854775808, \
             \"b\": true, \"d\": null, \"x\": \"0x00ff\"}\n"
        );
        assert_eq!(
            json(vec![
                (
                    "m",
                    Type::Map {
                        key: Arc::clone(&ints),
                        value: Arc::new(Type::Text),
                        frozen: true
                    },
                    Value::Map(vec![(Value::Int(1), Value::Text("a".into()))]),
                ),
                (
                    "l",
                    Type::List {
                        element: ints,
                        frozen: true
                    },
                    Value::List(vec![Value::Int(1), Value::Int(2)]),
                ),
                (
                    "u",
                    Type::Udt { udt, frozen: true },
                    Value::Tuple(vec![Value::Int(1), Value::Null]),
                ),
            ]),
            "{\"m\": {\"1\": \"a\"}, \"l\": [1, 2], \"u\": {\"x\": 1, \"y\": null}}\n"
        );
    }
}
