//! Relations and values as Arrow arrays.

use arrow::array::ListArray;
use arrow::array::{
    ArrayRef, BooleanArray, Int64Array, Int64Builder, ListBuilder, RecordBatch, StringArray,
    StringBuilder, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::datasource::MemTable;
use datafusion::error::{DataFusionError, Result};
use std::sync::Arc;

/// A value of a relation.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::analytics::pg_catalog) enum Datum {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    Ints(Vec<i64>),
    Texts(Vec<String>),
    /// Numbers with their places, from 1.
    Places(Vec<i64>),
}

/// A relation with its rows.
#[derive(Debug)]
pub(in crate::analytics::pg_catalog) struct Relation {
    columns: Vec<(&'static str, DataType)>,
    rows: Vec<Vec<Datum>>,
}

impl Relation {
    /// One whose columns are told as `name:kind`, kind being b, i, t, I or T.
    pub(super) fn new(columns: &'static str) -> Self {
        let column = |word: &'static str| {
            let (name, kind) = word.split_once(':').unwrap_or((word, "t"));
            let ty = match kind {
                "b" => DataType::Boolean,
                "i" => DataType::Int64,
                "I" => DataType::new_list(DataType::Int64, true),
                "T" => DataType::new_list(DataType::Utf8, true),
                _ => DataType::Utf8,
            };
            (name, ty)
        };
        Self {
            columns: columns.split_ascii_whitespace().map(column).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row: what is not told is false, 0 or null.
    pub(super) fn push(&mut self, row: &[(&str, Datum)]) {
        let value = |(name, ty): &(&str, DataType)| {
            let told = row.iter().find(|(column, _)| column == name);
            match (told, ty) {
                (Some((_, value)), _) => value.clone(),
                (None, DataType::Boolean) => Datum::Bool(false),
                (None, DataType::Int64) => Datum::Int(0),
                (None, DataType::Utf8) if is_flag(name) => Datum::Text(String::new()),
                (None, _) => Datum::Null,
            }
        };
        self.rows.push(self.columns.iter().map(value).collect());
    }

    /// The table that DataFusion reads.
    pub(in crate::analytics::pg_catalog) fn into_table(self) -> Result<MemTable> {
        let fields: Vec<Field> = self
            .columns
            .iter()
            .map(|(name, ty)| Field::new(*name, ty.clone(), true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let count = self.rows.len();
        let mut columns: Vec<Vec<Datum>> = self
            .columns
            .iter()
            .map(|_| Vec::with_capacity(count))
            .collect();
        for row in self.rows {
            for (column, value) in columns.iter_mut().zip(row) {
                column.push(value);
            }
        }
        let arrays: Result<Vec<ArrayRef>> = self
            .columns
            .iter()
            .zip(columns)
            .map(|((_, ty), values)| array(ty, values))
            .collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays?)?;
        MemTable::try_new(schema, vec![vec![batch]])
    }
}

/// One-letter columns that are blank rather than null.
fn is_flag(name: &str) -> bool {
    ["attidentity", "attgenerated", "attcompression"].contains(&name)
}

/// Values as an array of a type.
pub(in crate::analytics::pg_catalog) fn array(
    ty: &DataType,
    values: Vec<Datum>,
) -> Result<ArrayRef> {
    match ty {
        DataType::Boolean => Ok(Arc::new(BooleanArray::from_iter(values.iter().map(
            |value| match value {
                Datum::Bool(value) => Some(*value),
                _ => None,
            },
        )))),
        DataType::Int64 => Ok(Arc::new(Int64Array::from_iter(values.iter().map(
            |value| match value {
                Datum::Int(value) => Some(*value),
                _ => None,
            },
        )))),
        DataType::Utf8 => Ok(Arc::new(StringArray::from_iter(values.iter().map(
            |value| match value {
                Datum::Text(value) => Some(value.as_str()),
                _ => None,
            },
        )))),
        DataType::List(field) => list(field, values),
        ty => Err(DataFusionError::Internal(format!("no relation has {ty}"))),
    }
}

fn list(field: &Arc<Field>, values: Vec<Datum>) -> Result<ArrayRef> {
    if field.data_type() == &DataType::Int64 {
        let mut builder = ListBuilder::new(Int64Builder::new());
        for value in values {
            match value {
                Datum::Ints(values) => builder.append_value(values.into_iter().map(Some)),
                _ => builder.append_null(),
            }
        }
        return Ok(Arc::new(builder.finish()));
    }
    if field.data_type() == &DataType::Utf8 {
        let mut builder = ListBuilder::new(StringBuilder::new());
        for value in values {
            match value {
                Datum::Texts(values) => builder.append_value(values.into_iter().map(Some)),
                _ => builder.append_null(),
            }
        }
        return Ok(Arc::new(builder.finish()));
    }
    places(field, &values)
}

fn places(field: &Arc<Field>, values: &[Datum]) -> Result<ArrayRef> {
    let DataType::Struct(fields) = field.data_type() else {
        return Err(DataFusionError::Internal("no list of this".to_owned()));
    };
    let lists: Vec<&[i64]> = values
        .iter()
        .map(|value| match value {
            Datum::Places(numbers) => numbers.as_slice(),
            _ => &[],
        })
        .collect();
    let numbers = Int64Array::from_iter_values(lists.iter().flat_map(|list| list.iter().copied()));
    let places = Int64Array::from_iter_values(
        lists
            .iter()
            .flat_map(|list| (1..).zip(*list).map(|it| it.0)),
    );
    let inner = StructArray::try_new(
        fields.clone(),
        vec![Arc::new(numbers), Arc::new(places)],
        None::<NullBuffer>,
    )?;
    let offsets = OffsetBuffer::from_lengths(lists.iter().map(|list| list.len()));
    let list = ListArray::try_new(Arc::clone(field), offsets, Arc::new(inner), None)?;
    Ok(Arc::new(list))
}
