//! Columns of plain values: one Arrow builder each.

use crate::error::{Error, Result};
use crate::types::codec::decode_duration;
use crate::types::number::Decimal;
use crate::types::{Type, text};
use arrow::array::{
    ArrayRef, BinaryViewBuilder, BooleanBuilder, Date32Builder, Decimal128Builder,
    Decimal256Builder, Float32Builder, Float64Builder, Int8Builder, Int16Builder, Int32Builder,
    Int64Builder, IntervalMonthDayNanoBuilder, StringBuilder, StringViewBuilder,
    Time64NanosecondBuilder, TimestampMillisecondBuilder,
};
use arrow::datatypes::{DataType, IntervalMonthDayNano, i256};
use num_bigint::BigInt;
use std::sync::Arc;

/// Values of one Arrow type.
#[derive(Debug)]
pub(super) enum Plain {
    Int8(Int8Builder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Boolean(BooleanBuilder),
    Text(StringViewBuilder),
    /// Text that is a map's key.
    KeyText(StringBuilder),
    /// What has a text form only.
    Written(StringViewBuilder),
    Blob(BinaryViewBuilder),
    Date(Date32Builder),
    Time(Time64NanosecondBuilder),
    Timestamp(TimestampMillisecondBuilder),
    Duration(IntervalMonthDayNanoBuilder),
    Decimal128(Decimal128Builder, u8, i8),
    Decimal256(Decimal256Builder, u8, i8),
}

fn array<const N: usize>(ty: &Type, bytes: &[u8]) -> Result<[u8; N]> {
    let wrong = |_| Error::invalid(format!("{} bytes are no value of type {ty}", bytes.len()));
    bytes.try_into().map_err(wrong)
}

/// The same for what machine numbers can hold, which is nearly everything: none where they can't,
/// or where the value does not fit.
fn rescaled_quickly(ty: &Type, bytes: &[u8], digits: u8, scale: i8) -> Option<i128> {
    let (own, unscaled) = match ty {
        Type::VarInt => (0, bytes),
        _ => {
            let (own, unscaled) = bytes.split_first_chunk::<4>()?;
            (i32::from_be_bytes(*own), unscaled)
        }
    };
    let sign = if unscaled.first()? & 0x80 == 0 { 0 } else { -1 };
    if unscaled.len() > 8 {
        return None;
    }
    let bytes = unscaled.iter();
    let unscaled = i128::from(bytes.fold(sign, |number: i64, byte| number << 8 | i64::from(*byte)));
    let shift = u32::try_from(i32::from(scale).checked_sub(own)?).ok()?;
    let number = match shift {
        0 => unscaled,
        1..=38 => unscaled.checked_mul(10_i128.pow(shift))?,
        _ => return None,
    };
    let bound = 10_i128.checked_pow(u32::from(digits))?;
    (number.unsigned_abs() < bound.unsigned_abs()).then_some(number)
}

/// The unscaled value at the column's scale; an error where it has more digits than fit.
fn rescaled(ty: &Type, bytes: &[u8], digits: u8, scale: i8) -> Result<BigInt> {
    let decimal = match ty {
        Type::VarInt => Some(Decimal {
            unscaled: BigInt::from_signed_bytes_be(bytes),
            scale: 0,
        }),
        _ => Decimal::from_bytes(bytes),
    };
    let decimal = decimal.ok_or_else(|| Error::invalid("bytes are no decimal"))?;
    let wide = || {
        Error::invalid(format!(
            "the {ty} {} does not fit into {digits} digits with {scale} behind the point",
            text::format(ty, bytes)
        ))
    };
    let shift = i64::from(scale) - i64::from(decimal.scale);
    let power = u32::try_from(shift.unsigned_abs()).map_err(|_| wide())?;
    if power > 200_000 {
        return Err(wide());
    }
    let unscaled = if shift < 0 {
        let divisor = BigInt::from(10).pow(power);
        if &decimal.unscaled % &divisor != BigInt::ZERO {
            return Err(wide());
        }
        decimal.unscaled / divisor
    } else if power > u32::from(digits) && decimal.unscaled != BigInt::ZERO {
        return Err(wide());
    } else {
        decimal.unscaled * BigInt::from(10).pow(power.min(u32::from(digits)))
    };
    if unscaled.magnitude() >= BigInt::from(10).pow(u32::from(digits)).magnitude() {
        return Err(wide());
    }
    Ok(unscaled)
}

fn wide(value: &BigInt) -> Option<i256> {
    let bytes = value.to_signed_bytes_be();
    let sign = if bytes.first()? & 0x80 == 0 { 0 } else { 0xFF };
    let mut out = [sign; 32];
    out.get_mut(32usize.checked_sub(bytes.len())?..)?
        .copy_from_slice(&bytes);
    Some(i256::from_be_bytes(out))
}

impl Plain {
    pub fn new(ty: &Type, to: &DataType) -> Option<Self> {
        Some(match (ty, to) {
            (Type::TinyInt, DataType::Int8) => Self::Int8(Int8Builder::new()),
            (Type::SmallInt, DataType::Int16) => Self::Int16(Int16Builder::new()),
            (Type::Int, DataType::Int32) => Self::Int32(Int32Builder::new()),
            (Type::BigInt | Type::Counter, DataType::Int64) => Self::Int64(Int64Builder::new()),
            (Type::Float, DataType::Float32) => Self::Float32(Float32Builder::new()),
            (Type::Double, DataType::Float64) => Self::Float64(Float64Builder::new()),
            (Type::Boolean, DataType::Boolean) => Self::Boolean(BooleanBuilder::new()),
            (Type::Text | Type::Ascii, DataType::Utf8View) => Self::Text(StringViewBuilder::new()),
            (Type::Text | Type::Ascii, DataType::Utf8) => Self::KeyText(StringBuilder::new()),
            (Type::Uuid | Type::TimeUuid | Type::Inet | Type::Decimal, DataType::Utf8View) => {
                Self::Written(StringViewBuilder::new())
            }
            (Type::Blob, DataType::BinaryView) => Self::Blob(BinaryViewBuilder::new()),
            (Type::Date, DataType::Date32) => Self::Date(Date32Builder::new()),
            (Type::Time, DataType::Time64(_)) => Self::Time(Time64NanosecondBuilder::new()),
            (Type::Timestamp, DataType::Timestamp(..)) => {
                Self::Timestamp(TimestampMillisecondBuilder::new().with_data_type(to.clone()))
            }
            (Type::Duration, DataType::Interval(_)) => {
                Self::Duration(IntervalMonthDayNanoBuilder::new())
            }
            (Type::Decimal | Type::VarInt, DataType::Decimal128(digits, scale)) => {
                let builder = Decimal128Builder::new().with_data_type(to.clone());
                Self::Decimal128(builder, *digits, *scale)
            }
            (Type::Decimal | Type::VarInt, DataType::Decimal256(digits, scale)) => {
                let builder = Decimal256Builder::new().with_data_type(to.clone());
                Self::Decimal256(builder, *digits, *scale)
            }
            _ => return None,
        })
    }

