//! Binding: names are looked up, markers learn their types, constants are encoded, and what
//! Cassandra forbids is refused in its words. Out comes a plan.
//!
//! | file | binds |
//! |---|---|
//! | `term`, `call` | literals, markers and functions, to the type that is wanted |
//! | `literal` | what literals mean, and which types stand for each other |
//! | `relation` | the relations of WHERE, one by one |
//! | `restriction` | their legality together: which become keys, which slices, which filters |
//! | `write`, `batch` | INSERT, UPDATE, DELETE, BATCH |
//! | `operation` | what SET and DELETE do to a column |
//! | `condition` | IF |
//! | `select`, `node`, `selector`, `cell_info`, `group` | SELECT |
//! | `json` | what of them speaks JSON |

mod batch;
mod call;
mod cell_info;
mod condition;
mod group;
mod indexes;
mod json;
mod literal;
mod naming;
mod node;
mod operation;
mod order;
mod parts;
mod relation;
mod restriction;
mod select;
mod selector;
mod show;
mod term;
mod types;
mod write;

pub use batch::check as check_batch;

use crate::cql::ast::{FunctionCall, Name, Position, QualifiedName, Statement, StatementKind};
use crate::cql::ddl;
use crate::cql::functions::Scalar;
use crate::cql::plan::{ColumnRef, Plan, Term};
use crate::cql::result::ColumnSpec;
use crate::cql::virtual_tables::{self, VIRTUAL_KEYSPACES};
use crate::error::{Error, Result};
use crate::schema::{Catalog, Column, Table};
use crate::types::name::quote_identifier;
use crate::types::{Type, key, token};
use bytes::Bytes;
use std::sync::Arc;

/// A bound statement.
#[derive(Clone, Debug)]
pub struct Bound {
    /// What it will do.
    pub plan: Plan,
    /// What its markers are, in order.
    pub variables: Arc<[ColumnSpec]>,
    /// The version of the catalog that it was bound against.
    pub catalog_version: u64,
}

/// What a term is for.
#[derive(Clone, Copy)]
pub struct Receiver<'a> {
    keyspace: &'a str,
    table: &'a str,
    name: &'a str,
    ty: &'a Type,
}

impl<'a> Receiver<'a> {
    /// A column of `table`.
    fn column(table: &'a Table, column: &'a ColumnRef) -> Self {
        Self {
            keyspace: &table.keyspace,
            table: &table.name,
            name: &column.name,
            ty: &column.ty,
        }
    }

    /// Something of `table` with a name of its own.
    fn new(table: &'a Table, name: &'a str, ty: &'a Type) -> Self {
        Self {
            keyspace: &table.keyspace,
            table: &table.name,
            name,
            ty,
        }
    }

    fn named(self, name: &'a str) -> Self {
        Self { name, ..self }
    }

    fn of_type(self, ty: &'a Type) -> Self {
        Self { ty, ..self }
    }
}

/// What binding one statement needs and learns.
pub struct Binder<'a> {
    catalog: &'a Catalog,
    keyspace: Option<&'a str>,
    names: &'a [Option<String>],
    markers: Vec<Option<ColumnSpec>>,
    /// The partition key's types of the statement's table, for `token(…)` among terms.
    partition_types: Vec<Type>,
    /// The keyspace of the statement's table.
    table_keyspace: Option<String>,
}

/// Whether [`bind`] takes a statement.
pub fn is_bindable(kind: &StatementKind) -> bool {
    matches!(
        kind,
        StatementKind::Select(_)
            | StatementKind::Insert(_)
            | StatementKind::Update(_)
            | StatementKind::Delete(_)
            | StatementKind::Batch(_)
            | StatementKind::Truncate(_)
            | StatementKind::Use(_)
    )
}

/// Binds a statement that reads or writes data, TRUNCATE and USE included. `catalog` has the
/// system's keyspaces too.
pub fn bind(catalog: &Catalog, keyspace: Option<&str>, statement: &Statement) -> Result<Bound> {
    let mut binder = Binder {
        catalog,
        keyspace,
        names: &statement.markers,
        markers: vec![None; statement.markers.len()],
        partition_types: Vec::new(),
        table_keyspace: None,
    };
    let plan = match &statement.kind {
        StatementKind::Select(select) => Plan::Select(Arc::new(binder.select(select)?)),
        StatementKind::Insert(insert) => Plan::Write(binder.insert(insert)?),
        StatementKind::Update(update) => Plan::Write(binder.update(update)?),
        StatementKind::Delete(delete) => Plan::Write(binder.delete(delete)?),
        StatementKind::Batch(batch) => Plan::Batch(binder.batch(batch)?),
        StatementKind::Truncate(name) => Plan::Truncate(binder.table_to_empty(name)?.id),
        StatementKind::Use(name) => {
            if !catalog.keyspaces.contains_key(&name.text) {
                return Err(Error::invalid(format!("Keyspace '{name}' does not exist")));
            }
            Plan::Use(name.text.clone())
        }
        _ => return Err(Error::internal("not a statement that is bound")),
    };
    let variables: Option<Vec<ColumnSpec>> = binder.markers.into_iter().collect();
    let variables =
        variables.ok_or_else(|| Error::internal("a bind marker was left without a type"))?;
    Ok(Bound {
        plan,
        variables: variables.into(),
        catalog_version: catalog.version,
    })
}

