//! A partition key's place on the ring: Murmur3, as Cassandra computes it.
//!
//! This is the first half of MurmurHash3 x64 128 with seed 0, with one difference that makes it
//! Cassandra's own: the bytes of the tail (what is left after whole blocks of 16) are sign-extended
//! before they are shifted into place. `i64::MIN` is no token; it becomes `i64::MAX`.

const C1: u64 = 0x87C3_7B91_1142_53D5;
const C2: u64 = 0x4CF5_AD43_2745_937F;

/// The token of a serialized partition key.
pub fn murmur3_token(key: &[u8]) -> i64 {
    let hash = murmur3(key);
    if hash == i64::MIN { i64::MAX } else { hash }
}

/// What the function `token` answers for a partition key: that of the empty one, which no row has,
/// comes before all others.
pub fn token_of(key: &[u8]) -> i64 {
    match key {
        [] => i64::MIN,
        key => murmur3_token(key),
    }
}

fn murmur3(key: &[u8]) -> i64 {
    let (mut h1, mut h2) = (0_u64, 0_u64);
    let (blocks, tail) = key.as_chunks::<16>();
    for block in blocks {
        let whole = u128::from_le_bytes(*block);
        h1 ^= mix1(whole as u64);
        h1 = h1.rotate_left(27).wrapping_add(h2);
        h1 = h1.wrapping_mul(5).wrapping_add(0x52DC_E729);
        h2 ^= mix2((whole >> 64) as u64);
        h2 = h2.rotate_left(31).wrapping_add(h1);
        h2 = h2.wrapping_mul(5).wrapping_add(0x3849_5AB5);
    }
    if tail.len() > 8 {
        h2 ^= mix2(tail_word(&tail[8..]));
    }
    if !tail.is_empty() {
        h1 ^= mix1(tail_word(&tail[..tail.len().min(8)]));
    }
    h1 ^= key.len() as u64;
    h2 ^= key.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    finish(h1).wrapping_add(finish(h2)).cast_signed()
}

/// Up to eight bytes, each sign-extended: the quirk.
fn tail_word(bytes: &[u8]) -> u64 {
    bytes.iter().enumerate().fold(0, |word, (at, byte)| {
        let extended = i64::from(byte.cast_signed()).cast_unsigned();
        word ^ (extended << (8 * at))
    })
}

fn mix1(k: u64) -> u64 {
    k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn mix2(k: u64) -> u64 {
    k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn finish(mut h: u64) -> u64 {
    h = (h ^ (h >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    h = (h ^ (h >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    h ^ (h >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_tokens() {
        let high: Vec<u8> = (0xF0..=0xFF).chain([0xFF, 0x80]).collect();
        for (key, token) in [
            (&b""[..], 0),
            (b"a", -8_839_064_797_231_613_815),
            (b"testvalue", 5_965_290_492_934_326_460),
            ("ch\u{e2}teau".as_bytes(), 9_114_062_196_463_836_094),
            (&high, -1_819_754_089_978_456_123),
            (&[0, 0, 0, 1], -4_069_959_284_402_364_209),
        ] {
            assert_eq!(murmur3_token(key), token, "{key:?}");
        }
    }
}
