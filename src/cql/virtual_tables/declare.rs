//! The declarations of the system's keyspaces, read once.

use crate::cql::ast::{CreateKeyspace, PropertyValue, StatementKind};
use crate::cql::ddl::table::define_table;
use crate::cql::parser::{parse_statement, split_statements};
use crate::cql::virtual_tables::VIRTUAL_TABLE_ID_MIN;
use crate::error::{Error, Result};
use crate::schema::{Keyspace, Table, TableId, replication};
use crate::types::token::murmur3_token;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use uuid::Uuid;

const SCRIPTS: [&str; 7] = [
    include_str!("../../../sql/system/system.cql"),
    include_str!("../../../sql/system/system_schema.cql"),
    include_str!("../../../sql/system/system_virtual_schema.cql"),
    include_str!("../../../sql/system/system_views.cql"),
    include_str!("../../../sql/system/system_traces.cql"),
    include_str!("../../../sql/system/system_auth.cql"),
    include_str!("../../../sql/system/system_distributed.cql"),
];

/// Keyspaces that Cassandra keeps out of `system_schema`, and tells of in `system_virtual_schema`.
pub const VIRTUAL_KEYSPACES: [&str; 2] = ["system_views", "system_virtual_schema"];

/// The system's keyspaces with their tables.
pub fn keyspaces() -> Result<&'static [Arc<Keyspace>]> {
    static DECLARED: OnceLock<Result<Vec<Arc<Keyspace>>>> = OnceLock::new();
    match DECLARED.get_or_init(read) {
        Ok(keyspaces) => Ok(keyspaces),
        Err(error) => Err(error.clone()),
    }
}

fn read() -> Result<Vec<Arc<Keyspace>>> {
    let mut next_id = VIRTUAL_TABLE_ID_MIN;
    let mut keyspaces = Vec::new();
    for script in SCRIPTS {
        let mut declared: Option<Keyspace> = None;
        for piece in split_statements(script) {
            match (parse_statement(piece.text)?.kind, &mut declared) {
                (StatementKind::CreateKeyspace(create), None) => {
                    declared = Some(keyspace(&create)?);
                }
                (StatementKind::CreateTable(create), Some(keyspace)) => {
                    let name = create.name.to_string();
                    let mut table =
                        define_table(&create, keyspace, TableId(next_id), table_uuid(&name))?;
                    put_own_columns_last(&mut table);
                    keyspace.tables.insert(table.name.clone(), Arc::new(table));
                    next_id += 1;
                }
                _ => {
                    return Err(Error::internal(format!(
                        "{}: not a declaration",
                        piece.text
                    )));
                }
            }
        }
        keyspaces.extend(declared.map(Arc::new));
    }
    Ok(keyspaces)
}

fn keyspace(create: &CreateKeyspace) -> Result<Keyspace> {
    const LOCAL_STRATEGY: &str = "LocalStrategy";
    let mut given = BTreeMap::new();
    for property in &create.properties {
        if let PropertyValue::Map(entries) = &property.value {
            given.extend(entries.iter().cloned());
        }
    }
    if given
        .get("class")
        .is_some_and(|class| class == LOCAL_STRATEGY)
    {
        // Nobody else may use it.
        let class = format!("org.apache.cassandra.locator.{LOCAL_STRATEGY}");
        given.insert("class".to_owned(), class);
    } else {
        given = replication(&create.name.text, &given, None)?;
    }
    Ok(Keyspace {
        name: create.name.text.clone(),
        replication: given,
        durable_writes: true,
        tables: BTreeMap::new(),
        types: BTreeMap::new(),
    })
}

/// Columns that Cassandra does not have come last in `SELECT *`: clients read by name, and those
/// that count columns find the ones they know where they expect them.
fn put_own_columns_last(table: &mut Table) {
    let own = |name: &str| name.starts_with("helenus_");
    table.regulars.sort_by_key(|column| own(&column.name));
}

/// A uuid that follows from the table's name.
fn table_uuid(name: &str) -> Uuid {
    let high = murmur3_token(name.as_bytes());
    let low = murmur3_token(format!("{name}.").as_bytes());
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&high.to_be_bytes());
    bytes[8..].copy_from_slice(&low.to_be_bytes());
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
