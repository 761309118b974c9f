//! Version 1 uuids: made from a time, and the time within them.
//!
//! The time counts steps of 100 ns from 1582-10-15, in 60 bits; the lower eight bytes are a clock
//! sequence and a node, which here are random. A list's elements are ordered by such uuids.

use crate::random::Random;

/// Steps of 100 ns from 1582-10-15 to 1970-01-01.
const EPOCH_STEPS: i64 = 0x01B2_1DD2_1381_4000;
/// The lower bytes that stand first in a timeuuid's order (signed bytes).
pub const LOW_MIN: u64 = 0x8080_8080_8080_8080;
/// The lower bytes that stand last.
pub const LOW_MAX: u64 = 0x7F7F_7F7F_7F7F_7F7F;

/// The uuid of a time in steps of 100 ns since 1970, with its lower bytes. A time beyond 60 bits
/// spoils the version, as it does in Cassandra.
pub fn at_steps(steps_since_1970: i64, low: u64) -> [u8; 16] {
    let steps = steps_since_1970.wrapping_add(EPOCH_STEPS).cast_unsigned();
    let time_low = steps & 0xFFFF_FFFF;
    let time_mid = (steps >> 32) & 0xFFFF;
    let time_high = (steps >> 48) & 0xFFFF;
    let high = (time_low << 32) | (time_mid << 16) | 0x1000 | time_high;
    ((u128::from(high) << 64) | u128::from(low)).to_be_bytes()
}

/// The uuid of element `number` of those that are made at one time: they rise with their numbers,
/// and all lie before those of the next microsecond.
pub fn numbered(micros: i64, number: u64) -> [u8; 16] {
    // Lower bytes are ordered as signed ones: below the variant, seven bits of each rise.
    let low = (0..7).rev().fold(0x80, |low: u64, group| {
        (low << 8) | ((number >> (7 * group)) & 0x7F)
    });
    at_steps(micros.saturating_mul(10), low)
}

/// A new uuid of a time in microseconds since 1970: its last decimal and lower bytes are random.
pub fn fresh(micros: i64, random: &Random) -> [u8; 16] {
    let steps = micros
        .saturating_mul(10)
        .saturating_add(random.below(10).cast_signed());
    // The variant's bits, and the bit that says the node is no hardware address.
    let low = (random.next_u64() & 0x3FFF_FFFF_FFFF_FFFF) | (1 << 63) | (1 << 40);
    at_steps(steps, low)
}

/// The time within, in steps of 100 ns since 1582-10-15.
fn time_within(uuid: &[u8]) -> Option<i64> {
    let high = u64::from_be_bytes(*uuid.first_chunk::<8>()?);
    let steps = ((high & 0xEFFF) << 48) | ((high << 16) & 0xFFFF_0000_0000) | (high >> 32);
    Some(steps.cast_signed())
}

/// The time within, in steps of 100 ns since 1970.
pub fn steps(uuid: &[u8]) -> Option<i64> {
    time_within(uuid).map(|steps| steps.wrapping_sub(EPOCH_STEPS))
}

/// The time within, in milliseconds since 1970, rounded towards that.
pub fn unix_millis(uuid: &[u8]) -> Option<i64> {
    let steps = i128::from(time_within(uuid)?) - i128::from(EPOCH_STEPS);
    i64::try_from(steps / 10_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Type;

    #[test]
    fn times_within() {
        let random = Random::seeded(1);
        for micros in [0, 1, 1_700_000_000_123_456, -12_219_292_800_000_000] {
            let uuid = fresh(micros, &random);
            Type::TimeUuid.validate(&uuid).unwrap();
            assert_eq!(steps(&uuid).unwrap().div_euclid(10), micros);
            assert_eq!(uuid[8] >> 6, 2);
        }
        // 2a92d750-d8dc-11e6-… is of 2017-01-12 15:31:20.005.
        let uuid = Type::TimeUuid.encode(&crate::types::Value::Uuid(uuid::uuid!(
            "2a92d750-d8dc-11e6-a2de-cf8ecd4cf053"
        )));
        assert_eq!(unix_millis(&uuid.unwrap()), Some(1_484_235_080_005));
    }

    #[test]
    fn numbered_ones_rise() {
        let uuids: Vec<[u8; 16]> = [(5, 0), (5, 1), (5, 127), (5, 128), (5, 1 << 40), (6, 0)]
            .map(|(micros, number)| numbered(micros, number))
            .to_vec();
        for pair in uuids.windows(2) {
            assert!(Type::TimeUuid.compare(&pair[0], &pair[1]).is_lt());
            Type::TimeUuid.validate(&pair[0]).unwrap();
        }
    }

    #[test]
    fn later_is_greater() {
        let (low, high) = (at_steps(5, LOW_MIN), at_steps(5, LOW_MAX));
        assert!(Type::TimeUuid.compare(&low, &high).is_lt());
        assert!(Type::TimeUuid.compare(&high, &at_steps(6, LOW_MIN)).is_lt());
    }
}
