//! The spans of a scan's sources: a file's blocks, by its index alone; a memtable's rows.

use crate::error::Result;
use crate::storage::memtable::MemtableSource;
use crate::storage::read::Slice;
use crate::storage::row::PartitionKey;
use crate::storage::source::{Source, SourceItem};
use crate::storage::sstable::{BlockCursor, BlockSpan, Position};
use bytes::Bytes;

/// Behind every clustering.
pub const BEHIND_ALL: &[u8] = &[0xFF];

/// One source's spans, in order.
pub struct Lane {
    spans: Spans,
    /// The next one.
    pub next: Option<Span>,
}

/// Where spans come from.
pub enum Spans {
    /// A file.
    Blocks {
        /// Its blocks.
        cursor: BlockCursor,
        /// Whether its blocks may be taken as they are.
        plain: bool,
    },
    /// A memtable.
    Rows {
        /// Its rows.
        source: Box<MemtableSource>,
        /// The partition that it stands in.
        key: Option<PartitionKey>,
    },
}

/// A stretch of a source.
pub struct Span {
    /// Where it starts.
    pub start: Position,
    /// Where it ends.
    pub end: Position,
    /// The block, where that is the whole of it.
    pub block: Option<BlockSpan>,
}

impl Lane {
    /// The spans of a source.
    pub fn new(spans: Spans) -> Result<Self> {
        let mut lane = Self { spans, next: None };
        lane.advance()?;
        Ok(lane)
    }

    /// Goes to the next span.
    pub fn advance(&mut self) -> Result<()> {
        self.next = match &mut self.spans {
            Spans::Blocks { cursor, plain } => cursor.next()?.map(|block| Span {
                start: block.start.clone(),
                end: block.end.clone(),
                block: plain.then_some(block),
            }),
            Spans::Rows { source, key } => next_row_span(source, key)?,
        };
        Ok(())
    }

    /// Whether its spans are rows of a memtable.
    pub fn is_memtable(&self) -> bool {
        matches!(self.spans, Spans::Rows { .. })
    }
}

/// The next row of a memtable, or the whole of a partition with deletions or a static row.
fn next_row_span(
    source: &mut MemtableSource,
    key: &mut Option<PartitionKey>,
) -> Result<Option<Span>> {
    loop {
        if let Some(at) = key {
            match source.next_item()? {
                Some(SourceItem::Row(row)) => {
                    let slice = Slice::row(row.clustering);
                    return Ok(Some(span(at, slice.start, slice.end)));
                }
                Some(SourceItem::Range(_)) => {
                    return Ok(key.take().map(|key| whole(&key)));
                }
                None => *key = None,
            }
        } else {
            match source.next_partition()? {
                None => return Ok(None),
                Some(start) if !start.deletion.is_none() || start.static_row.is_some() => {
                    return Ok(Some(whole(&start.key)));
                }
                Some(start) => *key = Some(start.key),
            }
        }
    }
}

fn span(key: &PartitionKey, start: Bytes, end: Bytes) -> Span {
    let position = |clustering| Position {
        key: key.clone(),
        clustering,
    };
    Span {
        start: position(start),
        end: position(end),
        block: None,
    }
}

fn whole(key: &PartitionKey) -> Span {
    span(key, Bytes::new(), Bytes::from_static(BEHIND_ALL))
}
