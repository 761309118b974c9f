//! The clusterings of a block's rows: what all share once, then each one's rest.
//!
//! ```text
//! shared prefix: length varint, bytes │ rests, as values (empty for static rows)
//! ```
//! The rests can be reached one by one, so a row is found by binary search without decoding the
//! others.

use crate::storage::read;
use crate::storage::sstable::codec::{Damage, Input, Parsed, put_sized, share};
use crate::storage::sstable::values::Values;
use crate::storage::sstable::values_builder::ValuesBuilder;
use crate::types::physical::PhysicalKind;
use bytes::Bytes;
use std::cmp::Ordering;

/// Collects clusterings, in order within each partition.
#[derive(Debug, Default)]
pub struct KeysBuilder {
    data: Vec<u8>,
    ends: Vec<u32>,
    shared: Option<usize>,
    last_start: usize,
    rests: ValuesBuilder,
}

impl KeysBuilder {
    /// Adds a row's clustering; empty for a static row.
    #[inline]
    pub fn push(&mut self, clustering: &[u8]) {
        if !clustering.is_empty() {
            let common = match self.shared {
                None => clustering.len(),
                // What all share, the row before shares: comparing with it is enough.
                Some(shared) => {
                    let last = self.data.get(self.last_start..).unwrap_or_default();
                    common_prefix(last.get(..shared).unwrap_or(last), clustering)
                }
            };
            self.shared = Some(common);
            self.last_start = self.data.len();
        }
        self.data.extend_from_slice(clustering);
        self.ends.push(self.data.len() as u32);
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.data.clear();
        self.ends.clear();
        self.shared = None;
        self.last_start = 0;
    }

    /// Appends them.
    pub fn encode(&mut self, out: &mut Vec<u8>) {
        let shared = self.shared.unwrap_or(0);
        self.rests.clear();
        let mut start = 0;
        let mut prefix: &[u8] = &[];
        for end in &self.ends {
            let end = *end as usize;
            let clustering = self.data.get(start..end).unwrap_or_default();
            start = end;
            if let Some((head, rest)) = clustering.split_at_checked(shared) {
                if !clustering.is_empty() {
                    prefix = head;
                }
                self.rests.push(rest);
            } else {
                self.rests.push(&[]);
            }
        }
        put_sized(out, prefix);
        self.rests.encode(out, PhysicalKind::Complex, &[]);
    }
}

/// How many bytes two keys share from the front.
#[inline]
pub fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

/// The clusterings of a block.
#[derive(Clone, Debug)]
pub struct Keys {
    page: Bytes,
    prefix: (usize, usize),
    rests: Values,
}

impl Keys {
    /// Reads the heads of a page of `rows`.
    pub fn parse(page: Bytes, rows: usize) -> Parsed<Self> {
        let mut input = Input::new(&page);
        let length = input.sized()?.len();
        let prefix = (input.at() - length, input.at());
        let rests = Values::parse(&mut input, rows)?;
        if rests.is_packed() || rests.has_overflow() {
            return Err(Damage("the form of keys"));
        }
        Ok(Self {
            page,
            prefix,
            rests,
        })
    }

    fn prefix(&self) -> &[u8] {
        self.page.get(self.prefix.0..self.prefix.1).unwrap_or(&[])
    }

    /// The first of the rows `start..end` (of one partition, no static row) that is not before
    /// `bound`.
    pub fn lower_bound(&self, mut start: usize, mut end: usize, bound: &[u8]) -> Parsed<usize> {
        if start >= end {
            return Ok(start);
        }
        let prefix = self.prefix();
        let Some(rest) = bound.strip_prefix(prefix) else {
            // The bound parts from the prefix, or ends within it: all rows are on one side.
            return Ok(if prefix < bound { end } else { start });
        };
        while start < end {
            let middle = start + (end - start) / 2;
            if self.rests.bytes(&self.page, middle)? < rest {
                start = middle + 1;
            } else {
                end = middle;
            }
        }
        Ok(start)
    }

