//! Dates, times, timestamps and durations as text, in all of Cassandra's forms.
//!
//! | type | read | written |
//! |---|---|---|
//! | timestamp | integer ms; `2011-02-03`, then `T04:05[:06[.789]]`, then a zone | see below |
//! | date | integer (1970-01-01 at 2^31); `2011-02-03` | `2011-02-03` |
//! | time | integer ns; `04:05:06[.123456789]` | `04:05:06.123456789` |
//! | duration | `1y2mo3w4d5h6m7s8ms9us10ns`, and the ISO forms below | `1y2mo25d5h6m7s` |
//!
//! A zone is `Z`, `UTC`, `GMT`, `+0100`, `+01:00` or `+01`; a space may stand for the `T` and
//! before the zone. Timestamps are written as cqlsh does, `2011-02-03 04:05:06.789000+0000`.
//! ISO durations are `P1Y2M3DT4H5M6S`, `P3W` and `P0001-02-03T04:05:06`.
//!
//! A timestamp without a zone is in UTC. What lies outside of the years 0 to 9999 is written as
//! its integer, so that it is read back as the same value.

use crate::types::codec::EPOCH_DAY;
use std::fmt::Write;

/// Nanoseconds in a day.
pub const DAY_NANOS: i64 = 86_400 * 1_000_000_000;
const DAY_MILLIS: i64 = 86_400_000;

/// The days since 1970-01-01 of a day of the (proleptic) Gregorian calendar.
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    // Years begin in March, so that the leap day is a year's last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of `days_from_civil`: year, month, day.
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month as u32, day as u32)
}

/// The day that is `months` after a day (both since 1970); where that month is too short, its last.
pub fn add_months(days: i64, months: i64) -> i64 {
    let (year, month, day) = civil_from_days(days);
    let month_count = year * 12 + i64::from(month) - 1 + months;
    let (year, month) = (
        month_count.div_euclid(12),
        month_count.rem_euclid(12) as u32 + 1,
    );
    let first = days_from_civil(year, month, 1);
    let next = month_count + 1;
    let next_first = days_from_civil(next.div_euclid(12), next.rem_euclid(12) as u32 + 1, 1);
    (first + i64::from(day) - 1).min(next_first - 1)
}

/// A number within a date or a time has at most so many digits.
const NUMBER_DIGITS_MAX: usize = 9;

/// A cursor over ASCII text.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn eat(&mut self, byte: u8) -> bool {
        let found = self.rest.first() == Some(&byte);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    /// A number of `min` to `max` digits.
    fn number(&mut self, min: usize, max: usize) -> Option<i64> {
        let digits = self
            .rest
            .iter()
            .take(max)
            .take_while(|byte| byte.is_ascii_digit());
        let count = digits.count();
        if count < min {
            return None;
        }
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        Some(
            digits
                .iter()
                .fold(0, |value, byte| value * 10 + i64::from(byte - b'0')),
        )
    }

    /// `2011-2-3` as days since 1970, if a time follows.
    fn loose_date(&mut self) -> Option<i64> {
        let year = self.number(1, NUMBER_DIGITS_MAX)?;
        if !self.eat(b'-') {
            return None;
        }
        let month = self.number(1, NUMBER_DIGITS_MAX)?;
        if !self.eat(b'-') {
            return None;
        }
        let day = self.number(1, NUMBER_DIGITS_MAX)?;
        if !matches!(self.rest, [b'T' | b't', ..] | [b' ', b'0'..=b'9', ..]) {
            return None;
        }
        Self::day_of(year, month, day, true)
    }

    /// `2011-02-03` as days since 1970; `last_day` says whether the 31st of a shorter month is its
    /// last day.
    fn date(&mut self, last_day: bool) -> Option<i64> {
        // Four digits, or more of them behind a sign.
        let negative = self.eat(b'-');
        let signed = negative || self.eat(b'+');
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit());
        let more = signed && digits.count() > 4;
        if signed && !negative && !more {
            return None;
        }
        let year = self.number(4, if more { 9 } else { 4 })?;
        let year = if negative { -year } else { year };
        if !self.eat(b'-') {
            return None;
        }
        let month = self.number(2, 2)?;
        if !self.eat(b'-') {
            return None;
        }
        let day = self.number(2, 2)?;
        Self::day_of(year, month, day, last_day)
    }

    fn day_of(year: i64, month: i64, day: i64, last_day: bool) -> Option<i64> {
        let (month, day) = (u32::try_from(month).ok()?, u32::try_from(day).ok()?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let days = days_from_civil(year, month, day);
        // A day that does not exist comes back as another one: of a shorter month, the last is
        // taken where that is wanted.
        let found = civil_from_days(days);
        match found == (year, month, day) {
            true => Some(days),
            false => last_day.then(|| days - i64::from(found.2)),
        }
    }

    /// `04:05`, with seconds and fraction where they are there, as nanoseconds.
    fn time(&mut self, seconds_needed: bool) -> Option<i64> {
        let hours = self.number(1, NUMBER_DIGITS_MAX)?;
        if !self.eat(b':') {
            return None;
        }
        let minutes = self.number(1, NUMBER_DIGITS_MAX)?;
        let mut nanos = 0;
        // `24:00` is the day's end; a time of its own ends before it.
        let day_end = !seconds_needed && hours == 24 && minutes == 0;
        if self.eat(b':') {
            let seconds = self.number(1, NUMBER_DIGITS_MAX)?;
            if seconds > 59 {
                return None;
            }
            nanos = seconds * 1_000_000_000 + self.fraction()?;
        } else if seconds_needed {
            return None;
        }
        let valid = (hours < 24 && minutes < 60) || (day_end && nanos == 0);
        valid.then_some((hours * 60 + minutes) * 60_000_000_000 + nanos)
    }

    fn fraction(&mut self) -> Option<i64> {
        if !self.eat(b'.') {
            return Some(0);
        }
        let before = self.rest.len();
        let value = self.number(1, 9)?;
        let digits = (before - self.rest.len()) as u32;
        Some(value * 10_i64.pow(9 - digits))
    }

    /// A zone up to the end of the text, as minutes east of UTC; no zone is UTC.
    fn zone(&mut self) -> Option<i64> {
        self.eat(b' ');
        let name = self.rest.to_ascii_uppercase();
        if matches!(&name[..], b"" | b"Z" | b"UTC" | b"GMT") {
            self.rest = &[];
            return Some(0);
        }
        let sign = if self.eat(b'-') {
            -1
        } else if self.eat(b'+') {
            1
        } else {
            return None;
        };
        let hours = self.number(2, 2)?;
        self.eat(b':');
        let minutes = if self.rest.is_empty() {
            0
        } else {
            self.number(2, 2)?
        };
        let valid = self.rest.is_empty() && hours <= 18 && minutes < 60;
        valid.then_some(sign * (hours * 60 + minutes))
    }
}

