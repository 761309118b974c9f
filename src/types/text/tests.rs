//! Tests of values as text and as literals, and of the wire codec beneath.

use super::*;
use crate::error::ErrorKind;
use crate::random::Random;
use crate::types::arbitrary::{any_type, any_value, list, map, set};
use crate::types::{Udt, Value};
use std::sync::Arc;

fn address() -> Type {
    Type::Udt {
        udt: Arc::new(Udt {
            keyspace: "k".to_string(),
            name: "address".to_string(),
            fields: vec![
                ("street".to_string(), Type::Text),
                ("Zip".to_string(), Type::Int),
                ("since".to_string(), Type::Date),
            ],
        }),
        frozen: false,
    }
}

#[test]
fn there_and_back() {
    let random = Random::seeded(1);
    for _ in 0..12_000 {
        let ty = any_type(&random, 2);
        let bytes = any_value(&random, &ty);
        ty.validate(&bytes).unwrap();
        let text = format(&ty, &bytes);
        let back = parse(&ty, &text).unwrap_or_else(|error| panic!("{ty} {text:?}: {error}"));
        if back != bytes {
            // A padded varint, a NaN with other bits, a boolean of 2: the text is the same.
            assert_eq!(format(&ty, &back), text);
            assert!(ty.compare(&back, &bytes).is_eq());
        }
        let value = ty.decode(&bytes).unwrap();
        let encoded = ty.encode(&value).unwrap();
        assert!(ty.compare(&encoded, &bytes).is_eq(), "{ty} {value:?}");
        assert!(!ty.literal(Some(&bytes)).is_empty());
    }
}

#[test]
fn damaged_values_are_refused() {
    let random = Random::seeded(2);
    for _ in 0..12_000 {
        let ty = any_type(&random, 2);
        let mut bytes = any_value(&random, &ty);
        if !bytes.is_empty() {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = random.next_u64() as u8;
            bytes.truncate(random.below(bytes.len() as u64 + 1) as usize);
        }
        if ty.validate(&bytes).is_ok() {
            ty.decode(&bytes).unwrap();
        }
        // What is not valid is still shown and ordered somehow.
        let _ = (
            format(&ty, &bytes),
            ty.literal(Some(&bytes)),
            ty.compare(&bytes, &[1]),
        );
    }
}

fn check_shown(cases: &[(Type, &str, &str, &str)]) {
    for (ty, read, shown, literal) in cases {
        let bytes = parse(ty, read).unwrap();
        assert_eq!(format(ty, &bytes), *shown, "{ty}");
        assert_eq!(ty.literal(Some(&bytes)), *literal, "{ty}");
    }
}

#[test]
fn scalars_shown_and_read() {
    check_shown(&[
        (Type::Text, "it's", "it's", "'it''s'"),
        (Type::Int, " 42 ", "42", "42"),
        (Type::Int, "", "", "blob_as_int(0x)"),
        (Type::Boolean, "TRUE", "True", "true"),
        (Type::Double, "1", "1", "1.0"),
        (Type::Float, "-nan", "NaN", "NaN"),
        (Type::Double, "-Infinity", "-Infinity", "-Infinity"),
        (Type::Double, "1E30", "1e30", "1e30"),
        (Type::Decimal, "1.50", "1.50", "1.50"),
        (Type::Blob, "0xCAFE", "0xcafe", "0xcafe"),
        (Type::Inet, "::1", "::1", "'::1'"),
        (Type::Date, "2011-02-03", "2011-02-03", "'2011-02-03'"),
        (Type::Duration, "90m", "1h30m", "1h30m"),
        (
            Type::Timestamp,
            "2011-02-03 04:05+0000",
            "2011-02-03 04:05:00.000000+0000",
            "'2011-02-03 04:05:00.000000+0000'",
        ),
    ]);
    assert_eq!(Type::Int.literal(None), "null");
}

#[test]
fn compounds_shown_and_read() {
    let tuple = Type::Tuple([Type::Int, Type::Text, Type::Float].into());
    check_shown(&[
        (
            list(Type::Text),
            "[ 'a' , 'it''s']",
            "['a', 'it''s']",
            "['a', 'it''s']",
        ),
        (set(Type::Int), "{3, 1, 2, 1}", "{1, 2, 3}", "{1, 2, 3}"),
        (set(Type::Int), "{3, ''}", "{'', 3}", "{blob_as_int(0x), 3}"),
        (
            map(Type::Int, Type::Text),
            "{2:'b',1:'a'}",
            "{1: 'a', 2: 'b'}",
            "{1: 'a', 2: 'b'}",
        ),
        (
            map(Type::Int, Type::Int),
            "{1: 1, 1: 2}",
            "{1: 2}",
            "{1: 2}",
        ),
        (
            tuple.clone(),
            "(1, null, 2.5)",
            "(1, null, 2.5)",
            "(1, null, 2.5)",
        ),
        (tuple, "(1)", "(1)", "(1)"),
        (
            address(),
            "{street: 'a', \"Zip\": NULL, since: '2011-02-03'}",
            "{street: 'a', \"Zip\": null, since: '2011-02-03'}",
            "{street: 'a', \"Zip\": null, since: '2011-02-03'}",
        ),
        (
            list(Type::Timestamp),
            "['1970-01-01']",
            "['1970-01-01 00:00:00.000000+0000']",
            "['1970-01-01 00:00:00.000000+0000']",
        ),
        (
            Type::Vector {
                element: Arc::new(Type::Float),
                dimensions: 2,
            },
            "[1, 2.5]",
            "[1, 2.5]",
            "[1.0, 2.5]",
        ),
    ]);
}

