//! The two checksums of version 5: CRC24 over a segment's header, CRC32 over its payload.
//!
//! The CRC24 (polynomial `0x1974F0B`, from `0x875060`) was chosen by Cassandra for its Hamming
//! distance over so few bytes. The CRC32 is zlib's, over four fixed bytes and then the payload, so
//! that a payload of zeros does not have the checksum zero.

const CRC24_START: u32 = 0x0087_5060;
const CRC24_POLYNOMIAL: u32 = 0x0197_4F0B;
const CRC32_SALT: [u8; 4] = [0xFA, 0x2D, 0x55, 0xCA];

#[expect(
    clippy::indexing_slicing,
    reason = "computed while compiling, where a fault shows"
)]
const CRC24_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u32) << 16;
        let mut bit = 0;
        while bit < 8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= CRC24_POLYNOMIAL;
            }
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// The CRC24 of a segment's header.
pub fn crc24(bytes: &[u8]) -> u32 {
    bytes.iter().fold(CRC24_START, |crc, byte| {
        let top = u8::try_from(crc >> 16 & 0xFF).unwrap_or_default() ^ byte;
        let shifted = CRC24_TABLE.get(usize::from(top)).copied();
        (crc << 8 ^ shifted.unwrap_or_default()) & 0x00FF_FFFF
    })
}

/// The CRC32 of a segment's payload.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&CRC32_SALT);
    hasher.update(bytes);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, bit by bit.
    fn crc24_slowly(bytes: &[u8]) -> u32 {
        let mut crc = CRC24_START;
        for byte in bytes {
            crc ^= u32::from(*byte) << 16;
            for _ in 0..8 {
                crc <<= 1;
                if crc & 0x0100_0000 != 0 {
                    crc ^= CRC24_POLYNOMIAL;
                }
            }
        }
        crc
    }

    #[test]
    fn table_is_the_definition() {
        for seed in 0..=255_u8 {
            let bytes = [seed, seed.wrapping_mul(31), seed ^ 0x5A, !seed, seed >> 1];
            for length in 0..=bytes.len() {
                assert_eq!(crc24(&bytes[..length]), crc24_slowly(&bytes[..length]));
            }
        }
    }

    #[test]
    fn a_changed_bit_shows() {
        let payload = *b"any bytes";
        let mut changed = payload;
        changed[3] ^= 0x10;
        assert_ne!(crc32(&payload), crc32(&changed));
        assert_ne!(crc32(&[]), 0);
        assert_ne!(crc32(&[0; 4]), crc32(&[0; 5]));
    }
}
