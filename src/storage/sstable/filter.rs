//! The filter over partitions: says for sure that a partition is not there, or that it may be.
//!
//! It is the bloom filter of the `bloomfilter` crate, in that crate's serialized form, seeded with
//! a constant, over the partition's token (which is a hash of the key already) as eight
//! little-endian bytes.

use crate::storage::sstable::codec::{Damage, Parsed};
use bloomfilter::Bloom;
use std::hash::{Hash, Hasher};

// The kinds of filters are persisted: never change the numbers.
/// No filter: every partition may be there.
pub const FILTER_NONE: u8 = 0;
/// The bloom filter described above.
pub const FILTER_BLOOM: u8 = 1;

/// Never change it: every filter on disk was made with it.
const SEED: [u8; 32] = *b"helenus sstable filter, version1";
/// The crate's own header, before the bits.
const HEADER_BYTES: usize = 45;
/// More hash functions than any share of false positives asks for.
const HASHES_MAX: u32 = 64;

/// A token as the filter hashes it: the same on every machine.
struct Token(i64);

impl Hash for Token {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0.to_le_bytes());
    }
}

/// Makes the filter of `tokens` that lets the given share of others through; its kind and bytes.
pub fn build(tokens: &[i64], fp_millionths: u32) -> (u8, Vec<u8>) {
    if tokens.is_empty() || fp_millionths >= 1_000_000 {
        return (FILTER_NONE, Vec::new());
    }
    let share = f64::from(fp_millionths.max(1)) / 1e6;
    match Bloom::new_for_fp_rate_with_seed(tokens.len(), share, &SEED) {
        Ok(mut bloom) => {
            for token in tokens {
                bloom.set(&Token(*token));
            }
            (FILTER_BLOOM, bloom.into_bytes())
        }
        Err(_) => (FILTER_NONE, Vec::new()),
    }
}

/// A filter that was read.
#[derive(Debug)]
pub struct Filter(Option<Bloom<Token>>);

impl Filter {
    /// Reads a filter.
    pub fn parse(kind: u8, bytes: &[u8]) -> Parsed<Self> {
        match kind {
            FILTER_NONE => Ok(Self(None)),
            FILTER_BLOOM if bytes.len() > HEADER_BYTES => {
                let bloom = Bloom::from_slice(bytes).map_err(|_| Damage("the filter"))?;
                if bloom.number_of_hash_functions() > HASHES_MAX {
                    return Err(Damage("the filter's number of hash functions"));
                }
                Ok(Self(Some(bloom)))
            }
            _ => Err(Damage("an unknown kind of filter")),
        }
    }

    /// Whether a partition with this token may be there.
    pub fn may_contain(&self, token: i64) -> bool {
        self.0
            .as_ref()
            .is_none_or(|bloom| bloom.check(&Token(token)))
    }

    /// Its kind, for people.
    pub fn describe(&self) -> String {
        match &self.0 {
            None => "none".to_owned(),
            Some(bloom) => format!(
                "bloom, {} bits, {} hashes",
                bloom.len(),
                bloom.number_of_hash_functions()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn finds_all_and_few_others() {
        let random = Random::seeded(7);
        let tokens: Vec<i64> = (0..10_000).map(|_| random.next_u64() as i64).collect();
        let (kind, bytes) = build(&tokens, 10_000);
        let filter = Filter::parse(kind, &bytes).unwrap();
        assert!(tokens.iter().all(|token| filter.may_contain(*token)));
        let wrong = (0..100_000)
            .filter(|_| filter.may_contain(random.next_u64() as i64))
            .count();
        assert!((500..1_600).contains(&wrong), "{wrong} of 100,000 at 1 %");
    }

    #[test]
    fn no_filter_lets_all_through_and_nonsense_is_refused() {
        let (kind, bytes) = build(&[1, 2], 1_000_000);
        assert!(Filter::parse(kind, &bytes).unwrap().may_contain(3));
        assert!(Filter::parse(FILTER_BLOOM, &[0; 45]).is_err());
        assert!(Filter::parse(FILTER_BLOOM, &[0; 60]).is_err());
        assert!(Filter::parse(9, &[]).is_err());
    }
}
