//! Filters that may be left out.
//!
//! A filter that becomes known while a query runs only spares work: whoever made it looks again.
//! One that lets most rows pass costs more than it spares, so it rests for a while; then it is
//! tried again, for a filter may get stricter as the query goes on.

use arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::filter::batch_filter;
use std::sync::Arc;

/// After so many rows it is known how a filter does.
const TRIAL_ROWS: usize = 32_768;
/// So many rows pass while it rests.
const REST_ROWS: usize = 524_288;

/// One filter of a scan.
#[derive(Debug)]
pub(super) struct Sieve {
    filter: Arc<dyn PhysicalExpr>,
    seen: usize,
    passed: usize,
    /// How many more rows pass untried.
    resting: usize,
}

impl Sieve {
    pub fn new(filter: &Arc<dyn PhysicalExpr>) -> Self {
        Self {
            filter: Arc::clone(filter),
            seen: 0,
            passed: 0,
            resting: 0,
        }
    }

    /// The rows that pass, or all of them.
    pub fn apply(&mut self, batch: RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        if self.resting > 0 {
            self.resting = self.resting.saturating_sub(rows);
            return Ok(batch);
        }
        let batch = batch_filter(&batch, &self.filter)?;
        self.seen += rows;
        self.passed += batch.num_rows();
        if self.seen >= TRIAL_ROWS {
            if self.passed > self.seen / 2 {
                self.resting = REST_ROWS;
            }
            (self.seen, self.passed) = (0, 0);
        }
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Int32Array;
    use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};

    fn batch(values: impl Iterator<Item = i32>) -> RecordBatch {
        let array = Int32Array::from_iter_values(values);
        RecordBatch::try_from_iter([("n", Arc::new(array) as _)]).unwrap()
    }

    #[test]
    fn a_filter_rests_where_most_rows_pass() {
        let less = |bound: i32| -> Arc<dyn PhysicalExpr> {
            Arc::new(BinaryExpr::new(
                Arc::new(Column::new("n", 0)),
                datafusion::logical_expr::Operator::Lt,
                Arc::new(Literal::new(bound.into())),
            ))
        };
        // Half of the rows pass: it goes on.
        let mut strict = Sieve::new(&less(500));
        for _ in 0..100 {
            assert_eq!(strict.apply(batch(0..1_000)).unwrap().num_rows(), 500);
        }
        let mut lax = Sieve::new(&less(999));
        let passed: Vec<usize> = (0..590)
            .map(|_| lax.apply(batch(0..1_000)).unwrap().num_rows())
            .collect();
        // 33 batches to try, 525 to rest, then it is tried again.
        let rested = passed.iter().filter(|rows| **rows == 1_000).count();
        assert_eq!(rested, 525);
        assert_eq!(
            (passed[32], passed[33], passed[557], passed[558]),
            (999, 1_000, 1_000, 999)
        );
    }
}
