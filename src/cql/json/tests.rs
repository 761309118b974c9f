//! JSON's tests: values of every type there and back, words, bounds, and texts of chance.

use super::*;
use crate::limits::{JSON_NESTING_MAX, JSON_VALUES_MAX};
use crate::random::Random;
use crate::types::arbitrary::{list, map, set};
use crate::types::{Type, Udt};
use std::sync::Arc;

fn address() -> Type {
    Type::Udt {
        udt: Arc::new(Udt {
            keyspace: "ks".into(),
            name: "address".into(),
            fields: vec![
                ("street".into(), Type::Text),
                ("No".into(), Type::Int),
                ("zip".into(), list(Type::Int)),
            ],
        }),
        frozen: true,
    }
}

fn types() -> Vec<Type> {
    use Type::*;
    let scalars = [
        Ascii, BigInt, Blob, Boolean, Date, Decimal, Double, Duration, Float, Inet, Int, SmallInt,
        Text, Time, Timestamp, TimeUuid, TinyInt, Uuid, VarInt,
    ];
    let mut types = scalars.to_vec();
    for ty in scalars {
        types.push(list(ty.clone()));
        types.push(Tuple(vec![ty.clone(), Text].into()));
        types.push(Vector {
            element: Arc::new(ty.clone()),
            dimensions: 2,
        });
        if ty != Duration {
            types.push(set(ty.clone()));
            types.push(map(ty, Int));
        }
    }
    types.push(address());
    types.push(map(address(), list(set(Int))));
    types.push(map(list(Int), map(Text, address())));
    types
}

fn through(ty: &Type, text: &str) -> String {
    let bytes = decode(ty, &parse(text).unwrap()).unwrap();
    ty.validate(&bytes).unwrap();
    let mut out = String::new();
    print(ty, Some(&bytes), &mut out).unwrap();
    out
}

fn what(ty: &Type, text: &str) -> String {
    match decode(ty, &parse(text).unwrap()) {
        Err(Mismatch::Value(message)) => message,
        Err(Mismatch::Refused(error)) => error.message,
        Ok(bytes) => panic!("{text} as {ty} is {bytes:?}"),
    }
}

