//! The way of a read: what the state names, up to a position, merged and filtered.

use crate::error::Result;
use crate::storage::engine::Inner;
use crate::storage::live::{Filter, LiveRows, Reread};
use crate::storage::memtable::MemtableSource;
use crate::storage::merge::{Merge, MergedRow};
use crate::storage::read::{PartitionBound, Partitions, Projection, ReadCommand, ReadItem, Slice};
use crate::storage::row::PartitionKey;
use crate::storage::source::{Source, SourceRequest};
use crate::storage::table::TableState;
use bytes::Bytes;
use std::sync::Arc;

/// A table as of one position of the log.
#[derive(Clone)]
pub(super) struct Snapshot {
    pub table: Arc<TableState>,
    pub position: u64,
}

impl Snapshot {
    /// A merge of everything that the snapshot has for `request`.
    pub fn merge(&self, request: &SourceRequest) -> Merge {
        let source = MemtableSource::new(
            Arc::clone(&self.table.active),
            self.table.counter,
            self.position,
            request.clone(),
        );
        Merge::new(vec![Box::new(source)], self.table.counter, request.reversed)
    }
}

impl Reread for Snapshot {
    fn whole(&self, key: &PartitionKey, clustering: &[u8]) -> Result<Option<MergedRow>> {
        let mut end = clustering.to_vec();
        end.push(0);
        let request = SourceRequest {
            start: PartitionBound::Before(key.clone()),
            end: PartitionBound::After(key.clone()),
            slices: vec![Slice {
                start: Bytes::copy_from_slice(clustering),
                end: Bytes::from(end),
            }],
            reversed: false,
            columns: Projection::All,
            statics: false,
        };
        let mut merge = self.merge(&request);
        match merge.next_partition()? {
            Some(_) => merge.next_row(),
            None => Ok(None),
        }
    }
}

/// A read under way.
pub struct RowStream {
    snapshot: Snapshot,
    request: SourceRequest,
    filter: Filter,
    keys: std::vec::IntoIter<PartitionKey>,
    current: Option<LiveRows>,
}

impl std::fmt::Debug for RowStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowStream").finish_non_exhaustive()
    }
}

impl RowStream {
    fn new(snapshot: Snapshot, command: ReadCommand) -> Self {
        let (start, end, keys) = match command.partitions {
            Partitions::Keys(keys) => (PartitionBound::Open, PartitionBound::Open, Some(keys)),
            Partitions::Range { start, end } => (start, end, None),
        };
        let filter = Filter {
            hidden: Arc::clone(&snapshot.table.hidden),
            columns: Arc::new(command.columns.clone()),
            now_seconds: command.now_seconds,
        };
        let mut stream = Self {
            request: SourceRequest {
                start,
                end,
                slices: command.slices,
                reversed: command.reversed,
                columns: command.columns,
                statics: !snapshot.table.schema.statics.is_empty(),
            },
            snapshot,
            filter,
            keys: Vec::new().into_iter(),
            current: None,
        };
        match keys {
            Some(keys) => stream.keys = keys.into_iter(),
            None => stream.start(),
        }
        stream
    }

    /// Starts reading what the request names.
    fn start(&mut self) {
        let reread: Option<Box<dyn Reread>> = match self.request.columns {
            Projection::All => None,
            Projection::Columns(_) => Some(Box::new(self.snapshot.clone())),
        };
        let merge = self.snapshot.merge(&self.request);
        self.current = Some(LiveRows::new(merge, self.filter.clone(), reread));
    }

    /// The next item, or none at the end.
    #[expect(clippy::should_implement_trait, reason = "it fails")]
    pub fn next(&mut self) -> Result<Option<ReadItem>> {
        loop {
            if let Some(current) = &mut self.current {
                if let Some(item) = current.next()? {
                    return Ok(Some(item));
                }
                self.current = None;
            }
            let Some(key) = self.keys.next() else {
                return Ok(None);
            };
            self.request.start = PartitionBound::Before(key.clone());
            self.request.end = PartitionBound::After(key);
            self.start();
        }
    }
}

impl Inner {
    pub(super) fn read(&self, command: ReadCommand) -> Result<RowStream> {
        let table = self.table(command.table)?;
        let snapshot = Snapshot {
            table,
            position: self.applied.contiguous(),
        };
        Ok(RowStream::new(snapshot, command))
    }
}
