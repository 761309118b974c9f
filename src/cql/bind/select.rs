//! SELECT.

use crate::cql::ast::{Expr, ExprKind, OrderKind, Select};
use crate::cql::bind::json::as_json;
use crate::cql::bind::restriction::{Kind, Restrictions, needs_filtering};
use crate::cql::bind::selector::{Selection, column_name};
use crate::cql::bind::{Binder, column, placed};
use crate::cql::plan::{Choice, ColumnRef, PartitionPlan, SelectPlan, Selected};
use crate::cql::result::ColumnSpec;
use crate::cql::virtual_tables;
use crate::error::{Error, Result};
use crate::schema::{ColumnId, ColumnKind, Table};
use crate::types::Type;

/// The clustering columns that `=` restricts, and whether the partition key has an IN.
struct Fixed {
    columns: Vec<ColumnId>,
    keys_in: bool,
    ranged: bool,
}

impl Binder<'_> {
    pub(super) fn select(&mut self, select: &Select) -> Result<SelectPlan> {
        let table = self.table(&select.table)?;
        let is_virtual = virtual_tables::is_virtual(&table);
        let allow_filtering = select.allow_filtering || virtual_tables::filters_freely(&table);
        // Names first, then what is restricted, then what is computed: of several errors the same
        // one is told as in Cassandra.
        for selector in &select.selectors {
            check_columns(&table, &selector.expr)?;
        }
        for by in &select.order_by {
            column(&table, &by.column)?;
        }
        let restrictions = {
            let relations = &select.relations;
            self.restrictions(&table, relations, Kind::Select, allow_filtering)?
        };
        let found = restrictions.clone().for_select(&table, allow_filtering)?;
        let mut selection = Selection::new(&table);
        let (mut columns, mut selected) = self.selected(&mut selection, select)?;
        if select.json {
            (columns, selected) = as_json(&table, &columns, selected);
        }
        check_statics(&selection, select, &restrictions)?;
        if select.distinct {
            check_distinct(&selection, select, &restrictions)?;
        }
        let group = self.group_keys(&mut selection, select, &restrictions)?;
        check_aggregates(&selection, select)?;
        let static_only_rows = !restrictions.has_clustering() && !restrictions.has_regular();
        let columns_by_eq = equal_columns(&restrictions);
        let fixed = Fixed {
            columns: columns_by_eq,
            keys_in: has_in(&found.partition),
            ranged: !matches!(found.partition, PartitionPlan::Keys(_)),
        };
        if found.uses_index && !select.order_by.is_empty() {
            return Err(Error::invalid(
                "ORDER BY with 2ndary indexes is not supported, except for ANN queries.",
            ));
        }
        let (reversed, order) = order(&table, select, &fixed)?;
        if found.filtering && !allow_filtering {
            return Err(needs_filtering());
        }
        let limit = self.attribute(&table, "[limit]", &Type::Int, select.limit.as_ref())?;
        let per_partition_limit = self.attribute(
            &table,
            "[per_partition_limit]",
            &Type::Int,
            select.per_partition_limit.as_ref(),
        )?;
        let merge_order = if fixed.keys_in { order } else { Vec::new() };
        for filter in found.partition_filters.iter().chain(&found.row_filters) {
            filter
                .columns()
                .iter()
                .for_each(|c| selection.use_column(c));
        }
        for column in &merge_order {
            selection.use_column(column);
        }
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
            static_only_rows,
            distinct: select.distinct,
            reversed,
            merge_order,
            read_columns,
            needs_clustering,
            limit,
            per_partition_limit,
            table,
        })
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
            let (bound, ty) = self.selector(selection, &selector.expr, None)?;
            let name = match &selector.alias {
                Some(alias) => alias.text.clone(),
                None => column_name(&selector.expr),
            };
            columns.push(spec(name, ty));
            selected.push(bound);
        }
        Ok((columns, selected))
    }

    /// GROUP BY: the key's columns in order, the last perhaps within a function.
    fn group_keys(
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
        let mut key = table.partition_key.iter().chain(&table.clustering);
        let mut keys = Vec::new();
        let mut last_position = 0;
        for expr in &select.group_by {
            let name = group_column(expr).ok_or_else(|| {
                Error::invalid("Group by currently only supports columns and functions of them")
            })?;
            let found = column(table, name)?;
            if !matches!(
                found.kind,
                ColumnKind::PartitionKey | ColumnKind::Clustering
            ) {
                return Err(placed(
                    Error::invalid(format!(
                        "Group by is currently only supported on the columns of the PRIMARY KEY, \
                         got {name}"
                    )),
                    name.position,
                ));
            }
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
                            name.position,
                        ));
                    }
                }
            }
            if select.distinct && found.kind == ColumnKind::Clustering {
                return Err(Error::invalid(
                    "Grouping on clustering columns is not allowed for SELECT DISTINCT queries",
                ));
            }
            last_position = match found.kind {
                ColumnKind::PartitionKey => found.position + 1,
                _ => table.partition_key.len(),
            };
            keys.push(self.selector(selection, expr, None)?.0);
        }
        let whole = table
            .partition_key
            .iter()
            .skip(last_position)
            .all(|column| equal.contains(&column.id));
        if !whole {
            return Err(Error::invalid(
                "Group by is not supported on only a part of the partition key",
            ));
        }
        Ok(Some(keys))
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

