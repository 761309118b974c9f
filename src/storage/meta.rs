//! What the database knows about an SSTable without opening it.
//!
//! The writer computes a [`FileMeta`], the manifest stores it, and reads, compaction and expiry
//! decide by it: which files a key can be in, which can be dropped whole, what may be purged.

use crate::storage::cell::{NEVER, NO_TIMESTAMP};
use crate::storage::row::PartitionKey;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An SSTable, as the manifest stores it. Fields are persisted in this order: never change it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMeta {
    /// The file's number in this database; never reused. Its name follows from it.
    pub id: u64,
    /// Its length, in bytes.
    pub bytes: u64,
    /// The CRC32C over the whole file.
    pub digest: u32,
    /// Its level; size-tiered compaction leaves it 0.
    pub level: u8,
    /// Its first partition.
    #[serde(with = "key_form")]
    pub first: PartitionKey,
    /// Its last partition.
    #[serde(with = "key_form")]
    pub last: PartitionKey,
    /// The least clustering of any row, where it has rows.
    pub first_clustering: Option<Vec<u8>>,
    /// The greatest clustering of any row, where it has rows.
    pub last_clustering: Option<Vec<u8>>,
    /// How many partitions.
    pub partitions: u64,
    /// How many rows, static ones not counted.
    pub rows: u64,
    /// The least write timestamp of anything in it, deletions included, in microseconds.
    pub timestamp_min: i64,
    /// The greatest write timestamp of anything in it, deletions included, in microseconds.
    pub timestamp_max: i64,
    /// The earliest expiry or deletion time of a tombstone or expiring cell or marker, in seconds;
    /// [`NEVER`] where there is none.
    pub expiry_min: i64,
    /// The latest expiry or deletion time, in seconds; [`NEVER`] as soon as anything in it neither
    /// expires nor is a tombstone. A file whose `expiry_max` is past holds nothing live.
    pub expiry_max: i64,
    /// How many tombstones of all kinds and expiring cells it holds.
    pub droppable: u64,
    /// The first commit sequence number in it; 0 where unknown.
    pub sequence_min: u64,
    /// The last commit sequence number in it; 0 where unknown.
    pub sequence_max: u64,
    /// Whether it holds partition deletions, range deletions or static rows, which the range of
    /// clusterings does not bound: then no slice rules the file out.
    pub beyond_rows: bool,
}

impl FileMeta {
    /// Whether a partition can be in the file, by its range.
    pub fn may_hold(&self, key: &PartitionKey) -> bool {
        self.first <= *key && *key <= self.last
    }

    /// Whether the two files' ranges of partitions meet.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// The path of the file of this number in a table's directory.
    pub fn path(table: crate::schema::TableId, id: u64) -> String {
        format!("{}/{id:010}.sst", Self::directory(table))
    }

    /// The directory of a table's files.
    pub fn directory(table: crate::schema::TableId) -> String {
        format!("tables/{}", table.0)
    }
}

impl Default for FileMeta {
    fn default() -> Self {
        let nowhere = PartitionKey {
            token: 0,
            key: Bytes::new(),
        };
        Self {
            id: 0,
            bytes: 0,
            digest: 0,
            level: 0,
            first: nowhere.clone(),
            last: nowhere,
            first_clustering: None,
            last_clustering: None,
            partitions: 0,
            rows: 0,
            timestamp_min: i64::MAX,
            timestamp_max: NO_TIMESTAMP,
            expiry_min: NEVER,
            expiry_max: NO_TIMESTAMP,
            droppable: 0,
            sequence_min: 0,
            sequence_max: 0,
            beyond_rows: false,
        }
    }
}

/// A partition's key as serde sees it: token and bytes.
mod key_form {
    use super::{Bytes, Deserialize, Deserializer, PartitionKey, Serialize, Serializer};

    pub fn serialize<S: Serializer>(key: &PartitionKey, to: S) -> Result<S::Ok, S::Error> {
        (key.token, key.key.as_ref()).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PartitionKey, D::Error> {
        let (token, key) = <(i64, Vec<u8>)>::deserialize(from)?;
        Ok(PartitionKey {
            token,
            key: Bytes::from(key),
        })
    }
}
