//! Tests of the byte-comparable encoding: known bytes, and properties over random types and values.

use super::*;
use crate::random::Random;
use crate::types::arbitrary::{any_type, any_value};
use crate::types::literal::hex;
use crate::types::text;
use std::cmp::Ordering;

fn component(ty: &Type, descending: bool, value: Option<&[u8]>) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    let lossy = encode_component(ty, descending, value, &mut out).unwrap();
    (out, lossy)
}

fn encoded(ty: &Type, value: &str) -> String {
    let bytes = text::parse(ty, value).unwrap();
    hex(&component(ty, false, Some(&bytes)).0[1..])
}

#[test]
fn bytes_as_published() {
    for (ty, value, bytes) in [
        (Type::Int, "1", "0x80000001"),
        (Type::SmallInt, "-1", "0x7fff"),
        (Type::TinyInt, "0", "0x80"),
        (Type::BigInt, "-9223372036854775808", "0x0000000000000000"),
        (Type::Float, "1.0", "0xbf800000"),
        (Type::Float, "-0.0", "0x7fffffff"),
        (Type::Float, "-1.0", "0x407fffff"),
        (Type::Double, "-Infinity", "0x000fffffffffffff"),
        (Type::Double, "NaN", "0xfff8000000000000"),
        (
            Type::Uuid,
            "cc520882-9507-44fb-8fc9-b349ecdee658",
            "0x4cc52088295074fb8fc9b349ecdee658",
        ),
        (
            Type::Uuid,
            "2a92d750-d8dc-11e6-a2de-cf8ecd4cf053",
            "0x11e6d8dc2a92d750a2decf8ecd4cf053",
        ),
        (Type::Blob, "0x2200", "0x2200fe"),
        (Type::Blob, "0x22000033", "0x2200feff3300"),
        (Type::Blob, "0x220011", "0x2200ff1100"),
        (Type::Blob, "0x220000", "0x2200fefe"),
        (Type::VarInt, "0", "0x8000"),
        (Type::VarInt, "-1", "0x7fff"),
        (Type::VarInt, "255", "0x80ff"),
        (Type::VarInt, "-256", "0x7f00"),
        (Type::VarInt, "65536", "0x82010000"),
        (Type::VarInt, "-4294967296", "0x7c00000000"),
        (Type::Decimal, "1.1", "0xc101818a00"),
        (Type::Decimal, "1", "0xc1018100"),
        (Type::Decimal, "0.01", "0xc08100"),
        (Type::Decimal, "0", "0x80"),
        (Type::Decimal, "-0.01", "0x407f00"),
        (Type::Decimal, "-1", "0x3fff7f00"),
        (Type::Decimal, "-1.1", "0x3fff7eda00"),
        (Type::Decimal, "-98.9", "0x3fff1d8a00"),
        (Type::Decimal, "-99", "0x3fff1d00"),
        (Type::Decimal, "-99.9", "0x3fff1c8a00"),
        (Type::Decimal, "-8.1e2000", "0x3efc1777da00"),
        (Type::Decimal, "-8.1e-2000", "0x4203e777da00"),
        (Type::Decimal, "8.1e-2000", "0xbefc19888a00"),
        (Type::Decimal, "8.1e2000", "0xc203e9888a00"),
    ] {
        assert_eq!(encoded(&ty, value), bytes, "{ty} {value}");
    }
    let power = format!("1{}", "0".repeat(30));
    assert_eq!(encoded(&Type::Decimal, &power), "0xc1108100");
    let long = num_bigint::BigInt::from(2).pow(1024);
    let expected = format!("0xff8001{}", "00".repeat(128));
    assert_eq!(encoded(&Type::VarInt, &long.to_string()), expected);
    let long = -num_bigint::BigInt::from(2).pow(2048);
    let expected = format!("0x000080{}", "00".repeat(256));
    assert_eq!(encoded(&Type::VarInt, &long.to_string()), expected);
}

