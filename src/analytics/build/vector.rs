//! Whole vectors of a scan as Arrow arrays.
//!
//! Numbers and their presence bits are taken over as they are. Texts are views into the vector's
//! bytes. Everything else goes through wire bytes; the cells of a collection that is stored element
//! by element are put together to wire bytes first.

use crate::analytics::build::ColumnBuilder;
use crate::error::{Error, Result};
use crate::storage::cell::Cell;
use crate::storage::read::{ColumnVector, VectorValues};
use crate::types::{Type, collection, key};
use arrow::array::{
    ArrayRef, BinaryViewBuilder, BooleanArray, Date32Array, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, StringViewBuilder, Time64NanosecondArray,
    TimestampMillisecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow::datatypes::DataType;
use bytes::Bytes;
use std::sync::Arc;

/// The array of a vector of `rows` values of type `ty`.
pub fn array_of(ty: &Type, to: &DataType, vector: ColumnVector, rows: usize) -> Result<ArrayRef> {
    let ColumnVector { present, values } = vector;
    let is_present = |row: usize| {
        present
            .get(row / 64)
            .is_some_and(|it| it >> (row % 64) & 1 == 1)
    };
    match values {
        VectorValues::Bytes { offsets, data } => match to {
            DataType::Utf8View if matches!(ty, Type::Text | Type::Ascii) => {
                views(StringViewBuilder::new(), rows, &offsets, data, is_present)
            }
            DataType::BinaryView => {
                views(BinaryViewBuilder::new(), rows, &offsets, data, is_present)
            }
            _ => {
                let mut builder = ColumnBuilder::new(ty, to)?;
                for row in 0..rows {
                    let value = offsets
                        .get(row..row + 2)
                        .and_then(|ends| data.get(ends[0] as usize..ends[1] as usize));
                    builder.push(value.filter(|_| is_present(row)))?;
                }
                builder.finish()
            }
        },
        VectorValues::Complex(list) => {
            let mut builder = ColumnBuilder::new(ty, to)?;
            for cells in &list {
                builder.push(together(ty, cells)?.as_deref())?;
            }
            builder.finish()
        }
        numbers => numbers_of(to, numbers, nulls(present, rows)),
    }
}

fn nulls(present: Vec<u64>, rows: usize) -> Option<NullBuffer> {
    let mut words: Vec<u64> = present.into_iter().map(u64::to_le).collect();
    words.resize(rows.div_ceil(64), 0);
    let bits = BooleanBuffer::new(Buffer::from_vec(words), 0, rows);
    Some(NullBuffer::new(bits)).filter(|nulls| nulls.null_count() > 0)
}

fn numbers_of(to: &DataType, values: VectorValues, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    Ok(match (values, to) {
        (VectorValues::Int8(list), DataType::Int8) => Arc::new(Int8Array::new(list.into(), nulls)),
        (VectorValues::Int16(list), DataType::Int16) => {
            Arc::new(Int16Array::new(list.into(), nulls))
        }
        (VectorValues::Int32(list), DataType::Int32) => {
            Arc::new(Int32Array::new(list.into(), nulls))
        }
        (VectorValues::Int32(mut list), DataType::Date32) => {
            list.iter_mut()
                .for_each(|day| *day = day.wrapping_add(i32::MIN));
            Arc::new(Date32Array::new(list.into(), nulls))
        }
        (VectorValues::Int64(list), DataType::Int64) => {
            Arc::new(Int64Array::new(list.into(), nulls))
        }
        (VectorValues::Int64(list), DataType::Time64(_)) => {
            Arc::new(Time64NanosecondArray::new(list.into(), nulls))
        }
        (VectorValues::Int64(list), DataType::Timestamp(_, zone)) => Arc::new(
            TimestampMillisecondArray::new(list.into(), nulls).with_timezone_opt(zone.clone()),
        ),
        (VectorValues::Float32(list), DataType::Float32) => {
            Arc::new(Float32Array::new(list.into(), nulls))
        }
        (VectorValues::Float64(list), DataType::Float64) => {
            Arc::new(Float64Array::new(list.into(), nulls))
        }
        (VectorValues::Bool(list), DataType::Boolean) => {
            Arc::new(BooleanArray::new(list.into(), nulls))
        }
        (_, to) => return Err(Error::internal(format!("a vector that is no {to}"))),
    })
}

/// A builder of views.
trait Views {
    fn block(&mut self, data: Vec<u8>) -> u32;
    fn view(&mut self, block: u32, start: u32, length: u32) -> Result<()>;
    fn null(&mut self);
    fn array(&mut self) -> ArrayRef;
}

macro_rules! views {
    ($builder:ty) => {
        impl Views for $builder {
            fn block(&mut self, data: Vec<u8>) -> u32 {
                self.append_block(Buffer::from_vec(data))
            }

            fn view(&mut self, block: u32, start: u32, length: u32) -> Result<()> {
                self.try_append_view(block, start, length)
                    .map_err(|error| Error::invalid(format!("a stored text: {error}")))
            }

            fn null(&mut self) {
                self.append_null();
            }

            fn array(&mut self) -> ArrayRef {
                Arc::new(self.finish())
            }
        }
    };
}

views!(StringViewBuilder);
views!(BinaryViewBuilder);

fn views(
    mut builder: impl Views,
    rows: usize,
    offsets: &[u32],
    data: Vec<u8>,
    is_present: impl Fn(usize) -> bool,
) -> Result<ArrayRef> {
    let block = builder.block(data);
    for row in 0..rows {
        match offsets.get(row..row + 2) {
            Some([start, end]) if is_present(row) => {
                builder.view(block, *start, end.saturating_sub(*start))?;
            }
            _ => builder.null(),
        }
    }
    Ok(builder.array())
}

/// The wire bytes of a collection or user type from its cells; none where it has none.
fn together(ty: &Type, cells: &[(Bytes, Cell)]) -> Result<Option<Vec<u8>>> {
    if cells.is_empty() {
        return Ok(None);
    }
    let path = |ty: &Type, path: &Bytes| {
        // Where the byte-comparable form has lost something, the original stands in its place.
        key::decode_path(ty, path).or_else(|error| {
            if key::may_lose(ty) {
                Ok(path.to_vec())
            } else {
                Err(error)
            }
        })
    };
    Ok(Some(match ty {
        Type::List { .. } => {
            let values: Vec<&[u8]> = cells.iter().map(|(_, cell)| cell.value.as_ref()).collect();
            collection::pack_elements(&values)
        }
        Type::Set { element, .. } => {
            let values = cells.iter().map(|(it, _)| path(element, it));
            collection::pack_elements(&values.collect::<Result<Vec<_>>>()?)
        }
        Type::Map { key, .. } => {
            let entries = cells
                .iter()
                .map(|(it, cell)| Ok((path(key, it)?, cell.value.to_vec())));
            collection::pack_entries(&entries.collect::<Result<Vec<_>>>()?)
        }
        Type::Udt { udt, .. } => {
            let mut fields: Vec<Option<&[u8]>> = vec![None; udt.fields.len()];
            for (it, cell) in cells {
                let number: [u8; 2] = it
                    .as_ref()
                    .try_into()
                    .map_err(|_| Error::internal("a field without a number"))?;
                if let Some(field) = fields.get_mut(usize::from(u16::from_be_bytes(number))) {
                    *field = Some(cell.value.as_ref());
                }
            }
            collection::pack_fields(&fields)
        }
        other => return Err(Error::internal(format!("cells of a {other}"))),
    }))
}
