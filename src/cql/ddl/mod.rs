//! Statements that change the schema.
//!
//! Each is a function from the present catalog to a list of changes, run by
//! [`Engine::change_schema`] under its lock: what is checked still holds when the changes are
//! written. A statement that turns out to change nothing (`IF NOT EXISTS` on what is there) answers
//! no event.
//!
//! | file | statements |
//! |---|---|
//! | `keyspace` | CREATE, ALTER and DROP KEYSPACE |
//! | [`table`] | CREATE and DROP TABLE |
//! | `alter` | ALTER TABLE |
//! | `index` | CREATE and DROP INDEX |
//! | `readd` | what a column may be that is added again |
//! | `types` | CREATE, ALTER and DROP TYPE |
//! | `absent` | views, functions, triggers, roles: refused, since there are none |
//! | [`resolve`] | types as written, looked up and checked |

mod absent;
mod alter;
mod index;
mod keyspace;
mod readd;
pub mod resolve;
pub mod table;
mod types;

#[cfg(test)]
mod tests;

use crate::cql::ast::{
    CreateTable, Drop, DropKind, Property, PropertyValue, QualifiedName, StatementKind,
};
use crate::cql::result::{QueryResult, SchemaAction, SchemaEvent, SchemaTarget};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{NAME_LENGTH_MAX, TABLE_NAME_LENGTH_MAX};
use crate::schema::{Catalog, Keyspace, OptionValue, SchemaChange, Table, TableId};
use crate::storage::Engine;
use std::cell::RefCell;
use std::sync::Arc;

/// What a statement decided: the changes, and what to tell of them; nothing where nothing changes.
type Decision = Option<(Vec<SchemaChange>, SchemaEvent)>;

/// The keyspaces that the system itself declares: nobody may change them.
pub const SYSTEM_KEYSPACES: [&str; 7] = [
    "system",
    "system_auth",
    "system_distributed",
    "system_schema",
    "system_traces",
    "system_views",
    "system_virtual_schema",
];

/// Those of them that nodes of a cluster share. Cassandra refuses to change their tables by what
/// is permitted, which has words of its own.
const SHARED_KEYSPACES: [&str; 3] = ["system_auth", "system_distributed", "system_traces"];

/// What a schema statement is carried out with.
struct Context<'a> {
    engine: &'a Engine,
    /// The session's keyspace.
    keyspace: Option<&'a str>,
    /// What the client should be warned of.
    warnings: RefCell<Vec<String>>,
}

/// Carries out a statement that changes the schema, and refuses those that are yet to come.
/// `keyspace` is the session's. Answers also what the client should be warned of.
pub fn execute(
    engine: &Engine,
    keyspace: Option<&str>,
    statement: &StatementKind,
) -> Result<(QueryResult, Vec<String>)> {
    let context = Context {
        engine,
        keyspace,
        warnings: RefCell::default(),
    };
    let mut event = None;
    let mut unbuilt = None;
    engine.change_schema(|catalog| {
        let decision = context.decide(catalog, statement)?;
        let (changes, told) = decision.unzip();
        let changes = changes.unwrap_or_default();
        event = told;
        unbuilt = changes.iter().find_map(new_index);
        Ok(changes)
    })?;
    if let Some((keyspace, name)) = unbuilt {
        engine.build_index(&keyspace, &name)?;
    }
    let result = event.map_or(QueryResult::Void, QueryResult::SchemaChange);
    Ok((result, context.warnings.into_inner()))
}

/// The table that a CREATE TABLE would create in `catalog`, under the number `id`, and what the
/// client should be warned of; no table where it is there already and may be. Nothing is changed.
pub fn declared(
    engine: &Engine,
    catalog: &Catalog,
    statement: &CreateTable,
    id: TableId,
) -> Result<(Option<Table>, Vec<String>)> {
    let context = Context {
        engine,
        keyspace: None,
        warnings: RefCell::default(),
    };
    let decision = context.create_table(catalog, statement)?;
    let table = decision.and_then(|(changes, _)| {
        changes.into_iter().find_map(|change| match change {
            SchemaChange::PutTable(table) => Some(Table { id, ..*table }),
            _ => None,
        })
    });
    Ok((table, context.warnings.into_inner()))
}

/// Keyspace and name of the index that a change creates: its rows are indexed afterwards.
fn new_index(change: &SchemaChange) -> Option<(String, String)> {
    match change {
        SchemaChange::PutIndex {
            keyspace, index, ..
        } => Some((keyspace.clone(), index.name.clone())),
        _ => None,
    }
}

impl<'a> Context<'a> {
    fn decide(&self, catalog: &Catalog, statement: &StatementKind) -> Result<Decision> {
        match statement {
            StatementKind::CreateKeyspace(create) => self.create_keyspace(catalog, create),
            StatementKind::AlterKeyspace(alter) => self.alter_keyspace(catalog, alter),
            StatementKind::CreateTable(create) => self.create_table(catalog, create),
            StatementKind::AlterTable(alter) => self.alter_table(catalog, alter),
            StatementKind::CreateIndex(create) => self.create_index(catalog, create),
            StatementKind::CreateType(create) => self.create_type(catalog, create),
            StatementKind::AlterType(alter) => self.alter_type(catalog, alter),
            StatementKind::Drop(drop) => self.drop(catalog, drop),
            other => self.absent(catalog, other),
        }
    }

