//! What a batch statement writes: the table, the query that yields rows, and which of the table's
//! columns each of the query's columns fills.
//!
//! ```text
//! INSERT INTO t (k, v) SELECT …              ─► SELECT …                          k, v
//! UPDATE t SET v = v + 1 WHERE v < 9         ─► SELECT t.k, v + 1 FROM t WHERE …  k, v
//! DELETE FROM t USING u WHERE t.k = u.k      ─► SELECT t.k FROM t, u WHERE …      k
//! ```
//!
//! So an UPDATE or DELETE takes any condition: the full key of each row is what the scan yields.

use crate::analytics::statement::{Delete, Insert, Statement, TableName, Update, Using};
use crate::cql::ddl::{SYSTEM_KEYSPACES, no_keyspace};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Catalog, Column, ColumnKind, Table};
use crate::types::Type;
use std::fmt::Write as _;
use std::sync::Arc;

/// What happens to the rows of the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// They are written as INSERT does.
    Insert,
    /// Values of theirs are written as UPDATE does.
    Update,
    /// They are deleted.
    Delete,
}

/// A statement that writes, resolved against the schema.
#[derive(Clone, Debug)]
pub struct WritePlan {
    /// What happens to the rows.
    pub action: Action,
    /// The table.
    pub table: Arc<Table>,
    /// The columns that the query's columns give, in their order.
    pub columns: Vec<Column>,
    /// TTL, timestamp, nulls.
    pub using: Using,
    /// The query.
    pub query: String,
}

impl WritePlan {
    /// The plan of an INSERT, UPDATE or DELETE; `keyspace` is that of names without one.
    pub fn new(catalog: &Catalog, keyspace: Option<&str>, statement: &Statement) -> Result<Self> {
        match statement {
            Statement::Insert(insert) => Self::insert(catalog, keyspace, insert),
            Statement::Update(update) => Self::update(catalog, keyspace, update),
            Statement::Delete(delete) => Self::delete(catalog, keyspace, delete),
            _ => Err(Error::internal("a statement that writes no rows")),
        }
    }

    fn insert(catalog: &Catalog, keyspace: Option<&str>, insert: &Insert) -> Result<Self> {
        let table = table(catalog, keyspace, &insert.table)?;
        let columns: Vec<Column> = match &insert.columns {
            None => in_order(&table),
            Some(names) => names
                .iter()
                .map(|name| column(&table, name).cloned())
                .collect::<Result<_>>()?,
        };
        for (at, column) in columns.iter().enumerate() {
            if columns.iter().take(at).any(|other| other.id == column.id) {
                return Err(Error::invalid(format!("{} is given twice", column.name)));
            }
        }
        for key in table.partition_key.iter().chain(&table.clustering) {
            if !columns.iter().any(|column| column.id == key.id) {
                let name = &key.name;
                return Err(Error::invalid(format!(
                    "Some primary key parts are missing: {name}"
                )));
            }
        }
        Ok(Self {
            action: Action::Insert,
            table,
            columns,
            using: insert.using,
            query: insert.query.clone(),
        })
    }

    fn update(catalog: &Catalog, keyspace: Option<&str>, update: &Update) -> Result<Self> {
        let table = table(catalog, keyspace, &update.table)?;
        let mut columns = keys(&table);
        let key_columns = columns.len();
        let mut values = String::new();
        for (name, value) in &update.assignments {
            let column = column(&table, name)?;
            if columns
                .iter()
                .take(key_columns)
                .any(|key| key.id == column.id)
            {
                return Err(Error::invalid(format!(
                    "PRIMARY KEY part {name} found in SET part"
                )));
            }
            if columns.iter().any(|other| other.id == column.id) {
                return Err(Error::invalid(format!("{name} is set twice")));
            }
            let at = columns.len();
            columns.push(column.clone());
            let _ = write!(values, ", {value} AS \"__{at}\"");
        }
        let query = select(
            &table,
            &values,
            update.alias.as_deref(),
            update.from.as_deref(),
            update.condition.as_deref(),
        );
        Ok(Self {
            action: Action::Update,
            table,
            columns,
            using: update.using,
            query,
        })
    }