    pub fn push(&mut self, ty: &Type, value: Option<&[u8]>) -> Result<()> {
        let Some(value) = value else {
            self.push_null();
            return Ok(());
        };
        match self {
            Self::Int8(to) => to.append_value(i8::from_be_bytes(array(ty, value)?)),
            Self::Int16(to) => to.append_value(i16::from_be_bytes(array(ty, value)?)),
            Self::Int32(to) => to.append_value(i32::from_be_bytes(array(ty, value)?)),
            Self::Int64(to) => to.append_value(i64::from_be_bytes(array(ty, value)?)),
            Self::Float32(to) => to.append_value(f32::from_be_bytes(array(ty, value)?)),
            Self::Float64(to) => to.append_value(f64::from_be_bytes(array(ty, value)?)),
            Self::Boolean(to) => to.append_value(array::<1>(ty, value)? != [0]),
            Self::Text(to) => to.append_value(
                std::str::from_utf8(value).map_err(|_| Error::invalid("bytes are no text"))?,
            ),
            Self::KeyText(to) => to.append_value(
                std::str::from_utf8(value).map_err(|_| Error::invalid("bytes are no text"))?,
            ),
            Self::Written(to) => to.append_value(text::format(ty, value)),
            Self::Blob(to) => to.append_value(value),
            Self::Date(to) => {
                to.append_value(i32::from_be_bytes(array(ty, value)?).wrapping_add(i32::MIN));
            }
            Self::Time(to) => to.append_value(i64::from_be_bytes(array(ty, value)?)),
            Self::Timestamp(to) => to.append_value(i64::from_be_bytes(array(ty, value)?)),
            Self::Duration(to) => {
                let (months, days, nanos) = decode_duration(value)
                    .ok_or_else(|| Error::invalid("bytes are no duration"))?;
                to.append_value(IntervalMonthDayNano::new(months, days, nanos));
            }
            Self::Decimal128(to, digits, scale) => {
                let number = match rescaled_quickly(ty, value, *digits, *scale) {
                    Some(number) => number,
                    None => i128::try_from(rescaled(ty, value, *digits, *scale)?)
                        .map_err(|_| Error::internal("a wide decimal"))?,
                };
                to.append_value(number);
            }
            Self::Decimal256(to, digits, scale) => {
                let unscaled = rescaled(ty, value, *digits, *scale)?;
                to.append_value(wide(&unscaled).ok_or_else(|| Error::internal("a wide decimal"))?);
            }
        }
        Ok(())
    }

