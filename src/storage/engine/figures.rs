//! Gathers the engine's figures when somebody asks; see `storage::figures` for what they mean.

use crate::error::Result;
use crate::schema::TableId;
use crate::storage::engine::core::Inner;
use crate::storage::engine::front::Engine;
use crate::storage::figures::{
    CacheFigures, CompactionFigures, CompactionsFigures, Figures, FlushFigures, MemtablesFigures,
    SizeEstimate, TableFigures, get,
};
use crate::storage::table::TableState;
use std::ops::RangeInclusive;

impl Inner {
    fn cache_figures(&self) -> CacheFigures {
        let cache = &self.files.cache;
        let counts = cache.counts();
        CacheFigures {
            hits: counts.hits,
            misses: counts.misses,
            entries: counts.entries as u64,
            bytes: counts.bytes as u64,
            capacity_bytes: cache.bytes_max() as u64,
        }
    }

    fn table_figures(&self, id: TableId, table: &TableState) -> TableFigures {
        let counters = &table.counters;
        let metas = || table.files.iter().map(|file| file.meta.as_ref());
        let disk_bytes = metas().map(|meta| meta.bytes).sum::<u64>();
        let partitions = metas().map(|meta| meta.partitions).sum::<u64>();
        let mut figures = TableFigures {
            table: id,
            keyspace: table.schema.keyspace.clone(),
            name: table.schema.name.clone(),
            sstables: table.files.len() as u64,
            disk_bytes,
            sstable_bytes_max: metas().map(|meta| meta.bytes).max().unwrap_or(0),
            disk_bytes_total: disk_bytes + self.files.garbage.held_bytes(id),
            memtable_entries: table.memtables().map(|it| it.entries()).sum(),
            memtable_bytes: table.memtables().map(|it| it.bytes() as u64).sum(),
            memtable_switches: get(&counters.switches),
            reads: counters.reads.latency(),
            writes: counters.writes.latency(),
            partitions,
            rows: metas().map(|meta| meta.rows).sum(),
            tombstones: metas().map(|meta| meta.droppable).sum(),
            partition_bytes_mean: disk_bytes.checked_div(partitions).unwrap_or(0),
            filter_bytes: filter_bytes(partitions, table.schema.options.bloom_filter_fp_millionths),
            autocompaction: self.compaction.is_automatic(id),
            ..TableFigures::default()
        };
        for reader in table.files.iter().filter_map(|file| file.opened()) {
            let (negatives, false_positives) = reader.filter_counts();
            figures.filter_negatives += negatives;
            figures.filter_false_positives += false_positives;
        }
        figures
    }
}

impl Engine {
    /// The figures of the engine as a whole.
    pub fn figures(&self) -> Figures {
        let inner = &*self.inner;
        let state = inner.state();
        let counters = &inner.counters;
        let mut figures = Figures {
            log: inner.log.figures(),
            memtables: MemtablesFigures {
                bytes: inner.budget.used() as u64,
                bytes_max: inner.config.memtable_bytes_max as u64,
            },
            flushes: FlushFigures {
                done: get(&counters.flushes),
                pending: inner.flushes_pending() as u64,
                failed: get(&counters.flushes_failed),
                written_bytes: get(&counters.flushed_bytes),
            },
            compactions: CompactionsFigures {
                done: get(&counters.compactions),
                pending: inner.compactions_pending(),
                failed: get(&counters.compactions_failed),
                read_bytes: get(&counters.compacted_bytes),
                written_bytes: get(&counters.compaction_written_bytes),
            },
            block_cache: inner.cache_figures(),
            tables: state.tables.len() as u64,
            scans: get(&counters.scans),
            ..Figures::default()
        };
        for table in state.tables.values() {
            figures.sstables += table.files.len() as u64;
            let bytes = table.files.iter().map(|file| file.meta.bytes);
            figures.disk_bytes += bytes.sum::<u64>();
            figures.reads += table.counters.reads.latency().count;
            figures.writes += table.counters.writes.latency().count;
        }
        figures
    }

    /// The figures of each table.
    pub fn tables_figures(&self) -> Vec<TableFigures> {
        let state = self.inner.state();
        let tables = state.tables.iter();
        tables
            .map(|(id, table)| self.inner.table_figures(*id, table))
            .collect()
    }

    /// The compactions under way.
    pub fn compactions(&self) -> Vec<CompactionFigures> {
        self.inner.compaction.under_way().into_iter().collect()
    }

    /// About how many partitions of a table lie in each range of tokens, and how large they are.
    /// Only SSTables count, each by itself.
    pub fn size_estimates(
        &self,
        table: TableId,
        ranges: &[RangeInclusive<i64>],
    ) -> Result<Vec<SizeEstimate>> {
        let table = self.inner.table(table)?;
        let estimate = |range: &RangeInclusive<i64>| {
            let (mut partitions, mut bytes) = (0.0, 0.0);
            for meta in table.files.iter().map(|file| &file.meta) {
                let share = share(range, meta.first.token, meta.last.token);
                partitions += share * meta.partitions as f64;
                bytes += share * meta.bytes as f64;
            }
            let mean = if partitions > 0.0 {
                bytes / partitions
            } else {
                0.0
            };
            SizeEstimate {
                partitions: partitions.round() as u64,
                partition_bytes_mean: mean.round() as u64,
            }
        };
        Ok(ranges.iter().map(estimate).collect())
    }

    /// Has a table (or all that there are now) compacted by itself, or not; until the engine is
    /// opened again.
    pub fn set_autocompaction(&self, table: Option<TableId>, automatic: bool) -> Result<()> {
        let tables = match table {
            Some(id) => {
                self.inner.table(id)?;
                vec![id]
            }
            None => self.inner.state().tables.keys().copied().collect(),
        };
        self.inner.compaction.set_automatic(&tables, automatic);
        self.inner.compaction_bell.ring();
        Ok(())
    }

    /// Whether a table is compacted by itself.
    pub fn is_autocompacted(&self, table: TableId) -> bool {
        self.inner.compaction.is_automatic(table)
    }
}

/// About how much filters over `partitions` take, in bytes: a bloom filter that lets through a
/// share p of what is not there needs log2(1/p) / ln 2 bits for each.
fn filter_bytes(partitions: u64, fp_millionths: u32) -> u64 {
    let share = f64::from(fp_millionths.clamp(1, 1_000_000)) / 1e6;
    let bits = partitions as f64 * -share.log2() / std::f64::consts::LN_2;
    (bits / 8.0).ceil() as u64
}

/// Which share of the tokens from `first` to `last` lies in `range`: tokens are hashes and so
/// spread evenly.
fn share(range: &RangeInclusive<i64>, first: i64, last: i64) -> f64 {
    let (start, end) = (first.max(*range.start()), last.min(*range.end()));
    if start > end {
        return 0.0;
    }
    let width = |from: i64, to: i64| (i128::from(to) - i128::from(from) + 1) as f64;
    width(start, end) / width(first, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_a_file_add_up() {
        let halves = [i64::MIN..=-1, 0..=i64::MAX];
        let sum: f64 = halves.iter().map(|it| share(it, -1_000, 3_000)).sum();
        assert!((sum - 1.0).abs() < 1e-9);
        assert_eq!(share(&(5..=9), 10, 20), 0.0);
        assert_eq!(share(&(i64::MIN..=i64::MAX), i64::MIN, i64::MAX), 1.0);
        assert_eq!(share(&(7..=7), 7, 7), 1.0);
    }
}
