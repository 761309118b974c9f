//! Tests of functions: calls by text in, text out.

use super::*;
use crate::types::text::{format, parse};

const ENV_RANDOM_SEED: u64 = 1;

/// Arguments whose types are known.
fn with_typed<T>(types: &[Type], call: impl Fn(&Arguments<'_>) -> T) -> T {
    let known: Vec<Option<Type>> = types.iter().cloned().map(Some).collect();
    let fits = |at: usize, wanted: &Type| {
        if types[at] == *wanted {
            Fit::Exact
        } else if *wanted == Type::Blob || (types[at] == Type::Ascii && *wanted == Type::Text) {
            Fit::Weak
        } else {
            Fit::No
        }
    };
    call(&Arguments {
        types: &known,
        fits: &fits,
        shown: &|at| format!("argument {at}"),
    })
}

fn run(function: &Scalar, arguments: &[&str]) -> Result<Option<String>> {
    let bytes: Vec<Vec<u8>> = function
        .arguments
        .iter()
        .zip(arguments)
        .map(|(ty, text)| parse(ty, text).unwrap())
        .collect();
    let bytes: Vec<Option<&[u8]>> = bytes.iter().map(|bytes| Some(&bytes[..])).collect();
    let random = Random::seeded(ENV_RANDOM_SEED);
    let env = Environment {
        now_micros: 1_700_000_000_123_456,
        random: &random,
    };
    let result = function.call(&bytes, &env)?;
    Ok(result.map(|bytes| format(&function.returns, &bytes)))
}

fn call(name: &str, types: &[Type], arguments: &[&str]) -> Result<Option<String>> {
    let function = with_typed(types, |given| scalar(name, given, None))?;
    let function = function.ok_or_else(|| crate::Error::invalid("no such function"))?;
    run(&function, arguments)
}

fn shown(name: &str, types: &[Type], arguments: &[&str]) -> String {
    call(name, types, arguments).unwrap().unwrap()
}

fn message<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => "no error".to_string(),
        Err(error) => error.message,
    }
}

fn list(element: Type) -> Type {
    Type::List {
        element: Arc::new(element),
        frozen: true,
    }
}

fn aggregated(name: &str, ty: &Type, values: &[&str]) -> Option<String> {
    let function = with_typed(std::slice::from_ref(ty), |given| aggregate(name, given)).unwrap();
    let mut state = (function.start)();
    state.add(&[None]).unwrap();
    for value in values {
        let bytes = parse(ty, value).unwrap();
        state.add(&[Some(&bytes)]).unwrap();
    }
    let result = state.finish().unwrap();
    result.map(|bytes| format(&function.returns, &bytes))
}

#[test]
fn time() {
    assert_eq!(
        shown("current_timestamp", &[], &[]),
        "2023-11-14 22:13:20.123000+0000"
    );
    assert_eq!(shown("currentdate", &[], &[]), "2023-11-14");
    assert_eq!(shown("current_time", &[], &[]), "22:13:20.123456000");
    assert_eq!(shown("uuid", &[], &[]).as_bytes()[14], b'4');
    let now = shown("now", &[], &[]);
    assert_eq!(shown("to_date", &[Type::TimeUuid], &[&now]), "2023-11-14");
    let unix = shown(
        "toUnixTimestamp".to_lowercase().as_str(),
        &[Type::TimeUuid],
        &[&now],
    );
    assert_eq!(unix, "1700000000123");
    let back = shown("to_timestamp", &[Type::Date], &["2011-02-03"]);
    assert_eq!(back, "2011-02-03 00:00:00.000000+0000");
    let low = shown(
        "min_timeuuid",
        &[Type::Timestamp],
        &["2013-01-01 00:05+0000"],
    );
    assert_eq!(low, "e23f1e00-53a6-11e2-8080-808080808080");
    let high = shown(
        "maxtimeuuid",
        &[Type::Timestamp],
        &["2013-01-01 00:05+0000"],
    );
    assert_eq!(high, "e23f450f-53a6-11e2-7f7f-7f7f7f7f7f7f");
    let beyond = shown("mintimeuuid", &[Type::Timestamp], &["9223372036854775807"]);
    assert_eq!(beyond, "138118f0-1dd2-11b2-8080-808080808080");
    assert_eq!(call("to_date", &[Type::TimeUuid], &[""]), Ok(None));
}

