//! Numbers of every numeric type, read from wire bytes and turned into each other as Java does.

use crate::cql::functions::decimal;
use crate::error::{Error, Result};
use crate::types::Type;
use crate::types::java;
use crate::types::number::Decimal;
use num_bigint::BigInt;

/// The numeric types.
pub(super) const NUMERIC: [Type; 9] = [
    Type::TinyInt,
    Type::SmallInt,
    Type::Int,
    Type::BigInt,
    Type::Float,
    Type::Double,
    Type::VarInt,
    Type::Decimal,
    Type::Counter,
];

/// A number of any numeric type.
#[derive(Clone, Debug)]
pub(super) enum Number {
    /// Of a type with a fixed number of bytes.
    Integer(i64),
    Float(f32),
    Double(f64),
    Varint(BigInt),
    Decimal(Decimal),
}

impl Number {
    /// Reads wire bytes; none for an empty value, which counts as null.
    pub(super) fn read(ty: &Type, bytes: &[u8]) -> Result<Option<Self>> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let number = match ty {
            Type::TinyInt => bytes
                .try_into()
                .ok()
                .map(|b| Self::Integer(i8::from_be_bytes(b).into())),
            Type::SmallInt => bytes
                .try_into()
                .ok()
                .map(|b| Self::Integer(i16::from_be_bytes(b).into())),
            Type::Int => bytes
                .try_into()
                .ok()
                .map(|b| Self::Integer(i32::from_be_bytes(b).into())),
            Type::BigInt | Type::Counter => bytes
                .try_into()
                .ok()
                .map(|b| Self::Integer(i64::from_be_bytes(b))),
            Type::Float => bytes
                .try_into()
                .ok()
                .map(|b| Self::Float(f32::from_be_bytes(b))),
            Type::Double => bytes
                .try_into()
                .ok()
                .map(|b| Self::Double(f64::from_be_bytes(b))),
            Type::VarInt => Some(Self::Varint(BigInt::from_signed_bytes_be(bytes))),
            Type::Decimal => Decimal::from_bytes(bytes).map(Self::Decimal),
            _ => None,
        };
        number.map(Some).ok_or_else(|| {
            Error::invalid(format!("{} bytes are no value of type {ty}", bytes.len()))
        })
    }

    /// The nearest double.
    pub(super) fn to_f64(&self) -> f64 {
        match self {
            Self::Integer(value) => *value as f64,
            Self::Float(value) => f64::from(*value),
            Self::Double(value) => *value,
            Self::Varint(value) => value.to_string().parse().unwrap_or(f64::NAN),
            Self::Decimal(value) => value.to_string().parse().unwrap_or(f64::NAN),
        }
    }

    fn to_f32(&self) -> f32 {
        match self {
            Self::Integer(value) => *value as f32,
            Self::Float(value) => *value,
            Self::Double(value) => *value as f32,
            Self::Varint(value) => value.to_string().parse().unwrap_or(f32::NAN),
            Self::Decimal(value) => value.to_string().parse().unwrap_or(f32::NAN),
        }
    }

    /// As a decimal: floats by their shortest text. There is none for NaN and infinity.
    /// As an operand of decimal arithmetic, in which Cassandra takes every number of fixed size by
    /// its double: an int comes with one zero behind the point.
    pub(super) fn to_decimal_operand(&self) -> Result<Decimal> {
        match self {
            Self::Integer(value) => Self::Double(*value as f64).to_decimal(),
            Self::Float(value) => Self::Double(f64::from(*value)).to_decimal(),
            _ => self.to_decimal(),
        }
    }

    pub(super) fn to_decimal(&self) -> Result<Decimal> {
        let parse = |text: String| {
            Decimal::parse(&text).ok_or_else(|| Error::invalid(format!("{text} is no decimal")))
        };
        match self {
            Self::Integer(value) => Ok(decimal::whole(*value)),
            Self::Float(value) => parse(java::float_text(*value)),
            Self::Double(value) => parse(java::double_text(*value)),
            Self::Varint(value) => Ok(decimal::whole(value.clone())),
            Self::Decimal(value) => Ok(value.clone()),
        }
    }

    /// As a whole number of any size; fractions are cut off.
    pub(super) fn to_varint(&self) -> Result<BigInt> {
        match self {
            Self::Integer(value) => Ok(BigInt::from(*value)),
            Self::Float(_) | Self::Double(_) => Ok(BigInt::from(self.to_f64() as i64)),
            Self::Varint(value) => Ok(value.clone()),
            Self::Decimal(value) => decimal::truncate(value),
        }
    }

    /// As a fixed-width integer of `bits` bits, in Java's way: floats stop at the ends of the
    /// range (of `int` for the narrower types), integers lose their upper bits.
    pub(super) fn to_integer(&self, bits: u32) -> Result<i64> {
        Ok(match self {
            Self::Integer(value) => *value,
            Self::Float(_) | Self::Double(_) if bits == 64 => self.to_f64() as i64,
            Self::Float(_) | Self::Double(_) => i64::from(self.to_f64() as i32),
            Self::Varint(_) | Self::Decimal(_) => low_bits(&self.to_varint()?),
        })
    }

    /// The wire bytes of this number as a value of type `to`.
    pub(super) fn write(&self, to: &Type) -> Result<Vec<u8>> {
        Ok(match to {
            Type::TinyInt => (self.to_integer(8)? as i8).to_be_bytes().to_vec(),
            Type::SmallInt => (self.to_integer(16)? as i16).to_be_bytes().to_vec(),
            Type::Int => (self.to_integer(32)? as i32).to_be_bytes().to_vec(),
            Type::BigInt | Type::Counter => self.to_integer(64)?.to_be_bytes().to_vec(),
            Type::Float => self.to_f32().to_be_bytes().to_vec(),
            Type::Double => self.to_f64().to_be_bytes().to_vec(),
            Type::VarInt => checked(to, self.to_varint()?.to_signed_bytes_be())?,
            Type::Decimal => checked(to, self.to_decimal()?.to_bytes())?,
            _ => return Err(Error::internal(format!("{to} is no numeric type"))),
        })
    }
}

fn checked(ty: &Type, bytes: Vec<u8>) -> Result<Vec<u8>> {
    ty.validate(&bytes)?;
    Ok(bytes)
}

/// The lowest 64 bits, as Java's `BigInteger.longValue`.
fn low_bits(number: &BigInt) -> i64 {
    let bytes = number.to_signed_bytes_le();
    let fill = if bytes.last().is_some_and(|last| last & 0x80 != 0) {
        0xFF
    } else {
        0
    };
    let mut low = [fill; 8];
    low.iter_mut()
        .zip(&bytes)
        .for_each(|(to, from)| *to = *from);
    i64::from_le_bytes(low)
}
