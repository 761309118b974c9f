//! Deletions of few among many slots.
//!
//! ```text
//! count varint │ slots packed │ timestamps packed │ deletion times packed
//! ```

use crate::storage::cell::Deletion;
use crate::storage::sstable::cells::{time_code, time_of};
use crate::storage::sstable::codec::{Input, Parsed, put_count};
use crate::storage::sstable::packed::{Packed, put_packed};

/// Appends deletions, in rising order of slot.
pub fn put_deletions(out: &mut Vec<u8>, list: &[(u32, Deletion)]) {
    put_count(out, list.len());
    if list.is_empty() {
        return;
    }
    let mut put = |part: fn(&(u32, Deletion)) -> i64| {
        put_packed(out, &list.iter().map(part).collect::<Vec<_>>());
    };
    put(|(slot, _)| i64::from(*slot));
    put(|(_, deletion)| deletion.timestamp);
    put(|(_, deletion)| time_code(deletion.deleted_at_seconds));
}

/// Where deletions stand in a page.
#[derive(Clone, Copy, Debug)]
pub struct Deletions {
    count: usize,
    slots: Packed,
    timestamps: Packed,
    times: Packed,
}

impl Deletions {
    /// Reads the head of deletions among `slots` and steps over them.
    pub fn parse(input: &mut Input<'_>, slots: usize) -> Parsed<Self> {
        let count = input.count(slots)?;
        let mut found = Self {
            count,
            slots: Packed::EMPTY,
            timestamps: Packed::EMPTY,
            times: Packed::EMPTY,
        };
        if count > 0 {
            found.slots = Packed::parse(input, count)?;
            found.timestamps = Packed::parse(input, count)?;
            found.times = Packed::parse(input, count)?;
        }
        Ok(found)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The deletion at `slot`.
    #[inline]
    pub fn find(&self, page: &[u8], slot: usize) -> Parsed<Deletion> {
        if self.count == 0 {
            return Ok(Deletion::NONE);
        }
        let wanted = slot as i64;
        let at = self.slots.lower_bound(page, 0, self.count, wanted)?;
        if at == self.count || self.slots.get(page, at)? != wanted {
            return Ok(Deletion::NONE);
        }
        Ok(Deletion {
            timestamp: self.timestamps.get(page, at)?,
            deleted_at_seconds: time_of(self.times.get(page, at)?),
        })
    }
}
