//! ORDER BY: clustering columns in their declared order, all along it or all against it.
//!
//! Rows lie in clustering order, so ORDER BY sorts nothing: it says from which end a partition is
//! read. A column that `=` restricts may be left out. Only where IN names several partitions are
//! their rows merged by the columns that ORDER BY names.

use crate::cql::ast::{OrderBy, OrderKind};
use crate::cql::bind::{column, placed};
use crate::cql::plan::ColumnRef;
use crate::error::{Error, Result};
use crate::schema::{Column, ColumnId, ColumnKind, Table};

/// What WHERE leaves no choice of.
pub(super) struct Fixed {
    /// The columns that are restricted to one value each.
    pub(super) columns: Vec<ColumnId>,
    /// Whether the partition key has an IN.
    pub(super) keys_in: bool,
    /// Whether partitions are not named, but come as they lie in a range of tokens.
    pub(super) ranged: bool,
}

/// Whether `order_by` reverses the clustering order, and its columns with their direction.
pub(super) fn order(
    table: &Table,
    order_by: &[OrderBy],
    fixed: &Fixed,
) -> Result<(bool, Vec<ColumnRef>)> {
    if order_by.is_empty() {
        return Ok((false, Vec::new()));
    }
    if fixed.ranged {
        return Err(Error::invalid(
            "ORDER BY is only supported when the partition key is restricted by an EQ or an IN.",
        ));
    }
    let mut next = 0;
    let mut against = Vec::with_capacity(order_by.len());
    let mut columns = Vec::with_capacity(order_by.len());
    for by in once_each(order_by) {
        let (found, descending) = clustering(table, by)?;
        let skipped = table.clustering.get(next..found.position);
        if !skipped.is_some_and(|skipped| skipped.iter().all(|it| fixed.columns.contains(&it.id))) {
            return Err(placed(
                Error::invalid(
                    "Order by currently only supports the ordering of columns following their \
                     declared order in the PRIMARY KEY",
                ),
                by.column.position,
            ));
        }
        next = found.position + 1;
        against.push((descending != found.descending, by.column.position));
        let mut column = ColumnRef::from(found);
        column.descending = descending;
        columns.push(column);
    }
    let reversed = against.first().is_some_and(|(against, _)| *against);
    match against.iter().find(|(against, _)| *against != reversed) {
        None => Ok((reversed, columns)),
        Some((_, position)) => Err(placed(
            Error::invalid("Unsupported order by relation"),
            *position,
        )),
    }
}

/// Each column once: one that is named again stands where it was named first, as it was named last.
fn once_each(order_by: &[OrderBy]) -> impl Iterator<Item = &OrderBy> {
    let same = |a: &OrderBy, b: &OrderBy| a.column.text == b.column.text;
    order_by
        .iter()
        .enumerate()
        .filter(move |(at, by)| !order_by.iter().take(*at).any(|earlier| same(earlier, by)))
        .map(move |(_, by)| order_by.iter().rfind(|it| same(it, by)).unwrap_or(by))
}

/// The clustering column that `by` names, and whether it goes down.
fn clustering<'t>(table: &'t Table, by: &OrderBy) -> Result<(&'t Column, bool)> {
    let found = column(table, &by.column)?;
    let descending = match by.order {
        OrderKind::Ascending => false,
        OrderKind::Descending => true,
        OrderKind::AnnOf(_) => {
            return Err(Error::invalid(format!(
                "ANN ordering by vector requires the column to be indexed (column {})",
                by.column
            )));
        }
    };
    if found.kind != ColumnKind::Clustering {
        return Err(placed(
            Error::invalid(format!(
                "Order by is currently only supported on the clustered columns of the PRIMARY KEY, \
                 got {}",
                by.column
            )),
            by.column.position,
        ));
    }
    Ok((found, descending))
}
