//! Types for tests by short names, and random types and values: small alphabets, so that equal
//! values, shared prefixes and edges come often.

use crate::random::Random;
use crate::types::number::Decimal;
use crate::types::temporal::DAY_NANOS;
use crate::types::{Type, Udt, codec, collection};
use num_bigint::BigInt;
use std::sync::Arc;

/// All scalar types.
pub(crate) const SCALARS: [Type; 20] = [
    Type::Ascii,
    Type::BigInt,
    Type::Blob,
    Type::Boolean,
    Type::Counter,
    Type::Date,
    Type::Decimal,
    Type::Double,
    Type::Duration,
    Type::Float,
    Type::Inet,
    Type::Int,
    Type::SmallInt,
    Type::Text,
    Type::Time,
    Type::Timestamp,
    Type::TimeUuid,
    Type::TinyInt,
    Type::Uuid,
    Type::VarInt,
];

/// A frozen list.
pub(crate) fn list(element: Type) -> Type {
    Type::List {
        element: Arc::new(element),
        frozen: true,
    }
}

/// A frozen set.
pub(crate) fn set(element: Type) -> Type {
    Type::Set {
        element: Arc::new(element),
        frozen: true,
    }
}

/// A frozen map.
pub(crate) fn map(key: Type, value: Type) -> Type {
    Type::Map {
        key: Arc::new(key),
        value: Arc::new(value),
        frozen: true,
    }
}

fn pick<T: Clone>(random: &Random, from: &[T]) -> T {
    from[random.below(from.len() as u64) as usize].clone()
}

/// A type, frozen, nested at most `depth` deep.
pub(crate) fn any_type(random: &Random, depth: usize) -> Type {
    if depth == 0 || random.below(3) > 0 {
        return pick(random, &SCALARS);
    }
    let inner = || any_type(random, depth - 1);
    match random.below(6) {
        0 => Type::List {
            element: Arc::new(inner()),
            frozen: true,
        },
        1 => Type::Set {
            element: Arc::new(inner()),
            frozen: true,
        },
        2 => Type::Map {
            key: Arc::new(inner()),
            value: Arc::new(inner()),
            frozen: true,
        },
        3 => Type::Tuple((0..1 + random.below(3)).map(|_| inner()).collect()),
        4 => Type::Udt {
            udt: Arc::new(Udt {
                keyspace: "k".to_string(),
                name: "Some type".to_string(),
                fields: (0..1 + random.below(3))
                    .map(|at| (format!("f{at}"), inner()))
                    .collect(),
            }),
            frozen: true,
        },
        _ => Type::Vector {
            element: Arc::new(inner()),
            dimensions: 1 + random.below(3) as u16,
        },
    }
}

/// A valid, normalized value; in a quarter of the cases from the edge of its type's range.
pub(crate) fn any_value(random: &Random, ty: &Type) -> Vec<u8> {
    if ty.allows_empty() && random.below(12) == 0 {
        return Vec::new();
    }
    let bytes = scalar(random, ty).unwrap_or_else(|| compound(random, ty));
    ty.normalize(&bytes).unwrap().into_owned()
}

fn long(random: &Random) -> i64 {
    match random.below(4) {
        0 => random.below(5) as i64 - 2,
        1 => pick(
            random,
            &[i64::MIN, i64::MAX, i64::MIN + 1, 255, 256, -256, -257],
        ),
        2 => random.next_u64().cast_signed() >> random.below(64),
        _ => random.next_u64().cast_signed(),
    }
}

fn some_bytes(random: &Random, alphabet: &[u8]) -> Vec<u8> {
    (0..random.below(6))
        .map(|_| pick(random, alphabet))
        .collect()
}

fn scalar(random: &Random, ty: &Type) -> Option<Vec<u8>> {
    let number = long(random);
    Some(match ty {
        Type::Ascii => some_bytes(random, b"\0\x01a'"),
        Type::Text => {
            let parts =
                (0..random.below(5)).map(|_| pick(random, &["\0", "a", "'", "\u{e9}", ","]));
            parts.collect::<String>().into_bytes()
        }
        Type::Blob => some_bytes(random, &[0, 1, 0x38, 0x40, 0xFE, 0xFF]),
        Type::Boolean => vec![random.below(3) as u8],
        Type::BigInt | Type::Counter | Type::Timestamp => number.to_be_bytes().to_vec(),
        Type::Int | Type::Date => (number as i32).to_be_bytes().to_vec(),
        Type::SmallInt => (number as i16).to_be_bytes().to_vec(),
        Type::TinyInt => (number as i8).to_be_bytes().to_vec(),
        Type::Time => number.rem_euclid(DAY_NANOS).to_be_bytes().to_vec(),
        _ => return odd_scalar(random, ty, number),
    })
}

