//! Functions of time: what time it is, timeuuids' bounds, and conversions.

use crate::cql::functions::overload::Overload;
use crate::error::Result;
use crate::types::codec::EPOCH_DAY;
use crate::types::temporal::DAY_NANOS;
use crate::types::{Type, timeuuid};

const DAY_MILLIS: i64 = 86_400_000;

/// The functions of that name.
pub(super) fn overloads(name: &str) -> Option<Vec<Overload>> {
    Some(match name {
        "now" | "current_timeuuid" | "currenttimeuuid" => {
            vec![Overload::of_world(Type::TimeUuid, |env| {
                timeuuid::fresh(env.now_micros, env.random).to_vec()
            })]
        }
        "current_timestamp" | "currenttimestamp" => {
            vec![Overload::of_world(Type::Timestamp, |env| {
                env.now_micros.div_euclid(1000).to_be_bytes().to_vec()
            })]
        }
        "current_date" | "currentdate" => vec![Overload::of_world(Type::Date, |env| {
            let days = env.now_micros.div_euclid(DAY_MILLIS * 1000) as i32;
            date_bytes(days)
        })],
        "current_time" | "currenttime" => vec![Overload::of_world(Type::Time, |env| {
            let nanos = i128::from(env.now_micros) * 1000;
            let nanos = nanos.rem_euclid(i128::from(DAY_NANOS)) as i64;
            nanos.to_be_bytes().to_vec()
        })],
        "min_timeuuid" | "mintimeuuid" => vec![bound(0, timeuuid::LOW_MIN)],
        "max_timeuuid" | "maxtimeuuid" => vec![bound(9_999, timeuuid::LOW_MAX)],
        "to_date" | "todate" => {
            conversions(&[Type::TimeUuid, Type::Timestamp], &Type::Date, |millis| {
                Ok(day_of(millis))
            })
        }
        "to_timestamp" | "totimestamp" => {
            conversions(&[Type::TimeUuid, Type::Date], &Type::Timestamp, |millis| {
                Ok(millis.to_be_bytes().to_vec())
            })
        }
        "to_unix_timestamp" | "tounixtimestamp" => {
            let from = [Type::TimeUuid, Type::Timestamp, Type::Date];
            conversions(&from, &Type::BigInt, |millis| {
                Ok(millis.to_be_bytes().to_vec())
            })
        }
        _ => return None,
    })
}

/// Whether a function turns times of one type into those of another.
pub(super) fn is_conversion(name: &str) -> bool {
    matches!(
        name,
        "to_date"
            | "todate"
            | "to_timestamp"
            | "totimestamp"
            | "to_unix_timestamp"
            | "tounixtimestamp"
    )
}

/// A date's wire bytes.
pub(super) fn date_bytes(days: i32) -> Vec<u8> {
    (days.cast_unsigned() ^ EPOCH_DAY).to_be_bytes().to_vec()
}

/// The date of a moment, in Java's way: whole seconds downwards, then whole days towards 1970; and
/// what is beyond the dates comes around.
pub(super) fn day_of(millis: i64) -> Vec<u8> {
    date_bytes((millis.div_euclid(1000) / (DAY_MILLIS / 1000)) as i32)
}

/// A date's days since 1970.
pub(super) fn date_days(bytes: &[u8]) -> Option<i32> {
    let shifted = u32::from_be_bytes(bytes.try_into().ok()?);
    Some((shifted ^ EPOCH_DAY).cast_signed())
}

/// The milliseconds since 1970 of a timestamp, a timeuuid or a date; none for an empty one.
pub(super) fn millis_of(ty: &Type, bytes: &[u8]) -> Option<i64> {
    match ty {
        Type::Timestamp => Some(i64::from_be_bytes(bytes.try_into().ok()?)),
        Type::Date => Some(i64::from(date_days(bytes)?) * DAY_MILLIS),
        _ => timeuuid::unix_millis(bytes),
    }
}

fn conversions(
    from: &[Type],
    to: &Type,
    write: impl Fn(i64) -> Result<Vec<u8>> + Clone + Send + Sync + 'static,
) -> Vec<Overload> {
    let overload = |argument: &Type| {
        let (ty, write) = (argument.clone(), write.clone());
        Overload::unary(argument.clone(), to.clone(), move |bytes| {
            millis_of(&ty, bytes).map(&write).transpose()
        })
    };
    from.iter().map(overload).collect()
}

/// The first or last timeuuid of a millisecond.
fn bound(steps_within: i64, low: u64) -> Overload {
    Overload::unary(Type::Timestamp, Type::TimeUuid, move |bytes| {
        // What is beyond the times of a timeuuid comes around, as in Cassandra.
        Ok(millis_of(&Type::Timestamp, bytes).map(|millis| {
            let steps = millis.wrapping_mul(10_000).wrapping_add(steps_within);
            timeuuid::at_steps(steps, low).to_vec()
        }))
    })
}
