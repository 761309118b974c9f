//! What a server has: its keyspaces, tables and types, read from its system tables.
//!
//! The tables that every server since Cassandra 3 has are enough: `system_schema` for what is
//! stored, and `system_virtual_schema` (since 4) for what is computed. The numbers that storage
//! gives to tables and columns are this side's own: the wire knows names only.

use crate::cql::ast::StatementKind;
use crate::cql::ddl::resolve::resolve_type;
use crate::cql::parser::parse_statement;
use crate::cql::result::ResultRow;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{
    Catalog, Column, ColumnId, ColumnKind, Keyspace, Table, TableId, TableOptions,
};
use crate::types::{Type, Udt, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use uuid::Uuid;

/// Asks the server for rows.
type Ask<'a> = dyn FnMut(&str) -> Result<Vec<ResultRow>> + 'a;

/// Reads the whole catalog by `ask`.
pub fn read(ask: &mut Ask<'_>) -> Result<Catalog> {
    let mut reading = Reading::default();
    for row in
        ask("SELECT keyspace_name, durable_writes, replication FROM system_schema.keyspaces")?
    {
        reading.keyspace(&row)?;
    }
    let types = ask("SELECT keyspace_name, type_name, field_names, field_types \
                     FROM system_schema.types")?;
    reading.types(&types)?;
    for row in ask(
        "SELECT keyspace_name, table_name, id, comment, default_time_to_live \
                    FROM system_schema.tables",
    )? {
        reading.table(&row)?;
    }
    for row in ask(
        "SELECT keyspace_name, table_name, column_name, clustering_order, kind, \
                    position, type FROM system_schema.columns",
    )? {
        reading.column(&row)?;
    }
    match reading.read_virtual(ask) {
        // A server before Cassandra 4 has none.
        Err(error) if error.kind == ErrorKind::Invalid => {}
        other => other?,
    }
    Ok(reading.finish())
}

/// A catalog in the making.
#[derive(Default)]
struct Reading {
    keyspaces: BTreeMap<String, Keyspace>,
    tables: HashMap<(String, String), Table>,
}

impl Reading {
    fn read_virtual(&mut self, ask: &mut Ask<'_>) -> Result<()> {
        for row in ask("SELECT keyspace_name FROM system_virtual_schema.keyspaces")? {
            self.keyspace(&row)?;
        }
        for row in ask("SELECT keyspace_name, table_name, comment \
                        FROM system_virtual_schema.tables")?
        {
            self.table(&row)?;
        }
        for row in ask(
            "SELECT keyspace_name, table_name, column_name, clustering_order, kind, \
                        position, type FROM system_virtual_schema.columns",
        )? {
            self.column(&row)?;
        }
        Ok(())
    }

    fn keyspace(&mut self, row: &ResultRow) -> Result<()> {
        let name: String = row.get("keyspace_name")?;
        let replication = match row.value("replication") {
            Ok(Value::Map(entries)) => entries
                .into_iter()
                .filter_map(|entry| match entry {
                    (Value::Text(key), Value::Text(value)) => Some((key, value)),
                    _ => None,
                })
                .collect(),
            _ => BTreeMap::new(),
        };
        let durable_writes = !matches!(row.value("durable_writes"), Ok(Value::Boolean(false)));
        let keyspace = Keyspace {
            name: name.clone(),
            replication,
            durable_writes,
            tables: BTreeMap::new(),
            types: BTreeMap::new(),
        };
        self.keyspaces.insert(name, keyspace);
        Ok(())
    }

    /// User types may be made of each other: in each round those are read whose parts are known.
    fn types(&mut self, rows: &[ResultRow]) -> Result<()> {
        let mut left: Vec<&ResultRow> = rows.iter().collect();
        while !left.is_empty() {
            let before = left.len();
            let mut unknown = Vec::new();
            for row in left {
                if !self.user_type(row)? {
                    unknown.push(row);
                }
            }
            if unknown.len() == before {
                // Made of something that this version does not know: its columns are bytes.
                return Ok(());
            }
            left = unknown;
        }
        Ok(())
    }

    /// Reads a user type, if its parts are known.
    fn user_type(&mut self, row: &ResultRow) -> Result<bool> {
        let keyspace_name: String = row.get("keyspace_name")?;
        let name: String = row.get("type_name")?;
        let (names, types) = (
            texts(row.value("field_names")?),
            texts(row.value("field_types")?),
        );
        let Some(keyspace) = self.keyspaces.get_mut(&keyspace_name) else {
            return Ok(true);
        };
        let mut fields = Vec::with_capacity(names.len());
        for (field, ty) in names.into_iter().zip(types) {
            match parse_type(&ty, keyspace) {
                Ok(ty) => fields.push((field, ty)),
                Err(_) => return Ok(false),
            }
        }
        let udt = Udt {
            keyspace: keyspace_name,
            name: name.clone(),
            fields,
        };
        keyspace.types.insert(name, Arc::new(udt));
        Ok(true)
    }

    fn table(&mut self, row: &ResultRow) -> Result<()> {
        let keyspace: String = row.get("keyspace_name")?;
        let name: String = row.get("table_name")?;
        let mut options = TableOptions::default();
        if let Ok(Value::Text(comment)) = row.value("comment") {
            options.comment = comment;
        }
        if let Ok(Value::Int(seconds)) = row.value("default_time_to_live") {
            options.default_time_to_live_seconds = seconds;
        }
        let uuid = match row.value("id") {
            Ok(Value::Uuid(uuid)) => uuid,
            _ => Uuid::nil(),
        };
        let number = u64::try_from(self.tables.len()).unwrap_or(u64::MAX);
        let table = Table {
            id: TableId(number),
            uuid,
            keyspace: keyspace.clone(),
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
        self.tables.insert((keyspace, name), table);
        Ok(())
    }

    fn column(&mut self, row: &ResultRow) -> Result<()> {
        let name = (row.get("keyspace_name")?, row.get("table_name")?);
        let (Some(table), Some(keyspace)) =
            (self.tables.get_mut(&name), self.keyspaces.get(&name.0))
        else {
            // The schema changed between two of the questions.
            return Ok(());
        };
        let kind: String = row.get("kind")?;
        let (kind, columns) = match kind.as_str() {
            "partition_key" => (ColumnKind::PartitionKey, &mut table.partition_key),
            "clustering" => (ColumnKind::Clustering, &mut table.clustering),
            "static" => (ColumnKind::Static, &mut table.statics),
            _ => (ColumnKind::Regular, &mut table.regulars),
        };
        let order: String = row.get("clustering_order")?;
        let ty: String = row.get("type")?;
        columns.push(Column {
            id: ColumnId(table.next_column_id),
            name: row.get("column_name")?,
            // A type that this version does not know passes as bytes.
            ty: parse_type(&ty, keyspace).unwrap_or(Type::Blob),
            kind,
            position: usize::try_from(row.get::<i32>("position")?).unwrap_or(0),
            descending: order.eq_ignore_ascii_case("desc"),
        });
        table.next_column_id = table.next_column_id.saturating_add(1);
        Ok(())
    }

    fn finish(self) -> Catalog {
        let mut catalog = Catalog {
            next_table_id: u64::try_from(self.tables.len()).unwrap_or(u64::MAX),
            ..Catalog::default()
        };
        let mut keyspaces = self.keyspaces;
        for mut table in self.tables.into_values() {
            table.partition_key.sort_by_key(|column| column.position);
            table.clustering.sort_by_key(|column| column.position);
            for columns in [&mut table.statics, &mut table.regulars] {
                columns.sort_by(|left, right| left.name.cmp(&right.name));
            }
            // Its columns were not there yet when they were read.
            if table.partition_key.is_empty() {
                continue;
            }
            let table = Arc::new(table);
            if let Some(keyspace) = keyspaces.get_mut(&table.keyspace) {
                keyspace
                    .tables
                    .insert(table.name.clone(), Arc::clone(&table));
                catalog.tables.insert(table.id, table);
            }
        }
        catalog.keyspaces = keyspaces
            .into_iter()
            .map(|(name, keyspace)| (name, Arc::new(keyspace)))
            .collect();
        catalog
    }
}

fn texts(value: Value) -> Vec<String> {
    let Value::List(items) = value else {
        return Vec::new();
    };
    items
        .into_iter()
        .filter_map(|item| match item {
            Value::Text(text) => Some(text),
            _ => None,
        })
        .collect()
}

/// A type as `system_schema` writes it. It is read as the field of a user type: the one place in
/// CQL where any type may stand.
fn parse_type(text: &str, keyspace: &Keyspace) -> Result<Type> {
    let statement = parse_statement(&format!("CREATE TYPE t (f {text})"))?;
    match statement.kind {
        StatementKind::CreateType(create) => match create.fields.as_slice() {
            [(_, ty)] => resolve_type(ty, keyspace),
            _ => Err(Error::syntax(format!("{text} is no type"))),
        },
        _ => Err(Error::syntax(format!("{text} is no type"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::VirtualClock;
    use crate::config::Config;
    use crate::database::Database;

    /// The catalog of `database`, as its system tables tell it.
    fn read_from(database: &Database) -> Catalog {
        read(&mut |text| database.execute(text, &[])?.into_rows().collect()).unwrap()
    }

    #[test]
    fn a_catalog_comes_back_from_its_system_tables() {
        let config = Config {
            background: false,
            ..Config::default()
        };
        let database = Database::in_memory(config, VirtualClock::shared(0)).unwrap();
        for statement in [
            "CREATE KEYSPACE \"Ks\" WITH replication = {'class': 'SimpleStrategy', \
             'replication_factor': 1}",
            "USE \"Ks\"",
            "CREATE TYPE \"Street\" (name text, no frozen<tuple<int, text>>)",
            "CREATE TYPE home (at frozen<\"Street\">, tags frozen<set<text>>)",
            "CREATE TABLE \"T\" (a int, \"B\" text, c timeuuid, d text, s counter static, \
             n counter, PRIMARY KEY ((a, \"B\"), c, d)) WITH CLUSTERING ORDER BY (c DESC, d ASC)",
            "CREATE TABLE u (k uuid PRIMARY KEY, h home, fh frozen<home>, v vector<float, 3>, \
             m map<text, frozen<list<int>>>, s int)",
        ] {
            database.execute(statement, &[]).unwrap();
        }
        let (stored, read) = (database.engine().catalog(), read_from(&database));
        let (stored, found) = (&stored.keyspaces["Ks"], &read.keyspaces["Ks"]);
        assert_eq!(found.types, stored.types);
        assert_eq!(found.replication, stored.replication);
        assert_eq!(found.tables.len(), 2);
        for (name, table) in &found.tables {
            let stored = &stored.tables[name];
            let plain = |table: &Table| -> Vec<Column> {
                let anonymous = |column: &Column| Column {
                    id: ColumnId(0),
                    ..column.clone()
                };
                table.columns().map(anonymous).collect()
            };
            assert_eq!(plain(table), plain(stored), "{name}");
            assert_eq!(table.uuid, stored.uuid);
        }
        assert!(read.table("system_views", "settings").is_some());
        assert!(read.table("system", "local").is_some());
    }
}
