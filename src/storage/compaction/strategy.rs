//! What to compact: pure functions from what a table has to a choice.
//!
//! First comes what costs nothing: files all of whose content has expired go whole. Then files of
//! like size are merged, so that a row is rewritten about once for every power of `min_threshold`
//! that the table grows by. Last, a single file is rewritten when much of it can be dropped.

use crate::storage::compaction::CompactionOptions;
use crate::storage::meta::FileMeta;

/// What a strategy sees of a table.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// All files.
    pub files: &'a [&'a FileMeta],
    /// The numbers of those that a job is working on.
    pub busy: &'a [u64],
    /// The least write timestamp of anything that is in no file: in memtables and imports under
    /// way. `i64::MAX` where there is nothing.
    pub timestamp_min_elsewhere: i64,
    /// What was deleted or had expired before this moment may be purged: now less
    /// `gc_grace_seconds`. In seconds since 1970.
    pub purge_before_seconds: i64,
}

impl View<'_> {
    fn is_free(&self, file: &FileMeta) -> bool {
        !self.busy.contains(&file.id)
    }
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Nothing, for now.
    Nothing,
    /// Drop these files: nothing in them is live, and nothing that they hide is anywhere else.
    Drop(Vec<u64>),
    /// Merge these files into one.
    Merge(Vec<u64>),
}

/// How a table is compacted.
pub trait Strategy: Send + Sync {
    /// What to do next.
    fn choose(&self, view: &View<'_>) -> Choice;
}

/// Merges files of like size.
#[derive(Clone, Debug, Default)]
pub struct SizeTiered {
    /// The settings.
    pub options: CompactionOptions,
}

impl Strategy for SizeTiered {
    fn choose(&self, view: &View<'_>) -> Choice {
        let expired = fully_expired(view);
        if !expired.is_empty() {
            return Choice::Drop(expired);
        }
        if let Some(bucket) = self.bucket(view) {
            return Choice::Merge(bucket);
        }
        match self.mostly_droppable(view) {
            Some(file) => Choice::Merge(vec![file]),
            None => Choice::Nothing,
        }
    }
}

impl SizeTiered {
    /// Files of like size, enough of them: those of the least mean size.
    fn bucket(&self, view: &View<'_>) -> Option<Vec<u64>> {
        let mut files: Vec<&FileMeta> = view.files.to_vec();
        files.retain(|file| view.is_free(file));
        files.sort_by_key(|file| (file.bytes, file.id));
        let mut buckets: Vec<Bucket> = Vec::new();
        for file in files {
            match buckets
                .iter_mut()
                .find(|bucket| self.alike(bucket.mean(), file.bytes))
            {
                Some(bucket) => bucket.add(file),
                None => {
                    let mut bucket = Bucket::default();
                    bucket.add(file);
                    buckets.push(bucket);
                }
            }
        }
        // Buckets were opened in order of size, so the first is the cheapest to merge.
        let mut ids = buckets
            .into_iter()
            .find(|bucket| bucket.files.len() >= self.options.min_threshold)?
            .files;
        ids.truncate(self.options.max_threshold);
        Some(ids)
    }

    fn alike(&self, mean: f64, bytes: u64) -> bool {
        let small = self.options.min_sstable_bytes as f64;
        let size = bytes as f64;
        let near = size > mean * self.options.bucket_low && size < mean * self.options.bucket_high;
        near || (size < small && mean < small)
    }

    /// A file of which so much can be dropped that it is worth rewriting alone. What is droppable
    /// must have been so for a while: this keeps a file with steadily expiring rows from being
    /// rewritten again and again.
    fn mostly_droppable(&self, view: &View<'_>) -> Option<u64> {
        let wait = self.options.tombstone_compaction_interval_seconds;
        let ripe = |file: &&&FileMeta| {
            let share = file.droppable as f64 / file.rows.max(1) as f64;
            view.is_free(file)
                && share > self.options.tombstone_threshold
                && file.expiry_min.saturating_add(wait) < view.purge_before_seconds
                && file.timestamp_max < timestamp_min_around(file, view, &[])
        };
        let oldest = view.files.iter().filter(ripe).min_by_key(|f| f.expiry_min);
        oldest.map(|file| file.id)
    }
}

#[derive(Default)]
struct Bucket {
    files: Vec<u64>,
    bytes: u64,
}

impl Bucket {
    fn add(&mut self, file: &FileMeta) {
        self.files.push(file.id);
        self.bytes = self.bytes.saturating_add(file.bytes);
    }

