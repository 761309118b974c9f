//! `CREATE TABLE … AS`: a table whose columns are those of a query.

use crate::analytics::statement::CreateTableAs;
use crate::analytics::write::plan::{Action, WritePlan, column_type, quoted, resolved};
use crate::cql::parser::parse_statement;
use crate::cql::result::ColumnSpec;
use crate::cql::{ast::StatementKind, ddl};
use crate::error::{Error, Result};
use crate::schema::Table;
use crate::storage::Engine;
use std::fmt::Write as _;

/// The CQL that creates the table.
pub(super) fn definition(
    keyspace: Option<&str>,
    create: &CreateTableAs,
    columns: &[ColumnSpec],
) -> Result<String> {
    let (keyspace, name) = resolved(keyspace, &create.table)?;
    let keys: Vec<&String> = create
        .partition_key
        .iter()
        .chain(&create.clustering)
        .collect();
    for key in &keys {
        if !columns.iter().any(|column| column.name == **key) {
            let names: Vec<&str> = columns.iter().map(|it| it.name.as_str()).collect();
            return Err(Error::invalid(format!(
                "the key's column {key} is none of the query's: {}",
                names.join(", ")
            )));
        }
    }
    let mut text = format!("CREATE TABLE {}.{} (", quoted(keyspace), quoted(name));
    for column in columns {
        let ty = column_type(&column.ty, keys.contains(&&column.name));
        let _ = write!(text, "{} {ty}, ", quoted(&column.name));
    }
    let names = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        names.join(", ")
    };
    let _ = write!(text, "PRIMARY KEY (({})", names(&create.partition_key));
    if !create.clustering.is_empty() {
        let _ = write!(text, ", {}", names(&create.clustering));
    }
    text.push_str("))");
    if let Some(options) = &create.options {
        let _ = write!(text, " WITH {options}");
    }
    Ok(text)
}

/// Creates the table, and answers how it is filled; nothing where it is there already and may be.
pub(super) fn create(
    engine: &Engine,
    keyspace: Option<&str>,
    create: &CreateTableAs,
    columns: &[ColumnSpec],
) -> Result<Option<(WritePlan, Vec<String>)>> {
    let (keyspace, name) = resolved(keyspace, &create.table)?;
    if create.if_not_exists && engine.catalog().table(keyspace, name).is_some() {
        return Ok(None);
    }
    let text = definition(Some(keyspace), create, columns)?;
    let statement = parse_statement(&text)?;
    if !matches!(statement.kind, StatementKind::CreateTable(_)) {
        return Err(Error::internal("the definition is no CREATE TABLE"));
    }
    let (_, warnings) = ddl::execute(engine, Some(keyspace), &statement.kind)?;
    let catalog = engine.catalog();
    let table = catalog.table(keyspace, name).cloned();
    let table = table.ok_or_else(|| Error::invalid("the new table was dropped meanwhile"))?;
    let of_table = columns.iter().map(|column| {
        let found = table.column(&column.name).cloned();
        found.ok_or_else(|| Error::invalid(format!("{} was dropped meanwhile", column.name)))
    });
    let plan = WritePlan {
        action: Action::Insert,
        columns: of_table.collect::<Result<_>>()?,
        using: Default::default(),
        query: create.query.clone(),
        table,
    };
    Ok(Some((plan, warnings)))
}

/// Takes back the creation of a table whose rows never came.
pub(super) fn undo(engine: &Engine, table: &Table) -> Result<()> {
    let catalog = engine.catalog();
    let same = catalog
        .table(&table.keyspace, &table.name)
        .is_some_and(|it| it.id == table.id);
    if !same {
        return Ok(());
    }
    let text = format!(
        "DROP TABLE {}.{}",
        quoted(&table.keyspace),
        quoted(&table.name)
    );
    let statement = parse_statement(&text)?;
    ddl::execute(engine, None, &statement.kind).map(|_| ())
}
