//! Counters: a file of counts is added to what the table holds, row by row, as `UPDATE` does it.
//!
//! A counter cannot be set, only added to; so an import of counters is not repeatable, and cannot
//! be written beside the commit log.

use crate::cql::result::BindValue;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::schema::{Column, ColumnKind, Table};
use crate::session::{Prepared, Session};
use crate::source::{RowSink, ValueBatch, WriteOptions};
use crate::storage::IngestSummary;
use crate::types::name::quote_identifier;
use std::collections::HashMap;
use std::sync::Arc;

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
        if options.ttl_seconds.is_some_and(|ttl| ttl != 0) {
            return Err(Error::invalid(
                "Cannot provide custom TTL for counter updates",
            ));
        }
        if options.timestamp_micros.is_some() {
            return Err(Error::invalid(
                "Cannot provide custom timestamp for counter updates",
            ));
        }
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
        let (mut sets, mut wheres) = (Vec::new(), Vec::new());
        for (column, _) in self
            .columns
            .iter()
            .zip(&present)
            .filter(|(_, present)| **present)
        {
            let name = quote_identifier(&column.name);
            match column.kind {
                ColumnKind::PartitionKey | ColumnKind::Clustering => {
                    wheres.push(format!("{name} = ?"));
                }
                ColumnKind::Static | ColumnKind::Regular => {
                    sets.push(format!("{name} = {name} + ?"));
                }
            }
        }
        let text = format!(
            "UPDATE {}.{} SET {} WHERE {}",
            quote_identifier(&self.table.keyspace),
            quote_identifier(&self.table.name),
            sets.join(", "),
            wheres.join(" AND ")
        );
        let prepared = self.session.prepare(&text)?;
        self.statements.insert(present, prepared.clone());
        Ok(prepared)
    }
}

impl RowSink for CounterSink {
    fn add(&mut self, batch: ValueBatch) -> Result<()> {
        let batch = batch.freeze();
        let is_key = |column: &Column| {
            matches!(
                column.kind,
                ColumnKind::PartitionKey | ColumnKind::Clustering
            )
        };
        for row in 0..batch.rows() {
            let given: Vec<(bool, _)> = self
                .columns
                .iter()
                .enumerate()
                .map(|(at, column)| (is_key(column), batch.bytes(row, at)))
                .collect();
            // Keys alone add nothing.
            if !given.iter().any(|(key, value)| !key && value.is_some()) {
                continue;
            }
            let present = given.iter().map(|(_, value)| value.is_some()).collect();
            let statement = self.statement(present)?;
            let values = |keys: bool| {
                let wanted = given.iter().filter(move |(key, _)| *key == keys);
                wanted
                    .filter_map(|(_, value)| value.clone())
                    .map(BindValue::Bytes)
            };
            let values: Vec<BindValue> = values(false).chain(values(true)).collect();
            self.session.execute_prepared(&statement, &values)?;
            self.rows += 1;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<IngestSummary> {
        Ok(IngestSummary {
            rows: self.rows,
            ..IngestSummary::default()
        })
    }
}
