//! CQL's order of two values, by their wire bytes.
//!
//! Where Cassandra leaves its ordinary order, so do we: uuids by version, time, then bytes;
//! timeuuids by time, then by *signed* bytes; floats as Java's `compare` (-0.0 below 0.0, NaN
//! last); addresses, dates and times by unsigned bytes. Zero bytes stand below everything else.

use crate::types::number::{Decimal, compare_varints};
use crate::types::{Type, collection};
use std::cmp::Ordering;

impl Type {
    /// CQL's order of two values of this type. Bytes that are no such value are ordered by bytes.
    pub fn compare(&self, left: &[u8], right: &[u8]) -> Ordering {
        if left.is_empty() || right.is_empty() {
            if matches!(self, Self::Tuple(_) | Self::Udt { .. }) {
                return self.compare_fields(left, right);
            }
            return left.len().cmp(&right.len());
        }
        match self {
            Self::Ascii
            | Self::Text
            | Self::Blob
            | Self::Inet
            | Self::Date
            | Self::Time
            | Self::Duration => left.cmp(right),
            Self::TinyInt
            | Self::SmallInt
            | Self::Int
            | Self::BigInt
            | Self::Counter
            | Self::Timestamp => compare_signed(left, right),
            Self::Boolean => (left != [0]).cmp(&(right != [0])),
            Self::Float => by(left, right, |bytes| {
                Some(float_rank(f32::from_be_bytes(bytes.try_into().ok()?)))
            }),
            Self::Double => by(left, right, |bytes| {
                Some(double_rank(f64::from_be_bytes(bytes.try_into().ok()?)))
            }),
            Self::Uuid => by(left, right, uuid_rank),
            Self::TimeUuid => by(left, right, timeuuid_rank),
            Self::VarInt => compare_varints(left, right),
            Self::Decimal => match (Decimal::from_bytes(left), Decimal::from_bytes(right)) {
                (Some(left), Some(right)) => left.compare(&right),
                _ => left.cmp(right),
            },
            Self::List { element, .. } | Self::Set { element, .. } => {
                match (collection::elements(left), collection::elements(right)) {
                    (Ok(left), Ok(right)) => element.compare_all(&left, &right),
                    _ => left.cmp(right),
                }
            }
            Self::Map { key, value, .. } => {
                match (collection::entries(left), collection::entries(right)) {
                    (Ok(left), Ok(right)) => compare_entries(key, value, &left, &right),
                    _ => left.cmp(right),
                }
            }
            Self::Vector {
                element,
                dimensions,
            } => {
                let parts = |bytes| collection::vector(element, *dimensions, bytes);
                match (parts(left), parts(right)) {
                    (Ok(left), Ok(right)) => element.compare_all(&left, &right),
                    _ => left.cmp(right),
                }
            }
            Self::Tuple(_) | Self::Udt { .. } => self.compare_fields(left, right),
        }
    }

    fn compare_all(&self, left: &[&[u8]], right: &[&[u8]]) -> Ordering {
        left.iter()
            .zip(right)
            .map(|(left, right)| self.compare(left, right))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| left.len().cmp(&right.len()))
    }

    /// Field by field, null below all; missing fields are nulls.
    fn compare_fields(&self, left: &[u8], right: &[u8]) -> Ordering {
        let types = self.field_types();
        let parts = |bytes| collection::fields(bytes, types.len());
        let (Ok(left_fields), Ok(right_fields)) = (parts(left), parts(right)) else {
            return left.cmp(right);
        };
        for (at, ty) in types.into_iter().enumerate() {
            let field = |fields: &[Option<_>]| fields.get(at).copied().flatten();
            let order = match (field(&left_fields), field(&right_fields)) {
                (Some(left), Some(right)) => ty.compare(left, right),
                (left, right) => left.is_some().cmp(&right.is_some()),
            };
            if order.is_ne() {
                return order;
            }
        }
        Ordering::Equal
    }
}