/// Whether `text` is digits, perhaps with a sign.
pub fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads a timestamp: milliseconds since 1970 UTC.
pub fn parse_timestamp(text: &str) -> Option<i64> {
    if is_integer(text) {
        return text.parse().ok();
    }
    let mut cursor = Cursor {
        rest: text.as_bytes(),
    };
    // In front of a time the numbers of a date may have any number of digits.
    let days = match text.contains(':') && !text.starts_with('-') {
        true => cursor.loose_date(),
        false => None,
    };
    let days = match days {
        Some(days) => days,
        None => {
            cursor.rest = text.as_bytes();
            cursor.date(true)?
        }
    };
    let nanos = match cursor.rest {
        [b'T' | b't', ..] | [b' ', b'0'..=b'9', ..] => {
            cursor.rest = &cursor.rest[1..];
            cursor.time(false)?
        }
        _ => 0,
    };
    let minutes = cursor.zone()?;
    days.checked_mul(DAY_MILLIS)?
        .checked_add(nanos / 1_000_000 - minutes * 60_000)
}

/// Writes a timestamp in UTC, as cqlsh shows it.
pub fn format_timestamp(millis: i64) -> String {
    let (days, rest) = (millis.div_euclid(DAY_MILLIS), millis.rem_euclid(DAY_MILLIS));
    let (year, month, day) = civil_from_days(days);
    if !(0..=9999).contains(&year) {
        return millis.to_string();
    }
    let (seconds, millis) = (rest / 1000, rest % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    // Exports write many of these: digit by digit is much faster than by the formatter.
    let mut text = String::with_capacity("2000-01-01 00:00:00.000000+0000".len());
    let parts = [
        (year, 1_000, '-'),
        (i64::from(month), 10, '-'),
        (i64::from(day), 10, ' '),
        (hour, 10, ':'),
        (minute, 10, ':'),
        (second, 10, '.'),
    ];
    for (number, first, behind) in parts {
        push_digits(&mut text, number, first);
        text.push(behind);
    }
    push_digits(&mut text, millis, 100);
    text.push_str("000+0000");
    text
}

/// Writes a number with all its digits, from that which counts `first`.
fn push_digits(text: &mut String, number: i64, first: i64) {
    let mut unit = first;
    while unit > 0 {
        let digit = u8::try_from(number / unit % 10).unwrap_or(0);
        text.push(char::from(b'0' + digit));
        unit /= 10;
    }
}

/// Writes a timestamp in UTC as JSON has it: to the millisecond, with the year of its era.
pub fn format_timestamp_json(millis: i64) -> String {
    let (days, rest) = (millis.div_euclid(DAY_MILLIS), millis.rem_euclid(DAY_MILLIS));
    let (year, month, day) = civil_from_days(days);
    let year = if year > 0 { year } else { 1 - year };
    let sign = if year > 9999 { "+" } else { "" };
    let (seconds, millis) = (rest / 1000, rest % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{sign}{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Writes a date as ISO 8601 does: years beyond four digits have a sign.
pub fn format_date_json(days: i32) -> String {
    let (year, month, day) = civil_from_days(i64::from(days));
    let sign = match year {
        ..0 => "-",
        0..=9999 => "",
        _ => "+",
    };
    format!("{sign}{:04}-{month:02}-{day:02}", year.unsigned_abs())
}

/// Reads a date: days since 1970.
pub fn parse_date(text: &str) -> Option<i32> {
    if is_integer(text) {
        let shifted: u32 = text.parse().ok()?;
        return Some((shifted ^ EPOCH_DAY).cast_signed());
    }
    let mut cursor = Cursor {
        rest: text.as_bytes(),
    };
    let days = cursor.date(false)?;
    if !cursor.rest.is_empty() {
        return None;
    }
    i32::try_from(days).ok()
}

/// Writes a date.
pub fn format_date(days: i32) -> String {
    let (year, month, day) = civil_from_days(i64::from(days));
    if (0..=9999).contains(&year) {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        (days.cast_unsigned() ^ EPOCH_DAY).to_string()
    }
}

/// Reads a time: nanoseconds since midnight.
pub fn parse_time(text: &str) -> Option<i64> {
    if is_integer(text) {
        let nanos = text.parse().ok()?;
        return (0..DAY_NANOS).contains(&nanos).then_some(nanos);
    }
    let mut cursor = Cursor {
        rest: text.as_bytes(),
    };
    let nanos = cursor.time(true)?;
    cursor.rest.is_empty().then_some(nanos)
}

/// Writes a time.
pub fn format_time(nanos: i64) -> String {
    let seconds = nanos / 1_000_000_000;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = nanos % 1_000_000_000;
    format!("{hour:02}:{minute:02}:{second:02}.{fraction:09}")
}

/// The units of a duration in the order in which they must come: name, months, days, nanoseconds.
const UNITS: [(&str, i128, i128, i128); 11] = [
    ("y", 12, 0, 0),
    ("mo", 1, 0, 0),
    ("w", 0, 7, 0),
    ("d", 0, 1, 0),
    ("h", 0, 0, 3_600_000_000_000),
    ("m", 0, 0, 60_000_000_000),
    ("s", 0, 0, 1_000_000_000),
    ("ms", 0, 0, 1_000_000),
    ("us", 0, 0, 1_000),
    ("\u{b5}s", 0, 0, 1_000),
    ("ns", 0, 0, 1),
];

/// The same units as messages call them.
const UNIT_NAMES: [&str; 11] = [
    "years",
    "months",
    "weeks",
    "days",
    "hours",
    "minutes",
    "seconds",
    "milliseconds",
    "microseconds",
    "microseconds",
    "nanoseconds",
];

/// The sum of a duration's parts, wide enough not to overflow.
#[derive(Default)]
struct Parts {
    months: i128,
    days: i128,
    nanos: i128,
    /// The unit behind which the next one must stand.
    next_unit: usize,
}

impl Parts {
    /// Adds `count` (of at most 19 digits) of a unit, which must come behind those before.
    fn add(&mut self, count: &str, unit: &str) -> Option<()> {
        if count.is_empty() || count.len() > 19 {
            return None;
        }
        let count: i128 = count.parse().ok()?;
        let at = UNITS.iter().position(|(name, ..)| *name == unit)?;
        if at < self.next_unit {
            return None;
        }
        let (_, months, days, nanos) = UNITS[at];
        self.next_unit = at + 1;
        self.months += count * months;
        self.days += count * days;
        self.nanos += count * nanos;
        Some(())
    }

    /// Adds `1h30m` and the like.
    fn add_all(&mut self, text: &str, unit_of: impl Fn(&str) -> Option<String>) -> Option<()> {
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let (count, tail) = rest.split_at(digits);
            let letters = tail
                .find(|c: char| c.is_ascii_digit())
                .unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(letters);
            self.add(count, &unit_of(unit)?)?;
            rest = tail;
        }
        Some(())
    }

    fn iso(&mut self, text: &str) -> Option<()> {
        if text.contains('-') {
            let (date, time) = text.split_once('T')?;
            let dates = date.splitn(3, '-').zip(["y", "mo", "d"]).zip([4, 2, 2]);
            let times = time.splitn(3, ':').zip(["h", "m", "s"]).zip([2, 2, 2]);
            let mut found = 0;
            for ((count, unit), width) in dates.chain(times) {
                if count.len() != width {
                    return None;
                }
                self.add(count, unit)?;
                found += 1;
            }
            return (found == 6).then_some(());
        }
        let (date, time) = text.split_once('T').unwrap_or((text, ""));
        self.add_all(date, |unit| match unit {
            "M" => Some("mo".to_string()),
            "Y" | "W" | "D" => Some(unit.to_lowercase()),
            _ => None,
        })?;
        self.add_all(time, |unit| match unit {
            "H" | "M" | "S" => Some(unit.to_lowercase()),
            _ => None,
        })
    }
}

/// Reads a duration: months, days, nanoseconds.
pub fn parse_duration(text: &str) -> Option<(i32, i32, i64)> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let sign = if unsigned.len() < text.len() { -1 } else { 1 };
    if unsigned.is_empty() {
        return None;
    }
    let mut parts = Parts::default();
    match unsigned.strip_prefix(['P', 'p']) {
        Some(iso) if !iso.is_empty() => parts.iso(&iso.to_uppercase())?,
        Some(_) => return None,
        None => parts.add_all(unsigned, |unit| Some(unit.to_lowercase()))?,
    }
    Some((
        i32::try_from(i128::from(sign) * parts.months).ok()?,
        i32::try_from(i128::from(sign) * parts.days).ok()?,
        i64::try_from(i128::from(sign) * parts.nanos).ok()?,
    ))
}

/// What is wrong with a text that is no duration, where there is more to say than that.
pub fn duration_fault(text: &str) -> Option<String> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (body, iso) = match unsigned.strip_prefix(['P', 'p']) {
        Some(body) => (body.to_ascii_uppercase(), true),
        None => (unsigned.to_lowercase(), false),
    };
    let mut sums = Parts::default();
    let (mut rest, mut in_time) = (body.as_str(), false);
    while !rest.is_empty() {
        if let Some(time) = rest.strip_prefix('T').filter(|_| iso) {
            (rest, in_time) = (time, true);
            continue;
        }
        let (count, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let ends = |c: char| c.is_ascii_digit() || (iso && c == 'T');
        let (unit, tail) = tail.split_at(tail.find(ends).unwrap_or(tail.len()));
        let unit = match (unit, iso && !in_time) {
            ("M", true) => "mo".to_owned(),
            (unit, _) => unit.to_lowercase(),
        };
        let at = UNITS.iter().position(|(name, ..)| *name == unit)?;
        if at < sums.next_unit {
            let last = UNIT_NAMES.get(sums.next_unit - 1)?;
            let name = UNIT_NAMES.get(at)?;
            return Some(match name == last {
                true => format!("Invalid duration. The {name} are specified multiple times"),
                false => format!("Invalid duration. The {last} should be after {name}"),
            });
        }
        sums.add(count, &unit)?;
        rest = tail;
    }
    let whole = i128::from(i32::MAX);
    let over = [
        ("months", sums.months > whole),
        ("days", sums.days > whole),
        ("nanoseconds", sums.nanos > i128::from(i64::MAX)),
    ];
    let (name, _) = over.into_iter().find(|(_, over)| *over)?;
    Some(format!(
        "Invalid duration. The total number of {name} must be less or equal to {whole}"
    ))
}

/// Writes a duration; one of nothing is `0s`.
pub fn format_duration(months: i32, days: i32, nanos: i64) -> String {
    let mut out = String::new();
    let mut put = |count: u64, unit: &str| {
        if count != 0 {
            let _ = write!(out, "{count}{unit}");
        }
    };
    let (months_size, nanos_size) = (months.unsigned_abs(), nanos.unsigned_abs());
    put(u64::from(months_size / 12), "y");
    put(u64::from(months_size % 12), "mo");
    put(u64::from(days.unsigned_abs()), "d");
    put(nanos_size / 3_600_000_000_000, "h");
    put(nanos_size / 60_000_000_000 % 60, "m");
    put(nanos_size / 1_000_000_000 % 60, "s");
    put(nanos_size / 1_000_000 % 1000, "ms");
    put(nanos_size / 1000 % 1000, "us");
    put(nanos_size % 1000, "ns");
    if out.is_empty() {
        return "0s".to_string();
    }
    if months < 0 || days < 0 || nanos < 0 {
        out.insert(0, '-');
    }
    out
}

#[cfg(test)]
mod tests;
