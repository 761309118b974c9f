//! Counters: a file of counts is added to what the table holds, row by row, as `UPDATE` does it.
//!
//! A counter cannot be set, only added to; so an import of counters is not repeatable, and cannot
//! be written beside the commit log.

use crate::cql::result::BindValue;
use crate::database::Database;
use crate::error::Result;
use crate::schema::{Column, Table};
use crate::session::{Prepared, Session};
use crate::source::statement::{self, check_counters};
use crate::source::{RowSink, ValueBatch, WriteOptions};
use crate::storage::IngestSummary;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Adds rows of counts.
pub(super) struct CounterSink {
    session: Session,
    table: Arc<Table>,
    columns: Vec<Column>,
    /// The statement for each set of counters that a row gives.
    statements: HashMap<Vec<bool>, Prepared>,
    rows: u64,
}

impl CounterSink {
    pub(super) fn new(
        database: &Database,
        table: &Arc<Table>,
        columns: &[Column],
        options: &WriteOptions,
    ) -> Result<Self> {
        check_counters(options)?;
        Ok(Self {
            session: database.session(),
            table: Arc::clone(table),
            columns: columns.to_vec(),
            statements: HashMap::new(),
            rows: 0,
        })
    }

    /// The statement that adds the counters that are `present`.
    fn statement(&mut self, present: Vec<bool>) -> Result<Prepared> {
        if let Some(known) = self.statements.get(&present) {
            return Ok(known.clone());
        }
        let text = statement::counter_update(&self.table, &self.columns, &present);
        let prepared = self.session.prepare(&text)?;
        self.statements.insert(present, prepared.clone());
        Ok(prepared)
    }
}

impl RowSink for CounterSink {
    fn add(&mut self, batch: ValueBatch) -> Result<()> {
        let batch = batch.freeze();
        for row in 0..batch.rows() {
            let given = statement::counter_values(&self.columns, |at| batch.bytes(row, at));
            let Some((present, values)) = given else {
                continue;
            };
            let statement = self.statement(present)?;
            let values: Vec<BindValue> = values.into_iter().map(BindValue::Bytes).collect();
            self.session.execute_prepared(&statement, &values)?;
            self.rows += 1;
        }
        Ok(())
    }

    fn finish(self: Box<Self>, _stop: &AtomicBool) -> Result<IngestSummary> {
        Ok(IngestSummary {
            rows: self.rows,
            ..IngestSummary::default()
        })
    }
}
