//! The partitions of a block. A *run* is the part of one partition that stands in one block.
//!
//! ```text
//! runs varint │ form u8: 0 any, 1 one row each
//! first row of each run packed (form 0) │ tokens packed │ flags packed
//! keys │ partition deletions (slot = run)
//! ```
//! The page of range deletions:
//! ```text
//! count varint │ runs packed │ timestamps packed │ deletion times packed │ starts │ ends
//! ```
//! A range deletion is cut where a block ends: its pieces together cover the same bounds.

use crate::storage::cell::Deletion;
use crate::storage::row::{PartitionKey, RangeDeletion};
use crate::storage::sstable::cells::{time_code, time_of};
use crate::storage::sstable::codec::{Damage, Input, Parsed, put_count};
use crate::storage::sstable::deletions::{Deletions, put_deletions};
use crate::storage::sstable::packed::{Packed, put_packed};
use crate::storage::sstable::values::Values;
use crate::storage::sstable::values_builder::ValuesBuilder;
use crate::types::physical::PhysicalKind;
use bytes::Bytes;
use std::cmp::Ordering;

// The flags of a run are persisted: never change them.
/// The run's first row is the partition's static row.
pub const STATIC_HERE: i64 = 1;
/// The partition's static row stands in an earlier block.
pub const STATIC_BEFORE: i64 = 2;

const ANY: u8 = 0;
const ONE_ROW_EACH: u8 = 1;

/// Collects the runs and range deletions of a block.
#[derive(Debug, Default)]
pub struct RunsBuilder {
    firsts: Vec<i64>,
    tokens: Vec<i64>,
    flags: Vec<i64>,
    keys: ValuesBuilder,
    deletions: Vec<(u32, Deletion)>,
    pieces: Vec<(u32, RangeDeletion)>,
}

impl RunsBuilder {
    /// Starts a run at row `first`.
    pub fn push(&mut self, first: usize, key: &PartitionKey, deletion: Deletion, flags: i64) {
        if !deletion.is_none() {
            self.deletions.push((self.firsts.len() as u32, deletion));
        }
        self.firsts.push(first as i64);
        self.tokens.push(key.token);
        self.flags.push(flags);
        self.keys.push(&key.key);
    }

    /// Marks that the last run starts with a static row.
    pub fn set_static(&mut self) {
        if let Some(flags) = self.flags.last_mut() {
            *flags |= STATIC_HERE;
        }
    }

    /// Adds a range deletion, or a piece of one, of the last run.
    pub fn push_range(&mut self, start: Bytes, end: Bytes, deletion: Deletion) {
        let run = self.firsts.len().saturating_sub(1) as u32;
        let piece = RangeDeletion {
            start,
            end,
            deletion,
        };
        self.pieces.push((run, piece));
    }

    /// How many runs.
    pub fn count(&self) -> usize {
        self.firsts.len()
    }

    /// Whether a partition is deleted.
    pub fn has_deletions(&self) -> bool {
        !self.deletions.is_empty()
    }

    /// Whether there are static rows.
    pub fn has_statics(&self) -> bool {
        self.flags.iter().any(|flags| flags & STATIC_HERE != 0)
    }

    /// Whether ranges are deleted.
    pub fn has_ranges(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.firsts.clear();
        self.tokens.clear();
        self.flags.clear();
        self.keys.clear();
        self.deletions.clear();
        self.pieces.clear();
    }

    /// Appends the runs of a block of `rows`.
    pub fn encode(&self, out: &mut Vec<u8>, rows: usize) {
        put_count(out, self.firsts.len());
        let each = self.firsts.len() == rows
            && self
                .firsts
                .iter()
                .zip(0..)
                .all(|(first, row)| *first == row);
        out.push(if each { ONE_ROW_EACH } else { ANY });
        if !each {
            put_packed(out, &self.firsts);
        }
        put_packed(out, &self.tokens);
        put_packed(out, &self.flags);
        self.keys.encode(out, PhysicalKind::Complex, &[]);
        put_deletions(out, &self.deletions);
    }

    /// Appends the range deletions.
    pub fn encode_ranges(&self, out: &mut Vec<u8>) {
        put_count(out, self.pieces.len());
        let mut put = |part: fn(&(u32, RangeDeletion)) -> i64| {
            put_packed(out, &self.pieces.iter().map(part).collect::<Vec<_>>());
        };
        put(|(run, _)| i64::from(*run));
        put(|(_, piece)| piece.deletion.timestamp);
        put(|(_, piece)| time_code(piece.deletion.deleted_at_seconds));
        let mut bounds = ValuesBuilder::default();
        for (_, piece) in &self.pieces {
            bounds.push(&piece.start);
        }
        bounds.encode(out, PhysicalKind::Complex, &[]);
        bounds.clear();
        for (_, piece) in &self.pieces {
            bounds.push(&piece.end);
        }
        bounds.encode(out, PhysicalKind::Complex, &[]);
    }
}

/// The runs of a block.
#[derive(Clone, Debug)]
pub struct Runs {
    page: Bytes,
    rows: usize,
    count: usize,
    firsts: Option<Packed>,
    tokens: Packed,
    flags: Packed,
    keys: Values,
    deletions: Deletions,
}

