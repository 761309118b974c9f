//! Tests that whole blocks can fail.
//!
//! A block's zone map holds the least and greatest value of each column of numbers. A scan's
//! [`ZoneTest`] says within which ranges a column's value must lie; a block that holds none such is
//! not read. A test may let rows pass that the predicate behind it refuses, never the other way
//! round: whoever asks applies the predicate itself to what comes.
//!
//! Numbers stand in the order that zones have: whole numbers as they are, floats by their total
//! order ([`zone_of_double`]), dates by their four wire bytes as a signed number, by which days
//! since 1970 come before those before it: [`ZoneTest::dates`] makes two ranges of one.

use crate::schema::ColumnId;

/// A column's value must lie in one of these ranges; a row without one fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneTest {
    /// The column, a regular one.
    pub column: ColumnId,
    /// The ranges, both ends included.
    pub ranges: Vec<(i64, i64)>,
}

/// Where a double stands among the values of zones.
pub fn zone_of_double(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// Where a float stands among the values of zones.
pub fn zone_of_float(value: f32) -> i64 {
    let bits = value.to_bits() as i32;
    i64::from(bits ^ (((bits >> 31) as u32) >> 1) as i32)
}

impl ZoneTest {
    /// `least <= value <= greatest`, for `tinyint` to `bigint`, `timestamp` and `time`.
    pub fn integers(column: ColumnId, least: i64, greatest: i64) -> Self {
        Self {
            column,
            ranges: vec![(least, greatest)],
        }
    }

    /// The same for `date`, in days as on the wire (1970-01-01 is 2^31).
    pub fn dates(column: ColumnId, least: u32, greatest: u32) -> Self {
        let signed = |days: u32| i64::from(days.cast_signed());
        let (first, last) = (i64::from(i32::MIN), i64::from(i32::MAX));
        let ranges = match (least >> 31, greatest >> 31) {
            _ if least > greatest => Vec::new(),
            (0, 1) => vec![(signed(least), last), (first, signed(greatest))],
            _ => vec![(signed(least), signed(greatest))],
        };
        Self { column, ranges }
    }

    /// The same for `double`; an absent bound lets everything pass on its side, NaN included. Both
    /// zeros count as equal.
    pub fn doubles(column: ColumnId, least: Option<f64>, greatest: Option<f64>) -> Self {
        let least = least.map(|it| zone_of_double(if it == 0.0 { -0.0 } else { it }));
        let greatest = greatest.map(|it| zone_of_double(if it == 0.0 { 0.0 } else { it }));
        Self::integers(
            column,
            least.unwrap_or(i64::MIN),
            greatest.unwrap_or(i64::MAX),
        )
    }

    /// The same for `float`.
    pub fn floats(column: ColumnId, least: Option<f32>, greatest: Option<f32>) -> Self {
        let least = least.map(|it| zone_of_float(if it == 0.0 { -0.0 } else { it }));
        let greatest = greatest.map(|it| zone_of_float(if it == 0.0 { 0.0 } else { it }));
        Self::integers(
            column,
            least.unwrap_or(i64::MIN),
            greatest.unwrap_or(i64::MAX),
        )
    }

    /// Whether some value between these may pass.
    pub fn may_pass(&self, (least, greatest): (i64, i64)) -> bool {
        let meets = |(from, to): &(i64, i64)| *from <= greatest && least <= *to;
        self.ranges.iter().any(meets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_around_1970_make_two_ranges() {
        let id = ColumnId(1);
        let zone = |days: u32| (i64::from(days as i32), i64::from(days as i32));
        let epoch = 1_u32 << 31;
        for (least, greatest) in [
            (0, u32::MAX),
            (epoch - 5, epoch + 5),
            (epoch + 1, epoch + 3),
            (epoch - 9, epoch - 4),
            (7, 3),
        ] {
            let test = ZoneTest::dates(id, least, greatest);
            for days in [
                0,
                epoch - 10,
                epoch - 5,
                epoch - 4,
                epoch,
                epoch + 2,
                u32::MAX,
            ] {
                let wanted = least <= days && days <= greatest;
                assert_eq!(
                    test.may_pass(zone(days)),
                    wanted,
                    "{least} {greatest} {days}"
                );
            }
        }
    }

    #[test]
    fn floats_stand_in_total_order_and_zeros_are_one() {
        let list = [
            f64::NEG_INFINITY,
            -1.5,
            -0.0,
            0.0,
            1e-300,
            2.0,
            f64::INFINITY,
            f64::NAN,
        ];
        assert!(list.is_sorted_by_key(|it| zone_of_double(*it)));
        let zero = |it: f64| (zone_of_double(it), zone_of_double(it));
        let test = ZoneTest::doubles(ColumnId(1), Some(0.0), None);
        assert!(test.may_pass(zero(-0.0)) && test.may_pass(zero(f64::NAN)));
        assert!(!test.may_pass(zero(-1e-300)));
        let test = ZoneTest::floats(ColumnId(1), None, Some(-0.0));
        let zone = zone_of_float(0.0);
        assert!(test.may_pass((zone, zone)));
    }
}