fn odd_scalar(random: &Random, ty: &Type, number: i64) -> Option<Vec<u8>> {
    let float = |bits: u64| {
        pick(
            random,
            &[
                f64::from_bits(bits),
                0.0,
                -0.0,
                f64::NAN,
                -f64::NAN,
                f64::INFINITY,
                f64::NEG_INFINITY,
                1.0,
                -1.0,
                number as f64,
                f64::MIN_POSITIVE,
            ],
        )
    };
    Some(match ty {
        Type::Double => float(random.next_u64()).to_be_bytes().to_vec(),
        Type::Float => (float(random.next_u64()) as f32).to_be_bytes().to_vec(),
        Type::Inet => {
            let length = pick(random, &[4, 16]);
            (0..length).map(|_| pick(random, &[0, 1, 0xFF])).collect()
        }
        Type::Uuid | Type::TimeUuid => {
            let mut bytes: Vec<u8> = (0..16)
                .map(|_| pick(random, &[0, 1, 0x7F, 0x80, 0xFF]))
                .collect();
            let version = if *ty == Type::TimeUuid {
                1
            } else {
                pick(random, &[1, 4, 0, 15])
            };
            bytes[6] = (bytes[6] & 0x0F) | (version << 4);
            bytes
        }
        Type::VarInt => varint(random, number),
        Type::Decimal => Decimal {
            unscaled: BigInt::from_signed_bytes_be(&varint(random, number)),
            scale: pick(
                random,
                &[
                    0,
                    1,
                    2,
                    3,
                    -1,
                    -2,
                    40,
                    -40,
                    i32::MAX,
                    i32::MIN,
                    number as i32,
                ],
            ),
        }
        .to_bytes(),
        Type::Duration => {
            let sign = if random.below(2) == 0 { -1 } else { 1 };
            let part = |limit: u64| random.below(limit) as i32 * sign;
            codec::encode_duration(
                part(30),
                part(400),
                number.saturating_abs() * i64::from(sign),
            )
        }
        _ => return None,
    })
}

fn varint(random: &Random, number: i64) -> Vec<u8> {
    match random.below(4) {
        0 => {
            let sign = pick(random, &[0, 0xFF]);
            let mut bytes = vec![sign; 1 + random.below(2) as usize];
            let length = pick(random, &[1, 2, 126, 127, 128, 129, 256, 257]);
            bytes.extend((0..length).map(|_| pick(random, &[0, 1, 0x7F, 0x80, 0xFF])));
            bytes
        }
        _ => BigInt::from(number).to_signed_bytes_be(),
    }
}

fn compound(random: &Random, ty: &Type) -> Vec<u8> {
    let count = random.below(4);
    match ty {
        Type::List { element, .. } | Type::Set { element, .. } => {
            let parts: Vec<_> = (0..count).map(|_| any_value(random, element)).collect();
            collection::pack_elements(&parts)
        }
        Type::Vector {
            element,
            dimensions,
        } => {
            let part = |_| match (element.fixed_length(), any_value(random, element)) {
                (Some(length), bytes) if bytes.is_empty() => vec![0x10; length],
                (_, bytes) => bytes,
            };
            let parts: Vec<_> = (0..*dimensions).map(part).collect();
            collection::pack_vector(element, &parts)
        }
        Type::Map { key, value, .. } => {
            let parts: Vec<_> = (0..count)
                .map(|_| (any_value(random, key), any_value(random, value)))
                .collect();
            collection::pack_entries(&parts)
        }
        _ => {
            let types = ty.field_types();
            let there = random.below(types.len() as u64 + 1) as usize;
            let fields: Vec<_> = types[..there]
                .iter()
                .map(|ty| (random.below(4) > 0).then(|| any_value(random, ty)))
                .collect();
            collection::pack_fields(&fields)
        }
    }
}
