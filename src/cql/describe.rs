//! DESCRIBE: the schema as CQL text.
//!
//! What is listed has three columns (keyspace, type, name); what is described has the statement
//! that creates it as a fourth, in Cassandra 5.0's layout, so that a script of these statements
//! makes the same schema anew.

mod paging;
mod text;

#[cfg(test)]
mod tests;

pub use paging::paged;
pub use text::{create_index, create_keyspace, create_table, create_type};

use crate::cql::ast::{Describe, DescribeTarget, QualifiedName};
use crate::cql::ddl::SYSTEM_KEYSPACES;
use crate::cql::result::{ColumnSpec, RowValues, Rows};
use crate::cql::virtual_tables::{NodeFacts, PARTITIONER, TOKEN};
use crate::error::{Error, Result};
use crate::schema::{Catalog, Index, Keyspace, Table};
use crate::types::name::quote_identifier;
use crate::types::{Type, Udt, Value};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;

/// One thing of the schema.
enum Element<'a> {
    Keyspace(&'a Keyspace),
    Type(&'a Udt),
    Table(&'a Table),
    Index(&'a Table, &'a Index),
}

impl Element<'_> {
    /// Keyspace, type and name.
    fn listed(&self) -> [String; 3] {
        let (keyspace, kind, name) = match self {
            Self::Keyspace(keyspace) => (&keyspace.name, "keyspace", &keyspace.name),
            Self::Type(udt) => (&udt.keyspace, "type", &udt.name),
            Self::Table(table) => (&table.keyspace, "table", &table.name),
            Self::Index(table, index) => (&table.keyspace, "index", &index.name),
        };
        [
            quote_identifier(keyspace),
            kind.to_owned(),
            quote_identifier(name),
        ]
    }

    fn statement(&self, internals: bool) -> String {
        match self {
            Self::Keyspace(keyspace) => create_keyspace(keyspace),
            Self::Type(udt) => create_type(udt),
            Self::Table(table) => create_table(table, internals),
            Self::Index(table, index) => create_index(table, index),
        }
    }
}

/// What DESCRIBE answers over `catalog`, the system's keyspaces included (see
/// [`CatalogView`](crate::cql::virtual_tables::CatalogView)); `keyspace` is the session's.
pub fn describe(
    catalog: &Catalog,
    facts: &NodeFacts,
    keyspace: Option<&str>,
    describe: &Describe,
) -> Result<Rows> {
    let describer = Describer {
        catalog,
        facts,
        keyspace,
        internals: describe.internals,
    };
    match &describe.target {
        DescribeTarget::Cluster => describer.cluster(),
        DescribeTarget::Schema { full } => {
            let keyspaces = in_order(catalog.keyspaces.values(), |keyspace| &keyspace.name);
            let shown = keyspaces
                .into_iter()
                .filter(|keyspace| *full || !SYSTEM_KEYSPACES.contains(&keyspace.name.as_str()));
            Ok(describer.elements(shown.flat_map(|keyspace| keyspace_elements(keyspace, false))))
        }
        DescribeTarget::Keyspaces => Ok(list(
            catalog
                .keyspaces
                .values()
                .map(|keyspace| Element::Keyspace(keyspace)),
        )),
        DescribeTarget::Keyspace { name, only } => {
            let name = name.as_ref().map(|name| name.text.as_str());
            let keyspace = describer.keyspace_or_own(name)?;
            Ok(describer.elements(keyspace_elements(keyspace, *only)))
        }
        DescribeTarget::Tables => describer.listing(|keyspace| {
            let tables = tables_by_age(keyspace);
            tables.map(|table| Element::Table(table)).collect()
        }),
        DescribeTarget::Types => describer.listing(|keyspace| {
            let types = keyspace.types.values();
            types.map(|udt| Element::Type(udt)).collect()
        }),
        DescribeTarget::Functions | DescribeTarget::Aggregates => describer.listing(|_| Vec::new()),
        DescribeTarget::Table(name) => describer.table(name),
        DescribeTarget::Type(name) => describer.user_type(name),
        DescribeTarget::Index(name) => describer.index(name),
        DescribeTarget::View(name) => describer.missing("Materialized view", name),
        DescribeTarget::Function(name) => describer.missing("User defined function", name),
        DescribeTarget::Aggregate(name) => describer.missing("User defined aggregate", name),
        DescribeTarget::Any(name) => describer.any(name),
    }
}

struct Describer<'a> {
    catalog: &'a Catalog,
    facts: &'a NodeFacts,
    keyspace: Option<&'a str>,
    internals: bool,
}