    /// How the clustering of `row` compares with `other`.
    pub fn compare(&self, row: usize, other: &[u8]) -> Parsed<Ordering> {
        let prefix = self.prefix();
        match other.strip_prefix(prefix) {
            Some(rest) => Ok(self.rests.bytes(&self.page, row)?.cmp(rest)),
            None => Ok(prefix.cmp(other)),
        }
    }

    /// The clustering of `row`.
    pub fn clustering(&self, row: usize) -> Parsed<Bytes> {
        let (start, end) = self.rests.span(&self.page, row)?;
        if self.prefix.0 == self.prefix.1 {
            return share(&self.page, start, end);
        }
        if start == end {
            return share(&self.page, self.prefix.0, self.prefix.1);
        }
        let rest = self.page.get(start..end).ok_or(Damage("a key"))?;
        Ok(Bytes::from([self.prefix(), rest].concat()))
    }

    /// Appends the clusterings of `start..end`.
    pub fn append_to(&self, start: usize, end: usize, out: &mut read::Clusterings) -> Parsed<()> {
        let prefix = self.prefix();
        out.offsets.reserve(end.saturating_sub(start));
        for row in start..end {
            out.data.extend_from_slice(prefix);
            out.data
                .extend_from_slice(self.rests.bytes(&self.page, row)?);
            out.end();
        }
        Ok(())
    }

    /// The clusterings of `start..end`, made in one go.
    pub fn clusterings(&self, start: usize, end: usize) -> Parsed<Clusterings> {
        let mut data = Vec::new();
        let mut ends = Vec::with_capacity(end.saturating_sub(start));
        if self.prefix.0 != self.prefix.1 && self.rests.count() > 0 {
            let prefix = self.prefix();
            for row in start..end {
                data.extend_from_slice(prefix);
                data.extend_from_slice(self.rests.bytes(&self.page, row)?);
                ends.push(data.len());
            }
        }
        Ok(Clusterings {
            first: start,
            data: Bytes::from(data),
            ends,
        })
    }
}

/// Clusterings of neighbouring rows, in one piece of memory.
#[derive(Clone, Debug, Default)]
pub struct Clusterings {
    first: usize,
    data: Bytes,
    ends: Vec<usize>,
}

impl Clusterings {
    /// The clustering of `row`, if it was made.
    #[inline]
    pub fn get(&self, row: usize) -> Option<Bytes> {
        let at = row.checked_sub(self.first)?;
        let end = *self.ends.get(at)?;
        let start = match at.checked_sub(1) {
            None => 0,
            Some(before) => *self.ends.get(before)?,
        };
        Some(self.data.slice(start..end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_and_come_back() {
        let lists: [&[&str]; 5] = [
            &["abc1", "abc2", "abcd", "abce"],
            &["a", "ab", "b"],
            &["same"],
            &["xx", "xxa"],
            &["", "p", "pq", "pz"],
        ];
        for list in lists {
            let mut builder = KeysBuilder::default();
            for key in list {
                builder.push(key.as_bytes());
            }
            let mut page = Vec::new();
            builder.encode(&mut page);
            let keys = Keys::parse(Bytes::from(page), list.len()).unwrap();
            let first = usize::from(list[0].is_empty());
            let run = keys.clusterings(first, list.len()).unwrap();
            for (row, key) in list.iter().enumerate().skip(first) {
                assert_eq!(keys.clustering(row).unwrap(), key.as_bytes());
                if let Some(clustering) = run.get(row) {
                    assert_eq!(clustering, key.as_bytes());
                }
            }
            for bound in [
                "", "a", "ab", "abc", "abc2", "abc3", "abcz", "p", "pr", "xx", "z",
            ] {
                let wanted = (first..list.len())
                    .find(|row| list[*row] >= bound)
                    .unwrap_or(list.len());
                let found = keys
                    .lower_bound(first, list.len(), bound.as_bytes())
                    .unwrap();
                assert_eq!(found, wanted, "{list:?} {bound}");
                for (row, key) in list.iter().enumerate().skip(first) {
                    let order = keys.compare(row, bound.as_bytes()).unwrap();
                    assert_eq!(order, key.cmp(&bound));
                }
            }
        }
    }
}
