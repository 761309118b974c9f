//! `floor(time, duration[, start])`: the start of the bucket that a time lies in.
//!
//! Buckets are as long as the duration and begin at `start`, at 1970 where nothing is said. Months
//! are no fixed time: bucket `n` begins `n` times the duration behind the start, by the calendar.
//!
//! ```text
//! start          +1 mo          +2 mo                 +3 mo
//! ├──────────────┼──────────────┼──────────────┬──────┤
//!                               ▲ the floor of ┘ this
//! ```

use crate::cql::functions::overload::Overload;
use crate::cql::functions::resolve::Signature;
use crate::cql::functions::time::{date_bytes, date_days, millis_of};
use crate::cql::functions::{ArgumentBytes, Environment};
use crate::error::{Error, Result};
use crate::types::Type;
use crate::types::calendar::{add_months, month_number};
use crate::types::codec::decode_duration;
use crate::types::temporal::{DAY_NANOS, format_duration};
use bytes::Bytes;
use std::sync::Arc;

const DAY_MILLIS: i64 = 86_400_000;
const MILLI_NANOS: i64 = 1_000_000;

/// A duration that is not negative.
struct Span {
    months: i64,
    days: i64,
    nanos: i64,
}

type Compute = fn(&Type, &[u8], &[u8], Option<&[u8]>) -> Result<Option<Vec<u8>>>;

/// The functions of that name.
pub(super) fn overloads(name: &str) -> Option<Vec<Overload>> {
    if name != "floor" {
        return None;
    }
    let of = |time: Type, start: Option<Type>, returns: Type, compute: Compute| {
        let mut arguments = vec![time.clone(), Type::Duration];
        arguments.extend(start);
        let body = move |given: ArgumentBytes<'_>, _: &Environment<'_>| match given {
            [Some(at), Some(span)] => Ok(compute(&time, at, span, None)?.map(Bytes::from)),
            [Some(at), Some(span), Some(start)] => {
                Ok(compute(&time, at, span, Some(start))?.map(Bytes::from))
            }
            _ => Ok(None),
        };
        Overload {
            signature: Signature::new(&arguments, returns),
            pure: true,
            body: Arc::new(body),
        }
    };
    let (stamp, date) = (Type::Timestamp, Type::Date);
    Some(vec![
        of(stamp.clone(), None, stamp.clone(), of_timestamp),
        of(
            stamp.clone(),
            Some(stamp.clone()),
            stamp.clone(),
            of_timestamp,
        ),
        of(Type::TimeUuid, None, stamp.clone(), of_timestamp),
        of(Type::TimeUuid, Some(stamp.clone()), stamp, of_timestamp),
        of(date.clone(), None, date.clone(), of_date),
        of(date.clone(), Some(date.clone()), date, of_date),
        of(Type::Time, None, Type::Time, of_time),
    ])
}

fn span(bytes: &[u8]) -> Result<(Span, bool)> {
    let (months, days, nanos) =
        decode_duration(bytes).ok_or_else(|| Error::invalid("no duration"))?;
    let span = Span {
        months: months.into(),
        days: days.into(),
        nanos,
    };
    Ok((span, months < 0 || days < 0 || nanos < 0))
}

fn shown(bytes: &[u8]) -> String {
    decode_duration(bytes).map_or_else(String::new, |(months, days, nanos)| {
        format_duration(months, days, nanos)
    })
}

fn negative() -> Error {
    Error::invalid("Negative durations are not supported by the floor function")
}

fn of_timestamp(
    ty: &Type,
    at: &[u8],
    duration: &[u8],
    start: Option<&[u8]>,
) -> Result<Option<Vec<u8>>> {
    let start = match start {
        None => Some(0),
        Some(start) => millis_of(&Type::Timestamp, start),
    };
    let (Some(at), Some(start)) = (millis_of(ty, at), start) else {
        return Ok(None);
    };
    let (span, is_negative) = span(duration)?;
    if span.nanos % MILLI_NANOS != 0 {
        return Err(Error::invalid(format!(
            "The floor cannot be computed for the {} duration as precision is below 1 millisecond",
            shown(duration)
        )));
    }
    let found = floor(at, &span, is_negative, start)?;
    Ok(Some(found.to_be_bytes().to_vec()))
}