impl<'a> Describer<'a> {
    fn keyspace_named(&self, name: &str) -> Result<&'a Keyspace> {
        match self.catalog.keyspaces.get(name) {
            Some(keyspace) => Ok(keyspace),
            None => Err(Error::invalid(format!("'{name}' not found in keyspaces"))),
        }
    }

    /// The keyspace that is named, or else the session's.
    fn keyspace_or_own(&self, name: Option<&str>) -> Result<&'a Keyspace> {
        match name.or(self.keyspace) {
            Some(name) => self.keyspace_named(name),
            None => Err(Error::invalid(
                "No keyspace specified and no current keyspace",
            )),
        }
    }

    fn keyspace_of(&self, name: &QualifiedName) -> Result<&'a Keyspace> {
        self.keyspace_or_own(name.keyspace.as_ref().map(|name| name.text.as_str()))
    }

    /// A list of what `of` finds in the session's keyspace, or in all where it has none.
    fn listing(&self, of: impl Fn(&'a Keyspace) -> Vec<Element<'a>>) -> Result<Rows> {
        if let Some(own) = self.keyspace {
            return Ok(list(of(self.keyspace_named(own)?).into_iter()));
        }
        let keyspaces = self.catalog.keyspaces.values();
        Ok(list(keyspaces.flat_map(|keyspace| of(keyspace))))
    }

    fn elements(&self, elements: impl Iterator<Item = Element<'a>>) -> Rows {
        let columns = columns(&["keyspace_name", "type", "name", "create_statement"]);
        let rows = elements.map(|element| {
            let [keyspace, kind, name] = element.listed();
            texts([keyspace, kind, name, element.statement(self.internals)])
        });
        Rows::from_vec(columns, rows.collect())
    }

    fn table(&self, name: &QualifiedName) -> Result<Rows> {
        let keyspace = self.keyspace_of(name)?;
        let Some(table) = keyspace.tables.get(&name.name.text) else {
            return Err(Error::invalid(format!(
                "Table '{}' not found in keyspace '{}'",
                name.name, keyspace.name
            )));
        };
        Ok(self.elements(table_elements(table)))
    }

    fn index(&self, name: &QualifiedName) -> Result<Rows> {
        let keyspace = self.keyspace_of(name)?;
        let Some((table, index)) = keyspace.index(&name.name.text) else {
            return self.missing("Table for existing index", name);
        };
        Ok(self.elements([Element::Index(table, index)].into_iter()))
    }

    fn user_type(&self, name: &QualifiedName) -> Result<Rows> {
        let keyspace = self.keyspace_of(name)?;
        let Some(udt) = keyspace.types.get(&name.name.text) else {
            return self.missing("User defined type", name);
        };
        Ok(self.elements([Element::Type(udt)].into_iter()))
    }

    fn missing(&self, kind: &str, name: &QualifiedName) -> Result<Rows> {
        let keyspace = self.keyspace_of(name)?;
        Err(Error::invalid(format!(
            "{kind} '{}' not found in '{}'",
            name.name, keyspace.name
        )))
    }

    /// What a bare name means: a keyspace, else a table of the session's keyspace.
    fn any(&self, name: &QualifiedName) -> Result<Rows> {
        let text = &name.name.text;
        let keyspace = match &name.keyspace {
            Some(keyspace) => self.keyspace_named(&keyspace.text)?,
            None => {
                if let Some(keyspace) = self.catalog.keyspaces.get(text) {
                    return Ok(self.elements(keyspace_elements(keyspace, false)));
                }
                self.keyspace_named(self.keyspace.unwrap_or(text))?
            }
        };
        if let Some(table) = keyspace.tables.get(text) {
            return Ok(self.elements(table_elements(table)));
        }
        // A type needs DESCRIBE TYPE, as with Cassandra.
        match keyspace.index(text) {
            Some((table, index)) => Ok(self.elements([Element::Index(table, index)].into_iter())),
            None => Err(Error::invalid(format!(
                "'{text}' not found in keyspace '{}'",
                keyspace.name
            ))),
        }
    }

    fn cluster(&self) -> Result<Rows> {
        let mut specs = columns(&["cluster", "partitioner", "snitch"]).to_vec();
        let partitioner = PARTITIONER.rsplit('.').next().unwrap_or(PARTITIONER);
        let mut row = texts([
            self.facts.cluster_name.clone(),
            partitioner.to_owned(),
            "DynamicEndpointSnitch".to_owned(),
        ]);
        if self
            .keyspace
            .is_some_and(|keyspace| !SYSTEM_KEYSPACES.contains(&keyspace))
        {
            let text = || Arc::new(Type::Text);
            let ty = Type::Map {
                key: text(),
                value: Arc::new(Type::List {
                    element: text(),
                    frozen: true,
                }),
                frozen: true,
            };
            let owner = SocketAddr::new(self.facts.listen_address, self.facts.storage_port);
            let owners = Value::List(vec![Value::Text(format!("/{owner}"))]);
            let ranges = Value::Map(vec![(Value::Text(TOKEN.to_owned()), owners)]);
            row.push(Some(Bytes::from(ty.encode(&ranges)?)));
            specs.push(column("range_ownership", ty));
        }
        Ok(Rows::from_vec(specs.into(), vec![row]))
    }
}

