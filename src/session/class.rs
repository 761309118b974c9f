//! Sorts of statements: for metrics, and for who decides on which thread one runs.

use crate::cql::ast::{IfClause, StatementKind};
use crate::cql::plan::{
    Choice, ClusteringPart, PartitionPlan, Plan, SelectPlan, TupleChoice, WritePlan,
};

/// A sort of statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatementClass {
    /// SELECT.
    Select,
    /// INSERT.
    Insert,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
    /// BATCH.
    Batch,
    /// TRUNCATE.
    Truncate,
    /// USE.
    Use,
    /// CREATE, ALTER, DROP of keyspaces, tables, types and the like.
    Schema,
    /// Roles and permissions.
    Access,
    /// DESCRIBE.
    Describe,
    /// Batch SQL, and EXPLAIN.
    Sql,
}

impl StatementClass {
    /// The sort of a parsed statement.
    pub(super) fn of(kind: &StatementKind) -> Self {
        match kind {
            StatementKind::Select(_) => Self::Select,
            StatementKind::Insert(_) => Self::Insert,
            StatementKind::Update(_) => Self::Update,
            StatementKind::Delete(_) => Self::Delete,
            StatementKind::Batch(_) => Self::Batch,
            StatementKind::Truncate(_) => Self::Truncate,
            StatementKind::Use(_) => Self::Use,
            StatementKind::Describe(_) => Self::Describe,
            StatementKind::Sql(_) | StatementKind::Explain(_) => Self::Sql,
            StatementKind::CreateRole(_)
            | StatementKind::AlterRole(_)
            | StatementKind::DropRole(_)
            | StatementKind::Grant(_)
            | StatementKind::Revoke(_)
            | StatementKind::GrantRole(_)
            | StatementKind::RevokeRole(_)
            | StatementKind::ListPermissions(_)
            | StatementKind::ListRoles(_)
            | StatementKind::ListUsers
            | StatementKind::AddIdentity(_)
            | StatementKind::DropIdentity(_) => Self::Access,
            _ => Self::Schema,
        }
    }

    /// Its name in lower case, as metrics show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Batch => "batch",
            Self::Truncate => "truncate",
            Self::Use => "use",
            Self::Schema => "schema",
            Self::Access => "access",
            Self::Describe => "describe",
            Self::Sql => "sql",
        }
    }
}

/// Whether a statement writes only if a condition holds.
pub fn is_conditional(kind: &StatementKind) -> bool {
    match kind {
        StatementKind::Insert(insert) => insert.if_not_exists,
        StatementKind::Update(update) => update.condition != IfClause::None,
        StatementKind::Delete(delete) => delete.condition != IfClause::None,
        StatementKind::Batch(batch) => batch.statements.iter().any(is_conditional),
        _ => false,
    }
}

/// What names more rows by IN is not quick.
const QUICK_COMBINATIONS_MAX: usize = 64;
/// A batch of more statements is not quick.
const QUICK_STATEMENTS_MAX: usize = 32;

fn is_one(choices: &[Choice]) -> bool {
    choices
        .iter()
        .all(|choice| matches!(choice, Choice::One(_)))
}

fn is_quick_read(plan: &SelectPlan) -> bool {
    !plan.is_virtual
        && plan.aggregates.is_empty()
        && plan.group.is_none()
        && plan.row_filters.is_empty()
        && matches!(&plan.partition, PartitionPlan::Keys(choices) if is_one(choices))
        && is_small(&plan.clustering)
}

/// Whether a restriction of the clustering names few combinations of values.
fn is_small(parts: &[ClusteringPart]) -> bool {
    let count = |part: &ClusteringPart| match part {
        ClusteringPart::Column(Choice::One(_)) | ClusteringPart::Slice { .. } => 1,
        ClusteringPart::Column(Choice::Many(terms))
        | ClusteringPart::Tuple(_, TupleChoice::Many(terms)) => terms.len(),
        ClusteringPart::Column(Choice::Listed(_))
        | ClusteringPart::Tuple(_, TupleChoice::Listed(_)) => usize::MAX,
    };
    let combinations = parts.iter().map(count);
    combinations.fold(1, usize::saturating_mul) <= QUICK_COMBINATIONS_MAX
}

fn is_quick_write(plan: &WritePlan) -> bool {
    !plan.reads && plan.condition.is_none() && is_one(&plan.partition) && is_small(&plan.clustering)
}

/// Whether a plan does little, whatever its values are.
pub fn is_quick(plan: &Plan) -> bool {
    match plan {
        Plan::Select(plan) => is_quick_read(plan),
        Plan::Write(plan) => is_quick_write(plan),
        Plan::Batch(plan) => {
            plan.statements.len() <= QUICK_STATEMENTS_MAX
                && plan.statements.iter().all(is_quick_write)
        }
        Plan::Use(_) => true,
        Plan::Truncate(_) => false,
    }
}
