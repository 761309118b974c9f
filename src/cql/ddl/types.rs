//! CREATE, ALTER and DROP TYPE.
//!
//! A column carries the definition of its user type with it, so a changed definition is put into
//! every table and every other type that uses it, in the same change of the schema.

use crate::cql::ast::{AlterType, AlterTypeAction, CreateType, Name, TypeExpr, TypeExprKind};
use crate::cql::ddl::resolve::{check_depth, resolve_type};
use crate::cql::ddl::{Context, Decision, Part, at_name, check_changeable, event, keyspace_named};
use crate::cql::result::{SchemaAction, SchemaEvent, SchemaTarget};
use crate::error::{Error, Result};
use crate::schema::{Catalog, Keyspace, SchemaChange, Table};
use crate::types::name::quote_identifier;
use crate::types::{Type, Udt};
use std::sync::Arc;

fn type_event(action: SchemaAction, keyspace: &str, name: &str) -> SchemaEvent {
    event(action, SchemaTarget::Type, keyspace, name)
}

impl Context<'_> {
    pub(super) fn create_type(&self, catalog: &Catalog, create: &CreateType) -> Result<Decision> {
        let keyspace_name = self.keyspace_of(&create.name)?;
        let name = &create.name.name.text;
        check_changeable(keyspace_name, "CREATE", Part::Tables)?;
        let keyspace = keyspace_named(catalog, keyspace_name)?;
        if keyspace.types.contains_key(name) {
            if create.if_not_exists {
                return Ok(None);
            }
            return Err(at_name(
                Error::invalid(format!("A user type with name '{name}' already exists")),
                &create.name,
            ));
        }
        let place = |error: Error, field: &Name| {
            let position = field.position;
            error.at(position.line, position.column)
        };
        for (at, (field, _)) in create.fields.iter().enumerate() {
            let mut earlier = create.fields.iter().take(at);
            if earlier.any(|(known, _)| known.text == field.text) {
                let message = format!("Duplicate field name '{field}' in type '{name}'");
                return Err(place(Error::invalid(message), field));
            }
        }
        let mut fields: Vec<(String, Type)> = Vec::new();
        for (field, ty) in &create.fields {
            check_field(ty).map_err(|error| place(error, field))?;
            fields.push((field.text.clone(), resolve_type(ty, keyspace)?));
        }
        let udt = Udt {
            keyspace: keyspace_name.to_owned(),
            name: name.clone(),
            fields,
        };
        Ok(Some((
            vec![SchemaChange::PutType(udt)],
            type_event(SchemaAction::Created, keyspace_name, name),
        )))
    }

    pub(super) fn alter_type(&self, catalog: &Catalog, alter: &AlterType) -> Result<Decision> {
        let keyspace_name = self.keyspace_of(&alter.name)?;
        let name = &alter.name.name.text;
        check_changeable(keyspace_name, "ALTER", Part::Tables)?;
        let keyspace = catalog.keyspaces.get(keyspace_name);
        let found = keyspace.and_then(|keyspace| Some((keyspace, keyspace.types.get(name)?)));
        let Some((keyspace, before)) = found else {
            if alter.if_exists {
                return Ok(None);
            }
            return Err(at_name(
                Error::invalid(format!("Type {keyspace_name}.{name} doesn't exist")),
                &alter.name,
            ));
        };
        let mut udt = Udt::clone(before);
        match &alter.action {
            AlterTypeAction::Add {
                if_not_exists,
                field,
                ty,
            } => {
                add_field(&mut udt, keyspace, field, ty, *if_not_exists)?;
                if udt != **before {
                    check_not_in_key(keyspace, before, field, ty)?;
                }
            }
            AlterTypeAction::Rename { if_exists, renames } => {
                rename_fields(&mut udt, renames, *if_exists)?;
            }
            AlterTypeAction::Type { .. } => {
                return Err(Error::invalid(
                    "Altering field types is no longer supported",
                ));
            }
        }
        if udt == **before {
            return Ok(None);
        }
        let changes = with_new_definition(keyspace, udt)?;
        Ok(Some((
            changes,
            type_event(SchemaAction::Updated, keyspace_name, name),
        )))
    }
}

