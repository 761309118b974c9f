//! The calendar by which months are added: Julian up to 4 October 1582, Gregorian from the 15th on.
//!
//! Texts of dates are always of the Gregorian calendar, as if it had never begun. Only where months
//! are added the change of 1582 shows: a month is then as long as it was in its time.
//!
//! ```text
//!   1500-02-20  ──►  10 February (Julian)  ── + 1 month ──►  10 March (Julian)  ──►  1500-03-21
//! ```

use crate::types::temporal::{civil_from_days, days_from_civil};

/// 1582-10-15, the first day of the Gregorian calendar, in days since 1970.
const FIRST_GREGORIAN_DAY: i64 = -141_427;
const YEAR_OF_CHANGE: i64 = 1582;
/// 0000-03-01 of the Julian calendar, in days since 1970.
const JULIAN_START_DAY: i64 = -719_470;
const FOUR_YEARS_DAYS: i64 = 1461;

fn julian_from_days(days: i64) -> (i64, u32, u32) {
    let days = days - JULIAN_START_DAY;
    let cycle = days.div_euclid(FOUR_YEARS_DAYS);
    let day_of_cycle = days.rem_euclid(FOUR_YEARS_DAYS);
    let year_of_cycle = (day_of_cycle / 365).min(3);
    let day_of_year = day_of_cycle - year_of_cycle * 365;
    // Years begin in March, so that the leap day is a year's last.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = cycle * 4 + year_of_cycle + i64::from(month <= 2);
    (year, month as u32, day as u32)
}

fn days_from_julian(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    JULIAN_START_DAY + year.div_euclid(4) * FOUR_YEARS_DAYS + year.rem_euclid(4) * 365 + day_of_year
}

/// A day that is given by its year, month and day; one that the change left out is Julian.
fn days_from(year: i64, month: u32, day: u32) -> i64 {
    let gregorian = days_from_civil(year, month, day);
    match gregorian >= FIRST_GREGORIAN_DAY {
        true => gregorian,
        false => days_from_julian(year, month, day),
    }
}

/// The year, month and day that a day had in its time.
fn parts(days: i64) -> (i64, u32, u32) {
    match days >= FIRST_GREGORIAN_DAY {
        true => civil_from_days(days),
        false => julian_from_days(days),
    }
}

/// Years before the first are counted backwards from it.
fn year_of_era(year: i64) -> i64 {
    if year > 0 { year } else { 1 - year }
}

/// The number of a day's month, by the years of its era, as Cassandra counts.
pub fn month_number(days: i64) -> i64 {
    let (year, month, _) = parts(days);
    year_of_era(year) * 12 + i64::from(month)
}

/// The last day of a month.
fn last_day(year: i64, month: u32) -> u32 {
    let leaps = match year > YEAR_OF_CHANGE {
        true => year % 4 == 0 && (year % 100 != 0 || year % 400 == 0),
        false => year.rem_euclid(4) == 0,
    };
    match month {
        2 if leaps => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The day that is `months` after a day (both since 1970); where that month is too short, its last.
/// In the year of the change it is the day so many behind the month's last, as in Cassandra.
pub fn add_months(days: i64, months: i64) -> i64 {
    if months == 0 {
        return days;
    }
    let (year, month, day) = parts(days);
    let count = year * 12 + i64::from(month) - 1 + months;
    let (year, month) = (count.div_euclid(12), count.rem_euclid(12) as u32 + 1);
    let day = match year_of_era(year) == YEAR_OF_CHANGE {
        true => day,
        false => day.min(last_day(year, month)),
    };
    days_from(year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(year: i64, month: u32, day: u32) -> i64 {
        days_from_civil(year, month, day)
    }

    #[test]
    fn julian_days_and_their_inverse_agree() {
        assert_eq!(julian_from_days(FIRST_GREGORIAN_DAY - 1), (1582, 10, 4));
        assert_eq!(day(1582, 10, 15), FIRST_GREGORIAN_DAY);
        assert_eq!(days_from_julian(1582, 10, 4), FIRST_GREGORIAN_DAY - 1);
        let days = (-800_000..-700_000).chain(-3_000_000_000..-2_999_998_000);
        for days in days {
            let (year, month, day) = julian_from_days(days);
            assert_eq!(days_from_julian(year, month, day), days);
            assert!(day <= last_day(year, month));
        }
    }

    #[test]
    fn months_before_the_change_are_julian() {
        assert_eq!(add_months(day(1500, 2, 20), 1), day(1500, 3, 21));
        assert_eq!(add_months(day(1582, 10, 15), -1), day(1582, 9, 25));
        assert_eq!(add_months(day(1582, 9, 20), 1), day(1582, 10, 20));
        assert_eq!(add_months(day(1583, 1, 31), -4), day(1582, 10, 11));
    }

    #[test]
    fn months_after_the_change_are_gregorian() {
        assert_eq!(add_months(day(2023, 1, 31), 1), day(2023, 2, 28));
        assert_eq!(add_months(day(2024, 1, 31), 1), day(2024, 2, 29));
        assert_eq!(add_months(day(2024, 3, 31), -13), day(2023, 2, 28));
        assert_eq!(add_months(day(1970, 1, 1), 0), day(1970, 1, 1));
        assert_eq!(add_months(day(1900, 1, 31), 1), day(1900, 2, 28));
    }
}
