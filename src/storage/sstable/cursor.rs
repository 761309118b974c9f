//! A cursor over an SSTable's rows; the contract is [`Source`]'s.
//!
//! Partitions come in key order; the items of each come block by block, forwards or backwards.
//! Since every block says all there is to say about its own rows (range deletions are cut at its
//! edges), neither direction ever looks back. Within a block a slice is two binary searches, and
//! a slice far into a large partition is found by the index.

use crate::error::Result;
use crate::storage::read::{LevelFigures, PartitionBound, Slice};
use crate::storage::row::{PartitionKey, RangeDeletion, Row};
use crate::storage::source::{PartitionStart, Source, SourceItem, SourceRequest};
use crate::storage::sstable::block::{Block, Frame, Wanted};
use crate::storage::sstable::codec::{Damage, Parsed};
use crate::storage::sstable::keys::Clusterings;
use crate::storage::sstable::reader::{Ahead, BEHIND_ALL, BlockAt, Reader};
use crate::storage::sstable::runs::{Runs, STATIC_BEFORE, STATIC_HERE};
use bytes::Bytes;
use std::cmp::Ordering;
use std::sync::Arc;

/// From so many rows of a block on, their clusterings are made in one go.
const TOGETHER_MIN: usize = 4;

/// Whether a run stands before a bound.
pub fn run_precedes(runs: &Runs, run: usize, bound: &PartitionBound) -> Parsed<bool> {
    match bound {
        PartitionBound::Open => Ok(false),
        PartitionBound::BeforeToken(token) => Ok(runs.token(run)? < *token),
        PartitionBound::AfterToken(token) => Ok(runs.token(run)? <= *token),
        PartitionBound::Before(key) => Ok(runs.compare(run, key)? == Ordering::Less),
        PartitionBound::After(key) => Ok(runs.compare(run, key)? != Ordering::Greater),
    }
}

/// The first block that can hold something behind a bound.
pub fn first_block(reader: &Reader, start: &PartitionBound) -> Result<BlockAt> {
    let at_token = |token: i64| {
        let key = PartitionKey {
            token,
            key: Bytes::new(),
        };
        reader.locate(&key, &[])
    };
    match start {
        PartitionBound::Open => reader.first_block(),
        PartitionBound::BeforeToken(token) => at_token(*token),
        PartitionBound::AfterToken(token) => match token.checked_add(1) {
            Some(next) => at_token(next),
            None => reader.locate(&reader.meta().last, BEHIND_ALL),
        },
        PartitionBound::Before(key) => reader.locate(key, &[]),
        PartitionBound::After(key) => reader.locate(key, BEHIND_ALL),
    }
}

/// How blocks are read.
#[derive(Debug)]
enum Fetch {
    Cached,
    Passing(Ahead),
}

/// The block in which the cursor stands, and where in it.
#[derive(Debug)]
struct Here {
    at: BlockAt,
    block: Arc<Block>,
    run: usize,
}

/// The part of a slice that stands in one block.
#[derive(Debug)]
struct Part {
    /// The rows that are still to come.
    rows: (usize, usize),
    clusterings: Clusterings,
}

/// The partition in which the cursor stands.
#[derive(Debug)]
struct Current {
    key: PartitionKey,
    /// Whether it stands in more than one block.
    spans: bool,
    /// How many slices are done or under way.
    slices: usize,
    part: Option<Part>,
    /// How many range deletions of the block, from the near side, are done.
    pieces: usize,
}

#[derive(Debug)]
enum State {
    Start,
    In(Here),
    End,
}

/// A cursor over an SSTable's rows; the contract is [`Source`]'s.
#[derive(Debug)]
pub struct Cursor {
    reader: Arc<Reader>,
    request: SourceRequest,
    wanted: Wanted,
    fetch: Fetch,
    /// Only this block is read.
    only: Option<BlockAt>,
    state: State,
    current: Option<Current>,
    figures: Option<Arc<LevelFigures>>,
}

impl Cursor {
    /// A cursor for a read: what it reads stays in the cache.
    pub fn new(reader: &Arc<Reader>, request: SourceRequest) -> Self {
        Self::with(reader, request, Fetch::Cached, None)
    }

    /// A cursor for a pass over much of the file (compaction, export): it uses what is in the
    /// cache but leaves nothing there.
    pub fn new_uncached(reader: &Arc<Reader>, request: SourceRequest) -> Self {
        Self::with(reader, request, Fetch::Passing(Ahead::default()), None)
    }

    /// A cursor over one block.
    pub fn of_block(reader: &Arc<Reader>, at: BlockAt, mut request: SourceRequest) -> Self {
        request.reversed = false;
        Self::with(reader, request, Fetch::Cached, Some(at))
    }