fn compare_entries(
    key: &Type,
    value: &Type,
    left: &[(&[u8], &[u8])],
    right: &[(&[u8], &[u8])],
) -> Ordering {
    left.iter()
        .zip(right)
        .map(|(left, right)| {
            key.compare(left.0, right.0)
                .then_with(|| value.compare(left.1, right.1))
        })
        .find(|order| order.is_ne())
        .unwrap_or_else(|| left.len().cmp(&right.len()))
}

/// Two's complement integers of equal length, neither empty.
fn compare_signed(left: &[u8], right: &[u8]) -> Ordering {
    let first = |bytes: &[u8]| bytes.first().map(|byte| byte ^ 0x80);
    first(left).cmp(&first(right)).then_with(|| left.cmp(right))
}

fn by<T: Ord>(left: &[u8], right: &[u8], rank: impl Fn(&[u8]) -> Option<T>) -> Ordering {
    match (rank(left), rank(right)) {
        (Some(left_rank), Some(right_rank)) => left_rank.cmp(&right_rank),
        _ => left.cmp(right),
    }
}

/// The one NaN of keys, as bits.
pub(crate) const FLOAT_NAN: u32 = 0x7FC0_0000;
/// The one NaN of keys, as bits.
pub(crate) const DOUBLE_NAN: u64 = 0x7FF8 << 48;

/// A number whose unsigned order is the order of floats: all NaNs one, above infinity.
pub(crate) fn float_rank(value: f32) -> u32 {
    let bits = if value.is_nan() {
        FLOAT_NAN
    } else {
        value.to_bits()
    };
    if bits >> 31 == 0 {
        bits ^ (1 << 31)
    } else {
        !bits
    }
}

/// A number whose unsigned order is the order of doubles: all NaNs one, above infinity.
pub(crate) fn double_rank(value: f64) -> u64 {
    let bits = if value.is_nan() {
        DOUBLE_NAN
    } else {
        value.to_bits()
    };
    if bits >> 63 == 0 {
        bits ^ (1 << 63)
    } else {
        !bits
    }
}

/// Version, then the time (version 1) or the upper bytes (others), then the lower bytes. Nothing
/// is lost: the digits are only in another order.
pub(crate) fn uuid_rank(bytes: &[u8]) -> Option<u128> {
    let (high, low) = halves(bytes)?;
    let ranked = if (high >> 12) & 0xF == 1 {
        time_first(high)
    } else {
        ((high & 0xF000) << 48) | ((high >> 4) & 0x0FFF_FFFF_FFFF_F000) | (high & 0xFFF)
    };
    Some((u128::from(ranked) << 64) | u128::from(low))
}

/// The time, then the lower bytes as signed ones.
pub(crate) fn timeuuid_rank(bytes: &[u8]) -> Option<u128> {
    let (high, low) = halves(bytes)?;
    Some((u128::from(time_first(high)) << 64) | u128::from(low ^ 0x8080_8080_8080_8080))
}

/// The upper half of a uuid that [`uuid_rank`] put in order, back in its own order.
pub(crate) fn uuid_high_from_rank(ranked: u64) -> u64 {
    if ranked >> 60 == 1 {
        time_last(ranked)
    } else {
        ((ranked & 0x0FFF_FFFF_FFFF_F000) << 4) | ((ranked >> 48) & 0xF000) | (ranked & 0xFFF)
    }
}

fn halves(bytes: &[u8]) -> Option<(u64, u64)> {
    let whole = u128::from_be_bytes(bytes.try_into().ok()?);
    Some(((whole >> 64) as u64, whole as u64))
}

/// A version 1 uuid's upper half is time_low (32 bits), time_mid (16), version and time_high (16):
/// turned around it is version and time.
fn time_first(high: u64) -> u64 {
    (high << 48) | ((high << 16) & 0xFFFF_0000_0000) | (high >> 32)
}

/// The inverse of [`time_first`].
pub(crate) fn time_last(ranked: u64) -> u64 {
    (ranked << 32) | ((ranked >> 16) & 0xFFFF_0000) | (ranked >> 48)
}
