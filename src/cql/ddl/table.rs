//! CREATE TABLE.
//!
//! [`define_table`] makes a table from a statement without looking at what there is already; the
//! system's own tables are declared through it too.

use crate::cql::ast::{CreateTable, Name, PrimaryKey};
use crate::cql::ddl::resolve::resolve_type;
use crate::cql::ddl::{
    Context, Decision, Part, at_name, check_changeable, check_name, event, keyspace_named,
    option_values,
};
use crate::cql::result::{SchemaAction, SchemaTarget};
use crate::error::{Error, Result};
use crate::limits::COLUMNS_MAX;
use crate::schema::{
    Catalog, Column, ColumnId, ColumnKind, Keyspace, OptionValue, SchemaChange, Table, TableId,
    TableOptions,
};
use crate::types::Type;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

impl Context<'_> {
    pub(super) fn create_table(&self, catalog: &Catalog, create: &CreateTable) -> Result<Decision> {
        let keyspace_name = self.keyspace_of(&create.name)?;
        let name = &create.name.name.text;
        // What the text alone tells is wrong whatever there is.
        primary_key(create)?;
        check_once(create)?;
        check_changeable(keyspace_name, "CREATE", Part::Tables)?;
        let keyspace = keyspace_named(catalog, keyspace_name)?;
        if keyspace.tables.contains_key(name) {
            if create.if_not_exists {
                return Ok(None);
            }
            return Err(at_name(
                Error::already_exists(
                    format!(
                        "Cannot add already existing table \"{name}\" to keyspace \
                         \"{keyspace_name}\""
                    ),
                    keyspace_name,
                    name,
                ),
                &create.name,
            ));
        }
        let uuid = time_uuid(self.engine.next_timestamp(), catalog.next_table_id);
        let table = define_table(create, keyspace, TableId(catalog.next_table_id), uuid)?;
        if let Some(other) = catalog
            .tables
            .values()
            .find(|other| other.uuid == table.uuid)
        {
            return Err(Error::invalid(format!(
                "ID {} is already in use by table {}",
                table.uuid,
                other.full_name()
            )));
        }
        let event = event(
            SchemaAction::Created,
            SchemaTarget::Table,
            keyspace_name,
            name,
        );
        Ok(Some((vec![SchemaChange::PutTable(Box::new(table))], event)))
    }
}

/// A version 1 uuid of a time in microseconds; `node` tells apart those of the same time.
pub(super) fn time_uuid(micros: i64, node: u64) -> Uuid {
    /// From 1582-10-15 to 1970-01-01, in units of 100 ns.
    const GREGORIAN_TICKS: u64 = 0x01b2_1dd2_1381_4000;
    let ticks = GREGORIAN_TICKS.wrapping_add(u64::try_from(micros).unwrap_or(0).wrapping_mul(10));
    let [.., a, b, c, d, e] = node.to_be_bytes();
    uuid::Builder::from_gregorian_timestamp(ticks, 0, &[1, a, b, c, d, e]).into_uuid()
}

/// The table that `create` declares in `keyspace`.
pub fn define_table(
    create: &CreateTable,
    keyspace: &Keyspace,
    id: TableId,
    uuid: Uuid,
) -> Result<Table> {
    let name = &create.name.name.text;
    check_name("Table", &format!("{}.{name}: ", keyspace.name), name)?;
    let (options, given_uuid) = options(create)?;
    let declared = declared_columns(create, keyspace)?;
    let key = primary_key(create)?;
    let statics: BTreeSet<&str> = create
        .columns
        .iter()
        .filter(|column| column.is_static)
        .map(|column| column.name.text.as_str())
        .collect();
    let key_names: Vec<&Name> = key.partition.iter().chain(&key.clustering).collect();
    check_key(&key_names, &declared, &statics, name)?;
    check_clustering_order(create, &key.clustering)?;
    if create.compact_storage {
        return Err(Error::invalid("COMPACT STORAGE tables are not supported."));
    }
    if key.clustering.is_empty() && !statics.is_empty() {
        return Err(Error::invalid(
            "Static columns are only useful (and thus allowed) if the table has at least one \
             clustering column",
        ));
    }
    check_counters(&declared, &key_names, &options)?;

    let mut table = Table {
        id,
        uuid: given_uuid.unwrap_or(uuid),
        keyspace: keyspace.name.clone(),
        name: name.clone(),
        partition_key: Vec::new(),
        clustering: Vec::new(),
        statics: Vec::new(),
        regulars: Vec::new(),
        dropped: BTreeMap::new(),
        next_column_id: 0,
        options,
        version: 0,
        indexes: Vec::new(),
    };
    add_columns(&mut table, create, key, &declared, &statics);
    Ok(table)
}