fn of_date(_: &Type, at: &[u8], duration: &[u8], start: Option<&[u8]>) -> Result<Option<Vec<u8>>> {
    let (span, is_negative) = span(duration)?;
    if span.nanos != 0 {
        return Err(Error::invalid(format!(
            "The floor on date values cannot be computed for the {} duration as precision is \
             below 1 day",
            shown(duration)
        )));
    }
    let start = start.map_or(Some(0), date_days);
    let (Some(at), Some(start)) = (date_days(at), start) else {
        return Ok(None);
    };
    let millis = |days: i32| i64::from(days) * DAY_MILLIS;
    let found = floor(millis(at), &span, is_negative, millis(start))?;
    // Between the start and the time, which both are dates.
    let days = i32::try_from(found.div_euclid(DAY_MILLIS)).unwrap_or(at);
    Ok(Some(date_bytes(days)))
}

fn of_time(_: &Type, at: &[u8], duration: &[u8], _: Option<&[u8]>) -> Result<Option<Vec<u8>>> {
    let Ok(at) = <[u8; 8]>::try_from(at).map(i64::from_be_bytes) else {
        return Ok(None);
    };
    let (span, is_negative) = span(duration)?;
    if is_negative {
        return Err(negative());
    }
    if span.months != 0 || span.days != 0 || span.nanos > DAY_NANOS {
        return Err(Error::invalid(
            "For time values, the floor can only be computed for durations smaller that a day",
        ));
    }
    let found = match span.nanos {
        0 => at,
        nanos => at - at % nanos,
    };
    Ok(Some(found.to_be_bytes().to_vec()))
}

/// The start of the bucket of `at`, all in milliseconds.
fn floor(at: i64, span: &Span, is_negative: bool, start: i64) -> Result<i64> {
    if start > at {
        return Err(Error::invalid(
            "The floor function starting time is greater than the provided time",
        ));
    }
    if is_negative {
        return Err(negative());
    }
    let fixed =
        i128::from(span.days) * i128::from(DAY_MILLIS) + i128::from(span.nanos / MILLI_NANOS);
    let passed = i128::from(at) - i128::from(start);
    let found = match (span.months, fixed) {
        (0, 0) => i128::from(at),
        (0, fixed) => i128::from(at) - passed % fixed,
        (months, fixed) => {
            let begin = |n: i128| begin_of(n, months, fixed, start);
            let most = i128::from(months_between(start, at) / months);
            // With months alone Cassandra does not look at the days: the 15th of the month of a
            // 1st is greater than that.
            if fixed == 0 || most >= 0 && begin(most) <= i128::from(at) {
                begin(most)
            } else {
                let (mut low, mut high) = (0, most);
                while high - low > 1 {
                    let middle = low + (high - low) / 2;
                    match begin(middle) <= i128::from(at) {
                        true => low = middle,
                        false => high = middle,
                    }
                }
                begin(low)
            }
        }
    };
    // It is no further from `start` than the end of the month of `at`.
    Ok(i64::try_from(found).unwrap_or(at))
}

/// The months from the month of one moment to that of another.
fn months_between(start: i64, at: i64) -> i64 {
    let month = |millis: i64| month_number(millis.div_euclid(DAY_MILLIS));
    month(at) - month(start)
}

/// Where bucket `n` begins.
fn begin_of(n: i128, months: i64, fixed: i128, start: i64) -> i128 {
    // `n` is no more than there are in a timestamp's range.
    let months = (n * i128::from(months)) as i64;
    let days = add_months(start.div_euclid(DAY_MILLIS), months);
    i128::from(days) * i128::from(DAY_MILLIS) + i128::from(start.rem_euclid(DAY_MILLIS)) + n * fixed
}
