//! CQL values as Arrow arrays.
//!
//! A [`ColumnBuilder`] takes wire bytes, value by value. It is a tree like the type's: a list has a
//! builder for its elements, a tuple one for each field. `vector` has the shorter way for
//! whole vectors that a scan yields: numbers become arrays as they are.
//!
//! Zero bytes of a type that has no such value ("empty", a leftover of older protocols) are null.

mod kind;
mod vector;

pub use vector::array_of;

use crate::error::{Error, Result};
use crate::types::{Type, collection};
use arrow::array::{ArrayRef, FixedSizeListArray, ListArray, MapArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType;
use kind::Plain;
use std::sync::Arc;

/// Builds one column from wire bytes.
#[derive(Debug)]
pub struct ColumnBuilder {
    ty: Type,
    to: DataType,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Plain(Plain),
    Nested {
        parts: Vec<ColumnBuilder>,
        lengths: Vec<usize>,
        present: Vec<bool>,
    },
}

impl ColumnBuilder {
    /// A builder of arrays of type `to`, which [`arrow_of`](super::types::arrow_of) answers for
    /// `ty`.
    pub fn new(ty: &Type, to: &DataType) -> Result<Self> {
        let no = || Error::internal(format!("no values of type {ty} in columns of type {to}"));
        let parts = match (ty, to) {
            (Type::List { element, .. } | Type::Set { element, .. }, DataType::List(field))
            | (Type::Vector { element, .. }, DataType::FixedSizeList(field, _)) => {
                vec![Self::new(element, field.data_type())?]
            }
            (Type::Map { key, value, .. }, DataType::Map(entries, _)) => {
                let DataType::Struct(pair) = entries.data_type() else {
                    return Err(no());
                };
                let [left, right] = pair.as_ref() else {
                    return Err(no());
                };
                vec![
                    Self::new(key, left.data_type())?,
                    Self::new(value, right.data_type())?,
                ]
            }
            (Type::Tuple(_) | Type::Udt { .. }, DataType::Struct(fields)) => {
                let types = ty.field_types();
                let pairs = types.iter().zip(fields);
                pairs
                    .map(|(ty, field)| Self::new(ty, field.data_type()))
                    .collect::<Result<_>>()?
            }
            _ => {
                return Ok(Self {
                    ty: ty.clone(),
                    to: to.clone(),
                    body: Body::Plain(Plain::new(ty, to).ok_or_else(no)?),
                });
            }
        };
        Ok(Self {
            ty: ty.clone(),
            to: to.clone(),
            body: Body::Nested {
                parts,
                lengths: Vec::new(),
                present: Vec::new(),
            },
        })
    }

    /// Adds a value, or a null.
    pub fn push(&mut self, value: Option<&[u8]>) -> Result<()> {
        let value = value.filter(|value| !value.is_empty() || self.ty.empty_is_a_value());
        match &mut self.body {
            Body::Plain(plain) => plain.push(&self.ty, value),
            Body::Nested {
                parts,
                lengths,
                present,
            } => {
                present.push(value.is_some());
                lengths.push(push_parts(&self.ty, parts, value)?);
                Ok(())
            }
        }
    }

    /// The array; the builder is empty again.
    pub fn finish(&mut self) -> Result<ArrayRef> {
        let (parts, lengths, present) = match &mut self.body {
            Body::Plain(plain) => return plain.finish(),
            Body::Nested {
                parts,
                lengths,
                present,
            } => (parts, std::mem::take(lengths), std::mem::take(present)),
        };
        let rows = present.len();
        let nulls = Some(NullBuffer::from(present)).filter(|nulls| nulls.null_count() > 0);
        let mut arrays = parts
            .iter_mut()
            .map(Self::finish)
            .collect::<Result<Vec<_>>>()?;
        let made: Result<ArrayRef, arrow::error::ArrowError> = match &self.to {
            DataType::List(field) => {
                let offsets = OffsetBuffer::from_lengths(lengths);
                let values = arrays.swap_remove(0);
                ListArray::try_new(Arc::clone(field), offsets, values, nulls)
                    .map(|array| Arc::new(array) as ArrayRef)
            }
            DataType::FixedSizeList(field, size) => {
                let values = arrays.swap_remove(0);
                FixedSizeListArray::try_new(Arc::clone(field), *size, values, nulls)
                    .map(|array| Arc::new(array) as ArrayRef)
            }
            DataType::Map(entries, sorted) => {
                let DataType::Struct(pair) = entries.data_type() else {
                    return Err(Error::internal("a map without entries"));
                };
                let offsets = OffsetBuffer::from_lengths(lengths);
                StructArray::try_new(pair.clone(), arrays, None)
                    .and_then(|inside| {
                        MapArray::try_new(Arc::clone(entries), offsets, inside, nulls, *sorted)
                    })
                    .map(|array| Arc::new(array) as ArrayRef)
            }
            DataType::Struct(fields) => {
                StructArray::try_new_with_length(fields.clone(), arrays, nulls, rows)
                    .map(|array| Arc::new(array) as ArrayRef)
            }
            other => return Err(Error::internal(format!("no nested type: {other}"))),
        };
        made.map_err(|error| Error::internal(format!("a column of {}: {error}", self.ty)))
    }
}

/// Hands the parts of a nested value to the builders; how many elements there were.
fn push_parts(ty: &Type, parts: &mut [ColumnBuilder], value: Option<&[u8]>) -> Result<usize> {
    match (ty, parts, value) {
        (Type::Vector { dimensions, .. }, [part], None) => {
            for _ in 0..*dimensions {
                part.push(None)?;
            }
            Ok(0)
        }
        (
            Type::Vector {
                element,
                dimensions,
            },
            [part],
            Some(value),
        ) => {
            for element in collection::vector(element, *dimensions, value)? {
                part.push(Some(element))?;
            }
            Ok(0)
        }
        (Type::Tuple(_) | Type::Udt { .. }, parts, value) => {
            let fields = match value {
                Some(value) => collection::fields(value, parts.len())?,
                None => Vec::new(),
            };
            let padded = fields.into_iter().chain(std::iter::repeat(None));
            for (part, field) in parts.iter_mut().zip(padded) {
                part.push(field)?;
            }
            Ok(0)
        }
        (_, _, None) => Ok(0),
        (Type::Map { .. }, [keys, values], Some(value)) => {
            let entries = collection::entries(value)?;
            for (key, value) in &entries {
                keys.push(Some(key))?;
                values.push(Some(value))?;
            }
            Ok(entries.len())
        }
        (_, [part], Some(value)) => {
            let elements = collection::elements_or_nulls(value)?;
            for element in &elements {
                part.push(*element)?;
            }
            Ok(elements.len())
        }
        _ => Err(Error::internal(format!("a nested value of type {ty}"))),
    }
}
