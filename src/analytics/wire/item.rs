//! Values of Arrow arrays, read as one of a dozen kinds.
//!
//! Arrow has a type for every width, unit and layout; a cast only needs to know that a value is an
//! integer, an instant, a list. Dictionaries are looked through.

use crate::error::{Error, Result};
use crate::types::Type;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    IntervalDayTimeType, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use num_bigint::BigInt;

/// Milliseconds of a day.
const DAY_MILLIS: i64 = 86_400_000;

/// A value of an Arrow array.
#[derive(Debug)]
pub(super) enum Item<'a> {
    Boolean(bool),
    Integer(i128),
    Float(f32),
    Double(f64),
    Decimal(BigInt, i32),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// Days since 1970-01-01.
    Date(i64),
    /// Nanoseconds since midnight.
    Time(i64),
    /// Since 1970-01-01 UTC, in units of which a second has as many.
    Instant(i64, i64),
    /// Months, days, nanoseconds.
    Span(i32, i32, i64),
    List(ArrayRef),
    /// Keys and values.
    Map(ArrayRef, ArrayRef),
    /// The fields: names, columns and the row in them.
    Struct(Vec<(&'a str, &'a ArrayRef)>, usize),
}

/// The kinds of Arrow types, as far as casts tell them apart.
enum Kind<'a> {
    Null,
    Boolean,
    Integer(bool),
    Real,
    Decimal,
    Text,
    Bytes,
    Date,
    Time,
    Instant,
    Span,
    List(&'a DataType),
    Map(&'a DataType, &'a DataType),
    Struct(Vec<(&'a str, &'a DataType)>),
    Other,
}

fn kind(ty: &DataType) -> Kind<'_> {
    match ty {
        DataType::Null => Kind::Null,
        DataType::Boolean => Kind::Boolean,
        DataType::Int64 | DataType::UInt64 => Kind::Integer(true),
        ty if ty.is_integer() => Kind::Integer(false),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Kind::Real,
        ty if ty.is_decimal() => Kind::Decimal,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => Kind::Bytes,
        DataType::Date32 | DataType::Date64 => Kind::Date,
        DataType::Time32(_) | DataType::Time64(_) => Kind::Time,
        DataType::Timestamp(_, _) => Kind::Instant,
        DataType::Interval(_) | DataType::Duration(_) => Kind::Span,
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => Kind::List(field.data_type()),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => match &fields[..] {
                [key, value] => Kind::Map(key.data_type(), value.data_type()),
                _ => Kind::Other,
            },
            _ => Kind::Other,
        },
        DataType::Struct(fields) => Kind::Struct(
            fields
                .iter()
                .map(|field| (field.name().as_str(), field.data_type()))
                .collect(),
        ),
        DataType::Dictionary(_, values) => kind(values),
        _ => Kind::Other,
    }
}

/// An Arrow type's name in messages.
pub(super) fn name_of(ty: &DataType) -> String {
    match kind(ty) {
        Kind::Text => "text".to_owned(),
        Kind::Bytes => "bytes".to_owned(),
        Kind::Boolean => "boolean".to_owned(),
        _ => ty.to_string(),
    }
}

/// Whether values of an Arrow type can become values of a CQL type.
pub(super) fn fits(from: &DataType, to: &Type) -> bool {
    let scalar_text = |to: &Type| matches!(to, Type::Text | Type::Ascii);
    let integer = |to: &Type| {
        matches!(
            to,
            Type::TinyInt
                | Type::SmallInt
                | Type::Int
                | Type::BigInt
                | Type::Counter
                | Type::VarInt
        )
    };
    let number =
        |to: &Type| integer(to) || matches!(to, Type::Decimal | Type::Float | Type::Double);
    match kind(from) {
        Kind::Null | Kind::Text => true,
        Kind::Boolean => *to == Type::Boolean || scalar_text(to),
        Kind::Integer(wide) => {
            number(to) || scalar_text(to) || (wide && matches!(to, Type::Timestamp | Type::Time))
        }
        Kind::Real | Kind::Decimal => number(to) || scalar_text(to),
        Kind::Bytes => matches!(
            to,
            Type::Blob | Type::Text | Type::Ascii | Type::Uuid | Type::TimeUuid | Type::Inet
        ),
        Kind::Date | Kind::Instant => matches!(to, Type::Date | Type::Timestamp) || scalar_text(to),
        Kind::Time => *to == Type::Time || scalar_text(to),
        Kind::Span => *to == Type::Duration || scalar_text(to),
        Kind::List(from) => match to {
            Type::List { element, .. } | Type::Set { element, .. } => fits(from, element),
            Type::Vector { element, .. } => fits(from, element),
            _ => false,
        },
        Kind::Map(from_key, from_value) => match to {
            Type::Map { key, value, .. } => fits(from_key, key) && fits(from_value, value),
            _ => false,
        },
        Kind::Struct(fields) => struct_fits(&fields, to),
        Kind::Other => false,
    }
}

