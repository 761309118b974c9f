//! A multi-cell column in a block: for each row that has it, a deletion and cells with paths.
//!
//! ```text
//! presence of rows │ deletions (slot = number among those rows) │ ends of each row's cells packed
//! paths │ presence of originals │ originals │ cells (slot = number among all cells)
//! ```

use crate::storage::cell::Deletion;
use crate::storage::row::PathCell;
use crate::storage::sstable::cells::{CellMeta, Cells, CellsBuilder};
use crate::storage::sstable::codec::{Damage, Input, Parsed, put_count, share};
use crate::storage::sstable::deletions::{Deletions, put_deletions};
use crate::storage::sstable::packed::{Packed, put_packed};
use crate::storage::sstable::presence::{Presence, PresenceBuilder};
use crate::storage::sstable::values::{OverflowRef, Values};
use crate::storage::sstable::values_builder::ValuesBuilder;
use crate::types::physical::PhysicalKind;
use bytes::Bytes;

/// Collects a multi-cell column, in rising order of row.
#[derive(Debug, Default)]
pub struct ComplexBuilder {
    presence: PresenceBuilder,
    deletions: Vec<(u32, Deletion)>,
    ends: Vec<i64>,
    paths: ValuesBuilder,
    original_presence: PresenceBuilder,
    originals: ValuesBuilder,
    cells: CellsBuilder,
    count: usize,
}

impl ComplexBuilder {
    /// Adds what stands in the column at `slot`.
    pub fn push(&mut self, slot: usize, deletion: Deletion, cells: &[PathCell], base: &CellMeta) {
        if !deletion.is_none() {
            self.deletions
                .push((self.presence.count() as u32, deletion));
        }
        self.presence.set(slot);
        for cell in cells {
            self.paths.push(&cell.path);
            if let Some(original) = &cell.original {
                self.original_presence.set(self.count);
                self.originals.push(original);
            }
            self.cells.push(self.count, &cell.cell, base);
            self.count += 1;
        }
        self.ends.push(self.count as i64);
    }

    /// Whether no row has it.
    pub fn is_empty(&self) -> bool {
        self.presence.count() == 0
    }

    /// How many deletions of whole columns it has.
    pub fn deletions(&self) -> usize {
        self.deletions.len()
    }

    /// Its cells.
    pub fn cells(&self) -> &CellsBuilder {
        &self.cells
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.presence.clear();
        self.deletions.clear();
        self.ends.clear();
        self.paths.clear();
        self.original_presence.clear();
        self.originals.clear();
        self.cells.clear();
        self.count = 0;
    }

    /// Appends it for a page of `slots`.
    pub fn encode(&self, out: &mut Vec<u8>, slots: usize, overflow: &[OverflowRef]) {
        self.presence.encode(out, slots);
        put_deletions(out, &self.deletions);
        put_count(out, self.count);
        put_packed(out, &self.ends);
        self.paths.encode(out, PhysicalKind::Bytes, &[]);
        self.original_presence.encode(out, self.count);
        self.originals.encode(out, PhysicalKind::Bytes, &[]);
        self.cells
            .encode(out, self.count, PhysicalKind::Bytes, overflow);
    }
}

/// Where a multi-cell column stands in its page.
#[derive(Clone, Debug)]
pub struct Complex {
    presence: Presence,
    deletions: Deletions,
    ends: Packed,
    paths: Values,
    original_presence: Presence,
    originals: Values,
    cells: Cells,
}

impl Complex {
    /// Reads the heads of a page of `slots`.
    pub fn parse(input: &mut Input<'_>, slots: usize) -> Parsed<Self> {
        let presence = Presence::parse(input, slots)?;
        let deletions = Deletions::parse(input, presence.count())?;
        // A cell takes no space at all where all are alike, so their number has no other bound
        // than what an index of rows can say.
        let count = input.count(u32::MAX as usize)?;
        let ends = Packed::parse(input, presence.count())?;
        let paths = Values::parse(input, count)?;
        let original_presence = Presence::parse(input, count)?;
        let originals = Values::parse(input, original_presence.count())?;
        let cells = Cells::parse(input, count)?;
        Ok(Self {
            presence,
            deletions,
            ends,
            paths,
            original_presence,
            originals,
            cells,
        })
    }

    /// The cells as a list.
    pub fn cells(&self) -> &Cells {
        &self.cells
    }

    /// What stands at `slot`, if anything: the deletion, and which cells.
    pub fn find(&self, page: &[u8], slot: usize) -> Parsed<Option<(Deletion, usize, usize)>> {
        let Some(rank) = self.presence.rank(slot) else {
            return Ok(None);
        };
        let end_of = |rank| {
            usize::try_from(self.ends.get(page, rank)?).map_err(|_| Damage("the end of a row"))
        };
        let start = match rank.checked_sub(1) {
            None => 0,
            Some(before) => end_of(before)?,
        };
        let end = end_of(rank)?;
        if start > end || end > self.paths.count() {
            return Err(Damage("the end of a row"));
        }
        let deletion = self.deletions.find(page, rank)?;
        Ok(Some((deletion, start, end)))
    }

    /// The path of the `i`-th cell and its original form.
    pub fn path(&self, page: &Bytes, i: usize) -> Parsed<(Bytes, Option<Bytes>)> {
        let (start, end) = self.paths.span(page, i)?;
        let original = match self.original_presence.rank(i) {
            Some(rank) => Some(self.originals.share(page, rank)?),
            None => None,
        };
        Ok((share(page, start, end)?, original))
    }
}
