//! CREATE, ALTER and DROP KEYSPACE.

use crate::cql::ast::{AlterKeyspace, CreateKeyspace, Drop, Property};
use crate::cql::ddl::{
    Context, Decision, Part, SHARED_KEYSPACES, SYSTEM_KEYSPACES, check_changeable, check_name,
    event, option_values,
};
use crate::cql::result::{SchemaAction, SchemaEvent, SchemaTarget};
use crate::error::{Error, Result};
use crate::schema::{Catalog, OptionValue, SchemaChange, replication, replication_warnings};
use std::collections::BTreeMap;

/// What WITH says of a keyspace.
#[derive(Default)]
struct Settings {
    replication: Option<BTreeMap<String, String>>,
    durable_writes: Option<bool>,
}

fn settings(properties: &[Property]) -> Result<Settings> {
    let mut settings = Settings::default();
    for (name, value) in option_values(properties) {
        let again = match name {
            "replication" => settings.replication.is_some(),
            "durable_writes" => settings.durable_writes.is_some(),
            _ => return Err(Error::syntax(format!("Unknown property '{name}'"))),
        };
        if again {
            return Err(Error::syntax(format!(
                "Multiple definitions for property '{name}'"
            )));
        }
        match value {
            OptionValue::Map(map) if name == "replication" => settings.replication = Some(map),
            OptionValue::Text(_) if name == "replication" => {
                return Err(Error::syntax(
                    "Invalid value for property 'replication'. It should be a map.",
                ));
            }
            value => settings.durable_writes = Some(value.boolean(name)?),
        }
    }
    Ok(settings)
}

fn keyspace_event(action: SchemaAction, name: &str) -> SchemaEvent {
    event(action, SchemaTarget::Keyspace, name, "")
}

impl Context<'_> {
    pub(super) fn create_keyspace(
        &self,
        catalog: &Catalog,
        create: &CreateKeyspace,
    ) -> Result<Decision> {
        let name = &create.name.text;
        if SYSTEM_KEYSPACES.contains(&name.as_str()) {
            return Err(match name.as_str() {
                // These are ordinary keyspaces to Cassandra.
                shared if SHARED_KEYSPACES.contains(&shared) && create.if_not_exists => {
                    return Ok(None);
                }
                shared if SHARED_KEYSPACES.contains(&shared) => already_there(name),
                _ => Error::invalid(format!("System keyspace '{name}' is not user-modifiable")),
            });
        }
        check_name("Keyspace", "", name)?;
        let settings = settings(&create.properties)?;
        let replication = match &settings.replication {
            Some(given) => Some(replication(name, given, None)?),
            None => None,
        };
        if catalog.keyspaces.contains_key(name) {
            if create.if_not_exists {
                return Ok(None);
            }
            return Err(already_there(name));
        }
        let Some(replication) = replication else {
            return Err(Error::invalid("Missing mandatory option 'replication'"));
        };
        self.warn(replication_warnings(name, None, &replication));
        let change = SchemaChange::PutKeyspace {
            name: name.clone(),
            replication,
            durable_writes: settings.durable_writes.unwrap_or(true),
        };
        Ok(Some((
            vec![change],
            keyspace_event(SchemaAction::Created, name),
        )))
    }

    pub(super) fn alter_keyspace(
        &self,
        catalog: &Catalog,
        alter: &AlterKeyspace,
    ) -> Result<Decision> {
        let name = &alter.name.text;
        check_changeable(name, "ALTER", Part::Keyspace)?;
        let settings = settings(&alter.properties)?;
        let Some(keyspace) = catalog.keyspaces.get(name) else {
            if alter.if_exists {
                return Ok(None);
            }
            return Err(Error::invalid(format!("Keyspace '{name}' doesn't exist")));
        };
        let before = &keyspace.replication;
        let after = match settings.replication {
            Some(given) if !given.is_empty() => replication(name, &given, Some(before))?,
            _ => before.clone(),
        };
        self.warn(replication_warnings(name, Some(before), &after));
        let durable_writes = settings.durable_writes.unwrap_or(keyspace.durable_writes);
        if after == *before && durable_writes == keyspace.durable_writes {
            return Ok(None);
        }
        let change = SchemaChange::PutKeyspace {
            name: name.clone(),
            replication: after,
            durable_writes,
        };
        Ok(Some((
            vec![change],
            keyspace_event(SchemaAction::Updated, name),
        )))
    }

    pub(super) fn drop_keyspace(&self, catalog: &Catalog, drop: &Drop) -> Result<Decision> {
        let name = &drop.name.name.text;
        check_changeable(name, "DROP", Part::Keyspace)?;
        if !catalog.keyspaces.contains_key(name) {
            if drop.if_exists {
                return Ok(None);
            }
            return Err(Error::invalid(format!("Keyspace '{name}' doesn't exist")));
        }
        let change = SchemaChange::DropKeyspace { name: name.clone() };
        Ok(Some((
            vec![change],
            keyspace_event(SchemaAction::Dropped, name),
        )))
    }
}

fn already_there(name: &str) -> Error {
    Error::already_exists(format!("Cannot add existing keyspace \"{name}\""), name, "")
}