    fn with(
        reader: &Arc<Reader>,
        request: SourceRequest,
        fetch: Fetch,
        only: Option<BlockAt>,
    ) -> Self {
        Self {
            wanted: reader.wanted(&request.columns),
            reader: Arc::clone(reader),
            request,
            fetch,
            only,
            state: State::Start,
            current: None,
            figures: None,
        }
    }

    /// The same cursor, which counts the blocks that it reads.
    #[must_use]
    pub fn counted(mut self, figures: Option<Arc<LevelFigures>>) -> Self {
        self.figures = figures;
        self
    }

    fn fetch(&mut self, at: &BlockAt) -> Result<Arc<Block>> {
        if let Some(figures) = &self.figures {
            figures.block(self.reader.entry(at)?.length);
        }
        match &mut self.fetch {
            Fetch::Cached => self.reader.block(at),
            Fetch::Passing(ahead) => self.reader.passing_block(at, ahead),
        }
    }

    /// The partition that is asked for, if it is just one.
    fn single(&self) -> Option<&PartitionKey> {
        match (&self.request.start, &self.request.end) {
            (PartitionBound::Before(start), PartitionBound::After(end))
                if start == end && self.only.is_none() =>
            {
                Some(start)
            }
            _ => None,
        }
    }

    /// The place of the first partition that is asked for, or of one behind all blocks.
    fn start(&mut self) -> Result<Option<Here>> {
        if let Some(key) = self.single().cloned() {
            return self.start_single(&key);
        }
        let at = match &self.only {
            Some(at) => at.clone(),
            None => first_block(&self.reader, &self.request.start)?,
        };
        let block = self.fetch(&at)?;
        let start = &self.request.start;
        let run = frame(&self.reader, &block, |frame| {
            let runs = &frame.runs;
            runs.partition_point(|run| run_precedes(runs, run, start))
        })?;
        self.settle(Here { at, block, run })
    }

    fn start_single(&mut self, key: &PartitionKey) -> Result<Option<Here>> {
        if !self.reader.meta().may_hold(key) {
            return Ok(None);
        }
        let clustering = match (self.request.reversed, self.request.slices.as_slice()) {
            (false, [first, ..]) => first.start.clone(),
            (true, [.., last]) => last.end.clone(),
            _ => Bytes::new(),
        };
        let at = self.reader.locate(key, &clustering)?;
        if !at.index().filter().may_contain(key.token) {
            return Ok(None);
        }
        let block = self.fetch(&at)?;
        let run = frame(&self.reader, &block, |frame| frame.runs.find(key))?;
        Ok(run.map(|run| Here { at, block, run }))
    }

    /// Moves to the next block where the run is behind the last one of its block.
    fn settle(&mut self, here: Here) -> Result<Option<Here>> {
        let runs = frame(&self.reader, &here.block, |frame| Ok(frame.runs.count()))?;
        if here.run < runs {
            return Ok(Some(here));
        }
        if self.only.is_some() {
            return Ok(None);
        }
        let Some(at) = self.reader.block_after(&here.at)? else {
            return Ok(None);
        };
        let block = self.fetch(&at)?;
        Ok(Some(Here { at, block, run: 0 }))
    }

    /// The place of the partition behind the current one.
    fn advance(&mut self, here: Here) -> Result<Option<Here>> {
        let Some(current) = self.current.take() else {
            return self.settle(here);
        };
        if self.single().is_some() {
            return Ok(None);
        }
        let behind = if current.spans && self.only.is_none() {
            let at = self.reader.locate(&current.key, BEHIND_ALL)?;
            let block = self.fetch(&at)?;
            let bound = PartitionBound::After(current.key);
            let run = frame(&self.reader, &block, |frame| {
                let runs = &frame.runs;
                runs.partition_point(|run| run_precedes(runs, run, &bound))
            })?;
            Here { at, block, run }
        } else {
            Here {
                run: here.run + 1,
                ..here
            }
        };
        self.settle(behind)
    }

    /// Whether the partition of a run stands in other blocks as well.
    fn spans(&self, here: &Here, runs: usize) -> Result<bool> {
        if here.run == 0 && self.reader.continues(&here.at)? {
            return Ok(true);
        }
        if here.run + 1 < runs {
            return Ok(false);
        }
        match self.reader.block_after(&here.at)? {
            Some(next) => self.reader.continues(&next),
            None => Ok(false),
        }
    }

