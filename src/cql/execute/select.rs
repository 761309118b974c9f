//! SELECT: rows pulled from the engine, filtered, and made into results one by one.
//!
//! ```text
//! engine ─► Partition, Row, Row, … ─► Scan: filters, PER PARTITION LIMIT ─┬─► selectors ─► LIMIT
//!                                                                         ├─► groups ─► LIMIT
//!                                                                         └─► sort ─► LIMIT
//! ```
//!
//! Rows as they come and groups can be read in pages. Aggregates over everything are one row, and
//! rows of several partitions in one order cannot be paged.

use crate::cql::ast::Operator;
use crate::cql::execute::aggregate::Groups;
use crate::cql::execute::columnar::{self, Columnar};
use crate::cql::execute::encode::encode_row;
use crate::cql::execute::progress::Progress;
use crate::cql::execute::scan::{Scan, limit};
use crate::cql::execute::{Execution, Outcome};
use crate::cql::plan::{Choice, ColumnRef, PartitionPlan, SelectPlan};
use crate::cql::result::{QueryResult, RowSource, RowValues, Rows};
use crate::error::{Error, Result};
use crate::schema::ColumnKind;
use crate::storage::Engine;
use bytes::{Bytes, BytesMut};
use std::cmp::Ordering;
use std::sync::Arc;

/// Executes a SELECT: evaluates its restrictions and starts the read.
pub fn execute(engine: &Engine, plan: &Arc<SelectPlan>, execution: Execution) -> Result<Outcome> {
    let mut outcome = Outcome::of(QueryResult::Void);
    outcome.warnings.extend(warning(plan).map(str::to_owned));
    outcome.result = QueryResult::Rows(rows(engine, plan, execution)?);
    Ok(outcome)
}

fn rows(engine: &Engine, plan: &Arc<SelectPlan>, execution: Execution) -> Result<Rows> {
    let columns = Arc::clone(&plan.columns);
    let aggregated = !plan.aggregates.is_empty();
    let unpageable = execution.page.is_some() && !plan.merge_order.is_empty();
    execution.note(|| started(plan));
    if let Some(error) = &plan.fails {
        limit(plan.limit.as_ref(), &execution.context())?;
        limit(plan.per_partition_limit.as_ref(), &execution.context())?;
        return Err(Error::clone(error));
    }
    if columnar::suits(plan) {
        limit(plan.limit.as_ref(), &execution.context())?;
        let answer = Columnar::new(engine, plan, execution);
        return Ok(Rows::new(columns, Box::new(answer)));
    }
    let limit = limit(plan.limit.as_ref(), &execution.context())?;
    let pages = plan.group.is_some() || !aggregated;
    let page = execution.page.clone().filter(|_| pages);
    // Groups of several partitions in one order are counted once they are in it.
    let sorted_groups = plan.group.is_some() && !plan.merge_order.is_empty();
    let counted = if sorted_groups { u64::MAX } else { limit };
    let (progress, place) = Progress::new(plan, page, counted)?;
    let size = progress.page.as_ref().map(|page| page.size);
    if plan.group.is_some() || aggregated {
        let scan = Scan::new(engine, plan, execution, place.clone())?;
        check_pages(unpageable)?;
        let groups = Groups::new(scan, progress, place);
        if sorted_groups {
            return Ok(Rows::from_vec(columns, in_one_order(plan, groups, limit)?));
        }
        return Ok(Rows::new(columns, Box::new(groups)).paged(size));
    }
    let scan = Scan::new(engine, plan, execution, place)?;
    check_pages(unpageable && !scan.is_void())?;
    if !plan.merge_order.is_empty() {
        return Ok(Rows::from_vec(columns, sorted(scan, limit)?));
    }
    Ok(Rows::new(columns, Box::new(Plain { scan, progress })).paged(size))
}

/// Refuses pages of what cannot be paged.
fn check_pages(unpageable: bool) -> Result<()> {
    if !unpageable {
        return Ok(());
    }
    Err(Error::invalid(
        "Cannot page queries with both ORDER BY and a IN restriction on the partition key; you \
         must either remove the ORDER BY or the IN and sort client side, or disable paging for \
         this query",
    ))
}