/// A keyspace, and unless it alone is wanted what is in it, in an order that can be replayed.
fn keyspace_elements(keyspace: &Keyspace, only: bool) -> impl Iterator<Item = Element<'_>> {
    let mut elements = vec![Element::Keyspace(keyspace)];
    if !only {
        elements.extend(types_in_order(keyspace).into_iter().map(Element::Type));
        let tables = in_order(tables_by_age(keyspace), |table| &table.name);
        elements.extend(tables.into_iter().flat_map(|table| table_elements(table)));
    }
    elements.into_iter()
}

/// A table and its indexes.
fn table_elements(table: &Table) -> impl Iterator<Item = Element<'_>> {
    let indexes = in_order(table.indexes.iter(), |index| &index.name);
    let indexes = indexes.into_iter();
    std::iter::once(Element::Table(table))
        .chain(indexes.map(move |index| Element::Index(table, index)))
}

/// The tables, the oldest first: names that differ in their case alone stay in this order.
fn tables_by_age(keyspace: &Keyspace) -> impl Iterator<Item = &Arc<Table>> {
    let mut tables: Vec<&Arc<Table>> = keyspace.tables.values().collect();
    tables.sort_by_key(|table| table.id);
    tables.into_iter()
}

/// Things by name without regard to case, as Cassandra lists them.
fn in_order<'a, T>(
    things: impl Iterator<Item = &'a Arc<T>>,
    name: impl Fn(&T) -> &str,
) -> Vec<&'a Arc<T>> {
    let mut things: Vec<&Arc<T>> = things.collect();
    things.sort_by_cached_key(|thing| name(thing).to_ascii_lowercase());
    things
}

/// User types, each after those that it uses.
fn types_in_order(keyspace: &Keyspace) -> Vec<&Udt> {
    fn visit<'k>(keyspace: &'k Keyspace, udt: &'k Udt, ordered: &mut Vec<&'k Udt>) {
        if ordered.iter().any(|known| known.name == udt.name) {
            return;
        }
        let mut used = Vec::new();
        for (_, ty) in &udt.fields {
            user_types(ty, &mut used);
        }
        for name in used {
            // A type cannot use itself, so this ends.
            if let Some(inner) = keyspace.types.get(&name) {
                visit(keyspace, inner, ordered);
            }
        }
        ordered.push(udt);
    }
    let mut ordered = Vec::new();
    for udt in keyspace.types.values() {
        visit(keyspace, udt, &mut ordered);
    }
    ordered
}

/// The names of the user types that `ty` is made of.
fn user_types(ty: &Type, names: &mut Vec<String>) {
    match ty {
        Type::List { element, .. } | Type::Set { element, .. } | Type::Vector { element, .. } => {
            user_types(element, names);
        }
        Type::Map { key, value, .. } => {
            user_types(key, names);
            user_types(value, names);
        }
        Type::Tuple(types) => types.iter().for_each(|ty| user_types(ty, names)),
        Type::Udt { udt, .. } => names.push(udt.name.clone()),
        _ => {}
    }
}

/// A list, each keyspace's elements by name without regard to quotes and case.
fn list<'a>(elements: impl Iterator<Item = Element<'a>>) -> Rows {
    let mut listed: Vec<[String; 3]> = elements.map(|element| element.listed()).collect();
    let plain = |name: &str| name.trim_matches('"').to_ascii_lowercase();
    listed.sort_by_cached_key(|[keyspace, _, name]| (plain(keyspace), plain(name)));
    let rows = listed.into_iter().map(texts).collect();
    Rows::from_vec(columns(&["keyspace_name", "type", "name"]), rows)
}

fn column(name: &str, ty: Type) -> ColumnSpec {
    ColumnSpec {
        keyspace: "system".to_owned(),
        table: "describe".to_owned(),
        name: name.to_owned(),
        ty,
    }
}

fn columns(names: &[&str]) -> Arc<[ColumnSpec]> {
    names.iter().map(|name| column(name, Type::Text)).collect()
}

fn texts<const N: usize>(texts: [String; N]) -> RowValues {
    texts
        .into_iter()
        .map(|text| Some(Bytes::from(text.into_bytes())))
        .collect()
}
