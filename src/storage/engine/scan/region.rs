//! Regions: stretches of a table where sources overlap, as reads.

use crate::error::Result;
use crate::storage::engine::scan::lanes::{BEHIND_ALL, Lane, Span};
use crate::storage::read::{PartitionBound, Slice};
use crate::storage::row::PartitionKey;
use crate::storage::source::SourceRequest;
use crate::storage::sstable::Position;
use bytes::Bytes;
use std::collections::VecDeque;

/// A region takes this many spans at most.
const REGION_SPANS_MAX: usize = 512;

/// The lane whose next span starts first.
pub fn first_lane(lanes: &[Lane]) -> Option<usize> {
    let starts = lanes.iter().enumerate();
    let starts = starts.filter_map(|(number, lane)| Some((&lane.next.as_ref()?.start, number)));
    starts.min().map(|(_, number)| number)
}

/// Whether a lane's next span is a block that overlaps no other span.
pub fn stands_alone(lanes: &[Lane], first: usize, span: &Span) -> bool {
    let mut others = lanes.iter().enumerate();
    others.all(|(number, lane)| {
        let behind = |other: &Span| other.start >= span.end;
        number == first || lane.next.as_ref().is_none_or(behind)
    })
}

/// Takes spans for as long as they overlap; answers what they cover. `whole` extends that to the
/// end of its last partition.
pub fn collect(lanes: &mut [Lane], whole: bool) -> Result<Option<(Position, Position)>> {
    let mut bounds: Option<(Position, Position)> = None;
    for _ in 0..REGION_SPANS_MAX {
        let Some(lane) = first_lane(lanes).and_then(|first| lanes.get_mut(first)) else {
            break;
        };
        let joins = match (&bounds, &lane.next) {
            (Some((_, end)), Some(span)) => span.start < *end || lane.is_memtable(),
            _ => true,
        };
        if !joins {
            break;
        }
        if let Some(span) = lane.next.take() {
            bounds = Some(match bounds {
                None => (span.start, span.end),
                Some((start, end)) => (start, end.max(span.end)),
            });
        }
        lane.advance()?;
    }
    if let Some((_, end)) = &mut bounds
        && whole
        && !end.clustering.is_empty()
    {
        end.clustering = Bytes::from_static(BEHIND_ALL);
    }
    if let Some((_, end)) = &bounds {
        cut(lanes, end)?;
    }
    Ok(bounds)
}

/// What goes on behind a region starts there, and is not a whole block any more.
fn cut(lanes: &mut [Lane], end: &Position) -> Result<()> {
    for lane in lanes {
        while let Some(span) = &mut lane.next
            && span.start < *end
        {
            if span.end <= *end {
                lane.advance()?;
            } else {
                span.start = end.clone();
                span.block = None;
            }
        }
    }
    Ok(())
}

/// Turns a region into reads: of a partition's part, of whole partitions, of a part again; each
/// cut to the bounds and slices of `model`, and those left out that want nothing.
pub fn plan(start: &Position, end: &Position, model: &SourceRequest) -> VecDeque<SourceRequest> {
    let request = |start, end, slices| SourceRequest {
        start,
        end,
        slices,
        ..model.clone()
    };
    let one = |key: &PartitionKey, slices| {
        let (before, after) = (key.clone(), key.clone());
        request(
            PartitionBound::Before(before),
            PartitionBound::After(after),
            slices,
        )
    };
    let slices = |from: &[u8], to: &[u8]| meet(&model.slices, from, to);
    let mut reads = VecDeque::new();
    if start.key == end.key {
        reads.push_back(one(&start.key, slices(&start.clustering, &end.clustering)));
    } else {
        // Where the region starts behind a whole partition, that was read.
        if start.clustering != BEHIND_ALL {
            reads.push_back(one(&start.key, slices(&start.clustering, BEHIND_ALL)));
        }
        reads.push_back(request(
            PartitionBound::After(start.key.clone()),
            PartitionBound::Before(end.key.clone()),
            model.slices.clone(),
        ));
        // Its static row stands in front of all clusterings: that of a region which ends there is
        // another's.
        if !end.clustering.is_empty() {
            reads.push_back(one(&end.key, slices(&[], &end.clustering)));
        }
    }
    reads.retain_mut(|request| {
        clip(request, &model.start, &model.end) && (model.statics || !request.slices.is_empty())
    });
    reads
}

/// The parts of slices between two clusterings.
fn meet(slices: &[Slice], from: &[u8], to: &[u8]) -> Vec<Slice> {
    let part = |slice: &Slice| {
        let start = slice.start.as_ref().max(from);
        let end = slice.end.as_ref().min(to);
        (start < end).then(|| Slice {
            start: Bytes::copy_from_slice(start),
            end: Bytes::copy_from_slice(end),
        })
    };
    slices.iter().filter_map(part).collect()
}

/// Cuts a request to the scan's own bounds; answers whether anything is left.
fn clip(request: &mut SourceRequest, first: &PartitionBound, last: &PartitionBound) -> bool {
    if let Some(key) = single(request) {
        return first.starts_before(key) && last.ends_behind(key);
    }
    if let PartitionBound::After(key) = &request.start
        && !first.starts_before(key)
    {
        request.start = first.clone();
    }
    if let PartitionBound::Before(key) = &request.end
        && !last.ends_behind(key)
    {
        request.end = last.clone();
    }
    true
}

/// The partition, if a request is for just one.
pub fn single(request: &SourceRequest) -> Option<&PartitionKey> {
    match (&request.start, &request.end) {
        (PartitionBound::Before(one), PartitionBound::After(other)) if one == other => Some(one),
        _ => None,
    }
}