    fn push_null(&mut self) {
        match self {
            Self::Int8(to) => to.append_null(),
            Self::Int16(to) => to.append_null(),
            Self::Int32(to) => to.append_null(),
            Self::Int64(to) => to.append_null(),
            Self::Float32(to) => to.append_null(),
            Self::Float64(to) => to.append_null(),
            Self::Boolean(to) => to.append_null(),
            Self::Text(to) | Self::Written(to) => to.append_null(),
            Self::KeyText(to) => to.append_null(),
            Self::Blob(to) => to.append_null(),
            Self::Date(to) => to.append_null(),
            Self::Time(to) => to.append_null(),
            Self::Timestamp(to) => to.append_null(),
            Self::Duration(to) => to.append_null(),
            Self::Decimal128(to, ..) => to.append_null(),
            Self::Decimal256(to, ..) => to.append_null(),
        }
    }

    pub fn finish(&mut self) -> Result<ArrayRef> {
        Ok(match self {
            Self::Int8(to) => Arc::new(to.finish()),
            Self::Int16(to) => Arc::new(to.finish()),
            Self::Int32(to) => Arc::new(to.finish()),
            Self::Int64(to) => Arc::new(to.finish()),
            Self::Float32(to) => Arc::new(to.finish()),
            Self::Float64(to) => Arc::new(to.finish()),
            Self::Boolean(to) => Arc::new(to.finish()),
            Self::Text(to) | Self::Written(to) => Arc::new(to.finish()),
            Self::KeyText(to) => Arc::new(to.finish()),
            Self::Blob(to) => Arc::new(to.finish()),
            Self::Date(to) => Arc::new(to.finish()),
            Self::Time(to) => Arc::new(to.finish()),
            Self::Timestamp(to) => Arc::new(to.finish()),
            Self::Duration(to) => Arc::new(to.finish()),
            Self::Decimal128(to, ..) => Arc::new(to.finish()),
            Self::Decimal256(to, ..) => Arc::new(to.finish()),
        })
    }
}
