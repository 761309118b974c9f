//! `CREATE TABLE … AS`: a table whose columns are those of a query.

use crate::analytics::statement::CreateTableAs;
use crate::analytics::write::plan::{Action, WritePlan, column_type, quoted, resolved};
use crate::cql::parser::parse_statement;
use crate::cql::result::ColumnSpec;
use crate::cql::{ast::StatementKind, ddl};
use crate::error::{Error, Result};
use crate::schema::{Catalog, Table};
use crate::storage::{Declare, Engine};
use std::fmt::Write as _;
use std::sync::Arc;

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

/// How a table that is yet to be created is filled.
pub(super) struct Creation {
    pub plan: WritePlan,
    /// Declares the table once more, when its rows are there.
    pub declare: Declare,
    /// What the user should be told.
    pub warnings: Vec<String>,
}

/// Declares the table; nothing where it is there already and may be.
pub(super) fn prepare(
    engine: &Engine,
    keyspace: Option<&str>,
    create: &CreateTableAs,
    columns: &[ColumnSpec],
) -> Result<Option<Creation>> {
    let (keyspace, name) = resolved(keyspace, &create.table)?;
    if create.if_not_exists && engine.catalog().table(keyspace, name).is_some() {
        return Ok(None);
    }
    let text = definition(Some(keyspace), create, columns)?;
    let StatementKind::CreateTable(statement) = parse_statement(&text)?.kind else {
        return Err(Error::internal("the definition is no CREATE TABLE"));
    };
    let id = engine.reserve_table();
    let (table, warnings) = ddl::declared(engine, &engine.catalog(), &statement, id)?;
    let Some(table) = table else {
        return Ok(None);
    };
    let of_table = columns.iter().map(|column| {
        let found = table.column(&column.name).cloned();
        found.ok_or_else(|| Error::internal(format!("no column {}", column.name)))
    });
    let plan = WritePlan {
        action: Action::Insert,
        columns: of_table.collect::<Result<_>>()?,
        using: Default::default(),
        query: create.query.clone(),
        table: Arc::new(table.clone()),
    };
    let again = engine.clone();
    let declare = move |catalog: &Catalog| {
        let (found, _) = ddl::declared(&again, catalog, &statement, id)?;
        // Its UUID tells when it was declared.
        let found = found.map(|found| Table {
            uuid: table.uuid,
            ..found
        });
        match found {
            Some(found) if found == table => Ok(found),
            _ => Err(Error::invalid(format!(
                "the schema of keyspace {} was changed while rows were gathered for {}",
                table.keyspace,
                table.full_name()
            ))),
        }
    };
    Ok(Some(Creation {
        plan,
        declare: Box::new(declare),
        warnings,
    }))
}