    fn drop(&self, catalog: &Catalog, drop: &Drop) -> Result<Decision> {
        match drop.kind {
            DropKind::Keyspace => return self.drop_keyspace(catalog, drop),
            DropKind::Index => return self.drop_index(catalog, drop),
            _ => {}
        }
        let keyspace_name = self.keyspace_of(&drop.name)?;
        let name = &drop.name.name.text;
        let part = match drop.kind {
            DropKind::Type => Part::Tables,
            _ => Part::Table(name),
        };
        check_changeable(keyspace_name, "DROP", part)?;
        let keyspace = catalog.keyspaces.get(keyspace_name);
        let missing = |kind: &str| {
            if drop.if_exists {
                return Ok(None);
            }
            Err(at_name(
                Error::invalid(format!("{kind} '{keyspace_name}.{name}' doesn't exist")),
                &drop.name,
            ))
        };
        match drop.kind {
            DropKind::Keyspace | DropKind::Index => Ok(None),
            DropKind::Table => match keyspace.and_then(|keyspace| keyspace.tables.get(name)) {
                None => missing("Table"),
                Some(_) => Ok(Some((
                    vec![SchemaChange::DropTable {
                        keyspace: keyspace_name.to_owned(),
                        name: name.clone(),
                    }],
                    event(
                        SchemaAction::Dropped,
                        SchemaTarget::Table,
                        keyspace_name,
                        name,
                    ),
                ))),
            },
            DropKind::Type => match keyspace {
                Some(keyspace) if keyspace.types.contains_key(name) => {
                    types::drop_type(keyspace, name).map(Some)
                }
                _ => missing("Type"),
            },
            DropKind::View => missing("Materialized view"),
        }
    }

    /// Notes what the client should be warned of.
    fn warn(&self, warnings: Vec<String>) {
        self.warnings.borrow_mut().extend(warnings);
    }

    /// The keyspace that `name` is in: the one written before it, or the session's.
    fn keyspace_of<'n>(&self, name: &'n QualifiedName) -> Result<&'n str>
    where
        'a: 'n,
    {
        name.keyspace_or(self.keyspace).ok_or_else(no_keyspace)
    }
}

/// What Cassandra says where a name has no keyspace and the session none either.
pub fn no_keyspace() -> Error {
    Error::invalid(
        "No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename",
    )
}

/// Refuses a change of the rows of the system's own keyspaces.
pub fn check_modifiable(keyspace: &str) -> Result<()> {
    if SYSTEM_KEYSPACES.contains(&keyspace) {
        return Err(not_modifiable(keyspace));
    }
    Ok(())
}

fn not_modifiable(keyspace: &str) -> Error {
    Error::new(
        ErrorKind::Unauthorized,
        format!("{keyspace} keyspace is not user-modifiable."),
    )
}

/// Part of a keyspace, as a refusal names it.
#[derive(Clone, Copy)]
enum Part<'a> {
    /// The keyspace itself.
    Keyspace,
    /// All that is in it.
    Tables,
    /// One table.
    Table(&'a str),
}

/// Refuses to `CREATE`, `ALTER` or `DROP` in the system's own keyspaces.
fn check_changeable(keyspace: &str, action: &str, part: Part<'_>) -> Result<()> {
    if !SHARED_KEYSPACES.contains(&keyspace) {
        return check_modifiable(keyspace);
    }
    let resource = match part {
        Part::Keyspace => format!("keyspace {keyspace}"),
        Part::Tables => format!("all tables in {keyspace}"),
        Part::Table(table) => format!("table {keyspace}.{table}"),
    };
    Err(Error::new(
        ErrorKind::Unauthorized,
        format!("Cannot {action} <{resource}>"),
    ))
}

fn keyspace_named<'c>(catalog: &'c Catalog, name: &str) -> Result<&'c Arc<Keyspace>> {
    catalog
        .keyspaces
        .get(name)
        .ok_or_else(|| Error::invalid(format!("Keyspace '{name}' doesn't exist")))
}

/// `error`, about what `name` names.
fn at_name(error: Error, name: &QualifiedName) -> Error {
    let position = name.name.position;
    error.at(position.line, position.column)
}

/// Refuses a name that is empty, too long, or has other characters than letters, digits and `_`.
fn check_name(kind: &str, prefix: &str, name: &str) -> Result<()> {
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let keyspace = kind == "Keyspace";
    let most = if keyspace {
        NAME_LENGTH_MAX
    } else {
        TABLE_NAME_LENGTH_MAX
    };
    if name.is_empty() || name.len() > most || !plain {
        let rule = format!(
            "{prefix}{kind} name must not be empty, more than {NAME_LENGTH_MAX} characters long, \
             or contain non-alphanumeric-underscore characters"
        );
        return Err(match keyspace {
            true => Error::invalid(format!("{rule} (got '{name}')")),
            false => Error::config(format!("{rule} (got \"{name}\")")),
        });
    }
    Ok(())
}

fn event(action: SchemaAction, target: SchemaTarget, keyspace: &str, name: &str) -> SchemaEvent {
    SchemaEvent {
        action,
        target,
        keyspace: keyspace.to_owned(),
        name: name.to_owned(),
    }
}

/// The options of WITH as the schema takes them.
fn option_values(properties: &[Property]) -> Vec<(&str, OptionValue)> {
    properties
        .iter()
        .map(|property| {
            let value = match &property.value {
                PropertyValue::Simple(text) => OptionValue::Text(text.clone()),
                PropertyValue::Map(entries) => OptionValue::Map(entries.iter().cloned().collect()),
            };
            (property.name.text.as_str(), value)
        })
        .collect()
}
