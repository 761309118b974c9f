//! Vectors of wire values as Arrow arrays.

use crate::error::{Error, Result};
use crate::storage::read::{ColumnVector, VectorValues};
use crate::transfer::frame::wire;
use crate::types::{Type, collection, text};
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, FixedSizeBinaryBuilder, FixedSizeListArray,
    Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, ListArray, MapArray,
    StringArray, StructArray, Time64NanosecondArray, TimestampMillisecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use arrow::error::ArrowError;
use std::sync::Arc;

/// Days from the wire's zero to 1970-01-01.
const EPOCH_DAY: i64 = 1 << 31;

/// The Arrow type of a CQL type's values in files.
pub(super) fn data_type(ty: &Type) -> DataType {
    let item = |ty: &Type| Arc::new(Field::new("item", data_type(ty), true));
    match ty {
        Type::TinyInt => DataType::Int8,
        Type::SmallInt => DataType::Int16,
        Type::Int => DataType::Int32,
        Type::BigInt | Type::Counter => DataType::Int64,
        Type::Float => DataType::Float32,
        Type::Double => DataType::Float64,
        Type::Boolean => DataType::Boolean,
        Type::Blob => DataType::Binary,
        Type::Date => DataType::Date32,
        Type::Time => DataType::Time64(TimeUnit::Nanosecond),
        Type::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
        Type::Uuid | Type::TimeUuid => DataType::FixedSizeBinary(16),
        Type::List { element, .. } | Type::Set { element, .. } => DataType::List(item(element)),
        Type::Map { key, value, .. } => DataType::Map(entries(key, value), false),
        Type::Vector {
            element,
            dimensions,
        } if **element == Type::Float => {
            DataType::FixedSizeList(item(element), i32::from(*dimensions))
        }
        Type::Tuple(_) | Type::Udt { .. } => DataType::Struct(members(ty)),
        _ => DataType::Utf8,
    }
}

fn entries(key: &Type, value: &Type) -> FieldRef {
    let fields = Fields::from(vec![
        Field::new("keys", data_type(key), false),
        Field::new("values", data_type(value), true),
    ]);
    Arc::new(Field::new("entries", DataType::Struct(fields), false))
}

/// The names and types of a tuple's or a user type's fields.
fn parts(ty: &Type) -> Vec<(String, Type)> {
    match ty {
        Type::Tuple(types) => types
            .iter()
            .enumerate()
            .map(|(at, ty)| (format!("f{at}"), ty.clone()))
            .collect(),
        Type::Udt { udt, .. } => udt
            .fields
            .iter()
            .map(|(name, ty)| (name.clone(), ty.clone()))
            .collect(),
        _ => Vec::new(),
    }
}

fn members(ty: &Type) -> Fields {
    parts(ty)
        .into_iter()
        .map(|(name, ty)| Field::new(name, data_type(&ty), true))
        .collect()
}

fn failed(error: ArrowError) -> Error {
    Error::internal(format!("an Arrow array cannot be made: {error}"))
}

/// A vector's values as an array of [`data_type`].
pub(super) fn array(ty: &Type, vector: ColumnVector, rows: usize) -> Result<ArrayRef> {
    let nulls = nulls(&vector.present, rows);
    Ok(match (ty, vector.values) {
        (Type::TinyInt, VectorValues::Int8(list)) => Arc::new(Int8Array::new(list.into(), nulls)),
        (Type::SmallInt, VectorValues::Int16(list)) => {
            Arc::new(Int16Array::new(list.into(), nulls))
        }
        (Type::Int, VectorValues::Int32(list)) => Arc::new(Int32Array::new(list.into(), nulls)),
        (Type::BigInt, VectorValues::Int64(list)) => Arc::new(Int64Array::new(list.into(), nulls)),
        (Type::Time, VectorValues::Int64(list)) => {
            Arc::new(Time64NanosecondArray::new(list.into(), nulls))
        }
        (Type::Timestamp, VectorValues::Int64(list)) => {
            Arc::new(TimestampMillisecondArray::new(list.into(), nulls).with_timezone("UTC"))
        }
        (Type::Float, VectorValues::Float32(list)) => {
            Arc::new(Float32Array::new(list.into(), nulls))
        }
        (Type::Double, VectorValues::Float64(list)) => {
            Arc::new(Float64Array::new(list.into(), nulls))
        }
        (Type::Boolean, VectorValues::Bool(list)) => {
            Arc::new(BooleanArray::new(BooleanBuffer::from(list), nulls))
        }
        (Type::Text | Type::Ascii, VectorValues::Bytes { offsets, data }) => {
            let array = StringArray::try_new(ends(offsets)?, Buffer::from_vec(data), nulls);
            Arc::new(array.map_err(failed)?)
        }
        (Type::Blob, VectorValues::Bytes { offsets, data }) => {
            let array = BinaryArray::try_new(ends(offsets)?, Buffer::from_vec(data), nulls);
            Arc::new(array.map_err(failed)?)
        }
        (ty, values) => {
            let vector = ColumnVector {
                present: vector.present,
                values,
            };
            let mut rooms = vec![[0; 8]; rows];
            let values: Vec<Option<&[u8]>> = rooms
                .iter_mut()
                .enumerate()
                .map(|(row, room)| wire(&vector, row, room))
                .collect();
            of_wire(ty, &values)?
        }
    })
}

