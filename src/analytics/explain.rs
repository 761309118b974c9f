//! EXPLAIN of a batch query: DataFusion's physical plan in the words of this database.
//!
//! ```text
//! Sort, the first 10 by spent DESC              about 10 rows
//!   Group in parts, then finally, by name       about 200 rows
//!     Join by hash (inner) on customer = id     about 12000 rows
//!       Scan shop.customers …
//!       Scan shop.orders …
//! ```
//!
//! A line a step, what feeds it below and further in. What a scan of ours says about itself is
//! taken as it is; of DataFusion's steps only the name becomes a word, and what stands behind it
//! stays. Steps that move rows between threads and nothing else are left out, unless the plan was
//! run.

use super::context::Analytics;
use super::query::{PreparedQuery, QueryOptions};
use super::scan::ScanExec;
use super::stream::QueryStream;
use crate::cql::explain::figure_lines;
use crate::error::Result;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::{ExecutionPlan, displayable};
use std::sync::Arc;

/// The longest description of a step, in characters.
const STEP_CHARS_MAX: usize = 400;

/// How DataFusion calls a step, and how we do.
const WORDS: [(&str, &str); 27] = [
    ("AggregateExec", "Group"),
    ("BoundedWindowAggExec", "Window, row by row"),
    ("CoalesceBatchesExec", ""),
    ("CoalescePartitionsExec", "Gather the parts"),
    ("CooperativeExec", ""),
    ("CrossJoinExec", "Join each with each"),
    ("DataSourceExec", "Read files"),
    ("EmptyExec", "No rows"),
    ("FilterExec", "Filter"),
    ("GlobalLimitExec", "Limit"),
    ("HashJoinExec", "Join by hash"),
    ("InterleaveExec", "Put together"),
    ("LocalLimitExec", "Limit each part"),
    ("NestedLoopJoinExec", "Join by nested loops"),
    ("PartialSortExec", "Sort what is sorted in part"),
    ("PiecewiseMergeJoinExec", "Join by merging"),
    ("PlaceholderRowExec", "One row"),
    ("ProjectionExec", "Compute"),
    ("RecursiveQueryExec", "Repeat until nothing is new"),
    ("RepartitionExec", ""),
    ("ScanExec", "Scan"),
    ("SortExec", "Sort"),
    ("SortMergeJoinExec", "Join by merging"),
    ("SortPreservingMergeExec", "Merge the sorted parts"),
    ("UnionExec", "Put together"),
    ("UnnestExec", "Unnest"),
    ("WindowAggExec", "Window, by partition"),
];

impl Analytics {
    /// The plan of a query in words, line by line: as the planner would run it.
    pub fn explain(&self, query: &PreparedQuery, options: QueryOptions) -> Result<Vec<String>> {
        let planned = self.plan(query, &options)?;
        Ok(plan_lines(&planned.physical, false))
    }

    /// Runs a query, throws its rows away, and tells what each step did, and what was read.
    pub fn explain_analyze(
        &self,
        query: &PreparedQuery,
        options: QueryOptions,
    ) -> Result<Vec<String>> {
        let clock = self.engine().clock();
        let started_at_micros = clock.monotonic_micros();
        let planned = self.plan(query, &options)?;
        let physical = Arc::clone(&planned.physical);
        let mut stream = QueryStream::start(self.session()?, planned, query, options.interrupt)?;
        let mut answered = 0;
        while let Some(batch) = stream.next()? {
            answered += batch.num_rows();
        }
        let micros = clock.monotonic_micros().saturating_sub(started_at_micros);
        let mut lines = plan_lines(&physical, true);
        lines.push(format!("Rows answered: {answered}"));
        lines.push(format!("Time: {}.{:03} ms", micros / 1_000, micros % 1_000));
        read_lines(&physical, &mut lines);
        Ok(lines)
    }
}

/// What was read of each table, level by level.
fn read_lines(plan: &Arc<dyn ExecutionPlan>, lines: &mut Vec<String>) {
    if let Some(scan) = plan.downcast_ref::<ScanExec>() {
        lines.push(format!("Read of {} by level:", scan.table_name()));
        lines.extend(figure_lines(scan.figures()));
    }
    for child in plan.children() {
        read_lines(child, lines);
    }
}

/// The words about a plan, a line a step; `ran`: whether it was run, and its figures are told.
fn plan_lines(plan: &Arc<dyn ExecutionPlan>, ran: bool) -> Vec<String> {
    let mut lines = Vec::new();
    step(plan, 0, ran, &mut lines);
    lines
}

fn step(plan: &Arc<dyn ExecutionPlan>, depth: usize, ran: bool, lines: &mut Vec<String>) {
    let shown = displayable(plan.as_ref()).one_line().to_string();
    let (name, rest) = split(shown.trim());
    let known = WORDS.iter().find(|(exec, _)| *exec == name);
    let word = known.map_or(name, |(_, word)| word);
    let mut depth = depth;
    if !word.is_empty() {
        let mut line = format!("{}{word}", "  ".repeat(depth));
        if !rest.is_empty() {
            let cut: String = rest.chars().take(STEP_CHARS_MAX).collect();
            line.push_str(": ");
            line.push_str(&cut);
            if cut.len() < rest.len() {
                line.push('…');
            }
        }
        match plan.metrics().filter(|_| ran) {
            Some(metrics) => line.push_str(&figures(&metrics)),
            None => line.push_str(&estimate(plan)),
        }
        lines.push(line);
        depth += 1;
    }
    for child in plan.children() {
        step(child, depth, ran, lines);
    }
}

/// A step's name and what stands behind it.
fn split(shown: &str) -> (&str, &str) {
    match shown.split_once(": ") {
        Some((name, rest)) => (name, rest),
        None => (shown.trim_end_matches(':'), ""),
    }
}

/// About how many rows a step yields, where that can be told.
fn estimate(plan: &Arc<dyn ExecutionPlan>) -> String {
    let context = StatisticsContext::new();
    let Ok(statistics) = context.compute(plan.as_ref(), &StatisticsArgs::new()) else {
        return String::new();
    };
    match statistics.num_rows.get_value() {
        Some(rows) => format!("  (about {rows} rows)"),
        None => String::new(),
    }
}

/// What a step did.
fn figures(metrics: &MetricsSet) -> String {
    let mut parts = Vec::new();
    if let Some(rows) = metrics.output_rows() {
        parts.push(format!("{rows} rows"));
    }
    if let Some(nanos) = metrics.elapsed_compute() {
        parts.push(format!("{:.3} ms of work", nanos as f64 / 1e6));
    }
    if let Some(spills) = metrics.spill_count().filter(|spills| *spills > 0) {
        let bytes = metrics.spilled_bytes().unwrap_or(0);
        parts.push(format!("{spills} spills of {bytes} bytes together"));
    }
    match parts.is_empty() {
        true => String::new(),
        false => format!("  ({})", parts.join(", ")),
    }
}
