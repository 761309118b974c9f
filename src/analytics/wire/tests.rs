//! Casts: what passes, in which form, and what is refused.

use super::*;
use crate::types::{Udt, text};
use arrow::array::{
    BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, FixedSizeListArray,
    Float32Array, Float64Array, Int32Array, Int64Array, IntervalMonthDayNanoArray, ListArray,
    MapBuilder, StringArray, StringBuilder, StringViewArray, StructArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{Field, Float32Type, Int32Type, IntervalMonthDayNano};
use std::sync::Arc;

fn cast(array: impl Array + 'static, to: &Type) -> Result<Option<String>> {
    let array: ArrayRef = Arc::new(array);
    let encoder = WireEncoder::new(array.data_type(), to)?;
    let value = encoder.encode(&array, 0)?;
    if let Some(value) = &value {
        to.validate(value).unwrap();
    }
    Ok(value.map(|value| text::format(to, &value)))
}

fn shown(array: impl Array + 'static, to: &Type) -> String {
    cast(array, to).unwrap().unwrap()
}

fn refused(array: impl Array + 'static, to: &Type) -> String {
    cast(array, to).unwrap_err().message
}

fn list_of(element: Type) -> Type {
    Type::List {
        element: Arc::new(element),
        frozen: true,
    }
}

#[test]
fn integers_go_where_they_fit() {
    let to = [
        Type::TinyInt,
        Type::SmallInt,
        Type::Int,
        Type::BigInt,
        Type::Counter,
        Type::VarInt,
        Type::Decimal,
        Type::Text,
        Type::Time,
    ];
    for ty in &to {
        assert!(
            shown(Int64Array::from(vec![100]), ty).ends_with("100"),
            "{ty}"
        );
    }
    assert_eq!(shown(Int64Array::from(vec![100]), &Type::Double), "100");
    assert_eq!(
        shown(UInt64Array::from(vec![u64::MAX]), &Type::VarInt),
        u64::MAX.to_string()
    );
    assert!(refused(Int64Array::from(vec![300]), &Type::TinyInt).contains("300 is out of range"));
    assert!(refused(UInt64Array::from(vec![u64::MAX]), &Type::BigInt).contains("out of range"));
    let odd = (1_i64 << 53) + 1;
    assert!(refused(Int64Array::from(vec![odd]), &Type::Double).contains("rounded"));
    assert_eq!(
        cast(Int32Array::from(vec![None]), &Type::Int).unwrap(),
        None
    );
    assert!(refused(Int32Array::from(vec![1]), &Type::Boolean).contains("cannot become"));
    assert!(refused(Int32Array::from(vec![1]), &Type::Uuid).contains("Int32"));
}

#[test]
fn fractions_are_not_cut_off() {
    assert_eq!(shown(Float64Array::from(vec![5.0]), &Type::Int), "5");
    assert!(refused(Float64Array::from(vec![5.5]), &Type::Int).contains("rounded"));
    assert!(refused(Float64Array::from(vec![f64::NAN]), &Type::BigInt).contains("out of range"));
    assert!(refused(Float64Array::from(vec![1e300]), &Type::Float).contains("out of range"));
    assert_eq!(shown(Float64Array::from(vec![0.1]), &Type::Decimal), "0.1");
    assert_eq!(shown(Float32Array::from(vec![0.1]), &Type::Decimal), "0.1");
    assert_eq!(shown(Float64Array::from(vec![0.1]), &Type::Float), "0.1");
    let decimal = |value, scale| {
        Decimal128Array::from(vec![value])
            .with_precision_and_scale(30, scale)
            .unwrap()
    };
    assert_eq!(shown(decimal(1250, 2), &Type::Decimal), "12.50");
    assert_eq!(shown(decimal(1200, 2), &Type::Int), "12");
    assert!(refused(decimal(1250, 2), &Type::Int).contains("12.50"));
    assert_eq!(shown(decimal(1250, 2), &Type::Double), "12.5");
    assert_eq!(shown(decimal(12, -3), &Type::VarInt), "12000");
}

#[test]
fn text_is_read_as_csv_files_are() {
    let uuid = "3f2504e0-4f89-11d3-9a0c-0305e82c3301";
    for ty in [Type::Uuid, Type::TimeUuid, Type::Text] {
        assert_eq!(shown(StringViewArray::from(vec![uuid]), &ty), uuid);
    }
    assert_eq!(
        shown(StringArray::from(vec!["10.0.0.1"]), &Type::Inet),
        "10.0.0.1"
    );
    assert_eq!(
        shown(StringArray::from(vec!["[1, 2]"]), &list_of(Type::Int)),
        "[1, 2]"
    );
    assert!(refused(StringArray::from(vec!["x"]), &Type::Int).contains('x'));
    assert!(refused(StringArray::from(vec!["ä"]), &Type::Ascii).contains("ascii"));
    let dictionary: DictionaryArray<Int32Type> = vec!["b", "a"].into_iter().collect();
    assert_eq!(shown(dictionary, &Type::Text), "b");
}

#[test]
fn bytes_and_booleans() {
    let bytes = |value: &'static [u8]| BinaryArray::from(vec![value]);
    assert_eq!(shown(bytes(b"\x01\x02"), &Type::Blob), "0x0102");
    assert_eq!(shown(bytes(b"abc"), &Type::Text), "abc");
    assert!(cast(bytes(b"\xFF"), &Type::Text).is_err());
    assert!(cast(bytes(b"abc"), &Type::Uuid).is_err());
    assert_eq!(shown(bytes(&[127, 0, 0, 1]), &Type::Inet), "127.0.0.1");
    assert_eq!(
        shown(BooleanArray::from(vec![true]), &Type::Boolean).to_lowercase(),
        "true"
    );
}

#[test]
fn moments() {
    let day = || Date32Array::from(vec![1]);
    assert_eq!(shown(day(), &Type::Date), "1970-01-02");
    assert!(shown(day(), &Type::Timestamp).starts_with("1970-01-02 00:00:00"));
    let instant = |micros| TimestampMicrosecondArray::from(vec![micros]);
    assert!(shown(instant(1_500_000), &Type::Timestamp).starts_with("1970-01-01 00:00:01.5"));
    assert_eq!(shown(instant(86_400_000_000), &Type::Date), "1970-01-02");
    assert!(refused(instant(1_500_000), &Type::Date).contains("it has a time"));
    assert!(refused(instant(1), &Type::Timestamp).contains("milliseconds"));
    assert!(shown(instant(-1_000), &Type::Timestamp).starts_with("1969-12-31 23:59:59.999"));
    let span = |months, days, nanos| {
        IntervalMonthDayNanoArray::from(vec![IntervalMonthDayNano::new(months, days, nanos)])
    };
    assert_eq!(shown(span(1, 2, 3), &Type::Duration), "1mo2d3ns");
    assert!(cast(span(1, -2, 3), &Type::Duration).is_err());
}

#[test]
fn lists_sets_and_vectors() {
    let list = |values: Vec<Option<i32>>| {
        ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(values)])
    };
    let set = Type::Set {
        element: Arc::new(Type::BigInt),
        frozen: false,
    };
    let values = vec![Some(3), Some(-1), Some(3)];
    assert_eq!(
        shown(list(values.clone()), &list_of(Type::Int)),
        "[3, -1, 3]"
    );
    assert_eq!(shown(list(values.clone()), &set), "{-1, 3}");
    assert!(refused(list(vec![Some(1), None]), &set).contains("null"));
    let vector = |dimensions| Type::Vector {
        element: Arc::new(Type::Float),
        dimensions,
    };
    let floats = || {
        let values = vec![Some(vec![Some(1.5), Some(2.5)])];
        FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(values, 2)
    };
    assert_eq!(shown(floats(), &vector(2)), "[1.5, 2.5]");
    assert!(refused(floats(), &vector(3)).contains("has 3 elements"));
    assert!(refused(list(values), &Type::Int).contains("cannot become"));
}