fn nulls(present: &[u64], rows: usize) -> Option<NullBuffer> {
    let full = (0..rows / 64).all(|at| present.get(at) == Some(&u64::MAX));
    let rest = rows % 64;
    let tail = present.get(rows / 64).copied().unwrap_or(0);
    if full && (rest == 0 || tail.trailing_ones() as usize >= rest) {
        return None;
    }
    let mut words = present.to_vec();
    words.resize(rows.div_ceil(64), 0);
    Some(NullBuffer::new(BooleanBuffer::new(
        Buffer::from_vec(words),
        0,
        rows,
    )))
}

fn ends(offsets: Vec<u32>) -> Result<OffsetBuffer<i32>> {
    let ends: Option<Vec<i32>> = offsets
        .into_iter()
        .map(|end| i32::try_from(end).ok())
        .collect();
    let ends = ends.ok_or_else(|| Error::internal("a batch of more than 2 GiB"))?;
    Ok(OffsetBuffer::new(ends.into()))
}

/// Values in their wire form as an array.
fn of_wire(ty: &Type, values: &[Option<&[u8]>]) -> Result<ArrayRef> {
    // An empty value of a type that has none is no value of Arrow's.
    let numbers = |width: usize| {
        values
            .iter()
            .map(move |value| value.filter(|v| v.len() == width))
    };
    fn be<const N: usize>(bytes: &[u8]) -> [u8; N] {
        bytes.try_into().unwrap_or([0; N])
    }
    let longs = || numbers(8).map(|value| value.map(|bytes| i64::from_be_bytes(be(bytes))));
    Ok(match ty {
        Type::TinyInt => Arc::new(Int8Array::from_iter(
            numbers(1).map(|value| value.map(|bytes| i8::from_be_bytes(be(bytes)))),
        )),
        Type::SmallInt => Arc::new(Int16Array::from_iter(
            numbers(2).map(|value| value.map(|bytes| i16::from_be_bytes(be(bytes)))),
        )),
        Type::Int => Arc::new(Int32Array::from_iter(
            numbers(4).map(|value| value.map(|bytes| i32::from_be_bytes(be(bytes)))),
        )),
        Type::BigInt | Type::Counter => Arc::new(Int64Array::from_iter(longs())),
        Type::Time => Arc::new(Time64NanosecondArray::from_iter(longs())),
        Type::Timestamp => {
            Arc::new(TimestampMillisecondArray::from_iter(longs()).with_timezone("UTC"))
        }
        Type::Date => Arc::new(days(numbers(4), be)?),
        Type::Float => Arc::new(Float32Array::from_iter(
            numbers(4).map(|value| value.map(|bytes| f32::from_be_bytes(be(bytes)))),
        )),
        Type::Double => Arc::new(Float64Array::from_iter(
            numbers(8).map(|value| value.map(|bytes| f64::from_be_bytes(be(bytes)))),
        )),
        Type::Boolean => Arc::new(BooleanArray::from_iter(
            numbers(1).map(|value| value.map(|bytes| bytes != [0])),
        )),
        Type::Blob => Arc::new(BinaryArray::from_iter(values.iter().copied())),
        Type::Uuid | Type::TimeUuid => {
            let mut built = FixedSizeBinaryBuilder::with_capacity(values.len(), 16);
            for value in numbers(16) {
                match value {
                    Some(bytes) => built.append_value(bytes).map_err(failed)?,
                    None => built.append_null(),
                }
            }
            Arc::new(built.finish())
        }
        Type::List { .. }
        | Type::Set { .. }
        | Type::Map { .. }
        | Type::Tuple(_)
        | Type::Udt { .. } => compound(ty, values)?,
        Type::Vector { element, .. } if **element == Type::Float => floats(ty, values)?,
        Type::Text | Type::Ascii => {
            let utf8 = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            Arc::new(StringArray::from_iter(
                values.iter().map(|value| value.map(utf8)),
            ))
        }
        ty => Arc::new(StringArray::from_iter(
            values
                .iter()
                .map(|value| value.map(|bytes| text::format(ty, bytes))),
        )),
    })
}

