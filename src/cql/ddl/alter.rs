//! ALTER TABLE.
//!
//! A column that is dropped leaves its number and the time of its drop behind: cells up to then
//! stay hidden, also when the column is added again, under the same number.

use crate::cql::ast::{AlterTable, AlterTableAction, ColumnDefinition, Literal, Name, Property};
use crate::cql::ddl::index::dependents;
use crate::cql::ddl::readd;
use crate::cql::ddl::resolve::resolve_type;
use crate::cql::ddl::table::{by_name, check_mask, check_nested_udt};
use crate::cql::ddl::{Context, Decision, Part, at_name, check_changeable, event, option_values};
use crate::cql::result::{SchemaAction, SchemaTarget};
use crate::error::{Error, Result};
use crate::limits::COLUMNS_MAX;
use crate::schema::{
    Catalog, Column, ColumnId, ColumnKind, DroppedColumn, Keyspace, SchemaChange, Table,
};
use crate::types::Type;

impl Context<'_> {
    pub(super) fn alter_table(&self, catalog: &Catalog, alter: &AlterTable) -> Result<Decision> {
        let keyspace_name = self.keyspace_of(&alter.name)?;
        let name = &alter.name.name.text;
        check_changeable(keyspace_name, "ALTER", Part::Table(name))?;
        let keyspace = catalog.keyspaces.get(keyspace_name);
        let found = keyspace.and_then(|keyspace| Some((keyspace, keyspace.tables.get(name)?)));
        let Some((keyspace, before)) = found else {
            if alter.if_exists {
                return Ok(None);
            }
            return Err(at_name(
                Error::invalid(format!("Table '{keyspace_name}.{name}' doesn't exist")),
                &alter.name,
            ));
        };
        let mut table = Table::clone(before);
        self.alter(&mut table, keyspace, &alter.action)?;
        if table == **before {
            return Ok(None);
        }
        table.version += 1;
        let event = event(
            SchemaAction::Updated,
            SchemaTarget::Table,
            keyspace_name,
            name,
        );
        Ok(Some((vec![SchemaChange::PutTable(Box::new(table))], event)))
    }

    fn alter(
        &self,
        table: &mut Table,
        keyspace: &Keyspace,
        action: &AlterTableAction,
    ) -> Result<()> {
        match action {
            AlterTableAction::Add {
                if_not_exists,
                columns,
            } => add_columns(table, keyspace, columns, *if_not_exists)?,
            AlterTableAction::Drop {
                if_exists,
                columns,
                timestamp,
            } => {
                let timestamp = match timestamp {
                    Some(Literal::Integer(text)) => text.parse().map_err(|_| {
                        Error::syntax(format!("the timestamp {text} is out of range"))
                    })?,
                    _ => self.engine.next_timestamp(),
                };
                for (at, column) in columns.iter().enumerate() {
                    // Twice in one statement is once.
                    if columns
                        .iter()
                        .take(at)
                        .any(|other| other.text == column.text)
                    {
                        continue;
                    }
                    drop_column(table, column, *if_exists, timestamp)?;
                }
            }
            // Cassandra reads IF EXISTS here and then wants the column all the same.
            AlterTableAction::Rename { renames, .. } => {
                rename_columns(table, renames)?;
            }
            AlterTableAction::Type { .. } => {
                return Err(Error::invalid(
                    "Altering column types is no longer supported",
                ));
            }
            AlterTableAction::Mask { column, mask } => {
                check_mask(mask.is_some())?;
                if table.column(&column.text).is_none() {
                    return Err(Error::invalid(format!(
                        "Column with name '{column}' doesn't exist on table '{}'",
                        table.name
                    )));
                }
            }
            AlterTableAction::DropCompactStorage => {
                return Err(Error::invalid(
                    "DROP COMPACT STORAGE is disabled. Enable in cassandra.yaml to use.",
                ));
            }
            AlterTableAction::With(properties) => alter_options(table, properties)?,
        }
        Ok(())
    }
}

fn add_columns(
    table: &mut Table,
    keyspace: &Keyspace,
    columns: &[ColumnDefinition],
    if_not_exists: bool,
) -> Result<()> {
    let counters = table.is_counter();
    for definition in columns {
        let name = &definition.name;
        let place = |error: Error| error.at(name.position.line, name.position.column);
        check_mask(definition.mask.is_some())?;
        let ty = resolve_type(&definition.ty, keyspace)?;
        if table.column(&name.text).is_some() {
            if if_not_exists {
                continue;
            }
            return Err(place(Error::invalid(format!(
                "Column with name '{name}' already exists"
            ))));
        }
        if definition.is_static && table.clustering.is_empty() {
            return Err(place(Error::invalid(
                "Static columns are only useful (and thus allowed) if the table has at least one \
                 clustering column",
            )));
        }
        check_nested_udt(&ty, Some(&name.text)).map_err(place)?;
        let id = column_number(table, definition, &ty).map_err(place)?;
        if counters != (ty == Type::Counter) {
            let (kind, of) = match counters {
                true => ("non counter", "a counter table"),
                false => ("counter", "a non counter table"),
            };
            return Err(place(Error::config(format!(
                "{}: Cannot have a {kind} column (\"{name}\") in {of}",
                table.full_name()
            ))));
        }
        let column = Column {
            id,
            name: name.text.clone(),
            ty,
            kind: match definition.is_static {
                true => ColumnKind::Static,
                false => ColumnKind::Regular,
            },
            position: 0,
            descending: false,
        };
        let columns = match definition.is_static {
            true => &mut table.statics,
            false => &mut table.regulars,
        };
        columns.push(column);
        columns.sort_by(|a, b| by_name(&a.name, &b.name));
    }
    if table.columns().count() > COLUMNS_MAX {
        return Err(Error::invalid(format!(
            "table '{}' would have more than {COLUMNS_MAX} columns, which is the limit",
            table.name
        )));
    }
    Ok(())
}

