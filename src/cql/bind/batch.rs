//! BATCH.

use crate::cql::ast::{Batch, BatchKind, Expr, StatementKind};
use crate::cql::bind::{Binder, Receiver};
use crate::cql::plan::{BatchPlan, Term, WritePlan};
use crate::error::{Error, Result};
use crate::types::Type;

/// Refuses what may not stand together in one batch.
pub fn check<'p>(
    kind: BatchKind,
    timestamp: bool,
    plans: impl Iterator<Item = &'p WritePlan> + Clone,
) -> Result<()> {
    let counters = plans.clone().filter(|plan| plan.table.is_counter()).count();
    let all = plans.clone().count();
    let conditional = plans.clone().any(|plan| plan.condition.is_some());
    if timestamp {
        if conditional {
            return Err(Error::invalid(
                "Cannot provide custom timestamp for conditional BATCH",
            ));
        }
        if kind == BatchKind::Counter {
            return Err(Error::invalid(
                "Cannot provide custom timestamp for counter BATCH",
            ));
        }
        if counters > 0 {
            return Err(Error::invalid(
                "Cannot provide custom timestamp for a BATCH containing counters",
            ));
        }
        if plans.clone().any(|plan| plan.timestamp.is_some()) {
            return Err(Error::invalid(
                "Timestamp must be set either on BATCH or individual statements",
            ));
        }
    }
    if kind == BatchKind::Counter && counters < all {
        return Err(Error::invalid(
            "Cannot include non-counter statement in a counter batch",
        ));
    }
    if counters > 0 && counters < all {
        return Err(Error::invalid(
            "Counter and non-counter mutations cannot exist in the same batch",
        ));
    }
    if kind == BatchKind::Logged && counters > 0 {
        return Err(Error::invalid(
            "Cannot include a counter statement in a logged batch",
        ));
    }
    if conditional {
        let mut tables = plans.clone().map(|plan| plan.table.id);
        let first = tables.next();
        if tables.any(|table| Some(table) != first) {
            return Err(Error::invalid(
                "Batch with conditions cannot span multiple tables",
            ));
        }
    }
    Ok(())
}

impl Binder<'_> {
    pub(super) fn batch(&mut self, batch: &Batch) -> Result<BatchPlan> {
        if batch.using.ttl.is_some() {
            return Err(Error::invalid(
                "Global TTL on the BATCH statement is not supported.",
            ));
        }
        let mut statements = Vec::with_capacity(batch.statements.len());
        for statement in &batch.statements {
            statements.push(match statement {
                StatementKind::Insert(insert) => self.insert(insert)?,
                StatementKind::Update(update) => self.update(update)?,
                StatementKind::Delete(delete) => self.delete(delete)?,
                _ => return Err(Error::internal("a batch of other statements")),
            });
        }
        let timed = batch.using.timestamp.as_ref();
        check(batch.kind, timed.is_some(), statements.iter())?;
        let timestamp = timed.map(|expr| self.batch_timestamp(expr)).transpose()?;
        Ok(BatchPlan {
            kind: batch.kind,
            timestamp,
            statements,
        })
    }

    /// The timestamp of a batch, which is no table's.
    fn batch_timestamp(&mut self, expr: &Expr) -> Result<Term> {
        let receiver = Receiver {
            keyspace: "[batch]",
            table: "[batch]",
            name: "[timestamp]",
            ty: &Type::BigInt,
        };
        self.term(expr, &receiver)
    }
}