impl Runs {
    /// Reads the heads of the page of a block of `rows`.
    pub fn parse(page: Bytes, rows: usize) -> Parsed<Self> {
        let mut input = Input::new(&page);
        // Each run has a token of its own unless it is the only one.
        let count = input.count(page.len())?;
        let firsts = match input.u8()? {
            ANY => Some(Packed::parse(&mut input, count)?),
            ONE_ROW_EACH if count == rows => None,
            _ => return Err(Damage("a form of runs")),
        };
        let tokens = Packed::parse(&mut input, count)?;
        let flags = Packed::parse(&mut input, count)?;
        let keys = Values::parse(&mut input, count)?;
        let deletions = Deletions::parse(&mut input, count)?;
        if count == 0 || keys.is_packed() || keys.has_overflow() {
            return Err(Damage("the runs of a block"));
        }
        Ok(Self {
            page,
            rows,
            count,
            firsts,
            tokens,
            flags,
            keys,
            deletions,
        })
    }

    /// How many runs.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The first row of a run, and the one behind its last.
    #[inline]
    pub fn rows(&self, run: usize) -> Parsed<(usize, usize)> {
        let Some(firsts) = &self.firsts else {
            return Ok((run, run + 1));
        };
        let at = |run: usize| {
            usize::try_from(firsts.get(&self.page, run)?).map_err(|_| Damage("a run's first row"))
        };
        let start = at(run)?;
        let end = if run + 1 == self.count {
            self.rows
        } else {
            at(run + 1)?
        };
        if start > end || end > self.rows {
            return Err(Damage("a run's first row"));
        }
        Ok((start, end))
    }

    /// The partition of a run.
    pub fn key(&self, run: usize) -> Parsed<PartitionKey> {
        Ok(PartitionKey {
            token: self.tokens.get(&self.page, run)?,
            key: self.keys.share(&self.page, run)?,
        })
    }

    /// The flags of a run.
    pub fn flags(&self, run: usize) -> Parsed<i64> {
        self.flags.get(&self.page, run)
    }

    /// The deletion of a run's partition.
    pub fn deletion(&self, run: usize) -> Parsed<Deletion> {
        self.deletions.find(&self.page, run)
    }

    /// How the partition of a run compares with `key`.
    pub fn compare(&self, run: usize, key: &PartitionKey) -> Parsed<Ordering> {
        let token = self.tokens.get(&self.page, run)?;
        match token.cmp(&key.token) {
            Ordering::Equal => Ok(self.keys.bytes(&self.page, run)?.cmp(&key.key)),
            order => Ok(order),
        }
    }

    /// The first run for which `is_before` says no; it must say yes for the first ones only.
    pub fn partition_point(
        &self,
        mut is_before: impl FnMut(usize) -> Parsed<bool>,
    ) -> Parsed<usize> {
        let (mut start, mut end) = (0, self.count);
        while start < end {
            let middle = start + (end - start) / 2;
            if is_before(middle)? {
                start = middle + 1;
            } else {
                end = middle;
            }
        }
        Ok(start)
    }

    /// The token of a run.
    pub fn token(&self, run: usize) -> Parsed<i64> {
        self.tokens.get(&self.page, run)
    }

    /// The run of a partition.
    #[inline]
    pub fn find(&self, key: &PartitionKey) -> Parsed<Option<usize>> {
        let mut run = self
            .tokens
            .lower_bound(&self.page, 0, self.count, key.token)?;
        while run < self.count {
            match self.compare(run, key)? {
                Ordering::Less => run += 1,
                Ordering::Equal => return Ok(Some(run)),
                Ordering::Greater => break,
            }
        }
        Ok(None)
    }
}

/// The range deletions of a block, each with its run, in order.
#[derive(Clone, Debug, Default)]
pub struct Pieces {
    list: Vec<(usize, RangeDeletion)>,
}

impl Pieces {
    /// Reads a page of them, for a block of `runs`.
    pub fn parse(page: &Bytes, runs: usize) -> Parsed<Self> {
        let mut input = Input::new(page);
        let count = input.count(page.len())?;
        let at = Packed::parse(&mut input, count)?;
        let timestamps = Packed::parse(&mut input, count)?;
        let times = Packed::parse(&mut input, count)?;
        let starts = Values::parse(&mut input, count)?;
        let ends = Values::parse(&mut input, count)?;
        let mut list = Vec::with_capacity(count);
        for i in 0..count {
            let run = usize::try_from(at.get(page, i)?)
                .ok()
                .filter(|run| *run < runs)
                .ok_or(Damage("the run of a range deletion"))?;
            let deletion = Deletion {
                timestamp: timestamps.get(page, i)?,
                deleted_at_seconds: time_of(times.get(page, i)?),
            };
            let piece = RangeDeletion {
                start: starts.share(page, i)?,
                end: ends.share(page, i)?,
                deletion,
            };
            list.push((run, piece));
        }
        if !list.is_sorted_by_key(|(run, _)| *run) {
            return Err(Damage("the order of range deletions"));
        }
        Ok(Self { list })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Those of one run.
    pub fn of_run(&self, run: usize) -> &[(usize, RangeDeletion)] {
        let start = self.list.partition_point(|(at, _)| *at < run);
        let end = self.list.partition_point(|(at, _)| *at <= run);
        self.list.get(start..end).unwrap_or_default()
    }
}