    fn mean(&self) -> f64 {
        self.bytes as f64 / self.files.len().max(1) as f64
    }
}

/// The least write timestamp of anything, in memory or in a file that overlaps `file` and is none
/// of `without`, that what is in `file` might hide.
fn timestamp_min_around(file: &FileMeta, view: &View<'_>, without: &[u64]) -> i64 {
    view.files
        .iter()
        .filter(|other| other.id != file.id && !without.contains(&other.id))
        .filter(|other| other.overlaps(file))
        .map(|other| other.timestamp_min)
        .fold(view.timestamp_min_elsewhere, i64::min)
}

/// The files that can go by their metadata alone: everything in them has expired or is a tombstone,
/// its time is over, and all that they could hide is newer than they are, or goes with them.
pub fn fully_expired(view: &View<'_>) -> Vec<u64> {
    let mut going: Vec<&FileMeta> = view
        .files
        .iter()
        .copied()
        .filter(|file| view.is_free(file) && file.expiry_max < view.purge_before_seconds)
        .collect();
    loop {
        let ids: Vec<u64> = going.iter().map(|file| file.id).collect();
        // A file that must stay may keep another one: look again until nothing changes.
        going.retain(|file| file.timestamp_max < timestamp_min_around(file, view, &ids));
        if going.len() == ids.len() {
            return ids;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::cell::NEVER;
    use crate::storage::row::PartitionKey;
    use bytes::Bytes;

    fn file(id: u64, bytes: u64) -> FileMeta {
        let key = |token| PartitionKey {
            token,
            key: Bytes::new(),
        };
        FileMeta {
            id,
            bytes,
            first: key(0),
            last: key(100),
            rows: 10,
            timestamp_min: 1000,
            timestamp_max: 2000,
            expiry_max: NEVER,
            ..FileMeta::default()
        }
    }

    fn choose(files: &[FileMeta], busy: &[u64], elsewhere: i64) -> Choice {
        let files: Vec<&FileMeta> = files.iter().collect();
        let strategy = SizeTiered {
            options: CompactionOptions {
                min_sstable_bytes: 100,
                ..CompactionOptions::default()
            },
        };
        strategy.choose(&View {
            files: &files,
            busy,
            timestamp_min_elsewhere: elsewhere,
            purge_before_seconds: 500_000,
        })
    }

    fn of_sizes(sizes: &[u64]) -> Vec<FileMeta> {
        let numbered = sizes.iter().zip(1..);
        numbered.map(|(bytes, id)| file(id, *bytes)).collect()
    }

    #[test]
    fn four_of_like_size_are_merged() {
        assert_eq!(
            choose(&of_sizes(&[1000, 1000, 1000]), &[], i64::MAX),
            Choice::Nothing
        );
        let files = of_sizes(&[1000, 100_000, 1100, 900, 120_000, 1050, 9000]);
        assert_eq!(
            choose(&files, &[], i64::MAX),
            Choice::Merge(vec![4, 1, 6, 3])
        );
        assert_eq!(choose(&files, &[4], i64::MAX), Choice::Nothing);
        // Small files are of like size, however they differ.
        assert_eq!(
            choose(&of_sizes(&[1, 99, 50, 7]), &[], i64::MAX),
            Choice::Merge(vec![1, 4, 3, 2])
        );
        assert_eq!(
            choose(&of_sizes(&[101, 990, 50, 7]), &[], i64::MAX),
            Choice::Nothing
        );
        // The smaller bucket first, and no more than max_threshold.
        let many = of_sizes(&[&[5000; 4][..], &[300; 40]].concat());
        match choose(&many, &[], i64::MAX) {
            Choice::Merge(ids) => {
                assert_eq!(ids.len(), 32);
                assert!(ids.iter().all(|id| *id > 4));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_has_expired_goes_whole_unless_it_hides_something_older() {
        let mut expired = file(1, 10);
        expired.expiry_max = 400_000;
        let mut newer = file(2, 20);
        newer.timestamp_min = 2001;
        let mut older = file(3, 30);
        older.timestamp_min = 5;
        let both = |a: &FileMeta, b: &FileMeta| vec![a.clone(), b.clone()];
        assert_eq!(
            choose(&both(&expired, &newer), &[], i64::MAX),
            Choice::Drop(vec![1])
        );
        assert_eq!(
            choose(&both(&expired, &older), &[], i64::MAX),
            Choice::Nothing
        );
        // In memory, too.
        assert_eq!(choose(&both(&expired, &newer), &[], 2000), Choice::Nothing);
        assert_eq!(
            choose(&both(&expired, &newer), &[], 2001),
            Choice::Drop(vec![1])
        );
        // Not yet within the grace.
        let mut late = expired.clone();
        late.expiry_max = 500_000;
        assert_eq!(choose(&both(&late, &newer), &[], i64::MAX), Choice::Nothing);
        // Elsewhere in the token ring it hides nothing.
        older.first.token = 101;
        older.last.token = 200;
        assert_eq!(
            choose(&both(&expired, &older), &[], i64::MAX),
            Choice::Drop(vec![1])
        );
        // An older one that goes too is no obstacle, but one that is busy is.
        let mut older = file(3, 30);
        older.timestamp_min = 5;
        older.timestamp_max = 900;
        older.expiry_max = 10;
        let files = both(&expired, &older);
        assert_eq!(choose(&files, &[], i64::MAX), Choice::Drop(vec![1, 3]));
        assert_eq!(choose(&files, &[3], i64::MAX), Choice::Nothing);
        // One that must stay keeps those above it.
        assert_eq!(choose(&files, &[], 800), Choice::Nothing);
    }

    #[test]
    fn a_file_of_tombstones_is_rewritten_once_they_are_old() {
        let mut file = file(1, 1000);
        file.droppable = 3;
        file.expiry_min = 500_000 - 86_401;
        assert_eq!(
            choose(&[file.clone()], &[], i64::MAX),
            Choice::Merge(vec![1])
        );
        assert_eq!(choose(&[file.clone()], &[], 1500), Choice::Nothing);
        file.expiry_min += 1;
        assert_eq!(choose(&[file.clone()], &[], i64::MAX), Choice::Nothing);
        file.expiry_min -= 1;
        file.droppable = 2;
        assert_eq!(choose(&[file], &[], i64::MAX), Choice::Nothing);
    }
}
