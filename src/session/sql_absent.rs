//! Where batch SQL would be, in a build without it: every statement of it is refused by name.

use crate::cql::plan::Slot;
use crate::cql::result::ColumnSpec;
use crate::cql::virtual_tables::CatalogView;
use crate::error::{Error, Result};
use crate::session::Door;
use crate::session::request::{Answer, RequestOptions};
use crate::storage::Engine;
use std::sync::Arc;

/// No batch SQL.
#[derive(Debug)]
pub struct Sql;

/// A statement of it, of which there is none.
#[derive(Debug)]
pub enum Compiled {}

impl Compiled {
    /// Its markers.
    pub fn variables(&self) -> Arc<[ColumnSpec]> {
        match *self {}
    }

    /// Its columns.
    pub fn columns(&self) -> Arc<[ColumnSpec]> {
        match *self {}
    }
}

impl Sql {
    /// Nothing to make.
    pub fn new(_engine: &Engine, _view: &Arc<CatalogView>) -> Self {
        Self
    }

    /// Refuses the statement.
    pub fn compile(
        &self,
        _text: &str,
        _keyspace: Option<&str>,
        _explained: Option<bool>,
        _door: &Door,
    ) -> Result<Compiled> {
        Err(Error::invalid(
            "this build has no batch SQL (feature analytics)",
        ))
    }

    /// There is nothing that could be run.
    pub fn run(
        &self,
        compiled: &Compiled,
        _slots: Vec<Slot>,
        _door: &Door,
        _statement: u64,
        _options: RequestOptions,
    ) -> Result<Answer> {
        match *compiled {}
    }
}