/// What a trace says when a plan starts.
fn started(plan: &SelectPlan) -> String {
    let table = plan.table.full_name();
    match &plan.partition {
        _ if plan.is_virtual => format!("Computing the rows of {table}"),
        PartitionPlan::Keys(choices) if !is_in(choices) => {
            format!("Executing single-partition query on {table}")
        }
        PartitionPlan::Keys(_) => format!("Executing query of several partitions on {table}"),
        PartitionPlan::Tokens { .. } | PartitionPlan::All => {
            format!("Executing seq scan across partitions of {table}")
        }
    }
}

fn is_in(choices: &[Choice]) -> bool {
    let many = |choice: &Choice| match choice {
        Choice::One(_) => false,
        Choice::Many(terms) => terms.len() != 1,
        Choice::Listed(_) => true,
    };
    choices.iter().any(many)
}

/// What Cassandra warns of: aggregates that may read a lot.
fn warning(plan: &SelectPlan) -> Option<&'static str> {
    if plan.aggregates.is_empty() && plan.group.is_none() {
        return None;
    }
    const MANY: &str = "Aggregation query used on multiple partition keys (IN restriction)";
    match &plan.partition {
        PartitionPlan::Keys(choices) if is_in(choices) => Some(MANY),
        PartitionPlan::Keys(_) | PartitionPlan::Tokens { .. } => None,
        PartitionPlan::All => {
            let key = |column: &ColumnRef| column.kind == ColumnKind::PartitionKey;
            let mut keys = plan
                .partition_filters
                .iter()
                .filter(|filter| filter.columns().iter().any(key))
                .peekable();
            if keys.peek().is_none() {
                return Some("Aggregation query used without partition key");
            }
            keys.any(|filter| filter.operator == Operator::In)
                .then_some(MANY)
        }
    }
}

/// Rows as they come.
struct Plain {
    scan: Scan,
    progress: Progress,
}

impl Plain {
    fn advance(&mut self) -> Result<bool> {
        if !self.progress.wants_more() || !self.scan.advance()? {
            return Ok(false);
        }
        self.progress.count();
        Ok(true)
    }
}

impl RowSource for Plain {
    fn next(&mut self) -> Result<Option<RowValues>> {
        match self.advance()? {
            true => self.scan.results().map(Some),
            false => Ok(None),
        }
    }

    fn encode(&mut self, out: &mut BytesMut) -> Result<bool> {
        if !self.advance()? {
            return Ok(false);
        }
        let context = self.scan.execution.context();
        encode_row(&self.scan.plan.selected, &self.scan.view(), &context, out)?;
        Ok(true)
    }

    fn page_read(&mut self, rows: u32) {
        self.scan
            .execution
            .note(|| format!("Read {rows} live rows"));
    }

    fn paging_state(&mut self) -> Result<Option<Bytes>> {
        if !self.progress.wants_more() || !self.scan.may_go_on()? {
            return Ok(None);
        }
        Ok(self.progress.state(self.scan.place()))
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
    Ok(first_in_order(&plan, rows, limit))
}

/// Groups of several partitions in one order.
fn in_one_order(plan: &SelectPlan, mut groups: Groups, limit: u64) -> Result<Vec<RowValues>> {
    let mut rows: Vec<(Vec<Option<Bytes>>, RowValues)> = Vec::new();
    while let Some(row) = groups.next()? {
        rows.push((groups.order(), row));
    }
    Ok(first_in_order(plan, rows, limit))
}

fn first_in_order(
    plan: &SelectPlan,
    mut rows: Vec<(Vec<Option<Bytes>>, RowValues)>,
    limit: u64,
) -> Vec<RowValues> {
    rows.sort_by(|(a, _), (b, _)| in_order(plan, a, b));
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    rows.into_iter().map(|(_, row)| row).collect()
}

/// How two rows follow one another. A row of static columns alone has nulls for its clustering: it
/// comes first where rows are read as they lie, and last where they are read from the other end.
fn in_order(plan: &SelectPlan, a: &[Option<Bytes>], b: &[Option<Bytes>]) -> Ordering {
    for ((column, a), b) in plan.merge_order.iter().zip(a).zip(b) {
        let (order, turned) = match (a, b) {
            (Some(a), Some(b)) => (column.ty.compare(a, b), column.descending),
            (a, b) => (a.is_some().cmp(&b.is_some()), plan.reversed),
        };
        if order.is_ne() {
            return if turned { order.reverse() } else { order };
        }
    }
    Ordering::Equal
}