    fn delete(catalog: &Catalog, keyspace: Option<&str>, delete: &Delete) -> Result<Self> {
        let table = table(catalog, keyspace, &delete.table)?;
        let query = select(
            &table,
            "",
            delete.alias.as_deref(),
            delete.from.as_deref(),
            delete.condition.as_deref(),
        );
        Ok(Self {
            action: Action::Delete,
            columns: keys(&table),
            table,
            using: delete.using,
            query,
        })
    }

    /// Refuses a query with another number of columns than are to be filled.
    pub fn check_width(&self, columns: usize) -> Result<()> {
        if columns == self.columns.len() {
            return Ok(());
        }
        let names: Vec<&str> = self.columns.iter().map(|it| it.name.as_str()).collect();
        Err(Error::invalid(format!(
            "the query has {columns} columns, and {} are to be filled: {}",
            names.len(),
            names.join(", ")
        )))
    }
}

/// Keyspace and name of a table.
pub fn resolved<'n>(keyspace: Option<&'n str>, name: &'n TableName) -> Result<(&'n str, &'n str)> {
    let keyspace = name
        .keyspace
        .as_deref()
        .or(keyspace)
        .ok_or_else(no_keyspace)?;
    if SYSTEM_KEYSPACES.contains(&keyspace) {
        return Err(Error::new(
            ErrorKind::Unauthorized,
            format!("{keyspace} keyspace is not user-modifiable."),
        ));
    }
    Ok((keyspace, &name.name))
}

fn table(catalog: &Catalog, keyspace: Option<&str>, name: &TableName) -> Result<Arc<Table>> {
    let (keyspace, name) = resolved(keyspace, name)?;
    if !catalog.keyspaces.contains_key(keyspace) {
        return Err(Error::invalid(format!(
            "keyspace {keyspace} does not exist"
        )));
    }
    let table = catalog.table(keyspace, name).cloned();
    table.ok_or_else(|| Error::invalid(format!("table {keyspace}.{name} does not exist")))
}

fn column<'t>(table: &'t Table, name: &str) -> Result<&'t Column> {
    let found = table.column(name);
    found.ok_or_else(|| {
        Error::invalid(format!(
            "Undefined column name {name} in table {}",
            table.full_name()
        ))
    })
}

/// The columns in the order in which DESCRIBE and `SELECT *` show them: of static and of regular
/// ones, those of one cell before those of several.
fn in_order(table: &Table) -> Vec<Column> {
    let mut columns: Vec<Column> = table.columns().cloned().collect();
    columns.sort_by_key(|column| match column.kind {
        ColumnKind::PartitionKey => (0, false),
        ColumnKind::Clustering => (1, false),
        ColumnKind::Static => (2, column.ty.is_multi_cell()),
        ColumnKind::Regular => (3, column.ty.is_multi_cell()),
    });
    columns
}

fn keys(table: &Table) -> Vec<Column> {
    let keys = table.partition_key.iter().chain(&table.clustering);
    keys.cloned().collect()
}

/// A name as SQL takes it whatever it is.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The query for rows of the table itself: its key, then what else is wanted.
fn select(
    table: &Table,
    more: &str,
    alias: Option<&str>,
    from: Option<&str>,
    condition: Option<&str>,
) -> String {
    let alias = quoted(alias.unwrap_or(&table.name));
    let mut query = "SELECT ".to_owned();
    for (at, key) in keys(table).iter().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        let _ = write!(query, "{comma}{alias}.{} AS \"__{at}\"", quoted(&key.name));
    }
    let (keyspace, name) = (quoted(&table.keyspace), quoted(&table.name));
    let _ = write!(query, "{more} FROM {keyspace}.{name} AS {alias}");
    if let Some(from) = from {
        let _ = write!(query, ", {from}");
    }
    if let Some(condition) = condition {
        // The parentheses stand on lines of their own: a condition may end with a comment.
        let _ = write!(query, " WHERE (\n{condition}\n)");
    }
    query
}

/// A type as a new table's column has it: counters stand alone, so their values are integers.
pub fn column_type(ty: &Type, is_key: bool) -> Type {
    match ty {
        Type::Counter => Type::BigInt,
        ty if is_key => ty.freeze(),
        ty => ty.clone(),
    }
}
