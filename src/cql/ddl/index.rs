//! CREATE INDEX and DROP INDEX.
//!
//! An index is kept in a hidden table of entries, which takes the next table's number. It is made
//! unbuilt, together with that table; from then on writes keep it up, and the rows that were there
//! before get their entries right after the schema has changed.
//!
//! | target | column |
//! |---|---|
//! | `v` | any that is one value; of a collection it means `VALUES(v)` |
//! | `VALUES(v)` | list, set, map |
//! | `KEYS(v)`, `ENTRIES(v)` | map |
//! | `FULL(v)` | frozen list, set, map |

use crate::cql::ast::{CreateIndex, Drop, IndexTarget, IndexTargetKind, PropertyValue};
use crate::cql::ddl::absent::check_not_system;
use crate::cql::ddl::table::time_uuid;
use crate::cql::ddl::{Context, Decision, Part, at_name, check_changeable, event};
use crate::cql::result::{SchemaAction, SchemaTarget};
use crate::error::{Error, Result};
use crate::schema::{
    Catalog, Column, ColumnKind, Index, IndexPart, Keyspace, SchemaChange, Table, TableId,
};
use crate::types::Type;
use crate::types::name::quote_identifier;
use std::collections::BTreeMap;

/// The class of Cassandra's own secondary indexes, as `USING` names it.
const LEGACY_CLASS: &str = "legacy_local_table";

impl Context<'_> {
    pub(super) fn create_index(&self, catalog: &Catalog, create: &CreateIndex) -> Result<Decision> {
        let keyspace_name = self.keyspace_of(&create.table)?;
        let table_name = &create.table.name.text;
        check_changeable(keyspace_name, "ALTER", Part::Table(table_name))?;
        let class = class(create);
        check_properties(create, class)?;
        let keyspace = catalog.keyspaces.get(keyspace_name).ok_or_else(|| {
            let error = Error::invalid(format!("Keyspace '{keyspace_name}' doesn't exist"));
            at_name(error, &create.table)
        })?;
        let table = keyspace.tables.get(table_name).ok_or_else(|| {
            let error = Error::invalid(format!("Table '{table_name}' doesn't exist"));
            at_name(error, &create.table)
        })?;
        let given = create.name.as_ref().map(|name| &name.name.text);
        if let Some(name) = given
            && keyspace.index(name).is_some()
        {
            return exists(create, format!("Index '{name}' already exists"));
        }
        let (column, part) = target(table, create, class)?;
        let name = match given {
            Some(name) => name.clone(),
            None => free_name(keyspace, table, &column.name),
        };
        if class.is_none()
            && let Some(same) = table
                .indexes
                .iter()
                .find(|index| index.column == column.id && index.part == part)
        {
            let message = format!(
                "Index {name} is a duplicate of existing index {}",
                same.name
            );
            return exists(create, message);
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !name.bytes().all(plain) {
            return Err(Error::config(format!("Illegal index name {name}")));
        }
        if let Some(class) = class {
            return Err(refused_class(class));
        }
        let index = Index {
            name,
            column: column.id,
            part,
            options: BTreeMap::new(),
            custom: None,
            entries: TableId(catalog.next_table_id),
            built: false,
        };
        let uuid = time_uuid(self.engine.next_timestamp(), catalog.next_table_id);
        let entries = Box::new(index.entries_table(table, uuid));
        let change = SchemaChange::PutIndex {
            keyspace: keyspace_name.to_owned(),
            table: table_name.clone(),
            index,
            entries,
        };
        let event = event(
            SchemaAction::Updated,
            SchemaTarget::Table,
            keyspace_name,
            table_name,
        );
        Ok(Some((vec![change], event)))
    }

    pub(super) fn drop_index(&self, catalog: &Catalog, drop: &Drop) -> Result<Decision> {
        let keyspace_name = self.keyspace_of(&drop.name)?;
        check_not_system(keyspace_name)?;
        let name = &drop.name.name.text;
        let keyspace = catalog.keyspaces.get(keyspace_name);
        let Some((table, _)) = keyspace.and_then(|keyspace| keyspace.index(name)) else {
            if drop.if_exists {
                return Ok(None);
            }
            // The odd quote at the end is Cassandra's.
            let message = format!("Index '{keyspace_name}.{name}' doesn't exist'");
            return Err(at_name(Error::invalid(message), &drop.name));
        };
        check_changeable(keyspace_name, "ALTER", Part::Table(&table.name))?;
        let change = SchemaChange::DropIndex {
            keyspace: keyspace_name.to_owned(),
            name: name.clone(),
        };
        let event = event(
            SchemaAction::Updated,
            SchemaTarget::Table,
            keyspace_name,
            &table.name,
        );
        Ok(Some((vec![change], event)))
    }
}

/// The class of index that is wanted, where it is not that of ordinary secondary indexes.
fn class(create: &CreateIndex) -> Option<&str> {
    match create.class.as_deref() {
        // An ordinary index has no class that could be loaded.
        None if create.custom => Some(LEGACY_CLASS),
        Some(LEGACY_CLASS) if !create.custom => None,
        class => class,
    }
}

/// What is said where there is such an index already.
fn exists(create: &CreateIndex, message: String) -> Result<Decision> {
    match create.if_not_exists {
        true => Ok(None),
        false => Err(Error::invalid(message)),
    }
}