#[test]
fn blobs() {
    assert_eq!(shown("int_as_blob", &[Type::Int], &["3"]), "0x00000003");
    assert_eq!(shown("varcharasblob", &[Type::Text], &["ab"]), "0x6162");
    assert_eq!(
        shown("blobasbigint", &[Type::Blob], &["0x0000000000000003"]),
        "3"
    );
    assert_eq!(
        message(call("blob_as_int", &[Type::Blob], &["0x01"])),
        "In call to function system.blob_as_int, value 0x01 is not a valid binary representation \
         for type int"
    );
    assert_eq!(
        message(call("blob_as_blob", &[Type::Blob], &["0x"])),
        "no such function"
    );
}

#[test]
fn mathematics() {
    assert_eq!(shown("abs", &[Type::Int], &["-7"]), "7");
    assert_eq!(shown("abs", &[Type::Int], &["-2147483648"]), "-2147483648");
    assert_eq!(shown("abs", &[Type::Decimal], &["-1.50"]), "1.50");
    assert_eq!(shown("exp", &[Type::Int], &["2"]), "7");
    assert_eq!(shown("exp", &[Type::VarInt], &["2"]), "7");
    assert_eq!(shown("log", &[Type::Double], &["1"]), "0");
    assert_eq!(shown("log10", &[Type::BigInt], &["1000"]), "3");
    assert_eq!(shown("log10", &[Type::Decimal], &["100"]), "2");
    for (value, rounded) in [
        ("2.5", "3"),
        ("-2.5", "-2"),
        ("NaN", "0"),
        ("1e300", "9223372036854775807"),
    ] {
        let expected = rounded.parse::<f64>().unwrap();
        let found: f64 = shown("round", &[Type::Double], &[value]).parse().unwrap();
        assert_eq!(found, expected, "{value}");
    }
    assert_eq!(shown("round", &[Type::Decimal], &["-2.5"]), "-3");
    let vector = Type::Vector {
        element: Arc::new(Type::Float),
        dimensions: 2,
    };
    let two = [vector.clone(), vector];
    assert_eq!(shown("similarity_cosine", &two, &["[1, 0]", "[1, 0]"]), "1");
    assert_eq!(
        shown("similarity_euclidean", &two, &["[1, 0]", "[0, 0]"]),
        "0.5"
    );
}

#[test]
fn collections() {
    let numbers = list(Type::Int);
    assert_eq!(
        shown(
            "collection_count",
            std::slice::from_ref(&numbers),
            &["[1, 2]"]
        ),
        "2"
    );
    assert_eq!(
        shown(
            "collection_sum",
            std::slice::from_ref(&numbers),
            &["[1, 2]"]
        ),
        "3"
    );
    assert_eq!(shown("collection_max", &[numbers], &["[1, 2]"]), "2");
    let map = Type::Map {
        key: Arc::new(Type::Int),
        value: Arc::new(Type::Text),
        frozen: true,
    };
    assert_eq!(
        shown(
            "map_keys",
            std::slice::from_ref(&map),
            &["{1: 'a', 2: 'b'}"]
        ),
        "{1, 2}"
    );
    assert_eq!(
        shown("map_values", &[map], &["{1: 'a', 2: 'b'}"]),
        "['a', 'b']"
    );
    assert!(call("map_keys", &[Type::Int], &["1"]).is_err());
}

