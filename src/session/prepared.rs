//! Prepared statements: parsed and bound once, executed many times.

use crate::cql::ast::Statement;
use crate::cql::bind::{self, Bound};
use crate::cql::result::ColumnSpec;
use crate::error::Result;
use crate::schema::Catalog;
use crate::types::token;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// How many prepared statements a database remembers by id.
const STATEMENTS_MAX: usize = 10_000;

/// What a statement is known by among clients.
pub type StatementId = [u8; 16];

/// A prepared statement: parsed and bound once, executed many times, by any session of the same
/// database. Cheap to clone. When the schema changed in between it is bound again by itself.
#[derive(Clone, Debug)]
pub struct Prepared {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    id: StatementId,
    query: String,
    keyspace: Option<String>,
    statement: Statement,
    /// The present plan; none for statements that are not bound (schema statements).
    bound: Option<RwLock<Arc<Bound>>>,
}

impl Prepared {
    /// Prepares a parsed statement.
    pub(super) fn new(
        query: &str,
        keyspace: Option<&str>,
        statement: Statement,
        catalog: &Catalog,
    ) -> Result<Self> {
        let bound = match bind::is_bindable(&statement.kind) {
            true => Some(bind::bind(catalog, keyspace, &statement)?),
            false => None,
        };
        Ok(Self {
            inner: Arc::new(Inner {
                id: statement_id(query, keyspace),
                query: query.to_owned(),
                keyspace: keyspace.map(str::to_owned),
                statement,
                bound: bound.map(|bound| RwLock::new(Arc::new(bound))),
            }),
        })
    }

    /// What it is known by: the same text in the same keyspace has the same id.
    pub fn id(&self) -> StatementId {
        self.inner.id
    }

    /// Its text.
    pub fn query(&self) -> &str {
        &self.inner.query
    }

    /// Its bind markers, in order.
    pub fn variables(&self) -> Arc<[ColumnSpec]> {
        match &self.inner.bound {
            Some(bound) => {
                let bound = bound.read().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(&bound.variables)
            }
            None => Arc::from([]),
        }
    }

    /// The syntax tree.
    pub(super) fn statement(&self) -> &Statement {
        &self.inner.statement
    }

    /// The keyspace that it was prepared in.
    pub(super) fn keyspace(&self) -> Option<&str> {
        self.inner.keyspace.as_deref()
    }

    /// The plan under the catalog of `version`; none for statements that are not bound.
    pub(super) fn bound(
        &self,
        version: u64,
        catalog: impl FnOnce() -> Result<Arc<Catalog>>,
    ) -> Result<Option<Arc<Bound>>> {
        let Some(held) = &self.inner.bound else {
            return Ok(None);
        };
        let present = Arc::clone(&held.read().unwrap_or_else(PoisonError::into_inner));
        if present.catalog_version == version {
            return Ok(Some(present));
        }
        let fresh = Arc::new(bind::bind(&*catalog()?, self.keyspace(), self.statement())?);
        *held.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&fresh);
        Ok(Some(fresh))
    }
}

fn statement_id(query: &str, keyspace: Option<&str>) -> StatementId {
    let text = format!("{}\0{query}", keyspace.unwrap_or_default());
    let first = token::murmur3_token(text.as_bytes());
    let second = token::murmur3_token(format!("\u{1}{text}").as_bytes());
    let both = (u128::from(first.cast_unsigned()) << 64) | u128::from(second.cast_unsigned());
    both.to_be_bytes()
}

/// The prepared statements of a database, by id. Over its bound the one used least recently goes.
#[derive(Debug, Default)]
pub(super) struct Statements {
    held: Mutex<HashMap<StatementId, (Prepared, AtomicU64)>>,
    uses: AtomicU64,
}

impl Statements {
    /// The statement with this id, if it is remembered.
    pub fn get(&self, id: &StatementId) -> Option<Prepared> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (statement, used) = held.get(id)?;
        used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(statement.clone())
    }

    /// Remembers a statement.
    pub fn put(&self, statement: &Prepared) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= STATEMENTS_MAX && !held.contains_key(&statement.id()) {
            let oldest = held
                .iter()
                .min_by_key(|(_, (_, used))| used.load(Ordering::Relaxed))
                .map(|(id, _)| *id);
            if let Some(oldest) = oldest {
                held.remove(&oldest);
            }
        }
        let used = AtomicU64::new(self.uses.fetch_add(1, Ordering::Relaxed));
        held.insert(statement.id(), (statement.clone(), used));
    }
}
