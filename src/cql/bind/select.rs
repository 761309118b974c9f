//! SELECT.

use crate::cql::ast::{OrderKind, Select};
use crate::cql::bind::json::as_json;
use crate::cql::bind::order::{Fixed, order};
use crate::cql::bind::restriction::{Kind, Restrictions, needs_filtering};
use crate::cql::bind::selector::Selection;
use crate::cql::bind::{Binder, Receiver, column};
use crate::cql::plan::{Choice, ColumnRef, Filter, PartitionPlan, SelectPlan, Selected, Term};
use crate::cql::result::ColumnSpec;
use crate::cql::virtual_tables;
use crate::error::{Error, Result};
use crate::schema::{Column, ColumnId, ColumnKind, Table};
use crate::types::Type;

impl Binder<'_> {
    pub(super) fn select(&mut self, select: &Select) -> Result<SelectPlan> {
        let table = self.table(&select.table)?;
        let is_virtual = virtual_tables::is_virtual(&table);
        let allow_filtering = select.allow_filtering || virtual_tables::filters_freely(&table);
        // Of several errors the same one is told as in Cassandra.
        let statics_only = self.selects_statics_only(&table, select)?;
        for by in &select.order_by {
            column(&table, &by.column)?;
        }
        let relations = &select.relations;
        let restrictions = self.restrictions(&table, relations, Kind::Select, allow_filtering)?;
        let found = restrictions
            .clone()
            .for_select(&table, allow_filtering, statics_only)?;
        let mut selection = Selection::new(&table);
        let (mut columns, mut selected) = self.selected(&mut selection, select)?;
        if select.json {
            (columns, selected) = as_json(&table, &columns, selected);
        }
        let fixed = Fixed {
            columns: equal_columns(&restrictions),
            keys_in: has_in(&found.partition),
            ranged: !matches!(found.partition, PartitionPlan::Keys(_)),
        };
        check_distinct(&selection, select, &restrictions, &fixed)?;
        let group = self.group_keys(&mut selection, select, &restrictions)?;
        check_aggregates(&selection, select)?;
        let static_only_rows = !restrictions.has_clustering() && !restrictions.has_regular();
        self.check_order(&table, select, found.uses_index)?;
        let (reversed, order) = order(&table, &select.order_by, &fixed)?;
        if found.filtering && !allow_filtering {
            return Err(needs_filtering());
        }
        let (limit, per_partition_limit) = self.limits(&table, select)?;
        let merge_order = if fixed.keys_in { order } else { Vec::new() };
        let filters = found.partition_filters.iter().chain(&found.row_filters);
        for column in filters.flat_map(Filter::columns).chain(&merge_order) {
            selection.use_column(column);
        }
        let fails = found.refused.or(selection.fails).map(Box::new);
        let used = selection.used;
        let aggregates = selection.aggregates;
        let needs_clustering = used.iter().any(|c| c.kind == ColumnKind::Clustering);
        let read_columns = stored(&used);
        Ok(SelectPlan {
            is_virtual,
            columns: columns.into(),
            selected,
            aggregates,
            group,
            partition: found.partition,
            clustering: found.clustering,
            partition_filters: found.partition_filters,
            row_filters: found.row_filters,
            index: found.index,
            clustering_indexed: found.clustering_indexed,
            static_only_rows,
            distinct: select.distinct,
            reversed,
            merge_order,
            read_columns,
            needs_clustering,
            limit,
            per_partition_limit,
            fails,
            table,
        })
    }

    /// An index has an order of its own; ANN OF needs a vector that the column could be compared
    /// with.
    fn check_order(&mut self, table: &Table, select: &Select, uses_index: bool) -> Result<()> {
        if uses_index && !select.order_by.is_empty() {
            return Err(Error::invalid(
                "ORDER BY with 2ndary indexes is not supported, except for ANN queries.",
            ));
        }
        for by in &select.order_by {
            if let OrderKind::AnnOf(vector) = &by.order {
                let column = column(table, &by.column)?;
                self.term(vector, &Receiver::new(table, &column.name, &column.ty))?;
            }
        }
        Ok(())
    }

    /// LIMIT and PER PARTITION LIMIT.
    fn limits(&mut self, table: &Table, select: &Select) -> Result<(Option<Term>, Option<Term>)> {
        let mut bound = |name: &str, of| self.attribute(table, name, &Type::Int, of);
        Ok((
            bound("[limit]", select.limit.as_ref())?,
            bound("[per_partition_limit]", select.per_partition_limit.as_ref())?,
        ))
    }

    /// Whether nothing is selected but static columns, and columns of the partition key beside
    /// them. Selectors are looked at as far as it takes to know, and no errors of others are found.
    fn selects_statics_only(&self, table: &Table, select: &Select) -> Result<bool> {
        let selects = |wanted: &dyn Fn(ColumnKind) -> bool| -> Result<bool> {
            for selector in &select.selectors {
                let node = self.node(table, &selector.expr)?;
                let mut columns = node.columns().into_iter();
                let is_wanted = |column: &Column| wanted(column.kind);
                if columns.any(|name| table.column(&name.text).is_some_and(is_wanted)) {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        let of_row = |kind| matches!(kind, ColumnKind::Clustering | ColumnKind::Regular);
        let has_statics = !table.statics.is_empty();
        Ok(has_statics && selects(&|kind| kind == ColumnKind::Static)? && !selects(&of_row)?)
    }

    fn selected(
        &mut self,
        selection: &mut Selection<'_>,
        select: &Select,
    ) -> Result<(Vec<ColumnSpec>, Vec<Selected>)> {
        let table = selection.table;
        let spec = |name: String, ty: Type| ColumnSpec {
            keyspace: table.keyspace.clone(),
            table: table.name.clone(),
            name,
            ty,
        };
        let mut columns = Vec::new();
        let mut selected = Vec::new();
        if select.selectors.is_empty() {
            for column in table.columns() {
                let column = ColumnRef::from(column);
                selection.use_column(&column);
                columns.push(spec(column.name.clone(), column.ty.clone()));
                selected.push(Selected::Column(column));
            }
        }
        for selector in &select.selectors {
            let (bound, ty) = self.selector(selection, &selector.expr)?;
            let name = match &selector.alias {
                Some(alias) => alias.text.clone(),
                None => self.result_name(table, &selector.expr)?,
            };
            columns.push(spec(name, ty));
            selected.push(bound);
        }
        Ok((columns, selected))
    }
}

/// The static and regular ones of `columns`, in rising order of id.
fn stored(columns: &[ColumnRef]) -> Vec<ColumnId> {
    let mut ids: Vec<ColumnId> = columns
        .iter()
        .filter(|c| matches!(c.kind, ColumnKind::Static | ColumnKind::Regular))
        .map(|c| c.id)
        .collect();
    ids.sort_unstable();
    ids
}

fn check_aggregates(selection: &Selection<'_>, select: &Select) -> Result<()> {
    if !selection.aggregates.is_empty()
        && select.group_by.is_empty()
        && select.per_partition_limit.is_some()
    {
        return Err(Error::invalid(
            "PER PARTITION LIMIT is not allowed with aggregate queries.",
        ));
    }
    Ok(())
}

/// The columns that are restricted to one value each.
pub(super) fn equal_columns(restrictions: &Restrictions) -> Vec<ColumnId> {
    use crate::cql::bind::relation::Demand;
    restrictions
        .partition
        .iter()
        .chain(&restrictions.clustering)
        .filter(|restriction| matches!(restriction.demand, Demand::Eq(_)))
        .flat_map(|restriction| restriction.columns.iter().map(|column| column.id))
        .collect()
}

fn has_in(partition: &PartitionPlan) -> bool {
    match partition {
        PartitionPlan::Keys(choices) => choices.iter().any(Choice::is_in),
        PartitionPlan::Tokens { .. } | PartitionPlan::All => false,
    }
}

fn check_distinct(
    selection: &Selection<'_>,
    select: &Select,
    restrictions: &Restrictions,
    fixed: &Fixed,
) -> Result<()> {
    if !select.distinct {
        return Ok(());
    }
    if select.per_partition_limit.is_some() {
        return Err(Error::invalid(
            "PER PARTITION LIMIT is not allowed with SELECT DISTINCT queries",
        ));
    }
    if restrictions.has_clustering() || restrictions.has_regular() {
        return Err(Error::invalid(
            "SELECT DISTINCT with WHERE clause only supports restriction by partition key and/or \
             static columns.",
        ));
    }
    for column in &selection.used {
        if !matches!(column.kind, ColumnKind::PartitionKey | ColumnKind::Static) {
            return Err(not_distinct(&column.name));
        }
    }
    // What rows of several partitions are merged by is read with them.
    for by in select.order_by.iter().filter(|_| fixed.keys_in) {
        let kind = column(selection.table, &by.column)?.kind;
        if !matches!(kind, ColumnKind::PartitionKey | ColumnKind::Static) {
            return Err(not_distinct(&by.column.text));
        }
    }
    check_keys(selection, fixed.ranged)
}

/// DISTINCT over a range of partitions wants their whole keys; where the partitions are named, each
/// comes once anyway.
fn check_keys(selection: &Selection<'_>, ranged: bool) -> Result<()> {
    for key in selection.table.partition_key.iter().filter(|_| ranged) {
        if !selection.used.iter().any(|column| column.id == key.id) {
            return Err(Error::invalid(format!(
                "SELECT DISTINCT queries must request all the partition key columns (missing {})",
                key.name
            )));
        }
    }
    Ok(())
}

fn not_distinct(column: &str) -> Error {
    Error::invalid(format!(
        "SELECT DISTINCT queries must only request partition key columns and/or static columns \
         (not {column})"
    ))
}