#[test]
fn resolution() {
    assert_eq!(message(call("nope", &[], &[])), "no such function");
    assert_eq!(
        message(call("min_timeuuid", &[Type::Int], &["1"])),
        "Type error: argument 0 cannot be passed as argument 0 of function \
         system.min_timeuuid of type timestamp"
    );
    assert_eq!(
        message(call("uuid", &[Type::Int], &["1"])),
        "Invalid number of arguments in call to function system.uuid: 0 required but 1 provided"
    );
    assert_eq!(
        message(call("to_date", &[Type::Int], &["1"])),
        "Invalid call to function to_date, none of its type signatures match (known type \
         signatures: system.to_date : (timeuuid) -> date, system.to_date : (timestamp) -> date)"
    );
    // A marker fits everything: ambiguous, unless it is known what is wanted.
    let anything = Arguments {
        types: &[None],
        fits: &|_, _| Fit::Weak,
        shown: &|_| "?".to_string(),
    };
    let error = message(scalar("abs", &anything, None));
    assert!(
        error.starts_with("Ambiguous call to function abs"),
        "{error}"
    );
    let function = scalar("abs", &anything, Some(&Type::SmallInt));
    let function = function.unwrap().unwrap();
    assert_eq!(function.returns, Type::SmallInt);
    assert!(function.pure);
    let error = message(with_typed(&[Type::Text], |given| aggregate("sum", given)));
    assert!(
        error.starts_with("Invalid call to function sum, none"),
        "{error}"
    );
}

#[test]
fn nulls_give_null() {
    let function = with_typed(&[Type::Int], |given| scalar("abs", given, None));
    let function = function.unwrap().unwrap();
    let random = Random::seeded(1);
    let env = Environment {
        now_micros: 0,
        random: &random,
    };
    assert_eq!(function.call(&[None], &env).unwrap(), None);
    assert_eq!(function.call(&[Some(&[])], &env).unwrap(), None);
    let key = token(&[Type::Int]);
    let bytes = key.call(&[Some(&[0, 0, 0, 1])], &env).unwrap().unwrap();
    assert_eq!(format(&Type::BigInt, &bytes), "-4069959284402364209");
}

#[test]
fn aggregates_of_integers() {
    assert_eq!(aggregated("count", &Type::Text, &["a", "b"]).unwrap(), "2");
    assert_eq!(
        aggregated("min", &Type::Int, &["3", "-1", "2"]).unwrap(),
        "-1"
    );
    assert_eq!(
        aggregated("max", &Type::Text, &["a", "c", "b"]).unwrap(),
        "c"
    );
    assert_eq!(aggregated("max", &Type::Int, &[]), None);
    assert_eq!(aggregated("sum", &Type::Int, &[]).unwrap(), "0");
    assert_eq!(aggregated("avg", &Type::Int, &[]).unwrap(), "0");
    assert_eq!(
        aggregated("sum", &Type::Int, &["2147483647", "1"]).unwrap(),
        "-2147483648"
    );
    assert_eq!(
        aggregated("avg", &Type::Int, &["2147483647", "2147483645"]).unwrap(),
        "2147483646"
    );
    assert_eq!(aggregated("avg", &Type::Int, &["-1", "-2"]).unwrap(), "-1");
    assert_eq!(
        aggregated("sum", &Type::TinyInt, &["127", "1"]).unwrap(),
        "-128"
    );
    let max = i64::MAX.to_string();
    assert_eq!(
        aggregated("avg", &Type::BigInt, &[&max, &max]).unwrap(),
        max
    );
    assert_eq!(
        aggregated("sum", &Type::VarInt, &[&max, "1"]).unwrap(),
        "9223372036854775808"
    );
}

