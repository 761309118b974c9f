//! Queries that can be stopped.
//!
//! A task of the planner's ends only where it waits, and what reads a table waits often enough.
//! A join does not: between two batches of a table it may go through a thousand million pairs of
//! rows. So a query has a word that says that nobody wants its answer any more; joins let others
//! run after each so many batches that they hand on, and a condition on pairs of rows, of which
//! millions may fail in a row, looks at the word each time that it is asked.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    HashJoinExec, HashJoinExecBuilder, NestedLoopJoinExec, NestedLoopJoinExecBuilder,
};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The steps that make many batches of one.
const MULTIPLY: &[&str] = &[
    "CrossJoinExec",
    "HashJoinExec",
    "NestedLoopJoinExec",
    "SortMergeJoinExec",
    "UnnestExec",
];
/// The planner's rule after which ours stands: the rules behind it know what ours puts in.
const AFTER: &str = "EnsureCooperative";

/// Whether a query's answer is wanted no more.
#[derive(Clone, Debug, Default)]
pub(super) struct Ended(Arc<AtomicBool>);

impl Ended {
    /// From now on it is wanted no more.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// A state whose plans heed the word.
    pub fn within(&self, state: &SessionState) -> SessionState {
        let mut rules = state.physical_optimizers().to_vec();
        let place = rules.iter().position(|rule| rule.name() == AFTER);
        let place = place.map_or(rules.len(), |at| at + 1);
        rules.insert(place, Arc::new(Heed(self.clone())));
        SessionStateBuilder::new_from_existing(state.clone())
            .with_physical_optimizer_rules(rules)
            .build()
    }
}

/// Makes a plan heed the word.
#[derive(Debug)]
struct Heed(Ended);

impl PhysicalOptimizerRule for Heed {
    fn name(&self) -> &'static str {
        "Heed"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let heeding = plan.transform_up(|step| {
            if !MULTIPLY.contains(&step.name()) {
                return Ok(Transformed::no(step));
            }
            let step = self.in_conditions(step)?;
            Ok(Transformed::yes(Arc::new(CooperativeExec::new(step))))
        })?;
        Ok(heeding.data)
    }

    fn schema_check(&self) -> bool {
        true
    }
}

impl Heed {
    fn in_conditions(&self, step: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        if let Some(join) = step.downcast_ref::<NestedLoopJoinExec>()
            && let Some(filter) = join.filter()
        {
            let filter = Some(self.in_filter(filter));
            let join = NestedLoopJoinExecBuilder::from(join).with_filter(filter);
            return Ok(Arc::new(join.build()?));
        }
        if let Some(join) = step.downcast_ref::<HashJoinExec>()
            && let Some(filter) = join.filter()
        {
            let filter = Some(self.in_filter(filter));
            let join = HashJoinExecBuilder::from(join).with_filter(filter);
            return Ok(Arc::new(join.build()?));
        }
        Ok(step)
    }

    fn in_filter(&self, filter: &JoinFilter) -> JoinFilter {
        JoinFilter::new(
            Arc::new(UnlessEnded {
                ended: self.0.clone(),
                condition: Arc::clone(filter.expression()),
            }),
            filter.column_indices().to_vec(),
            Arc::clone(filter.schema()),
        )
    }
}

/// A condition that fails once the query has ended.
#[derive(Clone, Debug)]
struct UnlessEnded {
    ended: Ended,
    condition: Arc<dyn PhysicalExpr>,
}

impl PartialEq for UnlessEnded {
    fn eq(&self, other: &Self) -> bool {
        self.condition.eq(&other.condition)
    }
}

impl Eq for UnlessEnded {}

impl Hash for UnlessEnded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.condition.hash(state);
    }
}

impl fmt::Display for UnlessEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt(f)
    }
}

impl PhysicalExpr for UnlessEnded {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        self.condition.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.condition.nullable(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if self.ended.is_set() {
            return Err(DataFusionError::Execution(
                "the query was cancelled".to_owned(),
            ));
        }
        self.condition.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.condition]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let condition = children
            .pop()
            .unwrap_or_else(|| Arc::clone(&self.condition));
        Ok(Arc::new(Self {
            ended: self.ended.clone(),
            condition,
        }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt_sql(f)
    }
}

#[cfg(test)]
mod tests {
    use crate::analytics::{Analytics, AnalyticsOptions, QueryOptions};
    use crate::clock::VirtualClock;
    use crate::config::Config;
    use crate::storage::Engine;
    use std::time::Duration;

    /// Each goes through a million million pairs of rows, or has no end at all.
    const ENDLESS: &[&str] = &[
        "SELECT sum(a.value + b.value) FROM generate_series(1, 1000000) a \
         CROSS JOIN generate_series(1, 1000000) b",
        "SELECT count(*) FROM generate_series(1, 1000000) a \
         JOIN generate_series(1, 1000000) b ON a.value * b.value < 0",
        "SELECT count(*) FROM generate_series(1, 1000000) a \
         JOIN generate_series(1, 1000000) b ON a.value % 2 = b.value % 2 \
         AND a.value + b.value < 0",
        "SELECT count(DISTINCT a.value * b.value) FROM generate_series(1, 1000000) a \
         JOIN generate_series(1, 1000000) b ON a.value % 2 = b.value % 2",
        "WITH RECURSIVE n AS (SELECT 1 AS v UNION ALL SELECT v + 1 FROM n) \
         SELECT count(*) FROM n",
    ];

    #[test]
    #[expect(clippy::disallowed_methods, reason = "one who waits")]
    fn what_nobody_waits_for_ends() {
        let config = Config {
            background: false,
            seed: Some(1),
            ..Config::default()
        };
        let engine = Engine::in_memory(config, VirtualClock::shared(1_000_000_000)).unwrap();
        let analytics = Analytics::new(engine, AnalyticsOptions::default());
        let session = analytics.session().unwrap();
        for text in ENDLESS {
            let query = analytics.prepare(text, None).unwrap();
            let stream = analytics.run(&query, QueryOptions::default()).unwrap();
            // By then its joins are under way.
            std::thread::sleep(Duration::from_millis(300));
            assert!(session.tasks() > 0, "{text}");
            drop(stream);
            let looks = (0..1_000).take_while(|_| {
                std::thread::sleep(Duration::from_millis(10));
                session.tasks() > 0
            });
            assert!(looks.count() < 1_000, "{text} goes on");
        }
    }
}
