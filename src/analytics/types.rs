//! CQL types as Arrow types, and back.
//!
//! A column that passes through a query unchanged must come out with the type it had: a `uuid` is
//! text to the planner, but a `uuid` to whoever asked. Each Arrow field that stands for a CQL
//! column therefore carries the CQL type in its metadata: as text for people (`cql_type`), and
//! with all
//! definitions for us. What a query computes has no such note (or one that does not fit any more,
//! after a cast), and gets the CQL type that is nearest to its Arrow type.
//!
//! Text and bytes are views into the blocks that were read. Decimals have one scale a column, which
//! the table's statistics tell; where none is known (inside of collections) they stay text, since
//! rounding is never allowed.

use crate::schema::Table;
use crate::storage::DecimalShape;
use crate::types::Type;
use arrow::datatypes::{
    DataType, Field, FieldRef, Fields, IntervalUnit, Schema, SchemaRef, TimeUnit,
};
use std::collections::HashMap;
use std::sync::Arc;

/// The metadata's key of a column's CQL type, as text.
pub const CQL_TYPE: &str = "cql_type";
/// The metadata's key of a column's CQL type with the definitions of its user types.
const CQL_DEFINITION: &str = "cql_definition";
/// The most digits of a 128-bit and a 256-bit decimal.
const DIGITS_128: u32 = 38;
const DIGITS_256: u32 = 76;
/// How timestamps name their zone.
pub const UTC: &str = "+00:00";

/// The Arrow type for values of `ty`; `shape` is that of a decimal column, where known.
pub fn arrow_of(ty: &Type, shape: Option<DecimalShape>) -> DataType {
    match ty {
        Type::TinyInt => DataType::Int8,
        Type::SmallInt => DataType::Int16,
        Type::Int => DataType::Int32,
        Type::BigInt | Type::Counter => DataType::Int64,
        Type::Float => DataType::Float32,
        Type::Double => DataType::Float64,
        Type::Boolean => DataType::Boolean,
        Type::Blob => DataType::BinaryView,
        Type::Date => DataType::Date32,
        Type::Time => DataType::Time64(TimeUnit::Nanosecond),
        Type::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, Some(UTC.into())),
        Type::Duration => DataType::Interval(IntervalUnit::MonthDayNano),
        Type::VarInt => DataType::Decimal256(76, 0),
        Type::Decimal => shape.map_or(DataType::Utf8View, decimal_of),
        Type::Ascii | Type::Text | Type::Uuid | Type::TimeUuid | Type::Inet => DataType::Utf8View,
        Type::List { element, .. } | Type::Set { element, .. } => {
            DataType::List(inner("item", element, true))
        }
        Type::Map { key, value, .. } => {
            // The planner looks keys up by text of the plain kind only.
            let key = match inner("key", key, false) {
                text if **key == Type::Text || **key == Type::Ascii => {
                    Arc::new(text.as_ref().clone().with_data_type(DataType::Utf8))
                }
                other => other,
            };
            let pair = Fields::from(vec![key, inner("value", value, true)]);
            DataType::Map(
                Arc::new(Field::new("entries", DataType::Struct(pair), false)),
                false,
            )
        }
        Type::Tuple(parts) => {
            let parts = parts.iter().enumerate();
            DataType::Struct(
                parts
                    .map(|(at, part)| inner(&format!("c{at}"), part, true))
                    .collect(),
            )
        }
        Type::Udt { udt, .. } => {
            let fields = udt.fields.iter();
            DataType::Struct(fields.map(|(name, ty)| inner(name, ty, true)).collect())
        }
        Type::Vector {
            element,
            dimensions,
        } => DataType::FixedSizeList(inner("item", element, true), i32::from(*dimensions)),
    }
}

fn inner(name: &str, ty: &Type, nullable: bool) -> FieldRef {
    Arc::new(Field::new(name, arrow_of(ty, None), nullable))
}

fn decimal_of(shape: DecimalShape) -> DataType {
    let scale = u32::try_from(shape.scale_max.max(0)).unwrap_or(0);
    let digits = scale.saturating_add(shape.integer_digits_max).max(1);
    if digits > DIGITS_256 {
        return DataType::Utf8View;
    }
    let (digits, scale) = (digits as u8, scale as i8);
    if u32::from(digits) <= DIGITS_128 {
        DataType::Decimal128(digits, scale)
    } else {
        DataType::Decimal256(digits, scale)
    }
}

/// The field of a column of type `ty`, with the note of that type.
pub fn field_of(name: &str, ty: &Type, shape: Option<DecimalShape>, nullable: bool) -> Field {
    let mut notes = HashMap::from([(CQL_TYPE.to_owned(), ty.to_string())]);
    if let Ok(definition) = serde_json::to_string(ty) {
        notes.insert(CQL_DEFINITION.to_owned(), definition);
    }
    Field::new(name, arrow_of(ty, shape), nullable).with_metadata(notes)
}

