//! Whole vectors of a scan as Arrow arrays.
//!
//! Numbers and their presence bits are taken over as they are. Texts are views into the vector's
//! bytes. A dictionary's entries become an array, from which each row takes its own; decimals of
//! one scale are multiplied to the column's. Everything else goes through wire bytes; the cells of
//! a collection that is stored element by element are put together to wire bytes first.

use crate::analytics::build::ColumnBuilder;
use crate::error::{Error, Result};
use crate::storage::cell::Cell;
use crate::storage::read::{ColumnVector, VectorValues};
use crate::types::{Type, collection, key};
use arrow::array::{
    ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array,
    Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, StringArray,
    StringViewArray, Time64NanosecondArray, TimestampMillisecondArray, UInt16Array,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer};
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
                texts(offsets, data, nulls(present, rows))
            }
            DataType::BinaryView => blobs(offsets, data, nulls(present, rows)),
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
        VectorValues::Dictionary {
            codes,
            offsets,
            data,
        } => {
            let mut builder = ColumnBuilder::new(ty, to)?;
            for ends in offsets.windows(2) {
                builder.push(data.get(ends[0] as usize..ends[1] as usize))?;
            }
            let codes = UInt16Array::new(codes.into(), nulls(present, rows));
            arrow::compute::take(&builder.finish()?, &codes, None)
                .map_err(|error| Error::internal(format!("values of a dictionary: {error}")))
        }
        VectorValues::Scaled { scale, list } => {
            if let DataType::Decimal128(digits, wanted) = to
                && let Some(list) = rescaled(&list, scale, *digits, *wanted)
            {
                let array = Decimal128Array::new(list.into(), nulls(present, rows));
                return Ok(Arc::new(array.with_data_type(to.clone())));
            }
            let mut builder = ColumnBuilder::new(ty, to)?;
            let values = VectorValues::Scaled { scale, list };
            for row in 0..rows {
                let value = values.compact_wire(row).filter(|_| is_present(row));
                builder.push(value.as_deref())?;
            }
            builder.finish()
        }
        numbers => numbers_of(to, numbers, nulls(present, rows)),
    }
}

/// Unscaled values at the column's scale; none if one may not fit.
fn rescaled(list: &[i64], own: i32, digits: u8, scale: i8) -> Option<Vec<i128>> {
    let shift = u32::try_from(i32::from(scale).checked_sub(own)?).ok()?;
    let power = 10_i128.checked_pow(shift)?;
    let bound = 10_i128.checked_pow(u32::from(digits))?;
    let greatest = list.iter().map(|it| it.unsigned_abs()).max().unwrap_or(0);
    let fits = i128::from(greatest).checked_mul(power)? < bound;
    fits.then(|| match power {
        1 => list.iter().map(|it| i128::from(*it)).collect(),
        _ => list.iter().map(|it| i128::from(*it) * power).collect(),
    })
}

/// Ends as Arrow has them.
fn ends(offsets: Vec<u32>) -> Result<OffsetBuffer<i32>> {
    if offsets
        .last()
        .is_some_and(|end| i32::try_from(*end).is_err())
    {
        return Err(Error::invalid("values of more than 2 GiB in one batch"));
    }
    let offsets: Vec<i32> = offsets.into_iter().map(|end| end as i32).collect();
    Ok(OffsetBuffer::new(offsets.into()))
}

/// Texts, checked all at once, and seen where they stand.
fn texts(offsets: Vec<u32>, data: Vec<u8>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    let array = StringArray::try_new(ends(offsets)?, Buffer::from_vec(data), nulls)
        .map_err(|error| Error::invalid(format!("a stored text: {error}")))?;
    Ok(Arc::new(StringViewArray::from(&array)))
}

/// Blobs, seen where they stand.
fn blobs(offsets: Vec<u32>, data: Vec<u8>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    let array = BinaryArray::try_new(ends(offsets)?, Buffer::from_vec(data), nulls)
        .map_err(|error| Error::internal(format!("stored bytes: {error}")))?;
    Ok(Arc::new(BinaryViewArray::from(&array)))
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
