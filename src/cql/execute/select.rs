//! SELECT: rows pulled from the engine, filtered, and made into results one by one.
//!
//! ```text
//! engine ─► Partition, Row, Row, … ─► Scan: filters, PER PARTITION LIMIT ─┬─► selectors ─► LIMIT
//!                                                                         ├─► groups ─► LIMIT
//!                                                                         └─► sort ─► LIMIT
//! ```

use crate::cql::execute::Execution;
use crate::cql::execute::aggregate::Groups;
use crate::cql::execute::columnar::{self, Columnar};
use crate::cql::execute::scan::{Scan, limit};
use crate::cql::plan::SelectPlan;
use crate::cql::result::{RowSource, RowValues, Rows};
use crate::error::Result;
use crate::storage::Engine;
use bytes::Bytes;
use std::sync::Arc;

/// Executes a SELECT: evaluates its restrictions and starts the read.
pub fn execute(engine: &Engine, plan: &Arc<SelectPlan>, execution: Execution) -> Result<Rows> {
    let columns = Arc::clone(&plan.columns);
    if columnar::suits(plan) {
        limit(plan.limit.as_ref(), &execution.context())?;
        let answer = Columnar::new(engine, plan, execution);
        return Ok(Rows::new(columns, Box::new(answer)));
    }
    let scan = Scan::new(engine, plan, execution)?;
    let context = scan.execution.context();
    let limit = limit(plan.limit.as_ref(), &context)?;
    if plan.group.is_some() || !plan.aggregates.is_empty() {
        let groups = Groups::new(scan, limit)?;
        return Ok(Rows::new(columns, Box::new(groups)));
    }
    if !plan.merge_order.is_empty() {
        return Ok(Rows::from_vec(columns, sorted(scan, limit)?));
    }
    Ok(Rows::new(columns, Box::new(Plain { scan, limit })))
}

/// Rows as they come.
struct Plain {
    scan: Scan,
    limit: u64,
}

impl RowSource for Plain {
    fn next(&mut self) -> Result<Option<RowValues>> {
        if self.limit == 0 || !self.scan.advance()? {
            return Ok(None);
        }
        self.limit -= 1;
        self.scan.results().map(Some)
    }
}

/// Rows of several partitions in one order.
fn sorted(mut scan: Scan, limit: u64) -> Result<Vec<RowValues>> {
    let plan = Arc::clone(&scan.plan);
    let mut rows: Vec<(Vec<Option<Bytes>>, RowValues)> = Vec::new();
    while scan.advance()? {
        if scan.rows_of_partition() >= limit {
            scan.skip_partition();
        }
        let view = scan.view();
        let keys: Result<Vec<Option<Bytes>>> = plan
            .merge_order
            .iter()
            .map(|column| view.value(column))
            .collect();
        rows.push((keys?, scan.results()?));
    }
    rows.sort_by(|(a, _), (b, _)| {
        for ((column, a), b) in plan.merge_order.iter().zip(a).zip(b) {
            let order = match (a, b) {
                (Some(a), Some(b)) => column.ty.compare(a, b),
                (a, b) => a.is_some().cmp(&b.is_some()),
            };
            let order = if column.descending {
                order.reverse()
            } else {
                order
            };
            if order.is_ne() {
                return order;
            }
        }
        std::cmp::Ordering::Equal
    });
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    rows.truncate(limit);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}