fn struct_fits(from: &[(&str, &DataType)], to: &Type) -> bool {
    let types = to.field_types();
    let compound = matches!(to, Type::Tuple(_) | Type::Udt { .. });
    let names: Vec<&str> = from.iter().map(|(name, _)| *name).collect();
    let Some(order) = field_order(&names, to).filter(|_| compound) else {
        return false;
    };
    types.iter().zip(order).all(|(ty, at)| {
        at.and_then(|at| from.get(at))
            .is_none_or(|(_, from)| fits(from, ty))
    })
}

/// Which field of a struct each field of a tuple or user type takes: by name where all names of the
/// struct are fields of the user type, else by position where the numbers agree. A user type's
/// field that the struct does not name is null.
pub(super) fn field_order(names: &[&str], to: &Type) -> Option<Vec<Option<usize>>> {
    let count = to.field_types().len();
    if let Type::Udt { udt, .. } = to {
        let known = |name: &&str| udt.fields.iter().any(|(field, _)| field == name);
        if names.iter().all(known) {
            let place = |(field, _): &(String, Type)| names.iter().position(|name| name == field);
            return Some(udt.fields.iter().map(place).collect());
        }
    }
    (names.len() == count).then(|| (0..count).map(Some).collect())
}

/// The value at `row`; none where it is null.
pub(super) fn read(array: &dyn Array, row: usize) -> Result<Option<Item<'_>>> {
    if array.is_null(row) {
        return Ok(None);
    }
    if let Some(item) = number(array, row) {
        return Ok(Some(item));
    }
    Ok(Some(match array.data_type() {
        DataType::Null => return Ok(None),
        DataType::Boolean => Item::Boolean(array.as_boolean().value(row)),
        DataType::Utf8 => Item::Text(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Item::Text(array.as_string::<i64>().value(row)),
        DataType::Utf8View => Item::Text(array.as_string_view().value(row)),
        DataType::Binary => Item::Bytes(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => Item::Bytes(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => Item::Bytes(array.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => Item::Bytes(array.as_fixed_size_binary().value(row)),
        DataType::Interval(_) | DataType::Duration(_) => span(array, row)?,
        DataType::List(_) => Item::List(array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => Item::List(array.as_list::<i64>().value(row)),
        DataType::ListView(_) => Item::List(array.as_list_view::<i32>().value(row)),
        DataType::LargeListView(_) => Item::List(array.as_list_view::<i64>().value(row)),
        DataType::FixedSizeList(_, _) => Item::List(array.as_fixed_size_list().value(row)),
        DataType::Map(_, _) => {
            let entries = array.as_map().value(row);
            Item::Map(entries.column(0).clone(), entries.column(1).clone())
        }
        DataType::Struct(fields) => {
            let names = fields.iter().map(|field| field.name().as_str());
            let columns = array.as_struct().columns();
            Item::Struct(names.zip(columns).collect(), row)
        }
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let Some(Item::Integer(at)) = number(dictionary.keys(), row) else {
                return Err(unknown(array));
            };
            let at = usize::try_from(at).map_err(|_| unknown(array))?;
            return read(dictionary.values().as_ref(), at);
        }
        _ => return Err(unknown(array)),
    }))
}

fn unknown(array: &dyn Array) -> Error {
    Error::invalid(format!(
        "values of the Arrow type {} cannot be read",
        array.data_type()
    ))
}

/// Numbers, dates, times and instants.
fn number(array: &dyn Array, row: usize) -> Option<Item<'static>> {
    macro_rules! value {
        ($ty:ty) => {
            array.as_primitive::<$ty>().value(row)
        };
    }
    macro_rules! integer {
        ($ty:ty) => {
            Item::Integer(i128::from(value!($ty)))
        };
    }
    Some(match array.data_type() {
        DataType::Int8 => integer!(Int8Type),
        DataType::Int16 => integer!(Int16Type),
        DataType::Int32 => integer!(Int32Type),
        DataType::Int64 => integer!(Int64Type),
        DataType::UInt8 => integer!(UInt8Type),
        DataType::UInt16 => integer!(UInt16Type),
        DataType::UInt32 => integer!(UInt32Type),
        DataType::UInt64 => integer!(UInt64Type),
        DataType::Float16 => Item::Float(value!(Float16Type).to_f32()),
        DataType::Float32 => Item::Float(value!(Float32Type)),
        DataType::Float64 => Item::Double(value!(Float64Type)),
        DataType::Decimal32(_, scale) => {
            Item::Decimal(value!(Decimal32Type).into(), i32::from(*scale))
        }
        DataType::Decimal64(_, scale) => {
            Item::Decimal(value!(Decimal64Type).into(), i32::from(*scale))
        }
        DataType::Decimal128(_, scale) => {
            Item::Decimal(value!(Decimal128Type).into(), i32::from(*scale))
        }
        DataType::Decimal256(_, scale) => {
            let unscaled = BigInt::from_signed_bytes_be(&value!(Decimal256Type).to_be_bytes());
            Item::Decimal(unscaled, i32::from(*scale))
        }
        DataType::Date32 => Item::Date(i64::from(value!(Date32Type))),
        DataType::Date64 => match value!(Date64Type) {
            millis if millis % DAY_MILLIS == 0 => Item::Date(millis / DAY_MILLIS),
            millis => Item::Instant(millis, 1_000),
        },
        DataType::Time32(TimeUnit::Second) => {
            Item::Time(i64::from(value!(Time32SecondType)) * 1_000_000_000)
        }
        DataType::Time32(_) => Item::Time(i64::from(value!(Time32MillisecondType)) * 1_000_000),
        DataType::Time64(TimeUnit::Microsecond) => {
            Item::Time(value!(Time64MicrosecondType).saturating_mul(1_000))
        }
        DataType::Time64(_) => Item::Time(value!(Time64NanosecondType)),
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => Item::Instant(value!(TimestampSecondType), 1),
            TimeUnit::Millisecond => Item::Instant(value!(TimestampMillisecondType), 1_000),
            TimeUnit::Microsecond => Item::Instant(value!(TimestampMicrosecondType), 1_000_000),
            TimeUnit::Nanosecond => Item::Instant(value!(TimestampNanosecondType), 1_000_000_000),
        },
        _ => return None,
    })
}

fn span(array: &dyn Array, row: usize) -> Result<Item<'static>> {
    macro_rules! value {
        ($ty:ty) => {
            array.as_primitive::<$ty>().value(row)
        };
    }
    let scaled = |value: i64, by: i64| {
        let nanos = value
            .checked_mul(by)
            .ok_or_else(|| Error::invalid("the interval is longer than a duration can be"));
        nanos.map(|nanos| Item::Span(0, 0, nanos))
    };
    match array.data_type() {
        DataType::Interval(IntervalUnit::YearMonth) => {
            Ok(Item::Span(value!(IntervalYearMonthType), 0, 0))
        }
        DataType::Interval(IntervalUnit::DayTime) => {
            let value = value!(IntervalDayTimeType);
            let nanos = i64::from(value.milliseconds) * 1_000_000;
            Ok(Item::Span(0, value.days, nanos))
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let value = value!(IntervalMonthDayNanoType);
            Ok(Item::Span(value.months, value.days, value.nanoseconds))
        }
        DataType::Duration(TimeUnit::Second) => scaled(value!(DurationSecondType), 1_000_000_000),
        DataType::Duration(TimeUnit::Millisecond) => {
            scaled(value!(DurationMillisecondType), 1_000_000)
        }
        DataType::Duration(TimeUnit::Microsecond) => scaled(value!(DurationMicrosecondType), 1_000),
        DataType::Duration(TimeUnit::Nanosecond) => scaled(value!(DurationNanosecondType), 1),
        _ => Err(unknown(array)),
    }
}
