//! `system.size_estimates` and `system.table_estimates`: how large each table is by ranges of
//! tokens. Those who read a whole table in parallel split it by them.
//!
//! Computed when asked for, from what the engine knows of its SSTables: so they are never old, and
//! to refresh them is to flush. As in Cassandra, the one token of a node cuts the ring in two
//! ranges, one of which ends and the other of which starts at the least token.

use crate::cql::result::RowValues;
use crate::cql::virtual_tables::{Sources, TOKEN, row};
use crate::error::Result;
use crate::schema::Table;
use crate::types::Value;
use std::ops::RangeInclusive;

/// The least token, which no partition has: the ring's seam.
const SEAM: i64 = i64::MIN;

/// The rows of `size_estimates` or, with the kind of range, of `table_estimates`.
pub fn rows(sources: &Sources<'_>, table: &Table) -> Result<Vec<RowValues>> {
    let own: i64 = TOKEN.parse().unwrap_or(0);
    let ranges = [(SEAM, own), (own, SEAM)];
    let held: Vec<RangeInclusive<i64>> = vec![SEAM..=own, own.saturating_add(1)..=i64::MAX];
    let kinds: &[Option<&str>] = match table.column("range_type") {
        Some(_) => &[Some("primary"), Some("local_primary")],
        None => &[None],
    };
    let mut rows = Vec::new();
    let catalog = sources.engine.catalog();
    let shown = catalog.tables.values().filter(|table| !table.is_entries());
    for measured in shown {
        let estimates = sources.engine.size_estimates(measured.id, &held)?;
        for ((start, end), estimate) in ranges.iter().zip(&estimates) {
            for kind in kinds {
                let count = |count: u64| Value::BigInt(i64::try_from(count).unwrap_or(i64::MAX));
                let mut values = vec![
                    ("keyspace_name", Value::Text(measured.keyspace.clone())),
                    ("table_name", Value::Text(measured.name.clone())),
                    ("range_start", Value::Text(start.to_string())),
                    ("range_end", Value::Text(end.to_string())),
                    ("mean_partition_size", count(estimate.partition_bytes_mean)),
                    ("partitions_count", count(estimate.partitions)),
                ];
                if let Some(kind) = kind {
                    values.push(("range_type", Value::Text((*kind).to_owned())));
                }
                rows.push(row(table, &values)?);
            }
        }
    }
    Ok(rows)
}