#[test]
fn order_of_single_values() {
    let random = Random::seeded(1);
    for round in 0..15_000 {
        let ty = any_type(&random, 2);
        let (left, right) = (any_value(&random, &ty), any_value(&random, &ty));
        let expected = ty.compare(&left, &right);
        for descending in [false, true] {
            let (left_key, _) = component(&ty, descending, Some(&left));
            let (right_key, _) = component(&ty, descending, Some(&right));
            let expected = if descending {
                expected.reverse()
            } else {
                expected
            };
            let show = || format!("{round} {ty} {left:x?} {right:x?} {left_key:x?} {right_key:x?}");
            // Whatever separators follow, the values decide.
            for (end, other) in [
                (TERMINATOR, TERMINATOR),
                (BOUND_BEFORE, BOUND_AFTER),
                (BOUND_AFTER, NEXT),
            ] {
                let left_key = [&left_key[..], &[end]].concat();
                let right_key = [&right_key[..], &[other]].concat();
                let found = left_key.cmp(&right_key);
                assert_eq!(found, expected.then(end.cmp(&other)), "{}", show());
                let prefix = left_key != right_key && left_key.starts_with(&right_key);
                assert!(!prefix, "{}", show());
            }
        }
    }
}

#[test]
fn there_and_back_or_reported() {
    let random = Random::seeded(2);
    let mut losses = 0;
    for _ in 0..15_000 {
        let ty = any_type(&random, 2);
        let value = any_value(&random, &ty);
        for descending in [false, true] {
            let (mut key, lossy) = component(&ty, descending, Some(&value));
            let length = key.len();
            key.extend([NEXT, 0xFE, 0xFF]);
            let (back, used) = decode_component(&ty, descending, &key).unwrap();
            let back = back.unwrap();
            assert_eq!(used, length, "{ty} {value:x?}");
            assert_eq!(lossy, back != value, "{ty} {value:x?} {back:x?}");
            assert_eq!(
                ty.compare(&value, &back),
                Ordering::Equal,
                "{ty} {value:x?} {back:x?}"
            );
            ty.validate(&back).unwrap();
            // What is read back is the canonical form: it loses nothing.
            assert!(!component(&ty, descending, Some(&back)).1);
            losses += usize::from(lossy);
        }
    }
    assert!(losses > 50, "{losses}");
}

#[test]
fn common_values_lose_nothing() {
    for (ty, value) in [
        (Type::Decimal, "100"),
        (Type::Decimal, "1000000000000000000000000000"),
        (Type::Decimal, "0"),
        (Type::Decimal, "-12.5"),
        (Type::VarInt, "-128"),
        (Type::Double, "NaN"),
    ] {
        let bytes = text::parse(&ty, value).unwrap();
        assert!(!component(&ty, false, Some(&bytes)).1, "{value}");
    }
    for value in ["1.0", "1E+2", "0.00"] {
        let bytes = text::parse(&Type::Decimal, value).unwrap();
        assert!(component(&Type::Decimal, false, Some(&bytes)).1, "{value}");
    }
}

type Columns = Vec<(Type, bool)>;
type Values = Vec<Option<Vec<u8>>>;

fn any_columns(random: &Random) -> Columns {
    let column = |_| (any_type(random, 1), random.below(2) == 0);
    (0..1 + random.below(3)).map(column).collect()
}

fn any_row(random: &Random, columns: &Columns) -> Values {
    columns
        .iter()
        .map(|(ty, _)| (random.below(8) > 0).then(|| any_value(random, ty)))
        .collect()
}

fn prefix_of(columns: &Columns, row: &Values, length: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for ((ty, descending), value) in columns.iter().zip(row).take(length) {
        encode_component(ty, *descending, value.as_deref(), &mut out).unwrap();
    }
    out
}