fn check_properties(create: &CreateIndex, class: Option<&str>) -> Result<()> {
    for property in &create.properties {
        let name = property.name.text.as_str();
        if name != "options" {
            return Err(Error::syntax(format!("Unknown property '{name}'")));
        }
        if class.is_none() {
            return Err(Error::invalid(
                "Cannot specify options for a non-CUSTOM index",
            ));
        }
        if !matches!(property.value, PropertyValue::Map(_)) {
            return Err(Error::syntax(format!(
                "Invalid value for property '{name}'. It should be a map."
            )));
        }
    }
    Ok(())
}

/// What is said of other kinds of index.
fn refused_class(class: &str) -> Error {
    let short = class.rsplit('.').next().unwrap_or(class);
    if short.eq_ignore_ascii_case("sai") || short.eq_ignore_ascii_case("StorageAttachedIndex") {
        return Error::invalid("Storage-attached indexes (SAI) are not supported yet")
            .with_hint("Leave out CUSTOM and USING for an ordinary secondary index.");
    }
    if short == "SASIIndex" {
        return Error::invalid("SASI indexes are disabled. Enable in cassandra.yaml to use.");
    }
    Error::config(format!("Unable to find custom indexer class '{class}'"))
}

/// The column that is indexed, and which part of it.
fn target<'t>(
    table: &'t Table,
    create: &CreateIndex,
    class: Option<&str>,
) -> Result<(&'t Column, IndexPart)> {
    if table.is_counter() {
        return Err(Error::invalid(
            "Secondary indexes on counter tables aren't supported",
        ));
    }
    let mut found = Vec::with_capacity(create.targets.len());
    for target in &create.targets {
        let name = &target.column;
        let column = table.column(&name.text).ok_or_else(|| {
            Error::invalid(format!(
                "Undefined column name {} in table {}",
                quote_identifier(&name.text),
                table.full_name()
            ))
            .at(name.position.line, name.position.column)
        })?;
        found.push((column, target));
    }
    match found.as_slice() {
        [] => Err(match class {
            Some(class) => refused_class(class),
            None => Error::invalid(
                "Only CUSTOM indexes can be created without specifying a target column",
            ),
        }),
        [(column, target)] => {
            let position = target.column.position;
            let part = part(table, column, target)
                .map_err(|error| error.at(position.line, position.column))?;
            Ok((column, part))
        }
        _ => Err(match class {
            Some(class) => refused_class(class),
            None => Error::invalid("Only CUSTOM indexes support multiple columns"),
        }),
    }
}

/// The part of `column` that `target` names, if that can be indexed.
fn part(table: &Table, column: &Column, target: &IndexTarget) -> Result<IndexPart> {
    let name = &column.name;
    let ty = &column.ty;
    let collection = matches!(ty, Type::List { .. } | Type::Set { .. } | Type::Map { .. });
    if ty.references_duration() {
        let what = match ty {
            Type::Duration => "duration columns",
            Type::Tuple(_) => "tuples containing durations",
            Type::Udt { .. } => "UDTs containing durations",
            _ => "collections containing durations",
        };
        return Err(Error::invalid(format!(
            "Secondary indexes are not supported on {what}"
        )));
    }
    if column.kind == ColumnKind::PartitionKey && table.partition_key.len() == 1 {
        return Err(Error::invalid(format!(
            "Cannot create secondary index on the only partition key column {name}"
        )));
    }
    let (word, part) = match target.kind {
        IndexTargetKind::Simple if !collection => ("values", IndexPart::Column),
        // A frozen collection in descending order: Cassandra has no word for its values.
        IndexTargetKind::Simple if column.descending => ("", IndexPart::Values),
        IndexTargetKind::Simple | IndexTargetKind::Values => ("values", IndexPart::Values),
        IndexTargetKind::Keys => ("keys", IndexPart::Keys),
        IndexTargetKind::Entries => ("entries", IndexPart::Entries),
        IndexTargetKind::Full => ("full", IndexPart::Full),
    };
    let frozen = collection && !ty.is_multi_cell();
    if frozen && part != IndexPart::Full {
        return Err(Error::invalid(format!(
            "Cannot create {word}() index on frozen column {name}. Frozen collections are \
             immutable and must be fully indexed by using the 'full({name})' modifier"
        )));
    }
    if !frozen && part == IndexPart::Full {
        return Err(Error::invalid(
            "full() indexes can only be created on frozen collections",
        ));
    }
    if !collection && part != IndexPart::Column {
        return Err(Error::invalid(format!(
            "Cannot create {word}() index on {name}. Non-collection columns only support simple \
             indexes"
        )));
    }
    if matches!(part, IndexPart::Keys | IndexPart::Entries) && !matches!(ty, Type::Map { .. }) {
        return Err(Error::invalid(format!(
            "Cannot create index on {word} of column {name} with non-map type"
        )));
    }
    if matches!(ty, Type::Udt { .. }) && ty.is_multi_cell() {
        return Err(Error::invalid(format!(
            "Cannot create index on non-frozen UDT column {name}"
        )));
    }
    Ok(part)
}

/// The name of an index that is given none: the first that the keyspace does not have.
fn free_name(keyspace: &Keyspace, table: &Table, column: &str) -> String {
    let plain = |name: &str| -> String {
        let word = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        name.chars().filter(word).collect()
    };
    let base = format!("{}_{}_idx", plain(&table.name), plain(column));
    let mut name = base.clone();
    let mut number = 0_u32;
    while keyspace.index(&name).is_some() {
        number += 1;
        name = format!("{base}_{number}");
    }
    name
}

/// The names of the indexes of a column, as refusals list them; none where it has none.
pub(super) fn dependents(table: &Table, column: &Column) -> Option<String> {
    let names: Vec<&str> = table
        .indexes
        .iter()
        .filter(|index| index.column == column.id)
        .map(|index| index.name.as_str())
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}