fn check_field(ty: &TypeExpr) -> Result<()> {
    match &ty.kind {
        TypeExprKind::Native(Type::Counter) => {
            Err(Error::invalid("A user type cannot contain counters"))
        }
        TypeExprKind::User(_) => Err(Error::invalid("A user type cannot contain non-frozen UDTs")),
        _ => Ok(()),
    }
}

fn add_field(
    udt: &mut Udt,
    keyspace: &Keyspace,
    field: &Name,
    written: &TypeExpr,
    if_not_exists: bool,
) -> Result<()> {
    let full_name = format!("{}.{}", udt.keyspace, udt.name);
    let place = |error: Error| error.at(field.position.line, field.position.column);
    if udt.fields.iter().any(|(known, _)| *known == field.text) {
        if if_not_exists {
            return Ok(());
        }
        return Err(place(Error::invalid(format!(
            "Cannot add field {field} to type {full_name}: a field with name {field} already exists"
        ))));
    }
    check_field(written).map_err(place)?;
    let ty = resolve_type(written, keyspace)?;
    if mentions(&ty, &udt.name) {
        return Err(place(Error::invalid(format!(
            "Cannot add new field {field} of type {} to user type {full_name} as it would create \
             a circular reference",
            written.in_keyspace(&udt.keyspace)
        ))));
    }
    udt.fields.push((field.text.clone(), ty));
    Ok(())
}

/// Gives fields their new names, all at once: two may change theirs with each other.
fn rename_fields(udt: &mut Udt, renames: &[(Name, Name)], if_exists: bool) -> Result<()> {
    let full_name = format!("{}.{}", udt.keyspace, udt.name);
    let before: Vec<String> = udt.fields.iter().map(|(name, _)| name.clone()).collect();
    for (from, to) in renames {
        let at = before.iter().position(|known| *known == from.text);
        match at.and_then(|at| udt.fields.get_mut(at)) {
            Some((name, _)) => name.clone_from(&to.text),
            None if if_exists => {}
            None => {
                return Err(Error::invalid(format!(
                    "Unkown field {from} in user type {full_name}"
                ))
                .at(from.position.line, from.position.column));
            }
        }
    }
    for (at, (name, _)) in udt.fields.iter().enumerate() {
        if udt.fields.iter().take(at).any(|(other, _)| other == name) {
            let place = renames.iter().find(|(_, to)| to.text == *name);
            let error = Error::invalid(format!(
                "Duplicate field name {} in type {}",
                quote_identifier(name),
                udt.keyspace
            ));
            return Err(match place {
                Some((from, _)) => error.at(from.position.line, from.position.column),
                None => error,
            });
        }
    }
    Ok(())
}

/// Drops the type called `name`, if nothing uses it.
pub(super) fn drop_type(
    keyspace: &Keyspace,
    name: &str,
) -> Result<(Vec<SchemaChange>, SchemaEvent)> {
    let types: Vec<&str> = keyspace
        .types
        .values()
        .filter(|udt| udt.name != name && udt.fields.iter().any(|(_, ty)| mentions(ty, name)))
        .map(|udt| udt.name.as_str())
        .collect();
    let tables: Vec<&str> = keyspace
        .tables
        .values()
        .filter(|table| table.columns().any(|column| mentions(&column.ty, name)))
        .map(|table| table.name.as_str())
        .collect();
    for (kind, users) in [("user types", types), ("tables", tables)] {
        if !users.is_empty() {
            return Err(Error::invalid(format!(
                "Cannot drop user type '{}.{name}' as it is still used by {kind} {}",
                keyspace.name,
                users.join(", ")
            )));
        }
    }
    let change = SchemaChange::DropType {
        keyspace: keyspace.name.clone(),
        name: name.to_owned(),
    };
    Ok((
        vec![change],
        type_event(SchemaAction::Dropped, &keyspace.name, name),
    ))
}