#[test]
fn refused() {
    let uuid = "cc520882-9507-44fb-8fc9-b349ecdee658";
    for (ty, text, message) in [
        (
            Type::Int,
            "2147483648",
            "Unable to make int from '2147483648'",
        ),
        (Type::Int, "1.0", "Unable to make int from '1.0'"),
        (Type::TinyInt, "", "Unable to make byte from ''"),
        (Type::Boolean, "yes", "Unable to make boolean from 'yes'"),
        (Type::Double, "inf", "Unable to make double from 'inf'"),
        (
            Type::Timestamp,
            "soon",
            "Unable to parse a date/time from 'soon'",
        ),
        (Type::Ascii, "\u{e9}", "Invalid byte for ascii: -61"),
        (
            Type::Uuid,
            "cc520882",
            "Unable to make UUID from 'cc520882'",
        ),
        (
            Type::TimeUuid,
            uuid,
            "Invalid version for TimeUUID type: 0xc",
        ),
        (
            Type::Blob,
            "0xabc",
            "Unable to make blob from '0xabc': 0x and hex digits expected",
        ),
        (
            Type::Duration,
            "1h-2m",
            "Unable to convert '1h-2m' to a duration",
        ),
        (
            list(Type::Int),
            "[1, 2",
            "expected ',' at character 6, found the end",
        ),
        (
            list(Type::Int),
            "[1] x",
            "expected the end of the value at character 5, found 'x'",
        ),
        (
            list(Type::Int),
            "[null]",
            "null is not supported inside collections",
        ),
        (
            set(Type::Text),
            "{'a}",
            "expected a closing quote at character 3, found 'a}'",
        ),
        (
            address(),
            "{town: 'a'}",
            "Unknown field 'town' in value of user defined type address",
        ),
    ] {
        let error = parse(&ty, text).unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (ErrorKind::Invalid, message)
        );
    }
}

#[test]
fn values_to_bytes() {
    assert_eq!(
        Type::BigInt.encode(&Value::Int(1)).unwrap(),
        [0, 0, 0, 0, 0, 0, 0, 1]
    );
    assert_eq!(
        Type::Decimal.encode(&Value::Int(1)).unwrap(),
        [0, 0, 0, 0, 1]
    );
    assert!(Type::TinyInt.encode(&Value::Int(128)).is_err());
    assert_eq!(Type::Timestamp.encode(&Value::BigInt(1)).unwrap().len(), 8);
    assert!(Type::Time.encode(&Value::BigInt(-1)).is_err());
    assert!(Type::Text.encode(&Value::Int(1)).is_err());
    assert!(Type::Int.encode(&Value::Null).is_err());
    assert_eq!(Type::Date.encode(&Value::Date(0)).unwrap(), [0x80, 0, 0, 0]);
    let numbers = |of: &[i32]| of.iter().copied().map(Value::Int).collect::<Vec<_>>();
    let sorted = set(Type::Int)
        .encode(&Value::List(numbers(&[2, 1, 2])))
        .unwrap();
    let value = set(Type::Int).decode(&sorted).unwrap();
    assert_eq!(value, Value::Set(numbers(&[1, 2])));
    let vector = Type::Vector {
        element: Arc::new(Type::Int),
        dimensions: 2,
    };
    assert!(vector.encode(&Value::List(numbers(&[1]))).is_err());
    assert_eq!(
        vector.encode(&Value::List(numbers(&[1, 2]))).unwrap().len(),
        8
    );
    let duration = Value::Duration {
        months: 1,
        days: -1,
        nanos: 0,
    };
    assert!(Type::Duration.encode(&duration).is_err());
    let tuple = Type::Tuple([Type::Int, Type::Int].into());
    let nulls = Value::Tuple(vec![Value::Null, Value::Int(1)]);
    assert_eq!(tuple.decode(&tuple.encode(&nulls).unwrap()).unwrap(), nulls);
}

#[test]
fn numbers_up_to_the_limit() {
    use crate::limits::NUMBER_BYTES_MAX;
    let longest = vec![1; NUMBER_BYTES_MAX + 4];
    for ty in [Type::VarInt, Type::Decimal] {
        ty.validate(&longest).unwrap();
        let over = [&longest[..], &[1]].concat();
        let error = ty.validate(&over).unwrap_err();
        assert!(error.message.contains("over the limit of 16384"), "{error}");
    }
    assert!(parse(&Type::VarInt, &"9".repeat(39_000)).is_ok());
    assert!(parse(&Type::VarInt, &"9".repeat(40_000)).is_err());
    assert!(parse(&Type::Decimal, &"9".repeat(1_000_000)).is_err());
}
