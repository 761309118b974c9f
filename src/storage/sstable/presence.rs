//! Which slots of a page hold something: none, all, or a bit each.
//!
//! ```text
//! form u8: 0 none, 1 all, 2 bits │ bits: ⌈slots / 8⌉ bytes, lowest bit first
//! ```

use crate::storage::sstable::codec::{Damage, Input, Parsed};

// Persisted: never change them.
const NONE: u8 = 0;
const ALL: u8 = 1;
const BITS: u8 = 2;

/// Collects which slots hold something, in rising order.
#[derive(Debug, Default)]
pub struct PresenceBuilder {
    words: Vec<u64>,
    count: usize,
}

impl PresenceBuilder {
    /// Marks a slot.
    #[inline]
    pub fn set(&mut self, slot: usize) {
        let word = slot / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        if let Some(bits) = self.words.get_mut(word) {
            *bits |= 1 << (slot % 64);
        }
        self.count += 1;
    }

    /// How many slots are marked.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.words.clear();
        self.count = 0;
    }

    /// Appends it for a page of `slots`.
    pub fn encode(&self, out: &mut Vec<u8>, slots: usize) {
        if self.count == 0 {
            out.push(NONE);
        } else if self.count == slots {
            out.push(ALL);
        } else {
            out.push(BITS);
            let length = slots.div_ceil(8);
            let start = out.len();
            for word in &self.words {
                out.extend_from_slice(&word.to_le_bytes());
            }
            out.resize(start + length, 0);
        }
    }
}

/// Which slots hold something, with a rank for each word of bits.
#[derive(Clone, Debug)]
pub enum Presence {
    /// None.
    None,
    /// All of so many.
    All(usize),
    /// Those whose bit is set.
    Bits {
        /// The bits, 64 slots a word, lowest first.
        words: Vec<u64>,
        /// How many bits are set before each word.
        ranks: Vec<u32>,
        /// How many are set.
        count: usize,
    },
}

impl Presence {
    /// Reads it for a page of `slots`.
    pub fn parse(input: &mut Input<'_>, slots: usize) -> Parsed<Self> {
        match input.u8()? {
            NONE => Ok(Self::None),
            ALL => Ok(Self::All(slots)),
            BITS => {
                let bytes = input.take(slots.div_ceil(8))?;
                let mut words = Vec::with_capacity(slots.div_ceil(64));
                let mut ranks = Vec::with_capacity(words.capacity());
                let mut count = 0u32;
                for chunk in bytes.chunks(8) {
                    let mut wide = [0u8; 8];
                    for (to, from) in wide.iter_mut().zip(chunk) {
                        *to = *from;
                    }
                    let word = u64::from_le_bytes(wide);
                    ranks.push(count);
                    words.push(word);
                    count += word.count_ones();
                }
                let beyond = slots % 64;
                if beyond != 0 && words.last().is_some_and(|word| word >> beyond != 0) {
                    return Err(Damage("a bit beyond the last row"));
                }
                Ok(Self::Bits {
                    words,
                    ranks,
                    count: count as usize,
                })
            }
            _ => Err(Damage("an unknown form of presence")),
        }
    }

    /// How many slots hold something.
    pub fn count(&self) -> usize {
        match self {
            Self::None => 0,
            Self::All(slots) => *slots,
            Self::Bits { count, .. } => *count,
        }
    }

    /// How many slots before `slot` hold something, and whether `slot` does.
    #[inline]
    pub fn before(&self, slot: usize) -> (usize, bool) {
        match self {
            Self::None => (0, false),
            Self::All(slots) => (slot.min(*slots), slot < *slots),
            Self::Bits {
                words,
                ranks,
                count,
            } => match (words.get(slot / 64), ranks.get(slot / 64)) {
                (Some(word), Some(rank)) => {
                    let bit = 1u64 << (slot % 64);
                    let below = (word & (bit - 1)).count_ones();
                    ((rank + below) as usize, word & bit != 0)
                }
                _ => (*count, false),
            },
        }
    }

    /// The number of `slot` among those that hold something, if it does.
    #[inline]
    pub fn rank(&self, slot: usize) -> Option<usize> {
        let (before, here) = self.before(slot);
        here.then_some(before)
    }

    /// The bits of the slots `start..end`, moved to the front.
    pub fn words(&self, start: usize, end: usize) -> Vec<u64> {
        let slots = end.saturating_sub(start);
        let mut cut = match self {
            Self::None => vec![0; slots.div_ceil(64)],
            Self::All(_) => vec![u64::MAX; slots.div_ceil(64)],
            Self::Bits { words, .. } => {
                let shift = start % 64;
                let from = words.get(start / 64..).unwrap_or_default();
                (0..slots.div_ceil(64))
                    .map(|at| {
                        let low = from.get(at).copied().unwrap_or(0) >> shift;
                        let high = from.get(at + 1).copied().unwrap_or(0);
                        if shift == 0 {
                            low
                        } else {
                            low | high << (64 - shift)
                        }
                    })
                    .collect()
            }
        };
        if !slots.is_multiple_of(64)
            && let Some(last) = cut.last_mut()
        {
            *last &= (1 << (slots % 64)) - 1;
        }
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_ranks_and_cuts_agree() {
        for (slots, step) in [(1, 1), (70, 1), (200, 3), (64, 2), (129, 7), (10, 100)] {
            let mut builder = PresenceBuilder::default();
            let marked: Vec<usize> = (1..slots).step_by(step).collect();
            for slot in &marked {
                builder.set(*slot);
            }
            let mut page = Vec::new();
            builder.encode(&mut page, slots);
            let mut input = Input::new(&page);
            let presence = Presence::parse(&mut input, slots).unwrap();
            assert_eq!(input.left(), 0);
            assert_eq!(presence.count(), marked.len());
            for slot in 0..slots {
                let rank = marked.iter().position(|m| *m == slot);
                assert_eq!(presence.rank(slot), rank);
            }
            for (start, end) in [(0, slots), (slots / 2, slots), (slots / 3, slots / 2)] {
                let words = presence.words(start, end);
                assert_eq!(words.len(), (end - start).div_ceil(64));
                let total: u32 = words.iter().map(|word| word.count_ones()).sum();
                let inside = marked.iter().filter(|m| (start..end).contains(*m));
                assert_eq!(total as usize, inside.clone().count());
                for slot in inside {
                    let at = slot - start;
                    assert_eq!(words[at / 64] >> (at % 64) & 1, 1);
                }
            }
        }
    }
}