/// `error`, with its place if it has none yet.
fn placed(error: Error, position: Position) -> Error {
    match error.position {
        Some(_) => error,
        None => error.at(position.line, position.column),
    }
}

/// What Cassandra says of a column that is not there.
fn undefined_column(name: &Name, table: &Table) -> Error {
    placed(
        Error::invalid(format!(
            "Undefined column name {} in table {}.{}",
            quote_identifier(&name.text),
            quote_identifier(&table.keyspace),
            quote_identifier(&table.name)
        )),
        name.position,
    )
}

fn column<'t>(table: &'t Table, name: &Name) -> Result<&'t Column> {
    table
        .column(&name.text)
        .ok_or_else(|| undefined_column(name, table))
}

impl Binder<'_> {
    /// The table called `name`.
    fn table(&mut self, name: &QualifiedName) -> Result<Arc<Table>> {
        let keyspace_name = name
            .keyspace_or(self.keyspace)
            .ok_or_else(ddl::no_keyspace)?;
        let Some(keyspace) = self.catalog.keyspaces.get(keyspace_name) else {
            return Err(placed(
                Error::invalid(format!("keyspace {keyspace_name} does not exist")),
                name.name.position,
            ));
        };
        let Some(table) = keyspace.tables.get(&name.name.text) else {
            return Err(placed(
                Error::invalid(format!("table {} does not exist", name.name)),
                name.name.position,
            ));
        };
        self.table_keyspace = Some(keyspace.name.clone());
        self.partition_types = table
            .partition_key
            .iter()
            .map(|column| column.ty.clone())
            .collect();
        Ok(Arc::clone(table))
    }

    /// The table called `name`, if its rows may be changed.
    fn table_to_write(&mut self, name: &QualifiedName) -> Result<Arc<Table>> {
        let table = self.table(name)?;
        if VIRTUAL_KEYSPACES.contains(&table.keyspace.as_str()) {
            return Err(Error::invalid(format!(
                "Modification is not supported by table {}",
                table.full_name()
            )));
        }
        ddl::check_modifiable(&table.keyspace)?;
        Ok(table)
    }

    /// The table called `name`, if all its rows may be removed at once.
    fn table_to_empty(&mut self, name: &QualifiedName) -> Result<Arc<Table>> {
        let table = self.table(name)?;
        if VIRTUAL_KEYSPACES.contains(&table.keyspace.as_str()) {
            return Err(Error::invalid(format!(
                "Truncation is not supported by table {}",
                table.full_name()
            )));
        }
        if !virtual_tables::may_be_emptied(&table) {
            ddl::check_modifiable(&table.keyspace)?;
        }
        Ok(table)
    }

    /// `token(…)` of terms: the token that a partition key with these values has.
    fn token_function(&self, call: &FunctionCall) -> Result<Scalar> {
        if call.arguments.len() != self.partition_types.len() {
            return Err(Error::invalid(format!(
                "Invalid number of arguments in call to function system.token: {} required but {} \
                 provided",
                self.partition_types.len(),
                call.arguments.len()
            )));
        }
        Ok(Scalar {
            name: "system.token".to_owned(),
            arguments: self.partition_types.clone(),
            returns: Type::BigInt,
            pure: true,
            monotonic: false,
            overloaded: false,
            body: Arc::new(|arguments, _| {
                let Some(values) = arguments.iter().copied().collect::<Option<Vec<_>>>() else {
                    return Ok(None);
                };
                let composed = key::compose_partition_key(&values);
                let token = token::token_of(&composed);
                Ok(Some(Bytes::copy_from_slice(&token.to_be_bytes())))
            }),
        })
    }

    /// A term of a plain type with a name of its own, such as a limit.
    fn attribute(
        &mut self,
        table: &Table,
        name: &str,
        ty: &Type,
        expr: Option<&crate::cql::ast::Expr>,
    ) -> Result<Option<Term>> {
        expr.map(|expr| self.term(expr, &Receiver::new(table, name, ty)))
            .transpose()
    }
}