/// Refuses columns that are declared or ordered twice.
fn check_once(create: &CreateTable) -> Result<()> {
    let mut seen = BTreeSet::new();
    for Name { text, position } in create.columns.iter().map(|column| &column.name) {
        if !seen.insert(text) {
            return Err(Error::invalid(format!(
                "Duplicate column '{text}' declaration for table '{}'",
                create.name
            ))
            .at(position.line, position.column));
        }
    }
    let mut seen = BTreeSet::new();
    for (name, _) in &create.clustering_order {
        if !seen.insert(&name.text) {
            return Err(Error::invalid(format!(
                "Duplicate column '{name}' in CLUSTERING ORDER BY clause for table '{}'",
                create.name
            )));
        }
    }
    Ok(())
}

/// How columns beside the key are ordered by their names: by the bytes, the first eight as a
/// signed number. (So a letter beyond ASCII at the start comes first, as in Cassandra.)
pub(super) fn by_name(a: &str, b: &str) -> Ordering {
    let prefix = |name: &str| {
        let mut bytes = [0; 8];
        bytes
            .iter_mut()
            .zip(name.bytes())
            .for_each(|(to, from)| *to = from);
        i64::from_be_bytes(bytes)
    };
    prefix(a).cmp(&prefix(b)).then_with(|| a.cmp(b))
}

/// The one primary key.
fn primary_key(create: &CreateTable) -> Result<&PrimaryKey> {
    match create.primary_keys.as_slice() {
        [key] => Ok(key),
        [] => Err(Error::invalid(format!(
            "No PRIMARY KEY specifed for table '{}' (exactly one required)",
            create.name
        ))),
        [_, second, ..] => Err(Error::invalid(format!(
            "Multiple PRIMARY KEY specified for table '{}' (exactly one required)",
            create.name
        ))
        .at(second.position.line, second.position.column)),
    }
}

/// Adds the columns to `table`: keys in their order, then the others by name.
fn add_columns(
    table: &mut Table,
    create: &CreateTable,
    key: &PrimaryKey,
    declared: &BTreeMap<String, Type>,
    statics: &BTreeSet<&str>,
) {
    let is_descending = |name: &str| {
        let mut order = create.clustering_order.iter();
        order.any(|(ordered, descending)| *descending && ordered.text == name)
    };
    let partition = key
        .partition
        .iter()
        .map(|name| (name, ColumnKind::PartitionKey));
    let clustering = key
        .clustering
        .iter()
        .map(|name| (name, ColumnKind::Clustering));
    let keys = partition
        .chain(clustering)
        .map(|(name, kind)| (&name.text, kind));
    let is_key = |name: &String| {
        let mut keys = key.partition.iter().chain(&key.clustering);
        keys.any(|key| key.text == *name)
    };
    let mut others: Vec<&String> = declared.keys().filter(|name| !is_key(name)).collect();
    others.sort_by(|a, b| by_name(a, b));
    let others = others.into_iter().map(|name| {
        let kind = match statics.contains(name.as_str()) {
            true => ColumnKind::Static,
            false => ColumnKind::Regular,
        };
        (name, kind)
    });
    for (name, kind) in keys.chain(others) {
        let Some(ty) = declared.get(name) else {
            continue;
        };
        let columns = match kind {
            ColumnKind::PartitionKey => &mut table.partition_key,
            ColumnKind::Clustering => &mut table.clustering,
            ColumnKind::Static => &mut table.statics,
            ColumnKind::Regular => &mut table.regulars,
        };
        let in_key = matches!(kind, ColumnKind::PartitionKey | ColumnKind::Clustering);
        columns.push(Column {
            id: ColumnId(table.next_column_id),
            name: name.clone(),
            ty: ty.clone(),
            kind,
            position: if in_key { columns.len() } else { 0 },
            descending: kind == ColumnKind::Clustering && is_descending(name),
        });
        table.next_column_id += 1;
    }
}

/// WITH, and the table's id where it is given.
fn options(create: &CreateTable) -> Result<(TableOptions, Option<Uuid>)> {
    let mut values = option_values(&create.properties);
    let mut uuid = None;
    if let Some(at) = values.iter().position(|(name, _)| *name == "id") {
        let parsed = match values.remove(at).1 {
            OptionValue::Text(text) => Uuid::parse_str(&text).ok(),
            OptionValue::Map(_) => {
                return Err(Error::syntax(
                    "Invalid value for property 'id'. It should be a string",
                ));
            }
        };
        uuid = Some(parsed.ok_or_else(|| Error::config("Invalid table id"))?);
    }
    Ok((TableOptions::new(&values)?, uuid))
}