/// The schema of a table: its columns in DESCRIBE's order. `shape_of` knows the decimals.
pub fn schema_of(
    table: &Table,
    shape_of: &dyn Fn(&crate::schema::Column) -> Option<DecimalShape>,
) -> SchemaRef {
    let keys = table.partition_key.len();
    let field = |(at, column): (usize, &crate::schema::Column)| {
        let key = at < keys || (at < keys + table.clustering.len() && table.statics.is_empty());
        field_of(&column.name, &column.ty, shape_of(column), !key)
    };
    let fields: Vec<Field> = table.columns().enumerate().map(field).collect();
    Arc::new(Schema::new(fields))
}

/// Whether SQL orders the values of a type as clustering keys are ordered.
pub fn is_sorted_like_keys(ty: &Type) -> bool {
    matches!(
        ty,
        Type::TinyInt
            | Type::SmallInt
            | Type::Int
            | Type::BigInt
            | Type::Text
            | Type::Ascii
            | Type::Blob
            | Type::Boolean
            | Type::Date
            | Type::Time
            | Type::Timestamp
    )
}

/// The CQL type of a result's column.
pub fn cql_of(field: &Field) -> Type {
    let noted = field.metadata().get(CQL_DEFINITION);
    let noted = noted.and_then(|text| serde_json::from_str::<Type>(text).ok());
    match noted {
        Some(ty) if fits(&ty, field.data_type()) => ty,
        _ => nearest(field.data_type()),
    }
}

/// Whether the values of an Arrow type can be those of a CQL type unchanged.
fn fits(ty: &Type, data_type: &DataType) -> bool {
    match (ty, data_type) {
        (Type::Decimal, other) => {
            matches!(other, DataType::Decimal128(..) | DataType::Decimal256(..))
                || *other == DataType::Utf8View
        }
        (_, other) => arrow_of(ty, None).equals_datatype(other),
    }
}

fn nearest(data_type: &DataType) -> Type {
    let frozen = false;
    match data_type {
        DataType::Int8 => Type::TinyInt,
        DataType::Int16 | DataType::UInt8 => Type::SmallInt,
        DataType::Int32 | DataType::UInt16 => Type::Int,
        DataType::Int64 | DataType::UInt32 => Type::BigInt,
        DataType::UInt64 => Type::VarInt,
        DataType::Float16 | DataType::Float32 => Type::Float,
        DataType::Float64 => Type::Double,
        DataType::Boolean => Type::Boolean,
        DataType::Decimal256(76, 0) => Type::VarInt,
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => Type::Decimal,
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => Type::Blob,
        DataType::Date32 | DataType::Date64 => Type::Date,
        DataType::Time32(_) | DataType::Time64(_) => Type::Time,
        DataType::Timestamp(..) => Type::Timestamp,
        DataType::Interval(_) | DataType::Duration(_) => Type::Duration,
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::FixedSizeList(element, _) => Type::List {
            element: Arc::new(cql_of(element).freeze()),
            frozen,
        },
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => Type::Map {
                key: Arc::new(cql_of(&pair[0]).freeze()),
                value: Arc::new(cql_of(&pair[1]).freeze()),
                frozen,
            },
            _ => Type::Text,
        },
        DataType::Struct(fields) => {
            Type::Tuple(fields.iter().map(|field| cql_of(field).freeze()).collect())
        }
        DataType::Dictionary(_, value) => nearest(value),
        _ => Type::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_take_the_width_they_need_and_types_come_back() {
        let shape = |scale_max, integer_digits_max| {
            Some(DecimalShape {
                scale_max,
                integer_digits_max,
            })
        };
        let of = |shape| arrow_of(&Type::Decimal, shape);
        assert_eq!(of(shape(2, 13)), DataType::Decimal128(15, 2));
        assert_eq!(of(shape(-3, 4)), DataType::Decimal128(4, 0));
        assert_eq!(of(shape(30, 30)), DataType::Decimal256(60, 30));
        assert_eq!(of(shape(70, 30)), DataType::Utf8View);
        for ty in [
            Type::Uuid,
            Type::Inet,
            Type::Counter,
            Type::VarInt,
            Type::Date,
        ] {
            assert_eq!(cql_of(&field_of("x", &ty, None, true)), ty);
        }
        let cast = field_of("x", &Type::Int, None, true).with_data_type(DataType::Utf8View);
        assert_eq!(cql_of(&cast), Type::Text);
    }
}