#[test]
fn aggregates_of_fractions() {
    let tenths = ["0.1"; 10];
    assert_eq!(aggregated("sum", &Type::Double, &tenths).unwrap(), "1");
    assert_eq!(aggregated("avg", &Type::Float, &["1", "2"]).unwrap(), "1.5");
    assert_eq!(
        aggregated("avg", &Type::Double, &["1e308", "1.5e308"]).unwrap(),
        "1.25e308"
    );
    assert_eq!(
        aggregated("sum", &Type::Double, &["Infinity", "1"]).unwrap(),
        "Infinity"
    );
    assert_eq!(
        aggregated("sum", &Type::Decimal, &["1.5", "2.25"]).unwrap(),
        "3.75"
    );
    assert_eq!(
        aggregated("avg", &Type::Decimal, &["1.0", "2.0"]).unwrap(),
        "1.5"
    );
    assert_eq!(aggregated("avg", &Type::Decimal, &["1", "2"]).unwrap(), "1");
}

#[test]
fn casts() {
    for (from, value, to, expected) in [
        (Type::Int, "300", Type::TinyInt, "44"),
        (Type::Double, "1e300", Type::Int, "2147483647"),
        (Type::Double, "1", Type::Text, "1.0"),
        (Type::Double, "12345678.5", Type::Text, "1.23456785E7"),
        (Type::Float, "0.001", Type::Text, "0.001"),
        (Type::Double, "-0.00015", Type::Text, "-1.5E-4"),
        (Type::Double, "100", Type::Ascii, "100.0"),
        (Type::Double, "1.5", Type::Decimal, "1.5"),
        (Type::Decimal, "-2.9", Type::Int, "-2"),
        (Type::VarInt, "18446744073709551617", Type::BigInt, "1"),
        (Type::Boolean, "True", Type::Text, "true"),
        (
            Type::Timestamp,
            "2011-02-03 04:05:06.789",
            Type::Text,
            "2011-02-03T04:05:06.789Z",
        ),
        (
            Type::Timestamp,
            "2011-02-03 04:05",
            Type::Date,
            "2011-02-03",
        ),
        (Type::Counter, "5", Type::Int, "5"),
        (Type::Decimal, "1E+20", Type::VarInt, "7766279631452241920"),
        (
            Type::Inet,
            "2001:db8::1",
            Type::Text,
            "2001:db8:0:0:0:0:0:1",
        ),
    ] {
        let function = with_typed(std::slice::from_ref(&from), |of| cast(&to, of));
        let function = function.unwrap().unwrap();
        assert_eq!(
            run(&function, &[value]).unwrap().unwrap(),
            expected,
            "{from} {value} {to}"
        );
    }
    let error = message(with_typed(&[Type::Text], |of| cast(&Type::Int, of)));
    assert!(
        error.starts_with("Invalid call to function system.cast_as_int, none"),
        "{error}"
    );
    let none = with_typed(&[Type::Int], |of| cast(&Type::Counter, of));
    assert!(none.unwrap().is_none());
}

