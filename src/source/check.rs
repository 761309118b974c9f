//! Rows that have no valid key are known before they are written.

use crate::limits::{CLUSTERING_BYTES_MAX, KEY_BYTES_MAX};
use crate::schema::{Column, Table};

/// Why a row cannot be written, told before it is tried: what its key lacks, or has too much of.
#[derive(Clone, Debug)]
pub struct RowCheck {
    key: Vec<(String, usize)>,
    clustering: Vec<(String, usize)>,
    statics: bool,
}

impl RowCheck {
    /// A check of rows that give the values of `columns`, in that order.
    pub fn new(table: &Table, columns: &[Column]) -> Self {
        let places = |keys: &[Column]| {
            keys.iter()
                .filter_map(|key| {
                    let at = columns.iter().position(|column| column.id == key.id)?;
                    Some((key.name.clone(), at))
                })
                .collect()
        };
        Self {
            key: places(&table.partition_key),
            clustering: places(&table.clustering),
            statics: !table.statics.is_empty(),
        }
    }

    /// The column and the reason, where the row in the making (`length` of each value, or none
    /// where it is absent) has no valid key.
    pub fn refuse(&self, length: impl Fn(usize) -> Option<usize>) -> Option<(&str, String)> {
        let alone = !self.clustering.is_empty()
            && self.statics
            && self.clustering.iter().all(|(_, at)| length(*at).is_none());
        let clustering: &[(String, usize)] = if alone { &[] } else { &self.clustering };
        for (name, at) in self.key.iter().chain(clustering) {
            if length(*at).is_none() {
                return Some((name, "the key column has no value".to_owned()));
            }
        }
        for (name, at) in clustering {
            if length(*at).is_some_and(|bytes| bytes >= CLUSTERING_BYTES_MAX) {
                let most = CLUSTERING_BYTES_MAX - 1;
                return Some((
                    name,
                    format!("a clustering value of more than {most} bytes"),
                ));
            }
        }
        let lengths = self.key.iter().filter_map(|(_, at)| length(*at));
        let bytes: usize = match self.key.len() {
            1 => lengths.sum(),
            _ => lengths.map(|bytes| bytes + 3).sum(),
        };
        let (name, _) = self.key.first()?;
        if bytes == 0 {
            return Some((name, "Key may not be empty".to_owned()));
        }
        (bytes > KEY_BYTES_MAX).then(|| {
            let message =
                format!("Key length of {bytes} is longer than maximum of {KEY_BYTES_MAX}");
            (name.as_str(), message)
        })
    }
}