/// Null stands first in both directions.
fn compare_rows(columns: &Columns, left: &Values, right: &Values, length: usize) -> Ordering {
    let orders = columns.iter().zip(left.iter().zip(right)).take(length);
    orders
        .map(|((ty, descending), pair)| match pair {
            (Some(left), Some(right)) if *descending => ty.compare(right, left),
            (Some(left), Some(right)) => ty.compare(left, right),
            (left, right) => left.is_some().cmp(&right.is_some()),
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

#[test]
fn order_of_rows_and_bounds() {
    let random = Random::seeded(3);
    for _ in 0..10_000 {
        let columns = any_columns(&random);
        let (left, mut right) = (any_row(&random, &columns), any_row(&random, &columns));
        let shared = random.below(columns.len() as u64 + 1) as usize;
        right[..shared].clone_from_slice(&left[..shared]);
        let row_key = |row| {
            let mut key = prefix_of(&columns, row, columns.len());
            finish_clustering(&mut key);
            key
        };
        let (left_key, right_key) = (row_key(&left), row_key(&right));
        let expected = compare_rows(&columns, &left, &right, columns.len());
        assert_eq!(
            left_key.cmp(&right_key),
            expected,
            "{columns:?} {left:x?} {right:x?}"
        );
        assert!(left_key.as_slice() > &[STATIC_POSITION][..]);
        for length in 0..=columns.len() {
            let mut before = prefix_of(&columns, &left, length);
            let mut after = before.clone();
            bound_before(&mut before);
            bound_after(&mut after);
            assert!(before.as_slice() > &[STATIC_POSITION][..]);
            match compare_rows(&columns, &right, &left, length) {
                Ordering::Less => assert!(right_key < before),
                Ordering::Equal => assert!(before < right_key && right_key < after),
                Ordering::Greater => assert!(right_key > after),
            }
            let (values, end) = decode_prefix(&columns, &before).unwrap();
            assert_eq!((values.len(), end), (length, BOUND_BEFORE));
        }
        let back = decode_clustering(&columns, &left_key).unwrap();
        assert_eq!(
            compare_rows(&columns, &left, &back, columns.len()),
            Ordering::Equal
        );
        assert_eq!(row_key(&back), left_key);
    }
}

#[test]
fn partitions_by_token_then_raw_bytes() {
    let random = Random::seeded(4);
    for _ in 0..5_000 {
        let pair = [(); 2].map(|()| (random.below(3) as i64 - 1, any_value(&random, &Type::Blob)));
        let [left, right] = pair.clone().map(|(token, raw)| {
            let mut key = Vec::new();
            partition_prefix(token, &raw, &mut key);
            let (found_token, found_raw, used) = decode_partition_prefix(&key).unwrap();
            assert_eq!((found_token, found_raw, used), (token, raw, key.len()));
            key
        });
        assert_eq!(left.cmp(&right), pair[0].cmp(&pair[1]), "{pair:x?}");
        assert!(left == right || !left.starts_with(&right));
    }
}

#[test]
fn composite_partition_keys() {
    assert_eq!(compose_partition_key(&[b"ab"]), b"ab");
    let key = compose_partition_key(&[b"ab", b"", &[0, 0, 0, 7]]);
    assert_eq!(key, [0, 2, b'a', b'b', 0, 0, 0, 0, 0, 4, 0, 0, 0, 7, 0]);
    let columns = split_partition_key(&key, 3).unwrap();
    assert_eq!(columns, [&b"ab"[..], b"", &[0, 0, 0, 7]]);
    assert!(split_partition_key(&key, 2).is_err());
    assert!(split_partition_key(&key[..key.len() - 1], 3).is_err());
    assert!(split_partition_key(&[0xFF, 0xFF, 1], 2).is_err());
}

#[test]
fn wrong_lengths_and_damage_are_errors() {
    assert!(encode_component(&Type::Int, false, Some(&[1]), &mut Vec::new()).is_err());
    assert!(encode_component(&Type::Date, false, Some(&[]), &mut Vec::new()).is_err());
    let random = Random::seeded(5);
    for _ in 0..15_000 {
        let columns = any_columns(&random);
        let row = any_row(&random, &columns);
        let mut key = prefix_of(&columns, &row, columns.len());
        finish_clustering(&mut key);
        for _ in 0..1 + random.below(2) {
            let at = random.below(key.len() as u64) as usize;
            key[at] = random.next_u64() as u8;
        }
        key.truncate(1 + random.below(key.len() as u64) as usize);
        // Either an error or some values; never a panic.
        let _ = decode_clustering(&columns, &key);
        let _ = decode_partition_prefix(&key);
    }
}