/// The columns by name, with their types.
fn declared_columns(create: &CreateTable, keyspace: &Keyspace) -> Result<BTreeMap<String, Type>> {
    if create.columns.len() > COLUMNS_MAX {
        return Err(Error::invalid(format!(
            "table '{}' has {} columns; the limit is {COLUMNS_MAX}",
            create.name,
            create.columns.len()
        )));
    }
    let mut declared = BTreeMap::new();
    for column in &create.columns {
        let place = |error: Error| error.at(column.name.position.line, column.name.position.column);
        check_mask(column.mask.is_some())?;
        let ty = resolve_type(&column.ty, keyspace)?;
        check_nested_udt(&ty, None).map_err(place)?;
        declared.insert(column.name.text.clone(), ty);
    }
    Ok(declared)
}

pub(super) fn check_mask(masked: bool) -> Result<()> {
    if masked {
        return Err(Error::invalid(
            "Cannot mask columns because dynamic data masking is not enabled. You can enable it \
             with the dynamic_data_masking_enabled property on cassandra.yaml",
        ));
    }
    Ok(())
}

/// A user type that is stored in cells must have only fields that are one value each.
pub(super) fn check_nested_udt(ty: &Type, column: Option<&str>) -> Result<()> {
    let Type::Udt { udt, frozen: false } = ty else {
        return Ok(());
    };
    if udt.fields.iter().any(|(_, field)| field.is_multi_cell()) {
        let of = column.map_or(String::new(), |column| format!(" for column {column}"));
        return Err(Error::invalid(format!(
            "Non-frozen UDTs with nested non-frozen collections are not supported{of}"
        )));
    }
    Ok(())
}

fn check_key(
    key: &[&Name],
    declared: &BTreeMap<String, Type>,
    statics: &BTreeSet<&str>,
    table: &str,
) -> Result<()> {
    let mut seen = BTreeSet::new();
    for name in key {
        let complaint = match declared.get(&name.text) {
            None => Some(format!(
                "Unknown column '{name}' referenced in PRIMARY KEY for table '{table}'"
            )),
            Some(_) if !seen.insert(&name.text) => Some(format!(
                "Duplicate column '{name}' in PRIMARY KEY clause for table '{table}'"
            )),
            Some(ty) if ty.is_multi_cell() => {
                let kind = match ty {
                    Type::Udt { udt, .. } => {
                        format!("user-defined type \"{}.{}\"", udt.keyspace, udt.name)
                    }
                    _ => format!("collection type {ty}"),
                };
                Some(format!(
                    "Invalid non-frozen {kind} for PRIMARY KEY column '{name}'"
                ))
            }
            Some(Type::Counter) => Some(format!(
                "counter type is not supported for PRIMARY KEY column '{name}'"
            )),
            Some(ty) if ty.references_duration() => Some(format!(
                "duration type is not supported for PRIMARY KEY column '{name}'"
            )),
            Some(_) if statics.contains(name.text.as_str()) => Some(format!(
                "Static column '{name}' cannot be part of the PRIMARY KEY"
            )),
            Some(_) => None,
        };
        if let Some(complaint) = complaint {
            let position = name.position;
            return Err(Error::invalid(complaint).at(position.line, position.column));
        }
    }
    Ok(())
}

fn check_clustering_order(create: &CreateTable, clustering: &[Name]) -> Result<()> {
    let order = &create.clustering_order;
    let seen: BTreeSet<&String> = order.iter().map(|(name, _)| &name.text).collect();
    let others: Vec<&str> = order
        .iter()
        .filter(|(name, _)| clustering.iter().all(|known| known.text != name.text))
        .map(|(name, _)| name.text.as_str())
        .collect();
    if !others.is_empty() {
        return Err(Error::invalid(format!(
            "Only clustering key columns can be defined in CLUSTERING ORDER directive: [{}] are \
             not clustering columns",
            others.join(", ")
        )));
    }
    for ((name, _), expected) in order.iter().zip(clustering) {
        if name.text == expected.text {
            continue;
        }
        let complaint = if seen.contains(&expected.text) {
            format!(
                "The order of columns in the CLUSTERING ORDER directive must match that of the \
                 clustering columns ({expected} must appear before {name})"
            )
        } else {
            format!("Missing CLUSTERING ORDER for column {expected}")
        };
        return Err(Error::invalid(complaint).at(name.position.line, name.position.column));
    }
    Ok(())
}

fn check_counters(
    declared: &BTreeMap<String, Type>,
    key: &[&Name],
    options: &TableOptions,
) -> Result<()> {
    let values: Vec<&Type> = declared
        .iter()
        .filter(|(name, _)| !key.iter().any(|key| key.text == **name))
        .map(|(_, ty)| ty)
        .collect();
    if !values.iter().any(|ty| **ty == Type::Counter) {
        return Ok(());
    }
    if values.iter().any(|ty| **ty != Type::Counter) {
        return Err(Error::invalid(
            "Cannot mix counter and non counter columns in the same table",
        ));
    }
    if options.default_time_to_live_seconds > 0 {
        return Err(Error::invalid(
            "Cannot set default_time_to_live on a table with counters",
        ));
    }
    Ok(())
}