#[test]
fn maps_and_structs() {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for (key, value) in [("b", "2"), ("a", "1")] {
        builder.keys().append_value(key);
        builder.values().append_value(value);
    }
    builder.append(true).unwrap();
    let map = Type::Map {
        key: Arc::new(Type::Text),
        value: Arc::new(Type::Int),
        frozen: true,
    };
    assert_eq!(shown(builder.finish(), &map), "{'a': 1, 'b': 2}");

    let rows = |first: &str, second: &str| {
        StructArray::from(vec![
            (
                Arc::new(Field::new(first, DataType::Int32, true)),
                Arc::new(Int32Array::from(vec![Some(7)])) as ArrayRef,
            ),
            (
                Arc::new(Field::new(second, DataType::Utf8, true)),
                Arc::new(StringArray::from(vec![None::<&str>])) as ArrayRef,
            ),
        ])
    };
    let tuple = Type::Tuple(vec![Type::Int, Type::Text].into());
    assert_eq!(shown(rows("c0", "c1"), &tuple), "(7, null)");
    let udt = Type::Udt {
        udt: Arc::new(Udt {
            keyspace: "k".to_owned(),
            name: "u".to_owned(),
            fields: vec![
                ("b".to_owned(), Type::Text),
                ("a".to_owned(), Type::BigInt),
                ("c".to_owned(), Type::Text),
            ],
        }),
        frozen: true,
    };
    assert_eq!(shown(rows("a", "b"), &udt), "{b: null, a: 7, c: null}");
    assert!(refused(rows("x", "b"), &udt).contains("cannot become"));
}

#[test]
fn the_place_of_a_bad_value_is_told() {
    let error = located(Error::invalid("bad"), "price", 17);
    assert_eq!(error.message, "column price, row 17: bad");
}