type Operand = (Type, &'static str);

fn operation(op: ArithmeticOp, left: &Type, right: &Type) -> Result<Scalar> {
    with_typed(&[left.clone(), right.clone()], |sides| {
        arithmetic(op, sides, None, false)
    })
}

fn check_operators(cases: &[(Operand, ArithmeticOp, Operand, Type, &str)]) {
    for (left, op, right, ty, expected) in cases {
        let function = operation(*op, &left.0, &right.0).unwrap();
        assert_eq!(function.returns, *ty);
        let result = run(&function, &[left.1, right.1]).unwrap();
        assert_eq!(result.unwrap(), *expected);
    }
}

#[test]
fn operators() {
    use ArithmeticOp::{Add, Divide, Modulo, Multiply, Subtract};
    check_operators(&[
        ((Type::Int, "7"), Divide, (Type::Int, "2"), Type::Int, "3"),
        (
            (Type::Int, "-7"),
            Modulo,
            (Type::BigInt, "2"),
            Type::BigInt,
            "-1",
        ),
        (
            (Type::Int, "2147483647"),
            Add,
            (Type::Int, "1"),
            Type::Int,
            "-2147483648",
        ),
        (
            (Type::Int, "1"),
            Divide,
            (Type::Float, "4"),
            Type::Float,
            "0.25",
        ),
        (
            (Type::BigInt, "1"),
            Subtract,
            (Type::Float, "4"),
            Type::Double,
            "-3",
        ),
        (
            (Type::VarInt, "2"),
            Multiply,
            (Type::Int, "4"),
            Type::VarInt,
            "8",
        ),
        (
            (Type::VarInt, "2"),
            Multiply,
            (Type::Double, "0.5"),
            Type::Decimal,
            "1.0",
        ),
        (
            (Type::Decimal, "1"),
            Divide,
            (Type::Decimal, "8"),
            Type::Decimal,
            "0.125",
        ),
    ]);
}

#[test]
fn operators_of_other_types() {
    use ArithmeticOp::{Add, Subtract};
    check_operators(&[
        ((Type::Text, "a"), Add, (Type::Ascii, "b"), Type::Text, "ab"),
        (
            (Type::Date, "2012-01-31"),
            Add,
            (Type::Duration, "1mo"),
            Type::Date,
            "2012-02-29",
        ),
        (
            (Type::Date, "2012-03-31"),
            Subtract,
            (Type::Duration, "1mo1d"),
            Type::Date,
            "2012-02-28",
        ),
        (
            (Type::Timestamp, "2011-12-31 23:59:59"),
            Add,
            (Type::Duration, "1d1s"),
            Type::Timestamp,
            "2012-01-02 00:00:00.000000+0000",
        ),
    ]);
}

#[test]
fn operators_refused() {
    use ArithmeticOp::{Add, Divide};
    let division = operation(Divide, &Type::Int, &Type::Int).unwrap();
    let error = run(&division, &["1", "0"]).unwrap_err();
    assert_eq!(error.kind, crate::ErrorKind::FunctionFailure);
    assert_eq!(error.message, "the operation 'int / int' failed: / by zero");
    assert_eq!(
        message(operation(Add, &Type::Int, &Type::Text)),
        "the '+' operation is not supported between argument 0 and argument 1"
    );
    let date = operation(Add, &Type::Date, &Type::Duration).unwrap();
    let error = message(run(&date, &["2012-01-01", "1h"]));
    assert_eq!(
        error,
        "the operation 'date + duration' failed: The duration must have a day precision. Was: 1h"
    );
    let negation = with_typed(&[Type::Int], |it| negate(it, None)).unwrap();
    assert_eq!(run(&negation, &["5"]).unwrap().unwrap(), "-5");
}

#[test]
fn floors() {
    let stamp = "2024-02-29 13:17:31.500";
    for (ty, time, span, floor) in [
        (
            Type::Timestamp,
            stamp,
            "5m",
            "2024-02-29 13:15:00.000000+0000",
        ),
        (
            Type::Timestamp,
            stamp,
            "1mo",
            "2024-02-01 00:00:00.000000+0000",
        ),
        (
            Type::Timestamp,
            stamp,
            "1mo1d",
            "2024-02-20 00:00:00.000000+0000",
        ),
        (Type::Date, "2024-02-29", "7d", "2024-02-29"),
        (Type::Time, "10:17:32.5", "7h", "07:00:00.000000000"),
    ] {
        assert_eq!(
            shown("floor", &[ty, Type::Duration], &[time, span]),
            floor,
            "{span}"
        );
    }
    let early = call(
        "floor",
        &[Type::Date, Type::Duration],
        &["1969-12-31", "1d"],
    );
    assert_eq!(
        message(early),
        "The floor function starting time is greater than the provided time"
    );
    assert!(call("floor", &[Type::Timestamp, Type::Duration], &[stamp, "1us"]).is_err());
    assert!(call("floor", &[Type::Timestamp, Type::Duration], &[stamp, "-1d"]).is_err());
}