/// Whether `ty` is or contains the user type called `name`.
fn mentions(ty: &Type, name: &str) -> bool {
    match ty {
        Type::List { element, .. } | Type::Set { element, .. } | Type::Vector { element, .. } => {
            mentions(element, name)
        }
        Type::Map { key, value, .. } => mentions(key, name) || mentions(value, name),
        Type::Tuple(types) => types.iter().any(|ty| mentions(ty, name)),
        Type::Udt { udt, .. } => {
            udt.name == name || udt.fields.iter().any(|(_, ty)| mentions(ty, name))
        }
        _ => false,
    }
}

/// `ty` with the new definition of a user type wherever it is mentioned.
fn replaced(ty: &Type, new: &Arc<Udt>) -> Type {
    match ty {
        Type::Udt { udt, frozen } => Type::Udt {
            udt: match udt.name == new.name {
                true => Arc::clone(new),
                false => Arc::new(replaced_fields(udt, new)),
            },
            frozen: *frozen,
        },
        other => other.with_parts(&|ty| replaced(ty, new)),
    }
}

fn replaced_fields(udt: &Udt, new: &Arc<Udt>) -> Udt {
    Udt {
        keyspace: udt.keyspace.clone(),
        name: udt.name.clone(),
        fields: udt
            .fields
            .iter()
            .map(|(field, ty)| (field.clone(), replaced(ty, new)))
            .collect(),
    }
}

/// Refuses a field more in a type that partition keys are made of: they are found by their bytes,
/// which would be others. (In clustering keys a field that is not there is the same as null.)
fn check_not_in_key(keyspace: &Keyspace, udt: &Udt, field: &Name, ty: &TypeExpr) -> Result<()> {
    let name = &udt.name;
    let in_key = |table: &&Arc<Table>| {
        let mut columns = table.partition_key.iter();
        columns.any(|column| mentions(&column.ty, name))
    };
    let tables = keyspace.tables.values().filter(in_key);
    let found: Vec<String> = tables.map(|table| table.full_name()).collect();
    if found.is_empty() {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "Cannot add new field {field} of type {ty} to user type {}.{name} as the type is being \
         used in partition key by the following tables: {}",
        udt.keyspace,
        found.join(", ")
    )))
}

/// The changes that put `udt`'s new definition everywhere.
fn with_new_definition(keyspace: &Keyspace, udt: Udt) -> Result<Vec<SchemaChange>> {
    let name = udt.name.clone();
    let new = Arc::new(udt);
    let mut changes = vec![SchemaChange::PutType(Udt::clone(&new))];
    for other in keyspace.types.values() {
        if other.name != name && other.fields.iter().any(|(_, ty)| mentions(ty, &name)) {
            let other = replaced_fields(other, &new);
            for (_, ty) in &other.fields {
                check_depth(ty)?;
            }
            changes.push(SchemaChange::PutType(other));
        }
    }
    for table in keyspace.tables.values() {
        let dropped = table
            .dropped
            .values()
            .any(|d| mentions(&d.column.ty, &name));
        if !table.columns().any(|c| mentions(&c.ty, &name)) && !dropped {
            continue;
        }
        let mut table = Table::clone(table);
        let dropped = table
            .dropped
            .values_mut()
            .map(|dropped| &mut dropped.column);
        for column in table
            .partition_key
            .iter_mut()
            .chain(&mut table.clustering)
            .chain(&mut table.statics)
            .chain(&mut table.regulars)
            .chain(dropped)
        {
            column.ty = replaced(&column.ty, &new);
            check_depth(&column.ty)?;
        }
        table.version += 1;
        changes.push(SchemaChange::PutTable(Box::new(table)));
    }
    Ok(changes)
}