#[test]
fn values_there_and_back() {
    for (ty, text, printed) in [
        (Type::Int, "-7", "-7"),
        (Type::Int, r#""+7""#, "7"),
        (Type::Double, "1e3", "1000.0"),
        (Type::Float, "1.1", "1.1"),
        (Type::Double, "4.9e-324", "4.9E-324"),
        (Type::Double, r#""NaN""#, "null"),
        (Type::Decimal, "1.50", "1.5"),
        (Type::Decimal, r#""1.50""#, "1.50"),
        (
            Type::Timestamp,
            r#""2015-01-01""#,
            r#""2015-01-01 00:00:00.000Z""#,
        ),
        (Type::Inet, r#""::1""#, r#""0:0:0:0:0:0:0:1""#),
        (Type::Text, r#""\u0001\ud83d\ude00\"""#, r#""\u0001😀\"""#),
        (Type::Text, r#""\ud83dx\udc00""#, r#""?x?""#),
        (Type::Boolean, r#""TRUE""#, "true"),
        (set(Type::Int), "[3, 1, 3]", "[1, 3]"),
        (
            map(list(Type::Int), Type::Text),
            r#"{"[2, 1]": "x"}"#,
            r#"{"[2, 1]": "x"}"#,
        ),
        (
            address(),
            r#"{"STREET": "s", "\"No\"": 5}"#,
            r#"{"street": "s", "\"No\"": 5, "zip": null}"#,
        ),
        (list(Type::Int), r#""[1, 2]""#, "[1, 2]"),
    ] {
        assert_eq!(through(&ty, text), printed, "{text}");
    }
}

#[test]
fn refused_values() {
    for (ty, text, message) in [
        (
            Type::Int,
            "1.5",
            "Expected an int value, but got a Double: 1.5",
        ),
        (
            Type::Int,
            "99999999999",
            "Expected an int value, but got a Long: 99999999999",
        ),
        (
            Type::Timestamp,
            "5",
            "Expected a long or a datestring representation of a timestamp value, but got a \
            Integer: 5",
        ),
        (
            Type::Text,
            r#"{"a": [1, null]}"#,
            "Expected a UTF-8 string, but got a LinkedHashMap: {a=[1, null]}",
        ),
        (list(Type::Int), "[null]", "Invalid null element in list"),
        (
            set(Type::Int),
            "{}",
            "Expected a list (representing a set), but got a LinkedHashMap: {}",
        ),
        (
            address(),
            r#"{"No": 1}"#,
            "Unknown field 'no' in value of user defined type address",
        ),
        (
            list(Type::Int),
            r#""null""#,
            "null is no value of type frozen<list<int>>",
        ),
    ] {
        assert_eq!(what(&ty, text), message);
    }
}

#[test]
fn broken_text_says_where() {
    for (text, message) in [
        ("", "No content to map due to end-of-input"),
        (
            "tru",
            "Unrecognized token 'tru': was expecting (JSON String, Number, Array, Object or \
            token 'null', 'true' or 'false')\n at [Source: (String)\"tru\"; line: 1, column: 4]",
        ),
        (
            "[1\n, 2\r\n  x",
            "Unexpected character ('x' (code 120)): was expecting comma to separate Array \
            entries\n at [Source: (String)\"[1\n, 2\r\n  x\"; line: 3, column: 4]",
        ),
        (
            "{\"é😀\": 😀}",
            "Unexpected character ('?' (code 55357 / 0xd83d)): expected a valid value",
        ),
        (
            "[\u{1}]",
            "Illegal character ((CTRL-CHAR, code 1)): only regular white space (\\r, \\n, \\t) \
            is allowed between tokens\n at [Source: (String)\"[\\u0001]\"; line: 1, column: 3]",
        ),
    ] {
        let found = parse(text).unwrap_err().message;
        assert!(found.starts_with(message), "{text}: {found}");
    }
    let long = "x".repeat(2_000);
    let found = parse(&long).unwrap_err();
    assert!(found.message.contains("[truncated 1500 chars]"));
    assert!(found.message.len() < 1_200);
}

#[test]
fn everything_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(JSON_NESTING_MAX)).is_ok());
    assert!(parse(&nested(JSON_NESTING_MAX + 1)).is_err());
    assert!(parse(&"[".repeat(1 << 20)).is_err());
    assert!(parse(&"{\"a\":".repeat(1 << 20)).is_err());
    let many = |count: usize| format!("[{}1]", "1,".repeat(count));
    assert!(parse(&many(JSON_VALUES_MAX - 2)).is_ok());
    assert!(parse(&many(JSON_VALUES_MAX - 1)).is_err());
    assert!(parse(&"9".repeat(1 << 20)).is_err());
    assert_eq!(parse("1e999999999").unwrap(), Json::Double(f64::INFINITY));
    assert_eq!(parse("1e-999999999").unwrap(), Json::Double(0.0));
    assert!(parse(&format!("0.{}", "1".repeat(1 << 20))).is_ok());
    assert_eq!(
        what(&Type::Decimal, "1e999999999"),
        "Value 'Infinity' is not a valid representation of a decimal value"
    );
    // The scale says it, no digit is written out.
    assert!(decode(&Type::Decimal, &parse("\"1e999999999\"").unwrap()).is_ok());
    // Text within text within text ends with the type.
    assert!(
        decode(
            &list(list(Type::Int)),
            &parse(r#""[\"[1]\", [2]]""#).unwrap()
        )
        .is_ok()
    );
}

fn pick<T: Copy>(random: &Random, from: &[T]) -> T {
    from[random.below(from.len() as u64) as usize]
}

/// A JSON text of chance: mostly right, of all kinds of values.
fn some_json(random: &Random, depth: usize, out: &mut String) {
    match random.below(if depth == 0 { 7 } else { 9 }) {
        0 => out.push_str("null"),
        1 => out.push_str(pick(random, &["true", "false"])),
        2 => out.push_str(&(random.next_u64() as i64 >> random.below(64)).to_string()),
        3 => out.push_str(&f64::from_bits(random.next_u64()).to_string()),
        4 => out.push_str(pick(random, &["1e5", "-0", "1E-7", "99999999999999999999"])),
        5 => {
            let texts = [
                "\"\"",
                "\"abc\"",
                "\"\\u00e9\\ud83d\"",
                "\"2020-01-01\"",
                "\"0xab\"",
                "\"1d\"",
                "\"[1, 2]\"",
                "\"{\\\"street\\\": \\\"x\\\"}\"",
                "\"12\"",
                "\"true\"",
                "\"::1\"",
            ];
            out.push_str(pick(random, &texts));
        }
        6 => out.push_str("\"é😀\""),
        7 => {
            out.push('[');
            for at in 0..random.below(4) {
                out.push_str(if at == 0 { "" } else { ", " });
                some_json(random, depth - 1, out);
            }
            out.push(']');
        }
        _ => {
            out.push('{');
            for at in 0..random.below(4) {
                out.push_str(if at == 0 { "" } else { ", " });
                let names = ["\"street\": ", "\"1\": ", "\"[1]\": ", "\"\\\"No\\\"\": "];
                out.push_str(pick(random, &names));
                some_json(random, depth - 1, out);
            }
            out.push('}');
        }
    }
}

#[test]
fn nothing_panics() {
    let random = Random::seeded(23);
    let types = types();
    let mut taken = 0;
    for round in 0..6_000 {
        let mut text = String::new();
        some_json(&random, 3, &mut text);
        let mut bytes = text.into_bytes();
        if round % 3 > 0 {
            for _ in 0..1 + random.below(3) {
                let at = random.below(bytes.len() as u64 + 1) as usize;
                match random.below(4) {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at, pick(&random, b"{}[],:\"\\ \n-+.eE019utfn/#\0\xff")),
                    2 if at < bytes.len() => bytes[at] = random.next_u64() as u8,
                    _ if at < bytes.len() => {
                        bytes.remove(at);
                    }
                    _ => {}
                }
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let _ = parse_object(&text);
        let Ok(json) = parse(&text) else { continue };
        let _ = json.to_string();
        for ty in &types {
            let Ok(bytes) = decode(ty, &json) else {
                continue;
            };
            taken += 1;
            let mut out = String::new();
            print(ty, Some(&bytes), &mut out).unwrap();
            assert!(parse(&out).is_ok(), "{out}");
        }
    }
    assert!(taken > 10_000, "{taken}");
    for round in 0..20_000 {
        let length = random.below(24);
        let bytes: Vec<u8> = (0..length)
            .map(|_| match round % 2 {
                0 => random.next_u64() as u8,
                _ => pick(&random, b"{}[],:\"\\ \n-+.eE019utfnINa"),
            })
            .collect();
        let text = String::from_utf8_lossy(&bytes);
        let _ = parse(&text);
        let _ = parse_object(&text);
    }
}