fn days<'a>(
    values: impl Iterator<Item = Option<&'a [u8]>>,
    be: fn(&[u8]) -> [u8; 4],
) -> Result<Date32Array> {
    let day = |bytes: &[u8]| {
        let day = i64::from(u32::from_be_bytes(be(bytes))) - EPOCH_DAY;
        i32::try_from(day).map_err(|_| Error::internal("a date beyond those of 32 bits"))
    };
    let days: Result<Vec<Option<i32>>> = values.map(|value| value.map(day).transpose()).collect();
    Ok(Date32Array::from(days?))
}

fn validity(values: &[Option<&[u8]>]) -> Option<NullBuffer> {
    let nulls: NullBuffer = values.iter().map(Option::is_some).collect();
    (nulls.null_count() > 0).then_some(nulls)
}

fn floats(ty: &Type, values: &[Option<&[u8]>]) -> Result<ArrayRef> {
    let DataType::FixedSizeList(field, size) = data_type(ty) else {
        return Err(Error::internal("a vector without a size"));
    };
    let width = usize::try_from(size).unwrap_or(0);
    let mut inner: Vec<Option<&[u8]>> = Vec::new();
    for value in values {
        let before = inner.len();
        inner.extend(value.unwrap_or_default().chunks_exact(4).map(Some));
        inner.resize(before + width, None);
    }
    let inner = of_wire(&Type::Float, &inner)?;
    let array = FixedSizeListArray::try_new(field, size, inner, validity(values));
    Ok(Arc::new(array.map_err(failed)?))
}

fn compound(ty: &Type, values: &[Option<&[u8]>]) -> Result<ArrayRef> {
    match ty {
        Type::List { element, .. } | Type::Set { element, .. } => {
            let (mut inner, mut lengths) = (Vec::new(), Vec::new());
            for value in values {
                let items = value.map_or(Ok(Vec::new()), collection::elements)?;
                lengths.push(items.len());
                inner.extend(items.into_iter().map(Some));
            }
            let DataType::List(field) = data_type(ty) else {
                return Err(Error::internal("a list without elements"));
            };
            let inner = of_wire(element, &inner)?;
            let offsets = OffsetBuffer::from_lengths(lengths);
            let array = ListArray::try_new(field, offsets, inner, validity(values));
            Ok(Arc::new(array.map_err(failed)?))
        }
        Type::Map { key, value, .. } => {
            let (mut keys, mut held, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
            for packed in values {
                let items = packed.map_or(Ok(Vec::new()), collection::entries)?;
                lengths.push(items.len());
                for (key, value) in items {
                    keys.push(Some(key));
                    held.push(Some(value));
                }
            }
            let field = entries(key, value);
            let DataType::Struct(fields) = field.data_type().clone() else {
                return Err(Error::internal("a map without entries"));
            };
            let columns = vec![of_wire(key, &keys)?, of_wire(value, &held)?];
            let inner = StructArray::try_new(fields, columns, None).map_err(failed)?;
            let offsets = OffsetBuffer::from_lengths(lengths);
            let array = MapArray::try_new(field, offsets, inner, validity(values), false);
            Ok(Arc::new(array.map_err(failed)?))
        }
        _ => {
            let parts = parts(ty);
            let mut columns: Vec<Vec<Option<&[u8]>>> = vec![Vec::new(); parts.len()];
            for value in values {
                let fields = match value {
                    Some(bytes) => collection::fields(bytes, parts.len())?,
                    None => Vec::new(),
                };
                for (at, column) in columns.iter_mut().enumerate() {
                    column.push(fields.get(at).copied().flatten());
                }
            }
            let columns: Result<Vec<ArrayRef>> = parts
                .iter()
                .zip(&columns)
                .map(|((_, ty), values)| of_wire(ty, values))
                .collect();
            let array = StructArray::try_new(members(ty), columns?, validity(values));
            Ok(Arc::new(array.map_err(failed)?))
        }
    }
}
