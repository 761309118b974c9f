//! Prepared statements: parsed and bound once, executed many times.

use crate::cql::ast::Statement;
use crate::cql::bind::{self, Bound};
use crate::cql::plan::{Choice, Plan, SelectPlan, Term, WritePlan};
use crate::cql::result::ColumnSpec;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::Catalog;
use crate::session::apart::Apart;
use crate::session::class::{self, StatementClass};
use crate::types::token;
use std::sync::{Arc, PoisonError, RwLock};

/// What a statement is known by among clients.
pub type StatementId = [u8; 16];

/// What a statement costs to remember besides what grows with it, in bytes.
const STATEMENT_BYTES: usize = 2048;
/// What a byte of its text costs as text, tree and plan, in bytes.
const TEXT_FACTOR: usize = 24;
/// What a marker or a column of its result costs, in bytes.
const COLUMN_BYTES: usize = 512;

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
    text_hash: u64,
    keyspace: Option<String>,
    statement: Statement,
    class: StatementClass,
    /// Whether it has a condition (IF).
    conditional: bool,
    /// Whether clients know it by its id.
    remembered: bool,
    /// The result columns when it was prepared.
    first_metadata_id: [u8; 16],
    /// The present plan; none for statements that are not bound (schema statements).
    ready: Option<RwLock<Arc<Ready>>>,
    /// What is no CQL.
    apart: Option<Apart>,
}

/// A plan, and what follows from it.
#[derive(Debug)]
pub(super) struct Ready {
    pub bound: Bound,
    result_columns: Arc<[ColumnSpec]>,
    result_metadata_id: [u8; 16],
    partition_key_indices: Arc<[u16]>,
    quick: bool,
}

impl Ready {
    fn new(bound: Bound) -> Self {
        let result_columns = match &bound.plan {
            Plan::Select(plan) => Arc::clone(&plan.columns),
            _ => Arc::from([]),
        };
        Self {
            result_metadata_id: metadata_id(&result_columns),
            result_columns,
            partition_key_indices: partition_key_indices(&bound.plan).into(),
            quick: class::is_quick(&bound.plan),
            bound,
        }
    }
}

impl Prepared {
    /// Prepares a parsed statement; `remembered`: whether clients will know it by its id.
    pub(super) fn new(
        query: &str,
        keyspace: Option<&str>,
        statement: Statement,
        catalog: &Catalog,
        remembered: bool,
    ) -> Result<Self> {
        let ready = match bind::is_bindable(&statement.kind) {
            true => Some(Ready::new(bind::bind(catalog, keyspace, &statement)?)),
            false => None,
        };
        Ok(Self::of(
            query, keyspace, statement, ready, None, remembered,
        ))
    }

    /// The same for a statement that is no CQL.
    pub(super) fn apart(
        query: &str,
        keyspace: Option<&str>,
        statement: Statement,
        apart: Apart,
        remembered: bool,
    ) -> Self {
        Self::of(query, keyspace, statement, None, Some(apart), remembered)
    }

    fn of(
        query: &str,
        keyspace: Option<&str>,
        statement: Statement,
        ready: Option<Ready>,
        apart: Option<Apart>,
        remembered: bool,
    ) -> Self {
        let first_metadata_id = match (&ready, &apart) {
            (Some(ready), _) => ready.result_metadata_id,
            (None, Some(apart)) => metadata_id(&apart.columns()),
            (None, None) => metadata_id(&[]),
        };
        Self {
            inner: Arc::new(Inner {
                id: statement_id(query, keyspace),
                query: query.to_owned(),
                text_hash: token::murmur3_token(query.as_bytes()).cast_unsigned(),
                keyspace: keyspace.map(str::to_owned),
                class: StatementClass::of(&statement.kind),
                conditional: class::is_conditional(&statement.kind),
                statement,
                remembered,
                first_metadata_id,
                ready: ready.map(|ready| RwLock::new(Arc::new(ready))),
                apart,
            }),
        }
    }

    /// Whether it is no CQL.
    pub(super) fn is_apart(&self) -> bool {
        self.inner.apart.is_some()
    }

    /// What it is, where it is no CQL.
    pub(super) fn as_apart(&self) -> Option<&Apart> {
        self.inner.apart.as_ref()
    }

    /// What it is known by: the same text in the same keyspace has the same id.
    pub fn id(&self) -> StatementId {
        self.inner.id
    }

    /// Its text.
    pub fn query(&self) -> &str {
        &self.inner.query
    }

    /// The keyspace that it was prepared in.
    pub fn keyspace(&self) -> Option<&str> {
        self.inner.keyspace.as_deref()
    }

    /// What sort of statement it is.
    pub fn kind(&self) -> StatementClass {
        self.inner.class
    }

    /// Whether it writes only if a condition holds.
    pub fn is_conditional(&self) -> bool {
        self.inner.conditional
    }

    /// Its bind markers, in order.
    pub fn variables(&self) -> Arc<[ColumnSpec]> {
        self.of_ready(|ready| Arc::clone(&ready.bound.variables))
            .or_else(|| self.inner.apart.as_ref().map(Apart::variables))
            .unwrap_or_default()
    }

    /// The numbers of the markers that make the partition key, in the order of the key's columns;
    /// empty unless each of these columns has a marker.
    pub fn partition_key_indices(&self) -> Arc<[u16]> {
        self.of_ready(|ready| Arc::clone(&ready.partition_key_indices))
            .unwrap_or_default()
    }