/// The number of a column to add: its old one, if it was there before.
fn column_number(table: &mut Table, definition: &ColumnDefinition, ty: &Type) -> Result<ColumnId> {
    let name = &definition.name;
    let Some(dropped) = table.dropped.get(&name.text) else {
        let id = ColumnId(table.next_column_id);
        table.next_column_id += 1;
        return Ok(id);
    };
    let before = &dropped.column;
    if !readd::reads(ty, &before.ty) {
        return Err(Error::invalid(format!(
            "Cannot re-add previously dropped column '{name}' of type {ty}, incompatible with \
             previous type {}",
            before.ty
        )));
    }
    if (before.kind == ColumnKind::Static) != definition.is_static {
        let kind = |is_static| if is_static { "STATIC" } else { "REGULAR" };
        return Err(Error::invalid(format!(
            "Cannot re-add previously dropped column '{name}' of kind {}, incompatible with \
             previous kind {}",
            kind(definition.is_static),
            kind(!definition.is_static)
        )));
    }
    if *ty == Type::Counter {
        return Err(Error::invalid(format!(
            "Cannot re-add previously dropped counter column {name}"
        )));
    }
    Ok(before.id)
}

fn drop_column(table: &mut Table, name: &Name, if_exists: bool, timestamp: i64) -> Result<()> {
    let place = |error: Error| error.at(name.position.line, name.position.column);
    let Some(column) = table.column(&name.text).cloned() else {
        if if_exists {
            return Ok(());
        }
        return Err(place(Error::invalid(format!(
            "Column {name} was not found in table '{}'",
            table.full_name()
        ))));
    };
    if matches!(
        column.kind,
        ColumnKind::PartitionKey | ColumnKind::Clustering
    ) {
        return Err(place(Error::invalid(format!(
            "Cannot drop PRIMARY KEY column {name}"
        ))));
    }
    if matches!(column.ty, Type::Udt { frozen: false, .. }) {
        return Err(place(Error::invalid(format!(
            "Cannot drop non-frozen column {name} of user type {}",
            column.ty
        ))));
    }
    if let Some(indexes) = dependents(table, &column) {
        return Err(place(Error::invalid(format!(
            "Cannot drop column {name} because it has dependent secondary indexes ({indexes})"
        ))));
    }
    table.statics.retain(|kept| kept.id != column.id);
    table.regulars.retain(|kept| kept.id != column.id);
    // What an earlier drop hides stays hidden.
    let earlier = table.dropped.get(&name.text);
    let earlier = earlier.map_or(i64::MIN, |dropped| dropped.dropped_at_micros);
    let ty = readd::without_user_types(&column.ty);
    table.dropped.insert(
        name.text.clone(),
        DroppedColumn {
            column: Column { ty, ..column },
            dropped_at_micros: timestamp.max(earlier),
        },
    );
    Ok(())
}

/// Renames columns of the key, all at once: what a column is called after the statement doesn't
/// matter to its other parts.
fn rename_columns(table: &mut Table, renames: &[(Name, Name)]) -> Result<()> {
    let mut chosen: Vec<(ColumnId, &Name)> = Vec::new();
    for (from, to) in renames {
        let place = |error: Error| error.at(from.position.line, from.position.column);
        let id = renamed_column(table, from, to).map_err(place)?;
        chosen.retain(|(other, _)| *other != id);
        chosen.push((id, to));
    }
    for (at, (_, to)) in chosen.iter().enumerate() {
        if let Some((id, _)) = chosen
            .iter()
            .take(at)
            .find(|(_, name)| name.text == to.text)
        {
            let other = table.column_by_id(*id).map_or("", |column| &column.name);
            return Err(Error::invalid(format!(
                "Cannot rename column {other} to {to} in table '{}'; another column with that \
                 name already exists",
                table.full_name()
            )));
        }
    }
    let keys = table.partition_key.iter_mut().chain(&mut table.clustering);
    for column in keys {
        if let Some((_, to)) = chosen.iter().find(|(id, _)| *id == column.id) {
            column.name.clone_from(&to.text);
        }
    }
    Ok(())
}

/// The column of the key that `from` names, if it may be called `to`.
fn renamed_column(table: &Table, from: &Name, to: &Name) -> Result<ColumnId> {
    let full_name = table.full_name();
    let Some(column) = table.column(&from.text) else {
        return Err(Error::invalid(format!(
            "Undefined column name {from} in table {full_name}"
        )));
    };
    let (id, indexes) = (column.id, dependents(table, column));
    if !matches!(
        column.kind,
        ColumnKind::PartitionKey | ColumnKind::Clustering
    ) {
        return Err(Error::invalid(format!(
            "Cannot rename non PRIMARY KEY column {from}"
        )));
    }
    if table.column(&to.text).is_some() {
        return Err(Error::invalid(format!(
            "Cannot rename column {from} to {to} in table '{full_name}'; another column with that \
             name already exists"
        )));
    }
    if let Some(indexes) = indexes {
        return Err(Error::invalid(format!(
            "Can't rename column {from} because it has dependent secondary indexes ({indexes})"
        )));
    }
    Ok(id)
}

fn alter_options(table: &mut Table, properties: &[Property]) -> Result<()> {
    let values = option_values(properties);
    if values.iter().any(|(name, _)| *name == "id") {
        return Err(Error::config("Cannot alter table id."));
    }
    let options = table.options.clone().altered(&values)?;
    if table.is_counter() && options.default_time_to_live_seconds > 0 {
        return Err(Error::invalid(
            "Cannot set default_time_to_live on a table with counters",
        ));
    }
    table.options = options;
    Ok(())
}
