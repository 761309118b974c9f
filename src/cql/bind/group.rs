//! GROUP BY: the key's columns in order, the last perhaps within a function.
//!
//! Rows of a group lie next to each other, so that no group has to wait for the end: that is so for
//! the first columns of the key, for all the key's columns that are restricted to one value, and,
//! at last, for what a monotonic function makes of a column.

use crate::cql::ast::{ExprKind, Name, Select};
use crate::cql::bind::node::{Call, Node};
use crate::cql::bind::restriction::Restrictions;
use crate::cql::bind::select::equal_columns;
use crate::cql::bind::selector::Selection;
use crate::cql::bind::{Binder, column, placed};
use crate::cql::plan::Selected;
use crate::error::{Error, Result};
use crate::schema::{Column, ColumnKind, Table};

fn in_order(table: &Table) -> impl Iterator<Item = &Column> {
    table.partition_key.iter().chain(&table.clustering)
}

impl Binder<'_> {
    /// What rows are grouped by.
    pub(super) fn group_keys(
        &mut self,
        selection: &mut Selection<'_>,
        select: &Select,
        restrictions: &Restrictions,
    ) -> Result<Option<Vec<Selected>>> {
        if select.group_by.is_empty() {
            return Ok(None);
        }
        let table = selection.table;
        let equal = equal_columns(restrictions);
        let mut key = in_order(table);
        let mut keys = Vec::new();
        let mut nodes = Vec::new();
        let mut clustering = false;
        let mut called = false;
        for expr in &select.group_by {
            let node = self.node(table, expr)?;
            let found = match &expr.kind {
                ExprKind::Column(name) => {
                    let found = grouping_column(table, name, called)?;
                    keys.push(self.bound(selection, &node, None)?.0);
                    found
                }
                _ => {
                    called = true;
                    check_called(&node)?;
                    keys.push(self.bound(selection, &node, None)?.0);
                    called_column(table, &node)?
                }
            };
            loop {
                match key.next() {
                    Some(next) if next.id == found.id => break,
                    Some(next) if equal.contains(&next.id) => {}
                    _ => {
                        return Err(placed(
                            Error::invalid(
                                "Group by currently only support groups of columns following \
                                 their declared order in the PRIMARY KEY",
                            ),
                            expr.position,
                        ));
                    }
                }
            }
            clustering |= found.kind == ColumnKind::Clustering;
            nodes.push(node);
        }
        for node in &nodes {
            check_monotonic(node)?;
        }
        if key
            .next()
            .is_some_and(|next| next.kind == ColumnKind::PartitionKey)
        {
            return Err(Error::invalid(
                "Group by is not supported on only a part of the partition key",
            ));
        }
        if clustering && select.distinct {
            return Err(Error::invalid(
                "Grouping on clustering columns is not allowed for SELECT DISTINCT queries",
            ));
        }
        Ok(Some(keys))
    }
}

fn grouping_column<'t>(table: &'t Table, name: &Name, called: bool) -> Result<&'t Column> {
    let found = column(table, name)?;
    if !matches!(
        found.kind,
        ColumnKind::PartitionKey | ColumnKind::Clustering
    ) {
        return Err(placed(
            Error::invalid(format!(
                "Group by is currently only supported on the columns of the PRIMARY KEY, got {name}"
            )),
            name.position,
        ));
    }
    if called {
        return Err(Error::invalid(
            "Functions are only supported on the last element of the GROUP BY clause",
        ));
    }
    Ok(found)
}

/// GROUP BY takes functions, but no aggregates.
fn check_called(node: &Node<'_>) -> Result<()> {
    match &node.call {
        Some(Call::Aggregate(function)) => {
            let name = function
                .as_ref()
                .map_or("system.count_rows", |it| it.name.as_str());
            Err(Error::invalid(format!(
                "Aggregate functions are not supported within the GROUP BY clause, got: {name}"
            )))
        }
        Some(_) => Ok(()),
        None => Err(Error::invalid(
            "Group by currently only supports columns and functions of them",
        )),
    }
}

/// The column that a function of GROUP BY is of.
fn called_column<'t>(table: &'t Table, node: &Node<'_>) -> Result<&'t Column> {
    let mut names = node.columns();
    names.dedup_by(|one, other| one.text == other.text);
    let [name] = names.as_slice() else {
        let shown: Vec<&str> = names.iter().map(|name| name.text.as_str()).collect();
        return Err(Error::invalid(match shown.is_empty() {
            true => "GROUP BY functions must have one clustering column name as parameter".into(),
            false => format!(
                "GROUP BY functions accept only one clustering column as parameter, got: {}",
                shown.join(",")
            ),
        }));
    };
    let found = column(table, name)?;
    if found.kind != ColumnKind::Clustering {
        return Err(Error::invalid(format!(
            "Group by functions are only supported on clustering columns, got {name}"
        )));
    }
    Ok(found)
}

/// Only what grows with its argument keeps groups together.
fn check_monotonic(node: &Node<'_>) -> Result<()> {
    let varying = node.parts.iter().filter(|it| !it.columns().is_empty());
    if let Some(Call::Scalar(function)) = &node.call
        && (!function.monotonic || varying.count() > 1)
    {
        let types: Vec<String> = function
            .arguments
            .iter()
            .zip(&node.parts)
            .map(|(ty, part)| match part.columns().is_empty() {
                true => format!("{ty}(constant)"),
                false => ty.to_string(),
            })
            .collect();
        let name = function.name.trim_start_matches("system.");
        let quote = if name.starts_with('_') { "\"" } else { "" };
        return Err(Error::invalid(format!(
            "Only monotonic functions are supported in the GROUP BY clause. Got: \
             system.{quote}{name}{quote} : ({}) -> {} ",
            types.join(", "),
            function.returns
        )));
    }
    node.parts.iter().try_for_each(check_monotonic)
}