    fn start_partition(&mut self, here: &Here) -> Result<Option<PartitionStart>> {
        let reader = Arc::clone(&self.reader);
        let end = &self.request.end;
        let found = frame(&reader, &here.block, |frame| {
            let runs = &frame.runs;
            let open = matches!(end, PartitionBound::Open);
            if !open && !run_precedes(runs, here.run, end)? {
                return Ok(None);
            }
            let flags = runs.flags(here.run)?;
            let deletion = runs.deletion(here.run)?;
            let (row, _) = runs.rows(here.run)?;
            Ok(Some((
                runs.key(here.run)?,
                flags,
                deletion,
                row,
                runs.count(),
            )))
        })?;
        let Some((key, flags, deletion, row, runs)) = found else {
            return Ok(None);
        };
        let static_row = if !self.request.statics {
            None
        } else if flags & STATIC_HERE != 0 {
            Some(self.row(&here.block, row, Bytes::new())?)
        } else if flags & STATIC_BEFORE != 0 && self.only.is_none() {
            reader.static_row(&key, &self.wanted)?
        } else {
            None
        };
        self.current = Some(Current {
            spans: self.spans(here, runs)?,
            key: key.clone(),
            slices: 0,
            part: None,
            pieces: 0,
        });
        Ok(Some(PartitionStart {
            key,
            deletion,
            static_row,
        }))
    }

    fn row(&self, block: &Block, row: usize, clustering: Bytes) -> Result<Row> {
        let reader = &self.reader;
        block.row(
            reader.units(),
            reader.columns(),
            &self.wanted,
            row,
            clustering,
        )
    }

    /// Goes to the next slice; answers whether there is one.
    fn next_slice(&mut self, here: &mut Here, current: &mut Current) -> Result<bool> {
        let Some(slice) = nth_slice(&self.request, current.slices).cloned() else {
            return Ok(false);
        };
        current.slices += 1;
        if current.spans && self.only.is_none() {
            let near = if self.request.reversed {
                &slice.end
            } else {
                &slice.start
            };
            let at = self.reader.locate(&current.key, near)?;
            if !at.is(&here.at) {
                self.go_to(here, current, at)?;
            }
        }
        self.start_part(here, current, &slice)?;
        Ok(true)
    }

    /// Goes to another block of the current partition.
    fn go_to(&mut self, here: &mut Here, current: &mut Current, at: BlockAt) -> Result<()> {
        let block = self.fetch(&at)?;
        let run = frame(&self.reader, &block, |frame| {
            let run = frame.runs.find(&current.key)?;
            run.ok_or(Damage("a partition is missing from its block"))
        })?;
        *here = Here { at, block, run };
        current.pieces = 0;
        Ok(())
    }

    /// Finds the rows of a slice in the present block.
    fn start_part(&self, here: &Here, current: &mut Current, slice: &Slice) -> Result<()> {
        current.part = Some(frame(&self.reader, &here.block, |frame| {
            let (mut start, end) = frame.runs.rows(here.run)?;
            if frame.runs.flags(here.run)? & STATIC_HERE != 0 {
                start += 1;
            }
            let from = frame.keys.lower_bound(start, end, &slice.start)?;
            let to = frame.keys.lower_bound(from, end, &slice.end)?;
            Ok(Part {
                rows: (from, to),
                clusterings: if to - from >= TOGETHER_MIN {
                    frame.keys.clusterings(from, to)?
                } else {
                    Clusterings::default()
                },
            })
        })?);
        Ok(())
    }

    /// Goes to the neighbouring block if the slice reaches into it; answers whether it did.
    fn next_part(&mut self, here: &mut Here, current: &mut Current) -> Result<bool> {
        if !current.spans || self.only.is_some() {
            return Ok(false);
        }
        let Some(slice) = present_slice(&self.request, current).cloned() else {
            return Ok(false);
        };
        let next = if self.request.reversed {
            if here.run > 0 || !self.reader.continues(&here.at)? {
                return Ok(false);
            }
            let (_, edge) = self.reader.position(&here.at)?;
            if edge <= slice.start {
                return Ok(false);
            }
            self.reader.block_before(&here.at)?
        } else {
            let Some(next) = self.reader.block_after(&here.at)? else {
                return Ok(false);
            };
            let (key, edge) = self.reader.position(&next)?;
            if key != current.key || edge.is_empty() || edge >= slice.end {
                return Ok(false);
            }
            Some(next)
        };
        let Some(next) = next else {
            return Ok(false);
        };
        self.go_to(here, current, next)?;
        self.start_part(here, current, &slice)?;
        Ok(true)
    }

    /// The next item of the slice in the present block.
    #[inline]
    fn item(&self, here: &Here, current: &mut Current) -> Result<Option<SourceItem>> {
        next_in_block(&self.reader, &self.request, &self.wanted, here, current)
    }

    fn items(&mut self, here: &mut Here, current: &mut Current) -> Result<Option<SourceItem>> {
        loop {
            if let Some(item) = self.item(here, current)? {
                return Ok(Some(item));
            }
            if current.part.is_some() && self.next_part(here, current)? {
                continue;
            }
            if !self.next_slice(here, current)? {
                return Ok(None);
            }
        }
    }
}

