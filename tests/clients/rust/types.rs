//! A value of each type of CQL, and at its borders.

use crate::KEYSPACE;
use scylla::value::CqlValue::{
    self, Ascii, BigInt, Blob, Boolean, Date, Decimal, Double, Float, Inet, Int, List, Map, Set,
    SmallInt, Time, Timestamp, TinyInt, Tuple, Varint,
};
use scylla::value::{
    CqlDate, CqlDecimal, CqlDuration, CqlTime, CqlTimestamp, CqlTimeuuid, CqlVarint,
};
use uuid::Uuid;

/// A type's name, and values of it.
pub type Values = (&'static str, Vec<CqlValue>);

/// All types.
pub fn every_type() -> Vec<Values> {
    [numbers(), times(), others(), nested()].concat()
}

fn text(text: &str) -> CqlValue {
    CqlValue::Text(text.to_owned())
}

fn numbers() -> Vec<Values> {
    let decimal = |bytes: &[u8], scale| {
        let bytes = bytes.to_vec();
        Decimal(CqlDecimal::from_signed_be_bytes_and_exponent(bytes, scale))
    };
    let varint = |bytes: &[u8]| Varint(CqlVarint::from_signed_bytes_be(bytes.to_vec()));
    vec![
        ("tinyint", vec![TinyInt(i8::MAX), TinyInt(i8::MIN)]),
        ("smallint", vec![SmallInt(i16::MAX), SmallInt(i16::MIN)]),
        ("int", vec![Int(i32::MAX), Int(i32::MIN)]),
        ("bigint", vec![BigInt(i64::MAX), BigInt(i64::MIN)]),
        ("varint", vec![varint(&[0]), varint(&[0x80; 20])]),
        ("decimal", vec![decimal(&[0], 0), decimal(&[0xFF, 0x6A], 2)]),
        ("float", vec![Float(f32::MIN_POSITIVE), Float(-1.5)]),
        ("double", vec![Double(f64::MAX), Double(f64::NEG_INFINITY)]),
    ]
}

fn times() -> Vec<Values> {
    let duration = |months, days, nanoseconds| {
        CqlValue::Duration(CqlDuration {
            months,
            days,
            nanoseconds,
        })
    };
    let date = |days| Date(CqlDate(days));
    let time = |nanoseconds| Time(CqlTime(nanoseconds));
    let timestamp = |milliseconds| Timestamp(CqlTimestamp(milliseconds));
    let id: Uuid = "8ac6d1dc-fbeb-11e9-8f0b-362b9e155667".parse().unwrap();
    vec![
        ("date", vec![date(0), date(u32::MAX)]),
        ("time", vec![time(0), time(86_399_999_999_999)]),
        ("timestamp", vec![timestamp(i64::MAX), timestamp(i64::MIN)]),
        (
            "duration",
            vec![duration(14, 3, 5_000_000_001), duration(-1, -2, -3)],
        ),
        ("timeuuid", vec![CqlValue::Timeuuid(CqlTimeuuid::from(id))]),
    ]
}

fn others() -> Vec<Values> {
    let inet = |address: &str| Inet(address.parse().unwrap());
    let uuid = CqlValue::Uuid;
    vec![
        ("ascii", vec![Ascii(String::new()), Ascii("a".to_owned())]),
        (
            "text",
            vec![
                text(""),
                text("naïve – Zürich 🚂"),
                text(&"x".repeat(70_000)),
            ],
        ),
        ("blob", vec![Blob(vec![]), Blob(vec![7; 100_000])]),
        ("boolean", vec![Boolean(true), Boolean(false)]),
        ("inet", vec![inet("127.0.0.1"), inet("2001:db8::1")]),
        ("uuid", vec![uuid(Uuid::nil()), uuid(Uuid::max())]),
    ]
}

fn nested() -> Vec<Values> {
    let inner = Map(vec![(text("a"), List(vec![Int(1)]))]);
    let at = Tuple(vec![Some(Double(47.378)), Some(Double(8.54))]);
    let place = CqlValue::UserDefinedType {
        keyspace: KEYSPACE.to_owned(),
        name: "place".to_owned(),
        fields: vec![
            ("name".to_owned(), Some(text("Zürich HB"))),
            ("at".to_owned(), Some(at)),
        ],
    };
    let vector = CqlValue::Vector([1.0, -0.5, 3.25].map(Float).to_vec());
    let map = "map<int, frozen<map<text, frozen<list<int>>>>>";
    vec![
        ("list<int>", vec![List(vec![Int(3), Int(1), Int(3)])]),
        ("set<text>", vec![Set(vec![text("a"), text("ü")])]),
        (map, vec![Map(vec![(Int(1), inner)])]),
        ("tuple<int, text>", vec![Tuple(vec![Some(Int(1)), None])]),
        ("place", vec![place]),
        ("vector<float, 3>", vec![vector]),
    ]
}