    /// The columns of its rows; empty where it answers none.
    pub fn result_columns(&self) -> Arc<[ColumnSpec]> {
        self.of_ready(|ready| Arc::clone(&ready.result_columns))
            .or_else(|| self.inner.apart.as_ref().map(Apart::columns))
            .unwrap_or_default()
    }

    /// What changes when the columns of its rows do.
    pub fn result_metadata_id(&self) -> [u8; 16] {
        self.of_ready(|ready| ready.result_metadata_id)
            .unwrap_or(self.inner.first_metadata_id)
    }

    /// Whether a client that was told the columns when it prepared the statement may know them
    /// still. If not, an answer must carry them even if the client asks to leave them out.
    pub fn may_skip_metadata(&self) -> bool {
        self.of_ready(|ready| {
            !ready.result_columns.is_empty()
                && ready.result_metadata_id == self.inner.first_metadata_id
        })
        .unwrap_or(false)
    }

    /// Whether it does little, whatever its values are: reads of one partition and plain writes
    /// by full key, but no scans, no IN, nothing that reads before it writes.
    pub fn is_quick(&self) -> bool {
        self.of_ready(|ready| ready.quick).unwrap_or(false)
    }

    /// What tells its text from others.
    pub(super) fn text_hash(&self) -> u64 {
        self.inner.text_hash
    }

    /// About how much memory it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let columns = self
            .of_ready(|ready| ready.bound.variables.len() + ready.result_columns.len())
            .unwrap_or(0);
        STATEMENT_BYTES + self.inner.query.len() * TEXT_FACTOR + columns * COLUMN_BYTES
    }

    /// Whether it was made from this text in this keyspace.
    pub(super) fn is_of(&self, query: &str, keyspace: Option<&str>) -> bool {
        self.inner.query == query && self.keyspace() == keyspace
    }

    /// The syntax tree.
    pub(super) fn statement(&self) -> &Statement {
        &self.inner.statement
    }

    /// Whether clients know it by its id.
    pub(super) fn is_remembered(&self) -> bool {
        self.inner.remembered
    }

    fn of_ready<T>(&self, look: impl FnOnce(&Ready) -> T) -> Option<T> {
        let held = self.inner.ready.as_ref()?;
        Some(look(&held.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// The plan under the catalog of `version`; none for statements that are not bound.
    pub(super) fn ready(
        &self,
        version: u64,
        catalog: impl FnOnce() -> Result<Arc<Catalog>>,
    ) -> Result<Option<Arc<Ready>>> {
        let Some(held) = &self.inner.ready else {
            return Ok(None);
        };
        let present = Arc::clone(&held.read().unwrap_or_else(PoisonError::into_inner));
        if present.bound.catalog_version == version {
            return Ok(Some(present));
        }
        let bound = bind::bind(&*catalog()?, self.keyspace(), self.statement())?;
        if self.inner.remembered && bound.variables != present.bound.variables {
            // Whoever prepared it encodes values of other types.
            return Err(unprepared(&self.inner.id));
        }
        let fresh = Arc::new(Ready::new(bound));
        *held.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&fresh);
        Ok(Some(fresh))
    }
}

/// What is said of a statement that is not remembered.
pub(super) fn unprepared(id: &StatementId) -> Error {
    let shown: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    Error::new(
        ErrorKind::Unprepared,
        format!(
            "Prepared query with ID {shown} not found (either the query was not prepared on this \
             host (maybe the host has been restarted?) or you have prepared too many queries and \
             it has been evicted from the internal cache)"
        ),
    )
}

fn digest(text: &str) -> [u8; 16] {
    let first = token::murmur3_token(text.as_bytes());
    let second = token::murmur3_token(format!("\u{1}{text}").as_bytes());
    let both = (u128::from(first.cast_unsigned()) << 64) | u128::from(second.cast_unsigned());
    both.to_be_bytes()
}

/// What the statement with this text in this keyspace is known by.
pub(super) fn statement_id(query: &str, keyspace: Option<&str>) -> StatementId {
    digest(&format!("{}\0{query}", keyspace.unwrap_or_default()))
}

fn metadata_id(columns: &[ColumnSpec]) -> [u8; 16] {
    let mut text = String::new();
    for column in columns {
        for part in [&column.keyspace, &column.table, &column.name] {
            text.push_str(part);
            text.push('\0');
        }
        text.push_str(&column.ty.to_string());
        text.push('\0');
    }
    digest(&text)
}

fn partition_key_indices(plan: &Plan) -> Vec<u16> {
    let markers = |choices: &[Choice]| -> Option<Vec<u16>> {
        choices
            .iter()
            .map(|choice| match choice {
                Choice::One(Term::Marker(at)) => u16::try_from(*at).ok(),
                _ => None,
            })
            .collect()
    };
    let of_write = |plan: &WritePlan| match &plan.json {
        // The key is within the text.
        Some(_) => None,
        None => markers(&plan.partition),
    };
    let of_select = |plan: &SelectPlan| match &plan.partition {
        crate::cql::plan::PartitionPlan::Keys(choices) => markers(choices),
        _ => None,
    };
    let found = match plan {
        Plan::Select(plan) => of_select(plan),
        Plan::Write(plan) => of_write(plan),
        // All statements of a batch are sent to where the first of them goes.
        Plan::Batch(plan) => match plan.statements.split_first() {
            Some((first, rest)) if rest.iter().all(|it| it.table.id == first.table.id) => {
                of_write(first)
            }
            _ => None,
        },
        Plan::Truncate(_) | Plan::Use(_) => None,
    };
    found.unwrap_or_default()
}
