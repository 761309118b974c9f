//! Merged entries: where the walk through a row's versions ends.
//!
//! ```text
//! row 7 @ 19 · 18 · [17 merged] · 17 · 16 · 15 · …        newest first
//!        └────────────▲ a reader at 19 stops here
//! ```
//!
//! A reader at a position sees everything that was written up to there, so what it makes of a row's
//! versions is what any later reader would make of the same ones. It leaves that in the list where
//! it had to pass many versions, and where these are as large as what it leaves: so merged entries
//! take no more memory than the versions themselves. Two readers may come to the same entry; the
//! second one's is dropped, since nothing in the list is ever replaced.

use crate::error::Result;
use crate::storage::memtable::{ENTRY_OVERHEAD_BYTES, Entry, Memtable, Shard};
use crate::storage::record::{self, RowSpan};
use crate::storage::row::{PartitionKey, Row};
use crossbeam_epoch as epoch;
use std::sync::atomic::Ordering;

/// How many versions a reader passes without leaving a merged entry.
const VERSIONS_MAX: usize = 8;

/// A walk through the versions of a row, from the newest that its reader sees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    /// The position of the newest.
    position: u64,
    versions: usize,
    bytes: usize,
}

impl From<&Entry> for Walk {
    fn from(newest: &Entry) -> Self {
        Self {
            position: newest.position,
            versions: 1,
            bytes: newest.row.body_len as usize + ENTRY_OVERHEAD_BYTES,
        }
    }
}

impl Walk {
    /// Another version, which is no merged one.
    pub fn pass(&mut self, version: &Entry) {
        self.versions += 1;
        self.bytes += version.row.body_len as usize + ENTRY_OVERHEAD_BYTES;
    }

    /// Whether it was long.
    pub fn is_long(&self) -> bool {
        self.versions > VERSIONS_MAX
    }
}

impl Memtable {
    /// Leaves what a walk has made of a row's versions, if that is worth it.
    pub(super) fn leave_merged(
        &self,
        shard: &Shard,
        key: &PartitionKey,
        row: &Row,
        walk: Walk,
    ) -> Result<()> {
        if !walk.is_long() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(walk.bytes / walk.versions);
        bytes.extend_from_slice(&key.key);
        bytes.extend_from_slice(&row.clustering);
        let body_at = bytes.len();
        record::row_body(row, &mut bytes)?;
        let body_len = bytes.len() - body_at;
        let cost = bytes.len() + ENTRY_OVERHEAD_BYTES;
        if cost > walk.bytes {
            return Ok(());
        }
        // All of these are lengths of what one record of the log holds already.
        let key_len = key.key.len() as u32;
        let row = RowSpan {
            clustering_at: key_len,
            clustering_len: row.clustering.len() as u32,
            body_at: body_at as u32,
            body_len: body_len as u32,
        };
        let entry = Entry::new(
            key.token,
            walk.position,
            shard.arena.copy(&bytes),
            key_len,
            row,
        );
        let entry = Entry {
            merged: true,
            ..entry
        };
        let guard = &epoch::pin();
        shard.rows.get_or_insert(entry, (), guard).release(guard);
        self.merged_bytes.fetch_add(cost, Ordering::Relaxed);
        Ok(())
    }
}
