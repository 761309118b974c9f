//! Statements that are no CQL: `SQL …` and `EXPLAIN [ANALYZE] …`.
//!
//! EXPLAIN of a CQL statement binds it and tells its plan; with ANALYZE it runs it as well, throws
//! its rows away and tells what was read for them. What is batch SQL goes to [`sql`].

use crate::cql::ast::{Explain, Statement, StatementKind};
use crate::cql::bind;
use crate::cql::execute;
use crate::cql::explain;
use crate::cql::plan::{Plan, Slot};
use crate::cql::result::{ColumnSpec, QueryResult};
use crate::error::{Error, ErrorKind, Result};
use crate::session::request::{Answer, RequestOptions};
use crate::session::{Prepared, Shared, sql, values};
use crate::storage;
use crate::storage::read::ScanFigures;
use std::sync::Arc;

/// What was found out of such a statement when it was prepared.
#[derive(Debug)]
pub enum Apart {
    /// EXPLAIN of CQL: the statement's markers.
    Explain(Arc<[ColumnSpec]>),
    /// Batch SQL, or EXPLAIN of it.
    Sql(Box<sql::Compiled>),
}

impl Apart {
    /// The markers.
    pub fn variables(&self) -> Arc<[ColumnSpec]> {
        match self {
            Self::Explain(variables) => Arc::clone(variables),
            Self::Sql(compiled) => compiled.variables(),
        }
    }

    /// The columns of the answer.
    pub fn columns(&self) -> Arc<[ColumnSpec]> {
        match self {
            Self::Explain(_) => explain::columns(),
            Self::Sql(compiled) => compiled.columns(),
        }
    }
}

/// Prepares such a statement. It may have to wait, so it is not done where others wait.
pub fn compile(shared: &Shared, keyspace: Option<&str>, statement: &Statement) -> Result<Apart> {
    if storage::is_resident() {
        return Err(Error::new(
            ErrorKind::WouldBlock,
            "a batch query is not prepared while others wait",
        ));
    }
    let (text, explained) = match &statement.kind {
        StatementKind::Sql(sql) => (&sql.text, None),
        StatementKind::Explain(explain) => match &explain.statement.kind {
            StatementKind::Sql(sql) => (&sql.text, Some(explain.analyze)),
            _ => return explain_of(shared, keyspace, explain),
        },
        _ => return Err(Error::internal("CQL was taken for something else")),
    };
    let compiled = shared
        .batch
        .compile(text, keyspace, explained, &shared.door)?;
    Ok(Apart::Sql(Box::new(compiled)))
}

fn explain_of(shared: &Shared, keyspace: Option<&str>, explain: &Explain) -> Result<Apart> {
    let inner = &explain.statement;
    if explain.analyze && !matches!(inner.kind, StatementKind::Select(_)) {
        return Err(Error::invalid(
            "EXPLAIN ANALYZE runs the statement, and only SELECT may be run for its figures",
        ));
    }
    if !bind::is_bindable(&inner.kind) {
        return Ok(Apart::Explain(Arc::from([])));
    }
    let catalog = shared.catalog.of(&shared.engine)?;
    let bound = bind::bind(&catalog, keyspace, inner)?;
    Ok(Apart::Explain(bound.variables))
}

/// Runs such a statement.
pub fn run(shared: &Shared, statement: &Prepared, options: RequestOptions) -> Result<Answer> {
    let Some(apart) = statement.as_apart() else {
        return Err(Error::internal("CQL was taken for something else"));
    };
    let mut options = options;
    let given = std::mem::take(&mut options.values);
    let variables = apart.variables();
    if statement.is_remembered() {
        values::check_count(&variables, &given, "there")?;
    }
    let slots = values::slots(&variables, given)?;
    match (apart, &statement.statement().kind) {
        (Apart::Sql(compiled), _) => {
            let hash = statement.text_hash();
            shared
                .batch
                .run(compiled, slots, &shared.door, hash, options)
        }
        (Apart::Explain(_), StatementKind::Explain(explain)) => {
            run_explain(shared, statement.keyspace(), explain, slots, &options)
        }
        _ => Err(Error::internal("a plan of another statement")),
    }
}

fn run_explain(
    shared: &Shared,
    keyspace: Option<&str>,
    explain: &Explain,
    slots: Vec<Slot>,
    options: &RequestOptions,
) -> Result<Answer> {
    let inner = &explain.statement;
    if !bind::is_bindable(&inner.kind) {
        let line = "No plan: the statement changes or shows the schema".to_owned();
        return Ok(Answer::of(QueryResult::Rows(explain::rows(vec![line]))));
    }
    let catalog = shared.catalog.of(&shared.engine)?;
    let bound = bind::bind(&catalog, keyspace, inner)?;
    let mut lines = explain::lines(&shared.engine, &bound.plan);
    lines.extend(explain::values_line(&bound.variables, &slots));
    if explain.analyze {
        lines.extend(analyze(shared, &bound.plan, slots, options)?);
    }
    Ok(Answer::of(QueryResult::Rows(explain::rows(lines))))
}

/// Runs a plan, throws its rows away, and tells what it took.
fn analyze(
    shared: &Shared,
    plan: &Plan,
    slots: Vec<Slot>,
    options: &RequestOptions,
) -> Result<Vec<String>> {
    let figures = Arc::<ScanFigures>::default();
    let mut execution = shared.execution(slots, options)?;
    execution.figures = Some(Arc::clone(&figures));
    let clock = shared.engine.clock();
    let started_at_micros = clock.monotonic_micros();
    let mut rows = execute::execute(&shared.engine, plan, execution)?
        .result
        .into_rows();
    let mut answered = 0_u64;
    while rows.next()?.is_some() {
        answered += 1;
    }
    let micros = clock.monotonic_micros().saturating_sub(started_at_micros);
    let mut lines = vec![
        format!("Rows answered: {answered}"),
        format!("Time: {}.{:03} ms", micros / 1_000, micros % 1_000),
        "Read by level:".to_owned(),
    ];
    lines.extend(explain::figure_lines(&figures));
    Ok(lines)
}