/// The slice that comes `number`-th in the cursor's direction.
fn nth_slice(request: &SourceRequest, number: usize) -> Option<&Slice> {
    let slices = &request.slices;
    if request.reversed {
        slices.get(slices.len().checked_sub(number + 1)?)
    } else {
        slices.get(number)
    }
}

/// The slice under way.
fn present_slice<'a>(request: &'a SourceRequest, current: &Current) -> Option<&'a Slice> {
    nth_slice(request, current.slices.checked_sub(1)?)
}

/// The next item of the slice in the present block.
fn next_in_block(
    reader: &Reader,
    request: &SourceRequest,
    wanted: &Wanted,
    here: &Here,
    current: &mut Current,
) -> Result<Option<SourceItem>> {
    let Some(slice) = present_slice(request, current) else {
        return Ok(None);
    };
    let Some(part) = &mut current.part else {
        return Ok(None);
    };
    let reversed = request.reversed;
    let (from, to) = part.rows;
    let row = match (from < to, reversed) {
        (false, _) => None,
        (true, false) => Some(from),
        (true, true) => Some(to - 1),
    };
    let damaged = |damage| reader.units().damaged(here.block.offset(), damage);
    let frame = here.block.frame().map_err(damaged)?;
    if !frame.pieces.is_empty() {
        let pieces = &mut current.pieces;
        let piece = next_piece(frame, here.run, pieces, slice, row, reversed).map_err(damaged)?;
        if let Some(piece) = piece {
            return Ok(Some(SourceItem::Range(piece)));
        }
    }
    let Some(row) = row else {
        return Ok(None);
    };
    let clustering = match part.clusterings.get(row) {
        Some(clustering) => clustering,
        None => frame.keys.clustering(row).map_err(damaged)?,
    };
    part.rows = if reversed { (from, row) } else { (row + 1, to) };
    let row = here
        .block
        .row(reader.units(), reader.columns(), wanted, row, clustering)?;
    Ok(Some(SourceItem::Row(row)))
}

/// The next range deletion of a run that reaches into the slice, if it comes before `row`.
fn next_piece(
    frame: &Frame,
    run: usize,
    done: &mut usize,
    slice: &Slice,
    row: Option<usize>,
    reversed: bool,
) -> Parsed<Option<RangeDeletion>> {
    let pieces = frame.pieces.of_run(run);
    loop {
        let at = if reversed {
            pieces.len().checked_sub(*done + 1)
        } else {
            Some(*done)
        };
        let Some((_, piece)) = at.and_then(|at| pieces.get(at)) else {
            return Ok(None);
        };
        let (passed, ahead) = if reversed {
            (piece.start >= slice.end, piece.end <= slice.start)
        } else {
            (piece.end <= slice.start, piece.start >= slice.end)
        };
        if passed {
            *done += 1;
            continue;
        }
        if ahead {
            return Ok(None);
        }
        if let Some(row) = row {
            let row_is_first = if reversed {
                frame.keys.compare(row, &piece.end)? == Ordering::Greater
            } else {
                frame.keys.compare(row, &piece.start)? == Ordering::Less
            };
            if row_is_first {
                return Ok(None);
            }
        }
        *done += 1;
        return Ok(Some(piece.clone()));
    }
}

/// Does something with a block's frame, and turns what is found wrong into an error.
fn frame<T>(reader: &Reader, block: &Block, with: impl FnOnce(&Frame) -> Parsed<T>) -> Result<T> {
    block
        .frame()
        .and_then(with)
        .map_err(|damage| reader.units().damaged(block.offset(), damage))
}

impl Source for Cursor {
    fn next_partition(&mut self) -> Result<Option<PartitionStart>> {
        let place = match std::mem::replace(&mut self.state, State::End) {
            State::Start => self.start()?,
            State::In(here) => self.advance(here)?,
            State::End => None,
        };
        let Some(here) = place else {
            self.current = None;
            return Ok(None);
        };
        let start = self.start_partition(&here)?;
        if start.is_some() {
            self.state = State::In(here);
        }
        Ok(start)
    }

    fn next_item(&mut self) -> Result<Option<SourceItem>> {
        let (State::In(here), Some(current)) = (&self.state, &mut self.current) else {
            return Ok(None);
        };
        let item = next_in_block(&self.reader, &self.request, &self.wanted, here, current);
        match item {
            Ok(None) => {}
            Ok(item) => return Ok(item),
            Err(error) => {
                self.state = State::End;
                return Err(error);
            }
        }
        let State::In(mut here) = std::mem::replace(&mut self.state, State::End) else {
            return Ok(None);
        };
        let Some(mut current) = self.current.take() else {
            return Ok(None);
        };
        let item = self.items(&mut here, &mut current)?;
        self.state = State::In(here);
        self.current = Some(current);
        Ok(item)
    }
}