/// The column that an element of GROUP BY is about.
fn group_column(expr: &Expr) -> Option<&crate::cql::ast::Name> {
    match &expr.kind {
        ExprKind::Column(name) => Some(name),
        ExprKind::Function(call) => call.arguments.iter().find_map(group_column),
        _ => None,
    }
}

/// The columns that are restricted to one value each.
fn equal_columns(restrictions: &Restrictions) -> Vec<ColumnId> {
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
        PartitionPlan::Keys(choices) => choices
            .iter()
            .any(|choice| !matches!(choice, Choice::One(_))),
        PartitionPlan::Tokens { .. } | PartitionPlan::All => false,
    }
}

/// Every column that an expression names is there.
fn check_columns(table: &Table, expr: &Expr) -> Result<()> {
    let all = |parts: &[&Expr]| parts.iter().try_for_each(|it| check_columns(table, it));
    match &expr.kind {
        ExprKind::Column(name) => column(table, name).map(|_| ()),
        ExprKind::List(parts) | ExprKind::Set(parts) | ExprKind::Tuple(parts) => {
            parts.iter().try_for_each(|it| check_columns(table, it))
        }
        ExprKind::Map(pairs) => pairs.iter().try_for_each(|(k, v)| all(&[k, v])),
        ExprKind::Udt(fields) => fields.iter().try_for_each(|(_, it)| all(&[it])),
        ExprKind::Function(call) => {
            let arguments = &call.arguments;
            arguments.iter().try_for_each(|it| check_columns(table, it))
        }
        ExprKind::CellInfo(_, of)
        | ExprKind::Cast(of, _)
        | ExprKind::TypeHint(_, of)
        | ExprKind::Field(of, _)
        | ExprKind::Slice(of, ..)
        | ExprKind::Negate(of) => all(&[of]),
        ExprKind::Element(left, right) | ExprKind::Arithmetic(_, left, right) => {
            all(&[left, right])
        }
        ExprKind::Literal(_) | ExprKind::Marker(_) | ExprKind::CountRows => Ok(()),
    }
}

fn check_statics(
    selection: &Selection<'_>,
    select: &Select,
    restrictions: &Restrictions,
) -> Result<()> {
    let statics_only = !select.selectors.is_empty()
        && selection
            .used
            .iter()
            .any(|column| column.kind == ColumnKind::Static)
        && selection
            .used
            .iter()
            .all(|c| matches!(c.kind, ColumnKind::Static | ColumnKind::PartitionKey));
    if statics_only && restrictions.has_clustering() {
        return Err(Error::invalid(
            "Cannot restrict clustering columns when selecting only static columns",
        ));
    }
    Ok(())
}

fn check_distinct(
    selection: &Selection<'_>,
    select: &Select,
    restrictions: &Restrictions,
) -> Result<()> {
    let table: &Table = selection.table;
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
            return Err(Error::invalid(format!(
                "SELECT DISTINCT queries must only request partition key columns and/or static \
                 columns (not {})",
                column.name
            )));
        }
    }
    let keyed = restrictions.partition.len() == table.partition_key.len()
        && restrictions.partition.iter().all(|it| !it.is_slice());
    for key in table.partition_key.iter().filter(|_| !keyed) {
        if !selection.used.iter().any(|column| column.id == key.id) {
            return Err(Error::invalid(format!(
                "SELECT DISTINCT queries must request all the partition key columns (missing {})",
                key.name
            )));
        }
    }
    Ok(())
}

/// ORDER BY: whether it reverses the clustering order, and its columns with their direction.
fn order(table: &Table, select: &Select, fixed: &Fixed) -> Result<(bool, Vec<ColumnRef>)> {
    if select.order_by.is_empty() {
        return Ok((false, Vec::new()));
    }
    if fixed.ranged {
        return Err(Error::invalid(
            "ORDER BY is only supported when the partition key is restricted by an EQ or an IN.",
        ));
    }
    let mut at = 0;
    let mut reversed = None;
    let mut columns = Vec::with_capacity(select.order_by.len());
    for by in &select.order_by {
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
                    "Order by is currently only supported on the clustered columns of the PRIMARY \
                     KEY, got {}",
                    by.column
                )),
                by.column.position,
            ));
        }
        while at != found.position {
            let skippable = table
                .clustering
                .get(at)
                .is_some_and(|column| fixed.columns.contains(&column.id));
            if !skippable {
                return Err(placed(
                    Error::invalid(
                        "Order by currently only supports the ordering of columns following their \
                         declared order in the PRIMARY KEY",
                    ),
                    by.column.position,
                ));
            }
            at += 1;
        }
        at += 1;
        let against = descending != found.descending;
        if *reversed.get_or_insert(against) != against {
            return Err(placed(
                Error::invalid("Unsupported order by relation"),
                by.column.position,
            ));
        }
        let mut column = ColumnRef::from(found);
        column.descending = descending;
        columns.push(column);
    }
    Ok((reversed.unwrap_or(false), columns))
}
