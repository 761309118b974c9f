//! The quick way to one row.

use crate::error::Result;
use crate::storage::cell::Deletion;
use crate::storage::memtable::merged::Walk;
use crate::storage::memtable::{Entry, Memtable};
use crate::storage::read::Projection;
use crate::storage::reconcile;
use crate::storage::row::{PartitionKey, Row};
use crossbeam_epoch as epoch;
use std::ops::Bound;

impl Memtable {
    /// The newest partition or range deletion that covers a row, and the row, as of `position`;
    /// `columns` as in a source's request.
    pub fn get(
        &self,
        key: &PartitionKey,
        clustering: &[u8],
        columns: &Projection,
        counter: bool,
        position: u64,
    ) -> Result<(Deletion, Option<Row>)> {
        let Some(shard) = self.shards.get(self.shard_of(key.token)) else {
            return Ok((Deletion::NONE, None));
        };
        let mut deletion = Deletion::NONE;
        if !shard.deletions.is_empty() {
            shard.deletions_of(key, position, |entry| {
                let covers = entry.start.is_empty()
                    || (entry.start.as_ref() <= clustering && clustering < entry.end.as_ref());
                if covers {
                    deletion = deletion.max(entry.deletion);
                }
            });
        }
        let probe = Entry::probe(key, clustering, position);
        let guard = &epoch::pin();
        let mut next = shard.rows.lower_bound(Bound::Included(&probe), guard);
        let is_version = |entry: &Entry| entry.is_in(key) && entry.clustering() == clustering;
        let Some(first) = next.filter(|entry| is_version(entry.key())) else {
            return Ok((deletion, None));
        };
        let newest = first.key();
        next = first.next().filter(|entry| is_version(entry.key()));
        if next.is_none() || newest.merged {
            return Ok((deletion, Some(newest.decode(columns)?)));
        }
        // A second version may bring a marker that no longer shelters what a projection leaves out.
        let mut row = newest.decode(&Projection::All)?;
        let mut walk = Walk::from(newest);
        while let Some(entry) = next {
            let version = entry.key();
            let older = version.decode(&Projection::All)?;
            row = reconcile::merge_rows(counter, row, older);
            if version.merged {
                break;
            }
            walk.pass(version);
            next = entry.next().filter(|entry| is_version(entry.key()));
        }
        self.leave_merged(shard, key, &row, walk)?;
        Ok((deletion, Some(row)))
    }
}
