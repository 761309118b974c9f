//! The same work as statements of CQL, for a place that is reached by them.
//!
//! Values are bound in the order of the columns asked for, so that a row's values go to the
//! statement as they are; an absent one stays unset. Counters are the exception: a counter cannot
//! be left out of an addition, so that each set of counters has a statement of its own.

use crate::error::{Error, Result};
use crate::schema::{Column, ColumnKind, Table};
use crate::source::{TokenRange, WriteOptions};
use crate::types::name::quote_identifier;

fn is_key(column: &Column) -> bool {
    matches!(
        column.kind,
        ColumnKind::PartitionKey | ColumnKind::Clustering
    )
}

fn full_name(table: &Table) -> String {
    let (keyspace, name) = (&table.keyspace, &table.name);
    format!("{}.{}", quote_identifier(keyspace), quote_identifier(name))
}

fn names(columns: &[&Column]) -> String {
    let names = columns.iter().map(|column| quote_identifier(&column.name));
    names.collect::<Vec<_>>().join(", ")
}

/// The SELECT that scans `range` of `table`.
pub fn select(table: &Table, columns: &[Column], range: TokenRange) -> String {
    let columns: Vec<&Column> = columns.iter().collect();
    let keys: Vec<&Column> = table.partition_key.iter().collect();
    let token = format!("token({})", names(&keys));
    let mut bounds = Vec::new();
    // The least token means "from the start" in one place and "to the end" in another: an open
    // end is best left out.
    if range.first > i64::MIN {
        bounds.push(format!("{token} >= {}", range.first));
    }
    if range.last < i64::MAX {
        bounds.push(format!("{token} <= {}", range.last));
    }
    let condition = if bounds.is_empty() {
        String::new()
    } else {
        format!(" WHERE {}", bounds.join(" AND "))
    };
    let wanted = names(&columns);
    format!("SELECT {wanted} FROM {}{condition}", full_name(table))
}

/// The INSERT of a row that gives values of `columns`.
/// `ttl`: its time to live, a number or a marker.
pub fn insert(table: &Table, columns: &[&Column], ttl: Option<&str>) -> String {
    let marks = vec!["?"; columns.len()].join(", ");
    let ttl = ttl.map_or_else(String::new, |ttl| format!(" USING TTL {ttl}"));
    let (table, names) = (full_name(table), names(columns));
    format!("INSERT INTO {table} ({names}) VALUES ({marks}){ttl}")
}

/// Refuses what cannot be asked of counters.
pub fn check_counters(options: &WriteOptions) -> Result<()> {
    if options.ttl_seconds.is_some_and(|ttl| ttl != 0) {
        return Err(Error::invalid(
            "Cannot provide custom TTL for counter updates",
        ));
    }
    if options.timestamp_micros.is_some() {
        return Err(Error::invalid(
            "Cannot provide custom timestamp for counter updates",
        ));
    }
    Ok(())
}

/// The UPDATE that adds to those of `columns` that are `present`. Its markers: the counters first,
/// then the key.
pub fn counter_update(table: &Table, columns: &[Column], present: &[bool]) -> String {
    let (mut sets, mut wheres) = (Vec::new(), Vec::new());
    let given = columns.iter().zip(present);
    for (column, _) in given.filter(|(_, present)| **present) {
        let name = quote_identifier(&column.name);
        if is_key(column) {
            wheres.push(format!("{name} = ?"));
        } else {
            sets.push(format!("{name} = {name} + ?"));
        }
    }
    let (sets, wheres) = (sets.join(", "), wheres.join(" AND "));
    format!("UPDATE {} SET {sets} WHERE {wheres}", full_name(table))
}

/// A row of counts as the values of its [`counter_update`]: which of `columns` are present, and
/// the values in the order of the markers. None where nothing is added.
pub fn counter_values<T>(
    columns: &[Column],
    value: impl Fn(usize) -> Option<T>,
) -> Option<(Vec<bool>, Vec<T>)> {
    let (mut present, mut counts, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for (at, column) in columns.iter().enumerate() {
        let value = value(at);
        present.push(value.is_some());
        if is_key(column) {
            keys.extend(value);
        } else {
            counts.extend(value);
        }
    }
    // Keys alone add nothing.
    if counts.is_empty() {
        return None;
    }
    counts.extend(keys);
    Some((present, counts))
}
